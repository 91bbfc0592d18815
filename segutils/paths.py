"""Where the course keeps its files."""

import os
from pathlib import Path

COURSE_ROOT = Path(__file__).resolve().parent.parent


def data_folder() -> Path:
    """The folder for generated and downloaded data: `SEGUTILS_DATA`, or `data/` beside the package."""
    return Path(os.environ.get("SEGUTILS_DATA") or COURSE_ROOT / "data")


def checkpoint_path(name: str) -> Path:
    """The file of a shipped checkpoint, e.g. `checkpoint_path("toyscapes_deeplabv3plus")`."""
    return COURSE_ROOT / "data" / "checkpoints" / f"{name}.safetensors"
