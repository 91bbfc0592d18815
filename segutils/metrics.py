"""Metrics of semantic segmentation: count once into a confusion matrix, then read every number off it.

Conventions: a confusion matrix is (C, C) int64 with rows = target and columns = prediction, so `matrix[t, p]` is the
number of pixels of class t that were called p. A number that nothing defines is nan, never 0: a class that is neither
in the target nor in the prediction has no IoU, and means leave it out.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from segutils.errors import CourseError

__all__ = [
    "ConfusionMatrix",
    "boundary_iou",
    "confusion_matrix",
    "dice_per_class",
    "frequency_weighted_iou",
    "iou_per_class",
    "mean_dice",
    "mean_iou",
    "pixel_accuracy",
    "precision_per_class",
    "recall_per_class",
]


def confusion_matrix(prediction: Tensor, target: Tensor, num_classes: int, ignore_index: int = 255) -> Tensor:
    """Count the pixels of every (target class, predicted class) pair, leaving out those whose target is `ignore_index`.

    Shape: two integer tensors of one shape, usually (N, H, W) -> (C, C) int64, rows = target, columns = prediction.

    Raises:
        CourseError: the shapes differ, a tensor holds no class indices (logits?), or a class index outside 0..C-1.
    """
    prediction, target, labelled = labelled_classes(prediction, target, num_classes, ignore_index)
    cell = target * num_classes + prediction  # every pixel becomes one number, its place in the matrix
    counts = torch.bincount(cell.flatten(), minlength=num_classes**2)
    counts[0] -= (~labelled).sum()  # ignored pixels were counted as (0, 0)
    return counts.view(num_classes, num_classes)


def labelled_classes(
    prediction: Tensor, target: Tensor, num_classes: int, ignore_index: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Both masks as int32 with 0 where the target is ignored, checked, and where it is not: three times (N, H, W)."""
    check_masks(prediction, target)
    labelled = target != ignore_index
    prediction, target = prediction.int() * labelled, target.int() * labelled
    for name, mask in (("target", target), ("prediction", prediction)):
        lowest, highest = torch.aminmax(mask) if mask.numel() > 0 else (0, 0)
        if lowest < 0 or highest >= num_classes:
            value = (lowest if lowest < 0 else highest).item()
            raise CourseError(
                f"{name} contains class {value}, but num_classes={num_classes} allows 0 to {num_classes - 1}"
                f" (pixels to leave out must be {ignore_index} in the target)"
            )
    return prediction, target, labelled


def check_masks(prediction: Tensor, target: Tensor) -> None:
    """Raise a CourseError unless both are masks of class indices of one shape."""
    if prediction.shape != target.shape:
        hint = "; of logits take .argmax(dim=1)" if prediction.ndim == target.ndim + 1 else ""
        raise CourseError(
            f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} must have the same shape{hint}"
        )
    for name, mask in (("prediction", prediction), ("target", target)):
        if mask.is_floating_point() or mask.is_complex():
            raise CourseError(f"{name} is {mask.dtype}, but class indices are integers; of logits take .argmax(dim=1)")


def pixel_accuracy(matrix: Tensor) -> Tensor:
    """Share of the labelled pixels that were called what they are: 0-d, nan without labelled pixels."""
    return matrix.diagonal().sum().double() / matrix.sum()


def recall_per_class(matrix: Tensor) -> Tensor:
    """TP / (TP + FN) of every class: (C,), nan for a class that no target pixel has."""
    return matrix.diagonal().double() / matrix.sum(dim=1)


def precision_per_class(matrix: Tensor) -> Tensor:
    """TP / (TP + FP) of every class: (C,), nan for a class that was never predicted."""
    return matrix.diagonal().double() / matrix.sum(dim=0)


def iou_per_class(matrix: Tensor) -> Tensor:
    """TP / (TP + FP + FN), intersection over union, of every class: (C,), nan where the union is empty."""
    intersection = matrix.diagonal()
    union = matrix.sum(dim=0) + matrix.sum(dim=1) - intersection
    return intersection.double() / union


def mean_iou(matrix: Tensor) -> Tensor:
    """Mean IoU over the classes that have one: 0-d, nan where no class has."""
    return iou_per_class(matrix).nanmean()


