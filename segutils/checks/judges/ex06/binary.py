"""Judge of binary_iou."""

import numpy as np
import torch

from segutils import metrics
from segutils.checks.base import Answers, Case
from segutils.checks.judges.base import Fault, Judge, UsualErrors, shape_of
from segutils.checks.judges.ex06.common import find_wrong_number, smoothed


def find_binary_iou_fault(case: Case, answers: Answers) -> Fault | None:
    a, b = (torch.from_numpy(np.array(case[name])).long() for name in ("a", "b"))
    expected = metrics.iou_per_class(metrics.confusion_matrix(a, b, num_classes=2))[1].numpy()
    return find_wrong_number(expected, answers)


def usual_binary_iou_errors(case: Case) -> UsualErrors:
    given_a, given_b = np.array(case["a"]), np.array(case["b"])
    a, b = given_a.astype(bool), given_b.astype(bool)
    inter, union, areas = (a & b).sum(), (a | b).sum(), a.sum() + b.sum()
    return [
        (
            "nan turned into 0: two empty masks have no IoU; 0 would mean that they disagree.",
            lambda: float(inter / union) if union else 0.0,
        ),
        (
            "two empty masks were counted as 1 (perfect); where there is nothing to compare, the result is nan.",
            lambda: float(inter / union) if union else 1.0,
        ),
        *(
            (
                "nan was returned although a mask is not empty; the union is empty only where both are.",
                lambda empty=empty: float("nan") if empty else float(inter / union),
            )
            for empty in (not a.any(), not b.any(), not a.any() or not b.any(), not inter)
        ),
        *dtype_errors(given_a, given_b),
        ("union = sum of areas: the pixels in both masks were counted twice.", lambda: inter / areas),
        ("this is Dice, 2 |A and B| / (|A| + |B|), not IoU.", lambda: 2 * inter / areas),
        ("the agreement was counted, background included: this is pixel accuracy.", lambda: (a == b).mean()),
        ("the intersection was divided by the number of all pixels.", lambda: inter / a.size),
        ("the intersection was divided by the area of a.", lambda: inter / a.sum()),
        ("the intersection was divided by the area of b.", lambda: inter / b.sum()),
        ("the intersection was divided by the larger area.", lambda: inter / max(a.sum(), b.sum())),
        ("the intersection was divided by the smaller area.", lambda: inter / min(a.sum(), b.sum())),
        ("the union was taken without the intersection (exclusive or, ^ or !=).", lambda: inter / (a ^ b).sum()),
        ("the share of pixels in exactly one mask.", lambda: (a ^ b).mean()),
        ("intersection and union are exchanged.", lambda: union / inter),
        ("1 - IoU, the Jaccard distance, was returned.", lambda: 1 - inter / union),
        ("a percentage was returned; IoU is between 0 and 1.", lambda: 100 * inter / union),
        ("// rounds down; IoU needs /.", lambda: float(inter // union)),
        ("the background was taken for the object.", lambda: (~a & ~b).sum() / (~a | ~b).sum()),
        (
            "the mean of the object's and the background's IoU.",
            lambda: (inter / union + (~a & ~b).sum() / (~a | ~b).sum()) / 2,
        ),
        ("the IoU of each row was averaged; count over the whole mask.", lambda: mean_of_lines(a, b, axis=1)),
        ("the IoU of each column was averaged; count over the whole mask.", lambda: mean_of_lines(a, b, axis=0)),
        ("the result was rounded.", lambda: np.round(inter / union, 2)),
        ("the intersection itself was returned, not its share of the union.", lambda: float(inter)),
        ("0 / 0 of Python's integers raises; handle the empty union first.", lambda: int(inter) / int(union)),
        *smoothed(inter, union),
    ]


def dtype_errors(a: np.ndarray, b: np.ndarray) -> UsualErrors:
    """What goes wrong with some of the masks' dtypes only, or before anything is counted."""
    return [
        (
            "`and` and `or` ask for a single truth value; masks are combined by np.logical_and, & and |.",
            lambda: a and b,
        ),
        (
            "with bool masks `a + b` is never 2, it is a logical or; np.logical_and takes every dtype.",
            lambda: (a + b == 2).sum() / (a + b > 0).sum(),
        ),
        (
            "a sum in the masks' own dtype is too small for a count (np.dot, dtype=...): it overflows.",
            lambda: overflowing(np.dot(a.ravel(), b.ravel()), a, b),
        ),
        (
            "a sum in the masks' own dtype is too small for a count (np.dot, dtype=...): it overflows.",
            lambda: overflowing((a & b).sum(dtype=a.dtype), a, b),
        ),
    ]


def overflowing(inter: np.integer, a: np.ndarray, b: np.ndarray) -> float:
    return inter / (a.astype(bool).sum() + b.astype(bool).sum() - inter)


def mean_of_lines(a: np.ndarray, b: np.ndarray, axis: int) -> float:
    union = (a | b).sum(axis=axis)
    shares = (a & b).sum(axis=axis)[union > 0] / union[union > 0]
    return shares.sum() / np.float64(len(shares))


binary_iou = Judge(
    called=lambda case: (
        f"binary_iou(a, b) on masks {shape_of(case['a'])} with {np.sum(case['a'])} and {np.sum(case['b'])} pixels set"
    ),
    find_fault=find_binary_iou_fault,
    usual_errors=usual_binary_iou_errors,
)
