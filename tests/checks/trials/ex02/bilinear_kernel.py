"""Solutions of ex02's bilinear_kernel, as students write them."""

import math

import numpy as np
import torch
from torch.nn import functional as F


def width(stride):
    return 2 * stride - stride % 2


def tent(k, middle, reach):
    return 1 - (torch.arange(k) - middle).abs() / reach


def right(channels, stride):
    line = tent(width(stride), (width(stride) - 1) / 2, stride)
    return torch.outer(line, line).repeat(channels, 1, 1, 1)


def from_line(make):
    """A kernel from one line of weights; make(stride, k)."""

    def bilinear_kernel(channels, stride):
        line = make(stride, width(stride))
        return torch.outer(line, line).repeat(channels, 1, 1, 1)

    return bilinear_kernel


def from_distances(make):
    """A kernel from the distances of row and column to the middle; make(row, column, stride)."""

    def bilinear_kernel(channels, stride):
        k = width(stride)
        away = (torch.arange(k) - (k - 1) / 2).abs()
        return make(away[:, None], away[None, :], stride).repeat(channels, 1, 1, 1)

    return bilinear_kernel


def only_channel_0(channels, stride):
    kernel = torch.zeros(channels, 1, width(stride), width(stride))
    kernel[0] = right(1, stride)[0]
    return kernel


def on_the_diagonal(channels, stride):
    kernel = torch.zeros(channels, channels, width(stride), width(stride))
    kernel[range(channels), range(channels)] = right(1, stride)[0, 0]
    return kernel


def diagonal_of_one_axis(channels, stride):
    kernel = torch.zeros(channels, 1, width(stride), width(stride))
    kernel[range(channels), range(channels)] = right(1, stride)[0, 0]
    return kernel


def by_numpy(channels, stride):
    k = width(stride)
    rows, columns = np.ogrid[:k, :k]
    middle = (k - 1) / 2
    line = (1 - abs(rows - middle) / stride) * (1 - abs(columns - middle) / stride)
    return np.broadcast_to(line, (channels, 1, k, k)).copy()


def for_stride_2(channels, stride):
    line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
    return torch.outer(line, line).repeat(channels, 1, 1, 1)


