"""Lecture 04: four layers, one number of weights, several lists of atrous rates. Does it matter what they see?"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import ConcatDataset, DataLoader, Dataset

from segutils.experiments import write_table
from segutils.metrics import iou_per_class
from segutils.models.blocks import ConvBNReLU
from segutils.palettes import CAMVID, IGNORE_INDEX
from segutils.toyscapes import ToyScapes
from segutils.training import evaluate, seed_everything, train_one_epoch
from segutils.transforms import normalize

__all__ = [
    "GROUND",
    "STACKS",
    "AtrousStack",
    "ground_only",
    "held_out_frames",
    "run",
    "score",
    "table",
    "train",
    "train_on_ground",
    "training_frames",
]

GROUND = ("Road", "Sidewalk", "LaneMkgsDriv")
CLASS_WEIGHTS = (1.0, 3.0, 5.0)  # about the square root of how much rarer the class is than road
STACKS = ((1, 1, 1, 1), (2, 2, 2, 2), (4, 4, 4, 4), (8, 8, 8, 8), (16, 16, 16, 16), (1, 2, 4, 8))
SEEDS = (0, 1, 2)
SIZE = (96, 72)  # width, height


class AtrousStack(nn.Module):
    """3x3 convolutions at full resolution, one per rate, and a 1x1 classifier. No stride, no pooling, nothing else.

    Shape: (N, 3, H, W) -> {"out": (N, num_classes, H, W)}.
    """

    def __init__(self, num_classes: int, atrous_rates: Sequence[int], channels: int = 16) -> None:
        super().__init__()
        widths = [3] + [channels] * len(atrous_rates)
        self.layers = nn.Sequential(
            *(
                ConvBNReLU(before, after, dilation=rate)
                for (before, after), rate in zip(pairwise(widths), atrous_rates, strict=True)
            ),
            nn.Conv2d(channels, num_classes, kernel_size=1),
        )

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"out": self.layers(image)}


def ground_only(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Normalise the image; number the classes of GROUND 0, 1, 2 and ignore every other pixel."""
    target = torch.full_like(mask, IGNORE_INDEX)
    for index, name in enumerate(GROUND):
        target[mask == CAMVID.names.index(name)] = index
    return normalize(image), target


def training_frames() -> Dataset:
    """One small frame of each of 64 streets."""
    return frames(range(64))


def held_out_frames() -> Dataset:
    """One small frame of each of 24 streets that no network is trained on."""
    return frames(range(1000, 1024))


def frames(streets: range) -> Dataset:
    return ConcatDataset([ToyScapes(1, SIZE, seed=street, transform=ground_only) for street in streets])


def ground_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy with the rarer classes weighted up."""
    return F.cross_entropy(logits, target, weight=torch.tensor(CLASS_WEIGHTS), ignore_index=IGNORE_INDEX)


def train(atrous_rates: Sequence[int], seed: int, dataset: Dataset, epochs: int = 20) -> nn.Module:
    """Train one stack; the same seed gives the same network."""
    seed_everything(seed)
    return train_on_ground(AtrousStack(len(GROUND), atrous_rates), dataset, epochs)


def train_on_ground(model: nn.Module, dataset: Dataset, epochs: int) -> nn.Module:
    """Train a network on the classes of GROUND, in one cycle of the learning rate; return it in eval mode."""
    loader = DataLoader(dataset, batch_size=8, shuffle=True)
    optimizer = AdamW(model.parameters(), lr=1e-2)
    scheduler = OneCycleLR(optimizer, max_lr=1e-2, total_steps=epochs * len(loader))
    for _ in range(epochs):
        train_one_epoch(model, loader, optimizer, ground_loss, scheduler)
    return model.eval()


def run(atrous_rates: Sequence[int], seed: int, training: Dataset, held_out: Dataset) -> dict:
    """Train one stack and count on the held-out streets: one row of the table."""
    scores = score(train(atrous_rates, seed, training), held_out)
    return {"rates": " ".join(map(str, atrous_rates)), "seed": seed, **scores}


def score(model: nn.Module, held_out: Dataset) -> dict[str, float]:
    """IoU of road, sidewalk and lane marking, and their mean."""
    iou = iou_per_class(evaluate(model, DataLoader(held_out, batch_size=8), len(GROUND)).compute())
    return dict(zip(("road", "sidewalk", "marking", "mean"), [*iou.tolist(), iou.mean().item()], strict=True))


def table(path: Path) -> None:
    """Write one row per stack and seed."""
    training, held_out = training_frames(), held_out_frames()
    write_table(path, [run(rates, seed, training, held_out) for rates in STACKS for seed in SEEDS])
