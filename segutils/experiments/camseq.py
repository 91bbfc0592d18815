"""Lecture 07 over several seeds: the leak of a random split, and a small network on a whole sequence, class by class.

Two sequences are measured: the toy one, always, and CamSeq01 where its frames are found (`camseq.find()`). Where they
are not, a table keeps the rows that it holds for them.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision import tv_tensors
from torchvision.transforms import v2

from segutils import camseq, metrics, models, training, transforms
from segutils.experiments import write_table
from segutils.toyscapes import ToyScapes

__all__ = [
    "Part",
    "class_rows",
    "class_table",
    "copy_nearest_label",
    "error_rate_by_distance",
    "leak_table",
    "load_frames",
    "nearest",
    "random_split",
    "sequences",
    "train_and_test",
]

SIZE = (180, 240)  # height and width of a frame here: CamSeq01's are reduced to the toy sequence's
CROP = (144, 192)
SEEDS = (0, 1, 2)
ROUNDS, PASSES, BATCH_SIZE, MAX_LR = 8, 3, 4, 1e-2  # 8 rounds of 3 passes: 416 batches of 4

Frame = tuple[Tensor, Tensor]


class Part(Dataset):
    """Some frames of a sequence, each drawn through a joint transform."""

    def __init__(self, frames: Sequence[Frame], indices: Sequence[int], transform) -> None:
        self.frames, self.indices, self.transform = frames, indices, transform

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Frame:
        return self.transform(*self.frames[self.indices[index]])


def sequences() -> dict[str, Dataset]:
    """The sequences at hand by name: the toy one, and CamSeq01 where it is found."""
    found = camseq.find()
    return {"toy": ToyScapes(), **({"CamSeq01": camseq.CamSeqDataset(found)} if found else {})}


def load_frames(sequence: Dataset, size: tuple[int, int] = SIZE) -> list[Frame]:
    """Every frame once, reduced to `size`: (3, H, W) uint8 images and (H, W) int64 masks, to be kept in memory."""
    resize = v2.Resize(size, antialias=True)  # bilinear for an Image, nearest for a Mask
    pairs = (sequence[index] for index in range(len(sequence)))
    return [resize(tv_tensors.Image(image), tv_tensors.Mask(mask)) for image, mask in pairs]


def random_split(n: int, seed: int, fractions: Sequence[float] = (0.70, 0.15, 0.15)) -> tuple[list[int], ...]:
    """Frame numbers of training, validation and test, drawn at random in the sizes of `camseq.sequential_split`."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed)).tolist()
    return tuple(sorted(order[part.start : part.stop]) for part in camseq.sequential_split(n, fractions))


def nearest(index: int, candidates: Sequence[int]) -> int:
    """The candidate closest in time; of two alike the earlier."""
    return min(candidates, key=lambda candidate: abs(candidate - index))


def copy_nearest_label(masks: Tensor, train: Sequence[int], test: Sequence[int], num_classes: int) -> Tensor:
    """The confusion matrix of a "network" that looks at no image: it copies the label of the nearest training frame.

    Where that label is ignored, it guesses the class that is most frequent in the training labels.

    Shape: masks (number of frames, H, W) -> (C, C).
    """
    labels = masks[list(train)]
    guess = labels[labels != 255].bincount().argmax()
    copies = masks[[nearest(index, train) for index in test]]
    return metrics.confusion_matrix(torch.where(copies == 255, guess, copies), masks[list(test)], num_classes)


def leak_table(path: Path) -> None:
    """Write data, split, seed, mean_iou: copying the nearest training label, on random splits and in time order."""
    rows = []
    for data, sequence in sequences().items():
        masks = torch.stack([mask for _, mask in load_frames(sequence)])
        splits = {("random", seed): random_split(len(masks), seed) for seed in SEEDS}
        splits["sequential", ""] = camseq.sequential_split(len(masks))
        for (split, seed), (train, _, test) in splits.items():
            matrix = copy_nearest_label(masks, train, test, sequence.num_classes)
            rows.append({"data": data, "split": split, "seed": seed, "mean_iou": metrics.mean_iou(matrix).item()})
    write_table(path, rows + kept_rows(path, rows))


