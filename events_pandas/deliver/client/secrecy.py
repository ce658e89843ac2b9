"""Keeping the access token out of texts, tracebacks, and answers that quote a request."""

import traceback
from collections.abc import Callable
from typing import Final, Generic, TypeVar

SHORTEST_SECRET: Final = 8
"""In characters. A shorter token is made up for a test, and may be part of any word."""

T = TypeVar("T")


class Hidden(Generic[T]):
    """A value that its repr does not show: error reports print the local variables of every frame."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "Hidden()"


class HiddenText(str):
    """A text that its repr does not show, nor the repr of a container that holds it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'[hidden]'"


def forget_locals(error: BaseException) -> None:
    """Empty the frames of an exception and of all exceptions that led to it; their lines stay."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            traceback.clear_frames(one.__traceback__)
            waiting += [one.__cause__, one.__context__]


def redactor(access_token: str) -> Callable[[bytes], bytes]:
    """Return a function that replaces an ASCII token in a body: a proxy may send back what it was sent."""
    token = access_token.encode()
    # Some writers of JSON escape the slash.
    spellings = (token, token.replace(b"/", rb"\/")) if len(token) >= SHORTEST_SECRET else ()

    def redact(body: bytes) -> bytes:
        for spelling in spellings:
            body = body.replace(spelling, b"[access token]")
        return body

    return redact
