"""CauseGroup: one line of a report, for the same finding in one field or in several."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from events_pandas.convert import CODES, Cause
from events_pandas.convert.problems import is_of_file
from events_pandas.words import escaped, listed

FIELDS_NAMED: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class CauseGroup:
    """Causes with the same code and severity, the most frequent first."""

    causes: Sequence[Cause]
    holds_for_all: bool = False  # rows, in each of the fields
    first_row: str = ""  # of the example, in words, with its label

    @property
    def first(self) -> Cause:
        """The cause that is the example."""
        return self.causes[0]

    def extents(self) -> Iterator[tuple[str, str]]:
        """Yield how many rows it concerns in each field, and the field, both in words."""
        for cause in self.causes:
            yield f"all {cause.extent}" if self.holds_for_all else cause.extent, escaped(cause.field)

    @property
    def extent(self) -> str:
        """How many rows it concerns; if there are several fields, with their names."""
        (rows, field), *others = self.extents()
        if not others:
            return rows
        # The words are not repeated: "4 rows in a, 2 in b", and "all 9 rows in a, b".
        counts = [f"{cause.rows:,} in " if self._is_counted else "" for cause in self.causes[1:]]
        texts = [f"{rows} in {field}", *(f"{count}{name}" for count, (_, name) in zip(counts, others, strict=True))]
        return listed(texts, most=FIELDS_NAMED, rest=f"{len(texts) - FIELDS_NAMED:,} more fields")

    @property
    def _is_counted(self) -> bool:
        return not (self.holds_for_all or CODES[self.first.code].extent)

    def __str__(self) -> str:
        return self.at(self.first.place or f"row {self.first.first_row}")

    def at(self, place: str) -> str:
        """Return the group in words, with other words for the first row."""
        where = "" if is_of_file(self.first.code) else f"{self.extent}, such as {place}: "
        return f"{self.first.severity} {self.first.code}: {where}{self.first.message}"


def grouped(causes: Iterable[Cause], *, n_rows: int | None = None) -> list[CauseGroup]:
    """Join causes with the same code and severity: errors first, and notes that hold for all of `n_rows` rows last.

    Notes on files stay apart, since each says what its file is like.
    """
    groups: dict[tuple[str, str, str], list[Cause]] = {}
    for cause in causes:
        file = cause.field if is_of_file(cause.code) else ""
        groups.setdefault((cause.severity, cause.code, file), []).append(cause)
    found = [CauseGroup(causes=group, holds_for_all=_holds_for_all(group, n_rows)) for group in groups.values()]
    return sorted(found, key=lambda group: (group.first.severity, group.holds_for_all and _is_note(group)))


def _is_note(group: CauseGroup) -> bool:
    return group.first.severity == "note"


def _holds_for_all(group: Sequence[Cause], n_rows: int | None) -> bool:
    has_rows = not CODES[group[0].code].extent and n_rows is not None and n_rows > 1
    return has_rows and all(cause.rows == n_rows for cause in group)
