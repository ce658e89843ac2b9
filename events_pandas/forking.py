"""What a forked child must leave to its parent: sockets, databases and files that both of them have."""

import contextlib
import ctypes
import os
import weakref
from typing import Any, Final, Protocol


class Shared(Protocol):
    """Something that a child has a copy of, and its parent goes on with."""

    def leave_to_parent(self) -> None:
        """Let go of it without a trace: called in the child, before any other code runs there."""


_SHARED: Final[weakref.WeakSet[Shared]] = weakref.WeakSet()


def leave_to_parent_at_fork(thing: Shared) -> None:
    """Have a child of this process leave something alone.

    Parameters
    ----------
    thing : Shared
        Forgotten when nothing else refers to it.
    """
    _SHARED.add(thing)


def cut_off(sock: Any) -> None:
    """Take the child's copy of a socket away: what is read and written there fails, and the parent's goes on.

    Parameters
    ----------
    sock : object
        With a file descriptor, which stands for the null device from now on, so that closing it stays harmless.
    """
    descriptor = sock.fileno()
    if descriptor < 0:
        return
    null = os.open(os.devnull, os.O_RDWR)
    try:
        os.dup2(null, descriptor, inheritable=False)
    finally:
        os.close(null)


def keep_for_ever(thing: object) -> None:
    """Let something never be collected, as not even its end may touch what the parent has.

    Parameters
    ----------
    thing : object
        Such as a connection to a database.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def _leave_all_to_parent() -> None:
    for thing in list(_SHARED):
        # One that fails must not keep the others from being left alone.
        with contextlib.suppress(Exception):
            thing.leave_to_parent()
    _SHARED.clear()


# Windows has no forks.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all_to_parent)
