"""Figures of lecture 01 say what their data say."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from segutils.figures import pixels
from segutils.palettes import CAMVID, VOC, Palette

THREE = Palette(["road", "car", "sky"], [(128, 64, 128), (64, 0, 128), (128, 128, 128)])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def texts(figure) -> list[str]:
    """Every text of a figure: titles, labels, and what is written into the axes."""
    return [text.get_text() for text in figure.findobj(plt.Text) if text.get_text()]


def scene():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (3, 24, 32), dtype=np.uint8)
    mask = np.zeros((24, 32), dtype=np.int64)
    mask[4:10, 6:12], mask[14:20, 24:32], mask[0] = 1, 1, 255
    return image, mask, rng.normal(size=(3, 24, 32))


def test_one_box_and_one_number_per_object():
    image, mask, _ = scene()
    left, right = np.zeros((2, 24, 32), dtype=bool)
    left[4:10, 6:12], right[14:20, 24:32] = True, True
    figure = pixels.four_answers(image, mask, [(1, left), (1, right)], THREE)
    detection, instances = figure.axes[1], figure.axes[3]
    assert [(box.get_x(), box.get_y(), box.get_width(), box.get_height()) for box in detection.patches] == [
        (5, 3, 7, 7),
        (23, 13, 9, 7),
    ]
    assert [text.get_text() for text in instances.texts] == ["1", "2"]
    assert "road\ncar" in texts(figure)  # classification names what is there, and neither sky nor 255


def test_every_class_of_a_palette_is_named_in_order():
    for palette in (VOC, CAMVID):
        written = [text.get_text() for text in pixels.palette_chart(palette).axes[0].texts]
        assert written == [text for index, name in enumerate(palette.names) for text in (str(index), name)]


def test_the_detail_of_the_notations_holds_the_mask_s_indices():
    image, mask, _ = scene()
    grid = (slice(3, 7), slice(10, 16))
    figure = pixels.four_notations(image, mask, mask == 1, THREE, (slice(0, 24), slice(0, 32)), grid)
    assert [int(text.get_text()) for text in figure.axes[2].texts] == mask[grid].flatten().tolist()


def test_the_winner_of_a_pixel_is_the_argmax_of_its_logits():
    image, mask, logits = scene()
    for row, column in [(5, 7), (23, 31), (0, 0)]:
        figure = pixels.pixel_logits(image, logits, mask, THREE, row, column, shown=3)
        winner = int(logits[:, row, column].argmax())
        label, argmax = (ax.get_title() for ax in figure.axes[:2])
        assert f"argmax: {winner}, {THREE.names[winner]}" in argmax
        assert str(tuple(THREE.colors[winner].tolist())) in argmax
        assert ("ignored" if row == 0 else THREE.names[mask[row, column]]) in label
        lengths = [bar.get_width() for bar in figure.axes[2].patches]
        assert lengths == sorted(logits[:, row, column].tolist(), reverse=True)


def test_logit_maps_end_in_the_argmax_in_colour():
    _, _, logits = scene()
    figure = pixels.logit_maps(logits, [0, 2], THREE)
    assert [ax.get_title() for ax in figure.axes[:2]] == ["logits[0]: road", "logits[2]: sky"]
    assert np.array_equal(figure.axes[2].images[0].get_array(), THREE.colors[logits.argmax(axis=0)])


@pytest.mark.parametrize("target", [[[0, 1], [2, 0]], [[0, 255], [2, 0]]])
def test_the_cross_entropy_figure_writes_what_torch_computes(target):
    logits, target = torch.randn(3, 2, 2, generator=torch.Generator().manual_seed(1)), torch.tensor(target)
    figure = pixels.cross_entropy(logits, target, THREE.names)
    mean = F.cross_entropy(logits[None], target[None], ignore_index=255)
    each = F.cross_entropy(logits[None], target[None], ignore_index=255, reduction="none").flatten()
    losses = figure.axes[-1]
    assert f"mean {mean:.3f}" in losses.get_title()
    assert [text.get_text() for text in losses.texts] == [
        "ignored" if index == 255 else f"{loss:.3f}" for loss, index in zip(each, target.flatten(), strict=True)
    ]
    framed = sum(len(ax.patches) for ax in figure.axes)
    assert framed == (target != 255).sum()  # one probability per labelled pixel is read


def test_group_borders_lie_between_groups_only():
    image = np.zeros((3, 4, 6), dtype=np.uint8)
    groups = np.repeat([[0, 0, 0, 7, 7, 7]], 4, axis=0)
    drawn = pixels.group_borders(image, groups)
    assert drawn.shape == (8, 12, 3)
    assert np.unique(np.nonzero(drawn.any(axis=-1))[1]).tolist() == [6]
