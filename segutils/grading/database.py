"""The database under nbgrader's gradebook: one engine, whole transactions, and faults that say what to do."""

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from nbgrader.api import Base, Gradebook
from nbgrader.dbutil import ALEMBIC_DIR
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.orm import Session

from segutils.errors import CourseError
from segutils.grading.course import COURSE_ID
from segutils.grading.files import MAKE_ROOM

Result = TypeVar("Result")
BUSY = 1  # seconds that one attempt waits for a lock


class OpenGradebook(Gradebook):
    """nbgrader's gradebook inside a transaction: what nbgrader commits on its way is kept when the whole is."""

    def __init__(self, connection: Connection) -> None:
        self.engine = connection.engine
        self.db = Session(connection, join_transaction_mode="rollback_only", expire_on_commit=False)
        self.course_id, self.authenticator = COURSE_ID, None

    def close(self) -> None:
        self.db.close()


class Database:
    """An nbgrader database, made where it does not exist yet.

    Where another program holds its lock, `tell` gets a sentence after a second, and after `patience` seconds it is a
    CourseError; so is a full disk, a damaged file, and whatever else the database refuses.
    """

    def __init__(self, url: str, tell: Callable[[str], None], patience: float) -> None:
        self.tell, self.patience = tell, patience
        try:
            self.url = _absolute(make_url(url))
            self.is_sqlite = self.url.get_backend_name() == "sqlite"
            self.name = self.url.database if self.is_sqlite else self.url.render_as_string(hide_password=True)
            self.engine = self._engine()
        except Exception as error:  # whatever a driver raises: the address is the person's to mend
            raise _cannot_be_opened(url, error) from error
        try:
            self.transaction(self._make_tables)
        except CourseError:
            raise
        except Exception as error:
            raise _cannot_be_opened(url, error) from error

    def _engine(self) -> Engine:
        if self.is_sqlite:
            Path(self.name).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(self.url, connect_args={"timeout": BUSY} if self.is_sqlite else {})
        if self.is_sqlite:
            event.listen(engine, "connect", _leave_begin_to_us)
            event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        if self.url.get_backend_name() == "postgresql":
            event.listen(engine, "connect", _wait_shortly)
        return engine

    def url_for_nbgrader(self) -> str:
        """The address for nbgrader's own programs, which then wait for a lock as long as we do."""
        patient = self.url.update_query_dict({"timeout": str(self.patience)}) if self.is_sqlite else self.url
        return patient.render_as_string(hide_password=False)

    def transaction(self, work: Callable[[OpenGradebook], Result]) -> Result:
        """Do `work` in one transaction, which is kept as a whole or not at all; again, if a lock came in between."""
        begun, told = time.monotonic(), False
        while True:
            try:
                with self.engine.begin() as connection, OpenGradebook(connection) as gradebook:
                    return work(gradebook)
            except Exception as error:
                fault = database_error(error)
                if fault is None:
                    raise
                if isinstance(fault, DataError):  # of this submission, not of the gradebook
                    raise ValueError(f"the gradebook does not take it: {_said(fault)}") from error
                if not _is_locked(fault) or time.monotonic() - begun > self.patience:
                    raise self.explain(fault) from error
            if not told:
                self.tell(
                    f"the gradebook {self.name} is in use by another program: waiting up to {self.patience:g} seconds"
                )
                told = True
            time.sleep(0.1)

    def _make_tables(self, gradebook: OpenGradebook) -> None:
        """Check the gradebook, or make its tables in this one transaction, without nbgrader's process for alembic."""
        connection = gradebook.db.connection()
        if self.is_sqlite:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
            if found != "ok":
                raise self._damaged(found.splitlines()[0])
        there, wanted = set(inspect(connection).get_table_names()), set(Base.metadata.tables)
        if not wanted & there:
            if there and self.is_sqlite:
                raise CourseError(f"{self.name} is a database of another program, not a gradebook: give another --db")
            Base.metadata.create_all(connection)
            _stamp(connection)
        elif wanted - there:
            raise CourseError(self._other_version())
        gradebook.check_course(COURSE_ID)

    def explain(self, fault: DBAPIError) -> CourseError:
        """What a database error means for a person."""
        code, said = getattr(fault.orig, "sqlite_errorname", None) or "", _said(fault)
        if _is_locked(fault):
            return CourseError(
                f"the gradebook {self.name} is in use by another program (formgrader, a backup, a database browser) "
                f"and stayed locked for {self.patience:g} seconds: close that program and start again"
            )
        if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return self._damaged(said)
        if code.startswith(("SQLITE_FULL", "SQLITE_IOERR")) or "No space left" in said:
            return CourseError(f"the disk is full: the gradebook {self.name} was not written ({said}); {MAKE_ROOM}")
        if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
            rights = "mend the rights of the file and its folder"
            return CourseError(f"the gradebook {self.name} cannot be written or opened ({said}): {rights}")
        if "no such column" in said or "UndefinedColumn" in type(fault.orig).__name__:
            return CourseError(self._other_version())
        return CourseError(f"the gradebook {self.name} failed ({type(fault.orig).__name__}: {said})")

    def _damaged(self, said: str) -> CourseError:
        return CourseError(
            f"the gradebook {self.name} is damaged ({said}) and was left as it is: put a backup of it in its place, "
            "or move it away to begin a new one (what persons entered is then gone)"
        )

    def _other_version(self) -> str:
        return (
            f"the gradebook {self.name} was made by another version of nbgrader: make a copy of it, "
            "then run `nbgrader db upgrade`"
        )


def database_error(error: BaseException) -> DBAPIError | None:
    """The database's own error behind another one: nbgrader and the release raise theirs from it."""
    return next((cause for cause in _causes(error) if isinstance(cause, DBAPIError)), None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _said(fault: DBAPIError) -> str:
    return (str(fault.orig).splitlines() or [""])[0]


def _is_locked(fault: DBAPIError) -> bool:
    code = getattr(fault.orig, "sqlite_errorname", None) or type(fault.orig).__name__
    return code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "LockNotAvailable"))


def _cannot_be_opened(url: str, error: Exception) -> CourseError:
    shown = re.sub(r"(://[^:/@]+):[^@]*@", r"\1:***@", url)  # without a password
    return CourseError(f"the gradebook {shown} cannot be opened ({type(error).__name__}: {error})")


def _absolute(url: URL) -> URL:
    """nbgrader changes into the course's folder: a relative file would be another one there."""
    if url.get_backend_name() != "sqlite":
        return url
    if url.database in (None, "", ":memory:"):
        raise ValueError("a gradebook needs a file")
    return url.set(database=str(Path(url.database).absolute()))


def _leave_begin_to_us(connection: sqlite3.Connection, record: object) -> None:
    connection.isolation_level = None  # else Python begins a transaction that may find the lock taken halfway


def _wait_shortly(connection: object, record: object) -> None:
    connection.execute(f"SET lock_timeout = '{BUSY}s'")
    connection.commit()


def _stamp(connection: Connection) -> None:
    """Note the version of the schema, for `nbgrader db upgrade`."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    MigrationContext.configure(connection).stamp(ScriptDirectory(ALEMBIC_DIR), "head")
