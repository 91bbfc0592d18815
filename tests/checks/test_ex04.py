"""Wrong solutions of ex04, as students write them, fail with the cause; right ones pass however they are written."""

import re

import pytest
import torch
import torchvision
from checks.trying import given_definitions, message_of
from torch import nn
from torch.nn import functional as F

from segutils.checks import ex04
from segutils.checks.judges.ex04 import ReferenceASPP
from segutils.checks.modules import load_drawn_weights
from segutils.models import deeplab

given = given_definitions("ex04_aspp")
conv_bn_relu, GivenASPP = given["conv_bn_relu"], given["ASPP"]


def with_forward(forward, base=GivenASPP) -> type:
    """The exercise's class with a student's forward pass."""
    return type("ASPP", (base,), {"forward": forward})


def maps(self, x):
    return [conv(x) for conv in self.convs]


def spread(self, x):
    return self.image_pool(x).expand(-1, -1, *x.shape[-2:])


def right(self, x):
    return self.project(torch.cat([*maps(self, x), spread(self, x)], dim=1))


# ---- the forward pass of ASPP, wrong


def without_image_pool(self, x):
    return self.project(torch.cat(maps(self, x), dim=1))


def image_pool_first(self, x):
    return self.project(torch.cat([spread(self, x), *maps(self, x)], dim=1))


def everything_reversed(self, x):
    return self.project(torch.cat([spread(self, x), *maps(self, x)[::-1]], dim=1))


def convs_reversed(self, x):
    return self.project(torch.cat([*maps(self, x)[::-1], spread(self, x)], dim=1))


def pool_not_resized(self, x):
    return self.project(torch.cat([*maps(self, x), self.image_pool(x)], dim=1))


def without_project(self, x):
    return torch.cat([*maps(self, x), spread(self, x)], dim=1)


def cascade(self, x):
    pooled, seen = spread(self, x), []
    for conv in self.convs:
        x = conv(x)
        seen.append(x)
    return self.project(torch.cat([*seen, pooled], dim=1))


def added_up(self, x):
    return self.project(sum(maps(self, x)) + spread(self, x))


def along_the_batch(self, x):
    return self.project(torch.cat([*maps(self, x), spread(self, x)]))


def along_the_rows(self, x):
    return self.project(torch.cat([*maps(self, x), spread(self, x)], dim=2))


def stacked(self, x):
    return self.project(torch.stack([*maps(self, x), spread(self, x)], dim=1))


def square(self, x):
    pooled = F.interpolate(self.image_pool(x), size=x.shape[2])
    return self.project(torch.cat([*maps(self, x), pooled], dim=1))


def height_and_width_exchanged(self, x):
    pooled = F.interpolate(self.image_pool(x), size=(x.shape[3], x.shape[2]))
    return self.project(torch.cat([*maps(self, x), pooled], dim=1))


def pool_over_the_batch(self, x):
    pooled = spread(self, x).mean(dim=0, keepdim=True).expand(len(x), -1, -1, -1)
    return self.project(torch.cat([*maps(self, x), pooled], dim=1))


def pool_of_the_first_image(self, x):
    pooled = spread(self, x[:1]).expand(len(x), -1, -1, -1)
    return self.project(torch.cat([*maps(self, x), pooled], dim=1))


def zeros_for_the_pool(self, x):
    return self.project(torch.cat([*maps(self, x), torch.zeros_like(spread(self, x))], dim=1))


def four_convs(self, x):
    seen = [self.convs[index](x) for index in range(4)]
    return self.project(torch.cat([*seen, spread(self, x)], dim=1))


def first_conv_again_and_again(self, x):
    return self.project(torch.cat([self.convs[0](x) for _ in self.convs] + [spread(self, x)], dim=1))


def without_the_1x1(self, x):
    return self.project(torch.cat([*maps(self, x)[1:], spread(self, x)], dim=1))


def with_skip(self, x):
    return right(self, x) + x


def with_x_as_in_pspnet(self, x):
    return self.project(torch.cat([x, *maps(self, x), spread(self, x)], dim=1))


def with_softmax(self, x):
    return right(self, x).softmax(dim=1)


