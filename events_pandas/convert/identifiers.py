"""The identifier that names the contact of each row: the first of user_id, id and email that is present."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import CellKind, Mask, Rows
from events_pandas.convert.codes import CODES, STRIP_CURES
from events_pandas.convert.json_text import Pieces, filtered, joined, json_strings, present
from events_pandas.convert.keys import FIRST_WORD, Words, text_words
from events_pandas.convert.members import expand, finding_at, only_where, read_part
from events_pandas.convert.problems import Finding
from events_pandas.intercom import IDENTIFIERS
from events_pandas.mapping import BoundRule, Constant

Texts: TypeAlias = npt.NDArray[np.object_]

_EMAIL: Final = "email"
"""The identifier that ignores case: each spelling of an address names the same contact."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DigitRange:
    """How many digits the whole numbers of a column have."""

    fewest: int
    most: int
    row: int  # the first with the fewest

    def joined(self, earlier: "DigitRange") -> "DigitRange":
        """Return the range of this chunk and of the earlier ones together."""
        shorter = self if self.fewest < earlier.fewest else earlier
        return DigitRange(fewest=shorter.fewest, most=max(self.most, earlier.most), row=shorter.row)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identifier:
    """One of the fields that may name the contact."""

    name: str  # "user_id", "id" or "email"
    values: pa.Array  # large_string; null where the field is absent or cannot be sent
    where: Mask  # the rows whose contact it names, because earlier fields are absent

    def words(self, lanes: slice) -> Words:
        """Return digests of the contacts that the values name; `lanes` says which."""
        # The same text in two fields names two contacts, so each field has its own seed.
        names = pc.utf8_lower(self.values) if self.name == _EMAIL else self.values
        return text_words(names, seed=IDENTIFIERS.index(self.name), lanes=lanes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Contacts:
    """The contact of each row."""

    pieces: Pieces  # of ``"user_id":"314159"``; one is null where no identifier can be read
    findings: tuple[Finding, ...]
    digits: "dict[str, DigitRange | None]"  # by field that is present; None: not only whole numbers
    identifiers: "tuple[Identifier, ...]"  # in the order in which they are tried
    _words: dict[str, Words] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def words(self) -> Words:
        """Two digests of each contact, shape (2, n_rows)."""
        if "both" not in self._words:
            self._words["both"] = self._digests(slice(None))
        return self._words["both"]

    @property
    def first_words(self) -> Words:
        """The first digest of each contact, shape (1, n_rows), which takes about half the time of both."""
        if "first" not in self._words:
            self._words["first"] = self._digests(FIRST_WORD)
        return self._words["first"]

    def _digests(self, lanes: slice) -> Words:
        first, *others = self.identifiers
        words = first.words(lanes)
        for identifier in others:
            words = np.where(identifier.where, identifier.words(lanes), words)
        return words

    def mask(self) -> Mask:
        """Return where there is a contact."""
        return present(self.pieces)

    def keys(self, where: Mask) -> pa.Array:
        """Return the chosen contacts as texts that are equal for one contact: ``"user_id":"314159"`` (large_string)."""
        texts = joined(*(filtered(piece, where) for piece in self.pieces), length=int(where.sum()))
        for identifier in self.identifiers:
            if identifier.name == _EMAIL:
                texts = pc.if_else(pa.array(identifier.where[where]), pc.utf8_lower(texts), texts)
        return texts

    def named(self) -> tuple[Texts, Texts]:
        """Return the field that names each contact, and its value as it is sent; None where it cannot be read."""
        names, values = (np.full(len(self.identifiers[0].where), None, object) for _ in range(2))
        for identifier in self.identifiers:
            names[identifier.where] = identifier.name
            chosen = identifier.values.filter(pa.array(identifier.where))
            values[identifier.where] = chosen.to_numpy(zero_copy_only=False)
        return names, values


def choose_contacts(bounds: list[BoundRule], rows: Rows) -> Contacts:
    """Choose each row's first identifier that is present; `bounds` are the rules of the identifiers, in order."""
    n_rows = len(rows)
    findings: list[Finding] = []
    taken = np.zeros(n_rows, dtype=bool)
    identifiers: list[Identifier] = []
    pieces: Pieces = ()
    digits: dict[str, DigitRange | None] = {}
    for bound in bounds:
        reading = read_part(bound)
        present = np.broadcast_to(reading.present, (n_rows,))
        is_sent = present & ~taken
        findings += _advised(bound, _of_sent(bound, reading.findings, is_sent))
        findings += finding_at(bound, "", {"several_identifiers": present & taken})
        values = expand(reading.values, n_rows)
        own_pieces: Pieces = (f'"{bound.path}":', *json_strings(values))
        if identifiers:
            # A bad identifier makes the row invalid: the next one does not replace it.
            texts = (joined(*own_pieces, length=n_rows), joined(*pieces, length=n_rows))
            own_pieces = (pc.if_else(pa.array(is_sent), *texts),)
        pieces = own_pieces
        identifiers.append(Identifier(name=bound.path, values=values, where=is_sent))
        taken = taken | present
        if reading.kinds and not isinstance(bound.parts[""], Constant):
            # A number is not an email address.
            is_whole = reading.kinds.keys() == {CellKind.INTEGER} and values.null_count < n_rows
            digits[bound.path] = _digits(values, rows) if is_whole else None
    findings += finding_at(bounds[0], "", {"identifier_missing": ~taken})
    return Contacts(
        pieces=pieces,
        findings=tuple(findings),
        digits=digits,
        identifiers=tuple(identifiers),
    )


def _of_sent(bound: BoundRule, findings: list[Finding], is_sent: Mask) -> Iterator[Finding]:
    """Leave out findings about identifiers that are not sent; keep findings that are reported once for the column."""
    for finding in findings:
        if CODES[finding.code].is_reported_once or is_sent[finding.rows].all():
            yield finding
        else:
            yield from only_where([finding], bound.parts[""], is_sent)


def _advised(bound: BoundRule, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Name the option that would remove blanks and invisible characters, if the mapping does not have it."""
    for finding in findings:
        cure = None if bound.strips else STRIP_CURES.get(finding.code)
        yield finding.advised(cure)


def _digits(numbers: pa.Array, rows: Rows) -> DigitRange:
    lengths = pc.binary_length(numbers)
    extent = pc.min_max(lengths)
    fewest, most = extent["min"].as_py(), extent["max"].as_py()
    return DigitRange(fewest=fewest, most=most, row=int(rows[pc.index(lengths, extent["min"]).as_py()]))
