"""Excel files: a sheet is a table whose first row names the columns, with the values that Excel shows."""

import datetime as dt
import io
import re
import sys
import tracemalloc
import zipfile

import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from openpyxl.styles import PatternFill
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from events_pandas import SourceFormat
from events_pandas.errors import SourceError
from events_pandas.mapping import Number
from events_pandas.sources import (
    column_types,
    read_chosen_rows,
    read_chunks,
    read_first_rows,
    row_count,
    sheet_hint,
    source_files,
    source_schema,
)

HEADER = ("who", "day", "x")
DAY = "2024-01-31"
CHOOSE_IT = "choose it with sheet in the mapping's source or with --sheet"
OWN_NAMES, STRICT_NAMES = b"schemas.openxmlformats.org/spreadsheetml/2006", b"purl.oclc.org/ooxml/spreadsheetml"


@pytest.fixture
def book():
    """A workbook with one sheet, named Orders, which has a header."""
    book = openpyxl.Workbook()
    book.active.title = "Orders"
    book.active.append(HEADER)
    return book


@pytest.fixture
def save(tmp_path):
    """Save a workbook, and return its path; `edits` replaces text in the first sheet."""

    def save(book, edits=None):
        path = tmp_path / "a.xlsx"
        book.save(path)
        if edits:
            _edit(path, edits)
        return path

    return save


def _edit(path, edits):
    read = zipfile.ZipFile(io.BytesIO(path.read_bytes()))
    with read, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as written:
        for name in read.namelist():
            text = read.read(name).decode()
            for old, new in edits.items() if name == "xl/worksheets/sheet1.xml" else ():
                assert old in text
                text = text.replace(old, new)
            written.writestr(name, text)


@pytest.fixture
def chunk(save, make_mapping):
    """Save a workbook, and read its rows in one chunk."""

    def chunk(book, edits=None, **written):
        path = save(book, edits)
        (chunk,) = read_chunks(*source_files(path, SourceFormat(**written)), make_mapping(x="x"), chunksize=1_000)
        return chunk

    return chunk


@pytest.fixture
def cells(book, chunk):
    """Write values to the column x, and return them as they are read."""

    def cells(*values, number_format=None, edits=None):
        for value in values:
            book.active.append(["1", DAY, value])
            if number_format:
                book.active.cell(book.active.max_row, 3).number_format = number_format
        return [None if cell is pd.NA else cell for cell in chunk(book, edits).frame["x"]]

    return cells


def codes(chunk):
    return {finding.code: finding.values.to_pylist()[0] for finding in chunk.refused}


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (("00042", "1e5", "905,00"), "string[pyarrow]"),
        ((42, 2**40), "int64[pyarrow]"),
        ((19.99, 0.1), "double[pyarrow]"),
        ((True, False), "bool[pyarrow]"),
        ((pd.Timestamp("2024-01-31T14:05"), pd.Timestamp("2024-01-31T23:59:59")), "timestamp[us][pyarrow]"),
        ((dt.time(14, 5), dt.time(0, 0, 1)), "object"),
        ((42, "N/A", 19.99, True), "object"),
    ],
)
def test_excel_values_keep_their_types(book, chunk, values, dtype):
    """A column has a dtype if all of its values have one type, and holds Python's values otherwise."""
    for value in values:
        book.active.append(["1", DAY, value])

    column = chunk(book).frame["x"]

    assert str(column.dtype) == dtype
    assert column.tolist() == list(values)


@pytest.mark.parametrize(
    ("stored", "shown"),
    [("19.990000000000002", 19.99), ("0.30000000000000004", 0.3), ("42.0", 42), ("1E+3", 1000), ("-0.5", -0.5)],
)
def test_excel_number_is_what_excel_shows(cells, stored, shown):
    """Excel shows 15 digits of a number: the rest of a computed one is noise."""
    (cell,) = cells(7.5, edits={"<v>7.5</v>": f"<v>{stored}</v>"})

    assert (type(cell), cell) == (type(shown), shown)


