"""Checks of ex01_pixels: the cases, and the probes that run a student's code on them."""

import numpy as np

from segutils.checks.base import Answers, Case, Check
from segutils.checks.probing import LARGE, as_array, call, ignore_keyword, max_steps, one_thread, tensor_of

READY_ANSWERS = ("segutils.palettes",)
BLACK, WHITE = np.zeros((1, 3), dtype=np.uint8), np.full((1, 3), 255, dtype=np.uint8)
STREET = np.array([[128, 64, 128], [70, 130, 180], [0, 0, 142]], dtype=np.uint8)  # the notebook's road, sky and car


# ---- palettes and pictures


def draw_palette(rng: np.random.Generator, num_classes: int) -> np.ndarray:
    """Different colours, none of them black: (num_classes, 3); few ones differ by multiples of 64, as CamVid's do."""
    if num_classes >= 64:
        codes = 1 + rng.choice((1 << 24) - 1, size=num_classes, replace=False)
        return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1).astype(np.uint8)
    codes = 1 + rng.choice(63, size=num_classes, replace=False)
    return 64 * np.stack(np.unravel_index(codes, (4, 4, 4)), axis=1).astype(np.uint8)


def draw_from(rng: np.random.Generator, values: np.ndarray, *size: int) -> np.ndarray:
    """An array of this height and width in which each value (a colour, an index) occurs about equally often."""
    return values[rng.permutation(np.arange(np.prod(size)) % len(values)).reshape(size)]


def neighbours(palette: np.ndarray, step: int) -> np.ndarray:
    """Each colour with one channel changed by `step`, a power of 2."""
    return np.concatenate([palette ^ change for change in step * np.eye(3, dtype=np.uint8)])


def same_code_colors() -> tuple[np.ndarray, np.ndarray]:
    """Colours, and others with which they agree once three channels are joined into one number carelessly."""
    bases = [10, 100, 128, 200, 255]  # b + base * g + base**2 * r is unique only from 256 on
    pairs = [((index, 40, base), (index, 41, 0)) for index, base in enumerate(bases)]
    pairs += [((50, 255, 255), (51, 0, 0)), ((60, 255, 255), (61, 0, 254)), ((70, 128, 0), (71, 0, 0))]
    palette, others = np.array(pairs, dtype=np.uint8).swapaxes(0, 1)
    return palette, others


# ---- encode_mask


def draw_pictures(seed: int) -> list[Case]:
    """Label pictures: all colours known, unknown and nearly known ones, black as a class and not, 1 to 255 classes."""
    rng = np.random.default_rng([1, 1, seed])
    grid, many = draw_palette(rng, 16), draw_palette(rng, 255)
    careless, confused = same_code_colors()
    foreign = np.concatenate([grid[6:], BLACK, WHITE, grid[:6, ::-1]])
    # palette, colours of the picture beside the palette's, height, width
    table = [
        (STREET, STREET, 2, 4),
        (grid[:6], grid[:6], 5, 7),
        (grid[:6], foreign, 6, 9),
        (grid[:4], np.concatenate([neighbours(grid[:4], 1), neighbours(grid[:4], 16)]), 7, 8),
        (np.concatenate([BLACK, grid[:3]]), WHITE, 3, 6),
        (np.concatenate([grid[:4], BLACK, grid[4:6]]), WHITE, 5, 5),
        (grid[:3], grid[3:5], 4, 3),  # as wide as the palette has classes and a colour has channels
        (grid[:1], grid[1:4], 3, 5),
        (grid[:2], grid[2:3], 1, 1),
        (many, np.concatenate([BLACK, WHITE, neighbours(many[:9], 1)]), 19, 17),
        (careless, confused, 6, 5),
        (grid[:8], np.concatenate([grid[8:12], BLACK]), *LARGE),
    ]
    cases = []
    for palette, others, height, width in table:
        only_others = height * width == 1
        picture = draw_from(rng, others if only_others else np.concatenate([palette, others]), height, width)
        cases.append({"mask_rgb": picture, "palette": palette, "contiguous": len(palette) != 255})
    return cases


@one_thread()
def probe_encode_mask(encode_mask: object, case: Case) -> Answers:
    """Call encode_mask with two numpy arrays."""
    limit = max_steps(case["mask_rgb"][..., 0])
    return call(encode_mask, arrays(case, "mask_rgb", "palette"), READY_ANSWERS, limit)[1]


def arrays(case: Case, *names: str) -> dict[str, np.ndarray]:
    return {name: as_array(case[name], bool(case["contiguous"])) for name in names}


# ---- colorize


