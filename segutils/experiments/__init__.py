"""The lectures' experiments over several seeds, and the small tables that keep their results.

A lecture runs one seed of an experiment live and shows the stored table of all seeds beside it. A module per lecture
holds the experiment; its `table(path)` writes data/experiments/NN_name.csv. `python -m segutils.experiments` renews
them all.
"""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from segutils.errors import CourseError
from segutils.paths import COURSE_ROOT

__all__ = ["read_table", "table_path", "write_table"]


def table_path(name: str) -> Path:
    """Where the table of that name is shipped, e.g. `table_path("04_stacks")`."""
    return COURSE_ROOT / "data" / "experiments" / f"{name}.csv"


def write_table(path: Path, rows: Sequence[dict]) -> None:
    """Write rows with the same keys as CSV: all of it or nothing. Floats keep four decimals."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: f"{value:.4f}" if isinstance(value, float) else value for key, value in row.items()})
    os.replace(temporary, path)


def read_table(name: str) -> list[dict]:
    """The rows of a stored table, numbers as int or float.

    Raises:
        CourseError: there is no table of that name.
    """
    path = table_path(name)
    if not path.is_file():
        raise CourseError(f"no table {path.name} in data/experiments; `python -m segutils.experiments` makes it")
    with path.open(newline="", encoding="utf-8") as file:
        return [{key: number(value) for key, value in row.items()} for row in csv.DictReader(file)]


def number(text: str) -> int | float | str:
    """The text as an int, else as a float, else as it is."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
