"""Solutions of ex01's colorize, as students write them."""

import numpy as np
import torch
from PIL import Image


def painted(mask, palette, void=(0, 0, 0), classes=None, dtype=np.uint8):
    picture = np.full((*mask.shape, 3), void, dtype=dtype)
    for index in classes or range(len(palette)):
        picture[mask == index] = palette[index]
    return picture


def clipped(mask, palette):
    return palette[np.minimum(mask, len(palette) - 1)]


def void_is_class_0(mask, palette):
    return palette[np.where(mask == 255, 0, mask)]


def black_in_front(mask, palette):
    table = np.concatenate([np.zeros((1, 3), np.uint8), palette])
    return table[np.where(mask == 255, 0, mask)]


def black_in_front_by_int(mask, palette):
    return np.concatenate([np.zeros((1, 3), np.uint8), palette])[mask.astype(int)]


def black_behind(mask, palette):
    return np.vstack([palette, np.zeros((1, 3), np.uint8)])[mask]


def by_int8(mask, palette):
    return np.vstack([palette, np.zeros((1, 3), np.uint8)])[mask.astype(np.int8)]


def last_class_black(mask, palette):
    colors = palette.copy()
    colors[-1] = 0
    return colors[np.where(mask == 255, len(palette) - 1, mask)]


def background_black(mask, palette):
    picture = painted(mask, palette)
    picture[mask == 0] = 0
    return picture


def flat_canvas(mask, palette):
    picture = np.zeros_like(mask)
    for index, color in enumerate(palette):
        picture[mask == index] = color
    return picture


def early_return(mask, palette):
    picture = np.zeros((*mask.shape, 3), dtype=np.uint8)
    for index, color in enumerate(palette):
        picture[mask == index] = color
        return picture


def anew_for_each_class(mask, palette):
    for index, color in enumerate(palette):
        picture = np.zeros((*mask.shape, 3), dtype=np.uint8)
        picture[mask == index] = color
    return picture


def in_place(mask, palette):
    void = mask == 255
    mask[void] = 0
    picture = palette[mask]
    picture[void] = 0
    return picture


def palette_in_place(mask, palette):
    palette[0] = 0
    return painted(mask, palette)


def by_pixel_loop(mask, palette):
    picture = np.zeros((*mask.shape, 3), dtype=np.uint8)
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            if mask[y, x] != 255:
                picture[y, x] = palette[mask[y, x]]
    return picture


