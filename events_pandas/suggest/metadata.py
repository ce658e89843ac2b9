"""The columns that are proposed as metadata, with their keys, and the columns that are left out."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, TypeAlias

from events_pandas.convert.time_formats import MOST
from events_pandas.intercom import METADATA_LIMIT, TEXT_LIMIT
from events_pandas.mapping import Link, MonetaryAmount, Number, RichLink, Rule, Text
from events_pandas.mapping.rule_parts import part_path, rule_sources
from events_pandas.mapping.rules import AmountUnit, type_word
from events_pandas.suggest.choices import Choice, LeftOut, share_text, wording_of
from events_pandas.suggest.event import ACCOUNT_RANK, date_rule, guessed_parts
from events_pandas.suggest.evidence import ColumnLook, Evidence
from events_pandas.suggest.names import (
    key_for,
    names_a_code,
    names_a_person,
    names_minor_units,
    names_money,
    names_text_of,
    time_rank,
    unused_key,
    user_id_rank,
)
from events_pandas.wording import Phrase, Words, between, parts_of

_CATEGORIES: Final = 20
_UNFIT: Final = {
    ColumnLook.EMPTY: "empty in every row looked at",
    ColumnLook.NESTED: "nested values, which Intercom refuses: make columns of their parts",
    ColumnLook.OTHER: "values of mixed or unusual types: make them text or numbers",
}
_SAME: Final = (
    "the same in every row looked at: use ",
    Phrase("ep.Constant(...)", "{ constant = … }"),
    " if you need it",
)
_AS_MONEY: Final = Phrase(
    "ep.MonetaryAmount(..., currency=...)", '{ type = "monetary_amount", amount = …, currency = … }'
)
_LINK_TEXTS: Final = {ColumnLook.TEXT, ColumnLook.WHOLE, ColumnLook.INTERCOM_ID}


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """The rows looked at that a check refuses under a rule, and the code and the remedy of the most frequent."""

    n_refused: int = 0
    example: str = ""


TryRule: TypeAlias = Callable[[Rule], Trial]


@dataclass(frozen=True, slots=True)
class _Proposal:
    """A rule that may be proposed for a column, alone or together with another column."""

    column: Evidence
    rule: Rule
    words: Words  # of the reason
    guesses: tuple[str, ...] = ()  # the parts of the rule that may be wrong


def metadata_choices(columns: Sequence[Evidence], try_rule: TryRule) -> tuple[list[Choice], list[LeftOut]]:
    """Choose the metadata among the columns that no other field reads, and say why the others are left out.

    The choices have the order of the columns, and are at most as many as Intercom keeps.
    """
    reasons: dict[Hashable, Words] = {column.label: words for column in columns if (words := _exclusion(column))}
    usable = [column for column in columns if column.label not in reasons]
    proposals, refused = _tried(usable, cache(try_rule))
    choices = _keyed(proposals)
    kept, beyond = choices[:METADATA_LIMIT], choices[METADATA_LIMIT:]
    for choice in beyond:
        many = f"; Intercom keeps {METADATA_LIMIT} metadata keys, and other columns have them"
        refused |= dict.fromkeys(choice.labels, parts_of(choice.words, many))
    read = {label for choice in kept for label in choice.labels}
    reasons |= {label: reason for label, reason in refused.items() if label not in read}
    return kept, [LeftOut(label=c.label, words=reasons[c.label]) for c in columns if c.label in reasons]


def _exclusion(column: Evidence) -> Words:
    """Return why a column cannot be metadata; an empty text if it can."""
    return _UNFIT.get(column.look) or _personal(column) or _unfit(column)


def _personal(column: Evidence) -> str:
    if column.look in {ColumnLook.EMAIL, ColumnLook.PHONE}:
        return f"{column.look}: personal data belongs to the contact, not to each event"
    if _names_a_person(column):
        return "its name suggests personal data, which belongs to the contact, not to each event"
    return "another identifier of the contact" if user_id_rank(column.words) > ACCOUNT_RANK else ""


def _names_a_person(column: Evidence) -> bool:
    match column.look:
        case ColumnLook.BOOLEAN | ColumnLook.NUMBER:
            return False
        case ColumnLook.TIME:
            return time_rank(column.words) == 0
        case ColumnLook.WHOLE:
            # 'phone' is personal, 'email_count' is not.
            return names_a_person(column.words[-1:])
        case _:
            return names_a_person(column.words)


def _unfit(column: Evidence) -> Words:
    if column.longest > TEXT_LIMIT:
        long = f"text of up to {column.longest:,} characters, and Intercom takes {TEXT_LIMIT}: "
        return (long, wording_of(Text(column.label, truncate=True)), " would cut it")
    may_count = not column.words or column.words[0] in {"unnamed", "index", "row"}
    return "it numbers the rows" if column.numbers_rows and may_count else ""


def _is_constant(column: Evidence) -> bool:
    # A single row says nothing about others, and a cell that is empty differs from one that is not.
    return column.n_distinct == 1 and column.n_present > 1 and not column.n_missing


def _tried(columns: list[Evidence], try_rule: TryRule) -> tuple[list[_Proposal], dict[Hashable, Words]]:
    """Return the first rule that passes a check for each column or pair of columns, and why others have no rule."""
    pairs = dict(_pairs(columns))
    passed = {label for label, pair in pairs.items() if _passes(pair, try_rule(pair.rule))}
    second = {label for first in passed for label in rule_sources(pairs[first].rule).values()} - passed
    proposals: list[_Proposal] = []
    refused: dict[Hashable, Words] = {}
    for column in columns:
        if _is_constant(column) and column.label not in passed:
            refused[column.label] = _SAME
        elif column.label not in second:
            pair = [pairs[column.label]] if column.label in pairs else []
            singles = _singles(column, has_currency=bool(pair))
            proposal, refused[column.label] = _first_that_passes([*pair, *singles], try_rule)
            if proposal is not None:
                proposals.append(proposal)
    return proposals, refused


def _first_that_passes(possible: list[_Proposal], try_rule: TryRule) -> tuple[_Proposal | None, str]:
    """Return the first proposal that passes a check, and what the check refuses under the first one of all."""
    doubt = ""
    for proposal in possible:
        trial = try_rule(proposal.rule)
        n_present = proposal.column.n_present
        share = share_text(min(trial.n_refused, n_present), n_present)
        kind = type_word(proposal.rule).replace("_", " ")
        refused = f"a {kind} rule refuses {share} of those looked at ({trial.example})"
        if _passes(proposal, trial):
            remarks = [_sign_doubt(proposal), doubt, refused if trial.n_refused else "", _gaps(proposal.column)]
            return replace(proposal, words=between("; ", [proposal.words, *remarks])), doubt
        doubt = doubt or refused
    return None, doubt


def _passes(proposal: _Proposal, trial: Trial) -> bool:
    """Tell whether a check takes most values under a rule; all of a link's, since the same text can be sent as Text."""
    if isinstance(proposal.rule, Link | RichLink):
        return trial.n_refused == 0
    return proposal.column.n_present - trial.n_refused >= MOST * proposal.column.n_present


