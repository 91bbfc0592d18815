"""What every committed notebook of the course fulfils. Each rule yields the faults it finds, as sentences."""

import ast
import base64
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import nbformat
from PIL import Image

MAX_CELL_LINES = 25
MAX_PICTURE_BYTES = 150_000
MAX_PICTURE_WIDTH = 1000
MAX_NOTEBOOK_BYTES = 1_500_000
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
    return "\n".join(data[kind] for kind in ("text/plain", "text/html", "text/markdown") if kind in data)


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
    for cell, output in outputs(notebook):
        for kind in output.get("data", {}):
            metadata = output.get("metadata", {})
            alt = metadata.get(kind, {}).get("alt") or metadata.get("alt") or ""
            if kind.startswith("image/") and len(alt) < 20:
                yield f"a picture without alt text (end the cell in plotting.show): {first_line(cell)}"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for alt, target in re.findall(r"!\[(.*?)\]\((.*?)\)", cell.source):
                if len(alt) < 20:
                    yield f"a picture without alt text: {target}"


def pictures_are_small(notebook, path):
    for cell, output in outputs(notebook):
        for kind, data in output.get("data", {}).items():
            if kind in ("image/png", "image/jpeg"):
                picture = base64.b64decode(data)
                width = Image.open(io.BytesIO(picture)).width
                if len(picture) > MAX_PICTURE_BYTES or width > MAX_PICTURE_WIDTH:
                    yield f"a picture of {len(picture) // 1000} kB, {width} px wide: {first_line(cell)}"


def the_file_is_small(notebook, path):
    if (size := path.stat().st_size) > MAX_NOTEBOOK_BYTES:
        yield f"the notebook has {size / 1e6:.1f} MB (at most {MAX_NOTEBOOK_BYTES / 1e6} MB)"


def nothing_went_wrong_in_an_output(notebook, path):
    for cell, output in outputs(notebook):
        if output.output_type == "error":
            yield f"a traceback ({output.ename}): {first_line(cell)}"
        elif output.output_type == "stream" and output.name == "stderr":
            yield f"stderr ({output.text.strip()[:60]!r}): {first_line(cell)}"
        elif re.search(r"\b\w*Warning:|Traceback \(most recent|it/s\]", output_text(output)):
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
        source = "\n".join("pass" if re.match(r"\s*[%!]", line) else line for line in cell.source.splitlines())
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom | ast.Import):
                names = [*(getattr(node, "module", None) or "").split("."), *(a.name for a in node.names)]
                if any(part.startswith("_") for name in names for part in name.split(".") if part != "__future__"):
                    yield f"import of a private name: {ast.unparse(node)}"
                if "*" in names:
                    yield f"a star import: {ast.unparse(node)}"


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
    the_file_is_small,
    nothing_went_wrong_in_an_output,
    no_output_names_a_machine,
    only_public_names_are_used,
    links_lead_somewhere,
]
LECTURES: list[Rule] = [*EVERYWHERE, a_lecture_has_all_its_parts, cells_were_run_in_order]
