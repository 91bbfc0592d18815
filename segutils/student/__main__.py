"""Make's commands for students: `python -m segutils.student work | submit EX STUDENT | zip`."""

import argparse
import sys
import zipfile
from pathlib import Path

from segutils.errors import CourseError
from segutils.paths import COURSE_ROOT
from segutils.student.archive import zip_for_students
from segutils.student.work import lay_out_work


def run_work(root: Path) -> int:
    """Lay out the student's copies and name the new ones."""
    for path in lay_out_work(root):
        print(f"new in work/: {path.relative_to(root / 'work')}")
    return 0


def run_submit(exercise: str, student: str, root: Path) -> int:
    """Hand in one exercise; 0 also when tasks fail, since it was handed in."""
    from segutils.student.check import report  # costs a second, which `work` need not pay
    from segutils.student.hand_in import submit

    target, checked = submit(exercise, student, root)
    print(report(checked))
    if not checked.all_passed:
        failing = f"{len(checked.reasons)} of {len(checked.tasks)}"
        print(f"Not every task passes yet ({failing} do not): it is handed in as it is.")
    print(f"Handed in: {target.relative_to(root)}; handing in again replaces it.")
    return 0


def run_zip(root: Path) -> int:
    """Pack the students' zip and say what it holds."""
    target = zip_for_students(root)
    with zipfile.ZipFile(target) as archive:
        print(f"{target.relative_to(root)}: {len(archive.namelist())} files, {target.stat().st_size / 1e6:.1f} MB")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run one command; 2 for a fault that its reader can mend."""
    parser = argparse.ArgumentParser(prog="python -m segutils.student", description=__doc__)
    parser.add_argument("--course", type=Path, default=COURSE_ROOT, help="the course's folder (this one)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("work", help="copy missing exercises into work/")
    handing_in = commands.add_parser("submit", help="check an exercise of work/ and hand it in")
    handing_in.add_argument("exercise", nargs="?", default="")
    handing_in.add_argument("student", nargs="?", default="")
    commands.add_parser("zip", help="pack the course without its solutions")
    arguments = parser.parse_args(argv)
    root = arguments.course.resolve()
    try:
        if arguments.command == "submit":
            return run_submit(arguments.exercise, arguments.student, root)
        return run_work(root) if arguments.command == "work" else run_zip(root)
    except (CourseError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
