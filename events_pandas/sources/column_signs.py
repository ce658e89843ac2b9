"""The decimal signs that the texts in files show, column by column, with the first cells that show them."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.problems import shown
from events_pandas.mapping.column_types import Remark
from events_pandas.mapping.source_format import DecimalSign
from events_pandas.mapping.written_numbers import (
    COMMA,
    EITHER,
    EITHER_COMMA,
    POINT,
    decided_sign,
    is_torn,
    shows_sign,
    sign_masks,
)
from events_pandas.sources.source_file import SourceFile
from events_pandas.words import escaped

_CURE: Final = "set decimal to ',' or '.' in [source] of the mapping or with --decimal, or in a rule of the column"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cell:
    """A cell that shows something about a decimal sign."""

    text: str
    place: str  # such as "line 4 of a.csv"

    def __str__(self) -> str:
        return f"{self.shown} in {self.place}"

    @property
    def shown(self) -> str:
        """The text as messages show it."""
        return str(shown(pa.array([self.text], pa.large_string()))[0].as_py())


@dataclass(slots=True)
class _FileSigns:
    """What the cells of one column of one file show about its decimal sign, by word."""

    decides: bool = True
    counts: Counter[str] = field(default_factory=Counter)
    cells: dict[str, _Cell] = field(default_factory=dict)  # the first of each word


@dataclass(slots=True)
class ColumnSigns:
    """What the cells of one column show about its decimal sign, in each file and in all of them."""

    _files: dict[SourceFile, _FileSigns] = field(default_factory=dict)

    def add(
        self,
        texts: pa.Array,
        file: SourceFile,
        *,
        start: int = 0,
        lines: npt.NDArray[np.int64] | None = None,
        decides: bool = True,
    ) -> None:
        """Count more cells of the column, which stand in a file from row `start` on.

        Cells that do not decide the sign of the column are counted for their file alone.
        """
        signs = self._files.setdefault(file, _FileSigns(decides=decides))
        for word, where in sign_masks(texts).items():
            count = pc.sum(where).as_py() or 0
            if count and word not in signs.cells:
                row = pc.index(where, True).as_py()
                place = f"row {start + row:,}" if lines is None else f"line {lines[row]:,}"
                signs.cells[word] = _Cell(text=texts[row].as_py(), place=f"{place} of {escaped(file)}")
            signs.counts[word] += count

    @property
    def sign(self) -> DecimalSign | None:
        """The decimal sign, if the numbers cannot be read without knowing it."""
        return decided_sign(self._counts())

    def _counts(self) -> Counter[str]:
        return sum((signs.counts for signs in self._files.values() if signs.decides), Counter())

    def example(self, word: str) -> _Cell | None:
        """Return the first cell of a word among those that decide."""
        return next(
            (signs.cells[word] for signs in self._files.values() if signs.decides and word in signs.cells), None
        )

    def remark(self) -> Remark | None:
        """Return the note on the sign; it shows a cell."""
        sign = self.sign
        code, word = ("decimal_comma", COMMA) if sign == "," else ("decimal_point", POINT)
        cell = None if sign is None else self.example(word)
        return None if cell is None else Remark(code=code, value=cell.shown, cell=cell.text, place=cell.place)

    def fault(self, comma: str | None) -> str | None:
        """Say why the numbers cannot be read without a given sign; `comma` shows a column that has a decimal comma."""
        sign = self.sign
        if is_torn(self._counts()):
            return f"has both decimal signs ({self.example(COMMA)}, {self.example(POINT)})"
        for signs in self._files.values():
            # Without a decimal comma 1.234 is read as in a frame, and without a known sign 1,234 is not read at all.
            is_doubtful = comma is not None or signs.counts[COMMA]
            words = [*([EITHER] if is_doubtful else []), *([EITHER_COMMA] if sign is not None else [])]
            if not shows_sign(signs.counts, words, sign):
                cell = next(signs.cells[word] for word in words if word in signs.cells)
                counts = [sum(signs.counts[word] for word in words), signs.counts[COMMA], signs.counts[POINT]]
                return _doubt(cell, counts, self._evidence(comma if signs.counts[EITHER] else None))
        return None

    def _evidence(self, comma: str | None) -> str:
        """Show a cell that has a sign."""
        own = self.example(COMMA)
        return (f"{own} has a comma" if own else comma) or f"{self.example(POINT)} has a point"


def _doubt(cell: _Cell, counts: Iterable[int], evidence: str) -> str:
    either, comma, point = (f"{count:,}" for count in counts)
    return (
        f"does not show what {cell} is: in this file {either} of its cells can be read in two ways, {comma} only with "
        f"a decimal comma, {point} only with a point ({evidence})"
    )


def sign_faults(columns: Mapping[str, tuple[Hashable, ColumnSigns]]) -> Iterator[tuple[str, str]]:
    """Yield the paths of columns whose numbers cannot be read without a given decimal sign, and why."""
    comma = shown_comma(columns.values())
    for path, (label, signs) in columns.items():
        if (fault := signs.fault(comma)) is not None:
            yield path, f"{escaped(path)}: column {label!r} {fault}: {_CURE}"


def shown_comma(columns: Iterable[tuple[Hashable, ColumnSigns]]) -> str | None:
    """Show a cell of the first column that has a decimal comma; None if none of them has."""
    return next(
        (f"{signs.example(COMMA)} has a comma, in column {label!r}" for label, signs in columns if signs.sign == ","),
        None,
    )
