"""U-Net (Ronneberger et al. 2015) on a backbone: an encoder, and a decoder that meets every encoder map again."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from segutils.models.backbones import create_backbone
from segutils.models.blocks import ConvBNReLU, SegmentationModel, resize_like

__all__ = ["UNet", "UNetDecoder"]


class UpBlock(nn.Module):
    """Enlarge the coarse map to the fine one's size, whatever it is, put them side by side, convolve twice.

    Shape: coarse (N, in_channels, any, any), fine (N, skip_channels, H, W) -> (N, out_channels, H, W).
    """

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            ConvBNReLU(in_channels + skip_channels, out_channels), ConvBNReLU(out_channels, out_channels)
        )

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        return self.convs(torch.cat([resize_like(coarse, fine), fine], dim=1))


class UNetDecoder(nn.Module):
    """Climb from stride 32 over 16, 8, 4 and 2 back to the image, meeting the encoder's map at every step but the last.

    Shape: the backbone's feature maps -> logits (N, num_classes, H, W).
    """

    def __init__(self, channels: dict[str, int], num_classes: int, decoder_channels: Sequence[int]) -> None:
        super().__init__()
        *widths, last = decoder_channels
        self.skips = ("high", "mid", "low", "stem")
        inputs = [channels["out"], *widths]
        self.blocks = nn.ModuleList(
            UpBlock(before, channels[skip], after)
            for before, skip, after in zip(inputs, self.skips, widths, strict=False)
        )
        self.last = nn.Sequential(ConvBNReLU(widths[-1], last), ConvBNReLU(last, last))
        self.classifier = nn.Conv2d(last, num_classes, kernel_size=3, padding=1)

    def forward(self, features: dict[str, Tensor]) -> Tensor:
        x = features["out"]
        for block, skip in zip(self.blocks, self.skips, strict=True):
            x = block(x, features[skip])  # twice as large, give or take a pixel
        return self.classifier(self.last(resize_like(x, features["image"])))


class UNet(SegmentationModel):
    """U-Net with a backbone of output stride 32 as its encoder; `decoder_channels` are the widths at stride 16 to 1.

    Shape: (N, 3, H, W), H and W >= 32 and odd ones too -> {"out": (N, num_classes, H, W)}.
    """

    def __init__(
        self,
        num_classes: int,
        backbone: str = "resnet18",
        weights: object = None,
        decoder_channels: Sequence[int] | None = None,
    ) -> None:
        features = create_backbone(backbone, weights, output_stride=32)
        widths = decoder_channels or features.decoder_channels
        super().__init__(features, UNetDecoder(features.channels, num_classes, widths))

    def decode(self, features: dict[str, Tensor]) -> Tensor:
        return self.classifier(features)
