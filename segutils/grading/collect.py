"""Find what was handed in: one entry for every student's folder, whatever lies in it."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from segutils.errors import CourseError
from segutils.grading.results import one_line
from segutils.submission import read_notebook

NO_STUDENT = {".ipynb_checkpoints", "__MACOSX", ".git"}  # folders that tools leave behind
MAX_NAME = 60  # characters of a file's name in a message


@dataclass(frozen=True)
class HandIn:
    """A student's folder, and the notebook found in it or the reason why there is none.

    `notes` are told to the student together with what else was mended.
    """

    student: str
    notebook: Path | None
    problem: str = ""
    notes: tuple[str, ...] = ()


def find_hand_ins(folder: Path, exercise: str) -> list[HandIn]:
    """The students' folders in order of their names: FOLDER/STUDENT/EX.ipynb or FOLDER/STUDENT/EX/EX.ipynb.

    Where neither is there, a notebook of another name counts if it is clear which one is meant.
    Raises CourseError when the folder does not exist or has no student's folder in it.
    """
    if not folder.is_dir():
        raise CourseError(f"no folder {folder}: --submissions takes the folder that holds one folder per student")
    students = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and entry.name not in NO_STUDENT)
    if not students:
        raise CourseError(f"no student's folder in {folder}: expected {folder}/STUDENT/{exercise}.ipynb")
    return [_look_into(folder / student, exercise) for student in students]


def _look_into(folder: Path, exercise: str) -> HandIn:
    student = folder.name
    try:
        student.encode()
    except UnicodeEncodeError:
        return HandIn(student, None, "the folder's name is not valid text: rename the folder and grade again")
    if folder.is_symlink():
        return HandIn(student, None, "this is a link to another folder: put the student's folder itself here")
    nested = folder / exercise
    places = [folder / f"{exercise}.ipynb", nested / f"{exercise}.ipynb"]
    if nested.is_symlink():
        places.pop()
    try:
        found = [place for place in places if os.path.lexists(place)]
        if not found:
            return _under_another_name(folder, [place.parent for place in places], exercise)
    except OSError as error:
        return HandIn(student, None, f"the folder cannot be read ({error.strerror}): mend its permissions")
    if len(found) == 2 and not _same_bytes(*found):
        problem = f"two different notebooks, {exercise}.ipynb and {exercise}/{exercise}.ipynb: keep the one that counts"
        return HandIn(student, None, problem)
    return HandIn(student, found[0])


def _under_another_name(folder: Path, places: list[Path], exercise: str) -> HandIn:
    """The only notebook of a student, or the only one whose name has the exercise's in it: `Copy_of_EX.ipynb`."""
    notebooks = sorted(path for place in places if place.is_dir() for path in place.iterdir() if _is_notebook(path))
    named = [path for path in notebooks if exercise.lower() in path.name.lower()]
    if not notebooks:
        return HandIn(folder.name, None, _nothing_found(folder, exercise))
    if len(named or notebooks) > 1:
        listed = _listed(path.name for path in named or notebooks)
        problem = f"no {exercise}.ipynb, and several others ({listed}): give the one that counts this name"
        return HandIn(folder.name, None, problem)
    (notebook,) = named or notebooks
    return HandIn(folder.name, notebook, notes=(f"the notebook was called {_shown(notebook.name)}",))


def _is_notebook(path: Path) -> bool:
    return path.suffix.lower() == ".ipynb" and not path.name.startswith(".") and not path.is_dir()


def _nothing_found(folder: Path, exercise: str) -> str:
    others = [path.name for path in folder.iterdir() if path.name != ".ipynb_checkpoints"]
    if not others:
        return f"no {exercise}.ipynb: the folder is empty; ask for the notebook"
    return f"no {exercise}.ipynb: there is only {_listed(others)}; ask for the notebook"


def _listed(names: Iterable[str]) -> str:
    names = sorted(names)
    return ", ".join(map(_shown, names[:3])) + (", ..." if len(names) > 3 else "")


def _shown(name: str) -> str:
    """A name that a student chose, made fit for a message."""
    name = one_line(name)
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 10]}...{name[-7:]}"


def _same_bytes(first: Path, second: Path) -> bool:
    try:
        return read_notebook(first) == read_notebook(second)
    except CourseError:
        return False
