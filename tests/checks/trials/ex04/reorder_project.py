"""Solutions of ex04's reorder_project, as students write them."""

import numpy as np
import torch


def blocks(weight):
    return list(weight.split(weight.shape[0], dim=1))


def joined(parts):
    return torch.cat(parts, dim=1)


def right_order(weight, num_convs):
    return joined([weight[:, num_convs * weight.shape[0] :], weight[:, : num_convs * weight.shape[0]]])


def in_place(weight, num_convs):
    weight[:] = right_order(weight, num_convs)
    return weight


def written_over(weight, num_convs):
    result = weight.clone()
    result[:, : len(weight)] = weight[:, -len(weight) :]
    return result


def with_overwritten_source(weight, num_convs):
    channels = len(weight)
    result = weight.clone()
    result[:, :channels] = result[:, num_convs * channels :]
    result[:, channels:] = result[:, : num_convs * channels].clone()
    return result


def first_and_last_changed(weight, num_convs):
    parts = blocks(weight)
    parts[0], parts[-1] = parts[-1], parts[0]
    return joined(parts)


def interleaved(weight, num_convs):
    channels = len(weight)
    parts = weight.reshape(channels, channels, num_convs + 1, *weight.shape[2:])
    return parts.roll(1, dims=2).reshape(weight.shape)


def without_its_end(weight, num_convs):
    channels = len(weight)
    return joined([weight[:, num_convs * channels :], weight[:, : (num_convs - 1) * channels]])


def of_256_channels(weight, num_convs):
    return joined([weight[:, -256:], weight[:, :-256]])


WRONG = {
    "in float64": (lambda weight, num_convs: weight.roll(len(weight), dims=1).double(), "only the dtype"),
    "nothing moved": (lambda weight, num_convs: weight.clone(), "nothing was moved"),
    "itself": (lambda weight, num_convs: weight, "nothing was moved"),
    "the way back": (lambda weight, num_convs: joined([*blocks(weight)[1:], blocks(weight)[0]]), "the way back"),
    "roll the other way": (lambda weight, num_convs: weight.roll(-len(weight), dims=1), "the way back"),
    "one channel": (lambda weight, num_convs: joined([weight[:, -1:], weight[:, :-1]]), "a single channel was moved"),
    "num_convs channels": (lambda weight, num_convs: weight.roll(num_convs, dims=1), "num_convs channels were moved"),
    "channels reversed": (lambda weight, num_convs: weight.flip(1), "all channels were reversed"),
    "blocks reversed": (lambda weight, num_convs: joined(blocks(weight)[::-1]), "the blocks were reversed"),
    "first and last changed": (first_and_last_changed, "changed places"),
    "output channels": (lambda weight, num_convs: weight.roll(1, dims=0), "along dim=0, the output channels"),
    "roll without dims": (lambda weight, num_convs: weight.roll(len(weight)), "differs from the expected"),
    "joined along dim=0": (
        lambda weight, num_convs: torch.cat([weight[:, -len(weight) :], weight[:, : -len(weight)]]),
        "joined along dim=0|Sizes of tensors must match",
    ),
    "written over": (written_over, "stands twice; the last conv is missing|differs from the expected"),
    "overwritten source": (with_overwritten_source, "differs from the expected"),
    "pool missing": (lambda weight, num_convs: weight[:, : num_convs * len(weight)], "block is missing"),
    "pool twice": (lambda weight, num_convs: joined([weight[:, -len(weight) :], weight]), "left at the end as well"),
    "pool only": (lambda weight, num_convs: weight[:, num_convs * len(weight) :], "only the image pool's block"),
    "last conv missing": (without_its_end, "wrong shape"),
    "interleaved": (interleaved, "one block, the next map's another"),
    "one conv too few": (
        lambda weight, num_convs: weight.roll(weight.shape[1] // num_convs, dims=1),
        "num_convs blocks were counted",
    ),
    "256 channels": (of_256_channels, "nothing was moved|wrong shape|differs"),
    "kernel dropped": (lambda weight, num_convs: right_order(weight, num_convs)[:, :, 0, 0], "wrong shape"),
    "squeezed": (lambda weight, num_convs: right_order(weight, num_convs).squeeze(), "kernel's axes were dropped"),
    "in float32": (lambda weight, num_convs: right_order(weight, num_convs).float(), "expected float64, got float32"),
    "numpy": (lambda weight, num_convs: right_order(weight, num_convs).numpy(), "numpy array where a tensor was asked"),
    "a list": (lambda weight, num_convs: [blocks(weight)[-1], *blocks(weight)[:-1]], "a list where a tensor was asked"),
    "in place": (in_place, "changed what it was given: weight"),
    "no return": (lambda weight, num_convs: None, "without `return`"),
}


def by_index(weight, num_convs):
    order = torch.arange(weight.shape[1]).reshape(num_convs + 1, -1)
    return weight[:, order[[num_convs, *range(num_convs)]].flatten()]


def by_filling(weight, num_convs):
    channels = weight.shape[1] // (num_convs + 1)
    result = torch.empty_like(weight)
    result[:, :channels] = weight[:, -channels:]
    result[:, channels:] = weight[:, :-channels]
    return result


def by_an_axis_of_maps(weight, num_convs):
    maps = weight.unflatten(1, (num_convs + 1, -1))  # (out, maps, channels, k, k)
    return torch.roll(maps, 1, dims=1).flatten(1, 2)


def by_numpy_index(weight, num_convs):
    channels = len(weight)
    order = np.r_[num_convs * channels : (num_convs + 1) * channels, 0 : num_convs * channels]
    return weight.index_select(1, torch.from_numpy(order))


RIGHT = {
    "two pieces": right_order,
    "roll": lambda weight, num_convs: torch.roll(weight, weight.shape[0], 1),
    "blocks": lambda weight, num_convs: joined([blocks(weight)[-1], *blocks(weight)[:-1]]),
    "an index": by_index,
    "filling": by_filling,
    "an axis of maps": by_an_axis_of_maps,
    "numpy's index": by_numpy_index,
}
