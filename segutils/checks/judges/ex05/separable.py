"""The judge of ex05's challenge: a separable atrous convolution in two halves."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from segutils.checks.base import Answers, Case
from segutils.checks.ex05 import separable_inputs
from segutils.checks.judges.base import Fault, Judge, UsualErrors, find_side_effect
from segutils.checks.judges.modules import find_input_gradient_fault, find_wrong_output

NO_PADDING = "the padding is missing: the map has to keep its height and width."
PADDING = "the padding is {}; it takes as many zeros as the kernel reaches to one side of its middle."
NOT_DILATED = "the dilation is not used."
GROUPS = "groups is missing: the depthwise half needs one group per channel."
FLIPPED = "the kernel was flipped; what nn.Conv2d computes is not."
BETWEEN = "{} stands between the two halves; they follow each other directly."
BEHIND = "{} stands behind the pointwise half; its result is returned as it is."
OUTSIDE = "outside of the map something other than zeros was assumed."


def separable(x: Tensor, depthwise: Tensor, pointwise: Tensor, rate: int, **options: object) -> Tensor:
    return F.conv2d(look_around(x, depthwise, rate, **options), pointwise)


def look_around(x: Tensor, depthwise: Tensor, rate: int, **options: object) -> Tensor:
    padding = rate * (depthwise.shape[-1] // 2)
    return F.conv2d(x, depthwise, **{"padding": padding, "dilation": rate, "groups": x.shape[1], **options})


def find_separable_fault(case: Case, answers: Answers) -> Fault | None:
    if fault := find_side_effect(answers):
        return fault
    inputs = {name: value.requires_grad_() for name, value in separable_inputs(case).items()}
    out = separable(*inputs.values(), int(case["dilation"]))
    return find_wrong_output(out, answers) or find_input_gradient_fault(
        inputs, out, int(case["weighting_seed"]), answers
    )


def usual_separable_errors(case: Case) -> UsualErrors:
    x, depthwise, pointwise = separable_inputs(case).values()
    dilation = int(case["dilation"])
    return [
        *usual_window_errors(x, depthwise, pointwise, dilation),
        *usual_half_errors(x, depthwise, pointwise, dilation),
        *usual_other_errors(x, depthwise, pointwise, dilation),
    ]


def usual_window_errors(x: Tensor, depthwise: Tensor, pointwise: Tensor, dilation: int) -> UsualErrors:
    """Padding and dilation."""
    k = depthwise.shape[-1]
    reach = dilation * (k // 2)

    def made(**options: object) -> Tensor:
        return separable(x, depthwise, pointwise, dilation, **options)

    def padding(name: str, amount: int) -> tuple[str, Callable[[], Tensor]]:
        return PADDING.format(name), lambda: made(padding=amount)

    def bordered(mode: str) -> Tensor:
        return F.conv2d(look_around(F.pad(x, (reach,) * 4, mode=mode), depthwise, dilation, padding=0), pointwise)

    def on_one_side(before: int) -> Tensor:
        padded = F.pad(x, (before, 2 * reach - before) * 2)
        return F.conv2d(look_around(padded, depthwise, dilation, padding=0), pointwise)

    return [
        (NO_PADDING, lambda: made(padding=0)),
        (NO_PADDING, lambda: made(padding="valid")),
        padding("the dilation", dilation),
        padding("k // 2", k // 2),
        padding("1", 1),
        padding("dilation * k // 2, rounded down after the product", dilation * k // 2),
        padding("dilation * k", dilation * k),
        padding("dilation * (k - 1)", dilation * (k - 1)),
        padding("k // 2 + dilation", k // 2 + dilation),
        (NOT_DILATED, lambda: made(dilation=1, padding=k // 2)),
        (NOT_DILATED, lambda: made(dilation=1)),
        (NOT_DILATED, lambda: made(dilation=1, padding=0)),
        (
            "taps are dilation + 1 positions apart; dilation counts positions from tap to tap.",
            lambda: made(dilation=dilation + 1, padding=(dilation + 1) * (k // 2)),
        ),
        ("the stride was set to the dilation.", lambda: made(stride=dilation)),
        ("the stride was set to the dilation.", lambda: made(stride=dilation, dilation=1, padding=k // 2)),
        (OUTSIDE, lambda: bordered("replicate")),
        (OUTSIDE, lambda: bordered("reflect")),
        (OUTSIDE, lambda: bordered("circular")),
        (
            "all zeros were put at the top and at the left; half of them belong at the bottom and at the right.",
            lambda: on_one_side(2 * reach),
        ),
        (
            "all zeros were put at the bottom and at the right; half of them belong at the top and at the left.",
            lambda: on_one_side(0),
        ),
        (
            "the pointwise half was padded, too; it looks at one position.",
            lambda: F.conv2d(look_around(x, depthwise, dilation), pointwise, padding=reach),
        ),
        (
            "the pointwise half was padded, not the depthwise one.",
            lambda: F.conv2d(look_around(x, depthwise, dilation, padding=0), pointwise, padding=reach),
        ),
        (
            "the pointwise half got the dilation, the depthwise one did not.",
            lambda: F.conv2d(look_around(x, depthwise, 1), pointwise, dilation=dilation),
        ),
    ]


def usual_half_errors(x: Tensor, depthwise: Tensor, pointwise: Tensor, dilation: int) -> UsualErrors:
    """The two halves, their order and their weights."""
    around = look_around(x, depthwise, dilation)
    channels = x.shape[1]

    def again(**changed: Tensor) -> Tensor:
        return separable(
            changed.get("x", x), changed.get("depthwise", depthwise), changed.get("pointwise", pointwise), dilation
        )

    return [
        (GROUPS, lambda: separable(x, depthwise, pointwise, dilation, groups=1)),
        (
            "groups is the number of output channels; the depthwise half needs one group per input channel.",
            lambda: separable(x, depthwise, pointwise, dilation, groups=pointwise.shape[0]),
        ),
        (
            "the pointwise half got groups, too; it mixes all channels.",
            lambda: F.conv2d(around, pointwise, groups=channels),
        ),
        (
            "the channels were mixed first; the depthwise half comes first.",
            lambda: look_around(F.conv2d(x, pointwise), depthwise, dilation),
        ),
        (
            "the channels were mixed first; the depthwise half comes first.",
            lambda: F.conv2d(
                F.conv2d(x, pointwise),
                depthwise,
                padding=dilation * (depthwise.shape[-1] // 2),
                dilation=dilation,
                groups=channels,
            ),
        ),
        ("the pointwise half is missing.", lambda: around),
        ("the depthwise half is missing.", lambda: F.conv2d(x, pointwise)),
        ("the two weights are exchanged.", lambda: again(depthwise=pointwise, pointwise=depthwise)),
        (FLIPPED, lambda: again(depthwise=depthwise.flip((2, 3)))),
        ("rows and columns of the kernel are exchanged.", lambda: again(depthwise=depthwise.transpose(2, 3))),
        ("rows and columns of the pointwise weight are exchanged.", lambda: again(pointwise=pointwise.transpose(0, 1))),
        (
            "every channel's kernel was spread over all channels; the depthwise half needs one group per channel.",
            lambda: F.conv2d(look_around(x, depthwise.expand(-1, channels, -1, -1), dilation, groups=1), pointwise),
        ),
        ("the first kernel was used for every channel.", lambda: again(depthwise=depthwise[:1].expand_as(depthwise))),
        (
            "the kernels were averaged over the channels.",
            lambda: again(depthwise=depthwise.mean(0, keepdim=True).expand_as(depthwise)),
        ),
        ("the channels were added up without the pointwise weights.", lambda: around.sum(dim=1, keepdim=True)),
        (
            "the channels were added up without the pointwise weights.",
            lambda: around.sum(dim=1, keepdim=True).expand(-1, pointwise.shape[0], -1, -1),
        ),
        ("the two halves were computed side by side and added.", lambda: around + F.conv2d(x, pointwise)),
        ("x was added to the result; there is no such connection.", lambda: again() + x),
        ("the depthwise half ran twice.", lambda: F.conv2d(look_around(around, depthwise, dilation), pointwise)),
    ]


def usual_other_errors(x: Tensor, depthwise: Tensor, pointwise: Tensor, dilation: int) -> UsualErrors:
    around = look_around(x, depthwise, dilation)
    out = F.conv2d(around, pointwise)

    def normalised(tensor: Tensor) -> Tensor:
        return F.batch_norm(tensor, None, None, training=True)

    return [
        (BETWEEN.format("a ReLU"), lambda: F.conv2d(around.relu(), pointwise)),
        (BETWEEN.format("a ReLU") + " Nor does one stand behind.", lambda: F.conv2d(around.relu(), pointwise).relu()),
        (BEHIND.format("a ReLU"), lambda: out.relu()),
        (BETWEEN.format("a batch normalisation"), lambda: F.conv2d(normalised(around), pointwise)),
        (BEHIND.format("a batch normalisation"), lambda: normalised(out)),
        (BEHIND.format("a batch normalisation and a ReLU"), lambda: normalised(out).relu()),
        (BEHIND.format("a softmax"), lambda: out.softmax(dim=1)),
        (BEHIND.format("a sigmoid"), lambda: out.sigmoid()),
        ("a bias of one was added; there is none.", lambda: out + 1),
        (
            "x is turned into float32; it has to keep its dtype.",
            lambda: separable(x.float(), depthwise, pointwise, dilation),
        ),
        (
            "a weight is turned into float32, as in a new nn.Conv2d; use the given one, in its dtype.",
            lambda: separable(x, depthwise.float(), pointwise, dilation),
        ),
        ("x was returned as it came.", lambda: x),
    ]


def called(case: Case) -> str:
    shapes = ", ".join(f"{name} {tuple(case[name].shape)}" for name in ("x", "depthwise_weight", "pointwise_weight"))
    return f"separable_atrous_conv({shapes}, dilation={case['dilation']}), {case['dtype']}"


separable_atrous_conv = Judge(called=called, find_fault=find_separable_fault, usual_errors=usual_separable_errors)
