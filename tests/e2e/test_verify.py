"""Accepted events are read back over a socket: real losses are found, and nothing is claimed beyond the counts."""

import dataclasses
import json
import os
import signal
import threading
from collections import Counter

import pandas as pd
import pytest
import requests
from typer.testing import CliRunner

from events_pandas import (
    AuthenticationError,
    EventMapping,
    Faults,
    SubmissionInterrupted,
    iter_submit,
    submit_events,
    verify,
)
from events_pandas.cli import app

CHANGED = "the files were changed since, or are not those of the run in the same order"


class Watching:
    """A client that counts what its questions are answered, and calls a function before one of them."""

    def __init__(self, client, *, before=0, action=None):
        self._client, self._before, self._action = client, before, action
        self._lock = threading.Lock()
        self.asked, self.answers = 0, Counter()

    def me(self):
        return self._client.me()

    def post_event(self, payload):
        return self._client.post_event(payload)

    def event_summary(self, identifier, value):
        with self._lock:
            self.asked += 1
            is_due = self.asked == self._before
        if is_due:
            self._action()
        answer = self._client.event_summary(identifier, value)
        with self._lock:
            self.answers[answer.status] += 1
        return answer


@pytest.fixture
def many(make_orders):
    """Return a function that makes orders of 500 contacts, each with another second."""

    def many(n_rows):
        times = pd.Timestamp("2024-01-01") + pd.to_timedelta(range(n_rows), unit="h")
        return make_orders(n_rows, who=[f"{number % 500:05d}" for number in range(n_rows)], day=times.astype(str))

    return many


def counts(found):
    return {status: count for status, count in found.counts.items() if count}


@pytest.mark.slow
def test_verify_finds_the_events_that_were_lost(start, many, mapping):
    """Each group that differs has really lost events, and if all events are drawn every loss is found."""
    sandbox, orders = start(faults=Faults(lose=0.01)), many(3_000)

    with sandbox.client() as client:
        results = submit_events(orders, mapping, client=client, journal=None)
        some = verify(results, orders, mapping, client=client, settle_seconds=0, include_identifier=True)
        all_of_them = verify(results, orders, mapping, client=client, sample=3_000, settle_seconds=0)

    kept = Counter(event.contact for event in sandbox.events)
    n_lost = 3_000 - len(sandbox.events)
    assert results["status"].eq("accepted").all()
    assert 10 < n_lost < 60
    differing = some.groups[some.groups["status"] == "differing"]
    assert len(differing) > 0
    assert [kept[contact] for contact in differing["contact"]] == differing["found"].tolist()
    assert all_of_them.missing == n_lost
    # Each of the 500 contacts has six events.
    n_possibly_lost = 6 * sum(kept[contact] < 6 for contact in orders["who"].unique())
    assert all_of_them.most_missing == n_possibly_lost <= some.most_missing


def test_verify_has_the_rows_to_send_again_however_their_contacts_are_written(start, make_orders):
    """The rows of a contact are all rows that were sent for it, with any case and blanks, and no other row."""
    sandbox = start(faults=Faults(lose=1.0))
    mails = ["Ada@example.org ", "ada@example.org", None, "ADA@EXAMPLE.ORG", "bob@example.org"]
    orders = make_orders(5, who=mails, day=[f"2024-01-0{day}" for day in range(1, 6)]).set_axis(list("edcba"))
    mapping = EventMapping(
        event_name="placed-order", created_at="day", email="who", timezone="UTC", strip_identifiers=True
    )

    with sandbox.client() as client:
        lost = submit_events(orders[:4], mapping, client=client, journal=None)
        sandbox.faults = Faults()
        kept = submit_events(orders[4:], mapping, client=client, journal=None)
        results = pd.concat([lost, kept.assign(row=4)])
        found = verify(results, orders, mapping, client=client, settle_seconds=0)
        again = orders.iloc[found.differing_rows]
        submit_events(again, mapping, client=client, journal=None, resubmit=True)
        repaired = verify(results, orders, mapping, client=client, settle_seconds=0)

    assert found.differing_rows.tolist() == [0, 1, 3]
    assert again.index.tolist() == ["e", "d", "b"]
    assert (repaired.ok, repaired.differing_rows.tolist()) == (True, [])


