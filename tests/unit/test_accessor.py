"""The accessor: the documented functions as methods of a frame."""

import inspect

import pandas as pd

from events_pandas import CheckReport, Sandbox, verify


def test_accessor_checks_its_frame(make_orders, mapping, fake_client):
    """`frame.intercom.check` is `check_events` of the frame."""
    client = fake_client()

    report = make_orders(3).intercom.check(mapping, client=client)

    assert isinstance(report, CheckReport)
    assert (report.rows, report.workspace.name) == (3, "Acme")


def test_accessor_previews_its_frame(make_orders, mapping):
    """`frame.intercom.preview` is the preview of the frame's check, with five events unless `n` says otherwise."""
    orders = make_orders(7)

    previews = [orders.intercom.preview(mapping), orders.intercom.preview(mapping, n=1)]

    assert [len(preview.events) for preview in previews] == [5, 1]
    assert str(previews[1]) == "placed-order\n  contact     user_id 00000\n  created_at  2024-01-31 00:00:00 UTC"


def test_accessor_submits_its_frame(make_orders, mapping, fake_client):
    """`frame.intercom.submit` is `submit_events` of the frame, options included."""
    client = fake_client()

    results = make_orders(2).set_axis(["a", "b"]).intercom.submit(mapping, client=client, preflight=False, journal=None)

    assert isinstance(results, pd.DataFrame)
    assert results["status"].to_dict() == {"a": "accepted", "b": "accepted"}
    assert client.me_requests == 0


def test_accessor_names_the_unknown_contacts_of_its_frame(make_orders, mapping, fake_client):
    """`frame.intercom.unknown_contacts` is `unknown_contacts` with the frame."""
    orders = make_orders(2)
    results = orders.intercom.submit(mapping, client=fake_client({"00001": [404]}))

    contacts = orders.intercom.unknown_contacts(results, mapping)

    assert contacts["contact"].tolist() == ["00001"]


def test_accessor_verifies_its_frame(make_orders, mapping):
    """`frame.intercom.verify` is `verify` with the frame, and has its options."""
    orders = make_orders(3)
    with Sandbox(limit=None) as sandbox, sandbox.client() as client:
        results = orders.intercom.submit(mapping, client=client)

        found = orders.intercom.verify(results, mapping, client=client, sample=2, include_identifier=True)

    assert (found.drawn, found.counts["matching"], "contact" in found.groups) == (2, 2, True)
    parameters = [inspect.signature(function).parameters for function in (verify, orders.intercom.verify)]
    assert [(name, given.default) for name, given in parameters[0].items() if name != "frame"] == [
        (name, given.default) for name, given in parameters[1].items()
    ]
