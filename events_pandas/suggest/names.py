"""The label of a column: its words, the role that they suggest, and a metadata key made of them."""

import re
from collections.abc import Container, Hashable
from itertools import chain, count

from events_pandas.intercom import DATE_SUFFIXES, RESERVED_KEYS
from events_pandas.mapping.rules import DATE_UNITS, Date, DateUnit, Rule

_WORD = re.compile(r"[A-Z]+(?![^\W\dA-Z_])|[A-Z]?[^\W\dA-Z_]+|[0-9]+")
_SPLIT = re.compile(r"(?<=[^\W\dA-Z_])(?=[A-Z])")
_NO_KEY = re.compile(r"[^\w-]+")

_CONTACTS = {
    *("user", "username", "customer", "contact", "member", "person", "subscriber", "external"),
    *("cust", "kunde", "kunden", "nutzer", "benutzer", "mitglied", "cliente", "usuario", "utilisateur"),
}
_CLIENTS = {"client", "visitor", "distinct"}
_CLIENT_WORDS = {"client", "cliente", "usuario", "utilisateur"}
"""The contact in French and Spanish, which name the number first: ``numéro client``, ``id_cliente``."""
_SMALL_WORDS = {"de", "du", "del"}
_ID_WORDS = {
    *("id", "uuid", "guid", "key", "no", "nr", "number", "nummer", "num", "numero", "numéro", "número"),
    *("identifier", "identifiant", "identificador", "kennung"),
}
_GLUED_IDS = {
    *("userid", "customerid", "contactid", "memberid", "externalid", "uid"),
    *("kundennummer", "kundennr", "kundenid", "benutzerid", "nutzerid", "mitgliedsnummer"),
}
_CODE_WORDS = _ID_WORDS | {
    *("code", "ref", "reference", "sku", "zip", "version", "ids"),
    *("plz", "référence", "referencia"),
}
_CODE_ENDINGS = ("nummer", "nr")
"""German glues words: ``Bestellnummer``, ``Artikelnr``."""

_LAST_DIGITS = ("last", "4")
"""Of a card: ``Card Last4``."""

_OTHER_PEOPLE = {
    *("agent", "assignee", "assigned", "rep", "representative", "owner", "sales", "support", "referrer", "inviter"),
    *("manager", "staff", "sender", "admin", "administrator", "employee", "operator", "teammate", "team", "moderator"),
    *("editor", "approver", "reviewer", "salesperson", "clerk", "cashier", "crew", "by", "cc", "bcc"),
}
_COMPANIES = {
    *("company", "companies", "org", "organization", "organisation", "group", "workspace", "tenant", "business"),
    *("firm", "firma", "vendor", "supplier", "merchant", "partner", "store", "shop", "brand", "branch", "department"),
    *("unternehmen", "entreprise", "société", "empresa"),
}
_OTHER_THINGS = _COMPANIES | {
    *("order", "invoice", "product", "item", "session", "device", "campaign", "ticket", "conversation", "message"),
    *("transaction", "payment", "subscription", "plan", "event", "request", "job", "cart", "row", "page", "app"),
}
_CURRENCY_WORDS = {
    *("currency", "currencies", "ccy", "curr", "cur", "valuta"),
    *("waehrung", "währung", "devise", "monnaie", "moneda"),
}

_EMAIL_NAMES = {
    *(("email",), ("email", "address"), ("mail",), ("email", "adresse"), ("mailadresse",), ("courriel",), ("correo",)),
    *(("adresse", "email"), ("correo", "electrónico"), ("correo", "electronico")),
}

