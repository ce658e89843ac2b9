"""Under which names the page and the control may be asked for."""

import pytest

from events_pandas.sandbox.server.hosts import allowed_hosts, is_allowed, is_loopback


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("sandbox.example.org", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host, expected) -> None:
    """All other addresses may be somebody else's."""
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("host", "header", "expected"),
    [
        ("127.0.0.1", b"127.0.0.1:8080", True),
        ("127.0.0.1", b"localhost:8080", True),
        ("127.0.0.1", b"LocalHost", True),
        ("127.0.0.1", b"[::1]:8080", True),
        ("127.0.0.2", b"127.0.0.2:8080", True),
        ("::1", b"[::1]", True),
        ("127.0.0.1", b"attacker.example:8080", False),
        ("127.0.0.1", b"localhost.attacker.example", False),
        ("127.0.0.1", b"127.0.0.1:8080@attacker.example", False),
        ("127.0.0.1", b"\xff", False),
        ("127.0.0.1", b"", False),
        ("0.0.0.0", b"anything.example", True),
    ],
)
def test_name_is_the_sandboxs_own_on_the_loopback(host, header, expected) -> None:
    """A name of somebody else's that points to the loopback is refused; on other addresses any name will do."""
    assert is_allowed(header, allowed_hosts(host)) is expected
