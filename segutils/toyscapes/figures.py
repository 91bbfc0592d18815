"""Cars, people, bicyclists, trees, poles and signs, each painted onto a plane that faces the camera or runs along z."""

import numpy as np

from segutils.toyscapes.canvas import Canvas, F, Window, grain
from segutils.toyscapes.scene import Thing

SKIN = (196, 150, 124)
RUBBER = (26, 26, 28)
GLASS = (42, 50, 58)


class Figure:
    """Parts painted one over the other onto one window, remembered as one outline.

    `u` and `v` are metres from the figure's foot, divided by `scale`; `light` multiplies every colour. `near` is False
    where the camera is too far away to see details.
    """

    def __init__(self, canvas: Canvas, window: Window, x: float, light: float, scale: float = 1.0) -> None:
        self.canvas, self.window = canvas, window
        self.u = np.broadcast_to((window.u - F(x)) / F(scale), window.v.shape)
        self.v = window.v / F(scale)
        self.light = light
        self.near = bool(window.depth[0, 0] < 40)
        self.outline = np.zeros(window.v.shape, bool)
        self.colors = np.zeros((*window.v.shape, 3), F)

    def part(self, mask: np.ndarray, color: tuple | np.ndarray) -> None:
        """Paint these pixels and add them to the outline."""
        np.copyto(self.colors, np.asarray(color, F), where=mask[..., None])
        self.outline |= mask

    def detail(self, mask: np.ndarray, color: tuple | np.ndarray) -> None:
        """Paint these pixels where they lie inside the outline."""
        self.part(mask & self.outline, color)

    def disc(self, x: float, y: float, radius: float) -> np.ndarray:
        """The pixels of a disc."""
        return (self.u - F(x)) ** 2 + (self.v - F(y)) ** 2 < F(radius * radius)

    def box(self, left: float, bottom: float, right: float, top: float) -> np.ndarray:
        """The pixels of a rectangle."""
        return (self.u >= F(left)) & (self.u < F(right)) & (self.v >= F(bottom)) & (self.v < F(top))

    def limb(self, x0: float, y0: float, x1: float, y1: float, radius: float) -> np.ndarray:
        """The pixels of a line with round ends."""
        dx, dy = F(x1 - x0), F(y1 - y0)
        u, v = self.u - F(x0), self.v - F(y0)
        along = np.clip((u * dx + v * dy) / (dx * dx + dy * dy), F(0), F(1))
        return (u - along * dx) ** 2 + (v - along * dy) ** 2 < F(radius * radius)

    def finish(self, label: str, surround: bool = False) -> None:
        """Put the figure into the picture."""
        if surround:
            self.canvas.surround(self.window, self.outline)
        self.canvas.paint(self.window, self.outline, self.colors * F(self.light), label)


def _person(canvas: Canvas, thing: Thing, z: float, light: float) -> Figure | None:
    """A figure 1 m wide where somebody stands, in units in which everybody is 1.75 m tall; None where out of sight."""
    window = canvas.facing_plane(z, thing.x - 0.55, 0.0, thing.x + 0.55, thing.height * 1.05)
    return None if window is None else Figure(canvas, window, thing.x, light, scale=thing.height / 1.75)


def _trunk_and_head(figure: Figure, thing: Thing, cap: tuple, arms: list[tuple[float, ...]]) -> None:
    sleeve = tuple(0.82 * channel for channel in thing.color)
    if figure.near:
        for arm in arms:
            figure.part(figure.limb(*arm, 0.06), sleeve)
    figure.part(figure.limb(0, 1.0, 0, 1.33, 0.19), thing.color)
    figure.part(figure.disc(0, 1.63, 0.12), SKIN)
    figure.detail(figure.box(-0.2, 1.58 if thing.facing > 0 else 1.66, 0.2, 2.0), cap)


def draw_pedestrian(canvas: Canvas, thing: Thing, z: float, frame: int, light: float) -> None:
    """A walking person."""
    figure = _person(canvas, thing, z, light)
    if figure is None:
        return
    swing = _swing(frame, thing.phase) * 0.13
    for side in (-1, 1):
        figure.part(figure.limb(side * 0.08, 0.87, side * (0.07 + swing), 0.07, 0.085), thing.second)
        figure.detail(figure.disc(side * (0.07 + swing), 0.05, 0.09), RUBBER)
    hair = (60, 44, 34) if thing.variant % 2 else (96, 78, 52)
    _trunk_and_head(figure, thing, hair, [(side * 0.21, 1.38, side * (0.25 - swing), 0.9) for side in (-1, 1)])
    if thing.variant == 3:
        figure.part(figure.box(0.2, 0.56, 0.42, 0.92), (120, 84, 50))  # a bag
    figure.finish("Pedestrian", surround=True)


