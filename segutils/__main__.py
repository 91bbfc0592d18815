"""The command line of the course: `python -m segutils COMMAND --help`."""

import argparse
import sys
from pathlib import Path

from segutils.errors import CourseError
from segutils.paths import COURSE_ROOT, data_folder


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code (2 for a fault that the user can mend)."""
    parser = argparse.ArgumentParser(prog="python -m segutils", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add_command in (add_data, add_check, add_collect, add_grade, add_return):
        add_command(commands)
    arguments = parser.parse_args(argv)
    try:
        return arguments.run(arguments)
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: what was finished is kept", file=sys.stderr)
        return 130


def add_data(commands: argparse._SubParsersAction) -> None:
    """`data camseq` and `data toyscapes`: put a data set into data/."""
    parser = commands.add_parser("data", help="get CamSeq01, or draw the toy street scenes")
    data_sets = parser.add_subparsers(dest="data_set", required=True, metavar="DATA_SET")
    camseq = data_sets.add_parser("camseq", help="download CamSeq01 (90 MB), or import a copy of it")
    camseq.add_argument(
        "--archive", type=Path, metavar="PATH", help="a zip or folder that you have: nothing is downloaded"
    )
    camseq.add_argument(
        "--mirror", action="store_true", help="download from a public mirror instead of the authors' site"
    )
    camseq.add_argument("--folder", type=Path, metavar="DIR", help="where to put it (data/camseq)")
    camseq.set_defaults(run=run_data_camseq)
    toyscapes = data_sets.add_parser("toyscapes", help="draw toy street scenes in CamSeq01's layout")
    toyscapes.add_argument("--frames", type=_at_least_one, default=101, metavar="N", help="how many (101)")
    toyscapes.add_argument("--size", type=_size, default=(240, 180), metavar="WxH", help="width x height (240x180)")
    toyscapes.add_argument("--seed", type=int, default=0, metavar="N", help="which street (0)")
    toyscapes.add_argument("--folder", type=Path, metavar="DIR", help="where to put them (data/toyscapes)")
    toyscapes.set_defaults(run=run_data_toyscapes)


def run_data_camseq(arguments: argparse.Namespace) -> int:
    """Exit with 0 when a complete CamSeq01 lies in the folder."""
    from segutils import camseq

    if arguments.archive and arguments.mirror:
        raise CourseError("--archive imports a copy that you have, --mirror downloads one: give one of them")
    if arguments.archive:
        folder = camseq.import_archive(arguments.archive, arguments.folder)
    elif arguments.mirror:
        folder = camseq.download(arguments.folder, camseq.MIRROR_URL, camseq.MIRROR_SHA256)
    else:
        folder = camseq.download(arguments.folder)
    print(f"CamSeq01: {len(camseq.CamSeqDataset(folder))} frames in {folder}")
    return 0


def run_data_toyscapes(arguments: argparse.Namespace) -> int:
    """Exit with 0 when the toy scenes lie in the folder."""
    from segutils import toyscapes

    folder = arguments.folder or data_folder() / "toyscapes"
    toyscapes.generate(folder, arguments.frames, arguments.size, arguments.seed)
    width, height = arguments.size
    print(f"toy scenes: {arguments.frames} frames of {width}x{height}, street {arguments.seed}, in {folder}")
    return 0


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 240x180")
    return int(width), int(height)


def add_check(commands: argparse._SubParsersAction) -> None:
    """`check NOTEBOOK`: what a student runs before handing in."""
    parser = commands.add_parser("check", help="run an exercise and say task by task what passes")
    parser.add_argument("notebook", type=Path, help="e.g. work/ex04_aspp/ex04_aspp.ipynb")
    _add_course(parser)
    parser.set_defaults(run=run_check)


def run_check(arguments: argparse.Namespace) -> int:
    """Exit with 0 when every task passes, 1 when not."""
    from segutils.student import check

    return check.run_check(arguments.notebook, arguments.course.resolve())


def add_collect(commands: argparse._SubParsersAction) -> None:
    """`collect EXERCISE EXPORT`: from an LMS's zip to a folder of submissions."""
    parser = commands.add_parser("collect", help="unpack the zip of hand-ins that Moodle or Canvas exports")
    parser.add_argument("exercise", help="e.g. ex04_aspp")
    parser.add_argument("export", type=Path, help="the zip: Moodle's, Canvas's, or one of students' folders")
    parser.add_argument("--submissions", type=Path, metavar="DIR", help="where to (grading/collected/EXERCISE)")
    _add_course(parser)
    parser.set_defaults(run=run_collect)


