"""ex07's sequential_split: numbers of frames, and the probe that has them split."""

import numpy as np

from segutils.checks.base import Answers, Case, Check
from segutils.checks.ex07.ready import READY_ANSWERS
from segutils.checks.probing import call, one_thread


def draw_splits(seed: int) -> list[Case]:
    """Numbers of frames, few and many, and fractions whose parts cannot be exchanged."""
    rng = np.random.default_rng([7, 2, seed])
    usual = (0.70, 0.15, 0.15)
    fixed = [(n, usual) for n in (101, 20, 7, 1, 90)]
    fixed += [(101, (0.5, 0.2, 0.3)), (10, (0.6, 0.3, 0.1)), (19, (0.25, 0.25, 0.5)), (50, (0.8, 0.2, 0.0))]
    fixed += [(200, (0.625, 0.125, 0.25))]  # no whole percents
    drawn = []
    for n in rng.integers(30, 2000, size=5).tolist():
        first, second = sorted(rng.integers(1, 20, size=2).tolist())
        drawn.append((n, ((20 - second) / 20, (second - first) / 20, first / 20)))
    return [{"n": n, "fractions": np.array(fractions)} for n, fractions in fixed + drawn]


@one_thread()
def probe_split(sequential_split: object, case: Case) -> Answers:
    """Call sequential_split, once without fractions where they are the default."""
    splits = []

    def split(n, **keywords):
        splits.append(sequential_split(n, **keywords))
        return splits[-1]

    fractions = tuple(case["fractions"].tolist())
    keywords = {} if fractions == (0.70, 0.15, 0.15) else {"fractions": fractions}
    _, answers = call(split, {"n": int(case["n"])}, READY_ANSWERS, **keywords)
    if "error" in answers:
        return answers
    parts = list(splits[0]) if isinstance(splits[0], tuple | list) else []
    answers["kinds"] = ", ".join(type(part).__name__ for part in parts)
    answers["repeats"] = len(splits) == 2 and repr(splits[0])[:100_000] == repr(splits[1])[:100_000]
    if parts and all(isinstance(part, range) for part in parts):
        answers |= {"value": np.array([[part.start, part.stop, part.step] for part in parts]), "dtype": "int64"}
    answers["order"] = order_of(parts)
    return answers


def order_of(parts: list) -> str:
    """How the frame numbers in the parts follow each other: "sorted", "mixed", or "" where there are none."""
    try:
        numbers = [int(number) for part in parts for number in part]
    except Exception:
        return ""
    return "sorted" if numbers == sorted(numbers) else "mixed"


sequential_split = Check(
    name="ex07.sequential_split",
    subject="sequential_split",
    draw=draw_splits,
    probe=probe_split,
    ready_answers=READY_ANSWERS,
    verified="1 to 2000 frames, several fractions, every frame in exactly one part",
)
