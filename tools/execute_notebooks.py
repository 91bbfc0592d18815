"""Run notebooks top to bottom and store their outputs: `python tools/execute_notebooks.py lectures/*.ipynb`.

A notebook that fails is left as it was. Nothing that changes from run to run is stored: no timings, no widget state
(a static figure stands beside each widget), no version of the interpreter.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

KEPT_CELL_METADATA = ("tags", "nbgrader", "alt", "jupyter")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, help="write the executed notebooks into this folder instead of in place")
    arguments = parser.parse_args()
    failed = [path for path in arguments.notebooks if not execute(path, arguments.output or path.parent)]
    return 1 if failed else 0


def execute(path: Path, folder: Path) -> bool:
    """Execute one notebook in its own folder, as a student would, and write the result by rename."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,
    )
    start = time.perf_counter()
    try:
        client.execute()
    except CellExecutionError as error:
        print(f"{path}: failed after {time.perf_counter() - start:.0f} s\n{error}", file=sys.stderr)
        return False
    clean(notebook)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{path.name}.tmp"
    nbformat.write(notebook, temporary)
    os.replace(temporary, folder / path.name)
    print(f"{path}: {time.perf_counter() - start:.0f} s, {(folder / path.name).stat().st_size / 1e6:.2f} MB")
    return True


def clean(notebook: nbformat.NotebookNode) -> None:
    """Keep only the metadata that is the same on every machine."""
    nbgrader = {key: value for key, value in notebook.metadata.items() if key == "nbgrader"}
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            **nbgrader,
        }
    )
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in KEPT_CELL_METADATA})


if __name__ == "__main__":
    sys.exit(main())
