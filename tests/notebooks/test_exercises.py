"""exercises/ is what solutions/ generates, gives nothing away, and tells a student what to do."""

import ast
import re
import shutil
from pathlib import Path

import nbformat
import pytest

from segutils.errors import CourseError
from segutils.grading import course

ROOT = Path(__file__).resolve().parents[2]
NAMES = course.exercise_names(ROOT)


def read(folder: str, name: str, root: Path = ROOT) -> nbformat.NotebookNode:
    return nbformat.read(root / folder / name / f"{name}.ipynb", as_version=4)


def code_of(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def entry(cell: nbformat.NotebookNode) -> dict:
    return cell.metadata.get("nbgrader", {})


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def regions(source: str, kind: str) -> list[str]:
    """The lines between BEGIN kind and END kind."""
    found = re.findall(rf"### BEGIN {kind}\n(.*?)\s*### END {kind}", source, flags=re.DOTALL)
    return [line.strip() for region in found for line in region.splitlines() if line.strip()]


@pytest.fixture
def course_copy(tmp_path):
    shutil.copytree(ROOT / "solutions", tmp_path / "solutions", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    return tmp_path


def test_exercises_are_what_solutions_generate(course_copy):
    assert course.release_exercises(course_copy) == NAMES
    assert files(course_copy / "exercises") == files(ROOT / "exercises"), "run `make exercises`"
    assert sorted(path.name for path in course_copy.iterdir()) == ["exercises", "solutions"]


def test_a_release_gives_the_same_bytes_again_and_removes_what_is_stale(course_copy):
    stale = course_copy / "exercises" / "ex99_old" / "ex99_old.ipynb"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    course.release_exercises(course_copy)
    first = files(course_copy / "exercises")
    course.release_exercises(course_copy)
    assert files(course_copy / "exercises") == first
    assert not stale.parent.exists()


def test_a_faulty_solution_leaves_exercises_as_they_were(course_copy):
    course.release_exercises(course_copy)
    before = files(course_copy / "exercises")
    path = course_copy / "solutions" / NAMES[-1] / f"{NAMES[-1]}.ipynb"
    path.write_text(path.read_text().replace("### END SOLUTION", "### the end"))
    with pytest.raises(CourseError, match=f"{NAMES[-1]}.*no end solution"):
        course.release_exercises(course_copy)
    assert files(course_copy / "exercises") == before
    assert sorted(path.name for path in course_copy.iterdir()) == ["exercises", "solutions"]


def test_nothing_to_release_is_told(tmp_path):
    with pytest.raises(CourseError, match="no exercise found"):
        course.release_exercises(tmp_path)
    with pytest.raises(CourseError, match="no exercise called 'ex00'"):
        course.register_exercise(ROOT, "ex00")


@pytest.mark.parametrize("name", NAMES)
def test_a_release_gives_nothing_away(name):
    released = "\n".join(cell.source for cell in code_of(read("exercises", name)))
    solution = [cell.source for cell in code_of(read("solutions", name))]
    secret = [line for source in solution for line in [*regions(source, "SOLUTION"), *regions(source, "HIDDEN TESTS")]]
    assert len(secret) >= 4
    assert [line for line in secret if line in released] == []
    assert not re.search("HIDDEN|BEGIN |END |SOLUTION|seeds=", released)


@pytest.mark.parametrize("name", NAMES)
def test_no_hint_and_no_message_shows_a_line_of_the_reference(name):
    """Neither a statement or hint of the exercise has one, nor a text in a judge."""
    lines = [line for cell in code_of(read("solutions", name)) for line in regions(cell.source, "SOLUTION")]
    telling = [_normal(line.partition("#")[0]) for line in lines]
    judges = sorted((ROOT / "segutils" / "checks" / "judges").rglob("*.py"))
    spoken = [text for path in judges for text in _strings(path.read_text(encoding="utf-8"))]
    received = _normal("\n".join([*(cell.source for cell in read("exercises", name).cells), *spoken]))
    assert [line for line in telling if len(line) > 20 and line in received] == []


def _normal(text: str) -> str:
    return re.sub(r"\s+", "", text).replace('"', "'")


def _strings(source: str) -> list[str]:
    """The texts in a module, messages among them, without its code."""
    constants = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return [value for value in constants if isinstance(value, str)]


@pytest.mark.parametrize("name", NAMES)
def test_a_release_has_no_outputs(name):
    for cell in code_of(read("exercises", name)):
        assert cell.outputs == []
        assert cell.execution_count is None


@pytest.mark.parametrize("name", NAMES)
def test_tasks_have_a_stub_and_a_test_of_one_line_below_it(name):
    released, solved = code_of(read("exercises", name)), code_of(read("solutions", name))
    tests = [index for index, cell in enumerate(released) if entry(cell).get("grade")]
    assert tests
    for index in tests:
        grade_id = entry(released[index])["grade_id"]
        stub, test = released[index - 1], released[index]
        assert entry(stub) == {**entry(stub), "solution": True, "grade": False, "grade_id": f"{grade_id}_answer"}
        assert stub.source.rstrip().endswith(course.STUB)
        assert re.fullmatch(rf"checks\.{name.split('_')[0]}\.{grade_id}\(\w+\)", test.source.strip())
        assert entry(test)["locked"]
        assert regions(solved[index].source, "HIDDEN TESTS"), "no hidden cases"


@pytest.mark.parametrize("name", NAMES)
def test_a_stub_has_at_most_three_lines(name):
    for cell in code_of(read("exercises", name)):
        if entry(cell).get("solution"):
            functions = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.FunctionDef)]
            (stub,) = [node for node in functions if isinstance(node.body[-1], ast.Raise)]
            assert stub.end_lineno - stub.lineno < 3, stub.name


