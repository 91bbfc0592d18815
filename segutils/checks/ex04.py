"""Checks of ex04_aspp: the cases, and the probes that run a student's code on them."""

import numpy as np
import torch

from segutils.checks.base import Answers, Case, Check
from segutils.checks.modules import ModuleTask, input_tensors
from segutils.checks.probing import call, one_thread, tensor_of

READY_ANSWERS = ("segutils.models.deeplab", "torchvision.models.segmentation.deeplabv3")
ASPP_TASK = ModuleTask("ASPP", ("convs", "image_pool", "project"), READY_ANSWERS)


def draw_kernel_sizes(seed: int) -> list[Case]:
    """Pairs of kernel size and dilation: the worked examples, the borders, then random ones."""
    rng = np.random.default_rng([4, 1, seed])
    fixed = [(3, 2), (3, 1), (1, 6), (5, 3), (2, 4), (3, 36)]
    drawn = [(int(rng.integers(1, 12)), int(rng.integers(1, 40))) for _ in range(6)]
    return [{"kernel_size": kernel_size, "dilation": dilation} for kernel_size, dilation in fixed + drawn]


@one_thread()
def probe_kernel_size(effective_kernel_size: object, case: Case) -> Answers:
    """Call effective_kernel_size with two Python ints."""
    arguments = {"kernel_size": int(case["kernel_size"]), "dilation": int(case["dilation"])}
    return call(effective_kernel_size, arguments, ready_answers=())[1]


def draw_aspp(seed: int) -> list[Case]:
    """Feature maps of odd sizes and several widths; the first case has as many channels in as out."""
    rng = np.random.default_rng([4, 2, seed])
    rates = sorted(int(rate) for rate in rng.choice(np.arange(2, 7), size=4, replace=False))
    # batch, in_channels, height, width, rates, out_channels, dtype, contiguous
    table = [
        (2, 6, 9, 13, rates[:3], 6, "float64", True),
        (1, 5, 7, 7, rates[:1], 4, "float64", True),
        (3, 4, 1 + int(rng.integers(1, 9)), 11, rates[:2], 7, "float64", True),
        (2, 3, 8, 5, rates, 5, "float64", False),
        (1, 8, 1, 1, (1, 2, 3), 3, "float64", True),
        (2, 7, 6, 10, (12, 24, 36), 8, "float32", True),
    ]
    cases = []
    for index, (batch, in_channels, height, width, atrous_rates, out_channels, dtype, contiguous) in enumerate(table):
        x = rng.normal(size=(batch, in_channels, height, width)).astype(dtype)
        cases.append(
            {
                "x": x,
                "contiguous": contiguous,
                "atrous_rates": np.array(atrous_rates),
                "out_channels": out_channels,
                "weights_seed": seed * 100 + index,
            }
        )
    return cases


@one_thread()
def probe_aspp(aspp_class: object, case: Case) -> Answers:
    """Build the student's ASPP and run it with drawn weights."""
    rates = [int(rate) for rate in case["atrous_rates"]]
    sizes = {"in_channels": case["x"].shape[1], "atrous_rates": rates, "out_channels": int(case["out_channels"])}
    return ASPP_TASK.probe(aspp_class, sizes, input_tensors(case, ["x"]), int(case["weights_seed"]))


def draw_project_weights(seed: int) -> list[Case]:
    """Weights of `project`: 2 to 6 convs, 1 to 8 channels, kernels of 1x1 and 3x3, every floating dtype."""
    rng = np.random.default_rng([4, 5, seed])
    # num_convs, out_channels, kernel_size, dtype, contiguous
    table = [
        (4, 3, 1, "float32", True),
        (2, 1, 1, "float64", True),
        (3, 5, 3, "float32", True),
        (int(rng.integers(3, 7)), 8, 1, "float64", False),
        (1, 4, 1, "float32", True),
        (5, 2, 3, "float16", True),
        (3, 4, 1, "bfloat16", True),
    ]
    cases = []
    for num_convs, channels, kernel_size, dtype, contiguous in table:
        shape = (channels, (num_convs + 1) * channels, kernel_size, kernel_size)
        weight = rng.integers(-999, 999, size=shape) / 64  # float16 holds these numbers, bfloat16 rounds them
        weight = weight.astype("float32" if dtype == "bfloat16" else dtype)
        case = {"weight": weight, "dtype": dtype, "num_convs": num_convs}
        cases.append({**case, "contiguous": contiguous})
    return cases


@one_thread()
def probe_reorder_project(reorder_project: object, case: Case) -> Answers:
    """Call reorder_project with a weight and the number of convs; see whether the result has memory of its own."""
    weight = tensor_of(case, "weight")
    arguments = {"weight": weight, "num_convs": int(case["num_convs"])}
    result, answers = call(reorder_project, arguments, READY_ANSWERS)
    if isinstance(result, torch.Tensor):
        answers["shares_memory"] = result.untyped_storage().data_ptr() == weight.untyped_storage().data_ptr()
    return answers


effective_kernel_size = Check(
    name="ex04.effective_kernel_size",
    subject="effective_kernel_size",
    draw=draw_kernel_sizes,
    probe=probe_kernel_size,
    ready_answers=(),
    verified="kernel sizes 1 to 11, even ones too, dilations 1 to 39",
)
aspp_forward = Check(
    name="ex04.aspp_forward",
    subject="ASPP.forward",
    draw=draw_aspp,
    probe=probe_aspp,
    ready_answers=READY_ANSWERS,
    verified="odd sizes, 1 to 4 rates, batch 1 and more, float32 and float64, gradients to every weight",
)
reorder_project = Check(
    name="ex04.reorder_project",
    subject="reorder_project",
    draw=draw_project_weights,
    probe=probe_reorder_project,
    ready_answers=READY_ANSWERS,
    verified="1 to 6 convs, kernels of 1x1 and 3x3, 16 to 64 bits, a new tensor",
)
