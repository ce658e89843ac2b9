"""Contacts are created on demand, each by one request; the sandbox answers over a socket."""

import datetime as dt
import io
import os
import signal
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
import requests

from events_pandas import (
    Faults,
    MappingError,
    OutageError,
    SubmissionError,
    SubmissionInterrupted,
    UnknownColumnError,
    check_contacts,
    create_contacts,
    submit_events,
)

RESULTS = ["identifier", "contact", "status", "id", "error_code", "error_message", "request_id"]


def by_user_id(*texts, **columns):
    return pd.DataFrame({"identifier": "user_id", "contact": list(texts), **columns})


def contact(sandbox, external_id):
    headers = {"Authorization": f"Bearer {sandbox.access_token}"}
    url = f"{sandbox.url}/contacts/find_by_external_id/{external_id}"
    return requests.get(url, headers=headers, timeout=10).json()


def listed(sandbox):
    headers = {"Authorization": f"Bearer {sandbox.access_token}"}
    return requests.get(f"{sandbox.url}/contacts", headers=headers, timeout=10).json()["data"]


class Alarm:
    """A client that calls a function before it creates one of its contacts."""

    def __init__(self, client, *, before, action):
        self._client, self._before, self._action, self.created = client, before, action, 0

    def __getattr__(self, name):
        return getattr(self._client, name)

    def create_contact(self, payload):
        self.created += 1
        if self.created == self._before:
            self._action()
        return self._client.create_contact(payload)


@pytest.fixture
def alarm():
    """Return the class of clients that call a function."""
    return Alarm


def test_rows_are_accepted_once_their_unknown_contacts_are_created(start, make_orders, mapping):
    """Check, choose, create, submit: no event is spent on a contact that does not exist."""
    sandbox = start(contacts=["00001"])
    orders = make_orders(4)

    with sandbox.client() as client:
        known = check_contacts(orders, mapping, client=client)
        created = create_contacts(known[known["status"] == "unknown"], client=client)
        results = submit_events(orders, mapping, client=client, contacts="check")

    assert created[["contact", "status"]].to_numpy().tolist() == [
        ["00000", "created"],
        ["00002", "created"],
        ["00003", "created"],
    ]
    assert created["id"].tolist() == [contact(sandbox, text)["id"] for text in created["contact"]]
    assert results["status"].tolist() == ["accepted"] * 4


def test_create_contacts_sends_the_columns_that_fields_name(start):
    """Text, numbers, truth and times become fields and custom attributes, and missing cells are left out."""
    sandbox = start(contacts=[])
    columns = {
        "full": ["Ada", None],
        "mail": ["ada@example.org", "bob@example.org"],
        "since": pd.to_datetime(["2024-01-31 12:00", None]),
        "plan": ["pro", "free"],
        "seats": [3, 4],
        "paid": [True, False],
    }
    chosen = by_user_id("00042", "00043", **columns).set_axis(["a", "b"])
    fields = {
        "name": "full",
        "email": "mail",
        "signed_up_at": "since",
        **{f"custom_attributes.{name}": name for name in ("plan", "seats", "paid")},
    }

    with sandbox.client() as client:
        created = create_contacts(chosen, client=client, fields=fields)

    ada, bob = contact(sandbox, "00042"), contact(sandbox, "00043")
    assert (ada["name"], ada["email"], ada["signed_up_at"]) == ("Ada", "ada@example.org", 1_706_702_400)
    assert ada["custom_attributes"] == {"plan": "pro", "seats": 3, "paid": True}
    assert (bob["name"], bob["email"], bob["signed_up_at"]) == (None, "bob@example.org", None)
    assert (created.index.tolist(), created["status"].tolist()) == (["a", "b"], ["created", "created"])


def test_create_contacts_says_of_each_contact_what_became_of_it(start):
    """A contact that exists has its id, and a rejected one the reason; an id cannot be given."""
    sandbox = start(contacts=[{"external_id": "00042"}])
    chosen = pd.DataFrame(
        {"identifier": ["user_id", "email", "id", "email"], "contact": ["00042", "nobody", "5f0a", "ada@example.org"]}
    )

    with sandbox.client() as client:
        created = create_contacts(chosen, client=client)

    assert created["status"].tolist() == ["exists", "rejected", "rejected", "created"]
    assert created["id"].iloc[0] == contact(sandbox, "00042")["id"]
    assert created["error_code"].tolist()[1:3] == ["parameter_invalid", "id_given"]
    assert created["error_message"].iloc[1] == (
        "Intercom rejected the contact (400 Bad Request, parameter_invalid: email is not an address): "
        "fix its row, then create it again"
    )
    assert created["error_message"].iloc[2] == "Intercom gives a contact its id: give its user_id or email instead"
    assert created["request_id"].notna().tolist() == [False, True, False, False]
    assert created.attrs["run"]["requests"] == 3


