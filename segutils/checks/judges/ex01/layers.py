"""Judge of one_hot: class indices to a layer per class."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from segutils.checks.base import Answers, Case
from segutils.checks.judges.base import Fault, Judge, UsualErrors, find_wrong_result, ignore_argument
from segutils.checks.probing import as_tensor

UNUSED = "ignore_index is not used: it may be any integer, also that of a class, and its pixels have no 1 anywhere."
TAKES_NO_VOID = "an ignored label is no index of a class, so {} fails: put a class there first, and take it out after."


def layers(target: Tensor, labelled: Tensor, num_classes: int) -> Tensor:
    """A layer per class with zeros where nothing is labelled: (N, H, W) -> (N, H, W, C), int64."""
    return F.one_hot(torch.where(labelled, target, 0), num_classes) * labelled[..., None]


def find_fault(case: Case, answers: Answers) -> Fault | None:
    target = as_tensor(case["target"])
    expected = layers(target, target != int(case["ignore_index"]), int(case["num_classes"])).movedim(-1, 1).float()
    return find_wrong_result(expected, answers, ("float32",), "the result")


def usual_errors(case: Case) -> UsualErrors:
    target, num_classes, ignore = as_tensor(case["target"]), int(case["num_classes"]), int(case["ignore_index"])
    labelled = target != ignore
    last = layers(target, labelled, num_classes)  # (N, H, W, C)
    right = last.movedim(-1, 1)
    void = ~labelled[:, None]  # (N, 1, H, W)
    classes = torch.arange(num_classes)[None, :, None, None]

    def first(with_void: Tensor) -> Tensor:
        return with_void.movedim(-1, 1)

    def void_as(index: int, count: int = num_classes) -> Tensor:
        return first(F.one_hot(torch.where(labelled, target, index), count))

    def only_void(value: int) -> Tensor:
        """Ignored are the labels that equal `value`, whatever ignore_index says."""
        return first(layers(target, target != value, num_classes))

    return [
        (
            "the values are right, their dtype is not: probabilities are compared with them, so they are float32.",
            lambda: right,
        ),
        ("the classes are the last axis, (N, H, W, C); asked is (N, C, H, W).", lambda: last),
        (
            "reshape (or view) does not move an axis, it reads the same numbers in other rows: move the classes to"
            " dim=1 with permute or movedim.",
            lambda: last.reshape(right.shape),
        ),
        (
            "height and width are exchanged: (N, C, W, H). transpose(1, -1) swaps two axes; the other two must keep"
            " their order.",
            lambda: last.transpose(1, 3),
        ),
        ("the classes are the first axis, (C, N, H, W); asked is (N, C, H, W).", lambda: last.movedim(-1, 0)),
        ("the classes stand between rows and columns; asked is (N, C, H, W).", lambda: last.movedim(-1, 2)),
        (
            "height and width are exchanged: (N, C, W, H).",
            lambda: right.transpose(2, 3),
        ),
        ("ignored pixels became class 0; they are 0 in every layer.", lambda: void_as(0)),
        ("ignored pixels became the last class; they are 0 in every layer.", lambda: void_as(num_classes - 1)),
        (
            "ignored labels were clamped to the nearest class; they are 0 in every layer.",
            lambda: first(F.one_hot(target.clamp(0, num_classes - 1), num_classes)),
        ),
        (
            "ignored labels were wrapped round (% num_classes); they are 0 in every layer.",
            lambda: first(F.one_hot(target % num_classes, num_classes)),
        ),
        (
            "one layer too many: ignored pixels have no layer of their own.",
            lambda: void_as(num_classes, num_classes + 1),
        ),
        (
            "one layer too many, and empty: there are num_classes layers.",
            lambda: F.pad(right, (0, 0, 0, 0, 0, 1)),
        ),
        ("ignored pixels are 1 in every layer; they are 0.", lambda: right + void.long()),
        ("ignored pixels hold the ignored label itself; they are 0 in every layer.", lambda: right + void * ignore),
        ("ignored pixels hold 255; they are 0 in every layer.", lambda: right + void * 255),
        ("ignored pixels hold -1; they are 0 in every layer.", lambda: right - void.long()),
        ("ignored pixels are nan; they are 0 in every layer.", lambda: right.float().masked_fill(void, torch.nan)),
        (
            "ignored pixels share the 1 among all classes; they are 0 in every layer.",
            lambda: right + void / num_classes,
        ),
        (UNUSED, lambda: target[:, None] == classes),
        (
            "the argument ignore_index is not used: only 255 is left out.",
            lambda: only_void(255),
        ),
        (
            "256 layers, cut to num_classes, leave out 255 alone; ignore_index may be negative or that of a class.",
            lambda: first(F.one_hot(target, 256)[..., :num_classes]),
        ),
        (
            "only labels of num_classes and more are left out; the argument ignore_index is not used, and it may be"
            " negative or that of a class.",
            lambda: first(layers(target, target < num_classes, num_classes)),
        ),
        (
            "(N, H, W, C) and (N, H, W) do not line up: give the labelled pixels an axis for the classes.",
            lambda: last * labelled,
        ),
        (
            "(N, C, H, W) and (N, H, W) do not line up: give the labelled pixels an axis for the classes.",
            lambda: right * labelled,
        ),
        ("0 and 1 are exchanged.", lambda: 1 - right),
        ("0 and 1 are exchanged for the labelled pixels.", lambda: (1 - right) * ~void),
        (
            "F.one_hot without num_classes guesses it from the largest label; pass the argument on.",
            lambda: first(F.one_hot(torch.where(labelled, target, 0))) * ~void,
        ),
        ("F.one_hot without num_classes guesses it from the largest label, 255.", lambda: first(F.one_hot(target))),
        (
            "F.one_hot takes no negative labels, and ignore_index may be one: put a class there first.",
            lambda: F.one_hot(target) if ignore < 0 else right,
        ),
        (
            "F.one_hot without num_classes guesses it from the largest label; pass the argument on.",
            lambda: F.one_hot(target)[..., :num_classes].movedim(-1, 1),
        ),
        ("256 classes were assumed; num_classes is an argument.", lambda: F.one_hot(target, 256).movedim(-1, 1)),
        (TAKES_NO_VOID.format("F.one_hot"), lambda: F.one_hot(target, num_classes)),
        (TAKES_NO_VOID.format("an index into torch.eye(C)"), lambda: torch.eye(num_classes)[target].movedim(-1, 1)),
        (TAKES_NO_VOID.format("scatter_"), lambda: torch.zeros(right.shape).scatter_(1, target[:, None], 1.0)),
        (
            "the classes are counted from 1; the first one is 0.",
            lambda: (target[:, None] == classes + 1) & ~void,
        ),
        ("class 0 has no layer; there are num_classes of them.", lambda: right[:, 1:]),
        ("class 0 was left out; its layer is empty.", lambda: right * (classes > 0)),
        ("the last class was left out; its layer is empty.", lambda: right * (classes < num_classes - 1)),
        ("the layers hold the class's index; asked is 1.", lambda: right * classes),
        ("the layers hold the class's index plus 1; asked is 1.", lambda: right * (classes + 1)),
        ("only the first image of the batch was used.", lambda: right[0]),
        ("only the first image of the batch was used.", lambda: right[:1]),
        ("squeeze() removes every axis of length 1, also that of a batch of one.", lambda: right.squeeze()),
        (
            "the ignored pixels were dropped, and with them the shape of the picture; they stay, with zeros.",
            lambda: F.one_hot(target[labelled], num_classes),
        ),
        ("the pixels stand in one long row; asked is (N, C, H, W).", lambda: last.flatten(0, 2)),
        ("the layers' order is reversed.", lambda: right.flip(1)),
        ("the images of the batch were added up.", lambda: right.sum(dim=0)),
    ]


one_hot = Judge(
    called=lambda case: (
        f"one_hot(target {tuple(case['target'].shape)}, {case['num_classes']}"
        + ignore_argument(case)
        + f"), {np.sum(case['target'] == case['ignore_index'])} of {case['target'].size} pixels ignored"
    ),
    find_fault=find_fault,
    usual_errors=usual_errors,
)
