"""Solutions of ex01's encode_mask, as students write them."""

import numpy as np
import torch


def whole(mask_rgb, palette, start=255, step=0, classes=None, dtype=np.uint8):
    """A loop over classes: the common frame of many solutions, and of many errors."""
    mask = np.full(mask_rgb.shape[:2], start, dtype=dtype)
    for index in classes or range(len(palette)):
        mask[(mask_rgb == palette[index]).all(axis=-1)] = index + step
    return mask


def by_argmax(mask_rgb, palette):
    return (mask_rgb[:, :, None] == palette).all(axis=-1).argmax(axis=-1).astype(np.uint8)


def any_channel(mask_rgb, palette):
    mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
    for index, color in enumerate(palette):
        mask[(mask_rgb == color).any(axis=-1)] = index
    return mask


def any_channel_from_zeros(mask_rgb, palette):
    return (mask_rgb[:, :, None] == palette).any(axis=-1).argmax(axis=-1).astype(np.uint8)


def red_only(mask_rgb, palette):
    mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
    for index, color in enumerate(palette):
        mask[mask_rgb[..., 0] == color[0]] = index
    return mask


def blue_only(mask_rgb, palette):
    mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
    for index, color in enumerate(palette):
        mask[mask_rgb[:, :, 2] == color[2]] = index
    return mask


def sums(mask_rgb, palette):
    mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
    for index, color in enumerate(palette):
        mask[mask_rgb.sum(axis=2) == color.sum()] = index
    return mask


def minus_one(mask_rgb, palette):
    match = (mask_rgb[:, :, None] == palette).all(-1)
    return np.where(match.any(-1), match.argmax(-1), -1)


def minus_one_in_uint8(mask_rgb, palette):
    """-1 in int16, turned into uint8 at the end, is 255: right."""
    return whole(mask_rgb, palette, start=-1, dtype=np.int16).astype(np.uint8)


def squares_overflow(mask_rgb, palette):
    mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
    for index, color in enumerate(palette):
        mask[((mask_rgb - color) ** 2).sum(axis=-1) == 0] = index
    return mask


def shifts_overflow(mask_rgb, palette):
    def code(rgb):
        return rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2]

    mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
    for index, color in enumerate(code(palette)):
        mask[code(mask_rgb) == color] = index
    return mask


def products_overflow(mask_rgb, palette):
    codes = mask_rgb[..., 0] * 65536 + mask_rgb[..., 1] * 256 + mask_rgb[..., 2]
    table = {int(r) * 65536 + int(g) * 256 + int(b): index for index, (r, g, b) in enumerate(palette)}
    mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
    for code, index in table.items():
        mask[codes == code] = index
    return mask


def base_255(mask_rgb, palette):
    weights = np.array([255 * 255, 255, 1])
    mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
    for index, code in enumerate(palette @ weights):
        mask[mask_rgb @ weights == code] = index
    return mask


def base_100(mask_rgb, palette):
    weights = np.array([10_000, 100, 1])
    mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
    for index, code in enumerate(palette @ weights):
        mask[mask_rgb @ weights == code] = index
    return mask


def float32_codes(mask_rgb, palette):
    weights = np.array([1e6, 1e3, 1], dtype=np.float32)
    mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
    for index, code in enumerate(palette.astype(np.float32) @ weights):
        mask[mask_rgb.astype(np.float32) @ weights == code] = index
    return mask


def nearest(mask_rgb, palette):
    distance = ((mask_rgb[:, :, None].astype(int) - palette) ** 2).sum(axis=-1)
    return distance.argmin(axis=-1).astype(np.uint8)


def tolerant(mask_rgb, palette):
    match = (np.abs(mask_rgb[:, :, None].astype(int) - palette) <= 1).all(axis=-1)
    return np.where(match.any(axis=-1), match.argmax(axis=-1), 255).astype(np.uint8)


def zeros_then_255(mask_rgb, palette):
    mask = whole(mask_rgb, palette, start=0)
    mask[mask == 0] = 255
    return mask


def black_is_void(mask_rgb, palette):
    mask = whole(mask_rgb, palette)
    mask[(mask_rgb == 0).all(axis=-1)] = 255
    return mask


def bgr(mask_rgb, palette):
    return whole(mask_rgb[..., ::-1], palette)


def unique_numbers(mask_rgb, palette):
    _, inverse = np.unique(mask_rgb.reshape(-1, 3), axis=0, return_inverse=True)
    return inverse.reshape(mask_rgb.shape[:2]).astype(np.uint8)


def early_return(mask_rgb, palette):
    mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
    for index, color in enumerate(palette):
        mask[(mask_rgb == color).all(axis=-1)] = index
        return mask


def anew_for_each_class(mask_rgb, palette):
    for index, color in enumerate(palette):
        mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
        mask[(mask_rgb == color).all(axis=-1)] = index
    return mask


def same_shape_as_picture(mask_rgb, palette):
    mask = np.full_like(mask_rgb, 255)
    for index, color in enumerate(palette):
        mask[(mask_rgb == color).all(axis=-1)] = index
    return mask


