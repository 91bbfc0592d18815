"""Checks of ex06_metrics: the cases, and the probes that run a student's code on them."""

from collections.abc import Callable

import numpy as np
import torch

from segutils.checks.base import Answers, Case, Check
from segutils.checks.probing import as_array, as_tensor, call, one_thread, plain_array, run_backward

READY_ANSWERS = ("segutils.metrics", "segutils.losses", "torchmetrics", "sklearn.metrics")


def draw_binary_masks(seed: int) -> list[Case]:
    """Pairs of masks: random ones, then one inside the other, disjoint, equal and empty ones."""
    rng = np.random.default_rng([6, 1, seed])
    a, b = rng.integers(0, 2, size=(2, 10, 10))
    wide, tall = rng.random((2, 7, 13)) < 0.3, rng.random((2, 65, 4)) < 0.6
    left = np.zeros((5, 8), dtype=np.int32)
    left[:, :3] = 1
    inner, outer = np.zeros((2, 9, 9), dtype=np.uint8)
    inner[2:5, 3:6], outer[1:7, 2:8] = 1, 1
    pairs = [
        (a, b),
        (wide[0], wide[1]),
        (inner, outer),
        (left, 1 - left),
        (tall[0].astype(np.uint8), tall[1].astype(np.uint8)),
        (b, b),
        (outer, np.zeros_like(outer)),
        (np.zeros((4, 6), dtype=np.int64), np.zeros((4, 6), dtype=np.int64)),
        (np.zeros((3, 3), dtype=bool), np.zeros((3, 3), dtype=bool)),
    ]
    return [{"a": a, "b": b, "contiguous": index != 4} for index, (a, b) in enumerate(pairs)]


@one_thread()
def probe_binary_iou(binary_iou: object, case: Case) -> Answers:
    """Call binary_iou with two numpy masks."""
    contiguous = bool(case["contiguous"])
    masks = {name: as_array(case[name], contiguous) for name in ("a", "b")}
    return call(binary_iou, masks, READY_ANSWERS)[1]


def draw_labels(seed: int) -> list[Case]:
    """Predictions and targets (N, H, W): ignored pixels, absent classes, other ignore indices, nothing labelled."""
    rng = np.random.default_rng([6, 2, seed])
    # batch, height, width, num_classes, classes in use, ignore_index, ignored share
    table = [
        (2, 6, 7, 3, 3, 255, 0.0),
        (2, 5, 9, 4, 4, 255, 0.2),
        (1, 9, 4, 7, 5, 255, 0.1),
        (1, 3, 11, 4, 4, 0, 0.2),
        (3, 31, 17, 21, 20, 255, 0.05),
        (2, 8, 3, 2, 2, -1, 0.3),
        (1, 4, 4, 1, 1, 255, 0.5),
        (2, 2, 3, 3, 3, 255, 1.0),
    ]
    cases = []
    for index, (batch, height, width, num_classes, used, ignore_index, share) in enumerate(table):
        prediction, target = rng.integers(0, used, size=(2, batch, height, width))
        target = np.where(rng.random(target.shape) < share, ignore_index, target)
        case = {"prediction": prediction, "target": target, "num_classes": num_classes, "ignore_index": ignore_index}
        cases.append({**case, "contiguous": index != 4})
    return cases


@one_thread()
def probe_confusion_matrix(confusion_matrix: object, case: Case) -> Answers:
    """Call confusion_matrix with int64 tensors; ignore_index is named only where it is not the default."""
    contiguous = bool(case["contiguous"])
    arguments = {name: as_tensor(case[name], contiguous) for name in ("prediction", "target")}
    arguments["num_classes"] = int(case["num_classes"])
    return call(confusion_matrix, arguments, READY_ANSWERS, **ignore_keyword(case))[1]


def draw_matrices(seed: int) -> list[Case]:
    """Confusion matrices: common ones, an absent class, a class never hit, a class never asked for, empty, large."""
    rng = np.random.default_rng([6, 3, seed])
    common = rng.integers(1, 30, size=(3, 3))
    absent = rng.integers(0, 20, size=(4, 4)) + 5 * np.eye(4, dtype=np.int64)
    absent[2, :] = absent[:, 2] = 0
    missed = rng.integers(1, 9, size=(5, 5))
    missed[1, 1], missed[3, :] = 0, 0  # class 1 is never hit, class 3 is predicted but never there
    large = rng.integers(0, 100_000_000, size=(12, 12))
    matrices = [
        common,
        absent,
        missed,
        np.diag([7, 0, 3]),
        np.array([[5]]),
        large,
        np.zeros((2, 2), dtype=np.int64),
    ]
    return [{"matrix": matrix.astype(np.int64), "contiguous": index != 5} for index, matrix in enumerate(matrices)]


@one_thread()
def probe_matrix_function(function: object, case: Case) -> Answers:
    """Call a function of a confusion matrix."""
    return call(function, {"matrix": as_tensor(case["matrix"], bool(case["contiguous"]))}, READY_ANSWERS)[1]


