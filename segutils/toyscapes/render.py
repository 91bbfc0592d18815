"""Painting one frame of a street, from the sky to the camera car's own bonnet."""

from bisect import bisect_right
from itertools import pairwise

import numpy as np

from segutils.toyscapes import figures
from segutils.toyscapes.canvas import Canvas, F, Window, grain, smooth_grain
from segutils.toyscapes.scene import HORIZON, LANE, VIEW, Lot, Side, Street, Thing, camera_pose

HAZE = 170.0  # metres until half of a colour is haze


def render(street: Street, frame: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Draw one frame: the picture (H, W, 3) uint8 and its class indices (H, W) uint8, Void among them.

    The painter's way: far things first, nearer ones over them, in the picture and in the labels alike.
    """
    canvas = Canvas(size, camera_pose(street, frame))
    _draw_sky(canvas, street)
    _draw_ground(canvas, street, frame)
    things = _visible_things(canvas, street, frame)
    behind = [entry for entry in things if _is_behind_front(entry[1], street)]
    before = [entry for entry in things if not _is_behind_front(entry[1], street)]
    for side in street.sides:
        _draw_end_walls(canvas, street, side)
    _draw_things(canvas, street, behind, frame)
    for side in street.sides:
        _draw_front(canvas, street, side)
    _draw_things(canvas, street, before, frame)
    _draw_bonnet(canvas, street)
    return _develop(canvas, street, frame), canvas.label


def _draw_sky(canvas: Canvas, street: Street) -> None:
    """A sky that pales towards the horizon, clouds, and the far end of the town."""
    rows = slice(0, min(int(canvas.horizon) + 2, canvas.height))
    up, right = canvas.up[rows, None], canvas.right[None, :]
    pale = np.clip(F(1) - up * F(2.4), F(0), F(1))[..., None]  # (h, 1, 1)
    zenith, horizon = np.asarray(street.day["zenith"], F), np.asarray(street.day["horizon"], F)
    sky = zenith + (horizon - zenith) * pale * pale
    height = np.maximum(up, F(0)) + F(0.12)
    u, v = right / height * F(1.1) + F(60), F(4) / height + F(20) + right * F(0)
    clouds = smooth_grain(street.noise, u, v) + F(0.5) * smooth_grain(street.noise, u * F(2.7), v * F(2.7))
    clouds = np.clip(clouds * F(1.6) * F(street.day["cloud"]), F(0), F(0.8))[..., None]
    canvas.image[rows] = sky + (F(250) - sky) * clouds
    canvas.label[rows] = canvas.code("Sky")
    skyline = F(0.012) + F(0.03) * (grain(street.noise, right * F(14) + F(40), F(77) + right * F(0)) + F(0.5))
    town = up < skyline
    canvas.image[rows][town] = np.asarray(street.day["horizon"], F) * F(0.62)
    canvas.label[rows][town] = canvas.code("Building")


def _draw_ground(canvas: Canvas, street: Street, frame: int) -> None:
    """Road and sidewalks of one and the same surface, told apart by where they lie; markings; shadows."""
    rows = slice(max(int(canvas.horizon + 0.7), 0), canvas.height)
    depth = (F(-canvas.pose.y) / np.minimum(canvas.up[rows], F(-0.004)))[:, None]  # (h, 1)
    x = F(canvas.pose.x) + depth * canvas.right[None]  # (h, W)
    z = F(canvas.pose.z) + depth * canvas.ahead[None]
    near = np.minimum(F(9) / depth, F(1))
    texture = F(0.20) * near * grain(street.noise, (x + F(100)) * F(31), (z + F(100)) * F(23))
    texture += F(0.13) * smooth_grain(street.noise, (x + F(100)) * F(0.9), (z + F(100)) * F(0.35))
    surface = np.asarray(street.day["ground"], F) * (F(1) + texture)[..., None]
    label = np.full(x.shape, canvas.code("Road"))
    for side in street.sides:
        distance = x * F(side.sign) - F(side.kerb)
        crossing = _lot_values(side, z, [float(lot.kind == "junction") for lot in side.lots]) > 0
        label[(distance >= 0) & ~crossing] = canvas.code("Sidewalk")
        kerb = (np.abs(distance) < F(0.09)) & ~crossing
        surface[kerb] *= F(0.72)
        surface[(distance > F(0.09)) & (distance < F(0.24)) & ~crossing] *= F(1.16)
    marks = _markings(street, x, z)
    worn = F(0.8) + F(0.5) * grain(street.noise, (x + F(100)) * F(9), (z + F(100)) * F(5))
    surface[marks] = (F(208) * np.minimum(worn, F(1)))[marks][..., None]
    label[marks] = canvas.code("LaneMkgsDriv")
    surface *= _sunlight(canvas, street, x, z, frame)[..., None]
    canvas.image[rows] = _hazy(street, surface, depth[..., None])
    canvas.label[rows] = label


def _markings(street: Street, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Dashes in the middle, a line where cars park, zebra stripes at the side streets."""
    dash = z % F(7.0) < F(3.2)
    marks = (np.abs(x) < F(0.085)) & dash
    for side in street.sides:
        if side.parking:
            marks |= np.abs(x * F(side.sign) - F(LANE + 0.05)) < F(0.06)
    near, far = float(z[-1].min()), min(float(z[0].max()), float(z[-1].min()) + VIEW)
    junctions = [lot for side in street.sides for lot in side.lots if lot.kind == "junction"]
    for lot in junctions:
        if lot.end > near and lot.start - 4.0 < far:
            marks &= (z < F(lot.start - 4.0)) | (z > F(lot.end))
            zebra = (z > F(lot.start - 3.4)) & (z < F(lot.start - 0.8))
            zebra &= (x > F(0.2 - street.sides[0].kerb)) & (x < F(street.sides[1].kerb - 0.2))
            marks[zebra] = x[zebra] % F(1.0) < F(0.5)
    return marks


def _sunlight(canvas: Canvas, street: Street, x: np.ndarray, z: np.ndarray, frame: int) -> np.ndarray:
    """1 in the sun, less in the shadow of the houses and trees on the sun's side and under cars: (h, w)."""
    sun = street.day["sun"]
    side = street.sides[0] if sun < 0 else street.sides[1]
    reach = F(side.front) - x * F(sun)  # metres from that side's house fronts
    tops = [lot.top + lot.roof if lot.kind == "house" else 5.0 * (lot.kind in ("park", "garden")) for lot in side.lots]
    top = _lot_values(side, z + reach * F(street.day["sun_shear"]), tops)
    leafy = grain(street.noise, (x + F(100)) * F(2.2), (z + F(100)) * F(1.6)) * F(3) * (top == F(5))
    shadow = reach < (top + leafy) * F(street.day["sun_slope"])
    light = np.where(shadow, F(street.day["shade"]), F(1))
    for thing in street.things:
        if thing.kind in ("car", "pedestrian", "bicyclist"):
            ahead = thing.z + thing.speed * frame - canvas.pose.z
            if -6 < ahead < 60:
                _shadow_under(canvas, thing, ahead + canvas.pose.z, x, z, light)
    return light


def _shadow_under(canvas: Canvas, thing: Thing, at: float, x: np.ndarray, z: np.ndarray, light: np.ndarray) -> None:
    width, length, middle = (1.05, 2.6, 2.1) if thing.kind == "car" else (0.35, 0.5, 0.1)
    rows = (z[:, z.shape[1] // 2] > F(at + middle - 2 * length - 1)) & (
        z[:, z.shape[1] // 2] < F(at + middle + 2 * length + 1)
    )
    band = np.flatnonzero(rows)
    if band.size:
        band = slice(int(band[0]), int(band[-1]) + 1)
        inside = ((x[band] - F(thing.x)) / F(width)) ** 2 + ((z[band] - F(at + middle)) / F(length)) ** 2
        light[band] *= np.where(inside < 1, F(0.55), F(1))


def _lot_values(side: Side, z: np.ndarray, values: list[float]) -> np.ndarray:
    """What the lot beside each z has, read from a table of quarter metres."""
    start, end = side.lots[0].start, side.lots[-1].end
    table = np.zeros(int((end - start) * 4) + 2, F)
    for lot, value in zip(side.lots, values, strict=True):
        table[round((lot.start - start) * 4) : round((lot.end - start) * 4)] = value
    index = np.clip((z - F(start)) * F(4), F(0), F(len(table) - 1)).astype(np.int32)
    return table[index]


def _hazy(street: Street, color: np.ndarray, depth: np.ndarray) -> np.ndarray:
    share = np.minimum(depth / F(HAZE * 2), F(0.6))
    return color + (np.asarray(street.day["horizon"], F) * F(0.8) - color) * share


def _wall_light(street: Street, side: Side) -> float:
    """Fronts on the sun's side lie in their own shadow."""
    return 0.62 if side.sign == street.day["sun"] else 1.0


def _visible_lots(canvas: Canvas, side: Side) -> list[Lot]:
    return [lot for lot in side.lots if lot.end > canvas.pose.z and lot.start < canvas.pose.z + HORIZON]


def _draw_end_walls(canvas: Canvas, street: Street, side: Side) -> None:
    """The end walls of houses that face the camera beyond a gap or above a lower house, the farthest first."""
    light = 0.8 * (1.62 - _wall_light(street, side))
    for before, lot in reversed(list(pairwise(side.lots))):
        hidden = before.top + before.roof if before.kind == "house" else 0.0
        top = lot.top + lot.roof
        if lot.kind != "house" or hidden >= top or not canvas.pose.z + 1 < lot.start < canvas.pose.z + HORIZON:
            continue
        left, right = sorted((side.sign * side.front, side.sign * (side.front + 10.0)))
        window = canvas.facing_plane(lot.start, left, hidden, right, top)
        if window is not None:
            bricks = grain(street.noise, (window.u + F(100)) * F(4), window.v * F(10))
            color = np.asarray(lot.color, F) * (F(light) * (F(1) + F(0.16) * bricks))[..., None]
            np.copyto(color, np.asarray(lot.roof_color, F) * F(light), where=(window.v > F(lot.top))[..., None])
            color = _hazy(street, color, window.depth[..., None])
            canvas.paint(window, window.inside(left, hidden, right, top), color, "Building")


def _draw_front(canvas: Canvas, street: Street, side: Side) -> None:
    """All house fronts, walls and fences of one side: one plane, each column of pixels sees one lot."""
    for lot in reversed(_visible_lots(canvas, side)):
        if lot.kind in ("alley", "junction"):
            continue
        top = lot.top + lot.roof + 1.2 if lot.kind == "house" else 2.6
        near = max(lot.start, canvas.pose.z - 5.0)
        window = canvas.side_plane(side.sign * side.front, near, 0.0, lot.end, top)
        if window is None:
            continue
        light = _wall_light(street, side)
        if lot.kind == "house":
            _draw_house(canvas, street, lot, window, light)
        else:
            _draw_green_front(canvas, street, lot, window, light)


WALL, ROOF, TRIM, PANE, BOARD, LETTERS, SHOP_GLASS, SHOP_FRAME = range(8)


def _draw_house(canvas: Canvas, street: Street, lot: Lot, window: Window, light: float) -> None:
    along, height = window.u - F(lot.start), window.v  # (1, w), (h, w)
    fine = np.minimum(F(12) / window.depth, F(1))  # texture fades with the distance, as a lens would have it
    bricks = grain(street.noise, window.u * F(4.5) + F(90), height * F(13) + F(1))
    stains = grain(street.noise, window.u * F(0.7) + F(90), height * F(0.6) + F(3))
    bright = F(1) + F(0.22) * fine * bricks + F(0.1) * stains
    material = np.full(height.shape, WALL, np.uint8)
    material[height > F(lot.top - 0.35)] = TRIM
    material[height > F(lot.top)] = ROOF
    _add_windows(street, lot, along, height, material, bright)
    if lot.shop:
        _add_shop(street, lot, along, height, material, bright)
    color = _materials(lot, light)[material] * bright[..., None]
    ridge = F(lot.top + lot.roof)
    chimney = (np.abs(along - F(0.3 * (lot.end - lot.start))) < F(0.45)) & (height < ridge + F(1.1))
    mask = (height >= 0) & ((height < ridge) | chimney)
    canvas.paint(window, mask, _hazy(street, color, window.depth[..., None]), "Building")


def _materials(lot: Lot, light: float) -> np.ndarray:
    """The colours of WALL ... SHOP_FRAME, (8, 3)."""
    wall, shop = np.asarray(lot.color, F), np.asarray(lot.shop or lot.color, F)
    trim = np.minimum(wall * F(lot.trim), F(240))
    glass, inside = np.asarray((52, 58, 64), F), np.asarray((62, 57, 52), F)
    roof = np.asarray(lot.roof_color, F)
    return np.stack([wall, roof, trim, glass, shop, F(250) - shop * F(0.5), inside, shop * F(0.55)]) * F(light)


def _add_windows(
    street: Street, lot: Lot, along: np.ndarray, height: np.ndarray, material: np.ndarray, bright: np.ndarray
) -> None:
    storey = np.floor(height / F(lot.floor))
    level = height / F(lot.floor) - storey  # 0..1 within a storey
    place = np.floor(along / F(lot.pitch))
    offset = np.abs(along / F(lot.pitch) - place - F(0.5))  # 0..0.5 from a window's middle
    edge = F(0.07 / lot.pitch)
    columns = (offset < F(lot.window / 2)) & (along > F(0.3)) & (along < F(lot.end - lot.start - 0.3))
    rows = (level > F(0.28)) & (level < F(0.82)) & (height < F(lot.top - 0.7)) & (storey >= (1 if lot.shop else 0))
    material[columns & rows] = TRIM
    panes = columns & (offset < F(lot.window / 2) - edge) & (offset > edge * F(0.4))
    panes = panes & rows & (level > F(0.31)) & (level < F(0.79)) & (np.abs(level - F(0.55)) > F(0.012))
    material[panes] = PANE
    # every window mirrors something else, and more of the sky towards its top
    tint = F(1.1) + F(1.3) * np.maximum(grain(street.noise, place + F(lot.start + 30), storey + F(9)), F(-0.3))
    np.copyto(bright, tint * (F(0.7) + F(0.5) * level), where=panes)


def _add_shop(
    street: Street, lot: Lot, along: np.ndarray, height: np.ndarray, material: np.ndarray, bright: np.ndarray
) -> None:
    ceiling = lot.floor - 0.75
    material[height < F(ceiling)] = SHOP_FRAME
    glass = ((along / F(2.2)) % F(1) > F(0.09)) & (height > F(0.45)) & (height < F(ceiling - 0.05))
    material[glass] = SHOP_GLASS
    np.copyto(bright, F(1) + grain(street.noise, along * F(1.7) + F(lot.start + 40), height * F(1.3)), where=glass)
    board = (height >= F(ceiling)) & (height < F(lot.floor - 0.1))
    material[board] = BOARD
    word = np.abs(along - F(0.5 * (lot.end - lot.start))) < F(1.8)
    word &= grain(street.noise, along * F(5) + F(lot.start + 40), np.full_like(along, 5)) > F(-0.15)
    material[word & (np.abs(height - F(lot.floor - 0.42)) < F(0.13))] = LETTERS


def _draw_green_front(canvas: Canvas, street: Street, lot: Lot, window: Window, light: float) -> None:
    """A low wall; a park has a fence on top of it, a garden a hedge behind it."""
    bricks = grain(street.noise, window.u * F(4.5) + F(90), window.v * F(12))
    wall = np.asarray(lot.color, F) * (F(light) * (F(1) + F(0.25) * bricks))[..., None]
    canvas.paint(
        window, (window.v >= 0) & (window.v < F(lot.top)), _hazy(street, wall, window.depth[..., None]), "Building"
    )
    above = (window.v >= F(lot.top)) & (window.v < F(2.35) + F(0.1) * (window.u % F(0.4) < F(0.2)))
    if lot.kind == "park":
        bars = (window.u % F(0.28) < F(0.10)) | (np.abs(window.v - F(2.2)) < F(0.05))
        canvas.paint(
            window,
            above & bars,
            _hazy(street, np.broadcast_to(np.asarray((46, 50, 52), F) * F(light), wall.shape), window.depth[..., None]),
        )
        canvas.paint(window, above, canvas.image[window.rows, window.cols] * F(0.82), "Fence")
    else:
        leaves = grain(street.noise, window.u * F(8) + F(90), window.v * F(8))
        hedge = np.asarray(street.day["leaf"], F) * (F(light) * (F(0.8) + F(0.7) * leaves))[..., None]
        canvas.paint(
            window, above & (window.v < F(lot.top + 0.7)), _hazy(street, hedge, window.depth[..., None]), "Tree"
        )


def _visible_things(canvas: Canvas, street: Street, frame: int) -> list[tuple[float, Thing]]:
    """(z, thing) of what may be in the picture, the farthest first."""
    entries = [(thing.z + thing.speed * frame, thing) for thing in street.things]
    entries = [entry for entry in entries if canvas.pose.z - 5.0 < entry[0] < canvas.pose.z + VIEW]
    return sorted(entries, key=lambda entry: -entry[0])


def _is_behind_front(thing: Thing, street: Street) -> bool:
    return any(thing.x * side.sign > side.front for side in street.sides)


def _draw_things(canvas: Canvas, street: Street, entries: list[tuple[float, Thing]], frame: int) -> None:
    for z, thing in entries:
        light = _thing_light(street, thing, z)
        match thing.kind:
            case "tree":
                figures.draw_tree(canvas, thing, z, street.noise, light)
            case "car":
                figures.draw_car(canvas, thing, z, light)
            case "pedestrian":
                figures.draw_pedestrian(canvas, thing, z, frame, light)
            case "bicyclist":
                figures.draw_bicyclist(canvas, thing, z, frame, light)
            case "lamp":
                figures.draw_lamp(canvas, thing, z, light)
            case "sign":
                figures.draw_sign(canvas, thing, z, light)
            case "light":
                figures.draw_light(canvas, thing, z, light)
            case "shop sign":
                figures.draw_shop_sign(canvas, thing, z, light)


def _thing_light(street: Street, thing: Thing, z: float) -> float:
    """How much sun falls on a thing: in a house's shadow it is darker too."""
    sun = street.day["sun"]
    side = street.sides[0] if sun < 0 else street.sides[1]
    reach = side.front - thing.x * sun
    beside = side.lots[bisect_right(side.lots, z, key=lambda lot: lot.start) - 1]
    top = beside.top + beside.roof if beside.kind == "house" else 0.0
    covered = 0.0 < reach < max(top - 1.5, 0.0) * street.day["sun_slope"]
    return 0.72 if covered and thing.kind != "tree" else 1.0


def _draw_bonnet(canvas: Canvas, street: Street) -> None:
    """The front of the camera's own car, which no class describes."""
    across = (np.arange(canvas.width, dtype=F) + F(0.5)) / F(canvas.width / 2) - F(1)
    edge = F(0.962) + F(0.034) * across * across  # (W,)
    rows = slice(int(canvas.height * 0.96), canvas.height)
    down = ((np.arange(canvas.height, dtype=F) + F(0.5)) / F(canvas.height))[rows, None]
    bonnet = down > edge[None]
    gloss = F(0.35) + np.maximum(F(1) - (down - edge) * F(24), F(0)) * F(0.6)  # bright where it bends away
    np.copyto(canvas.image[rows], np.asarray(street.day["bonnet"], F) * gloss[..., None], where=bonnet[..., None])
    np.copyto(canvas.label[rows], canvas.code("Void"), where=bonnet)


def _develop(canvas: Canvas, street: Street, frame: int) -> np.ndarray:
    """What the camera makes of it: a slightly soft lens, an exposure, a colour cast, noise, 8 bits."""
    soft = canvas.image * F(0.7)
    soft[:, 1:-1] += (canvas.image[:, 2:] + canvas.image[:, :-2]) * F(0.15)
    soft[:, [0, -1]] = canvas.image[:, [0, -1]]
    pose = canvas.pose
    cast = np.asarray((1 + pose.warmth, 1, 1 - pose.warmth), F) * F(pose.exposure)
    rows = (np.arange(canvas.height) + frame * 89) & 255
    cols = (np.arange(canvas.width) + frame * 57) & 255
    noise = street.noise[rows][:, cols] * F(11) + street.noise[cols[None, :] // 2, rows[:, None]] * F(7)
    soft *= cast
    soft += noise[..., None] + F(0.5)
    return np.clip(soft, F(0), F(255), out=soft).astype(np.uint8)
