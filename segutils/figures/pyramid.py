"""Figures of lecture 03: patches that look alike, bins by hand and over a scene, the pyramid, its experiments."""

from collections.abc import Sequence
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from torch.nn import functional as F

from segutils.figures import diagrams
from segutils.figures.atrous import GROUND_COLORS, paint_ground
from segutils.figures.diagrams import box
from segutils.plotting import BLACK, BLUE, GREEN, ORANGE, PURPLE, RED, SKY, WIDTH, show_images, to_picture

__all__ = [
    "accuracy_by_row",
    "bin_edges",
    "bins_by_hand",
    "effective_field",
    "ground_panels",
    "look_alikes",
    "network_diagram",
    "patch_examples",
    "patch_predictions",
    "pooled_and_spread",
    "published_numbers",
    "pyramid_diagram",
    "seed_dots",
    "silenced_branches",
]

GRID = "#C8C8C8"
BIN_COLORS = {1: RED, 2: ORANGE, 3: BLUE, 6: GREEN}  # as in the diagram of the module
arrow = partial(diagrams.arrow, shrinkA=0, shrinkB=0)  # from edge to edge
PATCH_COLORS = np.array([[225, 235, 225], [230, 159, 0], [0, 60, 140]])  # meadow, by day, by night


def bin_edges(length: int, num_bins: int) -> list[tuple[int, int]]:
    """First position of every bin, and the one behind its last: floor(i * n / k) and ceil((i + 1) * n / k)."""
    return [(i * length // num_bins, -(-(i + 1) * length // num_bins)) for i in range(num_bins)]


def look_alikes(image, boxes: Sequence[tuple[int, int]], size: int) -> Figure:
    """A scene with numbered square boxes, and beside it what is in them, enlarged.

    `boxes` are (row, column) of the upper left corner, `size` their side in pixels.
    """
    picture = to_picture(image)
    figure = plt.figure(figsize=(WIDTH, 3.5))
    scene, crops = figure.subfigures(1, 2, width_ratios=(3, 2))
    ax = scene.subplots()
    ax.imshow(picture)
    ax.axis("off")
    for ax_crop, (number, (row, column)) in zip(crops.subplots(2, 2).flat, enumerate(boxes, start=1), strict=True):
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), size, size, fill=False, edgecolor="white", linewidth=3))
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), size, size, fill=False, edgecolor=BLACK, linewidth=1.5))
        ax.annotate(
            str(number), (column + size / 2, row - 3), ha="center", va="bottom", fontsize=12, fontweight="bold",
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )  # fmt: skip
        ax_crop.imshow(picture[row : row + size, column : column + size])
        ax_crop.set(title=str(number), xticks=[], yticks=[])
    return figure


