"""Time grading a class against serial `nbgrader autograde`, in one interleaved run: `make bench`.

Every notebook differs from every other one, the cache is empty, sandbox and sealed checks are on, and each figure is
that of a whole process from its start to its end. Prints a table with ratios and writes build/bench_grading.json.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import nbformat
import psutil

from segutils.grading.course import register_exercise, release_exercises
from segutils.submission import entry

ROOT = Path(__file__).resolve().parents[1]
EXERCISE = "ex04_aspp"
SERIAL = (4, 16)  # submissions that nbgrader is timed on: from these, what one takes, and what starting takes


def make_class(folder: Path, count: int) -> Path:
    """A course with one exercise and `count` solved notebooks, each with a comment of its own, as handed in."""
    source = ROOT / "solutions" / EXERCISE / f"{EXERCISE}.ipynb"
    (folder / "solutions" / EXERCISE).mkdir(parents=True)
    shutil.copy(source, folder / "solutions" / EXERCISE)
    release_exercises(folder)
    released = nbformat.read(folder / "exercises" / EXERCISE / f"{EXERCISE}.ipynb", as_version=4)
    answers = {entry(cell).get("grade_id"): cell.source for cell in nbformat.read(source, as_version=4).cells}
    for number in range(count):
        for cell in released.cells:
            if entry(cell).get("solution"):
                cell.source = f"{answers[entry(cell)['grade_id']]}\n# student {number}"
        target = folder / "grading" / "submitted" / f"student-{number:03}" / EXERCISE
        target.mkdir(parents=True)
        nbformat.write(released, target / f"{EXERCISE}.ipynb")
    return folder


def run(command: list[str], folder: Path) -> float:
    """Seconds of a whole process."""
    started = time.monotonic()
    code = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    if code:
        raise SystemExit(f"{' '.join(command)} ended with {code}")
    return time.monotonic() - started


def serial(folder: Path, count: int) -> float:
    """Seconds of `nbgrader autograde` for a class."""
    course = make_class(folder, count)
    shutil.copy(ROOT / "nbgrader_config.py", course)
    register_exercise(course, EXERCISE)
    return run([sys.executable, "-m", "nbgrader", "autograde", EXERCISE], course)


def ours(course: Path) -> float:
    """Seconds of `python -m segutils grade` for a class."""
    return run(grade_command(course), ROOT)


def grade_command(course: Path, *options: str) -> list[str]:
    """What an instructor types."""
    submitted = str(course / "grading" / "submitted")
    return [
        sys.executable,
        "-m",
        "segutils",
        "grade",
        EXERCISE,
        "--course",
        str(course),
        "--submissions",
        submitted,
        *options,
    ]


def memory(course: Path, workers: int) -> int:
    """The most memory that all processes of a run took together, in MB; pages that they share are counted once."""
    peak = 0
    with subprocess.Popen(
        grade_command(course, "--workers", str(workers)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        grader = psutil.Process(process.pid)
        while process.poll() is None:
            sizes = []
            for one in [grader, *grader.children(recursive=True)]:
                with suppress(psutil.Error):
                    sizes.append(one.memory_full_info().pss)
            peak = max(peak, sum(sizes))
            time.sleep(0.2)
    return round(peak / 1e6)


def spent_on_one(course: Path) -> dict[str, float]:
    """Where the time of one submission goes: medians over the class, in seconds."""
    made = [json.loads(path.read_bytes()) for path in (course / "grading" / "executions").glob("*.json")]
    phases = {name: statistics.median(one["spent"][name] for one in made) for name in ("start", "cells", "judge")}
    return {**phases, "CPU of the kernel": statistics.median(one["cpu_seconds"] for one in made)}


def main() -> None:
    """Time both in turns and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 16, 96, 300], help="classes (10 16 96 300)")
    sizes = parser.parse_args().sizes
    results: dict = {"cores": len(os.sched_getaffinity(0)), "serial": {}, "classes": {}}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        results["memory"] = {n: memory(make_class(folder / f"memory-{n}", 4 * n), n) for n in (1, 2)}
        results["serial"][SERIAL[0]] = serial(folder / "serial-0", SERIAL[0])
        for turn, size in enumerate(sizes):
            course = make_class(folder / f"class-{size}", size)
            seconds, known = ours(course), ours(course)
            results["classes"][size] = {"seconds": seconds, "known": known, "one": spent_on_one(course)}
            if turn == 0:
                results["serial"][SERIAL[1]] = serial(folder / "serial-1", SERIAL[1])
    report(results)


def report(results: dict) -> None:
    """Print the table and write build/bench_grading.json."""
    (few, short), (many, long) = sorted(results["serial"].items())
    one = (long - short) / (many - few)
    start = short - few * one
    print(f"nbgrader autograde, serial: {short:.0f} s for {few}, {long:.0f} s for {many}: {one:.2f} s a submission")
    print("students   seconds   a minute   x serial   known   x serial")
    for size, found in results["classes"].items():
        base = start + size * one
        found["ratio"], found["ratio_known"] = base / found["seconds"], base / found["known"]
        print(
            f"{size:>8}  {found['seconds']:>8.1f}  {60 * size / found['seconds']:>9.0f}  {found['ratio']:>9.1f}"
            f"  {found['known']:>6.1f}  {found['ratio_known']:>9.0f}"
        )
    last = list(results["classes"].values())[-1]
    print("one submission:", ", ".join(f"{name} {seconds:.2f} s" for name, seconds in last["one"].items()))
    one_worker, two_workers = results["memory"].values()
    print(f"most memory: {one_worker} MB with one worker, {two_workers - one_worker} MB for each other one")
    target = ROOT / "build" / "bench_grading.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
