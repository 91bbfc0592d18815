"""Every submission of the catalogue is graded by the command line, and gets exactly the row that it must get."""

import csv
import ctypes
import hashlib
import os
import re
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
import torch

import segutils
from grading.catalogue import CATALOGUE
from grading.catalogue.entry import TASKS, Entry, Scene
from grading.tiny_course import Course
from segutils.paths import COURSE_ROOT

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the sandbox is Linux's"),
]

RUNS = sorted({(entry.exercise, entry.seconds) for entry in CATALOGUE})
CREDENTIAL = "machine catalogue.invalid password not-for-students"
ATTENTION = 3  # the exit code when some rows need attention
PR_SET_CHILD_SUBREAPER = 36


def entries_of(run: tuple[str, int]) -> list[Entry]:
    return [entry for entry in CATALOGUE if (entry.exercise, entry.seconds) == run]


class Graded:
    """One run of the grader over a part of the catalogue, and what was found after it."""

    def __init__(self, course: Course, outside: Path, entries: list[Entry]) -> None:
        self.course, self.outside, self.entries = course, outside, entries
        (outside / "home").mkdir(parents=True)
        (outside / "home" / ".netrc").write_text(CREDENTIAL)
        (outside / "secret.txt").write_text(CREDENTIAL)
        with listeners(outside) as (places, self.reached):
            places |= {"ROOT": str(course.root), "OUTSIDE": str(outside), "HOME": str(outside / "home")}
            scene = Scene(course, {**places, "PID_NAMESPACE": os.readlink("/proc/self/ns/pid")})
            for entry in entries:
                entry.hand_in(scene, entry.student)
            self.before = snapshot(course.root, outside)
            self.exit_code, self.printed, self.left = run_grader(course, entries[0].seconds, outside / "home")
        self.after = snapshot(course.root, outside)
        self.full = full_points(course)
        self.rows = course.rows()


def full_points(course: Course) -> dict[str, float]:
    graded = (cell.metadata.get("nbgrader", {}) for cell in course.released().cells)
    return {data["grade_id"]: data["points"] for data in graded if data.get("grade")}


