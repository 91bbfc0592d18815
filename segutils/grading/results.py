"""What an instructor sees of a run: a row per student in the CSV, a line in the terminal, a table at the end."""

import csv
import io
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from segutils.grading.autograde import write_atomically
from segutils.submission import Task, plain

GRADED, NEEDS_ATTENTION = "graded", "needs_attention"


@dataclass(frozen=True)
class Row:
    """One student's result.

    `scores` has the points per graded cell and is empty where the status is not `graded`; `challenges` has the names
    of those that were solved.
    """

    student: str
    assignment: str
    status: str
    message: str
    scores: dict[str, float] = field(default_factory=dict)
    challenges: tuple[str, ...] = ()

    @property
    def score(self) -> float:
        return sum(self.scores.values())

    def has_solved(self, task: Task) -> bool:
        return task.name in self.challenges if task.is_challenge else self.scores[task.name] >= task.points


def write_csv(path: Path, rows: list[Row], tasks: list[Task]) -> None:
    """Write the rows in order of the students' names; the file is replaced as a whole."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [task.name for task in tasks]
    writer.writerow(["student", "assignment", "status", "score", "max_score", *names, "message"])
    for row in sorted(rows, key=lambda row: row.student):
        score = points(row.score) if row.status == GRADED else ""
        cells = [points(row.scores[name]) if name in row.scores else "" for name in names]
        writer.writerow([row.student, row.assignment, row.status, score, points(_total(tasks)), *cells, row.message])
    write_atomically(path, text.getvalue())


def points(value: float) -> str:
    """Points without needless zeros: 4, 2.5."""
    return f"{round(value, 6):g}"


def _total(tasks: list[Task]) -> float:
    return sum(task.points for task in tasks)


def line(row: Row, tasks: list[Task], width: int) -> str:
    """One student's result for the terminal."""
    score = f"{points(row.score)} of {points(_total(tasks))}" if row.status == GRADED else "-"
    solved = f"solved the challenge {', '.join(row.challenges)}" if row.challenges else ""
    said = "; ".join(part for part in (row.message, solved) if part)
    text = plain(f"{row.student:<16} {row.status:<16} {score:>9}  {said}").replace("\n", " ")
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= width else text[: width - 3] + "..."


def summary(rows: list[Row], tasks: list[Task]) -> str:
    """The table at the end: how many students got each task right, and the mean score."""
    counts = Counter(row.status for row in rows)
    graded = [row for row in rows if row.status == GRADED]
    lines = [f"{len(rows)} students: {counts[GRADED]} graded, {counts[NEEDS_ATTENTION]} need attention"]
    if graded:
        width = max(len(task.name) for task in tasks)
        lines.append(f"{'task':<{width}}  points  full   mean")
        for task in tasks:
            scores = [row.scores[task.name] for row in graded]
            full = sum(row.has_solved(task) for row in graded)
            mean = sum(scores) / len(scores)
            lines.append(f"{task.name:<{width}}  {points(task.points):>6}  {full:>4}  {mean:>5.2f}")
        mean = sum(row.score for row in graded) / len(graded)
        lines.append(f"{'all tasks':<{width}}  {points(_total(tasks)):>6}        {mean:>5.2f}")
    return "\n".join(lines)
