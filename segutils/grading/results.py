"""What an instructor sees of a run: a row per student in the CSV, a line in the terminal, a table at the end."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Any

import wcwidth

from segutils.grading.files import write_atomically
from segutils.submission import NOT_WRITTEN, Task, plain

GRADED, NEEDS_ATTENTION = "graded", "needs_attention"
NAME_COLUMNS = (16, 40)  # a student's name takes at least, and at most, this many columns of the terminal
LISTED = 20  # students who need attention for the same reason, by name in the terminal; the table has all
WHAT_TO_DO = "do what the message says, then give the same command again"
FORMULA = re.compile(r"['\s]*[=+\-@＝＋－＠]")  # what spreadsheets take for the beginning of a formula
VARIES = re.compile(  # what differs from student to student in messages about the same cause
    r"(?<!\w)'[^']*'(?!\w)|\"[^\"]*\"|`[^`]*`"  # quoted names and values
    r"|(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?!\w)"  # numbers
)


@dataclass(frozen=True)
class Row:
    """One student's result.

    `scores` has the points per graded cell and is empty where the status is not `graded`; `challenges` has the names
    of those that were solved; `reasons` says, per graded cell that is not right, why. `seconds` is the CPU time of the
    execution, `known` tells that it was not executed again, and `mended` what was repaired before.
    """

    student: str
    assignment: str
    status: str
    message: str
    scores: dict[str, float] = field(default_factory=dict)
    challenges: tuple[str, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    known: bool = False
    mended: tuple[str, ...] = ()

    @property
    def score(self) -> float:
        return sum(self.scores.values())

    def has_solved(self, task: Task) -> bool:
        return task.name in self.challenges if task.is_challenge else self.scores[task.name] >= task.points

    def to_dict(self) -> dict[str, Any]:
        """The row for `json.dumps`, whose default, ASCII, also takes names that are no valid text."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Row":
        """The inverse of `to_dict`, also after JSON has made lists of the tuples."""
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in data.items()})


@dataclass(frozen=True)
class Timing:
    """Wall-clock seconds of a run: of its phases, which may overlap, and in total."""

    collect: float
    execute: float
    enter: float
    total: float


@dataclass(frozen=True)
class Group:
    """Students who were told the same, but for numbers and quoted names, where the text has an ellipsis."""

    text: str
    students: tuple[str, ...]


@dataclass(frozen=True)
class Outcomes:
    """How a task went: number of graded students by outcome."""

    right: int
    partly: int
    wrong: int
    not_begun: int


def write_csv(path: Path, rows: list[Row], tasks: list[Task]) -> None:
    """Write the rows in order of the students' names; the file is replaced as a whole.

    `student` is the folder's name as it is, since that is what other tables are joined by; a message that a
    spreadsheet would run as a formula gets an apostrophe in front.
    """
    text = io.StringIO()
    writer = csv.writer(text)  # lines end in \r\n, as RFC 4180 has it: with \n alone a \r in a name is not quoted
    names = [task.name for task in tasks]
    writer.writerow(["student", "assignment", "status", "score", "max_score", *names, "message"])
    for row in sorted(rows, key=lambda row: row.student):
        score = points(row.score) if row.status == GRADED else ""
        cells = [points(row.scores[name]) if name in row.scores else "" for name in names]
        numbers = [score, points(total(tasks)), *cells]
        message = _as_text(one_line(row.message))
        writer.writerow([row.student, row.assignment, row.status, *numbers, message])
    write_atomically(path, text.getvalue())


def _as_text(text: str) -> str:
    """Text that no spreadsheet runs: messages quote students, and `=HYPERLINK(...)` would send data away.

    The usual remedy (OWASP, CSV injection) is an apostrophe in front of what begins like a formula.
    """
    return f"'{text}" if FORMULA.match(text) else text


def points(value: float) -> str:
    """Points without needless zeros: 4, 2.5."""
    return f"{round(value, 6):g}"


def total(tasks: list[Task]) -> float:
    """The points of all tasks."""
    return sum(task.points for task in tasks)


def duration(seconds: float) -> str:
    """A time as a person says it: 0.4 s, 12 s, 2 min 10 s, 1 h 5 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def one_line(text: str) -> str:
    """Text in one line of printable characters, whatever a student put into it."""
    return " ".join(plain(text.encode("utf-8", "backslashreplace").decode()).split())


def name_columns(names: Iterable[str]) -> int:
    """The columns that a class's names take in the terminal; an LMS may export names of 40 characters."""
    least, most = NAME_COLUMNS
    return min(most, max([least, *(wcwidth.width(one_line(name)) for name in names)]))


def line(row: Row, tasks: list[Task], width: int, name_width: int = NAME_COLUMNS[0]) -> str:
    """One student's result for the terminal, `width` columns at most."""
    most = points(total(tasks))
    score = f"{points(row.score)} of {most}" if row.status == GRADED else "-"
    score = score.rjust(max(9, 2 * len(most) + 4))
    solved = f"solved the challenge {', '.join(row.challenges)}" if row.challenges else ""
    status = f"{row.status} (known)" if row.known and row.status == GRADED else row.status
    said = "; ".join(part for part in (row.message, solved) if part)
    return _fit(f"{_column(row.student, name_width)} {status:<16} {score}  {one_line(said)}", width)


def _fit(text: str, width: int) -> str:
    """Text in at most `width` columns of the terminal; wide characters take two, combining ones none."""
    text = text.rstrip()
    return text if wcwidth.width(text) <= width else wcwidth.clip(text, 0, max(width - 3, 0)) + "..."[:width]


