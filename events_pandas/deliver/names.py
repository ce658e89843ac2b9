"""The addresses of a host, looked up in time: the system's resolver takes no limit, and may have none of its own."""

import socket
import threading
from typing import Any, Final

from events_pandas.forking import leave_to_parent_at_fork


class _Search(threading.Thread):
    """A search for addresses, and what came of it."""

    def __init__(self, host: str, port: int) -> None:
        # A daemon: nothing ends it but the resolver.
        super().__init__(name="events-pandas-name", daemon=True)
        self.found: list[Any] | BaseException = RuntimeError("the thread of the search has ended")
        self._host = host
        self._port = port

    def run(self) -> None:
        try:
            self.found = _search(self._host, self._port)
        except BaseException as error:  # noqa: BLE001  # raised in the thread of each who waits
            self.found = error


class _Searches:
    """The searches under way. All callers that ask for a host wait for one search, and one thread if it hangs."""

    def __init__(self) -> None:
        self.leave_to_parent()
        leave_to_parent_at_fork(self)

    def leave_to_parent(self) -> None:
        """Begin anew in a child, which has none of the threads."""
        self._lock = threading.Lock()
        self._begun: dict[tuple[str, int], _Search] = {}

    def begun(self, host: str, port: int) -> _Search:
        """Return the search for a host, begun now if none goes on."""
        with self._lock:
            search = self._begun.get((host, port))
            # One that has ended is not asked again: addresses change.
            if search is None or not search.is_alive():
                search = _Search(host, port)
                search.start()
                self._begun[host, port] = search
            return search


_SEARCHES: Final = _Searches()


def look_up(host: str, port: int, *, seconds: float) -> list[Any]:
    """Look up the addresses of a host.

    Parameters
    ----------
    host : str
        A name or an address.
    port : int
        The port.
    seconds : float
        How long that may take.

    Returns
    -------
    list of tuple
        As `socket.getaddrinfo` returns them.

    Raises
    ------
    OSError
        If there are none.
    TimeoutError
        If none is known in time.
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
    if isinstance(search.found, list):
        return search.found
    # Anew for each who waits: an error keeps the frames that it came through.
    raise socket.gaierror(str(search.found))


def _search(host: str, port: int, flags: int = 0) -> list[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