def effective_field(image, effect: np.ndarray, center: tuple[int, int], widths: dict[str, int]) -> Figure:
    """A scene with squares of several widths round one point, and beside it how strongly each pixel acts on that point.

    `effect` is (H, W), non-negative; its square root is drawn, because it spans orders of magnitude.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.6))
    left.imshow(to_picture(image))
    drawn = right.imshow(np.sqrt(effect / effect.max()), vmin=0, vmax=1)
    for ax in (left, right):
        for (name, width), style, color in zip(widths.items(), ("-", "--", ":"), ("white", ORANGE, SKY), strict=False):
            corner = (center[1] - width / 2, center[0] - width / 2)
            square = {"xy": corner, "width": width, "height": width, "fill": False}
            ax.add_patch(Rectangle(**square, edgecolor=BLACK, linewidth=3.6))
            ax.add_patch(Rectangle(**square, edgecolor=color, linestyle=style, linewidth=2, label=f"{name}: {width}"))
        ax.plot(center[1], center[0], "+", color="white", markersize=11, markeredgewidth=2)
        ax.set(xlim=(-0.5, effect.shape[1] - 0.5), ylim=(effect.shape[0] - 0.5, -0.5))
        ax.axis("off")
    left.set_title("one position of the last map: +")
    right.set_title("how much each pixel acts on it")
    figure.colorbar(drawn, ax=right, fraction=0.035, label="square root of the mean gradient")
    handles, labels = left.get_legend_handles_labels()
    legend = figure.legend(handles, labels, loc="outside lower center", ncols=3, title="width of the square in pixels")
    legend.get_frame().set(facecolor="#777777", alpha=1)
    legend.set_frame_on(True)
    for text in [*legend.get_texts(), legend.get_title()]:
        text.set_color("white")
    return figure


def bins_by_hand(values: Sequence[float], num_bins: int) -> Figure:
    """A row of numbers, the bins that adaptive pooling puts over it, their averages, and the row they are spread to."""
    row = torch.tensor([[list(values)]], dtype=torch.float64)  # (1, 1, length)
    means = F.adaptive_avg_pool1d(row, num_bins)
    spread = F.interpolate(means, size=row.shape[-1], mode="linear", align_corners=False)
    figure, ax = plt.subplots(figsize=(WIDTH * 0.75, 3.9))
    colors = [ORANGE, SKY, PURPLE, GREEN]
    draw_row(ax, 5.2, row[0, 0], "#F2F2F2")
    for i, (start, stop) in enumerate(bin_edges(len(values), num_bins)):
        y = 4.35 - 0.38 * (i % 2)  # bins that overlap are drawn at two heights
        ax.plot([start + 0.06, stop - 0.06], [y, y], color=colors[i % 4], linewidth=6, solid_capstyle="butt")
        middle = (i + 0.5) * len(values) / num_bins
        arrow(ax, ((start + stop) / 2, y - 0.1), (middle, 2.9))
    width = len(values) / num_bins
    draw_row(ax, 2.4, means[0, 0], [colors[i % 4] for i in range(num_bins)], width)
    draw_row(ax, 0.5, spread[0, 0], "#F2F2F2")
    for y, text in ((5.2, f"{len(values)} numbers"), (4.2, "bins"), (2.4, "averages"), (0.5, "spread again")):
        ax.text(-0.25, y, text, ha="right", va="center")
    ax.set(xlim=(-1.4, len(values) + 0.1), ylim=(-0.1, 5.8))
    ax.axis("off")
    return figure


def draw_row(ax: Axes, y: float, values, colors, width: float = 1.0) -> None:
    """Numbers in boxes side by side."""
    colors = [colors] * len(values) if isinstance(colors, str) else colors
    for i, (value, color) in enumerate(zip(values, colors, strict=True)):
        ax.add_patch(
            Rectangle((i * width + 0.03, y - 0.45), width - 0.06, 0.9, facecolor=color, edgecolor=BLACK, alpha=0.75)
        )
        ax.text((i + 0.5) * width, y, f"{float(value):.2g}", ha="center", va="center", fontsize=12)


def pooled_and_spread(image, maps: dict, what: str, size: int) -> Figure:
    """One map of a scene, its averages over size x size bins, and those spread over the map again.

    `maps` holds (H, W) arrays by name, of any size: shares of a class in 0..1, or a feature channel. `what` is the one
    to draw. Numbers stand in the cells where they can be read.
    """
    values = torch.as_tensor(np.asarray(maps[what]), dtype=torch.float32)[None, None]  # (1, 1, H, W)
    pooled = F.adaptive_avg_pool2d(values, size)
    spread = F.interpolate(pooled, size=values.shape[-2:], mode="bilinear", align_corners=False)
    picture = to_picture(image)
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH * 0.85, 6.1))
    extent = (0, picture.shape[1], picture.shape[0], 0)
    scale = {"vmin": min(0.0, values.min().item()), "vmax": values.max().item(), "extent": extent}
    axes[0, 0].imshow(picture, extent=extent)
    axes[0, 0].set_title("the scene")
    for ax, part, title in (
        (axes[0, 1], values, f"{what}: {values.shape[-1]} x {values.shape[-2]} values"),
        (axes[1, 0], pooled, f"averages of {size} x {size} bins"),
        (axes[1, 1], spread, f"spread again to {values.shape[-1]} x {values.shape[-2]}"),
    ):
        drawn = ax.imshow(part[0, 0].numpy(), **scale)
        ax.set_title(title)
    for ax in (axes[0, 0], axes[0, 1]):
        draw_bins(ax, picture.shape[0], picture.shape[1], size)
    if size <= 6:
        write_cells(axes[1, 0], pooled[0, 0].numpy(), picture.shape[:2])
    for ax in axes.flat:
        ax.axis("off")
    figure.colorbar(drawn, ax=axes, location="bottom", fraction=0.035, aspect=50, label=what)
    return figure


def draw_bins(ax: Axes, height: int, width: int, size: int) -> None:
    """The outlines of size x size bins, white on black, over a picture of that size."""
    for i in range(1, size):
        for color, linewidth in ((BLACK, 2.2), ("white", 1.0)):
            ax.axvline(i * width / size, color=color, linewidth=linewidth)
            ax.axhline(i * height / size, color=color, linewidth=linewidth)


def write_cells(ax: Axes, cells: np.ndarray, shape: tuple[int, int]) -> None:
    """The number of every cell in its middle."""
    height, width = shape
    for (row, column), value in np.ndenumerate(cells):
        ax.text(
            (column + 0.5) * width / len(cells), (row + 0.5) * height / len(cells), f"{value:.2f}",
            ha="center", va="center", fontsize=11 if len(cells) <= 3 else 8,
            bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.75},
        )  # fmt: skip


def pyramid_diagram(pool_sizes: Sequence[int] = (1, 2, 3, 6)) -> Figure:
    """Pyramid pooling from left to right: one map, its averages over four grids, 1x1, spread, concatenated."""
    figure, ax = plt.subplots(figsize=(WIDTH, 4.5))
    ax.set(xlim=(0, 18), ylim=(-0.3, 9.0))
    ax.axis("off")
    heights = np.linspace(6.3, 0.6, len(pool_sizes))
    n = len(pool_sizes)
    box(ax, 1.6, 4.4, 2.6, 1.5, "x\n(N, C, H, W)", "white")
    box(ax, 15.9, 4.4, 3.0, 3.0, "concatenate\n(N, 2C, H, W)", "#F7E3B5")
    ax.text(9, 8.35, "x itself, untouched: C channels", ha="center", fontsize=9)
    ax.plot([1.6, 1.6, 15.9], [5.2, 8.0, 8.0], color="#555555", linewidth=0.9)
    arrow(ax, (15.9, 8.0), (15.9, 5.95))
    for size, y in zip(pool_sizes, heights, strict=True):
        grid_icon(ax, 5.0, y, size)
        box(ax, 8.3, y, 2.9, 1.15, f"1x1 conv, BN, ReLU\nC / {n} channels", "#DCE9F5")
        box(ax, 11.9, y, 2.4, 1.15, "spread to\nH x W", "#D6EFE4")
        arrow(ax, (2.95, 4.4), (4.2, y))
        arrow(ax, (5.8, y), (6.8, y))
        arrow(ax, (9.8, y), (10.65, y))
        arrow(ax, (13.15, y), (14.35, 4.4 + (y - 4.4) * 0.35))
    return figure


def grid_icon(ax: Axes, x: float, y: float, size: int) -> None:
    """A square of size x size cells, its size written beside it."""
    half = 0.55
    color = BIN_COLORS.get(size, PURPLE)
    ax.add_patch(Rectangle((x - half, y - half), 2 * half, 2 * half, facecolor=color, alpha=0.35, zorder=2))
    for i in range(size + 1):
        step = -half + 2 * half * i / size
        ax.plot([x + step] * 2, [y - half, y + half], color=BLACK, linewidth=0.8, zorder=3)
        ax.plot([x - half, x + half], [y + step] * 2, color=BLACK, linewidth=0.8, zorder=3)
    ax.text(x, y - half - 0.12, f"{size} x {size}", ha="center", va="top", fontsize=9)


def network_diagram() -> Figure:
    """PSPNet from image to logits, with the auxiliary head on the stage before the last, which only training uses."""
    figure, ax = plt.subplots(figsize=(WIDTH, 3.3))
    ax.set(xlim=(0, 18), ylim=(0, 6.4))
    ax.axis("off")
    stages = {"stem": (4, 64), "stage 1": (4, 256), "stage 2": (8, 512), "stage 3": (8, 1024), "stage 4": (8, 2048)}
    for (name, (stride, channels)), x in zip(stages.items(), (2.55, 4.45, 6.35, 8.25, 10.15), strict=True):
        box(ax, x, 4.4, 1.6, 1.7, f"{name}\nstride {stride}\n{channels} ch.", "#DCE9F5")
        arrow(ax, (x - 1.1, 4.4), (x - 0.8, 4.4))
    box(ax, 0.75, 4.4, 1.3, 1.2, "image", "white")
    box(ax, 12.5, 4.4, 2.3, 1.7, "pyramid\npooling\n4096 ch.", "#F7E3B5")
    box(ax, 15.0, 4.4, 1.9, 1.7, "3x3, 512\n1x1, classes", "#F7E3B5")
    box(ax, 17.1, 4.4, 1.5, 1.2, '"out"', "white")
    arrow(ax, (10.95, 4.4), (11.35, 4.4))
    arrow(ax, (13.65, 4.4), (14.05, 4.4))
    arrow(ax, (15.95, 4.4), (16.35, 4.4))
    box(ax, 12.0, 1.3, 3.2, 1.3, "auxiliary head\n3x3, 256; 1x1, classes", "#F4DCE6")
    box(ax, 15.9, 1.3, 1.5, 1.2, '"aux"', "white")
    ax.plot([8.25, 8.25], [3.55, 1.3], color=RED, linestyle="--", linewidth=1.4)
    arrow(ax, (8.25, 1.3), (10.4, 1.3), color=RED, linestyle="--")
    arrow(ax, (13.6, 1.3), (15.15, 1.3), color=RED, linestyle="--")
    ax.text(17.1, 5.5, "loss x 1", ha="center", fontsize=9)
    ax.text(15.9, 2.3, "loss x 0.4", ha="center", fontsize=9)
    ax.text(6.0, 1.3, "dashed: in training only", ha="center", va="center", fontsize=9, color=RED)
    return figure


def patch_examples(images, masks, names: Sequence[str]) -> Figure:
    """Pictures of the patch task above their targets. Shape: images (N, 3, H, W) in 0..1, masks (N, H, W)."""
    return patch_grid(images, {"target": masks}, names)


def patch_predictions(images, masks, predictions: dict, names: Sequence[str]) -> Figure:
    """Pictures of the patch task, their targets, and below what several networks make of them."""
    return patch_grid(images, {"target": masks, **predictions}, names)


def patch_grid(images, rows: dict, names: Sequence[str]) -> Figure:
    """One column per picture, one row for the pictures and one for every entry of `rows`."""
    count = len(images)
    side = (WIDTH - 1.3) / max(count, 4)
    figure, axes = plt.subplots(1 + len(rows), count, figsize=(1.3 + side * count, side * (1 + len(rows)) + 0.4))
    for column, image in enumerate(images):
        axes[0, column].imshow(to_picture(image))
    for ax_row, masks in zip(axes[1:], rows.values(), strict=True):
        for ax, mask in zip(ax_row, masks, strict=True):
            ax.imshow(PATCH_COLORS[np.asarray(mask)].astype(np.uint8))
    for ax, name in zip(axes[:, 0], ("picture", *rows), strict=True):
        ax.set_ylabel(name, rotation=0, ha="right", va="center")
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    colors = zip(PATCH_COLORS / 255, names, strict=True)
    handles = [Patch(facecolor=color, edgecolor=BLACK, label=name) for color, name in colors]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def accuracy_by_row(measured: Sequence[float], computed: Sequence[float]) -> Figure:
    """A network's accuracy by row of the picture, and what was computed from what it is told; nan: nothing to count."""
    figure, ax = plt.subplots(figsize=(WIDTH * 0.75, 3.1))
    ax.plot(range(len(computed)), computed, "--", color=RED, linewidth=2, label="computed from what it is told")
    ax.plot(range(len(measured)), measured, "-", color=BLUE, linewidth=2, label="measured")
    ax.set(xlabel="row of the picture, from the strip downwards", ylabel="accuracy on the patches' pixels")
    ax.set(ylim=(0.45, 1.04), xlim=(0, len(measured) - 1))
    ax.legend(loc="lower left")
    return figure


