"""Judge of predict_labels: logits to class indices."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from segutils.checks.base import Answers, Case
from segutils.checks.judges.base import Fault, Judge, UsualErrors, find_wrong_result
from segutils.checks.probing import tensor_of

PAIR = "`max` along an axis returns two tensors, the largest values and where they are; asked are the places."


def logits_of(case: Case) -> Tensor:
    return tensor_of(case, "logits")


def find_fault(case: Case, answers: Answers) -> Fault | None:
    fault = find_wrong_result(logits_of(case).argmax(dim=1), answers, ("int64",), "the result")
    if fault is not None and str(answers.get("kind")) in ("max", "min", "sort", "topk", "tuple"):
        return replace(fault, cause=PAIR)
    return fault


def usual_errors(case: Case) -> UsualErrors:
    logits = logits_of(case)
    num_classes = logits.shape[1]
    right = logits.argmax(dim=1)
    ordered = logits.movedim(1, -1)  # (N, H, W, C)

    def running(start: float) -> Tensor:
        """A loop over classes that keeps the best so far, from `start` on."""
        best, label = torch.full_like(logits[:, 0], start), torch.zeros_like(right)
        for index in range(num_classes):
            better = logits[:, index] > best
            best, label = torch.where(better, logits[:, index], best), torch.where(better, index, label)
        return label

    errors = [
        (
            "the values are right, their dtype is not: losses and metrics expect class indices as int64 (`.long()`).",
            lambda: right,
        ),
        (
            "argmax without dim looks for one place in the whole tensor; the classes are dim=1.",
            lambda: logits.argmax(),
        ),
        ("argmax over the batch (dim=0); the classes are dim=1 of (N, C, H, W).", lambda: logits.argmax(dim=0)),
        ("argmax over the rows (dim=2); the classes are dim=1 of (N, C, H, W).", lambda: logits.argmax(dim=2)),
        (
            "argmax over the last axis, the columns; the classes are dim=1 of (N, C, H, W).",
            lambda: logits.argmax(dim=-1),
        ),
        (
            "the axis of the classes is left: keepdim gives (N, 1, H, W), asked is (N, H, W).",
            lambda: right.unsqueeze(1),
        ),
        ("argmin: the largest logit wins, not the smallest.", lambda: logits.argmin(dim=1)),
        ("the largest logits themselves were returned; asked is which class has them.", lambda: logits.amax(dim=1)),
        (
            "the largest probabilities were returned; asked is which class has them.",
            lambda: logits.softmax(dim=1).amax(dim=1),
        ),
        ("the smallest index that counts is 0; here every index is one too large.", lambda: right + 1),
        ("every index is one too small.", lambda: right - 1),
        (
            "squeeze() removes every axis of length 1, also that of a batch of one, of one row or of one column.",
            lambda: right.squeeze(),
        ),
        ("squeeze(0) removes the batch's axis where the batch has one image.", lambda: right.squeeze(0)),
        ("squeeze removed an axis of length 1 at the end: that of a picture of one column.", lambda: right.squeeze(-1)),
        ("only the first image of the batch was looked at.", lambda: right[0]),
        ("only the first image of the batch was looked at.", lambda: right[:1]),
        ("the classes were moved to the end, and argmax still looked at dim=1.", lambda: ordered.argmax(dim=1)),
        ("the result is transposed: (N, W, H).", lambda: right.transpose(1, 2)),
        ("the pixels stand in one long row; asked is (N, H, W).", lambda: right.flatten()),
        ("the pixels of an image stand in one long row; asked is (N, H, W).", lambda: right.flatten(1)),
        ("the sign of the logits was dropped (abs): -5 is less likely than 1.", lambda: logits.abs().argmax(dim=1)),
        (
            "a threshold of 0.5 gives a yes or no for every class; asked is the one class with the largest logit.",
            lambda: (logits > 0.5).to(right.dtype),
        ),
        (
            "a threshold (logits above 0, or sigmoid above 0.5) gives a yes or no for every class and suits a network"
            " with a single output; asked is the one class with the largest logit.",
            lambda: (logits > 0).to(right.dtype),
        ),
        (
            "the logits were compared with 0.5, and the first class above it won; the largest wins.",
            lambda: (logits > 0.5).int().argmax(dim=1),
        ),
        (
            "probabilities were compared with 0.5: the largest wins, even if it is smaller than that.",
            lambda: (logits.softmax(dim=1) > 0.5).int().argmax(dim=1),
        ),
        (
            "a sigmoid and a threshold of 0.5 suit a network with a single output; asked is the largest of C logits.",
            lambda: (logits.sigmoid() > 0.5).int().argmax(dim=1),
        ),
        ("16 bits do not keep near logits apart: they tie.", lambda: logits.half().argmax(dim=1)),
        ("16 bits do not keep near logits apart: they tie.", lambda: logits.bfloat16().argmax(dim=1)),
        (
            "sigmoid is 1 for all large logits (and 0 for all very negative ones), so that they tie; argmax of the"
            " logits needs none.",
            lambda: logits.sigmoid().argmax(dim=1),
        ),
        (
            "exp overflows (or vanishes) for large logits, so that classes tie; argmax of the logits needs no exp.",
            lambda: logits.exp().argmax(dim=1),
        ),
        (
            "exp overflows for large logits; argmax of the logits needs no probabilities.",
            lambda: (logits.exp() / logits.exp().sum(dim=1, keepdim=True)).argmax(dim=1),
        ),
        ("the logits were rounded to whole numbers first; classes tie then.", lambda: logits.long().argmax(dim=1)),
        ("the logits were rounded to whole numbers first; classes tie then.", lambda: logits.round().argmax(dim=1)),
        (
            "the running maximum starts at 0: where all logits are negative, no class gets above it. Start at"
            " -infinity, or with the first class.",
            lambda: running(0.0),
        ),
        (
            "the running maximum starts at a number that is not small enough; start at -infinity.",
            lambda: running(-1.0),
        ),
        ("the classes were counted from the end.", lambda: num_classes - 1 - right),
        ("a one-hot mask per class was returned; asked is the index.", lambda: (logits == logits.amax(1, True)).long()),
        ("the logits were averaged over the images first; each image has labels of its own.", lambda: averaged(logits)),
        (
            "reshape (or view) does not move an axis, it reads the same numbers in other rows; argmax over dim=1 needs"
            " neither.",
            lambda: logits.reshape(ordered.shape).argmax(dim=-1),
        ),
        ("class 0 was left out, and the others were counted from 0.", lambda: logits[:, 1:].argmax(dim=1)),
        (
            "numpy has no bfloat16; torch's own argmax takes every dtype, and stays on the device.",
            lambda: logits.numpy(),
        ),
        ("an index above 255 does not fit into uint8; asked is int64.", lambda: right.to(torch.uint8)),
    ]
    soft = "softmax over the {} changes which class is largest; if at all, it runs over the classes, dim=1."
    return errors + [
        (soft.format(name), lambda dim=dim: logits.softmax(dim=dim).argmax(dim=1))
        for dim, name in ((0, "batch (dim=0)"), (2, "rows (dim=2)"), (3, "columns (dim=-1)"))
    ]


def averaged(logits: Tensor) -> Tensor:
    return logits.mean(dim=0).argmax(dim=0)


predict_labels = Judge(
    called=lambda case: (
        f"predict_labels(logits {tuple(case['logits'].shape)} {case['dtype']}),"
        f" logits from {np.min(case['logits']):.4g} to {np.max(case['logits']):.4g}"
    ),
    find_fault=find_fault,
    usual_errors=usual_errors,
)
