"""Solutions of ex06's confusion_matrix, as students write them."""

import numpy as np
import torch
from torch.nn import functional as F


def counted(prediction, target, num_classes):
    return torch.bincount(target * num_classes + prediction, minlength=num_classes**2).reshape(num_classes, num_classes)


def right_matrix(prediction, target, num_classes, ignore_index=255):
    labelled = target != ignore_index
    return counted(prediction[labelled], target[labelled], num_classes)


def void_is_class_0(prediction, target, num_classes, ignore_index=255):
    return counted(prediction.flatten(), target.masked_fill(target == ignore_index, 0).flatten(), num_classes)


def void_is_last_class(prediction, target, num_classes, ignore_index=255):
    target = target.masked_fill(target == ignore_index, num_classes - 1)
    return counted(prediction.flatten(), target.flatten(), num_classes)


def void_not_left_out(prediction, target, num_classes, ignore_index=255):
    return counted(prediction.flatten(), target.flatten(), num_classes)


def only_255(prediction, target, num_classes, ignore_index=255):
    return right_matrix(prediction, target, num_classes, 255)


def only_in_range(prediction, target, num_classes, ignore_index=255):
    labelled = (target >= 0) & (target < num_classes)
    return counted(prediction[labelled], target[labelled], num_classes)


def looks_at_the_prediction(prediction, target, num_classes, ignore_index=255):
    labelled = prediction != ignore_index
    return counted(prediction[labelled], target[labelled], num_classes)


def looks_at_both(prediction, target, num_classes, ignore_index=255):
    labelled = (prediction != ignore_index) & (target != ignore_index)
    return counted(prediction[labelled], target[labelled], num_classes)


def counted_once(prediction, target, num_classes, ignore_index=255):
    labelled = target != ignore_index
    result = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    result[target[labelled], prediction[labelled]] += 1
    return result


def without_minlength(prediction, target, num_classes, ignore_index=255):
    labelled = target != ignore_index
    pairs = target[labelled] * num_classes + prediction[labelled]
    return torch.bincount(pairs).reshape(num_classes, num_classes)


def one_hot_of_void(prediction, target, num_classes, ignore_index=255):
    return F.one_hot(target.flatten(), num_classes).T @ F.one_hot(prediction.flatten(), num_classes)


def with_a_row_for_void(prediction, target, num_classes, ignore_index=255):
    return F.pad(right_matrix(prediction, target, num_classes, ignore_index), (0, 1, 0, 1))


def cleaned_in_place(prediction, target, num_classes, ignore_index=255):
    result = right_matrix(prediction, target, num_classes, ignore_index)
    target[target == ignore_index] = 0
    return result


def by_view(prediction, target, num_classes, ignore_index=255):
    return right_matrix(prediction.view(-1), target.view(-1), num_classes, ignore_index)


def first_image_only(prediction, target, num_classes, ignore_index=255):
    return right_matrix(prediction[0], target[0], num_classes, ignore_index)


def one_matrix_per_image(prediction, target, num_classes, ignore_index=255):
    images = zip(prediction, target, strict=True)
    return torch.stack([right_matrix(p, t, num_classes, ignore_index) for p, t in images])


def guessed_classes(prediction, target, num_classes, ignore_index=255):
    labelled = target != ignore_index
    classes = int(max(prediction[labelled].max(), target[labelled].max())) + 1
    return right_matrix(prediction, target, classes, ignore_index)


def normalised(prediction, target, num_classes, ignore_index=255):
    result = right_matrix(prediction, target, num_classes, ignore_index).double()
    return result / result.sum(dim=1, keepdim=True)


def numbered_by_one_too_many(prediction, target, num_classes, ignore_index=255):
    labelled = target != ignore_index
    pairs = target[labelled] * (num_classes + 1) + prediction[labelled]
    return torch.bincount(pairs, minlength=num_classes**2)[: num_classes**2].reshape(num_classes, num_classes)


def counted_in_8_bits(prediction, target, num_classes, ignore_index=255):
    return right_matrix(prediction, target, num_classes, ignore_index).to(torch.uint8).long()


