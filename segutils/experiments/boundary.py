"""Lecture 05: with and without DeepLabv3+'s decoder, how good is a network near class boundaries, how good inside?"""

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from segutils.experiments import pixels, write_table
from segutils.experiments.recipe import train_network
from segutils.metrics import ConfusionMatrix, mean_iou, pixel_accuracy, window_max
from segutils.models import create
from segutils.models.deeplab import DeepLabV3Plus
from segutils.palettes import CAMVID, IGNORE_INDEX

__all__ = [
    "NETWORKS",
    "WIDTHS",
    "BlindDecoder",
    "held_out_frames",
    "near_boundary",
    "regions",
    "run",
    "score",
    "table",
    "train",
    "training_frames",
]

SEEDS = (0, 1, 2)
WIDTHS = (1, 2, 3, 4, 6, 8, 12)  # pixels, of frames of 160 x 120
INTERIOR = 8  # further than this from any boundary


class BlindDecoder(DeepLabV3Plus):
    """DeepLabv3+ whose decoder gets zeros in place of the low-level features: the same weights, nothing fine to see."""

    def decode(self, features: dict[str, Tensor]) -> Tensor:
        return self.classifier(torch.zeros_like(features["low"]), features["out"])


NETWORKS = {
    "no decoder": partial(create, "deeplabv3_tiny"),
    "blind decoder": partial(BlindDecoder, backbone="tiny", atrous_rates=(2, 4, 6)),
    "decoder": partial(create, "deeplabv3plus_tiny"),
}


def near_boundary(target: Tensor, width: int) -> Tensor:
    """Where a pixel of another class is at most `width` pixels away, along rows and columns.

    Ignored pixels are in no band and make none; neither does the edge of the image.

    Shape: (N, H, W) integers -> (N, H, W) bool.
    """
    labelled = target != IGNORE_INDEX
    classes = target.float()
    highest = window_max(classes.where(labelled, -torch.inf), width, outside=-torch.inf)
    lowest = -window_max((-classes).where(labelled, -torch.inf), width, outside=-torch.inf)
    return labelled & ((highest != classes) | (lowest != classes))


def regions(target: Tensor, widths: Sequence[int] = WIDTHS) -> dict[tuple[str, int], Tensor]:
    """The target with all pixels ignored but those of a region: every band, the interior, and the whole.

    Shape: (N, H, W) -> {(region, width): (N, H, W)}.
    """
    parts = {("band", width): target.where(near_boundary(target, width), IGNORE_INDEX) for width in widths}
    parts["interior", INTERIOR] = target.where(~near_boundary(target, INTERIOR), IGNORE_INDEX)
    parts["all", 0] = target
    return parts


@cache
def training_frames() -> Dataset:
    """Three frames of each of 16 streets."""
    return pixels.frames(streets=range(16), numbers=(20, 50, 80))


@cache
def held_out_frames() -> Dataset:
    """Two frames of each of 12 streets that no network was trained on."""
    return pixels.frames(streets=range(1000, 1012), numbers=(30, 70))


def train(name: str, seed: int, dataset: Dataset, iterations: int = 120, batch_size: int = 6) -> nn.Module:
    """Train one of NETWORKS for so many batches; the same seed gives the same network."""
    return train_network(lambda: NETWORKS[name](len(CAMVID)), seed, dataset, iterations, batch_size)


def score(model: nn.Module, dataset: Dataset, widths: Sequence[int] = WIDTHS) -> list[dict]:
    """Pixel accuracy and mean IoU of every region, each from one confusion matrix over the data set."""
    matrices: dict[tuple[str, int], ConfusionMatrix] = {}
    with torch.no_grad():
        for images, targets in DataLoader(dataset, batch_size=6):
            prediction = model(images)["out"].argmax(dim=1)  # (N, H, W)
            for region, target in regions(targets, widths).items():
                matrices.setdefault(region, ConfusionMatrix(len(CAMVID))).update(prediction, target)
    return [
        {
            "region": region,
            "width": width,
            "accuracy": pixel_accuracy(matrix.compute()).item(),
            "miou": mean_iou(matrix.compute()).item(),
        }
        for (region, width), matrix in matrices.items()
    ]


def run(name: str, seed: int) -> list[dict]:
    """Train one network and score it: one row per region."""
    model = train(name, seed, training_frames())
    return [{"network": name, "seed": seed, **row} for row in score(model, held_out_frames())]


def table(path: Path) -> None:
    """Every network with every seed."""
    write_table(path, [row for name in NETWORKS for seed in SEEDS for row in run(name, seed)])
