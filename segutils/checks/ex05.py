"""Checks of ex05_deeplab: the cases, and the probes that run a student's code on them."""

import numpy as np
from torch import Tensor

from segutils.checks.base import Answers, Case, Check
from segutils.checks.modules import ModuleTask, input_tensors, probe_function
from segutils.checks.probing import one_thread

READY_ANSWERS = (
    "segutils.models.deeplab",
    "torchvision.models.segmentation.deeplabv3",
    "segmentation_models_pytorch",
)
DECODER_TASK = ModuleTask("DeepLabV3PlusDecoder", ("reduce", "refine", "classifier"), READY_ANSWERS)


def draw_decoders(seed: int) -> list[Case]:
    """Maps of odd sizes whose ratio is 4, near 4, different along both axes, 1, or below; equal numbers of channels."""
    rng = np.random.default_rng([5, 1, seed])
    # batch, low_level_channels, num_classes, in_channels, low-level size, high-level size, dtype, contiguous
    table = [
        (2, 5, 4, 6, (9, 13), (3, 4), "float64", True),
        (1, 3, 2, 4, (8, 8), (2, 2), "float64", True),
        (3, 6, 5, 6, (5 + int(rng.integers(0, 9)), 11), (3, 5), "float64", True),
        (2, 48, 3, 48, (7, 10), (2, 3), "float64", False),
        (1, 4, 7, 8, (6, 5), (6, 5), "float64", True),
        (2, 4, 1, 3, (10, 7), (1, 1), "float64", True),
        (1, 4, 2, 3, (15, 9), (11, 1), "float64", True),  # 11 * (15 / 11) is a little less than 15
        (2, 3, 4, 5, (6, 9), (9, 4), "float64", True),
        (2, 8, 6, 7, (23, 30), (6, 8), "float32", True),
    ]
    cases = []
    for index, (batch, low, num_classes, high, low_size, high_size, dtype, contiguous) in enumerate(table):
        low_level = rng.normal(size=(batch, low, *low_size)).astype(dtype)
        high_level = rng.normal(size=(batch, high, *high_size)).astype(dtype)
        case = {"low_level": low_level, "high_level": high_level, "num_classes": num_classes}
        cases.append({**case, "contiguous": contiguous, "weights_seed": seed * 100 + index})
    return cases


@one_thread()
def probe_decoder(decoder_class: object, case: Case) -> Answers:
    """Build the student's decoder and run it with drawn weights."""
    sizes = {
        "low_level_channels": case["low_level"].shape[1],
        "num_classes": int(case["num_classes"]),
        "in_channels": case["high_level"].shape[1],
    }
    inputs = input_tensors(case, ["low_level", "high_level"])
    return DECODER_TASK.probe(decoder_class, sizes, inputs, int(case["weights_seed"]))


def draw_separable(seed: int) -> list[Case]:
    """Kernels of 1 to 7 taps, rates within and beyond the map, as many channels out as in or not, 16 to 64 bits."""
    rng = np.random.default_rng([5, 2, seed])
    # batch, in_channels, out_channels, height, width, kernel_size, dilation, dtype, contiguous
    table = [
        (2, 3, 5, 9, 13, 3, 2, "float64", True),
        (1, 4, 4, 7, 8, 5, 1, "float64", True),
        (2, 4, 4, 8, 6, 3, 1 + int(rng.integers(1, 4)), "float64", True),
        (3, 2, 1, 6, 11, 5, 3, "float64", True),
        (1, 1, 3, 5, 9, 7, 2, "float64", True),
        (2, 5, 2, 4, 7, 1, 3, "float64", True),
        (1, 3, 3, 5, 4, 3, 12, "float64", True),
        (2, 4, 6, 11, 10, 3, 4, "float32", False),
        (1, 2, 3, 5, 6, 3, 2, "float16", True),
        (1, 3, 2, 6, 5, 3, 1, "bfloat16", True),
    ]
    cases = []
    for index, (batch, channels, outputs, height, width, k, dilation, dtype, contiguous) in enumerate(table):
        case = {
            "x": rng.normal(size=(batch, channels, height, width)),
            "depthwise_weight": rng.normal(size=(channels, 1, k, k)) / k,
            "pointwise_weight": rng.normal(size=(outputs, channels, 1, 1)),
        }
        case |= {"dilation": dilation, "dtype": dtype, "contiguous": contiguous}
        cases.append({**case, "weighting_seed": seed * 100 + index})
    return cases


def separable_inputs(case: Case) -> dict[str, Tensor]:
    """The case's map and its two weights."""
    return input_tensors(case, ("x", "depthwise_weight", "pointwise_weight"))


@one_thread()
def probe_separable(separable_atrous_conv: object, case: Case) -> Answers:
    """Call separable_atrous_conv, once plainly and once to run backward() from its result."""
    inputs, others = separable_inputs(case), {"dilation": int(case["dilation"])}
    return probe_function(separable_atrous_conv, inputs, others, int(case["weighting_seed"]), READY_ANSWERS)


decoder_forward = Check(
    name="ex05.decoder_forward",
    subject="DeepLabV3PlusDecoder.forward",
    draw=draw_decoders,
    probe=probe_decoder,
    ready_answers=READY_ANSWERS,
    verified="odd sizes, ratios other than 4, batch 1 and more, 1 to 7 classes, float32 and float64, gradients",
)
separable_atrous_conv = Check(
    name="ex05.separable_atrous_conv",
    subject="separable_atrous_conv",
    draw=draw_separable,
    probe=probe_separable,
    ready_answers=READY_ANSWERS,
    verified="kernels of 1 to 7 taps, rates 1 to 12, any number of channels, 16 to 64 bits, gradients",
)
