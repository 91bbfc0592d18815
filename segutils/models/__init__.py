"""The networks of the course: heads, decoders and whole networks are written here, ResNets come from torchvision.

Every network takes images (N, 3, H, W) of any H, W >= 32, normalised as ImageNet's, and returns a dict: "out" is logits
(N, num_classes, H, W), "aux" the same in train mode where there is an auxiliary head.
"""

from functools import partial

from torch import nn

from segutils.errors import CourseError
from segutils.models.backbones import BACKBONES
from segutils.models.deeplab import DeepLabV3, DeepLabV3Plus
from segutils.models.fcn import FCN
from segutils.models.pspnet import PSPNet
from segutils.models.unet import UNet

__all__ = ["MODELS", "create"]

DILATED = ("resnet50", "resnet101", "resnet152")  # what torchvision can dilate
TINY_RATES = (2, 4, 6)  # a picture of 240 x 180 is a map of 15 x 12 at output stride 16: wider rates would leave it

MODELS = {
    **{f"fcn_{backbone}": partial(FCN, backbone=backbone) for backbone in BACKBONES},
    **{f"unet_{backbone}": partial(UNet, backbone=backbone) for backbone in BACKBONES},
    "pspnet_tiny": partial(PSPNet, backbone="tiny"),
    **{f"pspnet_{backbone}": partial(PSPNet, backbone=backbone) for backbone in DILATED},
    "deeplabv3_tiny": partial(DeepLabV3, backbone="tiny", output_stride=16, atrous_rates=TINY_RATES),
    **{f"deeplabv3_{backbone}": partial(DeepLabV3, backbone=backbone) for backbone in DILATED},
    "deeplabv3plus_tiny": partial(DeepLabV3Plus, backbone="tiny", atrous_rates=TINY_RATES),
    **{f"deeplabv3plus_{backbone}": partial(DeepLabV3Plus, backbone=backbone) for backbone in DILATED},
}


def create(name: str, num_classes: int, weights: object = None, **options: object) -> nn.Module:
    """The network called "architecture_backbone", e.g. "deeplabv3_resnet50"; `options` go to its class.

    `weights` are the backbone's: one of torchvision's enums or its name, such as "IMAGENET1K_V1"; None for random ones.

    Raises:
        CourseError: an unknown name; the message lists the known ones.
    """
    if name not in MODELS:
        raise CourseError(f"unknown model {name!r}; known are {', '.join(MODELS)}")
    return MODELS[name](num_classes, weights=weights, **options)
