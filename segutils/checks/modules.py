"""What the probes of modules share: build the student's module, give it drawn weights, run it in every mode."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segutils.checks.base import Answers, Case
from segutils.checks.probing import call, plain_array, run_backward, tensor_of

MODE_MATTERS = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)


@dataclass(frozen=True)
class ModuleTask:
    """What a check of a module's forward pass needs to know.

    `name` is how messages call the class, `parts` are the attributes that the given `__init__` makes, in the order of
    the forward pass.
    """

    name: str
    parts: tuple[str, ...]
    ready_answers: tuple[str, ...]

    def ordered_state(self, module: nn.Module) -> dict[str, Tensor]:
        """The module's floating tensors, its parts in the order of `parts` whatever order they were made in."""
        state = {name: value for name, value in module.state_dict().items() if value.is_floating_point()}
        known = [name for part in self.parts for name in state if name.split(".")[0] == part]
        return {name: state[name] for name in [*known, *(name for name in state if name not in known)]}

    def probe(
        self, module_class: object, sizes: Mapping[str, object], inputs: Mapping[str, Tensor], seed: int
    ) -> Answers:
        """Build the student's module, draw its weights from `seed`, run it forwards, backwards and in train mode."""
        module, answers = call(module_class, sizes, self.ready_answers, once=True)
        if not isinstance(module, nn.Module):
            return {**answers, "built": False}
        module = module.to(next(iter(inputs.values())).dtype)
        state = self.ordered_state(module)
        answers |= {"built": True, "state": "; ".join(f"{name} {list(value.shape)}" for name, value in state.items())}
        load_drawn_weights(state, seed)

        module.eval()
        parts = list(module.modules())  # a layer that forward makes is nobody's whose mode could change
        before = {name: value.clone() for name, value in module.state_dict().items()}
        _, seen = call(module, inputs, self.ready_answers)
        answers |= {**seen, "delegated_to": answers["delegated_to"] or seen["delegated_to"]}
        after = module.state_dict()
        changed = [name for name, value in before.items() if name not in after or not torch.equal(value, after[name])]
        answers["changed_state"] = ", ".join(changed)
        if "error" not in answers:
            answers |= _probe_gradients(module, inputs, state, seed)
            answers |= _probe_modes(module, parts, inputs)
        return answers


def input_tensors(case: Case, names: Sequence[str]) -> dict[str, Tensor]:
    """The case's arrays of these names as fresh tensors, in the case's dtype and memory layout."""
    return {name: tensor_of(case, name) for name in names}


def load_drawn_weights(state: Mapping[str, Tensor], seed: int) -> None:
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


def drawn_weighting(shape: tuple[int, ...], seed: int) -> Tensor:
    """The random factors with which the output is summed before backward()."""
    return torch.from_numpy(np.random.default_rng([4, 4, seed]).normal(size=shape))


def probe_function(
    function: Callable,
    inputs: Mapping[str, Tensor],
    others: Mapping[str, object],
    seed: int,
    ready_answers: tuple[str, ...],
) -> Answers:
    """Call a function of tensors, once plainly and once to run backward() from its result."""
    _, answers = call(function, {**inputs, **others}, ready_answers)
    if answers.get("kind") == "Tensor":
        answers |= probe_input_gradients(function, inputs, others, seed)
    return answers


def probe_input_gradients(
    function: Callable, inputs: Mapping[str, Tensor], others: Mapping[str, object], seed: int
) -> Answers:
    """Gradients of a random weighting of the result with respect to each input; `others` are passed behind them."""
    inputs = {name: value.clone().requires_grad_() for name, value in inputs.items()}
    result, _ = call(function, {**inputs, **others}, (), once=True)
    if not isinstance(result, Tensor) or not result.requires_grad:
        return {"gradient_arrives": False}
    weighting = drawn_weighting(tuple(result.shape), seed).to(result.dtype)
    if raised := run_backward((result * weighting).sum()):
        return raised
    gradients = {
        f"gradient_{name}": np.empty(0) if value.grad is None else plain_array(value.grad)
        for name, value in inputs.items()
    }
    return {"gradient_arrives": True, **gradients}


def _probe_gradients(
    module: nn.Module, inputs: Mapping[str, Tensor], state: Mapping[str, Tensor], seed: int
) -> Answers:
    """The gradients that reach the inputs, and their size at each parameter."""
    answers = probe_input_gradients(module, inputs, {}, seed)
    parameters = dict(module.named_parameters())
    norms = [
        float("nan") if parameters[name].grad is None else float(parameters[name].grad.norm())
        for name in state
        if name in parameters
    ]
    return {**answers, "gradient_norms": np.array(norms)}


def other_inputs(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """More images than before, and larger maps."""
    return {name: F.pad(torch.cat([value, value + 1]), (0, 1, 0, 2)) for name, value in inputs.items()}


def _probe_modes(module: nn.Module, parts: Sequence[nn.Module], inputs: Mapping[str, Tensor]) -> Answers:
    """Whether the forward pass leaves every part in the mode that it was in, and what it gives in train mode.

    Batch normalisation and dropout stay in eval mode, so that the output is to be the same in either mode.
    """
    still_evaluating = not any(part.training for part in parts)
    module.train()
    for part in parts:
        if isinstance(part, MODE_MATTERS):
            part.eval()
    modes = [part.training for part in parts]
    _, seen = call(module, other_inputs(inputs), ())
    mode_kept = still_evaluating and modes == [part.training for part in parts]
    return {"mode_kept": mode_kept, **{f"training_{name}": value for name, value in seen.items()}}
