"""Failures: one translation for each foreign error, and nothing of its text."""

import socket
import ssl
from http.client import BadStatusLine, RemoteDisconnected

import pytest
import requests
import urllib3
from urllib3 import exceptions

from events_pandas.deliver.client.transport import explain

HOST = "api.intercom.io"
POOL = urllib3.HTTPSConnectionPool(HOST)
UNTRUSTED = ssl.SSLCertVerificationError("bad")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            exceptions.NewConnectionError(POOL, "x"),
            f"no connection to {HOST}: it was refused, or there is no way there",
        ),
        (
            exceptions.NameResolutionError(HOST, POOL, socket.gaierror()),
            f"there is no host {HOST}, or no name service",
        ),
        (exceptions.ConnectTimeoutError(POOL, "x"), f"no connection to {HOST} within the time limit"),
        (exceptions.ReadTimeoutError(POOL, "/", "x"), f"no connection to {HOST} within the time limit"),
        (exceptions.ProtocolError("x", TimeoutError()), f"no connection to {HOST} within the time limit"),
        (exceptions.SSLError(UNTRUSTED), f"the certificate of {HOST} is not trusted on this machine"),
        (exceptions.SSLError("x"), f"no secure connection to {HOST}: the two sides cannot agree on one"),
        (
            exceptions.ProxyError("x", exceptions.NewConnectionError(POOL, "x")),
            f"no connection to the proxy on the way to {HOST}",
        ),
        (
            exceptions.ProxyError("x", OSError("Tunnel connection failed: 403 {secret}")),
            f"the proxy on the way to {HOST} answered 403 Forbidden",
        ),
        (
            exceptions.ProtocolError("x", ConnectionResetError()),
            f"the connection to {HOST} broke before anything was sent",
        ),
        (exceptions.LocationParseError("x"), f"the connection to {HOST} broke before anything was sent"),
    ],
)
def test_explain_says_why_nothing_was_sent(error, message):
    """Without a connection nothing has arrived."""
    failure = explain(error, host=HOST, seconds=30.0, had_connection=False)

    assert (str(failure), failure.may_have_arrived) == (message, False)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (exceptions.ReadTimeoutError(POOL, "/", "x"), f"no answer from {HOST} within 30 s"),
        (exceptions.ProtocolError("x", TimeoutError()), f"no answer from {HOST} within 30 s"),
        (TimeoutError(), f"no answer from {HOST} within 30 s"),
        (exceptions.ProtocolError("x", RemoteDisconnected()), f"the connection to {HOST} broke before an answer came"),
        (
            exceptions.ProtocolError("x", ConnectionResetError()),
            f"the connection to {HOST} broke before an answer came",
        ),
        (exceptions.SSLError("bad record"), f"the connection to {HOST} broke before an answer came"),
        (exceptions.ProtocolError("x", BadStatusLine("x")), f"what {HOST} answered is no HTTP"),
        (exceptions.InvalidHeader("x"), f"what {HOST} answered is no HTTP"),
        (
            exceptions.ProtocolError("Tunnel connection failed: 403"),
            f"the connection to {HOST} broke before an answer came",
        ),
    ],
)
def test_explain_says_that_the_event_may_have_arrived(error, message):
    """On a connection something may have gone out, whatever is said of the rest."""
    failure = explain(error, host=HOST, seconds=30.0, had_connection=True)

    assert (str(failure), failure.may_have_arrived) == (message, True)


@pytest.mark.parametrize(
    ("error", "message", "may_have_arrived"),
    [
        (requests.ConnectTimeout(), f"no connection to {HOST} within the time limit", False),
        (requests.exceptions.ProxyError(), f"no connection to the proxy on the way to {HOST}", False),
        (
            requests.exceptions.ProxyError(
                exceptions.MaxRetryError(
                    POOL, "/", exceptions.ProxyError("x", OSError("Tunnel connection failed: 407 {secret}"))
                )
            ),
            f"the proxy on the way to {HOST} answered 407 Proxy Authentication Required",
            False,
        ),
        (
            requests.ConnectionError(exceptions.MaxRetryError(POOL, "/", exceptions.NewConnectionError(POOL, "x"))),
            f"no connection to {HOST}: it was refused, or there is no way there",
            False,
        ),
        (
            requests.ConnectionError(
                exceptions.MaxRetryError(POOL, "/", exceptions.NameResolutionError(HOST, POOL, socket.gaierror()))
            ),
            f"there is no host {HOST}, or no name service",
            False,
        ),
        (requests.exceptions.InvalidURL("x"), f"there is no host {HOST}, or no name service", False),
        (
            requests.exceptions.SSLError(exceptions.MaxRetryError(POOL, "/", exceptions.SSLError(UNTRUSTED))),
            f"the certificate of {HOST} is not trusted on this machine",
            False,
        ),
        (
            requests.exceptions.SSLError(exceptions.MaxRetryError(POOL, "/", exceptions.SSLError("x"))),
            f"the connection to {HOST} broke before an answer came",
            True,
        ),
        (requests.ReadTimeout(), f"no answer from {HOST} within 30 s", True),
        (
            requests.ConnectionError(exceptions.ProtocolError("x", RemoteDisconnected())),
            f"the connection to {HOST} broke before an answer came",
            True,
        ),
        (
            requests.ConnectionError(exceptions.ProtocolError("x", BadStatusLine("x"))),
            f"what {HOST} answered is no HTTP",
            True,
        ),
        (requests.exceptions.InvalidHeader("x"), f"what {HOST} answered is no HTTP", True),
        (requests.exceptions.ChunkedEncodingError(), f"the connection to {HOST} broke before an answer came", True),
        (requests.ConnectionError(), f"the connection to {HOST} broke before an answer came", True),
    ],
)
def test_explain_judges_by_the_error_alone_when_nothing_is_known_of_a_connection(error, message, may_have_arrived):
    """Errors of requests come from others, too: from a SOCKS proxy's connections, or from a test that makes them up."""
    failure = explain(error, host=HOST, seconds=30.0, had_connection=None)

    assert (str(failure), failure.may_have_arrived) == (message, may_have_arrived)
