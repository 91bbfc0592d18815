"""What every check promises: plain answers, a probe without the reference, short messages, nothing left changed."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from checks.trying import ROOT, graded_cells, message_of
from segutils import checks, metrics
from segutils.checks import ex06
from segutils.checks.base import CheckFailed
from segutils.checks.transport import from_bytes, to_bytes

CELLS = {f"{cell.exercise}.{cell.grade_id}": cell for cell in graded_cells()}


def right_iou(matrix):
    return matrix.diagonal() / (matrix.sum(dim=0) + matrix.sum(dim=1) - matrix.diagonal())


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_a_check_bears_the_name_of_its_cell(cell):
    assert cell.check.name == f"{cell.exercise}.{cell.grade_id}"


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_cases_follow_from_the_seed_and_are_plain(cell):
    check = cell.check
    first, again, other = check.draw(5), check.draw(5), check.draw(6)
    archives = [to_bytes(cases) for cases in (first, again, other)]
    assert archives[0] == archives[1]
    assert archives[0] != archives[2]


def across(records):
    """What arrives at the other side of the border."""
    return from_bytes(to_bytes(records), len(records))


@pytest.mark.parametrize("wrong", [False, True])
def test_cases_and_answers_cross_a_border_as_npz(wrong):
    def iou_per_class(matrix):
        return right_iou(matrix).nan_to_num(0) if wrong else right_iou(matrix)

    check = ex06.iou_per_class
    cases = across(check.draw(3))
    answers = across([check.probe(iou_per_class, case) for case in cases])
    verdict = check.verdict(cases, answers)
    assert verdict.passed is not wrong
    assert ("nan turned into 0" in verdict.message) is wrong
    single = [check.judge(case, answer).passed for case, answer in zip(cases, answers, strict=True)]
    assert all(single) is not wrong


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_every_check_is_the_same_across_the_border(cell):
    """What the grader does: cases go into the sandbox, answers come out, and nothing else."""
    right = cell.student_object(next(iter(cell.trials("RIGHT").values())))
    cases = across(cell.check.draw(1))
    answers = across([cell.check.probe(right, case) for case in cases])
    assert cell.check.verdict(cases, answers).passed


PROBE_ALONE = """
import sys
from checks.trying import graded_cells
for cell in graded_cells():
    if cell.exercise == "{exercise}":
        ready_answers = cell.check.ready_answers
        cell.check.probe(cell.given, cell.check.draw(0)[0])
        loaded = [name for name in sys.modules if name.startswith(("segutils.checks.judges", *ready_answers))]
        assert not loaded, (cell.grade_id, loaded)
"""


@pytest.mark.parametrize("exercise", sorted({cell.exercise for cell in CELLS.values()}))
def test_probes_and_given_cells_need_neither_judges_nor_ready_answers(exercise):
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT)])}
    subprocess.run([sys.executable, "-c", PROBE_ALONE.format(exercise=exercise)], check=True, env=os.environ | paths)


def test_checks_leave_random_states_and_switches_alone():
    torch.manual_seed(3)
    np.random.seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), torch.get_num_threads()

    def careless(matrix):
        torch.manual_seed(9)
        torch.rand(3), np.random.rand(3)
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        return right_iou(matrix)

    message = message_of(ex06.iou_per_class, careless)
    assert "left a global switch of torch changed: gradients on or off, default dtype" in message
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert torch.get_num_threads() == before[2]
    assert torch.is_grad_enabled() and torch.get_default_dtype() == torch.float32


def test_chance_is_noticed():
    message = message_of(ex06.iou_per_class, lambda matrix: right_iou(matrix) + torch.rand(len(matrix)))
    assert "two different results for the same inputs" in message


def test_a_word_on_stderr_is_no_failure(capsys):
    def talkative(matrix):
        print("a word", file=sys.stderr)
        return right_iou(matrix)

    ex06.iou_per_class(talkative)
    assert capsys.readouterr().err == ""


def test_importing_a_ready_answer_is_not_using_it():
    def curious(matrix):
        import segutils.metrics  # noqa: F401

        return right_iou(matrix)

    assert message_of(ex06.iou_per_class, curious) == ""
    assert "hands the task over to segutils.metrics" in message_of(ex06.iou_per_class, metrics.iou_per_class)


def test_a_huge_result_is_not_carried_around():
    answers = ex06.iou_per_class.probe(lambda matrix: torch.zeros(3000, 3000), ex06.iou_per_class.draw(0)[0])
    assert answers["value"].size == 0
    assert "expected shape (3,), got (3000, 3000)" in message_of(ex06.iou_per_class, lambda m: torch.zeros(3000, 3000))


def test_a_notebook_shows_the_message_without_a_traceback():
    with pytest.raises(CheckFailed) as caught:
        ex06.mean_iou(right_iou)
    assert isinstance(caught.value, AssertionError)
    assert caught.value._render_traceback_() == str(caught.value).splitlines()
    assert caught.value.__suppress_context__


def test_success_prints_one_line_and_returns_nothing(capsys):
    """nbgrader would take a returned number for partial credit."""
    assert ex06.iou_per_class(right_iou, seeds=range(2)) is None
    cases = 2 * len(ex06.iou_per_class.draw(0))
    assert capsys.readouterr().out == f"iou_per_class: passed. {cases} cases: {ex06.iou_per_class.verified}.\n"


def test_checks_are_loaded_by_exercise_and_an_unknown_one_is_told():
    assert {cell.exercise for cell in CELLS.values()} == set(checks.EXERCISES)
    assert set(checks.EXERCISES) <= set(dir(checks))
    with pytest.raises(AttributeError, match=r"no 'ex99'; there are: ex01, .*ex07"):
        checks.ex99  # noqa: B018
