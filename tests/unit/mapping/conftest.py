"""A valid mapping to vary."""

import pytest

from events_pandas.mapping import EventMapping


@pytest.fixture
def mapping():
    """Return a function that makes a mapping; fields that are not given are valid."""

    def mapping(**fields):
        if not fields.keys() & {"user_id", "id", "email"}:
            fields["user_id"] = "customer"
        return EventMapping(**{"event_name": "placed-order", "created_at": "time", **fields})

    return mapping