@pytest.mark.parametrize(
    ("value", "number_format", "shown"),
    [
        (42, "00000", "00042"),
        (1234567, "00000", "1234567"),
        (42, "00000;-00000", "00042"),
        (0, "00000;-00000;000", "000"),
        (42, "[$-407]00000", "00042"),
        (42, "[Red]00000_ ", "00042"),
        (42, "#0000", "0042"),
        (4217, "000-00", "042-17"),
        (1234567, "000-00", "12345-67"),
        (42, '"K"0000', "K0042"),
        (42, "\\K0000", "K0042"),
        (42, "[<=99999]00000;00000-0000", "00042"),
        (123456789, "[<=99999]00000;00000-0000", "12345-6789"),
        (5551234, "[<=9999999]###-####;(###) ###-####", "555-1234"),
    ],
)
def test_excel_number_in_the_format_of_a_code_is_what_excel_shows(cells, value, number_format, shown):
    """A format with leading zeros, or with a text between the digits, is one of codes."""
    assert cells(value, number_format=number_format) == [shown]


@pytest.mark.parametrize(
    ("value", "number_format"),
    [
        (42, "0"),
        (0.19, "0%"),
        (42, "0.00"),
        (4200, "#,##0"),
        (4200, "# ##0"),
        (42, '0 "kg"'),
        (42, "[$€-407]0"),
        (-42, "00000"),
        (42.5, "00000"),
        (0, "0;-0;;@"),
        (42, '"EUR "0.00'),
    ],
)
def test_excel_number_in_another_format_is_a_number(book, chunk, value, number_format):
    """The format of a quantity changes no number, and nothing is to be said."""
    book.active.append(["1", DAY, value])
    book.active["C2"].number_format = number_format

    read = chunk(book)

    assert (read.frame["x"].tolist(), codes(read)) == ([value], {})


@pytest.mark.parametrize("number_format", ['"K"0', "00000.00", "0000?", "[>99]000;0000;00000", "000;[=5]0000"])
def test_excel_number_in_a_format_that_may_be_of_a_code_is_said(book, chunk, number_format):
    """If nobody can be sure that zeros and texts of a format belong to the value, the number is sent, and said."""
    book.active.append(["1", DAY, 42])
    book.active["C2"].number_format = number_format

    read = chunk(book)

    assert read.frame["x"].tolist() == [42]
    assert codes(read) == {"excel_format": f"column 'x' with the format {number_format!r}"}


def test_excel_code_with_too_many_digits_is_said(book, chunk):
    """Excel has lost the last digits of a long number, whatever its format shows."""
    book.active.append(["1", DAY, 1234567890123450])
    book.active["C2"].number_format = "0" * 16

    assert codes(chunk(book)) == {"excel_digits": "column 'x'"}


ESCAPED_TEXTS = pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("ab_x005F_x0041_7", "ab_x0041_7"),
        ("a_x000D_\nb", "a\r\nb"),
        ("_x0041_", "A"),
        ("x005F_", "x005F_"),
        ("_x41_ _x0041", "_x41_ _x0041"),
    ],
)


@ESCAPED_TEXTS
def test_excel_escapes_in_a_text_are_undone(cells, stored, shown):
    """Excel writes _xHHHH_ for a character that XML lacks, and for the underscore before a text that looks so."""
    assert cells("text", edits={"<t>text</t>": f"<t>{stored}</t>"}) == [shown]


@ESCAPED_TEXTS
def test_excel_escapes_in_a_shared_text_are_undone(book, save, stored, shown):
    """Excel itself keeps the texts of all cells in a part of its own."""
    book.active["D1"] = "text"
    path = save(book, {'<c r="D1" t="inlineStr"><is><t>text</t></is></c>': '<c r="D1" t="s"><v>0</v></c>'})
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    manifest = parts["[Content_Types].xml"].replace(
        b"</Types>", f'<Override PartName="/xl/sharedStrings.xml" ContentType="{types}" /></Types>'.encode()
    )
    texts = f'<sst xmlns="http://{OWN_NAMES.decode()}/main"><si><r><t>{stored}</t></r></si></sst>'.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in {**parts, "[Content_Types].xml": manifest, "xl/sharedStrings.xml": texts}.items():
            archive.writestr(name, part)

    assert source_schema(*source_files(path)).names == [*HEADER, shown]


