"""Figures of lecture 07: what they compute before they draw."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from segutils.figures import camseq as figures
from segutils.palettes import CAMVID
from segutils.plotting import render


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_the_busiest_piece_is_the_one_with_the_most_classes():
    mask = np.zeros((40, 48), dtype=np.int64)
    mask[24:32, 32:40] = np.arange(64).reshape(8, 8) % 5
    piece = figures.busiest_piece(mask, (8, 8))
    assert piece.tolist() == mask[24:32, 32:40].tolist()
    piece[:] = 0  # a copy, that torch may write to
    assert mask[24:32, 32:40].any()


def test_made_up_labels_are_those_that_the_piece_does_not_have():
    mask = np.array([[4, 21], [4, 21]])
    bilinear = np.array([[4, 21], [137, 21]])  # 137 is no class at all and has no colour
    figure = figures.resized_masks(mask, mask, bilinear, CAMVID)
    assert figure.axes[3].get_title() == "made up: 25% of the pixels"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Building", "Sky"]
    assert render(figure)


def test_an_outcome_has_one_colour_for_each_kind_of_pixel():
    image = np.full((1, 4, 3), 100, dtype=np.uint8)
    truth, found = np.array([[1, 1, 0, 0]], dtype=bool), np.array([[1, 0, 1, 0]], dtype=bool)
    picture = figures.class_outcome(image, truth, found)
    assert [tuple(pixel) for pixel in picture[0]] == [*figures.OUTCOME_COLORS.values(), (40, 40, 40)]


def test_the_score_of_a_class_leaves_ignored_pixels_out():
    target = np.array([[19, 19, 17, 255]] * 2)
    probability = np.zeros((32, 2, 4))
    for column, index in enumerate((19, 17, 19, 19)):
        probability[index, :, column] = 1
    figure = figures.frame_and_class(np.zeros((2, 4, 3), np.uint8), target, probability, CAMVID, "Sidewalk")
    assert figure.axes[2].get_title() == "Sidewalk: IoU in this frame 0.33"  # one found, one missed, one false alarm


def test_rare_classes_are_hatched_and_absent_ones_left_out():
    shares = np.zeros(32)
    shares[[17, 4, 8]] = 80, 19.5, 0.5
    (ax,) = figures.class_shares(shares, CAMVID.names).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Road", "Building", "Column_Pole"]
    assert [bar.get_hatch() for bar in ax.patches] == ["", "", "///"]


def test_the_best_round_is_marked():
    figure = figures.training_curves(np.linspace(3, 1, 60), np.linspace(0, 1, 60), [0.1, 0.4, 0.3])
    assert [text.get_text() for text in figure.axes[2].get_legend().get_texts()] == ["best: round 2"]


def test_one_row_of_the_filmstrip_is_image_label_prediction_and_errors():
    mask = np.array([[17, 4], [17, 255]])
    wrong = np.array([[17, 17], [17, 17]])
    figure = figures.filmstrip([np.zeros((2, 2, 3), np.uint8)] * 2, [mask] * 2, [mask, wrong], ["a", "b"], CAMVID)
    errors = figure.axes[7].images[0].get_array()
    assert [[tuple(pixel) for pixel in row] for row in np.asarray(errors)] == [
        [(130, 130, 130), (213, 94, 0)],
        [(130, 130, 130), (0, 0, 0)],
    ]


def test_what_was_continued_begins_where_the_last_file_was_written():
    losses = {"whole": [4, 3, 2, 1, 1, 1], "interrupted": [4, 3, 2], "resumed": [2, 1, 1, 1], "weights alone": [2, 2]}
    figure = figures.interrupted_training(losses, losses, batches_per_epoch=2, epochs_kept=1)
    for ax in figure.axes:
        first = {line.get_label(): line.get_xdata()[0] for line in ax.lines}
        assert list(first.values()) == [0, 0, 1, 1]
        whole, _, resumed, _ = ax.lines
        assert resumed.get_xdata().tolist() == whole.get_xdata()[2:].tolist()
