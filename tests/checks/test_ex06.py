"""What the trial solutions of ex06 do not show: references, every seed, and how a stream of frames is watched.

The wrong and right solutions themselves stand in tests/checks/trials/ex06.
"""

import gc

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics

from checks.trials.ex06 import (
    binary_iou,
    boundary_iou,
    confusion_matrix,
    dice_per_class,
    iou_per_class,
    mean_iou,
    soft_dice_loss,
    stream_mean_iou,
)
from checks.trying import message_of
from segutils.checks import ex06

RIGHT = {
    ex06.binary_iou: binary_iou.by_areas,
    ex06.confusion_matrix: confusion_matrix.right_matrix,
    ex06.iou_per_class: iou_per_class.right_iou,
    ex06.mean_iou: lambda matrix: mean_iou.iou(matrix).nanmean(),
    ex06.dice_per_class: dice_per_class.right_dice,
    ex06.soft_dice_loss: soft_dice_loss.loss_by_class,
    ex06.boundary_iou: boundary_iou.right_boundary,
    ex06.stream_mean_iou: stream_mean_iou.right_stream,
}


@pytest.mark.parametrize("check", RIGHT, ids=lambda check: check.name)
def test_right_solutions_pass_with_every_seed(check):
    assert message_of(check, RIGHT[check], seeds=range(20)) == ""


def test_binary_iou_is_scikit_learns():
    def ready(a, b):
        if not (a.any() or b.any()):
            return float("nan")
        return sklearn_metrics.jaccard_score(a.ravel(), b.ravel())

    message = message_of(ex06.binary_iou, ready)
    assert "hands the task over to sklearn.metrics" in message
    judged = ex06.binary_iou.verdict
    cases = ex06.binary_iou.draw(0)
    answers = [{**ex06.binary_iou.probe(ready, case), "delegated_to": ""} for case in cases]
    assert judged(cases, answers).passed


def test_a_wrong_small_case_is_told_before_a_loop_is():
    def binary_iou(a, b):
        both = sum(1 for left, right in zip(a.flat, b.flat, strict=True) if left and right)
        return both / a.size

    assert "number of all pixels" in message_of(ex06.binary_iou, binary_iou)


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_a_few_frames_at_hand_are_no_fault(kept):
    def late(frames, num_classes, ignore_index=255):
        total, waiting = torch.zeros(num_classes, num_classes, dtype=torch.int64), []
        for frame in frames:
            waiting.append(frame)
            if len(waiting) == kept:
                total += stream_mean_iou.frame_counts(*waiting.pop(0), num_classes, ignore_index)
            del frame
        for frame in waiting:
            total += stream_mean_iou.frame_counts(*frame, num_classes, ignore_index)
        return stream_mean_iou.class_ious(total).nanmean()

    assert message_of(ex06.stream_mean_iou, late) == ""


def test_a_stream_tells_how_many_frames_are_held():
    predictions, targets = np.zeros((2, 6, 1, 3, 4), dtype=np.int64)
    stream = ex06.Stream(predictions, targets)
    kept = list(stream)
    assert stream.pairs_alive == len(kept) == 6
    stream = ex06.Stream(predictions, targets)
    for prediction, target in stream:
        assert not prediction.any() and not target.any()
    assert stream.pairs_alive <= 2 and stream.ends == 1


def test_objects_are_looked_at_as_before_after_the_check():
    frozen = gc.get_freeze_count()
    message_of(ex06.stream_mean_iou, stream_mean_iou.right_stream)
    assert gc.get_freeze_count() == frozen
