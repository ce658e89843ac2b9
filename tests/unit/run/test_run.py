"""A run over frames: what is checked, sent and given back, and when. The client is a fake."""

import dataclasses
import gc
import json
import re
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pandas as pd
import pytest

from events_pandas import (
    AuthenticationError,
    Column,
    CredentialsError,
    EventMapping,
    InvalidRowsError,
    JournalError,
    MappingError,
    OutageError,
    RetryPolicy,
    SubmissionError,
    SubmissionInterrupted,
    intercom,
    iter_submit,
    runs,
    submit_events,
    suggest_mapping,
)
from events_pandas.deliver import TransportError
from events_pandas.deliver.journal import Journal

NOTHING_SENT = "the run was interrupted before the first event: nothing was sent, submit all rows again"
INVALID_DAY = {"day": ["2024-01-31", None, "2024-01-31"]}


@pytest.fixture
def lost():
    """A connection that was never made."""
    return TransportError("connection refused", may_have_arrived=False)


def test_submit_returns_a_result_for_each_row_on_the_callers_index(make_orders, mapping, fake_client):
    """Valid rows are sent, invalid rows are not, and all of them have a result."""
    client = fake_client()

    results = submit_events(make_orders(**INVALID_DAY).set_axis(list("cab")), mapping, client=client)

    assert results["status"].to_dict() == {"c": "accepted", "a": "invalid", "b": "accepted"}
    assert results["row"].tolist() == [0, 1, 2]
    assert client.contacts == ["00000", "00002"]


def test_submit_reports_the_facts_of_the_run(make_orders, mapping, fake_client, tmp_path):
    """The attributes of the results have the facts of the run."""
    client = fake_client({"00001": [500]})

    retry = RetryPolicy(base_seconds=0.001)
    results = submit_events(make_orders(), mapping, client=client, retry=retry, journal=tmp_path)

    facts = results.attrs["run"]
    assert pd.Timestamp(facts.pop("started_at")) <= pd.Timestamp(facts.pop("ended_at"))
    assert facts == {
        "workspace": {"id_code": "ab12cd34", "name": "Acme"},
        "region": "US",
        "limit": 1_000_000,
        "rate_share": 1.0,
        "requests": 4,
        "retries": 1,
        "contact_requests": 0,
        "keeps_journal": True,
        "journal": str(tmp_path / "ab12cd34.sqlite"),
        "journal_mode": "wal",
        "other_runs": [],
        "frame": {"first_row": 0, "rows": 3},
        "notes": [],
    }


def test_submit_reports_the_notes_of_all_frames(make_orders, fake_client):
    """Each kind of doubtful value that was sent has one note in the facts of the run."""
    mapping = EventMapping(event_name="placed-order", created_at="day", user_id="who")

    *_, last = iter_submit([make_orders(1), make_orders(2, start=1)], mapping, client=fake_client())

    (note,) = last.attrs["run"]["notes"]
    assert (note["code"], note["rows"], note["first_row"]) == ("naive_time", 3, 0)
    assert note["message"].startswith("created_at: '2024-01-31' in column 'day' has no time zone and is taken as UTC")


def test_submit_knows_no_workspace_without_a_preflight(make_orders, mapping, fake_client):
    """Only GET /me names the workspace of a token."""
    results = submit_events(make_orders(1), mapping, client=fake_client(), preflight=False, journal=None)

    assert results.attrs["run"]["workspace"] is None
    assert results.attrs["run"]["region"] is None


def test_submit_sends_nothing_when_invalid_rows_are_to_raise(make_orders, mapping, fake_client):
    """on_invalid="raise" stops before the first request, the preflight included."""
    client = fake_client()

    with pytest.raises(InvalidRowsError) as caught:
        submit_events(make_orders(**INVALID_DAY), mapping, client=client, on_invalid="raise")

    assert caught.value.problems[["row", "code"]].to_numpy().tolist() == [[1, "created_at_missing"]]
    assert str(caught.value) == (
        "1 row is invalid, and none of the rows checked was sent: it is row 1 (created_at, created_at_missing); "
        "see .problems, one line per finding"
    )
    assert (client.me_requests, client.events) == (0, [])


def test_submit_goes_on_when_invalid_rows_are_to_raise_and_there_are_none(make_orders, mapping, fake_client):
    """on_invalid="raise" changes nothing for good rows."""
    results = submit_events(make_orders(), mapping, client=fake_client(), on_invalid="raise")

    assert results["status"].tolist() == ["accepted"] * 3


@pytest.mark.parametrize("chunksize", [1, 2, 3, 100])
def test_submit_gives_the_same_results_for_every_chunksize(make_orders, mapping, fake_client, chunksize):
    """The chunksize bounds memory, and changes no result."""
    orders = make_orders(7)
    orders.loc[6, "who"] = "00001"
    orders.loc[3, "day"] = None
    client = fake_client({"00005": [422]})

    results = submit_events(orders, mapping, client=client, chunksize=chunksize)

    assert results["status"].tolist() == [
        *("accepted", "accepted", "accepted", "invalid", "accepted", "rejected", "duplicate")
    ]


