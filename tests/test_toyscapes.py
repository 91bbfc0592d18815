"""The toy streets: what every street must show, the same pixels for a seed, and files written whole or not at all."""

import hashlib
import time

import numpy as np
import pytest
import torch
from PIL import Image

from segutils import palettes
from segutils.camseq import CamSeqDataset, sequential_split
from segutils.errors import CourseError
from segutils.palettes import CAMVID
from segutils.toyscapes import ToyScapes, files, generate
from segutils.toyscapes.render import render
from segutils.toyscapes.scene import build_street, camera_pose

CODE = {name: index for index, name in enumerate(CAMVID.names)}
CLASSES = (
    "Road Sidewalk LaneMkgsDriv Building Sky Tree Car Pedestrian Bicyclist Column_Pole SignSymbol Fence Void".split()  # noqa: SIM905
)


@pytest.fixture(scope="module")
def street():
    return ToyScapes()


@pytest.fixture(scope="module")
def counts(street):
    """Pixels of each class in each frame, (101, 256); Void in column 255."""
    return np.stack([np.bincount(mask.flatten().numpy(), minlength=256) for mask in street.masks])


def test_items_are_as_camseqs(street):
    image, mask = street[3]
    assert image.dtype == torch.uint8 and image.shape == (3, 180, 240)
    assert mask.dtype == torch.int64 and mask.shape == (180, 240)
    assert len(street) == 101 == len(street.names) and street.names == sorted(street.names)
    assert street.palette is CAMVID and street.num_classes == 32 and street.class_names == CAMVID.names
    assert 255 in mask and CODE["Void"] not in mask
    with pytest.raises(IndexError):
        street[101]


def test_every_class_of_the_list_and_no_other(counts):
    seen = {CAMVID.names[index] for index in np.flatnonzero(counts.sum(0)) if index != 255} | {"Void"}
    assert seen == set(CLASSES) and counts[:, 255].min() > 0


@pytest.mark.parametrize("seed", [0, 3, 1000])
def test_fences_are_absent_from_the_test_part_and_nothing_else_is(seed, street):
    frames = street if seed == 0 else ToyScapes(seed=seed, size=(160, 120))
    train, _, test = sequential_split(101)
    seen = [{CAMVID.names[i] for i in frames.masks[part].unique().tolist() if i != 255} for part in (train, test)]
    assert seen[0] == set(CLASSES) - {"Void"}
    assert seen[0] - seen[1] == {"Fence"}
    assert len(test) == 16


def test_some_classes_are_rare_and_none_is_nearly_everything(counts):
    shares = counts[:70].sum(0) / counts[:70].sum()
    rare = {name for name in CLASSES[:-1] if 0 < shares[CODE[name]] < 0.01}
    assert {"Column_Pole", "SignSymbol", "LaneMkgsDriv", "Bicyclist"} <= rare
    assert shares.max() < 0.45 and shares[CODE["Road"]] > 0.2 and shares[CODE["Building"]] > 0.1
    assert shares[255] < 0.06


def test_the_layout_is_a_streets(street):
    mask = street.masks.numpy()
    assert (
        np.isin(mask[:, :20], [CODE[n] for n in ("Sky", "Building", "Tree", "Column_Pole", "SignSymbol")])
    ).mean() > 0.98
    assert not np.isin(mask[:, 100:], CODE["Sky"]).any()
    assert not np.isin(mask[:, :60], [CODE["Road"], CODE["Sidewalk"]]).any()
    assert (mask[:, -1] == 255).all()  # the bonnet
    assert (mask[:, 150:170, 100:140] == CODE["Road"]).mean() > 0.8


def test_road_and_sidewalk_look_the_same_and_lie_apart():
    """The classes' colours overlap almost wholly; the column at which they lie tells them apart."""
    street = build_street(9, 101)
    lit = {"Road": [], "Sidewalk": []}
    for frame in range(0, 101, 10):
        image, label = render(street, frame, (240, 180))
        for name, values in lit.items():
            rows = image[140:170][label[140:170] == CODE[name]]
            values.append(rows.mean(-1))
    histograms = [np.histogram(np.concatenate(v), bins=16, range=(0, 256), density=True)[0] * 16 for v in lit.values()]
    assert np.minimum(*histograms).sum() > 0.6
    base = street.day["ground"]
    assert max(base) - min(base) < 10  # one grey for both


