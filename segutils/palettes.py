"""Colours of classes: an RGB picture of classes <-> an array of class indices.

numpy in, numpy out. The index 255 (`IGNORE_INDEX`) marks pixels without a class: unknown colours become 255,
and 255 is painted black.
"""

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from segutils.errors import CourseError

IGNORE_INDEX = 255


class Palette:
    """The names and colours of a data set's classes; a class's index is its place in `names`.

    Attributes: `names`, a tuple of C strings; `colors`, (C, 3) uint8, read-only.
    Raises CourseError where two classes share a colour or a name, or there are more than 255 classes.
    """

    def __init__(self, names: Sequence[str], colors: Sequence[Sequence[int]] | np.ndarray) -> None:
        self.names = tuple(names)
        self.colors = _checked_colors(self.names, colors)

    def encode(self, rgb: np.ndarray) -> np.ndarray:
        """Turn a picture of classes into class indices; a colour that is no class's becomes 255.

        Shape: (H, W, 3), any integer dtype with values 0..255 -> (H, W) uint8.
        Raises CourseError for another shape, dtype or value.
        """
        rgb = _checked_rgb(rgb)
        # Each colour is read as one 24-bit number, so one look into a table answers for a pixel, however many classes.
        codes = rgb[..., 0].astype(np.int32)  # (H, W)
        for channel in (1, 2):
            codes <<= 8
            codes |= rgb[..., channel]
        return np.take(_index_of_color(self.colors.tobytes()), codes)

    def colorize(self, mask: np.ndarray) -> np.ndarray:
        """Paint class indices in their colours, and 255 in black.

        Shape: (H, W), any integer dtype -> (H, W, 3) uint8.
        Raises CourseError for another shape or dtype, or an index that is neither a class nor 255.
        """
        mask = np.asarray(mask)
        if mask.ndim != 2 or not np.issubdtype(mask.dtype, np.integer):
            raise CourseError(
                f"colorize takes a mask of shape (H, W) and an integer dtype, not {mask.shape} {mask.dtype}: "
                "take one mask of a batch, and the argmax of logits"
            )
        wrong = mask[(mask < 0) | (mask >= len(self)) & (mask != IGNORE_INDEX)]
        if wrong.size:
            raise CourseError(
                f"colorize: the mask holds the index {wrong[0]}, but this palette has the classes "
                f"0..{len(self) - 1} (and {IGNORE_INDEX} for pixels to ignore): use the palette of the mask's data"
            )
        return np.take(_color_of_index(self.colors.tobytes()), mask, axis=0)

    def __len__(self) -> int:
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Palette) and self.names == other.names and self.colors.tobytes() == other.colors.tobytes()
        )

    def __hash__(self) -> int:
        return hash((self.names, self.colors.tobytes()))

    def __repr__(self) -> str:
        return f"Palette of {len(self)} classes: {', '.join(self.names)}"


