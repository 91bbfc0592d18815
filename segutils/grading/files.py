"""Write files so that nobody ever meets half of one."""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segutils.errors import CourseError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MAKE_ROOM = "what was graded is kept: make room and start the same command again"


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file under a temporary name, then rename it. Raises CourseError where the disk is full."""
    with staged(path, content):
        pass


@contextmanager
def staged(path: Path, content: str | bytes) -> Iterator[None]:
    """Write a file under a temporary name, and rename it when what is done meanwhile has gone well."""
    temporary = path.with_name(f"{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace"))
        yield
        os.replace(temporary, path)
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise CourseError(f"the disk is full: {path} could not be written; {MAKE_ROOM}") from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what a run left that was killed while it wrote into this folder."""
    for path in folder.glob("*.tmp"):
        path.unlink()
