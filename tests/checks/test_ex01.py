"""The judges of ex01 know the right answers: their references are compared with segutils and with scipy."""

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from checks.trials.ex01 import colorize, encode_mask, encode_nearest, one_hot, predict_labels
from checks.trying import message_of
from segutils import palettes
from segutils.checks import ex01
from segutils.checks.judges.ex01.nearest import expected_mask

TRIALS = {
    ex01.encode_mask: encode_mask,
    ex01.colorize: colorize,
    ex01.predict_labels: predict_labels,
    ex01.one_hot: one_hot,
    ex01.encode_nearest: encode_nearest,
}


@pytest.mark.parametrize("seed", range(5))
def test_nearest_colours_are_those_that_a_tree_finds(seed):
    for case in ex01.encode_nearest.draw(seed):
        distance, _ = cKDTree(case["palette"]).query(case["mask_rgb"].reshape(-1, 3))
        expected = expected_mask(case)
        np.testing.assert_array_equal(expected.ravel() == 255, distance > case["max_distance"])
        painted = np.append(case["palette"], np.zeros((256 - len(case["palette"]), 3)), axis=0)[expected.ravel()]
        reached = np.linalg.norm(case["mask_rgb"].reshape(-1, 3) - painted, axis=1)
        np.testing.assert_allclose(reached[expected.ravel() != 255], distance[expected.ravel() != 255])


def test_a_distance_of_0_is_the_first_task():
    for case in ex01.encode_mask.draw(0):
        picture, palette = case["mask_rgb"], case["palette"]
        known = palettes.Palette([str(index) for index in range(len(palette))], palette).encode(picture)
        np.testing.assert_array_equal(expected_mask({**case, "max_distance": 0}), known)


def test_either_class_is_right_where_two_colours_are_equally_near():
    case = {
        "mask_rgb": np.array([[[10, 0, 0], [0, 0, 0], [90, 0, 0]]], dtype=np.uint8),
        "palette": np.array([[20, 0, 0], [0, 0, 0]], dtype=np.uint8),
        "max_distance": 10,
        "contiguous": True,
        "max_steps": 0,
    }
    for answer, right in [([0, 1, 255], True), ([1, 1, 255], True), ([255, 1, 255], False), ([1, 0, 255], False)]:
        mask = np.array([answer], dtype=np.uint8)
        answers = ex01.encode_nearest.probe(lambda *_, mask=mask: mask.copy(), case)
        assert ex01.encode_nearest.judge(case, answers).passed is right


@pytest.mark.parametrize("seed", range(5))
def test_cases_have_what_their_check_promises(seed):
    pictures = ex01.encode_mask.draw(seed)
    assert {len(case["palette"]) for case in pictures} >= {1, 3, 255}
    for case in pictures + ex01.colorize.draw(seed) + ex01.encode_nearest.draw(seed):
        assert len(np.unique(case["palette"], axis=0)) == len(case["palette"])
    for case in ex01.predict_labels.draw(seed):
        logits = torch.from_numpy(case["logits"]).to(getattr(torch, case["dtype"])).double()
        if logits.shape[1] > 1:
            first, second = logits.topk(2, dim=1).values.unbind(dim=1)
            assert (first > second).all()
    ignored = [np.mean(case["target"] == case["ignore_index"]) for case in ex01.one_hot.draw(seed)]
    assert min(ignored) == 0 and max(ignored) == 1 and sorted(ignored)[len(ignored) // 2] > 0.05


@pytest.mark.parametrize("check", TRIALS, ids=lambda check: check.name)
def test_a_loop_over_pixels_is_told_by_its_steps_alone(check):
    """The loops are right: on the small cases they pass, and the large one is stopped, not judged."""
    loop = TRIALS[check].WRONG["a loop over pixels"][0]
    answers = [(case, check.probe(loop, case)) for case in check.draw(0)]
    assert sum(answer.get("error") == "TooManySteps" for _, answer in answers) == 1
    for case, answer in answers:
        assert answer.get("error") == "TooManySteps" or check.judge(case, answer).passed
    assert "loops over the pixels" in message_of(check, loop)
