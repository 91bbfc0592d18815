"""Solutions of ex07's CamSeqFrames.__getitem__, as students write them."""

import random

import numpy as np
import torch
from matplotlib import pyplot as plt
from PIL import Image
from torch.utils.data import Dataset
from torchvision import io, transforms
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as TF

from segutils import camseq
from segutils.palettes import Palette


def read(path):
    return np.array(Image.open(path).convert("RGB"))


def as_image(rgb):
    return torch.from_numpy(rgb).permute(2, 0, 1).float() / 255


def as_mask(rgb, palette):
    mask = np.full(rgb.shape[:2], 255, dtype=np.int64)
    for number, color in enumerate(palette):
        mask[(rgb == color).all(axis=-1)] = number
    return torch.from_numpy(mask)


def transformed(self, image, mask):
    return (image, mask) if self.transform is None else self.transform(image, mask)


def with_image(make):
    """A solution that makes its image from (H, W, 3) uint8 in this way, and all else rightly."""

    def getitem(self, index):
        image_path, label_path = self.frames[index]
        return transformed(self, make(read(image_path)), as_mask(read(label_path), self.palette))

    return getitem


def with_mask(make):
    """A solution that makes its mask from (H, W, 3) uint8 and the palette in this way, and all else rightly."""

    def getitem(self, index):
        image_path, label_path = self.frames[index]
        return transformed(self, as_image(read(image_path)), make(read(label_path), self.palette))

    return getitem


def finishing(finish):
    """A solution that ends in this way: finish(transform, image, mask)."""

    def getitem(self, index):
        image_path, label_path = self.frames[index]
        return finish(self.transform, as_image(read(image_path)), as_mask(read(label_path), self.palette))

    return getitem


def opening(open_file):
    """A solution that opens its files in this way."""

    def getitem(self, index):
        image, label = (open_file(path) for path in self.frames[index])
        return transformed(self, as_image(image), as_mask(label, self.palette))

    return getitem


def of_frame(choose):
    """A solution that reads another frame: choose(frames, index)."""

    def getitem(self, index):
        image_path, label_path = choose(self.frames, index)
        return transformed(self, as_image(read(image_path)), as_mask(read(label_path), self.palette))

    return getitem


def unknown_as(label):
    def make(rgb, palette):
        mask = as_mask(rgb, palette)
        return torch.where(mask == 255, len(palette) if label == "C" else label, mask)

    return with_mask(make)


def summed(rgb, palette):
    return torch.from_numpy(sum(index * (rgb == color).all(axis=-1) for index, color in enumerate(palette)))


def nearest_color(rgb, palette):
    distance = np.abs(rgb[:, :, None].astype(int) - palette.astype(int)).sum(axis=-1)
    return torch.from_numpy(distance.argmin(axis=-1))


def any_channel(rgb, palette):
    mask = np.full(rgb.shape[:2], 255)
    for number, color in enumerate(palette):
        mask[(rgb == color).any(axis=-1)] = number
    return torch.from_numpy(mask)


def red_only(rgb, palette):
    mask = np.full(rgb.shape[:2], 255)
    for number, color in enumerate(palette):
        mask[rgb[..., 0] == color[0]] = number
    return torch.from_numpy(mask)


def counted_from_1(rgb, palette):
    mask = np.zeros(rgb.shape[:2], dtype=np.int64)
    for number, color in enumerate(palette, start=1):
        mask[(rgb == color).all(axis=-1)] = number
    return torch.from_numpy(mask)


def of_codes_in_uint8(rgb, palette):
    codes = rgb[..., 0] * 65536 + rgb[..., 1] * 256 + rgb[..., 2]
    mask = np.full(rgb.shape[:2], 255)
    for number, (r, g, b) in enumerate(palette.astype(int)):
        mask[codes == r * 65536 + g * 256 + b] = number
    return torch.from_numpy(mask)


def of_scaled_colors(rgb, palette):
    scaled = rgb / 255
    mask = np.full(rgb.shape[:2], 255)
    for number, color in enumerate(palette):
        mask[(scaled == color).all(axis=-1)] = number
    return torch.from_numpy(mask)


def one_hot(rgb, palette):
    return torch.stack([torch.from_numpy((rgb == color).all(axis=-1)).long() for color in palette])


def by_pixels(rgb, palette):
    classes = {tuple(color): number for number, color in enumerate(palette.tolist())}
    mask = torch.full(rgb.shape[:2], 255)
    for row in range(rgb.shape[0]):
        for column in range(rgb.shape[1]):
            mask[row, column] = classes.get(tuple(rgb[row, column].tolist()), 255)
    return mask


