"""The README says what is there: every lecture with its question and minutes, every exercise with its points."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
LECTURES = sorted((ROOT / "lectures").glob("[0-9]*.ipynb"))
EXERCISES = sorted((ROOT / "exercises").glob("*/*.ipynb"))


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_every_lecture_is_listed_with_its_question_and_minutes(path):
    introduction = nbformat.read(path, as_version=4).cells[0].source
    question = re.search(r"\*\*([^*]+\?)\*\*", introduction).group(1)
    minutes = re.search(r"Minutes\D*(\d+)", introduction).group(1)
    number, title = re.match(r"# (\d) · (.*)", introduction).groups()
    assert f"| [0{number} {title}](lectures/{path.name}) | {question} | {minutes} |" in README


def card(path: Path) -> tuple[str, str, str]:
    """An exercise's title, points and minutes, as its card has them."""
    text = nbformat.read(path, as_version=4).cells[0].source
    return re.search(r"# Exercise \d\d: (.*)\n(?s:.*) (\d+) points, about (\d+) minutes", text).groups()


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_every_exercise_is_listed_with_its_points_and_minutes(path):
    _, points, minutes = card(path)
    row = next(line for line in README.splitlines() if line.startswith(f"| [{path.stem}](exercises/"))
    assert [cell.strip() for cell in row.split("|")[4:6]] == [points, minutes]


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_every_lecture_ends_in_its_exercise(path):
    exercise = next(other for other in EXERCISES if other.stem[2:4] == path.stem[:2])
    title, points, minutes = card(exercise)
    link = f"[Exercise {path.stem[:2]}: {title}](../work/{exercise.stem}/{exercise.name})"
    last = nbformat.read(path, as_version=4).cells[-1].source
    assert f"## Exercise\n\n{link} · {points} points, about {minutes} minutes. " in last


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/instructors.md", "data/README.md"])
def test_every_link_and_every_make_command_exists(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target:
            assert ((ROOT / page).parent / target.split("#")[0]).exists(), target
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:^    |`)make ([a-z-]+)", text, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
