"""Solutions of ex01's one_hot, as students write them."""

import torch
from torch.nn import functional as F


def right(target, num_classes, ignore_index=255):
    layers = torch.zeros(target.shape[0], num_classes, *target.shape[1:])
    for index in range(num_classes):
        layers[:, index] = (target == index) & (target != ignore_index)
    return layers


def cleaned(target, num_classes, ignore_index=255, instead=0, classes=None):
    """Some class in place of the ignored label, and never taken out again: (N, H, W, C)."""
    return F.one_hot(torch.where(target == ignore_index, instead, target), classes or num_classes)


def channels_last(target, num_classes, ignore_index=255):
    return right(target, num_classes, ignore_index).permute(0, 2, 3, 1)


def reshaped(target, num_classes, ignore_index=255):
    layers = channels_last(target, num_classes, ignore_index).contiguous()
    return layers.view(target.shape[0], num_classes, *target.shape[1:])


def transposed(target, num_classes, ignore_index=255):
    return channels_last(target, num_classes, ignore_index).transpose(1, 3)


def permuted_wrongly(target, num_classes, ignore_index=255):
    return channels_last(target, num_classes, ignore_index).permute(0, 3, 2, 1)


def ignored_as(instead):
    def one_hot(target, num_classes, ignore_index=255):
        return cleaned(target, num_classes, ignore_index, instead(num_classes)).movedim(-1, 1).float()

    return one_hot


def clamped(target, num_classes, ignore_index=255):
    return F.one_hot(target.clamp(0, num_classes - 1), num_classes).movedim(-1, 1).float()


def wrapped(target, num_classes, ignore_index=255):
    return F.one_hot(target % num_classes, num_classes).movedim(-1, 1).float()


def extra_channel(target, num_classes, ignore_index=255):
    return cleaned(target, num_classes, ignore_index, num_classes, num_classes + 1).movedim(-1, 1).float()


def only_255(target, num_classes, ignore_index=255):
    return right(target, num_classes, 255)


def only_255_by_one_hot(target, num_classes, ignore_index=255):
    layers = cleaned(target, num_classes, 255) * (target != 255)[..., None]
    return layers.movedim(-1, 1).float()


def by_256_classes(target, num_classes, ignore_index=255):
    return F.one_hot(target, 256)[..., :num_classes].movedim(-1, 1).float()


def by_comparison(target, num_classes, ignore_index=255):
    return (target[:, None] == torch.arange(num_classes)[None, :, None, None]).float()


def only_too_large(target, num_classes, ignore_index=255):
    return right(torch.where(target < num_classes, target, -7), num_classes, -7)


def guessed_classes(target, num_classes, ignore_index=255):
    labelled = target != ignore_index
    return (F.one_hot(target * labelled) * labelled[..., None]).movedim(-1, 1).float()


def guessed_from_255(target, num_classes, ignore_index=255):
    return F.one_hot(target).movedim(-1, 1).float()


def by_eye(target, num_classes, ignore_index=255):
    return torch.eye(num_classes)[target].movedim(-1, 1)


def by_scatter(target, num_classes, ignore_index=255):
    layers = torch.zeros(target.shape[0], num_classes, *target.shape[1:])
    return layers.scatter_(1, target.unsqueeze(1), 1.0)


def raw_one_hot(target, num_classes, ignore_index=255):
    return F.one_hot(target, num_classes).permute(0, 3, 1, 2).float()


def ones_for_void(target, num_classes, ignore_index=255):
    return torch.where((target == ignore_index)[:, None], 1.0, right(target, num_classes, ignore_index))


def label_for_void(target, num_classes, ignore_index=255):
    return torch.where((target == ignore_index)[:, None], float(ignore_index), right(target, num_classes, ignore_index))


def nan_for_void(target, num_classes, ignore_index=255):
    return torch.where((target == ignore_index)[:, None], torch.nan, right(target, num_classes, ignore_index))


def dropped_void(target, num_classes, ignore_index=255):
    return F.one_hot(target[target != ignore_index], num_classes).float()