def by_list_of_pixels(rgb, palette):
    classes = {tuple(color): number for number, color in enumerate(palette.tolist())}
    return torch.tensor([[classes.get(tuple(color), 255) for color in row] for row in rgb.tolist()])


def void_added_to_palette(self, index):
    image_path, label_path = self.frames[index]
    self.palette[-1] = 0
    return transformed(self, as_image(read(image_path)), as_mask(read(label_path), self.palette))


def reversing_frames(self, index):
    self.frames.sort(reverse=True)
    image_path, label_path = self.frames[index]
    return transformed(self, as_image(read(image_path)), as_mask(read(label_path), self.palette))


def resized(self, index):
    image_path, label_path = self.frames[index]
    image = Image.open(image_path).convert("RGB").resize((64, 48))
    label = Image.open(label_path).convert("RGB").resize((64, 48), Image.NEAREST)
    return transformed(self, as_image(np.array(image)), as_mask(np.array(label), self.palette))


def randomly_mirrored(self, index):
    image_path, label_path = self.frames[index]
    image, mask = as_image(read(image_path)), as_mask(read(label_path), self.palette)
    if torch.rand(()) < 0.5 or random.random() < 0.5:
        image, mask = image.flip(-1) + torch.rand(()), mask.flip(-1)
    return transformed(self, image, mask)


def transform_before_tensors(self, index):
    image_path, label_path = self.frames[index]
    image, label = read(image_path), read(label_path)
    if self.transform is not None:
        image, label = self.transform(image, label)
    return as_image(image), as_mask(label, self.palette)


def transform_with_the_image_alone(self, index):
    image_path, label_path = self.frames[index]
    image = as_image(read(image_path))
    return self.transform(image) if self.transform else image, as_mask(read(label_path), self.palette)


def transform_twice(transform, image, mask):
    return (transform(image, mask)[0], transform(image, mask)[1]) if transform else (image, mask)


def thrown_away(transform, image, mask):
    if transform:
        transform(image, mask)
    return image, mask


def image_only(transform, image, mask):
    return (transform(image, mask)[0], mask) if transform else (image, mask)


def clamped(transform, image, mask):
    image, mask = transform(image, mask) if transform else (image, mask)
    return image.clamp(0, 1), mask


def only_with_a_transform(transform, image, mask):
    if transform:
        return transform(image, mask)


def of_the_course(self, index):
    folder = self.frames[index][0].parent
    image, mask = camseq.CamSeqDataset(folder)[index]
    return image / 255, mask


def of_torchvision(self, index):
    image_path, label_path = self.frames[index]
    image = io.decode_image(str(image_path), io.ImageReadMode.RGB)
    label = io.decode_image(str(label_path), io.ImageReadMode.RGB)
    mask = torch.full(label.shape[1:], 255)
    for number, color in enumerate(torch.from_numpy(self.palette)):
        mask = torch.where((label == color[:, None, None]).all(dim=0), number, mask)
    return transformed(self, image.div(255), mask)


def of_torchvision_as_stored(self, index):
    image, label = (io.read_image(str(path)) for path in self.frames[index])
    return transformed(self, image / 255, as_mask(label.permute(1, 2, 0).numpy(), self.palette))


def of_torchvision_files(self, index):
    image, label = (io.read_image(str(path), mode=io.ImageReadMode.RGB) for path in self.frames[index])
    return transformed(self, image.float().div_(255), as_mask(label.permute(1, 2, 0).numpy(), self.palette))


def of_to_tensor(self, index):
    image_path, label_path = self.frames[index]
    with Image.open(image_path) as file:
        image = transforms.ToTensor()(file.convert("RGB"))
    with Image.open(label_path) as file:
        label = np.asarray(file.convert("RGB"))
    equal = (label[:, :, None, :] == self.palette[None, None]).all(axis=3)  # (H, W, C)
    mask = torch.as_tensor(np.where(equal.any(axis=2), equal.argmax(axis=2), 255), dtype=torch.long)
    return self.transform(image, mask) if self.transform is not None else (image, mask)


def of_v2(self, index):
    image, label = (Image.open(path).convert("RGB") for path in self.frames[index])
    image = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])(image)
    mask = as_mask(TF.pil_to_tensor(label).permute(1, 2, 0).numpy(), self.palette)
    return transformed(self, image, mask)


