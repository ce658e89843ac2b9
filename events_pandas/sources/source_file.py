"""SourceFile: a file of rows, what messages call it, and how it is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from events_pandas.mapping.source_format import AS_DETECTED, SourceFormat
from events_pandas.sources.scratch import Scratch
from events_pandas.words import file_words


class FileFormat(Enum):
    """The formats of files."""

    CSV = "CSV"
    JSON_LINES = "JSON Lines"
    PARQUET = "Parquet"
    ARROW = "Arrow"
    EXCEL = "Excel"


SUFFIXES: Final[Mapping[str, FileFormat]] = {
    ".csv": FileFormat.CSV,
    ".tsv": FileFormat.CSV,
    ".tab": FileFormat.CSV,
    ".txt": FileFormat.CSV,
    ".jsonl": FileFormat.JSON_LINES,
    ".ndjson": FileFormat.JSON_LINES,
    ".json": FileFormat.JSON_LINES,
    ".parquet": FileFormat.PARQUET,
    ".pq": FileFormat.PARQUET,
    ".feather": FileFormat.ARROW,
    ".arrow": FileFormat.ARROW,
    ".arrows": FileFormat.ARROW,
    ".ipc": FileFormat.ARROW,
    ".xlsx": FileFormat.EXCEL,
    ".xlsm": FileFormat.EXCEL,
}
REFUSED_SUFFIXES: Final[Mapping[str, str]] = dict.fromkeys((".xls", ".xlsb", ".ods"), "save it as .xlsx")
"""The cure for each known format that is not read."""
TEXT_FORMATS: Final = frozenset({FileFormat.CSV})
"""Formats whose cells are text without types."""
VALUE_FORMATS: Final = frozenset({FileFormat.JSON_LINES, FileFormat.EXCEL})
"""Formats whose cells have types, and whose columns have none."""
USED_PARTS: Final[Mapping[FileFormat, frozenset[str]]] = {
    FileFormat.CSV: frozenset({"delimiter", "encoding", "decimal"}),
    FileFormat.JSON_LINES: frozenset({"encoding", "decimal"}),
    FileFormat.PARQUET: frozenset({"decimal"}),
    FileFormat.ARROW: frozenset({"decimal"}),
    FileFormat.EXCEL: frozenset({"sheet", "decimal"}),
}
"""The parts of a `SourceFormat` that matter to files of each format: numbers may be written as text in all of them."""
STREAMED_FORMATS: Final = frozenset({FileFormat.CSV, FileFormat.JSON_LINES})
"""Formats that are read from their start to their end, also while they are decompressed."""


Partitions: TypeAlias = tuple[tuple[str, str | None], ...]
"""The keys and values of the folders ``key=value`` above a file; None is an absent cell."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileStamp:
    """The facts that differ if another file has taken the place of a file, or if it was written to."""

    device: int
    inode: int
    size: int  # bytes
    modified_ns: int  # since 1970


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFile:
    """A file of rows: what is read, and what messages and results call it."""

    path: Path  # of the bytes that are read
    name: str  # as it was given
    format: FileFormat
    written: SourceFormat = AS_DETECTED  # what need not be detected
    partitions: Partitions = ()  # columns that have one text in all rows
    short_name: str = field(default="", compare=False)  # what notes and progress call it: the end of its name
    stamp: FileStamp | None = None  # as it was when the run began
    handle: BinaryIO | None = None  # held open: it can be read even if another file has taken its place
    scratch: Scratch | None = field(default=None, compare=False, repr=False)  # what a run keeps of its content

    def __str__(self) -> str:
        return file_words(self.name)

    @property
    def is_text(self) -> bool:
        """Whether the cells of the file are text without types."""
        return self.format in TEXT_FORMATS

    @property
    def has_values(self) -> bool:
        """Whether the cells of the file have types, and its columns have none."""
        return self.format in VALUE_FORMATS


@dataclass(frozen=True, kw_only=True, slots=True)
class OddRow:
    """A row that cannot be read as it was meant."""

    row: int  # counted from the file's first
    code: str
    subject: str  # the words for it in a message, such as "line 4 (2 cells for 3 columns)"


@dataclass(frozen=True, kw_only=True, slots=True)
class FileRemark:
    """What was decided about a file, to be said once: the code of a note, and the words for it."""

    code: str
    subject: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Some rows of a file as they were read, and the odd ones among them."""

    frame: pd.DataFrame
    odd_rows: Sequence[OddRow] = ()
    remarks: Sequence[FileRemark] = ()  # the same for each part of the file
    lines: npt.NDArray[np.int64] | None = None  # where each row begins in the file, counted from 1