def test_submit_makes_payloads_once_for_every_attempt(make_orders, mapping, fake_client):
    """Each attempt sends the bytes of the first one."""
    client = fake_client({"00000": [500, 503, 408]})

    submit_events(make_orders(1), mapping, client=client, retry=RetryPolicy(base_seconds=0.001))

    event = {"event_name": "placed-order", "created_at": 1706659200, "user_id": "00000"}
    assert client.events == [event] * 4


def test_submit_raises_with_every_row_when_the_token_is_refused(make_orders, mapping, fake_client):
    """A refused token ends the run before its first event; invalid rows are still reported as invalid."""
    client = fake_client(me=401)

    with pytest.raises(AuthenticationError) as caught:
        submit_events(make_orders(**INVALID_DAY), mapping, client=client)

    assert caught.value.results["status"].tolist() == ["not_submitted", "invalid", "not_submitted"]
    assert caught.value.results["error_code"].tolist() == ["unauthorized", "created_at_missing", "unauthorized"]
    assert caught.value.results.attrs["run"]["requests"] == 0
    assert client.events == []


def test_submit_keeps_the_callers_index_when_the_run_ends_early(make_orders, mapping, fake_client):
    """An index of objects stays one, also in the results of an exception."""
    index = pd.Index(["a", "b"], dtype=object, name="label")

    with pytest.raises(AuthenticationError) as caught:
        submit_events(make_orders(2).set_axis(index), mapping, client=fake_client(me=401))

    pd.testing.assert_index_equal(caught.value.results.index, index)


def test_submit_keeps_what_was_accepted_when_the_token_is_refused_on_the_way(make_orders, mapping, fake_client):
    """A 401 stops the run; the results have the rows accepted before it."""
    client = fake_client({"00002": [401]})

    with pytest.raises(AuthenticationError) as caught:
        submit_events(make_orders(6), mapping, client=client, concurrency=1, chunksize=2)

    assert caught.value.results["status"].tolist() == ["accepted"] * 2 + ["not_submitted"] * 4
    assert client.contacts == ["00000", "00001", "00002"]


def test_submit_raises_with_every_row_when_there_is_an_outage(make_orders, mapping, fake_client, lost):
    """When everything fails for longer than `patience_seconds`, nothing more is sent."""
    client = fake_client({f"{row:05d}": [lost] * 9 for row in range(2, 60)}, me=lost)

    with pytest.raises(OutageError) as caught:
        submit_events(
            *(make_orders(60), mapping),
            client=client,
            preflight=False,
            journal=None,
            concurrency=1,
            retry=RetryPolicy(attempts=1),
            patience_seconds=0,
        )

    results = caught.value.results
    assert results["status"].tolist() == ["accepted"] * 2 + ["not_submitted"] * 58
    assert results.loc[59, "error_code"] == "outage"


def test_submit_marks_repeats_of_rows_that_did_not_arrive(make_orders, mapping, fake_client):
    """The repeat of a refused row is not a duplicate: nothing arrived."""
    orders = make_orders(3)
    orders["who"] = "00000"

    results = submit_events(orders, mapping, client=fake_client({"00000": [422]}))

    assert results["status"].tolist() == ["rejected", "not_submitted", "not_submitted"]
    assert results["error_code"].tolist()[1:] == ["duplicate_of_unsent"] * 2


def test_submit_parks_the_other_rows_of_an_unknown_contact(make_orders, mapping, fake_client):
    """After a 404 no further request is made for the contact."""
    orders = make_orders(3)
    orders["who"] = "00000"
    orders["day"] = ["2024-01-01", "2024-01-02", "2024-01-03"]
    client = fake_client({"00000": [404]})

    results = submit_events(orders, mapping, client=client, concurrency=1)

    assert results["status"].tolist() == ["unknown_contact"] * 3
    assert results["attempts"].tolist() == [1, 0, 0]
    assert len(client.events) == 1


def test_submit_takes_an_interrupt_from_any_place(make_orders, mapping, fake_client):
    """Ctrl-C returns the results, with the rows accepted before it."""
    client = fake_client({"00002": [KeyboardInterrupt()]})

    with pytest.raises(SubmissionInterrupted) as caught:
        submit_events(make_orders(4), mapping, client=client, concurrency=1)

    results = caught.value.results
    assert results["status"].tolist()[:2] == ["accepted", "accepted"]
    assert len(results) == 4
    assert results.loc[3, "error_code"] == "interrupted"


