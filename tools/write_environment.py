"""Write environment.yml for conda and mamba users from requirements.lock, so that both hold the same versions."""

import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = """\
# Made by `make lock` from requirements.lock: the same course for conda and mamba users.
#   conda env create --file environment.yml && conda activate segmentation-course && jupyter lab lectures
name: segmentation-course
channels:
  - conda-forge
dependencies:
  - python=3.12
  - pip
  - git
  - make
  - pip:
      - -e .[lab,grading,dev]
"""


def locked_requirements(lock: str) -> list[str]:
    """The lines `name==version ; marker` of a lock, without their hashes."""
    return [match.strip() for match in re.findall(r"^([A-Za-z0-9].*?)\s*\\$", lock, flags=re.MULTILINE)]


def environment(lock: str) -> str:
    """The text of environment.yml that belongs to this lock."""
    lines = [f'      - "{requirement}"' for requirement in locked_requirements(lock)]
    return HEADER + "\n".join(lines) + "\n"


if __name__ == "__main__":
    temporary = ROOT / "environment.yml.tmp"
    temporary.write_text(environment((ROOT / "requirements.lock").read_text()))
    os.replace(temporary, ROOT / "environment.yml")
