"""Calls that may hang: each has a thread of its own, and its caller waits for a limited time."""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from events_pandas.deliver.client.answers import Answer, TransportError
from events_pandas.deliver.client.attempt import limit_attempts
from events_pandas.forking import leave_to_parent_at_fork
from events_pandas.words import kind_of

LOOK_SECONDS: Final = 0.1
"""How often a waiting caller looks round."""
_SPARE_SECONDS: Final = 0.25
"""The wait is longer than the client's limit by this: the client's own error says best why there is no answer."""

T = TypeVar("T")


class BackgroundCall(threading.Thread, Generic[T]):
    """A thread that calls one function, and keeps its `value` or its `error`."""

    value: T

    def __init__(self, function: Callable[[], T], *, name: str) -> None:
        # A daemon: nothing of ours can end a call that hangs.
        super().__init__(name=name, daemon=True)
        self.error: BaseException | None = RuntimeError("the thread of the question has ended")
        self._function = function

    def run(self) -> None:
        """Call the function."""
        try:
            self.value = self._function()
            self.error = None
        except BaseException as error:  # noqa: BLE001  # each caller that waits raises it
            self.error = error


def ask_in_time(ask: Callable[[], Answer], seconds: float, *, on_look: Callable[[], object]) -> Answer:
    """Make one request in a thread of its own; raise `TransportError` if no answer comes in time.

    `on_look` is called several times a second meanwhile; if it raises, the wait ends.
    """

    def ask_within_limit() -> Answer:
        limit_attempts(seconds)
        return ask()

    question = BackgroundCall(ask_within_limit, name="events-pandas-question")
    try:
        question.start()
    except (RuntimeError, MemoryError) as error:
        raise TransportError("the system has no thread left", may_have_arrived=False) from error
    until = time.monotonic() + seconds + _SPARE_SECONDS
    question.join(LOOK_SECONDS)
    while question.is_alive() and time.monotonic() < until:
        on_look()
        question.join(LOOK_SECONDS)
    if question.is_alive():
        raise TransportError(f"no answer within {seconds:.0f} s", may_have_arrived=False)
    if question.error is None:
        return question.value
    if not isinstance(question.error, SystemExit):
        raise question.error
    # It ends its own thread only, and not the program.
    raise RuntimeError(f"{kind_of(question.error)} in the thread of the question") from question.error


def look_up(host: str, port: int, *, seconds: float) -> list[Any]:
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
    search.join(seconds)
    if search.is_alive():
        raise TimeoutError("the address of the host was not found in time")
    if search.error is None:
        return search.value
    # A new error for each caller: an error keeps the frames that it came through.
    raise socket.gaierror(str(search.error))


class _Searches:
    """The searches under way: all callers that ask for a host share one search, and one thread if it hangs."""

    def __init__(self) -> None:
        self.leave_to_parent()
        leave_to_parent_at_fork(self)

    def leave_to_parent(self) -> None:
        """Start afresh in a child, which has none of the threads."""
        self._lock = threading.Lock()
        self._begun: dict[tuple[str, int], BackgroundCall[list[Any]]] = {}

    def begun(self, host: str, port: int) -> BackgroundCall[list[Any]]:
        with self._lock:
            search = self._begun.get((host, port))
            # A search that has ended is not used again: addresses change.
            if search is None or not search.is_alive():
                search = BackgroundCall(lambda: _search(host, port), name="events-pandas-name")
                search.start()
                self._begun[host, port] = search
            return search


_SEARCHES: Final = _Searches()


def _search(host: str, port: int, flags: int = 0) -> list[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
