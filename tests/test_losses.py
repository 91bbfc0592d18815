"""Losses against their formulas, their limits, and numerical gradients in float64."""

import pytest
import torch
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from segutils.errors import CourseError
from segutils.losses import cross_entropy, cross_entropy_dice_loss, focal_loss, soft_dice_loss

LOSSES = [cross_entropy, soft_dice_loss, focal_loss, cross_entropy_dice_loss]


@pytest.fixture
def case():
    """Logits of 4 classes and a target that lacks class 3 and ignores a third of its pixels."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 5, 6, generator=generator, dtype=torch.float64)
    target = torch.randint(3, (2, 5, 6), generator=generator)
    target[torch.rand(target.shape, generator=generator) < 0.33] = 255
    return logits, target


def dice_by_hand(logits, target):
    """Pixel by pixel and class by class."""
    probabilities = logits.softmax(dim=1)
    terms = []
    for index in target[target != 255].unique().tolist():
        product = size = 0.0
        for image, row, column in (target != 255).nonzero().tolist():
            p, t = probabilities[image, index, row, column].item(), float(target[image, row, column] == index)
            product, size = product + p * t, size + p + t
        terms.append(2 * product / size)
    return 1 - sum(terms) / len(terms)


def test_soft_dice_is_its_formula(case):
    assert soft_dice_loss(*case).item() == pytest.approx(dice_by_hand(*case), abs=1e-12)


def test_focal_loss_is_its_formula(case):
    logits, target = case
    log_p = logits.log_softmax(dim=1).movedim(1, -1)[target != 255]
    log_p = log_p.gather(1, target[target != 255].unsqueeze(1))
    expected = -((1 - log_p.exp()) ** 3 * log_p).mean()
    torch.testing.assert_close(focal_loss(logits, target, gamma=3), expected)


def test_focal_loss_of_two_classes_is_torchvisions():
    logits, target = torch.randn(2, 1, 6, 7).double(), torch.randint(2, (2, 6, 7))
    expected = sigmoid_focal_loss(logits[:, 0], target.double(), alpha=-1, gamma=2, reduction="mean")
    torch.testing.assert_close(focal_loss(torch.cat([torch.zeros_like(logits), logits], dim=1), target), expected)


def test_gamma_0_is_cross_entropy(case):
    torch.testing.assert_close(focal_loss(*case, gamma=0), F.cross_entropy(*case, ignore_index=255))


def test_cross_entropy_is_torchs(case):
    torch.testing.assert_close(cross_entropy(*case), F.cross_entropy(*case, ignore_index=255))


def test_cross_entropy_dice_is_their_sum(case):
    expected = F.cross_entropy(*case, ignore_index=255) + soft_dice_loss(*case)
    torch.testing.assert_close(cross_entropy_dice_loss(*case), expected)
    expected = F.cross_entropy(*case, ignore_index=255) + 0.25 * soft_dice_loss(*case)
    torch.testing.assert_close(cross_entropy_dice_loss(*case, dice_weight=0.25), expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_sure_and_right_prediction_costs_nothing_and_a_sure_and_wrong_one_much(loss, case):
    target = case[1]
    right = 100 * F.one_hot(target.where(target != 255, 0), 4).movedim(-1, 1).float()
    assert loss(right, target).item() == pytest.approx(0, abs=1e-6)
    assert loss(-right, target).item() > 0.5


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_right(loss, case):
    logits, target = case
    assert torch.autograd.gradcheck(lambda x: loss(x, target), logits.requires_grad_())


@pytest.mark.parametrize("gamma", [0, 0.5, 2])
def test_focal_gradient_is_finite_where_the_prediction_is_sure(gamma):
    logits = torch.tensor([200.0, 0.0]).view(1, 2, 1, 1).requires_grad_()
    for label in (0, 1):
        loss = focal_loss(logits, torch.full((1, 1, 1), label), gamma=gamma)
        (gradient,) = torch.autograd.grad(loss, logits)
        assert gradient.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_ignored_changes_nothing(loss, case):
    logits, target = case
    other = logits.clone()
    other.movedim(1, -1)[target == 255] += 7
    torch.testing.assert_close(loss(other, target), loss(logits, target))
    renamed = target.where(target != 255, -1)
    torch.testing.assert_close(loss(logits, renamed, ignore_index=-1), loss(logits, target))


@pytest.mark.parametrize("loss", LOSSES)
def test_without_labelled_pixels_the_loss_is_0_and_so_is_its_gradient(loss):
    logits = torch.randn(2, 3, 4, 5, requires_grad=True)
    value = loss(logits, torch.full((2, 4, 5), 255))
    value.backward()
    assert value.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_an_absent_class_does_not_disturb_dice_even_where_its_probability_underflows():
    logits = torch.tensor([0.0, 1.0, -1e4]).view(1, 3, 1, 1).expand(1, 3, 2, 2).clone().requires_grad_()
    loss = soft_dice_loss(logits, torch.tensor([[[0, 1], [1, 255]]]))
    loss.backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_single(loss, dtype):
    logits = torch.randn(2, 3, 300, 300).to(dtype)  # 180,000 pixels: more than float16 can count
    target = torch.randint(3, (2, 300, 300))
    torch.testing.assert_close(loss(logits, target), loss(logits.float(), target))


@pytest.mark.parametrize("loss", LOSSES)
def test_bad_targets_are_named(loss):
    logits = torch.randn(2, 3, 4, 5)
    with pytest.raises(CourseError, match="target contains class 7, but 3 logits allow 0 to 2"):
        loss(logits, torch.full((2, 4, 5), 7))
    with pytest.raises(CourseError, match=r"need a target .* got \(2, 5, 4\)"):
        loss(logits, torch.zeros(2, 5, 4, dtype=torch.int64))
    with pytest.raises(CourseError, match="gamma is -1"):
        focal_loss(logits, torch.zeros(2, 4, 5, dtype=torch.int64), gamma=-1)
