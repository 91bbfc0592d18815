"""Grade a folder of submissions: collect, repair, execute, enter into the gradebook, report."""

import fcntl
import logging
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from nbformat.notebooknode import NotebookNode

from segutils.errors import CourseError
from segutils.grading.autograde import Book
from segutils.grading.collect import HandIn, find_hand_ins
from segutils.grading.execute import Executor, Limits, Stopped, hit_time_limit
from segutils.grading.feedback import Summary, TaskResult
from segutils.grading.results import GRADED, NEEDS_ATTENTION, Row, line, points, summary, write_csv
from segutils.submission import NOT_WRITTEN, Task, faults, read_notebook, repair, tasks

NO_SANDBOX = (
    "WARNING: --no-sandbox: the students' code runs with your rights on this machine; "
    "it can read, change, delete and send whatever you can."
)


@dataclass(frozen=True)
class Prepared:
    """A hand-in with its notebook as it is going to be run, or the problem that keeps it from running."""

    hand_in: HandIn
    notebook: NotebookNode | None = None
    notes: tuple[str, ...] = ()
    problem: str = ""


def grade_exercise(
    root: Path,
    exercise: str,
    submissions: Path,
    workers: int = 1,
    limits: Limits | None = None,
    db_url: str | None = None,
) -> list[Row]:
    """Grade every student's folder in `submissions` and write gradebook, feedback and grading/EXERCISE.csv.

    Prints one line per student and a table. Whatever a submission holds, it gets its row, and the others theirs.
    Raises CourseError when the run as a whole cannot start.
    """
    hand_ins = find_hand_ins(submissions, exercise)
    with _alone(root / "grading"), _log_to(root / "grading" / f"{exercise}.log"):
        book = Book(root, exercise, db_url)
        graded_cells = tasks(book.release)
        prepared = [_prepare(book, hand_in) for hand_in in hand_ins]
        rows, executor = [], Executor(limits or Limits())
        with _interrupt_stops(executor):
            for row in _graded(book, prepared, executor, workers):
                rows.append(row)
                width = shutil.get_terminal_size((160, 24)).columns - 10
                print(f"{len(rows):>4}/{len(hand_ins):<4} {line(row, graded_cells, width)}", flush=True)
        table = root / "grading" / f"{exercise}.csv"
        write_csv(table, rows, graded_cells)
    print(f"\n{summary(rows, graded_cells)}\n\ntable     {table}\nfeedback  {root / 'grading' / 'feedback'}")
    return rows


def _prepare(book: Book, hand_in: HandIn) -> Prepared:
    """Read and repair one hand-in; a problem is kept as text, whatever it is."""
    if hand_in.notebook is None:
        return Prepared(hand_in, problem=hand_in.problem)
    try:
        notebook, notes = repair(read_notebook(hand_in.notebook), book.release)
        return Prepared(hand_in, book.with_hidden_tests(notebook), tuple(notes))
    except CourseError as error:
        return Prepared(hand_in, problem=str(error))
    except Exception as error:
        return Prepared(hand_in, problem=_grader_failed(error))


def _graded(book: Book, prepared: list[Prepared], executor: Executor, workers: int) -> Iterator[Row]:
    """Run the notebooks, some at a time, and yield their rows; the gradebook is written by this thread alone.

    A submission that hit a time limit while others ran beside it is run once more alone before it counts.
    """
    pool, alone = ThreadPoolExecutor(workers), []
    try:
        runs = [pool.submit(_execute, executor, one) for one in prepared]
        for one, run in zip(prepared, runs, strict=True):
            if workers > 1 and not run.exception() and run.result() and hit_time_limit(run.result()):
                alone.append(one)
            else:
                yield _row(book, one, run.result)
        for one in alone:
            yield _row(book, one, partial(_execute, executor, one))
    finally:
        executor.stop()
        pool.shutdown(cancel_futures=True)


def _execute(executor: Executor, prepared: Prepared) -> NotebookNode | None:
    if prepared.notebook is None:
        return None
    with tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True) as folder:
        return executor.run(prepared.notebook, Path(folder))


def _row(book: Book, prepared: Prepared, executed: Callable[[], NotebookNode | None]) -> Row:
    """Enter one run into the gradebook and read its points there; every fault of the way becomes the row's message."""
    student = prepared.hand_in.student
    row = Row(student, book.exercise, NEEDS_ATTENTION, prepared.problem)
    try:
        if prepared.notebook is None:
            book.withdraw(student)
            return row
        notebook = executed()
        book.keep(student, prepared.hand_in.notebook)
        book.grade(student, prepared.notebook, notebook)
        grades = book.grades(student)
        graded, why = tasks(book.release), faults(notebook)
        lines = [TaskResult(task.name, grades[task.name][0], task.points, why.get(task.name, "")) for task in graded]
        book.write_feedback(student, Summary(tuple(lines), prepared.notes))
        return replace(
            row,
            status=GRADED,
            message="; ".join(_messages(graded, grades, why) + _mended(prepared)),
            scores={name: score for name, (score, _) in grades.items()},
            challenges=tuple(task.name for task in graded if task.is_challenge and task.name not in why),
        )
    except Stopped:
        raise KeyboardInterrupt from None
    except Exception as error:
        logging.getLogger("traitlets").exception("the grader failed at the submission of %r", student)
        with suppress(Exception):  # points of half a notebook must not stay in the gradebook
            book.withdraw(student)
        return replace(row, message=prepared.problem or _grader_failed(error))


def _messages(graded: list[Task], grades: dict[str, tuple[float, bool]], why: dict[str, str]) -> list[str]:
    messages = []
    for task in graded:
        score, waits = grades[task.name]
        if task.is_challenge and why.get(task.name) == NOT_WRITTEN:
            continue
        if waits:
            messages.append(f"{task.name}: waits for a person's grade in formgrader")
        elif task.name in why:
            messages.append(f"{task.name}: {why[task.name].removeprefix(f'{task.name}: ')}")
        elif score < task.points:
            messages.append(f"{task.name}: {points(score)} of {points(task.points)} points")
    return messages


def _mended(prepared: Prepared) -> list[str]:
    return [f"mended before grading: {', '.join(prepared.notes)}"] if prepared.notes else []


def _grader_failed(error: Exception) -> str:
    what = (str(error).splitlines() or [""])[0][:120]
    return f"the grader itself failed ({type(error).__name__}: {what}): grade again, or grade this one by hand"


@contextmanager
def _interrupt_stops(executor: Executor) -> Iterator[None]:
    """Ctrl-C ends the running kernels at once: Python drops a KeyboardInterrupt that falls into a callback."""
    main_thread = threading.current_thread() is threading.main_thread()  # only there can Python be asked for a signal
    if not main_thread or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job ignores it
        yield
        return

    def stop(number: int, frame: object) -> None:
        executor.stop()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


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
    loggers = [logging.getLogger("traitlets"), logging.getLogger("py.warnings")]
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
