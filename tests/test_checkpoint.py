"""The network that ships with the course does what its file says."""

import json

import pytest
import torch
from torch.utils.data import DataLoader

from segutils import models
from segutils.metrics import iou_per_class, mean_iou
from segutils.paths import checkpoint_path
from segutils.toyscapes import ToyScapes
from segutils.training import evaluate, load_weights
from tools.train_checkpoint import HELD_OUT_STREETS, MODEL, NAME, TRAINING_STREETS, VALIDATION_STREETS, held_out_frames


@pytest.fixture(scope="module")
def shipped():
    """The network and what its file says about it."""
    model = models.create(MODEL, ToyScapes.num_classes)
    return model, load_weights(model, checkpoint_path(NAME))


def test_it_is_small():
    assert checkpoint_path(NAME).stat().st_size <= 2_000_000


def test_its_streets_are_disjoint(shipped):
    assert json.loads(shipped[1]["held_out_streets"]) == list(HELD_OUT_STREETS)
    assert not set(HELD_OUT_STREETS) & {*TRAINING_STREETS, *VALIDATION_STREETS}


def test_it_reaches_what_it_states_on_held_out_streets(shipped):
    model, metadata = shipped
    matrix = evaluate(model, DataLoader(held_out_frames(), batch_size=5), ToyScapes.num_classes).compute()
    assert mean_iou(matrix).item() == pytest.approx(float(metadata["held_out_miou"]), abs=0.005)
    assert mean_iou(matrix) > 0.5
    present = matrix.sum(dim=1) > 0
    assert (iou_per_class(matrix)[present] > 0.05).all()  # no class is given up


def test_its_classes_are_the_toy_streets(shipped):
    model, metadata = shipped
    assert json.loads(metadata["class_names"]) == list(ToyScapes.class_names)
    with torch.no_grad():
        assert model.eval()(torch.zeros(1, 3, 64, 96))["out"].shape == (1, ToyScapes.num_classes, 64, 96)
