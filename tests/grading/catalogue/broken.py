"""Notebooks that were damaged on their way, and folders that hold something else."""

import json
import os
import zipfile
from collections.abc import Callable

import nbformat
from nbformat.notebooknode import NotebookNode

from grading.catalogue.entry import ASPP, KERNEL_SIZE, WRONG_ASPP, Entry, Scene, answers, folder
from grading.tiny_course import grade_id

ADVICE = "once more|ask for|put the|keep the one|rename|mend|hand in"  # what needs attention says what to do
MENDED = "mended"


def cell(notebook: NotebookNode, name: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if grade_id(cell) == name)


def without(notebook: NotebookNode, *names: str) -> NotebookNode:
    notebook.cells = [cell for cell in notebook.cells if grade_id(cell) not in names]
    return notebook


def copied(notebook: NotebookNode, name: str, source: str | None = None) -> NotebookNode:
    """A copy of a cell with its metadata, perhaps with other code in it."""
    copy = nbformat.from_dict(json.loads(json.dumps(cell(notebook, name))))
    copy.source = copy.source if source is None else source
    return copy


def damaged(
    student: str,
    tries: str,
    damage: Callable[[NotebookNode], NotebookNode | str | bytes],
    lost: tuple[str, ...] | None = (),
    says: str = "",
    **solutions: str,
) -> Entry:
    """A solved notebook after something happened to it."""

    def hand_in(scene: Scene, student: str) -> None:
        notebook = scene.course.solved(**{f"{task}_answer": source for task, source in solutions.items()})
        scene.course.submit(student, damage(notebook))

    return Entry(student, tries, hand_in, lost, says)


def stripped(notebook: NotebookNode) -> NotebookNode:
    for each in notebook.cells:
        each.metadata = {}
    return notebook


