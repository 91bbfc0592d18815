"""Checks of ex04_aspp: the cases, and the probes that run a student's code on them."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from segutils.checks.base import Answers, Case, Check
from segutils.checks.probing import as_tensor, call, one_thread, plain_array

READY_ANSWERS = ("segutils.models.deeplab", "torchvision.models.segmentation.deeplabv3")
PARTS = ("convs", "image_pool", "project")  # what ASPP.__init__ makes, in the order of the forward pass


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
    """Build the student's module, give it drawn weights, and run it forwards, backwards and once in train mode."""
    in_channels, rates = case["x"].shape[1], [int(rate) for rate in case["atrous_rates"]]
    sizes = {"in_channels": in_channels, "atrous_rates": rates, "out_channels": int(case["out_channels"])}
    module, answers = call(aspp_class, sizes, READY_ANSWERS)
    if not isinstance(module, nn.Module):
        return {**answers, "built": False}
    x = as_tensor(case["x"], bool(case["contiguous"]))
    module = module.to(x.dtype)
    state = ordered_state(module)
    answers |= {"built": True, "state": "; ".join(f"{name} {list(value.shape)}" for name, value in state.items())}
    load_drawn_weights(state, int(case["weights_seed"]))

    module.eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    _, seen = call(module, {"x": x}, READY_ANSWERS)
    answers |= {**seen, "delegated_to": answers["delegated_to"] or seen["delegated_to"]}
    changed = [name for name, value in module.state_dict().items() if not torch.equal(value, before[name])]
    answers["changed_state"] = ", ".join(changed)
    if "error" not in answers:
        answers |= probe_gradients(module, x, state, int(case["weights_seed"]))
        answers |= probe_mode(module, x)
    return answers


def probe_gradients(module: nn.Module, x: torch.Tensor, state: Mapping[str, torch.Tensor], seed: int) -> Answers:
    """Gradients of a random weighting of the output: with respect to x, and their size at each parameter."""
    x = x.clone().requires_grad_()
    result, _ = call(module, {"x": x}, ())
    if not isinstance(result, torch.Tensor) or not result.requires_grad:
        return {"gradient_arrives": False}
    (result * drawn_weighting(tuple(result.shape), seed).to(result.dtype)).sum().backward()
    parameters = dict(module.named_parameters())
    norms = [
        float("nan") if parameters[name].grad is None else float(parameters[name].grad.norm())
        for name in state
        if name in parameters
    ]
    gradient = np.empty(0) if x.grad is None else plain_array(x.grad)
    return {"gradient_arrives": True, "gradient": gradient, "gradient_norms": np.array(norms)}


def probe_mode(module: nn.Module, x: torch.Tensor) -> Answers:
    """Whether the forward pass leaves every part in the mode that it was in."""
    still_evaluating = not any(part.training for part in module.modules())
    module.train()
    call(module, {"x": torch.cat([x, x + 1])}, ())  # two images at least: batch normalisation needs them
    return {"mode_kept": still_evaluating and all(part.training for part in module.modules())}


def ordered_state(module: nn.Module) -> dict[str, torch.Tensor]:
    """The module's floating tensors, its parts in the order of PARTS whatever order they were made in."""
    state = {name: value for name, value in module.state_dict().items() if value.is_floating_point()}
    known = [name for part in PARTS for name in state if name.split(".")[0] == part]
    return {name: state[name] for name in [*known, *(name for name in state if name not in known)]}


def load_drawn_weights(state: Mapping[str, torch.Tensor], seed: int) -> None:
    """Fill weights and batch-norm statistics in place: any initialisation passes, and no part is dead or trivial."""
    rng = np.random.default_rng([4, 3, seed])
    for name, tensor in state.items():
        values = rng.normal(size=tuple(tensor.shape))
        if tensor.ndim > 1:
            values *= (2 / np.prod(tensor.shape[1:])) ** 0.5  # He initialisation
        elif name.endswith("running_var") or name.endswith("weight"):
            values = 0.5 + np.abs(values)
        else:
            values *= 0.3
        with torch.no_grad():
            tensor.copy_(torch.from_numpy(values))


def drawn_weighting(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """The random factors with which the output is summed before backward()."""
    return torch.from_numpy(np.random.default_rng([4, 4, seed]).normal(size=shape))


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
