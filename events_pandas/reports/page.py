"""The page of a report file: it loads nothing, has no script, and is right on light and dark screens and on paper."""

import html
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from events_pandas.reports.pictures import Picture, figure_html
from events_pandas.reports.sections import ReportSection
from events_pandas.words import escaped

MOST_BYTES: Final = 300_000

BEGINNING: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="events-pandas report">"""
"""How our files begin: others are not replaced."""

# Nothing may be loaded, and nothing may run.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """
:root { color-scheme: light dark; --text: #1a1a1a; --page: #fff; --line: #ccc; --soft: #f4f4f4 }
@media (prefers-color-scheme: dark) { :root { --text: #e6e6e6; --page: #141414; --line: #444; --soft: #222 } }
body { background: var(--page); color: var(--text); font: 15px/1.45 system-ui, sans-serif; margin: 0 auto;
  max-width: 76rem; padding: 1rem 1.5rem 3rem }
h1 { font-size: 1.6rem; margin: .5rem 0 0; overflow-wrap: anywhere }
h2 { border-bottom: 1px solid var(--line); font-size: 1.25rem; margin: 2.2rem 0 .8rem; padding-bottom: .2rem }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .4rem }
section { overflow-x: auto }
table { border-collapse: collapse; font-size: .9rem; margin: .6rem 0 1rem }
td, th { border-bottom: 1px solid var(--line); padding: .3rem .7rem .3rem 0 }
thead th { background: var(--soft) }
td:first-child, th:first-child { padding-left: .4rem }
code { font-size: .95em }
figure { margin: 1rem 0 1.6rem }
figure svg { display: block; height: auto; max-width: 60rem; width: 100% }
figure svg * { stroke-linecap: butt; stroke-linejoin: round }
figure text { font-family: "DejaVu Sans", Verdana, sans-serif }
figcaption { height: 1px; overflow: hidden; position: absolute; width: 1px }
footer { border-top: 1px solid var(--line); font-size: .85rem; margin-top: 2.5rem }
@media print {
  :root { color-scheme: light; --text: #000; --page: #fff; --line: #999; --soft: #fff }
  body { font-size: 10pt; max-width: none; padding: 0 }
  section { overflow: visible }
  table { font-size: 8.5pt }
  thead { display: table-header-group }
  tr, figure { break-inside: avoid }
  h2, h3, h2 + p, h2 + div > p:first-child, caption { break-after: avoid }
  figure svg { max-height: 22cm }
}
@page { margin: 1.5cm }
"""


def page(title: str, sections: Sequence[ReportSection], *, made_at: str) -> str:
    """Return the page.

    If it would be larger than `MOST_BYTES`, the largest plots are left out, and the page names them. Raise `ValueError`
    if it is too large without any.
    """
    bare = "\n".join(_lines(title, sections, made_at=made_at, shown=frozenset()))
    room = MOST_BYTES - len(bare.encode())
    if room < 0:
        size = MOST_BYTES - room
        raise ValueError(
            f"a report of {size:,} bytes is larger than {MOST_BYTES:,}: write fewer checks and results into it"
        )
    shown = set()
    for picture in sorted((picture for section in sections for picture in section.pictures), key=_size):
        room -= _size(picture)
        if room >= 0:
            shown.add(picture)
    return "\n".join(_lines(title, sections, made_at=made_at, shown=shown))


def _size(picture: Picture) -> int:
    return len("\n".join(figure_html(picture)).encode())


def _lines(title: str, sections: Sequence[ReportSection], *, made_at: str, shown: Collection[Picture]) -> Iterator[str]:
    name = html.escape(escaped(title))
    yield f"""{BEGINNING}
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{name}</h1>"""
    for section in sections:
        yield f"<section>\n<h2>{html.escape(section.heading)}</h2>"
        yield from section.parts
        if section.pictures:
            yield "<h3>Plots</h3>"
        for picture in section.pictures:
            if picture in shown:
                yield from figure_html(picture)
            else:
                yield f"<p>{html.escape(picture.title)}: this plot is left out, since the file would be too large.</p>"
        yield "</section>"
    yield f"</main>\n<footer><p>{html.escape(made_at)}</p></footer>\n</body>\n</html>\n"
