"""Solutions of ex06's boundary_iou, as students write them."""

import numpy as np
import torch
from torch.nn import functional as F


def window_minimum(mask, radius, beyond=0):
    """1 where the whole square of `radius` pixels around a pixel is in the mask; `beyond` is what lies outside."""
    height, width = mask.shape
    padded = np.pad(mask.astype(np.uint8), radius, constant_values=beyond)
    square = range(2 * radius + 1)
    return np.min([padded[y : y + height, x : x + width] for y in square for x in square], axis=0).astype(bool)


def band(mask, radius=1):
    return mask.astype(bool) & ~window_minimum(mask, radius)


def share(a, b, otherwise=np.nan):
    union = (a | b).sum()
    return (a & b).sum() / union if union else otherwise


def with_bands(make_band, otherwise=np.nan):
    def boundary_iou(a, b, radius=1):
        return share(make_band(a.astype(bool), radius), make_band(b.astype(bool), radius), otherwise)

    return boundary_iou


right_boundary = with_bands(band)


def dilated(mask, radius):
    return ~window_minimum(~mask, radius, beyond=1)


def rolled(mask, radius):
    steps = range(-radius, radius + 1)
    return mask & ~np.all([np.roll(mask, (y, x), (0, 1)) for y in steps for x in steps], axis=0)


def diamond(mask, radius):
    inner = mask
    for _ in range(radius):
        p = np.pad(inner, 1)
        inner = p[1:-1, 1:-1] & p[:-2, 1:-1] & p[2:, 1:-1] & p[1:-1, :-2] & p[1:-1, 2:]
    return mask & ~inner


def disc(mask, radius):
    p, (height, width) = np.pad(mask, radius), mask.shape
    inner = mask.copy()
    for y in range(-radius, radius + 1):
        for x in range(-radius, radius + 1):
            if y * y + x * x <= radius * radius:
                inner &= p[radius + y : radius + y + height, radius + x : radius + x + width]
    return mask & ~inner


def forwards(mask, radius):
    p, (height, width) = np.pad(mask, (0, radius)), mask.shape
    steps = range(radius + 1)
    return mask & ~np.all([p[y : y + height, x : x + width] for y in steps for x in steps], axis=0)


def by_gradient(mask, radius):
    rows, columns = np.gradient(mask.astype(float))
    return (rows != 0) | (columns != 0)


