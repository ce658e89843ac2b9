"""The real purchases in the package: every row and every event."""

import pandas as pd

from events_pandas import EventMapping, check_events, submit_events


def test_sample_arrives_event_by_event(samples, sandbox, client):
    """The results match the sandbox's events, for rows with some duplicates and one invalid row."""
    purchases = pd.read_csv(samples / "purchases.csv", dtype=str)[1_500:1_900]
    mapping = EventMapping.from_toml(samples / "purchases.toml")

    results = submit_events(purchases, mapping, client=client)

    counts = results["status"].value_counts()
    assert counts[counts > 0].to_dict() == {"accepted": 331, "duplicate": 68, "invalid": 1}
    accepted = purchases[results["status"] == "accepted"]
    sent = zip(accepted["customer_id"], results["created_at"][accepted.index], accepted["dollar_value"], strict=True)
    assert sorted((who, second.timestamp(), round(float(dollars) * 100)) for who, second, dollars in sent) == sorted(
        (event.contact, event.created_at, event.metadata["price"]["amount"]) for event in sandbox.events
    )
    assert sandbox.duplicates == 0


def test_sample_is_checked_as_it_is_submitted(samples):
    """The check counts the same duplicates and invalid rows as the run."""
    purchases = pd.read_csv(samples / "purchases.csv", dtype=str)

    report = check_events(purchases, EventMapping.from_toml(samples / "purchases.toml"))

    assert (report.rows, report.requests, report.duplicates, report.invalid) == (3_316, 3_168, 144, 4)
