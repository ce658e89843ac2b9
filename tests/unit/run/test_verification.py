"""Verification at its face: what is drawn, asked, compared and said; a client answers from a table."""

import io
import json
import threading

import pandas as pd
import pytest

from events_pandas import Column, CredentialsError, EventMapping, SubmissionError, submit_events, verify
from events_pandas.deliver import Answer
from events_pandas.results.accepted import accepted_events
from events_pandas.results.arrival import EventCount
from events_pandas.results.comparison import ContactSummary, verification_of
from events_pandas.run.verification import SubmittedFrame

NEXT_STEP = (
    "to send them again, submit frame.iloc[verification.differing_rows] with resubmit=True: "
    "Intercom ignores events that it has"
)
TOGETHER = (
    "if the other events are of earlier runs, submit the rows of all runs again in one frame with their journal, "
    "which sends no event twice, and verify its results"
)
COLUMNS = ["row", "status", "created_at", "submitted_at"]
DAY = 1_706_659_200  # 2024-01-31
WORKSPACE = {"type": "admin", "app": {"type": "app", "id_code": "ab12cd34", "name": "Acme", "region": "US"}}
OTHER_ROW = (
    "frame: its row {0} has another time than row {0} of the results, or no contact: give all rows that were "
    "submitted, and no others"
)
GONE = b'{"type":"error.list","errors":[{"code":"not_found","message":"User Not Found"}]}'


class Counts:
    """A client whose contacts have the counts of a table: by contact, the name with count, first and last."""

    def __init__(self, table=None, *, answers=None):
        self.table, self.answers = table or {}, answers or {}
        self.asked = []
        self._lock = threading.Lock()

    def me(self):
        return Answer(status=200, body=json.dumps(WORKSPACE).encode())

    def post_event(self, payload):
        raise AssertionError(f"no event is sent, and not {payload}")

    def event_summary(self, identifier, value):
        with self._lock:
            self.asked.append((identifier, value))
        if value in self.answers:
            return self.answers[value]
        events = [
            {"name": name, "count": count, "first": first, "last": last}
            for name, (count, first, last) in self.table.get(value, {}).items()
        ]
        return Answer(status=200, body=json.dumps({"type": "event.summary", "events": events}).encode())


@pytest.fixture
def submitted(fake_client):
    """Submit rows to a client that accepts them, an hour before now."""

    def submit(frame, mapping, *, scripts=None, **options):
        client = fake_client(scripts)
        results = submit_events(frame, mapping, client=client, journal=None, progress=False, **options)
        return results.assign(submitted_at=results["submitted_at"] - pd.Timedelta(hours=1))

    return submit


def iso(seconds):
    return pd.Timestamp(seconds, unit="s", tz="UTC").isoformat()


def one(count=1, first=DAY, last=DAY):
    return {"placed-order": (count, iso(first), iso(last))}


def statuses(found):
    return {status: count for status, count in found.counts.items() if count}


def test_verify_compares_each_contact_of_the_sample(make_orders, mapping, submitted):
    """One question is asked for each contact, and each status has its meaning."""
    orders = make_orders(8)
    table = {
        "00000": one(),
        "00001": one(2),
        "00002": {},
        "00003": {"other": (1, iso(DAY), iso(DAY))},
        "00004": one(last=DAY + 5, first=DAY + 5),
    }
    answers = {
        "00005": Answer(status=404, body=GONE),
        "00006": Answer(status=410),
        "00007": Answer(status=409),
    }
    client = Counts(table, answers=answers)

    found = verify(submitted(orders, mapping), orders, mapping, client=client, progress=False)

    assert found.groups["status"].tolist() == ["matching", "more", *["differing"] * 3, *["gone"] * 3]
    assert found.groups["found"].astype(object).tolist()[:5] == [1, 2, 0, 0, 1]
    assert found.groups["missing"].astype(object).tolist()[:5] == [0, 0, 1, 1, 1]
    assert found.groups["found"].isna().tolist() == [False] * 5 + [True] * 3
    assert sorted(client.asked) == [("user_id", f"{number:05d}") for number in range(8)]
    assert (found.accepted, found.drawn, found.contacts, found.compared, found.comparable) == (8, 8, 8, 4, 4)
    assert (found.missing, found.most_missing, found.bound, found.ok) == (3, 3, 0.75, False)


