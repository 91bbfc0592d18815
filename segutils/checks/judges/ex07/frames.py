"""Judge of ex07's CamSeqFrames: an item's image and mask, each against everything that usually goes wrong with it."""

import re
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from segutils.checks.base import Answers, Case
from segutils.checks.ex07.frames import PARTS, frame_names, mirrored
from segutils.checks.judges.base import Fault, Judge, a_kind, find_side_effect, find_wrong_result
from segutils.checks.judges.ex07.frame_errors import image_errors, mask_errors
from segutils.palettes import Palette

DTYPES = {"image": ("float32",), "mask": ("int64",)}

OTHER_DTYPES = {
    ("image", "float64"): "numpy's `/` makes float64 of uint8; networks compute in float32.",
    ("image", "uint8"): "the image was not divided by 255: the network gets float32 values in 0..1.",
    ("mask", "uint8"): "the mask was left in uint8; losses take class indices in int64 (`.long()`).",
    ("mask", "float32"): "a mask holds names, not measurements: class indices in int64 (`.long()`), never floats.",
}
OTHER_KINDS = {
    "ndarray": "a numpy array where a tensor was asked; torch.from_numpy makes one of it.",
    "Image": "a PIL picture where a tensor was asked: np.array(picture), then torch.from_numpy.",
    "NoneType": "None where a tensor was asked: a function in between ends without `return`.",
    "list": "a list where a tensor was asked.",
}
ERROR_HINTS = [  # of the exception's text
    (r"missing 1 required positional argument: 'mask'", "the transform gets both: self.transform(image, mask)."),
    (r"got (\w*Image\w*|PIL)", "a PIL picture is no array yet: np.array(picture) makes one."),
    (
        r"ndarray' object has no attribute '(colors|encode|names)'",
        "self.palette is the (C, 3) array of colours itself.",
    ),
    (r"'tuple' object has no attribute", "an entry of self.frames is a pair of paths: take it apart first."),
    (r"out of bounds for uint8", "uint8 holds 0..255: turn the colours into a wider integer before you multiply."),
    (r"indices must be integers", "self.frames is a list, and index is the number of a frame."),
]
NO_PAIR = {
    "NoneType": "__getitem__ ends without `return`.",
    "dict": "a dict; asked is the pair `image, mask`.",
    "Tensor": "only one of the two was returned; an item is `image, mask`.",
    "tuple": "an item has two values, image and mask, and no other.",
}


def expected_item(case: Case) -> tuple[Tensor, Tensor]:
    """Image and mask before any transform."""
    index, colors = int(case["index"]), case["palette"]
    image = torch.from_numpy(np.array(case["images"][index])).permute(2, 0, 1) / 255
    mask = Palette([str(number) for number in range(len(colors))], colors).encode(case["labels"][index])
    return image, torch.from_numpy(mask).long()


def find_frames_fault(case: Case, answers: Answers) -> Fault | None:
    if fault := find_other_frames(case, answers) or find_bad_run(case, answers):
        return fault
    if int(answers["count"]) != len(PARTS):
        kind = a_kind(str(answers["kind"])) + (f" of {answers['count']}" if answers["count"] else "")
        return Fault("an item is a pair", f"expected (image, mask), got {kind}", NO_PAIR.get(str(answers["kind"]), ""))
    if case["transform"]:
        return find_transform_fault(case, answers)
    return find_item_fault(case, answers, expected_item(case), "")


def find_other_frames(case: Case, answers: Answers) -> Fault | None:
    """The given __init__ finds the frames; whatever was made of it must find the same."""
    expected = ", ".join(f"{name}.png {name}_L.png" for name in frame_names(case))
    if answers.get("frames", expected) == expected:  # there are none where __init__ raised
        return None
    return Fault(
        "its frames are not those of the given __init__",
        "self.frames is a list of (image path, label path) in time order, that is in the order of their names",
        "__init__ was changed; copy it from the exercise again and write __getitem__ alone.",
    )


def find_bad_run(case: Case, answers: Answers) -> Fault | None:
    """An exception or a side effect, with its cause where the exception's text or the files tell it."""
    fault = find_side_effect(answers)
    random = not answers.get("repeats", True) and not answers["changed_inputs"]
    if fault is None or (fault.cause and not random):
        return fault
    hints = [hint for pattern, hint in ERROR_HINTS if re.search(pattern, str(answers.get("error_text", "")))]
    return replace(fault, cause=next(iter(hints), "") or cause_in_files(case, PARTS) or fault.cause)


def cause_in_files(case: Case, parts: tuple[str, ...]) -> str:
    """What may go wrong where a file of the case has mode P (torchvision reads memory that it never wrote)."""
    odd = [f"the {part}'s file" for part in parts if case[f"{part}_mode"] == "P"]
    if not odd:
        return ""
    return (
        f"{' and '.join(odd)} has mode P: read as it is, it gives numbers of its own colour table, not red, green and"
        ' blue as after Image.open(path).convert("RGB").'
    )


