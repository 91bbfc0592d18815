"""Run a check on mutants of the reference solution, and tell which ones it lets pass."""

import contextlib
import importlib
import io
import signal
import warnings
from collections.abc import Iterator
from functools import cache

import nbformat

from checks.equal_mutants import EQUAL
from checks.mutation import Mutant, mutants
from checks.trying import ROOT, Cell
from segutils.checks.judges.base import find_misuse

ENDLESS_SECONDS = 15  # a mutant that is still running then never ends


class Endless(BaseException):
    """The mutant was stopped."""


@cache
def reference(notebook: str) -> tuple[dict[str, object], dict[str, str]]:
    """What a solved exercise defines, and the source of each answer cell by the grade id that it answers."""
    namespace: dict[str, object] = {"__name__": notebook}
    answers = {}
    path = ROOT / "solutions" / notebook / f"{notebook}.ipynb"
    for cell in nbformat.read(path, as_version=4).cells:
        entry = cell.metadata.get("nbgrader", {})
        if cell.cell_type != "code" or entry.get("grade"):
            continue
        if entry.get("solution"):
            answers[entry["grade_id"].removesuffix("_answer")] = cell.source
        with contextlib.redirect_stdout(io.StringIO()):
            exec(cell.source, namespace)
    return namespace, answers


@cache
def mutants_of(cell: Cell) -> list[Mutant]:
    """The mutants of a graded cell's reference, without those that are known to be equal to it."""
    return [mutant for mutant in mutants(reference(cell.notebook)[1][cell.grade_id]) if not equal_by(cell, mutant)]


def equal_by(cell: Cell, mutant: Mutant) -> str:
    """Why a mutant is equal to the reference; empty where it is not known to be."""
    return EQUAL.get(f"{cell.exercise}.{cell.grade_id}", {}).get(mutant.change, "")


def survives(cell: Cell, mutant: Mutant) -> bool:
    """Whether the visible cases let a mutant pass."""
    judge = getattr(importlib.import_module(f"segutils.checks.judges.{cell.exercise}"), cell.grade_id)
    namespace = dict(reference(cell.notebook)[0])
    try:
        with _stopped_if_endless(), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python doubts some mutants, too
            exec(mutant.source, namespace)
            for case in cell.check.draw(0):
                answers = cell.check.probe(namespace[cell.object_name], case)
                if find_misuse(answers) or judge.find_fault(case, answers):
                    return False
    except Endless:
        return False
    return True


@contextlib.contextmanager
def _stopped_if_endless() -> Iterator[None]:
    def stop(number: int, frame: object) -> None:
        raise Endless

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(ENDLESS_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
