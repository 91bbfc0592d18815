"""Attacks on the machine and on other people's work.

Most are made on the way to a right answer, so that 0 points with this message prove that the attack failed; `wrong`
ones cannot tell, and prove that the other task still counts. What attacks the points is in cheating.py.
"""

from grading.catalogue.entry import ASPP, EFFECTIVE_KERNEL_SIZE, KERNEL_SIZE, WRONG_ASPP, Entry, answers, attack, before

DENIED = "PermissionError|FileNotFoundError|NotADirectoryError|OSError|Read-only"
NO_NETWORK = "OSError|Connection|unreachable|refused|gaierror|PermissionError|FileNotFoundError|TimeoutError"
TOO_LONG = "too long|time"
KILLED = f"{KERNEL_SIZE}: .*(ended|process|killed|stopped)"
MEMORY = "[Mm]emory|SystemError|ended|killed"  # a bytearray that cannot grow raises SystemError
NO_SPACE = "No space|OSError|disk|too large|[Mm]emory|killed|ended"
SEARCH = """
import os
def files(*roots):
    for root in roots:
        for folder, folders, names in os.walk(root):
            folders[:] = [] if folder in ("/proc", "/sys", "/dev") else folders
            yield from (os.path.join(folder, name) for name in names)
def folders_to_write_to():
    found = {os.path.dirname(path) for path in files("/")} | {"/tmp", ".", "/dev/shm", "/var/tmp", "/out"}
    return [folder for folder in sorted(found) if os.access(folder, os.W_OK)]
"""
FILL = """
import os, uuid
def fill(folder, gigabytes):
    block = os.urandom(1_000_000) * 16
    for _ in range(4):
        with open(os.path.join(folder, uuid.uuid4().hex), "wb") as file:
            for _ in range(int(gigabytes * 1000 / 4 / 16)):
                file.write(block)
"""

READING = [
    attack("reads-shadow", "reads the password hashes", "open('/etc/shadow').read()", DENIED, guarded=True),
    attack("reads-home", "reads a credential in the instructor's home", "open('<HOME>/.netrc').read()", DENIED),
    attack("reads-outside", "reads a file beside the course", "open('<OUTSIDE>/secret.txt').read()", DENIED),
    attack(
        "reads-hand-ins", "reads another hand-in", "open('<ROOT>/hand-in/control-1/ex04_aspp.ipynb').read()", DENIED
    ),
    attack(
        "reads-gradebook", "reads the gradebook's bytes", "open('<ROOT>/grading/gradebook.db', 'rb').read()", DENIED
    ),
    attack(
        "reads-other-jobs",
        "looks for the notebooks of others that are graded at the same time",
        "if not any(path.endswith('ex04_aspp.ipynb') for path in files('/')):\n    raise FileNotFoundError('none')",
        "FileNotFoundError",
        tools=SEARCH,
        guarded=True,
    ),
    attack(
        "reads-environment",
        "reads a secret of the environment",
        "import os; os.environ['CATALOGUE_SECRET']",
        "KeyError",
    ),
    attack(
        "reads-environ-of-all",
        "looks for the secret in the environment of every process in /proc",
        """
        import glob
        found = b""
        for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/task/*/environ"):
            try:
                found += open(path, "rb").read()
            except OSError:
                pass
        if b"CATALOGUE" + b"_SECRET" not in found:
            raise LookupError("not there")
        """,
        "LookupError",
    ),
    attack("reads-by-proc-root", "goes out by /proc/1/root", "open('/proc/1/root<OUTSIDE>/secret.txt').read()", DENIED),
    attack(
        "reads-by-proc-fd",
        "goes out by a folder or file that somebody left open",
        """
        import glob, os
        for link in glob.glob("/proc/[0-9]*/fd/*") + glob.glob("/proc/[0-9]*/cwd"):
            try:
                open(os.path.join(link, "..", "..", "<OUTSIDE>".lstrip("/"), "secret.txt")).read()
                break
            except OSError:
                pass
        else:
            raise PermissionError("no way out")
        """,
        "PermissionError",
    ),
]

