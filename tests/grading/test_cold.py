"""A kernel that starts from nothing is the cross-check of the warm one: the same points, pages that show the same."""

import pytest

from grading import tiny_course
from segutils.paths import COURSE_ROOT

UNUSUAL = """%matplotlib inline
%time total = sum(range(10))
!echo from the shell
import ipywidgets, matplotlib.pyplot as plt, sys, warnings
from IPython.display import HTML, display
plt.plot([1, 2]); plt.show()
display(ipywidgets.IntSlider(), HTML("<b>bold</b>"))
warnings.warn("careful"); print("to stderr", file=sys.stderr)
plt.gcf().get_size_inches()"""
STARTS = {
    "right": {},
    "wrong": {"aspp_forward_answer": "class ASPP:\n    pass"},
    "delegates": {
        "aspp_forward_answer": "from segutils.models.deeplab import ASPP as Ready\n"
        "class ASPP:\n    def __init__(self, *sizes):\n        self.ready = Ready(*sizes)"
    },
    "exits": {"effective_kernel_size_answer": "import os\nos._exit(1)"},
}


def submissions(course):
    for student, answers in STARTS.items():
        course.submit(student, course.solved(**answers))
    unusual = course.solved()
    unusual.cells.insert(3, tiny_course.code(UNUSUAL))
    course.submit("unusual", unusual)


def kinds_of_output(course):
    """Per student and cell what kinds of output it has, and its errors: what a page shows, but for times and places."""
    import nbformat

    shown = {}
    for path in sorted((course.root / "grading" / "autograded").glob("*/*/*.ipynb")):
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
            for output in cell.get("outputs", []):
                what = sorted(output.get("data", {})) or output.get("ename") or output.get("name")
                shown.setdefault((path.parts[-3], number), []).append(what)
    return shown


@pytest.mark.slow
def test_warm_and_cold_kernels_agree(tmp_path):
    seen = []
    for warm in (True, False):
        source = COURSE_ROOT / "solutions" / "ex04_aspp" / "ex04_aspp.ipynb"
        course = tiny_course.Course(tmp_path / f"warm-{warm}", source)
        submissions(course)
        (course.root / "grading").mkdir()
        (course.root / "grading" / "secret").write_text("the same seeds in both runs")
        seen.append((course.grade(seconds=60, warm=warm), kinds_of_output(course)))
    assert seen[0] == seen[1]
    rows, shown = seen[0]
    assert {student: row["score"] for student, row in rows.items()} == {
        "right": "6", "wrong": "2", "delegates": "2", "exits": "4", "unusual": "6"
    }  # fmt: skip
    assert ["image/png", "text/plain"] in shown["unusual", 3] and "stderr" in shown["unusual", 3]
    assert "a ready answer, absent while this exercise is graded" in rows["delegates"]["message"]
