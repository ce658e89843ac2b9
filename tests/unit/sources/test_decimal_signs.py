"""The decimal signs of numbers in files: found from all cells, said, and never guessed."""

import gzip
import io

import pandas as pd
import pytest

from events_pandas import EventMapping, SourceFormat, check_file
from events_pandas.errors import MappingError
from events_pandas.mapping import Constant, MonetaryAmount, Number, Text
from events_pandas.mapping.column_types import Remark
from events_pandas.run.file_check import check_files
from events_pandas.sources import column_types, read_chunks, source_files
from events_pandas.sources.decimal_commas import may_need_sign
from events_pandas.sources.files import ComputedType

CURE = "set decimal to ',' or '.' in [source] of the mapping or with --decimal, or in a rule of the column"


def _csv(*columns):
    """Write columns of cells as a CSV file with the columns who, day, x and y; cells that hold a comma are quoted."""
    rows = (",".join(f'"{cell}"' if "," in cell else cell for cell in cells) for cells in zip(*columns, strict=True))
    return f"who,day,{','.join('xy'[: len(columns)])}\n" + "".join(f"1,2,{row}\n" for row in rows)


def _remark(code, cell, line, *, file):
    """Return the note on a sign that a cell shows."""
    return Remark(code=code, value=f"'{cell}'", cell=cell, place=f"line {line} of {file}")


@pytest.fixture
def types_of(write, make_mapping):
    """Return a function that returns the types for columns x and y, which rules read as they are given."""

    def types_of(*columns, **metadata):
        return column_types(make_mapping(**metadata), source_files(write("a.csv", _csv(*columns))))

    return types_of


@pytest.mark.parametrize(
    ("cells", "sign", "noted"),
    [
        (["905,00", "7"], ",", ("decimal_comma", "905,00", 2)),
        (["1.234", "1.234,56"], ",", ("decimal_comma", "1.234,56", 3)),
        (["1,234.56", "905.00"], ".", ("decimal_point", "1,234.56", 2)),
        (["1,234", "905.00"], ".", ("decimal_point", "905.00", 3)),
        (["1.234", "905.00"], ".", ("decimal_point", "905.00", 3)),
        (["1.234", "0.234"], ".", ("decimal_point", "0.234", 3)),
        (["1.234", "1234.567"], ".", ("decimal_point", "1234.567", 3)),
        (["1.234", "1.234e-05"], ".", ("decimal_point", "1.234e-05", 3)),
        (["1,234", "1,234,567"], ".", ("decimal_point", "1,234,567", 3)),
        (["1.234", "1.234.567"], ",", ("decimal_comma", "1.234.567", 3)),
        (["905.00", "100"], None, None),
        (["905,00", "1,5", "2,5", "905.00"], ",", ("decimal_comma", "905,00", 2)),
        (["905.00", "1.5", "2.5", "905,00"], None, None),
        (["1,234", "7"], None, None),
        (["1.234", "7"], None, None),
        (["Smith, Ada", "7"], None, None),
    ],
)
def test_cells_of_a_column_show_its_decimal_sign(types_of, tmp_path, cells, sign, noted):
    """A cell that is a number only with one sign shows it; three quarters of such cells decide for the column."""
    types = types_of(cells, n=Number("x"), price=MonetaryAmount("x", currency=Constant("eur")))

    paths = ("metadata.n", "metadata.price") if sign else ()
    assert {path: rule.decimal for path, rule in types.rules.items()} == dict.fromkeys(paths, sign)
    assert types.remarks == {path: _remark(*noted, file=tmp_path / "a.csv") for path in paths}


def test_bare_column_of_decimal_commas_holds_numbers(types_of):
    """A bare column is one of numbers with the decimal sign of its cells; under a rule for text it stays text."""
    types = types_of(["905,00", "1.234"], n="x", t=Text("x"))

    assert types.rules == {"metadata.n": Number("x", decimal=",")}


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        (["1.234", "905.00"], Number("x", decimal=".")),
        (["1.234", "1.234.567"], Number("x", decimal=",")),
        (["905.00", "100"], Number("x")),
        (["1.234", "2.345"], Text("x")),
        (["1,234", "2,345"], Text("x")),
        (["1.234", "7", "8", "9"], Number("x")),
        (["1,234", "7", "8", "9"], Number("x")),
    ],
)
def test_number_with_two_readings_makes_no_bare_column_one_of_numbers(types_of, cells, rule):
    """Without a known sign, 1.234 and 1,234 do not count as numbers of their column."""
    assert types_of(cells, n="x").rules == {"metadata.n": rule}


