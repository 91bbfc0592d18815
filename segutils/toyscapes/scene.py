"""What stands in a street and how the camera drives through it: numbers in metres, no pixels yet.

World coordinates: x to the right, y up, z along the street. The camera starts at z = 0 and moves SPEED metres a frame.
Each kind of thing has a random stream of its own, drawn in order of z: a longer sequence begins with the same frames.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from segutils.errors import CourseError

SPEED = 0.7  # metres a frame: 38 km/h at 15 frames a second
VIEW = 100.0  # metres: smaller things are drawn up to here
HORIZON = 170.0  # metres: houses are drawn up to here
LANE = 3.4  # width of a lane
# A sequence of 101 frames split 70/15/15 in time tests on frames 85..100. Fences end where the camera no longer sees
# them from frame 85 on, and begin again where frame 100 does not see them yet: one class is absent from the test part.
FENCE_GAP = (85 * SPEED + 6.5, 100 * SPEED + HORIZON + 5.0)


@dataclass(frozen=True)
class Lot:
    """One piece of a street's side: a house, an alley or side street (a gap), or a park behind a wall."""

    kind: str  # "house", "alley", "junction", "park", "garden"
    start: float
    end: float
    top: float = 0.0  # height of the eaves
    roof: float = 0.0  # height of the roof above them
    color: tuple[float, float, float] = (150, 120, 100)
    roof_color: tuple[float, float, float] = (80, 75, 80)
    trim: float = 1.3  # brightness of frames and cornice against the wall
    floor: float = 3.1
    pitch: float = 2.6  # one window every so many metres
    window: float = 0.45  # share of the pitch that is glass
    shop: tuple[float, float, float] | None = None  # colour of the shop sign, None without a shop


@dataclass(frozen=True)
class Thing:
    """Something that stands or moves: where it is at frame 0, its speed in metres a frame, and its looks."""

    kind: str  # "car", "pedestrian", "bicyclist", "tree", "lamp", "sign", "light", "shop sign"
    x: float
    z: float
    speed: float = 0.0
    height: float = 1.7
    color: tuple[float, float, float] = (120, 120, 120)
    second: tuple[float, float, float] = (60, 60, 70)
    variant: int = 0
    facing: int = 1  # 1: seen from behind, -1: coming towards the camera
    phase: float = 0.0
    shapes: tuple[tuple[float, float, float], ...] = ()  # a crown's discs: x, y, radius


@dataclass(frozen=True)
class Side:
    """One side of the street: where its kerb and its house fronts are, and its lots."""

    sign: int  # -1 left, 1 right
    kerb: float  # |x| of the kerb
    front: float  # |x| of the house fronts
    parking: bool
    lots: tuple[Lot, ...]


@dataclass(frozen=True)
class Street:
    """A whole street: its two sides, its things, and what depends on the day (sun, sky, season, exposure)."""

    seed: int
    drive: int  # -1: the camera drives on the left, 1: on the right
    sides: tuple[Side, Side]
    things: tuple[Thing, ...]
    day: dict[str, object] = field(hash=False)
    noise: np.ndarray = field(hash=False, repr=False)  # (256, 256) float32 in -0.5..0.5


@dataclass(frozen=True)
class Pose:
    """Where the camera is and looks at one frame, and its exposure."""

    x: float
    y: float
    z: float
    yaw_cos: float
    yaw_sin: float
    tilt: float  # the horizon's shift, in picture heights
    exposure: float
    warmth: float


# Independent random streams, one for each kind of thing on each side: one more car must not move the trees, and a
# street that is made longer must not change where it begins.
_STREAMS = "layout lots parked traffic people lamps signs shops parks trees day noise path".split()  # noqa: SIM905


def random_stream(seed: int, name: str, side: int = 0) -> np.random.Generator:
    """The random numbers of one part of a street (side -1 or 1, or 0 for the whole), the same on every machine."""
    return np.random.Generator(np.random.PCG64([seed, _STREAMS.index(name), side + 1]))


def build_street(seed: int, num_frames: int) -> Street:
    """Lay out the street of this seed, long enough for so many frames."""
    end = num_frames * SPEED + HORIZON + 20.0
    layout = random_stream(seed, "layout")
    drive = -1 if layout.random() < 0.6 else 1
    park_side = -drive if layout.random() < 0.7 else drive
    sides = tuple(_build_side(layout, seed, sign, drive, park_side, end) for sign in (-1, 1))
    day = _build_day(seed)
    things = (
        *_parked_cars(seed, sides, drive, end),
        *_traffic(seed, drive, num_frames),
        *_people(seed, sides, end),
        *_street_furniture(seed, sides, end),
        *_trees(seed, sides, day, end),
    )
    noise = random_stream(seed, "noise").integers(0, 256, (256, 256)).astype(np.float32) / 255 - np.float32(0.5)
    return Street(seed, drive, sides, things, day, noise)


