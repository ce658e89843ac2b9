"""Pictures: plots as inline SVG without a background, in the colour of the text around them."""

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

from events_pandas.plots import plot_check, plot_results
from events_pandas.plots.plotting import CheckKind, ResultsKind
from events_pandas.results import CheckReport

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MISSING: Final = 'There are no plots, since matplotlib is missing: pip install "events-pandas[plot]" brings it.'
CHECK_KINDS: Final[tuple[CheckKind, ...]] = ("days", "duplicates", "metadata", "problems")
RESULTS_KINDS: Final[tuple[ResultsKind, ...]] = ("run", "days")

_WIDTH_INCHES: Final = 9.0
_HEIGHT_INCHES: Final = 3.6
_ROW_INCHES: Final = 0.23
_MOST_ROWS: Final = 40
_TEXT_COLOR: Final = "#010203"
"""Stands for the colour of the text around the picture, until the picture is made."""
_SVG: Final = "http://www.w3.org/2000/svg"
_LINKS: Final = "{http://www.w3.org/1999/xlink}"
_DECIMAL: Final = re.compile(r"-?\d+\.\d+")
_MOST_OF_HATCH: Final = 4_000
_DOT: Final = "M 2 2 a 0.8 0.8 0 1 0 0.01 0 z"
_DOT_SPACE: Final = "4"
_FONTS: Final = re.compile(r"font-family: [^;]*;\s*")
_NO_TURN: Final = re.compile(r"rotate\(-?0 [^)]*\)")
_REFERENCE: Final = re.compile(r"(?:url\(#|href=\"#)([^)\"]+)")
_OF_NUMBERS: Final = frozenset({"d", "x", "y", "width", "height", "transform"})
"""Attributes whose numbers are rounded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A plot."""

    title: str
    svg: str


def can_draw() -> bool:
    """Tell whether matplotlib is installed."""
    try:
        import_module("matplotlib")
    except ImportError:
        return False
    return True


def check_pictures(report: CheckReport) -> list[Picture]:
    """Draw the panels of `plot_check` that have something to show."""
    rows = {"metadata": len(report.mapping.metadata), "problems": len({cause.code for cause in report.causes})}
    drawn = (_picture(partial(plot_check, report, kind=kind), rows=rows.get(kind, 0)) for kind in CHECK_KINDS)
    return [picture for picture in drawn if picture is not None]


def results_pictures(results: "pd.DataFrame") -> list[Picture]:
    """Draw the panels of `plot_results` that have something to show."""
    drawn = (_picture(partial(plot_results, results, kind=kind)) for kind in RESULTS_KINDS)
    return [picture for picture in drawn if picture is not None]


def _picture(draw: "Callable[..., Axes]", *, rows: int = 0) -> Picture | None:
    """Draw one panel, with room for bars that lie below each other, in no style of the caller's.

    A panel that only says why it is empty is None: the section says so in numbers.
    """
    # Loaded here: it is an extra.
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    height = max(_HEIGHT_INCHES, min(rows, _MOST_ROWS) * _ROW_INCHES + 1.6)
    with mpl.rc_context():
        mpl.rcdefaults()
        for name, value in _settings().items():
            mpl.rcParams[name] = value
        # Not by pyplot, which would show the figure in a notebook.
        figure = Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
        ax = draw(ax=figure.add_subplot())
        if not ax.has_data():
            return None
        written = io.BytesIO()
        figure.savefig(written, format="svg", metadata={"Date": None})
        return Picture(title=" ".join(ax.get_title(loc="left").split()), svg=_compact(written.getvalue().decode()))


def _settings() -> dict[Any, Any]:
    names = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "grid.color")
    clear = dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), "none")
    return {**dict.fromkeys(names, _TEXT_COLOR), **clear, "svg.fonttype": "none", "axes.titlesize": "medium"}


def _compact(text: str) -> str:
    """Return an SVG for a page: without what a page has itself, and with bars of one look in one path."""
    root = ET.fromstring(text)  # noqa: S314  # It is our own.
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    # The page has the style.
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag in {f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"}]:
            parent.remove(child)
    _merge(root)
    _draw_dots_small(root)
    _shorten(root)
    root.set("role", "img")
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _LINKS.strip("{}"))
    return ET.tostring(root, encoding="unicode")


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _merge(parent: ET.Element) -> None:
    """Join neighbouring groups that hold one path each, of one look: a plot has up to a thousand bars."""
    last: ET.Element | None = None
    for child in list(parent):
        path = child[0] if len(child) == 1 and child[0].tag == f"{{{_SVG}}}path" else None
        if path is not None and last is not None and _look(path) == _look(last):
            last.set("d", f"{last.get('d')} {path.get('d')}")
            parent.remove(child)
        else:
            last = path
            _merge(child)


def _look(path: ET.Element) -> dict[str, str]:
    return {name: value for name, value in path.attrib.items() if name != "d"}


def _draw_dots_small(root: ET.Element) -> None:
    """Replace a hatch of many dots, which is a hundred kilobytes of curves, by a small one that repeats."""
    for pattern in root.iter(f"{{{_SVG}}}pattern"):
        for shape in pattern.iter(f"{{{_SVG}}}path"):
            if len(shape.get("d", "")) > _MOST_OF_HATCH:
                shape.set("d", _DOT)
                for each in (pattern, *pattern.iter(f"{{{_SVG}}}rect")):
                    each.attrib |= {"width": _DOT_SPACE, "height": _DOT_SPACE}


def _shorten(root: ET.Element) -> None:
    """Shorten numbers, remove names that nothing refers to, and take the colour of the page for text."""
    used = set(_REFERENCE.findall(ET.tostring(root, encoding="unicode")))
    for element in root.iter():
        if element.get("id") not in used:
            element.attrib.pop("id", None)
        for name in _OF_NUMBERS & element.attrib.keys():
            shorter = _NO_TURN.sub("", " ".join(_DECIMAL.sub(_rounded, element.attrib[name]).split()))
            element.set(name, shorter)
        if "style" in element.attrib:
            # The page names the fonts.
            style = _FONTS.sub("", element.attrib["style"])
            element.set("style", style.replace(_TEXT_COLOR, "currentColor"))
        # Blanks between elements, which are text and its tail.
        if not (element.text or "").strip():
            element.text = None
        if not (element.tail or "").strip():
            element.tail = None


def figure_html(picture: Picture) -> Iterator[str]:
    """Yield the lines of a figure."""
    title = escape(picture.title)
    named = picture.svg.replace("<svg ", f'<svg aria-label="{title}" ', 1)
    yield from ("<figure>", named, f"<figcaption>{title}</figcaption>", "</figure>")
