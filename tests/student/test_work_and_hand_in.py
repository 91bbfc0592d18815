"""work/ and hand-in/: nothing of a student's is ever overwritten, and what is handed in is what grading reads."""

import pytest

from grading import tiny_course
from segutils.student import work
from segutils.student.__main__ import main

EXERCISE = tiny_course.EXERCISE


@pytest.fixture
def course(tmp_path):
    return tiny_course.Course(tmp_path / "course")


def run(course, capsys, *arguments):
    code = main(["--course", str(course.root), *arguments])
    streams = capsys.readouterr()
    return code, streams.out, streams.err


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_work_copies_what_is_missing_and_keeps_the_rest(course, capsys):
    (course.root / "exercises" / EXERCISE / "picture.txt").write_text("a helper file")
    mine = course.root / "work" / EXERCISE / f"{EXERCISE}.ipynb"
    mine.parent.mkdir(parents=True)
    mine.write_text("my work")
    assert run(course, capsys, "work") == (0, f"new in work/: {EXERCISE}/picture.txt\n", "")
    assert mine.read_text() == "my work"
    assert files(course.root / "work") == [f"{EXERCISE}/{EXERCISE}.ipynb", f"{EXERCISE}/picture.txt"]
    assert run(course, capsys, "work") == (0, "", "")
    mine.unlink()
    run(course, capsys, "work")
    assert mine.read_bytes() == (course.root / "exercises" / EXERCISE / f"{EXERCISE}.ipynb").read_bytes()


def test_a_file_that_appears_meanwhile_is_kept(course, monkeypatch):
    """The student's file is made after the look and before the copy is put in its place."""
    target = course.root / "work" / EXERCISE / f"{EXERCISE}.ipynb"
    copy = work.copy_beside

    def copy_slowly(source, place):
        temporary = copy(source, place)
        target.write_text("made meanwhile")
        return temporary

    monkeypatch.setattr(work, "copy_beside", copy_slowly)
    assert work.lay_out_work(course.root) == []
    assert target.read_text() == "made meanwhile" and files(course.root / "work") == [f"{EXERCISE}/{EXERCISE}.ipynb"]


def test_a_file_system_without_links(course, monkeypatch):
    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr(work.os, "link", refuse)
    assert len(work.lay_out_work(course.root)) == 1
    assert files(course.root / "work") == [f"{EXERCISE}/{EXERCISE}.ipynb"]


def test_submit_hands_in_even_what_fails_and_says_so(course, capsys):
    run(course, capsys, "work")
    mine = course.root / "work" / EXERCISE / f"{EXERCISE}.ipynb"
    tiny_course.nbformat.write(course.solved(area="def area(width, height):\n    return 7"), mine)
    code, out, _ = run(course, capsys, "submit", EXERCISE, "Ada Lovelace")
    assert code == 0
    assert "Not every task passes yet (1 of 3 do not): it is handed in as it is." in out
    assert "Handed in: hand-in/Ada Lovelace/ex90_numbers.ipynb" in out
    assert (course.hand_in / "Ada Lovelace" / f"{EXERCISE}.ipynb").read_bytes() == mine.read_bytes()
    assert files(course.hand_in) == [f"Ada Lovelace/{EXERCISE}.ipynb"]


def test_a_notebook_that_cannot_be_read_is_refused_and_the_last_one_stays(course, capsys):
    handed_in = course.submit("ada", course.solved())
    before = handed_in.read_bytes()
    mine = course.root / "work" / EXERCISE / f"{EXERCISE}.ipynb"
    mine.parent.mkdir(parents=True)
    mine.write_text('{"cells": [')
    code, _, err = run(course, capsys, "submit", EXERCISE, "ada")
    assert code == 2 and "was cut off" in err
    assert handed_in.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no exercise was named: make submit EX=NAME STUDENT=you, with NAME one of ex90_numbers"),
        (["", "ada"], "no exercise was named"),
        (["ex04", "ada"], "no exercise is called 'ex04'"),
        (["../x", "ada"], "no exercise is called '../x'"),
        ([EXERCISE], "no student was named: make submit EX=ex90_numbers STUDENT=you"),
        ([EXERCISE, " "], "no student was named"),
        *[
            ([EXERCISE, name], "cannot be a folder's name")
            for name in ("../ada", ".ada", "a/b", "a\nb", "a" * 121, "ada ")
        ],
        ([EXERCISE, "ada"], "does not exist: `make lab` puts a copy there"),
    ],
)
def test_what_cannot_be_handed_in_is_one_sentence(course, capsys, arguments, message):
    code, out, err = run(course, capsys, "submit", *arguments)
    assert code == 2 and message in err and err.count("\n") == 1 and out == ""
    assert not course.hand_in.exists()
