import numpy as np
import pytest
import torch
from torch.nn import functional as F

from segutils.errors import CourseError
from segutils.figures import upsampling
from segutils.plotting import plt, render


def edge(name, kernel_size=3, stride=2):
    return upsampling.upsampler(name, kernel_size, stride)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("length", "factor"), [(4, 2), (5, 3), (7, 8)])
def test_drawn_positions_are_those_that_torch_reads(length, factor, align_corners):
    ramp = torch.arange(float(length))[None, None]  # the value of a ramp is the position
    read = F.interpolate(ramp, scale_factor=factor, mode="linear", align_corners=align_corners)[0, 0]
    drawn = upsampling.source_positions(length, factor, align_corners)
    assert drawn.clip(0, length - 1) == pytest.approx(read.numpy(), abs=1e-5)


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_stamps_add_up_to_torchs_transposed_convolution(stride):
    row, kernel = [1.0, 2.0, 3.0], [1.0, 10.0, 100.0]
    wanted = F.conv_transpose1d(torch.tensor(row)[None, None], torch.tensor(kernel)[None, None], stride=stride)
    assert np.nansum(upsampling.stamps(row, kernel, stride), axis=0) == pytest.approx(wanted[0, 0].numpy())


@pytest.mark.parametrize(
    ("kernel_size", "stride", "inside"),
    [(2, 2, {1}), (3, 2, {1, 2, 4}), (4, 2, {4}), (6, 3, {4}), (1, 2, {0, 1}), (5, 2, {4, 6, 9})],
)
def test_inputs_per_output_of_transposed_convolutions(kernel_size, stride, inside):
    counts = upsampling.contributions(edge("transposed convolution, ones", kernel_size, stride), size=6)
    middle = counts[kernel_size : 2 * stride + kernel_size, kernel_size : 2 * stride + kernel_size]
    assert set(middle.flatten().tolist()) == inside


def test_inputs_per_output_of_the_other_methods():
    assert set(upsampling.contributions(edge("nearest"), 4).flatten().tolist()) == {1}
    bilinear = upsampling.contributions(edge("bilinear"), 4)
    assert bilinear[0, 0] == 1 and set(bilinear[1:-1, 1:-1].flatten().tolist()) == {4}
    unpooled = upsampling.contributions(edge("max-unpooling"), 4)
    assert unpooled.sum() == 16 and unpooled.max() == 1


