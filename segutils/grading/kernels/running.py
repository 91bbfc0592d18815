"""The grader's end of a kernel: have a nursery start it, talk to it, watch what it uses, end it."""

import contextlib
import json
import os
import socket
import stat
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from queue import Empty

import psutil
import zmq
import zmq.asyncio
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager

from segutils.errors import CourseError
from segutils.grading.kernels import nurseries
from segutils.grading.kernels.inside import EXCHANGE, Start
from segutils.grading.kernels.nursery import Specification

MAX_MESSAGE = 64_000_000  # bytes; a kernel that sends more at once is not listened to
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
INTERVAL = 0.1  # seconds between two looks at a kernel
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class NurseryProcess:
    """A nursery's process; when it ends, for whatever reason, its kernels end with it."""

    def __init__(self, specification: Specification) -> None:
        self.specification = specification
        self._connection = nurseries.connect()
        self._lines = self._connection.makefile("rw", encoding="utf-8")
        self._process = psutil.Process(self.ask(specification.to_json())["ready"])

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, request: str) -> dict:
        """Send a line and return what is answered. Raises CourseError where the nursery failed or is gone."""
        try:
            self._lines.write(f"{request}\n")
            self._lines.flush()
            line = self._lines.readline()
        except OSError:
            line = ""
        if not line:
            raise CourseError("the process that starts kernels ended")
        answer = json.loads(line)
        if "error" in answer:
            raise CourseError(answer["error"])
        return answer

    def is_alive(self) -> bool:
        return _is_alive(self._process)

    def close(self) -> None:
        self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()
        try:
            self._process.wait(timeout=10)
        except psutil.TimeoutExpired:
            self._process.kill()


class Kernel:
    """A kernel that a nursery has started: where its files are, what it uses, and its end.

    `folder` is the exchange folder as the kernel names it, `outside` the same as seen from here.
    """

    def __init__(self, nursery: NurseryProcess, start: Start) -> None:
        self._nursery = nursery
        numbers = nursery.ask(start.to_json())
        self.sandboxed = start.sandboxed
        self.root = Path(f"/proc/{numbers['box']}/root") if start.sandboxed else Path("/")
        self._process = psutil.Process(numbers["kernel"])
        self._cpu_seconds = 0.0
        self._first = psutil.Process(numbers["box"] or numbers["kernel"])  # all others end with it, or are below it

    def is_alive(self) -> bool:
        return _is_alive(self._process)

    def kill(self) -> None:
        """End everything that the kernel has started, from any thread."""
        below = [] if self.sandboxed else self._below()
        for process in [*below, self._first]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def stop(self) -> None:
        """Kill what is left and take the sandbox away. Raises CourseError where the nursery is gone."""
        self.kill()
        self._nursery.ask("{}")

    def _below(self) -> list[psutil.Process]:
        try:
            return self._first.children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def cpu_seconds(self) -> float:
        """CPU time of all processes, of those that ended too; after the end, what was seen last."""
        self._cpu_seconds = max(self._cpu_seconds, sum(map(_cpu_seconds, self._proc_folders())))
        return self._cpu_seconds

    def memory(self, limit: int) -> int:
        """Bytes in the memory of all processes; shared pages are told apart only where `limit` is in question."""
        folders = list(self._proc_folders())
        resident = sum(map(_resident, folders))
        return resident if resident <= limit else sum(map(_own_share, folders))

    def _proc_folders(self) -> Iterator[Path]:
        if self.sandboxed:
            with contextlib.suppress(OSError):
                yield from (path for path in (self.root / "proc").iterdir() if path.name.isdigit())
        else:
            yield from (Path(f"/proc/{process.pid}") for process in [self._first, *self._below()])

    def read(self, path: str, max_bytes: int) -> bytes | None:
        """A file that the kernel wrote, None where there is no regular file of at most `max_bytes` in its place."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            folder = os.open(self.root / EXCHANGE.relative_to("/") if self.sandboxed else Path(path).parent, os.O_PATH)
            try:
                file = os.open(Path(path).name, flags, dir_fd=folder)
            finally:
                os.close(folder)
        except OSError:
            return None
        with os.fdopen(file, "rb") as opened:
            if not stat.S_ISREG(os.fstat(file).st_mode) or os.fstat(file).st_size > max_bytes:
                return None
            return opened.read(max_bytes)


def _is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _cpu_seconds(folder: Path) -> float:
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS  # user and system time, its own and that of children who ended


def _resident(folder: Path) -> int:
    try:
        return int((folder / "statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def _own_share(folder: Path) -> int:
    try:
        lines = (folder / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


class KernelClient(AsyncKernelClient):
    """Is ready with the kernel's first words, where Jupyter's client listens 0.2 s longer whether there are more."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Raises RuntimeError where the kernel ends, or says nothing for `timeout` seconds."""
        end = time.monotonic() + (timeout or float("inf"))
        while time.monotonic() < end and await self.parent.is_alive():
            self.kernel_info()
            with contextlib.suppress(Empty):
                await self.shell_channel.get_msg(timeout=1)
                await self.iopub_channel.get_msg(timeout=0.2)  # what comes here after this is not missed either
                return
        raise RuntimeError("no answer came")


