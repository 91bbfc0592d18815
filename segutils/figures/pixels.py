"""Figures of lecture 01: the tasks side by side, masks and palettes, logits and cross-entropy of single pixels."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import Affine2D

from segutils.palettes import IGNORE_INDEX, Palette
from segutils.plotting import BLACK, BLUE, WIDTH, YELLOW, overlay, to_picture

__all__ = [
    "argmax_cube",
    "color_lookup",
    "cross_entropy",
    "four_answers",
    "four_notations",
    "group_borders",
    "logit_maps",
    "palette_chart",
]

# Fill colours of neighbouring objects: light and dark by turns, so that they differ without colour too.
INSTANCE_COLORS = ((230, 159, 0), (0, 114, 178), (240, 228, 66), (0, 158, 115), (204, 121, 167), (86, 180, 233))


def four_answers(image, mask, objects: Sequence[tuple[int, np.ndarray]], palette: Palette) -> Figure:
    """What classification, detection, semantic and instance segmentation answer about one picture.

    Shape: image (3, H, W) uint8, mask (H, W), `objects` pairs of (class index, (H, W) bool).
    """
    picture, mask = to_picture(image), np.asarray(mask)
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 6.9))
    titles = (
        "Classification: which classes are there?",
        "Detection: which objects, roughly where?",
        "Semantic segmentation: which class has each pixel?",
        "Instance segmentation: which object has each pixel?",
    )
    for ax, title in zip(axes.flat, titles, strict=True):
        ax.set_title(title)
        ax.axis("off")
    present = [palette.names[index] for index in np.unique(mask) if index != IGNORE_INDEX]
    axes[0, 0].imshow(picture)
    axes[0, 0].text(
        4, 5, "\n".join(present), va="top", fontsize=9, color="w", bbox={"facecolor": "k", "alpha": 0.75, "lw": 0}
    )
    axes[0, 1].imshow(picture)
    axes[1, 0].imshow(overlay(picture, mask, palette, alpha=0.8))
    instances = picture * 0.4
    for number, (_, region) in enumerate(objects):
        instances[region] = INSTANCE_COLORS[number % len(INSTANCE_COLORS)]
    axes[1, 1].imshow(instances.astype(np.uint8))
    for number, (class_index, region) in enumerate(objects, start=1):
        rows, columns = np.nonzero(region)
        left, top = columns.min() - 1, rows.min() - 1
        size = (columns.max() - left + 1, rows.max() - top + 1)
        axes[0, 1].add_patch(Rectangle((left, top), *size, fill=False, edgecolor=YELLOW, lw=1.5))
        right, bottom = columns.max() + 1, rows.max() + 1
        below = number % 2 == 0  # names above and below the boxes by turns, so that neighbours do not collide
        label(axes[0, 1], left, right, bottom if below else top, below, f"{palette.names[class_index]} {number}")
        label(axes[1, 1], left, right, top, False, str(number))
    return figure


def label(ax, left: float, right: float, row: float, below: bool, text: str) -> None:
    """Write `text` above or below an object, inside the picture and readable on any background."""
    at_edge = right > 0.9 * ax.get_xlim()[1]
    ax.text(
        right if at_edge else max(left, 0),
        row + 1.5 if below else row - 1.5,
        text,
        ha="right" if at_edge else "left",
        va="top" if below else "bottom",
        fontsize=8,
        bbox={"facecolor": YELLOW, "lw": 0, "pad": 0.8},
    )


def four_notations(image, mask, region, palette: Palette, window: tuple[slice, slice], grid: tuple) -> Figure:
    """One object, `region` (H, W) bool, as a contour, a binary mask, class indices and colours.

    `window` are the rows and columns to show, `grid` those whose class indices are written out as numbers.
    """
    picture, mask = to_picture(image)[window], np.asarray(mask)
    region, numbers = np.asarray(region)[window], mask[grid]
    height, width = region.shape
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, WIDTH * height / width + 0.5))
    axes = axes.flat
    axes[0].imshow(picture)
    axes[0].contour(region, levels=[0.5], colors=[YELLOW], linewidths=2)
    axes[1].imshow(region, cmap="gray")
    axes[2].imshow(palette.colorize(numbers) // 3 + 170)
    for (row, column), index in np.ndenumerate(numbers):
        axes[2].text(column, row, index, ha="center", va="center", fontsize=8)
    axes[3].imshow(palette.colorize(mask[window]))
    titles = ("contour", "binary mask", "class indices, in the framed detail", "colour mask")
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title)
        ax.axis("off")
    row, column = (part.start - whole.start for part, whole in zip(grid, window, strict=True))
    for ax in (axes[1], axes[3]):  # where the detail was taken from
        frame = Rectangle((column - 0.5, row - 0.5), *numbers.shape[::-1], fill=False, edgecolor=YELLOW, lw=2)
        ax.add_patch(frame)
    return figure


def palette_chart(palette: Palette, columns: int = 4) -> Figure:
    """Every class of a palette: its index, colour and name."""
    rows = -(-len(palette) // columns)
    figure, ax = plt.subplots(figsize=(WIDTH, 0.29 * rows + 0.1))
    for index, (name, color) in enumerate(zip(palette.names, palette.colors, strict=True)):
        column, row = divmod(index, rows)
        ax.add_patch(Rectangle((column + 0.09, row + 0.1), 0.13, 0.8, facecolor=color / 255, edgecolor="gray", lw=0.5))
        ax.text(column + 0.07, row + 0.5, str(index), ha="right", va="center", fontsize=9)
        ax.text(column + 0.24, row + 0.5, name, va="center", fontsize=9)
    ax.set(xlim=(0, columns), ylim=(rows, 0))
    ax.axis("off")
    return figure


def color_lookup(picture, palette: Palette, row: int, column: int) -> Figure:
    """The way of one pixel of a label picture from its colour to a class index, and back to a colour.

    Shape: picture (H, W, 3) uint8.
    """
    picture = to_picture(picture)
    color = picture[row, column]
    index = int(palette.encode(color[None, None])[0, 0])
    red, green, blue = (int(value) for value in color)
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.3), width_ratios=(1, 1.15))
    left.imshow(picture)
    crosshairs(left, row, column)
    left.set_title(f"label picture: row {row}, column {column}")
    known = index != IGNORE_INDEX
    steps = (
        (f"colour\n({red}, {green}, {blue})", color),
        (
            f"one number of 24 bits\n{red} x 65536 + {green} x 256 + {blue} = {(red << 16) + (green << 8) + blue:,}",
            None,
        ),
        (f"class index\n{index}, {palette.names[index] if known else 'no class of this palette'}", None),
        (f"back: colors[{index}]\n{tuple(palette.colors[index].tolist())}", palette.colors[index])
        if known
        else ("back: 255 is painted\n(0, 0, 0)", (0, 0, 0)),
    )
    right.set(xlim=(0, 10), ylim=(len(steps), 0))
    right.axis("off")
    for number, (text, swatch) in enumerate(steps):
        right.add_patch(Rectangle((1.5, number + 0.08), 8.4, 0.7, facecolor="white", edgecolor=BLACK, lw=0.8))
        right.text(5.7, number + 0.43, text, ha="center", va="center", fontsize=9)
        if swatch is not None:
            face = np.asarray(swatch) / 255
            right.add_patch(Rectangle((0.1, number + 0.13), 1.2, 0.6, facecolor=face, edgecolor=BLACK, lw=0.8))
        if number:
            arrow = {"arrowstyle": "-|>", "lw": 1, "shrinkA": 0, "shrinkB": 0}
            right.annotate("", (5.7, number + 0.08), (5.7, number - 0.22), arrowprops=arrow)
    right.set_title(f"a palette of {len(palette)} classes")
    return figure


def crosshairs(ax, row: int, column: int) -> None:
    """Mark a pixel of a picture; white on black is seen on every colour."""
    ax.axis("off")
    for color, width in (("k", 3.0), ("w", 1.2)):
        ax.axhline(row, color=color, lw=width)
        ax.axvline(column, color=color, lw=width)


SLANT, DEPTH, STEP = 0.35, 0.27, 0.315  # of the layers of a cube: shift of the far edge, height, distance
BARS = 2.32  # where the bars beside the cube begin


def argmax_cube(image, logits, target, palette: Palette, classes: Sequence[int], row: int, column: int) -> Figure:
    """One pixel's way through the layers of a cube of logits to the class that wins there.

    The layers of `classes` are drawn; where another class wins, its layer takes the place of the last.

    Shape: image (3, H, W) uint8, logits (C, H, W), target (H, W).
    """
    logits, target = np.asarray(logits), np.asarray(target)
    prediction = logits.argmax(axis=0)  # (C, H, W) -> (H, W)
    winner = int(prediction[row, column])
    shown = list(classes) if winner in classes else [*classes[:-1], winner]
    figure, axes = plt.subplot_mosaic(
        [["image", "cube"], ["prediction", "cube"]], figsize=(WIDTH, 5.0), width_ratios=(1, 2.2)
    )
    axes["image"].imshow(to_picture(image))
    axes["image"].set_title(f"row {row}, column {column}:\nlabelled {name_of(int(target[row, column]), palette)}")
    axes["prediction"].imshow(palette.colorize(prediction))
    axes["prediction"].set_title(f"argmax: {winner}, {palette.names[winner]}\n{tuple(palette.colors[winner].tolist())}")
    for name in ("image", "prediction"):
        crosshairs(axes[name], row, column)
    draw_cube(axes["cube"], logits, palette, shown, row, column)
    return figure


def draw_cube(ax, logits: np.ndarray, palette: Palette, shown: Sequence[int], row: int, column: int) -> None:
    """Layers of logits one above the other, the argmax below them, and a line through one pixel of all."""
    limit = logits.max()  # the same for every pixel, so that bars can be compared
    prediction = logits.argmax(axis=0)
    winner = int(prediction[row, column])
    height, width = prediction.shape
    across, away = (column + 0.5) / width, 1 - (row + 0.5) / height  # the pixel's place in a layer
    levels = [STEP * (len(shown) - number) for number in range(len(shown))]  # from top to bottom; the argmax is at 0
    x = across + SLANT * away
    ax.plot([x, x], [DEPTH * away, levels[0] + DEPTH * away + 0.12], color=BLACK, lw=1.2, zorder=5)
    for index, level in zip(shown, levels, strict=True):
        value, middle, wins = logits[index, row, column], level + DEPTH / 2, index == winner
        draw_layer(ax, logits[index], level, wins, cmap="cividis", vmin=-limit, vmax=limit)
        ax.plot(x, level + DEPTH * away, "o", ms=6, color="white", mec=BLACK, zorder=6)
        weight = "bold" if wins else "normal"
        ax.text(
            1 + SLANT + 0.04, middle, f"logits[{index}] {palette.names[index]}", va="center", weight=weight, fontsize=9
        )
        length = 0.42 * np.clip(value / limit, -1, 1)
        bar = {"facecolor": palette.colors[index] / 255, "edgecolor": BLACK, "lw": 2.2 if wins else 0.6}
        ax.add_patch(Rectangle((BARS + 0.42, middle - 0.06), length, 0.12, **bar))
        ax.text(BARS + 0.98, middle, f"{value:+.1f}", va="center", weight=weight, fontsize=9)
    ax.plot([BARS + 0.42] * 2, [levels[-1], levels[0] + DEPTH], color="gray", lw=0.8)
    draw_layer(ax, palette.colorize(prediction), 0, False)
    ax.plot(x, DEPTH * away, "o", ms=6, color="white", mec=BLACK, zorder=6)
    ax.text(
        1 + SLANT + 0.04,
        DEPTH / 2,
        f"argmax of all {len(logits)}: {winner} {palette.names[winner]}",
        va="center",
        weight="bold",
    )
    ax.set(xlim=(-0.02, BARS + 1.25), ylim=(-0.03, levels[0] + DEPTH + 0.14))
    ax.set_title(f"{len(shown)} of {len(logits)} layers, and the column of numbers above one pixel")
    ax.axis("off")


def draw_layer(ax, picture: np.ndarray, level: float, framed: bool, **style) -> None:
    """A picture as a slanted sheet whose near edge lies at `level`."""
    place = Affine2D(np.array([[1, SLANT, 0], [0, DEPTH, level], [0, 0, 1]])) + ax.transData
    ax.imshow(picture, extent=(0, 1, 0, 1), aspect="auto", transform=place, zorder=2, **style)
    ax.add_patch(
        Rectangle((0, 0), 1, 1, transform=place, fill=False, edgecolor=BLACK, lw=2.4 if framed else 0.8, zorder=3)
    )


def group_borders(image, groups) -> np.ndarray:
    """The image, twice as large, with thin lines between groups of pixels; (3, H, W), (H, W) -> (2H, 2W, 3) uint8."""
    picture = to_picture(image).repeat(2, axis=0).repeat(2, axis=1)
    groups = np.asarray(groups).repeat(2, axis=0).repeat(2, axis=1)
    border = np.zeros(groups.shape, dtype=bool)
    border[1:] |= groups[1:] != groups[:-1]
    border[:, 1:] |= groups[:, 1:] != groups[:, :-1]
    picture[border] = (240, 228, 66)
    return picture


def name_of(index: int, palette: Palette) -> str:
    """The class's name, or what 255 means."""
    return f"{IGNORE_INDEX}, to be ignored" if index == IGNORE_INDEX else f"{index}, {palette.names[index]}"


