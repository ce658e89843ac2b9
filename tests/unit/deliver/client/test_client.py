"""The client: credentials, addresses, and a token that does not show."""

import copy
import logging
import pickle
import traceback

import pytest

from events_pandas.deliver.client.client import IntercomClient
from events_pandas.errors import CredentialsError

TOKEN = "dG9rOjEyMzQ1Njc4"


@pytest.fixture
def client():
    """A client of Intercom that sends nothing."""
    with IntercomClient(TOKEN) as client:
        yield client


@pytest.fixture
def connect(serve, replying):
    """Return a function that starts a server with one answer, and returns a client of it, and the server."""
    clients = []

    def make(text):
        server = serve(replying(text))
        clients.append(IntercomClient(TOKEN, base_url=server.url))
        return clients[-1], server

    yield make
    for client in clients:
        client.close()


def test_client_posts_the_payload_as_it_is(connect):
    """The bytes of the payload are the body of one POST to /events."""
    client, server = connect(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1\r\n\r\n ")

    answer = client.post_event(b'{"event_name":"placed-order"}')

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert answer.status == 202
    assert (head.split(b"\r\n")[0], body) == (b"POST /events HTTP/1.1", b'{"event_name":"placed-order"}')


def test_client_asks_whose_token_it_is(connect):
    """`me` is one GET to /me."""
    client, server = connect(b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"type":"admin"}')

    assert client.me().body == b'{"type":"admin"}'
    assert server.requests[0].startswith(b"GET /me HTTP/1.1\r\n")


def test_client_reads_token_and_region_from_the_environment(monkeypatch):
    """Arguments that are left out come from the environment."""
    monkeypatch.setenv("INTERCOM_ACCESS_TOKEN", f" {TOKEN}\n")
    monkeypatch.setenv("INTERCOM_REGION", "au")

    assert repr(IntercomClient()) == "IntercomClient(base_url='https://api.au.intercom.io')"


def test_client_prefers_its_arguments_to_the_environment(monkeypatch):
    """An address counts, even if the environment names a region."""
    monkeypatch.setenv("INTERCOM_REGION", "au")

    assert IntercomClient(TOKEN, base_url="http://127.0.0.1:8080/").base_url == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (None, "no access token: set INTERCOM_ACCESS_TOKEN, or pass access_token to IntercomClient"),
        (" \n", "no access token: set INTERCOM_ACCESS_TOKEN, or pass access_token to IntercomClient"),
        (b"x", "the access token is of type bytes: pass a str"),
        (12, "the access token is of type int: pass a str"),
        ("Bearer abc", "the access token begins with 'Bearer': pass only the part after it"),
        (
            "abc\r\nX-Evil: 1",
            "the access token contains a blank, a line break or a non-ASCII character: copy it again",
        ),
        ("abcé", "the access token contains a blank, a line break or a non-ASCII character: copy it again"),
        ("abc\x00", "the access token contains a blank, a line break or a non-ASCII character: copy it again"),
    ],
)
def test_client_refuses_an_unusable_token(token, message):
    """A token is checked before any request, and no message quotes it."""
    with pytest.raises(CredentialsError) as caught:
        IntercomClient(token)

    assert str(caught.value) == message


def test_client_names_the_variable_of_an_unknown_region(monkeypatch):
    """The message says where the region was read."""
    monkeypatch.setenv("INTERCOM_REGION", " ue")

    with pytest.raises(CredentialsError, match=r"^INTERCOM_REGION: unknown region 'ue': use one of 'us', 'eu', 'au'$"):
        IntercomClient(TOKEN)


def test_client_refuses_a_region_beside_an_address():
    """A region and an address together are a mistake."""
    with pytest.raises(CredentialsError, match=r"^region and base_url are both given: pass only one of them$"):
        IntercomClient(TOKEN, region="eu", base_url="https://api.intercom.io")


@pytest.mark.parametrize("version", ["2.14\r\nX-Evil: 1", "2.14\u2011b", "", 2.14])
def test_client_refuses_a_version_that_is_not_a_header(version):
    """A version is a text that a header can hold."""
    with pytest.raises(CredentialsError) as caught:
        IntercomClient(TOKEN, api_version=version)

    assert str(caught.value) == f"api_version {version!r} is not a version, such as '2.14'"


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), float("inf")])
def test_client_refuses_a_timeout_that_makes_no_sense(seconds):
    """A timeout is a finite number of seconds above 0."""
    with pytest.raises(ValueError, match=r"^timeout_seconds is .*: it must be a number of seconds, more than 0$"):
        IntercomClient(TOKEN, timeout_seconds=seconds)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_client_is_neither_copied_nor_pickled(client, duplicate):
    """A pickle or a copy would carry the token along."""
    with pytest.raises(TypeError) as caught:
        duplicate(client)

    assert str(caught.value) == (
        "an IntercomClient holds an access token and cannot be pickled or copied: make a new one there"
    )


def test_client_keeps_its_token_out_of_repr_log_and_answer(connect, caplog):
    """Nothing that can be printed of a client and its requests holds the token."""
    client, _ = connect(b"HTTP/1.1 401 No\r\nContent-Length: 20\r\n\r\nAccess Token Invalid")

    with caplog.at_level(logging.DEBUG):
        answer = client.post_event(b"{}")

    assert TOKEN not in f"{client} {client!r} {answer} {caplog.text} {vars(client)}"


@pytest.mark.parametrize(
    "options",
    [
        {"access_token": f"Bearer {TOKEN}"},
        {"access_token": f"{TOKEN}\n{TOKEN}"},
        {"access_token": TOKEN.encode()},
        {"access_token": TOKEN, "timeout_seconds": 0},
        {"access_token": TOKEN, "api_version": ""},
        {"access_token": TOKEN, "region": "mars"},
        {"access_token": TOKEN, "base_url": "http://intercom.test"},
        {"access_token": TOKEN, "base_url": f"https://ada:{TOKEN}@intercom.test"},
        {"access_token": TOKEN, "base_url": f"https://intercom.test?token={TOKEN}"},
    ],
)
def test_client_shows_its_token_in_no_variable_of_a_refusal(options):
    """Error reports show the local variables of frames: only the caller's own may hold the token."""
    with pytest.raises((CredentialsError, ValueError)) as caught:
        IntercomClient(**options)

    error = caught.value.with_traceback(caught.value.__traceback__.tb_next)
    assert "client.py" in "".join(traceback.format_exception(error))
    assert TOKEN not in "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
