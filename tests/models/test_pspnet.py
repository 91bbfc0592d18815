"""Pyramid pooling against segmentation-models-pytorch's, PSPNet against its parts, and what it refuses."""

from types import SimpleNamespace

import pytest
import torch
from models.oracles import half_pixel_resize, in_double, num_parameters, port, randomize_
from segmentation_models_pytorch.decoders.pspnet import decoder as smp
from torch import nn
from torch.nn import functional as F
from torchvision import models as torchvision_models
from torchvision.models.segmentation import fcn

from segutils.errors import CourseError
from segutils.models.pspnet import PSPNet, PyramidPooling


def port_stages(theirs: smp.PSPModule, ours: PyramidPooling) -> None:
    """Copy the oracle's weights; its 1x1 grid has a bias and no BatchNorm: there, ours only adds that bias."""
    for block, stage in zip(theirs.blocks, ours.stages, strict=True):
        conv, norm, _ = block.pool[1]
        ours_conv, ours_norm, _ = stage[1]
        ours_conv.weight.data.copy_(conv.weight)
        if isinstance(norm, nn.BatchNorm2d):
            ours_norm.load_state_dict(norm.state_dict())
        else:
            ours_norm.running_var.fill_(1 - ours_norm.eps)
            ours_norm.bias.data.copy_(conv.bias)


@pytest.mark.parametrize("sizes", [(1, 2, 3, 6), (1,), (4, 2)])
@pytest.mark.parametrize("size", [(30, 23), (6, 6), (5, 1), (60, 60)])
def test_pyramid_pooling_is_segmentation_models_pytorchs(monkeypatch, sizes, size):
    monkeypatch.setattr(smp, "F", SimpleNamespace(interpolate=half_pixel_resize))  # theirs alone
    theirs = randomize_(smp.PSPModule(24, sizes)).eval()
    ours = PyramidPooling(24, sizes).eval()
    port_stages(theirs, ours)
    x = torch.randn(2, 24, *size)
    with torch.no_grad():
        expected = theirs(x).roll(24, dims=1)  # they put x last
        assert expected.std() > 1e-3
        assert (ours(x) - expected).abs().max() <= 1e-6


def test_pspnet_resnet50_is_torchvisions_resnet_and_the_papers_head():
    resnet = torchvision_models.resnet50(weights=None, replace_stride_with_dilation=[False, True, True])
    body = nn.Sequential(*list(resnet.children())[:-2])
    head = nn.Sequential(
        PyramidPooling(2048), nn.Conv2d(4096, 512, 3, padding=1, bias=False), nn.BatchNorm2d(512), nn.ReLU(),
        nn.Conv2d(512, 21, 1),
    )  # fmt: skip
    theirs = randomize_(nn.Sequential(body, head, fcn.FCNHead(1024, 21))).eval()
    ours = port(theirs, PSPNet(21)).eval()
    theirs, ours, image = in_double(theirs, ours, torch.randn(1, 3, 65, 97))
    with torch.no_grad():
        expected = F.interpolate(head(body(image)), size=(65, 97), mode="bilinear", align_corners=False)
        got = ours(image)
    assert list(got) == ["out"]
    assert expected.std() > 1e-3
    assert (got["out"] - expected).abs().max() <= 1e-6


def test_numbers_of_parameters_follow_from_the_widths():
    """By hand: four 1x1 convolutions of 2048 -> 512, 3x3 of 4096 -> 512, a classifier, BatchNorms of two each."""
    pyramid = 4 * (2048 * 512 + 2 * 512)
    assert num_parameters(PyramidPooling(2048)) == pyramid
    assert num_parameters(PSPNet(21).classifier) == pyramid + (4096 * 512 * 9 + 2 * 512) + (512 * 21 + 21)
    assert num_parameters(PSPNet(21).aux_classifier) == (1024 * 256 * 9 + 2 * 256) + (256 * 21 + 21)


def test_the_auxiliary_head_can_be_left_out():
    model = PSPNet(3, backbone="tiny", aux=False)
    assert list(model(torch.randn(2, 3, 64, 64))) == ["out"]
    assert model.aux_classifier is None


def test_channels_that_do_not_divide_are_named():
    with pytest.raises(CourseError, match=r"10 channels do not divide by 4 pool sizes \(1, 2, 3, 6\)"):
        PyramidPooling(10)


def test_a_batch_of_one_is_refused_only_where_it_cannot_work():
    with pytest.raises(CourseError, match="batch of one image through image pooling in train mode"):
        PyramidPooling(8)(torch.randn(1, 8, 5, 5))
    assert PyramidPooling(8).eval()(torch.randn(1, 8, 5, 5)).shape == (1, 16, 5, 5)
    assert PyramidPooling(8, (2, 3))(torch.randn(1, 8, 5, 5)).shape == (1, 16, 5, 5)
