"""Run one prepared notebook in a kernel of its own, whatever its cells do."""

import copy
import os
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellTimeoutError, DeadKernelError
from nbformat.notebooknode import NotebookNode
from traitlets.config import Config

from segutils.submission import KERNEL_DIED, TIME_LIMIT, entry

MAX_OUTPUT = 2_000_000  # characters that one cell may print or show; the rest is dropped
TOTAL_FACTOR = 5  # a whole notebook may take so many times the limit of one cell


@dataclass(frozen=True)
class Limits:
    """Seconds that one cell, and the whole notebook with its repetitions, may take."""

    cell: float = 60.0

    @property
    def total(self) -> float:
        return TOTAL_FACTOR * self.cell


class Stopped(Exception):
    """The run was called off from outside."""


class Executor:
    """Runs notebooks; one object may be used from several threads, and `stop` ends what is running in all of them."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._running: set[int] = set()
        self._stopped = threading.Event()

    def run(self, notebook: NotebookNode, folder: Path) -> NotebookNode:
        """Run every cell in `folder` and return the notebook with outputs; an error never stops the cells below.

        A cell that runs too long or ends its kernel is struck out: it gets an error that says so, and the notebook is
        run once more without it, so that the other tasks count as if the cell had raised that error at once.
        Raises what the kernel's start raises, and Stopped.
        """
        struck: dict[int, NotebookNode] = {}
        budget = _Budget(self.limits.total)
        while not self._stopped.is_set():
            attempt = copy.deepcopy(notebook)
            try:
                self._run_once(attempt, folder, struck, budget)
                return _tidy(attempt)
            except _CellFatal as fatal:
                struck[fatal.index] = fatal.output
        raise Stopped

    def stop(self) -> None:
        """Kill every running kernel; `run` raises Stopped."""
        self._stopped.set()
        for group in list(self._running):
            _kill_group(group)

    def _run_once(
        self, notebook: NotebookNode, folder: Path, struck: dict[int, NotebookNode], budget: "_Budget"
    ) -> None:
        work = folder / f"run{len(struck)}"
        work.mkdir()
        client = _Client(
            notebook,
            kernel_name="python3",
            config=_over_files(folder / f"kernel{len(struck)}.json"),
            resources={"metadata": {"path": str(work)}},
            allow_errors=True,
            coalesce_streams=True,
            iopub_timeout=30,
            raise_on_iopub_timeout=True,
            record_timing=False,
            shutdown_kernel="immediate",
            startup_timeout=120,
            store_widget_state=False,
            on_cell_executed=_require_error,
            timeout_func=lambda cell: max(1.0, min(self.limits.cell, budget.left)),
        )
        with _kernel_of(client, self._running):
            for index, cell in enumerate(notebook.cells):
                if self._stopped.is_set():  # the kernel may have started after `stop` looked for running ones
                    raise Stopped
                if cell.cell_type == "code" and index in struck:
                    cell.outputs = [struck[index]]
                elif cell.cell_type == "code" and budget.left <= 0:
                    reason = f"not run: the whole notebook took longer than {self.limits.total:g} s"
                    cell.outputs = [_error(TIME_LIMIT, reason)]
                else:
                    with budget:
                        self._run_cell(client, cell, index)

    def _run_cell(self, client: "_Client", cell: NotebookNode, index: int) -> None:
        started = time.monotonic()
        try:
            client.execute_cell(cell, index)
        except CellTimeoutError:
            seconds = min(self.limits.cell, max(1.0, time.monotonic() - started))
            raise _CellFatal(index, _error(TIME_LIMIT, f"stopped after {seconds:.0f} s: it ran too long")) from None
        except DeadKernelError:
            if self._stopped.is_set():
                raise Stopped from None
            reason = "it ended the Python process (os._exit, a crash, or too much memory)"
            raise _CellFatal(index, _error(KERNEL_DIED, reason)) from None


class _Budget:
    """The seconds that all cells together may still take; starting kernels does not count."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    def __enter__(self) -> None:
        self.started = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.left -= time.monotonic() - self.started


