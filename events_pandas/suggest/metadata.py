"""The columns that are proposed as metadata, with their keys, and the columns that are left out."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from events_pandas.intercom import DATE_SUFFIXES, METADATA_LIMIT, RESERVED_KEYS, TEXT_LIMIT
from events_pandas.mapping import Date, Link, MonetaryAmount, Number, RichLink, Rule, Text
from events_pandas.mapping.rules import part_path, rule_sources
from events_pandas.suggest.choices import Choice, LeftOut, python_text, share_text
from events_pandas.suggest.event import ACCOUNT_RANK, date_rule, guessed_parts, time_reason
from events_pandas.suggest.evidence import ColumnLook, Evidence
from events_pandas.suggest.names import (
    key_of,
    link_stem,
    moment_key,
    names_a_code,
    names_a_person,
    names_minor_units,
    names_money,
    names_text_of,
    time_rank,
    user_id_rank,
)
from events_pandas.suggest.times import MOST

_CATEGORIES: Final = 20
_UNFIT: Final = {
    ColumnLook.EMPTY: "empty in every row looked at",
    ColumnLook.NESTED: "nested values, which Intercom refuses: make columns of their parts",
    ColumnLook.OTHER: "values of mixed or unusual types: make them text or numbers",
}
_AMOUNTS: Final = {ColumnLook.WHOLE, ColumnLook.NUMBER}
_LINK_TEXTS: Final = {ColumnLook.TEXT, ColumnLook.WHOLE, ColumnLook.INTERCOM_ID}


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """The rows looked at that a check refuses under a rule, and the code and the remedy of the first."""

    n_refused: int = 0
    example: str = ""


TryRule: TypeAlias = Callable[[Rule], Trial]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Proposal:
    """A rule that may be proposed for a column, alone or together with another column."""

    column: Evidence
    rule: Rule
    reason: str
    guesses: tuple[str, ...] = ()  # the parts of the rule that may be wrong


def metadata_choices(columns: Sequence[Evidence], try_rule: TryRule) -> tuple[list[Choice], list[LeftOut]]:
    """Choose the metadata among the columns that no other field reads, and say why the others are left out.

    The choices have the order of the columns, and are at most as many as Intercom keeps.
    """
    excluded = {column.label: reason for column in columns if (reason := _exclusion(column))}
    usable = [column for column in columns if column.label not in excluded]
    proposals, refused = _tried(usable, dict(_pairs(usable)), try_rule)
    chosen = _keyed(proposals)
    excluded |= refused
    read = {label for choice in chosen for label in choice.labels}
    excluded |= {
        column.label: "the same in every row looked at: use Constant(...) if you need it"
        for column in usable
        if _is_constant(column) and column.label not in read
    }
    kept, beyond = chosen[:METADATA_LIMIT], chosen[METADATA_LIMIT:]
    kept_labels = {label for choice in kept for label in choice.labels}
    excluded |= {
        label: f"{choice.reason}; Intercom keeps {METADATA_LIMIT} metadata keys, and other columns have them"
        for choice in beyond
        for label in choice.labels
        if label not in kept_labels
    }
    return kept, [LeftOut(label=c.label, reason=excluded[c.label]) for c in columns if c.label in excluded]


def _exclusion(column: Evidence) -> str:
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


def _unfit(column: Evidence) -> str:
    if column.longest > TEXT_LIMIT:
        cut = python_text(Text(column.label, truncate=True))
        return f"text of up to {column.longest:,} characters, and Intercom takes {TEXT_LIMIT}: {cut} would cut it"
    may_count = not column.words or column.words[0] in {"unnamed", "index", "row"}
    return "it numbers the rows" if column.numbers_rows and may_count else ""


def _is_constant(column: Evidence) -> bool:
    # A single row says nothing about others, and a cell that is empty differs from one that is not.
    return column.n_distinct == 1 and column.n_present > 1 and not column.n_missing


def _tried(
    columns: list[Evidence], pairs: dict[Hashable, _Proposal], try_rule: TryRule
) -> tuple[list[_Proposal], dict[Hashable, str]]:
    """Return the first rule that passes a check for each column or pair of columns, and why others have no rule."""
    passed = {label: pair for label, pair in pairs.items() if _passes(pair, try_rule(pair.rule))}
    second = {label for pair in passed.values() for label in rule_sources(pair.rule).values()} - set(passed)
    proposals: list[_Proposal] = []
    refused: dict[Hashable, str] = {}
    for column in columns:
        if column.label in second or (_is_constant(column) and column.label not in passed):
            continue
        pair = pairs.get(column.label)
        singles = _singles(column, has_currency=pair is not None)
        proposal, doubt = _first_that_passes([*([] if pair is None else [pair]), *singles], try_rule)
        if proposal is None:
            refused[column.label] = doubt
        else:
            proposals.append(proposal)
    return proposals, refused


def _first_that_passes(possible: list[_Proposal], try_rule: TryRule) -> tuple[_Proposal | None, str]:
    """Return the first proposal that passes a check, or why none does; its reason says what the check refuses."""
    doubt = ""
    for proposal in possible:
        trial = try_rule(proposal.rule)
        refused = f"ep.{type(proposal.rule).__name__} refuses {_share(proposal, trial)} ({trial.example})"
        if not _passes(proposal, trial):
            doubt = doubt or refused
            continue
        # The reason of an amount already says which amounts are refused.
        has_odd_ones = trial.n_refused and not isinstance(proposal.rule, MonetaryAmount)
        remarks = [doubt, refused if has_odd_ones else "", _gaps(proposal.column)]
        return replace(proposal, reason="; ".join([proposal.reason, *filter(None, remarks)])), ""
    return None, doubt


def _passes(proposal: _Proposal, trial: Trial) -> bool:
    """Tell whether a check takes most values under a rule; all of a link's, since the same text can be sent as Text."""
    if isinstance(proposal.rule, Link | RichLink):
        return trial.n_refused == 0
    return proposal.column.n_present - trial.n_refused >= MOST * proposal.column.n_present


