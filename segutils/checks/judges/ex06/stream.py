"""Judge of the challenge stream_mean_iou."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from segutils import metrics
from segutils.checks.base import Answers, Case
from segutils.checks.ex06 import MAX_PAIRS_ALIVE
from segutils.checks.judges.base import Fault, Judge, UsualErrors, find_side_effect, ignore_argument, number
from segutils.checks.judges.ex06.common import find_wrong_ratio, smoothings
from segutils.checks.probing import as_tensor

KEPT = (
    "a list of the frames, torch.cat or zip(*frames) needs all of them at once. Keep counts: a frame's matrix is small."
)


def frame_matrices(case: Case, ignore_index: int, count: Callable = metrics.confusion_matrix) -> list[Tensor]:
    """The confusion matrix of every frame of the stream."""
    predictions, targets = as_tensor(case["predictions"]), as_tensor(case["targets"])
    num_classes = int(case["num_classes"])
    frames = zip(predictions, targets, strict=True)
    return [count(prediction, target, num_classes, ignore_index) for prediction, target in frames]


def unchecked_matrix(prediction: Tensor, target: Tensor, num_classes: int, ignore_index: int) -> Tensor:
    """A confusion matrix without our checks of the labels: torch's own exception where one is out of range."""
    labelled = target != ignore_index
    pairs = target[labelled] * num_classes + prediction[labelled]
    return torch.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def added(matrices: list[Tensor], case: Case) -> Tensor:
    num_classes = int(case["num_classes"])
    return sum(matrices, torch.zeros(num_classes, num_classes, dtype=torch.int64))


def find_stream_fault(case: Case, answers: Answers) -> Fault | None:
    if fault := find_side_effect(answers):
        return fault
    alive, count = int(answers["pairs_alive"]), len(case["predictions"])
    if alive > MAX_PAIRS_ALIVE:
        return Fault(f"keeps frames: {alive} of {count} were in memory at the same time", cause=KEPT)
    if bool(answers["copies_kept"]):
        return Fault("keeps a copy of every frame: memory grows with the stream", cause=KEPT)
    expected = metrics.mean_iou(added(frame_matrices(case, int(case["ignore_index"])), case))
    fault = find_wrong_ratio(expected, answers)
    if fault and bool(answers["walked_again"]):
        return replace(fault, cause="the stream was walked through again after its end; an iterator can be used once.")
    return fault


def usual_stream_errors(case: Case) -> UsualErrors:
    ignore_index = int(case["ignore_index"])
    matrices = frame_matrices(case, ignore_index)
    total = added(matrices, case)
    iou = metrics.iou_per_class(total)
    exchanged = {**case, "predictions": case["targets"], "targets": case["predictions"]}

    def each_mean() -> Tensor:
        return torch.stack([metrics.mean_iou(matrix) for matrix in matrices])

    def each_class() -> Tensor:
        return torch.stack([metrics.iou_per_class(matrix) for matrix in matrices])

    def mean_of(matrices: list[Tensor]) -> Tensor:
        return metrics.mean_iou(added(matrices, case))

    def with_void_as(label: int) -> Tensor:
        targets = np.where(case["targets"] == ignore_index, label, case["targets"])
        return mean_of(frame_matrices({**case, "targets": targets}, ignore_index))

    averaged = "add the counts of all frames, divide once."
    return [
        (f"the mean IoU of each frame was averaged: {averaged}", lambda: each_mean().nanmean()),
        (f"the mean IoU of each frame was averaged, and one nan spoils it: {averaged}", lambda: each_mean().mean()),
        (
            f"the mean IoU of each frame was averaged, with nan as 0: {averaged}",
            lambda: each_mean().nan_to_num(0).mean(),
        ),
        (
            f"a running mean of the frames' mean IoUs, (old + new) / 2: {averaged}",
            lambda: running_mean(each_mean().nan_to_num(0)),
        ),
        (f"the IoU of each class was averaged over the frames: {averaged}", lambda: each_class().nanmean(0).nanmean()),
        (
            f"the IoU of each class was averaged over the frames, with nan as 0: {averaged}",
            lambda: each_class().nan_to_num(0).mean(0).mean(),
        ),
        (f"the IoU of each class was averaged over the frames: {averaged}", lambda: each_class().mean(0).nanmean()),
        ("one nan makes the whole mean nan; classes without an IoU are left out.", lambda: iou.mean()),
        ("nan turned into 0: a class that the whole stream lacks is left out.", lambda: iou.nan_to_num(0).mean()),
        ("absent counted as 1: a class that the whole stream lacks is left out.", lambda: iou.nan_to_num(1).mean()),
        ("nothing to average gives nan, not 0.", lambda: iou.nanmean().nan_to_num(0)),
        (
            "classes missing in the target were left out; one that was predicted without being there has IoU 0.",
            lambda: iou[total.sum(dim=1) > 0].mean(),
        ),
        (
            "classes that were never predicted were left out; one that is in the target all the same has IoU 0.",
            lambda: iou[total.sum(dim=0) > 0].mean(),
        ),
        ("only the last frame was counted; add each frame's counts to those before.", lambda: mean_of(matrices[-1:])),
        ("only the first frame was counted; `return` stands inside the loop?", lambda: mean_of(matrices[:1])),
        ("the first frame is missing from the counts.", lambda: mean_of(matrices[1:])),
        ("the last frame is missing from the counts.", lambda: mean_of(matrices[:-1])),
        ("the first frame was counted twice.", lambda: mean_of([*matrices[:1], *matrices])),
        (
            "the argument ignore_index is not used: only 255 is left out.",
            lambda: mean_of(frame_matrices(case, 255, unchecked_matrix)),
        ),
        (
            "prediction and target are exchanged; a pair is (prediction, target).",
            lambda: mean_of(frame_matrices(exchanged, ignore_index, unchecked_matrix)),
        ),
        ("void counted as class 0: pixels with ignore_index are left out.", lambda: with_void_as(0)),
        ("this is pixel accuracy.", lambda: metrics.pixel_accuracy(total)),
        ("this is the mean Dice.", lambda: metrics.mean_dice(total)),
        ("the IoU of every class was returned; asked is their mean.", lambda: iou),
        ("the confusion matrix was returned; asked is its mean IoU.", lambda: total),
        *((text, lambda eps=eps: smoothed_mean(total, eps, eps)) for eps, text in smoothings()),
        *((text, lambda eps=eps: smoothed_mean(total, 0, eps)) for eps, text in smoothings()),
    ]


def running_mean(values: Tensor) -> Tensor:
    mean = torch.zeros((), dtype=values.dtype)
    for index, value in enumerate(values):
        mean = value if index == 0 else (mean + value) / 2
    return mean


def smoothed_mean(matrix: Tensor, above: float, below: float) -> Tensor:
    hits = matrix.diagonal().double()
    union = matrix.sum(dim=0) + matrix.sum(dim=1) - hits
    return ((hits + above) / (union + below)).mean()


def called(case: Case) -> str:
    frames = case["targets"]
    void = np.mean(frames == case["ignore_index"])
    arguments = ignore_argument(case)
    return (
        f"stream_mean_iou(frames, {case['num_classes']}{arguments}) on an iterator of {len(frames)} pairs"
        f" (1, {frames.shape[2]}, {frames.shape[3]}), {number(np.float64(100 * void), 2)} % of the pixels ignored"
    )


stream_mean_iou = Judge(called=called, find_fault=find_stream_fault, usual_errors=usual_stream_errors)
