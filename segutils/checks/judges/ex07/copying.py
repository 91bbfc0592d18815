"""Judge of ex07's challenge: what copying the label that is nearest in time scores."""

import torch
from torch import Tensor

from segutils.checks.base import Answers, Case
from segutils.checks.judges.base import Fault, Judge, UsualErrors, find_wrong_result
from segutils.checks.probing import as_tensor
from segutils.metrics import confusion_matrix, mean_iou


def nearest_in_time(train: list[int], test: list[int]) -> list[int]:
    """For every test frame the training frame with the smallest distance in time, of two the earlier."""
    return [min(sorted(train), key=lambda other: abs(other - frame)) for frame in test]


def find_copy_fault(case: Case, answers: Answers) -> Fault | None:
    masks, ignore = as_tensor(case["masks"]), int(case["ignore_index"])
    train, test = case["train"].tolist(), case["test"].tolist()
    copied = masks[nearest_in_time(train, test)]
    target = masks[test].masked_fill(copied == ignore, ignore)
    expected = confusion_matrix(copied, target, int(case["num_classes"]), ignore)
    return find_wrong_result(expected, answers, ("int64",), "the matrix")


def usual_copy_errors(case: Case) -> UsualErrors:
    masks, ignore, num_classes = as_tensor(case["masks"]), int(case["ignore_index"]), int(case["num_classes"])
    train, test = case["train"].tolist(), case["test"].tolist()
    right = nearest_in_time(train, test)

    def count(frames: list[int], asked: list[int] = test, void_as: int | None = None, index: int = ignore) -> Tensor:
        copied, target = masks[frames], masks[asked]
        if void_as is None:
            target = target.masked_fill(copied == index, index)
        else:
            copied = copied.masked_fill(copied == index, void_as)
        return confusion_matrix(copied, target, num_classes, index)

    later = [min(sorted(train, reverse=True), key=lambda other: abs(other - frame)) for frame in test]
    listed = [min(train, key=lambda other: abs(other - frame)) for frame in test]
    last_of_list = [min(reversed(train), key=lambda other: abs(other - frame)) for frame in test]
    past = [max([other for other in train if other < frame], default=min(train)) for frame in test]
    future = [min([other for other in train if other > frame], default=max(train)) for frame in test]
    places = [min(range(len(train)), key=lambda place: abs(train[place] - frame)) for frame in test]
    farthest = [max(train, key=lambda other: abs(other - frame)) for frame in test]
    votes = most_frequent(masks[train], num_classes, ignore)
    filled = votes.expand(len(test), -1, -1)
    every = [min(range(len(masks)), key=lambda other: (other == frame, abs(other - frame))) for frame in test]

    return [
        ("of two training frames equally near, the later one was copied.", lambda: count(later)),
        (
            "of two training frames equally near, the first in the list was copied; asked is the earlier in time.",
            lambda: count(listed),
        ),
        (
            "of two training frames equally near, the last in the list was copied; asked is the earlier in time.",
            lambda: count(last_of_list),
        ),
        (
            "ignored pixels of the copied mask were counted as class 0; they are left out as well.",
            lambda: count(right, void_as=0),
        ),
        (
            "ignored pixels of the copied mask were counted as the last class; they are left out as well.",
            lambda: count(right, void_as=num_classes - 1),
        ),
        (
            "ignored pixels of the copied mask are still there as predictions, and they are no class.",
            lambda: confusion_matrix(masks[right], masks[test], num_classes, ignore),
        ),
        (
            "rows and columns are exchanged: rows are the target, columns the copied label.",
            lambda: count(right).T.contiguous(),
        ),
        (
            "copied label and target are exchanged in the call of confusion_matrix.",
            lambda: confusion_matrix(masks[test], masks[right], num_classes, ignore),
        ),
        ("only 255 is left out; ignore_index is an argument.", lambda: count(right, index=255)),
        ("the place in `train` was taken for the number of the frame.", lambda: count(places)),
        ("only earlier training frames were considered.", lambda: count(past)),
        ("only later training frames were considered.", lambda: count(future)),
        ("the last training frame was copied for every test frame.", lambda: count([train[-1]] * len(test))),
        ("the last training frame was copied for every test frame.", lambda: count([max(train)] * len(test))),
        ("the first training frame was copied for every test frame.", lambda: count([train[0]] * len(test))),
        ("the farthest frame was copied, not the nearest.", lambda: count(farthest)),
        ("each test frame was compared with itself.", lambda: count(test)),
        ("the nearest frame of the whole sequence was copied; only frames of `train` are known.", lambda: count(every)),
        ("train and test are exchanged.", lambda: count(nearest_in_time(test, train), train)),
        ("only the last test frame is in the matrix; add them up.", lambda: count(right[-1:], test[-1:])),
        ("only the first test frame is in the matrix: a `return` inside the loop?", lambda: count(right[:1], test[:1])),
        (
            "the most frequent label of each place was predicted; asked is the nearest frame's.",
            lambda: confusion_matrix(filled, masks[test], num_classes, ignore),
        ),
        ("the matrix was divided by the number of test frames; it holds counts.", lambda: count(right) / len(test)),
        ("the matrix was divided by its sum; it holds counts.", lambda: count(right) / count(right).sum()),
        ("the mean IoU was returned; asked is the matrix.", lambda: mean_iou(count(right))),
        (
            "a tuple as an index asks for one pixel, not for several frames; a list of frame numbers does.",
            lambda: masks[tuple(test)],
        ),
        ("the matrices were counted in floating point; counts are int64.", lambda: count(right).float()),
    ]


def most_frequent(masks: Tensor, num_classes: int, ignore: int) -> Tensor:
    """The most frequent class of every place over time: (T, H, W) -> (H, W)."""
    counts = torch.stack([((masks == label) & (masks != ignore)).sum(dim=0) for label in range(num_classes)])
    return counts.argmax(dim=0)


def called(case: Case) -> str:
    train, test = ([*case[name].tolist()] for name in ("train", "test"))
    ignore = "" if int(case["ignore_index"]) == 255 else f", ignore_index={case['ignore_index']}"
    shape = tuple(case["masks"].shape)
    return f"copy_nearest(masks {shape}, train={train}, test={test}, num_classes={case['num_classes']}{ignore})"


copy_nearest = Judge(called=called, find_fault=find_copy_fault, usual_errors=usual_copy_errors)