_EVENT_TIMES = {"created", "created_at", "event_time", "event_timestamp", "event_date", "event_at", "occurred_at"}
_TIME_WORDS = {
    *("date", "time", "timestamp", "ts", "day", "datetime", "dt", "when", "at", "on", "created", "epoch"),
    *("datum", "zeit", "zeitpunkt", "zeitstempel", "bestelldatum", "kaufdatum", "rechnungsdatum"),
    *("heure", "horodatage", "fecha", "hora"),
}
# A number under such a name is a time if it has the size of one.
_LATER_VERBS = {
    *("updated", "modified", "deleted", "cancelled", "canceled", "expires", "expired", "ended", "ends", "renews"),
    *("shipped", "delivered", "refunded", "synced", "imported", "exported", "closed"),
}
_TIME_VERBS = _LATER_VERBS | {"ordered", "purchased", "placed"}
# Times of something later than the event, or of its way through systems.
_OTHER_TIMES = _LATER_VERBS | {
    *("expiry", "expiration", "due", "end", "renewal", "next", "last", "until", "delivery", "received", "sent"),
    *("loaded", "original", "lieferdatum", "versanddatum", "änderungsdatum", "livraison", "entrega"),
}
_UNIT_WORDS: dict[str, DateUnit] = {
    **dict.fromkeys(("sec", "secs", "seconds", "unix"), "s"),
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "milliseconds"), "ms"),
    **dict.fromkeys(("us", "usec", "usecs", "micros", "microseconds"), "us"),
    **dict.fromkeys(("ns", "nsec", "nsecs", "nanos", "nanoseconds"), "ns"),
}
_CLOCK_ENDING = re.compile(rf"_(?:{'|'.join(_UNIT_WORDS)}|ts|timestamp|epoch)$")
_BIRTH_WORDS = {
    *("birth", "birthday", "birthdate", "dob", "born"),
    *("geburtsdatum", "geburtstag", "naissance", "nacimiento"),
}

_EVENT_NAME_RANKS = {"event_name": 5, "event": 4, "event_type": 3, "action": 2, "activity": 1}
_AMOUNT_WORDS = {
    *("amount", "price", "total", "revenue", "cost", "value", "fee", "fees", "subtotal", "tax", "taxes", "balance"),
    *("spend", "mrr", "arr", "discount", "refund", "payment", "paid", "sum", "cents", "dollars", "euros", "shipping"),
    *("betrag", "gesamtbetrag", "preis", "summe", "umsatz", "kosten", "montant", "prix", "importe", "precio", "coste"),
}
_MINOR_WORDS = {"cents", "cent", "pence", "minor"}

_PERSONAL_WORDS = {
    *("firstname", "lastname", "surname", "fullname", "phone", "mobile", "tel", "telephone", "fax", "email", "mail"),
    *("address", "street", "zip", "zipcode", "postcode", "postal", "ip", "ssn", "iban", "passport", "avatar", "photo"),
    *("vorname", "nachname", "telefon", "adresse", "straße", "strasse", "plz", "nom", "prénom", "prenom", "téléphone"),
    *("apellido", "apellidos", "teléfono", "telefono", "dirección", "direccion"),
}
_NAME_OWNERS = {
    *("first", "last", "full", "given", "family", "middle", "display", "contact", "customer", "user", "member"),
    *("billing", "shipping", "buyer", "recipient"),
}


def words_of(label: Hashable) -> tuple[str, ...]:
    """Return the words of a label in lower case; a number has none.

    >>> words_of("userId"), words_of("Created (UTC)"), words_of(("total", "sum")), words_of(0)
    (('user', 'id'), ('created', 'utc'), ('total', 'sum'), ())
    """
    if isinstance(label, tuple):
        return tuple(word for part in label for word in words_of(part))
    if not isinstance(label, str):
        return ()
    return tuple(word.lower() for word in _WORD.findall(re.sub(r"(?i)\be-mail", "email", label)))


def key_of(label: Hashable) -> str:
    """Return a metadata key for a label: letters, digits, ``_`` and ``-``, in lower case.

    >>> key_of("Order No."), key_of("orderTotal"), key_of(3), key_of("%")
    ('order_no', 'order_total', 'column_3', 'column')
    """
    if isinstance(label, tuple):
        return "_".join(key_of(part) for part in label if part != "") or "column"
    if not isinstance(label, str):
        return f"column_{abs(label)}" if isinstance(label, int) else "column"
    # Lower case comes first: that of some letters has marks, which the pattern removes.
    words = _SPLIT.sub("_", label).lower()
    return _NO_KEY.sub("_", words).strip("_-") or "column"


