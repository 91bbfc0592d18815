"""What the exercises must fulfil: `checks.ex04.aspp_forward(ASPP)` is the visible test of a task.

A check is two halves. The *probe* (in exNN) runs what a student wrote and records plain facts; the *judge*
(in judges/exNN, loaded only when something is judged) compares them with the reference and looks for the cause.
"""

import importlib
from pathlib import Path
from types import ModuleType

EXERCISES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("ex[0-9][0-9]*")))


def __getattr__(name: str) -> ModuleType:
    """Load an exercise's checks when they are first asked for: one exercise may use what another one asks for."""
    if name in EXERCISES:
        return importlib.import_module(f"segutils.checks.{name}")
    raise AttributeError(f"segutils.checks has no {name!r}; there are: {', '.join(EXERCISES)}")


def __dir__() -> list[str]:
    return [*globals(), *EXERCISES]