def by_a_loop(prediction, target, num_classes, ignore_index=255):
    result = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    for p, t in zip(prediction.flatten(), target.flatten(), strict=True):
        if t != ignore_index:
            result[t, p] += 1
    return result


def by_nested_loops(prediction, target, num_classes, ignore_index=255):
    result = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    images, height, width = target.shape
    for n in range(images):
        for y in range(height):
            for x in range(width):
                if target[n, y, x] != ignore_index:
                    result[target[n, y, x], prediction[n, y, x]] += 1
    return result


def edited(edit):
    return lambda *masks, **ignore: edit(right_matrix(*masks, **ignore))


def for_ready_sklearn(prediction, target, num_classes, ignore_index=255):
    from sklearn import metrics

    labelled = target != ignore_index
    ready = metrics.confusion_matrix(target[labelled], prediction[labelled], labels=list(range(num_classes)))
    return torch.from_numpy(ready)


def for_ready_torchmetrics(prediction, target, num_classes, ignore_index=255):
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    return multiclass_confusion_matrix(prediction, target, num_classes, ignore_index=ignore_index)


def for_the_courses_metrics(prediction, target, num_classes, ignore_index=255):
    from segutils import metrics

    return metrics.confusion_matrix(prediction, target, num_classes, ignore_index)


def below_ignore_index(prediction, target, num_classes, ignore_index=255):
    labelled = target < ignore_index
    return counted(prediction[labelled], target[labelled], num_classes)


def histogram_without_edges(prediction, target, num_classes, ignore_index=255):
    labelled = target != ignore_index
    counts, _, _ = np.histogram2d(target[labelled], prediction[labelled], bins=num_classes)
    return torch.from_numpy(counts).long()


def histogram_without_range(prediction, target, num_classes, ignore_index=255):
    labelled = target != ignore_index
    pairs = target[labelled] * num_classes + prediction[labelled]
    return torch.histc(pairs.double(), bins=num_classes**2).long().reshape(num_classes, num_classes)


def by_histogram_with_edges(prediction, target, num_classes, ignore_index=255):
    labelled = target != ignore_index
    edges = np.arange(num_classes + 1) - 0.5
    return torch.from_numpy(np.histogram2d(target[labelled], prediction[labelled], bins=edges)[0]).long()


WRONG = {
    "below ignore_index": (below_ignore_index, "!= is meant"),
    "histogram without edges": (histogram_without_edges, "bins of a histogram"),
    "histogram without a range": (histogram_without_range, "bins of a histogram"),
    "counts in int32": (edited(lambda m: m.int()), "only their dtype has to become int64"),
    "transposed": (edited(lambda m: m.T), "rows and columns swapped"),
    "void as class 0": (void_is_class_0, "void counted as class 0"),
    "void as the last class": (void_is_last_class, "void counted as the last class"),
    "void not left out": (void_not_left_out, "void counted as a class"),
    "only 255": (only_255, "only 255 is left out"),
    "only in range": (only_in_range, "only labels outside"),
    "void of the prediction": (looks_at_the_prediction, "looked for in the prediction"),
    "void of both": (looks_at_both, "because of their prediction"),
    "once": (counted_once, "counts each pair only once"),
    "without minlength": (without_minlength, "without minlength"),
    "one-hot of void": (one_hot_of_void, "F.one_hot cannot take ignored labels"),
    "a row for void": (with_a_row_for_void, r"(?s)expected shape \(3, 3\), got \(4, 4\).*one class too many"),
    "numbered by one too many": (numbered_by_one_too_many, "numbered row by row"),
    "in place": (cleaned_in_place, "changed what it was given: target"),
    "view": (by_view, "view size is not compatible"),
    "diagonal only": (edited(lambda m: m.diagonal().diag()), "only the hits"),
    "errors only": (edited(lambda m: m - m.diagonal().diag()), "only the errors"),
    "normalised": (normalised, "expected int64, got float64"),
    "float": (edited(lambda m: m.float()), "expected int64, got float32"),
    "int32": (edited(lambda m: m.int()), "expected int64, got int32"),
    "8 bits": (counted_in_8_bits, "counts in 8 bits overflow"),
    "16 bits": (edited(lambda m: m.short().long()), "counts in 16 bits overflow"),
    "numpy": (edited(lambda m: m.numpy()), "numpy array where a tensor was asked"),
    "a list": (edited(lambda m: m.tolist()), "returned a list"),
    "flat": (edited(lambda m: m.flatten()), "flattened"),
    "first image": (first_image_only, "only the first image"),
    "a matrix per image": (one_matrix_per_image, "each image has a matrix of its own"),
    "guessed classes": (guessed_classes, "num_classes was guessed"),
    "no return": (lambda prediction, target, num_classes, ignore_index=255: None, "without `return`"),
    "clipped": (edited(lambda m: m.clamp(max=5)), "differs from the expected one"),
    "zeros": (edited(torch.zeros_like), "differs from the expected one"),
    "a loop": (by_a_loop, "loops over the pixels"),
    "nested loops": (by_nested_loops, "loops over the pixels"),
    "scikit-learn": (for_ready_sklearn, "hands the task over to sklearn.metrics"),
    "torchmetrics": (for_ready_torchmetrics, "hands the task over to torchmetrics"),
    "the course's": (for_the_courses_metrics, "hands the task over to segutils.metrics"),
}


