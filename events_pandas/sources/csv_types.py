"""The types of the columns of CSV files, decided from all cells: of bare columns, and of those for callables."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

import pyarrow as pa

from events_pandas.errors import MappingError
from events_pandas.intercom import DATE_SUFFIXES
from events_pandas.mapping import Constant, EventMapping, MonetaryAmount, Number, Rule, Text, is_computing, named_labels
from events_pandas.mapping.column_types import CellCounts, ColumnType, Remark, count_matches, count_texts, decide_type
from events_pandas.mapping.rule_parts import is_bare_column, is_computed, metadata_key, rule_sources
from events_pandas.mapping.rules import Source, Values
from events_pandas.mapping.source_format import DECIMAL_SIGNS, DecimalSign
from events_pandas.mapping.written_numbers import as_written
from events_pandas.sources.column_signs import ColumnSigns, sign_faults
from events_pandas.sources.files import (
    ComputedType,
    TypedDtype,
    may_need_sign,
    read_column_parts,
    row_count,
    source_schema,
)
from events_pandas.sources.source_file import SourceFile
from events_pandas.sources.value_columns import texts_among

_WHOLE: Final = r"^-?(?:0|[1-9][0-9]*)$"
_BOOLEAN: Final = r"^(?i:true|false)$"

_Column: TypeAlias = tuple[Hashable, DecimalSign | None]
"""A column as it is read with a decimal sign; None stands for plain numbers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnTypes:
    """What columns become, by the path of their field: bare ones, and numbers whose cells show a decimal sign.

    A bare column without a value has no rule.
    """

    rules: Mapping[str, Rule] = field(default_factory=dict)
    remarks: Mapping[str, Remark] = field(default_factory=dict)
    # What callables get for columns that the mapping does not name, by label; None without callables.
    computed: Mapping[Hashable, ComputedType] | None = None
    # An earlier run may have sent numbers from a column that is text now: the sign that its cells show, or why none is
    # known, by the path of its field.
    signs: Mapping[str, DecimalSign] = field(default_factory=dict)
    sign_faults: Mapping[str, str] = field(default_factory=dict)

    def placed(self) -> "ColumnTypes":
        """Return the same with the places of cells in the words of notes: a run may read only the first rows."""
        computed = self.computed and {
            label: replace(kind, remark=kind.remark and kind.remark.placed()) for label, kind in self.computed.items()
        }
        return replace(self, remarks={path: note.placed() for path, note in self.remarks.items()}, computed=computed)


def column_types(
    mapping: EventMapping,
    files: Sequence[SourceFile],
    *,
    advance: Callable[[int], object] | None = None,
) -> ColumnTypes:
    """Decide what the columns of CSV files become, and the dtypes for callables, from all of their cells.

    `advance` gets the number of rows read since its last call. A file that cannot be read is a `SourceError`, and a
    column of numbers whose decimal sign is not known a `MappingError`.
    """
    # A column of plain numbers is a number, and under a date's key one of times or epoch numbers is a date, if three
    # quarters of its cells are; any other is text. The order of rows and files decides nothing. Parquet files have
    # types of their own, and are not read; the folders above them have none.
    asked = _Asked(mapping)
    texts = [file for file in files if file.is_text or file.partitions]
    is_sign_open = (
        mapping.source.decimal is None and asked.is_any and any(may_need_sign(file) for file in texts if file.is_text)
    )
    if not (asked.bare or asked.is_computing or (asked.numbers and is_sign_open)):
        return ColumnTypes()
    tried = (None, *DECIMAL_SIGNS) if is_sign_open else (mapping.source.decimal,)
    seen = _Seen(asked=asked, tried=tried, finds_signs=is_sign_open)
    for file in texts:
        seen.read(file, advance)
    if is_sign_open:
        seen.read_typed([file for file in files if not file.is_text], advance)
    return seen.types()


