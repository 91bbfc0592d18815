"""The cheats of the catalogue work where nobody is on guard: plain nbgrader gives them full points, the grader none.

Any exception gives 0 points, so 0 points alone prove nothing about an attack.
"""

import shutil
import subprocess
import sys
import time

import pytest
from nbgrader.api import Gradebook

from grading.catalogue import CATALOGUE
from grading.catalogue.entry import Entry, Scene
from grading.test_catalogue import Graded
from grading.tiny_course import Course
from segutils.grading.course import COURSE_ID, register_exercise
from segutils.paths import COURSE_ROOT

pytestmark = pytest.mark.slow

CHEATS = [entry for entry in CATALOGUE if entry.cheats]
SOURCE = COURSE_ROOT / "solutions" / "ex04_aspp" / "ex04_aspp.ipynb"
each_cheat = pytest.mark.parametrize("entry", CHEATS, ids=lambda entry: entry.student)
if not SOURCE.exists():
    pytest.skip("solutions/ is kept back from students", allow_module_level=True)


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    """The points per task that `nbgrader autograde` gives to every cheat."""
    course = Course(tmp_path_factory.mktemp("trusting") / "course", SOURCE)
    shutil.copy(COURSE_ROOT / "nbgrader_config.py", course.root)
    register_exercise(course.root, course.exercise)
    scene = Scene(course, {"ROOT": str(course.root)})
    for entry in CHEATS:
        entry.hand_in(scene, entry.student)
        path = course.hand_in / entry.student / f"{course.exercise}.ipynb"
        submitted = course.root / "grading" / "submitted" / entry.student / course.exercise
        shutil.copytree(path.parent, submitted)
    command = [sys.executable, "-m", "nbgrader", "autograde", course.exercise]
    done = subprocess.run(command, cwd=course.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    wait_for_the_process_left_behind(course)
    return {entry.student: points(course, entry.student) for entry in CHEATS}


def points(course: Course, student: str) -> dict[str, float]:
    with Gradebook(f"sqlite:///{course.root / 'grading' / 'gradebook.db'}", COURSE_ID) as book:
        notebook = book.find_submission_notebook(course.exercise, course.exercise, student)
        return {grade.name: grade.score for grade in notebook.grades}


def wait_for_the_process_left_behind(course: Course) -> None:
    """`fork-and-wait` enters its points when the grader has gone."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not points(course, "fork-and-wait")["aspp_forward"]:
        time.sleep(0.2)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Graded:
    folder = tmp_path_factory.mktemp("sealed")
    return Graded(Course(folder / "course", SOURCE), folder / "outside", CHEATS)


def test_there_are_many_cheats() -> None:
    assert len(CHEATS) >= 12


@each_cheat
def test_plain_nbgrader_gives_full_points(trusting, entry: Entry) -> None:
    assert trusting[entry.student] == {"effective_kernel_size": 2, "aspp_forward": 4, "reorder_project": 0}


@each_cheat
def test_the_grader_gives_none(sealed: Graded, entry: Entry) -> None:
    row = sealed.rows[entry.student]
    expected = entry.points(sealed.full)
    assert row["status"] == "graded"
    assert {name: float(row[name]) for name in sealed.full} == expected, row["message"]
