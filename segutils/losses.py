"""Losses on logits (N, C, H, W) and a target (N, H, W) of class indices; `ignore_index` marks pixels to leave out.

All return a 0-d tensor. A batch without any labelled pixel costs 0 and supports backward(); its mean would be nan.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from segutils.errors import CourseError

__all__ = ["cross_entropy", "cross_entropy_dice_loss", "focal_loss", "soft_dice_loss"]


def cross_entropy(logits: Tensor, target: Tensor, ignore_index: int = 255) -> Tensor:
    """Mean over the labelled pixels of -log p, p the probability of the true class.

    Shape: (N, C, H, W) floating, (N, H, W) integer -> 0-d, >= 0.
    """
    return pixel_terms(logits, target, ignore_index, reduction="sum") / count_labelled(target, ignore_index)


def soft_dice_loss(logits: Tensor, target: Tensor, ignore_index: int = 255) -> Tensor:
    """1 - the mean over the target's classes of 2 sum(p t) / (sum p + sum t), p the softmax and t the one-hot target.

    The sums run over all labelled pixels of the batch: a class of few pixels weighs as much as one of many
    (Milletari et al. 2016, section 3, without their squares).

    Shape: (N, C, H, W) floating, (N, H, W) integer -> 0-d in 0..1; float16 and bfloat16 are summed in float32.
    """
    check_target(logits, target, ignore_index)
    labelled = target != ignore_index
    precise = torch.promote_types(logits.dtype, torch.float32)  # half precision cannot count beyond 65,504 pixels
    classes = torch.bincount(target[labelled]).nonzero().flatten()  # (K,) that occur in the target
    p = logits.softmax(dim=1, dtype=precise)[:, classes] * labelled.unsqueeze(1)  # (N, K, H, W), 0 where ignored
    t = target.unsqueeze(1) == classes.view(-1, 1, 1)  # (N, K, H, W) one-hot
    dice = 2 * (p * t).sum(dim=(0, 2, 3)) / (p.sum(dim=(0, 2, 3)) + t.sum(dim=(0, 2, 3)))  # (K,)
    return (1 - dice).sum() / max(1, len(classes))


def focal_loss(logits: Tensor, target: Tensor, gamma: float = 2.0, ignore_index: int = 255) -> Tensor:
    """Mean over the labelled pixels of -(1 - p)^gamma log p, p the probability of the true class.

    gamma = 0 is cross-entropy; the larger it is, the less do pixels count that are right already (Lin et al. 2017).

    Shape: (N, C, H, W) floating, (N, H, W) integer -> 0-d, >= 0.
    """
    if gamma < 0:
        raise CourseError(f"gamma is {gamma}, but it must be 0 (cross-entropy) or more")
    terms = pixel_terms(logits, target, ignore_index)
    # 1 - p is kept above 0, where the slope of its power would be infinite for gamma < 1.
    wrongness = -torch.expm1(-terms).clamp(max=-torch.finfo(terms.dtype).tiny)
    return (wrongness**gamma * terms).sum() / count_labelled(target, ignore_index)


def cross_entropy_dice_loss(
    logits: Tensor, target: Tensor, ignore_index: int = 255, dice_weight: float = 1.0
) -> Tensor:
    """Cross-entropy, to which every pixel counts alike, plus `dice_weight` times soft Dice, to which every class does.

    Shape: (N, C, H, W) floating, (N, H, W) integer -> 0-d, >= 0.
    """
    dice = soft_dice_loss(logits, target, ignore_index)
    return cross_entropy(logits, target, ignore_index) + dice_weight * dice


def pixel_terms(logits: Tensor, target: Tensor, ignore_index: int, reduction: str = "none") -> Tensor:
    """Cross-entropy per pixel, (N, H, W) with 0 where ignored; or the sum of all."""
    check_target(logits, target, ignore_index)
    precise = torch.promote_types(logits.dtype, torch.float32)
    return F.cross_entropy(logits.to(precise), target.long(), ignore_index=ignore_index, reduction=reduction)


def count_labelled(target: Tensor, ignore_index: int) -> Tensor:
    """The number of pixels that are not ignored, at least 1."""
    return (target != ignore_index).sum().clamp(min=1)


def check_target(logits: Tensor, target: Tensor, ignore_index: int) -> None:
    """Raise a CourseError unless the target has the logits' size and only their classes or `ignore_index`."""
    num_classes = logits.shape[1]
    if target.shape != logits.shape[:1] + logits.shape[2:]:
        raise CourseError(
            f"logits (N, C, H, W) = {tuple(logits.shape)} need a target (N, H, W) of the same N, H and W,"
            f" got {tuple(target.shape)}"
        )
    wrong = target[((target < 0) | (target >= num_classes)) & (target != ignore_index)]
    if wrong.numel() > 0:
        raise CourseError(
            f"target contains class {wrong[0].item()}, but {num_classes} logits allow 0 to {num_classes - 1}"
            f" and ignore_index={ignore_index}"
        )
