"""Rows in which no cell has a value: spreadsheets leave them in files, and they do not count as rows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from events_pandas.sources.source_file import FileRemark
from events_pandas.words import counted

_NAMED_PLACES: Final = 3


@dataclass(slots=True)
class BlankRows:
    """How many blank rows a file has, and where the first of them are."""

    count: int = 0
    _places: list[tuple[int, int]] = field(default_factory=list)  # the first and the last of rows without a gap
    _more: int = 0  # further places
    _last: int = 0

    def add(self, numbers: Iterable[int]) -> None:
        """Take note of blank rows by their lines or numbers, which ascend."""
        for number in numbers:
            self.count += 1
            if number != self._last + 1:
                self._more += len(self._places) == _NAMED_PLACES
                self._places += [(number, number)] if len(self._places) < _NAMED_PLACES else []
            elif not self._more:
                self._places[-1] = self._places[-1][0], number
            self._last = number

    def remarks(self, noun: str) -> list[FileRemark]:
        """Return the note on them, if there are any; `noun` is the word for one of them, such as "line"."""
        if not self.count:
            return []
        places = [f"{first:,}" if first == last else f"{first:,} to {last:,}" for first, last in self._places]
        more = f" and {self._more:,} more places" if self._more else ""
        return [FileRemark(code="blank_rows", subject=f"{counted(self.count, noun)} ({', '.join(places)}{more})")]
