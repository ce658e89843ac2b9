"""What a command prints: escapes for characters that a stream cannot encode, and no error that ends the command."""

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
    """Make both streams print characters that they cannot encode as escapes, and keep the numbers of closed streams.

    A file that got the number of a closed standard error would receive what a library writes there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # It gets the lowest free number.
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        # A program without a console has no streams, and a replacement may have no such method.
        with suppress(AttributeError, OSError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # See above.


def say(text: str = "", *, is_error: bool = False) -> None:
    """Print a text and end the line. If the stream does not take it, it is lost, and the command goes on."""
    try:
        write(escaped_lines(text) + "\n", sys.stderr if is_error else sys.stdout)
    except BrokenPipeError:
        # A reader such as `head` has all that it wanted.
        pass
    except (OSError, ValueError) as error:
        if not is_error:
            say(f"note: some output is lost: {getattr(error, 'strerror', None) or error}", is_error=True)


def write(text: str, stream: TextIO | None) -> None:
    """Write to a stream. If the stream does not take it, drop it and raise the error."""
    if stream is None:
        return
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        _drop(stream)
        raise


def settle_streams() -> None:
    """Write buffered text. Text that cannot be written is lost: Python would make it the exit code."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            write("", stream)


def _drop(stream: TextIO) -> None:
    """Lead a stream nowhere: it would try to write its buffer again at the end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def write_document(text: str, *, what: str = "the document") -> None:
    """Print TOML or JSON, which are UTF-8: a stream of another encoding gets escapes beyond ASCII.

    Raise `SourceError` if it cannot be printed whole: it is the purpose of the command.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if codecs.lookup(encoding).name != "utf-8":
        text = _BEYOND_ASCII.sub(escape, text)
    try:
        write(text if text.endswith("\n") else f"{text}\n", sys.stdout)
    except BrokenPipeError:
        # A reader such as `head` has all that it wanted.
        pass
    except OSError as error:
        raise SourceError(f"{what} cannot be printed: {error.strerror or error}") from error
