"""The stored tables of lecture 06 are what its functions give, and the ways of scoring are what their names say."""

import math

import pytest
import torch

from segutils.experiments import metrics as experiment
from segutils.experiments import read_table
from segutils.training import seed_everything


@pytest.fixture(scope="module", autouse=True)
def fixed_threads():
    """The training's last digits depend on the number of threads."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    seed_everything(0)
    yield
    torch.set_num_threads(before[0])
    torch.use_deterministic_algorithms(before[1])


def stored(name: str, **wanted) -> dict:
    """The only row of a table with these values."""
    (row,) = [row for row in read_table(name) if all(row[key] == value for key, value in wanted.items())]
    return row


# --- one prediction, many mIoUs


def test_many_mious_of_one_street_are_the_stored_ones():
    street = experiment.STREETS[-1]
    _, target = experiment.street_frames(street)
    scores = experiment.many_mious(experiment.stand_in_logits(target), target)
    rows = {row["score"]: row["value"] for row in read_table("06_many_mious") if row["street"] == street}
    assert scores == pytest.approx(rows, abs=0.002)  # a pixel may fall the other way on another processor


def test_many_mious_table_has_every_score_of_every_street():
    table = read_table("06_many_mious")
    assert len(table) == 12 * len(experiment.STREETS)
    assert {row["street"] for row in table} == set(experiment.STREETS)


def small_case():
    """Five images of 1 x 4 pixels, three classes of which the last is nowhere; the prediction errs in two images."""
    target = torch.tensor([[0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 1], [1, 1, 1, 1], [0, 0, 0, 255]])[:, None]
    prediction = torch.tensor([[0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1], [1, 1, 1, 1], [1, 1, 0, 0]])[:, None]
    logits = torch.nn.functional.one_hot(prediction, 3).movedim(-1, 1) * 4.0 - 2.0
    return logits, target


def test_every_way_of_scoring_by_hand():
    scores = experiment.many_mious(*small_case(), batch_size=2)
    # Class 0: TP 2 + 4 + 3 + 0 + 1 = 10, FN 2, FP 1. Class 1: TP 1 + 0 + 1 + 4 + 0 = 6, FN 1, FP 2. Class 2: nowhere.
    first, second = 10 / 13, 6 / 9
    images = [(2 / 3 + 1 / 2) / 2, 1, 1, 1, (1 / 3 + 0) / 2]
    batches = [(6 / 7 + 1 / 2) / 2, 1, (1 / 3 + 0) / 2]
    assert scores == pytest.approx(
        {
            "data set, absent classes left out": (first + second) / 2,
            "absent classes count as 0": (first + second) / 3,
            "absent classes count as 1": (first + second + 1) / 3,
            "mean over images": sum(images) / 5,
            "mean over batches of 2": sum(batches) / 3,
            "class means over batches, nan spreads": ((6 / 7 + 1 + 1 / 3) / 3 + (1 / 2 + 1 + 0) / 3) / 2,
            "batch of a single image skipped": (9 / 10 + 6 / 7) / 2,
            "void counted as class 0": (11 / 14 + 6 / 9) / 2,
            "raw logits > 0.5 instead of argmax": (first + second) / 2,  # logits of 2 and -2: one class is claimed
            "mean Dice": (20 / 23 + 12 / 15) / 2,
            "frequency-weighted IoU": (12 * first + 7 * second) / 19,
            "pixel accuracy": 16 / 19,
        }
    )


def test_a_nan_in_one_batch_takes_the_class_away():
    logits, target = small_case()
    scores = experiment.many_mious(logits, target, batch_size=1)  # image 2 lacks class 1, image 4 lacks class 0
    assert math.isnan(scores["class means over batches, nan spreads"])
    assert scores["mean over images"] == pytest.approx(scores["mean over batches of 1"])


def test_thresholded_iou_lets_a_pixel_have_several_classes_or_none():
    logits = torch.tensor([[[[2.0, 0.1]], [[1.0, 0.2]]]])  # the first pixel is claimed twice, the second not at all
    target = torch.tensor([[[0, 1]]])
    assert experiment.thresholded_iou(logits, target, 0.5).tolist() == [1.0, 0.0]
    assert logits.argmax(dim=1).tolist() == [[[0, 1]]]  # argmax is right at both


def test_stand_in_logits_are_repeatable_and_err_like_a_network():
    _, target = experiment.street_frames(1000)
    logits = experiment.stand_in_logits(target[:2])
    assert logits.shape == (2, 32, 180, 240)
    assert logits.amax(dim=1).min() > logits.amin(dim=1).max()
    assert torch.equal(logits, experiment.stand_in_logits(target[:2]))
    right = (logits.argmax(dim=1) == target[:2])[target[:2] != 255].double().mean()
    assert 0.85 < right < 0.97


# --- one rare class, many losses


def test_one_row_of_the_imbalance_table_can_be_repeated():
    row = experiment.imbalance_row("CE + Dice", 0, experiment.training_frames(), experiment.held_out_frames())
    kept = stored("06_imbalance", loss="CE + Dice", seed=0)
    assert row["accuracy"] == pytest.approx(kept["accuracy"], abs=0.002)
    assert row["iou"] == pytest.approx(kept["iou"], abs=0.08)  # 200 steps let other processors drift apart
    assert row["iou_at_threshold"] == pytest.approx(kept["iou_at_threshold"], abs=0.08)


def test_imbalance_table_has_three_seeds_of_every_loss():
    table = read_table("06_imbalance")
    assert {(row["loss"], row["seed"]) for row in table} == {
        (name, seed) for name in experiment.LOSSES for seed in range(3)
    }
    assert len(table) == 3 * len(experiment.LOSSES)


def test_the_imbalance_is_below_one_percent_in_both_parts_and_they_share_no_street():
    for _, masks in (experiment.training_frames(), experiment.held_out_frames()):
        assert 0.003 < (masks == 1).sum() / (masks != 255).sum() < 0.01
        assert set(masks.unique().tolist()) == {0, 1, 255}


def test_class_weights_are_one_over_the_share():
    masks = torch.tensor([[[0, 0, 0, 1, 255]]])
    assert experiment.class_weights(masks).tolist() == pytest.approx([4 / 3, 4])


def test_every_loss_lowers_itself_and_training_repeats():
    images, masks = experiment.one_class_frames([0], num_frames=2)
    for make_loss in experiment.LOSSES.values():
        loss_fn = make_loss(experiment.class_weights(masks))
        short, long = (experiment.train_one_class(loss_fn, images, masks, steps=steps) for steps in (2, 12))
        with torch.no_grad():
            assert loss_fn(long.train()(images), masks) < loss_fn(short.train()(images), masks)
    again = experiment.train_one_class(loss_fn, images, masks, steps=12)
    assert all(torch.equal(a, b) for a, b in zip(long.parameters(), again.parameters(), strict=True))


def test_best_threshold_and_scores():
    probability = torch.tensor([[[0.1, 0.25, 0.3, 0.9]]])
    target = torch.tensor([[[0, 0, 1, 1]]])
    assert experiment.best_threshold(probability, target) == pytest.approx(0.26)
    assert experiment.score_one_class(probability, target) == pytest.approx(
        {"accuracy": 0.75, "recall": 0.5, "precision": 1.0, "iou": 0.5}
    )
    assert math.isnan(experiment.score_one_class(probability, target, threshold=0.95)["precision"])
