"""Under which names the page and the control may be asked for."""

import ipaddress
from typing import Final

_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


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
    own_name = f"[{host}]" if ":" in host else host
    return _LOOPBACK_NAMES | {own_name.lower()}


def is_allowed(host_header: bytes, allowed: frozenset[str] | None) -> bool:
    """Return whether a request came by one of the names.

    Parameters
    ----------
    host_header : bytes
        The value of the Host header, with or without a port.
    allowed : frozenset of str or None
        What `allowed_hosts` returned.

    Returns
    -------
    bool
        False for a name that the sandbox does not go by.
    """
    if allowed is None:
        return True
    text = host_header.decode("latin-1").lower()
    name, colon, port = text.rpartition(":")
    return (name if colon and port.isdigit() else text) in allowed
