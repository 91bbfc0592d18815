"""Figures of lecture 04: atrous kernels, the pixels that stacks of them see, rates on a small map, ASPP."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from segutils.figures.diagrams import arrow, box
from segutils.plotting import BLACK, BLUE, GREEN, ORANGE, RED, WIDTH, to_picture

__all__ = [
    "aspp_diagram",
    "coverage",
    "effective_stack",
    "explore_stack",
    "fields",
    "ground_predictions",
    "half_width",
    "heat_maps",
    "kernels",
    "output_stride_grids",
    "paint_ground",
    "path_counts",
    "published_numbers",
    "rates_on_map",
    "stack_scores",
    "stride_for_dilation",
    "valid_taps",
]

GRID = "#C8C8C8"
GROUND_COLORS = np.array([[120, 120, 120], [230, 159, 0], [0, 60, 140]])  # road, sidewalk, lane marking
PATHS = "paths to the output, relative to the most used pixel; hatched: never read"


def path_counts(rates: Sequence[int], kernel_size: int = 3) -> np.ndarray:
    """Through how many paths each input pixel reaches one output pixel of a stack of atrous convolutions.

    It is the gradient of that output where every weight is 1. Rows and columns are alike, so one line is enough.

    Shape: (F, F) integers, F = 1 + sum of (kernel_size - 1) * rate: the receptive field.
    """
    line = np.ones(1, dtype=np.int64)
    for rate in rates:
        taps = np.zeros((kernel_size - 1) * rate + 1, dtype=np.int64)
        taps[::rate] = 1
        line = np.convolve(line, taps)
    return np.outer(line, line)


def coverage(counts: np.ndarray) -> float:
    """Share of the receptive field's pixels that are looked at, 0..1."""
    return float((counts > 0).mean())


def kernels(rates: Sequence[int] = (1, 2, 3, 6), kernel_size: int = 3) -> Figure:
    """The taps of one kernel at several rates, drawn on the pixels that it reads."""
    figure, axes = plt.subplots(1, len(rates), figsize=(WIDTH, 2.75))
    widest = (kernel_size - 1) * max(rates) + 3
    for ax, rate in zip(np.atleast_1d(axes), rates, strict=True):
        size = (kernel_size - 1) * rate + 1
        draw_taps(ax, rate, kernel_size, widest)
        ax.set_title(f"rate {rate}: {size} x {size}\n{kernel_size**2} of {size**2} pixels read")
    return figure


def draw_taps(ax: Axes, rate: int, kernel_size: int, size: int) -> None:
    """One kernel's taps in the middle of a grid of `size` x `size` pixels, its outline dashed."""
    middle, reach = (size - 1) / 2, rate * (kernel_size - 1) / 2
    steps = np.arange(kernel_size) * rate - reach + middle
    ax.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal", xticks=[], yticks=[])
    for edge in np.arange(-0.5, size):
        ax.axhline(edge, color=GRID, linewidth=0.6)
        ax.axvline(edge, color=GRID, linewidth=0.6)
    for row in steps:
        for column in steps:
            color = ORANGE if row == column == middle else BLUE
            ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=color, edgecolor="white", linewidth=0.5))
    corner, width = middle - reach - 0.5, 2 * reach + 1
    ax.add_patch(Rectangle((corner, corner), width, width, fill=False, edgecolor=BLACK, linestyle="--", zorder=3))
    ax.spines[:].set_visible(False)


