"""Judge of encode_mask: colours to class indices."""

from collections.abc import Callable

import numpy as np

from segutils.checks.base import Answers, Case
from segutils.checks.judges.base import Fault, Judge, UsualErrors, find_wrong_result, shape_of
from segutils.checks.judges.ex01.common import at_first_difference, misshapen_masks, reference_palette

ZERO = "unknown colours silently became class 0; they are 255. A search that finds nothing (argmax of a row without"
ZERO += " True) gives 0, and so does an array of zeros."
UNALIGNED = (
    "picture (H, W, 3) and palette (C, 3) do not line up: compare with one colour at a time, or give the picture"
)
UNALIGNED += " an axis for the classes, (H, W, 1, 3)."
NO_ENTRY = "a dictionary of the palette's colours has no entry for an unknown one, which becomes 255."


def expected_mask(case: Case) -> np.ndarray:
    return reference_palette(case["palette"]).encode(case["mask_rgb"])


def find_fault(case: Case, answers: Answers) -> Fault | None:
    expected, picture = expected_mask(case), case["mask_rgb"]
    fault = find_wrong_result(expected, answers, ("uint8",), "the mask")

    def look(place: tuple[int, ...]) -> str:
        color = tuple(int(value) for value in picture[place])
        index = expected[place]
        return f"its colour is {color}, " + ("which the palette lacks" if index == 255 else f"class {index}")

    return at_first_difference(fault, expected, answers, look)


def written(match: np.ndarray, unknown: int, last_wins: bool = True) -> np.ndarray:
    """What a loop over classes writes into an array full of `unknown`, given where each class matches: (H, W, C)."""
    mask = np.full(match.shape[:2], unknown)
    for index in range(match.shape[2]) if last_wins else reversed(range(match.shape[2])):
        mask[match[..., index]] = index
    return mask


def usual_errors(case: Case) -> UsualErrors:
    picture, palette = np.array(case["mask_rgb"]), np.array(case["palette"])
    num_classes = len(palette)
    same = picture[:, :, None] == palette  # (H, W, C, 3)
    match = same.all(axis=-1)
    right = written(match, 255)
    known = match.any(axis=-1)
    black = ~picture.any(axis=-1)
    return [
        *misshapen_masks(right),
        (ZERO, lambda: written(match, 0)),
        ("unknown colours became -1; in this course 'no class' is 255.", lambda: np.where(known, right, -1)),
        ("unknown colours became class C, one more than there are; they are 255.", lambda: written(match, num_classes)),
        ("unknown colours became the last class; they are 255.", lambda: written(match, num_classes - 1)),
        ("unknown colours became 254; they are 255.", lambda: written(match, 254)),
        (
            "only whether a colour is known was returned, as 255 or 0, not which class it is.",
            lambda: np.where(known, 255, 0),
        ),
        ("only whether a colour is known was returned, not which class it is.", lambda: known),
        ("only whether a colour is unknown was returned, not which class it is.", lambda: ~known),
        ("indices start at 0; here the first class became 1.", lambda: np.where(known, right + 1, 255)),
        (
            "indices start at 0, and unknown colours are 255; here the first class became 1 and they became 0.",
            lambda: np.where(known, right + 1, 0),
        ),
        ("all indices are one too small.", lambda: np.where(known, right - 1, 255)),
        (
            "the palette's first colour was left out, and the others were counted from 0.",
            lambda: np.where(known & (right > 0), right - 1, 255),
        ),
        (
            "the class of a colour near in order was taken: np.searchsorted always finds a place, so compare the colour"
            " that stands there.",
            lambda: searched(picture, palette),
        ),
        (
            "class 0 became 255: the palette's first colour was left out, or index 0 was taken for 'not found'.",
            lambda: np.where(right == 0, 255, right),
        ),
        ("the palette's last colour was left out.", lambda: np.where(right == num_classes - 1, 255, right)),
        (
            "only the first class was written: a `return` or `break` inside the loop.",
            lambda: np.where(right == 0, 0, 255),
        ),
        (
            "only the last class is left: the mask was made anew for each class.",
            lambda: np.where(right == num_classes - 1, right, 255),
        ),
        (
            "black was taken for unknown; it is a class where the palette has it.",
            lambda: np.where(black, 255, right),
        ),
        (
            "black was taken for class 0; whether it is a class, and which, the palette says.",
            lambda: np.where(black, 0, right),
        ),
        (
            "the channels are in reverse order (BGR); picture and palette are both RGB.",
            lambda: written((picture[:, :, None, ::-1] == palette).all(axis=-1), 255),
        ),
        ("one number per class and pixel was returned, not the index of the class.", lambda: match),
        (UNALIGNED, lambda: picture == palette),
        (UNALIGNED, lambda: written((picture == palette)[..., None].all(axis=-2), 0)),
        (UNALIGNED, lambda: written((picture == palette)[..., None].all(axis=-2), 255)),
        (NO_ENTRY, lambda: looked_up(np.unique(picture.reshape(-1, 3), axis=0), palette)),
        (NO_ENTRY, lambda: looked_up(picture.reshape(-1, 3), palette)),
        (
            "the classes are numbered by np.unique: in the order of their colours, not of the palette.",
            lambda: np.unique(picture.reshape(-1, 3), axis=0, return_inverse=True)[1].reshape(picture.shape[:2]),
        ),
        (
            "indices above 127 do not fit into int8; the mask is uint8.",
            lambda: right.astype(np.uint8).astype(np.int8),
        ),
        *comparison_errors(picture, palette, same),
        *code_errors(picture, palette),
    ]


