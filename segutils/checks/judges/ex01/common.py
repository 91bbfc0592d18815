"""What the judges of masks and pictures share: the reference palette, and results that students shape wrongly."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from segutils import palettes
from segutils.checks.base import Answers
from segutils.checks.judges.base import Fault, UsualErrors


def reference_palette(colors: np.ndarray) -> palettes.Palette:
    """The course's palette with these colours; names play no part."""
    return palettes.Palette([f"class {index}" for index in range(len(colors))], colors)


def at_first_difference(
    fault: Fault | None, expected: np.ndarray, answers: Answers, look: Callable[[tuple[int, ...]], str]
) -> Fault | None:
    """The fault of a wrong result, with a word on the pixel (row, column) where it lies."""
    got = answers.get("value")
    if fault is None or not fault.detail or not isinstance(got, np.ndarray) or got.shape != expected.shape:
        return fault
    places = np.argwhere(got != expected)
    return replace(fault, detail=f"{fault.detail}; {look(tuple(places[0][:2]))}") if len(places) else fault


def misshapen_masks(mask: np.ndarray) -> UsualErrors:
    """A right (H, W) mask, returned in another form."""
    return [
        (
            "the values are right, their dtype is not: class indices are stored as uint8, so start from an array of"
            " that dtype, or end in .astype(np.uint8).",
            lambda: mask,
        ),
        ("the mask is transposed: (W, H). Rows come first: (H, W).", lambda: mask.T),
        ("the mask was flattened and not folded back into (H, W).", lambda: mask.reshape(-1)),
        ("an axis of length 1 is left at the end.", lambda: mask[..., None]),
        ("an axis of length 1 is left in front; one picture is no batch.", lambda: mask[None]),
        ("the index stands in all three channels; a mask has one value per pixel.", lambda: np.stack([mask] * 3, -1)),
    ]