def logit_maps(logits, classes: Sequence[int], palette: Palette) -> Figure:
    """Some layers of the cube of logits, and the argmax over all of them; logits (C, H, W)."""
    logits = np.asarray(logits)
    height, width = logits.shape[1:]
    rows = -(-(len(classes) + 1) // 3)
    size = (WIDTH, WIDTH / 3 * height / width * rows + 0.5 * rows)
    figure, axes = plt.subplots(rows, 3, figsize=size)
    low, high = logits[classes].min(), logits[classes].max()
    for ax in axes.flat:
        ax.axis("off")
    for ax, index in zip(axes.flat, classes, strict=False):
        drawn = ax.imshow(logits[index], vmin=low, vmax=high, cmap="cividis")
        ax.set_title(f"logits[{index}]: {palette.names[index]}")
    last = axes.flat[len(classes)]
    last.imshow(palette.colorize(logits.argmax(axis=0)))
    last.set_title(f"argmax over all {len(logits)}, in colour")
    figure.colorbar(drawn, ax=axes, location="bottom", shrink=0.4, aspect=40, label="logit")
    return figure


def cross_entropy(logits, target, class_names: Sequence[str]) -> Figure:
    """Logits, softmax, target and loss of a picture of a few pixels, as tables of numbers.

    Shape: logits (C, H, W), target (H, W) with 255 where a pixel does not count.
    """
    logits, target = np.asarray(logits, dtype=float), np.asarray(target)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=0)
    labelled = target != IGNORE_INDEX
    chosen = np.take_along_axis(probabilities, np.where(labelled, target, 0)[None], axis=0)[0]
    loss = np.where(labelled, -np.log(chosen), np.nan)
    figure, axes = plt.subplots(2, len(logits) + 1, figsize=(WIDTH, 4.6))
    for index, name in enumerate(class_names):
        table(axes[0, index], logits[index], f"logits[{index}]: {name}", "{:.1f}", (logits.min(), logits.max()))
        table(axes[1, index], probabilities[index], f"softmax[{index}]: {name}", "{:.3f}", (0, 1))
        for row, column in np.argwhere(target == index):  # the probability that the loss reads
            axes[1, index].add_patch(
                Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fill=False, edgecolor=BLUE, lw=4)
            )
    table(axes[0, -1], np.where(labelled, target, np.nan), "target", "{:.0f}", None, "255")
    mean = np.nanmean(loss) if labelled.any() else np.nan
    table(axes[1, -1], loss, f"-log of the framed; mean {mean:.3f}", "{:.3f}", None, "ignored")
    return figure


def table(ax, values: np.ndarray, title: str, pattern: str, limits: tuple | None, missing: str = "") -> None:
    """A small array as squares with its numbers; shaded between `limits`, or left white."""
    low, high = limits or (0, 1)
    shades = 1 - 0.45 * (np.nan_to_num(values) - low) / (high - low) if limits else np.ones_like(values)
    ax.imshow(shades, cmap="gray", vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(values):
        text = missing if np.isnan(value) else pattern.format(value)
        ax.text(column, row, text, ha="center", va="center", fontsize=12)
    ax.set_title(title)
    ax.set_xticks(np.arange(values.shape[1] - 1) + 0.5, [])
    ax.set_yticks(np.arange(values.shape[0] - 1) + 0.5, [])
    ax.tick_params(length=0)
    ax.grid(color="k", lw=0.8)
    for spine in ax.spines.values():
        spine.set_visible(True)
