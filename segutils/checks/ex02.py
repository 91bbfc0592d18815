"""Checks of ex02_fcn: the cases, and the probes that run a student's code on them."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from segutils.checks.base import Answers, Case, Check
from segutils.checks.modules import input_tensors, probe_function
from segutils.checks.probing import as_tensor, call, describe, one_thread, plain_array, same

READY_ANSWERS = ("segutils.models.fcn", "segutils.figures.upsampling")
ATTRIBUTES = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups")


def draw_layers(seed: int) -> list[Case]:
    """Fully connected layers with and without bias, and maps: as large as the layer's own, then larger ones."""
    rng = np.random.default_rng([2, 1, seed])
    # out_features, in_channels, kernel_size, bias, dtype, batch, height, width
    table = [
        (5, 3, 2, True, "float64", 2, 2, 2),
        (4, 2, 3, True, "float64", 2, 5, 7),
        (6, 4, 2, False, "float64", 1, 6, 3),
        (3, 5, 1, True, "float64", 3, 4, 2),
        (8, 3, 7, True, "float32", 1, 8, 11),
        (1, 1, 4, False, "float32", 2, 4, 9),
        (4, 6, 2, True, "bfloat16", 1, 3, 4),
        tuple(int(number) for number in rng.integers(2, 6, size=3)) + (True, "float64", 1, 9, 6),
    ]
    cases = []
    for out_features, in_channels, kernel_size, bias, dtype, batch, height, width in table:
        drawn = "float32" if dtype == "bfloat16" else dtype
        case = {
            "weight": rng.normal(size=(out_features, in_channels * kernel_size**2)).astype(drawn),
            "bias": rng.normal(size=out_features if bias else 0).astype(drawn),
            "map": rng.normal(size=(batch, in_channels, height, width)).astype(drawn),
        }
        cases.append({**case, "in_channels": in_channels, "kernel_size": kernel_size, "dtype": dtype})
    return cases


def linear_layer(case: Case) -> nn.Linear:
    """The case's fully connected layer."""
    out_features, in_features = case["weight"].shape
    options = {"bias": case["bias"].size > 0, "dtype": getattr(torch, str(case["dtype"]))}
    with torch.random.fork_rng(devices=[]):  # a new layer draws its weights
        fc = nn.Linear(in_features, out_features, **options)
    for name, parameter in fc.named_parameters():
        parameter.data.copy_(as_tensor(case[name]))
    return fc


@one_thread()
def probe_fc_to_conv(fc_to_conv: Callable, case: Case) -> Answers:
    """Call fc_to_conv, then use its layer: on a map, and for a step of training."""
    layers: list[nn.Linear] = []

    def convert(in_channels: int, kernel_size: int) -> object:
        layers.append(linear_layer(case))
        return fc_to_conv(layers[-1], in_channels, kernel_size)

    sizes = {name: int(case[name]) for name in ("in_channels", "kernel_size")}
    conv, answers = call(convert, sizes, READY_ANSWERS)
    answers |= {"converted": "error" not in answers, "class": type(conv).__name__}
    answers["is_conv"] = isinstance(conv, nn.Conv2d)
    answers["changed_fc"] = ", ".join(dict.fromkeys(name for fc in layers for name in _changes(fc, case)))
    if not answers["is_conv"] or answers["changed_fc"]:
        return answers
    x = as_tensor(case["map"]).to(getattr(torch, str(case["dtype"])))
    _, seen = call(conv, {"x": x}, READY_ANSWERS)
    seen["delegated_to"] = answers["delegated_to"] or seen["delegated_to"]
    seen["switches"] = answers["switches"] or seen.get("switches", "")
    answers |= {**seen, **_facts(conv)}
    if "error" not in answers:
        answers["untrainable"] = _what_hinders_training(conv, x)
    return answers


def _changes(fc: nn.Linear, case: Case) -> list[str]:
    """What is no longer as in the layer that was handed over."""
    fresh = linear_layer(case)
    changes = []
    for name in ("weight", "bias"):
        now, before = getattr(fc, name, None), getattr(fresh, name)
        kept = same(describe(now), describe(before)) and getattr(now, "grad", None) is None
        if not kept or getattr(now, "requires_grad", None) != getattr(before, "requires_grad", None):
            changes.append(f"fc.{name}")
    return changes if fc.training else [*changes, "fc's mode"]


def _facts(conv: nn.Conv2d) -> Answers:
    """The layer's weights, and the attributes that it was made with."""
    facts: Answers = {f"conv_{name}": str(getattr(conv, name, "")) for name in ATTRIBUTES}
    for name in ("weight", "bias"):
        tensor = getattr(conv, name, None)
        here = isinstance(tensor, Tensor)
        facts[f"conv_{name}"] = plain_array(tensor) if here else np.empty(0)
        facts[f"conv_{name}_dtype"] = str(tensor.dtype).removeprefix("torch.") if here else ""
    return facts


def _what_hinders_training(conv: nn.Conv2d, x: Tensor) -> str:
    """What an optimiser would miss, in words; empty where the layer can be trained."""
    known = dict(conv.named_parameters())
    parts = [name for name in ("weight", "bias") if getattr(conv, name, None) is not None]
    for name in parts:
        if name not in known:
            return f"conv.{name} is no nn.Parameter"
        if not known[name].requires_grad:
            return f"conv.{name} does not require a gradient"
        known[name].grad = None
    try:
        conv(x).sum().backward()
    except RuntimeError as error:
        return f"backward() through the convolution raises {type(error).__name__}"
    return "".join(f"no gradient reaches conv.{name}" for name in parts if known[name].grad is None)


