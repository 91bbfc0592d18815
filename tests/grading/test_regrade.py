"""Grading again: what a person entered stays, and a new run mends whatever an interrupted one left behind."""

import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from nbgrader.api import Gradebook

from segutils.errors import CourseError
from segutils.grading import pipeline
from segutils.grading.course import COURSE_ID

EXERCISE = "ex90_numbers"


def open_book(course):
    return Gradebook(f"sqlite:///{course.root / 'grading' / 'gradebook.db'}", COURSE_ID)


def enter_by_hand(course, student, cell, score, comment):
    with open_book(course) as book:
        book.find_grade(f"{cell}_test", EXERCISE, EXERCISE, student).manual_score = score
        book.find_comment(cell, EXERCISE, EXERCISE, student).manual_comment = comment
        book.db.commit()


def test_a_persons_grade_and_comment_survive(course):
    course.submit("ada", course.solved(area="def area(width, height):\n    return 0"))
    before = course.grade()["ada"]
    assert (before["score"], before["area_test"]) == ("6.5", "0")
    enter_by_hand(course, "ada", "area", 1.5, "Half of it is right: see me.")

    course.submit(
        "ada", course.solved(area="def area(width, height):\n    return 1", double="def double(x):\n    pass")
    )
    after = course.grade()["ada"]
    assert (after["double_test"], after["area_test"], after["total_test"], after["score"]) == ("0", "1.5", "4.5", "6")
    assert "Half of it is right: see me." in course.feedback("ada").read_text(encoding="utf-8")

    course.submit("ada", "{")
    assert course.grade()["ada"]["status"] == "needs_attention"
    assert not course.feedback("ada").exists()
    with open_book(course) as book:
        grades = {grade.name: grade for grade in book.find_submission_notebook(EXERCISE, EXERCISE, "ada").grades}
    assert {name: grade.auto_score for name, grade in grades.items()} == dict.fromkeys(grades)
    assert grades["area_test"].manual_score == 1.5


def test_a_broken_grader_is_a_row_too(course, monkeypatch):
    from segutils.grading import autograde, pipeline

    course.submit("ada", course.solved())
    course.submit("ben", course.solved())
    grade = autograde.Book.grade

    def fail_for_ada(self, student, *notebooks):
        grade(self, student, *notebooks)
        if student == "ada":
            raise OSError("no space left on device")

    monkeypatch.setattr(pipeline.Book, "grade", fail_for_ada)
    rows = course.grade()
    assert rows["ada"]["status"] == "needs_attention" and rows["ada"]["score"] == ""
    assert "the grader itself failed (OSError: no space left on device)" in rows["ada"]["message"]
    assert (rows["ben"]["status"], rows["ben"]["score"]) == ("graded", "9.5")
    with open_book(course) as book:
        assert book.find_submission(EXERCISE, "ada").score == 0


def test_changed_cells_are_refused_and_say_what_to_do(course):
    course.submit("ada", course.solved())
    before = course.grade()
    course.source.write_text(course.source.read_text().replace("double_test", "doubled_test"))
    with pytest.raises(CourseError, match=r"Cannot add or remove cells"):
        course.grade()
    assert course.rows() == before
    (course.root / "grading").rename(course.root / "grading-before")
    with pytest.raises(CourseError, match=r"exercises/ex90_numbers is older than .*make exercises"):
        course.grade()


def test_what_was_handed_in_is_kept_and_can_be_graded_from_there(course):
    """nbgrader's own submitted/ is a folder of submissions too; grading from it leaves its files as they are."""
    notebook = course.solved()
    notebook.cells[3].source = "assert True  # an edited test"
    handed_in = course.submit("ada", notebook).read_bytes()
    first = course.grade()
    kept = course.root / "grading" / "submitted" / "ada" / EXERCISE / f"{EXERCISE}.ipynb"
    assert kept.read_bytes() == handed_in
    course.hand_in = course.root / "grading" / "submitted"
    assert course.grade() == first and kept.read_bytes() == handed_in


def test_two_runs_at_once_are_refused(course):
    course.submit("ada", course.solved())
    with pipeline._alone(course.root / "grading"), pytest.raises(CourseError, match="another grading run"):
        course.grade()


def in_the_foreground():
    """Where a shell started the tests as a background job, SIGINT is ignored, and processes inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_interrupted_and_started_again(course, how, code):
    for student in ("ada", "ben", "cleo"):
        course.submit(student, course.solved(area="def area(width, height):\n    return 0"))
    course.submit("ben", course.solved(double="import time\ndef double(x):\n    time.sleep(60)"))
    command = [sys.executable, "-m", "segutils", "grade", EXERCISE, "--submissions", str(course.hand_in)]
    options = ["--course", str(course.root), "--no-sandbox", "--time-limit", "120"]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    run = subprocess.Popen([*command, *options], preexec_fn=in_the_foreground, **quiet)
    assert "ada" in run.stdout.readline()
    run.send_signal(how)
    started = time.monotonic()
    assert run.wait(timeout=300) == code
    assert time.monotonic() - started < 30  # it does not wait for the sleeper
    assert not (course.root / "grading" / f"{EXERCISE}.csv").exists()

    course.submit("ben", course.solved())
    rows = course.grade()
    assert {name: (row["status"], row["score"]) for name, row in rows.items()} == {
        "ada": ("graded", "6.5"), "ben": ("graded", "9.5"), "cleo": ("graded", "6.5"),
    }  # fmt: skip
    with sqlite3.connect(course.root / "grading" / "gradebook.db") as book:
        assert book.execute("select count(*) from submitted_assignment").fetchone() == (3,)
        assert book.execute("pragma integrity_check").fetchone() == ("ok",)
    assert not [name for name in os.listdir(course.root / "grading") if name.endswith(".tmp")]
