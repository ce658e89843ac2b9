"""Contacts are created on demand, each by one request; the sandbox answers over a socket."""

import os
import signal

import pandas as pd
import pytest
import requests

from events_pandas import (
    Faults,
    OutageError,
    SubmissionError,
    SubmissionInterrupted,
    UnknownColumnError,
    check_contacts,
    create_contacts,
    submit_events,
)


def by_user_id(*texts, **columns):
    return pd.DataFrame({"identifier": "user_id", "contact": list(texts), **columns})


def contact(sandbox, external_id):
    headers = {"Authorization": f"Bearer {sandbox.access_token}"}
    url = f"{sandbox.url}/contacts/find_by_external_id/{external_id}"
    return requests.get(url, headers=headers, timeout=10).json()


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


def test_create_contacts_hands_back_what_it_has_when_intercom_fails(start):
    """An outage ends the creation with the contacts so far."""
    sandbox = start(contacts=[])
    chosen = by_user_id("00001", "00002")

    with sandbox.client() as client:
        sandbox.faults = Faults(outage_seconds=60)
        with pytest.raises(OutageError) as caught:
            create_contacts(chosen, client=client)

    assert caught.value.results["status"].isna().all()


def test_create_contacts_refuses_what_is_not_a_table_of_contacts(client):
    """Wrong tables, roles, fields and columns are named, and nothing is sent."""
    with pytest.raises(TypeError, match=r"contacts: expected a DataFrame, got a list: give rows of check_contacts"):
        create_contacts(["00042"], client=client)
    with pytest.raises(ValueError, match=r"contacts: no column 'contact': give rows of check_contacts or"):
        create_contacts(pd.DataFrame({"identifier": ["email"]}), client=client)
    with pytest.raises(ValueError, match=r"contacts: row 1 needs an identifier \(user_id, id or email\) and a contact"):
        create_contacts(by_user_id("00042", None), client=client)
    with pytest.raises(ValueError, match=r"role: expected 'user' or 'lead', got 'admin'"):
        create_contacts(by_user_id("00042"), client=client, role="admin")
    with pytest.raises(ValueError, match=r"fields: a contact has no field 'nmae': did you mean 'name'\?"):
        create_contacts(by_user_id("00042", full="Ada"), client=client, fields={"nmae": "full"})
    with pytest.raises(UnknownColumnError, match=r"fields\.name: no column 'ful': did you mean 'full'\?"):
        create_contacts(by_user_id("00042", full="Ada"), client=client, fields={"name": "ful"})


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
