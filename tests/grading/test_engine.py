"""Executions on workers: known ones are not made again, lost ones are, and no fault of a worker is a student's."""

import os

import pytest
from distributed import LocalCluster
from nbformat import writes
from nbformat.v4 import new_code_cell, new_notebook

from segutils.errors import CourseError
from segutils.grading import engine, head_start
from segutils.grading.engine import Engine, Executions, fingerprint
from segutils.grading.execute import Job, Limits
from segutils.grading.kernels import nurseries
from segutils.grading.kernels.nursery import Specification

SPECIFICATION = Specification("ex90_numbers", (), (), sandboxed=False, warm=True, disk=10**9)
COUNT = "with open({path!r}, 'a') as file:\n    file.write('x')\n"
ONCE = """
import os, psutil
if not os.path.exists({path!r}):
    open({path!r}, "w").close()
    nursery = psutil.Process().parent()
    below = psutil.Process({grader}).children(recursive=True)
    forked = [one for one in below if one.status() != psutil.STATUS_ZOMBIE and "forkserver" in str(one.cmdline())]
    workers = [one for one in forked if one.parent() in forked]
    {fault}
print("done")
"""


def once(path, fault):
    """A cell that does something to the processes around it when it is run for the first time."""
    return ONCE.format(grader=os.getpid(), path=str(path), fault=fault)


def job(source, seconds=20.0):
    return Job(writes(new_notebook(cells=[new_code_cell(source, id="one")])), {}, SPECIFICATION, Limits(seconds))


def run(folder, jobs, **options):
    with Engine(Executions(folder), workers=2, **options) as started:
        return dict(started.results(jobs))


def printed(execution):
    return execution.outputs[0][0]["text"]


def test_known_executions_are_not_made_again(tmp_path):
    count, folder = tmp_path / "count", tmp_path / "executions"
    jobs = {"ada": job(COUNT.format(path=str(count)) + "print(1)"), "ben": job("print(2)")}
    first = run(folder, jobs)
    assert {name: printed(execution) for name, execution in first.items()} == {"ada": "1\n", "ben": "2\n"}
    assert run(folder, jobs) == first and count.read_text() == "x"
    broken = folder / f"{fingerprint(jobs['ada'])}.json"
    broken.write_text(broken.read_text()[:100])
    assert printed(run(folder, jobs)["ada"]) == "1\n" and count.read_text() == "xx"


def test_everything_that_matters_is_in_the_fingerprint(monkeypatch):
    first = job("print(1)")
    assert fingerprint(first) == fingerprint(job("print(1)"))
    assert len({fingerprint(one) for one in (first, job("print(2)"), job("print(1)", 21.0))}) == 3
    before = fingerprint(first)
    monkeypatch.setattr(engine, "course_version", lambda: "another")
    assert fingerprint(first) != before


@pytest.mark.parametrize("early", [False, True], ids=["", "after a head start"])
@pytest.mark.parametrize(
    "fault",
    ["[worker.kill() for worker in workers]", "nursery.kill()", "nursery.parent().kill(); nursery.kill()"],
    ids=["worker", "nursery", "nurseries"],
)
def test_what_a_killed_process_was_doing_is_done_again(tmp_path, monkeypatch, fault, early):
    """Nurseries are forked by a process that each worker starts for itself, or by one that was there before."""
    monkeypatch.setenv(nurseries.ADDRESS, "")
    if early:
        head_start.start()
    lost = job(once(tmp_path / "once", fault))
    results = run(tmp_path / "executions", {"lost": lost, **{str(n): job(f"print({n})") for n in range(4)}})
    assert {name: printed(execution) for name, execution in results.items()} == {
        "lost": "done\n", "0": "0\n", "1": "1\n", "2": "2\n", "3": "3\n"
    }  # fmt: skip


def test_workers_that_hang_are_started_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "GRACE", 20)
    stuck = job(once(tmp_path / "once", "[worker.suspend() for worker in workers]"), seconds=1.0)
    assert printed(run(tmp_path / "executions", {"stuck": stuck})["stuck"]) == "done\n"


def test_who_hit_a_limit_is_run_once_more_before_it_counts(tmp_path):
    slow = job(once(tmp_path / "once", "while True: pass"), seconds=1.0)
    results = run(tmp_path / "executions", {"slow": slow, "endless": job("while True: pass", seconds=1.0)})
    assert not results["slow"].limited and printed(results["slow"]) == "done\n"
    assert results["endless"].limited


def test_workers_of_a_scheduler_elsewhere(tmp_path, monkeypatch):
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50) as cluster:
        address = cluster.scheduler_address
        assert printed(run(tmp_path / "one", {"ada": job("print(1)")}, scheduler=address)["ada"]) == "1\n"
        monkeypatch.setattr(engine, "course_version", lambda: "another")
        with pytest.raises(CourseError, match="has another version of the course"):
            run(tmp_path / "two", {"ada": job("print(1)")}, scheduler=address)
        cluster.scale(0)
        cluster.sync(cluster._correct_state)
        with pytest.raises(CourseError, match="has no workers"):
            run(tmp_path / "three", {"ada": job("print(1)")}, scheduler=address)
