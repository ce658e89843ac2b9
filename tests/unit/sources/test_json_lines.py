"""JSON Lines files: keys are columns, values keep their types, and a line that cannot be read is odd."""

import gzip
import json
import tracemalloc
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from events_pandas import SourceFormat
from events_pandas.errors import SourceError
from events_pandas.mapping import Number, Text
from events_pandas.sources import (
    column_types,
    read_chosen_rows,
    read_chunks,
    read_first_rows,
    row_count,
    source_files,
    source_schema,
)


@pytest.fixture
def read_lines(write, make_mapping):
    """Write lines, and return their chunks for a mapping of the columns `who`, `day` and `x`."""

    def read_lines(*lines, chunksize=10):
        path = write("a.jsonl", "\n".join(lines))
        return list(read_chunks(*source_files(path), make_mapping(x="x"), chunksize=chunksize))

    return read_lines


@pytest.fixture
def cells(read_lines):
    """Write values of the key `x`, and return them as they are read."""

    def cells(*values):
        (chunk,) = read_lines(*(f'{{"who":"1","day":"2024-01-31","x":{value}}}' for value in values))
        return chunk.frame["x"]

    return cells


@pytest.fixture
def odd_line(read_lines):
    """Write a line between two rows, and return the code of what is wrong with it, and its words."""

    def odd_line(line):
        good = '{"who":"1","day":"2024-01-31","x":1}'
        (chunk,) = read_lines(good, line, good)
        assert chunk.frame["who"].isna().tolist() == [False, True, False]
        (finding,) = chunk.refused
        assert finding.rows.tolist() == [1]
        return finding.code, finding.values.to_pylist()[0]

    return odd_line


def test_json_lines_have_the_keys_of_all_objects(write):
    """A key is a column even if only the last object has it, and an object that lacks it has an absent cell."""
    path = write("a.jsonl", '{"who":"1"}\n{"day":2,"who":"3"}\n{"x":null}\n')

    assert source_schema(*source_files(path)) == pa.schema(
        [("who", pa.string()), ("day", pa.int64()), ("x", pa.string())]
    )
    assert read_first_rows(*source_files(path), 3).isna().to_numpy().tolist() == [
        [False, True, True],
        [False, False, True],
        [True, True, True],
    ]


def test_json_key_that_no_object_has_is_absent_and_said(read_lines):
    """Some programs write no empty values: metadata that no object has is absent, and a note names its key."""
    first, second = read_lines('{"who":"1","day":"2024-01-31"}', '{"who":"2","day":"2024-01-31"}', chunksize=1)

    assert first.frame["x"].tolist() == second.frame["x"].tolist() == [None]
    assert [(finding.code, finding.values.to_pylist()) for finding in first.refused] == [
        ("key_absent", ["the key 'x'"]),
    ]
    assert first.refused[0].messages()[0].as_py() == (
        "file a.jsonl: the key 'x' is in no object, and the events go without its value: correct the mapping if the "
        "key has another name"
    )
    assert second.refused == ()


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json"])
def test_json_lines_count_lines_that_are_not_blank(write, name):
    """Blank lines are not rows, and the last line may lack its end."""
    path = write(name, '\n{"who":"1"}\r\n \t\n{"who":"2"}')

    assert row_count(*source_files(path)) == 2


def test_json_lines_know_the_line_of_each_row(read_lines):
    """A row has the number of its line in the file, blank lines included."""
    chunks = read_lines("", '{"who":"1","day":1,"x":1}', "", '{"who":"1","day":1,"x":1}', "nope", chunksize=2)

    assert [chunk.lines.tolist() for chunk in chunks] == [[2, 4], [5]]


