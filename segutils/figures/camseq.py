"""Figures of lecture 07: joint transforms, the leak of a random split, where a network is right and wrong."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from segutils.palettes import IGNORE_INDEX, Palette
from segutils.plotting import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    SKY,
    WIDTH,
    add_legend,
    classes_in,
    overlay,
    to_picture,
)

__all__ = [
    "busiest_piece",
    "class_maps",
    "class_scores",
    "class_shares",
    "filmstrip",
    "frame_and_class",
    "interrupted_training",
    "leak",
    "over_time_and_distance",
    "resized_masks",
    "split_strips",
    "training_curves",
]

PARTS = ("training", "validation", "test")
PART_COLORS = (BLUE, ORANGE, "#000000")
PART_HATCHES = ("", "////", "....")


def class_shares(shares: Sequence[float], class_names: Sequence[str]) -> Figure:
    """The share of the labelled pixels that each class has, in percent, on a logarithmic axis.

    Classes without a pixel are left out; those under 1 % are hatched.
    """
    shares = np.asarray(shares, dtype=float)
    order = [index for index in np.argsort(-shares) if shares[index] > 0]
    figure, ax = plt.subplots(figsize=(WIDTH * 0.75, 0.27 * len(order) + 0.9))
    for row, index in enumerate(order):
        rare = shares[index] < 1
        ax.barh(
            row,
            shares[index],
            color="w" if rare else BLUE,
            edgecolor=RED if rare else BLUE,
            hatch="///" if rare else "",
        )
        behind = {"facecolor": "w", "lw": 0, "pad": 0.5}  # the text may lie on the dotted line
        ax.text(shares[index] * 1.08, row, f"{shares[index]:.2f} %", va="center", fontsize=9, bbox=behind)
    ax.axvline(1, color="k", lw=0.8, ls=":")
    ax.set_yticks(range(len(order)), [class_names[index] for index in order])
    ax.set(xscale="log", xlabel="share of the labelled pixels, % (logarithmic)", xlim=(0.01, 130))
    ax.invert_yaxis()
    return figure


def busiest_piece(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The piece of a mask with the most classes, (H, W) -> `size`; of several alike the first."""
    pieces = np.lib.stride_tricks.sliding_window_view(mask, size)[::8, ::8]  # (rows, columns, *size)
    counts = [[len(np.unique(piece)) for piece in row] for row in pieces]
    row, column = np.unravel_index(np.argmax(counts), pieces.shape[:2])
    return pieces[row, column].copy()


def resized_masks(mask: np.ndarray, nearest: np.ndarray, bilinear: np.ndarray, palette: Palette) -> Figure:
    """A small piece of a mask, the same piece enlarged by nearest neighbour and bilinearly, and the labels made up.

    Shape: three (H, W) integer arrays; a label counts as made up where it is none of the piece's.
    """
    invented = ~np.isin(bilinear, np.unique(mask))
    bilinear = np.where(bilinear < len(palette), bilinear, IGNORE_INDEX)  # the others are no class at all
    pictures = [palette.colorize(values) for values in (mask, nearest, bilinear)]
    pictures.append(np.where(invented[..., None], pictures[-1], 225).astype(np.uint8))
    titles = (
        "a piece of the mask",
        "x4, nearest",
        "x4, bilinear",
        f"made up: {invented.mean():.0%} of the pixels",
    )
    figure, axes = plt.subplots(1, 4, figsize=(WIDTH, 2.1))
    for ax, picture, title in zip(axes, pictures, titles, strict=True):
        ax.imshow(picture)
        ax.set_title(title, fontsize=9)
        ax.axis("off")
    return add_legend(figure, palette, classes_in(mask))


