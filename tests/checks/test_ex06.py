"""Wrong solutions of ex06, as students write them, fail with the cause; right ones pass however they are written."""

import re

import numpy as np
import pytest
import torch
import torchmetrics
from checks.trying import given_definitions, message_of
from sklearn import metrics as sklearn_metrics
from torch.nn import functional as F

from segutils import losses, metrics
from segutils.checks import ex06

given = given_definitions("ex06_metrics")
nan = float("nan")


def judge_wrong(check, wrong, name):
    function, cause = wrong[name]
    message = message_of(check, function)
    assert message, "a wrong solution passed"
    assert re.search(cause, message), message


# ---- binary_iou


def overlap(a, b):
    a, b = a.astype(bool), b.astype(bool)
    return (a & b).sum(), (a | b).sum()


def iou_or(otherwise):
    def binary_iou(a, b):
        intersection, union = overlap(a, b)
        return intersection / union if union else otherwise

    return binary_iou


def in_place_masks(a, b):
    result = iou_or(nan)(a, b)
    a[:] = a & b
    return result


def of_python_integers(a, b):
    intersection, union = overlap(a, b)
    return int(intersection) / int(union)


def counted_by_python_sum(a, b):
    return sum(a & b) / sum(a | b)


WRONG_BINARY = {
    "0 for empty masks": (iou_or(0.0), "nan turned into 0"),
    "1 for empty masks": (iou_or(1.0), r"counted as 1 \(perfect\)"),
    "sum of areas": (lambda a, b: overlap(a, b)[0] / (a.sum() + b.sum()), "union = sum of areas"),
    "Dice": (lambda a, b: 2 * overlap(a, b)[0] / (a.sum() + b.sum()), "this is Dice"),
    "accuracy": (lambda a, b: (a == b).mean(), "pixel accuracy"),
    "all pixels": (lambda a, b: overlap(a, b)[0] / a.size, "number of all pixels"),
    "area of a": (lambda a, b: overlap(a, b)[0] / a.sum(), "area of a"),
    "area of b": (lambda a, b: overlap(a, b)[0] / b.sum(), "area of b"),
    "smaller area": (lambda a, b: overlap(a, b)[0] / min(a.sum(), b.sum()), "smaller area"),
    "exclusive or": (lambda a, b: overlap(a, b)[0] / (a ^ b).sum(), "exclusive or"),
    "upside down": (lambda a, b: overlap(a, b)[1] / overlap(a, b)[0], "exchanged"),
    "distance": (lambda a, b: 1 - iou_or(nan)(a, b), "Jaccard distance"),
    "per cent": (lambda a, b: 100 * iou_or(nan)(a, b), "percentage"),
    "rounded down": (lambda a, b: overlap(a, b)[0] // overlap(a, b)[1], "rounds down"),
    "smoothed": (lambda a, b: (overlap(a, b)[0] + 1e-6) / (overlap(a, b)[1] + 1e-6), r"constant \(1e-06\)"),
    "smoothed below": (lambda a, b: overlap(a, b)[0] / (overlap(a, b)[1] + 1), r"constant \(1\)"),
    "background": (lambda a, b: iou_or(nan)(1 - a.astype(int), 1 - b.astype(int)), "background was taken"),
    "only the intersection": (lambda a, b: float(overlap(a, b)[0]), "intersection itself"),
    "a mask": (lambda a, b: a & b, "not counted"),
    "Python's integers": (of_python_integers, "ZeroDivisionError"),
    "a tensor": (lambda a, b: torch.tensor(iou_or(nan)(a, b)), "returned a tensor"),
    "in place": (in_place_masks, "changed what it was given: a"),
    "sum() over rows": (counted_by_python_sum, "not counted"),
    "minus on bool": (lambda a, b: (a & b).sum() / (a.sum() + (b - (a & b)).sum()), "TypeError"),
    "no return": (lambda a, b: None, "without `return`"),
    "scikit-learn": (
        lambda a, b: sklearn_metrics.jaccard_score(a.ravel(), b.ravel(), zero_division=0),
        "hands the task over to sklearn.metrics",
    ),
    "not written": (given["binary_iou"], "not written yet"),
}


def by_loops(a, b):
    both = either = 0
    for left, right in zip(a.flat, b.flat, strict=True):
        both += bool(left) and bool(right)
        either += bool(left) or bool(right)
    return both / either if either else float("nan")


def by_zero_division(a, b):
    return float(np.float64((a & b).sum()) / (a | b).sum())


def by_areas(a, b):
    a, b = a.astype(float), b.astype(float)
    intersection = (a * b).sum()
    union = a.sum() + b.sum() - intersection
    return np.nan if union == 0 else intersection / union


RIGHT_BINARY = [
    by_loops,
    by_zero_division,
    by_areas,
    iou_or(np.nan),
    lambda a, b: np.divide((a & b).sum(), (a & b).sum() + (a & ~b).sum() + (~a & b).sum()),
    lambda a, b: np.where(np.any(a | b), np.sum(a & b) / np.sum(a | b), np.nan),
    lambda a, b: np.nan if not (a + b).any() else np.count_nonzero(a * b) / np.count_nonzero(a + b),
    lambda a, b: len(ones(a) & ones(b)) / len(ones(a) | ones(b)) if ones(a) | ones(b) else float("nan"),
]


def ones(mask):
    return set(np.flatnonzero(mask).tolist())


@pytest.mark.parametrize("name", WRONG_BINARY)
def test_wrong_binary_iou_fails_with_its_cause(name):
    judge_wrong(ex06.binary_iou, WRONG_BINARY, name)


@pytest.mark.parametrize("function", RIGHT_BINARY)
def test_right_binary_iou_passes(function):
    assert message_of(ex06.binary_iou, function, seeds=range(3)) == ""


# ---- confusion_matrix


def counts(prediction, target, num_classes):
    return torch.bincount(target * num_classes + prediction, minlength=num_classes**2).reshape(num_classes, num_classes)


def matrix(prediction, target, num_classes, ignore_index=255):
    labelled = target != ignore_index
    return counts(prediction[labelled], target[labelled], num_classes)


def void_is_class_0(prediction, target, num_classes, ignore_index=255):
    return counts(prediction.flatten(), target.masked_fill(target == ignore_index, 0).flatten(), num_classes)


def void_is_last_class(prediction, target, num_classes, ignore_index=255):
    return counts(
        prediction.flatten(), target.masked_fill(target == ignore_index, num_classes - 1).flatten(), num_classes
    )


def void_not_left_out(prediction, target, num_classes, ignore_index=255):
    return counts(prediction.flatten(), target.flatten(), num_classes)


def only_255(prediction, target, num_classes, ignore_index=255):
    return matrix(prediction, target, num_classes, 255)


def only_in_range(prediction, target, num_classes, ignore_index=255):
    labelled = (target >= 0) & (target < num_classes)
    return counts(prediction[labelled], target[labelled], num_classes)


def looks_at_the_prediction(prediction, target, num_classes, ignore_index=255):
    labelled = prediction != ignore_index
    return counts(prediction[labelled], target[labelled], num_classes)


def looks_at_both(prediction, target, num_classes, ignore_index=255):
    labelled = (prediction != ignore_index) & (target != ignore_index)
    return counts(prediction[labelled], target[labelled], num_classes)


def counted_once(prediction, target, num_classes, ignore_index=255):
    labelled = target != ignore_index
    result = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    result[target[labelled], prediction[labelled]] += 1
    return result


def without_minlength(prediction, target, num_classes, ignore_index=255):
    labelled = target != ignore_index
    pairs = target[labelled] * num_classes + prediction[labelled]
    return torch.bincount(pairs).reshape(num_classes, num_classes)


def one_hot_of_void(prediction, target, num_classes, ignore_index=255):
    return F.one_hot(target.flatten(), num_classes).T @ F.one_hot(prediction.flatten(), num_classes)


def with_a_row_for_void(prediction, target, num_classes, ignore_index=255):
    return F.pad(matrix(prediction, target, num_classes, ignore_index), (0, 1, 0, 1))


def cleaned_in_place(prediction, target, num_classes, ignore_index=255):
    result = matrix(prediction, target, num_classes, ignore_index)
    target[target == ignore_index] = 0
    return result


def by_view(prediction, target, num_classes, ignore_index=255):
    return matrix(prediction.view(-1), target.view(-1), num_classes, ignore_index)


def first_image_only(prediction, target, num_classes, ignore_index=255):
    return matrix(prediction[0], target[0], num_classes, ignore_index)


def guessed_classes(prediction, target, num_classes, ignore_index=255):
    labelled = target != ignore_index
    classes = int(max(prediction[labelled].max(), target[labelled].max())) + 1
    return matrix(prediction, target, classes, ignore_index)


def normalised(prediction, target, num_classes, ignore_index=255):
    result = matrix(prediction, target, num_classes, ignore_index).double()
    return result / result.sum(dim=1, keepdim=True)


def edited(edit):
    return lambda *masks, **ignore: edit(matrix(*masks, **ignore))


def ready_sklearn(prediction, target, num_classes, ignore_index=255):
    labelled = target != ignore_index
    ready = sklearn_metrics.confusion_matrix(target[labelled], prediction[labelled], labels=list(range(num_classes)))
    return torch.from_numpy(ready)


def ready_torchmetrics(prediction, target, num_classes, ignore_index=255):
    ready = torchmetrics.functional.classification.multiclass_confusion_matrix
    return ready(prediction, target, num_classes, ignore_index=ignore_index)


WRONG_MATRIX = {
    "transposed": (edited(lambda m: m.T), "rows and columns swapped"),
    "void as class 0": (void_is_class_0, "void counted as class 0"),
    "void as the last class": (void_is_last_class, "void counted as the last class"),
    "void not left out": (void_not_left_out, "void counted as a class"),
    "only 255": (only_255, "only 255 is left out"),
    "only in range": (only_in_range, "only labels outside"),
    "void of the prediction": (looks_at_the_prediction, "looked for in the prediction"),
    "void of both": (looks_at_both, "because of their prediction"),
    "once": (counted_once, "counts each pair only once"),
    "without minlength": (without_minlength, "without minlength"),
    "one-hot of void": (one_hot_of_void, "F.one_hot cannot take ignored labels"),
    "a row for void": (with_a_row_for_void, r"(?s)expected shape \(3, 3\), got \(4, 4\).*one class too many"),
    "in place": (cleaned_in_place, "changed what it was given: target"),
    "view": (by_view, "view size is not compatible"),
    "diagonal only": (edited(lambda m: m.diagonal().diag()), "only the hits"),
    "errors only": (edited(lambda m: m - m.diagonal().diag()), "only the errors"),
    "normalised": (normalised, "expected int64, got float64"),
    "float": (edited(lambda m: m.float()), "expected int64, got float32"),
    "int32": (edited(lambda m: m.int()), "expected int64, got int32"),
    "numpy": (edited(lambda m: m.numpy()), "numpy array where a tensor was asked"),
    "a list": (edited(lambda m: m.tolist()), "returned a list"),
    "flat": (edited(lambda m: m.flatten()), "flattened"),
    "first image": (first_image_only, "only the first image"),
    "guessed classes": (guessed_classes, "num_classes was guessed"),
    "clipped": (edited(lambda m: m.clamp(max=5)), "differs from the expected one"),
    "zeros": (edited(torch.zeros_like), "differs from the expected one"),
    "scikit-learn": (ready_sklearn, "hands the task over to sklearn.metrics"),
    "torchmetrics": (ready_torchmetrics, "hands the task over to torchmetrics"),
    "the course's": (metrics.confusion_matrix, "hands the task over to segutils.metrics"),
    "not written": (given["confusion_matrix"], "not written yet"),
}


def by_counting_each_pair(prediction, target, num_classes, ignore_index=255):
    result = torch.empty(num_classes, num_classes, dtype=torch.long)
    for t in range(num_classes):
        for p in range(num_classes):
            result[t, p] = ((target == t) & (prediction == p) & (target != ignore_index)).sum()
    return result


def by_one_hot_product(prediction, target, num_classes, ignore_index=255):
    labelled = target.reshape(-1) != ignore_index
    t = F.one_hot(target.reshape(-1)[labelled], num_classes)
    p = F.one_hot(prediction.reshape(-1)[labelled], num_classes)
    return t.T @ p


def by_accumulating(prediction, target, num_classes, ignore_index=255):
    labelled = target != ignore_index
    result = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    index = (target[labelled], prediction[labelled])
    return result.index_put_(index, torch.ones_like(index[0]), accumulate=True)


def by_an_extra_class(prediction, target, num_classes, ignore_index=255):
    target = torch.where(target == ignore_index, num_classes, target).flatten()
    pairs = target * num_classes + prediction.flatten()
    return torch.bincount(pairs, minlength=num_classes * (num_classes + 1)).reshape(-1, num_classes)[:num_classes]


def by_numpy(prediction, target, num_classes, ignore_index=255):
    t, p = target.numpy().ravel(), prediction.numpy().ravel()
    result = np.zeros((num_classes, num_classes), dtype=np.int64)
    np.add.at(result, (t[t != ignore_index], p[t != ignore_index]), 1)
    return torch.from_numpy(result)


def by_image(prediction, target, num_classes, ignore_index=255):
    return sum(matrix(p, t, num_classes, ignore_index) for p, t in zip(prediction, target, strict=True))


RIGHT_MATRIX = [
    matrix,
    by_counting_each_pair,
    by_one_hot_product,
    by_accumulating,
    by_an_extra_class,
    by_numpy,
    by_image,
]


@pytest.mark.parametrize("name", WRONG_MATRIX)
def test_wrong_confusion_matrix_fails_with_its_cause(name):
    judge_wrong(ex06.confusion_matrix, WRONG_MATRIX, name)


@pytest.mark.parametrize("function", RIGHT_MATRIX)
def test_right_confusion_matrix_passes(function):
    assert message_of(ex06.confusion_matrix, function, seeds=range(3)) == ""


# ---- IoU and Dice per class, mean IoU


def sums(m):
    return m.diagonal(), m.sum(dim=1), m.sum(dim=0)


def iou(m):
    hits, targets, predictions = sums(m)
    return hits / (targets + predictions - hits)


def dice(m):
    hits, targets, predictions = sums(m)
    return 2 * hits / (targets + predictions)


def f_score(precision, recall):
    return 2 * precision * recall / (precision + recall)


def in_place_diagonal(m):
    hits = m.diagonal().clone()
    m.fill_diagonal_(0)
    return hits / (m.sum(dim=0) + m.sum(dim=1) + hits)


WRONG_IOU = {
    "0 for absent": (lambda m: iou(m).nan_to_num(0), "nan turned into 0"),
    "1 for absent": (lambda m: iou(m).nan_to_num(1), "absent counted as 1"),
    "absent dropped": (lambda m: iou(m)[~iou(m).isnan()], "dropped"),
    "sum of areas": (lambda m: sums(m)[0] / (sums(m)[1] + sums(m)[2]), "union = sum of areas"),
    "recall": (lambda m: sums(m)[0] / sums(m)[1], "this is recall"),
    "precision": (lambda m: sums(m)[0] / sums(m)[2], "this is precision"),
    "Dice": (dice, "this is Dice"),
    "all pixels": (lambda m: m.diagonal() / m.sum(), "all pixels"),
    "misses and false alarms": (
        lambda m: sums(m)[0] / (sums(m)[1] + sums(m)[2] - 2 * sums(m)[0]),
        "missing from the union",
    ),
    "smoothed": (lambda m: iou_smoothed(m, 1e-6, 1e-6), r"constant \(1e-06\)"),
    "smoothed below": (lambda m: iou_smoothed(m, 0, 1e-9), "nan turned into 0|constant"),
    "mean": (lambda m: iou(m).nanmean(), "the mean was returned"),
    "distance": (lambda m: 1 - iou(m), "1 - IoU"),
    "per cent": (lambda m: 100 * iou(m), "percentage"),
    "integers": (lambda m: m.diagonal() // (sums(m)[1] + sums(m)[2] - sums(m)[0]), "ZeroDivision|wrong dtype|division"),
    "the whole matrix": (lambda m: m / (sums(m)[1] + sums(m)[2] - sums(m)[0]), "the hits are its diagonal"),
    "clamped": (lambda m: sums(m)[0] / (sums(m)[1] + sums(m)[2] - sums(m)[0]).clamp(min=1), "nan turned into 0"),
    "numpy": (lambda m: iou(m).numpy(), "numpy array where a tensor was asked"),
    "a list": (lambda m: iou(m).tolist(), "returned a list"),
    "in place": (in_place_diagonal, "changed what it was given: matrix"),
    "no return": (lambda m: None, "without `return`"),
    "the course's": (metrics.iou_per_class, "hands the task over to segutils.metrics"),
    "not written": (given["iou_per_class"], "not written yet"),
}


def iou_smoothed(m, above, below):
    hits, targets, predictions = sums(m.double())
    return (hits + above) / (targets + predictions - hits + below)


def iou_by_loop(m):
    values = []
    for index in range(len(m)):
        union = m[index].sum() + m[:, index].sum() - m[index, index]
        values.append(m[index, index].item() / union.item() if union else float("nan"))
    return torch.tensor(values)


def iou_by_rates(m):
    true_positive = torch.diag(m).float()
    false_positive = m.sum(0) - true_positive
    false_negative = m.sum(1) - true_positive
    return true_positive / (true_positive + false_positive + false_negative)


def iou_by_where(m):
    union = m.sum(0) + m.sum(1) - m.diag()
    return torch.where(union > 0, m.diag() / union, torch.tensor(float("nan")))


RIGHT_IOU = [iou, iou_by_loop, iou_by_rates, iou_by_where, lambda m: dice(m) / (2 - dice(m)), lambda m: iou(m.double())]

WRONG_MEAN = {
    "nan stays": (lambda m: iou(m).mean(), "makes the whole mean nan"),
    "0 for absent": (lambda m: iou(m).nan_to_num(0).mean(), "nan turned into 0"),
    "1 for absent": (lambda m: iou(m).nan_to_num(1).mean(), "absent counted as 1"),
    "0 for nothing": (lambda m: iou(m).nanmean().nan_to_num(0), "nothing to average gives nan"),
    "without false classes": (lambda m: iou(m)[m.sum(dim=1) > 0].mean(), "missing in the target"),
    "without missed classes": (lambda m: iou(m)[iou(m) > 0].mean(), "IoU of 0 were left out"),
    "weighted": (lambda m: (iou(m) * m.sum(dim=1) / m.sum()).nansum(), "frequency-weighted"),
    "accuracy": (lambda m: m.diagonal().sum() / m.sum(), "pixel accuracy"),
    "recall": (lambda m: (m.diagonal() / m.sum(dim=1)).nanmean(), "mean recall"),
    "one for all": (
        lambda m: m.diagonal().sum() / (2 * m.sum() - m.diagonal().sum()),
        "one intersection and one union",
    ),
    "Dice": (lambda m: dice(m).nanmean(), "mean Dice"),
    "sum": (lambda m: iou(m).nansum(), "the sum was returned"),
    "median": (lambda m: iou(m).nanmedian(), "the median"),
    "without background": (lambda m: iou(m)[1:].nanmean(), "class 0 was left out"),
    "per class": (iou, "per class was returned"),
    "one axis": (lambda m: iou(m).nanmean(dim=0, keepdim=True), "an axis left"),
    "wrong IoU": (lambda m: (sums(m)[0] / (sums(m)[1] + sums(m)[2])).nanmean(), "iou_per_class, which it calls: union"),
    "a number": (lambda m: iou(m).nanmean().item(), "a Python number where a tensor"),
    "numpy": (lambda m: np.nanmean(iou(m).numpy()), "returned a float32"),
    "no return": (lambda m: None, "without `return`"),
    "the course's": (metrics.mean_iou, "hands the task over to segutils.metrics"),
    "not written": (given["mean_iou"], "not written yet"),
}
RIGHT_MEAN = [
    lambda m: iou(m).nanmean(),
    lambda m: iou(m)[~iou(m).isnan()].mean(),
    lambda m: iou(m).nansum() / (~iou(m).isnan()).sum(),
    lambda m: iou(m)[(m.sum(0) + m.sum(1)) > 0].mean(),
    lambda m: torch.tensor(iou_by_loop(m).nanmean().item()),
    lambda m: torch.nanmean(iou(m.double())),
]

WRONG_DICE = {
    "0 for absent": (lambda m: dice(m).nan_to_num(0), "nan turned into 0"),
    "1 for absent": (lambda m: dice(m).nan_to_num(1), "absent counted as 1"),
    "absent dropped": (lambda m: dice(m)[~dice(m).isnan()], "dropped"),
    "factor 2 missing": (lambda m: dice(m) / 2, "factor 2 is missing"),
    "IoU": (iou, "this is IoU"),
    "union below": (lambda m: 2 * iou(m), "divided by the union"),
    "union above": (
        lambda m: 2 * (sums(m)[1] + sums(m)[2] - sums(m)[0]) / (sums(m)[1] + sums(m)[2]),
        "numerator is the union",
    ),
    "recall": (lambda m: sums(m)[0] / sums(m)[1], "this is recall"),
    "precision": (lambda m: sums(m)[0] / sums(m)[2], "this is precision"),
    "of rates": (
        lambda m: f_score(sums(m)[0] / sums(m)[2], sums(m)[0] / sums(m)[1]),
        "precision or recall is 0 / 0",
    ),
    "squares": (lambda m: 2 * sums(m)[0] / (sums(m)[1] ** 2 + sums(m)[2] ** 2), "squared"),
    "factor 2 below": (lambda m: sums(m)[0] / (2 * (sums(m)[1] + sums(m)[2])), "in the denominator"),
    "distance": (lambda m: 1 - dice(m), "1 - Dice"),
    "mean": (lambda m: dice(m).nanmean(), "the mean was returned"),
    "smoothed": (lambda m: (2 * sums(m)[0] + 1) / (sums(m)[1] + sums(m)[2] + 1), r"constant \(1\)"),
    "numpy": (lambda m: dice(m).numpy(), "numpy array where a tensor was asked"),
    "in place": (
        lambda m: 2 * m.diagonal().clone() / (m.sum(0) + m.sum(1)) + 0 * m.zero_().sum(),
        "changed what it was given",
    ),
    "the course's": (metrics.dice_per_class, "hands the task over to segutils.metrics"),
    "not written": (given["dice_per_class"], "not written yet"),
}
RIGHT_DICE = [
    dice,
    lambda m: 2 * iou(m) / (1 + iou(m)),
    lambda m: 2 * m.diag().double() / (m + m.T).sum(dim=0),
    lambda m: torch.stack([2 * m[c, c] / (m[c].sum() + m[:, c].sum()) for c in range(len(m))]),
    lambda m: m.diag() / (m.diag() + (m.sum(0) - m.diag()) / 2 + (m.sum(1) - m.diag()) / 2),
]

WRONG_OF_MATRIX = [
    *((ex06.iou_per_class, WRONG_IOU, name) for name in WRONG_IOU),
    *((ex06.mean_iou, WRONG_MEAN, name) for name in WRONG_MEAN),
    *((ex06.dice_per_class, WRONG_DICE, name) for name in WRONG_DICE),
]
RIGHT_OF_MATRIX = [
    *((ex06.iou_per_class, function) for function in RIGHT_IOU),
    *((ex06.mean_iou, function) for function in RIGHT_MEAN),
    *((ex06.dice_per_class, function) for function in RIGHT_DICE),
]


@pytest.mark.parametrize(("check", "wrong", "name"), WRONG_OF_MATRIX, ids=lambda value: getattr(value, "subject", None))
def test_wrong_function_of_a_matrix_fails_with_its_cause(check, wrong, name):
    judge_wrong(check, wrong, name)


@pytest.mark.parametrize(("check", "function"), RIGHT_OF_MATRIX, ids=lambda value: getattr(value, "subject", None))
def test_right_function_of_a_matrix_passes(check, function):
    assert message_of(check, function, seeds=range(3)) == ""


# ---- soft_dice_loss


def prepared(logits, target, ignore_index):
    """Probabilities and one-hot target, both 0 where ignored: (N, C, H, W)."""
    labelled = (target != ignore_index).unsqueeze(1)
    t = F.one_hot(target.masked_fill(target == ignore_index, 0), logits.shape[1]).movedim(-1, 1)
    return logits.softmax(dim=1) * labelled, t * labelled


def mean_of_present(dice_values, t):
    present = t.sum(dim=(0, 2, 3)) > 0
    return (1 - dice_values)[present].sum() / present.sum().clamp(min=1)


def soft_dice(p, t, dims=(0, 2, 3)):
    areas = p.sum(dim=dims) + t.sum(dim=dims)
    return 2 * (p * t).sum(dim=dims) / torch.where(areas == 0, 1, areas)


def loss_with(change_p=lambda p, logits: p, combine=lambda p, t: mean_of_present(soft_dice(p, t), t)):
    def soft_dice_loss(logits, target, ignore_index=255):
        p, t = prepared(logits, target, ignore_index)
        return combine(change_p(p, logits), t)

    return soft_dice_loss


right_loss = loss_with()


def ignored_in_p(logits, target, ignore_index=255):
    _, t = prepared(logits, target, ignore_index)
    return mean_of_present(soft_dice(logits.softmax(dim=1), t), t)


def ignored_as_class_0(logits, target, ignore_index=255):
    return right_loss(logits, target.masked_fill(target == ignore_index, 0), -5)


def only_255_ignored(logits, target, ignore_index=255):
    return right_loss(logits, target, 255)


def one_hot_without_care(logits, target, ignore_index=255):
    return soft_dice(logits.softmax(dim=1), F.one_hot(target, logits.shape[1]).movedim(-1, 1)).mean()


def softmax_over(dim):
    def soft_dice_loss(logits, target, ignore_index=255):
        _, t = prepared(logits, target, ignore_index)
        p = logits.softmax(dim=dim) * (target != ignore_index).unsqueeze(1)
        return mean_of_present(soft_dice(p, t), t)

    return soft_dice_loss


def from_scores(scores):
    def soft_dice_loss(logits, target, ignore_index=255):
        _, t = prepared(logits, target, ignore_index)
        return mean_of_present(soft_dice(scores(logits) * (target != ignore_index).unsqueeze(1), t), t)

    return soft_dice_loss


def per_image(logits, target, ignore_index=255):
    images = zip(logits.split(1), target.split(1), strict=True)
    return torch.stack([right_loss(image, mask, ignore_index) for image, mask in images]).mean()


def constant_where_nothing_is_labelled(logits, target, ignore_index=255):
    if (target == ignore_index).all():
        return torch.tensor(0.0, dtype=logits.dtype)
    return right_loss(logits, target, ignore_index)


def nan_where_nothing_is_labelled(logits, target, ignore_index=255):
    p, t = prepared(logits, target, ignore_index)
    return 1 - soft_dice(p, t)[t.sum(dim=(0, 2, 3)) > 0].mean()


def nan_gradient_where_nothing_is_labelled(logits, target, ignore_index=255):
    p, t = prepared(logits, target, ignore_index)
    return mean_of_present(2 * (p * t).sum(dim=(0, 2, 3)) / (p + t).sum(dim=(0, 2, 3)), t)


def cleaned_target(logits, target, ignore_index=255):
    result = right_loss(logits, target, ignore_index)
    target[target == ignore_index] = 0
    return result


def smoothed(eps):
    def combine(p, t):
        values = (2 * (p * t).sum(dim=(0, 2, 3)) + eps) / ((p + t).sum(dim=(0, 2, 3)) + eps)
        return mean_of_present(values, t)

    return loss_with(combine=combine)


def squares(p, t):
    return mean_of_present(2 * (p * t).sum(dim=(0, 2, 3)) / ((p**2).sum(dim=(0, 2, 3)) + t.sum(dim=(0, 2, 3))), t)


def jaccard(p, t):
    intersection = (p * t).sum(dim=(0, 2, 3))
    return mean_of_present(intersection / ((p + t).sum(dim=(0, 2, 3)) - intersection), t)


def partly_detached(p, t):
    areas = (p.detach() + t).sum(dim=(0, 2, 3)).clamp(min=1e-9)
    return mean_of_present(2 * (p * t).sum(dim=(0, 2, 3)) / areas, t)


def hard(logits):
    return F.one_hot(logits.argmax(dim=1), logits.shape[1]).movedim(-1, 1).to(logits.dtype)


WRONG_LOSS = {
    "ignored in sum p": (ignored_in_p, "ignored pixels counted: their probabilities"),
    "ignored as class 0": (ignored_as_class_0, "ignored pixels counted as class 0"),
    "only 255": (only_255_ignored, "only 255 is left out"),
    "one-hot of void": (one_hot_without_care, "F.one_hot cannot take ignored|Dice itself"),
    "absent classes": (
        loss_with(combine=lambda p, t: 1 - soft_dice(p, t).mean()),
        r"absent from the target.*\(Dice 0\)",
    ),
    "absent as perfect": (
        loss_with(combine=lambda p, t: (1 - soft_dice(p, t))[t.sum(dim=(0, 2, 3)) > 0].sum() / t.shape[1]),
        "absent from the target.*as perfect",
    ),
    "per image": (per_image, "averaged per image"),
    "squares": (loss_with(combine=squares), "squared in the denominator"),
    "raw logits": (from_scores(lambda logits: logits), "without softmax"),
    "sigmoid": (from_scores(torch.sigmoid), "sigmoid in place of softmax"),
    "softmax over the batch": (softmax_over(0), "softmax over the batch"),
    "softmax over the columns": (softmax_over(-1), "softmax over the columns"),
    "softmax twice": (from_scores(lambda logits: logits.softmax(1).softmax(1)), "softmax was taken twice"),
    "log_softmax": (from_scores(lambda logits: logits.log_softmax(1)), "log_softmax"),
    "Dice": (loss_with(combine=lambda p, t: 1 - mean_of_present(soft_dice(p, t), t)), "Dice itself was returned"),
    "minus Dice": (loss_with(combine=lambda p, t: mean_of_present(soft_dice(p, t), t) - 1), "with a minus sign"),
    "sum": (
        loss_with(combine=lambda p, t: (1 - soft_dice(p, t))[t.sum(dim=(0, 2, 3)) > 0].sum()),
        "the sum over the classes",
    ),
    "factor 2 missing": (
        loss_with(combine=lambda p, t: mean_of_present(soft_dice(p, t) / 2, t)),
        "factor 2 is missing",
    ),
    "soft IoU": (loss_with(combine=jaccard), "soft IoU"),
    "one for all": (
        loss_with(combine=lambda p, t: 1 - 2 * (p * t).sum() / (p + t).sum()),
        "summed into one Dice",
    ),
    "per class": (loss_with(combine=lambda p, t: 1 - soft_dice(p, t)), "result per class"),
    "smoothing 1": (smoothed(1.0), r"a constant \(1\)"),
    "smoothing 1e-5": (smoothed(1e-5), r"a constant \(1e-05\)"),
    "argmax": (from_scores(hard), "argmax"),
    "a number": (lambda *args, **ignore: right_loss(*args, **ignore).item(), "a Python number where a tensor"),
    "detached": (lambda *args, **ignore: right_loss(*args, **ignore).detach(), "no gradient flows back"),
    "partly detached": (
        loss_with(
            combine=lambda p, t: mean_of_present(2 * (p * t).sum((0, 2, 3)) / (p.detach() + t).sum((0, 2, 3)), t)
        ),
        "the gradient of the logits differs",
    ),
    "constant 0": (constant_where_nothing_is_labelled, "a constant was returned where nothing is labelled"),
    "nan for nothing": (nan_where_nothing_is_labelled, "nothing labelled gives 0 / 0"),
    "nan gradient for nothing": (nan_gradient_where_nothing_is_labelled, "(?s)got nan.*before you divide"),
    "in place": (cleaned_target, "changed what it was given: target"),
    "no return": (lambda logits, target, ignore_index=255: None, "without `return`"),
    "cross-entropy": (
        lambda logits, target, ignore_index=255: F.cross_entropy(logits, target, ignore_index=ignore_index),
        "cross-entropy was returned",
    ),
    "the course's": (losses.soft_dice_loss, "hands the task over to segutils.losses"),
    "not written": (given["soft_dice_loss"], "not written yet"),
}


def loss_by_class(logits, target, ignore_index=255):
    probabilities = torch.softmax(logits, dim=1)
    labelled = target != ignore_index
    parts = []
    for label in range(logits.size(1)):
        p, t = probabilities[:, label][labelled], (target[labelled] == label).to(logits.dtype)
        if t.sum() > 0:
            parts.append(1 - 2 * (p * t).sum() / (p.sum() + t.sum()))
    return torch.stack(parts).mean() if parts else 0 * logits.sum()


def loss_by_list_of_pixels(logits, target, ignore_index=255):
    labelled = (target != ignore_index).reshape(-1)
    p = F.softmax(logits.permute(0, 2, 3, 1).reshape(-1, logits.shape[1])[labelled], dim=-1)
    target = target.reshape(-1)[labelled]
    t = torch.zeros_like(p).scatter_(1, target[:, None], 1)
    present = t.amax(0) == 1 if len(t) else t.sum(0) > 0
    values = 2 * (p * t).sum(0) / (p.sum(0) + t.sum(0)).clamp(min=1e-12)
    return (values[present].sum().neg() + present.sum()) / max(int(present.sum()), 1)


def loss_by_einsum(logits, target, ignore_index=255):
    keep = (target != ignore_index).to(logits.dtype)
    p = logits.log_softmax(1).exp()
    t = (target[:, None] == torch.arange(logits.shape[1])[:, None, None]).to(logits.dtype) * keep[:, None]
    both = torch.einsum("nchw,nchw->c", p, t)
    size = torch.einsum("nchw,nhw->c", p, keep) + t.sum((0, 2, 3))
    present = t.sum((0, 2, 3)) > 0
    return ((1 - 2 * both / size.clamp(min=1e-9)) * present).sum() / present.sum().clamp(min=1)


def loss_in_float32(logits, target, ignore_index=255):
    return right_loss(logits.float(), target, ignore_index)


RIGHT_LOSS = [right_loss, loss_by_class, loss_by_list_of_pixels, loss_by_einsum, loss_in_float32]


@pytest.mark.parametrize("name", WRONG_LOSS)
def test_wrong_soft_dice_loss_fails_with_its_cause(name):
    judge_wrong(ex06.soft_dice_loss, WRONG_LOSS, name)


@pytest.mark.parametrize("function", RIGHT_LOSS)
def test_right_soft_dice_loss_passes(function):
    assert message_of(ex06.soft_dice_loss, function, seeds=range(3)) == ""
