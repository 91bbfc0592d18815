"""Solutions of ex01's encode_nearest, as students write them."""

import numpy as np
import torch
from scipy.spatial import cKDTree


def distances(mask_rgb, palette, dtype=np.int64):
    """(H, W, C)"""
    return np.sqrt(((mask_rgb[:, :, None].astype(dtype) - palette.astype(dtype)) ** 2).sum(axis=-1))


def decided(distance, max_distance):
    return np.where(distance.min(axis=-1) <= max_distance, distance.argmin(axis=-1), 255).astype(np.uint8)


def right(mask_rgb, palette, max_distance):
    return decided(distances(mask_rgb, palette), max_distance)


def wrapped(mask_rgb, palette, max_distance):
    return decided(np.sqrt(((mask_rgb[:, :, None] - palette) ** 2).sum(axis=-1)), max_distance)


def wrapped_norm(mask_rgb, palette, max_distance):
    return decided(np.linalg.norm(mask_rgb[:, :, None] - palette, axis=-1), max_distance)


def wrapped_before_float(mask_rgb, palette, max_distance):
    best = np.full(mask_rgb.shape[:2], np.inf)
    mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
    for index, color in enumerate(palette):
        difference = (mask_rgb - color).astype(float)
        distance = np.sqrt((difference**2).sum(axis=-1))
        mask[distance < best] = index
        best = np.minimum(best, distance)
    mask[best > max_distance] = 255
    return mask


def strict(mask_rgb, palette, max_distance):
    distance = distances(mask_rgb, palette)
    return np.where(distance.min(axis=-1) < max_distance, distance.argmin(axis=-1), 255).astype(np.uint8)


def squared_against_plain(mask_rgb, palette, max_distance):
    return decided(distances(mask_rgb, palette) ** 2, max_distance)


def plain_against_squared(mask_rgb, palette, max_distance):
    return decided(distances(mask_rgb, palette), max_distance**2)


def city_block(mask_rgb, palette, max_distance):
    return decided(np.abs(mask_rgb[:, :, None].astype(int) - palette).sum(axis=-1), max_distance)


def largest_channel(mask_rgb, palette, max_distance):
    return decided(np.abs(mask_rgb[:, :, None].astype(int) - palette).max(axis=-1), max_distance)


def mean_square(mask_rgb, palette, max_distance):
    return decided(np.sqrt(((mask_rgb[:, :, None].astype(float) - palette) ** 2).mean(axis=-1)), max_distance)


def channel_by_channel(mask_rgb, palette, max_distance):
    difference = np.abs(mask_rgb[:, :, None].astype(int) - palette)
    near = (difference <= max_distance).all(axis=-1).any(axis=-1)
    return np.where(near, (difference**2).sum(axis=-1).argmin(axis=-1), 255).astype(np.uint8)


def first_within(mask_rgb, palette, max_distance):
    near = distances(mask_rgb, palette) <= max_distance
    return np.where(near.any(axis=-1), near.argmax(axis=-1), 255).astype(np.uint8)


def last_within(mask_rgb, palette, max_distance):
    mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
    for index, color in enumerate(palette.astype(int)):
        mask[np.linalg.norm(mask_rgb - color, axis=-1) <= max_distance] = index
    return mask


def brightness(mask_rgb, palette, max_distance):
    return decided(np.abs(mask_rgb.mean(axis=-1)[..., None] - palette.mean(axis=-1)), max_distance)


def exact(mask_rgb, palette, max_distance):
    return decided(distances(mask_rgb, palette), 0)


def farthest(mask_rgb, palette, max_distance):
    distance = distances(mask_rgb, palette)
    return np.where(distance.min(axis=-1) <= max_distance, distance.argmax(axis=-1), 255).astype(np.uint8)


def far_as(value, dtype=np.uint8):
    def encode_nearest(mask_rgb, palette, max_distance):
        distance = distances(mask_rgb, palette)
        other = len(palette) if value == "C" else value
        return np.where(distance.min(axis=-1) <= max_distance, distance.argmin(axis=-1), other).astype(dtype)

    return encode_nearest


def misaligned(mask_rgb, palette, max_distance):
    return decided(np.sqrt(((mask_rgb.astype(int) - palette) ** 2).sum(axis=-1, keepdims=True)), max_distance)


def in_place(mask_rgb, palette, max_distance):
    mask = right(mask_rgb, palette, max_distance)
    mask_rgb[mask == 255] = 0
    return mask


def by_pixel_loop(mask_rgb, palette, max_distance):
    mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
    for y, row in enumerate(mask_rgb.astype(int)):
        for x, color in enumerate(row):
            distance = np.linalg.norm(palette - color, axis=1)
            if distance.min() <= max_distance:
                mask[y, x] = distance.argmin()
    return mask


def only_indices(mask_rgb, palette, max_distance):
    return distances(mask_rgb, palette).argmin(axis=-1).astype(np.uint8)


def opposite_signs(mask_rgb, palette, max_distance):
    return decided(np.abs((mask_rgb[:, :, None].astype(int) - palette).sum(axis=-1)), max_distance)


def handed_over(mask_rgb, palette, max_distance):
    from segutils import palettes

    known = palettes.Palette([str(index) for index in range(len(palette))], palette).encode(mask_rgb)
    return np.where(known == 255, right(mask_rgb, palette, max_distance), known)


