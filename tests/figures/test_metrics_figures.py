"""What the figures of lecture 06 show is true."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from segutils import plotting
from segutils.figures import metrics as figures
from segutils.losses import focal_loss, soft_dice_loss


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_shapes_have_the_size_they_say():
    assert figures.shape_mask("square", 5).sum() == 11 * 11
    assert figures.shape_mask("pole", 10).sum() == 3 * 21
    assert figures.shape_mask("circle", 14).sum() == pytest.approx(np.pi * 14.5**2, rel=0.01)
    moved = figures.shape_mask("square", 5, shift_x=3, shift_y=-2)
    assert torch.equal(moved, figures.shape_mask("square", 5).roll((-2, 3), dims=(0, 1)))


@pytest.mark.parametrize(("target", "prediction"), [("circle", "circle"), ("square", "pole"), ("pole", "circle")])
@pytest.mark.parametrize("settings", [(-30, 36, 20, 26, 1.5), (0, 0, 0, 2, 0.5), (30, -36, -20, 26, 1.0)])
def test_two_shapes_draws_at_the_ends_of_its_sliders(target, prediction, settings):
    figure = figures.two_shapes(target, prediction, *settings)
    assert figure.axes[1].get_title().startswith("TP ")


def scores_drawn(figure) -> list[float]:
    return [bar.get_width() for bar in figure.axes[1].patches]


def test_both_shapes_move_and_only_their_distance_counts():
    together = scores_drawn(figures.two_shapes(target_x=-10, x=4))
    assert scores_drawn(figures.two_shapes(target_x=8, x=22)) == pytest.approx(together)
    assert scores_drawn(figures.two_shapes(target_x=-10, x=8)) != pytest.approx(together)
    target, prediction = figures.shape_mask("circle", 14, -10), figures.shape_mask("circle", 14, 4)
    assert together == pytest.approx(list(figures.overlap_scores(prediction, target).values()))


def test_the_captions_below_a_row_of_shapes_are_inside_the_picture():
    figure = figures.shapes_row([{"shift_x": 4}, {"shift_x": 8, "size": 3}, {}, {"shape": "pole"}])
    picture = np.asarray(Image.open(io.BytesIO(plotting.render(figure))).convert("L"))
    assert (picture[-3:] > 200).all()


def test_overlap_scores_of_a_pole_shifted_by_one_pixel():
    target, prediction = figures.shape_mask("pole", 22), figures.shape_mask("pole", 22, shift_x=1)
    scores = figures.overlap_scores(prediction, target)
    assert scores["IoU"] == pytest.approx(2 / 4)
    assert scores["Dice"] == pytest.approx(2 / 3)
    assert scores["accuracy"] == pytest.approx(1 - 2 * 45 / (65 * 97))


def test_matrix_regions_names_every_cell():
    figure = figures.matrix_regions(np.arange(9).reshape(3, 3), 1, ["a", "b", "c"])
    kinds = [text.get_text() for text in figure.axes[0].texts if text.get_text().isalpha()]
    assert kinds == ["TN", "FP", "TN", "FN", "TP", "FN", "TN", "FP", "TN"]


def test_band_is_the_rim_of_a_mask():
    square = torch.zeros(1, 9, 9, dtype=torch.int64)
    square[0, 2:7, 2:7] = 1
    assert figures.band(square, 1).sum() == 25 - 9
    assert figures.band(square, 3).sum() == 25


def test_slopes_of_one_pixel_are_the_formulas():
    probability = torch.tensor([0.05, 0.3, 0.5, 0.8, 0.95], dtype=torch.float64)
    target = (torch.arange(100) < 25).long().reshape(1, 1, -1)
    p = probability.numpy()
    values, slopes = figures.loss_and_slope(F.cross_entropy, probability, target)
    np.testing.assert_allclose(values, -np.log(p))
    np.testing.assert_allclose(slopes, 1 - p)
    _, slopes = figures.loss_and_slope(figures.weighted(4.0), probability, target)
    np.testing.assert_allclose(slopes, 4 * (1 - p))
    _, slopes = figures.loss_and_slope(focal_loss, probability, target)
    np.testing.assert_allclose(slopes, (1 - p) ** 2 * (1 - p - 2 * p * np.log(p)))
    _, slopes = figures.loss_and_slope(soft_dice_loss, probability, target)
    # Foreground: I = 12 + p, S = 74.5 + p; background: I = 37.5, S = 125.5 - p. Quotient rule, mean of two classes.
    foreground = 2 * ((74.5 + p) - (12 + p)) / (74.5 + p) ** 2
    background = 2 * 37.5 / (125.5 - p) ** 2
    np.testing.assert_allclose(slopes, 100 * p * (1 - p) * (foreground + background) / 2)


def test_ranges_draws_every_value_and_marks_one():
    rows = [{"name": "a", "values": [0.2, 0.4]}, {"name": "b", "values": [0.5, 0.5]}]
    ax = figures.ranges(rows, "score", marked="b")
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.3, 0.5])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert any(np.allclose(line.get_xdata(), 0.5) and line.get_linestyle() == "--" for line in ax.lines)
