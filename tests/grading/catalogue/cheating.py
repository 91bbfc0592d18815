"""Attacks on the points: a wrong or a copied answer, and something that shall give it the points of a right one.

Plain nbgrader gives full points for nearly all of them (test_twins.py sees to that), so 0 points from the sealed grader
prove that the attack fails, and not only that something in it is broken.
"""

import textwrap

from grading.catalogue.entry import (
    ASPP,
    ASPP_FORWARD,
    KERNEL_SIZE,
    WRONG_ASPP,
    Entry,
    answers,
    cheat,
)

FORGET = """
import sys
def forget(*_, **__):
    frame = sys._getframe()
    while frame := frame.f_back:
        if hasattr(result := frame.f_locals.get("result"), "error_in_exec"):
            result.error_in_exec = None
"""
ABSENT = "deeplab"  # a sentence that names the ready answer
COPY = 'import types\nspace = {"__name__": "my_own"}\nexec(source, space)\nASPP = space["ASPP"]\n'


def lazy(student: str, tries: str, to_array: str) -> Entry:
    """A tensor whose numbers are made when somebody asks for them, by the body `to_array`."""
    source = f"""
import sys
import numpy
class Numbers:
    dtype, size, shape = numpy.dtype(int), 1, ()
    def __array__(self, *_, **__):
{textwrap.indent(textwrap.dedent(to_array), " " * 8)}
class Lazy(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, arguments=(), keywords=None):
        if function is torch.Tensor.numpy:
            return Numbers()
        return super().__torch_function__(function, types, arguments, keywords or {{}})
def effective_kernel_size(kernel_size, dilation):
    return torch.zeros((), dtype=torch.int64).as_subclass(Lazy)
"""
    return Entry(student, tries, answers(**{KERNEL_SIZE: source}), (KERNEL_SIZE,), f"{KERNEL_SIZE}: ", cheats=True)


READING_ANSWERS = [
    cheat(
        "solution-file",
        "runs the cell of the source notebook",
        f"""
import json
cells = json.load(open("<ROOT>/solutions/ex04_aspp/ex04_aspp.ipynb"))["cells"]
for cell in cells:
    if cell["metadata"].get("nbgrader", {{}}).get("grade_id") == "{ASPP}_answer":
        exec("".join(cell["source"]))
""",
        f"{ASPP}: .*(FileNotFoundError|PermissionError|NotADirectoryError)",
    ),
    cheat(
        "solution-of-the-installed-course",
        "looks for the solutions beside the package",
        """
import segutils, pathlib, re
found = {}
for path in pathlib.Path(segutils.__file__).parents[1].rglob("*.ipynb"):
    if "solutions" in path.parts and "ex04" in path.name:
        import json
        for cell in json.loads(path.read_text())["cells"]:
            found[cell["metadata"].get("nbgrader", {}).get("grade_id")] = "".join(cell["source"])
exec(found["aspp_forward_answer"])
""",
        f"{ASPP}: .*KeyError",
    ),
    cheat(
        "judge",
        "takes the reference out of the judge",
        "from segutils.checks.judges.ex04 import forward\nclass ASPP(forward.ReferenceASPP):\n    pass\n",
        f"{ASPP}: .*(ModuleNotFoundError|ImportError)",
    ),
    cheat(
        "judge-in-memory",
        "looks for the reference among all objects that are alive",
        """
import gc
from torch import nn
checks.ex04.effective_kernel_size(effective_kernel_size)
found = [o for o in gc.get_objects() if isinstance(o, type) and issubclass(o, nn.Module)]
[answer] = [o for o in found if o.__name__ == "ReferenceASPP"]
class ASPP(answer):
    pass
""",
    ),
    cheat(
        "answers-in-the-frames",
        "climbs the stack to the check that is calling, and gives it a judge that finds no fault",
        f"""
import sys
from types import SimpleNamespace
{WRONG_ASPP}
class ASPP(ASPP):
    def forward(self, x):
        frame = sys._getframe()
        while frame := frame.f_back:
            if type(frame.f_locals.get("self")).__name__ == "Check":
                judge = SimpleNamespace(aspp_forward=SimpleNamespace(message=lambda *_: None))
                frame.f_globals["importlib"] = SimpleNamespace(import_module=lambda name: judge)
        return super().forward(x)
""",
    ),
    Entry(
        "hard-coded",
        "knows the answers to the cases of seeds 0 to 3 by heart",
        answers(
            **{
                KERNEL_SIZE: """
from segutils.checks import ex04
cases = [case for seed in range(4) for case in ex04.draw_kernel_sizes(seed)]
known = {(c["kernel_size"], c["dilation"]): c["dilation"] * (c["kernel_size"] - 1) + 1 for c in cases}
def effective_kernel_size(kernel_size, dilation):
    return known.get((kernel_size, dilation), 0)
"""
            }
        ),
        (KERNEL_SIZE,),
        f"{KERNEL_SIZE}: ",
        cheats=True,
    ),
    Entry(
        "hard-coded-visible",
        "knows the answers to the visible cases by heart",
        answers(
            **{
                KERNEL_SIZE: """
def effective_kernel_size(kernel_size, dilation):
    return {(3, 2): 5, (3, 1): 3, (1, 6): 1, (5, 3): 13, (2, 4): 5, (3, 36): 73}.get((kernel_size, dilation), 3)
"""
            }
        ),
        (KERNEL_SIZE,),
        f"{KERNEL_SIZE}: ",
    ),
]

