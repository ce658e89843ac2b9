"""Findings: the rows of a column in which the same thing is wrong, and the messages and tables made from them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import TEXT_TYPE, Mask, Rows, time_text
from events_pandas.convert.codes import CODES, RANKS, Severity
from events_pandas.convert.json_text import joined
from events_pandas.convert.odd_texts import outlined, visible
from events_pandas.convert.time_formats import day_cures, format_cures
from events_pandas.intercom import IDENTIFIERS
from events_pandas.words import counted, escaped

Texts = npt.NDArray[np.object_]

SHOWN_CHARACTERS = 80
VALUES_KEPT = 1_000
"""How many values are kept for one code in one field, so that a wholly bad frame does not double in size."""

_FILE_EXTENT = "the file"
_WITHHELD = "a value"
_CODE_WORDS = np.array(list(CODES), object)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The rows of one column in which the same thing is wrong."""

    code: str  # one of `CODES`
    rows: Rows  # positions
    values: pa.Array | None = None  # the text of the first rows' cells; null: an empty cell; None: all are empty
    field: str = ""  # of the event
    label: str = ""  # the column in words, such as "column 'total'"
    is_omission: bool = False  # the value is left out of the event; the row stays valid
    names_contacts: bool = False  # another field reads the identifiers of contacts: messages do not show them
    cures: pa.Array | None = None  # large_string: how to fix each of `values`; null: the code's own cure fits
    like_rows: int = 0  # further rows with the same finding, counted: only the first row, or a value's first, is listed
    unlisted: int = 0  # later rows with the same finding, counted: of rows that are not held only the first are listed

    @property
    def severity(self) -> Severity:
        """Whether the row is invalid ("error") or not ("note")."""
        return "note" if self.is_omission else CODES[self.code].severity

    def first(self) -> "Finding":
        """Return the finding for its first row alone."""
        return self.chosen(np.arange(len(self.rows)) == self.rows.argmin())

    def once(self) -> "Finding":
        """Return the finding for its first row, with the number of its other rows."""
        return replace(self.first(), like_rows=self.like_rows + len(self.rows) - 1)

    def chosen(self, where: Mask) -> "Finding":
        """Return the finding for some of its rows; `where` is as long as `rows`."""
        values, cures = (
            None if texts is None else texts.filter(pa.array(where[: len(texts)]))
            for texts in (self.values, self.cures)
        )
        return replace(
            self, rows=self.rows[where], values=values if values is not None and len(values) else None, cures=cures
        )

    def advised(self, cure: str | None) -> "Finding":
        """Return the finding with a cure of its own for those of its values that have none."""
        if cure is None or self.values is None:
            return self
        known = pa.nulls(len(self.values), TEXT_TYPE) if self.cures is None else self.cures
        return replace(self, cures=pc.fill_null(known, cure))

    def among(self, rows: Rows) -> "Finding | None":
        """Return the finding for the given distinct positions, counted within them; None if it has none of them."""
        where = np.isin(self.rows, rows)
        if not where.any():
            return None
        order = np.argsort(rows, kind="stable")
        found = self.chosen(where)
        return replace(found, rows=order[np.searchsorted(rows, found.rows, sorter=order)])

    def messages(self) -> pa.Array:
        """Return a message for each row (large_string): the value, what is wrong in which column, and how to fix it."""
        cause = CODES[self.code].cause
        cure = "the event is sent without it" if self.is_omission else CODES[self.code].cure
        values = pa.nulls(0, TEXT_TYPE) if self.values is None else self._shown_values()
        where = f" in {self.label}" if self.label else ""
        field = escaped(self.field)
        pieces = (f"{field}: ", values, f"{where} {cause}: ", self._cures(len(values), cure))
        with_value = joined(*pieces, length=len(values))
        without_value = f"{field}: {self.label or CODES[self.code].subject} {cause}: {cure}"
        with_value = pc.fill_null(with_value, without_value)
        rest = pa.repeat(pa.scalar(without_value, TEXT_TYPE), len(self.rows) - len(with_value))
        return pa.concat_arrays([with_value, rest])

    def _shown_values(self) -> pa.Array:
        """Return the values as messages show them."""
        is_identifier = self.field in IDENTIFIERS
        if not (is_identifier or self.names_contacts):
            return self.values
        # Results are kept and passed on, so messages do not name a person; they may show an invisible character.
        if CODES[self.code].shows_characters:
            return outlined(self.values)
        if is_identifier:
            return pa.nulls(0, TEXT_TYPE)
        return pc.if_else(pc.is_valid(self.values), pa.scalar(_WITHHELD, TEXT_TYPE), pa.scalar(None, TEXT_TYPE))

    def cure(self) -> str:
        """Return how to fix the first value: its own cure, or the code's."""
        # A column of many odd cells keeps only some of them.
        own = None if self.cures is None or not len(self.cures) else self.cures[0].as_py()
        return own or CODES[self.code].cure

    def _cures(self, count: int, cure: str) -> "pa.Array | str":
        """Return how to fix each of the values that are kept."""
        # A cure of its own may repeat a part of the value.
        if self.cures is None or self.is_omission or self.names_contacts:
            return cure
        return pc.fill_null(self.cures[:count], cure)

    def all_values(self) -> pa.Array:
        """Return the value in each row (large_string); null where it is empty or not kept."""
        return _filled(self.values, len(self.rows))


