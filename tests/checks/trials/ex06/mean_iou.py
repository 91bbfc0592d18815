"""Solutions of ex06's mean_iou, as students write them."""

import numpy as np
import torch


def iou(m):
    return m.diagonal() / (m.sum(dim=1) + m.sum(dim=0) - m.diagonal())


def dice(m):
    return 2 * m.diagonal() / (m.sum(dim=1) + m.sum(dim=0))


def in_place(m):
    result = iou(m).nanmean()
    m.fill_diagonal_(0)
    return result


def for_the_courses_metrics(m):
    from segutils import metrics

    return metrics.mean_iou(m)


def over_every_class(m):
    return iou(m).nansum() / len(m)


WRONG = {
    "sum / len": (
        lambda m: torch.tensor(sum(values := iou(m)[~iou(m).isnan()].tolist()) / len(values)),
        "Python's sum / len raises",
    ),
    "int32": (lambda m: iou(m.int()).nanmean(), "int32 ends at"),
    "nan stays": (lambda m: iou(m).mean(), "makes the whole mean nan"),
    "0 for absent": (lambda m: iou(m).nan_to_num(0).mean(), "nan turned into 0"),
    "over every class": (over_every_class, "nan turned into 0"),
    "1 for absent": (lambda m: iou(m).nan_to_num(1).mean(), "absent counted as 1"),
    "0 for nothing": (lambda m: iou(m).nanmean().nan_to_num(0), "nothing to average gives nan"),
    "without false classes": (lambda m: iou(m)[m.sum(dim=1) > 0].mean(), "missing in the target"),
    "without classes never predicted": (lambda m: iou(m)[m.sum(dim=0) > 0].mean(), "never predicted were left out"),
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
    "per cent": (lambda m: 100 * iou(m).nanmean(), "percentage"),
    "wrong IoU": (lambda m: (dice(m) / 2).nanmean(), "iou_per_class, which it calls: union"),
    "a number": (lambda m: iou(m).nanmean().item(), "a Python number where a tensor"),
    "numpy": (lambda m: np.nanmean(iou(m).numpy()), "number of numpy's"),
    "in place": (in_place, "changed what it was given: matrix"),
    "no return": (lambda m: None, "without `return`"),
    "the course's": (for_the_courses_metrics, "hands the task over to segutils.metrics"),
}


def by_loop_over_classes(m):
    values = []
    for c in range(m.shape[0]):
        union = m[c].sum() + m[:, c].sum() - m[c, c]
        if union > 0:
            values.append(m[c, c] / union)
    return torch.stack(values).mean() if values else torch.tensor(float("nan"))


RIGHT = {
    "nanmean": lambda m: iou(m).nanmean(),
    "without nan": lambda m: iou(m)[~iou(m).isnan()].mean(),
    "sum and count": lambda m: iou(m).nansum() / (~iou(m).isnan()).sum(),
    "what has a union": lambda m: iou(m)[(m.sum(0) + m.sum(1)) > 0].mean(),
    "a fresh tensor": lambda m: torch.tensor(iou(m).nanmean().item()),
    "in double": lambda m: torch.nanmean(iou(m.double())),
    "loop over classes": by_loop_over_classes,
}
