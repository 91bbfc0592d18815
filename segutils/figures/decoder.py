"""Figures of lecture 05: what upsampling does to a boundary, DeepLabv3+'s decoder, separable kernels, trimaps."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from segutils.figures.diagrams import arrow, box
from segutils.plotting import BLACK, BLUE, GREEN, ORANGE, RED, WIDTH, to_picture

__all__ = [
    "architectures",
    "band_picture",
    "cost_against_miou",
    "design_choices",
    "explore_band",
    "separable_kernels",
    "trimap_curves",
    "upsampled_row",
]

GRAY = "#C8C8C8"
STYLES = {  # one look for the networks of the experiment
    "no decoder": {"color": RED, "linestyle": "--", "marker": "s"},
    "blind decoder": {"color": ORANGE, "linestyle": ":", "marker": "^"},
    "decoder": {"color": BLUE, "linestyle": "-", "marker": "o"},
}


# --- upsampling -------------------------------------------------------------------------------------------------------


def upsampled_row(truth: Sequence[int], cells: Sequence[float], scores: Sequence[float]) -> Figure:
    """A row of pixels of two classes, the scores of its cells, the upsampled scores, and what they decide.

    `cells` are the scores of the coarse cells, `scores` the upsampled ones, one per pixel; above 0 means class 1.
    """
    truth, scores = np.asarray(truth), np.asarray(scores)
    stride = len(truth) // len(cells)
    figure, (top, middle, bottom) = plt.subplots(3, 1, figsize=(WIDTH * 0.8, 3.9), height_ratios=(1, 5, 1), sharex=True)
    draw_strip(top, truth, "truth")
    centers = (np.arange(len(cells)) + 0.5) * stride - 0.5
    positions = np.linspace(-0.5, len(truth) - 0.5, 20 * len(truth) + 1)
    middle.axhline(0, color="0.5", linewidth=1)
    middle.plot(positions, np.interp(positions, centers, cells), color=BLUE)  # straight from center to center
    middle.plot(range(len(truth)), scores, "o", ms=5, color=BLUE, label="score of a pixel")
    middle.plot(centers, cells, "D", ms=9, color=ORANGE, markeredgecolor=BLACK, label="score of a cell")
    for edge in np.arange(0, len(truth) + 1, stride):
        middle.axvline(edge - 0.5, color=GRAY, linewidth=0.8)
    middle.set(ylabel="score of class 1", ylim=(-0.62, 0.62))
    middle.legend(loc="lower center", ncols=2, fontsize=9)
    draw_strip(bottom, (scores > 0).astype(int), "decision", wrong=(scores > 0) != truth)
    bottom.set_xlabel("pixel")
    return figure


def draw_strip(ax: Axes, classes: np.ndarray, name: str, wrong: np.ndarray | None = None) -> None:
    """One row of pixels with their classes written in; wrong ones are hatched."""
    for pixel, value in enumerate(classes):
        hatch = "////" if wrong is not None and wrong[pixel] else None
        face = "#DCE9F5" if value else "white"
        edge = RED if hatch else "gray"
        ax.add_patch(Rectangle((pixel - 0.5, 0), 1, 1, facecolor=face, edgecolor=edge, hatch=hatch))
        ax.text(
            pixel, 0.5, str(value), ha="center", va="center", bbox={"boxstyle": "round,pad=0.1", "fc": face, "lw": 0}
        )
    ax.set(xlim=(-0.6, len(classes) - 0.4), ylim=(0, 1), yticks=[0.5], yticklabels=[name], xticks=[])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)


# --- networks ---------------------------------------------------------------------------------------------------------


def architectures() -> Figure:
    """DeepLabv3 above DeepLabv3+: the same encoder, and what stands between its map and the image."""
    figure, ax = plt.subplots(figsize=(WIDTH, 5.0))
    ax.set(xlim=(0, 18), ylim=(0.2, 10.3))
    ax.axis("off")
    for title, y in (("DeepLabv3", 8.1), ("DeepLabv3+", 3.9)):
        ax.text(0.1, y + 1.75, title, fontsize=11, fontweight="bold", va="center")
        box(ax, 1.1, y, 1.7, 1.3, "image\n3", "white")
        box(ax, 4.0, y, 2.3, 1.7, "conv1, layer1\nstride 4\n256", "#DCE9F5")
        box(ax, 7.0, y, 2.3, 1.7, "layer2 to 4\nstride 16\n2048", "#DCE9F5")
        box(ax, 9.9, y, 2.1, 1.7, "ASPP\nstride 16\n256", "#DCE9F5")
        for start, end in ((1.95, 2.85), (5.15, 5.85), (8.15, 8.85)):
            arrow(ax, (start, y), (end, y))
    box(ax, 12.9, 8.1, 2.1, 1.7, "classifier\nstride 16\nC", "#F7E3B5")
    box(ax, 16.7, 8.1, 1.9, 1.3, "logits\nstride 1, C", "white")
    arrow(ax, (10.95, 8.1), (11.85, 8.1))
    arrow(ax, (13.95, 8.1), (15.75, 8.1), "x16")
    box(ax, 4.0, 1.2, 2.3, 1.3, "reduce: 1x1\n48", "#D6EFE4")
    box(ax, 12.2, 1.2, 2.2, 1.5, "concatenate\nstride 4\n256 + 48", "#D6EFE4")
    box(ax, 15.9, 1.2, 2.9, 1.5, "3x3, 3x3, classifier\nstride 4\n256, 256, C", "#D6EFE4")
    box(ax, 16.7, 3.9, 1.9, 1.3, "logits\nstride 1, C", "white")
    arrow(ax, (4.0, 3.05), (4.0, 1.85))
    arrow(ax, (5.15, 1.2), (11.1, 1.2), "low-level features: where things end")
    arrow(ax, (10.95, 3.6), (12.0, 1.95))
    ax.text(11.65, 2.95, "x4", fontsize=9)
    arrow(ax, (13.3, 1.2), (14.45, 1.2))
    arrow(ax, (16.7, 1.95), (16.7, 3.25), "x4")
    handles = [
        Patch(facecolor=color, edgecolor=BLACK, label=label)
        for color, label in (
            ("#DCE9F5", "encoder, the same in both"),
            ("#D6EFE4", "decoder"),
            ("#F7E3B5", "v3's classifier"),
        )
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def separable_kernels() -> Figure:
    """Which values of three input channels one output value reads: full, depthwise, atrous depthwise, pointwise."""
    kinds = (
        ("full 3x3", 1, 3, True),
        ("depthwise 3x3", 1, 3, False),
        ("depthwise 3x3, rate 2", 2, 3, False),
        ("pointwise 1x1", 1, 1, True),
    )
    figure, axes = plt.subplots(1, 4, figsize=(WIDTH, 3.6))
    for ax, (name, rate, size, mixes) in zip(axes, kinds, strict=True):
        for channel in range(3):
            draw_channel(
                ax, 6.0 * (2 - channel), rate, size, colors=[BLUE] * 3 if mixes else [BLUE, ORANGE, GREEN], row=channel
            )
            y = 6.0 * (2 - channel) + 2.5
            target = 8.5 if mixes else y
            arrow(ax, (5.2, y), (8.3, target))
            if not mixes or channel == 1:
                face = BLUE if mixes else [BLUE, ORANGE, GREEN][channel]
                ax.add_patch(Rectangle((8.4, target - 0.5), 1, 1, facecolor=face, edgecolor=BLACK))
        weights = (
            f"{size**2} x 3 weights for\n1 output channel"
            if mixes
            else f"{size**2} weights for each\nof 3 output channels"
        )
        ax.set(xlim=(-0.2, 10), ylim=(-0.3, 17.6), aspect="equal", title=name)
        ax.text(4.8, -0.8, weights, ha="center", va="top", fontsize=9)
        ax.axis("off")
    return figure


def draw_channel(ax: Axes, bottom: float, rate: int, size: int, colors: Sequence[str], row: int) -> None:
    """One channel as a 5x5 grid, the taps of a kernel in its middle coloured."""
    taps = {2 + rate * step for step in range(-(size // 2), size // 2 + 1)}
    for x in range(5):
        for y in range(5):
            face = colors[row] if x in taps and y in taps else "white"
            ax.add_patch(Rectangle((x, bottom + y), 1, 1, facecolor=face, edgecolor=GRAY, linewidth=0.6))
    ax.add_patch(Rectangle((0, bottom), 5, 5, fill=False, edgecolor=BLACK, linewidth=0.9))


# --- numbers of the paper ---------------------------------------------------------------------------------------------


def design_choices(by_channels: dict[int, float], by_structure: dict[str, float]) -> Figure:
    """Two tables of one paper side by side: mIoU by reduced channels, and by what follows the concatenation."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.1), width_ratios=(1, 1.25))
    left.plot(range(len(by_channels)), by_channels.values(), "o-", color=BLUE)
    for index, value in enumerate(by_channels.values()):
        left.annotate(f"{value:.2f}", (index, value), (0, 10), textcoords="offset points", ha="center", fontsize=9)
    left.set_xticks(range(len(by_channels)), by_channels)
    left.set(xlabel="channels left of the low-level features", ylabel="mIoU (%)", ylim=(77, 79.2), xlim=(-0.4, 4.5))
    left.set_title("followed by one 3x3 of 256")
    right.plot(by_structure.values(), range(len(by_structure)), "o", color=BLUE)
    for index, value in enumerate(by_structure.values()):
        right.annotate(f"{value:.2f}", (value, index), (7, 0), textcoords="offset points", va="center", fontsize=9)
        right.plot([77, value], [index, index], ":", color="0.6", linewidth=1, zorder=0)
    right.set_yticks(range(len(by_structure)), by_structure)
    right.set(xlabel="mIoU (%)", xlim=(77, 79.2), xticks=(77, 77.5, 78, 78.5, 79))
    right.margins(y=0.15)
    right.set_title("48 channels, followed by")
    right.invert_yaxis()
    return figure


