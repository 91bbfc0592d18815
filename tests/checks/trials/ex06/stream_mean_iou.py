"""Solutions of ex06's stream_mean_iou, as students write them."""

import itertools

import torch


def frame_counts(prediction, target, num_classes, ignore_index=255):
    labelled = target != ignore_index
    pairs = target[labelled] * num_classes + prediction[labelled]
    return torch.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def class_ious(m):
    return m.diagonal() / (m.sum(0) + m.sum(1) - m.diagonal())


def frame_iou(prediction, target, num_classes, ignore_index=255):
    return class_ious(frame_counts(prediction, target, num_classes, ignore_index))


def right_stream(frames, num_classes, ignore_index=255):
    total = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    for prediction, target in frames:
        total += frame_counts(prediction, target, num_classes, ignore_index)
    return class_ious(total).nanmean()


def with_end(end):
    """The right counts with another last step."""

    def stream_mean_iou(frames, num_classes, ignore_index=255):
        total = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        for prediction, target in frames:
            total += frame_counts(prediction, target, num_classes, ignore_index)
        return end(total)

    return stream_mean_iou


def of_frame_values(combine, value=frame_iou):
    def stream_mean_iou(frames, num_classes, ignore_index=255):
        values = [value(p, t, num_classes, ignore_index) for p, t in frames]
        return combine(torch.stack(values)) if values else torch.tensor(float("nan"))

    return stream_mean_iou


def listed(frames, num_classes, ignore_index=255):
    return right_stream(list(frames), num_classes, ignore_index)


def concatenated(frames, num_classes, ignore_index=255):
    predictions, targets = [], []
    for prediction, target in frames:
        predictions.append(prediction)
        targets.append(target)
    if not predictions:
        return torch.tensor(float("nan"))
    return frame_iou(torch.cat(predictions), torch.cat(targets), num_classes, ignore_index).nanmean()


def zipped(frames, num_classes, ignore_index=255):
    return right_stream(zip(*zip(*frames, strict=True), strict=True), num_classes, ignore_index)


def labelled_pixels_kept(frames, num_classes, ignore_index=255):
    predictions, targets = [torch.zeros(0, dtype=torch.int64)], [torch.zeros(0, dtype=torch.int64)]
    for prediction, target in frames:
        predictions.append(prediction[target != ignore_index])
        targets.append(target[target != ignore_index])
    return frame_iou(torch.cat(predictions), torch.cat(targets), num_classes, ignore_index).nanmean()


def growing_tensors(frames, num_classes, ignore_index=255):
    predictions = targets = torch.zeros(0, dtype=torch.int64)
    for prediction, target in frames:
        predictions = torch.cat([predictions, prediction.flatten()])
        targets = torch.cat([targets, target.flatten()])
    return frame_iou(predictions, targets, num_classes, ignore_index).nanmean()


def arrays_kept(frames, num_classes, ignore_index=255):
    pairs = [(prediction.numpy().copy(), target.numpy().copy()) for prediction, target in frames]
    pairs = ((torch.from_numpy(prediction), torch.from_numpy(target)) for prediction, target in pairs)
    return right_stream(pairs, num_classes, ignore_index)


def lists_kept(frames, num_classes, ignore_index=255):
    predictions, targets = [], []
    for prediction, target in frames:
        predictions += prediction.flatten().tolist()
        targets += target.flatten().tolist()
    predictions, targets = torch.tensor(predictions).long(), torch.tensor(targets).long()
    return frame_iou(predictions, targets, num_classes, ignore_index).nanmean()


def walked_twice(frames, num_classes, ignore_index=255):
    seen = {int(label) for _, target in frames for label in target.unique()} - {ignore_index}
    total = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    for prediction, target in frames:
        total += frame_counts(prediction, target, num_classes, ignore_index)
    return class_ious(total)[sorted(seen)].nanmean()


def class_after_class(frames, num_classes, ignore_index=255):
    values = []
    for label in range(num_classes):
        both = either = 0
        for prediction, target in frames:
            is_target = (target == label) & (target != ignore_index)
            is_predicted = (prediction == label) & (target != ignore_index)
            both += int((is_target & is_predicted).sum())
            either += int((is_target | is_predicted).sum())
        values.append(both / either if either else float("nan"))
    return torch.tensor(values).nanmean()


