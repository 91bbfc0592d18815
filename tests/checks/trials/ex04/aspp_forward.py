"""Solutions of ex04's forward pass of ASPP, as students write them: the method alone, or a whole class."""

import torch
from torch import nn
from torch.nn import functional as F


def maps(self, x):
    return [conv(x) for conv in self.convs]


def spread(self, x):
    return self.image_pool(x).expand(-1, -1, *x.shape[-2:])


def right_forward(self, x):
    return self.project(torch.cat([*maps(self, x), spread(self, x)], dim=1))


# ---- wrong methods


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


def averaged(self, x):
    return self.project(torch.stack([*maps(self, x), spread(self, x)]).mean(dim=0))


def along_the_batch(self, x):
    return self.project(torch.cat([*maps(self, x), spread(self, x)]))


def along_the_rows(self, x):
    return self.project(torch.cat([*maps(self, x), spread(self, x)], dim=2))


def along_the_columns(self, x):
    return self.project(torch.cat([*maps(self, x), spread(self, x)], dim=-1))


def stacked(self, x):
    return self.project(torch.stack([*maps(self, x), spread(self, x)], dim=1))


def list_to_project(self, x):
    return self.project([*maps(self, x), spread(self, x)])


def square(self, x):
    pooled = F.interpolate(self.image_pool(x), size=x.shape[2])
    return self.project(torch.cat([*maps(self, x), pooled], dim=1))


def height_and_width_exchanged(self, x):
    pooled = F.interpolate(self.image_pool(x), size=(x.shape[3], x.shape[2]))
    return self.project(torch.cat([*maps(self, x), pooled], dim=1))


def padded_with_zeros(self, x):
    pooled = F.pad(self.image_pool(x), (0, x.shape[3] - 1, 0, x.shape[2] - 1))
    return self.project(torch.cat([*maps(self, x), pooled], dim=1))


def pool_over_the_batch(self, x):
    pooled = spread(self, x).mean(dim=0, keepdim=True).expand(len(x), -1, -1, -1)
    return self.project(torch.cat([*maps(self, x), pooled], dim=1))


def pool_of_the_first_image(self, x):
    pooled = spread(self, x[:1]).expand(len(x), -1, -1, -1)
    return self.project(torch.cat([*maps(self, x), pooled], dim=1))


def zeros_for_the_pool(self, x):
    return self.project(torch.cat([*maps(self, x), torch.zeros_like(spread(self, x))], dim=1))


def average_without_image_pool(self, x):
    pooled = x.mean(dim=(2, 3), keepdim=True).expand(-1, -1, *x.shape[-2:])
    return self.project(torch.cat([*maps(self, x), pooled], dim=1))


def four_convs(self, x):
    seen = [self.convs[index](x) for index in range(4)]
    return self.project(torch.cat([*seen, spread(self, x)], dim=1))


def first_conv_again_and_again(self, x):
    return self.project(torch.cat([self.convs[0](x) for _ in self.convs] + [spread(self, x)], dim=1))


def without_the_1x1(self, x):
    return self.project(torch.cat([*maps(self, x)[1:], spread(self, x)], dim=1))


def without_the_last_conv(self, x):
    return self.project(torch.cat([*maps(self, x)[:-1], spread(self, x)], dim=1))


def with_skip(self, x):
    return right_forward(self, x) + x


def with_x_as_in_pspnet(self, x):
    return self.project(torch.cat([x, *maps(self, x), spread(self, x)], dim=1))


def with_softmax(self, x):
    return right_forward(self, x).softmax(dim=1)


def relu_before(self, x):
    return right_forward(self, x.relu())


def fixed_256(self, x):
    pooled = self.image_pool(x).expand(-1, 256, *x.shape[-2:])
    return self.project(torch.cat([*maps(self, x), pooled], dim=1))


def pool_of_the_last_map(self, x):
    seen = maps(self, x)
    return self.project(torch.cat([*seen, spread(self, seen[-1])], dim=1))


def pool_after_project(self, x):
    return self.project(torch.cat(maps(self, x), dim=1)) + spread(self, x)


def projected_one_by_one(self, x):
    return sum(self.project(part) for part in [*maps(self, x), spread(self, x)])


def in_float32(self, x):
    return right_forward(self, x.float())


def buffer_of_float32(self, x):
    seen = torch.cat([*maps(self, x), spread(self, x)], dim=1)
    buffer = torch.zeros(seen.shape)
    buffer[:] = seen
    return self.project(buffer)