@pytest.mark.slow
def test_verify_finds_nothing_where_nothing_was_lost(start, many, mapping):
    """If all events arrived, none differs, and the bound says what a sample can prove."""
    sandbox, orders = start(), many(3_000)

    with sandbox.client() as client:
        results = submit_events(orders, mapping, client=client, journal=None)
        found = verify(results, orders, mapping, client=client)
        all_of_them = verify(results, orders, mapping, client=client, sample=3_000)

    assert (found.ok, counts(found), found.most_missing) == (True, {"matching": 200}, 43)
    assert (all_of_them.ok, counts(all_of_them), all_of_them.bound) == (True, {"matching": 3_000}, 0.0)


def test_verify_says_more_where_others_send_events_too(start, make_orders, mapping):
    """Further events of a contact are no loss and no proof; a loss that they cannot hide is found."""
    sandbox = start(faults=Faults())
    orders = make_orders(4, who=["a", "a", "b", "b"], day=["2024-01-02", "2024-01-05"] * 2)
    others = make_orders(3, who=["a", "b", "b"], day=["2024-01-03", "2024-01-03", "2024-01-04"])

    with sandbox.client() as client:
        first = submit_events(orders.iloc[:3], mapping, client=client, journal=None)
        sandbox.fail_next("lose")
        last = submit_events(orders.iloc[3:], mapping, client=client, journal=None)
        submit_events(others, mapping, client=client, journal=None)
        results = pd.concat([first, last.assign(row=3)])
        found = verify(results, orders, mapping, client=client, settle_seconds=0)

    assert found.groups["status"].tolist() == ["more", "differing"]
    assert found.groups[["accepted", "found", "missing"]].to_numpy().tolist() == [[2, 3, 0], [2, 3, 1]]


def test_verify_says_that_contacts_are_gone(start, make_orders, mapping):
    """A contact that was merged since is no loss."""
    sandbox = start(contacts=[{"external_id": "00000", "id": "5f00"}, {"external_id": "00001", "id": "5f01"}])
    orders = make_orders(2)
    headers = {"Authorization": f"Bearer {sandbox.access_token}", "Accept": "application/json"}

    with sandbox.client() as client:
        results = submit_events(orders, mapping, client=client, journal=None)
        requests.post(
            f"{sandbox.url}/contacts/merge", json={"from": "5f01", "into": "5f00"}, headers=headers, timeout=10
        ).raise_for_status()
        found = verify(results, orders, mapping, client=client)

    # A merged contact keeps its events here, so that the other one matches.
    assert counts(found) == {"matching": 1, "gone": 1}


def test_verify_waits_for_events_of_a_moment_ago(start, make_orders, mapping):
    """A loss just after the run may still become visible."""
    sandbox = start()
    sandbox.fail_next("lose")

    with sandbox.client() as client:
        results = submit_events(make_orders(2), mapping, client=client, journal=None, concurrency=1)
        found = verify(results, make_orders(2), mapping, client=client)

    assert counts(found) == {"matching": 1, "not_yet_visible": 1}


def test_verify_of_a_second_run_counts_what_the_first_has_sent(start, make_orders, mapping):
    """Rows that another run has sent are accepted events, too."""
    sandbox, orders = start(), make_orders(6, who=["a", "b", "a", "b", "c", "c"])

    with sandbox.client() as client:
        submit_events(orders.iloc[:3], mapping, client=client)
        results = submit_events(orders, mapping, client=client)
        found = verify(results, orders, mapping, client=client)

    assert set(results["status"]) == {"already_submitted", "accepted", "duplicate"}
    assert (found.accepted, counts(found)) == (3, {"matching": 3})


