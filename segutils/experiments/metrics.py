"""Experiments of lecture 06: one prediction scored in many ways, and one rare class trained with many losses."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segutils.experiments import write_table
from segutils.losses import cross_entropy_dice_loss, focal_loss, soft_dice_loss
from segutils.metrics import (
    confusion_matrix,
    frequency_weighted_iou,
    iou_per_class,
    mean_dice,
    mean_iou,
    pixel_accuracy,
    precision_per_class,
    recall_per_class,
)
from segutils.models.blocks import ConvBNReLU
from segutils.toyscapes import ToyScapes
from segutils.training import seed_everything
from segutils.transforms import normalize

__all__ = [
    "LOSSES",
    "imbalance_table",
    "many_mious",
    "many_mious_table",
    "one_class_frames",
    "score_one_class",
    "small_net",
    "stand_in_logits",
    "street_frames",
    "train_one_class",
]

STREETS = (1000, 1001, 1002)
FRAMES = list(range(0, 65, 4))  # 17 frames of each: a batch size of 4 leaves one over
BATCH_SIZE = 4
SEEDS = (0, 1, 2)
LOOK_ALIKES = (
    ("Bicyclist", "Pedestrian", 0.5),
    ("Fence", "Building", 0.4),
    ("Sidewalk", "Road", 0.3),
    ("SignSymbol", "Building", 0.3),
    ("LaneMkgsDriv", "Road", 0.3),
)

Loss = Callable[[Tensor, Tensor], Tensor]


# --- one prediction, many mIoUs ---------------------------------------------------------------------------------------


def street_frames(seed: int) -> tuple[Tensor, Tensor]:
    """17 frames of a street: images (17, 3, 180, 240) uint8, masks (17, 180, 240) int64."""
    street = ToyScapes(num_frames=FRAMES[-1] + 1, seed=seed)
    return street.images[FRAMES], street.masks[FRAMES].long()


def stand_in_logits(masks: Tensor, num_classes: int = 32, stride: int = 8, noise: float = 0.7, seed: int = 0) -> Tensor:
    """Logits of a network that does not exist: the masks at a coarse stride, with look-alikes mixed up, and noise.

    It makes a small real network's errors (outlines, thin and rare things, look-alikes), and the same ones everywhere.
    Where all is void it says Road: the camera car's bonnet.

    Shape: (N, H, W) with 255 for void -> (N, num_classes, H, W) float32.
    """
    height, width = masks.shape[1:]
    size = (-(-height // stride), -(-width // stride))
    labels = F.one_hot(masks.masked_fill(masks == 255, num_classes), num_classes + 1).movedim(-1, 1)[:, :num_classes]
    share = F.adaptive_avg_pool2d(labels.double(), size)  # (N, C, H / stride, W / stride)
    share[:, ToyScapes.class_names.index("Road")] += share.sum(dim=1) == 0
    share = torch.einsum("nchw,cd->ndhw", share, look_alikes(num_classes))
    generator = torch.Generator().manual_seed(seed)
    logits = (share + 1e-3).log() + noise * torch.randn(share.shape, generator=generator, dtype=torch.float64)
    logits += 3  # changes no softmax and no argmax, and brings the numbers to both sides of 0, as a network's are
    return F.interpolate(logits, size=(height, width), mode="bilinear", align_corners=False).float()


def look_alikes(num_classes: int) -> Tensor:
    """How much of each class (row) is taken for which (column): the identity but for the pairs in LOOK_ALIKES."""
    mixing = torch.eye(num_classes, dtype=torch.float64)
    for name, other, amount in LOOK_ALIKES:
        row, column = ToyScapes.class_names.index(name), ToyScapes.class_names.index(other)
        mixing[row, row] -= amount
        mixing[row, column] += amount
    return mixing


def many_mious(logits: Tensor, target: Tensor, batch_size: int = BATCH_SIZE) -> dict[str, float]:
    """Score the same logits (N, C, H, W) against the same target (N, H, W) in every way that is seen in the wild."""
    num_classes = logits.shape[1]
    prediction = logits.argmax(dim=1)
    matrix = confusion_matrix(prediction, target, num_classes)
    iou = iou_per_class(matrix)  # (C,)
    images = matrices_of_parts(prediction, target, num_classes, size=1)
    batches = matrices_of_parts(prediction, target, num_classes, batch_size)
    per_image = torch.stack([iou_per_class(part) for part in images])  # (N, C)
    per_batch = torch.stack([iou_per_class(part) for part in batches])  # (batches, C)
    without_single = matrix - batches[-1] if len(target) % batch_size == 1 else matrix
    void_as_0 = confusion_matrix(prediction, target.masked_fill(target == 255, 0), num_classes)
    scores = {
        "data set, absent classes left out": mean_iou(matrix),
        "absent classes count as 0": iou.nan_to_num(0).mean(),
        "absent classes count as 1": iou.nan_to_num(1).mean(),
        "mean over images": per_image.nanmean(dim=1).mean(),
        f"mean over batches of {batch_size}": per_batch.nanmean(dim=1).mean(),
        "class means over batches, nan spreads": per_batch.mean(dim=0).nanmean(),
        "batch of a single image skipped": mean_iou(without_single),
        "void counted as class 0": mean_iou(void_as_0),
        "raw logits > 0.5 instead of argmax": thresholded_iou(logits, target, 0.5).nanmean(),
        "mean Dice": mean_dice(matrix),
        "frequency-weighted IoU": frequency_weighted_iou(matrix),
        "pixel accuracy": pixel_accuracy(matrix),
    }
    return {name: score.item() for name, score in scores.items()}


def matrices_of_parts(prediction: Tensor, target: Tensor, num_classes: int, size: int) -> list[Tensor]:
    """A confusion matrix for each `size` images in turn."""
    parts = zip(prediction.split(size), target.split(size), strict=True)
    return [confusion_matrix(p, t, num_classes) for p, t in parts]


def thresholded_iou(logits: Tensor, target: Tensor, threshold: float) -> Tensor:
    """IoU per class, (C,), where a pixel belongs to every class whose raw logit exceeds the threshold, or to none."""
    labelled = target != 255
    ious = []
    for index in range(logits.shape[1]):
        called, is_class = (logits[:, index] > threshold) & labelled, target == index
        ious.append((called & is_class).sum().double() / (called | is_class).sum())
    return torch.stack(ious)


def many_mious_table(path: Path, streets: Sequence[int] = STREETS) -> None:
    """Write a row per way of scoring and held-out street."""
    rows = []
    for street in streets:
        _, target = street_frames(street)
        scores = many_mious(stand_in_logits(target), target)
        rows += [{"score": name, "street": street, "value": value} for name, value in scores.items()]
    write_table(path, rows)


# --- one rare class, many losses --------------------------------------------------------------------------------------


def one_class_frames(streets: Sequence[int], num_frames: int, name: str = "Pedestrian") -> tuple[Tensor, Tensor]:
    """Frames of toy streets at 120 x 90 with two classes: 1 where `name` is, 0 elsewhere, 255 where void.

    Shape: images (N, 3, 90, 120) normalised, masks (N, 90, 120), N = streets x frames.
    """
    sets = [ToyScapes(num_frames, size=(120, 90), seed=seed) for seed in streets]
    masks = torch.cat([street.masks for street in sets]).long()
    is_class = (masks == ToyScapes.class_names.index(name)).long()
    return normalize(torch.cat([street.images for street in sets])), is_class.masked_fill(masks == 255, 255)


def training_frames() -> tuple[Tensor, Tensor]:
    """72 frames, six from each of twelve streets."""
    return one_class_frames(range(12), num_frames=6)


def held_out_frames() -> tuple[Tensor, Tensor]:
    """24 frames, four from each of six other streets."""
    return one_class_frames(range(1000, 1006), num_frames=4)


def class_weights(masks: Tensor) -> Tensor:
    """One over each class's share of the labelled pixels: (2,)."""
    share = (masks == 1).sum() / (masks != 255).sum()
    return torch.stack([1 / (1 - share), 1 / share])


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy over the labelled pixels."""
    return F.cross_entropy(logits, target, ignore_index=255)


def weighted_cross_entropy(weights: Tensor) -> Loss:
    """Cross-entropy in which a pixel counts as much as its class's weight."""
    return lambda logits, target: F.cross_entropy(logits, target, weight=weights, ignore_index=255)


