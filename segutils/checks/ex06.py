"""Checks of ex06_metrics: the cases, and the probes that run a student's code on them."""

import gc
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from segutils.checks.base import Answers, Case, Check
from segutils.checks.probing import (
    LARGE,
    as_array,
    as_tensor,
    call,
    ignore_keyword,
    max_steps,
    one_thread,
    plain_array,
    run_backward,
    tensor_of,
)

READY_ANSWERS = ("segutils.metrics", "segutils.losses", "torchmetrics", "sklearn.metrics")
HALF = ("bfloat16", "float16")
SURE_AND_WRONG = 8  # logits of this size and the least likely target: next to no overlap, so that any constant shows
MAX_PAIRS_ALIVE = 3  # of a stream: the pair in hand, and one or two that a careful reader may hold ahead or behind


def draw_binary_masks(seed: int) -> list[Case]:
    """Pairs of masks: random ones, then one inside the other, disjoint, equal, tiny and empty ones, and a large one."""
    rng = np.random.default_rng([6, 1, seed])
    a, b = rng.integers(0, 2, size=(2, 10, 10))
    wide, tall = rng.random((2, 7, 13)) < 0.3, rng.random((2, 65, 4)) < 0.6
    left = np.zeros((5, 8), dtype=np.int32)
    left[:, :3] = 1
    inner, outer = np.zeros((2, 9, 9), dtype=np.uint8)
    inner[2:5, 3:6], outer[1:7, 2:8] = 1, 1
    pairs = [
        (a, b),
        (wide[0], wide[1]),
        (inner, outer),
        (left, 1 - left),
        (tall[0].astype(np.uint8), tall[1].astype(np.uint8)),
        (b, b),
        (outer, np.zeros_like(outer)),
        (np.zeros_like(outer), outer),
        (np.eye(1, 6, 4, dtype=bool), np.eye(1, 6, 4, dtype=bool)),
        (np.zeros((4, 6), dtype=np.int64), np.zeros((4, 6), dtype=np.int64)),
        (np.zeros((3, 3), dtype=bool), np.zeros((3, 3), dtype=bool)),
        tuple((rng.random((2, *LARGE)) < 0.6).astype(np.uint8)),
    ]
    return [{"a": a, "b": b, "contiguous": index != 4} for index, (a, b) in enumerate(pairs)]


@one_thread()
def probe_binary_iou(binary_iou: object, case: Case) -> Answers:
    """Call binary_iou with two numpy masks."""
    contiguous = bool(case["contiguous"])
    masks = {name: as_array(case[name], contiguous) for name in ("a", "b")}
    return call(binary_iou, masks, READY_ANSWERS, max_steps=max_steps(case["a"]))[1]


def draw_labels(seed: int) -> list[Case]:
    """Predictions and targets (N, H, W): ignored pixels, absent classes, other ignore indices, a large image."""
    rng = np.random.default_rng([6, 2, seed])
    # batch, height, width, num_classes, classes in use, ignore_index, ignored share
    table = [
        (2, 6, 7, 3, 3, 255, 0.0),
        (2, 5, 9, 4, 4, 255, 0.2),
        (1, 9, 4, 7, 5, 255, 0.1),
        (1, 3, 11, 4, 4, 0, 0.2),
        (3, 31, 17, 21, 20, 255, 0.05),
        (2, 8, 3, 2, 2, -1, 0.3),
        (1, 4, 4, 2, 1, 255, 0.5),
        (2, 2, 3, 3, 3, 255, 1.0),
        (1, *LARGE, 4, 4, 255, 0.1),
    ]
    cases = []
    for index, (batch, height, width, num_classes, used, ignore_index, share) in enumerate(table):
        prediction, target = rng.integers(0, used, size=(2, batch, height, width))
        if height == LARGE[0]:  # most pixels are road: a count beyond 2^15
            prediction, target = (np.where(rng.random(mask.shape) < 0.8, 0, mask) for mask in (prediction, target))
        target = np.where(rng.random(target.shape) < share, ignore_index, target)
        case = {"prediction": prediction, "target": target, "num_classes": num_classes, "ignore_index": ignore_index}
        cases.append({**case, "contiguous": index != 4})
    return cases


