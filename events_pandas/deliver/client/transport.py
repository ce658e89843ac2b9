"""The network as one method of one object: a request goes out, an answer or a `TransportError` comes back."""

import re
import ssl
from collections.abc import Iterator
from functools import lru_cache
from http import HTTPStatus
from http.client import HTTPException, RemoteDisconnected
from importlib.metadata import version
from typing import Final
from urllib.parse import urlsplit

import requests
import urllib3
from urllib3 import exceptions

from events_pandas.deliver.client.answers import HEADERS, Answer, TransportError, phrase
from events_pandas.deliver.client.deadline import ATTEMPT
from events_pandas.deliver.client.route import Route
from events_pandas.deliver.client.secrecy import HiddenText, forget_locals, redactor

MAX_BODY_BYTES: Final = 65_536
"""How much of a body is kept by default."""

_KEPT_TEMPLATES: Final = 8

_TUNNEL_REFUSED: Final = re.compile(r"Tunnel connection failed: (\d{3})\b")
_PROXY_ERRORS: Final = (exceptions.ProxyError, requests.exceptions.ProxyError)
_TIMEOUTS: Final = (TimeoutError, exceptions.TimeoutError, requests.Timeout)
_NEVER_SENT: Final = (
    *_PROXY_ERRORS,
    exceptions.ConnectTimeoutError,
    requests.ConnectTimeout,
    requests.exceptions.InvalidURL,
    ssl.SSLCertVerificationError,
)

_Kinds = type[BaseException] | tuple[type[BaseException], ...]

# The order matters in both tables. In urllib3, NameResolutionError is a NewConnectionError, which is a
# ConnectTimeoutError; in requests, every error is an OSError.
_BEFORE_SENDING: Final[tuple[tuple[_Kinds, str], ...]] = (
    (_PROXY_ERRORS, "no connection to the proxy on the way to {host}"),
    (
        (exceptions.NameResolutionError, requests.exceptions.InvalidURL),
        "the host {host} is unknown, or no name service answers",
    ),
    (exceptions.NewConnectionError, "no connection to {host}: it was refused, or the host is unreachable"),
    (_TIMEOUTS, "no connection to {host} within the time limit"),
    (ssl.SSLCertVerificationError, "the certificate of {host} is not trusted on this machine"),
    (
        (exceptions.SSLError, requests.exceptions.SSLError),
        "no secure connection to {host}: the two sides cannot agree on one",
    ),
    (BaseException, "the connection to {host} broke before anything was sent"),
)
_AFTER_SENDING: Final[tuple[tuple[_Kinds, str], ...]] = (
    (_TIMEOUTS, "no answer from {host} within {seconds:g} s"),
    (RemoteDisconnected, "the connection to {host} broke before an answer came"),
    ((HTTPException, exceptions.InvalidHeader, requests.exceptions.InvalidHeader), "the answer of {host} is not HTTP"),
    (BaseException, "the connection to {host} broke before an answer came"),
)


