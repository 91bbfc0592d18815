"""Run the jobs of a class on dask's workers, and remember on disk what came of each."""

import hashlib
import importlib.metadata
import json
import logging
import os
import platform
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import dask
import nbformat
from distributed import Client, Future, LocalCluster, wait

from segutils.errors import CourseError
from segutils.grading import head_start
from segutils.grading.execute import WALL_FACTOR, Execution, Job, execute
from segutils.grading.files import write_atomically
from segutils.grading.kernels import bubblewrap
from segutils.paths import COURSE_ROOT

LIBRARIES = ("torch", "torchvision", "numpy", "ipykernel", "ipython")  # what an execution's outcome may depend on
GRACE = 120  # seconds beyond a job's limits after which its workers are given up
CONNECT_SECONDS = 20  # to find a scheduler
ATTEMPTS = 3  # times that the workers are started before a job is given up
SETTINGS = {
    "distributed.worker.daemon": False,  # workers start processes of their own
    "distributed.worker.multiprocessing-method": head_start.METHOD,
    "distributed.scheduler.allowed-failures": ATTEMPTS,
    "distributed.comm.timeouts.connect": "20s",
    "distributed.admin.large-graph-warning-threshold": "1GB",
}


@cache
def course_version() -> str:
    """A fingerprint of segutils and of the libraries below it: of all but the notebook that an outcome depends on."""
    package = COURSE_ROOT / "segutils"
    sources = sorted(path for path in package.rglob("*") if path.suffix in (".py", ".j2", ".css"))
    parts = [part for path in sources for part in (str(path.relative_to(package)), path.read_bytes())]
    libraries = [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]
    return digest(*parts, *libraries, platform.python_version())


def fingerprint(job: Job) -> str:
    """Two jobs of the same fingerprint have the same outcome."""
    return digest(course_version(), json.dumps(asdict(job), sort_keys=True))


def digest(*parts: str | bytes) -> str:
    """A fingerprint of texts, in order."""
    whole = hashlib.sha256()
    for part in parts:
        raw = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        whole.update(len(raw).to_bytes(8) + raw)
    return whole.hexdigest()


