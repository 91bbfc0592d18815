"""Figures of lecture 06: a matrix counted by hand, two shapes that overlap, instances, losses and their slopes."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch.nn import functional as F

from segutils.losses import focal_loss, soft_dice_loss
from segutils.metrics import boundary_iou, confusion_matrix, dice_per_class, iou_per_class, pixel_accuracy
from segutils.plotting import BLACK, BLUE, GREEN, ORANGE, PURPLE, RED, SKY, WIDTH, plot_class_bars

__all__ = [
    "boundary_against_size",
    "counted_by_hand",
    "dice_against_iou",
    "instances",
    "matrix_regions",
    "overlap_scores",
    "pixel_slopes",
    "ranges",
    "shape_mask",
    "shapes_row",
    "shifted_pair",
    "two_ranges",
    "two_shapes",
    "valleys",
]

CELL_COLORS = ("#D0D0D0", SKY, ORANGE)  # of the classes 0, 1, 2 in the examples; the class's number stands in each cell
SHAPES = ("circle", "square", "pole")
POSITION = {"shape": "circle", "shift_x": 0, "shift_y": 0, "size": 14, "growth": 1.0}  # of two shapes, if not said
CANVAS = (65, 97)  # height and width of the canvas of the two shapes; odd, so that there is a middle pixel


# --- the confusion matrix ---------------------------------------------------------------------------------------------


def counted_by_hand(target, prediction, matrix, class_names: Sequence[str], ignore_index: int = 255) -> Figure:
    """A small target and prediction with their class numbers, and the confusion matrix that counts them.

    Shape: (H, W) integers, twice, and (C, C). Wrong pixels are framed, ignored ones are black.
    """
    target, prediction, matrix = np.asarray(target), np.asarray(prediction), np.asarray(matrix)
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 3.2))
    wrong = (target != prediction) & (target != ignore_index)
    draw_cells(axes[0], target, "target", ignore_index)
    draw_cells(axes[1], prediction, "prediction (wrong pixels framed)", ignore_index)
    for row, column in np.argwhere(wrong):
        axes[1].add_patch(Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fill=False, edgecolor=RED, lw=3))
    draw_matrix(axes[2], matrix, class_names)
    axes[2].set_title("pixels of every pair")
    return figure


def draw_cells(ax, mask: np.ndarray, title: str, ignore_index: int) -> None:
    """A grid of pixels with the number of their class in each."""
    ignored = mask == ignore_index
    ax.imshow(np.where(ignored, 3, mask), cmap=ListedColormap([*CELL_COLORS, BLACK]), vmin=0, vmax=3)
    for (row, column), value in np.ndenumerate(mask):
        ax.text(column, row, value, ha="center", va="center", color="w" if ignored[row, column] else "k")
    ax.set_xticks(np.arange(mask.shape[1] + 1) - 0.5, [])
    ax.set_yticks(np.arange(mask.shape[0] + 1) - 0.5, [])
    ax.grid(color="w", lw=1.5)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(title)


def draw_matrix(ax, matrix: np.ndarray, class_names: Sequence[str], shade_diagonal: bool = True) -> None:
    """Counts in the cells of a confusion matrix, the diagonal shaded."""
    ax.imshow(np.eye(len(matrix)) * shade_diagonal, cmap=ListedColormap(["#FFFFFF", "#CDE4F2"]), vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        ax.text(column, row, f"{count}", ha="center", va="center", fontsize=13, color="k" if count else "0.6")
    labels = [f"{index} {name}" for index, name in enumerate(class_names)]
    ax.set_xticks(range(len(matrix)), labels)
    ax.set_yticks(range(len(matrix)), labels)
    ax.set_xticks(np.arange(len(matrix) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(matrix) + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="0.6")
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="prediction", ylabel="target")


def matrix_regions(matrix, class_index: int, class_names: Sequence[str]) -> Figure:
    """Which cells of a confusion matrix are the TP, FN, FP and TN of one class."""
    matrix = np.asarray(matrix)
    figure, ax = plt.subplots(figsize=(4.6, 3.4))
    draw_matrix(ax, matrix, class_names, shade_diagonal=False)
    kinds = {"TP": (BLUE, ""), "FN": (ORANGE, "///"), "FP": (PURPLE, "..."), "TN": ("#EEEEEE", "")}
    for row, column in np.ndindex(*matrix.shape):
        kind = [["TN", "FP"], ["FN", "TP"]][row == class_index][column == class_index]
        color, hatch = kinds[kind]
        corner = (column - 0.5, row - 0.5)
        ax.add_patch(Rectangle(corner, 1, 1, facecolor=color, alpha=0.45, hatch=hatch, edgecolor="0.4", lw=0.8))
        ax.text(column, row + 0.33, kind, ha="center", va="center", fontsize=9, weight="bold", bbox=LABEL)
    ax.set_title(f"the counts of class {class_index} ({class_names[class_index]})")
    return figure


LINE_COLORS = (BLUE, ORANGE, GREEN, RED, BLACK)
LINE_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
LABEL = {"facecolor": "w", "lw": 0, "pad": 1.0, "alpha": 0.85}


# --- two shapes -------------------------------------------------------------------------------------------------------


def shape_mask(shape: str, size: float, shift_x: float = 0, shift_y: float = 0) -> torch.Tensor:
    """A circle or square of that radius, or a pole three pixels wide, on an empty canvas: (65, 97) int64, 1 inside."""
    rows, columns = torch.meshgrid(torch.arange(CANVAS[0]), torch.arange(CANVAS[1]), indexing="ij")
    y, x = rows - (CANVAS[0] - 1) / 2 - shift_y, columns - (CANVAS[1] - 1) / 2 - shift_x
    inside = {
        "circle": x**2 + y**2 < (size + 0.5) ** 2,
        "square": (x.abs() <= size) & (y.abs() <= size),
        "pole": (x.abs() <= 1) & (y.abs() <= size),
    }
    return inside[shape].long()


def two_shapes(
    target: str = "circle",
    prediction: str = "circle",
    target_x: float = -6,
    x: float = 6,
    y: float = 0,
    size: float = 14,
    growth: float = 1.0,
) -> Figure:
    """A target shape and a predicted one with their IoU, Dice and pixel accuracy.

    The target's middle is `target_x` pixels right of the canvas's, the prediction's `x` right and `y` below; the
    prediction is `growth` times as large as `size`.
    """
    target = shape_mask(target, size, target_x)
    prediction = shape_mask(prediction, size * growth, x, y)
    figure, (ax, bars) = plt.subplots(1, 2, figsize=(WIDTH, 3.1), width_ratios=(1.5, 1))
    draw_overlap(ax, prediction, target)
    values = overlap_scores(prediction, target)
    plot_class_bars(list(values.values()), list(values), "score", bars)
    matrix = confusion_matrix(prediction, target, num_classes=2)
    (tn, fp), (fn, tp) = matrix.tolist()
    bars.set_title(f"TP {tp}, FN {fn}, FP {fp}, TN {tn}")
    return figure


def shapes_row(settings: Sequence[dict]) -> Figure:
    """Some positions of two equal shapes side by side, their scores below; a setting says what differs from POSITION.

    The target stays in the middle; the prediction is shifted and `growth` times as large.
    """
    figure, axes = plt.subplots(1, len(settings), figsize=(WIDTH, 2.25))
    for ax, setting in zip(axes, settings, strict=True):
        target, prediction = shifted_pair(**setting)
        draw_overlap(ax, prediction, target)
        scores = overlap_scores(prediction, target)
        ax.set_xlabel("\n".join(f"{name} {value:.3f}" for name, value in scores.items()))
    return figure


def shifted_pair(**setting) -> tuple[torch.Tensor, torch.Tensor]:
    """A target shape in the middle of the canvas, and the same shape moved and grown as the setting says."""
    shape, shift_x, shift_y, size, growth = (POSITION | setting).values()
    return shape_mask(shape, size), shape_mask(shape, size * growth, shift_x, shift_y)


def overlap_scores(prediction: torch.Tensor, target: torch.Tensor) -> dict[str, float]:
    """IoU and Dice of class 1, and the accuracy over all pixels of the canvas."""
    matrix = confusion_matrix(prediction, target, num_classes=2)
    scores = {"IoU": iou_per_class(matrix)[1], "Dice": dice_per_class(matrix)[1], "accuracy": pixel_accuracy(matrix)}
    return {name: value.item() for name, value in scores.items()}


def draw_overlap(ax, prediction: torch.Tensor, target: torch.Tensor) -> None:
    """Two masks of one class: the kinds of pixels coloured and named, the target's outline solid, the other dashed."""
    kinds = (target + 2 * prediction).numpy()  # 0 TN, 1 FN, 2 FP, 3 TP
    ax.imshow(kinds, cmap=ListedColormap(["#F4F4F4", ORANGE, PURPLE, BLUE]), vmin=0, vmax=3, alpha=0.75)
    for mask, style in ((target, "-"), (prediction, "--")):
        draw_outline(ax, mask, style)
    for value, name in ((1, "FN"), (2, "FP"), (3, "TP")):
        rows, columns = np.nonzero(kinds == value)
        row, column = (int(np.median(rows)), int(np.median(columns))) if len(rows) else (0, 0)
        if (kinds[row] == value).sum() >= 0.08 * kinds.shape[1]:  # there is room for a name
            ax.text(column, row, name, ha="center", va="center", fontsize=9, bbox=LABEL)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(True)


