"""What a forked child finds of its parent's things and locks."""

import os
import threading

import pytest

from events_pandas.forking import leave_to_parent_at_fork, pause_at_fork, unforked

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks"),
    # Python 3.12 warns of every fork of a process with threads.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def in_child(work):
    """Call a function in a forked child, and return the text that it returns."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        try:
            os.write(writer, work().encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as output:
        return output.read()


class Left:
    """A thing that counts how often it was left to a parent, by the processes in which it was."""

    def __init__(self):
        self.processes = []
        leave_to_parent_at_fork(self)

    def leave_to_parent(self):
        """Note the process."""
        self.processes.append(os.getpid())


def test_thing_is_left_to_the_parent_by_a_child_and_by_its_own_child():
    """A child that uses a thing has a copy of its own, which its children must leave alone too."""
    left = Left()

    counts = in_child(lambda: f"{len(left.processes)} {in_child(lambda: str(len(left.processes)))}")

    assert (counts, left.processes) == ("1 2", [])


def _added():
    lock = threading.Lock()
    pause_at_fork(lock)
    return lock


@pytest.mark.parametrize("make", [_added, unforked])
def test_fork_waits_for_a_lock_and_releases_it(make):
    """No other thread holds the lock at the fork, and the parent goes on."""
    lock, is_held, seen = make(), threading.Event(), []

    def hold():
        with lock:
            is_held.set()
            threading.Event().wait(0.2)
            seen.append("done")

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait(30.0)
    in_child(lambda: "")
    seen.append("forked")
    thread.join(30.0)

    assert seen == ["done", "forked"]
    assert lock.acquire(timeout=0.0)
    lock.release()


class Noting:
    """A lock that notes that it is taken, and calls a function before."""

    def __init__(self, taken, first=lambda: None):
        self._taken, self._first = taken, first

    def acquire(self, *, timeout):  # noqa: ARG002  # as a lock's
        """Note it."""
        self._first()
        self._taken.append(self)
        return True

    def release(self):
        """Forget it."""
        self._taken.remove(self)


def test_fork_waits_for_locks_in_the_order_in_which_they_came():
    """A journal that is being opened makes a lock of its own under the lock of all: the fork takes that one first."""
    taken = []
    locks = [Noting(taken) for _ in range(20)]
    for lock in locks:
        pause_at_fork(lock)

    assert in_child(lambda: str(taken == locks)) == "True"
    assert taken == []


def test_fork_waits_for_a_lock_that_came_while_it_waited():
    """A thread that opens a journal makes a lock for it, and uses the journal once the fork has the lock of opening."""
    taken = []
    late = Noting(taken)
    early = Noting(taken, first=lambda: pause_at_fork(late))
    pause_at_fork(early)

    assert in_child(lambda: str(taken == [early, late])) == "True"
    assert taken == []