def draw_bicyclist(canvas: Canvas, thing: Thing, z: float, frame: int, light: float) -> None:
    """A bicycle and its rider from behind or from the front: one wheel, two pedals, shoulders, a helmet."""
    figure = _person(canvas, thing, z, light)
    if figure is None:
        return
    figure.part(figure.limb(0, 0.06, 0, 0.66, 0.045), RUBBER)
    if figure.near:
        figure.part(figure.limb(-0.26, 1.03, 0.26, 1.03, 0.03), (70, 72, 76))
    turn = _swing(frame * 0.7, thing.phase) * 0.16
    for side in (-1, 1):
        foot = 0.30 + side * turn
        figure.part(figure.limb(side * 0.1, 0.9, side * 0.13, foot, 0.085), thing.second)
        figure.part(figure.disc(side * 0.13, foot - 0.03, 0.08), RUBBER)
    helmet = (210, 210, 200) if thing.variant % 2 else (44, 46, 60)
    _trunk_and_head(figure, thing, helmet, [(side * 0.19, 1.4, side * 0.27, 1.07) for side in (-1, 1)])
    if thing.facing > 0:
        figure.part(figure.disc(0, 0.72, 0.045), (200, 30, 30))  # the rear light
    figure.finish("Bicyclist", surround=True)


def _swing(frame: float, phase: float) -> float:
    """A triangle wave between -1 and 1: steps and pedals."""
    position = (frame * 0.16 + phase) % 2.0
    return 2.0 * abs(position - 1.0) - 1.0


def draw_car(canvas: Canvas, thing: Thing, z: float, light: float) -> None:
    """A car: the side towards the camera, and its nearer end in two steps (cabin behind, boot or bonnet before)."""
    step = 1.15 if thing.facing < 0 else _BOOTS[thing.variant]
    parts = [
        _car_side(canvas, thing, z, light),
        _car_cabin(canvas, thing, z + step, light),
        _car_end(canvas, thing, z, light),
    ]
    parts = [part for part in parts if part is not None]
    for part in parts:  # all outlines first: no Void between the parts of one car
        canvas.surround(part.window, part.outline)
    for part in parts:
        part.finish("Car")


_BOOTS = (0.1, 0.75, 0.2)  # how far the cabin stands back from the rear end: hatchback, saloon, estate


def _car_side(canvas: Canvas, thing: Thing, z: float, light: float) -> Figure | None:
    if abs(canvas.pose.x - thing.x) < 0.9:
        return None
    length = 4.1 + 0.2 * thing.variant
    x = thing.x + (0.84 if canvas.pose.x > thing.x else -0.84)
    window = canvas.side_plane(x, z, 0.0, z + length, thing.height)
    if window is None:
        return None
    figure = Figure(canvas, window, z, light * (0.86 if canvas.pose.x > thing.x else 1.0))
    near, far = (1.15, 0.45) if thing.facing < 0 else (_BOOTS[thing.variant], 1.15)
    along, height = figure.u, figure.v
    steep = 1.8 if thing.facing < 0 else 5.0
    slopes = np.minimum((along - F(near - 0.1)) * F(steep), (F(length - far + 0.15) - along) * F(1.2))
    roof = np.minimum(slopes + F(0.88), F(thing.height))
    figure.part((height > F(0.24)) & (height < np.maximum(roof, F(0.92))), _shaded(thing.color, height))
    if figure.near:
        pillar = np.abs(along - F(near + 0.52 * (length - near - far))) < F(0.05)
        figure.detail((height > F(0.95)) & (height < np.minimum(roof, slopes + F(0.74)) - F(0.1)) & ~pillar, GLASS)
        figure.detail(height < F(0.34), (40, 40, 42))
    for wheel in (0.78, length - 0.82):
        figure.part(figure.disc(wheel, 0.31, 0.33), RUBBER)
        if figure.near:
            figure.detail(figure.disc(wheel, 0.31, 0.18), (128, 130, 134))
    return figure


