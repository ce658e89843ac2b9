"""Partitions: the folders ``key=value`` above a file, which are columns of its rows (as Hive and Spark write them)."""

import os
import re
from collections.abc import Collection, Hashable, Iterable
from typing import Final
from urllib.parse import unquote_to_bytes

import pandas as pd
import pyarrow as pa

from events_pandas.errors import SourceError
from events_pandas.sources.source_file import Partitions, SourceFile

_ABSENT: Final = "__HIVE_DEFAULT_PARTITION__"
_FOLDER: Final = re.compile(r"([^=]+)=(.*)", re.DOTALL)


def partitions(folders: Iterable[str], *, name: str) -> Partitions:
    """Return the keys and values in the names of folders, from the top; the value of an absent cell is None.

    A value is only text, and never part of a path. Raise `SourceError` if a key is there twice, or is not UTF-8.
    """
    found: dict[str, str | None] = {}
    for folder in folders:
        match = _FOLDER.fullmatch(folder)
        if match is None:
            continue
        try:
            key, value = (unquote_to_bytes(os.fsencode(part)).decode() for part in match.groups())
        except UnicodeDecodeError as error:
            raise SourceError(f"{name}: the folder {folder!r} is not UTF-8: rename it") from error
        if key in found:
            raise SourceError(f"{name}: two folders have the key {key!r}: rename one of them")
        found[key] = None if value in ("", _ABSENT) else value
    return tuple(found.items())


def without_keys(file: SourceFile, columns: frozenset[Hashable] | None) -> frozenset[Hashable] | None:
    """Return the columns that a file itself has to give: all for None, and if only partitions are asked for."""
    keys = {key for key, _ in file.partitions}
    return columns if columns is None or not keys else (columns - keys) or None


def with_keys(file: SourceFile, frame: pd.DataFrame, columns: Collection[Hashable] | None) -> pd.DataFrame:
    """Add the partitions of a file to some of its rows, behind its own columns."""
    chosen = [(key, value) for key, value in file.partitions if columns is None or key in columns]
    if not chosen:
        return frame
    widened = frame.copy(deep=False)
    for key, value in chosen:
        texts = pd.arrays.ArrowExtensionArray(pa.repeat(pa.scalar(value, pa.string()), len(frame)))
        cells = pd.Series(texts, index=frame.index)
        widened.insert(len(widened.columns), key, cells, allow_duplicates=True)
    return widened
