"""The list and the search of contacts: a query in Intercom's form becomes one in SQL."""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from events_pandas.sandbox.endpoints.contact_form import contact_object
from events_pandas.sandbox.endpoints.replies import RefusedError, granted
from events_pandas.sandbox.rules.events import read_payload
from events_pandas.sandbox.rules.refusals import Refusal, invalid
from events_pandas.sandbox.workspace.contact_book import IDENTIFIER_COLUMNS, SELECT_CONTACTS, contact_of_row
from events_pandas.sandbox.workspace.workspace import Workspace

_Condition: TypeAlias = tuple[str, list[object]]
"""A condition in SQL, and the values of its question marks."""

_Operator: TypeAlias = tuple[str, Callable[[object], object]]
"""An operator in SQL, with ``column`` for the column and question marks for the value, and a reader of the value."""

_FILTERS: Final = 15
_DEPTH: Final = 2
_PER_PAGE: Final = 50
_LARGEST_PAGE: Final = 150
_SECONDS_A_DAY: Final = 86_400
_INT64_BITS: Final = 63
_ORDERS: Final = {"ascending": "ASC", "descending": "DESC"}
_NEWEST_FIRST: Final = "created_at DESC, number DESC"
_IS_SHOWN: Final = "(named IS NOT NULL OR number < ? OR created_at <= ?)"
"""Whether searches show a contact: it was there at the start, if only by name, or is old enough."""
_ATTRIBUTE: Final = re.compile(r"custom_attributes\.([\w -]+)")
_SECONDS: Final = re.compile(r"-?[0-9]{1,12}")
_WHOLE: Final = re.compile(r"[0-9]{1,12}")
_FORMER_FILTERS: Final = ("user_id", "email", "external_id", "phone")


def list_contacts(workspace: Workspace, query: Mapping[str, str]) -> dict[str, object]:
    """List all contacts in Intercom's form, from the newest to the oldest.

    `query` may have `per_page`, and `starting_after` or `page`.
    """
    # Older versions of the API found a contact here by an identifier. The sandbox refuses that, since the answer
    # would be every contact.
    asked = next((field for field in _FORMER_FILTERS if query.get(field)), None)
    if asked:
        raise RefusedError(invalid(asked, "does not filter this list: use POST /contacts/search"))
    per_page = _size(_whole(query.get("per_page") or f"{_PER_PAGE}"))
    page = _whole(query.get("page") or "1")
    if page < 1:
        raise _wrong("page must be a number from 1")
    skipped = _skipped(query.get("starting_after")) or (page - 1) * per_page
    return _listed(workspace, ("true", []), order=_NEWEST_FIRST, per_page=per_page, skipped=skipped)


def search_contacts(
    workspace: Workspace, body: bytes, *, now: float, made_until: float = math.inf
) -> dict[str, object]:
    """List the contacts that match the `query` of a body, with its `pagination` and `sort`, in Intercom's form.

    Contacts made after `made_until` are left out, unless they exist from the start. As in Intercom, times are compared
    by the day (UTC), with ``=``, ``>`` and ``<`` only, and a group has at most 15 filters and two levels.
    """
    # Intercom's other fields are not known here, and refused.
    payload = granted(read_payload(body))
    query, pagination, sort = (payload.get(part) or {} for part in ("query", "pagination", "sort"))
    if not isinstance(payload.get("query"), Mapping):
        raise _wrong("query is required", code="parameter_not_found")
    if not isinstance(pagination, Mapping) or not isinstance(sort, Mapping):
        raise _wrong("pagination and sort must be objects")
    text, values = _condition(query, depth=0)
    if made_until < now:
        text, values = f"{text} AND {_IS_SHOWN}", [*values, workspace.contacts.first_new, made_until]
    workspace.contacts.name(_named(query), now=now)
    return _listed(
        workspace,
        (text, values),
        order=_order(sort),
        per_page=_size(pagination.get("per_page", _PER_PAGE)),
        skipped=_skipped(pagination.get("starting_after")),
    )


