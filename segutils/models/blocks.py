"""The pieces that every network of the course is made of."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segutils.errors import CourseError

__all__ = ["ConvBNReLU", "SegmentationModel", "SeparableConv2d", "refuse_batch_of_one", "resize_like"]


class ConvBNReLU(nn.Sequential):
    """Convolution, batch normalisation, ReLU; padded so that stride 1 keeps the size.

    Shape: (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)) for odd kernel sizes.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1, dilation: int = 1
    ) -> None:
        padding = dilation * (kernel_size - 1) // 2
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class SeparableConv2d(nn.Sequential):
    """A k x k convolution of every channel by itself, then a 1x1 convolution across channels (DeepLabv3+, section 3.1).

    It costs k^2 + out_channels multiplications per input value where a full convolution costs k^2 * out_channels.
    With `dilation` the depthwise half is atrous: what the paper calls atrous separable convolution.

    Shape: (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)) for odd kernel sizes.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1, dilation: int = 1
    ) -> None:
        padding = dilation * (kernel_size - 1) // 2
        super().__init__(
            nn.Conv2d(in_channels, in_channels, kernel_size, stride, padding, dilation, groups=in_channels, bias=False),
            nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False),
        )


def resize_like(x: Tensor, reference: Tensor) -> Tensor:
    """Resize features or logits bilinearly (align_corners=False) to the reference's size.

    Shape: (N, C, h, w), (N, any, H, W) -> (N, C, H, W).
    """
    return F.interpolate(x, size=reference.shape[-2:], mode="bilinear", align_corners=False)


def refuse_batch_of_one(pooling: nn.Module, x: Tensor) -> None:
    """Raise a CourseError where batch normalisation behind `pooling` to one value per channel would see only one."""
    to_one_value = any(isinstance(m, nn.AdaptiveAvgPool2d) and m.output_size in (1, (1, 1)) for m in pooling.modules())
    normalises = any(isinstance(module, nn.BatchNorm2d) and module.training for module in pooling.modules())
    if len(x) == 1 and to_one_value and normalises:
        raise CourseError(
            "a batch of one image through image pooling in train mode: the average over the image leaves one value per"
            " channel, and batch normalisation needs two; use batches of 2 or more (drop_last=True), or model.eval()"
        )


class SegmentationModel(nn.Module):
    """Backbone, classifier, and perhaps an auxiliary classifier that learns from an earlier feature map while training.

    The classifier of this class reads the backbone's "out"; networks that read more override `decode`.

    Shape: image (N, 3, H, W), H and W >= 32 -> {"out": (N, num_classes, H, W)}, and "aux" alike in train mode.

    Raises:
        CourseError: the image is not (N, 3, H, W), or smaller than 32 x 32; or a batch of one in train mode whose
            features shrink to one value per channel.
    """

    def __init__(self, backbone: nn.Module, classifier: nn.Module, aux_classifier: nn.Module | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.aux_classifier = aux_classifier

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        check_image(image)
        try:
            features = self.backbone(image)  # {"image", "stem", "low", "mid", "high", "out"}: from fine to coarse
        except ValueError as error:  # batch normalisation's
            height, width = image.shape[-2:]
            raise CourseError(
                f"one image of {height} x {width} in train mode: at stride 32 it leaves one value per channel, and"
                " batch normalisation needs two; use batches of 2 or more, a larger image, or model.eval()"
            ) from error
        logits = {"out": resize_like(self.decode(features), image)}  # (N, num_classes, H, W)
        if self.aux_classifier is not None and self.training:
            logits["aux"] = resize_like(self.aux_classifier(features["high"]), image)
        return logits

    def decode(self, features: dict[str, Tensor]) -> Tensor:
        """Logits at any size from the backbone's feature maps."""
        return self.classifier(features["out"])


def check_image(image: Tensor) -> None:
    """Raise a CourseError unless the image is (N, 3, H, W) with H and W >= 32."""
    if image.ndim != 4 or image.shape[1] != 3:
        raise CourseError(f"a model takes images (N, 3, H, W), got {tuple(image.shape)}; one image needs image[None]")
    if min(image.shape[-2:]) < 32:
        raise CourseError(f"height and width must be 32 or more, got {image.shape[-2]} x {image.shape[-1]}")
    if not torch.is_floating_point(image):
        raise CourseError(f"a model takes normalised floating-point images, got {image.dtype}; see segutils.transforms")