def _car_cabin(canvas: Canvas, thing: Thing, z: float, light: float) -> Figure | None:
    window = canvas.facing_plane(z, thing.x - 0.9, 0.3, thing.x + 0.9, thing.height)
    if window is None:
        return None
    figure = Figure(canvas, window, thing.x, light)
    across, height = np.abs(figure.u), figure.v
    taper = F(0.84) - (height - F(0.9)) * F(0.08)
    body = (height > F(0.3)) & (height < F(thing.height)) & (across < np.minimum(taper, F(0.84)))
    figure.part(body, _shaded(thing.color, height))
    glass = (height > F(0.93)) & (height < F(thing.height - 0.11)) & (across < taper - F(0.11))
    figure.detail(glass, _shaded((58, 68, 78), height))
    return figure


def _car_end(canvas: Canvas, thing: Thing, z: float, light: float) -> Figure | None:
    window = canvas.facing_plane(z, thing.x - 0.9, 0.0, thing.x + 0.9, 0.95)
    if window is None:
        return None
    figure = Figure(canvas, window, thing.x, light)
    across, height = np.abs(figure.u), figure.v
    figure.part((across < F(0.64)) & (height > F(0.14)) & (height < F(0.4)), (22, 22, 24))
    figure.part((across > F(0.58)) & (across < F(0.8)) & (height >= 0) & (height < F(0.34)), RUBBER)
    corner = F(0.86) - np.maximum(height - F(0.74), F(0)) * F(0.35)
    figure.part((across < corner) & (height > F(0.26)) & (height < F(0.90)), _shaded(thing.color, height))
    lamp = (190, 26, 24) if thing.facing > 0 else (236, 236, 224)
    figure.detail((across > F(0.56)) & (height > F(0.60)) & (height < F(0.78)), lamp)
    if figure.near:
        figure.detail((height > F(0.26)) & (height < F(0.38)), (46, 46, 50))
        plate = (214, 196, 90) if thing.facing > 0 else (226, 226, 222)
        figure.detail((across < F(0.26)) & (height > F(0.42)) & (height < F(0.53)), plate)
        if thing.facing < 0:  # the grille
            figure.detail((across < F(0.45)) & (height > F(0.58)) & (height < F(0.72)), (30, 30, 32))
    return figure


def _shaded(color: tuple, height: np.ndarray) -> np.ndarray:
    """A body that mirrors the bright sky above and the dark road below: (h, w, 3)."""
    return np.asarray(color, F) * (F(0.72) + F(0.36) * np.minimum(height, F(1.5)))[..., None]


def draw_tree(canvas: Canvas, thing: Thing, z: float, noise: np.ndarray, light: float) -> None:
    """A trunk and a crown of discs with a ragged edge; the crown's holes show in the picture and not in the label."""
    left = min(x - r for x, _, r in thing.shapes) * 1.2
    right = max(x + r for x, _, r in thing.shapes) * 1.2
    window = canvas.facing_plane(z, thing.x + left, 0.0, thing.x + right, thing.height * 1.15)
    if window is None:
        return
    figure = Figure(canvas, window, thing.x, light)
    _, middle, radius = thing.shapes[0]
    bark = 0.85 + 0.5 * grain(noise, (figure.u + F(50)) * F(12), figure.v * F(5))
    figure.part(figure.limb(0, 0, 0, middle, 0.05 * radius + 0.07), np.asarray(thing.second, F) * bark[..., None])
    u, v = figure.u + F(60 + 3 * thing.x), figure.v
    leaves = grain(noise, u * F(12), v * F(12)) + grain(noise, u * F(4), v * F(4)) * F(0.8)  # about -0.9..0.9
    ragged = F(1) + F(0.45) * leaves
    crown = np.zeros(figure.outline.shape, bool)
    for x, y, r in thing.shapes:
        crown |= (figure.u - F(x)) ** 2 + (figure.v - F(y)) ** 2 < F(r * r) * ragged
    sunny = F(0.8) + F(0.35) * (figure.v - F(middle)) / F(radius) + F(0.6) * leaves
    figure.part(crown, np.asarray(thing.color, F) * np.maximum(sunny, F(0.35))[..., None])
    edge = (figure.u**2 + (figure.v - F(middle)) ** 2) / F(radius * radius)
    holes = crown & (leaves > F(0.75) - F(0.45) * edge)
    through = canvas.image[window.rows, window.cols] * F(0.65) + figure.colors * F(0.35)
    figure.part(holes, through)
    figure.finish("Tree")


