"""Solutions of ex02's fc_to_conv, as students write them."""

import copy

import numpy as np
import torch
from torch import nn


def made(order=None, bias=None, **options):
    """A conversion whose weights are put together by `order`, whose bias by `bias`."""

    def fc_to_conv(fc, in_channels, kernel_size):
        o, c, k = fc.out_features, in_channels, kernel_size
        named = {"bias": fc.bias is not None, "dtype": fc.weight.dtype, **options}
        conv = nn.Conv2d(c, o, k, **{name: value(k) if callable(value) else value for name, value in named.items()})
        flat = fc.weight.data
        conv.weight.data = (order(flat, o, c, k) if order else flat.reshape(o, c, k, k)).contiguous().clone()
        if conv.bias is not None and fc.bias is not None:
            conv.bias.data = bias(fc.bias.data) if bias else fc.bias.data.clone()
        return conv

    return fc_to_conv


def forgets_weights(fc, in_channels, kernel_size):
    return nn.Conv2d(in_channels, fc.out_features, kernel_size, bias=fc.bias is not None, dtype=fc.weight.dtype)


def forgets_bias(fc, in_channels, kernel_size):
    conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, bias=fc.bias is not None, dtype=fc.weight.dtype)
    conv.weight.data.copy_(fc.weight.view_as(conv.weight))
    return conv


def always_with_bias(fc, in_channels, kernel_size):
    conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, dtype=fc.weight.dtype)
    conv.weight.data.copy_(fc.weight.view_as(conv.weight))
    if fc.bias is not None:
        conv.bias.data.copy_(fc.bias)
    return conv


def asks_not_for_bias(fc, in_channels, kernel_size):
    conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, dtype=fc.weight.dtype)
    conv.weight = nn.Parameter(fc.weight.data.view(fc.out_features, in_channels, kernel_size, kernel_size))
    conv.bias = nn.Parameter(fc.bias.data)
    return conv


def without_bias(fc, in_channels, kernel_size):
    conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, bias=False, dtype=fc.weight.dtype)
    conv.weight.data.copy_(fc.weight.view_as(conv.weight))
    return conv


def float32_always(fc, in_channels, kernel_size):
    conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, bias=fc.bias is not None)
    with torch.no_grad():
        conv.weight.copy_(fc.weight.view_as(conv.weight))
        if fc.bias is not None:
            conv.bias.copy_(fc.bias)
    return conv


def bias_of_another_dtype(fc, in_channels, kernel_size):
    conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, bias=fc.bias is not None)
    conv.weight = nn.Parameter(fc.weight.detach().view_as(conv.weight))
    if fc.bias is not None:
        conv.bias.data.copy_(fc.bias)
    return conv


def through_float16(fc, in_channels, kernel_size):
    conv = made()(fc, in_channels, kernel_size)
    conv.weight.data = conv.weight.data.half().to(fc.weight.dtype)
    return conv


def plain_tensor(fc, in_channels, kernel_size):
    conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, dtype=fc.weight.dtype)
    conv.weight = fc.weight.view(fc.out_features, in_channels, kernel_size, kernel_size)
    return conv


def no_parameter(fc, in_channels, kernel_size):
    conv = made()(fc, in_channels, kernel_size)
    del conv.weight
    conv.weight = fc.weight.view(fc.out_features, in_channels, kernel_size, kernel_size)
    return conv


def bias_no_parameter(fc, in_channels, kernel_size):
    conv = made()(fc, in_channels, kernel_size)
    if fc.bias is not None:
        del conv.bias
        conv.bias = fc.bias.detach()
    return conv


def frozen(fc, in_channels, kernel_size):
    return made()(fc, in_channels, kernel_size).requires_grad_(False)


def half_frozen(fc, in_channels, kernel_size):
    conv = made()(fc, in_channels, kernel_size)
    conv.weight = nn.Parameter(conv.weight.data, requires_grad=False)
    return conv


class Cut(nn.Conv2d):
    def forward(self, x):
        return super().forward(x).detach()


def cut_off(fc, in_channels, kernel_size):
    conv = made()(fc, in_channels, kernel_size)
    conv.__class__ = Cut
    return conv