def ground_panels(image, target, predictions: dict, names: Sequence[str]) -> Figure:
    """A frame, its ground classes and four predictions in two rows of three; pixels that are ignored show the image.

    Shape: image (3, H, W) uint8 or 0..1, target and predictions (H, W) with classes 0..2, in the target also 255.
    """
    panels = paint_ground(image, target, predictions)
    figure = show_images(list(panels.values()), list(panels), columns=3)
    figure.set_figheight(figure.get_figheight() + 0.3)
    colors = zip(GROUND_COLORS / 255, names, strict=True)
    handles = [Patch(facecolor=color, edgecolor=BLACK, label=name) for color, name in colors]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, title="pale: ignored")
    return figure


def seed_dots(panels: dict[str, dict[str, Sequence[float]]], label: str, expected: dict | None = None) -> Figure:
    """Panels side by side, in each one row per network: a dot per seed, a line at their mean, a diamond where expected.

    `panels` maps a title to {network: numbers of its seeds}, `expected` alike to one number per network.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, 0.42 * len(next(iter(panels.values()))) + 1.15),
                                sharex=True, sharey=True, squeeze=False)  # fmt: skip
    for ax, (title, networks) in zip(axes[0], panels.items(), strict=True):
        for row, (name, values) in enumerate(networks.items()):
            ax.plot(values, [row] * len(values), "o", color=BLUE, alpha=0.6, label="one seed" if row == 0 else None)
            ax.plot([np.mean(values)] * 2, [row - 0.3, row + 0.3], color=BLUE)
            if expected is not None:
                ax.plot(expected[title][name], row, "D", fillstyle="none", color=RED, markersize=9,
                        label="computed from what it sees" if row == 0 else None)  # fmt: skip
        ax.set_yticks(range(len(networks)), networks)
        ax.set(title=title, xlabel=label)
        ax.grid(axis="x", color=GRID, linewidth=0.5)
    axes[0, 0].invert_yaxis()
    if expected is not None:
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def silenced_branches(drops: dict[str, dict[str, Sequence[float]]]) -> Figure:
    """By class, the IoU that is lost when a branch is silenced: a bar at the mean, a dot per seed.

    `drops` maps a class to {branch: losses of the seeds}.
    """
    figure, axes = plt.subplots(1, len(drops), figsize=(WIDTH, 2.9), sharey=True)
    for ax, (name, branches) in zip(axes, drops.items(), strict=True):
        for x, values in enumerate(branches.values()):
            color, hatch = (ORANGE, "//") if x == 0 else (BLUE, "")  # the first is no average
            ax.bar(x, np.mean(values), color=color, hatch=hatch, edgecolor="white", width=0.65)
            ax.plot([x] * len(values), values, "o", color=BLACK, markersize=4)
        ax.axhline(0, color=BLACK, linewidth=0.8)
        ax.set_xticks(range(len(branches)), branches)
        ax.set_title(name)
        ax.grid(axis="y", color=GRID, linewidth=0.5)
    axes[0].set_ylabel("IoU lost")
    return figure


def published_numbers(steps: dict[str, float], poolings: dict[str, float]) -> Figure:
    """Two series of mIoU that share network and data: what was added step by step, and which pooling."""
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.9))
    for ax, series, color, marker in zip(axes, (steps, poolings), (BLUE, RED), ("o", "D"), strict=True):
        ax.plot(series.values(), range(len(series)), marker, color=color, markersize=7)
        for row, value in enumerate(series.values()):
            ax.annotate(f"{value:.2f}", (value, row), (8, 0), textcoords="offset points", va="center", fontsize=9)
        ax.set_yticks(range(len(series)), series)
        ax.margins(y=0.1)
        ax.invert_yaxis()
        ax.grid(color=GRID, linewidth=0.5)
        ax.set(xlim=(33.5, 43.5), xlabel="mIoU on ADE20K val (%)")
    axes[0].set_title("table 4: what each step added")
    axes[1].set_title("table 1: which pooling")
    return figure
