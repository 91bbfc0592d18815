"""ex07's challenge, copy_nearest: masks of a sequence, and the probe that has the nearest ones copied."""

import numpy as np

from segutils.checks.base import Answers, Case, Check
from segutils.checks.ex07.ready import READY_ANSWERS
from segutils.checks.probing import as_tensor, call, ignore_keyword, one_thread


def draw_sequences(seed: int) -> list[Case]:
    """Masks of a moving scene with frames for training and test: in time order, mixed, unsorted, with ties, large."""
    rng = np.random.default_rng([7, 4, seed])
    mixed = rng.permutation(14)
    # frames, height, width, num_classes, ignore_index, ignored share, train, test, kind of the test frames
    table = [
        (9, 4, 6, 3, 255, 0.1, [0, 1, 2, 3, 4, 5], [7, 8], "list"),
        (8, 5, 3, 4, 255, 0.2, [6, 2, 4, 0], [3, 1, 5, 7], "tuple"),
        (14, 3, 7, 5, 255, 0.1, mixed[:9].tolist(), mixed[9:].tolist(), "list"),
        (7, 5, 6, 3, -1, 0.2, [5, 3, 6], [0, 1, 2, 4], "list"),
        (6, 4, 5, 4, 1, 0.2, [3, 0], [1, 2, 4, 5], "list"),
        (5, 3, 4, 2, 255, 1.0, [0, 1], [2, 3], "list"),
        (10, 120, 160, 8, 255, 0.05, list(range(7)), list(range(8, 10)), "range"),
    ]
    cases = []
    for frames, height, width, num_classes, ignore, share, train, test, kind in table:
        masks = rng.integers(0, num_classes, size=(frames, height, width))
        masks = np.where(rng.random(masks.shape) < share, ignore, masks)
        case = {"masks": masks, "train": np.array(train), "test": np.array(test), "test_kind": kind}
        cases.append({**case, "num_classes": num_classes, "ignore_index": ignore})
    return cases


@one_thread()
def probe_copy_nearest(copy_nearest: object, case: Case) -> Answers:
    """Call copy_nearest with int64 masks; frame numbers come in a list, a tuple or a range."""
    train, test = (sequence_of(case[name], str(case["test_kind"])) for name in ("train", "test"))
    given = list(train), list(test)
    arguments = {
        "masks": as_tensor(case["masks"]),
        "train": train,
        "test": test,
        "num_classes": int(case["num_classes"]),
    }
    steps = case["masks"][0].size // 4 if case["masks"][0].size > 10_000 else 0
    _, answers = call(copy_nearest, arguments, READY_ANSWERS, max_steps=steps, **ignore_keyword(case))
    if (list(train), list(test)) != given and "error" not in answers:
        answers["changed_inputs"] = ", ".join(filter(None, [answers["changed_inputs"], "train or test"]))
    return answers


def sequence_of(frames: np.ndarray, kind: str) -> list | tuple | range:
    if kind == "range":
        return range(int(frames[0]), int(frames[-1]) + 1)
    return {"list": list, "tuple": tuple}[kind](frames.tolist())


copy_nearest = Check(
    name="ex07.copy_nearest",
    subject="copy_nearest",
    draw=draw_sequences,
    probe=probe_copy_nearest,
    ready_answers=READY_ANSWERS,
    verified="splits in time order and mixed ones, ties, ignored pixels on both sides, ignore_index 255, 1 and -1",
)