def by_counting_each_pair(prediction, target, num_classes, ignore_index=255):
    result = torch.empty(num_classes, num_classes, dtype=torch.long)
    for t in range(num_classes):
        for p in range(num_classes):
            result[t, p] = ((target == t) & (prediction == p) & (target != ignore_index)).sum()
    return result


def by_one_hot_product(prediction, target, num_classes, ignore_index=255):
    labelled = target.reshape(-1) != ignore_index
    t = F.one_hot(target.reshape(-1)[labelled], num_classes)
    p = F.one_hot(prediction.reshape(-1)[labelled], num_classes)
    return t.T @ p


def by_accumulating(prediction, target, num_classes, ignore_index=255):
    labelled = target != ignore_index
    result = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    index = (target[labelled], prediction[labelled])
    return result.index_put_(index, torch.ones_like(index[0]), accumulate=True)


def by_an_extra_class(prediction, target, num_classes, ignore_index=255):
    target = torch.where(target == ignore_index, num_classes, target).flatten()
    pairs = target * num_classes + prediction.flatten()
    return torch.bincount(pairs, minlength=num_classes * (num_classes + 1)).reshape(-1, num_classes)[:num_classes]


def by_numpy(prediction, target, num_classes, ignore_index=255):
    t, p = target.numpy().ravel(), prediction.numpy().ravel()
    result = np.zeros((num_classes, num_classes), dtype=np.int64)
    np.add.at(result, (t[t != ignore_index], p[t != ignore_index]), 1)
    return torch.from_numpy(result)


def by_image(prediction, target, num_classes, ignore_index=255):
    return sum(right_matrix(p, t, num_classes, ignore_index) for p, t in zip(prediction, target, strict=True))


def by_rows_of_the_matrix(prediction, target, num_classes, ignore_index=255):
    predicted = prediction[target != ignore_index]
    target = target[target != ignore_index]
    return torch.stack([torch.bincount(predicted[target == c], minlength=num_classes) for c in range(num_classes)])


def by_weights(prediction, target, num_classes, ignore_index=255):
    labelled = (target != ignore_index).reshape(-1)
    pairs = torch.where(labelled, target.reshape(-1) * num_classes + prediction.reshape(-1), 0)
    counts = torch.bincount(pairs, weights=labelled.double(), minlength=num_classes**2)
    return counts.round().to(torch.int64).unflatten(0, (num_classes, num_classes))


RIGHT = {
    "histogram with edges": by_histogram_with_edges,
    "bincount": right_matrix,
    "each pair": by_counting_each_pair,
    "one-hot product": by_one_hot_product,
    "accumulate": by_accumulating,
    "an extra class": by_an_extra_class,
    "numpy": by_numpy,
    "image by image": by_image,
    "row by row of the matrix": by_rows_of_the_matrix,
    "weights": by_weights,
}
