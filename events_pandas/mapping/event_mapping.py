"""EventMapping: which column becomes which field of an event, checked when it is made; and its digest."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from events_pandas.errors import MappingError
from events_pandas.intercom import IDENTIFIERS, METADATA_LIMIT, normalized_event_name
from events_pandas.mapping import toml
from events_pandas.mapping.faults import mapping_faults
from events_pandas.mapping.known_options import names_options
from events_pandas.mapping.rule_parts import bare_source, is_bare_column, is_computed, rule_parts, sources_by_path
from events_pandas.mapping.rules import RULE_TYPES, Column, Constant, Date, Rule, Source, Text
from events_pandas.mapping.source_format import AS_DETECTED, SourceFormat, set_parts

_DIGITS: Final = 12
_DIGEST_OPTIONS: Final = tuple(option for option in toml.OPTIONS if option not in {"strip_identifiers", "unconfirmed"})
_LATER_OPTIONS: Final = frozenset({"strip", "ambiguous", "nonexistent", "zero", "rounding", "decimal"})
"""Options of rules that are in a digest only where they are set: digests made before the option existed stay valid."""


@names_options
@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class EventMapping:
    """Which column becomes which field of an event, and how rows are judged.

    Parameters
    ----------
    event_name : str, Column, Constant or callable
        The name of every event as a plain string, or ``Column("event")`` to read each row's name.
    created_at : hashable, Date, Constant or callable
        When the event happened: a column's label, or a `Date` with format, unit or time zone.
    user_id, id, email : hashable, Constant or callable, optional
        The contact; at least one of the three. The first one that is present in a row is sent, alone.
    metadata : mapping of str to rule, label, Constant or callable, optional
        The event's metadata, in the order in which it is sent: Intercom keeps the first keys, up to a limit.
    timezone : str, optional
        The zone of every time that has none, such as ``"Europe/Berlin"``. UTC when not given, with a note.
    duplicates : {"skip", "spread", "send"}, default "skip"
        What happens to valid rows that share contact, event name and second. ``"skip"`` sends only the first, and
        marks the others; ``"spread"`` sends them all, and gives each of the others the next free second; ``"send"``
        sends them all as they are, and Intercom silently drops all but one.
    on_invalid_metadata : {"error", "omit"}, default "error"
        Whether a bad metadata value makes its row invalid, or the event is sent without the value, with a note.
    metadata_limit : int, default 10
        How many metadata values an event may have, at least 1. Intercom's reference says ten keys, a newer help
        article twenty.
    metadata_overflow : {"error", "drop"}, default "error"
        Whether a row with more values present than `metadata_limit` is invalid, or is sent with the first ones in the
        mapping's order.
    strip_identifiers : bool, default False
        Whether blanks and invisible characters at both ends of `user_id`, `id` and `email` are removed, with a note.
        ``Column("customer_id", strip=True)`` does so for one of them.
    unconfirmed : sequence of str, default ()
        The guesses of `suggest_mapping` that nobody has confirmed yet, by path, such as ``"created_at.format"``. A
        mapping with guesses can be checked, but not submitted. Remove each guess that you have read, or all with
        ``dataclasses.replace(mapping, unconfirmed=())``. A given `timezone` confirms ``"timezone"``.
    source : SourceFormat, default SourceFormat()
        How the files of rows are written: the table ``[source]`` in TOML. What it leaves open is detected.

    Raises
    ------
    MappingError
        With every fault of the mapping at once.

    Notes
    -----
    A string always names a column; only `event_name` is taken literally. A column may be named by any label
    (string, integer, tuple) or be a level of the frame's index. ``NaN``, ``NaT``, ``None``, ``pd.NA`` and the empty
    string mean *absent*: absent metadata is left out of the event, and does not count towards `metadata_limit`.

    When duplicates are spread, a row keeps its own second if it can. The values of the rows decide which of them keeps
    it, not their order: a re-sorted frame is spread in the same way. In a stream, or over several files, a row gives
    way to seconds that earlier chunks have taken; later chunks are not known yet.

    References
    ----------
    Intercom, "Submit a data event":
    https://developers.intercom.com/docs/references/rest-api/api.intercom.io/data-events/createdataevent

    Examples
    --------
    >>> import events_pandas as ep
    >>> mapping = ep.EventMapping(
    ...     event_name="placed-order",
    ...     created_at="ordered_at",
    ...     user_id="customer_id",
    ...     metadata={
    ...         "order_date": ep.Date("ordered_at"),
    ...         "price": ep.MonetaryAmount("total", currency=ep.Constant("usd")),
    ...     },
    ...     timezone="Europe/Berlin",
    ... )
    >>> print(mapping.to_toml())
    event_name = "placed-order"
    created_at = "ordered_at"
    user_id = "customer_id"
    timezone = "Europe/Berlin"
    <BLANKLINE>
    [metadata]
    order_date = { type = "date", column = "ordered_at" }
    price = { type = "monetary_amount", amount = "total", currency = { constant = "usd" } }
    <BLANKLINE>
    """

    event_name: str | Source
    created_at: Date | Source
    user_id: Source | None = None
    id: Source | None = None
    email: Source | None = None
    metadata: Mapping[str, Rule | Source] = field(default_factory=dict)
    timezone: str | None = None
    duplicates: Literal["skip", "spread", "send"] = "skip"
    on_invalid_metadata: Literal["error", "omit"] = "error"
    metadata_limit: int = METADATA_LIMIT
    metadata_overflow: Literal["error", "drop"] = "error"
    strip_identifiers: bool = False
    unconfirmed: Sequence[str] = ()
    source: SourceFormat = AS_DETECTED

    def __post_init__(self) -> None:
        faults = mapping_faults(field_values(self))
        if faults:
            raise MappingError(faults)
        # A copy, so that the caller's dict can change without changing what was checked.
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))
        confirmed = () if self.timezone is None else ("timezone",)
        object.__setattr__(self, "unconfirmed", tuple(path for path in self.unconfirmed if path not in confirmed))

    def __repr__(self) -> str:
        later = {
            "strip_identifiers": self.strip_identifiers,
            "unconfirmed": self.unconfirmed,
            "source": set_parts(self.source),
        }
        shown = [option.name for option in fields(EventMapping) if later.get(option.name, True)]
        return f"EventMapping({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def __reduce__(self) -> tuple[object, ...]:
        # The read-only view of the metadata cannot be pickled, nor be copied.
        arguments = {option.name: getattr(self, option.name) for option in fields(self)}
        return partial(type(self), **{**arguments, "metadata": dict(self.metadata)}), ()

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> "EventMapping":
        r"""Read a mapping from a TOML file.

        Parameters
        ----------
        path : str or os.PathLike
            The file, in UTF-8, or in UTF-16 or UTF-32 with a byte order mark.

        Returns
        -------
        EventMapping
            The mapping that the file describes.

        Raises
        ------
        MappingError
            If the file cannot be read, is not TOML, or its mapping is not valid: with every fault at once.

        Examples
        --------
        >>> import events_pandas as ep
        >>> from pathlib import Path
        >>> _ = Path("signups.toml").write_text('event_name = "signed-up"\ncreated_at = "time"\nemail = "address"\n')
        >>> ep.EventMapping.from_toml("signups.toml").email
        'address'
        """
        arguments, faults = toml.read_fields(Path(path))
        try:
            mapping = cls(**arguments)
        except MappingError as error:
            raise MappingError([*faults, *error.words]) from None
        if faults:
            raise MappingError(faults)
        return mapping

    def to_toml(self) -> str:
        """Return the mapping as TOML.

        Returns
        -------
        str
            Text that `from_toml` reads back as an equal mapping.

        Raises
        ------
        MappingError
            If the mapping holds something that TOML cannot hold, such as a callable: with the path of each.
        """
        return toml.write_fields(field_values(self), self.rules(), defaults=DEFAULTS, comments={})

    def rules(self) -> dict[str, Rule]:
        """Return the rule of each field, by the field's path.

        Returns
        -------
        dict of str to Rule
            In the order in which the fields are sent; metadata under ``"metadata.<key>"``.
        """
        # A plain string is the one literal of a mapping; everything else is a source.
        name = Constant(self.event_name) if isinstance(self.event_name, str) else self.event_name
        rules: dict[str, Rule] = {
            "event_name": Text(bare_source(name)),
            "created_at": self.created_at if isinstance(self.created_at, Date) else Date(bare_source(self.created_at)),
        }
        for identifier in IDENTIFIERS:
            source = getattr(self, identifier)
            if source is not None:
                rules[identifier] = Text(bare_source(source))
        for key, entry in self.metadata.items():
            rules[f"metadata.{key}"] = entry if isinstance(entry, RULE_TYPES) else Column(entry)
        return rules


DEFAULTS: Final = {option.name: option.default for option in fields(EventMapping)}


def field_values(mapping: EventMapping) -> dict[str, Any]:
    """Return the fields of a mapping by their names, without the fields that only a proposal has."""
    return {option.name: getattr(mapping, option.name) for option in fields(EventMapping)}


def stripped_identifiers(mapping: EventMapping) -> list[str]:
    """Return the identifiers from whose ends blanks and invisible characters are removed."""
    given = {name: entry for name in IDENTIFIERS if (entry := getattr(mapping, name)) is not None}
    is_asked = {name: isinstance(entry, Column) and entry.strip for name, entry in given.items()}
    return [name for name in given if mapping.strip_identifiers or is_asked[name]]


def mapping_digest(mapping: EventMapping) -> str:
    """Return a short name for a mapping: the same for the same rules, in every process.

    It is hexadecimal digits and then the fields that callables compute, since the code of these is not in the digest.
    """
    rules = mapping.rules()
    described = [(path, _described(rule)) for path, rule in rules.items()]
    described += [(option, repr(getattr(mapping, option))) for option in _DIGEST_OPTIONS]
    # Digests made before these existed stay valid. The other parts of the format change no event.
    if mapping.source.decimal is not None:
        described.append(("source.decimal", repr(mapping.source.decimal)))
    if stripped := stripped_identifiers(mapping):
        described.append(("strip", repr(stripped)))
    digest = sha256(repr(described).encode()).hexdigest()[:_DIGITS]
    computed = [path for path, source in sources_by_path(rules).items() if is_computed(source)]
    return f"{digest} (callables: {', '.join(computed)})" if computed else digest


def bare_columns(mapping: EventMapping) -> dict[str, tuple[Source, str]]:
    """Return, by path, what each bare column of the metadata reads, and a text for its event and key.

    The text is the same in every process. Intercom keeps the type of a key for each event name, whatever the column is
    called.
    """
    rules = mapping.rules()
    event = mapping.event_name if isinstance(mapping.event_name, str) else _described(rules["event_name"])
    return {
        path: (rule.source, f"{normalized_event_name(event)} {path}")
        for path, rule in rules.items()
        if is_bare_column(rule)
    }


def _described(value: object) -> str:
    """Describe a rule or what it reads; a callable has nothing that is the same in another process."""
    if isinstance(value, RULE_TYPES):
        parts = [part for part in rule_parts(value) if part.is_set or part.name not in _LATER_OPTIONS]
        return f"{type(value).__name__}({', '.join(f'{part.name}={_described(part.value)}' for part in parts)})"
    return "a callable" if is_computed(value) else repr(value)
