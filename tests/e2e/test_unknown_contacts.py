"""Unknown contacts: a table names them, the user creates them, and their rows are submitted again."""

from dataclasses import replace

import pandas as pd
import requests

from events_pandas import iter_submit, submit_events, submit_file, unknown_contacts


def test_rows_are_accepted_once_their_contacts_are_created(make_orders, mapping, start, held):
    """The table names the contacts to create; after that, the same rows are accepted."""
    sandbox = start(contacts=["00001"])
    orders = make_orders(6).set_axis(list("aabbcc"))
    orders["who"] = ["00001", "00007", "00001", "00008", "00007", "00007"]
    orders["day"] = [f"2024-02-{day:02d}" for day in range(1, 7)]

    with sandbox.client() as client:
        results = submit_events(orders, mapping, client=client)
        contacts = orders.intercom.unknown_contacts(results, mapping)
        for contact in contacts["contact"]:
            answer = requests.post(
                f"{sandbox.url}/contacts",
                json={"external_id": contact},
                headers={"Authorization": f"Bearer {sandbox.access_token}"},
                timeout=10,
            )
            assert answer.ok
        rest = submit_events(orders[results["status"] == "unknown_contact"], mapping, client=client)

    assert contacts[["identifier", "contact", "rows"]].to_numpy().tolist() == [
        ["user_id", "00007", 3],
        ["user_id", "00008", 1],
    ]
    assert contacts["first_event"].tolist() == [
        pd.Timestamp("2024-02-02", tz="UTC"),
        pd.Timestamp("2024-02-04", tz="UTC"),
    ]
    assert rest["status"].tolist() == ["accepted"] * 4
    assert held(sandbox) == sorted(orders["who"])


def test_unknown_contacts_of_files_are_found_in_the_rows_read_as_text(folder, make_orders, mapping, start):
    """Rows are counted over all files, so the files read in the same order have the same rows."""
    sandbox = start(unknown_contacts=["00002", "00004"])
    make_orders(3).to_csv(folder / "a.csv", index=False)
    make_orders(3, start=3).to_csv(folder / "b.csv", index=False)

    with sandbox.client() as client:
        results = submit_file("*.csv", mapping, client=client, chunksize=2)
    rows = pd.concat([pd.read_csv(name, dtype=str, keep_default_na=False) for name in ("a.csv", "b.csv")])

    assert unknown_contacts(results, rows, mapping)["contact"].tolist() == ["00002", "00004"]


def test_unknown_contacts_of_a_stream_are_found_frame_by_frame(make_orders, mapping, start):
    """Each part of the results belongs to its frame, and rows that were not sent count too."""
    sandbox = start(unknown_contacts=["00001"])
    frames = [make_orders(2), make_orders(2, day=["2024-02-01", "2024-02-02"])]

    with sandbox.client() as client:
        parts = list(iter_submit(frames, mapping, client=client, concurrency=1))

    named = [unknown_contacts(part, frame, mapping) for part, frame in zip(parts, frames, strict=True)]
    assert [contacts["contact"].tolist() for contacts in named] == [["00001"], ["00001"]]
    assert [part["attempts"].tolist() for part in parts] == [[1, 1], [1, 0]]


def test_stripped_identifiers_are_one_contact_everywhere(make_orders, mapping, start, held):
    """Payloads, journal, unknown contacts and results know a stripped identifier by what is left of it."""
    sandbox = start(contacts=["00001"])
    orders = make_orders(4, day=["2024-02-01", "2024-02-02", "2024-02-01", "2024-02-03"])
    orders["who"] = [" 00001", "00007\u200b", "00001\u00a0", "\ufeff00007"]
    stripping = replace(mapping, strip_identifiers=True)

    with sandbox.client() as client:
        results = submit_events(orders, stripping, client=client, include_identifier=True)
        again = submit_events(orders.assign(who=orders["who"].str[-5:]), stripping, client=client)

    assert results["contact"].tolist() == ["00001", "00007", "00001", "00007"]
    assert results["status"].tolist() == ["accepted", "unknown_contact", "duplicate", "unknown_contact"]
    assert unknown_contacts(results, orders, stripping)[["contact", "rows"]].to_numpy().tolist() == [["00007", 2]]
    assert held(sandbox) == ["00001"]
    assert again["status"].iloc[0] == "already_submitted"
