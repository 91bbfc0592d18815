"""Between a learning management system and the grader: unpack its export of hand-ins, pack the feedback for it.

nbgrader's `zip_collect` is not used: it wants a regular expression from the instructor, drops whoever does not match
it, unpacks without limits of size, and has no way back.
"""

import json
import os
import re
import shutil
import stat
import tempfile
import unicodedata
import zipfile
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from segutils.errors import CourseError
from segutils.grading.collect import NO_STUDENT
from segutils.grading.files import DISK_FULL, write_atomically
from segutils.grading.results import one_line

INDEX = "lms.json"  # beside the students' folders: who is who in the export
MAX_FILE, MAX_TOTAL, MAX_ENTRIES = 100_000_000, 20_000_000_000, 200_000  # bytes, bytes, files and folders
MAX_NAME = 120  # bytes of a folder's or file's name
JUNK = NO_STUDENT | {".DS_Store", "Thumbs.db", "desktop.ini"}
UTF8_NAME, ENCRYPTED = 0x800, 0x1  # flags of a zip's entries

# Ada Lovelace_4711_assignsubmission_file_ is a folder, or stands in front of the file's name
MOODLE = re.compile(r"(?P<id>(?P<name>.+)_\d+)_assignsubmission_(?:file|onlinetext)_?(?P<file>.*)")
# lovelaceada_LATE_123_456_ex04_aspp.ipynb: the student's and the file's number; a text that was typed in has one number
CANVAS = re.compile(
    r"(?P<name>.+?)(?:_LATE)?_(?P<user>\d+)_(?:(?P<number>\d+)_(?P<file>.+)|(?P<text>(?:text|link)\.html))"
)


@dataclass(frozen=True)
class Item:
    """A file or, without `entry`, a folder of an export: whose it is, and where it belongs in the student's folder."""

    student_id: str  # tells students of one name apart, also in the next export
    name: str
    prefix: str  # what the LMS has in front of the file's name
    path: tuple[str, ...] = ()
    attempt: tuple[int, int] = (0, 0)  # of several files of one path, the highest counts
    entry: zipfile.ZipInfo | None = None


@dataclass
class Student:
    """Who handed in: the name in the gradebook, where the LMS expects the feedback, and the files by their path."""

    id: str
    name: str
    page: str
    files: dict[tuple[str, ...], zipfile.ZipInfo]


@dataclass(frozen=True)
class Outcome:
    """The students who were unpacked or packed, and what or who was left out."""

    students: tuple[str, ...]
    left_out: tuple[str, ...]


def unpack(export: Path, folder: Path, exercise: str) -> Outcome:
    """Make FOLDER/STUDENT/... from an LMS's export: Moodle's, Canvas's, or a zip of students' folders.

    A newer export of the same assignment takes the place of an older one, and everybody keeps their name.
    Raises CourseError, with nothing written, for a zip that is broken, encrypted, too large or has no students, and
    where `folder` holds anything else.
    """
    folder = folder.absolute()
    known = _known(folder, exercise)
    left_out: list[str] = []
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (
            zipfile.ZipFile(export) as archive,
            tempfile.TemporaryDirectory(prefix="unpack-", suffix=".tmp", dir=folder.parent) as staging,
        ):
            _refuse_too_much(archive, export, folder.parent)
            students = _students(_items(archive, exercise, left_out), exercise)
            if not students:
                raise CourseError(f"{export.name} holds no students: expected STUDENT/{exercise}.ipynb in it")
            _name_apart(students, known)
            _refuse_to_lose(folder, export, known, students)
            fresh = Path(staging) / "new"
            for student in students:
                _extract(archive, student, fresh / student.name, left_out)
            _write_index(fresh / INDEX, exercise, students)
            if folder.exists():
                os.rename(folder, Path(staging) / "old")
            os.rename(fresh, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeError) as error:
        raise CourseError(f"{export.name} is not a zip, or damaged ({one_line(str(error))}): export it again") from None
    except OSError as error:
        raise CourseError(f"{export} cannot be unpacked to {folder}: {error.strerror or error}") from None
    return Outcome(tuple(sorted(student.name for student in students)), tuple(left_out))