def camera_pose(street: Street, frame: int) -> Pose:
    """The camera at one frame: driving on, swaying in its lane, turning a little, bobbing, its exposure drifting."""
    phases = random_stream(street.seed, "path").random(8) * 6.283

    def wave(index: int, period: float) -> float:
        return math.sin(frame * 6.283 / period + phases[index])

    yaw = 0.020 * wave(0, 83.0) + 0.010 * wave(1, 31.0)
    # Rounded, because the last digit of a sine is not the same on every machine.
    return Pose(
        x=round(street.drive * LANE / 2 + 0.18 * wave(2, 60.0), 5),
        y=round(1.38 + 0.012 * wave(3, 7.3), 5),
        z=round(frame * SPEED, 5),
        yaw_cos=round(math.cos(yaw), 6),
        yaw_sin=round(math.sin(yaw), 6),
        tilt=round(0.006 * wave(4, 9.1) + 0.004 * wave(5, 4.7), 5),
        exposure=round(1.0 + 0.13 * wave(6, 70.0) + 0.05 * wave(7, 23.0), 4),
        warmth=round(0.03 * wave(1, 90.0), 4),
    )


def _pick(rng: np.random.Generator, options: list) -> object:
    return options[int(rng.integers(len(options)))]


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(rng.random())


def _vary(rng: np.random.Generator, color: tuple[float, float, float], amount: float = 12.0) -> tuple[float, ...]:
    """The colour, a little lighter or darker and a little off: no two things look the same."""
    shift = _between(rng, -amount, amount)
    return tuple(min(max(channel + shift + _between(rng, -amount, amount) / 3, 5.0), 250.0) for channel in color)


_WALLS = [
    (150, 92, 74),
    (172, 112, 86),
    (188, 170, 140),
    (205, 195, 175),
    (120, 98, 84),
    (160, 150, 140),
    (196, 182, 120),
]
_ROOFS = [(86, 82, 88), (110, 78, 66), (70, 68, 70), (125, 95, 80)]
_SHOPS = [(150, 30, 36), (24, 60, 120), (20, 86, 62), (60, 30, 70), (225, 215, 200), (30, 32, 36), (200, 130, 30)]


def _build_side(layout: np.random.Generator, seed: int, sign: int, drive: int, park_side: int, end: float) -> Side:
    parking = bool(layout.random() < (0.25 if sign == drive else 0.6))
    kerb = LANE + (2.0 if parking else 0.2)
    front = kerb + _between(layout, 2.6, 4.4)
    rng = random_stream(seed, "lots", sign)
    shops = layout.random()
    lots, z = [], -15.0
    while z < end:
        lot = _next_lot(rng, z, lots[-1].kind if lots else "alley", sign == park_side, shops)
        lots.append(lot)
        z = lot.end
    return Side(sign, kerb, front, parking, tuple(lots))


def _next_lot(rng: np.random.Generator, z: float, before: str, park: bool, shops: float) -> Lot:
    draw = rng.random()
    if park and before == "house" and z < FENCE_GAP[0] - 12.0:  # the fence that every street shows before frame 85
        return _green_lot(rng, "park", z, min(z + _between(rng, 20.0, 40.0), FENCE_GAP[0]))
    if before in ("house", "garden") and draw < 0.10:
        return Lot("junction", z, z + _between(rng, 6.0, 8.0))
    if before == "house" and draw < 0.25:
        return Lot("alley", z, z + _between(rng, 1.5, 3.5))
    if before == "house" and draw < (0.50 if park else 0.32):
        return _green_lot(rng, "garden" if z < FENCE_GAP[1] else "park", z, z + _between(rng, 12.0, 30.0))
    return Lot(
        "house",
        z,
        z + _between(rng, 6.0, 15.0),
        top=_between(rng, 6.0, 12.5),
        roof=_between(rng, 0.8, 2.6) if rng.random() < 0.55 else 0.0,
        color=_vary(rng, _pick(rng, _WALLS)),
        roof_color=_vary(rng, _pick(rng, _ROOFS), 8),
        trim=_between(rng, 1.15, 1.5),
        floor=_between(rng, 2.8, 3.5),
        pitch=_between(rng, 1.9, 3.4),
        window=_between(rng, 0.36, 0.62),
        shop=_vary(rng, _pick(rng, _SHOPS)) if rng.random() < 0.25 + 0.6 * shops else None,
    )


def _green_lot(rng: np.random.Generator, kind: str, start: float, end: float) -> Lot:
    return Lot(kind, start, end, top=_between(rng, 0.5, 0.9), color=_vary(rng, _pick(rng, _WALLS[:5])))