def draw_masks(seed: int) -> list[Case]:
    """Masks: with and without 255, classes in black, 1 to 255 classes, nothing but 255."""
    rng = np.random.default_rng([1, 2, seed])
    grid = draw_palette(rng, 8)
    # palette, whether 255 occurs, height, width
    table = [
        (STREET, False, 2, 3),
        (grid[:6], False, 5, 7),
        (grid[:4], True, 6, 5),
        (np.concatenate([BLACK, grid[:3]]), True, 4, 7),
        (grid[:3], True, 3, 3),
        (grid[:1], True, 3, 4),
        (grid[:2], True, 1, 1),
        (draw_palette(rng, 200), True, 17, 13),
        (draw_palette(rng, 255), True, 16, 21),
        (grid, True, *LARGE),
    ]
    cases = []
    for palette, ignored, height, width in table:
        indices = np.arange(len(palette), dtype=np.uint8)
        indices = np.append(indices[: height * width - 1], np.uint8(255)) if ignored else indices
        mask = draw_from(rng, indices, height, width)
        cases.append({"mask": mask, "palette": palette, "contiguous": len(palette) != 200})
    return cases


@one_thread()
def probe_colorize(colorize: object, case: Case) -> Answers:
    """Call colorize with two numpy arrays."""
    return call(colorize, arrays(case, "mask", "palette"), READY_ANSWERS, max_steps(case["mask"]))[1]


# ---- predict_labels


def draw_logits(seed: int) -> list[Case]:
    """Logits whose largest class is never in doubt: one image and several, small, large and negative ones."""
    rng = np.random.default_rng([1, 3, seed])
    # batch, num_classes, height, width, scale, shift, dtype
    table = [
        (2, 3, 4, 5, 1, 0, "float32"),
        (1, 4, 5, 3, 1, 0, "float32"),
        (3, 3, 3, 3, 0.1, 0, "float64"),  # every axis has the same length
        (2, 5, 1, 7, 1, 0, "float32"),
        (2, 2, 6, 1, 1, 0, "float32"),
        (1, 1, 4, 5, 1, 0, "float32"),
        (1, 2, 1, 1, 1, 0, "float32"),
        (2, 6, 5, 4, 1, -50, "float32"),
        (2, 5, 4, 6, 1, 10_000, "float32"),
        (2, 21, 7, 5, 10_000, 0, "float64"),
        (1, 300, 5, 6, 1, 0, "float32"),
        (2, 4, 3, 5, 1, 0, "bfloat16"),
        (2, 4, 5, 2, 1, 0, "float16"),
        (1, 5, *LARGE, 1, 0, "float32"),
    ]
    cases = []
    for batch, num_classes, height, width, scale, shift, dtype in table:
        logits = rng.uniform(-1, 1, size=(batch, num_classes, height, width))
        winner = rng.integers(0, num_classes, size=(batch, 1, height, width))
        np.put_along_axis(logits, winner, rng.uniform(2, 3, size=winner.shape), axis=1)
        logits = (scale * logits + shift).astype("float32" if dtype == "bfloat16" else dtype)
        cases.append({"logits": logits, "dtype": dtype, "contiguous": num_classes != 21})
    return cases


@one_thread()
def probe_predict_labels(predict_labels: object, case: Case) -> Answers:
    """Call predict_labels with a tensor of the case's dtype."""
    arguments = {"logits": tensor_of(case, "logits")}
    return call(predict_labels, arguments, READY_ANSWERS, max_steps(case["logits"][:, 0]))[1]


# ---- one_hot


def draw_targets(seed: int) -> list[Case]:
    """Targets: ignored pixels, absent classes, other ignore indices (one of a class, too), nothing labelled."""
    rng = np.random.default_rng([1, 4, seed])
    # batch, height, width, num_classes, classes in use, ignore_index, ignored share
    table = [
        (2, 4, 5, 3, 3, 255, 0.0),
        (2, 5, 3, 4, 4, 255, 0.2),
        (1, 3, 7, 6, 3, 255, 0.2),
        (3, 3, 3, 3, 3, 255, 0.2),  # every axis has the same length
        (1, 5, 4, 5, 4, -1, 0.2),
        (2, 3, 3, 3, 3, 3, 0.3),
        (2, 3, 2, 4, 4, -100, 0.3),
        (2, 4, 4, 3, 3, 0, 0.3),
        (1, 5, 4, 4, 4, 2, 0.3),
        (1, 2, 3, 1, 1, 255, 0.5),
        (1, 1, 1, 2, 2, 255, 0.0),
        (3, 6, 5, 21, 21, 255, 0.1),
        (2, 3, 4, 3, 3, 255, 1.0),
        (1, 13, 20, 260, 260, 255, 0.0),  # 255 is a class here, and ignored unless another default is set
        (1, *LARGE, 8, 8, 255, 0.1),
    ]
    cases = []
    for batch, height, width, num_classes, used, ignore_index, share in table:
        target = draw_from(rng, np.arange(used), batch, height, width)
        ignored = rng.permutation(target.size).reshape(target.shape) < share * target.size
        case = {"target": np.where(ignored, ignore_index, target), "num_classes": num_classes}
        cases.append({**case, "ignore_index": ignore_index, "contiguous": num_classes != 21})
    return cases


