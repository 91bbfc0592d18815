"""What takes long to start on this machine is started first, and gets ready while the grader imports what it needs."""

import multiprocessing.forkserver
import sys

from segutils.grading.kernels import nurseries

METHOD = "forkserver" if sys.platform == "linux" else "spawn"  # elsewhere not every library outlives a fork
MODULES = ["torch", "distributed", "segutils.grading.engine"]  # what all workers need


def start() -> None:
    """Start the processes that workers and nurseries are forked from; they end with this one."""
    nurseries.start()
    if METHOD == "forkserver":
        multiprocessing.set_forkserver_preload(MODULES)
        multiprocessing.forkserver.ensure_running()