def test_verification_prints_what_is_proven(make_orders, mapping, submitted):
    """The text has what was drawn, the counts with their meaning, the bound and examples, and no contact."""
    orders = make_orders(60).set_axis([f"o{number}" for number in range(60)])
    table = {f"{number:05d}": one() for number in range(60)} | {
        "00001": {},
        "00002": one(3),
        "00004": one(first=DAY + 60, last=DAY + 60),
    }

    found = verify(submitted(orders, mapping), orders, mapping, client=Counts(table), sample=50, seed=3)

    assert (
        str(found)
        == repr(found)
        == (
            "50 of 60 accepted events drawn at random, of 50 contacts\n"
            "  47 matching         Intercom has as many, with the same first and last time\n"
            "   2 differing        Intercom lacks some of them\n"
            "   1 more             Intercom has, or may have, other events too: a loss could hide behind them\n"
            f"{TOGETHER}\n"
            "1 event proves nothing: the following is about events like the other 49\n"
            "at least 2 events are missing, of the contacts that were drawn\n"
            f"{NEXT_STEP}\n"
            "at 95% confidence, at most 12.3% of such events may be missing\n"
            "differing: row 1, 'placed-order': 1 accepted, 0 found\n"
            "differing: row 4, 'placed-order': 1 accepted, 1 found, "
            "the first at 2024-01-31 00:01:00 instead of 2024-01-31 00:00:00 UTC, "
            "the last at 2024-01-31 00:01:00 instead of 2024-01-31 00:00:00 UTC\n"
            "workspace: 'Acme', id ab12cd34, region US"
        )
    )
    html = found._repr_html_()
    assert "<strong>50 of 60 accepted events drawn at random, of 50 contacts</strong>" in html
    assert '">2</td><th scope="row" style="text-align: left; vertical-align: top">differing</th>' in html
    assert all(line.strip().split("  ")[0].replace("'", "&#x27;") in html for line in str(found).splitlines()[4:])
    assert "00001" not in str(found) + html


@pytest.mark.parametrize(
    ("table", "lines"),
    [
        ({"00000": one(), "00001": one()}, ["none of the 2 events compared is missing, as far as counts show"]),
        (
            {"00000": one(), "00001": {}},
            [
                "at least 1 event is missing, of the contacts that were drawn",
                NEXT_STEP,
                "all of them were compared: at most 50% of the accepted events may be missing (1 of 2)",
                "differing: row 1, 'placed-order': 1 accepted, 0 found",
            ],
        ),
        (
            {"00000": one(2), "00001": one(2)},
            [TOGETHER, "nothing is proven: no event that was drawn could be compared"],
        ),
    ],
)
def test_verification_of_all_events_needs_no_confidence(make_orders, mapping, submitted, table, lines):
    """If all events were drawn, the bound is what was found; if no event can be compared, nothing is claimed."""
    orders = make_orders(2)

    found = verify(submitted(orders, mapping), orders, mapping, client=Counts(table))

    shown = str(found).splitlines()
    assert shown[-1 - len(lines) : -1] == lines
    assert shown[-1 - len(lines) - 1].startswith("  ")


def test_verify_of_no_accepted_events_proves_nothing(make_orders, mapping, submitted):
    """Without accepted events there is nothing to ask, and nothing is proven."""
    orders = make_orders(2, day="never")
    client = Counts()

    found = verify(submitted(orders, mapping), orders, mapping, client=client)

    assert (str(found), found.ok, found.bound, client.asked) == (
        "0 accepted events: nothing is proven",
        False,
        None,
        [],
    )