def stride_for_dilation(length: int = 13) -> Figure:
    """Two layers on one line of pixels: a stride of 2 before a convolution, and a dilation of 2 in its place."""
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.6))
    middle = length // 2
    used = [
        range(middle - 3, middle + 4),
        range(middle - 2, middle + 3, 2),
        [middle],
    ]  # by the middle output, per level
    for ax, stride in zip(axes, (2, 1), strict=True):
        for column in used[1]:
            ax.plot([column, middle], [1, 2], color=BLUE, linewidth=2)
            for tap in (-1, 0, 1):
                ax.plot([column + tap, column], [0, 1], color=ORANGE, linewidth=1.4)
        for level, computed in enumerate((range(length), range(0, length, stride), range(0, length, stride))):
            new = [column for column in computed if column % 2] if level else []
            draw_dots(ax, computed, level, facecolor="white", edgecolor="gray")
            draw_dots(ax, new, level, facecolor="white", edgecolor=GREEN, linewidth=2.2, marker="D")
            draw_dots(ax, used[level], level, facecolor=BLACK, edgecolor=BLACK)
        ax.set(xlim=(-0.7, length - 0.3), ylim=(-0.35, 2.35), xticks=range(0, length, 2))
        ax.set(yticks=[0, 1, 2], yticklabels=["input", "layer 1", "layer 2"], xlabel="position in input pixels")
        ax.set_title(
            f"layer 1: stride {stride}, layer 2: dilation {2 // stride}\n{len(computed)} outputs on {length} pixels"
        )
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
    labels = {
        "o": (BLACK, BLACK, "what the middle output reads"),
        "D": ("white", GREEN, "only computed without the stride"),
    }
    handles = [
        plt.Line2D([], [], marker=marker, linestyle="", markerfacecolor=face, markeredgecolor=edge, label=text)
        for marker, (face, edge, text) in labels.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def draw_dots(ax: Axes, columns: Sequence[int], level: int, **style) -> None:
    """One row of dots."""
    ax.scatter(columns, [level] * len(columns), s=80, zorder=3, **style)


def output_stride_grids(image, strides: Sequence[int] = (32, 16, 8)) -> Figure:
    """One picture under the grids of several output strides: a cell is what one position of the last map stands for."""
    picture = to_picture(image)
    height, width = picture.shape[:2]
    figure, axes = plt.subplots(1, len(strides), figsize=(WIDTH, WIDTH / len(strides) * height / width + 0.35))
    for ax, stride in zip(axes, strides, strict=True):
        ax.imshow(picture)
        for x in range(stride, width, stride):
            ax.axvline(x - 0.5, color="white", linewidth=0.7)
        for y in range(stride, height, stride):
            ax.axhline(y - 0.5, color="white", linewidth=0.7)
        ax.set_title(f"output stride {stride}: {-(-width // stride)} x {-(-height // stride)} positions")
        ax.axis("off")
    return figure


def draw_field(ax: Axes, counts: np.ndarray, extent: int) -> None:
    """Path counts in the middle of a square of `extent` pixels, relative to the largest; unseen pixels are hatched."""
    reach, half = len(counts) / 2, extent / 2
    outline = {"xy": (-reach, -reach), "width": 2 * reach, "height": 2 * reach}
    ax.add_patch(Rectangle(**outline, facecolor="white", edgecolor=GRID, hatch="////" * (len(counts) < 100)))
    relative = np.where(counts > 0, counts, np.nan) / counts.max()
    ax.imshow(relative, extent=(-reach, reach, -reach, reach), cmap="viridis", vmin=0, vmax=1, zorder=2)
    ax.add_patch(Rectangle(**outline, fill=False, edgecolor=BLACK, linestyle="--", zorder=3))
    ax.set(xlim=(-half, half), ylim=(-half, half), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def fields(stacks: Sequence[Sequence[int]], kernel_size: int = 3) -> Figure:
    """The pixels that one output pixel of every stack sees, and how many paths lead to each."""
    maps = [path_counts(rates, kernel_size) for rates in stacks]
    extent = max(map(len, maps)) + 2
    figure, axes = plt.subplots(1, len(stacks), figsize=(WIDTH, WIDTH / len(stacks) + 1.2))
    for ax, rates, counts in zip(np.atleast_1d(axes), stacks, maps, strict=True):
        draw_field(ax, counts, extent)
        ax.set_title(f"rates {', '.join(map(str, rates))}\n{len(counts)} wide, {coverage(counts):.1%} read")
    figure.colorbar(axes[0].images[0], ax=axes, location="bottom", fraction=0.05, aspect=45, label=PATHS)
    return figure


def heat_maps(maps: dict[str, np.ndarray], middle: int) -> Figure:
    """Maps that are non-negative, each relative to its largest value, with a dashed square of `middle` pixels."""
    figure, axes = plt.subplots(1, len(maps), figsize=(WIDTH, WIDTH / len(maps) + 0.85))
    for ax, (name, values) in zip(axes, maps.items(), strict=True):
        values = np.asarray(values)
        corner = (len(values) - middle) / 2 - 0.5
        ax.imshow(values / values.max(), vmin=0, vmax=1)
        ax.add_patch(Rectangle((corner, corner), middle, middle, fill=False, edgecolor="white", linestyle="--"))
        ax.set(title=name, xticks=[], yticks=[])
    label = "mean size of the gradient, relative to the largest"
    figure.colorbar(axes[0].images[0], ax=axes, location="bottom", fraction=0.05, aspect=45, label=label)
    return figure


def explore_stack(rate: int, kernel_size: int, depth: int, doubling: bool) -> Figure:
    """One kernel's taps, and what a stack of `depth` such layers sees; `doubling` doubles the rate layer by layer."""
    rates = [rate * 2**layer if doubling else rate for layer in range(depth)]
    counts = path_counts(rates, kernel_size)
    size = (kernel_size - 1) * rate + 1
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 4.6))
    draw_taps(left, rate, kernel_size, size + 2)
    left.set_title(
        f"one {kernel_size} x {kernel_size} kernel at rate {rate}: {size} x {size},\n{kernel_size**2} weights"
    )
    draw_field(right, counts, len(counts) + 2)
    right.set_title(
        f"rates ({', '.join(map(str, rates))}): {len(counts)} x {len(counts)},\n"
        f"{coverage(counts):.1%} of its pixels read, {depth * kernel_size**2} weights"
    )
    figure.colorbar(right.images[0], ax=right, fraction=0.045, label="paths, relative to the most used pixel")
    return figure