def test_bare_column_of_times_has_no_decimal_sign(types_of):
    """Under a date's key numbers count seconds, and a decimal comma makes no number of a cell."""
    assert types_of(["905,00", "7,5"], x_at="x").rules == {"metadata.x_at": Text("x")}


def test_each_column_has_a_sign_of_its_own(types_of):
    """A column of points stays one beside a column of commas: each cell shows what its own column has."""
    types = types_of(["905,00", "7"], ["0.5", "1.25"], x="x", y="y")

    assert types.rules == {"metadata.x": Number("x", decimal=","), "metadata.y": Number("y")}


def test_column_with_both_signs_is_refused(types_of, tmp_path):
    """A column whose cells show both signs is refused, with one cell of each."""
    with pytest.raises(MappingError) as caught:
        types_of(["7", "905,00", "905.00"], n=Number("x"))

    file = tmp_path / "a.csv"
    assert str(caught.value) == (
        f"metadata.n: column 'x' shows both decimal signs ('905,00' in line 3 of {file}, '905.00' in line 4 of "
        f"{file}): {CURE}"
    )


@pytest.mark.parametrize("shown", ["905,00", "905.00"])
def test_columns_do_not_speak_for_each_other(types_of, shown):
    """A column that does not show its sign has none, whatever other columns show."""
    types = types_of([shown, "7"], ["1.234", "12"], x="x", y=Number("y"))

    assert "metadata.y" not in types.rules


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("1.500", "',' in the mapping's source if it is 1500, or to '.' if it is 1.500"),
        ("1,500", "',' in the mapping's source if it is 1.500, or to '.' if it is 1500"),
    ],
)
def test_number_with_two_readings_is_not_sent_if_its_column_does_not_show_which(write, make_mapping, text, readings):
    """1.500 beside 900 is an error of its row that names both numbers, as 1,500 is."""
    path = write("a.csv", f"who;day;x\n1;2024-03-01;{text}\n2;2024-03-01;900\n")

    report = check_file(path, make_mapping(n=Number("x"), price=MonetaryAmount("x", currency=Constant("eur"))))

    reason = f"'{text}' in column 'x' can be read in two ways, since no decimal sign is known for its column"
    messages = report.problems.query("code == 'number_ambiguous'")["message"].tolist()
    assert messages == [
        f"metadata.n: {reason}: set decimal to {readings}",
        f"metadata.price.amount: {reason}: set decimal to {readings}",
    ]
    assert [payload["metadata"]["n"] for payload in report.payloads(2)] == [900]


def test_rule_with_a_sign_is_not_looked_at(types_of):
    """A decimal sign in the rule decides for its column alone."""
    types = types_of(["905,00", "7"], ["1.234", "12"], x="x", y=Number("y", decimal="."))

    assert types.rules == {"metadata.x": Number("x", decimal=",")}


def test_signs_are_found_over_all_files(write, make_mapping):
    """All files of a run decide together."""
    files = source_files([write("a.csv", _csv(["1234"])), write("b.csv", _csv(["905,00"]))])

    assert column_types(make_mapping(n=Number("x")), files).rules == {"metadata.n": Number("x", decimal=",")}


@pytest.mark.parametrize(
    "cells",
    [
        ["1.100", "1.200", "1,5"],
        ["1,100", "1,200", "905,00"],
        ["1,100", "1,200", "905.00"],
        ["1.100", "905,00", "1,5", "2,5", "905.00"],
        ["1.100", "905.00", "1.5", "2.5", "905,00"],
        ["1.100", "1,200", "905,00"],
        ["1.100", "1.200", "0.5"],
        ["1.100", "1.200", "1,234.56"],
        ["1.500", "1.234.567", "2.000"],
    ],
)
@pytest.mark.parametrize("rule", [Number("x"), "x", MonetaryAmount("x", currency=Constant("eur"))])
def test_cells_that_read_in_two_ways_need_as_many_cells_of_one_sign(types_of, cells, rule):
    """1.234 and 1,234 are refused if fewer cells of their column show its sign, or if a cell shows the other one."""
    with pytest.raises(MappingError, match="can be read in two ways"):
        types_of(cells, n=rule)


