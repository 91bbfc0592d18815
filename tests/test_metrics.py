"""Metrics against torchmetrics, scikit-learn and scipy, on drawn cases with ignored pixels and absent classes."""

import math
import warnings

import numpy as np
import pytest
import torch
import torchmetrics
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion
from sklearn import metrics as sklearn_metrics

from segutils import metrics
from segutils.errors import CourseError

drawn = settings(max_examples=60, deadline=None, derandomize=True, database=None)


@st.composite
def masks(draw, min_labelled=0):
    """(prediction, target, num_classes): few classes of many, some pixels ignored, any prediction beneath them."""
    num_classes = draw(st.integers(1, 9))
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    some = random.permutation(num_classes)[: draw(st.integers(1, num_classes))]
    target, prediction = random.choice(some, shape), random.choice(some, shape)
    agree = random.random(shape) < 0.5
    prediction[agree] = target[agree]
    ignored = random.random(shape) < draw(st.sampled_from([0, 0.3, 1]))
    ignored.reshape(-1)[:min_labelled] = False
    target[ignored] = 255
    return torch.from_numpy(prediction), torch.from_numpy(target), num_classes


def labelled(prediction, target):
    """What scikit-learn, which knows no ignored pixels, may see."""
    return target[target != 255].numpy(), prediction[target != 255].numpy()


def assert_equal_where_defined(ours, reference, defined):
    """Equal where the reference has a meaning, nan where it has none."""
    defined = torch.as_tensor(defined)
    assert ours.is_floating_point()
    assert ours[~defined].isnan().all()
    torch.testing.assert_close(ours[defined], torch.as_tensor(reference)[defined].to(ours.dtype))


@drawn
@given(masks())
def test_confusion_matrix_is_torchmetrics(case):
    prediction, target, num_classes = case
    ours = metrics.confusion_matrix(prediction, target, num_classes)
    assert ours.dtype == torch.int64
    # torchmetrics knows no matrix of one class: it is given a second one that never occurs.
    theirs = torchmetrics.functional.confusion_matrix(
        prediction, target, task="multiclass", num_classes=num_classes + 1, ignore_index=255
    )
    assert torch.equal(ours, theirs[:num_classes, :num_classes])
    assert theirs.sum() == ours.sum()


@drawn
@given(masks(min_labelled=1))
def test_numbers_of_a_matrix_are_scikit_learns(case):
    prediction, target, num_classes = case
    matrix = metrics.confusion_matrix(prediction, target, num_classes)
    truth, guess = labelled(prediction, target)
    classes = {"labels": range(num_classes), "average": None, "zero_division": 0}
    in_target, in_guess = np.isin(range(num_classes), truth), np.isin(range(num_classes), guess)
    union = in_target | in_guess
    iou = sklearn_metrics.jaccard_score(truth, guess, **classes)
    dice = sklearn_metrics.f1_score(truth, guess, **classes)
    share = np.bincount(truth, minlength=num_classes) / truth.size
    assert_equal_where_defined(metrics.iou_per_class(matrix), iou, union)
    assert_equal_where_defined(metrics.dice_per_class(matrix), dice, union)
    recall = sklearn_metrics.recall_score(truth, guess, **classes)
    assert_equal_where_defined(metrics.recall_per_class(matrix), recall, in_target)
    precision = sklearn_metrics.precision_score(truth, guess, **classes)
    assert_equal_where_defined(metrics.precision_per_class(matrix), precision, in_guess)
    assert metrics.mean_iou(matrix).item() == pytest.approx(iou[union].mean())
    assert metrics.mean_dice(matrix).item() == pytest.approx(dice[union].mean())
    assert metrics.pixel_accuracy(matrix).item() == pytest.approx(sklearn_metrics.accuracy_score(truth, guess))
    assert metrics.frequency_weighted_iou(matrix).item() == pytest.approx((share * iou).sum())


def test_rows_are_targets_and_columns_predictions():
    prediction, target = torch.tensor([[0, 1, 1, 2]]), torch.tensor([[0, 0, 0, 255]])
    assert metrics.confusion_matrix(prediction, target, 3).tolist() == [[1, 2, 0], [0, 0, 0], [0, 0, 0]]


def test_a_class_in_neither_mask_has_no_iou_and_counts_in_no_mean():
    matrix = torch.tensor([[2, 0, 0], [2, 0, 0], [0, 0, 0]])
    assert metrics.iou_per_class(matrix).tolist() == pytest.approx([0.5, 0, math.nan], nan_ok=True)
    assert metrics.dice_per_class(matrix).tolist() == pytest.approx([2 / 3, 0, math.nan], nan_ok=True)
    assert metrics.mean_iou(matrix).item() == 0.25
    assert metrics.mean_dice(matrix).item() == pytest.approx(1 / 3)
    assert metrics.frequency_weighted_iou(matrix).item() == 0.25


@pytest.mark.parametrize(
    "number",
    [
        metrics.pixel_accuracy,
        metrics.mean_iou,
        metrics.mean_dice,
        metrics.frequency_weighted_iou,
    ],
)
def test_without_labelled_pixels_every_mean_is_nan(number):
    mask = torch.full((1, 4, 4), 255)
    result = number(metrics.confusion_matrix(torch.zeros_like(mask), mask, 3))
    assert result.ndim == 0
    assert result.isnan()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_any_integer_type_and_layout(dtype):
    target = torch.arange(20, dtype=dtype).view(4, 5)
    expected = torch.eye(20, dtype=torch.int64)
    assert torch.equal(metrics.confusion_matrix(target.T, target.T, 20), expected)
    assert torch.equal(metrics.confusion_matrix(target, target.long(), 20), expected)