@one_thread()
def probe_confusion_matrix(confusion_matrix: object, case: Case) -> Answers:
    """Call confusion_matrix with int64 tensors; ignore_index is named only where it is not the default."""
    contiguous = bool(case["contiguous"])
    arguments = {name: as_tensor(case[name], contiguous) for name in ("prediction", "target")}
    arguments["num_classes"] = int(case["num_classes"])
    limit = max_steps(case["target"])
    return call(confusion_matrix, arguments, READY_ANSWERS, max_steps=limit, **ignore_keyword(case))[1]


def draw_matrices(seed: int) -> list[Case]:
    """Confusion matrices: common ones, an absent class, a class never hit, a class never asked for, empty, large."""
    rng = np.random.default_rng([6, 3, seed])
    common = rng.integers(1, 30, size=(3, 3))
    absent = rng.integers(0, 20, size=(4, 4)) + 5 * np.eye(4, dtype=np.int64)
    absent[2, :] = absent[:, 2] = 0
    missed = rng.integers(1, 9, size=(5, 5))
    missed[1, 1], missed[3, :] = 0, 0  # class 1 is never hit, class 3 is predicted but never there
    overlooked = rng.integers(1, 9, size=(3, 3))
    overlooked[:, 2] = 0  # class 2 is there but never predicted
    large = rng.integers(0, 4_000_000_000, size=(12, 12))  # as many pixels as a data set has
    matrices = [
        common,
        absent,
        missed,
        overlooked,
        np.diag([7, 0, 3]),
        np.array([[5]]),
        large,
        np.zeros((2, 2), dtype=np.int64),
        np.array([[0, 1], [0, 0]]),  # one pixel, wrong
    ]
    return [{"matrix": matrix.astype(np.int64), "contiguous": index != 6} for index, matrix in enumerate(matrices)]


@one_thread()
def probe_matrix_function(function: object, case: Case) -> Answers:
    """Call a function of a confusion matrix."""
    return call(function, {"matrix": as_tensor(case["matrix"], bool(case["contiguous"]))}, READY_ANSWERS)[1]


