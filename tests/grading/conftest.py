"""The small course as fixtures."""

from pathlib import Path

import pytest
from grading.tiny_course import Course


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course(tmp_path / "course")


@pytest.fixture(scope="module")
def class_course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """One course for all tests of a module."""
    return Course(tmp_path_factory.mktemp("class") / "course")