def test_submit_keeps_what_was_accepted_when_it_is_interrupted_twice(make_orders, mapping, fake_client, ctrl_c):
    """A second Ctrl-C does not wait; answers so far are kept, and requests under way may have arrived."""
    released = threading.Event()
    client = fake_client(
        {
            "00003": [lambda: released.wait(10) and 202],
            "00004": [lambda: ctrl_c() or ctrl_c() or (released.wait(10) and 202)],
        }
    )

    with pytest.raises(SubmissionInterrupted) as caught:
        submit_events(make_orders(8), mapping, client=client, concurrency=2)
    released.set()

    results = caught.value.results
    assert results["status"].tolist() == ["accepted"] * 3 + ["failed"] * 2 + ["not_submitted"] * 3
    assert results["attempts"].tolist() == [1] * 5 + [0] * 3
    assert results["error_code"].tolist()[3:] == ["no_answer"] * 2 + ["interrupted"] * 3


def test_submit_gives_results_back_when_the_preflight_is_interrupted(make_orders, mapping, fake_client):
    """Ctrl-C before the first event gives every row as not submitted."""
    client = fake_client(me=KeyboardInterrupt())

    with pytest.raises(SubmissionInterrupted) as caught:
        submit_events(make_orders(2), mapping, client=client)

    assert caught.value.results["error_code"].tolist() == ["interrupted"] * 2
    assert str(caught.value) == NOTHING_SENT


def test_iter_submit_yields_a_frame_of_results_for_each_frame(make_orders, mapping, fake_client):
    """Results come in order, on each frame's index; rows are counted over all frames, duplicates found across them."""
    frames = [make_orders(2).set_axis(["a", "b"]), make_orders(0), make_orders(2, start=1)]

    parts = list(iter_submit(frames, mapping, client=fake_client()))

    assert [part["row"].tolist() for part in parts] == [[0, 1], [], [2, 3]]
    assert [part["status"].tolist() for part in parts] == [["accepted"] * 2, [], ["duplicate", "accepted"]]
    assert parts[0].index.tolist() == ["a", "b"]


def test_iter_submit_yields_nothing_without_frames(mapping, fake_client):
    """An empty stream makes no request."""
    client = fake_client()

    assert list(iter_submit([], mapping, client=client)) == []
    assert client.me_requests == 0


def test_iter_submit_refuses_wrong_options_at_once(mapping):
    """An unknown option is reported when the stream is made, not when it is read."""
    with pytest.raises(TypeError, match=r"no option 'chunk': did you mean 'chunksize'\?"):
        iter_submit([], mapping, chunk=5)


def test_iter_submit_leaves_no_thread_when_it_is_closed(make_orders, mapping, fake_client):
    """Closing the iterator early ends its threads and sends nothing more."""
    before, read = set(threading.enumerate()), []
    client = fake_client()
    frames = (read.append(number) or make_orders(2, start=2 * number) for number in range(9))
    results = iter_submit(frames, mapping, client=client)

    next(results)
    results.close()
    sent, read_before = len(client.events), list(read)

    assert set(threading.enumerate()) <= before
    assert list(results) == []
    assert (len(client.events), read) == (sent, read_before)


def test_iter_submit_raises_an_error_of_the_frames_after_earlier_results(make_orders, mapping, fake_client):
    """Frames that were read before the error are submitted and yielded."""

    def frames():
        yield make_orders(2)
        raise OSError("the disk is gone")

    results = iter_submit(frames(), mapping, client=fake_client())

    assert next(results)["status"].tolist() == ["accepted"] * 2
    with pytest.raises(OSError, match="the disk is gone"):
        next(results)


def test_iter_submit_raises_a_fault_of_the_first_frame_before_any_request(make_orders, mapping, fake_client):
    """A mapping that does not fit is reported before anything is sent."""
    client = fake_client()

    with pytest.raises(MappingError, match=r"created_at: no column 'day'"):
        next(iter_submit([make_orders().drop(columns="day")], mapping, client=client))

    assert (client.me_requests, client.events) == (0, [])


def test_iter_submit_gives_the_rows_not_yet_yielded_when_the_run_stops(make_orders, mapping, fake_client):
    """The exception has the rows of open frames, in order; frames that were never read stay unread."""
    read = []
    frames = (read.append(number) or make_orders(2, start=2 * number) for number in range(9))
    results = iter_submit(frames, mapping, client=fake_client({"00002": [401]}), concurrency=1, journal=None)

    first = next(results)
    with pytest.raises(AuthenticationError) as caught:
        list(results)

    assert first["row"].tolist() == [0, 1]
    rest = caught.value.results
    assert rest["row"].tolist() == list(range(2, 2 * len(read)))
    assert set(rest["status"]) == {"not_submitted"}
    assert len(read) < 5


def test_iter_submit_holds_the_type_of_a_bare_column_across_frames(make_orders, fake_client):
    """The first frame with a value decides the type; a later value that does not fit is a problem."""
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"x": "x"}, timezone="UTC")
    frames = [make_orders(1, x=[None]), make_orders(1, start=1, x=[1.5]), make_orders(2, start=2, x=["2", "two"])]
    client = fake_client()

    parts = list(iter_submit(frames, mapping, client=client))

    assert [event.get("metadata") for event in sorted(client.events, key=lambda event: event["user_id"])] == [
        *(None, {"x": 1.5}, {"x": 2})
    ]
    assert parts[2]["error_code"].fillna("").tolist() == ["", "number_unreadable"]


