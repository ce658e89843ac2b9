"""Signals that come before the command is loaded."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import events_pandas

IMPORT = "import signal, sys; sys.argv = [{name!r}]; {before}; import events_pandas; {after}"


@pytest.fixture
def start():
    """Return a function that imports the package in a process with a name, and does something before and after."""

    def start(name, after, *, before="pass"):
        code = IMPORT.format(name=name, before=before, after=after)
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)

    return start


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, "interrupted: nothing was done\n"),
        (signal.SIGTERM, 143, "interrupted by SIGTERM: nothing was done\n"),
        (signal.SIGHUP, 129, "interrupted by SIGHUP: nothing was done\n"),
    ],
)
def test_command_that_is_not_loaded_ends_with_the_code_of_the_signal(start, number, code, said):
    """There is one line and no traceback, as after a signal to the loaded command."""
    ended = start("/usr/bin/events-pandas", f"signal.raise_signal({int(number)})")

    assert (ended.returncode, ended.stderr) == (code, said)


def test_command_that_is_not_loaded_leaves_an_ignored_signal_alone(start):
    """`nohup` ignores SIGHUP."""
    ignored = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"

    ended = start("events-pandas", "signal.raise_signal(signal.SIGHUP); print('on')", before=ignored)

    assert (ended.returncode, ended.stdout) == (0, "on\n")


def test_command_takes_signals_before_it_loads_anything_slow():
    """Until then Python's own handlers end the process, by a traceback or in the middle of an import."""
    root = str(Path(events_pandas.__file__).parents[1])
    code = f"import sys; sys.path = [{root!r}, *sys.path]; sys.argv = ['events-pandas']; import events_pandas as ep\n"
    # Without `site`, which may load anything.
    shown = subprocess.check_output([sys.executable, "-S", "-c", f"{code}print(*sys.modules)"], text=True, timeout=60)

    assert "events_pandas.starting" in shown.split()
    assert {"contextlib", "importlib", "pathlib", "threading", "typing"}.isdisjoint(shown.split())


def test_library_takes_no_signals(start):
    """Only the command has handlers."""
    kept = start("job.py", "print(signal.getsignal(signal.SIGTERM).name, signal.getsignal(signal.SIGINT).__name__)")

    assert kept.stdout == "SIG_DFL default_int_handler\n"
