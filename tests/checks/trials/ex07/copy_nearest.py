"""Solutions of ex07's challenge, copy_nearest, as students write them."""

from bisect import bisect_left

import numpy as np
import torch

from segutils.metrics import ConfusionMatrix, confusion_matrix, mean_iou


def nearest_of(train, frame):
    return min(sorted(train), key=lambda other: abs(other - frame))


def count(copied, target, num_classes, ignore_index):
    return confusion_matrix(copied, target.masked_fill(copied == ignore_index, ignore_index), num_classes, ignore_index)


def choosing(choose):
    """A solution that copies the frame choose(train, frame) for a test frame, all else right."""

    def copy_nearest(masks, train, test, num_classes, ignore_index=255):
        frames = [choose(train, frame) for frame in test]
        return count(masks[frames], masks[list(test)], num_classes, ignore_index)

    return copy_nearest


def counting(make):
    """A solution that counts copied masks and targets in this way."""

    def copy_nearest(masks, train, test, num_classes, ignore_index=255):
        copied = masks[[nearest_of(train, frame) for frame in test]]
        return make(copied, masks[list(test)], num_classes, ignore_index)

    return copy_nearest


def finishing(finish):
    return counting(lambda *arguments: finish(count(*arguments)))


right = counting(count)


def later(train, frame):
    return min(sorted(train, reverse=True), key=lambda other: abs(other - frame))


def place(train, frame):
    return min(range(len(train)), key=lambda index: abs(train[index] - frame))


def of_the_past(train, frame):
    return max((other for other in train if other < frame), default=min(train))


def anywhere(masks, train, test, num_classes, ignore_index=255):
    frames = range(len(masks))
    chosen = [min((f for f in frames if f != frame), key=lambda other: abs(other - frame)) for frame in test]
    return count(masks[chosen], masks[list(test)], num_classes, ignore_index)


def only_the_last(masks, train, test, num_classes, ignore_index=255):
    for frame in test:
        matrix = count(masks[nearest_of(train, frame)], masks[frame], num_classes, ignore_index)
    return matrix


def return_in_the_loop(masks, train, test, num_classes, ignore_index=255):
    for frame in test:
        return count(masks[nearest_of(train, frame)], masks[frame], num_classes, ignore_index)


def exchanged_roles(masks, train, test, num_classes, ignore_index=255):
    return right(masks, test, train, num_classes, ignore_index)


def in_place(masks, train, test, num_classes, ignore_index=255):
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    for frame in test:
        copied, target = masks[nearest_of(train, frame)], masks[frame]
        target[copied == ignore_index] = ignore_index
        matrix += confusion_matrix(copied, target, num_classes, ignore_index)
    return matrix


def sorting_train(masks, train, test, num_classes, ignore_index=255):
    if isinstance(train, list):
        train.sort()
    return right(masks, train, test, num_classes, ignore_index)


def majority(masks, train, test, num_classes, ignore_index=255):
    votes = torch.stack([(masks[list(train)] == label).sum(dim=0) for label in range(num_classes)])
    copied = votes.argmax(dim=0).expand(len(test), -1, -1)
    return confusion_matrix(copied, masks[list(test)], num_classes, ignore_index)


def by_pixels(masks, train, test, num_classes, ignore_index=255):
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    for frame in test:
        copied = masks[nearest_of(train, frame)]
        for c, t in zip(copied.flatten().tolist(), masks[frame].flatten().tolist(), strict=True):
            if c != ignore_index and t != ignore_index:
                matrix[t, c] += 1
    return matrix


