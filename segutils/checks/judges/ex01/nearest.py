"""Judge of encode_nearest: colours that are slightly off to class indices."""

import numpy as np

from segutils.checks.base import Answers, Case
from segutils.checks.judges.base import Fault, Judge, UsualErrors, find_wrong_result, shape_of
from segutils.checks.judges.ex01.common import at_first_difference, misshapen_masks

WRAPS = "differences of uint8 wrap round (2 - 5 is 253), so that near colours look far and far ones near: turn both"
WRAPS += " into a signed or floating dtype first."


def squared_distances(case: Case) -> np.ndarray:
    """(H, W, C), exact."""
    difference = case["mask_rgb"][:, :, None].astype(np.int64) - case["palette"]
    return (difference**2).sum(axis=-1)


def decided(distance: np.ndarray, largest: float) -> np.ndarray:
    """The class at the smallest distance, 255 where even that is above `largest`: (H, W, C) -> (H, W)."""
    return np.where(distance.min(axis=-1) <= largest, distance.argmin(axis=-1), 255).astype(np.uint8)


def expected_mask(case: Case) -> np.ndarray:
    return decided(np.sqrt(squared_distances(case)), float(case["max_distance"]))


def find_fault(case: Case, answers: Answers) -> Fault | None:
    """Where several colours are equally near, whichever of their classes was returned is right."""
    expected, squares = expected_mask(case), squared_distances(case)
    got = answers.get("value")
    if isinstance(got, np.ndarray) and got.shape == expected.shape:
        nearest = squares == squares.min(axis=-1, keepdims=True)  # (H, W, C)
        chosen = (nearest & (got[..., None] == np.arange(nearest.shape[-1]))).any(axis=-1)
        expected = np.where(chosen & (expected != 255), got, expected).astype(np.uint8)
    fault = find_wrong_result(expected, answers, ("uint8",), "the mask")

    def look(place: tuple[int, ...]) -> str:
        index = squares[place].argmin()
        return f"the nearest colour is that of class {index}, at a distance of {squares[place].min() ** 0.5:.2f}"

    return at_first_difference(fault, expected, answers, look)


def usual_errors(case: Case) -> UsualErrors:
    picture, palette, most = np.array(case["mask_rgb"]), np.array(case["palette"]), float(case["max_distance"])
    squares = squared_distances(case)
    exact = picture[:, :, None].astype(np.int64) - palette  # (H, W, C, 3)
    distance, right = np.sqrt(squares), expected_mask(case)
    index, smallest = squares.argmin(axis=-1), distance.min(axis=-1)
    unrooted = "squared distances were compared with max_distance itself; square that, too, or take the root."
    return [
        *misshapen_masks(right),
        (unrooted, lambda: np.where(squares.min(axis=-1) <= most, index, 255)),
        (unrooted, lambda: np.where(squares.min(axis=-1) < most, index, 255)),
        *overflow_errors(picture, palette, most),
        (
            "a distance of exactly max_distance is still near enough; only farther ones are 255.",
            lambda: np.where(smallest < most, index, 255),
        ),
        ("max_distance was rounded down; it may be a float.", lambda: np.where(smallest <= int(most), index, 255)),
        (
            "the distance was rounded down before it was compared; it is no whole number.",
            lambda: np.where(smallest.astype(int) <= most, index, 255),
        ),
        ("max_distance is not used: colours too far from every class are 255.", lambda: index),
        (
            "distances were compared with the square of max_distance: square both, or neither.",
            lambda: np.where(smallest <= most**2, index, 255),
        ),
        (
            "colours too far from every class became class 0; they are 255.",
            lambda: np.where(smallest <= most, index, 0),
        ),
        ("colours too far from every class became -1; they are 255.", lambda: np.where(smallest <= most, index, -1)),
        ("colours too far became class C; they are 255.", lambda: np.where(smallest <= most, index, len(palette))),
        ("near and far are exchanged: 255 is for what is too far.", lambda: np.where(smallest > most, index, 255)),
        (
            "the differences were added up (city-block distance); asked is the root of the sum of their squares.",
            lambda: decided(np.abs(exact).sum(axis=-1), most),
        ),
        (
            "the largest difference of a channel was taken; asked is the root of the sum of all squares.",
            lambda: decided(np.abs(exact).max(axis=-1), most),
        ),
        (
            "the squares were averaged over the channels; Euclidean distance adds them up.",
            lambda: decided(np.sqrt((exact**2).mean(axis=-1)), most),
        ),
        (
            "the differences were averaged; asked is the root of the sum of their squares.",
            lambda: decided(np.abs(exact).mean(axis=-1), most),
        ),
        (
            "differences of opposite sign cancel: square them before you add.",
            lambda: decided(np.abs(exact.sum(axis=-1)), most),
        ),
        (
            "every channel was compared with max_distance on its own; it limits the distance of the colours.",
            lambda: np.where((np.abs(exact) <= most).all(axis=-1).any(axis=-1), index, 255),
        ),
        (
            "the first colour within max_distance was taken; asked is the nearest.",
            lambda: np.where(smallest <= most, (distance <= most).argmax(axis=-1), 255),
        ),
        (
            "the last colour within max_distance was taken; asked is the nearest.",
            lambda: np.where(smallest <= most, len(palette) - 1 - (distance <= most)[..., ::-1].argmax(axis=-1), 255),
        ),
        (
            "only equal colours were found; asked is the nearest.",
            lambda: np.where(smallest == 0, index, 255),
        ),
        ("the farthest colour was taken (argmax).", lambda: np.where(smallest <= most, distance.argmax(axis=-1), 255)),
        (
            "the largest distance was compared with max_distance; the nearest class's counts.",
            lambda: np.where(distance.max(axis=-1) <= most, index, 255),
        ),
        (
            "the channels are in reverse order (BGR); picture and palette are both RGB.",
            lambda: decided(np.sqrt((exact_of(picture[..., ::-1], palette) ** 2).sum(axis=-1)), most),
        ),
        (
            "brightness alone was compared; asked is the distance of the colours.",
            lambda: decided(np.abs(picture.mean(axis=-1)[..., None] - palette.mean(axis=-1)), most),
        ),
        (
            "indices start at 0; here the first class became 1.",
            lambda: np.where(smallest <= most, index + 1, 255),
        ),
        (
            "picture (H, W, 3) and palette (C, 3) do not line up: take one colour at a time, or give the picture an"
            " axis for the classes, (H, W, 1, 3).",
            lambda: picture.astype(int) - palette,
        ),
        (
            "picture (H, W, 3) and palette (C, 3) do not line up: take one colour at a time, or give the picture an"
            " axis for the classes, (H, W, 1, 3).",
            lambda: picture - palette,
        ),
        ("the smallest distances were returned; asked is the class.", lambda: smallest),
        ("the distances to all classes were returned; asked is the nearest class.", lambda: distance),
    ]


