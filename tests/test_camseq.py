"""CamSeq01 in every shape people have it, and what is said about copies that are damaged. Frames are drawn here; real
ones are read where SEGUTILS_CAMSEQ points at them."""

import http.server
import os
import pickle
import shutil
import threading
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from segutils import camseq
from segutils.camseq import CamSeqDataset, download, find, import_archive, sequential_split, verify
from segutils.errors import CourseError
from segutils.palettes import CAMVID
from segutils.toyscapes import ToyScapes, generate

SIZE = (48, 36)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("drawn") / "street", 4, SIZE)


@pytest.fixture
def folder(drawn, tmp_path):
    return Path(shutil.copytree(drawn, tmp_path / "camseq"))


def packed(folder, archive, prefix=""):
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for path in sorted(folder.rglob("*")):
            opened.write(path, prefix + path.relative_to(folder).as_posix())
    return archive


@pytest.fixture(params=["folder", "nested folder", "zip", "nested zip"])
def source(request, folder, tmp_path):
    if request.param == "folder":
        return folder
    if request.param == "nested folder":
        shutil.move(folder, tmp_path / "above" / "CamSeq01")
        return tmp_path / "above"
    return packed(folder, tmp_path / "CamSeq01.zip", "" if request.param == "zip" else "CamSeq01/data/")


def first_frame(folder):
    return sorted(path for path in folder.glob("*.png") if not path.name.endswith("_L.png"))[0]


def test_folders_and_zips_flat_and_nested_are_read_alike(source):
    dataset, held = CamSeqDataset(source), ToyScapes(4, SIZE)
    assert dataset.names == held.names and len(dataset) == 4
    assert dataset.palette == CAMVID and dataset.class_names == CAMVID.names and dataset.num_classes == 32
    for index in range(4):
        image, mask = dataset[index]
        assert image.dtype == torch.uint8 and mask.dtype == torch.int64 and image.is_contiguous()
        assert torch.equal(image, held[index][0]) and torch.equal(mask, held[index][1])
    assert torch.equal(dataset[-1][1], held[3][1])
    with pytest.raises(IndexError):
        dataset[4]


def test_extra_files_are_ignored(folder, tmp_path):
    (folder / "Thumbs.db").write_bytes(b"\0\1")
    (folder / "readme.txt").write_text("about")
    (folder / ".DS_Store").write_bytes(b"\0")
    (folder / "__MACOSX").mkdir()
    for path in list(folder.glob("*.png")):
        (folder / "__MACOSX" / f"._{path.name}").write_bytes(b"\0")
        (folder / f"._{path.name}").write_bytes(b"\0")
    (folder / "label_colors.txt").rename(folder / "Label_Colors.TXT")
    for source in (folder, packed(folder, tmp_path / "CamSeq01.zip")):
        assert CamSeqDataset(source).names == ToyScapes(4, SIZE).names


def test_frames_are_in_the_order_of_their_names_not_of_the_zip(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "CamSeq01.zip", "w") as archive:
        for path in sorted(folder.iterdir(), reverse=True):
            archive.write(path, path.name)
    assert CamSeqDataset(tmp_path / "CamSeq01.zip").names == ToyScapes(4, SIZE).names


def test_names_count_and_not_the_folders_they_lie_in(folder):
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    for path in folder.glob("*.png"):
        path.rename(folder / ("b" if "_00000" in path.name else "a") / path.name)
    dataset = CamSeqDataset(folder)
    assert dataset.names == ToyScapes(4, SIZE).names
    assert torch.equal(dataset[0][1], ToyScapes(4, SIZE)[0][1])


def test_indices_follow_label_colors_and_void_is_255(folder):
    lines = (folder / "label_colors.txt").read_text().splitlines()
    (folder / "label_colors.txt").write_text("\n".join(reversed(lines)))
    dataset = CamSeqDataset(folder)
    assert dataset.class_names == tuple(reversed(CAMVID.names))
    expected = ToyScapes(4, SIZE)[0][1]
    assert torch.equal(dataset[0][1], torch.where(expected == 255, 255, 31 - expected))
    assert 255 in dataset[0][1]


def test_the_transform_gets_image_and_mask(folder):
    image, mask = CamSeqDataset(folder, transform=lambda image, mask: (image.float() / 255, mask[::2, ::2]))[0]
    assert image.max() <= 1 and mask.shape == (18, 24)


