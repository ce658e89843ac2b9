"""The list and the search of contacts: a query in Intercom's form becomes one in SQL."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from events_pandas.sandbox.endpoints.contact_form import contact_object
from events_pandas.sandbox.rules.events import Payload, read_payload
from events_pandas.sandbox.rules.refusals import Refusal, invalid
from events_pandas.sandbox.workspace.contact_book import SELECT_CONTACTS, contact_of_row
from events_pandas.sandbox.workspace.workspace import Workspace

_Condition: TypeAlias = tuple[str, list[object]]
"""A condition in SQL, and the values of its question marks."""

_FILTERS: Final = 15
_DEPTH: Final = 2
_PER_PAGE: Final = 50
_LARGEST_PAGE: Final = 150
_SECONDS_A_DAY: Final = 86_400
_INT64_BITS: Final = 63
# SQLite's patterns have at most 50,000 bytes.
_LONGEST_TEXT: Final = 1_000
_ORDERS: Final = {"ascending": "ASC", "descending": "DESC"}
_ATTRIBUTE: Final = re.compile(r"custom_attributes\.[\w -]+")
_SECONDS: Final = re.compile(r"-?[0-9]{1,12}")
_CURSOR: Final = re.compile(r"[0-9]{1,12}")
_WHOLE: Final = re.compile(r"[0-9]{1,9}")
_FORMER_FILTERS: Final = ("user_id", "email", "external_id", "phone")


class _SearchError(Exception):
    """A query that Intercom would refuse."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.refusal = Refusal(status=400, code=code, message=message)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Search:
    """The condition and the order in SQL, and how many contacts earlier pages had."""

    condition: _Condition
    order: str
    per_page: int
    skipped: int


def list_contacts(workspace: Workspace, query: Mapping[str, str]) -> dict[str, object] | Refusal:
    """List all contacts in Intercom's form, from the newest to the oldest.

    `query` may have `per_page`, and `starting_after` or `page`.
    """
    # Older versions of the API found a contact here by an identifier. The sandbox refuses that, since the answer
    # would be every contact.
    asked = next((field for field in _FORMER_FILTERS if query.get(field)), None)
    if asked:
        return invalid(asked, "does not filter this list: use POST /contacts/search")
    try:
        size = _size({"per_page": _whole(query.get("per_page") or f"{_PER_PAGE}")})
        skipped = _skipped(query) or (_page(query) - 1) * size
        return _listed(workspace, _Search(condition=("true", []), order=_order({}), per_page=size, skipped=skipped))
    except _SearchError as error:
        return error.refusal


def search_contacts(workspace: Workspace, body: bytes) -> dict[str, object] | Refusal:
    """List the contacts that match the `query` of a body, with its `pagination` and `sort`, in Intercom's form.

    As in Intercom, times are compared by the day (UTC), with ``=``, ``>`` and ``<`` only. A group has at most 15
    filters, and groups are at most two deep.
    """
    # Intercom's other fields are not known here, and refused.
    payload = read_payload(body)
    if isinstance(payload, Refusal):
        return payload
    try:
        return _listed(workspace, _read_search(payload))
    except _SearchError as error:
        return error.refusal


def _listed(workspace: Workspace, search: _Search) -> dict[str, object]:
    condition, values = search.condition
    found = f"WHERE merged_into IS NULL AND {condition}"
    ((total,),) = workspace.store.read(f"SELECT count(*) FROM contacts {found}", values)  # noqa: S608  # Built below of fixed parts.
    query = f"{SELECT_CONTACTS} {found} ORDER BY {search.order} LIMIT ? OFFSET ?"
    rows = workspace.store.read(query, [*values, search.per_page, search.skipped])
    contacts = [contact_object(contact_of_row(row), workspace_id=workspace.store.id_code) for row in rows]
    return {"type": "list", "data": contacts, "total_count": total, "pages": _pages(search, total)}


def _read_search(payload: Payload) -> _Search:
    query = payload.get("query")
    if not isinstance(query, Mapping):
        raise _SearchError("parameter_not_found", "query is required")
    pagination, sort = payload.get("pagination") or {}, payload.get("sort") or {}
    if not isinstance(pagination, Mapping) or not isinstance(sort, Mapping):
        raise _SearchError("parameter_invalid", "pagination and sort must be objects")
    return _Search(
        condition=_condition(query, depth=0),
        order=_order(sort),
        per_page=_size(pagination),
        skipped=_skipped(pagination),
    )


def _condition(query: Mapping[str, object], *, depth: int) -> _Condition:
    operator, value = query.get("operator"), query.get("value")
    if operator not in ("AND", "OR"):
        return _filter(query)
    if depth == _DEPTH:
        raise _SearchError("parameter_invalid", f"groups of filters must be at most {_DEPTH} deep")
    if not isinstance(value, list) or not 1 <= len(value) <= _FILTERS:
        raise _SearchError("parameter_invalid", f"a group must have 1 to {_FILTERS} filters, in an array")
    if not all(isinstance(part, Mapping) for part in value):
        raise _SearchError("parameter_invalid", "a filter must be an object with field, operator and value")
    conditions = [_condition(part, depth=depth + 1) for part in value]
    text = f" {operator} ".join(text for text, _ in conditions)
    return f"({text})", [value for _, values in conditions for value in values]


def _filter(query: Mapping[str, object]) -> _Condition:
    field, name = query.get("field"), query.get("operator")
    if not isinstance(field, str):
        raise _SearchError("parameter_not_found", "a filter needs a field, an operator and a value")
    column, operators = _column(field)
    if str(name) not in operators:
        raise _SearchError("invalid_operator", f"{field} has no operator {name!r}: use one of {', '.join(operators)}")
    operator = operators[str(name)]
    return operator.condition.replace("column", column), [operator.compared(query.get("value"))]


