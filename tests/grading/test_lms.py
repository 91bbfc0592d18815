"""An LMS's export becomes students' folders, whatever is in it, and feedback goes back the way it came."""

import errno
import io
import json
import os
import stat
import struct
import zipfile

import pytest

from segutils.__main__ import main
from segutils.errors import CourseError
from segutils.grading import lms
from segutils.grading.collect import find_hand_ins

EXERCISE = "ex90_numbers"
NOTEBOOK = f"{EXERCISE}.ipynb"
MOODLE = "assignsubmission_file"


@pytest.fixture
def unpacked(tmp_path):
    """Zip what is given, unpack it, and tell the files by their path with their content."""

    def unpack(entries, name="export.zip"):
        export = tmp_path / name
        write_zip(export, entries)
        unpack.outcome = lms.unpack(export, unpack.folder, EXERCISE)
        return tree(unpack.folder)

    unpack.folder = tmp_path / "class"
    return unpack


@pytest.fixture
def course(tmp_path):
    """A course in which nothing but the exercise's name is needed."""
    (tmp_path / "course" / "solutions" / EXERCISE).mkdir(parents=True)
    (tmp_path / "course" / "solutions" / EXERCISE / NOTEBOOK).touch()
    return tmp_path / "course"


def write_zip(path, entries):
    """Entries are names, whose content is the name, or pairs of a name or ZipInfo and a content."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in entries:
            name, content = (entry, entry) if isinstance(entry, str) else entry
            archive.writestr(name, content)


def tree(folder):
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*")}
    return {name: path.read_text() if path.is_file() else "/" for name, path in files.items() if path.name != lms.INDEX}


def notebooks(found):
    return {name for name, content in found.items() if content != "/"}


def pages(folder):
    return {name: student["page"] for name, student in json.loads((folder / lms.INDEX).read_text())["students"].items()}


LAYOUTS = {
    "moodle": (
        [f"Ada Lovelace_4711_{MOODLE}_/{NOTEBOOK}", f"Zoë Müller_4712_{MOODLE}_/{NOTEBOOK}"],
        {
            "Ada Lovelace": f"Ada Lovelace_4711_{MOODLE}_/{EXERCISE}.html",
            "Zoë Müller": f"Zoë Müller_4712_{MOODLE}_/{EXERCISE}.html",
        },
    ),
    "moodle-4": (
        [f"Ada Lovelace_4711_{MOODLE}/{NOTEBOOK}", f"Ben O_Neill_4712_{MOODLE}/{NOTEBOOK}"],
        {
            "Ada Lovelace": f"Ada Lovelace_4711_{MOODLE}/{EXERCISE}.html",
            "Ben O_Neill": f"Ben O_Neill_4712_{MOODLE}/{EXERCISE}.html",
        },
    ),
    "moodle-flat": (
        [f"Ada Lovelace_4711_{MOODLE}_{NOTEBOOK}", f"Ben_4712_{MOODLE}_{NOTEBOOK}"],
        {
            "Ada Lovelace": f"Ada Lovelace_4711_{MOODLE}_{EXERCISE}.html",
            "Ben": f"Ben_4712_{MOODLE}_{EXERCISE}.html",
        },
    ),
    "moodle-blind": (
        [f"Participant_4711_{MOODLE}_/{NOTEBOOK}", f"Participant_4712_{MOODLE}_/{NOTEBOOK}"],
        {
            "Participant_4711": f"Participant_4711_{MOODLE}_/{EXERCISE}.html",
            "Participant_4712": f"Participant_4712_{MOODLE}_/{EXERCISE}.html",
        },
    ),
    "moodle-class-of-one": (
        [f"Ada_4711_{MOODLE}_/{NOTEBOOK}"],
        {"Ada": f"Ada_4711_{MOODLE}_/{EXERCISE}.html"},
    ),
    "canvas": (
        [f"lovelaceada_123_456_{NOTEBOOK}", f"noetherem_LATE_124_457_{NOTEBOOK}"],
        {
            "lovelaceada": f"lovelaceada_123_456_{EXERCISE}.html",
            "noetherem": f"noetherem_LATE_124_457_{EXERCISE}.html",
        },
    ),
    "plain": (
        [f"ada/{NOTEBOOK}", f"ben/{NOTEBOOK}"],
        {"ada": f"ada/{EXERCISE}.html", "ben": f"ben/{EXERCISE}.html"},
    ),
    "nbgrader": (
        [f"submitted/ada/{EXERCISE}/{NOTEBOOK}"],
        {"ada": f"ada/{EXERCISE}.html"},
    ),
    "class-of-one": ([f"ada/{NOTEBOOK}", "ada/plot.png"], {"ada": f"ada/{EXERCISE}.html"}),
}


@pytest.mark.parametrize("around", ["", "Assignment 4/", "exports/2026/"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_there_and_back(unpacked, tmp_path, layout, around):
    entries, expected = LAYOUTS[layout]
    found = unpacked([around + name for name in entries])
    assert {name for name in notebooks(found) if name.endswith(".ipynb")} == {f"{name}/{NOTEBOOK}" for name in expected}
    assert unpacked.outcome == lms.Outcome(tuple(sorted(expected)), ())
    assert [hand_in.problem for hand_in in find_hand_ins(unpacked.folder, EXERCISE)] == [""] * len(expected)
    for name in expected:
        page = tmp_path / "grading" / "feedback" / name / EXERCISE / f"{EXERCISE}.html"
        page.parent.mkdir(parents=True)
        page.write_text(f"feedback for {name}", encoding="utf-8")
    outcome = lms.pack(unpacked.folder, EXERCISE, tmp_path / "grading", tmp_path / "back.zip")
    assert outcome == lms.Outcome(tuple(sorted(expected)), ())
    with zipfile.ZipFile(tmp_path / "back.zip") as archive:
        read = {name: archive.read(name).decode() for name in archive.namelist()}
    assert read == {place: f"feedback for {name}" for name, place in expected.items()}


def test_what_programs_leave_behind_is_no_student_and_no_file(unpacked):
    junk = ["__MACOSX/ada/._ex90_numbers.ipynb", ".DS_Store", "hw/.DS_Store", "hw/ada/.ipynb_checkpoints/a.ipynb"]
    found = unpacked([f"hw/ada/{NOTEBOOK}", "hw/ben/Thumbs.db", *junk])
    assert notebooks(found) == {f"ada/{NOTEBOOK}"}
    assert unpacked.outcome.students == ("ada", "ben")  # ben handed in nothing, and gets a row that says so


def test_a_notebook_in_a_students_own_folders_is_found(unpacked):
    found = unpacked([f"Ada_1_{MOODLE}_/my homework/final/{NOTEBOOK}", f"Ada_1_{MOODLE}_/my homework/plot.png"])
    assert notebooks(found) == {f"Ada/{NOTEBOOK}", "Ada/my homework/plot.png"}


def test_notebooks_of_one_name_stay_where_they_are(unpacked):
    found = unpacked([f"ada/{EXERCISE}/{NOTEBOOK}", f"ada/old/{NOTEBOOK}", "ben/plan.txt"])
    assert notebooks(found) == {f"ada/{EXERCISE}/{NOTEBOOK}", f"ada/old/{NOTEBOOK}", "ben/plan.txt"}


def test_of_canvas_resubmissions_the_last_counts_and_gets_the_feedback(unpacked):
    again, third = f"ada_1_20_{EXERCISE}-2.ipynb", f"ada_1_30_{EXERCISE}-1.ipynb"
    found = unpacked([f"ada_1_9_{NOTEBOOK}", again, third, "ada_1_40_part-1.ipynb", "ada_1_8_plot.png"])
    assert found[f"ada/{NOTEBOOK}"] == again
    assert notebooks(found) == {f"ada/{NOTEBOOK}", "ada/part-1.ipynb", "ada/plot.png"}
    assert unpacked([f"ada_1_10_{NOTEBOOK}", f"ada_1_9_{NOTEBOOK}"])[f"ada/{NOTEBOOK}"] == f"ada_1_10_{NOTEBOOK}"
    assert pages(unpacked.folder) == {"ada": f"ada_1_10_{EXERCISE}.html"}


def test_who_typed_a_text_into_canvas_or_moodle_is_a_student_too(unpacked):
    found = unpacked(["ada_LATE_12_text.html", "Ben_7_assignsubmission_onlinetext/onlinetext.html"])
    assert notebooks(found) == {"ada/text.html", "Ben/onlinetext.html"}


def test_students_of_one_name_keep_their_numbers(unpacked):
    entries = [f"Ada_1_{MOODLE}_/{NOTEBOOK}", f"ADA_2_{MOODLE}_/{NOTEBOOK}", f"Ben_3_{MOODLE}_/{NOTEBOOK}"]
    unpacked(entries)
    assert unpacked.outcome.students == ("ADA_2", "Ada_1", "Ben")


def test_a_later_export_takes_the_place_of_the_first_and_nobody_changes_their_name(unpacked):
    first = [f"Ada_2_{MOODLE}_/{NOTEBOOK}", f"Ben_3_{MOODLE}_/{NOTEBOOK}"]
    unpacked(first)
    found = unpacked([f"Ada_1_{MOODLE}_/{NOTEBOOK}", *first, (f"Ada_2_{MOODLE}_/late.txt", "late")], "later.zip")
    assert notebooks(found) == {f"Ada/{NOTEBOOK}", "Ada/late.txt", f"Ada_1/{NOTEBOOK}", f"Ben/{NOTEBOOK}"}
    assert pages(unpacked.folder)["Ada_1"] == f"Ada_1_{MOODLE}_/{EXERCISE}.html"


def test_an_export_of_other_students_replaces_nobody(unpacked):
    before = unpacked([f"ada/{NOTEBOOK}", f"ben/{NOTEBOOK}"])
    with pytest.raises(CourseError, match=r"holds 1 who are not in other.zip \(ada, ...\)"):
        unpacked([f"ben/{NOTEBOOK}", f"cleo/{NOTEBOOK}"], "other.zip")
    assert tree(unpacked.folder) == before


@pytest.mark.parametrize("content", ["a file", '{"exercise": "ex91", "students": {}}', "[]", '{"exercise": 3}'])
def test_a_folder_of_anything_else_is_left_alone(unpacked, content):
    unpacked.folder.mkdir()
    (unpacked.folder / lms.INDEX).write_text(content)
    with pytest.raises(CourseError, match="holds something else already"):
        unpacked([f"ada/{NOTEBOOK}"])
    assert [path.name for path in unpacked.folder.iterdir()] == [lms.INDEX]


def test_a_link_to_a_folder_is_left_alone(unpacked, tmp_path):
    unpacked([f"ada/{NOTEBOOK}"])
    unpacked.folder.rename(tmp_path / "elsewhere")
    unpacked.folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CourseError, match="holds something else already"):
        unpacked([f"ada/{NOTEBOOK}", f"ben/{NOTEBOOK}"])
    assert unpacked.folder.is_symlink() and not (tmp_path / "elsewhere" / "ben").exists()


def test_an_empty_folder_is_filled(unpacked):
    unpacked.folder.mkdir()
    assert notebooks(unpacked([f"ada/{NOTEBOOK}"])) == {f"ada/{NOTEBOOK}"}


ESCAPES = ["../out.ipynb", "ada/../../out.ipynb", "/tmp/out.ipynb", "ada\\..\\..\\out.ipynb", "C:\\out.ipynb", "c:/out"]


def test_nothing_is_written_outside_the_folder(unpacked, tmp_path):
    unpacked([f"ada/{NOTEBOOK}", *ESCAPES])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["class", "export.zip"]
    assert notebooks(tree(unpacked.folder)) == {f"ada/{NOTEBOOK}"}
    assert [text.partition(" (")[2] for text in unpacked.outcome.left_out] == ["its path leads elsewhere)"] * 6


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_left_out_but_not_the_student(unpacked, kind):
    entry = zipfile.ZipInfo(f"ada/{NOTEBOOK}")
    entry.external_attr = (kind | 0o777) << 16
    assert unpacked([(entry, "/etc/passwd"), f"ben/{NOTEBOOK}"]) == {
        "ada": "/",
        "ben": "/",
        f"ben/{NOTEBOOK}": f"ben/{NOTEBOOK}",
    }
    assert unpacked.outcome.left_out == (f"ada/{NOTEBOOK} (is a link, or no file at all)",)


def test_one_file_that_is_too_large_costs_nobody_else(unpacked, monkeypatch):
    monkeypatch.setattr(lms, "MAX_FILE", 1_000_000)
    found = unpacked([(f"ada/{NOTEBOOK}", b"0" * 1_200_000), f"ben/{NOTEBOOK}"])
    assert notebooks(found) == {f"ben/{NOTEBOOK}"} and found["ada"] == "/"
    assert unpacked.outcome.left_out == (f"ada/{NOTEBOOK} (has 1 MB, the limit is 1 MB)",)


@pytest.mark.parametrize(("limit", "value"), [("MAX_TOTAL", 100_000), ("MAX_ENTRIES", 1)])
def test_a_bomb_is_refused_before_anything_is_written(unpacked, monkeypatch, limit, value, tmp_path):
    monkeypatch.setattr(lms, limit, value)
    with pytest.raises(CourseError, match=r"holds 2 files of 0.0 GB together: at most"):
        unpacked([(f"ada/{NOTEBOOK}", b"0" * 60_000), (f"ben/{NOTEBOOK}", b"0" * 60_000)])
    assert [path.name for path in tmp_path.iterdir()] == ["export.zip"]


def patched(content, offset_in_entry, new):
    """Change bytes of the first entry of the zip's central directory."""
    at = content.index(b"PK\x01\x02") + offset_in_entry
    return content[:at] + new + content[at + len(new) :]


