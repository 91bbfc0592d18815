"""Every trial solution of an exercise goes the whole way: handed in, graded by nbgrader, a row in the table."""

import pytest
from checks.trying import Cell, graded_cells

from grading import tiny_course
from segutils.paths import COURSE_ROOT

ANSWER = """{stub}

{trials}

solution = {which}[{name!r}]
solution = solution[0] if isinstance(solution, tuple) else solution
given = isinstance({object}, type) and not isinstance(solution, type)
{object} = type("{object}", ({object},), {{"{method}": solution}}) if given else solution
"""


def answer(cell: Cell, stub: str, which: str, number: int) -> str:
    """What a student's cell holds who wrote the trial of this number (they begin again at the end of the list)."""
    names = list(cell.trials(which))
    method = cell.method if isinstance(cell.given, type) else ""
    return ANSWER.format(
        stub=stub,
        trials=cell.trial_file.read_text(encoding="utf-8"),
        which=which,
        name=names[number % len(names)],
        object=cell.object_name,
        method=method,
    )


def hand_in(course, cells: list[Cell], which: str) -> int:
    """Hand in as many notebooks as it takes to try every trial; return their number."""
    stubs = {tiny_course.grade_id(cell): cell.source for cell in course.released().cells}
    count = max(len(cell.trials(which)) for cell in cells)
    for number in range(count):
        names = {cell: f"{cell.grade_id}_answer" for cell in cells}
        answers = {name: answer(cell, stubs[name], which, number) for cell, name in names.items()}
        course.submit(f"{which.lower()}-{number:03}", course.solved(**answers))
    return count


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ex06_metrics"])  # ex04_aspp: test_many
def test_every_trial_gets_what_it_deserves(name, tmp_path):
    course = tiny_course.Course(tmp_path / "course", COURSE_ROOT / "solutions" / name / f"{name}.ipynb")
    cells = [cell for cell in graded_cells() if cell.notebook == name]
    wrong, right = hand_in(course, cells, "WRONG"), hand_in(course, cells, "RIGHT")
    rows = course.grade(seconds=60)
    assert len(rows) == wrong + right
    for student, row in rows.items():
        assert row["status"] == "graded"
        if student.startswith("wrong"):
            assert row["score"] == "0", row
            assert all(f"{cell.grade_id}: " in row["message"] for cell in cells), row
        else:
            assert row["score"] == row["max_score"] and not row["message"], row