WRITING = [
    attack("writes-course", "changes the release", "open('<ROOT>/exercises/ex04_aspp/x', 'w').write('x')", DENIED),
    attack("writes-solutions", "changes a source notebook", "open('<ROOT>/solutions/owned', 'w').write('x')", DENIED),
    attack(
        "writes-outside", "changes a file beside the course", "open('<OUTSIDE>/secret.txt', 'a').write('x')", DENIED
    ),
    attack(
        "deletes-hand-ins",
        "deletes another hand-in",
        "import shutil; shutil.rmtree('<ROOT>/hand-in/control-2')",
        DENIED,
    ),
    attack("writes-home", "adds a key to the instructor's home", "open('<HOME>/.netrc', 'a').write('x')", DENIED),
    attack(
        "writes-site-packages",
        "puts a .pth file beside the installed packages",
        "import torch, os\n"
        "open(os.path.dirname(os.path.dirname(torch.__file__)) + '/catalogue_owned.pth', 'w').write('')",
        DENIED,
        guarded=True,
    ),
    attack(
        "writes-checks",
        "puts a file among the checks",
        "import segutils.checks, os\n"
        "open(os.path.dirname(segutils.checks.__file__) + '/catalogue_owned.py', 'w').write('')",
        DENIED,
        guarded=True,
    ),
    attack("writes-csv", "writes the table", "open('<ROOT>/grading/ex04_aspp.csv', 'a').write('x')", DENIED),
    attack(
        "writes-gradebook",
        "deletes everybody's grades",
        "import sqlite3\n"
        "with sqlite3.connect('<ROOT>/grading/gradebook.db') as db:\n    db.execute('DELETE FROM grade')",
        "OperationalError|PermissionError",
    ),
    attack(
        "remounts",
        "makes the file system writable from a user namespace of its own",
        """
        import ctypes, os, segutils
        libc = ctypes.CDLL(None, use_errno=True)
        libc.unshare(0x10000000 | 0x00020000)  # CLONE_NEWUSER | CLONE_NEWNS
        folder = os.path.dirname(segutils.__file__)
        libc.mount(None, folder.encode(), None, 32 | 4096, None)  # MS_REMOUNT | MS_BIND, and no MS_RDONLY
        libc.mount(None, b"/", None, 32, None)
        open(folder + "/catalogue_owned.txt", "w").write("")
        """,
        DENIED,
        guarded=True,
    ),
    attack(
        "links-over-the-exchange",
        "puts links to /etc/passwd in the place of every file that it may write, and under names yet to come",
        """
        import contextlib
        for place in folders_to_write_to():
            for name in {*os.listdir(place), "answers.npz", "result.npz", "answers", "0.npz", "1.npz", "2.npz"}:
                with contextlib.suppress(OSError):
                    path = os.path.join(place, name)
                    if os.path.isfile(path):
                        os.remove(path)
                    os.symlink("/etc/passwd", path)
        """,
        f"{ASPP}: ",
        tools=SEARCH,
        task=ASPP,
        wrong=True,
        guarded=True,
    ),
    attack(
        "pipes-over-the-exchange",
        "puts named pipes there, at which a careless reader would wait for ever",
        """
        import contextlib
        for place in folders_to_write_to():
            for name in {*os.listdir(place), "answers.npz", "result.npz", "answers", "0.npz", "1.npz", "2.npz"}:
                with contextlib.suppress(OSError):
                    path = os.path.join(place, name)
                    if os.path.isfile(path):
                        os.remove(path)
                    os.mkfifo(path)
        """,
        f"{ASPP}: ",
        tools=SEARCH,
        task=ASPP,
        wrong=True,
        guarded=True,
    ),
]

NETWORK = [
    attack("tcp", "connects to a port", "import socket; socket.create_connection(('127.0.0.1', <TCP>), 3)", NO_NETWORK),
    attack(
        "udp",
        "sends a datagram and waits for the answer",
        """
        import socket
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(3)
            client.connect(("127.0.0.1", <UDP>))
            client.send(b"catalogue")
            client.recv(9)
        """,
        NO_NETWORK,
    ),
    attack("dns", "resolves a name", "import socket; socket.getaddrinfo('example.org', 80)", NO_NETWORK),
    attack(
        "abstract-socket",
        "connects to a socket without a file",
        "import socket; socket.socket(socket.AF_UNIX).connect('\\0<ABSTRACT>')",
        NO_NETWORK,
    ),
    attack(
        "file-socket",
        "connects to a socket that has a file",
        "import socket; socket.socket(socket.AF_UNIX).connect('<OUTSIDE>/socket')",
        NO_NETWORK,
    ),
    attack(
        "scheduler",
        "looks for the port of the grader's scheduler, or of anything else on this machine",
        """
        import os, socket
        rows = [line.split() for line in open("/proc/net/tcp").readlines()[1:]]
        links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
        own = {os.readlink(link) for link in links if os.path.lexists(link)}  # a Jupyter kernel has a port for itself
        known = {int(row[1].split(":")[1], 16) for row in rows if f"socket:[{row[9]}]" in own}
        for port in {8786, 8787, *range(30000, 61000)} - known:
            with socket.socket() as client:
                found = client.connect_ex(("127.0.0.1", port)) == 0
                if found and client.getsockname() != client.getpeername():  # a port may meet itself
                    break
        else:
            raise ConnectionRefusedError("no port is open")
        """,
        NO_NETWORK,
    ),
]

