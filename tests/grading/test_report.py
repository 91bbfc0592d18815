"""The summary page: complete, readable for everybody, and nothing in it that a student could make act."""

import base64
import hashlib
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from segutils.grading import report
from segutils.grading.report import write_page
from segutils.grading.results import GRADED, NEEDS_ATTENTION, Row, Timing
from segutils.submission import NOT_WRITTEN, Task

TASKS = [Task("double_test", 2), Task("area_test", 4), Task("extra", 0)]
SCRIPT = "<script>alert(1)</script>"
HOSTILE = [
    SCRIPT,
    "\"'><img src=http://example.org onerror=alert(1)>",
    "a\u202egpj.exe",
    "</title></table><h1>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "</script><!--",
    "x" * 10_000,
    "100% & a?b#c",
    "line\nbreak\x00\x1b[2J",
    "\ud83d",
    " ",
]
STYLE = (Path(report.__file__).parent / "templates" / "report.css").read_text()


class Page(HTMLParser):
    """What a browser would see: the elements with their attributes, and the text by element."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_bytes().decode()
        self.elements, self.open, self.texts = [], [], []
        self.feed(self.source)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in ("meta", "input", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self):
        return " ".join("".join(self.texts).split())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def graded(student, double=2.0, area=4.0, message="", **other):
    return Row(student, "ex90", GRADED, message, {"double_test": double, "area_test": area, "extra": 0.0}, **other)


def needs_attention(student, message="the folder is empty: ask for the notebook"):
    return Row(student, "ex90", NEEDS_ATTENTION, message)


def page_of(folder, rows, tasks=TASKS, timing=None):
    write_page(folder / "ex90.html", rows, tasks, timing)
    return Page(folder / "ex90.html")


def some_class():
    cause = "double_test: expected 4, got {} Likely cause: the number was squared"
    rows = [graded(f"right {number}", challenges=("extra",)) for number in range(4)]
    rows += [graded(f"wrong {i}", double=0, reasons={"double_test": cause.format(i)}, seconds=i) for i in range(3)]
    rows += [graded("late", double=1, area=0, reasons={"area_test": NOT_WRITTEN}, mended=("2 cells were lost",))]
    rows += [graded("old", known=True, seconds=99, reasons={"extra": "wrong"}, mended=("3 cells were lost",))]
    return rows + [needs_attention("cut off"), needs_attention("empty")]


def test_the_page_tells_the_whole_run(tmp_path):
    page = page_of(tmp_path, some_class(), timing=Timing(1, 70, 9, 81))
    for part in (
        "students 11 graded 9 need attention 2 mean of 6 points 4.78 median 6",
        "2 students: the folder is empty: ask for the notebook cut off, empty",
        "mean 4.78",
        "median 6",
        "5 of 9 (56 %), 1 partly, 3 wrong 1.22 of 2",
        "8 of 9 (89 %), 1 not begun 3.56 of 4",
        "4 of 9 (44 %), 5 tried and wrong",
        "3 students: the number was squared wrong 0, wrong 1, wrong 2",
        "2 notebooks: … cells were lost late, old",
        "The run took 1 min 21 s: 1.0 s to collect, 1 min 10 s to execute, 9.0 s to enter the results. "
        "1 of 11 were known from an earlier run and not executed again. The students' code took 3.0 s of CPU time.",
        "old 1 min 39 s (in an earlier run)",
    ):
        assert part.replace(" ", "") in page.text.replace(" ", ""), part
    assert len(re.findall(r"<tr data-status", page.source)) == 11


def test_what_students_chose_is_text(tmp_path):
    rows = [graded(name, 0, message=name, reasons={"double_test": name}, mended=(name,)) for name in HOSTILE]
    rows += [needs_attention(name, name) for name in HOSTILE]
    calm = page_of(tmp_path, [graded("ada", 0, reasons={"double_test": "no"}, mended=("x",)), needs_attention("ben")])
    page = page_of(tmp_path, rows)
    assert {tag for tag, _ in page.elements} == {tag for tag, _ in calm.elements}
    assert len(page.all("script")) == len(page.all("h1")) == 1
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert SCRIPT in page.text and "{{ 7 * 7 }}" in page.text and "\\ud83d" in page.text and "(no name)" in page.text
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00\x1b]", page.source)
    assert "x" * 1001 not in page.source and f">{'x' * 59}…<" in page.source


def test_a_name_written_from_right_to_left_moves_nothing_beside_it(tmp_path):
    rows = [graded("علی", 0, reasons={"double_test": "no"}, mended=("x",), seconds=1), needs_attention("علی ب")]
    source = page_of(tmp_path, rows).source
    assert source.count("علی") == source.count("<bdi>علی") == 6


def test_nothing_is_asked_from_another_place_and_no_other_script_runs(tmp_path):
    page = page_of(tmp_path, some_class())
    assert "http:" not in page.source and "https:" not in page.source and "url(" not in page.source
    assert not {"link", "img", "iframe", "object"} & {tag for tag, _ in page.elements}
    policy = next(meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    script = re.search(r"<script>(.*?)</script>", page.source, flags=re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in policy and f"script-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize("name", ["ada", "Ada L_47_x_", "100% & a?b#c", "..html", "a:b", "<b>'\"", "Zoë 山田", "a\\b"])
def test_a_name_leads_to_the_students_feedback(tmp_path, name):
    place = tmp_path / "feedback" / name / "ex90" / "ex90.html"
    place.parent.mkdir(parents=True)
    place.write_text("for you")
    page = page_of(tmp_path, [graded(name), graded("no page"), needs_attention(name + "x")])
    (link,) = page.all("a")
    assert re.match(r"feedback/[\w%.~/-]+$", link["href"], flags=re.ASCII)
    assert Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), unquote_to_bytes(link["href"])))).samefile(place)


def test_who_needs_attention_gets_no_link_to_feedback_of_an_earlier_notebook(tmp_path):
    place = tmp_path / "feedback" / "ada" / "ex90" / "ex90.html"
    place.parent.mkdir(parents=True)
    place.touch()
    assert not page_of(tmp_path, [needs_attention("ada")]).all("a")


def test_the_same_rows_give_the_same_page(tmp_path):
    pages = [page_of(tmp_path, rows).source for rows in (some_class(), some_class()[::-1])]
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [needs_attention("ada")],
        [graded("ada")],
        [graded(f"s{i}", 0, 0, reasons={"double_test": "no"}) for i in range(40)],
        [graded(f"s{i}") for i in range(300)],
    ],
    ids=["0", "attention", "1", "all wrong", "300 right"],
)
@pytest.mark.parametrize("timing", [None, Timing(0, 0, 0, 0)])
def test_every_class_gets_a_page(tmp_path, rows, timing):
    page = page_of(tmp_path, rows, timing=timing)
    assert page.open == [] and f"{len(rows)} student" in re.sub(r"students?(\d+)", r"\1 student", page.text)
    assert "nan" not in page.text


def test_an_exercise_of_challenges_alone_has_no_histogram(tmp_path):
    row = Row("ada", "ex90", GRADED, "", {"extra": 0.0}, ("extra",))
    assert "Graded students by points" not in page_of(tmp_path, [row], [TASKS[2]]).text
    assert "1 of 1 (100 %)" in page_of(tmp_path, [row], [TASKS[2]]).text


@pytest.mark.parametrize(
    ("scores", "most", "expected"),
    [
        ([6, 4, 4, 0], 6, {"6 (all)": 1, "5": 0, "4": 2, "3": 0, "2": 0, "1": 0, "0": 1}),
        ([9.5, 9, 0.5], 9.5, {"9.5 (all)": 1, "9 to under 9.5": 1, "0 to under 1": 1}),
        ([100, 99, 5, 0], 100, {"100 (all)": 1, "90 to under 100": 1, "0 to under 10": 2}),
        ([7, -1], 6, {"6 (all)": 1, "0": 1}),
        ([0.5], 0.5, {"0.5 (all)": 1}),
        ([], 6, {}),
        ([0], 0, {}),
    ],
)
def test_every_score_is_in_the_bar_that_names_it(scores, most, expected):
    bins = report._histogram(scores, most)
    found = {each.label: each.count for each in bins}
    assert {label: found.get(label) for label in expected} == expected
    assert sum(found.values()) == (len(scores) if expected else 0) and len(bins) <= report.MAX_BINS + 1
    assert sum(len(each.marks) for each in bins) == (2 if expected else 0)


def test_bars_have_their_numbers_beside_them_and_tables_their_headings(tmp_path):
    page = page_of(tmp_path, some_class(), timing=Timing(1, 2, 3, 6))
    assert all(div.get("aria-hidden") for div in page.all("div") if div.get("class") == "bar")
    assert all("scope" in heading for heading in page.all("th"))
    assert {section["aria-labelledby"] for section in page.all("section")} == {h2["id"] for h2 in page.all("h2")}
    assert next(attributes for tag, attributes in page.elements if tag == "html")["lang"] == "en"


def luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return sum(
        weight * (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4)
        for weight, c in zip((0.2126, 0.7152, 0.0722), channels, strict=True)
    )


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_and_bars_stand_out_from_the_page_in_both_themes(theme):
    colors = [dict(re.findall(r"--(\w+): (#\w{6})", root)) for root in re.findall(r":root \{([^}]*)", STYLE)][theme]

    def contrast(front, back):
        light, dark = sorted((luminance(colors[front]), luminance(colors[back])), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    for back in ("page", "band"):
        assert all(contrast(front, back) >= 4.5 for front in ("text", "soft", "link"))  # WCAG 2.2, 1.4.3
        assert contrast("bar", back) >= 3  # 1.4.11
