"""Judge of soft_dice_loss."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from segutils import losses
from segutils.checks.base import Answers, Case
from segutils.checks.ex06 import HALF
from segutils.checks.judges.base import (
    TOLERANCE,
    Fault,
    Judge,
    UsualErrors,
    find_wrong_result,
    find_wrong_value,
    ignore_argument,
)
from segutils.checks.probing import as_tensor, tensor_of

ROUNDING = 3e-7  # of a loss of a few pixels, from a softmax and sums in float32


def find_soft_dice_fault(case: Case, answers: Answers) -> Fault | None:
    given = tensor_of(case, "logits")
    logits = given.double().requires_grad_()
    target, ignore = as_tensor(case["target"]), int(case["ignore_index"])
    expected = losses.soft_dice_loss(logits, target.masked_fill(target == ignore, 255))
    half = str(case["dtype"]) in HALF
    if str(answers.get("dtype")) in TOLERANCE:
        answers = with_the_logits_precision(str(case["dtype"]), float(expected.detach()), answers)
    if fault := find_wrong_result(expected, answers, tuple(TOLERANCE), "the loss"):
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
    fault = find_wrong_value(logits.grad.numpy(), answers["gradient"], "float32", what)
    if fault is None:
        return None
    if np.isnan(answers["gradient"]).any():
        return replace(fault, cause="0 / 0 was computed and left out afterwards; leave it out before you divide.")
    return replace(fault, cause="a part of the formula is cut off from the logits, by `.detach()` or a new tensor.")


def with_the_logits_precision(given: str, expected: float, answers: Answers) -> Answers:
    """The answers, judged with the precision that the logits have, or float32 where a softmax in float32 gives less."""
    if given != "float64":
        return {**answers, "dtype": given}
    near = np.size(answers["value"]) == 1 and (np.abs(answers["value"] - expected) < ROUNDING).all()
    return {**answers, "dtype": given, "value": np.float64(expected) if near else answers["value"]}


def usual_soft_dice_errors(case: Case) -> UsualErrors:
    given = tensor_of(case, "logits")
    logits = given.double()
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

    def reshaped(scores: Tensor) -> Tensor:
        """(N, C, H, W) read as if the classes were last, and brought to dim=1 from there."""
        return scores.reshape(-1, num_classes).reshape(*target.shape, num_classes).movedim(-1, 1)

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

    def over_predicted_classes() -> Tensor:
        counted = present | (hard.sum(everything) > 0)
        return (1 - dice(here, t))[counted].sum() / counted.sum().clamp(min=1)

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
            "classes that are absent from the target were counted in the mean (Dice 0).",
            lambda: 1 - dice(here, t).nan_to_num(1).mean(),
        ),
        (
            "classes that are absent from the target were counted in the mean, as perfect.",
            lambda: (1 - dice(here, t))[present].sum() / num_classes,
        ),
        (
            "classes that only the prediction has were counted in the mean; it is over those that the target has.",
            over_predicted_classes,
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
        (
            "exp(logits) / sum overflows for large logits; torch's softmax takes the largest one off first.",
            lambda: loss(given.exp() / given.exp().sum(1, keepdim=True) * labelled, t),
        ),
        (
            "reshape(-1, C) does not move the classes to the end, it mixes pixels and classes.",
            lambda: loss(reshaped(logits).softmax(1) * labelled, t),
        ),
        (
            "reshape(-1, C) does not move the classes to the end, it mixes pixels and classes.",
            lambda: loss(reshaped(p) * labelled, t),
        ),
        (
            "F.one_hot puts the classes last, (N, H, W, C); in the logits they are dim=1.",
            lambda: logits.softmax(1).to(given.dtype) * one_hot().movedim(1, -1),
        ),
        ("the logarithm of Dice; the loss is 1 - Dice.", lambda: -dice(here, t)[present].log().mean()),
        ("the logarithm of Dice; the loss is 1 - Dice.", lambda: -dice(here, t)[present].mean().log()),
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
            "smoothing: a constant was added to the fraction; the formula has none.",
            lambda eps=10.0**-power, both=both, every=every: smoothed_loss(eps, both, every),
        )
        for power in range(0, 9)
        for both in (True, False)
        for every in (False, True)
    ]


soft_dice_loss = Judge(
    called=lambda case: (
        f"soft_dice_loss(logits {tuple(case['logits'].shape)} {case['dtype']}, target"
        + ignore_argument(case)
        + f"), {np.sum(case['target'] == case['ignore_index'])} of {case['target'].size} pixels ignored"
    ),
    find_fault=find_soft_dice_fault,
    usual_errors=usual_soft_dice_errors,
)