WRONG = {
    "later of two": (choosing(later), "the later one was copied"),
    "first in the list": (
        choosing(lambda train, frame: min(train, key=lambda other: abs(other - frame))),
        "the first in the list was copied",
    ),
    "last in the list": (
        choosing(lambda train, frame: min(reversed(train), key=lambda other: abs(other - frame))),
        "last in the list|later one",
    ),
    "place for number": (choosing(place), "place in `train` was taken"),
    "only the past": (choosing(of_the_past), "only earlier training frames"),
    "always the last": (choosing(lambda train, frame: train[-1]), "last training frame was copied|only earlier"),
    "always the first": (choosing(lambda train, frame: train[0]), "first training frame was copied"),
    "farthest": (choosing(lambda train, frame: max(train, key=lambda other: abs(other - frame))), "farthest"),
    "without abs": (choosing(lambda train, frame: min(train, key=lambda other: other - frame)), "first training frame"),
    "itself": (choosing(lambda train, frame: frame), "compared with itself"),
    "of the whole sequence": (anywhere, "only frames of `train` are known"),
    "roles exchanged": (exchanged_roles, "train and test are exchanged"),
    "ignored copies as class 0": (
        counting(lambda copied, target, c, i: confusion_matrix(copied.masked_fill(copied == i, 0), target, c, i)),
        "counted as class 0",
    ),
    "ignored copies as the last class": (
        counting(lambda copied, target, c, i: confusion_matrix(copied.masked_fill(copied == i, c - 1), target, c, i)),
        "counted as the last class",
    ),
    "ignored copies stay": (counting(confusion_matrix), "are no class"),
    "exchanged in the call": (
        counting(lambda copied, target, c, i: confusion_matrix(target, copied, c, i)),
        "exchanged in the call",
    ),
    "transposed": (finishing(lambda matrix: matrix.T.contiguous()), "rows and columns are exchanged"),
    "only 255": (
        lambda masks, train, test, num_classes, ignore_index=255: right(masks, train, test, num_classes),
        "ignore_index is an argument",
    ),
    "only the last test frame": (only_the_last, "only the last test frame"),
    "return in the loop": (return_in_the_loop, "only the first test frame"),
    "majority": (majority, "most frequent label"),
    "float": (finishing(lambda matrix: matrix.float()), "counts are int64"),
    "mean": (lambda *arguments, **ignore: right(*arguments, **ignore) / len(arguments[2]), "number of test frames"),
    "shares": (finishing(lambda matrix: matrix / matrix.sum()), "divided by its sum"),
    "mean IoU": (finishing(mean_iou), "the mean IoU was returned"),
    "numpy": (finishing(lambda matrix: matrix.numpy()), "a numpy array where a tensor"),
    "no return": (finishing(lambda matrix: None), "without `return`"),
    "masks changed": (in_place, "changed what it was given: masks"),
    "train sorted": (sorting_train, "changed what it was given: train"),
    "loop over pixels": (by_pixels, "loops over the pixels"),
    "range as an index": (
        lambda masks, train, test, *rest, **ignore: count(
            masks[[nearest_of(train, frame) for frame in test]], masks[test], *rest, **{"ignore_index": 255, **ignore}
        ),
        "a tuple as an index",
    ),
}


def by_distances(masks, train, test, num_classes, ignore_index=255):
    seen = torch.tensor(sorted(train))
    asked = torch.tensor(list(test))
    distance = (seen[None] - asked[:, None]).abs()  # (test frames, training frames)
    smallest = distance == distance.amin(dim=1, keepdim=True)
    copied, target = masks[seen[smallest.long().argmax(dim=1)]], masks[asked]
    keep = (copied != ignore_index) & (target != ignore_index)
    pairs = target[keep] * num_classes + copied[keep]
    return torch.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def by_bisection(masks, train, test, num_classes, ignore_index=255):
    seen, counter = sorted(train), ConfusionMatrix(num_classes, ignore_index)
    for frame in test:
        right_of = bisect_left(seen, frame)
        near = seen[max(right_of - 1, 0) : right_of + 1]
        best = near[0] if len(near) == 1 or frame - near[0] <= near[1] - frame else near[1]
        valid = masks[best] != ignore_index
        counter.update(masks[best][valid], masks[frame][valid])
    return counter.compute()


def by_numpy(masks, train, test, num_classes, ignore_index=255):
    labels, matrix = masks.numpy(), np.zeros((num_classes, num_classes), dtype=np.int64)
    for frame in test:
        copied = labels[sorted(train, key=lambda other: (abs(frame - other), other))[0]]
        keep = (labels[frame] != ignore_index) & (copied != ignore_index)
        np.add.at(matrix, (labels[frame][keep], copied[keep]), 1)
    return torch.from_numpy(matrix)


def outwards(masks, train, test, num_classes, ignore_index=255):
    seen, matrix = set(train), torch.zeros(num_classes, num_classes, dtype=torch.long)
    for frame in test:
        for gap in range(len(masks)):
            found = [other for other in (frame - gap, frame + gap) if other in seen]
            if found:
                matrix = matrix + count(masks[found[0]], masks[frame], num_classes, ignore_index)
                break
    return matrix


RIGHT = {
    "min over the sorted": right,
    "min of pairs": choosing(lambda train, frame: min(train, key=lambda other: (abs(other - frame), other))),
    "table of distances": by_distances,
    "bisection": by_bisection,
    "numpy": by_numpy,
    "searching outwards": outwards,
}
