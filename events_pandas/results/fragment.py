"""Fragment: HTML for notebooks, which loads nothing, runs nothing, and has the colours of the page around it."""

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from events_pandas.words import has_address

LEFT: Final = "text-align: left; vertical-align: top"
RIGHT: Final = "text-align: right; vertical-align: top"
LONG: Final = f"{LEFT}; white-space: normal; overflow-wrap: anywhere"
"""The style of text that may be longer than a line."""
UNBROKEN: Final = "white-space: nowrap"

BADGE_COLORS: Final = {"error": "#d55e00", "warning": "#b07800", "note": "#0b7fc4"}
"""Colours of severities, which stand out from white and from black; the text has the colour of the page."""

# Names, keys and messages may hold dollar signs, which a notebook would show as formulas.
_OPENING: Final = '<div class="tex2jax_ignore mathjax_ignore" style="color: inherit; line-height: 1.4">'
_TABLE: Final = "margin-left: 0"
_CAPTION: Final = "caption-side: top; color: inherit; font-weight: bold; padding-top: 0.8em; text-align: left"
_BADGE: Final = "padding: 0 0.4em; white-space: nowrap"
# Blue would be hard to read on black. The address of a notebook may hold its token, and is not handed on.
_LINK: Final = 'style="color: inherit" target="_blank" rel="noopener noreferrer"'


def fragment(parts: Iterable[str]) -> str:
    """Return a `div` element with these parts."""
    return "\n".join([_OPENING, *parts, "</div>"])


def paragraph(text: str = "", *, strong: str = "") -> str:
    """Return a paragraph, which may begin with strong words."""
    head = f"<strong>{html.escape(strong)}</strong>" if strong else ""
    return f"<p>{head}{html.escape(text)}</p>"


def table(lines: Iterable[str], *, head: Sequence[str] = (), caption: str = "") -> Iterator[str]:
    """Yield the lines of a table; each of `lines` has the cells of a row."""
    named = [f'<caption style="{_CAPTION}">{html.escape(caption)}</caption>'] if caption else []
    yield from (f'<table style="{_TABLE}">', *named, *head, "<tbody>")
    yield from (f"<tr>{line}</tr>" for line in lines)
    yield from ("</tbody>", "</table>")


def folded(summary: str, parts: Iterable[str], *, is_open: bool = False) -> Iterator[str]:
    """Yield parts that can be opened and closed; they need no script."""
    yield from (f"<details{' open' if is_open else ''}><summary>{html.escape(summary)}</summary>", *parts, "</details>")


def badge(word: str) -> str:
    """Return a word of `BADGE_COLORS` with its colour beside it."""
    color = BADGE_COLORS[word]
    return f'<span style="{_BADGE}; border-left: 0.5em solid {color}; border-bottom: 1px solid {color}">{word}</span>'


def text_lines(texts: Iterable[str]) -> str:
    """Return texts below each other, for a cell."""
    return "<br>".join(map(html.escape, texts))


def name_lines(names: Iterable[str]) -> str:
    """Return names below each other, for a narrow cell: lines may break after their signs.

    An address stays in one piece, so that a report can find and hide it.
    """
    return "<br>".join(
        name if has_address(name) else re.sub(r"[_.](?=\w)", r"\g<0><wbr>", name) for name in map(html.escape, names)
    )


def cell(tag: str, text: str, style: str, *, address: str = "") -> str:
    """Return a cell; with an address its text is a link, so the address must be one of http or https."""
    shown = html.escape(text)
    linked = f'<a href="{html.escape(address)}" {_LINK}>{shown}</a>' if address else shown
    return markup_cell(tag, linked, style)


def markup_cell(tag: str, markup: str, style: str, *, title: str = "", scope: str = "") -> str:
    """Return a cell that holds markup of ours; `scope` is what the cell of a head is for, ``"col"`` or ``"row"``."""
    heads = f' scope="{scope}"' if scope else ""
    tooltip = f' title="{html.escape(title)}"' if title else ""
    return f'<{tag}{heads} style="{style}"{tooltip}>{markup}</{tag}>'
