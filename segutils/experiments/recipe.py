"""The training that the street experiments share, so that their networks differ in nothing but what is compared."""

from collections.abc import Callable

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, RandomSampler

from segutils.losses import cross_entropy
from segutils.training import seed_everything, train_one_epoch

__all__ = ["train_network"]


def train_network(
    build: Callable[[], nn.Module], seed: int, dataset: Dataset, iterations: int, batch_size: int, max_lr: float = 1e-2
) -> nn.Module:
    """Build a network and train it on so many random batches, in one cycle of the learning rate.

    Returns it in eval mode. The same seed gives the same network. One thread, because a machine that does other things
    too slows two down more than it helps them.
    """
    seed_everything(seed, threads=1)
    model = build()
    sampler = RandomSampler(dataset, replacement=True, num_samples=iterations * batch_size)
    optimizer = torch.optim.AdamW(model.parameters())
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr, total_steps=iterations)
    train_one_epoch(model, DataLoader(dataset, batch_size, sampler=sampler), optimizer, cross_entropy, scheduler)
    return model.eval()
