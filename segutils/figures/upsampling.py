"""Figures of lecture 02: sliding a classifier, ways of enlarging a map, FCN's skips, the U."""

from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor
from torch.nn import functional as F

from segutils.errors import CourseError
from segutils.figures.diagrams import arrow, box
from segutils.plotting import BLACK, BLUE, GREEN, ORANGE, RED, SKY, WIDTH, to_picture

__all__ = [
    "CONTENTS",
    "METHODS",
    "answer_grid",
    "bounds",
    "contributions",
    "explore_upsampling",
    "fcn_diagram",
    "max_unpooling",
    "network_scores",
    "overlap_patterns",
    "sample_positions",
    "scatter",
    "score_maps",
    "stamps",
    "transposed_matrix",
    "unet_diagram",
    "upsampler",
]

GRID = "#C8C8C8"
PALE = "#DCE9F5"
TRANSPOSED = "transposed convolution, "
METHODS = (
    "nearest",
    "bilinear",
    "max-unpooling",
    f"{TRANSPOSED}ones",
    f"{TRANSPOSED}random weights",
    f"{TRANSPOSED}bilinear weights",
)
CONTENTS = ("constant", "edge", "spot")


# ---- from a classifier to a map of answers


def answer_grid(image, answers, target, palette, window: int, stride: int) -> Figure:
    """A picture with some windows of a classifier, the answers of all windows as a small map, and the target.

    Shape: image (3, H, W) uint8, answers (h, w) and target (H, W) class indices.
    """
    picture, answers, target = to_picture(image), np.asarray(answers), np.asarray(target)
    rows, columns = answers.shape
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 2.75))
    axes[0].imshow(picture)
    places = [(0, 0), (rows // 2, columns // 3), (rows - 1, columns - 1)]
    for (row, column), style in zip(places, ("-", "--", ":"), strict=True):
        corner = (column * stride - 0.5, row * stride - 0.5)
        look = {"fill": False, "edgecolor": "white", "linewidth": 2, "linestyle": style}
        axes[0].add_patch(Rectangle(corner, window, window, **look))
        center = (corner[0] + window / 2, corner[1] + window / 2)
        axes[0].plot(*center, "o", color=RED, markeredgecolor="white")
        axes[1].plot(column, row, "o", color=RED, markeredgecolor="white")
    axes[0].set_title(f"{picture.shape[1]} x {picture.shape[0]} pixels, three of {answers.size:,} windows")
    axes[1].imshow(palette.colorize(answers))
    axes[1].set_title(f"answers: {columns} x {rows}")
    axes[2].imshow(palette.colorize(target))
    axes[2].set_title("target: one class per pixel")
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return figure


def bounds(curves: dict[str, dict[int, float]]) -> Figure:
    """What coarse answers can reach: named curves of mean IoU (0..1) over the stride, each a dict stride -> value."""
    figure, ax = plt.subplots(figsize=(WIDTH, 3.4))
    looks = zip(curves.items(), ("o-", "s--", "D-.", "^:"), (BLUE, ORANGE, GREEN, RED), strict=False)
    for (name, values), style, color in looks:
        ax.plot(list(values), list(values.values()), style, color=color, label=name)
    strides = sorted({stride for values in curves.values() for stride in values})
    ax.set_xscale("log", base=2)
    ax.set_xticks(strides, [str(stride) for stride in strides])
    ax.set(xlabel="pixels per cell side (stride)", ylabel="mean IoU", ylim=(0, 1.02))
    ax.grid(axis="y", color=GRID, linewidth=0.5)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


# ---- ways of enlarging a map


def sample_positions(length: int = 4, factor: int = 2) -> Figure:
    """Where linear interpolation reads a row of pixels, with align_corners False and True.

    Upper row: the given pixels, drawn `factor` wide. Lower row: the new pixels; a line leads from each to its reading.
    """
    figure, axes = plt.subplots(2, 1, figsize=(WIDTH, 4.5))
    for ax, align_corners in zip(axes, (False, True), strict=True):
        reads = source_positions(length, factor, align_corners)
        for index in range(length):
            ax.add_patch(Rectangle((index * factor, 1), factor, 0.5, facecolor=PALE, edgecolor="gray"))
            ax.text((index + 0.5) * factor, 1.32, f"pixel {index}", ha="center", va="center", fontsize=9)
            ax.plot((index + 0.5) * factor, 1.1, "o", color=BLACK, markersize=5)
        for new, position in enumerate(reads):
            ax.add_patch(Rectangle((new, 0), 1, 0.35, facecolor="white", edgecolor="gray"))
            ax.plot([new + 0.5, (position + 0.5) * factor], [0.35, 1.1], color=BLUE, linewidth=1.2)
            ax.text(new + 0.5, 0.17, f"{position:.2f}", ha="center", va="center", fontsize=8)
        ax.set(xlim=(-0.1, length * factor + 0.1), ylim=(-0.1, 1.6))
        ax.set_title(f"align_corners={align_corners}: the position that each of the {len(reads)} new pixels reads")
        ax.axis("off")
    return figure


def source_positions(length: int, factor: int, align_corners: bool) -> np.ndarray:
    """Position on the given row (centres at 0, 1, ...) that each new pixel reads, before clamping at the ends.

    Shape: (length * factor,) floats.
    """
    new = np.arange(length * factor)
    if align_corners:
        return new * (length - 1) / (length * factor - 1)
    return (new + 0.5) / factor - 0.5


def stamps(row: Sequence[float], kernel: Sequence[float], stride: int) -> np.ndarray:
    """What each input of a one-dimensional transposed convolution writes; their sum is the output.

    Shape: (len(row), (len(row) - 1) * stride + len(kernel)); nan where an input writes nothing.
    """
    written = np.full((len(row), (len(row) - 1) * stride + len(kernel)), np.nan)
    for index, value in enumerate(row):
        written[index, index * stride : index * stride + len(kernel)] = value * np.asarray(kernel)
    return written


def scatter(row: Sequence[float], kernel: Sequence[float], strides: Sequence[int] = (2, 3)) -> Figure:
    """A transposed convolution of a row, at several strides: each input stamps the kernel, stamps are added up."""
    figure, axes = plt.subplots(1, len(strides), figsize=(WIDTH, 0.42 * (len(row) + 3) + 0.6))
    longest = (len(row) - 1) * max(strides) + len(kernel)
    for ax, stride in zip(np.atleast_1d(axes), strides, strict=True):
        written = stamps(row, kernel, stride)
        for index, line in enumerate(written):
            ax.text(-0.25, index + 0.5, f"{row[index]:g} writes", ha="right", va="center", fontsize=9)
            draw_cells(ax, line, index, PALE)
        counts = (~np.isnan(written)).sum(axis=0)
        ax.text(-0.25, len(row) + 0.7, "sum", ha="right", va="center", fontsize=9, weight="bold")
        draw_cells(ax, np.where(counts > 0, np.nansum(written, axis=0), 0), len(row) + 0.2, "#F7E3B5")
        ax.text(-0.25, len(row) + 1.6, "written by", ha="right", va="center", fontsize=9)
        for column, count in enumerate(counts):
            ax.text(column + 0.5, len(row) + 1.6, str(count), ha="center", va="center", fontsize=9)
        ax.set(xlim=(-2.2, longest + 0.1), ylim=(len(row) + 2, -0.1))
        ax.set_title(f"stride {stride}: {len(row)} values become {written.shape[1]}")
        ax.axis("off")
    return figure


def draw_cells(ax: Axes, values: Sequence[float], top: float, color: str) -> None:
    """A row of cells with their numbers, one high from `top` downwards; nan stays empty."""
    for column, value in enumerate(values):
        if not np.isnan(value):
            ax.add_patch(Rectangle((column, top), 1, 0.94, facecolor=color, edgecolor="gray"))
            ax.text(column + 0.5, top + 0.5, f"{value:g}", ha="center", va="center", fontsize=9)


def transposed_matrix(matrix) -> Figure:
    """The matrix of a convolution and its transpose, zeros left blank."""
    matrix = np.asarray(matrix)
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH * 0.8, 3.1), width_ratios=(1.5, 1))
    titles = (
        f"convolution: {matrix.shape[1]} values to {matrix.shape[0]}",
        f"its transpose: {matrix.shape[0]} values to {matrix.shape[1]}",
    )
    for ax, values, title in zip(axes, (matrix, matrix.T), titles, strict=True):
        draw_numbers(ax, values, highlight=values != 0)
        ax.set_title(title)
    return figure