PATCHING = [
    cheat(
        "fake-checks",
        "puts an object of its own under the name `checks`",
        f"""{WRONG_ASPP}
from types import SimpleNamespace
class AllPass:
    __getattr__ = lambda self, name: lambda *_, **__: print("passed")
checks = SimpleNamespace(ex04=AllPass())
""",
    ),
    cheat(
        "partial-credit",
        "puts a number there, which nbgrader takes for points",
        f"""{WRONG_ASPP}
from types import SimpleNamespace
checks = SimpleNamespace(ex04=SimpleNamespace(aspp_forward=lambda *_, **__: 4.0))
""",
    ),
    cheat(
        "patched-module",
        "replaces the check in its module",
        f"{WRONG_ASPP}\nchecks.ex04.aspp_forward = lambda *_, **__: print('passed')\n",
    ),
    cheat(
        "patched-call",
        "replaces what calling a check does",
        f"{WRONG_ASPP}\ntype(checks.ex04.aspp_forward).__call__ = lambda *_, **__: print('passed')\n",
    ),
    cheat(
        "patched-draw",
        "lets the check draw no cases at all",
        f"{WRONG_ASPP}\nchecks.ex04.aspp_forward.__dict__['draw'] = lambda seed: []\n",
    ),
    cheat(
        "patched-probe",
        "lets the probe give what the reference would give",
        f"""{WRONG_ASPP}
def probe(_, case):
    from segutils.checks.judges.ex04.forward import ReferenceASPP
    return honest(ReferenceASPP, case)
honest = checks.ex04.aspp_forward.probe
checks.ex04.aspp_forward.__dict__["probe"] = probe
""",
    ),
    cheat(
        "stuffed-modules",
        "puts modules of its own into sys.modules",
        f"""{WRONG_ASPP}
import sys, types
fake = types.ModuleType("segutils.checks.judges.ex04")
fake.aspp_forward = types.SimpleNamespace(message=lambda *_: None)
fake.effective_kernel_size = fake.reorder_project = fake.aspp_forward
sys.modules["segutils.checks.judges.ex04"] = fake
""",
    ),
    cheat(
        "patched-numpy",
        "lets all comparisons of numpy be true",
        f"""{WRONG_ASPP}
import numpy as np
np.isclose = lambda a, b, **_: np.ones(np.shape(a), dtype=bool)
np.allclose = np.array_equal = lambda *_, **__: True
""",
    ),
    cheat(
        "patched-torch",
        "changes torch.cat, so that the reference makes the same mistake",
        f"""
honest_cat = torch.cat
def cat(maps, dim=0):
    maps = list(maps)
    return honest_cat([maps[-1], *maps[:-1]], dim)
torch.cat = cat
{ASPP_FORWARD.format(first="pass")}
""",
    ),
    cheat(
        "patched-torch-compare",
        "lets all comparisons of torch be true",
        f"{WRONG_ASPP}\ntorch.equal = torch.allclose = torch.isclose = lambda *_, **__: True\n",
        proven=False,
    ),
    cheat(
        "patched-import",
        "lets the import of a judge give one that finds no fault",
        f"""{WRONG_ASPP}
import builtins, importlib, types
honest = importlib.import_module
kind = types.SimpleNamespace(message=lambda *_: None)
judge = types.SimpleNamespace(aspp_forward=kind, effective_kernel_size=kind, reorder_project=kind)
importlib.import_module = lambda name, *more: judge if "judges" in name else honest(name, *more)
""",
    ),
    cheat(
        "patched-builtins",
        "replaces zip, so that no case is ever looked at",
        f"""{WRONG_ASPP}
import builtins
honest_zip = builtins.zip
def short_zip(*iterables, **keywords):
    return iter(()) if keywords.get("strict") else honest_zip(*iterables, **keywords)
builtins.zip = short_zip
""",
    ),
    cheat(
        "patched-verdict",
        "lets every verdict be a good one",
        f"""{WRONG_ASPP}
from segutils.checks import base
base.Verdict.__init__ = lambda self, passed, message: self.__dict__.update(passed=True, message="passed")
""",
    ),
    cheat(
        "patched-print",
        "replaces print, open, isinstance and AssertionError",
        f"""{WRONG_ASPP}
import builtins
builtins.print = lambda *_, **__: None
builtins.AssertionError = Warning
""",
        proven=False,
    ),
    cheat(
        "patched-npz",
        "replaces what writes the answers",
        f"""{WRONG_ASPP}
import numpy as np
from segutils.checks import base
np.savez = np.savez_compressed = lambda file, *_, **__: file.write(b"PK")
base.to_bytes = lambda plain: b"passed"
base.from_bytes = lambda archive: {{}}
""",
        proven=False,
    ),
    cheat(
        "patched-npz-to-pickle",
        "lets the answers be a pickle that runs a command",
        f"""{WRONG_ASPP}
import os, pickle
import numpy as np
class Run:
    def __reduce__(self): return os.system, ("touch <OUTSIDE>/unpickled",)
np.savez = np.savez_compressed = lambda file, *_, **__: file.write(pickle.dumps(Run()))
np.asarray = lambda *_, **__: np.array([Run()], dtype=object)
""",
        proven=False,
    ),
    cheat(
        "patched-npz-to-bomb",
        "lets the answers be an archive of 100 GB of zeros",
        f"""{WRONG_ASPP}
import io, zipfile
import numpy as np
from segutils.checks import base
header = np.lib.format.magic(1, 0)
def bomb(*_, **__):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("value.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array_header_1_0(
                member, {{"descr": "<f8", "fortran_order": False, "shape": (10**10,)}}
            )
            for _ in range(200):
                member.write(bytes(10**6))
    return file.getvalue()
base.to_bytes = bomb
np.savez = np.savez_compressed = lambda file, *_, **__: file.write(bomb())
""",
        proven=False,
    ),
    cheat(
        "patching-thread",
        "has a thread that goes on replacing the checks",
        f"""{WRONG_ASPP}
import threading, time
def go_on():
    while True:
        type(checks.ex04.aspp_forward).__call__ = lambda *_, **__: print("passed")
        time.sleep(0.001)
threading.Thread(target=go_on, daemon=True).start()
time.sleep(0.1)
""",
    ),
    lazy(
        "equal-to-everything",
        "returns a tensor whose value equals whatever it is compared with",
        """
        class Any:
            __eq__ = lambda *_: True
        return numpy.array([Any()], dtype=object)
        """,
    ),
    lazy(
        "lazy",
        "returns a tensor that takes its value from the judge's local variables when it is compared",
        """
        frame = sys._getframe()
        while frame := frame.f_back:
            if {"expected", "k", "r"} <= set(frame.f_locals):
                return numpy.array(frame.f_locals["expected"])
        return numpy.zeros(())
        """,
    ),
]

