"""Boxes and arrows, of which the diagrams of the networks are made."""

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from segutils.plotting import BLACK

__all__ = ["arrow", "box"]

Point = tuple[float, float]


def box(ax: Axes, x: float, y: float, width: float, height: float, text: str, color: str) -> None:
    """A rounded box around (x, y) with a text in it."""
    corner = (x - width / 2, y - height / 2)
    style = "round,pad=0,rounding_size=0.15"
    ax.add_patch(FancyBboxPatch(corner, width, height, boxstyle=style, facecolor=color, edgecolor=BLACK, zorder=2))
    ax.text(x, y, text, ha="center", va="center", fontsize=9, zorder=3)


def arrow(ax: Axes, start: Point, end: Point, label: str = "", **style) -> None:
    """A thin arrow between two points, its label beside the middle."""
    style = {"color": "#555555", "linewidth": 0.9, **style}
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, **style))
    if label:
        upright = start[0] == end[0]
        x, y = (start[0] + end[0]) / 2 + 0.2 * upright, (start[1] + end[1]) / 2 + 0.15 * (not upright)
        ax.text(x, y, label, fontsize=9, ha="left" if upright else "center", va="bottom")
