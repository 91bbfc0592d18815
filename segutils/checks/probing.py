"""What probes share: call a student's function, watch what it does, and write down plain facts."""

import contextlib
import sys
import sysconfig
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from torch import Tensor

from segutils.checks.base import Answers, Case

LARGE = (240, 320)  # the size of the masks on which a loop over pixels is told by its number of steps
MAX_VALUES = 1_000_000  # a larger result is recorded by its shape alone
LIBRARIES = tuple(
    {*(sysconfig.get_paths()[kind] for kind in ("stdlib", "purelib", "platlib")), str(Path(__file__).parents[1])}
)


class TooManySteps(BaseException):
    """Student code ran more lines than whole-array operations need; no `except Exception` of theirs may swallow it."""


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread: the cases are tiny, and a second one costs more than it brings."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def call(
    function: Callable,
    arguments: Mapping[str, object],
    ready_answers: tuple[str, ...],
    max_steps: int = 0,
    once: bool = False,
    **keywords: object,
) -> tuple[object, Answers]:
    """Call `function` with `arguments` by position and `keywords` by name; return its result and what was seen.

    Unless it is to be called `once`, the call is made twice, under two global random states, so that a result that
    depends on chance is noticed.
    Exceptions are recorded, not raised; torch's global switches and random states are put back afterwards.
    With `max_steps`, a student's code that runs more lines than that is stopped: a large case tells a loop over its
    pixels by counting, not by the clock.
    """
    before = {name: describe(value) for name, value in arguments.items()}
    with _quietly() as switches, _steps_limited(max_steps):
        with _calls_into(ready_answers) as called:
            result, answers = _attempt(function, arguments, keywords, seed=1)
        if "error" not in answers:
            answers["switches"] = _changed_switches(switches)
            changed = [name for name, value in arguments.items() if not same(before[name], describe(value))]
            answers["changed_inputs"] = ", ".join(changed)
        if "error" not in answers and not changed and not once:
            _, again = _attempt(function, arguments, keywords, seed=2)
            answers["repeats"] = same(answers, again)
    answers["delegated_to"] = called[0] if called else ""
    return result, answers


def run_backward(scalar: Tensor) -> Answers:
    """Call backward(); what it raises is recorded as an exception of the student's code."""
    try:
        scalar.backward()
    except Exception as error:
        return _describe_error(error)
    return {}


def describe(result: object) -> Answers:
    """A result as plain facts: its kind, and for arrays, tensors and numbers also dtype, shape and value."""
    kind = type(result).__name__
    if isinstance(result, Tensor):
        dtype, kind = str(result.dtype).removeprefix("torch."), "Tensor"
        value = plain_array(result)
    elif isinstance(result, np.ndarray | np.generic):
        dtype, value = str(result.dtype), np.array(result)
    elif isinstance(result, bool | int | float):
        dtype, value = kind, np.array(result)
    elif isinstance(result, torch.nn.Module):
        return {"kind": "Module"}
    else:
        return {"kind": kind, "text": repr(result[:200])[:200] if isinstance(result, str) else ""}
    if value.dtype.hasobject or value.size > MAX_VALUES:
        value = np.empty(0)
    shape = np.array(result.shape if hasattr(result, "shape") else (), dtype=np.int64)
    return {"kind": kind, "dtype": dtype, "shape": shape, "value": value}


def same(first: Answers, second: Answers) -> bool:
    """Whether two descriptions agree to the last bit (nan equals nan)."""
    keys = [key for key in ("kind", "dtype", "shape", "value", "error") if key in first or key in second]
    return all(key in first and key in second for key in keys) and all(
        np.array_equal(first[key], second[key], equal_nan=np.asarray(first[key]).dtype.kind == "f") for key in keys
    )


def plain_array(tensor: Tensor) -> np.ndarray:
    """A tensor's values as a numpy array of its own dtype (bfloat16, which numpy lacks, as float32)."""
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).clone().numpy()


def as_tensor(array: np.ndarray, contiguous: bool = True) -> Tensor:
    """A fresh tensor with the array's values; not contiguous in memory where that is asked."""
    tensor = torch.from_numpy(np.array(array))
    return tensor if contiguous else tensor.transpose(-1, -2).contiguous().transpose(-1, -2)


def as_array(array: np.ndarray, contiguous: bool = True) -> np.ndarray:
    """A fresh array with the same values; not contiguous in memory where that is asked."""
    return np.array(array) if contiguous else np.repeat(array, 2, axis=-1)[..., ::2]


def tensor_of(case: Case, name: str) -> Tensor:
    """One of the case's arrays as a fresh tensor, in the case's dtype (where it names one) and memory layout."""
    tensor = as_tensor(case[name], bool(case["contiguous"]))
    return tensor.to(getattr(torch, str(case["dtype"]))) if "dtype" in case else tensor