class Executions:
    """The executions that were made, one file each, by their jobs' fingerprints."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, key: str) -> Execution | None:
        """What is known of a job; a broken file is as good as none."""
        try:
            return Execution(**json.loads((self.folder / f"{key}.json").read_bytes()))
        except (OSError, ValueError, TypeError, RecursionError):
            return None

    def write(self, key: str, execution: Execution) -> None:
        write_atomically(self.folder / f"{key}.json", json.dumps(asdict(execution)))


class Engine(AbstractContextManager):
    """dask's workers, on this machine or wherever a scheduler has them; started with the first job that is not known.

    Raises CourseError when no scheduler answers, or its workers cannot do the work.
    """

    def __init__(self, executions: Executions, workers: int, scheduler: str | None = None) -> None:
        self.executions, self.workers, self.scheduler = executions, workers, scheduler
        self._open = ExitStack()
        self._client: Client | None = None

    def __exit__(self, *_: object) -> None:
        self._close()

    def results(self, jobs: Mapping[str, Job]) -> Iterator[tuple[str, Execution | Exception]]:
        """What comes of each job, in the order in which they end: an execution, or why there is none.

        Every execution is on disk before it is told. One that hit a limit while others ran beside it is made once more
        alone, and that one counts.
        """
        keys = {name: fingerprint(job) for name, job in jobs.items()}
        unknown = {}
        for name, job in jobs.items():
            if known := self.executions.read(keys[name]):
                yield name, known
            else:
                unknown[name] = job
        alone = {}
        for name, result in self._run(unknown):
            if isinstance(result, Execution) and result.limited:
                alone[name] = unknown[name]
            else:
                yield name, self._keep(keys[name], result)
        for name, job in alone.items():
            for _, result in self._run({name: job}):
                yield name, self._keep(keys[name], result)

    def _keep(self, key: str, result: Execution | Exception) -> Execution | Exception:
        if isinstance(result, Execution):
            self.executions.write(key, result)
        return result

    def _run(self, jobs: Mapping[str, Job]) -> Iterator[tuple[str, Execution | Exception]]:
        """Run jobs side by side. Where nothing ends for longer than any job may take, the workers are started anew."""
        left = dict(jobs)
        for _ in range(ATTEMPTS):
            if left:
                for name, result in self._run_with_patience(left):
                    del left[name]
                    yield name, result
        for name in list(left):
            yield name, CourseError("the workers did not answer")

    def _run_with_patience(self, jobs: Mapping[str, Job]) -> Iterator[tuple[str, Execution | Exception]]:
        client = self._client or self._connect(next(iter(jobs.values())))
        patience = WALL_FACTOR * next(iter(jobs.values())).limits.total + GRACE
        version = course_version() if self.scheduler else ""  # workers of this machine have the same files
        futures = {client.submit(run_job, job, version, pure=False, retries=1): name for name, job in jobs.items()}
        while futures:
            try:
                done, _ = wait(list(futures), timeout=patience, return_when="FIRST_COMPLETED")
            except TimeoutError:
                logging.getLogger("traitlets").error("nothing came from the workers for %d s: started anew", patience)
                self._close()
                return
            for future in done:
                yield futures.pop(future), _result(future)

    def _connect(self, job: Job) -> Client:
        """Start the workers, or find them, and see that they can do the work."""
        self._open.enter_context(dask.config.set(SETTINGS))
        if self.scheduler:
            try:
                client = Client(self.scheduler, timeout=CONNECT_SECONDS)
            except (OSError, ValueError) as error:
                raise CourseError(f"no dask scheduler answers at {self.scheduler} ({error})") from None
        else:
            folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="dask-", ignore_cleanup_errors=True))
            cluster = LocalCluster(
                n_workers=self.workers,
                threads_per_worker=1,
                memory_limit=None,  # a kernel's memory is watched, and a worker's own is small
                dashboard_address="127.0.0.1:0",  # any port: nobody looks
                local_directory=folder,
                silence_logs=logging.CRITICAL,
            )
            self._open.enter_context(cluster)
            client = Client(cluster)
        self._client = self._open.enter_context(client)
        self._refuse_unfit_workers(client, job)
        return client

    def _refuse_unfit_workers(self, client: Client, job: Job) -> None:
        """Have every worker run an empty notebook: a fault that all jobs would meet is told once, before them."""
        said = client.run(fitness, job.specification.sandboxed, on_error="return")
        if not said:
            raise CourseError(f"the dask scheduler at {self.scheduler} has no workers")
        for worker, (version, problem) in said.items():
            if problem:
                raise CourseError(f"the worker {worker} cannot grade: {problem}")
            if self.scheduler and version != course_version():
                raise CourseError(
                    f"the worker {worker} has another version of the course, or of its libraries: install the same there"
                )
        empty = replace(job, notebook=nbformat.writes(nbformat.v4.new_notebook()), tests={})
        trials = {worker: client.submit(run_job, empty, "", workers=[worker], pure=False) for worker in said}
        wait(list(trials.values()))
        for worker, trial in trials.items():
            if error := trial.exception():
                raise CourseError(f"the worker {worker} cannot run notebooks: {error}")

    def _close(self) -> None:
        self._client = None
        with suppress(Exception):  # a cluster that hangs, or is gone, is nobody's loss
            self._open.close()
        self._open = ExitStack()


def _result(future: Future) -> Execution | Exception:
    error = future.exception()
    if error is None:
        return future.result()
    return error if isinstance(error, Exception) else RuntimeError(str(error))


def run_job(job: Job, version: str) -> Execution:
    """What a worker does. Raises CourseError where its course is not of the version that is asked for, if any is."""
    if version and version != course_version():
        raise CourseError("this worker has another version of the course, or of its libraries: install the same there")
    return execute(job)


def fitness(sandboxed: bool) -> tuple[str, str]:
    """What a worker says of itself: its course's version, and why it cannot run students' code, if so."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # it judges beside others
    problem = ""
    if sandboxed:
        try:
            bubblewrap.require()
        except CourseError as error:
            problem = str(error)
    return course_version(), problem


def default_workers() -> int:
    """As many as there are cores for this process."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
