"""Checks of ex07_camseq: the cases, and the probes that run a student's code on them."""

from segutils.checks.ex07.copying import copy_nearest
from segutils.checks.ex07.evaluation import evaluate
from segutils.checks.ex07.frames import camseq_frames
from segutils.checks.ex07.ready import READY_ANSWERS
from segutils.checks.ex07.splitting import sequential_split

__all__ = ["READY_ANSWERS", "camseq_frames", "copy_nearest", "evaluate", "sequential_split"]
