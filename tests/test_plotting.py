import io

import numpy as np
import pytest
import torch
from PIL import Image

from segutils import plotting
from segutils.errors import CourseError
from segutils.palettes import CAMVID


def test_to_picture_takes_tensors_and_arrays_of_either_layout():
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert np.array_equal(plotting.to_picture(torch.from_numpy(image).permute(2, 0, 1)), image)
    assert np.array_equal(plotting.to_picture(image / 255.0), image)


def test_a_normalised_image_is_refused_instead_of_clipped():
    with pytest.raises(CourseError, match="denormalize"):
        plotting.to_picture(np.full((3, 4, 4), -2.1))


def test_error_map_tells_right_wrong_and_ignored_apart():
    picture = plotting.error_map(np.array([[1, 2, 0]]), np.array([[1, 1, 255]]))
    assert [tuple(pixel) for pixel in picture[0]] == [plotting.CORRECT, plotting.WRONG, plotting.IGNORED]


def test_overlay_leaves_ignored_pixels_as_they_are():
    image = np.full((2, 2, 3), 100, dtype=np.uint8)
    blended = plotting.overlay(image, np.array([[255, 0], [0, 0]], dtype=np.uint8), CAMVID)
    assert tuple(blended[0, 0]) == (100, 100, 100)
    assert tuple(blended[0, 1]) != (100, 100, 100)


def test_a_flat_picture_is_png_and_a_noisy_one_a_small_jpeg():
    flat = plotting.render(plotting.show_images([np.zeros((60, 80, 3), np.uint8)], ["black"]))
    noise = np.random.default_rng(0).integers(0, 256, (180, 240, 3), dtype=np.uint8)
    noisy = plotting.render(plotting.show_images([noise] * 4, ["noise"] * 4))
    assert Image.open(io.BytesIO(flat)).format == "PNG"
    assert Image.open(io.BytesIO(noisy)).format == "JPEG"
    assert len(noisy) < 150_000


def test_grey_maps_share_the_limits_they_are_given():
    dim, bright = np.full((4, 5), 0.25), np.full((4, 5), 0.75)
    figure = plotting.show_images([dim, bright], limits=(0, 1))
    assert [ax.images[0].get_clim() for ax in figure.axes] == [(0, 1), (0, 1)]
    figure = plotting.show_images([np.array([[0.2, 0.4]]), np.array([[0.1, 0.9]])])
    assert [ax.images[0].get_clim() for ax in figure.axes] == [(0.2, 0.4), (0.1, 0.9)]
    plotting.plt.close("all")


@pytest.mark.parametrize("shape", [(180, 240), (60, 80), (240, 120)])
def test_no_title_is_cut_at_the_edge(shape):
    figure = plotting.show_images([np.full((*shape, 3), 255, np.uint8)] * 3, ["Ag", "Ag", "Ag"])
    picture = np.asarray(Image.open(io.BytesIO(plotting.render(figure))).convert("L"))
    assert picture.min() < 100  # the titles are there
    assert (picture[:2] > 200).all()


def test_show_carries_the_alt_text(monkeypatch):
    shown = []
    monkeypatch.setattr(plotting, "display", shown.append)
    plotting.show(plotting.show_images([np.zeros((6, 8, 3), np.uint8)]), alt="a black rectangle")
    metadata = shown[0]._repr_png_()[1]
    assert metadata["alt"] == "a black rectangle"


def test_legend_names_only_the_classes_asked_for():
    mask = np.array([[0, 3], [255, 3]])
    assert plotting.classes_in(mask) == [0, 3]
    figure = plotting.add_legend(plotting.show_images([CAMVID.colorize(mask.astype(np.uint8))]), CAMVID, [0, 3])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [CAMVID.names[0], CAMVID.names[3]]
    plotting.plt.close(figure)
