"""nbgrader's part: a submission's way into the gradebook, its feedback, and the record that both are done."""

import copy
import logging
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode
from nbgrader.api import MissingEntry
from nbgrader.preprocessors import (
    AssignLatePenalties,
    LimitOutput,
    NbGraderPreprocessor,
    OverwriteCells,
    SaveAutoGrades,
)

from segutils.errors import CourseError
from segutils.grading.course import exercise_names, nbgrader_config, register_exercise
from segutils.grading.database import Database, OpenGradebook, database_error
from segutils.grading.feedback import FeedbackPages, Summary
from segutils.grading.files import remove_leftovers, staged, write_atomically
from segutils.grading.records import Entry, Record, Records, read_entries
from segutils.submission import entry, is_locked

LOG = logging.getLogger(__name__)


class Book:
    """The gradebook of a course for one exercise, and nbgrader's folders beside it.

    Where another program has locked the gradebook, `tell` gets a sentence, and after `patience` seconds it is an error.
    A submission is graded by grade, write_feedback and record, in this order; each may be done again at any time, and
    what an interrupted one left behind is then made good.

    Raises CourseError when the exercise is unknown, its release is older than its source, the gradebook holds grades
    for other cells than the exercise now has, and, in every method, when the gradebook or the disk refuses.
    """

    def __init__(
        self,
        root: Path,
        exercise: str,
        db_url: str | None = None,
        tell: Callable[[str], None] = LOG.warning,
        patience: float = 60,
    ) -> None:
        if exercise not in (known := exercise_names(root)):
            raise CourseError(f"no exercise is called {exercise!r}; there are: {', '.join(known)}")
        self.exercise = exercise
        self.config = nbgrader_config(root)
        self.grading = root / "grading"
        self.release = _read_release(root / "exercises" / exercise / f"{exercise}.ipynb")
        self.database = Database(db_url or self.config.CourseDirectory.db_url, tell, patience)
        self._register(root)
        self.sources = self.database.transaction(self._sources)
        if set(self.sources) != {entry(cell)["grade_id"] for cell in self.release.cells if entry(cell)}:
            raise CourseError(f"exercises/{exercise} is older than solutions/{exercise}: run `make exercises` first")
        self.records = Records(self.grading / "records" / exercise)
        self.pages = FeedbackPages(exercise, self.config)
        self._counted: dict[str, list[Entry]] = {}  # what `grades` read of a submission until its record is written

    def _register(self, root: Path) -> None:
        try:
            register_exercise(root, self.exercise, self.database.url_for_nbgrader())
        except CourseError as error:
            fault = database_error(error)
            raise self.database.explain(fault) if fault else error from error

    def _sources(self, gradebook: OpenGradebook) -> dict[str, str]:
        cells = gradebook.find_notebook(self.exercise, self.exercise).source_cells
        return {cell.name: cell.source for cell in cells}

    def with_hidden_tests(self, notebook: NotebookNode) -> NotebookNode:
        """Put into the locked cells what nbgrader puts there before it grades: the tests with their hidden part."""
        for cell in notebook.cells:
            if is_locked(cell):
                cell.source = self.sources[entry(cell)["grade_id"]]
        return notebook

    def folder(self, step: str, student: str) -> Path:
        """grading/STEP/STUDENT/EXERCISE."""
        return self.grading / step / student / self.exercise

    def _autograded(self, student: str) -> Path:
        return self.folder("autograded", student) / f"{self.exercise}.ipynb"

    def _feedback(self, student: str) -> Path:
        return self.folder("feedback", student) / f"{self.exercise}.html"

    def grade(self, student: str, prepared: NotebookNode, executed: NotebookNode) -> None:
        """Enter an executed submission into the gradebook, and keep the notebook for formgrader.

        A person's grades stay. Either the whole submission is entered or nothing of it.
        """

        def enter(gradebook: OpenGradebook) -> None:
            person = gradebook.update_or_create_student(student)
            if not (person.first_name or person.last_name):
                person.last_name = student  # formgrader lists names, not folders
            with gradebook.db.no_autoflush:  # nbgrader builds a new submission step by step
                gradebook.update_or_create_submission(self.exercise, student)
            graded = self._autograde(gradebook, student, prepared, executed)
            entered.enter_context(staged(self._autograded(student), nbformat.writes(graded)))

        self._counted.pop(student, None)
        remove_leftovers(self._autograded(student).parent)
        with ExitStack() as entered:  # renames the notebook after the transaction
            self.database.transaction(enter)

    def _autograde(
        self, gradebook: OpenGradebook, student: str, prepared: NotebookNode, executed: NotebookNode
    ) -> NotebookNode:
        """What `nbgrader autograde` does to a repaired notebook, by its own preprocessors; the run was made already."""
        steps = [OverwriteFromBook, TakeExecuted, LimitOutput, SaveGrades, PenalizeLate]
        names = {"student": student, "assignment": self.exercise, "notebook": self.exercise}
        resources = {"nbgrader": names, "gradebook": gradebook, "executed": executed}
        notebook = copy.deepcopy(prepared)
        for step in steps:
            notebook, resources = step(config=self.config)(notebook, resources)
        return notebook

    def write_feedback(self, student: str, summary: Summary) -> None:
        """Write grading/feedback/STUDENT/EXERCISE/EXERCISE.html from the notebook that was graded last."""
        notebook = nbformat.read(self._autograded(student), as_version=4)
        page = self.pages.render(notebook, student, summary, self._entries(student))
        _write(self._feedback(student), page)

    def record(self, student: str, fingerprint: str, row: dict) -> None:
        """Remember that this submission is graded and its feedback written, as its last step."""
        files = [self._autograded(student), self._feedback(student)]
        entries = self._counted.pop(student, None) or self._entries(student)  # what a person enters later is not in row
        self.records.write(student, Record(fingerprint, row), entries, files)

    def recorded(self) -> dict[str, Record]:
        """The records of this exercise by student, without those whose gradebook entries or files have changed since.

        Whoever finds a submission's fingerprint here needs neither run nor grade it.
        """
        entries = self.database.transaction(lambda gradebook: read_entries(gradebook, self.exercise))
        found = {
            student: self.records.read(student, theirs, [self._autograded(student), self._feedback(student)])
            for student, theirs in entries.items()
        }
        return {student: record for student, record in found.items() if record is not None}

    def keep(self, student: str, notebook: Path) -> None:
        """Keep the notebook as it was handed in under grading/submitted/, where formgrader counts submissions."""
        target = self.folder("submitted", student) / f"{self.exercise}.ipynb"
        if not target.exists() or not target.samefile(notebook):
            _write(target, notebook.read_bytes())

    def withdraw(self, student: str) -> None:
        """Take back what an earlier notebook of this student was given by the grader; a person's grades stay."""
        self.records.remove(student)
        shutil.rmtree(self.folder("feedback", student), ignore_errors=True)

        def take_back(gradebook: OpenGradebook) -> None:
            try:
                notebook = gradebook.find_submission_notebook(self.exercise, self.exercise, student)
            except MissingEntry:
                return
            for grade in notebook.grades:
                grade.auto_score, grade.needs_manual_grade = None, True
            gradebook.db.commit()

        self.database.transaction(take_back)

    def grades(self, student: str) -> dict[str, tuple[float, bool]]:
        """Per graded cell the score that counts, and whether it still waits for a person."""
        self._counted[student] = self._entries(student)
        graded = [entry for entry in self._counted[student] if entry.grade_id]
        return {entry.cell: (entry.score, entry.waits_for_a_person) for entry in graded}

    def _entries(self, student: str) -> list[Entry]:
        entries = self.database.transaction(lambda gradebook: read_entries(gradebook, self.exercise, student))
        return entries.get(student, [])


