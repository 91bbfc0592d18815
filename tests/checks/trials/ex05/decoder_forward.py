"""Forward passes of ex05's DeepLabV3PlusDecoder, as students write them."""

import torch
from torch import nn
from torch.nn import functional as F


def resized(high, low, **options):
    return F.interpolate(high, **{"size": low.shape[-2:], "mode": "bilinear", "align_corners": False, **options})


def decoded(self, *parts, dim=1):
    return self.classifier(self.refine(torch.cat(parts, dim=dim)))


# ---- wrong


def reduced_first(self, low_level, high_level):
    return decoded(self, self.reduce(low_level), resized(high_level, low_level))


def low_resized(self, low_level, high_level):
    low = F.interpolate(self.reduce(low_level), size=high_level.shape[-2:], mode="bilinear", align_corners=False)
    return decoded(self, high_level, low)


def low_resized_before_reduce(self, low_level, high_level):
    return decoded(self, high_level, self.reduce(resized(low_level, high_level)))


def refined_coarse(self, low_level, high_level):
    low = resized(self.reduce(low_level), high_level)
    return resized(decoded(self, high_level, low), low_level)


def mode_forgotten(self, low_level, high_level):
    rich = F.interpolate(high_level, size=low_level.shape[-2:])
    return decoded(self, rich, self.reduce(low_level))


def corners_without_a_mode(self, low_level, high_level):
    rich = F.interpolate(high_level, size=low_level.shape[-2:], align_corners=False)
    return decoded(self, rich, self.reduce(low_level))


def aligned_corners(self, low_level, high_level):
    return decoded(self, resized(high_level, low_level, align_corners=True), self.reduce(low_level))


def by_upsampling_bilinear(self, low_level, high_level):
    rich = nn.UpsamplingBilinear2d(size=low_level.shape[-2:])(high_level)
    return decoded(self, rich, self.reduce(low_level))


def bicubic(self, low_level, high_level):
    return decoded(self, resized(high_level, low_level, mode="bicubic"), self.reduce(low_level))


def by_four(self, low_level, high_level):
    rich = F.interpolate(high_level, scale_factor=4, mode="bilinear", align_corners=False)
    return decoded(self, rich, self.reduce(low_level))


def by_a_whole_factor(self, low_level, high_level):
    factor = low_level.shape[-1] // high_level.shape[-1]
    rich = F.interpolate(high_level, scale_factor=factor, mode="bilinear", align_corners=False)
    return decoded(self, rich, self.reduce(low_level))


def by_one_factor(self, low_level, high_level):
    factor = low_level.shape[-1] / high_level.shape[-1]
    rich = F.interpolate(high_level, scale_factor=factor, mode="bilinear", align_corners=False)
    return decoded(self, rich, self.reduce(low_level))


def not_resized(self, low_level, high_level):
    return decoded(self, high_level, self.reduce(low_level))


def result_of_resize_dropped(self, low_level, high_level):
    F.interpolate(high_level, size=low_level.shape[-2:], mode="bilinear", align_corners=False)
    return decoded(self, high_level, self.reduce(low_level))


def exchanged_size(self, low_level, high_level):
    rich = resized(high_level, low_level, size=(low_level.shape[3], low_level.shape[2]))
    return decoded(self, rich, self.reduce(low_level))


def square(self, low_level, high_level):
    return decoded(self, resized(high_level, low_level, size=low_level.shape[-1]), self.reduce(low_level))


def whole_shape_as_size(self, low_level, high_level):
    return decoded(self, resized(high_level, low_level, size=low_level.shape), self.reduce(low_level))


def own_size(self, low_level, high_level):
    return decoded(self, resized(high_level, high_level), self.reduce(low_level))


def without_reduce(self, low_level, high_level):
    return decoded(self, resized(high_level, low_level), low_level)


def without_refine(self, low_level, high_level):
    return self.classifier(torch.cat([resized(high_level, low_level), self.reduce(low_level)], dim=1))


def without_classifier(self, low_level, high_level):
    return self.refine(torch.cat([resized(high_level, low_level), self.reduce(low_level)], dim=1))


def joined_alone(self, low_level, high_level):
    return torch.cat([resized(high_level, low_level), self.reduce(low_level)], dim=1)


def high_reduced(self, low_level, high_level):
    return decoded(self, self.reduce(resized(high_level, low_level)), low_level)


def high_reduced_before_resize(self, low_level, high_level):
    return decoded(self, low_level, resized(self.reduce(high_level), low_level))


def convolution_of_reduce_alone(self, low_level, high_level):
    return decoded(self, resized(high_level, low_level), self.reduce[0](low_level))


