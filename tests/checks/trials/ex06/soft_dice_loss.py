"""Solutions of ex06's soft_dice_loss, as students write them."""

import torch
from torch.nn import functional as F


def prepared(logits, target, ignore_index):
    """Probabilities and one-hot target, both 0 where ignored: (N, C, H, W)."""
    labelled = (target != ignore_index).unsqueeze(1)
    t = F.one_hot(target.masked_fill(target == ignore_index, 0), logits.shape[1]).movedim(-1, 1)
    return logits.softmax(dim=1) * labelled, t * labelled


def mean_of_present(dice_values, t):
    present = t.sum(dim=(0, 2, 3)) > 0
    return (1 - dice_values)[present].sum() / present.sum().clamp(min=1)


def soft_dice(p, t, dims=(0, 2, 3)):
    areas = p.sum(dim=dims) + t.sum(dim=dims)
    return 2 * (p * t).sum(dim=dims) / torch.where(areas == 0, 1, areas)


def loss_with(combine):
    def soft_dice_loss(logits, target, ignore_index=255):
        return combine(*prepared(logits, target, ignore_index))

    return soft_dice_loss


right_loss = loss_with(lambda p, t: mean_of_present(soft_dice(p, t), t))


def ignored_in_p(logits, target, ignore_index=255):
    _, t = prepared(logits, target, ignore_index)
    return mean_of_present(soft_dice(logits.softmax(dim=1), t), t)


def ignored_as_class_0(logits, target, ignore_index=255):
    return right_loss(logits, target.masked_fill(target == ignore_index, 0), -5)


def only_255_ignored(logits, target, ignore_index=255):
    return right_loss(logits, target, 255)


def one_hot_without_care(logits, target, ignore_index=255):
    return soft_dice(logits.softmax(dim=1), F.one_hot(target, logits.shape[1]).movedim(-1, 1)).mean()


def softmax_over(dim):
    return from_scores(lambda logits: logits.softmax(dim=dim))


def from_scores(scores):
    def soft_dice_loss(logits, target, ignore_index=255):
        _, t = prepared(logits, target, ignore_index)
        return mean_of_present(soft_dice(scores(logits) * (target != ignore_index).unsqueeze(1), t), t)

    return soft_dice_loss


def naive_softmax(logits):
    return logits.exp() / logits.exp().sum(dim=1, keepdim=True)


def mixed_by_reshape(logits):
    mixed = logits.reshape(-1, logits.shape[1]).softmax(dim=1)
    return mixed.reshape(len(logits), *logits.shape[2:], logits.shape[1]).movedim(-1, 1)


def classes_not_moved(logits, target, ignore_index=255):
    labelled = target != ignore_index
    t = F.one_hot(target * labelled, logits.shape[1])
    return mean_of_present(soft_dice(logits.softmax(dim=1) * t, t), t)


def per_image(logits, target, ignore_index=255):
    images = zip(logits.split(1), target.split(1), strict=True)
    return torch.stack([right_loss(image, mask, ignore_index) for image, mask in images]).mean()


def constant_where_nothing_is_labelled(logits, target, ignore_index=255):
    if (target == ignore_index).all():
        return torch.tensor(0.0, dtype=logits.dtype)
    return right_loss(logits, target, ignore_index)


def python_0_where_nothing_is_labelled(logits, target, ignore_index=255):
    if (target == ignore_index).all():
        return 0.0
    return right_loss(logits, target, ignore_index)


def cleaned_target(logits, target, ignore_index=255):
    result = right_loss(logits, target, ignore_index)
    target[target == ignore_index] = 0
    return result


def smoothed(eps):
    return loss_with(lambda p, t: mean_of_present((2 * sums(p * t) + eps) / (sums(p + t) + eps), t))


def every_class(logits, target, ignore_index=255):
    p, t = prepared(logits, target, ignore_index)
    return (1 - soft_dice(p, t)).mean() if t.any() else logits.sum() * 0


def sums(x):
    return x.sum(dim=(0, 2, 3))


def present(t):
    return sums(t) > 0


def over_predicted_classes(p, t):
    counted = present(t) | present((p == p.amax(dim=1, keepdim=True)) & (p > 0))
    return (1 - soft_dice(p, t))[counted].sum() / counted.sum().clamp(min=1)


def jaccard(p, t):
    return mean_of_present(sums(p * t) / (sums(p + t) - sums(p * t)), t)


def hard(logits):
    return F.one_hot(logits.argmax(dim=1), logits.shape[1]).movedim(-1, 1).to(logits.dtype)


