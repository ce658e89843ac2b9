"""Whether a host is this machine."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a name or an address, without brackets, reaches this machine only.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost.example.com")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
