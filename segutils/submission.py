"""Read a notebook that a student saved anywhere, and fit its cells to the exercise as it was released."""

import copy
import itertools
import json
import os
import re
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode

from segutils.errors import CourseError

MAX_MEGABYTES = 50
MAX_MESSAGE = 300  # characters that say why one task failed
NOT_WRITTEN = "not written yet"  # the reason of a task that was not begun
TIME_LIMIT, MEMORY_LIMIT, KERNEL_DIED = "TimeLimit", "MemoryLimit", "KernelDied"  # errors that a stopped cell shows
MESSAGES = ("AssertionError", "CheckFailed", TIME_LIMIT, MEMORY_LIMIT, KERNEL_DIED)  # whose text is to be read
MISSING_SOLUTION = "# (this cell was missing from the notebook that was handed in)"


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook of any format version, with or without a byte order mark, as clean cells of version 4.

    Only the cells' type, source and nbgrader entry are kept: outputs, tags and other metadata are not needed to run it.
    Raises CourseError where the file is no usable notebook: missing, a link, empty, too large, cut off, not JSON.
    """
    raw = _read_bytes(path)
    if not raw.strip():
        raise CourseError(f"{path.name} is empty: hand it in once more, after File > Save")
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise CourseError(
            f"{path.name} is not a notebook, or was cut off while it was saved or copied ({_first_line(error)}): "
            "open it in JupyterLab, save it and hand it in once more"
        ) from None
    try:
        cells = _clean_cells(content)
    except Exception as error:  # nbformat raises whatever a malformed dictionary leads to
        raise CourseError(
            f"{path.name} does not have the structure of a notebook ({type(error).__name__}: {_first_line(error)}): "
            "open it in JupyterLab, save it and hand it in once more"
        ) from None
    if not any(cell.source.strip() for cell in cells):
        raise CourseError(f"{path.name} has no cells with content: hand in the notebook that holds your work")
    return _notebook(cells, {})


def _read_bytes(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise CourseError(f"{path} does not exist: is the name right?") from None
    except OSError as error:
        what = "is a link, not a file" if path.is_symlink() else f"cannot be read ({error.strerror})"
        raise CourseError(f"{path.name} {what}: put the notebook itself there") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise CourseError(f"{path.name} is not a file: put the notebook itself there")
    with os.fdopen(descriptor, "rb") as file:
        if status.st_size > MAX_MEGABYTES * 1_000_000:
            raise CourseError(
                f"{path.name} has {status.st_size / 1e6:.0f} MB, the limit is {MAX_MEGABYTES} MB: "
                "clear its outputs (Kernel > Restart Kernel and Clear Outputs), save it and hand it in once more"
            )
        return file.read()


def _clean_cells(content: dict) -> list[NotebookNode]:
    """The cells of a notebook's JSON, each made anew with its type, source and nbgrader entry alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        notebook = nbformat.from_dict(content)
        if notebook.get("nbformat", 1) != 4:
            notebook = nbformat.convert(notebook, 4)
    cells = []
    for cell in notebook.cells:
        source = cell.source if isinstance(cell.source, str) else "".join(cell.source)
        source = source.encode("utf-8", "replace").decode()  # half a surrogate pair could not be sent to a kernel
        make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
        clean = make.get(cell.cell_type, nbformat.v4.new_raw_cell)(source.replace("\r\n", "\n").replace("\r", "\n"))
        entry = cell.get("metadata", {}).get("nbgrader", {})
        if isinstance(entry, dict) and isinstance(entry.get("grade_id"), str):
            clean.metadata["nbgrader"] = {"grade_id": entry["grade_id"]}
        cells.append(clean)
    return cells


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:120]


@dataclass(frozen=True)
class Task:
    """A graded cell of an exercise: its grade id and points; a challenge, which nobody needs to solve, has none."""

    name: str
    points: float

    @property
    def is_challenge(self) -> bool:
        return self.points == 0


def entry(cell: NotebookNode) -> dict:
    """The cell's nbgrader entry, empty for a cell that is the student's own."""
    return cell.metadata.get("nbgrader", {})


def is_locked(cell: NotebookNode) -> bool:
    """Whether the cell belongs to the course: a test, or text and set-up that a student does not edit."""
    return bool(entry(cell)) and not entry(cell).get("solution") and not entry(cell).get("task")