def draw_kernels(seed: int) -> list[Case]:
    """Numbers of channels and strides, even and odd ones, 1 too, then random ones."""
    rng = np.random.default_rng([2, 2, seed])
    fixed = [(3, 2), (2, 3), (1, 1), (4, 4), (2, 5), (1, 2), (21, 8), (5, 1)]
    drawn = [(int(rng.integers(1, 7)), int(rng.integers(6, 20))) for _ in range(4)]
    return [{"channels": channels, "stride": stride} for channels, stride in fixed + drawn]


@one_thread()
def probe_bilinear_kernel(bilinear_kernel: Callable, case: Case) -> Answers:
    """Call bilinear_kernel with two Python ints."""
    return call(bilinear_kernel, {name: int(case[name]) for name in ("channels", "stride")}, READY_ANSWERS)[1]


def draw_scores(seed: int) -> list[Case]:
    """Score maps of images of any size: strided layers round sizes up, VGG's poolings (as from 75 to 9) down."""
    rng = np.random.default_rng([2, 3, seed])
    # batch, num_classes, height and width of the image, dtype, largest scores, contiguous, sizes rounded up
    table = [
        (2, 3, 75, 99, "float64", 1, True, True),
        (2, 4, 64, 96, "float64", 1, True, True),
        (1, 1, 33, 47, "float64", 1, False, True),
        (1, 2, 16, 12, "float64", 1, True, True),
        (2, 5, 50, 40, "float32", 1e4, False, True),
        (1, 3, 45, 64, "bfloat16", 1, True, True),
        (3, 2, int(rng.integers(33, 96)), int(rng.integers(33, 96)), "float64", 1, True, True),
        (2, 2, 75, 99, "float64", 1, False, False),
    ]
    cases = []
    for batch, num_classes, height, width, dtype, scale, contiguous, up in table:
        case = {"size": np.array([height, width]), "dtype": dtype, "contiguous": contiguous, "weights_seed": seed}
        for stride in (32, 16, 8):
            shape = (batch, num_classes, *((length + (stride - 1) * up) // stride for length in (height, width)))
            scores = scale * rng.normal(size=shape)
            case[f"score{stride}"] = scores.astype("float32" if dtype == "bfloat16" else dtype)
        cases.append(case)
    return cases


@one_thread()
def probe_fuse_skips(fuse_skips: Callable, case: Case) -> Answers:
    """Call fuse_skips, once plainly and once to run backward() from its result."""
    size = tuple(int(length) for length in case["size"])
    return probe_function(fuse_skips, score_tensors(case), {"size": size}, int(case["weights_seed"]), READY_ANSWERS)


def score_tensors(case: Case) -> dict[str, Tensor]:
    """The three score maps, the coarsest first."""
    return input_tensors(case, ("score32", "score16", "score8"))


def draw_maps(seed: int) -> list[Case]:
    """Maps to be enlarged, strides even and odd."""
    rng = np.random.default_rng([2, 4, seed])
    # batch, channels, height, width, stride, dtype, contiguous
    table = [
        (2, 3, 4, 5, 2, "float64", True),
        (1, 2, 5, 3, 3, "float32", True),
        (2, 4, 3, 6, 4, "float64", False),
        (1, 1, 1, 1, 5, "float32", True),
        (1, 3, 4, 2, 1, "float64", True),
        (2, 2, 3, 4, 3, "float64", True),
        (1, 2, 6, 7, 2, "bfloat16", True),
        (1, int(rng.integers(1, 6)), 2, int(rng.integers(2, 6)), int(rng.integers(6, 12)), "float32", True),
    ]
    return [
        {
            "x": rng.normal(size=shape).astype("float32" if dtype == "bfloat16" else dtype),
            "stride": stride,
            "dtype": dtype,
            "contiguous": contiguous,
            "weights_seed": seed,
        }
        for *shape, stride, dtype, contiguous in table
    ]


@one_thread()
def probe_upsample(upsample: Callable, case: Case) -> Answers:
    """Call upsample, once plainly and once to run backward() from its result."""
    stride = {"stride": int(case["stride"])}
    return probe_function(upsample, input_tensors(case, ["x"]), stride, int(case["weights_seed"]), READY_ANSWERS)


fc_to_conv = Check(
    name="ex02.fc_to_conv",
    subject="fc_to_conv",
    draw=draw_layers,
    probe=probe_fc_to_conv,
    ready_answers=READY_ANSWERS,
    verified="kernel sizes 1 to 7, maps as large as the kernel and larger, with and without bias, 16 to 64 bits",
)
bilinear_kernel = Check(
    name="ex02.bilinear_kernel",
    subject="bilinear_kernel",
    draw=draw_kernels,
    probe=probe_bilinear_kernel,
    ready_answers=READY_ANSWERS,
    verified="even and odd strides from 1 on, 1 to 21 channels",
)
fuse_skips = Check(
    name="ex02.fuse_skips",
    subject="fuse_skips",
    draw=draw_scores,
    probe=probe_fuse_skips,
    ready_answers=READY_ANSWERS,
    verified="images of odd sizes, scores of 1x1, 16 to 64 bits, gradients to all three scores",
)
upsample = Check(
    name="ex02.upsample",
    subject="upsample",
    draw=draw_maps,
    probe=probe_upsample,
    ready_answers=READY_ANSWERS,
    verified="even and odd strides from 1 on, maps of any size, 16 to 64 bits, gradients",
)
