"""What a command prints: what the stream cannot hold as escapes, and nothing that would change how the command ends."""

import codecs
import os
import re
import sys
from contextlib import suppress
from typing import Final, TextIO

from events_pandas.errors import SourceError
from events_pandas.words import escape, escaped_lines

_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f]")


def prepare_streams() -> None:
    """Have both streams print what their encoding cannot hold as escapes, and no file take the place of a closed one.

    What a library writes to standard error would else be written into the results.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free.
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        # A program without a console has none, and what stands in for one need not be made of text alone.
        with suppress(AttributeError, OSError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # See above.


def say(text: str = "", *, is_error: bool = False) -> None:
    """Print a text and end the line; what the stream does not take is lost, and the command goes on."""
    try:
        write(escaped_lines(text) + "\n", sys.stderr if is_error else sys.stdout)
    except BrokenPipeError:
        # Such as that of `head`: the reader has all that it wanted.
        pass
    except (OSError, ValueError) as error:
        if not is_error:
            say(f"note: what was to be printed is lost: {getattr(error, 'strerror', None) or error}", is_error=True)


def write(text: str, stream: TextIO | None) -> None:
    """Write to a stream, or drop what it does not take and raise why."""
    if stream is None:
        return
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        _drop(stream)
        raise


def settle_streams() -> None:
    """Write what is still to be written; what cannot be is lost, as Python would make it the exit code."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            write("", stream)


def _drop(stream: TextIO) -> None:
    """Lead a stream nowhere: what it has not written yet it would try to write again at the end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def say_toml(text: str) -> None:
    """Print TOML, which is UTF-8: where other bytes would be written, what is beyond ASCII is in escapes of its own.

    Raises
    ------
    SourceError
        If it cannot be written whole: it is what the command is for.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if codecs.lookup(encoding).name != "utf-8":
        text = _BEYOND_ASCII.sub(escape, text)
    try:
        write(text, sys.stdout)
    except BrokenPipeError:
        # The reader, such as `head`, has all that it wanted.
        pass
    except OSError as error:
        raise SourceError(f"the mapping cannot be printed: {error.strerror or error}") from error