def noted(code: str, row: int, value: str, *, field: str, label: str = "") -> Finding:
    """Return the finding of one row; `value` stands for its cell in the message."""
    return Finding(
        code=code, rows=np.array([row], np.int64), values=pa.array([value], TEXT_TYPE), field=field, label=label
    )


def _filled(texts: pa.Array | None, length: int) -> pa.Array:
    known = pa.nulls(0, TEXT_TYPE) if texts is None else texts[:length]
    return pa.concat_arrays([known, pa.nulls(length - len(known), TEXT_TYPE)])


def shown(values: pa.Array) -> pa.Array:
    """Write values as messages show them: shortened, invisible characters as escapes, text in quotes."""
    text = time_text(values) if pa.types.is_timestamp(values.type) else values.cast(TEXT_TYPE)
    short = visible(pc.utf8_slice_codeunits(text, 0, SHOWN_CHARACTERS))
    if not pa.types.is_large_string(values.type):
        return short
    return joined("'", short, "'", length=len(short))


def merged(findings: Iterable[Finding], fields: Sequence[str]) -> Iterator[Finding]:
    """Join findings with the same code and field, in the order of `fields` (others last), then of codes.

    The findings come in the order of rows; of a code that is reported once, the first row is kept. The result does not
    depend on how the rows were cut into chunks.
    """
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.field, finding.code), []).append(finding)
    places = {field: place for place, field in enumerate(fields)}
    for group in sorted(groups, key=lambda group: (places.get(group[0], len(places)), RANKS[group[1]])):
        # Taken out of the dict, so that at most one group is in memory twice.
        yield _with_format(_joined_parts(groups.pop(group)))


def _joined_parts(parts: list[Finding]) -> Finding:
    """Join findings with the same code and field."""
    code = CODES[parts[0].code]
    if code.is_reported_by_value:
        # One part at a time: the values kept of all parts together could lack a rare one.
        return reduce(lambda kept, part: _first_of_each(_concatenated([kept, part])), parts[1:], parts[0])
    if code.is_reported_once:
        return _concatenated(parts).once()
    return _concatenated(parts)


def _with_format(finding: Finding) -> Finding:
    """Say which day does not exist, and which format reads the times of a column: all chunks decide together."""
    if finding.code not in ("time_unreadable", "time_unlike_format") or finding.values is None:
        return finding
    texts = pc.utf8_slice_codeunits(finding.values, 1, -1)
    cures = day_cures(texts)
    if finding.code == "time_unreadable":
        cures = pc.coalesce(cures, format_cures(texts))
    return replace(finding, cures=cures if cures.null_count < len(cures) else None)


