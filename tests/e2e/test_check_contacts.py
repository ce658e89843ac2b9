"""Contacts are checked before an event is spent: the sandbox answers searches and questions over a socket."""

import io
import json
import os
import signal
import threading

import pandas as pd
import pytest

from events_pandas import (
    AuthenticationError,
    EventMapping,
    Faults,
    SubmissionError,
    SubmissionInterrupted,
    check_contacts,
    submit_events,
)
from events_pandas.deliver.client.answers import Answer

SAMENESS = ["identifier", "contact", "rows", "first_event", "last_event", "status"]


class Counting:
    """A client that counts its questions, and calls a function before one of its searches."""

    def __init__(self, client, *, before=0, action=None):
        self._client, self._before, self._action = client, before, action
        self._lock = threading.Lock()
        self.searches, self.found, self.events = 0, 0, 0
        self.queries = []

    def me(self):
        return self._client.me()

    def search_contacts(self, query):
        with self._lock:
            self.searches += 1
            self.queries.append(json.loads(query)["query"])
            is_due = self.searches == self._before
        if is_due:
            self._action()
        return self._client.search_contacts(query)

    def find_contact(self, identifier, value):
        self.found += 1
        return self._client.find_contact(identifier, value)

    def post_event(self, payload):
        self.events += 1
        return self._client.post_event(payload)


class Interrupted(Counting):
    """A client that interrupts the process after some questions about one contact."""

    def __init__(self, client, *, after):
        super().__init__(client)
        self._after = after

    def find_contact(self, identifier, value):
        with self._lock:
            self.found += 1
            is_due = self.found == self._after
        if is_due:
            os.kill(os.getpid(), signal.SIGINT)
        return self._client.find_contact(identifier, value)


class Picky(Counting):
    """A client whose searches are refused if they name one contact."""

    def __init__(self, client, *, refused):
        super().__init__(client)
        self._refused = refused

    def search_contacts(self, query):
        answer = super().search_contacts(query)
        return Answer(status=400, headers={}) if self._refused in query.decode() else answer


@pytest.fixture
def picky():
    """Return the class of clients that are refused searches for one contact."""
    return Picky


@pytest.fixture
def counting():
    """Return the class of clients that count."""
    return Counting


def test_check_contacts_tells_known_unknown_ambiguous_and_merged(start):
    """Every contact has the status that explains what its events would be answered, and no event is sent."""
    sandbox = start(
        contacts=[
            {"external_id": "00042"},
            {"external_id": "1", "email": "two@example.org"},
            {"external_id": "2", "email": "two@example.org"},
            {"external_id": "3", "email": "Ada@example.org"},
            {"role": "lead", "email": "lead@example.org"},
            {"external_id": "a/b c", "email": "path@example.org"},
        ],
        merged_contacts={"old": "00042"},
    )
    who = ["00042", "00999", "old", None, None, None, None, "a/b c", "..", "00999"]
    mail = [None, None, None, "two@example.org", "ada@Example.org", "lead@example.org", "ada@example.org", *[None] * 3]
    orders = pd.DataFrame({"who": who, "mail": mail, "day": [f"2024-01-{day:02d}" for day in range(1, 11)]})
    mapping = EventMapping(event_name="e", created_at="day", user_id="who", email="mail", timezone="UTC")

    with sandbox.client() as client:
        contacts = check_contacts(orders, mapping, client=client)
        merged_into = client.find_contact("user_id", "00042")

    assert contacts.set_index("contact")["status"].to_dict() == {
        "00999": "unknown",
        "ada@Example.org": "known",
        "00042": "known",
        "old": "merged",
        "two@example.org": "ambiguous",
        "lead@example.org": "unknown",
        "a/b c": "known",
        "..": "unknown",
    }
    assert contacts["rows"].tolist() == [2, 2, 1, 1, 1, 1, 1, 1]
    assert contacts["merged_into"].notna().sum() == 1
    assert contacts["merged_into"].dropna().item().encode() in merged_into.body
    assert contacts.attrs["run"]["notes"] == [
        "Intercom's search does not show contacts that were created in the last minutes"
    ]
    assert sandbox.requests == 0


