import numpy as np
import pytest
import torch
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from torch.nn import functional as F

from segutils.figures import pyramid
from segutils.plotting import plt


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize(("length", "num_bins"), [(5, 3), (7, 2), (15, 6), (12, 6), (60, 6), (4, 6), (9, 1)])
def test_bin_edges_are_those_of_adaptive_pooling(length, num_bins):
    torch.manual_seed(0)
    row = torch.randn(length, dtype=torch.float64)
    averages = torch.stack([row[start:stop].mean() for start, stop in pyramid.bin_edges(length, num_bins)])
    assert torch.allclose(averages, F.adaptive_avg_pool1d(row[None], num_bins)[0])


def test_the_bins_by_hand_show_their_numbers():
    figure = pyramid.bins_by_hand([4, 0, 0, 0, 6], 3)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[:5] == ["4", "0", "0", "0", "6"]
    assert texts[5:8] == ["2", "0", "3"]
    assert texts[8:13] == ["2", "1.2", "0", "1.8", "3"]
    bars = [line.get_xdata() for line in figure.axes[0].lines]
    assert [(round(start), round(stop)) for start, stop in bars] == [(0, 2), (1, 4), (3, 5)]


def test_squares_are_cut_from_the_scene():
    image = np.random.default_rng(0).integers(0, 256, (3, 30, 40), dtype=np.uint8)
    boxes = [(0, 0), (3, 5), (10, 20), (22, 32)]
    figure = pyramid.look_alikes(image, boxes, 8)
    crops = [ax.images[0].get_array() for ax in figure.axes[1:]]
    for crop, (row, column) in zip(crops, boxes, strict=True):
        assert np.array_equal(crop, image[:, row : row + 8, column : column + 8].transpose(1, 2, 0))


