"""Every cell of a CSV file is read as it was written, with all quotes and line ends."""

import csv
import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from events_pandas import EventMapping, SourceFormat
from events_pandas.errors import SourceError
from events_pandas.sources import read_chunks, source_files

MAPPING = EventMapping(event_name="a", created_at="day", user_id="who")
CELLS = st.text(st.sampled_from(["a", "é", " ", ",", '"', "\n", ";", "\t", "|"]), max_size=6)


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS), max_size=8),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n"]),
    extra=st.sampled_from([(), ("",)]),
)
def test_cells_arrive_as_they_were_written(rows, quoting, end, extra):
    """RFC 4180: quotes are written twice; commas, blanks and line feeds within quotes belong to the cell."""
    # A row without a value in any cell is not a row.
    rows = [row for row in rows if any(cell.strip(" \t") for cell in row)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, quoting=quoting, lineterminator=end)
            writer.writerow(["who", "day"])
            writer.writerows([*row, *extra] for row in rows)
        chunks = list(read_chunks(*source_files(path), MAPPING, chunksize=3))

    cells = [tuple(row) for chunk in chunks for row in chunk.frame.astype(object).fillna("").to_numpy().tolist()]
    assert cells == rows
    assert not any(chunk.refused for chunk in chunks)


ODD_CELLS = st.sampled_from(
    ["", "a", "é", " a ", '"q"', ' "q"', '"a"b', '"d""d"', r'"b\"b"', '"two\nlines"', '5" pipe', "\\N", "\0", "who"]
)
ODD_ROWS = st.lists(st.one_of(st.lists(ODD_CELLS, min_size=1, max_size=4), st.just(["who", "day"])), max_size=8)


def read(folder, rows, delimiter, end):
    """Return what is read of a file whose cells are written as they are: the cells, their lines, and odd rows."""
    path = Path(folder, "a.csv")
    path.write_bytes(end.join(map(delimiter.join, [["who", "day"], *rows, [""]])).encode())
    try:
        chunks = list(read_chunks(*source_files(path, SourceFormat(delimiter=delimiter)), MAPPING, chunksize=3))
    except SourceError as error:
        return str(error)
    cells = [row for chunk in chunks for row in chunk.frame.astype(object).fillna("absent").to_numpy().tolist()]
    odd = [
        (finding.code, finding.rows.tolist(), finding.all_values().to_pylist())
        for chunk in chunks
        for finding in chunk.refused
    ]
    return cells, [chunk.lines.tolist() for chunk in chunks], odd


@settings(deadline=None)
@example(rows=[['"d""d"', r'"b\"b"'], ['"a"b']], delimiter=";", end="\r")
@given(rows=ODD_ROWS, delimiter=st.sampled_from([";", "\t", "|", "^", "-"]), end=st.sampled_from(["\n", "\r\n", "\r"]))
def test_every_delimiter_and_line_end_is_read_like_commas(rows, delimiter, end):
    """A table is the same with each delimiter and line end: its cells, its lines, and its odd rows."""
    with tempfile.TemporaryDirectory() as folder:
        assert read(folder, rows, delimiter, end) == read(folder, rows, ",", "\n")


NOTES = st.text(st.sampled_from(["a", " ", ",", '"', "1"]), max_size=5)


@settings(deadline=None)
@given(notes=st.lists(st.tuples(NOTES, NOTES), max_size=8), delimiter=st.sampled_from(["\t", "|", ";"]))
def test_rows_without_quoting_never_become_a_part_of_a_text(notes, delimiter):
    """A program that writes no quotes round cells may write any quotes in them: no cell is read with another row."""
    lines = [
        delimiter.join((f"u{row}", first, f"2024-01-{row + 10}", second)) for row, (first, second) in enumerate(notes)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        path.write_bytes("\n".join([delimiter.join(("who", "first", "day", "second")), *lines, ""]).encode())
        try:
            chunks = list(read_chunks(*source_files(path, SourceFormat(delimiter=delimiter)), MAPPING, chunksize=3))
        except SourceError as error:
            assert "and not closed" in str(error)  # noqa: PT017  # Most files can be read.
            return
    cells = [cell for chunk in chunks for cell in chunk.frame.astype(object).fillna("").to_numpy().ravel().tolist()]
    assert not any(delimiter in cell or "\n" in cell for cell in cells)