def fixed_256(self, x):
    pooled = self.image_pool(x).expand(-1, 256, *x.shape[-2:])
    return self.project(torch.cat([*maps(self, x), pooled], dim=1))


def pool_of_the_last_map(self, x):
    seen = maps(self, x)
    return self.project(torch.cat([*seen, spread(self, seen[-1])], dim=1))


def projected_one_by_one(self, x):
    return sum(self.project(part) for part in [*maps(self, x), spread(self, x)])


def in_float32(self, x):
    return right(self, x.float())


def forgotten_return(self, x):
    right(self, x)


def trailing_comma(self, x):
    return (right(self, x),)


def in_numpy(self, x):
    return right(self, x).detach().numpy()


def detached_input(self, x):
    return right(self, x.detach())


def detached_pool(self, x):
    return self.project(torch.cat([*maps(self, x), spread(self, x).detach()], dim=1))


def no_grad(self, x):
    with torch.no_grad():
        return right(self, x)


def relu_in_place(self, x):
    return right(self, x.relu_())


def train_mode(self, x):
    self.train()
    return right(self, x)


def eval_mode(self, x):
    self.eval()
    return right(self, x)


def random_dropout(self, x):
    return F.dropout(right(self, x))


def gradients_switched_off(self, x):
    out = right(self, x)
    torch.set_grad_enabled(False)
    return out


def handed_to_the_course(self, x):
    ready = deeplab.ASPP(x.shape[1], [2], 6).to(x.dtype)
    return ready(x)


def handed_to_torchvision(self, x):
    ready = torchvision.models.segmentation.deeplabv3.ASPP(x.shape[1], [2], 6).to(x.dtype)
    return ready(x)


def not_written(self, x):
    raise NotImplementedError("not written yet")


def a_typing_error(self, x):
    return self.projekt(x)


WRONG_FORWARD = {
    without_image_pool: "image pool is missing",
    image_pool_first: "concatenated first",
    everything_reversed: "reverse order",
    convs_reversed: "self.convs were taken in reverse order",
    pool_not_resized: "was not resized",
    without_project: "self.project is missing",
    cascade: "previous one's output",
    added_up: "added up",
    along_the_batch: "along the batch",
    along_the_rows: "along the rows",
    stacked: "torch.stack",
    square: "to a square",
    height_and_width_exchanged: "height and width are exchanged",
    pool_over_the_batch: "over the whole batch",
    pool_of_the_first_image: "first image's pool",
    zeros_for_the_pool: "zeros stand",
    four_convs: "exactly 4 convs|raised IndexError",
    first_conv_again_and_again: "first conv of self.convs",
    without_the_1x1: r"1x1 conv \(self.convs\[0\]\) was left out",
    with_skip: "skip connection",
    with_x_as_in_pspnet: "PSPNet's pyramid",
    with_softmax: "softmax",
    fixed_256: "taken to be 256",
    pool_of_the_last_map: "looked at the last conv's output",
    projected_one_by_one: "applied to each map",
    in_float32: "turned into float32",
    forgotten_return: "without `return`",
    trailing_comma: "a comma at its end",
    in_numpy: "numpy array where a tensor was asked",
    detached_input: "cuts gradients off",
    detached_pool: r"(?s)image_pool.*cuts gradients off",
    no_grad: "cuts gradients off",
    relu_in_place: "changed what it was given: x",
    train_mode: "switches to train mode",
    eval_mode: r"self.eval\(\) inside forward",
    random_dropout: "something random",
    gradients_switched_off: "global switch of torch changed: gradients on or off",
    handed_to_the_course: "hands the task over to segutils.models.deeplab",
    handed_to_torchvision: "hands the task over to torchvision.models.segmentation.deeplabv3",
    not_written: "not written yet",
    a_typing_error: "(?s)has no attribute 'projekt'.*in the line `return self.projekt",
}


@pytest.mark.parametrize("forward", WRONG_FORWARD, ids=lambda forward: forward.__name__)
def test_wrong_forward_fails_with_its_cause(forward):
    message = message_of(ex04.aspp_forward, with_forward(forward))
    assert message, "a wrong solution passed"
    assert re.search(WRONG_FORWARD[forward], message), message


