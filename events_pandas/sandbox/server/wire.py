"""How an answer goes out: at once, byte by byte, never, or with the connection closed instead."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.client import responses
from typing import Final, Self

from starlette.types import Message, Receive, Scope, Send

from events_pandas.sandbox.endpoints.answers import Reply, with_content
from events_pandas.sandbox.faults import Fault

# Intercom's empty bodies may be white space: it is what trickles where there is nothing else.
_WHITE_SPACE: Final = b" " * 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """The way back to a client.

    Parameters
    ----------
    receive : callable
        ASGI's: gives the next message from the client.
    send : callable
        ASGI's: takes the next message to the client.
    transport : asyncio.WriteTransport
        The socket, for what ASGI does not allow.
    give_up : callable
        Tells the server that it need not wait for this answer when it stops.
    """

    receive: Receive
    send: Send
    transport: asyncio.WriteTransport
    give_up: Callable[[], None]

    @classmethod
    def of_request(cls, scope: Scope, receive: Receive, send: Send) -> Self:
        """Return the connection that a request came by.

        Parameters
        ----------
        scope : dict
            ASGI's: with what the server's protocol adds to the state.
        receive : callable
            ASGI's.
        send : callable
            ASGI's.

        Returns
        -------
        Connection
            The way back.
        """
        state = scope["state"]
        return cls(receive=receive, send=send, transport=state["transport"], give_up=state["give_up"])


async def send_reply(
    reply: Reply, connection: Connection, *, fault: Fault | None = None, trickle_seconds: float = 1.0
) -> None:
    """Send a reply as a fault has it.

    Parameters
    ----------
    reply : Reply
        What to say.
    connection : Connection
        To whom.
    fault : int or str, optional
        What goes wrong on the way.
    trickle_seconds : float, default 1.0
        The pause before each byte of what trickles.
    """
    if fault == "no_answer":
        await _say_nothing(connection)
    elif fault == "trickle_body":
        await _trickle_body(reply, connection, trickle_seconds)
    elif fault == "trickle_headers":
        await _trickle_headers(reply, connection, trickle_seconds)
    else:
        await _send_whole(reply, connection.send)


async def drop(connection: Connection) -> None:
    """Close a connection without an answer.

    Parameters
    ----------
    connection : Connection
        Whose client sees a lost connection.
    """
    connection.transport.abort()
    # The next message is the disconnection. Before it, the server would answer 500 for the answer that is missing.
    await connection.receive()


async def _send_whole(reply: Reply, send: Send) -> None:
    await send(_start(reply))
    await send({"type": "http.response.body", "body": reply.content})


async def _say_nothing(connection: Connection) -> None:
    """Wait for the client to leave."""
    connection.give_up()
    await connection.receive()


async def _trickle_body(reply: Reply, connection: Connection, trickle_seconds: float) -> None:
    reply = reply if reply.content else with_content(reply, _WHITE_SPACE)
    await connection.send(_start(reply))
    async with _departure(connection) as departure:
        for position, byte in enumerate(_bytes(reply.content), start=1):
            if await _comes_within(trickle_seconds, departure):
                return
            is_last = position == len(reply.content)
            await connection.send({"type": "http.response.body", "body": byte, "more_body": not is_last})


async def _trickle_headers(reply: Reply, connection: Connection, trickle_seconds: float) -> None:
    async with _departure(connection) as departure:
        for byte in _bytes(_raw(reply)):
            if await _comes_within(trickle_seconds, departure):
                return
            connection.transport.write(byte)
        # The server does not know of what was written here, and could not go on with the connection.
        connection.transport.close()
        await departure


@asynccontextmanager
async def _departure(connection: Connection) -> AsyncIterator[asyncio.Future[Message]]:
    """Watch for the client's departure while something takes its time."""
    connection.give_up()
    departure = asyncio.ensure_future(connection.receive())
    try:
        yield departure
    finally:
        departure.cancel()


async def _comes_within(seconds: float, departure: asyncio.Future[Message]) -> bool:
    await asyncio.wait({departure}, timeout=seconds)
    return departure.done()


def _start(reply: Reply) -> Message:
    headers = [*reply.headers, (b"content-length", b"%d" % len(reply.content))]
    return {"type": "http.response.start", "status": reply.status, "headers": headers}


def _raw(reply: Reply) -> bytes:
    """Return a reply as it is on the wire."""
    phrase = responses.get(reply.status, "")
    headers = [*reply.headers, (b"content-length", b"%d" % len(reply.content)), (b"connection", b"close")]
    lines = [f"HTTP/1.1 {reply.status} {phrase}".encode(), *(b"%b: %b" % header for header in headers)]
    return b"\r\n".join([*lines, b"", reply.content])


def _bytes(content: bytes) -> list[bytes]:
    return [content[position : position + 1] for position in range(len(content))]
