"""Copies of the exercises to work on, and handing them in."""

import os
import shutil
import tempfile
from pathlib import Path

from segutils.errors import CourseError
from segutils.paths import COURSE_ROOT
from segutils.student.check import Checked, check, exercise_names

FORBIDDEN = '/\\:*?"<>|'  # signs that some file system does not take


def lay_out_work(root: Path = COURSE_ROOT) -> list[Path]:
    """Copy into work/ every file of exercises/ that is not there yet, and return what was copied.

    A file that exists is never touched, not even when another process makes it at the same moment.
    """
    copied = []
    for source in sorted(path for path in (root / "exercises").rglob("*") if path.is_file()):
        if ".ipynb_checkpoints" in source.parts:
            continue
        target = root / "work" / source.relative_to(root / "exercises")
        if not os.path.lexists(target) and _copy_if_absent(source, target):
            copied.append(target)
    return copied


def _copy_if_absent(source: Path, target: Path) -> bool:
    temporary = _copy_beside(source, target)
    try:
        os.link(temporary, target)  # unlike a rename, a link never replaces what is there
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        os.rename(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _copy_beside(source: Path, target: Path) -> Path:
    """Copy `source` under a temporary name into `target`'s folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, suffix=".tmp")
    with os.fdopen(descriptor, "wb") as file, source.open("rb") as original:
        shutil.copyfileobj(original, file)
    os.chmod(name, 0o644)
    return Path(name)


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
    os.replace(_copy_beside(source, target), target)
    return target, checked


def _require_folder_name(student: str, exercise: str) -> None:
    if not student.strip():
        raise CourseError(f"no student was named: make submit EX={exercise} STUDENT=you")
    at_the_edges = student != student.strip() or student.startswith((".", "-")) or student.endswith(".")
    forbidden = not student.isprintable() or any(sign in student for sign in FORBIDDEN)
    if at_the_edges or forbidden or len(student.encode()) > 120:
        raise CourseError(f"STUDENT={student!r} cannot be a folder's name: use letters, digits, spaces, - or _")
