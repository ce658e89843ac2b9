"""Sockets, databases and files that a forked child has a copy of, and must leave to its parent."""

import contextlib
import ctypes
import os
import threading
import weakref
from typing import Final, Protocol


class Opened(Protocol):
    """A socket or a file."""

    def fileno(self) -> int:
        """Return its file descriptor; a closed socket has a negative one."""


class LeftToParent(Protocol):
    """An object whose copy in a child must not be used."""

    def leave_to_parent(self) -> None:
        """Drop it without changing anything outside: called in each child before any other code runs there."""


class Pausing(Protocol):
    """A lock that a fork waits for, or an object that has one."""

    def acquire(self, *, timeout: float) -> bool:
        """Bring to rest what other threads use; return False if it stayed in use for so many seconds."""

    def release(self) -> None:
        """Let other threads go on."""


_PAUSE_SECONDS: Final = 10.0
_LEFT_TO_PARENT: Final[weakref.WeakSet[LeftToParent]] = weakref.WeakSet()
# In the order in which they came, as all threads take these locks.
_PAUSING: Final[weakref.WeakKeyDictionary[Pausing, None]] = weakref.WeakKeyDictionary()


class _Last:
    """The lock that a fork takes last: while it has it, no lock is added, and nothing is closed by the collector."""

    def __init__(self) -> None:
        # A signal handler may fork in the thread that holds it.
        self.lock = threading.RLock()


_LAST: Final = _Last()
_PAUSED: Final = threading.local()  # the locks that this thread holds while it forks


def leave_to_parent_at_fork(thing: LeftToParent) -> None:
    """Have children of this process leave a thing alone, as long as something else refers to it."""
    _LEFT_TO_PARENT.add(thing)


def pause_at_fork(lock: Pausing) -> None:
    """Let a fork wait until a lock is free, for ten seconds at most.

    SQLite, which is used under the lock, has locks of its own: a child would inherit them locked, and wait for ever.
    """
    with _LAST.lock:
        _PAUSING[lock] = None


def unforked() -> "threading.RLock":
    """Return the lock for a short use of SQLite that may come at any time, such as when the collector closes a file.

    No fork begins while a thread holds it. The thread must not wait for another lock meanwhile.
    """
    return _LAST.lock


def cut_off(opened: Opened) -> None:
    """Take away the child's copy of a socket or a file: to read or write there fails or is in vain.

    The parent's copy goes on.

    The file descriptor becomes that of the null device, so that closing the socket stays harmless.
    """
    descriptor = opened.fileno()
    if descriptor < 0:
        return
    null = os.open(os.devnull, os.O_RDWR)
    try:
        os.dup2(null, descriptor, inheritable=False)
    finally:
        os.close(null)


def keep_for_ever(thing: object) -> None:
    """Keep a thing, such as a connection to a database, from being collected: that would touch the parent's file."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def _pause() -> None:
    _PAUSED.locks = []
    tried: weakref.WeakSet[Pausing] = weakref.WeakSet()
    _LAST.lock.acquire()
    while new := [lock for lock in _PAUSING if lock not in tried]:
        # A thread that holds one of them may be about to add another.
        _LAST.lock.release()
        for lock in new:
            tried.add(lock)
            if lock.acquire(timeout=_PAUSE_SECONDS):
                _PAUSED.locks.append(lock)
        _LAST.lock.acquire()


def _go_on() -> None:
    _LAST.lock.release()
    for lock in _PAUSED.locks:
        lock.release()


def _leave_all_to_parent() -> None:
    # The child's copies stay locked: each owner makes a new lock.
    _LAST.lock = threading.RLock()
    _PAUSING.clear()
    _PAUSED.locks = []
    for thing in list(_LEFT_TO_PARENT):
        # An error of one thing must not keep the others from being left to the parent.
        with contextlib.suppress(Exception):
            thing.leave_to_parent()


# Windows has no forks.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_pause, after_in_parent=_go_on, after_in_child=_leave_all_to_parent)