def test_check_contacts_agrees_with_what_events_are_answered(start):
    """A contact that is known takes events, an unknown one gets 404, a merged one 410, an ambiguous address 409."""
    users = [{"external_id": "1", "email": "a@b.c"}, {"external_id": "2"}, {"external_id": "3", "email": "x@y.z"}]
    twin, lead = {"external_id": "4", "email": "x@y.z"}, {"id": "5f0a", "role": "lead"}
    sandbox = start(contacts=[*users, twin, lead], merged_contacts={"gone": "2"})
    orders = pd.DataFrame(
        {
            "user_id": [None, None, "1", "gone", None, None],
            "id": ["5f0a", "5f0b", None, None, None, None],
            "email": [None, None, None, None, "A@b.c", "x@y.z"],
            "day": "2024-01-31",
        }
    )
    mapping = EventMapping(event_name="e", created_at="day", user_id="user_id", id="id", email="email", timezone="UTC")

    with sandbox.client() as client:
        contacts = check_contacts(orders, mapping, client=client)
        results = submit_events(orders, mapping, client=client)

    assert contacts["status"].tolist() == ["known", "unknown", "known", "merged", "known", "ambiguous"]
    assert results["http_status"].tolist() == [202, 404, 202, 410, 202, 409]


def test_check_contacts_asks_for_fifty_contacts_at_once(start, counting, make_orders, mapping):
    """Known contacts take a fiftieth of a request each, and unknown ones one more."""
    sandbox = start(unknown_contacts=["00007", "00190"])

    shown = []
    with sandbox.client() as client:
        asked = counting(client)
        contacts = check_contacts(make_orders(201), mapping, client=asked, progress=shown.append)

    assert contacts["status"].value_counts().to_dict() == {"known": 199, "unknown": 2, "ambiguous": 0, "merged": 0}
    assert (asked.searches, asked.found) == (5, 2)
    assert contacts.attrs["run"]["requests"] == 7
    # The progress counts requests, and learns of some on its way.
    assert [(progress.rows, progress.total) for progress in (shown[0], shown[-1])] == [(0, 5), (7, 7)]


def test_check_contacts_asks_for_what_a_search_has_not_found_before_it_searches_on(start, mapping, make_orders):
    """At any end most contacts that were searched for have an answer: few are searched for again with `known`."""
    sandbox = start(contacts=[])

    with sandbox.client() as client:
        asked = Interrupted(client, after=400)
        with pytest.raises(SubmissionInterrupted) as caught:
            check_contacts(make_orders(20_000), mapping, client=asked)

    assert asked.searches < 300
    assert 400 <= caught.value.results["status"].notna().sum() <= asked.found


def test_check_contacts_finds_contacts_that_the_search_does_not_show_yet(start, mapping):
    """A contact that was created a moment ago is found by its user_id, and not by its address."""
    sandbox = start(contacts=[], faults=Faults(search_lag_seconds=300))
    orders = pd.DataFrame({"who": ["00042", None], "mail": [None, "ada@example.org"], "day": ["2024-01-31"] * 2})
    mapping = EventMapping(event_name="e", created_at="day", user_id="who", email="mail", timezone="UTC")

    with sandbox.client() as client:
        client.create_contact(b'{"external_id": "00042"}')
        client.create_contact(b'{"external_id": "00043", "email": "ada@example.org"}')
        contacts = check_contacts(orders, mapping, client=client)

    assert contacts["status"].tolist() == ["known", "unknown"]


def test_check_contacts_counts_an_address_that_many_share_as_ambiguous(start):
    """More contacts than a page holds do not hide others of the same search."""
    shared = [{"external_id": f"{n}", "email": "all@example.org"} for n in range(160)]
    sandbox = start(contacts=[*shared, {"external_id": "other", "email": "one@example.org"}])
    orders = pd.DataFrame({"mail": ["all@example.org", "one@example.org", "none@example.org"], "day": "2024-01-31"})
    mapping = EventMapping(event_name="e", created_at="day", email="mail", timezone="UTC")

    with sandbox.client() as client:
        contacts = check_contacts(orders, mapping, client=client)

    assert contacts["status"].tolist() == ["ambiguous", "known", "unknown"]


def test_check_contacts_finds_a_user_whose_address_more_leads_share_than_a_page_holds(start):
    """The newest contacts come first, so that the user would not be in the first page."""
    leads = [{"email": "all@example.org", "role": "lead"} for _ in range(160)]
    sandbox = start(contacts=[{"external_id": "1", "email": "all@example.org"}, *leads])
    orders = pd.DataFrame({"mail": ["all@example.org"], "day": "2024-01-31"})
    mapping = EventMapping(event_name="e", created_at="day", email="mail", timezone="UTC")

    with sandbox.client() as client:
        contacts = check_contacts(orders, mapping, client=client)
        results = submit_events(orders, mapping, client=client, contacts="check", journal=None)

    assert (contacts["status"].item(), results["status"].item()) == ("known", "accepted")


