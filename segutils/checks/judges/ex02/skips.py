"""Judge of fuse_skips, and what judges of functions with gradients share."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from segutils.checks.base import Answers, Case
from segutils.checks.ex02 import score_tensors
from segutils.checks.judges.base import Fault, Judge, UsualErrors, find_wrong_result
from segutils.checks.judges.ex02.kernels import kernel
from segutils.checks.judges.modules import find_input_gradient_fault

Resize = Callable[[Tensor, tuple[int, int]], Tensor]


def resize(x: Tensor, size: tuple[int, int], mode: str = "bilinear", corners: bool | None = False) -> Tensor:
    align_corners = corners if mode in ("bilinear", "bicubic") else None
    return F.interpolate(x, size=tuple(size), mode=mode, align_corners=align_corners)


def fused(
    scores: Mapping[str, Tensor],
    size: tuple[int, int],
    first: Resize = resize,
    last: Resize | None = None,
    second: Resize | None = None,
) -> Tensor:
    """The decoder of FCN-8s; `first` resizes the coarse scores (or score32 alone, `second` its sum), `last` the sum."""
    at16 = first(scores["score32"], scores["score16"].shape[-2:]) + scores["score16"]
    at8 = (second or first)(at16, scores["score8"].shape[-2:]) + scores["score8"]
    return (last or first)(at8, size)


def find_skips_fault(case: Case, answers: Answers) -> Fault | None:
    scores = {name: value.requires_grad_() for name, value in score_tensors(case).items()}
    size = tuple(int(length) for length in case["size"])
    expected = fused(scores, size)
    if fault := find_wrong_result(expected.float() if is_half(case) else expected, answers, (str(case["dtype"]),)):
        return name_result(fault, answers, str(case["dtype"]))
    return find_gradient_fault(expected, scores, case, answers)


def is_half(case: Case) -> bool:
    return str(case["dtype"]) == "bfloat16"


def name_result(fault: Fault, answers: Answers, dtype: str) -> Fault:
    """Add a cause that the result's kind or dtype alone tells."""
    if fault.headline.startswith("gave two different"):
        return replace(fault, cause="something random: a layer made inside the function starts with random weights.")
    if answers.get("kind") == "Module":
        return replace(fault, cause="a layer was returned; asked is what it makes of the input.")
    if answers.get("kind") == "dict":
        return replace(fault, cause="a dict is what a whole network returns; this function returns the scores.")
    if fault.headline.endswith("wrong dtype"):
        return replace(fault, cause=f"the result keeps the dtype of what came in, here {dtype}.")
    return fault


def find_gradient_fault(expected: Tensor, inputs: Mapping[str, Tensor], case: Case, answers: Answers) -> Fault | None:
    """Compare the gradients at every input; those of 16 bits are summed up in too many right ways."""
    if is_half(case) and answers["gradient_arrives"]:
        return None
    return find_input_gradient_fault(inputs, expected, int(case["weights_seed"]), answers, tolerance_of="float32")


