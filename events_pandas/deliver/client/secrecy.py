"""Keeping the access token out of what others print: texts, frames of tracebacks, and answers that quote a request."""

import traceback
from collections.abc import Callable
from typing import Final, Generic, TypeVar

SHORTEST_SECRET: Final = 8
"""Characters of a token; a shorter one is made up for a test, and may be a part of any word."""

T = TypeVar("T")


class Hidden(Generic[T]):
    """A value that is not printed: tools that report errors show the local variables of every frame.

    Parameters
    ----------
    value : object
        Anything.

    Attributes
    ----------
    value : object
        The same.

    Examples
    --------
    >>> Hidden("dG9rOjEyMzQ1Njc4")
    Hidden()
    """

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "Hidden()"


class HiddenText(str):
    """A text whose repr, and so that of whatever holds it, does not show it.

    Examples
    --------
    >>> {"Authorization": HiddenText("Bearer dG9rOjEyMzQ1Njc4")}
    {'Authorization': '[hidden]'}
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'[hidden]'"


def forget_locals(error: BaseException) -> None:
    """Empty the frames that an exception has come through, those of the exceptions that led to it included.

    Parameters
    ----------
    error : BaseException
        Keeps its lines; the variables of frames that have ended are gone.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            traceback.clear_frames(one.__traceback__)
            waiting += [one.__cause__, one.__context__]


def redactor(access_token: str) -> Callable[[bytes], bytes]:
    """Return a function that takes the token out of a body: a proxy may send back what it was sent.

    Parameters
    ----------
    access_token : str
        ASCII.

    Returns
    -------
    callable
        From bytes to bytes.

    Examples
    --------
    >>> redactor("dG9rOjEyMzQ1Njc4")(b"got Bearer dG9rOjEyMzQ1Njc4")
    b'got Bearer [access token]'
    """
    token = access_token.encode()
    # JSON may escape the slash, and some writers do.
    spellings = (token, token.replace(b"/", rb"\/")) if len(token) >= SHORTEST_SECRET else ()

    def redact(body: bytes) -> bytes:
        for spelling in spellings:
            body = body.replace(spelling, b"[access token]")
        return body

    return redact
