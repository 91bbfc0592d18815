"""Solutions of ex05's separable_atrous_conv, as students write them."""

import torch
from torch import nn
from torch.nn import functional as F


def around(x, weight, rate, **options):
    defaults = {"padding": rate * (weight.shape[-1] // 2), "dilation": rate, "groups": x.shape[1]}
    return F.conv2d(x, weight, **{**defaults, **options})


def with_options(**options):
    """The right solution but for some options, each computed from k and the dilation."""

    def solution(x, depthwise_weight, pointwise_weight, dilation):
        k = depthwise_weight.shape[-1]
        changed = {name: value(k, dilation) for name, value in options.items()}
        return F.conv2d(around(x, depthwise_weight, dilation, **changed), pointwise_weight)

    return solution


# ---- wrong


def without_groups(x, depthwise_weight, pointwise_weight, dilation):
    padding = dilation * (depthwise_weight.shape[-1] // 2)
    return F.conv2d(F.conv2d(x, depthwise_weight, padding=padding, dilation=dilation), pointwise_weight)


def groups_in_both(x, depthwise_weight, pointwise_weight, dilation):
    return F.conv2d(around(x, depthwise_weight, dilation), pointwise_weight, groups=x.shape[1])


def pointwise_first(x, depthwise_weight, pointwise_weight, dilation):
    return around(F.conv2d(x, pointwise_weight), depthwise_weight, dilation)


def pointwise_dilated(x, depthwise_weight, pointwise_weight, dilation):
    return F.conv2d(around(x, depthwise_weight, 1), pointwise_weight, dilation=dilation)


def pointwise_padded(x, depthwise_weight, pointwise_weight, dilation):
    padding = dilation * (depthwise_weight.shape[-1] // 2)
    return F.conv2d(around(x, depthwise_weight, dilation), pointwise_weight, padding=padding)


def depthwise_alone(x, depthwise_weight, pointwise_weight, dilation):
    return around(x, depthwise_weight, dilation)


def pointwise_alone(x, depthwise_weight, pointwise_weight, dilation):
    return F.conv2d(x, pointwise_weight)


def weights_exchanged(x, depthwise_weight, pointwise_weight, dilation):
    return F.conv2d(around(x, pointwise_weight, dilation), depthwise_weight)


def relu_between(x, depthwise_weight, pointwise_weight, dilation):
    return F.conv2d(F.relu(around(x, depthwise_weight, dilation)), pointwise_weight)


def relu_behind(x, depthwise_weight, pointwise_weight, dilation):
    return F.relu(F.conv2d(around(x, depthwise_weight, dilation), pointwise_weight))


def two_relus(x, depthwise_weight, pointwise_weight, dilation):
    return F.relu(F.conv2d(F.relu(around(x, depthwise_weight, dilation)), pointwise_weight))


def normalised_between(x, depthwise_weight, pointwise_weight, dilation):
    seen = F.batch_norm(around(x, depthwise_weight, dilation), None, None, training=True)
    return F.conv2d(seen, pointwise_weight)


def flipped(x, depthwise_weight, pointwise_weight, dilation):
    return F.conv2d(around(x, depthwise_weight.flip(2, 3), dilation), pointwise_weight)


def kernel_transposed(x, depthwise_weight, pointwise_weight, dilation):
    return F.conv2d(around(x, depthwise_weight.mT, dilation), pointwise_weight)


def pointwise_transposed(x, depthwise_weight, pointwise_weight, dilation):
    mixing = pointwise_weight[:, :, 0, 0]
    if mixing.shape[0] == mixing.shape[1]:
        mixing = mixing.T
    return torch.einsum("oc,nchw->nohw", mixing, around(x, depthwise_weight, dilation))


def replicated_border(x, depthwise_weight, pointwise_weight, dilation):
    reach = dilation * (depthwise_weight.shape[-1] // 2)
    return F.conv2d(
        around(F.pad(x, (reach,) * 4, mode="replicate"), depthwise_weight, dilation, padding=0), pointwise_weight
    )


def padded_on_one_side(x, depthwise_weight, pointwise_weight, dilation):
    reach = dilation * (depthwise_weight.shape[-1] - 1)
    return F.conv2d(around(F.pad(x, (reach, 0, reach, 0)), depthwise_weight, dilation, padding=0), pointwise_weight)


def first_kernel_for_all(x, depthwise_weight, pointwise_weight, dilation):
    weight = depthwise_weight[0].expand(x.shape[1], 1, -1, -1)
    return F.conv2d(around(x, weight, dilation), pointwise_weight)


def with_a_skip(x, depthwise_weight, pointwise_weight, dilation):
    out = F.conv2d(around(x, depthwise_weight, dilation), pointwise_weight)
    return out + x if out.shape == x.shape else out


def by_new_modules(x, depthwise_weight, pointwise_weight, dilation):
    channels, _, k, _ = depthwise_weight.shape
    padding = dilation * (k // 2)
    depthwise = nn.Conv2d(channels, channels, k, padding=padding, dilation=dilation, groups=channels).to(x.dtype)
    return nn.Conv2d(channels, len(pointwise_weight), 1).to(x.dtype)(depthwise(x))


def by_copied_parameters(x, depthwise_weight, pointwise_weight, dilation):
    channels, _, k, _ = depthwise_weight.shape
    padding = dilation * (k // 2)
    depthwise = nn.Conv2d(channels, channels, k, padding=padding, dilation=dilation, groups=channels, bias=False)
    pointwise = nn.Conv2d(channels, len(pointwise_weight), 1, bias=False)
    depthwise.weight = nn.Parameter(depthwise_weight)
    pointwise.weight = nn.Parameter(pointwise_weight)
    return pointwise(depthwise(x))


def weights_in_place(x, depthwise_weight, pointwise_weight, dilation):
    depthwise_weight /= 1.01
    return F.conv2d(around(x, depthwise_weight, dilation), pointwise_weight)


def half_detached(x, depthwise_weight, pointwise_weight, dilation):
    return F.conv2d(around(x, depthwise_weight, dilation).detach(), pointwise_weight)


def weight_detached(x, depthwise_weight, pointwise_weight, dilation):
    return F.conv2d(around(x, depthwise_weight.data, dilation), pointwise_weight)


def in_single_precision(x, depthwise_weight, pointwise_weight, dilation):
    weights = depthwise_weight.float(), pointwise_weight.float()
    return F.conv2d(around(x.float(), weights[0], dilation), weights[1])


def back_in_single_precision(x, depthwise_weight, pointwise_weight, dilation):
    return in_single_precision(x, depthwise_weight, pointwise_weight, dilation).to(x.dtype)


def as_numpy(x, depthwise_weight, pointwise_weight, dilation):
    return F.conv2d(around(x, depthwise_weight, dilation), pointwise_weight).detach().float().numpy()


def without_return(x, depthwise_weight, pointwise_weight, dilation):
    F.conv2d(around(x, depthwise_weight, dilation), pointwise_weight)


def both_halves_returned(x, depthwise_weight, pointwise_weight, dilation):
    seen = around(x, depthwise_weight, dilation)
    return seen, F.conv2d(seen, pointwise_weight)


def with_dropout(x, depthwise_weight, pointwise_weight, dilation):
    return F.dropout(F.conv2d(around(x, depthwise_weight, dilation), pointwise_weight), 0.1)


def channels_summed(x, depthwise_weight, pointwise_weight, dilation):
    return around(x, depthwise_weight, dilation).sum(dim=1, keepdim=True).expand(-1, len(pointwise_weight), -1, -1)


def zeros_at_the_end(x, depthwise_weight, pointwise_weight, dilation):
    padding = dilation * (depthwise_weight.shape[-1] - 1)
    padded = F.pad(x, (0, padding, 0, padding))
    return F.conv2d(F.conv2d(padded, depthwise_weight, dilation=dilation, groups=x.shape[1]), pointwise_weight)


def copied_into_a_layer(x, depthwise_weight, pointwise_weight, dilation):
    channels, _, k, _ = depthwise_weight.shape
    layer = nn.Conv2d(channels, channels, k, padding="same", dilation=dilation, groups=channels, bias=False)
    with torch.no_grad():
        layer.weight.copy_(depthwise_weight)
    return F.conv2d(layer(x), pointwise_weight)


def kernels_spread(x, depthwise_weight, pointwise_weight, dilation):
    spread = depthwise_weight.expand(-1, x.shape[1], -1, -1)
    return F.conv2d(F.conv2d(x, spread, padding="same", dilation=dilation), pointwise_weight)


WRONG = {
    "no groups": (without_groups, "groups is missing"),
    "groups in both": (groups_in_both, "the pointwise half got groups"),
    "groups of the output": (
        lambda x, d, p, dilation: F.conv2d(around(x, d, dilation, groups=len(p)), p),
        "groups is the number of output channels",
    ),
    "no padding": (with_options(padding=lambda k, r: 0), "padding is missing"),
    "padding of the dilation": (with_options(padding=lambda k, r: r), "the padding is the dilation"),
    "padding of k": (with_options(padding=lambda k, r: k // 2), "the padding is k // 2"),
    "padding of one": (with_options(padding=lambda k, r: 1), "the padding is (1|k // 2);"),
    "padding rounded late": (with_options(padding=lambda k, r: r * k // 2), r"the padding is dilation \* k // 2"),
    "padding of both sides": (with_options(padding=lambda k, r: r * (k - 1)), r"the padding is dilation \* \(k - 1\)"),
    "no dilation": (with_options(dilation=lambda k, r: 1, padding=lambda k, r: k // 2), "dilation is not used"),
    "no dilation but its padding": (with_options(dilation=lambda k, r: 1), "dilation is not used"),
    "a dilation too large": (
        with_options(dilation=lambda k, r: r + 1, padding=lambda k, r: (r + 1) * (k // 2)),
        r"dilation \+ 1 positions apart",
    ),
    "a stride": (with_options(stride=lambda k, r: r), "stride was set to the dilation"),
    "pointwise first": (pointwise_first, "the channels were mixed first"),
    "pointwise dilated": (pointwise_dilated, "the pointwise half got the dilation|dilation is not used"),
    "pointwise padded": (pointwise_padded, "the pointwise half was padded"),
    "depthwise alone": (depthwise_alone, "pointwise half is missing"),
    "pointwise alone": (pointwise_alone, "depthwise half is missing"),
    "weights exchanged": (weights_exchanged, "two weights are exchanged"),
    "ReLU between": (relu_between, "a ReLU stands between"),
    "ReLU behind": (relu_behind, "a ReLU stands behind"),
    "two ReLUs": (two_relus, "Nor does one stand behind"),
    "normalised between": (normalised_between, "a batch normalisation stands between"),
    "flipped": (flipped, "the kernel was flipped"),
    "kernel transposed": (kernel_transposed, "rows and columns of the kernel"),
    "pointwise transposed": (pointwise_transposed, "rows and columns of the pointwise weight"),
    "replicated border": (replicated_border, "something other than zeros"),
    "padded on one side": (padded_on_one_side, "at the top and at the left"),
    "first kernel for all": (first_kernel_for_all, "the first kernel was used"),
    "a skip": (with_a_skip, "x was added to the result"),
    "new modules": (by_new_modules, "two different results"),
    "copied parameters": (by_copied_parameters, "cuts gradients off|nn.Parameter"),
    "weights in place": (weights_in_place, "changed what it was given: depthwise_weight"),
    "a half detached": (half_detached, "cuts gradients off"),
    "a weight detached": (weight_detached, "cuts gradients off"),
    "single precision": (in_single_precision, "keeps the dtype of what came in"),
    "back in single precision": (back_in_single_precision, "float32"),
    "numpy returned": (as_numpy, "a numpy array where a tensor was asked"),
    "no return": (without_return, "without `return`"),
    "both halves": (both_halves_returned, "more than one value"),
    "dropout": (with_dropout, "two different results"),
    "channels summed": (channels_summed, "without the pointwise weights"),
    "zeros at the end": (zeros_at_the_end, "at the bottom and at the right"),
    "copied into a layer": (copied_into_a_layer, "a new nn.Conv2d"),
    "kernels spread": (kernels_spread, "spread over all channels"),
}

# ---- right


def by_two_convolutions(x, depthwise_weight, pointwise_weight, dilation):
    k = depthwise_weight.shape[-1]
    padding = (k + (k - 1) * (dilation - 1)) // 2
    seen = F.conv2d(x, depthwise_weight, None, 1, padding, dilation, x.size(1))
    return F.conv2d(seen, pointwise_weight)


def by_same_padding(x, depthwise_weight, pointwise_weight, dilation):
    seen = F.conv2d(x, depthwise_weight, padding="same", dilation=dilation, groups=len(depthwise_weight))
    return torch.einsum("oc,nchw->nohw", pointwise_weight[..., 0, 0], seen)


def by_one_full_convolution(x, depthwise_weight, pointwise_weight, dilation):
    kernel = pointwise_weight * depthwise_weight.transpose(0, 1)
    return F.conv2d(x, kernel, padding=dilation * (kernel.shape[-1] // 2), dilation=dilation)


def channel_by_channel(x, depthwise_weight, pointwise_weight, dilation):
    reach = dilation * (depthwise_weight.shape[2] // 2)
    out = 0
    for c in range(x.shape[1]):
        seen = F.conv2d(x[:, c : c + 1], depthwise_weight[c : c + 1], padding=reach, dilation=dilation)
        out = out + pointwise_weight[:, c] * seen
    return out


def by_shifting(x, depthwise_weight, pointwise_weight, dilation):
    height, width = x.shape[-2:]
    k = depthwise_weight.shape[-1]
    reach = dilation * (k // 2)
    padded = F.pad(x, (reach, reach, reach, reach))
    seen = torch.zeros_like(x)
    for i in range(k):
        for j in range(k):
            window = padded[:, :, i * dilation : i * dilation + height, j * dilation : j * dilation + width]
            seen = seen + depthwise_weight[None, :, 0, i, j, None, None] * window
    return torch.tensordot(pointwise_weight.flatten(1), seen, dims=([1], [1])).transpose(0, 1)


def by_unfolding(x, depthwise_weight, pointwise_weight, dilation):
    channels, _, k, _ = depthwise_weight.shape
    columns = F.unfold(x, k, dilation=dilation, padding=dilation * (k // 2)).unflatten(1, (channels, k * k))
    seen = (columns * depthwise_weight.reshape(1, channels, k * k, 1)).sum(dim=2)
    return (pointwise_weight.flatten(1) @ seen).unflatten(2, x.shape[-2:])


RIGHT = {
    "two convolutions": by_two_convolutions,
    "same padding": by_same_padding,
    "one full convolution": by_one_full_convolution,
    "channel by channel": channel_by_channel,
    "by shifting": by_shifting,
    "by unfolding": by_unfolding,
}