def of_palette_class(self, index):
    image, label = (np.asarray(Image.open(path).convert("RGB")) for path in self.frames[index])
    names = [f"class {number}" for number in range(len(self.palette))]
    mask = torch.tensor(Palette(names, self.palette).encode(label), dtype=torch.int64)
    image = torch.tensor(np.moveaxis(image, -1, 0).astype("float32") / 255)
    return transformed(self, image, mask)


def of_codes(self, index):
    image, label = map(read, self.frames[index])
    weights = np.array([1 << 16, 1 << 8, 1])
    lookup = np.full(1 << 24, 255, dtype=np.uint8)
    lookup[self.palette.astype(int) @ weights] = np.arange(len(self.palette))
    mask = torch.from_numpy(lookup[label.astype(int) @ weights]).long()
    return list(transformed(self, as_image(image), mask))


def of_unique_colors(self, index):
    image, label = map(read, self.frames[index])
    classes = {tuple(color): number for number, color in enumerate(self.palette.tolist())}
    colors, inverse = np.unique(label.reshape(-1, 3), axis=0, return_inverse=True)
    table = np.array([classes.get(tuple(color), 255) for color in colors.tolist()])
    mask = torch.from_numpy(table[inverse.reshape(label.shape[:2])])
    return transformed(self, as_image(image), mask)


def of_matplotlib(self, index):
    image, label = (np.round(plt.imread(path)[..., :3] * 255).astype(np.uint8) for path in self.frames[index])
    return transformed(self, as_image(image), as_mask(label, self.palette))


class WholeClass(Dataset):
    def __init__(self, folder, palette, transform=None):
        import glob
        import os

        images = sorted(set(glob.glob(os.path.join(folder, "*.png"))) - set(glob.glob(os.path.join(folder, "*_L.png"))))
        self.frames = [[path, path[:-4] + "_L.png"] for path in images]
        self.palette, self.transform = palette, transform

    def __len__(self):
        return len(self.frames)

    def __getitem__(self, index):
        image, label = (read(path) for path in self.frames[index])
        item = as_image(image), as_mask(label, self.palette)
        if self.transform:
            item = self.transform(*item)
        return item


class Unsorted(WholeClass):
    def __init__(self, folder, palette, transform=None):
        super().__init__(folder, palette, transform)
        self.frames.reverse()


class LabelsAsFrames(WholeClass):
    def __init__(self, folder, palette, transform=None):
        super().__init__(folder, palette, transform)
        self.frames = [(path, path) for pair in self.frames for path in pair]


def one_class_at_a_time(self, index):
    image_path, label_path = self.frames[index]
    image, label = torch.tensor(read(image_path)), torch.tensor(read(label_path))
    mask = torch.full(label.shape[:2], 255)
    r, g, b = label.unbind(-1)
    for number in range(len(self.palette)):
        red, green, blue = self.palette[number].tolist()
        mask[(r == red) & (g == green) & (b == blue)] = number
    return transformed(self, (image.double() / 255).float().movedim(-1, 0), mask)


NORMALIZE = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])

