"""Reading notebooks that were saved anywhere, and fitting their cells to the release."""

import copy
import json

import nbformat
import pytest

from grading import tiny_course
from segutils.errors import CourseError
from segutils.submission import entry, faults, plain, read_notebook, repair, tasks


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return tiny_course.Course(tmp_path_factory.mktemp("submission") / "course")


@pytest.fixture
def release(course):
    return course.released()


def read(tmp_path, content):
    path = tmp_path / "a.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return read_notebook(path)


def repaired(tmp_path, course, notebook):
    return repair(read(tmp_path, notebook), course.released())


def sources(notebook):
    return [cell.source for cell in notebook.cells]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_any_encoding_that_editors_write(tmp_path, course, encoding):
    notebook = course.solved(double="def double(x):  # größer 🙂\n    return 2 * x")
    content = json.dumps(notebook, ensure_ascii=False).encode(encoding)
    assert sources(read(tmp_path, content)) == sources(notebook)


@pytest.mark.parametrize("version", [2, 3])
def test_old_formats(tmp_path, course, version):
    solved = course.solved()
    old = nbformat.convert(copy.deepcopy(solved), 3)
    if version == 2:
        old = nbformat.convert(old, 2)
    notebook, _ = repaired(tmp_path, course, old)
    assert sources(notebook) == sources(solved)


def test_only_source_type_and_entry_are_read(tmp_path, course):
    notebook = course.solved()
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="x" * 1000)]
    notebook.cells[2].metadata["tags"] = ["skip-execution", "raises-exception"]
    cell = read(tmp_path, notebook).cells[2]
    assert cell.outputs == [] and list(cell.metadata) == ["nbgrader"]


@pytest.mark.parametrize(
    "content",
    [b"", b" \n", b"\x00\xff\xfe", b"{", b"null", b"7", b"[]", b"{}", b'{"cells": 3}', b"[" * 100_000]
    + [b'{"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "code", "source": 5, "metadata": {}}]}']
    + [b'{"nbformat": 99, "metadata": {}, "cells": []}', b'{"nbformat": "4", "cells": [{}]}'],
)
def test_what_is_no_notebook_is_a_sentence(tmp_path, content):
    with pytest.raises(CourseError, match=r"^a\.ipynb .+: .+"):
        read(tmp_path, content)


def test_untouched_notebooks_need_no_repair(tmp_path, course, release):
    notebook, notes = repaired(tmp_path, course, release)
    assert notes == [] and sources(notebook) == sources(release)
    assert [entry(cell) for cell in notebook.cells] == [entry(cell) for cell in release.cells]


def test_the_same_notebook_is_written_the_same(tmp_path, course):
    first, second = (nbformat.writes(repaired(tmp_path, course, course.solved())[0]) for _ in range(2))
    assert first == second


def test_without_metadata_cells_are_found_again(tmp_path, course, release):
    solved = course.solved()
    stripped = course.solved()
    for cell in stripped.cells:
        cell.metadata = {}
    notebook, notes = repaired(tmp_path, course, stripped)
    assert sources(notebook) == sources(solved)
    assert [entry(cell) for cell in notebook.cells] == [entry(cell) for cell in release.cells]
    assert notes == ["7 cells had lost their nbgrader entry and were found by their content"]


def test_without_metadata_a_solution_of_another_name_is_found_by_its_place(tmp_path, course):
    stripped = course.solved(double="def twice(x):\n    return 2 * x\n\ndouble = twice")
    for cell in stripped.cells:
        cell.metadata = {}
    notebook, _ = repaired(tmp_path, course, stripped)
    assert entry(notebook.cells[2])["grade_id"] == "double" and "twice" in notebook.cells[2].source
    assert len(notebook.cells) == len(stripped.cells)


def test_of_two_solutions_the_one_above_the_test_counts(tmp_path, course):
    notebook = course.solved()
    tried = copy.deepcopy(notebook.cells[2])
    tried.source = "def double(x):\n    return 'tried'"
    notebook.cells.append(tried)
    mended, notes = repaired(tmp_path, course, notebook)
    assert sources(mended) == sources(notebook)  # both still run, in the student's order
    assert [entry(cell).get("grade_id") for cell in mended.cells][2] == "double" and not entry(mended.cells[-1])
    assert notes == ["cell double was there 2 times: one counts"]


def test_a_deleted_solution_is_no_stub_that_hides_a_later_one(tmp_path, course):
    notebook = course.solved()
    del notebook.cells[2]
    notebook.cells.insert(1, tiny_course.code("double = lambda x: 2 * x"))
    mended, notes = repaired(tmp_path, course, notebook)
    assert "cell double was missing: it was put back" in notes
    names = {}
    for cell in mended.cells:
        if cell.cell_type == "code" and not entry(cell).get("grade"):
            exec(cell.source, names)
    assert names["double"](3) == 6


def test_a_foreign_notebook_is_refused(release):
    other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    with pytest.raises(CourseError, match="another exercise"):
        repair(other, release)


def test_tasks_and_points(release):
    assert [(task.name, task.points) for task in tasks(release)] == [
        ("double_test", 2),
        ("area_test", 3),
        ("total_test", 4.5),
    ]


@pytest.mark.parametrize(
    ("ename", "evalue", "message"),
    [
        ("NotImplementedError", "todo", "not written yet"),
        ("CheckFailed", "ASPP.forward: not written yet. Replace the line\n  above.", "not written yet"),
        ("AssertionError", "f: wrong\n  called: f(1)\n  Likely cause: rows\n  x", "f: wrong Likely cause: rows"),
        ("AssertionError", "", "AssertionError"),
        ("ValueError", "\x1b[31mbad\x1b[0m\nmore", "ValueError: bad"),
        ("SyntaxError", "invalid syntax (123456.py, line 3)", "SyntaxError: invalid syntax (line 3)"),
        ("TypeError", "y" * 1000, "TypeError: " + "y" * 286 + "..."),
    ],
)
def test_messages(release, ename, evalue, message):
    test = next(cell for cell in release.cells if entry(cell).get("grade_id") == "area_test")
    test.outputs = [nbformat.v4.new_output("error", ename=ename, evalue=evalue, traceback=[])]
    assert faults(release) == {"area_test": message}


def test_plain_text_cannot_act_on_a_terminal():
    assert plain("a\x1b[2Jb\x07c\u202ed\ne") == "ab c d\ne"


def test_an_edited_locked_cell_gets_its_text_back(tmp_path, course, release):
    notebook = course.solved()
    notebook.cells[3].source = "assert True"
    mended, notes = repaired(tmp_path, course, notebook)
    assert mended.cells[3].source == release.cells[3].source
    assert notes == ["the locked cell double_test had been edited: it has its released content again"]
