"""A run that checks contacts first: no event is spent on a contact that Intercom does not know."""

import json
import os
import signal
import threading

import pandas as pd
import pytest
from typer.testing import CliRunner

from events_pandas import (
    EventMapping,
    Faults,
    OutageError,
    SubmissionError,
    SubmissionInterrupted,
    iter_submit,
    submit_events,
    submit_file,
)
from events_pandas.cli import app


class Asked:
    """A client that keeps which contacts are searched for, and calls a function before one of the searches."""

    def __init__(self, client, *, before=0, action=None):
        self._client, self._before, self._action = client, before, action
        self._lock = threading.Lock()
        self.searches, self.events = [], 0

    def __getattr__(self, name):
        return getattr(self._client, name)

    def search_contacts(self, query):
        with self._lock:
            self.searches.append(query)
            is_due = len(self.searches) == self._before
        if is_due:
            self._action()
        return self._client.search_contacts(query)

    def post_event(self, payload):
        with self._lock:
            self.events += 1
        return self._client.post_event(payload)

    def times(self, contact):
        """Return in how many searches a contact was asked for."""
        return sum(f'"{contact}"'.encode() in query for query in self.searches)


@pytest.fixture
def asked():
    """Return the class of clients that keep their searches."""
    return Asked


def test_rows_of_unknown_contacts_are_not_sent(start, asked, make_orders, mapping):
    """They say that Intercom does not know the contact, and have neither an attempt nor an answer."""
    sandbox = start(unknown_contacts=["00001"])
    orders = make_orders(3, who=["00000", "00001", "00001"], day=["2024-01-01", "2024-01-02", "2024-01-03"])

    with sandbox.client() as client:
        counted = asked(client)
        results = submit_events(orders, mapping, client=counted, contacts="check")

    assert results["status"].tolist() == ["accepted", "unknown_contact", "unknown_contact"]
    assert results["attempts"].tolist() == [1, 0, 0]
    assert results["http_status"].isna().tolist() == [False, True, True]
    assert results["error_message"].iloc[1] == (
        "Intercom does not know the contact, as a search for it has shown, and no event was sent: "
        "create it or fix the identifier, then submit the row again"
    )
    assert counted.events == 1


@pytest.fixture
def spellings(make_orders):
    """Four rows of two contacts: one has its address in three spellings."""
    who = ["ada@example.org", "Nobody@example.org", "nobody@example.org", "NOBODY@example.org"]
    return make_orders(4, who=who, day=["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"])


@pytest.fixture
def by_email():
    return EventMapping(event_name="placed-order", created_at="day", email="who", timezone="UTC")


def test_spellings_of_an_address_are_one_contact(start, asked, spellings, by_email):
    """No event is spent on an unknown contact, also if another spelling of its address stands in the row."""
    sandbox = start(contacts=["ada@example.org"])

    with sandbox.client() as client:
        counted = asked(client)
        results = submit_events(spellings, by_email, client=counted, contacts="check")

    assert results["status"].tolist() == ["accepted", *["unknown_contact"] * 3]
    assert results["attempts"].tolist() == [1, 0, 0, 0]
    assert counted.events == 1


def test_spellings_of_an_address_in_frames_of_a_stream_are_one_contact(start, asked, spellings, by_email):
    """What is known of a contact holds for its spelling in a later frame."""
    sandbox = start(contacts=["ada@example.org"])
    frames = (spellings[place : place + 1] for place in range(4))

    with sandbox.client() as client:
        counted = asked(client)
        parts = list(iter_submit(frames, by_email, client=counted, contacts="check"))

    assert pd.concat(parts)["status"].tolist() == ["accepted", *["unknown_contact"] * 3]
    assert counted.events == 1


def test_further_spellings_of_an_unknown_address_are_not_sent(start, asked, spellings, by_email):
    """Without the check one row is answered 404, and the other rows of the contact are not sent."""
    sandbox = start(contacts=["ada@example.org"])

    with sandbox.client() as client:
        counted = asked(client)
        results = submit_events(spellings, by_email, client=counted, concurrency=1)

    assert results["status"].tolist() == ["accepted", *["unknown_contact"] * 3]
    assert results["attempts"].tolist() == [1, 1, 0, 0]
    assert counted.events == 2


def test_each_contact_of_a_stream_is_asked_for_once(start, asked, make_orders, mapping):
    """A later frame asks only for contacts that no earlier frame had."""
    sandbox = start(unknown_contacts=["00002"])
    frames = [make_orders(3), make_orders(4, day=[f"2024-02-0{day}" for day in range(1, 5)])]

    with sandbox.client() as client:
        counted = asked(client)
        parts = list(iter_submit(frames, mapping, client=counted, contacts="check"))

    assert [part["status"].tolist().count("unknown_contact") for part in parts] == [1, 1]
    assert [counted.times(f"0000{number}") for number in range(4)] == [1, 1, 1, 1]
    assert counted.events == 5