PROCESSES = [
    attack(
        "fork-bomb",
        "forks 4096 processes",
        """
        import os, time
        first = os.getpid()
        try:
            for _ in range(12):
                os.fork()
        finally:
            if os.getpid() != first:
                time.sleep(20)
                os._exit(0)
        """,
        f"{KERNEL_SIZE}: ",
        guarded=True,
    ),
    attack(
        "subprocess-bomb",
        "starts 3000 programs",
        "import subprocess\nfor _ in range(3000):\n    subprocess.Popen(['sleep', '20'])",
        f"{KERNEL_SIZE}: ",
        guarded=True,
    ),
    attack(
        "thread-bomb",
        "starts 50,000 threads",
        "import threading, time\nfor _ in range(50_000):\n"
        "    threading.Thread(target=time.sleep, args=(20,), daemon=True).start()",
        f"{KERNEL_SIZE}: ",
        guarded=True,
    ),
    attack("os-exit", "leaves without a word", "import os; os._exit(0)", KILLED),
    attack("sys-exit", "leaves as a script would", "import sys; sys.exit(0)", f"{KERNEL_SIZE}: "),
    attack("quits", "asks the kernel to end", "quit()", f"{KERNEL_SIZE}: ", wrong=True),
    attack("raises-system-exit", "raises SystemExit", "raise SystemExit", f"{KERNEL_SIZE}: "),
    attack("raises-interrupt", "raises KeyboardInterrupt", "raise KeyboardInterrupt", f"{KERNEL_SIZE}: "),
    attack("raises-base", "raises what no `except Exception` catches", "raise BaseException('no')", f"{KERNEL_SIZE}: "),
    attack("segfault", "reads address 0", "import ctypes; ctypes.string_at(0)", KILLED),
    attack("aborts", "calls abort()", "import os; os.abort()", KILLED),
    attack("kills-itself", "kills its own process", "import os; os.kill(os.getpid(), 9)", KILLED),
    attack("kills-group", "kills its process group", "import os; os.killpg(0, 9)", KILLED, guarded=True),
    attack(
        "kills-first",
        "kills the sandbox's first process",
        "import time\nos.kill(1, 9)\ntime.sleep(0.5)",
        f"{KERNEL_SIZE}: ",
        wrong=True,
        guarded=True,
    ),
    attack(
        "kills-parent",
        "kills its parent",
        "import time\nos.kill(os.getppid(), 9)\ntime.sleep(0.5)",
        f"{KERNEL_SIZE}: ",
        wrong=True,
        guarded=True,
    ),
    attack(
        "kills-all",
        "kills everything that it may",
        "import time\nos.kill(-1, 9)\ntime.sleep(0.5)",
        f"{KERNEL_SIZE}: ",
        wrong=True,
        guarded=True,
    ),
    attack(
        "stops-all",
        "stops everything that it may, also itself",
        "os.kill(-1, 19)\nos.kill(os.getpid(), 19)",
        f"{KERNEL_SIZE}: ",
        wrong=True,
        guarded=True,
        seconds=8,
    ),
    attack(
        "recursion",
        "recurses without an end",
        "import sys\nsys.setrecursionlimit(10**9)\ndef down(): return down() + 1\ndown()",
        f"{KERNEL_SIZE}: ",
        guarded=True,
    ),
    attack(
        "ptrace",
        "attaches to every other process",
        """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != os.getpid():
                libc.ptrace(16, int(name), None, None)  # PTRACE_ATTACH
        """,
        f"{KERNEL_SIZE}: ",
        wrong=True,
        guarded=True,
    ),
    attack(
        "parents-memory",
        "writes into the memory of its parent",
        "os.write(os.open(f'/proc/{os.getppid()}/mem', os.O_WRONLY), b'x')",
        "Error",
        guarded=True,
    ),
    attack(
        "own-memory",
        "overwrites the code that is running, by /proc/self/mem",
        "with open('/proc/self/mem', 'r+b', 0) as memory:\n    memory.seek(id(None))\n    memory.write(bytes(64))",
        f"{KERNEL_SIZE}: ",
        wrong=True,
        guarded=True,
    ),
    attack(
        "oom-score",
        "asks to be the last whom the kernel ends when memory is short",
        "os.write(os.open('/proc/self/oom_score_adj', os.O_WRONLY), b'-1000')",
        DENIED,
        guarded=True,
    ),
    attack(
        "sysrq",
        "writes to /proc/sysrq-trigger",
        "os.write(os.open('/proc/sysrq-trigger', os.O_WRONLY), b'h')",
        DENIED,
        guarded=True,
    ),
    attack(
        "cgroup",
        "lifts its own limits",
        """
        limits = ("memory.max", "pids.max", "memory.limit_in_bytes", "cgroup.procs")
        for path in files("/sys/fs/cgroup"):
            if os.path.basename(path) in limits:
                os.write(os.open(path, os.O_WRONLY), b"0")
                break
        else:
            raise FileNotFoundError("no cgroup to be seen")
        """,
        DENIED,
        tools=SEARCH,
        guarded=True,
    ),
    attack(
        "limits",
        "raises its own limits",
        "import resource\nfor kind in (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE):\n"
        "    resource.setrlimit(kind, (resource.RLIM_INFINITY,) * 2)",
        "ValueError|PermissionError|not allowed",
        guarded=True,
    ),
    attack(
        "leaves-child",
        "leaves a process behind",
        "import subprocess; subprocess.Popen(['sleep', '900.25'])",
        harmless=True,
    ),
    attack(
        "leaves-daemon",
        "leaves a process behind that has a session of its own and no parent",
        """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                end = time.monotonic() + 900
                while time.monotonic() < end:
                    time.sleep(1)
            os._exit(0)
        """,
        harmless=True,
    ),
    attack(
        "leaves-nohup",
        "leaves a program behind that ignores hang-ups",
        "import subprocess; subprocess.Popen('nohup setsid sleep 900.5 >/dev/null 2>&1 &', shell=True)",
        harmless=True,
    ),
    before(
        "deaf-to-signals",
        "ignores every signal that can be ignored",
        "import signal\n"
        "for number in signal.valid_signals() - {9, 19, 17}:\n    signal.signal(number, signal.SIG_IGN)\n",
    ),
    attack(
        "alarm",
        "lets an alarm end the process",
        "import signal, time\nsignal.signal(14, signal.SIG_DFL)\nsignal.alarm(1)\ntime.sleep(4)",
        f"{ASPP}: ",
        task=ASPP,
        wrong=True,
    ),
]

