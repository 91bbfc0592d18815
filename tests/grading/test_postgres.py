"""The gradebook on a PostgreSQL server, which the tests start for themselves."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from grading.test_book import by_hand, grade, handed_in
from grading.tiny_course import EXERCISE, Course
from segutils.errors import CourseError
from segutils.grading.autograde import Book

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))  # where Debian and Ubuntu put them


def run(program: str, *arguments: object) -> None:
    """Run one of the server's programs; they refuse to work for root."""
    found = PROGRAMS[-1] / program if PROGRAMS else shutil.which(program)
    other_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    subprocess.run([*other_user, found, *map(str, arguments)], check=True, capture_output=True, cwd="/")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty database; its server listens on a socket in a temporary folder alone."""
    if not PROGRAMS and not shutil.which("initdb"):
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="course-", dir="/tmp"))  # a socket's path has at most 107 characters
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    try:
        run("initdb", "--pgdata", folder / "data", "--username", "course", "--auth", "trust", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "start", "--wait", "--pgdata", folder / "data", "--log", folder / "log", "--options", options)
        yield f"postgresql+psycopg://course@/postgres?host={folder}"
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            run("pg_ctl", "stop", "--wait", "--mode", "immediate", "--pgdata", folder / "data")
        shutil.rmtree(folder)


@pytest.fixture
def book(course: Course, server: str) -> Iterator[Book]:
    """An empty gradebook for each test."""
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("drop schema public cascade")
        connection.execute("create schema public")
    book = Book(course.root, EXERCISE, server)
    yield book
    book.database.engine.dispose()


def query(server: str, sql: str) -> list[tuple]:
    with psycopg.connect(server.replace("+psycopg", "")) as connection:
        return connection.execute(sql).fetchall()


def test_a_small_class_is_graded_and_a_persons_grade_stays(course, book, server):
    for student in ("ada", "ben", "Zoë 🙂"):
        grade(course, book, student, ["area"])
    assert set(book.recorded()) == {"ada", "ben", "Zoë 🙂"}
    by_hand(book, "ada")
    assert set(book.recorded()) == {"ben", "Zoë 🙂"}

    book = Book(course.root, EXERCISE, server)
    grade(course, book, "ada", ["area", "double"])
    grade(course, book, "ben", ["total"])
    assert book.grades("ada") == {"double_test": (0, False), "area_test": (1.5, False), "total_test": (4.5, False)}
    assert book.grades("ben") == {"double_test": (2, False), "area_test": (3, False), "total_test": (0, False)}
    assert set(book.recorded()) == {"ada", "ben", "Zoë 🙂"}
    page = (book.folder("feedback", "ada") / f"{EXERCISE}.html").read_text(encoding="utf-8")
    assert "Half of it is right: see me." in page
    assert query(server, "select count(*) from submitted_assignment") == [(3,)]
    assert query(server, "select count(*) from grade") == [(9,)]

    book.withdraw("ben")
    assert book.grades("ben") == dict.fromkeys(book.grades("ben"), (0, True))
    assert set(book.recorded()) == {"ada", "Zoë 🙂"}
    book.database.engine.dispose()


def test_the_schema_is_nbgraders_own(book, server):
    from nbgrader.api import get_alembic_version

    assert query(server, "select version_num from alembic_version") == [(get_alembic_version(),)]


def test_a_lock_is_waited_for_and_told(course, book, server):
    grade(course, book, "ada")
    told = []
    other = psycopg.connect(server.replace("+psycopg", ""))
    other.execute("set idle_in_transaction_session_timeout = '20s'")  # else a fault here would wait for ever
    other.execute("lock table grade in access exclusive mode")

    def let_go(sentence):
        told.append(sentence)
        other.close()

    book.database.tell = let_go
    book.grade("ada", *handed_in(course, book, ["area"]))
    assert len(told) == 1 and "is in use by another program" in told[0]
    assert book.grades("ada")["area_test"] == (0, False)


def test_what_the_gradebook_does_not_take_is_a_fault_of_that_submission(course, book):
    with pytest.raises(ValueError, match="does not take it: value too long") as caught:
        grade(course, book, "x" * 200)
    assert not isinstance(caught.value, CourseError)  # which would end the run
    grade(course, book, "ada")


def test_a_server_that_does_not_answer_is_named_without_its_password(course, tmp_path):
    with pytest.raises(
        CourseError, match=r"the gradebook postgresql\+psycopg://ada:\*\*\*@/book\?host=.* failed"
    ) as caught:
        Book(course.root, EXERCISE, f"postgresql+psycopg://ada:secret@/book?host={tmp_path}")
    assert "secret" not in str(caught.value)