def in_place(mask_rgb, palette):
    mask = whole(mask_rgb, palette)
    mask_rgb[mask == 255] = 0
    return mask


def palette_in_place(mask_rgb, palette):
    mask = whole(mask_rgb, palette)
    palette[:] = palette[::-1]
    return mask


def by_pixel_loop(mask_rgb, palette):
    table = {tuple(color): index for index, color in enumerate(palette.tolist())}
    mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
    for y in range(mask_rgb.shape[0]):
        for x in range(mask_rgb.shape[1]):
            mask[y, x] = table.get(tuple(mask_rgb[y, x].tolist()), 255)
    return mask


def by_comprehension(mask_rgb, palette):
    table = {tuple(color): index for index, color in enumerate(palette.tolist())}
    return np.array([[table.get(tuple(pixel), 255) for pixel in row] for row in mask_rgb.tolist()], dtype=np.uint8)


def along_axis(mask_rgb, palette):
    table = {tuple(color): index for index, color in enumerate(palette.tolist())}
    return np.apply_along_axis(lambda pixel: table.get(tuple(pixel.tolist()), 255), 2, mask_rgb).astype(np.uint8)


def misaligned(mask_rgb, palette):
    return np.where((mask_rgb == palette).all(axis=-1), 0, 255).astype(np.uint8)


def row_missing_for_unknown(mask_rgb, palette):
    table = {tuple(color): index for index, color in enumerate(palette.tolist())}
    colors, inverse = np.unique(mask_rgb.reshape(-1, 3), axis=0, return_inverse=True)
    return np.array([table[tuple(color)] for color in colors.tolist()], np.uint8)[inverse].reshape(mask_rgb.shape[:2])


def handed_over(mask_rgb, palette):
    from segutils.palettes import Palette

    return Palette([str(index) for index in range(len(palette))], palette).encode(mask_rgb)


def int8(mask_rgb, palette):
    return whole(mask_rgb, palette, dtype=np.int16).astype(np.int8)


def searched(mask_rgb, palette):
    """np.searchsorted, without a look at what stands at the place."""
    codes, wanted = (colors.astype(int) @ [65536, 256, 1] for colors in (palette, mask_rgb))
    order = codes.argsort()
    return order[np.searchsorted(codes[order], wanted).clip(max=len(palette) - 1)].astype(np.uint8)


def two_channels(mask_rgb, palette):
    mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
    for index, color in enumerate(palette):
        mask[(mask_rgb[..., :2] == color[:2]).all(axis=-1)] = index
    return mask


def without_first_color(mask_rgb, palette):
    mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
    for index, color in enumerate(palette[1:]):
        mask[(mask_rgb == color).all(axis=-1)] = index
    return mask


def any_of_three(mask_rgb, palette):
    mask = np.full(mask_rgb.shape[:2], 255, dtype=np.uint8)
    for index, color in enumerate(palette):
        mask[np.isin(mask_rgb, color).all(axis=-1)] = index
    return mask


WRONG = {
    "argmax without a match": (by_argmax, "silently became class 0"),
    "zeros at the start": (lambda m, p: whole(m, p, start=0), "silently became class 0"),
    "minus one": (minus_one, "(?s)wrong dtype.*became -1"),
    "C for unknown": (lambda m, p: whole(m, p, start=len(p)), "became class C"),
    "254 for unknown": (lambda m, p: whole(m, p, start=254), "became 254"),
    "any channel": (any_channel, "any channel in common"),
    "any channel, argmax": (any_channel_from_zeros, "any channel in common"),
    "red only": (red_only, "only the red channel"),
    "blue only": (blue_only, "only the blue channel"),
    "sums of channels": (sums, "sums of the channels"),
    "squares in uint8": (squares_overflow, "squares of uint8 differences overflow"),
    "shifts in uint8": (shifts_overflow, "only the blue channel|joined in uint8"),
    "products in uint8": (products_overflow, "joined in uint8"),
    "base 255": (base_255, "several colours share"),
    "base 100": (base_100, "several colours share"),
    "float32 codes": (float32_codes, "too few digits"),
    "nearest": (nearest, "nearest colour was taken"),
    "with a tolerance": (tolerant, r"close were called equal"),
    "zeros turned into 255": (zeros_then_255, "class 0 became 255"),
    "black is void": (black_is_void, "black was taken for unknown"),
    "BGR": (bgr, "BGR"),
    "from 1": (lambda m, p: whole(m, p, step=1), "first class became 1"),
    "from 1, zeros": (lambda m, p: whole(m, p, start=0, step=1), "first class became 1"),
    "last class forgotten": (
        lambda m, p: whole(m, p, classes=range(len(p) - 1)) if len(p) > 1 else whole(m, p),
        "last",
    ),
    "first class forgotten": (
        lambda m, p: whole(m, p, classes=range(1, len(p))) if len(p) > 1 else whole(m, p),
        "first",
    ),
    "np.unique": (unique_numbers, "numbered by np.unique"),
    "return inside the loop": (early_return, "inside the loop"),
    "anew for each class": (anew_for_each_class, "made anew"),
    "three channels": (same_shape_as_picture, "(?s)wrong shape.*all three channels"),
    "int64": (lambda m, p: whole(m, p, dtype=np.int64), "(?s)wrong dtype.*values are right, their dtype is not"),
    "float64": (lambda m, p: whole(m, p, dtype=float), "(?s)wrong dtype.*values are right, their dtype is not"),
    "int8": (int8, "(?s)wrong dtype.*int8"),
    "a tensor": (lambda m, p: torch.from_numpy(whole(m, p)), "returned a tensor"),
    "a list": (lambda m, p: whole(m, p).tolist(), "returned a list"),
    "transposed": (lambda m, p: whole(m, p).T, "transposed"),
    "flat": (lambda m, p: whole(m, p).ravel(), "flattened"),
    "match per class": (lambda m, p: (m[:, :, None] == p).all(-1), "one number per class and pixel"),
    "misaligned": (misaligned, "do not line up"),
    "KeyError": (row_missing_for_unknown, "(?s)raised KeyError.*no entry for an unknown one"),
    "changes the picture": (in_place, "changed what it was given: mask_rgb"),
    "changes the palette": (palette_in_place, "changed what it was given: palette"),
    "a loop over pixels": (by_pixel_loop, "loops over the pixels"),
    "a comprehension over pixels": (by_comprehension, "loops over the pixels"),
    "apply_along_axis": (along_axis, "loops over the pixels"),
    "no return": (lambda m, p: None, "without `return`"),
    "segutils.palettes": (handed_over, "hands the task over to segutils.palettes"),
    "searched, not compared": (searched, "np.searchsorted always finds a place"),
    "blue left out": (two_channels, "blue channel was not compared"),
    "first colour left out": (without_first_color, "first colour was left out"),
    "np.isin": (any_of_three, "np.isin"),
}


