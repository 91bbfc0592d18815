"""The sandbox: an empty machine made by bubblewrap, which has the course's Python and nothing else."""

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

    Raises CourseError with bubblewrap's own words where it refuses.
    """

    def __init__(self, covers: Mapping[Path, Path], disk: int) -> None:
        info, accounts, mapped = os.pipe(), _in_memory(ACCOUNTS), os.pipe()
        arguments = [
            *("--unshare-user", "--uid", "0", "--gid", "0", "--userns-block-fd", str(mapped[0])),
            *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
            *("--info-fd", str(info[1]), "--hostname", "sandbox", "--die-with-parent", "--new-session", "--clearenv"),
            *_disks(disk),  # before the files, some of which may lie in /tmp
            *_files(),
            *("--perms", "0644", "--ro-bind-data", str(accounts), "/etc/passwd"),
            *(word for place, cover in covers.items() for word in ("--ro-bind", str(cover), str(place))),
            *("--remount-ro", "/", "--"),
            *WAIT,
        ]
        self._process = subprocess.Popen(
            ["bwrap", *arguments],
            pass_fds=[mapped[0], info[1], accounts],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for file in (mapped[0], info[1], accounts):
            os.close(file)
        text = b""
        while not text.rstrip().endswith(b"}") and (more := os.read(info[0], 1000)):
            text += more
        if text:
            self.pid = json.loads(text)["child-pid"]
            self.root = Path(f"/proc/{self.pid}/root")
            _map_users(self.pid)
            os.write(mapped[1], b"+")
        os.close(info[0])
        os.close(mapped[1])
        if not self._process.stdout.readline():  # comes when its files are in place
            words = self._process.communicate()[1].decode(errors="replace").strip()
            raise CourseError(words or "bubblewrap said nothing")

    def close(self) -> None:
        """End every process in the sandbox; its files go with it."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._process.communicate()


def _map_users(pid: int) -> None:
    """Say who the sandbox's users are outside.

    Its root, who sets the sandbox up, is the grader. Where that is the system's root, students get a number that
    nobody else has; an ordinary user has one number only, and the student is a root there who has given up all rights.
    """
    is_root = os.geteuid() == 0
    if not is_root:
        Path(f"/proc/{pid}/setgroups").write_text("deny")
    for kind, number in {"uid": os.geteuid(), "gid": os.getegid()}.items():
        lines = f"0 {number} 1\n" + (f"{STUDENT} {FIRST_UID + pid} 1\n" if is_root else "")
        Path(f"/proc/{pid}/{kind}_map").write_text(lines)


def _in_memory(text: str) -> int:
    file = os.memfd_create("sandbox", 0)
    os.write(file, text.encode())
    os.lseek(file, 0, os.SEEK_SET)
    return file


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
