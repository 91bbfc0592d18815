"""The references of ex03 are the course's and segmentation-models-pytorch's modules; torch's own pooling is noticed."""

from types import SimpleNamespace

import pytest
import torch
from models.oracles import half_pixel_resize
from models.test_pspnet import port_stages
from segmentation_models_pytorch.decoders.pspnet import decoder as smp
from torch.nn import functional as F

from checks.trying import given_definitions, message_of
from segutils.checks import ex03
from segutils.checks.judges.ex03.pyramid import ReferencePyramid
from segutils.checks.modules import load_drawn_weights
from segutils.models import pspnet


def drawn_reference(in_channels, pool_sizes):
    reference = ReferencePyramid(in_channels, pool_sizes).eval()
    load_drawn_weights(ex03.PYRAMID_TASK.ordered_state(reference), seed=3)
    return reference


@pytest.mark.parametrize("size", [(9, 7), (3, 5), (1, 1), (24, 30)])
def test_the_reference_is_the_courses_pyramid(size):
    reference, course = drawn_reference(8, (1, 2, 3, 6)), pspnet.PyramidPooling(8, (1, 2, 3, 6)).eval()
    course.load_state_dict(dict(zip(course.state_dict(), reference.state_dict().values(), strict=True)))
    x = torch.randn(2, 8, *size)
    torch.testing.assert_close(reference(x), course(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(9, 7), (3, 5), (24, 30)])
def test_the_reference_is_segmentation_models_pytorchs(monkeypatch, size):
    monkeypatch.setattr(smp, "F", SimpleNamespace(interpolate=half_pixel_resize))  # theirs alone
    theirs, reference = smp.PSPModule(12, (1, 2, 6)).eval(), ReferencePyramid(12, (1, 2, 6)).eval()
    port_stages(theirs, reference)
    x = torch.randn(2, 12, *size)
    torch.testing.assert_close(reference(x), theirs(x).roll(12, dims=1), rtol=0, atol=1e-6)  # they put x last


def test_the_given_class_makes_the_parts_of_the_course():
    given = given_definitions("ex03_pspnet")["PyramidPooling"](8)
    shapes = [[value.shape for value in module.state_dict().values()] for module in (given, pspnet.PyramidPooling(8))]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("seed", range(20))
def test_right_solutions_pass_with_every_seed(seed):
    class PyramidPooling(given_definitions("ex03_pspnet")["PyramidPooling"]):
        def forward(self, x):
            up = torch.nn.Upsample(size=x.shape[-2:], mode="bilinear")
            return torch.cat([x, *(up(stage(x)) for stage in self.stages)], dim=1)

    def adaptive_average_pool(x, bins):
        edges = [[(i * n // bins, -(-(i + 1) * n // bins)) for i in range(bins)] for n in x.shape[-2:]]
        cells = [x[..., a:b, c:d].mean((2, 3)) for a, b in edges[0] for c, d in edges[1]]
        return torch.stack(cells, -1).view(*x.shape[:2], bins, bins)

    assert message_of(ex03.pyramid_pooling_forward, PyramidPooling, seeds=[seed]) == ""
    assert message_of(ex03.adaptive_average_pool, adaptive_average_pool, seeds=[seed]) == ""


def test_pooling_by_torch_is_noticed_in_every_case():
    """But for one bin, which torch itself computes as a mean."""
    for case in ex03.draw_maps(0):
        for pooling in (F.adaptive_avg_pool2d, lambda x, bins: F.interpolate(x, size=bins, mode="area") + 0):
            answers = ex03.probe_adaptive_average_pool(pooling, case)
            assert answers["pooled_by_torch"] is (case["bins"] != 1)
        assert ex03.probe_adaptive_average_pool(lambda x, bins: x.mean(), case)["pooled_by_torch"] is False


def test_the_course_class_is_a_ready_answer():
    assert "hands the task over to segutils.models.pspnet" in message_of(
        ex03.pyramid_pooling_forward, pspnet.PyramidPooling
    )
