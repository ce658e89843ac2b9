"""A chunk of rows becomes an EventBatch: payloads, keys and findings, column by column."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import TEXT_TYPE, Mask, Rows, to_mask
from events_pandas.convert.json_text import joined, json_object, quoted
from events_pandas.convert.keys import Words, event_keys
from events_pandas.convert.members import Member, finding_at, metadata_member, read_part
from events_pandas.convert.problems import NOTE_CODES, Finding
from events_pandas.convert.readers import Reading
from events_pandas.errors import MappingError
from events_pandas.intercom import IDENTIFIERS, METADATA_LIMIT
from events_pandas.mapping import BoundMapping, BoundRule, Constant, EventMapping


@dataclass(frozen=True, kw_only=True, slots=True)
class EventBatch:
    """A chunk of rows as events.

    Parameters
    ----------
    start : int
        The position of the first row.
    valid : numpy.ndarray of bool, shape (n_rows,)
        Rows without an error.
    contacts : pyarrow.LargeStringArray
        ``"user_id":"314159"``, as it stands in the payload; null where no identifier can be read.
    created_at : pyarrow.Int64Array
        Unix seconds; null where no time can be read.
    keys : numpy.ndarray of uint64, shape (n_rows, 2)
        What Intercom knows each event by; meaningless for rows that are not valid.
    findings : tuple of Finding
        What is wrong, with rows counted from the start of the frame.
    names : pyarrow.LargeStringArray
        Event names as JSON, a row each or one for all.
    metadata : pyarrow.LargeStringArray
        Metadata as JSON objects; null where there is none.
    """

    start: int
    valid: Mask
    contacts: pa.Array
    created_at: pa.Array
    keys: Words
    findings: tuple[Finding, ...]
    names: pa.Array
    metadata: pa.Array

    def rows(self) -> Rows:
        """Return the positions of the rows.

        Returns
        -------
        numpy.ndarray of int64, shape (n_rows,)
            Counted from the start of the frame.
        """
        return np.arange(self.start, self.start + len(self.valid))

    def payloads(self, where: Mask) -> pa.Array:
        """Return the bytes of request bodies.

        Parameters
        ----------
        where : numpy.ndarray of bool, shape (n_rows,)
            The rows wanted; all of them valid.

        Returns
        -------
        pyarrow.LargeBinaryArray
            One JSON object for each, UTF-8.
        """
        chosen = pa.array(where)
        names = self.names if len(self.names) == 1 else self.names.filter(chosen)
        times, contacts, metadata = (
            column.filter(chosen) for column in (self.created_at.cast(TEXT_TYPE), self.contacts, self.metadata)
        )
        ending = pc.fill_null(joined(',"metadata":', metadata, "}", length=len(metadata)), "}")
        texts = joined('{"event_name":', names, ',"created_at":', times, ",", contacts, ending, length=len(times))
        return texts.cast(pa.large_binary())


class Converter:
    """Converts the rows of one frame, chunk by chunk.

    Parameters
    ----------
    bound : BoundMapping
        A mapping with the columns that it reads.

    Raises
    ------
    MappingError
        If a constant is not what its rule takes.
    """

    def __init__(self, bound: BoundMapping) -> None:
        self._bound = bound
        faults = _constant_faults(bound)
        if faults:
            raise MappingError(faults)

    def convert(self, start: int, stop: int) -> EventBatch:
        """Convert some rows.

        Parameters
        ----------
        start, stop : int
            Positions, as in ``frame.iloc[start:stop]``.

        Returns
        -------
        EventBatch
            The rows as events.
        """
        rules = {rule.path: _sliced(rule, start, stop) for rule in self._bound.rules}
        n_rows = stop - start
        mapping = self._bound.mapping
        name = _required(rules["event_name"], read_part(rules["event_name"]))
        time = _required(rules["created_at"], read_part(rules["created_at"], timezone=mapping.timezone))
        contacts = _contacts([rules[name] for name in IDENTIFIERS if name in rules], n_rows)
        metadata_rules = [rule for path, rule in rules.items() if path.startswith("metadata.")]
        metadata = _metadata(metadata_rules, mapping, n_rows)
        findings = [*name.findings, *time.findings, *contacts.findings, *metadata.findings]
        valid = np.ones(n_rows, dtype=bool)
        for finding in findings:
            if finding.severity == "error":
                valid[finding.rows] = False
        return EventBatch(
            start=start,
            valid=valid,
            contacts=contacts.values,
            created_at=_spread(time.values, n_rows),
            keys=event_keys(contacts.values, _spread(name.values, n_rows), _spread(time.values, n_rows)),
            findings=tuple(finding.moved(start) for finding in findings),
            names=quoted(name.values),
            metadata=metadata.values,
        )


def _sliced(bound: BoundRule, start: int, stop: int) -> BoundRule:
    parts = {
        part: values if isinstance(values, Constant) else values.iloc[start:stop]
        for part, values in bound.parts.items()
    }
    return replace(bound, parts=parts)


def _spread(values: pa.Array, n_rows: int) -> pa.Array:
    """Give every row its value, where one stands for all."""
    return pa.repeat(values[0], n_rows) if len(values) == 1 != n_rows else values


def _required(bound: BoundRule, reading: Reading) -> Reading:
    """Note where a field that every event needs is absent."""
    missing = {f"{bound.path}_missing": ~reading.present}
    return replace(reading, findings=[*reading.findings, *finding_at(bound, "", missing)])


def _contacts(bounds: list[BoundRule], n_rows: int) -> Member:
    """Choose each row's first identifier that is present."""
    findings: list[Finding] = []
    chosen = pa.nulls(n_rows, TEXT_TYPE)
    taken = np.zeros(n_rows, dtype=bool)
    for bound in bounds:
        reading = read_part(bound)
        present = np.broadcast_to(reading.present, (n_rows,))
        findings += reading.findings
        findings += finding_at(bound, "", {"several_identifiers": present & taken})
        members = _spread(joined(f'"{bound.path}":', quoted(reading.values), length=n_rows), n_rows)
        # An identifier that is present but bad makes the row invalid: it is not passed over for the next one.
        chosen = pc.if_else(pa.array(taken), chosen, members)
        taken = taken | present
    findings += finding_at(bounds[0], "", {"identifier_missing": ~taken})
    return Member(values=chosen, findings=tuple(findings))