def find_transform_fault(case: Case, answers: Answers) -> Fault | None:
    """What the transform got, how often it was called, and that what it returned is the item."""
    calls = int(answers["transform_calls"])
    if calls == 0:
        return Fault("self.transform was not called", cause="the transform is ignored; it is an argument of __init__.")
    before = expected_item(case)
    if fault := find_item_fault(case, extract(answers, "received_"), before, " that self.transform got"):
        return fault
    if calls > 1:
        cause = "one call for the image and another for the mask; a random transform would move them differently."
        return Fault("self.transform was called more than once", f"expected 1 call for an item, got {calls}", cause)
    after = mirrored(*before)
    results = [
        ("what the transform returns was thrown away.", before),
        ("only the image of what the transform returns is used.", (after[0], before[1])),
        ("only the mask of what the transform returns is used.", (before[0], after[1])),
        ("the image was clamped to 0..1 after the transform.", (after[0].clamp(0, 1), after[1])),
        ("the image was divided by 255 after the transform.", (after[0] / 255, after[1])),
        ("the transform was applied twice.", mirrored(*after)),
    ]
    cause = next((text for text, item in results if gives(answers, item)), "")
    fault = find_item_fault(case, answers, after, " after the transform")
    return fault if fault is None else replace(fault, cause=cause or "what the transform returns is returned as it is.")


def find_item_fault(case: Case, answers: Answers, expected: tuple[Tensor, Tensor], where: str) -> Fault | None:
    """Compare image and mask; the cause is what reproduces the one that is wrong."""
    parts = {name: extract(answers, f"{name}_") for name in PARTS}
    if gives(answers, expected[::-1]):
        return Fault(f"image and mask{where} are exchanged", cause="the order is `image, mask`.")
    for name, wanted in zip(PARTS, expected, strict=True):
        kind = str(parts[name]["kind"])
        if kind != "Tensor":
            text = f"expected a tensor of shape {tuple(wanted.shape)}, got {a_kind(kind)}"
            return Fault(f"the {name}{where} is {a_kind(kind)}", text, OTHER_KINDS.get(kind, ""))
        fault = find_wrong_result(wanted, parts[name], DTYPES[name], f"the {name}{where}")
        if fault is not None:
            return replace(fault, cause=fault.cause or cause_of(case, name, wanted.numpy(), parts[name]))
    return None


def extract(answers: Answers, prefix: str) -> Answers:
    return {key.removeprefix(prefix): value for key, value in answers.items() if key.startswith(prefix)}


def gives(answers: Answers, item: tuple[Tensor, Tensor]) -> bool:
    """Whether the recorded image and mask are these two."""
    return all(agrees(value.numpy(), extract(answers, f"{name}_")) for name, value in zip(PARTS, item, strict=True))


def cause_of(case: Case, name: str, wanted: np.ndarray, part: Answers) -> str:
    """What reproduces a wrong image or mask, in words."""
    if agrees(wanted, part):
        known = OTHER_DTYPES.get((name, str(part["dtype"])))
        return known or f"the values are right, only their dtype is not; tensor.to(torch.{DTYPES[name][0]})."
    errors = image_errors(case) if name == "image" else mask_errors(case)
    return next((text for text, made in errors if agrees(made, part)), "") or guess(case, name, wanted, part)


def guess(case: Case, name: str, wanted: np.ndarray, part: Answers) -> str:
    """What may have led to an array that no error reproduces."""
    shape = tuple(part["shape"].tolist())
    resized = len(shape) == wanted.ndim and shape[:-2] == wanted.shape[:-2] and shape != wanted.shape
    size = "the picture was resized, cropped or padded; an item has the size of its files."
    return cause_in_files(case, (name,)) or (size if resized else "")


def agrees(made: np.ndarray, part: Answers) -> bool:
    """Whether an error gives this very array, in whatever dtype."""
    value = np.asarray(part.get("value", np.empty(0)))
    if value.shape != made.shape or value.size == 0:
        return False
    scale = max(float(np.abs(made).max(initial=0)), 1e-3)
    return bool(np.allclose(value.astype(float), made.astype(float), rtol=0, atol=1e-5 * scale, equal_nan=True))


def called(case: Case) -> str:
    _, height, width, _ = case["labels"].shape
    files = f"image {case['image_mode']}, label {case['mask_mode']}"
    transform = ", a transform that mirrors both" if case["transform"] else ""
    return (
        f"CamSeqFrames(folder, palette of {len(case['palette'])}{transform})[{case['index']}]: 3 frames of"
        f" {height} x {width} (H x W), files: {files}"
    )


camseq_frames = Judge(called=called, find_fault=find_frames_fault, usual_errors=lambda case: [])
