"""What the exercises must fulfil: `checks.ex04.aspp_forward(ASPP)` is the visible test of a task.

A check is two halves. The *probe* (in exNN) runs what a student wrote and records plain facts; the *judge*
(in judges/exNN, loaded only when something is judged) compares them with the reference and looks for the cause.
"""

import importlib
import re
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    """Load an exercise's checks when they are first asked for."""
    if re.fullmatch(r"ex\d\d", name):
        return importlib.import_module(f"segutils.checks.{name}")
    raise AttributeError(f"segutils.checks has no exercise {name!r}")
