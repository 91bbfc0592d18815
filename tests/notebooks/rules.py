"""What every committed notebook of the course fulfils. Each rule yields the faults it finds, as sentences."""

import ast
import base64
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import nbformat
from PIL import Image

MAX_CELL_LINES = 25
MAX_PICTURE_BYTES = 150_000
MAX_PICTURE_WIDTH = 1000
MAX_NOTEBOOK_BYTES = 1_500_000
MIN_ALT_LENGTH = 20
WIDGET = "application/vnd.jupyter.widget-view+json"
TEXTS = ("text/plain", "text/html", "text/markdown", "text/latex", "image/svg+xml")
LECTURE_PARTS = {
    "title": r"\A# \d · \S",
    "question": r"\A#.*\n+\*\*[^*]+\?\*\*",
    "goals": r"You will be able to",
    "prerequisites": r"Before you start",
    "minutes": r"Minutes\b.*\d+",
    "take-aways": r"^## Take-aways",
    "references": r"^## References",
    "exercise": r"^## Exercise",
}
MACHINE_PATH = re.compile(r"/(?:home|root|tmp|work|Users|usr|opt|content|var)/[\w.-]+|[A-Z]:\\\\")

Rule = Callable[[nbformat.NotebookNode, Path], Iterator[str]]


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def parsed(cell) -> ast.Module:
    """The cell's syntax tree, without its magics."""
    lines = ["pass" if re.match(r"\s*[%!]", line) else line for line in cell.source.splitlines()]
    return ast.parse("\n".join(lines))