def _named(query: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the identifiers that a query names, each with its field in an event: ``("user_id", "00042")``."""
    field, value = query.get("field"), query.get("value")
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, Mapping):
            yield from _named(part)
        elif isinstance(part, str) and query.get("operator") in ("=", "IN"):
            yield from ((identifier, part) for identifier, column in IDENTIFIER_COLUMNS.items() if column == field)


def _wrong(message: str, *, code: str = "parameter_invalid") -> RefusedError:
    return RefusedError(Refusal(status=400, code=code, message=message))


def _listed(
    workspace: Workspace, condition: _Condition, *, order: str, per_page: int, skipped: int
) -> dict[str, object]:
    """List a page of the contacts; earlier pages had the `skipped` ones."""
    text, values = condition
    found = f"WHERE merged_into IS NULL AND {text}"
    ((total,),) = workspace.store.read(f"SELECT count(*) FROM contacts {found}", values)  # noqa: S608  # Built below of fixed parts.
    rows = workspace.store.read(
        f"{SELECT_CONTACTS} {found} ORDER BY {order} LIMIT ? OFFSET ?", [*values, per_page, skipped]
    )
    page, end = skipped // per_page + 1, skipped + per_page
    pages: dict[str, object] = {
        "type": "pages",
        "page": page,
        "per_page": per_page,
        "total_pages": -(-total // per_page),
    }
    if end < total:
        pages["next"] = {"page": page + 1, "starting_after": str(end)}
    contacts = [contact_object(contact_of_row(row), workspace_id=workspace.store.id_code) for row in rows]
    return {"type": "list", "data": contacts, "total_count": total, "pages": pages}


def _condition(query: Mapping[str, object], *, depth: int) -> _Condition:
    operator, value = query.get("operator"), query.get("value")
    if operator not in ("AND", "OR"):
        return _filter(query)
    if depth == _DEPTH:
        raise _wrong(f"groups of filters must be at most {_DEPTH} deep")
    if not isinstance(value, list) or not 1 <= len(value) <= _FILTERS:
        raise _wrong(f"a group must have 1 to {_FILTERS} filters, in an array")
    if not all(isinstance(part, Mapping) for part in value):
        raise _wrong("a filter must be an object with field, operator and value")
    conditions = [_condition(part, depth=depth + 1) for part in value]
    text = f" {operator} ".join(text for text, _ in conditions)
    return f"({text})", [value for _, values in conditions for value in values]


def _filter(query: Mapping[str, object]) -> _Condition:
    field, name = query.get("field"), query.get("operator")
    if not isinstance(field, str):
        raise _wrong("a filter needs a field, an operator and a value", code="parameter_not_found")
    column, operators = _column(field)
    if str(name) not in operators:
        message = f"{field} has no operator {name!r}: use one of {', '.join(operators)}"
        raise _wrong(message, code="invalid_operator")
    condition, read = operators[str(name)]
    return condition.replace("column", column), [read(query.get("value"))] * condition.count("?")


def _column(field: str) -> tuple[str, Mapping[str, _Operator]]:
    if field in _COLUMNS:
        return _COLUMNS[field]
    if attribute := _ATTRIBUTE.fullmatch(field):
        return f"""json_extract(custom_attributes, '$."{attribute[1]}"')""", _STRINGS | _NUMBERS
    raise _wrong(f"{field!r} is not a contact field that the sandbox knows", code="invalid_field")


def _order(sort: Mapping[str, object]) -> str:
    field, order = sort.get("field", "created_at"), sort.get("order", "descending")
    if str(order) not in _ORDERS:
        message = f"Invalid sort order {order!r}. Must be one of: {', '.join(_ORDERS)}"
        raise _wrong(message, code="invalid_sort_order")
    if not isinstance(field, str):
        raise _wrong("sort.field must be the name of a field")
    column, _ = _column(field)
    return f"{column} {_ORDERS[str(order)]}, number {_ORDERS[str(order)]}"


def _size(per_page: object) -> int:
    if not isinstance(per_page, int) or not 1 <= per_page <= _LARGEST_PAGE:
        raise _wrong(f"per_page must be a number from 1 to {_LARGEST_PAGE}")
    return per_page


def _skipped(cursor: object) -> int:
    text = cursor or "0"
    if not isinstance(text, str) or not _WHOLE.fullmatch(text):
        raise _wrong("starting_after must come from pages.next of the page before")
    return int(text)


def _whole(text: str) -> int:
    return int(text) if _WHOLE.fullmatch(text) else 0


def _scalar(value: object) -> object:
    if isinstance(value, dict | list):
        raise _wrong("the value of a filter must be text, a number, a boolean or null")
    # SQLite's integers have 64 bits, JSON's any number.
    return float(value) if isinstance(value, int) and value.bit_length() > _INT64_BITS else value


def _number(value: object) -> object:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong("the value of this filter must be a number")
    return _scalar(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _wrong("the value of this filter must be text")
    return value


def _array(value: object) -> str:
    if not isinstance(value, list) or any(isinstance(one, dict | list) for one in value):
        raise _wrong("the value of a filter with IN or NIN must be an array")
    return json.dumps(value)


def _day(value: object) -> int:
    # Intercom's own example has the seconds as a string.
    text = str(value)
    if isinstance(value, bool) or not _SECONDS.fullmatch(text):
        raise _wrong("the value of this filter must be a time in Unix seconds")
    return int(text) // _SECONDS_A_DAY


_VALUES: Final[dict[str, _Operator]] = {
    "=": ("column IS ?", _scalar),
    "!=": ("column IS NOT ?", _scalar),
    "IN": ("coalesce(column IN (SELECT value FROM json_each(?)), 0)", _array),
    "NIN": ("NOT coalesce(column IN (SELECT value FROM json_each(?)), 0)", _array),
}
_STRINGS: Final[dict[str, _Operator]] = {
    **_VALUES,
    "~": ("instr(lower(column), lower(?)) > 0", _text),
    "!~": ("coalesce(instr(lower(column), lower(?)), 0) = 0", _text),
    "^": ("instr(lower(column), lower(?)) = 1", _text),
    "$": ("substr(lower(column), length(column) - length(?) + 1) = lower(?)", _text),
}
_NUMBERS: Final[dict[str, _Operator]] = {sign: (f"column {sign} ?", _number) for sign in (">", "<", ">=", "<=")}
_DAYS: Final[dict[str, _Operator]] = {sign: (f"column / {_SECONDS_A_DAY} {sign} ?", _day) for sign in ("=", ">", "<")}
_COLUMNS: Final[Mapping[str, tuple[str, Mapping[str, _Operator]]]] = {
    **{field: (field, _STRINGS) for field in ("id", "role", "name", "email", "phone", "external_id")},
    "email_domain": ("substr(email, instr(email, '@') + 1)", _STRINGS),
    **{field: (field, _DAYS) for field in ("created_at", "updated_at", "signed_up_at", "last_seen_at")},
    "unsubscribed_from_emails": ("unsubscribed_from_emails", _VALUES),
}