@pytest.mark.parametrize("name", NAMES)
def test_points_on_the_card_are_those_of_the_cells(name):
    notebook = read("exercises", name)
    points = [int(entry(cell)["points"]) for cell in notebook.cells if entry(cell).get("grade")]
    card = notebook.cells[0].source
    rows = [row.split("|") for row in card.splitlines() if re.match(r"\| (\d|Challenge)\. ", row)]
    assert [int(row[3]) for row in rows] == points
    minutes = sum(int(row[4]) for row in rows if int(row[3]))
    assert f"{sum(points)} points, about {minutes} minutes without the challenge" in card


@pytest.mark.parametrize("name", NAMES)
def test_challenges_come_last_and_give_no_points(name):
    notebook = read("exercises", name)
    points = [int(entry(cell)["points"]) for cell in notebook.cells if entry(cell).get("grade")]
    tasks = sum(map(bool, points))
    assert min(points[:tasks]) > 0 and points[tasks:] == [0] * (len(points) - tasks)
    rows = [line.split(".")[0] for line in notebook.cells[0].source.splitlines() if re.match(r"\| \w+\. ", line)]
    titles = [cell.source.splitlines()[0] for cell in notebook.cells if cell.cell_type == "markdown"]
    titles = [title.split(".")[0] for title in titles if re.match(r"## (Task|Challenge)", title)]
    challenges = len(points) - tasks
    assert challenges >= 1
    assert rows == [*(f"| {number}" for number in range(1, tasks + 1)), *["| Challenge"] * challenges]
    assert titles == [*(f"## Task {number}" for number in range(1, tasks + 1)), *["## Challenge"] * challenges]


@pytest.mark.parametrize("name", NAMES)
def test_every_task_has_three_hints_and_a_question(name):
    notebook = read("exercises", name)
    tasks = sum(bool(entry(cell).get("grade")) for cell in notebook.cells)  # the challenge is one of them
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert [prose.count(f"<summary>Hint {number}</summary>") for number in (1, 2, 3, 4)] == [tasks, tasks, tasks, 0]
    assert prose.count("**Check yourself.**") >= tasks
    assert prose.count("<details>") == prose.count("</details>") == prose.count("<summary>")


@pytest.mark.parametrize("name", NAMES)
def test_the_untouched_exercise_is_told_what_to_do_in_every_task(name):
    namespace: dict[str, object] = {"__name__": name}
    for cell in code_of(read("exercises", name)):
        if not entry(cell).get("grade"):
            if "NotImplementedError" in cell.source or "import" in cell.source or entry(cell).get("locked"):
                exec(cell.source, namespace)
            continue
        with pytest.raises(AssertionError, match="not written yet"):
            exec(cell.source, namespace)


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_passes_its_hidden_cases(name, capsys):
    namespace: dict[str, object] = {"__name__": name}
    for cell in code_of(read("solutions", name)):
        exec(cell.source, namespace)
    tasks = sum(bool(entry(cell).get("grade")) for cell in code_of(read("solutions", name)))
    assert capsys.readouterr().out.count(": passed. ") == 2 * tasks