def _gaps(column: Evidence) -> str:
    if column.n_distinct > 1 or not column.n_missing:
        return ""
    share = share_text(column.n_missing, column.n_missing + column.n_present)
    return f"the same in every row that has it, and empty in {share} of the rows looked at"


def _pairs(columns: list[Evidence]) -> Iterator[tuple[Hashable, _Proposal]]:
    """Yield amounts with their currencies, and texts with the addresses that they lead to, by their first column.

    A column that is the same in every row is worth sending together with one that is not.
    """
    currencies = [column for column in columns if column.look is ColumnLook.CURRENCY]
    for column in columns:
        possible = _currencies_of(column, currencies)
        if possible and not (_is_constant(column) and _is_constant(possible[0])):
            yield column.label, _money(column, possible)
    links: dict[Hashable, Hashable] = {}
    for url in columns:
        text = None if _is_constant(url) else _text_of(url, columns)
        if text is not None and links.setdefault(text.label, url.label) == url.label:
            rule = RichLink(value=text.label, url=url.label)
            yield text.label, _Proposal(text, rule, "a text and the address that it leads to")


def _currencies_of(amount: Evidence, currencies: list[Evidence]) -> list[Evidence]:
    """Return the currencies that an amount may have: their names share the most words with its name."""
    if amount.numbers is None or not names_money(amount.words) or names_a_code(amount.words):
        return []
    words = set(amount.words)
    common = [len(words & set(currency.words)) for currency in currencies]
    return [currency for currency, count in zip(currencies, common, strict=True) if count == max(common)]


def _text_of(url: Evidence, columns: list[Evidence]) -> Evidence | None:
    if url.look is not ColumnLook.URL:
        return None
    texts = (column for column in columns if column.look in _LINK_TEXTS and names_text_of(column.words, url.words))
    return next(texts, None)