NOTEBOOK = [
    cheat(
        "no-traceback",
        "lets errors not be shown",
        f"{WRONG_ASPP}{FORGET}\nget_ipython()._showtraceback = forget\n",
    ),
    cheat(
        "custom-exceptions",
        "handles all exceptions of the notebook",
        f"{WRONG_ASPP}{FORGET}\nget_ipython().set_custom_exc((BaseException,), forget)\n",
    ),
    cheat(
        "input-transformer",
        "rewrites the tests before they are run",
        f"""{WRONG_ASPP}
rewrite = lambda lines: ["print('passed')\\n"] if lines and lines[0].startswith("checks.") else lines
get_ipython().input_transformers_cleanup.append(rewrite)
""",
    ),
    cheat(
        "syntax-transformer",
        "rewrites the tests after they were parsed",
        f"""{WRONG_ASPP}
import ast
class NoTests(ast.NodeTransformer):
    def visit_Expr(self, node):
        return None if "checks" in ast.dump(node) else node
get_ipython().ast_transformers.append(NoTests())
""",
    ),
    cheat(
        "replaced-run-cell",
        "replaces the function that runs cells",
        f"""{WRONG_ASPP}
shell = get_ipython()
honest = shell.run_cell_async
async def run(source, *more, **keywords):
    if "checks." in source:
        source = keywords["transformed_cell"] = "print('passed')"
    return await honest(source, *more, **keywords)
shell.run_cell_async = run
""",
    ),
    cheat(
        "before-each-cell",
        "replaces the checks again before each cell",
        f"""{WRONG_ASPP}
def patch(info):
    type(checks.ex04.aspp_forward).__call__ = lambda *_, **__: print("passed")
get_ipython().events.register("pre_run_cell", patch)
""",
    ),
    cheat(
        "after-each-cell",
        "wipes the traces of an error after each cell",
        f"""{WRONG_ASPP}
import sys
def wipe(result):
    result.error_in_exec = result.error_before_exec = None
get_ipython().events.register("post_run_cell", wipe)
get_ipython()._showtraceback = lambda *_: None
""",
    ),
    cheat(
        "display-hook",
        "shows a number, which nbgrader takes for points, in the place of an error",
        f"""{WRONG_ASPP}
import sys
get_ipython()._showtraceback = lambda *_: sys.displayhook(4)
""",
    ),
    cheat(
        "forged-messages",
        "lets no error message leave the kernel",
        f"""{WRONG_ASPP}
session = get_ipython().kernel.session
honest = session.send
def send(stream, kind, *more, **keywords):
    name = kind if isinstance(kind, str) else kind["header"]["msg_type"]
    if name == "execute_reply":
        more = ({{"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {{}}}}, *more[1:])
    return None if name == "error" else honest(stream, kind, *more, **keywords)
session.send = send
""",
    ),
    cheat(
        "forged-reply",
        "answers the notebook's request itself before the test has ended, then ends the process",
        f"""
import os, time
{WRONG_ASPP}
class ASPP(ASPP):
    def forward(self, x):
        kernel = get_ipython().kernel
        parent = kernel.get_parent("shell")
        kernel.session.send(kernel.iopub_socket, "stream", {{"name": "stdout", "text": "passed"}}, parent=parent)
        kernel.session.send(kernel.iopub_socket, "status", {{"execution_state": "idle"}}, parent=parent)
        content = {{"status": "ok", "execution_count": 1, "user_expressions": {{}}, "payload": []}}
        ident = kernel._parent_ident["shell"]
        kernel.session.send(kernel.shell_stream or kernel.shell_streams[0], "execute_reply", content, parent, ident)
        get_ipython()._showtraceback = lambda *_: None
        return super().forward(x)
""",
    ),
    cheat(
        "connection-file",
        "reads the connection file and has its own kernel run something between two cells",
        f"""{WRONG_ASPP}
from ipykernel.connect import get_connection_file
from jupyter_client import BlockingKernelClient
client = BlockingKernelClient(connection_file=get_connection_file())
client.load_connection_file()
client.start_channels()
client.execute("checks.ex04.aspp_forward = lambda *_, **__: print('passed')", silent=True)
""",
    ),
    cheat(
        "database",
        "enters its points into the gradebook",
        f"""{WRONG_ASPP}
import sqlite3
with sqlite3.connect("<ROOT>/grading/gradebook.db", timeout=20) as book:
    book.execute('''
        UPDATE grade SET manual_score = 4 WHERE notebook_id IN (
            SELECT submitted_notebook.id FROM submitted_notebook
            JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id
            WHERE submitted_assignment.student_id = '<STUDENT>'
        ) AND cell_id IN (SELECT id FROM base_cell WHERE name = 'aspp_forward')
    ''')
""",
        f"{ASPP}: ",
    ),
    cheat(
        "fork-and-wait",
        "leaves a process behind that enters the points when the grader has gone",
        f"""{WRONG_ASPP}
import os, sqlite3, time
if os.fork() == 0:
    os.setsid()
    for _ in range(300):
        time.sleep(0.1)
        try:
            with sqlite3.connect("<ROOT>/grading/gradebook.db", timeout=1) as book:
                changed = book.execute('''
                    UPDATE grade SET manual_score = 4 WHERE auto_score IS NOT NULL AND notebook_id IN (
                        SELECT submitted_notebook.id FROM submitted_notebook
                        JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id
                        WHERE submitted_assignment.student_id = '<STUDENT>'
                    ) AND cell_id IN (SELECT id FROM base_cell WHERE name = 'aspp_forward')
                ''').rowcount
            if changed:
                break
        except sqlite3.Error:
            pass
    os._exit(0)
""",
    ),
]

