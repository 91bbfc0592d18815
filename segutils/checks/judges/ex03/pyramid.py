"""The judge of PyramidPooling.forward."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segutils.checks.base import Answers, Case
from segutils.checks.ex03 import PYRAMID_TASK
from segutils.checks.judges.base import Fault, Judge, UsualErrors, shape_of
from segutils.checks.judges.modules import conv_bn_relu, find_module_fault
from segutils.checks.modules import load_drawn_weights
from segutils.checks.probing import as_tensor

NEAREST = "the averages were spread by mode='nearest' (F.interpolate's default); bilinearly is asked."
CORNERS = "the averages were spread with align_corners=True; the course resizes with align_corners=False."
NOT_SPREAD = "the stages' maps were not resized: each has as many rows and columns as bins, and torch.cat needs x's."
CHAINED = "each stage was applied to the previous one's output; all of them look at x."
ADDED = "maps were added up; they have to be concatenated along dim=1."
SQUARE = "the averages were resized to a square; x has a height and a width."
FACTOR = "a scale_factor of whole numbers misses sizes that do not divide by the bins; give x's size."
FIXED_STAGES = "exactly {} stages are used; there are as many as pool_sizes."
CONTEXT_OF_BATCH = "the averages were taken over the whole batch; each image has its own."
ALSO_CHANGED = "x went through {} first; what is concatenated is x as it is."


class ReferencePyramid(nn.Module):
    """The course's PyramidPooling (segutils.models.pspnet) without the seconds that importing torchvision takes.

    A test holds it to segutils' and segmentation-models-pytorch's module, with ported weights.
    """

    def __init__(self, in_channels: int, pool_sizes: Sequence[int]) -> None:
        super().__init__()
        reduced = in_channels // len(pool_sizes)
        self.stages = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(size), conv_bn_relu(in_channels, reduced)) for size in pool_sizes
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, *(spread(stage(x), x) for stage in self.stages)], dim=1)


def spread(pooled: Tensor, x: Tensor, **options: object) -> Tensor:
    return F.interpolate(pooled, **{"size": x.shape[-2:], "mode": "bilinear", "align_corners": False, **options})


def reference(case: Case) -> tuple[ReferencePyramid, Tensor]:
    """Our module with the very weights that the student's was given, and its input."""
    x = as_tensor(case["x"], bool(case["contiguous"]))
    pyramid = ReferencePyramid(x.shape[1], [int(size) for size in case["pool_sizes"]]).to(x.dtype)
    load_drawn_weights(PYRAMID_TASK.ordered_state(pyramid), int(case["weights_seed"]))
    return pyramid.eval(), x


def find_pyramid_fault(case: Case, answers: Answers) -> Fault | None:
    pyramid, x = reference(case)
    seed = int(case["weights_seed"])
    return find_module_fault(PYRAMID_TASK, "ex03.pyramid_pooling_forward", pyramid, {"x": x}, seed, answers)


def usual_pyramid_errors(case: Case) -> UsualErrors:
    """Every error is made with the drawn weights; one that raises reproduces the exception's text."""
    pyramid, x = reference(case)
    return [
        *usual_order_errors(pyramid, x),
        *usual_resize_errors(pyramid, x),
        *usual_stage_errors(pyramid, x),
        *usual_join_errors(pyramid, x),
        *usual_other_errors(pyramid, x),
    ]


def spread_stages(pyramid: ReferencePyramid, x: Tensor, **options: object) -> list[Tensor]:
    return [spread(stage(x), x, **options) for stage in pyramid.stages]


