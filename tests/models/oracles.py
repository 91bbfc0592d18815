"""Compare a network with somebody else's: same weights, random statistics, same input."""

import torch
from torch import nn
from torch.nn.functional import interpolate


def randomize_(model: nn.Module, seed: int = 0) -> nn.Module:
    """Give every BatchNorm statistics and scales of its own: fresh ones would hide a missing or misplaced layer."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_mean, module.bias.data):
                tensor.copy_(0.2 * torch.randn(tensor.shape, generator=generator))
            for tensor in (module.running_var, module.weight.data):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
    return model


def port(source: nn.Module, target: nn.Module) -> nn.Module:
    """Copy weights by order and shape, whatever they are called."""
    theirs, ours = source.state_dict(), target.state_dict()
    shapes = [[tuple(tensor.shape) for tensor in state.values()] for state in (theirs, ours)]
    assert shapes[0] == shapes[1], "the layers differ in order or shape"
    target.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))
    return target


@torch.no_grad()
def largest_difference(ours: nn.Module, theirs: nn.Module, x: torch.Tensor) -> float:
    """Largest absolute difference of the outputs, which must agree in shape and not be all alike."""
    got, expected = ours(x), theirs(x)
    assert got.shape == expected.shape
    assert expected.std() > 1e-3, "an oracle without variation proves nothing"
    return (got - expected).abs().max().item()


def in_double(theirs: nn.Module, ours: nn.Module, image: torch.Tensor) -> tuple[nn.Module, nn.Module, torch.Tensor]:
    """The same in double precision: through fifty layers, float32 rounds equal networks 5e-6 apart on a bad day."""
    return theirs.double(), ours.double(), image.double()


def num_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def half_pixel_resize(x: torch.Tensor, size: tuple[int, int], **_: object) -> torch.Tensor:
    """What an oracle's resize is patched to: bilinear with align_corners=False, as everywhere in the course."""
    return interpolate(x, size=size, mode="bilinear", align_corners=False)
