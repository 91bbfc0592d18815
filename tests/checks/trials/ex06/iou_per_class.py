"""Solutions of ex06's iou_per_class, as students write them."""

import torch


def parts(m):
    return m.diagonal(), m.sum(dim=1), m.sum(dim=0)


def right_iou(m):
    hits, targets, predictions = parts(m)
    return hits / (targets + predictions - hits)


def right_dice(m):
    hits, targets, predictions = parts(m)
    return 2 * hits / (targets + predictions)


def in_place_diagonal(m):
    hits = m.diagonal().clone()
    m.fill_diagonal_(0)
    return hits / (m.sum(dim=0) + m.sum(dim=1) + hits)


def smoothed(m, above, below):
    hits, targets, predictions = parts(m.double())
    return (hits + above) / (targets + predictions - hits + below)


def by_python_numbers(m):
    values = []
    for c in range(len(m)):
        hits = m[c, c].item()
        values.append(hits / (m[c].sum().item() + m[:, c].sum().item() - hits))
    return torch.tensor(values)


def with_a_clamped_union(m):
    hits, targets, predictions = parts(m)
    return hits / (targets + predictions - hits).clamp(min=1)


def of_integers(m):
    hits, targets, predictions = parts(m)
    return hits // (targets + predictions - hits)


def of_the_whole_matrix(m):
    hits, targets, predictions = parts(m)
    return m / (targets + predictions - hits)


def as_accuracy_of_each_class(m):
    hits, targets, predictions = parts(m)
    return (m.sum() - targets - predictions + 2 * hits) / m.sum()


def for_the_courses_metrics(m):
    from segutils import metrics

    return metrics.iou_per_class(m)


WRONG = {
    "divided one by one": (
        lambda m: torch.tensor([m[c, c].item() / (m[c] + m[:, c]).sum().sub(m[c, c]).item() for c in range(len(m))]),
        "0 / 0 of Python's numbers",
    ),
    "int32": (lambda m: right_iou(m.int()), "int32 ends at"),
    "from precision and recall": (
        lambda m: (lambda p, r: p * r / (p + r - p * r))(m.diag() / m.sum(0), m.diag() / m.sum(1)),
        "precision or recall is 0",
    ),
    "0 for absent": (lambda m: right_iou(m).nan_to_num(0), "nan turned into 0"),
    "1 for absent": (lambda m: right_iou(m).nan_to_num(1), "absent counted as 1"),
    "absent dropped": (lambda m: right_iou(m)[~right_iou(m).isnan()], "dropped"),
    "nan where the target lacks it": (
        lambda m: torch.where(m.sum(1) > 0, right_iou(m), torch.nan),
        "nan for a class that the target lacks",
    ),
    "nan where it was not predicted": (
        lambda m: torch.where(m.sum(0) > 0, right_iou(m), torch.nan),
        "nan for a class that was never predicted",
    ),
    "half precision": (lambda m: right_iou(m).half(), "needs a float of 32 or 64 bits"),
    "32-bit sums": (
        lambda m: m.diagonal() / (m.sum(0, dtype=torch.int32) + m.sum(1, dtype=torch.int32) - m.diagonal()),
        "differs from the expected one",
    ),
    "sum of areas": (lambda m: parts(m)[0] / (parts(m)[1] + parts(m)[2]), "union = sum of areas"),
    "recall": (lambda m: parts(m)[0] / parts(m)[1], "this is recall"),
    "precision": (lambda m: parts(m)[0] / parts(m)[2], "this is precision"),
    "Dice": (right_dice, "this is Dice"),
    "rows twice": (lambda m: parts(m)[0] / (2 * parts(m)[1] - parts(m)[0]), "rows were summed twice"),
    "columns twice": (lambda m: parts(m)[0] / (2 * parts(m)[2] - parts(m)[0]), "columns were summed twice"),
    "all pixels": (lambda m: m.diagonal() / m.sum(), "all pixels"),
    "accuracy of each class": (as_accuracy_of_each_class, "this class or not"),
    "misses and false alarms": (
        lambda m: parts(m)[0] / (parts(m)[1] + parts(m)[2] - 2 * parts(m)[0]),
        "missing from the union",
    ),
    "smoothed": (lambda m: smoothed(m, 1e-6, 1e-6), r"constant \(1e-06\)"),
    "smoothed by 1": (lambda m: smoothed(m, 1, 1), r"constant \(1\)"),
    "smoothed below": (lambda m: smoothed(m, 0, 1e-9), "nan turned into 0|constant"),
    "Python's numbers": (by_python_numbers, "ZeroDivisionError"),
    "mean": (lambda m: right_iou(m).nanmean(), "the mean was returned"),
    "distance": (lambda m: 1 - right_iou(m), "1 - IoU"),
    "per cent": (lambda m: 100 * right_iou(m), "percentage"),
    "integers": (of_integers, "ZeroDivision|wrong dtype|division"),
    "the whole matrix": (of_the_whole_matrix, "the hits are its diagonal"),
    "clamped": (with_a_clamped_union, "nan turned into 0"),
    "numpy": (lambda m: right_iou(m).numpy(), "numpy array where a tensor was asked"),
    "a list": (lambda m: right_iou(m).tolist(), "returned a list"),
    "a column": (lambda m: right_iou(m)[:, None], r"expected shape \(3,\), got \(3, 1\)"),
    "in place": (in_place_diagonal, "changed what it was given: matrix"),
    "no return": (lambda m: None, "without `return`"),
    "the course's": (for_the_courses_metrics, "hands the task over to segutils.metrics"),
}


def by_loop_over_classes(m):
    values = []
    for index in range(len(m)):
        union = m[index].sum() + m[:, index].sum() - m[index, index]
        values.append(m[index, index].item() / union.item() if union else float("nan"))
    return torch.tensor(values)


def by_kinds_of_error(m):
    true_positive = torch.diag(m).float()
    false_positive = m.sum(0) - true_positive
    false_negative = m.sum(1) - true_positive
    return true_positive / (true_positive + false_positive + false_negative)


def by_where(m):
    union = m.sum(0) + m.sum(1) - m.diag()
    return torch.where(union > 0, m.diag() / union, torch.tensor(float("nan")))


def into_a_tensor_of_nan(m):
    union = m.sum(0) + m.sum(1) - m.diag()
    result = torch.full((m.shape[0],), torch.nan, dtype=torch.float64)
    result[union != 0] = m.diag()[union != 0].double() / union[union != 0]
    return result


def by_numpy(m):
    import numpy as np

    counts = m.numpy()
    with np.errstate(invalid="ignore"):
        values = np.diag(counts) / (counts.sum(0) + counts.sum(1) - np.diag(counts))
    return torch.from_numpy(values)


RIGHT = {
    "sums": right_iou,
    "loop over classes": by_loop_over_classes,
    "kinds of error": by_kinds_of_error,
    "where": by_where,
    "into a tensor of nan": into_a_tensor_of_nan,
    "from Dice": lambda m: right_dice(m) / (2 - right_dice(m)),
    "in double": lambda m: right_iou(m.double()),
    "numpy": by_numpy,
    "doubled afterwards": lambda m: right_iou(m).double(),
}
