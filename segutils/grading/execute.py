"""Run one submission in a kernel of its own, whatever its cells do, and judge what its kernel answers."""

import copy
import re
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, DeadKernelError
from nbformat.notebooknode import NotebookNode

from segutils.checks.transport import MAX_BYTES
from segutils.errors import CourseError
from segutils.grading.clock import Clock
from segutils.grading.kernels.inside import EXCHANGE, HOME, Start
from segutils.grading.kernels.nursery import Specification
from segutils.grading.kernels.running import Kernel, NurseryProcess, RunningKernel, Watch, new_connection
from segutils.grading.sealed import SealedTest, failure, judge
from segutils.submission import KERNEL_DIED, MEMORY_LIMIT, TIME_LIMIT, entry

MAX_OUTPUT = 500_000  # characters that one cell may print or show; the rest is dropped
MAX_TEST_OUTPUT = 20_000  # the same where a test runs
TOTAL_FACTOR = 5  # a whole notebook may take so many times the limit of one cell
WALL_FACTOR = 2  # and each of them, waiting included, so many times its CPU time
PROCESSES = 128  # in one sandbox, threads counted


@dataclass(frozen=True)
class Limits:
    """What a submission may take: CPU seconds of one cell, bytes of memory, bytes of disk."""

    cell: float = 30.0
    memory: int = 4_000_000_000
    disk: int = 1_000_000_000

    @property
    def total(self) -> float:
        """CPU seconds that the whole notebook may take, its repetitions included."""
        return TOTAL_FACTOR * self.cell


@dataclass(frozen=True)
class Job:
    """All that a worker needs to run a submission: plain values, from which its fingerprint is made."""

    notebook: str  # as JSON
    tests: dict[int, SealedTest]  # by the number of the cell that is not run, but answered
    specification: Specification
    limits: Limits


@dataclass(frozen=True)
class Execution:
    """What came of a job: per cell its outputs, and what it took; plain values."""

    outputs: list[list[dict]]
    counts: list[int | None]
    limited: bool  # some cell was stopped, or left out, for want of time or memory
    cpu_seconds: float
    spent: dict[str, float] = field(default_factory=dict)  # seconds of the clock by what was done

    def put_into(self, notebook: NotebookNode) -> NotebookNode:
        """A copy of the notebook that was run, with its outputs."""
        notebook = copy.deepcopy(notebook)
        for cell, outputs, count in zip(notebook.cells, self.outputs, self.counts, strict=True):
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [nbformat.from_dict(output) for output in outputs], count
        return notebook


def execute(job: Job) -> Execution:
    """Run a job in this process's nursery, which is made where there is none yet.

    Raises CourseError where no kernel can be started.
    """
    return _Run(job, nursery_for(job.specification)).result()


_nurseries: dict[Specification, NurseryProcess] = {}
_nurseries_lock = threading.Lock()


def nursery_for(specification: Specification) -> NurseryProcess:
    """The process that starts this process's kernels: one at a time, for one exercise."""
    with _nurseries_lock:
        nursery = _nurseries.get(specification)
        if nursery is None or not nursery.is_alive():
            _close_all()
            nursery = _nurseries[specification] = NurseryProcess(specification)
        return nursery


def close_nurseries() -> None:
    """End this process's nurseries, and every kernel with them."""
    with _nurseries_lock:
        _close_all()


def _close_all() -> None:
    for nursery in _nurseries.values():
        nursery.close()
    _nurseries.clear()