def first_refine_alone(self, low_level, high_level):
    joined = torch.cat([resized(high_level, low_level), self.reduce(low_level)], dim=1)
    return self.classifier(self.refine[0](joined))


def refined_twice(self, low_level, high_level):
    joined = torch.cat([resized(high_level, low_level), self.reduce(low_level)], dim=1)
    return self.classifier(self.refine(self.refine(joined)))


def high_refined_alone(self, low_level, high_level):
    return self.classifier(torch.cat([self.refine(resized(high_level, low_level)), self.reduce(low_level)], dim=1))


def high_refined_before_resize(self, low_level, high_level):
    rich = resized(self.refine(high_level), low_level)
    return self.classifier(torch.cat([rich, self.reduce(low_level)], dim=1))


def high_alone(self, low_level, high_level):
    return self.classifier(resized(high_level, low_level))


def blind(self, low_level, high_level):
    return decoded(self, resized(high_level, low_level), torch.zeros_like(self.reduce(low_level)))


def added(self, low_level, high_level):
    return self.classifier(self.refine(resized(high_level, low_level) + self.reduce(low_level)))


def added_to_the_refined(self, low_level, high_level):
    rich = resized(high_level, low_level)
    return self.classifier(self.refine(torch.cat([rich, self.reduce(low_level)], dim=1)) + rich)


def along_the_batch(self, low_level, high_level):
    return self.classifier(self.refine(torch.cat([resized(high_level, low_level), self.reduce(low_level)])))


def along_the_rows(self, low_level, high_level):
    return decoded(self, resized(high_level, low_level), self.reduce(low_level), dim=2)


def stacked(self, low_level, high_level):
    both = torch.stack([resized(high_level, low_level), self.reduce(low_level)], dim=1)
    return self.classifier(self.refine(both))


def without_a_list(self, low_level, high_level):
    both = torch.cat(resized(high_level, low_level), self.reduce(low_level), dim=1)
    return self.classifier(self.refine(both))


def two_arguments(self, low_level, high_level):
    return self.classifier(self.refine(resized(high_level, low_level), self.reduce(low_level)))


def inputs_exchanged(self, high_level, low_level):
    return decoded(self, resized(high_level, low_level), self.reduce(low_level))


def logits_by_four(self, low_level, high_level):
    out = decoded(self, resized(high_level, low_level), self.reduce(low_level))
    return F.interpolate(out, scale_factor=4, mode="bilinear", align_corners=False)


def logits_at_the_size_of_high(self, low_level, high_level):
    return resized(decoded(self, resized(high_level, low_level), self.reduce(low_level)), high_level)


def probabilities(self, low_level, high_level):
    return decoded(self, resized(high_level, low_level), self.reduce(low_level)).softmax(dim=1)


def sigmoid(self, low_level, high_level):
    return torch.sigmoid(decoded(self, resized(high_level, low_level), self.reduce(low_level)))


def labels(self, low_level, high_level):
    return decoded(self, resized(high_level, low_level), self.reduce(low_level)).argmax(dim=1)


def relu_of_high(self, low_level, high_level):
    return decoded(self, resized(F.relu(high_level), low_level), self.reduce(low_level))


def relu_in_place(self, low_level, high_level):
    return decoded(self, resized(high_level.relu_(), low_level), self.reduce(low_level))


def low_in_place(self, low_level, high_level):
    low_level -= low_level.mean()
    return decoded(self, resized(high_level, low_level), self.reduce(low_level))


def train_mode(self, low_level, high_level):
    self.train()
    return decoded(self, resized(high_level, low_level), self.reduce(low_level))


def eval_mode(self, low_level, high_level):
    self.reduce.eval()
    return decoded(self, resized(high_level, low_level), self.reduce(low_level))


def with_dropout(self, low_level, high_level):
    return self.classifier(F.dropout(self.refine(joined_alone(self, low_level, high_level)), 0.1))


def dropout_that_follows_nothing(self, low_level, high_level):
    return self.classifier(nn.Dropout(0.5)(self.refine(joined_alone(self, low_level, high_level))))


def low_detached(self, low_level, high_level):
    return decoded(self, resized(high_level, low_level), self.reduce(low_level).detach())


def high_detached(self, low_level, high_level):
    return decoded(self, resized(high_level.detach(), low_level), self.reduce(low_level))


def without_gradients(self, low_level, high_level):
    with torch.no_grad():
        return decoded(self, resized(high_level, low_level), self.reduce(low_level))