def test_workers_read_the_same(source):
    dataset = CamSeqDataset(source)
    alone = torch.stack([dataset[i][1] for i in range(4)])  # the zip is open here before the workers start
    loader = DataLoader(dataset, batch_size=1, num_workers=2)
    assert torch.equal(torch.cat([mask for _, mask in loader]), alone)
    assert torch.equal(pickle.loads(pickle.dumps(dataset))[2][1], alone[2])


def test_every_process_opens_a_zip_for_itself(folder, tmp_path, monkeypatch):
    dataset = CamSeqDataset(packed(folder, tmp_path / "CamSeq01.zip"))
    own = dataset._files._archive()
    assert dataset._files._archive() is own
    monkeypatch.setattr(os, "getpid", lambda: -1)  # as in a worker after a fork
    assert dataset._files._archive() is not own


def damage_missing_label(folder):
    name = first_frame(folder).name.replace(".png", "_L.png")
    (folder / name).unlink()
    return name


def damage_missing_frame(folder):
    first_frame(folder).unlink()
    return "_L.png"


def damage_missing_table(folder):
    (folder / "label_colors.txt").unlink()
    return "label_colors.txt"


def damage_bad_table(folder):
    (folder / "label_colors.txt").write_text("128 64 Road\n")
    return "label_colors.txt, line 1"


def damage_everything(folder):
    for path in folder.glob("*.png"):
        path.unlink()
    return "not CamSeq01"


def damage_double(folder):
    (folder / "copy").mkdir()
    shutil.copy(first_frame(folder), folder / "copy")
    return "same name"


@pytest.mark.parametrize("damage", [v for k, v in sorted(globals().items()) if k.startswith("damage_")])
@pytest.mark.parametrize("as_zip", [False, True])
def test_an_incomplete_copy_is_named_when_it_is_opened(folder, tmp_path, damage, as_zip):
    named = damage(folder)
    with pytest.raises(CourseError, match=named):
        CamSeqDataset(packed(folder, tmp_path / "CamSeq01.zip") if as_zip else folder)


def fault_truncated(folder):
    path = first_frame(folder)
    path.write_bytes(path.read_bytes()[:-200])
    return "no complete picture"


def fault_no_picture(folder):
    first_frame(folder).write_text("<html>not found</html>")
    return "no complete picture"


def fault_size(folder):
    Image.new("RGB", (10, 8)).save(first_frame(folder))
    return "48x36 pixels, its frame 10x8"


def fault_color(folder):
    label = first_frame(folder).with_name(first_frame(folder).name.replace(".png", "_L.png"))
    image = Image.open(label).convert("RGB")
    image.putpixel((3, 4), (1, 2, 3))
    image.save(label)
    return r"1 pixels, the first \(1, 2, 3\)"


@pytest.mark.parametrize("fault", [v for k, v in sorted(globals().items()) if k.startswith("fault_")])
@pytest.mark.parametrize("as_zip", [False, True])
def test_a_damaged_frame_is_named_when_it_is_read(folder, tmp_path, fault, as_zip):
    message, name = fault(folder), first_frame(folder).stem
    dataset = CamSeqDataset(packed(folder, tmp_path / "CamSeq01.zip") if as_zip else folder)
    with pytest.raises(CourseError, match=message) as caught:
        dataset[0]
    assert name in str(caught.value)
    assert len(dataset[1]) == 2


def test_a_truncated_or_damaged_zip_is_named(folder, tmp_path):
    archive = packed(folder, tmp_path / "CamSeq01.zip")
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CourseError, match=r"CamSeq01\.zip: is no complete zip.*fetch it again"):
        CamSeqDataset(archive)
    middle = len(whole) // 2
    archive.write_bytes(whole[:middle] + bytes(400) + whole[middle + 400 :])  # the directory at its end is whole
    with pytest.raises(CourseError, match=r"CamSeq01\.zip, toy0000_0000\d.*download it again"):
        verify(archive, 4)


def test_a_missing_source_is_named(tmp_path):
    with pytest.raises(CourseError, match="nowhere: does not exist"):
        CamSeqDataset(tmp_path / "nowhere")