class _Run:
    """One job on its way: kernels are started until a run gets through, each without the cells that ended another."""

    def __init__(self, job: Job, nursery: NurseryProcess) -> None:
        self.job, self.nursery = job, nursery
        self.notebook = nbformat.reads(job.notebook, as_version=4)
        self.struck: dict[int, NotebookNode] = {}  # cells that are not run again, and what they show instead
        self.answers: dict[int, bytes | None] = {}
        self.cpu_left, self.clock_left = job.limits.total, WALL_FACTOR * job.limits.total
        self.cpu_seconds = 0.0
        self.clock = Clock()

    def result(self) -> Execution:
        while True:
            attempt = copy.deepcopy(self.notebook)
            self.answers = {}
            try:
                self._run_once(attempt)
                break
            except _CellFatal as fatal:
                self.struck[fatal.index] = fatal.output
        with self.clock.phase("judge"):
            for index, test in self.job.tests.items():
                self._judge(attempt.cells[index], test, index)
        for index, cell in enumerate(attempt.cells):
            _tidy(cell, sealed=index in self.job.tests)
        outputs = [list(cell.get("outputs", [])) for cell in attempt.cells]
        counts = [cell.get("execution_count") for cell in attempt.cells]
        limited = any(output.get("ename") in (TIME_LIMIT, MEMORY_LIMIT) for cell in outputs for output in cell)
        return Execution(outputs, counts, limited, round(self.cpu_seconds, 2), dict(self.clock.spent))

    def _judge(self, cell: NotebookNode, test: SealedTest, index: int) -> None:
        """Put the verdict under what the student's code printed, unless the probe did not come to an end."""
        if not any(output.output_type == "error" for output in cell.outputs):
            cell.outputs.append(judge(test, self.answers.get(index)))

    def _run_once(self, notebook: NotebookNode) -> None:
        with tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True) as folder:
            with self.clock.phase("start"):
                kernel, manager = self._start(folder)
            watch = Watch(kernel, self.job.limits.memory)
            watch.start()
            try:
                with self.clock.phase("start"):
                    client = _Client(notebook, manager)
                    client.start_new_kernel_client()
                with self.clock.phase("cells"):
                    for index, cell in enumerate(notebook.cells):
                        self._run_or_leave_out(client, cell, index, watch)
            except RuntimeError as error:
                raise CourseError(f"the kernel did not start: {error}") from None
            finally:
                watch.close()
                self.cpu_seconds += kernel.cpu_seconds()
                kernel.stop()
                manager.context.destroy(linger=0)

    def _start(self, folder: str) -> tuple[Kernel, RunningKernel]:
        """A kernel at work in `folder`, or inside a sandbox where nothing lies there."""
        specification, limits = self.job.specification, self.job.limits
        exchange = str(EXCHANGE) if specification.sandboxed else folder
        start = Start(
            connection=new_connection(exchange),
            cpu_seconds=round(2 * limits.total) + 60,
            memory=limits.memory,
            disk=limits.disk,
            processes=PROCESSES,
            sandboxed=specification.sandboxed,
            warm=specification.warm,
            folder=str(HOME / "work") if specification.sandboxed else f"{folder}/work",
        )
        kernel = Kernel(self.nursery, start)
        self.exchange = exchange
        return kernel, RunningKernel(kernel, start.connection, kernel.root / exchange.lstrip("/"))

    def _run_or_leave_out(self, client: "_Client", cell: NotebookNode, index: int, watch: Watch) -> None:
        if cell.cell_type != "code":
            return
        if index in self.struck:
            cell.outputs = [self.struck[index]]
        elif min(self.cpu_left, self.clock_left) <= 0:
            reason = f"not run: the whole notebook took longer than {self.job.limits.total:g} s"
            cell.outputs = [failure(TIME_LIMIT, reason)]
        else:
            self._run_cell(client, cell, index, watch)

    def _run_cell(self, client: "_Client", cell: NotebookNode, index: int, watch: Watch) -> None:
        """Run one cell, or have its test answered, within what is left of time."""
        test, limit = self.job.tests.get(index), self.job.limits.cell
        source, path = cell.source, f"{self.exchange}/answers-{index}.npz"
        if test:
            cell.source = test.probe_source(path)
        used, started = watch.kernel.cpu_seconds(), time.monotonic()
        try:
            with watch.cell(min(limit, self.cpu_left), min(WALL_FACTOR * limit, self.clock_left)):
                client.execute_cell(cell, index)
            if test:
                self.answers[index] = watch.kernel.read(path, MAX_BYTES)
        except Exception:  # also messages that no kernel sends
            watch.kernel.kill()
            raise _CellFatal(index, _end_of_kernel(watch.fault, time.monotonic() - started, limit)) from None
        else:
            self._strike_if_out_of_memory(cell, index)
        finally:
            cell.source = source
            self.cpu_left -= max(0.0, watch.kernel.cpu_seconds() - used)
            self.clock_left -= time.monotonic() - started

    def _strike_if_out_of_memory(self, cell: NotebookNode, index: int) -> None:
        """What used all memory may still hold it, so that the cells below would fail as well: run them without it."""
        errors = [output for output in cell.outputs if output.get("ename") == "MemoryError"]
        if errors:
            raise _CellFatal(index, errors[0])


