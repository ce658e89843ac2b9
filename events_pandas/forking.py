"""Sockets, databases and files that a forked child has a copy of, and must leave to its parent."""

import contextlib
import ctypes
import os
import weakref
from typing import Any, Final, Protocol


class LeftToParent(Protocol):
    """An object whose copy in a child must not be used."""

    def leave_to_parent(self) -> None:
        """Drop it without changing anything outside: called in the child before any other code runs there."""


_LEFT_TO_PARENT: Final[weakref.WeakSet[LeftToParent]] = weakref.WeakSet()


def leave_to_parent_at_fork(thing: LeftToParent) -> None:
    """Have children of this process leave a thing alone, as long as something else refers to it."""
    _LEFT_TO_PARENT.add(thing)


def cut_off(sock: Any) -> None:
    """Take away the child's copy of a socket: to read or write there fails, and the parent's copy goes on.

    The file descriptor becomes that of the null device, so that closing the socket stays harmless.
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
    """Keep a thing, such as a connection to a database, from being collected: that would touch the parent's file."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def _leave_all_to_parent() -> None:
    for thing in list(_LEFT_TO_PARENT):
        # An error of one thing must not keep the others from being left to the parent.
        with contextlib.suppress(Exception):
            thing.leave_to_parent()
    _LEFT_TO_PARENT.clear()


# Windows has no forks.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all_to_parent)