def test_iter_submit_checks_each_frame_before_its_first_request(make_orders, mapping, fake_client):
    """on_invalid="raise" stops a stream at the first frame with invalid rows, after the results before it."""
    client = fake_client()
    results = iter_submit(
        [make_orders(3), make_orders(3, start=3, **INVALID_DAY)], mapping, client=client, on_invalid="raise"
    )

    assert next(results)["status"].tolist() == ["accepted"] * 3
    with pytest.raises(InvalidRowsError, match=r"no row from row 3 on was sent: it is row 4 \(created_at,") as caught:
        next(results)
    assert client.contacts == ["00000", "00001", "00002"]
    # As results count rows: over all frames.
    assert caught.value.problems["row"].tolist() == [4]


def test_progress_counts_rows_that_are_not_sent_too(make_orders, mapping, fake_client, capsys):
    """At the end of a frame the progress has all its rows."""
    submit_events(make_orders(**INVALID_DAY), mapping, client=fake_client(), progress=True)

    assert re.search(r"submitting: 3 of 3 \(100%\) after \d+ s: 2 accepted", capsys.readouterr().err)


def test_iter_submit_is_interrupted_without_rows_when_no_frame_is_open(make_orders, mapping, fake_client):
    """After Ctrl-C while the next frame is awaited, earlier results are yielded and the exception has no row."""

    def frames():
        yield make_orders(1, day=[None])
        raise KeyboardInterrupt

    results = iter_submit(frames(), mapping, client=fake_client())
    first = next(results)
    with pytest.raises(SubmissionInterrupted) as caught:
        next(results)

    assert first["status"].tolist() == ["invalid"]
    assert len(caught.value.results) == 0
    pd.testing.assert_series_equal(caught.value.results.dtypes, first.dtypes)


def test_what_ends_a_program_has_the_results_of_a_stream(make_orders, mapping, fake_client):
    """A source that exits, or a task that is cancelled, stays what it is: results that were not yielded are with it."""

    def frames():
        yield make_orders(2)
        yield make_orders(3, start=2)
        raise SystemExit(3)

    client, parts = fake_client(), []
    with pytest.raises(SystemExit, match="3") as caught:
        parts.extend(iter_submit(frames(), mapping, client=client))

    rows = pd.concat([*parts, caught.value.results])
    assert (rows["status"] == "accepted").sum() == len(client.events)
    assert rows["row"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "submit", [submit_events, lambda frame, *rest, **options: iter_submit([frame], *rest, **options)]
)
def test_submit_refuses_what_is_not_a_mapping(submit, make_orders, fake_client):
    """The message says how to make one."""
    with pytest.raises(TypeError, match=r"^mapping: expected an EventMapping, got a str: make one or read one with "):
        submit(make_orders(), "mapping.toml", client=fake_client())


def test_submit_refuses_the_placeholder_of_a_proposal(make_orders, fake_client):
    """An event without a real name is not submitted: it cannot be taken back."""
    client = fake_client()
    mapping = EventMapping(event_name="replace-me", created_at="day", user_id="who")

    with pytest.raises(MappingError) as raised:
        submit_events(make_orders(), mapping, client=client)

    assert raised.value.faults == (
        "event_name: 'replace-me' is the placeholder of a proposal: name what happened, such as 'placed-order'",
    )
    assert client.events == []


GUESSES = (
    "event_name: 'ordered' is a guess: name what happened, such as 'placed-order'",
    "timezone: times without a zone are taken as UTC, which is a guess: set timezone to 'Europe/Berlin' or the like",
    (
        "unconfirmed: nothing is submitted until these guesses are confirmed: correct what is wrong, and take what you "
        "have read out of unconfirmed"
    ),
)


def test_submit_refuses_the_guesses_of_a_proposal(make_orders, fake_client):
    """Every unconfirmed guess is listed, before any request and before the rows are read."""
    client = fake_client()
    orders = make_orders().rename(columns={"who": "customer_id", "day": "ordered_at"})
    proposed = suggest_mapping(orders)

    with pytest.raises(MappingError) as of_frame:
        submit_events(orders, proposed, client=client)
    with pytest.raises(MappingError) as of_stream:
        next(iter_submit(iter(lambda: pytest.fail("a frame was read"), None), proposed, client=client))

    assert of_frame.value.faults == of_stream.value.faults == GUESSES
    assert str(of_frame.value) == "\n  ".join(["the mapping has 3 faults:", *GUESSES])
    assert (client.events, client.me_requests) == ([], 0)


@pytest.mark.parametrize(
    "confirmed",
    [{"event_name": "placed-order", "timezone": "UTC"}, {"unconfirmed": ()}, {"timezone": "UTC", "unconfirmed": []}],
)
def test_submit_takes_a_proposal_whose_guesses_are_confirmed(make_orders, fake_client, confirmed):
    """A guess is confirmed by another value, or by removing it from the list."""
    client = fake_client()
    orders = make_orders().rename(columns={"who": "customer_id", "day": "ordered_at"})

    results = submit_events(orders, dataclasses.replace(suggest_mapping(orders), **confirmed), client=client)

    assert results["status"].tolist() == ["accepted"] * 3