@pytest.mark.parametrize(
    ("cells", "sign"),
    [
        (["1.100", "1.200", "905,00", "1.234,56"], ","),
        (["1.100", "1,200", "905,00", "1,5"], ","),
        (["1,100", "1,234.56"], "."),
        (["1.100", "0.5"], "."),
        (["1.100", "1,200", "0.5", "7.25"], "."),
    ],
)
def test_cells_that_read_in_two_ways_are_read_with_as_many_cells_of_one_sign(types_of, cells, sign):
    """1.234 and 1,234 are read as their column shows."""
    assert types_of(cells, n=Number("x")).rules == {"metadata.n": Number("x", decimal=sign)}


@pytest.mark.parametrize(("cell", "counts", "sign"), [("1,5", (1, 0), "comma"), ("1.5", (0, 1), "point")])
def test_one_cell_does_not_decide_a_column(types_of, tmp_path, cell, counts, sign):
    """One 1,5 or 1.5 among many cells such as 1.100 is refused, with a cell of each kind and its line."""
    with pytest.raises(MappingError) as caught:
        types_of(["1.100"] * 200 + [cell], n=Number("x"))

    file = tmp_path / "a.csv"
    assert str(caught.value) == (
        f"metadata.n: column 'x' does not show what '1.100' in line 2 of {file} is: in this file 200 of its cells can "
        f"be read in two ways, {counts[0]} only with a decimal comma, {counts[1]} only with a point "
        f"('{cell}' in line 202 of {file} shows a decimal {sign}): {CURE}"
    )


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize(("mark", "sign"), [(",", "comma"), (".", "point")])
def test_sign_of_one_file_does_not_change_the_cells_of_another(write, make_mapping, tmp_path, turn, mark, sign):
    """A file whose own cells do not show the sign of their column is refused, in any order of the files."""
    paths = [write("a.csv", _csv(["1.234"])), write("b.csv", f"who;day;x\n1;2;1{mark}5\n1;2;2{mark}5\n")]

    with pytest.raises(MappingError) as caught:
        column_types(make_mapping(n=Number("x")), source_files(paths[::turn]))

    assert str(caught.value) == (
        f"metadata.n: column 'x' does not show what '1.234' in line 2 of {tmp_path / 'a.csv'} is: in this file 1 of "
        "its cells can be read in two ways, 0 only with a decimal comma, 0 only with a point "
        f"('1{mark}5' in line 2 of {tmp_path / 'b.csv'} shows a decimal {sign}): {CURE}"
    )


@pytest.mark.parametrize("rule", [Number("x"), "x"])
def test_sign_of_a_csv_file_does_not_change_text_among_typed_values(write, make_mapping, tmp_path, rule):
    """The text "1.234" of JSON Lines beside decimal commas is refused."""
    lines = '{"who": "1", "day": 2, "x": 1.5}\n{"who": "1", "day": 2, "x": "1.234"}\n'
    paths = [write("a.csv", _csv(["905,00"])), write("b.jsonl", lines)]

    with pytest.raises(MappingError) as caught:
        column_types(make_mapping(n=rule), source_files(paths))

    assert str(caught.value) == (
        f"metadata.n: column 'x' does not show what '1.234' in line 2 of {tmp_path / 'b.jsonl'} is: in this file 1 of "
        "its cells can be read in two ways, 0 only with a decimal comma, 0 only with a point "
        f"('905,00' in line 2 of {tmp_path / 'a.csv'} shows a decimal comma): {CURE}"
    )


