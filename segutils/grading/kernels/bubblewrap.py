"""The sandbox: an empty machine made by bubblewrap, which has the course's Python and nothing else."""

import ctypes
import json
import os
import shutil
import signal
import site
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from segutils.errors import CourseError
from segutils.grading.kernels.inside import EXCHANGE, STUDENT
from segutils.paths import COURSE_ROOT

CLONE_NEWUSER = 0x10000000
FIRST_UID = 1_879_048_192  # no system gives such numbers to people; a process number is added
PACKAGE = COURSE_ROOT / "segutils"
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/fonts", "/etc/alternatives", "/etc/localtime", "/etc/mime.types")
DISKS = {"/tmp": 0.5, "/dev/shm": 0.5, str(EXCHANGE): 0.25}  # shares of the limit, sizes of separate small disks
ACCOUNTS = f"root:x:0:0:root:/:/bin/false\nstudent:x:{STUDENT}:{STUDENT}:student:/tmp/home:/bin/sh\n"
WAIT = ("/bin/sh", "-c", "echo ready; exec cat")  # ends when the other end of its stdin does, so with the grader
INSTALL = (
    "bubblewrap, the sandbox for students' code, is missing: install it (Debian, Ubuntu: sudo apt-get install "
    "bubblewrap; Fedora: sudo dnf install bubblewrap). On macOS and Windows there is none: grade in a Linux container "
    "or in WSL, or with --no-sandbox, which runs their code with your rights"
)


def require() -> None:
    """Raise CourseError with what to do where bubblewrap is not installed or may not work on this machine."""
    if sys.platform != "linux" or not shutil.which("bwrap"):
        raise CourseError(INSTALL)
    try:
        box = Box({}, disk=1_000_000)
        box.close()
    except (OSError, CourseError) as error:
        raise CourseError(
            f"bubblewrap is installed but cannot make a sandbox here ({error}): this system may forbid user "
            "namespaces (Ubuntu 24.04: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0; in a container, "
            "it needs to be started with the right to make them)"
        ) from None


class Box:
    """An empty machine that lasts until `close`; `pid` is its first process, `root` its file system from outside.

    Must be made by a process without other threads. Raises CourseError with bubblewrap's own words where it refuses.
    """

    def __init__(self, covers: Mapping[Path, Path], disk: int) -> None:
        self._namespace = _new_user_namespace()
        read_end, write_end = os.pipe()
        accounts = _in_memory(ACCOUNTS)
        arguments = [
            *_namespaces(self._namespace, write_end),
            *_disks(disk),  # before the files, some of which may lie in /tmp
            *_files(),
            *("--perms", "0644", "--ro-bind-data", str(accounts), "/etc/passwd"),
            *(word for place, cover in covers.items() for word in ("--ro-bind", str(cover), str(place))),
            *("--remount-ro", "/", "--"),
            *WAIT,
        ]
        self._process = subprocess.Popen(
            ["bwrap", *arguments],
            pass_fds=[self._namespace, write_end, accounts],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for file in (write_end, accounts):
            os.close(file)
        text = b""
        while not text.rstrip().endswith(b"}") and (more := os.read(read_end, 1000)):
            text += more
        os.close(read_end)
        if not self._process.stdout.readline():  # comes when its files are in place
            words = self._process.communicate()[1].decode(errors="replace").strip()
            os.close(self._namespace)
            raise CourseError(words or "bubblewrap said nothing")
        self.pid = json.loads(text)["child-pid"]
        self.root = Path(f"/proc/{self.pid}/root")

    def close(self) -> None:
        """End every process in the sandbox; its files go with it."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._process.communicate()
        os.close(self._namespace)


def _new_user_namespace() -> int:
    """A user namespace, as an open file, in which no other one can be made.

    Its root, who sets the sandbox up, is the grader. Where that is the system's root, students get a number that
    nobody else has; an ordinary user has one number only, and the student is a root there who has given up all rights.
    """
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            unshared = ctypes.CDLL(None).unshare(CLONE_NEWUSER) == 0
            os.write(ready[1], b"+" if unshared else b"-")
            os.read(go[0], 1)
            Path("/proc/sys/user/max_user_namespaces").write_text("0")
        finally:
            os._exit(0)
    try:
        if os.read(ready[0], 1) != b"+":
            raise CourseError("user namespaces are not allowed")
        is_root = os.geteuid() == 0
        own = {"uid": os.geteuid(), "gid": os.getegid()}
        if not is_root:
            Path(f"/proc/{child}/setgroups").write_text("deny")
        for kind, number in own.items():
            lines = f"0 {number} 1\n" + (f"{STUDENT} {FIRST_UID + child} 1\n" if is_root else "")
            Path(f"/proc/{child}/{kind}_map").write_text(lines)
        namespace = os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        os.write(go[1], b"+")
        return namespace
    finally:
        for file in (*ready, *go):
            os.close(file)
        os.waitpid(child, 0)


def _in_memory(text: str) -> int:
    file = os.memfd_create("sandbox", 0)
    os.write(file, text.encode())
    os.lseek(file, 0, os.SEEK_SET)
    return file


def _namespaces(user_namespace: int, info: int) -> list[str]:
    return [
        *("--userns", str(user_namespace), "--info-fd", str(info)),
        *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *("--hostname", "sandbox", "--die-with-parent", "--new-session"),
        "--clearenv",
    ]


def _files() -> list[str]:
    """Read-only views of the system's programs, the course's Python and segutils without its judges."""
    words = ["--ro-bind", "/usr", "/usr"]
    for name in ("/bin", "/sbin", "/lib", "/lib64"):
        if os.path.islink(name):
            words += ["--symlink", os.readlink(name), name]
        else:
            words += ["--ro-bind-try", name, name]
    words += _folder("/etc")
    words += [word for path in SYSTEM_FILES for word in ("--ro-bind-try", path, path)]
    for place in python_places():
        words += _folder(str(place.parent))
        words += ["--ro-bind", str(place), str(place)]
    return [*words, "--tmpfs", str(PACKAGE / "checks" / "judges")]


def python_places() -> list[Path]:
    """The folders outside /usr that Python and segutils are in, the outer ones first."""
    named = [sys.base_prefix, sys.prefix, *site.getsitepackages(), site.getusersitepackages(), PACKAGE]
    places = sorted({Path(os.path.realpath(name)) for name in named} | {Path(name) for name in named})
    kept: list[Path] = []
    for place in places:
        if place.is_dir() and not any(place.is_relative_to(other) for other in [Path("/usr"), *kept]):
            kept.append(place)
    return kept


def _folder(path: str) -> list[str]:
    """A folder and its parents, which everybody may pass through."""
    parents = [str(parent) for parent in reversed(Path(path).parents) if str(parent) != "/"]
    return [word for name in [*parents, path] if name != "/" for word in ("--perms", "0755", "--dir", name)]


def _disks(limit: int) -> list[str]:
    """What is not a view of files: processes, devices, and small disks that can be written to."""
    words = ["--proc", "/proc", "--dev", "/dev"]
    for place, share in DISKS.items():
        words += [*_folder(str(Path(place).parent)), "--perms", "1777", "--size", str(int(share * limit))]
        words += ["--tmpfs", place]
    return words