def test_verify_counts_each_event_once(make_orders, mapping, submitted):
    """Rows that repeat an event are the same event; rows that are not accepted are none."""
    orders = make_orders(
        5, who=["a", "a", "a", "b", "c"], day=["2024-01-31", "2024-01-31", "2024-02-01", "never", "2024-01-31"]
    )
    results = submitted(orders, mapping, scripts={"c": [404]})

    found = verify(results, orders, mapping, client=Counts({"a": one(2, last=DAY + 86_400)}))

    assert results["status"].tolist() == ["accepted", "duplicate", "accepted", "invalid", "unknown_contact"]
    assert (found.accepted, found.drawn, found.contacts, statuses(found)) == (2, 2, 1, {"matching": 2})


def test_verify_takes_times_as_they_were_sent(make_orders, submitted):
    """Rows that are spread have later seconds than the frame."""
    orders = make_orders(3, who="a", n=[1, 2, 3])
    mapping = EventMapping(
        event_name="placed-order",
        created_at="day",
        user_id="who",
        metadata={"n": "n"},
        timezone="UTC",
        duplicates="spread",
    )
    results = submitted(orders, mapping)

    found = verify(results, orders, mapping, client=Counts({"a": one(3, last=DAY + 2)}))

    assert (found.accepted, statuses(found)) == (3, {"matching": 3})


def test_verify_compares_normalized_names(make_orders, submitted):
    """Intercom counts `Placed.Order` and `placed-order` as one name, and ours are joined likewise."""
    orders = make_orders(
        3, who="a", name=["Placed.Order", "placed-order", "other"], day=["2024-01-31", "2024-02-01", "2024-01-31"]
    )
    mapping = EventMapping(event_name=Column("name"), created_at="day", user_id="who", timezone="UTC")
    client = Counts({"a": {"Placed-Order": (2, iso(DAY), iso(DAY + 86_400)), "other": (1, DAY, str(DAY))}})

    found = verify(submitted(orders, mapping), orders, mapping, client=client)

    assert found.groups["event_name"].tolist() == ["placed-order", "other"]
    assert (found.groups["accepted"].tolist(), statuses(found)) == ([2, 1], {"matching": 3})


def test_verify_compares_all_events_of_a_contact_that_was_drawn(make_orders, mapping, submitted):
    """One event is drawn, and its contact's other events are compared, too; they do not count as drawn."""
    orders = make_orders(4, who="a", day=[f"2024-01-{day}" for day in (28, 29, 30, 31)])

    found = verify(
        submitted(orders, mapping), orders, mapping, client=Counts({"a": one(4, DAY - 3 * 86_400)}), sample=1
    )

    assert (found.groups["accepted"].item(), found.groups["drawn"].item(), found.drawn) == (4, 1, 1)
    assert found.bound == 0.75


def test_verify_draws_the_same_events_for_the_same_seed(make_orders, mapping, submitted):
    """The seed alone decides what is drawn."""
    orders = make_orders(100)
    results, client = submitted(orders, mapping), Counts()

    rows = [
        verify(results, orders, mapping, client=client, sample=9, seed=seed).groups["row"].tolist()
        for seed in (0, 0, 1)
    ]

    assert rows[0] == rows[1] != rows[2]
    assert [len(set(drawn)) for drawn in rows] == [9, 9, 9]


def test_verify_asks_by_the_identifier_that_was_sent(submitted):
    """Each contact is asked for as its event named it, an address in any case once."""
    orders = pd.DataFrame(
        {
            "user": ["00042", None, None, None],
            "mail": [None, "Ada@example.org", "ada@EXAMPLE.org", None],
            "id": [None, None, None, "5f0a"],
            "day": ["2024-01-31", "2024-01-31", "2024-02-01", "2024-01-31"],
        }
    )
    mapping = EventMapping(
        event_name="placed-order", created_at="day", user_id="user", email="mail", id="id", timezone="UTC"
    )
    rows = orders.rename(columns={"user": "who"})
    results = submitted(
        rows.assign(who=["1", "2", "3", "4"]),
        EventMapping(event_name="e", created_at="day", user_id="who", timezone="UTC"),
    )
    client = Counts()

    found = verify(results, orders, mapping, client=client, include_identifier=True)

    assert sorted(client.asked) == [("email", "Ada@example.org"), ("id", "5f0a"), ("user_id", "00042")]
    assert found.groups[["identifier", "contact"]].to_numpy().tolist() == [
        ["user_id", "00042"],
        ["email", "Ada@example.org"],
        ["id", "5f0a"],
    ]


