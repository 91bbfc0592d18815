"""Backbones: strides and dilations by the table, torchvision's features, and what happens without a network."""

from urllib.error import URLError

import pytest
import torch
from models.oracles import in_double, num_parameters, randomize_
from torch import nn
from torchvision import models as torchvision_models
from torchvision.models._utils import IntermediateLayerGetter

from segutils.errors import CourseError
from segutils.models import backbones
from segutils.models.backbones import create_backbone

NAMES = ("stem", "low", "mid", "high", "out")


@pytest.mark.parametrize(
    ("name", "output_stride"),
    [("tiny", 8), ("tiny", 16), ("tiny", 32), ("resnet18", 32), ("resnet50", 8), ("resnet50", 16), ("resnet50", 32)],
)
def test_maps_have_the_strides_and_channels_they_tell(name, output_stride):
    backbone = create_backbone(name, output_stride=output_stride).eval()
    with torch.no_grad():
        features = backbone(torch.randn(1, 3, 64, 128))
    strides = [2, 4, 8, min(16, output_stride), output_stride]
    expected = {name: (1, backbone.channels[name], 64 // s, 128 // s) for name, s in zip(NAMES, strides, strict=True)}
    expected["image"] = (1, 3, 64, 128)
    assert {name: tuple(tensor.shape) for name, tensor in features.items()} == expected
    assert backbone.channels.keys() == features.keys()


@pytest.mark.parametrize(("name", "output_stride"), [("resnet18", 32), ("resnet50", 16)])
def test_resnet_is_torchvisions(name, output_stride):
    dilation = [False, False, output_stride == 16]
    resnet = torchvision_models.get_model(name, weights=None, replace_stride_with_dilation=dilation)
    theirs = randomize_(IntermediateLayerGetter(resnet, {f"layer{i}": NAMES[i] for i in (1, 2, 3, 4)})).eval()
    ours = create_backbone(name, output_stride=output_stride).eval()
    ours.load_state_dict(theirs.state_dict())  # torchvision's names
    theirs, ours, image = in_double(theirs, ours, torch.randn(1, 3, 61, 83))
    with torch.no_grad():
        features = ours(image)
        for key, expected in theirs(image).items():
            assert (features[key] - expected).abs().max() <= 1e-6, key


@pytest.mark.parametrize(
    ("output_stride", "dilations"), [(32, [1] * 9), (16, [1] * 7 + [2] * 2), (8, [1] * 5 + [2, 2, 4, 4])]
)
def test_tiny_is_dilated_by_the_table(output_stride, dilations):
    backbone = create_backbone("tiny", output_stride=output_stride)
    convs = [module for module in backbone.modules() if isinstance(module, nn.Conv2d)]
    assert [conv.dilation[0] for conv in convs] == dilations
    assert 200_000 < num_parameters(backbone) < 230_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("resnet7",), "unknown backbone 'resnet7'; known are tiny, resnet18"),
        (("tiny", None, 4), "output_stride is 4, but it must be 8, 16 or 32"),
        (("tiny", "IMAGENET1K_V1"), "has no downloadable weights"),
        (("resnet18", None, 16), "resnet18 cannot be dilated"),
        (("resnet50", "IMAGENET"), "no weights 'IMAGENET'; known are None, IMAGENET1K_V1, IMAGENET1K_V2"),
        (("resnet50", True), "no weights True; known are None, IMAGENET1K_V1"),
        (("resnet50", torchvision_models.ResNet18_Weights.DEFAULT), "no weights ResNet18_Weights.IMAGENET1K_V1; known"),
    ],
)
def test_bad_requests_are_named(arguments, message):
    with pytest.raises(CourseError, match=message):
        create_backbone(*arguments)


@pytest.mark.parametrize(
    "weights",
    ["IMAGENET1K_V1", "DEFAULT", "ResNet18_Weights.IMAGENET1K_V1", torchvision_models.ResNet18_Weights.DEFAULT],
)
def test_weights_are_asked_of_torchvision(weights, monkeypatch):
    pretrained = {name: torch.full_like(t, 2) for name, t in torchvision_models.resnet18().state_dict().items()}
    monkeypatch.setattr(torchvision_models.ResNet18_Weights, "get_state_dict", lambda self, *_, **__: pretrained)
    backbone = create_backbone("resnet18", weights)
    assert all((parameter == 2).all() for parameter in backbone.parameters())


def test_without_a_network_one_sentence_says_so(monkeypatch):
    def offline(*_, **__):
        raise URLError("Temporary failure in name resolution")

    monkeypatch.setattr(torchvision_models.ResNet18_Weights, "get_state_dict", offline)
    with pytest.warns(UserWarning, match="could not be downloaded .*name resolution.*random ones instead") as caught:
        backbone = backbones.create_backbone("resnet18", "IMAGENET1K_V1")
    assert len(caught) == 1
    assert backbone.eval()(torch.randn(1, 3, 32, 32))["out"].shape == (1, 512, 1, 1)
