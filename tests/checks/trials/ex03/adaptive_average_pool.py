"""Solutions of ex03's adaptive_average_pool, as students write them."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def floor(index, size, bins):
    return index * size // bins


def ceil(index, size, bins):
    return math.ceil(index * size / bins)


def from_cells(x, bins, start, stop, value):
    rows = []
    for i in range(bins):
        row = []
        for j in range(bins):
            top, bottom = start(i, x.shape[2], bins), stop(i, x.shape[2], bins)
            left, right = start(j, x.shape[3], bins), stop(j, x.shape[3], bins)
            row.append(value(x[:, :, top:bottom, left:right]))
        rows.append(torch.stack(row, dim=-1))
    return torch.stack(rows, dim=-2)


def average(cell):
    return cell.mean(dim=(2, 3))


def next_ceil(index, size, bins):
    return ceil(index + 1, size, bins)


def with_edges(start, stop):
    return lambda x, bins: from_cells(x, bins, start, stop, average)


def with_value(value):
    return lambda x, bins: from_cells(x, bins, floor, next_ceil, value)


# ---- wrong


def by_average_pooling(x, bins):
    return F.avg_pool2d(x, (x.shape[2] // bins, x.shape[3] // bins))


def by_larger_windows(x, bins):
    stride = (x.shape[2] // bins, x.shape[3] // bins)
    kernel = (x.shape[2] - (bins - 1) * stride[0], x.shape[3] - (bins - 1) * stride[1])
    return F.avg_pool2d(x, kernel, stride)


def by_chunks(x, bins):
    rows = [row.mean(dim=2) for row in x.chunk(bins, dim=2)]
    return torch.stack([torch.stack([part.mean(dim=2) for part in r.chunk(bins, 2)], -1) for r in rows], -2)


def by_tensor_split(x, bins):
    rows = [row.mean(dim=2) for row in x.tensor_split(bins, dim=2)]
    return torch.stack([torch.stack([p.mean(dim=2) for p in r.tensor_split(bins, 2)], -1) for r in rows], -2)


def by_resizing(x, bins):
    return F.interpolate(x, size=(bins, bins), mode="bilinear", align_corners=False)


def by_picking(x, bins):
    return F.interpolate(x, size=(bins, bins))


def same_edges_for_columns(x, bins):
    out = x.new_zeros(*x.shape[:2], bins, bins)
    edges = [(floor(i, x.shape[2], bins), next_ceil(i, x.shape[2], bins)) for i in range(bins)]
    for i, (top, bottom) in enumerate(edges):
        for j, (left, right) in enumerate(edges):
            out[:, :, i, j] = x[:, :, top:bottom, left:right].mean(dim=(2, 3))
    return out


def exchanged_height_and_width(x, bins):
    width, height = x.shape[-2:]
    out = x.new_zeros(*x.shape[:2], bins, bins)
    for i in range(bins):
        for j in range(bins):
            rows = slice(floor(i, height, bins), next_ceil(i, height, bins))
            columns = slice(floor(j, width, bins), next_ceil(j, width, bins))
            out[:, :, i, j] = x[:, :, rows, columns].mean(dim=(2, 3))
    return out


def transposed(x, bins):
    return from_cells(x, bins, floor, next_ceil, average).transpose(-1, -2)


def flat(x, bins):
    return from_cells(x, bins, floor, next_ceil, average).flatten(2)


def fixed_area(x, bins):
    return with_value(lambda cell: cell.sum(dim=(2, 3)) / (x.shape[2] * x.shape[3] / bins**2))(x, bins)


def rounded_down_area(x, bins):
    return with_value(lambda cell: cell.sum(dim=(2, 3)) / ((x.shape[2] // bins) * (x.shape[3] // bins)))(x, bins)


def filled_in_single_precision(x, bins):
    out = torch.zeros(*x.shape[:2], bins, bins)
    for i in range(bins):
        for j in range(bins):
            rows = slice(floor(i, x.shape[2], bins), next_ceil(i, x.shape[2], bins))
            columns = slice(floor(j, x.shape[3], bins), next_ceil(j, x.shape[3], bins))
            out[:, :, i, j] = x[:, :, rows, columns].mean(dim=(2, 3))
    return out


def in_double_precision(x, bins):
    return from_cells(x.double(), bins, floor, next_ceil, average)


def in_numpy(x, bins):
    return from_cells(x, bins, floor, next_ceil, average).detach().numpy()


def through_numpy(x, bins):
    a = x.detach().double().numpy()
    rows = [slice(floor(i, a.shape[2], bins), next_ceil(i, a.shape[2], bins)) for i in range(bins)]
    columns = [slice(floor(j, a.shape[3], bins), next_ceil(j, a.shape[3], bins)) for j in range(bins)]
    out = np.array([[a[:, :, r, c].mean(axis=(2, 3)) for c in columns] for r in rows])
    return torch.from_numpy(out.transpose(2, 3, 0, 1)).to(x.dtype)


def by_items(x, bins):
    out = x.new_zeros(*x.shape[:2], bins, bins)
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            for i in range(bins):
                for j in range(bins):
                    rows = slice(floor(i, x.shape[2], bins), next_ceil(i, x.shape[2], bins))
                    columns = slice(floor(j, x.shape[3], bins), next_ceil(j, x.shape[3], bins))
                    out[n, c, i, j] = x[n, c, rows, columns].mean().item()
    return out


def in_place(x, bins):
    out = from_cells(x, bins, floor, next_ceil, average)
    with torch.no_grad():
        x[:, :, : min(bins, x.shape[2])] = 0
    return out


def returned_too_early(x, bins):
    for _ in range(bins):
        return x[:, :, : next_ceil(0, x.shape[2], bins), : next_ceil(0, x.shape[3], bins)].mean(dim=(2, 3))


def last_cell_alone(x, bins):
    for i in range(bins):
        for j in range(bins):
            cell = x[:, :, floor(i, x.shape[2], bins) :, floor(j, x.shape[3], bins) :]
            out = cell.mean(dim=(2, 3))
    return out


def without_return(x, bins):
    from_cells(x, bins, floor, next_ceil, average)


def as_a_list(x, bins):
    return from_cells(x, bins, floor, next_ceil, average).tolist()


def delegated_in_some_cases(x, bins):
    if x.shape[2] % bins == 0 and x.shape[3] % bins == 0:
        return F.adaptive_avg_pool2d(x, bins)
    return from_cells(x, bins, floor, next_ceil, average)


def with_dropout(x, bins):
    return F.dropout(from_cells(x, bins, floor, next_ceil, average), 0.2)


def by_reshape(x, bins):
    batch, channels, height, width = x.shape
    return x.reshape(batch, channels, bins, height // bins, bins, width // bins).mean(dim=(3, 5))


def stacked_in_front(x, bins):
    rows, columns = ([slice(i * n // bins, -(-(i + 1) * n // bins)) for i in range(bins)] for n in x.shape[2:])
    pooled = [x[:, :, row, column].mean(dim=(2, 3)) for row in rows for column in columns]
    return torch.stack(pooled).reshape(*x.shape[:2], bins, bins)


WRONG = {
    "average pooling": (by_average_pooling, "all cells have the same size, H // bins"),
    "larger windows": (by_larger_windows, "all cells have the same size, H - "),
    "fixed cells from the floor": (
        with_edges(floor, lambda i, n, b: floor(i, n, b) + max(n // b, 1)),
        "all cells have the same size, H // bins",
    ),
    "fixed cells of the ceiling": (
        with_edges(floor, lambda i, n, b: floor(i, n, b) + ceil(1, n, b)),
        r"all cells have the same size, ceil\(H / bins\)",
    ),
    "step of the floor": (
        with_edges(lambda i, n, b: i * (n // b), lambda i, n, b: (i + 1) * (n // b)),
        "all cells have the same size, H // bins",
    ),
    "floor at both ends": (with_edges(floor, lambda i, n, b: floor(i + 1, n, b)), "stops at the floor"),
    "ceil at both ends": (with_edges(ceil, next_ceil), "starts at the ceil"),
    "floor and ceil exchanged": (with_edges(ceil, lambda i, n, b: floor(i + 1, n, b)), "exchanged"),
    "rounded": (
        with_edges(lambda i, n, b: round(i * n / b), lambda i, n, b: round((i + 1) * n / b)),
        "edges are rounded",
    ),
    "end excluded twice": (with_edges(floor, lambda i, n, b: ceil(i + 1, n, b) - 1), "excluded already"),
    "end included": (with_edges(floor, lambda i, n, b: ceil(i + 1, n, b) + 1), "a row and a column too many"),
    "floor plus one": (with_edges(floor, lambda i, n, b: floor(i + 1, n, b) + 1), r"floor\(...\) \+ 1"),
    "chunks": (by_chunks, "torch.chunk|cut into parts"),
    "tensor_split": (by_tensor_split, "cut into parts"),
    "bilinear": (by_resizing, "bilinear interpolation"),
    "nearest": (by_picking, "one value of each cell was picked"),
    "same edges for columns": (same_edges_for_columns, "the height was used for the columns"),
    "height and width exchanged": (exchanged_height_and_width, "height and width are exchanged"),
    "transposed": (transposed, "rows and columns of the result are exchanged"),
    "flat": (flat, "the cells stand in one row"),
    "sum": (with_value(lambda cell: cell.sum(dim=(2, 3))), "the sum of each cell"),
    "maximum": (with_value(lambda cell: cell.amax(dim=(2, 3))), "the largest value"),
    "median": (with_value(lambda cell: cell.flatten(2).median(dim=2).values), "the median"),
    "first of each cell": (with_value(lambda cell: cell[:, :, 0, 0]), "one value of each cell was picked"),
    "fixed area": (fixed_area, r"H \* W / bins\^2"),
    "rounded down area": (rounded_down_area, r"\(H // bins\) \* \(W // bins\)"),
    "channels averaged": (with_value(lambda cell: cell.mean(dim=(1, 2, 3))), "the channels were averaged"),
    "everything averaged": (with_value(lambda cell: cell.mean()), "everything was averaged"),
    "images averaged": (
        lambda x, b: with_value(average)(x.mean(dim=0, keepdim=True).expand_as(x), b),
        "the images were averaged",
    ),
    "global average": (lambda x, bins: x.mean(dim=(2, 3), keepdim=True), "average of the whole map"),
    "single precision": (filled_in_single_precision, "keeps the dtype of what came in"),
    "double precision": (in_double_precision, "keeps the dtype of what came in"),
    "numpy returned": (in_numpy, "a numpy array where a tensor was asked"),
    "through numpy": (through_numpy, "cuts gradients off"),
    "items": (by_items, "cuts gradients off"),
    "detached": (lambda x, b: with_value(average)(x.detach(), b), "cuts gradients off"),
    "in place": (in_place, "changed what it was given: x"),
    "return in the loop": (returned_too_early, "stands inside the loop"),
    "last cell alone": (last_cell_alone, "each pass of the loop replaces"),
    "no return": (without_return, "without `return`"),
    "a list": (as_a_list, "a list where a tensor was asked"),
    "dropout": (with_dropout, "two different results"),
    "handed over": (F.adaptive_avg_pool2d, "torch's own adaptive pooling"),
    "handed over to a module": (lambda x, bins: nn.AdaptiveAvgPool2d(bins)(x), "torch's own adaptive pooling"),
    "handed over by area": (lambda x, b: F.interpolate(x, size=(b, b), mode="area"), "torch's own adaptive pooling"),
    "handed over in one dimension": (
        lambda x, b: F.adaptive_avg_pool1d(F.adaptive_avg_pool1d(x[0], b).transpose(1, 2), b).transpose(1, 2)[None],
        "torch's own adaptive pooling",
    ),
    "handed over in some cases": (delegated_in_some_cases, "torch's own adaptive pooling"),
    "handed over to an operator": (
        lambda x, b: torch.ops.aten._adaptive_avg_pool2d(x, [b, b]),
        "torch's own adaptive pooling",
    ),
    "by reshape": (by_reshape, "H // bins"),
    "stacked in front": (stacked_in_front, "stacked in front and reshaped"),
}

# ---- right


def filling_a_tensor(x, bins):
    height, width = x.shape[-2:]
    out = torch.empty(*x.shape[:2], bins, bins, dtype=x.dtype)
    for i in range(bins):
        for j in range(bins):
            rows = slice(i * height // bins, -(-(i + 1) * height // bins))
            columns = slice(j * width // bins, -(-(j + 1) * width // bins))
            out[:, :, i, j] = x[:, :, rows, columns].mean(dim=(-1, -2))
    return out


def memberships(size, bins, dtype):
    """(bins, size): the share that each position has in each cell."""
    inside = torch.zeros(bins, size, dtype=dtype)
    for i in range(bins):
        inside[i, math.floor(i * size / bins) : math.ceil((i + 1) * size / bins)] = 1
    return inside / inside.sum(dim=1, keepdim=True)


def by_matrices(x, bins):
    rows, columns = (memberships(size, bins, x.dtype) for size in x.shape[-2:])
    return rows @ x @ columns.T


def by_einsum(x, bins):
    rows, columns = (memberships(size, bins, x.dtype) for size in x.shape[-2:])
    return torch.einsum("ih,jw,nchw->ncij", rows, columns, x)


def by_sums_from_the_corner(x, bins):
    height, width = x.shape[-2:]
    sums = F.pad(x.cumsum(2).cumsum(3), (1, 0, 1, 0))
    top, left = (torch.arange(bins) * size // bins for size in (height, width))
    bottom, right = (-(-(torch.arange(bins) + 1) * size // bins) for size in (height, width))
    total = (
        sums[:, :, bottom][..., right]
        - sums[:, :, top][..., right]
        - sums[:, :, bottom][..., left]
        + sums[:, :, top][..., left]
    )
    return total / ((bottom - top)[:, None] * (right - left))


def in_full_precision_inside(x, bins):
    return from_cells(x.double(), bins, floor, next_ceil, average).to(x.dtype)


def one_axis_after_the_other(x, bins):
    for axis in (-1, -2):
        size = x.shape[axis]
        x = torch.cat(
            [x.narrow(axis, s := i * size // bins, ceil(i + 1, size, bins) - s).mean(axis, True) for i in range(bins)],
            dim=axis,
        )
    return x


def position_by_position(x, bins):
    height, width = x.shape[-2:]
    cells = []
    for i in range(bins):
        for j in range(bins):
            total, number = 0, 0
            for row in range(floor(i, height, bins), next_ceil(i, height, bins)):
                for column in range(floor(j, width, bins), next_ceil(j, width, bins)):
                    total, number = total + x[:, :, row, column], number + 1
            cells.append(total / number)
    return torch.stack(cells, dim=-1).reshape(*x.shape[:2], bins, bins)


RIGHT = {
    "cells in a list": with_value(average),
    "filling a tensor": filling_a_tensor,
    "by matrices": by_matrices,
    "by einsum": by_einsum,
    "sums from the corner": by_sums_from_the_corner,
    "full precision inside": in_full_precision_inside,
    "one axis after the other": one_axis_after_the_other,
    "position by position": position_by_position,
}