def as_colab(notebook: NotebookNode) -> NotebookNode:
    """Colab's own ids and metadata, and sources as lists of lines."""
    for number, each in enumerate(notebook.cells):
        each.metadata = {"id": f"aB{number}", "colab": {"base_uri": "https://colab"}, "outputId": "1"}
        each.pop("id", None)
    notebook.metadata = {"colab": {"provenance": []}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook.nbformat_minor = 0
    return notebook


def reordered(notebook: NotebookNode) -> NotebookNode:
    notebook.cells.sort(key=lambda cell: grade_id(cell) not in (KERNEL_SIZE, ASPP, "reorder_project"))
    return notebook


def reversed_tasks(notebook: NotebookNode) -> NotebookNode:
    """The second task, with all that it needs, above the first one."""
    first = [each for each in notebook.cells if grade_id(each).startswith(KERNEL_SIZE)]
    rest = [each for each in notebook.cells if not any(each is other for other in first)]
    notebook.cells = rest + first
    return notebook


def duplicated(notebook: NotebookNode) -> NotebookNode:
    notebook.cells += [copied(notebook, f"{ASPP}_answer", "ASPP = 'an older trial'"), copied(notebook, KERNEL_SIZE)]
    return notebook


def doubled(notebook: NotebookNode) -> NotebookNode:
    """The whole notebook twice, as when everything was selected and pasted."""
    notebook.cells += nbformat.from_dict(json.loads(json.dumps(notebook.cells)))
    return notebook


def edited_test(notebook: NotebookNode) -> NotebookNode:
    cell(notebook, ASPP).source = "print('passed')"
    return notebook


def edited_given(notebook: NotebookNode) -> NotebookNode:
    cell(notebook, "conv_bn_relu_given").source = "def conv_bn_relu(*_, **__):\n    return nn.Identity()"
    return notebook


def retyped(name: str, kind: str) -> Callable[[NotebookNode], NotebookNode]:
    def retype(notebook: NotebookNode) -> NotebookNode:
        each = cell(notebook, name)
        each.cell_type = kind
        each.pop("outputs", None), each.pop("execution_count", None)
        return notebook

    return retype


def more_points(notebook: NotebookNode) -> NotebookNode:
    for each in notebook.cells:
        if "points" in each.metadata.get("nbgrader", {}):
            each.metadata["nbgrader"]["points"] = 100
    return notebook


def negative_points(notebook: NotebookNode) -> NotebookNode:
    cell(notebook, KERNEL_SIZE).metadata["nbgrader"].update(points=-5, grade=False, locked=False, solution=True)
    return notebook


def extra_graded_cells(notebook: NotebookNode) -> NotebookNode:
    for number in range(3):
        extra = copied(notebook, KERNEL_SIZE, "print('passed')")
        extra.metadata["nbgrader"].update(grade_id=f"bonus_{number}", points=100)
        notebook.cells.append(extra)
    return notebook


def colliding(notebook: NotebookNode) -> NotebookNode:
    """Every cell bears the id of the test of most points."""
    for each in notebook.cells:
        each.metadata["nbgrader"] = dict(cell(notebook, ASPP).metadata["nbgrader"])
    return notebook


def forged_outputs(notebook: NotebookNode) -> NotebookNode:
    shown = nbformat.v4.new_output("execute_result", data={"text/plain": "4"}, execution_count=1)
    for each in notebook.cells:
        if each.cell_type == "code":
            each.outputs, each.execution_count = [shown], 1
    return notebook


def in_one_cell(notebook: NotebookNode) -> NotebookNode:
    names = [f"{KERNEL_SIZE}_answer", "conv_bn_relu_given", f"{ASPP}_answer", "reorder_project_answer"]
    setup = "import torch\nfrom torch import Tensor, nn\nfrom torch.nn import functional as F"
    everything = "\n\n".join([setup, *(cell(notebook, name).source for name in names)])
    notebook.cells = [nbformat.v4.new_code_cell(everything)]
    return notebook


def split_solution(notebook: NotebookNode) -> NotebookNode:
    """The solution in a new cell below the cell that was meant for it, where the stub is left."""
    stub = cell(notebook, f"{KERNEL_SIZE}_answer")
    place = notebook.cells.index(stub) + 1
    notebook.cells.insert(place, nbformat.v4.new_code_cell(stub.source))
    stub.source = "def effective_kernel_size(kernel_size, dilation):\n    raise NotImplementedError('not written yet')"
    return notebook


def with_metadata(**metadata: object) -> Callable[[NotebookNode], NotebookNode]:
    def change(notebook: NotebookNode) -> NotebookNode:
        notebook.metadata = nbformat.from_dict(metadata)
        return notebook

    return change


def with_cells(*sources: str, markdown: bool = False) -> Callable[[NotebookNode], NotebookNode]:
    make = nbformat.v4.new_markdown_cell if markdown else nbformat.v4.new_code_cell

    def add(notebook: NotebookNode) -> NotebookNode:
        notebook.cells += [make(source) for source in sources]
        return notebook

    return add


def large_outputs(notebook: NotebookNode) -> NotebookNode:
    cell(notebook, KERNEL_SIZE).outputs = [nbformat.v4.new_output("stream", text="x" * 20_000_000)]
    return notebook


def text(notebook: NotebookNode) -> str:
    return json.dumps(notebook, indent=1)


def is_root() -> bool:
    return os.geteuid() == 0


CELLS = [
    damaged("colab", "was saved by Colab", as_colab, says=MENDED),
    damaged("no-metadata", "has no metadata at all", stripped, says=MENDED),
    damaged(
        "colab-wrong", "was saved by Colab and is wrong", as_colab, (ASPP,), f"{ASPP}: .*{MENDED}", **{ASPP: WRONG_ASPP}
    ),
    damaged("reordered", "has all tests at the top", reordered, says=MENDED),
    damaged("reversed-tasks", "has the tasks in another order", reversed_tasks),
    damaged("duplicated", "has older copies of a solution and of a test", duplicated, says=MENDED),
    damaged("doubled", "has every cell twice", doubled, says=MENDED),
    damaged("test-deleted", "lacks a test", lambda n: without(n, ASPP), says=MENDED),
    damaged(
        "test-deleted-wrong",
        "lacks the test that would fail",
        lambda n: without(n, ASPP),
        (ASPP,),
        f"{ASPP}: .*{MENDED}",
        **{ASPP: WRONG_ASPP},
    ),
    damaged(
        "tests-deleted", "lacks all tests", lambda n: without(n, KERNEL_SIZE, ASPP, "reorder_project"), says=MENDED
    ),
    damaged(
        "solution-deleted", "lacks a solution", lambda n: without(n, f"{ASPP}_answer"), (ASPP,), f"{ASPP}: .*{MENDED}"
    ),
    damaged("given-deleted", "lacks code that was given", lambda n: without(n, "conv_bn_relu_given"), says=MENDED),
    damaged(
        "test-edited",
        "prints `passed` where a test was",
        edited_test,
        (ASPP,),
        f"{ASPP}: .*{MENDED}",
        **{ASPP: WRONG_ASPP},
    ),
    damaged("given-edited", "has other code where code was given", edited_given, says=MENDED),
    damaged("solution-is-text", "has a solution in a text cell", retyped(f"{ASPP}_answer", "markdown"), says=MENDED),
    damaged("solution-is-raw", "has a solution in a raw cell", retyped(f"{ASPP}_answer", "raw"), says=MENDED),
    damaged("test-is-text", "has a test in a text cell", retyped(KERNEL_SIZE, "markdown"), says=MENDED),
    damaged("more-points", "gives itself more points", more_points),
    damaged("negative-points", "makes a test a solution of -5 points", negative_points),
    damaged("bonus", "has three graded cells of 100 points more", extra_graded_cells),
    damaged("colliding-ids", "has one id on every cell", colliding, says=MENDED),
    damaged(
        "forged-outputs",
        "was saved with outputs that say 4",
        forged_outputs,
        (ASPP,),
        f"{ASPP}: ",
        **{ASPP: WRONG_ASPP},
    ),
    damaged("one-cell", "has all of the work in a single cell", in_one_cell, says=MENDED),
    damaged("own-cell", "has the solution below the stub", split_solution),
    damaged("many-cells", "has 3000 cells more", with_cells(*["x = 1"] * 3000)),
    damaged("many-texts", "has 3000 text cells more", with_cells(*["word"] * 3000, markdown=True)),
    damaged("long-texts", "has text cells of a megabyte", with_cells(*["word " * 200_000] * 3, markdown=True)),
    damaged("long-code", "has code cells of a megabyte", with_cells(*["# word\n" * 150_000] * 3)),
    damaged("large-outputs", "was saved with 20 MB of outputs", large_outputs),
    damaged("script-in-text", "has a script in a text cell", with_cells("<script>alert(1)</script>", markdown=True)),
]

FILES = [
    damaged("format-3", "is in the format of 2013", lambda n: json.dumps(nbformat.convert(n, 3))),
    damaged("format-4.99", "is in a format of the future", lambda n: nbformat.from_dict({**n, "nbformat_minor": 99})),
    damaged("another-kernel", "says that it is in R", with_metadata(kernelspec={"name": "ir", "display_name": "R"})),
    damaged(
        "odd-metadata",
        "has metadata that are no metadata",
        with_metadata(kernelspec=7, language_info=None, nbgrader=[]),
    ),
    damaged("bom", "begins with a byte order mark", lambda n: b"\xef\xbb\xbf" + text(n).encode()),
    damaged(
        "crlf",
        "has Windows line ends, also in the code",
        lambda n: text(n).replace("\\n", "\\r\\n").replace("\n", "\r\n"),
    ),
    damaged("utf-16", "is in UTF-16", lambda n: text(n).encode("utf-16")),
    damaged(
        "latin-1",
        "is in Latin-1, which no tool writes",
        lambda n: json.dumps(with_cells("# Größe")(n), ensure_ascii=False).encode("latin-1"),
        None,
        ADVICE,
    ),
    damaged("nan", "has NaN in its metadata, which is no JSON", with_metadata(score=float("nan"))),
    damaged("null-bytes", "ends in null bytes", lambda n: text(n) + "\0" * 100, None, ADVICE),
    damaged(
        "null-in-code",
        "has a null byte in its code",
        lambda n: n,
        (KERNEL_SIZE,),
        f"{KERNEL_SIZE}: ",
        **{KERNEL_SIZE: "x = '\0'"},
    ),
    damaged("surrogate", "has half a character in its code", lambda n: json.dumps(with_cells("x = '\ud800'")(n))),
    damaged("empty", "is empty", lambda n: b"", None, "empty"),
    damaged("blank", "holds a line end", lambda n: b"\n", None, "empty"),
    damaged("truncated", "was cut off", lambda n: text(n)[:5000], None, "cut off"),
    damaged("binary", "is a picture", lambda n: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, None, ADVICE),
    damaged("page", "is the page of a log-in form", lambda n: "<!DOCTYPE html><title>Log in</title>", None, ADVICE),
    damaged(
        "merge-conflict", "holds a merge conflict", lambda n: text(n).replace("\n", "\n<<<<<<< HEAD\n", 3), None, ADVICE
    ),
    damaged("no-notebook", "is JSON, and no notebook", lambda n: "[1, 2, 3]", None, ADVICE),
    damaged("odd-cells", "has cells that are no cells", lambda n: json.dumps({**n, "cells": [7, None]}), None, ADVICE),
    damaged("no-cells", "has no cells", lambda n: nbformat.v4.new_notebook(), None, ADVICE),
    damaged("deep", "is nested 100,000 times", lambda n: "[" * 100_000 + "]" * 100_000, None, ADVICE),
    damaged(
        "deep-cell",
        "has metadata nested 200 times",
        lambda n: text(with_metadata(x=json.loads("[" * 200 + "]" * 200))(n)),
    ),
    damaged(
        "another",
        "is another notebook",
        lambda n: nbformat.v4.new_notebook(cells=with_cells("1 + 1")(n).cells[-1:]),
        None,
        "another exercise",
    ),
]


def untouched(scene: Scene, student: str) -> None:
    scene.course.submit(student, scene.course.released())


def large(scene: Scene, student: str) -> None:
    os.truncate(scene.course.submit(student, b"{}"), 60_000_000)


def as_folder(scene: Scene, student: str) -> None:
    (folder(scene, student) / "ex04_aspp.ipynb").mkdir()


def as_pipe(scene: Scene, student: str) -> None:
    os.mkfifo(folder(scene, student) / "ex04_aspp.ipynb")


def as_link(scene: Scene, student: str) -> None:
    (folder(scene, student) / "ex04_aspp.ipynb").symlink_to(scene.course.source)


def as_link_to_shadow(scene: Scene, student: str) -> None:
    (folder(scene, student) / "ex04_aspp.ipynb").symlink_to("/etc/shadow")


def as_linked_folder(scene: Scene, student: str) -> None:
    scene.course.hand_in.mkdir(exist_ok=True)
    (scene.course.hand_in / student).symlink_to(scene.course.root / "solutions")


def forbidden(scene: Scene, student: str) -> None:
    scene.course.submit(student, scene.course.solved()).chmod(0)


def misnamed(name: str) -> Callable[[Scene, str], None]:
    def hand_in(scene: Scene, student: str) -> None:
        path = scene.course.submit(student, scene.course.solved())
        path.rename(path.with_name(name))

    return hand_in


def zipped(scene: Scene, student: str) -> None:
    with zipfile.ZipFile(folder(scene, student) / "ex04_aspp.zip", "w") as archive:
        archive.writestr("ex04_aspp.ipynb", text(scene.course.solved()))


def with_other_files(scene: Scene, student: str) -> None:
    scene.course.submit(student, scene.course.solved())
    for name in (
        ".DS_Store",
        "notes.txt",
        "Untitled.ipynb",
        "torch.py",
        "segutils.py",
        "sitecustomize.py",
        "numpy.pyc",
    ):
        (folder(scene, student) / name).write_text("raise SystemExit('taken from the hand-in')")
    (folder(scene, student) / ".ipynb_checkpoints").mkdir()


def twice(scene: Scene, student: str) -> None:
    scene.course.submit(student, scene.course.solved())
    scene.course.submit(student, scene.course.released(), nested=True)


def twice_the_same(scene: Scene, student: str) -> None:
    scene.course.submit(student, scene.course.solved())
    scene.course.submit(student, scene.course.solved(), nested=True)


def nested(scene: Scene, student: str) -> None:
    scene.course.submit(student, scene.course.solved(), nested=True)


FOLDERS = [
    Entry("untouched", "is the notebook as it was given out", untouched, (KERNEL_SIZE, ASPP), "not written yet"),
    Entry("60-megabytes", "hands in 60 MB", large, None, "60 MB"),
    Entry("a-folder", "hands in a folder of the notebook's name", as_folder, None, ADVICE),
    Entry("a-pipe", "hands in a named pipe, at which a careless reader waits for ever", as_pipe, None, ADVICE),
    Entry("a-link", "hands in a link to the solutions", as_link, None, ADVICE),
    Entry("a-link-to-shadow", "hands in a link to the password hashes", as_link_to_shadow, None, ADVICE),
    Entry("a-linked-folder", "is a link to the solutions", as_linked_folder, None, ADVICE),
    Entry(
        "forbidden",
        "hands in a file that only root may read",
        forbidden,
        () if is_root() else None,
        "" if is_root() else ADVICE,
    ),
    Entry("nothing", "hands in an empty folder", folder, None, "empty"),
    Entry("zipped", "hands in an archive", zipped, None, ADVICE),
    Entry(
        "downloaded-twice",
        "hands in `ex04_aspp (1).ipynb`, as a browser names it",
        misnamed("ex04_aspp (1).ipynb"),
        (),
        "ex04_aspp",
    ),
    Entry(
        "misnamed", "hands in `Untitled.ipynb`, which holds the exercise", misnamed("Untitled.ipynb"), (), "Untitled"
    ),
    Entry("capital-letters", "hands in `EX04_ASPP.IPYNB`", misnamed("EX04_ASPP.IPYNB"), (), "EX04"),
    Entry("as-a-script", "hands in a script", misnamed("ex04_aspp.py"), None, ADVICE),
    Entry("other-files", "has files beside the notebook that Python could take for modules", with_other_files),
    Entry("twice", "hands in two different notebooks", twice, None, ADVICE),
    Entry("twice-the-same", "hands in one notebook in two places", twice_the_same),
    Entry("nested", "is laid out as nbgrader does it", nested),
]
NAMES = [
    "Zoë Müller",
    "  spaces around  ",
    "emoji 🙂🏳️‍🌈",
    "..up",
    "%2e%2e%2fup",
    "-rf",
    "--help",
    "a;touch owned",
    "$(touch owned)",
    "'quotes\" `both`",
    "[*]{a,b}?",
    "=1+1",
    "comma,semicolon;",
    "line\nbreak",
    "<script>alert(1)<",
    "back\\slash",
    "n" * 200,
    "con",
    "אבג",
    "NULL",
]
STUDENTS = [Entry(name, "has a name that is hard to handle", answers()) for name in NAMES]

ENTRIES = [*CELLS, *FILES, *FOLDERS, *STUDENTS]
