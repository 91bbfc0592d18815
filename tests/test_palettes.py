"""Colour tables: the published ones, round trips, and what is said about files and arrays that are none."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segutils.errors import CourseError
from segutils.palettes import CAMVID, VOC, Palette, load


def voc_colormap(num_classes):
    """The VOC development kit's rule: the bits of an index, three at a time, fill the colours from the top."""
    colors = np.zeros((num_classes, 3), dtype=np.uint8)
    for index in range(num_classes):
        bits = index
        for shift in range(7, -1, -1):
            for channel in range(3):
                colors[index, channel] |= ((bits >> channel) & 1) << shift
            bits >>= 3
    return colors


def encode_by_loop(rgb, colors):
    """What encode must agree with, one pass per class."""
    mask = np.full(rgb.shape[:2], 255, dtype=np.uint8)
    for index, color in enumerate(colors):
        mask[(rgb == color).all(axis=-1)] = index
    return mask


def test_voc_is_the_development_kits_table():
    assert np.array_equal(VOC.colors, voc_colormap(21))
    assert VOC.names[0] == "background" and VOC.names[15] == "person" and len(VOC.names) == 21
    assert all(name == name.lower() for name in VOC.names)


def test_voc_names_are_torchvisions():
    models = pytest.importorskip("torchvision.models.segmentation")
    categories = models.DeepLabV3_ResNet50_Weights.DEFAULT.meta["categories"]
    assert VOC.names[1:] == tuple(categories[1:])


def test_camvid_has_32_classes_and_void_among_them():
    assert len(CAMVID) == len(CAMVID.names) == 32 and CAMVID.colors.shape == (32, 3)
    assert CAMVID.colors[CAMVID.names.index("Road")].tolist() == [128, 64, 128]
    assert CAMVID.encode(np.zeros((1, 1, 3), np.uint8)).item() == CAMVID.names.index("Void") == 30


@pytest.mark.parametrize("palette", [VOC, CAMVID], ids=["VOC", "CAMVID"])
@given(data=st.data())
def test_encode_undoes_colorize(palette, data):
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))
    mask = data.draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, len(palette) - 1)))
    assert np.array_equal(palette.encode(palette.colorize(mask)), mask)


@given(data=st.data())
def test_encode_agrees_with_one_pass_per_class(data):
    shape = (*data.draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)), 3)
    rgb = data.draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 64, 127, 128, 192, 255])))
    assert np.array_equal(CAMVID.encode(rgb), encode_by_loop(rgb, CAMVID.colors))


def test_unknown_colour_is_255_and_255_is_black():
    assert VOC.encode(np.full((2, 3, 3), 17, np.uint8)).tolist() == [[255] * 3] * 2
    assert VOC.encode(np.array([[[224, 224, 192]]], np.uint8)).item() == 255
    assert CAMVID.colorize(np.array([[255, 17]], np.uint8)).tolist() == [[[0, 0, 0], [128, 64, 128]]]


def test_integer_dtypes_and_memory_layouts_give_the_same():
    mask = np.random.default_rng(0).integers(0, 32, (7, 5))
    rgb = CAMVID.colorize(mask)
    assert rgb.dtype == np.uint8
    for dtype in (np.int16, np.int64, np.uint32):
        assert np.array_equal(CAMVID.encode(rgb.astype(dtype)), mask)
        assert np.array_equal(CAMVID.colorize(mask.astype(dtype)), rgb)
    planar = np.ascontiguousarray(rgb.transpose(2, 0, 1))  # as a (3, H, W) tensor lies in memory
    assert np.array_equal(CAMVID.encode(planar.transpose(1, 2, 0)), mask)
    assert np.array_equal(CAMVID.encode(rgb[::-2, ::-1]), mask[::-2, ::-1])
    assert np.array_equal(CAMVID.colorize(mask.T), rgb.transpose(1, 0, 2))
    assert CAMVID.encode(np.zeros((0, 4, 3), np.uint8)).shape == (0, 4)
    assert CAMVID.colorize(np.zeros((0, 4), np.uint8)).shape == (0, 4, 3)