WRONG = {
    "normalised": (lambda c, s: right(c, s) / right(1, s).sum(), "its sum is 1"),
    "divided by stride squared": (lambda c, s: right(c, s) / s**2, "its sum is 1"),
    "divided by stride": (lambda c, s: right(c, s) / s, "divided by the stride"),
    "largest is 1": (lambda c, s: right(c, s) / right(c, s).max(), "divided by its largest weight"),
    "all channels share": (lambda c, s: right(c, s) / c, "divided by the number of channels"),
    "times stride": (lambda c, s: right(c, s) * s, "multiplied by the stride"),
    "only channel 0": (only_channel_0, "only channel 0 has weights"),
    "zeros": (lambda c, s: right(c, s) * 0, "the kernel is zero"),
    "ones": (lambda c, s: torch.ones(c, 1, width(s), width(s)), "as nearest does"),
    "middle k / 2": (from_line(lambda s, k: tent(k, k / 2, s)), "the tent's middle is off"),
    "middle k // 2": (from_line(lambda s, k: tent(k, k // 2, s)), "the tent's middle is off"),
    "middle of odd ones": (from_line(lambda s, k: tent(k, s - 1, s)), "the tent's middle is off"),
    "middle of even ones": (from_line(lambda s, k: tent(k, s - 0.5, s)), "the tent's middle is off"),
    "from the corner": (from_line(lambda s, k: tent(k, 0, s)), "the tent's middle is off"),
    "middle off by half": (from_line(lambda s, k: tent(k, (k + 1) / 2, s)), "the tent's middle is off"),
    "slope k / 2": (from_line(lambda s, k: tent(k, (k - 1) / 2, k / 2)), "wrong slope"),
    "slope k": (from_line(lambda s, k: tent(k, (k - 1) / 2, k)), "wrong slope"),
    "slope k + 1": (from_line(lambda s, k: tent(k, (k - 1) / 2, (k + 1) / 2)), "wrong slope"),
    "slope stride + 1": (from_line(lambda s, k: tent(k, (k - 1) / 2, s + 1)), "wrong slope"),
    "slope k // 2": (from_line(lambda s, k: tent(k, (k - 1) / 2, max(k // 2, 1))), "wrong slope"),
    "zeros at the rim": (from_line(lambda s, k: 1 - torch.linspace(-1, 1, k).abs()), "reaches 0 at the kernel's rim"),
    "no abs": (from_line(lambda s, k: 1 - (torch.arange(k) - (k - 1) / 2) / s), "not made positive"),
    "rounded down": (
        from_line(lambda s, k: 1 - (torch.arange(k) - (k - 1) / 2).abs() // s),
        "`//` rounds the distances down",
    ),
    "distance": (from_line(lambda s, k: (torch.arange(k) - (k - 1) / 2).abs() / s), "not 1 - distance"),
    "sum": (from_distances(lambda row, column, s: (1 - row / s) + (1 - column / s)), "rows and columns were added"),
    "mean": (from_distances(lambda row, column, s: 1 - (row + column) / (2 * s)), "rows and columns were averaged"),
    "pyramid": (from_distances(lambda row, column, s: 1 - torch.maximum(row, column) / s), "the smaller of row and"),
    "cone": (from_distances(lambda row, column, s: 1 - (row**2 + column**2).sqrt() / s), "straight-line distance"),
    "cut cone": (from_distances(lambda r, c, s: (1 - torch.hypot(r, c) / s).clamp(min=0)), "straight-line distance"),
    "diamond": (from_distances(lambda row, column, s: 1 - (row + column) / s), "distances of row and column were"),
    "cut diamond": (from_distances(lambda r, c, s: (1 - (r + c) / s).clamp(min=0)), "distances of row and column were"),
    "rows only": (from_distances(lambda row, column, s: 1 - (row + 0 * column) / s), "depend on the row alone"),
    "columns only": (from_distances(lambda row, column, s: 1 - (0 * row + column) / s), "depend on the column alone"),
    "squared": (lambda c, s: right(c, s) ** 2, "the shares were squared"),
    "even widths only": (
        lambda c, s: torch.outer(tent(2 * s, s - 0.5, s), tent(2 * s, s - 0.5, s)).repeat(c, 1, 1, 1),
        r"2 \* stride wide; an odd stride needs",
    ),
    "odd widths only": (
        lambda c, s: torch.outer(tent(2 * s - 1, s - 1, s), tent(2 * s - 1, s - 1, s)).repeat(c, 1, 1, 1),
        r"2 \* stride - 1 wide; an even stride needs",
    ),
    "stride % 2 added": (
        lambda c, s: torch.outer(*[tent(2 * s + s % 2, s - (s % 2 == 0) / 2, s)] * 2).repeat(c, 1, 1, 1),
        r"2 \* stride \+ 1 wide",
    ),
    "as wide as the stride": (lambda c, s: torch.ones(c, 1, s, s), "as wide as the stride"),
    "for stride 2": (for_stride_2, "a kernel for stride 2; the stride is an argument"),
    "one kernel": (lambda c, s: right(1, s), "each channel has its own"),
    "two axes": (lambda c, s: right(1, s)[0, 0], "the two leading axes are missing"),
    "three axes": (lambda c, s: right(c, s)[:, 0], "axis of length 1 behind the channels is missing"),
    "axes exchanged": (lambda c, s: right(c, s).transpose(0, 1), "the first two axes are exchanged"),
    "axes of another library": (lambda c, s: right(c, s).permute(2, 3, 1, 0), "the order of other libraries"),
    "every channel with every other": (lambda c, s: right(c, s).repeat(1, c, 1, 1), "mixed with every other"),
    "on the diagonal": (on_the_diagonal, "mixed with every other"),
    "diagonal of one axis": (diagonal_of_one_axis, "no diagonal: their second axis"),
    "float64": (lambda c, s: right(c, s).double(), "(?s)wrong dtype.*float32 was asked"),
    "float64 of numpy": (lambda c, s: torch.from_numpy(by_numpy(c, s)), "(?s)wrong dtype.*numpy computes with float64"),
    "numpy": (by_numpy, "a numpy array where a tensor was asked"),
    "integers": (lambda c, s: right(c, s).long(), "(?s)wrong dtype.*integers stay integers"),
    "random": (lambda c, s: torch.rand(c, 1, width(s), width(s)), "two different results"),
    "list": (lambda c, s: right(c, s).tolist(), "a list where a tensor was asked"),
    "arguments exchanged": (lambda stride, channels: right(channels, stride), "the arguments are exchanged"),
    "no return": (lambda c, s: None, "ends without `return`"),
    "default dtype changed": (
        lambda c, s: (torch.set_default_dtype(torch.float64), right(c, s).float())[1],
        "left a global switch of torch changed",
    ),
    "one argument": (lambda stride: right(1, stride), "TypeError"),
    "distance in pixels": (
        from_line(lambda s, k: tent(k, (k - 1) / 2, 1)),
        "not divided by the stride",
    ),
    "even as if odd": (
        from_line(lambda s, k: 1 - (torch.arange(k) - (k - 1) / 2).abs().floor() / s),
        "half a pixel away",
    ),
    "16 bits": (lambda c, s: right(c, s).half().float(), "rounded to 16 bits"),
}


def by_loops(channels, stride):
    k = 2 * stride - stride % 2
    factor = (k + 1) // 2
    center = factor - 1 if k % 2 == 1 else factor - 0.5
    kernel = torch.zeros(channels, 1, k, k)
    for channel in range(channels):
        for row in range(k):
            for column in range(k):
                share = (1 - abs(row - center) / factor) * (1 - abs(column - center) / factor)
                kernel[channel, 0, row, column] = share
    return kernel


def numpy_grid(channels, stride):
    size = 2 * stride - stride % 2
    factor = math.ceil(size / 2)
    og = np.ogrid[:size, :size]
    center = (2 * factor - 1 - factor % 2 + factor % 2 - (1 if size % 2 else 0)) / 2
    filt = (1 - abs(og[0] - center) / factor) * (1 - abs(og[1] - center) / factor)
    weight = np.zeros((channels, 1, size, size), dtype=np.float32)
    weight[:, 0] = filt
    return torch.from_numpy(weight)


def impulse(channels, stride):
    k = 2 * stride - stride % 2
    dot = torch.zeros(channels, 1, 5, 5)
    dot[:, :, 2, 2] = 1
    spread = F.interpolate(dot, scale_factor=stride, mode="bilinear", align_corners=False)
    start = (5 * stride - k) // 2
    return spread[:, :, start : start + k, start : start + k]


def up_and_down(channels, stride):
    steps = torch.arange(1, 2 * stride, 2) / (2 * stride) if stride % 2 == 0 else torch.arange(1, stride + 1) / stride
    line = torch.cat([steps, steps.flip(0) if stride % 2 == 0 else steps.flip(0)[1:]])
    return (line[:, None] * line).expand(channels, 1, -1, -1)


def einsum(channels, stride):
    half = stride - (0.5 if stride % 2 == 0 else 1)
    line = 1 - torch.linspace(-half, half, 2 * stride - stride % 2).abs() / stride
    return torch.nn.Parameter(torch.einsum("c,i,j->cij", torch.ones(channels), line, line).unsqueeze(1))


RIGHT = {
    "loops": by_loops,
    "numpy grid": numpy_grid,
    "impulse": impulse,
    "up and down": up_and_down,
    "einsum": einsum,
    "outer": right,
}
