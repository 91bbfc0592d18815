"""Checks of ex07_camseq: the cases, and the probes that run a student's code on them."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader

from segutils.checks.base import Answers, Case, Check
from segutils.checks.modules import load_drawn_weights
from segutils.checks.probing import as_tensor, call, describe, one_thread, same

READY_ANSWERS = ("segutils.camseq", "segutils.training", "segutils.experiments.camseq")
PARTS = ("image", "mask")


# ---- camseq_frames


def draw_frames(seed: int) -> list[Case]:
    """Folders of three frames: odd sizes, several palettes, files with a colour table or transparency, a dark image."""
    rng = np.random.default_rng([7, 1, seed])
    # height, width, num_classes, with a black class, index, image mode, label mode, brightest value, transform
    table = [
        (6, 9, 5, False, 1, "RGB", "RGB", 255, False),
        (7, 5, 4, True, 0, "RGB", "P", 255, False),
        (1, 8, 3, False, 2, "RGB", "RGBA", 255, True),
        (5, 4, 31, False, 1, "RGBA", "RGB", 255, False),
        (9, 7, 12, True, 2, "P", "P", 255, True),
        (4, 1, 1, False, 0, "RGB", "RGB", 1, False),
        (17, 24, 200, True, 1, "RGB", "RGB", 255, False),
        (240, 320, 20, True, 0, "RGB", "RGB", 255, False),
    ]
    return [draw_folder(rng, *row) for row in table]


def draw_folder(rng, height, width, num_classes, black, index, image_mode, label_mode, brightest, transform) -> Case:
    """Three frames whose labels hold every class where they are large enough, and colours of no class."""
    palette, strange = draw_palette(rng, num_classes, black)
    classes = rng.integers(0, num_classes, size=(3, height, width))
    if height * width > 2 * num_classes:
        classes.reshape(3, -1)[:, :num_classes] = rng.permutation(num_classes)
    labels = palette[classes]
    unknown = rng.random(classes.shape) < 0.15
    if height * width > 2 * num_classes:
        unknown.reshape(3, -1)[:, :num_classes] = False
    unknown[:, -1, -1] = True
    labels[unknown] = strange[rng.integers(0, len(strange), size=int(unknown.sum()))]
    if image_mode == "P":  # a table holds 256 colours
        images = rng.integers(0, 256, size=(60, 3))[rng.integers(0, 60, size=(3, height, width))]
    else:
        images = rng.integers(0, brightest + 1, size=(3, height, width, 3))
    return {
        "images": images.astype(np.uint8),
        "labels": labels,
        "palette": palette,
        "index": index,
        "image_mode": image_mode,
        "label_mode": label_mode,
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
    """(H, W, 3) colours as a picture of a file's mode: "RGB", "RGBA" (opaque), or "P" with a table of its colours."""
    if mode != "P":
        return Image.fromarray(colors).convert(mode)
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
        picture(case["labels"][frame], str(case["label_mode"])).save(folder / f"{name}_L.png")
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
            return {**answers, "built": False}
        return {"built": True, "frames": frames_of(dataset)} | probe_item(dataset, case, palette, received)


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
    repeats = len(items) == 2 and all(same(*(part[name] for part in parts)) for name in parts[0])
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


# ---- sequential_split


def draw_splits(seed: int) -> list[Case]:
    """Numbers of frames, few and many, and fractions whose parts cannot be exchanged."""
    rng = np.random.default_rng([7, 2, seed])
    usual = (0.70, 0.15, 0.15)
    fixed = [
        (101, usual),
        (20, usual),
        (7, usual),
        (1, usual),
        (90, usual),
        (101, (0.5, 0.2, 0.3)),
        (10, (0.6, 0.3, 0.1)),
    ]
    fixed += [(19, (0.25, 0.25, 0.5)), (50, (0.8, 0.2, 0.0))]
    drawn = []
    for n in rng.integers(30, 2000, size=5).tolist():
        first, second = sorted(rng.integers(1, 20, size=2).tolist())
        drawn.append((n, ((20 - second) / 20, (second - first) / 20, first / 20)))
    return [{"n": n, "fractions": np.array(fractions)} for n, fractions in fixed + drawn]