def outputs(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            yield cell, output


def first_line(cell) -> str:
    return (cell.source.strip().splitlines() or [""])[0]


def output_text(output) -> str:
    if output.output_type == "stream":
        return output.text
    data = output.get("data", {})
    return "\n".join(data[kind] for kind in TEXTS if kind in data)


@dataclass
class Picture:
    """A picture of a notebook, wherever it hides: its bytes, its width if that can be told, its alt text."""

    place: str
    size: int
    width: int | None
    alt: str


def pictures(notebook) -> Iterator[Picture]:
    """Pictures in outputs, of any kind and also within HTML, and those attached to or linked from the prose."""
    for cell, output in outputs(notebook):
        metadata = output.get("metadata", {})
        for kind, data in output.get("data", {}).items():
            if kind.startswith("image/"):
                alt = metadata.get(kind, {}).get("alt") or metadata.get("alt") or ""
                yield Picture(first_line(cell), *size_and_width(kind, data), alt)
            elif kind == "text/html":
                for tag in re.findall(r"<(?:img|svg|video|canvas|iframe)\b[^>]*>", data):
                    yield Picture(first_line(cell), len(data.encode()), None, alt_of_tag(tag))
    for cell in notebook.cells:
        for name, kinds in cell.get("attachments", {}).items():
            for kind, data in kinds.items():
                yield Picture(name, *size_and_width(kind, data), "an attachment has its alt text in the prose")
        if cell.cell_type == "markdown":
            for alt, target in re.findall(r"!\[(.*?)\]\((.*?)\)", cell.source):
                yield Picture(target, 0, None, alt)
            for tag in re.findall(r"<img\b[^>]*>", cell.source):
                yield Picture(tag, 0, None, alt_of_tag(tag))


def size_and_width(kind: str, data: str) -> tuple[int, int | None]:
    """Bytes and width of a picture; an SVG is text, all others are base64."""
    if kind == "image/svg+xml":
        return len(data.encode()), None
    content = base64.b64decode(data)
    return len(content), Image.open(io.BytesIO(content)).width


def alt_of_tag(tag: str) -> str:
    found = re.search(r"\b(?:alt|aria-label)=([\"'])(.*?)\1", tag)
    return found.group(2) if found else ""


def cells_are_short(notebook, path):
    for cell in code_cells(notebook):
        if (lines := len(cell.source.splitlines())) > MAX_CELL_LINES:
            yield f"a cell of {lines} lines (at most {MAX_CELL_LINES}): {first_line(cell)}"


def a_lecture_has_all_its_parts(notebook, path):
    text = prose(notebook)
    for name, pattern in LECTURE_PARTS.items():
        if not re.search(pattern, text, flags=re.MULTILINE if pattern.startswith("^") else 0):
            yield f"no {name}"
    if (questions := len(re.findall(r"<summary><b>Check yourself", text))) < 3:
        yield f"{questions} check-yourself questions, at least 3 are wanted"


def pictures_have_alt_text(notebook, path):
    for picture in pictures(notebook):
        if len(picture.alt) < MIN_ALT_LENGTH:
            yield f"a picture without alt text (end the cell in plotting.show): {picture.place}"


def pictures_are_small(notebook, path):
    for picture in pictures(notebook):
        if picture.size > MAX_PICTURE_BYTES or (picture.width or 0) > MAX_PICTURE_WIDTH:
            yield f"a picture of {picture.size // 1000} kB, {picture.width} px wide: {picture.place}"


def widgets_say_what_they_show(notebook, path):
    """Each widget has an alt text, and a static picture at most two cells away that says the same."""
    cells = code_cells(notebook)
    static = [
        any(kind.startswith("image/") for output in cell.outputs for kind in output.get("data", {})) for cell in cells
    ]
    for number, cell in enumerate(cells):
        if not any(WIDGET in output.get("data", {}) for output in cell.outputs):
            continue
        if len(alt_of_widget(cell, notebook)) < MIN_ALT_LENGTH:
            yield f"a widget without alt text (use widgets.explore(draw, alt, ...)): {first_line(cell)}"
        if not any(static[max(number - 2, 0) : number + 3]):
            yield f"a widget without a static figure beside it: {first_line(cell)}"


def alt_of_widget(cell, notebook) -> str:
    """The second argument of `widgets.explore`, or its `alt`: a text, or a name that some cell gives to a text."""
    named = {
        target.id: node.value
        for other in code_cells(notebook)
        for node in ast.walk(parsed(other))
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(parsed(cell)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "explore":
            alt = next((keyword.value for keyword in node.keywords if keyword.arg == "alt"), None)
            alt = alt or (node.args[1] if len(node.args) > 1 else None)
            alt = named.get(alt.id) if isinstance(alt, ast.Name) else alt
            parts = alt.values if isinstance(alt, ast.JoinedStr) else [alt]
            return "".join(str(part.value) for part in parts if isinstance(part, ast.Constant))
    return ""


def the_file_is_small(notebook, path):
    if (size := path.stat().st_size) > MAX_NOTEBOOK_BYTES:
        yield f"the notebook has {size / 1e6:.1f} MB (at most {MAX_NOTEBOOK_BYTES / 1e6} MB)"


def nothing_went_wrong_in_an_output(notebook, path):
    for cell, output in outputs(notebook):
        if output.output_type == "error":
            yield f"a traceback ({output.ename}): {first_line(cell)}"
        elif output.output_type == "stream" and output.name == "stderr":
            yield f"stderr ({output.text.strip()[:60]!r}): {first_line(cell)}"
        elif re.search(r"\b\w*Warning:|Traceback \(most recent|it/s\]|s/it\]", output_text(output)):
            yield f"a warning, traceback or progress bar in an output: {first_line(cell)}"


def no_output_names_a_machine(notebook, path):
    for cell, output in outputs(notebook):
        if found := MACHINE_PATH.search(output_text(output)):
            yield f"a machine's path ({found.group()}): {first_line(cell)}"


def cells_were_run_in_order(notebook, path):
    counts = [cell.execution_count for cell in code_cells(notebook) if cell.source.strip()]
    if counts != list(range(1, len(counts) + 1)):
        yield f"cells were not run once each, from top to bottom: {counts}"


def only_public_names_are_used(notebook, path):
    for cell in code_cells(notebook):
        for node in ast.walk(parsed(cell)):
            if isinstance(node, ast.ImportFrom | ast.Import):
                names = [*(getattr(node, "module", None) or "").split("."), *(a.name for a in node.names)]
                if any(part.startswith("_") for name in names for part in name.split(".") if part != "__future__"):
                    yield f"import of a private name: {ast.unparse(node)}"
                if "*" in names:
                    yield f"a star import: {ast.unparse(node)}"
            elif isinstance(node, ast.Attribute) and re.match(r"_(?!_)", node.attr):
                yield f"use of a private name: {ast.unparse(node)}"


def links_lead_somewhere(notebook, path):
    """Links to files of the course exist; a student's copy in work/ is made from exercises/."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(notebook)):
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            continue
        target_file = re.sub(r"^((\.\./)+)work/", r"\1exercises/", unquote(target.split("#")[0]))
        if not (path.parent / target_file).exists():
            yield f"a link to a file that is not there: {target}"


EVERYWHERE: list[Rule] = [
    cells_are_short,
    pictures_have_alt_text,
    pictures_are_small,
    widgets_say_what_they_show,
    the_file_is_small,
    nothing_went_wrong_in_an_output,
    no_output_names_a_machine,
    only_public_names_are_used,
    links_lead_somewhere,
]
LECTURES: list[Rule] = [*EVERYWHERE, a_lecture_has_all_its_parts, cells_were_run_in_order]
