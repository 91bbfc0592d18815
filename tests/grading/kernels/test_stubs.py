"""Ready answers are gone, whatever way they are looked for, and everything else can still be imported."""

import importlib.util
import json
import py_compile
import subprocess
import sys
import types

import nbformat
import pytest

from segutils import checks
from segutils.checks.base import Check
from segutils.grading.pipeline import imported_modules
from segutils.grading.kernels.stubs import files_of, write_stubs
from segutils.paths import COURSE_ROOT

SEARCH = """
import contextlib, gc, importlib, inspect, json, sys
from segutils.grading.kernels.nursery import Nursery, Specification
exercise, names, answers, others, folder = json.loads(sys.argv[1])
from pathlib import Path
imports = ("torch", "torchvision", f"segutils.checks.{exercise}", *others)
nursery = Nursery(Specification(exercise, tuple(names), imports, False, True, 0), Path(folder))
missing = [name for name in imports if name not in sys.modules]
for name in answers:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
found = []
for thing in gc.get_objects():
    module = getattr(thing, "__module__", None) if isinstance(thing, type(gc.collect)) or callable(thing) else None
    if isinstance(module, str) and any(module == name or module.startswith(name + ".") for name in answers):
        if not type(thing).__name__ == "_ReadyAnswer" and getattr(thing, "__name__", "") not in ("_ReadyAnswer", "_refuse", "__init__", "__getattr__"):
            found.append(repr(thing))
print(json.dumps([missing, found]))
"""


def checks_of(exercise):
    return [check for check in vars(getattr(checks, exercise)).values() if isinstance(check, Check)]


def is_module(name):
    """Names that are imported from a module may be modules or not."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("exercise", checks.EXERCISES)
def test_a_nursery_has_no_ready_answer_in_its_memory(exercise, tmp_path):
    (path,) = COURSE_ROOT.glob(f"exercises/{exercise}_*/*.ipynb")
    released = [name for name in imported_modules(nbformat.read(path, as_version=4)) if is_module(name)]
    others = ["segutils.models", "segutils.models.blocks", *released]
    names = [check.name for check in checks_of(exercise)]
    answers = sorted({answer for check in checks_of(exercise) for answer in check.ready_answers})
    said = json.dumps([exercise, names, answers, others, str(tmp_path)])
    done = subprocess.run([sys.executable, "-c", SEARCH, said], capture_output=True, text=True, cwd=COURSE_ROOT)
    missing, found = json.loads(done.stdout.splitlines()[-1])
    assert missing == []
    assert found == []


def test_every_file_of_a_ready_answer_is_covered(tmp_path):
    answers = [
        "segutils.models.deeplab",
        "sklearn.metrics",
        "torchmetrics",
        "no_such_package",
        "segutils.no_such_module",
    ]
    module = COURSE_ROOT / "segutils" / "models" / "deeplab.py"
    py_compile.compile(module)
    covers = write_stubs(tmp_path, "ex04_aspp", answers)
    assert {path for path, _ in files_of(answers)} == set(covers)
    assert "_ReadyAnswer" in covers[module].read_text()
    compiled = [path for path in covers if path.suffix == ".pyc"]
    assert compiled and all(covers[path].read_bytes() == b"" for path in compiled)
    folder = next(cover for path, cover in covers.items() if path.name == "metrics")
    assert (folder / "cluster" / "__init__.py").exists() and not list(folder.rglob("*.so"))


def test_a_stub_says_why_it_is_there(tmp_path):
    stub = next(iter(write_stubs(tmp_path, "ex04_aspp", ["segutils.models.deeplab"]).values()))
    names = {"__name__": "segutils.models.deeplab"}
    exec(stub.read_text(), names)
    answer = names["__getattr__"]("ASPP")
    reason = "segutils.models.deeplab.ASPP is not there while ex04_aspp is graded"
    for use in (
        lambda: answer(3),
        lambda: answer.forward,
        lambda: types.new_class("Mine", (answer,)),
        lambda: list(answer),
    ):
        with pytest.raises(ImportError, match=reason):
            use()
    with pytest.raises(AttributeError):
        names["__getattr__"]("__path__")