def by_loops(mask, radius):
    height, width = mask.shape
    result = np.zeros_like(mask)
    for y in range(height):
        for x in range(width):
            window = mask[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
            result[y, x] = mask[y, x] and (window.size < (2 * radius + 1) ** 2 or not window.all())
    return result


def where_a_has_a_boundary(a, b, radius=1):
    return share(band(a, radius), b.astype(bool) & band(a, radius))


def where_b_has_a_boundary(a, b, radius=1):
    return share(a.astype(bool) & band(b, radius), band(b, radius))


def where_either_has_a_boundary(a, b, radius=1):
    either = band(a, radius) | band(b, radius)
    return share(a.astype(bool) & either, b.astype(bool) & either)


def in_place(a, b, radius=1):
    result = right_boundary(a, b, radius)
    a[window_minimum(a, radius)] = 0
    return result


def of_both_areas(a, b, radius=1):
    band_a, band_b = band(a, radius), band(b, radius)
    areas = band_a.sum() + band_b.sum()
    return (band_a & band_b).sum() / areas if areas else np.nan


def for_the_courses_metrics(a, b, radius=1):
    from segutils import metrics

    masks = (torch.from_numpy(mask.astype(np.int64)) for mask in (a, b))
    return float(metrics.boundary_iou(*masks, num_classes=2, radius=radius)[1])


WRONG = {
    "0 for empty masks": (with_bands(band, 0.0), "nan turned into 0"),
    "1 for empty masks": (with_bands(band, 1.0), "counted as 1"),
    "nan where one mask is empty": (
        lambda a, b, radius=1: right_boundary(a, b, radius) if a.any() and b.any() else np.nan,
        "although a mask has a boundary",
    ),
    "IoU": (lambda a, b, radius=1: share(a.astype(bool), b.astype(bool)), "this is IoU, not boundary IoU"),
    "no boundary at the border": (
        with_bands(lambda m, r: m & ~window_minimum(m, r, beyond=1)),
        "border of the image is no boundary",
    ),
    "np.roll": (with_bands(rolled), "np.roll"),
    "4 neighbours": (with_bands(diamond), "4 neighbours"),
    "Euclid": (with_bands(disc), "Euclid|4 neighbours"),
    "radius not used": (with_bands(lambda m, r: band(m)), "radius is not used"),
    "too narrow": (with_bands(lambda m, r: band(m, r - 1)), "too narrow|got nan"),
    "too wide": (with_bands(lambda m, r: band(m, r + 1)), "one pixel too wide"),
    "twice too wide": (with_bands(lambda m, r: band(m, 2 * r)), "too wide"),
    "one side": (with_bands(forwards), "only one side"),
    "both sides": (with_bands(lambda m, r: dilated(m, r) & ~window_minimum(m, r)), "on both sides"),
    "outside": (with_bands(lambda m, r: dilated(m, r) & ~m), "lies outside the mask"),
    "inside": (with_bands(window_minimum), "the inside was compared"),
    "gradient": (with_bands(by_gradient), "differs from the expected|on both sides"),
    "where a has a boundary": (where_a_has_a_boundary, "boundary of a alone"),
    "where b has a boundary": (where_b_has_a_boundary, "boundary of b alone"),
    "where either has a boundary": (where_either_has_a_boundary, "wherever one of them"),
    "sum of areas": (of_both_areas, "union = sum of areas"),
    "Dice": (lambda a, b, radius=1: 2 * of_both_areas(a, b, radius), "this is Dice"),
    "distance": (lambda a, b, radius=1: 1 - right_boundary(a, b, radius), "1 - boundary IoU"),
    "smoothed": (
        lambda a, b, radius=1: (
            ((band(a, radius) & band(b, radius)).sum() + 1e-6) / ((band(a, radius) | band(b, radius)).sum() + 1e-6)
        ),
        "a constant",
    ),
    "the bands": (lambda a, b, radius=1: band(a, radius) & band(b, radius), "not counted"),
    "a tensor": (lambda a, b, radius=1: torch.tensor(right_boundary(a, b, radius)), "returned a tensor"),
    "in place": (in_place, "changed what it was given: a"),
    "no return": (lambda a, b, radius=1: None, "without `return`"),
    "loops": (with_bands(by_loops), "loops over the pixels"),
    "the course's": (for_the_courses_metrics, "hands the task over to segutils.metrics"),
}


def by_cumulative_sums(mask, radius):
    size = 2 * radius + 1
    sums = np.pad(np.pad(mask.astype(np.int64), radius).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    inside = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    return mask & (inside < size * size)


def by_steps_of_one(mask, radius):
    inner = mask
    for _ in range(radius):
        inner = window_minimum(inner, 1)
    return mask & ~inner


def by_sliding_windows(mask, radius):
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(mask, radius), (2 * radius + 1, 2 * radius + 1))
    return mask & ~windows.all(axis=(2, 3))


def in_torch(a, b, radius=1):
    bands = []
    for mask in (a, b):
        outside = 1 - torch.tensor(mask.astype(np.float32))[None, None]
        outside = F.pad(outside, (radius,) * 4, value=1.0)
        near = F.max_pool2d(outside, 2 * radius + 1, stride=1)[0, 0] > 0
        bands.append(near & (torch.tensor(mask.astype(np.float32)) > 0))
    return ((bands[0] & bands[1]).sum() / (bands[0] | bands[1]).sum()).item()


def rows_then_columns(a, b, radius=1):
    def near_outside(mask):
        for axis in (0, 1):
            padded = np.pad(mask, [(radius, radius) if axis == other else (0, 0) for other in (0, 1)])
            pieces = [np.take(padded, range(k, k + mask.shape[axis]), axis) for k in range(2 * radius + 1)]
            mask = np.all(pieces, axis=0)
        return ~mask

    a, b = a > 0, b > 0
    a, b = a & near_outside(a), b & near_outside(b)
    return float(np.logical_and(a, b).sum() / np.float64(np.logical_or(a, b).sum()))


RIGHT = {
    "minimum of a window": right_boundary,
    "cumulative sums": with_bands(by_cumulative_sums),
    "steps of one": with_bands(by_steps_of_one),
    "sliding windows": with_bands(by_sliding_windows),
    "torch's pooling": in_torch,
    "rows, then columns": rows_then_columns,
}
