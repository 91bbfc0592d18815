"""Which notebook of a student's folder counts, whatever it is called."""

import os

import pytest

from segutils.errors import CourseError
from segutils.grading.collect import find_hand_ins

EXERCISE = "ex90_numbers"


@pytest.fixture
def found(tmp_path):
    """Make one student's folder with the files named, and look into it."""

    def look(*names):
        for name in names:
            path = os.path.join(os.fsencode(tmp_path), b"ada", os.fsencode(name))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(path)
        (hand_in,) = find_hand_ins(tmp_path, EXERCISE)
        return hand_in

    return look


@pytest.mark.parametrize(
    "name",
    [
        "Copy_of_ex90_numbers.ipynb",
        "ex90_numbers (1).ipynb",
        "Untitled.ipynb",
        "homework.IPYNB",
        "ex90_numbers/Untitled1.ipynb",
    ],
)
def test_the_only_notebook_counts_under_any_name(found, name):
    hand_in = found(name, "readme.txt", ".hidden.ipynb", ".ipynb_checkpoints/ex90_numbers-checkpoint.ipynb")
    assert hand_in.notebook.name == os.path.basename(name) and hand_in.problem == ""
    assert hand_in.notes == (f"the notebook was called {hand_in.notebook.name}",)


@pytest.mark.parametrize("place", ["ex90_numbers.ipynb", "ex90_numbers/ex90_numbers.ipynb"])
def test_the_right_name_comes_first_and_is_not_worth_a_note(found, place):
    hand_in = found(place, "Copy_of_ex90_numbers.ipynb", "Untitled.ipynb")
    assert hand_in.notebook.name == "ex90_numbers.ipynb" and hand_in.notes == ()


def test_of_several_the_one_with_the_exercises_name_counts(found):
    hand_in = found("Untitled.ipynb", "Copy_of_Ex90_Numbers.ipynb", "ex91.ipynb")
    assert hand_in.notebook.name == "Copy_of_Ex90_Numbers.ipynb"


@pytest.mark.parametrize(
    ("names", "listed"),
    [
        (["b.ipynb", "a.ipynb"], "(a.ipynb, b.ipynb)"),
        (["c.ipynb", "ex90_numbers (1).ipynb", "ex90_numbers (2).ipynb"], "(ex90_numbers (1).ipynb, ex90_numbers (2)."),
        (["1.ipynb", "2.ipynb", "3.ipynb", "ex90_numbers/4.ipynb"], "(1.ipynb, 2.ipynb, 3.ipynb, ...)"),
    ],
)
def test_several_that_might_count_are_listed(found, names, listed):
    hand_in = found(*names)
    assert hand_in.notebook is None and listed in hand_in.problem
    assert hand_in.problem.endswith("give the one that counts this name")


def test_without_a_notebook_the_message_says_what_there_is(found):
    assert found("plan.pdf", "work/ex90_numbers.ipynb").problem == (
        "no ex90_numbers.ipynb: there is only plan.pdf, work; ask for the notebook"
    )


@pytest.mark.parametrize(
    "name",
    [b"\x1b[2J\n\r\t.ipynb", b"\xff\xfe.ipynb", b"x" * 249 + b".ipynb", "‮evil.ipynb".encode()],
    ids=["control", "no-text", "long", "right-to-left"],
)
def test_a_hostile_name_is_found_and_told_harmlessly(found, name):
    hand_in = found(name)
    (note,) = hand_in.notes
    assert os.fsencode(hand_in.notebook.name) == name and hand_in.notebook.exists()
    assert note.isprintable() and note.endswith(".ipynb") and len(note) < 100


def test_a_folder_that_is_called_like_a_notebook_is_none(tmp_path):
    (tmp_path / "ada" / "Untitled.ipynb").mkdir(parents=True)
    (hand_in,) = find_hand_ins(tmp_path, EXERCISE)
    assert hand_in.notebook is None and "there is only Untitled.ipynb" in hand_in.problem


def test_nothing_is_taken_from_a_linked_folder(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "Untitled.ipynb").write_text("{}")
    (tmp_path / "class" / "ada").mkdir(parents=True)
    (tmp_path / "class" / "ada" / EXERCISE).symlink_to(tmp_path / "elsewhere")
    (hand_in,) = find_hand_ins(tmp_path / "class", EXERCISE)
    assert hand_in.notebook is None


def test_files_beside_the_students_folders_are_no_students(tmp_path):
    (tmp_path / "list.csv").write_text("ada")
    with pytest.raises(CourseError, match="no student's folder in"):
        find_hand_ins(tmp_path, EXERCISE)