def test_verify_proves_several_runs_by_submitting_their_rows_again(start, make_orders, mapping):
    """A run of all rows sends none again, and its results have the events of all runs: each loss is found."""
    sandbox, runs = start(), [make_orders(2, who=["a", "b"]), make_orders(2, who=["c", "d"])]
    orders = pd.concat(runs)

    with sandbox.client() as client:
        submit_events(runs[0], mapping, client=client)
        sandbox.fail_next("lose", times=2)
        submit_events(runs[1], mapping, client=client)
        results = submit_events(orders, mapping, client=client)
        found = verify(results, orders, mapping, client=client, settle_seconds=0)

    assert results.attrs["run"]["requests"] == 0
    assert (found.accepted, counts(found), found.missing) == (4, {"matching": 2, "differing": 2}, 2)


def test_verify_of_a_stream_takes_the_results_of_a_frame_or_all(start, make_orders, mapping):
    """Rows are counted over all frames of a stream."""
    sandbox, orders = start(), make_orders(6)
    frames = [orders.iloc[:4], orders.iloc[4:]]

    with sandbox.client() as client:
        parts = list(iter_submit(frames, mapping, client=client))
        last = verify(parts[1], frames[1], mapping, client=client)
        whole = verify(pd.concat(parts), orders, mapping, client=client)

    assert (last.groups["row"].tolist(), whole.groups["row"].tolist()) == ([4, 5], [0, 1, 2, 3, 4, 5])
    assert last.ok
    assert whole.ok


def test_verify_of_spread_rows_finds_their_seconds(start, make_orders):
    """Rows of one second were sent with others."""
    mapping = EventMapping(
        event_name="e", created_at="day", user_id="who", metadata={"n": "n"}, timezone="UTC", duplicates="spread"
    )
    sandbox, orders = start(), make_orders(3, who="a", n=[1, 2, 3])

    with sandbox.client() as client:
        results = submit_events(orders, mapping, client=client, journal=None)
        found = verify(results, orders, mapping, client=client)

    assert (found.accepted, counts(found)) == (3, {"matching": 3})


@pytest.mark.parametrize("policy", ["skip", "send"])
def test_verify_takes_the_seconds_that_an_earlier_run_gave(start, make_orders, policy):
    """Rows that an earlier run has spread keep its seconds, whatever the mapping says now."""
    mapping = EventMapping(
        event_name="e", created_at="day", user_id="who", metadata={"n": "n"}, timezone="UTC", duplicates="spread"
    )
    sandbox, orders = start(), make_orders(3, who="a", n=[1, 2, 3])

    with sandbox.client() as client:
        submit_events(orders, mapping, client=client)
        mapping = dataclasses.replace(mapping, duplicates=policy)
        results = submit_events(orders, mapping, client=client)
        found = verify(results, orders, mapping, client=client)

    # With "skip" the other two rows are duplicates of the first, and their events those of another run.
    assert counts(found) == ({"more": 1} if policy == "skip" else {"matching": 3})


def test_contact_with_two_identifiers_has_more_events_by_each(start):
    """The events of one identifier are compared with the summary of the contact, which has those of both."""
    sandbox = start(contacts=[{"external_id": "00042", "email": "ada@example.org", "id": "5f00"}])
    orders = pd.DataFrame({"who": ["00042", None], "mail": [None, "ada@example.org"], "day": "2024-01-31"})
    orders["day"] = ["2024-01-31", "2024-02-01"]
    mapping = EventMapping(event_name="e", created_at="day", user_id="who", email="mail", timezone="UTC")

    with sandbox.client() as client:
        results = submit_events(orders, mapping, client=client, journal=None)
        found = verify(results, orders, mapping, client=client)

    assert (found.contacts, counts(found)) == (2, {"more": 2})


