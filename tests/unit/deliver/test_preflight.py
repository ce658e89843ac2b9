"""The preflight: whose token it is, or why nothing should be sent."""

import json
from dataclasses import replace

import pytest

from events_pandas.deliver.answers import Answer, TransportError
from events_pandas.deliver.outcomes import Status
from events_pandas.deliver.preflight import Workspace, read_workspace
from events_pandas.deliver.stopping import Stop

ME = {"type": "admin", "app": {"id_code": "abc123", "name": "Acme", "region": "EU", "timezone": "UTC"}}
ANSWER = Answer(
    status=200,
    headers={"X-RateLimit-Limit": "166", "X-RateLimit-Remaining": "165", "X-RateLimit-Reset": "1700000010"},
    body=json.dumps(ME).encode(),
)
REFUSED = TransportError("no connection to api.intercom.io", may_have_arrived=False)


def test_read_workspace_takes_its_three_facts():
    """The answer names the workspace, its name for people and its region."""
    assert read_workspace(ANSWER) == Workspace(id_code="abc123", name="Acme", region="EU")


def test_read_workspace_says_nothing_to_a_terminal():
    """Reports and the history of runs tell its name."""
    body = json.dumps({"type": "admin", "app": {"id_code": "a", "name": "b\x1b[2J", "region": "c\n"}}).encode()

    assert read_workspace(Answer(status=200, body=body)) == Workspace(id_code="a", name="b\\u001b[2J", region="c\\n")


@pytest.mark.parametrize("app", [None, [], {}, {"id_code": 5, "name": ""}])
def test_read_workspace_bears_an_answer_that_names_none(app):
    """What is missing is None."""
    body = json.dumps({"type": "admin", "app": app}).encode()

    assert read_workspace(Answer(status=200, body=body)) == Workspace()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(status=200, body=b"<html>Sign in</html>"), "200 OK"),
        (Answer(status=404), "404 Not Found"),
        (Answer(status=302), "302 Found"),
    ],
)
def test_read_workspace_stops_when_the_answer_is_not_intercoms(answer, said):
    """A wrong address is found out before any event goes there."""
    assert read_workspace(answer) == Stop(
        reason="outage",
        error_code="outage",
        message=f"the first request, GET /me, was answered {said}, not as by Intercom: check region and base_url",
    )


def test_preflight_returns_the_workspace_and_learns_the_limit(make_run, scripted_client):
    """A good token gives its workspace; the limit is known before the first event."""
    run = make_run(scripted_client(me=[ANSWER]))

    assert run.preflight() == run.workspace == Workspace(id_code="abc123", name="Acme", region="EU")
    assert (run.limit, run.stop, run.requests) == (166, None, 0)


def test_preflight_tries_again_when_a_failure_passes(make_run, scripted_client):
    """Two passing failures are borne."""
    run = make_run(scripted_client(me=[503, REFUSED, ANSWER]))

    assert run.preflight() is not None


def test_preflight_stops_the_run_when_the_token_is_refused(make_run, scripted_client, events):
    """With a refused token no event is sent, and every row has its outcome."""
    client = scripted_client(me=[401])
    run = make_run(client)

    assert run.preflight() is None
    (outcomes,) = run.deliver([events("a", "b")])

    assert run.stop.reason == "authentication"
    assert [outcome.status for outcome in outcomes] == [Status.NOT_SUBMITTED] * 2
    assert client.posted == []


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ([503] * 3, "503 Service Unavailable"),
        ([REFUSED] * 3, "no connection to api.intercom.io"),
    ],
)
def test_preflight_stops_the_run_when_intercom_is_out_of_reach(make_run, scripted_client, script, said):
    """When the attempts are spent, nothing was submitted and the run is over."""
    run = make_run(scripted_client(me=script))

    run.preflight()

    assert run.stop == Stop(
        reason="outage",
        error_code="outage",
        message=f"Intercom cannot be reached ({said}): nothing was submitted, try again later",
    )


def test_preflight_waits_no_longer_than_a_person_would(make_run, scripted_client, surroundings):
    """Whatever the server asks for, fifteen seconds lie between two attempts at most."""
    waits = []
    busy = Answer(status=503, headers={"Retry-After": "120"})
    patient = replace(surroundings, sleep=waits.append)

    make_run(scripted_client(me=[busy, ANSWER]), surroundings=patient).preflight()

    assert waits == [15.0]
