"""Solutions of ex02's challenge, upsample, as students write them."""

import torch
from torch import nn
from torch.nn import functional as F


def bilinear_kernel(channels, stride):
    k = 2 * stride - stride % 2
    line = 1 - (torch.arange(k) - (k - 1) / 2).abs() / stride
    return torch.outer(line, line).repeat(channels, 1, 1, 1)


def wide_kernel(channels, stride):
    line = 1 - (torch.arange(2 * stride) - stride + 0.5).abs() / stride
    return torch.outer(line, line).repeat(channels, 1, 1, 1)


def stamps(padding=lambda s: s // 2, kernel=bilinear_kernel, groups=lambda c: c, after=lambda y: y, **options):
    def upsample(x, stride):
        channels = x.shape[1]
        weight = kernel(channels, stride).to(x.dtype)
        named = {name: value(stride) for name, value in {"stride": lambda s: s, **options}.items()}
        return after(F.conv_transpose2d(x, weight, padding=padding(stride), groups=groups(channels), **named))

    return upsample


right = stamps()


def sized(x, stride):
    return x.shape[-2] * stride, x.shape[-1] * stride


def cut_at_the_end(x, stride):
    height, width = sized(x, stride)
    return stamps(lambda s: 0)(x, stride)[..., :height, :width]


def cut_at_the_start(x, stride):
    height, width = sized(x, stride)
    return stamps(lambda s: 0)(x, stride)[..., -height:, -width:]


def normalised_by_share(x, stride):
    return right(x, stride) / right(torch.ones_like(x), stride)


def channels_mixed(x, stride):
    weight = bilinear_kernel(x.shape[1], stride).to(x.dtype).repeat(1, x.shape[1], 1, 1)
    return F.conv_transpose2d(x, weight, stride=stride, padding=stride // 2)


def float32_kernel(x, stride):
    return F.conv_transpose2d(
        x, bilinear_kernel(x.shape[1], stride), stride=stride, padding=stride // 2, groups=x.shape[1]
    )


def in_float32(x, stride):
    return right(x.float(), stride)


def zeros_between(x, stride):
    y = x.new_zeros(*x.shape[:2], *sized(x, stride))
    y[..., ::stride, ::stride] = x
    return y


def doubled_again_and_again(x, stride):
    for _ in range(stride.bit_length() - 1):
        x = right(x, 2)
    return x


def in_place(x, stride):
    x *= 1.0 + 1e-3
    return right(x, stride)


def repeated_border(x, stride):
    return right(F.pad(x, (1, 1, 1, 1), mode="replicate"), stride)[..., stride:-stride, stride:-stride]


def learned(x, stride):
    up = nn.ConvTranspose2d(x.shape[1], x.shape[1], 2 * stride, stride, stride // 2, groups=x.shape[1])
    return up.to(x.dtype)(x)


class Enlarge(nn.ConvTranspose2d):
    def __init__(self, channels, stride):
        super().__init__(channels, channels, 2 * stride - stride % 2, stride, stride // 2, groups=channels, bias=False)
        self.weight = nn.Parameter(bilinear_kernel(channels, stride), requires_grad=False)


WRONG = {
    "interpolate": (lambda x, s: F.interpolate(x, scale_factor=s, mode="bilinear"), "repeats the border's values"),
    "nn.Upsample": (
        lambda x, s: nn.Upsample(size=sized(x, s), mode="bilinear", align_corners=False)(x),
        "F.interpolate was used, or what equals it",
    ),
    "border repeated": (repeated_border, "repeats the border's values"),
    "border mended": (normalised_by_share, "repeats the border's values"),
    "align_corners": (
        lambda x, s: F.interpolate(x, scale_factor=s, mode="bilinear", align_corners=True),
        "align_corners=True was used",
    ),
    "nearest": (lambda x, s: F.interpolate(x, scale_factor=s), "nearest neighbours"),
    "bicubic": (lambda x, s: F.interpolate(x, scale_factor=s, mode="bicubic"), "bicubic"),
    "not cropped": (stamps(lambda s: 0), "the stamps were not cropped"),
    "cropped at the end": (cut_at_the_end, "cropped at one end only"),
    "cropped at the start": (cut_at_the_start, "cropped at one end only"),
    "padding 0, output_padding": (stamps(lambda s: 0, output_padding=lambda s: s - 1), "another padding"),
    "padding 1": (stamps(lambda s: 1), "another padding"),
    "padding of a convolution": (stamps(lambda s: (2 * s - s % 2 - 1) // 2), "another padding"),
    "padding half the kernel": (stamps(lambda s: (2 * s - s % 2) // 2), "another padding"),
    "padding stride": (stamps(lambda s: s), "another padding"),
    "padding rounded up": (stamps(lambda s: (s + 1) // 2), "another padding"),
    "padding rounded down": (stamps(lambda s: (s - 1) // 2), "another padding"),
    "output_padding for odd strides": (stamps(output_padding=lambda s: s % 2), "another padding"),
    "too much, then extra": (stamps(lambda s: (s + 1) // 2, output_padding=lambda s: s % 2), "another padding"),
    "kernel 2 * stride": (stamps(lambda s: (s + 1) // 2, wide_kernel, output_padding=lambda s: s % 2), "half a pixel"),
    "groups forgotten": (stamps(groups=lambda c: 1), "`groups` is missing"),
    "channels mixed": (channels_mixed, "every channel was made from all channels"),
    "stride forgotten": (stamps(stride=lambda s: 1), "stride is missing"),
    "stride 2": (lambda x, s: right(x, 2), "the stride is taken to be 2"),
    "powers of two": (doubled_again_and_again, "the stride is taken to be 2"),
    "normalised": (
        stamps(kernel=lambda c, s: bilinear_kernel(c, s) / bilinear_kernel(1, s).sum()),
        "the kernel was normalised",
    ),
    "divided by stride": (stamps(kernel=lambda c, s: bilinear_kernel(c, s) / s), "the kernel was normalised"),
    "ones": (stamps(kernel=lambda c, s: torch.ones_like(bilinear_kernel(c, s))), "holds ones"),
    "kernel in float32": (float32_kernel, "its weights take the dtype of x"),
    "result in float32": (in_float32, "(?s)wrong dtype.*keeps the dtype of what came in"),
    "float32 for half": (
        lambda x, s: right(x.float() if x.dtype == torch.bfloat16 else x, s),
        "(?s)wrong dtype.*here bfloat16",
    ),
    "by way of float32": (lambda x, s: in_float32(x, s).to(x.dtype), "loses half of float64's digits"),
    "scaled": (stamps(after=lambda y: 4 * y), "the result was scaled"),
    "zeros between": (zeros_between, "with zeros between; the kernel fills the gaps"),
    "learned weights": (learned, "a layer made inside the function starts with random weights"),
    "in place": (in_place, "changed what it was given: x"),
    "detached": (lambda x, s: right(x.detach(), s), "(?s)no gradient flows back.*detach"),
    "numpy": (lambda x, s: right(x, s).detach().float().numpy(), "a numpy array where a tensor was asked"),
    "a module": (lambda x, s: Enlarge(x.shape[1], s), "a layer was returned; asked is what it makes"),
    "x as it came": (lambda x, s: x, "x was returned as it came"),
    "no return": (lambda x, s: None, "ends without `return`"),
    "one argument": (lambda x: x, "TypeError"),
    "rows and columns exchanged": (lambda x, s: right(x.mT, s), "rows and columns are exchanged"),
    "squeezed": (lambda x, s: right(x, s).squeeze(0), "batch's axis was squeezed"),
}


def by_module(x, stride):
    return Enlarge(x.shape[1], stride).to(x.dtype)(x)


def by_cropping(x, stride):
    channels, rim = x.shape[1], stride // 2
    full = F.conv_transpose2d(x, bilinear_kernel(channels, stride).to(x), stride=stride, groups=channels)
    return full[..., rim : full.shape[-2] - rim, rim : full.shape[-1] - rim]


def by_stamps(x, stride):
    n, c, h, w = x.shape
    kernel = bilinear_kernel(1, stride)[0, 0].to(x.dtype)
    k, rim = len(kernel), stride // 2
    full = x.new_zeros(n, c, (h - 1) * stride + k, (w - 1) * stride + k)
    for row in range(h):
        for column in range(w):
            stamp = x[:, :, row, column, None, None] * kernel
            full[:, :, row * stride : row * stride + k, column * stride : column * stride + k] += stamp
    return full[:, :, rim : rim + h * stride, rim : rim + w * stride]


def by_zeros_and_convolution(x, stride):
    n, c, h, w = x.shape
    spaced = x.new_zeros(n, c, (h - 1) * stride + 1, (w - 1) * stride + 1)
    spaced[..., ::stride, ::stride] = x
    k = 2 * stride - stride % 2
    return F.conv2d(spaced, bilinear_kernel(c, stride).to(x.dtype), padding=k - 1 - stride // 2, groups=c)


def with_zeros_around(x, stride):
    framed = F.pad(x, (1, 1, 1, 1))
    return F.interpolate(framed, scale_factor=stride, mode="bilinear")[..., stride:-stride, stride:-stride]


def channel_by_channel(x, stride):
    weight = bilinear_kernel(1, stride).to(x.dtype)
    maps = [F.conv_transpose2d(part, weight, None, stride, stride // 2) for part in x.split(1, dim=1)]
    return torch.cat(maps, dim=1)


def by_fold(x, stride):
    size = [length * stride for length in x.shape[-2:]]
    k = 2 * stride - stride % 2
    stamps = bilinear_kernel(1, stride).to(x.dtype).reshape(1, 1, k * k, 1) * x.flatten(2)[:, :, None]
    return F.fold(stamps.flatten(1, 2), size, k, stride=stride, padding=stride // 2)


def by_gradient_of_convolution(x, stride):
    n, channels, height, width = x.shape
    weight = bilinear_kernel(channels, stride).to(x.dtype)
    shape = (n, channels, height * stride, width * stride)
    return nn.grad.conv2d_input(shape, weight, x, stride=stride, padding=stride // 2, groups=channels)


def by_share(x, stride):
    """What F.interpolate gives, times the share of its weights that each pixel gets."""
    share = F.interpolate(F.pad(torch.ones_like(x), (1, 1, 1, 1)), scale_factor=stride, mode="bilinear")
    share = share[..., stride : share.shape[-2] - stride, stride : share.shape[-1] - stride]
    return F.interpolate(x, scale_factor=stride, mode="bilinear") * share


RIGHT = {
    "module": by_module,
    "cropping": by_cropping,
    "stamps": by_stamps,
    "zeros and convolution": by_zeros_and_convolution,
    "zeros around": with_zeros_around,
    "channel by channel": channel_by_channel,
    "fold": by_fold,
    "gradient of a convolution": by_gradient_of_convolution,
    "interpolate times share": by_share,
}