def test_rows_that_are_not_sent_are_not_asked_for(start, asked, make_orders, mapping, tmp_path):
    """Invalid rows, duplicates and rows that the journal has need no answer."""
    sandbox = start()
    first = make_orders(2)
    orders = pd.concat([first, make_orders(3, start=2)], ignore_index=True)
    orders.loc[4, "day"] = "tomorrow"

    with sandbox.client() as client:
        submit_events(first, mapping, client=client, journal=tmp_path)
        counted = asked(client)
        results = submit_events(orders, mapping, client=counted, contacts="check", journal=tmp_path)

    assert results["status"].tolist() == ["already_submitted"] * 2 + ["accepted"] * 2 + ["invalid"]
    assert [counted.times(f"0000{number}") for number in range(5)] == [0, 0, 1, 1, 0]


def test_contacts_of_files_are_asked_for_chunk_by_chunk(start, asked, make_orders, mapping, folder):
    """A file is checked like a stream, and its results name the rows of unknown contacts."""
    sandbox = start(unknown_contacts=["00003", "00119"])
    make_orders(120).to_csv(folder / "orders.csv", index=False)

    with sandbox.client() as client:
        counted = asked(client)
        results = submit_file("orders.csv", mapping, client=counted, contacts="check", chunksize=50)

    assert results.loc[results["status"] == "unknown_contact", "row"].tolist() == [3, 119]
    assert (len(counted.searches), counted.events) == (3, 118)


def test_rows_of_an_unknown_address_say_that_the_search_lags(start):
    """An email address is searched for only, so that it may be one that was created a moment ago."""
    sandbox = start(contacts=["00042"], faults=Faults(search_lag_seconds=300))
    orders = pd.DataFrame({"mail": ["ada@example.org"], "day": "2024-01-31"})
    mapping = EventMapping(event_name="e", created_at="day", email="mail", timezone="UTC")

    with sandbox.client() as client:
        client.create_contact(b'{"email": "ada@example.org"}')
        results = submit_events(orders, mapping, client=client, contacts="check")

    assert results["error_message"].item() == (
        "Intercom does not know the contact, as a search for it has shown, and no event was sent: "
        "create it or fix the identifier, then submit the row again. A search does not show a contact of the last "
        "minutes: if it is new, submit the row again later"
    )


@pytest.mark.parametrize(
    ("path", "fault", "said"),
    [
        ("/contacts/search", 400, "refused the question for 2 contacts ({refused}): fix the cause, then"),
        ("/contacts/search", "garbage", "did not answer for 2 contacts (200 OK): to go on,"),
        (
            "/contacts/find_by_external_id/00001",
            400,
            "refused the question for 1 contact ({refused}): fix the cause, then",
        ),
    ],
)
def test_contacts_that_intercom_does_not_answer_for_end_the_run(start, asked, make_orders, mapping, path, fault, said):
    """Whoever asks for a check gets one: no event is sent as long as a contact could not be checked."""
    sandbox = start(contacts=["00000"])
    # A refused search is made again for its halves.
    sandbox.fail_next(fault, times=3 if fault == 400 else 1, path=path)

    with sandbox.client() as client:
        counted = asked(client)
        with pytest.raises(SubmissionError) as caught:
            submit_events(make_orders(2), mapping, client=counted, contacts="check")

    refused = "400 Bad Request, client_error: A fault made the sandbox answer 400"
    assert str(caught.value) == (
        f"Intercom {said.format(refused=refused)} submit all rows again; "
        "the journal skips the accepted ones, and without a journal Intercom ignores repeats"
    )
    results = caught.value.results
    assert results["status"].tolist() == ["not_submitted"] * 2
    assert results["error_code"].tolist() == ["contacts_unanswered"] * 2
    assert results["error_message"].iloc[0] == (
        "the run ended before this row, as Intercom did not say which contacts it has: submit the row again"
    )
    assert counted.events == 0


def test_an_odd_id_does_not_end_the_run(start):
    """A text that cannot be an id of Intercom's is an unknown contact; the other rows are sent."""
    sandbox = start(contacts=[{"id": "5f0a"}])
    orders = pd.DataFrame({"who": ["a/b", "5f0a", "search"], "day": "2024-01-31"})
    mapping = EventMapping(event_name="e", created_at="day", id="who", timezone="UTC")

    with sandbox.client() as client:
        results = submit_events(orders, mapping, client=client, contacts="check")

    assert results["status"].tolist() == ["unknown_contact", "accepted", "unknown_contact"]


