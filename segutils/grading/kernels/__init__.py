"""Where students' code runs: Jupyter kernels, each in a sandbox of its own.

A *nursery* is a process that has imported what notebooks import (nursery.py). For every submission it has bubblewrap
make an empty machine (bubblewrap.py), puts a fork of itself into it, which gives up every right (inside.py), and starts
a kernel there. The grader talks to the kernel through Jupyter's messages (provisioner.py) and watches what it uses
(usage.py).
"""