@pytest.mark.parametrize("name", ["b.parquet", "b.xlsx"])
def test_sign_of_a_csv_file_does_not_change_text_of_tables(write, make_mapping, tmp_path, name):
    """The text "1.234" of Parquet and Excel beside decimal commas is refused."""
    frame = pd.DataFrame({"who": ["1"], "day": ["2"], "x": ["1.234"]})
    frame.to_parquet(tmp_path / name) if name.endswith("parquet") else frame.to_excel(tmp_path / name, index=False)
    paths = [write("a.csv", _csv(["905,00"])), tmp_path / name]

    with pytest.raises(MappingError, match=f"'1.234' in (row 0|line 2) of {tmp_path / name}"):
        column_types(make_mapping(n=Number("x")), source_files(paths))


def test_typed_numbers_have_no_decimal_sign(write, make_mapping):
    """The number 1.234 of JSON Lines is what it is beside decimal commas."""
    lines = '{"who": "1", "day": 2, "x": 1.234}\n{"who": "1", "day": 2, "x": "oops"}\n'
    files = source_files([write("a.csv", _csv(["905,00"])), write("b.jsonl", lines)])

    assert column_types(make_mapping(n=Number("x")), files).rules == {"metadata.n": Number("x", decimal=",")}


@pytest.mark.parametrize("metadata", [{"n": Number("x")}, {"n": "x"}, {"n": Number(lambda frame: frame["x"])}])
def test_note_on_a_sign_stands_at_its_cell(write, make_mapping, metadata):
    """The note shows a cell that has the sign, with its file, row and line."""
    paths = [
        write("a.csv", "who,day,x\n1,2024-03-01,7\n"),
        write("b.csv", 'who,day,x\n2,2024-03-01,7\n3,2024-03-01,"1,5"\n4,2024-03-01,"2,5"\n'),
    ]

    report = check_file(paths, make_mapping(**metadata))

    (note,) = report.problems.query("code == 'decimal_comma'").itertuples()
    assert (note.source_file, note.row, note.line, note.value) == (str(paths[1]), 2, 3, "'1,5'")


@pytest.mark.parametrize(("sign", "rule"), [(",", Number("x")), (".", Text("x"))])
def test_given_sign_is_taken_without_a_note(write, sign, rule):
    """A sign that is given in the mapping decides what a bare column holds, and nothing is said."""
    mapping = EventMapping(
        event_name="a", created_at="day", user_id="who", metadata={"n": "x"}, source=SourceFormat(decimal=sign)
    )

    types = column_types(mapping, source_files(write("a.csv", _csv(["905,00", "1.234,56"]))))

    assert types.rules == {"metadata.n": rule}
    assert [remark.code for remark in types.remarks.values()] == (["sent_as_text"] if sign == "." else [])


@pytest.mark.parametrize("metadata", [{"n": Number("x")}, {"n": Number(lambda frame: frame["x"])}])
def test_note_on_a_sign_is_given_if_its_cell_is_beyond_the_limit(write, make_mapping, metadata):
    """A run of the first rows says where the cell is that decides how they are read."""
    path = write("a.csv", 'who,day,x\n1,2024-03-01,7\n2,2024-03-01,"1,5"\n')

    report = check_files(path, make_mapping(**metadata), limit=1)

    (note,) = report.problems.query("code == 'decimal_comma'").itertuples()
    assert (note.row, note.value) == (0, f"'1,5' in line 3 of {path}")


def test_callables_get_numbers_of_decimal_commas(write, make_mapping):
    """A callable gets a column of decimal commas as floats, with a note."""
    mapping = make_mapping(n=Number(lambda frame: frame["x"] * 2))
    (file,) = source_files(write("a.csv", _csv(["1.234,5", "oops", "7", "8"])))

    types = column_types(mapping, [file])
    (chunk,) = read_chunks(file, mapping, chunksize=10, computed=types.computed)

    remark = _remark("decimal_comma", "1.234,5", 2, file=file)
    assert types.computed["x"] == ComputedType(dtype="float64", decimal=",", remark=remark)
    assert chunk.frame["x"].fillna(-1).tolist() == [1234.5, -1, 7, 8]
    assert [finding.code for finding in chunk.refused] == ["decimal_comma", "computed_as_empty"]


