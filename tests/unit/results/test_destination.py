"""Where events would go: regions compared with care, and what one answer tells of the limit."""

import io
import json
import re
import sys
import threading

import pytest

from events_pandas.deliver import Answer, Stop, WorkspaceIdentity
from events_pandas.deliver.client.answers import TransportError
from events_pandas.deliver.clock import Clock
from events_pandas.results.destination import Destination, find_destination, known_region, region_of

HEADERS = {
    "X-RateLimit-Limit": "100",
    "X-RateLimit-Remaining": "21",
    "X-RateLimit-Reset": "1700000010",
    "Date": "Tue, 14 Nov 2023 22:13:22 GMT",  # 1700000002
}


class Client:
    """A client with one answer."""

    base_url = "https://api.eu.intercom.io"

    def __init__(self, headers):
        self._headers = headers

    def me(self):
        return Answer(status=200, headers=self._headers, body=json.dumps({"app": {"region": "US"}}).encode())


@pytest.mark.parametrize(
    ("word", "region"),
    [("US", "us"), ("eu", "eu"), (" AU ", "au"), ("Europe", None), ("us-east-1", None), ("", None), (None, None)],
)
def test_known_region_takes_intercoms_words(word, region):
    """The three regions are known in any case; other words are not guessed."""
    assert known_region(word) == region


@pytest.mark.parametrize(
    ("base_url", "region"),
    [
        ("https://api.intercom.io", "us"),
        ("https://API.EU.intercom.io/", "eu"),
        ("https://api.au.intercom.io:443/v2", "au"),
        ("http://127.0.0.1:8642", None),
        ("https://api.intercom.io.example.org", None),
        ("", None),
    ],
)
def test_region_of_an_address_is_known_by_its_host(base_url, region):
    """Proxies and local servers have no region."""
    assert region_of(base_url) == region


def test_destination_warns_when_the_regions_differ():
    """The warning has the workspace's region, and how to set it."""
    (warning,) = Destination(workspace=WorkspaceIdentity(region="EU"), region="us").warnings()

    assert warning == (
        "the workspace is in region 'eu', and the client talks to 'us': "
        "choose region 'eu', such as by INTERCOM_REGION=eu"
    )


@pytest.mark.parametrize(
    ("kept_in", "region"), [("EU", "eu"), ("us", "us"), (None, "us"), ("Mars", "us"), ("EU", None), (None, None)]
)
def test_destination_does_not_warn_when_a_region_is_the_same_or_unknown(kept_in, region):
    """An unknown region is not compared."""
    assert Destination(workspace=WorkspaceIdentity(region=kept_in), region=region).warnings() == []


def test_destination_is_read_from_one_answer():
    """Half a second is subtracted for the rounding of the server's clock."""
    assert find_destination(Client(HEADERS)) == Destination(
        workspace=WorkspaceIdentity(region="US"), region="eu", limit=100, remaining=21, seconds_left=7.5
    )


@pytest.mark.parametrize(
    ("headers", "limit", "remaining"),
    [({}, 1_666, None), ({name: HEADERS[name] for name in list(HEADERS)[:3]}, 100, 21)],
)
def test_destination_knows_no_time_when_the_answer_does_not_tell(headers, limit, remaining):
    """Without headers the limit is Intercom's default; without the server's clock a reset means nothing."""
    destination = find_destination(Client(headers))

    assert (destination.limit, destination.remaining, destination.seconds_left) == (limit, remaining, None)


def test_destination_is_a_stop_when_the_token_is_refused(fake_client):
    """The caller decides what a refusal means."""
    stop = find_destination(fake_client(me=401))

    assert isinstance(stop, Stop)
    assert stop.reason == "authentication"


@pytest.mark.parametrize(("remaining", "seconds"), [(None, 50.0), (99, 50.0), (21, 56.0), (1, 58.0), (0, 58.0)])
def test_destination_leaves_a_request_to_the_runs_own_question(remaining, seconds):
    """A run asks for the workspace first, which uses the current window."""
    destination = Destination(workspace=WorkspaceIdentity(), limit=100, remaining=remaining, seconds_left=8.0)

    assert destination.duration_seconds(501) == pytest.approx(seconds)


def test_destination_says_that_it_waits_for_the_answer(monkeypatch):
    """A check that waits for Intercom shows a line after two seconds."""
    shown = threading.Event()

    class Shown(io.StringIO):
        def write(self, text):
            shown.set()
            return super().write(text)

    class Slow(Client):
        def me(self):
            shown.wait(9.0)
            return super().me()

    monkeypatch.setattr(sys, "stderr", Shown())
    destination = find_destination(Slow(HEADERS))

    assert destination.limit == 100
    assert re.match(r"checking: under way for \d+ s; waiting for Intercom's first answer\n", sys.stderr.getvalue())


def test_destination_shows_its_wait_as_the_caller_says(monkeypatch):
    """With other progress than the automatic one, nothing is printed."""
    shown = threading.Event()

    class Slow(Client):
        def me(self):
            shown.wait(9.0)
            return super().me()

    monkeypatch.setattr(sys, "stderr", io.StringIO())
    find_destination(Slow(HEADERS), progress=lambda _: shown.set())

    assert (shown.is_set(), sys.stderr.getvalue()) == (True, "")


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (Answer(status=503), "Intercom does not accept requests now (503 Service Unavailable)"),
        (TransportError("no answer", may_have_arrived=False), "Intercom cannot be reached (no answer)"),
    ],
)
def test_destination_says_how_to_check_without_it_when_intercom_does_not_answer(result, text):
    """A check submits nothing, and can judge the rows without a client."""
    now = [0.0]

    class Away:
        def me(self):
            if isinstance(result, Exception):
                raise result
            return result

    clock = Clock(monotonic=lambda: now[0], sleep=lambda seconds: now.append(now.pop() + seconds), jitter=lambda: 0.5)

    assert find_destination(Away(), clock=clock) == Stop(
        reason="outage",
        error_code="outage",
        message=f"{text}: leave out client= to check the rows without Intercom, or try again later",
    )
