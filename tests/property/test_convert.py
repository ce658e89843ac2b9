"""Conversion against a slow, obvious oracle that goes row by row; and the promises of a check."""

import contextlib
import datetime as dt
import decimal
import json
import math
import re
import uuid
import zoneinfo

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas.check import check_rows, chunk_bounds
from events_pandas.check.collisions import KeyIndex
from events_pandas.convert import Converter, problems_frame
from events_pandas.convert.keys import EventKeys, event_streams, text_words
from events_pandas.mapping import (
    Column,
    Constant,
    Date,
    EventMapping,
    Link,
    MonetaryAmount,
    Number,
    RichLink,
    Text,
    bind,
)

EXAMPLES = settings(max_examples=settings.default.max_examples // 3, deadline=None)
ZONE = "Europe/Berlin"
NOW = 1_750_000_000
OPTIONS = {
    "on_invalid_metadata": "error",
    "metadata_limit": 10,
    "metadata_overflow": "error",
    "truncate": False,
    "zero": "error",
    "rounding": None,
    "ambiguous": "error",
    "nonexistent": "error",
    "strip": (),
}


IDENTIFIERS = {"user_id": "who", "id": "lead", "email": "mail"}
"""The column of each identifier."""


def _mapping(*, computed=False, duplicates="skip", **chosen):
    """Return a mapping of columns, or of callables that return the same columns."""
    options = OPTIONS | chosen
    clock = {name: options[name] for name in ("ambiguous", "nonexistent")}
    money = {name: options[name] for name in ("zero", "rounding")}
    strips_all = options["strip"] == tuple(IDENTIFIERS)

    def at(column):
        return (lambda frame: frame[column]) if computed else column

    return EventMapping(
        event_name=Column(at("name")),
        created_at=Date(at("time"), **clock),
        **{
            name: Column(at(column), strip=name in options["strip"] and not strips_all)
            for name, column in IDENTIFIERS.items()
        },
        strip_identifiers=strips_all,
        metadata={
            "note": Text(at("note"), truncate=options["truncate"]),
            "load": Number(at("load")),
            "seen_at": Date(at("seen"), timezone="America/New_York", **clock),
            "price": MonetaryAmount(at("total"), currency=at("currency"), **money),
            "order": RichLink(value=at("order_no"), url=at("url")),
            "page": Link(at("page")),
            "bare_at": at("bare"),
            "source": Constant("backfill"),
        },
        timezone=ZONE,
        duplicates=duplicates,
        **{name: options[name] for name in ("on_invalid_metadata", "metadata_limit", "metadata_overflow")},
    )


MAPPING = _mapping()
CELLS = {
    "metadata.note": ["note"],
    "metadata.load": ["load"],
    "metadata.seen_at": ["seen"],
    "metadata.price": ["total", "currency"],
    "metadata.order": ["order_no", "url"],
    "metadata.page": ["page"],
    "metadata.bare_at": ["bare"],
}
"""The columns of each optional value; all of them become empty if one is bad."""
DECIMALS = {"usd": 2, "eur": 2, "jpy": 0, "bhd": 3, "hrk": 2}
SURROGATE = re.compile("[\ud800-\udfff]")
UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f"
    "\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)
NOBODY = re.compile(
    r"""[+-]?[0-9]+([.,][0-9]*[eE][+-]?|[eE]\+)[0-9]+  # in scientific notation
    | \#(N/A|n/a|NV|[A-Z/0]+[!?]|\#+)  # what a spreadsheet shows
    | =["'0-9].* | '([-+=@].*|.*[0-9].*) | ".*"  # in marks for text
    | <.*> | \{(.*['":].*)?\} | \[(['"{[0-9].*)?\] | \(['"].*\) | b'.*' | b".*" | .*\ object\ \(.*\)  # of an object
    | \[object\ \w+\] | [A-Za-z_][\w.]*\(['"].*['"]\) | ObjectId\(.*\)
    """,
    re.VERBOSE,
)
SHEET_ERRORS = re.compile("#(N/A|REF!|BEZUG!)")
"""Some of the errors of spreadsheets, which no field takes."""
ENDS = re.compile(f"^(?:{UNSEEN.pattern}|[ \u1680\u3000])+|(?:{UNSEEN.pattern}|[ \u1680\u3000])+\\Z")
BAD = object()
"""What the oracle makes of a cell that cannot be sent; an absent cell is None."""


# The oracle: one function for each reading, in plain Python.


def _plain(cell):
    """Return bytes and UUIDs as the text that the rules read; bytes that are not UTF-8 stay bytes."""
    if isinstance(cell, bytes):
        try:
            return cell.decode()
        except UnicodeDecodeError:
            return cell
    return str(cell) if isinstance(cell, uuid.UUID) else cell


def _is_absent(cell):
    return cell is None or cell is pd.NA or cell is pd.NaT or cell == "" or (isinstance(cell, float) and cell != cell)  # noqa: PLR0124  # NaN.


def _sound(text):
    return BAD if "\0" in text or SURROGATE.search(text) else text


def _text(cell, *, truncate=False):
    match cell:
        case str():
            # A lone surrogate is an error anywhere in the text; NUL is one only in the part that is sent.
            whole = cell if len(cell) <= 255 or (truncate and not SURROGATE.search(cell)) else "\0"
            return _sound(whole[:255])
        case bool() | np.bool_():
            return str(cell).lower()
        case float():
            return str(int(cell)) if cell == int(cell) else repr(float(cell))
        case int() | np.integer() | decimal.Decimal():
            return str(cell)
        case dt.datetime():
            return re.sub(r"(\.\d*?)0+$", r"\1", cell.replace(tzinfo=None).isoformat()) + ("Z" if cell.tzinfo else "")
        case _:
            return cell.isoformat() if isinstance(cell, dt.date) else BAD


def _name(cell):
    return _sound(cell) if isinstance(cell, str) and cell.strip() else BAD


def _user_id(cell):
    if isinstance(cell, str):
        is_padded = cell != cell.strip(" \u1680\u3000")
        return BAD if UNSEEN.search(cell) or is_padded or NOBODY.fullmatch(cell) else _sound(cell)
    if isinstance(cell, bool | np.bool_) or not isinstance(cell, int | np.integer | float | decimal.Decimal):
        return BAD
    if cell != int(cell) or (isinstance(cell, float) and abs(cell) >= 2**53):
        return BAD
    return str(int(cell))


def _email(cell):
    if not isinstance(cell, str) or UNSEEN.search(cell) or re.fullmatch('\'.*|=?".*"', cell):
        return BAD
    return cell if re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*", cell) else BAD


def _number(cell):
    if isinstance(cell, bool | np.bool_):
        return BAD
    if isinstance(cell, str):
        if not re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", cell):
            return BAD
        if "." in cell:
            return float(cell)
        cell = int(cell)
    if isinstance(cell, int | np.integer):
        return int(cell) if abs(int(cell)) < 2**53 else BAD
    if isinstance(cell, float):
        return int(cell) if cell == int(cell) else float(cell)
    return BAD


def _seconds(cell, zone, options=OPTIONS):
    match cell:
        case bool() | np.bool_():
            return BAD
        case int() | np.integer() | float() | decimal.Decimal():
            # A spreadsheet counts days since 1900.
            is_day = 20_000 <= math.floor(cell) <= 80_000
            return BAD if is_day or abs(cell) >= 10**11 else math.floor(cell)
        case str():
            is_written = re.match(r"\d{4}-\d\d-\d\dT", cell)
            return _instant(dt.datetime.fromisoformat(re.sub(" UTC$", "Z", cell)), zone, options) if is_written else BAD
        case dt.datetime():
            return _instant(cell, zone, options)
        case dt.date():
            return _instant(dt.datetime.combine(cell, dt.time()), zone, options)
        case _:
            return BAD


def _instant(time, zone, options):
    if time.tzinfo is None:
        first, second = (time.replace(tzinfo=zoneinfo.ZoneInfo(zone), fold=fold) for fold in (0, 1))
        # They differ where the clocks change: the time happened twice or not at all.
        if first.utcoffset() > second.utcoffset():
            time = {"earlier": first, "later": second, "error": None}[options["ambiguous"]]
        elif first.utcoffset() < second.utcoffset():
            time = _next_that_happened(first) if options["nonexistent"] == "shift" else None
        else:
            time = first
        if time is None:
            return BAD
    return (time - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(seconds=1)


def _next_that_happened(time):
    """Return the first time of the clock after one that did not happen; the clocks change at whole minutes."""
    time = time.replace(second=0, microsecond=0)
    while time.utcoffset() != time.replace(fold=1).utcoffset():
        time += dt.timedelta(minutes=1)
    return time


def _amount(amount, currency, *, zero="error", rounding=None):
    is_number = isinstance(amount, int | np.integer | float | decimal.Decimal) and not isinstance(amount, bool)
    written = repr(float(amount)) if isinstance(amount, float) else str(amount)
    code = currency.lower() if isinstance(currency, str) else None
    if not (is_number or isinstance(amount, str)) or not re.fullmatch(r"-?\d+(\.\d+)?", written):
        return BAD
    if zero == "omit" and not decimal.Decimal(written):
        return None
    if code not in DECIMALS or (isinstance(amount, float) and abs(amount) >= 2**46 and amount != int(amount)):
        return BAD
    minor = decimal.Decimal(written).scaleb(DECIMALS[code])
    if rounding is not None:
        is_tiny = 0 < minor < decimal.Decimal("0.5")
        minor = minor.quantize(decimal.Decimal(1), decimal.ROUND_HALF_UP)
        if zero == "omit" and is_tiny:
            return None
    return {"amount": int(minor), "currency": code} if 0 < minor < 2**53 and minor == int(minor) else BAD


def _link(cell):
    return cell if isinstance(cell, str) and re.fullmatch(r"https?://example\.org(/[a-zäö]*)?", cell) else BAD


def _rich_link(value, url):
    text, link = (BAD if _is_absent(value) else _text(value)), _link(url)
    return BAD if BAD in (text, link) else {"url": link, "value": text}


def _if_present(read, *cells, needs=0):
    """Read cells; the first cell decides if there is a value, or with `needs=None` any cell."""
    cells = [_plain(cell) for cell in cells]
    absent = [_is_absent(cell) for cell in cells]
    is_absent = all(absent) if needs is None else absent[needs]
    if is_absent:
        return None
    return BAD if any(isinstance(cell, str) and SHEET_ERRORS.fullmatch(cell) for cell in cells) else read(*cells)


def _bare(rule, cell):
    """Read a cell of a bare column, by the rule that follows from its frame."""
    return {Text: _text, Date: lambda time: _seconds(time, ZONE)}[rule](cell)


def _bare_rule(cells):
    """Return the rule of a bare column; None if the cells decide none."""
    present = [cell for cell in cells if isinstance(cell, str) or not _is_absent(cell)]
    telling = [cell for cell in present if cell not in ("", "N/A", "#REF!")]
    # Numbers are seconds under a key that ends like a date's.
    dates = [cell for cell in telling if isinstance(cell, int | float | dt.date) and not isinstance(cell, bool)]
    return None if not present else Date if telling and 4 * len(dates) >= 3 * len(telling) else Text


def _event(row, options=OPTIONS, bare=None):
    """Return the payload of a row; None if the row is invalid."""
    readers = {"user_id": _user_id, "id": _user_id, "email": _email}
    cells = {field: _stripped(row[column], asked=field in options["strip"]) for field, column in IDENTIFIERS.items()}
    contacts = [(field, _if_present(readers[field], cell)) for field, cell in cells.items()]
    present = [(field, identifier) for field, identifier in contacts if identifier is not None]
    metadata = {
        "note": _if_present(lambda cell: _text(cell, truncate=options["truncate"]), row["note"]),
        "load": _if_present(_number, row["load"]),
        "seen_at": _if_present(lambda cell: _seconds(cell, "America/New_York", options), row["seen"]),
        "price": _if_present(
            lambda *cells: _amount(*cells, zero=options["zero"], rounding=options["rounding"]),
            *(row["total"], row["currency"]),
        ),
        "order": _if_present(_rich_link, row["order_no"], row["url"], needs=None),
        "page": _if_present(_link, row["page"]),
        "bare_at": _if_present(lambda cell: _bare(bare, cell), row["bare"]) if bare else None,
        "source": "backfill",
    }
    metadata = _kept({key: value for key, value in metadata.items() if value is not None}, options)
    name = _if_present(_name, row["name"])
    time = _if_present(lambda cell: _seconds(cell, ZONE, options), row["time"])
    # Only the first identifier with a value is sent: faults of the others do not make the row invalid.
    needed = [name, time, *(identifier for _, identifier in present[:1])]
    if not present or metadata is None or None in needed or BAD in needed:
        return None
    event = {"event_name": name, "created_at": time, **dict(present[:1])}
    event |= {"metadata": metadata} if metadata else {}
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def _stripped(cell, *, asked):
    plain = _plain(cell)
    return ENDS.sub("", plain) if asked and isinstance(plain, str) else cell


def _kept(metadata, options):
    """Return the metadata of the event; None if it makes the row invalid."""
    if options["on_invalid_metadata"] == "omit":
        metadata = {key: value for key, value in metadata.items() if value is not BAD}
    if BAD in metadata.values():
        return None
    if len(metadata) > options["metadata_limit"] and options["metadata_overflow"] == "error":
        return None
    return dict(list(metadata.items())[: options["metadata_limit"]])


# Frames: the cells of nearly all columns are good; one or two columns have any cells.

AMOUNTS = st.one_of(
    st.sampled_from(
        ["90071992547409.91", "90071992547409.92", "39.2400016784668", "1.005", "0.0049", "0.00", "-0", " 5", "5\u00a0"]
    ),
    st.floats(1e-7, 1e15),
    st.decimals(0, 10**14, places=6).map(lambda amount: f"{amount:f}"),
    st.integers(10**11, 2**54),
)
SHORT_TEXTS = st.text(max_size=4) | st.sampled_from(
    ["#REF!", "#BEZUG!", "", "00042", "a\0b", "\ud800", 'q"\\\n', "x" * 255, "é" * 256]
)
CENTS = st.integers(-(10**6), 10**6).map(lambda cents: cents / 100)
PLAIN_NUMBERS = CENTS.map(repr) | st.integers(-(10**4), 10**4).map(str)
WHOLE = st.integers(-5, 5) | st.sampled_from([2**53 - 1, 2**53, 10**11, 1_700_000_000])
# Around the clock changes of both zones, and at other times.
CLOCK = st.one_of(
    st.datetimes(dt.datetime(2024, month, day), dt.datetime(2024, month, day, 4))  # noqa: DTZ001  # Bounds are naive.
    for month, day in [(3, 10), (3, 31), (10, 27), (11, 3), (6, 1)]
)
NOON = st.datetimes(dt.datetime(1960, 1, 1), dt.datetime(2030, 1, 1)).map(lambda time: time.replace(hour=12))  # noqa: DTZ001  # Bounds are naive.
TIMES = CLOCK | CLOCK.map(lambda time: time.replace(tzinfo=dt.UTC))
TIMESPECS = st.sampled_from(["seconds", "microseconds"])
ISO_TIMES = st.builds(dt.datetime.isoformat, TIMES | NOON, timespec=TIMESPECS) | st.builds(
    lambda time, timespec: time.isoformat(timespec=timespec) + " UTC", CLOCK | NOON, TIMESPECS
)
DATES = st.dates(dt.date(1960, 1, 1), dt.date(2030, 1, 1))
ABSENT = st.sampled_from([None, np.nan, pd.NA, pd.NaT, ""])
UUID = uuid.UUID("123e4567-e89b-12d3-a456-426614174000")
OTHERS = st.sampled_from([["a"], {"a": 1}, b"a", b"12.5", b"\xff", UUID, dt.timedelta(1), True, False])
ODD_IDENTIFIERS = st.sampled_from(
    [
        *(
            "1.23457E+11",
            "1E5",
            '="00042"',
            "'00042",
            "#N/A",
            "########",
            "nan",
            "None",
            "[object Object]",
            "<NA>",
            "{}",
        ),
        *("42\u200b", "\u00a042", "\ufeff42", "42 ", " 42", "42\t", "a@b.c ", "\ufeffa@b.c", "'a@b.c"),
        *(" ", "\u200b\u3000", " #N/A ", " 4\u00a02 ", b" 42"),
    ]
)
URLS = st.sampled_from(["https://example.org", "http://example.org/ä"])
NO_URLS = st.sampled_from(["ftp://example.org", "https://", "x y", "x"])
NO_CURRENCIES = st.sampled_from(["zzz", "us", "a@b@c"])
ANYTHING = st.one_of(SHORT_TEXTS, WHOLE, CENTS, PLAIN_NUMBERS, ISO_TIMES, TIMES, DATES, OTHERS, NO_URLS, NO_CURRENCIES)

GOOD_TIMES = st.one_of(
    NOON.map(pd.Timestamp), NOON.map(dt.datetime.isoformat), st.integers(0, 10**11 - 1), st.floats(0, 1e9), DATES
)
GOOD = {
    "name": st.sampled_from(["placed-order", "Placed.Order", 'q"\\\n']),
    "time": GOOD_TIMES,
    "who": st.one_of(st.sampled_from(["a", "b", "00042", 'q"']), st.integers(), st.integers(0, 99).map(float), ABSENT),
    "lead": st.sampled_from(["u", "v"]) | ABSENT,
    "mail": st.sampled_from(["a@b.c", "d@e.f"]),
    "note": st.one_of(st.text('aé "\\\n', max_size=4), WHOLE, CENTS, st.booleans(), NOON, DATES, ABSENT),
    "load": st.one_of(st.integers(-5, 5), CENTS, PLAIN_NUMBERS, ABSENT),
    "seen": GOOD_TIMES | ABSENT,
    "total": st.one_of(PLAIN_NUMBERS.filter(lambda text: float(text) > 0), st.integers(1, 10**6), ABSENT),
    "currency": st.sampled_from(["usd", "EUR"]),
    "order_no": st.text("aé", min_size=1, max_size=4) | st.integers(0, 9),
    "url": URLS,
    "page": URLS | ABSENT,
    "bare": ABSENT,
}
BARE = [st.integers(-5, 5), CENTS, st.text("aé", max_size=4), NOON, DATES, st.booleans(), st.integers(-5, 5) | CENTS]
BARE += [
    st.one_of(*BARE[1:4], BARE[4], st.sampled_from(["N/A", "#REF!"]), st.integers(-5, 5), st.integers(-5, 5), NOON)
]
WILD = {
    **dict.fromkeys(GOOD, ANYTHING),
    "time": CLOCK.map(pd.Timestamp) | ISO_TIMES | ANYTHING,
    "who": CENTS.map(str).map(decimal.Decimal) | WHOLE.map(float) | ODD_IDENTIFIERS | ANYTHING,
    "lead": ODD_IDENTIFIERS | ANYTHING,
    "mail": ODD_IDENTIFIERS | ANYTHING,
    "seen": CLOCK.map(pd.Timestamp) | ISO_TIMES | ANYTHING,
    "total": CENTS | PLAIN_NUMBERS.map(decimal.Decimal) | AMOUNTS | ANYTHING,
    "currency": st.sampled_from(["jpy", "bhd", "hrk", "usd "]) | ANYTHING,
}


def _is_inferable(cell):
    """Return whether pandas may infer the dtype of a column with this cell.

    pandas refuses lone surrogates. It makes floats of integers in a column with absent cells, and from 2^53 on Python
    writes floats with an exponent, and Arrow without one.
    """
    return not SURROGATE.search(cell) if isinstance(cell, str) else not (isinstance(cell, int) and abs(cell) >= 2**53)


@st.composite
def frames(draw):
    """Draw a frame of good, bad and absent cells."""
    n_rows = draw(st.integers(0, 6))
    wild = draw(st.sets(st.sampled_from(sorted(GOOD)), max_size=2))

    def column(name):
        cells = WILD[name] | GOOD[name] | ABSENT if name in wild else GOOD[name]
        values = draw(st.lists(cells, min_size=n_rows, max_size=n_rows))
        is_inferred = values and draw(st.booleans()) and all(map(_is_inferable, values))
        return pd.Series(values, dtype=None if is_inferred else object)

    # Without NaT: beside it, pandas infers no type for numbers.
    bare_cells = draw(st.sampled_from(BARE)) | ABSENT
    bare = draw(st.lists(bare_cells, min_size=n_rows, max_size=n_rows))
    return pd.DataFrame({name: column(name) for name in GOOD} | {"bare": pd.Series(bare, dtype=object)})


OPTION_VALUES = st.fixed_dictionaries(
    {
        "on_invalid_metadata": st.sampled_from(["error", "omit"]),
        "metadata_limit": st.sampled_from([1, 2, 3, 5, 10]),
        "metadata_overflow": st.sampled_from(["error", "drop"]),
        "truncate": st.booleans(),
        "zero": st.sampled_from(["omit", "error"]),
        "rounding": st.sampled_from([None, "half_up"]),
        "ambiguous": st.sampled_from(["earlier", "later", "error"]),
        "nonexistent": st.sampled_from(["shift", "error"]),
        "strip": st.sampled_from([(), ("user_id",), ("id", "email"), tuple(IDENTIFIERS)]),
    }
)


@EXAMPLES
@given(frame=frames(), options=OPTION_VALUES, computed=st.booleans())
def test_conversion_agrees_with_the_oracle(frame, options, computed):
    """A row is valid exactly if all required values can be sent, and then its payload equals a dict made by hand."""
    bare = _bare_rule(frame["bare"])
    expected = [_event({name: frame[name].iloc[row] for name in frame}, options, bare) for row in range(len(frame))]

    batch = Converter(bind(frame, _mapping(**options, computed=computed))).convert(0, len(frame))

    assert batch.valid.tolist() == [payload is not None for payload in expected]
    assert batch.payloads(batch.valid).to_pylist() == [payload for payload in expected if payload is not None]


@EXAMPLES
@given(frame=frames(), chunksize=st.integers(1, 4))
def test_conversion_does_not_depend_on_the_chunks(frame, chunksize):
    """*A payload's bytes are made once and kept*: the check and the run may cut rows into different chunks."""
    converter = Converter(bind(frame, MAPPING))
    whole = converter.convert(0, len(frame))

    batches = [converter.convert(start, stop) for start, stop in chunk_bounds(len(frame), chunksize)]

    payloads = [payload for batch in batches for payload in batch.payloads(batch.valid).to_pylist()]
    assert payloads == whole.payloads(whole.valid).to_pylist()
    words = [word for batch in batches for word in batch.keys().words(batch.valid).T.tolist()]
    assert words == whole.keys().words(whole.valid).T.tolist()


@EXAMPLES
@given(
    frame=frames(),
    options=OPTION_VALUES,
    policy=st.sampled_from(["skip", "spread", "send"]),
    chunksize=st.integers(1, 4),
)
def test_check_does_not_depend_on_the_chunks(frame, options, policy, chunksize):
    """*The result does not depend on `chunksize`*: it is that of the whole frame."""
    converter = Converter(bind(frame, _mapping(**options, duplicates=policy)))
    whole = check_rows(converter, len(frame), now=NOW)

    cut = check_rows(converter, len(frame), now=NOW, chunksize=chunksize)

    np.testing.assert_array_equal(cut.is_sent, whole.is_sent)
    np.testing.assert_array_equal(cut.created_at, whole.created_at)
    np.testing.assert_array_equal(cut.contacts[cut.valid], whole.contacts[whole.valid])
    assert cut.row_counts.names == whole.row_counts.names
    np.testing.assert_array_equal(cut.row_counts.rows, whole.row_counts.rows)
    found = (problems_frame(checked.findings, frame.index) for checked in (cut, whole))
    pd.testing.assert_frame_equal(*found)


def _blanked(frame, problems):
    """Return the frame without rows with errors, and with empty cells for optional values that are not sent."""
    frame = frame.astype(object)
    omitted = problems[problems["message"].str.endswith(": the event is sent without it")]
    for row, field in zip(omitted["row"], omitted["field"], strict=True):
        for column in CELLS[".".join(field.split(".")[:2])]:
            frame.iloc[row, frame.columns.get_loc(column)] = None
    return frame.drop(index=problems.index[problems["severity"] == "error"])


@EXAMPLES
@given(frame=frames(), options=OPTION_VALUES)
def test_check_is_honest(frame, options):
    """*Drop the rows reported with errors, blank the optional values: the second check is clean.*"""
    mapping = _mapping(**options)
    bound = bind(frame, mapping)
    checked = check_rows(Converter(bound), len(frame), now=NOW)
    problems = problems_frame(checked.findings, frame.index)
    kept = _blanked(frame, problems)

    # The bare column keeps its type, since the remaining cells could have another one.
    converter = Converter(bind(kept, mapping, resolved=bound.resolved))
    again = check_rows(converter, len(kept), now=NOW)

    assert len(kept) == checked.valid.sum()
    assert again.valid.all()
    assert not [finding for finding in again.findings if finding.severity == "error" or finding.is_omission]
    # Compared as JSON, since empty cells may make floats of whole numbers, and 1e3 is 1000.
    before = Converter(bound).convert(0, len(frame)).payloads(checked.valid).to_pylist()
    after = converter.convert(0, len(kept)).payloads(again.valid).to_pylist()
    assert list(map(json.loads, after)) == list(map(json.loads, before))


@EXAMPLES
@given(frame=frames())
def test_the_callers_frame_is_never_changed(frame):
    """*The caller's frame is never changed*: its values, dtypes and index stay."""
    before = frame.copy(deep=True)
    converter = Converter(bind(frame, MAPPING))

    checked = check_rows(converter, len(frame), now=NOW)
    converter.convert(0, len(frame)).payloads(checked.valid)

    pd.testing.assert_frame_equal(frame, before)


DTYPES = {
    "name": [object, "string", "category"],
    "time": [object, "category", "datetime64[ns]", "datetime64[ns, UTC]"],
    "who": [object, "Int64", "category", pd.ArrowDtype(pa.int64())],
    "load": ["int64", "Float64", "float32", pd.ArrowDtype(pa.float64())],
}
"""The dtypes that each column of this frame may have."""


@st.composite
def typed_frames(draw):
    """Draw a frame of a few rows, with a dtype for each column and an index."""
    n_rows = draw(st.integers(1, 4))
    numbers = {name: draw(st.lists(st.integers(0, 9), min_size=n_rows, max_size=n_rows)) for name in DTYPES}
    columns = {name: pd.Series(numbers[name]).astype(draw(st.sampled_from(DTYPES[name]))) for name in DTYPES}
    index = draw(st.sampled_from([range(n_rows), list("abcd")[:n_rows], [(row, "x") for row in range(n_rows)]]))
    return pd.DataFrame(columns).set_axis(pd.Index(index))


def _overwritten(frame):
    """Change a column of the frame, and write to all its writable arrays."""
    own = pd.Index(frame.index.tolist())
    arrays = [frame.iloc[:, position].array for position in range(frame.shape[1])]
    for array in [*arrays, frame.index.to_numpy()]:
        # Some arrays are read-only.
        with contextlib.suppress(ValueError, TypeError):
            array[0] = array[-1]
    return frame.iloc[:, 0].astype(object).set_axis(own)


@EXAMPLES
@given(frame=typed_frames())
def test_no_callable_changes_the_callers_frame(frame):
    """*The caller's frame is never changed*: a callable cannot write to it, or to the columns of other rules."""
    before, labels = frame.copy(deep=True), frame.index.tolist()
    mapping = EventMapping(
        event_name=Constant("e"),
        created_at="time",
        user_id="who",
        metadata={"a": Text(_overwritten), "b": Text(lambda frame: frame["name"]), "c": Text("name")},
        timezone="UTC",
    )
    converter = Converter(bind(frame, mapping))

    payloads = converter.convert(0, len(frame)).payloads(np.ones(len(frame), dtype=bool)).to_pylist()

    pd.testing.assert_frame_equal(frame, before)
    assert frame.index.tolist() == labels
    sent = [json.loads(payload) for payload in payloads]
    assert [event["user_id"] for event in sent] == [str(cell) for cell in before["who"]]
    assert [event["metadata"]["b"] for event in sent] == [event["metadata"]["c"] for event in sent]


# Few words of 64 bits, so that some keys share their first word, their second word or both.
WORDS = st.sampled_from([0, 1, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1)
KEYS = st.tuples(WORDS, WORDS)


@EXAMPLES
@given(chunks=st.lists(st.sets(KEYS, max_size=12), max_size=12))
def test_key_index_is_a_dict(chunks):
    """*All 128 bits of a key are compared*: the index gives the same answers as a dict."""
    known, index, row = {}, KeyIndex(), 0
    for chunk in chunks:
        words = np.array(sorted(chunk), np.uint64).reshape(-1, 2).T

        rows, digests = index.find(words)

        expected = [known.get(tuple(key), -1) for key in words.T.tolist()]
        assert rows.tolist() == expected
        assert digests[rows >= 0].tolist() == [row % 7 for row in expected if row >= 0]
        new = np.flatnonzero(rows < 0)
        own = np.arange(row, row + len(new))
        row += len(new)
        index.add(words[:, new], own, (own % 7).astype(np.uint32))
        known |= zip(map(tuple, words.T[new].tolist()), own.tolist(), strict=True)


EVENTS = st.tuples(
    st.sampled_from(["", "a", "A", "ab", "b", "a" * 1024, "a" * 1025, "a" * 1024 + "b", "b" + "a" * 1024]),
    st.sampled_from(["placed-order", "Placed.Order", "placed$order", "placed_order", "", "a", "b"]),
    st.integers(-1, 1) | st.integers(-(2**40), 2**40),
)


@EXAMPLES
@given(events=st.lists(EVENTS, max_size=20), start=st.integers(0, 3))
def test_event_keys_are_equal_exactly_for_equal_events(events, start):
    """*An event is identified by contact, name (normalized) and second*: the texts' place in memory does not count."""
    contacts, names = (pa.array([event[part] for event in events], pa.large_string())[start:] for part in range(2))
    seconds = pa.array([event[2] for event in events], pa.int64())[start:]
    identities = [(who, name.lower().replace(".", "-").replace("$", "-"), time) for who, name, time in events[start:]]

    words = EventKeys(streams=event_streams(text_words(contacts), names), seconds=seconds.to_numpy()).words(slice(None))

    keys = [tuple(key) for key in words.T.tolist()]
    assert len(set(keys)) == len(set(identities)) == len(set(zip(keys, identities, strict=True)))
