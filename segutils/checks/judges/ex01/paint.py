"""Judge of colorize: class indices to colours."""

import numpy as np

from segutils.checks.base import Answers, Case
from segutils.checks.judges.base import Fault, Judge, UsualErrors, find_wrong_result, shape_of
from segutils.checks.judges.ex01.common import at_first_difference, reference_palette


def expected_picture(case: Case) -> np.ndarray:
    return reference_palette(case["palette"]).colorize(case["mask"])


def find_fault(case: Case, answers: Answers) -> Fault | None:
    expected = expected_picture(case)
    fault = find_wrong_result(expected, answers, ("uint8",), "the picture")

    def look(place: tuple[int, ...]) -> str:
        wanted = tuple(int(value) for value in expected[place])
        return f"its index is {case['mask'][place]}, to be painted {wanted}"

    return at_first_difference(fault, expected, answers, look)


def usual_errors(case: Case) -> UsualErrors:
    mask, palette = np.array(case["mask"]), np.array(case["palette"])
    num_classes = len(palette)
    right = expected_picture(case)
    void = mask == 255
    inside = np.where(void, 0, mask)

    def void_as(*color: int) -> np.ndarray:
        return np.where(void[..., None], np.array(color, dtype=np.uint8), right)

    def by_loop(canvas: np.ndarray) -> np.ndarray:
        for index, color in enumerate(palette):
            canvas[mask == index] = color
        return canvas

    def without(index: int) -> np.ndarray:
        return np.where((mask == index)[..., None], np.uint8(0), right)

    def shifted(step: int) -> np.ndarray:
        return np.where(void[..., None], np.uint8(0), palette[(inside.astype(int) + step) % num_classes])

    with_black = np.concatenate([palette, np.zeros((1, 3), np.uint8)])
    black_first = np.concatenate([np.zeros((1, 3), np.uint8), palette])
    index_error = "palette[mask] looks for row 255, which the palette does not have: 255 needs black of its own."
    return [
        (
            "the values are right, their dtype is not: a picture is uint8, like the palette; np.zeros makes float64"
            " unless it is told otherwise.",
            lambda: right,
        ),
        ("255 got the colour of class 0; it is painted black.", lambda: palette[inside]),
        (
            "255 got the colour of the last class (clipped, or index -1); it is painted black.",
            lambda: palette[np.where(void, num_classes - 1, mask)],
        ),
        ("255 was wrapped round (% C); it is painted black.", lambda: palette[mask % num_classes]),
        ("255 was painted white; it is painted black.", lambda: void_as(255, 255, 255)),
        ("255 was painted grey; it is painted black.", lambda: void_as(128, 128, 128)),
        ("255 was painted in VOC's colour of borders; here it is black.", lambda: void_as(224, 224, 192)),
        ("255 was painted in (1, 1, 1); black is (0, 0, 0).", lambda: void_as(1, 1, 1)),
        (index_error, lambda: palette[mask]),
        (index_error, lambda: np.take(palette, mask, axis=0)),
        (index_error, lambda: with_black[mask]),
        (
            "the black row was put in front of the palette: every class gets the colour of the one before, and 255"
            " still has no row.",
            lambda: black_first[mask],
        ),
        (
            "the black row was put in front of the palette, so that every class gets the colour of the one before.",
            lambda: black_first[np.where(void, 0, mask)],
        ),
        (
            "indices above 127 become negative in int8, and count from the palette's end.",
            lambda: with_black[mask.astype(np.int8)],
        ),
        ("class 0 was painted black; only 255 is, class 0 has a colour of its own.", lambda: without(0)),
        ("the last class was painted black: it has a colour of its own.", lambda: without(num_classes - 1)),
        (
            "only class 0 was painted: a `return` or `break` inside the loop.",
            lambda: np.where((mask == 0)[..., None], right, np.uint8(0)),
        ),
        (
            "only the last class is painted: the picture was made anew for each class.",
            lambda: np.where((mask == num_classes - 1)[..., None], right, np.uint8(0)),
        ),
        ("every class got the colour of the next one.", lambda: shifted(1)),
        ("every class got the colour of the one before: indices start at 0.", lambda: shifted(-1)),
        (
            "the channels are in reverse order (BGR); the palette is RGB, and so is the picture.",
            lambda: right[..., ::-1],
        ),
        ("the channels come first; a numpy picture is (H, W, 3).", lambda: right.transpose(2, 0, 1)),
        ("the channels come first and the axes are reversed; a numpy picture is (H, W, 3).", lambda: right.T),
        ("rows and columns are exchanged; a picture is (H, W, 3).", lambda: right.transpose(1, 0, 2)),
        ("the pixels stand in one long row; fold them into (H, W, 3).", lambda: right.reshape(-1, 3)),
        (
            "an array of the mask's shape (H, W) has room for one number per pixel; a colour needs three.",
            lambda: by_loop(np.zeros_like(mask)),
        ),
        (
            "an array of the mask's shape (H, W) has room for one number per pixel; a colour needs three.",
            lambda: by_loop(np.zeros(mask.shape)),
        ),
        ("the colours were scaled to 0..1; asked are uint8, 0 to 255.", lambda: right / 255),
        ("only one channel was returned; asked are all three, (H, W, 3).", lambda: right[..., 0]),
        (
            "the index was written into all channels; its colour stands in the palette.",
            lambda: np.stack([mask] * 3, -1),
        ),
        ("the colours were averaged to grey.", lambda: right.mean(axis=-1)),
        ("a fourth channel (alpha) was added.", lambda: np.dstack([right, np.full(mask.shape, 255, np.uint8)])),
        ("a batch axis was added; one mask in, one picture out.", lambda: right[None]),
    ] + [
        (
            f"only the {name} channel was painted; a colour has three.",
            lambda channel=channel: right * (np.arange(3) == channel),
        )
        for channel, name in enumerate(("red", "green", "blue"))
    ]


colorize = Judge(
    called=lambda case: (
        f"colorize(mask {shape_of(case['mask'])}, palette {shape_of(case['palette'])});"
        f" {np.sum(case['mask'] == 255)} of {case['mask'].size} pixels are 255"
    ),
    find_fault=find_fault,
    usual_errors=usual_errors,
)
