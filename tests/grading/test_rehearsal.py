"""The real exercises from release to returned feedback, on a copy of solutions/ in a temporary course."""

import re

import pytest

from grading import tiny_course
from segutils.__main__ import main
from segutils.paths import COURSE_ROOT

# one usual error: the cell, what is replaced in it, by what, the task that it costs, and what the message says of it
USUAL_ERRORS = {
    "ex04_aspp": ("aspp_forward_answer", "[*seen, pooled]", "[pooled, *seen]", "aspp_forward", "concatenated first"),
    "ex06_metrics": ("dice_per_class_answer", "2 * matrix", "matrix", "dice_per_class", "Likely cause"),
}
POINTS = {
    "ex04_aspp": {"effective_kernel_size": 2, "aspp_forward": 4, "reorder_project": 0},
    "ex06_metrics": {
        "binary_iou": 2,
        "confusion_matrix": 3,
        "iou_per_class": 2,
        "mean_iou": 1,
        "dice_per_class": 2,
        "soft_dice_loss": 4,
        "boundary_iou": 0,
        "stream_mean_iou": 0,
    },
}


@pytest.fixture(scope="module", params=USUAL_ERRORS)
def course(request, tmp_path_factory):
    source = COURSE_ROOT / "solutions" / request.param / f"{request.param}.ipynb"
    if not source.exists():
        pytest.skip(f"solutions/{request.param} is kept back from students")
    return tiny_course.Course(tmp_path_factory.mktemp("real") / "course", source)


@pytest.fixture(scope="module")
def rows(course):
    name, right, wrong, _, _ = USUAL_ERRORS[course.exercise]
    solved = course.solved()
    answer = next(cell.source for cell in solved.cells if tiny_course.grade_id(cell) == name)
    assert right in answer
    course.submit("reference", solved)
    course.submit("untouched", course.released(), nested=True)
    course.submit("one-wrong", course.solved(**{name: answer.replace(right, wrong)}))
    course.submit("truncated", tiny_course.nbformat.writes(solved)[:2000])
    (course.hand_in / "nothing").mkdir()
    return course.grade(seconds=120, workers=2)


def row(course, student, status, scores, message):
    points = POINTS[course.exercise]
    cells = {name: f"{value:g}" if scores else "" for name, value in (scores or points).items()}
    score = f"{sum(scores.values()):g}" if scores else ""
    start = {"student": student, "assignment": course.exercise, "status": status, "score": score}
    return {**start, "max_score": f"{sum(points.values()):g}", **cells, "message": message}


def test_table_to_the_row(course, rows):
    points = POINTS[course.exercise]
    _, _, _, task, cause = USUAL_ERRORS[course.exercise]
    wrong, cut = rows["one-wrong"]["message"], rows["truncated"]["message"]
    assert rows == {
        "nothing": row(course, "nothing", "needs_attention", None, rows["nothing"]["message"]),
        "one-wrong": row(course, "one-wrong", "graded", {**points, task: 0}, wrong),
        "reference": row(course, "reference", "graded", points, ""),
        "truncated": row(course, "truncated", "needs_attention", None, cut),
        "untouched": row(
            course,
            "untouched",
            "graded",
            dict.fromkeys(points, 0),
            "; ".join(f"{name}: not written yet" for name in points if points[name]),  # nobody needs a challenge
        ),
    }
    assert list(rows) == sorted(rows)
    assert wrong.startswith(f"{task}: ") and cause in wrong
    assert "was cut off" in cut
    assert rows["nothing"]["message"] == f"no {course.exercise}.ipynb: the folder is empty; ask for the notebook"


def test_feedback_is_written_for_who_was_graded(course, rows):
    for student, result in rows.items():
        assert course.feedback(student).exists() == (result["status"] == "graded")
    page = course.feedback("one-wrong").read_text(encoding="utf-8")
    assert USUAL_ERRORS[course.exercise][4] in page
    assert "HIDDEN TESTS" not in page and "seeds=" not in page


@pytest.mark.parametrize("course", ["ex04_aspp"], indirect=True)
def test_the_students_check_says_the_same(course, rows, capsys):
    arguments = ["--course", str(course.root)]
    path = course.hand_in / "one-wrong" / f"{course.exercise}.ipynb"
    assert main(["check", str(path), *arguments]) == 1
    out = capsys.readouterr().out
    points, task = POINTS[course.exercise], USUAL_ERRORS[course.exercise][3]
    total = sum(points.values())
    assert out.count(" passed ") == len(points) - 1 and f"0 of {points[task]} points" in out
    assert re.search(r"reorder_project +passed +challenge", out)
    assert f"{total - points[task]} of {total} points within reach" in out


def test_a_challenge_is_told_but_gives_no_points(course, rows):
    challenges = [name for name, points in POINTS[course.exercise].items() if not points]
    lines = {line.split()[1]: line for line in course.printed.getvalue().splitlines() if re.match(r" *\d+/\d", line)}
    assert "solved the challenge" in lines["reference"]  # which one: as far as the terminal is wide
    assert "challenge" not in lines["untouched"]
    for name in challenges:  # three were graded: it was solved by two of them
        assert re.search(rf"^{name} +- +2 +0 +0 +1$", course.printed.getvalue(), flags=re.MULTILINE)


@pytest.mark.parametrize("course", ["ex04_aspp"], indirect=True)
def test_a_challenge_that_was_not_solved_fails_nobody(course, rows, tmp_path, capsys):
    answer = "reorder_project_answer"
    stub = next(cell.source for cell in course.released().cells if tiny_course.grade_id(cell) == answer)
    path = tmp_path / f"{course.exercise}.ipynb"
    path.write_text(tiny_course.nbformat.writes(course.solved(**{answer: stub})))
    assert main(["check", str(path), "--course", str(course.root)]) == 0
    assert re.search(r"reorder_project +not written yet +challenge", capsys.readouterr().out)