def draw_numbers(ax: Axes, values, highlight=None, color: str = PALE, blank_zeros: bool = True) -> None:
    """A small matrix with its numbers; `highlight` (bool, same shape) colours cells."""
    values = np.asarray(values)
    rows, columns = values.shape
    for (row, column), value in np.ndenumerate(values):
        marked = highlight is not None and highlight[row, column]
        face = color if marked else "white"
        ax.add_patch(Rectangle((column, row), 1, 1, facecolor=face, edgecolor=GRID))
        if value != 0 or not blank_zeros:
            ax.text(column + 0.5, row + 0.5, f"{value:g}", ha="center", va="center", fontsize=10)
    ax.set(xlim=(-0.05, columns + 0.05), ylim=(rows + 0.05, -0.05), aspect="equal")
    ax.axis("off")


def max_unpooling(values, pooled, unpooled, nearest) -> Figure:
    """Max-pooling of a small map (its maxima marked), the pooled map, and two ways back: by indices, and by copying."""
    values, pooled, unpooled, nearest = (np.asarray(map_) for map_ in (values, pooled, unpooled, nearest))
    figure, axes = plt.subplots(1, 4, figsize=(WIDTH, 2.6), width_ratios=(2, 1.2, 2, 2))
    panels = (
        (values, unpooled != 0, "map; maxima of 2 x 2\nin colour"),
        (pooled, pooled != 0, "max-pooling"),
        (unpooled, unpooled != 0, "max-unpooling:\nback where it was"),
        (nearest, nearest != 0, "nearest: copied\nto the whole cell"),
    )
    for ax, (numbers, marked, title) in zip(axes, panels, strict=True):
        draw_numbers(ax, numbers, marked, blank_zeros=False)
        ax.set_title(title)
    for ax in (axes[0], axes[2], axes[3]):
        half = len(values) / 2
        ax.plot([half, half], [0, len(values)], color=BLACK, linewidth=1.2)
        ax.plot([0, len(values)], [half, half], color=BLACK, linewidth=1.2)
    return figure


