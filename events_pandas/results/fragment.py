"""Fragment: HTML for notebooks, which loads nothing, runs nothing, and has the colours of the page around it."""

import html
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

LEFT: Final = "text-align: left; vertical-align: top"
RIGHT: Final = "text-align: right; vertical-align: top"
LONG: Final = f"{LEFT}; white-space: normal; overflow-wrap: anywhere"
"""The style of text that may be longer than a line."""
UNBROKEN: Final = "white-space: nowrap"

# Names, keys and messages may hold dollar signs, which a notebook would show as formulas.
_OPENING: Final = '<div class="tex2jax_ignore mathjax_ignore" style="color: inherit; line-height: 1.4">'
_TABLE: Final = "margin-left: 0"
# Blue would be hard to read on black. The address of a notebook may hold its token, and is not handed on.
_LINK: Final = 'style="color: inherit" target="_blank" rel="noopener noreferrer"'


def fragment(parts: Iterable[str]) -> str:
    """Return a `div` element with these parts."""
    return "\n".join([_OPENING, *parts, "</div>"])


def paragraph(text: str = "", *, strong: str = "") -> str:
    """Return a paragraph, which may begin with strong words."""
    head = f"<strong>{html.escape(strong)}</strong>" if strong else ""
    return f"<p>{head}{html.escape(text)}</p>"


def table(lines: Iterable[str], *, head: Sequence[str] = ()) -> Iterator[str]:
    """Yield the lines of a table; each of `lines` has the cells of a row."""
    yield from (f'<table style="{_TABLE}">', *head, "<tbody>")
    yield from (f"<tr>{line}</tr>" for line in lines)
    yield from ("</tbody>", "</table>")


def cell(tag: str, text: str, style: str, *, title: str = "", address: str = "") -> str:
    """Return a cell; with an address its text is a link, so the address must be one of http or https."""
    tooltip = f' title="{html.escape(title)}"' if title else ""
    shown = html.escape(text)
    linked = f'<a href="{html.escape(address)}" {_LINK}>{shown}</a>' if address else shown
    return f'<{tag} style="{style}"{tooltip}>{linked}</{tag}>'