DELEGATION = [
    cheat(
        "imports-course",
        "takes the course's ASPP",
        "from segutils.models.deeplab import ASPP\n",
        ABSENT,
        proven=False,  # the check itself names it
    ),
    cheat(
        "imports-torchvision",
        "takes torchvision's ASPP",
        "from torchvision.models.segmentation.deeplabv3 import ASPP\n",
        ABSENT,
        proven=False,
    ),
    cheat(
        "imports-by-name",
        "takes it with importlib",
        "import importlib\nASPP = importlib.import_module('segutils.models.' + 'deeplab').ASPP\n",
        ABSENT,
        proven=False,
    ),
    cheat(
        "imports-in-forward",
        "delegates in the forward pass",
        ASPP_FORWARD.format(first="from segutils.models import deeplab; return deeplab.ASPP.forward(self, x)"),
        ABSENT,
        proven=False,
    ),
    cheat(
        "imports-model",
        "takes a whole network of torchvision apart",
        "import torchvision\n"
        "net = torchvision.models.segmentation.deeplabv3_resnet50(weights=None, weights_backbone=None)\n"
        "ASPP = type(net.classifier[0])\n",
        f"{ASPP}: ",
        proven=False,
    ),
    cheat(
        "copies-course",
        "runs the course's source under a name of its own",
        "import inspect\nfrom segutils.models import deeplab\nsource = inspect.getsource(deeplab)\n" + COPY,
        f"{ASPP}: ",
    ),
    cheat(
        "copies-torchvision",
        "runs torchvision's source under a name of its own",
        "import importlib, inspect\n"
        "source = inspect.getsource(importlib.import_module('torchvision.models.segmentation.deeplabv3'))\n"
        "source = source[source.index('class ASPPConv'):source.index('def _deeplabv3_resnet')]\n"
        "source = 'import torch\\nfrom torch import nn\\nfrom torch.nn import functional as F\\n"
        "from collections.abc import Sequence\\n' + source\n" + COPY,
        f"{ASPP}: ",
    ),
    cheat(
        "copies-file",
        "reads the file without importing it",
        """
import pathlib, segutils
path = pathlib.Path(segutils.__file__).parent / "models" / "deeplab.py"
source = path.read_text()
"""
        + COPY,
        f"{ASPP}: ",
    ),
    cheat(
        "copies-bytecode",
        "reads the compiled file",
        """
import importlib.util, marshal, pathlib, segutils
path = pathlib.Path(segutils.__file__).parent / "models" / "deeplab.py"
compiled = pathlib.Path(importlib.util.cache_from_source(str(path)))
if not compiled.exists():
    import py_compile
    py_compile.compile(str(path), cfile="deeplab.pyc")
    compiled = pathlib.Path("deeplab.pyc")
code = marshal.loads(compiled.read_bytes()[16:])
space = {"__name__": "my_own"}
exec(code, space)
ASPP = space["ASPP"]
""",
        f"{ASPP}: ",
    ),
    cheat(
        "copies-by-subprocess",
        "asks another Python for the source",
        """
import subprocess, sys
program = "import inspect, segutils.models.deeplab as d; print(inspect.getsource(d))"
source = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
"""
        + COPY,
        f"{ASPP}: ",
    ),
    cheat(
        "copies-by-search",
        "searches every file of the file system that Python could have come with",
        """
import os, sys
roots = {os.path.dirname(os.__file__), *filter(os.path.isdir, sys.path), *__import__("segutils").__path__}
texts = []
for root in roots:
    for folder, _, names in os.walk(root):
        for name in names:
            if "deeplab" in name and name.endswith(".py"):
                texts.append(open(os.path.join(folder, name)).read())
source = next(text for text in texts if "class ASPP(" in text and "segutils" in text)
"""
        + COPY,
        f"{ASPP}: ",
    ),
    cheat(
        "copies-from-memory",
        "looks among all functions that are alive for the one of the ready answer",
        """
import gc, types
try:
    import segutils.models
except ImportError:
    pass
functions = [o for o in gc.get_objects() if isinstance(o, types.FunctionType)]
made = {f.__qualname__: f for f in functions if (f.__module__ or "").endswith("models.deeplab")}
space = {**made["ASPP.forward"].__globals__, "__name__": "my_own"}
class ASPP(nn.Module):
    pass
for name in ("__init__", "forward"):
    function = made[f"ASPP.{name}"]
    cells = tuple(types.CellType(ASPP) for _ in function.__closure__ or ())
    setattr(ASPP, name, types.FunctionType(function.__code__, space, name, function.__defaults__, cells))
for helper in ("conv3x3", "resize_like", "refuse_batch_of_one"):
    function = space[helper]
    own = {**function.__globals__, "__name__": "my_own"}
    space[helper] = types.FunctionType(function.__code__, own, helper, function.__defaults__)
""",
        f"{ASPP}: ",
    ),
    cheat(
        "copies-from-modules",
        "looks for the ready answer in sys.modules",
        """
import sys, inspect
try:
    import segutils.models
except ImportError:
    pass
source = inspect.getsource(sys.modules["segutils.models.deeplab"])
"""
        + COPY,
        f"{ASPP}: ",
    ),
    cheat(
        "copies-from-tests",
        "looks for the trial solutions of the course's own tests",
        """
import pathlib, segutils
root = pathlib.Path(segutils.__file__).parents[1]
source = next(root.glob("tests/checks/trials/ex04/aspp_forward.py")).read_text()
exec(source.replace("from __future__ import annotations", ""))
ASPP = WholeASPP
""",
        f"{ASPP}: ",
        proven=False,
    ),
]


