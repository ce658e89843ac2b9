"""Copies of what can be read only once, or is elsewhere, under names that tell their format."""

import lzma
import os
import zipfile
import zlib
from pathlib import Path, PurePath
from typing import BinaryIO, Final

from events_pandas.deliver import ProgressChoice
from events_pandas.errors import SourceError
from events_pandas.sources.content import FOREIGN, HEAD_BYTES, recognized, recognized_suffixes
from events_pandas.sources.opening import named_format, without_compression
from events_pandas.sources.pipes import copy_stream, opened_pipe, standard_input
from events_pandas.sources.remote import RemoteFile, download, is_in_web
from events_pandas.sources.spool import Spool
from events_pandas.words import file_words

_READING_ERRORS: Final = (OSError, EOFError, ValueError, RuntimeError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


class Copies:
    """Copies files to a spool. What cannot be copied is a `SourceError`."""

    def __init__(self, spool: Spool, *, progress: ProgressChoice) -> None:
        self._spool = spool
        self._progress = progress
        self._has_read_input = False
        self._downloaded: dict[str, Path] = {}

    def standard_input(self, name: str) -> Path:
        """Copy standard input."""
        if self._has_read_input:
            raise SourceError(f"{name}: standard input can be read only once: name it once")
        self._has_read_input = True
        with standard_input(file_words(name)) as stream:
            return self._copied(stream, file_words(name))

    def pipe(self, path: Path) -> Path:
        """Copy what comes out of a pipe."""
        with opened_pipe(path) as stream:
            return self._copied(stream, str(path))

    def remote(self, file: RemoteFile, *, is_known: bool) -> Path:
        """Download a file, once; `is_known` tells whether its name tells its format."""
        if file.path not in self._downloaded:
            copy = self._spool.new_file()
            download(file, copy, progress=self._progress)
            suffixes = _suffixes(file.name)
            if is_in_web(file) and _is_unpacked(copy):
                suffixes, _ = without_compression(suffixes)
            named = self._spool.named(copy, suffixes) if is_known else self._recognized(copy, file.name)
            self._downloaded[file.path] = named
        return self._downloaded[file.path]

    def _copied(self, stream: BinaryIO, name: str) -> Path:
        copy = self._spool.new_file()
        copy_stream(stream, copy, name=name, progress=self._progress)
        return self._recognized(copy, name)

    def _recognized(self, copy: Path, name: str) -> Path:
        try:
            with copy.open("rb") as content:
                suffixes = recognized_suffixes(content)
        except _READING_ERRORS as error:
            raise SourceError(f"{name}: cannot be read: {error}") from error
        words, cure = FOREIGN.get(without_compression(suffixes)[0], ("", ""))
        if words:
            raise SourceError(f"{name}: is {words}, and not a file of rows: {cure}")
        return self._spool.named(copy, suffixes)


def _is_unpacked(copy: Path) -> bool:
    """Tell whether a copy is a file of rows without compression: a server may say that it packed the file itself."""
    with copy.open("rb") as content:
        suffix = recognized(content.read(HEAD_BYTES))
    return named_format(PurePath("_" + suffix)) is not None


def _suffixes(name: str) -> str:
    """Return the suffix of a file's format, and that of its compression."""
    whole = PurePath(name).name.lower()
    stem, _ = without_compression(whole)
    return os.path.splitext(stem)[1] + whole[len(stem) :]  # noqa: PTH122  # A name, not a path.
