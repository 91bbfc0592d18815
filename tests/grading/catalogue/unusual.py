"""Right solutions that come with something unusual, each in the same cell as the solution unless it may fail."""

import nbformat

from grading.catalogue.entry import (
    ASPP,
    ASPP_FORWARD,
    ASPP_INIT,
    EFFECTIVE_KERNEL_SIZE,
    KERNEL_SIZE,
    Entry,
    Scene,
    answers,
    before,
)


def beside(student: str, tries: str, *sources: str) -> Entry:
    """Cells of the student's own above the first task, which may fail without costing anything."""

    def hand_in(scene: Scene, student: str) -> None:
        notebook = scene.course.solved()
        notebook.cells[2:2] = [nbformat.v4.new_code_cell(scene.fill(source, student)) for source in sources]
        scene.course.submit(student, notebook)

    return Entry(student, tries, hand_in)


def solved(student: str, tries: str, source: str, task: str = KERNEL_SIZE) -> Entry:
    """A solution of one task that is written in an unusual way."""
    return Entry(student, tries, answers(**{task: source}))


RIGHT = EFFECTIVE_KERNEL_SIZE.format(first="pass")

CONTROLS = [
    Entry(f"control-{name}", "hands in the reference solution", answers()) for name in ("1", "2", "3", "in the middle")
] + [Entry("zz-control", "hands in the reference solution, and comes last", answers())]

SAYING = [
    before("stderr", "writes to stderr", "import sys\nprint('careful', file=sys.stderr)\n"),
    solved(
        "stderr-in-task",
        "writes to stderr while it is tested",
        EFFECTIVE_KERNEL_SIZE.format(first="import sys; print('careful', file=sys.stderr)"),
    ),
    before("stderr-descriptor", "writes to descriptor 2", "import os\nos.write(2, b'careful')\n"),
    solved(
        "warns",
        "warns while it is tested",
        EFFECTIVE_KERNEL_SIZE.format(first="import warnings; warnings.warn('careful')"),
    ),
    before("warnings-as-errors", "asks for warnings as errors", "import warnings\nwarnings.simplefilter('error')\n"),
    before("logs", "logs", "import logging\nlogging.basicConfig(level='DEBUG')\nlogging.error('careful')\n"),
    solved(
        "logs-in-task",
        "logs while it is tested",
        ASPP_FORWARD.format(first="import logging; logging.warning('careful')"),
        ASPP,
    ),
    before("plots", "plots", "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\n"),
    solved(
        "plots-in-task",
        "plots while it is tested",
        "import matplotlib.pyplot as plt\n"
        + EFFECTIVE_KERNEL_SIZE.format(first="plt.figure(); plt.plot([kernel_size]); plt.close()"),
    ),
    before(
        "plots-inline",
        "plots as notebooks did it ten years ago",
        "%matplotlib inline\nfrom pylab import *\nplot([1, 2])\n",
    ),
    before("tqdm", "shows a progress bar", "from tqdm import tqdm\nfor _ in tqdm(range(100)):\n    pass\n"),
    before(
        "tqdm-notebook",
        "shows a progress bar as a widget",
        "from tqdm.auto import tqdm\nfrom tqdm.notebook import tqdm as bar\n"
        "for _ in tqdm(bar(range(100))):\n    pass\n",
    ),
    solved(
        "tqdm-in-task",
        "shows a progress bar while it is tested",
        "from tqdm.auto import tqdm\n" + ASPP_FORWARD.format(first="self.seen = [c(x) for c in tqdm(self.convs)]"),
        ASPP,
    ),
    before(
        "widgets",
        "shows widgets",
        "import ipywidgets\nfrom IPython.display import display\n"
        "ipywidgets.interact(lambda x: x, x=3)\ndisplay(ipywidgets.IntSlider())\n",
    ),
    before(
        "table",
        "shows a table of its own",
        "from IPython.display import HTML, display\n"
        "display(HTML('<table><tr><td>1</table>'))\nclass Frame:\n"
        "    def _repr_html_(self): return '<b>1</b>'\ndisplay(Frame())\n",
    ),
    before("emoji", "prints emoji and characters of all kinds", "print('🙂 ñ א \\x1b[31mred\\x1b[0m \\0 \\r')\n"),
    beside("prints-surrogate", "prints half a character", "print('\\ud83d')"),
    before(
        "clears-output",
        "clears its output again and again",
        "from IPython.display import clear_output\nfor n in range(20):\n    print(n)\n    clear_output(wait=True)\n",
    ),
    solved(
        "prints-in-task",
        "prints a line in every call",
        EFFECTIVE_KERNEL_SIZE.format(first="print('called with', kernel_size)"),
    ),
]

