import pytest
import torch

from segutils.experiments import atrous, read_table
from segutils.palettes import CAMVID


@pytest.fixture(scope="module")
def rows():
    return {(row["rates"], row["seed"]): row for row in read_table("04_stacks")}


def test_the_stored_table_has_every_stack_and_seed(rows):
    stacks = {" ".join(map(str, rates)) for rates in atrous.STACKS}
    assert set(rows) == {(stack, seed) for stack in stacks for seed in atrous.SEEDS}


def test_one_stored_row_comes_out_again(rows):
    """Another machine sums in another order, and 160 training steps amplify that: 0.05 is the tolerance."""
    again = atrous.run((1, 1, 1, 1), 0, atrous.training_frames(), atrous.held_out_frames())
    stored = rows["1 1 1 1", 0]
    for column in ("road", "sidewalk", "marking", "mean"):
        assert again[column] == pytest.approx(stored[column], abs=0.05), column


def test_what_the_lecture_says_of_the_table_holds(rows):
    """Growing rates know sidewalks best, whatever the seeds; one rate helps up to a point."""
    sidewalk = {
        rates: [row["sidewalk"] for (name, _), row in rows.items() if name == " ".join(map(str, rates))]
        for rates in atrous.STACKS
    }
    growing = sidewalk.pop((1, 2, 4, 8))
    assert all(min(growing) > max(values) for values in sidewalk.values())
    assert max(sidewalk[1, 1, 1, 1]) < min(sidewalk[4, 4, 4, 4])
    assert max(sidewalk[16, 16, 16, 16]) < min(sidewalk[4, 4, 4, 4])


def test_stacks_have_the_same_parameters_and_keep_the_size():
    counts = set()
    for rates in atrous.STACKS:
        model = atrous.AtrousStack(3, rates)
        counts.add(sum(parameter.numel() for parameter in model.parameters()))
        assert model(torch.zeros(2, 3, 33, 41))["out"].shape == (2, 3, 33, 41)
        assert [layer[0].dilation[0] for layer in list(model.layers)[:-1]] == list(rates)
    assert len(counts) == 1


def test_ground_only_keeps_road_sidewalk_and_marking_and_ignores_the_rest():
    names = ("Road", "Sky", "Sidewalk", "LaneMkgsDriv")
    mask = torch.tensor([[CAMVID.names.index(name) for name in names] + [255]])
    image, target = atrous.ground_only(torch.full((3, 1, 5), 128, dtype=torch.uint8), mask)
    assert target.tolist() == [[0, 255, 1, 2, 255]]
    assert image.dtype == torch.float32
    assert image[0, 0, 0].item() == pytest.approx((128 / 255 - 0.485) / 0.229, abs=1e-5)
