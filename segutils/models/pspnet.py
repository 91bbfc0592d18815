"""PSPNet (Zhao et al. 2017, arXiv 1612.01105): what surrounds a pixel, seen through grids of four sizes."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from segutils.errors import CourseError
from segutils.models.backbones import create_backbone
from segutils.models.blocks import ConvBNReLU, SegmentationModel, refuse_batch_of_one, resize_like
from segutils.models.fcn import FCNHead

__all__ = ["POOL_SIZES", "PSPHead", "PSPNet", "PyramidPooling"]

POOL_SIZES = (1, 2, 3, 6)  # cells along each side of the four grids (section 3.2)


class PyramidPooling(nn.Module):
    """Concatenate x with its averages over grids of 1x1, 2x2, 3x3 and 6x6 cells (PSPNet, fig. 3).

    Each average is reduced to in_channels / len(pool_sizes) channels, so that all of them together weigh as much as x.

    Shape: (N, in_channels, H, W) -> (N, 2 * in_channels, H, W).

    Raises:
        CourseError: the channels do not divide by the number of grids; or a batch of one in train mode, which the
            batch normalisation behind the 1x1 grid cannot take.
    """

    def __init__(self, in_channels: int, pool_sizes: Sequence[int] = POOL_SIZES) -> None:
        super().__init__()
        if in_channels % len(pool_sizes):
            raise CourseError(
                f"{in_channels} channels do not divide by {len(pool_sizes)} pool sizes {tuple(pool_sizes)}:"
                " every grid gets the same share of them"
            )
        reduced = in_channels // len(pool_sizes)
        self.stages = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(size), ConvBNReLU(in_channels, reduced, kernel_size=1))
            for size in pool_sizes
        )

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.stages:
            refuse_batch_of_one(stage, x)
        pooled = [resize_like(stage(x), x) for stage in self.stages]  # each (N, reduced, H, W)
        return torch.cat([x, *pooled], dim=1)


class PSPHead(nn.Sequential):
    """Pyramid pooling, a 3x3 convolution that mixes the two halves, dropout, and the classifier.

    Shape: (N, in_channels, H, W) -> logits (N, num_classes, H, W).
    """

    def __init__(self, in_channels: int, num_classes: int, pool_sizes: Sequence[int] = POOL_SIZES) -> None:
        super().__init__(
            PyramidPooling(in_channels, pool_sizes),
            ConvBNReLU(2 * in_channels, in_channels // 4),
            nn.Dropout(0.1),
            nn.Conv2d(in_channels // 4, num_classes, kernel_size=1),
        )


class PSPNet(SegmentationModel):
    """A dilated backbone, pyramid pooling, and an auxiliary head that learns from the stage before the last.

    The auxiliary head is part of the network as published (section 4; its loss weighs 0.4, in training only);
    `aux=False` leaves it out. `output_stride` is 8, 16 or 32.

    Shape: (N, 3, H, W), H and W >= 32 -> {"out": (N, num_classes, H, W)}, and "aux" alike in train mode.

    Raises:
        CourseError: as PyramidPooling; an unknown backbone or output stride.
    """

    def __init__(
        self,
        num_classes: int,
        backbone: str = "resnet50",
        weights: object = None,
        output_stride: int = 8,
        pool_sizes: Sequence[int] = POOL_SIZES,
        aux: bool = True,
    ) -> None:
        features = create_backbone(backbone, weights, output_stride)
        super().__init__(
            features,
            PSPHead(features.channels["out"], num_classes, pool_sizes),
            FCNHead(features.channels["high"], num_classes) if aux else None,
        )