def test_poles_are_one_or_two_pixels_wide(street):
    """Width of every run of pole pixels in rows above the horizon, where no arm lies across."""
    widths = []
    for mask in street.masks[::10].numpy():
        for row in mask[40:76:6] == CODE["Column_Pole"]:
            edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
            widths += (edges[1::2] - edges[::2]).tolist()
    assert len(widths) > 20
    assert np.mean(np.isin(widths, [1, 2])) > 0.9  # two poles may stand side by side, and arms are long


def test_one_bicyclist_grows_from_8_to_120_pixels():
    street = build_street(0, 101)
    rider = next(thing for thing in street.things if thing.kind == "bicyclist")
    alone = street.__class__(**{**vars(street), "things": (rider,)})
    heights = []
    for frame in (0, 25, 50, 75, 100):
        rows = np.flatnonzero((render(alone, frame, (240, 180))[1] == CODE["Bicyclist"]).any(1))
        heights.append(np.ptp(rows) + 1)
    assert heights == sorted(heights)
    assert abs(heights[0] - 8) <= 1 and abs(heights[-1] - 120) <= 8


def test_neighbours_are_alike_and_distant_frames_are_not(street):
    masks = street.masks
    near = (masks[1:] == masks[:-1]).float().mean()
    far = (masks[40:] == masks[:-40]).float().mean()
    assert near > 0.85 and far < near - 0.08
    changes = (street.images[1:].float() - street.images[:-1]).abs().mean(dim=(1, 2, 3))
    assert changes.min() > 1  # the camera never stands still


def test_exposure_drifts_and_the_sensor_is_noisy(street):
    layout = build_street(0, 101)
    exposure, brightness = [], []
    for frame in range(0, 101, 10):
        exposure.append(camera_pose(layout, frame).exposure)
        sky = street.masks[frame, 20:60] == CODE["Sky"]
        brightness.append(street.images[frame, 0, 20:60][sky].float().mean().item())
    assert max(exposure) - min(exposure) > 0.15
    assert np.corrcoef(exposure, brightness)[0, 1] > 0.7
    image = street.images[0, 0, 150:165, 60:180].float()
    assert (image[:, 1:] - image[:, :-1]).abs().mean() > 1.5


def test_labels_are_never_antialiased_and_borders_are_void(street):
    assert set(street.masks.unique().tolist()) <= {CODE[n] for n in CLASSES[:-1]} | {255}
    riders = street.masks[100].numpy() == CODE["Bicyclist"]
    grown = riders.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            grown |= np.roll(riders, step, axis)
    ring = street.masks[100].numpy()[grown & ~riders]
    assert (ring == 255).mean() > 0.8


def test_the_geometry_does_not_depend_on_the_resolution():
    street = build_street(2, 101)
    for frame in (0, 50):
        small = render(street, frame, (240, 180))[1]
        # the middle of each 4x4 block lies half a pixel off: a pixel centre is compared with a corner near it
        large = render(street, frame, (960, 720))[1][2::4, 2::4]
        known = (small != CODE["Void"]) & (large != CODE["Void"])
        assert (small == large)[known].mean() > 0.97


@pytest.mark.parametrize("size", [(64, 32), (33, 47), (320, 100)])
def test_other_sizes_can_be_drawn(size):
    image, mask = ToyScapes(2, size, seed=5)[1]
    assert image.shape == (3, size[1], size[0]) and mask.shape == (size[1], size[0])


def test_a_seed_is_a_street():
    first, again, other = ToyScapes(3, seed=7), ToyScapes(3, seed=7), ToyScapes(3, seed=8)
    assert torch.equal(first.images, again.images) and torch.equal(first.masks, again.masks)
    assert (first.masks != other.masks).float().mean() > 0.1


def test_a_longer_sequence_begins_with_the_same_frames(street):
    few = ToyScapes(4)
    assert torch.equal(few.images, street.images[:4]) and torch.equal(few.masks, street.masks[:4])