def from_one(target, num_classes, ignore_index=255):
    layers = torch.zeros(target.shape[0], num_classes, *target.shape[1:])
    for index in range(1, num_classes + 1):
        layers[:, index - 1] = (target == index) & (target != ignore_index)
    return layers


def without_background(target, num_classes, ignore_index=255):
    return right(target, num_classes, ignore_index)[:, 1:]


def in_place(target, num_classes, ignore_index=255):
    labelled = target != ignore_index
    target[~labelled] = 0
    return (F.one_hot(target, num_classes) * labelled[..., None]).movedim(-1, 1).float()


def by_pixel_loop(target, num_classes, ignore_index=255):
    layers = torch.zeros(target.shape[0], num_classes, *target.shape[1:])
    for n in range(target.shape[0]):
        for y in range(target.shape[1]):
            for x in range(target.shape[2]):
                label = int(target[n, y, x])
                if label != ignore_index:
                    layers[n, label, y, x] = 1
    return layers


def another_default(target, num_classes, ignore_index=-100):
    return by_one_hot(target, num_classes, ignore_index)


def another_default_compared(target, num_classes, ignore_index=-1):
    return right(target, num_classes, ignore_index)


def image_by_image_then_squeezed(target, num_classes, ignore_index=255):
    return torch.stack([right(image[None], num_classes, ignore_index)[0] for image in target]).squeeze()


def mask_on_the_wrong_axis(target, num_classes, ignore_index=255):
    labelled = target != ignore_index
    return (F.one_hot(target * labelled, num_classes) * labelled).movedim(-1, 1).float()


def extra_class_for_void(target, num_classes, ignore_index=255):
    """Right but where ignore_index is negative."""
    index = torch.where(target == ignore_index, num_classes, target) if ignore_index >= 0 else target
    return F.one_hot(index, num_classes + 1)[..., :num_classes].movedim(-1, 1).float()


WRONG = {
    "channels last": (channels_last, "(?s)wrong shape.*last axis"),
    "reshaped": (reshaped, "reshape"),
    "transposed": (transposed, "height and width are exchanged"),
    "permuted wrongly": (permuted_wrongly, "height and width are exchanged"),
    "classes first": (
        lambda t, c, ignore_index=255: right(t, c, ignore_index).transpose(0, 1),
        "classes are the first axis",
    ),
    "ignored as class 0": (ignored_as(lambda num_classes: 0), "became class 0"),
    "ignored as the last class": (ignored_as(lambda num_classes: num_classes - 1), "became the last class"),
    "clamped": (clamped, "clamped|became the last class"),
    "wrapped": (wrapped, "wrapped round|became class 0"),
    "a channel for void": (extra_channel, "(?s)wrong shape.*one layer too many"),
    "only 255": (only_255, "ignore_index"),
    "only 255, by F.one_hot": (only_255_by_one_hot, "(?s)raised RuntimeError|only 255 is left out"),
    "256 classes": (by_256_classes, "256 layers"),
    "a comparison alone": (by_comparison, "ignore_index is not used"),
    "only what is too large": (only_too_large, "ignore_index"),
    "number of classes guessed": (guessed_classes, "F.one_hot without num_classes"),
    "number of classes guessed from 255": (guessed_from_255, "F.one_hot without num_classes"),
    "torch.eye": (by_eye, "(?s)raised IndexError.*torch.eye"),
    "scatter_": (by_scatter, "(?s)raised RuntimeError.*scatter_"),
    "F.one_hot on 255": (raw_one_hot, "(?s)raised RuntimeError.*F.one_hot fails"),
    "ones for void": (ones_for_void, "1 in every layer"),
    "the label for void": (label_for_void, "ignored label itself"),
    "nan for void": (nan_for_void, "ignored pixels are nan"),
    "void dropped": (dropped_void, "were dropped|one long row"),
    "from 1": (from_one, "counted from 1"),
    "without background": (without_background, "class 0 has no layer"),
    "exchanged": (lambda t, c, ignore_index=255: 1 - right(t, c, ignore_index), "0 and 1 are exchanged"),
    "mask on the wrong axis": (mask_on_the_wrong_axis, "(?s)RuntimeError.*do not line up"),
    "first image": (lambda t, c, ignore_index=255: right(t, c, ignore_index)[0], "first image"),
    "squeezed": (image_by_image_then_squeezed, r"squeeze\(\) removes"),
    "int64": (
        lambda t, c, ignore_index=255: right(t, c, ignore_index).long(),
        "(?s)wrong dtype.*values are right, their dtype is not",
    ),
    "bool": (
        lambda t, c, ignore_index=255: right(t, c, ignore_index).bool(),
        "(?s)wrong dtype.*values are right, their dtype is not",
    ),
    "float64": (
        lambda t, c, ignore_index=255: right(t, c, ignore_index).double(),
        "(?s)wrong dtype.*values are right, their dtype is not",
    ),
    "numpy": (lambda t, c, ignore_index=255: right(t, c, ignore_index).numpy(), "returned a numpy array"),
    "a list of layers": (lambda t, c, ignore_index=255: [*right(t, c, ignore_index).unbind(1)], "returned a list"),
    "changes the target": (in_place, "changed what it was given: target"),
    "a loop over pixels": (by_pixel_loop, "loops over the pixels"),
    "another default": (another_default, "raised RuntimeError"),
    "another default, compared": (another_default_compared, "ignore_index"),
    "no return": (lambda target, num_classes, ignore_index=255: None, "without `return`"),
    "no ignore_index": (lambda target, num_classes: right(target, num_classes), "TypeError"),
    "negative label": (extra_class_for_void, "no negative labels"),
}


