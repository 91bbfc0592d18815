"""The course as students get it: one zip without any solution."""

import hashlib
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

from segutils.errors import CourseError
from segutils.paths import COURSE_ROOT

# Solutions, tests that hold answers, tests of solutions and of grading, and what other students wrote.
KEPT_BACK = (
    *("solutions/", "tests/checks/", "tests/grading/", "tests/notebooks/", "tests/student/"),
    *("tests/test_main_grading.py", "tests/test_submission.py", "grading/", "hand-in/", "work/"),
)
NOT_FOUND_BY_WALKING = (".git/", ".venv/", "build/", "runs/", "data/cache/", "data/camseq/", "data/toyscapes/")


def zip_for_students(root: Path = COURSE_ROOT, target: Path | None = None) -> Path:
    """Pack the course without solutions, and without tests that hold answers, into build/course-student.zip.

    Takes what git tracks, where git is there; the same files give the same bytes. `target` is another place for the
    zip. Raises CourseError when a solution would be in it under any name.
    """
    names = [name for name in _course_files(root) if not name.startswith(KEPT_BACK)]
    contents = {name: (root / name).read_bytes() for name in names if (root / name).is_file()}
    _require_no_solution(contents, root)
    target = target or root / "build" / "course-student.zip"
    target.parent.mkdir(exist_ok=True)
    temporary = target.with_suffix(".tmp")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(contents.items()):
            archive.writestr(_dated(f"course-student/{name}", os.access(root / name, os.X_OK)), content)
    os.replace(temporary, target)
    return target


def _course_files(root: Path) -> list[str]:
    git = ["git", "-C", str(root), "ls-files", "-z", "--cached"]
    if (root / ".git").exists() and shutil.which("git"):
        return subprocess.run(git, check=True, capture_output=True, text=True).stdout.split("\0")[:-1]
    names = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return [name for name in names if not name.startswith(NOT_FOUND_BY_WALKING) and "__pycache__" not in name]


def _require_no_solution(contents: dict[str, bytes], root: Path) -> None:
    files = [path for path in (root / "solutions").rglob("*") if path.is_file()]
    kept_back = {_digest(path.read_bytes()): path for path in files if path.stat().st_size}
    for name, content in contents.items():
        path = kept_back.get(_digest(content))
        if path is not None or (name.endswith(".ipynb") and b"BEGIN SOLUTION" in content):
            raise CourseError(f"{name} holds a solution{f' ({path})' if path else ''}: it may not go to students")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _dated(name: str, executable: bool) -> zipfile.ZipInfo:
    """An archive entry without this moment's time and this machine's rights."""
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type, info.create_system = zipfile.ZIP_DEFLATED, 3
    info.external_attr = (0o100755 if executable else 0o100644) << 16
    return info
