"""The page that a student gets back: what each check said, what was mended, what a person wrote, and the notebook."""

import html
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import bleach
from bleach.css_sanitizer import CSSSanitizer
from nbconvert.exporters import TemplateExporter
from nbconvert.filters import markdown2html
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_markdown_cell
from nbgrader.preprocessors import ClearHiddenTests, NbGraderPreprocessor
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from traitlets.config import Config

from segutils.grading.records import Entry
from segutils.submission import MESSAGES, entry

TEMPLATES = Path(__file__).parent / "templates"
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
MAX_TEXT, MAX_IMAGE, MAX_PAGE = 20_000, 4_000_000, 400_000  # characters of one output, one picture, one page
TEXT_TAGS = "a abbr b blockquote br center code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i kbd li mark ol p pre"
TAGS = f"{TEXT_TAGS} q s samp small span strong sub summary sup u ul var img caption table tbody td tfoot th thead tr"
IMAGES = ("image/svg+xml", "image/png", "image/jpeg")
SHOWN = ("text/html", "text/markdown", *IMAGES, "text/latex", "text/plain")


@dataclass(frozen=True)
class TaskResult:
    """One line of the table at the top: a graded cell's points, and what its check said."""

    name: str
    points: float
    max_points: float
    message: str = ""

    @property
    def mark(self) -> str:
        """How the line is marked: full, part or none of the points; a challenge, which has none, is not marked."""
        if not self.max_points:
            return "challenge"
        return "full" if self.points >= self.max_points else "part" if self.points > 0 else "none"


@dataclass(frozen=True)
class Summary:
    """What stands above the notebook: a line per graded cell, and what was mended before grading."""

    tasks: tuple[TaskResult, ...]
    notes: tuple[str, ...] = ()


class FeedbackPages:
    """Render feedback pages that load nothing, run nothing, and show no hidden test.

    Formulas stay as they were written, between dollar signs: what would typeset them has to be loaded.
    """

    def __init__(self, exercise: str, config: Config) -> None:
        self.exercise = exercise
        shown = Config({"NbConvertBase": {"display_data_priority": list(SHOWN)}})
        self.exporter = TemplateExporter(
            config=Config(config, **shown),
            file_extension=".html",
            template_name="feedback",
            extra_template_basedirs=[str(TEMPLATES)],
            default_preprocessors=[],
            preprocessors=[ClearHiddenTests, HideTestFrames, Shorten],
            optimistic_validation=True,
            exclude_input_prompt=True,
            exclude_output_prompt=True,
            filters=_filters(),
        )
        own = (TEMPLATES / "feedback" / "page.css").read_text(encoding="utf-8")
        self.css = f"{HtmlFormatter(nobackground=True).get_style_defs('.highlight')}\n{own}"

    def render(self, notebook: NotebookNode, student: str, summary: Summary, entries: list[Entry]) -> str:
        """The page of one graded notebook; `entries` are what the gradebook holds for it."""
        _enter(notebook, entries)
        penalty = max((entry.late_penalty or 0.0 for entry in entries), default=0.0)
        page = {
            "exercise": self.exercise,
            "student": student,
            "score": sum(task.points for task in summary.tasks) - penalty,
            "max_score": sum(task.max_points for task in summary.tasks),
            "late_penalty": penalty,
            "tasks": _with_persons(summary.tasks, notebook, entries),
            "notes": summary.notes,
            "css": self.css,
            "policy": POLICY,
        }
        return self.exporter.from_notebook_node(notebook, {"page": page})[0]


def _enter(notebook: NotebookNode, entries: list[Entry]) -> None:
    """Give the exercise's cells their scores and comments, as nbgrader's GetGrades does."""
    for cell in notebook.cells:
        for known in entries:
            if known.cell == entry(cell).get("grade_id"):
                if known.grade_id:
                    cell.metadata.nbgrader["score"] = known.score
                if known.comment:
                    cell.metadata.nbgrader["comment"] = known.comment


def _with_persons(tasks: tuple[TaskResult, ...], notebook: NotebookNode, entries: list[Entry]) -> list[dict[str, Any]]:
    """The table's lines with what persons did: a comment on a solution stands with the first test below it."""
    written = {known.cell: known.manual_comment for known in entries if known.manual_comment}
    graded = {known.cell: known for known in entries if known.grade_id}
    comments: dict[str, list[str]] = {task.name: [] for task in tasks}
    waiting: list[str] = []
    for cell in notebook.cells:
        name = entry(cell).get("grade_id")
        waiting += [written[name]] if name in written else []
        if name in comments:
            comments[name], waiting = waiting, []
    if tasks and waiting:
        comments[tasks[-1].name] += waiting
    return [
        asdict(task)
        | {"mark": task.mark, "comments": comments[task.name]}
        | {"by_hand": task.name in graded and graded[task.name].manual_score is not None}
        for task in tasks
    ]


