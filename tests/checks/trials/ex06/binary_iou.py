"""Solutions of ex06's binary_iou, as students write them."""

import math

import numpy as np
import torch


def overlap(a, b):
    a, b = a.astype(bool), b.astype(bool)
    return (a & b).sum(), (a | b).sum()


def iou_or(otherwise):
    def binary_iou(a, b):
        intersection, union = overlap(a, b)
        return intersection / union if union else otherwise

    return binary_iou


right_iou = iou_or(np.nan)


def masks_in_place(a, b):
    result = right_iou(a, b)
    a[:] = a & b
    return result


def of_python_integers(a, b):
    intersection, union = overlap(a, b)
    return int(intersection) / int(union)


def by_loop_over_flat(a, b):
    both = either = 0
    for left, right in zip(a.flat, b.flat, strict=True):
        both += bool(left) and bool(right)
        either += bool(left) or bool(right)
    return both / either if either else float("nan")


def by_loop_over_rows_and_columns(a, b):
    both = either = 0
    for row in range(a.shape[0]):
        for column in range(a.shape[1]):
            if a[row, column] == 1 and b[row, column] == 1:
                both += 1
            if a[row, column] == 1 or b[row, column] == 1:
                either += 1
    return both / either if either > 0 else float("nan")


def by_comprehension(a, b):
    pairs = [(left, right) for left, right in zip(a.flatten(), b.flatten(), strict=True)]
    either = sum(1 for left, right in pairs if left or right)
    return sum(1 for left, right in pairs if left and right) / either if either else math.nan


def by_vectorize(a, b):
    both = np.vectorize(lambda left, right: bool(left) and bool(right))(a, b).sum()
    either = np.vectorize(lambda left, right: bool(left) or bool(right))(a, b).sum()
    return both / either if either else np.nan


def with_and(a, b):
    return np.sum(a and b) / np.sum(a or b)


def with_plus_for_bools(a, b):
    union = (a + b > 0).sum()
    return (a + b == 2).sum() / union if union else np.nan


def with_a_dot_product(a, b):
    both = np.dot(a.ravel(), b.ravel())
    either = np.count_nonzero(a) + np.count_nonzero(b) - both
    return both / either if either else np.nan


def for_ready_sklearn(a, b):
    from sklearn import metrics

    return metrics.jaccard_score(a.ravel(), b.ravel(), zero_division=0)


def for_the_courses_metrics(a, b):
    from segutils import metrics

    matrix = metrics.confusion_matrix(torch.from_numpy(a).long(), torch.from_numpy(b).long(), 2)
    return float(metrics.iou_per_class(matrix)[1])


def by_rows(a, b):
    shares = [right_iou(row_a[None], row_b[None]) for row_a, row_b in zip(a, b, strict=True)]
    return np.nanmean(shares) if not np.all(np.isnan(shares)) else np.nan


