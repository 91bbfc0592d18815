"""Judge of bilinear_kernel."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from segutils.checks.base import Answers, Case
from segutils.checks.judges.base import Fault, Judge, UsualErrors, find_wrong_result


def kernel_size(stride: int) -> int:
    return 2 * stride - stride % 2


def kernel(channels: int, stride: int) -> Tensor:
    """The weights of bilinear enlargement, (channels, 1, k, k): what an impulse becomes when it is enlarged."""
    impulse = F.pad(torch.ones(1, 1, 1, 1, dtype=torch.float64), (1, 1, 1, 1))
    spread = F.interpolate(impulse, scale_factor=stride, mode="bilinear", align_corners=False)  # 3 * stride wide
    rim = (3 * stride - kernel_size(stride)) // 2
    return spread[..., rim : 3 * stride - rim, rim : 3 * stride - rim].repeat(channels, 1, 1, 1)


def find_kernel_fault(case: Case, answers: Answers) -> Fault | None:
    expected = kernel(int(case["channels"]), int(case["stride"]))
    fault = find_wrong_result(expected, answers, ("float32",), "the kernel")
    if fault is None or fault.cause or "shape" not in answers:
        return fault
    shape = tuple(int(size) for size in answers["shape"])
    if shape != tuple(expected.shape):
        return replace(fault, cause=name_shape(shape, int(case["channels"]), int(case["stride"])))
    if str(answers["dtype"]) != "float32":
        cause = "numpy computes with float64, integers stay integers: float32 was asked, as weights of networks are."
        return replace(fault, cause=cause)
    return fault


def name_shape(shape: tuple[int, ...], channels: int, stride: int) -> str:
    """What a wrong shape tells."""
    k = kernel_size(stride)
    axes = {
        (k, k): "the two leading axes are missing: one kernel per channel, and a 1.",
        (channels, k, k): "the axis of length 1 behind the channels is missing.",
        (1, channels, k, k): "the first two axes are exchanged.",
        (1, 1, k, k): "one kernel was returned; each channel has its own.",
        (channels, channels, k, k): "every channel is mixed with every other; here each is enlarged by itself.",
        (k, k, 1, channels): "the axes stand in the order of other libraries.",
        (k, k, channels, 1): "the axes stand in the order of other libraries.",
        (k, 1, k, k): "the first axis are the channels.",
        (channels, 1, k): "a kernel has rows and columns.",
        (channels, 1, k * k): "a kernel has rows and columns.",
    }
    if shape in axes:
        return axes[shape]
    widths = {
        2 * stride: "the kernel is 2 * stride wide; an odd stride needs an odd one, with a middle.",
        2 * stride - 1: "the kernel is 2 * stride - 1 wide; an even stride needs an even one, without a middle.",
        2 * stride + 1: "the kernel is 2 * stride + 1 wide: stride % 2 is taken off, not added.",
        stride: "the kernel is as wide as the stride: neighbouring stamps would not overlap.",
        4: "this is a kernel for stride 2; the stride is an argument.",
    }
    return widths.get(shape[-1], "") if shape == (channels, 1, shape[-1], shape[-1]) else ""


def usual_kernel_errors(case: Case) -> UsualErrors:
    channels, stride = int(case["channels"]), int(case["stride"])
    k = kernel_size(stride)
    right = kernel(channels, stride)
    place = torch.arange(k, dtype=torch.float64)
    away = (place - (k - 1) / 2).abs()  # from the middle
    line = 1 - away / stride

    def stamp(rows: Tensor, columns: Tensor | None = None) -> Tensor:
        return torch.outer(rows, rows if columns is None else columns).repeat(channels, 1, 1, 1)

    def tent(middle: float, reach: float) -> Callable[[], Tensor]:
        return lambda: stamp(1 - (place - middle).abs() / reach)

    def of_places(values: Tensor) -> Tensor:
        return values.repeat(channels, 1, 1, 1)

    def diagonal() -> None:
        torch.zeros_like(right)[range(channels), range(channels)] = right[0, 0]

    def only_first() -> Tensor:
        filled = torch.zeros_like(right)
        filled[0] = right[0]
        return filled

    sloped, middle = (k - 1) / 2, "the tent's middle is off: of k places, numbered from 0, the middle is (k - 1) / 2."
    steep = "the tent has the wrong slope: it falls to 0 one stride away from its middle."
    row, column = away[:, None], away[None, :]
    return [
        ("the kernel was normalised (its sum is 1); the weights stay as they are.", lambda: right / right[0].sum()),
        ("the kernel was divided by the stride; the weights stay as they are.", lambda: right / stride),
        (
            "the kernel was divided by its largest weight; for even k there is no weight of 1.",
            lambda: right / right.max(),
        ),
        ("the kernel's mean was taken off.", lambda: right - right.mean()),
        ("the kernel was divided by the number of channels; each has the whole.", lambda: right / channels),
        ("the kernel was multiplied by the stride.", lambda: right * stride),
        ("only channel 0 has weights; each channel has the same kernel.", only_first),
        ("weights with `groups` have no diagonal: their second axis has a length of 1.", diagonal),
        ("the kernel is zero.", lambda: torch.zeros_like(right)),
        (
            "all weights are 1: that copies values as nearest does; `//` rounds the distances down to it.",
            lambda: torch.ones_like(right),
        ),
        (steep, tent(sloped, k / 2)),
        (steep, tent(sloped, max(sloped, 1))),
        (steep, tent(sloped, k)),
        (steep, tent(sloped, (k + 1) / 2)),
        (steep, tent(sloped, max(k // 2, 1))),
        (steep, tent(sloped, stride + 1)),
        (steep, tent(sloped, stride - 0.5)),
        (steep, tent(sloped, 2 * stride)),
        (middle, tent(k / 2, stride)),
        (middle, tent(k // 2, stride)),
        (middle, tent(stride - 1, stride)),
        (middle, tent(stride - 0.5, stride)),
        (middle, tent(stride, stride)),
        (middle, tent(0, stride)),
        (middle, tent((k + 1) / 2, stride)),
        (middle, tent(k // 2, (k + 1) / 2)),
        (middle, tent(k // 2, max(k // 2, 1))),
        (middle, tent(k / 2, k / 2)),
        ("the distance to the middle was not divided by the stride, in which it counts.", tent(sloped, 1)),
        (
            "an even stride has no place in the middle: the two nearest are half a pixel away from it.",
            lambda: stamp(1 - away.floor() / stride),
        ),
        (
            "the tent reaches 0 at the kernel's rim, as torch.linspace from end to end makes it; "
            "one step further out it should.",
            lambda: stamp(1 - torch.linspace(-1, 1, k, dtype=torch.float64).abs()),
        ),
        ("the distance to the middle was not made positive (abs).", lambda: stamp(1 - (place - sloped) / stride)),
        ("the distance was used, not 1 - distance.", lambda: stamp(away / stride)),
        ("rows and columns were added; the weight is the product of the two.", lambda: of_places(line[:, None] + line)),
        (
            "rows and columns were averaged; the weight is the product of the two.",
            lambda: of_places((line[:, None] + line) / 2),
        ),
        (
            "the smaller of row and column was taken; the weight is the product of the two.",
            lambda: of_places(torch.minimum(line[:, None], line[None, :])),
        ),
        (
            "the weights fall with the straight-line distance; asked is the product of a share per direction.",
            lambda: of_places(1 - (row**2 + column**2).sqrt() / stride),
        ),
        (
            "the weights fall with the straight-line distance; asked is the product of a share per direction.",
            lambda: of_places((1 - (row**2 + column**2).sqrt() / stride).clamp(min=0)),
        ),
        (
            "the distances of row and column were added; asked is the product of a share per direction.",
            lambda: of_places(1 - (row + column) / stride),
        ),
        (
            "the distances of row and column were added; asked is the product of a share per direction.",
            lambda: of_places((1 - (row + column) / stride).clamp(min=0)),
        ),
        ("the weights depend on the row alone.", lambda: stamp(line, torch.ones(k, dtype=torch.float64))),
        ("the weights depend on the column alone.", lambda: stamp(torch.ones(k, dtype=torch.float64), line)),
        ("the shares were squared.", lambda: right**2),
        ("the root was taken.", lambda: right**0.5),
        ("the weights were rounded.", lambda: right.round()),
        ("the weights were rounded to 16 bits.", lambda: right.half()),
        ("the weights were rounded to 16 bits.", lambda: right.bfloat16()),
        ("the arguments are exchanged: bilinear_kernel(channels, stride).", lambda: kernel(stride, channels)),
    ]


bilinear_kernel = Judge(
    called=lambda case: f"bilinear_kernel(channels={case['channels']}, stride={case['stride']})",
    find_fault=find_kernel_fault,
    usual_errors=usual_kernel_errors,
)