def test_sequential_split_is_in_order_and_covers_all():
    assert [len(part) for part in sequential_split(101)] == [70, 15, 16]
    assert sequential_split(101) == (range(70), range(70, 85), range(85, 101))
    for n in range(200):
        parts = sequential_split(n)
        assert [i for part in parts for i in part] == list(range(n))
        assert len(parts[0]) == 7 * n // 10 and len(parts[1]) == 15 * n // 100
    assert [len(part) for part in sequential_split(10, (0.5, 0.0, 0.5))] == [5, 0, 5]


@pytest.mark.parametrize(
    ("n", "fractions"), [(-1, (0.7, 0.15, 0.15)), (9, (0.7, 0.3)), (9, (0.7, 0.7, -0.4)), (9, (0.5,) * 3)]
)
def test_sequential_split_refuses_what_is_no_split(n, fractions):
    with pytest.raises(CourseError, match="sequential_split"):
        sequential_split(n, fractions)


def test_verify_counts_and_compares(folder, source):
    assert len(verify(source, 4)) == 4
    with pytest.raises(CourseError, match="holds 4 frames with labels, CamSeq01 has 101"):
        verify(source)


def test_verify_sees_frames_of_two_sizes(folder):
    for path in folder.glob("*_00003*.png"):
        Image.open(path).crop((0, 0, 40, 36)).save(path)
    with pytest.raises(CourseError, match="different sizes"):
        verify(folder, 4)


def test_find_looks_at_the_variable_and_then_into_data(folder, tmp_path, monkeypatch):
    monkeypatch.delenv("SEGUTILS_CAMSEQ", raising=False)
    monkeypatch.setenv("SEGUTILS_DATA", str(tmp_path / "data"))
    assert find() is None
    shutil.copytree(folder, tmp_path / "data" / "camseq")
    assert find() == tmp_path / "data" / "camseq"
    monkeypatch.setenv("SEGUTILS_CAMSEQ", str(folder))
    assert find() == folder
    monkeypatch.setenv("SEGUTILS_CAMSEQ", "")
    assert find() is None
    monkeypatch.setenv("SEGUTILS_CAMSEQ", str(tmp_path / "gone"))
    with pytest.raises(CourseError, match="SEGUTILS_CAMSEQ"):
        find()


@pytest.fixture
def four_frames(monkeypatch):
    """CamSeq01 has 101 frames; the copies of these tests have 4."""
    monkeypatch.setattr(camseq, "NUM_FRAMES", 4)


@pytest.mark.usefixtures("four_frames")
def test_an_import_takes_the_frames_alone_and_keeps_their_bytes(source, tmp_path):
    target = import_archive(source, tmp_path / "data" / "camseq")
    assert [path.name for path in target.parent.iterdir()] == ["camseq"]
    assert sorted(path.name for path in target.iterdir()) == sorted(
        [f"{name}{ending}" for name in ToyScapes(4, SIZE).names for ending in (".png", "_L.png")] + ["label_colors.txt"]
    )
    assert torch.equal(CamSeqDataset(target)[2][0], CamSeqDataset(source)[2][0])
    before = {path: path.stat().st_mtime_ns for path in target.iterdir()}
    assert import_archive(source, target) == target
    assert {path: path.stat().st_mtime_ns for path in target.iterdir()} == before


@pytest.mark.usefixtures("four_frames")
def test_an_archive_cannot_write_outside(folder, tmp_path):
    archive = tmp_path / "CamSeq01.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(folder.iterdir()):
            opened.write(path, f"../../{path.name}")
        opened.writestr("../../evil.png.txt", "x")
    target = import_archive(archive, tmp_path / "a" / "b" / "camseq")
    assert len(list(target.iterdir())) == 9
    assert [path.name for path in (tmp_path / "a").rglob("*") if path.is_file() and path.parent != target] == []
    assert not list(tmp_path.glob("evil*")) and not list(tmp_path.glob("*.png"))


@pytest.mark.usefixtures("four_frames")
@pytest.mark.parametrize("fault", [damage_missing_label, fault_color, fault_truncated])
def test_a_broken_import_leaves_nothing(folder, tmp_path, fault):
    fault(folder)
    with pytest.raises(CourseError):
        import_archive(folder, tmp_path / "data" / "camseq")
    assert not (tmp_path / "data").exists() or list((tmp_path / "data").iterdir()) == []


