"""nbgrader's part: gradebook, feedback and its own folders, one submission at a time."""

import copy
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearHiddenTests,
    GetGrades,
    LimitOutput,
    NbGraderPreprocessor,
    SaveAutoGrades,
)
from sqlalchemy.engine import make_url

from segutils.errors import CourseError
from segutils.grading.course import COURSE_ID, exercise_names, nbgrader_config, register_exercise
from segutils.submission import MESSAGES, entry, is_locked


class Book:
    """The gradebook of a course for one exercise, and nbgrader's folders beside it.

    Raises CourseError when the exercise is unknown, its release is older than its source, or the gradebook holds
    grades for other cells than the exercise now has.
    """

    def __init__(self, root: Path, exercise: str, db_url: str | None = None) -> None:
        if exercise not in (known := exercise_names(root)):
            raise CourseError(f"no exercise is called {exercise!r}; there are: {', '.join(known)}")
        self.exercise = exercise
        self.config = nbgrader_config(root)
        self.db_url = self.config.CourseDirectory.db_url = db_url or self.config.CourseDirectory.db_url
        self.config.CourseDirectory.assignment_id = exercise
        self.grading = root / "grading"
        self.release = _read_release(root / "exercises" / exercise / f"{exercise}.ipynb")
        _create_gradebook(self.db_url)
        register_exercise(root, exercise, self.db_url)
        self.sources = self._sources()
        if set(self.sources) != {entry(cell)["grade_id"] for cell in self.release.cells if entry(cell)}:
            raise CourseError(f"exercises/{exercise} is older than solutions/{exercise}: run `make exercises` first")

    def _open(self) -> Gradebook:
        return Gradebook(self.db_url, COURSE_ID)

    def _sources(self) -> dict[str, str]:
        with self._open() as gradebook:
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

    def grade(self, student: str, prepared: NotebookNode, executed: NotebookNode) -> None:
        """Enter an executed submission into the gradebook and write its feedback; a person's grades stay.

        Raises NbGraderException where nbgrader gives up; its log says why.
        """
        path = self.folder("prepared", student) / f"{self.exercise}.ipynb"
        write_atomically(path, nbformat.writes(prepared))
        config = copy.deepcopy(self.config)
        config.CourseDirectory.submitted_directory = os.path.join("grading", "prepared")
        _OneAutograde(student, path, executed, config).start()
        graded = self.folder("autograded", student) / f"{self.exercise}.ipynb"
        _OneFeedback(student, graded, self.config).start()

    def keep(self, student: str, notebook: Path) -> None:
        """Keep the notebook as it was handed in under grading/submitted/, where formgrader counts submissions."""
        target = self.folder("submitted", student) / f"{self.exercise}.ipynb"
        if not target.exists() or not target.samefile(notebook):
            write_atomically(target, notebook.read_bytes())

    def withdraw(self, student: str) -> None:
        """Take back what an earlier notebook of this student was given by the grader; a person's grades stay."""
        shutil.rmtree(self.folder("feedback", student), ignore_errors=True)
        with self._open() as gradebook:
            try:
                notebook = gradebook.find_submission_notebook(self.exercise, self.exercise, student)
            except MissingEntry:
                return
            for grade in notebook.grades:
                grade.auto_score, grade.needs_manual_grade = None, True
            gradebook.db.commit()

    def grades(self, student: str) -> dict[str, tuple[float, bool]]:
        """Per graded cell the score that counts, and whether it still waits for a person."""
        with self._open() as gradebook:
            notebook = gradebook.find_submission_notebook(self.exercise, self.exercise, student)
            return {g.name: (g.score, g.auto_score is None and g.manual_score is None) for g in notebook.grades}


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file under a temporary name, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace"))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _read_release(path: Path) -> NotebookNode:
    if not path.exists():
        raise CourseError(f"{path} does not exist: run `make exercises` first")
    return nbformat.read(path, as_version=4)


def _create_gradebook(db_url: str) -> None:
    """Make a new SQLite gradebook under a temporary name, so that an interruption never leaves half a schema."""
    try:
        url = make_url(db_url)
        if url.get_backend_name() != "sqlite":
            Gradebook(db_url, COURSE_ID).close()
            return
        path = Path(url.database or "")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
            Gradebook(f"sqlite:///{temporary}", COURSE_ID).close()
            os.replace(temporary, path)
    except Exception as error:  # whatever a driver raises: the address is the person's to mend
        raise CourseError(f"the gradebook {db_url} cannot be opened ({type(error).__name__}: {error})") from error


class _OneSubmission:
    """nbgrader finds submissions by file patterns, which some students' names are; this one is given directly."""

    def __init__(self, student: str, path: Path, config: Any) -> None:
        super().__init__(coursedir=CourseDirectory(config=config), config=config)
        self.student, self.path, self.force = student, path, True

    def init_notebooks(self) -> None:
        self.assignments = {str(self.path.parent): [str(self.path)]}
        self.notebooks = []


class _OneAutograde(_OneSubmission, Autograde):
    def __init__(self, student: str, path: Path, executed: NotebookNode, config: Any) -> None:
        super().__init__(student, path, config)
        take = TakeExecuted(executed)
        self.autograde_preprocessors = [take, LimitOutput, SaveAutoGrades, AssignLatePenalties, CheckCellMetadata]


class _OneFeedback(_OneSubmission, GenerateFeedback):
    def __init__(self, student: str, path: Path, config: Any) -> None:
        super().__init__(student, path, config)
        self.preprocessors = [GetGrades, ClearHiddenTests, HideTestFrames, CSSHTMLHeaderPreprocessor]


class TakeExecuted(NbGraderPreprocessor):
    """Stands where nbgrader would execute the notebook: takes over the outputs of the run that was made already."""

    def __init__(self, executed: NotebookNode, **settings: Any) -> None:
        super().__init__(**settings)
        self.executed = executed

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        if [cell.source for cell in nb.cells] != [cell.source for cell in self.executed.cells]:
            raise NbGraderException("the executed notebook is not the one that nbgrader prepared")
        for cell, executed in zip(nb.cells, self.executed.cells, strict=True):
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = executed.outputs, executed.execution_count
        return nb, resources


class HideTestFrames(NbGraderPreprocessor):
    """Leave out of the feedback those frames of a test's traceback that show the test, its files or hidden cases."""

    def preprocess_cell(self, cell: NotebookNode, resources: dict, cell_index: int) -> tuple[NotebookNode, dict]:
        for output in cell.get("outputs", []):
            if entry(cell).get("grade") and output.output_type == "error":
                known = output.ename in MESSAGES
                output.traceback = [output.evalue if known else f"{output.ename}: {output.evalue}"]
        return cell, resources
