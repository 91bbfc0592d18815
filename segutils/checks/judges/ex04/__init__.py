"""Judges of ex04_aspp: one per graded cell, under its grade id."""

from segutils.checks.judges.ex04.forward import aspp_forward
from segutils.checks.judges.ex04.reorder import reorder_project
from segutils.checks.judges.ex04.width import effective_kernel_size

__all__ = ["aspp_forward", "effective_kernel_size", "reorder_project"]