def _wrap(text: str, width: int) -> list[str]:
    """Text in lines of at most `width` columns, those after the first one indented."""
    return wcwidth.wrap(text, max(width, 20), subsequent_indent=" " * 8) or [""]


def _column(text: str, width: int) -> str:
    return wcwidth.ljust(_fit(one_line(text), max(width, NAME_COLUMNS[1])), width)


def summary(
    rows: list[Row],
    tasks: list[Task],
    timing: Timing | None = None,
    places: dict[str, Path] | None = None,
    width: int = 160,
) -> str:
    """What stands at the end of a run: how the tasks went, what is left to do, the time, and where all of it lies."""
    blocks = [_counts(rows) + _task_table(rows, tasks), _frequent(rows, tasks), _attention(rows)]
    blocks = [[part for text in block for part in _wrap(text, width)] for block in blocks]
    blocks.append(_time(rows, timing) + [f"{name:<9} {place}" for name, place in (places or {}).items()])  # uncut
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _counts(rows: list[Row]) -> list[str]:
    counts = Counter(row.status for row in rows)
    known = sum(row.known for row in rows)
    earlier = f" ({known} known from an earlier run)" if known else ""
    who = "1 student" if len(rows) == 1 else f"{len(rows)} students"
    return [f"{who}: {counts[GRADED]} graded{earlier}, {counts[NEEDS_ATTENTION]} need attention"]


def _task_table(rows: list[Row], tasks: list[Task]) -> list[str]:
    graded = [row for row in rows if row.status == GRADED]
    if not graded:
        return []
    width = max(len(name) for name in ["all tasks", *(task.name for task in tasks)])
    lines = [f"{'task':<{width}}  points  right  partly  wrong  not begun   mean"]
    for task in tasks:
        got = outcomes(graded, task)
        average = "" if task.is_challenge else f"{mean(row.scores[task.name] for row in graded):>7.2f}"
        worth = "-" if task.is_challenge else points(task.points)
        counts = f"{got.right:>5}  {got.partly:>6}  {got.wrong:>5}  {got.not_begun:>9}"
        lines.append(f"{task.name:<{width}}  {worth:>6}  {counts}{average}")
    scores = [row.score for row in graded]
    gap = " " * 31
    lines.append(f"{'all tasks':<{width}}  {points(total(tasks)):>6}{gap}{mean(scores):>7.2f}")
    lines[-1] += f", median {points(median(scores))}"
    return lines


def outcomes(graded: list[Row], task: Task) -> Outcomes:
    """How many graded students have the task right, partly right, wrong, or have not begun it."""
    right = sum(row.has_solved(task) for row in graded)
    missed = [row for row in graded if not row.has_solved(task)]
    partly = sum(row.scores[task.name] > 0 for row in missed)
    idle = sum(row.scores[task.name] <= 0 and row.reasons.get(task.name) == NOT_WRITTEN for row in missed)
    return Outcomes(right, partly, len(missed) - partly - idle, idle)


def grouped(told: Iterable[tuple[str, str]]) -> list[Group]:
    """Group pairs of student and text by what the texts have in common, the most frequent first.

    A check's message is told by its likely cause; of others, numbers and quoted names do not count.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for student, text in told:
        cause = one_line(text.partition("Likely cause: ")[2]) or one_line(text)
        groups.setdefault(_pattern(cause), []).append((student, cause))
    found = []
    for pattern, members in groups.items():
        texts = {text for _, text in members}
        found.append(Group(texts.pop() if len(texts) == 1 else pattern, tuple(student for student, _ in members)))
    return sorted(found, key=lambda group: (-len(group.students), group.text))


def _pattern(text: str) -> str:
    return re.sub(r"…(?:(?:, | x )…)+", "…", VARIES.sub("…", text))  # a shape of any length is one thing that varies


def messages(rows: list[Row], task: Task) -> list[Group]:
    """What the students were told about a task that they began and have not right; a person may have decided else."""
    missed = [row for row in rows if row.reasons.get(task.name, NOT_WRITTEN) != NOT_WRITTEN]
    return grouped((row.student, row.reasons[task.name]) for row in missed if not row.has_solved(task))


def _listed(group: Group, count: int) -> str:
    """The group's text and the first few of its students: ada, ben, cleo and 28 more."""
    names = ", ".join(_fit(one_line(name), 60) for name in group.students[:count])
    more = f" and {len(group.students) - count} more" if len(group.students) > count else ""
    return f"{len(group.students):>4} x  {group.text} ({names}{more})"


def _frequent(rows: list[Row], tasks: list[Task]) -> list[str]:
    """The messages that several students got, three per task at most."""
    lines = []
    for task in tasks:
        several = [group for group in messages(rows, task) if len(group.students) > 1][:3]
        lines += [f"  {task.name}", *(_listed(group, 3) for group in several)] if several else []
    return ["most frequent messages", *lines] if lines else []


def _attention(rows: list[Row]) -> list[str]:
    left = grouped((row.student, row.message) for row in rows if row.status == NEEDS_ATTENTION)
    return [f"need attention: {WHAT_TO_DO}", *(_listed(group, LISTED) for group in left)] if left else []


def _time(rows: list[Row], timing: Timing | None) -> list[str]:
    if timing is None:
        return []
    phases = [(timing.collect, "collecting"), (timing.execute, "executing"), (timing.enter, "entering")]
    spent = ", ".join(f"{phase} {duration(seconds)}" for seconds, phase in phases)
    code = duration(sum(row.seconds for row in rows if not row.known))
    return [f"{'time':<9} {duration(timing.total)}: {spent}; the students' code took {code} of CPU time"]
