"""DeepLabv3 (Chen et al. 2017, arXiv 1706.05587) and DeepLabv3+ (Chen et al. 2018, arXiv 1802.02611)."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from segutils.models.backbones import create_backbone
from segutils.models.blocks import (
    ConvBNReLU,
    SegmentationModel,
    SeparableConv2d,
    refuse_batch_of_one,
    resize_like,
)
from segutils.models.fcn import FCNHead

__all__ = ["ASPP", "ATROUS_RATES", "DeepLabV3", "DeepLabV3Head", "DeepLabV3Plus", "DeepLabV3PlusDecoder"]

# Rates that see the same part of the image at any output stride (DeepLabv3, section 3.3: doubled from stride 16 to 8).
ATROUS_RATES = {8: (12, 24, 36), 16: (6, 12, 18), 32: (3, 6, 9)}


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: one map, looked at through windows of several widths (DeepLabv3, fig. 5).

    A 1x1 convolution, one 3x3 convolution per atrous rate, and the average of the whole image, side by side;
    a 1x1 convolution then mixes what they saw. `separable` makes the 3x3 ones depthwise separable (DeepLabv3+).

    Shape: (N, in_channels, H, W) -> (N, out_channels, H, W).

    Raises:
        CourseError: a batch of one in train mode, which the image pool's batch normalisation cannot take.
    """

    def __init__(
        self, in_channels: int, atrous_rates: Sequence[int], out_channels: int = 256, separable: bool = False
    ) -> None:
        super().__init__()
        self.convs = nn.ModuleList([ConvBNReLU(in_channels, out_channels, kernel_size=1)])
        for rate in atrous_rates:
            self.convs.append(conv3x3(in_channels, out_channels, dilation=rate, separable=separable))
        self.image_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), ConvBNReLU(in_channels, out_channels, kernel_size=1))
        self.project = nn.Sequential(
            ConvBNReLU((len(self.convs) + 1) * out_channels, out_channels, kernel_size=1), nn.Dropout(0.5)
        )

    def forward(self, x: Tensor) -> Tensor:
        refuse_batch_of_one(self.image_pool, x)
        seen = [conv(x) for conv in self.convs]  # each (N, out_channels, H, W)
        seen.append(resize_like(self.image_pool(x), x))  # one value per channel, spread over the map
        return self.project(torch.cat(seen, dim=1))


def conv3x3(in_channels: int, out_channels: int, dilation: int = 1, separable: bool = False) -> nn.Sequential:
    """A 3x3 convolution, full or separable, with batch normalisation and ReLU."""
    if not separable:
        return ConvBNReLU(in_channels, out_channels, dilation=dilation)
    return nn.Sequential(
        SeparableConv2d(in_channels, out_channels, dilation=dilation),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class DeepLabV3Head(nn.Sequential):
    """ASPP, one more 3x3 convolution, and the classifier; torchvision's DeepLabHead.

    Shape: (N, in_channels, H, W) -> logits (N, num_classes, H, W).
    """

    def __init__(
        self, in_channels: int, num_classes: int, atrous_rates: Sequence[int] = (12, 24, 36), channels: int = 256
    ) -> None:
        super().__init__(
            ASPP(in_channels, atrous_rates, channels),
            ConvBNReLU(channels, channels),
            nn.Conv2d(channels, num_classes, kernel_size=1),
        )


class DeepLabV3(SegmentationModel):
    """A backbone whose last stages trade stride for dilation, then ASPP.

    `output_stride` is 8, 16 or 32; `atrous_rates` default to ATROUS_RATES of it. `aux=True` adds an auxiliary head.

    Shape: (N, 3, H, W), H and W >= 32 -> {"out": (N, num_classes, H, W)}, and "aux" alike in train mode.
    """

    def __init__(
        self,
        num_classes: int,
        backbone: str = "resnet50",
        weights: object = None,
        output_stride: int = 8,
        atrous_rates: Sequence[int] | None = None,
        aux: bool = False,
    ) -> None:
        features = create_backbone(backbone, weights, output_stride)
        rates = ATROUS_RATES[output_stride] if atrous_rates is None else atrous_rates
        super().__init__(
            features,
            DeepLabV3Head(features.channels["out"], num_classes, rates, features.head_channels),
            FCNHead(features.channels["high"], num_classes) if aux else None,
        )


class DeepLabV3PlusDecoder(nn.Module):
    """Sharpen coarse features with fine ones of stride 4 before classifying (DeepLabv3+, fig. 2).

    The fine features are reduced to few channels first, so that they do not outweigh the rich coarse ones
    (table 1: 48 is best); `num_refine` 3x3 convolutions follow (table 2: two are best).

    Shape: low_level (N, low_level_channels, h, w), high_level (N, in_channels, any, any)
    -> logits (N, num_classes, h, w).
    """

    def __init__(
        self,
        low_level_channels: int,
        num_classes: int,
        in_channels: int = 256,
        reduced_channels: int = 48,
        num_refine: int = 2,
        separable: bool = False,
    ) -> None:
        super().__init__()
        widths = [in_channels + reduced_channels] + [in_channels] * num_refine
        self.reduce = ConvBNReLU(low_level_channels, reduced_channels, kernel_size=1)
        self.refine = nn.Sequential(
            *(conv3x3(before, after, separable=separable) for before, after in pairwise(widths))
        )
        self.classifier = nn.Conv2d(in_channels, num_classes, kernel_size=1)

    def forward(self, low_level: Tensor, high_level: Tensor) -> Tensor:
        x = torch.cat([resize_like(high_level, low_level), self.reduce(low_level)], dim=1)  # (N, in + reduced, h, w)
        return self.classifier(self.refine(x))


class DeepLabV3PlusHead(nn.Module):
    """ASPP on the coarsest features, then the decoder."""

    def __init__(self, aspp: ASPP, decoder: DeepLabV3PlusDecoder) -> None:
        super().__init__()
        self.aspp = aspp
        self.decoder = decoder

    def forward(self, low_level: Tensor, high_level: Tensor) -> Tensor:
        return self.decoder(low_level, self.aspp(high_level))


class DeepLabV3Plus(SegmentationModel):
    """DeepLabv3's encoder, and a decoder that brings object boundaries back.

    `output_stride` is 8, 16 or 32; `atrous_rates` default to ATROUS_RATES of it. `separable` uses depthwise separable
    convolutions in ASPP and decoder. `aux=True` adds an auxiliary head.

    Shape: (N, 3, H, W), H and W >= 32 -> {"out": (N, num_classes, H, W)}, and "aux" alike in train mode.
    """

    def __init__(
        self,
        num_classes: int,
        backbone: str = "resnet50",
        weights: object = None,
        output_stride: int = 16,
        atrous_rates: Sequence[int] | None = None,
        separable: bool = False,
        aux: bool = False,
    ) -> None:
        features = create_backbone(backbone, weights, output_stride)
        rates = ATROUS_RATES[output_stride] if atrous_rates is None else atrous_rates
        width, low_level_channels = features.head_channels, features.channels["low"]
        decoder = DeepLabV3PlusDecoder(
            low_level_channels, num_classes, width, min(48, low_level_channels), separable=separable
        )
        super().__init__(
            features,
            DeepLabV3PlusHead(ASPP(features.channels["out"], rates, width, separable), decoder),
            FCNHead(features.channels["high"], num_classes) if aux else None,
        )

    def decode(self, features: dict[str, Tensor]) -> Tensor:
        return self.classifier(features["low"], features["out"])  # logits at stride 4
