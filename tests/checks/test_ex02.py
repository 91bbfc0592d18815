"""Checks of ex02: the references are those of the course and of torch, and no named error is the right answer."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from checks.trying import message_of
from segutils.checks import ex02
from segutils.checks.judges import ex02 as judges
from segutils.checks.judges.base import reproduces
from segutils.checks.judges.ex02.kernels import kernel
from segutils.checks.judges.ex02.layers import expected_output, expected_weight, usual_kernels
from segutils.checks.judges.ex02.skips import fused
from segutils.checks.judges.ex02.upsampling import enlarged
from segutils.checks.probing import describe, tensor_of
from segutils.figures.upsampling import upsampler
from segutils.models.fcn import SkipClassifier

STRIDES = range(1, 9)


@pytest.mark.parametrize("index", range(8))
def test_expected_outputs_are_those_of_the_fully_connected_layer(index):
    case = ex02.draw_layers(0)[index]
    fc, k = ex02.linear_layer(case), int(case["kernel_size"])
    dtype = fc.weight.dtype
    window = torch.from_numpy(case["map"])[:, :, :k, :k].to(dtype)
    tolerance = 0.1 if dtype == torch.bfloat16 else 1e-5
    expected = expected_output(case)
    torch.testing.assert_close(
        expected[:, :, 0, 0], fc(window.flatten(1)).double(), rtol=tolerance, atol=tolerance, check_dtype=False
    )
    whole = F.conv2d(*(torch.from_numpy(array).double() for array in (case["map"], expected_weight(case))))
    bias = torch.from_numpy(case["bias"]).double()[:, None, None] if case["bias"].size else 0
    torch.testing.assert_close(expected, whole + bias, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("stride", STRIDES)
def test_the_kernel_is_that_of_lecture_02(stride):
    dot = torch.ones(1, 1, 1, 1)
    stamp = upsampler("transposed convolution, bilinear weights", kernel_size=0, stride=stride)(dot)
    torch.testing.assert_close(kernel(3, stride), stamp.double().repeat(3, 1, 1, 1), rtol=0, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_fused_scores_are_those_of_the_course_network(seed):
    for case in ex02.draw_scores(seed):
        scores = {name: value.double() for name, value in ex02.score_tensors(case).items()}
        names = dict(zip(("out", "high", "mid"), scores, strict=True))
        skips = SkipClassifier(dict.fromkeys(names, 4), 2, ("high", "mid"))
        skips.head = nn.Identity()
        skips.skips = nn.ModuleDict({"high": nn.Identity(), "mid": nn.Identity()})
        at8 = skips({name: scores[score] for name, score in names.items()})
        size = tuple(int(length) for length in case["size"])
        expected = F.interpolate(at8, size=size, mode="bilinear", align_corners=False)
        torch.testing.assert_close(fused(scores, size), expected)


@pytest.mark.parametrize("stride", STRIDES)
def test_stamps_enlarge_bilinearly_inside_and_fade_at_the_border(stride):
    x = torch.rand(2, 3, 4, 5, dtype=torch.float64) + 1
    stamped, by_rule = enlarged(x, stride), F.interpolate(x, scale_factor=stride, mode="bilinear")
    assert stamped.shape == by_rule.shape
    inside = (..., slice(stride, -stride), slice(stride, -stride))
    torch.testing.assert_close(stamped[inside], by_rule[inside])
    faded = (stamped < by_rule - 1e-6).any(dim=0).any(dim=0)
    rim = stride // 2
    expected = torch.ones_like(faded)
    expected[rim : len(faded) - rim, rim : faded.shape[1] - rim] = False
    assert torch.equal(faded, expected)
    share = enlarged(torch.ones_like(x), stride)
    torch.testing.assert_close(stamped / share, by_rule)  # what the notebook's last answer says


def right_answer(name, case):
    """The reference's own answer as a probe would record it."""
    if name == "bilinear_kernel":
        return describe(kernel(int(case["channels"]), int(case["stride"])).float())
    if name == "fuse_skips":
        return describe(fused(ex02.score_tensors(case), tuple(int(length) for length in case["size"])))
    return describe(enlarged(tensor_of(case, "x"), int(case["stride"])))


@pytest.mark.parametrize("name", ["bilinear_kernel", "fuse_skips"])
def test_no_usual_error_is_the_right_answer(name):
    cases = getattr(ex02, name).draw(0)
    answers = [right_answer(name, case) for case in cases]
    lists = [getattr(judges, name).usual_errors(case) for case in cases]
    for errors in zip(*lists, strict=True):
        same = [reproduces(attempt, answer) for (_, attempt), answer in zip(errors, answers, strict=True)]
        assert not all(same), errors[0][0]


def test_no_usual_error_of_the_challenge_is_the_right_answer():
    matching = [set(judges.upsample.matching(case, right_answer("upsample", case))) for case in ex02.upsample.draw(0)]
    assert set.intersection(*matching) == set()


def test_no_usual_kernel_is_the_right_one():
    case = ex02.draw_layers(0)[0]
    for text, make in usual_kernels(case):
        assert not np.allclose(make(), expected_weight(case)), text


def test_a_layer_may_share_its_weights_but_not_lose_its_bias_to_the_other_one():
    def shares(fc, in_channels, kernel_size):
        conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, bias=fc.bias is not None)
        conv.weight = nn.Parameter(fc.weight.view(-1, in_channels, kernel_size, kernel_size))
        conv.bias = fc.bias
        return conv

    def takes(fc, in_channels, kernel_size):
        conv = shares(fc, in_channels, kernel_size)
        fc.bias = None
        return conv

    assert message_of(ex02.fc_to_conv, shares) == ""
    assert "changed the layer it was given: fc.bias" in message_of(ex02.fc_to_conv, takes)


def test_a_challenge_that_calls_an_unwritten_kernel_is_not_written_yet():
    def upsample(x, stride):
        raise NotImplementedError("bilinear_kernel")

    assert message_of(ex02.upsample, upsample).startswith("upsample: not written yet.")