@pytest.mark.parametrize("name", ["who", "customer", None])
def test_verify_names_no_contact_by_default(make_orders, mapping, submitted, name):
    """Labels may be contacts, whatever the index is called: neither text nor numbers nor groups have them."""
    orders = make_orders(2).set_index("who", drop=name == "who").rename_axis(name)

    found = verify(submitted(orders, mapping), orders, mapping, client=Counts())

    assert not {"identifier", "contact"} & set(found.groups)
    assert found.groups.index.tolist() == [0, 1]
    assert "differing: row 0, 'placed-order': 1 accepted, 0 found" in str(found)
    shown = [str(found), found._repr_html_(), json.dumps(found.facts()), found.groups.to_csv()]
    assert not [text for text in shown if "00000" in text or "00001" in text]


def test_groups_that_name_contacts_have_the_labels_of_the_results(make_orders, mapping, submitted):
    """With include_identifier the groups can be joined with the frame; text and numbers still name rows alone."""
    orders = make_orders(2).set_axis(["a", "b"])

    found = verify(submitted(orders, mapping), orders, mapping, client=Counts(), include_identifier=True)

    assert found.groups["contact"].to_dict() == {"a": "00000", "b": "00001"}
    assert found.places == ["row 0", "row 1"]
    assert not [text for text in (str(found), json.dumps(found.facts())) if "00000" in text]


def test_events_that_were_submitted_a_moment_ago_may_not_be_visible(make_orders, mapping, submitted):
    """They count as possibly missing, since lost ones are always among them."""
    orders = make_orders(2)
    results = submitted(orders, mapping).assign(submitted_at=pd.Timestamp.now(tz="UTC"))
    client = Counts({"00000": one()})

    found = verify(results, orders, mapping, client=client)
    settled = verify(results, orders, mapping, client=client, settle_seconds=0)

    assert (statuses(found), found.missing, found.bound) == ({"matching": 1, "not_yet_visible": 1}, 0, 0.5)
    waiting = (
        "1 event counts as possibly missing until visible: say {} where events are visible at once, as in a sandbox"
    )
    assert waiting.format("settle_seconds=0") in str(found).splitlines()
    assert waiting.format("--settle-seconds 0") in found.in_commands().splitlines()
    assert (statuses(settled), settled.missing) == ({"matching": 1, "differing": 1}, 1)


def test_events_that_may_have_arrived_can_hide_a_loss(make_orders, mapping, submitted, quick_retry):
    """A failed row of the contact leaves open whose event was counted."""
    orders = make_orders(3, who=["a", "a", "b"], day=["2024-01-31", "2024-02-01", "2024-01-31"])
    results = submitted(orders, mapping, scripts={"a": [202, *[500] * 9]}, retry=quick_retry, concurrency=1)
    assert sorted(results["status"]) == ["accepted", "accepted", "failed"]
    mine = results.index[results["status"] == "accepted"][0]
    day = int(results.loc[mine, "created_at"].timestamp())

    found = verify(results, orders, mapping, client=Counts({"a": one(1, day, day), "b": one()}))

    assert statuses(found) == {"matching": 1, "more": 1}


@pytest.mark.parametrize("kind", ["csv", "csv of texts", "reversed", "one row"])
def test_verify_takes_results_from_files_and_some_of_their_rows(make_orders, mapping, submitted, kind):
    """Rows are matched by `row`, whatever the index, the order and the types are."""
    orders = make_orders(5).set_axis(list("vwxyz"))
    results = submitted(orders, mapping)
    given = {
        "csv": lambda: pd.read_csv(io.StringIO(results.to_csv(index=False))),
        "csv of texts": lambda: pd.read_csv(io.StringIO(results.to_csv(index=False)), dtype=str, keep_default_na=False),
        "reversed": lambda: results.iloc[::-1],
        "one row": lambda: results.iloc[[3]],
    }[kind]()

    found = verify(given, orders, mapping, client=Counts({f"{n:05d}": one() for n in range(5)}))

    assert found.ok
    assert found.groups["row"].tolist() == ([3] if kind == "one row" else [0, 1, 2, 3, 4])


