"""Judges of what is read off a confusion matrix: iou_per_class, mean_iou, dice_per_class."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from segutils import metrics
from segutils.checks.base import Answers, Case
from segutils.checks.judges.base import Fault, Judge, UsualErrors
from segutils.checks.judges.ex06.common import find_wrong_ratio, smoothed
from segutils.checks.probing import as_tensor


def find_iou_fault(case: Case, answers: Answers) -> Fault | None:
    return find_wrong_ratio(metrics.iou_per_class(as_tensor(case["matrix"])), answers)


def find_mean_iou_fault(case: Case, answers: Answers) -> Fault | None:
    return find_wrong_ratio(metrics.mean_iou(as_tensor(case["matrix"])), answers)


def find_dice_fault(case: Case, answers: Answers) -> Fault | None:
    return find_wrong_ratio(metrics.dice_per_class(as_tensor(case["matrix"])), answers)


def usual_iou_errors(case: Case) -> UsualErrors:
    matrix = as_tensor(case["matrix"]).double()
    hits, targets, predictions = matrix.diagonal(), matrix.sum(dim=1), matrix.sum(dim=0)
    iou, union = hits / (targets + predictions - hits), targets + predictions - hits
    return [
        ("nan turned into 0: a class without any pixel has no IoU; 0 would call it missed.", lambda: iou.nan_to_num(0)),
        ("absent counted as 1: a class without any pixel has no IoU, so nan.", lambda: iou.nan_to_num(1)),
        ("absent classes were dropped; the result has one value per class.", lambda: iou[~iou.isnan()]),
        ("union = sum of areas: the hits were counted twice.", lambda: hits / (targets + predictions)),
        (
            "the hits were never taken off the sums, and nan turned into 0.",
            lambda: (hits / (targets + predictions)).nan_to_num(0),
        ),
        ("this is recall: the hits were divided by the target's pixels alone.", lambda: hits / targets),
        ("this is precision: the hits were divided by the predicted pixels alone.", lambda: hits / predictions),
        ("this is Dice, not IoU.", lambda: 2 * hits / (targets + predictions)),
        *one_sided(iou, targets, predictions),
        ("the rows were summed twice; the predicted pixels are sums of columns.", lambda: hits / (2 * targets - hits)),
        (
            "the columns were summed twice; the target's pixels are sums of rows.",
            lambda: hits / (2 * predictions - hits),
        ),
        ("the hits were divided by all pixels.", lambda: hits / matrix.sum()),
        (
            "hits and rejections over all pixels: this is the accuracy of `this class or not`.",
            lambda: (matrix.sum() - targets - predictions + 2 * hits) / matrix.sum(),
        ),
        (
            "the hits are missing from the union: it was taken as misses plus false alarms.",
            lambda: hits / (union - hits),
        ),
        ("the mean was returned; asked is one value per class.", lambda: iou.nanmean()),
        ("1 - IoU was returned.", lambda: 1 - iou),
        ("a percentage was returned; IoU is between 0 and 1.", lambda: 100 * iou),
        ("a division of integers (// or div with rounding).", lambda: iou.floor()),
        ("the whole matrix was divided; the hits are its diagonal.", lambda: matrix / union),
        ("the union was clamped: an empty union gives nan, not 0.", lambda: hits / union.clamp(min=1)),
        (
            "precision or recall is 0 for a class that is never hit, and 0 / 0 follows; its IoU is 0.",
            lambda: (rates := from_rates(hits, targets, predictions)) / (2 - rates),
        ),
        *divided_in_python(hits, union),
        *counted_in_32_bits(matrix, metrics.iou_per_class),
    ] + smoothed(hits, union)


def divided_in_python(part: Tensor, whole: Tensor) -> UsualErrors:
    """Counts taken out of their tensors (`.item()`) and divided one by one."""
    numbers = zip(part.long().tolist(), whole.long().tolist(), strict=True)
    return [
        (
            "0 / 0 of Python's numbers (.item()) raises; that of tensors is nan.",
            lambda: torch.tensor([a / b for a, b in numbers]),
        )
    ]


def counted_in_32_bits(matrix: Tensor, function: Callable) -> UsualErrors:
    """Counts of a data set squeezed into int32."""
    return [("the counts overflow: int32 ends at 2,147,483,647.", lambda: function(matrix.long().int()))]


def one_sided(values: Tensor, targets: Tensor, predictions: Tensor) -> UsualErrors:
    """nan where the class is missing on one side only."""
    return [
        (
            "nan for a class that the target lacks but that was predicted; nan is for classes that both lack.",
            lambda: torch.where(targets > 0, values, torch.nan),
        ),
        (
            "nan for a class that was never predicted but is in the target; nan is for classes that both lack.",
            lambda: torch.where(predictions > 0, values, torch.nan),
        ),
        (
            "nan for a class that target or prediction lacks; nan is for classes that both lack.",
            lambda: torch.where((predictions > 0) & (targets > 0), values, torch.nan),
        ),
    ]


def usual_mean_iou_errors(case: Case) -> UsualErrors:
    matrix = as_tensor(case["matrix"]).double()
    iou, targets, predictions = metrics.iou_per_class(matrix), matrix.sum(dim=1), matrix.sum(dim=0)
    direct = [
        ("one nan makes the whole mean nan; classes without an IoU are left out.", lambda: iou.mean()),
        ("nan turned into 0: a class without any pixel is left out of the mean.", lambda: iou.nan_to_num(0).mean()),
        ("absent counted as 1: a class without any pixel is left out of the mean.", lambda: iou.nan_to_num(1).mean()),
        ("nothing to average gives nan, not 0.", lambda: iou.nanmean().nan_to_num(0)),
        (
            "classes missing in the target were left out; one that was predicted without being there has IoU 0.",
            lambda: iou[targets > 0].mean(),
        ),
        (
            "classes that were never predicted were left out; one that is in the target all the same has IoU 0.",
            lambda: iou[predictions > 0].mean(),
        ),
        ("classes with an IoU of 0 were left out.", lambda: iou[iou > 0].mean()),
        (
            "the classes were weighted by their pixels: this is frequency-weighted IoU.",
            lambda: metrics.frequency_weighted_iou(matrix),
        ),
        ("this is pixel accuracy.", lambda: matrix.diagonal().sum() / matrix.sum()),
        ("this is the mean recall (mean class accuracy).", lambda: metrics.recall_per_class(matrix).nanmean()),
        (
            "all classes were counted into one intersection and one union.",
            lambda: matrix.diagonal().sum() / (2 * matrix.sum() - matrix.diagonal().sum()),
        ),
        ("this is the mean Dice.", lambda: metrics.mean_dice(matrix)),
        ("the sum was returned, not the mean.", lambda: iou.nansum()),
        (
            "where nothing is left to average, Python's sum / len raises; a tensor's mean is nan.",
            lambda: torch.tensor(sum(here := iou[~iou.isnan()].tolist()) / len(here)),
        ),
        ("the median was returned, not the mean.", lambda: iou.nanmedian()),
        ("class 0 was left out of the mean.", lambda: iou[1:].nanmean()),
        ("the result per class was returned; asked is its mean.", lambda: iou),
        ("the mean has an axis left; asked is a 0-d tensor.", lambda: iou.nanmean(dim=0, keepdim=True)),
        ("a percentage was returned; IoU is between 0 and 1.", lambda: 100 * iou.nanmean()),
    ]
    inherited = [
        (f"iou_per_class, which it calls: {text}", lambda attempt=attempt: attempt().nanmean())
        for text, attempt in usual_iou_errors(case)
        if "dropped" not in text and "mean" not in text
    ]
    return direct + inherited


def usual_dice_errors(case: Case) -> UsualErrors:
    matrix = as_tensor(case["matrix"]).double()
    hits, targets, predictions = matrix.diagonal(), matrix.sum(dim=1), matrix.sum(dim=0)
    areas = targets + predictions
    dice = 2 * hits / areas
    return [
        ("nan turned into 0: a class without any pixel has no Dice.", lambda: dice.nan_to_num(0)),
        ("absent counted as 1: a class without any pixel has no Dice, so nan.", lambda: dice.nan_to_num(1)),
        ("absent classes were dropped; the result has one value per class.", lambda: dice[~dice.isnan()]),
        *one_sided(dice, targets, predictions),
        ("the factor 2 is missing.", lambda: hits / areas),
        ("this is IoU, not Dice.", lambda: hits / (areas - hits)),
        ("divided by the union; Dice divides by the sum of the two areas.", lambda: 2 * hits / (areas - hits)),
        ("the numerator is the union; it is twice the intersection.", lambda: 2 * (areas - hits) / areas),
        ("this is recall: the hits were divided by the target's pixels alone.", lambda: hits / targets),
        ("this is precision: the hits were divided by the predicted pixels alone.", lambda: hits / predictions),
        (
            "precision or recall is 0 / 0 for a class that is missing on one side; its Dice is 0.",
            lambda: from_rates(hits, targets, predictions),
        ),
        ("the factor 2 stands in the denominator.", lambda: hits / (2 * areas)),
        ("the areas were squared.", lambda: 2 * hits / (targets**2 + predictions**2)),
        ("1 - Dice was returned.", lambda: 1 - dice),
        ("the mean was returned; asked is one value per class.", lambda: dice.nanmean()),
        ("2 IoU / (1 + IoU) with nan turned into 0.", lambda: dice.nan_to_num(0)),
        ("the areas were clamped: an absent class gives nan, not 0.", lambda: 2 * hits / areas.clamp(min=1)),
        ("a percentage was returned; Dice is between 0 and 1.", lambda: 100 * dice),
        *divided_in_python(2 * hits, areas),
        *counted_in_32_bits(matrix, lambda m: 2 * m.diagonal() / (m.sum(dim=0) + m.sum(dim=1))),
    ] + smoothed(2 * hits, areas)


def from_rates(hits: Tensor, targets: Tensor, predictions: Tensor) -> Tensor:
    precision, recall = hits / predictions, hits / targets
    return 2 * precision * recall / (precision + recall)


def called_on_matrix(name: str, case: Case) -> str:
    size, absent = len(case["matrix"]), np.sum(case["matrix"].sum(axis=0) + case["matrix"].sum(axis=1) == 0)
    return f"{name}(matrix) with {size} classes, {absent} of them absent, {case['matrix'].sum()} pixels"


iou_per_class = Judge(lambda case: called_on_matrix("iou_per_class", case), find_iou_fault, usual_iou_errors)
mean_iou = Judge(lambda case: called_on_matrix("mean_iou", case), find_mean_iou_fault, usual_mean_iou_errors)
dice_per_class = Judge(lambda case: called_on_matrix("dice_per_class", case), find_dice_fault, usual_dice_errors)
