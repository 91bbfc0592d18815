"""A process that has imported what notebooks import, and starts a kernel for each submission by forking itself.

    python -m segutils.grading.kernels.nursery SOCKET FOLDER

imports torch and forks a nursery for each connection to the socket. A nursery reads requests, one JSON object per line,
answers each with a line, and ends when the connection does; what it has started ends with it. Neither has threads, so
that they may fork and change namespaces, nor holds a secret: nothing that a student's code finds in the memory of its
fork is worth finding.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from segutils.checks.transport import find_check
from segutils.errors import CourseError
from segutils.grading.kernels.bubblewrap import Box
from segutils.grading.kernels.inside import Start, adopt_orphans, become_student, enter, run_kernel
from segutils.grading.kernels.stubs import StubFinder, write_stubs

KERNEL_MODULES = (  # all that a kernel imports until it listens
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.zmqshell",
    "ipykernel.debugger",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "IPython.utils.wildcard",
    "tornado.platform.asyncio",
)


@dataclass(frozen=True)
class Specification:
    """What all kernels of a nursery have in common."""

    exercise: str
    checks: tuple[str, ...]  # "ex04.aspp_forward", ...: what they name as ready answers is hidden
    imports: tuple[str, ...]  # modules that are there when a kernel starts
    sandboxed: bool
    warm: bool
    disk: int  # bytes that the disks of a sandbox hold together

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Specification":
        return cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in json.loads(text).items()})


class Nursery:
    """One kernel at a time: `start` makes it, `stop` ends it with all that it has started."""

    def __init__(self, specification: Specification, stubs: Path) -> None:
        self.specification = specification
        answers = sorted({answer for name in specification.checks for answer in find_check(name).ready_answers})
        self.covers = write_stubs(stubs, specification.exercise, answers)
        StubFinder(specification.exercise, answers).install()
        if specification.warm:
            self._warm_up()
        self.box: Box | None = None
        self.kernel = 0

    def _warm_up(self) -> None:
        """Do once what every kernel would do first: imports, and libraries' own preparations at their first use."""
        import torch  # not at the top: the grader, which only describes a nursery, does without

        _import(self.specification.imports)
        for name in self.specification.checks:
            find_check(name).draw(0)
        for dtype in (torch.float32, torch.float64):
            images = torch.ones(2, 2, 8, 8, dtype=dtype, requires_grad=True)
            for rate in (2, 12):  # a kernel wider than the image takes a way of its own, which is 50 ms long at first
                torch.conv2d(images, torch.ones(2, 2, 3, 3, dtype=dtype), padding=rate, dilation=rate).sum().backward()
        gc.collect()
        gc.freeze()  # a collection in a fork would touch, and so copy, every page

    def start(self, start: Start) -> dict:
        """Start a kernel; the process numbers of the kernel and of its sandbox."""
        self.stop()
        if self.specification.sandboxed:
            self.box = Box(self.covers, self.specification.disk)
        self.kernel = self._fork(start)
        return {"kernel": self.kernel, "box": self.box.pid if self.box else 0}

    def _fork(self, start: Start) -> int:
        """Fork a kernel; into a sandbox it takes two steps, since only a child enters the new process numbers."""
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                if self.box:
                    enter(self.box.pid)
                    if kernel := os.fork():
                        os.write(write_end, b"%d" % kernel)
                        os._exit(0)
                _be_kernel(start)
            finally:
                os._exit(1)
        os.close(write_end)
        if not self.box:
            os.close(read_end)
            return child
        number = os.read(read_end, 20)
        os.close(read_end)
        os.waitpid(child, 0)
        if not number:
            raise CourseError("a process could not enter its sandbox")
        return int(number)

    def stop(self) -> dict:
        """End the kernel and every process that it has started."""
        if self.kernel:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.kernel, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.kernel, 0)
        if self.box:
            self.box.close()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:  # what a kernel without a sandbox has left behind
                pass
        self.box, self.kernel = None, 0
        return {}


def _import(modules: Iterable[str]) -> None:
    for name in modules:
        with contextlib.suppress(Exception):  # what is missing here is told to who imports it
            importlib.import_module(name)


def _be_kernel(start: Start) -> None:
    if start.warm:
        become_student(start)
        run_kernel(start)
    else:
        os.execv(sys.executable, [sys.executable, "-m", "segutils.grading.kernels.inside", start.to_json()])


def serve(connection: socket.socket, folder: str) -> None:
    """Be a nursery: the first line is its specification, the others are requests; a fault is an answer too."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    adopt_orphans()  # a kernel's first parent ends at once
    with connection.makefile("rw", encoding="utf-8") as lines, tempfile.TemporaryDirectory(dir=folder) as stubs:
        nursery = None
        for line in lines:
            try:
                if nursery is None:
                    nursery = Nursery(Specification.from_json(line), Path(stubs))
                    answer = {"ready": os.getpid()}
                else:
                    answer = nursery.start(Start.from_json(line)) if "connection" in line else nursery.stop()
            except Exception as error:
                if nursery:
                    nursery.stop()
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), file=lines, flush=True)
        if nursery:
            nursery.stop()


def main() -> None:
    """Fork a nursery for each connection to the socket of number argv[1], until stdin ends; then remove argv[2]."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader, who closes stdin
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who ends here needs nobody to wait for it
    listener, folder = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]
    _import(["torch", *KERNEL_MODULES])
    gc.freeze()
    while sys.stdin not in select.select([sys.stdin, listener], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:
            try:
                listener.close()  # else it could be connected to when nobody answers any more
                serve(connection, folder)
            finally:
                os._exit(0)
        connection.close()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