def draw_pole(canvas: Canvas, x: float, z: float, bottom: float, top: float, color: tuple, light: float) -> float:
    """A pole, 1 to 2 pixels wide in a picture 240 pixels wide; returns its column, or nan where it is out of sight."""
    column, row, depth = canvas.project(x, top, z)
    if depth < 1.5:
        return float("nan")
    unit = canvas.width / 240
    half = min(max(0.08 * canvas.focal / depth, unit), 2 * unit) / 2
    foot = canvas.project(x, bottom, z)[1]
    rows, cols = canvas.pixels(row, foot, canvas.height), canvas.pixels(column - half, column + half, canvas.width)
    canvas.image[rows, cols] = np.asarray(color, F) * F(light)
    canvas.label[rows, cols] = canvas.code("Column_Pole")
    return column


def draw_lamp(canvas: Canvas, thing: Thing, z: float, light: float) -> None:
    """A street lamp: a pole with an arm over the road."""
    column = draw_pole(canvas, thing.x, z, 0.0, thing.height, thing.color, light)
    end, row, depth = canvas.project(thing.x - (1.4 if thing.x > 0 else -1.4), thing.height, z)
    if column != column or depth < 1.5:
        return
    unit = canvas.height / 180
    half = min(max(0.08 * canvas.focal / depth, unit), 2 * unit) / 2
    rows, cols = (
        canvas.pixels(row - half, row + half, canvas.height),
        canvas.pixels(min(column, end), max(column, end), canvas.width),
    )
    canvas.image[rows, cols] = np.asarray(thing.color, F) * F(light)
    canvas.label[rows, cols] = canvas.code("Column_Pole")


_SIGNS = [((200, 30, 34), (240, 240, 236)), ((30, 70, 160), (236, 238, 240)), ((240, 240, 238), (200, 30, 34))]


def draw_sign(canvas: Canvas, thing: Thing, z: float, light: float) -> None:
    """A round or square traffic sign on a pole."""
    draw_pole(canvas, thing.x, z, 0.0, thing.height, thing.color, light)
    window = canvas.facing_plane(z, thing.x - 0.42, thing.height - 0.75, thing.x + 0.42, thing.height + 0.2)
    if window is None:
        return
    figure = Figure(canvas, window, thing.x, light)
    rim, inner = _SIGNS[thing.variant % 3]
    y = thing.height - 0.3
    if thing.variant == 3:
        figure.part(figure.box(-0.32, y - 0.32, 0.32, y + 0.32), rim)
        figure.detail(figure.box(-0.08, y - 0.2, 0.08, y + 0.2), inner)
    else:
        figure.part(figure.disc(0, y, 0.38), rim)
        figure.detail(figure.disc(0, y, 0.27), inner)
    figure.finish("SignSymbol")


def draw_light(canvas: Canvas, thing: Thing, z: float, light: float) -> None:
    """A traffic light, which the 11-class grouping of CamVid counts among the signs."""
    draw_pole(canvas, thing.x, z, 0.0, thing.height, thing.color, light)
    window = canvas.facing_plane(z, thing.x - 0.2, thing.height - 0.2, thing.x + 0.2, thing.height + 0.85)
    if window is None:
        return
    figure = Figure(canvas, window, thing.x, light)
    y = thing.height + 0.3
    figure.part(figure.box(-0.19, y - 0.45, 0.19, y + 0.45), (34, 36, 36))
    lamp, color = [(0.27, (230, 40, 30)), (-0.27, (40, 220, 120))][thing.variant % 2]
    figure.detail(figure.disc(0, y + lamp, 0.13), color)
    figure.finish("SignSymbol")


def draw_shop_sign(canvas: Canvas, thing: Thing, z: float, light: float) -> None:
    """A board that hangs out from a house."""
    window = canvas.facing_plane(z, thing.x - 0.4, thing.height, thing.x + 0.4, thing.height + 0.8)
    if window is None:
        return
    figure = Figure(canvas, window, thing.x, light)
    figure.part(figure.box(-0.36, thing.height, 0.36, thing.height + 0.75), thing.color)
    figure.detail(
        figure.box(-0.24, thing.height + 0.3, 0.24, thing.height + 0.46), tuple(255 - 0.6 * c for c in thing.color)
    )
    figure.finish("SignSymbol")