def draw_outline(ax, mask: torch.Tensor, style: str) -> None:
    """The outline of a mask along the edges of its pixels."""
    fine = np.pad(np.kron(mask.numpy().astype(float), np.ones((8, 8))), 8)  # the padding closes it at the canvas's edge
    if mask.any():
        rows, columns = ((np.arange(size) - 8 + 0.5) / 8 - 0.5 for size in fine.shape)
        ax.contour(columns, rows, fine, levels=[0.5], colors="k", linestyles=style, linewidths=1.4)


def dice_against_iou() -> Figure:
    """Dice as a function of IoU, and how far it lies above."""
    iou = np.linspace(0, 1, 1001)
    dice = 2 * iou / (1 + iou)
    figure, ax = plt.subplots(figsize=(4.6, 3.4))
    ax.plot(iou, dice, label="Dice = 2 IoU / (1 + IoU)")
    ax.plot(iou, iou, ":", color="0.4", label="equal")
    widest = np.argmax(dice - iou)
    ax.plot(iou[[widest, widest]], [iou[widest], dice[widest]], "|-", color=RED, lw=2)
    note = f"largest distance {dice[widest] - iou[widest]:.2f}\nat IoU {iou[widest]:.2f}"
    ax.annotate(note, (iou[widest], 0.5), (0.52, 0.25), color=RED, arrowprops={"arrowstyle": "-", "color": RED})
    ax.set(xlabel="IoU of a class", ylabel="Dice of the same class", xlim=(0, 1), ylim=(0, 1.02))
    ax.legend(loc="upper left")
    return figure


