"""The client: whose token, where to, and the requests that this package makes."""

import math
import os
import string
from types import TracebackType
from typing import TYPE_CHECKING, Final, NoReturn, Self
from urllib.parse import quote, urlencode

from events_pandas import intercom
from events_pandas.deliver.client.address import DEFAULT_REGION, REGION_VARIABLE, checked_base_url, region_url
from events_pandas.deliver.client.secrecy import Hidden, forget_locals
from events_pandas.errors import CredentialsError
from events_pandas.wording import Setting

if TYPE_CHECKING:
    from events_pandas.deliver.client.answers import Answer
    from events_pandas.deliver.client.transport import Transport

MAX_CONCURRENCY: Final = 128
"""The most requests at once: threads that wait for answers, and connections that are kept open."""
TOKEN_VARIABLE: Final = "INTERCOM_ACCESS_TOKEN"  # noqa: S105  # the name of a variable, not a token

_PAGE_BYTES: Final = 2**24
"""The most bytes of an answer in JSON that are read: a contact with many attributes has some 10,000."""
_VISIBLE_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + string.punctuation)


class IntercomClient:
    """A connection to one Intercom workspace.

    Parameters
    ----------
    access_token : str, optional
        The access token of an app in Intercom's developer hub. Default: the variable ``INTERCOM_ACCESS_TOKEN``.
    region : {"us", "eu", "au"}, optional
        Where Intercom keeps the workspace. Default: the variable ``INTERCOM_REGION``, or ``"us"`` without it.
    base_url : str, optional
        An address instead of a region's, such as a local server's.
    allow_http : bool, default False
        Whether the token may travel in plain text to another machine. To this machine it always may.
    api_version : str, default "2.14"
        The version of Intercom's API to ask for.
    timeout_seconds : float, default 30.0
        The time for one request, from the search for the host's address to the last byte of the answer.

    Attributes
    ----------
    base_url : str
        Where requests go.

    Raises
    ------
    CredentialsError
        If the token, the address or the version cannot be used. Nothing has left the machine then.

    Notes
    -----
    This package shows the token in no repr, log or error, and a client cannot be pickled or copied. The client does
    not follow redirects, since the token would go along. It verifies certificates. It uses the proxies and the
    certificates of the environment, but reaches this machine without a proxy.

    A forked process may use a client of its parent: it opens its own connections.

    Examples
    --------
    >>> with IntercomClient("my-token", region="eu") as client:
    ...     client
    IntercomClient(base_url='https://api.eu.intercom.io')
    """

    def __init__(
        self,
        access_token: str | None = None,
        *,
        region: str | None = None,
        base_url: str | None = None,
        allow_http: bool = False,
        api_version: str = intercom.API_VERSION,
        timeout_seconds: float = 30.0,
    ) -> None:
        # Error reports show the variables of frames, and the repr of a client that has no address yet.
        self.base_url = ""
        token, access_token = Hidden(access_token), None
        address, base_url = Hidden(base_url), None
        try:
            self.base_url = _address(region, base_url=address.value, allow_http=allow_http)
            self._transport = _connect(
                self.base_url, access_token=token.value, api_version=api_version, timeout_seconds=timeout_seconds
            )
        except BaseException as error:
            forget_locals(error)
            raise

    def post_event(self, payload: bytes) -> "Answer":
        """Submit one event.

        Parameters
        ----------
        payload : bytes
            The event as JSON.

        Returns
        -------
        Answer
            Intercom's answer, whatever its status.

        Raises
        ------
        TransportError
            If no answer came.
        """
        return self._transport.send("POST", intercom.EVENTS_PATH, payload)

    def me(self) -> "Answer":
        """Ask whose token this is.

        Returns
        -------
        Answer
            Intercom's answer, whatever its status: the admin and the workspace.

        Raises
        ------
        TransportError
            If no answer came.
        """
        return self._transport.send("GET", intercom.ME_PATH)

    def search_contacts(self, query: bytes) -> "Answer":
        """Search the contacts of the workspace.

        Parameters
        ----------
        query : bytes
            The body of ``POST /contacts/search`` as JSON.

        Returns
        -------
        Answer
            Intercom's answer, whatever its status: a page of contacts.

        Raises
        ------
        TransportError
            If no answer came.
        """
        return self._transport.send("POST", intercom.SEARCH_PATH, query, most_bytes=_PAGE_BYTES)

    def find_contact(self, identifier: str, value: str) -> "Answer":
        """Ask for one contact.

        Parameters
        ----------
        identifier : {"user_id", "id"}
            The kind of identifier; Intercom finds an email address by searching only.
        value : str
            The identifier.

        Returns
        -------
        Answer
            Intercom's answer, whatever its status: the contact, 404, or 410 for a merged one.

        Raises
        ------
        TransportError
            If no answer came.
        """
        folder = intercom.CONTACTS_PATH if identifier == "id" else intercom.BY_EXTERNAL_ID_PATH
        return self._transport.send("GET", f"{folder}/{quote(value, safe='')}")

    def event_summary(self, identifier: str, value: str) -> "Answer":
        """Ask how many events of each name a contact has, and when the first and the last were.

        Parameters
        ----------
        identifier : {"user_id", "id", "email"}
            The kind of identifier.
        value : str
            The identifier.

        Returns
        -------
        Answer
            Intercom's answer, whatever its status: the counts, whatever the age of the events.

        Raises
        ------
        TransportError
            If no answer came.
        """
        query = urlencode({"type": "user", intercom.EVENT_PARAMETERS[identifier]: value, "summary": "true"})
        return self._transport.send("GET", f"{intercom.EVENTS_PATH}?{query}", most_bytes=_PAGE_BYTES)

    def create_contact(self, contact: bytes) -> "Answer":
        """Create a contact.

        Parameters
        ----------
        contact : bytes
            The body of ``POST /contacts`` as JSON.

        Returns
        -------
        Answer
            Intercom's answer, whatever its status: the contact, or 409 if it exists.

        Raises
        ------
        TransportError
            If no answer came.
        """
        return self._transport.send("POST", intercom.CONTACTS_PATH, contact)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"IntercomClient(base_url={self.base_url!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an IntercomClient holds an access token and cannot be pickled or copied: make a new one there")


