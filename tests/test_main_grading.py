"""`check` and `grade` as they are typed: output and exit codes."""

import pytest

from grading import tiny_course
from segutils.__main__ import main

EXERCISE = tiny_course.EXERCISE


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return tiny_course.Course(tmp_path_factory.mktemp("main") / "course")


def grade(course, *options, exercise=EXERCISE, folder="hand-in"):
    submissions = str(course.root / folder)
    return main(["grade", exercise, "--course", str(course.root), "--submissions", submissions, *options])


def test_grade_refuses_without_bubblewrap_and_says_how_to_get_it(course, capsys, monkeypatch):
    course.submit("ada", course.solved())
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert grade(course) == 2
    told = capsys.readouterr().err
    assert "sudo apt-get install bubblewrap" in told and "with --no-sandbox, which runs their code with your" in told
    assert not (course.root / "grading").exists()


def test_grade_refuses_tests_that_cannot_be_sealed(course, capsys):
    course.submit("ada", course.solved())
    assert grade(course) == 2
    assert "the test in the cell double_test cannot be sealed: it must consist of calls like" in capsys.readouterr().err


def test_grade_refuses_a_scheduler_that_is_not_there(course, capsys, monkeypatch):
    monkeypatch.setattr("segutils.grading.engine.CONNECT_SECONDS", 1)
    course.submit("ada", course.solved())
    assert grade(course, "--no-sandbox", "--scheduler", "tcp://127.0.0.1:9") == 2
    assert "no dask scheduler answers at tcp://127.0.0.1:9" in capsys.readouterr().err


def test_grade_exits_with_0_when_all_is_graded_and_3_when_not(course, capsys):
    course.submit("ada", course.solved())
    assert grade(course, "--no-sandbox") == 0
    streams = capsys.readouterr()
    assert streams.err.startswith("WARNING: --no-sandbox: the students' code runs with your rights")
    assert "1 student: 1 graded, 0 need attention" in streams.out

    (course.hand_in / "ben").mkdir()
    assert grade(course, "--no-sandbox", "--workers", "2") == 3
    assert "2 students: 1 graded (1 known from an earlier run), 1 need attention" in capsys.readouterr().out
    assert list(course.rows()) == ["ada", "ben"]


def test_grade_into_another_gradebook(course, tmp_path):
    course.submit("ada", course.solved())
    assert grade(course, "--no-sandbox", "--db", f"sqlite:///{tmp_path / 'other.db'}") in (0, 3)
    assert (tmp_path / "other.db").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"exercise": "ex99"}, "no exercise is called 'ex99'; there are: ex90_numbers"),
        ({"exercise": "../ex90_numbers"}, "no exercise is called '../ex90_numbers'"),
        ({"folder": "nowhere"}, "no folder"),
        ({"folder": "solutions/ex90_numbers"}, "no student's folder in"),
        ({"db": "sqlite:////proc/none/book.db"}, "the gradebook sqlite:////proc/none/book.db cannot be opened"),
        ({"db": "nonsense"}, "the gradebook nonsense cannot be opened"),
    ],
)
def test_usage_errors_exit_with_2(course, capsys, arguments, message):
    course.submit("ada", course.solved())
    db = arguments.pop("db", None)
    assert grade(course, "--no-sandbox", *(["--db", db] if db else []), **arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", [["--workers", "0"], ["--workers", "two"], ["--time-limit", "0"], ["--memory-limit", "0.2"]]
)
def test_options_out_of_range_exit_with_2(course, options):
    with pytest.raises(SystemExit) as stop:
        grade(course, "--no-sandbox", *options)
    assert stop.value.code == 2


def check(course, path, capsys):
    code = main(["check", str(path), "--course", str(course.root)])
    streams = capsys.readouterr()
    return code, streams.out, streams.err


def test_check_of_a_solved_notebook_with_cells_added(course, capsys):
    notebook = course.solved()
    notebook.cells.insert(3, tiny_course.code("print(double(21))\n1 / 0"))
    code, out, _ = check(course, course.submit("cleo", notebook), capsys)
    assert code == 0
    assert out.count("passed") == 3 and "9.5 of 9.5 points within reach" in out
    assert "the cell that begins with `print(double(21))` raises ZeroDivisionError: division by zero" in out


def test_check_names_what_fails_and_what_is_not_written(course, capsys):
    notebook = course.released()
    notebook.cells[4].source = "def area(width, height):\n    return width + height"
    assert "area" in course.released().cells[4].source
    code, out, _ = check(course, course.submit("dora", notebook), capsys)
    assert code == 1
    assert out.count("not written yet") == 2 and "0 of 9.5 points" in out
    assert "      area: expected area(2, 3) == 6\n        Likely cause: a slip\n" in out


def test_check_of_files_that_are_no_notebook(course, capsys, tmp_path):
    missing = check(course, tmp_path / "ex90_numbers.ipynb", capsys)
    assert missing[0] == 2 and "does not exist" in missing[2] and "Traceback" not in missing[2]
    broken = check(course, course.submit("eve", '{"cells": ['), capsys)
    assert broken[0] == 2 and "was cut off" in broken[2]
    (tmp_path / "other.ipynb").write_text(
        '{"nbformat": 4, "cells": [{"cell_type": "raw", "source": "x", "metadata": {}}]}'
    )
    other = check(course, tmp_path / "other.ipynb", capsys)
    assert other[0] == 2 and "is no exercise of this course; there are: ex90_numbers" in other[2]


def test_check_under_another_name_finds_its_exercise(course, capsys):
    path = course.submit("finn", course.solved())
    code, out, _ = check(course, path.rename(path.with_name("ex90_numbers (1).ipynb")), capsys)
    assert code == 0 and out.count("passed") == 3