class _CellFatal(Exception):
    def __init__(self, index: int, output: NotebookNode) -> None:
        super().__init__(output.evalue)
        self.index, self.output = index, output


def _end_of_kernel(fault: str, seconds: float, limit: float) -> NotebookNode:
    """The error of a cell with which the kernel ended; `fault` is the limit that it hit, if any."""
    if fault == "cpu":
        return failure(TIME_LIMIT, f"stopped after {min(limit, max(seconds, 1)):.0f} s: it ran too long")
    if fault == "clock":
        return failure(
            TIME_LIMIT, f"stopped after {min(WALL_FACTOR * limit, seconds):.0f} s by the clock: it took too long"
        )
    if fault == "memory":
        return failure(MEMORY_LIMIT, "stopped: it used too much memory")
    return failure(KERNEL_DIED, "it ended the Python process (quit(), os._exit, a crash, or too much memory)")


class _Client(NotebookClient):
    """nbclient's client with a cap on what each cell may put out; errors always come through."""

    def __init__(self, notebook: NotebookNode, manager: RunningKernel) -> None:
        super().__init__(
            notebook,
            manager,
            allow_errors=True,
            coalesce_streams=True,
            iopub_timeout=3600,  # Watch ends whoever takes too long, and much sooner
            record_timing=False,
            startup_timeout=120,
            store_widget_state=False,
            timeout=None,
            on_cell_executed=_require_error,
        )

    def output(self, outs: list, msg: dict, display_id: str | None, cell_index: int) -> NotebookNode | None:
        content = msg["content"]
        if msg["msg_type"] == "error":
            content["evalue"] = content["evalue"][:MAX_OUTPUT]
            content["traceback"] = [line[:MAX_OUTPUT] for line in content["traceback"][:100]]
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


def _as_text(kind: str, value: object) -> object:
    return value if isinstance(value, str) or kind.endswith("json") else str(value)


def _require_error(cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
    """A cell that failed shows an error, also where its message was lost: without one it would count as passed.

    Raises DeadKernelError for a cell that has asked its kernel to end, which it does a moment later.
    """
    reply = execute_reply["content"]
    if any(asked.get("source") == "ask_exit" for asked in reply.get("payload", [])):  # quit(), exit()
        raise DeadKernelError("the cell called quit()")
    if reply["status"] != "ok" and not any(output.output_type == "error" for output in cell.outputs):
        cell.outputs.append(failure(reply.get("ename", "Error"), reply.get("evalue", "its message could not be sent")))


def _tidy(cell: NotebookNode, sealed: bool) -> None:
    """Leave in a graded cell what nbgrader reads the right points from."""
    if sealed:
        *printed, verdict = [output for output in cell.outputs if output.output_type in ("stream", "error")]
        for output in printed:
            if output.output_type == "stream":
                output.update(name="stdout", text=output.text[:MAX_TEST_OUTPUT])  # nbgrader takes stderr for a failure
        cell.outputs = [*printed, verdict]
    elif entry(cell).get("grade"):
        cell.outputs = [_tidy_test(output, float(entry(cell)["points"])) for output in cell.outputs]


def _tidy_test(output: NotebookNode, points: float) -> NotebookNode:
    """A test's stderr is no failure, and its result, if it is a number, is what it gives of its points."""
    if output.output_type == "stream":
        output.name = "stdout"  # nbgrader takes stderr for a failure
    if output.output_type == "execute_result":
        text = output.data.get("text/plain", "")
        number = re.fullmatch(r"(?:np\.\w+\()?([-+\d.e]+|nan|-?inf)\)?", text)  # numpy 2 writes np.float64(1.5)
        if number and not 0 <= float(number[1]) <= points:
            return failure("ValueError", f"the test gave {text} points, which is not between 0 and {points:g}")
        if number:
            output.data["text/plain"] = number[1]
        output.data.setdefault("text/plain", " ")
    return output