def upsampler(method: str, kernel_size: int, stride: int) -> Callable[[Tensor], Tensor]:
    """One of METHODS as a function of a map; `kernel_size` counts for transposed convolutions with ones or random ones.

    Transposed convolutions are not cropped: n values become (n - 1) * stride + kernel_size. With bilinear weights the
    kernel size follows from the stride.

    Shape: (N, 1, n, n) -> (N, 1, m, m).

    Raises:
        CourseError: an unknown method.
    """
    if method in ("nearest", "bilinear"):
        return lambda x: F.interpolate(x, scale_factor=stride, mode=method)
    if method == "max-unpooling":
        return lambda x: unpool(x, stride)
    if method == f"{TRANSPOSED}ones":
        kernel = torch.ones(1, 1, kernel_size, kernel_size)
    elif method == f"{TRANSPOSED}random weights":
        kernel = torch.rand(1, 1, kernel_size, kernel_size, generator=torch.Generator().manual_seed(1))
    elif method == f"{TRANSPOSED}bilinear weights":
        size = 2 * stride - stride % 2
        line = 1 - (torch.arange(size) - (size - 1) / 2).abs() / stride
        kernel = torch.outer(line, line)[None, None]
    else:
        raise CourseError(f"unknown method {method!r}; known are {', '.join(METHODS)}")
    return lambda x: F.conv_transpose2d(x, kernel, stride=stride)


def unpool(x: Tensor, stride: int) -> Tensor:
    """Max-unpooling with made-up places: in cell (row, column) at (row, row + column), counted round the cell.

    Written with scatter, since torch's own max_unpool2d refuses to run where algorithms have to be deterministic.

    Shape: (N, 1, n, n) -> (N, 1, n * stride, n * stride).
    """
    size = x.shape[-1]
    row, column = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    new_row, new_column = row * stride + row % stride, column * stride + (row + column) % stride
    places = (new_row * size * stride + new_column).flatten().expand(len(x), -1)  # (N, n * n)
    enlarged = torch.zeros(len(x), (size * stride) ** 2).scatter(1, places, x.flatten(1))
    return enlarged.reshape(len(x), 1, size * stride, size * stride)


def contributions(enlarge: Callable[[Tensor], Tensor], size: int) -> np.ndarray:
    """How many of the size x size inputs reach each output of a linear `enlarge`: one input at a time is set to 1."""
    single = torch.eye(size * size).reshape(-1, 1, size, size)
    return (enlarge(single) != 0).sum(dim=(0, 1)).numpy()