def test_json_lines_hold_mapped_columns_only(read_lines):
    """Keys that no rule reads make no column."""
    (chunk,) = read_lines('{"who":"1","other":[1],"day":"2024-01-31","x":1}')

    assert chunk.frame.columns.tolist() == ["who", "day", "x"]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (("1", "null", "9007199254740993"), "int64[pyarrow]"),
        (("true", "null"), "bool[pyarrow]"),
        (('"00042"', '"1e5"', '""'), "string[pyarrow]"),
        (("1", "2.50"), "object"),
        (("1", '"1"', "true"), "object"),
        (("[1]", '{"a":1}'), "object"),
        (("null", "null"), "object"),
        (("123456789012345678901", "1"), "object"),
    ],
)
def test_json_values_keep_their_types(cells, values, dtype):
    """A column has a dtype if all of its values have one type, and holds Python's values otherwise."""
    column = cells(*values)

    assert str(column.dtype) == dtype
    # In JSON, true is not the number 1.
    expected = [json.loads(value, parse_float=Decimal) for value in values]
    read = [None if cell is pd.NA else cell for cell in column]
    assert [(type(cell), cell) for cell in read] == [(type(cell), cell) for cell in expected]


def test_json_numbers_are_exact(cells):
    """No number passes through a float: zeros at the end and all digits stay."""
    column = cells("905.00", "0.1000000000000000055511151231257827", "19.99")

    assert list(map(str, column)) == ["905.00", "0.1000000000000000055511151231257827", "19.99"]


def test_json_number_with_an_exponent_keeps_its_text(cells):
    """A number that is written with an exponent has its value, and as text it stays as it is written."""
    column = cells("1e5", "1.50E+3")

    assert [cell == number for cell, number in zip(column, (100_000, 1500), strict=True)] == [True, True]
    assert [f"{cell:f}" for cell in column] == ["1e5", "1.50E+3"]


def test_json_texts_are_read_in_every_marked_encoding(tmp_path, make_mapping):
    """A file with a byte order mark is read as its mark says."""
    for mark, encoding in (("", "utf-8"), ("", "utf-8-sig"), ("\ufeff", "utf-8-sig"), ("", "utf-16"), ("", "utf-32")):
        path = tmp_path / f"{encoding}.jsonl"
        path.write_bytes(f'{mark}{{"who":"Grüße","day":1}}\n{{"who":"b","day":1}}\n'.encode(encoding))

        (chunk,) = read_chunks(*source_files(path), make_mapping(), chunksize=10)

        assert chunk.frame["who"].tolist() == ["Grüße", "b"]


def test_json_line_may_begin_with_a_byte_order_mark(read_lines):
    """A file may be joined from several, each of which began with a mark."""
    (chunk,) = read_lines('{"who":"1","day":1,"x":1}', '\ufeff{"who":"2","day":1,"x":1}', "\ufeff")

    assert (chunk.frame["who"].tolist(), chunk.refused) == (["1", "2"], ())


@pytest.mark.parametrize(
    ("encoding", "name"), [("cp1252", "a.jsonl"), ("utf-16-le", "a.jsonl"), ("cp1252", "a.jsonl.gz")]
)
def test_json_texts_are_read_in_the_given_encoding(write, make_mapping, encoding, name):
    """A given encoding holds for JSON Lines as for CSV files."""
    content = '{"who":"Grüße","day":1}\n'.encode(encoding)
    path = write(name, gzip.compress(content) if name.endswith(".gz") else content)

    (chunk,) = read_chunks(*source_files(path, SourceFormat(encoding=encoding)), make_mapping(), chunksize=10)

    assert (chunk.frame["who"].tolist(), chunk.refused) == (["Grüße"], ())


