"""The rows of a run: in the CSV, in a line of the terminal, in the table at the end, as JSON."""

import csv
import json
import re

import pytest
import wcwidth

from segutils.grading.results import (
    GRADED,
    NEEDS_ATTENTION,
    Row,
    Timing,
    duration,
    grouped,
    line,
    messages,
    name_columns,
    outcomes,
    summary,
    write_csv,
)
from segutils.submission import NOT_WRITTEN, Task

TASKS = [Task("double_test", 2), Task("area_test", 4.5), Task("extra", 0)]
NAMES = [
    "ada",
    "Ada Lovelace_4711_assignsubmission_file_",
    "山田美咲",
    "Nguye\u0302\u0303n",
    "علی\u200cرضا",
    "👩\u200d🔬",
    "a\u202eb",
    "bad\udcffbyte",
    "x" * 10_000,
    "line\nbreak\x1b[2J",
    '"quoted", with comma',
]
FORMULAS = ["=1+1", "+1", "-ada", "@SUM(A1)", "\t=1", " =1", "'=1", "''=1", "＝1", "\r@x"]


def graded(student, double=2.0, area=4.5, message="", **other):
    return Row(student, "ex90", GRADED, message, {"double_test": double, "area_test": area, "extra": 0.0}, **other)


def needs_attention(student, message="the folder is empty: ask for the notebook"):
    return Row(student, "ex90", NEEDS_ATTENTION, message)


def read_csv(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_the_columns_of_the_contract_in_order_of_the_names(tmp_path):
    write_csv(tmp_path / "t.csv", [needs_attention("cleo"), graded("ben", area=2.25), graded("ada")], TASKS)
    header, *lines = (tmp_path / "t.csv").read_text().splitlines()
    assert header == "student,assignment,status,score,max_score,double_test,area_test,extra,message"
    assert lines == [
        "ada,ex90,graded,6.5,6.5,2,4.5,0,",
        "ben,ex90,graded,4.25,6.5,2,2.25,0,",
        "cleo,ex90,needs_attention,,6.5,,,,the folder is empty: ask for the notebook",
    ]


def test_a_spreadsheet_finds_no_formula_in_messages_and_names_are_as_they_are(tmp_path):
    names = FORMULAS + [name for name in NAMES if "\udcff" not in name]
    write_csv(tmp_path / "t.csv", [graded(name, message=name) for name in names], TASKS)
    rows = read_csv(tmp_path / "t.csv")
    for row in rows:
        assert not re.match(r"\s*[=+\-@＝＋－＠]", row["message"])
    assert [row["student"] for row in rows] == sorted(names)


def test_a_negative_score_stays_a_number(tmp_path):
    write_csv(tmp_path / "t.csv", [graded("ada", double=-1, area=0)], TASKS)
    assert (read_csv(tmp_path / "t.csv")[0]["double_test"], read_csv(tmp_path / "t.csv")[0]["score"]) == ("-1", "-1")


def test_a_message_is_one_printable_line(tmp_path):
    write_csv(tmp_path / "t.csv", [graded("ada", message="a\r\nb\x1b[31m\x00 c\td \ud800 \u202ee")], TASKS)
    assert read_csv(tmp_path / "t.csv")[0]["message"] == "a b c d \\ud800 e"


@pytest.mark.parametrize("name", NAMES + FORMULAS + ["\ud83d"])
def test_a_row_survives_json(name):
    row = graded(
        name, 0.5, message=name, challenges=("extra",), reasons={"area_test": name}, seconds=1.25, known=True,
        mended=("cell area was missing: it was put back", name),
    )  # fmt: skip
    text = json.dumps(row.to_dict())
    assert text.isascii()
    assert Row.from_dict(json.loads(text)) == row


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [20, 70, 100])
def test_a_line_keeps_its_columns_and_its_width_whatever_the_name(name, width):
    names = name_columns(NAMES)
    assert names == 40
    text = line(graded(name, message="area_test: 幅が違う " * 20), TASKS, width, names)
    assert wcwidth.width(text) <= width and text.isprintable()
    if width > 60:
        assert wcwidth.width(text[: text.index(" graded ")]) == names


def test_a_line_says_what_was_known_and_what_was_solved():
    assert line(graded("ada", known=True, challenges=("extra",)), TASKS, 100) == (
        "ada              graded (known)   6.5 of 6.5  solved the challenge extra"
    )
    assert line(graded("ada"), TASKS, 100) == "ada              graded           6.5 of 6.5"
    assert line(needs_attention("ben"), TASKS, 56) == "ben              needs_attention           -  the fol..."