# --- boundaries and instances -----------------------------------------------------------------------------------------


def boundary_against_size(radii: Sequence[int] = tuple(range(4, 61, 4)), growth: int = 2, radius: int = 3) -> Figure:
    """Discs predicted `growth` pixels too large: what IoU and boundary IoU count, and both over the disc's radius."""
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 3.0), width_ratios=(1, 1, 1.5))
    iou, at_boundary = [], []
    for r in radii:
        target, prediction = disc(r), disc(r + growth)
        iou.append(iou_per_class(confusion_matrix(prediction, target, num_classes=2))[1])
        at_boundary.append(boundary_iou(prediction, target, num_classes=2, radius=radius)[1])
    target, prediction = disc(20, side=51), disc(20 + growth, side=51)
    draw_overlap(axes[0], prediction[0], target[0])
    draw_overlap(axes[1], band(prediction, radius)[0], band(target, radius)[0])
    axes[0].set_title("counted by IoU")
    axes[1].set_title("counted by boundary IoU")
    axes[2].plot(radii, iou, "-o", ms=4, label="IoU")
    axes[2].plot(radii, at_boundary, "--s", ms=4, label=f"boundary IoU, {radius} px")
    for values, first in ((iou, (8, -5)), (at_boundary, (6, 4))):  # the ends in numbers
        for place, offset in ((0, first), (-1, (-8, 7))):
            point = (radii[place], values[place])
            axes[2].annotate(f"{values[place]:.2f}", point, offset, textcoords="offset points", fontsize=9)
    axes[2].set(xlabel="radius of the disc, pixels", ylabel="score of the disc", ylim=(0, 1.05))
    axes[2].legend(loc="lower right")
    return figure