@pytest.mark.parametrize("stride", [2, 3, 4])
def test_the_bilinear_transposed_convolution_interpolates_inside(stride):
    x = torch.rand(1, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    size = 2 * stride - stride % 2
    pad = (size - stride) // 2
    enlarged = edge("transposed convolution, bilinear weights", stride=stride)(x)[..., pad:-pad, pad:-pad]
    wanted = F.interpolate(x, scale_factor=stride, mode="bilinear", align_corners=False)
    assert enlarged.shape == wanted.shape
    inside = (..., slice(stride, -stride), slice(stride, -stride))
    assert torch.allclose(enlarged[inside], wanted[inside], atol=1e-6)


@pytest.mark.parametrize("stride", [2, 3])
def test_unpooling_puts_one_value_into_each_cell_where_torch_does(stride):
    x = torch.arange(1.0, 17.0).reshape(1, 1, 4, 4)
    enlarged = edge("max-unpooling", stride=stride)(x)
    pooled, places = F.max_pool2d(enlarged, stride, return_indices=True)
    assert torch.equal(pooled, x)
    assert torch.equal(enlarged, F.max_unpool2d(pooled, places, stride))


@pytest.mark.parametrize(("method", "content"), list(zip(upsampling.METHODS, 2 * upsampling.CONTENTS, strict=True)))
def test_the_widget_draws_every_method_where_algorithms_are_deterministic(method, content):
    torch.use_deterministic_algorithms(True)  # as in the lectures
    try:
        figure = upsampling.explore_upsampling(method, kernel_size=3, stride=2, content=content)
    finally:
        torch.use_deterministic_algorithms(False)
    size = {"nearest": 8, "bilinear": 8, "max-unpooling": 8}.get(method, 10 if "bilinear" in method else 9)
    titles = [ax.get_title() for ax in figure.axes]
    plt.close(figure)
    assert titles[1].startswith(f"output: {size} x {size}\n")
    assert method in figure.get_suptitle() and "stride 2" in figure.get_suptitle()


def test_unknown_choices_are_named():
    with pytest.raises(CourseError, match=r"unknown method 'cubic'; known are nearest"):
        edge("cubic")
    with pytest.raises(CourseError, match=r"unknown content 'cat'"):
        upsampling.explore_upsampling("nearest", 3, 2, "cat")


def test_the_matrix_is_drawn_beside_its_transpose():
    matrix = np.array([[1, 10, 100, 0, 0], [0, 0, 1, 10, 100]])
    figure = upsampling.transposed_matrix(matrix)
    titles = [ax.get_title() for ax in figure.axes]
    left, right = ({text.get_position(): text.get_text() for text in ax.texts} for ax in figure.axes)
    plt.close(figure)
    assert titles == ["convolution: 5 values to 2", "its transpose: 2 values to 5"]
    assert left == {
        (0.5, 0.5): "1",
        (1.5, 0.5): "10",
        (2.5, 0.5): "100",
        (2.5, 1.5): "1",
        (3.5, 1.5): "10",
        (4.5, 1.5): "100",
    }
    assert right == {(row, column): number for (column, row), number in left.items()}


def test_the_u_names_the_widths_of_every_level():
    channels = {"image": 3, "stem": 5, "low": 7, "mid": 11, "high": 13, "out": 17}
    figure = upsampling.unet_diagram(channels, (29, 23, 21, 20, 19))
    texts = [text.get_text() for text in figure.axes[0].texts]
    plt.close(figure)
    assert "out, stride 32\n17 channels" in texts
    assert [text for text in texts if text.startswith("stride")] == [
        f"stride {stride}\n{width} channels" for stride, width in ((1, 19), (2, 20), (4, 21), (8, 23), (16, 29))
    ]


def test_network_scores_show_every_seed_and_the_mean():
    rows = [{"network": "a", "miou": value} for value in (0.2, 0.4)] + [{"network": "b", "miou": 0.5}]
    figure = upsampling.network_scores(rows, ("miou",), ("all",))
    ax = figure.axes[0]
    dots, means = [line.get_xdata().tolist() for line in ax.lines], [text.get_text() for text in ax.texts]
    bars = [bar.get_width() for bar in ax.patches]
    plt.close(figure)
    assert dots == [[0.2, 0.4], [0.5]] and means == ["0.30", "0.50"] and bars == pytest.approx([0.3, 0.5])


def test_score_maps_keep_classes_and_maps_apart():
    targets = {"sky": np.eye(4, dtype=bool), "road": np.zeros((4, 4), dtype=bool)}
    scores = {"out": np.array([[[-1.0, 2.0]], [[3.0, 0.5]]]), "high": np.ones((2, 2, 4))}
    figure = upsampling.score_maps(targets, scores)
    titles = [ax.get_title() for ax in figure.axes]
    shown = figure.axes[4].images[0].get_array().tolist()
    plt.close(figure)
    assert titles[:3] == ["sky: target", "out: -1.0 to +2.0", "high: +1.0 to +1.0"]
    assert titles[3:] == ["road: target", "out: +0.5 to +3.0", "high: +1.0 to +1.0"]
    assert shown == [[3.0, 0.5]]


def test_other_figures_are_drawn(tmp_path):
    """What has no number of its own to check still has to be drawn without an error and fit into a notebook."""
    from segutils.palettes import CAMVID

    image, target = np.zeros((3, 48, 64), dtype=np.uint8), np.zeros((48, 64), dtype=int)
    small = np.arange(16.0).reshape(4, 4)
    for figure in (
        upsampling.answer_grid(image, np.zeros((5, 9), dtype=int), target, CAMVID, window=32, stride=4),
        upsampling.bounds({"one": {4: 0.9, 8: 0.8}, "other": {8: 0.7, 32: 0.5}}),
        upsampling.fcn_diagram(),
        upsampling.max_unpooling(small, small[:2, :2], small, small),
        upsampling.overlap_patterns({"even": np.ones((4, 4)), "uneven": small}),
        upsampling.sample_positions(),
        upsampling.scatter((1, 2, 3), (1, 10, 100)),
    ):
        assert figure.get_figwidth() <= 9
        assert 1_000 < len(render(figure)) < 120_000
