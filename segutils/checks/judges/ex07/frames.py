"""Judge of ex07's CamSeqFrames: an item's image and mask, each against everything that usually goes wrong with it."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from segutils.checks.base import Answers, Case
from segutils.checks.ex07 import PARTS, frame_names, mirrored, picture
from segutils.checks.judges.base import Fault, Judge, a_kind, find_side_effect, find_wrong_result
from segutils.palettes import IGNORE_INDEX, Palette

DTYPES = {"image": ("float32",), "mask": ("int64",)}
Variants = list[tuple[str, np.ndarray]]  # what was done, in words ("" where that is right), and what it gives

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
MODES = {
    "P": "mode P: Image.open alone gives numbers of the file's own colour table, (H, W)",
    "RGBA": "mode RGBA: Image.open alone gives four channels",
}
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
    if fault := find_broken_set(case, answers) or find_raised(case, answers) or find_side_effect(answers):
        return fault
    if int(answers["count"]) != len(PARTS):
        kind = a_kind(str(answers["kind"])) + (f" of {answers['count']}" if answers["count"] else "")
        return Fault("an item is a pair", f"expected (image, mask), got {kind}", NO_PAIR.get(str(answers["kind"]), ""))
    if case["transform"]:
        return find_transform_fault(case, answers)
    return find_item_fault(case, answers, expected_item(case), "")


def find_broken_set(case: Case, answers: Answers) -> Fault | None:
    """The given __init__ finds the frames; whatever was made of it must find the same."""
    if not answers["built"]:
        return find_raised(case, answers) or find_side_effect(answers)
    if answers["frames"] == ", ".join(f"{name}.png {name}_L.png" for name in frame_names(case)):
        return None
    return Fault(
        "its frames are not those of the given __init__",
        "self.frames is a list of (image path, label path) in time order, that is in the order of their names",
        "__init__ was changed; copy it from the exercise again and write __getitem__ alone.",
    )


def find_raised(case: Case, answers: Answers) -> Fault | None:
    """An exception, with its cause where its text or the mode of the files tells it."""
    if not answers.get("error") or answers["error"] == "TooManySteps":
        return None
    fault = find_side_effect(answers)
    cause = next((hint for pattern, hint in ERROR_HINTS if re.search(pattern, str(answers["error_text"]))), "")
    odd = [f"the {part} file has {MODES[mode]}" for part, mode in modes(case).items() if mode in MODES]
    if not cause and odd:
        cause = f'{"; ".join(odd)}. `.convert("RGB")` gives (H, W, 3) for every file.'
    return replace(fault, cause=cause)


def modes(case: Case) -> dict[str, str]:
    return {"image": str(case["image_mode"]), "label": str(case["label_mode"])}


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


def agrees(made: np.ndarray, part: Answers) -> bool:
    """Whether an error gives this very array, in whatever dtype."""
    value = np.asarray(part.get("value", np.empty(0)))
    if value.shape != made.shape or value.size == 0:
        return False
    scale = max(float(np.abs(made).max(initial=0)), 1e-3)
    return bool(np.allclose(value.astype(float), made.astype(float), rtol=0, atol=1e-5 * scale, equal_nan=True))


def cause_of(case: Case, name: str, wanted: np.ndarray, part: Answers) -> str:
    """What reproduces a wrong image or mask, in words."""
    if agrees(wanted, part):
        known = OTHER_DTYPES.get((name, str(part["dtype"])))
        return known or f"the values are right, only their dtype is not; tensor.to(torch.{DTYPES[name][0]})."
    errors = image_errors(case) if name == "image" else mask_errors(case)
    return next((text for text, made in errors if agrees(made, part)), "") or guess(case, name, wanted, part)


def guess(case: Case, name: str, wanted: np.ndarray, part: Answers) -> str:
    """What may have led to an array that no error reproduces."""
    mode, shape = modes(case)["image" if name == "image" else "label"], tuple(part["shape"].tolist())
    if mode in MODES:
        return f'the file has {MODES[mode]}; `.convert("RGB")` gives (H, W, 3) for every file.'
    if len(shape) == wanted.ndim and shape[:-2] == wanted.shape[:-2] and shape != wanted.shape:
        return "the picture was resized, cropped or padded; an item has the size of its files."
    return ""


def image_errors(case: Case) -> Iterator[tuple[str, np.ndarray]]:
    """Every combination of at most two errors in file, channels, scale and layout, the single ones first."""
    sources = sources_of(case, "images", "image")
    combinations = sorted(product(range(len(sources)), range(4), range(9), range(7)), key=deviations)
    for source, channel, scale, layout in combinations:
        if deviations((source, channel, scale, layout)) > 2:
            break
        texts, array = [sources[source][0]], sources[source][1]
        if array.ndim != 3:
            continue
        for choices, number in ((channel_errors, channel), (scale_errors, scale), (layout_errors, layout)):
            text, array = choices(array)[number]
            texts.append(text)
        yield joined(*texts), array


def joined(*texts: str) -> str:
    """Several errors as one sentence."""
    return "; ".join(text.removesuffix(".") for text in texts if text) + "."


def deviations(choice: tuple[int, ...]) -> int:
    return sum(number > 0 for number in choice)


def sources_of(case: Case, name: str, mode: str) -> Variants:
    """The right frame as (H, W, 3), and what is read in its place."""
    index, frames, other = int(case["index"]), case[name], "labels" if name == "images" else "images"
    count = len(frames)
    raw = np.asarray(picture(frames[index], modes(case)[mode]))
    return [
        ("", frames[index]),
        (f"{'label' if name == 'images' else 'image'} and image files are exchanged.".capitalize(), case[other][index]),
        ('the file was opened without `.convert("RGB")`, in whatever mode it has.', raw),
        ("the next frame was read; index counts from 0.", frames[(index + 1) % count]),
        ("the frame before was read.", frames[index - 1]),
        ("the first frame is read for every index.", frames[0]),
        ("the frames were counted from the end.", frames[count - 1 - index]),
    ]


def channel_errors(rgb: np.ndarray) -> Variants:
    grey = np.asarray(Image.fromarray(rgb[..., :3]).convert("L").convert("RGB"))
    return [
        ("", rgb),
        ("the channels are in the order blue, green, red (BGR, as OpenCV reads).", rgb[..., ::-1]),
        ("the image was turned into shades of grey.", grey),
        ("the green and blue channels are exchanged.", rgb[..., [0, 2, 1]]),
    ]


def scale_errors(rgb: np.ndarray) -> Variants:
    image = rgb / 255
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    normalised = (image - mean) / std if image.shape[-1] == 3 else image
    span = max(np.ptp(rgb.astype(float)), 1)
    return [
        ("", image),
        ("the image was not divided by 255; its values lie in 0..1.", rgb.astype(float)),
        (
            "the image was divided by 255 twice (ToTensor, to_tensor and to_dtype(scale=True) have divided already).",
            image / 255,
        ),
        ("divided by 256: the brightest value, 255, becomes 1.", rgb / 256),
        ("the image was normalised with ImageNet's mean and deviation; asked are plain values in 0..1.", normalised),
        ("the image was stretched to -1..1; asked are values in 0..1.", 2 * image - 1),
        ("divided by the image's own maximum; a dark image has to stay dark: divide by 255.", rgb / max(rgb.max(), 1)),
        ("stretched to the image's own range; asked is a division by 255.", (rgb - float(rgb.min())) / span),
        ("integer division: nearly everything becomes 0.", (rgb // 255).astype(float)),
    ]


def layout_errors(image: np.ndarray) -> Variants:
    return [
        ("", image.transpose(2, 0, 1)),
        ("the layout is still (H, W, 3); a tensor image is (3, H, W).", image),
        ("height and width are exchanged: (3, W, H).", image.transpose(2, 1, 0)),
        (
            "(H, W, 3) was reshaped: that mixes colours and places; permute moves the axis.",
            image.reshape(3, *image.shape[:2]) if image.shape[-1] == 3 else image,
        ),
        (
            "an axis of length 1 stands in front; the loader makes batches, not the data set.",
            image.transpose(2, 0, 1)[None],
        ),
        ("the image is mirrored.", image[:, ::-1].transpose(2, 0, 1)),
        ("axes of length 1 were squeezed away.", image.transpose(2, 0, 1).squeeze()),
    ]


def mask_errors(case: Case) -> Iterator[tuple[str, np.ndarray]]:
    """Every way to decode a label, in every layout."""
    colors = case["labels"][int(case["index"])]
    for array in (colors, colors.transpose(2, 0, 1), colors / 255, colors.transpose(2, 0, 1) / 255):
        yield "the colours themselves were returned, not the classes that they stand for.", array
    one_hot = np.stack([(colors == color).all(axis=-1) for color in case["palette"]])
    for array in (one_hot, one_hot.transpose(1, 2, 0)):
        yield "one channel per class (one-hot); a mask holds the number of each pixel's class, (H, W).", array
    for source, label in sources_of(case, "labels", "label"):
        decoded = decodings(label, case["palette"]) if label.ndim == 3 and label.shape[2] == 3 else [("", label)]
        for text, mask in decoded if not source else decoded[:1]:
            for layout, made in mask_layouts(mask):
                if deviations((bool(source), bool(text), bool(layout))) <= 2:
                    yield joined(source, text, layout), made


def decodings(label: np.ndarray, palette: np.ndarray) -> Variants:
    """Class indices as people read them off colours: (H, W) each."""
    colors, num_classes = palette.astype(int), len(palette)
    pixels = label.astype(int)
    equal = pixels[:, :, None, :] == colors  # (H, W, C, 3)
    hits = equal.all(axis=-1)  # (H, W, C)
    known, index = hits.any(axis=-1), hits.argmax(axis=-1)
    distance = np.abs(pixels[:, :, None, :] - colors)
    last = num_classes - 1 - equal.any(axis=-1)[..., ::-1].argmax(axis=-1)
    order = np.lexsort(colors.T[::-1]).argsort()  # each class's place among the sorted colours

    def unknown_as(label: int, index: np.ndarray = index) -> np.ndarray:
        return np.where(known, index, label)

    def of(channels: list[int]) -> np.ndarray:
        found = (pixels[:, :, None, channels] == colors[:, channels]).all(axis=-1)
        return np.where(found.any(axis=-1), num_classes - 1 - found[..., ::-1].argmax(axis=-1), IGNORE_INDEX)

    swapped = (pixels[:, :, None, ::-1] == colors).all(axis=-1)
    return [
        ("", unknown_as(IGNORE_INDEX)),
        ("unknown colours became class 0; a colour that no class has is 255.", unknown_as(0)),
        ("unknown colours became a class of their own, C; they are 255.", unknown_as(num_classes)),
        ("unknown colours became the last class; they are 255.", unknown_as(num_classes - 1)),
        ("unknown colours became -1; they are 255.", unknown_as(-1)),
        ("unknown colours got the class with the nearest colour; they are 255.", distance.sum(-1).argmin(-1)),
        ("unknown colours got the class with the nearest colour; they are 255.", (distance**2).sum(-1).argmin(-1)),
        (
            "a pixel was given a class when one of its channels agrees (any); all three must.",
            np.where(equal.any(axis=(-1, -2)), last, IGNORE_INDEX),
        ),
        (
            "a pixel was given a class when one of its channels agrees (any); all three must.",
            equal.any(axis=-1).argmax(-1),
        ),
        ("only the red channel was compared; a colour has three.", of([0])),
        ("only two channels were compared; a colour has three.", of([0, 1])),
        (
            "the label was read as blue, green, red (BGR, as OpenCV reads).",
            np.where(swapped.any(-1), swapped.argmax(-1), IGNORE_INDEX),
        ),
        ("classes count from 1; the palette's first colour is class 0.", unknown_as(IGNORE_INDEX, index + 1)),
        (
            "classes count from 1 and unknown colours are 0; the first colour is class 0, unknown ones are 255.",
            unknown_as(0, index + 1),
        ),
        ("the palette was read backwards.", unknown_as(IGNORE_INDEX, num_classes - 1 - index)),
        ("the palette was sorted; a class's index is its row in self.palette.", unknown_as(IGNORE_INDEX, order[index])),
        (
            "the mask went through ToTensor, which divides by 255: class indices stay as they are.",
            unknown_as(IGNORE_INDEX) / 255,
        ),
        ("the red channel of the colours was taken for the class.", pixels[..., 0]),
        (
            "the label was read in shades of grey; the colours tell the class.",
            np.asarray(picture(label, "RGB").convert("L")),
        ),
        (
            "every pixel is 255: no colour was found. Compare integers 0..255 with integers 0..255.",
            np.full(label.shape[:2], IGNORE_INDEX),
        ),
        (
            "every pixel is 0: no colour was found. Compare integers 0..255 with integers 0..255.",
            np.zeros(label.shape[:2]),
        ),
        ("unknown colours are True and known ones False; asked are class indices.", unknown_as(IGNORE_INDEX) == 255),
    ]


def mask_layouts(mask: np.ndarray) -> Variants:
    layouts = [
        ("", mask),
        ("a channel axis stands in front: a mask is (H, W).", mask[None]),
        ("a channel axis stands at the end: a mask is (H, W).", mask[..., None]),
        ("height and width are exchanged.", mask.T),
        ("the mask is mirrored.", mask[:, ::-1]),
        ("axes of length 1 were squeezed away.", mask.squeeze()),
    ]
    return layouts


def called(case: Case) -> str:
    _, height, width, _ = case["labels"].shape
    files = f"image {case['image_mode']}, label {case['label_mode']}"
    transform = ", a transform that mirrors both" if case["transform"] else ""
    return (
        f"CamSeqFrames(folder, palette of {len(case['palette'])}{transform})[{case['index']}]: 3 frames of"
        f" {height} x {width} (H x W), files: {files}"
    )


camseq_frames = Judge(called=called, find_fault=find_frames_fault, usual_errors=lambda case: [])
