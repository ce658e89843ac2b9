"""How plots look: colours, hatches, labels and legends, on top of the caller's own style.

Text and background are those of matplotlib's settings, so that plots are right in a dark style. Fills are the colours
of Okabe and Ito, which people with any colour vision can tell apart. Hatches tell them apart in grey; they are lines,
because dots make an SVG twice as large.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.patheffects import withStroke
from matplotlib.ticker import Formatter, FuncFormatter, Locator, MaxNLocator

from events_pandas.deliver import Status
from events_pandas.plots.spans import Ticks, fitting
from events_pandas.words import escaped

POINTS: Final = 72  # in an inch
LINE: Final = 1.35  # the height of a line of labels, in ems
CHARACTER: Final = 0.65  # the width of a digit or a wide letter, in ems
_LETTER: Final = 0.55  # the mean width of letters, in ems
_PLOT_LETTERS: Final = 25  # the width that is kept from names beside a plot
_SURE: Final = 0.85  # of the width that an Axes has now: a layout may still shrink it
_HANDLE: Final = 3.5  # the width of a legend's handle with its blanks, in ems
_THICK: Final = 0.72
LONGEST_LABEL: Final = 30
FEWEST_BINS: Final = 8
"""An axis of time has room for so many bins: one day alone is not a wall."""
FEWEST_ROWS: Final = 5
"""The same for bars that lie below each other."""
_LINES_AROUND: Final = 3
_MOST_COUNTS: Final = 4  # steps between the numbers below a plot
_SHORTEST_LABEL: Final = 12
_SHORTEST_LINE: Final = 16


@dataclass(frozen=True, slots=True)
class Look:
    """The fill of a bar: a colour, that of text, or none."""

    color: str
    hatch: str = ""


VALID: Final = Look("#0072B2")
ERROR: Final = Look("#D55E00")
NOTE: Final = Look("#56B4E9", "///")
IGNORED: Final = Look("#E69F00", "\\\\\\")
STATUSES: Final = {
    Status.ACCEPTED: VALID,
    Status.ALREADY_SUBMITTED: Look("#56B4E9", "///"),
    Status.DUPLICATE: Look("#999999", "|||"),
    Status.INVALID: Look("#E69F00", "\\\\\\"),
    Status.UNKNOWN_CONTACT: Look("#CC79A7", "xxx"),
    Status.REJECTED: ERROR,
    Status.FAILED: Look("text", "---"),
    Status.NOT_SUBMITTED: Look("none"),
}


DUPLICATE: Final = STATUSES[Status.DUPLICATE]


def text_color() -> Any:
    """Return the colour of text in the caller's style."""
    return mpl.rcParams["text.color"]


def _background(ax: Axes) -> Any:
    """Return the colour behind bars; None if the Axes is transparent."""
    color = to_rgba(ax.get_facecolor())
    return color if color[3] else None


def _fill(look: Look, ax: Axes) -> dict[str, Any]:
    """Return the properties of bars. A hatch is drawn in the colour of the background."""
    if look.color == "none":
        return {"facecolor": "none", "edgecolor": text_color(), "linewidth": 0.8}
    color = text_color() if look.color == "text" else look.color
    # Without a hatch, the edge shows a bar that is too low to be seen.
    edge = color
    if look.hatch:
        edge = _background(ax) or text_color()
    return {"facecolor": color, "edgecolor": edge, "hatch": look.hatch, "linewidth": 0.0 if look.hatch else 0.6}


def stack(
    ax: Axes, places: npt.ArrayLike, parts: Sequence[tuple[str, npt.NDArray[Any], Look]], *, width: float
) -> None:
    """Draw parts upon each other, each with its label, heights and look; `places` are the middles of the bars."""
    middles, base = np.asarray(places), np.zeros(np.shape(places))
    for label, heights, look in parts:
        is_shown = heights > 0
        corners = middles - width / 2, base, middles + width / 2, base + heights
        _draw(ax, *(corner[is_shown] for corner in corners), label=label, look=look).sticky_edges.y.append(0)
        base = base + heights
    ax.autoscale_view()