def test_stream_notes_what_shows_only_across_its_frames(make_orders, fake_client):
    """Spellings of a name in two frames give the note that they give in one."""
    mapping = EventMapping(event_name=Column("name"), created_at="day", user_id="who", timezone="UTC")
    frames = [make_orders(1).assign(name="A"), make_orders(1, start=1).assign(name="a")]

    *_, last = iter_submit(frames, mapping, client=fake_client())

    (note,) = last.attrs["run"]["notes"]
    assert (note["code"], note["first_row"]) == ("event_name_spellings", 1)


class Spoilsport:
    """A progress function that raises at one of its calls."""

    def __init__(self, *, call, error):
        self._left = call
        self._error = error

    def __call__(self, _):
        self._left -= 1
        if self._left == 0:
            raise self._error


def ended(progress):
    """Raise at the last call."""
    if progress.is_final:
        raise ValueError("the display is gone")


def test_submit_keeps_the_results_when_the_progress_fails(make_orders, mapping, fake_client):
    """An error of the progress function ends the run, and the answers so far are kept."""
    client = fake_client({f"{row:05d}": [lambda: time.sleep(0.02) or 202] for row in range(40)})
    fault = ValueError("the display is gone")

    with pytest.raises(SubmissionError) as caught:
        submit_events(
            *(make_orders(40), mapping), client=client, concurrency=2, progress=Spoilsport(call=3, error=fault)
        )

    results = caught.value.results
    accepted = (results["status"] == "accepted").sum()
    assert caught.value.__cause__ is fault
    assert str(caught.value) == (
        "a ValueError, the cause of this error, ended the run: to go on, "
        "submit all rows again; the journal skips the accepted ones, "
        "and without a journal Intercom ignores repeats"
    )
    assert 0 < accepted < 40
    assert len(client.events) == accepted
    assert set(results.loc[results["status"] != "accepted", "error_code"]) == {"ended_by_error"}


def test_submit_ends_in_another_thread_when_the_progress_interrupts(make_orders, mapping, fake_client):
    """Ctrl-C reaches the main thread only; elsewhere the progress function ends the run."""
    client = fake_client({f"{row:05d}": [lambda: time.sleep(0.02) or 202] for row in range(40)})

    with ThreadPoolExecutor(1) as elsewhere:
        run = elsewhere.submit(
            *(submit_events, make_orders(40), mapping),
            client=client,
            concurrency=2,
            progress=Spoilsport(call=3, error=KeyboardInterrupt()),
        )

    stopped = run.exception()
    assert type(stopped) is SubmissionInterrupted
    assert stopped.results["status"].eq("accepted").sum() == len(client.events)
    assert 0 < len(client.events) < 40


@pytest.mark.parametrize("index", [["a", "b", "c"], [0, "b", None]])
def test_submit_has_all_results_when_the_progress_fails_at_its_end(make_orders, mapping, fake_client, index):
    """The last call comes after the last row: its error has every result, on the caller's index."""
    orders = make_orders(3).set_axis(pd.Index(index, dtype=object))

    with pytest.raises(SubmissionError) as caught:
        submit_events(orders, mapping, client=fake_client(), progress=ended)

    assert caught.value.results["status"].tolist() == ["accepted"] * 3
    pd.testing.assert_index_equal(caught.value.results.index, orders.index)
    assert isinstance(caught.value.__cause__, ValueError)


def test_submit_raises_what_the_progress_raises_before_the_first_request(make_orders, mapping, fake_client):
    """Before the first request an error of the progress function reaches the caller as it is."""
    client = fake_client()

    with pytest.raises(ValueError, match="the display is gone"):
        submit_events(
            *(make_orders(3), mapping),
            client=client,
            progress=Spoilsport(call=1, error=ValueError("the display is gone")),
        )

    assert (client.me_requests, client.events) == (0, [])


@pytest.mark.parametrize("is_due", [lambda seen: seen.rows > 9, lambda seen: seen.is_final], ids=["midway", "end"])
def test_submit_keeps_the_results_when_the_progress_interrupts(make_orders, mapping, fake_client, is_due):
    """A KeyboardInterrupt of the progress function ends the run, and the function is not called again."""
    client = fake_client({f"{row:05d}": [lambda: time.sleep(0.02) or 202] for row in range(60)})
    calls = []

    def stop(seen):
        calls.append(is_due(seen))
        if calls[-1]:
            raise KeyboardInterrupt

    with pytest.raises(SubmissionInterrupted) as caught:
        submit_events(make_orders(60), mapping, client=client, concurrency=2, progress=stop)

    results = caught.value.results
    assert results["row"].tolist() == list(range(60))
    assert set(results["status"]) <= {"accepted", "not_submitted"}
    assert (results["status"] == "accepted").sum() == len(client.events) >= 9
    assert calls.index(True) == len(calls) - 1


