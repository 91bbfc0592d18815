"""Endless code: stopped, that task 0, the others as if it had failed at once."""

import pytest
from nbformat import writes
from nbformat.v4 import new_code_cell, new_notebook

from segutils.grading.execute import Job, Limits, close_nurseries, execute
from segutils.grading.kernels.nursery import Specification

LOOP = (
    "def double(x):\n    while True:\n        try:\n            x = x\n        except BaseException:\n            pass"
)


def test_an_endless_task_costs_its_own_points_alone(course):
    course.submit("loop", course.solved(double=LOOP))
    course.submit("sleeps", course.solved(area="import time\ntime.sleep(1000)\ndef area(w, h):\n    return w * h"))
    rows = course.grade(seconds=4, workers=2)
    scores = {
        name: [row["status"], row["double_test"], row["area_test"], row["total_test"]] for name, row in rows.items()
    }
    assert scores == {"loop": ["graded", "0", "3", "4.5"], "sleeps": ["graded", "2", "0", "4.5"]}
    assert rows["loop"]["message"] == "double_test: stopped after 4 s: it ran too long"
    assert (
        "area_test: NameError: name 'area' is not defined (above it: stopped after 8 s by the clock: it took too long"
        in rows["sleeps"]["message"]
    )


@pytest.fixture(scope="module")
def run():
    """Run a list of cells without a sandbox, in one kernel after the other."""
    specification = Specification("ex90_numbers", (), (), sandboxed=False, warm=True, disk=10**9)

    def run_cells(sources, seconds):
        notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
        execution = execute(Job(writes(notebook), {}, specification, Limits(seconds)))
        return execution, execution.put_into(notebook).cells

    yield run_cells
    close_nurseries()


def test_a_notebook_that_is_endless_everywhere_ends(run):
    execution, cells = run(["while True: pass"] * 8 + ["print(1)"], 1)
    assert execution.limited
    errors = [cell.outputs[0].evalue for cell in cells]
    assert errors[0] == "stopped after 1 s: it ran too long"
    assert errors[-1] == "not run: the whole notebook took longer than 5 s"


def test_waiting_ends_by_the_clock_and_costs_no_cpu_time(run):
    execution, cells = run(["import time\ntime.sleep(1000)", "print(1)"], 1)
    assert execution.limited and execution.cpu_seconds < 1
    assert cells[0].outputs[0].evalue == "stopped after 2 s by the clock: it took too long"
    assert cells[1].outputs[0].text == "1\n"


def test_work_of_children_counts(run, monkeypatch):
    monkeypatch.setattr("segutils.grading.execute.WALL_FACTOR", 100)
    busy = "import subprocess, sys\nfor _ in range(9):\n    subprocess.run([sys.executable, '-c', 'while True: pass'])"
    assert run([busy], 1)[1][0].outputs[0].evalue == "stopped after 1 s: it ran too long"


def test_too_much_memory_is_told_as_such(run):
    execution, cells = run(["block = b'1' * 10**10", "print(1)"], 20)
    assert cells[0].outputs[0].ename == "MemoryError" and not execution.limited  # one process asks for too much
    grow = "import os\nfor _ in range(9):\n    if not os.fork():\n        block = b'1' * 10**9\n"
    execution, cells = run([grow + "        os.read(os.pipe()[0], 1)\nos.wait()", "print(1)"], 60)
    assert cells[0].outputs[0].ename == "MemoryLimit" and execution.limited  # several of them do together
    assert cells[1].outputs[0].text == "1\n"


def test_an_error_whose_message_cannot_be_sent_is_an_error(run):
    _, (first, second) = run(["raise ValueError('\\ud800')", "print(1)"], 30)
    assert [output.output_type for output in first.outputs] == ["error"]
    assert [output.output_type for output in second.outputs] == ["stream"]


def test_a_cell_that_quits_costs_itself_alone(run):
    _, (first, second) = run(["quit()", "print(1)"], 30)
    assert first.outputs[0].evalue.startswith("it ended the Python process (quit(), ")
    assert second.outputs[0].text == "1\n"
