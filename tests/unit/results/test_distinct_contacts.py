"""The distinct contacts of a frame: joined in parts, in the order of a frame of any size."""

import numpy as np
import pandas as pd

from events_pandas import EventMapping
from events_pandas.results.distinct_contacts import distinct_contacts

MAPPING = EventMapping(event_name="placed-order", created_at="day", email="who", timezone="UTC")


def test_contacts_of_many_rows_are_those_that_pandas_groups():
    """Rows that are far apart are joined, and a contact with more rows or an earlier first row comes first."""
    numbers = np.random.default_rng(7).integers(0, 30_000, 60_000)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.random.default_rng(8).integers(0, 366, 60_000), unit="D")
    orders = pd.DataFrame({"who": [f"u{number}@example.com" for number in numbers], "day": days})
    orders.loc[orders.index % 3 == 0, "who"] = orders["who"].str.upper()

    contacts = distinct_contacts(orders, MAPPING)

    grouped = orders.groupby(orders["who"].str.lower(), sort=False)
    expected = grouped.agg(
        contact=("who", "first"), rows=("day", "size"), first_event=("day", "min"), last_event=("day", "max")
    ).sort_values("rows", ascending=False, kind="stable")
    assert contacts["identifier"].eq("email").all()
    for name in expected:
        found = contacts[name].dt.tz_localize(None) if name.endswith("_event") else contacts[name]
        assert found.tolist() == expected[name].tolist()


def test_contacts_without_a_row_or_a_time_are_counted():
    """A frame without contacts has none; a contact whose times cannot be read has no first event."""
    orders = pd.DataFrame({"who": ["a@example.com", "a@example.com", None], "day": ["never", "never", "2024-01-31"]})

    contacts = distinct_contacts(orders, MAPPING)

    assert contacts[["contact", "rows"]].to_numpy().tolist() == [["a@example.com", 2]]
    assert contacts[["first_event", "last_event"]].isna().all(axis=None)
    assert distinct_contacts(orders.iloc[2:], MAPPING).empty
    assert distinct_contacts(orders.iloc[:0], MAPPING).dtypes.equals(contacts.dtypes)
