"""One look for the whole course: every figure of the lectures is made with these functions.

Importing the module sets matplotlib's defaults (font size, colour-blind-safe colours, resolution), so that figures of
different lectures, and those a student adds, belong together. Colours are those of Okabe and Ito (2008).
"""

import io
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Image, display
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image as PILImage

from segutils.errors import CourseError

BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000",
)  # fmt: skip
CORRECT, WRONG, IGNORED = (220, 220, 220), (213, 94, 0), (0, 0, 0)  # colours of an error map
WIDTH = 9.0  # inches: a figure this wide reads at 100 % zoom in JupyterLab
MAX_PNG_BYTES = 110_000  # above this a figure is stored as JPEG: noise and foliage do not compress losslessly

plt.rcParams.update(
    {
        "figure.dpi": 100,
        "figure.constrained_layout.use": True,
        "font.size": 10,
        "axes.titlesize": 10,
        "axes.labelsize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": plt.cycler(color=[BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK]),
        "image.interpolation": "nearest",  # a mask must never be smoothed, and an image should show its pixels
        "image.cmap": "viridis",
        "legend.frameon": False,
    }
)


def show(figure: Figure, alt: str) -> None:
    """Display `figure` with `alt`, the text for readers who do not see it, and close it.

    The picture is a PNG, or a JPEG where a PNG would exceed 110 kB.
    """
    data = render(figure)
    display(Image(data=data, format="png" if data.startswith(b"\x89PNG") else "jpeg", alt=alt))


def render(figure: Figure) -> bytes:
    """The bytes of the picture that `show` displays; closes the figure."""
    figure.draw_without_rendering()  # the layout settles at the second pass: after one, titles may be cut at the edge
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})  # no version in the file: same bytes for all
    plt.close(figure)
    if buffer.tell() <= MAX_PNG_BYTES:
        return buffer.getvalue()
    picture = PILImage.open(buffer).convert("RGB")
    for quality in (90, 80, 65):
        jpeg = io.BytesIO()
        picture.save(jpeg, format="JPEG", quality=quality)
        if jpeg.tell() <= MAX_PNG_BYTES:
            break
    return jpeg.getvalue()


def to_picture(image) -> np.ndarray:
    """Any image of the course as a (H, W, 3) uint8 array for display.

    Takes (3, H, W) or (H, W, 3), uint8 or float in 0..1, tensor or array. Undo the ImageNet normalisation first
    (`transforms.denormalize`): values outside 0..1 raise a CourseError instead of being clipped to wrong colours.
    """
    array = np.asarray(image)
    if array.ndim == 3 and array.shape[0] == 3 and array.shape[2] != 3:
        array = array.transpose(1, 2, 0)
    if array.ndim != 3 or array.shape[2] != 3:
        raise CourseError(f"an image has shape (3, H, W) or (H, W, 3), not {tuple(np.shape(image))}")
    if array.dtype == np.uint8:
        return array
    if array.min() < -1e-3 or array.max() > 1 + 1e-3:
        raise CourseError(
            f"a float image has values in 0..1, here {array.min():.2f}..{array.max():.2f}; "
            "is it still normalised? transforms.denormalize undoes that"
        )
    return (array.clip(0, 1) * 255).round().astype(np.uint8)


def overlay(image, mask, palette, alpha: float = 0.55) -> np.ndarray:
    """The image with the mask's colours laid over it, (H, W, 3) uint8; ignored pixels (255) stay uncoloured."""
    picture, mask = to_picture(image), np.asarray(mask)
    blended = (1 - alpha) * picture + alpha * palette.colorize(mask)
    return np.where((mask == 255)[..., None], picture, blended).round().astype(np.uint8)


def error_map(prediction, target, ignore_index: int = 255) -> np.ndarray:
    """Where a prediction is wrong, (H, W, 3) uint8: right pixels grey, wrong ones orange, ignored ones black."""
    prediction, target = np.asarray(prediction), np.asarray(target)
    picture = np.where((prediction == target)[..., None], CORRECT, WRONG)
    return np.where((target == ignore_index)[..., None], IGNORED, picture).astype(np.uint8)


