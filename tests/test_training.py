"""The training loop: what it computes, what it leaves as it was, and what it says when something is wrong."""

import copy
import math
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from segutils import models, training
from segutils.errors import CourseError
from segutils.losses import cross_entropy
from segutils.metrics import confusion_matrix
from segutils.training import evaluate, fit, load_weights, seed_everything, train_one_epoch

NUM_CLASSES = 3

pytestmark = pytest.mark.usefixtures("settings_are_given_back")


@pytest.fixture
def data():
    """Pictures whose classes are told by their colour, with a void border."""
    generator = torch.Generator().manual_seed(0)
    masks = torch.randint(NUM_CLASSES, (6, 4, 4), generator=generator)
    masks = masks.repeat_interleave(8, dim=1).repeat_interleave(8, dim=2)  # (6, 32, 32)
    images = F.one_hot(masks, NUM_CLASSES).movedim(-1, 1).float()
    masks[:, :2] = 255
    return TensorDataset(images, masks)


class Pixelwise(nn.Module):
    """A 1x1 convolution with dropout, normalisation and an auxiliary head: everything a mode changes, in 30 numbers."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.dropout = nn.Dropout(0.5)
        self.classifier = nn.Conv2d(3, NUM_CLASSES, 1)
        self.aux_classifier = nn.Conv2d(3, NUM_CLASSES, 1)

    def forward(self, x):
        x = self.dropout(self.norm(x))
        logits = {"out": self.classifier(x)}
        if self.training:
            logits["aux"] = self.aux_classifier(x)
        return logits


def test_seed_everything_repeats_every_source_of_chance():
    def draw():
        seed_everything(3, threads=1)
        return random.random(), np.random.rand(), torch.rand(()).item()

    assert draw() == draw()
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled() == (not torch.cuda.is_available())


def test_one_epoch_is_the_loop_written_out(data):
    torch.manual_seed(0)
    ours = Pixelwise()
    ours.dropout.p = 0.0
    by_hand = copy.deepcopy(ours)
    loader = DataLoader(data, batch_size=4)  # the last batch is smaller
    optimizer = torch.optim.SGD(ours.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0.5, total_iters=2)
    loss = train_one_epoch(ours, loader, optimizer, cross_entropy, scheduler, aux_weight=0.3)

    optimizer, losses = torch.optim.SGD(by_hand.parameters(), lr=0.1), []
    for lr, (images, masks) in zip((0.1, 0.075), loader, strict=True):
        optimizer.param_groups[0]["lr"] = lr
        logits = by_hand.train()(images)
        value = F.cross_entropy(logits["out"], masks, ignore_index=255)
        value = value + 0.3 * F.cross_entropy(logits["aux"], masks, ignore_index=255)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses += [value.item()] * len(images)
    assert loss == pytest.approx(sum(losses) / 6, rel=1e-5)
    for got, expected in zip(ours.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(got, expected)


def test_evaluate_counts_every_image_once_in_eval_mode(data):
    model = Pixelwise()
    with torch.no_grad():
        model.norm.running_mean.uniform_(-1, 1)
    expected = torch.zeros(NUM_CLASSES, NUM_CLASSES, dtype=torch.int64)
    model.eval()
    for image, mask in data:
        expected += confusion_matrix(model(image[None])["out"].argmax(dim=1), mask[None], NUM_CLASSES)
    model.train()
    matrix = evaluate(model, DataLoader(data, batch_size=4), NUM_CLASSES)
    assert torch.equal(matrix.compute(), expected)


def test_evaluate_leaves_the_model_as_it_was(data):
    model = Pixelwise().train()
    model.norm.eval()  # frozen statistics in a model that trains
    before = copy.deepcopy(model.state_dict())
    evaluate(model, DataLoader(data, batch_size=2), NUM_CLASSES)
    assert [module.training for module in model.modules()] == [True, False, True, True, True]
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    with pytest.raises(CourseError, match="target contains class 2"):
        evaluate(model, DataLoader(data, batch_size=2), num_classes=2)
    assert [module.training for module in model.modules()] == [True, False, True, True, True]


def test_evaluate_builds_no_graph(data):
    model, seen = Pixelwise(), []
    model.classifier.register_forward_hook(lambda module, inputs, output: seen.append(output.requires_grad))
    evaluate(model, DataLoader(data, batch_size=3), NUM_CLASSES)
    assert seen == [False, False]


def test_logits_of_another_size_are_refused_not_resized(data):
    class Half(nn.Module):
        def forward(self, x):
            return {"out": x[..., ::2, ::2]}

    with pytest.raises(CourseError, match="must have the same shape"):
        evaluate(Half(), DataLoader(data, batch_size=2), NUM_CLASSES)


def test_fit_learns_and_keeps_the_best_weights(data, tmp_path):
    seed_everything(0, threads=1)
    model, folder = Pixelwise(), tmp_path / "runs" / "first"
    train, val = DataLoader(data, batch_size=2, shuffle=True), DataLoader(data, batch_size=2)
    history = fit(model, train, val, NUM_CLASSES, epochs=6, max_lr=0.3, folder=folder, device="cpu")
    assert [entry["epoch"] for entry in history] == [1, 2, 3, 4, 5, 6]
    best = max(entry["miou"] for entry in history)
    assert best > 0.9
    assert not model.training
    expected = confusion_matrix(model(data.tensors[0])["out"].argmax(dim=1), data.tensors[1], NUM_CLASSES)
    assert torch.equal(evaluate(model, val, NUM_CLASSES).compute(), expected)
    fresh = Pixelwise()
    metadata = load_weights(fresh, folder / "best.safetensors")
    assert metadata["miou"] == f"{best:.4f}"
    assert all(torch.equal(fresh.state_dict()[name], tensor) for name, tensor in model.state_dict().items())
    assert history[-1]["lr"] < 1e-4 * 0.3  # one cycle ends low
    assert sorted(file.name for file in folder.iterdir()) == ["best.safetensors", "last.safetensors"]


def test_the_best_epoch_is_not_the_last(data, monkeypatch):
    """Scores are given, so that the second of three epochs is the best: its weights must be the ones that stay."""
    model, kept, scores = Pixelwise(), [], iter([0.2, 0.7, 0.4])

    def scored(model, loader, num_classes):
        kept.append(copy.deepcopy(model.state_dict()))
        return evaluate(model, loader, num_classes)

    monkeypatch.setattr(training, "evaluate", scored)
    monkeypatch.setattr(training, "mean_iou", lambda matrix: torch.tensor(next(scores)))
    loader = DataLoader(data, batch_size=2)
    fit(model, loader, loader, NUM_CLASSES, epochs=3, device="cpu")
    assert not torch.equal(kept[1]["classifier.weight"], kept[2]["classifier.weight"])
    assert all(torch.equal(kept[1][name], tensor) for name, tensor in model.state_dict().items())


def test_fit_twice_from_one_seed_gives_the_same_weights(data):
    def run():
        seed_everything(5, threads=1)
        model = models.create("fcn_tiny", NUM_CLASSES)
        train, val = DataLoader(data, batch_size=2, shuffle=True), DataLoader(data, batch_size=2)
        return fit(model, train, val, NUM_CLASSES, epochs=2, device="cpu"), model.state_dict()

    (first, weights), (second, again) = run(), run()
    assert first == second
    assert all(torch.equal(weights[name], again[name]) for name in weights)


def test_a_loader_without_a_batch_is_named(data):
    model = Pixelwise()
    loader = DataLoader(data, batch_size=99, drop_last=True)
    with pytest.raises(CourseError, match="no batch: are there fewer images than batch_size"):
        fit(model, loader, loader, NUM_CLASSES, epochs=1, device="cpu")


def test_a_loss_that_is_no_number_is_named(data):
    model = Pixelwise()
    nn.init.constant_(model.classifier.weight, math.nan)
    with pytest.raises(CourseError, match="loss is no finite number"):
        train_one_epoch(model, DataLoader(data, 2), torch.optim.SGD(model.parameters(), 0.1), cross_entropy)


def test_a_validation_part_without_labels_is_named(data):
    void = TensorDataset(data.tensors[0], torch.full_like(data.tensors[1], 255))
    with pytest.raises(CourseError, match="validation part has no labelled pixel"):
        fit(Pixelwise(), DataLoader(data, 2), DataLoader(void, 2), NUM_CLASSES, epochs=1, device="cpu")


def test_a_batch_without_labels_does_no_harm(data):
    void = TensorDataset(data.tensors[0], torch.full_like(data.tensors[1], 255))
    model = Pixelwise()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    assert train_one_epoch(model, DataLoader(void, 2), optimizer, cross_entropy) == 0
    assert all(parameter.isfinite().all() for parameter in model.parameters())
