"""The bar below the lines of a run: what it counts, and that it leaves the terminal as it should."""

import io
from types import SimpleNamespace

import pytest

from segutils.grading import progress
from segutils.grading.progress import Progress
from segutils.grading.results import GRADED, NEEDS_ATTENTION, Row


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Stdout and stderr on one terminal, as the module sees them: pytest puts its own into `sys` before each test."""
    stream = Terminal()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stdout=stream, stderr=stream))
    return stream


def row(status=GRADED, known=False):
    return Row("ada", "ex90", status, "", known=known)


def screen(stream):
    """The lines that a terminal shows: a carriage return goes back to the line's start, what is written replaces."""
    shown = []
    for line in stream.getvalue().split("\n"):
        cells = []
        for part in line.split("\r"):
            cells[: len(part)] = part
        shown.append("".join(cells).rstrip())
    return shown


def test_lines_stand_above_the_bar_and_nothing_is_left_of_it(terminal):
    with Progress(3) as bar:
        for number in range(3):
            bar.write(f"line {number}")
            bar.add(row())
    assert screen(terminal) == ["line 0", "line 1", "line 2", ""]


def test_the_bar_counts_by_status_and_says_what_is_going_on(terminal):
    with Progress(5) as bar:
        for each in (row(), row(NEEDS_ATTENTION), row(known=True)):
            bar.add(each)
        bar.note("waiting for the gradebook")
        last = screen(terminal)[-1]
        bar.note("")
        assert "waiting" not in screen(terminal)[-1]
    assert " 60 %|" in last and "| 3/5, " in last
    assert last.endswith("2 graded, 1 need attention, 1 known, waiting for the gradebook")


def test_after_an_interruption_the_bar_shows_how_far_the_run_had_come(terminal):
    def run():
        with Progress(4) as bar:
            bar.add(row())
            bar.add(row(NEEDS_ATTENTION))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    *_, last, below = screen(terminal)
    assert "2/4" in last and "1 graded, 1 need attention" in last and below == ""


def test_known_rows_do_not_make_the_others_seem_fast(terminal):
    with Progress(102) as bar:
        for _ in range(100):
            bar.add(row(known=True))
        bar.add(row())
        bar.bar.start_t -= 60  # as if the one that was executed had taken a minute
        told = bar.bar.format_dict
        seconds_left = (told["total"] - told["n"]) / ((told["n"] - told["initial"]) / told["elapsed"])
        bar.bar.refresh()
        assert seconds_left >= 60 and ", 01:0" in screen(terminal)[-1]


def test_without_a_terminal_there_are_the_lines_and_the_notes_alone(capsys):
    with Progress(2) as bar:
        for _ in range(2):
            bar.note("waiting for the gradebook")
            bar.write("line")
            bar.add(row(known=True))
    assert capsys.readouterr() == ("line\nline\n", "waiting for the gradebook\n")


def test_an_empty_run_has_an_end(terminal):
    with Progress(0):
        pass
    assert screen(terminal)[-1] == ""
