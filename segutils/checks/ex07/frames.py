"""ex07's CamSeqFrames: folders of frames, and the probe that asks a student's data set for one of them."""

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from segutils.checks.base import Answers, Case, Check
from segutils.checks.ex07.ready import READY_ANSWERS
from segutils.checks.probing import call, describe, one_thread, same

PARTS = ("image", "mask")


def draw_frames(seed: int) -> list[Case]:
    """Folders of three frames: odd sizes, several palettes, files with a colour table, a dark image."""
    rng = np.random.default_rng([7, 1, seed])
    # height, width, num_classes, with a black class, index, image mode, mask mode, brightest value, transform
    table = [
        (6, 9, 5, False, 1, "RGB", "RGB", 255, False),
        (7, 5, 4, True, 0, "RGB", "P", 255, False),
        (1, 8, 3, False, 2, "RGB", "RGB", 255, True),
        (5, 4, 31, False, 1, "P", "RGB", 255, False),
        (9, 7, 12, True, 2, "P", "P", 255, True),
        (4, 1, 1, False, 0, "RGB", "RGB", 1, False),
        (17, 24, 200, True, 1, "RGB", "RGB", 255, False),
        (240, 320, 20, True, 0, "RGB", "RGB", 255, False),
    ]
    return [draw_folder(rng, *row) for row in table]


def draw_folder(rng, height, width, num_classes, black, index, image_mode, mask_mode, brightest, transform) -> Case:
    """Three frames, in whose labels about every sixth pixel has a colour of no class."""
    shape = (3, height, width)
    palette, strange = draw_palette(rng, num_classes, black)
    labels = palette[rng.integers(num_classes, size=shape)]
    unknown = rng.random(shape) < 0.15
    unknown[:, -1, -1] = True
    labels[unknown] = rng.choice(strange, size=unknown.sum())
    colors = rng.integers(brightest + 1, size=(60, 3))  # few enough for the colour table of a file
    return {
        "images": colors[rng.integers(len(colors), size=shape)].astype(np.uint8),
        "labels": labels,
        "palette": palette,
        "index": index,
        "image_mode": image_mode,
        "mask_mode": mask_mode,
        "transform": transform,
    }


def draw_palette(rng: np.random.Generator, num_classes: int, black: bool) -> tuple[np.ndarray, np.ndarray]:
    """Colours of classes, many of which share channels, and colours of no class that are easily taken for them."""
    steps = (0, 64, 128, 192) if num_classes <= 40 else (0, 32, 64, 96, 128, 160, 192, 224)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    colored = grid[(grid[:, 0] != grid[:, 2]) & (grid.sum(axis=1) > 0)]  # another colour when read as BGR
    palette = rng.permutation(colored)[:num_classes]
    if black:
        palette[rng.integers(0, num_classes)] = 0
    near = [palette[:, ::-1], palette[:, [1, 2, 0]], palette + [0, 1, 0], np.zeros((1, 3), dtype=int)]
    known = {tuple(color) for color in palette.tolist()}
    strange = [color for color in np.concatenate(near).tolist() if tuple(color) not in known]
    return palette.astype(np.uint8), rng.permutation(np.unique(strange, axis=0))[:8].astype(np.uint8)


def picture(colors: np.ndarray, mode: str) -> Image.Image:
    """(H, W, 3) colours as a picture of a file's mode: "RGB", or "P" with a table of its colours."""
    if mode == "RGB":
        return Image.fromarray(colors)
    table, numbers = np.unique(colors.reshape(-1, 3), axis=0, return_inverse=True)
    indexed = Image.fromarray(numbers.reshape(colors.shape[:2]).astype(np.uint8))
    indexed.putpalette(table.flatten().tolist())
    return indexed


def frame_names(case: Case) -> list[str]:
    return [f"0016E5_{8000 + 2 * frame:05}" for frame in range(len(case["images"]))]


def write_frames(folder: Path, case: Case) -> None:
    """The case's frames as files in CamSeq01's layout, written in an order that is not that of time."""
    for frame, name in reversed(list(enumerate(frame_names(case)))):
        picture(case["images"][frame], str(case["image_mode"])).save(folder / f"{name}.png")
        picture(case["labels"][frame], str(case["mask_mode"])).save(folder / f"{name}_L.png")
    (folder / "label_colors.txt").write_text("".join(f"{r} {g} {b}\tclass\n" for r, g, b in case["palette"].tolist()))


def mirrored(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """A joint transform: mirror both, cut a column, and stretch the image's values to -1..1."""
    return (2 * image - 1).flip(-1)[..., 1:], mask.flip(-1)[..., 1:]


@one_thread()
def probe_frames(dataset_class: object, case: Case) -> Answers:
    """Write the frames into a temporary folder, build the student's data set there, and ask it for one item."""
    with tempfile.TemporaryDirectory() as folder:
        write_frames(Path(folder), case)
        palette, received = np.array(case["palette"]), []

        def transform(image, mask):
            received.append([describe(image), describe(mask)])
            try:
                return mirrored(image, mask)
            except Exception:  # what came in is judged by itself
                return image, mask

        settings = {"folder": folder, "palette": palette} | ({"transform": transform} if case["transform"] else {})
        dataset, answers = call(dataset_class, settings, READY_ANSWERS)
        if "error" in answers:
            return answers
        return {"frames": frames_of(dataset)} | probe_item(dataset, case, palette, received)


def probe_item(dataset: object, case: Case, palette: np.ndarray, received: list) -> Answers:
    """dataset[index] twice: what came back, what the transform got, and whether anything was changed on the way."""
    items = []

    def item(index):
        received.clear()
        items.append(dataset[index])
        return items[-1]

    large = case["images"][0].size > 100_000
    steps = case["images"][0, ..., 0].size // 4 if large else 0
    before = frames_of(dataset)
    _, answers = call(item, {"index": int(case["index"])}, READY_ANSWERS, max_steps=steps)
    if "error" in answers:
        return answers
    changed = [] if np.array_equal(palette, case["palette"]) else ["palette"]
    changed += [] if frames_of(dataset) == before else ["self.frames"]
    parts = [parts_of(result) for result in items]
    repeats = all(same(part, parts[-1].get(name, {})) for name, part in parts[0].items())
    answers |= {"changed_inputs": ", ".join(changed), "repeats": repeats, "transform_calls": len(received)}
    answers["count"] = len(items[0]) if isinstance(items[0], tuple | list) else 0
    for name, part in parts[0].items():
        answers |= {f"{name}_{key}": value for key, value in part.items()}
    for name, part in zip(PARTS, received[0] if received else (), strict=False):
        answers |= {f"received_{name}_{key}": value for key, value in part.items()}
    return answers


def parts_of(item: object) -> dict[str, Answers]:
    """Image and mask of an item as plain facts; nothing where it is no pair."""
    if not isinstance(item, tuple | list) or len(item) != len(PARTS):
        return {}
    return {name: describe(value) for name, value in zip(PARTS, item, strict=True)}


def frames_of(dataset: object) -> str:
    """The file names in `dataset.frames`; empty where it holds no pairs of paths."""
    try:
        return ", ".join(f"{Path(image).name} {Path(label).name}" for image, label in dataset.frames)
    except Exception:
        return ""


camseq_frames = Check(
    name="ex07.camseq_frames",
    subject="CamSeqFrames",
    draw=draw_frames,
    probe=probe_frames,
    ready_answers=READY_ANSWERS,
    verified="1 to 200 classes, unknown colours, odd sizes, RGB and P files, a dark image, a joint transform",
)