class RunningKernel(AsyncKernelManager):
    """Tells nbclient of a kernel that runs already: how to reach it, and whether it is still there."""

    client_factory = KernelClient

    def __init__(self, kernel: Kernel, connection: dict, exchange: Path) -> None:
        super().__init__(context=zmq.asyncio.Context())
        self.context.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE)
        self.context.setsockopt(zmq.LINGER, 0)
        self.kernel = kernel
        self.load_connection_info({**connection, "ip": str(exchange / Path(connection["ip"]).name)})

    @property
    def has_kernel(self) -> bool:
        return True

    async def is_alive(self) -> bool:
        return self.kernel.is_alive()

    _async_is_alive = is_alive  # what the manager's clients ask

    async def shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:
        self.kernel.kill()


def new_connection(folder: str) -> dict:
    """A connection file's content: sockets in `folder`, a key of their own."""
    ports = {f"{channel}_port": n for n, channel in enumerate(("shell", "iopub", "stdin", "control", "hb"), start=1)}
    key = {"key": uuid.uuid4().hex, "signature_scheme": "hmac-sha256"}
    return {"transport": "ipc", "ip": f"{folder}/k", **ports, **key}


class Watch(threading.Thread):
    """Looks at a kernel a few times a second, and ends it when a cell goes beyond its limits; `fault` says which."""

    def __init__(self, kernel: Kernel, memory: int) -> None:
        super().__init__(daemon=True)
        self.kernel, self._memory = kernel, memory
        self._cell: tuple[float, float] | None = None  # when the CPU time, and the clock, have reached their limits
        self._ended = threading.Event()
        self.fault = ""

    def run(self) -> None:
        look_again = 0.0
        while not self._ended.wait(INTERVAL):
            cell = self._cell
            if cell and self.kernel.cpu_seconds() > cell[0]:
                self._end("cpu")
            elif cell and time.monotonic() > cell[1]:
                self._end("clock")
            elif time.monotonic() > look_again:
                started = time.monotonic()
                if self.kernel.memory(self._memory) > self._memory:
                    self._end("memory")
                look_again = time.monotonic() + 5 * (time.monotonic() - started)  # it takes long with many processes

    def _end(self, fault: str) -> None:
        self.fault = fault
        self._ended.set()
        self.kernel.kill()

    @contextlib.contextmanager
    def cell(self, cpu_seconds: float, seconds: float) -> Iterator[None]:
        """Limit the CPU time and the time that what is run in the block takes."""
        self._cell = (self.kernel.cpu_seconds() + cpu_seconds, time.monotonic() + seconds)
        try:
            yield
        finally:
            self._cell = None

    def close(self) -> None:
        self._ended.set()
        self.join()
