"""Joint transforms of an image and its mask, on torchvision.transforms.v2.

`transform(image, mask)` takes an image (3, H, W), uint8 or floating in 0..1, and a mask (H, W) of class indices, and
returns an image (3, H', W') float32 after ImageNet normalisation and a mask (H', W') int64. Whatever moves a pixel
moves its label: images are resized bilinearly with antialiasing, masks take the nearest pixel's class, and what a crop
adds round a mask is 255, which losses and metrics leave out. Sizes are (height, width), as in torchvision.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2

from segutils.errors import CourseError
from segutils.palettes import IGNORE_INDEX

# The mean and standard deviation of ImageNet's training images, with which torchvision's backbones were trained.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_PADDING = {tv_tensors.Image: list(IMAGENET_MEAN), tv_tensors.Mask: IGNORE_INDEX}
Transform = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def normalize(image: Tensor) -> Tensor:
    """Subtract ImageNet's mean from each channel and divide by its standard deviation.

    Shape: (..., 3, H, W), uint8 in 0..255 or floating in 0..1 -> the same shape, floating.
    """
    image = v2.functional.to_dtype(image, torch.float32, scale=True) if not image.is_floating_point() else image
    mean, std = _per_channel(image)
    return (image - mean) / std


def denormalize(image: Tensor) -> Tensor:
    """Undo `normalize`, channel by channel: multiply by the standard deviation and add the mean.

    Shape: (..., 3, H, W) floating -> the same shape, 0..1 where a picture was normalised.
    """
    mean, std = _per_channel(image)
    return image * std + mean


def eval_transform(size: Sequence[int] | None = None) -> Transform:
    """Resize to `size` (None: leave as it is) and normalise. Nothing is random."""
    return _Joint([] if size is None else [v2.Resize(_checked_size(size), antialias=True)])


def train_transform(
    crop_size: Sequence[int],
    scale: tuple[float, float] = (0.5, 2.0),
    flip: float = 0.5,
    brightness: float = 0.3,
    contrast: float = 0.3,
    saturation: float = 0.3,
    hue: float = 0.05,
) -> Transform:
    """Scale by a random factor, crop at random, mirror with probability `flip`, jitter the colours, normalise.

    Where the scaled image is smaller than the crop, the image is padded with ImageNet's mean and the mask with 255.
    Random numbers come from torch's generator: `torch.manual_seed` fixes them, and workers of a DataLoader differ.
    The recipe of DeepLab (Chen et al. 2017, section 4) with colours as in torchvision.
    """
    crop_size = _checked_size(crop_size)
    low, high = scale
    if not 0 < low <= high:
        raise CourseError(f"train_transform: scale must be (low, high) with 0 < low <= high, not {scale}")
    return _Joint(
        [
            _RandomScale(low, high),
            v2.RandomCrop(crop_size, pad_if_needed=True, fill=_PADDING),
            v2.RandomHorizontalFlip(flip),
            v2.ColorJitter(brightness, contrast, saturation, hue),
        ]
    )


class _Joint:
    """Checks what comes in, runs steps on the pair, and hands out plain tensors."""

    def __init__(self, steps: Sequence[torch.nn.Module]) -> None:
        self.steps = steps

    def __call__(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        image, mask = _checked_pair(image, mask)
        # uint8 is converted first: a resize would round each pixel, and ImageNet's mean is no whole number
        image = tv_tensors.Image(v2.functional.to_dtype(image, torch.float32, scale=True))
        mask = tv_tensors.Mask(mask.to(torch.int64, copy=True))
        for step in self.steps:
            image, mask = step(image, mask)
        return normalize(image.as_subclass(Tensor)), mask.as_subclass(Tensor)

    def __repr__(self) -> str:
        return (
            f"transform of (image, mask): {', '.join(type(step).__name__.strip('_') for step in self.steps)}, normalize"
        )


class _RandomScale(v2.Transform):
    """Resize by a factor that is uniform in low..high, the same for height and width."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, image: tv_tensors.Image, mask: tv_tensors.Mask) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
        factor = self.low + (self.high - self.low) * torch.rand(()).item()
        size = [max(round(side * factor), 1) for side in mask.shape]
        resize = v2.functional.resize
        return (
            resize(image, size, InterpolationMode.BILINEAR, antialias=True),
            resize(mask, size, InterpolationMode.NEAREST),
        )


def _per_channel(image: Tensor) -> tuple[Tensor, Tensor]:
    if image.ndim < 3 or image.shape[-3] != 3:
        raise CourseError(f"an image has the shape (..., 3, H, W), not {tuple(image.shape)}")
    return tuple(image.new_tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))


def _checked_size(size: Sequence[int]) -> list[int]:
    size = list(size) if isinstance(size, Sequence) else [size]
    if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
        raise CourseError(f"a size is (height, width) in pixels, not {size}")
    return size


def _checked_pair(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    if image.ndim != 3 or image.shape[0] != 3 or mask.ndim != 2 or image.shape[1:] != mask.shape:
        raise CourseError(
            f"a transform takes an image (3, H, W) and its mask (H, W), not {tuple(image.shape)} and "
            f"{tuple(mask.shape)}"
        )
    if mask.is_floating_point() or not (image.is_floating_point() or image.dtype == torch.uint8):
        raise CourseError(
            f"a transform takes an image in uint8 or floating 0..1 and a mask of integers, not {image.dtype} and "
            f"{mask.dtype}: ToTensor would have divided the mask by 255"
        )
    return image, mask
