"""The client: credentials, addresses, and a token that stays where it is."""

import copy
import logging
import pickle

import pytest
import responses

from events_pandas.deliver.client import IntercomClient
from events_pandas.errors import CredentialsError

TOKEN = "dG9rOjEyMzQ1Njc4"


@pytest.fixture
def client():
    """Return a client of Intercom's, which `responses` keeps from the network."""
    with IntercomClient(TOKEN) as client:
        yield client


@responses.activate
def test_client_posts_the_payload_as_it_is(client):
    """The bytes of the payload are the body of one POST to /events."""
    route = responses.post("https://api.intercom.io/events", status=202, body=b" ")

    answer = client.post_event(b'{"event_name":"placed-order"}')

    assert answer.status == 202
    assert route.calls[0].request.body == b'{"event_name":"placed-order"}'


@responses.activate
def test_client_asks_whose_token_it_is(client):
    """`me` is one GET to /me."""
    responses.get("https://api.intercom.io/me", json={"type": "admin"})

    assert client.me().body == b'{"type": "admin"}'


def test_client_reads_token_and_region_from_the_environment(monkeypatch):
    """Without arguments the environment decides."""
    monkeypatch.setenv("INTERCOM_ACCESS_TOKEN", f" {TOKEN}\n")
    monkeypatch.setenv("INTERCOM_REGION", "au")

    assert repr(IntercomClient()) == "IntercomClient(base_url='https://api.au.intercom.io')"


def test_client_prefers_its_arguments_to_the_environment(monkeypatch):
    """A region of the environment does not contradict an address."""
    monkeypatch.setenv("INTERCOM_REGION", "au")

    assert IntercomClient(TOKEN, base_url="http://127.0.0.1:8080/").base_url == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (None, "no access token: set INTERCOM_ACCESS_TOKEN, or pass access_token to IntercomClient"),
        (" \n", "no access token: set INTERCOM_ACCESS_TOKEN, or pass access_token to IntercomClient"),
        (b"x", "the access token is no text, but of type bytes: pass a str"),
        (12, "the access token is no text, but of type int: pass a str"),
        ("Bearer abc", "the access token begins with 'Bearer': pass what comes after it"),
        (
            "abc\r\nX-Evil: 1",
            "the access token has a blank, a line break or a character beyond ASCII inside: copy it again",
        ),
        ("abcé", "the access token has a blank, a line break or a character beyond ASCII inside: copy it again"),
        ("abc\x00", "the access token has a blank, a line break or a character beyond ASCII inside: copy it again"),
    ],
)
def test_client_refuses_an_unusable_token(token, message):
    """A token is checked before any request, and the message does not quote it."""
    with pytest.raises(CredentialsError) as caught:
        IntercomClient(token)

    assert str(caught.value) == message


def test_client_refuses_a_region_beside_an_address():
    """Two places at once are a mistake."""
    with pytest.raises(CredentialsError, match=r"^region and base_url are both given: leave one of them out$"):
        IntercomClient(TOKEN, region="eu", base_url="https://api.intercom.io")


@pytest.mark.parametrize("version", ["2.14\r\nX-Evil: 1", "2.14\u2011b", "", 2.14])
def test_client_refuses_a_version_that_is_no_header(version):
    """A version is text that a header can hold."""
    with pytest.raises(CredentialsError) as caught:
        IntercomClient(TOKEN, api_version=version)

    assert str(caught.value) == f"api_version {version!r} is no version: it looks like '2.14'"


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan")])
def test_client_refuses_a_timeout_that_makes_no_sense(seconds):
    """A request has some time."""
    with pytest.raises(ValueError, match=r"^timeout_seconds is .*: it is a number of seconds, more than 0$"):
        IntercomClient(TOKEN, timeout_seconds=seconds)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_client_is_neither_copied_nor_pickled(client, duplicate):
    """A token does not travel in a pickle."""
    with pytest.raises(TypeError) as caught:
        duplicate(client)

    assert str(caught.value) == (
        "an IntercomClient holds an access token and cannot be pickled or copied: make a new one there"
    )


@responses.activate
def test_client_keeps_its_token_out_of_repr_log_and_answer(client, caplog):
    """Whatever can be printed of a client and its requests has no token in it."""
    responses.post("https://api.intercom.io/events", status=401, json={"errors": [{"message": "Access Token Invalid"}]})

    with caplog.at_level(logging.DEBUG):
        answer = client.post_event(b"{}")

    assert TOKEN not in f"{client} {client!r} {answer} {caplog.text} {vars(client)}"
