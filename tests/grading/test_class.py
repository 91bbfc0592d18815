"""A class as it hands in: right, wrong, broken and unusual notebooks, graded in one run, each row as it must be."""

import json
import os
import time

import nbformat
import pytest

EXIT = "import os\ndef area(width, height):\n    os._exit(3)"
NOISY = (
    "import sys, warnings\ndef area(width, height):\n"
    "    warnings.warn('careful')\n    print('to stderr', file=sys.stderr)\n    return width * height"
)
FLOOD = "def double(x):\n    for _ in range(300):\n        print('x' * 100_000)\n    return 2 * x"
SHOWS = (
    "from IPython.display import display\nimport ipywidgets, matplotlib.pyplot as plt\n"
    "display({'text/html': 5, 'image/png': '?', 'text/latex': None}, raw=True)\n"
    "display({}, raw=True)\nplt.plot([1, 2]); plt.show()\nprint('\\x00\\x1b[2J')\n"
    "!false\n%timeit -n1 -r1 1\n"
    "ipywidgets.IntSlider()\n"
    "def total(numbers):\n    display(ipywidgets.IntSlider())\n    return sum(numbers)"
)
LEAVES = (
    "import subprocess, sys\ndef double(x):\n"
    "    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "    open({path!r}, 'w').write(str(child.pid))\n    return 2 * x"
)
GRADED, ATTENTION = "graded", "needs_attention"


def by_id(notebook, name):
    return next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == name)


def stripped(notebook):
    """As Colab saves it: no metadata, no ids of its own."""
    for cell in notebook.cells:
        cell.metadata = {}
    return notebook


def without(notebook, *names):
    gone = [by_id(notebook, name) for name in names]
    notebook.cells = [cell for cell in notebook.cells if cell not in gone]
    return notebook


def edited(notebook, name, source):
    by_id(notebook, name).source = source
    return notebook


def with_copies(notebook):
    """A test and a solution copied to the end, where the student tried a wrong version."""
    tried = json.loads(json.dumps(by_id(notebook, "double")))
    tried["source"], tried["id"] = "def double(x):\n    return 'tried'", "tried"
    again = json.loads(json.dumps(by_id(notebook, "area_test")))
    again["id"] = "again"
    notebook.cells += nbformat.from_dict([tried, again])
    return notebook


def with_tests_first(notebook):
    notebook.cells.sort(key=lambda cell: not cell.metadata.get("nbgrader", {}).get("grade_id", "").endswith("_test"))
    return notebook


def as_version_3(notebook):
    return json.dumps(nbformat.convert(notebook, 3))


def another_notebook():
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print('holiday photos')")])


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory):
    return tmp_path_factory.mktemp("left") / "pid"


@pytest.fixture(scope="module")
def graded(class_course, left_behind):
    """Everybody's row after one run."""
    course = class_course
    course.submit("right", course.solved())
    course.submit("untouched", course.released(), nested=True)
    course.submit("wrong", course.solved(area="def area(width, height):\n    return width + height"))
    course.submit("wrong-hidden", course.solved(total="def total(numbers):\n    return sum(numbers) or 1"))
    course.submit("syntax", course.solved(total="def total(numbers)\n    return 3"))
    course.submit("exit", course.solved(area=EXIT))
    course.submit("noisy", course.solved(area=NOISY))
    course.submit("flood", course.solved(double=FLOOD))
    course.submit("leaves", course.solved(double=LEAVES.format(path=str(left_behind))))
    course.submit("shows", course.solved(total=SHOWS))
    course.submit(
        "surrogate", json.dumps(course.solved(double="x = '\ud800'\ndef double(x):\n    raise ValueError('\\ud800')"))
    )
    (course.hand_in / "folder" / f"{course.exercise}.ipynb").mkdir(parents=True)
    (course.hand_in / "pipe").mkdir()
    os.mkfifo(course.hand_in / "pipe" / f"{course.exercise}.ipynb")
    course.submit("copies", with_copies(course.solved()))
    course.submit("colab", stripped(course.solved()))
    course.submit("test-deleted", without(course.solved(), "area_test", "setup"))
    course.submit("solution-deleted", without(course.solved(), "area"))
    course.submit(
        "test-edited", edited(course.solved(area="def area(w, h):\n    return 0"), "area_test", "assert True")
    )
    course.submit("tests-first", with_tests_first(course.solved()))
    course.submit("old-format", as_version_3(course.solved()))
    course.submit("bom", b"\xef\xbb\xbf" + json.dumps(course.solved(), indent=1).replace("\n", "\r\n").encode())
    course.submit("Zoë [*] {x} 🙂", course.solved())
    course.submit(".dot", course.released())
    course.submit("other", another_notebook())
    course.submit("cut-off", json.dumps(course.solved())[:900])
    course.submit("empty", b"")
    course.submit("binary", bytes(range(256)) * 9)
    course.submit("a-list", b"[1, 2]")
    course.submit("no-cells", b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}')
    course.submit("odd-cells", b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [7]}')
    os.truncate(course.submit("huge", b"{}"), 60_000_000)
    (course.hand_in / "nothing").mkdir()
    (course.hand_in / "misnamed").mkdir()
    course.submit("misnamed", course.solved()).rename(course.hand_in / "misnamed" / "Untitled.ipynb")
    (course.hand_in / "misnamed-other").mkdir()
    course.submit("misnamed-other", another_notebook()).rename(course.hand_in / "misnamed-other" / "ex91.ipynb")
    course.submit("two", course.solved())
    course.submit("two", course.released(), nested=True)
    (course.hand_in / "link").symlink_to(course.root / "solutions")
    (course.hand_in / "linked-file").mkdir()
    source = course.root / "solutions" / course.exercise / f"{course.exercise}.ipynb"
    (course.hand_in / "linked-file" / f"{course.exercise}.ipynb").symlink_to(source)
    (course.hand_in / "a-file.txt").write_text("no student")
    return course.grade(seconds=300)


