"""A small course without torch, so that many broken submissions can be graded in seconds."""

import contextlib
import csv
import functools
import io
import json
from pathlib import Path

import nbformat
import nbgrader.api
from nbformat.notebooknode import NotebookNode

EXERCISE = "ex90_numbers"
WAYS = {
    "double": ("def double(x):", "    return 2 * x", "double(3) == 6", "double(-4) == -8", 2),
    "area": ("def area(width, height):", "    return width * height", "area(2, 3) == 6", "area(0, 5) == 0", 3),
    "total": ("def total(numbers):", "    return sum(numbers)", "total([1, 2]) == 3", "total([]) == 0", 4.5),
}

# nbgrader asks a process of its own for this constant whenever it makes a gradebook, which takes seconds
nbgrader.api.get_alembic_version = functools.cache(nbgrader.api.get_alembic_version)


def code(source: str, name: str = "", points: float | None = None, solution: bool = False) -> NotebookNode:
    """A code cell, with an nbgrader entry where it has a name."""
    cell = nbformat.v4.new_code_cell(source)
    if name:
        graded = points is not None
        kind = {"grade": graded, "locked": not solution, "solution": solution, "task": False}
        cell.metadata["nbgrader"] = {"grade_id": name, "schema_version": 3, **kind}
        if graded:
            cell.metadata["nbgrader"]["points"] = points
    return cell


def source_notebook() -> NotebookNode:
    """Three tasks of 2, 3 and 4.5 points, each with a visible and a hidden test."""
    cells = [nbformat.v4.new_markdown_cell("# Numbers"), code("import math", "setup")]
    for name, (head, body, visible, hidden, points) in WAYS.items():
        cells.append(code(f"{head}\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION", name, solution=True))
        test = f'assert {visible}, "{name}: expected {visible}\\n  Likely cause: a slip"\n'
        test += f'### BEGIN HIDDEN TESTS\nassert {hidden}, "{name}: fails on another input"\n### END HIDDEN TESTS'
        cells.append(code(test, f"{name}_test", points))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def grade_id(cell: NotebookNode) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


class Course:
    """A course in a temporary folder, and what its instructor does with it.

    It has the small exercise above, or one of the real course where `source` gives its notebook.
    """

    def __init__(self, root: Path, source: Path | None = None) -> None:
        from segutils.grading.course import release_exercises

        self.root, self.hand_in = root, root / "hand-in"
        self.exercise = source.stem if source else EXERCISE
        self.source = root / "solutions" / self.exercise / f"{self.exercise}.ipynb"
        self.source.parent.mkdir(parents=True)
        self.source.write_text(source.read_text() if source else nbformat.writes(source_notebook()))
        release_exercises(root)

    def released(self) -> NotebookNode:
        return nbformat.read(self.root / "exercises" / self.exercise / f"{self.exercise}.ipynb", as_version=4)

    def solved(self, **other: str) -> NotebookNode:
        """The released notebook with every task solved, or with other cells where a solution is named."""
        notebook = self.released()
        answers = {grade_id(cell): cell.source for cell in nbformat.read(self.source, as_version=4).cells}
        for cell in notebook.cells:
            if cell.metadata.get("nbgrader", {}).get("solution"):
                cell.source = other.get(grade_id(cell), answers[grade_id(cell)])
        return notebook

    def submit(self, student: str, notebook: NotebookNode | bytes | str, nested: bool = False) -> Path:
        """Put a notebook, or any bytes, into a student's folder."""
        folder = self.hand_in / student / (self.exercise if nested else "")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.exercise}.ipynb"
        content = notebook if isinstance(notebook, (bytes, str)) else json.dumps(notebook)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def grade(self, seconds: float = 10, workers: int = 2, **options: object) -> dict[str, dict[str, str]]:
        """Grade hand-in/ and return the CSV's rows by student; the small exercise's tests cannot be sealed."""
        from segutils.grading.execute import Limits
        from segutils.grading.pipeline import Settings, grade_exercise

        options = {"sandboxed": self.exercise != EXERCISE, **options}
        settings = Settings(workers=workers, limits=Limits(seconds), **options)
        self.printed = io.StringIO()
        with contextlib.redirect_stdout(self.printed):
            grade_exercise(self.root, self.exercise, self.hand_in, settings)
        return self.rows()

    def rows(self) -> dict[str, dict[str, str]]:
        with (self.root / "grading" / f"{self.exercise}.csv").open(encoding="utf-8", newline="") as file:
            return {row["student"]: row for row in csv.DictReader(file)}

    def feedback(self, student: str) -> Path:
        return self.root / "grading" / "feedback" / student / self.exercise / f"{self.exercise}.html"