_SKIES = [((96, 150, 214), (206, 224, 238)), ((126, 166, 210), (222, 228, 232)), ((150, 172, 196), (226, 226, 222))]
_LEAVES = [(78, 92, 44), (60, 84, 40), (108, 96, 48), (96, 84, 66), (88, 104, 50)]


def _build_day(seed: int) -> dict[str, object]:
    rng = random_stream(seed, "day")
    zenith, horizon = _pick(rng, _SKIES)
    grey = _between(rng, 84.0, 112.0)
    return {
        "zenith": _vary(rng, zenith),
        "horizon": _vary(rng, horizon, 6),
        "cloud": _between(rng, 0.2, 1.0),
        "leaf": _vary(rng, _pick(rng, _LEAVES)),
        "ground": (grey, grey * _between(rng, 0.98, 1.01), grey * _between(rng, 0.98, 1.06)),
        "sun": -1 if rng.random() < 0.5 else 1,  # the side where it stands: that side's houses throw the shadow
        "sun_slope": _between(rng, 0.35, 1.1),  # metres of shadow per metre of height
        "sun_shear": _between(rng, -0.6, 0.6),
        "shade": _between(rng, 0.48, 0.66),
        "bonnet": _vary(rng, _pick(rng, _CARS)),
    }


_CARS = [(150, 24, 28), (30, 52, 110), (196, 198, 202), (46, 48, 52), (120, 124, 130), (228, 226, 220), (36, 88, 60)]
_CLOTHES = [(40, 42, 52), (150, 36, 40), (46, 70, 120), (196, 188, 170), (80, 86, 60), (210, 160, 40), (90, 90, 96)]


def _parked_cars(seed: int, sides: tuple[Side, Side], drive: int, end: float) -> list[Thing]:
    cars = []
    for side in sides:
        rng = random_stream(seed, "parked", side.sign)
        z = 6.0 + 5.0 * float(rng.random())
        while side.parking and z < end:
            if rng.random() < 0.45 and not _is_junction(side, z, z + 5.0):
                facing = 1 if side.sign == drive else -1
                cars.append(_car(rng, side.sign * (side.kerb - 1.05), z, 0.0, facing))
            z += _between(rng, 5.0, 6.5)
    return cars


def _car(rng: np.random.Generator, x: float, z: float, speed: float, facing: int) -> Thing:
    return Thing(
        "car", x, z, speed, _between(rng, 1.4, 1.62), _vary(rng, _pick(rng, _CARS)),
        variant=int(rng.integers(3)), facing=facing,
    )  # fmt: skip


def _is_junction(side: Side, start: float, end: float) -> bool:
    return any(lot.kind == "junction" and lot.start - 2 < end and start < lot.end + 2 for lot in side.lots)