def test_a_progress_function_is_called_while_contacts_are_asked_for(start, asked, make_orders, mapping):
    """It sees that the run goes on before the first event, and the facts of the run count the questions."""
    sandbox = start(unknown_contacts=["00001"])
    calls = []
    silent = threading.Event()

    with sandbox.client() as client:
        counted = asked(client, before=1, action=lambda: silent.wait(20))

        def show(progress):
            calls.append(progress)
            # The search goes on when it was shown.
            if len(counted.searches) == 1:
                silent.set()

        results = submit_events(make_orders(2), mapping, client=counted, contacts="check", progress=show)

    assert silent.is_set()
    assert [progress.rows for progress in calls[:2]] == [0, 0]
    assert (results.attrs["run"]["requests"], results.attrs["run"]["contact_requests"]) == (1, 2)


@pytest.mark.alone
def test_interrupt_while_contacts_are_asked_for_sends_nothing(start, asked, make_orders, mapping):
    """The run ends with a result for every row, and no event was sent."""
    sandbox = start(limit=100, faults=Faults(latency_seconds=0.02))

    with sandbox.client() as client:
        stopped = asked(client, before=5, action=lambda: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(
            SubmissionInterrupted, match="interrupted before the first event: nothing was sent"
        ) as caught:
            submit_events(make_orders(2_000), mapping, client=stopped, contacts="check")

    assert caught.value.results["status"].eq("not_submitted").sum() == 2_000
    assert sandbox.requests == 0


def test_outage_before_the_first_event_leaves_the_files_of_an_earlier_run(start, asked, make_orders, mapping, folder):
    """Nothing was sent: the exception has the results, a note names the files, and none of them is replaced."""
    sandbox = start()
    make_orders(3).to_csv("orders.csv", index=False)
    places = {"results_path": "results.csv", "rejects_path": "rejects.csv"}

    def fall_silent():
        sandbox.faults = Faults(outage_seconds=600)

    with sandbox.client() as client:
        submit_file("orders.csv", mapping, client=client, **places)
        before = {path.name: path.read_bytes() for path in folder.glob("re*")}
        failing = asked(client, before=1, action=fall_silent)
        options = {"contacts": "check", "patience_seconds": 1, "resubmit": True}
        with pytest.raises(OutageError) as caught:
            submit_file("orders.csv", mapping, client=failing, **places, **options)

    assert {path.name: path.read_bytes() for path in folder.glob("re*")} == before
    assert caught.value.__notes__ == [
        "not written, as nothing was sent: results.csv and rejects.csv (files of an earlier run stay)"
    ]
    assert caught.value.results["source_file"].tolist() == ["orders.csv"] * 3


def test_outage_while_contacts_are_asked_for_ends_the_run(start, asked, make_orders, mapping):
    """A run whose question is not answered within its patience ends, and every row has a result."""
    sandbox = start()

    def fall_silent():
        sandbox.faults = Faults(outage_seconds=600)

    with sandbox.client() as client:
        failing = asked(client, before=1, action=fall_silent)
        with pytest.raises(OutageError) as caught:
            submit_events(make_orders(100), mapping, client=failing, contacts="check", patience_seconds=1)

    assert caught.value.results["status"].eq("not_submitted").sum() == 100
    assert failing.events == 0


@pytest.mark.usefixtures("folder")
def test_summary_and_document_count_the_requests_for_contacts(start, make_orders):
    """They are requests too: one search, and one for the contact that it did not find."""
    sandbox = start(unknown_contacts=["00001"])
    make_orders(3).to_csv("orders.csv", index=False)
    arguments = ["submit", "orders.csv", "-m", "mapping.toml", "--base-url", sandbox.url, "--check-contacts", "--json"]

    result = CliRunner().invoke(app, arguments, env={"INTERCOM_ACCESS_TOKEN": sandbox.access_token})

    document = json.loads(result.stdout)
    assert (document["requests"], document["contact_requests"]) == (2, 2)
    assert "contacts: 2 requests asked which of them exist" in result.stderr.splitlines()


@pytest.mark.parametrize("setting", [["--check-contacts"], []])
def test_command_sends_no_event_of_an_unknown_contact(folder, start, make_orders, setting):
    """The option, or its line in the file of settings, spends no event on a contact that Intercom lacks."""
    sandbox = start(unknown_contacts=["00001"])
    make_orders(3).to_csv("orders.csv", index=False)
    if not setting:
        (folder / "events-pandas.toml").write_text("check-contacts = true\n")
    arguments = ["submit", "orders.csv", "-m", "mapping.toml", "--base-url", sandbox.url, "--results", "results.csv"]

    result = CliRunner().invoke(app, [*arguments, *setting], env={"INTERCOM_ACCESS_TOKEN": sandbox.access_token})

    results = pd.read_csv("results.csv")
    assert (results["status"].tolist(), results["attempts"].tolist()) == (
        ["accepted", "unknown_contact", "accepted"],
        [1, 0, 1],
    )
    assert (result.exit_code, len(sandbox.events)) == (1, 2)