class ChangedProject(GivenASPP):
    def __init__(self, in_channels, atrous_rates, out_channels=256):
        super().__init__(in_channels, atrous_rates, out_channels)
        self.project = conv_bn_relu((len(self.convs) + 1) * out_channels, out_channels, kernel_size=3)

    forward = right


class ForgottenDilation(GivenASPP):
    def __init__(self, in_channels, atrous_rates, out_channels=256):
        super().__init__(in_channels, [1 for _ in atrous_rates], out_channels)

    forward = right


class NoModule:
    def __init__(self, in_channels, atrous_rates, out_channels=256):
        pass


WRONG_CLASS = {
    ChangedProject: "__init__ was changed",
    ForgottenDilation: "dilations are not used",
    NoModule: "inherit from nn.Module",
    deeplab.ASPP: "hands the task over",
    torchvision.models.segmentation.deeplabv3.ASPP: "hands the task over",
}


@pytest.mark.parametrize("aspp", WRONG_CLASS, ids=lambda aspp: aspp.__module__.split(".")[0] + aspp.__name__)
def test_wrong_class_fails_with_its_cause(aspp):
    message = message_of(ex04.aspp_forward, aspp)
    assert re.search(WRONG_CLASS[aspp], message), message


def test_an_instance_in_place_of_the_class_is_told():
    assert "is not callable" in message_of(ex04.aspp_forward, None)
    assert "pass the class itself" in message_of(ex04.aspp_forward, lambda *sizes: "ASPP")


# ---- the forward pass of ASPP, right


def by_interpolation(self, x):
    pooled = F.interpolate(self.image_pool(x), size=x.shape[-2:], mode="bilinear", align_corners=False)
    return self.project(torch.cat([*maps(self, x), pooled], dim=1))


def by_nearest_in_a_loop(self, x):
    height, width = x.size(2), x.size(3)
    branches = []
    for index in range(len(self.convs)):
        branches.append(self.convs[index](x))
    branches.append(nn.Upsample(size=(height, width), mode="nearest")(self.image_pool(x)))
    return self.project(torch.concat(branches, 1))


def by_aligned_corners(self, x):
    pooled = F.interpolate(self.image_pool(x), x.size()[2:], mode="bilinear", align_corners=True)
    return self.project(torch.cat(maps(self, x) + [pooled], -3))


def by_repeating(self, x):
    out = torch.cat(maps(self, x), dim=1)
    pooled = self.image_pool(x).repeat(1, 1, x.shape[2], x.shape[3])
    return self.project(torch.cat((out, pooled), dim=1))


def by_filling_a_buffer(self, x):
    parts = [*self.convs, lambda x: spread(self, x)]
    channels = self.project[0].in_channels // len(parts)
    seen = x.new_empty(len(x), channels * len(parts), *x.shape[2:])
    for index, part in enumerate(parts):
        seen[:, index * channels : (index + 1) * channels] = part(x)
    return self.project(seen)


def by_adding_zeros(self, x):
    pooled = self.image_pool(x) + x.new_zeros(1, 1, *x.shape[-2:])
    return self.project(torch.cat([*maps(self, x), pooled], dim=1))


def with_an_import_and_a_print(self, x):
    import torchvision.transforms.functional as transforms

    print("looking at", tuple(x.shape))
    pooled = transforms.resize(self.image_pool(x), list(x.shape[-2:]), antialias=False)
    return self.project(torch.cat([*maps(self, x), pooled], dim=1))


RIGHT_FORWARD = [
    right,
    by_interpolation,
    by_nearest_in_a_loop,
    by_aligned_corners,
    by_repeating,
    by_filling_a_buffer,
    by_adding_zeros,
    with_an_import_and_a_print,
]


@pytest.mark.parametrize("forward", RIGHT_FORWARD, ids=lambda forward: forward.__name__)
def test_right_forward_passes(forward, capsys):
    assert message_of(ex04.aspp_forward, with_forward(forward)) == ""
    assert "ASPP.forward: passed. 6 cases" in capsys.readouterr().out