@pytest.mark.alone
def test_check_contacts_goes_on_after_an_interrupt_without_asking_twice(start, counting, make_orders, mapping):
    """An interrupt hands back the answers so far, and with `known` only the other contacts are asked for."""
    sandbox = start(limit=100, faults=Faults(latency_seconds=0.02))
    orders = make_orders(2_000)

    with sandbox.client() as client:
        stopped = counting(client, before=20, action=lambda: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(SubmissionInterrupted) as caught:
            check_contacts(orders, mapping, client=stopped)
        have = int(caught.value.results["status"].notna().sum())
        rest = counting(client)
        contacts = check_contacts(orders, mapping, client=rest, known=caught.value.results)

    assert 0 < have < 2_000
    assert str(caught.value) == (
        "the run was interrupted: to go on, check again with known=, the results of this error: "
        f"{have:,} of 2,000 contacts have an answer"
    )
    assert rest.searches == -(-(2_000 - have) // 50)
    assert contacts["status"].eq("known").all()


def test_check_contacts_is_repeated_after_failures_that_pass(start, make_orders, mapping):
    """A search that is answered 500 or 429 is made again."""
    sandbox = start()
    for fault in (500, 429, 503):
        sandbox.fail_next(fault, path="/contacts/search")

    with sandbox.client() as client:
        contacts = check_contacts(make_orders(120), mapping, client=client)

    assert contacts["status"].eq("known").all()


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (
            403,
            AuthenticationError,
            (
                "Intercom refused the access token (403 Forbidden, forbidden: Not authorized to access resource): "
                "check the permissions of the token's app and the plan of its workspace"
            ),
        ),
        (
            400,
            SubmissionError,
            (
                "Intercom refused the question for 3 contacts (400 Bad Request, client_error: A fault made the sandbox "
                "answer 400): fix the cause, then check again with known=, the results of this error: "
                "0 of 3 contacts have an answer"
            ),
        ),
    ],
)
def test_check_contacts_says_why_a_search_is_refused(start, make_orders, mapping, status, error, message):
    """The error is about the token or about the search, and no contact has a status."""
    sandbox = start()
    sandbox.fail_next(status, path="/contacts/search", times=99)

    with sandbox.client() as client, pytest.raises(SubmissionError) as caught:
        check_contacts(make_orders(3), mapping, client=client)

    assert type(caught.value) is error
    assert str(caught.value) == message
    assert caught.value.results["status"].isna().all()


def test_check_contacts_leaves_only_the_contact_without_a_status_whose_searches_are_refused(
    start, picky, make_orders, mapping
):
    """A refused search is made again for its halves, until the contact that Intercom refuses stands alone."""
    with start(contacts=[f"{number:05d}" for number in range(100)]).client() as client:
        refusing = picky(client, refused="00107")
        with pytest.raises(SubmissionError) as caught:
            check_contacts(make_orders(120), mapping, client=refusing)

    results = caught.value.results.set_index("contact")["status"]
    assert str(caught.value) == (
        "Intercom refused the question for 1 contact (400 Bad Request): "
        "fix the cause, then check again with known=, the results of this error: 119 of 120 contacts have an answer"
    )
    assert results[results.isna()].index.tolist() == ["00107"]
    assert results.value_counts()[["known", "unknown"]].tolist() == [100, 19]


def test_check_contacts_makes_no_halves_when_all_searches_are_refused(start, counting, make_orders, mapping):
    """No contact is the cause then, and the halves would be as many requests as contacts."""
    sandbox = start()
    sandbox.fail_next(400, path="/contacts/search", times=999)

    with sandbox.client() as client, pytest.raises(SubmissionError, match="refused the question for 120 contacts"):
        check_contacts(make_orders(120), mapping, client=(counted := counting(client)))

    assert counted.searches == 3


@pytest.mark.parametrize(
    ("identifier", "odd"),
    [
        *(("id", text) for text in ("a/b", "search", "merge", "find_by_external_id", "..", "a b", "//", "?a", "ü")),
        *(("user_id", text) for text in ("a/b", "/x", "//", "..", ".", "find_by_external_id/x", "a b", "%2F")),
    ],
)
def test_check_contacts_calls_odd_texts_unknown(start, identifier, odd):
    """A text that cannot be an id of Intercom's, or that no address can hold, does not end the check."""
    sandbox = start(contacts=["q"])
    orders = pd.DataFrame({"who": [odd], "day": "2024-01-31"})
    mapping = EventMapping(event_name="e", created_at="day", timezone="UTC", **{identifier: "who"})

    with sandbox.client() as client:
        contacts = check_contacts(orders, mapping, client=client)

    assert contacts["status"].tolist() == ["unknown"]
    is_new = identifier == "user_id" and ("/" in odd or odd in (".", ".."))
    assert len(contacts.attrs["run"]["notes"]) == is_new


