"""Judges of ex02_fcn: references and usual errors."""

from segutils.checks.judges.ex02.kernels import bilinear_kernel
from segutils.checks.judges.ex02.layers import fc_to_conv
from segutils.checks.judges.ex02.skips import fuse_skips
from segutils.checks.judges.ex02.upsampling import upsample

__all__ = ["bilinear_kernel", "fc_to_conv", "fuse_skips", "upsample"]