def test_submit_gives_every_row_back_when_the_progress_interrupts_at_its_first_call(make_orders, mapping, fake_client):
    """An interrupt after the client is opened has results; nothing was sent."""
    client = fake_client()

    with pytest.raises(SubmissionInterrupted) as caught:
        submit_events(*(make_orders(3), mapping), client=client, progress=Spoilsport(call=1, error=KeyboardInterrupt()))

    assert caught.value.results["error_code"].tolist() == ["interrupted"] * 3
    assert str(caught.value) == NOTHING_SENT
    assert (client.me_requests, client.events) == (0, [])


def test_submit_is_a_plain_interrupt_while_rows_are_read(make_orders, fake_client):
    """Before a frame is checked its rows have no results, and nothing was sent."""
    client = fake_client()

    def interrupted(_):
        raise KeyboardInterrupt

    mapping = EventMapping(event_name="a", created_at="day", user_id=interrupted, timezone="UTC")
    with pytest.raises(KeyboardInterrupt) as caught:
        submit_events(make_orders(3), mapping, client=client)

    assert type(caught.value) is KeyboardInterrupt
    assert (client.me_requests, client.events) == (0, [])


def test_submit_keeps_the_results_when_a_client_fails(make_orders, mapping, fake_client):
    """An unexpected error of the client ends the run; the answers before it are kept."""
    client = fake_client({"00003": [RuntimeError("a bug")]})

    with pytest.raises(SubmissionError) as caught:
        submit_events(make_orders(6), mapping, client=client, concurrency=1)

    results = caught.value.results
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert results["status"].tolist()[:3] == ["accepted"] * 3
    assert set(results["error_code"][4:]) == {"ended_by_error"}


def test_submit_uses_its_share_of_the_rate_limit(make_orders, mapping, fake_client):
    """Of a limit of 100 requests the run has 60, as a progress function sees once the limit decides the pace."""
    headers = {intercom.LIMIT_HEADER: "100", intercom.REMAINING_HEADER: "99", intercom.RESET_HEADER: "9999999999"}

    class LimitedClient(fake_client):
        def post_event(self, payload):
            return dataclasses.replace(super().post_event(payload), headers=headers)

    def stop(progress):
        if progress.window is not None:
            limits.append(progress.window.limit)
            raise KeyboardInterrupt

    limits = []
    with pytest.raises(SubmissionInterrupted) as caught:
        submit_events(make_orders(500), mapping, client=LimitedClient(), rate_share=0.6, progress=stop)

    assert limits == [60]
    assert caught.value.results.attrs["run"]["rate_share"] == 0.6


def test_canary_is_sent_first_and_once(make_orders, mapping, fake_client):
    """The rows of the canary come before all others, which do not repeat them."""
    client = fake_client()

    results = submit_events(make_orders(9), mapping, client=client, canary=3, concurrency=1, chunksize=2)

    sent = [event["user_id"] for event in client.events]
    assert sent == ["00000", "00003", "00007", "00001", "00002", "00004", "00005", "00006", "00008"]
    assert results["status"].tolist() == ["accepted"] * 9


def test_canary_that_fails_leaves_all_other_rows(make_orders, mapping, fake_client):
    """One rejected row of the canary ends the run: a plain SubmissionError, with a result for every row."""
    client = fake_client({"00002": [422]})

    with pytest.raises(SubmissionError) as caught:
        submit_events(make_orders(9, day=[*["2024-01-31"] * 8, None]), mapping, client=client, canary=3)

    results = caught.value.results
    assert type(caught.value) is SubmissionError
    assert client.contacts == ["00000", "00002", "00006"]
    assert results["status"].value_counts()[["accepted", "rejected", "invalid", "not_submitted"]].tolist() == [
        2,
        1,
        1,
        5,
    ]
    assert set(results.loc[results["status"] == "not_submitted", "error_code"]) == {"canary_failed"}


def test_canary_is_not_sent_when_the_token_is_refused(make_orders, mapping, fake_client):
    """The preflight comes before the canary."""
    client = fake_client(me=401)

    with pytest.raises(AuthenticationError):
        submit_events(make_orders(9), mapping, client=client, canary=3)

    assert client.events == []


def test_canary_gives_results_back_when_it_is_interrupted(make_orders, mapping, fake_client):
    """Ctrl-C during the canary ends the run as at any other time."""
    client = fake_client({"00003": [KeyboardInterrupt()]})

    with pytest.raises(SubmissionInterrupted) as caught:
        submit_events(make_orders(9), mapping, client=client, canary=3, concurrency=1)

    assert caught.value.results.loc[0, "status"] == "accepted"
    assert len(caught.value.results) == 9


