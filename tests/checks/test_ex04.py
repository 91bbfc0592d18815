"""What the trial solutions of ex04 do not show: the references are the proven ones, and any seed lets a right one pass.

The wrong and right solutions themselves stand in tests/checks/trials/ex04.
"""

import pytest
import torch
import torchvision
from torch.nn import functional as F

from checks.trials.ex04 import aspp_forward, reorder_project
from checks.trying import Cell, given_definitions, message_of
from segutils.checks import ex04
from segutils.checks.judges.ex04.forward import ReferenceASPP
from segutils.checks.modules import load_drawn_weights
from segutils.models import deeplab

ASPP = Cell("ex04_aspp", "aspp_forward", "ASPP")


@pytest.mark.parametrize("seed", range(20))
def test_right_solutions_pass_with_every_seed(seed):
    assert ASPP.message(aspp_forward.by_interpolation, seeds=[seed]) == ""
    assert message_of(ex04.reorder_project, reorder_project.right_order, seeds=[seed]) == ""
    assert message_of(ex04.effective_kernel_size, lambda k, r: (k - 1) * r + 1, seeds=[seed]) == ""


def test_success_is_told_in_one_line(capsys):
    assert ASPP.message(aspp_forward.right_forward) == ""
    assert capsys.readouterr().out == f"ASPP.forward: passed. 6 cases: {ex04.aspp_forward.verified}.\n"


def test_the_reference_is_the_courses_and_torchvisions_aspp():
    torch.manual_seed(0)
    sizes = {"in_channels": 5, "atrous_rates": [1, 2, 3], "out_channels": 4}
    reference = ReferenceASPP(**sizes).eval()
    load_drawn_weights(ex04.ASPP_TASK.ordered_state(reference), seed=3)
    x = torch.randn(2, 5, 9, 7)
    for other in (deeplab.ASPP(**sizes), torchvision.models.segmentation.deeplabv3.ASPP(**sizes)):
        ported = dict(zip(other.state_dict(), reference.state_dict().values(), strict=True))
        other.load_state_dict(ported)
        torch.testing.assert_close(other.eval()(x), reference(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("ready", [deeplab.ASPP, torchvision.models.segmentation.deeplabv3.ASPP])
def test_a_ready_class_is_told(ready):
    assert "hands the task over" in message_of(ex04.aspp_forward, ready)


def test_an_instance_in_place_of_the_class_is_told():
    assert "is not callable" in message_of(ex04.aspp_forward, None)
    assert "pass the class itself" in message_of(ex04.aspp_forward, lambda *sizes: "ASPP")
    aspp = given_definitions("ex04_aspp")["ASPP"](3, [2])
    assert message_of(ex04.aspp_forward, aspp) != ""


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_the_reordered_weight_gives_the_same_output_with_the_image_pool_first(kernel_size):
    torch.manual_seed(0)
    convs, pool = [torch.randn(2, 5, 9, 7) for _ in range(4)], torch.randn(2, 5, 9, 7)
    weight = torch.randn(5, 25, kernel_size, kernel_size)
    reordered = reorder_project.right_order(weight, num_convs=4)
    ours = F.conv2d(torch.cat([*convs, pool], dim=1), weight, padding=kernel_size // 2)
    pool_first = F.conv2d(torch.cat([pool, *convs], dim=1), reordered, padding=kernel_size // 2)
    torch.testing.assert_close(pool_first, ours)
    unchanged = F.conv2d(torch.cat([pool, *convs], dim=1), weight, padding=kernel_size // 2)
    assert not torch.allclose(unchanged, ours, atol=0.1)


def test_memory_shared_with_the_weight_is_told():
    def reorder(weight, num_convs):
        return weight.set_(reorder_project.right_order(weight, num_convs))

    assert message_of(ex04.reorder_project, reorder) != ""