def lie(ax: Axes, lengths: npt.NDArray[Any], look: Look, *, label: str, start: npt.NDArray[Any] | float = 0.0) -> None:
    """Draw bars that lie below each other, at 0, 1, 2 and so on."""
    middles, starts = np.arange(len(lengths)), np.broadcast_to(start, lengths.shape)
    corners = starts, middles - _THICK / 2, starts + lengths, middles + _THICK / 2
    _draw(ax, *corners, label=label, look=look).sticky_edges.x.append(0)
    ax.autoscale_view()


def _draw(ax: Axes, *corners: npt.NDArray[Any], label: str, look: Look) -> PathPatch:
    """Draw rectangles (left, bottom, right, top) as one patch: in an SVG a thousand patches would take megabytes."""
    left, bottom, right, top = corners
    points = np.array([[left, bottom], [left, top], [right, top], [right, bottom], [left, bottom]])
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    path = Path(np.moveaxis(points, -1, 0).reshape(-1, 2), np.tile(np.array(codes, np.uint8), len(left)))
    patch = PathPatch(path, label=label, **_fill(look, ax))
    ax.add_patch(patch)
    return patch


def mark_height(ax: Axes, height: float, *, label: str) -> None:
    """Draw a dashed line across, with an outline that parts it from the bars behind it."""
    line = ax.axhline(height, color=text_color(), linestyle="--", linewidth=1.2, label=label)
    if background := _background(ax):
        line.set_path_effects([withStroke(linewidth=3, foreground=background)])


def end_labels(ax: Axes, ends: npt.NDArray[Any], labels: Sequence[str]) -> None:
    """Write a label behind the end of each bar that `lie` has drawn."""
    for place, (end, label) in enumerate(zip(ends, labels, strict=True)):
        ax.annotate(label, (end, place), xytext=(4, 0), textcoords="offset points", va="center", size="small")


def set_title(ax: Axes, title: str, *, above: float = 0.0) -> None:
    """Write a title from the left, so many points above its place, and in as many lines as the width asks for."""
    shown = wrapped(title, ax, mpl.rcParams["axes.titlesize"])
    ax.set_title(shown, loc="left", pad=mpl.rcParams["axes.titlepad"] + above)


def wrapped(text: str, ax: Axes, size: float | str) -> str:
    """Cut text into lines that are not wider than an Axes."""
    return textwrap.fill(text, max(int(_SURE * width_points(ax) / (_LETTER * font_points(size))), _SHORTEST_LINE))


def dress(ax: Axes, title: str, *, counts: Literal["x", "y"] = "y") -> None:
    """Set title, grid and spines; `counts` is the axis of numbers."""
    set_title(ax, title)
    ax.grid(visible=True, axis=counts, alpha=0.35)
    ax.grid(visible=False, axis="x" if counts == "y" else "y")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    axis = ax.xaxis if counts == "x" else ax.yaxis
    # "auto" takes labels on the x axis for three letters wide, and would print 10,000 over 12,000.
    axis.set_major_locator(MaxNLocator(_MOST_COUNTS if counts == "x" else "auto", integer=True, min_n_ticks=1))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def legend(ax: Axes, title: str) -> None:
    """Name the parts between title and plot, where no bar can be."""
    named = zip(*ax.get_legend_handles_labels(), strict=True)
    # Bars first, then lines and spans.
    handles, labels = zip(*sorted(named, key=lambda each: not isinstance(each[0], PathPatch)), strict=True)
    em = font_points(mpl.rcParams["legend.fontsize"])
    columns = _columns([CHARACTER * len(label) + _HANDLE for label in labels], room=width_points(ax) / em)
    ax.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=columns,
        frameon=False,
        borderaxespad=0.1,
        borderpad=0.2,
        handlelength=1.6,
        handletextpad=0.5,
        columnspacing=1.4,
    )
    lines = -(-len(labels) // columns)
    set_title(ax, title, above=em * (1.5 * lines + 0.2))


def _columns(widths: Sequence[float], *, room: float) -> int:
    """Return in how many columns entries stand, downwards and then to the right, so that all fit; widths are in ems."""
    for columns in range(len(widths), 1, -1):
        # As matplotlib fills them.
        if sum(max(column) for column in np.array_split(widths, columns)) <= room:
            return columns
    return 1


def empty(ax: Axes, title: str, sentence: str) -> None:
    """Say why there is nothing to draw."""
    set_title(ax, title)
    ax.text(0.5, 0.5, sentence, transform=ax.transAxes, ha="center", va="center")
    if not ax.has_data():
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)


