"""Grade a folder of submissions: collect, repair, execute, enter into the gradebook, report."""

import ast
import copy
import fcntl
import logging
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode

from segutils.errors import CourseError
from segutils.grading.autograde import Book
from segutils.grading.clock import Clock
from segutils.grading.collect import HandIn, find_hand_ins
from segutils.grading.engine import Engine, Executions, default_workers, digest, fingerprint
from segutils.grading.execute import Execution, Job, Limits
from segutils.grading.feedback import Summary, TaskResult
from segutils.grading.files import write_atomically
from segutils.grading.kernels import bubblewrap
from segutils.grading.kernels.nursery import Specification
from segutils.grading.progress import Progress
from segutils.grading.report import write_page
from segutils.grading.results import (
    GRADED,
    NEEDS_ATTENTION,
    Row,
    Timing,
    line,
    name_columns,
    points,
    summary,
    write_csv,
)
from segutils.grading.sealed import seal
from segutils.submission import NOT_WRITTEN, Task, faults, read_notebook, repair, tasks

NO_SANDBOX = (
    "WARNING: --no-sandbox: the students' code runs with your rights on this machine; "
    "it can read, change, delete and send whatever you can."
)


@dataclass(frozen=True)
class Settings:
    """How a class is graded; the defaults are an instructor's."""

    workers: int = field(default_factory=default_workers)
    limits: Limits = field(default_factory=Limits)
    db_url: str | None = None
    scheduler: str | None = None  # address of a dask scheduler; without one, the workers are this machine's
    sandboxed: bool = True
    warm: bool = sys.platform == "linux"  # kernels are forked from a process that has imported everything


@dataclass(frozen=True)
class Prepared:
    """A hand-in with its notebook as it is going to be run and the job of running it, or the problem with it."""

    hand_in: HandIn
    notebook: NotebookNode | None = None
    notes: tuple[str, ...] = ()
    job: Job | None = None
    fingerprint: str = ""
    problem: str = ""


def grade_exercise(root: Path, exercise: str, submissions: Path, settings: Settings | None = None) -> list[Row]:
    """Grade every student's folder in `submissions` and write gradebook, feedback, grading/EXERCISE.csv and .html.

    Prints one line per student and a table. Whatever a submission holds, it gets its row, and the others theirs.
    Raises CourseError when the run as a whole cannot start, or cannot go on: what was graded is kept.
    """
    settings = settings or Settings()
    hand_ins = find_hand_ins(submissions, exercise)
    if settings.sandboxed and not settings.scheduler:
        bubblewrap.require()
    grading = root / "grading"
    with _alone(grading), _log_to(grading / f"{exercise}.log"), Progress(len(hand_ins)) as progress:
        clock = Clock()
        book = Book(root, exercise, settings.db_url, tell=progress.note)
        graded_cells, rows = tasks(book.release), []
        width = shutil.get_terminal_size((160, 24)).columns
        names = name_columns(hand_in.student for hand_in in hand_ins)
        for row in _rows(book, hand_ins, settings, clock):
            rows.append(row)
            progress.write(f"{len(rows):>4}/{len(hand_ins):<4} {line(row, graded_cells, width - 10, names)}")
            progress.add(row)
        places = {"table": grading / f"{exercise}.csv", "page": grading / f"{exercise}.html"}
        write_csv(places["table"], rows, graded_cells)
        write_page(places["page"], rows, graded_cells, _timing(clock))
    places["feedback"] = grading / "feedback"
    print(f"\n{summary(rows, graded_cells, _timing(clock), places, width)}")
    return rows


