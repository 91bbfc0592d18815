"""Endless code: stopped, that task 0, the others as if it had failed at once."""

from nbformat.v4 import new_code_cell, new_notebook

from segutils.grading.execute import Executor, Limits, hit_time_limit

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
    assert "area_test: NameError: name 'area' is not defined (above it: stopped after 4 s" in rows["sleeps"]["message"]


def test_a_notebook_that_is_endless_everywhere_ends(tmp_path):
    notebook = new_notebook(cells=[new_code_cell("while True: pass") for _ in range(8)] + [new_code_cell("print(1)")])
    executed = Executor(Limits(1)).run(notebook, tmp_path)
    assert hit_time_limit(executed)
    errors = [cell.outputs[0].evalue for cell in executed.cells]
    assert errors[0] == "stopped after 1 s: it ran too long"
    assert errors[-1] == "not run: the whole notebook took longer than 5 s"


def test_an_error_whose_message_cannot_be_sent_is_an_error(tmp_path):
    notebook = new_notebook(cells=[new_code_cell("raise ValueError('\\ud800')"), new_code_cell("print(1)")])
    first, second = Executor(Limits(30)).run(notebook, tmp_path).cells
    assert [output.output_type for output in first.outputs] == ["error"]
    assert [output.output_type for output in second.outputs] == ["stream"]
