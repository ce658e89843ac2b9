"""The columns that are proposed for the event itself: its time, its contact and its name."""

import math
from collections.abc import Callable, Iterator, Sequence
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
from events_pandas.suggest.near_misses import near_misses
from events_pandas.suggest.survey import Survey
from events_pandas.wording import Phrase, Words, parts_of
from events_pandas.words import listed

_SHOWN_COLUMNS: Final = 10
_CODES: Final = {ColumnLook.TEXT, ColumnLook.WHOLE, ColumnLook.INTERCOM_ID}
_SURE_CODES: Final = {*_CODES, ColumnLook.EMAIL, ColumnLook.PHONE, ColumnLook.CURRENCY}
"""The looks of an identifier whose name leaves no doubt; some workspaces know contacts by such values."""
_SURE_RANK: Final = 4
ACCOUNT_RANK: Final = 2
"""An identifier with this rank or a lower one is taken only if nothing else names the contact."""
_INTERCOM_RANK: Final = 6
_STRIP_ADVICE: Final = "; some have blanks or invisible characters at an end: set strip_identifiers to remove them"


def event_choices(seen: Survey) -> list[Choice]:
    """Choose the columns of the time, the contact and the name, in the order of `EventMapping`.

    A `MappingError` says whether the time, the contact or both are missing, and which columns were looked at.
    """
    time = _best(seen.columns, _time_likelihood)
    identifiers = _identifiers(seen.columns)
    if time is None or not identifiers:
        raise MappingError(list(_missing(seen, time=time, identifiers=identifiers)))
    return [_event_name(seen, time), _created_at(time, seen.columns), *identifiers]


def _best(columns: Sequence[Evidence], rank: Callable[[Evidence], int]) -> Evidence | None:
    """Return the first column of the highest rank; None if all have the rank 0."""
    return max(filter(rank, columns), key=rank, default=None)


def date_rule(column: Evidence) -> Date:
    """Return the rule that reads a column's times, in UTC if the column's own label says so."""
    form = column.time_form
    says_utc = form.is_naive and {"utc", "gmt"} & set(column.words)
    return Date(column.label, format=form.format, unit=form.unit, timezone="UTC" if says_utc else None)


def needs_zone(column: Evidence) -> bool:
    """Tell whether a column has times without a zone, or days, and its label names no zone."""
    return column.time_form.is_naive and date_rule(column).timezone is None


def guessed_parts(column: Evidence) -> tuple[str, ...]:
    """Return the parts of a column's `date_rule` that are guesses: the format, if another one reads other times."""
    return () if column.time_form.is_certain else ("format",)


def _time_likelihood(column: Evidence) -> int:
    """Rank the names of times, and under names of the same rank times of a day above days."""
    rank = time_rank(column.words) if column.look is ColumnLook.TIME else 0
    return 2 * rank - (rank > 0 and column.time_form.is_day)


def _created_at(column: Evidence, columns: Sequence[Evidence]) -> Choice:
    rule = date_rule(column)
    is_late = time_rank(column.words) == 1
    is_as_likely = _time_likelihood(column)
    rivals = [repr(other.label) for other in columns if other != column and _time_likelihood(other) == is_as_likely]
    doubt = f"; it may also be {' or '.join(rivals)}: is this the right time?" if rivals else ""
    if is_late:
        doubt = "; its name suggests something later than the event: is this the right time?"
    shared = "; events of one contact on one day share a second, and Intercom keeps the first: see duplicates"
    return Choice(
        path="created_at",
        entry=column.label if rule == Date(column.label) else rule,
        words=f"{column.time_form.description}{doubt}{_gaps(column)}",
        about_duplicates=shared if column.time_form.is_day and not is_late else "",
        guesses=(*(("created_at",) if doubt else ()), *(f"created_at.{part}" for part in guessed_parts(column))),
    )


def _gaps(column: Evidence) -> str:
    return f"; missing in {column.n_missing:,} of the rows looked at" if column.n_missing else ""


def _identifiers(columns: Sequence[Evidence]) -> list[Choice]:
    intercom_id, email = _best(columns, _intercom_rank), _best(columns, _email_rank)
    if intercom_id is not None and _is_doubtful(intercom_id, columns, has_email=email is not None):
        intercom_id = None
    user_id = _user_id([column for column in columns if column not in (intercom_id, email)], intercom_id or email)
    choices = []
    if user_id is not None:
        # A file in which 42 is written as 42.0 matches no contact.
        is_sure = user_id_rank(user_id.words) >= _SURE_RANK and not (user_id.came_as_floats and user_id.is_written)
        choices.append(_identifier("user_id", user_id, _user_id_reason(user_id), is_sure=is_sure))
    if intercom_id is not None:
        reason = "24 hexadecimal digits, like Intercom's own identifiers; if they are yours, use user_id"
        choices.append(_identifier("id", intercom_id, reason, is_sure=names_intercoms_id(intercom_id.words)))
    if email is not None:
        is_alone = not choices
        reason = (
            f"{email.kind}{_gaps(email)}" if is_alone else "email addresses, sent if no identifier above is present"
        )
        is_sure = email_rank(email.words) > 1 or user_id_rank(email.words) >= _SURE_RANK
        choices.append(_identifier("email", email, reason, is_sure=is_sure))
    return choices


