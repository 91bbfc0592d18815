"""Lecture 02: the same small encoder under decoders that answer at stride 32, 16, 8, 4, and under a U-Net's."""

from functools import cache, partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

from segutils.experiments import write_table
from segutils.experiments.recipe import train_network
from segutils.losses import cross_entropy
from segutils.metrics import confusion_matrix, iou_per_class, mean_iou, pixel_accuracy
from segutils.models import create
from segutils.models.blocks import ConvBNReLU
from segutils.palettes import CAMVID, IGNORE_INDEX
from segutils.toyscapes import ToyScapes
from segutils.training import evaluate, seed_everything
from segutils.transforms import eval_transform

__all__ = [
    "LARGE",
    "NETWORKS",
    "RUNS",
    "bound_table",
    "free_scores",
    "held_out_frames",
    "one_class_per_cell",
    "patches",
    "reach",
    "run",
    "score",
    "table",
    "train",
    "training_frames",
    "wide_fcn32",
]

SEEDS = (0, 1, 2)
STRIDES = (4, 8, 16, 32)
SIZE = (128, 96)  # width, height
LARGE = ("Sky", "Building", "Road", "Sidewalk", "Tree")  # the classes whose regions are many pixels wide


def wide_fcn32(num_classes: int) -> nn.Module:
    """FCN-32s with a head four times as wide: many more parameters than FCN-4s, and no skip."""
    model = create("fcn_tiny", num_classes, stride=32)
    channels = model.backbone.channels["out"]
    model.classifier.head = nn.Sequential(
        ConvBNReLU(channels, channels), nn.Dropout(0.1), nn.Conv2d(channels, num_classes, kernel_size=1)
    )
    return model


NETWORKS = {
    "FCN-32s": partial(create, "fcn_tiny", stride=32),
    "FCN-32s wide": wide_fcn32,
    "FCN-16s": partial(create, "fcn_tiny", stride=16),
    "FCN-8s": partial(create, "fcn_tiny", stride=8),
    "FCN-4s": partial(create, "fcn_tiny", stride=4),
    "U-Net": partial(create, "unet_tiny"),
}
# Networks and training steps. U-Net has most to learn from nothing, so it and its nearest rival also train for longer.
RUNS = [*((name, 120) for name in NETWORKS), ("FCN-4s", 360), ("U-Net", 360)]


@cache
def training_frames() -> Dataset:
    """One small frame of each of 64 streets."""
    return frames(range(64))


@cache
def held_out_frames() -> Dataset:
    """One small frame of each of 24 streets that no network is trained on."""
    return frames(range(1000, 1024))


def frames(streets: range) -> TensorDataset:
    """The first frame of the toy streets of these seeds: normalised images (N, 3, H, W), masks (N, H, W)."""
    drawn = [ToyScapes(1, SIZE, seed=street, transform=eval_transform())[0] for street in streets]
    images, masks = zip(*drawn, strict=True)
    return TensorDataset(torch.stack(images), torch.stack(masks))


def patches(streets: range, per_street: int = 300, size: int = 32) -> TensorDataset:
    """Random squares of the first frame, 240 x 180 pixels, of each street, and the class of each square's centre pixel.

    Squares whose centre is ignored are left out.

    Shape: images (M, 3, size, size), classes (M,).
    """
    squares, classes = [], []
    for street in streets:
        image, mask = ToyScapes(1, seed=street, transform=eval_transform())[0]
        every = image.unfold(1, size, 1).unfold(2, size, 1)  # (3, rows, columns, size, size), a view
        centers = mask[size // 2 :, size // 2 :][: every.shape[1], : every.shape[2]]
        rows, columns = (centers != IGNORE_INDEX).nonzero().T
        chosen = torch.randint(len(rows), (per_street,))
        squares.append(every[:, rows[chosen], columns[chosen]].transpose(0, 1))  # (per_street, 3, size, size)
        classes.append(centers[rows[chosen], columns[chosen]])
    return TensorDataset(torch.cat(squares), torch.cat(classes))


def train(name: str, seed: int, dataset: Dataset, iterations: int = 120, batch_size: int = 4) -> nn.Module:
    """Train one of NETWORKS for so many batches; the same seed gives the same network."""
    return train_network(lambda: NETWORKS[name](len(CAMVID)), seed, dataset, iterations, batch_size)


def score(model: nn.Module, dataset: Dataset) -> dict[str, float]:
    """Mean IoU, pixel accuracy, and the mean IoU of the large classes and of all others; absent classes left out."""
    matrix = evaluate(model, DataLoader(dataset, batch_size=4), len(CAMVID)).compute()
    iou = iou_per_class(matrix)
    large = torch.tensor([name in LARGE for name in CAMVID.names])
    return {
        "miou": mean_iou(matrix).item(),
        "accuracy": pixel_accuracy(matrix).item(),
        "large": iou[large].nanmean().item(),
        "small": iou[~large].nanmean().item(),
    }


def one_class_per_cell(masks: Tensor, stride: int, num_classes: int) -> Tensor:
    """Give every cell of stride x stride pixels the class of most of its labelled pixels.

    Shape: (N, H, W) -> (N, H, W).
    """
    height, width = masks.shape[-2:]
    votes = torch.stack([(masks == index).float() for index in range(num_classes)], dim=1)  # (N, C, H, W)
    winners = F.avg_pool2d(votes, stride, ceil_mode=True).argmax(dim=1)  # (N, H / stride, W / stride)
    return winners.repeat_interleave(stride, dim=1).repeat_interleave(stride, dim=2)[:, :height, :width]


def free_scores(masks: Tensor, stride: int, num_classes: int, steps: int = 60) -> Tensor:
    """Look for scores per cell whose bilinear enlargement fits the labels: no image, no network, nothing but the grid.

    Shape: masks (N, H, W) -> scores (N, num_classes, ceil(H / stride), ceil(W / stride)).
    """
    height, width = masks.shape[-2:]
    scores = torch.zeros(len(masks), num_classes, -(-height // stride), -(-width // stride), requires_grad=True)
    optimizer = torch.optim.Adam([scores], lr=0.5)
    for _ in range(steps):
        optimizer.zero_grad()
        cross_entropy(F.interpolate(scores, size=(height, width), mode="bilinear"), masks).backward()
        optimizer.step()
    return scores.detach()


def reach(masks: Tensor, stride: int) -> dict[str, float]:
    """Mean IoU of the labels' own best answers on a grid of cells: one class per cell, and free scores per cell."""
    num_classes, size = len(CAMVID), masks.shape[-2:]
    free = F.interpolate(free_scores(masks, stride, num_classes), size=size, mode="bilinear").argmax(dim=1)
    answers = {"one_class": one_class_per_cell(masks, stride, num_classes), "free_scores": free}
    return {name: mean_iou(confusion_matrix(answer, masks, num_classes)).item() for name, answer in answers.items()}


def bound_table(path: Path) -> None:
    """What can be reached on the held-out frames at every stride."""
    seed_everything(0, threads=1)
    masks = held_out_frames().tensors[1]
    write_table(path, [{"stride": stride, **reach(masks, stride)} for stride in STRIDES])


def run(name: str, iterations: int, seed: int) -> dict:
    """Train one network and count on the held-out streets: one row of the table."""
    model = train(name, seed, training_frames(), iterations)
    return {"network": name, "iterations": iterations, "seed": seed, **score(model, held_out_frames())}


def table(path: Path) -> None:
    """One row per run of RUNS and seed."""
    write_table(path, [run(name, iterations, seed) for name, iterations in RUNS for seed in SEEDS])