@pytest.mark.parametrize("epoch", [None, CALENDAR_MAC_1904])
def test_excel_times_are_read_in_the_calendar_of_their_file(book, chunk, epoch):
    """A number with the format of a date is that day, counted from 1900 or 1904."""
    if epoch is not None:
        book.epoch = epoch
    book.active.append(["1", DAY, pd.Timestamp("2024-01-31T14:05")])

    assert chunk(book).frame["x"].tolist() == [pd.Timestamp("2024-01-31T14:05")]


def test_excel_error_is_its_text(cells):
    """An error such as #N/A is read as the text that a CSV file has: the rules refuse both."""
    assert cells("#N/A", 1) == ["#N/A", 1]


def test_excel_rows_know_their_number_in_the_sheet(book, chunk):
    """A row has the number that Excel shows; empty rows at the end and in between are none."""
    book.active.append(["1", DAY, 1])
    book.active["A4"], book.active["A5"] = None, " "
    book.active["A6"], book.active["B6"] = "2", DAY
    book.active["Z99"].fill = PatternFill("solid", fgColor="FF0000")

    read = chunk(book)

    assert read.lines.tolist() == [2, 6]
    assert read.frame["who"].tolist() == ["1", "2"]
    assert codes(read) == {"blank_rows": "3 rows (3 to 5)"}


def test_excel_formula_has_its_stored_result(cells):
    """The result that Excel stored is the value, and an empty text is absent."""
    edits = {
        "<f>1+1</f><v />": "<f>1+1</f><v>2</v>",
        '<c r="C3"><f>IF(A1="","")</f><v />': '<c r="C3" t="str"><f>IF(A1="","")</f><v></v>',
    }

    assert cells("=1+1", '=IF(A1="","")', edits=edits) == [2, None]


def test_excel_formula_without_a_result_makes_its_row_odd(book, chunk):
    """A program that computes nothing stores no result: the row is refused, and not sent without the value."""
    book.active.append(["1", DAY, 1])
    book.active.append(["2", DAY, "=C2+1"])
    book.active.append(["3", DAY, 3])

    read = chunk(book)

    assert read.frame["who"].fillna("").tolist() == ["1", "", "3"]
    assert codes(read) == {"formula_without_result": "row 3 of the sheet (column 'x')"}


def test_excel_formula_in_a_column_that_no_rule_reads_is_no_matter(book, chunk):
    """Only the columns that the mapping reads can make a row odd."""
    book.active["D1"] = "other"
    book.active.append(["1", DAY, 1, "=C2+1"])

    assert codes(chunk(book)) == {}


def test_excel_sheet_is_the_first_visible_one_with_rows(book, chunk):
    """The sheet that is read is said if others have rows; hidden and empty ones do not count."""
    book.active.append(["1", DAY, 1])
    book.create_sheet("Cover", 0)
    book.create_sheet("Hidden", 0).append(["a"])
    book["Hidden"].sheet_state = "hidden"
    book.create_sheet("Notes")["B3"] = "a note"

    read = chunk(book)

    assert read.frame["who"].tolist() == ["1"]
    assert codes(read) == {"sheet_chosen": "sheet 'Orders' (beside 'Notes')"}


def test_excel_sheet_is_the_given_one(book, chunk):
    """With `sheet` in the mapping's source nothing is to be said."""
    book.create_sheet("Old").append(HEADER)
    book["Old"].append(["9", DAY, 1])

    read = chunk(book, sheet="Old")

    assert (read.frame["who"].tolist(), codes(read)) == (["9"], {})


@pytest.mark.parametrize("sheet", [None, "Orders"])
def test_excel_other_sheets_may_have_the_rows(book, save, sheet):
    """Whoever finds no rows in a sheet learns of the others, also if the sheet was given."""
    book.create_sheet("Old").append(HEADER)
    (file,) = source_files(save(book), SourceFormat(sheet=sheet))

    assert sheet_hint(file) == f"sheet 'Orders' is read; the rows may be in another sheet ('Old'): {CHOOSE_IT}"


