"""Rows of DataFrames and files (CSV, JSON Lines, Parquet, Arrow, Excel) as Intercom data events, checked first."""

import os
import sys

# Not imported: until signals are taken, each module that loads is a time at which one ends the command by a traceback.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_COMMAND = "events-pandas"


def _is_command() -> bool:
    """Return whether this process is the command, which answers `--help` before it loads pandas."""
    # A program that embeds Python may have no arguments.
    arguments = getattr(sys, "argv", [])
    if arguments[:1] == ["-m"]:
        # `python -m` is looking for its module, whose name stands before the arguments.
        return sys.orig_argv[-len(arguments)] == __name__
    # Not with pathlib, which takes longer to load than all else before signals are taken.
    name = os.path.basename("".join(arguments[:1]))  # noqa: PTH119
    return name in {_COMMAND, f"{_COMMAND}.exe", f"{_COMMAND}-script.py"}


def _loaded() -> "ModuleType":
    """Bind the public names. This loads pandas, and registers `DataFrame.intercom`."""
    from importlib import import_module  # noqa: PLC0415  # See above.

    names = import_module("events_pandas.names")
    globals().update({name: value for name, value in vars(names).items() if name in ("__all__", *names.__all__)})
    return names


def __getattr__(name: str) -> "Any":
    if name == "__version__":
        # Loading it takes 15 ms, and most programs never ask.
        from importlib.metadata import version  # noqa: PLC0415  # See above.

        return version(_COMMAND)
    if name.startswith("_") and name != "__all__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # The command asks for a name only where it needs pandas anyway.
    return getattr(_loaded(), name)


def __dir__() -> list[str]:
    return ["__version__", *_loaded().__all__]


if TYPE_CHECKING:
    from events_pandas.names import *  # noqa: F403  # It lists its names.
    from events_pandas.names import __all__ as __all__

    __version__: str
elif not _is_command():
    # Now, so that DataFrame.intercom exists whatever is imported next.
    _loaded()
else:
    # Loading the command takes up to a second.
    from events_pandas.starting import leave_at_signals

    leave_at_signals()
    del leave_at_signals
