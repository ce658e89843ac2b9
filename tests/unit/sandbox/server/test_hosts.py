"""Where a sandbox listens, and under which names it may be asked."""

import re

import numpy as np
import pytest

from events_pandas.sandbox.server.app import allowed_hosts, checked_host, checked_port, is_allowed, reachable_host


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::", "localhost", "fe80::1%eth0", "sandbox.example.org", "bücher.example"]
)
def test_host_is_an_address_or_a_name(host) -> None:
    """Whether it can be listened on is seen at the start."""
    assert checked_host(host) == host


@pytest.mark.parametrize("host", ["", " ", None, b"127.0.0.1", 0, "a\0b", "a..b", "a" * 64])
def test_host_is_refused_when_nothing_can_listen_there(host) -> None:
    """An empty one would listen on every address, which nobody has asked for."""
    message = f"host must be an address or a name, such as '127.0.0.1' or 'localhost', not {host!r}"

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        checked_host(host)


@pytest.mark.parametrize("port", [0, 65535, np.int64(8080)])
def test_port_is_a_whole_number_of_16_bits(port) -> None:
    """All of them are possible, 0 for any that is free."""
    assert checked_port(port) == port


@pytest.mark.parametrize("port", [-1, 65536, True, 80.0, "8080", None])
def test_port_is_refused_when_there_is_no_such_port(port) -> None:
    """It is told before a socket is opened."""
    message = f"port must be a whole number from 0 to 65535, not {port!r}; 0 stands for any that is free"

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        checked_port(port)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "[::1]"),
        ("localhost", "localhost"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "[2001:db8::1]"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("sandbox.example.org", "sandbox.example.org"),
    ],
)
def test_host_to_ask_is_one_that_can_be_connected_to(host, expected) -> None:
    """All addresses together are none to connect to: the loopback is one of them."""
    assert reachable_host(host) == expected


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
        ("127.0.0.1", None, True),
        ("0.0.0.0", b"anything.example", True),
    ],
)
def test_name_is_the_sandboxs_own_on_the_loopback(host, header, expected) -> None:
    """A name of somebody else's that points to the loopback is refused; no name at all comes from no browser."""
    assert is_allowed(header, allowed_hosts(host)) is expected
