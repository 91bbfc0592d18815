"""The process that this machine's nurseries are forked from: it imports torch once for all of them.

Nothing is imported here that takes long, so that this process starts first and imports while others do.
"""

import os
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress

ADDRESS = "SEGUTILS_NURSERIES"  # the environment variable that tells workers where it listens
KEPT = ("PATH", "PYTHONPATH", "HOME", "TMPDIR", "LANG")  # of the environment: all else would be in a kernel's memory

_running: list[subprocess.Popen] = []  # it ends when its stdin is closed, so with this process


def start() -> None:
    """Start the process. It listens at once, and answers when it has imported everything."""
    folder = tempfile.mkdtemp(prefix="nurseries-")  # which it removes in the end
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "MPLBACKEND": "agg"}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/socket")
        listener.listen()
        process = subprocess.Popen(
            [sys.executable, "-m", "segutils.grading.kernels.nursery", str(listener.fileno()), folder],
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
    _running.append(process)
    os.environ[ADDRESS] = f"{folder}/socket"


def connect() -> socket.socket:
    """A connection to a new nursery. Where no process makes them yet, or it has ended, one is started."""
    connection = socket.socket(socket.AF_UNIX)
    if os.environ.get(ADDRESS):
        with suppress(OSError):
            connection.connect(os.environ[ADDRESS])
            return connection
    start()
    connection.connect(os.environ[ADDRESS])
    return connection
