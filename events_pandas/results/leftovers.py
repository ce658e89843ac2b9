"""What killed runs left beside an output: their rows get a name of their own, and the rest is deleted."""

import codecs
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from events_pandas.filesystem import hold
from events_pandas.results.earlier import spare_name
from events_pandas.results.new_file import created
from events_pandas.results.row_files import ArrowRowFile, CsvRowFile
from events_pandas.words import counted, escaped

_PLAIN: Final = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_PARQUET: Final = b"PAR1"
_MOST_TRIES: Final = 10


def partial_paths(path: Path) -> Iterator[Path]:
    """Yield names for the file that is to become the one at `path`."""
    yield path.with_name(f"{path.name}.partial")
    for _ in range(_MOST_TRIES):
        yield path.with_name(f"{path.name}.{secrets.token_hex(4)}.partial")


def clear_leftovers(
    path: Path, *, is_own: Callable[[Sequence[str]], bool], holds: str, is_kept: bool, delimiter: str | None
) -> list[str]:
    """Clear away what killed runs left of a file at `path`, and return a sentence for each that is kept.

    Files of runs under way stay, and so does any other file: `is_own` judges the names of its columns. A run under way
    holds its file; where files cannot be locked, nothing is cleared away.

    Parameters
    ----------
    is_kept : bool
        Whether rows are kept, in a file that is named after the time of the last row.
    delimiter : str or None
        The character between the cells of CSV; None for Parquet.
    """
    said = []
    for found in _partials(path):
        stream = _held(found)
        if stream is None:
            continue
        with stream:
            rows = ArrowRowFile(stream) if delimiter is None else CsvRowFile(stream, delimiter=delimiter)
            # A file with the plain name may be somebody's own: a last copy has always a name with a number.
            is_copy = found.name != f"{path.name}.partial"
            if _is_worthless(stream, is_csv=delimiter is not None) and (is_copy or not found.stat().st_size):
                found.unlink()
            elif is_own(rows.find()):
                if is_kept and rows.n_rows:
                    kept = _keep(rows, found, path)
                    said.append(f"{escaped(path)}: {cut_off_run(holds, rows.n_rows, kept)}")
                else:
                    found.unlink()
    return said


def cut_off_run(holds: str, n_rows: int, kept: Path) -> str:
    """Say where the rows of a killed run are now."""
    return f"an earlier run was cut off: its {holds} up to then, {counted(n_rows, 'row')}, are in {escaped(kept)}"


def finish_leftover(partial: Path, path: Path) -> None:
    """Make the Parquet file at `path` of the whole rows in its partial file, which no run holds; it may be there."""
    stream = _held(partial)
    if stream is None:
        return
    with stream:
        rows = ArrowRowFile(stream)
        rows.find()
        if rows.n_rows:
            _, copy, *_ = partial_paths(path)
            with created(copy, [partial], place=path) as final:
                rows.write_final(final)
            # In one step: this process may be killed, too.
            copy.replace(path)
        partial.unlink()


def _partials(path: Path) -> list[Path]:
    name = re.compile(re.escape(path.name) + r"(\.[0-9a-f]{8})?\.partial")
    # Some folders may be written to and not be read.
    with suppress(PermissionError):
        return sorted(file for file in path.absolute().parent.iterdir() if name.fullmatch(file.name))
    return []


def _held(found: Path) -> BinaryIO | None:
    """Open a plain file that no run holds and that has no other name, and hold it; otherwise return None."""
    try:
        if not stat.S_ISREG(found.lstat().st_mode):
            return None
        stream = os.fdopen(os.open(found, _PLAIN), "r+b")
        facts = os.fstat(stream.fileno())
        # Its run may have moved it meanwhile.
        if facts.st_nlink == 1 and hold(stream.fileno()) and os.path.samestat(found.lstat(), facts):
            return stream
    except OSError:
        return None
    stream.close()
    return None


def _is_worthless(stream: BinaryIO, *, is_csv: bool) -> bool:
    """Return whether a file is empty, or a last copy that was broken off: the rows stand in another file.

    A byte order mark is written into copies only, and Parquet without its last bytes is unreadable.
    """
    stream.seek(0)
    head = stream.read(len(_PARQUET))
    if is_csv:
        return not head or head.startswith(codecs.BOM_UTF8)
    stream.seek(-min(len(_PARQUET), stream.seek(0, os.SEEK_END)), os.SEEK_END)
    return not head or (head == _PARQUET and stream.read() != _PARQUET)


def _keep(rows: CsvRowFile | ArrowRowFile, found: Path, path: Path) -> Path:
    """Move the whole rows of a leftover to a name of their own."""
    kept = spare_name(path, "killed", found.stat().st_mtime)
    rows.cut()
    if rows.is_final:
        found.rename(kept)
        return kept
    with created(kept, [found], place=kept) as stream:
        try:
            rows.write_final(stream)
        except BaseException:
            kept.unlink()
            raise
    found.unlink()
    return kept
