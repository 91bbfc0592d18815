"""What an instructor does in formgrader's pages comes back in the table and in the feedback."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from grading.tiny_course import Course

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, which drives the browser")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: sudo apt-get install chromium"),
]

CONFIG = """
from segutils.grading.course import nbgrader_config
c = get_config()
c.merge(nbgrader_config({root!r}))
"""
MINUTE = 60_000  # milliseconds: what a page waits for comes much sooner, and fails the test if it does not come at all


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Two students, one of them with a wrong task."""
    course = Course(tmp_path_factory.mktemp("browser") / "course")
    course.submit("Ada Lovelace", course.solved())
    course.submit("Zoë Müller", course.solved(area="def area(width, height):\n    return width + height"))
    (course.root / "nbgrader_config.py").write_text(CONFIG.format(root=str(course.root)))
    course.grade(seconds=60)
    return course


@pytest.fixture(scope="module")
def formgrader(course, tmp_path_factory):
    """The address of formgrader in JupyterLab, which is started in the course's folder as `make lab` does."""
    home = tmp_path_factory.mktemp("home")
    folders = {name: str(home) for name in ("HOME", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")}
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--port=0"]
    with (home / "log.txt").open("w") as log:
        server = subprocess.Popen(
            [*command, f"--ServerApp.root_dir={course.root}"],
            cwd=course.root,
            env={**os.environ, **folders},
            stdout=log,
            stderr=log,
        )
    try:
        while not (known := read_address(home)):
            assert server.poll() is None, (home / "log.txt").read_text()
            time.sleep(0.1)
        yield f"{known['url']}formgrader", known["token"]
    finally:
        server.terminate()
        server.wait()


def read_address(home):
    """What the server says of itself once it listens."""
    with contextlib.suppress(StopIteration, ValueError):
        return json.loads(next(home.glob("jpserver-*.json")).read_text())


@pytest.fixture(scope="module")
def page(formgrader):
    address, token = formgrader
    with playwright.sync_playwright() as driver:
        rights = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's own sandbox refuses root
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=rights)
        page = browser.new_page()
        page.set_default_timeout(MINUTE)
        page.goto(f"{address}/?token={token}")
        yield page
        browser.close()


def test_the_list_of_submissions_shows_everybody(course, page, formgrader):
    page.goto(f"{formgrader[0]}/manage_submissions/{course.exercise}")
    for student, score in {"Ada Lovelace": "9.5 / 9.5", "Zoë Müller": "6.5 / 9.5"}.items():
        row = page.get_by_role("row").filter(has_text=student)
        row.wait_for()
        assert "graded" in row.inner_text() and score in row.inner_text()


def test_points_and_a_comment_of_a_person_come_back(course, page, formgrader):
    page.goto(f"{formgrader[0]}/gradebook/{course.exercise}/{course.exercise}")
    page.get_by_role("link", name="Submission #").nth(1).wait_for()
    page.get_by_text("Show All Names").click()
    page.get_by_role("link", name="Zoë Müller").click()
    enter(page, "#area_test", "1.5", "grade")
    enter(page, "#area-comment", "Width times height: see *lecture 1*.", "comment")

    rows = course.grade(seconds=60)
    assert rows["Zoë Müller"]["area_test"] == "1.5" and rows["Zoë Müller"]["score"] == "8"
    assert rows["Ada Lovelace"]["score"] == "9.5"
    page.goto(course.feedback("Zoë Müller").as_uri())
    told = " ".join(page.inner_text("body").split())
    assert "1.5 of 3" in told and "The points were given by a person." in told
    assert "Width times height: see lecture 1." in told


def enter(page, field, text, what):
    """Type into a field and leave it, as a person does; formgrader then saves it."""
    page.locator(f"{field}[placeholder]").wait_for()  # formgrader sets it when it has loaded what is known
    with page.expect_response(lambda answer: f"/api/{what}/" in answer.url and answer.request.method == "PUT") as saved:
        page.locator(field).fill(text)
        page.locator(field).press("Tab")
    assert saved.value.ok
