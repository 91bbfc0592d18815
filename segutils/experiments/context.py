"""Lecture 03: what a pixel is called is decided far away from it. What helps a network to look there?

Two tasks. *Patches*: identical grey patches whose class is the colour of a strip at the top of the picture; everything
about them is known, so the accuracy that a network can reach follows from what it sees. *Ground*: road and sidewalk of
the toy streets, which share one texture. In both, networks differ in nothing but their context module.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW
from torch.utils.data import DataLoader, Dataset, TensorDataset

from segutils.experiments import write_table
from segutils.experiments.atrous import GROUND, held_out_frames, score, train_on_ground, training_frames
from segutils.models.blocks import ConvBNReLU
from segutils.models.pspnet import POOL_SIZES, PyramidPooling
from segutils.training import seed_everything, train_one_epoch

__all__ = [
    "BRANCHES",
    "CONTEXTS",
    "GROUND_CONTEXTS",
    "PATCH_CLASSES",
    "TASKS",
    "ContextNetwork",
    "MaxPyramid",
    "PooledOnly",
    "ground_table",
    "patch_accuracy",
    "patch_images",
    "patch_row",
    "patch_table",
    "silenced",
    "train_ground",
    "train_patches",
]

SEEDS = (0, 1, 2)

# --- the context modules: the only difference between the networks ---------------------------------------------------

Context = Callable[[int], nn.Module]  # channels C -> a module (N, C, H, W) -> (N, 2C, H, W)


class PooledOnly(nn.Module):
    """Pyramid pooling that hands on its averages without the map itself, twice as wide to have as many channels.

    Shape: (N, C, H, W) -> (N, 2C, H, W).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.widen = ConvBNReLU(channels, 2 * channels, kernel_size=1)
        self.pyramid = PyramidPooling(2 * channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.widen(x)
        return self.pyramid(x)[:, x.shape[1] :]  # without the first 2C channels, which are x


class MaxPyramid(PyramidPooling):
    """Pyramid pooling that keeps the largest value of every cell instead of the average (PSPNet, table 1, "MAX")."""

    def __init__(self, in_channels: int, pool_sizes: Sequence[int] = POOL_SIZES) -> None:
        super().__init__(in_channels, pool_sizes)
        for stage, size in zip(self.stages, pool_sizes, strict=True):
            stage[0] = nn.AdaptiveMaxPool2d(size)


CONTEXTS: dict[str, Context] = {
    "3x3": lambda channels: ConvBNReLU(channels, 2 * channels),
    "3x3, rate 12": lambda channels: ConvBNReLU(channels, 2 * channels, dilation=12),
    "bin 1": lambda channels: PyramidPooling(channels, (1,)),
    "bins 1 2 3 6": PyramidPooling,
}
GROUND_CONTEXTS: dict[str, Context] = {
    "no pooling": lambda channels: ConvBNReLU(channels, 2 * channels, kernel_size=1),
    "bin 1": lambda channels: PyramidPooling(channels, (1,)),
    "bins 1 2 3 6": PyramidPooling,
    "bins 1 2 3 6, max": MaxPyramid,
    "bins without x": PooledOnly,
}


class ContextNetwork(nn.Module):
    """3x3 convolutions that see a few pixels, a context module, and a 1x1 classifier, all at full resolution.

    `context` gets the number of channels C and makes a module (N, C, H, W) -> (N, 2C, H, W).

    Shape: (N, 3, H, W) -> {"out": (N, num_classes, H, W)}.
    """

    def __init__(self, num_classes: int, context: Context, depth: int, channels: int = 16) -> None:
        super().__init__()
        self.local = nn.Sequential(*(ConvBNReLU(channels if i else 3, channels) for i in range(depth)))
        self.context = context(channels)
        self.classifier = nn.Conv2d(2 * channels, num_classes, kernel_size=1)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"out": self.classifier(self.context(self.local(image)))}


# --- patches whose class is set by a distant strip -------------------------------------------------------------------

PATCH_CLASSES = ("meadow", "by day", "by night")
TASKS = {"one strip": 1, "two strips": 2}  # colours along the top: one for the picture, or one per half
IMAGE, STRIP, PATCH = 48, 4, 8  # sides of the picture and of a patch, height of the strip, in pixels
SKY = torch.tensor([[0.90, 0.80, 0.20], [0.20, 0.35, 0.90]])  # the strip's colour by day and by night
PATCH_WEIGHTS = (0.2, 1.0, 1.0)  # most pixels are meadow, and easy