class PartsInAnotherOrder(nn.Module):
    """The same parts made in another order, initialised in another way, with dropout at the end."""

    def __init__(self, in_channels, atrous_rates, out_channels=256):
        super().__init__()
        self.project = nn.Sequential(
            *conv_bn_relu((len(atrous_rates) + 2) * out_channels, out_channels), nn.Dropout(0.5)
        )
        self.image_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), *conv_bn_relu(in_channels, out_channels))
        dilated = [conv_bn_relu(in_channels, out_channels, 3, rate) for rate in atrous_rates]
        self.convs = nn.ModuleList([conv_bn_relu(in_channels, out_channels), *dilated])
        for parameter in self.parameters():
            nn.init.zeros_(parameter)

    forward = right


def test_any_initialisation_and_order_of_parts_passes():
    assert message_of(ex04.aspp_forward, PartsInAnotherOrder) == ""


@pytest.mark.parametrize("seed", range(20))
def test_a_right_solution_passes_with_every_seed(seed):
    assert message_of(ex04.aspp_forward, with_forward(by_interpolation), seeds=[seed]) == ""


def test_the_reference_is_the_courses_and_torchvisions_aspp():
    torch.manual_seed(0)
    sizes = {"in_channels": 5, "atrous_rates": [1, 2, 3], "out_channels": 4}
    reference = ReferenceASPP(**sizes).eval()
    load_drawn_weights(ex04.ASPP_TASK.ordered_state(reference), seed=3)
    x = torch.randn(2, 5, 9, 7)
    for other in (deeplab.ASPP(**sizes), torchvision.models.segmentation.deeplabv3.ASPP(**sizes)):
        ported = dict(zip(other.state_dict(), reference.state_dict().values(), strict=True))
        other.load_state_dict(ported)
        torch.testing.assert_close(other.eval()(x), reference(x), rtol=0, atol=1e-6)


# ---- effective_kernel_size

WRONG_SIZE = {
    "product": (lambda kernel_size, dilation: kernel_size * dilation, "k - 1 gaps"),
    "without the last tap": (lambda k, r: (k - 1) * r, r"\+ 1 is missing"),
    "a zero too many in each gap": (lambda k, r: k + (k - 1) * r, "leaves dilation - 1"),
    "one gap only": (lambda k, r: k + r - 1, "added once"),
    "a gap too many": (lambda k, r: k + k * (r - 1), "k - 1 gaps"),
    "padding": (lambda k, r: (k - 1) * r // 2, "padding"),
    "exchanged": (lambda k, r: r + (r - 1) * (k - 1), "exchanged"),
    "without dilation": (lambda k, r: k, "dilation is not used"),
    "area": (lambda k, r: (k + (k - 1) * (r - 1)) ** 2, "the area"),
    "only for 3x3": (lambda k, r: 2 * r + 1, "expected 1, got 13"),
    "only for odd kernels": (lambda k, r: 2 * (k // 2) * r + 1, r"(?s)kernel_size=2.*expected 5, got 9"),
    "no return": (lambda k, r: None, "returned None"),
    "text": (lambda k, r: str((k - 1) * r + 1), "returned a str"),
    "one argument": (lambda k: k, "TypeError"),
    "not written": (given["effective_kernel_size"], "not written yet"),
}
RIGHT_SIZE = [
    lambda k, r: k + (k - 1) * (r - 1),
    lambda kernel_size, dilation: (kernel_size - 1) * dilation + 1,
    lambda k, r: dilation_by_listing(k, r),
    lambda k, r: float(k * r - r + 1),
    lambda k, r: torch.nn.functional.pad(torch.zeros(k - 1, r), (0, 0)).numel() + 1,
]


def dilation_by_listing(kernel_size, dilation):
    taps = [dilation * index for index in range(kernel_size)]
    return max(taps) - min(taps) + 1


@pytest.mark.parametrize("name", WRONG_SIZE)
def test_wrong_kernel_size_fails_with_its_cause(name):
    function, cause = WRONG_SIZE[name]
    assert re.search(cause, message := message_of(ex04.effective_kernel_size, function)), message


@pytest.mark.parametrize("function", RIGHT_SIZE)
def test_right_kernel_size_passes(function):
    assert message_of(ex04.effective_kernel_size, function) == ""
