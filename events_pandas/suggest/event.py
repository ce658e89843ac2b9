"""The columns that are proposed for the event itself: its time, its contact and its name."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from events_pandas.errors import MappingError
from events_pandas.intercom import EVENT_NAME_LIMIT, TEXT_LIMIT
from events_pandas.mapping import Column, Constant, Date
from events_pandas.mapping.guesses import PLACEHOLDER_NAME
from events_pandas.suggest.choices import Choice
from events_pandas.suggest.evidence import ColumnLook, Evidence
from events_pandas.suggest.names import (
    email_rank,
    event_name_rank,
    event_word,
    names_intercoms_id,
    time_rank,
    user_id_rank,
)
from events_pandas.suggest.survey import Survey
from events_pandas.suggest.times import TimeForm

_SHOWN_COLUMNS: Final = 10
_CODES: Final = {ColumnLook.TEXT, ColumnLook.WHOLE, ColumnLook.INTERCOM_ID}
_SURE_CODES: Final = {*_CODES, ColumnLook.EMAIL, ColumnLook.PHONE, ColumnLook.CURRENCY}
"""The looks of an identifier whose name leaves no doubt; some workspaces know contacts by such values."""
_SURE_RANK: Final = 4
ACCOUNT_RANK: Final = 2
"""An identifier with this rank or a lower one is taken only if nothing else names the contact."""


def event_choices(seen: Survey) -> list[Choice]:
    """Choose the columns of the time, the contact and the name, in the order of `EventMapping`.

    A `MappingError` says whether the time, the contact or both are missing, and which columns were looked at.
    """
    time = _time_column(seen.columns)
    identifiers = _identifiers(seen.columns)
    if time is None or not identifiers:
        raise MappingError(list(_missing(seen, time=time, identifiers=identifiers)))
    return [_event_name(seen, time), _created_at(time, seen.columns), *identifiers]


def date_rule(column: Evidence) -> Date:
    """Return the rule that reads a column's times, in UTC if the column's own label says so."""
    form = _form(column)
    says_utc = form.is_naive and {"utc", "gmt"} & set(column.words)
    return Date(column.label, format=form.format, unit=form.unit, timezone="UTC" if says_utc else None)


def needs_zone(column: Evidence) -> bool:
    """Tell whether a column has times without a zone, or days, and its label names no zone."""
    return column.time_form is not None and column.time_form.is_naive and date_rule(column).timezone is None


def time_reason(column: Evidence) -> str:
    """Return how the times of a column are written, which is why it is read as times."""
    return _form(column).description


def guessed_parts(column: Evidence) -> tuple[str, ...]:
    """Return the parts of a column's `date_rule` that are guesses: the format, if another one reads other times."""
    return () if _form(column).is_certain else ("format",)


def _form(column: Evidence) -> TimeForm:
    return column.time_form or TimeForm(description=column.look)


def _time_column(columns: tuple[Evidence, ...]) -> Evidence | None:
    times = [column for column in columns if column.look is ColumnLook.TIME and time_rank(column.words)]
    return max(times, key=_likelihood, default=None)


def _likelihood(column: Evidence) -> tuple[int, bool]:
    return time_rank(column.words), not _form(column).is_day


def _created_at(column: Evidence, columns: tuple[Evidence, ...]) -> Choice:
    rule = date_rule(column)
    entry = column.label if rule == Date(column.label) else rule
    is_late = time_rank(column.words) == 1
    doubt = "; its name suggests something later than the event: is this the right time?" if is_late else ""
    rivals = [repr(other.label) for other in columns if other is not column and _is_as_likely(other, column)]
    if rivals and not is_late:
        doubt = f"; it may also be {' or '.join(rivals)}: is this the right time?"
    shared = "; events of one contact on one day share a second, and Intercom keeps the first: see duplicates="
    return Choice(
        path="created_at",
        entry=entry,
        reason=f"{time_reason(column)}{doubt}{_gaps(column)}",
        about_duplicates=shared if _form(column).is_day and not is_late else "",
        guesses=(*(("created_at",) if doubt else ()), *(f"created_at.{part}" for part in guessed_parts(column))),
    )


def _is_as_likely(other: Evidence, column: Evidence) -> bool:
    return other.look is ColumnLook.TIME and _likelihood(other) == _likelihood(column)


def _gaps(column: Evidence) -> str:
    return f"; missing in {column.n_missing:,} of the rows looked at" if column.n_missing else ""


def _identifiers(columns: tuple[Evidence, ...]) -> list[Choice]:
    found = {"id": _intercom_id(columns), "email": _email(columns)}
    if found["id"] is not None and _is_doubtful(found["id"], columns, has_email=found["email"] is not None):
        found["id"] = None
    taken = {column.label for column in found.values() if column}
    user_id = _user_id([column for column in columns if column.label not in taken], has_better=bool(taken))
    reasons = {
        "user_id": _user_id_reason(user_id),
        "id": "24 hexadecimal digits, like Intercom's own identifiers; if they are yours, use user_id=",
        "email": "email addresses, sent if no identifier above is present",
    }
    order = {"user_id": user_id, **found}
    choices = [
        Choice(path=path, entry=column.label, reason=reasons[path], guesses=_guessed(path, column))
        for path, column in order.items()
        if column
    ]
    if len(choices) == 1 and (email := found["email"]) is not None:
        return [replace(choices[0], reason=f"{email.kind}{_gaps(email)}")]
    return choices


def _guessed(path: str, column: Evidence) -> tuple[str, ...]:
    """Return the path of an identifier if it may belong to somebody else, or be of another kind."""
    is_certain = {
        "user_id": user_id_rank(column.words) >= _SURE_RANK,
        "id": names_intercoms_id(column.words),
        "email": email_rank(column.words) > 1 or user_id_rank(column.words) >= _SURE_RANK,
    }
    return () if is_certain[path] else (path,)