LOSSES = {
    "cross-entropy": lambda weights: cross_entropy,
    "weighted": weighted_cross_entropy,
    "focal": lambda weights: focal_loss,
    "soft Dice": lambda weights: soft_dice_loss,
    "CE + Dice": lambda weights: cross_entropy_dice_loss,
}


def small_net(num_classes: int = 2, channels: int = 16) -> nn.Sequential:
    """Four convolutions that see 31 pixels and answer at half the size, enlarged again: 7,500 parameters.

    Shape: (N, 3, H, W) -> logits (N, num_classes, H, W) for even H, W.
    """
    return nn.Sequential(
        ConvBNReLU(3, channels, stride=2),
        ConvBNReLU(channels, channels),
        ConvBNReLU(channels, channels, dilation=2),
        ConvBNReLU(channels, channels, dilation=4),
        nn.Conv2d(channels, num_classes, kernel_size=1),
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
    )


def train_one_class(loss_fn: Loss, images: Tensor, masks: Tensor, seed: int = 0, steps: int = 200) -> nn.Module:
    """Train `small_net` with `loss_fn` on random batches of 8; everything but the loss is the same for a seed.

    One thread, because a machine that does other things too slows two down more than it helps them.
    """
    seed_everything(seed, threads=1)
    model = small_net()
    optimizer = torch.optim.Adam(model.parameters())
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps)
    for _ in range(steps):
        chosen = torch.randint(len(images), (8,))
        loss = loss_fn(model(images[chosen]), masks[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    return model.eval()


@torch.no_grad()
def foreground_probability(model: nn.Module, images: Tensor) -> Tensor:
    """The softmax of class 1: (N, 3, H, W) -> (N, H, W)."""
    return model(images).softmax(dim=1)[:, 1]


def score_one_class(probability: Tensor, target: Tensor, threshold: float = 0.5) -> dict[str, float]:
    """Accuracy, and recall, precision and IoU of class 1, where pixels above `threshold` are called 1.

    Precision is nan where nothing was.
    """
    matrix = confusion_matrix((probability > threshold).long(), target, num_classes=2)
    return {
        "accuracy": pixel_accuracy(matrix).item(),
        "recall": recall_per_class(matrix)[1].item(),
        "precision": precision_per_class(matrix)[1].item(),
        "iou": iou_per_class(matrix)[1].item(),
    }


def best_threshold(probability: Tensor, target: Tensor) -> float:
    """The threshold out of 0.02, 0.04 ... 0.98 with the highest IoU of class 1: to be chosen on training frames."""
    thresholds = [step / 50 for step in range(1, 50)]
    return max(thresholds, key=lambda threshold: score_one_class(probability, target, threshold)["iou"])


def imbalance_row(
    name: str, seed: int, train: tuple[Tensor, Tensor], held_out: tuple[Tensor, Tensor], steps: int = 200
) -> dict:
    """Train with one loss and one seed; the scores on held-out frames at 0.5, and at the best threshold of training."""
    images, masks = train
    model = train_one_class(LOSSES[name](class_weights(masks)), images, masks, seed, steps)
    threshold = best_threshold(foreground_probability(model, images), masks)
    probability = foreground_probability(model, held_out[0])
    scores = score_one_class(probability, held_out[1])
    tuned = score_one_class(probability, held_out[1], threshold)["iou"]
    return {"loss": name, "seed": seed, **scores, "threshold": threshold, "iou_at_threshold": tuned}


def imbalance_table(path: Path, seeds: Sequence[int] = SEEDS) -> None:
    """Write a row per loss and seed."""
    train, held_out = training_frames(), held_out_frames()
    write_table(path, [imbalance_row(name, seed, train, held_out) for name in LOSSES for seed in seeds])
