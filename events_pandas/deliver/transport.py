"""The network, as one method on one object: a request goes out, an answer or a `TransportError` comes back."""

import threading
from collections.abc import Iterator
from importlib.metadata import version
from typing import Final
from urllib.parse import urlsplit

import requests
import urllib3

from events_pandas.deliver.answers import HEADERS, Answer, TransportError
from events_pandas.deliver.deadline import begin_attempt, may_have_sent
from events_pandas.deliver.failures import explain
from events_pandas.deliver.route import open_pool, target_url
from events_pandas.deliver.secrecy import HiddenText, forget_locals, redactor

MAX_BODY_BYTES: Final = 65_536

_NO_REPEATS: Final = urllib3.Retry(total=False)


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
        The time that a request and its answer have together.

    Notes
    -----
    Whatever waits on a socket ends at the same moment: connecting (to all addresses of the host together), the consent
    of a proxy, the TLS handshake, sending, the status line, the headers, the body. What has no bound of ours is the
    search for the host's addresses: the system's resolver takes none, and ends by its own configuration.

    Nothing is sent twice: urllib3 is told to repeat nothing, and a pooled connection that the server has closed is
    noticed before anything is sent on it, or ends in a `TransportError`.
    """

    def __init__(self, base_url: str, *, access_token: str, api_version: str, timeout_seconds: float) -> None:
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
        self._pool: urllib3.HTTPConnectionPool | None = None
        self._opening = threading.Lock()

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
            Whatever was answered; redirects are not followed, and a body that breaks off, or that is not there by the
            deadline, is cut there.

        Raises
        ------
        TransportError
            If the status line and the headers did not come.
        """
        begin_attempt(self._timeout_seconds)
        try:
            return self._answer(self._exchange(method, path, body))
        except (urllib3.exceptions.HTTPError, OSError) as error:
            failure = explain(error, host=self._host, seconds=self._timeout_seconds, may_have_arrived=may_have_sent())
        except BaseException as error:
            # An interrupt, or a bug: the variables of the frames that it came through have the token among them.
            forget_locals(error)
            raise
        # Outside of the handler: what is being handled there has such frames, too.
        raise failure

    def close(self) -> None:
        """Close the connections; another request would open new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _exchange(self, method: str, path: str, body: bytes | None) -> urllib3.BaseHTTPResponse:
        pool = self._pool or self._open()
        return pool.urlopen(
            method,
            target_url(pool, self._base_url) + path,
            body=body,
            headers=self._headers,
            retries=_NO_REPEATS,
            redirect=False,
            assert_same_host=False,  # a proxy that passes plain requests on is another host
            preload_content=False,
            decode_content=False,
            timeout=self._timeout_seconds,  # of a wait; the deadline of the attempt is there already, and comes first
        )

    def _open(self) -> urllib3.HTTPConnectionPool:
        # At the first request and not before: what is wrong with the environment is a failure of a request.
        try:
            with self._opening:
                self._pool = pool = self._pool or open_pool(self._base_url)
        except (requests.RequestException, urllib3.exceptions.HTTPError):
            message = f"the proxy that the environment names for {self._host} cannot be used"
        except OSError:
            message = "the file that REQUESTS_CA_BUNDLE names cannot be read"
        else:
            return pool
        raise TransportError(message, may_have_arrived=False)

    def _answer(self, response: urllib3.BaseHTTPResponse) -> Answer:
        headers = {name: response.headers[name] for name in HEADERS if name in response.headers}
        return Answer(status=response.status, headers=headers, body=self._without_token(_body(response)))


def _body(response: urllib3.BaseHTTPResponse) -> bytes:
    body = b""
    try:
        for piece in _pieces(response):
            body += piece
    except (urllib3.exceptions.HTTPError, OSError):
        # The status has come, and with it the verdict; only the wording is cut short.
        response.close()
    return body


def _pieces(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Yield the body as it trickles in, then give the connection back to the pool, or close it at a limit."""
    left = MAX_BODY_BYTES
    while left > 0:
        piece = response.read1(left)
        if not piece:
            response.release_conn()
            return
        left -= len(piece)
        yield piece
    response.close()
