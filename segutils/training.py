"""Train and evaluate a network: the loop of the course, to be read from top to bottom.

A loader yields images (N, 3, H, W) and masks (N, H, W); a model returns a dict with "out", perhaps with "aux".
Everything runs where the model's parameters are; on a GPU in mixed precision.
"""

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR
from torch.utils.data import DataLoader
from tqdm import tqdm

from segutils.checkpoints import begin_run, best_of, load_weights, save_run, save_weights
from segutils.errors import CourseError
from segutils.losses import cross_entropy
from segutils.metrics import ConfusionMatrix, mean_iou, pixel_accuracy

__all__ = [
    "default_device",
    "evaluate",
    "fit",
    "load_weights",
    "save_weights",
    "seed_everything",
    "train_one_epoch",
]

Loss = Callable[[Tensor, Tensor], Tensor]


def seed_everything(seed: int = 0, threads: int = 2) -> None:
    """Make what follows repeatable: Python's, numpy's and torch's random numbers, the threads, the algorithms.

    The number of threads counts because it changes the order in which floating-point sums are taken.
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    # A GPU's cross-entropy over pixels has no deterministic form, so that there only seeds and cuDNN can be fixed.
    torch.use_deterministic_algorithms(not torch.cuda.is_available())
    torch.backends.cudnn.benchmark = False


def default_device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train_one_epoch(
    model: nn.Module,
    loader: DataLoader,
    optimizer: Optimizer,
    loss_fn: Loss,
    scheduler: LRScheduler | None = None,
    aux_weight: float = 0.4,
    scaler: torch.amp.GradScaler | None = None,
) -> float:
    """Show the model every batch once and return the mean loss per image; `scheduler` moves on after every batch.

    The loss is loss_fn(out, masks) + aux_weight * loss_fn(aux, masks) where the model has an auxiliary head.
    A `scaler` means mixed precision on a GPU.

    Raises:
        CourseError: the loader has no batch, or the loss is not a finite number.
    """
    device = device_of(model)
    scaler = scaler or torch.amp.GradScaler(device.type, enabled=False)
    total, num_images = torch.zeros((), device=device), 0
    model.train()
    for images, masks in loader:
        images, masks = images.to(device, non_blocking=True), masks.to(device, non_blocking=True)
        with torch.autocast(device.type, enabled=scaler.is_enabled()):
            logits = model(images)
            loss = loss_fn(logits["out"], masks)
            if "aux" in logits:
                loss = loss + aux_weight * loss_fn(logits["aux"], masks)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        if scheduler is not None:
            scheduler.step()
        total += loss.detach() * len(images)  # detached: a kept loss would keep its whole graph
        num_images += len(images)
    if num_images == 0:
        raise CourseError("the loader has no batch: are there fewer images than batch_size while drop_last=True?")
    if not total.isfinite():
        raise CourseError(
            "the loss is no finite number: lower the learning rate, or look for nan in images and weights"
        )
    return total.item() / num_images


def evaluate(model: nn.Module, loader: DataLoader, num_classes: int, ignore_index: int = 255) -> ConfusionMatrix:
    """Count the model's predictions over all images of the loader, in eval mode and without gradients.

    Predictions are the argmax of the logits at the masks' own size. The mode of the model and of its parts is restored.
    """
    device = device_of(model)
    matrix = ConfusionMatrix(num_classes, ignore_index)
    with eval_mode(model), torch.no_grad():
        for images, masks in loader:
            logits = model(images.to(device, non_blocking=True))["out"]  # (N, C, H, W)
            matrix.update(logits.argmax(dim=1), masks.to(device, non_blocking=True))
    return matrix


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Put a model into eval mode, and every one of its modules back into the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def device_of(model: nn.Module) -> torch.device:
    """Where the model's parameters are; the CPU for a model without any."""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def fit(
    model: nn.Module,
    train_loader: DataLoader,
    val_loader: DataLoader,
    num_classes: int,
    epochs: int,
    max_lr: float = 1e-2,
    weight_decay: float = 1e-2,
    loss_fn: Loss = cross_entropy,
    folder: str | Path | None = None,
    resume: bool = False,
    device: torch.device | str | None = None,
    progress: bool = False,
) -> list[dict[str, float]]:
    """Train with AdamW over one cycle of the learning rate, and leave the model in eval mode with its best weights.

    Best is the highest mean IoU on the validation part, which is evaluated after every epoch. With `folder` each epoch
    ends on disk: best.safetensors holds the best weights, last.safetensors all that is needed to go on. `resume=True`
    continues the training that it finds there, and begins one where there is none. On a CPU the outcome has the same
    bits as without an interruption, as long as the data takes its random numbers from Python's, numpy's or torch's
    global ones or the loader's generator, and no worker outlives its epoch. `progress` draws a bar on the error stream.

    Returns one dict per epoch: "epoch" (from 1), "loss" (mean over images), "lr" (at the epoch's end), "miou" and
    "accuracy" (on the validation part, in 0..1).

    Raises:
        CourseError: as `train_one_epoch`; the validation part has no labelled pixel; or the folder holds a training
            and `resume` is not set, or one that does not fit: other settings, another model, a broken file.
    """
    device = torch.device(device) if device is not None else default_device()
    model.to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=max_lr, weight_decay=weight_decay)
    # One more step than batches: the rate is also asked for once after the last batch, and must not rise again there.
    scheduler = OneCycleLR(optimizer, max_lr, total_steps=epochs * len(train_loader) + 1)
    scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda")
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "scaler": scaler}
    plan = {"epochs": epochs, "len(train_loader)": len(train_loader), "max_lr": max_lr, "weight_decay": weight_decay}
    generators = own_generators(train_loader, val_loader)
    history, best_weights = [], None
    if folder is not None:
        history, best_weights = begin_run(folder, parts, plan, generators, resume)
    bar = tqdm(range(len(history) + 1, epochs + 1), unit="epoch", file=sys.stderr, disable=not progress)
    for epoch in bar:
        loss = train_one_epoch(model, train_loader, optimizer, loss_fn, scheduler, scaler=scaler)
        matrix = evaluate(model, val_loader, num_classes).compute()
        if matrix.sum() == 0:
            raise CourseError("the validation part has no labelled pixel: without one, no epoch can be called the best")
        miou, accuracy = mean_iou(matrix).item(), pixel_accuracy(matrix).item()
        history.append(
            {"epoch": epoch, "loss": loss, "lr": scheduler.get_last_lr()[0], "miou": miou, "accuracy": accuracy}
        )
        bar.set_postfix(loss=f"{loss:.3f}", miou=f"{miou:.3f}")
        if best_of(history) is history[-1]:
            best_weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        if folder is not None:
            save_run(folder, parts, history, plan, generators)
    if best_weights is not None:
        model.load_state_dict(best_weights)
    model.eval()
    return history


def own_generators(*loaders: DataLoader) -> list[torch.Generator]:
    """The random generators that belong to loaders or their samplers, each once; most have none and use torch's."""
    owners = [owner for loader in loaders for owner in (loader, getattr(loader, "sampler", None))]
    found = [generator for owner in owners if (generator := getattr(owner, "generator", None)) is not None]
    return list({id(generator): generator for generator in found}.values())
