"""Judge of the challenge boundary_iou."""

from collections.abc import Callable

import numpy as np
import torch

from segutils import metrics
from segutils.checks.base import Answers, Case
from segutils.checks.judges.base import Fault, Judge, UsualErrors, shape_of
from segutils.checks.judges.ex06.common import find_wrong_number, smoothed

Near = Callable[[np.ndarray], np.ndarray]  # a mask -> where one of its pixels is near


def find_boundary_iou_fault(case: Case, answers: Answers) -> Fault | None:
    a, b = (torch.from_numpy(np.array(case[name])).long() for name in ("a", "b"))
    return find_wrong_number(metrics.boundary_iou(a, b, 2, radius=int(case["radius"]))[1].numpy(), answers)


def near(
    mask: np.ndarray, radius: int, beyond: bool = False, distance: str = "square", forwards: bool = False
) -> np.ndarray:
    """Where a pixel of `mask` is at most `radius` away; beyond the image the mask goes on as `beyond`.

    `distance` is "square" (the larger of rows and columns), "diamond" (their sum) or "disc" (Euclid's); `forwards`
    looks at one side only, below and to the right.
    """
    height, width = mask.shape
    padded = np.pad(mask, radius, constant_values=beyond)
    found = np.zeros_like(mask)
    steps = range(0 if forwards else -radius, radius + 1)
    lengths = {
        "square": lambda down, right: max(abs(down), abs(right)),
        "diamond": lambda down, right: abs(down) + abs(right),
        "disc": lambda down, right: np.hypot(down, right),
    }
    for down in steps:
        for right in steps:
            if lengths[distance](down, right) <= radius:
                found |= padded[radius + down : radius + down + height, radius + right : radius + right + width]
    return found


def wrapped(mask: np.ndarray, radius: int) -> np.ndarray:
    """`near` with np.roll, for which the left border's neighbour is the right border."""
    shifts = [(down, right) for down in range(-radius, radius + 1) for right in range(-radius, radius + 1)]
    return np.any([np.roll(mask, shift, axis=(0, 1)) for shift in shifts], axis=0)


def overlap(band_a: np.ndarray, band_b: np.ndarray) -> np.float64:
    return (band_a & band_b).sum() / np.float64((band_a | band_b).sum())


def usual_boundary_iou_errors(case: Case) -> UsualErrors:
    a, b = np.array(case["a"]).astype(bool), np.array(case["b"]).astype(bool)
    radius = int(case["radius"])

    def of_bands(near_outside: Near) -> np.float64:
        """IoU of the bands, with another notion of what is near the outside of a mask."""
        return overlap(a & near_outside(~a), b & near_outside(~b))

    def right() -> np.float64:
        return of_bands(lambda outside: near(outside, radius, beyond=True))

    def band(mask: np.ndarray) -> np.ndarray:
        return mask & near(~mask, radius, beyond=True)

    def both_sides(mask: np.ndarray) -> np.ndarray:
        return near(mask, radius) & near(~mask, radius, beyond=True)

    def ring_outside(mask: np.ndarray) -> np.ndarray:
        return near(mask, radius) & ~mask

    return [
        ("nan turned into 0: where neither mask has a boundary, the result is nan.", lambda: np.nan_to_num(right())),
        (
            "two empty masks were counted as 1; where neither mask has a boundary, the result is nan.",
            lambda: np.nan_to_num(right(), nan=1.0),
        ),
        (
            "nan was returned although a mask has a boundary; only where neither has one is the result nan.",
            lambda: np.float64("nan") if not (a.any() and b.any()) else right(),
        ),
        ("the whole masks were compared: this is IoU, not boundary IoU.", lambda: overlap(a, b)),
        (
            "the border of the image is no boundary in your code; what lies beyond it is outside the mask.",
            lambda: of_bands(lambda outside: near(outside, radius, beyond=False)),
        ),
        (
            "np.roll makes the left border a neighbour of the right one; beyond the image all is outside the mask.",
            lambda: of_bands(lambda outside: wrapped(outside, radius)),
        ),
        (
            "rows and columns were added (4 neighbours); diagonal neighbours are at distance 1, too.",
            lambda: of_bands(lambda outside: near(outside, radius, beyond=True, distance="diamond")),
        ),
        (
            "Euclid's distance; here the distance is the larger of rows and columns.",
            lambda: of_bands(lambda outside: near(outside, radius, beyond=True, distance="disc")),
        ),
        (
            "the argument radius is not used: the band is 1 pixel wide.",
            lambda: of_bands(lambda outside: near(outside, 1, beyond=True)),
        ),
        (
            "the band is one pixel too narrow: a distance of `radius` itself counts.",
            lambda: of_bands(lambda outside: near(outside, radius - 1, beyond=True)),
        ),
        (
            "the band is one pixel too wide.",
            lambda: of_bands(lambda outside: near(outside, radius + 1, beyond=True)),
        ),
        ("the band is twice too wide.", lambda: of_bands(lambda outside: near(outside, 2 * radius, beyond=True))),
        (
            "only one side was looked at (below and to the right); a boundary runs all around.",
            lambda: of_bands(lambda outside: near(outside, radius, beyond=True, forwards=True)),
        ),
        (
            "the band lies on both sides of the contour; only pixels of the mask belong to it.",
            lambda: overlap(both_sides(a), both_sides(b)),
        ),
        (
            "the band lies outside the mask; only pixels of the mask belong to it.",
            lambda: overlap(ring_outside(a), ring_outside(b)),
        ),
        (
            "the inside was compared, which is what remains when the boundary is taken away.",
            lambda: overlap(a & ~band(a), b & ~band(b)),
        ),
        (
            "the boundary of a alone decides where to look; each mask has its own.",
            lambda: overlap(band(a), b & band(a)),
        ),
        (
            "the boundary of b alone decides where to look; each mask has its own.",
            lambda: overlap(a & band(b), band(b)),
        ),
        (
            "the masks were compared wherever one of them has a boundary; compare the boundaries themselves.",
            lambda: overlap(a & (band(a) | band(b)), b & (band(a) | band(b))),
        ),
        (
            "union = sum of areas: the pixels in both boundaries were counted twice.",
            lambda: (band(a) & band(b)).sum() / (band(a).sum() + band(b).sum()),
        ),
        ("this is Dice of the boundaries, not IoU.", lambda: 2 * right() / (1 + right())),
        ("1 - boundary IoU was returned.", lambda: 1 - right()),
        (
            "~ on integers of 0 and 1 gives -1 and -2, not a mask; turn the masks into bool first.",
            lambda: overlap(a, b),
        ),
        *smoothed((band(a) & band(b)).sum(), (band(a) | band(b)).sum()),
    ]


boundary_iou = Judge(
    called=lambda case: (
        f"boundary_iou(a, b, radius={case['radius']}) on masks {shape_of(case['a'])}"
        f" with {np.sum(case['a'])} and {np.sum(case['b'])} pixels set"
    ),
    find_fault=find_boundary_iou_fault,
    usual_errors=usual_boundary_iou_errors,
)
