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


SVG = "<svg xmlns='http://www.w3.org/2000/svg'>" + "<path d='M 0 0 L 1 1'/>" * 10_000 + "</svg>"


def display(kind: str, data, alt: str = "a picture that is described"):
    return nbformat.v4.new_output("display_data", data={kind: data}, metadata={kind: {"alt": alt}})


def jpeg(width: int, height: int) -> str:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=95)
    return base64.b64encode(buffer.getvalue()).decode()


WIDGET = display("application/vnd.jupyter.widget-view+json", {"model_id": "1"})
EXPLORE = "widgets.explore(draw, {}, row=(0, 9))"


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


@pytest.mark.parametrize("alt", ["'a picture that is described'", "alt='one that is' ' described in two'", "caption"])
def test_a_good_widget_has_no_faults(tmp_path, alt):
    source = "caption = 'a picture that is described'\n" + EXPLORE.format(alt)
    path = write_lecture(tmp_path / "lecture.ipynb", source=source, outputs=[picture(), WIDGET])
    assert faults(path, rules.LECTURES) == []


PLANTED = {
    "no title": {"introduction": INTRODUCTION.replace("# 4 · A title", "# A title")},
    "a cell of 26 lines": {"source": "\n".join(["1"] * 26)},
    "no question": {"introduction": INTRODUCTION.replace("asked here?", "asked here.")},
    "no goals": {"introduction": INTRODUCTION.replace("You will be able to", "")},
    "no minutes": {"introduction": INTRODUCTION.replace("10 reading, 1 running", "some")},
    "no prerequisites": {"introduction": INTRODUCTION.replace("Before", "")},
    "2 check-yourself": {"introduction": INTRODUCTION.replace("<summary><b>Check", "", 1)},
    "without alt text": {"outputs": [picture(alt="")]},
    "plotting.show): a.png": {"introduction": INTRODUCTION + "![](a.png)"},
    "plotting.show): <img": {"introduction": INTRODUCTION + "<img src='a.png' width=300>"},
    "plotting.show): 1 + 1": {"outputs": [display("image/svg+xml", "<svg></svg>", alt="")]},
    "plotting.show): html": {
        "source": "html",
        "outputs": [display("text/html", "<img src='data:image/png;base64,iV'>")],
    },
    "a picture of 270 kB": {"outputs": [picture(300, 300, noisy=True)]},
    "a picture of 230 kB, None px": {"outputs": [display("image/svg+xml", SVG)]},
    "a picture of 230 kB, None px wide: html": {
        "source": "html",
        "outputs": [display("text/html", f"<svg aria-label='a picture that is described'>{SVG}</svg>")],
    },
    "kB, 400 px wide": {"outputs": [display("image/jpeg", jpeg(400, 400))]},
    "a widget without alt text": {"source": EXPLORE.format("''"), "outputs": [picture(), WIDGET]},
    "use widgets.explore": {"source": "ipywidgets.interact(draw, row=(0, 9))", "outputs": [picture(), WIDGET]},
    "a widget without a static figure": {"source": EXPLORE.format("'a picture, described'"), "outputs": [WIDGET]},
    "1200 px wide": {"outputs": [picture(1200)]},
    "the notebook has": {"outputs": [stream("x" * 1_600_000)]},
    "a traceback": {"outputs": [nbformat.v4.new_output("error", ename="ValueError", evalue="", traceback=[])]},
    "stderr": {"outputs": [stream("careful", "stderr")]},
    "a warning": {"outputs": [stream("UserWarning: old")]},
    "a warning, traceback": {"outputs": [stream("Traceback (most recent call last):")]},
    "a warning, traceback or progress bar": {"outputs": [stream("100%|####| 5/5 [00:01<00:00,  4.8it/s]")]},
    "a machine's path (/opt/conda)": {"outputs": [display("text/html", "<b>/opt/conda/lib</b>")]},
    "a machine's path": {"outputs": [stream("saved to /home/ada/course/model.safetensors")]},
    "not run once each": {"count": 2},
    "not run once each, from top to bottom: [None]": {"count": None},
    "private name: from segutils._secret import answer": {"source": "from segutils._secret import answer"},
    "private name: from segutils import _secret": {"source": "from segutils import _secret"},
    "private name: import segutils._secret as s": {"source": "import segutils._secret as s"},
    "private name: palettes._index": {"source": "palettes._index(0)"},
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
