"""What the exercises must fulfil: `checks.ex04.aspp_forward(ASPP)` is the visible test of a task.

A check is two halves. The *probe* (in exNN.py) runs what a student wrote and records plain facts; the *judge*
(in judges/exNN.py, loaded only when something is judged) compares them with the reference and looks for the cause.
"""

from segutils.checks import ex04, ex06

__all__ = ["ex04", "ex06"]
