"""Every cell of a CSV file is read as it was written, with all quotes and line ends."""

import csv
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas import EventMapping
from events_pandas.sources import read_chunks, source_files

MAPPING = EventMapping(event_name="a", created_at="day", user_id="who")
CELLS = st.text(st.sampled_from(["a", "é", " ", ",", '"', "\n", ";"]), max_size=6)


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS), max_size=8),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n"]),
    extra=st.sampled_from([(), ("",)]),
)
def test_cells_arrive_as_they_were_written(rows, quoting, end, extra):
    """RFC 4180: quotes are written twice; commas, blanks and line feeds within quotes belong to the cell."""
    rows = [row for row in rows if row != ("", "")]
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
