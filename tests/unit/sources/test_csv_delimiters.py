"""Delimiters of CSV files: given, or shown by the first lines; what is not clear is refused."""

import gzip

import pytest

from events_pandas import EventMapping, SourceFormat
from events_pandas.errors import SourceError
from events_pandas.sources import read_chunks, source_files

MAPPING = EventMapping(event_name="a", created_at="day", user_id="who")


def cells_and_notes(path, delimiter=None):
    """Return the cells of a file, and the notes and faults of its rows."""
    chunks = list(read_chunks(*source_files(path, SourceFormat(delimiter=delimiter)), MAPPING, chunksize=100))
    cells = [row for chunk in chunks for row in chunk.frame.fillna("absent").to_numpy().tolist()]
    return cells, [
        (finding.code, value)
        for chunk in chunks
        for finding in chunk.refused
        for value in finding.all_values().to_pylist()
    ]


def fault(path, delimiter=None):
    """Return the error of a file, without its name."""
    with pytest.raises(SourceError) as caught:
        cells_and_notes(path, delimiter)
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("mark", "word"),
    [
        (";", "';'"),
        ("\t", "a tab"),
        ("|", "'|'"),
        ("\x01", r"'\x01'"),
        ("\x1f", r"'\x1f'"),
        ("^", "'^'"),
        ("~", "'~'"),
    ],
)
def test_delimiter_is_detected_and_said(write, mark, word):
    """Semicolons, as spreadsheets of many countries write them, tabs, bars and Hive's are read, with a note."""
    path = write("a.csv", f"who{mark}day\n00042{mark}2024-01-31\n")

    assert cells_and_notes(path) == ([["00042", "2024-01-31"]], [("delimiter_detected", word)])


@pytest.mark.parametrize(
    ("name", "mark"),
    [("a.csv", ","), ("a.txt", ","), ("a.tsv", "\t"), ("A.TSV", "\t"), ("a.tab", "\t"), ("a.tsv.gz", "\t")],
)
def test_delimiter_that_the_name_says_has_no_note(write, name, mark):
    """Commas go without saying; tabs do in a file whose name ends in .tsv or .tab."""
    content = f"who{mark}day\n1{mark}2\n".encode()

    assert cells_and_notes(write(name, gzip.compress(content) if name.endswith(".gz") else content)) == (
        [["1", "2"]],
        [],
    )


def test_commas_in_a_tsv_file_are_said(write):
    """The first lines decide, and not the name."""
    assert cells_and_notes(write("a.tsv", "who,day\n1,2\n")) == ([["1", "2"]], [("delimiter_detected", "','")])


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("who;day\n905,00;1,5\n1.234,50;2,5\n", [["905,00", "1,5"], ["1.234,50", "2,5"]]),
        ('who;day\n"a;b";"c,d"\n', [["a;b", "c,d"]]),
        ('who,day\n"a;b;c","1;2"\n', [["a;b;c", "1;2"]]),
        ("who,day\nx|y,1;2\nz|,3;\n", [["x|y", "1;2"], ["z|", "3;"]]),
        ('who,day,"Price (net; gross)"\n1,2,3\n', [["1", "2"]]),
        ('who,day,"a;b"\n1,2,"c;d"\n', [["1", "2"]]),
        ("\n \nwho;day\n\n1;2\n", [["1", "2"]]),
        ("who;day;\n1;2;\n", [["1", "2"]]),
        ("who;day\n1;2;\n3;4;\n", [["1", "2"], ["3", "4"]]),
        ("sep=;\nwho;day\n1,5;2\n", [["1,5", "2"]]),
        ("who^day\n1^a,b\n2^c,d\n", [["1", "a,b"], ["2", "c,d"]]),
        ("who,x^2\n1,2\n3,4\n", [["1", "2"], ["3", "4"]]),
        ('\ufeff"sep=^"\r\nwho^day\r\n1^2\r\n', [["1", "2"]]),
    ],
)
def test_delimiter_is_not_mistaken(write, text, cells):
    """Other delimiters in cells, quotes, blank lines and empty last columns decide nothing; Excel's first line does."""
    assert cells_and_notes(write("a.csv", text))[0] == cells


@pytest.mark.parametrize("text", ["who\n1\n2\n", "who\nhello there\n"])
def test_file_of_one_column_has_no_delimiter(write, text):
    """A file of one column is read as such."""
    (chunk,) = read_chunks(*source_files(write("a.csv", text)), MAPPING, chunksize=10)

    assert chunk.frame.columns.tolist() == ["who"]
    assert not chunk.refused


