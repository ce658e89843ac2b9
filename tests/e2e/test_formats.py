"""One table in every format, also compressed: each gives the same results and the same events."""

import gzip

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from events_pandas import Constant, Date, EventMapping, MonetaryAmount, Number, Text, submit_file

ORDERS = pd.DataFrame(
    {
        "who": ["00042", "00043", "00042", None, "00044", "00045"],
        "day": ["2024-01-31", "2024-02-01", "2024-01-31", "2024-02-01", "2024-02-30", "2024-02-03"],
        "size": [1, 2, 1, 4, 5, 6],
        "total": [19.99, 0.1, 19.99, 5.5, 1.25, 0.3],
        "note": ["Grüße", None, "again", "x", "1e5", "905,00"],
    }
)
TABLE = pa.Table.from_pandas(ORDERS)
MAPPING = EventMapping(
    event_name="placed-order",
    created_at=Date("day"),
    user_id="who",
    metadata={
        "size": Number("size"),
        "price": MonetaryAmount("total", currency=Constant("eur")),
        "note": Text("note"),
        "bare_size": "size",
        "bare_total": "total",
    },
    timezone="Europe/Berlin",
)


def write_csv(path):
    ORDERS.to_csv(path, index=False)


def write_json_lines(path):
    ORDERS.to_json(path, orient="records", lines=True)


def write_parquet(path):
    pq.write_table(TABLE, path, row_group_size=2)


def write_feather(path):
    ORDERS.to_feather(path)


def write_stream(path):
    with pa.ipc.new_stream(path, TABLE.schema) as writer:
        writer.write_table(TABLE, max_chunksize=2)


def write_excel(path):
    ORDERS.to_excel(path, index=False)


@pytest.mark.parametrize("is_compressed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("orders.csv", write_csv),
        ("orders.jsonl", write_json_lines),
        ("orders.parquet", write_parquet),
        ("orders.feather", write_feather),
        ("orders.arrow", write_stream),
        ("orders.xlsx", write_excel),
    ],
)
def test_every_format_gives_the_same_results(folder, sandbox, client, name, write, is_compressed):
    """A table has the same results and the same events whatever file it stands in, row for row."""
    write(folder / name)
    if is_compressed:
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        name = f"{name}.gz"

    results = submit_file(name, MAPPING, client=client, journal=None, chunksize=2)

    assert results["row"].tolist() == [0, 1, 2, 3, 4, 5]
    assert results["status"].tolist() == ["accepted", "accepted", "duplicate", "invalid", "invalid", "accepted"]
    assert results["error_code"].fillna("").tolist()[3:5] == ["identifier_missing", "time_unreadable"]
    assert sorted((event.contact, event.created_at, dict(event.metadata)) for event in sandbox.events) == [
        ("00042", 1706655600, _metadata(1, 1999, 19.99, note="Grüße")),
        ("00043", 1706742000, _metadata(2, 10, 0.1)),
        ("00045", 1706914800, _metadata(6, 30, 0.3, note="905,00")),
    ]


def _metadata(size, cents, total, **note):
    return {"size": size, "price": {"amount": cents, "currency": "eur"}, **note, "bare_size": size, "bare_total": total}


@pytest.mark.parametrize(("name", "write"), [("orders.jsonl", write_json_lines), ("orders.xlsx", write_excel)])
def test_rejects_can_be_submitted_again(folder, client, name, write):
    """The rejects of a file without column types have its cells, and a corrected row is accepted."""
    write(folder / name)
    submit_file(name, MAPPING, client=client, journal=None, rejects_path="rejects.csv")
    rejects = pd.read_csv("rejects.csv", dtype=str)
    assert rejects["total"].tolist() == ["5.5", "1.25"]
    rejects.assign(who=["00046", "00044"], day="2024-02-05").to_csv("rejects.csv", index=False)

    results = submit_file("rejects.csv", MAPPING, client=client, journal=None)

    assert results["status"].tolist() == ["accepted", "accepted"]


def test_odd_line_in_a_large_file_is_one_row(folder, sandbox, client):
    """A line that cannot be read at row 11,002 is invalid, and every row before and after it is sent."""
    lines = [f'{{"who":"{row:05d}","day":"2024-01-31"}}\n' for row in range(2_010)]
    lines[1_002] = '{"who":"01002","day":\n'
    (folder / "orders.jsonl").write_text("".join(lines))
    mapping = EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")

    results = submit_file("orders.jsonl", mapping, client=client, journal=None)

    assert results["status"].value_counts()[["accepted", "invalid"]].tolist() == [2_009, 1]
    assert results.loc[results["status"] == "invalid", ["row", "error_code", "error_message"]].to_numpy().tolist() == [
        [
            1_002,
            "line_not_json",
            "row: line 1003 (at character 22) is not JSON: write one JSON object in the line",
        ]
    ]
    assert len(sandbox.events) == 2_009


def test_sheet_that_is_read_is_a_note_of_the_run(folder, client):
    """A run says which sheet it reads if others have rows, too."""
    with pd.ExcelWriter(folder / "orders.xlsx") as writer:
        ORDERS.to_excel(writer, sheet_name="Orders", index=False)
        ORDERS.to_excel(writer, sheet_name="Old", index=False)

    results = submit_file("orders.xlsx", MAPPING, client=client, journal=None)

    notes = {note["code"]: note["message"] for note in results.attrs["run"]["notes"]}
    assert "sheet 'Orders' (beside 'Old') is read" in notes["sheet_chosen"]