def named_rows(ax: Axes, labels: Sequence[str]) -> None:
    """Label bars that lie below each other; a dollar sign is no formula."""
    em = font_points(mpl.rcParams["ytick.labelsize"])
    most = min(max(int(width_points(ax) / (_LETTER * em)) - _PLOT_LETTERS, _SHORTEST_LABEL), LONGEST_LABEL)
    ax.set_yticks(range(len(labels)), [label_text(label, most=most) for label in labels], parse_math=False)
    ax.tick_params(axis="y", length=0)
    # The first is on top.
    ax.set_ylim(max(len(labels), FEWEST_ROWS) - 0.4, -0.6)


def room_for_rows(ax: Axes) -> int:
    """Return how many labelled bars may lie below each other."""
    lines = ax.bbox.height / ax.figure.dpi * POINTS / (LINE * font_points(mpl.rcParams["ytick.labelsize"]))
    # A layout takes the lines of title, legend and ticks from the height later.
    return max(int(lines) - _LINES_AROUND, FEWEST_ROWS)


def label_text(text: str, *, most: int = LONGEST_LABEL) -> str:
    """Return a name for an axis: on one line, not long, and of characters that the fonts have."""
    shown = escaped(text)
    if len(shown) > most:
        tail = most // 4
        shown = f"{shown[: most - tail - len('...')]}...{shown[-tail:]}"
    known = _characters()
    return "".join(character if ord(character) in known else "?" for character in shown)


def _characters() -> set[int]:
    """Return the characters of the fonts that the caller's style names; matplotlib warns of all others."""
    fonts = {
        font_manager.findfont(font_manager.FontProperties(family=[family]))
        for family in font_manager.FontProperties().get_family()
    }
    return {code for font in fonts for code in font_manager.get_font(font).get_charmap()}


def font_points(size: float | str) -> float:
    """Return a size of a setting, such as "medium", in points."""
    return font_manager.FontProperties(size=size).get_size_in_points()


def width_points(ax: Axes) -> float:
    """Return the present width of an Axes in points."""
    return float(ax.bbox.width) / ax.figure.dpi * POINTS


class FittingTicks(Locator):
    """Places the densest ticks whose labels fit beside each other, whenever the figure is drawn."""

    def __init__(self, ax: Axes, tick_sets: Sequence[Ticks]) -> None:
        self._ax, self._tick_sets = ax, tick_sets
        self.ticks: Ticks = {}

    def __call__(self) -> list[float]:
        """Return the positions of the ticks."""
        low, high = sorted(self._ax.get_xlim())
        em = font_points(mpl.rcParams["xtick.labelsize"])
        ems = width_points(self._ax) / em / max(high - low, 1e-9)

        def fits(distance: float, here: str, there: str) -> bool:
            lines = [*here.split("\n"), *there.split("\n")]
            return distance * ems >= CHARACTER * max(map(len, lines)) + 1

        self.ticks = fitting(self._tick_sets, fits)
        return list(self.ticks)

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        """Return the ticks, which do not depend on these limits."""
        del vmin, vmax
        return self()


class FittingLabels(Formatter):
    """Labels the ticks of a locator."""

    def __init__(self, locator: FittingTicks) -> None:
        self._locator = locator

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return the label of a position."""
        del pos
        return self._locator.ticks.get(round(x), "")


def set_time_axis(ax: Axes, tick_sets: Sequence[Ticks], *, label: str) -> None:
    """Give the x axis the ticks of a span, and its label."""
    ax.set_xlabel(wrapped(label, ax, mpl.rcParams["axes.labelsize"]))
    locator = FittingTicks(ax, tick_sets)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(FittingLabels(locator))
