"""The faults of a mapping, or of a proposal, that cannot be made."""

import pytest

from events_pandas.errors import MappingError


@pytest.fixture
def faults():
    """Return a function that returns the faults for which a call is refused."""

    def faults(make, *args, **fields):
        with pytest.raises(MappingError) as caught:
            make(*args, **fields)
        return list(caught.value.faults)

    return faults