def _rows(book: Book, hand_ins: list[HandIn], settings: Settings, clock: Clock) -> Iterator[Row]:
    """A row for every hand-in, in the order in which they are done; the gradebook is written by this process alone."""
    with clock.phase("collect"):
        maker = _JobMaker(book, settings)
        prepared = [_prepare(book, maker, hand_in) for hand_in in hand_ins]
        recorded = book.recorded()
    to_run = {}
    for one in prepared:
        record = recorded.get(one.hand_in.student)
        if record and one.job and record.fingerprint == one.fingerprint:
            yield replace(Row.from_dict(record.row), known=True)
        elif one.job:
            to_run[one.hand_in.student] = one
        else:
            with clock.phase("enter"):
                row = _row_without_run(book, one)
            yield row
    with Engine(Executions(book.grading / "executions"), settings.workers, settings.scheduler) as engine:
        results = engine.results({student: one.job for student, one in to_run.items()})
        while True:
            with clock.phase("execute"):
                student, result = next(results, ("", None))
            if result is None:
                return
            with clock.phase("enter"):
                row = _row(book, to_run[student], result)
            yield row


class _JobMaker:
    """Makes the jobs of one exercise: what they have in common is found out once.

    Raises CourseError for tests that cannot be sealed, where there is a sandbox.
    """

    def __init__(self, book: Book, settings: Settings) -> None:
        self.settings, self.secret = settings, _secret(book.grading / "secret")
        released = book.with_hidden_tests(copy.deepcopy(book.release))
        tests = seal(released, self.secret, "", settings.sandboxed)
        self.specification = Specification(
            exercise=book.exercise,
            checks=tuple(sorted({test.check for test in tests.values()})),
            imports=imported_modules(released),
            sandboxed=settings.sandboxed,
            warm=settings.warm,
            disk=settings.limits.disk,
        )

    def job(self, notebook: NotebookNode, student: str) -> Job:
        tests = seal(notebook, self.secret, student, self.settings.sandboxed)
        return Job(nbformat.writes(notebook), tests, self.specification, self.settings.limits)


def _secret(path: Path) -> bytes:
    """What the seeds of hidden cases are drawn from: made with the course's first grading run, and kept."""
    if not path.exists():
        write_atomically(path, secrets.token_hex())
        path.chmod(0o600)
    return path.read_bytes()


