"""Calls that may hang: each has a thread of its own, and its caller waits for a limited time."""

import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import Final, TypeAlias, TypeVar

from events_pandas.deliver.client.answers import Answer, TransportError
from events_pandas.forking import leave_to_parent_at_fork
from events_pandas.words import kind_of

LOOK_SECONDS: Final = 0.1
"""How often a waiting caller looks round."""
QUESTION: Final = threading.local()
"""In the thread of a question its `most_seconds` limits every attempt, even if the client allows more."""
_SPARE_SECONDS: Final = 0.25
"""The wait is longer than the client's limit by this: the client's own error says best why there is no answer."""

AddressInfo: TypeAlias = tuple[
    socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
]
"""An address of a host, as `socket.getaddrinfo` returns it: family, kind, protocol, name and address."""

T = TypeVar("T")


def in_background(function: Callable[[], T], *, name: str) -> "Future[T]":
    """Call a function in a thread of its own; raise RuntimeError or MemoryError if the system has none left."""
    call: Future[T] = Future()

    def work() -> None:
        try:
            call.set_result(function())
        except BaseException as error:  # noqa: BLE001  # each caller that waits raises it
            call.set_exception(error)

    # A daemon: nothing of ours can end a call that hangs.
    threading.Thread(target=work, name=name, daemon=True).start()
    return call


def ask_in_time(ask: Callable[[], Answer], seconds: float, *, on_look: Callable[[], object]) -> Answer:
    """Make one request in a thread of its own; raise `TransportError` if no answer comes in time.

    `on_look` is called several times a second meanwhile; if it raises, the wait ends.
    """

    def ask_within_limit() -> Answer:
        QUESTION.most_seconds = seconds
        return ask()

    try:
        question = in_background(ask_within_limit, name="events-pandas-question")
    except (RuntimeError, MemoryError) as error:
        raise TransportError("the system has no thread left", may_have_arrived=False) from error
    until = time.monotonic() + seconds + _SPARE_SECONDS
    while not wait([question], LOOK_SECONDS).done:
        if time.monotonic() >= until:
            raise TransportError(f"no answer within {seconds:.0f} s", may_have_arrived=False)
        on_look()
    if isinstance(failure := question.exception(), SystemExit):
        # It ends its own thread only, and not the program.
        message = f"{kind_of(failure)} in the thread of the question"
        raise RuntimeError(message) from failure  # noqa: TRY004  # no wrong type of an argument
    return question.result()


def look_up(host: str, port: int, *, seconds: float) -> Sequence[AddressInfo]:
    """Return the addresses of a host as `socket.getaddrinfo` does.

    Raise `OSError` if there are none, and `TimeoutError` if none is known in time.
    """
    try:
        # An address needs no search.
        return _search(host, port, flags=socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError):
        pass
    try:
        search = _SEARCHES.begun(host, port)
    except (RuntimeError, MemoryError) as error:
        raise OSError("the system has no thread left") from error
    if not wait([search], seconds).done:
        raise TimeoutError("the address of the host was not found in time")
    if (failure := search.exception()) is not None:
        # A new error for each caller: an error keeps the frames that it came through.
        raise socket.gaierror(str(failure))
    return search.result()


class _Searches:
    """The searches under way: all callers that ask for a host share one search, and one thread if it hangs."""

    def __init__(self) -> None:
        self.leave_to_parent()
        leave_to_parent_at_fork(self)

    def leave_to_parent(self) -> None:
        """Start afresh in a child, which has none of the threads."""
        self._lock = threading.Lock()
        self._begun: dict[tuple[str, int], Future[Sequence[AddressInfo]]] = {}

    def begun(self, host: str, port: int) -> Future[Sequence[AddressInfo]]:
        with self._lock:
            search = self._begun.get((host, port))
            # A search that has ended is not used again: addresses change.
            if search is None or search.done():
                search = in_background(lambda: _search(host, port), name="events-pandas-name")
                self._begun[host, port] = search
            return search


_SEARCHES: Final = _Searches()


def _search(host: str, port: int, flags: int = 0) -> Sequence[AddressInfo]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
