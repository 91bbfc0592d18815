"""Judges of ex07_camseq: references and usual errors."""

from segutils.checks.judges.ex07.copying import copy_nearest
from segutils.checks.judges.ex07.evaluation import evaluate
from segutils.checks.judges.ex07.frames import camseq_frames
from segutils.checks.judges.ex07.splitting import sequential_split

__all__ = ["camseq_frames", "copy_nearest", "evaluate", "sequential_split"]
