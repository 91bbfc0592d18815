"""Solutions of ex06's dice_per_class, as students write them."""

import torch


def terms(m):
    return m.diagonal(), m.sum(dim=1), m.sum(dim=0)


def iou_of(m):
    hits, targets, predictions = terms(m)
    return hits / (targets + predictions - hits)


def right_dice(m):
    hits, targets, predictions = terms(m)
    return 2 * hits / (targets + predictions)


def f_score(m):
    hits, targets, predictions = terms(m)
    precision, recall = hits / predictions, hits / targets
    return 2 * precision * recall / (precision + recall)


def in_place(m):
    return 2 * m.diagonal().clone() / (m.sum(0) + m.sum(1)) + 0 * m.zero_().sum()


def union_above(m):
    hits, targets, predictions = terms(m)
    return 2 * (targets + predictions - hits) / (targets + predictions)


def for_the_courses_metrics(m):
    from segutils import metrics

    return metrics.dice_per_class(m)


WRONG = {
    "divided one by one": (
        lambda m: torch.tensor([2 * m[c, c].item() / (m[c] + m[:, c]).sum().item() for c in range(len(m))]),
        "0 / 0 of Python's numbers",
    ),
    "int32": (lambda m: right_dice(m.int()), "int32 ends at"),
    "0 for absent": (lambda m: right_dice(m).nan_to_num(0), "nan turned into 0"),
    "1 for absent": (lambda m: right_dice(m).nan_to_num(1), "absent counted as 1"),
    "absent dropped": (lambda m: right_dice(m)[~right_dice(m).isnan()], "dropped"),
    "nan where the target lacks it": (
        lambda m: torch.where(m.sum(1) > 0, right_dice(m), torch.nan),
        "nan for a class that the target lacks",
    ),
    "factor 2 missing": (lambda m: right_dice(m) / 2, "factor 2 is missing"),
    "IoU": (iou_of, "this is IoU"),
    "union below": (lambda m: 2 * iou_of(m), "divided by the union"),
    "union above": (union_above, "numerator is the union"),
    "recall": (lambda m: terms(m)[0] / terms(m)[1], "this is recall"),
    "precision": (lambda m: terms(m)[0] / terms(m)[2], "this is precision"),
    "of rates": (f_score, "precision or recall is 0 / 0"),
    "squares": (lambda m: 2 * terms(m)[0] / (terms(m)[1] ** 2 + terms(m)[2] ** 2), "squared"),
    "factor 2 below": (lambda m: terms(m)[0] / (2 * (terms(m)[1] + terms(m)[2])), "in the denominator"),
    "distance": (lambda m: 1 - right_dice(m), "1 - Dice"),
    "per cent": (lambda m: 100 * right_dice(m), "percentage"),
    "mean": (lambda m: right_dice(m).nanmean(), "the mean was returned"),
    "smoothed": (lambda m: (2 * terms(m)[0] + 1) / (terms(m)[1] + terms(m)[2] + 1), r"constant \(1\)"),
    "clamped": (lambda m: 2 * terms(m)[0] / (terms(m)[1] + terms(m)[2]).clamp(min=1), "nan turned into 0"),
    "integers": (lambda m: (2 * terms(m)[0]).div(terms(m)[1] + terms(m)[2], rounding_mode="trunc"), "ZeroDiv|dtype"),
    "numpy": (lambda m: right_dice(m).numpy(), "numpy array where a tensor was asked"),
    "a list": (lambda m: right_dice(m).tolist(), "returned a list"),
    "in place": (in_place, "changed what it was given"),
    "no return": (lambda m: None, "without `return`"),
    "the course's": (for_the_courses_metrics, "hands the task over to segutils.metrics"),
}
RIGHT = {
    "sums": right_dice,
    "from IoU": lambda m: 2 * iou_of(m) / (1 + iou_of(m)),
    "in double, of the sum with the transposed": lambda m: 2 * m.diag().double() / (m + m.T).sum(dim=0),
    "loop over classes": lambda m: torch.stack([2 * m[c, c] / (m[c].sum() + m[:, c].sum()) for c in range(len(m))]),
    "kinds of error": lambda m: m.diag() / (m.diag() + (m.sum(0) - m.diag()) / 2 + (m.sum(1) - m.diag()) / 2),
}
