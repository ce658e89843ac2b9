"""Where a sandbox listens, and under which names it may be asked."""

import ipaddress
from typing import Final

from events_pandas.sandbox.rules.kinds import is_whole

_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PORTS: Final = range(65_536)


def checked_host(host: object) -> str:
    """Return an address to listen on if it can be one.

    Parameters
    ----------
    host : object
        What is wished for.

    Returns
    -------
    str
        The address, or a name.

    Raises
    ------
    ValueError
        If it is no text, blank, or no name that a network could know.
    """
    if not isinstance(host, str) or not host.strip() or not _is_name(host):
        # An empty one would listen on every address.
        raise ValueError(f"host must be an address or a name, such as '127.0.0.1' or 'localhost', not {host!r}")
    return host


def checked_port(port: object) -> int:
    """Return a port if it is one.

    Parameters
    ----------
    port : object
        What is wished for.

    Returns
    -------
    int
        The port; 0 for any that is free.

    Raises
    ------
    ValueError
        If it is no whole number from 0 to 65535.
    """
    if not is_whole(port) or port not in _PORTS:
        raise ValueError(f"port must be a whole number from 0 to 65535, not {port!r}; 0 stands for any that is free")
    return int(port)


def host_to_ask(host: str) -> str:
    """Return the host under which this machine reaches a sandbox, as it stands in a URL.

    Parameters
    ----------
    host : str
        The address that the sandbox listens on.

    Returns
    -------
    str
        The loopback's for a sandbox that listens on all addresses, since those are none to connect to; an IPv6 address
        in brackets.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"  # noqa: PLR2004  # The version of the protocol.
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    """Return whether nobody but this machine reaches an address.

    Parameters
    ----------
    host : str
        The address that a sandbox listens on.

    Returns
    -------
    bool
        True for ``"localhost"`` and the addresses of the loopback.
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def allowed_hosts(host: str) -> frozenset[str] | None:
    """Return the names that a sandbox goes by.

    Parameters
    ----------
    host : str
        The address that it listens on.

    Returns
    -------
    frozenset of str or None
        On the loopback its own names, as they stand in the Host header; None for any, on other addresses.

    Notes
    -----
    A page of somebody else's can have its own name point to the loopback, and would be taken for the sandbox's own by
    the browser that shows it (DNS rebinding): it would read everything. The name that it came by gives it away.
    """
    if not is_loopback(host):
        return None
    return _LOOPBACK_NAMES | {host_to_ask(host).lower()}


def is_allowed(host_header: bytes | None, allowed: frozenset[str] | None) -> bool:
    """Return whether a request came by one of the names.

    Parameters
    ----------
    host_header : bytes or None
        The value of the Host header, with or without a port; None where there is no such header, as HTTP/1.0 allows:
        no browser leaves it out.
    allowed : frozenset of str or None
        What `allowed_hosts` returned.

    Returns
    -------
    bool
        False for a name that the sandbox does not go by.
    """
    if allowed is None or host_header is None:
        return True
    text = host_header.decode("latin-1").lower()
    name, colon, port = text.rpartition(":")
    return (name if colon and port.isdigit() else text) in allowed


def _is_name(host: str) -> bool:
    try:
        # As a socket does.
        host.encode("idna")
    except UnicodeError:
        return False
    return host.isprintable()