def overwritten_for_backward(self, low_level, high_level):
    few = self.reduce(low_level)
    out = decoded(self, resized(high_level, low_level), few)
    few.zero_()
    return out


def as_numpy(self, low_level, high_level):
    return decoded(self, resized(high_level, low_level), self.reduce(low_level)).detach().numpy()


def as_a_dict(self, low_level, high_level):
    return {"out": decoded(self, resized(high_level, low_level), self.reduce(low_level))}


def as_a_tuple(self, low_level, high_level):
    few = self.reduce(low_level)
    return decoded(self, resized(high_level, low_level), few), few


def without_return(self, low_level, high_level):
    decoded(self, resized(high_level, low_level), self.reduce(low_level))


def single_precision(self, low_level, high_level):
    return decoded(self, resized(high_level.float(), low_level), self.reduce(low_level.float()))


def new_layers(self, low_level, high_level):
    few = nn.Conv2d(low_level.shape[1], 48, 1).to(low_level.dtype)(low_level)
    return decoded(self, resized(high_level, low_level), few)


def misspelt(self, low_level, high_level):
    return self.classifer(self.refine(joined_alone(self, low_level, high_level)))


def one_input(self, x):
    return self.classifier(x)


def handed_over(self, low_level, high_level):
    from segutils.models.deeplab import DeepLabV3PlusDecoder

    return DeepLabV3PlusDecoder.forward(self, low_level, high_level)


class OneRefinement(nn.Module):
    """A whole class whose __init__ is another one."""

    def __init__(self, low_level_channels, num_classes, in_channels=256):
        super().__init__()
        self.reduce = nn.Sequential(nn.Conv2d(low_level_channels, 48, 1), nn.BatchNorm2d(48), nn.ReLU())
        self.refine = nn.Conv2d(in_channels + 48, in_channels, 3, padding=1)
        self.classifier = nn.Conv2d(in_channels, num_classes, 1)

    def forward(self, low_level, high_level):
        return decoded(self, resized(high_level, low_level), self.reduce(low_level))


def eval_mode_and_back(self, low_level, high_level):
    mode = self.training
    self.eval()
    logits = decoded(self, resized(high_level, low_level), self.reduce(low_level))
    self.train(mode)
    return logits


def dropout_in_training(self, low_level, high_level):
    refined = self.refine(torch.cat([resized(high_level, low_level), self.reduce(low_level)], dim=1))
    return self.classifier(F.dropout2d(refined, 0.1, self.training))


def by_a_fraction(self, low_level, high_level):
    factors = [new / old for new, old in zip(low_level.shape[2:], high_level.shape[2:], strict=True)]
    return decoded(self, F.interpolate(high_level, scale_factor=factors, mode="bilinear"), self.reduce(low_level))


def antialiased(self, low_level, high_level):
    return decoded(self, resized(high_level, low_level, antialias=True), self.reduce(low_level))


def enlarged_by_four_and_cut(self, low_level, high_level):
    height, width = low_level.shape[-2:]
    rich = F.interpolate(high_level, scale_factor=4, mode="bilinear")[..., :height, :width]
    return decoded(self, rich, self.reduce(low_level))


def padded_after_four(self, low_level, high_level):
    rich = F.interpolate(high_level, scale_factor=4, mode="bilinear")
    height, width = low_level.shape[-2:]
    return decoded(self, F.pad(rich, (0, width - rich.shape[3], 0, height - rich.shape[2])), self.reduce(low_level))


def to_the_larger_size(self, low_level, high_level):
    size = [max(low, high) for low, high in zip(low_level.shape[2:], high_level.shape[2:], strict=True)]
    few = self.reduce(low_level)
    return decoded(self, *(F.interpolate(part, size, mode="bilinear") for part in (high_level, few)))


def reduced_without_relu(self, low_level, high_level):
    return decoded(self, resized(high_level, low_level), self.reduce[:2](low_level))


def single_precision_and_back(self, low_level, high_level):
    rich = resized(high_level.float(), low_level).to(high_level.dtype)
    return decoded(self, rich, self.reduce(low_level))


def in_a_buffer_of_zeros(self, low_level, high_level):
    both = torch.zeros(len(low_level), high_level.shape[1] + 48, *low_level.shape[-2:])
    both[:, :-48] = resized(high_level, low_level)
    both[:, -48:] = self.reduce(low_level)
    return self.classifier(self.refine(both))