@pytest.mark.parametrize(
    ("content", "encoding", "fault"),
    [
        (
            b'{"who":"a"}\n{"who":"\x81"}\n',
            "cp1252",
            (
                "line 2 has bytes that are not CP1252: correct the line, or set encoding in the mapping's source to "
                "the file's encoding"
            ),
        ),
        (
            '{"who":"Müller"}\n'.encode(),
            "cp1252",
            (
                "is UTF-8, such as line 1 ('Müller', which would be read as 'MÃ¼ller'), and the encoding that is "
                "given is 'cp1252': set encoding in the mapping's source to 'utf-8', or save the file as 'cp1252'"
            ),
        ),
        (
            b'{"who":"a"}\n',
            "latin-42",
            "Python has no encoding 'latin-42': give one such as 'cp1252'",
        ),
    ],
)
def test_json_texts_that_are_not_in_the_given_encoding_are_refused(write, content, encoding, fault):
    """The error names the line, as it does for a CSV file."""
    path = write("a.jsonl", content)

    with pytest.raises(SourceError) as caught:
        source_schema(*source_files(path, SourceFormat(encoding=encoding)))

    assert str(caught.value) == f"{path}: {fault}"


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("nope", "line_not_json", "line 2 (at character 1)"),
        ('{"who":"1"} x', "line_not_json", "line 2 (at character 12)"),
        ('{"who":"1"} ,', "line_not_json", "line 2 (a comma after the object at character 13)"),
        ('{"who":"1"}{"who":"2"}', "line_not_json", "line 2 (another object at character 12)"),
        (
            '{"who":"1"}\r{"who":"2"}',
            "line_not_json",
            "line 2 (a carriage return instead of a line feed at character 12)",
        ),
        ('{"who":"1","day"', "line_not_json", "line 2 (at character 17)"),
        ('{"a":' + "[" * 100_000, "line_not_json", "line 2 (nested too deeply)"),
        ('{"a":' + "9" * 5_000 + "}", "line_not_json", "line 2 (a number with too many digits)"),
        ('{"a":1e' + "9" * 30 + "}", "line_not_json", "line 2 (a number with too many digits)"),
        ('{"a":"\0"}', "line_not_json", "line 2 (at character 7)"),
        ("[1]", "line_not_object", "line 2"),
        ('"who"', "line_not_object", "line 2"),
        ("null", "line_not_object", "line 2"),
        ('{"who":"1","who":"2"}', "key_twice", "line 2 ('who')"),
        ('{"x":{"a":1,"a":1}}', "key_twice", "line 2 ('a')"),
        ('{"x":NaN}', "number_not_json", "line 2 (NaN)"),
        ('{"x":-Infinity}', "number_not_json", "line 2 (-Infinity)"),
    ],
)
def test_json_line_that_is_not_an_object_is_odd(odd_line, line, code, words):
    """The row of such a line is refused with its line number, and the rows before and after it are read."""
    assert odd_line(line) == (code, words)


def test_json_line_that_is_not_utf_8_is_odd(write, make_mapping):
    """Bytes of another encoding spoil their line only."""
    path = write("a.jsonl", b'{"who":"1","day":1}\n{"who":"M\xfcller","day":1}\n{"who":"3","day":1}\n')

    (chunk,) = read_chunks(*source_files(path), make_mapping(), chunksize=10)

    assert chunk.frame["who"].fillna("").tolist() == ["1", "", "3"]
    assert [(finding.code, finding.values.to_pylist()) for finding in chunk.refused] == [("line_not_utf8", ["line 2"])]


def test_json_line_that_is_too_long_is_odd_and_not_held(write, make_mapping):
    """Of a line of any length only one block is in memory, and the rows around it are read."""
    good = b'{"who":"1","day":1}\n'
    path = write("a.jsonl", good + b'{"who":"' + b"x" * 100_000_000 + b'"}\n' + good)
    tracemalloc.start()

    (chunk,) = read_chunks(*source_files(path), make_mapping(), chunksize=10)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 90_000_000
    assert chunk.frame["who"].fillna("").tolist() == ["1", "", "1"]
    assert [(finding.code, finding.values.to_pylist()) for finding in chunk.refused] == [("line_too_long", ["line 2"])]