MAGICS = [
    solved("time-magic", "measures the cell of the solution", "%%time\n" + RIGHT.strip()),
    beside("timeit", "measures something", "%timeit -n 2 -r 2 sum(range(10))", "%%timeit -n 2 -r 2\nsum(range(10))"),
    solved(
        "capture-magic", "hides the output of the solution's cell", "%%capture hidden\nprint('x')\n" + RIGHT.strip()
    ),
    before(
        "autoreload",
        "reloads modules automatically",
        "%load_ext autoreload\n%autoreload 2\n%config InlineBackend.figure_format = 'retina'\n",
    ),
    beside("bash", "has a cell in bash", "%%bash\necho hello\nfalse", "%%sh\nexit 3"),
    before("shell", "runs commands that fail", "!false\n!no-such-command\nfiles = !ls\n!echo $HOME {1 + 1}\n"),
    before("pip", "installs something", "!pip install -q torch 2>&1 | tail -1\n"),
    beside("pip-magic", "installs something with a magic", "%pip install -q no-such-package-catalogue"),
    before("pwd", "looks around", "%pwd\n%ls\n%who\n%env EXERCISE=4\n%history -n 1\n"),
    beside(
        "writefile",
        "writes a module and imports it",
        "%%writefile helper.py\nx = 1",
        "import helper\nassert helper.x == 1",
    ),
    beside("debugger", "leaves a breakpoint", "import pdb\nbreakpoint()", "%debug"),
    beside(
        "reset",
        "clears all names before it begins",
        "%reset -f",
        "import torch\nfrom torch import Tensor, nn\nfrom torch.nn import functional as F\nfrom segutils import checks",
    ),
    before(
        "unknown-line-magic",
        "uses a magic of Colab",
        "try:\n    get_ipython().run_line_magic('tensorboard_version', '2')\nexcept Exception as e:\n    print(e)\n",
    ),
]

