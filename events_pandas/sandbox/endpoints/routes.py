"""Intercom's endpoints: a request in, an answer out. Submitting an event is not among them: the application does it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from events_pandas import intercom
from events_pandas.sandbox.endpoints.answers import Answer, refused
from events_pandas.sandbox.endpoints.contact_form import contact_object
from events_pandas.sandbox.endpoints.contact_search import search_contacts
from events_pandas.sandbox.endpoints.history import add_summaries, contact_events
from events_pandas.sandbox.rules.refusals import Refusal
from events_pandas.sandbox.workspace.contacts import Contact, read_contact
from events_pandas.sandbox.workspace.workspace import Workspace

_BY_EXTERNAL_ID: Final = "/contacts/find_by_external_id/"


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A request whose token, limit and headers have passed.

    Parameters
    ----------
    method : str
        In capitals.
    path : str
        The path, decoded.
    query : mapping of str to str
        The parameters of the address.
    body : bytes
        The body as it arrived.
    base_url : str
        The address that the client knows the sandbox by, without a slash at its end.
    now : float
        The server's time, in Unix seconds.
    """

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    base_url: str
    now: float


Endpoint: TypeAlias = Callable[[Workspace, Request], Answer]
"""What answers a request."""


def find_endpoint(method: str, path: str) -> Endpoint | None:
    """Return what answers a request.

    Parameters
    ----------
    method : str
        In capitals.
    path : str
        The path, decoded.

    Returns
    -------
    Endpoint or None
        None for a path that Intercom does not have, and for a method that the path does not have: both are answered
        404.
    """
    if method == "GET" and path.startswith(_BY_EXTERNAL_ID) and path != _BY_EXTERNAL_ID:
        return _show_contact
    return _ENDPOINTS.get((method, path))


def _list_events(workspace: Workspace, request: Request) -> Answer:
    url = f"{request.base_url}{intercom.EVENTS_PATH}"
    return _answer(contact_events(workspace, request.query, url=url, now=request.now))


def _summarize_events(workspace: Workspace, request: Request) -> Answer:
    refusal = add_summaries(workspace, request.body, now=request.now)
    return Answer(status=200) if refusal is None else refused(refusal)


def _identify_admin(workspace: Workspace, _: Request) -> Answer:
    return _answer(workspace.admin())


def _show_contact(workspace: Workspace, request: Request) -> Answer:
    contact = workspace.contacts.find("user_id", request.path.removeprefix(_BY_EXTERNAL_ID), now=request.now)
    return _contact(workspace, contact)


def _create_contact(workspace: Workspace, request: Request) -> Answer:
    fields = read_contact(request.body)
    if isinstance(fields, Refusal):
        return refused(fields)
    return _contact(workspace, workspace.contacts.create(fields, now=request.now))


def _search_contacts(workspace: Workspace, request: Request) -> Answer:
    return _answer(search_contacts(workspace, request.body))


def _contact(workspace: Workspace, contact: Contact | Refusal) -> Answer:
    if isinstance(contact, Refusal):
        return refused(contact)
    return _answer(contact_object(contact, workspace_id=workspace.store.id_code))


def _answer(content: dict[str, object] | Refusal) -> Answer:
    if isinstance(content, Refusal):
        return refused(content)
    return Answer(status=200, content=json.dumps(content, allow_nan=False).encode())


_ENDPOINTS: Final[Mapping[tuple[str, str], Endpoint]] = {
    ("GET", intercom.EVENTS_PATH): _list_events,
    ("POST", "/events/summaries"): _summarize_events,
    ("GET", intercom.ME_PATH): _identify_admin,
    ("POST", "/contacts"): _create_contact,
    ("POST", "/contacts/search"): _search_contacts,
}