WRONG = {
    "not divided": (with_image(lambda rgb: torch.from_numpy(rgb).permute(2, 0, 1).float()), "was not divided by 255"),
    "uint8": (with_image(lambda rgb: torch.from_numpy(rgb).permute(2, 0, 1)), "was not divided by 255"),
    "divided twice": (with_image(lambda rgb: transforms.ToTensor()(rgb) / 255), "divided by 255 twice"),
    "divided by 256": (with_image(lambda rgb: as_image(rgb) * 255 / 256), "by 256"),
    "divided by the maximum": (with_image(lambda rgb: as_image(rgb) / as_image(rgb).max()), "the image's own maximum"),
    "divided where bright": (
        with_image(lambda rgb: as_image(rgb) if rgb.max() > 1 else as_image(rgb) * 255),
        "was not divided by 255",
    ),
    "stretched": (
        with_image(lambda rgb: (as_image(rgb) - as_image(rgb).min()) / (as_image(rgb).max() - as_image(rgb).min())),
        "the image's own range|own maximum",
    ),
    "to -1..1": (with_image(lambda rgb: as_image(rgb) * 2 - 1), "stretched to -1..1"),
    "ImageNet": (with_image(lambda rgb: NORMALIZE(as_image(rgb))), "ImageNet's mean"),
    "integer division": (
        with_image(lambda rgb: torch.from_numpy(rgb // 255).permute(2, 0, 1).float()),
        "integer division",
    ),
    "channels last": (with_image(lambda rgb: torch.from_numpy(rgb).float() / 255), r"still \(H, W, 3\)"),
    "channels last, not divided": (
        with_image(lambda rgb: torch.from_numpy(rgb).float()),
        r"not divided.*0\.\.1; the layout is still",
    ),
    "reshaped": (with_image(lambda rgb: torch.from_numpy(rgb).reshape(3, *rgb.shape[:2]) / 255), "was reshaped"),
    "transposed": (with_image(lambda rgb: torch.from_numpy(rgb.T.copy()) / 255), r"\(3, W, H\)"),
    "BGR": (with_image(lambda rgb: as_image(rgb).flip(0)), "BGR"),
    "grey": (
        with_image(lambda rgb: as_image(np.array(Image.fromarray(rgb).convert("L").convert("RGB")))),
        "turned into shades of grey",
    ),
    "float64": (with_image(lambda rgb: torch.from_numpy(rgb.transpose(2, 0, 1) / 255)), "float64 of uint8"),
    "a batch of one": (with_image(lambda rgb: as_image(rgb)[None]), "the loader makes batches"),
    "squeezed": (with_image(lambda rgb: as_image(rgb).squeeze()), "squeezed away"),
    "numpy": (with_image(lambda rgb: rgb.transpose(2, 0, 1).astype(np.float32) / 255), "a numpy array where a tensor"),
    "a PIL image": (with_image(Image.fromarray), "(?s)returned an? Image|AttributeError|a PIL picture"),
    "tensor of a PIL image": (
        with_image(lambda rgb: torch.from_numpy(Image.fromarray(rgb)).permute(2, 0, 1) / 255),
        "a PIL picture is no array yet",
    ),
    "mask in uint8": (with_mask(lambda rgb, palette: as_mask(rgb, palette).byte()), "left in uint8"),
    "mask in float32": (with_mask(lambda rgb, palette: as_mask(rgb, palette).float()), "names, not measurements"),
    "mask in int32": (with_mask(lambda rgb, palette: as_mask(rgb, palette).int()), "only their dtype is not"),
    "mask with a channel": (with_mask(lambda rgb, palette: as_mask(rgb, palette)[None]), "a channel axis stands in"),
    "mask with a channel behind": (with_mask(lambda rgb, palette: as_mask(rgb, palette)[..., None]), "at the end"),
    "mask transposed": (with_mask(lambda rgb, palette: as_mask(rgb, palette).T), "height and width are exchanged"),
    "mask squeezed": (with_mask(lambda rgb, palette: as_mask(rgb, palette).squeeze()), "squeezed away"),
    "mask in numpy": (with_mask(lambda rgb, palette: as_mask(rgb, palette).numpy()), "a numpy array where a tensor"),
    "mask through ToTensor": (
        with_mask(lambda rgb, palette: transforms.ToTensor()(as_mask(rgb, palette).byte().numpy())),
        "went through ToTensor",
    ),
    "colours as mask": (with_mask(lambda rgb, palette: torch.from_numpy(rgb).long()), "the colours themselves"),
    "red channel as mask": (with_mask(lambda rgb, palette: torch.from_numpy(rgb[..., 0]).long()), "red channel of"),
    "grey label": (
        with_mask(lambda rgb, palette: torch.from_numpy(np.array(Image.fromarray(rgb).convert("L"))).long()),
        "shades of grey",
    ),
    "one-hot": (with_mask(one_hot), "one-hot"),
    "unknown summed up": (with_mask(summed), "unknown colours became class 0"),
    "unknown as 0": (unknown_as(0), "unknown colours became class 0"),
    "unknown as C": (unknown_as("C"), "a class of their own"),
    "unknown as -1": (unknown_as(-1), "became -1"),
    "unknown as the nearest": (with_mask(nearest_color), "nearest colour"),
    "any channel": (with_mask(any_channel), r"one of its channels agrees \(any\)"),
    "red only": (with_mask(red_only), "only the red channel was compared"),
    "BGR label": (with_mask(lambda rgb, palette: as_mask(rgb[..., ::-1], palette)), "label was read as blue"),
    "from 1": (with_mask(counted_from_1), "count from 1"),
    "palette backwards": (with_mask(lambda rgb, palette: as_mask(rgb, palette[::-1])), "read backwards"),
    "palette sorted": (with_mask(lambda rgb, palette: as_mask(rgb, sorted(palette.tolist()))), "was sorted"),
    "codes in uint8": (with_mask(of_codes_in_uint8), "uint8 holds 0..255"),
    "scaled colours": (with_mask(of_scaled_colors), "every pixel is 255|Compare integers"),
    "palette.colors": (with_mask(lambda rgb, palette: as_mask(rgb, palette.colors)), r"the \(C, 3\) array of colours"),
    "loop over pixels": (with_mask(by_pixels), "loops over the pixels"),
    "listed pixels": (with_mask(by_list_of_pixels), "loops over the pixels"),
    "no convert": (opening(lambda path: np.array(Image.open(path))), "mode P"),
    "no convert for the image": (
        lambda self, index: transformed(
            self,
            as_image(np.array(Image.open(self.frames[index][0]))),
            as_mask(read(self.frames[index][1]), self.palette),
        ),
        "without `.convert|mode P",
    ),
    "first three channels": (opening(lambda path: np.array(Image.open(path))[..., :3]), "mode P"),
    "torchvision, not as RGB": (of_torchvision_as_stored, "mode P"),
    "P as classes": (
        lambda self, index: transformed(
            self,
            as_image(read(self.frames[index][0])),
            torch.from_numpy(np.array(Image.open(self.frames[index][1]))).long()
            if Image.open(self.frames[index][1]).mode == "P"
            else as_mask(read(self.frames[index][1]), self.palette),
        ),
        "without `.convert",
    ),
    "label for image": (of_frame(lambda frames, index: frames[index][::-1]), "image files are exchanged"),
    "always the first": (of_frame(lambda frames, index: frames[0]), "first frame is read|frame before"),
    "the next": (of_frame(lambda frames, index: frames[(index + 1) % len(frames)]), "the next frame"),
    "the one before": (of_frame(lambda frames, index: frames[index - 1]), "the frame before"),
    "from the end": (of_frame(lambda frames, index: frames[len(frames) - 1 - index]), "from the end|frame before|next"),
    "the pair as a path": (lambda self, index: as_image(read(self.frames[index])), "a pair of paths"),
    "palette changed": (void_added_to_palette, "changed what it was given: palette"),
    "frames sorted again": (reversing_frames, r"changed what it was given: self\.frames"),
    "resized": (resized, "resized, cropped or padded"),
    "random": (randomly_mirrored, "differs from the expected one|two different results"),
    "exchanged": (finishing(lambda transform, image, mask: (mask, image)), "the order is `image, mask`"),
    "a dict": (finishing(lambda transform, image, mask: {"image": image, "mask": mask}), "a dict; asked is the pair"),
    "image alone": (finishing(lambda transform, image, mask: image), "only one of the two"),
    "a third value": (finishing(lambda transform, image, mask: (image, mask, 0)), "and no other"),
    "no return": (lambda self, index: None, "without `return`"),
    "return with a transform only": (finishing(only_with_a_transform), "without `return`"),
    "transform ignored": (finishing(lambda transform, image, mask: (image, mask)), "the transform is ignored"),
    "transform thrown away": (finishing(thrown_away), "thrown away"),
    "transform for the image only": (finishing(image_only), "only the image of what the transform returns"),
    "transform called with the image alone": (transform_with_the_image_alone, "the transform gets both"),
    "transform called twice": (finishing(transform_twice), "move them differently"),
    "transform before tensors": (transform_before_tensors, r"self\.transform got"),
    "clamped afterwards": (finishing(clamped), "clamped to 0..1 after"),
    "transform exchanged": (
        finishing(lambda transform, image, mask: transform(mask, image) if transform else (image, mask)),
        "exchanged",
    ),
    "frames in another order": (Unsorted, "__init__ was changed"),
    "labels as frames": (LabelsAsFrames, "__init__ was changed"),
    "the course's": (of_the_course, r"hands the task over to segutils\.camseq"),
    "the course's class": (camseq.CamSeqDataset, r"hands the task over to segutils\.camseq"),
}

RIGHT = {
    "numpy": finishing(lambda transform, image, mask: transform(image, mask) if transform else (image, mask)),
    "torchvision.io": of_torchvision,
    "read_image": of_torchvision_files,
    "ToTensor": of_to_tensor,
    "v2": of_v2,
    "the palette's class": of_palette_class,
    "24-bit codes": of_codes,
    "unique colours": of_unique_colors,
    "matplotlib": of_matplotlib,
    "one class at a time": one_class_at_a_time,
    "a whole class": WholeClass,
}
