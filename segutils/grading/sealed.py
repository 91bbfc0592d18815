"""Sealed tests: the student's kernel computes answers, and what they should be never comes near it."""

import ast
import hmac
import logging
from dataclasses import dataclass

import nbformat
from nbformat.notebooknode import NotebookNode

from segutils.checks.transport import Unreadable, find_check, from_bytes
from segutils.errors import CourseError
from segutils.submission import entry

HIDDEN_SEEDS = 1_000_000  # the number of seeds that the grader draws from
NO_ANSWERS = (
    "the answers of this task did not arrive as they must: does the notebook change the course's checks, or the "
    "libraries that they use?"
)


@dataclass(frozen=True)
class SealedTest:
    """One graded cell: which check probes which object, and the seeds of each of its calls.

    The first call has the cases that students see; the seeds of the others are drawn by the grader.
    """

    check: str  # "ex04.aspp_forward"
    subject: str  # "ASPP"
    calls: tuple[tuple[int, ...], ...]

    @property
    def seeds(self) -> list[int]:
        return [seed for call in self.calls for seed in call]

    def probe_source(self, path: str) -> str:
        """The code that has the kernel write its answers to `path`."""
        arguments = f"globals(), {self.check!r}, {self.subject!r}, {self.seeds!r}, {path!r}"
        return f"__import__('segutils.checks.transport', fromlist=['write_answers']).write_answers({arguments})"


def seal(notebook: NotebookNode, secret: bytes, student: str, required: bool) -> dict[int, SealedTest]:
    """The sealed tests of a notebook by the number of their cell, with seeds drawn for this student.

    The same secret, student and task give the same seeds. Cells that are not graded, or by a person, have no test.
    A test that is more than calls of a check cannot be sealed: it is left out or, where sealing is required, refused
    with a CourseError.
    """
    tests = {}
    for index, cell in enumerate(notebook.cells):
        if entry(cell).get("grade") and not entry(cell).get("solution"):
            name = entry(cell)["grade_id"]
            try:
                tests[index] = _draw(_read_test(name, cell.source), secret, f"{student}\0{name}")
            except CourseError:
                if required:
                    raise
    return tests


def _draw(test: SealedTest, secret: bytes, purpose: str) -> SealedTest:
    calls, number = [test.calls[0]], 0
    for call in test.calls[1:]:
        drawn = []
        for _ in call:
            digest = hmac.digest(secret, f"{purpose}\0{number}".encode("utf-8", "surrogatepass"), "sha256")
            drawn.append(int.from_bytes(digest[:8]) % HIDDEN_SEEDS)
            number += 1
        calls.append(tuple(drawn))
    return SealedTest(test.check, test.subject, tuple(calls))


def _read_test(name: str, source: str) -> SealedTest:
    """A graded cell's source as a test: one or more `checks.exNN.grade_id(Object[, seeds=...])` on the same object."""
    try:
        found = [_read_call(statement.value) for statement in ast.parse(source).body]
        (check,), (subject,) = {check for check, _, _ in found}, {subject for _, subject, _ in found}
    except (AttributeError, SyntaxError, ValueError):
        raise CourseError(
            f"the test in the cell {name} cannot be sealed: it must consist of calls like checks.ex04.aspp_forward(ASPP)"
            "; write a check for it, or grade with --no-sandbox, where a student's code can read and cheat other tests"
        ) from None
    return SealedTest(check, subject, tuple(seeds for _, _, seeds in found))


def _read_call(call: ast.expr) -> tuple[str, str, tuple[int, ...]]:
    """Check, object and seeds of one call. Raises AttributeError or ValueError for anything else."""
    module, _, check = ast.unparse(call.func).partition(".")
    (subject,) = (argument.id for argument in call.args)
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    if module != "checks" or check.count(".") != 1 or set(keywords) - {"seeds"}:
        raise ValueError(check)
    return check, subject, _read_seeds(keywords["seeds"]) if keywords else (0,)


def _read_seeds(value: ast.expr) -> tuple[int, ...]:
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "range":
        return tuple(range(*map(ast.literal_eval, value.args)))
    return tuple(ast.literal_eval(value))


def judge(test: SealedTest, archive: bytes | None) -> NotebookNode:
    """What the graded cell shows: the check's line where every call passes, an error with its message where one fails.

    Whatever the archive holds, it is an outcome: answers that cannot be read or judged fail.
    """
    check = find_check(test.check)
    calls = [[case for seed in call for case in check.draw(seed)] for call in test.calls]
    try:
        answers = from_bytes(archive or b"", sum(map(len, calls)))
        verdicts = []
        for cases in calls:
            verdicts.append(check.verdict(cases, answers[: len(cases)]))
            answers = answers[len(cases) :]
    except Unreadable:
        return failure("CheckFailed", f"{check.subject}: {NO_ANSWERS}")
    except Exception:  # facts that no honest probe states
        logging.getLogger("traitlets").exception("answers that could not be judged")
        return failure("CheckFailed", f"{check.subject}: {NO_ANSWERS}")
    failed = next((verdict for verdict in verdicts if not verdict.passed), None)
    if failed:
        return failure("CheckFailed", failed.message)
    return nbformat.v4.new_output("stream", name="stdout", text=f"{verdicts[0].message}\n")


def failure(name: str, reason: str) -> NotebookNode:
    """An error as a cell shows it."""
    return nbformat.v4.new_output("error", ename=name, evalue=reason, traceback=reason.splitlines())
