"""Copies of the exercises to work on."""

import os
import shutil
import tempfile
from pathlib import Path

from segutils.paths import COURSE_ROOT


def lay_out_work(root: Path = COURSE_ROOT) -> list[Path]:
    """Copy into work/ every file of exercises/ that is not there yet, and return what was copied.

    A file that exists is never touched, not even when another process makes it at the same moment.
    """
    copied = []
    for source in sorted(path for path in (root / "exercises").rglob("*") if path.is_file()):
        if ".ipynb_checkpoints" in source.parts:
            continue
        target = root / "work" / source.relative_to(root / "exercises")
        if not os.path.lexists(target) and _copy_if_absent(source, target):
            copied.append(target)
    return copied


def _copy_if_absent(source: Path, target: Path) -> bool:
    temporary = copy_beside(source, target)
    try:
        os.link(temporary, target)  # unlike a rename, a link never replaces what is there
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        os.rename(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def copy_beside(source: Path, target: Path) -> Path:
    """Copy `source` under a temporary name into `target`'s folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, suffix=".tmp")
    with os.fdopen(descriptor, "wb") as file, source.open("rb") as original:
        shutil.copyfileobj(original, file)
    os.chmod(name, 0o644)
    return Path(name)
