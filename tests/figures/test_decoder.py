import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from segutils.experiments.boundary import near_boundary
from segutils.figures import decoder as figures
from segutils.plotting import BLUE, GREEN, ORANGE, plt


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def test_wrong_pixels_of_the_row_are_hatched():
    figure = figures.upsampled_row([0, 0, 1, 1], cells=[-0.5, 0.5], scores=[-0.5, -0.2, -0.1, 0.5])
    truth, line, decision = figure.axes
    assert [text.get_text() for text in truth.texts] == ["0", "0", "1", "1"]
    assert [text.get_text() for text in decision.texts] == ["0", "0", "0", "1"]
    assert [bool(patch.get_hatch()) for patch in decision.patches] == [False, False, True, False]
    interpolated, cells = line.lines[1].get_xydata().tolist(), line.lines[3].get_xydata().tolist()
    assert cells == [[0.5, -0.5], [2.5, 0.5]]
    assert all(cell in interpolated for cell in cells)  # the line passes through the scores of the cells


def test_a_band_is_marked_right_and_wrong_and_the_rest_dimmed():
    image = np.full((2, 2, 3), 100, dtype=np.uint8)
    picture = figures.band_picture(image, correct=[[True, False], [True, False]], band=[[True, True], [False, False]])
    assert picture[0, 0].tolist() == [90, 90, 90]
    assert picture[0, 1].tolist() == [213, 94, 0]
    assert picture[1, 0].tolist() == picture[1, 1].tolist() == [185, 185, 185]


@pytest.fixture
def scenes():
    target = torch.zeros(16, 16, dtype=torch.long)
    target[:, 8:] = 1
    shifted = target.roll(1, dims=1)
    shifted[:, 0] = 0  # only column 8 is wrong
    scene = {"image": torch.zeros(3, 16, 16), "target": target, "decoder": target, "no decoder": shifted}
    return [{**scene, "no decoder": target}, scene]


@pytest.mark.parametrize(
    ("scene", "width", "decoder", "near", "far"),
    [
        (1, 1, False, "50.0% right", "100.0% right"),
        (1, 4, False, "87.5% right", "100.0% right"),
        (1, 1, True, "100.0% right", "100.0% right"),
        (0, 1, False, "100.0% right", "100.0% right"),
        (1, 15, True, "100.0% right", "no pixel right"),
    ],
)
def test_the_widget_names_the_shares_of_its_scene_band_and_network(scenes, scene, width, decoder, near, far):
    figure = figures.explore_band(scenes, near_boundary, scene, width, decoder)
    titles = [ax.get_title() for ax in figure.axes]
    name = "decoder" if decoder else "no decoder"
    assert titles == [f"scene {scene}", f"{name}, band of {width} px:\n{near}", f"{name}, further away:\n{far}"]


def test_taps_of_every_kernel_are_counted_right():
    colored = {to_rgb(color) for color in (BLUE, ORANGE, GREEN)}
    counts, columns = [], []
    for ax in figures.separable_kernels().axes:
        cells = [patch for patch in ax.patches if getattr(patch, "get_width", int)() == 1]
        marked = [cell for cell in cells if cell.get_facecolor()[:3] in colored]
        counts.append(len(marked))
        columns.append(sorted({cell.get_x() for cell in marked if cell.get_x() < 5}))
    assert counts == [27 + 1, 27 + 3, 27 + 3, 3 + 1]  # taps of three channels, and the outputs
    assert columns == [[1, 2, 3], [1, 2, 3], [0, 2, 4], [2]]


def test_lines_of_the_trimap_are_means_over_seeds():
    rows = [
        {"network": name, "seed": seed, "region": region, "width": width, "accuracy": 0.1 * seed + width, "miou": 0.5}
        for name in ("no decoder", "blind decoder", "decoder")
        for seed in (0, 1, 2)
        for region, width in (("band", 1), ("band", 2), ("interior", 8))
    ]
    accuracy, miou = figures.trimap_curves(rows).axes
    lines = {line.get_label(): line for line in accuracy.lines if not line.get_label().startswith("_")}
    assert set(lines) == {"no decoder", "blind decoder", "decoder"}
    for line in lines.values():
        assert line.get_xdata().tolist() == [1, 2]
        assert line.get_ydata() == pytest.approx([1.1, 2.1])
    assert len({line.get_linestyle() for line in lines.values()}) == 3  # told apart without colour
    assert miou.get_ylabel() == "mean IoU"


def test_published_numbers_stand_where_they_belong():
    left, right = figures.design_choices({8: 77.6, 48: 78.2}, {"one": 78.2, "two": 78.85}).axes
    assert left.lines[0].get_ydata().tolist() == [77.6, 78.2]
    assert [text.get_text() for text in left.texts + right.texts] == ["77.60", "78.20", "78.20", "78.85"]
    (ax,) = figures.cost_against_miou([("stride 16", False, 81.0, 77.2), ("stride 16", True, 101.3, 78.85)]).axes
    assert {line.get_label(): (line.get_xdata()[0], line.get_ydata()[0]) for line in ax.lines} == {
        "without decoder": (81.0, 77.2),
        "with decoder": (101.3, 78.85),
    }


def test_only_v3plus_has_a_way_from_the_early_layers():
    texts = [text.get_text() for text in figures.architectures().axes[0].texts]
    assert texts.count("ASPP\nstride 16\n256") == 2
    assert texts.count("x4") == 2 and texts.count("x16") == 1
    assert "concatenate\nstride 4\n256 + 48" in texts
