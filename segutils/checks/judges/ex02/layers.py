"""Judge of fc_to_conv: what the convolution must answer, and where the weights went if it answers something else."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segutils.checks.base import Answers, Case
from segutils.checks.ex02 import linear_layer
from segutils.checks.judges.base import (
    Fault,
    Judge,
    UsualErrors,
    a_kind,
    close,
    find_side_effect,
    find_wrong_result,
    shape_of,
    shorten,
)
from segutils.checks.probing import as_tensor

CLASSES = {  # what else is returned, and why it is not what was asked
    "NoneType": "the function ends without `return`.",
    "Linear": "a fully connected layer takes maps of one size only; nn.Conv2d takes all.",
    "Sequential": "one nn.Conv2d is enough: without nn.Flatten, for the kernel covers the map as it is.",
    "Parameter": "the weights alone were returned; asked is the layer that holds them.",
    "Tensor": "the weights alone were returned; asked is the layer that holds them.",
    "Conv1d": "maps have rows and columns: nn.Conv2d.",
    "function": "a function has no weights that could be trained; asked is a layer, nn.Conv2d.",
    "type": "the class itself was returned, not a layer made from it.",
    "tuple": "more than one value after `return`, or a comma at its end.",
}

PLAIN = {  # attributes of the convolution that was asked for, and what they stand for
    "stride": (1, "the window moves by one pixel at a time"),
    "padding": (0, "fc never saw zeros around its map"),
    "dilation": (1, "the window has no gaps"),
    "groups": (1, "every output reads all channels"),
}

SPARE_BIAS = "nn.Conv2d makes one unless told not to."


def expected_output(case: Case) -> Tensor:
    """What the fully connected layer says of every window of the map: (N, C, H, W) -> (N, out_features, h, w)."""
    k = int(case["kernel_size"])
    weight, bias, x = (as_tensor(case[name]).to(torch.float64) for name in ("weight", "bias", "map"))
    windows = x.unfold(2, k, 1).unfold(3, k, 1).permute(0, 2, 3, 1, 4, 5)  # (N, h, w, C, k, k)
    answers = F.linear(windows.flatten(start_dim=3), weight, bias if bias.numel() else None)
    return answers.permute(0, 3, 1, 2)


def expected_weight(case: Case) -> np.ndarray:
    """The kernel: (out_features, C, k, k)."""
    k = int(case["kernel_size"])
    return case["weight"].reshape(len(case["weight"]), int(case["in_channels"]), k, k)


def find_layer_fault(case: Case, answers: Answers) -> Fault | None:
    if answers["changed_fc"]:
        cause = "the new layer is made beside the old one, which stays as it is: its shapes, values and flags."
        return Fault(f"changed the layer it was given: {answers['changed_fc']}", cause=cause)
    if not answers["converted"]:
        return find_side_effect(answers)
    if not answers["is_conv"]:
        return find_side_effect(answers) or find_wrong_kind(answers)
    dtype = str(case["dtype"])
    for name in ("weight", "bias"):
        got = str(answers[f"conv_{name}_dtype"])
        if got and got != dtype:
            cause = "nn.Conv2d makes float32 where its argument `dtype` does not say otherwise; it follows fc's."
            return Fault(f"conv.{name} has another dtype than fc", f"expected {dtype}, got {got}", cause)
    if answers.get("error"):
        text = f"expected an output of shape {tuple(expected_output(case).shape)}, got {answers['error_text']}"
        return Fault("its convolution fails on a map", shorten(text, 230), misfit(case, answers))
    expected = expected_output(case)
    if fault := find_wrong_result(expected, answers, (dtype,), "the convolution's output"):
        return replace(fault, cause=fault.cause or misfit(case, answers))
    if answers["untrainable"]:
        cause = "weight and bias must be nn.Parameter that require gradients, or no optimiser can train the layer."
        return Fault(f"the new layer cannot be trained: {answers['untrainable']}", cause=cause)
    if answers["conv_bias"].size and not case["bias"].size:  # zeros would go unnoticed until training moves them
        return Fault("the convolution has a bias, fc has none", "expected conv.bias None, got zeros", SPARE_BIAS)
    return None


def find_wrong_kind(answers: Answers) -> Fault:
    name = str(answers["class"])
    kind = a_kind(name)
    return Fault(f"returned {kind}", f"expected an nn.Conv2d, got {kind}", CLASSES.get(name, ""))


def misfit(case: Case, answers: Answers) -> str:
    """The first thing in which the student's layer is not the one that was asked for, in words."""
    return next(misfits(case, answers), "")