def _filters() -> dict[str, Callable]:
    """Every way from a notebook's text to HTML; most cells are the course's own, the same on every page."""
    return {
        "markdown2html": _markdown,
        "highlight_code": lambda source, metadata: _highlight(source),
        "clean_html": _clean,
        "points": lambda value: f"{round(float(value), 6):g}",
    }


@lru_cache(256)
def _highlight(source: str) -> str:
    lines = (line.rstrip() for line in source.split("\n"))  # the lexer is slow at lines of blanks
    return highlight("\n".join(lines), PythonLexer(), HtmlFormatter())  # IPython's takes seconds for "*" * 20_000


@lru_cache(256)
def _markdown(source: str) -> str:
    try:
        return _clean(markdown2html(source))
    except Exception:  # text that the Markdown parser gives up on is shown as it is
        return f"<pre>{html.escape(source)}</pre>"


def _allowed(tag: str, name: str, value: str) -> bool:
    """Links lead to other pages only, pictures are in the page, and no class makes a student's text look like ours."""
    if name == "src":
        return tag == "img" and value.startswith("data:image/")
    if name == "href":
        return value.startswith(("#", "https://", "http://", "mailto:"))
    if name == "class":
        return bool(re.fullmatch(r"highlight.*|anchor-link|[a-z][a-z0-9]{,2}", value))  # what highlighted code has
    return name in ("alt", "colspan", "height", "rowspan", "style", "title", "width")


CLEANER = bleach.Cleaner(
    tags=TAGS.split(),
    attributes=_allowed,
    protocols=["http", "https", "mailto", "data"],
    strip=True,
    css_sanitizer=CSSSanitizer(),
)


def _clean(text: object) -> str:
    """HTML without anything that runs, loads or covers the page."""
    try:
        return CLEANER.clean(re.sub(r"(?is)<(style|script)\b.*?</\1\s*>", "", str(text)))
    except Exception:  # a tree too deep for the parser
        return f"<pre>{html.escape(str(text))}</pre>"


class HideTestFrames(NbGraderPreprocessor):
    """Leave out of the feedback those frames of a test's traceback that show the test, its files or hidden cases."""

    def preprocess_cell(self, cell: NotebookNode, resources: dict, cell_index: int) -> tuple[NotebookNode, dict]:
        for output in cell.get("outputs", []):
            if entry(cell).get("grade") and output.output_type == "error":
                known = output.ename in MESSAGES
                output.traceback = [output.evalue if known else f"{output.ename}: {output.evalue}"]
        return cell, resources


class Shorten(NbGraderPreprocessor):
    """Keep a page readable, and quick to make, whatever its cells and outputs hold."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        nb, resources = super().preprocess(nb, resources)
        room, cells = MAX_PAGE, []
        for cell in nb.cells:
            room -= _weight(cell)
            if room > 0 or entry(cell):
                cells.append(cell)
            if room <= 0 and "outputs" in cell:
                cell["outputs"] = [output for output in cell.get("outputs", []) if output.output_type == "error"]
        if len(cells) < len(nb.cells):
            cells.append(new_markdown_cell(f"*({len(nb.cells) - len(cells)} more cells are left out here)*"))
        nb.cells = cells
        return nb, resources

    def preprocess_cell(self, cell: NotebookNode, resources: dict, cell_index: int) -> tuple[NotebookNode, dict]:
        cell.source = _cut(cell.source)
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = _cut(_text(output.text))
            elif output.output_type == "error":
                output.traceback = [_cut("\n".join(map(str, output.traceback)))]
            else:
                output.metadata = {kind: {"alt": "a picture that this cell shows"} for kind in IMAGES}
                output.data = dict(_fitting(output))
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if output.get("data", True)]
        return cell, resources


def _weight(cell: NotebookNode) -> int:
    """How much of a page a cell takes, in characters; pictures, which only have to be copied, count little."""
    weight = 100 + len(cell.source)
    for output in cell.get("outputs", []):
        pictures = sum(len(data) for kind, data in output.get("data", {}).items() if kind in IMAGES)
        weight += 100 + len(json.dumps(output)) - pictures + pictures // 20
    return weight


def _fitting(output: NotebookNode) -> list[tuple[str, str]]:
    """The data of an output that a page can show: text, and images of some size; half of an HTML table is none."""
    shown = [(kind, _text(output.data[kind])) for kind in SHOWN if kind in output.data]
    shown = [(kind, _cut(data) if kind == "text/plain" else data) for kind, data in shown]
    return [(kind, data) for kind, data in shown if len(data) <= (MAX_IMAGE if kind in IMAGES else MAX_TEXT)]


def _text(data: object) -> str:
    return "".join(map(str, data)) if isinstance(data, list) else str(data)


def _cut(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    half = MAX_TEXT // 2 - 100
    return f"{text[:half]}\n\n[... {len(text) - 2 * half} characters are left out here ...]\n\n{text[-half:]}"
