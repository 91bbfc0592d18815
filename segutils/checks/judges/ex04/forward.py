"""Judge of ASPP's forward pass."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segutils.checks.base import Answers, Case
from segutils.checks.ex04 import ASPP_TASK
from segutils.checks.judges.base import Fault, Judge, UsualErrors, shape_of
from segutils.checks.judges.modules import conv_bn_relu, find_module_fault
from segutils.checks.modules import load_drawn_weights
from segutils.checks.probing import as_tensor


class ReferenceASPP(nn.Module):
    """The course's ASPP (segutils.models.deeplab) without the seconds that importing torchvision takes.

    A test holds it to segutils' and torchvision's ASPP, with ported weights.
    """

    def __init__(self, in_channels: int, atrous_rates: Sequence[int], out_channels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList([conv_bn_relu(in_channels, out_channels)])
        self.convs.extend(conv_bn_relu(in_channels, out_channels, 3, rate) for rate in atrous_rates)
        self.image_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv_bn_relu(in_channels, out_channels))
        self.project = conv_bn_relu((len(self.convs) + 1) * out_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        pooled = self.image_pool(x).expand(-1, -1, *x.shape[-2:])
        return self.project(torch.cat([*(conv(x) for conv in self.convs), pooled], dim=1))


def reference(case: Case) -> tuple[ReferenceASPP, Tensor]:
    """Our ASPP with the very weights that the student's module was given, and its input."""
    x = as_tensor(case["x"], bool(case["contiguous"]))
    rates = [int(rate) for rate in case["atrous_rates"]]
    aspp = ReferenceASPP(x.shape[1], rates, int(case["out_channels"])).to(x.dtype)
    load_drawn_weights(ASPP_TASK.ordered_state(aspp), int(case["weights_seed"]))
    return aspp.eval(), x


def find_aspp_fault(case: Case, answers: Answers) -> Fault | None:
    aspp, x = reference(case)
    return find_module_fault(ASPP_TASK, "ex04.aspp_forward", aspp, {"x": x}, int(case["weights_seed"]), answers)


