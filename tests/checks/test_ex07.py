"""ex07's references are the course's own data set, split and evaluation; its probes and cells need none of these."""

import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from PIL import Image

from checks.trying import ROOT, given_definitions, message_of, read_exercise
from segutils import camseq, toyscapes, training
from segutils.checks import ex07
from segutils.checks.ex07.evaluation import build_model, draw_evaluations, make_batches
from segutils.checks.ex07.frames import draw_frames, write_frames
from segutils.checks.judges.ex07.frames import expected_item
from segutils.checks.judges.ex07.splitting import shares
from segutils.checks.transport import from_bytes, to_bytes
from segutils.metrics import confusion_matrix

CHECKS = {"CamSeqFrames": ex07.camseq_frames} | {
    name: getattr(ex07, name) for name in ("sequential_split", "evaluate", "copy_nearest")
}


def solved() -> dict[str, object]:
    """What the solved exercise defines."""
    namespace: dict[str, object] = {"__name__": "ex07_camseq"}
    for cell in nbformat.read(ROOT / "solutions" / "ex07_camseq" / "ex07_camseq.ipynb", as_version=4).cells:
        if cell.id == "setup" or cell.metadata.get("nbgrader", {}).get("solution"):
            exec(cell.source, namespace)
    return namespace


def cell_source(cell_id: str) -> str:
    return next(cell.source for cell in read_exercise("ex07_camseq").cells if cell.id == cell_id)


def test_an_expected_item_is_that_of_the_courses_data_set(tmp_path):
    dataset = camseq.CamSeqDataset(toyscapes.generate(tmp_path / "toy", num_frames=2, size=(48, 36)))
    void = dataset.class_names.index("Void")
    picture, label = (np.array(dataset._files.picture(path)) for path in dataset._frames[1][1:])
    palette = dataset.palette.colors
    image, mask = expected_item({"images": [picture], "labels": [label], "palette": palette, "index": 0})
    theirs, classes = dataset[1]
    assert image.dtype == torch.float32
    assert torch.equal(image, theirs / 255)
    assert torch.equal(torch.where(mask == void, 255, mask), classes)


def test_the_expected_sizes_are_those_of_the_courses_split():
    for n in range(1, 300):
        for fractions in ((0.70, 0.15, 0.15), (0.6, 0.2, 0.2), (0.35, 0.45, 0.2)):
            first, second, third = camseq.sequential_split(n, fractions)
            assert len(first) in shares(n, fractions[0]) and len(second) in shares(n, fractions[1])
            assert len(third) == n - len(first) - len(second)
    assert shares(90, 0.70) == {62, 63}


@pytest.mark.parametrize("first", [62, 63])
def test_either_rounding_of_90_frames_passes(first):
    ours = solved()["sequential_split"]

    def sequential_split(n, fractions=(0.70, 0.15, 0.15)):
        if n == 90 and fractions[0] == 0.70:
            return range(first), range(first, first + 13), range(first + 13, 90)
        return ours(n, fractions)

    assert message_of(ex07.sequential_split, sequential_split) == ""


def test_another_rounding_of_90_frames_does_not():
    ours = solved()["sequential_split"]

    def sequential_split(n, fractions=(0.70, 0.15, 0.15)):
        return (range(64), range(64, 77), range(77, 90)) if n == 90 else ours(n, fractions)

    assert "expected range(0, 63), got range(0, 64)" in message_of(ex07.sequential_split, sequential_split)


def test_train_and_eval_mode_predict_different_things():
    """Otherwise the matrix could not tell them apart."""
    for case in draw_evaluations(0):
        model, batches = build_model(case), make_batches(case)
        settings = int(case["num_classes"]), int(case["ignore_index"])
        right = training.evaluate(model, batches, *settings).compute()
        if right.sum() == 0:  # every pixel is ignored
            continue
        assert (right.sum(dim=0) > 0).sum() > 1, "the model calls everything by one name"
        with torch.no_grad():
            outputs = [(model.train()(images)["out"].argmax(dim=1), masks) for images, masks in batches]
        wrong = sum(confusion_matrix(prediction, masks, *settings) for prediction, masks in outputs)
        assert not torch.equal(wrong, right)


