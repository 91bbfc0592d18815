"""Judge of confusion_matrix."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from segutils import metrics
from segutils.checks.base import Answers, Case
from segutils.checks.judges.base import Fault, Judge, UsualErrors, find_wrong_result, ignore_argument, shape_of
from segutils.checks.probing import as_tensor


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

    def below_ignore_index() -> Tensor:
        return count(prediction[target < ignore], target[target < ignore])

    def pair_numbers() -> Tensor:
        return target[labelled] * num_classes + prediction[labelled]

    def one_hot() -> Tensor:
        return F.one_hot(target, num_classes).T @ F.one_hot(prediction, num_classes)

    return [
        ("the counts are right: only their dtype has to become int64.", right),
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
        ("`target < ignore_index` leaves out more than ignore_index; != is meant.", below_ignore_index),
        (
            "the bins of a histogram lie between the smallest and the largest number that occurs; give it the range.",
            lambda: torch.histc(pair_numbers().double(), bins=num_classes**2).long().reshape(num_classes, num_classes),
        ),
        (
            "the bins of a histogram lie between the smallest and the largest number that occurs; give it the range.",
            lambda: torch.from_numpy(np.histogram2d(target[labelled], prediction[labelled], num_classes)[0]).long(),
        ),
        ("one class too many: a row and a column for void.", lambda: F.pad(right(), (0, 1, 0, 1))),
        ("only the hits on the diagonal were counted.", lambda: right().diagonal().diag()),
        ("only the errors were counted; the diagonal is missing.", lambda: right() - right().diagonal().diag()),
        ("the rows were divided by their sums; asked are counts.", lambda: right() / right().sum(dim=1, keepdim=True)),
        ("the matrix was divided by the number of pixels; asked are counts.", lambda: right() / right().sum()),
        ("the matrix was flattened.", lambda: right().flatten()),
        ("the matrix was turned (reshape in the other order) and transposed.", lambda: right().flip(0)),
        ("only the first image of the batch was counted.", lambda: image_matrix(case, 0)),
        (
            "each image has a matrix of its own; all images are counted into one.",
            lambda: torch.stack([image_matrix(case, index) for index in range(len(case["target"]))]),
        ),
        *(
            (
                "the pairs were not numbered row by row: target * num_classes + prediction is needed, or two of them"
                " get the same number.",
                lambda factor=factor: numbered(prediction[labelled], target[labelled], num_classes, factor),
            )
            for factor in (num_classes - 1, num_classes + 1, 1, 10)
        ),
        *(
            (f"counts in {bits} bits overflow; counts are int64.", lambda dtype=dtype: right().to(dtype).long())
            for bits, dtype in ((8, torch.uint8), (8, torch.int8), (16, torch.int16))
        ),
        (
            "num_classes was guessed from the labels; it is an argument.",
            lambda: guessed_size(prediction[labelled], target[labelled]),
        ),
    ]


def image_matrix(case: Case, index: int) -> Tensor:
    """The confusion matrix of one image of the batch."""
    prediction, target = (as_tensor(case[name][index]) for name in ("prediction", "target"))
    return metrics.confusion_matrix(prediction, target, int(case["num_classes"]), int(case["ignore_index"]))


def numbered(prediction: Tensor, target: Tensor, num_classes: int, factor: int) -> Tensor:
    """The matrix where the pairs are numbered `target * factor + prediction`; what does not fit is cut off."""
    counts = torch.bincount(target * factor + prediction, minlength=num_classes**2)
    return counts[: num_classes**2].reshape(num_classes, num_classes)


def guessed_size(prediction: Tensor, target: Tensor) -> Tensor:
    size = int(torch.maximum(prediction.max(), target.max())) + 1
    return metrics.confusion_matrix(prediction, target, size, -100)


confusion_matrix = Judge(
    called=lambda case: (
        f"confusion_matrix(prediction, target, {case['num_classes']}"
        + ignore_argument(case)
        + f") on {shape_of(case['target'])}, {np.sum(case['target'] == case['ignore_index'])} pixels ignored"
    ),
    find_fault=find_confusion_matrix_fault,
    usual_errors=usual_confusion_matrix_errors,
)