def run_grader(course: Course, seconds: int, home: Path) -> tuple[int, str, list[str]]:
    """Grade as an instructor does; what it leaves running becomes this process's child, and is named."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    command = [sys.executable, "-m", "segutils", "grade", course.exercise, "--submissions", course.hand_in]
    options = ["--course", course.root, "--workers", 2, "--time-limit", seconds, *GRADER_OPTIONS]
    environment = {**os.environ, "HOME": str(home), "CATALOGUE_SECRET": CREDENTIAL}
    done = subprocess.run(
        [str(part) for part in command + options],
        env=environment,
        cwd=COURSE_ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    children = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    _, left = psutil.wait_procs(children, timeout=10)  # what was told to end may take its time
    names = [" ".join(child.cmdline()) for child in left]
    for child in left:
        child.kill()
        child.wait()
    return done.returncode, done.stdout.decode(errors="replace"), names


GRADER_OPTIONS = os.environ.get("CATALOGUE_OPTIONS", "").split()  # to try single submissions without a sandbox


@contextmanager
def listeners(folder: Path) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Servers of every kind, and the list of those that somebody reached."""
    reached: list[str] = []
    abstract = f"catalogue-{os.getpid()}-{folder.parent.name}"
    addresses = {
        "TCP": (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
        "UDP": (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
        "ABSTRACT": (socket.AF_UNIX, socket.SOCK_STREAM, f"\0{abstract}"),
        "FILE": (socket.AF_UNIX, socket.SOCK_STREAM, os.path.relpath(folder / "socket")),
    }
    with ExitStack() as stack:
        servers = {}
        for name, (family, kind, address) in addresses.items():
            servers[name] = stack.enter_context(socket.socket(family, kind))
            servers[name].bind(address)
            if kind == socket.SOCK_STREAM:
                servers[name].listen(5)
            threading.Thread(target=serve, args=(name, servers[name], reached), daemon=True).start()
        ports = {name: str(servers[name].getsockname()[1]) for name in ("TCP", "UDP")}
        yield {**ports, "ABSTRACT": abstract}, reached
        for server in servers.values():
            server.settimeout(0)


def serve(name: str, server: socket.socket, reached: list[str]) -> None:
    while True:
        try:
            if server.type == socket.SOCK_DGRAM:
                _, sender = server.recvfrom(100)
                server.sendto(b"welcome", sender)
            else:
                server.accept()[0].close()
        except OSError:
            return
        reached.append(name)


def snapshot(root: Path, outside: Path) -> dict[str, str]:
    """What every file outside grading/ is and holds."""
    found = {}
    for folder in (root, outside):
        for path in folder.rglob("*"):
            inside = path.relative_to(folder)
            if (folder == root and inside.parts[0] == "grading") or CACHES & set(inside.parts):
                continue
            status = path.lstat()
            is_file = stat.S_ISREG(status.st_mode)
            content = hashlib.sha256(path.read_bytes()).hexdigest() if is_file else ""
            found[str(path)] = f"{stat.filemode(status.st_mode)} {content}"
    return found


CACHES = {".cache", ".config", ".ipython", ".jupyter", ".local", "__pycache__"}  # what programs keep in a home folder


@pytest.fixture(scope="module")
def graded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Graded:
    exercise, _ = request.param
    source = COURSE_ROOT / "solutions" / exercise / f"{exercise}.ipynb"
    if not source.exists():
        pytest.skip(f"solutions/{exercise} is kept back from students")
    folder = tmp_path_factory.mktemp("catalogue")
    return Graded(Course(folder / "course", source), folder / "outside", entries_of(request.param))


EVERY_ROW = [pytest.param((e.exercise, e.seconds), e, id=e.student) for e in CATALOGUE]
each_run = pytest.mark.parametrize("graded", RUNS, indirect=True, ids=lambda run: f"{run[0]}-{run[1]}s")


@pytest.mark.parametrize(("graded", "entry"), EVERY_ROW, indirect=["graded"], scope="module")
def test_row(graded: Graded, entry: Entry) -> None:
    row = graded.rows[entry.student]
    expected = entry.points(graded.full)
    points = {name: row[name] for name in graded.full}
    assert row["status"] == entry.status, row
    assert points == {name: f"{expected[name]:g}" if expected else "" for name in graded.full}, row
    assert row["score"] == (f"{sum(expected.values()):g}" if expected else "")
    assert row["max_score"] == f"{sum(graded.full.values()):g}" and row["assignment"] == graded.course.exercise
    if entry.says:
        assert re.search(entry.says, row["message"], flags=re.DOTALL), row["message"]
    else:
        assert row["message"] == ""


@pytest.mark.parametrize(("graded", "entry"), EVERY_ROW, indirect=["graded"], scope="module")
def test_message_names_every_lost_task_and_no_other(graded: Graded, entry: Entry) -> None:
    message = graded.rows[entry.student]["message"]
    blamed = {name for name, points in graded.full.items() if points and re.search(rf"(^|; ){name}: ", message)}
    assert blamed == set(entry.lost or ())
    assert len(message) < 2000 and message.isprintable()


@each_run
def test_one_row_for_every_folder(graded: Graded) -> None:
    assert sorted(graded.rows) == sorted(entry.student for entry in graded.entries)
    with (graded.course.root / "grading" / f"{graded.course.exercise}.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(graded.entries)


@each_run
def test_exit_code_and_printed_lines(graded: Graded) -> None:
    needs = any(entry.status == "needs_attention" for entry in graded.entries)
    assert graded.exit_code == (ATTENTION if needs else 0), graded.printed[-3000:]
    assert "Traceback" not in graded.printed and "\x1b[2J" not in graded.printed


@each_run
def test_nothing_is_left_running(graded: Graded) -> None:
    assert graded.left == []


@each_run
def test_nothing_is_reached_over_the_network(graded: Graded) -> None:
    assert graded.reached == []


@each_run
def test_no_file_outside_grading_is_changed(graded: Graded) -> None:
    changed = {path for path in graded.before.keys() | graded.after.keys() if not same(graded, path)}
    assert changed == set()


def same(graded: Graded, path: str) -> bool:
    return graded.before.get(path) == graded.after.get(path)


@each_run
def test_nothing_is_put_among_the_installed_packages(graded: Graded) -> None:
    packages = [Path(torch.__file__).parents[1], Path(segutils.__file__).parent]
    assert [path for folder in packages for path in folder.glob("**/catalogue_owned*")] == []


@each_run
def test_no_page_runs_a_students_script_or_shows_a_secret(graded: Graded) -> None:
    for page in (graded.course.root / "grading").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "<script>alert(1)" not in text, page
        assert CREDENTIAL not in text, page
        assert "HIDDEN TESTS" not in text and page.stat().st_size < 20_000_000, page


def test_the_catalogue_is_large_and_its_names_are_different() -> None:
    assert len(CATALOGUE) >= 90
    assert len({entry.student for entry in CATALOGUE}) == len(CATALOGUE)
    assert all(set(entry.lost or ()) <= set(TASKS[entry.exercise]) for entry in CATALOGUE if entry.exercise in TASKS)
