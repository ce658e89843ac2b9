"""The access token is a secret: nothing that a run leaves behind has it."""

import logging
import socket
import traceback

import pytest

from events_pandas import (
    EventsPandasError,
    IntercomClient,
    RetryPolicy,
    SubmissionInterrupted,
    check_events,
    submit_events,
    submit_file,
)

TOKEN = "dG9rOm1hZGUtdXA="
TWICE = RetryPolicy(attempts=2, base_seconds=0.01)


@pytest.fixture
def guarded(start):
    """A sandbox that the made-up token opens."""
    return start(access_token=TOKEN, unknown_contacts=["00001"])


@pytest.fixture
def traces(capfd, caplog):
    """Return all that something has left: what was printed and logged, texts of objects, and whole tracebacks."""
    caplog.set_level(logging.DEBUG)

    def traces(*objects):
        texts = [*capfd.readouterr(), caplog.text]
        for thing in objects:
            texts += [repr(thing), str(thing), repr(getattr(thing, "args", ""))]
            if isinstance(thing, BaseException):
                texts += traceback.TracebackException.from_exception(thing, capture_locals=False).format()
                thing = thing.results  # noqa: PLW2901  # An exception of a run is the frame that it has, and more.
            texts += [thing.to_csv(), repr(thing.attrs)] if hasattr(thing, "to_csv") else []
        return "\n".join(texts)

    return traces


@pytest.mark.parametrize("fault", [400, 409, 422, 404])
def test_token_is_in_no_result_of_a_refused_event(make_orders, mapping, guarded, traces, fault):
    """Refusals are quoted, requests are not."""
    guarded.fail_next(fault)

    with guarded.client() as client:
        results = submit_events(make_orders(2), mapping, client=client)
        report = check_events(make_orders(2), mapping, client=client)

    assert TOKEN not in traces(results, client, report, report.problems)


@pytest.mark.parametrize("fault", [500, 502, 429, "drop_before", "drop_after"])
def test_token_is_in_no_result_of_a_failed_event(make_orders, mapping, guarded, traces, fault):
    """What a library says of a lost connection is told without the request."""
    guarded.fail_next(fault, times=2)

    with guarded.client() as client:
        results = submit_events(make_orders(1), mapping, client=client, retry=TWICE)

    assert results.loc[0, "status"] == "failed"
    assert TOKEN not in traces(results)


@pytest.mark.parametrize("fault", [401, 403, 404, 500])
def test_token_is_in_no_error_of_a_run(make_orders, mapping, guarded, traces, fault):
    """Neither the exception nor what caused it names the token."""
    guarded.fail_next(fault, path="/me", times=9)

    with guarded.client() as client, pytest.raises(EventsPandasError) as caught:
        submit_events(make_orders(2), mapping, client=client, retry=TWICE)

    assert TOKEN not in traces(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid"])
def test_token_is_in_no_error_of_a_connection(make_orders, mapping, traces, host):
    """Refused, or no such host: the address is told, and no more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with IntercomClient(TOKEN, base_url=f"https://{host}:{port}") as client, pytest.raises(EventsPandasError) as caught:
        submit_events(make_orders(1), mapping, client=client, retry=TWICE)

    assert TOKEN not in traces(caught.value, client)


def test_token_is_in_no_interrupt(make_orders, mapping, guarded, tripwire, traces):
    """An interrupted run says what was accepted, and no more."""

    def interrupt():
        raise KeyboardInterrupt

    with guarded.client() as real, pytest.raises(SubmissionInterrupted) as caught:
        submit_events(make_orders(5), mapping, client=tripwire(real, before=3, action=interrupt), concurrency=1)

    assert TOKEN not in traces(caught.value)


def test_token_is_in_no_error_of_a_client(traces):
    """A token or an address that cannot be used is described, and not quoted."""
    refused = [
        {"access_token": f"Bearer {TOKEN}"},
        {"access_token": f"{TOKEN} {TOKEN}"},
        {"access_token": f"{TOKEN}\N{NO-BREAK SPACE}x"},
        {"access_token": TOKEN, "base_url": f"https://someone:{TOKEN}@intercom.example.org"},
        {"access_token": TOKEN, "base_url": f"https://intercom.example.org?token={TOKEN}"},
        {"access_token": TOKEN, "base_url": "http://intercom.example.org"},
        {"access_token": TOKEN, "region": "ue"},
    ]

    for options in refused:
        with pytest.raises(EventsPandasError) as caught:
            IntercomClient(**options)
        assert TOKEN not in f"{caught.value!r} {caught.value}"
    assert TOKEN not in traces()


def test_token_is_in_no_file(folder, make_orders, mapping, guarded):
    """Results in a file are results."""
    make_orders(2).to_csv(folder / "orders.csv", index=False)

    with guarded.client() as client:
        submit_file("orders.csv", mapping, client=client, results_path="results.csv")

    assert sorted(file.name for file in folder.iterdir()) == ["mapping.toml", "orders.csv", "results.csv"]
    assert all(TOKEN.encode() not in file.read_bytes() for file in folder.iterdir())


def test_token_is_in_nothing_that_the_command_says(folder, make_orders, guarded, launch):
    """Neither stdout nor stderr has the token, whatever becomes of the rows."""
    make_orders(3).to_csv(folder / "orders.csv", index=False)
    guarded.fail_next(422)

    process = launch(
        "submit", "orders.csv", "-m", "mapping.toml", "--base-url", guarded.url, INTERCOM_ACCESS_TOKEN=TOKEN
    )
    said = process.communicate(timeout=20)

    assert process.returncode == 1
    assert TOKEN not in "".join(said)
