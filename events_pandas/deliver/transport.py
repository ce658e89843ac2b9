"""The network, as one method on one object: a request goes out, an answer or a `TransportError` comes back."""

import ssl
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from events_pandas.deliver.address import is_loopback
from events_pandas.deliver.answers import HEADERS, Answer, TransportError
from events_pandas.deliver.workers import MAX_CONCURRENCY

MAX_CONNECT_SECONDS: Final = 10.0
MAX_BODY_BYTES: Final = 65_536
SHORTEST_SECRET: Final = 8
"""Characters of a token; a shorter one is made up for a test, and may be a part of any word."""

_NOT_ARRIVED: Final[tuple[tuple[type[Exception], str], ...]] = (
    (requests.ConnectTimeout, "no connection to {host} within the time limit"),
    (requests.exceptions.ProxyError, "no connection to the proxy on the way to {host}"),
    (urllib3.exceptions.NameResolutionError, "there is no host {host}, or no name service"),
    (urllib3.exceptions.NewConnectionError, "no connection to {host}: it was refused, or there is no way there"),
    (ssl.SSLCertVerificationError, "the certificate of {host} is not trusted on this machine"),
)
# The order matters: a name that is not found is a kind of connection that is not made.


class Transport:
    """A pool of connections to one address.

    Parameters
    ----------
    base_url : str
        Where Intercom's REST API is, without a slash at its end.
    access_token : str
        Goes into every request and nowhere else.
    api_version : str
        The value of ``Intercom-Version``.
    timeout_seconds : float
        The longest wait for the first byte of an answer, and for the whole body after it.
    """

    def __init__(self, base_url: str, *, access_token: str, api_version: str, timeout_seconds: float) -> None:
        self._base_url = base_url
        self._timeout_seconds = timeout_seconds
        self._session = requests.Session()
        # An `auth` of our own: without one, requests would take the login of a .netrc in place of the token.
        self._session.auth = _bearer(access_token)
        self._without_token = _redactor(access_token)
        self._session.headers.update(
            {
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # answers are short, and a compressed one could grow without limit
                "Content-Type": "application/json",
                "Intercom-Version": api_version,
                "User-Agent": f"events-pandas/{version('events-pandas')}",
            }
        )
        self._adapter = HTTPAdapter(pool_connections=1, pool_maxsize=MAX_CONCURRENCY, max_retries=0)
        self._session.mount(base_url, self._adapter)
        # Once and not per request: it reads the environment and .netrc, which costs more than the request.
        self._settings = _settings(self._session, base_url)
        self._templates: dict[tuple[str, str], requests.PreparedRequest] = {}

    def send(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """Send a request and wait for its answer.

        Parameters
        ----------
        method : str
            ``"GET"`` or ``"POST"``.
        path : str
            Below the base URL, such as ``"/events"``.
        body : bytes or None, default None
            JSON.

        Returns
        -------
        Answer
            Whatever was answered; redirects are not followed, and a body that breaks off is cut there.

        Raises
        ------
        TransportError
            If no status line came.
        """
        request = self._request(method, path, body)
        try:
            response = self._exchange(request)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            failure = _failure(error, host=urlsplit(self._base_url).netloc, seconds=self._timeout_seconds)
        else:
            return self._answer(response)
        # Outside of the handler: what is being handled there has the request, and with it the token, as an attribute.
        raise failure

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _request(self, method: str, path: str, body: bytes | None) -> requests.PreparedRequest:
        """Copy a request that was prepared once; preparing takes longer than sending."""
        template = self._templates.get((method, path))
        if template is None:
            template = self._session.prepare_request(requests.Request(method, self._base_url + path))
            self._templates[method, path] = template
        request = template.copy()
        if body is not None:
            request.body = body
            request.headers["Content-Length"] = str(len(body))
        return request

    def _exchange(self, request: requests.PreparedRequest) -> requests.Response:
        # By the adapter, not the session, which would keep cookies and prepare the request that a redirect asks for.
        connect_seconds = min(MAX_CONNECT_SECONDS, self._timeout_seconds)
        return self._adapter.send(
            request, stream=True, timeout=(connect_seconds, self._timeout_seconds), **self._settings
        )

    def _answer(self, response: requests.Response) -> Answer:
        headers = {name: response.headers[name] for name in HEADERS if name in response.headers}
        return Answer(status=response.status_code, headers=headers, body=self._without_token(self._body(response)))

    def _body(self, response: requests.Response) -> bytes:
        body = b""
        try:
            for piece in _pieces(response, deadline=time.monotonic() + self._timeout_seconds):
                body += piece
        except (urllib3.exceptions.HTTPError, OSError):
            # The status has come, and with it the verdict; only the wording is cut short.
            response.close()
        return body


def _pieces(response: requests.Response, *, deadline: float) -> Iterator[bytes]:
    """Yield the body as it trickles in, then give the connection back to the pool, or close it at a limit."""
    left = MAX_BODY_BYTES
    while left > 0 and time.monotonic() < deadline:
        piece: bytes = response.raw.read1(left)
        if not piece:
            response.raw.release_conn()
            return
        left -= len(piece)
        yield piece
    response.close()


def _bearer(access_token: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {access_token}"
        return request

    return authorize


def _redactor(access_token: str) -> Callable[[bytes], bytes]:
    """Return a function that takes the token out of a body: a proxy may send back what it was sent."""
    token = access_token.encode()
    # JSON may escape the slash, and some writers do.
    spellings = (token, token.replace(b"/", rb"\/")) if len(token) >= SHORTEST_SECRET else ()

    def redact(body: bytes) -> bytes:
        for spelling in spellings:
            body = body.replace(spelling, b"[access token]")
        return body

    return redact


def _settings(session: requests.Session, base_url: str) -> dict[str, Any]:
    """Return the environment's proxies and certificates, as they are to be used for this address."""
    merged = session.merge_environment_settings(base_url, {}, stream=True, verify=None, cert=None)
    # A token for a server on this machine travels in plain text: it must not visit a proxy.
    proxies = {} if is_loopback(urlsplit(base_url).hostname or "") else merged["proxies"]
    return {"proxies": proxies, "verify": merged["verify"], "cert": merged["cert"]}


def _failure(error: Exception, *, host: str, seconds: float) -> TransportError:
    """Say in our own words what happened, as the foreign ones may quote the request."""
    cause = _cause(error)
    for kinds, message in _NOT_ARRIVED:
        if isinstance(error, kinds) or isinstance(cause, kinds):
            return TransportError(message.format(host=host), may_have_arrived=False)
    if isinstance(error, requests.ReadTimeout):
        return TransportError(f"no answer from {host} within {seconds:g} s", may_have_arrived=True)
    # Not a request's failure at all: requests looks for the certificates before it connects.
    if not isinstance(error, requests.RequestException | urllib3.exceptions.HTTPError):
        return TransportError("the file that REQUESTS_CA_BUNDLE names cannot be read", may_have_arrived=False)
    return TransportError(f"the connection to {host} broke before an answer came", may_have_arrived=True)


def _cause(error: Exception) -> BaseException:
    """Return the exception inside those that requests and urllib3 wrap round it."""
    wrapped = error.args[0] if error.args and isinstance(error.args[0], Exception) else error
    reason = getattr(wrapped, "reason", wrapped)
    inner = reason.args[0] if isinstance(reason, urllib3.exceptions.SSLError) and reason.args else reason
    return inner if isinstance(inner, BaseException) else error