def ignore_keyword(case: Case) -> dict[str, int]:
    """The argument ignore_index; nothing where the default of 255 does, so that the default is checked, too."""
    ignore_index = int(case["ignore_index"])
    return {} if ignore_index == 255 else {"ignore_index": ignore_index}


def max_steps(mask: np.ndarray) -> int:
    """How many lines may run: no limit on small masks, a quarter of the pixels on those of LARGE size."""
    return mask.size // 4 if mask.size >= LARGE[0] * LARGE[1] else 0


def _attempt(function: Callable, arguments: Mapping, keywords: Mapping, seed: int) -> tuple[object, Answers]:
    torch.default_generator.manual_seed(seed)  # the CPU's alone: torch.manual_seed would wake every device
    np.random.seed(seed)
    try:
        result = function(*arguments.values(), **keywords)
        return result, describe(result)
    except (Exception, TooManySteps) as error:
        return None, _describe_error(error)


def _describe_error(error: BaseException) -> Answers:
    """The exception, and the student's line that raised it: the last one outside libraries, the course's own too."""
    lines = [
        frame.line.strip()
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.line and not frame.filename.startswith(LIBRARIES)
    ]
    return {
        "error": type(error).__name__,
        "error_text": f"{type(error).__name__}: {error}"[:2000],
        "error_line": lines[-1][:200] if lines else "",
    }


@contextlib.contextmanager
def _quietly() -> Iterator[dict[str, object]]:
    """Run student code without warnings, and put global state back; the switches as they were before it.

    Warnings and stderr are kept out of the cell's output: nbgrader takes a word on stderr for a failure.
    """
    switches, torch_state, numpy_state = _switches(), torch.get_rng_state(), np.random.get_state()
    with warnings.catch_warnings(), contextlib.redirect_stderr(sys.stdout):
        warnings.simplefilter("ignore")
        try:
            yield switches
        finally:
            _restore_switches(switches)
            torch.set_rng_state(torch_state)
            np.random.set_state(numpy_state)


@contextlib.contextmanager
def _calls_into(ready_answers: tuple[str, ...]) -> Iterator[list[str]]:
    """The modules of ready answers that student code calls. To look at every call doubles the time that it takes."""
    called: list[str] = []

    def profile(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and not called:
            module = frame.f_globals.get("__name__") or ""
            ready = any(module == answer or module.startswith(answer + ".") for answer in ready_answers)
            if ready and not _being_imported(frame):
                called.append(module)

    looking = bool(ready_answers) and sys.getprofile() is None  # leave somebody else's profiler alone
    if looking:
        sys.setprofile(profile)
    try:
        yield called
    finally:
        if looking:
            sys.setprofile(None)


@contextlib.contextmanager
def _steps_limited(max_steps: int) -> Iterator[None]:
    """Count the lines that run outside libraries, and stop the code with TooManySteps after `max_steps` of them."""
    steps = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Callable | None:
        nonlocal steps
        if event == "call" and frame.f_code.co_filename.startswith((*LIBRARIES, "<frozen")):
            return None
        steps += 1
        if steps > max_steps:
            raise TooManySteps(f"stopped after {max_steps} steps")
        return trace

    counting = max_steps > 0 and sys.gettrace() is None  # leave somebody else's debugger alone
    if counting:
        sys.settrace(trace)
    try:
        yield
    finally:
        if counting:
            sys.settrace(None)


def _being_imported(frame: FrameType | None) -> bool:
    """Whether the frame runs because a module is imported: `import torchvision` runs much that nobody asked for."""
    while frame is not None:
        if frame.f_code.co_name == "_find_and_load":
            return True
        frame = frame.f_back
    return False


def _switches() -> dict[str, object]:
    """torch's global switches that a function must leave as they are."""
    return {
        "gradients on or off": torch.is_grad_enabled(),
        "default dtype": torch.get_default_dtype(),
        "number of threads": torch.get_num_threads(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "anomaly detection": torch.is_anomaly_enabled(),
        "cudnn.benchmark": torch.backends.cudnn.benchmark,
    }


def _changed_switches(before: dict[str, object]) -> str:
    after = _switches()
    return ", ".join(name for name in before if before[name] != after[name])


def _restore_switches(switches: dict[str, object]) -> None:
    """Set back what was changed, and only that: some of torch's setters import much and take seconds."""
    setters = {
        "gradients on or off": torch.set_grad_enabled,
        "default dtype": torch.set_default_dtype,
        "number of threads": torch.set_num_threads,
        "deterministic algorithms": torch.use_deterministic_algorithms,
        "anomaly detection": torch.autograd.set_detect_anomaly,
        "cudnn.benchmark": lambda on: setattr(torch.backends.cudnn, "benchmark", on),
    }
    now = _switches()
    for name, value in switches.items():
        if now[name] != value:
            setters[name](value)