def _column(field: str) -> tuple[str, Mapping[str, "_Operator"]]:
    if field in _COLUMNS:
        return _COLUMNS[field]
    if _ATTRIBUTE.fullmatch(field):
        attribute = field.removeprefix("custom_attributes.")
        return f"""json_extract(custom_attributes, '$."{attribute}"')""", _VALUES | _TEXTS | _NUMBERS
    raise _SearchError("invalid_field", f"{field!r} is not a contact field that the sandbox knows")


def _scalar(value: object) -> object:
    if isinstance(value, dict | list):
        raise _SearchError("parameter_invalid", "the value of a filter must be text, a number, a boolean or null")
    return _bounded(value)


def _bounded(value: object) -> object:
    # SQLite's integers have 64 bits, JSON's any number.
    return float(value) if isinstance(value, int) and value.bit_length() > _INT64_BITS else value


def _array(value: object) -> str:
    if not isinstance(value, list) or any(isinstance(one, dict | list) for one in value):
        raise _SearchError("parameter_invalid", "the value of a filter with IN or NIN must be an array")
    return json.dumps(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _SearchError("parameter_invalid", "the value of this filter must be text")
    if len(value) > _LONGEST_TEXT:
        raise _SearchError(
            "parameter_invalid", f"the value of this filter must have at most {_LONGEST_TEXT:,} characters"
        )
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _number(value: object) -> object:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _SearchError("parameter_invalid", "the value of this filter must be a number")
    return _bounded(value)


def _day(value: object) -> int:
    # Intercom's own example has the seconds as a string.
    text = str(value)
    if isinstance(value, bool) or not _SECONDS.fullmatch(text):
        raise _SearchError("parameter_invalid", "the value of this filter must be a time in Unix seconds")
    return int(text) // _SECONDS_A_DAY


@dataclass(frozen=True, slots=True)
class _Operator:
    """One of Intercom's operators in SQL."""

    condition: str
    """With ``column`` for the column, and a question mark for the value."""
    compared: Callable[[object], object]
    """The value as it is compared."""


_VALUES: Final = {
    "=": _Operator("column IS ?", _scalar),
    "!=": _Operator("column IS NOT ?", _scalar),
    "IN": _Operator("coalesce(column IN (SELECT value FROM json_each(?)), 0)", _array),
    "NIN": _Operator("NOT coalesce(column IN (SELECT value FROM json_each(?)), 0)", _array),
}
_TEXTS: Final = {
    "~": _Operator(r"column LIKE ? ESCAPE '\'", lambda value: f"%{_text(value)}%"),
    "!~": _Operator(r"NOT coalesce(column LIKE ? ESCAPE '\', 0)", lambda value: f"%{_text(value)}%"),
    "^": _Operator(r"column LIKE ? ESCAPE '\'", lambda value: f"{_text(value)}%"),
    "$": _Operator(r"column LIKE ? ESCAPE '\'", lambda value: f"%{_text(value)}"),
}
_NUMBERS: Final = {sign: _Operator(f"column {sign} ?", _number) for sign in (">", "<", ">=", "<=")}
_DAYS: Final = {sign: _Operator(f"column / {_SECONDS_A_DAY} {sign} ?", _day) for sign in ("=", ">", "<")}

_COLUMNS: Final[Mapping[str, tuple[str, Mapping[str, _Operator]]]] = {
    **{field: (field, _VALUES | _TEXTS) for field in ("id", "role", "name", "email", "phone", "external_id")},
    "email_domain": ("substr(email, instr(email, '@') + 1)", _VALUES | _TEXTS),
    **{field: (field, _DAYS) for field in ("created_at", "updated_at", "signed_up_at", "last_seen_at")},
    "unsubscribed_from_emails": ("unsubscribed_from_emails", _VALUES),
}


def _order(sort: Mapping[str, object]) -> str:
    field, order = sort.get("field", "created_at"), sort.get("order", "descending")
    if str(order) not in _ORDERS:
        message = f"Invalid sort order {order!r}. Must be one of: {', '.join(_ORDERS)}"
        raise _SearchError("invalid_sort_order", message)
    if not isinstance(field, str):
        raise _SearchError("parameter_invalid", "sort.field must be the name of a field")
    column, _ = _column(field)
    return f"{column} {_ORDERS[str(order)]}, number {_ORDERS[str(order)]}"


def _size(pagination: Mapping[str, object]) -> int:
    per_page = pagination.get("per_page", _PER_PAGE)
    if not isinstance(per_page, int) or not 1 <= per_page <= _LARGEST_PAGE:
        raise _SearchError("parameter_invalid", f"per_page must be a number from 1 to {_LARGEST_PAGE}")
    return per_page


def _skipped(pagination: Mapping[str, object]) -> int:
    cursor = pagination.get("starting_after") or "0"
    if not isinstance(cursor, str) or not _CURSOR.fullmatch(cursor):
        raise _SearchError("parameter_invalid", "starting_after must come from pages.next of the page before")
    return int(cursor)


def _page(query: Mapping[str, str]) -> int:
    page = _whole(query.get("page") or "1")
    if page < 1:
        raise _SearchError("parameter_invalid", "page must be a number from 1")
    return page


def _whole(text: str) -> int:
    return int(text) if _WHOLE.fullmatch(text) else 0


def _pages(search: _Search, total: int) -> dict[str, object]:
    page = search.skipped // search.per_page + 1
    pages: dict[str, object] = {
        "type": "pages",
        "page": page,
        "per_page": search.per_page,
        "total_pages": -(-total // search.per_page),
    }
    end = search.skipped + search.per_page
    return pages | ({"next": {"page": page + 1, "starting_after": str(end)}} if end < total else {})