@one_thread()
def probe_one_hot(one_hot: object, case: Case) -> Answers:
    """Call one_hot with an int64 tensor; ignore_index is named only where it is not the default."""
    arguments = {"target": tensor_of(case, "target"), "num_classes": int(case["num_classes"])}
    return call(one_hot, arguments, READY_ANSWERS, max_steps(case["target"]), **ignore_keyword(case))[1]


# ---- encode_nearest


def draw_noisy_pictures(seed: int) -> list[Case]:
    """Pictures whose colours are off: by a little, by exactly the distance that is allowed, by more, at random."""
    rng = np.random.default_rng([1, 5, seed])
    grid = draw_palette(rng, 8)
    extremes = np.concatenate([BLACK, WHITE, [(250, 4, 1)]]).astype(np.uint8)
    middle = np.array([(100, 90, 120), (10, 200, 50)], dtype=np.uint8)
    steps = np.array([(3, 4, 0), (0, -3, 4), (0, 0, 5), (5, 1, 0), (-3, -4, 1), (4, 4, 4), (0, 0, 0), (1, -2, 2)])
    at_border = (middle[:, None] + steps).reshape(-1, 3).astype(np.uint8)  # distance 5: allowed; beyond: not

    def anything(count: int) -> np.ndarray:
        return rng.integers(0, 256, size=(count, 3), dtype=np.uint8)

    # palette, colours of the picture, height, width, max_distance
    table = [
        (STREET, shaken(rng, STREET, 6), 4, 6, 30),
        (grid, shaken(rng, grid, 20), 6, 9, 40),
        (middle, at_border, 4, 8, 5),
        (extremes, shaken(rng, extremes, 9), 5, 6, 20),
        (anything(6), anything(63), 7, 9, 442),
        (anything(6), anything(63), 9, 7, 90),
        (grid[:5], np.concatenate([grid[:5], neighbours(grid[:5], 1)]), 4, 7, 0),
        (grid[:4], shaken(rng, grid[:4], 12), 6, 6, 12.5),
        (grid[:3], shaken(rng, grid[:3], 9), 4, 3, 11),
        (anything(1), anything(30), 5, 6, 150),
        (grid[:2], anything(1), 1, 1, 1000),
        (draw_palette(rng, 255), anything(255), 15, 17, 33),
        (grid, shaken(rng, grid, 16), *LARGE, 20),
    ]
    cases = []
    for palette, colors, height, width, max_distance in table:
        picture = draw_from(rng, colors, height, width)
        case = {"mask_rgb": picture, "palette": palette, "max_distance": max_distance}
        cases.append({**case, "contiguous": len(palette) != 255})
    return cases


def shaken(rng: np.random.Generator, palette: np.ndarray, most: int) -> np.ndarray:
    """Each colour of the palette eight times, every channel off by as much as `most`, and cut to 0..255."""
    colors = np.repeat(palette, 8, axis=0).astype(int)
    return np.clip(colors + rng.integers(-most, most + 1, size=colors.shape), 0, 255).astype(np.uint8)


@one_thread()
def probe_encode_nearest(encode_nearest: object, case: Case) -> Answers:
    """Call encode_nearest with two numpy arrays and a Python number."""
    arguments = {**arrays(case, "mask_rgb", "palette"), "max_distance": np.asarray(case["max_distance"]).item()}
    return call(encode_nearest, arguments, READY_ANSWERS, max_steps(case["mask_rgb"][..., 0]))[1]


encode_mask = Check(
    name="ex01.encode_mask",
    subject="encode_mask",
    draw=draw_pictures,
    probe=probe_encode_mask,
    ready_answers=READY_ANSWERS,
    verified="1 to 255 classes, unknown and nearly known colours, black as a class and as none, no loop over pixels",
)
colorize = Check(
    name="ex01.colorize",
    subject="colorize",
    draw=draw_masks,
    probe=probe_colorize,
    ready_answers=READY_ANSWERS,
    verified="1 to 255 classes, pixels with 255, a class in black, no loop over pixels",
)
predict_labels = Check(
    name="ex01.predict_labels",
    subject="predict_labels",
    draw=draw_logits,
    probe=probe_predict_labels,
    ready_answers=READY_ANSWERS,
    verified="1 to 300 classes, batch 1 and more, one row, one column, negative and large logits, 16 to 64 bits",
)
one_hot = Check(
    name="ex01.one_hot",
    subject="one_hot",
    draw=draw_targets,
    probe=probe_one_hot,
    ready_answers=READY_ANSWERS,
    verified="1 to 260 classes, absent ones, ignore_index 255, -1, -100 and that of a class, nothing labelled",
)
encode_nearest = Check(
    name="ex01.encode_nearest",
    subject="encode_nearest",
    draw=draw_noisy_pictures,
    probe=probe_encode_nearest,
    ready_answers=READY_ANSWERS,
    verified="1 to 255 classes, distances of exactly max_distance and beyond, 0, fractions, no loop over pixels",
)