def forgotten_return(self, x):
    right_forward(self, x)


def trailing_comma(self, x):
    return (right_forward(self, x),)


def in_numpy(self, x):
    return right_forward(self, x).detach().numpy()


def detached_input(self, x):
    return right_forward(self, x.detach())


def detached_pool(self, x):
    return self.project(torch.cat([*maps(self, x), spread(self, x).detach()], dim=1))


def no_grad(self, x):
    with torch.no_grad():
        return right_forward(self, x)


def relu_in_place(self, x):
    return right_forward(self, x.relu_())


def train_mode(self, x):
    self.train()
    return right_forward(self, x)


def eval_mode(self, x):
    self.eval()
    return right_forward(self, x)


def random_dropout(self, x):
    return F.dropout(right_forward(self, x))


def a_new_convolution(self, x):
    pooled = nn.Conv2d(x.shape[1], self.project[0].out_channels, 1).to(x.dtype)(x.mean((2, 3), keepdim=True))
    return self.project(torch.cat([*maps(self, x), pooled.expand(-1, -1, *x.shape[-2:])], dim=1))


def gradients_switched_off(self, x):
    out = right_forward(self, x)
    torch.set_grad_enabled(False)
    return out


def handed_to_the_course(self, x):
    from segutils.models import deeplab

    return deeplab.ASPP(x.shape[1], [2], 6).to(x.dtype)(x)


def handed_to_torchvision(self, x):
    from torchvision.models.segmentation import deeplabv3

    return deeplabv3.ASPP(x.shape[1], [2], 6).to(x.dtype)(x)


def a_typing_error(self, x):
    return self.projekt(x)


# ---- whole classes


def conv_bn_relu(in_channels: int, out_channels: int, kernel_size: int = 1, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel_size // 2)
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, dilation=dilation, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


class WholeASPP(nn.Module):
    def __init__(self, in_channels, atrous_rates, out_channels=256):
        super().__init__()
        self.convs = nn.ModuleList([conv_bn_relu(in_channels, out_channels)])
        self.convs.extend(conv_bn_relu(in_channels, out_channels, 3, rate) for rate in atrous_rates)
        self.image_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv_bn_relu(in_channels, out_channels))
        self.project = conv_bn_relu((len(self.convs) + 1) * out_channels, out_channels)

    forward = right_forward


class ChangedProject(WholeASPP):
    def __init__(self, in_channels, atrous_rates, out_channels=256):
        super().__init__(in_channels, atrous_rates, out_channels)
        self.project = conv_bn_relu((len(self.convs) + 1) * out_channels, out_channels, kernel_size=3)


class ForgottenDilation(WholeASPP):
    def __init__(self, in_channels, atrous_rates, out_channels=256):
        super().__init__(in_channels, [1 for _ in atrous_rates], out_channels)


class MaxForAverage(WholeASPP):
    def __init__(self, in_channels, atrous_rates, out_channels=256):
        super().__init__(in_channels, atrous_rates, out_channels)
        self.image_pool[0] = nn.AdaptiveMaxPool2d(1)


class ListForModuleList(WholeASPP):
    def __init__(self, in_channels, atrous_rates, out_channels=256):
        super().__init__(in_channels, atrous_rates, out_channels)
        convs = list(self.convs)
        del self.convs
        self.convs = convs


class NoModule:
    def __init__(self, in_channels, atrous_rates, out_channels=256):
        pass