WRONG = {
    "reduced first": (reduced_first, r"reduce\(low_level\) was concatenated first"),
    "low resized": (low_resized, "low-level map was resized to high_level's size"),
    "low resized before reduce": (low_resized_before_reduce, "low-level map was resized to high_level's size"),
    "refined coarse": (refined_coarse, "refined at high_level's size and enlarged afterwards"),
    "mode forgotten": (mode_forgotten, "mode='nearest'"),
    "corners without a mode": (corners_without_a_mode, "the mode is missing"),
    "aligned corners": (aligned_corners, "align_corners=True"),
    "UpsamplingBilinear2d": (by_upsampling_bilinear, "align_corners=True"),
    "bicubic": (bicubic, "bicubic"),
    "by four": (by_four, "scale_factor"),
    "by a whole factor": (by_a_whole_factor, "scale_factor"),
    "by one factor": (by_one_factor, "one scale_factor for both axes"),
    "not resized": (not_resized, "was not resized"),
    "result of the resize dropped": (result_of_resize_dropped, "was not resized"),
    "size exchanged": (exchanged_size, "height and width are exchanged"),
    "square": (square, "resized to a square"),
    "the whole shape as size": (whole_shape_as_size, "not all of low_level.shape"),
    "its own size": (own_size, "was not resized|to its own size"),
    "without reduce": (without_reduce, "self.reduce is missing"),
    "without refine": (without_refine, "self.refine is missing"),
    "without classifier": (without_classifier, "self.classifier is missing"),
    "joined alone": (joined_alone, "self.refine and self.classifier are missing"),
    "high reduced": (high_reduced, "self.reduce was applied to high_level"),
    "high reduced before the resize": (high_reduced_before_resize, "self.reduce was applied to high_level"),
    "convolution of reduce alone": (convolution_of_reduce_alone, "self.reduce's convolution alone"),
    "first refine alone": (first_refine_alone, "only the first convolution of self.refine"),
    "refined twice": (refined_twice, "self.refine was applied twice"),
    "high refined alone": (high_refined_alone, "self.refine was applied to high_level alone"),
    "high refined before the resize": (high_refined_before_resize, "self.refine was applied to high_level alone"),
    "high alone": (high_alone, "high_level alone was classified"),
    "blind": (blind, "zeros stand where"),
    "added": (added, "were added up"),
    "added to the refined": (added_to_the_refined, "added once more"),
    "along the batch": (along_the_batch, "dim=0"),
    "along the rows": (along_the_rows, "dim=2"),
    "stacked": (stacked, "torch.stack"),
    "without a list": (without_a_list, "as one list"),
    "two arguments": (two_arguments, "takes one map"),
    "inputs exchanged": (inputs_exchanged, "exchanged; forward gets low_level first"),
    "logits by four": (logits_by_four, "logits were enlarged"),
    "logits at the size of high": (logits_at_the_size_of_high, "as small as high_level"),
    "probabilities": (probabilities, "a softmax"),
    "sigmoid": (sigmoid, "a sigmoid"),
    "labels": (labels, "argmax"),
    "ReLU of high": (relu_of_high, "high_level went through a ReLU"),
    "ReLU in place": (relu_in_place, "changed what it was given: high_level"),
    "low in place": (low_in_place, "changed what it was given: low_level"),
    "train mode": (train_mode, "train mode"),
    "eval mode": (eval_mode, "another mode"),
    "dropout": (with_dropout, "two different results"),
    "a new dropout": (dropout_that_follows_nothing, "two different results"),
    "low detached": (low_detached, "(?s)reduce.*cuts gradients off"),
    "high detached": (high_detached, "(?s)high_level.*cuts gradients off"),
    "no gradients": (without_gradients, "cuts gradients off"),
    "overwritten": (overwritten_for_backward, "overwritten in place"),
    "numpy returned": (as_numpy, "a numpy array where a tensor was asked"),
    "a dict": (as_a_dict, "the decoder returns the logits themselves"),
    "a tuple": (as_a_tuple, "more than one value"),
    "no return": (without_return, "without `return`"),
    "single precision": (single_precision, "any floating dtype"),
    "new layers": (new_layers, "two different results"),
    "misspelt": (misspelt, "no attribute 'classifer'"),
    "one input": (one_input, "positional argument"),
    "handed over": (handed_over, "hands the task over to segutils.models.deeplab"),
    "another __init__": (OneRefinement, "__init__ was changed"),
    "eval mode and back": (eval_mode_and_back, "another mode"),
    "dropout in training": (dropout_in_training, "(?s)in train mode.*two different results"),
    "by a fraction": (by_a_fraction, "by one position"),
    "antialiased": (antialiased, "antialiased"),
    "enlarged by four and cut": (enlarged_by_four_and_cut, "cut to low_level's size"),
    "padded after four": (padded_after_four, "padded to low_level's size"),
    "to the larger size": (to_the_larger_size, r"expected shape \(2, 4, 6, 9\), got \(2, 4, 9, 9\)"),
    "reduced without ReLU": (reduced_without_relu, "ReLU was left out"),
    "single precision and back": (single_precision_and_back, "in float32 and turned back"),
    "in a buffer of zeros": (in_a_buffer_of_zeros, "torch.zeros without a dtype"),
}