def cost_against_miou(rows: Sequence[tuple[str, bool, float, float]]) -> Figure:
    """mIoU over multiply-adds; a row is (name, with decoder?, 10^9 multiply-adds, mIoU in percent)."""
    figure, ax = plt.subplots(figsize=(WIDTH * 0.75, 3.3))
    for decoder, marker, color in ((False, "s", RED), (True, "o", BLUE)):
        chosen = [row for row in rows if row[1] == decoder]
        label = "with decoder" if decoder else "without decoder"
        ax.plot([row[2] for row in chosen], [row[3] for row in chosen], marker, ms=9, color=color, label=label)
    for name, decoder, cost, miou in rows:
        place = (0, 10) if decoder else (0, -18)
        ax.annotate(f"{name}: {miou:.2f}", (cost, miou), place, textcoords="offset points", ha="center", fontsize=9)
    ax.set(xlabel="multiply-adds of one image (10⁹)", ylabel="mIoU (%)", xlim=(50, 340), ylim=(76.6, 79.9))
    ax.legend(loc="lower right")
    return figure


# --- boundaries -------------------------------------------------------------------------------------------------------


def band_picture(image, correct, band) -> np.ndarray:
    """The image dimmed outside the band, the band's pixels grey where correct and red where wrong: (H, W, 3) uint8."""
    picture = 0.45 * to_picture(image) + 0.55 * 255
    correct, band = np.asarray(correct)[..., None], np.asarray(band)[..., None]
    marked = np.where(correct, (90, 90, 90), (213, 94, 0))
    return np.where(band, marked, picture).round().astype(np.uint8)


