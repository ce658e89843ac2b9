"""The decimal signs that the cells of text files show, column by column, with the first cells that show them."""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.problems import shown
from events_pandas.mapping.column_types import Remark
from events_pandas.mapping.source_format import DecimalSign
from events_pandas.mapping.written_numbers import COMMA, EITHER, GROUPED, POINT, decided_sign, is_torn, sign_masks
from events_pandas.sources.source_file import SourceFile
from events_pandas.words import escaped

_CURE: Final = "set decimal to ',' or '.' in the mapping's source, or in a rule of the column"


@dataclass(slots=True)
class ColumnSigns:
    """What the cells of one column show about its decimal sign."""

    _counts: Counter[str] = field(default_factory=Counter)
    _cells: dict[str, tuple[str, str]] = field(default_factory=dict)  # the first of each word, alone and with its place

    def add(self, texts: pa.Array, file: SourceFile, start: int) -> None:
        """Count more cells of the column, which stand in a file from row `start` on."""
        for word, where in sign_masks(texts).items():
            count = pc.sum(where).as_py() or 0
            if count and word not in self._cells:
                row = pc.index(where, True).as_py()
                cell = shown(texts.slice(row, 1))[0].as_py()
                self._cells[word] = cell, f"{cell} in row {start + row:,} of {escaped(file)}"
            self._counts[word] += count

    @property
    def sign(self) -> DecimalSign | None:
        """The decimal sign, if the numbers cannot be read without knowing it."""
        return decided_sign(self._counts)

    @property
    def is_torn(self) -> bool:
        """Whether the cells show both signs, neither of them often enough to decide."""
        return is_torn(self._counts)

    @property
    def is_open(self) -> bool:
        """Whether there are cells such as 1.234, and no cell that shows what they are."""
        return bool(self._counts[EITHER]) and not self._counts[COMMA] + self._counts[POINT]

    def remark(self) -> Remark | None:
        """Return the note on the sign; it shows a cell."""
        if self.sign is None:
            return None
        code, word = ("decimal_comma", COMMA) if self.sign == "," else ("decimal_point", GROUPED)
        return Remark(code=code, value=self._cells[word][0])

    def example(self, word: str) -> str:
        """Return the first cell of a word, with its place."""
        return self._cells[word][1]


def sign_faults(columns: Mapping[str, tuple[Hashable, ColumnSigns]]) -> Iterator[tuple[str, str]]:
    """Yield the paths of columns whose numbers cannot be read without a given decimal sign, and why."""
    commas = next(((label, signs) for label, signs in columns.values() if signs.sign == ","), None)
    for path, (label, signs) in columns.items():
        column = f"{escaped(path)}: column {label!r}"
        if signs.is_torn:
            both = f"{signs.example(COMMA)}, {signs.example(POINT)}"
            yield path, f"{column} has both decimal signs ({both}): {_CURE}"
        elif signs.is_open and commas is not None:
            other, shows = commas
            fault = (
                f"{column} does not show its decimal sign ({signs.example(EITHER)}), and column {other!r} has a comma "
                f"({shows.example(COMMA)}): {_CURE}"
            )
            yield path, fault