def dice_per_class(matrix: Tensor) -> Tensor:
    """2 TP / (2 TP + FP + FN) = 2 IoU / (1 + IoU) of every class, its F1 score: (C,), nan where the union is empty."""
    return 2 * matrix.diagonal().double() / (matrix.sum(dim=0) + matrix.sum(dim=1))


def mean_dice(matrix: Tensor) -> Tensor:
    """Mean Dice over the classes that have one: 0-d, nan where no class has."""
    return dice_per_class(matrix).nanmean()


def frequency_weighted_iou(matrix: Tensor) -> Tensor:
    """IoU of the classes weighted by their share of the target's pixels (Long et al. 2015, section 5): 0-d."""
    share = matrix.sum(dim=1).double() / matrix.sum()  # all nan without labelled pixels, and so is the result
    return torch.where(share == 0, 0.0, share * iou_per_class(matrix)).sum()


class ConfusionMatrix:
    """A confusion matrix that grows batch by batch, kept on the CPU in constant memory.

    Add up the counts of all batches first and divide once: the mean over batches of a mean IoU is another number.
    """

    def __init__(self, num_classes: int, ignore_index: int = 255) -> None:
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Count one more batch of class indices (see `confusion_matrix`)."""
        self.matrix += confusion_matrix(prediction, target, self.num_classes, self.ignore_index).cpu()

    def compute(self) -> Tensor:
        """The counts so far: (C, C) int64, rows = target, columns = prediction."""
        return self.matrix.clone()

    def merge(self, other: "ConfusionMatrix") -> None:
        """Add another one's counts, e.g. those of another process, to this one."""
        if other.num_classes != self.num_classes:
            raise CourseError(f"cannot add the counts of {other.num_classes} classes to those of {self.num_classes}")
        self.matrix += other.matrix

    def reset(self) -> None:
        """Forget everything that was counted."""
        self.matrix.zero_()


def boundary_iou(
    prediction: Tensor, target: Tensor, num_classes: int, radius: int | None = None, ignore_index: int = 255
) -> Tensor:
    """IoU of every class, counted only where a mask is near its own contour (Cheng et al. 2021, section 4).

    A pixel is near its class's contour if another class, or the outside of the image, is at most `radius` pixels away
    along rows and columns. The default is the paper's 2 % of the image's diagonal: 6 pixels at 240 x 180.
    Ignored pixels are not counted and draw no contour; give a radius wider than the ignored band between two objects.

    Shape: (N, H, W) or (H, W) integers, twice -> (C,), counted over the whole batch; nan where both bands are empty.

    Raises:
        CourseError: as `confusion_matrix`; or `radius` is below 1.
    """
    prediction, target, labelled = labelled_classes(prediction, target, num_classes, ignore_index)
    if radius is None:
        height, width = target.shape[-2:]
        radius = max(1, round(0.02 * (height**2 + width**2) ** 0.5))
    if radius < 1:
        raise CourseError(f"radius is {radius} pixels, but a contour's band is at least 1 pixel wide")
    # What is far from its own contour becomes a class of its own: a confusion matrix then does the rest.
    banded = [mask.where(near_contour(mask, labelled, radius), num_classes) for mask in (prediction, target)]
    matrix = confusion_matrix(banded[0], banded[1].where(labelled, -1), num_classes + 1, ignore_index=-1)
    return iou_per_class(matrix)[:num_classes]


def near_contour(mask: Tensor, labelled: Tensor, radius: int) -> Tensor:
    """Where another class or the outside of the image is at most `radius` pixels away: (N, H, W) -> (N, H, W) bool."""
    mask = mask.float()
    highest = window_max(mask.where(labelled, -torch.inf), radius, outside=torch.inf)
    lowest = -window_max((-mask).where(labelled, -torch.inf), radius, outside=-torch.inf)
    return (highest != mask) | (lowest != mask)


def window_max(values: Tensor, radius: int, outside: float) -> Tensor:
    """Largest value in the square of `radius` pixels around every pixel: rows first, then columns."""
    values = F.pad(values.unsqueeze(-3), (radius,) * 4, value=outside)  # (N, 1, H + 2 radius, W + 2 radius)
    values = F.max_pool2d(values, (1, 2 * radius + 1), stride=1)
    return F.max_pool2d(values, (2 * radius + 1, 1), stride=1).squeeze(-3)  # (N, H, W)