def test_verify_asks_for_leads_by_their_id(start):
    """Intercom knows a lead by nothing else."""
    sandbox = start(contacts=[{"id": "5f0a", "role": "lead"}])
    orders = pd.DataFrame({"lead": ["5f0a"], "day": ["2024-01-31"]})
    mapping = EventMapping(event_name="e", created_at="day", id="lead", timezone="UTC")

    with sandbox.client() as client:
        results = submit_events(orders, mapping, client=client, journal=None)
        found = verify(results, orders, mapping, client=client)

    assert counts(found) == {"matching": 1}


def test_verify_counts_events_of_any_age(start, make_orders, mapping):
    """Old events and those of the future are in a summary, though no list has them."""
    sandbox, orders = start(), make_orders(3, day=["1997-01-01", "2024-01-31", "2099-12-31"])

    with sandbox.client() as client:
        results = submit_events(orders, mapping, client=client, journal=None)
        found = verify(results, orders, mapping, client=client)

    assert counts(found) == {"matching": 3}


@pytest.mark.alone
def test_verify_keeps_the_pace(start, make_orders, mapping):
    """Questions keep within the rate limit: none is refused."""
    sandbox, orders = start(), make_orders(150)

    with sandbox.client() as client:
        results = submit_events(orders, mapping, client=client, journal=None)
        sandbox.limit, sandbox.window_seconds = 100, 1.0
        watched = Watching(client)
        found = verify(results, orders, mapping, client=watched)

    assert found.ok
    assert watched.answers == {200: 150}


def test_verify_is_repeated_after_failures_that_pass(start, make_orders, mapping):
    """A question that is answered 429 or 500 is asked again."""
    sandbox, orders = start(), make_orders(20)

    with sandbox.client() as client:
        results = submit_events(orders, mapping, client=client, journal=None)
        for fault in (429, 500, 503, "drop_before"):
            sandbox.fail_next(fault, path="/events")
        found = verify(results, orders, mapping, client=client)

    assert found.ok


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_verify_says_that_a_token_is_refused(start, make_orders, mapping, when):
    """A refused token ends the verification, and no contact is called gone."""
    sandbox, orders = start(), make_orders(3)

    with sandbox.client() as client:
        results = submit_events(orders, mapping, client=client, journal=None)
        sandbox.fail_next(401, times=3, path="/me" if when == "before" else "/events")
        with pytest.raises(
            AuthenticationError, match=r"^Intercom refused the access token \(401 Unauthorized"
        ) as caught:
            verify(results, orders, mapping, client=client)

    assert caught.value.results["status"].tolist() == ["unanswered"] * 3


