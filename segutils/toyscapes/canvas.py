"""The pinhole camera and the painter: which pixels see which point of a plane, and painting them.

Every pixel is one ray through its centre, so labels are never antialiased, and a picture of four times the size shows
the same street. Only + - * / and comparisons touch pixels, in float32 element by element: these are rounded alike on
every machine, which keeps a seed's pixels the same everywhere.
"""

import math
from dataclasses import dataclass

import numpy as np

from segutils.palettes import CAMVID
from segutils.toyscapes.scene import Pose

F = np.float32
LABEL = {name: np.uint8(index) for index, name in enumerate(CAMVID.names)}
FOCAL = 0.9  # focal length in picture widths: 58 degrees across
HORIZON_LINE = 0.43  # the horizon's height from the top, in picture heights


@dataclass(frozen=True)
class Window:
    """The part of a plane that the camera sees: its pixels, and what each of them sees there.

    `u` is the coordinate along the plane per column (1, w), `v` the height per pixel (h, w), both in metres, and
    `depth` the distance per column (1, w).
    """

    rows: slice
    cols: slice
    u: np.ndarray
    v: np.ndarray
    depth: np.ndarray

    def inside(self, left: float, bottom: float, right: float, top: float) -> np.ndarray:
        """The pixels of a rectangle, (h, w) bool."""
        across = (self.u >= F(left)) & (self.u < F(right))
        return across & (self.v >= F(bottom)) & (self.v < F(top))


class Canvas:
    """A picture in the making: `image` (H, W, 3) float32 in 0..255 and `label` (H, W) uint8, seen from one pose."""

    def __init__(self, size: tuple[int, int], pose: Pose) -> None:
        self.width, self.height = size
        self.pose = pose
        self.focal = FOCAL * self.width
        self.center = self.width / 2
        self.horizon = self.height * (HORIZON_LINE + pose.tilt)
        across = (np.arange(self.width, dtype=F) + F(0.5) - F(self.center)) / F(self.focal)
        self.right = across * F(pose.yaw_cos) + F(pose.yaw_sin)  # (W,): x of each column's ray, for a depth of 1
        self.ahead = F(pose.yaw_cos) - across * F(pose.yaw_sin)  # (W,): its z
        self.up = (F(self.horizon) - np.arange(self.height, dtype=F) - F(0.5)) / F(self.focal)  # (H,): its y
        self.image = np.zeros((self.height, self.width, 3), F)
        self.label = np.zeros((self.height, self.width), np.uint8)

    def project(self, x: float, y: float, z: float) -> tuple[float, float, float]:
        """Where a point of the world appears: column, row (in pixels, not rounded) and depth in metres."""
        x, z = x - self.pose.x, z - self.pose.z
        depth = x * self.pose.yaw_sin + z * self.pose.yaw_cos
        across = x * self.pose.yaw_cos - z * self.pose.yaw_sin
        near = max(depth, 0.05)
        return self.center + self.focal * across / near, self.horizon - self.focal * (y - self.pose.y) / near, depth

    def facing_plane(self, z: float, left: float, bottom: float, right: float, top: float) -> Window | None:
        """The part x = left..right, y = bottom..top of the plane across the street at z; None where out of sight."""
        x0, _, depth0 = self.project(left, 0, z)
        x1, _, depth1 = self.project(right, 0, z)
        if min(depth0, depth1) < 0.8:
            return None
        cols = self._columns(x0, x1)
        if cols is None:
            return None
        depth = (F(z) - F(self.pose.z)) / self.ahead[None, cols]  # (1, w)
        return self._window(cols, depth, F(self.pose.x) + depth * self.right[None, cols], bottom, top)

    def side_plane(self, x: float, near: float, bottom: float, far: float, top: float) -> Window | None:
        """The part z = near..far, y = bottom..top of the plane along the street at x; None where out of sight."""
        offset = x - self.pose.x
        seen = np.flatnonzero(self.right * F(offset) > 1e-6)
        depth = F(offset) / self.right[seen]
        z = F(self.pose.z) + depth * self.ahead[seen]
        hit = (z >= F(near)) & (z < F(far)) & (depth > F(0.3))
        if not hit.any():
            return None
        cols = slice(int(seen[hit][0]), int(seen[hit][-1]) + 1)
        return self._window(cols, depth[None, hit], z[None, hit], bottom, top)

    def paint(self, window: Window, mask: np.ndarray, color: np.ndarray | tuple, label: str | None = None) -> None:
        """Give the masked pixels of a window a colour ((3,) or (h, w, 3)) and, unless None, a class."""
        color = np.asarray(color, F)
        np.copyto(self.image[window.rows, window.cols], color, where=mask[..., None])
        if label is not None:
            np.copyto(self.label[window.rows, window.cols], LABEL[label], where=mask)

    def surround(self, window: Window, mask: np.ndarray) -> None:
        """Mark the pixels round an object's outline as Void: one pixel, two in large pictures."""
        thickness = 1 if self.height < 360 else 2
        rows = slice(max(window.rows.start - thickness, 0), min(window.rows.stop + thickness, self.height))
        cols = slice(max(window.cols.start - thickness, 0), min(window.cols.stop + thickness, self.width))
        grown = np.zeros((rows.stop - rows.start, cols.stop - cols.start), bool)
        top, left = window.rows.start - rows.start, window.cols.start - cols.start
        grown[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
        for _ in range(thickness):
            inner = grown.copy()
            grown[1:] |= inner[:-1]
            grown[:-1] |= inner[1:]
            grown[:, 1:] |= inner[:, :-1]
            grown[:, :-1] |= inner[:, 1:]
        self.label[rows, cols][grown] = LABEL["Void"]

    @staticmethod
    def code(name: str) -> np.uint8:
        """The index of a class in the CamVid palette."""
        return LABEL[name]

    @staticmethod
    def pixels(start: float, end: float, limit: int) -> slice:
        """The pixels whose centres lie in start..end, within a picture of so many pixels."""
        first, last = math.ceil(start - 0.5), math.ceil(end - 0.5)
        return slice(min(max(first, 0), limit), min(max(last, 0), limit))

    def _columns(self, x0: float, x1: float) -> slice | None:
        first, last = int(max(x0 - 1, 0)), int(min(x1 + 2, self.width))
        return slice(first, last) if first < last else None

    def _window(self, cols: slice, depth: np.ndarray, u: np.ndarray, bottom: float, top: float) -> Window | None:
        near = float(depth.min())
        far = float(depth.max())
        highest, lowest = (top - self.pose.y) / (near if top > self.pose.y else far), bottom - self.pose.y
        lowest = lowest / (near if lowest < 0 else far)
        first = int(max(self.horizon - self.focal * highest - 1, 0))
        last = int(min(self.horizon - self.focal * lowest + 2, self.height))
        if first >= last:
            return None
        rows = slice(first, last)
        return Window(rows, cols, u, F(self.pose.y) + depth * self.up[rows, None], depth)


def grain(noise: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Random values in -0.5..0.5, constant within each unit square of (u, v) >= 0: texture that sticks to a surface."""
    return noise[v.astype(np.int32) & 255, u.astype(np.int32) & 255]


def smooth_grain(noise: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The same, interpolated bilinearly: clouds rather than tiles."""
    column, row = u.astype(np.int32), v.astype(np.int32)
    a, b = u - column, v - row
    upper = noise[row & 255, column & 255] * (1 - a) + noise[row & 255, (column + 1) & 255] * a
    lower = noise[(row + 1) & 255, column & 255] * (1 - a) + noise[(row + 1) & 255, (column + 1) & 255] * a
    return upper * (1 - b) + lower * b
