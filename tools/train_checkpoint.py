"""Train the network that ships with the course: a small DeepLabv3+ on toy streets, ten minutes on two CPU cores.

    python tools/train_checkpoint.py

draws the streets, trains, writes data/checkpoints/toyscapes_deeplabv3plus.safetensors and prints its IoU per class on
streets that training never saw. Lectures load the file, so that none of them has to begin with training.
"""

import json
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, DataLoader, Dataset

from segutils import models
from segutils.losses import cross_entropy_dice_loss
from segutils.metrics import iou_per_class, mean_iou, pixel_accuracy
from segutils.paths import checkpoint_path
from segutils.toyscapes import ToyScapes, build_street, draw_frame
from segutils.training import evaluate, fit, save_weights, seed_everything
from segutils.transforms import Transform, eval_transform, train_transform

NUM_FRAMES = 101
NAME = "toyscapes_deeplabv3plus"
MODEL = "deeplabv3plus_tiny"
TRAINING_STREETS = range(24)
VALIDATION_STREETS = (500, 501)  # choose the best epoch
HELD_OUT_STREETS = (1000, 1001, 1002, 1003)  # judge the result, and nothing else


class StreetFrames(Dataset):
    """Every n-th frame of whole toy streets: neighbours are too alike to be worth the time of drawing and training."""

    def __init__(self, seeds: Iterable[int], every: int, transform: Transform) -> None:
        self.transform = transform
        self.frames = []
        for seed in seeds:
            street = build_street(seed, NUM_FRAMES)
            for frame in range(0, NUM_FRAMES, every):
                image, mask = draw_frame(street, frame, (240, 180))  # (180, 240, 3), (180, 240)
                self.frames.append((torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(mask).long()))

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.transform(*self.frames[index])


def held_out_frames() -> Dataset:
    """The first 25 frames of each held-out street, 100 in all."""
    return ConcatDataset(ToyScapes(num_frames=25, seed=seed, transform=eval_transform()) for seed in HELD_OUT_STREETS)


def main(epochs: int = 20) -> None:
    seed_everything()
    model = models.create(MODEL, ToyScapes.num_classes)
    augment = train_transform((144, 192), scale=(0.75, 2.0), hue=0)
    history = fit(
        model,
        DataLoader(StreetFrames(TRAINING_STREETS, 6, augment), batch_size=4, shuffle=True, drop_last=True),
        DataLoader(StreetFrames(VALIDATION_STREETS, 12, eval_transform()), batch_size=6),
        ToyScapes.num_classes,
        epochs,
        loss_fn=cross_entropy_dice_loss,
        progress=True,
    )
    matrix = evaluate(model, DataLoader(held_out_frames(), batch_size=5), ToyScapes.num_classes).compute()
    metadata = {
        "model": MODEL,
        "class_names": json.dumps(ToyScapes.class_names),
        "epochs": str(len(history)),
        "held_out_streets": json.dumps(HELD_OUT_STREETS),
        "held_out_miou": f"{mean_iou(matrix).item():.4f}",
        "held_out_accuracy": f"{pixel_accuracy(matrix).item():.4f}",
    }
    save_weights(model, checkpoint_path(NAME), metadata)
    for name, iou in zip(ToyScapes.class_names, iou_per_class(matrix).tolist(), strict=True):
        if iou == iou:  # nan: not in these streets
            print(f"{name:<14} {iou:6.1%}")
    print(f"{'mean IoU':<14} {mean_iou(matrix).item():6.1%}")
    print(f"{'accuracy':<14} {pixel_accuracy(matrix).item():6.1%}")


if __name__ == "__main__":
    main()
