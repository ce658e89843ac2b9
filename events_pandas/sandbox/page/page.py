"""The page over HTTP: the response to each address, with its headers."""

import hashlib
import math
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from markupsafe import Markup
from starlette.responses import Response

from events_pandas.sandbox.page.counts import read_change, read_last_arrival
from events_pandas.sandbox.page.filters import Filters, ResolvedFilters
from events_pandas.sandbox.page.overview import PACE_SECONDS, WorkspaceFacts
from events_pandas.sandbox.page.queries import read_body
from events_pandas.sandbox.page.rendering import read_moment, render
from events_pandas.sandbox.page.sections import SECTIONS, PageSources, render_section
from events_pandas.sandbox.rules.window import RateWindow
from events_pandas.sandbox.workspace.workspace import Workspace

_HOME: Final = "/"
_FOLDER: Final = "/sandbox/"
_CONTROL: Final = "/sandbox/control"
_LIVE: Final = "/sandbox/live"
_BODIES: Final = "/sandbox/bodies/"
_HTML: Final = "text/html; charset=utf-8"
_STATIC: Final = MappingProxyType(
    {
        "/sandbox/page.css": ("page.css", "text/css; charset=utf-8"),
        "/sandbox/page.js": ("page.js", "text/javascript; charset=utf-8"),
    }
)
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:;"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS: Final = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Content-Security-Policy": _POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Show a workspace to people; it only reads. `clock` returns the sandbox's time in Unix seconds."""

    # The text comes from strangers: templates escape all of it, and the policy in the headers lets the browser run
    # only the page's own script. The token is not a secret: it opens this sandbox only.

    workspace: Workspace
    window: RateWindow
    clock: Callable[[], float]
    access_token: str = field(repr=False)

    @staticmethod
    def handles(path: str) -> bool:
        """Return whether an address belongs to the page: ``/``, or ``/sandbox/…`` except the control."""
        return path == _HOME or (path.startswith(_FOLDER) and path != _CONTROL)

    def answer(self, path: str, query: Mapping[str, str], *, base_url: str, if_none_match: str = "") -> Response:
        """Answer a GET request for an address of the page: 200, 304 or 404.

        `base_url` is the address by which the browser knows the sandbox, without a slash at its end. `if_none_match` is
        the header of that name: the version that the browser has.
        """
        if path in _STATIC:
            name, media_type = _STATIC[path]
            return Response(_static(name), headers=_HEADERS, media_type=media_type)
        if path == _HOME:
            return self._home(self._sources(query, base_url))
        if path == _LIVE:
            return self._live(self._sources(query, base_url), if_none_match)
        body = self._body(path.removeprefix(_BODIES)) if path.startswith(_BODIES) else None
        if body is None:
            return Response("There is nothing here.", 404, _HEADERS, "text/plain; charset=utf-8")
        return Response(body.decode(errors="replace"), headers=_HEADERS, media_type="text/plain; charset=utf-8")

    def _sources(self, query: Mapping[str, str], base_url: str) -> PageSources:
        store = self.workspace.store
        facts = WorkspaceFacts(
            name="Sandbox",
            id_code=store.id_code,
            region=self.workspace.region,
            url=base_url,
            access_token=self.access_token,
            created_at=read_moment(store.created_at),
        )
        resolved = ResolvedFilters.find(Filters.read(query), store)
        return PageSources(store=store, window=self.window, facts=facts, now=self.clock(), resolved=resolved)

    def _home(self, sources: PageSources) -> Response:
        sources = self._counted(sources)
        sections = {name: Markup(_wrapped(name, sources)) for name in SECTIONS}  # noqa: S704  # Our own templates.
        html = render("page.html", facts=sources.facts, filters=sources.resolved.filters, sections=sections)
        return Response(html, headers=_HEADERS, media_type=_HTML)

    def _live(self, sources: PageSources, if_none_match: str) -> Response:
        entity_tag = _entity_tag(sources)
        headers = {**_HEADERS, "ETag": entity_tag}
        if if_none_match == entity_tag:
            return Response(status_code=304, headers=headers)
        sources = self._counted(sources)
        if sources.trouble:
            # The browser has to ask again to see that the trouble is over.
            del headers["ETag"]
        return Response("\n".join(_wrapped(name, sources) for name in SECTIONS), headers=headers, media_type=_HTML)

    def _counted(self, sources: PageSources) -> PageSources:
        """Bring the counts up to date; if that fails, say why rather than show nothing."""
        try:
            self.workspace.count()
        except sqlite3.OperationalError as error:
            return replace(sources, trouble=str(error))
        return sources

    def _body(self, number: str) -> bytes | None:
        asked = Filters.read({"submission": number}).submission
        return None if asked is None else read_body(self.workspace.store, asked)


def _wrapped(name: str, sources: PageSources) -> str:
    section = render_section(name, sources)
    return render("section.html", section=section, html=Markup(section.html))  # noqa: S704  # Our own templates.


def _entity_tag(sources: PageSources) -> str:
    """Return a tag that differs whenever the page would."""
    last_arrival = read_last_arrival(sources.store)
    # While the pace falls, the page changes every second without a new submission.
    second = math.floor(min(sources.now, last_arrival + PACE_SECONDS + 1))
    state = (sources.facts, sources.resolved, sources.window.state(sources.now), sources.window.window_seconds, second)
    facts = repr((*state, read_change(sources.store)))
    return f'"{hashlib.blake2b(facts.encode(), digest_size=12).hexdigest()}"'


@cache
def _static(name: str) -> bytes:
    return files(__package__ or "").joinpath("static", name).read_bytes()