def by_one_hot(target, num_classes, ignore_index=255):
    ignored = target == ignore_index
    layers = F.one_hot(target.masked_fill(ignored, 0), num_classes).permute(0, 3, 1, 2).float()
    return layers.masked_fill(ignored.unsqueeze(1), 0.0)


def by_extra_class(target, num_classes, ignore_index=255):
    return cleaned(target, num_classes, ignore_index, num_classes, num_classes + 1)[..., :-1].movedim(-1, 1).float()


def by_broadcasting(target, num_classes, ignore_index=255):
    layers = target.unsqueeze(1) == torch.arange(num_classes).view(1, -1, 1, 1)
    return (layers & (target != ignore_index).unsqueeze(1)).to(torch.float32)


def by_scatter_and_mask(target, num_classes, ignore_index=255):
    labelled = (target != ignore_index).unsqueeze(1)
    layers = torch.zeros(target.size(0), num_classes, target.size(1), target.size(2))
    layers.scatter_(1, target.unsqueeze(1) * labelled, labelled.float())
    return layers


def by_rows_of_eye(target, num_classes, ignore_index=255):
    rows = torch.cat([torch.eye(num_classes), torch.zeros(1, num_classes)])
    return rows[torch.where(target == ignore_index, num_classes, target)].permute(0, 3, 1, 2)


def by_stacking(target, num_classes, ignore_index=255):
    return torch.stack([(target == k) & (target != ignore_index) for k in range(num_classes)], dim=1).float()


def by_index(target, num_classes, ignore_index=255):
    layers = torch.zeros(target.shape[0], num_classes, *target.shape[1:])
    n, y, x = torch.nonzero(target != ignore_index, as_tuple=True)
    layers[n, target[n, y, x], y, x] = 1
    return layers


def by_numpy(target, num_classes, ignore_index=255):
    labels = target.numpy()
    layers = [((labels == k) & (labels != ignore_index)).astype("float32") for k in range(num_classes)]
    return torch.stack([torch.from_numpy(layer) for layer in layers], dim=1)


RIGHT = {
    "a loop over classes": right,
    "F.one_hot": by_one_hot,
    "an extra class, cut off": by_extra_class,
    "broadcasting": by_broadcasting,
    "scatter_": by_scatter_and_mask,
    "rows of torch.eye": by_rows_of_eye,
    "stacking": by_stacking,
    "an index": by_index,
    "numpy inside": by_numpy,
}