def usual_skips_errors(case: Case) -> UsualErrors:
    scores = score_tensors(case)
    s32, s16, s8 = scores.values()
    size = tuple(int(length) for length in case["size"])
    at16, at8 = s16.shape[-2:], s8.shape[-2:]

    def times(factor: int, **options: object) -> Resize:
        return lambda x, _: F.interpolate(x, scale_factor=factor, **{"mode": "bilinear", **options})

    def with_(**changed: Tensor) -> Tensor:
        return fused({**scores, **changed}, size)

    def through(dtype: torch.dtype) -> Tensor:
        return fused({name: score.to(dtype) for name, score in scores.items()}, size)

    def by(mode: str, corners: bool | None = False) -> Resize:
        return lambda x, size: resize(x, size, mode, corners)

    def stamped(x: Tensor, _: tuple[int, int], stride: int = 2) -> Tensor:
        channels = x.shape[1]
        weight = kernel(channels, stride).to(x.dtype)
        return F.conv_transpose2d(x, weight, stride=stride, padding=stride // 2, groups=channels)

    def cropped(x: Tensor, wanted: tuple[int, int]) -> Tensor:
        return times(2)(x, wanted)[..., : wanted[0], : wanted[1]]

    def scaled_and_cropped(x: Tensor, wanted: tuple[int, int]) -> Tensor:
        return times(8)(x, wanted)[..., : wanted[0], : wanted[1]]

    def sum_of(*parts: Tensor) -> Tensor:
        return sum(resize(part, size) for part in parts)

    def mixed(mix: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        return resize(mix(resize(mix(resize(s32, at16), s16), at8), s8), size)

    def concatenated(*parts: Tensor) -> Tensor:
        return resize(torch.cat([resize(part, at8) for part in parts], dim=1), size)

    def kept(x: Tensor, _: tuple[int, int]) -> Tensor:
        return x

    factor = "scale_factor=2 fits even sizes only; the next skip's size is in its shape."
    computed = "the next skip's size was computed from `size`; layers round up or down: read it off the skip's shape."
    corners = "align_corners=True; the course resizes with align_corners=False."
    unresized = "the scores were added before they had the same size; resize the coarse ones to the next skip's size."
    early = "all scores were resized to `size` and added there; each sum is made at the finer skip's own size."
    direct = "score32 was resized to score8's size in one go; it goes by way of score16's size."
    mean = "the scores were averaged; they are added."
    concat = "the scores were concatenated; they are added, so the number of channels stays."
    probable = "FCN-8s returns scores, nothing follows the last resize."
    wrong_way = "the fine scores were resized to the coarse ones' size, which throws their detail away."
    errors = [
        ("size is (height, width); it was read as (width, height).", lambda: fused(scores, size[::-1])),
        ("the last step is missing: the sum is to be resized to `size`.", lambda: fused(scores, at8, resize)),
        (factor, lambda: fused(scores, size, times(2), resize)),
        (factor, lambda: s16 + times(2)(s32, at16)),
        (factor, lambda: s8 + times(2)(resize(s32, at16) + s16, at8)),
        (
            "the last step multiplies by 8; images need not be 8 times as large.",
            lambda: fused(scores, size, resize, times(8)),
        ),
        (factor, lambda: fused(scores, size, times(2), times(8))),
        *(
            (computed, lambda up=up, add=add: add(resize(s32, [(length + up) // 16 for length in size]), s16))
            for up in (0, 15)
            for add in (torch.add, lambda coarse, fine: fine + coarse)
        ),
        (unresized, lambda: s32 + s16),
        (unresized, lambda: s16 + s32),
        (unresized, lambda: s16 + s8),
        (unresized, lambda: s8 + s16),
        (unresized, lambda: s32 + s8),
        (unresized, lambda: resize(s32, at16) + s16 + s8),
        (unresized, lambda: fused(scores, size, kept, resize)),
        (early, lambda: sum_of(s32, s16, s8)),
        (early, lambda: resize(resize(resize(s32, size) + resize(s16, size), size) + resize(s8, size), size)),
        (direct, lambda: resize(resize(s32, at8) + resize(s16, at8) + s8, size)),
        (mean, lambda: fused(scores, size) / 3),
        (mean, lambda: fused(scores, size) / 2),
        (mean, lambda: mixed(lambda a, b: (a + b) / 2)),
        (mean, lambda: sum_of(s32, s16, s8) / 3),
        (concat, lambda: concatenated(s32, s16, s8)),
        (concat, lambda: concatenated(s8, s16, s32)),
        (concat, lambda: mixed(lambda a, b: torch.cat([a, b], dim=1))),
        (concat, lambda: mixed(lambda a, b: torch.cat([b, a], dim=1))),
        (concat, lambda: torch.cat([s32, s16], dim=1)),
        (concat, lambda: torch.cat([s32, s16, s8], dim=1)),
        ("the scores were multiplied; they are added.", lambda: mixed(torch.mul)),
        ("the larger score was taken; they are added.", lambda: mixed(torch.maximum)),
        ("the difference was taken; the scores are added.", lambda: mixed(torch.sub)),
        ("the difference was taken; the scores are added.", lambda: mixed(lambda a, b: b - a)),
        ("score32 was left out.", lambda: with_(score32=torch.zeros_like(s32))),
        ("score16 was left out.", lambda: with_(score16=torch.zeros_like(s16))),
        ("score16 was left out.", lambda: resize(resize(s32, at8) + s8, size)),
        ("score8 was left out: this is FCN-16s.", lambda: with_(score8=torch.zeros_like(s8))),
        ("score8 was left out: this is FCN-16s.", lambda: resize(resize(s32, at16) + s16, size)),
        ("score32 alone was resized: this is FCN-32s.", lambda: resize(s32, size)),
        ("score16 alone was resized.", lambda: resize(s16, size)),
        ("score8 alone was resized.", lambda: resize(s8, size)),
        ("score16 was added twice.", lambda: with_(score16=2 * s16)),
        ("score8 was added twice.", lambda: with_(score8=2 * s8)),
        ("score32 was added twice.", lambda: with_(score32=2 * s32)),
        (
            "the skips were made smaller, as some versions of FCN-8s do; here they are added as they are.",
            lambda: with_(score16=0.01 * s16, score8=0.0001 * s8),
        ),
        (
            "score8 was added first, then score16; it goes from coarse to fine.",
            lambda: resize(resize(resize(s32, at8) + s8, at16) + s16, size),
        ),
        ("score32 was added again at score8's size.", lambda: with_(score8=s8 + resize(s32, at8))),
        (
            "score8 was added before the coarse scores had its size.",
            lambda: resize(resize(s32, size) + resize(s8, size), size),
        ),
        (wrong_way, lambda: resize(s32 + resize(s16, s32.shape[-2:]) + resize(s8, s32.shape[-2:]), size)),
        (wrong_way, lambda: resize(resize(s16 + resize(s8, at16), s32.shape[-2:]) + s32, size)),
        (
            "enlarged maps were cropped to the next size, not resized to it.",
            lambda: fused(scores, size, cropped, resize),
        ),
        (
            "enlarged maps were cropped to the next size, not resized to it.",
            lambda: fused(scores, size, cropped, scaled_and_cropped),
        ),
        (
            "enlarged maps were cropped to the next size, not resized to it.",
            lambda: fused(scores, size, resize, scaled_and_cropped),
        ),
        (
            "a transposed convolution enlarges; asked is a resize to the next skip's size.",
            lambda: fused(scores, size, stamped, resize),
        ),
        (
            "a transposed convolution enlarges; asked is a resize to the next skip's size.",
            lambda: fused(scores, size, stamped, lambda x, wanted: stamped(x, wanted, 8)),
        ),
        (f"softmax: {probable}", lambda: fused(scores, size).softmax(dim=1)),
        (f"log_softmax: {probable}", lambda: fused(scores, size).log_softmax(dim=1)),
        (f"argmax: {probable}", lambda: fused(scores, size).argmax(dim=1)),
        (f"sigmoid: {probable}", lambda: fused(scores, size).sigmoid()),
        (f"ReLU: {probable}", lambda: fused(scores, size).relu()),
        (
            "a ReLU stands between the additions; the scores are added as they are.",
            lambda: mixed(lambda a, b: (a + b).relu()),
        ),
        ("the batch's axis was squeezed away.", lambda: fused(scores, size).squeeze(0)),
        ("axes of length 1 were squeezed away.", lambda: fused(scores, size).squeeze()),
        ("one length was used for both directions; size is (height, width).", lambda: fused(scores, size[:1] * 2)),
        ("one length was used for both directions; size is (height, width).", lambda: fused(scores, size[1:] * 2)),
        (
            "the scores were turned into float32 on the way, which loses half of float64's digits.",
            lambda: through(torch.float32),
        ),
        ("the scores were rounded to 16 bits on the way.", lambda: through(torch.float16)),
        ("the scores were rounded to 16 bits on the way.", lambda: through(torch.bfloat16)),
        ("the channels were added up, too.", lambda: fused(scores, size).sum(dim=1, keepdim=True)),
    ]
    for mode, text in {
        "nearest": 'nearest neighbours; F.interpolate does that unless mode="bilinear" is given.',
        "nearest-exact": "nearest neighbours were copied; asked is bilinear.",
        "bicubic": "bicubic interpolation; asked is bilinear.",
        "area": "averages over areas; asked is bilinear.",
    }.items():
        errors += changed_resizes(scores, size, by(mode), text)
    return errors + changed_resizes(scores, size, by("bilinear", True), corners)


def changed_resizes(scores: Mapping[str, Tensor], size: tuple[int, int], other: Resize, text: str) -> UsualErrors:
    """Another resize everywhere, between the scores only, and in a single step."""
    return [
        (text, lambda: fused(scores, size, other)),
        (f"between the scores: {text}", lambda: fused(scores, size, other, resize)),
        (f"in the first step: {text}", lambda: fused(scores, size, other, resize, resize)),
        (f"in the second step: {text}", lambda: fused(scores, size, resize, resize, other)),
        (f"in the last step: {text}", lambda: fused(scores, size, resize, other)),
    ]


fuse_skips = Judge(
    called=lambda case: (
        "fuse_skips("
        + ", ".join(f"{name} {tuple(case[name].shape)}" for name in ("score32", "score16", "score8"))
        + f", size={tuple(int(length) for length in case['size'])}), {case['dtype']}"
    ),
    find_fault=find_skips_fault,
    usual_errors=usual_skips_errors,
)
