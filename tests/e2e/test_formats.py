"""One table in every format, also compressed: each gives the same results and the same events."""

import gzip
from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from events_pandas import Constant, Date, EventMapping, MonetaryAmount, Number, SourceFormat, Text, submit_file

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


GERMAN = (
    "Kunde;Tag;Betrag;Größe\n"
    "00042;31.12.2024 14:05;1.234,56;klein\n"
    "00043;31.02.2024 14:05;1.234;groß, rund\n"
    "00044;;0,5;klein\n"
)
GERMAN_MAPPING = EventMapping(
    event_name="placed-order",
    created_at=Date("Tag", format="%d.%m.%Y %H:%M"),
    user_id="Kunde",
    metadata={"total": Number("Betrag"), "bare": "Betrag", "size": "Größe"},
    timezone="Europe/Berlin",
)


@pytest.mark.parametrize(
    "source",
    [
        SourceFormat(),
        SourceFormat(delimiter=";"),
        SourceFormat(delimiter=";", encoding="cp1252", decimal=","),
        SourceFormat(encoding="utf-16"),
    ],
    ids=["detected", "delimiter", "all", "utf-16"],
)
def test_rejects_of_a_german_export_can_be_submitted_again(folder, client, sandbox, source):
    """They have the delimiter of the rows and the numbers as they were read, and the same mapping takes them."""
    mapping = replace(GERMAN_MAPPING, source=source)
    (folder / "export.csv").write_bytes(GERMAN.encode(source.encoding or "cp1252"))
    submit_file("export.csv", mapping, client=client, journal=None, rejects_path="rejects.csv")
    rejects = (folder / "rejects.csv").read_bytes().decode()
    header = "\ufeffKunde;Tag;Betrag;Größe;row;status;error_code;error_message;source_file;line\n"
    assert rejects.startswith(f"{header}00043;31.02.2024 ")
    fixed = rejects.replace("31.02.2024 14:05", "28.02.2024 14:05").replace("00044;;", "00044;29.02.2024 14:05;")
    (folder / "rejects.csv").write_bytes(fixed.encode())

    results = submit_file("rejects.csv", mapping, client=client, journal=None)

    assert results["status"].tolist() == ["accepted", "accepted"]
    sent = {event.contact: event.metadata for event in sandbox.events}
    assert sent["00043"] == {"total": 1234, "bare": 1234, "size": "groß, rund"}
    assert sent["00044"] == {"total": 0.5, "bare": 0.5, "size": "klein"}


def test_rejects_keep_a_number_whose_sign_other_rows_showed(folder, client, sandbox):
    """A cell such as 1.234 alone does not show that it has no fraction: rejects have it without the point."""
    (folder / "export.csv").write_bytes(GERMAN.replace("00044;;", "00044;29.02.2024 14:05;").encode("cp1252"))
    submit_file("export.csv", GERMAN_MAPPING, client=client, journal=None, rejects_path="rejects.csv")
    rejects = (folder / "rejects.csv").read_bytes().decode()
    assert rejects.splitlines()[1].startswith("00043;31.02.2024 14:05;1234;groß, rund;1;invalid")
    (folder / "rejects.csv").write_bytes(rejects.replace("31.02.2024", "28.02.2024").encode())

    results = submit_file("rejects.csv", GERMAN_MAPPING, client=client, journal=None)

    assert results["status"].tolist() == ["accepted"]
    assert [event.metadata["total"] for event in sandbox.events if event.contact == "00043"] == [1234]


@pytest.mark.parametrize("rejects_name", ["rejects.csv", "rejects.parquet"])
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("orders.csv", lambda frame, path: frame.to_csv(path, index=False, sep=";", decimal=",")),
        ("orders.jsonl", lambda frame, path: frame.to_json(path, orient="records", lines=True)),
        ("orders.parquet", lambda frame, path: frame.to_parquet(path)),
        ("orders.feather", lambda frame, path: frame.to_feather(path)),
        ("orders.xlsx", lambda frame, path: frame.to_excel(path, index=False)),
    ],
)
def test_rejects_have_the_decimal_sign_of_the_mapping(folder, client, sandbox, name, write, rejects_name):
    """A mapping that gives a delimiter and a decimal comma reads the numbers again, also those that had a type."""
    mapping = EventMapping(
        event_name="placed-order",
        created_at=Date("day"),
        user_id="who",
        metadata={"total": Number("total"), "size": Number("size")},
        timezone="UTC",
        source=SourceFormat(delimiter=";", decimal=","),
    )
    orders = {"who": ["00042", None], "day": ["2024-01-31"] * 2, "total": [1.5, 1.234], "size": [1, 2]}
    write(pd.DataFrame(orders), folder / name)
    submit_file(name, mapping, client=client, journal=None, rejects_path=rejects_name)
    if rejects_name.endswith(".csv"):
        (folder / rejects_name).write_text("who" + (folder / rejects_name).read_text()[3:].replace("\n;", "\n00043;"))
    else:
        pd.read_parquet(rejects_name).assign(who="00043").to_parquet(rejects_name)

    results = submit_file(rejects_name, mapping, client=client, journal=None)

    assert results["status"].tolist() == ["accepted"]
    assert [event.metadata for event in sandbox.events if event.contact == "00043"] == [{"total": 1.234, "size": 2}]


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


@pytest.mark.parametrize("name", ["orders.csv", "orders.jsonl", "orders.parquet", "orders.xlsx"])
def test_error_of_a_spreadsheet_makes_its_row_invalid_in_every_format(folder, client, name):
    """The message names the column, the line is that of the file, and the other rows are sent."""
    rows = pd.DataFrame({"who": ["1", "2"], "day": ["2024-01-31"] * 2, "plan": ["#REF!", "pro"]})
    write = {".csv": "to_csv", ".parquet": "to_parquet", ".xlsx": "to_excel"}.get((folder / name).suffix)
    if write is None:
        rows.to_json(name, orient="records", lines=True)
    else:
        getattr(rows, write)(name, index=False)
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"plan": "plan"}, timezone="UTC")

    results = submit_file(name, mapping, client=client, journal=None)

    assert results["status"].tolist() == ["invalid", "accepted"]
    assert results["error_code"].iloc[0] == "sheet_error"
    assert results["error_message"].iloc[0] == (
        "metadata.plan: '#REF!' in column 'plan' is an error that a spreadsheet shows instead of a value: correct or "
        "empty the cell there, and save or export the file again"
    )
