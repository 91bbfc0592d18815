"""Judges of ex06_metrics: references and usual errors."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from segutils import losses, metrics
from segutils.checks.base import Answers, Case
from segutils.checks.ex06 import ignore_keyword
from segutils.checks.judges.base import (
    TOLERANCE,
    Fault,
    Judge,
    UsualErrors,
    a_kind,
    find_side_effect,
    find_wrong_result,
    find_wrong_value,
    number,
    shape_of,
)
from segutils.checks.probing import as_tensor

FLOATING = ("float64", "float32")


# ---- binary_iou


def find_binary_iou_fault(case: Case, answers: Answers) -> Fault | None:
    if fault := find_side_effect(answers):
        return fault
    a, b = (torch.from_numpy(np.array(case[name])).long() for name in ("a", "b"))
    expected = metrics.iou_per_class(metrics.confusion_matrix(a, b, num_classes=2))[1].numpy()
    kind = str(answers["kind"])
    if kind == "Tensor" or "value" not in answers or np.size(answers["value"]) != 1 or kind == "bool":
        hint = {
            "NoneType": "the function ends without `return`.",
            "ndarray": "no sum: the masks were combined pixel by pixel, but not counted.",
        }
        return Fault(f"returned {a_kind(kind)}", f"expected the number {number(expected)}", hint.get(kind, ""))
    return find_wrong_value(expected, np.asarray(answers["value"], dtype=float).reshape(()), "float64", "the result")


def usual_binary_iou_errors(case: Case) -> UsualErrors:
    a, b = np.array(case["a"]).astype(bool), np.array(case["b"]).astype(bool)
    inter, union, areas = (a & b).sum(), (a | b).sum(), a.sum() + b.sum()

    def unless_empty(otherwise: float) -> float:
        return float(inter / union) if union else otherwise

    errors = [
        ("nan turned into 0: two empty masks have no IoU; 0 would mean that they disagree.", lambda: unless_empty(0.0)),
        (
            "two empty masks were counted as 1 (perfect); where there is nothing to compare, the result is nan.",
            lambda: unless_empty(1.0),
        ),
        ("union = sum of areas: the pixels in both masks were counted twice.", lambda: inter / areas),
        ("this is Dice, 2 |A and B| / (|A| + |B|), not IoU.", lambda: 2 * inter / areas),
        ("the agreement was counted, background included: this is pixel accuracy.", lambda: (a == b).mean()),
        ("the intersection was divided by the number of all pixels.", lambda: inter / a.size),
        ("the intersection was divided by the area of a.", lambda: inter / a.sum()),
        ("the intersection was divided by the area of b.", lambda: inter / b.sum()),
        ("the intersection was divided by the larger area.", lambda: inter / max(a.sum(), b.sum())),
        ("the intersection was divided by the smaller area.", lambda: inter / min(a.sum(), b.sum())),
        ("the union was taken without the intersection (exclusive or, ^ or !=).", lambda: inter / (a ^ b).sum()),
        ("intersection and union are exchanged.", lambda: union / inter),
        ("1 - IoU, the Jaccard distance, was returned.", lambda: 1 - inter / union),
        ("a percentage was returned; IoU is between 0 and 1.", lambda: 100 * inter / union),
        ("// rounds down; IoU needs /.", lambda: float(inter // union)),
        ("the background was taken for the object.", lambda: (~a & ~b).sum() / (~a | ~b).sum()),
        (
            "the mean of the object's and the background's IoU.",
            lambda: (inter / union + (~a & ~b).sum() / (~a | ~b).sum()) / 2,
        ),
        ("the intersection itself was returned, not its share of the union.", lambda: float(inter)),
        ("0 / 0 of Python's integers raises; handle the empty union first.", lambda: int(inter) / int(union)),
    ]
    return (
        errors
        + [(text, lambda eps=eps: (inter + eps) / (union + eps)) for eps, text in smoothings()]
        + [(text, lambda eps=eps: inter / (union + eps)) for eps, text in smoothings()]
    )


def smoothings() -> list[tuple[float, str]]:
    """Constants that people add against a division by 0."""
    text = "a constant ({:g}) was added to avoid 0 / 0: it changes every result and hides the empty union."
    return [(10.0**-power, text.format(10.0**-power)) for power in range(0, 13)]


binary_iou = Judge(
    called=lambda case: (
        f"binary_iou(a, b) on masks {shape_of(case['a'])} with {np.sum(case['a'])} and {np.sum(case['b'])} pixels set"
    ),
    find_fault=find_binary_iou_fault,
    usual_errors=usual_binary_iou_errors,
)


# ---- confusion_matrix


def find_confusion_matrix_fault(case: Case, answers: Answers) -> Fault | None:
    prediction, target = as_tensor(case["prediction"]), as_tensor(case["target"])
    expected = metrics.confusion_matrix(prediction, target, int(case["num_classes"]), int(case["ignore_index"]))
    return find_wrong_result(expected, answers, ("int64",), "the matrix")


def usual_confusion_matrix_errors(case: Case) -> UsualErrors:
    prediction, target = as_tensor(case["prediction"]).flatten(), as_tensor(case["target"]).flatten()
    num_classes, ignore = int(case["num_classes"]), int(case["ignore_index"])
    labelled = target != ignore

    def count(prediction: Tensor, target: Tensor, minlength: int = num_classes**2) -> Tensor:
        return torch.bincount(target * num_classes + prediction, minlength=minlength).reshape(num_classes, num_classes)

    def right() -> Tensor:
        return count(prediction[labelled], target[labelled])

    def in_range(mask: Tensor) -> Tensor:
        return (mask >= 0) & (mask < num_classes)

    def void_as(label: int) -> Tensor:
        return count(prediction, torch.where(labelled, target, label))

    def once() -> Tensor:
        matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        matrix[target[labelled], prediction[labelled]] += 1
        return matrix

    def masked_only_255() -> Tensor:
        return count(prediction[target != 255], target[target != 255])

    def ignoring_predictions() -> Tensor:
        keep = prediction != ignore
        return count(prediction[keep], target[keep])

    def ignoring_both() -> Tensor:
        keep = labelled & (prediction != ignore)
        return count(prediction[keep], target[keep])

    def one_hot() -> Tensor:
        return F.one_hot(target, num_classes).T @ F.one_hot(prediction, num_classes)

    return [
        ("rows and columns swapped: rows are the target, columns the prediction.", lambda: right().T),
        ("void counted as class 0: pixels with ignore_index are left out.", lambda: void_as(0)),
        ("void counted as the last class: pixels with ignore_index are left out.", lambda: void_as(num_classes - 1)),
        ("void counted as a class: pixels with ignore_index are left out.", lambda: count(prediction, target)),
        (
            "rows and columns swapped, and pixels with ignore_index not left out.",
            lambda: count(target.clamp(0, num_classes - 1), prediction),
        ),
        ("the argument ignore_index is not used: only 255 is left out.", masked_only_255),
        (
            "the argument ignore_index is not used: only labels outside 0..num_classes - 1 are left out.",
            lambda: count(prediction[in_range(target)], target[in_range(target)]),
        ),
        (
            "ignore_index was looked for in the prediction; it is the target that says what is ignored.",
            ignoring_predictions,
        ),
        ("pixels were left out because of their prediction, too; only the target says what is ignored.", ignoring_both),
        ("`matrix[target, prediction] += 1` counts each pair only once, however often it occurs.", once),
        (
            "torch.bincount without minlength=num_classes**2 leaves out what does not occur.",
            lambda: count(prediction[labelled], target[labelled], minlength=0),
        ),
        ("F.one_hot cannot take ignored labels; leave the ignored pixels out first.", one_hot),
        ("one class too many: a row and a column for void.", lambda: F.pad(right(), (0, 1, 0, 1))),
        ("only the hits on the diagonal were counted.", lambda: right().diagonal().diag()),
        ("only the errors were counted; the diagonal is missing.", lambda: right() - right().diagonal().diag()),
        ("the rows were divided by their sums; asked are counts.", lambda: right() / right().sum(dim=1, keepdim=True)),
        ("the matrix was divided by the number of pixels; asked are counts.", lambda: right() / right().sum()),
        ("the matrix was flattened.", lambda: right().flatten()),
        ("the matrix was turned (reshape in the other order) and transposed.", lambda: right().flip(0)),
        ("only the first image of the batch was counted.", lambda: first_image(case, num_classes, ignore)),
        (
            "num_classes was guessed from the labels; it is an argument.",
            lambda: guessed_size(prediction[labelled], target[labelled]),
        ),
    ]


def first_image(case: Case, num_classes: int, ignore: int) -> Tensor:
    first = (as_tensor(case[name])[:1] for name in ("prediction", "target"))
    return metrics.confusion_matrix(*first, num_classes, ignore)


def guessed_size(prediction: Tensor, target: Tensor) -> Tensor:
    size = int(torch.maximum(prediction.max(), target.max())) + 1
    return metrics.confusion_matrix(prediction, target, size, -100)


confusion_matrix = Judge(
    called=lambda case: (
        f"confusion_matrix(prediction, target, {case['num_classes']}"
        + "".join(f", {name}={value}" for name, value in ignore_keyword(case).items())
        + f") on {shape_of(case['target'])}, {np.sum(case['target'] == case['ignore_index'])} pixels ignored"
    ),
    find_fault=find_confusion_matrix_fault,
    usual_errors=usual_confusion_matrix_errors,
)


# ---- functions of a confusion matrix


def find_iou_fault(case: Case, answers: Answers) -> Fault | None:
    return find_wrong_result(metrics.iou_per_class(as_tensor(case["matrix"])), answers, FLOATING)


def find_mean_iou_fault(case: Case, answers: Answers) -> Fault | None:
    return find_wrong_result(metrics.mean_iou(as_tensor(case["matrix"])), answers, FLOATING)


def find_dice_fault(case: Case, answers: Answers) -> Fault | None:
    return find_wrong_result(metrics.dice_per_class(as_tensor(case["matrix"])), answers, FLOATING)


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
        ("the hits were divided by all pixels.", lambda: hits / matrix.sum()),
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
    ] + smoothed(hits, union)


def smoothed(part: Tensor, whole: Tensor) -> UsualErrors:
    return [(text, lambda eps=eps: (part + eps) / (whole + eps)) for eps, text in smoothings()] + [
        (text, lambda eps=eps: part / (whole + eps)) for eps, text in smoothings()
    ]


def usual_mean_iou_errors(case: Case) -> UsualErrors:
    matrix = as_tensor(case["matrix"]).double()
    iou, targets = metrics.iou_per_class(matrix), matrix.sum(dim=1)
    direct = [
        ("one nan makes the whole mean nan; classes without an IoU are left out.", lambda: iou.mean()),
        ("nan turned into 0: a class without any pixel is left out of the mean.", lambda: iou.nan_to_num(0).mean()),
        ("absent counted as 1: a class without any pixel is left out of the mean.", lambda: iou.nan_to_num(1).mean()),
        ("nothing to average gives nan, not 0.", lambda: iou.nanmean().nan_to_num(0)),
        (
            "classes missing in the target were left out; one that was predicted without being there has IoU 0.",
            lambda: iou[targets > 0].mean(),
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


# ---- soft_dice_loss


def find_soft_dice_fault(case: Case, answers: Answers) -> Fault | None:
    logits = as_tensor(case["logits"]).to(getattr(torch, str(case["dtype"]))).requires_grad_()
    target, ignore = as_tensor(case["target"]), int(case["ignore_index"])
    expected = losses.soft_dice_loss(logits, target.masked_fill(target == ignore, 255))
    half = str(case["dtype"]) == "bfloat16"
    if half and "value" in answers:  # float32 sums and bfloat16 sums are both right, but not equal
        answers = {**answers, "dtype": "bfloat16"} if str(answers["dtype"]) in TOLERANCE else answers
    if fault := find_wrong_result(expected.double(), answers, tuple(TOLERANCE), "the loss"):
        return fault
    cut = "argmax, one_hot of a prediction, `.detach()`, `.item()` or a new tensor in place of a computed one."
    if not answers["gradient_arrives"]:
        if not (target != ignore).any():
            cut = "a constant was returned where nothing is labelled; a 0 computed from the logits supports backward()."
        return Fault("no gradient flows back: backward() cannot run from the result", cause=cut)
    expected.backward()
    if half:
        return None
    what = "the gradient of the logits"
    fault = find_wrong_value(logits.grad.numpy(), answers["gradient"], str(answers["dtype"]), what)
    if fault is None:
        return None
    if np.isnan(answers["gradient"]).any():
        return replace(fault, cause="0 / 0 was computed and left out afterwards; leave it out before you divide.")
    return replace(fault, cause="a part of the formula is cut off from the logits, by `.detach()` or a new tensor.")


def usual_soft_dice_errors(case: Case) -> UsualErrors:
    logits = as_tensor(case["logits"]).to(getattr(torch, str(case["dtype"]))).double()
    target, ignore = as_tensor(case["target"]), int(case["ignore_index"])
    num_classes = logits.shape[1]
    labelled = (target != ignore).unsqueeze(1)  # (N, 1, H, W)

    def one_hot(void_as: int = 0) -> Tensor:
        labels = torch.where(target == ignore, void_as, target)
        return F.one_hot(labels, num_classes).movedim(-1, 1).double()  # (N, C, H, W)

    p, t = logits.softmax(dim=1), one_hot() * labelled
    everything = (0, 2, 3)

    def dice(p: Tensor, t: Tensor, dims: tuple[int, ...] = everything, power: int = 1) -> Tensor:
        return 2 * (p * t).sum(dims) / ((p**power).sum(dims) + (t**power).sum(dims))

    def loss(p: Tensor, t: Tensor, power: int = 1) -> Tensor:
        present = t.sum(everything) > 0
        return (1 - dice(p, t, everything, power)[present]).sum() / present.sum().clamp(min=1)

    def smoothed_loss(eps: float, both: bool, all_classes: bool) -> Tensor:
        p_here, present = p * labelled, t.sum(everything) > 0
        parts = (2 * (p_here * t).sum(everything) + eps * both) / ((p_here + t).sum(everything) + eps)
        return 1 - (parts if all_classes else parts[present]).mean()

    def only_255() -> Tensor:
        keep = (target != 255).unsqueeze(1)
        return loss(p * keep, F.one_hot(target.masked_fill(target == 255, 0), num_classes).movedim(-1, 1) * keep)

    here = p * labelled
    per_image = dice(here, t, (2, 3))  # (N, C)
    present_in_image = t.sum((2, 3)) > 0
    present = t.sum(everything) > 0
    hard = F.one_hot(logits.argmax(dim=1), num_classes).movedim(-1, 1) * labelled
    inter, areas = (here * t).sum(everything), (here + t).sum(everything)
    frequency = t.sum(everything) / t.sum()

    return [
        ("ignored pixels counted: their probabilities went into sum p.", lambda: loss(p, t)),
        ("ignored pixels counted as class 0.", lambda: loss(p, one_hot())),
        ("ignored pixels counted as the last class.", lambda: loss(p, one_hot(num_classes - 1))),
        (
            "classes that are absent from the target were counted in the mean (Dice 0).",
            lambda: 1 - dice(here, t).mean(),
        ),
        (
            "classes that are absent from the target were counted in the mean (Dice 0).",
            lambda: 1 - (2 * inter / areas.clamp(min=1e-9)).mean(),
        ),
        (
            "classes that are absent from the target were counted in the mean, as perfect.",
            lambda: (1 - dice(here, t))[present].sum() / num_classes,
        ),
        ("absent classes and ignored pixels were both counted.", lambda: 1 - dice(p, t).mean()),
        (
            "Dice was averaged per image; the sums run over the whole batch.",
            lambda: 1 - per_image[present_in_image].mean(),
        ),
        ("Dice was averaged per image; the sums run over the whole batch.", lambda: 1 - per_image.mean()),
        (
            "Dice was averaged per image; the sums run over the whole batch.",
            lambda: torch.stack([loss(here[i : i + 1], t[i : i + 1]) for i in range(len(t))]).mean(),
        ),
        ("the probabilities were squared in the denominator.", lambda: loss(here, t, power=2)),
        ("the logits were used without softmax.", lambda: loss(logits * labelled, t)),
        (
            "sigmoid in place of softmax: the classes compete for each pixel.",
            lambda: loss(logits.sigmoid() * labelled, t),
        ),
        ("softmax over the batch (dim=0); the classes are dim=1.", lambda: loss(logits.softmax(0) * labelled, t)),
        ("softmax over the rows (dim=2); the classes are dim=1.", lambda: loss(logits.softmax(2) * labelled, t)),
        ("softmax over the columns (dim=-1); the classes are dim=1.", lambda: loss(logits.softmax(-1) * labelled, t)),
        ("softmax was taken twice.", lambda: loss(p.softmax(1) * labelled, t)),
        ("log_softmax in place of softmax.", lambda: loss(logits.log_softmax(1) * labelled, t)),
        ("Dice itself was returned; the loss is 1 - Dice.", lambda: 1 - loss(here, t)),
        ("Dice with a minus sign was returned; the loss is 1 - Dice.", lambda: loss(here, t) - 1),
        ("the sum over the classes was returned, not the mean.", lambda: (1 - dice(here, t))[present].sum()),
        ("1 - the sum over the classes was returned, not 1 - the mean.", lambda: 1 - dice(here, t)[present].sum()),
        ("the result per class was returned; asked is the mean.", lambda: 1 - dice(here, t)),
        ("the factor 2 is missing.", lambda: 1 - (inter / areas)[present].mean()),
        (
            "this is a soft IoU: the intersection was taken off the denominator.",
            lambda: 1 - (inter / (areas - inter))[present].mean(),
        ),
        (
            "2 intersection / union: the intersection was taken off the denominator.",
            lambda: 1 - (2 * inter / (areas - inter))[present].mean(),
        ),
        (
            "all classes were summed into one Dice; it is taken per class, then averaged.",
            lambda: 1 - 2 * inter.sum() / areas.sum(),
        ),
        (
            "the classes were weighted by their pixels; the mean counts them alike.",
            lambda: 1 - (dice(here, t)[present] * frequency[present]).sum(),
        ),
        ("class 0 was left out of the mean.", lambda: 1 - dice(here, t)[1:][present[1:]].mean()),
        ("the most likely class was used in place of the probabilities (argmax).", lambda: loss(hard.double(), t)),
        (
            "the probabilities of the true class alone: this is 1 - mean recall.",
            lambda: 1 - (inter / t.sum(everything))[present].mean(),
        ),
        ("only 255 is left out; ignore_index is an argument.", only_255),
        (
            "F.one_hot cannot take ignored labels; leave the ignored pixels out first.",
            lambda: F.one_hot(target, num_classes),
        ),
        ("nothing labelled gives 0 / 0; the loss is 0 there.", lambda: 1 - dice(here, t)[present].mean()),
        (
            "nothing labelled counts as the worst case, 1; the loss is 0 there.",
            lambda: loss(here, t) if present.any() else torch.ones((), dtype=torch.float64),
        ),
        ("cross-entropy was returned.", lambda: F.cross_entropy(logits, target, ignore_index=ignore)),
    ] + [
        (
            f"smoothing: a constant ({10.0**-power:g}) was added to the fraction.",
            lambda eps=10.0**-power, both=both, every=every: smoothed_loss(eps, both, every),
        )
        for power in range(0, 9)
        for both in (True, False)
        for every in (False, True)
    ]


soft_dice_loss = Judge(
    called=lambda case: (
        f"soft_dice_loss(logits {tuple(case['logits'].shape)} {case['dtype']}, target"
        + "".join(f", {name}={value}" for name, value in ignore_keyword(case).items())
        + f"), {np.sum(case['target'] == case['ignore_index'])} of {case['target'].size} pixels ignored"
    ),
    find_fault=find_soft_dice_fault,
    usual_errors=usual_soft_dice_errors,
)
