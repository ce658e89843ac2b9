"""The page over HTTP: the response to each address, with its headers."""

import hashlib
import math
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from starlette.responses import Response

from events_pandas.sandbox.page.charts import PACE_SECONDS
from events_pandas.sandbox.page.filters import Filters, ResolvedFilters
from events_pandas.sandbox.page.overview import WorkspaceFacts
from events_pandas.sandbox.page.questions import read_body, read_change
from events_pandas.sandbox.page.rendering import read_moment, render
from events_pandas.sandbox.page.sections import PageSources, render_sections
from events_pandas.sandbox.rules.window import RateWindow
from events_pandas.sandbox.workspace.workspace import Workspace

_HOME: Final = "/"
_FOLDER: Final = "/sandbox/"
_CONTROL: Final = "/sandbox/control"
_LIVE: Final = "/sandbox/live"
_BODIES: Final = "/sandbox/bodies/"
_HTML: Final = "text/html; charset=utf-8"
_STATIC: Final = MappingProxyType({"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"})
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

    # Any thread may ask. The text comes from strangers: templates escape all of it, and the policy in the headers lets
    # the browser run only the page's own script. The token is not a secret: it opens this sandbox only.

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
        name = path.removeprefix(_FOLDER)
        if name in _STATIC and name != path:
            return Response(_static(name), headers=_HEADERS, media_type=_STATIC[name])
        with self.workspace.store.reading() as connection:
            if path == _HOME:
                return _home(self._sources(connection, query, base_url))
            if path == _LIVE:
                return _live(self._sources(connection, query, base_url), if_none_match)
            number = Filters.read({"submission": path.removeprefix(_BODIES)}).submission
            body = None if number is None else read_body(connection, number)
        if body is None:
            return Response("There is nothing here.", 404, _HEADERS, "text/plain; charset=utf-8")
        return Response(body.decode(errors="replace"), headers=_HEADERS, media_type="text/plain; charset=utf-8")

    def _sources(self, connection: sqlite3.Connection, query: Mapping[str, str], base_url: str) -> PageSources:
        store = self.workspace.store
        return PageSources(
            connection=connection,
            window=self.window,
            facts=WorkspaceFacts(
                name="Sandbox",
                id_code=store.id_code,
                region=self.workspace.region,
                url=base_url,
                access_token=self.access_token,
                created_at=read_moment(store.created_at),
            ),
            now=self.clock(),
            resolved=ResolvedFilters.find(Filters.read(query), connection),
            trouble=store.trouble,
        )


def _home(sources: PageSources) -> Response:
    sections = render_sections(sources)
    html = render("page.html", facts=sources.facts, filters=sources.resolved.filters, sections=sections)
    return Response(html, headers=_HEADERS, media_type=_HTML)


def _live(sources: PageSources, if_none_match: str) -> Response:
    entity_tag = _entity_tag(sources)
    headers = {**_HEADERS, "ETag": entity_tag}
    if if_none_match == entity_tag:
        return Response(status_code=304, headers=headers)
    return Response("\n".join(render_sections(sources).values()), headers=headers, media_type=_HTML)


def _entity_tag(sources: PageSources) -> str:
    """Return a tag that differs whenever the page would."""
    submissions, contacts, last_arrival = read_change(sources.connection)
    # While the pace falls, the page changes every second without a new submission.
    second = math.floor(min(sources.now, last_arrival + PACE_SECONDS + 1))
    window = (sources.window.state(sources.now), sources.window.window_seconds)
    state = (sources.facts, sources.resolved, sources.trouble, *window, second, submissions, contacts)
    return f'"{hashlib.blake2b(repr(state).encode(), digest_size=12).hexdigest()}"'


@cache
def _static(name: str) -> bytes:
    return files(__package__ or "").joinpath("static", name).read_bytes()