def load(path: str | os.PathLike) -> Palette:
    """Read a palette from a CamVid-style `label_colors.txt`: one class per line, `R G B<TAB>Name`.

    Raises CourseError, naming the file and line, where it cannot be read or a line is something else.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"{path}: cannot be read as a table of colours ({error}): check the path") from error
    return parse(text, str(path))


def parse(text: str, source: str) -> Palette:
    """Read a palette from the text of a `label_colors.txt`; `source` names it in messages."""
    names, colors = [], []
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1):
        if not line.strip():
            continue
        *color, name = [*line.split(maxsplit=3), "", "", "", ""][:4]
        if not name or not all(value.isdecimal() and int(value) <= 255 for value in color):
            raise CourseError(
                f"{source}, line {number}: expected three numbers 0..255 and a name, as in '128 64 128 Road', "
                f"got {line.strip()!r}"
            )
        color = tuple(int(value) for value in color)
        if name.strip() in names or color in colors:
            raise CourseError(f"{source}, line {number}: the name or the colour of {line.strip()!r} was used above")
        names.append(name.strip())
        colors.append(color)
    if not names:
        raise CourseError(f"{source}: holds no colours; expected lines such as '128 64 128 Road'")
    return Palette(names, colors)


def _checked_colors(names: tuple[str, ...], colors: Sequence[Sequence[int]] | np.ndarray) -> np.ndarray:
    table = np.array(colors)  # a copy: nobody else can change it later
    if table.shape != (len(names), 3) or not np.issubdtype(table.dtype, np.integer):
        raise CourseError(
            f"a palette of {len(names)} names needs colors of shape ({len(names)}, 3), integers: got {table.shape}"
        )
    if not 0 < len(names) <= IGNORE_INDEX or table.min() < 0 or table.max() > 255:
        raise CourseError(f"a palette holds 1 to {IGNORE_INDEX} classes with colours of 0..255")
    if len(set(names)) < len(names) or len(np.unique(table, axis=0)) < len(names):
        raise CourseError("a palette's names and colours must differ: two classes share one")
    table = table.astype(np.uint8)
    table.setflags(write=False)
    return table


def _checked_rgb(rgb: np.ndarray) -> np.ndarray:
    rgb = np.asarray(rgb)
    if rgb.ndim != 3 or rgb.shape[2] != 3 or not np.issubdtype(rgb.dtype, np.integer):
        raise CourseError(
            f"encode takes a picture of shape (H, W, 3) and an integer dtype, not {rgb.shape} {rgb.dtype}: "
            'open files with Image.open(path).convert("RGB"), turn (3, H, W) round with .transpose(1, 2, 0)'
        )
    if rgb.dtype != np.uint8 and rgb.size and (rgb.min() < 0 or rgb.max() > 255):
        raise CourseError(f"encode: colours are 0..255, this picture holds {rgb.min()}..{rgb.max()}")
    return rgb


@lru_cache(maxsize=4)
def _index_of_color(colors: bytes) -> np.ndarray:
    """The class index of every 24-bit colour: 16 MB, made once per palette and never pickled with it."""
    table = np.full(1 << 24, IGNORE_INDEX, dtype=np.uint8)
    red, green, blue = np.frombuffer(colors, np.uint8).reshape(-1, 3).T.astype(np.int32)
    table[red << 16 | green << 8 | blue] = np.arange(len(red))
    return table


@lru_cache(maxsize=32)
def _color_of_index(colors: bytes) -> np.ndarray:
    table = np.zeros((IGNORE_INDEX + 1, 3), dtype=np.uint8)  # 255 stays black
    known = np.frombuffer(colors, np.uint8).reshape(-1, 3)
    table[: len(known)] = known
    return table


# Pascal VOC 2012, development kit; its border colour (224, 224, 192) is no class and so becomes 255.
VOC = Palette(
    names=[
        "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
        "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
    ],
    colors=[
        (0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128),
        (128, 128, 128), (64, 0, 0), (192, 0, 0), (64, 128, 0), (192, 128, 0), (64, 0, 128), (192, 0, 128),
        (64, 128, 128), (192, 128, 128), (0, 64, 0), (128, 64, 0), (0, 192, 0), (128, 192, 0), (0, 64, 128),
    ],
)  # fmt: skip

# CamVid and CamSeq01 (Brostow, Fauqueur and Cipolla 2009), in the order of their label_colors.txt.
CAMVID = parse(
    """
64 128 64\tAnimal
192 0 128\tArchway
0 128 192\tBicyclist
0 128 64\tBridge
128 0 0\tBuilding
64 0 128\tCar
64 0 192\tCartLuggagePram
192 128 64\tChild
192 192 128\tColumn_Pole
64 64 128\tFence
128 0 192\tLaneMkgsDriv
192 0 64\tLaneMkgsNonDriv
128 128 64\tMisc_Text
192 0 192\tMotorcycleScooter
128 64 64\tOtherMoving
64 192 128\tParkingBlock
64 64 0\tPedestrian
128 64 128\tRoad
128 128 192\tRoadShoulder
0 0 192\tSidewalk
192 128 128\tSignSymbol
128 128 128\tSky
64 128 192\tSUVPickupTruck
0 0 64\tTrafficCone
0 64 64\tTrafficLight
192 64 128\tTrain
128 128 0\tTree
192 128 192\tTruck_Bus
64 0 64\tTunnel
192 192 0\tVegetationMisc
0 0 0\tVoid
64 192 0\tWall
""",
    "CAMVID",
)
