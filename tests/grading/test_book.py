"""The gradebook: what is entered, known again, kept from persons, and left by every kind of accident."""

import copy
import json
import os
import shutil
import sqlite3
import subprocess
from dataclasses import asdict
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from sqlalchemy import event
from sqlalchemy.engine import Engine

from grading.tiny_course import EXERCISE, Course
from segutils.errors import CourseError
from segutils.grading import files
from segutils.grading.autograde import Book
from segutils.grading.course import COURSE_ID
from segutils.grading.feedback import Summary, TaskResult
from segutils.grading.records import Record, read_entries
from segutils.submission import entry, repair, tasks

FINGERPRINT = "0123456789abcdef"
MESSAGE = "area: expected area(2, 3) == 6\n  Likely cause: a slip"


def handed_in(course, book, wrong=(), **solutions):
    """A submission as it was prepared, and as it came back from its run, where the tests of `wrong` failed."""
    notebook, _ = repair(course.solved(**solutions), book.release)
    prepared = book.with_hidden_tests(notebook)
    executed = copy.deepcopy(prepared)
    for number, cell in enumerate(cell for cell in executed.cells if cell.cell_type == "code"):
        cell.execution_count = number
        if entry(cell).get("grade") and entry(cell)["grade_id"].removesuffix("_test") in wrong:
            failed = {"ename": "AssertionError", "evalue": MESSAGE, "traceback": ["the test's source", "hidden"]}
            cell.outputs = [nbformat.v4.new_output("error", **failed)]
    return prepared, executed


def grade(course, book, student, wrong=(), fingerprint=FINGERPRINT, **solutions):
    """All steps of one submission."""
    book.grade(student, *handed_in(course, book, wrong, **solutions))
    scores = {name: score for name, (score, _) in book.grades(student).items()}
    lines = [TaskResult(task.name, scores[task.name], task.points, "") for task in tasks(book.release)]
    book.write_feedback(student, Summary(tuple(lines)))
    book.record(student, fingerprint, {"student": student, "scores": scores})


def by_hand(book, student, score=1.5, comment="Half of it is right: see me."):
    """As a person does in formgrader."""
    with Gradebook(book.database.url_for_nbgrader(), COURSE_ID) as gradebook:
        gradebook.find_grade("area_test", EXERCISE, EXERCISE, student).manual_score = score
        gradebook.find_comment("area", EXERCISE, EXERCISE, student).manual_comment = comment
        gradebook.db.commit()


def content(book):
    """Everything that grading leaves behind, without what differs between two runs: the ids of rows."""
    tables = ("student", "submitted_assignment", "submitted_notebook", "grade", "comment", "assignment", "base_cell")
    entries = book.database.transaction(lambda gradebook: read_entries(gradebook, EXERCISE))
    with sqlite3.connect(book.database.name) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        counts = {name: database.execute(f"select count(*) from {name}").fetchone() for name in tables}
    known = {name: sorted(json.dumps(asdict(one) | {"grade_id": None}) for one in own) for name, own in entries.items()}
    assert not list(book.records.folder.glob("*.tmp"))
    folders = [book.grading / name for name in ("autograded", "feedback")]
    written = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return known, counts, {str(path.relative_to(book.grading)): path.read_bytes() for path in written}


@pytest.fixture
def course(class_course: Course, tmp_path: Path) -> Course:
    """A copy of the module's course, which takes less time than to release one."""
    course = copy.copy(class_course)
    course.root = shutil.copytree(class_course.root, tmp_path / "course")
    return course


@pytest.fixture
def book(course: Course) -> Book:
    return Book(course.root, EXERCISE)


def test_a_submission_is_entered_and_known_again(course, book):
    grade(course, book, "ada", wrong=["area"])
    assert book.grades("ada") == {"double_test": (2, False), "area_test": (0, False), "total_test": (4.5, False)}
    row = {"student": "ada", "scores": {"double_test": 2, "area_test": 0, "total_test": 4.5}}
    assert Book(course.root, EXERCISE).recorded() == {"ada": Record(FINGERPRINT, row)}


def test_grading_again_replaces_and_doubles_nothing(course, book):
    grade(course, book, "ada", wrong=["area"])
    before = content(book)
    grade(course, book, "ada", wrong=["total"])
    assert content(book) != before
    grade(course, book, "ada", wrong=["area"])
    assert content(book) == before


