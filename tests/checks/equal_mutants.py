"""Mutants that no check can see, since they compute the very same: exercise.grade_id -> change -> why it is equal."""

DEFAULT = "align_corners is False where nothing is said"
LAST_TWO = "a map (N, C, H, W) has its height and width at places 2 and 3, the last two"
EITHER_ORDER = "the two masks are joined by `and` or `or`, which take them in either order"

EQUAL: dict[str, dict[str, str]] = {
    "ex01.colorize": {
        "colors = np.zeros((256, 3), dtype=np.uint8) => colors = np.zeros((257, 3), dtype=np.uint8)": (
            "a uint8 mask never asks for row 256"
        ),
    },
    "ex01.one_hot": {
        "return (layers * labelled[..., None]).movedim(-1, 1).float()"
        " => return (layers & labelled[..., None]).movedim(-1, 1).float()": "the factors are 0 and 1",
    },
    "ex01.encode_nearest": {
        "differences = mask_rgb[:, :, None].astype(np.int32) - palette"
        " => differences = palette - mask_rgb[:, :, None].astype(np.int32)": "the differences are squared",
    },
    "ex02.fc_to_conv": {
        "has_bias = fc.bias is not None => has_bias = fc.bias != None": "a tensor never equals None",
    },
    "ex02.bilinear_kernel": {
        "line = 1 - away / stride => line = away / stride - 1": "every weight is a product of two: both signs change",
        "away = (torch.arange(size) - (size - 1) / 2).abs() => away = ((size - 1) / 2 - torch.arange(size)).abs()": (
            "a distance is the same in both directions"
        ),
    },
    "ex02.fuse_skips": {
        "return F.interpolate(scores, size=size, mode='bilinear', align_corners=False)"
        " => return F.interpolate(scores, size=size, mode='bilinear')": DEFAULT,
        "scores = F.interpolate(scores, size=skip.shape[-2:], mode='bilinear', align_corners=False) + skip"
        " => scores = F.interpolate(scores, size=skip.shape[-2:], mode='bilinear') + skip": DEFAULT,
        "scores = F.interpolate(scores, size=skip.shape[-2:], mode='bilinear', align_corners=False) + skip"
        " => scores = F.interpolate(scores, size=skip.shape[2:], mode='bilinear', align_corners=False) + skip": (
            LAST_TWO
        ),
    },
    "ex03.pyramid_pooling_forward": {
        "pooled = [F.interpolate(part, size=x.shape[-2:], mode='bilinear', align_corners=False) for part in pooled]"
        " => pooled = [F.interpolate(part, size=x.shape[-2:], mode='bilinear') for part in pooled]": DEFAULT,
        "pooled = [F.interpolate(part, size=x.shape[-2:], mode='bilinear', align_corners=False) for part in pooled]"
        " => pooled = [F.interpolate(part, size=x.shape[2:], mode='bilinear', align_corners=False)"
        " for part in pooled]": LAST_TWO,
    },
    "ex03.adaptive_average_pool": {
        "for dim in (2, 3): => for dim in (3, 2):": "the mean over a rectangle does not ask which side comes first",
    },
    "ex05.decoder_forward": {
        "rich = F.interpolate(high_level, size=size, mode='bilinear', align_corners=False)"
        " => rich = F.interpolate(high_level, size=size, mode='bilinear')": DEFAULT,
        "size = low_level.shape[-2:] => size = low_level.shape[2:]": LAST_TWO,
    },
    "ex06.binary_iou": {
        "return intersection / union if union else float('nan') => return intersection / union": (
            "numpy's 0 / 0 is nan (with a warning)"
        ),
        "intersection = np.logical_and(a, b).sum() => intersection = np.logical_and(b, a).sum()": EITHER_ORDER,
        "union = np.logical_or(a, b).sum() => union = np.logical_or(b, a).sum()": EITHER_ORDER,
    },
    "ex06.boundary_iou": {
        "for mask in (a, b): => for mask in (b, a):": EITHER_ORDER,
        "side, bands = (2 * radius + 1, []) => side, bands = (2 * radius | 1, [])": "2 * radius is even",
        "side, bands = (2 * radius + 1, []) => side, bands = (2 * radius ^ 1, [])": "2 * radius is even",
        "bands.append(np.logical_and(mask, ~squares.reshape(*mask.shape, side ** 2).all(axis=2)))"
        " => bands.append(np.logical_and(~squares.reshape(*mask.shape, side ** 2).all(axis=2), mask))": EITHER_ORDER,
    },
    "ex07.copy_nearest": {
        "nearest = [min(train, key=lambda other: (abs(other - frame), other)) for frame in test]"
        " => nearest = [min(train, key=lambda other: (abs(frame - other), other)) for frame in test]": (
            "a distance is the same in both directions"
        ),
    },
}
