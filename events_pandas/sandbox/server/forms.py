"""The forms in which clients say who they are, where they go and what they read: Intercom takes many for the same."""

import base64
import re
from collections.abc import Iterable
from typing import Final, TypeAlias
from urllib.parse import unquote_to_bytes

Credentials: TypeAlias = tuple[bytes, bytes]
"""A scheme in lower case, and what is said in it."""

# Not after a colon: an external identifier that is an address itself is not always encoded.
_SLASHES: Final = re.compile(rb"(?<!:)/{2,}")
_JSON: Final = re.compile(rb"application/(?:[^/+*]+\+)?json")
# The narrowest first: "application/json;q=0, */*" wants all but JSON.
_RANGES: Final = (b"application/json", b"application/*", b"*/*", b"*")
_UNWANTED: Final = re.compile(rb";\s*q\s*=\s*(?:0(?:\.0*)?|\.0+)\s*(?:;|$)")


def plain_path(raw_path: bytes) -> str:
    """Return a path without the slashes that clients write twice or at its end.

    Parameters
    ----------
    raw_path : bytes
        As it stands in the address: a slash that belongs to an identifier is encoded, and stays.

    Returns
    -------
    str
        The path, decoded.

    Examples
    --------
    >>> plain_path(b"//events/"), plain_path(b"/contacts/find_by_external_id/a%2F%2Fb"), plain_path(b"/")
    ('/events', '/contacts/find_by_external_id/a//b', '/')
    """
    plain = _SLASHES.sub(b"/", raw_path).rstrip(b"/") or b"/"
    return unquote_to_bytes(plain).decode(errors="replace")


def joined_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return headers by name.

    Parameters
    ----------
    headers : iterable of (bytes, bytes)
        Names in lower case, and values.

    Returns
    -------
    dict of bytes to bytes
        One that is there several times is a list, as HTTP has it.
    """
    joined: dict[bytes, bytes] = {}
    for name, value in headers:
        joined[name] = b"%b, %b" % (joined[name], value) if name in joined else value
    return joined


def token_credentials(access_token: str) -> frozenset[Credentials]:
    """Return the ways to present a token.

    Parameters
    ----------
    access_token : str
        The token.

    Returns
    -------
    frozenset of Credentials
        A bearer token, and the user of HTTP Basic with an empty password: as older clients have it.
    """
    user = base64.b64encode(f"{access_token}:".encode()).rstrip(b"=")
    return frozenset({(b"bearer", access_token.encode()), (b"basic", user)})


def read_credentials(authorization: bytes) -> Credentials:
    """Read an Authorization header.

    Parameters
    ----------
    authorization : bytes
        Its value.

    Returns
    -------
    Credentials
        In the form of `token_credentials`; what is in another form equals none of these.
    """
    scheme, _, said = authorization.partition(b" ")
    scheme, said = scheme.lower(), said.strip()
    # Not every client writes the equals signs at the end of what is in base 64.
    return scheme, said.rstrip(b"=") if scheme == b"basic" else said


def accepts_json(accept: bytes) -> bool:
    """Say whether an Accept header admits JSON.

    Parameters
    ----------
    accept : bytes
        Its value; empty where there is no such header.

    Returns
    -------
    bool
        True for a vendor's JSON as well; False for an empty header, as Intercom has it.

    Examples
    --------
    >>> accepts_json(b"application/vnd.intercom.3+json"), accepts_json(b"text/html, *;q=0.2"), accepts_json(b"text/*")
    (True, True, False)
    """
    ranges = [_media_range(one) for one in accept.lower().split(b",")]
    if any(is_wanted and _JSON.fullmatch(media_range) for media_range, is_wanted in ranges):
        return True
    wanted = dict(ranges)
    return next((wanted[one] for one in _RANGES if one in wanted), False)


def _media_range(text: bytes) -> tuple[bytes, bool]:
    media_range, *_ = text.partition(b";")
    return media_range.strip(), not _UNWANTED.search(text)
