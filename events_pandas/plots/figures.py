"""Panels and the figures that they stand in."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from events_pandas.plots.style import room_for_rows
from events_pandas.words import did_you_mean, kind_of

Drawn = TypeVar("Drawn")
Panels: TypeAlias = Mapping[str, Callable[[Axes, Drawn, int], None]]
"""Functions that draw a panel, by its kind: on an Axes, from what is drawn, with at most so many labelled bars."""

MOST_ROWS: Final = 40
"""Labelled bars in a panel of a figure of our own."""


_PAD_INCHES: Final = 0.12
_PLAIN: Final = "rectilinear"
"""The projection of an Axes with straight axes, by matplotlib's name."""


ONE_INCHES: Final = (8.0, 4.5)
"""The size of a figure with one panel."""


def new_figure(width: float, height: float) -> Figure:
    """Make a figure, in inches, as pandas does: a notebook shows it."""
    # Loaded here: it chooses a backend, and whoever gives an Axes may not want one.
    import matplotlib.pyplot as plt  # noqa: PLC0415

    layout = ConstrainedLayoutEngine(w_pad=_PAD_INCHES, h_pad=_PAD_INCHES)
    return plt.figure(figsize=(width, height), layout=layout)


def draw(
    panels: Panels[Drawn], drawn: Drawn, new_axes: Callable[[Drawn], list[Axes]], *, kind: str | None, ax: Any
) -> Axes | npt.NDArray[np.object_]:
    """Draw one panel or all, as `plot_check` documents."""
    if kind is not None:
        _require_panel(kind, panels)
    if ax is not None:
        _require_axes(ax)
    if kind is not None:
        axes = new_figure(*ONE_INCHES).add_subplot() if ax is None else ax
        panels[kind](axes, drawn, room_for_rows(axes))
        return axes
    if ax is not None:
        raise ValueError(f"ax: an Axes has room for one panel: choose its kind, of {', '.join(map(repr, panels))}")
    all_axes = new_axes(drawn)
    for each, draw_panel in zip(all_axes, panels.values(), strict=True):
        draw_panel(each, drawn, MOST_ROWS)
    return np.array(all_axes, dtype=object)


def _require_panel(kind: object, panels: Panels[Any]) -> None:
    if not isinstance(kind, str):
        raise TypeError(f"kind: expected one of {', '.join(map(repr, panels))}, got {kind_of(kind)}")
    if kind not in panels:
        raise ValueError(f"kind: there is no panel {kind!r}: {did_you_mean(kind, panels)}")


def _require_axes(ax: object) -> None:
    if not isinstance(ax, Axes):
        raise TypeError(f"ax: expected an Axes of matplotlib, got {kind_of(ax)}")
    if ax.name != _PLAIN:
        raise ValueError(f"ax: its projection is {ax.name!r}, and bars need straight axes: make it without projection")