def usual_aspp_errors(case: Case) -> UsualErrors:
    """Every error is made with the drawn weights; one that raises reproduces the exception's text."""
    aspp, x = reference(case)
    size = x.shape[-2:]
    batch, _, height, width = x.shape
    channels = int(case["out_channels"])

    def maps() -> list[Tensor]:
        return [conv(x) for conv in aspp.convs]

    def pooled() -> Tensor:
        return F.interpolate(aspp.image_pool(x), size=size, mode="bilinear", align_corners=False)

    def project(parts: list[Tensor], dim: int = 1) -> Tensor:
        return aspp.project(torch.cat(parts, dim=dim))

    def cascade() -> Tensor:
        feature, parts = x, []
        for conv in aspp.convs:
            feature = conv(feature)
            parts.append(feature)
        return project([*parts, F.interpolate(aspp.image_pool(x), size=size)])

    def fixed_convs(count: int) -> Tensor:
        return project([*(aspp.convs[index](x) for index in range(count)), pooled()])

    def undilated() -> Tensor:
        parts = [maps()[0], *(conv[2](conv[1](F.conv2d(x, conv[0].weight, padding=1))) for conv in aspp.convs[1:])]
        return project([*parts, pooled()])

    def pool_of_last() -> Tensor:
        return project([*maps(), aspp.image_pool(maps()[-1]).expand(-1, -1, *size)])

    def trained() -> Tensor:
        aspp.train()
        try:
            return project([*maps(), pooled()])
        finally:
            aspp.eval()

    return [
        ("the image pool is missing from what is concatenated.", lambda: project(maps())),
        (
            "the image pool was concatenated first; the order is: every conv of self.convs, then the image pool.",
            lambda: project([pooled(), *maps()]),
        ),
        ("the maps were concatenated in reverse order.", lambda: project([pooled(), *maps()[::-1]])),
        ("self.convs were taken in reverse order.", lambda: project([*maps()[::-1], pooled()])),
        ("the image pool was put between the convs.", lambda: project([maps()[0], pooled(), *maps()[1:]])),
        (
            "self.image_pool(x) was not resized: it is 1x1 and has to be spread over the map before torch.cat.",
            lambda: project([*maps(), aspp.image_pool(x)]),
        ),
        (
            "self.project is missing: the concatenated maps were returned.",
            lambda: torch.cat([*maps(), pooled()], dim=1),
        ),
        ("each conv was applied to the previous one's output; all of them look at x.", cascade),
        (
            "the maps were added up; they have to be concatenated along dim=1.",
            lambda: aspp.project(sum([*maps(), pooled()])),
        ),
        (
            "the maps were averaged over the branches; they have to be concatenated along dim=1.",
            lambda: aspp.project(torch.stack([*maps(), pooled()]).mean(dim=0)),
        ),
        (
            "the maps were concatenated along the batch (dim=0, torch.cat's default); channels are dim=1.",
            lambda: project([*maps(), pooled()], 0),
        ),
        (
            "the maps were concatenated along the rows (dim=2); channels are dim=1.",
            lambda: project([*maps(), pooled()], 2),
        ),
        (
            "the maps were concatenated along the columns (dim=3); channels are dim=1.",
            lambda: project([*maps(), pooled()], 3),
        ),
        (
            "torch.stack makes a new axis; torch.cat(..., dim=1) joins the channels.",
            lambda: aspp.project(torch.stack([*maps(), pooled()], dim=1)),
        ),
        ("x itself was concatenated, too; that is PSPNet's pyramid.", lambda: project([x, *maps(), pooled()])),
        ("self.project was applied to x.", lambda: aspp.project(x)),
        ("self.project got a list; concatenate the maps first.", lambda: aspp.project([*maps(), pooled()])),
        ("the image pool is missing, and so is self.project.", lambda: torch.cat(maps(), dim=1)),
        (
            "the image was averaged over the whole batch; each image has an average of its own.",
            lambda: project([*maps(), pooled().mean(dim=0, keepdim=True).expand(batch, -1, -1, -1)]),
        ),
        (
            "the first image's pool was used for the whole batch.",
            lambda: project([*maps(), pooled()[:1].expand(batch, -1, -1, -1)]),
        ),
        (
            "height and width are exchanged where the image pool is resized.",
            lambda: project([*maps(), F.interpolate(aspp.image_pool(x), size=(width, height))]),
        ),
        (
            "the image pool was resized to a square; x has a height and a width.",
            lambda: project([*maps(), F.interpolate(aspp.image_pool(x), size=height)]),
        ),
        (
            "the image pool was resized to a square; x has a height and a width.",
            lambda: project([*maps(), F.interpolate(aspp.image_pool(x), size=width)]),
        ),
        (
            "the image pool was repeated in one direction only.",
            lambda: project([*maps(), aspp.image_pool(x).expand(-1, -1, height, -1)]),
        ),
        (
            "the image pool was padded with zeros to the map's size, not spread over it.",
            lambda: project([*maps(), F.pad(aspp.image_pool(x), (0, width - 1, 0, height - 1))]),
        ),
        ("zeros stand where the image pool belongs.", lambda: project([*maps(), torch.zeros_like(pooled())])),
        (
            "the average of x over the channels was used where the image pool belongs.",
            lambda: project([*maps(), x.mean(dim=1, keepdim=True).expand(-1, channels, -1, -1)]),
        ),
        (
            "x was pooled without self.image_pool's convolution.",
            lambda: project([*maps(), x.mean(dim=(2, 3), keepdim=True).expand(-1, -1, *size)]),
        ),
        (
            "the largest value of each channel was taken; the image pool averages.",
            lambda: project([*maps(), aspp.image_pool[1](x.amax(dim=(2, 3), keepdim=True)).expand(-1, -1, *size)]),
        ),
        ("the image pool looked at the last conv's output, not at x.", pool_of_last),
        (
            "self.image_pool was applied to the finished map, not to x.",
            lambda: project([*maps(), aspp.image_pool(sum(maps())).expand(-1, -1, *size)]),
        ),
        (
            "only the first conv of self.convs was used, again and again.",
            lambda: project([*[aspp.convs[0](x)] * len(aspp.convs), pooled()]),
        ),
        ("the 1x1 conv (self.convs[0]) was left out.", lambda: project([*maps()[1:], pooled()])),
        ("the last conv of self.convs was left out.", lambda: project([*maps()[:-1], pooled()])),
        ("the image pool went in twice.", lambda: project([*maps(), pooled(), pooled()])),
        ("exactly 4 convs are used; there are as many as rates, plus one.", partial(fixed_convs, 4)),
        ("exactly 3 convs are used; there are as many as rates, plus one.", partial(fixed_convs, 3)),
        ("the convs' dilations are not used.", undilated),
        ("the input was added to the output; ASPP has no skip connection.", lambda: aspp(x) + x),
        (
            "the output went through a softmax; ASPP returns features, not probabilities.",
            lambda: aspp(x).softmax(dim=1),
        ),
        ("the output went through a sigmoid; ASPP returns features, not probabilities.", lambda: aspp(x).sigmoid()),
        ("the input went through a ReLU first; the convs look at x as it is.", lambda: aspp(x.relu())),
        (
            "out_channels is taken to be 256; it is an argument.",
            lambda: project([*maps(), aspp.image_pool(x).expand(-1, 256, *size)]),
        ),
        (
            "self.project was applied to each map, not to all of them together.",
            lambda: sum(aspp.project(part) for part in [*maps(), pooled()]),
        ),
        ("the image pool was taken after self.project.", lambda: aspp.project(torch.cat(maps(), 1)) + pooled()),
        ("x is turned into float32; any floating dtype must work.", lambda: aspp(x.float())),
        ("the output was pooled to one value per channel.", lambda: aspp(x).mean(dim=(2, 3), keepdim=True)),
        ("the mode was switched to train inside forward.", trained),
    ]


aspp_forward = Judge(
    called=lambda case: (
        f"ASPP({case['x'].shape[1]}, {[int(rate) for rate in case['atrous_rates']]}, {case['out_channels']})"
        f" on x {shape_of(case['x'])}"
    ),
    find_fault=find_aspp_fault,
    usual_errors=usual_aspp_errors,
)
