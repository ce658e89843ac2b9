"""The proposal of a mapping for a frame, with the reason for each choice, to read and to edit."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import pandas as pd

from events_pandas.convert import Converter
from events_pandas.convert.cells import Rows
from events_pandas.convert.codes import CODES
from events_pandas.convert.problems import Finding
from events_pandas.errors import MappingError
from events_pandas.mapping import Constant, Date, EventMapping, Rule, SourceFormat, bind, require_frame
from events_pandas.mapping.event_mapping import DEFAULTS, field_values
from events_pandas.mapping.rule_parts import is_computed, metadata_key, sources_by_path
from events_pandas.mapping.source_format import AS_DETECTED, set_parts
from events_pandas.mapping.toml import write_fields
from events_pandas.suggest.choices import Choice, LeftOut, write_python
from events_pandas.suggest.event import event_choices, needs_zone
from events_pandas.suggest.metadata import Trial, metadata_choices
from events_pandas.suggest.survey import Survey, sampled_rows, survey
from events_pandas.wording import Phrase, Words, in_commands, in_python, parts_of
from events_pandas.words import counted, listed

_ADVICE: Final = (
    "read it, change what is wrong, and let ",
    Phrase("check_events", "events-pandas check"),
    " judge every row.",
)
_OF_THE_FILE: Final = "how the file is written: what is left out is found out in each file"
_SHOWN_VALUES: Final = 3
_OPEN: Final = "guesses: delete each that you have read, or nothing can be submitted"


# The further fields do not count in a comparison: a proposal equals the same mapping written by hand.
@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class SuggestedMapping(EventMapping):
    """A mapping that `suggest_mapping` proposes, with the reason of each choice.

    It is used like any other `EventMapping`, and equals one with the same fields. It prints as Python code.

    Parameters
    ----------
    event_name, created_at, user_id, id, email, metadata, timezone, duplicates, on_invalid_metadata, metadata_limit, \