def by_vectorize(mask, palette):
    channels = [np.vectorize(lambda i, c=c: 0 if i == 255 else palette[i, c])(mask) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def by_list(mask, palette):
    colors = [*palette.tolist(), *[[0, 0, 0]] * (256 - len(palette))]
    return np.array([[colors[index] for index in row] for row in mask.tolist()], dtype=np.uint8)


def one_channel(mask, palette):
    picture = np.zeros((*mask.shape, 3), dtype=np.uint8)
    for index, color in enumerate(palette):
        picture[mask == index, 0] = color[0]
    return picture


def handed_over(mask, palette):
    from segutils import palettes

    return palettes.Palette([f"{index}" for index in range(len(palette))], palette).colorize(mask)


WRONG = {
    "palette[mask]": (lambda m, p: p[m], "(?s)raised IndexError.*row 255"),
    "np.take": (lambda m, p: np.take(p, m, axis=0), "(?s)raised IndexError.*row 255"),
    "clipped": (clipped, "colour of the last class"),
    "wrapped": (lambda m, p: np.take(p, m, axis=0, mode="wrap"), r"wrapped round"),
    "clipped by take": (lambda m, p: p.take(m, axis=0, mode="clip"), "colour of the last class"),
    "255 as class 0": (void_is_class_0, "colour of class 0"),
    "255 in white": (lambda m, p: painted(m, p, void=(255, 255, 255)), "painted white"),
    "255 in grey": (lambda m, p: painted(m, p, void=(128, 128, 128)), "painted grey"),
    "255 in VOC's border colour": (lambda m, p: painted(m, p, void=(224, 224, 192)), "colour of borders"),
    "black in front": (black_in_front, "in front of the palette"),
    "black in front, from int": (black_in_front_by_int, "in front of the palette"),
    "black behind": (black_behind, "(?s)raised IndexError.*row 255"),
    "int8": (by_int8, "int8"),
    "last class black": (last_class_black, "last class was painted black"),
    "background black": (background_black, "class 0 was painted black"),
    "classes from 1": (
        lambda m, p: painted(m, p, classes=range(1, len(p) + (len(p) == 1))),
        "class 0 was painted black",
    ),
    "one class too few": (lambda m, p: painted(m, p, classes=range(len(p) - 1)), "last class was painted black"),
    "a canvas of the mask's shape": (flat_canvas, "(?s)raised ValueError.*room for one number"),
    "return inside the loop": (early_return, "inside the loop"),
    "anew for each class": (anew_for_each_class, "made anew"),
    "BGR": (lambda m, p: painted(m, p[:, ::-1]), "BGR"),
    "channels first": (lambda m, p: painted(m, p).transpose(2, 0, 1), "(?s)wrong shape.*channels come first"),
    "columns first": (lambda m, p: painted(m, p).swapaxes(0, 1), "rows and columns are exchanged"),
    "a long row": (lambda m, p: painted(m, p).reshape(-1, 3), "one long row"),
    "0..1": (lambda m, p: painted(m, p) / 255, "scaled to 0..1"),
    "int64": (lambda m, p: painted(m, p, dtype=int), "(?s)wrong dtype.*values are right, their dtype is not"),
    "float64": (lambda m, p: painted(m, p, dtype=float), "(?s)wrong dtype.*values are right, their dtype is not"),
    "one channel": (lambda m, p: painted(m, p)[..., 0], "only one channel was returned"),
    "red only": (one_channel, "only the red channel"),
    "indices as grey": (lambda m, p: np.stack([m] * 3, axis=-1), "index was written into all channels"),
    "alpha": (lambda m, p: np.dstack([painted(m, p), np.full(m.shape, 255, np.uint8)]), "alpha"),
    "a PIL image": (lambda m, p: Image.fromarray(painted(m, p)), "(?s)returned an? Image.*PIL image"),
    "a tensor": (lambda m, p: torch.from_numpy(painted(m, p)), "returned a tensor"),
    "changes the mask": (in_place, "changed what it was given: mask"),
    "changes the palette": (palette_in_place, "changed what it was given: palette"),
    "a loop over pixels": (by_pixel_loop, "loops over the pixels"),
    "np.vectorize": (by_vectorize, "loops over the pixels"),
    "a comprehension over pixels": (by_list, "loops over the pixels"),
    "no return": (lambda m, p: None, "without `return`"),
    "segutils.palettes": (handed_over, "hands the task over to segutils.palettes"),
}


def by_table(mask, palette):
    table = np.zeros((256, 3), np.uint8)
    table[: len(palette)] = palette
    return table[mask]


def by_place_for_a_moment(mask, palette):
    void = mask == 255
    picture = palette[np.where(void, 0, mask)]
    picture[void] = [0, 0, 0]
    return picture


def by_black_behind(mask, palette):
    black = np.zeros((1, 3), dtype=palette.dtype)
    return np.concatenate((palette, black))[np.minimum(mask, len(palette))]


def by_wrapping(mask, palette):
    return np.vstack((np.zeros((1, 3), np.uint8), palette))[mask + np.uint8(1)]  # 255 + 1 is 0 in uint8


def by_product(mask, palette):
    return palette[mask % len(palette)] * (mask != 255)[..., None]


def by_where(mask, palette):
    index = np.where(mask < len(palette), mask, 0)
    return np.where((mask == 255)[:, :, None], np.uint8(0), palette[index])


def by_channels(mask, palette):
    r, g, b = (np.zeros(mask.shape, np.uint8) for _ in range(3))
    for index, color in enumerate(palette):
        r[mask == index], g[mask == index], b[mask == index] = color
    return np.stack([r, g, b], axis=2)


def by_pillow(mask, palette):
    picture = Image.fromarray(np.ascontiguousarray(mask)).convert("P")
    picture.putpalette(np.pad(palette, ((0, 256 - len(palette)), (0, 0))).tobytes())
    return np.array(picture.convert("RGB"))


def by_torch(mask, palette):
    table = torch.zeros(256, 3, dtype=torch.uint8)
    table[: len(palette)] = torch.from_numpy(palette.copy())
    return table[torch.from_numpy(mask.astype(np.int64))].numpy()


RIGHT = {
    "a table of 256 rows": by_table,
    "a loop over classes": painted,
    "a place for a moment": by_place_for_a_moment,
    "black behind": by_black_behind,
    "black in front, by wrapping": by_wrapping,
    "a product": by_product,
    "np.where": by_where,
    "channel by channel": by_channels,
    "torch inside": by_torch,
    "Pillow's palette": by_pillow,
}