def test_pixels_are_the_published_ones():
    """One checksum for every machine: renew it, and files.VERSION with it, when the scenes change on purpose."""
    image, label = render(build_street(0, 101), 60, (240, 180))
    assert hashlib.sha256(label.tobytes()).hexdigest()[:16] == "5d4012f16da4686e"
    assert hashlib.sha256(image.tobytes()).hexdigest()[:16] == "148f9a75a8a86e2b"


def test_a_frame_takes_milliseconds():
    """101 frames take less than 3 s of a quiet core; this fails where something made them five times slower."""
    street = build_street(0, 101)
    started = time.process_time()
    for frame in range(0, 100, 10):
        render(street, frame, (240, 180))
    assert time.process_time() - started < 5 * 10 * 3 / 101


def test_items_are_ones_own_and_go_through_the_transform(street):
    image, mask = street[0]
    image[:], mask[:] = 0, 0
    assert street[0][0].any() and street[0][1].any()
    street_with = ToyScapes(1, transform=lambda image, mask: (image.float(), mask + 1))
    assert street_with[0][0].dtype == torch.float32 and 256 in street_with[0][1]


def test_generate_writes_what_toyscapes_holds(tmp_path):
    folder = generate(tmp_path / "street", num_frames=3, size=(120, 90), seed=4)
    held = ToyScapes(3, (120, 90), 4)
    read = CamSeqDataset(folder)
    assert read.names == held.names and read.palette == CAMVID
    for index in range(3):
        assert torch.equal(read[index][0], held[index][0]) and torch.equal(read[index][1], held[index][1])
    names = {f"{name}{ending}" for name in held.names for ending in (".png", "_L.png")} | {"label_colors.txt"}
    assert {path.name for path in folder.iterdir()} == names
    assert (folder / "label_colors.txt").read_bytes().startswith(b"64 128 64\tAnimal\n192 0 128\tArchway\n")
    assert palettes.load(folder / "label_colors.txt") == CAMVID
    assert all(Image.open(folder / name).mode == "RGB" for name in names if name.endswith(".png"))


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    one, two = (generate(tmp_path / name, 2, (64, 48), 1) for name in ("one", "two"))
    assert digests(one) == digests(two)


def test_a_complete_folder_is_kept(tmp_path):
    folder = generate(tmp_path / "street", 2, (64, 48))
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert generate(folder, 2, (64, 48)) == folder
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_folder_with_anything_else_is_refused_and_left_alone(tmp_path):
    folder = generate(tmp_path / "street", 2, (64, 48))
    for settings in ((2, (64, 48), 1), (3, (64, 48), 0), (2, (80, 60), 0)):
        with pytest.raises(CourseError, match="choose another folder"):
            generate(folder, *settings)
    damaged = folder / "toy0000_00001.png"
    damaged.write_bytes(damaged.read_bytes()[:-300])
    with pytest.raises(CourseError, match="toy0000_00001.png"):
        generate(folder, 2, (64, 48))
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(CourseError, match="thesis.txt"):
        generate(other, 2, (64, 48))
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]
    with pytest.raises(CourseError, match="is a file"):
        generate(other / "thesis.txt", 2, (64, 48))


def test_an_interruption_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(street, frame, size):
        if frame == 1:
            raise KeyboardInterrupt
        return render(street, frame, size)

    monkeypatch.setattr(files, "render", interrupted)
    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path / "street", 3, (64, 48))
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled_and_an_unwritable_one_named(tmp_path):
    (tmp_path / "empty").mkdir()
    assert len(list(generate(tmp_path / "empty", 1, (64, 48)).iterdir())) == 3
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match="choose another folder"):
        generate(tmp_path / "file" / "street", 1, (64, 48))


@pytest.mark.parametrize(
    "settings",
    [
        (0, (240, 180), 0),
        (2.5, (240, 180), 0),
        (1, (240,), 0),
        (1, (8, 8), 0),
        (1, (240.0, 180), 0),
        (1, (240, 180), -1),
    ],
)
def test_settings_that_cannot_be_drawn_are_named(settings, tmp_path):
    with pytest.raises(CourseError, match="toy scenes"):
        ToyScapes(*settings)
    with pytest.raises(CourseError, match="toy scenes"):
        generate(tmp_path / "street", *settings)
    assert list(tmp_path.iterdir()) == []