@pytest.mark.parametrize(("size", "numbers"), [(1, 1), (3, 9), (6, 36), (12, 0)])
def test_a_map_is_pooled_and_spread(size, numbers):
    torch.manual_seed(0)
    values = torch.rand(24, 36)
    figure = pyramid.pooled_and_spread(torch.zeros(3, 48, 72), {"a": values, "b": values * 0}, "a", size)
    scene, whole, pooled, spread = (ax for ax in figure.axes[:4])
    assert np.allclose(whole.images[0].get_array(), values)
    cells = pooled.images[0].get_array()
    assert np.allclose(cells, values.reshape(size, 24 // size, size, 36 // size).mean((1, 3)), atol=1e-6)
    assert spread.images[0].get_array().shape == (24, 36)
    assert len(pooled.texts) == numbers
    assert len(scene.lines) == len(whole.lines) == 4 * (size - 1)  # white on black, both ways
    assert {ax.images[0].get_clim() for ax in (whole, pooled, spread)} == {whole.images[0].get_clim()}  # one scale
    if numbers > 1:
        assert pooled.texts[1].get_text() == f"{cells[0, 1]:.2f}"


def test_the_diagram_divides_the_channels_by_the_branches():
    texts = [text.get_text() for text in pyramid.pyramid_diagram((1, 2, 4)).axes[0].texts]
    assert sum("C / 3 channels" in text for text in texts) == 3
    assert "4 x 4" in texts and "6 x 6" not in texts


@pytest.mark.parametrize("pool_sizes", [(1, 2, 3, 6), (1, 3)])
def test_every_branch_of_the_diagram_ends_at_the_concatenation(pool_sizes):
    patches = pyramid.pyramid_diagram(pool_sizes).axes[0].patches
    concatenation = [patch for patch in patches if isinstance(patch, FancyBboxPatch)][1]
    left, bottom, height = concatenation.get_x(), concatenation.get_y(), concatenation.get_height()
    arrows = [patch.get_path().vertices for patch in patches if isinstance(patch, FancyArrowPatch)]
    tips = [vertices[vertices[:, 0].argmax()] for vertices in arrows]
    ends = [y for x, y in tips if abs(x - left) < 0.1]
    assert len(ends) == len(pool_sizes)
    assert all(bottom < y < bottom + height for y in ends)


def test_the_network_diagram_has_both_outputs():
    texts = [text.get_text() for text in pyramid.network_diagram().axes[0].texts]
    assert {'"out"', '"aux"', "loss x 0.4"} <= set(texts)


def test_squares_of_the_effective_field_have_their_widths():
    effect = np.random.default_rng(0).random((20, 30))
    figure = pyramid.effective_field(np.zeros((3, 20, 30), np.uint8), effect, (10, 14), {"wide": 16, "narrow": 6})
    widths = [patch.get_width() for patch in figure.axes[0].patches]
    assert widths == [16, 16, 6, 6]  # each is drawn twice, so that it is seen on light and dark
    assert figure.axes[1].images[0].get_array().max() == 1


def test_every_prediction_has_its_row():
    images, masks = torch.zeros(4, 3, 6, 6), torch.arange(3).repeat(4, 6, 2)
    figure = pyramid.patch_predictions(images, masks, {"a": masks, "b": 0 * masks}, ("x", "y", "z"))
    labels = [figure.axes[4 * row].get_ylabel() for row in range(4)]
    assert labels == ["picture", "target", "a", "b"]
    assert np.array_equal(figure.axes[4].images[0].get_array()[0, :3], pyramid.PATCH_COLORS)
    assert (figure.axes[-1].images[0].get_array() == pyramid.PATCH_COLORS[0]).all()


def test_accuracy_by_row_draws_what_it_gets():
    (ax,) = pyramid.accuracy_by_row([np.nan, 0.9, 0.8], [1, 1, 0.75]).axes
    lines = {line.get_label(): list(line.get_ydata()) for line in ax.lines}
    assert lines["measured"][1:] == [0.9, 0.8]
    assert lines["computed from what it is told"] == [1, 1, 0.75]


def test_seeds_are_dots_and_expectations_diamonds():
    figure = pyramid.seed_dots({"task": {"a": [0.1, 0.3], "b": [0.5, 0.5]}}, "accuracy", {"task": {"a": 0.2, "b": 0.4}})
    lines = figure.axes[0].lines
    dots = [list(line.get_xdata()) for line in lines if line.get_marker() == "o"]
    diamonds = [(line.get_xdata()[0], line.get_ydata()[0]) for line in lines if line.get_marker() == "D"]
    assert dots == [[0.1, 0.3], [0.5, 0.5]]
    assert diamonds == [(0.2, 0), (0.4, 1)]


def test_bars_of_silenced_branches_are_means():
    figure = pyramid.silenced_branches(
        {"sidewalk": {"x": [0.1, 0.3], "bin 1": [0.0, -0.2]}, "marking": {"x": [0.5, 0.5]}}
    )
    heights = [[bar.get_height() for bar in ax.patches] for ax in figure.axes]
    assert heights == [pytest.approx([0.2, -0.1]), pytest.approx([0.5])]


def test_published_numbers_are_written_beside_their_dots():
    figure = pyramid.published_numbers({"a": 34.28, "b": 41.68}, {"c": 37.23})
    assert [[text.get_text() for text in ax.texts] for ax in figure.axes] == [["34.28", "41.68"], ["37.23"]]


def test_ignored_pixels_of_the_ground_keep_the_image():
    image = np.full((3, 4, 4), 90, dtype=np.uint8)
    target = np.full((4, 4), 255)
    target[0] = 1
    figure = pyramid.ground_panels(image, target, {"all road": np.zeros((4, 4), int)}, ("a", "b", "c"))
    panel = figure.axes[2].images[0].get_array()
    assert tuple(panel[0, 0]) == tuple(pyramid.GROUND_COLORS[0])
    assert tuple(panel[1, 1]) == (200, 200, 200)