def looked_up(colors: np.ndarray, palette: np.ndarray) -> list[int]:
    """Raises KeyError at the first colour that the palette lacks."""
    table = {tuple(color): index for index, color in enumerate(palette.tolist())}
    return [table[tuple(color)] for color in colors.tolist()]


def searched(picture: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """np.searchsorted among the palette's colours as numbers, without a look whether the place holds that colour."""
    codes, wanted = (colors.astype(np.int64) @ np.array([65536, 256, 1]) for colors in (palette, picture))
    order = codes.argsort()
    return order[np.searchsorted(codes[order], wanted).clip(max=len(palette) - 1)]


def comparison_errors(picture: np.ndarray, palette: np.ndarray, same: np.ndarray) -> UsualErrors:
    """Colours that are called equal although they are not: each with unknown ones 255 or 0, first or last class."""
    difference = picture[:, :, None] - palette  # uint8, and so it wraps
    exact = picture[:, :, None].astype(int) - palette
    nearest = (exact**2).sum(axis=-1)
    wrong_matches = {
        "any channel in common was enough; a colour is equal when all three channels are.": same.any(axis=-1),
        "two channels in common were enough; a colour is equal when all three are.": same.sum(axis=-1) >= 2,
        "the sums of the channels were compared: (64, 0, 128) and (128, 64, 0) have the same.": exact.sum(axis=-1) == 0,
        "the squares of uint8 differences overflow: 16 * 16 is 256, which uint8 stores as 0. Compare, or subtract in a"
        " larger dtype.": (difference**2).sum(axis=-1) == 0,
        "the nearest colour was taken; a colour that the palette lacks, however close, is 255.": (
            nearest == nearest.min(axis=-1, keepdims=True)
        ),
        "colours that are close were called equal (a tolerance); only equal ones are a class.": (
            (np.abs(exact) <= 1).all(axis=-1)
        ),
        "the channels' order was ignored (a set, or sorted channels).": (
            np.sort(picture)[:, :, None] == np.sort(palette)
        ).all(axis=-1),
        "each channel was looked for among all three of a colour (np.isin); red is compared with red.": (
            picture[:, :, None, :, None] == palette[:, None, :]
        )
        .any(axis=-1)
        .all(axis=-1),
    }
    for channel, name in enumerate(("red", "green", "blue")):
        wrong_matches[f"the {name} channel was not compared; a colour is equal when all three are."] = np.delete(
            same, channel, axis=-1
        ).all(axis=-1)
        wrong_matches[f"only the {name} channel was compared; a colour is equal when all three are."] = same[
            ..., channel
        ]
    return [
        (text, lambda match=match, unknown=unknown, last=last: written(match, unknown, last))
        for text, match in wrong_matches.items()
        for unknown in (255, 0)
        for last in (True, False)
    ]


def code_errors(picture: np.ndarray, palette: np.ndarray) -> UsualErrors:
    """Three channels joined into one number that is not unique, or that does not fit into its dtype."""

    def joined(code: Callable[[np.ndarray], np.ndarray], unknown: int) -> np.ndarray:
        return written(code(picture)[:, :, None] == code(palette), unknown)

    def by_base(base: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda colors: colors.astype(np.int64) @ np.array([base**2, base, 1])

    def shifted(colors: np.ndarray) -> np.ndarray:
        return colors[..., 0] << 16 | colors[..., 1] << 8 | colors[..., 2]

    def product(colors: np.ndarray) -> np.ndarray:
        return colors @ np.array([65536, 256, 1]).astype(np.uint8)

    def rounded(colors: np.ndarray) -> np.ndarray:
        return colors.astype(np.float32) @ np.array([1e6, 1e3, 1], np.float32)

    digits = (
        "the channels were joined into a float32, which has too few digits to keep them apart: take an integer dtype."
    )
    not_unique = "the channels were joined into one number that several colours share; base 256 is the smallest that"
    overflow = "the channels were joined in uint8, where a product or shift overflows: turn them into int32 first."
    codes = [(f"{not_unique} keeps them apart.", by_base(base)) for base in (2, 10, 16, 100, 128, 200, 254, 255)]
    codes += [(overflow, shifted), (overflow, product), (digits, rounded)]
    raising = [
        (overflow, lambda factor=factor: picture[..., 0] * factor)
        for factor in (256, 65536, 256 * 256, 1000, 1_000_000, 255 * 255, 10_000)
    ]
    return [
        (text, lambda code=code, unknown=unknown: joined(code, unknown)) for text, code in codes for unknown in (255, 0)
    ] + raising


encode_mask = Judge(
    called=lambda case: (
        f"encode_mask(mask_rgb {shape_of(case['mask_rgb'])}, palette {shape_of(case['palette'])});"
        f" {np.sum(expected_mask(case) == 255)} of {case['mask_rgb'][..., 0].size} pixels have an unknown colour"
    ),
    find_fault=find_fault,
    usual_errors=usual_errors,
)
