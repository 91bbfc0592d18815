"""No mechanical fault in a reference solution passes its check."""

import re

import pytest

from checks.equal_mutants import EQUAL
from checks.judge import published, tried
from checks.killing import equal_by, mutants_of, reference, survives
from checks.mutation import mutants
from checks.trying import graded_cells

CELLS = {f"{cell.exercise}.{cell.grade_id}": cell for cell in graded_cells()}


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_no_mutant_survives(cell):
    assert [mutant.change for mutant in mutants_of(cell) if survives(cell, mutant)] == []


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_what_is_called_equal_exists_and_survives(cell):
    made = {mutant.change: mutant for mutant in mutants(reference(cell.notebook)[1][cell.grade_id])}
    known = EQUAL.get(f"{cell.exercise}.{cell.grade_id}", {})
    assert set(known) <= set(made), "an entry of equal_mutants.py that no mutant needs"
    assert all(survives(cell, made[change]) for change in known)
    assert all(equal_by(cell, made[change]) for change in known), "the reason is missing"


def test_every_entry_belongs_to_a_graded_cell():
    assert set(EQUAL) <= set(CELLS)


def test_a_cell_without_a_solution_is_told():
    with pytest.raises(ValueError, match="no solution region"):
        mutants("x = 1")


def test_only_the_solution_is_mutated():
    source = "a = 1 + 2\n### BEGIN SOLUTION\nb = a - 1\n### END SOLUTION\nc = a * b\n"
    made = mutants(source)
    assert {"b = a - 1 => b = a + 1", "b = a - 1 => pass", "b = a - 1 => b = a - 2"} <= {m.change for m in made}
    assert all("a = 1 + 2" in mutant.source and "c = a * b" in mutant.source for mutant in made)


def test_the_published_figure_is_of_these_solutions():
    """CONTRIBUTING.md says how many were tried; that all came out right is held by the tests themselves."""
    numbers = [[int(n) for n in re.findall(r"/ (\d+)", row)] for row in published().splitlines()[2:]]
    counts = [[wrong, wrong, mutated, right] for wrong, mutated, right in map(tried, CELLS.values())]
    assert numbers == [*counts, [sum(column) for column in zip(*counts, strict=True)]], "run `make judge`"
    assert all(done == of for done, of in re.findall(r"(\d+) / (\d+)", published())), "a check errs"