def copies_with_gradients(fc, in_channels, kernel_size):
    conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, bias=fc.bias is not None, dtype=fc.weight.dtype)
    conv.weight.copy_(fc.weight.reshape(fc.out_features, in_channels, kernel_size, kernel_size))
    return conv


def copies_without_reshape(fc, in_channels, kernel_size):
    conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, bias=fc.bias is not None, dtype=fc.weight.dtype)
    conv.weight.data.copy_(fc.weight)
    return conv


def assigns_without_reshape(fc, in_channels, kernel_size):
    conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, bias=fc.bias is not None, dtype=fc.weight.dtype)
    conv.weight = nn.Parameter(fc.weight.data)
    return conv


def loads_state(fc, in_channels, kernel_size):
    conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, bias=fc.bias is not None)
    conv.load_state_dict(fc.state_dict())
    return conv


def bias_as_flag(fc, in_channels, kernel_size):
    return nn.Conv2d(in_channels, fc.out_features, kernel_size, bias=fc.bias)


def without_channels(fc, in_channels, kernel_size):
    conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, dtype=fc.weight.dtype)
    conv.weight.data = fc.weight.data.view(fc.out_features, kernel_size, kernel_size)
    return conv


def reshapes_fc_itself(fc, in_channels, kernel_size):
    conv = made()(fc, in_channels, kernel_size)
    fc.weight.data = fc.weight.data.view(fc.out_features, in_channels, kernel_size, kernel_size)
    conv.weight = fc.weight
    return conv


def freezes_fc(fc, in_channels, kernel_size):
    fc.requires_grad_(False)
    return made()(fc, in_channels, kernel_size)


def takes_bias_away(fc, in_channels, kernel_size):
    conv = made()(fc, in_channels, kernel_size)
    fc.bias = None
    return conv


def halves_fc(fc, in_channels, kernel_size):
    conv = made()(fc, in_channels, kernel_size)
    fc.float()
    return conv


def evaluates_fc(fc, in_channels, kernel_size):
    return made()(fc.eval(), in_channels, kernel_size)


def zeroes_fc(fc, in_channels, kernel_size):
    conv = made()(fc, in_channels, kernel_size)
    fc.weight.data.zero_()
    return conv


def only_1x1(fc, in_channels, kernel_size):
    conv = nn.Conv2d(fc.in_features, fc.out_features, 1, bias=fc.bias is not None, dtype=fc.weight.dtype)
    conv.weight.data.copy_(fc.weight[:, :, None, None])
    if fc.bias is not None:
        conv.bias.data.copy_(fc.bias)
    return conv


def by_numpy(fc, in_channels, kernel_size):
    conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, dtype=fc.weight.dtype)
    conv.weight.data = torch.from_numpy(fc.weight.numpy().reshape(conv.weight.shape))
    return conv


def with_flatten(fc, in_channels, kernel_size):
    return nn.Sequential(nn.Flatten(), copy.deepcopy(fc))


def in_sequence(fc, in_channels, kernel_size):
    return nn.Sequential(made()(fc, in_channels, kernel_size), nn.Flatten())


def weights_alone(fc, in_channels, kernel_size):
    return fc.weight.view(fc.out_features, in_channels, kernel_size, kernel_size)


def a_function(fc, in_channels, kernel_size):
    conv = made()(fc, in_channels, kernel_size)
    return lambda x: conv(x)


def zero_bias_where_none(fc, in_channels, kernel_size):
    conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, dtype=fc.weight.dtype)
    conv.weight.data = fc.weight.data.view_as(conv.weight)
    conv.bias.data = torch.zeros_like(conv.bias) if fc.bias is None else fc.bias.data
    return conv