@pytest.mark.alone
def test_verify_hands_back_what_it_has_at_an_interrupt(start, make_orders, mapping):
    """The groups that have an answer are judged, the others are unanswered."""
    sandbox, orders = start(), make_orders(400)

    with sandbox.client() as client:
        results = submit_events(orders, mapping, client=client, journal=None)
        sandbox.limit, sandbox.faults = 100, Faults(latency_seconds=0.02)
        watched = Watching(client, before=20, action=lambda: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(SubmissionInterrupted) as caught:
            verify(results, orders, mapping, client=watched, sample=400)

    statuses = caught.value.results["status"].value_counts()
    have = int(statuses["matching"])
    assert 0 < have < 400
    assert have + statuses["unanswered"] == 400
    # The sample ends before the first contact without an answer.
    drawn = caught.value.results.groupby("status", observed=False)["drawn"].sum()
    assert 0 < drawn["matching"] <= have
    assert drawn["unanswered"] == 0
    assert str(caught.value) == (
        f"the run was interrupted: to go on, verify again: {have:,} of 400 contacts have an answer"
    )


@pytest.fixture
def run(folder, start, make_orders):
    """Run a command in the folder, whose two files are submitted to a sandbox."""
    sandbox = start()
    make_orders(30).to_csv(folder / "a.csv", index=False)
    make_orders(20, start=30).to_csv(folder / "b.csv", index=False)
    env = {"INTERCOM_ACCESS_TOKEN": sandbox.access_token, "EVENTS_PANDAS_BASE_URL": sandbox.url}

    def run(*arguments, files=("a.csv", "b.csv"), **more):
        command, *options = arguments
        return CliRunner().invoke(app, [command, *files, "-m", "mapping.toml", *options], env={**env, **more})

    run.sandbox, run.folder = sandbox, folder
    return run


def test_command_proves_fixed_rejects_together_with_the_first_file(run):
    """A contact of both runs has further events in each: both files in one command prove all, and send none again."""
    pd.DataFrame({"who": ["1", "1"], "day": ["2024-01-31", "31 Janvier"]}).to_csv(run.folder / "c.csv", index=False)
    run("submit", "--results", "c-results.csv", "--rejects", "rejects.csv", files=["c.csv"])
    rejects = pd.read_csv(run.folder / "rejects.csv", dtype=str).assign(day="2024-02-01")
    rejects.to_csv(run.folder / "fixed.csv", index=False)
    run("submit", "--results", "fixed-results.csv", files=["fixed.csv"])

    alone = run("verify", "--results", "fixed-results.csv", files=["fixed.csv"])
    again = run("submit", "--results", "both.csv", files=["c.csv", "fixed.csv"])
    both = run("verify", "--results", "both.csv", files=["c.csv", "fixed.csv"])

    assert (alone.exit_code, both.exit_code) == (1, 0)
    assert alone.stdout.splitlines()[2] == (
        "if the other events are of earlier runs, submit the rows of all runs again in one command with their journal, "
        "which sends no event twice, and verify its results"
    )
    assert both.stdout.splitlines()[0] == "2 of 2 accepted events drawn at random, of 1 contact"
    assert (len(run.sandbox.events), run.sandbox.duplicates) == (2, 0)
    assert "2 already_submitted" in again.stdout


@pytest.mark.parametrize("results", ["results.csv", "results.parquet", "results/"])
def test_command_verifies_files_by_their_results(run, results):
    """Exit code 0 says that all events drawn match."""
    run("submit", "--results", results)

    ended = run("verify", "--results", results, "--sample", "40", "--seed", "1")

    assert ended.stdout.startswith(
        "40 of 50 accepted events drawn at random, of 40 contacts\n"
        "  40 matching         Intercom has as many, with the same first and last time\n"
        "none of the 40 events compared is missing, as far as counts show\n"
        "at 95% confidence, at most 2% of the accepted events may be missing (1 of 50)\n"
    )
    assert ended.exit_code == 0


def test_command_exits_with_1_when_events_are_missing(run):
    """The example names the file and the line, and the document has the same numbers."""
    run.sandbox.fail_next("lose")
    run("submit", "--results", "results.csv", "--concurrency", "1")
    options = ("verify", "--results", "results.csv", "--settle-seconds", "0")

    ended, document = run(*options), json.loads(run(*options, "--json").stdout)

    assert "differing: row 0 (a.csv line 2), 'placed-order': 1 accepted, 0 found\n" in ended.stdout
    assert (ended.exit_code, document["exit_code"]) == (1, 1)
    assert {name: document[name] for name in ("accepted", "drawn", "contacts", "compared", "missing")} == {
        "accepted": 50,
        "drawn": 50,
        "contacts": 50,
        "compared": 50,
        "missing": 1,
    }
    assert document["bound"] == {"confidence": 0.95, "events": 1, "of": 50, "share": 0.02}
    assert [(group["row"], group["place"]) for group in document["differing"]] == [(0, "row 0 (a.csv line 2)")]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            lambda folder: (folder / "b.csv").write_text("who,day\n00030,2024-01-31\n"),
            f"the files have 31 rows, and the results 50: {CHANGED} (if the run had --limit, give it here too)",
        ),
        (
            lambda folder: (folder / "b.csv").write_text((folder / "b.csv").read_text().replace("01-31", "01-30", 1)),
            f"row 30 (b.csv line 2) has another time than in the results, or no contact: {CHANGED}",
        ),
        (
            lambda folder: (folder / "results.csv").write_text("row,status\n0,accepted\n"),
            "results.csv: no column 'created_at': give what `submit --results` wrote",
        ),
        (
            lambda folder: (folder / "results.csv").write_text(
                (folder / "results.csv").read_text().replace(",2024-01-31", ",gestern", 1)
            ),
            (
                "results.csv: row 0 has the created_at 'gestern 00:00:00+00:00', which is not a time: write it as "
                "2024-01-31T12:00:00Z"
            ),
        ),
        (
            lambda folder: (folder / "results.csv").write_text(
                (folder / "results.csv").read_text().replace("\n1,", "\n,", 1)
            ),
            "results.csv: position 1 has the row '<NA>': expected a whole number, as submitting writes it",
        ),
        (
            lambda folder: (folder / "results.csv").write_text(
                (folder / "results.csv").read_text().replace("\n1,", "\n0,", 1)
            ),
            "results.csv: row 0 comes twice: give the results of one run",
        ),
        (
            lambda folder: (folder / "results.csv").unlink(),
            "results.csv: the results cannot be read: No such file or directory",
        ),
    ],
)
def test_command_exits_with_2_when_files_are_not_those_of_the_results(run, change, line):
    """Nothing is asked about rows that are not those of the run; the line says which."""
    run("submit", "--results", "results.csv")
    change(run.folder)

    ended = run("verify", "--results", "results.csv")

    assert (ended.stderr, ended.stdout, ended.exit_code) == (f"error: {line}\n", "", 2)


