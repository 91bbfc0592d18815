"""Find what was handed in: one entry for every student's folder, whatever lies in it."""

import os
from dataclasses import dataclass
from pathlib import Path

from segutils.errors import CourseError
from segutils.submission import read_notebook

NO_STUDENT = {".ipynb_checkpoints", "__MACOSX", ".git"}  # folders that tools leave behind


@dataclass(frozen=True)
class HandIn:
    """A student's folder, and the notebook found in it or the reason why there is none."""

    student: str
    notebook: Path | None
    problem: str = ""


def find_hand_ins(folder: Path, exercise: str) -> list[HandIn]:
    """The students' folders in order of their names: FOLDER/STUDENT/EX.ipynb or FOLDER/STUDENT/EX/EX.ipynb.

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
            return HandIn(student, None, _nothing_found(folder, exercise))
    except OSError as error:
        return HandIn(student, None, f"the folder cannot be read ({error.strerror}): mend its permissions")
    if len(found) == 2 and not _same_bytes(*found):
        problem = f"two different notebooks, {exercise}.ipynb and {exercise}/{exercise}.ipynb: keep the one that counts"
        return HandIn(student, None, problem)
    return HandIn(student, found[0])


def _nothing_found(folder: Path, exercise: str) -> str:
    others = sorted(path.name for path in folder.iterdir() if path.name != ".ipynb_checkpoints")
    listed = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
    if not others:
        return f"no {exercise}.ipynb: the folder is empty; ask for the notebook"
    return f"no {exercise}.ipynb: there is only {listed}; rename the notebook or ask for it"


def _same_bytes(first: Path, second: Path) -> bool:
    try:
        return read_notebook(first) == read_notebook(second)
    except CourseError:
        return False