WRONG = {
    "channels last": (made(lambda w, o, c, k: w.view(o, k, k, c).permute(0, 3, 1, 2)), "channels last; nn.Flatten"),
    "columns first": (made(lambda w, o, c, k: w.view(o, k, k, c).permute(0, 3, 2, 1)), "columns, rows, channels"),
    "channels between": (made(lambda w, o, c, k: w.view(o, k, c, k).permute(0, 2, 1, 3)), "rows, channels, columns"),
    "channels last, not permuted": (made(lambda w, o, c, k: w.view(o, k, k, c)), r"shape \(5, 2, 2, 3\); asked is"),
    "in and out exchanged": (made(lambda w, o, c, k: w.view(c, o, k, k)), r"shape \(3, 5, 2, 2\); asked is"),
    "rows and columns": (made(lambda w, o, c, k: w.view(o, c, k, k).mT), "rows and columns of the kernel are exch"),
    "mirrored": (made(lambda w, o, c, k: w.view(o, c, k, k).flip(2, 3)), "the kernel was mirrored"),
    "upside down": (made(lambda w, o, c, k: w.view(o, c, k, k).flip(2)), "upside down"),
    "left and right": (made(lambda w, o, c, k: w.view(o, c, k, k).flip(3)), "columns are mirrored"),
    "channels reversed": (made(lambda w, o, c, k: w.view(o, c, k, k).flip(1)), "channels are in reverse order"),
    "transposed": (made(lambda w, o, c, k: w.T.reshape(o, c, k, k)), "fc.weight was transposed"),
    "transposed view": (made(lambda w, o, c, k: w.view(c, o, k, k).transpose(0, 1)), "fc.weight was transposed"),
    "other library's order": (made(lambda w, o, c, k: w.view(k, k, c, o).permute(3, 2, 0, 1)), "was transposed"),
    "scrambled": (made(lambda w, o, c, k: w.flip(0).view(o, c, k, k)), "but in another order than nn.Flatten's"),
    "averaged": (made(lambda w, o, c, k: w.view(o, c, k, k) / k**2), "divided by the size of the window"),
    "one place for all": (
        made(lambda w, o, c, k: w.view(o, c, k, k).mean((2, 3), keepdim=True).expand(-1, -1, k, k)),
        "every place of the kernel holds the same weights",
    ),
    "kernel of zeros": (made(lambda w, o, c, k: torch.zeros(o, c, k, k, dtype=w.dtype)), "the kernel is zero"),
    "random weights": (forgets_weights, "fc.weight did not arrive: .* random numbers"),
    "random bias": (forgets_bias, "fc.bias was forgotten: .* random numbers"),
    "bias of zeros": (made(bias=torch.zeros_like), "bias is zero; fc's was forgotten"),
    "another bias": (made(bias=torch.neg), "the convolution's bias is not fc's"),
    "never a bias": (without_bias, "the convolution has no bias, fc has one"),
    "always a bias": (always_with_bias, "the convolution has a bias, fc has none"),
    "bias not asked for": (asks_not_for_bias, r"fc.bias is None in a layer without bias"),
    "padding kept": (made(padding=lambda k: k // 2), r"has padding \(1, 1\)"),
    "same padding": (made(padding="same"), "has padding same"),
    "stride as the kernel": (made(stride=lambda k: k), r"has stride \(3, 3\)"),
    "dilated": (made(dilation=2), r"has dilation \(2, 2\)"),
    "float32 always": (float32_always, "(?s)conv.weight has another dtype than fc.*argument `dtype`"),
    "bias in float32": (bias_of_another_dtype, "conv.bias has another dtype than fc"),
    "rounded on the way": (through_float16, "rounded on their way"),
    "plain tensor": (plain_tensor, "a plain tensor was assigned"),
    "weight no parameter": (no_parameter, "(?s)conv.weight is no nn.Parameter.*no optimiser can train"),
    "bias no parameter": (bias_no_parameter, "conv.bias is no nn.Parameter"),
    "frozen": (frozen, "conv.weight does not require a gradient"),
    "weight frozen": (half_frozen, "conv.weight does not require a gradient"),
    "output detached": (cut_off, "(?s)cannot be trained.*backward"),
    "copy with gradients": (copies_with_gradients, r"while gradients are recorded; torch.no_grad\(\)"),
    "copy without reshape": (copies_without_reshape, "was not brought into the kernel's shape"),
    "parameter without reshape": (assigns_without_reshape, r"conv.weight has shape \(5, 12\); asked is"),
    "state without reshape": (loads_state, "was not brought into the kernel's shape"),
    "bias as a flag": (bias_as_flag, "passed as nn.Conv2d's `bias`"),
    "without channels": (without_channels, "in_channels is missing"),
    "fc reshaped": (reshapes_fc_itself, "(?s)changed the layer it was given: fc.weight.*made beside the old one"),
    "fc frozen": (freezes_fc, "changed the layer it was given: fc.weight, fc.bias"),
    "fc without bias": (takes_bias_away, "changed the layer it was given: fc.bias"),
    "fc in float32": (halves_fc, "changed the layer it was given: fc.weight, fc.bias"),
    "fc in eval mode": (evaluates_fc, "changed the layer it was given: fc's mode"),
    "fc zeroed": (zeroes_fc, "changed the layer it was given: fc.weight"),
    "always 1x1": (only_1x1, r"conv.weight has shape \(5, 12, 1, 1\); asked is"),
    "numpy with gradients": (by_numpy, "Can't call numpy"),
    "flatten and fc": (with_flatten, "(?s)returned a Sequential.*one nn.Conv2d is enough"),
    "conv in a sequence": (in_sequence, "(?s)returned a Sequential.*one nn.Conv2d is enough"),
    "weights alone": (weights_alone, "the weights alone were returned"),
    "fc itself": (lambda fc, in_channels, kernel_size: fc, "(?s)returned a Linear.*maps of one size only"),
    "a function": (a_function, "a function has no weights that could be trained"),
    "a class": (lambda fc, in_channels, kernel_size: nn.Conv2d, "the class itself was returned"),
    "no return": (lambda fc, in_channels, kernel_size: None, "ends without `return`"),
    "one argument": (lambda fc: fc, "TypeError"),
    "zeros where fc has no bias": (zero_bias_where_none, "the convolution has a bias, fc has none"),
}


def by_copy(fc, in_channels, kernel_size):
    conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, bias=fc.bias is not None).to(fc.weight.dtype)
    with torch.no_grad():
        conv.weight.copy_(fc.weight.view(fc.out_features, in_channels, kernel_size, kernel_size))
        if fc.bias is not None:
            conv.bias.copy_(fc.bias)
    return conv


def by_state_dict(fc, in_channels, kernel_size):
    conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, bias="bias" in fc.state_dict(), dtype=fc.weight.dtype)
    conv.load_state_dict({name: value.reshape(getattr(conv, name).shape) for name, value in fc.state_dict().items()})
    return conv.eval()


