"""The summary page of a run: one HTML file that opens in any browser, and from which no request is sent."""

import base64
import hashlib
import math
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from segutils.grading.files import write_atomically
from segutils.grading.results import (
    GRADED,
    NEEDS_ATTENTION,
    WHAT_TO_DO,
    Row,
    Timing,
    duration,
    grouped,
    messages,
    one_line,
    outcomes,
    points,
    total,
)
from segutils.submission import Task

MAX_NAME, MAX_MESSAGE = 60, 1000  # characters of a name and of a message on the page; the CSV has all of them
MAX_BINS = 12  # of the histogram, and one for full points
SHOWN = 5  # messages per task, and slowest submissions


@dataclass(frozen=True)
class Bin:
    """A bar of the histogram: how many scores are in it, and which of mean and median."""

    label: str
    count: int
    marks: tuple[str, ...]


def write_page(path: Path, rows: list[Row], tasks: list[Task], timing: Timing | None = None) -> None:
    """Write the summary page of an exercise, e.g. grading/ex04_aspp.html; the feedback pages lie in feedback/ beside.

    The same rows give the same page: it tells no date. What students chose, names and messages, is shown as text.
    """
    rows = sorted(rows, key=lambda row: row.student)
    graded = [row for row in rows if row.status == GRADED]
    page = _template().render(
        exercise=path.stem,
        rows=rows,
        tasks=tasks,
        counts=Counter(row.status for row in rows),
        known=sum(row.known for row in rows),
        bins=_histogram([row.score for row in graded], total(tasks)),
        scores=[row.score for row in graded],
        outcomes={task.name: outcomes(graded, task) for task in tasks},
        messages={task.name: found for task in tasks if (found := messages(rows, task))},
        attention=grouped((row.student, row.message) for row in rows if row.status == NEEDS_ATTENTION),
        mended=grouped((row.student, note) for row in rows for note in row.mended),
        slowest=sorted((row for row in rows if row.seconds > 0), key=lambda row: -row.seconds)[:SHOWN],
        seconds=sum(row.seconds for row in rows if not row.known),
        timing=timing,
        total=total(tasks),
        feedback=lambda row: _feedback_link(path.parent, row),
        shown=SHOWN,
        what_to_do=WHAT_TO_DO,
    )
    write_atomically(path, page)


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("segutils.grading"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"points": points, "duration": duration, "mean": mean, "median": median}
    environment.filters |= {"name": lambda text: _shorten(text, MAX_NAME) or "(no name)", "shorten": _shorten}
    environment.filters["breakable"] = lambda name: Markup("_<wbr>").join(name.split("_"))
    environment.globals["script_hash"] = _script_hash(environment)
    return environment.get_template("report.html")


def _script_hash(environment: jinja2.Environment) -> str:
    """The page's policy names its one script by hash, so that no other runs, should an escape ever be forgotten."""
    script = environment.get_template("report.js").render()
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _shorten(text: str, length: int = MAX_MESSAGE) -> str:
    text = one_line(text)
    return text if len(text) <= length else text[: length - 1] + "…"


def _feedback_link(folder: Path, row: Row) -> str:
    """The relative address of a student's feedback page, empty where there is none."""
    place = os.path.join("feedback", row.student, row.assignment, f"{row.assignment}.html")
    if row.status != GRADED or not os.path.isfile(folder / place):  # False also for names that no file can have
        return ""
    return "/".join(quote(os.fsencode(part), safe="") for part in Path(place).parts)


def _histogram(scores: list[float], most: float) -> list[Bin]:
    """Bins of equal width from 0 up, and one for full points, the highest first; none without scores or points."""
    if not scores or most <= 0:
        return []
    step = next(step for step in _steps() if most / step <= MAX_BINS)
    last = math.ceil(most / step)
    counts = Counter(_bin(score, step, last, most) for score in scores)
    marks: dict[int, list[str]] = {}
    for name, value in (("mean", mean(scores)), ("median", median(scores))):
        marks.setdefault(_bin(value, step, last, most), []).append(f"{name} {points(round(value, 2))}")
    whole = all(score % step == 0 for score in scores)
    bins = [Bin(_label(i, step, most, whole), counts[i], tuple(marks.get(i, []))) for i in range(last + 1)]
    return bins[::-1]


def _steps() -> Iterator[float]:
    return (factor * 10**power for power in range(10) for factor in (1, 2, 5))


def _bin(score: float, step: float, last: int, most: float) -> int:
    """The number of the bar; a person may have given less than 0, or more than all points."""
    return last if score >= most else min(max(int(score // step), 0), last - 1)


def _label(number: int, step: float, most: float, whole: bool) -> str:
    low, high = number * step, min((number + 1) * step, most)
    if low >= most:
        return f"{points(most)} (all)"
    return points(low) if whole else f"{points(low)} to under {points(high)}"