def explore_band(scenes: Sequence[dict], band, scene: int, width: int, decoder: bool) -> Figure:
    """One scene, and the errors of one network in the band of that width round its class boundaries.

    A scene holds "image" (3, H, W), "target" (H, W) and the prediction (H, W) of "decoder" and "no decoder";
    `band(target, width)` finds the band, (N, H, W) -> (N, H, W) bool.
    """
    chosen, name = scenes[scene], "decoder" if decoder else "no decoder"
    target, prediction = chosen["target"], chosen[name]
    near, correct, labelled = band(target[None], width)[0], prediction == target, target != 255
    far = labelled & ~near
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 2.75))
    axes[0].imshow(to_picture(chosen["image"]))
    axes[0].set_title(f"scene {scene}")
    axes[1].imshow(band_picture(chosen["image"], correct, near))
    axes[1].set_title(f"{name}, band of {width} px:\n{share(correct, near)} right")
    axes[2].imshow(band_picture(chosen["image"], correct, far))
    axes[2].set_title(f"{name}, further away:\n{share(correct, far)} right")
    for ax in axes:
        ax.axis("off")
    handles = [
        Patch(facecolor="#5A5A5A", label="right"),
        Patch(facecolor=RED, label="wrong"),
        Patch(facecolor="#DDDDDD", label="not counted"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def share(correct: torch.Tensor, where: torch.Tensor) -> str:
    """The share of correct pixels among some, as text."""
    return f"{correct[where].float().mean():.1%}" if where.any() else "no pixel"


def trimap_curves(rows: Sequence[dict]) -> Figure:
    """Accuracy and mean IoU over the width of the band, the mean of all seeds as a line, each seed as a mark."""
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.4))
    for ax, column, label in zip(axes, ("accuracy", "miou"), ("pixel accuracy", "mean IoU"), strict=True):
        for name, style in STYLES.items():
            bands = [row for row in rows if row["network"] == name and row["region"] == "band"]
            widths = sorted({row["width"] for row in bands})
            values = [[row[column] for row in bands if row["width"] == width] for width in widths]
            line = {"color": style["color"], "linestyle": style["linestyle"]}
            ax.plot(widths, [np.mean(seeds) for seeds in values], label=name, marker=style["marker"], ms=5, **line)
            for width, seeds in zip(widths, values, strict=True):
                ax.plot([width] * len(seeds), seeds, "_", color=style["color"], ms=8)
        ax.set(xlabel="width of the band (pixels)", ylabel=label, xlim=(0, max(widths) + 0.5))
    axes[0].legend(loc="lower right")
    return figure