def test_one_query_reads_all_records(course, book):
    statements = []
    event.listen(book.database.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    for number in range(5):
        grade(course, book, f"student {number}")
        statements.clear()
        assert len(book.recorded()) == number + 1
        assert [sql.split()[0] for sql in statements] == ["BEGIN", "SELECT"]


def change_the_database(sql):
    def change(book):
        with sqlite3.connect(book.database.name) as database:
            assert database.execute(sql).rowcount

    return change


def change_the_record(change_content):
    def change(book):
        (path,) = book.records.folder.glob("ada-*")
        path.write_bytes(change_content(path.read_bytes()))

    return change


def append(step, suffix):
    def change(book):
        path = book.folder(step, "ada") / f"{EXERCISE}.{suffix}"
        path.chmod(0o644)
        path.write_text(path.read_text() + " ")

    return change


def swap_records(book):
    """As a copying tool might."""
    (ada,), (ben,) = book.records.folder.glob("ada-*"), book.records.folder.glob("ben-*")
    shutil.copy(ben, ada)


def remove_ada(book):
    with Gradebook(book.database.url_for_nbgrader(), COURSE_ID) as gradebook:
        gradebook.remove_submission(EXERCISE, "ada")


OF_ADA = "where notebook_id in (select submitted_notebook.id from submitted_notebook join submitted_assignment "
OF_ADA += "on submitted_notebook.assignment_id = submitted_assignment.id where student_id = 'ada')"
CHANGES = {
    "a person's grade": lambda book: by_hand(book, "ada"),
    "a person's comment": lambda book: by_hand(book, "ada", None),
    "extra credit": change_the_database(f"update grade set extra_credit = 1 {OF_ADA}"),
    "another score": change_the_database(f"update grade set auto_score = auto_score + 1 {OF_ADA}"),
    "a request for a person": change_the_database(f"update grade set needs_manual_grade = 1 {OF_ADA}"),
    "a lost submission": remove_ada,
    "a late penalty": change_the_database(
        "update submitted_notebook set late_submission_penalty = 1 where assignment_id in "
        "(select id from submitted_assignment where student_id = 'ada')"
    ),
    "an extension": change_the_database(
        "update submitted_assignment set extension = '1970-01-02 00:00:00.000000' where student_id = 'ada'"
    ),
    "no feedback": lambda book: (book.folder("feedback", "ada") / f"{EXERCISE}.html").unlink(),
    "altered feedback": append("feedback", "html"),
    "no notebook": lambda book: shutil.rmtree(book.folder("autograded", "ada")),
    "an altered notebook": append("autograded", "ipynb"),
    "an empty record": change_the_record(lambda content: b""),
    "half a record": change_the_record(lambda content: content[: len(content) // 2]),
    "a list": change_the_record(lambda content: b"[]"),
    "a nest": change_the_record(lambda content: b"[" * 100_000),
    "a row that is none": change_the_record(lambda content: json.dumps(json.loads(content) | {"row": 3}).encode()),
    "another student's record": swap_records,
    "withdrawn": lambda book: book.withdraw("ada"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_record_is_dropped_when_something_else_has_changed(course, book, change):
    grade(course, book, "ada", wrong=["area"])
    grade(course, book, "ben")
    assert set(book.recorded()) == {"ada", "ben"}
    CHANGES[change](book)
    assert set(book.recorded()) == {"ben"}
    grade(course, book, "ada", wrong=["area"])
    assert set(book.recorded()) == {"ada", "ben"}


def test_records_do_not_outlive_their_gradebook(course, book, tmp_path):
    grade(course, book, "ada")
    path = Path(book.database.name)
    shutil.copy(path, tmp_path / "backup")
    grade(course, book, "ada", wrong=["area"], fingerprint="later")
    grade(course, book, "ben")
    path.unlink()
    assert Book(course.root, EXERCISE).recorded() == {}
    shutil.copy(tmp_path / "backup", path)
    assert Book(course.root, EXERCISE).recorded() == {}  # ada's files and record are of the later notebook


NAMES = ["x" * 255, "Zoë [*] {x} 🙂", "..a", "-rf", "'; drop table grade", "ada\n", "%2F", "CON"]


@pytest.mark.parametrize("student", NAMES)
def test_any_name_gets_a_record_of_its_own(course, book, student):
    for name in (student, student.swapcase()):
        grade(course, book, name, wrong=["area"] if name == student else [])
    assert set(book.recorded()) == {student, student.swapcase()}
    names = [path.name.lower() for path in book.records.folder.iterdir()]
    assert len(set(names)) == len({student, student.swapcase()}) and all(name.isascii() for name in names)


def test_a_persons_grade_and_comment_come_back_in_the_feedback(course, book):
    grade(course, book, "ada", wrong=["area"])
    by_hand(book, "ada")
    assert book.recorded() == {}
    grade(course, book, "ada", wrong=["area", "double"])
    assert book.grades("ada") == {"double_test": (0, False), "area_test": (1.5, False), "total_test": (4.5, False)}
    page = (book.folder("feedback", "ada") / f"{EXERCISE}.html").read_text(encoding="utf-8")
    table, notebook = page.split("<h2>The notebook</h2>")
    assert "1.5 of 3" in table and "6 of 9.5 points" in table and "given by a person" in table
    assert "Half of it is right: see me." in table and "Half of it is right: see me." in notebook
    assert set(book.recorded()) == {"ada"}


def test_a_grade_that_a_person_enters_while_the_row_is_made_is_not_lost(course, book):
    grade(course, book, "ada")
    book.grade("ada", *handed_in(course, book, ["area"]))
    row = {name: score for name, (score, _) in book.grades("ada").items()}
    by_hand(book, "ada")
    book.write_feedback("ada", Summary(()))
    book.record("ada", FINGERPRINT, row)
    assert row["area_test"] == 0 and book.recorded() == {}


def test_a_late_submission_costs_what_the_plugin_says(course, book, tmp_path):
    grade(course, book, "ada")
    with Gradebook(book.database.url_for_nbgrader(), COURSE_ID) as gradebook:
        gradebook.update_or_create_assignment(EXERCISE, duedate="2026-01-01 00:00:00 UTC")
        gradebook.update_or_create_submission(EXERCISE, "ada", timestamp="2026-01-02 00:00:00 UTC")
    book.config.LateSubmissionPlugin.penalty_method = "zero"
    assert book.recorded() == {}
    grade(course, book, "ada")
    page = (book.folder("feedback", "ada") / f"{EXERCISE}.html").read_text(encoding="utf-8")
    assert "0 of 9.5 points</strong>, 9.5 taken off because it came late" in page
    assert set(book.recorded()) == {"ada"}


def lock(book, how="begin immediate"):
    other = sqlite3.connect(book.database.name, isolation_level=None, check_same_thread=False)
    other.execute(how)
    other.execute("select * from grade").fetchall()
    return other


@pytest.mark.parametrize("how", ["begin", "begin immediate", "begin exclusive"])
def test_a_lock_is_waited_for_and_told(course, book, how):
    """A reader, too, keeps a transaction from being committed."""
    grade(course, book, "ada")
    told = []

    def let_go(sentence):
        told.append(sentence)
        other.execute("rollback")

    book = Book(course.root, EXERCISE, tell=let_go)
    if how == "begin exclusive":
        other = sqlite3.connect(book.database.name, isolation_level=None)
        other.execute(how)
    else:
        other = lock(book, how)
    book.grade("ada", *handed_in(course, book, ["area"]))
    assert told == [f"the gradebook {book.database.name} is in use by another program: waiting up to 60 seconds"]
    assert book.grades("ada")["area_test"] == (0, False)


def test_a_lock_that_stays_is_an_error_and_leaves_nothing(course, book):
    grade(course, book, "ada")
    book.database.patience, before, other = 0, content(book), lock(book)
    advice = r"in use by another program .* stayed locked for 0 seconds: close that program and start again"
    for step in (
        lambda: grade(course, book, "ada", ["area"]),
        lambda: book.write_feedback("ada", Summary(())),
        lambda: book.record("ada", "other", {}),
        lambda: book.recorded(),
        lambda: book.withdraw("ben"),
        lambda: Book(course.root, EXERCISE, patience=0),
    ):
        with pytest.raises(CourseError, match=advice):
            step()
    other.execute("rollback")
    assert content(book) == before
    grade(course, book, "ada", ["area"])
    assert book.grades("ada")["area_test"] == (0, False)


def scribble(path):
    """Over the comments, which nothing reads before the first submission is entered."""
    with sqlite3.connect(path) as database:
        (page,) = database.execute("select rootpage from sqlite_master where name = 'comment'").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.write_text("no database"), r"is damaged \(file is not a database\)"),
        (lambda path: path.write_bytes(path.read_bytes()[:9000]), "is damaged"),
        (scribble, "is damaged"),
        (lambda path: (path.unlink(), sqlite3.connect(path).execute("create table t (a)")), "of another program"),
        (lambda path: sqlite3.connect(path).execute("drop table comment"), "another version of nbgrader"),
    ],
)
def test_a_damaged_gradebook_is_named_and_left_alone(course, book, damage, said):
    grade(course, book, "ada")
    path = Path(book.database.name)
    damage(path)
    before = path.read_bytes()
    with pytest.raises(CourseError, match=f"{path}.*{said}|{said}.*{path}"):
        Book(course.root, EXERCISE)
    assert path.read_bytes() == before


def test_a_gradebook_of_another_version_says_what_to_do(course, book):
    with sqlite3.connect(book.database.name) as database:
        database.execute("alter table grade drop column extra_credit")
    with pytest.raises(CourseError, match="another version of nbgrader.*nbgrader db upgrade"):
        book.recorded()


@pytest.fixture
def small_disk(course):
    """grading/ on a disk of 2 MB, and a way to leave only some bytes of it free."""
    folder = course.root / "grading"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here (Linux as root)")

    def leave(free):
        (folder / "filler").write_bytes(b"")
        room = os.statvfs(folder)
        (folder / "filler").write_bytes(bytes(room.f_bavail * room.f_bsize - free))

    yield leave
    subprocess.run(["umount", "--lazy", folder], check=True)


def attempt(step):
    """Do a step and give what was said when it was refused."""
    try:
        step()
    except CourseError as error:
        return str(error)
    return ""


def test_a_full_disk_keeps_what_was_graded_and_the_next_run_completes(course, small_disk):
    undisturbed = Book(Course(course.root.parent / "undisturbed").root, EXERCISE)
    for student in ("ada", "ben"):
        grade(course, undisturbed, student, ["area"])
    book = Book(course.root, EXERCISE)
    grade(course, book, "ada", ["area"])
    before, summary, refused = content(book), Summary(()), []
    for pages in range(40):  # from a gradebook that cannot begin to a notebook that does not fit
        small_disk(4096 * pages)
        if not (said := attempt(lambda: book.grade("ben", *handed_in(course, book, ["area"])))):
            break
        refused.append(said)
        assert content(book) == before and set(book.recorded()) == {"ada"}
    for step in (lambda: book.write_feedback("ben", summary), lambda: book.record("ben", FINGERPRINT, {})):
        small_disk(0)
        refused.append(attempt(step))
        assert set(book.recorded()) == {"ada"} and not list(book.grading.rglob("*.tmp"))
        small_disk(100_000)
        step()
    for said in refused:
        assert said.startswith("the disk is full: ") and "make room and start the same command again" in said
    for place in ("gradebook", "autograded", "feedback", "records"):
        assert [said for said in refused if f"grading/{place}" in said], place
    (book.grading / "filler").unlink()
    grade(course, book, "ben", ["area"])
    assert content(book) == content(undisturbed)


def test_a_new_gradebook_on_a_full_disk(course, small_disk):
    small_disk(8192)
    with pytest.raises(CourseError, match=r"the disk is full: the gradebook .*gradebook.db was not written"):
        Book(course.root, EXERCISE)
    small_disk(1_000_000)
    assert Book(course.root, EXERCISE).recorded() == {}


class Killer:
    """Ends the process, as a SIGKILL would, at one of the moments that matter: all statements, commits and renames."""

    def __init__(self, at):
        self.left = at

    def __call__(self, *call):
        self.left -= 1
        if not self.left:
            os._exit(9)

    def watch(self):
        event.listen(Engine, "before_cursor_execute", self)
        event.listen(Engine, "commit", self)
        replace, write = os.replace, Path.write_bytes

        def watched_replace(*names):
            self()
            replace(*names)
            self()

        def watched_write(path, data):
            write(path, data[: len(data) // 2])
            self()
            return write(path, data)

        files.os.replace, Path.write_bytes = watched_replace, watched_write


def moments(course, killer):
    """In a process of its own: re-grade ada, whom a person has graded, and grade ben; tell how it ended."""
    child = os.fork()
    if not child:
        try:
            book = Book(course.root, EXERCISE)
            killer.watch()
            both(course, book)
        finally:
            os._exit(0 if killer.left > 0 else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def both(course, book):
    grade(course, book, "ada", ["total"], fingerprint="new")
    grade(course, book, "ben", ["area"], fingerprint="new")


def test_killed_at_any_moment_and_done_again_the_gradebook_is_the_same(course, book):
    grade(course, book, "ada", ["area"], fingerprint="old")
    by_hand(book, "ada")
    grade(course, book, "ada", ["area"], fingerprint="old")
    start = course.root.parent / "start"
    shutil.copytree(course.root, start)
    both(course, book)
    undisturbed = content(book)

    at, code = 1, 9
    while code == 9:
        shutil.rmtree(course.root)
        shutil.copytree(start, course.root)
        code = moments(course, Killer(at))
        again = Book(course.root, EXERCISE)
        for student, record in again.recorded().items():  # what is known now is known rightly
            if record.fingerprint == "new":
                assert content(again)[0][student] == undisturbed[0][student]
        both(course, again)
        assert content(again) == undisturbed, f"killed at moment {at}"
        assert set(again.recorded()) == {"ada", "ben"}
        at += 7
    assert code == 0 and at > 70