def exact_of(picture: np.ndarray, palette: np.ndarray) -> np.ndarray:
    return picture[:, :, None].astype(np.int64) - palette


def overflow_errors(picture: np.ndarray, palette: np.ndarray, most: float) -> UsualErrors:
    """Arithmetic in a dtype that is too small, and what is made of it afterwards."""
    small = picture[:, :, None] - palette  # uint8
    short = picture[:, :, None].astype(np.int16) - palette.astype(np.int16)
    tiny = picture[:, :, None].astype(np.int8) - palette.astype(np.int8)
    half = picture[:, :, None].astype(np.float16) - palette.astype(np.float16)
    squares = "the squares of differences overflow in {}: 255 * 255 is 65025. Use int32, int64 or a floating dtype."

    def by(distance: np.ndarray) -> UsualErrors:
        return [lambda: decided(distance, most), lambda: decided(np.sqrt(distance), most)] + [
            lambda: decided(distance, most**2)
        ]

    with np.errstate(all="ignore"):
        attempts = [
            (WRAPS, by((small**2).sum(axis=-1))),
            (WRAPS, by((small.astype(np.int64) ** 2).sum(axis=-1))),
            (WRAPS, by((small**2).sum(axis=-1, dtype=np.uint8))),
            (WRAPS, by(np.abs(small).sum(axis=-1))),
            (WRAPS, by(np.abs(small.astype(np.int8).astype(np.int64)).sum(axis=-1))),
            (WRAPS, by((small.astype(np.int8).astype(np.int64) ** 2).sum(axis=-1))),
            (WRAPS, by((tiny**2).sum(axis=-1))),
            (squares.format("int16"), by((short**2).sum(axis=-1))),
            (squares.format("int16"), by((short**2).sum(axis=-1, dtype=np.int16))),
            (squares.format("float16"), by((half**2).sum(axis=-1))),
        ]
    return [(text, attempt) for text, kinds in attempts for attempt in kinds]


encode_nearest = Judge(
    called=lambda case: (
        f"encode_nearest(mask_rgb {shape_of(case['mask_rgb'])}, palette {shape_of(case['palette'])},"
        f" max_distance={case['max_distance']}); {np.sum(expected_mask(case) == 255)} of"
        f" {case['mask_rgb'][..., 0].size} pixels are too far"
    ),
    find_fault=find_fault,
    usual_errors=usual_errors,
)
