"""Joint transforms: whatever moves a pixel moves its label, and masks never gain a class."""

import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset

from segutils.errors import CourseError
from segutils.transforms import IMAGENET_MEAN, IMAGENET_STD, denormalize, eval_transform, normalize, train_transform

PLAIN = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0}


def blocks(height, width, seed=0, side=8):
    """A mask of square blocks, and an image that shows class k as the grey k / 10."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, 10, (-(-height // side), -(-width // side)), generator=generator)
    mask = coarse.repeat_interleave(side, 0).repeat_interleave(side, 1)[:height, :width].contiguous()
    return (mask / 10).expand(3, -1, -1).contiguous(), mask


sides = st.integers(20, 50)


@settings(max_examples=20, deadline=None)
@given(height=sides, width=sides, crop=st.tuples(sides, sides), seed=st.integers(0, 10**6))
def test_masks_never_gain_a_class(height, width, crop, seed):
    image, mask = blocks(height, width, seed)
    torch.manual_seed(seed)
    for transform in (train_transform(crop), eval_transform(crop)):
        out, target = transform(image, mask)
        assert out.shape == (3, *crop) and target.shape == crop
        assert out.dtype == torch.float32 and target.dtype == torch.int64
        assert type(out) is torch.Tensor and type(target) is torch.Tensor
        assert set(target.unique().tolist()) <= set(mask.unique().tolist()) | {255}
    assert 255 not in target  # a resize pads nothing


@settings(max_examples=20, deadline=None)
@given(height=sides, width=sides, crop=st.tuples(sides, sides), seed=st.integers(0, 10**6))
def test_image_and_mask_stay_aligned(height, width, crop, seed):
    image, mask = blocks(height, width, seed, side=16)  # at least 8 pixels a block after scaling
    torch.manual_seed(seed)
    out, target = train_transform(crop, **PLAIN)(image, mask)
    shown = denormalize(out) * 10
    padded = target == 255
    mean = torch.tensor(IMAGENET_MEAN).view(3, 1, 1) * 10
    assert torch.allclose(shown[:, padded], mean.expand_as(shown)[:, padded], atol=1e-4)
    # The bilinear image is a mixture of neighbouring classes at block borders; inside the blocks both must agree.
    agree = (shown[0] - target).abs() < 0.01
    inside = _constant_window(target, 7)
    assert inside.any() and agree[inside].all()


def _constant_window(target, size):
    """Pixels whose whole neighbourhood has one label."""
    windows = torch.nn.functional.pad(target[None, None].float(), [size // 2] * 4, value=-1).unfold(2, size, 1)
    windows = windows.unfold(3, size, 1)[0, 0].flatten(2)
    return (windows.amax(2) == windows.amin(2)) & (target != 255)


def test_a_one_pixel_shift_would_be_seen():
    """The alignment test above can fail: the same comparison on a shifted mask."""
    image, mask = blocks(48, 48)
    out, target = train_transform((48, 48), scale=(1.0, 1.0), flip=0.0, **PLAIN)(image, mask)
    assert torch.equal(target, mask)
    assert not torch.allclose(denormalize(out)[0] * 10, target.roll(1, 1).float(), atol=0.01)


@given(seed=st.integers(0, 10**6))
@settings(deadline=None)
def test_denormalize_undoes_normalize(seed):
    x = torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert torch.allclose(denormalize(normalize(x)), x, rtol=0, atol=1e-15)
    assert torch.allclose(denormalize(normalize(x[0].float())), x[0].float(), rtol=0, atol=3e-7)


def test_normalize_is_per_channel_and_scales_bytes():
    x = torch.tensor(IMAGENET_MEAN).view(3, 1, 1).expand(3, 2, 2)
    assert torch.equal(normalize(x), torch.zeros(3, 2, 2))
    one_up = x + torch.tensor(IMAGENET_STD).view(3, 1, 1)
    assert torch.allclose(normalize(one_up), torch.ones(3, 2, 2), atol=1e-6)
    bytes_ = torch.randint(0, 256, (3, 4, 4), dtype=torch.uint8)
    assert torch.allclose(normalize(bytes_), normalize(bytes_ / 255), atol=1e-6)
    v2 = pytest.importorskip("torchvision.transforms.v2")
    assert torch.allclose(normalize(bytes_), v2.functional.normalize(bytes_ / 255, IMAGENET_MEAN, IMAGENET_STD))


def test_eval_transform_without_size_changes_nothing_but_the_scale():
    image, mask = blocks(21, 33)
    out, target = eval_transform()((image * 255).to(torch.uint8), mask.to(torch.uint8))
    assert torch.equal(target, mask) and target.dtype == torch.int64
    assert torch.allclose(denormalize(out), (image * 255).to(torch.uint8) / 255, atol=1e-6)


def test_eval_transform_resizes_images_smoothly_and_masks_by_the_nearest_pixel():
    torch.manual_seed(0)
    image = torch.rand(3, 64, 64)
    mask = torch.zeros(64, 64, dtype=torch.int64)
    mask[:, 32:] = 11
    out, target = eval_transform((16, 16))(image, mask)
    assert target.unique().tolist() == [0, 11]
    # antialiased: the average over 4x4 blocks and their surroundings varies far less than single pixels do
    assert denormalize(out).std() < 0.5 * image.std()
    torch.manual_seed(5)
    again, _ = eval_transform((16, 16))(image, mask)
    assert torch.equal(out, again)


def test_the_seed_fixes_a_training_transform():
    image, mask = blocks(40, 50)
    transform = train_transform((32, 32))
    results = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        results.append([transform(image, mask) for _ in range(3)])
    for (a, b), (c, d) in zip(results[0], results[1], strict=True):
        assert torch.equal(a, c) and torch.equal(b, d)
    assert not torch.equal(results[0][0][0], results[2][0][0])
    assert not torch.equal(results[0][0][1], results[0][1][1])


def test_training_scales_both_ways_flips_and_jitters():
    image, mask = blocks(40, 40)
    ramp = torch.arange(40).expand(40, 40).contiguous()
    torch.manual_seed(0)
    scaled = [train_transform((80, 80), **PLAIN)(image, ramp)[1] for _ in range(40)]
    shares = [(target != 255).float().mean().item() for target in scaled]  # (factor / 2)^2
    assert min(shares) < 0.15 and max(shares) > 0.8
    flipped = [train_transform((40, 40), scale=(1, 1), **PLAIN)(image, ramp)[1] for _ in range(40)]
    assert {bool(target[0, 0] > target[0, -1]) for target in flipped} == {True, False}
    plain = [train_transform((40, 40), scale=(1, 1), flip=0.0)(image, mask)[0] for _ in range(3)]
    assert not torch.allclose(plain[0], plain[1]) and not torch.allclose(plain[1], plain[2])


def test_inputs_are_left_alone():
    image, mask = blocks(40, 50)
    before = image.clone(), mask.clone()
    for transform in (train_transform((32, 32)), eval_transform((20, 20)), eval_transform()):
        out, target = transform(image, mask)
        out += 1
        target += 1
        assert torch.equal(image, before[0]) and torch.equal(mask, before[1])


class Items(Dataset):
    """Eight times the same pair."""

    def __init__(self, transform):
        self.transform = transform

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return self.transform(*blocks(40, 40))


def test_workers_of_a_loader_get_transforms_and_numbers_of_their_own():
    transform = pickle.loads(pickle.dumps(train_transform((24, 24))))
    torch.manual_seed(0)
    images, masks = zip(*DataLoader(Items(transform), batch_size=4, num_workers=2), strict=True)
    assert images[0].shape == (4, 3, 24, 24) and masks[0].shape == (4, 24, 24)
    assert not torch.equal(images[0], images[1])


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        (torch.zeros(3, 8, 8), torch.zeros(8, 9, dtype=torch.long)),
        (torch.zeros(8, 8, 3), torch.zeros(8, 8, dtype=torch.long)),
        (torch.zeros(1, 3, 8, 8), torch.zeros(8, 8, dtype=torch.long)),
        (torch.zeros(3, 8, 8), torch.zeros(1, 8, 8, dtype=torch.long)),
        (torch.zeros(3, 8, 8), torch.zeros(8, 8)),
        (torch.zeros(3, 8, 8, dtype=torch.long), torch.zeros(8, 8, dtype=torch.long)),
    ],
)
def test_a_pair_that_does_not_fit_is_named(image, mask):
    for transform in (eval_transform(), train_transform((8, 8))):
        with pytest.raises(CourseError, match="a transform takes an image"):
            transform(image, mask)


def test_wrong_settings_are_named():
    for size in (8, (8,), (8, 8, 8), (0, 8), (8.0, 8)):
        with pytest.raises(CourseError, match="height, width"):
            train_transform(size)
        with pytest.raises(CourseError, match="height, width"):
            eval_transform(size)
    for scale in ((2.0, 0.5), (0.0, 1.0)):
        with pytest.raises(CourseError, match="scale"):
            train_transform((8, 8), scale=scale)
    with pytest.raises(CourseError, match="3, H, W"):
        normalize(torch.zeros(8, 8, 3))