def test_create_contacts_makes_leads_on_request(start):
    """The role of all contacts can be lead."""
    sandbox = start(contacts=[])
    chosen = pd.DataFrame({"identifier": ["email"], "contact": ["ada@example.org"]})

    with sandbox.client() as client:
        created = create_contacts(chosen, client=client, role="lead")
        answer = client.find_contact("id", created["id"].item())

    assert b'"role": "lead"' in answer.body


@pytest.mark.alone
def test_create_contacts_goes_on_after_an_interrupt_without_creating_twice(start, alarm):
    """The results of an interrupt can be given again: contacts that were created are not sent again."""
    sandbox = start(contacts=[], limit=100, faults=Faults(latency_seconds=0.02))
    chosen = by_user_id(*(f"{n:05d}" for n in range(200)))

    with sandbox.client() as client:
        stopped = alarm(client, before=60, action=lambda: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(SubmissionInterrupted) as caught:
            create_contacts(chosen, client=stopped)
        have = int(caught.value.results["status"].notna().sum())
        rest = alarm(client, before=0, action=None)
        created = create_contacts(caught.value.results, client=rest)

    assert 0 < have < 200
    assert str(caught.value) == (
        "the run was interrupted: to go on, create the results of this error again: "
        f"{have} of 200 contacts have an answer"
    )
    assert rest.created == 200 - have
    assert created["status"].eq("created").all()


def test_create_contacts_can_be_resumed_with_its_fields(start):
    """Results keep the columns that `fields` names, so that they can be given again."""
    sandbox = start(contacts=[])
    chosen = by_user_id("00001", "00002", full=["Ada", "Bob"], other=[1, 2]).set_axis(["a", "b"])
    sandbox.fail_next("garbage", path="/contacts")
    given = []

    with sandbox.client() as client:
        with pytest.raises(SubmissionError) as caught:
            create_contacts(chosen, client=client, fields={"name": "full"})
        given.append(caught.value.results)
        created = create_contacts(given[0], client=client, fields={"name": "full"})

    assert given[0].columns.tolist() == [*created.columns] == [*RESULTS[:2], "full", *RESULTS[2:]]
    assert (created["full"].tolist(), created.index.tolist()) == (["Ada", "Bob"], ["a", "b"])
    assert sorted(created["status"]) == ["created", "exists"]


def test_create_contacts_leaves_an_unreadable_answer_without_a_status(start):
    """An answer of 200 that cannot be read says neither that the contact was created nor that its row is wrong."""
    sandbox = start(contacts=[])
    sandbox.fail_next("garbage", path="/contacts")

    with sandbox.client() as client, pytest.raises(SubmissionError) as caught:
        create_contacts(by_user_id("00001"), client=client)

    assert str(caught.value) == (
        "Intercom did not answer for 1 contact (200 OK): to go on, create the results of this error again: "
        "0 of 1 contacts have an answer"
    )
    assert caught.value.results[RESULTS[2:]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("role", "identifier", "contact"),
    [("user", "user_id", "1"), ("user", "email", "ada@example.org"), ("lead", "user_id", "1")],
)
def test_a_contact_whose_answer_is_lost_is_created_once(start, role, identifier, contact):
    """The request is made again, and Intercom answers 409: the contact exists."""
    sandbox = start(contacts=[])
    sandbox.fail_next("drop_after", path="/contacts")

    with sandbox.client() as client:
        created = create_contacts(
            pd.DataFrame({"identifier": [identifier], "contact": [contact]}), client=client, role=role
        )

    assert created["status"].tolist() == ["exists"]
    assert len(listed(sandbox)) == 1


@pytest.mark.parametrize("fault", ["drop_after", 500, "garbage"])
def test_a_lead_whose_answer_is_lost_is_not_sent_again(start, fault):
    """Leads may share an address, so nothing keeps a repeat from being a second lead: the error says what to do."""
    sandbox = start(contacts=[])
    chosen = pd.DataFrame({"identifier": "email", "contact": ["ada@example.org"]})
    sandbox.fail_next(fault, path="/contacts")

    with sandbox.client() as client:
        with pytest.raises(SubmissionError) as caught:
            create_contacts(chosen, client=client, role="lead")
        left = caught.value.results
        there = len(listed(sandbox))
        with pytest.raises(
            ValueError, match=r"contacts: Intercom may have 1 contact with the error code 'may_exist': lo"
        ):
            create_contacts(left, client=client, role="lead")
        created = create_contacts(left.assign(error_code=None), client=client, role="lead")

    assert str(caught.value).endswith(
        "to go on, look in Intercom for the 1 lead with the error code 'may_exist', drop the rows of those that it "
        "has, and empty the error code of the others; then create the results of this error again: "
        "0 of 1 contacts have an answer"
    )
    assert left["status"].isna().all()
    assert left.attrs["run"]["requests"] == 1
    assert (left["error_code"].item(), there) == ("may_exist", 0 if fault == 500 else 1)
    assert left["error_message"].item() == (
        "the request may have arrived, and nobody knows if the contact was created: look for it in Intercom"
    )
    assert created["status"].tolist() == ["created"]


@pytest.mark.parametrize("options", [{}, {"dtype": str, "keep_default_na": False}], ids=["missing", "empty texts"])
def test_a_lead_whose_answer_is_lost_is_refused_from_a_file_too(start, options):
    """Results may be kept in a file: a missing status is an empty cell there, and may come back as an empty text."""
    sandbox = start(contacts=[])
    chosen = pd.DataFrame({"identifier": "email", "contact": ["ada@example.org"]})
    sandbox.fail_next("drop_after", path="/contacts")

    with sandbox.client() as client:
        with pytest.raises(SubmissionError) as caught:
            create_contacts(chosen, client=client, role="lead")
        file = io.StringIO(caught.value.results.to_csv(index=False))
        with pytest.raises(ValueError, match=r"^contacts: Intercom may have 1 contact with the error code 'may_exist"):
            create_contacts(pd.read_csv(file, **options), client=client, role="lead")

    assert len(listed(sandbox)) == 1


def test_a_lead_that_did_not_arrive_is_sent_again(start):
    """A request that the rate limit refused was not made."""
    sandbox = start(contacts=[])
    sandbox.fail_next(429, times=2, path="/contacts")
    chosen = pd.DataFrame({"identifier": "email", "contact": ["ada@example.org"]})

    with sandbox.client() as client:
        created = create_contacts(chosen, client=client, role="lead")

    assert created["status"].tolist() == ["created"]
    assert len(listed(sandbox)) == 1


@pytest.mark.parametrize(
    ("field", "values", "sent"),
    [
        ("phone", pd.Series([491234567.0, None]), ["491234567", None]),
        ("name", pd.Series([7, 8]), ["7", "8"]),
        ("name", pd.Series([b"Ada", None]), ["Ada", None]),
        ("name", pd.Series([True, None], dtype=object), ["true", None]),
        ("signed_up_at", pd.Series([1706659200.0, None]), [1706659200, None]),
        ("signed_up_at", pd.Series([dt.date(2024, 1, 31), None]), [1706659200, None]),
        ("signed_up_at", pd.Series([np.datetime64("2024-01-31"), None], dtype=object), [1706659200, None]),
        ("signed_up_at", pd.Series(["2024-01-31T00:00:00Z", None]), [1706659200, None]),
        ("unsubscribed_from_emails", pd.Series([True, None], dtype="boolean"), [True, False]),
        ("custom_attributes.v", pd.Series([Decimal("19.90"), None]), [19.9, None]),
        ("custom_attributes.v", pd.Series([3.0, None]), [3, None]),
        ("custom_attributes.v", pd.Series(["00042", ""]), ["00042", None]),
        ("custom_attributes.v", pd.to_datetime(pd.Series(["2024-01-31", None])), [1706659200, None]),
        ("custom_attributes.v", pd.Series([True, None], dtype="boolean"), [True, None]),
        ("custom_attributes.v", pd.Series([None, None]), [None, None]),
    ],
)
def test_fields_are_read_as_a_mapping_reads_them(start, field, values, sent):
    """Text, times and bare columns follow the rules of events, and a truth stays one."""
    sandbox = start(contacts=[])
    _, _, attribute = field.partition(".")

    with sandbox.client() as client:
        create_contacts(by_user_id("1", "2", v=values), client=client, fields={field: "v"})

    made = [contact(sandbox, text) for text in ("1", "2")]
    assert [one["custom_attributes"].get(attribute) if attribute else one[field] for one in made] == sent


@pytest.mark.parametrize(
    ("field", "cell", "fault"),
    [
        ("name", ["Ada"], "is nested, and Intercom does not accept nested values"),
        ("name", "x" * 256, "is longer than the 255 characters that Intercom keeps"),
        ("name", "\ud800", "holds half of a character (a lone surrogate), which cannot be sent"),
        ("email", "nobody", "is not an email address"),
        ("avatar", "a picture", "is not an http or https address"),
        ("owner_id", "me", "is not a plain number"),
        ("signed_up_at", "yesterday", "cannot be read as a time"),
        ("custom_attributes.v", {"a": 1}, "is nested, and Intercom does not accept nested values"),
        ("custom_attributes.v", pd.Timedelta("1D"), "has a type that cannot be sent here"),
        ("custom_attributes.v", 2**70, "is too large for a JSON number, which would lose digits"),
        ("custom_attributes.v", np.inf, "is infinite, and JSON has no infinity"),
    ],
)
def test_fields_refuse_odd_cells_before_the_first_request(fake_client, field, cell, fault):
    """The message names row, field and column, and not the value, which may be about a person."""
    client = fake_client()
    chosen = by_user_id("1", "2", v=pd.Series([None, cell], dtype=object))

    with pytest.raises(ValueError, match="contacts: row") as caught:
        create_contacts(chosen, client=client, fields={field: "v"})

    assert str(caught.value) == f"contacts: row 1: fields.{field}: the cell in column 'v' {fault}: correct or empty it"
    assert client.me_requests == 0


@pytest.mark.parametrize(("is_last", "have"), [(False, 0), (True, 2)])
def test_create_contacts_keeps_its_results_when_a_progress_function_fails(start, is_last, have):
    """At its first and last call too, an error of the caller's function ends the creation with the results so far."""
    sandbox = start(contacts=[])

    def fail(progress):
        if progress.is_final is is_last:
            raise RuntimeError("a bug")

    with sandbox.client() as client, pytest.raises(SubmissionError) as caught:
        create_contacts(by_user_id("1", "2"), client=client, progress=fail)

    assert str(caught.value) == (
        "a RuntimeError, the cause of this error, ended the run: to go on, create the results of this error again: "
        f"{have} of 2 contacts have an answer"
    )
    assert caught.value.results["status"].notna().sum() == len(listed(sandbox)) == have


def test_create_contacts_hands_back_what_it_has_when_intercom_fails(start):
    """An outage ends the creation with the contacts so far."""
    sandbox = start(contacts=[])
    chosen = by_user_id("00001", "00002")

    with sandbox.client() as client:
        sandbox.faults = Faults(outage_seconds=60)
        with pytest.raises(OutageError) as caught:
            create_contacts(chosen, client=client)

    assert caught.value.results["status"].isna().all()
    assert str(caught.value) == (
        "Intercom does not accept requests now (503 Service Unavailable, service_unavailable: "
        "Sorry, the API service is unavailable): to go on, create the results of this error again: "
        "0 of 2 contacts have an answer"
    )


def test_create_contacts_refuses_what_is_not_a_table_of_contacts(client):
    """Wrong tables, roles, fields and columns are named, and nothing is sent."""
    with pytest.raises(
        TypeError, match=r"contacts: expected a pandas DataFrame, got a list: give rows of check_contacts"
    ):
        create_contacts(["00042"], client=client)
    with pytest.raises(
        TypeError, match=r"contacts: expected a pandas DataFrame, got a polars\.dataframe\.frame\.DataFrame:"
    ):
        create_contacts(pl.DataFrame({"identifier": ["email"]}), client=client)
    with pytest.raises(ValueError, match=r"contacts: no column 'contact': give rows of check_contacts or"):
        create_contacts(pd.DataFrame({"identifier": ["email"]}), client=client)
    with pytest.raises(ValueError, match=r"contacts: row 1 needs an identifier \(user_id, id or email\) and a contact"):
        create_contacts(by_user_id("00042", None), client=client)
    for blank in ("", " "):
        with pytest.raises(
            ValueError, match=r"contacts: row 0 needs an identifier \(user_id, id or email\) and a contact"
        ):
            create_contacts(by_user_id(blank), client=client)
    number = r"contacts: row 1: the contact is an int, not text: read a file of contacts with dtype=\{'contact': str\}"
    with pytest.raises(ValueError, match=number):
        create_contacts(by_user_id("00042", 43), client=client)
    with pytest.raises(
        ValueError, match=r"contacts: row 1: the contact has a blank at its beginning or end: remove it"
    ):
        create_contacts(by_user_id("00042", " 00043"), client=client)
    with pytest.raises(ValueError, match=r"contacts: row 0: the contact is a list, not text"):
        create_contacts(by_user_id(["00042"]), client=client)
    with pytest.raises(ValueError, match=r"contacts: 2 columns have the name 'contact': rename or drop all but one"):
        create_contacts(pd.concat([by_user_id("1"), by_user_id("2")["contact"]], axis=1), client=client)
    with pytest.raises(ValueError, match=r"role: expected 'user' or 'lead', got 'admin'"):
        create_contacts(by_user_id("00042"), client=client, role="admin")
    with pytest.raises(ValueError, match=r"fields: a contact has no field 'nmae': did you mean 'name'\?"):
        create_contacts(by_user_id("00042", full="Ada"), client=client, fields={"nmae": "full"})
    with pytest.raises(UnknownColumnError, match=r"fields\.name: no column 'ful': did you mean 'full'\?"):
        create_contacts(by_user_id("00042", full="Ada"), client=client, fields={"name": "ful"})
    with pytest.raises(UnknownColumnError, match=r"fields\.name: no column 'Ada'; there are 'identifier', 'contact'$"):
        create_contacts(by_user_id("00042"), client=client, fields={"name": "Ada"})
    with pytest.raises(TypeError, match=r"fields: expected a mapping such as \{'name': 'full_name'\}, got a list"):
        create_contacts(by_user_id("00042"), client=client, fields=["name"])
    with pytest.raises(ValueError, match=r"fields: a contact has no field 'user_id': use 'external_id'"):
        create_contacts(by_user_id("00042", full="1"), client=client, fields={"user_id": "full"})
    with pytest.raises(
        ValueError, match=r"a contact has no field 'custom_attributes.': did you mean 'custom_attributes."
    ):
        create_contacts(by_user_id("00042", full="1"), client=client, fields={"custom_attributes.": "full"})
    with pytest.raises(
        ValueError, match=r"fields: 'external_id' is the identifier of contacts that are named by user_"
    ):
        create_contacts(by_user_id("00042", full="1"), client=client, fields={"external_id": "full"})
    with pytest.raises(
        ValueError, match=r"fields.name: results have a column 'status' of their own: rename the one of c"
    ):
        create_contacts(by_user_id("00042", status="1"), client=client, fields={"name": "status"})
    with pytest.raises(MappingError, match=r"fields.name: 2 columns have the name 'full': rename or drop all but one"):
        create_contacts(
            pd.concat([by_user_id("1", full="a"), pd.Series(["b"], name="full")], axis=1),
            client=client,
            fields={"name": "full"},
        )
    with pytest.raises(
        ValueError, match=r"fields.unsubscribed_from_emails: column 'v' has other values than True and Fal"
    ):
        create_contacts(by_user_id("1", v=[1]), client=client, fields={"unsubscribed_from_emails": "v"})


def test_submitting_never_creates_a_contact(start, make_orders, mapping):
    """Unknown contacts stay unknown, whether contacts are checked first or not."""
    sandbox = start(contacts=[])

    with sandbox.client() as client:
        for contacts in (None, "check"):
            results = submit_events(make_orders(2), mapping, client=client, contacts=contacts, journal=None)
            assert results["status"].tolist() == ["unknown_contact"] * 2
        with pytest.raises(SubmissionError):
            submit_events(make_orders(3), mapping, client=client, contacts="check", canary=1)

    assert sandbox.requests == 2


def test_create_contacts_refuses_contacts_that_a_check_has_found(start, make_orders, mapping):
    """Each would take a request, and create nothing; the rows to create are chosen by their status."""
    sandbox = start(contacts=["00000"], merged_contacts={"00001": "00000"})

    with sandbox.client() as client:
        contacts = check_contacts(make_orders(3), mapping, client=client)
        before = sandbox.requests
        for row, status in ((0, "known"), (1, "merged")):
            fault = rf"contacts: row 0 has the status '{status}', so Intercom has the contact: give only the rows to"
            with pytest.raises(ValueError, match=fault):
                create_contacts(contacts.iloc[row:], client=client)
        assert sandbox.requests == before
        assert create_contacts(contacts.iloc[2:], client=client)["status"].tolist() == ["created"]
