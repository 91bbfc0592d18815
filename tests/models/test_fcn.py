"""FCN's head and the dilated FCN against torchvision's; the skips against their definition."""

import pytest
import torch
from models.oracles import in_double, largest_difference, num_parameters, port, randomize_
from torch.nn import functional as F
from torchvision.models.segmentation import fcn, fcn_resnet50

from segutils.errors import CourseError
from segutils.models.backbones import create_backbone
from segutils.models.blocks import SegmentationModel
from segutils.models.fcn import FCN, FCNHead


def resize(x, size):
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def test_head_is_torchvisions():
    theirs = randomize_(fcn.FCNHead(32, 5)).eval()
    ours = port(theirs, FCNHead(32, 5)).eval()
    assert largest_difference(ours, theirs, torch.randn(2, 32, 11, 7)) <= 1e-6
    assert num_parameters(FCNHead(2048, 21)) == 9_448_981


def test_dilated_fcn_resnet50_is_torchvisions():
    theirs = randomize_(fcn_resnet50(weights=None, weights_backbone=None, num_classes=21)).eval()
    ours = SegmentationModel(create_backbone("resnet50", output_stride=8), FCNHead(2048, 21))
    port(theirs, ours).eval()
    assert num_parameters(ours) == 32_957_013
    theirs, ours, image = in_double(theirs, ours, torch.randn(1, 3, 47, 65))
    with torch.no_grad():
        assert (ours(image)["out"] - theirs(image)["out"]).abs().max() <= 1e-6


def test_fcn_8s_is_its_definition():
    model = randomize_(FCN(4, stride=8, backbone="tiny")).eval()
    image = torch.randn(2, 3, 75, 101)
    with torch.no_grad():
        features = model.backbone(image)
        head, skips = model.classifier.head, model.classifier.skips
        scores = head(features["out"])
        scores = resize(scores, features["high"].shape[-2:]) + skips["high"](features["high"])
        scores = resize(scores, features["mid"].shape[-2:]) + skips["mid"](features["mid"])
        assert torch.equal(model(image)["out"], resize(scores, (75, 101)))


def test_skips_cost_next_to_nothing():
    counts = [num_parameters(FCN(12, stride=stride, backbone="tiny")) for stride in (32, 16, 8, 4)]
    assert counts == sorted(set(counts))
    assert counts[-1] / counts[0] < 1.01


def test_unknown_strides_are_named():
    with pytest.raises(CourseError, match="stride is 64, but an FCN ends at stride 32, 16, 8 or 4"):
        FCN(4, stride=64, backbone="tiny")
