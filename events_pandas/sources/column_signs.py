"""The decimal signs that the texts in files show, column by column, with the first cells that show them."""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.problems import shown
from events_pandas.mapping.column_types import Remark
from events_pandas.mapping.source_format import DecimalSign
from events_pandas.mapping.written_numbers import COMMA, POINT, UNCLEAR, decided_sign, is_torn, shows_sign, sign_masks
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
        cell, code = self._shown(), "decimal_comma" if self.sign == "," else "decimal_point"
        return None if cell is None else Remark(code=code, value=cell.shown, cell=cell.text, place=cell.place)

    def _shown(self) -> _Cell | None:
        """Return the first cell that shows the sign."""
        sign = self.sign
        return None if sign is None else self.example(COMMA if sign == "," else POINT)

    def fault(self) -> str | None:
        """Say why the numbers cannot be read without a given sign."""
        if is_torn(self._counts()):
            return f"shows both decimal signs ({self.example(COMMA)}, {self.example(POINT)})"
        sign = self.sign
        # Without a known sign, 1.234 and 1,234 are not read at all.
        for signs in self._files.values() if sign is not None else ():
            if not shows_sign(signs.counts, UNCLEAR, sign):
                cell = next(signs.cells[word] for word in UNCLEAR if word in signs.cells)
                counts = [sum(signs.counts[word] for word in UNCLEAR), signs.counts[COMMA], signs.counts[POINT]]
                either, comma, point = (f"{count:,}" for count in counts)
                return (
                    f"does not show what {cell} is: in this file {either} of its cells can be read in two ways, "
                    f"{comma} only with a decimal comma, {point} only with a point "
                    f"({self._shown()} shows a decimal {'comma' if sign == ',' else 'point'})"
                )
        return None


def sign_faults(columns: Mapping[str, tuple[Hashable, ColumnSigns]]) -> Iterator[tuple[str, str]]:
    """Yield the paths of columns whose numbers cannot be read without a given decimal sign, and why."""
    for path, (label, signs) in columns.items():
        if (fault := signs.fault()) is not None:
            yield path, f"{escaped(path)}: column {label!r} {fault}: {_CURE}"