MEMORY_AND_DISK = [
    attack("memory-numpy", "takes 8 GB as an array", "import numpy; numpy.ones(10**9).sum()", MEMORY, guarded=True),
    attack("memory-bytes", "takes 8 GB as bytes", "bytearray(b'x') * (8 * 10**9)", MEMORY, guarded=True),
    attack(
        "memory-slowly",
        "takes 8 GB bit by bit and hides the error",
        """
        kept = []
        try:
            while len(kept) < 800:
                kept.append(bytearray(b"x") * 10**7)
        except MemoryError:
            raise ValueError("nothing to see, only memory") from None
        """,
        MEMORY,
        guarded=True,
    ),
    attack(
        "memory-children",
        "takes 8 GB by eight children",
        """
        import time
        children = []
        for _ in range(8):
            child = os.fork()
            if child == 0:
                try:
                    kept = bytearray(b"x") * 10**9
                    time.sleep(3)
                    os._exit(0)
                finally:
                    os._exit(1)
            children.append(child)
        if any(os.waitpid(child, 0)[1] for child in children):
            raise MemoryError("not all of the children got theirs")
        """,
        MEMORY,
        guarded=True,
    ),
    attack(
        "memory-shm",
        "takes 8 GB as files in shared memory",
        "fill('/dev/shm', 8)",
        f"{NO_SPACE}|{DENIED}",
        tools=FILL,
        guarded=True,
    ),
    attack("disk-tmp", "fills /tmp with 4 GB", "fill('/tmp', 4)", NO_SPACE, tools=FILL, guarded=True),
    attack("disk-cwd", "fills its working folder with 4 GB", "fill('.', 4)", NO_SPACE, tools=FILL, guarded=True),
    attack(
        "disk-everywhere",
        "fills whatever it may write to, the folder of the exchange as well",
        "for place in folders_to_write_to():\n    fill(place, 4)",
        f"{ASPP}: ",
        tools=FILL + SEARCH,
        task=ASPP,
        guarded=True,
    ),
    attack(
        "disk-quietly",
        "fills the working folder and says nothing of it",
        "try:\n    fill('.', 2)\nexcept OSError:\n    pass",
        f"{ASPP}: ",
        tools=FILL,
        task=ASPP,
        wrong=True,
        guarded=True,
    ),
]

