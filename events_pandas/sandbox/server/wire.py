"""HTTP with its clients: their paths, headers and tokens; and responses, sent whole, byte by byte, or not at all."""

import asyncio
import base64
import re
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from functools import lru_cache
from http.client import responses
from typing import Final, Self, TypeAlias
from urllib.parse import unquote_to_bytes

from starlette.types import Message, Receive, Scope, Send

from events_pandas.sandbox.endpoints.replies import HttpResponse, with_content

Credentials: TypeAlias = tuple[bytes, bytes]
"""A scheme in lower case, and its value."""

# Not after a colon: clients do not always encode an external identifier that is a URL.
_SLASHES: Final = re.compile(rb"(?<!:)/{2,}")
_JSON: Final = re.compile(rb"application/(?:[^/+*]+\+)?json")
# The narrowest first: "application/json;q=0, */*" accepts everything but JSON.
_RANGES: Final = (b"application/json", b"application/*", b"*/*", b"*")
_UNWANTED: Final = re.compile(rb";\s*q\s*=\s*(?:0(?:\.0*)?|\.0+)\s*(?:;|$)")
# Intercom's empty bodies may be white space: so white space trickles for an empty body.
_WHITE_SPACE: Final = b" " * 10


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientConnection:
    """The way back to a client: `receive` and `send` are ASGI's.

    `transport` is the socket, for what ASGI does not allow. `give_up` tells the server not to wait for this answer when
    it stops.
    """

    receive: Receive
    send: Send
    transport: asyncio.WriteTransport
    give_up: Callable[[], None]

    @classmethod
    def of_request(cls, scope: Scope, receive: Receive, send: Send) -> Self:
        """Return the connection of a request; the server's protocol has put its parts into the state."""
        state = scope["state"]
        return cls(receive=receive, send=send, transport=state["transport"], give_up=state["give_up"])


def plain_path(raw_path: bytes) -> str:
    """Decode a path, and drop the slashes that clients write twice or at its end.

    A slash inside an identifier is encoded, and stays: ``/contacts/find_by_external_id/a%2F%2Fb`` ends in ``a//b``.
    """
    plain = _SLASHES.sub(b"/", raw_path).rstrip(b"/") or b"/"
    return unquote_to_bytes(plain).decode(errors="replace")


def joined_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return headers by name. Several with one name become a list with commas, as HTTP has it."""
    joined: dict[bytes, bytes] = {}
    for name, value in headers:
        joined[name] = b"%b, %b" % (joined[name], value) if name in joined else value
    return joined


def token_credentials(access_token: str) -> frozenset[Credentials]:
    """Return the ways to present a token: a bearer, or as in older clients the user of HTTP Basic without password."""
    user = base64.b64encode(f"{access_token}:".encode()).rstrip(b"=")
    return frozenset({(b"bearer", access_token.encode()), (b"basic", user)})


def read_credentials(authorization: bytes) -> Credentials:
    """Read the value of an Authorization header; in another form it equals none of `token_credentials`."""
    scheme, _, said = authorization.partition(b" ")
    scheme, said = scheme.lower(), said.strip()
    # Some clients leave out the equals signs at the end of base 64.
    return scheme, said.rstrip(b"=") if scheme == b"basic" else said


@lru_cache(maxsize=16)
def accepts_json(accept: bytes) -> bool:
    """Return whether an Accept header admits JSON. A vendor's JSON counts; an empty header does not, as in Intercom."""
    ranges = [_media_range(one) for one in accept.lower().split(b",")]
    if any(is_wanted and _JSON.fullmatch(media_range) for media_range, is_wanted in ranges):
        return True
    wanted = dict(ranges)
    return next((wanted[one] for one in _RANGES if one in wanted), False)


async def send_response(response: HttpResponse, connection: ClientConnection, *, trickle_seconds: float = 1.0) -> None:
    """Send a response with its fault. `trickle_seconds` is the pause before each trickling byte."""
    if response.fault == "no_answer":
        # Wait for the client to leave.
        connection.give_up()
        await connection.receive()
    elif response.fault == "trickle_body":
        await _trickle_body(response, connection, trickle_seconds)
    elif response.fault == "trickle_headers":
        await _trickle_headers(response, connection, trickle_seconds)
    else:
        await connection.send(_start(response))
        await connection.send({"type": "http.response.body", "body": response.content})


async def drop(connection: ClientConnection) -> None:
    """Close a connection without an answer."""
    connection.transport.abort()
    # Wait for the disconnection, the next message: before it, the server would answer 500 for the missing answer.
    await connection.receive()


def _media_range(text: bytes) -> tuple[bytes, bool]:
    media_range, *_ = text.partition(b";")
    return media_range.strip(), not _UNWANTED.search(text)


async def _trickle_body(response: HttpResponse, connection: ClientConnection, trickle_seconds: float) -> None:
    response = response if response.content else with_content(response, _WHITE_SPACE)
    await connection.send(_start(response))
    left = len(response.content)
    async with aclosing(_slowly(response.content, connection, trickle_seconds)) as content:
        async for byte in content:
            left -= 1
            await connection.send({"type": "http.response.body", "body": byte, "more_body": left > 0})


async def _trickle_headers(response: HttpResponse, connection: ClientConnection, trickle_seconds: float) -> None:
    async for byte in _slowly(_raw(response), connection, trickle_seconds):
        connection.transport.write(byte)
    # The server does not know that these bytes were written, and could not reuse the connection.
    connection.transport.close()
    await connection.receive()


async def _slowly(content: bytes, connection: ClientConnection, pause_seconds: float) -> AsyncGenerator[bytes, None]:
    """Yield the bytes one by one, each after a pause, until the client leaves."""
    connection.give_up()
    departure = asyncio.ensure_future(connection.receive())
    try:
        for position in range(len(content)):
            await asyncio.wait({departure}, timeout=pause_seconds)
            if departure.done():
                return
            yield content[position : position + 1]
    finally:
        departure.cancel()


def _start(response: HttpResponse) -> Message:
    headers = [*response.headers, (b"content-length", b"%d" % len(response.content))]
    return {"type": "http.response.start", "status": response.status, "headers": headers}


def _raw(response: HttpResponse) -> bytes:
    """Return a response as bytes on the wire."""
    phrase = responses.get(response.status, "")
    headers = [*response.headers, (b"content-length", b"%d" % len(response.content)), (b"connection", b"close")]
    lines = [f"HTTP/1.1 {response.status} {phrase}".encode(), *(b"%b: %b" % header for header in headers)]
    return b"\r\n".join([*lines, b"", response.content])
