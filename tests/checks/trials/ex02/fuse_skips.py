"""Solutions of ex02's fuse_skips, as students write them."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def resize(x, size, **options):
    return F.interpolate(x, size=tuple(size), **{"mode": "bilinear", "align_corners": False, **options})


def nearest(x, size):
    return F.interpolate(x, size=tuple(size))


def corners(x, size):
    return resize(x, size, align_corners=True)


def twice(x, size):
    return F.interpolate(x, scale_factor=2, mode="bilinear")


def eight_times(x, size):
    return F.interpolate(x, scale_factor=8, mode="bilinear")


def twice_and_cropped(x, size):
    return twice(x, size)[..., : size[0], : size[1]]


def decoder(between=resize, last=resize, mix=torch.add):
    """FCN-8s with another resize between the scores or at the end, or another sum."""

    def fuse_skips(score32, score16, score8, size):
        x = mix(between(score32, score16.shape[-2:]), score16)
        x = mix(between(x, score8.shape[-2:]), score8)
        return last(x, size)

    return fuse_skips


right = decoder()


def after(change):
    return lambda score32, score16, score8, size: change(right(score32, score16, score8, size))


def in_place_into_a_score(score32, score16, score8, size):
    score16 += resize(score32, score16.shape[-2:])
    score8 += resize(score16, score8.shape[-2:])
    return resize(score8, size)


def add_into_score8(score32, score16, score8, size):
    x = resize(score32, score16.shape[-2:]) + score16
    return resize(score8.add_(resize(x, score8.shape[-2:])), size)


def everything_at_size(score32, score16, score8, size):
    return sum(resize(score, size) for score in (score32, score16, score8))


def size_after_every_sum(score32, score16, score8, size):
    x = resize(score32, size) + resize(score16, size)
    return x + resize(score8, size)


def directly_to_score8(score32, score16, score8, size):
    size8 = score8.shape[-2:]
    return resize(resize(score32, size8) + resize(score16, size8) + score8, size)


def concatenated(score32, score16, score8, size):
    size8 = score8.shape[-2:]
    return resize(torch.cat([resize(score32, size8), resize(score16, size8), score8], dim=1), size)


def concatenated_in_steps(score32, score16, score8, size):
    x = torch.cat([resize(score32, score16.shape[-2:]), score16], dim=1)
    return resize(torch.cat([resize(x, score8.shape[-2:]), score8], dim=1), size)


def down_to_the_coarsest(score32, score16, score8, size):
    size32 = score32.shape[-2:]
    return resize(score32 + resize(score16, size32) + resize(score8, size32), size)


def forgets_to_carry_on(score32, score16, score8, size):
    x = resize(score32, score16.shape[-2:]) + score16
    x = resize(score16, score8.shape[-2:]) + score8
    return resize(x, size)


def carries_score32(score32, score16, score8, size):
    return resize(resize(score32, score8.shape[-2:]) + score8, size)


def learned_transposed(score32, score16, score8, size):
    channels = score32.shape[1]
    up = nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1).to(score32.dtype)
    return resize(resize(up(score32), score16.shape[-2:]) + score16, size)


def stamped(x, size):
    channels = x.shape[1]
    line = torch.tensor([0.25, 0.75, 0.75, 0.25], dtype=x.dtype)
    weight = torch.outer(line, line).repeat(channels, 1, 1, 1)
    return F.conv_transpose2d(x, weight, stride=2, padding=1, groups=channels)


def without_gradients(score32, score16, score8, size):
    with torch.no_grad():
        return right(score32, score16, score8, size)


def score32_detached(score32, score16, score8, size):
    return right(score32.detach(), score16, score8, size)


def score8_from_data(score32, score16, score8, size):
    return right(score32, score16, score8.data, size)


def by_numpy(score32, score16, score8, size):
    arrays = [score.detach().float().numpy() for score in (score32, score16, score8)]
    return right(*map(torch.from_numpy, arrays), size).numpy()


def overwritten_for_backward(score32, score16, score8, size):
    x = right(score32, score16, score8, size)
    y = x.exp()
    y.log_()
    return y


def hands_over(score32, score16, score8, size):
    from segutils.models.fcn import SkipClassifier

    skips = SkipClassifier({"out": 4, "high": 4, "mid": 4}, 2, ("high", "mid"))
    return skips({"out": score32, "high": score16, "mid": score8})


def at_once(score32, score16, score8, size):
    """The skips scaled, as FCN-8s at once has them."""
    return right(score32, 0.01 * score16, 0.0001 * score8, size)


def eight_before_sixteen(score32, score16, score8, size):
    x = resize(score32, score8.shape[-2:]) + score8
    return resize(resize(x, score16.shape[-2:]) + score16, size)


def rounded_up(score32, score16, score8, size):
    at16, at8 = ([-(-length // stride) for length in size] for stride in (16, 8))
    return resize(resize(resize(score32, at16) + score16, at8) + score8, size)


def first_step(other):
    def fuse_skips(score32, score16, score8, size):
        x = other(score32, score16.shape[-2:]) + score16
        return resize(resize(x, score8.shape[-2:]) + score8, size)

    return fuse_skips


def not_resized_where_equal(score32, score16, score8, size):
    x = score32 if score32.shape == score16.shape else resize(score32, score16.shape[-2:])
    x += score16
    return resize(resize(x, score8.shape[-2:]) + score8, size)


def antialiased(score32, score16, score8, size):
    """torch has no such resize for bfloat16, and raises NotImplementedError."""
    between = decoder(lambda x, wanted: resize(x, wanted, antialias=True))
    return between(score32, score16, score8, size)


WRONG = {
    "added without resizing": (
        lambda s32, s16, s8, size: resize(s32 + s16 + s8, size),
        "before they had the same size",
    ),
    "score8 without resizing": (
        lambda s32, s16, s8, size: resize(resize(s32, s16.shape[-2:]) + s16 + s8, size),
        "before they had the same size",
    ),
    "factor of 2": (decoder(twice), "scale_factor=2 fits even sizes only"),
    "factor of 2, other order": (
        lambda s32, s16, s8, size: resize(s8 + twice(s16 + twice(s32, 0), 0), size),
        "scale_factor=2 fits even sizes only",
    ),
    "factor of 8": (decoder(last=eight_times), "multiplies by 8"),
    "factors everywhere": (decoder(twice, eight_times), "scale_factor=2 fits even sizes only"),
    "cropped": (decoder(twice_and_cropped), "were cropped to the next size"),
    "align_corners": (decoder(corners, corners), "Likely cause: align_corners=True"),
    "align_corners between": (decoder(corners), "between the scores: align_corners=True"),
    "align_corners last": (decoder(last=corners), "in the last step: align_corners=True"),
    "nearest": (decoder(nearest, nearest), "Likely cause: nearest neighbours"),
    "nearest last": (decoder(last=nearest), "in the last step: nearest neighbours"),
    "nearest between": (decoder(nearest), "between the scores: nearest neighbours"),
    "nearest-exact": (
        decoder(*[lambda x, size: F.interpolate(x, size=tuple(size), mode="nearest-exact")] * 2),
        "nearest neighbours were copied",
    ),
    "bicubic": (decoder(*[lambda x, size: resize(x, size, mode="bicubic")] * 2), "Likely cause: bicubic"),
    "area": (decoder(*[lambda x, size: F.interpolate(x, size=tuple(size), mode="area")] * 2), "averages over areas"),
    "mean": (decoder(mix=lambda a, b: (a + b) / 2), "the scores were averaged"),
    "mean of three": (after(lambda x: x / 3), "the scores were averaged"),
    "product": (decoder(mix=torch.mul), "the scores were multiplied"),
    "maximum": (decoder(mix=torch.maximum), "the larger score was taken"),
    "difference": (decoder(mix=torch.sub), "the difference was taken"),
    "concatenated": (concatenated, "the scores were concatenated"),
    "concatenated in steps": (concatenated_in_steps, "the scores were concatenated"),
    "concatenated first": (
        lambda s32, s16, s8, size: resize(torch.cat([s32, s16, s8], dim=1), size),
        "the scores were concatenated",
    ),
    "all at size": (everything_at_size, "all scores were resized to `size` and added there"),
    "size after every sum": (size_after_every_sum, "all scores were resized to `size` and added there"),
    "directly to score8": (directly_to_score8, "score32 was resized to score8's size in one go"),
    "down to the coarsest": (down_to_the_coarsest, "resized to the coarse ones' size"),
    "score32 forgotten": (forgets_to_carry_on, "score32 was left out"),
    "score16 forgotten": (carries_score32, "score16 was left out"),
    "score8 forgotten": (
        lambda s32, s16, s8, size: resize(resize(s32, s16.shape[-2:]) + s16, size),
        "score8 was left out: this is FCN-16s",
    ),
    "FCN-32s": (lambda s32, s16, s8, size: resize(s32, size), "this is FCN-32s"),
    "score8 alone": (lambda s32, s16, s8, size: resize(s8, size), "score8 alone was resized"),
    "score16 twice": (lambda s32, s16, s8, size: right(s32, 2 * s16, s8, size), "score16 was added twice"),
    "last step missing": (decoder(last=lambda x, size: x), "the last step is missing"),
    "width first": (decoder(last=lambda x, size: resize(x, size[::-1])), r"size is \(height, width\)"),
    "square": (decoder(last=lambda x, size: resize(x, (size[0], size[0]))), "one length was used for both directions"),
    "transposed convolution": (decoder(stamped), "a transposed convolution enlarges"),
    "learned transposed convolution": (
        learned_transposed,
        "a layer made inside the function starts with random weights",
    ),
    "softmax": (after(lambda x: x.softmax(dim=1)), "softmax: FCN-8s returns scores"),
    "argmax": (after(lambda x: x.argmax(dim=1)), "argmax: FCN-8s returns scores"),
    "sigmoid": (after(torch.sigmoid), "sigmoid: FCN-8s returns scores"),
    "relu": (after(torch.relu), "ReLU: FCN-8s returns scores"),
    "in place": (in_place_into_a_score, "changed what it was given: score16, score8"),
    "in place, last": (add_into_score8, "changed what it was given: score8"),
    "no_grad": (without_gradients, r"(?s)no gradient flows back.*torch.no_grad\(\)"),
    "detached": (score32_detached, r"(?s)no gradient reaches the input score32.*detach"),
    "data": (score8_from_data, r"(?s)no gradient reaches the input score8.*`.data`"),
    "backward fails": (overwritten_for_backward, r"backward\(\) cannot run"),
    "numpy": (by_numpy, "a numpy array where a tensor was asked"),
    "float32": (after(lambda x: x.float()), "(?s)wrong dtype.*keeps the dtype of what came in"),
    "float32 for half": (
        lambda *a: right(*[s.float() if s.dtype == torch.bfloat16 else s for s in a[:3]], a[3]),
        "(?s)wrong dtype.*keeps the dtype of what came in, here bfloat16",
    ),
    "float64": (lambda *a: right(*[s.double() for s in a[:3]], a[3]), "(?s)wrong dtype.*here float32"),
    "by way of float32": (
        lambda *a: right(*[s.float() for s in a[:3]], a[3]).to(a[0].dtype),
        "loses half of float64's digits",
    ),
    "a dict": (after(lambda x: {"out": x}), "a dict is what a whole network returns"),
    "a list": (after(lambda x: [x]), "a list where a tensor was asked"),
    "squeezed": (after(lambda x: x.squeeze()), "axes of length 1 were squeezed away"),
    "noise": (after(lambda x: x + torch.rand_like(x)), "two different results"),
    "no return": (after(lambda x: None), "ends without `return`"),
    "handed over": (hands_over, "hands the task over to segutils.models.fcn"),
    "three arguments": (lambda score32, score16, score8: score8, "TypeError"),
    "scaled skips": (at_once, "the skips were made smaller"),
    "score8 before score16": (eight_before_sixteen, "score8 was added first"),
    "sizes computed": (rounded_up, "was computed from `size`"),
    "first step: nearest": (first_step(nearest), "in the first step: nearest"),
    "first step: corners": (first_step(corners), "in the first step: align_corners=True"),
    "in place where the sizes are equal": (not_resized_where_equal, "changed what it was given: score32"),
    "16 bits": (
        lambda a, b, c, size: right(a.half(), b.half(), c.half(), size).to(a.dtype),
        "rounded to 16 bits",
    ),
    "antialias": (antialiased, "raised NotImplementedError: .* not implemented for 'BFloat16'"),
}


def by_steps(score32, score16, score8, size):
    up16 = F.interpolate(score32, score16.shape[2:], mode="bilinear", align_corners=False)
    fused16 = score16 + up16
    up8 = F.interpolate(fused16, score8.shape[2:], mode="bilinear", align_corners=False)
    return F.interpolate(score8 + up8, size, mode="bilinear")


def by_upsample_modules(score32, score16, score8, size):
    x = score32
    for skip in (score16, score8, None):
        wanted = size if skip is None else tuple(skip.shape[-2:])
        x = nn.Upsample(size=wanted, mode="bilinear", align_corners=False)(x)
        if skip is not None:
            x += skip  # x is a new tensor
    return x


def recursively(score32, score16, score8, size):
    def up(scores):
        *coarser, finest = scores
        if not coarser:
            return finest
        return finest + resize(up(coarser), finest.size()[-2:])

    return resize(up([score32, score16, score8]), size)


def axis_matrix(n, m, dtype):
    """Linear resizing from n to m values as a matrix (m, n)."""
    position = ((np.arange(m) + 0.5) * n / m - 0.5).clip(0, n - 1)
    left = np.floor(position).astype(int).clip(0, max(n - 2, 0))
    matrix = np.zeros((m, n))
    np.add.at(matrix, (np.arange(m), left), 1 - (position - left))
    np.add.at(matrix, (np.arange(m), (left + 1).clip(max=n - 1)), position - left)
    return torch.from_numpy(matrix).to(dtype)


def by_matrices(score32, score16, score8, size):
    def enlarge(x, wanted):
        rows = axis_matrix(x.shape[-2], wanted[0], x.dtype)
        columns = axis_matrix(x.shape[-1], wanted[1], x.dtype)
        return rows @ x @ columns.T

    return decoder(enlarge, enlarge)(score32, score16, score8, size)


def in_wider_numbers(score32, score16, score8, size):
    wide = [score.to(torch.float64) for score in (score32, score16, score8)]
    return right(*wide, torch.Size(size)).to(score32.dtype)


def by_linearity(score32, score16, score8, size):
    """Each score on its own way to the image, and one sum at the end."""
    at16, at8 = score16.shape[-2:], score8.shape[-2:]
    return resize(resize(resize(score32, at16), at8), size) + resize(resize(score16, at8), size) + resize(score8, size)


def by_image_and_class(score32, score16, score8, size):
    scores = [score.flatten(0, 1)[:, None, None] for score in (score32, score16, score8)]
    layers = [right(*layer, size) for layer in zip(*scores, strict=True)]
    return torch.cat(layers).unflatten(0, score32.shape[:2])[:, :, 0]


RIGHT = {
    "steps": by_steps,
    "nn.Upsample": by_upsample_modules,
    "recursion": recursively,
    "matrices": by_matrices,
    "wider numbers": in_wider_numbers,
    "linearity": by_linearity,
    "class by class": by_image_and_class,
}