def draw_logits(seed: int) -> list[Case]:
    """Logits and targets: unbalanced images, ignored pixels, absent classes, one pixel, nothing labelled."""
    rng = np.random.default_rng([6, 4, seed])
    # batch, num_classes, height, width, classes in use, ignore_index, ignored share, dtype
    table = [
        (2, 3, 5, 4, 3, 255, 0.0, "float64"),
        (2, 4, 3, 7, 4, 255, 0.3, "float64"),
        (1, 6, 7, 3, 4, 255, 0.2, "float64"),
        (3, 4, 4, 5, 4, -1, 0.2, "float64"),
        (2, 3, 5, 5, 3, 0, 0.3, "float64"),
        (1, 2, 1, 1, 2, 255, 0.0, "float64"),
        (2, 5, 9, 6, 5, 255, 0.1, "float32"),
        (1, 3, 4, 4, 3, 255, 0.1, "bfloat16"),
        (2, 3, 2, 3, 3, 255, 1.0, "float64"),
    ]
    cases = []
    for index, (batch, num_classes, height, width, used, ignore_index, share, dtype) in enumerate(table):
        logits = 2 * rng.normal(size=(batch, num_classes, height, width))
        target = rng.integers(0, used, size=(batch, height, width))
        target[0, : height // 2] = 1 if used > 1 else 0  # images differ in their classes, as real ones do
        target = np.where(rng.random(target.shape) < share, ignore_index, target)
        logits = logits.astype("float32" if dtype == "bfloat16" else dtype)
        case = {"logits": logits, "dtype": dtype, "target": target, "ignore_index": ignore_index}
        cases.append({**case, "contiguous": index != 6})
    return cases


@one_thread()
def probe_soft_dice_loss(soft_dice_loss: object, case: Case) -> Answers:
    """Call soft_dice_loss, once plainly and once to run backward() from its result."""
    target = as_tensor(case["target"], bool(case["contiguous"]))
    logits = as_tensor(case["logits"], bool(case["contiguous"])).to(getattr(torch, str(case["dtype"])))
    _, answers = call(soft_dice_loss, {"logits": logits, "target": target}, READY_ANSWERS, **ignore_keyword(case))
    if answers.get("kind") == "Tensor":
        answers |= probe_backward(soft_dice_loss, logits, target, ignore_keyword(case))
    return answers


def probe_backward(soft_dice_loss: Callable, logits: torch.Tensor, target: torch.Tensor, keywords: dict) -> Answers:
    """The gradient with respect to the logits, or why there is none."""
    logits = logits.clone().requires_grad_()
    result, _ = call(soft_dice_loss, {"logits": logits, "target": target}, (), **keywords)
    if not isinstance(result, torch.Tensor) or not result.requires_grad or result.numel() != 1:
        return {"gradient_arrives": False}
    if raised := run_backward(result):
        return raised
    gradient = np.zeros(tuple(logits.shape)) if logits.grad is None else plain_array(logits.grad)
    return {"gradient_arrives": True, "gradient": gradient}


def ignore_keyword(case: Case) -> dict[str, int]:
    """Nothing where the default of 255 does, so that the default is checked, too."""
    ignore_index = int(case["ignore_index"])
    return {} if ignore_index == 255 else {"ignore_index": ignore_index}


binary_iou = Check(
    name="ex06.binary_iou",
    subject="binary_iou",
    draw=draw_binary_masks,
    probe=probe_binary_iou,
    ready_answers=READY_ANSWERS,
    verified="0/1 and bool masks of several dtypes, disjoint, equal and empty ones",
)
confusion_matrix = Check(
    name="ex06.confusion_matrix",
    subject="confusion_matrix",
    draw=draw_labels,
    probe=probe_confusion_matrix,
    ready_answers=READY_ANSWERS,
    verified="1 to 21 classes, ignored pixels, ignore_index 255, 0 and -1, absent classes, nothing labelled",
)
iou_per_class = Check(
    name="ex06.iou_per_class",
    subject="iou_per_class",
    draw=draw_matrices,
    probe=probe_matrix_function,
    ready_answers=READY_ANSWERS,
    verified="1 to 12 classes, absent and missed ones, counts up to 10^8, an empty matrix",
)
mean_iou = Check(
    name="ex06.mean_iou",
    subject="mean_iou",
    draw=draw_matrices,
    probe=probe_matrix_function,
    ready_answers=READY_ANSWERS,
    verified="1 to 12 classes, absent classes left out, nan where no class is left",
)
dice_per_class = Check(
    name="ex06.dice_per_class",
    subject="dice_per_class",
    draw=draw_matrices,
    probe=probe_matrix_function,
    ready_answers=READY_ANSWERS,
    verified="1 to 12 classes, absent and missed ones, counts up to 10^8, an empty matrix",
)
soft_dice_loss = Check(
    name="ex06.soft_dice_loss",
    subject="soft_dice_loss",
    draw=draw_logits,
    probe=probe_soft_dice_loss,
    ready_answers=READY_ANSWERS,
    verified="ignored pixels, absent classes, several images, 16 to 64 bits, gradients, nothing labelled",
)