def draw_logits(seed: int) -> list[Case]:
    """Logits and targets: unbalanced images, ignored pixels, absent classes, one pixel, large logits, a large image."""
    rng = np.random.default_rng([6, 4, seed])
    # batch, num_classes, height, width, classes in use, ignore_index, ignored share, dtype, size of the logits
    table = [
        (2, 3, 5, 4, 3, 255, 0.0, "float64", 2),
        (2, 4, 3, 7, 4, 255, 0.3, "float64", 2),
        (1, 6, 7, 3, 4, 255, 0.2, "float64", 2),
        (3, 4, 4, 5, 4, -1, 0.2, "float64", 2),
        (2, 3, 5, 5, 3, 0, 0.3, "float64", 2),
        (1, 2, 1, 1, 2, 255, 0.0, "float64", 2),
        (2, 5, 9, 6, 5, 255, 0.1, "float32", 2),
        (1, 3, 4, 4, 3, 255, 0.1, "bfloat16", 2),
        (1, 3, 4, 4, 3, 255, 0.1, "float16", 2),
        (2, 1, 3, 4, 1, 255, 0.3, "float32", 2),
        (1, 4, 5, 6, 4, 255, 0.2, "float64", 1e4),
        (1, 2, 1, 1, 2, 255, 0.0, "float64", SURE_AND_WRONG),
        (2, 3, 2, 3, 3, 255, 1.0, "float64", 2),
        (1, 3, *LARGE, 3, 255, 0.1, "float32", 2),
    ]
    cases = []
    for index, (batch, num_classes, height, width, used, ignore_index, share, dtype, size) in enumerate(table):
        logits = size * rng.normal(size=(batch, num_classes, height, width))
        target = rng.integers(0, used, size=(batch, height, width))
        target[0, : height // 2] = 1 if used > 1 else 0  # images differ in their classes, as real ones do
        target = np.where(rng.random(target.shape) < share, ignore_index, target)
        if size == SURE_AND_WRONG:
            target = logits.argmin(axis=1)
            np.put_along_axis(logits, target[:, None], -2 * size, axis=1)
        logits = logits.astype("float32" if dtype in HALF else dtype)
        case = {"logits": logits, "dtype": dtype, "target": target, "ignore_index": ignore_index}
        cases.append({**case, "contiguous": index != 6})
    return cases


@one_thread()
def probe_soft_dice_loss(soft_dice_loss: object, case: Case) -> Answers:
    """Call soft_dice_loss, once plainly and once to run backward() from its result."""
    target = as_tensor(case["target"], bool(case["contiguous"]))
    logits = tensor_of(case, "logits")
    masks, limit = {"logits": logits, "target": target}, max_steps(case["target"])
    _, answers = call(soft_dice_loss, masks, READY_ANSWERS, max_steps=limit, **ignore_keyword(case))
    if answers.get("kind") == "Tensor":
        answers |= probe_backward(soft_dice_loss, logits, target, ignore_keyword(case))
    return answers


def probe_backward(soft_dice_loss: Callable, logits: Tensor, target: Tensor, keywords: dict) -> Answers:
    """The gradient with respect to the logits, or why there is none."""
    logits = logits.clone().requires_grad_()
    result, _ = call(soft_dice_loss, {"logits": logits, "target": target}, (), once=True, **keywords)
    if not isinstance(result, Tensor) or not result.requires_grad or result.numel() != 1:
        return {"gradient_arrives": False}
    if raised := run_backward(result):
        return raised
    gradient = np.zeros(tuple(logits.shape)) if logits.grad is None else plain_array(logits.grad)
    return {"gradient_arrives": True, "gradient": gradient}


def draw_boundaries(seed: int) -> list[Case]:
    """Pairs of masks and a radius: shifted shapes, shapes at the image's border, thin and empty ones, a large pair."""
    rng = np.random.default_rng([6, 5, seed])
    full, small = np.ones((9, 12), dtype=bool), np.zeros((9, 12), dtype=bool)
    small[1:8, 2:9] = True
    noise, thin = rng.random((2, 12, 9)) < 0.85, np.zeros((2, 7, 7), dtype=np.uint8)
    thin[0, :, 3], thin[1, 3, :] = 1, 1
    pairs = [  # radius, a, b
        (1, small, np.roll(small, 1, axis=1)),
        (1, *shifted_shapes(rng, (15, 19)).astype(np.int64)),
        (2, *shifted_shapes(rng, (21, 18)).astype(bool)),
        (1, full, small),
        (2, full.astype(np.int32), np.roll(small, 3, axis=0).astype(np.int32)),
        (3, *shifted_shapes(rng, (24, 31))),
        (1, noise[0], noise[1]),
        (2, *thin),
        (9, full, small),
        (2, small, np.zeros_like(small)),
        (1, np.zeros_like(small), small),
        (1, np.zeros((4, 6), dtype=bool), np.zeros((4, 6), dtype=bool)),
        (3, *shifted_shapes(rng, LARGE)),
    ]
    return [{"a": a, "b": b, "radius": radius, "contiguous": i != 6} for i, (radius, a, b) in enumerate(pairs)]


def shifted_shapes(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A union of three rectangles with round and straight edges, and the same moved by a pixel or two: (2, H, W)."""
    rows, columns = np.ogrid[: size[0], : size[1]]
    middle_row, middle_column = size[0] * rng.uniform(0.4, 0.6), size[1] * rng.uniform(0.4, 0.6)
    disc = np.hypot(rows - middle_row, columns - middle_column) < min(size) * rng.uniform(0.3, 0.4)
    corner = (rows < size[0] // 2) & (columns > size[1] * 2 // 3)  # touches two borders of the image
    shape = disc | corner
    moved = np.zeros_like(shape)
    down, right = 1, int(rng.integers(1, 3))
    moved[down:, right:] = shape[:-down, :-right]
    return np.stack([shape, moved]).astype(np.uint8)


@one_thread()
def probe_boundary_iou(boundary_iou: object, case: Case) -> Answers:
    """Call boundary_iou with two numpy masks; radius is named only where it is not the default."""
    masks = {name: as_array(case[name], bool(case["contiguous"])) for name in ("a", "b")}
    keywords = {} if int(case["radius"]) == 1 else {"radius": int(case["radius"])}
    return call(boundary_iou, masks, READY_ANSWERS, max_steps=max_steps(case["a"]), **keywords)[1]


def draw_streams(seed: int) -> list[Case]:
    """Streams of frames: classes that come and go, one that never comes, void, a long stream, nothing labelled."""
    rng = np.random.default_rng([6, 6, seed])
    # frames, height, width, num_classes, ignore_index, ignored share
    table = [
        (5, 6, 8, 4, 255, 0.0),
        (4, 5, 7, 6, 255, 0.2),
        (6, 4, 9, 5, -1, 0.3),
        (3, 7, 5, 3, 0, 0.3),
        (1, 8, 6, 3, 255, 0.1),
        (80, 30, 40, 5, 255, 0.1),  # so long that copies in 8 bits are noticed, too
        (3, 2, 4, 2, 255, 1.0),
    ]
    cases = []
    for count, height, width, num_classes, ignore_index, share in table:
        predictions, targets = np.zeros((2, count, 1, height, width), dtype=np.int64)
        for index in range(count):  # each frame shows some of the classes, none shows the last but one
            shown = rng.permutation([label for label in range(num_classes) if label != num_classes - 2])
            targets[index] = rng.choice(shown[: 1 + index % len(shown)], size=(1, height, width))
            right = rng.random((1, height, width)) < rng.uniform(0.3, 0.95)
            predictions[index] = np.where(right, targets[index], rng.choice(shown, size=(1, height, width)))
            if num_classes > 4:  # class 1 is never predicted
                predictions[index][predictions[index] == 1] = 0
        targets = np.where(rng.random(targets.shape) < share, ignore_index, targets)
        case = {"predictions": predictions, "targets": targets, "num_classes": num_classes}
        cases.append({**case, "ignore_index": ignore_index})
    return cases


@dataclass
class Stream(Iterator):
    """Hands out fresh tensors frame by frame, once, and watches what becomes of those that it gave away."""

    predictions: np.ndarray
    targets: np.ndarray
    position: int = 0
    ends: int = 0  # how often it was asked for a frame after the last one
    pairs_alive: int = 0  # the most that were in somebody's hands at a time, when the next one was asked for
    bytes_kept: int = 0  # in tensors, arrays and lists made since the start and alive at the end
    changed: bool = False
    given: list[weakref.ref] = field(default_factory=list)
    current: tuple[np.ndarray, ...] = ()  # the memory of the pair handed out last

    def __next__(self) -> tuple[Tensor, Tensor]:
        self.look_back()
        if self.position == len(self.predictions):
            self.ends += 1
            self.bytes_kept = max(self.bytes_kept, bytes_in_new_objects())
            raise StopIteration
        self.current = self.predictions[self.position].copy(), self.targets[self.position].copy()
        pair = tuple(map(torch.from_numpy, self.current))
        self.given += map(weakref.ref, pair)
        self.position += 1
        return pair

    def look_back(self) -> None:
        """Count the tensors that are still held, and compare the last pair with what it was."""
        self.given = [reference for reference in self.given if reference() is not None]
        self.pairs_alive = max(self.pairs_alive, (len(self.given) + 1) // 2)
        if self.current:
            before = self.predictions[self.position - 1], self.targets[self.position - 1]
            self.changed |= not all(map(np.array_equal, before, self.current))
            self.current = ()


def bytes_in_new_objects() -> int:
    """Bytes in the tensors and the lists, with their arrays, that were made after `gc.freeze()`."""
    total, storages = 0, {}
    for made in gc.get_objects():
        if type(made) is list:  # isinstance would wake lazy objects
            total += made.__sizeof__() + sum(map(array_bytes, made))
        elif issubclass(type(made), Tensor):
            storages[made.untyped_storage().data_ptr()] = made.untyped_storage().nbytes()
    return total + sum(storages.values())


def array_bytes(item: object) -> int:
    """Bytes of an array, or of the arrays in a tuple."""
    if isinstance(item, tuple):
        return sum(map(array_bytes, item))
    return item.nbytes if isinstance(item, np.ndarray) else 0


@one_thread()
def probe_stream_mean_iou(function: Callable, case: Case) -> Answers:
    """Call stream_mean_iou with an iterator that can be walked through once; each of the two calls gets its own."""
    streams = []

    def stream_mean_iou(num_classes: int, **keywords: int) -> object:
        streams.append(frames := Stream(case["predictions"], case["targets"]))
        return function(frames, num_classes, **keywords)

    gc.freeze()  # what exists already is not looked at again
    try:
        arguments = {"num_classes": int(case["num_classes"])}
        limit = max_steps(case["targets"])
        _, answers = call(stream_mean_iou, arguments, READY_ANSWERS, max_steps=limit, **ignore_keyword(case))
    finally:
        gc.unfreeze()
    for stream in streams:
        stream.look_back()
    if any(stream.changed for stream in streams):
        answers["changed_inputs"] = "a frame"
    pair_bytes = case["predictions"][:1].nbytes + case["targets"][:1].nbytes
    return answers | {
        "pairs_alive": max(stream.pairs_alive for stream in streams),
        "copies_kept": len(case["targets"]) > 20 and max(s.bytes_kept for s in streams) > 8 * pair_bytes,
        "walked_again": any(stream.ends > 1 for stream in streams),
    }


binary_iou = Check(
    name="ex06.binary_iou",
    subject="binary_iou",
    draw=draw_binary_masks,
    probe=probe_binary_iou,
    ready_answers=READY_ANSWERS,
    verified="0/1 and bool masks of several dtypes, disjoint, equal and empty ones, a large one",
)
confusion_matrix = Check(
    name="ex06.confusion_matrix",
    subject="confusion_matrix",
    draw=draw_labels,
    probe=probe_confusion_matrix,
    ready_answers=READY_ANSWERS,
    verified="2 to 21 classes, ignore_index 255, 0 and -1, absent classes, nothing labelled, a large image",
)
iou_per_class = Check(
    name="ex06.iou_per_class",
    subject="iou_per_class",
    draw=draw_matrices,
    probe=probe_matrix_function,
    ready_answers=READY_ANSWERS,
    verified="1 to 12 classes, absent and missed ones, counts up to 4 * 10^9, an empty matrix",
)
mean_iou = Check(
    name="ex06.mean_iou",
    subject="mean_iou",
    draw=draw_matrices,
    probe=probe_matrix_function,
    ready_answers=READY_ANSWERS,
    verified="1 to 12 classes, absent classes left out, nan where no class is left",
)
dice_per_class = Check(
    name="ex06.dice_per_class",
    subject="dice_per_class",
    draw=draw_matrices,
    probe=probe_matrix_function,
    ready_answers=READY_ANSWERS,
    verified="1 to 12 classes, absent and missed ones, counts up to 4 * 10^9, an empty matrix",
)
soft_dice_loss = Check(
    name="ex06.soft_dice_loss",
    subject="soft_dice_loss",
    draw=draw_logits,
    probe=probe_soft_dice_loss,
    ready_answers=READY_ANSWERS,
    verified="ignored pixels, absent classes, 16 to 64 bits, large logits, gradients, nothing labelled, a large image",
)
boundary_iou = Check(
    name="ex06.boundary_iou",
    subject="boundary_iou",
    draw=draw_boundaries,
    probe=probe_boundary_iou,
    ready_answers=READY_ANSWERS,
    verified="radius 1 to 9, masks at the image's border, thin, full and empty ones, a large one",
)
stream_mean_iou = Check(
    name="ex06.stream_mean_iou",
    subject="stream_mean_iou",
    draw=draw_streams,
    probe=probe_stream_mean_iou,
    ready_answers=READY_ANSWERS,
    verified="classes that come and go, void, frames walked through once and let go",
)
