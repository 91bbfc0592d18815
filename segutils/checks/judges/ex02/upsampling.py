"""Judge of the challenge: enlarging by a transposed convolution with bilinear weights."""

import torch
from torch import Tensor
from torch.nn import functional as F

from segutils.checks.base import Answers, Case
from segutils.checks.judges.base import Fault, Judge, UsualErrors, find_wrong_result
from segutils.checks.judges.ex02.kernels import kernel, kernel_size
from segutils.checks.judges.ex02.skips import find_gradient_fault, is_half, name_result
from segutils.checks.probing import tensor_of


def enlarged(x: Tensor, stride: int) -> Tensor:
    """The stamps of all pixels, added and cropped alike at both ends: what lies outside the map is 0."""
    channels = x.shape[1]
    weight = kernel(channels, stride).to(x.dtype)
    return F.conv_transpose2d(x, weight, stride=stride, padding=stride // 2, groups=channels)


def find_upsample_fault(case: Case, answers: Answers) -> Fault | None:
    x = tensor_of(case, "x").requires_grad_()
    dtype, stride = str(case["dtype"]), int(case["stride"])
    expected = enlarged(x, stride)
    inexact = stride & (stride - 1)  # weights of bilinear_kernel are float32, and 1/3 has 7 digits there
    if inexact and dtype == str(answers.get("dtype")) == "float64":
        rounded = {**answers, "dtype": "float32"}
        fault = find_wrong_result(expected, rounded, ("float32",))
    else:
        fault = find_wrong_result(expected.float() if is_half(case) else expected, answers, (dtype,))
    if fault:
        return name_result(fault, answers, dtype)
    return find_gradient_fault(expected, {"x": x}, case, answers)


def usual_upsample_errors(case: Case) -> UsualErrors:
    x, stride = tensor_of(case, "x"), int(case["stride"])
    channels, k = x.shape[1], kernel_size(stride)
    height, width = (length * stride for length in x.shape[-2:])
    weight = kernel(channels, stride).to(x.dtype)

    def stamped(w: Tensor = weight, step: int = stride, groups: int = channels, **options: int) -> Tensor:
        return F.conv_transpose2d(x, w, stride=step, groups=groups, **options)

    def interpolated(mode: str = "bilinear", **options: bool) -> Tensor:
        return F.interpolate(x, scale_factor=stride, mode=mode, **options)

    def other_kernel(w: Tensor) -> Tensor:
        return stamped(w, padding=stride // 2)

    inside = "inside the two agree, but it repeats the border's values where a transposed convolution finds zeros."
    crop = (
        "the stamps were not cropped: (n - 1) * stride + k values are more than n * stride; cut as much at both ends."
    )
    one_end = "the map was cropped at one end only; as much falls off at both."
    padding = "another padding: what is to be cut at each end is half of k - stride."
    mixing = "every channel was made from all channels; `groups` keeps them apart."
    groups = "`groups` is missing: the channels were mixed."
    wide = 2 * stride
    padded = [
        (padding, lambda size=size, extra=extra: stamped(padding=size, output_padding=extra))
        for size in (0, 1, k // 2, (k - 1) // 2, stride, (stride - 1) // 2, (stride + 1) // 2, k - 1)
        for extra in (0, 1, stride % 2, stride - 1, k - stride)
        if size != stride // 2 or extra
    ]
    return [
        (f"F.interpolate was used, or what equals it: {inside}", interpolated),
        ("nearest neighbours were copied; asked are stamps of bilinear weights.", lambda: interpolated("nearest")),
        ("F.interpolate with align_corners=True was used.", lambda: interpolated(align_corners=True)),
        ("F.interpolate, bicubic, was used.", lambda: interpolated("bicubic")),
        (crop, stamped),
        (one_end, lambda: stamped()[..., :height, :width]),
        (one_end, lambda: stamped()[..., -height:, -width:]),
        (groups, lambda: stamped(groups=1, padding=stride // 2)),
        (groups, lambda: stamped(groups=1)),
        (mixing, lambda: stamped(weight.expand(-1, channels, -1, -1), groups=1, padding=stride // 2)),
        (
            "stride is missing: neighbouring stamps are `stride` pixels apart.",
            lambda: stamped(step=1, padding=stride // 2),
        ),
        ("stride is missing: neighbouring stamps are `stride` pixels apart.", lambda: stamped(step=1)),
        (
            "the stride is taken to be 2; it is an argument.",
            lambda: stamped(kernel(channels, 2).to(x.dtype), 2, padding=1),
        ),
        (
            "the kernel was normalised; its weights add up to stride * stride.",
            lambda: other_kernel(weight / weight[0].sum()),
        ),
        ("the kernel was normalised; its weights add up to stride * stride.", lambda: other_kernel(weight / stride)),
        ("the kernel holds ones, not bilinear weights.", lambda: other_kernel(torch.ones_like(weight))),
        (
            "the kernel is 2 * stride wide for an odd stride, too: all is half a pixel off.",
            lambda: stamped(tent(channels, wide, stride).to(x.dtype), padding=stride // 2, output_padding=0)[
                ..., :height, :width
            ],
        ),
        (
            "the kernel is 2 * stride wide for an odd stride, too: all is half a pixel off.",
            lambda: stamped(tent(channels, wide, stride).to(x.dtype), padding=stride // 2),
        ),
        (
            "the kernel is 2 * stride wide for an odd stride, too: all is half a pixel off.",
            lambda: stamped(
                tent(channels, wide, stride).to(x.dtype), padding=(stride + 1) // 2, output_padding=stride % 2
            ),
        ),
        (
            "bilinear_kernel is float32; its weights take the dtype of x.",
            lambda: F.conv_transpose2d(x, weight.float(), stride=stride, padding=stride // 2, groups=channels),
        ),
        ("the result was scaled by the stride.", lambda: enlarged(x, stride) * stride),
        ("the result was scaled by the stride.", lambda: enlarged(x, stride) * stride**2),
        ("the result was scaled by the stride.", lambda: enlarged(x, stride) / stride),
        ("the result was scaled by the stride.", lambda: enlarged(x, stride) / stride**2),
        (
            "only the values were put `stride` apart, with zeros between; the kernel fills the gaps.",
            lambda: stamped(torch.ones_like(weight[..., :1, :1]), output_padding=stride - 1),
        ),
        (
            "x was turned into float32 on the way, which loses half of float64's digits.",
            lambda: F.conv_transpose2d(x.float(), weight.float(), stride=stride, padding=stride // 2, groups=channels),
        ),
        ("rows and columns are exchanged.", lambda: enlarged(x.transpose(2, 3), stride)),
        ("the batch's axis was squeezed away.", lambda: enlarged(x, stride).squeeze(0)),
        ("axes of length 1 were squeezed away.", lambda: enlarged(x, stride).squeeze()),
        ("the channels were averaged.", lambda: enlarged(x.mean(dim=1, keepdim=True), stride)),
        ("x was returned as it came.", lambda: x),
        *padded,
    ]


def tent(channels: int, size: int, stride: int) -> Tensor:
    """A bilinear kernel of another width."""
    line = 1 - (torch.arange(size, dtype=torch.float64) - (size - 1) / 2).abs() / stride
    return torch.outer(line, line).repeat(channels, 1, 1, 1)


upsample = Judge(
    called=lambda case: f"upsample(x {tuple(case['x'].shape)} {case['dtype']}, stride={case['stride']})",
    find_fault=find_upsample_fault,
    usual_errors=usual_upsample_errors,
)