@pytest.mark.parametrize(
    "events",
    [
        [{"name": "placed-order", "count": "many", "first": iso(DAY), "last": iso(DAY)}],
        [{"name": "placed-order", "count": 1, "first": "soon", "last": iso(DAY)}],
        [{"name": "placed-order", "count": 1, "first": None, "last": iso(DAY)}],
        [{"name": "placed-order", "count": 1, "first": 10**15, "last": 10**15}],
        # A list of events, not of names.
        [{"type": "event", "event_name": "placed-order", "created_at": DAY}],
        ["placed-order"],
        [
            {"name": "placed-order", "count": 1, "first": iso(DAY), "last": iso(DAY)},
            {"name": "Placed-Order", "count": "1", "first": iso(DAY), "last": iso(DAY)},
        ],
    ],
)
def test_a_count_that_cannot_be_read_proves_nothing(make_orders, mapping, submitted, events):
    """An odd count is not taken for a loss."""
    body = json.dumps({"type": "event.summary", "events": events}).encode()
    orders = make_orders(1)

    found = verify(
        submitted(orders, mapping), orders, mapping, client=Counts(answers={"00000": Answer(status=200, body=body)})
    )

    assert statuses(found) == {"unanswered": 1}


def test_spellings_of_one_name_are_counted_together(make_orders, mapping, submitted):
    """Intercom has one event name for them, and an old summary may still have two."""
    orders = make_orders(2).assign(who="00000", day=["2024-01-31", "2024-02-01"])
    table = {"00000": one() | {"Placed.Order": (1, iso(DAY + 86_400), iso(DAY + 86_400))}}

    assert statuses(verify(submitted(orders, mapping), orders, mapping, client=Counts(table))) == {"matching": 2}


def test_verification_doubts_the_mapping_if_intercom_has_no_event_at_all(make_orders, mapping, submitted):
    """With another event name all would be sent once more; a run of which all is lost is the rarer case."""
    orders = make_orders(2)
    results = submitted(orders, mapping)
    doubt = "Intercom has none of them: first make sure that the mapping, with its event name, is the run's"

    nothing = verify(results, orders, mapping, client=Counts(), progress=False)
    some = verify(results, orders, mapping, client=Counts({"00000": one()}), progress=False)

    assert str(nothing).splitlines()[2:5] == [
        "at least 2 events are missing, of the contacts that were drawn",
        doubt,
        NEXT_STEP,
    ]
    assert doubt not in str(some)


def test_a_name_that_may_be_on_another_page_proves_nothing(make_orders, mapping, submitted):
    """If an answer has a next page, a name that it lacks may have events."""
    body = b'{"type":"event.summary","events":[],"pages":{"next":"https://api.intercom.io/events?..."}}'
    orders = make_orders(1)
    client = Counts(answers={"00000": Answer(status=200, body=body)})

    assert statuses(verify(submitted(orders, mapping), orders, mapping, client=client)) == {"unanswered": 1}


def test_verify_says_what_intercom_did_not_answer(make_orders, mapping, submitted):
    """A contact without an answer ends the verification with the groups so far."""
    orders = make_orders(3)
    answers = {"00001": Answer(status=400, body=b'{"errors":[{"code":"client_error","message":"No"}]}')}

    with pytest.raises(SubmissionError) as caught:
        verify(submitted(orders, mapping), orders, mapping, client=Counts({"00000": one()}, answers=answers))

    assert str(caught.value) == (
        "Intercom refused the question for 1 contact (400 Bad Request, client_error: No): "
        "fix the cause, then verify again: 2 of 3 contacts have an answer"
    )
    assert caught.value.results["status"].tolist() == ["matching", "unanswered", "differing"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda orders: orders.iloc[:2],
            "frame: has 2 rows, and 3 were submitted: give all rows that were submitted, and no others",
        ),
        (
            lambda orders: pd.concat([orders.assign(who=["a", "b", "c"]), orders]),
            "frame: has 6 rows, and 3 were submitted: give all rows that were submitted, and no others",
        ),
        (
            lambda orders: orders.assign(day="2024-02-01"),
            OTHER_ROW.format(0),
        ),
        (
            lambda orders: orders.assign(who=["00000", None, "00002"]),
            OTHER_ROW.format(1),
        ),
    ],
)
def test_verify_refuses_a_frame_that_is_not_that_of_the_results(make_orders, mapping, submitted, change, message):
    """Before the first request, rows are compared with the results."""
    orders = make_orders(3)
    client = Counts()

    with pytest.raises(ValueError) as caught:  # noqa: PT011  # The message is compared.
        verify(submitted(orders, mapping), change(orders), mapping, client=client)

    assert (str(caught.value), client.asked) == (message, [])


