"""The course as nbgrader sees it: its configuration, and the exercises released from solutions/."""

import logging
import os
import sys
import tempfile
from pathlib import Path

from traitlets.config import Config

from segutils.errors import CourseError

COURSE_ID = "semantic-segmentation"
STUB = 'raise NotImplementedError("not written yet: replace this line with your code")'


def nbgrader_config(root: Path | str) -> Config:
    """nbgrader's configuration for the course in `root`; nbgrader_config.py hands it to every nbgrader command.

    Source notebooks lie in solutions/, released ones in exercises/, and all that grading writes under grading/.
    """
    root = Path(root).resolve()
    config = Config()
    directory = config.CourseDirectory
    directory.root = str(root)
    directory.course_id = COURSE_ID
    directory.source_directory = "solutions"
    directory.release_directory = "exercises"
    directory.submitted_directory = os.path.join("grading", "submitted")
    directory.autograded_directory = os.path.join("grading", "autograded")
    directory.feedback_directory = os.path.join("grading", "feedback")
    directory.db_url = f"sqlite:///{root / 'grading' / 'gradebook.db'}"
    config.ClearSolutions.code_stub = {"python": STUB}
    config.Execute.timeout = 120  # seconds for one cell; the first one imports torch
    _put_own_tools_on_path()
    return config


def release_exercises(root: Path | str) -> list[str]:
    """Write exercises/ anew from solutions/ and return the names of the released exercises.

    The same solutions give the same bytes, no gradebook is read or written, and every notebook is replaced by a rename,
    so that nobody ever meets half a file. A fault in any notebook leaves exercises/ as it was.

    Raises CourseError when there is nothing to release or nbgrader refuses a notebook.
    """
    root = Path(root).resolve()
    names = exercise_names(root)
    with tempfile.TemporaryDirectory(dir=root, prefix=".release-", suffix=".tmp") as staging:
        config = nbgrader_config(root)
        config.SaveCells.enabled = False
        config.GenerateAssignment.no_database = True
        _generate(config, names, Path(staging))
        _replace_folder(Path(staging), root / "exercises")
    return names


def register_exercise(root: Path | str, name: str, db_url: str | None = None) -> None:
    """Enter one exercise (its cells and points) into the gradebook, as nbgrader needs it before it can grade.

    exercises/ is left alone; without `db_url` the gradebook is grading/gradebook.db. Raises CourseError for a name
    that solutions/ does not know, and when nbgrader refuses the notebook.
    """
    root = Path(root).resolve()
    if name not in (known := exercise_names(root)):
        raise CourseError(f"no exercise called {name!r} in {root / 'solutions'}; there are: {', '.join(known)}")
    config = nbgrader_config(root)
    if db_url is not None:
        config.CourseDirectory.db_url = db_url
    (root / "grading").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="release-") as staging:
        _generate(config, [name], Path(staging))


def exercise_names(root: Path | str) -> list[str]:
    """The exercises of a course in order: every solutions/NAME/NAME.ipynb."""
    solutions = Path(root) / "solutions"
    names = sorted(path.parent.name for path in solutions.glob("*/*.ipynb") if path.stem == path.parent.name)
    if not names:
        raise CourseError(f"no exercise found: expected notebooks like {solutions / 'ex04_aspp' / 'ex04_aspp.ipynb'}")
    return names


def _generate(config: Config, names: list[str], release_directory: Path) -> None:
    """Run nbgrader's generate_assignment for each name into `release_directory`."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory

    config.CourseDirectory.release_directory = str(release_directory)
    for name in names:
        config.CourseDirectory.assignment_id = name
        converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
        converter.log = log = _CollectingLogger("nbgrader release")
        try:
            converter.start()
        except NbGraderException as error:
            raise CourseError(f"nbgrader refused solutions/{name}/{name}.ipynb: {log.first_error()}") from error


class _CollectingLogger(logging.Logger):
    """Keep nbgrader's log, whose errors are whole tracebacks, and tell the one line of it that matters."""

    def __init__(self, name: str) -> None:
        super().__init__(name, logging.ERROR)
        self.messages: list[str] = []

    def handle(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage().strip())

    def first_error(self) -> str:
        tracebacks = [message for message in self.messages if "Traceback" in message]
        return [*tracebacks, *self.messages, "it gave no reason"][0].splitlines()[-1]


def _replace_folder(new: Path, old: Path) -> None:
    """Make `old` hold exactly the files of `new`: rename each file into place, then delete what is left over."""
    wanted = {path.relative_to(new) for path in new.rglob("*") if path.is_file()}
    for relative in sorted(wanted):
        (old / relative).parent.mkdir(parents=True, exist_ok=True)
        os.replace(new / relative, old / relative)
    for stale in sorted(old.rglob("*"), reverse=True):
        if stale.is_dir() and not any(stale.iterdir()):
            stale.rmdir()
        elif stale.is_file() and stale.relative_to(old) not in wanted:
            stale.unlink()


def _put_own_tools_on_path() -> None:
    """nbgrader starts `alembic` by its bare name: let it find the one installed beside this interpreter."""
    own_tools = str(Path(sys.executable).parent)
    known = os.environ.get("PATH", "").split(os.pathsep)
    if own_tools not in known:
        os.environ["PATH"] = os.pathsep.join([own_tools, *known])


if __name__ == "__main__":
    print("exercises/ holds", ", ".join(release_exercises(Path(__file__).parents[2])))