def _identifier(path: str, column: Evidence, words: Words, *, is_sure: bool) -> Choice:
    """Choose a column; its path is a guess if it may belong to somebody else, or be of another kind."""
    advice = _STRIP_ADVICE if column.has_odd_ends else ""
    return Choice(path=path, entry=column.label, words=parts_of(words, advice), guesses=() if is_sure else (path,))


def _is_doubtful(identifier: Evidence, columns: Sequence[Evidence], *, has_email: bool) -> bool:
    """Return whether an identifier may be an account's or a row's while another column names the contact."""
    if _intercom_rank(identifier) > ACCOUNT_RANK:
        return False
    return has_email or any(_user_id_rank(column) > ACCOUNT_RANK for column in columns if column is not identifier)


def _intercom_rank(column: Evidence) -> int:
    """Rank the columns of Intercom's own identifiers; an order's identifiers may have the same form."""
    if "intercom" in column.words:
        return _INTERCOM_RANK if column.look in _CODES and names_intercoms_id(column.words) else 0
    return user_id_rank(column.words) if column.look is ColumnLook.INTERCOM_ID else 0


def _email_rank(column: Evidence) -> int:
    return email_rank(column.words) if column.look is ColumnLook.EMAIL else 0


def _user_id_rank(column: Evidence) -> int:
    rank = user_id_rank(column.words)
    if rank >= _SURE_RANK:
        return rank if column.look in _SURE_CODES else 0
    # A column 'user' may hold names.
    return rank if column.look in _CODES and not column.has_spaces else 0


def _user_id(columns: Sequence[Evidence], better: Evidence | None) -> Evidence | None:
    """Return the column of the contact's identifier; an account's, or one without a name, if nothing is better."""
    best = _best(columns, _user_id_rank)
    if better is None:
        return best or _best(columns, _nameless_rank)
    return best if best is not None and _user_id_rank(best) > ACCOUNT_RANK else None


def _nameless_rank(column: Evidence) -> int:
    """Rank codes under labels that are numbers, which say nothing: the most different codes are the likeliest."""
    is_code = column.look in _CODES and not column.has_spaces and not column.numbers_rows
    return column.n_distinct if is_code and not column.words else 0


def _user_id_reason(column: Evidence) -> Words:
    floats = " that came as floats" if column.came_as_floats else ""
    kind = f"{column.kind}{floats}, {column.n_distinct:,} different{_gaps(column)}"
    if not column.words:
        doubt = ": its label says nothing, so make sure that it names the contact"
    elif column.words == ("id",):
        doubt = ": nothing else names the contact, so make sure that this is not the number of a row"
    elif user_id_rank(column.words) < _SURE_RANK:
        doubt = ": make sure that it names the contact, and not a company or a thing"
    else:
        doubt = "; its name says that it is the contact's"
    return parts_of(f"{kind}{doubt}", _float_advice(column))


def _float_advice(column: Evidence) -> Words:
    if not column.came_as_floats:
        return ""
    if column.is_written:
        return '; "42.0" is sent as it stands, and matches no contact: write the column as whole numbers'
    as_text = Phrase("read the column as text (dtype=str)", "write the column as text or whole numbers")
    return ("; ", as_text, ': a "42.0" in a CSV file is sent as it stands, and matches no contact')


def _missing(seen: Survey, *, time: Evidence | None, identifiers: list[Choice]) -> Iterator[str]:
    looks = [f"{column.label!r} ({column.kind})" for column in seen.columns]
    looks += [f"{out.label!r} ({out.reason})" for out in seen.unusable]
    shown = listed(looks, most=_SHOWN_COLUMNS, longest=math.inf)
    there_are = f"there are {shown}" if looks else "there are no columns"
    if time is None:
        nearest = near_misses(seen)
        verb = "is" if len(nearest) == 1 else "are"
        advice = f"nearest {verb} {', '.join(nearest)}: correct the cells, or write the mapping yourself: "
        yield f"created_at: no column looks like the time of an event: {advice if nearest else ''}{there_are}"
    if not identifiers:
        # A column with a sure name was refused for its values: another name would not help.
        is_named = any(user_id_rank(column.words) >= _SURE_RANK for column in seen.columns)
        advice = "" if is_named else "name it customer_id or the like, or "
        yield (
            f"user_id: no column looks like the contact's user_id, id or email: {advice}"
            f"write the mapping yourself: {there_are}"
        )


def _event_name(seen: Survey, time: Evidence) -> Choice:
    best = _best([column for column in seen.columns if column is not time], _event_name_rank)
    if best is not None:
        reason = f"text with {best.n_distinct:,} different values; its name says that it names the event"
        return Choice(path="event_name", entry=Column(best.label), words=reason)
    word = event_word(time.words)
    entry = word or PLACEHOLDER_NAME
    guess = f'a guess from {time.label!r}: replace it with what happened, such as "placed-order"'
    return Choice(
        path="event_name",
        entry=Constant(entry) if entry in seen.labels else entry,
        words=guess if word else "no column names the event: replace it, or nothing can be submitted",
        # The placeholder is refused by itself.
        guesses=("event_name",) if word else (),
    )


def _event_name_rank(column: Evidence) -> int:
    may_name = column.look is ColumnLook.TEXT and column.n_distinct <= EVENT_NAME_LIMIT and column.longest <= TEXT_LIMIT
    return event_name_rank(column.words) if may_name else 0