def _traffic(seed: int, drive: int, num_frames: int) -> list[Thing]:
    rng = random_stream(seed, "traffic")
    things = [_car(rng, drive * LANE / 2, _between(rng, 14, 40), SPEED, 1)]  # a car ahead in the camera's lane
    if rng.random() < 0.4:  # ... which not every street has
        things = []
    for block in range(num_frames // 101 + 2):
        frame = 101 * block
        # The same bicyclist seen small and large: 48 m ahead (8 of 180 pixels high) at the block's first frame,
        # 3.2 m (120 pixels) at its last, keeping to the kerb's side of the lane.
        speed = SPEED - (48.0 - 3.2) / 100
        clothes = _vary(rng, _pick(rng, _CLOTHES)), _vary(rng, _pick(rng, _CLOTHES))
        things.append(
            Thing("bicyclist", drive * (LANE / 2 + 1.15), frame * (SPEED - speed) + 48.0, speed, 1.78, *clothes)
        )
        for _ in range(2):  # ... and two on the other side of the road, coming towards the camera
            meet = frame + _between(rng, 5, 125)
            things.append(_meeting(rng, "bicyclist", -drive * (LANE - 0.6), meet, -0.26))
        for _ in range(2):
            meet = frame + _between(rng, 10, 120)
            speed = -_between(rng, 0.45, 0.7)
            z = meet * SPEED - meet * speed
            things.append(_car(rng, -drive * LANE / 2, z, speed, -1))
    return things


def _meeting(rng: np.random.Generator, kind: str, x: float, frame: float, speed: float) -> Thing:
    """Somebody whom the camera meets at this frame."""
    return Thing(
        kind, x, frame * (SPEED - speed), speed, _between(rng, 1.6, 1.85),
        _vary(rng, _pick(rng, _CLOTHES)), _vary(rng, _pick(rng, _CLOTHES)),
        variant=int(rng.integers(4)), facing=1 if speed > 0 else -1, phase=_between(rng, 0, 6.28),
    )  # fmt: skip


def _people(seed: int, sides: tuple[Side, Side], end: float) -> list[Thing]:
    people = []
    for side in sides:
        rng = random_stream(seed, "people", side.sign)
        z = 4.0
        while z < end:
            x = side.sign * _between(rng, side.kerb + 0.4, side.front - 0.5)
            for _ in range(int(rng.integers(1, 3))):
                speed = _pick(rng, [-1, 1]) * _between(rng, 0.05, 0.1)
                people.append(_meeting(rng, "pedestrian", x, 0, speed))
                people[-1] = _moved(people[-1], z)
                x = side.sign * min(abs(x) + 0.55, side.front - 0.3)
            z += _between(rng, 7.0, 18.0)
    return people


def _moved(thing: Thing, z: float) -> Thing:
    return Thing(**{**vars(thing), "z": z})


def _street_furniture(seed: int, sides: tuple[Side, Side], end: float) -> list[Thing]:
    things = []
    for side in sides:
        x = side.sign * (side.kerb + 0.35)
        rng = random_stream(seed, "lamps", side.sign)
        z = _between(rng, 8.0, 16.0)
        while z < end:
            things.append(Thing("lamp", x, z, height=_between(rng, 5.0, 6.5), color=_vary(rng, (98, 102, 104))))
            z += _between(rng, 16.0, 26.0)
        rng = random_stream(seed, "signs", side.sign)
        z = _between(rng, 6.0, 14.0)
        while z < end:
            kind = "light" if rng.random() < 0.25 else "sign"
            height, variant = _between(rng, 2.3, 2.9), int(rng.integers(4))
            things.append(Thing(kind, x, z, height=height, color=(120, 122, 124), variant=variant))
            z += _between(rng, 11.0, 24.0)
        rng = random_stream(seed, "shops", side.sign)
        for lot in side.lots:
            if lot.shop and rng.random() < 0.5:
                z, y = _between(rng, lot.start + 1, lot.end - 1), _between(rng, 3.0, 3.6)
                things.append(Thing("shop sign", side.sign * (side.front - 0.45), z, height=y, color=lot.shop))
    return things


def _trees(seed: int, sides: tuple[Side, Side], day: dict[str, object], end: float) -> list[Thing]:
    trees = []
    for side in sides:
        rng = random_stream(seed, "parks", side.sign)
        for lot in side.lots:
            z = lot.start + _between(rng, 0.5, 2.0)
            while lot.kind in ("park", "garden") and z < lot.end:
                trees.append(_tree(rng, side.sign * (side.front + _between(rng, 1.2, 4.0)), z, day, 1.0))
                z += _between(rng, 2.5, 4.5)
        rng = random_stream(seed, "trees", side.sign)
        spacing, z = 9.0 if rng.random() < 0.4 else 26.0, _between(rng, 10.0, 20.0)
        while z < end:
            trees.append(_tree(rng, side.sign * (side.kerb + 0.6), z, day, 0.6))
            z += spacing * _between(rng, 1.0, 1.7)
    return trees


def _tree(rng: np.random.Generator, x: float, z: float, day: dict[str, object], size: float) -> Thing:
    height = size * _between(rng, 6.5, 10.0)
    radius = height * _between(rng, 0.26, 0.34)
    discs = [(0.0, height - radius, radius)]
    for _ in range(6):
        offset = _between(rng, -0.75, 0.75) * radius
        level = height - radius + _between(rng, -0.8, 0.6) * radius
        discs.append((offset, level, radius * _between(rng, 0.4, 0.65)))
    return Thing(
        "tree", x, z, height=height, color=_vary(rng, day["leaf"], 16), second=(70, 58, 46), shapes=tuple(discs)
    )


def frame_name(seed: int, frame: int) -> str:
    """The name of a frame; names sort in time order."""
    return f"toy{seed:04d}_{frame:05d}"


def check_settings(num_frames: int, size: tuple[int, int], seed: int) -> None:
    """Raise CourseError for settings that cannot be drawn."""
    if not (isinstance(num_frames, int) and num_frames >= 1):
        raise CourseError(f"toy scenes: num_frames must be a whole number from 1, not {num_frames!r}")
    if not (len(tuple(size)) == 2 and all(isinstance(side, int) and 32 <= side <= 4096 for side in size)):
        raise CourseError(f"toy scenes: size is (width, height) in pixels, each 32..4096, not {size!r}")
    if not (isinstance(seed, int) and seed >= 0):
        raise CourseError(f"toy scenes: seed must be a whole number from 0, not {seed!r}")