def _metadata(bounds: list[BoundRule], mapping: EventMapping, n_rows: int) -> Member:
    findings: list[Finding] = []
    members = []
    for bound in bounds:
        member = metadata_member(bound, timezone=mapping.timezone)
        findings += _omitted(member.findings) if mapping.on_invalid_metadata == "omit" else member.findings
        key = quoted(pa.array([bound.path.partition(".")[2]], TEXT_TYPE))
        members.append(joined(key, ":", member.values, length=n_rows))
    findings += _overflow(members, n_rows)
    return Member(values=json_object(members, n_rows), findings=tuple(findings))


def _omitted(findings: Iterable[Finding]) -> Iterator[Finding]:
    for finding in findings:
        yield finding if finding.severity == "note" else replace(finding, is_omission=True)


def _overflow(members: list[pa.Array], n_rows: int) -> list[Finding]:
    if len(members) <= METADATA_LIMIT:
        return []
    counts = np.zeros(n_rows, np.int64)
    for member in members:
        counts += to_mask(member.is_valid())
    rows = np.flatnonzero(counts > METADATA_LIMIT)
    if not len(rows):
        return []
    values = pa.array(counts[rows]).cast(TEXT_TYPE)
    return [Finding(code="metadata_overflow", rows=rows, values=values, field="metadata")]


def _constant_faults(bound: BoundMapping) -> list[str]:
    """Judge each constant once, as a column of one row."""
    return [
        finding.messages()[0].as_py()
        for rule in bound.rules
        for part, value in rule.parts.items()
        if isinstance(value, Constant)
        for finding in read_part(rule, part, timezone=bound.mapping.timezone).findings
        if finding.code not in NOTE_CODES
    ]