@pytest.mark.parametrize("who", [["a", "b"], ["c", "d"]])
def test_verify_refuses_results_of_several_runs(make_orders, mapping, submitted, who):
    """Each run counts its rows from 0: events of the second would be looked up among the rows of the first."""
    frames = [make_orders(2, who=["a", "b"]), make_orders(2, who=who)]
    results = pd.concat([submitted(frame, mapping) for frame in frames])
    client = Counts({"a": one(), "b": one()})

    with pytest.raises(ValueError, match=r"^results: row 0 comes twice: give the results of one run$"):
        verify(results, pd.concat(frames), mapping, client=client)

    assert client.asked == []


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        (
            "row",
            None,
            "results: position 1 has the row 'None': expected a whole number, as submitting writes it",
        ),
        (
            "created_at",
            "soon",
            "results: row 1 has the created_at 'soon', which is not a time: write it as 2024-01-31T12:00:00Z",
        ),
    ],
)
def test_verify_names_the_cell_of_results_that_cannot_be_read(make_orders, mapping, submitted, column, cell, message):
    """A damaged cell is named before the first request."""
    orders = make_orders(3)
    results = submitted(orders, mapping).astype({column: object})
    results.loc[1, column] = cell
    client = Counts()

    with pytest.raises(ValueError) as caught:  # noqa: PT011  # The message is compared.
        verify(results, orders, mapping, client=client)

    assert (str(caught.value), client.asked) == (message, [])