def test_command_says_that_files_have_other_names(run):
    """Files in another order have other names at the same rows, even if contact and time are alike."""
    run("submit", "--results", "results.csv", files=("a.csv",))
    (run.folder / "a.csv").rename(run.folder / "other.csv")

    ended = run("verify", "--results", "results.csv", files=("other.csv",))

    assert ended.stderr == (
        "error: row 0 of the results is of a.csv, and here of other.csv: give the files of the run, in its order\n"
    )


def test_command_exits_with_1_when_nothing_was_accepted(run):
    """Results without an accepted event prove nothing: wrong results must not pass."""
    run.sandbox.faults = Faults(statuses={422: 1.0})
    run("submit", "--results", "results.csv")

    ended = run("verify", "--results", "results.csv")

    assert (ended.stdout.splitlines()[0], ended.exit_code) == ("0 accepted events: nothing is proven", 1)


def test_command_takes_the_limit_of_the_run(run):
    """Results of the first rows are verified with the same limit."""
    run("submit", "--results", "results.csv", "--limit", "35")

    without, ended = (run("verify", "--results", "results.csv", *more) for more in ((), ("--limit", "35")))

    assert (without.exit_code, ended.exit_code) == (2, 0)
    assert ended.stdout.startswith("35 of 35 accepted events")


def test_command_exits_with_3_when_intercom_does_not_answer(run):
    """What is proven until then is printed before the error."""
    run("submit", "--results", "results.csv")
    run.sandbox.fail_next(400, path="/events")

    ended = run("verify", "--results", "results.csv")

    assert "  49 matching " in ended.stdout
    assert "   1 unanswered       Intercom did not say how many it has\n" in ended.stdout
    assert ended.stderr == (
        "error: Intercom refused the question for 1 contact (400 Bad Request, client_error: A fault made the sandbox "
        "answer 400): fix the cause, then verify again: 49 of 50 contacts have an answer\n"
    )
    assert ended.exit_code == 3


def test_command_exits_with_2_when_the_token_is_refused(run):
    """Nothing is printed that nobody asked Intercom for."""
    run("submit", "--results", "results.csv")

    ended = run("verify", "--results", "results.csv", INTERCOM_ACCESS_TOKEN="wrong")

    assert (ended.stdout, ended.exit_code) == ("", 2)
    assert ended.stderr.startswith("error: Intercom refused the access token (401 Unauthorized")