WORKING = [
    before(
        "works-20-s",
        "computes for 20 seconds",
        "import time\nend = time.process_time() + 20\nwhile time.process_time() < end:\n    sum(range(1000))\n",
    ),
    solved(
        "threads",
        "computes its branches in threads",
        f"from concurrent.futures import ThreadPoolExecutor\n{ASPP_INIT}\n"
        "    def forward(self, x):\n        with ThreadPoolExecutor(4) as pool:\n"
        "            seen = list(pool.map(lambda conv: conv(x), self.convs))\n"
        "        pooled = F.interpolate(self.image_pool(x), size=x.shape[2:])\n"
        "        return self.project(torch.cat([*seen, pooled], dim=1))\n",
        ASPP,
    ),
    before(
        "torch-threads",
        "asks for more threads",
        "import torch\ntorch.set_num_threads(2)\n(torch.ones(800, 800) @ torch.ones(800, 800)).sum()\n",
    ),
    before(
        "many-threads",
        "uses 20 threads",
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(20) as pool:\n"
        "    assert sum(pool.map(abs, range(100))) == 4950\n",
    ),
    before(
        "processes",
        "uses two processes",
        "import multiprocessing\nwith multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    assert pool.map(abs, [-1, 2]) == [1, 2]\n",
    ),
    before(
        "loader-workers",
        "loads data with two processes",
        "from torch.utils.data import DataLoader\n"
        "assert len(list(DataLoader(range(8), batch_size=4, num_workers=2))) == 2\n",
    ),
    before(
        "subprocess",
        "runs a program",
        "import subprocess, sys\n"
        "assert subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True).stdout == b'1\\n'\n",
    ),
    before(
        "awaits",
        "awaits something",
        "import asyncio\nawait asyncio.sleep(0.01)\nasync def f():\n    return 1\nassert await f() == 1\n",
    ),
    before(
        "event-loop",
        "starts a task that goes on",
        "import asyncio\nasync def tick():\n    while True:\n"
        "        await asyncio.sleep(0.1)\ntask = asyncio.ensure_future(tick())\n",
    ),
    before(
        "torch-work",
        "trains a small network",
        "import torch\nnet = torch.nn.Conv2d(3, 8, 3)\n"
        "adam = torch.optim.Adam(net.parameters())\nfor _ in range(5):\n"
        "    adam.zero_grad(); net(torch.rand(4, 3, 64, 64)).sum().backward(); adam.step()\n",
    ),
    beside(
        "compiles",
        "tries to compile a function",
        "import torch\ntorch.compile(torch.nn.Linear(2, 2))(torch.zeros(1, 2))",
    ),
    before(
        "memory-1-gb",
        "uses a gigabyte for a moment",
        "import numpy\nassert numpy.ones(125_000_000).sum() == 125_000_000\n",
    ),
    before(
        "seeds",
        "seeds everything",
        "import random, numpy, torch\n"
        "random.seed(1); numpy.random.seed(1); torch.manual_seed(1); torch.use_deterministic_algorithms(True)\n"
        "torch.use_deterministic_algorithms(False)\n",
    ),
    before(
        "no-grad",
        "switches gradients off and on",
        "import torch\ntorch.set_grad_enabled(False)\ntorch.set_grad_enabled(True)\n",
    ),
    solved(
        "default-dtype",
        "changes the default dtype and puts it back",
        ASPP_FORWARD.format(
            first="old = torch.get_default_dtype(); torch.set_default_dtype(x.dtype); torch.set_default_dtype(old)"
        ),
        ASPP,
    ),
    before("gc-disabled", "switches the garbage collector off", "import gc\ngc.disable()\n"),
    before(
        "recursion-limit",
        "allows deeper recursion and uses it",
        "import sys\nsys.setrecursionlimit(5000)\ndef down(n): return n and down(n - 1)\nassert down(4000) == 0\n",
    ),
    before(
        "signal",
        "has an alarm for itself and switches it off",
        "import signal\nsignal.signal(signal.SIGALRM, lambda *_: None)\nsignal.alarm(50)\nsignal.alarm(0)\n",
    ),
]

FILES = [
    before(
        "files",
        "writes small files and reads them back",
        "open('notes.txt', 'w').write('x' * 1000)\nassert len(open('notes.txt').read()) == 1000\n",
    ),
    before(
        "chdir",
        "works in another folder",
        "import os, tempfile\nos.chdir(tempfile.mkdtemp())\nopen('x', 'w').close()\n",
    ),
    before(
        "tempfile",
        "uses temporary files",
        "import tempfile\nwith tempfile.NamedTemporaryFile('w+') as file:\n    file.write('x')\n",
    ),
    before(
        "saves-model",
        "saves and loads a model",
        "import torch\ntorch.save(torch.nn.Linear(2, 2).state_dict(), 'model.pt')\ntorch.load('model.pt')\n",
    ),
    before(
        "figure-file",
        "saves a figure",
        "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\n"
        "plt.figure(); plt.savefig('figure.png'); plt.close()\n",
    ),
    before(
        "image",
        "writes and reads an image",
        "from PIL import Image\nImage.new('RGB', (9, 9)).save('x.png')\nassert Image.open('x.png').size == (9, 9)\n",
    ),
    before(
        "home",
        "uses a cache in the home folder",
        "import os, pathlib\ncache = pathlib.Path.home() / '.cache' / 'course'\n"
        "cache.mkdir(parents=True, exist_ok=True)\n(cache / 'x').write_text('x')\n",
    ),
    beside(
        "drive",
        "mounts a drive as Colab does it",
        "from google.colab import drive\ndrive.mount('/content/drive')",
        "%cd /content/drive/MyDrive",
    ),
]

