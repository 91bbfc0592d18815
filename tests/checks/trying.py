"""What the tests of the checks share: the trial solutions, and what a check says about one of them.

tests/checks/trials/exNN/GRADE_ID.py holds the trial solutions of one graded cell: `WRONG`, name -> (solution, regular
expression that the message must match), and `RIGHT`, name -> solution. Where the exercise gives a class, a solution is
the method that students write (it is put into the given class), or a whole class.
"""

import importlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
from torch import nn

from segutils import checks
from segutils.checks.base import Check, CheckFailed

ROOT = Path(__file__).resolve().parents[2]
TRIALS = Path(__file__).parent / "trials"
MAX_LINES, MAX_WIDTH = 6, 260
CALL = re.compile(r"checks\.(ex\d\d)\.(\w+)\((\w+)\)")  # the visible test of a task: exercise, grade id, object


@dataclass(frozen=True)
class Cell:
    """A graded cell: its check, the notebook that it stands in, and the name of the object that it judges."""

    notebook: str
    grade_id: str
    object_name: str

    @property
    def exercise(self) -> str:
        return self.notebook.split("_")[0]

    @property
    def check(self) -> Check:
        return getattr(getattr(checks, self.exercise), self.grade_id)

    @property
    def given(self) -> object:
        """What the untouched exercise defines: a function, or a class whose method is missing."""
        return given_definitions(self.notebook)[self.object_name]

    @property
    def trial_file(self) -> Path:
        return TRIALS / self.exercise / f"{self.grade_id}.py"

    def trials(self, which: str) -> dict:
        """WRONG or RIGHT of the cell's trial file; empty without a file."""
        if not self.trial_file.exists():
            return {}
        return getattr(importlib.import_module(f"checks.trials.{self.exercise}.{self.grade_id}"), which)

    def student_object(self, solution: object) -> object:
        """What the student's notebook would hold: the given class with the solution as its method, or the solution."""
        if isinstance(self.given, type) and not isinstance(solution, type):
            return type(self.object_name, (self.given,), {self.method: solution})
        return solution

    @property
    def method(self) -> str:
        """The method of a given class that students write."""
        return "forward" if issubclass(self.given, nn.Module) else "__getitem__"

    def message(self, solution: object, seeds=(0,)) -> str:
        """What the check says about a trial solution; empty where it lets it pass."""
        return message_of(self.check, self.student_object(solution), seeds)


def read_exercise(notebook: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / "exercises" / notebook / f"{notebook}.ipynb", as_version=4)


@cache
def graded_cells() -> list[Cell]:
    """Every graded cell of every exercise, challenges too."""
    cells = []
    for path in sorted((ROOT / "exercises").glob("*/*.ipynb")):
        for cell in read_exercise(path.stem).cells:
            if cell.metadata.get("nbgrader", {}).get("grade"):
                _, grade_id, object_name = CALL.fullmatch(cell.source.strip()).groups()
                cells.append(Cell(path.stem, grade_id, object_name))
    return cells


def message_of(check: Check, student_object: object, seeds=(0,)) -> str:
    """What a check says about a wrong solution; empty where it lets it pass. Every message is short."""
    try:
        check(student_object, seeds=seeds)
    except CheckFailed as failed:
        message = str(failed)
    else:
        return ""
    lines = message.splitlines()
    assert len(lines) <= MAX_LINES, f"{len(lines)} lines:\n{message}"
    assert max(map(len, lines)) <= MAX_WIDTH, f"a line of {max(map(len, lines))} characters:\n{message}"
    return message


@cache
def given_definitions(notebook: str) -> dict[str, object]:
    """Everything that the untouched exercise defines."""
    namespace: dict[str, object] = {"__name__": notebook}
    for cell in read_exercise(notebook).cells:
        if cell.cell_type == "code" and not cell.metadata.get("nbgrader", {}).get("grade"):
            exec(cell.source, namespace)
    return namespace