@one_thread()
def probe_split(sequential_split: object, case: Case) -> Answers:
    """Call sequential_split, once without fractions where they are the default."""
    splits = []

    def split(n, **keywords):
        splits.append(sequential_split(n, **keywords))
        return splits[-1]

    fractions = tuple(case["fractions"].tolist())
    keywords = {} if fractions == (0.70, 0.15, 0.15) else {"fractions": fractions}
    _, answers = call(split, {"n": int(case["n"])}, READY_ANSWERS, **keywords)
    if "error" in answers:
        return answers
    parts = list(splits[0]) if isinstance(splits[0], tuple | list) else []
    answers["kinds"] = ", ".join(type(part).__name__ for part in parts)
    answers["repeats"] = len(splits) == 2 and repr(splits[0])[:100_000] == repr(splits[1])[:100_000]
    if parts and all(isinstance(part, range) for part in parts):
        answers |= {"value": np.array([[part.start, part.stop, part.step] for part in parts]), "dtype": "int64"}
    answers["order"] = order_of(parts)
    return answers


def order_of(parts: list) -> str:
    """How the frame numbers in the parts follow each other: "sorted", "mixed", or "" where there are none."""
    try:
        numbers = [int(number) for part in parts for number in part]
    except Exception:
        return ""
    return "sorted" if numbers == sorted(numbers) else "mixed"


# ---- evaluate


def note_nothing(_model: nn.Module, _logits: Tensor) -> None:
    """What a model does with its logits until somebody watches it."""


class SmallNet(nn.Module):
    """A network with all that behaves differently in train mode: batch norm, dropout, an auxiliary head."""

    def __init__(self, num_classes: int, always_aux: bool) -> None:
        super().__init__()
        self.note, self.always_aux = note_nothing, always_aux
        self.backbone = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.5))
        self.classifier = nn.Conv2d(6, num_classes, 1)
        self.aux_classifier = nn.Conv2d(6, num_classes, 1)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        features = self.backbone(images)
        logits = {"aux": self.aux_classifier(features)} if self.training or self.always_aux else {}
        logits["out"] = self.classifier(features)
        self.note(self, logits["out"])
        return logits


class ColorRule(nn.Module):
    """A model without parameters: each class has a colour, and the logits say how well a pixel agrees with it."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.note, self.num_classes = note_nothing, num_classes
        self.dropout = nn.Dropout(0.5)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        angles = torch.arange(self.num_classes)[:, None] + torch.tensor([0.0, 2.0, 4.0])  # (C, 3)
        logits = torch.einsum("nkhw,ck->nchw", self.dropout(images), angles.cos())
        self.note(self, logits)
        return {"out": logits}


def build_model(case: Case) -> nn.Module:
    """The case's model with drawn weights, its modules in the modes that the case asks for."""
    num_classes = int(case["num_classes"])
    model = ColorRule(num_classes) if case["model"] == "ColorRule" else SmallNet(num_classes, bool(case["always_aux"]))
    floating = {name: value for name, value in model.state_dict().items() if value.is_floating_point()}
    load_drawn_weights(floating, int(case["weights_seed"]))
    mode = str(case["mode"])
    model.train(mode in ("train", "frozen batch norm"))
    if mode == "frozen batch norm":
        model.backbone[1].eval()
    if mode == "only the classifier trains":
        model.classifier.train()
    return model


def draw_evaluations(seed: int) -> list[Case]:
    """Models in several modes and loaders of several kinds: a smaller last batch, single images, ignored pixels."""
    rng = np.random.default_rng([7, 3, seed])
    # model, mode, loader, batch sizes, height, width, num_classes, ignore_index, ignored share, aux in eval mode
    table = [
        ("SmallNet", "train", "iterable", (3, 3, 2), 6, 9, 5, 255, 0.0, False),
        ("SmallNet", "eval", "iterable", (2, 2, 1), 7, 5, 4, 255, 0.2, False),
        ("SmallNet", "frozen batch norm", "generator", (1, 1, 1), 5, 8, 3, 255, 0.1, True),
        ("SmallNet", "only the classifier trains", "DataLoader", (4, 4, 1), 4, 7, 2, -1, 0.3, False),
        ("SmallNet", "train", "generator", (4, 2), 8, 3, 6, 0, 0.2, True),
        ("ColorRule", "train", "DataLoader", (2, 2, 2, 1), 3, 10, 12, 255, 0.1, False),
        ("SmallNet", "eval", "list", (5,), 2, 3, 3, 255, 1.0, False),
    ]
    cases = []
    for index, (model, mode, loader, sizes, height, width, num_classes, ignore, share, always_aux) in enumerate(table):
        images = rng.normal(size=(sum(sizes), 3, height, width)).astype(np.float32)
        masks = rng.integers(0, num_classes, size=(sum(sizes), height, width))
        masks = np.where(rng.random(masks.shape) < share, ignore, masks)
        case = {"model": model, "mode": mode, "loader": loader, "batch_sizes": np.array(sizes), "images": images}
        case |= {"masks": masks, "num_classes": num_classes, "ignore_index": ignore, "always_aux": always_aux}
        cases.append({**case, "weights_seed": 10 * seed + index})
    return cases


