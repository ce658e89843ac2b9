"""Identifiers and texts of a CSV file keep every character, and numbers are the ones that were written."""

import csv
import json
import re
import tempfile
from decimal import Decimal
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas import EventMapping, SourceFormat
from events_pandas.errors import MappingError, SourceError
from events_pandas.mapping import Constant, MonetaryAmount, Number, Text
from events_pandas.sources import column_types, payloads_of, read_chunks, source_files, with_types

EXAMPLES = settings(max_examples=settings.default.max_examples // 2, deadline=None)
SEPARATORS = ["", ".", "'", "\u2019", " ", "\u00a0", "\u202f"]
NAMES = st.one_of(
    st.sampled_from(["00042", "1e5", "905,00", "1.234", "1,234.50", "-0", "TRUE", "2024-01-31", "+7", "1E5", "007,50"]),
    st.text(st.sampled_from("0123456789.,'eE+- "), min_size=1, max_size=8).filter(lambda text: text == text.strip()),
)
NUMBERS = st.decimals(min_value=0, max_value=10**9, places=2).map(abs)
"""The sign of zero is not written."""


CELLS = st.sampled_from(
    ["1.234", "12.345", "1,234", "905,00", "1,5", "905.00", "0.5", "0.123", "1.234.567", "1.234,5", "1,234.5", "7"]
)


def _written(number, sign, separator):
    """Write a number with two decimals, a decimal sign and a separator of thousands."""
    whole, part = f"{number:.2f}".split(".")
    groups = f"{int(whole):,}".replace(",", separator)
    return f"{groups}{sign}{part}"


def _payloads(rows, mapping, *, delimiter=","):
    """Write rows as a CSV file and return what a run would send of them."""
    with tempfile.TemporaryDirectory() as folder:
        files = source_files(_file(Path(folder, "a.csv"), rows, delimiter=delimiter))
        types = column_types(mapping, files)
        (chunk,) = read_chunks(*files, mapping, chunksize=100, computed=types.computed)
    return payloads_of(chunk.frame, with_types(mapping, types.rules), np.arange(len(rows)))


def _file(path, rows, *, delimiter=","):
    """Write rows as a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["who", "x"])
        writer.writerows(rows)
    return path


def _mapping(decimal=None, **metadata):
    return EventMapping(
        event_name="a",
        created_at=Constant("2024-01-31T12:00:00Z"),
        user_id="who",
        metadata=metadata,
        source=SourceFormat(decimal=decimal),
    )


@EXAMPLES
@given(rows=st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=8), decimal=st.sampled_from([None, ",", "."]))
def test_identifiers_and_texts_keep_every_character(rows, decimal):
    """An identifier that is sent, and every text, is the cell as it is written, whatever the decimal sign is."""
    try:
        payloads = _payloads(rows, _mapping(decimal, text=Text("x")))
    except SourceError as error:
        # Quotes of another kind are no part of a cell, and are not guessed at.
        if "its cells are in single quotes, as line" not in str(error):
            raise
        payloads = [None] * len(rows)

    for (who, text), payload in zip(rows, payloads, strict=True):
        assert payload is None or (payload["user_id"], payload["metadata"]["text"]) == (who, text)


@EXAMPLES
@given(
    numbers=st.lists(NUMBERS, min_size=1, max_size=8),
    sign=st.sampled_from([",", "."]),
    separators=st.lists(st.sampled_from(SEPARATORS), min_size=8, max_size=8),
    is_given=st.booleans(),
)
def test_numbers_are_what_was_written(numbers, sign, separators, is_given):
    """Every number with a known decimal sign is read digit by digit; a sign that cells show is found."""
    # Without a comma or a separator a point needs no sign.
    separators = [separator.replace(".", "," if sign == "." else ".") for separator in separators]
    rows = [(str(row), _written(number, sign, separators[row])) for row, number in enumerate(numbers)]
    amount = MonetaryAmount("x", currency=Constant("eur"))
    is_shown = sign == "," or any("," in text for _, text in rows)
    mapping = _mapping(sign if is_given or not is_shown else None, n=Number("x"), bare="x", price=amount)

    payloads = _payloads(rows, mapping)

    for number, payload in zip(numbers, payloads, strict=True):
        if number == 0:
            # Intercom takes no amount of nothing.
            assert payload is None
            continue
        assert Decimal(json.dumps(payload["metadata"]["n"])) == Decimal(repr(float(number)))
        assert payload["metadata"]["price"]["amount"] == int(number * 100)
        assert payload["metadata"]["bare"] == payload["metadata"]["n"]


@EXAMPLES
@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=8))
def test_number_is_never_another_one(rows):
    """Whatever the cells are, a number is read with one decimal sign for its column, or the file is refused.

    What can be read in two ways is a number only if other cells have a sign.
    """
    try:
        payloads = _payloads(rows, _mapping(n=Number("x")))
    except MappingError:
        return

    sent = [(text, payload["metadata"]["n"]) for (_, text), payload in zip(rows, payloads, strict=True) if payload]
    readings = [{_read(text, sign) == number for text, number in sent} for sign in (",", ".")]
    assert {True} in readings or not sent
    is_unclear = [_signs(text) == {",", "."} for text, _ in sent]
    others = [text for _, text in rows if set(text) & {",", "."} and _signs(text) != {",", "."}]
    assert others or not any(is_unclear)


@EXAMPLES
@given(
    files=st.lists(st.lists(CELLS, min_size=1, max_size=8), min_size=1, max_size=3),
    rule=st.sampled_from(["x", Number("x")]),
)
def test_cell_that_reads_in_two_ways_is_read_as_its_file_shows(files, rule):
    """1.234 and 1,234 are numbers only if as many cells of their file show their sign, and none the other."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [_file(Path(folder, f"{number}.csv"), enumerate(cells)) for number, cells in enumerate(files)]
        try:
            types = column_types(_mapping(n=rule), source_files(paths))
        except MappingError:
            return

    sign = getattr(types.rules.get("metadata.n"), "decimal", None)
    for cells in files:
        signs = [_signs(cell) for cell in cells]
        # Without a known sign they are not read.
        changed = [cell for cell in cells if _signs(cell) == {",", "."} and sign is not None]
        assert not changed or (signs.count({sign}) >= len(changed) and signs.count({",", "."} - {sign}) == 0)


def _signs(text):
    """Return the decimal signs with which a text of digits and signs is a number."""
    groups = re.compile(r"[1-9][0-9]{0,2}(?:(?P<mark>[.,])[0-9]{3})*|[0-9]+")
    found = set()
    for sign, other in (",.", ".,"):
        whole, *parts = text.split(sign)
        match = groups.fullmatch(whole)
        if match and match["mark"] in {None, other} and len(parts) <= 1 and all(map(str.isdigit, parts)):
            found.add(sign)
    return found if set(text) & {",", "."} else set()


def _read(text, sign):
    """Read a number by its decimal sign."""
    plain = "".join(character for character in text if character.isdigit() or character in {sign, "-", "+", "e", "E"})
    try:
        return float(plain.replace(sign, "."))
    except ValueError:
        return None
