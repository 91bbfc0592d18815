"""Fully convolutional networks: FCN-32s, 16s and 8s (Long et al. 2015)."""

from torch import Tensor, nn

from segutils.errors import CourseError
from segutils.models.backbones import create_backbone
from segutils.models.blocks import ConvBNReLU, SegmentationModel, resize_like

__all__ = ["FCN", "SKIPS", "FCNHead"]

# The finer feature maps whose scores are added on the way up to an output of this stride, coarse to fine.
SKIPS = {32: (), 16: ("high",), 8: ("high", "mid"), 4: ("high", "mid", "low")}


class FCNHead(nn.Sequential):
    """A 3x3 convolution to a quarter of the channels, dropout, and the classifier; torchvision's FCNHead.

    Shape: (N, in_channels, H, W) -> logits (N, num_classes, H, W).
    """

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(
            ConvBNReLU(in_channels, in_channels // 4),
            nn.Dropout(0.1),
            nn.Conv2d(in_channels // 4, num_classes, kernel_size=1),
        )


class SkipClassifier(nn.Module):
    """Score the coarsest features, then add the scores of finer ones, each at its own size (Long et al., fig. 3)."""

    def __init__(self, channels: dict[str, int], num_classes: int, skips: tuple[str, ...]) -> None:
        super().__init__()
        self.head = FCNHead(channels["out"], num_classes)
        self.skips = nn.ModuleDict({name: nn.Conv2d(channels[name], num_classes, kernel_size=1) for name in skips})

    def forward(self, features: dict[str, Tensor]) -> Tensor:
        scores = self.head(features["out"])  # (N, num_classes, H / 32, W / 32)
        for name, score in self.skips.items():
            scores = resize_like(scores, features[name]) + score(features[name])  # twice as large
        return scores


class FCN(SegmentationModel):
    """A backbone of output stride 32 whose scores are refined by skips to `stride` 32 (no skip), 16, 8 or 4.

    Shape: (N, 3, H, W), H and W >= 32 -> {"out": (N, num_classes, H, W)}, and "aux" alike in train mode if `aux`.

    Raises:
        CourseError: an unknown stride or backbone.
    """

    def __init__(
        self,
        num_classes: int,
        stride: int = 8,
        backbone: str = "resnet50",
        weights: object = None,
        aux: bool = False,
    ) -> None:
        if stride not in SKIPS:
            raise CourseError(f"stride is {stride}, but an FCN ends at stride 32, 16, 8 or 4")
        features = create_backbone(backbone, weights, output_stride=32)
        super().__init__(
            features,
            SkipClassifier(features.channels, num_classes, SKIPS[stride]),
            FCNHead(features.channels["high"], num_classes) if aux else None,
        )

    def decode(self, features: dict[str, Tensor]) -> Tensor:
        return self.classifier(features)
