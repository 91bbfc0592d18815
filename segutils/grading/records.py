"""What is known of graded submissions, so that the rows of unchanged ones are used again, without nbgrader."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nbgrader.api import Assignment, BaseCell, Comment, Grade, Gradebook, SubmittedAssignment, SubmittedNotebook
from sqlalchemy import and_, select

from segutils.grading.files import remove_leftovers, write_atomically


@dataclass(frozen=True)
class Entry:
    """What the gradebook holds for one cell of one submission: a grade (`grade_id` is there), a comment, or both."""

    student: str
    cell: str
    grade_id: str | None
    auto_score: float | None
    manual_score: float | None
    extra_credit: float | None
    needs_manual_grade: bool | None
    auto_comment: str | None
    manual_comment: str | None
    late_penalty: float | None
    due: str  # what a penalty depends on: the exercise's date, the submission's date and its extension

    @property
    def score(self) -> float:
        """As nbgrader counts: a person's score before the computed one, and what a person gave on top."""
        score = self.auto_score if self.manual_score is None else self.manual_score
        return 0.0 if score is None else score + (self.extra_credit or 0.0)

    @property
    def waits_for_a_person(self) -> bool:
        return self.auto_score is None and self.manual_score is None

    @property
    def comment(self) -> str | None:
        return self.auto_comment if self.manual_comment is None else self.manual_comment


ENTRIES = (
    select(
        SubmittedAssignment.student_id,
        BaseCell.name,
        Grade.id,
        Grade.auto_score,
        Grade.manual_score,
        Grade.extra_credit,
        Grade.needs_manual_grade,
        Comment.auto_comment,
        Comment.manual_comment,
        SubmittedNotebook.late_submission_penalty,
        Assignment.duedate,
        SubmittedAssignment.timestamp,
        SubmittedAssignment.extension,
    )
    .select_from(SubmittedNotebook)
    .join(SubmittedAssignment, SubmittedAssignment.id == SubmittedNotebook.assignment_id)
    .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
    .join(BaseCell, BaseCell.notebook_id == SubmittedNotebook.notebook_id)
    .outerjoin(Grade, and_(Grade.cell_id == BaseCell.id, Grade.notebook_id == SubmittedNotebook.id))
    .outerjoin(Comment, and_(Comment.cell_id == BaseCell.id, Comment.notebook_id == SubmittedNotebook.id))
)


def read_entries(gradebook: Gradebook, exercise: str, student: str | None = None) -> dict[str, list[Entry]]:
    """The entries of an exercise by student, of one student alone where named: one query, whatever the class's size."""
    query = ENTRIES.where(Assignment.name == exercise)
    if student is not None:
        query = query.where(SubmittedAssignment.student_id == student)
    entries: dict[str, list[Entry]] = {}
    for name, *fields, duedate, timestamp, extension in gradebook.db.execute(query):
        entries.setdefault(name, []).append(Entry(name, *fields, f"{duedate} {timestamp} {extension}"))
    return entries


@dataclass(frozen=True)
class Record:
    """A submission that was graded to the end: its fingerprint, and the row that came out."""

    fingerprint: str
    row: dict[str, Any]


class Records:
    """One small file for every graded submission of an exercise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        remove_leftovers(folder)

    def write(self, student: str, record: Record, entries: list[Entry], files: Iterable[Path]) -> None:
        """Remember a submission with what its record depends on: its entries in the gradebook, and its files."""
        content = {"student": student, **asdict(record), "state": _state(entries, files)}
        write_atomically(self._path(student), json.dumps(content))

    def read(self, student: str, entries: list[Entry], files: Iterable[Path]) -> Record | None:
        """What was written of a submission, None where there is nothing, or something has changed since."""
        try:
            content = json.loads(self._path(student).read_bytes())
            record = Record(content["fingerprint"], content["row"])
            is_known = content["state"] == _state(entries, files)  # which has the student's name in it
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None  # a broken record is as good as none
        return record if is_known and isinstance(record.row, dict) else None

    def remove(self, student: str) -> None:
        self._path(student).unlink(missing_ok=True)

    def _path(self, student: str) -> Path:
        """A name that every file system takes, and that no other student has."""
        digest = hashlib.sha256(student.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return self.folder / f"{re.sub(r'[^A-Za-z0-9_-]', '_', student)[:40]}-{digest}.json"


def _state(entries: list[Entry], files: Iterable[Path]) -> str:
    """A digest of a submission's entries and files. Raises OSError where a file is gone."""
    digest = hashlib.sha256(json.dumps(sorted(json.dumps(asdict(entry)) for entry in entries)).encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