def test_callables_get_no_number_with_two_readings(write, make_mapping):
    """A cell such as 1.234 that its column does not explain is absent among the numbers that a callable gets."""
    mapping = make_mapping(n=Number(lambda frame: frame["x"] * 2))
    (file,) = source_files(write("a.csv", _csv(["1.234", "7", "8", "9"])))

    types = column_types(mapping, [file])
    (chunk,) = read_chunks(file, mapping, chunksize=10, computed=types.computed)

    assert chunk.frame["x"].fillna(-1).tolist() == [-1, 7, 8, 9]
    assert [finding.code for finding in chunk.refused] == ["computed_as_empty"]


@pytest.mark.parametrize("name", ["b.jsonl", "b.parquet", "b.xlsx"])
def test_text_of_files_with_types_needs_a_given_sign(make_mapping, tmp_path, name):
    """The text "1.234" is an error of its row, and the number 1.234 is sent."""
    frame = pd.DataFrame({"who": ["1"], "day": ["2024-03-01"], "x": ["1.234"], "y": [1.234]})
    path = tmp_path / name
    if name.endswith("jsonl"):
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path) if name.endswith("parquet") else frame.to_excel(path, index=False)

    report = check_file(path, make_mapping(n=Number("y")))
    refused = check_file(path, make_mapping(n=Number("x")))

    assert [payload["metadata"]["n"] for payload in report.payloads(1)] == [1.234]
    assert refused.problems.query("severity == 'error'")["code"].tolist() == ["number_ambiguous"]


def test_callables_get_text_where_a_sign_is_not_known(write, make_mapping):
    """Nobody knows whether a callable reads a column: one with an unknown sign is text."""
    mapping = make_mapping(n=Number(lambda frame: frame["x"] * 2))

    types = column_types(mapping, source_files(write("a.csv", _csv(["905,00", "7"], ["1.234", "12"]))))

    assert set(types.computed) == {"x"}


@pytest.mark.parametrize(
    ("text", "delimiter", "may"),
    [
        ("a,b\n1,2\n", ",", False),
        ('a,b\n"Smith, Ada",2\n', ",", False),
        ('a,b\n"12, rue X","5 km"\n', ",", False),
        ('a,b,c\n1,2,"x"\n', ",", False),
        ('a,b\n"Flat 1,2",3\n', ",", False),
        ('a,b\n1,"1,5e+3"\n', ",", True),
        ('a,b\n1,"1.234,56"\n', ",", True),
        ('a,b\n1,"1,234.56"\n', ",", True),
        ('a,b\n1,"-1 234,5"\n', ",", True),
        ("a;b\n1;2,5\n", ";", True),
        ("a;b\n1;2\n", ";", False),
        ("a\tb\n1\t2,5\n", "\t", True),
        ("a,x;b\n1;2,5\n", ";", True),
        ("a,b\n1.234,2\n", ",", True),
        ("a,b\n1,12.345\r\n", ",", True),
        ("a|b\n1|-123.456", "|", True),
        ('a,b\n1,"1.234.567"\n', ",", True),
        ("a;b\n1.234.567;1\n", ";", True),
        ("a,b\n0.234,1234.567\n", ",", False),
        ("a,b\n11.77,1.2345\n", ",", False),
        ("a,b\n2024-01-31T10:00:01.234Z,10:00:01.234\n", ",", False),
        ("a,b\nv1.234,1.234 kg\n", ",", False),
        ("", ",", False),
    ],
)
def test_bytes_of_a_file_tell_that_no_number_needs_a_sign(text, delimiter, may):
    """A file of plain numbers costs one look at its bytes; between commas a decimal comma is quoted."""
    assert may_need_sign(io.BytesIO(text.encode()), delimiter=delimiter.encode()) is may


@pytest.mark.parametrize("number", [b"2,5", b"1.234"])
def test_bytes_are_looked_at_across_blocks(number):
    """A number at the border of two blocks is found."""
    block = 1024 * 1024
    texts = [b"a;b\n" + b"1;2\n" * ((block - 12) // 4) + b" " * n + b";" + number + b"\n" for n in range(16)]

    assert all(may_need_sign(io.BytesIO(text), delimiter=b";") for text in texts)


def test_compressed_files_have_decimal_commas_too(tmp_path, make_mapping):
    """The bytes are those of the text, not of the archive."""
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(_csv(["905,00"]).encode()))

    types = column_types(make_mapping(n=Number("x")), source_files(path))

    assert types.rules == {"metadata.n": Number("x", decimal=",")}