def _money(amount: Evidence, currencies: list[Evidence]) -> _Proposal:
    currency, *others = currencies
    counts_cents = names_minor_units(amount.words)
    may_count_cents = amount.numbers is ColumnLook.WHOLE and not counts_cents and currency.has_minor_units
    remarks = [
        "an amount with its currency",
        f"its currency may be in {' or '.join(repr(other.label) for other in others)}" if others else "",
        "its name says that it counts cents" if counts_cents else "",
        'whole numbers: if they count cents, set unit to "minor"' if may_count_cents else "",
    ]
    unit: AmountUnit = "minor" if counts_cents else "major"
    rule = MonetaryAmount(amount.label, currency=currency.label, unit=unit, decimal=amount.guessed_sign)
    guesses = (*(["unit"] if may_count_cents else []), *(["currency"] if others else []), *_sign_guess(amount))
    return _Proposal(amount, rule, "; ".join(filter(None, remarks)), guesses)


def _singles(column: Evidence, *, has_currency: bool) -> Iterator[_Proposal]:
    """Yield the proposals for a column by itself, the best first."""
    match column.look:
        case ColumnLook.TIME:
            yield _Proposal(column, date_rule(column), column.time_form.description, guessed_parts(column))
        case ColumnLook.URL:
            yield _Proposal(column, Link(column.label), column.kind)
        case ColumnLook.WHOLE | ColumnLook.NUMBER:
            yield _number(column, has_currency=has_currency)
        case ColumnLook.TEXT if column.numbers is not None and not names_a_code(column.words):
            yield _number(column, has_currency=has_currency)
    yield _Proposal(column, Text(column.label), _text_reason(column))


def _number(column: Evidence, *, has_currency: bool) -> _Proposal:
    if names_a_code(column.words):
        reason = f"{column.kind} that name something: text, since nobody adds them up"
        return _Proposal(column, Text(column.label), reason)
    # Where some texts are not numbers, a check counts them.
    kind = column.kind if column.numbers is column.look else f"{column.numbers} as text"
    question = ("; if it is money, use ", _AS_MONEY, ": no column has its currency")
    rule = Number(column.label, decimal=column.guessed_sign)
    is_open = names_money(column.words) and not has_currency
    return _Proposal(column, rule, parts_of(kind, question if is_open else ""), _sign_guess(column))


def _sign_doubt(proposal: _Proposal) -> str:
    if "decimal" not in proposal.guesses:
        return ""
    name = "comma" if proposal.column.guessed_sign == "," else "point"
    return f"{proposal.column.unclear_number!r} is read with a decimal {name}, which is a guess"


def _sign_guess(column: Evidence) -> tuple[str, ...]:
    return () if column.guessed_sign is None else ("decimal",)


def _as_money(currency: str) -> Phrase:
    """Return how to send a column as money in a currency, which may be unknown."""
    if not currency:
        return _AS_MONEY
    return Phrase(
        f'ep.MonetaryAmount(..., currency=ep.Constant("{currency}"))',
        f'{{ type = "monetary_amount", amount = …, currency = {{ constant = "{currency}" }} }}',
    )


def _text_reason(column: Evidence) -> Words:
    if column.look is ColumnLook.BOOLEAN:
        return "true or false, as text"
    kind = "currency codes" if column.look is ColumnLook.CURRENCY else "text"
    if column.n_distinct <= _CATEGORIES and column.n_distinct < column.n_present:
        kind = f"{kind}, {column.n_distinct:,} different"
    if names_a_code(column.words):
        return kind
    if column.near_number:
        advice = f"{kind}; most look like numbers, such as {column.near_number}"
        money = ("; then use ", _as_money(column.currency), " if it is money")
        return parts_of(advice, money if names_money(column.words) else "")
    if column.n_numbers < MOST * column.n_present:
        return kind
    share = share_text(column.n_numbers, column.n_present)
    return f"{kind}; {share} of those looked at are numbers: a number rule would send these, and refuse the others"


def _keyed(proposals: list[_Proposal]) -> list[Choice]:
    """Give each rule a key that Intercom allows and that no other has."""
    keys: set[str] = set()
    choices = []
    for proposal in proposals:
        key = unused_key(key_for(proposal.column.label, proposal.rule), keys)
        keys.add(key.casefold())
        path = f"metadata.{key}"
        guesses = tuple(part_path(path, part) for part in proposal.guesses)
        choices.append(Choice(path=path, entry=proposal.rule, words=proposal.words, guesses=guesses))
    return choices