def test_run_whose_rows_fail_in_bulk_ends(make_orders, mapping, fake_client):
    """Beyond the failure rate nothing more is sent: a plain SubmissionError, with a result for every row."""
    client = fake_client({f"{row:05d}": [422] for row in range(0, 1000, 2)})

    with pytest.raises(SubmissionError) as caught:
        submit_events(make_orders(1000), mapping, client=client, max_failure_rate=0.3, concurrency=1)

    results = caught.value.results
    assert type(caught.value) is SubmissionError
    assert 100 <= len(client.events) < 200
    assert results.loc[999, "error_code"] == "too_many_failures"


# Run again


def test_submit_sends_only_what_is_missing_when_it_is_run_again(make_orders, mapping, fake_client):
    """Accepted events are recognised by their content; other rows are sent again."""
    client = fake_client({"00001": [404], "00002": [422]})
    submit_events(make_orders(4), mapping, client=client)

    again = submit_events(make_orders(5).iloc[::-1], mapping, client=client)

    assert again["status"].tolist() == [
        "accepted",
        "already_submitted",
        "accepted",
        "accepted",
        "already_submitted",
    ]
    assert sorted(client.contacts) == ["00000", "00001", "00001", "00002", "00002", "00003", "00004"]
    assert again["attempts"].tolist() == [1, 0, 1, 1, 0]


def test_submit_sends_everything_again_when_that_is_asked_for(make_orders, mapping, fake_client):
    """With resubmit=True the journal is written, but not read."""
    client = fake_client()
    for _ in range(2):
        submit_events(make_orders(2), mapping, client=client, resubmit=True)

    again = submit_events(make_orders(2), mapping, client=client)

    assert len(client.events) == 4
    assert set(again["status"]) == {"already_submitted"}


def test_submit_finds_what_a_stream_submitted(make_orders, mapping, fake_client):
    """A frame, a stream and a file are the same rows to the journal."""
    client = fake_client()
    list(iter_submit([make_orders(2), make_orders(1, start=2)], mapping, client=client))

    again = submit_events(make_orders(3), mapping, client=client)

    assert set(again["status"]) == {"already_submitted"}
    assert again["submitted_at"].notna().all()


def test_submit_says_that_a_journal_cannot_be_used_before_the_first_event(make_orders, mapping, fake_client, tmp_path):
    """A file that is not a journal stays as it is."""
    path = tmp_path / "journal.sqlite"
    path.write_text("no journal, but notes of somebody's")
    client = fake_client()

    with pytest.raises(JournalError, match=r"this file is not a journal"):
        submit_events(make_orders(), mapping, client=client, journal=path)

    assert (client.me_requests, client.events) == (1, [])
    assert path.read_text() == "no journal, but notes of somebody's"


def test_submit_refuses_the_token_of_another_workspace(make_orders, mapping, fake_client):
    """With `workspace=` a token of another workspace is refused."""
    client = fake_client()

    with pytest.raises(CredentialsError, match=r"the access token belongs to 'ab12cd34', not to 'production'"):
        submit_events(make_orders(), mapping, client=client, workspace="production", journal=None)

    assert client.events == []


def test_submit_reports_rows_of_earlier_runs_also_when_it_is_interrupted(make_orders, mapping, fake_client):
    """Rows of earlier runs are not mixed up with rows that were not sent."""
    client = fake_client()
    submit_events(make_orders(2), mapping, client=client)

    with pytest.raises(SubmissionInterrupted) as caught:
        submit_events(
            make_orders(6),
            mapping,
            client=fake_client({"00002": [KeyboardInterrupt()]}),
            concurrency=1,
        )

    assert caught.value.results["status"].tolist()[:2] == ["already_submitted"] * 2
    assert caught.value.results["status"].tolist()[-1] == "not_submitted"


@pytest.mark.parametrize("name", ["find", "occupied"])
def test_submit_gives_every_row_back_when_the_journal_fails_on_the_way(
    name, make_orders, mapping, fake_client, monkeypatch
):
    """If a page is damaged or a lock stays, rows that were not looked up are not submitted."""
    asked = getattr(Journal, name)
    calls = []

    def failing(journal, words):
        calls.append(words.shape[1])
        if len(calls) > 1:
            raise JournalError(journal.path, problem="the journal is damaged", remedy="move it away")
        return asked(journal, words)

    # A page cannot be damaged at a chosen look-up.
    monkeypatch.setattr(Journal, name, failing)
    frames = [make_orders(2, start=start) for start in (0, 2)]
    parts = []

    with pytest.raises(SubmissionError) as caught:
        parts.extend(iter_submit(frames, mapping, client=fake_client(), progress=False))

    rows = [row for part in [*parts, caught.value.results] for row in part["row"]]
    assert rows == [0, 1, 2, 3]
    assert caught.value.results["error_code"].tolist()[-2:] == ["journal_failed"] * 2
    assert isinstance(caught.value.__cause__, JournalError)
    assert runs()["outcome"].tolist() == ["journal"]


