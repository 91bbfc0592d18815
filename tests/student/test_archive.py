"""The zip for students: the course, no solution, the same bytes every time."""

import os
import subprocess
import zipfile

import pytest

from segutils.errors import CourseError
from segutils.paths import COURSE_ROOT
from segutils.student.archive import zip_for_students


def git(root, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def course(tmp_path):
    """A repository with everything that must stay behind."""
    files = {
        "README.md": "the course",
        "Makefile": "all:",
        "exercises/ex90/ex90.ipynb": "{}",
        "solutions/ex90/ex90.ipynb": '{"answer": 42}',
        "tests/grading/test_x.py": "answers",
        "tests/checks/test_x.py": "answers",
        "tests/test_x.py": "ours",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "a course")
    for name in ("work/ex90/ex90.ipynb", "hand-in/ada/ex90.ipynb", "grading/gradebook.db", ".venv/x", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("not tracked")
    return tmp_path


def names(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return archive.namelist()


def test_tracked_files_without_answers(course):
    path = zip_for_students(course)
    assert path == course / "build" / "course-student.zip"
    assert names(path) == [
        f"course-student/{name}" for name in ("Makefile", "README.md", "exercises/ex90/ex90.ipynb", "tests/test_x.py")
    ]


def test_the_same_files_give_the_same_bytes(course):
    first = zip_for_students(course).read_bytes()
    for path in course.rglob("*.md"):
        os.utime(path, (10**9, 10**9))
    path = zip_for_students(course)
    assert path.read_bytes() == first
    with zipfile.ZipFile(path) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize("content", ['{"answer": 42}', '"### BEGIN SOLUTION"'])
def test_a_solution_under_another_name_is_refused(course, content):
    (course / "exercises" / "ex90" / "copied.ipynb").write_text(content)
    git(course, "add", "-A", "exercises")
    with pytest.raises(CourseError, match=r"exercises/ex90/copied\.ipynb holds a solution"):
        zip_for_students(course)
    assert not (course / "build" / "course-student.zip").exists()


def test_without_git_nothing_of_the_instructor_is_in_it(course):
    (course / ".git").rename(course.parent / f"{course.name}-git")
    packed = names(zip_for_students(course))
    assert "course-student/README.md" in packed
    forbidden = ("solutions/", "grading/", "hand-in/", "work/", ".venv/", "build/", "tests/grading/", "tests/checks/")
    assert not [name for name in packed if name.removeprefix("course-student/").startswith(forbidden)]


def test_this_course_can_be_packed(tmp_path):
    if not (COURSE_ROOT / "solutions").exists():
        pytest.skip("solutions/ is kept back from students")
    packed = names(zip_for_students(COURSE_ROOT, tmp_path / "student.zip"))
    assert any(name.startswith("course-student/segutils/") for name in packed)
    assert not [name for name in packed if "/solutions/" in name or "/grading/test_" in name]