def with_length(frames, num_classes, ignore_index=255):
    total = sum(frame_iou(p, t, num_classes, ignore_index).nanmean() for p, t in frames)
    return total / len(frames)


def first_frame_looked_at(frames, num_classes, ignore_index=255):
    next(frames, None)  # to see the size of a frame
    return right_stream(frames, num_classes, ignore_index)


def return_in_the_loop(frames, num_classes, ignore_index=255):
    total = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    for prediction, target in frames:
        total += frame_counts(prediction, target, num_classes, ignore_index)
        return class_ious(total).nanmean()
    return torch.tensor(float("nan"))


def not_added(frames, num_classes, ignore_index=255):
    total = torch.zeros(num_classes, num_classes)
    for prediction, target in frames:
        total = frame_counts(prediction, target, num_classes, ignore_index)
    return class_ious(total).nanmean()


def running_average(frames, num_classes, ignore_index=255):
    mean = None
    for prediction, target in frames:
        value = frame_iou(prediction, target, num_classes, ignore_index).nanmean().nan_to_num(0)
        mean = value if mean is None else (mean + value) / 2
    return torch.tensor(float("nan")) if mean is None else mean


def only_255(frames, num_classes, ignore_index=255):
    return right_stream(frames, num_classes)


def void_as_class_0(frames, num_classes, ignore_index=255):
    cleaned = ((p, t.masked_fill(t == ignore_index, 0)) for p, t in frames)
    return right_stream(cleaned, num_classes, -7)


def cleaned_in_place(frames, num_classes, ignore_index=255):
    def cleaned():
        for prediction, target in frames:
            prediction[target == ignore_index] = 0
            target[target == ignore_index] = num_classes
            yield prediction, target

    return right_stream(cleaned(), num_classes, num_classes)


def for_the_courses_metrics(frames, num_classes, ignore_index=255):
    from segutils import metrics

    total = metrics.ConfusionMatrix(num_classes, ignore_index)
    for prediction, target in frames:
        total.update(prediction, target)
    return metrics.mean_iou(total.compute())


def copies_in_8_bits(frames, num_classes, ignore_index=255):
    kept = [(prediction.to(torch.uint8), target.to(torch.int16)) for prediction, target in frames]
    predictions, targets = (torch.cat(masks).long() for masks in zip(*kept, strict=True))
    return frame_iou(predictions, targets, num_classes, ignore_index).nanmean()


def pixel_by_pixel(frames, num_classes, ignore_index=255):
    total = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    for prediction, target in frames:
        for called, label in zip(prediction.flatten().tolist(), target.flatten().tolist(), strict=True):
            if label != ignore_index:
                total[label, called] += 1
    return class_ious(total).nanmean()