class _CellFatal(Exception):
    def __init__(self, index: int, output: NotebookNode) -> None:
        super().__init__(output.evalue)
        self.index, self.output = index, output


class _Client(NotebookClient):
    """nbclient's client with a cap on what each cell may put out; errors always come through."""

    def output(self, outs: list, msg: dict, display_id: str | None, cell_index: int) -> NotebookNode | None:
        content = msg["content"]
        if msg["msg_type"] == "error":
            content["evalue"] = content["evalue"][:MAX_OUTPUT]
        else:
            if "data" in content:  # `display(..., raw=True)` passes on anything
                content["data"] = {kind: _as_text(kind, value) for kind, value in content["data"].items()}
            self._put_out[cell_index] += len(content.get("text", "")) or len(str(content))
            if self._put_out[cell_index] > MAX_OUTPUT:
                return None
        return super().output(outs, msg, display_id, cell_index)

    def process_message(self, msg: dict, cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        try:
            return super().process_message(msg, cell, cell_index)
        except CellControlSignal:
            raise
        except Exception as error:  # a display of what no notebook can hold; an error is told by the reply as well
            self.log.warning("left out an output of cell %d: %s", cell_index, error)
            return None

    def handle_comm_msg(self, outs: list, msg: dict, cell_index: int) -> None:
        """Widgets show nothing in a graded notebook, so what they tell each other is not followed."""

    def reset_execution_trackers(self) -> None:
        super().reset_execution_trackers()
        self._put_out: Counter[int] = Counter()


def _over_files(connection: Path) -> Config:
    """Talk to the kernel over sockets in a private folder: no port is open, and none can be taken twice."""
    return Config(KernelManager={"transport": "ipc", "connection_file": str(connection)})


def _as_text(kind: str, value: object) -> object:
    return value if isinstance(value, str) or kind.endswith("json") else str(value)


@contextmanager
def _kernel_of(client: _Client, running: set[int]) -> Iterator[None]:
    """nbclient's kernel for a block of cells; every process that the kernel started ends with it."""
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}  # the process's own; cells have messages
    with client.setup_kernel(**silent):
        group = client.km.provisioner.pid  # jupyter_client makes each kernel the leader of a process group
        running.add(group)
        try:
            yield
        finally:
            _kill_group(group)
            running.discard(group)


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _error(name: str, reason: str) -> NotebookNode:
    return nbformat.v4.new_output("error", ename=name, evalue=reason, traceback=[f"{name}: {reason}"])


def _require_error(cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
    """A cell that failed shows an error, also where its message was lost: without one it would count as passed."""
    reply = execute_reply["content"]
    if reply["status"] != "ok" and not any(output.output_type == "error" for output in cell.outputs):
        cell.outputs.append(_error(reply.get("ename", "Error"), reply.get("evalue", "its message could not be sent")))


def hit_time_limit(notebook: NotebookNode) -> bool:
    """Whether any cell of an executed notebook was stopped, or left out, for want of time."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    return any(output.get("ename") == TIME_LIMIT for output in outputs)


def _tidy(notebook: NotebookNode) -> NotebookNode:
    """Make the tests' outputs such that nbgrader reads the right points from them."""
    for cell in notebook.cells:
        if entry(cell).get("grade"):
            cell.outputs = [_tidy_test(output, float(entry(cell)["points"])) for output in cell.outputs]
    return notebook


def _tidy_test(output: NotebookNode, points: float) -> NotebookNode:
    """A test's stderr is no failure, and its result, if it is a number, is what it gives of its points."""
    if output.output_type == "stream":
        output.name = "stdout"  # nbgrader takes stderr for a failure
    if output.output_type == "execute_result":
        text = output.data.get("text/plain", "")
        number = re.fullmatch(r"(?:np\.\w+\()?([-+\d.e]+|nan|-?inf)\)?", text)  # numpy 2 writes np.float64(1.5)
        if number and not 0 <= float(number[1]) <= points:
            return _error("ValueError", f"the test gave {text} points, which is not between 0 and {points:g}")
        if number:
            output.data["text/plain"] = number[1]
        output.data.setdefault("text/plain", " ")
    return output