def split_strips(splits: dict[str, tuple[Sequence[int], ...]], ax=None) -> Figure:
    """Every frame of a sequence as a cell, coloured and hatched by the part that each split puts it into.

    `splits` maps a title to the frame numbers of training, validation and test.
    """
    figure, axes = plt.subplots(len(splits), 1, figsize=(WIDTH, 0.75 * len(splits) + 0.4), squeeze=False)
    for ax, (title, parts) in zip(axes[:, 0], splits.items(), strict=True):
        for frames, color, hatch in zip(parts, PART_COLORS, PART_HATCHES, strict=True):
            edge = "w" if color != ORANGE else "k"
            ax.bar(list(frames), 1, width=1, align="edge", color=color, hatch=hatch, edgecolor=edge, lw=0.4)
        ax.set_title(title, loc="left")
        ax.set(xlim=(0, sum(map(len, parts))), ylim=(0, 1), yticks=[])
        ax.spines["left"].set_visible(False)
    axes[-1, 0].set_xlabel("number of the frame, in time order")
    handles = [
        Patch(facecolor=color, hatch=hatch, edgecolor="w" if color != ORANGE else "k", label=name)
        for name, color, hatch in zip(PARTS, PART_COLORS, PART_HATCHES, strict=True)
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=3)
    return figure


