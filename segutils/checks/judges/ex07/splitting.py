"""Judge of ex07's sequential_split."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np

from segutils.checks.base import Answers, Case
from segutils.checks.judges.base import Fault, Judge, UsualErrors, a_kind, find_side_effect

ORDERS = {
    "mixed": "the frames were shuffled or drawn at random; a video is cut in time order.",
    "sorted": "lists of frame numbers; a range says the same: range(start, stop).",
}
KINDS = {
    "Subset": "torch's random_split draws frames at random; a video is cut in time order.",
    "int": "sizes (or borders) were returned; asked are the frames themselves, three ranges.",
    "float": "sizes (or borders) were returned; asked are the frames themselves, three ranges.",
    "slice": "a slice is no range: range(start, stop).",
}


def shares(n: int, fraction: float) -> set[int]:
    """int(n * fraction), as floating point and as decimal fractions have it: 90 * 0.70 is 62.99... or 63."""
    return {int(n * fraction), int(n * Fraction(str(fraction)))}


def find_split_fault(case: Case, answers: Answers) -> Fault | None:
    if answers.get("error"):
        whole = "cannot be interpreted as an integer" in str(answers["error_text"])
        cause = "n * fraction is no whole number: a size is int(...) of it." if whole else ""
        return replace(find_side_effect(answers), cause=cause)
    kinds = str(answers["kinds"]).split(", ") if answers["kinds"] else []
    if kinds != ["range"] * 3:  # frames drawn at random come in lists: that is told before "two different results"
        return find_wrong_kind(answers, kinds)
    if fault := find_side_effect(answers):
        return fault
    n, fractions = int(case["n"]), case["fractions"].tolist()
    borders = [0, *accepted_borders(answers["value"], n, fractions), n]
    got = [range(*row.tolist()) for row in answers["value"]]
    expected = [range(start, stop) for start, stop in pairwise(borders)]
    for name, ours, theirs in zip(("first", "second", "third"), expected, got, strict=True):
        if ours != theirs:
            return Fault(
                f"the {name} part is wrong", f"expected {ours}, got {theirs}; all parts: {', '.join(map(str, got))}"
            )
    return None


def find_wrong_kind(answers: Answers, kinds: list[str]) -> Fault:
    if not kinds:
        cause = {"NoneType": "the function ends without `return`.", "range": "one part; asked are three."}
        cause |= {
            "generator": "`yield` makes a generator; return the three ranges.",
            "dict": "asked is a tuple of three.",
        }
        kind = str(answers["kind"])
        return Fault(f"returned {a_kind(kind)}", f"expected three ranges, got {a_kind(kind)}", cause.get(kind, ""))
    cause = next((KINDS[kind] for kind in kinds if kind in KINDS), "") or ORDERS.get(str(answers["order"]), "")
    if len(kinds) != 3 and set(kinds) == {"range"}:
        cause = f"there are three parts: training, validation and test; got {len(kinds)}."
    return Fault("these are not three ranges", f"expected range, range, range, got {', '.join(kinds[:6])}", cause)


def accepted_borders(value: np.ndarray, n: int, fractions: list[float]) -> tuple[int, int]:
    """The two inner borders: those of the answer where rounding leaves a choice and they are among the right ones."""
    firsts, seconds = shares(n, fractions[0]), shares(n, fractions[1])
    right = sorted({(first, first + second) for first in firsts for second in seconds})
    first, second = (range(*row.tolist()) for row in value[:2])
    return next((b for b in right if (first, second) == (range(b[0]), range(*b))), right[-1])


def usual_split_errors(case: Case) -> UsualErrors:
    n, (f0, f1, f2) = int(case["n"]), case["fractions"].tolist()
    first, second, third = int(n * f0), int(n * f1), int(n * f2)

    def of_sizes(*sizes: int, last: int | None = None) -> np.ndarray:
        stops = np.cumsum(sizes[:2]).tolist()
        end = stops[1] + sizes[2] if len(sizes) > 2 else n
        return table((0, stops[0]), (stops[0], stops[1]), (stops[1], end if last is None else last))

    def table(*rows: tuple[int, int]) -> np.ndarray:
        return np.array([[start, stop, 1] for start, stop in rows])

    rounded, ceiled = [round(n * f) for f in (f0, f1, f2)], [int(np.ceil(n * f)) for f in (f0, f1, f2)]
    return [
        (
            "the last frames are missing: the third part is the rest, not int(n * f2).",
            lambda: of_sizes(first, second, third),
        ),
        ("the sizes were rounded to the nearest number; int(...) rounds down.", lambda: of_sizes(*rounded[:2])),
        ("the sizes were rounded to the nearest number; int(...) rounds down.", lambda: of_sizes(*rounded)),
        ("the sizes were rounded up; int(...) rounds down.", lambda: of_sizes(*ceiled[:2])),
        ("the sizes were rounded up; int(...) rounds down.", lambda: of_sizes(*ceiled)),
        (
            "the fractions were added before rounding (or the second size was not rounded down): it is int(n * f1).",
            lambda: of_sizes(first, int(n * (f0 + f1)) - first),
        ),
        (
            "fractions is an argument; 0.70 and 0.15 are only its default.",
            lambda: of_sizes(int(n * 0.70), int(n * 0.15)),
        ),
        (
            "fractions is an argument; 0.70 and 0.15 are only its default.",
            lambda: of_sizes(int(n * 0.70), int(n * 0.15), int(n * 0.15)),
        ),
        (
            "the fractions were turned into whole percents, and that cuts them off; multiply first, then int(...).",
            lambda: of_sizes(n * int(100 * f0) // 100, n * int(100 * f1) // 100),
        ),
        ("the third fraction was taken for the second.", lambda: of_sizes(first, third)),
        ("the fractions were taken in another order: training, validation, test.", lambda: of_sizes(second, first)),
        ("the fractions were taken in another order: training, validation, test.", lambda: of_sizes(third, second)),
        ("the rest went to the second part; it belongs to the third.", lambda: of_sizes(first, n - first - third)),
        ("the rest went to the first part; it belongs to the third.", lambda: of_sizes(n - second - third, second)),
        (
            "the last frame is missing; range(start, stop) ends before stop.",
            lambda: of_sizes(first, second, last=n - 1),
        ),
        ("every part begins at 0: the parts overlap.", lambda: table((0, first), (0, second), (0, n - first - second))),
        ("every part begins at 0: the parts overlap.", lambda: table((0, first), (0, second), (0, third))),
        (
            "sizes were taken for borders: range(first, second) ends at frame `second`.",
            lambda: table((0, first), (first, second), (second, n)),
        ),
        (
            "the parts overlap by a frame; range(start, stop) ends before stop.",
            lambda: table((0, first + 1), (first, first + second + 1), (first + second, n)),
        ),
        (
            "the frames were counted from 1; the first one is frame 0.",
            lambda: table((1, first + 1), (first + 1, first + second + 1), (first + second + 1, n + 1)),
        ),
        (
            "a frame is left out at each border; range(start, stop) ends before stop, where the next part begins.",
            lambda: table((0, first), (first + 1, first + second), (first + second + 1, n)),
        ),
        (
            "a frame is left out at each border; range(start, stop) ends before stop.",
            lambda: table((0, first - 1), (first, first + second - 1), (first + second, n - 1)),
        ),
        (
            "the test part came first; the order is training, validation, test.",
            lambda: table((n - first, n), (n - first - second, n - first), (0, n - first - second)),
        ),
        ("the third part was the first in time.", lambda: of_sizes(third, second, first)),
    ]


def called(case: Case) -> str:
    fractions = tuple(case["fractions"].tolist())
    return (
        f"sequential_split({case['n']}" + ("" if fractions == (0.70, 0.15, 0.15) else f", fractions={fractions}") + ")"
    )


sequential_split = Judge(called=called, find_fault=find_split_fault, usual_errors=usual_split_errors)
