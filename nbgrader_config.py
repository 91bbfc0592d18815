"""nbgrader finds this file in the folder it is started from; the settings are in segutils/grading/course.py."""

from pathlib import Path

from segutils.grading.course import nbgrader_config

root = Path(__file__).resolve().parent
(root / "grading").mkdir(exist_ok=True)  # SQLite does not make the gradebook's folder

c = get_config()  # noqa: F821 - given by nbgrader
c.merge(nbgrader_config(root))