def test_check_contacts_says_when_a_user_id_could_only_be_searched_for(start, make_orders, mapping):
    """A user_id with a slash is in no address: if it is new, the search does not show it yet."""
    sandbox = start(contacts=[])

    with sandbox.client() as client:
        looked_up = check_contacts(make_orders(1, who=["a b"]), mapping, client=client)
        searched = check_contacts(make_orders(1, who=["a/b"]), mapping, client=client)

    assert looked_up.attrs["run"]["notes"] == []
    assert searched.attrs["run"]["notes"] == [
        "Intercom's search does not show contacts that were created in the last minutes"
    ]


def test_check_contacts_asks_for_addresses_in_lower_case(start, counting):
    """Addresses ignore case, so one spelling is searched for."""
    sandbox = start(contacts=[{"external_id": "1", "email": "Ada@Example.org"}])
    orders = pd.DataFrame({"mail": ["ADA@example.ORG"], "day": "2024-01-31"})
    mapping = EventMapping(event_name="e", created_at="day", email="mail", timezone="UTC")

    with sandbox.client() as client:
        asked = counting(client)
        contacts = check_contacts(orders, mapping, client=asked)

    by_address = {"field": "email", "operator": "IN", "value": ["ada@example.org"]}
    of_users = {"field": "role", "operator": "=", "value": "user"}
    assert asked.queries == [{"operator": "AND", "value": [by_address, of_users]}]
    assert contacts[["contact", "status"]].to_numpy().tolist() == [["ADA@example.ORG", "known"]]


@pytest.mark.parametrize(
    ("fault", "did", "then"),
    [
        *((status, "refused the question", "fix the cause, then") for status in (400, 409, 422)),
        ("garbage", "did not answer", "to go on,"),
    ],
)
def test_check_contacts_says_of_how_many_contacts_intercom_said_nothing(start, make_orders, mapping, fault, did, then):
    """A look-up without an answer leaves its contact without a status, whatever came instead."""
    sandbox = start(contacts=["00000"])
    sandbox.fail_next(fault, path="/contacts/find_by_external_id/00001")

    with sandbox.client() as client, pytest.raises(SubmissionError, match=rf"{did} for 1 contact \(") as caught:
        check_contacts(make_orders(3), mapping, client=client)

    assert str(caught.value).endswith(
        f"{then} check again with known=, the results of this error: 2 of 3 contacts have an answer"
    )
    assert caught.value.results["status"].astype(object).fillna("").tolist() == ["known", "", "unknown"]


@pytest.mark.parametrize(("is_last", "have"), [(False, 0), (True, 2)])
def test_check_contacts_keeps_its_answers_when_a_progress_function_fails(start, make_orders, mapping, is_last, have):
    """At its first and last call too, an error of the caller's function ends the check with the answers so far."""
    sandbox = start(contacts=["00000"])

    def fail(progress):
        if progress.is_final is is_last:
            raise RuntimeError("a bug")

    with sandbox.client() as client, pytest.raises(SubmissionError) as caught:
        check_contacts(make_orders(2), mapping, client=client, progress=fail)

    assert str(caught.value) == (
        "a RuntimeError, the cause of this error, ended the run: to go on, check again with known=, "
        f"the results of this error: {have} of 2 contacts have an answer"
    )
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert caught.value.results["status"].notna().sum() == have


def test_check_contacts_takes_known_contacts_from_files_and_several_tables(start, counting, mapping, make_orders):
    """A row with a status counts before one without, and an address in any case; an empty text is no status."""
    sandbox = start(contacts=["00000"], merged_contacts={"00001": "00000"})
    orders = make_orders(3).assign(mail=[None, None, None]).replace({"who": {"00002": None}})
    orders.loc[2, "mail"] = "Ada@example.org"
    mapping = EventMapping(event_name="e", created_at="day", user_id="who", email="mail", timezone="UTC")

    with sandbox.client() as client:
        first = check_contacts(orders, mapping, client=client)
        file = io.StringIO(first.to_csv(index=False))
        read = pd.read_csv(file, dtype=str, keep_default_na=False).replace("Ada@example.org", "ADA@example.org")
        asked = counting(client)
        again = check_contacts(orders, mapping, client=asked, known=pd.concat([read.assign(status=""), read]))

    pd.testing.assert_frame_equal(again, first)
    assert (asked.searches, asked.found) == (0, 0)