def misfits(case: Case, answers: Answers) -> Iterator[str]:
    wanted, weight, bias = expected_weight(case), answers["conv_weight"], answers["conv_bias"]
    if weight.shape != wanted.shape:
        yield f"conv.weight has shape {weight.shape}; asked is (out, in, rows, columns) = {wanted.shape}."
    for name, (value, wish) in PLAIN.items():
        got = str(answers[f"conv_{name}"])
        if got not in (str(value), str((value, value)), "valid"):
            yield f"the convolution has {name} {got}; {wish}."
    if bias.size and not case["bias"].size:
        yield f"the convolution has a bias, fc has none (fc.bias is None): {SPARE_BIAS}"
    if case["bias"].size and not bias.size:
        yield "the convolution has no bias, fc has one."
    if weight.shape == wanted.shape and not close(wanted, weight, str(case["dtype"])).all():
        yield name_weight(case, weight)
    if case["bias"].size:
        yield name_bias(case, bias)


def name_weight(case: Case, weight: np.ndarray) -> str:
    """Which kernel of fc's weights, put together wrongly, is this one?"""
    for text, make in usual_kernels(case):
        if close(make(), weight, str(case["dtype"])).all():
            return text
    if np.allclose(weight, expected_weight(case), atol=0.05):
        return "fc's weights were rounded on their way, in a dtype of fewer digits."
    if np.allclose(np.sort(weight, axis=None), np.sort(case["weight"], axis=None), atol=0.01):
        return "all of fc's weights are in the kernel, but in another order than nn.Flatten's."
    if np.abs(weight).max() <= case["weight"].shape[1] ** -0.5:
        return "fc.weight did not arrive: the kernel still holds the random numbers that nn.Conv2d starts with."
    return "the kernel does not hold fc's weights."


def usual_kernels(case: Case) -> list[tuple[str, Callable[[], np.ndarray]]]:
    flat, right = case["weight"], expected_weight(case)
    o, c, k, _ = right.shape
    columns = "the columns of fc.weight were read"
    flatten = "nn.Flatten writes channel by channel, and each channel row by row."
    scrambled = "fc.weight was transposed; its rows belong to the outputs already, as conv.weight's first axis does."
    return [
        (
            f"{columns} with the channels last; {flatten}",
            lambda: flat.reshape(o, k, k, c).transpose(0, 3, 1, 2),
        ),
        (f"{columns} as (columns, rows, channels); {flatten}", lambda: flat.reshape(o, k, k, c).transpose(0, 3, 2, 1)),
        (f"{columns} as (rows, channels, columns); {flatten}", lambda: flat.reshape(o, k, c, k).transpose(0, 2, 1, 3)),
        (f"{columns} as (columns, channels, rows); {flatten}", lambda: flat.reshape(o, k, c, k).transpose(0, 2, 3, 1)),
        ("rows and columns of the kernel are exchanged.", lambda: right.transpose(0, 1, 3, 2)),
        ("the kernel was mirrored; torch's convolution reads it as it stands.", lambda: right[:, :, ::-1, ::-1]),
        ("the kernel's rows are upside down.", lambda: right[:, :, ::-1]),
        ("the kernel's columns are mirrored.", lambda: right[:, :, :, ::-1]),
        ("the channels are in reverse order.", lambda: right[:, ::-1]),
        (scrambled, lambda: flat.T.reshape(o, c, k, k)),
        (scrambled, lambda: flat.reshape(c, o, k, k).transpose(1, 0, 2, 3)),
        (scrambled, lambda: flat.reshape(k, k, c, o).transpose(3, 2, 0, 1)),
        (scrambled, lambda: flat.reshape(c, k, k, o).transpose(3, 0, 1, 2)),
        ("the weights were divided by the size of the window; a convolution adds up, too.", lambda: right / k**2),
        ("the weights have the wrong sign.", lambda: -right),
        ("the kernel is zero.", lambda: np.zeros_like(right)),
        ("every place of the kernel holds the same weights.", lambda: np.broadcast_to(right[..., :1, :1], right.shape)),
        (
            "every place of the kernel holds the same weights.",
            lambda: np.broadcast_to(right.mean((2, 3), keepdims=True), right.shape),
        ),
    ]