def show_images(
    images: Sequence,
    titles: Sequence[str] = (),
    columns: int | None = None,
    width: float = WIDTH,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """A grid of pictures with titles; `images` are whatever `to_picture` takes, or (H, W) arrays drawn in grey.

    `limits` are the values drawn black and white in every (H, W) array. Give them where arrays are to be compared:
    without them each is stretched from its own smallest value to its own largest.

    Returns the figure, so that a legend can be added before it is shown.
    """
    low, high = limits or (None, None)
    columns = min(columns or len(images), len(images))
    rows = -(-len(images) // columns)
    height, length = np.asarray(images[0]).shape[-2:] if np.ndim(images[0]) == 2 else to_picture(images[0]).shape[:2]
    size = (width, width / columns * height / length * rows + 0.25 * rows * bool(titles))
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for index, (ax, image) in enumerate(zip(axes.flat, images, strict=False)):
        ax.imshow(image, cmap="gray", vmin=low, vmax=high) if np.ndim(image) == 2 else ax.imshow(to_picture(image))
        ax.set_title(titles[index] if index < len(titles) else "")
    return figure


def add_legend(figure: Figure, palette, classes: Sequence[int], columns: int = 7) -> Figure:
    """Name the colours of `classes` (indices into the palette) below the pictures of `figure`."""
    handles = [
        Patch(facecolor=palette.colors[index] / 255, edgecolor="gray", label=palette.names[index]) for index in classes
    ]
    rows = -(-len(handles) // columns)
    figure.set_size_inches(figure.get_figwidth(), figure.get_figheight() + 0.25 * rows)
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=9, handlelength=1.2)
    return figure


def classes_in(*masks, ignore_index: int = 255) -> list[int]:
    """The class indices that occur in any of the masks, sorted: what a legend has to name."""
    present = np.unique(np.concatenate([np.unique(np.asarray(mask)) for mask in masks]))
    return [int(index) for index in present if index != ignore_index]


def plot_curves(curves: dict[str, Sequence[float]], xlabel: str, ylabel: str, ax=None):
    """Draw named curves over 1, 2, 3 ... with different line styles, so that they can be told apart without colour."""
    ax = ax if ax is not None else plt.subplots(figsize=(WIDTH / 2, 3))[1]
    for (name, values), style in zip(curves.items(), ["-", "--", "-.", ":"] * len(curves), strict=False):
        ax.plot(range(1, len(values) + 1), values, style, label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend()
    return ax


def plot_confusion(matrix, class_names: Sequence[str], ax=None):
    """Draw a confusion matrix (rows = target, columns = prediction) as shares of each row, in percent."""
    matrix = np.asarray(matrix, dtype=float)
    shares = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    ax = ax if ax is not None else plt.subplots(figsize=(0.45 * len(matrix) + 2, 0.45 * len(matrix) + 1.5))[1]
    ax.imshow(shares, vmin=0, vmax=100, cmap="cividis")
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.5:
            ax.text(column, row, f"{share:.0f}", ha="center", va="center", fontsize=8, color="k" if share > 60 else "w")
    ax.set_xticks(range(len(matrix)), class_names, rotation=90)
    ax.set_yticks(range(len(matrix)), class_names)
    ax.set(xlabel="prediction", ylabel="target")
    return ax


def plot_class_bars(values: Sequence[float], class_names: Sequence[str], label: str, ax=None):
    """One horizontal bar per class, e.g. its IoU; a nan (class absent everywhere) is written as "absent"."""
    values = np.asarray(values, dtype=float)
    ax = ax if ax is not None else plt.subplots(figsize=(WIDTH / 2, 0.26 * len(values) + 0.8))[1]
    ax.barh(range(len(values)), np.nan_to_num(values), color=BLUE)
    for index, value in enumerate(values):
        ax.text(
            0.01 + np.nan_to_num(value), index, "absent" if np.isnan(value) else f"{value:.2f}", va="center", fontsize=9
        )
    ax.set_yticks(range(len(values)), class_names)
    ax.set(xlabel=label, xlim=(0, 1.12))
    ax.invert_yaxis()
    return ax