def _share(proposal: _Proposal, trial: Trial) -> str:
    n_rows = min(trial.n_refused, proposal.column.n_present)
    return f"{share_text(n_rows, proposal.column.n_present)} of those looked at"


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
            yield text.label, _Proposal(column=text, rule=rule, reason="a text and the address that it leads to")


def _currencies_of(amount: Evidence, currencies: list[Evidence]) -> list[Evidence]:
    """Return the currencies that an amount may have: their names share the most words with its name."""
    if amount.look not in _AMOUNTS or not names_money(amount.words) or names_a_code(amount.words):
        return []
    words = set(amount.words)
    common = [len(words & set(currency.words)) for currency in currencies]
    return [currency for currency, count in zip(currencies, common, strict=True) if count == max(common)]


def _text_of(url: Evidence, columns: list[Evidence]) -> Evidence | None:
    if url.look is not ColumnLook.URL:
        return None
    stem = link_stem(url.words)
    texts = (column for column in columns if column.look in _LINK_TEXTS and names_text_of(column.words, stem))
    return next(texts, None)


def _money(amount: Evidence, currencies: list[Evidence]) -> _Proposal:
    currency, *others = currencies
    counts_cents = names_minor_units(amount.words)
    may_count_cents = amount.look is ColumnLook.WHOLE and not counts_cents and _has_minor_units(currency)
    unit = "; its name says that it counts cents" if counts_cents else ""
    if may_count_cents:
        unit = '; whole numbers: if they count cents, use unit="minor"'
    refused = ""
    if amount.n_not_positive:
        refused = f"; not above zero, which Intercom refuses, in {amount.n_not_positive:,} of the rows looked at"
    unlike = ""
    if currency.n_unlike:
        unlike = (
            f"; not a currency of ISO 4217 in {share_text(currency.n_unlike, currency.n_present)} of those looked at"
        )
    rivals = f"; its currency may be in {' or '.join(repr(other.label) for other in others)}" if others else ""
    rule = MonetaryAmount(amount.label, currency=currency.label, unit="minor" if counts_cents else "major")
    fractions = _fractions(rule, amount, currency)
    return _Proposal(
        column=amount,
        rule=rule,
        reason=f"an amount with its currency{rivals}{unit}{unlike}{fractions}{refused}",
        guesses=(*(["unit"] if may_count_cents else []), *(["currency"] if others else [])),
    )


def _has_minor_units(currency: Evidence) -> bool:
    return currency.decimals is None or bool((currency.decimals > 0).any())


