"""What the judges of ex06_metrics share."""

import numpy as np
from torch import Tensor

from segutils.checks.base import Answers
from segutils.checks.judges.base import (
    NO_RETURN,
    Fault,
    UsualErrors,
    a_kind,
    find_side_effect,
    find_wrong_result,
    find_wrong_value,
    number,
)

FLOATING = ("float64", "float32")
PRECISION = 2e-6  # of the largest value: a quotient of counts in float32, whatever dtype holds it afterwards


def find_wrong_number(expected: np.ndarray, answers: Answers) -> Fault | None:
    """Compare a result with a 0-d array where a Python number was asked; numpy's numbers are as good."""
    if fault := find_side_effect(answers):
        return fault
    kind = str(answers["kind"])
    if kind in ("Tensor", "bool") or "value" not in answers or np.size(answers["value"]) != 1:
        hint = {
            "NoneType": NO_RETURN,
            "ndarray": "no sum: masks were combined pixel by pixel, but not counted.",
            "Tensor": "numpy came in and a number is asked: `.item()` turns a tensor without axes into one.",
        }
        return Fault(f"returned {a_kind(kind)}", f"expected the number {number(expected)}", hint.get(kind, ""))
    value = np.asarray(answers["value"])
    if value.dtype.kind not in "iuf":
        return Fault(f"returned a number of dtype {value.dtype}", f"expected the number {number(expected)}")
    got = value.astype(float).reshape(())
    if abs(got - expected) < 1e-6:  # a quotient in float32 is as good
        return None
    return find_wrong_value(expected, got, "float64", "the result")


def find_wrong_ratio(expected: Tensor, answers: Answers) -> Fault | None:
    """Compare ratios of counts, in float32 or float64, with the precision that float32 has."""
    fault = find_side_effect(answers)
    if fault or answers["kind"] != "Tensor" or tuple(answers["shape"]) != tuple(expected.shape):
        return fault or find_wrong_result(expected, answers, FLOATING)
    if str(answers["dtype"]) not in FLOATING:
        got = f"expected float32 or float64, got {answers['dtype']}"
        return Fault("the result has the wrong dtype", got, "a ratio of counts needs a float of 32 or 64 bits.")
    wanted, got = expected.numpy(), np.asarray(answers["value"], dtype=float)
    scale = max(np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0), 1e-3)
    right = np.isclose(got, wanted, rtol=0, atol=PRECISION * scale, equal_nan=True)
    return find_wrong_value(wanted, np.where(right, wanted, got), "float64", "the result")


def smoothings() -> list[tuple[float, str]]:
    """Constants that people add against a division by 0."""
    text = "a constant ({:g}) was added to avoid 0 / 0: it changes every result and hides the empty union."
    return [(10.0**-power, text.format(10.0**-power)) for power in range(0, 13)]


def smoothed(part: Tensor | np.number, whole: Tensor | np.number) -> UsualErrors:
    """`part / whole` with a constant above and below the line, or below it only."""
    return [(text, lambda eps=eps: (part + eps) / (whole + eps)) for eps, text in smoothings()] + [
        (text, lambda eps=eps: part / (whole + eps)) for eps, text in smoothings()
    ]
