"""Helpers shared by the notebooks of the course on semantic segmentation."""

import os

# Threads that wait shall sleep: torch's otherwise spin, and where more programs run than there are cores (a browser, a
# second notebook) a training step takes up to 80 times as long. Works when segutils is imported before torch; the
# Makefile sets it for everything else.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