@pytest.mark.parametrize("name", CHECKS)
def test_cases_and_answers_cross_a_border_as_npz(name):
    check, right = CHECKS[name], solved()[name]
    cases = from_bytes(to_bytes(drawn := check.draw(3)), len(drawn))
    answers = from_bytes(to_bytes([check.probe(right, case) for case in cases]), len(cases))
    assert check.verdict(cases, answers).passed
    (untouched,) = from_bytes(to_bytes([check.probe(given_definitions("ex07_camseq")[name], cases[0])]), 1)
    assert "not written yet" in check.judge(cases[0], untouched).message


@pytest.mark.parametrize("name", CHECKS)
def test_cases_follow_from_the_seed(name):
    first, again, other = (to_bytes(CHECKS[name].draw(seed)) for seed in (5, 5, 6))
    assert first == again
    assert first != other


def test_probes_and_released_cells_need_neither_judges_nor_ready_answers():
    cells = [
        cell.source
        for cell in read_exercise("ex07_camseq").cells
        if cell.cell_type == "code" and not cell.metadata.get("nbgrader", {}).get("grade")
    ]
    code = f"""
import sys
from segutils.checks import ex07
namespace = {{}}
for source in {cells!r}:
    exec(source, namespace)
for name, check in {{"CamSeqFrames": ex07.camseq_frames, "evaluate": ex07.evaluate}}.items():
    check.probe(namespace[name], check.draw(0)[0])
unwanted = ("segutils.checks.judges", *ex07.READY_ANSWERS)
loaded = [name for name in sys.modules if name.startswith(unwanted)]
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "This cell waits for tasks 1 and 2 and the challenge." in done.stdout


@pytest.mark.parametrize("named", ["", "missing"])
def test_the_archive_is_drawn_where_camseq_is_not_found(named, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGUTILS_CAMSEQ", str(tmp_path / named) if named else "")
    namespace = solved()
    exec(cell_source("archive-given"), namespace)
    assert namespace["folder"].name == "toyscapes"
    assert namespace["palette"].shape == (31, 3) and namespace["palette"].dtype == np.uint8


def test_the_archive_is_camseq_where_it_is_found(monkeypatch, tmp_path, capsys):
    folder = toyscapes.generate(tmp_path / "frames", num_frames=20, size=(48, 36))
    monkeypatch.setenv("SEGUTILS_CAMSEQ", str(folder))
    namespace = solved()
    exec(cell_source("archive-given"), namespace)
    assert namespace["folder"] == Path(folder)
    capsys.readouterr()
    exec(cell_source("leak-look"), namespace)
    scores = [float(line.rsplit(" ", 1)[1]) for line in capsys.readouterr().out.splitlines()]
    assert len(scores) == 2 and 0 < scores[0] < scores[1] < 1


def test_the_files_have_the_modes_that_the_statement_names(tmp_path):
    seen = set()
    for case in draw_frames(0)[:6]:
        folder = tmp_path / str(len(seen))
        folder.mkdir(exist_ok=True)
        write_frames(folder, case)
        seen |= {Image.open(path).mode for path in folder.glob("*.png")}
    assert seen == {"RGB", "P"}


def test_a_batch_of_the_solved_data_set_can_be_loaded(tmp_path):
    """As a student uses it: a DataLoader over the class, with a palette without Void."""
    namespace = solved()
    folder = toyscapes.generate(tmp_path / "toy", num_frames=3, size=(48, 36))
    table = camseq.CamSeqDataset(folder).palette
    palette = np.delete(table.colors, table.names.index("Void"), axis=0)
    loader = torch.utils.data.DataLoader(namespace["CamSeqFrames"](folder, palette), batch_size=2)
    sizes = [(tuple(images.shape), tuple(masks.shape)) for images, masks in loader]
    assert sizes == [((2, 3, 36, 48), (2, 36, 48)), ((1, 3, 36, 48), (1, 36, 48))]
