"""Handing an exercise in."""

import os
from pathlib import Path

from segutils.errors import CourseError
from segutils.paths import COURSE_ROOT
from segutils.student.check import Checked, check, exercise_names
from segutils.student.work import copy_beside

FORBIDDEN = '/\\:*?"<>|'  # signs that some file system does not take


def submit(exercise: str, student: str, root: Path = COURSE_ROOT) -> tuple[Path, Checked]:
    """Check work/EX/EX.ipynb and put it into hand-in/STUDENT/, which `grade --submissions hand-in` reads.

    Handed in even if a task fails. Raises CourseError for an unknown exercise, a name that cannot be a folder's, and
    a notebook that cannot be read or run.
    """
    known = exercise_names(root)
    if exercise not in known:
        wrong = f"no exercise is called {exercise!r}" if exercise else "no exercise was named"
        raise CourseError(f"{wrong}: make submit EX=NAME STUDENT=you, with NAME one of {', '.join(known)}")
    _require_folder_name(student, exercise)
    source = root / "work" / exercise / f"{exercise}.ipynb"
    if not source.exists():
        raise CourseError(f"{source} does not exist: `make lab` puts a copy there to work on")
    checked = check(source, root)
    target = root / "hand-in" / student / f"{exercise}.ipynb"
    os.replace(copy_beside(source, target), target)
    return target, checked


def _require_folder_name(student: str, exercise: str) -> None:
    if not student.strip():
        raise CourseError(f"no student was named: make submit EX={exercise} STUDENT=you")
    at_the_edges = student != student.strip() or student.startswith((".", "-")) or student.endswith(".")
    forbidden = not student.isprintable() or any(sign in student for sign in FORBIDDEN)
    if at_the_edges or forbidden or len(student.encode()) > 120:
        raise CourseError(f"STUDENT={student!r} cannot be a folder's name: use letters, digits, spaces, - or _")
