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
import threading
import time
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


def run(command: list[str], folder: Path) -> tuple[float, dict[str, float]]:
    """Seconds of a whole process, and the most memory that it and each kind of its children took, in MB."""
    peak: dict[str, float] = {}
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ended = threading.Event()
    watcher = threading.Thread(target=_watch_memory, args=(psutil.Process(process.pid), peak, ended))
    watcher.start()
    code = process.wait()
    seconds = time.monotonic() - started
    ended.set()
    watcher.join()
    if code:
        raise SystemExit(f"{' '.join(command)} ended with {code}")
    return seconds, peak


def _watch_memory(grader: psutil.Process, peak: dict[str, float], ended: threading.Event) -> None:
    while not ended.wait(1.0):
        try:
            found = {"grader": grader.memory_full_info().pss}
            for child in grader.children(recursive=True):
                words = " ".join(child.cmdline())
                kind = "nursery or kernel" if "nursery" in words else "worker" if "spawn_main" in words else ""
                if kind:
                    found[kind] = max(found.get(kind, 0), child.memory_full_info().pss)
        except psutil.Error:
            continue
        for kind, size in found.items():
            peak[kind] = max(peak.get(kind, 0), round(size / 1e6))


def serial(folder: Path, count: int) -> float:
    """Seconds of `nbgrader autograde` for a class."""
    course = make_class(folder, count)
    shutil.copy(ROOT / "nbgrader_config.py", course)
    register_exercise(course, EXERCISE)
    return run([sys.executable, "-m", "nbgrader", "autograde", EXERCISE], course)[0]


def ours(course: Path, *options: str) -> tuple[float, dict[str, float]]:
    """Seconds and memory of `python -m segutils grade` for a class."""
    submitted = ["--submissions", str(course / "grading" / "submitted")]
    return run(
        [sys.executable, "-m", "segutils", "grade", EXERCISE, "--course", str(course), *submitted, *options], ROOT
    )


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
        results["serial"][SERIAL[0]] = serial(folder / "serial-0", SERIAL[0])
        for turn, size in enumerate(sizes):
            course = make_class(folder / f"class-{size}", size)
            seconds, memory = ours(course)
            known, _ = ours(course)
            phases = spent_on_one(course)
            results["classes"][size] = {"seconds": seconds, "known": known, "memory": memory, "one": phases}
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
    print("most memory:", ", ".join(f"{name} {size:.0f} MB" for name, size in last["memory"].items()))
    target = ROOT / "build" / "bench_grading.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