def by_a_loop_over_pixels(logits, target, ignore_index=255):
    classes = logits.shape[1]
    probabilities = logits.softmax(dim=1)
    both, p_sum, t_sum = ([logits.sum() * 0 for _ in range(classes)] for _ in range(3))
    for n, y, x in [
        (n, y, x) for n in range(target.shape[0]) for y in range(target.shape[1]) for x in range(target.shape[2])
    ]:
        label = int(target[n, y, x])
        if label == ignore_index:
            continue
        for c in range(classes):
            p_sum[c] = p_sum[c] + probabilities[n, c, y, x]
        both[label] = both[label] + probabilities[n, label, y, x]
        t_sum[label] = t_sum[label] + 1
    values = [1 - 2 * b / (p + t) for b, p, t in zip(both, p_sum, t_sum, strict=True) if t > 0]
    return torch.stack(values).mean() if values else logits.sum() * 0


def as_cross_entropy(logits, target, ignore_index=255):
    return F.cross_entropy(logits, target, ignore_index=ignore_index)


def for_the_courses_losses(logits, target, ignore_index=255):
    from segutils import losses

    return losses.soft_dice_loss(logits, target, ignore_index)


WRONG = {
    "ignored in sum p": (ignored_in_p, "ignored pixels counted: their probabilities"),
    "ignored as class 0": (ignored_as_class_0, "ignored pixels counted as class 0"),
    "only 255": (only_255_ignored, "only 255 is left out"),
    "one-hot of void": (one_hot_without_care, "F.one_hot cannot take ignored|Dice itself"),
    "classes not moved": (classes_not_moved, "F.one_hot puts the classes last"),
    "mixed by reshape": (from_scores(mixed_by_reshape), "mixes pixels and classes"),
    "absent classes": (loss_with(lambda p, t: 1 - soft_dice(p, t).mean()), r"absent from the target.*\(Dice 0\)"),
    "absent classes, but 0 without labels": (every_class, r"absent from the target.*\(Dice 0\)"),
    "a number of numpy's": (lambda *args: right_loss(*args).detach().numpy()[()], "number of numpy's"),
    "absent as perfect": (
        loss_with(lambda p, t: (1 - soft_dice(p, t))[present(t)].sum() / t.shape[1]),
        "absent from the target.*as perfect",
    ),
    "predicted classes": (loss_with(over_predicted_classes), "classes that only the prediction has"),
    "per image": (per_image, "averaged per image"),
    "squares": (
        loss_with(lambda p, t: mean_of_present(2 * sums(p * t) / (sums(p**2) + sums(t**2)), t)),
        "squared in the denominator",
    ),
    "raw logits": (from_scores(lambda logits: logits), "without softmax"),
    "sigmoid": (from_scores(torch.sigmoid), "sigmoid in place of softmax"),
    "softmax over the batch": (softmax_over(0), "softmax over the batch"),
    "softmax over the rows": (softmax_over(2), "softmax over the rows"),
    "softmax over the columns": (softmax_over(-1), "softmax over the columns"),
    "softmax twice": (from_scores(lambda logits: logits.softmax(1).softmax(1)), "softmax was taken twice"),
    "log_softmax": (from_scores(lambda logits: logits.log_softmax(1)), "log_softmax"),
    "naive softmax": (from_scores(naive_softmax), "overflows for large logits"),
    "Dice": (loss_with(lambda p, t: 1 - mean_of_present(soft_dice(p, t), t)), "Dice itself was returned"),
    "minus Dice": (loss_with(lambda p, t: mean_of_present(soft_dice(p, t), t) - 1), "with a minus sign"),
    "log Dice": (loss_with(lambda p, t: -soft_dice(p, t)[present(t)].log().mean()), "the logarithm of Dice"),
    "sum": (loss_with(lambda p, t: (1 - soft_dice(p, t))[present(t)].sum()), "the sum over the classes"),
    "factor 2 missing": (loss_with(lambda p, t: mean_of_present(soft_dice(p, t) / 2, t)), "factor 2 is missing"),
    "soft IoU": (loss_with(jaccard), "soft IoU"),
    "one for all": (loss_with(lambda p, t: 1 - 2 * (p * t).sum() / (p + t).sum()), "summed into one Dice"),
    "per class": (loss_with(lambda p, t: 1 - soft_dice(p, t)), "result per class"),
    "without class 0": (
        loss_with(lambda p, t: mean_of_present(soft_dice(p, t)[1:], t[:, 1:])),
        "class 0 was left out",
    ),
    "smoothing 1": (smoothed(1.0), "a constant was added"),
    "smoothing 1e-6": (smoothed(1e-6), "a constant was added"),
    "smoothing 1e-6 of a softmax in float32": (
        lambda logits, target, ignore_index=255: smoothed(1e-6)(logits.float(), target, ignore_index),
        "a constant was added",
    ),
    "argmax": (from_scores(hard), "argmax"),
    "a number": (lambda *args, **ignore: right_loss(*args, **ignore).item(), "a Python number where a tensor"),
    "numpy": (lambda *args, **ignore: right_loss(*args, **ignore).numpy(), "numpy array where a tensor"),
    "detached": (lambda *args, **ignore: right_loss(*args, **ignore).detach(), "no gradient flows back"),
    "partly detached": (
        loss_with(lambda p, t: mean_of_present(2 * sums(p * t) / sums(p.detach() + t), t)),
        "the gradient of the logits differs",
    ),
    "constant 0": (constant_where_nothing_is_labelled, "a constant was returned where nothing is labelled"),
    "Python's 0": (python_0_where_nothing_is_labelled, "a Python number where a tensor"),
    "nan for nothing": (
        loss_with(lambda p, t: 1 - soft_dice(p, t)[present(t)].mean()),
        "nothing labelled gives 0 / 0",
    ),
    "nan gradient for nothing": (
        loss_with(lambda p, t: mean_of_present(2 * sums(p * t) / sums(p + t), t)),
        "(?s)got nan.*before you divide",
    ),
    "in place": (cleaned_target, "changed what it was given: target"),
    "no return": (lambda logits, target, ignore_index=255: None, "without `return`"),
    "a loop over pixels": (by_a_loop_over_pixels, "loops over the pixels"),
    "cross-entropy": (as_cross_entropy, "cross-entropy was returned"),
    "the course's": (for_the_courses_losses, "hands the task over to segutils.losses"),
}


