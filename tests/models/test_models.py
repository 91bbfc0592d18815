"""What every network of the course promises."""

import pytest
import torch
from torch import nn

from segutils import models
from segutils.errors import CourseError
from segutils.models.blocks import ConvBNReLU, SeparableConv2d, resize_like

TINY = [name for name in models.MODELS if name.endswith("_tiny")]
SIZES = [(32, 32), (33, 47), (64, 33), (75, 101)]


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("batch", [1, 2])
def test_logits_have_the_images_size_in_eval_mode(name, size, batch):
    logits = models.create(name, 7).eval()(torch.randn(batch, 3, *size))
    assert list(logits) == ["out"]
    assert logits["out"].shape == (batch, 7, *size)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("size", SIZES)
def test_every_parameter_learns_in_train_mode(name, size):
    options = {} if name == "unet_tiny" else {"aux": True}
    model = models.create(name, 7, **options)
    logits = model(torch.randn(2, 3, *size))
    assert list(logits) == (["out", "aux"] if options else ["out"])
    assert all(tensor.shape == (2, 7, *size) for tensor in logits.values())
    sum(tensor.square().sum() for tensor in logits.values()).backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("name", TINY)
def test_a_batch_of_one_trains_or_the_cause_is_named(name):
    model, image = models.create(name, 7), torch.randn(1, 3, 64, 64)
    if name.startswith(("deeplab", "pspnet")):
        with pytest.raises(CourseError, match="batch of one image through image pooling"):
            model(image)
    else:
        assert model(image)["out"].shape == (1, 7, 64, 64)


@pytest.mark.parametrize("name", ["fcn_tiny", "unet_tiny"])
def test_one_image_of_32_pixels_is_too_little_to_train_on(name):
    with pytest.raises(CourseError, match="one image of 32 x 32 in train mode: at stride 32"):
        models.create(name, 7)(torch.randn(1, 3, 32, 32))
    assert models.create(name, 7)(torch.randn(1, 3, 33, 32))["out"].shape == (1, 7, 33, 32)


@pytest.mark.parametrize("name", TINY)
def test_state_dict_is_in_the_fields_order(name):
    options = {} if name == "unet_tiny" else {"aux": True}
    parts = [key.split(".")[0] for key in models.create(name, 7, **options).state_dict()]
    assert list(dict.fromkeys(parts)) == ["backbone", "classifier", "aux_classifier"][: 3 if options else 2]


@pytest.mark.parametrize("name", TINY)
def test_eval_mode_is_deterministic_and_leaves_the_input_alone(name):
    model, image = models.create(name, 7).eval(), torch.randn(1, 3, 40, 50)
    before = image.clone()
    assert torch.equal(model(image)["out"], model(image)["out"])
    assert torch.equal(image, before)


@pytest.mark.parametrize("name", models.MODELS)
def test_every_name_can_be_built(name):
    with torch.device("meta"):  # shapes without memory
        model = models.create(name, 21).eval()
        assert model(torch.empty(1, 3, 65, 97))["out"].shape == (1, 21, 65, 97)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.zeros(1, 3, 31, 64), "height and width must be 32 or more, got 31 x 64"),
        (torch.zeros(3, 64, 64), r"images \(N, 3, H, W\), got \(3, 64, 64\)"),
        (torch.zeros(1, 4, 64, 64), r"images \(N, 3, H, W\), got \(1, 4, 64, 64\)"),
        (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), "floating-point images, got torch.uint8"),
    ],
)
@pytest.mark.parametrize("name", TINY)
def test_bad_images_are_named(name, image, message):
    with pytest.raises(CourseError, match=message):
        models.create(name, 7).eval()(image)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(CourseError, match=r"unknown model 'segnet'; known are .*fcn_tiny.*deeplabv3plus_resnet101"):
        models.create("segnet", 7)


@pytest.mark.parametrize(("kernel_size", "stride", "dilation"), [(1, 1, 1), (3, 1, 1), (3, 2, 1), (3, 1, 4), (5, 1, 2)])
@pytest.mark.parametrize("block", [ConvBNReLU, SeparableConv2d])
def test_padding_keeps_the_size(block, kernel_size, stride, dilation):
    x = torch.randn(2, 4, 13, 18)
    expected = (2, 6, -(-13 // stride), -(-18 // stride))
    assert block(4, 6, kernel_size, stride, dilation)(x).shape == expected


def test_separable_is_depthwise_then_pointwise():
    block = SeparableConv2d(4, 6, dilation=2)
    depthwise, pointwise = block
    full = nn.Conv2d(4, 6, 3, padding=2, dilation=2, bias=False)
    with torch.no_grad():  # the one full convolution that the pair factorises
        full.weight.copy_(pointwise.weight * depthwise.weight.transpose(0, 1))
        x = torch.randn(2, 4, 9, 11)
        torch.testing.assert_close(block(x), full(x))


def test_resize_like_takes_only_the_size():
    x, reference = torch.randn(2, 5, 4, 6), torch.randn(1, 9, 7, 13)
    resized = resize_like(x, reference)
    assert resized.shape == (2, 5, 7, 13)
    torch.testing.assert_close(resized[..., 0, 0], x[..., 0, 0])  # corners of half pixels: the border repeats
    row = resize_like(torch.tensor([0.0, 1.0]).view(1, 1, 1, 2), torch.zeros(1, 1, 1, 4))
    assert row.flatten().tolist() == [0, 0.25, 0.75, 1]  # align_corners=False
