"""The set-up on a fresh machine, and what it says when something is wrong. Each fault is made, not imagined."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow


@pytest.fixture
def course(tmp_path) -> Path:
    """A copy of what the set-up needs, without .venv."""
    folder = tmp_path / "a course"  # a space in the path, as on many laptops
    shutil.copytree(ROOT / "tools", folder / "tools")
    shutil.copytree(ROOT / "segutils", folder / "segutils", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements.lock", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    return folder


def set_up(course: Path, prefix: tuple[str, ...] = (), **environment) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*prefix, "sh", "tools/setup.sh"],
        cwd=course,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=600,
    )


def last_sentence(result: subprocess.CompletedProcess) -> str:
    assert result.returncode == 1, result.stdout + result.stderr
    return result.stderr.strip().splitlines()[-1]


def needs_namespaces(*flags: str) -> tuple[str, ...]:
    prefix = ("unshare", *flags)
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip(f"{' '.join(prefix)} is not possible here (Linux as root)")
    return prefix


def test_an_interrupted_set_up_is_named_and_the_next_one_works_and_the_third_returns_at_once(course):
    process = subprocess.Popen(
        ["sh", "tools/setup.sh"], cwd=course, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    while b"locked packages" not in process.stdout.readline():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    assert b"interrupted" in process.communicate()[1]
    assert not (course / ".venv/ready").exists()

    assert set_up(course).returncode == 0
    assert subprocess.run([course / ".venv/bin/python", "-c", "import segutils, torch, torchvision"]).returncode == 0
    made = (course / ".venv/ready").stat().st_mtime_ns
    assert set_up(course).returncode == 0
    assert (course / ".venv/ready").stat().st_mtime_ns == made

    moved = course.rename(course.with_name("moved"))
    assert set_up(moved).returncode == 0
    assert subprocess.run([moved / ".venv/bin/jupyter", "--version"], capture_output=True).returncode == 0


def test_a_wrong_python_is_named(course):
    old = course / "python3"
    old.write_text("#!/bin/sh\n[ $1 = --version ] && echo Python 3.9.18\n")
    old.chmod(0o755)
    sentence = last_sentence(set_up(course, PYTHON=str(old)))
    assert f"needs a 64-bit Python 3.11, 3.12 or 3.13, and {old} is Python 3.9.18; install" in sentence
    assert "is not there; install" in last_sentence(set_up(course, PYTHON="/no/python"))


def test_no_network_is_named(course):
    prefix = needs_namespaces("--net")
    assert "could not be reached" in last_sentence(set_up(course, prefix, UV_CACHE_DIR=str(course / "cache")))


def test_a_full_disk_is_named_before_and_during_the_set_up(course):
    prefix = needs_namespaces("--mount")
    script = 'mount -t tmpfs -o "$1" none "$2" && cp -r tools segutils *.* "$2" && cd "$2" && exec sh tools/setup.sh'
    for options, sentence in (("size=50m", "the disk has 0 GB free"), ("size=9g,nr_inodes=2500", "the disk is full")):
        disk = course / options[:8]
        disk.mkdir()
        result = subprocess.run(
            [*prefix, "sh", "-c", script, "sh", options, str(disk)], cwd=course, capture_output=True, text=True
        )
        assert sentence in last_sentence(result)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("platform", ["x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin"])
def test_every_locked_package_has_a_wheel_for(platform, python, tmp_path):
    command = ["pip", "install", "--dry-run", "--quiet", "--only-binary", ":all:", "--require-hashes"]
    target = ["--target", str(tmp_path), "--python-platform", platform, "--python-version", python]
    result = subprocess.run(
        [ROOT / ".venv/bin/uv", *command, *target, "-r", ROOT / "requirements.lock"],
        env=os.environ | {"UV_SYSTEM_CERTS": "true", "MACOSX_DEPLOYMENT_TARGET": "14.0"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr


def test_make_lab_serves_the_lectures_also_where_port_8888_is_taken(tmp_path):
    """As a student would: the command, then the page in a browser (curl speaks for it)."""
    environment = os.environ | {"JUPYTER_RUNTIME_DIR": str(tmp_path), "BROWSER": "true", "JUPYTER_TOKEN": "test"}
    servers, addresses = [], []
    try:
        for number in range(2):  # one after the other: two that look for a port at once may find the same
            log = tmp_path / f"{number}.log"
            options = {"stdout": log.open("w"), "stderr": subprocess.STDOUT, "start_new_session": True}
            servers.append(subprocess.Popen(["make", "lab"], cwd=ROOT, env=environment, **options))
            addresses.append(address_in(log, servers[-1]))
        assert len(set(addresses)) == 2
        for address in addresses:
            url = f"{address}/api/contents/lectures/01_pixel_classification.ipynb?content=0&token=test"
            page = subprocess.run(["curl", "-sf", url], capture_output=True, text=True)
            assert '"type": "notebook"' in page.stdout, page
    finally:
        for server in servers:
            os.killpg(server.pid, signal.SIGKILL)


def address_in(log: Path, server: subprocess.Popen) -> str:
    """Wait until the server prints its address."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        for word in log.read_text().split():
            if word.startswith("http://localhost:"):
                return word.split("/lab")[0]
        time.sleep(0.2)
    raise AssertionError(f"no address printed:\n{log.read_text()}")
