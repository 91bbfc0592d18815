"""What the judges of modules share: compare a student's module with the reference that holds the same weights."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from segutils.checks.base import Answers
from segutils.checks.judges.base import (
    Fault,
    a_kind,
    find_side_effect,
    find_wrong_result,
    find_wrong_value,
    number,
    shorten,
)
from segutils.checks.modules import ModuleTask, drawn_weighting, other_inputs
from segutils.checks.probing import plain_array

CUT = "`.detach()`, `.data`, `.item()`, `torch.no_grad()` or numpy in the forward pass cuts gradients off."
SINGLE = "computed in float32 and turned back; float64 keeps its precision throughout."
TRAINING = "something that is done in train mode alone, or something kept from the call before, such as a size."


def conv_bn_relu(in_channels: int, out_channels: int, kernel_size: int = 1, dilation: int = 1) -> nn.Sequential:
    """What references are built of: segutils.models.blocks.ConvBNReLU without the seconds that torchvision takes."""
    padding = dilation * (kernel_size // 2)
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, dilation=dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU())


def find_module_fault(
    task: ModuleTask, check_name: str, reference: nn.Module, inputs: Mapping[str, Tensor], seed: int, answers: Answers
) -> Fault | None:
    """Compare parts, side effects, output and gradients; `check_name` is how the notebook calls the check."""
    if not answers["built"]:
        return find_side_effect(answers) or Fault(
            f"{task.name}(...) made {a_kind(str(answers['kind']))}, not an nn.Module",
            f"pass the class itself, as in checks.{check_name}({task.name}), and let it inherit from nn.Module",
        )
    if fault := _find_changed_init(task, reference, answers) or find_side_effect(answers):
        return fault
    inputs = {name: value.requires_grad_() for name, value in inputs.items()}
    out = reference(*inputs.values())
    return (
        _find_changed_module(answers)
        or find_wrong_output(out, answers, "the output")
        or _find_gradient_fault(task, reference, inputs, out, seed, answers)
        or _find_training_fault(reference, inputs, answers)
    )


def _find_changed_init(task: ModuleTask, reference: nn.Module, answers: Answers) -> Fault | None:
    """The drawn weights fit by order and shape, or `__init__` is not the given one."""
    ours = [list(value.shape) for value in task.ordered_state(reference).values()]
    theirs = str(answers["state"]).split("; ")
    for index in range(max(len(ours), len(theirs))):
        if index >= len(ours) or index >= len(theirs) or not theirs[index].endswith(f" {ours[index]}"):
            expected = f"shape {ours[index]}" if index < len(ours) else "nothing more"
            got = theirs[index] if index < len(theirs) else "nothing more"
            return Fault(
                "its parts are not those of the given __init__",
                f"weight {index + 1}: expected {expected}, got {shorten(got, 80)}",
                "__init__ was changed; copy it from the exercise again and write forward() alone.",
            )
    return None


def _find_changed_module(answers: Answers) -> Fault | None:
    if answers["changed_state"]:
        return Fault(
            "changed its own weights or statistics in eval mode",
            f"changed: {shorten(answers['changed_state'], 80)}",
            "the forward pass switches to train mode, or writes into a weight.",
        )
    if not answers.get("mode_kept", True):
        return Fault(
            "left the module in another mode (train or eval)",
            cause="self.train() or self.eval() inside forward; the mode belongs to whoever uses the module.",
        )
    return None


def find_wrong_output(expected: Tensor, answers: Answers, what: str = "the result") -> Fault | None:
    """Compare a result with the expected one, which has the dtype of the inputs."""
    dtype = str(expected.dtype).removeprefix("torch.")
    fault = find_wrong_result(torch.from_numpy(plain_array(expected)), answers, (dtype,), what)
    if fault and fault.headline.endswith("wrong dtype"):
        return replace(
            fault, cause=f"the result keeps the dtype of what came in, here {dtype}; a new tensor needs it, too."
        )
    if fault and dtype == "float64" and "differs" in fault.headline and _nearly(expected, answers["value"]):
        return replace(fault, cause=SINGLE)
    return fault


def _nearly(expected: Tensor, got: np.ndarray) -> bool:
    """Whether two arrays of one shape differ by no more than float32's rounding."""
    values = plain_array(expected)
    return np.allclose(values, got, rtol=0, atol=1e-6 * np.abs(values).max())


def find_input_gradient_fault(
    inputs: Mapping[str, Tensor], out: Tensor, seed: int, answers: Answers, tolerance_of: str = ""
) -> Fault | None:
    """Compare the gradients that reach the inputs with those of `out`, the reference's result for these inputs.

    `tolerance_of` names the dtype whose tolerance holds, where it is not that of the inputs.
    """
    if not answers["gradient_arrives"]:
        return Fault("no gradient flows back from the output", cause=CUT)
    (out * drawn_weighting(tuple(out.shape), seed).to(out.dtype)).sum().backward()
    for name, value in inputs.items():
        got = answers[f"gradient_{name}"]
        if got.shape != tuple(value.shape):
            return Fault(f"no gradient reaches the input {name}", cause=CUT)
        dtype = tolerance_of or str(value.dtype).removeprefix("torch.")
        if fault := find_wrong_value(plain_array(value.grad), got, dtype, f"the gradient of {name}"):
            return replace(fault, cause=CUT)  # the output was right
    return None


def _find_gradient_fault(
    task: ModuleTask, reference: nn.Module, inputs: Mapping[str, Tensor], out: Tensor, seed: int, answers: Answers
) -> Fault | None:
    """Compare the size of the gradients at every weight, which names the part, then those that reach the inputs."""
    input_fault = find_input_gradient_fault(inputs, out, seed, answers)
    if not answers["gradient_arrives"]:
        return input_fault
    parameters = dict(reference.named_parameters())
    names = [name for name in task.ordered_state(reference) if name in parameters]
    for name, got in zip(names, answers["gradient_norms"], strict=True):
        expected = float(parameters[name].grad.norm())
        if not np.isclose(got, expected, rtol=1e-3, atol=1e-6):
            size = "no gradient" if np.isnan(got) else f"a gradient of norm {number(got)}"
            return Fault(f"a wrong gradient reaches {name}", f"expected norm {expected:.6g}, got {size}", CUT)
    return input_fault


def _find_training_fault(reference: nn.Module, inputs: Mapping[str, Tensor], answers: Answers) -> Fault | None:
    """Compare the output in train mode, for other inputs."""
    seen = {name.removeprefix("training_"): value for name, value in answers.items() if name.startswith("training_")}
    if fault := find_wrong_output(reference(*other_inputs(inputs).values()), seen, "the output"):
        headline = f"in train mode, on larger maps: {shorten(fault.headline, 180)}"
        return replace(fault, headline=headline, cause=fault.cause or TRAINING)
    return None