def test_verify_refuses_results_of_another_workspace(make_orders, mapping, submitted):
    """Results know their workspace: another one has none of their events."""
    orders = make_orders(1)
    results = submitted(orders, mapping)
    results.attrs["run"]["workspace"]["id_code"] = "other"
    client = Counts()

    with pytest.raises(CredentialsError) as caught:
        verify(results, orders, mapping, client=client)
    with pytest.raises(
        CredentialsError, match=r"^workspace: the access token belongs to 'ab12cd34', not to 'mine', and"
    ):
        verify(results, orders, mapping, client=client, workspace="mine")

    assert str(caught.value) == (
        "workspace: the access token belongs to 'ab12cd34', and the results are of 'other': use the token of that "
        "workspace"
    )
    assert client.asked == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample": 0}, "sample: expected a whole number of at least 1, got 0: use 200 or the like"),
        ({"sample": 0.5}, "sample: expected a whole number of at least 1, got 0.5: use 200 or the like"),
        ({"sample": True}, "sample: expected a whole number of at least 1, got True: use 200 or the like"),
        ({"seed": -1}, "seed: expected a whole number of at least 0, got -1: use 0 or the like"),
        ({"settle_seconds": "1"}, "settle_seconds: expected a number of seconds, got '1': use 900 or the like"),
        (
            {"settle_seconds": float("nan")},
            "settle_seconds: expected a number of seconds, got nan: use 900 or the like",
        ),
    ],
)
def test_verify_refuses_options_that_make_no_sense(make_orders, mapping, options, message):
    """An option is checked before anything is read."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # The message is compared.
        verify(pd.DataFrame(), make_orders(1), mapping, client=Counts(), **options)

    assert str(caught.value) == message


def test_verify_refuses_what_are_not_results(make_orders, mapping):
    """The error names the column that is missing."""
    with pytest.raises(ValueError, match=r"^results: no column 'row': give what submitting returned$"):
        verify(make_orders(1), make_orders(1), mapping, client=Counts())
    with pytest.raises(TypeError, match=r"^frame: expected a DataFrame, got a list: give what submitting was given$"):
        verify(pd.DataFrame(columns=COLUMNS), [], mapping, client=Counts())


def test_facts_of_a_verification_are_json(make_orders, mapping, submitted):
    """A document has all numbers, and the groups that differ without their contacts."""
    orders = make_orders(2)

    found = verify(submitted(orders, mapping), orders, mapping, client=Counts({"00000": one()}))

    assert json.loads(json.dumps(found.facts())) == {
        "workspace": {"id_code": "ab12cd34", "name": "Acme", "region": "US"},
        "accepted": 2,
        "drawn": 2,
        "contacts": 2,
        "statuses": {"matching": 1, "differing": 1, "more": 0, "not_yet_visible": 0, "gone": 0, "unanswered": 0},
        "compared": 2,
        "missing": 1,
        "bound": {"confidence": 0.95, "events": 1, "of": 2, "share": 0.5},
        "differing": [
            {"row": 1, "event_name": "placed-order", "accepted": 1, "found": 0, "missing": 1, "place": "row 1"}
        ],
    }


def test_bound_is_a_share_alone_if_nobody_knows_how_many_events_are_comparable(make_orders, mapping, submitted):
    """Events that prove nothing are drawn: how many of the others are like them is not known, only their share."""
    orders = make_orders(60)
    table = {f"{number:05d}": one(1 if number < 30 else 2) for number in range(60)}
    results = submitted(orders, mapping)

    found = verify(results, orders, mapping, client=Counts(table), sample=20)

    assert (found.compared, found.comparable, found.most_missing) == (8, None, None)
    # With a share of 31.3 %, none of 8 is missing in 4.96 % of all samples.
    assert found.bound == 0.313
    assert found.facts()["bound"] == {"confidence": 0.95, "events": None, "of": None, "share": 0.313}
    assert "at 95% confidence, at most 31.3% of such events may be missing\n" in str(found)


def test_verification_is_told_in_the_words_of_python_or_of_the_command_line(make_orders, mapping, submitted):
    """Each names what it has: Python keywords and attributes, the command line options."""
    orders = make_orders(6)
    found = verify(submitted(orders, mapping), orders, mapping, client=Counts())

    said = [
        [line for line in text.splitlines() if "send" in line or "more" in line]
        for text in (str(found), found.in_commands())
    ]

    assert said == [
        [NEXT_STEP, "and 1 more: see .groups"],
        [
            "to send them again, submit the rows with --resubmit: Intercom ignores events that it has",
            "and 1 more: add --json",
        ],
    ]


def test_a_verification_that_ended_early_is_a_smaller_sample(make_orders, mapping, submitted):
    """Only the events that were drawn before the first contact without an answer count, and the bound is for all."""
    orders = make_orders(60, who=[f"{number // 2:05d}" for number in range(60)], day=["2024-01-31", "2024-02-01"] * 30)
    results = submitted(orders, mapping)
    drawn = accepted_events(results, SubmittedFrame(orders, mapping)).draw(50, seed=0, settled_by=10**18)
    whole = ContactSummary(counts={"placed-order": EventCount(2, DAY, DAY + 86_400)})
    answers = [whole] * 10 + [None] + [whole] * (len(drawn.contacts()) - 11)

    found = verification_of(drawn, answers, results, include_identifier=False, workspace=None)

    first = drawn.groups["asked"].to_numpy()[drawn.order].tolist().index(10)
    assert (found.drawn, found.contacts, found.unanswered, found.ok) == (first, 10, 1, False)
    assert (found.compared, found.comparable) == (first, 60)
    assert found.groups["status"].value_counts().to_dict()["unanswered"] == 1
    assert str(found).splitlines()[2] == "1 further contact has no answer: the sample ends before the first of them"