WRONG = {
    "image pool missing": (without_image_pool, "image pool is missing"),
    "image pool first": (image_pool_first, "concatenated first"),
    "everything reversed": (everything_reversed, "reverse order"),
    "convs reversed": (convs_reversed, "self.convs were taken in reverse order"),
    "pool not resized": (pool_not_resized, "was not resized"),
    "without project": (without_project, "self.project is missing"),
    "cascade": (cascade, "previous one's output"),
    "added up": (added_up, "added up"),
    "averaged": (averaged, "averaged over the branches"),
    "along the batch": (along_the_batch, "along the batch"),
    "along the rows": (along_the_rows, "along the rows"),
    "along the columns": (along_the_columns, "along the columns"),
    "stacked": (stacked, "torch.stack"),
    "a list to project": (list_to_project, "self.project got a list"),
    "square": (square, "to a square"),
    "height and width exchanged": (height_and_width_exchanged, "height and width are exchanged"),
    "padded with zeros": (padded_with_zeros, "padded with zeros"),
    "pool over the batch": (pool_over_the_batch, "over the whole batch"),
    "pool of the first image": (pool_of_the_first_image, "first image's pool"),
    "zeros for the pool": (zeros_for_the_pool, "zeros stand"),
    "average without image_pool": (average_without_image_pool, "without self.image_pool's convolution"),
    "four convs": (four_convs, "exactly 4 convs|raised IndexError"),
    "the first conv again and again": (first_conv_again_and_again, "first conv of self.convs"),
    "without the 1x1": (without_the_1x1, r"1x1 conv \(self.convs\[0\]\) was left out"),
    "without the last conv": (without_the_last_conv, "last conv of self.convs was left out"),
    "skip connection": (with_skip, "skip connection"),
    "x as in PSPNet": (with_x_as_in_pspnet, "PSPNet's pyramid"),
    "softmax": (with_softmax, "softmax"),
    "ReLU before": (relu_before, "went through a ReLU first"),
    "fixed 256": (fixed_256, "taken to be 256"),
    "pool of the last map": (pool_of_the_last_map, "looked at the last conv's output"),
    "pool after project": (pool_after_project, "taken after self.project|image pool is missing"),
    "projected one by one": (projected_one_by_one, "applied to each map"),
    "in float32": (in_float32, "turned into float32"),
    "a buffer of float32": (buffer_of_float32, "turned into float32"),
    "no return": (forgotten_return, "without `return`"),
    "a comma at the end": (trailing_comma, "a comma at its end"),
    "numpy": (in_numpy, "numpy array where a tensor was asked"),
    "detached input": (detached_input, "cuts gradients off"),
    "detached pool": (detached_pool, r"(?s)image_pool.*cuts gradients off"),
    "no_grad": (no_grad, "cuts gradients off"),
    "in place": (relu_in_place, "changed what it was given: x"),
    "train mode": (train_mode, "switches to train mode"),
    "eval mode": (eval_mode, r"self.eval\(\) inside forward"),
    "dropout": (random_dropout, "something random"),
    "a new convolution": (a_new_convolution, "something random"),
    "gradients switched off": (gradients_switched_off, "global switch of torch changed: gradients on or off"),
    "the course's": (handed_to_the_course, "hands the task over to segutils.models.deeplab"),
    "torchvision's": (handed_to_torchvision, "hands the task over to torchvision.models.segmentation.deeplabv3"),
    "a typing error": (a_typing_error, "(?s)has no attribute 'projekt'.*in the line `return self.projekt"),
    "changed project": (ChangedProject, "__init__ was changed"),
    "forgotten dilation": (ForgottenDilation, "dilations are not used"),
    "largest value for average": (MaxForAverage, "largest value"),
    "a list for ModuleList": (ListForModuleList, "__init__ was changed"),
    "no module": (NoModule, "inherit from nn.Module"),
}


# ---- right methods and classes


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
    branches = [*self.convs, lambda x: spread(self, x)]
    channels = self.project[0].in_channels // len(branches)
    seen = x.new_empty(len(x), channels * len(branches), *x.shape[2:])
    for index, branch in enumerate(branches):
        seen[:, index * channels : (index + 1) * channels] = branch(x)
    return self.project(seen)


def by_adding_zeros(self, x):
    pooled = self.image_pool(x) + x.new_zeros(1, 1, *x.shape[-2:])
    return self.project(torch.cat([*maps(self, x), pooled], dim=1))


def with_an_import_and_a_print(self, x):
    import torchvision.transforms.functional as transforms

    print("looking at", tuple(x.shape))
    pooled = transforms.resize(self.image_pool(x), list(x.shape[-2:]), antialias=False)
    return self.project(torch.cat([*maps(self, x), pooled], dim=1))


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

    forward = right_forward


RIGHT = {
    "expand": right_forward,
    "interpolate": by_interpolation,
    "nearest, in a loop": by_nearest_in_a_loop,
    "aligned corners": by_aligned_corners,
    "repeat": by_repeating,
    "filling a buffer": by_filling_a_buffer,
    "adding zeros": by_adding_zeros,
    "with an import and a print": with_an_import_and_a_print,
    "the given class": WholeASPP,
    "parts in another order": PartsInAnotherOrder,
}
