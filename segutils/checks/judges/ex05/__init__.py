"""Judges of ex05_deeplab: references and usual errors."""

from segutils.checks.judges.ex05.decoder import decoder_forward
from segutils.checks.judges.ex05.separable import separable_atrous_conv

__all__ = ["decoder_forward", "separable_atrous_conv"]