# ---- right


def step_by_step(self, low_level, high_level):
    height, width = low_level.size(2), low_level.size(3)
    few = self.reduce(low_level)
    rich = F.interpolate(high_level, size=(height, width), mode="bilinear")
    together = torch.concat((rich, few), 1)
    for layer in self.refine:
        together = layer(together)
    return self.classifier(together)


def by_upsample(self, low_level, high_level):
    up = nn.Upsample(size=tuple(low_level.shape[2:]), mode="bilinear", align_corners=False)
    return nn.Sequential(self.refine, self.classifier)(torch.hstack([up(high_level), self.reduce(low_level)]))


def filling_a_buffer(self, low_level, high_level):
    channels = high_level.shape[1]
    both = low_level.new_empty(len(low_level), channels + 48, *low_level.shape[-2:])
    both[:, :channels] = F.interpolate(high_level, low_level.shape[-2:], mode="bilinear", align_corners=False)
    both[:, channels:] = self.reduce(low_level)
    return self.classifier(self.refine(both))


def weights_of_the_resize(old, new, dtype):
    """(new, old): how much each old position gives to each new one, bilinear along one axis."""
    places = ((torch.arange(new, dtype=dtype) + 0.5) * old / new - 0.5).clamp(0, old - 1)
    return (1 - (places[:, None] - torch.arange(old, dtype=dtype)).abs()).clamp(min=0)


def by_matrices(self, low_level, high_level):
    rows = weights_of_the_resize(high_level.shape[2], low_level.shape[2], low_level.dtype)
    columns = weights_of_the_resize(high_level.shape[3], low_level.shape[3], low_level.dtype)
    return decoded(self, rows @ high_level @ columns.T, self.reduce(low_level))


def classified_by_hand(self, low_level, high_level):
    joined = torch.cat([resized(high_level, low_level), self.reduce(low_level)], dim=-3)
    weight, bias = self.classifier.weight[:, :, 0, 0], self.classifier.bias
    return torch.einsum("oc,nchw->nohw", weight, self.refine(joined)) + bias[:, None, None]


def only_where_needed(self, low_level, high_level):
    if high_level.shape[-2:] != low_level.shape[-2:]:
        high_level = resized(high_level, low_level)
    return decoded(self, high_level, self.reduce(low_level))


def layer(in_channels, out_channels, kernel_size):
    convolution = nn.Conv2d(in_channels, out_channels, kernel_size, padding="same", bias=False)
    return [convolution, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)]


class SameSpelledOut(nn.Module):
    """A whole class: the same parts made in another order, other names inside them."""

    def __init__(self, low_level_channels, num_classes, in_channels=256):
        super().__init__()
        self.classifier = nn.Conv2d(in_channels, num_classes, 1)
        self.refine = nn.Sequential(*layer(in_channels + 48, in_channels, 3), *layer(in_channels, in_channels, 3))
        self.reduce = nn.Sequential(*layer(low_level_channels, 48, 1))

    def forward(self, low_level, high_level):
        from torchvision.transforms.functional import resize

        rich = resize(high_level, list(low_level.shape[-2:]), antialias=False)
        return decoded(self, rich, self.reduce(low_level))


def layer_made_in_forward(self, low_level, high_level):
    self.up = nn.Upsample(size=low_level.shape[-2:], mode="bilinear")
    return decoded(self, self.up(high_level), self.reduce(low_level))


def first_convolution_split(self, low_level, high_level):
    (convolution, norm, relu), second = self.refine
    rich, few = convolution.weight.split([high_level.shape[1], 48], dim=1)
    mixed = F.conv2d(resized(high_level, low_level), rich, padding=1)
    mixed = mixed + F.conv2d(self.reduce(low_level), few, padding=1)
    return self.classifier(second(relu(norm(mixed))))


RIGHT = {
    "step by step": step_by_step,
    "Upsample": by_upsample,
    "filling a buffer": filling_a_buffer,
    "by matrices": by_matrices,
    "classified by hand": classified_by_hand,
    "only where needed": only_where_needed,
    "a whole class": SameSpelledOut,
    "a layer made in forward": layer_made_in_forward,
    "first convolution split": first_convolution_split,
}
