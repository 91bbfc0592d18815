"""Judge of the challenge reorder_project."""

import torch
from torch import Tensor

from segutils.checks.base import Answers, Case
from segutils.checks.judges.base import Fault, Judge, UsualErrors, find_wrong_result
from segutils.checks.probing import as_tensor


def find_reorder_fault(case: Case, answers: Answers) -> Fault | None:
    weight, channels = as_tensor(case["weight"]), len(case["weight"])
    dtype = str(case["dtype"])
    weight = weight.to(getattr(torch, dtype)).to(weight.dtype)  # rounded as the student's
    expected = torch.cat([weight[:, -channels:], weight[:, :-channels]], dim=1)
    fault = find_wrong_result(expected, answers, (dtype,), "the new weight")
    if fault is None and bool(answers["shares_memory"]):
        return Fault("the result shares its memory with weight", cause="a view was returned; asked is a new tensor.")
    return fault


def usual_reorder_errors(case: Case) -> UsualErrors:
    weight, num_convs = as_tensor(case["weight"]), int(case["num_convs"])
    channels = len(weight)

    def blocks() -> list[Tensor]:
        return list(weight.split(channels, dim=1))

    def join(parts: list[Tensor]) -> Tensor:
        return torch.cat(parts, dim=1)

    def interleaved() -> Tensor:
        """The channels counted as if those of one number stood side by side."""
        parts = weight.reshape(channels, channels, num_convs + 1, *weight.shape[2:])
        return parts.roll(1, dims=2).reshape(weight.shape)

    def right() -> Tensor:
        return weight.roll(channels, dims=1)

    return [
        ("the order is right: only the dtype has to become that of weight.", right),
        ("nothing was moved.", lambda: weight),
        (
            "the first block went to the end: that is the way back, from a head with the image pool first to ours.",
            lambda: weight.roll(-channels, dims=1),
        ),
        (
            "a single channel was moved; the image pool has a block of out_channels channels.",
            lambda: weight.roll(1, dims=1),
        ),
        ("num_convs channels were moved; a block has out_channels.", lambda: weight.roll(num_convs, dims=1)),
        ("num_convs channels were moved; a block has out_channels.", lambda: weight.roll(-num_convs, dims=1)),
        ("all channels were reversed; the image pool's block moves as it is.", lambda: weight.flip(1)),
        ("the blocks were reversed; the convs keep their order.", lambda: join(blocks()[::-1])),
        (
            "the image pool and the first conv changed places; the convs keep their order.",
            lambda: join([*blocks()[-1:], *blocks()[1:-1], *blocks()[:1]]),
        ),
        (
            "the block was moved along dim=0, the output channels; the input channels are dim=1.",
            lambda: weight.roll(1, dims=0),
        ),
        ("the output channels (dim=0) were reversed.", lambda: weight.flip(0)),
        (
            "the image pool's block stands twice; the last conv is missing.",
            lambda: join([*blocks()[-1:], *blocks()[1:]]),
        ),
        ("the image pool's block is missing.", lambda: join(blocks()[:-1])),
        (
            "the image pool's block was put in front, and left at the end as well.",
            lambda: join([*blocks()[-1:], *blocks()]),
        ),
        ("only the image pool's block was returned.", lambda: blocks()[-1]),
        (
            "the blocks were joined along dim=0; input channels are dim=1.",
            lambda: torch.cat([*blocks()[-1:], *blocks()[:-1]]),
        ),
        (
            "num_convs blocks were counted; with the image pool there is one more.",
            lambda: weight.roll(weight.shape[1] // num_convs, dims=1),
        ),
        (
            "the channels of one map do not stand apart: they are one block, the next map's another.",
            interleaved,
        ),
        ("the two axes of the kernel are exchanged.", lambda: right().transpose(2, 3)),
        ("the kernel's axes were dropped.", lambda: right().squeeze()),
        ("the weight was transposed; output channels come first.", lambda: right().transpose(0, 1)),
    ]


reorder_project = Judge(
    called=lambda case: (
        f"reorder_project(weight, {case['num_convs']}) with weight {case['weight'].shape} {case['dtype']}"
    ),
    find_fault=find_reorder_fault,
    usual_errors=usual_reorder_errors,
)