class _Asked:
    """What a mapping asks of columns of text."""

    def __init__(self, mapping: EventMapping) -> None:
        rules = {path: rule for path, rule in mapping.rules().items() if not is_computed(_first_source(rule))}
        self.bare = {path: rule.source for path, rule in rules.items() if is_bare_column(rule)}
        self.numbers: dict[str, Number | MonetaryAmount] = {
            path: rule
            for path, rule in rules.items()
            if isinstance(rule, Number | MonetaryAmount)
            and rule.decimal is None
            and not isinstance(_first_source(rule), Constant)
        }
        self.is_computing = is_computing(mapping)
        self._named = named_labels(mapping)

    @property
    def is_any(self) -> bool:
        """Whether a decimal sign matters at all."""
        return bool(self.bare or self.numbers or self.is_computing)

    @property
    def number_labels(self) -> set[Hashable]:
        """The columns of rules for numbers whose decimal sign is open."""
        return {_first_source(rule) for rule in self.numbers.values()}

    def labels(self, names: Sequence[str], *, with_numbers: bool) -> list[str]:
        """Return the columns of a file to look at: with callables also all that the mapping does not name."""
        wanted = {*self.bare.values(), *(set(names) - self._named if self.is_computing else ())}
        if with_numbers:
            wanted |= self.number_labels
        return [label for label in names if label in wanted and names.count(label) == 1]


def _texts(column: Values) -> pa.Array:
    texts = pa.array(column, pa.large_string(), from_pandas=True)
    # A column of Arrow's own may be in several parts.
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _first_source(rule: Rule) -> Source:
    """Return the source of a rule; of an amount the column of its numbers."""
    return next(iter(rule_sources(rule).values()))


