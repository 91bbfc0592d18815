"""Backbones: image -> feature maps of growing stride. Output stride is data, one row of the table below.

A backbone returns a dict of maps: "image" at stride 1, "stem" 2, "low" 4, "mid" 8, "high" at most 16, "out" at most 32,
and tells the `channels` of each; `head_channels` and `decoder_channels` are widths that suit what is put on it.
"""

import warnings
from urllib.error import URLError

from torch import Tensor, nn
from torchvision import models as torchvision_models

from segutils.errors import CourseError
from segutils.models.blocks import ConvBNReLU

__all__ = ["BACKBONES", "OUTPUT_STRIDES", "ResNetBackbone", "TinyBackbone", "create_backbone"]

# Strides and dilations of the stages "low", "mid", "high", "out", behind a stem and a pooling that make stride 4.
# Where a stage gives up its stride of 2, it and all behind it double their dilation: they see as far as before.
# The first convolution of such a stage is a matter of convention: in torchvision's ResNets it keeps the dilation of the
# stage before, in the tiny backbone (as in segmentation-models-pytorch) it has the stage's own.
OUTPUT_STRIDES = {
    32: {"strides": (1, 2, 2, 2), "dilations": (1, 1, 1, 1)},
    16: {"strides": (1, 2, 2, 1), "dilations": (1, 1, 1, 2)},
    8: {"strides": (1, 2, 1, 1), "dilations": (1, 1, 2, 4)},
}


class ResNetBackbone(nn.Module):
    """One of torchvision's ResNets without its classifier, dilated to an output stride of 8, 16 or 32.

    Layers keep torchvision's names and order, so its weights load by name.

    Shape: (N, 3, H, W) -> {name: (N, channels[name], H / stride, W / stride)}, names and strides as above.
    """

    def __init__(self, name: str = "resnet50", weights: object = None, output_stride: int = 32) -> None:
        super().__init__()
        strides = OUTPUT_STRIDES[output_stride]["strides"]
        dilated = [stride == 1 for stride in strides[1:]]  # of layer2, layer3, layer4
        if any(dilated) and name in ("resnet18", "resnet34"):
            raise CourseError(f"torchvision's {name} cannot be dilated: use output_stride=32, or resnet50")
        resnet = load_resnet(name, weights, dilated)
        self.conv1, self.bn1, self.relu, self.maxpool = resnet.conv1, resnet.bn1, resnet.relu, resnet.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4
        last = resnet.fc.in_features
        self.channels = {"image": 3, "stem": 64, "low": last // 8, "mid": last // 4, "high": last // 2, "out": last}
        self.head_channels = 256
        self.decoder_channels = (256, 128, 64, 32, 16)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        stem = self.relu(self.bn1(self.conv1(image)))  # stride 2
        low = self.layer1(self.maxpool(stem))  # stride 4
        mid = self.layer2(low)  # stride 8
        high = self.layer3(mid)  # stride 16, or 8 where dilated
        return {"image": image, "stem": stem, "low": low, "mid": mid, "high": high, "out": self.layer4(high)}


def load_resnet(name: str, weights: object, dilated: list[bool]) -> nn.Module:
    """torchvision's ResNet with its weights: an enum, its name such as "IMAGENET1K_V1", or None for random ones.

    Weights that cannot be downloaded are named in one warning, and random ones take their place.
    """
    weights = choose_weights(name, weights)
    options = {"replace_stride_with_dilation": dilated}
    try:
        return torchvision_models.get_model(name, weights=weights, **options)
    except (URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        warnings.warn(
            f"the weights {weights} of {name} could not be downloaded ({reason}): it starts from random ones instead",
            stacklevel=2,
        )
        return torchvision_models.get_model(name, weights=None, **options)


def choose_weights(name: str, weights: object) -> object:
    """The member of torchvision's enum that is meant, or None."""
    known = torchvision_models.get_model_weights(name)
    if weights is None or isinstance(weights, known):
        return weights
    wanted = weights.split(".")[-1] if isinstance(weights, str) else None
    if wanted not in known.__members__:
        names = ", ".join(weight.name for weight in known)
        raise CourseError(f"{name} has no weights {weights!r}; known are None, {names}")
    return known[wanted]


class TinyBackbone(nn.Module):
    """The course's own backbone for CPUs: nine 3x3 convolutions, 0.22 M parameters, dilated like the ResNets.

    Shape: (N, 3, H, W) -> {name: (N, channels[name], H / stride, W / stride)}, names and strides as above.
    """

    def __init__(self, weights: object = None, output_stride: int = 32) -> None:
        super().__init__()
        if weights is not None:
            raise CourseError('backbone="tiny" has no downloadable weights: leave weights=None')
        self.channels = {"image": 3, "stem": 16, "low": 24, "mid": 32, "high": 64, "out": 96}
        self.head_channels = 48
        self.decoder_channels = (64, 32, 24, 16, 8)
        _, *strides = OUTPUT_STRIDES[output_stride]["strides"]
        _, *dilations = OUTPUT_STRIDES[output_stride]["dilations"]
        self.stem = ConvBNReLU(3, 16, stride=2)
        self.low = tiny_stage(16, 24, stride=2)  # takes the place of ResNet's pooling and first stage
        self.mid = tiny_stage(24, 32, strides[0], dilations[0])
        self.high = tiny_stage(32, 64, strides[1], dilations[1])
        self.out = tiny_stage(64, 96, strides[2], dilations[2])

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        stem = self.stem(image)
        low = self.low(stem)
        mid = self.mid(low)
        high = self.high(mid)
        return {"image": image, "stem": stem, "low": low, "mid": mid, "high": high, "out": self.out(high)}


def tiny_stage(in_channels: int, out_channels: int, stride: int, dilation: int = 1) -> nn.Sequential:
    """Two 3x3 convolutions, the first of which strides."""
    return nn.Sequential(
        ConvBNReLU(in_channels, out_channels, stride=stride, dilation=dilation),
        ConvBNReLU(out_channels, out_channels, dilation=dilation),
    )


BACKBONES = ("tiny", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152")


def create_backbone(name: str, weights: object = None, output_stride: int = 32) -> nn.Module:
    """The backbone of that name.

    Raises:
        CourseError: an unknown name, output stride or name of weights; the message lists the known ones.
    """
    if name not in BACKBONES:
        raise CourseError(f"unknown backbone {name!r}; known are {', '.join(BACKBONES)}")
    if output_stride not in OUTPUT_STRIDES:
        raise CourseError(f"output_stride is {output_stride}, but it must be 8, 16 or 32")
    if name == "tiny":
        return TinyBackbone(weights, output_stride)
    return ResNetBackbone(name, weights, output_stride)