def _fractions(rule: MonetaryAmount, amount: Evidence, currency: Evidence) -> str:
    """Say how many amounts have a fraction of their currency's minor unit, which Intercom cannot hold."""
    if amount.decimals is None or currency.decimals is None:
        return ""
    pairs = (amount.decimals >= 0) & (currency.decimals >= 0)
    allowed = currency.decimals if rule.unit == "major" else 0
    n_beyond = int((pairs & (amount.decimals > allowed)).sum())
    if not n_beyond:
        return ""
    what = "more decimals than its currency has" if rule.unit == "major" else "a fraction of a cent"
    return f"; {what} in {share_text(n_beyond, int(pairs.sum()))} of those looked at, which round=True would round"


def _singles(column: Evidence, *, has_currency: bool) -> Iterator[_Proposal]:
    """Yield the proposals for a column by itself, the best first."""
    match column.look:
        case ColumnLook.TIME:
            yield _Proposal(
                column=column, rule=date_rule(column), reason=time_reason(column), guesses=guessed_parts(column)
            )
        case ColumnLook.URL:
            yield _Proposal(column=column, rule=Link(column.label), reason=column.kind)
        case ColumnLook.WHOLE | ColumnLook.NUMBER:
            yield _number(column, has_currency=has_currency)
        case ColumnLook.BOOLEAN:
            yield _Proposal(column=column, rule=Text(column.label), reason="true or false, as text")
        case ColumnLook.TEXT if column.holds_numbers and not names_a_code(column.words):
            share = share_text(column.n_present - column.n_numbers, column.n_present)
            yield _Proposal(
                column=column,
                rule=Number(column.label),
                reason=f"numbers; {share} of those looked at are not, and a check names them",
            )
    yield _Proposal(column=column, rule=Text(column.label), reason=_text_reason(column))


def _number(column: Evidence, *, has_currency: bool) -> _Proposal:
    rule: Rule = Number(column.label)
    reason = column.kind
    if names_a_code(column.words):
        rule, reason = Text(column.label), f"{column.kind} that name something: text, since nobody adds them up"
    elif names_money(column.words) and not has_currency:
        open_question = "if it is money, use ep.MonetaryAmount(..., currency=...): no column has its currency"
        reason = f"{column.kind}; {open_question}"
    return _Proposal(column=column, rule=rule, reason=reason)


def _text_reason(column: Evidence) -> str:
    kind = "currency codes" if column.look is ColumnLook.CURRENCY else "text"
    if column.n_distinct <= _CATEGORIES and column.n_distinct < column.n_present:
        kind = f"{kind}, {column.n_distinct:,} different"
    if column.n_numbers < MOST * column.n_present or names_a_code(column.words):
        return kind
    share = share_text(column.n_numbers, column.n_present)
    return (
        f"{kind}; {share} of those looked at are numbers: ep.Number would send them as numbers, and refuse the others"
    )


def _keyed(proposals: list[_Proposal]) -> list[Choice]:
    """Give each rule a key that Intercom allows and that no other has."""
    keys: set[str] = set()
    chosen = []
    for proposal in proposals:
        key = _unused(_valid_key(proposal.column.label, proposal.rule), keys)
        keys.add(key.casefold())
        path = f"metadata.{key}"
        guesses = tuple(part_path(path, part) for part in proposal.guesses)
        chosen.append(Choice(path=path, entry=proposal.rule, reason=proposal.reason, guesses=guesses))
    return chosen


def _valid_key(label: Hashable, rule: Rule) -> str:
    key = key_of(label)
    if key in RESERVED_KEYS:
        key = f"{key}_name"
    if isinstance(rule, Date) and rule.unit is not None:
        return moment_key(key)
    if isinstance(rule, Date):
        return key if key.endswith(DATE_SUFFIXES) else f"{key}_date"
    # Under a key that ends like this, Intercom takes a number for a date.
    return f"{key}_value" if key.endswith(DATE_SUFFIXES) else key


def _unused(key: str, keys: set[str]) -> str:
    suffix = next((suffix for suffix in DATE_SUFFIXES if key.endswith(suffix)), "")
    stem = key.removesuffix(suffix)
    number = 1
    while key.casefold() in keys:
        number += 1
        key = f"{stem}_{number}{suffix}"
    return key
