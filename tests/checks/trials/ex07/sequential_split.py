"""Solutions of ex07's sequential_split, as students write them."""

import math
import random
from fractions import Fraction
from itertools import accumulate, pairwise

import numpy as np
import torch
from torch.utils.data import random_split

from segutils import camseq

USUAL = (0.70, 0.15, 0.15)


def of_sizes(sizes):
    """A solution whose parts follow each other with these sizes: sizes(n, fractions)."""

    def sequential_split(n, fractions=USUAL):
        borders = [0, *accumulate(sizes(n, fractions))]
        return tuple(range(start, stop) for start, stop in pairwise(borders))

    return sequential_split


def of_parts(parts):
    """A solution from the two rounded sizes and n: parts(first, second, n)."""
    return lambda n, fractions=USUAL: parts(int(n * fractions[0]), int(n * fractions[1]), n)


def rest(first, second, n):
    return first, second, n - first - second


def shuffled(n, fractions=USUAL):
    frames = list(range(n))
    random.shuffle(frames)
    first, second = int(n * fractions[0]), int(n * fractions[1])
    return frames[:first], frames[first : first + second], frames[first + second :]


def permuted(n, fractions=USUAL):
    frames = torch.randperm(n)
    first, second = int(n * fractions[0]), int(n * fractions[1])
    return frames[:first], frames[first : first + second], frames[first + second :]


def of_torch(n, fractions=USUAL):
    return random_split(range(n), list(fractions))


def without_return(n, fractions=USUAL):
    first, second = int(n * fractions[0]), int(n * fractions[1])
    range(first), range(first, first + second), range(first + second, n)


def yielding(n, fractions=USUAL):
    first, second = int(n * fractions[0]), int(n * fractions[1])
    yield range(first)
    yield range(first, first + second)
    yield range(first + second, n)