def test_excel_merged_cells_and_long_numbers_are_said(book, chunk):
    """What Excel has lost, or shows in more cells than it stores, is a note."""
    book.active.append(["1", DAY, 1234567890123456])
    book.active.append([None, DAY, 1])
    book.active.append(["3", DAY, 1])
    book.active.merge_cells("A2:A3")

    assert codes(chunk(book)) == {"merged_cells": "cells A2:A3", "excel_digits": "column 'x'"}


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (lambda rows: [rows[1], rows[0]], "sheet 'Orders' has row 2 after row 3: "),
        (lambda rows: [rows[0], rows[1].replace('r="3"', 'r="2"')], "sheet 'Orders' has row 2 twice: "),
        (lambda rows: [rows[0], rows[1].replace('r="C3"', 'r="A3"')], "row 3 has a cell twice: "),
    ],
)
def test_excel_rows_that_do_not_ascend_are_refused(book, save, edit, fault):
    """Some programs number rows wrongly: none of them vanishes without a word."""
    book.active.append([1, 2, 3])
    book.active.append([4, 5, 6])
    path = save(book)
    with zipfile.ZipFile(path) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    _, *rows = re.findall("<row.*?</row>", sheet)
    _edit(path, {"".join(rows): "".join(edit(rows))})

    with pytest.raises(SourceError) as caught:
        row_count(*source_files(path))

    assert str(caught.value) == f"{path}: {fault}export it again as .csv, or with another program"


def test_excel_cells_of_a_row_may_have_any_order(book, chunk):
    """A cell is read by its column, wherever it stands in its row."""
    book.active.append([1, 2, 3])
    first, *others = (
        f'<c r="{place}2" t="n"><v>{value}</v></c>' for place, value in zip("ABC", (1, 2, 3), strict=True)
    )

    read = chunk(book, {"".join([first, *others]): "".join([*others, first])})

    assert read.frame.iloc[0].tolist() == [1, 2, 3]


def test_excel_columns_may_have_no_name(book, save):
    """A column without a name cannot be mapped, and stays in the rejects."""
    book.active["E1"] = "y"
    book.active.append(["1", DAY, 1, "d", 2, "f"])
    path = save(book)

    (rows,) = read_chosen_rows(*source_files(path), pd.Index([0]).to_numpy())

    assert rows.columns.tolist() == ["who", "day", "x", "", "y", ""]
    assert rows.iloc[0].tolist() == ["1", DAY, 1, "d", 2, "f"]


def test_excel_headers_are_texts(book, save):
    """A header that is a number or a date is its text, and blanks around a header are removed."""
    book.active["D1"], book.active["E1"], book.active["F1"] = 2024, pd.Timestamp("2024-01-31"), " y "

    assert source_schema(*source_files(save(book))).names == ["who", "day", "x", "2024", "2024-01-31T00:00:00", "y"]


def test_excel_schema_has_the_types_of_uniform_columns(book, save):
    """A column has a type if all of its values have it, and that of text otherwise."""
    book.active.append(["1", pd.Timestamp("2024-01-31"), 1])
    book.active.append(["2", pd.Timestamp("2024-01-31"), 1.5])

    assert source_schema(*source_files(save(book))) == pa.schema(
        [("who", pa.string()), ("day", pa.timestamp("us")), ("x", pa.string())]
    )


def test_excel_without_rows_is_one_empty_chunk(book, save, read):
    """A sheet with a header only gives one empty chunk."""
    path = save(book)

    (frame,) = read(path)

    assert frame.shape == (0, 2)
    assert row_count(*source_files(path)) == 0


def test_excel_comes_in_chunks_that_count_on(book, save, read):
    """A chunk has at most `chunksize` rows."""
    for number in range(1_005):
        book.active.append([str(number), DAY, number])
    path = save(book)

    frames = read(path, chunksize=700)

    assert [frame.index.tolist()[:1] for frame in frames] == [[0], [700]]
    assert [row for frame in frames for row in frame["who"]] == [str(number) for number in range(1_005)]
    assert read_first_rows(*source_files(path), 3)["who"].tolist() == ["0", "1", "2"]


def test_excel_rows_beyond_a_wrong_size_are_read(book, chunk):
    """Some programs store a wrong size of the sheet: it cuts no rows off."""
    for number in range(3):
        book.active.append([str(number), DAY, 1])

    assert len(chunk(book, {'<dimension ref="A1:C4" />': '<dimension ref="A1:A1" />'}).frame) == 3


