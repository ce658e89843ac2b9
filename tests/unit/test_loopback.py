"""Which hosts are this machine."""

import pytest

from events_pandas.loopback import is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "LOCALHOST"])
def test_loopback_is_true_for_this_machine(host):
    """The loopback addresses and the name localhost reach only this machine."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1.example.com",
        "localhost.example.com",
        "sandbox.example.org",
        "10.0.0.1",
        "192.0.2.1",
        "0.0.0.0",
        "::",
        "",
    ],
)
def test_loopback_is_false_for_other_machines(host):
    """A name that begins like this machine's is another machine, and so is every other address."""
    assert not is_loopback(host)
