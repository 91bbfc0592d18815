"""Renew the stored tables: all of them, or those of some lectures (`python -m segutils.experiments 04 06`)."""

import sys
import time

from segutils.experiments import atrous, boundary, camseq, context, fcn, metrics, pixels, table_path

# Name of the table -> the function that writes it to a path. The name begins with the lecture's number.
TABLES = {
    "01_pixels": pixels.table,
    "02_bounds": fcn.bound_table,
    "02_strides": fcn.table,
    "03_context": context.patch_table,
    "03_ground": context.ground_table,
    "04_stacks": atrous.table,
    "05_boundary": boundary.table,
    "06_many_mious": metrics.many_mious_table,
    "06_imbalance": metrics.imbalance_table,
    "07_leak": camseq.leak_table,
    "07_classes": camseq.class_table,
}


def main(wanted: list[str]) -> int:
    """Write every table whose name starts with one of `wanted`, or all."""
    unknown = [prefix for prefix in wanted if not any(name.startswith(prefix) for name in TABLES)]
    if unknown:
        print(f"error: no table starts with {', '.join(unknown)}; known are {', '.join(TABLES)}", file=sys.stderr)
        return 2
    for name, table in TABLES.items():
        if not wanted or name.startswith(tuple(wanted)):
            start = time.perf_counter()
            table(table_path(name))
            print(f"{name}: {time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
