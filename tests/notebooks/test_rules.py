"""Every committed notebook keeps the course's rules, and every rule notices its fault."""

import base64
import io
from pathlib import Path

import nbformat
import numpy as np
import pytest
from notebooks import rules
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
LECTURES = sorted((ROOT / "lectures").glob("*.ipynb"))
OTHERS = sorted([*(ROOT / "solutions").glob("*/*.ipynb"), *(ROOT / "exercises").glob("*/*.ipynb")])
INTRODUCTION = (
    """# 4 · A title

**What is asked here?**

**You will be able to** do it. **Before you start**: nothing. **Minutes**: 10 reading, 1 running.

"""
    + "<details><summary><b>Check yourself.</b> Why?</summary>\n\nSo.\n\n</details>\n" * 3
)
ENDING = "## Take-aways\n\n## References\n\n## Exercise\n"


def faults(path: Path, checked: list[rules.Rule]) -> list[str]:
    notebook = nbformat.read(path, as_version=4)
    return [fault for rule in checked for fault in rule(notebook, path)]


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_lecture_keeps_the_rules(path):
    assert faults(path, rules.LECTURES) == []


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: "/".join(path.parts[-3:-1]))
def test_exercise_keeps_the_rules(path):
    assert faults(path, rules.EVERYWHERE) == []


def test_there_is_something_to_check():
    assert len(LECTURES) >= 4
    assert len(OTHERS) >= 4


def picture(width: int = 4, height: int = 4, alt: str = "a picture that is described", noisy: bool = False):
    pixels = np.random.default_rng(0).integers(0, 256 if noisy else 1, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    data = {"image/png": base64.b64encode(buffer.getvalue()).decode()}
    return nbformat.v4.new_output("display_data", data=data, metadata={"image/png": {"alt": alt}})


def stream(text: str, name: str = "stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def write_lecture(path: Path, source: str = "1 + 1", outputs=(), introduction: str = INTRODUCTION, count: int = 1):
    code = nbformat.v4.new_code_cell(source, outputs=list(outputs), execution_count=count)
    markdown = nbformat.v4.new_markdown_cell
    nbformat.write(nbformat.v4.new_notebook(cells=[markdown(introduction), code, markdown(ENDING)]), path)
    return path


def test_a_good_lecture_has_no_faults(tmp_path):
    path = write_lecture(tmp_path / "lecture.ipynb", outputs=[picture(), stream("mIoU 0.5 of 3/7 classes")])
    assert faults(path, rules.LECTURES) == []


PLANTED = {
    "a cell of 26 lines": {"source": "\n".join(["1"] * 26)},
    "no question": {"introduction": INTRODUCTION.replace("asked here?", "asked here.")},
    "no goals": {"introduction": INTRODUCTION.replace("You will be able to", "")},
    "no minutes": {"introduction": INTRODUCTION.replace("10 reading, 1 running", "some")},
    "no prerequisites": {"introduction": INTRODUCTION.replace("Before", "")},
    "2 check-yourself": {"introduction": INTRODUCTION.replace("<summary><b>Check", "", 1)},
    "without alt text": {"outputs": [picture(alt="")]},
    "a picture without alt text: a.png": {"introduction": INTRODUCTION + "![](a.png)"},
    "a picture of": {"outputs": [picture(300, 300, noisy=True)]},
    "1200 px wide": {"outputs": [picture(1200)]},
    "the notebook has": {"outputs": [stream("x" * 1_600_000)]},
    "a traceback": {"outputs": [nbformat.v4.new_output("error", ename="ValueError", evalue="", traceback=[])]},
    "stderr": {"outputs": [stream("careful", "stderr")]},
    "a warning": {"outputs": [stream("UserWarning: old")]},
    "a machine's path": {"outputs": [stream("saved to /home/ada/course/model.safetensors")]},
    "not run once each": {"count": 2},
    "private name": {"source": "from segutils._secret import answer"},
    "a star import": {"source": "from torch import *"},
    "a link to a file": {"introduction": INTRODUCTION + "[next](99_nowhere.ipynb)"},
}


@pytest.mark.parametrize("sentence", PLANTED)
def test_each_rule_notices_its_fault(tmp_path, sentence):
    found = faults(write_lecture(tmp_path / "lecture.ipynb", **PLANTED[sentence]), rules.LECTURES)
    assert any(sentence in fault for fault in found), found


@pytest.mark.parametrize("part", ["## Take-aways", "## References", "## Exercise"])
def test_a_missing_ending_is_noticed(tmp_path, part):
    path = write_lecture(tmp_path / "lecture.ipynb")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].source = ENDING.replace(part, "")
    assert list(rules.a_lecture_has_all_its_parts(notebook, path)) == [f"no {part[3:].lower()}"]