def example_map(content: str, size: int = 4) -> Tensor:
    """A small map to be enlarged: the same value everywhere, a slanted edge, or one bright spot.

    Shape: (1, 1, size, size).
    """
    if content == "constant":
        return torch.ones(1, 1, size, size)
    if content == "edge":
        row, column = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        return (row + column >= size).float()[None, None]
    if content == "spot":
        x = torch.zeros(1, 1, size, size)
        x[..., size // 2, size // 2 - 1] = 1
        return x
    raise CourseError(f"unknown content {content!r}; known are {', '.join(CONTENTS)}")


def explore_upsampling(method: str, kernel_size: int, stride: int, content: str) -> Figure:
    """A small map, what one method makes of it, and how many inputs reach each of its output pixels."""
    x, enlarge = example_map(content), upsampler(method, kernel_size, stride)
    output, counts = enlarge(x)[0, 0].numpy(), contributions(enlarge, x.shape[-1])
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 3.5), width_ratios=(0.75, 1.1, 1.1))
    axes[0].imshow(x[0, 0].numpy(), vmin=0, vmax=1)
    axes[0].set_title(f"input: {x.shape[-1]} x {x.shape[-1]}")
    drawn = axes[1].imshow(output, vmin=0, vmax=max(output.max(), 1e-6))
    axes[1].set_title(f"output: {len(output)} x {len(output)}\nvalues {output.min():.2f} to {output.max():.2f}")
    figure.colorbar(drawn, ax=axes[1], fraction=0.046)
    axes[2].imshow(counts, cmap="cividis", vmin=0, vmax=max(counts.max(), 4))
    axes[2].set_title("inputs per output pixel")
    for (row, column), count in np.ndenumerate(counts):
        color = "k" if count > 0.6 * max(counts.max(), 4) else "w"
        axes[2].text(column, row, count, ha="center", va="center", fontsize=9 if len(counts) < 13 else 8, color=color)
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    sized = method in METHODS[3:5]
    figure.suptitle(f"{method}, {f'kernel {kernel_size}, ' if sized else ''}stride {stride}")
    return figure


