"""Run a Python program as a student's kernel would be run, and print what it prints: `in_a_box.py PROGRAM`."""

import os
import sys

from segutils.grading.kernels.bubblewrap import Box
from segutils.grading.kernels.inside import Start, become_student, enter

START = Start({}, 20, 2_000_000_000, 10_000_000, 64, sandboxed=True, warm=True, folder="/tmp/home")


def run(program: str) -> str:
    """What the program writes to /run/kernel/out, its stdout."""
    box = Box({}, disk=40_000_000)
    try:
        child = os.fork()
        if child == 0:
            enter(box.pid)
            inner = os.fork()
            if inner == 0:
                become_student(START)
                os.chdir("/tmp")
                os.dup2(os.open("/run/kernel/out", os.O_WRONLY | os.O_CREAT), 1)
                os.dup2(1, 2)
                os.execv(sys.executable, [sys.executable, "-c", program])
            os._exit(os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]) & 127)
        os.waitpid(child, 0)
        return (box.root / "run/kernel/out").read_text(errors="replace")
    finally:
        box.close()


if __name__ == "__main__":
    os.environ["SECRET_OF_THE_GRADER"] = "hunter2"
    print(run(sys.argv[1]), end="")