def make_batches(case: Case) -> list[tuple[Tensor, Tensor]]:
    """Fresh tensors of the case's images and masks, cut into its batches."""
    sizes = case["batch_sizes"].tolist()
    return list(zip(as_tensor(case["images"]).split(sizes), as_tensor(case["masks"]).split(sizes), strict=True))


class CountingLoader:
    """What a loader promises and no more: it can be passed over. Counts how often that is begun."""

    def __init__(self, batches: list) -> None:
        self.batches, self.passes = batches, 0

    def __iter__(self) -> Iterator:
        self.passes += 1
        return iter(self.batches)


def make_loader(case: Case, batches: list) -> object:
    """The case's batches as an iterable that counts its passes, a generator, a list, or a torch DataLoader."""
    kind = str(case["loader"])
    if kind == "DataLoader":
        frames = [frame for images, masks in batches for frame in zip(images, masks, strict=True)]
        return DataLoader(frames, batch_size=int(case["batch_sizes"][0]))
    makers: dict[str, Callable] = {"iterable": CountingLoader, "generator": lambda batches: (b for b in batches)}
    return makers.get(kind, list)(batches)


@one_thread()
def probe_evaluate(evaluate: object, case: Case) -> Answers:
    """Call evaluate with a fresh model and loader, and watch the model while it runs and afterwards."""
    seen: dict = {}

    def run(num_classes, **keywords):
        model, batches = build_model(case), make_batches(case)
        loader = make_loader(case, batches)
        watch = seen["watch"] = watched(model)
        before = state_of(model)
        try:
            return evaluate(model, loader, num_classes, **keywords)
        finally:
            watch["modes after"] = modes_of(model)
            watch["changed state"] = changed_between(before, state_of(model))
            watch["passes"] = getattr(loader, "passes", 1)
            pairs = zip(make_batches(case), batches, strict=True)
            equal = all(torch.equal(a, b) for fresh, used in pairs for a, b in zip(fresh, used, strict=True))
            watch["changed batches"] = not equal

    ignore = int(case["ignore_index"])
    keywords = {} if ignore == 255 else {"ignore_index": ignore}
    _, answers = call(run, {"num_classes": int(case["num_classes"])}, READY_ANSWERS, **keywords)
    watch = seen["watch"]
    return answers | {
        "ran_in": ", ".join(sorted(set(watch["ran in"]))),
        "forward_passes": len(watch["ran in"]),
        "with_graph": any(watch["graphs"]),
        "modes": describe_modes(watch["modes before"], watch["modes after"]),
        "changed_state": watch["changed state"],
        "passes": watch["passes"],
        "changed_batches": watch["changed batches"],
    }


def watched(model: nn.Module) -> dict:
    """Note, at every forward pass of the model or of a copy of it, the modes it runs in and whether a graph is kept."""
    watch: dict = {"ran in": [], "graphs": [], "modes before": modes_of(model)}

    def note(running: nn.Module, logits: Tensor) -> None:
        training = [part.training for part in running.modules()]
        watch["ran in"].append("train" if running.training else "parts in train" if any(training) else "eval")
        watch["graphs"].append(logits.requires_grad)

    model.note = note  # a copy of the model keeps it
    return watch


def modes_of(model: nn.Module) -> dict[str, bool]:
    return {name or "the model itself": module.training for name, module in model.named_modules()}


def describe_modes(before: dict[str, bool], after: dict[str, bool]) -> str:
    """Which modules are in another mode than before: "backbone.1: eval -> train"."""
    word = {True: "train", False: "eval"}
    changed = [name for name in before if before[name] != after.get(name)]
    return ", ".join(f"{name}: {word[before[name]]} -> {word.get(after.get(name), '?')}" for name in changed)


