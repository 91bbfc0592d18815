"""Judges of ex03_pspnet: references and usual errors."""

from segutils.checks.judges.ex03.adaptive import adaptive_average_pool
from segutils.checks.judges.ex03.pyramid import pyramid_pooling_forward

__all__ = ["adaptive_average_pool", "pyramid_pooling_forward"]