@pytest.mark.usefixtures("four_frames")
def test_an_interrupted_import_leaves_nothing(folder, tmp_path, monkeypatch):
    def interrupted(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        import_archive(folder, tmp_path / "data" / "camseq")
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.usefixtures("four_frames")
def test_a_folder_with_something_else_is_left_alone(folder, tmp_path):
    target = tmp_path / "data" / "camseq"
    target.mkdir(parents=True)
    (target / "notes.txt").write_text("mine")
    with pytest.raises(CourseError, match="delete or rename it"):
        import_archive(folder, target)
    assert [path.name for path in target.iterdir()] == ["notes.txt"]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; `cut.zip` announces all of CamSeq01.zip and breaks off in the middle."""

    def do_GET(self):
        if self.path != "/cut.zip":
            return super().do_GET()
        whole = (Path(self.directory) / "CamSeq01.zip").read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(whole)))
        self.end_headers()
        self.wfile.write(whole[: len(whole) // 2])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(folder, tmp_path, monkeypatch):
    """The address of a server on this machine with a good archive and several bad ones."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    served = tmp_path / "served"
    served.mkdir()
    packed(folder, served / "CamSeq01.zip")
    (served / "page.zip").write_text("<html>moved</html>")
    whole = (served / "CamSeq01.zip").read_bytes()
    (served / "half.zip").write_bytes(whole[: len(whole) // 2])
    first_frame(folder).unlink()
    packed(folder, served / "less.zip")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served))) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


@pytest.mark.usefixtures("four_frames")
def test_a_download_is_verified_and_unpacked(server, tmp_path, capfd):
    target = download(tmp_path / "data" / "camseq", url=f"{server}/CamSeq01.zip")
    assert CamSeqDataset(target).names == ToyScapes(4, SIZE).names
    assert [path.name for path in target.parent.iterdir()] == ["camseq"]
    assert "100%" in capfd.readouterr().err  # the progress bar
    assert download(target, url="http://127.0.0.1:9/never-asked") == target


@pytest.mark.usefixtures("four_frames")
def test_a_checksum_is_compared(server, tmp_path):
    import pooch

    good = pooch.file_hash(str(tmp_path / "served" / "CamSeq01.zip"))
    with pytest.raises(CourseError, match="checksum"):
        download(tmp_path / "data" / "camseq", f"{server}/CamSeq01.zip", sha256="0" * 64, progress=False)
    assert list((tmp_path / "data").iterdir()) == []
    assert download(tmp_path / "data" / "camseq", f"{server}/CamSeq01.zip", sha256=good, progress=False).is_dir()


@pytest.mark.usefixtures("four_frames")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.zip", "404"),
        ("cut.zip", "download failed"),
        ("half.zip", "is no complete zip"),
        ("page.zip", "is no complete zip"),
        ("less.zip", "is missing"),
    ],
)
def test_a_broken_download_says_what_to_do_and_leaves_nothing(server, tmp_path, name, message):
    with pytest.raises(CourseError, match=message) as caught:
        download(tmp_path / "data" / "camseq", url=f"{server}/{name}", progress=False)
    assert f"{server}/{name}" in str(caught.value) and "--archive CamSeq01.zip" in str(caught.value)
    assert list((tmp_path / "data").iterdir()) == []


def test_a_refused_connection_says_what_to_do(server, tmp_path):
    with pytest.raises(CourseError, match=r"download failed.*--archive"):
        download(tmp_path / "data" / "camseq", url="http://127.0.0.1:9/CamSeq01.zip", progress=False)
    assert list((tmp_path / "data").iterdir()) == []


needs_frames = pytest.mark.skipif(not os.environ.get("SEGUTILS_CAMSEQ"), reason="SEGUTILS_CAMSEQ names no CamSeq01")


@needs_frames
def test_real_frames_are_complete():
    dataset = verify(find())
    assert dataset.palette == CAMVID and dataset.names[0] == "0016E5_07959" and dataset.names[-1] == "0016E5_08159"
    image, mask = dataset[0]
    assert image.shape[1:] == mask.shape and 255 in mask
    counts = sum(np.bincount(dataset[i][1].flatten(), minlength=256) for i in range(0, 101, 10))
    shares = counts / counts.sum()
    assert 0.2 < shares[CAMVID.names.index("Road")] < 0.4 and 0 < shares[255] < 0.1


@needs_frames
def test_real_frames_can_be_imported(tmp_path):
    target = import_archive(find(), tmp_path / "camseq")
    assert torch.equal(CamSeqDataset(target)[50][1], CamSeqDataset(find())[50][1])