def usual_order_errors(pyramid: ReferencePyramid, x: Tensor) -> UsualErrors:
    """What is concatenated, and in what order."""
    maps = partial(spread_stages, pyramid, x)

    def join(parts: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(parts), dim=1)

    return [
        ("x itself is missing from what is concatenated.", lambda: join(maps())),
        ("x was concatenated last; it comes first, then the stages in their order.", lambda: join([*maps(), x])),
        ("the stages were taken in reverse order.", lambda: join([x, *maps()[::-1]])),
        ("everything was concatenated in reverse order; x comes first.", lambda: join([*maps()[::-1], x])),
        ("x was put between the stages; it comes first.", lambda: join([maps()[0], x, *maps()[1:]])),
        ("x was concatenated with every stage; it belongs there once.", lambda: join(both(x, maps()))),
        ("x was concatenated twice.", lambda: join([x, x, *maps()])),
        ("x was concatenated at both ends; it belongs in front, once.", lambda: join([x, *maps(), x])),
        ("every stage was concatenated twice.", lambda: join([x, *maps(), *maps()])),
        ("only the first stage was used.", lambda: join([x, maps()[0]])),
        ("only the last stage was used: each pass of the loop replaces the one before.", lambda: join([x, maps()[-1]])),
        ("the first stage was left out.", lambda: join([x, *maps()[1:]])),
        ("the last stage was left out.", lambda: join([x, *maps()[:-1]])),
        ("the first stage was used again and again.", lambda: join([x, *maps()[:1] * len(maps())])),
        ("the last stage was used again and again.", lambda: join([x, *maps()[-1:] * len(maps())])),
        ("x was returned as it came, without the stages.", lambda: x),
        (FIXED_STAGES.format(4), lambda: join([x, *(maps()[index] for index in range(4))])),
        (FIXED_STAGES.format(4), lambda: join([x, *(spread(pyramid.stages[index](x), x) for index in range(4))])),
        (FIXED_STAGES.format(3), lambda: join([x, *maps()[:3]])),
        (FIXED_STAGES.format(2), lambda: join([x, *maps()[:2]])),
        ("zeros stand where x belongs.", lambda: join([torch.zeros_like(x), *maps()])),
        ("zeros stand where the averages belong.", lambda: join([x, *map(torch.zeros_like, maps())])),
    ]


def both(x: Tensor, maps: list[Tensor]) -> list[Tensor]:
    return [part for one in maps for part in (x, one)]


