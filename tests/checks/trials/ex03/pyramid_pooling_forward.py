"""Forward passes of ex03's PyramidPooling, as students write them."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

# ---- wrong


def resized(self, x, **options):
    options = {"size": x.shape[-2:], "mode": "bilinear", "align_corners": False, **options}
    return [F.interpolate(stage(x), **options) for stage in self.stages]


def without_x(self, x):
    return torch.cat(resized(self, x), dim=1)


def x_last(self, x):
    return torch.cat([*resized(self, x), x], dim=1)


def reversed_stages(self, x):
    return torch.cat([x, *reversed(resized(self, x))], dim=1)


def inserted_in_front(self, x):
    maps = [x]
    for part in resized(self, x):
        maps.insert(0, part)
    return torch.cat(maps, dim=1)


def x_with_each(self, x):
    return torch.cat([torch.cat([x, part], dim=1) for part in resized(self, x)], dim=1)


def x_twice(self, x):
    return torch.cat([x, *resized(self, x), x], dim=1)


def every_stage_twice(self, x):
    return torch.cat([x, *resized(self, x), *resized(self, x)], dim=1)


def by_the_default_mode(self, x):
    return torch.cat([x, *(F.interpolate(stage(x), size=x.shape[-2:]) for stage in self.stages)], dim=1)


def by_the_default_of_upsample(self, x):
    up = nn.Upsample(size=x.shape[-2:])
    return torch.cat([x, *(up(stage(x)) for stage in self.stages)], dim=1)


def corners_without_a_mode(self, x):
    maps = [F.interpolate(stage(x), size=x.shape[-2:], align_corners=False) for stage in self.stages]
    return torch.cat([x, *maps], dim=1)


def aligned_corners(self, x):
    return torch.cat([x, *resized(self, x, align_corners=True)], dim=1)


def bicubic(self, x):
    return torch.cat([x, *resized(self, x, mode="bicubic")], dim=1)


def antialiased(self, x):
    return torch.cat([x, *resized(self, x, antialias=True)], dim=1)


def by_upsampling_bilinear(self, x):
    return torch.cat([x, *(nn.UpsamplingBilinear2d(size=x.shape[-2:])(s(x)) for s in self.stages)], dim=1)


def not_resized(self, x):
    return torch.cat([x, *(stage(x) for stage in self.stages)], dim=1)


def chained(self, x):
    out, feature = [x], x
    for stage in self.stages:
        feature = stage(feature)
        out.append(F.interpolate(feature, size=x.shape[-2:], mode="bilinear", align_corners=False))
    return torch.cat(out, dim=1)


def chained_after_the_resize(self, x):
    out, feature = [x], x
    for stage in self.stages:
        feature = F.interpolate(stage(feature), size=x.shape[-2:], mode="bilinear", align_corners=False)
        out.append(feature)
    return torch.cat(out, dim=1)


def name_overwritten(self, x):
    out = x
    for stage in self.stages:
        pooled = F.interpolate(stage(out), size=out.shape[-2:], mode="bilinear", align_corners=False)
        out = torch.cat([out, pooled], dim=1)
    return out


def summed(self, x):
    out = x
    for part in resized(self, x):
        out = out + part
    return out


def stages_summed(self, x):
    return torch.cat([x, sum(resized(self, x))], dim=1)


def along_the_batch(self, x):
    return torch.cat([x, *resized(self, x)])


def along_the_rows(self, x):
    return torch.cat([x, *resized(self, x)], dim=2)


def stacked(self, x):
    return torch.stack([x, *resized(self, x)], dim=1)


def list_in_a_list(self, x):
    return torch.cat([x, resized(self, x)], dim=1)


def exchanged_size(self, x):
    return torch.cat([x, *resized(self, x, size=(x.shape[3], x.shape[2]))], dim=1)


def square(self, x):
    return torch.cat([x, *resized(self, x, size=x.shape[-1])], dim=1)


def whole_shape_as_size(self, x):
    return torch.cat([x, *resized(self, x, size=x.shape)], dim=1)


def by_whole_factors(self, x):
    maps = []
    for stage in self.stages:
        pooled = stage(x)
        factor = (x.shape[2] // pooled.shape[2], x.shape[3] // pooled.shape[3])
        maps.append(F.interpolate(pooled, scale_factor=factor, mode="bilinear", align_corners=False))
    return torch.cat([x, *maps], dim=1)


def expanded(self, x):
    return torch.cat([x, *(stage(x).expand(-1, -1, x.shape[2], x.shape[3]) for stage in self.stages)], dim=1)


def max_pooled(self, x):
    maps = []
    for stage in self.stages:
        pooled = stage[1](F.adaptive_max_pool2d(x, stage[0].output_size))
        maps.append(F.interpolate(pooled, size=x.shape[-2:], mode="bilinear", align_corners=False))
    return torch.cat([x, *maps], dim=1)


def pooling_alone(self, x):
    maps = [F.interpolate(s[0](x), size=x.shape[-2:], mode="bilinear", align_corners=False) for s in self.stages]
    return torch.cat([x, *maps], dim=1)


def pooling_left_out(self, x):
    return torch.cat([x, *(stage[1](x) for stage in self.stages)], dim=1)


def resized_before_the_convolution(self, x):
    maps = [F.interpolate(s[0](x), size=x.shape[-2:], mode="bilinear", align_corners=False) for s in self.stages]
    return torch.cat([x, *(stage[1](part) for stage, part in zip(self.stages, maps, strict=True))], dim=1)


def first_stage_alone(self, x):
    for stage in self.stages:
        pooled = F.interpolate(stage(x), size=x.shape[-2:], mode="bilinear", align_corners=False)
        return torch.cat([x, pooled], dim=1)


def last_stage_alone(self, x):
    for stage in self.stages:
        pooled = F.interpolate(stage(x), size=x.shape[-2:], mode="bilinear", align_corners=False)
    return torch.cat([x, pooled], dim=1)


def without_the_last_stage(self, x):
    return torch.cat([x, *resized(self, x)[:-1]], dim=1)


def four_stages(self, x):
    maps = [
        F.interpolate(self.stages[index](x), size=x.shape[-2:], mode="bilinear", align_corners=False)
        for index in range(4)
    ]
    return torch.cat([x, *maps], dim=1)


def the_list_called(self, x):
    return torch.cat([x, F.interpolate(self.stages(x), size=x.shape[-2:], mode="bilinear")], dim=1)


def relu_of_x_in_place(self, x):
    return torch.cat([F.relu(x, inplace=True), *resized(self, x)], dim=1)


def relu_of_x(self, x):
    return torch.cat([F.relu(x), *resized(self, x)], dim=1)


def relu_of_everything(self, x):
    return F.relu(torch.cat([x, *resized(self, x)], dim=1))


def batch_averaged(self, x):
    maps = [part.mean(dim=0, keepdim=True).expand(len(x), -1, -1, -1) for part in resized(self, x)]
    return torch.cat([x, *maps], dim=1)


def first_image_for_all(self, x):
    return torch.cat([x, *(part[:1].repeat(len(x), 1, 1, 1) for part in resized(self, x))], dim=1)


def in_train_mode(self, x):
    self.train()
    return torch.cat([x, *resized(self, x)], dim=1)


def in_eval_mode(self, x):
    self.eval()
    return torch.cat([x, *resized(self, x)], dim=1)


def train_mode_and_back(self, x):
    mode = self.training
    self.train()
    out = torch.cat([x, *resized(self, x)], dim=1)
    self.train(mode)
    return out


def with_dropout(self, x):
    return F.dropout(torch.cat([x, *resized(self, x)], dim=1), 0.1)


def detached_stages(self, x):
    return torch.cat([x, *(part.detach() for part in resized(self, x))], dim=1)


def detached_x(self, x):
    return torch.cat([x.detach(), *resized(self, x)], dim=1)


def without_gradients(self, x):
    with torch.no_grad():
        return torch.cat([x, *resized(self, x)], dim=1)


def gradients_switched_off(self, x):
    torch.set_grad_enabled(False)
    return torch.cat([x, *resized(self, x)], dim=1)


def with_numpy(self, x):
    return torch.from_numpy(np.concatenate([part.detach().numpy() for part in [x, *resized(self, x)]], axis=1))


def as_numpy(self, x):
    return torch.cat([x, *resized(self, x)], dim=1).detach().numpy()


def as_a_list(self, x):
    return [x, *resized(self, x)]


def without_return(self, x):
    torch.cat([x, *resized(self, x)], dim=1)


def in_single_precision(self, x):
    x = x.float()
    return torch.cat([x, *resized(self, x)], dim=1)


def new_weights(self, x):
    maps = []
    for stage in self.stages:
        convolution = nn.Conv2d(x.shape[1], stage[1][0].out_channels, 1).to(x.dtype)
        maps.append(F.interpolate(convolution(stage[0](x)), size=x.shape[-2:], mode="bilinear", align_corners=False))
    return torch.cat([x, *maps], dim=1)


def into_single_precision(self, x):
    maps = [x, *resized(self, x)]
    out = torch.zeros(len(x), sum(part.shape[1] for part in maps), *x.shape[2:])
    out[:] = torch.cat(maps, dim=1)
    return out


def handed_over(self, x):
    from segutils.models import pspnet

    return pspnet.PyramidPooling.forward(self, x)


class OneStage(nn.Module):
    """A whole class whose __init__ is another one."""

    def __init__(self, in_channels, pool_sizes=(1, 2, 3, 6)):
        super().__init__()
        self.stages = nn.ModuleList([nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(in_channels, in_channels, 1))])

    def forward(self, x):
        return torch.cat([x, *resized(self, x)], dim=1)


class WithBias(nn.Module):
    """Convolutions with a bias, where the given ones have none."""

    def __init__(self, in_channels, pool_sizes=(1, 2, 3, 6)):
        super().__init__()
        reduced = in_channels // len(pool_sizes)
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.AdaptiveAvgPool2d(size), nn.Conv2d(in_channels, reduced, 1), nn.BatchNorm2d(reduced), nn.ReLU()
            )
            for size in pool_sizes
        )

    def forward(self, x):
        return torch.cat([x, *resized(self, x)], dim=1)


def eval_mode_and_back(self, x):
    mode = self.training
    self.eval()
    out = torch.cat([x, *resized(self, x)], dim=1)
    self.train(mode)
    return out


def dropout_in_training(self, x):
    return F.dropout(torch.cat([x, *resized(self, x)], dim=1), 0.1, self.training)


def other_corners_in_training(self, x):
    return torch.cat([x, *resized(self, x, align_corners=self.training)], dim=1)


def size_of_the_first_map(self, x):
    if not hasattr(self, "size"):
        self.size = x.shape[-2:]
    return torch.cat([x, *resized(self, x, size=self.size)], dim=1)


def stages_turned_round(self, x):
    out = torch.cat([x, *resized(self, x)], dim=1)
    self.stages = nn.ModuleList(reversed(self.stages))
    return out


def one_map_for_each_grid(self, x):
    maps = {stage[0].output_size: part for stage, part in zip(self.stages, resized(self, x), strict=True)}
    return torch.cat([x, *maps.values()], dim=1)


def single_precision_and_back(self, x):
    maps = [F.interpolate(stage(x).float(), x.shape[-2:], mode="bilinear").to(x.dtype) for stage in self.stages]
    return torch.cat([x, *maps], dim=1)


def enlarged_and_cut(self, x):
    height, width = x.shape[-2:]
    maps = [x]
    for stage in self.stages:
        pooled = stage(x)
        factor = -(-max(height, width) // pooled.shape[-1])
        maps.append(F.interpolate(pooled, scale_factor=factor, mode="bilinear")[..., :height, :width])
    return torch.cat(maps, dim=1)


def convolved_before_pooling(self, x):
    maps = [F.interpolate(pool(layers(x)), x.shape[-2:], mode="bilinear") for pool, layers in self.stages]
    return torch.cat([x, *maps], dim=1)


def a_new_layer(self, x):
    self.norm = nn.BatchNorm2d(x.shape[1]).to(x.dtype)
    return torch.cat([self.norm(x), *resized(self, x)], dim=1)


WRONG = {
    "without x": (without_x, "x itself is missing"),
    "x last": (x_last, "x was concatenated last"),
    "stages reversed": (reversed_stages, "stages were taken in reverse order"),
    "inserted in front": (inserted_in_front, "everything was concatenated in reverse order"),
    "x with each stage": (x_with_each, "concatenated with every stage"),
    "x twice": (x_twice, "at both ends"),
    "every stage twice": (every_stage_twice, "every stage was concatenated twice"),
    "mode forgotten": (by_the_default_mode, "mode='nearest'"),
    "mode forgotten in Upsample": (by_the_default_of_upsample, "mode='nearest'"),
    "corners without a mode": (corners_without_a_mode, "the mode is missing"),
    "aligned corners": (aligned_corners, "align_corners=True"),
    "UpsamplingBilinear2d": (by_upsampling_bilinear, "align_corners=True"),
    "bicubic": (bicubic, "bicubic"),
    "antialiased": (antialiased, "antialiased"),
    "not resized": (not_resized, "were not resized"),
    "chained": (chained, "applied to the previous one's output"),
    "chained after the resize": (chained_after_the_resize, "applied to the previous one's output"),
    "a name overwritten": (name_overwritten, "all that was concatenated before"),
    "summed": (summed, "added up"),
    "stages summed": (stages_summed, "added up"),
    "along the batch": (along_the_batch, "dim=0"),
    "along the rows": (along_the_rows, "dim=2"),
    "stacked": (stacked, "torch.stack"),
    "a list in a list": (list_in_a_list, "list within a list"),
    "size exchanged": (exchanged_size, "height and width are exchanged"),
    "square": (square, "resized to a square"),
    "the whole shape as size": (whole_shape_as_size, "not all of x.shape"),
    "whole factors": (by_whole_factors, "scale_factor"),
    "expanded": (expanded, "expand spreads a single bin"),
    "maximum": (max_pooled, "largest value"),
    "pooling alone": (pooling_alone, "pooling alone"),
    "pooling left out": (pooling_left_out, "pooling was left out"),
    "resized before the convolution": (resized_before_the_convolution, "before the stage's convolution"),
    "first stage alone": (first_stage_alone, "only the first stage"),
    "last stage alone": (last_stage_alone, "only the last stage"),
    "without the last stage": (without_the_last_stage, "last stage was left out"),
    "four stages": (four_stages, "exactly 4 stages"),
    "the list called": (the_list_called, "self.stages is a list of modules"),
    "ReLU of x in place": (relu_of_x_in_place, "changed what it was given: x"),
    "ReLU of x": (relu_of_x, "a ReLU first"),
    "ReLU of everything": (relu_of_everything, "ReLU"),
    "batch averaged": (batch_averaged, "over the whole batch"),
    "first image for all": (first_image_for_all, "first image's averages"),
    "train mode": (in_train_mode, "train mode"),
    "eval mode": (in_eval_mode, "another mode"),
    "train mode and back": (train_mode_and_back, "statistics in eval mode"),
    "dropout": (with_dropout, "two different results"),
    "stages detached": (detached_stages, "cuts gradients off"),
    "x detached": (detached_x, "cuts gradients off"),
    "no gradients": (without_gradients, "cuts gradients off"),
    "gradients switched off": (gradients_switched_off, "global switch"),
    "numpy inside": (with_numpy, "cuts gradients off"),
    "numpy returned": (as_numpy, "a numpy array where a tensor was asked"),
    "a list": (as_a_list, "a list where a tensor was asked"),
    "no return": (without_return, "without `return`"),
    "single precision": (in_single_precision, "any floating dtype"),
    "new weights": (new_weights, "two different results"),
    "into single precision": (into_single_precision, "keeps the dtype of what came in"),
    "handed over": (handed_over, "hands the task over to segutils.models.pspnet"),
    "another __init__": (OneStage, "__init__ was changed"),
    "a bias in __init__": (WithBias, "__init__ was changed"),
    "eval mode and back": (eval_mode_and_back, "another mode"),
    "dropout in training": (dropout_in_training, "(?s)in train mode.*two different results"),
    "other corners in training": (other_corners_in_training, "done in train mode alone"),
    "size of the first map": (size_of_the_first_map, "kept from the call before, such as a size"),
    "stages turned round": (stages_turned_round, "kept from the call before"),
    "one map for each grid": (one_map_for_each_grid, r"expected shape \(2, 12, 10, 9\), got \(2, 10, 10, 9\)"),
    "single precision and back": (single_precision_and_back, "in float32 and turned back"),
    "enlarged and cut": (enlarged_and_cut, "a whole scale_factor and cut"),
    "convolved before pooling": (convolved_before_pooling, "before their pooling"),
    "a new layer": (a_new_layer, "the output differs"),
}

# ---- right


def in_a_loop(self, x):
    height, width = x.size(2), x.size(3)
    out = [x]
    for index in range(len(self.stages)):
        pooled = self.stages[index](x)
        out.append(F.interpolate(pooled, size=(height, width), mode="bilinear", align_corners=False))
    return torch.concat(out, 1)


def by_upsample(self, x):
    up = nn.Upsample(size=x.shape[2:], mode="bilinear")
    return torch.hstack([x] + [up(stage(x)) for stage in self.stages])


def growing(self, x):
    out = x
    for stage in self.stages:
        out = torch.cat((out, F.interpolate(stage(x), x.shape[-2:], mode="bilinear")), dim=-3)
    return out


def filling_a_buffer(self, x):
    parts = [stage(x) for stage in self.stages]
    out = x.new_zeros(len(x), x.shape[1] + sum(part.shape[1] for part in parts), *x.shape[2:])
    out[:, : x.shape[1]] = x
    start = x.shape[1]
    for part in parts:
        stop = start + part.shape[1]
        out[:, start:stop] = F.interpolate(part, size=x.shape[2:], mode="bilinear", align_corners=False)
        start = stop
    return out


def weights_of_the_resize(bins, size, dtype):
    """(size, bins): how much each bin gives to each position of a bilinear resize along one axis."""
    places = ((torch.arange(size, dtype=dtype) + 0.5) * bins / size - 0.5).clamp(0, bins - 1)
    distance = (places[:, None] - torch.arange(bins, dtype=dtype)).abs()
    return (1 - distance).clamp(min=0)


def by_matrices(self, x):
    out = [x]
    for stage in self.stages:
        pooled = stage(x)
        rows = weights_of_the_resize(pooled.shape[2], x.shape[2], x.dtype)
        columns = weights_of_the_resize(pooled.shape[3], x.shape[3], x.dtype)
        out.append(torch.einsum("hi,ncij,wj->nchw", rows, pooled, columns))
    return torch.cat(out, dim=1)


def image_by_image(self, x):
    def one(image):
        maps = [F.interpolate(s(image), size=image.shape[-2:], mode="bilinear") for s in self.stages]
        return torch.cat([image, *maps], dim=1)

    return torch.cat([one(x[index : index + 1]) for index in range(len(x))]) if not self.training else one(x)


class SameSpelledOut(nn.Module):
    """A whole class: the same parts in the same order, other names inside the stages."""

    def __init__(self, in_channels, pool_sizes=(1, 2, 3, 6)):
        super().__init__()
        self.stages = nn.ModuleList([])
        for size in pool_sizes:
            width = int(in_channels / len(pool_sizes))
            layers = [nn.AdaptiveAvgPool2d((size, size)), nn.Conv2d(in_channels, width, 1, bias=False)]
            self.stages.append(nn.Sequential(*layers, nn.BatchNorm2d(width), nn.ReLU(inplace=True)))

    def forward(self, x):
        from torchvision.transforms.functional import resize

        maps = [resize(stage(x), list(x.shape[-2:]), antialias=False) for stage in self.stages]
        return torch.cat([x.clone(), *maps], dim=1)


def by_grid_sample(self, x):
    rows, columns = ((torch.arange(size, dtype=x.dtype) * 2 + 1) / size - 1 for size in x.shape[-2:])
    places = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1).expand(len(x), -1, -1, -1)
    maps = [F.grid_sample(stage(x), places, padding_mode="border", align_corners=False) for stage in self.stages]
    return torch.cat([x, *maps], dim=1)


def layer_made_in_forward(self, x):
    self.up = nn.Upsample(size=x.shape[-2:], mode="bilinear")
    return torch.cat([x, *(self.up(stage(x)) for stage in self.stages)], dim=1)


def part_by_part(self, x):
    maps = [x]
    for pool, (convolution, norm, relu) in self.stages:
        pooled = relu(norm(convolution(F.adaptive_avg_pool2d(x, pool.output_size))))
        maps.append(
            pooled if pooled.shape[-2:] == x.shape[-2:] else F.interpolate(pooled, x.shape[2:], None, "bilinear")
        )
    return torch.hstack(maps)


RIGHT = {
    "in a loop": in_a_loop,
    "Upsample": by_upsample,
    "growing": growing,
    "filling a buffer": filling_a_buffer,
    "by matrices": by_matrices,
    "image by image": image_by_image,
    "a whole class": SameSpelledOut,
    "functional": lambda self, x: torch.cat([x] + resized(self, x), 1),
    "grid_sample": by_grid_sample,
    "a layer made in forward": layer_made_in_forward,
    "part by part": part_by_part,
}
