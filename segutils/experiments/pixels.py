"""Lecture 01: how much of the picture must be seen to tell a pixel's class?"""

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from segutils.experiments import write_table
from segutils.experiments.recipe import train_network
from segutils.metrics import iou_per_class, mean_iou, pixel_accuracy
from segutils.models import create
from segutils.models.blocks import ConvBNReLU
from segutils.palettes import CAMVID, IGNORE_INDEX
from segutils.toyscapes.render import render
from segutils.toyscapes.scene import build_street
from segutils.training import evaluate
from segutils.transforms import normalize

__all__ = ["NETWORKS", "WindowClassifier", "held_out_frames", "score", "table", "train", "training_frames"]

SEEDS = (0, 1, 2)
SIZE = (160, 120)  # width, height: small pictures, so that three networks train in half a minute


class WindowClassifier(nn.Module):
    """Three convolutions and a classifier at full resolution: each pixel is judged by the window around it alone.

    The window is 3 * (kernel_size - 1) + 1 pixels wide: kernel size 1 sees the pixel's own colour, 3 sees 7 x 7.

    Shape: (N, 3, H, W) -> {"out": (N, num_classes, H, W)}.
    """

    def __init__(self, num_classes: int, kernel_size: int, channels: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ConvBNReLU(3, channels, kernel_size),
            ConvBNReLU(channels, channels, kernel_size),
            ConvBNReLU(channels, channels, kernel_size),
            nn.Conv2d(channels, num_classes, kernel_size=1),
        )

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"out": self.layers(image)}


NETWORKS = {
    "colour only": partial(WindowClassifier, kernel_size=1),
    "7 x 7 window": partial(WindowClassifier, kernel_size=3),
    "tiny U-Net": partial(create, "unet_tiny"),
}


@cache
def training_frames() -> Dataset:
    """Three frames of each of twelve streets."""
    return frames(streets=range(12), numbers=(20, 50, 80))


@cache
def held_out_frames() -> Dataset:
    """Two frames of each of eight streets that no network was trained on."""
    return frames(streets=range(1000, 1008), numbers=(30, 70))


def frames(streets: Sequence[int], numbers: Sequence[int]) -> TensorDataset:
    """Some frames of the toy streets of these seeds: normalised images (N, 3, H, W), masks (N, H, W)."""
    layouts = [build_street(seed, num_frames=101) for seed in streets]
    drawn = [render(layout, number, SIZE) for layout in layouts for number in numbers]
    images = torch.stack([torch.from_numpy(image).permute(2, 0, 1) for image, _ in drawn])  # (N, 3, H, W)
    masks = torch.stack([torch.from_numpy(mask).long() for _, mask in drawn])  # (N, H, W)
    masks[masks == CAMVID.names.index("Void")] = IGNORE_INDEX
    return TensorDataset(normalize(images), masks)


def train(name: str, seed: int, dataset: Dataset, iterations: int = 120, batch_size: int = 4) -> nn.Module:
    """Train one of NETWORKS for so many batches; the same seed gives the same network."""
    return train_network(lambda: NETWORKS[name](len(CAMVID)), seed, dataset, iterations, batch_size, max_lr=3e-2)


def score(model: nn.Module, dataset: Dataset) -> dict[str, float]:
    """Mean IoU, pixel accuracy, and the IoU of road and sidewalk, which share one colour."""
    matrix = evaluate(model, DataLoader(dataset, batch_size=4), len(CAMVID)).compute()
    iou = iou_per_class(matrix)
    return {
        "miou": mean_iou(matrix).item(),
        "accuracy": pixel_accuracy(matrix).item(),
        "road": iou[CAMVID.names.index("Road")].item(),
        "sidewalk": iou[CAMVID.names.index("Sidewalk")].item(),
    }


def table(path: Path) -> None:
    """Every network with every seed, one row each."""
    rows = [
        {"network": name, "seed": seed, **score(train(name, seed, training_frames()), held_out_frames())}
        for name in NETWORKS
        for seed in SEEDS
    ]
    write_table(path, rows)