def name_bias(case: Case, bias: np.ndarray) -> str:
    if not bias.any():
        return "the convolution's bias is zero; fc's was forgotten."
    if np.abs(bias).max() <= case["weight"].shape[1] ** -0.5:
        return "fc.bias was forgotten: the convolution's still holds the random numbers that it was made with."
    return "the convolution's bias is not fc's." if not np.allclose(bias, case["bias"], atol=0.05) else ""


def usual_layer_errors(case: Case) -> UsualErrors:
    """What raises: each is done once more with the same layer, and known by its exception."""
    fc = linear_layer(case)
    (o, _), c, k = case["weight"].shape, int(case["in_channels"]), int(case["kernel_size"])
    dtype = getattr(torch, str(case["dtype"]))

    def conv(**options: object) -> nn.Conv2d:
        with torch.random.fork_rng(devices=[]):  # a new layer draws its weights
            return nn.Conv2d(c, o, k, **{"dtype": dtype, **options})

    def assign(weight: Tensor, part: str = "weight", target: nn.Conv2d | None = None) -> None:
        setattr(target or conv(), part, weight)

    @torch.enable_grad()
    def copy_with_gradients() -> None:
        conv().weight.copy_(fc.weight.reshape(o, c, k, k))

    plain = "a plain tensor was assigned where the layer holds an nn.Parameter."
    leaf = "a weight is changed while gradients are recorded; torch.no_grad() or `.data` lets it be copied into."
    reshape = "fc.weight, of shape (out_features, in_features), was not brought into the kernel's shape."
    no_bias = "fc.bias is None in a layer without bias."
    channels = "in_channels is missing where fc.weight is brought into the kernel's shape."
    return [
        (plain, lambda: assign(fc.weight.reshape(o, c, k, k).detach())),
        (plain, lambda: assign(fc.weight.reshape(o, c, k, k).detach(), target=conv(dtype=torch.float32))),
        (plain, lambda: assign(fc.bias.detach().clone(), "bias")),
        (leaf, copy_with_gradients),
        (reshape, lambda: conv().weight.data.copy_(fc.weight)),
        (reshape, lambda: conv(dtype=torch.float32).load_state_dict(fc.state_dict())),
        (channels, lambda: fc.weight.view(o, k, k)),
        (channels, lambda: fc.weight.reshape(o, k, k)),
        (channels, lambda: fc.weight.view(o, 1, k, k)),
        (channels, lambda: fc.weight.reshape(o, 1, k, k)),
        ("the kernel was cut to in_channels x in_channels places.", lambda: fc.weight.view(o, k, c, c)),
        ("fc.bias was passed as nn.Conv2d's `bias`, which is True or False.", lambda: conv(bias=fc.bias)),
        *((no_bias, lambda name=name: getattr(fc.bias, name)) for name in ("data", "clone", "detach", "view", "copy_")),
        (no_bias, lambda: conv().bias.data.copy_(fc.bias)),
        (no_bias, lambda: conv(bias=False).bias.copy_(fc.weight[:, 0])),
        (no_bias, lambda: conv(bias=False).bias.data.copy_(fc.weight[:, 0])),
    ]


fc_to_conv = Judge(
    called=lambda case: (
        f"fc_to_conv(nn.Linear({case['weight'].shape[1]}, {len(case['weight'])}, bias={case['bias'].size > 0}), "
        f"{case['in_channels']}, {case['kernel_size']}), {case['dtype']}; its convolution on {shape_of(case['map'])}"
    ),
    find_fault=find_layer_fault,
    usual_errors=usual_layer_errors,
)