WRONG = {
    "a tensor": (lambda a, b: torch.tensor(float(iou_or(float("nan"))(a, b))), r"`\.item\(\)` turns"),
    "0 for empty masks": (iou_or(0.0), "nan turned into 0"),
    "1 for empty masks": (iou_or(1.0), r"counted as 1 \(perfect\)"),
    "None for empty masks": (iou_or(None), "returned None"),
    "nan where a is empty": (
        lambda a, b: right_iou(a, b) if a.any() else np.nan,
        "although a mask is not empty",
    ),
    "nan where nothing is in both": (
        lambda a, b: right_iou(a, b) if (a & b).any() else np.nan,
        "although a mask is not empty",
    ),
    "sum of areas": (lambda a, b: overlap(a, b)[0] / (a.sum() + b.sum()), "union = sum of areas"),
    "Dice": (lambda a, b: 2 * overlap(a, b)[0] / (a.sum() + b.sum()), "this is Dice"),
    "accuracy": (lambda a, b: (a == b).mean(), "pixel accuracy"),
    "all pixels": (lambda a, b: overlap(a, b)[0] / a.size, "number of all pixels"),
    "area of a": (lambda a, b: overlap(a, b)[0] / a.sum(), "area of a"),
    "area of b": (lambda a, b: overlap(a, b)[0] / b.sum(), "area of b"),
    "larger area": (lambda a, b: overlap(a, b)[0] / max(a.sum(), b.sum()), "larger area"),
    "smaller area": (lambda a, b: overlap(a, b)[0] / min(a.sum(), b.sum()), "smaller area"),
    "exclusive or": (lambda a, b: overlap(a, b)[0] / (a ^ b).sum(), "exclusive or"),
    "share of disagreement": (lambda a, b: (a != b).mean(), "in exactly one mask"),
    "upside down": (lambda a, b: overlap(a, b)[1] / overlap(a, b)[0], "exchanged"),
    "distance": (lambda a, b: 1 - right_iou(a, b), "Jaccard distance"),
    "per cent": (lambda a, b: 100 * right_iou(a, b), "percentage"),
    "rounded": (lambda a, b: round(float(right_iou(a, b)), 2), "was rounded"),
    "rounded down": (lambda a, b: overlap(a, b)[0] // overlap(a, b)[1], "rounds down"),
    "smoothed": (lambda a, b: (overlap(a, b)[0] + 1e-6) / (overlap(a, b)[1] + 1e-6), r"constant \(1e-06\)"),
    "smoothed below": (lambda a, b: overlap(a, b)[0] / (overlap(a, b)[1] + 1), r"constant \(1\)"),
    "background": (lambda a, b: right_iou(1 - a.astype(int), 1 - b.astype(int)), "background was taken"),
    "mean of both classes": (lambda a, b: (right_iou(a, b) + right_iou(a == 0, b == 0)) / 2, "mean of the object's"),
    "row by row": (by_rows, "IoU of each row"),
    "only the intersection": (lambda a, b: float(overlap(a, b)[0]), "intersection itself"),
    "a mask": (lambda a, b: a & b, "not counted"),
    "sum() over rows": (lambda a, b: sum(a & b) / sum(a | b), "not counted"),
    "and, or": (with_and, "ask for a single truth value"),
    "plus": (with_plus_for_bools, "never 2"),
    "dot product": (with_a_dot_product, "it overflows"),
    "minus on bool": (lambda a, b: (a & b).sum() / (a.sum() + (b - (a & b)).sum()), "TypeError"),
    "Python's integers": (of_python_integers, "ZeroDivisionError"),
    "text": (lambda a, b: f"{right_iou(a, b):.3f}", "returned a str"),
    "whether they overlap": (lambda a, b: bool(right_iou(a, b) > 0.5), "returned a bool"),
    "in place": (masks_in_place, "changed what it was given: a"),
    "no return": (lambda a, b: None, "without `return`"),
    "loop over .flat": (by_loop_over_flat, "loops over the pixels"),
    "loop over rows and columns": (by_loop_over_rows_and_columns, "loops over the pixels"),
    "comprehensions": (by_comprehension, "loops over the pixels"),
    "np.vectorize": (by_vectorize, "loops over the pixels"),
    "scikit-learn": (for_ready_sklearn, "hands the task over to sklearn.metrics"),
    "the course's": (for_the_courses_metrics, "hands the task over to segutils.metrics"),
}


def by_zero_division(a, b):
    return float(np.float64((a & b).sum()) / (a | b).sum())


def by_areas(a, b):
    a, b = a.astype(float), b.astype(float)
    intersection = (a * b).sum()
    union = a.sum() + b.sum() - intersection
    return np.nan if union == 0 else intersection / union


def ones(mask):
    return set(np.flatnonzero(mask).tolist())


def row_after_row(a, b):
    both = either = 0
    for row_a, row_b in zip(a, b, strict=True):
        both += int(np.logical_and(row_a, row_b).sum())
        either += int(np.logical_or(row_a, row_b).sum())
    return both / either if either else float("nan")


def by_exception(a, b):
    try:
        return int(np.sum((a == 1) & (b == 1))) / int(np.sum((a == 1) | (b == 1)))
    except ZeroDivisionError:
        return float("nan")


def in_torch(a, b):
    a, b = torch.from_numpy(a.copy()).bool(), torch.from_numpy(b.copy()).bool()
    return ((a & b).sum() / (a | b).sum()).item()


def by_histogram(a, b):
    counts = np.bincount((2 * (a > 0) + (b > 0)).ravel(), minlength=4)
    union = counts[1:].sum()
    return math.nan if not union else counts[3] / union


RIGHT = {
    "logical functions": right_iou,
    "numpy's 0 / 0": by_zero_division,
    "areas": by_areas,
    "parts of the union": lambda a, b: np.divide((a & b).sum(), (a & b).sum() + (a & ~b).sum() + (~a & b).sum()),
    "np.where": lambda a, b: np.where(np.any(a | b), np.sum(a & b) / np.sum(a | b), np.nan),
    "count_nonzero": lambda a, b: np.nan if not (a + b).any() else np.count_nonzero(a * b) / np.count_nonzero(a + b),
    "sets": lambda a, b: len(ones(a) & ones(b)) / len(ones(a) | ones(b)) if ones(a) | ones(b) else float("nan"),
    "minimum and maximum": lambda a, b: float(np.minimum(a, b).sum() / np.float64(np.maximum(a, b).sum())),
    "one row after the other": row_after_row,
    "ZeroDivisionError": by_exception,
    "torch": in_torch,
    "histogram": by_histogram,
}