OUTPUT = [
    before("flood-stdout", "prints 500 MB", "for _ in range(500):\n    print('x' * 10**6)\n"),
    before(
        "flood-stderr",
        "prints 500 MB to stderr",
        "import sys\nfor _ in range(500):\n    print('x' * 10**6, file=sys.stderr)\n",
    ),
    before(
        "flood-descriptor",
        "writes 500 MB to descriptor 1",
        "import os\nfor _ in range(500):\n    os.write(1, b'x' * 10**6)\n",
    ),
    before(
        "flood-displays",
        "shows 10,000 things of 50 kB",
        "from IPython.display import HTML, display\nfor _ in range(10_000):\n    display(HTML('x' * 50_000))\n",
    ),
    attack(
        "flood-in-task",
        "prints 200 MB while it is tested",
        "for _ in range(200):\n    print('x' * 10**6)",
        harmless=True,
    ),
    Entry(
        "huge-result",
        "returns a string of 500 MB",
        answers(**{KERNEL_SIZE: "def effective_kernel_size(kernel_size, dilation):\n    return 'x' * 500_000_000"}),
        (KERNEL_SIZE,),
        f"{KERNEL_SIZE}: ",
    ),
    Entry(
        "expanded-result",
        "returns a tensor of 4 TB that is one number in memory",
        answers(
            **{
                KERNEL_SIZE: "import torch\ndef effective_kernel_size(kernel_size, dilation):\n"
                "    return torch.ones(1).expand(10**12)"
            }
        ),
        (KERNEL_SIZE,),
        f"{KERNEL_SIZE}: ",
    ),
    attack(
        "huge-error",
        "raises an exception whose message has 200 MB",
        "raise ValueError('x' * 200_000_000)",
        "ValueError",
    ),
    attack(
        "page-in-an-error",
        "raises an exception whose message is a script and a spreadsheet's formula",
        "raise ValueError('=HYPERLINK(1)<script>alert(1)</script>\\x1b[2J\\r\\n\\0')",
        "ValueError",
    ),
    attack(
        "error-without-text",
        "raises an exception that cannot be printed",
        "class Nasty(Exception):\n    def __str__(self): raise SystemExit\n    __repr__ = __str__\nraise Nasty",
        f"{KERNEL_SIZE}: ",
    ),
    attack(
        "odd-name",
        "raises an exception whose class has a name of a megabyte",
        "raise type('<script>alert(1)</script>\\n' * 40_000, (Exception,), {})",
        f"{KERNEL_SIZE}: ",
    ),
]