def run_collect(arguments: argparse.Namespace) -> int:
    """Exit with 0 when the export lies in the folder."""
    from segutils.grading import lms
    from segutils.grading.course import exercise_names

    if arguments.exercise not in (known := exercise_names(arguments.course)):
        raise CourseError(f"no exercise is called {arguments.exercise!r}; there are: {', '.join(known)}")
    folder = arguments.submissions or _collected(arguments)
    outcome = lms.unpack(arguments.export, folder, arguments.exercise)
    for left_out in outcome.left_out:
        print(f"left out: {left_out}")
    print(f"{_counted(outcome.students, 'student')} in {folder}")
    return 0


def add_return(commands: argparse._SubParsersAction) -> None:
    """`return EXERCISE`: from feedback pages to the zip that an LMS takes."""
    parser = commands.add_parser("return", help="pack the feedback pages as the LMS takes them back")
    parser.add_argument("exercise", help="e.g. ex04_aspp")
    parser.add_argument("--submissions", type=Path, metavar="DIR", help="as graded (grading/collected/EXERCISE)")
    parser.add_argument("--zip", type=Path, metavar="FILE", help="where to (grading/EXERCISE-feedback.zip)")
    _add_course(parser)
    parser.set_defaults(run=run_return)


def run_return(arguments: argparse.Namespace) -> int:
    """Exit with 0 when the zip is written."""
    from segutils.grading import lms

    grading = arguments.course.resolve() / "grading"
    target = arguments.zip or grading / f"{arguments.exercise}-feedback.zip"
    outcome = lms.pack(arguments.submissions or _collected(arguments), arguments.exercise, grading, target)
    for name in outcome.left_out:
        print(f"no feedback yet: {name}")
    print(f"{_counted(outcome.students, 'page')} in {target}")
    return 0


def _counted(things: tuple[str, ...], name: str) -> str:
    return f"{len(things)} {name}" if len(things) == 1 else f"{len(things)} {name}s"


def _collected(arguments: argparse.Namespace) -> Path:
    return arguments.course.resolve() / "grading" / "collected" / arguments.exercise


def add_grade(commands: argparse._SubParsersAction) -> None:
    """`grade EXERCISE --submissions DIR`: what an instructor runs."""
    parser = commands.add_parser("grade", help="grade a folder of submissions into gradebook, feedback and a table")
    parser.add_argument("exercise", help="e.g. ex04_aspp")
    parser.add_argument(
        "--submissions", type=Path, required=True, metavar="DIR", help="holds DIR/STUDENT/EXERCISE.ipynb"
    )
    parser.add_argument("--workers", type=_at_least_one, metavar="N", help="notebooks run at a time (one per core)")
    parser.add_argument("--scheduler", metavar="tcp://...", help="run them on the workers of this dask scheduler")
    parser.add_argument(
        "--time-limit", type=_seconds, default=30.0, metavar="S", help="CPU seconds that one cell may take (30)"
    )
    parser.add_argument(
        "--memory-limit", type=_gigabytes, default=4.0, metavar="G", help="gigabytes that one notebook may take (4)"
    )
    parser.add_argument("--no-sandbox", action="store_true", help="run students' code with your own rights")
    parser.add_argument("--cold", action="store_true", help="start each kernel from nothing: slower, for comparison")
    parser.add_argument("--db", metavar="URL", help="the gradebook (sqlite:///.../grading/gradebook.db)")
    _add_course(parser)
    parser.set_defaults(run=run_grade)


def run_grade(arguments: argparse.Namespace) -> int:
    """Exit with 0 when every student's folder was graded, 3 when some need attention."""
    from segutils.grading import head_start

    if not arguments.scheduler:
        head_start.start()  # before the next line, which takes as long
    from segutils.grading import execute, pipeline, results

    if arguments.no_sandbox:
        print(pipeline.NO_SANDBOX, file=sys.stderr, flush=True)
    chosen = {"workers": arguments.workers} if arguments.workers else {}
    settings = pipeline.Settings(
        limits=execute.Limits(arguments.time_limit, int(arguments.memory_limit * 1e9)),
        db_url=arguments.db,
        scheduler=arguments.scheduler,
        sandboxed=not arguments.no_sandbox,
        **({"warm": False} if arguments.cold else {}),
        **chosen,
    )
    rows = pipeline.grade_exercise(arguments.course.resolve(), arguments.exercise, arguments.submissions, settings)
    return 3 if any(row.status == results.NEEDS_ATTENTION for row in rows) else 0


def _add_course(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--course", type=Path, default=COURSE_ROOT, metavar="DIR", help="the course's folder (this one)"
    )


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def _seconds(text: str) -> float:
    return _from_one_on(text, "seconds")


def _gigabytes(text: str) -> float:
    return _from_one_on(text, "gigabytes")  # torch alone takes half of one


def _from_one_on(text: str, unit: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 1 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of {unit} from 1 on")
    return number


if __name__ == "__main__":
    sys.exit(main())