def band(mask: torch.Tensor, radius: int) -> torch.Tensor:
    """The pixels of a mask that are at most `radius` from its contour: (1, H, W) -> (1, H, W) int64."""
    interior = -F.max_pool2d(-mask.float(), 2 * radius + 1, stride=1, padding=radius)  # where a whole window is inside
    return mask - interior.long()


def disc(radius: float, side: int = 141) -> torch.Tensor:
    """A disc in the middle of a square: (1, side, side) int64, 1 inside."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    middle = (side - 1) / 2
    return ((rows - middle) ** 2 + (columns - middle) ** 2 < (radius + 0.5) ** 2).long()[None]


def instances(targets: Sequence[torch.Tensor], predictions: Sequence[torch.Tensor], scores: Sequence[float]) -> Figure:
    """The same objects as a semantic mask and as instances: target objects, then predicted ones with their scores.

    Shape: every mask is (H, W) bool.
    """
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 2.6))
    union = torch.stack(list(targets)).any(dim=0)
    axes[0].imshow(union, cmap=ListedColormap(["#F4F4F4", SKY]))
    axes[0].set_title('semantic target: pixels of "car"')
    for number, mask in enumerate(targets, start=1):
        draw_instance(axes[1], mask, str(number), "-")
    axes[1].set_title("instance target: three cars")
    for mask, score in zip(predictions, scores, strict=True):
        draw_instance(axes[2], mask, f"{score:.2f}", "--")
    axes[2].set_title("predicted instances and scores")
    for ax in axes:
        ax.set(xticks=[], yticks=[], xlim=(-0.5, union.shape[1] - 0.5), ylim=(union.shape[0] - 0.5, -0.5))
        ax.spines[:].set_visible(True)
    return figure


def draw_instance(ax, mask: torch.Tensor, name: str, style: str) -> None:
    """One object: shaded, outlined, with its name in the middle."""
    ax.imshow(np.where(mask, 1.0, np.nan), cmap=ListedColormap([SKY]), alpha=0.5)
    draw_outline(ax, mask, style)
    row, column = mask.nonzero().float().mean(dim=0).tolist()
    ax.text(column, row, name, ha="center", va="center", fontsize=9, bbox=LABEL)


# --- losses -----------------------------------------------------------------------------------------------------------


def pixel_slopes(num_pixels: int = 100, share: float = 0.25, weight: float = 4.0) -> Figure:
    """Losses of one foreground pixel, and how hard each pulls at its logit, over the probability it gives its class.

    All other pixels stay undecided (0.5); slopes are multiplied by the number of pixels, as they are of means over all.
    """
    probability = torch.special.expit(torch.linspace(-7, 7, 141, dtype=torch.float64))
    target = (torch.arange(num_pixels) < share * num_pixels).long().reshape(1, 1, -1)
    losses = {
        "cross-entropy": (F.cross_entropy, BLUE, "-"),
        f"weighted, this class x{weight:g}": (weighted(weight), ORANGE, "--"),
        "focal, gamma = 2": (focal_loss, GREEN, "-."),
        "soft Dice": (soft_dice_loss, RED, ":"),
    }
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.5))
    for name, (loss, color, style) in losses.items():
        values, slopes = loss_and_slope(loss, probability, target)
        if name != "soft Dice":  # it has no value for a pixel alone
            left.plot(probability, values, style, color=color, lw=2)
        right.plot(probability, slopes, style, color=color, lw=2, label=name)
    left.set(ylabel="loss of the pixel", ylim=(0, 8), title="value")
    right.set(ylabel="pull at its logit", title="slope")
    for ax in (left, right):
        ax.set_xscale("logit")
        ticks = [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999]
        ax.set_xticks(ticks, [str(tick) for tick in ticks])
        ax.minorticks_off()
        ax.set_xlabel("probability of the true class", labelpad=14)
        for place, name in ((0.02, "wrong and sure"), (0.76, "right and sure")):
            ax.text(place, -0.11, name, transform=ax.transAxes, va="top", fontsize=9, color="0.35")
    right.legend()
    return figure


def valleys(probability: Sequence[float], curves: dict[str, Sequence[float]]) -> Figure:
    """Losses over the one probability that can be chosen, each stretched to 0..1, with its lowest point marked."""
    probability = np.asarray(probability)
    figure, ax = plt.subplots(figsize=(WIDTH, 3.0))
    for (name, values), color, style in zip(curves.items(), LINE_COLORS, LINE_STYLES, strict=False):
        values = np.asarray(values)
        values = (values - values.min()) / (values.max() - values.min())
        lowest = values.argmin()
        ax.plot(probability, values, linestyle=style, color=color, lw=2, label=f"{name}: {probability[lowest]:.2f}")
        ax.plot(probability[lowest], 0, "o", color=color, ms=9, clip_on=False, zorder=3)
    ax.axvline(0.5, color="0.6", lw=1)
    ax.text(0.505, 0.93, "argmax says foreground", fontsize=9, color="0.35")
    ax.text(0.495, 0.93, "argmax says background", fontsize=9, color="0.35", ha="right")
    ax.set(xlabel="probability of foreground in the region", ylabel="loss, stretched to 0..1", xlim=(0, 1), ylim=(0, 1))
    figure.legend(loc="outside right center", title="lowest at")
    return figure


def weighted(weight: float):
    """Cross-entropy with that weight on class 1, as a mean over all pixels (torch divides by the sum of weights)."""

    def loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        weights = torch.tensor([1.0, weight], dtype=logits.dtype)
        return F.cross_entropy(logits, target, weight=weights, reduction="none").mean()

    return loss


def loss_and_slope(loss, probability: torch.Tensor, target: torch.Tensor) -> tuple[list[float], list[float]]:
    """Value of the first pixel alone and slope in its logit of the mean over all, for each of its probabilities."""
    values, slopes = [], []
    for z in probability.logit():
        logits = torch.zeros(1, 2, *target.shape[1:], dtype=torch.float64)
        logits[0, 1, 0, 0] = z
        logits.requires_grad_()
        (slope,) = torch.autograd.grad(loss(logits, target), logits)
        slopes.append(target.numel() * slope[0, 1, 0, 0].abs().item())
        values.append(loss(logits[..., :1], target[..., :1]).item())
    return values, slopes


# --- tables -----------------------------------------------------------------------------------------------------------


def ranges(rows: Sequence[dict], label: str, ax=None, marked: str | None = None):
    """One line per row: the values of its seeds as dots, their mean as a bar; a row's `name` and `values` are drawn.

    `marked` is the name of the row that the others are compared with: a dashed line runs down from it.
    """
    ax = ax if ax is not None else plt.subplots(figsize=(WIDTH, 0.34 * len(rows) + 0.9))[1]
    for place, row in enumerate(rows):
        values = np.asarray(row["values"], dtype=float)
        ax.barh(place, values.mean(), color=BLUE if row["name"] == marked else SKY, alpha=0.8, height=0.6)
        ax.plot(values, np.full(len(values), place), "o", ms=4, color=BLACK)
        ax.text(max(values) + 0.015, place, f"{values.mean():.3f}", va="center", fontsize=9, bbox=LABEL)
        if row["name"] == marked:
            ax.axvline(values.mean(), color=BLUE, ls="--", lw=1, zorder=0)
    ax.set_yticks(range(len(rows)), [row["name"] for row in rows])
    ax.set(xlabel=label, xlim=(0, 1.08))
    ax.invert_yaxis()
    return ax


def two_ranges(table: Sequence[dict], losses: Sequence[str]) -> Figure:
    """IoU of the rare class for every loss, at a threshold of 0.5 and at the one chosen on the training frames."""
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.6), sharey=True)
    keys = {"iou": "IoU, threshold 0.5", "iou_at_threshold": "IoU, threshold chosen on training frames"}
    highest = max(row[key] for row in table for key in keys)
    for ax, (key, label) in zip(axes, keys.items(), strict=True):
        rows = [{"name": name, "values": [row[key] for row in table if row["loss"] == name]} for name in losses]
        ranges(rows, label, ax).set_xlim(0, 1.25 * highest)
    axes[1].invert_yaxis()  # shared with the first, which ranges() has turned already
    return figure
