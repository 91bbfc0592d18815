"""The process that nurseries are forked from: there when it is needed, and gone with who has started it."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

from segutils.grading.kernels import nurseries
from segutils.grading.kernels.nursery import Specification
from segutils.grading.kernels.running import NurseryProcess
from segutils.paths import COURSE_ROOT

SOCKET = socket.socket
SPECIFICATION = Specification("ex90_numbers", (), (), sandboxed=False, warm=True, disk=10**9)
START = "import os; from segutils.grading.kernels import nurseries; nurseries.start(); print(os.environ[nurseries.ADDRESS])"


def patient_socket(family):
    """One on which nobody answers is an error after a minute."""
    made = SOCKET(family)
    made.settimeout(60)
    return made


def test_nurseries_share_a_process_and_where_it_has_ended_another_is_started(monkeypatch):
    monkeypatch.setenv(nurseries.ADDRESS, "")
    monkeypatch.setattr(nurseries.socket, "socket", patient_socket)
    first, second = NurseryProcess(SPECIFICATION), NurseryProcess(SPECIFICATION)
    parents = [psutil.Process(nursery.pid).parent() for nursery in (first, second)]
    assert parents[0] == parents[1] and parents[0].pid != os.getpid()
    parents[0].kill()
    parents[0].wait()
    third = NurseryProcess(SPECIFICATION)
    assert all(nursery.is_alive() for nursery in (first, second, third))
    for nursery in (first, second, third):
        nursery.close()
        assert not nursery.is_alive()


def test_it_ends_with_who_has_started_it_and_leaves_nothing():
    started = subprocess.run([sys.executable, "-c", START], cwd=COURSE_ROOT, capture_output=True, text=True, check=True)
    folder = Path(started.stdout.strip()).parent
    end = time.monotonic() + 60
    while (folder.exists() or serving(folder)) and time.monotonic() < end:
        time.sleep(0.1)
    assert not folder.exists() and not serving(folder)


def serving(folder):
    """The processes that were started with this folder."""
    return [one for one in psutil.process_iter(["cmdline"]) if str(folder) in (one.info["cmdline"] or [])]
