"""pyproject.toml, requirements.lock, environment.yml and what is installed say the same."""

import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def load_tool(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LOCKED = [Requirement(line) for line in load_tool("write_environment").locked_requirements(LOCK)]
HERE = {r.name: r for r in LOCKED if r.marker is None or r.marker.evaluate()}


@pytest.mark.parametrize("line", [*PROJECT["dependencies"], *(line for lines in EXTRAS.values() for line in lines)])
def test_the_lock_satisfies_every_lower_bound(line):
    wanted = Requirement(line)
    versions = [str(next(iter(r.specifier)).version) for r in LOCKED if r.name == wanted.name]
    assert versions, f"{wanted.name} is not in requirements.lock: run `make lock`"
    assert all(wanted.specifier.contains(version) for version in versions)


def test_every_locked_package_has_hashes_and_no_index_is_named():
    entries = re.split(r"\n(?=[A-Za-z0-9])", LOCK.split("make lock\n")[1])
    assert len(entries) == len(LOCKED)
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in LOCK
    assert "index-url" not in LOCK.replace("--no-emit-index-url", "")


def test_torch_and_torchvision_are_one_pair():
    wanted = [Requirement(line) for line in importlib.metadata.requires("torchvision") or []]
    torch = next(r for r in wanted if r.name == "torch")
    assert torch.specifier.contains(next(iter(HERE["torch"].specifier)).version)


def test_what_is_installed_is_what_is_locked():
    installed = {name: importlib.metadata.version(name) for name in HERE}
    differing = [
        f"{name} {version}" for name, version in installed.items() if not HERE[name].specifier.contains(version)
    ]
    assert not differing, "delete .venv and run `make setup`"


def test_environment_yml_holds_exactly_the_lock():
    text = (ROOT / "environment.yml").read_text()
    assert text == load_tool("write_environment").environment(LOCK), "run `make lock`"
    environment = yaml.safe_load(text)
    pip = environment["dependencies"][-1]["pip"]
    assert pip[0] == f"-e .[{','.join(EXTRAS)}]"
    assert [Requirement(line) for line in pip[1:]] == LOCKED
    python = next(d for d in environment["dependencies"] if isinstance(d, str) and d.startswith("python="))
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(python.removeprefix("python="))


def test_segutils_imports_quickly_because_it_imports_neither_torch_nor_nbgrader():
    code = "import sys, segutils; print([m for m in ('torch', 'numpy', 'matplotlib', 'nbgrader') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_make_lists_every_target_once():
    output = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    listed = re.findall(r"^  make ([a-z-]+)", output, flags=re.MULTILINE)
    targets = re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE).group(1).split()
    assert listed == targets == phony