def imported_modules(released: NotebookNode) -> tuple[str, ...]:
    """The modules that an exercise imports, and those of its checks, so that kernels can have them ready."""
    names = {}
    for cell in released.cells:
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.ImportFrom):
                    names |= dict.fromkeys([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
                elif isinstance(node, ast.Import):
                    names |= dict.fromkeys(alias.name for alias in node.names)
            names |= dict.fromkeys(
                f"segutils.checks.{exercise}" for exercise in re.findall(r"checks\.(ex\d\d)", cell.source)
            )
    return tuple(names)


def _prepare(book: Book, maker: _JobMaker, hand_in: HandIn) -> Prepared:
    """Read and repair one hand-in; a problem is kept as text, whatever it is."""
    if hand_in.notebook is None:
        return Prepared(hand_in, problem=hand_in.problem)
    try:
        notebook, notes = repair(read_notebook(hand_in.notebook), book.release)
        notes = [*hand_in.notes, *notes]
        notebook = book.with_hidden_tests(notebook)
        job = maker.job(notebook, hand_in.student)
        handed_in = hand_in.notebook.read_bytes()  # kept beside the gradebook
        return Prepared(hand_in, notebook, tuple(notes), job, digest(fingerprint(job), handed_in, *notes))
    except CourseError as error:
        return Prepared(hand_in, problem=str(error))
    except Exception as error:
        return Prepared(hand_in, problem=_grader_failed(error))


def _row_without_run(book: Book, prepared: Prepared) -> Row:
    """The row of who handed in nothing that can be run; what an earlier notebook was given is taken back."""
    student = prepared.hand_in.student
    with suppress(ValueError):  # a name that is no valid text was never in the gradebook
        book.withdraw(student)
    return Row(student, book.exercise, NEEDS_ATTENTION, prepared.problem)


def _row(book: Book, prepared: Prepared, result: Execution | Exception) -> Row:
    """Enter one execution into the gradebook and read its points there; what fails on the way becomes the message.

    Raises CourseError where the gradebook or the disk refuses: then the run cannot go on.
    """
    student = prepared.hand_in.student
    if isinstance(result, Exception):
        logging.getLogger("traitlets").error("the submission of %r could not be run: %s", student, result)
        return _row_without_run(book, replace(prepared, problem=_grader_failed(result)))
    try:
        notebook = result.put_into(prepared.notebook)
        book.keep(student, prepared.hand_in.notebook)
        book.grade(student, prepared.notebook, notebook)
        row = _graded_row(book, prepared, result, notebook)
        book.record(student, prepared.fingerprint, row.to_dict())
        return row
    except CourseError:
        raise
    except Exception as error:
        logging.getLogger("traitlets").exception("the grader failed at the submission of %r", student)
        return _row_without_run(book, replace(prepared, problem=_grader_failed(error)))


def _graded_row(book: Book, prepared: Prepared, execution: Execution, notebook: NotebookNode) -> Row:
    """The row of a submission whose grades are in the gradebook; its feedback is written on the way."""
    student, graded = prepared.hand_in.student, tasks(book.release)
    grades = book.grades(student)
    why = _reasons(graded, grades, faults(notebook))
    lines = [TaskResult(task.name, grades[task.name][0], task.points, why.get(task.name, "")) for task in graded]
    book.write_feedback(student, Summary(tuple(lines), prepared.notes))
    return Row(
        student,
        book.exercise,
        GRADED,
        _message(graded, why, prepared.notes),
        scores={name: score for name, (score, _) in grades.items()},
        challenges=tuple(task.name for task in graded if task.is_challenge and task.name not in why),
        reasons=why,
        seconds=execution.cpu_seconds,
        mended=prepared.notes,
    )


def _reasons(graded: list[Task], grades: dict[str, tuple[float, bool]], why: dict[str, str]) -> dict[str, str]:
    """Per task that does not have all of its points, or is a challenge that is not solved, why."""
    reasons = {}
    for task in graded:
        score, waits = grades[task.name]
        if waits:
            reasons[task.name] = "waits for a person's grade in formgrader"
        elif task.name in why:
            reasons[task.name] = why[task.name].removeprefix(f"{task.name}: ")
        elif score < task.points:
            reasons[task.name] = f"{points(score)} of {points(task.points)} points"
    return reasons


def _message(graded: list[Task], reasons: dict[str, str], notes: tuple[str, ...]) -> str:
    """All that is to be said of a submission; challenges that were left alone are not."""
    left_alone = [task.name for task in graded if task.is_challenge and reasons.get(task.name) == NOT_WRITTEN]
    said = [f"{name}: {reason}" for name, reason in reasons.items() if name not in left_alone]
    return "; ".join(said + ([f"mended before grading: {', '.join(notes)}"] if notes else []))


def _grader_failed(error: Exception) -> str:
    what = (str(error).splitlines() or [""])[0][:120]
    return f"the grader itself failed ({type(error).__name__}: {what}): grade again, or grade this one by hand"


def _timing(clock: Clock) -> Timing:
    return Timing(clock.spent["collect"], clock.spent["execute"], clock.spent["enter"], clock.total)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a second grading run out of the same course; the lock ends with the process, however that ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CourseError(f"another grading run is at work in {folder}: wait for it to end") from None
        yield


@contextmanager
def _log_to(path: Path) -> Iterator[None]:
    """Send what nbgrader and nbclient log, and every warning, to a file instead of the terminal."""
    handler = logging.FileHandler(path, mode="w", encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    loggers = [logging.getLogger(name) for name in ("traitlets", "tornado.application", "py.warnings")]
    before = [(logger.level, logger.propagate) for logger in loggers]
    logging.captureWarnings(True)
    for logger in loggers:
        logger.addHandler(handler)
        logger.level, logger.propagate = logging.INFO, False
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.level, logger.propagate = level, propagate
        handler.close()