def test_json_texts_that_cannot_be_sent_are_cells(cells):
    """Half of a character and an escaped NUL are matters of their cell, since a rule may not read it."""
    assert cells('"\\ud800"', '"a\\u0000"').tolist() == ["\ud800", "a\0"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (
            '[{"who":1},\n{"who":2}]',
            "is one JSON array, and not JSON Lines: write one object a line, as jq -c '.[]' does",
        ),
        ("[\n  1\n]\n", "is one JSON array, and not JSON Lines: write one object a line, as jq -c '.[]' does"),
        ('[{"who":1}]\n', "is one JSON array, and not JSON Lines: write one object a line, as jq -c '.[]' does"),
        (
            '["who"]\n["1"]\n',
            'no row can be read: line 1 is not a JSON object: write one object in the line, such as {"user_id":"42"}',
        ),
        (
            "".join(f'{{"{number}":1}}\n' for number in range(5_001)),
            "has more than 5,000 different keys, which would be columns: write values as values, and not as keys",
        ),
        ('{\n "who": 1\n}\n', "its first object has more than one line: write one object a line, as jq -c . does"),
        ("", "is empty: it has no object, whose keys would name the columns"),
        ("\n\n", "is empty: it has no object, whose keys would name the columns"),
        (
            "who,day\n1,2\n",
            "no row can be read: line 1 (at character 1) is not JSON: write one JSON object in the line",
        ),
        ("{}\n", "has no columns: export it again, with the columns that the mapping names"),
        ('{"\\ud800":1}\n', "the key '\\ud800' holds half of a character (a lone surrogate): correct it"),
    ],
    ids=[
        *("array", "indented array", "array in one line", "lines of arrays", "too many keys", "object of lines"),
        *("empty", "blank lines", "CSV", "no keys", "odd key"),
    ],
)
def test_json_file_without_rows_of_objects_is_refused(write, content, fault):
    """The error says what the file is, and how to fix it."""
    path = write("a.jsonl", content)

    with pytest.raises(SourceError) as caught:
        source_schema(*source_files(path))

    assert str(caught.value) == f"{path}: {fault}"


@pytest.mark.parametrize(
    ("rare", "rule"), [('"N/A"', Number("x")), ("1.5", Number("x")), ("true", Number("x")), ("[1]", Number("x"))]
)
@pytest.mark.parametrize("place", [0, 10_999])
def test_type_of_a_bare_column_is_decided_by_all_values(write, make_mapping, rare, rule, place):
    """One odd value changes the type of its column nowhere in the file."""
    values = ["1"] * 11_000
    values[place] = rare
    path = write("a.jsonl", "".join(f'{{"who":"1","day":1,"x":{value}}}\n' for value in values))

    assert column_types(make_mapping(x="x"), source_files(path)).rules == {"metadata.x": rule}


def test_text_in_json_stays_text(write, make_mapping):
    """A text of digits is text, since JSON can tell it from a number."""
    path = write("a.jsonl", '{"who":"1","day":1,"x":"00042"}\n{"who":"1","day":1,"x":"43"}\n')

    assert column_types(make_mapping(x="x"), source_files(path)).rules == {"metadata.x": Text("x")}


def test_callable_gets_floats_for_columns_of_decimals(write, make_mapping):
    """A column that only a callable reads has floats, with which it can compute."""
    path = write("a.jsonl", '{"who":"1","day":1,"x":2.50}\n{"who":"1","day":1,"x":null}\n')
    mapping = make_mapping(double=lambda frame: frame["x"] * 2.0)

    (chunk,) = read_chunks(*source_files(path), mapping, chunksize=10)

    assert chunk.frame["x"].fillna(-1.0).tolist() == [2.5, -1.0]
    assert chunk.frame["x"].dtype == "float64"


def test_chosen_rows_of_json_lines_are_texts_where_types_differ(write):
    """Rejects go to a file of text or of one type for each column, so mixed values are written as JSON has them."""
    path = write("a.jsonl", '{"a":1,"b":905.00,"c":[1,{"d":true}]}\n{"a":2,"b":"x","c":"\\ud800"}\n{"b":true}\n')

    (rows,) = read_chosen_rows(*source_files(path), pd.Index([0, 1, 2]).to_numpy())

    assert rows["a"].fillna(0).tolist() == [1, 2, 0]
    assert rows["b"].tolist() == ["905.00", "x", "true"]
    assert rows["c"].tolist() == ['[1, {"d": true}]', "?", None]