def patch_images(num_images: int, seed: int, strips: int = 1) -> TensorDataset:
    """Green noise, a strip of sky along the top, and grey patches below it, two in each half; all patches look alike.

    A patch's class is 1 under a yellow strip and 2 under a blue one, all else is 0. With `strips=2` each half of the
    picture has a sky of its own. Skies are balanced: who answers without looking at them is right half of the time.

    Shape: images (N, 3, 48, 48) float, about -1..1, masks (N, 48, 48) int64.
    """
    generator = torch.Generator().manual_seed(seed)
    combinations = torch.arange(num_images) % 4
    skies = torch.stack([combinations % 2, combinations // 2 if strips == 2 else combinations % 2], dim=1)  # (N, 2)
    images = 0.25 + 0.2 * torch.rand(num_images, 3, IMAGE, IMAGE, generator=generator)
    images[:, 1] += 0.2
    masks = torch.zeros(num_images, IMAGE, IMAGE, dtype=torch.int64)
    half = IMAGE // 2
    for image, mask, sky in zip(images, masks, skies, strict=True):
        for side in range(2):
            image[:, :STRIP, side * half : (side + 1) * half] = SKY[sky[side]][:, None, None]
            for _ in range(2):
                top = torch.randint(STRIP, IMAGE - PATCH + 1, (), generator=generator)
                left = side * half + torch.randint(half - PATCH + 1, (), generator=generator)
                image[:, top : top + PATCH, left : left + PATCH] = 0.5
                mask[top : top + PATCH, left : left + PATCH] = 1 + sky[side]
    return TensorDataset((images - 0.5) / 0.5, masks)


def patch_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy in which the patches count more than what lies between them."""
    return F.cross_entropy(logits, target, weight=torch.tensor(PATCH_WEIGHTS))


def train_patches(context: Context, seed: int, strips: int = 1, epochs: int = 8) -> ContextNetwork:
    """Train a network with this context module on 256 pictures; the same seed gives the same network."""
    seed_everything(seed, threads=1)
    model = ContextNetwork(len(PATCH_CLASSES), context, depth=2)
    loader = DataLoader(patch_images(256, seed, strips), batch_size=16, shuffle=True)
    optimizer = AdamW(model.parameters(), lr=1e-2)
    for _ in range(epochs):
        train_one_epoch(model, loader, optimizer, patch_loss)
    return model.eval()


def patch_accuracy(model: nn.Module, strips: int = 1) -> float:
    """Share of the patches' pixels that get their class, on 128 pictures that no network is trained on."""
    images, masks = patch_images(128, 1000, strips).tensors
    with torch.no_grad():
        prediction = model(images)["out"].argmax(dim=1)
    return (prediction == masks)[masks > 0].float().mean().item()


def patch_row(task: str, network: str, seed: int) -> dict:
    """Train one network and count: one row of the table."""
    model = train_patches(CONTEXTS[network], seed, TASKS[task])
    return {"task": task, "network": network, "seed": seed, "accuracy": patch_accuracy(model, TASKS[task])}


def patch_table(path: Path) -> None:
    """Write one row per task, network and seed."""
    write_table(path, [patch_row(task, network, seed) for task in TASKS for network in CONTEXTS for seed in SEEDS])


# --- road or sidewalk ------------------------------------------------------------------------------------------------

BRANCHES = ("x", *(f"bin {size}" for size in POOL_SIZES))  # what pyramid pooling concatenates, in this order


def train_ground(context: Context, seed: int, dataset: Dataset, epochs: int = 20) -> ContextNetwork:
    """Train a network with this context module on small street frames; the same seed gives the same network."""
    seed_everything(seed, threads=1)
    return train_on_ground(ContextNetwork(len(GROUND), context, depth=4), dataset, epochs)


@contextmanager
def silenced(model: ContextNetwork, branch: str, dataset: Dataset) -> Iterator[None]:
    """Within this context one of BRANCHES says the same everywhere: each of its channels is its mean over `dataset`.

    The classifier behind still finds the values it is used to, but learns nothing from them.
    """
    channels = model.classifier.in_channels // 2
    share = channels // len(POOL_SIZES)
    index = BRANCHES.index(branch)
    start, stop = (0, channels) if index == 0 else (channels + (index - 1) * share, channels + index * share)
    images = torch.stack([image for image, _ in dataset])
    with torch.no_grad():
        means = model.context(model.local(images))[:, start:stop].mean(dim=(0, 2, 3), keepdim=True)  # (1, share, 1, 1)

    def replace(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        output = output.clone()
        output[:, start:stop] = means
        return output

    handle = model.context.register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()


def ground_table(path: Path) -> None:
    """Write one row per network and seed, and for the average pyramid one more per silenced branch."""
    training, held_out = training_frames(), held_out_frames()
    rows = []
    for network, context in GROUND_CONTEXTS.items():
        for seed in SEEDS:
            model = train_ground(context, seed, training)
            rows.append({"network": network, "silenced": "", "seed": seed, **score(model, held_out)})
            for branch in BRANCHES if network == "bins 1 2 3 6" else ():
                with silenced(model, branch, held_out):
                    rows.append({"network": network, "silenced": branch, "seed": seed, **score(model, held_out)})
    write_table(path, rows)
