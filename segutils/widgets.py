"""Interactive figures: a thin shell around the plotting functions, for notebooks alone."""

from collections.abc import Callable

import ipywidgets
from matplotlib.figure import Figure

from segutils.plotting import render


def explore(draw: Callable[..., Figure], alt: str, **controls) -> ipywidgets.Widget:
    """Redraw the figure `draw(**values)` whenever a control is moved.

    Args:
        draw: a function that returns a new figure; the same one that draws the static figure beside the widget.
        alt: what the figure shows, for readers who do not see it.
        controls: one per argument of `draw`, as in `ipywidgets.interactive`: (low, high[, step]) for a slider,
            a list of choices, a bool, a fixed widget, or `ipywidgets.fixed(value)`.

    The picture is drawn into an image widget rather than an output area: it does not flicker, and it works alike in
    JupyterLab and in Colab (ipywidgets 7 and 8).
    """
    picture = ipywidgets.Image(layout=ipywidgets.Layout(max_width="100%", object_fit="contain"))
    caption = ipywidgets.HTML(f"<small>{alt}</small>")

    def update(**values) -> None:
        picture.value = render(draw(**values))

    panel = ipywidgets.interactive(update, **controls)
    for control in panel.children[:-1]:
        control.style = {"description_width": "initial"}
        if hasattr(control, "continuous_update"):
            control.continuous_update = False  # redraw when the hand rests, not at every pixel of the way
    panel.update()
    return ipywidgets.VBox([*panel.children[:-1], picture, caption, panel.children[-1]])