def leak(agreement: dict[int, float], rows: Sequence[dict]) -> Figure:
    """Left: how well a label predicts the one k frames later. Right: copying the nearest training label, by split.

    `agreement` maps k to a mean IoU; `rows` are those of the table 07_leak.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.1), width_ratios=(1.2, 1))
    left.plot(list(agreement), list(agreement.values()), "o-", color=BLUE, ms=4)
    left.set(xscale="log", ylim=(0, 1), xlabel="k, frames between the label and its copy", ylabel="mIoU of the copy")
    left.set_xticks(list(agreement), [str(k) for k in agreement])
    left.minorticks_off()
    names = list(dict.fromkeys(row["data"] for row in rows))
    for row in rows:
        sequential = row["split"] == "sequential"
        place = names.index(row["data"]) + (0.2 if sequential else -0.2)
        right.plot(place, row["mean_iou"], "s" if sequential else "o", color=ORANGE if sequential else BLUE, ms=8,
                   mfc="none" if not sequential else ORANGE)  # fmt: skip
    right.plot([], [], "o", color=BLUE, mfc="none", ms=8, label="random split (3 seeds)")
    right.plot([], [], "s", color=ORANGE, ms=8, label="split in time order")
    right.set_xticks(range(len(names)), names)
    right.set(xlim=(-0.6, len(names) - 0.4), ylim=(0, 1), ylabel="mIoU on the test frames")
    right.legend(loc="upper right", fontsize=9)
    return figure


def training_curves(losses: Sequence[float], rates: Sequence[float], scores: Sequence[float]) -> Figure:
    """The learning rate and the loss of every batch, and the validation mIoU after every round, the best one marked."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(WIDTH, 2.7))
    left.plot(rates, color=GREEN)
    left.set(xlabel="batch", ylabel="learning rate")
    middle.plot(losses, color=SKY, lw=0.6, label="one batch")
    window = 25
    smooth = np.convolve(losses, np.ones(window) / window, mode="valid")
    middle.plot(range(window // 2, window // 2 + len(smooth)), smooth, color=BLUE, label=f"mean of {window}")
    middle.set(xlabel="batch", ylabel="training loss", ylim=(0, None))
    middle.legend()
    best = int(np.argmax(scores))
    right.plot(range(1, len(scores) + 1), scores, "o-", color=ORANGE, ms=4)
    right.plot(best + 1, scores[best], "*", color="k", ms=12, label=f"best: round {best + 1}")
    right.set(xlabel="round", ylabel="validation mIoU", ylim=(0, 1.1 * max(scores)))
    right.xaxis.get_major_locator().set_params(integer=True)
    right.legend(loc="lower right")
    return figure


def interrupted_training(
    losses: dict[str, Sequence[float]], rates: dict[str, Sequence[float]], batches_per_epoch: int, epochs_kept: int
) -> Figure:
    """The learning rate and the loss of every batch: never interrupted, interrupted, and continued in two ways.

    Both have "whole", "interrupted", "resumed" and "weights alone"; the last two begin after `epochs_kept` epochs.
    """
    styles = {
        "whole": {"color": "0.8", "lw": 7, "label": "never interrupted"},
        "interrupted": {"color": "k", "lw": 1.2, "label": "until Ctrl-C"},
        "resumed": {"color": ORANGE, "lw": 1.8, "ls": "--", "label": "resumed from last.safetensors"},
        "weights alone": {"color": BLUE, "lw": 1.2, "ls": ":", "marker": ".", "label": "continued with weights alone"},
    }
    figure, axes = plt.subplots(2, 1, figsize=(WIDTH, 5), sharex=True, height_ratios=(1, 1.4))
    for ax, values in zip(axes, (rates, losses), strict=True):
        for name, style in styles.items():
            begin = 0 if name in ("whole", "interrupted") else epochs_kept
            ax.plot([begin + batch / batches_per_epoch for batch in range(len(values[name]))], values[name], **style)
        end = (len(losses["interrupted"]) - 1) / batches_per_epoch
        ax.axvspan(epochs_kept, end, color="0.93", zorder=0)
        ax.set(ylim=(0, None))
    axes[0].set(ylabel="learning rate")
    axes[1].set(xlabel="complete epochs", ylabel="loss of a batch")
    axes[1].text((epochs_kept + end) / 2, 0.05, "done\ntwice", ha="center", va="bottom", fontsize=9)
    axes[1].legend(loc="upper right")
    return figure


def filmstrip(
    images: Sequence,
    targets: Sequence[np.ndarray],
    predictions: Sequence[np.ndarray],
    titles: Sequence[str],
    palette: Palette,
) -> Figure:
    """One row per frame: image, label, prediction, and the errors over the pale image (orange wrong, black ignored)."""
    size = (WIDTH, 0.25 + WIDTH / 4 * 0.77 * len(images))
    figure, axes = plt.subplots(len(images), 4, figsize=size, squeeze=False)
    for row, (image, target, prediction, title) in enumerate(zip(images, targets, predictions, titles, strict=True)):
        colored = palette.colorize(target), palette.colorize(prediction)
        pictures = to_picture(image), *colored, error_overlay(image, prediction, target)
        for column, (ax, picture) in enumerate(zip(axes[row], pictures, strict=True)):
            ax.imshow(picture)
            ax.axis("off")
            if row == 0:
                ax.set_title(("image", "label", "prediction", "errors over the image")[column])
        axes[row, 0].text(3, 4, title, va="top", fontsize=9, color="w", bbox={"facecolor": "k", "alpha": 0.75, "lw": 0})
    return add_legend(figure, palette, classes_in(*targets, *predictions))


def error_overlay(image, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The picture in pale grey, wrong pixels orange and ignored ones black: (H, W, 3) uint8."""
    picture = np.repeat(130 + 0.49 * to_picture(image).mean(axis=2, keepdims=True), 3, axis=2)
    picture[prediction != target] = OUTCOME_COLORS["missed"]
    picture[target == IGNORE_INDEX] = 0
    return picture.astype(np.uint8)


def frame_and_class(image, target: np.ndarray, probability: np.ndarray, palette: Palette, class_name: str) -> Figure:
    """One frame, one class: label, prediction with its errors, and the probability of the class with its true outline.

    Shape: image (3, H, W), target (H, W), probability (C, H, W).
    """
    index = palette.names.index(class_name)
    prediction = probability.argmax(axis=0)
    labelled = target != IGNORE_INDEX
    truth, found = (target == index) & labelled, (prediction == index) & labelled
    union = (truth | found).sum()
    score = f"IoU in this frame {(truth & found).sum() / union:.2f}" if union else "in neither label nor prediction"
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 6.9))
    axes[0, 0].imshow(to_picture(image))
    axes[0, 1].imshow(overlay(image, np.where(labelled, prediction, IGNORE_INDEX), palette))
    axes[1, 0].imshow(class_outcome(image, truth, found))
    shown = axes[1, 1].imshow(probability[index], vmin=0, vmax=1, cmap="cividis")
    figure.colorbar(shown, ax=axes[1, 1], shrink=0.75, label=f"probability of {class_name}")
    if truth.any():
        axes[1, 1].contour(truth, levels=[0.5], colors="w", linewidths=1.5)
    titles = (
        "image",
        "prediction over the image",
        f"{class_name}: {score}",
        "probability; white: outline of the label",
    )
    for ax, title in zip(axes.flat, titles, strict=True):
        ax.set_title(title)
        ax.axis("off")
    handles = [
        Patch(facecolor=np.array(color) / 255, edgecolor="gray", label=name) for name, color in OUTCOME_COLORS.items()
    ]
    axes[1, 0].legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=3, fontsize=9)
    return figure


def class_maps(probability: np.ndarray, class_names: Sequence[str], classes: Sequence[int], columns: int = 4) -> Figure:
    """The probability that the network gives each of some classes at every pixel, one map per class.

    Shape: probability (C, H, W).
    """
    rows = -(-len(classes) // columns)
    height, width = probability.shape[1:]
    figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, rows * (WIDTH / columns * height / width + 0.2)))
    for ax in axes.flat:
        ax.axis("off")
    for ax, index in zip(axes.flat, classes, strict=False):
        shown = ax.imshow(probability[index], vmin=0, vmax=1, cmap="cividis")
        ax.set_title(class_names[index])
    figure.colorbar(shown, ax=axes, shrink=0.6, label="probability")
    return figure


OUTCOME_COLORS = {"found": (255, 255, 255), "missed": (213, 94, 0), "false alarm": (86, 180, 233)}


def class_outcome(image, truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """The picture in dark grey, with a class's found, missed and wrongly claimed pixels in three colours over it."""
    picture = np.repeat(to_picture(image).mean(axis=2, keepdims=True) * 0.4, 3, axis=2)
    for region, color in zip((truth & found, truth & ~found, ~truth & found), OUTCOME_COLORS.values(), strict=True):
        picture[region] = color
    return picture.astype(np.uint8)


def over_time_and_distance(accuracy_per_frame: Sequence[float], first: int, error_rate: Sequence[float]) -> Figure:
    """Left: pixel accuracy of every test frame in time order. Right: the error rate by distance from a label's edge.

    `first` is the number of the first test frame; `error_rate[d]` belongs to pixels d + 1 pixels from another class.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 2.9))
    left.plot(range(first, first + len(accuracy_per_frame)), accuracy_per_frame, "o-", color=BLUE, ms=4)
    left.set(xlabel="number of the frame", ylabel="pixel accuracy")
    right.bar(range(1, len(error_rate) + 1), 100 * np.asarray(error_rate), color=ORANGE, edgecolor="k", lw=0.6)
    right.set(xlabel="distance to the nearest other class, pixels", ylabel="wrong pixels, %")
    ticks = range(1, len(error_rate) + 1)
    right.set_xticks(ticks, [*map(str, ticks[:-1]), f"{len(error_rate)}+"])
    return figure


def class_scores(rows: Sequence[dict], data: str, ax=None) -> Figure:
    """Test IoU of every class over the seeds of the table 07_classes: a bar from lowest to highest, a dot per seed."""
    rows = [row for row in rows if row["data"] == data]
    shares = {row["class"]: row["share"] for row in rows}
    order = sorted(shares, key=lambda name: -shares[name])
    ax = ax if ax is not None else plt.subplots(figsize=(WIDTH / 2, 0.27 * len(order) + 0.9))[1]
    for place, name in enumerate(order):
        scores = [row["iou"] for row in rows if row["class"] == name]
        ax.plot([min(scores), max(scores)], [place, place], color=BLUE, lw=5, alpha=0.35, solid_capstyle="round")
        ax.plot(scores, [place] * len(scores), "o", color=BLUE, ms=4)
    ax.set_yticks(range(len(order)), [f"{name}, {shares[name]:.2g} %" for name in order])
    ax.set(xlim=(-0.02, 1), xlabel="IoU on the test frames")
    ax.invert_yaxis()
    return ax.figure