DAMAGES = {
    "encrypted": (lambda raw: patched(raw, 8, b"\x01\x00"), "is encrypted: export it without a password"),
    "cut-off": (lambda raw: raw[: len(raw) // 2], "is not a zip, or damaged"),
    "other": (lambda raw: b"hello", "is not a zip, or damaged"),
    "empty": (lambda raw: b"", "is not a zip, or damaged"),
    "wrong-sum": (lambda raw: patched(raw, 16, b"\0\0\0\0"), "is not a zip, or damaged"),
    "method": (lambda raw: patched(raw, 10, struct.pack("<H", 99)), "is not a zip, or damaged"),
    "garbage": (lambda raw: raw[:53] + b"\xff" * 9 + raw[62:], "is not a zip, or damaged"),
    "understated": (lambda raw: patched(raw, 24, struct.pack("<I", 3)), "is not a zip, or damaged"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_broken_zip_is_one_sentence_and_leaves_nothing(tmp_path, course, capsys, damage):
    export, folder = tmp_path / "export.zip", tmp_path / "class"
    spoil, message = DAMAGES[damage]
    write_zip(export, [(f"ada/{NOTEBOOK}", "x" * 5000), f"ben/{NOTEBOOK}"])
    export.write_bytes(spoil(export.read_bytes()))
    options = ["--submissions", str(folder), "--course", str(course)]
    assert main(["collect", EXERCISE, str(export), *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["course", "export.zip"]


@pytest.mark.parametrize("entries", [[], [".DS_Store"], ["readme.txt", "list.csv"]])
def test_an_export_without_students_is_an_error(unpacked, entries):
    with pytest.raises(CourseError, match="holds no students"):
        unpacked(entries)
    assert not unpacked.folder.exists()


def test_a_full_disk_leaves_the_class_as_it_was(unpacked, monkeypatch, tmp_path):
    before = unpacked([f"ada/{NOTEBOOK}"])

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(lms.shutil, "copyfileobj", full)
    with pytest.raises(CourseError, match="No space left on device"):
        unpacked([f"ada/{NOTEBOOK}", f"ben/{NOTEBOOK}"], "later.zip")
    assert tree(unpacked.folder) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["class", "export.zip", "later.zip"]


@pytest.mark.parametrize("encoding", ["cp437", "utf-8"])
def test_umlauts_in_names_that_do_not_say_how_they_are_written(tmp_path, encoding):
    raw = io.BytesIO()
    write_zip(raw, [f"M__ller/{NOTEBOOK}" if encoding == "utf-8" else f"M_ller/{NOTEBOOK}"])
    mark = b"__" if encoding == "utf-8" else b"_"
    content = raw.getvalue().replace(b"M" + mark + b"ller", b"M" + "ü".encode(encoding) + b"ller")
    (tmp_path / "export.zip").write_bytes(content)
    lms.unpack(tmp_path / "export.zip", tmp_path / "class", EXERCISE)
    assert notebooks(tree(tmp_path / "class")) == {f"Müller/{NOTEBOOK}"}


def test_one_name_written_in_two_ways_is_one_folder(unpacked):
    unpacked([f"Zoe\u0308_1_{MOODLE}_/{NOTEBOOK}"])
    assert unpacked.outcome.students == ("Zo\u00eb",)


HOSTILE = ["\x1b[2J\nada", "..ada..", ". .", "a" * 300, "🙂" * 90, "=HYPERLINK(1)", "a:b*c", "‮ada", " ada "]


def test_hostile_names_become_harmless_folders(unpacked):
    unpacked([f"{name}/x{name}.ipynb" for name in HOSTILE])
    assert len(unpacked.outcome.students) == len(HOSTILE)
    for name in unpacked.outcome.students:
        assert name.isprintable() and len(name.encode()) < 256 and name.strip(". ")
    assert all(hand_in.notebook for hand_in in find_hand_ins(unpacked.folder, EXERCISE))


def test_files_that_are_in_each_others_way_cost_nobody_else(unpacked):
    deep = "/".join(["d" * 100] * 60)
    found = unpacked(["ada/a", "ada/a/b.txt", f"ada/{deep}/x", f"ada/{NOTEBOOK}", f"ben/{NOTEBOOK}"])
    assert {f"ada/{NOTEBOOK}", f"ben/{NOTEBOOK}"} <= notebooks(found)
    assert len(unpacked.outcome.left_out) == 2


def test_a_loose_file_is_told(unpacked):
    unpacked([f"ada/{NOTEBOOK}", f"ben/{NOTEBOOK}", "participants.csv"])
    assert unpacked.outcome.left_out == ("participants.csv (belongs to no student)",)


def test_folders_that_were_put_together_by_hand_are_packed_too(tmp_path):
    for name in (b"ada", b"ben", b"\xff\x1b"):
        os.makedirs(os.path.join(os.fsencode(tmp_path), b"hand-in", name))
    page = tmp_path / "grading" / "feedback" / "ada" / EXERCISE / f"{EXERCISE}.html"
    page.parent.mkdir(parents=True)
    page.write_text("well done")
    outcome = lms.pack(tmp_path / "hand-in", EXERCISE, tmp_path / "grading", tmp_path / "back.zip")
    assert outcome == lms.Outcome(("ada",), ("ben", "\\udcff"))
    assert zipfile.ZipFile(tmp_path / "back.zip").namelist() == [f"ada/{EXERCISE}.html"]


def test_the_commands_say_what_they_did_and_what_is_missing(tmp_path, course, capsys):
    grading, course = course / "grading", ["--course", str(course)]
    write_zip(tmp_path / "moodle.zip", [f"Ada_1_{MOODLE}_/{NOTEBOOK}", f"Ben_2_{MOODLE}_/{NOTEBOOK}", "list.csv"])
    assert main(["collect", EXERCISE, str(tmp_path / "moodle.zip"), *course]) == 0
    folder = grading / "collected" / EXERCISE
    assert capsys.readouterr().out == f"left out: list.csv (belongs to no student)\n2 students in {folder}\n"

    assert main(["return", EXERCISE, *course]) == 2
    assert "no feedback of ex90_numbers for anybody" in capsys.readouterr().err
    page = grading / "feedback" / "Ada" / EXERCISE / f"{EXERCISE}.html"
    page.parent.mkdir(parents=True)
    page.write_text("well done")
    assert main(["return", EXERCISE, *course]) == 0
    target = grading / f"{EXERCISE}-feedback.zip"
    assert capsys.readouterr().out == f"no feedback yet: Ben\n1 page in {target}\n"
    assert main(["return", "ex91", "--submissions", str(folder), *course]) == 2
    assert main(["return", "ex91", *course]) == 2
    assert main(["collect", EXERCISE, str(tmp_path / "nowhere.zip"), *course]) == 2
    assert "No such file" in capsys.readouterr().err
    for wrong in ("ex9", "", f"../solutions/{EXERCISE}"):
        assert main(["collect", wrong, str(tmp_path / "moodle.zip"), *course]) == 2
        assert f"no exercise is called {wrong!r}; there are: ex90_numbers" in capsys.readouterr().err