def state_of(model: nn.Module) -> dict[str, object]:
    """Weights and statistics, which weights are to be trained, and their gradients."""
    state: dict[str, object] = {name: value.clone() for name, value in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        state[f"requires_grad of {name}"] = torch.tensor(parameter.requires_grad)
        state[f"gradient of {name}"] = torch.zeros(()) if parameter.grad is None else parameter.grad.clone()
    return state


def changed_between(before: dict, after: dict) -> str:
    names = [*before, *(name for name in after if name not in before)]
    return ", ".join(n for n in names if n not in before or n not in after or not torch.equal(before[n], after[n]))


# ---- copy_nearest


def draw_sequences(seed: int) -> list[Case]:
    """Masks of a moving scene with frames for training and test: in time order, mixed, unsorted, with ties, large."""
    rng = np.random.default_rng([7, 4, seed])
    mixed = rng.permutation(14)
    # frames, height, width, num_classes, ignore_index, ignored share, train, test, kind of the test frames
    table = [
        (9, 4, 6, 3, 255, 0.1, [0, 1, 2, 3, 4, 5], [7, 8], "list"),
        (8, 5, 3, 4, 255, 0.2, [6, 2, 4, 0], [3, 1, 5, 7], "tuple"),
        (14, 3, 7, 5, 255, 0.1, mixed[:9].tolist(), mixed[9:].tolist(), "list"),
        (7, 5, 6, 3, -1, 0.2, [5, 3, 6], [0, 1, 2, 4], "list"),
        (6, 4, 5, 4, 1, 0.2, [3, 0], [1, 2, 4, 5], "list"),
        (5, 3, 4, 2, 255, 1.0, [0, 1], [2, 3], "list"),
        (10, 120, 160, 8, 255, 0.05, list(range(7)), list(range(8, 10)), "range"),
    ]
    cases = []
    for frames, height, width, num_classes, ignore, share, train, test, kind in table:
        masks = rng.integers(0, num_classes, size=(frames, height, width))
        masks = np.where(rng.random(masks.shape) < share, ignore, masks)
        case = {"masks": masks, "train": np.array(train), "test": np.array(test), "test_kind": kind}
        cases.append({**case, "num_classes": num_classes, "ignore_index": ignore})
    return cases


@one_thread()
def probe_copy_nearest(copy_nearest: object, case: Case) -> Answers:
    """Call copy_nearest with int64 masks; frame numbers come in a list, a tuple or a range."""
    train, test = (sequence_of(case[name], str(case["test_kind"])) for name in ("train", "test"))
    given = list(train), list(test)
    arguments = {
        "masks": as_tensor(case["masks"]),
        "train": train,
        "test": test,
        "num_classes": int(case["num_classes"]),
    }
    ignore = int(case["ignore_index"])
    keywords = {} if ignore == 255 else {"ignore_index": ignore}
    steps = case["masks"][0].size // 4 if case["masks"][0].size > 10_000 else 0
    _, answers = call(copy_nearest, arguments, READY_ANSWERS, max_steps=steps, **keywords)
    if (list(train), list(test)) != given and "error" not in answers:
        answers["changed_inputs"] = ", ".join(filter(None, [answers["changed_inputs"], "train or test"]))
    return answers


def sequence_of(frames: np.ndarray, kind: str) -> list | tuple | range:
    if kind == "range":
        return range(int(frames[0]), int(frames[-1]) + 1)
    return {"list": list, "tuple": tuple}[kind](frames.tolist())


camseq_frames = Check(
    name="ex07.camseq_frames",
    subject="CamSeqFrames",
    draw=draw_frames,
    probe=probe_frames,
    ready_answers=READY_ANSWERS,
    verified="1 to 200 classes, unknown colours, odd sizes, RGB, RGBA and P files, a dark image, a joint transform",
)
sequential_split = Check(
    name="ex07.sequential_split",
    subject="sequential_split",
    draw=draw_splits,
    probe=probe_split,
    ready_answers=READY_ANSWERS,
    verified="1 to 2000 frames, several fractions, every frame in exactly one part",
)
evaluate = Check(
    name="ex07.evaluate",
    subject="evaluate",
    draw=draw_evaluations,
    probe=probe_evaluate,
    ready_answers=READY_ANSWERS,
    verified="models in train, eval and mixed modes, smaller last batches, single images, ignored pixels, any iterable",
)
copy_nearest = Check(
    name="ex07.copy_nearest",
    subject="copy_nearest",
    draw=draw_sequences,
    probe=probe_copy_nearest,
    ready_answers=READY_ANSWERS,
    verified="splits in time order and mixed ones, ties, ignored pixels on both sides, ignore_index 255, 1 and -1",
)
