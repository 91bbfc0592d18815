"""Toy street scenes: a procedural street seen from a moving car, with a class for every pixel.

The data set that ships with the course, as code: it costs no download, and its labels are exact. One seed is one
street and one day; other seeds are other streets, so training and held-out streets never share a house.

    scene.py    what stands in a street and how the camera moves, in metres
    canvas.py   the pinhole camera and the painter
    figures.py  cars, people, bicyclists, trees, poles, signs
    render.py   one frame, from the sky to the camera car's bonnet
    files.py    the frames as files in CamSeq01's layout
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from segutils.palettes import CAMVID, IGNORE_INDEX
from segutils.toyscapes.files import generate
from segutils.toyscapes.render import render
from segutils.toyscapes.scene import Street, build_street, check_settings, frame_name

__all__ = ["ToyScapes", "build_street", "draw_frame", "generate"]


def draw_frame(street: Street, frame: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """One frame as an item of a data set holds it, Void being 255: uint8 (H, W, 3) and (H, W)."""
    image, mask = render(street, frame, size)
    return image, np.where(mask == CAMVID.names.index("Void"), np.uint8(IGNORE_INDEX), mask)


class ToyScapes(Dataset):
    """The frames of one toy street, drawn when the data set is made and kept in memory.

    An item is (image, mask): uint8 (3, H, W) and int64 (H, W) with classes as in `palettes.CAMVID` and Void as 255,
    or what `transform(image, mask)` makes of them. `size` is (width, height), as in `generate`, which writes the same
    frames to files.

    Raises CourseError for settings that cannot be drawn.
    """

    palette = CAMVID
    class_names = CAMVID.names
    num_classes = len(CAMVID)

    def __init__(
        self,
        num_frames: int = 101,
        size: tuple[int, int] = (240, 180),
        seed: int = 0,
        transform: Callable[[Tensor, Tensor], tuple] | None = None,
    ) -> None:
        check_settings(num_frames, size, seed)
        self.transform = transform
        self.names = [frame_name(seed, frame) for frame in range(num_frames)]
        width, height = size
        self.images = torch.empty(num_frames, 3, height, width, dtype=torch.uint8)
        self.masks = torch.empty(num_frames, height, width, dtype=torch.uint8)
        street = build_street(seed, num_frames)
        for frame in range(num_frames):
            image, mask = draw_frame(street, frame, size)  # (H, W, 3), (H, W)
            # numpy copies 0.1 MB in one go; torch would wake a second thread for it, which takes longer than the copy
            self.images.numpy()[frame] = image.transpose(2, 0, 1)
            self.masks.numpy()[frame] = mask

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, mask = self.images[index].clone(), self.masks[index].long()
        return (image, mask) if self.transform is None else self.transform(image, mask)
