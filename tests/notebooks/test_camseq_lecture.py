"""Lecture 07: what is committed shows the toy sequence, and the branch for a GPU runs."""

import base64
import io
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

from segutils import plotting
from segutils.palettes import CAMVID
from segutils.toyscapes import ToyScapes

LECTURE = Path(__file__).resolve().parent.parent.parent / "lectures" / "07_camseq.ipynb"


@pytest.fixture(scope="module")
def cells():
    return [cell for cell in nbformat.read(LECTURE, as_version=4).cells if cell.cell_type == "code"]


def left_third(picture: bytes) -> np.ndarray:
    """The first of the three images of a picture, in cells that forgive a shift of a pixel: (14, 20, 3)."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    return np.asarray(image.crop((0, 20, 300, 240)).resize((20, 14), Image.Resampling.BOX)).astype(int)


def test_the_committed_run_used_the_toy_sequence(cells):
    """CamSeq01's frames may not be redistributed: no output may come from a run on them."""
    text = "".join(output.get("text", "") for cell in cells for output in cell.outputs)
    assert "the toy sequence, 101 frames, 32 classes, used at 240 x 180" in text
    assert "CamSeq01, 101 frames" not in text


def test_the_first_picture_shows_the_toy_frame(cells):
    """A frame of CamSeq01 in its place differs by some 40 levels of 255, the toy sequence's frame 5 by 12."""
    outputs = [output.get("data", {}) for cell in cells for output in cell.outputs]
    shown = next(data[kind] for data in outputs for kind in ("image/png", "image/jpeg") if kind in data)
    image, mask = ToyScapes()[0]
    figure = plotting.show_images([image] * 3, ["frame 0", "its label", "label over the frame"])
    plotting.add_legend(figure, CAMVID, plotting.classes_in(mask))
    difference = left_third(base64.b64decode(shown)) - left_third(plotting.render(figure))
    assert np.abs(difference).mean() < 15


# What a GPU's branch needs to run on a CPU within a minute: the large network, float16 and the scaler, but tiny frames.
SMALL = {
    'on_gpu = device.type == "cuda"': "on_gpu = True",
    "(360, 480) if on_gpu": "(48, 64) if on_gpu",
    "(288, 384) if on_gpu": "(32, 48) if on_gpu",
    "num_samples=2 * len(train_set)": "num_samples=8",
    "num_rounds, max_lr = 8": "num_rounds, max_lr = 1",
}
LOADED = """
from torchvision.models import _api
from torchvision.models.segmentation import deeplabv3_resnet50

_api.load_state_dict_from_url = lambda *_, **__: deeplabv3_resnet50(
    weights_backbone=None, num_classes=21, aux_loss=True
).state_dict()
"""
OFFLINE = """
import urllib.error
from torchvision.models import _api


def no_network(*_, **__):
    raise urllib.error.URLError("no network")


_api.load_state_dict_from_url = no_network
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("download", "start"),
    [
        (LOADED, "DeepLabV3-ResNet50, COCO weights"),
        (OFFLINE, "DeepLabV3-ResNet50, random weights (COCO's could not be"),
    ],
)
def test_the_branch_for_a_gpu_runs(download, start, monkeypatch):
    monkeypatch.delenv("SEGUTILS_CAMSEQ", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    notebook = nbformat.read(LECTURE, as_version=4)
    source = "\n".join(cell.source for cell in notebook.cells)
    for line, smaller in SMALL.items():
        assert source.count(line) == 1, line
        for cell in notebook.cells:
            cell.source = cell.source.replace(line, smaller)
    notebook.cells.insert(1, nbformat.v4.new_code_cell(download))
    inspect = "print(type(model).__name__, scaler.is_enabled(), len(losses), np.isfinite(losses).all())"
    notebook.cells.append(nbformat.v4.new_code_cell(inspect))
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(LECTURE.parent)}})
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = [output.text for output in outputs if output.output_type == "stream"]
    assert any(start in text for text in printed)
    assert printed[-1] == "DeepLabV3 True 2 True\n"