EXPECTED = {
    # student: status, the points of double, area, total, and what the message must say
    "right": (GRADED, 2, 3, 4.5, ""),
    "untouched": (
        GRADED,
        0,
        0,
        0,
        "double_test: not written yet; area_test: not written yet; total_test: not written yet",
    ),
    "wrong": (GRADED, 2, 0, 4.5, "area_test: area: expected area(2, 3) == 6 Likely cause: a slip"),
    "wrong-hidden": (GRADED, 2, 3, 0, "total_test: total: fails on another input"),
    "syntax": (GRADED, 2, 3, 0, "total_test: NameError: name 'total' is not defined (above it: SyntaxError: "),
    "exit": (GRADED, 2, 0, 4.5, "area_test: it ended the Python process"),
    "noisy": (GRADED, 2, 3, 4.5, ""),
    "flood": (GRADED, 2, 3, 4.5, ""),
    "leaves": (GRADED, 2, 3, 4.5, ""),
    "shows": (GRADED, 2, 3, 4.5, ""),
    "surrogate": (GRADED, 0, 3, 4.5, "double_test: "),
    "folder": (ATTENTION, "is not a file"),
    "pipe": (ATTENTION, "is not a file"),
    "copies": (GRADED, 2, 3, 4.5, "cell double was there 2 times"),
    "colab": (GRADED, 2, 3, 4.5, "7 cells had lost their nbgrader entry"),
    "test-deleted": (GRADED, 2, 3, 4.5, "cell area_test was missing: it was put back"),
    "solution-deleted": (GRADED, 2, 0, 4.5, "area_test: NameError: name 'area' is not defined"),
    "test-edited": (GRADED, 2, 0, 4.5, "the locked cell area_test had been edited"),
    "tests-first": (GRADED, 2, 3, 4.5, "the test total_test stood above the code that it tests"),
    "old-format": (GRADED, 2, 3, 4.5, ""),
    "bom": (GRADED, 2, 3, 4.5, ""),
    "Zoë [*] {x} 🙂": (GRADED, 2, 3, 4.5, ""),
    ".dot": (GRADED, 0, 0, 0, "not written yet"),
    "other": (ATTENTION, "is it the notebook of another exercise?"),
    "cut-off": (ATTENTION, "was cut off"),
    "empty": (ATTENTION, "is empty"),
    "binary": (ATTENTION, "is not a notebook"),
    "a-list": (ATTENTION, "does not have the structure of a notebook"),
    "no-cells": (ATTENTION, "has no cells with content"),
    "odd-cells": (ATTENTION, "does not have the structure of a notebook"),
    "huge": (ATTENTION, "has 60 MB, the limit is 50 MB"),
    "nothing": (ATTENTION, "the folder is empty"),
    "misnamed": (GRADED, 2, 3, 4.5, "mended before grading: the notebook was called Untitled.ipynb"),
    "misnamed-other": (ATTENTION, "is it the notebook of another exercise?"),
    "two": (ATTENTION, "two different notebooks"),
    "link": (ATTENTION, "a link to another folder"),
    "linked-file": (ATTENTION, "is a link, not a file"),
}


@pytest.mark.parametrize("student", EXPECTED)
def test_row(graded, student):
    row, (status, *points, message) = graded[student], EXPECTED[student]
    scores = [f"{value:g}" for value in points] or ["", "", ""]
    total = f"{sum(points):g}" if points else ""
    assert list(row.values())[:8] == [student, "ex90_numbers", status, total, "9.5", *scores]
    assert message in row["message"] if message else row["message"] == ""


def test_one_row_for_every_folder_sorted_by_student(graded):
    assert list(graded) == sorted(EXPECTED)


def test_every_graded_submission_has_its_feedback_and_no_other(graded, class_course):
    for student, row in graded.items():
        assert class_course.feedback(student).exists() == (row["status"] == GRADED), student


def test_feedback_shows_messages_and_no_hidden_test(graded, class_course):
    page = class_course.feedback("wrong-hidden").read_text(encoding="utf-8")
    assert "total: fails on another input" in page
    assert "Likely cause: a slip" in class_course.feedback("wrong").read_text(encoding="utf-8")
    for secret in ("HIDDEN TESTS", "total([])", "double(-4)"):
        assert secret not in page


def test_a_flood_of_output_does_not_reach_the_feedback(graded, class_course):
    assert class_course.feedback("flood").stat().st_size < 6_000_000


def test_nothing_outlives_its_kernel(graded, left_behind):
    pid = int(left_behind.read_text())
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and os.path.exists(f"/proc/{pid}") and not is_zombie(pid):
        time.sleep(0.1)
    assert not os.path.exists(f"/proc/{pid}") or is_zombie(pid)


def is_zombie(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_nothing_is_written_outside_grading(graded, class_course):
    rooms = {path.name for path in class_course.root.iterdir()}
    assert rooms == {"exercises", "grading", "hand-in", "solutions"}
    solutions = [path.name for path in (class_course.root / "solutions").rglob("*")]
    assert solutions == ["ex90_numbers", "ex90_numbers.ipynb"]


def test_the_terminal_shows_a_line_per_student_and_a_table(graded, class_course):
    printed = class_course.printed.getvalue()
    assert sum("/37" in line for line in printed.splitlines()) == len(EXPECTED) == 37
    assert "37 students: 22 graded, 15 need attention" in printed
    assert "Traceback" not in printed and "WARNING" not in printed