def by_codes(mask_rgb, palette):
    def code(rgb):
        rgb = rgb.astype(np.int32)
        return rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2]

    table = np.full(1 << 24, 255, dtype=np.uint8)
    table[code(palette)] = np.arange(len(palette))
    return table[code(mask_rgb)]


def by_broadcasting(mask_rgb, palette):
    match = (mask_rgb[:, :, None, :] == palette[None, None]).all(axis=3)
    return np.where(match.any(axis=2), match.argmax(axis=2), 255).astype("uint8")


def by_unique_colors(mask_rgb, palette):
    table = {tuple(color): index for index, color in enumerate(palette.tolist())}
    colors, inverse = np.unique(mask_rgb.reshape(-1, 3), axis=0, return_inverse=True)
    indices = np.array([table.get(tuple(color), 255) for color in colors.tolist()], dtype=np.uint8)
    return indices[inverse].reshape(mask_rgb.shape[:2])


def by_sorted_codes(mask_rgb, palette):
    weights = np.array([65536, 256, 1])
    order = np.argsort(palette @ weights)
    codes = (palette @ weights)[order]
    place = np.searchsorted(codes, mask_rgb @ weights).clip(max=len(codes) - 1)
    return np.where(codes[place] == mask_rgb @ weights, order[place], 255).astype(np.uint8)


def by_channels(mask_rgb, palette):
    r, g, b = mask_rgb[:, :, 0], mask_rgb[:, :, 1], mask_rgb[:, :, 2]
    mask = np.ones(mask_rgb.shape[:2], dtype=np.uint8) * np.uint8(255)
    for index in range(palette.shape[0]):
        mask[(r == palette[index, 0]) & (g == palette[index, 1]) & (b == palette[index, 2])] = index
    return mask


def by_torch(mask_rgb, palette):
    match = (torch.from_numpy(mask_rgb.copy())[:, :, None] == torch.from_numpy(palette.copy())).all(dim=-1)
    mask = torch.where(match.any(-1), match.int().argmax(-1), 255)
    return mask.to(torch.uint8).numpy()


def by_select(mask_rgb, palette):
    conditions = [np.all(mask_rgb == color, axis=2) for color in palette]
    return np.select(conditions, [np.uint8(index) for index in range(len(palette))], default=np.uint8(255))


def by_absolute_differences(mask_rgb, palette):
    mask = np.full(mask_rgb.shape[:2], 255, np.uint8)
    for index, color in enumerate(palette.astype(int)):
        mask[np.abs(mask_rgb.astype(int) - color).sum(axis=2) == 0] = index
    return mask


def by_rows(mask_rgb, palette):
    rows = []
    for row in mask_rgb:
        match = (row[:, None] == palette).all(-1)
        rows.append(np.where(match.any(-1), match.argmax(-1), 255))
    return np.stack(rows).astype(np.uint8)


RIGHT = {
    "a loop over classes": whole,
    "minus one that wraps": minus_one_in_uint8,
    "codes and a table": by_codes,
    "broadcasting": by_broadcasting,
    "unique colours": by_unique_colors,
    "sorted codes": by_sorted_codes,
    "channel by channel": by_channels,
    "torch inside": by_torch,
    "np.select": by_select,
    "differences": by_absolute_differences,
    "row by row": by_rows,
}
