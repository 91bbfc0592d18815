"""The judge of ex03's challenge: adaptive average pooling by hand against torch's own."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from segutils.checks.base import Answers, Case
from segutils.checks.judges.base import Fault, Judge, UsualErrors, find_side_effect
from segutils.checks.judges.modules import find_input_gradient_fault, find_wrong_output
from segutils.checks.probing import tensor_of

Edge = Callable[[int, int, int], int]  # (index of the cell, size of the map, bins) -> row or column

FIXED = "all cells have the same size, {}; with a map that does not divide, sizes differ from cell to cell."
NOT_SHARED = "neighbours never share a row; where the size does not divide by the bins they do."
OWN_NUMBER = "each cell was divided by {}, not by the number of its own positions."
PICKED = "one value of each cell was picked; all of its positions are averaged."
FOUR = "bilinear interpolation looks at 4 positions for each cell; all positions of a cell are averaged."
CHANNELS = "the channels were averaged, too; each keeps its own cells."
IMAGES = "the images were averaged, too; each keeps its own cells."
FIRST = "only the first cell was computed: `return` stands inside the loop."


def find_pool_fault(case: Case, answers: Answers) -> Fault | None:
    if answers["pooled_by_torch"]:
        return Fault(
            "hands the task over to torch's own adaptive pooling",
            "gradients flow back from the result through it",
            "F.adaptive_avg_pool2d, nn.AdaptiveAvgPool2d and F.interpolate(mode='area') all come down to it; here you"
            " write the averages of the cells yourself.",
        )
    if fault := find_side_effect(answers):
        return fault
    x = tensor_of(case, "x").requires_grad_()
    out = F.adaptive_avg_pool2d(x, int(case["bins"]))
    return find_wrong_output(out, answers) or find_input_gradient_fault(
        {"x": x}, out, int(case["weighting_seed"]), answers
    )


def floor(index: int, size: int, bins: int) -> int:
    return index * size // bins


def ceil(index: int, size: int, bins: int) -> int:
    return -(-index * size // bins)


def nearest(index: int, size: int, bins: int) -> int:
    return round(index * size / bins)


def average(cell: Tensor) -> Tensor:
    return cell.mean(dim=(2, 3))


def stop_at(edge: Edge, shift: int = 0) -> Edge:
    """The end of cell i lies at the edge of i + 1."""
    return lambda index, size, bins: edge(index + 1, size, bins) + shift


def cells(x: Tensor, bins: int, start: Edge, stop: Edge, reduce: Callable[[Tensor], Tensor] = average) -> Tensor:
    """One value of `reduce` for each cell between its edges: (N, C, H, W) -> (N, C, bins, bins)."""
    edges = [[slice(start(i, n, bins), stop(i, n, bins)) for i in range(bins)] for n in x.shape[-2:]]
    pooled = [reduce(x[:, :, rows, columns]) for rows in edges[0] for columns in edges[1]]
    return torch.stack(pooled, dim=-1).unflatten(-1, (bins, bins))


def usual_pool_errors(case: Case) -> UsualErrors:
    """What goes wrong with the edges of the cells, within them, and with the result."""
    x, bins = tensor_of(case, "x"), int(case["bins"])
    x = x if x.dtype == torch.float32 else x.double()
    return [*usual_edge_errors(x, bins), *usual_average_errors(x, bins), *usual_result_errors(x, bins)]


def usual_edge_errors(x: Tensor, bins: int) -> UsualErrors:
    height, width = x.shape[-2:]
    between = partial(cells, x, bins)
    one_below, one_right = max(height // bins, 1), max(width // bins, 1)
    ceil_kernel = (-(-height // bins), -(-width // bins))

    def split(cut: Callable) -> Tensor:
        rows = [rows.mean(dim=2) for rows in cut(x, bins, dim=2)]
        pooled = torch.stack([part.mean(dim=2) for row in rows for part in cut(row, bins, dim=2)], dim=-1)
        return pooled.unflatten(-1, (len(rows), -1))

    def same_edges(size: int) -> Tensor:
        return between(lambda i, _, b: floor(i, size, b), lambda i, _, b: ceil(i + 1, size, b))

    def exchanged() -> Tensor:
        other = {height: width, width: height}
        return between(lambda i, n, b: floor(i, other[n], b), lambda i, n, b: ceil(i + 1, other[n], b))

    return [
        (f"a cell stops at the floor, not at the ceil: {NOT_SHARED}", lambda: between(floor, stop_at(floor))),
        (f"a cell starts at the ceil, not at the floor: {NOT_SHARED}", lambda: between(ceil, stop_at(ceil))),
        ("floor and ceil are exchanged: a cell starts at the floor.", lambda: between(ceil, stop_at(floor))),
        (f"the edges are rounded: {NOT_SHARED}", lambda: between(nearest, stop_at(nearest))),
        (f"the start of a cell is rounded: {NOT_SHARED}", lambda: between(nearest, stop_at(ceil))),
        (
            "the last row and column of a cell are left out; the end of a slice is excluded already.",
            lambda: between(floor, stop_at(ceil, -1)),
        ),
        (
            "a cell takes a row and a column too many; the end of a slice is excluded, so ceil needs no + 1.",
            lambda: between(floor, stop_at(ceil, 1)),
        ),
        (
            "a cell stops at floor(...) + 1; where the size divides by the bins, that is a row too many.",
            lambda: between(floor, stop_at(floor, 1)),
        ),
        (
            f"the map was cut into parts (as by tensor_split): {NOT_SHARED}",
            lambda: split(torch.tensor_split),
        ),
        ("torch.chunk makes parts that do not overlap, and may make fewer than asked.", lambda: split(torch.chunk)),
        (FIXED.format("H // bins"), lambda: F.avg_pool2d(x, (height // bins, width // bins))),
        (
            FIXED.format("H // bins"),
            lambda: x.reshape(*x.shape[:2], bins, height // bins, bins, width // bins).mean(dim=(3, 5)),
        ),
        (FIXED.format("H // bins"), lambda: F.avg_pool2d(x, (one_below, one_right))),
        (
            FIXED.format("H // bins"),
            lambda: between(lambda i, n, b: i * max(n // b, 1), lambda i, n, b: (i + 1) * max(n // b, 1)),
        ),
        (FIXED.format("H // bins"), lambda: between(floor, lambda i, n, b: floor(i, n, b) + max(n // b, 1))),
        (FIXED.format("H // bins"), lambda: between(lambda i, n, b: i * (n // b), lambda i, n, b: (i + 1) * (n // b))),
        (FIXED.format("ceil(H / bins)"), lambda: F.avg_pool2d(x, ceil_kernel)),
        (FIXED.format("ceil(H / bins)"), lambda: F.avg_pool2d(x, ceil_kernel, ceil_mode=True)),
        (
            FIXED.format("ceil(H / bins)"),
            lambda: between(lambda i, n, b: i * ceil(1, n, b), lambda i, n, b: (i + 1) * ceil(1, n, b)),
        ),
        (FIXED.format("ceil(H / bins)"), lambda: between(floor, lambda i, n, b: floor(i, n, b) + ceil(1, n, b))),
        (
            FIXED.format("H - (bins - 1) * (H // bins)"),
            lambda: between(lambda i, n, b: i * (n // b), lambda i, n, b: i * (n // b) + n - (b - 1) * (n // b)),
        ),
        ("the height was used for the columns, too; they divide the width.", lambda: same_edges(height)),
        ("the width was used for the rows, too; they divide the height.", lambda: same_edges(width)),
        ("height and width are exchanged: rows divide the height, columns the width.", exchanged),
    ]


def usual_average_errors(x: Tensor, bins: int) -> UsualErrors:
    height, width = x.shape[-2:]
    each = partial(cells, x, bins, floor, stop_at(ceil))

    def divided_by(number: float) -> Tensor:
        return each(lambda cell: cell.sum(dim=(2, 3)) / number)

    return [
        ("the sum of each cell was taken, not its average.", partial(divided_by, 1)),
        (OWN_NUMBER.format("H * W / bins^2"), lambda: divided_by(height * width / bins**2)),
        (OWN_NUMBER.format("(H // bins) * (W // bins)"), lambda: divided_by((height // bins) * (width // bins))),
        (OWN_NUMBER.format("bins^2"), lambda: divided_by(bins**2)),
        (OWN_NUMBER.format("H * W"), lambda: divided_by(height * width)),
        ("the largest value of each cell was taken, not its average.", lambda: each(lambda cell: cell.amax((2, 3)))),
        ("the smallest value of each cell was taken, not its average.", lambda: each(lambda cell: cell.amin((2, 3)))),
        (
            "the median of each cell was taken, not its average.",
            lambda: each(lambda cell: cell.flatten(2).median(dim=2).values),
        ),
        (PICKED, lambda: each(lambda cell: cell[:, :, 0, 0])),
        (PICKED, lambda: each(lambda cell: cell[:, :, cell.shape[2] // 2, cell.shape[3] // 2])),
        (PICKED, lambda: F.interpolate(x, size=(bins, bins), mode="nearest-exact")),
        (FOUR, lambda: F.interpolate(x, size=(bins, bins), mode="bilinear", align_corners=False)),
        (FOUR, lambda: F.interpolate(x, size=(bins, bins), mode="bilinear", align_corners=True)),
        (
            "antialiased interpolation weighs positions by their distance; in an average all weigh the same.",
            lambda: F.interpolate(x, size=(bins, bins), mode="bilinear", antialias=True),
        ),
        (CHANNELS, lambda: each(lambda cell: cell.mean(dim=(1, 2, 3)))),
        (CHANNELS, lambda: each(lambda cell: cell.mean(dim=(1, 2, 3), keepdim=True).flatten(1))),
        (
            CHANNELS,
            lambda: each(lambda cell: cell.mean(dim=(1, 2, 3), keepdim=True).expand(*x.shape[:2], 1, 1).flatten(1)),
        ),
        (IMAGES, lambda: each(lambda cell: cell.mean(dim=(0, 2, 3)))),
        (IMAGES, lambda: each(lambda cell: cell.mean(dim=(0, 2, 3), keepdim=True).flatten(1))),
        (IMAGES, lambda: each(lambda cell: average(cell).mean(dim=0, keepdim=True).expand(len(x), -1))),
        ("everything was averaged: give .mean() the two axes of the map.", lambda: each(lambda cell: cell.mean())),
    ]


def usual_result_errors(x: Tensor, bins: int) -> UsualErrors:
    height, width = x.shape[-2:]
    pooled = F.adaptive_avg_pool2d(x, bins)
    whole = x.mean(dim=(2, 3), keepdim=True)
    return [
        ("rows and columns of the result are exchanged.", lambda: pooled.transpose(2, 3)),
        ("the cells stand in one row; the result is (N, C, bins, bins).", lambda: pooled.flatten(2)),
        ("the cells stand in front; the result is (N, C, bins, bins).", lambda: pooled.permute(2, 3, 0, 1)),
        ("the cells stand before the channels; the result is (N, C, bins, bins).", lambda: pooled.permute(0, 2, 3, 1)),
        ("the axes of the cells are lost; the result is (N, C, bins, bins).", lambda: pooled.squeeze()),
        (
            "the cells were stacked in front and reshaped; they belong behind the channels.",
            lambda: pooled.permute(2, 3, 0, 1).reshape(pooled.shape),
        ),
        ("the average of the whole map was returned.", lambda: whole),
        ("every cell got the average of the whole map.", lambda: whole.expand_as(pooled)),
        ("only the rows were pooled.", lambda: F.adaptive_avg_pool2d(x, (bins, width))),
        ("only the columns were pooled.", lambda: F.adaptive_avg_pool2d(x, (height, bins))),
        ("only the first image was pooled, for all.", lambda: pooled[:1].expand_as(pooled)),
        ("only the first image was pooled.", lambda: pooled[:1]),
        ("the averages were rounded.", lambda: pooled.round()),
        (FIRST, lambda: pooled[:, :, :1, :1]),
        (FIRST, lambda: pooled[:, :, 0, 0]),
        ("only the last cell was kept: each pass of the loop replaces the one before.", lambda: pooled[:, :, -1, -1]),
        ("the last cell of each row and column is missing.", lambda: pooled[:, :, :-1, :-1]),
        (
            "the averages were spread over the map again; only the cells are asked.",
            lambda: F.interpolate(pooled, (height, width)),
        ),
        ("x was returned as it came.", lambda: x),
    ]


adaptive_average_pool = Judge(
    called=lambda case: f"adaptive_average_pool(x {tuple(case['x'].shape)} {case['dtype']}, bins={case['bins']})",
    find_fault=find_pool_fault,
    usual_errors=usual_pool_errors,
)
