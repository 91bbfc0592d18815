"""The two halves of a check, and what passes between them: plain arrays, numbers and strings."""

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

Plain = np.ndarray | np.generic | bool | int | float | str
Case = dict[str, Plain]  # one call: inputs, the seed of weights, what is special about it
Answers = dict[str, Plain]  # what the probe saw: outputs, shapes, gradients, exceptions


class CheckFailed(AssertionError):
    """A check's message, which a notebook shows without the traceback around it."""

    def _render_traceback_(self) -> list[str]:  # IPython's hook
        return str(self).splitlines()


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check: its message is one line on success and at most six on failure."""

    passed: bool
    message: str


@dataclass(frozen=True)
class Check:
    """One graded cell's test.

    `draw(seed)` makes the cases, `probe(student_object, case)` runs the student's object on one of them, and
    `verdict(cases, answers)` judges. Only `probe` needs the student's code, only judging needs the reference.
    """

    name: str  # "ex04.aspp_forward": exercise and grade id
    subject: str  # how messages call what is checked
    draw: Callable[[int], list[Case]]
    probe: Callable[[object, Case], Answers]
    ready_answers: tuple[str, ...]  # modules that do the task already: absent while the exercise is graded
    verified: str  # what a passed check has verified

    def judge(self, case: Case, answers: Answers) -> Verdict:
        """Judge one case; loads the reference."""
        return self.verdict([case], [answers])

    def verdict(self, cases: list[Case], answers: list[Answers]) -> Verdict:
        """Judge all cases together: what usual error explains every one of them?"""
        exercise, grade_id = self.name.split(".")
        judge = getattr(importlib.import_module(f"segutils.checks.judges.{exercise}"), grade_id)
        message = judge.message(self.subject, cases, answers)
        if message is not None:
            return Verdict(False, message)
        return Verdict(True, f"{self.subject}: passed. {len(cases)} cases: {self.verified}.")

    def __call__(self, student_object: object, seeds: Iterable[int] = (0,)) -> None:
        """Check what a student wrote: print one line, or raise CheckFailed with the likely cause."""
        cases = [case for seed in seeds for case in self.draw(seed)]
        verdict = self.verdict(cases, [self.probe(student_object, case) for case in cases])
        if not verdict.passed:
            raise CheckFailed(verdict.message) from None
        print(verdict.message)