@pytest.mark.parametrize("given", [None, " "])
@pytest.mark.parametrize(
    ("text", "separator"),
    [
        (" who  day   total\n 1  2024-01-31   5.00\n 2  2024-01-31  15.00\n", r"\s+"),
        ("who        day\n1   2024-01-31\n\n22  2024-02-01\n", r"\s+"),
        ("who           day\nAda Lovelace  2024-01-31\nBob           2024-02-01\n", r"\s{2,}"),
        ("who  day  total\n1    2    1,5\n2    3    2,5\n", r"\s+"),
    ],
)
def test_columns_between_runs_of_blanks_are_refused(write, text, separator, given):
    """No delimiter reads them: a single blank would find empty columns between those of the file."""
    assert fault(write("a.txt", text), given) == (
        "runs of blanks stand between its columns, and are not a delimiter: convert it, such as with "
        f'pandas.read_csv(path, sep=r"{separator}", dtype=str).to_csv("converted.csv", index=False)'
    )


@pytest.mark.parametrize("text", ["who day x\n1 2024-01-31 \n2  \n", "who day x\n1  2024-01-31\n2  2024-01-31\n"])
def test_empty_cells_between_blanks_are_not_taken_for_runs(write, text):
    """A blank that is given separates cells, which may be empty."""
    assert cells_and_notes(write("a.txt", text), " ")[0]


def test_delimiter_that_is_given_is_not_detected(write):
    """A given delimiter has no note, also if it is an odd one."""
    path = write("a.csv", "who~day\n1,5;2~3\n")

    assert cells_and_notes(path, "~") == ([["1,5;2", "3"]], [])


def test_given_delimiter_decides_between_two(write):
    """Where the first lines allow for two delimiters, one must be given."""
    path = write("a.csv", "who,x;day\n1,x;2\n3,x;4\n")

    assert fault(path) == (
        "its cells may be separated by ',' (2 columns) or ';' (2 columns): "
        "set delimiter in the mapping's source, such as ','"
    )
    chunks = list(read_chunks(*source_files(path, SourceFormat(delimiter=";")), MAPPING, chunksize=10))
    assert chunks[0].frame.columns.tolist() == ["who,x", "day"]


@pytest.mark.parametrize(
    ("text", "given", "found"),
    [
        ("who;day\n1;2\n", ",", "its cells are separated by ';', and the delimiter that is given is ','"),
        ("who,day\n1,2\n", "\t", "its cells are separated by ',', and the delimiter that is given is a tab"),
        ("sep=;\nwho;day\n", "|", "its first line says ';', and the delimiter that is given is '|'"),
    ],
)
def test_given_delimiter_that_does_not_fit_is_refused(write, text, given, found):
    """The error names the delimiter that fits."""
    assert (
        fault(write("a.csv", text), given)
        == f"{found}: correct it in the mapping's source or with --delimiter, or leave it out"
    )


@pytest.mark.parametrize("text", ["who:day\nx:a,b\ny:c,d\n", "who\x02day\nx\x02a,b\n", "who day\nx a,b\n"])
def test_first_line_that_may_have_another_delimiter_is_not_called_a_title(write, text):
    """Without a line of values below it, nothing tells a title from a header with another delimiter."""
    assert fault(write("a.csv", text)) == (
        "its first line names 1 of 2 columns: delete it if it is a title, or set delimiter in the mapping's source "
        "if other characters separate it"
    )


@pytest.mark.parametrize(
    "text",
    ["who,day\n'1','2'\n", "who,day\n'1','2, 3'\n4,5\n", "who;day\n1;'2'\n3;'4'\n5;6\n", "'who','day'\n'1','2'\n"],
)
def test_cells_in_single_quotes_are_refused(write, text):
    """They would be sent with their quotes, and cut at the delimiters within."""
    assert (
        fault(write("a.csv", text)) == 'its cells are in single quotes, as line 2 shows: put them in double quotes (")'
    )


@pytest.mark.parametrize(
    "text", ["who,day\n1,'tis\n2,don'\n", "who,day\n1,'\n", "who,day\n1,2\n3,4\n5,'x'\n", "who,day\n1,\"'2'\"\n"]
)
def test_apostrophes_are_text(write, text):
    """Apostrophes at one end of a cell, within double quotes, and in few rows are text."""
    cells, _ = cells_and_notes(write("a.csv", text))

    assert any("'" in row[1] for row in cells)


@pytest.mark.parametrize("given", ["", ";;", "§", '"', "\n"])
def test_given_delimiter_that_is_not_one_character_is_refused(write, given):
    """A delimiter is one character of ASCII, and neither a quote nor a line end."""
    assert fault(write("a.csv", "who,day\n"), given) == (
        f"cells cannot be separated by {given!r}: a delimiter is one character, such as ';'"
    )


@pytest.mark.parametrize("mark", [";", "^"])
def test_title_above_the_header_is_refused_for_every_delimiter(write, mark):
    """A title decides no delimiter, even if it holds a comma; the error names the line of the header."""
    path = write("a.csv", f"Report, made today\n\nwho{mark}day\n1{mark}2\n")

    assert (
        fault(path)
        == "its first line names 1 of 2 columns: the header seems to be in line 3: delete the lines above it"
    )