@pytest.mark.parametrize("rare", ["N/A", 1.5, True])
def test_type_of_a_bare_column_is_decided_by_all_cells(book, save, make_mapping, rare):
    """One odd cell changes the type of its column nowhere."""
    for value in (rare, *range(30)):
        book.active.append(["1", DAY, value])

    assert column_types(make_mapping(x="x"), source_files(save(book))).rules == {"metadata.x": Number("x")}


@pytest.fixture
def fault(save):
    """Save a workbook, and return what the error says of it."""

    def fault(book, **written):
        path = save(book)
        with pytest.raises(SourceError) as caught:
            source_schema(*source_files(path, SourceFormat(**written)))
        return str(caught.value).removeprefix(f"{path}: ")

    return fault


def test_excel_title_above_the_header_is_refused(fault):
    """As in a CSV file, the error names the row that seems to be the header."""
    book = openpyxl.Workbook()
    for row in (["Orders of 2024"], [], HEADER, ["1", DAY, 1], ["2", DAY, 2]):
        book.active.append(row)

    assert fault(book) == (
        "the first row of sheet 'Sheet' names 1 of 3 columns: the header seems to be in row 3: delete the rows above it"
    )


def test_excel_title_on_a_cover_sheet_is_refused_with_the_other_sheets(book, fault):
    """The rows may be in a sheet behind the cover: the error names it, and how to choose it."""
    cover = book.create_sheet("Cover", 0)
    for row in (["Orders of 2024"], ["Author", "Ada"], ["Team", "Sales"]):
        cover.append(row)

    message = (
        "the first row of sheet 'Cover' names 1 of 2 columns: the rows may be in another sheet ('Orders'): "
        f"{CHOOSE_IT}; if not, the header seems to be in row 2: delete the rows above it"
    )
    assert fault(book) == fault(book, sheet="Cover") == message


@pytest.mark.parametrize(
    ("sheet", "message"),
    [
        ("Order", "has no sheet 'Order': did you mean 'Orders'?"),
        ("Empty", f"sheet 'Empty' is empty: the rows may be in another sheet ('Orders'): {CHOOSE_IT}"),
    ],
)
def test_excel_sheet_that_is_not_there_or_empty_is_refused(book, fault, sheet, message):
    """The error names a sheet that is like the given one."""
    book.create_sheet("Empty")

    assert fault(book, sheet=sheet) == message


def test_excel_file_without_rows_is_refused(fault):
    """Without a row there is no header; a hidden sheet is named."""
    book = openpyxl.Workbook()
    empty = fault(book)
    book.create_sheet("Hidden").append(["a"])
    book["Hidden"].sheet_state = "hidden"

    assert empty == "has no sheet with rows: fill one"
    assert fault(book) == (f"has no sheet with rows: {CHOOSE_IT} if it is a hidden one ('Hidden')")


def test_excel_file_in_the_strict_format_is_refused(book, save):
    """The error names the format to save the file in, since openpyxl sees no row in the strict one."""
    path = save(book)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            strict = part.replace(OWN_NAMES, STRICT_NAMES)
            archive.writestr(name, strict)

    with pytest.raises(SourceError) as caught:
        source_schema(*source_files(path))

    assert str(caught.value) == f"{path}: is written as Strict Open XML: save it as Excel Workbook (.xlsx)"


def test_excel_cell_that_is_too_long_is_refused(book, save):
    """A file of a few kilobytes can hold a cell of a gigabyte, which Excel itself cannot."""
    book.active.append(["1", DAY, "long"])
    path = save(book, {"long": "x" * 10_000_000})
    tracemalloc.start()

    with pytest.raises(SourceError) as caught:
        row_count(*source_files(path))

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 9_000_000
    assert str(caught.value) == (
        f"{path}: has a text of more than a megabyte, and a cell of Excel has 32,767 characters: export it again"
    )


def test_excel_file_without_the_extra_says_how_to_install_it(book, fault, monkeypatch):
    """Without openpyxl the error has the command that installs it."""
    monkeypatch.delitem(sys.modules, "events_pandas.sources.excel_stored", raising=False)
    monkeypatch.setitem(sys.modules, "openpyxl.reader.excel", None)

    assert fault(book) == (
        'Excel files are read with openpyxl, which is not installed: pip install "events-pandas[excel]"'
    )
