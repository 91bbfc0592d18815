"""What usually goes wrong with an item of ex07's CamSeqFrames: wrong images and masks, each in words."""

from collections.abc import Iterator
from itertools import product

import numpy as np
from PIL import Image

from segutils.checks.base import Case
from segutils.checks.ex07.frames import picture
from segutils.palettes import IGNORE_INDEX

Variants = list[tuple[str, np.ndarray]]  # what was done, in words ("" where that is right), and what it gives


def image_errors(case: Case) -> Iterator[tuple[str, np.ndarray]]:
    """Every combination of at most two errors in file, channels, scale and layout, the single ones first."""
    sources = sources_of(case, "image")
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


def sources_of(case: Case, part: str) -> Variants:
    """The right frame as (H, W, 3), and what is read in its place."""
    index, (ours, other) = int(case["index"]), ("images", "labels") if part == "image" else ("labels", "images")
    frames = case[ours]
    count = len(frames)
    raw = np.asarray(picture(frames[index], str(case[f"{part}_mode"])))
    return [
        ("", frames[index]),
        ("label and image files are exchanged.", case[other][index]),
        ('the file was opened without `.convert("RGB")`, in whatever mode it has.', raw),
        ("the next frame was read; index counts from 0.", frames[(index + 1) % count]),
        ("the frame before was read.", frames[index - 1]),
        ("the first frame is read for every index.", frames[0]),
        ("the frames were counted from the end.", frames[count - 1 - index]),
    ]


def channel_errors(rgb: np.ndarray) -> Variants:
    grey = np.asarray(Image.fromarray(rgb).convert("L").convert("RGB"))
    return [
        ("", rgb),
        ("the channels are in the order blue, green, red (BGR, as OpenCV reads).", rgb[..., ::-1]),
        ("the image was turned into shades of grey.", grey),
        ("the green and blue channels are exchanged.", rgb[..., [0, 2, 1]]),
    ]


def scale_errors(rgb: np.ndarray) -> Variants:
    image = rgb / 255
    normalised = (image - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    span = max(np.ptp(rgb.astype(float)), 1)
    return [
        ("", image),
        ("the image was not divided by 255; its values lie in 0..1.", rgb.astype(float)),
        (
            "the image was divided by 255 twice (ToTensor, to_tensor and to_dtype(scale=True) have divided already).",
            image / 255,
        ),
        ("divided by 256: the brightest value, 255, becomes 1.", rgb / 256),
        (
            "the image was normalised with ImageNet's mean and deviation; asked are plain values in 0..1.",
            normalised,
        ),
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
            image.reshape(3, *image.shape[:2]),
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
    for source, label in sources_of(case, "mask"):
        decoded = decodings(label, case["palette"]) if label.ndim == 3 else [("", label)]
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
    return [
        ("", mask),
        ("a channel axis stands in front: a mask is (H, W).", mask[None]),
        ("a channel axis stands at the end: a mask is (H, W).", mask[..., None]),
        ("height and width are exchanged.", mask.T),
        ("the mask is mirrored.", mask[:, ::-1]),
        ("axes of length 1 were squeezed away.", mask.squeeze()),
    ]
