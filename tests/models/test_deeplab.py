"""ASPP, DeepLabv3 and its head against torchvision's; DeepLabv3+ against segmentation-models-pytorch's."""

import pytest
import segmentation_models_pytorch as smp
import torch
from models.oracles import half_pixel_resize, in_double, largest_difference, num_parameters, port, randomize_
from torch import nn
from torch.nn import functional as F
from torchvision.models.segmentation import deeplabv3, deeplabv3_resnet50

from segutils.errors import CourseError
from segutils.models.backbones import create_backbone
from segutils.models.blocks import SegmentationModel
from segutils.models.deeplab import (
    ASPP,
    DeepLabV3,
    DeepLabV3Head,
    DeepLabV3Plus,
    DeepLabV3PlusDecoder,
    DeepLabV3PlusHead,
    conv3x3,
)


@pytest.mark.parametrize("rates", [(12, 24, 36), (6, 12, 18), (1,), ()])
@pytest.mark.parametrize("size", [(33, 29), (9, 1), (64, 48)])
def test_aspp_is_torchvisions(rates, size):
    theirs = randomize_(deeplabv3.ASPP(16, rates, out_channels=24)).eval()
    ours = port(theirs, ASPP(16, rates, out_channels=24)).eval()
    assert largest_difference(ours, theirs, torch.randn(2, 16, *size)) <= 1e-6


@pytest.mark.parametrize("size", [(33, 29), (5, 7)])
def test_head_is_torchvisions(size):
    theirs = randomize_(deeplabv3.DeepLabHead(16, 5, (6, 12))).eval()
    ours = port(theirs, DeepLabV3Head(16, 5, (6, 12))).eval()
    assert largest_difference(ours, theirs, torch.randn(2, 16, *size)) <= 1e-6


def test_deeplabv3_resnet50_is_torchvisions():
    theirs = randomize_(deeplabv3_resnet50(weights=None, weights_backbone=None, aux_loss=True, num_classes=21))
    ours = port(theirs, DeepLabV3(21, backbone="resnet50", aux=True))
    theirs, ours, image = in_double(theirs, ours, torch.randn(1, 3, 65, 97))
    with torch.no_grad():
        expected, got = theirs.eval()(image), ours.eval()(image)
    assert set(got) == {"out"}
    assert got["out"].shape == (1, 21, 65, 97)
    assert expected["out"].std() > 1e-3
    assert (got["out"] - expected["out"]).abs().max() <= 1e-6


def test_numbers_of_parameters_are_the_fields():
    assert num_parameters(ASPP(2048, (12, 24, 36))) == 15_535_104
    assert num_parameters(DeepLabV3Head(2048, 21)) == 16_130_837
    assert num_parameters(DeepLabV3(21)) == 39_638_869
    assert num_parameters(DeepLabV3(21, aux=True)) == 42_004_074


def test_separable_aspp_needs_fewer_parameters_and_keeps_the_shape():
    full, separable = ASPP(32, (2, 4), 16), ASPP(32, (2, 4), 16, separable=True)
    assert num_parameters(full) - num_parameters(separable) == 2 * (9 * 32 * 16 - (9 * 32 + 32 * 16))
    assert separable(torch.randn(2, 32, 9, 13)).shape == (2, 16, 9, 13)


def test_a_batch_of_one_through_image_pooling_is_named():
    aspp = ASPP(8, (2,), 4)
    with pytest.raises(CourseError, match="batch of one image through image pooling in train mode"):
        aspp(torch.randn(1, 8, 5, 5))
    aspp.eval()(torch.randn(1, 8, 5, 5))
    aspp.train()
    for module in aspp.modules():  # the usual reason for a batch of one: frozen statistics
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    aspp(torch.randn(1, 8, 5, 5))


def test_decoder_is_its_definition():
    decoder = randomize_(DeepLabV3PlusDecoder(12, 5, in_channels=16)).eval()
    low_level, high_level = torch.randn(2, 12, 31, 45), torch.randn(2, 16, 8, 12)
    coarse = F.interpolate(high_level, size=(31, 45), mode="bilinear", align_corners=False)
    both = torch.cat([coarse, decoder.reduce(low_level)], dim=1)
    with torch.no_grad():
        expected = decoder.classifier(decoder.refine(both))
        assert both.shape[1] == 16 + 48
        assert torch.equal(decoder(low_level, high_level), expected)


class HalfPixelUpsample(nn.Module):
    """Takes the place of an oracle's nn.Upsample(align_corners=True)."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x):
        return half_pixel_resize(x, (x.shape[-2] * self.scale, x.shape[-1] * self.scale))


def test_deeplabv3plus_is_segmentation_models_pytorchs():
    """Their form of the network, made of our parts: one more separable convolution behind ASPP, one in the decoder."""
    theirs = smp.DeepLabV3Plus("resnet50", encoder_weights=None, classes=21, decoder_atrous_rates=(6, 12, 18))
    theirs.decoder.up, theirs.segmentation_head[1] = HalfPixelUpsample(4), HalfPixelUpsample(4)
    first = theirs.encoder.layer4[0].conv2  # they dilate the first block of the stage too, torchvision does not
    assert first.dilation == (2, 2)
    first.dilation = first.padding = (1, 1)
    randomize_(theirs).eval()

    aspp = nn.Sequential(ASPP(2048, (6, 12, 18), separable=True), conv3x3(256, 256, separable=True))
    decoder = DeepLabV3PlusDecoder(256, 21, num_refine=1, separable=True)
    ours = SegmentationModel(create_backbone("resnet50", output_stride=16), DeepLabV3PlusHead(aspp, decoder))
    ours.decode = lambda features: ours.classifier(features["low"], features["out"])
    port(theirs, ours).eval()
    theirs, ours, image = in_double(theirs, ours, torch.randn(1, 3, 64, 112))
    with torch.no_grad():
        expected = theirs(image)
        assert expected.std() > 1e-3
        assert (ours(image)["out"] - expected).abs().max() <= 1e-6


def test_deeplabv3plus_is_its_parts():
    model = randomize_(DeepLabV3Plus(4, backbone="tiny", atrous_rates=(2, 4), separable=True)).eval()
    image = torch.randn(2, 3, 75, 101)
    with torch.no_grad():
        features = model.backbone(image)
        head = model.classifier
        logits = head.decoder(features["low"], head.aspp(features["out"]))
        assert logits.shape[-2:] == features["low"].shape[-2:] == (19, 26)  # stride 4
        assert torch.equal(model(image)["out"], half_pixel_resize(logits, (75, 101)))


def test_deeplabv3plus_sizes():
    """The head by hand: ASPP with rates 6, 12 and 18, 48 reduced channels, two 3x3 convolutions of 256 (figure 2)."""
    model = DeepLabV3Plus(21)
    assert [conv[0].dilation[0] for conv in model.classifier.aspp.convs[1:]] == [6, 12, 18]
    decoder = (256 * 48 + 2 * 48) + (304 * 256 * 9 + 2 * 256) + (256 * 256 * 9 + 2 * 256) + (256 * 21 + 21)
    assert num_parameters(model.classifier.decoder) == decoder
    assert num_parameters(model.classifier) == 15_535_104 + decoder


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_output_stride_reaches_aspp(output_stride):
    model = DeepLabV3Plus(5, backbone="tiny", output_stride=output_stride).eval()
    sizes = []
    model.classifier.aspp.register_forward_hook(lambda module, inputs, output: sizes.append(output.shape[-2:]))
    model(torch.randn(1, 3, 64, 96))
    assert sizes == [(64 // output_stride, 96 // output_stride)]