def train_and_test(
    frames: Sequence[Frame], num_classes: int, seed: int, augment: bool = True, rounds: int = ROUNDS
) -> tuple[Tensor, float]:
    """Train the small network in time order; return the test part's confusion matrix and the best validation mIoU.

    Without `augment` every frame is seen as it is, whole.
    """
    training.seed_everything(seed)
    seen = transforms.train_transform(CROP, hue=0) if augment else transforms.eval_transform()
    train, val, test = camseq.sequential_split(len(frames))
    train_set = Part(frames, train, seen)
    sampler = RandomSampler(train_set, num_samples=PASSES * len(train_set))
    train_loader = DataLoader(train_set, BATCH_SIZE, sampler=sampler, drop_last=True)
    val_loader, test_loader = (
        DataLoader(Part(frames, part, transforms.eval_transform()), BATCH_SIZE) for part in (val, test)
    )
    model = models.create("deeplabv3plus_tiny", num_classes)
    history = training.fit(model, train_loader, val_loader, num_classes, rounds, max_lr=MAX_LR, device="cpu")
    return training.evaluate(model, test_loader, num_classes).compute(), max(row["miou"] for row in history)


def class_table(path: Path) -> None:
    """Write the rows of `class_rows` for each sequence at hand, with and without augmentation, for each seed."""
    rows = []
    for data, sequence in sequences().items():
        frames = load_frames(sequence)
        for augment in (True, False):
            for seed in SEEDS:
                rows += class_rows(data, frames, sequence.class_names, seed, augment)
    write_table(path, rows + kept_rows(path, rows))


def class_rows(data: str, frames: Sequence[Frame], names: Sequence[str], seed: int, augment: bool) -> list[dict]:
    """data, augmented, seed, class, share, iou: one training's test IoU of every class that has one.

    `share` is the class's share of all labelled pixels in percent; the row "mean" holds the mean IoU, and "validation"
    the best one on the validation part.
    """
    labels = torch.stack([mask for _, mask in frames])
    counts = labels[labels != 255].bincount(minlength=len(names))
    shares = (100 * counts / counts.sum()).tolist()
    matrix, best = train_and_test(frames, len(names), seed, augment)
    iou = metrics.iou_per_class(matrix)
    scores = [(names[index], shares[index], iou[index].item()) for index in iou.isfinite().nonzero().flatten().tolist()]
    scores += [("mean", 100.0, iou.nanmean().item()), ("validation", 100.0, best)]
    return [
        {"data": data, "augmented": int(augment), "seed": seed, "class": name, "share": share, "iou": score}
        for name, share, score in scores
    ]


def kept_rows(path: Path, rows: Sequence[dict]) -> list[dict]:
    """The rows already at `path` for sequences that `rows` do not cover, which outlive a run without CamSeq01."""
    if not Path(path).is_file():
        return []
    measured = {row["data"] for row in rows}
    with Path(path).open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["data"] not in measured]


def error_rate_by_distance(prediction: Tensor, target: Tensor, farthest: int = 8) -> list[float]:
    """The share of wrong pixels among those whose nearest other class is 1, 2, ... pixels away; the last: or farther.

    Distances are counted along rows and columns together (a square window); ignored pixels separate nothing.

    Shape: (N, H, W) integers, twice -> `farthest` shares, nan where no pixel has that distance.
    """
    labelled = target != 255
    highest = target.masked_fill(~labelled, -1).float()[:, None]  # (N, 1, H, W)
    lowest = target.masked_fill(~labelled, 255).float()[:, None]
    distance = torch.full(target.shape, farthest)
    for d in range(farthest - 1, 0, -1):
        window = {"kernel_size": 2 * d + 1, "stride": 1, "padding": d}
        mixed = F.max_pool2d(highest, **window) != -F.max_pool2d(-lowest, **window)
        distance[mixed[:, 0]] = d
    wrong = (prediction != target) & labelled
    return [wrong[near].float().mean().item() for d in range(1, farthest + 1) for near in [labelled & (distance == d)]]