def tasks(release: NotebookNode) -> list[Task]:
    """The graded cells of a released exercise, in its order."""
    graded = (entry(cell) for cell in release.cells if entry(cell).get("grade") or entry(cell).get("task"))
    return [Task(data["grade_id"], float(data["points"])) for data in graded]


def repair(student: NotebookNode, release: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """Fit a student's notebook to the released exercise, and say what was mended.

    Cells are found by their grade id, then by content (Colab strips the ids), then by position. Locked cells get their
    released content back and come after the code that they test; duplicates become ordinary cells; what was deleted is
    put back. Every other cell stays where the student put it, so that the notebook runs as `Run All` would run it.
    Raises CourseError where no cell of the exercise is found: the notebook is another one.
    """
    cells = copy.deepcopy(student.cells)
    keys = [cell for cell in release.cells if entry(cell).get("grade_id")]
    bearers, notes = _by_grade_id(cells, keys)
    found = len(bearers)
    _by_content(cells, keys, bearers)
    _by_position(cells, keys, bearers)
    if not bearers:
        raise CourseError("none of the exercise's cells is in this notebook: is it the notebook of another exercise?")
    if len(bearers) > found:
        notes.append(f"{len(bearers) - found} cells had lost their nbgrader entry and were found by their content")
    notes += _take_over(bearers, keys)
    notes += _put_in_order(cells, keys, bearers)
    return _notebook(cells, copy.deepcopy(release.metadata)), notes


def _notebook(cells: list[NotebookNode], metadata: dict) -> NotebookNode:
    """A notebook whose cell ids depend on their place alone, so that it is written the same, byte for byte."""
    for index, cell in enumerate(cells):
        cell["id"] = f"cell-{index}"
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def _by_grade_id(cells: list[NotebookNode], keys: list[NotebookNode]) -> tuple[dict[str, NotebookNode], list[str]]:
    """The cell that bears each grade id; duplicates, and ids that the exercise does not know, lose theirs.

    Of several tests with one id the last counts; of several solutions the last above its test, as in `Run All`.
    """
    claims: dict[str, list[NotebookNode]] = {entry(key)["grade_id"]: [] for key in keys}
    for cell in cells:
        claims.get(cell.metadata.pop("nbgrader", {}).get("grade_id"), []).append(cell)
    bearers: dict[str, NotebookNode] = {}
    for key in _locked_first(keys):
        name = entry(key)["grade_id"]
        if claims[name]:
            bearers[name] = _last_above(cells, claims[name], bearers.get(_test_of(key, keys)))
    counts = {name: len(found) for name, found in claims.items()}
    notes = [f"cell {name} was there {count} times: one counts" for name, count in counts.items() if count > 1]
    return bearers, notes


def _locked_first(keys: list[NotebookNode]) -> list[NotebookNode]:
    return sorted(keys, key=lambda key: not is_locked(key))


def _test_of(key: NotebookNode, keys: list[NotebookNode]) -> str | None:
    """The grade id of the first test below a solution, None for other cells."""
    if is_locked(key):
        return None
    below = keys[next(index for index, other in enumerate(keys) if other is key) + 1 :]
    return next((entry(other)["grade_id"] for other in below if is_locked(other) and entry(other).get("grade")), None)


def _last_above(cells: list[NotebookNode], found: list[NotebookNode], test: NotebookNode | None) -> NotebookNode:
    above = [cell for cell in found if test is not None and _index(cells, cell) < _index(cells, test)]
    return (above or found)[-1]


def _unclaimed(cells: list[NotebookNode], bearers: dict[str, NotebookNode]) -> list[NotebookNode]:
    claimed = {id(cell) for cell in bearers.values()}
    return [cell for cell in cells if id(cell) not in claimed]


def _by_content(cells: list[NotebookNode], keys: list[NotebookNode], bearers: dict[str, NotebookNode]) -> None:
    """Match keys without a bearer: locked cells by their text, solutions by the functions and classes they define."""
    for key in _locked_first(keys):
        name, wanted = entry(key)["grade_id"], _defined_names(key.source)
        if name in bearers:
            continue
        found = []
        for cell in _unclaimed(cells, bearers):
            same_text = cell.source.strip() == key.source.strip()
            same_names = not is_locked(key) and wanted and wanted <= _defined_names(cell.source)
            if cell.cell_type == key.cell_type and (same_text or same_names):
                found.append(cell)
        if found:
            bearers[name] = _last_above(cells, found, bearers.get(_test_of(key, keys)))


def _by_position(cells: list[NotebookNode], keys: list[NotebookNode], bearers: dict[str, NotebookNode]) -> None:
    """Match a solution without a bearer to the cell of its type just above the bearer of the next key."""
    for key, following in itertools.pairwise(keys):
        name, below = entry(key)["grade_id"], bearers.get(entry(following)["grade_id"])
        if name in bearers or is_locked(key) or below is None or not _index(cells, below):
            continue
        above = cells[_index(cells, below) - 1]
        if above.cell_type == key.cell_type and any(above is cell for cell in _unclaimed(cells, bearers)):
            bearers[name] = above


def _defined_names(source: str) -> set[str]:
    return set(re.findall(r"^(?:def|class)\s+(\w+)", source, flags=re.MULTILINE))


def _take_over(bearers: dict[str, NotebookNode], keys: list[NotebookNode]) -> list[str]:
    """Give each bearer the released cell's entry and type, and each locked one the released content."""
    notes = []
    for key in keys:
        name = entry(key)["grade_id"]
        if name not in bearers:
            continue
        cell = bearers[name]
        if cell.cell_type != key.cell_type:
            notes.append(f"cell {name} had become a {cell.cell_type} cell: it is a {key.cell_type} cell again")
            _change_type(cell, key.cell_type)
        if is_locked(key) and cell.source.strip() != key.source.strip():
            notes.append(f"the locked cell {name} had been edited: it has its released content again")
        if is_locked(key):
            cell.source = key.source
        cell.metadata["nbgrader"] = copy.deepcopy(entry(key))
    return notes


def _change_type(cell: NotebookNode, cell_type: str) -> None:
    cell.cell_type = cell_type
    if cell_type == "code":
        cell.outputs, cell.execution_count = [], None
    else:
        cell.pop("outputs", None), cell.pop("execution_count", None)


def _put_in_order(cells: list[NotebookNode], keys: list[NotebookNode], bearers: dict[str, NotebookNode]) -> list[str]:
    """Put back what is missing, and move each test below the solution that it tests."""
    notes, previous, solution = [], None, None
    for key in keys:
        name = entry(key)["grade_id"]
        if name not in bearers:
            notes.append(f"cell {name} was missing: it was put back")
            cell = bearers[name] = copy.deepcopy(key)
            if not is_locked(key) and key.cell_type == "code":
                cell.source = MISSING_SOLUTION  # the stub would hide a solution that stands in another cell
            cells.insert(_index(cells, previous) + 1 if previous is not None else 0, cell)
        elif entry(key).get("grade") and solution is not None:
            cell = bearers[name]
            if _index(cells, cell) < _index(cells, solution):
                notes.append(f"the test {name} stood above the code that it tests: it was moved below")
                cells.pop(_index(cells, cell))
                cells.insert(_index(cells, solution) + 1, cell)
        previous = bearers[name]
        solution = previous if entry(key).get("solution") else solution
    return notes


def _index(cells: list[NotebookNode], wanted: NotebookNode) -> int:
    return next(index for index, cell in enumerate(cells) if cell is wanted)


def faults(executed: NotebookNode) -> dict[str, str]:
    """Per graded cell that failed, why: the first lines of its check's message, or what the student's code raised."""
    reasons, above = {}, ""
    for cell in executed.cells:
        error = next((output for output in cell.get("outputs", []) if output.output_type == "error"), None)
        if not entry(cell).get("grade"):
            above = _why(error) if error else above
            continue
        if error:
            explained = f" (above it: {above})" if above and error.ename == "NameError" else ""
            reasons[entry(cell)["grade_id"]] = _shorten(_why(error) + explained)
        above = ""
    return reasons


def _why(error: NotebookNode) -> str:
    text = re.sub(r"\(\d+\.py, line", "(line", plain(error.evalue))  # IPython's name of the cell's file says nothing
    first, *others = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    if error.ename == "NotImplementedError" or re.match(r"[\w.]+: not written yet", first):
        return NOT_WRITTEN
    if error.ename in MESSAGES and first:
        cause = next((line for line in others if line.startswith("Likely cause")), " ".join(others[:1]))
        return f"{first} {cause}".strip()
    return f"{error.ename}: {first}" if first else error.ename


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 3] + "..."


def plain(text: str) -> str:
    """Text without colour codes and other control characters, so that it cannot act on a terminal or a table."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)