WRONG = {
    "rounded": (of_sizes(lambda n, f: rest(round(n * f[0]), round(n * f[1]), n)), "rounded to the nearest"),
    "rounded, all three": (of_sizes(lambda n, f: [round(n * share) for share in f]), "rounded to the nearest"),
    "rounded up": (of_sizes(lambda n, f: rest(math.ceil(n * f[0]), math.ceil(n * f[1]), n)), "rounded up"),
    "the last frame missing": (of_sizes(lambda n, f: [int(n * share) for share in f]), "the third part is the rest"),
    "101 as 70, 15, 15": (of_sizes(lambda n, f: (int(n * f[0]), int(n * f[1]), int(n * f[1]))), "third part is"),
    "one too few": (of_parts(lambda a, b, n: (range(a), range(a, a + b), range(a + b, n - 1))), "last frame is miss"),
    "added before rounding": (
        of_sizes(lambda n, f: rest(int(n * f[0]), int(n * (f[0] + f[1])) - int(n * f[0]), n)),
        "added before rounding",
    ),
    "second rounded to the nearest": (
        of_sizes(lambda n, f: rest(int(n * f[0]), round(n * f[1]), n)),
        "was not rounded down",
    ),
    "whole percents": (
        of_sizes(lambda n, f: rest(n * int(100 * f[0]) // 100, n * int(100 * f[1]) // 100, n)),
        "whole percents",
    ),
    "fractions ignored": (lambda n, fractions=USUAL: camseq_like(n), "only its default"),
    "third for second": (of_sizes(lambda n, f: rest(int(n * f[0]), int(n * f[2]), n)), "third fraction was taken"),
    "exchanged": (of_sizes(lambda n, f: rest(int(n * f[1]), int(n * f[0]), n)), "another order"),
    "rest to validation": (
        of_sizes(lambda n, f: (int(n * f[0]), n - int(n * f[0]) - int(n * f[2]), int(n * f[2]))),
        "rest went to the second part",
    ),
    "rest to training": (
        of_sizes(lambda n, f: (n - int(n * f[1]) - int(n * f[2]), int(n * f[1]), int(n * f[2]))),
        "rest went to the first part",
    ),
    "all from 0": (of_parts(lambda a, b, n: (range(a), range(b), range(n - a - b))), "every part begins at 0"),
    "sizes as borders": (of_parts(lambda a, b, n: (range(a), range(a, b), range(b, n))), "sizes were taken for"),
    "overlap": (of_parts(lambda a, b, n: (range(a + 1), range(a, a + b + 1), range(a + b, n))), "overlap by a frame"),
    "from 1": (
        of_parts(lambda a, b, n: (range(1, a + 1), range(a + 1, a + b + 1), range(a + b + 1, n + 1))),
        "counted from 1",
    ),
    "a frame left out": (
        of_parts(lambda a, b, n: (range(a), range(a + 1, a + b), range(a + b + 1, n))),
        "left out at each border",
    ),
    "minus 1": (
        of_parts(lambda a, b, n: (range(a - 1), range(a, a + b - 1), range(a + b, n - 1))),
        "left out at each border",
    ),
    "test first": (
        of_parts(lambda a, b, n: (range(n - a, n), range(n - a - b, n - a), range(n - a - b))),
        "the test part came first",
    ),
    "sizes": (of_parts(rest), "sizes .or borders. were returned"),
    "slices": (of_parts(lambda a, b, n: (slice(a), slice(a, a + b), slice(a + b, n))), "a slice is no range"),
    "lists": (
        of_parts(lambda a, b, n: (list(range(a)), list(range(a, a + b)), list(range(a + b, n)))),
        "lists of frame numbers",
    ),
    "arrays": (
        of_parts(lambda a, b, n: (np.arange(a), np.arange(a, a + b), np.arange(a + b, n))),
        "lists of frame numbers",
    ),
    "shuffled": (shuffled, "shuffled or drawn at random|two different results"),
    "permuted": (permuted, "shuffled or drawn at random"),
    "random_split": (of_torch, "random_split draws frames|shuffled or drawn"),
    "two parts": (of_parts(lambda a, b, n: (range(a), range(a, n))), "there are three parts"),
    "one part": (of_parts(lambda a, b, n: range(a)), "one part; asked are three"),
    "no return": (without_return, "without `return`"),
    "yield": (yielding, "`yield` makes a generator"),
    "a dict": (of_parts(lambda a, b, n: {"train": range(a), "val": range(b), "test": range(n)}), "a tuple of three"),
    "float": (lambda n, fractions=USUAL: (range(n * fractions[0]),), "no whole number"),
    "the course's": (camseq.sequential_split, r"hands the task over to segutils\.camseq"),
}


def camseq_like(n):
    first, second = int(n * 0.70), int(n * 0.15)
    return range(first), range(first, first + second), range(first + second, n)


def exactly(n, fractions=USUAL):
    first, second = (math.floor(n * Fraction(str(share))) for share in fractions[:2])
    return range(0, first), range(first, first + second), range(first + second, n)


def cut_from_a_range(n, fractions=USUAL):
    frames = range(n)
    first = int(fractions[0] * n)
    stop = first + int(fractions[1] * n)
    return frames[:first], frames[first:stop], frames[stop:]


def by_numpy(n, fractions=USUAL):
    borders = np.floor(n * np.array(fractions[:2])).astype(int).cumsum().tolist()
    return [range(*pair) for pair in zip([0, *borders], [*borders, n], strict=True)]


def counting(n, fractions=(0.7, 0.15, 0.15)):
    parts, start = [], 0
    for share in fractions[:-1]:
        parts.append(range(start, start + int(n * share // 1)))
        start = parts[-1].stop
    return (*parts, range(start, n))


RIGHT = {
    "two sizes": of_parts(lambda a, b, n: (range(a), range(a, a + b), range(a + b, n))),
    "exact fractions": exactly,
    "cut from a range": cut_from_a_range,
    "numpy, a list": by_numpy,
    "a loop": counting,
    "the rest from the end": of_parts(lambda a, b, n: (range(a), range(a, n)[:b], range(n)[a + b :])),
}
