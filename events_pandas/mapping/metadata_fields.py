"""Which columns are proposed as metadata, under which keys, and which are left out."""

from collections.abc import Hashable, Iterator, Sequence

from events_pandas.intercom import DATE_SUFFIXES, METADATA_LIMIT, RESERVED_KEYS, TEXT_LIMIT
from events_pandas.mapping.choices import Choice, LeftOut, share_text
from events_pandas.mapping.event_fields import date_rule, time_reason
from events_pandas.mapping.evidence import Evidence, Look
from events_pandas.mapping.labels import (
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
from events_pandas.mapping.python_text import python_text
from events_pandas.mapping.rules import Date, Link, MonetaryAmount, Number, RichLink, Rule, Text

_CATEGORIES = 20
_UNFIT = {
    Look.EMPTY: "empty in every row looked at",
    Look.NESTED: "nested values, which Intercom refuses: make columns of their parts",
    Look.OTHER: "values of mixed or unusual types: make text or numbers of them",
}
_AMOUNTS = {Look.WHOLE, Look.NUMBER}
_LINK_TEXTS = {Look.TEXT, Look.WHOLE, Look.INTERCOM_ID}


def metadata_choices(columns: Sequence[Evidence]) -> tuple[list[Choice], list[LeftOut]]:
    """Choose what is sent as metadata.

    Parameters
    ----------
    columns : sequence of Evidence
        The columns that no other field reads.

    Returns
    -------
    chosen : list of Choice
        In the order of the columns, at most as many as Intercom keeps.
    left_out : list of LeftOut
        The other columns.
    """
    excluded = {column.label: reason for column in columns if (reason := _exclusion(column))}
    usable = [column for column in columns if column.label not in excluded]
    varied = [column for column in usable if not _is_constant(column)]
    entries = dict(_entries(varied, currencies=[column for column in usable if column.look is Look.CURRENCY]))
    chosen = _keyed(entries)
    read = {label for choice in chosen for label in choice.labels}
    excluded |= {
        column.label: "the same in every row looked at: say Constant(...) if it is of use"
        for column in usable
        if _is_constant(column) and column.label not in read
    }
    kept, beyond = chosen[:METADATA_LIMIT], chosen[METADATA_LIMIT:]
    kept_labels = {label for choice in kept for label in choice.labels}
    excluded |= {
        label: f"{choice.reason}; Intercom keeps {METADATA_LIMIT} metadata keys, and these are taken"
        for choice in beyond
        for label in choice.labels
        if label not in kept_labels
    }
    return kept, [LeftOut(label=c.label, reason=excluded[c.label]) for c in columns if c.label in excluded]


def _exclusion(column: Evidence) -> str:
    """Return why a column is no metadata; nothing where it may be."""
    return _UNFIT.get(column.look) or _personal(column) or _unfit(column)


def _personal(column: Evidence) -> str:
    if column.look in {Look.EMAIL, Look.PHONE}:
        return f"{column.look}: personal data belongs to the contact, not to each event"
    if _names_a_person(column):
        return "its name speaks of personal data, which belongs to the contact, not to each event"
    return "another identifier of the contact" if user_id_rank(column.words) > 1 else ""


def _names_a_person(column: Evidence) -> bool:
    match column.look:
        case Look.BOOLEAN | Look.NUMBER:
            return False
        case Look.TIME:
            return time_rank(column.words) == 0
        case Look.WHOLE:
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
    # A single row says nothing about others.
    return column.n_distinct == 1 and column.n_present > 1


def _entries(columns: list[Evidence], *, currencies: list[Evidence]) -> Iterator[tuple[Hashable, tuple[Rule, str]]]:
    """Yield the rule of each column or pair of columns, with its reason, under the label that names it."""
    money = {column.label: currency for column in columns if (currency := _currency_of(column, currencies))}
    links: dict[Hashable, Evidence] = {}
    for url in columns:
        if text := _text_of(url, columns):
            links.setdefault(text.label, url)
    spoken_for = {column.label for column in (*money.values(), *links.values())}
    for column in columns:
        if column.label in money:
            yield column.label, _money(column, money[column.label])
        elif column.label in links:
            yield column.label, _rich_link(column, links[column.label])
        elif column.label not in spoken_for:
            yield column.label, _single(column)


def _currency_of(amount: Evidence, currencies: list[Evidence]) -> Evidence | None:
    """Return the currency of an amount: of several, the one whose name has most in common with it."""
    if amount.look not in _AMOUNTS or not names_money(amount.words) or names_a_code(amount.words):
        return None
    words = set(amount.words)
    return max(currencies, key=lambda currency: len(words & set(currency.words)), default=None)


def _text_of(url: Evidence, columns: list[Evidence]) -> Evidence | None:
    if url.look is not Look.URL:
        return None
    stem = link_stem(url.words)
    texts = (column for column in columns if column.look in _LINK_TEXTS and names_text_of(column.words, stem))
    return next(texts, None)


def _money(amount: Evidence, currency: Evidence) -> tuple[Rule, str]:
    counts_cents = names_minor_units(amount.words)
    unit = "; its name says that it counts cents" if counts_cents else ""
    if amount.look is Look.WHOLE and not counts_cents:
        unit = '; whole numbers: if they count cents, say unit="minor"'
    refused = ""
    if amount.n_not_positive:
        refused = f"; not above zero, which Intercom refuses, in {amount.n_not_positive:,} of the rows looked at"
    rule = MonetaryAmount(amount.label, currency=currency.label, unit="minor" if counts_cents else "major")
    return rule, f"an amount with its currency{unit}{_fractions(rule, amount, currency)}{refused}"


def _fractions(rule: MonetaryAmount, amount: Evidence, currency: Evidence) -> str:
    """Say how many amounts have a fraction of their currency's minor unit, which Intercom has no place for."""
    if amount.decimals is None or currency.decimals is None:
        return ""
    pairs = (amount.decimals >= 0) & (currency.decimals >= 0)
    allowed = currency.decimals if rule.unit == "major" else 0
    n_beyond = int((pairs & (amount.decimals > allowed)).sum())
    if not n_beyond:
        return ""
    what = "more decimals than its currency has" if rule.unit == "major" else "a fraction of a cent"
    return f"; {what} in {share_text(n_beyond, int(pairs.sum()))} of those looked at, which round=True would round"


def _rich_link(text: Evidence, url: Evidence) -> tuple[Rule, str]:
    return RichLink(value=text.label, url=url.label), "a text and the address that it leads to"


def _single(column: Evidence) -> tuple[Rule, str]:
    match column.look:
        case Look.TIME:
            return date_rule(column), time_reason(column)
        case Look.URL:
            return Link(column.label), column.kind
        case Look.WHOLE | Look.NUMBER:
            return _number(column)
        case Look.BOOLEAN:
            return Text(column.label), "true or false, as text"
        case _:
            return Text(column.label), _text_reason(column)


def _number(column: Evidence) -> tuple[Rule, str]:
    if names_a_code(column.words):
        return Text(column.label), f"{column.kind} that name something: text, since nobody adds them up"
    if names_money(column.words):
        open_question = "if it is money, say ep.MonetaryAmount(..., currency=...), since no column has its currency"
        return Number(column.label), f"{column.kind}; {open_question}"
    return Number(column.label), column.kind


def _text_reason(column: Evidence) -> str:
    kind = "currency codes" if column.look is Look.CURRENCY else "text"
    if column.n_distinct <= _CATEGORIES and column.n_distinct < column.n_present:
        return f"{kind}, {column.n_distinct:,} different"
    return kind


def _keyed(entries: dict[Hashable, tuple[Rule, str]]) -> list[Choice]:
    """Give each rule a key that Intercom allows and that no other has."""
    keys: set[str] = set()
    chosen = []
    for label, (rule, reason) in entries.items():
        key = _unused(_valid_key(label, rule), keys)
        keys.add(key.casefold())
        chosen.append(Choice(path=f"metadata.{key}", entry=rule, reason=reason))
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