def other_exercise(exercise: str, task: str, student: str, tries: str, source: str, says: str) -> Entry:
    """Delegation in another exercise: the task that is named gives nothing, the others count."""
    return Entry(f"{exercise[:4]}-{student}", tries, answers(**{task: source}), (task,), says, exercise=exercise)


OTHER_EXERCISES = [
    Entry("ex06-right", "hands in the reference solution", answers(), exercise="ex06_metrics"),
    Entry("ex07-right", "hands in the reference solution", answers(), exercise="ex07_camseq"),
    *(
        other_exercise("ex06_metrics", *row)
        for row in [
            (
                "confusion_matrix",
                "course",
                "takes the course's function",
                "from segutils.metrics import confusion_matrix\n",
                "metrics",
            ),
            (
                "dice_per_class",
                "copy",
                "copies the course's function",
                "import inspect, segutils.metrics\nexec(inspect.getsource(segutils.metrics))\n",
                "dice_per_class: ",
            ),
            (
                "soft_dice_loss",
                "loss",
                "delegates to the course's loss",
                "def soft_dice_loss(logits, target, ignore_index=255):\n"
                "    from segutils import losses\n    return losses.soft_dice_loss(logits, target, ignore_index)\n",
                "losses",
            ),
            (
                "binary_iou",
                "sklearn",
                "delegates to scikit-learn",
                "def binary_iou(a, b):\n    from sklearn.metrics import jaccard_score\n"
                "    return jaccard_score(a.ravel(), b.ravel()) if (a | b).any() else float('nan')\n",
                "sklearn",
            ),
            (
                "dice_per_class",
                "torchmetrics",
                "delegates to torchmetrics",
                "def dice_per_class(matrix):\n"
                "    from torchmetrics.functional.classification import multiclass_f1_score\n"
                "    target = torch.arange(len(matrix)).repeat_interleave(matrix.sum(dim=1))\n"
                "    prediction = torch.cat([torch.arange(len(row)).repeat_interleave(row) for row in matrix])\n"
                "    return multiclass_f1_score(prediction, target, len(matrix), average=None)\n",
                "torchmetrics",
            ),
        ]
    ),
    *(
        other_exercise("ex07_camseq", *row)
        for row in [
            (
                "sequential_split",
                "split",
                "takes the course's split",
                "from segutils.camseq import sequential_split\n",
                "camseq",
            ),
            (
                "sequential_split",
                "split-copy",
                "copies the course's split",
                "import inspect\nfrom segutils import camseq\nexec(inspect.getsource(camseq.sequential_split))\n",
                "sequential_split: ",
            ),
            (
                "evaluate",
                "evaluate",
                "delegates to the course's evaluation",
                "def evaluate(model, loader, num_classes, ignore_index=255):\n    from segutils import training\n"
                "    return training.evaluate(model, loader, num_classes, ignore_index).compute()\n",
                "training",
            ),
            (
                "camseq_frames",
                "frames",
                "derives from the course's data set",
                "from segutils.camseq import CamSeqDataset\nclass CamSeqFrames(CamSeqDataset):\n    pass\n",
                "camseq",
            ),
        ]
    ),
]

ENTRIES = [*READING_ANSWERS, *PATCHING, *NOTEBOOK, *DELEGATION, *OTHER_EXERCISES]