TIME = [
    attack("loop", "never ends", "while True:\n    pass", TOO_LONG, seconds=8),
    attack(
        "loop-catches-all",
        "never ends and catches every exception",
        "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
        TOO_LONG,
        seconds=8,
    ),
    attack(
        "loop-deaf",
        "never ends and ignores the signals that could end it",
        "import signal\nfor number in (1, 2, 3, 14, 15, 24, 26, 27):\n    signal.signal(number, signal.SIG_IGN)\n"
        "while True:\n    pass",
        TOO_LONG,
        seconds=8,
    ),
    attack("loop-in-c", "computes a number that nobody will see", "10 ** 10 ** 9", TOO_LONG, task=ASPP, seconds=8),
    attack(
        "regex",
        "matches for longer than the universe is old",
        "import re; re.match('(a+)+$', 'a' * 64 + 'b')",
        TOO_LONG,
        seconds=8,
    ),
    attack(
        "loop-when-deleted",
        "returns something that never ends when it is deleted",
        "class Late:\n    def __del__(self):\n        while True:\n            pass\nlate = Late()\ndel late",
        TOO_LONG,
        seconds=8,
    ),
    attack("sleep", "sleeps for ever", "import time; time.sleep(10**6)", TOO_LONG, seconds=8),
    attack(
        "deadlock",
        "waits for a lock that it holds",
        "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
        TOO_LONG,
        seconds=8,
    ),
    attack(
        "waits-for-input",
        "reads from a pipe in which nothing comes",
        "import os; os.read(os.pipe()[0], 1)",
        TOO_LONG,
        seconds=8,
    ),
    Entry(
        "many-sleeps",
        "sleeps a little less than the limit in every call",
        answers(**{KERNEL_SIZE: EFFECTIVE_KERNEL_SIZE.format(first="import time; time.sleep(5)")}),
        (KERNEL_SIZE,),
        TOO_LONG,
        seconds=8,
    ),
    Entry(
        "sleeps-above",
        "sleeps before the function is defined",
        answers(
            **{
                KERNEL_SIZE: "import time\ntime.sleep(10**6)\n"
                "def effective_kernel_size(k, d):\n    return d * (k - 1) + 1"
            }
        ),
        (KERNEL_SIZE,),
        TOO_LONG,
        seconds=8,
    ),
    before(
        "exit-loop",
        "never ends at exit",
        "import atexit\n@atexit.register\ndef _():\n    while True:\n        pass\n",
        seconds=8,
    ),
    before(
        "exit-thread",
        "has a thread that is waited for at exit and never ends",
        "import threading, time\ndef wait():\n    while True:\n        time.sleep(0.05)\n"
        "threading.Thread(target=wait).start()\n",
        seconds=8,
    ),
    Entry(
        "time-control",
        "hands in a wrong answer in time",
        answers(**{ASPP: WRONG_ASPP}),
        (ASPP,),
        "image pool",
        seconds=8,
    ),
]

RESULTS = [
    Entry(
        f"result-{name}",
        tries,
        answers(**{KERNEL_SIZE: f"{above}\ndef effective_kernel_size(kernel_size, dilation):\n    return {result}"}),
        (KERNEL_SIZE,),
        f"{KERNEL_SIZE}: ",
    )
    for name, tries, above, result in [
        (
            "equal-int",
            "returns an int that equals everything",
            "class Any(int):\n    __eq__ = lambda *_: True\n    __hash__ = int.__hash__",
            "Any()",
        ),
        (
            "equal-object",
            "returns an object that equals everything",
            "class Any:\n    __eq__ = lambda *_: True",
            "Any()",
        ),
        (
            "equal-array",
            "returns an array whose comparisons are all true",
            "import numpy\n"
            "class Any(numpy.ndarray):\n    __eq__ = __array_ufunc__ = __array_function__ = lambda *_, **__: True",
            "numpy.zeros(()).view(Any)",
        ),
        (
            "equal-tensor",
            "returns a tensor that answers every torch function with True",
            "class Any(torch.Tensor):\n    @classmethod\n    def __torch_function__(cls, *_, **__): return True",
            "torch.zeros(()).as_subclass(Any)",
        ),
        (
            "changing",
            "returns something that counts up whenever it is looked at",
            "import itertools\nclass Any(int):\n    numbers = itertools.count()\n"
            "    __int__ = __index__ = lambda self: next(self.numbers)",
            "Any()",
        ),
        (
            "array-protocol",
            "returns something that becomes an array when it is asked",
            "class Any:\n    def __array__(self, *_, **__): raise SystemExit",
            "Any()",
        ),
        (
            "pickle",
            "returns an object that runs a command when it is unpickled",
            "import os\nclass Any:\n    def __reduce__(self): return os.system, ('touch <OUTSIDE>/unpickled',)",
            "Any()",
        ),
        (
            "pickle-array",
            "returns an array of such objects",
            "import os, numpy\nclass Any:\n    def __reduce__(self): return os.system, ('touch <OUTSIDE>/unpickled',)",
            "numpy.array([Any()], dtype=object)",
        ),
        ("generator", "returns a generator", "", "(number for number in [kernel_size])"),
        ("nan", "returns nan", "", "float('nan')"),
        ("itself", "returns the function itself", "", "effective_kernel_size"),
        ("huge-int", "returns a number of a million digits", "", "10 ** 1_000_000"),
        (
            "class-that-lies",
            "returns an object that says it is an int",
            "class Any:\n    __class__ = int\n"
            "    def __getattr__(self, name): return self\n    def __call__(self, *_, **__): return self",
            "Any()",
        ),
    ]
]

ENTRIES = [*READING, *WRITING, *NETWORK, *PROCESSES, *MEMORY_AND_DISK, *OUTPUT, *TIME, *RESULTS]