def _connect(base_url: str, *, access_token: str | None, api_version: str, timeout_seconds: float) -> "Transport":
    if not 0 < timeout_seconds < math.inf:
        raise ValueError(f"timeout_seconds is {timeout_seconds}: it must be a number of seconds, more than 0")
    version = _checked_version(api_version)
    token = _checked_token(access_token)
    # requests takes a quarter of a second to import: a session that sends nothing does without it.
    from events_pandas.deliver.client.transport import Transport  # noqa: PLC0415

    return Transport(
        base_url,
        access_token=token,
        api_version=version,
        timeout_seconds=timeout_seconds,
        max_connections=MAX_CONCURRENCY,
    )


def _checked_token(access_token: str | None) -> str:
    if access_token is not None and not isinstance(access_token, str):
        raise CredentialsError(f"the access token is of type {type(access_token).__name__}: pass a str")
    # A pasted token often ends with a line break.
    token = (os.environ.get(TOKEN_VARIABLE, "") if access_token is None else access_token).strip()
    if not token:
        raise CredentialsError("no access token", remedy=Setting.ACCESS_TOKEN)
    if token.lower().startswith("bearer "):
        raise CredentialsError("the access token begins with 'Bearer': pass only the part after it")
    if not _VISIBLE_CHARACTERS.issuperset(token):
        raise CredentialsError(
            "the access token contains a blank, a line break or a non-ASCII character: copy it again"
        )
    return token


def _checked_version(api_version: object) -> str:
    # It becomes a header: a line break in it would begin another header.
    if not isinstance(api_version, str) or not api_version or not _VISIBLE_CHARACTERS.issuperset(api_version):
        raise CredentialsError(f"api_version {api_version!r} is not a version, such as {intercom.API_VERSION!r}")
    return api_version


def _address(region: str | None, *, base_url: str | None, allow_http: bool) -> str:
    if base_url is None:
        if region:
            return region_url(region)
        return region_url(os.environ.get(REGION_VARIABLE, "").strip() or DEFAULT_REGION, read_from=REGION_VARIABLE)
    if region is not None:
        problem = (Setting.REGION, " and ", Setting.BASE_URL, " are both given")
        raise CredentialsError(problem, remedy="pass only one of them")
    return checked_base_url(base_url, allow_http=allow_http)
