"""A class of 300, and a grader that is killed again and again: every row is there once, and every point is exact."""

import ctypes
import dataclasses
import random
import signal
import subprocess
import sys
import time

import nbformat
import psutil
import pytest
from checks.trying import graded_cells

from grading import tiny_course
from grading.test_trials import answer
from segutils.grading.autograde import Book
from segutils.paths import COURSE_ROOT

NAME = "ex04_aspp"
STUDENTS = 300
PR_SET_CHILD_SUBREAPER = 36
BROKEN = {"empty": "", "cut off": "{", "a list": "[]", "no cells": '{"nbformat": 4, "nbformat_minor": 5, "cells": []}'}


def class_of_300(course):
    """Hand in 300 notebooks; what each is to get, by student: None, or the points per task."""
    cells = [cell for cell in graded_cells() if cell.notebook == NAME]
    stubs = {tiny_course.grade_id(cell): cell.source for cell in course.released().cells}
    expected = {}
    for number in range(STUDENTS):
        student = f"student-{number:03}"
        if number % 15 == 14:
            course.submit(student, list(BROKEN.values())[number // 15 % len(BROKEN)])
            expected[student] = None
            continue
        right = {cell: (number // 2**position) % 2 == 0 for position, cell in enumerate(cells)}
        answers = {
            f"{cell.grade_id}_answer": answer(
                cell, stubs[f"{cell.grade_id}_answer"], "RIGHT" if ok else "WRONG", number
            )
            for cell, ok in right.items()
        }
        notebook = course.solved(**answers)
        if number % 10 == 3:
            for cell in notebook.cells:  # as Colab saves it
                cell.metadata = nbformat.NotebookNode()
        course.submit(student, notebook, nested=number % 2 == 1)
        points = {"effective_kernel_size": 2, "aspp_forward": 4, "reorder_project": 0}
        expected[student] = {cell.grade_id: points[cell.grade_id] * ok for cell, ok in right.items()}
    return expected


@pytest.mark.long
def test_a_class_of_300_is_graded_to_the_point_on_one_worker_and_on_two(tmp_path):
    tables = []
    for workers in (2, 1):
        course = tiny_course.Course(tmp_path / f"course{workers}", COURSE_ROOT / "solutions" / NAME / f"{NAME}.ipynb")
        expected = class_of_300(course)
        (course.root / "grading").mkdir()
        (course.root / "grading" / "secret").write_text("the same seeds in both runs")
        tables.append(course.grade(seconds=30, workers=workers))
    assert tables[0] == tables[1]
    assert list(tables[0]) == list(expected) and len(expected) == STUDENTS
    for student, row in tables[0].items():
        points = expected[student]
        assert row["status"] == ("graded" if points else "needs_attention"), row
        got = {name: row[name] for name in ("effective_kernel_size", "aspp_forward", "reorder_project")}
        assert got == ({name: f"{value:g}" for name, value in points.items()} if points else dict.fromkeys(got, "")), (
            row
        )
        assert row["score"] == (f"{sum(points.values()):g}" if points else ""), row


def gradebook(course):
    """All that the gradebook holds of the class's submissions, but for when they came."""
    book = Book(course.root, course.exercise)
    entries = book.database.transaction(lambda opened: read(opened, course.exercise))
    return sorted(str(dataclasses.replace(entry, grade_id=None, due="")) for each in entries.values() for entry in each)


def read(opened, exercise):
    from segutils.grading.records import read_entries

    return read_entries(opened, exercise)


def small_class(folder):
    course = tiny_course.Course(folder, COURSE_ROOT / "solutions" / NAME / f"{NAME}.ipynb")
    for number in range(8):
        wrong = {"aspp_forward_answer": "class ASPP:\n    pass"} if number % 3 == 0 else {}
        course.submit(f"student-{number}", course.solved(**wrong))
    course.submit("nobody", "")
    (course.root / "grading").mkdir()
    (course.root / "grading" / "secret").write_text("the same seeds in both runs")
    return course


@pytest.mark.slow
def test_a_grader_that_is_killed_at_any_moment_loses_and_doubles_nothing(tmp_path):
    """Nor does it leave anything behind that runs: kernels, sandboxes and workers end with it."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # what loses its parent becomes this process's child
    undisturbed, killed = small_class(tmp_path / "undisturbed"), small_class(tmp_path / "killed")
    expected = undisturbed.grade()
    command = [sys.executable, "-m", "segutils", "grade", killed.exercise, "--submissions", str(killed.hand_in)]
    draw = random.Random(0)
    for _ in range(20):
        before = psutil.Process().children(recursive=True)
        grader = subprocess.Popen(
            [*command, "--course", str(killed.root), "--workers", "2"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(draw.uniform(0.5, 15))  # any moment will do: what must hold does not depend on it
        grader.send_signal(signal.SIGKILL)
        grader.wait()
        _, left = psutil.wait_procs(set(psutil.Process().children(recursive=True)) - set(before), timeout=60)
        assert not [process.cmdline() for process in left]
    assert killed.grade() == expected
    assert gradebook(killed) == gradebook(undisturbed)
    for course in (undisturbed, killed):
        assert len(course.rows()) == 9 and course.grade() == expected
    assert not list((killed.root / "grading").rglob("*.tmp"))
