"""The references of ex05 are the course's and segmentation-models-pytorch's modules, and those of the exercise."""

import pytest
import torch
from models.oracles import half_pixel_resize, port, randomize_
from segmentation_models_pytorch.decoders.deeplabv3 import decoder as smp
from torch import nn
from torch.nn import functional as F

from checks.trying import given_definitions, message_of
from segutils.checks import ex05
from segutils.checks.judges.ex05.decoder import ReferenceDecoder
from segutils.checks.judges.ex05.separable import separable
from segutils.checks.modules import load_drawn_weights
from segutils.models import blocks, deeplab

SIZES = [((9, 13), (3, 4)), ((8, 8), (2, 2)), ((7, 5), (7, 5)), ((6, 9), (1, 1))]


@pytest.mark.parametrize(("low_size", "high_size"), SIZES)
def test_the_reference_is_the_courses_decoder(low_size, high_size):
    reference, course = ReferenceDecoder(5, 4, 6).eval(), deeplab.DeepLabV3PlusDecoder(5, 4, 6).eval()
    load_drawn_weights(ex05.DECODER_TASK.ordered_state(reference), seed=3)
    port(reference, course)
    maps = torch.randn(2, 5, *low_size), torch.randn(2, 6, *high_size)
    torch.testing.assert_close(reference(*maps), course(*maps), rtol=0, atol=1e-6)


def test_the_reference_is_segmentation_models_pytorchs():
    """Their decoder refines once, by a separable convolution: ours with that in the place of its two full ones."""
    theirs = smp.DeepLabV3PlusDecoder((3, 4, 8, 16, 24, 24), 5, 12, (1, 2, 3), 16, False, 0.0)
    reduce, refine = randomize_(theirs).eval().block1, theirs.block2
    theirs.aspp = theirs.up = nn.Identity()
    low, high = torch.randn(2, 8, 9, 13), torch.randn(2, 12, 3, 4)
    ours = ReferenceDecoder(8, 5, 12).eval()
    ours.reduce, ours.refine, ours.classifier = reduce, refine, nn.Identity()
    expected = theirs([low, low, low, low, low, half_pixel_resize(high, (9, 13))])
    torch.testing.assert_close(ours(low, high), expected, rtol=0, atol=1e-6)


def test_the_given_class_makes_the_parts_of_the_course():
    given = given_definitions("ex05_deeplab")["DeepLabV3PlusDecoder"](7, 3, 8)
    course = deeplab.DeepLabV3PlusDecoder(7, 3, 8)
    shapes = [[value.shape for value in module.state_dict().values()] for module in (given, course)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("dilation", [1, 2, 12])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_the_separable_reference_is_the_courses_module(kernel_size, dilation):
    module = blocks.SeparableConv2d(4, 6, kernel_size, dilation=dilation)
    x = torch.randn(2, 4, 9, 7)
    torch.testing.assert_close(separable(x, module[0].weight, module[1].weight, dilation), module(x))


@pytest.mark.parametrize("seed", range(20))
def test_right_solutions_pass_with_every_seed(seed):
    class DeepLabV3PlusDecoder(given_definitions("ex05_deeplab")["DeepLabV3PlusDecoder"]):
        def forward(self, low_level, high_level):
            rich = nn.Upsample(size=low_level.shape[-2:], mode="bilinear")(high_level)
            return self.classifier(self.refine(torch.cat([rich, self.reduce(low_level)], dim=1)))

    def separable_atrous_conv(x, depthwise_weight, pointwise_weight, dilation):
        kernel = pointwise_weight * depthwise_weight.transpose(0, 1)
        return F.conv2d(x, kernel, padding="same", dilation=dilation)

    assert message_of(ex05.decoder_forward, DeepLabV3PlusDecoder, seeds=[seed]) == ""
    assert message_of(ex05.separable_atrous_conv, separable_atrous_conv, seeds=[seed]) == ""


def test_the_course_class_is_a_ready_answer():
    message = message_of(ex05.decoder_forward, deeplab.DeepLabV3PlusDecoder)
    assert "hands the task over to segutils.models.deeplab" in message