WRONG = {
    "uint8": (wrapped, "wrap round"),
    "uint8, norm": (wrapped_norm, "wrap round"),
    "uint8, float too late": (wrapped_before_float, "wrap round"),
    "int16": (lambda m, p, d: decided(distances(m, p, np.int16), d), "overflow in int16"),
    "int8": (lambda m, p, d: decided(distances(m, p, np.int8), d), "wrap round|overflow"),
    "float16": (lambda m, p, d: decided(distances(m, p, np.float16), d), "overflow in float16"),
    "strictly nearer": (strict, "exactly max_distance"),
    "no limit": (only_indices, "max_distance is not used"),
    "squared against plain": (squared_against_plain, "squared distances were compared"),
    "plain against squared": (plain_against_squared, "square of max_distance"),
    "far ones as class 0": (far_as(0), "became class 0"),
    "far ones as C": (far_as("C"), "became class C"),
    "far ones as -1": (far_as(-1, np.int64), "became -1"),
    "city block": (city_block, "city-block"),
    "largest channel": (largest_channel, "largest difference of a channel"),
    "mean of squares": (mean_square, "averaged over the channels"),
    "channel by channel": (channel_by_channel, "every channel was compared"),
    "first within": (first_within, "first colour within"),
    "last within": (last_within, "last colour within"),
    "brightness": (brightness, "brightness"),
    "only equal ones": (exact, "only equal colours"),
    "farthest": (farthest, "farthest"),
    "signs cancel": (opposite_signs, "cancel"),
    "BGR": (lambda m, p, d: right(m[..., ::-1], p, d), "BGR"),
    "from 1": (lambda m, p, d: np.where(right(m, p, d) < 255, right(m, p, d) + 1, 255).astype(np.uint8), "became 1"),
    "misaligned": (misaligned, "do not line up"),
    "int64": (lambda m, p, d: right(m, p, d).astype(np.int64), "(?s)wrong dtype.*values are right, their dtype is not"),
    "flat": (lambda m, p, d: right(m, p, d).ravel(), "flattened"),
    "transposed": (lambda m, p, d: right(m, p, d).T, "transposed"),
    "distances": (lambda m, p, d: distances(m, p).min(axis=-1), "smallest distances were returned"),
    "a tensor": (lambda m, p, d: torch.from_numpy(right(m, p, d)), "returned a tensor"),
    "changes the picture": (in_place, "changed what it was given: mask_rgb"),
    "a loop over pixels": (by_pixel_loop, "loops over the pixels"),
    "no return": (lambda m, p, d: None, "without `return`"),
    "segutils.palettes": (handed_over, "hands the task over to segutils.palettes"),
    "max_distance rounded": (lambda m, p, d: right(m, p, int(d)), "max_distance was rounded down"),
    "distance rounded": (lambda m, p, d: decided(distances(m, p).astype(int), d), "distance was rounded down"),
}


def by_loop_over_classes(mask_rgb, palette, max_distance):
    picture = mask_rgb.astype(np.float32)
    best = np.full(mask_rgb.shape[:2], max_distance, dtype=np.float32)
    mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
    for index, color in enumerate(palette.astype(np.float32)):
        distance = np.linalg.norm(picture - color, axis=-1)
        nearer = distance <= best  # the last of equally near ones wins
        mask[nearer], best[nearer] = index, distance[nearer]
    return mask


def by_squares(mask_rgb, palette, max_distance):
    squares = ((mask_rgb[:, :, None].astype(int) - palette) ** 2).sum(axis=-1)
    mask = squares.argmin(axis=-1)
    mask[squares.min(axis=-1) > max_distance**2] = 255
    return mask.astype(np.uint8)


def by_expanded_squares(mask_rgb, palette, max_distance):
    pixels, colors = mask_rgb.reshape(-1, 3).astype(float), palette.astype(float)
    squares = (pixels**2).sum(1)[:, None] - 2 * pixels @ colors.T + (colors**2).sum(1)
    mask = np.where(squares.min(axis=1) <= max_distance**2, squares.argmin(axis=1), 255)
    return mask.reshape(mask_rgb.shape[:2]).astype(np.uint8)


def by_tree(mask_rgb, palette, max_distance):
    distance, index = cKDTree(palette).query(mask_rgb.reshape(-1, 3))
    return np.where(distance <= max_distance, index, 255).reshape(mask_rgb.shape[:2]).astype(np.uint8)


def by_torch(mask_rgb, palette, max_distance):
    pixels = torch.from_numpy(mask_rgb.astype(np.float64)).reshape(-1, 3)
    colors = torch.from_numpy(palette.astype(np.float64))
    smallest, index = torch.cdist(pixels, colors, compute_mode="donot_use_mm_for_euclid_dist").min(dim=1)
    index[smallest > max_distance] = 255
    return index.reshape(mask_rgb.shape[:2]).to(torch.uint8).numpy()


RIGHT = {
    "int64": right,
    "float32": lambda m, p, d: decided(distances(m, p, np.float32), d),
    "a loop over classes": by_loop_over_classes,
    "squares": by_squares,
    "squares, multiplied out": by_expanded_squares,
    "a tree": by_tree,
    "torch inside": by_torch,
}