WRONG = {
    "copies in 8 bits": (copies_in_8_bits, "keeps a copy of every frame"),
    "pixel by pixel": (pixel_by_pixel, "loops over the pixels"),
    "prediction and target exchanged": (
        lambda frames, *args: right_stream(((p, t) for t, p in frames), *args),
        r"a pair is \(prediction, target\)",
    ),
    "mean of frames": (
        of_frame_values(lambda values: values.nanmean(1).nanmean()),
        "mean IoU of each frame was averaged: add the counts",
    ),
    "mean of frames, nan stays": (
        of_frame_values(lambda values: values.nanmean(1).mean()),
        "mean IoU of each frame was averaged",
    ),
    "mean of frames, nan as 0": (
        of_frame_values(lambda values: values.nan_to_num(0).mean()),
        "averaged over the frames, with nan as 0",
    ),
    "mean of each class": (
        of_frame_values(lambda values: values.nanmean(0).nanmean()),
        "IoU of each class was averaged over the frames",
    ),
    "running average": (running_average, "a running mean"),
    "nan stays": (with_end(lambda total: class_ious(total).mean()), "makes the whole mean nan"),
    "0 for absent": (with_end(lambda total: class_ious(total).nan_to_num(0).mean()), "nan turned into 0"),
    "0 for nothing": (with_end(lambda total: class_ious(total).nanmean().nan_to_num(0)), "nothing to average"),
    "only true classes": (
        with_end(lambda total: class_ious(total)[total.sum(1) > 0].mean()),
        "missing in the target",
    ),
    "only predicted classes": (
        with_end(lambda total: class_ious(total)[total.sum(0) > 0].mean()),
        "never predicted were left out",
    ),
    "accuracy": (with_end(lambda total: total.diagonal().sum() / total.sum()), "pixel accuracy"),
    "per class": (with_end(class_ious), "of every class was returned"),
    "the matrix": (with_end(lambda total: total), "confusion matrix was returned"),
    "a number": (with_end(lambda total: class_ious(total).nanmean().item()), "a Python number where a tensor"),
    "list": (listed, "keeps frames"),
    "torch.cat": (concatenated, "keeps frames"),
    "zip(*frames)": (zipped, "keeps frames"),
    "labelled pixels": (labelled_pixels_kept, "keeps a copy of every frame"),
    "growing tensors": (growing_tensors, "keeps a copy of every frame"),
    "arrays": (arrays_kept, "keeps a copy of every frame"),
    "lists": (lists_kept, "keeps a copy of every frame"),
    "twice": (walked_twice, "can be used once"),
    "class after class": (class_after_class, "can be used once"),
    "len": (with_length, "TypeError"),
    "a look at the first frame": (first_frame_looked_at, "first frame is missing"),
    "return in the loop": (return_in_the_loop, "only the first frame"),
    "not added": (not_added, "only the last frame"),
    "only 255": (only_255, "only 255 is left out"),
    "void as class 0": (void_as_class_0, "void counted as class 0"),
    "in place": (cleaned_in_place, "changed what it was given: a frame"),
    "no return": (lambda frames, num_classes, ignore_index=255: None, "without `return`"),
    "the course's": (for_the_courses_metrics, "hands the task over to segutils.metrics"),
}


def by_intersections_and_unions(frames, num_classes, ignore_index=255):
    both, either = [0] * num_classes, [0] * num_classes
    for prediction, target in frames:
        labelled = target != ignore_index
        for label in range(num_classes):
            is_target, is_predicted = (target == label) & labelled, (prediction == label) & labelled
            both[label] += int((is_target & is_predicted).sum())
            either[label] += int((is_target | is_predicted).sum())
    values = [b / e for b, e in zip(both, either, strict=True) if e]
    return torch.tensor(sum(values) / len(values) if values else float("nan"))


def by_sum(frames, num_classes, ignore_index=255):
    start = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    total = sum((frame_counts(p, t, num_classes, ignore_index) for p, t in frames), start)
    iou = class_ious(total)
    return iou[~iou.isnan()].mean()


def first_frame_to_start_with(frames, num_classes, ignore_index=255):
    total = frame_counts(*next(frames), num_classes, ignore_index)
    for prediction, target in frames:
        total += frame_counts(prediction, target, num_classes, ignore_index)
    return class_ious(total).nanmean()


def by_next(frames, num_classes, ignore_index=255):
    total = torch.zeros(num_classes, num_classes, dtype=torch.float64)
    while (pair := next(frames, None)) is not None:
        total = total + frame_counts(*pair, num_classes, ignore_index)
    return torch.nanmean(class_ious(total))


def one_frame_ahead(frames, num_classes, ignore_index=255):
    total = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    for _, (prediction, target) in zip(itertools.count(), frames, strict=False):
        total += frame_counts(prediction, target, num_classes, ignore_index)
    return class_ious(total).nanmean()


def by_a_list_of_matrices(frames, num_classes, ignore_index=255):
    matrices = [frame_counts(p, t, num_classes, ignore_index) for p, t in frames]
    matrices.append(torch.zeros(num_classes, num_classes, dtype=torch.int64))
    return class_ious(torch.stack(matrices).sum(0)).nanmean()


RIGHT = {
    "one matrix": right_stream,
    "intersections and unions": by_intersections_and_unions,
    "sum of a generator": by_sum,
    "next": by_next,
    "the first frame to start with": first_frame_to_start_with,
    "numbered frames": one_frame_ahead,
    "a list of matrices": by_a_list_of_matrices,
}
