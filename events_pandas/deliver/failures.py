"""What the network's errors mean, in words of our own: the foreign ones may quote the request."""

import re
import ssl
from collections.abc import Iterator
from http.client import HTTPException, RemoteDisconnected
from typing import Final

import requests
from urllib3 import exceptions

from events_pandas.deliver.client.answers import TransportError, phrase

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

# The order matters in both: urllib3 has a name that is not found as a connection that is not made, and that as a
# connection that was not made in time; and requests has all of its own as OSError.
_BEFORE_SENDING: Final[tuple[tuple[_Kinds, str], ...]] = (
    (_PROXY_ERRORS, "no connection to the proxy on the way to {host}"),
    ((exceptions.NameResolutionError, requests.exceptions.InvalidURL), "there is no host {host}, or no name service"),
    (exceptions.NewConnectionError, "no connection to {host}: it was refused, or there is no way there"),
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
    ((HTTPException, exceptions.InvalidHeader, requests.exceptions.InvalidHeader), "what {host} answered is no HTTP"),
    (BaseException, "the connection to {host} broke before an answer came"),
)


def explain(error: Exception, *, host: str, seconds: float, had_connection: bool | None) -> TransportError:
    """Say what happened to a request.

    Parameters
    ----------
    error : Exception
        What requests, urllib3 or a socket raised.
    host : str
        Where the request was to go.
    seconds : float
        How long it had.
    had_connection : bool or None
        Whether there was a connection to send it on; None if only the error can tell.

    Returns
    -------
    TransportError
        Has nothing of the foreign error but its kind.
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
    """Yield an error, and those that requests and urllib3 put into it."""
    yield error
    for inside in (*error.args, getattr(error, "reason", None)):
        if isinstance(inside, BaseException):
            yield from _chain(inside)
