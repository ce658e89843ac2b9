"""Odd rows of CSV files: each is read as it was meant, or set aside with its line."""

import io
import zipfile

import pandas as pd
import pytest

from events_pandas import EventMapping
from events_pandas.errors import SourceError
from events_pandas.sources import read_chosen_rows, read_chunks, read_first_rows, row_count, source_files

MAPPING = EventMapping(event_name="a", created_at="day", user_id="who")


def read(path, chunksize=2):
    """Return the cells of a file, and the code and subject of each odd row."""
    cells, refused = [], {}
    for chunk in read_chunks(*source_files(path), MAPPING, chunksize=chunksize):
        start = len(cells)
        cells += chunk.frame[["who", "day"]].astype(object).fillna("absent").to_numpy().tolist()
        for finding in chunk.refused:
            rows = (finding.rows + start).tolist()
            refused |= {
                row: (finding.code, text) for row, text in zip(rows, finding.all_values().to_pylist(), strict=True)
            }
    assert row_count(*source_files(path)) == len(cells)
    return cells, refused


@pytest.mark.parametrize(
    ("line", "code", "subject"),
    [
        ("3", "row_too_short", "line 3 (1 cell for 2 columns)"),
        ("3,4,5", "row_too_long", "line 3 (3 cells for 2 columns)"),
        ('3,"4",,x', "row_too_long", "line 3 (4 cells for 2 columns)"),
        ('3, "4, 5"', "blank_before_quote", "line 3"),
        ('3, "4"', "blank_before_quote", "line 3"),
        (' \t"3",4', "blank_before_quote", "line 3"),
        ('3, ""', "blank_before_quote", "line 3"),
        ('3, "two inches', "blank_before_quote", "line 3"),
        ("who,day", "repeated_header", "line 3"),
        ('"who","day",', "repeated_header", "line 3"),
        ("\ufeffwho,day", "repeated_header", "line 3"),
        ('3,"say "hi" now"', "quote_not_doubled", "line 3"),
        ("3,4\0", "nul_character", "line 3"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_odd_row_is_set_aside_with_its_line(write, line, code, subject, end):
    """An odd row has no cells, and the rows before and after it are read."""
    path = write("a.csv", end.join(["who,day", "1,2", line, "5,6", ""]))

    assert read(path) == ([["1", "2"], ["absent", "absent"], ["5", "6"]], {1: (code, subject)})


@pytest.mark.parametrize(
    "text",
    [
        "who,day\n1,2,\n3,4,\n",
        "who,day\n1,2\n3,4,,\n",
        'who,day\n1,2,""\n3,4\n',
        "who,day,\n1,2\n3,4,\n",
        "\n \nwho,day\n\n1,2\n\t\n3,4\n\n",
        "who,day\r\n1,2\r3,4",
        "who,day\n1,2\n3,4\n\x1a",
        "who,day\n1,2\n3,4\x1a",
        "sep=,\nwho,day\n1,2\n3,4\n",
        "\ufeff\ufeffwho,day\n1,2\n3,4\n",
        '\ufeff"sep=,"\r\nwho,day\r\n1,2\r\n3,4\r\n',
        '"who","day"\n"1","2"\n"3","4"',
    ],
)
def test_forms_that_mean_the_same_are_read_the_same(write, text):
    """Commas at the end of rows, blank lines, every kind of line end and Excel's first line add no rows or cells."""
    assert read(write("a.csv", text)) == ([["1", "2"], ["3", "4"]], {})


@pytest.mark.parametrize("blank", [",", ",,", ",,,,", " , ", '"",""', '" ",\t', ',""'])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_row_without_a_value_in_any_cell_is_not_a_row(write, blank, end):
    """Excel writes such lines for rows that have only a format: they are not rows, and a note names their lines."""
    path = write("a.csv", end.join(["who,day", blank, "1,2", "", blank, blank, "3,4", blank]))

    cells, refused = read(path)

    assert cells == [["1", "2"], ["3", "4"]]
    assert refused == {0: ("blank_rows", "4 lines (2, 5 to 6, 8)")}
    assert [chunk.lines.tolist() for chunk in read_chunks(*source_files(path), MAPPING, chunksize=2)] == [[3, 7]]


@pytest.mark.parametrize("row", ['"""",', '"\n",', "\u00a0,", ',"" "'])
def test_row_with_a_quote_a_line_end_or_a_nonbreaking_blank_is_a_row(write, row):
    """Only blanks, tabs and quotes round them are nothing."""
    cells, _ = read(write("a.csv", f"who,day\n1,2\n{row}\n"))

    assert len(cells) == 2


def test_blank_rows_in_many_places_are_counted(write):
    """The note names the first places, and the number of all lines."""
    path = write("a.csv", "who,day\n" + "1,2\n,\n" * 1_000 + ",\n" * 1_000)

    cells, refused = read(path, chunksize=2_000)

    assert len(cells) == 1_000
    assert refused == {0: ("blank_rows", "2,000 lines (3, 5, 7 and 997 more places)")}


def test_lines_without_a_value_above_the_header_are_passed_over(write):
    """The first line with a value names the columns, as the first row of an Excel sheet does."""
    assert read(write("a.csv", ",\n , \nwho,day\n1,2\n")) == ([["1", "2"]], {})


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_row_that_a_carriage_return_tears_is_odd_in_all_parts(write, end):
    """Half of a text is not sent as if it were the whole: the lines are those that an editor shows."""
    path = write("a.csv", end.join(["who,day", "1,2", "3,four\rfive", "6,7", "8\r9,10\r11", "12,13"]))

    cells, refused = read(path)

    absent = ["absent", "absent"]
    assert cells == [["1", "2"], absent, absent, ["6", "7"], absent, absent, absent, ["12", "13"]]
    assert refused == {row: ("row_torn", f"line {row + 2}") for row in (1, 2, 4, 5, 6)}


def test_row_that_a_carriage_return_tears_is_odd_across_blocks(write):
    """The parts of a row are looked at together, wherever the file is cut."""
    rows = [f"{row:06d},{'x' * 37}\n" for row in range(30_000)]
    rows[::7] = [f"{row:06d},{'x' * 18}\r{'x' * 18}\n" for row in range(0, 30_000, 7)]
    path = write("a.csv", "who,day\n" + "".join(rows))

    _, refused = read(path, chunksize=100_000)

    assert len(refused) == 2 * len(rows[::7])


@pytest.mark.parametrize(
    "text", ["who,day\r1,2\r3\r", "who,day\n1,2\r\r\n3,4\r\r\n", 'who,day\n1,2\n"3\r4",5\n', "who,day\n1,2\r3,4\n"]
)
def test_carriage_return_that_ends_a_line_or_stands_in_quotes_tears_nothing(write, text):
    """A file may end its lines with carriage returns, and a quoted cell may hold one."""
    _, refused = read(write("a.csv", text))

    assert "row_torn" not in dict(refused.values())


def test_rows_that_are_all_too_long_are_set_aside(write):
    """A cell beyond the last column is never dropped, also if every row has one; blank ones are."""
    path = write("a.csv", "who,day\n1,2, \n3,4,x\n5,6,\n")

    assert read(path) == (
        [["1", "2"], ["absent", "absent"], ["5", "6"]],
        {1: ("row_too_long", "line 3 (3 cells for 2 columns)")},
    )


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (r'"5\""', '5"'),
        (r'"say \"hi\", now"', 'say "hi", now'),
        (r'"{\"a\": \"b\"}"', '{"a": "b"}'),
        ('"two\n\\"lines\\""', 'two\n"lines"'),
        (r'"a \\ \"b\" \\"', 'a \\ "b" \\'),
        (r'"C:\dir \"x\""', 'C:\\dir "x"'),
    ],
)
def test_quotes_that_a_backslash_escapes_are_read(write, cell, text):
    """Backslashes before quotes, as Redshift, Spark and MySQL write them, are read, with a note that names the line."""
    path = write("a.csv", f"who,day\n0,0\n1,{cell}\n2,{cell}\n")

    cells, refused = read(path)

    assert cells == [["0", "0"], ["1", text], ["2", text]]
    assert refused == {0: ("backslash_quotes", "line 3")}


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('"C:\\dir\\"', "C:\\dir\\"),
        ('"\\\\server\\"', "\\\\server\\"),
        ('"a\\\\"', "a\\\\"),
        ('"{""a"": ""x\\""}"', '{"a": "x\\"}'),
        ('5\\" pipe', '5\\" pipe'),
        ('5" pipe', '5" pipe'),
        ("\\N", "\\N"),
    ],
)
def test_backslashes_of_other_files_stay(write, cell, text):
    """If quotes are doubled, a cell may end with a backslash."""
    path = write("a.csv", f"who,day\n1,{cell}\n2,x\n")

    assert read(path) == ([["1", text], ["2", "x"]], {})


