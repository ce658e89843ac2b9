"""What a check of contacts says against what their events are answered, in random workspaces."""

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas import EventMapping, Sandbox, check_contacts, submit_events

ANSWERS = {"known": 202, "unknown": 404, "ambiguous": 409, "merged": 410}
MAPPING = EventMapping(event_name="e", created_at="day", user_id="user_id", id="id", email="email", timezone="UTC")

numbers = st.integers(0, 3)
roles = st.sampled_from(["user", "user", "lead"])
addresses = st.one_of(st.none(), st.builds("{}@Example.org".format, numbers))
people = st.lists(st.tuples(roles, addresses), max_size=5)
named = st.one_of(
    st.builds(lambda number: {"user_id": f"u{number}"}, st.integers(0, 5)),
    st.builds(lambda number: {"user_id": f"old{number}"}, numbers),
    st.builds(lambda text: {"user_id": text}, st.sampled_from(["a/b", "..", "U0", " u0 x"])),
    st.builds(lambda number: {"id": f"5f0{number}"}, st.integers(0, 5)),
    st.builds(lambda text: {"id": text}, st.sampled_from(["a/b", "search", "merge"])),
    st.builds(lambda number: {"email": f"{number}@example.ORG"}, numbers),
)


def key(row):
    """Return a contact as it is compared: addresses ignore case."""
    return (row.identifier, row.contact.lower() if row.identifier == "email" else row.contact)


@settings(deadline=None, max_examples=settings.default.max_examples // 4)
@given(people, st.lists(named, min_size=1, max_size=12))
def test_statuses_of_contacts_agree_with_what_their_events_are_answered(described, rows):
    """A known contact takes events, an unknown one gets 404, an ambiguous address 409 and a merged contact 410.

    A check as the first step of a run changes no status of its rows.
    """
    contacts = [
        {"id": f"5f0{n}", "role": role, "email": email, **({"external_id": f"u{n}"} if role == "user" else {})}
        for n, (role, email) in enumerate(described)
    ]
    users = [contact["external_id"] for contact in contacts if contact["role"] == "user"]
    merged = {f"old{n}": user for n, user in enumerate(users[:2])}
    frame = pd.DataFrame(rows, columns=["user_id", "id", "email"], dtype=object).assign(day="2024-01-31")
    options = {"journal": None, "include_identifier": True, "progress": False}
    with (
        Sandbox(contacts=[*contacts, "somebody"], merged_contacts=merged, limit=None) as sandbox,
        sandbox.client() as client,
    ):
        known = check_contacts(frame, MAPPING, client=client, progress=False)
        checked = submit_events(frame, MAPPING, client=client, contacts="check", **options)
        sent = submit_events(frame, MAPPING, client=client, **options)

    statuses = {key(contact): contact.status for contact in known.itertuples()}
    for row in sent.itertuples():
        if row.attempts:
            assert row.http_status == ANSWERS[statuses[key(row)]]
    assert checked["status"].tolist() == sent["status"].tolist()
