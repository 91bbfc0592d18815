"""Train the network that ships with the course: a small DeepLabv3+ on toy streets, ten minutes on two CPU cores.

    python tools/train_checkpoint.py

draws the streets, trains, writes data/checkpoints/toyscapes_deeplabv3plus.safetensors and prints its IoU per class on
streets that training never saw. Lectures load the file, so that none of them has to begin with training.
"""

import json

from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset

from segutils import models
from segutils.losses import cross_entropy_dice_loss
from segutils.metrics import iou_per_class, mean_iou, pixel_accuracy
from segutils.paths import checkpoint_path
from segutils.toyscapes import ToyScapes
from segutils.training import evaluate, fit, save_weights, seed_everything
from segutils.transforms import eval_transform, train_transform

NAME = "toyscapes_deeplabv3plus"
MODEL = "deeplabv3plus_tiny"
TRAINING_STREETS = range(24)
VALIDATION_STREETS = (500, 501)  # choose the best epoch
HELD_OUT_STREETS = (1000, 1001, 1002, 1003)  # judge the result, and nothing else


def training_frames() -> Dataset:
    """Every 6th frame of the training streets, 408 in all: neighbours are too alike to be worth their time."""
    transform = train_transform((144, 192), scale=(0.75, 2.0), hue=0)
    return ConcatDataset(
        Subset(ToyScapes(seed=seed, transform=transform), range(0, 101, 6)) for seed in TRAINING_STREETS
    )


def validation_frames() -> Dataset:
    """Every 12th frame of the validation streets, 18 in all."""
    return ConcatDataset(
        Subset(ToyScapes(seed=seed, transform=eval_transform()), range(0, 101, 12)) for seed in VALIDATION_STREETS
    )


def held_out_frames() -> Dataset:
    """The first 25 frames of each held-out street, 100 in all."""
    return ConcatDataset(ToyScapes(num_frames=25, seed=seed, transform=eval_transform()) for seed in HELD_OUT_STREETS)


def main(epochs: int = 45) -> None:
    seed_everything()
    model = models.create(MODEL, ToyScapes.num_classes)
    history = fit(
        model,
        DataLoader(training_frames(), batch_size=4, shuffle=True, drop_last=True),
        DataLoader(validation_frames(), batch_size=6),
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