metadata_overflow, strip_identifiers, unconfirmed, source : object
        As in `EventMapping`.
    choices : tuple of Choice, optional
        What was chosen for each field, and why.
    left_out : tuple of LeftOut, optional
        The columns that were not proposed, and why.
    origin : str, optional
        The rows that the proposal was made from.

    Notes
    -----
    ``dataclasses.replace`` gives a proposal with other fields. The reasons of the replaced fields are no longer shown,
    and their guesses are confirmed. A proposal with guesses cannot be submitted;
    ``dataclasses.replace(proposal, unconfirmed=())`` confirms all guesses that are left.

    Examples
    --------
    >>> import events_pandas as ep
    >>> import pandas as pd
    >>> signups = pd.DataFrame({"Email": ["ada@example.org"], "Joined at": ["2024-03-01T10:00Z"], "Minutes": [42]})
    >>> print(ep.suggest_mapping(signups).to_toml())
    # Proposed from 1 row: read it, change what is wrong, and let events-pandas check judge every row.
    event_name = "joined"  # a guess from 'Joined at': replace it with what happened, such as "placed-order"
    created_at = "Joined at"  # times as text, with a zone (ISO 8601)
    email = "Email"  # email addresses
    unconfirmed = ["event_name"]  # guesses: delete each that you have read, or nothing can be submitted
    <BLANKLINE>
    [metadata]
    minutes = { type = "number", column = "Minutes" }  # whole numbers
    <BLANKLINE>
    """

    choices: tuple[Choice, ...] = field(default=())
    left_out: tuple[LeftOut, ...] = field(default=())
    origin: str = ""

    def __post_init__(self) -> None:
        EventMapping.__post_init__(self)
        # A user who replaces a guess has decided.
        replaced = {guess for choice in self.choices if not _is_kept(self, choice) for guess in choice.guesses}
        object.__setattr__(self, "unconfirmed", tuple(path for path in self.unconfirmed if path not in replaced))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EventMapping):
            return NotImplemented
        return field_values(self) == field_values(other)

    # No mapping can be hashed, since metadata cannot.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        text = write_python(self, self._reasons())
        return "\n".join([*map(in_python, self._heading()), text, *map(in_python, self._left_out_lines())])

    def to_toml(self) -> str:
        """Return the mapping as TOML, with the reason of each choice as a comment.

        Returns
        -------
        str
            Text that `from_toml` reads back as an equal mapping.

        Raises
        ------
        MappingError
            If the mapping holds something that TOML cannot hold, such as a callable: with the path of each.
        """
        comments = {path: in_commands(words) for path, words in self._reasons().items()}
        text = write_fields(field_values(self), self.rules(), defaults=DEFAULTS, comments=comments).removesuffix("\n")
        lines = [*map(in_commands, self._heading()), text, *map(in_commands, self._left_out_lines())]
        return "\n".join(lines) + "\n"

    def _heading(self) -> list[Words]:
        return [parts_of(f"# Proposed from {self.origin}: ", _ADVICE)] if self.origin else []

    def _reasons(self) -> dict[str, Words]:
        """Return the reasons of the fields that are still as proposed."""
        is_open = self.duplicates == DEFAULTS["duplicates"]
        guesses: dict[str, Words] = {"unconfirmed": _OPEN} if self.unconfirmed else {}
        return guesses | {
            choice.path: parts_of(choice.words, choice.about_duplicates if is_open else "")
            for choice in self.choices
            if _is_kept(self, choice)
        }

    def _left_out_lines(self) -> list[Words]:
        read = {source for source in sources_by_path(self.rules()).values() if not is_computed(source)}
        lines = [parts_of(f"#   {out.label!r}: ", out.words) for out in self.left_out if out.label not in read]
        return ["", "# Left out:", *lines] if lines else []


def _is_kept(mapping: EventMapping, choice: Choice) -> bool:
    field_name, _, key = choice.path.partition(".")
    entry = mapping.metadata.get(key) if key else getattr(mapping, field_name)
    # Types first: the comparison of an expression gives another expression.
    return type(entry) is type(choice.entry) and bool(entry == choice.entry)


def propose(frame: pd.DataFrame, written: SourceFormat = AS_DETECTED) -> SuggestedMapping:
    """Propose a mapping for a frame, which is not changed, by rules that can read its rows; `written` goes into it.

    Rows that are not in a DataFrame are a `TypeError`. A frame without rows, without a time or without a contact is a
    `MappingError` that names everything that is missing.
    """
    require_frame(frame)
    if not len(frame):
        raise MappingError(["the frame has no rows: a mapping is proposed from the values of its columns"])
    seen = survey(frame, written.decimal)
    choices = event_choices(seen)
    taken = {label for choice in choices for label in choice.labels}
    rest = [column for column in seen.columns if column.label not in taken]
    source = list(_source_choice(seen, written))
    tried = partial(try_rule, frame, sampled_rows(len(frame)), source=source[0].entry if source else AS_DETECTED)
    metadata, left_out = metadata_choices(rest, tried)
    return _made(seen, [*choices, *metadata, *_zone_choice(seen, [*choices, *metadata]), *source], left_out)


def try_rule(frame: pd.DataFrame, rows: Rows, rule: Rule, *, source: SourceFormat = AS_DETECTED) -> Trial:
    """Read some rows of a frame, given by their positions, by a metadata rule as a check does."""
    nobody = Constant("nobody")
    key = "tried_at" if isinstance(rule, Date) else "tried"
    mapping = EventMapping(
        event_name=nobody, created_at=Constant("2024-01-31"), user_id=nobody, metadata={key: rule}, source=source
    )
    batch = Converter(bind(frame, mapping)).convert_rows(rows)
    errors = [finding for finding in batch.findings if finding.severity == "error"]
    if not errors:
        return Trial()
    # Its share is the largest; of equal ones the first counts.
    most = max(errors, key=lambda finding: (len(finding.rows) + finding.like_rows, -int(finding.rows.min())))
    return Trial(n_refused=int((~batch.valid).sum()), example=_example(most))


def _example(finding: Finding) -> str:
    """Return the code of a finding, the first values that have the cure of its first row, and this cure."""
    cure = finding.first().cure()
    values = [] if finding.values is None else finding.values.to_pylist()
    cures = [None] * len(values) if finding.cures is None else finding.cures.to_pylist()
    known = zip(values, (own or CODES[finding.code].cure for own in cures), strict=True)
    alike = list(dict.fromkeys(value for value, own in known if value and own == cure))
    where = f" at {listed(alike, most=_SHOWN_VALUES, rest='others')}" if alike else ""
    return f"{finding.code}{where}: {cure}"


def _source_choice(seen: Survey, written: SourceFormat) -> Iterator[Choice]:
    reasons = [_OF_THE_FILE] if set_parts(written) else []
    if seen.sign is not None:
        name = "comma" if seen.sign.sign == "," else "point"
        reasons.append(f"numbers as text have a decimal {name}, as {seen.sign.text!r} has")
        written = replace(written, decimal=seen.sign.sign)
    if reasons:
        yield Choice(path="source", entry=written, words="; ".join(reasons))


def _zone_choice(seen: Survey, choices: list[Choice]) -> Iterator[Choice]:
    read = {label for choice in choices for label in choice.labels}
    naive = [repr(column.label) for column in seen.columns if column.label in read and needs_zone(column)]
    if naive:
        setting = Phrase('timezone="Europe/Berlin"', 'timezone = "Europe/Berlin"')
        words = (f"no zone is known for {', '.join(naive)}: UTC, unless you set ", setting, " or the like")
        yield Choice(path="timezone", entry=None, words=words, guesses=("timezone",))


def _made(seen: Survey, choices: list[Choice], left_out: list[LeftOut]) -> SuggestedMapping:
    entries = {choice.path: choice.entry for choice in choices}
    return SuggestedMapping(
        **{path: entry for path, entry in entries.items() if not metadata_key(path)},
        metadata={key: entry for path, entry in entries.items() if (key := metadata_key(path))},
        unconfirmed=tuple(guess for choice in choices for guess in choice.guesses),
        choices=tuple(choices),
        left_out=(*left_out, *seen.unusable),
        origin=_origin(seen),
    )


def _origin(seen: Survey) -> str:
    rows = counted(seen.n_rows, "row")
    if seen.n_looked_at == seen.n_rows:
        return rows
    return f"{seen.n_looked_at:,} of {rows}, the first and some spread over the rest"
