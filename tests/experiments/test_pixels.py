"""Lecture 01's experiment: what the networks can see, what they are trained on, and the stored table."""

import pytest
import torch

from segutils.experiments import pixels, read_table
from segutils.palettes import CAMVID


@pytest.mark.parametrize(("kernel_size", "window"), [(1, 1), (3, 7), (5, 13)])
def test_a_window_classifier_sees_its_window_and_nothing_else(kernel_size, window):
    torch.manual_seed(0)
    model = pixels.WindowClassifier(num_classes=4, kernel_size=kernel_size).double().eval()
    image = torch.randn(1, 3, 21, 21, dtype=torch.double, requires_grad=True)
    model(image)["out"][0, :, 10, 10].square().sum().backward()
    seen = image.grad[0].abs().sum(dim=0) > 0  # (H, W)
    rows, columns = seen.nonzero().T
    reach = window // 2
    assert (rows.min(), rows.max()) == (columns.min(), columns.max()) == (10 - reach, 10 + reach)


def test_frames_are_normalised_and_void_is_ignored():
    images, masks = pixels.frames(streets=[5], numbers=[0, 3]).tensors
    assert images.shape == (2, 3, 120, 160) and masks.shape == (2, 120, 160)
    assert images.dtype == torch.float32 and masks.dtype == torch.int64
    assert -2.2 < images.min() < 0 < images.max() < 2.7
    assert (masks == 255).any() and CAMVID.names.index("Void") not in masks


def test_the_same_seed_gives_the_same_network_and_another_seed_another():
    dataset = pixels.frames(streets=[0], numbers=[20])
    first, again, other = (
        pixels.train("7 x 7 window", seed, dataset, iterations=3, batch_size=2).state_dict() for seed in (0, 0, 1)
    )
    weights = "layers.0.0.weight"
    assert torch.equal(first[weights], again[weights])
    assert not torch.equal(first[weights], other[weights])


def test_the_table_holds_every_network_with_every_seed():
    rows = read_table("01_pixels")
    assert [(row["network"], row["seed"]) for row in rows] == [
        (name, seed) for name in pixels.NETWORKS for seed in pixels.SEEDS
    ]


def test_a_row_of_the_table_can_be_made_again():
    """To 0.03: other processors sum in another order, and training enlarges the last digit's difference."""
    stored = next(row for row in read_table("01_pixels") if (row["network"], row["seed"]) == ("colour only", 0))
    scores = pixels.score(pixels.train("colour only", 0, pixels.training_frames()), pixels.held_out_frames())
    assert scores == pytest.approx({key: stored[key] for key in scores}, abs=0.03)
