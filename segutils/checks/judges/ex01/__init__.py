"""Judges of ex01_pixels: references and usual errors, one module per task."""

from segutils.checks.judges.ex01.decide import predict_labels
from segutils.checks.judges.ex01.encode import encode_mask
from segutils.checks.judges.ex01.layers import one_hot
from segutils.checks.judges.ex01.nearest import encode_nearest
from segutils.checks.judges.ex01.paint import colorize

__all__ = ["colorize", "encode_mask", "encode_nearest", "one_hot", "predict_labels"]