def user_id_rank(words: tuple[str, ...]) -> int:
    """Return how likely words name the contact's identifier, from 5, Intercom's own words, down to 0.

    2 is an account, which may be a company's, 1 an ``id`` without an owner, 0 a company, staff or another thing.
    """
    *owners, last = words or ("",)
    # The owner of an external identifier is named before that word.
    named = [owner for owner in owners if owner != "external"]
    owner = (named or owners or [""])[-1]
    if words in {("user", "id"), ("external", "id")}:
        return 5
    if _names_another(named):
        return 0
    if owner == "account" and last in _ID_WORDS | _GLUED_IDS:
        return 2
    if (last in _ID_WORDS and owner in _CONTACTS) or last in _GLUED_IDS or _names_a_client(words):
        return 4
    if (last in _ID_WORDS and owner in _CLIENTS) or (not owners and last in _CONTACTS | _CLIENT_WORDS):
        return 3
    return 1 if words == ("id",) else 0


def _names_a_client(words: tuple[str, ...]) -> bool:
    number, *contact = [word for word in words if word not in _SMALL_WORDS] or [""]
    return number in _ID_WORDS and len(contact) == 1 and contact[0] in _CLIENT_WORDS


def _names_another(owners: list[str]) -> bool:
    """Tell whether an identifier belongs to a company, staff or a thing: ``company_external_id``, ``order_uid``.

    The user of a company and the customer of an order are contacts; a user who is an agent is not.
    """
    return bool(_OTHER_PEOPLE & set(owners)) or bool(_OTHER_THINGS & set(owners[-1:]))


def email_rank(words: tuple[str, ...]) -> int:
    """Return how likely words name the contact's address, from 3 to 1, if a column holds addresses; 0 for others."""
    if (_OTHER_PEOPLE | _COMPANIES) & set(words):
        return 0
    if words in _EMAIL_NAMES:
        return 3
    return 2 if set(words) & (_CONTACTS | _CLIENTS | {"account"}) else 1


def names_intercoms_id(words: tuple[str, ...]) -> bool:
    """Tell whether words name Intercom's own identifier of a contact: ``intercom_user_id``, not of a company."""
    *owners, last = words or ("",)
    return "intercom" in owners and last == "id" and set(owners) <= {"intercom", *_CONTACTS, *_CLIENTS, "lead"}


def time_rank(words: tuple[str, ...]) -> int:
    """Return how likely words name the time of the event, for a column that holds times.

    6 is Intercom's own word, 1 the time of something else, 0 a date of birth.
    """
    named = set(words)
    if named & _BIRTH_WORDS:
        return 0
    if "_".join(word for word in words if word not in {"utc", "gmt"}) in _EVENT_TIMES:
        return 6
    if named & _OTHER_TIMES:
        return 1
    if words[-1:] == ("at",) or named & {"timestamp", "ordered", "purchased"}:
        return 5
    return 4 if named & _TIME_WORDS else 2


def epoch_units(words: tuple[str, ...]) -> tuple[DateUnit, ...]:
    """Return what a number under these words may count from 1970 on.

    That is the unit that they name, or any unit if they name a time; nothing for other things.

    >>> epoch_units(("shipped", "ms")), epoch_units(("shipped",)), epoch_units(("total", "sec"))
    (('ms',), ('s', 'ms', 'us', 'ns'), ())
    """
    *rest, last = words or ("",)
    unit = _UNIT_WORDS.get(last)
    is_said = names_a_time(words) or bool(set(rest[-1:] if unit else [last]) & _TIME_VERBS)
    # A number of seconds since 1970 may as well be the cents of a large sum.
    if unit and (is_said or unit != "s" or last == "unix"):
        return (unit,)
    return DATE_UNITS if is_said else ()


def moment_key(key: str) -> str:
    """Return a metadata key for a moment that is kept as a number.

    It lacks the unit, since seconds are sent, and ends as Intercom's date keys do.

    >>> moment_key("shipped_ms"), moment_key("updated_ts"), moment_key("created_at_us"), moment_key("timestamp")
    ('shipped_at', 'updated_at', 'created_at', 'timestamp_at')
    """
    stem = _CLOCK_ENDING.sub("", key)
    return stem if stem.endswith(DATE_SUFFIXES) else f"{stem}_at"


