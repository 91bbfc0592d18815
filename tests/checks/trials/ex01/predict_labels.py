"""Solutions of ex01's predict_labels, as students write them."""

import numpy as np
import torch


def running_from_zero(logits):
    best = torch.zeros_like(logits[:, 0])
    labels = torch.zeros(best.shape, dtype=torch.int64)
    for index in range(logits.shape[1]):
        better = logits[:, index] > best
        best = torch.where(better, logits[:, index], best)
        labels[better] = index
    return labels


def by_pixel_loop(logits):
    batch, _, height, width = logits.shape
    labels = torch.zeros(batch, height, width, dtype=torch.int64)
    for n in range(batch):
        for y in range(height):
            for x in range(width):
                labels[n, y, x] = logits[n, :, y, x].argmax()
    return labels


def image_by_image_then_squeezed(logits):
    return torch.stack([image.argmax(dim=0) for image in logits]).squeeze()


def in_place(logits):
    logits -= logits.amax(dim=1, keepdim=True)
    return (logits == 0).int().argmax(dim=1)


def in_place_by_numpy(logits):
    array = logits.float().numpy()
    array[array < 0] = 0
    return torch.from_numpy(array).argmax(dim=1)


def naive_softmax(logits):
    weights = torch.exp(logits)
    return (weights / weights.sum(dim=1, keepdim=True)).argmax(dim=1)


WRONG = {
    "dim 0": (lambda x: x.argmax(dim=0), r"\(dim=0\)"),
    "dim 2": (lambda x: x.argmax(dim=2), r"\(dim=2\)"),
    "dim -1": (lambda x: x.argmax(dim=-1), "last axis"),
    "no dim": (lambda x: x.argmax(), "without dim"),
    "keepdim": (lambda x: x.argmax(dim=1, keepdim=True), "keepdim"),
    "argmin": (lambda x: x.argmin(dim=1), "argmin"),
    "max, both": (lambda x: x.max(dim=1), "two tensors"),
    "max, a tuple": (lambda x: tuple(x.max(dim=1)), "two tensors"),
    "max, values": (lambda x: x.max(dim=1).values, "largest logits themselves"),
    "largest probabilities": (lambda x: x.softmax(dim=1).max(dim=1)[0], "largest probabilities"),
    "squeeze": (lambda x: x.argmax(dim=1).squeeze(), r"squeeze\(\) removes"),
    "squeeze(0)": (lambda x: x.argmax(dim=1).squeeze(0), r"squeeze\(0\)"),
    "squeeze of keepdim": (lambda x: x.argmax(dim=1, keepdim=True).squeeze(), r"squeeze\(\) removes"),
    "squeezed stack": (image_by_image_then_squeezed, r"squeeze\(\) removes"),
    "first image": (lambda x: x.argmax(dim=1)[0], "first image"),
    "first image, axis kept": (lambda x: x[:1].argmax(dim=1), "first image"),
    "threshold": (lambda x: (x > 0.5).long(), "threshold of 0.5"),
    "threshold, then argmax": (lambda x: (x > 0.5).int().argmax(dim=1), "compared with 0.5"),
    "threshold of probabilities": (lambda x: (x.softmax(1) > 0.5).int().argmax(1), "compared with 0.5"),
    "sigmoid and threshold": (lambda x: (x.sigmoid() > 0.5).long(), "sigmoid above 0.5"),
    "sigmoid": (lambda x: torch.sigmoid(x).argmax(dim=1), "sigmoid is 1"),
    "exp": (lambda x: x.exp().argmax(dim=1), "exp overflows"),
    "softmax by hand": (naive_softmax, "exp overflows"),
    "softmax over the batch": (lambda x: x.softmax(dim=0).argmax(dim=1), r"softmax over the batch"),
    "softmax over columns": (lambda x: x.softmax(dim=-1).argmax(dim=1), r"softmax over the columns"),
    "softmax over rows": (lambda x: x.softmax(dim=2).argmax(dim=1), r"softmax over the rows"),
    "rounded": (lambda x: x.long().argmax(dim=1), "rounded"),
    "abs": (lambda x: x.abs().argmax(dim=1), r"\(abs\)"),
    "from 1": (lambda x: x.argmax(dim=1) + 1, "one too large"),
    "maximum from 0": (running_from_zero, "running maximum starts at 0"),
    "channels last": (lambda x: x.permute(0, 2, 3, 1).argmax(dim=1), "moved to the end"),
    "transposed": (lambda x: x.argmax(dim=1).transpose(1, 2), "transposed"),
    "flat": (lambda x: x.flatten(2).argmax(dim=1), "one long row"),
    "int32": (lambda x: x.argmax(dim=1).int(), "(?s)wrong dtype.*values are right, their dtype is not"),
    "uint8": (lambda x: x.argmax(dim=1).byte(), "wrong dtype"),
    "uint8, then int64": (lambda x: x.argmax(dim=1).byte().long(), "does not fit into uint8"),
    "float": (lambda x: x.argmax(dim=1).float(), "(?s)wrong dtype.*values are right, their dtype is not"),
    "numpy": (lambda x: x.float().numpy().argmax(axis=1), "returned a numpy array"),
    "through numpy": (lambda x: torch.from_numpy(x.numpy().argmax(axis=1)), "numpy has no bfloat16"),
    "half precision": (lambda x: x.half().argmax(dim=1), "16 bits"),
    "changes the logits": (in_place, "changed what it was given: logits"),
    "changes the logits through numpy": (in_place_by_numpy, "changed what it was given: logits"),
    "a loop over pixels": (by_pixel_loop, "loops over the pixels"),
    "one-hot": (lambda x: (x == x.amax(dim=1, keepdim=True)).long(), "one-hot"),
    "no return": (lambda x: None, "without `return`"),
    "reshaped": (
        lambda x: x.reshape(x.shape[0], *x.shape[2:], x.shape[1]).argmax(dim=-1),
        r"reshape \(or view\) does not move an axis",
    ),
    "without class 0": (lambda x: x[:, 1:].argmax(dim=1), "class 0 was left out"),
}


def running_from_first(logits):
    best, labels = logits[:, 0], torch.zeros_like(logits[:, 0], dtype=torch.long)
    for index in range(1, logits.size(1)):
        labels = torch.where(logits[:, index] > best, index, labels)
        best = torch.maximum(best, logits[:, index])
    return labels


def by_numpy(logits):
    return torch.as_tensor(np.argmax(logits.detach().double().cpu().numpy(), axis=1))


RIGHT = {
    "argmax": lambda logits: logits.argmax(dim=1),
    "argmax from the end": lambda logits: torch.argmax(logits, -3),
    "max": lambda logits: torch.max(logits, 1)[1],
    "softmax first": lambda logits: logits.softmax(dim=1).argmax(dim=1),
    "log_softmax first": lambda logits: torch.log_softmax(logits.float(), dim=1).argmax(dim=1),
    "topk": lambda logits: logits.topk(1, dim=1).indices[:, 0],
    "sort": lambda logits: logits.argsort(dim=1, descending=True)[:, 0],
    "classes last": lambda logits: logits.permute(0, 2, 3, 1).argmax(dim=-1),
    "image by image": lambda logits: torch.stack([image.argmax(dim=0) for image in logits]),
    "a loop over classes": running_from_first,
    "numpy inside": by_numpy,
}