def _write(path: Path, content: str | bytes) -> None:
    remove_leftovers(path.parent)
    write_atomically(path, content)


def _read_release(path: Path) -> NotebookNode:
    if not path.exists():
        raise CourseError(f"{path} does not exist: run `make exercises` first")
    return nbformat.read(path, as_version=4)


class _InOpenBook(NbGraderPreprocessor):
    """nbgrader's preprocessors open the gradebook each for itself; these use the one that is open already."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        names, self.gradebook = resources["nbgrader"], resources["gradebook"]
        self.notebook_id, self.assignment_id, self.student_id = names["notebook"], names["assignment"], names["student"]
        return NbGraderPreprocessor.preprocess(self, nb, resources)


class OverwriteFromBook(_InOpenBook, OverwriteCells):
    """Give the exercise's cells the points, types and locked sources that the gradebook knows."""


class SaveGrades(_InOpenBook, SaveAutoGrades):
    """Enter each graded cell's score."""


class PenalizeLate(_InOpenBook, AssignLatePenalties):
    """Enter what a late submission costs, where the instructor's plugin says so."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        super().preprocess(nb, resources)
        submission = self.gradebook.find_submission(self.assignment_id, self.student_id)
        notebook = self.gradebook.find_submission_notebook(self.notebook_id, self.assignment_id, self.student_id)
        notebook.late_submission_penalty = None
        if submission.total_seconds_late > 0:
            self.init_plugin()
            late = self.plugin_inst.late_submission_penalty(
                self.student_id, notebook.score, submission.total_seconds_late
            )
            notebook.late_submission_penalty = None if late is None else self._check_late_penalty(notebook, late)
        self.gradebook.db.commit()
        return nb, resources


class TakeExecuted(NbGraderPreprocessor):
    """Stands where nbgrader would execute the notebook: takes over the outputs of the run that was made already."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        executed = resources["executed"]
        if [cell.source for cell in nb.cells] != [cell.source for cell in executed.cells]:
            raise RuntimeError("the executed notebook is not the one that nbgrader prepared")
        for cell, run in zip(nb.cells, executed.cells, strict=True):
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = copy.deepcopy(run.outputs), run.execution_count
        return nb, resources