def _intercom_id(columns: tuple[Evidence, ...]) -> Evidence | None:
    """Return the column of Intercom's own identifiers; an order's identifiers may have the same form."""
    return max(
        (column for column in columns if column.look in _CODES and _intercom_rank(column)),
        key=_intercom_rank,
        default=None,
    )


def _is_doubtful(identifier: Evidence, columns: tuple[Evidence, ...], *, has_email: bool) -> bool:
    """Return whether an identifier may be an account's or a row's while another column names the contact."""
    if _intercom_rank(identifier) > ACCOUNT_RANK:
        return False
    others = [column for column in columns if column is not identifier and _is_user_id(column)]
    return has_email or any(user_id_rank(column.words) > ACCOUNT_RANK for column in others)


def _intercom_rank(column: Evidence) -> int:
    if "intercom" in column.words:
        return 6 if names_intercoms_id(column.words) else 0
    return user_id_rank(column.words) if column.look is ColumnLook.INTERCOM_ID else 0


def _email(columns: tuple[Evidence, ...]) -> Evidence | None:
    emails = [column for column in columns if column.look is ColumnLook.EMAIL and email_rank(column.words)]
    return max(emails, key=lambda column: email_rank(column.words), default=None)


def _user_id(columns: list[Evidence], *, has_better: bool) -> Evidence | None:
    named = [column for column in columns if _is_user_id(column)]
    best = max(named, key=lambda column: user_id_rank(column.words), default=None)
    if best is not None and (user_id_rank(best.words) > ACCOUNT_RANK or not has_better):
        return best
    return None if has_better else _nameless_id(columns)


def _is_user_id(column: Evidence) -> bool:
    rank = user_id_rank(column.words)
    if rank >= _SURE_RANK:
        return column.look in _SURE_CODES
    # A column 'user' may hold names.
    return rank > 0 and column.look in _CODES and not column.has_spaces


def _nameless_id(columns: list[Evidence]) -> Evidence | None:
    """Return the column with the most different codes among columns whose labels are numbers and say nothing."""
    codes = [
        column
        for column in columns
        if not column.words and column.look in _CODES and not column.has_spaces and not column.numbers_rows
    ]
    return max(codes, key=lambda column: column.n_distinct, default=None)


def _user_id_reason(column: Evidence | None) -> str:
    if column is None:
        return ""
    floats = " that came as floats" if column.came_as_floats else ""
    kind = f"{column.kind}{floats}, {column.n_distinct:,} different{_gaps(column)}"
    if not column.words:
        return f"{kind}: its label says nothing, so make sure that it names the contact{_float_advice(column)}"
    if column.words == ("id",):
        doubt = "nothing else names the contact, so make sure that this is not the number of a row"
        return f"{kind}: {doubt}{_float_advice(column)}"
    if user_id_rank(column.words) < _SURE_RANK:
        return f"{kind}: make sure that it names the contact, and not a company or a thing{_float_advice(column)}"
    return f"{kind}; its name says that it is the contact's{_float_advice(column)}"


def _float_advice(column: Evidence) -> str:
    if not column.came_as_floats:
        return ""
    if column.is_written:
        return '; "42.0" is sent as it stands, and matches no contact: write the column as whole numbers'
    return '; read the column as text (dtype=str): a "42.0" in a CSV file is sent as it stands, and matches no contact'


def _missing(seen: Survey, *, time: Evidence | None, identifiers: list[Choice]) -> Iterator[str]:
    looks = [f"{column.label!r} ({column.kind})" for column in seen.columns]
    looks += [f"{out.label!r} ({out.reason})" for out in seen.unusable]
    more = f" and {len(looks) - _SHOWN_COLUMNS:,} more" if len(looks) > _SHOWN_COLUMNS else ""
    there_are = f"there are {', '.join(looks[:_SHOWN_COLUMNS])}{more}" if looks else "the frame has no columns"
    if time is None:
        yield f"created_at: no column looks like the time of an event: {there_are}"
    if not identifiers:
        # A column with a sure name was refused for its values: another name would not help.
        is_named = any(user_id_rank(column.words) >= _SURE_RANK for column in seen.columns)
        advice = "" if is_named else "name it customer_id or the like, or "
        yield (
            f"user_id: no column looks like the contact's user_id, id or email: {advice}"
            f"make the EventMapping yourself: {there_are}"
        )


def _event_name(seen: Survey, time: Evidence) -> Choice:
    named = [column for column in seen.columns if _is_event_name(column) and column is not time]
    best = max(named, key=lambda column: event_name_rank(column.words), default=None)
    if best is not None:
        reason = f"text with {best.n_distinct:,} different values; its name says that it names the event"
        return Choice(path="event_name", entry=Column(best.label), reason=reason)
    word = event_word(time.words)
    entry = word or PLACEHOLDER_NAME
    guess = f'a guess from {time.label!r}: replace it with what happened, such as "placed-order"'
    return Choice(
        path="event_name",
        entry=Constant(entry) if entry in seen.labels else entry,
        reason=guess if word else "no column names the event: replace it, or nothing can be submitted",
        # The placeholder is refused by itself.
        guesses=("event_name",) if word else (),
    )


def _is_event_name(column: Evidence) -> bool:
    is_name = (
        column.look is ColumnLook.TEXT and 0 < column.n_distinct <= EVENT_NAME_LIMIT and column.longest <= TEXT_LIMIT
    )
    return is_name and event_name_rank(column.words) > 0
