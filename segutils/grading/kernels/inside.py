"""What a process does to itself before it runs a student's code: enter the sandbox, give up every right, be a kernel.

Runs in a fork of the nursery, or on its own (`python -m segutils.grading.kernels.inside`) where a kernel starts cold.
Needs nothing but the standard library until the kernel starts.
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

STUDENT = 1000  # the user id inside a sandbox, where the grader can give numbers away
EXCHANGE = Path("/run/kernel")  # sockets and answers; a small disk of its own
HOME = Path("/tmp/home")
SHARED_NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 4, 24, 36, 38
MEGABYTE = 1_000_000
MAX_MESSAGE = 8 * MEGABYTE  # of what one output may hold
OUTPUTS = ("stream", "display_data", "execute_result", "update_display_data", "error")
LEFT_OUT = "(left out: more than 8 MB of output at once)\n"

ENVIRONMENT = {
    "HOME": str(HOME),
    "IPYTHONDIR": str(HOME / "ipython"),
    "JUPYTER_RUNTIME_DIR": str(HOME),
    "LANG": "C.UTF-8",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "OMP_NUM_THREADS": "1",  # the same speed for everybody, whoever else is at work
    "PYTHONHASHSEED": "0",
    "SEGUTILS_CAMSEQ": "",
    "TERM": "dumb",
    "USER": "student",
}


@dataclass(frozen=True)
class Start:
    """How a kernel is to be started; plain values, since it crosses process borders as JSON."""

    connection: dict  # Jupyter's connection file
    cpu_seconds: int  # of one process; the grader's own limits are below
    memory: int  # bytes of data of one process
    disk: int  # bytes of one file
    processes: int
    sandboxed: bool
    warm: bool
    folder: str  # where the kernel works; in a sandbox, a path inside it

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Start":
        return cls(**json.loads(text))


def enter(pid: int) -> None:
    """Join the namespaces of the process `pid`, all but that of process numbers, which children join, for good."""
    libc = ctypes.CDLL(None, use_errno=True)
    folder = f"/proc/{pid}/ns"
    own = {name: os.readlink(f"/proc/self/ns/{name}") for name in SHARED_NAMESPACES}
    files = {
        name: os.open(f"{folder}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        for name in SHARED_NAMESPACES
        if os.readlink(f"{folder}/{name}") != own[name]
    }
    for name, file in files.items():
        if libc.setns(file, 0):
            raise OSError(ctypes.get_errno(), "setns")
        if name == "user":  # the first: from here on, this means the number of namespaces below the sandbox's own
            Path("/proc/sys/user/max_user_namespaces").write_text("0")


def adopt_orphans() -> None:
    """Become the parent of every process below whose own parent has ended, so that it can be buried here."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def become_student(start: Start) -> None:
    """Give up every right and every secret for good: user, capabilities, environment, open files; set the limits."""
    import resource  # not on Windows, where this is never called

    os.setsid()
    os.nice(5)  # whatever runs here, the grader goes on
    os.umask(0o022)
    os.environ.clear()
    os.environ.update(ENVIRONMENT | {"PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"})
    if start.sandboxed:
        _drop_rights()
    for name, value in {
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": start.cpu_seconds,
        "RLIMIT_DATA": start.memory,
        "RLIMIT_FSIZE": start.disk,
        "RLIMIT_MEMLOCK": 8 * MEGABYTE,
        "RLIMIT_MSGQUEUE": MEGABYTE,
        "RLIMIT_NOFILE": 1024,
        **({"RLIMIT_NPROC": start.processes} if start.sandboxed else {}),  # else all of the user's processes count
    }.items():
        if hasattr(resource, name):
            _, highest = resource.getrlimit(getattr(resource, name))
            value = value if highest == resource.RLIM_INFINITY else min(value, highest)
            resource.setrlimit(getattr(resource, name), (value, value))
    for number in range(1, signal.NSIG):
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    os.closerange(3, 65536)


def _drop_rights() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if f" {STUDENT} " in Path("/proc/self/uid_map").read_text():  # else there is nobody but this user to be
        os.setgroups([])
        os.setresgid(STUDENT, STUDENT, STUDENT)
        os.setresuid(STUDENT, STUDENT, STUDENT)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3 of the structure, this process
    if libc.capset(header, (ctypes.c_uint32 * 6)()) or libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "giving up rights")
    libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # lost with the change of user; /proc/self would be root's otherwise


def run_kernel(start: Start) -> None:
    """Serve as a Jupyter kernel until somebody ends the process."""
    folder = Path(start.folder)
    folder.mkdir(parents=True, exist_ok=True)
    if start.sandboxed:
        (HOME / "ipython").mkdir(parents=True, exist_ok=True)
        sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != "StubFinder"]
    os.chdir(folder)
    sys.path[:] = ["", *(entry for entry in sys.path if entry)]
    connection = Path(start.connection["ip"]).with_suffix(".json")
    connection.write_text(json.dumps(start.connection))
    from ipykernel.kernelapp import IPKernelApp
    from jupyter_client.session import Session

    Session.serialize = _short(Session.serialize)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    application = IPKernelApp.instance()
    application.initialize(["-f", str(connection), "--quiet", "--HistoryManager.enabled=False"])
    application.start()


def _short(serialize: Callable) -> Callable:
    """Leave the content of huge outputs out of Jupyter's messages; who undoes this only has their own kernel stuck."""

    def serialize_short(session: object, message: dict, *arguments: object) -> list[bytes]:
        parts = serialize(session, message, *arguments)
        if message["header"]["msg_type"] in OUTPUTS and sum(map(len, parts)) > MAX_MESSAGE:
            content = message["content"]
            if "data" in content:
                content["data"] = {"text/plain": LEFT_OUT}
            for name in {"text", "evalue"} & set(content):
                content[name] = LEFT_OUT
            if "traceback" in content:
                content["traceback"] = [LEFT_OUT]
            parts = serialize(session, message, *arguments)
        return parts

    return serialize_short


def main() -> None:
    """A cold start: bubblewrap has made the sandbox around this process already."""
    start = Start.from_json(sys.argv[1])
    if start.warm:
        raise ValueError("a warm kernel is forked, not started")
    become_student(start)
    run_kernel(start)


if __name__ == "__main__":
    main()