def usual_resize_errors(pyramid: ReferencePyramid, x: Tensor) -> UsualErrors:
    """How the stages' maps are brought to x's size."""
    height, width = x.shape[-2:]

    def joined(resize) -> Tensor:
        return torch.cat([x, *(resize(stage(x)) for stage in pyramid.stages)], dim=1)

    def resized(**options: object) -> Tensor:
        return joined(lambda pooled: spread(pooled, x, **options))

    def by_factor(factor) -> Tensor:
        return joined(
            lambda pooled: F.interpolate(
                pooled, scale_factor=factor(pooled.shape[-1]), mode="bilinear", align_corners=False
            )
        )

    def enlarged_and_cut(pooled: Tensor) -> Tensor:
        factor = -(-max(height, width) // pooled.shape[-1])
        return F.interpolate(pooled, scale_factor=factor, mode="bilinear")[..., :height, :width]

    def tiled(pooled: Tensor) -> Tensor:
        return pooled.repeat(1, 1, height // pooled.shape[-2], width // pooled.shape[-1])

    return [
        (NEAREST, lambda: resized(mode="nearest", align_corners=None)),
        (CORNERS, lambda: resized(align_corners=True)),
        (NOT_SPREAD, lambda: joined(lambda pooled: pooled)),
        ("align_corners goes with mode='bilinear', and the mode is missing.", lambda: resized(mode="nearest")),
        (
            "mode='nearest-exact' was used; bilinearly is asked.",
            lambda: resized(mode="nearest-exact", align_corners=None),
        ),
        ("mode='bicubic' was used; bilinearly is asked.", lambda: resized(mode="bicubic")),
        ("mode='bicubic' was used; bilinearly is asked.", lambda: resized(mode="bicubic", align_corners=True)),
        ("mode='area' was used; bilinearly is asked.", lambda: resized(mode="area", align_corners=None)),
        ("the resize is antialiased; plain bilinear is asked.", lambda: resized(antialias=True)),
        ("height and width are exchanged where the averages are resized.", lambda: resized(size=(width, height))),
        (SQUARE, lambda: resized(size=height)),
        (SQUARE, lambda: resized(size=width)),
        (SQUARE, lambda: resized(size=(height, height))),
        (SQUARE, lambda: resized(size=(width, width))),
        ("size takes height and width alone, x.shape[-2:], not all of x.shape.", lambda: resized(size=x.shape)),
        (
            "size takes height and width, x.shape[-2:]; x.shape[1:] has the channels, too.",
            lambda: resized(size=x.shape[1:]),
        ),
        (
            "size takes height and width, x.shape[-2:]; x.shape[:2] is the batch and the channels.",
            lambda: resized(size=x.shape[:2]),
        ),
        (FACTOR, lambda: by_factor(lambda bins: (height // bins, width // bins))),
        (FACTOR, lambda: by_factor(lambda bins: height // bins)),
        (FACTOR, lambda: by_factor(lambda bins: width // bins)),
        ("one scale_factor for both axes; height and width differ.", lambda: by_factor(lambda bins: height / bins)),
        ("one scale_factor for both axes; height and width differ.", lambda: by_factor(lambda bins: width / bins)),
        (
            "the averages were enlarged by a whole scale_factor and cut; give x's size instead.",
            lambda: joined(enlarged_and_cut),
        ),
        (
            "expand spreads a single bin; more of them have to be resized.",
            lambda: joined(lambda p: p.expand(-1, -1, height, width)),
        ),
        (
            "expand spreads a single bin; more of them have to be resized.",
            lambda: joined(lambda p: p.expand(*p.shape[:2], height, width)),
        ),
        (
            "the averages were repeated as a whole, like tiles; each has to be spread over its own part.",
            lambda: joined(tiled),
        ),
        (
            "the averages were repeated as a whole, like tiles; each has to be spread over its own part.",
            lambda: joined(lambda p: p.repeat(1, 1, height, width)),
        ),
        (
            "every stage was reduced to the average of the whole map.",
            lambda: joined(lambda p: p.mean((2, 3), keepdim=True).expand(-1, -1, height, width)),
        ),
        (
            "the averages were padded with zeros to x's size, not spread over it.",
            lambda: joined(lambda p: F.pad(p, (0, width - p.shape[-1], 0, height - p.shape[-2]))),
        ),
    ]


def usual_stage_errors(pyramid: ReferencePyramid, x: Tensor) -> UsualErrors:
    """What the stages look at, and which of their parts are used."""

    def joined(stage_map) -> Tensor:
        return torch.cat([x, *(stage_map(stage) for stage in pyramid.stages)], dim=1)

    def chained(between) -> Tensor:
        feature, parts = x, [x]
        for stage in pyramid.stages:
            feature = between(stage(feature))
            parts.append(spread(feature, x))
        return torch.cat(parts, dim=1)

    def growing() -> Tensor:
        feature = x
        for stage in pyramid.stages:
            feature = torch.cat([feature, spread(stage(feature), x)], dim=1)
        return feature

    def pooled_by(pool) -> Tensor:
        return joined(lambda stage: spread(stage[1](pool(x, stage[0].output_size)), x))

    def normalised(stage: nn.Sequential) -> Tensor:
        convolution, norm, _ = stage[1]
        return spread(norm(convolution(stage[0](x))), x)

    def averaged_over_batch(stage: nn.Sequential) -> Tensor:
        return spread(stage(x.mean(dim=0, keepdim=True)), x).expand(len(x), -1, -1, -1)

    return [
        (CHAINED, lambda: chained(lambda pooled: pooled)),
        (CHAINED, lambda: chained(lambda pooled: spread(pooled, x))),
        ("each stage was applied to all that was concatenated before; all of them look at x alone.", growing),
        ("the largest value of each bin was taken, not the average.", lambda: pooled_by(F.adaptive_max_pool2d)),
        ("the stages' pooling was left out: the 1x1 convolution ran on x itself.", lambda: joined(lambda s: s[1](x))),
        (
            "the stages' pooling alone was used; their 1x1 convolution reduces the channels.",
            lambda: joined(lambda stage: spread(stage[0](x), x)),
        ),
        (
            "the averages were resized before the stage's convolution and ReLU; the whole stage comes first.",
            lambda: joined(lambda stage: stage[1](spread(stage[0](x), x))),
        ),
        (
            "the stages' convolution ran before their pooling; the whole stage is stage(x).",
            lambda: joined(lambda stage: spread(stage[0](stage[1](x)), x)),
        ),
        ("the stages' ReLU was left out.", lambda: joined(normalised)),
        (
            "the stages' batch normalisation and ReLU were left out.",
            lambda: joined(lambda s: spread(s[1][0](s[0](x)), x)),
        ),
        (
            "the stages ran on a map resized to their bins; they pool x themselves.",
            lambda: joined(lambda s: spread(s(F.interpolate(x, size=s[0].output_size, mode="bilinear")), x)),
        ),
        (CONTEXT_OF_BATCH, lambda: joined(averaged_over_batch)),
        (
            CONTEXT_OF_BATCH,
            lambda: joined(lambda stage: spread(stage(x).mean(dim=0, keepdim=True), x).expand(len(x), -1, -1, -1)),
        ),
        (
            "the first image's averages were used for the whole batch.",
            lambda: joined(lambda stage: spread(stage(x[:1]), x).expand(len(x), -1, -1, -1)),
        ),
        (
            "the stages look at x.relu(); they look at x as it is.",
            lambda: joined(lambda stage: spread(stage(x.relu()), x)),
        ),
        (
            "self.stages is a list of modules and is no function; call each stage on x.",
            lambda: pyramid.stages(x),
        ),
    ]


def usual_join_errors(pyramid: ReferencePyramid, x: Tensor) -> UsualErrors:
    """How the maps are put together."""
    maps = partial(spread_stages, pyramid, x)

    def joined(dim: int) -> Tensor:
        return torch.cat([x, *maps()], dim=dim)

    def sum_of(parts: list[Tensor]) -> Tensor:
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    return [
        (
            "the maps were concatenated along the batch (dim=0, torch.cat's default); channels are dim=1.",
            lambda: joined(0),
        ),
        ("the maps were concatenated along the rows (dim=2); channels are dim=1.", lambda: joined(2)),
        ("the maps were concatenated along the columns (dim=3); channels are dim=1.", lambda: joined(3)),
        (
            "torch.stack makes a new axis; torch.cat(..., dim=1) joins the channels.",
            lambda: torch.stack([x, *maps()], 1),
        ),
        ("torch.stack makes a new axis; torch.cat(..., dim=1) joins the channels.", lambda: torch.stack([x, *maps()])),
        (ADDED, lambda: sum_of([x, *maps()])),
        (ADDED, lambda: sum_of([*maps(), x])),
        (ADDED, lambda: sum([x, *maps()])),
        (ADDED, lambda: sum(maps(), start=x)),
        (ADDED, lambda: sum_of(maps())),
        (ADDED, lambda: torch.cat([x, sum_of(maps())], dim=1)),
        (ADDED, lambda: torch.cat([x, sum_of(maps()) / len(maps())], dim=1)),
        (ADDED, lambda: x + torch.cat(maps(), dim=1)),
        (
            "torch.cat got a list within a list; put the stages' maps behind x with a star: [x, *maps].",
            lambda: torch.cat([x, maps()], dim=1),
        ),
        (
            "torch.cat takes the maps as one list, torch.cat([x, *maps], dim=1).",
            lambda: torch.cat(x, *maps(), dim=1),
        ),
    ]


def usual_other_errors(pyramid: ReferencePyramid, x: Tensor) -> UsualErrors:
    maps = partial(spread_stages, pyramid, x)

    def trained() -> Tensor:
        pyramid.train()
        try:
            return pyramid(x)
        finally:
            pyramid.eval()

    def joined_with(changed: Tensor) -> Tensor:
        return torch.cat([changed, *maps()], dim=1)

    return [
        (ALSO_CHANGED.format("a ReLU"), lambda: joined_with(x.relu())),
        (ALSO_CHANGED.format("a ReLU"), lambda: pyramid(x.relu())),
        (ALSO_CHANGED.format("a ReLU"), lambda: pyramid(x).relu()),
        (ALSO_CHANGED.format("a normalisation"), lambda: joined_with(F.normalize(x, dim=1))),
        (ALSO_CHANGED.format("a softmax"), lambda: pyramid(x).softmax(dim=1)),
        (ALSO_CHANGED.format("a sigmoid"), lambda: pyramid(x).sigmoid()),
        (ALSO_CHANGED.format("a subtraction of its average"), lambda: joined_with(x - x.mean((2, 3), keepdim=True))),
        (ALSO_CHANGED.format("a pooling"), lambda: joined_with(x.mean((2, 3), keepdim=True).expand_as(x))),
        ("the output was pooled to one value per channel.", lambda: pyramid(x).mean(dim=(2, 3), keepdim=True)),
        ("the output was pooled to one value per channel.", lambda: pyramid(x).mean(dim=(2, 3))),
        ("the mode was switched to train inside forward.", trained),
        ("x is turned into float32; any floating dtype must work.", lambda: pyramid(x.float())),
    ]


pyramid_pooling_forward = Judge(
    called=lambda case: (
        f"PyramidPooling({case['x'].shape[1]}, {tuple(int(size) for size in case['pool_sizes'])})"
        f" on x {shape_of(case['x'])}"
    ),
    find_fault=find_pyramid_fault,
    usual_errors=usual_pyramid_errors,
)