def test_inputs_are_left_alone():
    prediction, target = torch.tensor([[7, 1]]), torch.tensor([[255, 1]])
    metrics.confusion_matrix(prediction, target, 2)
    metrics.boundary_iou(prediction, target, 2)
    assert prediction.tolist() == [[7, 1]]
    assert target.tolist() == [[255, 1]]


@pytest.mark.parametrize("count", [metrics.confusion_matrix, metrics.boundary_iou])
@pytest.mark.parametrize(
    ("prediction", "target", "message"),
    [
        ([[0, 3]], [[0, 1]], "prediction contains class 3, but num_classes=3 allows 0 to 2"),
        ([[0, -2]], [[0, 1]], "prediction contains class -2"),
        ([[0, 1]], [[0, 254]], "target contains class 254"),
        ([[0, 1]], [[-100, 1]], "target contains class -100"),
        ([[0, 1]], [[0, 1, 2]], r"\(1, 2\) and target \(1, 3\) must have the same shape"),
        ([[[0, 1]]], [[0, 1]], "argmax"),
        ([[0.2, 0.8]], [[0, 1]], "prediction is torch.float32.*argmax"),
    ],
)
def test_bad_masks_are_named(count, prediction, target, message):
    with pytest.raises(CourseError, match=message):
        count(torch.tensor(prediction), torch.tensor(target), 3)


def test_any_prediction_may_stand_where_the_target_is_ignored():
    prediction, target = torch.tensor([[0, 99, -5]]), torch.tensor([[0, 255, 255]])
    assert metrics.confusion_matrix(prediction, target, 2).tolist() == [[1, 0], [0, 0]]


def test_the_ignored_index_may_be_one_of_the_classes():
    prediction, target = torch.tensor([[0, 1, 1]]), torch.tensor([[0, 0, 1]])
    assert metrics.confusion_matrix(prediction, target, 2, ignore_index=0).tolist() == [[0, 0], [0, 1]]


@drawn
@given(masks())
def test_updates_and_merges_add_up(case):
    prediction, target, num_classes = case
    first, second = metrics.ConfusionMatrix(num_classes), metrics.ConfusionMatrix(num_classes)
    for index, (guess, truth) in enumerate(zip(prediction, target, strict=True)):
        (first if index % 2 else second).update(guess, truth)
    first.merge(second)
    whole = metrics.confusion_matrix(prediction, target, num_classes)
    assert torch.equal(first.compute(), whole)
    first.compute().zero_()  # a copy: the counts stay
    assert torch.equal(first.compute(), whole)
    first.reset()
    assert first.compute().sum() == 0


def test_matrices_of_different_class_counts_do_not_merge():
    with pytest.raises(CourseError, match="cannot add the counts of 3 classes to those of 2"):
        metrics.ConfusionMatrix(2).merge(metrics.ConfusionMatrix(3))


def boundary_iou_by_erosion(prediction, target, num_classes, radius):
    """The paper's definition, one class at a time: a band is a mask without its erosion."""
    ignored = target == 255
    square = np.ones((3, 3), dtype=bool)
    result = []
    for index in range(num_classes):
        intersection = union = 0
        for guess, truth, void in zip(prediction, target, ignored, strict=True):
            bands = []
            for mask in (guess, truth):
                solid = (mask == index) | void
                bands.append(solid & ~binary_erosion(solid, square, iterations=radius) & ~void)
            intersection += (bands[0] & bands[1]).sum()
            union += (bands[0] | bands[1]).sum()
        result.append(intersection / union if union else math.nan)
    return result


@drawn
@given(masks(), st.integers(1, 3))
def test_boundary_iou_is_the_papers(case, radius):
    prediction, target, num_classes = case
    prediction = prediction.repeat_interleave(3, dim=1).repeat_interleave(3, dim=2)  # objects of 3 x 3 pixels and more
    target = target.repeat_interleave(3, dim=1).repeat_interleave(3, dim=2)
    ours = metrics.boundary_iou(prediction, target, num_classes, radius)
    assert ours.shape == (num_classes,)
    reference = boundary_iou_by_erosion(prediction.numpy(), target.numpy(), num_classes, radius)
    assert ours.tolist() == pytest.approx(reference, nan_ok=True)


def test_boundary_iou_sees_what_iou_does_not():
    target = torch.zeros(1, 180, 240, dtype=torch.int64)
    target[:, 40:140, 60:180] = 1
    shifted = target.roll(4, dims=2)
    iou = metrics.iou_per_class(metrics.confusion_matrix(shifted, target, 2))[1]
    assert iou > 0.9
    assert metrics.boundary_iou(shifted, target, 2)[1] < 0.7
    default, explicit = metrics.boundary_iou(shifted, target, 2), metrics.boundary_iou(shifted, target, 2, radius=6)
    assert torch.equal(default, explicit)  # 2 % of a diagonal of 300 pixels


def test_boundary_radius_must_be_a_pixel():
    with pytest.raises(CourseError, match="radius is 0"):
        metrics.boundary_iou(
            torch.zeros(1, 4, 4, dtype=torch.int64), torch.zeros(1, 4, 4, dtype=torch.int64), 2, radius=0
        )


def test_nothing_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        matrix = metrics.confusion_matrix(torch.zeros(0, 4, 4).long(), torch.zeros(0, 4, 4).long(), 3)
        assert metrics.mean_iou(matrix).isnan()
