"""A process that has imported what notebooks import, and starts a kernel for each submission by forking itself.

    python -m segutils.grading.kernels.nursery SPECIFICATION

reads requests from stdin, one JSON object per line, answers each with a line on stdout, and ends when stdin does; what
it has started ends with it. It has no threads, so that it may fork and change namespaces, and holds no secret: nothing
that a student's code finds in the memory of its fork is worth finding.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from segutils.checks.transport import find_check
from segutils.errors import CourseError
from segutils.grading.kernels.bubblewrap import Box
from segutils.grading.kernels.inside import Start, adopt_orphans, become_student, enter, run_kernel
from segutils.grading.kernels.stubs import StubFinder, write_stubs

KERNEL_MODULES = ("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.debugger")


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
            self._import_all()
        self.box: Box | None = None
        self.kernel = 0

    def _import_all(self) -> None:
        for name in (*KERNEL_MODULES, *self.specification.imports):
            with contextlib.suppress(Exception):  # what is missing here is told to who imports it
                importlib.import_module(name)
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
                _serve(start)
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


def _serve(start: Start) -> None:
    if start.warm:
        become_student(start)
        run_kernel(start)
    else:
        os.execv(sys.executable, [sys.executable, "-m", "segutils.grading.kernels.inside", start.to_json()])


def main() -> None:
    """Answer requests until stdin ends; a fault is an answer too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader, who closes stdin
    adopt_orphans()  # a kernel's first parent ends at once
    specification = Specification.from_json(sys.argv[1])
    answers, sys.stdout = sys.stdout, sys.stderr  # what modules print when they are imported is no answer
    with tempfile.TemporaryDirectory(prefix="nursery-") as folder:
        os.chmod(folder, 0o755)
        nursery = Nursery(specification, Path(folder))
        print(json.dumps({"ready": os.getpid()}), file=answers, flush=True)
        try:
            for line in sys.stdin:
                request = json.loads(line)
                try:
                    answer = nursery.start(Start.from_json(line)) if "connection" in request else nursery.stop()
                except (OSError, CourseError) as error:
                    nursery.stop()
                    answer = {"error": f"{type(error).__name__}: {error}"}
                print(json.dumps(answer), file=answers, flush=True)
        finally:
            nursery.stop()


if __name__ == "__main__":
    main()
