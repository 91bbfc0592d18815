"""Checks of ex03_pspnet: the cases, and the probes that run a student's code on them."""

import numpy as np
import torch

from segutils.checks.base import Answers, Case, Check
from segutils.checks.modules import ModuleTask, input_tensors, probe_function
from segutils.checks.probing import call, one_thread, tensor_of

READY_ANSWERS = ("segutils.models.pspnet", "segmentation_models_pytorch")
PYRAMID_TASK = ModuleTask("PyramidPooling", ("stages",), READY_ANSWERS)


def draw_pyramids(seed: int) -> list[Case]:
    """Maps of odd sizes, square ones, maps smaller than the bins, one to five grids, equal ones, a single position."""
    rng = np.random.default_rng([3, 1, seed])
    # batch, in_channels, height, width, pool_sizes, dtype, contiguous
    table = [
        (2, 12, 9, 13, (1, 2, 3, 6), "float64", True),
        (1, 4, 7, 7, (2, 3), "float64", True),
        (3, 6, 5 + int(rng.integers(0, 9)), 11, (1, 3, 4), "float64", True),
        (2, 10, 8, 5, (1, 2, 3, 4, 6), "float64", False),
        (2, 3, 6, 4, (2,), "float64", True),
        (2, 8, 3, 5, (1, 2, 3, 6), "float64", True),
        (2, 6, 12, 18, (6, 3, 1), "float64", True),
        (1, 4, 1, 1, (1, 2), "float64", True),
        (2, 6, 10, 9, (4, 2, 2), "float64", True),
        (2, 8, 23, 30, (1, 2, 3, 6), "float32", True),
    ]
    cases = []
    for index, (batch, in_channels, height, width, pool_sizes, dtype, contiguous) in enumerate(table):
        x = rng.normal(size=(batch, in_channels, height, width)) + rng.normal(size=(batch, in_channels, 1, 1))
        case = {"x": x.astype(dtype), "contiguous": contiguous, "pool_sizes": np.array(pool_sizes)}
        cases.append({**case, "weights_seed": seed * 100 + index})
    return cases


@one_thread()
def probe_pyramid(pyramid_class: object, case: Case) -> Answers:
    """Build the student's PyramidPooling and run it with drawn weights."""
    pool_sizes = tuple(int(size) for size in case["pool_sizes"])
    sizes = {"in_channels": case["x"].shape[1], "pool_sizes": pool_sizes}
    return PYRAMID_TASK.probe(pyramid_class, sizes, input_tensors(case, ["x"]), int(case["weights_seed"]))


def draw_maps(seed: int) -> list[Case]:
    """Maps whose sizes divide by the bins or do not, maps smaller than the bins, one bin, 16 to 64 bits."""
    rng = np.random.default_rng([3, 2, seed])
    # batch, channels, height, width, bins, dtype, contiguous
    table = [
        (2, 3, 7, 11, 3, "float64", True),
        (1, 2, 5, 4, 1, "float64", True),
        (2, 2, 6, 9, 3, "float64", True),
        (1, 3, 2, 4, 6, "float64", True),
        (3, 1, 5 + int(rng.integers(0, 9)), 8, 4, "float64", True),
        (2, 4, 9, 5, 2, "float64", False),
        (1, 1, 1, 1, 2, "float64", True),
        (2, 2, 5, 5, 5, "float64", True),
        (2, 3, 13, 10, 6, "float32", True),
        (1, 2, 4, 5, 2, "float16", True),
        (1, 2, 5, 4, 3, "bfloat16", True),
    ]
    cases = []
    for index, (batch, channels, height, width, bins, dtype, contiguous) in enumerate(table):
        x = 1 + rng.normal(size=(batch, channels, height, width))
        case = {"x": x, "dtype": dtype, "bins": bins, "contiguous": contiguous}
        cases.append({**case, "weighting_seed": seed * 100 + index})
    return cases


def operations_behind(result: object) -> set[str]:
    """The differentiable operations between the inputs and a result, as autograd calls their backward halves."""
    nodes, waiting = set(), [result.grad_fn] if isinstance(result, torch.Tensor) else []
    while waiting:
        node = waiting.pop()
        if node is not None and node not in nodes:
            nodes.add(node)
            waiting += [before for before, _ in node.next_functions]
    return {node.name() for node in nodes}


@one_thread()
def probe_adaptive_average_pool(adaptive_average_pool: object, case: Case) -> Answers:
    """Call adaptive_average_pool, run backward() from its result, and see whether torch's own pooling is behind it.

    Whoever calls that pooling, F.interpolate(mode="area") too, leaves it in the graph of the gradients. One bin is an
    ordinary mean to torch, and is to us.
    """
    x, others = tensor_of(case, "x"), {"bins": int(case["bins"])}
    answers = probe_function(adaptive_average_pool, {"x": x}, others, int(case["weighting_seed"]), READY_ANSWERS)
    result, _ = call(adaptive_average_pool, {"x": x.clone().requires_grad_(), **others}, (), once=True)
    answers["pooled_by_torch"] = any("AdaptiveAvgPool" in name for name in operations_behind(result))
    return answers


pyramid_pooling_forward = Check(
    name="ex03.pyramid_pooling_forward",
    subject="PyramidPooling.forward",
    draw=draw_pyramids,
    probe=probe_pyramid,
    ready_answers=READY_ANSWERS,
    verified="odd sizes, maps smaller than the bins, 1 to 5 stages, batch 1 and more, float32 and float64, gradients",
)
adaptive_average_pool = Check(
    name="ex03.adaptive_average_pool",
    subject="adaptive_average_pool",
    draw=draw_maps,
    probe=probe_adaptive_average_pool,
    ready_answers=READY_ANSWERS,
    verified="cells that overlap or not, maps smaller than the bins, 1 to 6 bins, 16 to 64 bits, gradients",
)
