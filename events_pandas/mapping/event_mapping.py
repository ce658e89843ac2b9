"""EventMapping: which column becomes which field of an event, as a value that is checked when it is made."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from events_pandas.errors import MappingError
from events_pandas.intercom import IDENTIFIERS, METADATA_LIMIT
from events_pandas.mapping import toml
from events_pandas.mapping.faults import mapping_faults
from events_pandas.mapping.rules import RULE_TYPES, Column, Constant, Date, Rule, Source, Text, bare_source

PLACEHOLDER_NAME = "replace-me"
"""The event name of a proposal for rows that do not say what happened: nothing is submitted under it."""


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
        Who did it; at least one. The first that is present in a row is sent, alone.
    metadata : mapping of str to rule, label, Constant or callable, optional
        The event's metadata, in the order in which it is sent: Intercom keeps the first keys, up to a limit.
    timezone : str, optional
        The zone of every time that has none, such as ``"Europe/Berlin"``. UTC when not given, with a note.
    duplicates : {"skip", "spread", "send"}, default "skip"
        What becomes of a valid row with the contact, event name and second of another. ``"skip"`` keeps the first and
        marks the others, which are not sent; ``"spread"`` sends them all, and gives the others the next free second;
        ``"send"`` sends them all as they are, and Intercom silently drops all but one.
    on_invalid_metadata : {"error", "omit"}, default "error"
        Whether a bad metadata value makes its row invalid, or is left out, with a note, and the event is sent.
    metadata_limit : int, default 10
        How many metadata values an event may have, at least 1. Intercom's reference says ten keys, a newer help
        article twenty.
    metadata_overflow : {"error", "drop"}, default "error"
        Whether a row with more values present than `metadata_limit` is invalid, or is sent with the first ones in the
        mapping's order.
    unconfirmed : sequence of str, default ()
        The guesses of `suggest_mapping` that nobody has confirmed yet, by path, such as ``"created_at.format"``. A
        mapping with any of them is checked, and not submitted. Take out those that you have read, or all with
        ``dataclasses.replace(mapping, unconfirmed=())``; a `timezone` that is given confirms ``"timezone"``.

    Raises
    ------
    MappingError
        With every fault of the mapping at once.

    Notes
    -----
    A string always names a column; only `event_name` is taken literally. A column may be named by any label
    (string, integer, tuple) or be a level of the frame's index. ``NaN``, ``NaT``, ``None``, ``pd.NA`` and the empty
    string mean *absent*: absent metadata is left out of the event, and does not count towards `metadata_limit`.

    Where duplicates are spread, rows keep their own second where they can. Which of several rows keeps it goes by what
    they hold and not by their order, so that a re-sorted frame is spread alike. In a stream, or over several files, a
    row gives way to what earlier chunks have taken, since what later ones hold is not known yet.

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
    unconfirmed: Sequence[str] = ()

    def __post_init__(self) -> None:
        faults = mapping_faults(self)
        if faults:
            raise MappingError(faults)
        # A copy, so that the caller's dict can change without changing what was checked.
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))
        said = () if self.timezone is None else ("timezone",)
        object.__setattr__(self, "unconfirmed", tuple(path for path in self.unconfirmed if path not in said))

    def __repr__(self) -> str:
        shown = [option.name for option in fields(EventMapping) if option.name != "unconfirmed" or self.unconfirmed]
        return f"EventMapping({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        # The read-only view of the metadata cannot be pickled, nor be copied.
        arguments = {field.name: getattr(self, field.name) for field in fields(self)}
        return partial(EventMapping, **{**arguments, "metadata": dict(self.metadata)}), ()

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
            If the file cannot be read, is no TOML, or describes no valid mapping: with every fault at once.

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
            raise MappingError([*faults, *error.faults]) from None
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
            If something stands in the mapping that TOML cannot hold, such as a callable: with the path of each.
        """
        return toml.write_fields(self)

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


def is_unnamed(mapping: EventMapping) -> bool:
    """Tell whether a mapping still has the placeholder of a proposal as its event name.

    Parameters
    ----------
    mapping : EventMapping
        The mapping.

    Returns
    -------
    bool
        True for `PLACEHOLDER_NAME`, as a string or a constant.
    """
    name = mapping.event_name.value if isinstance(mapping.event_name, Constant) else mapping.event_name
    return isinstance(name, str) and name == PLACEHOLDER_NAME