def overlap_patterns(outputs: dict[str, np.ndarray]) -> Figure:
    """Enlarged constant maps side by side, each on its own scale from 0, with its smallest and largest value."""
    figure, axes = plt.subplots(1, len(outputs), figsize=(WIDTH, WIDTH / len(outputs) + 0.75))
    for ax, (name, output) in zip(axes, outputs.items(), strict=True):
        output = np.asarray(output)
        ax.imshow(output, vmin=0, vmax=output.max(), cmap="cividis")
        low, high = output.min(), output.max()
        ax.set(title=f"{name}\n{f'{low:g} to {high:g}' if low < high else f'{low:g} everywhere'}", xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return figure


# ---- networks


def fcn_diagram(classes: int = 32) -> Figure:
    """FCN-32s, 16s, 8s and 4s in one drawing: maps above, scores below, each taken, doubled, added, enlarged."""
    figure, ax = plt.subplots(figsize=(WIDTH, 5.2))
    ax.set(xlim=(-1.0, 18.2), ylim=(-0.9, 9.6))
    ax.axis("off")
    stages = (("image", 1), ("stem", 2), ("low", 4), ("mid", 8), ("high", 16), ("out", 32))
    places = np.linspace(0.7, 16.6, len(stages))
    for index, ((name, stride), x) in enumerate(zip(stages, places, strict=True)):
        box(ax, x, 8.3, 2.2, 2.3 - 0.3 * index, f"{name}\nstride {stride}", PALE)
        if index:
            arrow(ax, (places[index - 1] + 1.1, 8.3), (x - 1.1, 8.3))
    score, bottom = {}, {"low": 7.4, "mid": 7.55, "high": 7.7, "out": 7.85}
    for (name, _), x in list(zip(stages, places, strict=True))[2:]:
        score[name] = x
        box(ax, x, 5.7, 2.2, 1.0, "head" if name == "out" else "1x1 conv", "#D6EFE4")
        arrow(ax, (x, bottom[name]), (x, 6.2))
    ax.text(-0.9, 5.7, f"scores of\n{classes} classes,\nat each stride", va="center", fontsize=9)
    ax.text(-0.9, 3.5, "enlarged x2\nand added", va="center", fontsize=9)
    ax.text(-0.9, 0.4, "enlarged to\nthe image", va="center", fontsize=9)
    names = ("low", "mid", "high", "out")
    for name, factor in zip(names, (4, 8, 16, 32), strict=True):
        x = score[name]
        box(ax, x, 0.4, 2.4, 1.5, f"x{factor}\nFCN-{factor}s", "#F7E3B5")
        arrow(ax, (x, 3.1 if name != "out" else 5.2), (x, 1.15))
        if name != "out":
            ax.text(x, 3.5, "+", ha="center", va="center", fontsize=15, bbox={"boxstyle": "circle", "fc": "white"})
            arrow(ax, (x, 5.2), (x, 4.0))
            coarser = score[names[names.index(name) + 1]]
            start = (coarser - 0.45, 3.5) if names.index(name) < 2 else (coarser, 3.5)
            arrow(ax, start, (x + 0.5, 3.5))
            ax.text((x + coarser) / 2, 3.75, "x2", ha="center", va="bottom", fontsize=9)
    return figure


def unet_diagram(channels: dict[str, int], decoder_channels: Sequence[int]) -> Figure:
    """The U: the encoder's maps on the way down, the decoder's on the way up, copied across at every stride."""
    figure, ax = plt.subplots(figsize=(WIDTH, 5.0))
    ax.set(xlim=(0, 18), ylim=(-0.2, 12.2))
    ax.axis("off")
    names = ("image", "stem", "low", "mid", "high", "out")
    heights = np.linspace(11.3, 0.7, len(names))
    down, up = [1.6, 2.8, 4.0, 5.2, 6.4, 9.0], [16.4, 15.2, 14.0, 12.8, 11.6, 9.0]
    for level, (name, y) in enumerate(zip(names, heights, strict=True)):
        box(ax, down[level], y, 2.9, 1.25, f"{name}, stride {2**level}\n{channels[name]} channels", PALE)
        if level:
            arrow(ax, (down[level - 1] + 0.3, heights[level - 1] - 0.65), (down[level] - 0.3, y + 0.65))
        if level == len(names) - 1:
            continue
        width = decoder_channels[len(names) - 2 - level]
        box(ax, up[level], y, 2.9, 1.25, f"stride {2**level}\n{width} channels", "#D6EFE4")
        arrow(ax, (up[level + 1] + 0.3, heights[level + 1] + 0.65), (up[level] - 0.3, y - 0.65))
        ax.text(up[level] + 0.15, (y + heights[level + 1]) / 2, "x2", ha="center", va="center", fontsize=9)
        if level:
            arrow(ax, (down[level] + 1.5, y), (up[level] - 1.5, y))
            text = "copied: concatenated" if level < 4 else "copied"
            ax.text((down[level] + up[level]) / 2, y + 0.15, text, ha="center", fontsize=9)
    ax.text(17.9, 2.2, "decoder: enlarge,\nconcatenate,\ntwo 3x3 convolutions", ha="right", va="center", fontsize=9)
    ax.text(0.1, 2.2, "encoder:\n3x3 convolutions,\nevery first with stride 2", ha="left", va="center", fontsize=9)
    return figure


def score_maps(targets: dict[str, np.ndarray], scores: dict[str, np.ndarray]) -> Figure:
    """What each map of an FCN says about some classes: a row per class, its pixels first, then one panel per map.

    Bright is for the class, dark against it, each panel on its own scale around 0.

    Shape: targets (H, W) bool by class name; scores (classes, h, w) by the map's name, classes in the same order.
    """
    figure, axes = plt.subplots(
        len(targets), 1 + len(scores), figsize=(WIDTH, 1.75 * len(targets) + 0.3), squeeze=False
    )
    for row, (name, target) in enumerate(targets.items()):
        axes[row, 0].imshow(np.asarray(target), cmap="cividis", vmin=0, vmax=1)
        axes[row, 0].set_title(f"{name}: target")
        for ax, (source, maps) in zip(axes[row, 1:], scores.items(), strict=True):
            values = np.asarray(maps)[row]
            largest = np.abs(values).max()
            ax.imshow(values, cmap="cividis", vmin=-largest, vmax=largest)
            ax.set_title(f"{source}: {values.min():+.1f} to {values.max():+.1f}")
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return figure


def network_scores(rows: Sequence[dict], columns: Sequence[str], titles: Sequence[str]) -> Figure:
    """IoU of named networks: one panel per column of `rows`, every seed a dot, the mean as a bar."""
    networks = list(dict.fromkeys(row["network"] for row in rows))
    figure, axes = plt.subplots(1, len(columns), figsize=(WIDTH, 3.3), sharey=True, squeeze=False)
    for ax, column, title in zip(axes[0], columns, titles, strict=True):
        for place, network in enumerate(networks):
            values = [row[column] for row in rows if row["network"] == network]
            ax.barh(place, np.mean(values), color=SKY, height=0.55)
            ax.plot(values, [place] * len(values), "o", color=BLACK, markersize=4)
            ax.text(max(values) + 0.02, place, f"{np.mean(values):.2f}", va="center", fontsize=9)
        ax.set(title=title, xlim=(0, 1), xlabel="IoU")
        ax.set_yticks(range(len(networks)), networks)
    axes[0, 0].invert_yaxis()
    return figure
