"""`python -m segutils data`: what it prints, its exit codes, and that nothing half-done is left."""

import subprocess
import sys

import pytest

from segutils import camseq
from segutils.__main__ import main
from segutils.camseq import CamSeqDataset
from segutils.palettes import CAMVID
from segutils.toyscapes import generate


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """data/ of this test alone; CamSeq01 has three frames here."""
    monkeypatch.setenv("SEGUTILS_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("SEGUTILS_CAMSEQ", raising=False)
    monkeypatch.setattr(camseq, "NUM_FRAMES", 3)
    return tmp_path / "data"


def test_toyscapes_are_drawn_into_data(data, capsys):
    arguments = ["data", "toyscapes", "--frames", "2", "--size", "64x48", "--seed", "5"]
    assert main(arguments) == 0
    assert capsys.readouterr().out == f"toy scenes: 2 frames of 64x48, street 5, in {data / 'toyscapes'}\n"
    dataset = CamSeqDataset(data / "toyscapes")
    assert len(dataset) == 2 and dataset[0][0].shape == (3, 48, 64) and dataset.palette == CAMVID
    assert main(arguments) == 0  # again: kept
    assert main(["data", "toyscapes", "--frames", "2", "--size", "64x48", "--seed", "6"]) == 2
    assert "choose another folder" in capsys.readouterr().err


def test_a_folder_can_be_chosen(tmp_path, data):
    assert main(["data", "toyscapes", "--frames", "1", "--size", "64x48", "--folder", str(tmp_path / "here")]) == 0
    assert len(CamSeqDataset(tmp_path / "here")) == 1 and not data.exists()


def test_an_archive_is_imported(data, tmp_path, capsys):
    copy = generate(tmp_path / "copy", 3, (64, 48))
    assert main(["data", "camseq", "--archive", str(copy)]) == 0
    assert capsys.readouterr().out == f"CamSeq01: 3 frames in {data / 'camseq'}\n"
    assert len(CamSeqDataset(data / "camseq")) == 3 and camseq.find() == data / "camseq"


def test_a_broken_archive_is_named_and_leaves_nothing(data, tmp_path, capsys):
    archive = tmp_path / "CamSeq01.zip"
    archive.write_bytes(b"PK\3\4 cut short")
    assert main(["data", "camseq", "--archive", str(archive)]) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"error: {archive}: is no complete zip") and "fetch it again" in message
    assert not data.exists() or list(data.iterdir()) == []


def test_the_mirror_is_known_by_its_checksum(monkeypatch, tmp_path, capsys):
    asked = []
    monkeypatch.setattr(
        camseq, "download", lambda *arguments: asked.append(arguments) or generate(tmp_path / "c", 3, (64, 48))
    )
    assert main(["data", "camseq"]) == 0 and main(["data", "camseq", "--mirror"]) == 0
    assert asked == [(None,), (None, camseq.MIRROR_URL, camseq.MIRROR_SHA256)]
    assert main(["data", "camseq", "--mirror", "--archive", "x.zip"]) == 2
    assert "give one of them" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["cityscapes"], ["toyscapes", "--size", "240"], ["toyscapes", "--frames", "0"]]
)
def test_usage_errors_exit_with_2(arguments):
    with pytest.raises(SystemExit) as caught:
        main(["data", *arguments])
    assert caught.value.code == 2


def test_as_a_command_without_a_traceback(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "segutils", "data", "camseq", "--archive", str(tmp_path / "gone.zip")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.startswith("error: ") and "gone.zip: does not exist" in result.stderr
    assert "Traceback" not in result.stderr