def share_inside(effect) -> np.ndarray:
    """Share of a square map that lies in its middle 1x1, 3x3, 5x5 ... pixels: (S, S), S odd -> ((S + 1) / 2,)."""
    effect = np.asarray(effect, dtype=float)
    middle = len(effect) // 2
    inside = [effect[middle - r : middle + r + 1, middle - r : middle + r + 1].sum() for r in range(middle + 1)]
    return np.array(inside) / effect.sum()


def half_width(effect) -> int:
    """Width of the smallest square in the middle of a map (S, S), S odd, that holds half of it or more."""
    return 2 * int(np.argmax(share_inside(effect) >= 0.5)) + 1


def effective_stack(effect, rates: Sequence[int], kernel_size: int = 3) -> Figure:
    """What a stack of atrous layers could use, what it gets, and how much of it lies how far from the middle.

    Shape: effect (F, F), non-negative, where F is the receptive field of the stack.
    """
    effect, counts = np.asarray(effect, dtype=float), path_counts(rates, kernel_size)
    half, widths = half_width(effect), np.arange(1, len(effect) + 1, 2)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(WIDTH, 3.2), width_ratios=(1, 1, 0.95))
    draw_field(left, counts, len(counts) + 2)
    left.set_title(f"receptive field: {len(counts)} x {len(counts)},\n{coverage(counts):.1%} of it read")
    draw_field(middle, effect, len(effect) + 2)
    corner = {"xy": (-half / 2, -half / 2), "width": half, "height": half}
    for color, width in (("black", 3.0), ("white", 1.4)):  # white on black is seen on every colour
        middle.add_patch(Rectangle(**corner, fill=False, edgecolor=color, linewidth=width, zorder=4))
    middle.set_title(f"effective: half of it lies\nin the middle {half} x {half}")
    right.plot(widths, 100 * share_inside(effect), color=BLUE, linewidth=2)
    right.plot(widths, 100 * (widths / len(effect)) ** 2, ":", color="gray")
    right.plot([half, half], [0, 100 * share_inside(effect)[half // 2]], "--", color=RED)
    right.set(xlabel="width of the middle square", ylabel="share of the effect (%)", ylim=(0, 103))
    right.set_xlim(0, len(effect) + 1)
    right.set_title("share in the middle square;\ndotted: if all counted alike")
    figure.suptitle(f"{kernel_size} x {kernel_size} at rates {', '.join(map(str, rates))}", fontsize=10)
    return figure


def valid_taps(sizes: Sequence[tuple[int, int]], shares: Sequence[Sequence[float]], rates: Sequence[int]) -> Figure:
    """Share of a 3x3 kernel's taps that fall on the map, by rate, one line per size (height, width)."""
    figure, ax = plt.subplots(figsize=(WIDTH * 0.75, 3.4))
    for (height, width), share, style, color in zip(sizes, shares, ("-", "--", "-."), (BLUE, RED, GREEN), strict=False):
        ax.plot(rates, 100 * np.asarray(share), style, color=color, linewidth=2, label=f"map of {width} x {height}")
    ax.axhline(100 / 9, color="gray", linestyle=":")
    ax.text(rates[-1], 100 / 9 - 1.2, "1 tap of 9: a 1x1 convolution", ha="right", va="top", fontsize=9)
    ax.set(xlabel="atrous rate", ylabel="taps on the map (%)", ylim=(0, 102), xlim=(rates[0], rates[-1]))
    ax.legend()
    return figure


def rates_on_map(rates: Sequence[int], height: int, width: int, position: tuple[int, int]) -> Figure:
    """Where the nine taps of a kernel at `position` (row, column) land: on the map, or in the padding around it."""
    figure, axes = plt.subplots(1, len(rates), figsize=(WIDTH, 3.1))
    reach = max(rates)
    row, column = position
    for ax, rate in zip(axes, rates, strict=True):
        ax.add_patch(Rectangle((-0.5, -0.5), width, height, facecolor="#E8EEF4", edgecolor=BLACK))
        offsets = [(row + rate * i, column + rate * j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        on = [(y, x) for y, x in offsets if 0 <= y < height and 0 <= x < width]
        off = [tap for tap in offsets if tap not in on]
        ax.scatter([x for _, x in on], [y for y, _ in on], s=45, color=BLUE, label="on the map", zorder=3)
        ax.scatter(
            [x for _, x in off], [y for y, _ in off], s=45, color=RED, marker="x", label="in the padding", zorder=3
        )
        ax.set(xlim=(column - reach - 3, column + reach + 3), ylim=(row + reach + 3, row - reach - 3), aspect="equal")
        ax.set_title(f"rate {rate}: {len(on)} of 9 taps")
        ax.axis("off")
    handles, labels = axes[-1].get_legend_handles_labels() if off else axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def aspp_diagram(atrous_rates: Sequence[int] = (6, 12, 18)) -> Figure:
    """ASPP from left to right: one map, five views of it with their taps drawn, concatenation, projection."""
    figure, ax = plt.subplots(figsize=(WIDTH, 4.4))
    ax.set(xlim=(0, 18), ylim=(0, 8.8))
    ax.axis("off")
    names = [
        "1x1 convolution",
        *(f"3x3, rate {rate}" for rate in atrous_rates),
        "average of the map,\n1x1, spread again",
    ]
    heights = np.linspace(8.0, 0.8, len(names))
    middle = heights.mean()
    box(ax, 1.7, middle, 2.6, 1.5, "feature map\n(N, C, H, W)", "white")
    box(ax, 12.4, middle, 2.2, 3.2, f"concatenate\n(N, {len(names)} x 256,\nH, W)", "white")
    box(ax, 16.2, middle, 2.9, 1.9, "project: 1x1\n(N, 256, H, W)", "#F7E3B5")
    for name, y, rate in zip(names, heights, [0, *atrous_rates, None], strict=True):
        box(ax, 7.0, y, 4.9, 1.35, "", "#DCE9F5" if rate is not None else "#D6EFE4")
        ax.text(7.65, y, name, ha="center", va="center", fontsize=9)
        tap_icon(ax, 5.3, y, rate, max(atrous_rates))
        arrow(ax, (3.05, middle), (4.5, y))
        arrow(ax, (9.5, y), (11.25, middle + (y - middle) * 0.35))
    arrow(ax, (13.55, middle), (14.7, middle))
    return figure


def tap_icon(ax: Axes, x: float, y: float, rate: int | None, widest: int) -> None:
    """The taps of a branch in a small square: the widest rate reaches its edge, None (the whole map) fills it."""
    half = 0.5
    ax.add_patch(Rectangle((x - half, y - half), 2 * half, 2 * half, facecolor="white", edgecolor="gray", zorder=3))
    if rate is None:
        ax.add_patch(Rectangle((x - half, y - half), 2 * half, 2 * half, facecolor=GREEN, zorder=4))
        return
    step = 0.85 * half * rate / widest
    offsets = [(i * step, j * step) for i in (-1, 0, 1) for j in (-1, 0, 1)] if rate else [(0, 0)]
    ax.scatter([x + dx for dx, _ in offsets], [y + dy for _, dy in offsets], s=9, marker="s", color=BLUE, zorder=4)


def published_numbers(by_stride: dict[int, float], other: dict[str, float]) -> Figure:
    """Two series of one paper side by side, each with its own axis: mIoU by output stride, and named numbers."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.2), width_ratios=(2, 1))
    strides = list(by_stride)
    left.plot(range(len(strides)), by_stride.values(), "o-", color=BLUE)
    for index, value in enumerate(by_stride.values()):
        left.annotate(f"{value:.2f}", (index, value), (4, 6), textcoords="offset points", fontsize=9)
    left.set_xticks(range(len(strides)), strides)
    left.set(xlabel="output stride", ylabel="mIoU on VOC 2012 val (%)", ylim=(0, 88), xlim=(-0.3, len(strides) - 0.4))
    left.set_title("one series: ResNet-50, blocks in cascade")
    right.bar(range(len(other)), other.values(), width=0.5, color=ORANGE, hatch="//", edgecolor="white")
    for index, value in enumerate(other.values()):
        right.text(index, value + 1, f"{value:.2f}", ha="center", fontsize=9)
    right.set_xticks(range(len(other)), other)
    right.set(ylim=(0, 88), ylabel="mIoU on VOC 2012 val (%)", title="another: ResNet-101, ASPP")
    return figure


def paint_ground(image, target, predictions: dict) -> dict[str, np.ndarray]:
    """The frame, its ground classes in GROUND_COLORS and the predictions likewise; ignored pixels show it, faded.

    Shape: image (3, H, W) uint8 or 0..1, target and predictions (H, W) with classes 0..2, in the target also 255
    -> {"image", "target" and the predictions' names: (H, W, 3) uint8}.
    """
    picture, target = to_picture(image), np.asarray(target)
    labelled = (target != 255)[..., None]
    faded = 255 - (255 - picture.astype(int)) // 3
    panels = {"image": picture}
    for name, mask in {"target": target, **predictions}.items():
        panels[name] = np.where(labelled, GROUND_COLORS[np.minimum(np.asarray(mask), 2)], faded).astype(np.uint8)
    return panels


def ground_predictions(image, target, predictions: dict[str, np.ndarray], names: Sequence[str]) -> Figure:
    """A frame, its ground classes and what several networks call them; pixels that are ignored stay as in the image.

    Shape: image (3, H, W) uint8 or 0..1, target and predictions (H, W) with classes 0..2, in the target also 255.
    """
    panels = paint_ground(image, target, predictions)
    columns = 3
    rows = -(-(len(panels) + 1) // columns)  # one more place for the legend
    height, width = np.shape(target)
    size = (WIDTH, WIDTH / columns * height / width * rows + 0.3 * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size)
    for ax in axes.flat:
        ax.axis("off")
    for ax, (name, panel) in zip(axes.flat, panels.items(), strict=False):
        ax.imshow(panel)
        ax.set_title(name)
    patches = [
        Patch(facecolor=color / 255, edgecolor=BLACK, label=name)
        for name, color in zip(names, GROUND_COLORS, strict=True)
    ]
    axes.flat[-1].legend(handles=patches, loc="center", title="pale: ignored")
    return figure


def stack_scores(rows: Sequence[dict], columns: Sequence[str]) -> Figure:
    """IoU of stacks of one rate, and beside them of those whose rates differ: every seed a dot, the means as lines.

    `rows` have "rates" such as "4 4 4 4", and a number 0..1 for every one of `columns`.
    """
    stacks = list(dict.fromkeys(row["rates"] for row in rows))
    figure, axes = plt.subplots(1, len(columns), figsize=(WIDTH, 3.3), sharex=True, sharey=True)
    for ax, column in zip(axes, columns, strict=True):
        values = {stack: [row[column] for row in rows if row["rates"] == stack] for stack in stacks}
        same = [stack for stack in stacks if len(set(stack.split())) == 1]
        ax.plot([stacks.index(stack) for stack in same], [np.mean(values[stack]) for stack in same], color=BLUE)
        for index, stack in enumerate(stacks):
            color, marker = (BLUE, "o") if stack in same else (RED, "D")
            ax.plot([index] * len(values[stack]), values[stack], marker, color=color, markersize=5, alpha=0.7)
            ax.plot([index - 0.2, index + 0.2], [np.mean(values[stack])] * 2, color=color)
        ax.set_xticks(range(len(stacks)), [stack.replace(" ", "\n") for stack in stacks])
        ax.set(xlabel="rates of layers 1 to 4", title=column)
        ax.grid(axis="y", color=GRID, linewidth=0.5)
    axes[0].set_ylabel("IoU on held-out streets")
    return figure
