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


@pytest.mark.parametrize(("row", "column"), [(5, 7), (23, 31), (0, 0)])
def test_the_cube_names_the_winner_and_writes_the_logits_of_its_layers(row, column):
    image, mask, logits = scene()
    figure = pixels.argmax_cube(image, logits, mask, THREE, [0, 1], row, column)
    winner = int(logits[:, row, column].argmax())
    axes = {ax.get_label(): ax for ax in figure.axes}
    assert f"argmax: {winner}, {THREE.names[winner]}" in axes["prediction"].get_title()
    assert str(tuple(THREE.colors[winner].tolist())) in axes["prediction"].get_title()
    assert ("ignored" if row == 0 else THREE.names[mask[row, column]]) in axes["image"].get_title()
    shown = [0, 1] if winner in (0, 1) else [0, winner]  # the winner is always among the layers
    assert f"argmax of all 3: {winner} {THREE.names[winner]}" in texts(figure)
    for index in shown:
        assert f"logits[{index}] {THREE.names[index]}" in texts(figure)
        assert f"{logits[index, row, column]:+.1f}" in texts(figure)


def test_the_line_through_the_cube_meets_the_same_pixel_in_every_layer():
    image, mask, logits = scene()
    figure = pixels.argmax_cube(image, logits, mask, THREE, [0, 1, 2], 5, 7)
    (cube,) = [ax for ax in figure.axes if ax.get_label() == "cube"]
    dots = [line.get_xydata()[0] for line in cube.lines if line.get_marker() == "o"]
    assert len(dots) == len(cube.images) == 4  # three layers and the argmax
    for picture, dot in zip(cube.images, dots, strict=True):
        inside = (picture.get_transform() - cube.transData).inverted().transform(dot)
        assert inside == pytest.approx([7.5 / 32, 1 - 5.5 / 24])


@pytest.mark.parametrize("palette", [VOC, CAMVID])
def test_the_lookup_writes_what_the_palette_encodes(palette):
    picture = np.zeros((6, 8, 3), dtype=np.uint8)
    picture[2, 3], picture[4, 4] = (128, 64, 128), (1, 2, 3)
    found = texts(pixels.color_lookup(picture, palette, 2, 3))
    index = int(palette.encode(picture)[2, 3])
    assert "one number of 24 bits\n128 x 65536 + 64 x 256 + 128 = 8,405,120" in found
    assert any(text.startswith(f"class index\n{index}, ") for text in found)
    assert "back: 255 is painted\n(0, 0, 0)" in texts(pixels.color_lookup(picture, palette, 4, 4))


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
