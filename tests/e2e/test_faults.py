"""A bad day at Intercom: what is lost, answered twice or held back arrives once."""

from collections import Counter

from events_pandas import Faults, submit_events


def test_every_event_arrives_once_whatever_is_lost(make_orders, mapping, start, quick_retry):
    """With a quarter of the requests going wrong, all rows are accepted, and each event is held once."""
    faults = Faults(statuses={500: 0.05, 502: 0.05, 429: 0.05}, drop_before=0.05, drop_after=0.05)
    sandbox = start(faults=faults)

    with sandbox.client() as client:
        results = submit_events(make_orders(400), mapping, client=client, retry=quick_retry)

    assert results["status"].value_counts()["accepted"] == 400
    assert Counter(event.contact for event in sandbox.events) == Counter(make_orders(400)["who"])
    assert sandbox.requests == results["attempts"].sum() == results.attrs["run"]["requests"]
    assert results.attrs["run"]["retries"] > 50
    assert sandbox.duplicates > 0


def test_every_event_arrives_once_when_the_preflight_fails_at_first(make_orders, mapping, sandbox, client, quick_retry):
    """The first question is asked again, as any other."""
    sandbox.fail_next(503, path="/me")

    results = submit_events(make_orders(2), mapping, client=client, retry=quick_retry)

    assert results["status"].tolist() == ["accepted"] * 2