class Transport:
    """A pool of connections to one base URL, which has no slash at its end. The token goes into every request.

    `timeout_seconds` is the time that a request and its answer have together.
    """

    # All waits end at the same moment: the search for the host's addresses, connecting (to all of them together), a
    # proxy's consent, the TLS handshake, sending, the status line, the headers, the body. Interim answers (1xx) are
    # skipped. A connection on which anything came that does not belong to the answer is not used again; if it had
    # carried other requests, that answer is not used either. Nothing is sent twice: an adapter of requests repeats
    # nothing by default. If the server has closed a pooled connection, that shows before anything is sent on it, or
    # ends in a `TransportError`.

    def __init__(
        self, base_url: str, *, access_token: str, api_version: str, timeout_seconds: float, max_connections: int
    ) -> None:
        self._base_url = base_url
        self._host = urlsplit(base_url).netloc
        self._timeout_seconds = timeout_seconds
        self._without_token = redactor(access_token)
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # answers are short, and a compressed one could grow without limit
            "Authorization": HiddenText(f"Bearer {access_token}"),
            "Content-Type": "application/json",
            "Intercom-Version": api_version,
            "User-Agent": f"events-pandas/{version('events-pandas')}",
        }
        self._route = Route(base_url, max_connections=max_connections)
        # Copying a request that was prepared once takes a tenth of the time of preparing it.
        self._template = lru_cache(_KEPT_TEMPLATES)(self._prepared)

    def send(self, method: str, path: str, body: bytes | None = None, *, most_bytes: int = MAX_BODY_BYTES) -> Answer:
        """Send a request to a path below the base URL, such as ``"/events"``, and return its answer of any status.

        Redirects are not followed, and a body is cut where it breaks off, is late or has `most_bytes`. Raise
        `TransportError` if the status line and the headers did not come, if the answer may belong to another request,
        or if a 404 is cut off.
        """
        seconds = ATTEMPT.begin(self._timeout_seconds)
        try:
            # By the adapter, not by a session: a session would prepare the request that a redirect asks for.
            # This timeout limits each wait by itself; the deadline of the attempt always comes first.
            request = self._request(method, path, body)
            response = self._route.send(request, stream=True, timeout=self._timeout_seconds)
            answer, is_whole = self._answer(response, most_bytes)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            failure = explain(error, host=self._host, seconds=seconds, had_connection=ATTEMPT.had_connection)
        except BaseException as error:
            # An interrupt or a bug: the token is among the variables of the frames that it came through.
            forget_locals(error)
            raise
        else:
            if ATTEMPT.is_doubtful:
                problem = "{host} sent more than one answer, and it is unknown which belongs to this event"
            elif answer.status == HTTPStatus.NOT_FOUND and not is_whole:
                # Only the whole text tells whether the contact is unknown.
                problem = "the connection to {host} broke in the middle of an answer"
            else:
                return answer
            failure = TransportError(problem.format(host=self._host), may_have_arrived=True)
        # Outside of the handler, whose error would become the context of this one, with its frames.
        raise failure

    def close(self) -> None:
        """Close the connections; another request would open new ones."""
        self._route.close()

    def _request(self, method: str, path: str, body: bytes | None) -> requests.PreparedRequest:
        request = self._template(method, path).copy()
        request.prepare_body(body, files=None)
        return request

    def _prepared(self, method: str, path: str) -> requests.PreparedRequest:
        # Without a session: it would send cookies, and the login of a .netrc instead of the token.
        return requests.Request(method, self._base_url + path, headers=self._headers).prepare()

    def _answer(self, response: requests.Response, most_bytes: int) -> tuple[Answer, bool]:
        """Return an answer, and whether all of its body came."""
        headers = {name: self._without_token_in(response.headers[name]) for name in HEADERS if name in response.headers}
        body, is_whole = _body(response.raw, most_bytes)
        return Answer(status=response.status_code, headers=headers, body=self._without_token(body)), is_whole

    def _without_token_in(self, header: str) -> str:
        return self._without_token(header.encode(errors="replace")).decode()


def _body(response: urllib3.BaseHTTPResponse, most_bytes: int) -> tuple[bytes, bool]:
    """Return the body, and whether all of it came; then the connection goes back to the pool, or is closed."""
    body = b""
    try:
        while len(body) < most_bytes:
            piece = response.read1(min(most_bytes - len(body), MAX_BODY_BYTES))
            if not piece:
                response.release_conn()
                return body, True
            body += piece
    except (urllib3.exceptions.HTTPError, OSError):
        # The status has come, which decides most cases; only the text is cut short.
        response.close()
        return body, False
    response.close()
    return body, True


def explain(error: Exception, *, host: str, seconds: float, had_connection: bool | None) -> TransportError:
    """Turn an error of requests, urllib3 or a socket into a `TransportError`, which keeps only its kind.

    `seconds` is the time that the request had. `had_connection` says whether there was a connection to send it on; None
    if only the error can tell.
    """
    chain = list(_chain(error))
    never_sent = any(isinstance(one, _NEVER_SENT) for one in chain)
    may_have_arrived = not never_sent if had_connection is None else had_connection
    known = _AFTER_SENDING if may_have_arrived else _BEFORE_SENDING
    message = next(message for kinds, message in known if any(isinstance(one, kinds) for one in chain))
    refused = next((match for one in chain if (match := _TUNNEL_REFUSED.match(str(one)))), None)
    if refused and not may_have_arrived:
        message = f"the proxy on the way to {{host}} answered {phrase(int(refused[1]))}"
    return TransportError(message.format(host=host, seconds=seconds), may_have_arrived=may_have_arrived)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and the errors that requests and urllib3 put into it."""
    yield error
    for inside in (*error.args, getattr(error, "reason", None)):
        if isinstance(inside, BaseException):
            yield from _chain(inside)