def test_history_counts_each_row_once_when_the_reader_interrupts(make_orders, mapping, fake_client):
    """A row that was on its way is in the exception, and counts once."""
    stream = iter_submit([make_orders(2), make_orders(1, start=2)], mapping, client=fake_client(), progress=False)

    next(stream)
    with pytest.raises(SubmissionInterrupted):
        stream.throw(KeyboardInterrupt())

    assert runs()["rows"].tolist() == [3]


def test_history_counts_what_was_read_when_a_reader_leaves(make_orders, mapping, fake_client):
    """A closed stream counts all rows that it has read: events that were under way may be in Intercom."""
    stream = iter_submit([make_orders(2), make_orders(1, start=2)], mapping, client=fake_client(), progress=False)

    next(stream)
    stream.close()

    (run,) = runs(details=True)[["outcome", "rows", "accepted", "not_submitted"]].to_numpy().tolist()
    outcome, rows, accepted, not_submitted = run
    assert (outcome, rows) == ("closed", 3)
    assert accepted >= 2
    assert accepted + not_submitted == 3


@pytest.mark.parametrize("me", [200, 401])
def test_rows_are_freed_with_the_run(make_orders, mapping, fake_client, me):
    """No cycle holds the rows of a run, so that they do not wait for the collector."""
    orders = make_orders(3)
    rows = weakref.ref(orders)

    gc.disable()
    try:
        with suppress(AuthenticationError):
            submit_events(orders, mapping, client=fake_client(me=me), journal=None)
        del orders
        is_freed = rows() is None
    finally:
        gc.enable()

    assert is_freed


class SentContacts:
    """A client that keeps the fields that name contacts."""

    def __init__(self, client):
        self.sent = []
        self._client = client

    def me(self):
        return self._client.me()

    def post_event(self, payload):
        event = json.loads(payload)
        self.sent += [(name, event[name]) for name in ("user_id", "id", "email") if name in event]
        return self._client.post_event(json.dumps({**event, "user_id": "x"}).encode())


@pytest.fixture
def contacts_mapping():
    """A mapping that tries three fields for the contact."""
    return EventMapping(event_name="a", created_at="day", user_id="who", id="key", email="address", timezone="UTC")


def test_results_have_the_field_and_the_text_of_each_contact_on_request(contacts_mapping, fake_client):
    """The text is the one that is sent, also for rows that are not sent."""
    frame = pd.DataFrame(
        {
            "who": [42.0, None, None, 7.0, None],
            "key": [None, "k-1", None, None, None],
            "address": [None, "b@example.org", "Ada@example.org", None, None],
            "day": ["2024-01-31", "2024-01-31", "never", "never", "2024-01-31"],
        },
        index=list("abcde"),
    )
    client = SentContacts(fake_client())

    results = submit_events(frame, contacts_mapping, client=client, include_identifier=True)

    found = results[["identifier", "contact"]].astype(object).where(results[["identifier", "contact"]].notna(), None)
    assert found.to_numpy().tolist() == [
        ["user_id", "42"],
        ["id", "k-1"],
        ["email", "Ada@example.org"],
        ["user_id", "7"],
        [None, None],
    ]
    assert results.index.tolist() == list("abcde")
    assert sorted(client.sent) == [("id", "k-1"), ("user_id", "42")]


def test_results_have_no_contact_unless_it_is_asked_for(make_orders, mapping, fake_client):
    """A contact is personal data."""
    results = submit_events(make_orders(), mapping, client=fake_client())

    assert {"identifier", "contact"}.isdisjoint(results.columns)


def test_results_of_every_frame_of_a_stream_have_contacts_on_request(make_orders, mapping, fake_client):
    """A frame without rows has the columns too."""
    frames = [make_orders(2), make_orders(0), make_orders(1, start=2)]

    parts = list(iter_submit(frames, mapping, client=fake_client(), include_identifier=True))

    assert [part["contact"].tolist() for part in parts] == [["00000", "00001"], [], ["00002"]]
    assert {str(part["contact"].dtype) for part in parts} == {"string"}


def test_results_of_a_run_that_ends_early_have_contacts_on_request(make_orders, mapping, fake_client):
    """Rows whose turn did not come have a contact too."""
    client = fake_client({"00000": [401]})

    with pytest.raises(AuthenticationError) as caught:
        submit_events(make_orders(), mapping, client=client, include_identifier=True, concurrency=1)

    assert caught.value.results["contact"].tolist() == ["00000", "00001", "00002"]


def test_contacts_of_results_are_in_no_journal_and_no_log(mapping, fake_client, tmp_path, caplog):
    """They are personal data: only the results have them."""
    caplog.set_level(0)
    orders = pd.DataFrame({"who": ["ada-lovelace"], "day": ["2024-01-31"]})

    results = submit_events(orders, mapping, client=fake_client(), journal=tmp_path, include_identifier=True)

    assert results["contact"].tolist() == ["ada-lovelace"]
    assert all(b"ada-lovelace" not in path.read_bytes() for path in tmp_path.iterdir())
    assert "ada-lovelace" not in caplog.text
    assert "ada-lovelace" not in str(results.attrs)
