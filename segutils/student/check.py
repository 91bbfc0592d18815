"""Run a student's notebook as grading will, and say task by task what passes."""

import io
import os
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode

from segutils.errors import CourseError
from segutils.paths import COURSE_ROOT
from segutils.submission import (
    MESSAGES,
    NOT_WRITTEN,
    TIME_LIMIT,
    Task,
    entry,
    faults,
    plain,
    read_notebook,
    repair,
    tasks,
)

CELL_SECONDS = 60


@dataclass(frozen=True)
class Checked:
    """What the checks said: per task its points and the reason why it failed, if it did; and errors in other cells."""

    notebook: NotebookNode
    tasks: list[Task]
    reasons: dict[str, str]
    notes: list[str]

    @property
    def points(self) -> float:
        """The points of the tasks that passed; the hidden cases of grading may still lower them."""
        return sum(task.points for task in self.tasks if task.name not in self.reasons)

    @property
    def all_passed(self) -> bool:
        """Whether every task passed; challenges do not count."""
        return all(task.is_challenge or task.name not in self.reasons for task in self.tasks)


def check(path: Path, root: Path = COURSE_ROOT) -> Checked:
    """Run a student's notebook with nbval, in an empty folder as grading does, and collect what its checks say.

    Raises CourseError for a missing or broken file and for a notebook that is no exercise of the course.
    """
    student = read_notebook(path)
    release = _release_of(path, student, root)
    notebook, notes = repair(student, release)
    with tempfile.TemporaryDirectory(prefix="check-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / f"{path.stem}.ipynb"
        nbformat.write(notebook, copy)
        _run_with_nbval(copy, notebook)
    return Checked(notebook, tasks(release), faults(notebook), notes)


def _release_of(path: Path, student: NotebookNode, root: Path) -> NotebookNode:
    """The released exercise that a notebook belongs to: the one of its name, or else of most of its grade ids."""
    releases = {name: nbformat.read(_released(root, name), as_version=4) for name in exercise_names(root)}
    if path.stem in releases:
        return releases[path.stem]
    own = {entry(cell).get("grade_id") for cell in student.cells} - {None}
    shared = {name: len(own & {entry(cell).get("grade_id") for cell in releases[name].cells}) for name in releases}
    best = max(shared, key=shared.get)
    if not shared[best]:
        raise CourseError(f"{path.name} is no exercise of this course; there are: {', '.join(releases)}")
    return releases[best]


def exercise_names(root: Path = COURSE_ROOT) -> list[str]:
    """The released exercises, in order. Raises CourseError when there is none."""
    names = sorted(path.stem for path in root.glob("exercises/*/*.ipynb") if path.stem == path.parent.name)
    if not names:
        raise CourseError(f"no exercise in {root / 'exercises'}: `make exercises` makes them from solutions/")
    return names


def _released(root: Path, name: str) -> Path:
    return root / "exercises" / name / f"{name}.ipynb"


def _run_with_nbval(path: Path, notebook: NotebookNode) -> None:
    """Let nbval run a notebook file, cell by cell in one kernel, and put each cell's outputs into `notebook`."""
    import pytest

    listener = _CellListener([cell for cell in notebook.cells if cell.cell_type == "code"])
    options = ["--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={CELL_SECONDS}"]
    isolated = [
        f"--rootdir={path.parent}",
        "-c",
        os.devnull,
        "--noconftest",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
    ]
    noise = io.StringIO()
    with redirect_stdout(noise), redirect_stderr(noise):
        code = pytest.main([str(path), *options, *isolated], plugins=[listener])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise CourseError(f"nbval could not run {path.name}:\n{noise.getvalue()[-2000:]}")


class _CellListener:
    """A pytest plug-in that keeps what each cell of a notebook put out."""

    def __init__(self, cells: list[NotebookNode]) -> None:
        self.cells = cells

    def pytest_runtest_makereport(self, item, call) -> None:
        if call.when == "teardown" or (call.when == "setup" and call.excinfo is None):
            return
        cell = self.cells[item.cell_num]
        cell.outputs = [nbformat.from_dict(output) for output in getattr(item, "test_outputs", None) or []]
        if call.excinfo is not None and not any(output.output_type == "error" for output in cell.outputs):
            reason = f"not finished after {CELL_SECONDS} s, or Python ended: this cell, or one above it"
            cell.outputs.append(nbformat.v4.new_output("error", ename=TIME_LIMIT, evalue=reason, traceback=[]))


def report(checked: Checked) -> str:
    """One line per task, the check's whole message where it failed, and the points within reach."""
    lines = []
    width = max(len(task.name) for task in checked.tasks)
    for task in checked.tasks:
        reason = checked.reasons.get(task.name)
        state = "passed" if reason is None else NOT_WRITTEN if NOT_WRITTEN in reason else "failed"
        points = "challenge" if task.is_challenge else f"{0 if reason else task.points:g} of {task.points:g} points"
        lines.append(f"  {task.name:<{width}}  {state:<15}  {points}")
        if state == "failed":
            lines += [f"      {line}" for line in _message(checked.notebook, task.name, reason)]
    total = sum(task.points for task in checked.tasks)
    lines.append(f"{checked.points:g} of {total:g} points within reach; grading also tries inputs that you do not see.")
    lines += [f"note: {note}" for note in checked.notes]
    lines += [f"note: {note}" for note in _own_errors(checked.notebook)]
    return "\n".join(lines)


def _message(notebook: NotebookNode, name: str, reason: str) -> list[str]:
    """The check's own message, line by line; `reason` where the code raised something else."""
    cell = next(cell for cell in notebook.cells if entry(cell).get("grade_id") == name)
    error = next(output for output in cell.outputs if output.output_type == "error")
    whole = plain(error.evalue).strip() if error.ename in MESSAGES else ""
    return (whole or reason).splitlines()[:12]


def _own_errors(notebook: NotebookNode) -> list[str]:
    """Errors in cells that are not graded, each with the cell's first line, so that it is found."""
    notes = []
    for cell in notebook.cells:
        error = next((output for output in cell.get("outputs", []) if output.output_type == "error"), None)
        if error is not None and not entry(cell).get("grade"):
            first = (plain(error.evalue).splitlines() or [""])[0]
            notes.append(
                f"the cell that begins with `{cell.source.strip().splitlines()[0]}` raises {error.ename}: {first}"
            )
    return notes


def run_check(path: Path, root: Path = COURSE_ROOT) -> int:
    """Check one notebook, print the report, and return 0 when every task passed and 1 otherwise."""
    print(f"checking {path} ...", flush=True)
    checked = check(path, root)
    print(report(checked))
    return 0 if checked.all_passed else 1