def test_messages_about_the_same_cause_are_one_group():
    told = [
        ("ada", "differs at [0, 3] Likely cause: the pool comes first"),
        ("ben", "differs at [2, 1, 5] Likely cause: the pool comes first"),
        ("cleo", "NameError: name 'conv1' is not defined"),
        ("dan", "NameError: name 'x' is not defined"),
        ("eva", "RuntimeError: shape (2, 3, -1.5e-3) against (4, 5)"),
        ("finn", "RuntimeError: shape (7, 8) against (4, 5)"),
        ("gül", "NameError: name 'cv2' is not defined"),
        ("ivo", "NameError: conv2d isn't what it can't be"),
        ("jo", "Likely cause: "),
    ]
    assert [(group.text, "".join(name[0] for name in group.students)) for group in grouped(told)] == [
        ("NameError: name … is not defined", "cdg"),
        ("RuntimeError: shape (…) against (…)", "ef"),
        ("the pool comes first", "ab"),
        ("Likely cause:", "j"),
        ("NameError: conv2d isn't what it can't be", "i"),
    ]


def test_names_and_words_that_only_look_as_if_they_varied_make_a_difference():
    told = ["it can't take x, so don't", "it can't take y, so don't", "conv2 is missing", "conv3 is missing"]
    assert [group.text for group in grouped((text, text) for text in told)] == sorted(told)


def test_a_task_is_right_partly_right_wrong_or_not_begun():
    rows = [
        graded("ada"),
        graded("ben", area=1, reasons={"area_test": "1 of 4.5 points", "extra": "no"}),
        graded("cleo", area=0, reasons={"area_test": "no", "extra": NOT_WRITTEN}),
        graded("dan", area=0, reasons={"area_test": NOT_WRITTEN, "extra": NOT_WRITTEN}),
        graded("eva", challenges=("extra",)),
    ]
    area, extra = outcomes(rows, TASKS[1]), outcomes(rows[1:], TASKS[2])
    assert (area.right, area.partly, area.wrong, area.not_begun) == (2, 1, 1, 1)
    assert (extra.right, extra.partly, extra.wrong, extra.not_begun) == (1, 0, 1, 2)


def test_a_message_does_not_count_where_a_person_gave_all_points():
    told = {"area_test": "the output differs"}
    rows = [graded("ada", reasons=told), graded("ben", area=0, reasons=told), graded("cleo", 0, reasons={})]
    assert [group.students for group in messages(rows, TASKS[1])] == [("ben",)]


def test_the_end_of_a_run_says_what_is_left_to_do(tmp_path):
    names = [f"student{number}" for number in range(30)]
    rows = [graded("ada", known=True, seconds=500), graded("ben", seconds=61, area=2.5)]
    rows += [graded(name, area=0, reasons={"area_test": "expected 6 Likely cause: a slip"}) for name in ("dan", "eva")]
    rows += [graded("finn", area=0, reasons={"area_test": "expected 7"}), *map(needs_attention, names)]
    place = tmp_path / ("deep" * 30)
    text = summary(rows, TASKS, Timing(1, 60, 9, 70), {"table": place}, width=70)
    assert "35 students: 5 graded (1 known from an earlier run), 30 need attention" in text
    assert re.search(r"^area_test +4.5 +1 +1 +3 +0 +1.40$", text, flags=re.MULTILINE)
    assert re.search(r"^all tasks +6.5 +3.40, median 2$", text, flags=re.MULTILINE)
    assert "2 x  a slip (dan, eva)" in text and "expected 7" not in text
    flat = " ".join(text.split())
    assert "give the same command again 30 x the folder is empty: ask for the notebook (student0, student1" in flat
    assert "student19 and 10 more)" in flat
    assert "1 min 10 s: collecting 1.0 s, executing 1 min 0 s" in flat and "took 1 min 1 s of CPU time" in flat
    assert text.endswith(str(place))
    assert all(wcwidth.width(row) <= 70 for row in text.splitlines()[:-1] if not row.startswith("time"))


@pytest.mark.parametrize("rows", [[], [needs_attention("ada")]])
def test_a_run_without_a_grade_has_an_end_too(rows):
    assert f"{len(rows)} student" in summary(rows, TASKS)
    assert "mean" not in summary(rows, TASKS) and not summary(rows, TASKS).endswith("\n")


def test_durations_are_said_as_people_say_them():
    said = {0.04: "0.0 s", 9.94: "9.9 s", 9.96: "10 s", 59.7: "1 min 0 s", 3599.6: "1 h 0 min", 7260: "2 h 1 min"}
    assert {seconds: duration(seconds) for seconds in said} == said
