"""What a student's code finds in the sandbox: Python, and nothing to read, to write, to talk to or to become."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from segutils.grading.kernels import bubblewrap, inside
from segutils.paths import COURSE_ROOT

NOBODY = 65534
TRY = """
import json, os
def tried(what):
    try:
        return str(what())[:2000]
    except Exception as error:
        return f"{type(error).__name__}: {error}"
print(json.dumps({name: tried(what) for name, what in QUESTIONS.items()}))
"""
QUESTIONS = """
import ctypes, glob, resource, signal, socket, subprocess
libc = ctypes.CDLL(None, use_errno=True)
def call(function, *arguments):
    return function(*arguments), ctypes.get_errno()
def read(path):
    return open(path).read()
def write(path, size=1):
    with open(path, "wb") as file:
        file.write(bytes(size))
def fill(folder):
    try:
        for n in range(5):
            write(f"{folder}/{n}", 9_000_000)
    finally:
        for path in glob.glob(f"{folder}/[0-9]"):
            os.remove(path)
QUESTIONS = {
    "uids": lambda: os.getresuid(),
    "status": lambda: read("/proc/self/status"),
    "environment": lambda: sorted(os.environ),
    "first environment": lambda: read("/proc/self/environ"),
    "processes": lambda: sorted(name for name in os.listdir("/proc") if name.isdigit()),
    "files": lambda: sorted(os.listdir("/proc/self/fd")),
    "root": lambda: sorted(os.listdir("/")),
    "shadow": lambda: read("/etc/shadow"),
    "course": lambda: sorted(os.listdir(COURSE)),
    "judges": lambda: os.listdir(COURSE + "/segutils/checks/judges"),
    "interfaces": lambda: [name for _, name in socket.if_nameindex()],
    "connect": lambda: socket.create_connection(("127.0.0.1", PORT), timeout=2),
    "abstract": lambda: socket.socket(socket.AF_UNIX).connect("\\0grader"),
    "write /": lambda: write("/x"),
    "write /usr": lambda: write("/usr/x"),
    "write segutils": lambda: write(COURSE + "/segutils/x"),
    "write /tmp": lambda: write("/tmp/x"),
    "fill /tmp": lambda: fill("/tmp"),
    "fill exchange": lambda: fill("/run/kernel"),
    "large file": lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), write("/dev/shm/x", 11_000_000)),
    "namespaces": lambda: call(libc.unshare, 0x10000000),
    "mount": lambda: call(libc.mount, b"none", b"/tmp", b"tmpfs", 0, None),
    "become root": lambda: os.setuid(1),
    "kill 1": lambda: os.kill(1, 9),
    "sysctl": lambda: write("/proc/sys/vm/drop_caches"),
    "memory": lambda: bytearray(3 * 10**9),
    "limits": lambda: [resource.getrlimit(getattr(resource, name)) for name in ("RLIMIT_CORE", "RLIMIT_NPROC")],
}
"""


@pytest.fixture(scope="module", params=["root", "nobody"])
def answers(request, tmp_path_factory):
    """What a program finds out: where the grader is root, and where it is an ordinary user."""
    if os.getuid() and request.param == "root":
        pytest.skip("only root can be root")
    python, course, drop = sys.executable, COURSE_ROOT, []
    folder = Path("/tmp") / f"box-{os.getpid()}"
    if request.param == "nobody":
        course, drop = folder, ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        python = "/usr/bin/python3"  # that of the course may lie in root's home
        drop = drop if os.getuid() == 0 else []
        kernels = folder / "segutils" / "grading" / "kernels"
        shutil.copytree(COURSE_ROOT / "segutils" / "grading" / "kernels", kernels)
        (folder / "segutils" / "checks" / "judges").mkdir(parents=True)
        (folder / "segutils" / "checks" / "judges" / "ex04.py").touch()
        (folder / "solutions").mkdir()
        for name in ("__init__.py", "errors.py", "paths.py"):
            shutil.copy(COURSE_ROOT / "segutils" / name, folder / "segutils" / name)
        shutil.copy(Path(__file__).parent / "in_a_box.py", folder)
        subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("\0grader")
        abstract.listen()
        program = f"COURSE, PORT = {str(course)!r}, {server.getsockname()[1]}\n{QUESTIONS}\n{TRY}"
        box = [
            python,
            str(course / "in_a_box.py" if request.param == "nobody" else Path(__file__).parent / "in_a_box.py"),
        ]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(course)}
        done = subprocess.run([*drop, *box, program], env=environment, cwd="/", capture_output=True, text=True)
    shutil.rmtree(folder, ignore_errors=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


EXPECTED = {
    "environment": str(sorted([*inside.ENVIRONMENT, "PATH"])),
    "files": "['0', '1', '2', '3']",  # the last is that of the question
    "shadow": "FileNotFoundError",
    "course": ("['segutils']", "['.venv', 'segutils']"),
    "judges": "[]",
    "interfaces": "['lo']",
    "connect": "ConnectionRefusedError",  # there is a way to its own processes, and to nobody else
    "abstract": "ConnectionRefusedError",
    "write /": "OSError: [Errno 30]",
    "write /usr": "OSError: [Errno 30]",
    "write segutils": "OSError: [Errno 30]",
    "write /tmp": "None",
    "fill /tmp": "OSError: [Errno 28]",
    "fill exchange": "OSError: [Errno 28]",
    "large file": "OSError: [Errno 27]",
    "namespaces": "(-1, 28)",
    "mount": "(-1, 1)",
    "become root": ("PermissionError", "OSError: [Errno 22]"),
    "kill 1": ("PermissionError", "None"),  # its own namespace's first process does not take it
    "sysctl": ("PermissionError", "OSError: [Errno 30]"),
    "memory": "MemoryError",
    "limits": "[(0, 0), (64, 64)]",
}


@pytest.mark.parametrize("question", EXPECTED)
def test_there_is_nothing_to_win(answers, question):
    assert answers[question].startswith(EXPECTED[question]), answers[question]


def test_no_right_is_left(answers):
    status = dict(line.split(":\t", 1) for line in answers["status"].splitlines() if ":\t" in line)
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert len(json.loads(answers["processes"].replace("'", '"'))) <= 4
    assert "hunter2" not in answers["first environment"]


def test_a_sandbox_takes_everything_with_it():
    box = bubblewrap.Box({}, disk=1_000_000)
    first = psutil.Process(box.pid)
    below = first.children(recursive=True)
    assert below
    box.close()
    assert not any(process.is_running() for process in [first, *below])


def test_a_sandbox_ends_with_the_process_that_made_it():
    program = "import time; from segutils.grading.kernels.bubblewrap import Box; box = Box({}, 10**6); print(box.pid, flush=True); time.sleep(600)"
    maker = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=COURSE_ROOT)
    first = psutil.Process(int(maker.stdout.readline()))
    maker.kill()
    maker.wait()
    while first.is_running() and first.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)


def test_without_bubblewrap_or_where_it_fails_grading_says_what_to_do(monkeypatch, tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(bubblewrap.CourseError, match=r"cannot make a sandbox here \(bwrap: No permissions.*user"):
        bubblewrap.require()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(bubblewrap.CourseError, match="sudo apt-get install bubblewrap"):
        bubblewrap.require()