def key_for(label: Hashable, rule: Rule) -> str:
    """Return a metadata key that Intercom allows for a column under a rule.

    >>> import events_pandas as ep
    >>> key_for("type", ep.Text("type")), key_for("due", ep.Date("due")), key_for("late_at", ep.Text("late_at"))
    ('type_name', 'due_date', 'late_at_value')
    """
    key = key_of(label)
    if key in RESERVED_KEYS:
        key = f"{key}_name"
    if isinstance(rule, Date) and rule.unit is not None:
        return moment_key(key)
    if isinstance(rule, Date):
        return key if key.endswith(DATE_SUFFIXES) else f"{key}_date"
    # Under a key that ends like this, Intercom takes a number for a date.
    return f"{key}_value" if key.endswith(DATE_SUFFIXES) else key


def unused_key(key: str, keys: Container[str]) -> str:
    """Return a key with a number before the ending of dates, if another column has the key.

    >>> unused_key("due_date", {"due_date"}), unused_key("Note", {"note", "note_2"})
    ('due_2_date', 'Note_3')
    """
    suffix = next((suffix for suffix in DATE_SUFFIXES if key.endswith(suffix)), "")
    stem = key.removesuffix(suffix)
    numbered = (f"{stem}_{number}{suffix}" for number in count(2))
    return next(unused for unused in chain([key], numbered) if unused.casefold() not in keys)


def names_a_time(words: tuple[str, ...]) -> bool:
    """Tell whether words name a time, such as ``created_at`` and ``timestamp``."""
    return bool(set(words) & _TIME_WORDS)


def may_name_a_time(words: tuple[str, ...]) -> bool:
    """Tell whether words allow a time: the number of a contact or an invoice may look like a day."""
    return not user_id_rank(words) and (names_a_time(words) or not names_a_code(words))


def event_name_rank(words: tuple[str, ...]) -> int:
    """Return how likely words name the name of the event, from 5 down to 0 for other things."""
    return _EVENT_NAME_RANKS.get("_".join(words), 0)


def event_word(words: tuple[str, ...]) -> str:
    """Return the words for the event in a time's label, joined by hyphens; empty if there are none.

    >>> event_word(("ordered", "at")), event_word(("created", "at")), event_word(("date",))
    ('ordered', '', '')
    """
    if not names_a_time(words):
        return ""
    return "-".join(word for word in words if word not in {*_TIME_WORDS, "utc", "gmt", "event"} and word.isalpha())


def names_money(words: tuple[str, ...]) -> bool:
    """Tell whether a number under these words may be an amount of money, such as ``total`` and ``price``."""
    return bool(set(words) & _AMOUNT_WORDS)


def names_a_currency(words: tuple[str, ...]) -> bool:
    """Tell whether words name a currency, such as ``paid_currency``."""
    return bool(set(words) & _CURRENCY_WORDS)


def names_minor_units(words: tuple[str, ...]) -> bool:
    """Tell whether an amount under these words counts cents, such as ``amount_cents``."""
    return bool(set(words) & _MINOR_WORDS)


def names_a_code(words: tuple[str, ...]) -> bool:
    """Tell whether a number under these words is a name and not a quantity, such as ``invoice_no`` and ``zip``."""
    # The word for a code comes last: "number_of_cds" is a quantity.
    is_code = bool(words) and (words[-1] in _CODE_WORDS or words[-1].endswith(_CODE_ENDINGS))
    return is_code or words[-2:] == _LAST_DIGITS


def names_a_person(words: tuple[str, ...]) -> bool:
    """Tell whether words name personal data: names, telephone numbers, addresses, dates of birth."""
    if set(words) & (_PERSONAL_WORDS | _BIRTH_WORDS):
        return True
    *owners, last = words or ("",)
    return last == "name" and (not owners or owners[-1] in _NAME_OWNERS)


def names_text_of(words: tuple[str, ...], url: tuple[str, ...]) -> bool:
    """Tell whether words name the text of a link, as ``order_no`` does beside ``order_url``."""
    stem = tuple(word for word in url if word not in {"url", "link", "uri", "href"})
    texts = _CODE_WORDS | {"name", "title", "label", "text"}
    return bool(stem) and words[: len(stem)] == stem and set(words[len(stem) :]) <= texts