def _known(folder: Path, exercise: str) -> dict[str, str]:
    """The names of an earlier export's students by their ids. Raises CourseError for a folder of anything else."""
    if not folder.is_symlink() and (not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))):
        return {}
    try:
        index = json.loads((folder / INDEX).read_bytes())
        if index["exercise"] == exercise and not folder.is_symlink():
            return {student["id"]: name for name, student in index["students"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise CourseError(f"{folder} holds something else already: move it away, or name another folder")


def _refuse_too_much(archive: zipfile.ZipFile, export: Path, target: Path) -> None:
    """Sizes are those that the zip declares: zipfile reads no more than that of any entry."""
    entries = archive.infolist()
    if any(entry.flag_bits & ENCRYPTED for entry in entries):
        raise CourseError(f"{export.name} is encrypted: export it without a password")
    total = sum(entry.file_size for entry in entries if entry.file_size <= MAX_FILE)
    limit = min(MAX_TOTAL, shutil.disk_usage(target).free)
    if len(entries) > MAX_ENTRIES or total > limit:
        raise CourseError(
            f"{export.name} holds {len(entries)} files of {total / 1e9:.1f} GB together: "
            f"at most {MAX_ENTRIES}, and {limit / 1e9:.1f} GB, are unpacked here"
        )


def _items(archive: zipfile.ZipFile, exercise: str, left_out: list[str]) -> list[Item]:
    """What an export holds by students; what cannot be unpacked, with its reason, is added to `left_out`."""
    found: list[tuple[list[str], zipfile.ZipInfo | None]] = []
    for entry in archive.infolist():
        name = _name(entry).replace("\\", "/")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts or re.match("[A-Za-z]:/", name):
            left_out.append(f"{one_line(name)} (its path leads elsewhere)")
        else:
            kept = _before_junk(parts)
            found.append((kept, entry if kept == parts and not name.endswith("/") else None))
    found = _without_outer_folder([(parts, entry) for parts, entry in found if parts], exercise)
    items = []
    for parts, entry in found:
        item = _item(parts, entry, exercise)
        reason = _unfit(item)
        if reason:
            left_out.append(f"{one_line('/'.join(parts))} ({reason})")
        if item:
            items.append(Item(item.student_id, item.name, item.prefix) if reason else item)
    return items


def _name(entry: zipfile.ZipInfo) -> str:
    """A name that is not declared as UTF-8 often is all the same; zipfile has read it in DOS's code page."""
    if not entry.flag_bits & UTF8_NAME:
        try:
            return entry.filename.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return entry.filename


def _before_junk(parts: list[str]) -> list[str]:
    """The path down to the first folder or file that some program left behind."""
    junk = (number for number, part in enumerate(parts) if part in JUNK or part.startswith("._"))
    return parts[: next(junk, len(parts))]


def _without_outer_folder(found: list[tuple[list[str], object]], exercise: str) -> list[tuple[list[str], object]]:
    """Take off the folders that lie around all students; a class of one student keeps theirs."""
    while len({parts[0] for parts, _ in found}) == 1 and not MOODLE.fullmatch(found[0][0][0]):
        inner = [(parts[1:], entry) for parts, entry in found if len(parts) > 1]
        files = [parts[0] for parts, entry in inner if len(parts) == 1 and entry]
        students = [name for name in files if MOODLE.fullmatch(name) or CANVAS.fullmatch(name)]
        is_student = (files and not students) or {parts[0] for parts, _ in inner} == {exercise}
        if not inner or is_student or any(len(parts) == 1 and entry for parts, entry in found):
            break
        found = inner
    return found


def _item(parts: list[str], entry: zipfile.ZipInfo | None, exercise: str) -> Item | None:
    """Whose a file is, from its place in the export; None where that is nobody's."""
    top, *rest = parts
    path, is_folder = tuple(map(_safe, rest)), bool(rest) or entry is None
    if found := MOODLE.fullmatch(top):
        prefix = f"{top}/" if is_folder else top.removesuffix(found["file"])
        return Item(found["id"], _safe(found["name"]), prefix, path or _file(found["file"]), entry=entry)
    if is_folder:
        return Item(top, _safe(top), f"{top}/", path, entry=entry)
    if found := CANVAS.fullmatch(top):
        file, attempt = found["file"] or found["text"], (0, int(found["number"] or 0))
        if again := re.fullmatch(rf"{re.escape(exercise)}-(\d+)\.ipynb", file):
            file, attempt = f"{exercise}.ipynb", (int(again[1]), attempt[1])
        prefix = top.removesuffix(found["file"] or found["text"])
        return Item(f"{found['name']}_{found['user']}", _safe(found["name"]), prefix, _file(file), attempt, entry)
    return None


def _file(name: str) -> tuple[str, ...]:
    return (_safe(name),) if name else ()


def _safe(name: str) -> str:
    """A name that any file system takes and no terminal obeys, cut to MAX_NAME bytes without its suffix."""
    name = "".join(sign if sign.isprintable() and sign not in '/\\:*?"<>|' else "_" for sign in name)
    stem, suffix = os.path.splitext(unicodedata.normalize("NFC", name).strip())
    stem, suffix = (text.encode()[:length].decode(errors="ignore") for text, length in ((stem, MAX_NAME), (suffix, 20)))
    return stem + suffix if (stem + suffix).strip(". ") else "_"


def _unfit(item: Item | None) -> str:
    """Why a file is not unpacked, empty where it is."""
    if item is None:
        return "belongs to no student"
    if item.entry is None:
        return ""
    kind = stat.S_IFMT(item.entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return "is a link, or no file at all"
    if item.entry.file_size > MAX_FILE:
        return f"has {item.entry.file_size / 1e6:.0f} MB, the limit is {MAX_FILE / 1e6:.0f} MB"
    return ""


def _students(items: list[Item], exercise: str) -> list[Student]:
    """Everybody once, with the files that count and the place of their feedback page beside their notebook."""
    grouped = defaultdict(list)
    for item in items:
        grouped[item.student_id].append(item)
    students = []
    for student_id, theirs in sorted(grouped.items()):
        theirs.sort(key=lambda item: (bool(item.path) and item.path[-1].endswith(".ipynb"), item.attempt))
        files = {item.path: item.entry for item in theirs if item.entry and item.path}
        page = f"{theirs[-1].prefix}{exercise}.html"
        students.append(Student(student_id, theirs[0].name, page, _with_notebooks_on_top(files)))
    return students


def _with_notebooks_on_top(files: dict[tuple[str, ...], zipfile.ZipInfo]) -> dict[tuple[str, ...], zipfile.ZipInfo]:
    """Notebooks lie in the student's folder itself, unless several have the same name."""
    counts = Counter(path[-1] for path in files)
    alone = {path for path in files if path[-1].endswith(".ipynb") and counts[path[-1]] == 1}
    return {path[-1:] if path in alone else path: entry for path, entry in files.items()}


def _name_apart(students: list[Student], known: dict[str, str]) -> None:
    """Give everybody a name of their own: the one they had, else theirs, with their number where two are alike."""
    counts = Counter(_alike(student.name) for student in students)
    taken = set(map(_alike, known.values()))
    for student in students:
        if student.id in known:
            student.name = known[student.id]
            continue
        if counts[_alike(student.name)] > 1:
            student.name = _safe(student.id)
        while _alike(student.name) in taken:
            student.name += "_"
        taken.add(_alike(student.name))


def _alike(name: str) -> str:
    return name.casefold()  # two such folders are one on a Mac


def _refuse_to_lose(folder: Path, export: Path, known: dict[str, str], students: list[Student]) -> None:
    missing = sorted(set(known) - {student.id for student in students})
    if missing:
        raise CourseError(
            f"{folder} holds {len(missing)} who are not in {export.name} ({known[missing[0]]}, ...): is it the export "
            "of another group? Name another folder; if it is the right one, move this folder away first"
        )


def _extract(archive: zipfile.ZipFile, student: Student, folder: Path, left_out: list[str]) -> None:
    folder.mkdir(parents=True)
    for path, entry in student.files.items():
        target = folder.joinpath(*path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, target.open("xb") as file:
                shutil.copyfileobj(source, file)
        except OSError as error:  # a file where another one's folder is, a path that is too long
            if error.errno in DISK_FULL:
                raise
            left_out.append(f"{student.name}/{'/'.join(path)} ({error.strerror})")


def _write_index(path: Path, exercise: str, students: list[Student]) -> None:
    known = {student.name: {"id": student.id, "page": student.page} for student in students}
    write_atomically(path, json.dumps({"exercise": exercise, "students": known}, indent=1, sort_keys=True))


def pack(folder: Path, exercise: str, grading: Path, target: Path) -> Outcome:
    """Zip the feedback pages of the students in FOLDER as their LMS takes them back, or as STUDENT/EXERCISE.html.

    Who has no page is left out. Raises CourseError where nobody has one, or the zip cannot be written.
    """
    pages = _pages(folder, exercise)
    found = {name: grading / "feedback" / name / exercise / f"{exercise}.html" for name in pages}
    found = {name: page for name, page in found.items() if page.is_file()}
    if not found:
        raise CourseError(f"no feedback of {exercise} for anybody in {folder}: grade it first")
    temporary = target.with_name(f"{target.name}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            for name, page in sorted(found.items()):
                archive.write(page, pages[name])
        os.replace(temporary, target)
    except OSError as error:
        raise CourseError(f"{target} cannot be written: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)
    return Outcome(tuple(sorted(found)), tuple(map(one_line, sorted(set(pages) - set(found)))))


def _pages(folder: Path, exercise: str) -> dict[str, str]:
    """Where everybody's page goes in the zip."""
    if (folder / INDEX).exists():
        index = json.loads((folder / INDEX).read_bytes())
        if index["exercise"] != exercise:
            raise CourseError(f"{folder} holds {index['exercise']}, not {exercise}")
        return {name: student["page"] for name, student in index["students"].items()}
    if not folder.is_dir():
        raise CourseError(f"no folder {folder}: --submissions takes the folder that holds one folder per student")
    names = [entry.name for entry in os.scandir(folder) if entry.is_dir() and entry.name not in NO_STUDENT]
    return {name: f"{name}/{exercise}.html" for name in names}