@dataclass(kw_only=True, slots=True)
class _Seen:
    """What the cells of columns look like, with each decimal sign that they may have."""

    asked: _Asked
    tried: Sequence[DecimalSign | None]
    finds_signs: bool
    _counts: defaultdict[_Column, CellCounts] = field(default_factory=lambda: defaultdict(CellCounts))
    _forms: defaultdict[_Column, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # for callables
    _signs: defaultdict[Hashable, ColumnSigns] = field(default_factory=lambda: defaultdict(ColumnSigns))

    def read(self, file: SourceFile, advance: Callable[[int], object] | None) -> None:
        """Look at all rows of a file; `advance` gets the number of rows read since its last call."""
        labels = self.asked.labels(source_schema(file).names, with_numbers=self.finds_signs)
        keys = dict(file.partitions)
        for label in keys.keys() & set(labels):
            key = pa.array([keys[label]], pa.large_string())
            if self.finds_signs:
                self._signs[label].add(key, file)
            self._count(label, key, times=row_count(file))
        own = [label for label in labels if label not in keys]
        start = 0
        for part in read_column_parts(file, own) if own and file.is_text else ():
            for label in part.frame.columns:
                texts = _texts(part.frame[label])
                if self.finds_signs:
                    self._signs[label].add(texts, file, start=start, lines=part.lines)
                self._count(label, texts)
            start += len(part.frame)
            if advance is not None:
                advance(len(part.frame))

    def read_typed(self, files: Sequence[SourceFile], advance: Callable[[int], object] | None) -> None:
        """Look at the texts among typed values: a sign that CSV files show is not to change what they are."""
        # Callables get the columns of these files as they are.
        named = {*self.asked.bare.values(), *self.asked.number_labels}
        signed = {label for label, signs in self._signs.items() if label in named and signs.sign is not None}
        for file in files if signed else ():
            schema, keys = source_schema(file), dict(file.partitions)
            own = [
                label
                for label in self.asked.labels(schema.names, with_numbers=True)
                if label in signed and label not in keys and not pa.types.is_primitive(schema.field(label).type)
            ]
            start = 0
            for part in read_column_parts(file, own) if own else ():
                for label in part.frame.columns:
                    texts = texts_among(part.frame[label])
                    self._signs[label].add(texts, file, start=start, lines=part.lines, decides=False)
                start += len(part.frame)
                if advance is not None:
                    advance(len(part.frame))

    def _count(self, label: Hashable, texts: pa.Array, *, times: int = 1) -> None:
        """Count cells, each of them as often as it is there."""
        is_bare = label in self.asked.bare.values()
        if not is_bare and label in self.asked.number_labels:
            return
        for sign in self.tried:
            written = as_written(texts, sign)
            self._counts[label, sign] += count_texts(written, label) * times
            if not is_bare:
                booleans, whole = count_matches(written, _BOOLEAN), count_matches(written, _WHOLE)
                self._forms[label, sign].update(
                    cells=len(written) * times, booleans=booleans * times, whole=whole * times
                )

    def types(self) -> ColumnTypes:
        """Decide, now that all cells are seen."""
        bare = dict(self._bare())
        numbers = {path: rule for path, rule in self.asked.numbers.items() if self.finds_signs}
        signed: dict[str, Hashable] = {path: _first_source(rule) for path, rule in numbers.items()}
        signed |= {path: kind.rule.source for path, kind in bare.items() if isinstance(kind.rule, Number)}
        faults = dict(self._faults(signed))
        if faults:
            raise MappingError(list(faults.values()))
        texts = {path: kind.rule.source for path, kind in bare.items() if isinstance(kind.rule, Text)}
        rules: dict[str, Rule] = {path: kind.rule for path, kind in bare.items()}
        for path, rule in numbers.items():
            if (sign := self._sign(signed[path])) is not None:
                rules[path] = replace(rule, decimal=sign)
        remarks = {path: kind.remark for path, kind in bare.items()}
        remarks |= {path: remark for path, label in signed.items() if (remark := self._signs[label].remark())}
        return ColumnTypes(
            rules=rules,
            remarks={path: remark for path, remark in remarks.items() if remark is not None},
            computed=dict(self._computed()) if self.asked.is_computing else None,
            signs={path: sign for path, label in texts.items() if self.finds_signs and (sign := self._sign(label))},
            sign_faults={path: fault for path, fault in self._faults({**signed, **texts}) if path in texts},
        )

    def _faults(self, columns: Mapping[str, Hashable]) -> Iterator[tuple[str, str]]:
        return sign_faults({path: (label, self._signs[label]) for path, label in columns.items()})

    def _sign(self, label: Hashable) -> DecimalSign | None:
        """Return the sign with which a column is read: the given one, or the one that its cells show."""
        return self._signs[label].sign if self.finds_signs else self.tried[0]

    def _bare(self) -> Iterator[tuple[str, ColumnType]]:
        for path, source in self.asked.bare.items():
            key = metadata_key(path)
            # Seconds since 1970 have no decimal sign.
            sign = None if self.finds_signs and key.endswith(DATE_SUFFIXES) else self._sign(source)
            column_type = decide_type(self._counts[source, sign], key, source, is_text=True)
            if column_type is None:
                continue
            if self.finds_signs and sign is not None and isinstance(column_type.rule, Number):
                column_type = replace(column_type, rule=replace(column_type.rule, decimal=sign))
            yield path, column_type

    def _computed(self) -> Iterator[tuple[Hashable, ComputedType]]:
        labels = dict.fromkeys(label for label, _ in self._forms)
        for label in labels:
            signs = self._signs[label]
            if signs.fault() is not None:
                # Nobody knows whether a callable reads the column: it gets the texts.
                continue
            column = label, self._sign(label)
            dtype = _dtype(self._counts[column], self._forms[column])
            if dtype is not None:
                remark = None if dtype == "bool" else signs.remark()
                yield label, ComputedType(dtype=dtype, decimal=self._sign(label), remark=remark)


def _dtype(counts: CellCounts, forms: Counter[str]) -> TypedDtype | None:
    """Return the dtype that a column has for callables, in all chunks of all files; None for text."""
    if forms["booleans"] == forms["cells"]:
        return "bool" if forms["cells"] else None
    column_type = decide_type(counts, "", "", is_text=True)
    if column_type is None or not isinstance(column_type.rule, Number):
        return None
    return "int64" if forms["whole"] == forms["cells"] else "float64"


def kept_types(mapping: EventMapping, types: Mapping[str, Rule]) -> dict[str, Rule]:
    """Return what bare columns become in a later run with the same journal, which keeps no decimal signs."""
    bare = {path for path, rule in mapping.rules().items() if is_bare_column(rule)}
    return {
        path: replace(rule, decimal=None) if isinstance(rule, Number) else rule
        for path, rule in types.items()
        if path in bare
    }


def with_types(mapping: EventMapping, types: Mapping[str, Rule]) -> EventMapping:
    """Return a mapping with rules, by the paths of their fields, in the place of bare columns."""
    metadata = {key: types.get(f"metadata.{key}", entry) for key, entry in mapping.metadata.items()}
    return replace(mapping, metadata=metadata)
