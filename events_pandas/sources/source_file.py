"""SourceFile: a file of rows, what messages call it, and how it is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from events_pandas.mapping.source_format import AS_DETECTED, SourceFormat


class FileFormat(Enum):
    """The formats of files."""

    CSV = "CSV"
    PARQUET = "Parquet"


SUFFIXES: Final[Mapping[str, FileFormat]] = {
    ".csv": FileFormat.CSV,
    ".tsv": FileFormat.CSV,
    ".tab": FileFormat.CSV,
    ".txt": FileFormat.CSV,
    ".parquet": FileFormat.PARQUET,
    ".pq": FileFormat.PARQUET,
}
TEXT_FORMATS: Final = frozenset({FileFormat.CSV})
"""Formats whose cells are text without types."""


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
    stamp: FileStamp | None = None  # as it was when the run began
    handle: BinaryIO | None = None  # held open: it can be read even if another file has taken its place

    def __str__(self) -> str:
        return self.name

    @property
    def is_text(self) -> bool:
        """Whether the cells of the file are text without types."""
        return self.format in TEXT_FORMATS


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