def test_quotes_that_are_escaped_in_two_ways_are_refused(write):
    """A file with both kinds of escapes is refused, since some cell would be wrong."""
    path = write("a.csv", 'who,day\n1,"5\\""\n2,"say ""hi"""\n')

    with pytest.raises(SourceError) as caught:
        read(path)

    assert str(caught.value) == (
        f"{path}: quotes are escaped with a backslash in line 2, and in another way in line 3: write every quote "
        'within a text twice (""), and no backslash before it'
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('who,day\n1,2\n3,"4\n5,6\n', "a quote is opened in line 3 and not closed: close it, or write it twice"),
        (
            "Report\nMade:,today\n\nwho,day\n1,2\n",
            "its first line names 1 of 2 columns: the header seems to be in line 4: delete the lines above it",
        ),
        ("who,d\0y\n1,2\n", "line 1 names the columns, and holds NUL characters: remove them"),
    ],
)
def test_file_that_cannot_be_read_whole_is_refused(write, text, fault):
    """The error names the line, and how to fix it."""
    path = write("a.csv", text)

    with pytest.raises(SourceError) as caught:
        read(path)

    assert str(caught.value) == f"{path}: {fault}"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ('x "y"', 'x "y"'),
        ('" ""y"""', ' "y"'),
        ('"x, ""y"", z"', 'x, "y", z'),
        ('"{""a"": ""b"", ""c"": """"}"', '{"a": "b", "c": ""}'),
        ('"x, "', "x, "),
        ('"x\n ""y"""', 'x\n "y"'),
    ],
)
def test_blank_before_a_quote_within_a_cell_is_text(write, raw, text):
    """Only a quote that would begin its cell is odd behind a blank."""
    assert read(write("a.csv", f"who,day\n1,{raw}\n2,x\n")) == ([["1", text], ["2", "x"]], {})


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize(
    "rows",
    [
        ["1,2024-01-31,'Hello", "2,2024-02-01,b", "3,2024-11-30,world'"],
        ["1,31.1.2024 9:05,'Hello", "2,30.11.2024 10:15,'"],
        ["1,1704067200,'Hello", "2,1704067201,'good' bye"],
        ["'1,2024-01-31,a", "2',2024-02-01,c"],
    ],
)
def test_row_that_has_rows_within_its_quotes_is_odd(write, delimiter, rows):
    """A file that is written without quoting has quotes as text: rows between two of them do not become a text."""
    text = "\n".join(["who,day,note", "0,2024-01-30,x", *rows, "9,2024-12-31,y", ""])
    path = write("a.csv", text.replace(",", delimiter).replace("'", '"'))

    cells, refused = read(path)

    assert cells == [["0", "2024-01-30"], ["absent", "absent"], ["9", "2024-12-31"]]
    refused.pop(0, None)  # the note on the delimiter
    assert refused == {1: ("rows_within_quotes", f"line 3 (up to line {len(rows) + 2})")}