def test_check_contacts_tells_known_contacts_of_one_text_by_their_identifiers(fake_client, mapping, make_orders):
    """A user id and an address may be one text; of several answers for a contact the first counts."""
    client, text = fake_client(), "a@example.org"
    orders = make_orders(2).assign(who=[text, None], mail=[None, text])
    mapping = EventMapping(event_name="e", created_at="day", user_id="who", email="mail", timezone="UTC")
    answers = [("email", "known", None), ("user_id", "merged", "5f1"), ("user_id", "unknown", None)]
    known = pd.DataFrame(answers, columns=["identifier", "status", "merged_into"]).assign(contact=text)

    contacts = check_contacts(orders, mapping, client=client, known=known)

    found = contacts[["identifier", "status", "merged_into"]].astype(object).fillna("").to_numpy().tolist()
    assert found == [["user_id", "merged", "5f1"], ["email", "known", ""]]
    assert client.me_requests == 0


@pytest.mark.parametrize(
    "changed",
    [
        lambda known: known.set_axis([-1.5, 7e9]),
        lambda known: known.set_index("identifier", drop=False),
        lambda known: known.astype("category"),
        lambda known: known.assign(status=pd.Categorical(known["status"], ["merged", "", "unknown"])),
    ],
    ids=["floats as index", "index with the name of a column", "categories", "other categories"],
)
def test_check_contacts_takes_known_contacts_with_any_index_and_dtype(fake_client, mapping, make_orders, changed):
    """A table that went through a file or another program answers as it did before."""
    client = fake_client()
    rows = [["user_id", "00000", "unknown", ""], ["user_id", "00001", "merged", "5f1"]]
    known = pd.DataFrame(rows, columns=["identifier", "contact", "status", "merged_into"])

    contacts = check_contacts(make_orders(2), mapping, client=client, known=changed(known))

    assert contacts[known.columns].astype(object).fillna("").to_numpy().tolist() == rows
    assert client.me_requests == 0


def test_check_contacts_of_no_rows_asks_nothing(fake_client, make_orders, mapping):
    """A frame without contacts needs no request, and gives a table without rows."""
    client = fake_client()

    contacts = check_contacts(make_orders(0), mapping, client=client)

    assert contacts.columns.tolist() == [*SAMENESS, "merged_into"]
    assert (len(contacts), client.me_requests) == (0, 0)


def test_check_contacts_refuses_known_contacts_in_another_form(client, make_orders, mapping):
    """What is passed as known must be a table of check_contacts."""
    with pytest.raises(TypeError, match=r"known: expected a pandas DataFrame, got a list: give what check_contacts"):
        check_contacts(make_orders(1), mapping, client=client, known=["00042"])
    with pytest.raises(ValueError, match=r"known: no column 'status': give what check_contacts returned"):
        check_contacts(make_orders(1), mapping, client=client, known=make_orders(1, identifier="user_id", contact="1"))
    odd = make_orders(1, identifier="user_id", contact="1", status="knwon", merged_into="")
    with pytest.raises(ValueError, match=r"known: row 0 has the status 'knwon', not one of known, unknown"):
        check_contacts(make_orders(1), mapping, client=client, known=odd)
    for column in ("identifier", "contact", "status", "merged_into"):
        twice = pd.concat([odd, odd[column]], axis=1)
        with pytest.raises(ValueError, match=rf"known: 2 columns have the name '{column}': rename or drop all but one"):
            check_contacts(make_orders(1), mapping, client=client, known=twice)


def test_check_contacts_refuses_known_contacts_that_became_numbers(client, make_orders, mapping):
    """A table whose contacts a CSV file turned into numbers would answer for other contacts: 00042 became 42."""
    file = io.StringIO("identifier,contact,status,merged_into\nuser_id,00042,unknown,\n")

    number = r"known: row 0: the contact is an int, not text: read a file of contacts with dtype=\{'contact': str\}"
    with pytest.raises(ValueError, match=number):
        check_contacts(make_orders(1), mapping, client=client, known=pd.read_csv(file))


def test_check_contacts_refuses_known_ids_that_became_numbers(fake_client, make_orders, mapping):
    """Intercom's ids may look like numbers. It is said before the first request, whose answers would be lost."""
    client = fake_client()
    known = make_orders(1, identifier="user_id", contact="00000", status="merged", merged_into=6.3e23)
    number = (
        "known: the column 'merged_into' has other values than text: read a file of contacts with dtype=str, "
        "keep_default_na=False"
    )
    with pytest.raises(ValueError, match=f"^{number}$"):
        check_contacts(make_orders(2), mapping, client=client, known=known)

    assert client.me_requests == 0