class GatheredFindings:
    """Findings of rows that are not held, joined by code and field as they come: each lists its first `most` rows."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: dict[tuple[str, str], Finding] = {}

    def add(self, findings: Iterable[Finding], *, offset: int = 0) -> None:
        """Add findings; `offset` is the position of the row from which they count."""
        for finding in findings:
            place = finding.field, finding.code
            moved = replace(finding, rows=finding.rows + offset)
            known = self._found.get(place)
            self._found[place] = moved if known is None else self._joined(known, moved)
            self._found[place] = self._cut(self._found[place])

    def _joined(self, known: Finding, later: Finding) -> Finding:
        is_full = len(known.rows) >= self._most and not CODES[known.code].is_reported_by_value
        if not is_full or later.rows.min() < known.rows.max():
            return _joined_parts([known, later])
        # The usual case in a wholly bad file: nothing is sorted.
        further = known.unlisted + len(later.rows) + later.unlisted
        return replace(known, unlisted=further, like_rows=known.like_rows + later.like_rows)

    def _cut(self, finding: Finding) -> Finding:
        # Few values are kept, and so there are few first rows with them.
        if len(finding.rows) <= self._most or CODES[finding.code].is_reported_by_value:
            return finding
        is_listed = finding.rows <= np.partition(finding.rows, self._most - 1)[self._most - 1]
        return replace(finding.chosen(is_listed), unlisted=finding.unlisted + int((~is_listed).sum()))

    def joined(self, fields: Sequence[str]) -> Iterator[Finding]:
        """Yield a finding for each code and field, in the order of `merged`."""
        return merged(self._found.values(), fields)


def _first_of_each(finding: Finding) -> Finding:
    """Return the finding for the first row with each value; without values, for the first row."""
    if finding.values is None:
        return finding.once()
    distinct = np.unique(finding.values.to_numpy(zero_copy_only=False).astype(str), return_index=True)
    firsts = np.sort(distinct[1])
    return replace(
        finding,
        rows=finding.rows[firsts],
        values=finding.values.take(pa.array(firsts)),
        like_rows=finding.like_rows + len(finding.rows) - len(firsts),
    )


def _concatenated(findings: list[Finding]) -> Finding:
    """Join findings in the order of rows, so that which values are kept does not depend on how the rows were cut."""
    first, *others = findings
    if not others:
        return first
    rows = np.concatenate([finding.rows for finding in findings])
    heads = [finding.rows[:VALUES_KEPT] for finding in findings]
    earliest = pa.array(np.argsort(np.concatenate(heads), kind="stable")[:VALUES_KEPT])
    values, cures = (
        pa.concat_arrays([_filled(part, len(head)) for part, head in zip(parts, heads, strict=True)]).take(earliest)
        for parts in ([finding.values for finding in findings], [finding.cures for finding in findings])
    )
    has_values = values.null_count < len(values)
    return replace(
        first,
        rows=np.sort(rows, kind="stable"),
        values=values if has_values else None,
        cures=cures if has_values and cures.null_count < len(cures) else None,
        like_rows=sum(finding.like_rows for finding in findings),
        unlisted=sum(finding.unlisted for finding in findings),
    )


def is_of_file(code: str) -> bool:
    """Tell whether what has this code concerns a file as a whole, which its field names, and no row of it."""
    return CODES[code].extent == _FILE_EXTENT


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """The rows of a field in which the same thing was found."""

    code: str
    field: str
    severity: Severity
    rows: int  # how many
    first_row: int  # its position
    message: str  # of the first row
    place: str = ""  # of the first row in words, if it is in a file

    @property
    def extent(self) -> str:
        """How many rows it concerns, in words."""
        if CODES[self.code].extent:
            return CODES[self.code].extent
        return counted(self.rows, "row")

    def __str__(self) -> str:
        return self.at(self.place or f"row {self.first_row}")

    def at(self, place: str) -> str:
        """Return the same in words, with other words for the first row."""
        where = "" if is_of_file(self.code) else f"{self.extent}, such as {place}: "
        return f"{self.severity} {self.code}: {where}{self.message}"


def causes(findings: Iterable[Finding]) -> list[Cause]:
    """Group findings by code and field: errors first, then by the number of rows, most first."""
    groups: dict[tuple[Severity, str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.severity, finding.code, finding.field), []).append(finding)
    found = []
    for (severity, code, field), group in groups.items():
        example = min(group, key=lambda finding: int(finding.rows.min())).first()
        found.append(
            Cause(
                code=code,
                field=field,
                severity=severity,
                rows=len(np.unique(np.concatenate([finding.rows for finding in group])))
                + sum(finding.like_rows + finding.unlisted for finding in group),
                first_row=int(example.rows[0]),
                message=example.messages()[0].as_py(),
            )
        )
    return sorted(found, key=lambda cause: (cause.severity, -cause.rows))


def problems_frame(findings: Iterable[Finding], index: pd.Index) -> pd.DataFrame:
    """Return findings as a frame with a row for each, on the caller's index.

    The columns are ``row`` (int64, counted from the start of `index`) and the strings ``field``, ``code``,
    ``severity``, ``value`` and ``message``. Rows come in their order and, within a row, in the order of `CODES`.
    """
    findings = list(findings)
    rows, ranks, order = _sorted(findings)
    lengths = [len(finding.rows) for finding in findings]
    columns = {
        "field": np.repeat(np.array([finding.field for finding in findings], object), lengths),
        "code": _CODE_WORDS[ranks],
        "severity": np.repeat(np.array([finding.severity for finding in findings], object), lengths),
        "value": _joined([finding.all_values() for finding in findings]),
        "message": _joined([finding.messages() for finding in findings]),
    }
    frame = pd.DataFrame({"row": rows, **{name: pd.array(texts, dtype="string") for name, texts in columns.items()}})
    frame = frame.iloc[order]
    frame.index = index[rows[order]]
    return frame


def first_errors(findings: Iterable[Finding]) -> tuple[Rows, Texts, Texts]:
    """Return the invalid rows, ascending, each with the code and message of its first error in the order of `CODES`."""
    errors = [finding for finding in findings if finding.severity == "error"]
    rows, ranks, order = _sorted(errors)
    invalid, firsts = np.unique(rows[order], return_index=True)
    chosen = order[firsts]
    messages = pa.chunked_array([finding.messages() for finding in errors], TEXT_TYPE)
    return invalid, _CODE_WORDS[ranks[chosen]], pc.take(messages, pa.array(chosen)).to_numpy()


def _sorted(findings: Sequence[Finding]) -> tuple[Rows, Rows, Rows]:
    """Return the row of each finding in each row, the rank of its code, and the order by both."""
    lengths = [len(finding.rows) for finding in findings]
    rows = np.concatenate([np.zeros(0, np.int64), *(finding.rows for finding in findings)])
    ranks = np.repeat(np.array([RANKS[finding.code] for finding in findings], np.int64), lengths)
    return rows, ranks, np.lexsort((ranks, rows))


def _joined(arrays: Sequence[pa.Array]) -> Texts:
    texts: Texts = pa.chunked_array(arrays, TEXT_TYPE).to_numpy()
    return texts
