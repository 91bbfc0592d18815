import numpy as np
import pytest
import torch
from torch.nn import functional as F

from segutils.figures import atrous
from segutils.plotting import plt


def gradient(rates, kernel_size):
    size = 1 + sum((kernel_size - 1) * rate for rate in rates)
    image = torch.zeros(1, 1, size, size, requires_grad=True, dtype=torch.float64)
    x = image
    for rate in rates:
        x = F.conv2d(x, torch.ones(1, 1, kernel_size, kernel_size, dtype=torch.float64), dilation=rate)
    x.sum().backward()  # without padding one output pixel is left
    return image.grad[0, 0].numpy()


@pytest.mark.parametrize(
    ("rates", "kernel_size"), [((1,), 3), ((4, 4), 3), ((1, 2, 4, 8), 3), ((1, 2, 5, 1, 2, 5), 3), ((3, 1), 5)]
)
def test_path_counts_are_the_gradient_of_ones(rates, kernel_size):
    assert np.array_equal(atrous.path_counts(rates, kernel_size), gradient(rates, kernel_size))


@pytest.mark.parametrize(
    ("rates", "width", "share"),
    [((4, 4, 4, 4), 33, 81 / 1089), ((2, 2, 2, 2), 17, 81 / 289), ((1, 2, 4, 8), 31, 1), ((1, 2, 5) * 2, 33, 1)],
)
def test_width_and_coverage_of_the_lectures_stacks(rates, width, share):
    counts = atrous.path_counts(rates)
    assert counts.shape == (width, width)
    assert atrous.coverage(counts) == pytest.approx(share)


def test_the_widget_names_what_its_stack_reads():
    figure = atrous.explore_stack(rate=2, kernel_size=3, depth=3, doubling=True)
    left, right = figure.axes[0].get_title(), figure.axes[1].get_title()
    plt.close(figure)
    assert "rate 2: 5 x 5" in left
    assert "rates (2, 4, 8): 29 x 29" in right
    assert "26.8% of its pixels read" in right


def test_half_of_a_map_lies_in_the_square_that_half_width_names():
    even = np.ones((11, 11))
    assert atrous.half_width(even) == 9  # 49 of 121 pixels are less than half, 81 are more
    spot = np.zeros((11, 11))
    spot[5, 5] = 1
    assert atrous.half_width(spot) == 1
    ring = np.ones((11, 11))
    ring[1:-1, 1:-1] = 0
    assert atrous.half_width(ring) == 11


def test_the_effective_picture_tells_both_widths():
    rates = (1, 2, 4, 8)
    effect = np.zeros((31, 31))
    effect[12:19, 12:19] = 1
    figure = atrous.effective_stack(effect, rates)
    left, middle, right = (ax for ax in figure.axes[:3])
    assert "31 x 31" in left.get_title()
    assert "middle 5 x 5" in middle.get_title()  # 25 of 49 pixels
    shares = right.lines[0].get_ydata()
    assert shares[-1] == pytest.approx(100) and shares[2] == pytest.approx(100 * 25 / 49)
    plt.close(figure)


def test_taps_in_the_padding_are_counted():
    figure = atrous.rates_on_map((6, 12, 18, 24), height=23, width=30, position=(8, 9))
    titles = [ax.get_title() for ax in figure.axes]
    plt.close(figure)
    assert titles == ["rate 6: 9 of 9 taps", "rate 12: 4 of 9 taps", "rate 18: 2 of 9 taps", "rate 24: 1 of 9 taps"]


def test_ignored_pixels_keep_the_image_in_the_ground_picture():
    image = np.full((3, 4, 4), 90, dtype=np.uint8)
    target = np.full((4, 4), 255)
    target[0] = 1
    figure = atrous.ground_predictions(image, target, {"all road": np.zeros((4, 4), int)}, ("a", "b", "c"))
    panel = figure.axes[2].images[0].get_array()
    plt.close(figure)
    assert tuple(panel[0, 0]) == tuple(atrous.GROUND_COLORS[0])
    assert tuple(panel[1, 1]) == (200, 200, 200)