def test_inputs_are_left_alone_and_results_are_ones_own():
    mask = np.array([[0, 255]], dtype=np.uint8)
    rgb = VOC.colorize(mask)
    rgb[:] = 9
    assert VOC.colorize(mask).tolist() == [[[0, 0, 0], [0, 0, 0]]]
    before = rgb.copy()
    VOC.encode(rgb)[:] = 1
    assert np.array_equal(rgb, before) and VOC.encode(rgb).tolist() == [[255, 255]]
    with pytest.raises(ValueError):
        VOC.colors[0] = 1


@pytest.mark.parametrize(
    "rgb",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((3, 4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.full((4, 4, 3), 256),
        np.full((4, 4, 3), -1),
    ],
)
def test_encode_refuses_what_is_no_picture(rgb):
    with pytest.raises(CourseError, match="encode"):
        CAMVID.encode(rgb)


@pytest.mark.parametrize("mask", [np.zeros((1, 4, 4), np.uint8), np.zeros((4, 4)), np.zeros(4, int)])
def test_colorize_refuses_what_is_no_mask(mask):
    with pytest.raises(CourseError, match="colorize"):
        CAMVID.colorize(mask)


@pytest.mark.parametrize("index", [32, 254, 256, -1, 10**6])
def test_colorize_names_an_index_out_of_range(index):
    with pytest.raises(CourseError, match=rf"index {index}\b.*0\.\.31"):
        CAMVID.colorize(np.array([[0, 255, index]]))


def test_load_reads_tabs_spaces_crlf_bom_and_blank_lines(tmp_path):
    lines = [f"{r} {g} {b}\t{name}" for (r, g, b), name in zip(CAMVID.colors, CAMVID.names, strict=True)]
    path = tmp_path / "label_colors.txt"
    for text in (
        "\n".join(lines) + "\n",
        "\r\n".join(lines),
        "\ufeff" + "\n\n".join(lines),
        "\n".join("  " + line.replace(" ", "\t").replace("\t", "   ") + " \t" for line in lines),
    ):
        path.write_bytes(text.encode())
        assert load(path) == CAMVID
        assert load(path).names == CAMVID.names


@pytest.mark.parametrize(
    "line", ["128 64 128", "128 64 Road", "300 0 0 Road", "-1 0 0 Road", "Road 1 2 3", "1.5 0 0 A"]
)
def test_load_names_the_file_and_line_of_a_fault(tmp_path, line):
    path = tmp_path / "label_colors.txt"
    path.write_text(f"0 0 0 Void\n\n{line}\n")
    with pytest.raises(CourseError, match=r"label_colors\.txt, line 3"):
        load(path)


def test_load_refuses_doubles_empty_missing_and_binary_files(tmp_path):
    path = tmp_path / "label_colors.txt"
    for text in ("0 0 0 Void\n0 0 0 Sky\n", "0 0 0 Void\n1 1 1 Void\n"):
        path.write_text(text)
        with pytest.raises(CourseError, match="line 2"):
            load(path)
    path.write_text("\n \n")
    with pytest.raises(CourseError, match="holds no colours"):
        load(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    with pytest.raises(CourseError, match="cannot be read"):
        load(path)
    with pytest.raises(CourseError, match="absent.txt"):
        load(tmp_path / "absent.txt")


def test_palette_refuses_doubles_and_wrong_tables():
    for names, colors in [
        (["a", "b"], [(0, 0, 0), (0, 0, 0)]),
        (["a", "a"], [(0, 0, 0), (1, 1, 1)]),
        (["a"], [(0, 0)]),
        (["a"], [(0, 0, 256)]),
        (["a"], [(0.0, 0.0, 1.0)]),
        ([], np.zeros((0, 3), int)),
        ([str(i) for i in range(256)], [(i, 0, 0) for i in range(256)]),
    ]:
        with pytest.raises(CourseError, match="palette"):
            Palette(names, colors)


def test_a_palette_travels_to_workers_without_its_16_mb_table():
    CAMVID.encode(CAMVID.colorize(np.zeros((2, 2), int)))
    pickled = pickle.dumps(CAMVID)
    assert len(pickled) < 4096
    assert pickle.loads(pickled) == CAMVID and hash(pickle.loads(pickled)) == hash(CAMVID) and CAMVID != VOC
