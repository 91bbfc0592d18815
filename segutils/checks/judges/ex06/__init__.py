"""Judges of ex06_metrics: one per graded cell, under its grade id."""

from segutils.checks.judges.ex06.binary import binary_iou
from segutils.checks.judges.ex06.boundary import boundary_iou
from segutils.checks.judges.ex06.counts import confusion_matrix
from segutils.checks.judges.ex06.ratios import dice_per_class, iou_per_class, mean_iou
from segutils.checks.judges.ex06.soft_dice import soft_dice_loss
from segutils.checks.judges.ex06.stream import stream_mean_iou

__all__ = [
    "binary_iou",
    "boundary_iou",
    "confusion_matrix",
    "dice_per_class",
    "iou_per_class",
    "mean_iou",
    "soft_dice_loss",
    "stream_mean_iou",
]