WRITING = [
    beside("missing-import", "imports what is not installed in a cell of its own", "import wandb\nwandb.init()"),
    beside("failing-cell", "has a cell that fails", "1 / 0", "def broken(:\n    pass", "raise SystemExit"),
    beside("asks", "asks for input", "name = input('name? ')", "import getpass\ngetpass.getpass()"),
    beside("empty-cells", "has empty cells", "", "   \n\n", "# a remark"),
    beside("helpers", "has helper functions in cells of its own", "def gaps(taps):\n    return taps - 1"),
    solved(
        "hints",
        "has type hints of its own",
        "from __future__ import annotations\nfrom typing import Annotated\n"
        "Size = Annotated[int, 'pixels']\n"
        "def effective_kernel_size(kernel_size: Size, dilation: Size | Undefined = 1) -> Size:\n"
        "    answer: Size = dilation * (kernel_size - 1) + 1\n    return answer\n",
    ),
    solved(
        "unicode",
        "has names in Greek and German",
        "def effective_kernel_size(größe, ρ):\n    Δ = größe - 1\n    return Δ * ρ + 1\n",
    ),
    solved(
        "main",
        "guards its code as a script does",
        "if __name__ == '__main__':\n    def effective_kernel_size(kernel_size, dilation):\n"
        "        return dilation * (kernel_size - 1) + 1\n",
    ),
    solved("lambda", "writes a lambda", "effective_kernel_size = lambda k, r: r * (k - 1) + 1\n"),
    solved(
        "cached",
        "caches its results",
        "import functools\n@functools.lru_cache\ndef effective_kernel_size(k, r):\n    return r * (k - 1) + 1\n",
    ),
    solved(
        "callable",
        "writes an object that can be called",
        "class Width:\n    def __call__(self, k, r):\n        return r * (k - 1) + 1\n"
        "effective_kernel_size = Width()\n",
    ),
    solved(
        "numpy-number",
        "returns a number of numpy",
        "import numpy as np\ndef effective_kernel_size(k, r):\n    return np.int64(r) * (k - 1) + 1\n",
    ),
    solved("long-line", "has a line of 200,000 characters", f"table = [{'1, ' * 66_000}]\n{RIGHT}"),
    solved("last-value", "ends its cell in a value", f"{RIGHT}\neffective_kernel_size(3, 2)\n"),
    solved(
        "tested-above",
        "tests itself in its cell",
        f"{RIGHT}\ncheck = checks.ex04.effective_kernel_size\ncheck(effective_kernel_size)\n"
        "assert effective_kernel_size(3, 2) == 5\n",
    ),
    solved(
        "inherits",
        "inherits from an earlier version",
        f"{ASPP_INIT}\n    def forward(self, x):\n        return x\nclass ASPP(ASPP):\n"
        "    def forward(self, x):\n"
        "        pooled = F.interpolate(self.image_pool(x), size=x.shape[2:])\n"
        "        return self.project(torch.cat([*[conv(x) for conv in self.convs], pooled], dim=1))\n",
        ASPP,
    ),
    solved(
        "added-later",
        "adds the method after the class",
        f"{ASPP_INIT}\ndef forward(self, x):\n"
        "    pooled = self.image_pool(x).expand(-1, -1, *x.shape[2:])\n"
        "    return self.project(torch.cat([conv(x) for conv in self.convs] + [pooled], 1))\n"
        "ASPP.forward = forward\n",
        ASPP,
    ),
    solved(
        "hooks",
        "prints shapes by hooks",
        ASPP_FORWARD.format(
            first="hook = self.project.register_forward_hook(lambda m, i, o: print(o.shape)); hook.remove()"
        ),
        ASPP,
    ),
    solved(
        "other-helper",
        "has a helper in the solution's cell",
        "def helper(maps):\n    return torch.cat(maps, dim=1)\n" + ASPP_FORWARD.format(first="helper([x, x])"),
        ASPP,
    ),
    solved(
        "allowed-models",
        "imports other models of torchvision and of the course",
        "import torchvision\nfrom torchvision import models, transforms\n"
        "from torchvision.transforms import v2\nimport segutils.palettes, segutils.metrics\n" + RIGHT,
    ),
]

ENTRIES = [*CONTROLS, *SAYING, *MAGICS, *WORKING, *FILES, *WRITING]
