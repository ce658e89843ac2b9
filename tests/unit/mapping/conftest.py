"""A valid mapping to vary, and the faults of an invalid one."""

import pytest

from events_pandas.errors import MappingError
from events_pandas.mapping import EventMapping


@pytest.fixture
def mapping():
    """Return a function that makes a mapping; fields that are not given are valid."""

    def mapping(**fields):
        if not fields.keys() & {"user_id", "id", "email"}:
            fields["user_id"] = "customer"
        return EventMapping(**{"event_name": "placed-order", "created_at": "time", **fields})

    return mapping


@pytest.fixture
def faults():
    """Return a function that returns the faults for which a call is refused."""

    def faults(make, *args, **fields):
        with pytest.raises(MappingError) as caught:
            make(*args, **fields)
        return list(caught.value.faults)

    return faults