@pytest.mark.parametrize(
    "note",
    [
        "Dear Anna,\nthank you, and see you soon",
        "picked:\n2,3,4\n5,6,7",
        "Visits:\n31.1.2024, 10:00, Berlin",
        "Room 2024\n2025,2026,2027",
        "a\tb\n2,2024-02-01",
        "\n\n,,\n",
    ],
)
def test_text_of_several_lines_is_not_mistaken_for_rows(write, note):
    """Delimiters and numbers in the lines of a text make no rows: one with the cells and the time of a row does."""
    path = write("a.csv", f'who,day,note\n1,2024-01-31,"{note}"\n2,2024-02-01,x\n')

    assert read(path) == ([["1", "2024-01-31"], ["2", "2024-02-01"]], {})


def test_chosen_rows_stand_as_far_as_they_can(write):
    """Missing cells of a chosen row are empty, cells beyond the last column stand in it, and a NUL stays one."""
    path = write("a.csv", 'who,day\n1\n2,3,"4, 5"\nwho,day\n6,a\0b\n7,8\n')

    rows = pd.concat(read_chosen_rows(*source_files(path), pd.Index(range(5)).to_numpy()))

    assert rows.fillna("absent").to_numpy().tolist() == [
        ["1", "absent"],
        ["2", '3,"4, 5"'],
        ["who", "day"],
        ["6", "a\0b"],
        ["7", "8"],
    ]


def test_first_rows_leave_out_odd_rows(write):
    """First rows, which a mapping is proposed from, have no odd rows."""
    frame = read_first_rows(*source_files(write("a.csv", "who,day\nwho,day\n1,2\n3\n")), 10)

    assert frame.to_numpy().tolist() == [["1", "2"]]


def test_first_rows_that_are_all_odd_are_an_error(write):
    """If all first rows are odd, the error is that of the first one."""
    path = write("a.csv", 'who,day\n1, "2, 3"\n')

    with pytest.raises(SourceError) as caught:
        read_first_rows(*source_files(path), 10)

    assert str(caught.value) == (
        f"{path}: no row can be read: line 2 has a blank before the quote that begins a cell: delete the blank"
    )


def zipped(**members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return content.getvalue()


def test_archive_of_macos_is_read(write):
    """Files that the system adds to an archive are ignored."""
    members = {"a.csv": "who,day\n1,2\n", "__MACOSX/._a.csv": "\0", "._b.csv": "\0", ".DS_Store": "\0"}

    assert read(write("a.csv.zip", zipped(**members))) == ([["1", "2"]], {})


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({}, "holds no file: put one CSV file into the archive"),
        ({"a.csv": "", "b.csv": ""}, "holds 2 files ('a.csv', 'b.csv'): unpack it, and give the files themselves"),
    ],
)
def test_archive_without_one_file_is_refused(write, members, fault):
    """The error names the files in the archive."""
    path = write("a.csv.zip", zipped(**members))

    with pytest.raises(SourceError) as caught:
        read(path)

    assert str(caught.value) == f"{path}: {fault}"
