"""Signals that end a command, felt within it alone."""

import itertools
import os
import signal
import threading
import weakref

import pytest
import typer

from events_pandas.cli.endings import ending_signals, exit_codes
from events_pandas.starting import ENDING


@pytest.mark.parametrize("number", ENDING)
def test_signal_is_an_interrupt(number):
    """A signal works like Ctrl-C, also the second time; afterwards it kills as before."""
    with ending_signals(itertools.count().__next__) as came:
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
        assert came == [number, number]

    assert signal.getsignal(number) is signal.SIG_DFL


def test_signal_that_comes_twice_at_once_is_one():
    """`timeout` signals a process and then its group, and the end of a session sends two signals."""
    with ending_signals(lambda: 5.0) as came:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGHUP)

        assert came == [signal.SIGTERM]


@pytest.mark.parametrize(
    ("number", "code", "printed"),
    [
        (signal.SIGINT, 130, "interrupted\n"),
        (signal.SIGHUP, 129, "interrupted by SIGHUP\n"),
        (signal.SIGTERM, 143, "interrupted by SIGTERM\n"),
    ],
)
def test_exit_code_names_the_signal(capsys, number, code, printed):
    """As in shells, it is 128 plus the number of the signal."""
    with pytest.raises(typer.Exit) as caught, exit_codes():
        signal.raise_signal(number)

    assert caught.value.exit_code == code
    assert capsys.readouterr().err == printed


@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_that_python_drops_still_ends_the_command(number, code):
    """Python prints and drops what a handler raises while an object is deleted."""
    with pytest.raises(typer.Exit) as caught, exit_codes():
        weakref.finalize(set(), signal.raise_signal, number)

    assert caught.value.exit_code == code
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_signal_that_is_ignored_stays_so():
    """`nohup` ignores SIGHUP."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_signals() as came:
            os.kill(os.getpid(), signal.SIGHUP)
            assert came == []
    finally:
        signal.signal(signal.SIGHUP, before)


def test_signals_are_left_alone_in_another_thread():
    """Only the main thread may set handlers."""
    handlers = []

    def run():
        with ending_signals():
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()

    assert handlers == [signal.SIG_DFL]
