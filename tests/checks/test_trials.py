"""The tests of the tests: no wrong solution passes, each is told its cause, and no right one fails."""

import re

import pytest

from checks.trying import TRIALS, graded_cells

MIN_WRONG, MIN_RIGHT = 12, 4
CELLS = {f"{cell.exercise}.{cell.grade_id}": cell for cell in graded_cells()}
WRONG = [(name, trial) for name, cell in CELLS.items() for trial in cell.trials("WRONG")]
RIGHT = [(name, trial) for name, cell in CELLS.items() for trial in cell.trials("RIGHT")]


@pytest.mark.parametrize(("cell", "trial"), WRONG)
def test_wrong_solution_fails_with_its_cause(cell, trial):
    solution, cause = CELLS[cell].trials("WRONG")[trial]
    message = CELLS[cell].message(solution)
    assert message, "a wrong solution passed"
    assert re.search(cause, message), message


@pytest.mark.parametrize(("cell", "trial"), RIGHT)
def test_right_solution_passes(cell, trial):
    assert CELLS[cell].message(CELLS[cell].trials("RIGHT")[trial], seeds=range(3)) == ""


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_every_graded_cell_has_enough_trials(cell):
    assert len(cell.trials("WRONG")) >= MIN_WRONG
    assert len(cell.trials("RIGHT")) >= MIN_RIGHT


def test_no_trial_file_is_left_over():
    files = {f"{path.parent.name}.{path.stem}" for path in TRIALS.glob("*/*.py")}
    assert files == set(CELLS)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_the_untouched_exercise_gets_a_friendly_sentence(cell):
    message = cell.message(cell.given)
    assert message.startswith(f"{cell.check.subject}: not written yet.")
    assert "Likely cause" not in message