def loss_by_class(logits, target, ignore_index=255):
    probabilities = torch.softmax(logits, dim=1)
    labelled = target != ignore_index
    losses = []
    for label in range(logits.size(1)):
        p, t = probabilities[:, label][labelled], (target[labelled] == label).to(logits.dtype)
        if t.sum() > 0:
            losses.append(1 - 2 * (p * t).sum() / (p.sum() + t.sum()))
    return torch.stack(losses).mean() if losses else 0 * logits.sum()


def loss_by_list_of_pixels(logits, target, ignore_index=255):
    labelled = (target != ignore_index).reshape(-1)
    p = F.softmax(logits.permute(0, 2, 3, 1).reshape(-1, logits.shape[1])[labelled], dim=-1)
    target = target.reshape(-1)[labelled]
    t = torch.zeros_like(p).scatter_(1, target[:, None], 1)
    here = t.amax(0) == 1 if len(t) else t.sum(0) > 0
    values = 2 * (p * t).sum(0) / (p.sum(0) + t.sum(0)).clamp(min=1e-12)
    return (values[here].sum().neg() + here.sum()) / max(int(here.sum()), 1)


def loss_by_einsum(logits, target, ignore_index=255):
    keep = (target != ignore_index).to(logits.dtype)
    p = logits.log_softmax(1).exp()
    t = (target[:, None] == torch.arange(logits.shape[1])[:, None, None]).to(logits.dtype) * keep[:, None]
    both = torch.einsum("nchw,nchw->c", p, t)
    size = torch.einsum("nchw,nhw->c", p, keep) + t.sum((0, 2, 3))
    here = t.sum((0, 2, 3)) > 0
    return ((1 - 2 * both / size.clamp(min=1e-4)) * here).sum() / here.sum().clamp(min=1)


def loss_by_safe_softmax(logits, target, ignore_index=255):
    powers = (logits - logits.amax(dim=1, keepdim=True)).exp()
    p = (powers / powers.sum(dim=1, keepdim=True)).transpose(0, 1).flatten(1)  # (C, N H W)
    keep = (target != ignore_index).flatten()
    classes = target.flatten()[keep].unique()
    if len(classes) == 0:
        return (logits * 0.0).sum()
    t = (target.flatten()[keep] == classes[:, None]).to(p.dtype)
    p = p[classes][:, keep]
    return (1 - 2 * (p * t).sum(1) / (p.sum(1) + t.sum(1))).mean()


def loss_in_float32(logits, target, ignore_index=255):
    return right_loss(logits.float(), target, ignore_index)


RIGHT = {
    "in float64": lambda logits, target, ignore_index=255: right_loss(logits.double(), target, ignore_index),
    "in float32 and back": lambda logits, target, ignore_index=255: right_loss(logits.float(), target, ignore_index).to(
        logits.dtype
    ),
    "masks of labelled pixels": right_loss,
    "class by class": loss_by_class,
    "a list of pixels": loss_by_list_of_pixels,
    "einsum": loss_by_einsum,
    "a softmax by hand": loss_by_safe_softmax,
    "in float32": loss_in_float32,
}