def sharing(fc, in_channels, kernel_size):
    conv = nn.Conv2d(in_channels, fc.out_features, (kernel_size, kernel_size), padding="valid", bias=False)
    conv.weight = nn.Parameter(fc.weight.unflatten(1, (in_channels, kernel_size, kernel_size)))
    conv.bias = fc.bias
    return conv


def by_numpy_and_loops(fc, in_channels, kernel_size):
    weight = fc.weight.detach().double().numpy()
    kernel = np.zeros((fc.out_features, in_channels, kernel_size, kernel_size))
    for channel in range(in_channels):
        for row in range(kernel_size):
            for column in range(kernel_size):
                kernel[:, channel, row, column] = weight[:, (channel * kernel_size + row) * kernel_size + column]
    conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, 1, 0, bias=fc.bias is not None)
    conv.weight.data = torch.from_numpy(kernel).to(fc.weight.dtype)
    if fc.bias is not None:
        conv.bias.data = fc.bias.data.clone()
    return conv


def by_transposes(fc, in_channels, kernel_size):
    conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, bias=False, dtype=fc.weight.dtype)
    kernel = fc.weight.detach().T.reshape(in_channels, kernel_size, kernel_size, -1).permute(3, 0, 1, 2)
    conv.weight.data[:] = kernel
    conv.register_parameter("bias", None if fc.bias is None else nn.Parameter(fc.bias.detach().clone()))
    return conv


def on_meta(fc, in_channels, kernel_size):
    """No random numbers are drawn for weights that are replaced."""
    options = {"bias": fc.bias is not None, "device": "meta", "dtype": fc.weight.dtype}
    conv = nn.Conv2d(in_channels, fc.out_features, kernel_size, **options)
    conv.weight = nn.Parameter(torch.stack(fc.weight.split(kernel_size**2, dim=1), 1).view(conv.weight.shape).detach())
    if fc.bias is not None:
        conv.bias = nn.Parameter(fc.bias.detach().clone())
    return conv


RIGHT = {
    "copy": by_copy,
    "state_dict": by_state_dict,
    "sharing": sharing,
    "numpy and loops": by_numpy_and_loops,
    "transposes": by_transposes,
    "data": made(),
    "meta device": on_meta,
}
