"""The faults of a mapping, or of a proposal, that cannot be made; and Ctrl-C."""

import signal
import threading

import pytest

from events_pandas.errors import MappingError


@pytest.fixture
def faults():
    """Return a function that returns the faults for which a call is refused."""

    def faults(make, *args, **fields):
        with pytest.raises(MappingError) as caught:
            make(*args, **fields)
        return list(caught.value.faults)

    return faults


@pytest.fixture
def ctrl_c():
    """Press Ctrl-C in any thread, and return when the main thread has received it."""
    felt = threading.Semaphore(0)

    def feel(*_):
        felt.release()
        raise KeyboardInterrupt

    def press():
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        assert felt.acquire(timeout=10)

    usual = signal.signal(signal.SIGINT, feel)
    yield press
    signal.signal(signal.SIGINT, usual)
