"""Files into the sandbox: the cells arrive as they are written."""

import pandas as pd
import pytest

from events_pandas import Constant, Date, EventMapping, MappingError, MonetaryAmount, SourceError, submit_file

ORDERS = """\
who,day,size,number,note
00042,2024-01-31,3,00123,NA
00043,2024-02-01,4.5,7,
00042,2024-01-31,5,8,again
00044,2024-02-30,6,9,x
"""


@pytest.fixture
def orders_mapping():
    """A mapping with bare columns, whose types come from the cells of a CSV file."""
    return EventMapping(
        event_name="placed-order",
        created_at="day",
        user_id="who",
        metadata={"size": "size", "number": "number", "note": "note", "source": Constant("file")},
        timezone="UTC",
    )


@pytest.fixture
def orders_csv(folder):
    """A CSV file of four rows: two good ones, a duplicate and an invalid one."""
    (folder / "orders.csv").write_text(ORDERS)
    return "orders.csv"


def test_csv_file_arrives_as_it_is_written(orders_csv, orders_mapping, sandbox, client):
    """Leading zeros stay, a column of numbers is sent as numbers, and an empty cell is absent."""
    results = submit_file(orders_csv, orders_mapping, client=client)

    assert results["status"].tolist() == ["accepted", "accepted", "duplicate", "invalid"]
    assert sorted((event.contact, dict(event.metadata)) for event in sandbox.events) == [
        ("00042", {"size": 3, "number": "00123", "note": "NA", "source": "file"}),
        ("00043", {"size": 4.5, "number": "7", "source": "file"}),
    ]


def test_identifiers_that_a_spreadsheet_damaged_are_not_sent(folder, sandbox, client):
    """A row is invalid if a spreadsheet has damaged its identifier, and it claims no duplicate key."""
    cells = ["1.23457E+11", "1.23457E+11", '"=""00042"""', "'00042", "#N/A", "########", "42\u200b", "42 ", "00042"]
    text = "who,day\n" + "".join(f"{cell},2024-01-01T00:00:00Z\n" for cell in cells)
    (folder / "orders.csv").write_text(text, encoding="utf-8")
    mapping = EventMapping(event_name="joined", created_at="day", user_id="who")

    results = submit_file("orders.csv", mapping, client=client, journal=None)

    assert results["status"].tolist() == [*["invalid"] * 8, "accepted"]
    assert results["error_code"].tolist()[:8] == [
        "identifier_scientific",
        "identifier_scientific",
        "identifier_guarded",
        "identifier_guarded",
        "identifier_sheet_error",
        "identifier_sheet_error",
        "invisible_character",
        "blanks_around",
    ]
    assert [event.contact for event in sandbox.events] == ["00042"]


def test_prices_that_show_short_floats_are_rounded_on_request(folder, sandbox, client):
    """With `rounding`, a mapping in TOML rounds amounts from short floats, and a note counts them."""
    (folder / "sales.csv").write_text(
        "who,price,currency,day\n10,39.2400016784668,usd,2025-08-14T15:34:00Z\n12,25,usd,2025-08-14T15:36:00Z\n",
        encoding="utf-8",
    )
    (folder / "sales.toml").write_text(
        'event_name = "sold"\ncreated_at = "day"\nuser_id = "who"\n[metadata]\n'
        'price = { type = "monetary_amount", amount = "price", currency = "currency", rounding = "half_up" }\n',
        encoding="utf-8",
    )

    results = submit_file("sales.csv", EventMapping.from_toml("sales.toml"), client=client, journal=None)

    assert sorted(event.metadata["price"]["amount"] for event in sandbox.events) == [2500, 3924]
    (note,) = results.attrs["run"]["notes"]
    assert (note["code"], note["rows"]) == ("amount_rounded", 1)


def test_parquet_file_arrives_with_its_types(folder, sandbox, client):
    """A Parquet file's times, decimals, integers with gaps and categories keep their types."""
    orders = pd.DataFrame(
        {
            "who": pd.array([2**53 + 1, None], dtype="Int64"),
            "at": pd.to_datetime(["2024-01-31 10:00", "2024-01-31 11:00"]).tz_localize("Europe/Berlin"),
            "total": [19.99, 5.0],
            "kind": pd.Categorical(["big", "small"]),
        }
    )
    orders.to_parquet(folder / "orders.parquet")
    price = MonetaryAmount("total", currency=Constant("eur"))
    metadata = {"ordered_at": Date("at"), "price": price, "kind": "kind"}
    mapping = EventMapping(event_name="a", created_at="at", user_id="who", metadata=metadata)

    results = submit_file(folder / "orders.parquet", mapping, client=client)

    (event,) = sandbox.events
    assert results["error_code"].fillna("").tolist() == ["", "identifier_missing"]
    assert (event.contact, event.created_at) == ("9007199254740993", 1706691600)
    assert dict(event.metadata) == {
        "ordered_at": 1706691600,
        "price": {"amount": 1999, "currency": "eur"},
        "kind": "big",
    }


def test_pattern_names_files_of_both_formats(folder, make_orders, mapping, sandbox, client, held):
    """A pattern reads its files in the order of their names, and the results name each row's file."""
    make_orders(2, start=2).to_csv(folder / "orders-1.csv", index=False)
    make_orders(2).to_parquet(folder / "orders-0.parquet")

    results = submit_file("orders-*", mapping, client=client)

    assert results["source_file"].tolist() == ["orders-0.parquet"] * 2 + ["orders-1.csv"] * 2
    assert results["row"].tolist() == [0, 1, 2, 3]
    assert held(sandbox) == ["00000", "00001", "00002", "00003"]


@pytest.mark.parametrize("name", ["results.csv", "results.parquet"])
def test_results_file_equals_the_returned_frame(orders_csv, orders_mapping, client, name):
    """The results file equals the returned frame; Parquet keeps the dtypes too."""
    results = submit_file(orders_csv, orders_mapping, client=client, chunksize=2, results_path=name)

    read = pd.read_csv if name.endswith("csv") else pd.read_parquet
    written = read(name)
    for column in ("row", "status", "attempts", "source_file"):
        assert written[column].tolist() == results[column].tolist()
    if name.endswith("parquet"):
        assert written.dtypes.astype(str).to_dict() == results.dtypes.astype(str).to_dict()


UNCLEAR = (
    "orders.csv: is not UTF-8, and its encoding is not clear: as Windows-1252, line 2 has 'z³oty': set encoding in the "
    "mapping's source, such as 'cp1250' or 'mac_roman', or save it as UTF-8"
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "orders.csv: is empty: its first line must name the columns"),
        (b"who,day\nz\xb3oty,2024-01-31\n", UNCLEAR),
        (
            b'who,day\n1,2024-01-31\n2,"2024-01-31\n',
            "orders.csv: a quote is opened in line 3 and not closed: close it, or write it twice",
        ),
    ],
    ids=["empty", "unclear encoding", "open quote"],
)
def test_file_that_cannot_be_read_ends_the_run_before_anything_is_sent(
    folder, mapping, sandbox, client, content, message
):
    """An unreadable file raises an error before the first request."""
    (folder / "orders.csv").write_bytes(content)

    with pytest.raises(SourceError) as caught:
        submit_file("orders.csv", mapping, client=client)

    assert str(caught.value) == message
    assert sandbox.to_frame().empty


def test_file_without_a_header_is_refused(folder, mapping, client):
    """Without a header, the first row gives the column names, and the mapped columns are missing."""
    (folder / "orders.csv").write_text("00042,2024-01-31\n")

    with pytest.raises(MappingError) as caught:
        submit_file("orders.csv", mapping, client=client)

    assert caught.value.faults == (
        "created_at: no column 'day'; there are '00042', '2024-01-31'",
        (
            "user_id: no column 'who'; there are '00042', '2024-01-31' "
            "(the file's first line seems to be a row: write a line above it that names the columns)"
        ),
    )


def test_file_with_a_byte_order_mark_and_short_rows_arrives(folder, mapping, client):
    """A byte order mark and short rows, as Excel writes them, are read; a row that is too short is invalid."""
    (folder / "orders.csv").write_bytes("\ufeffwho,day\n00042,2024-01-31\n00043\n".encode())

    results = submit_file("orders.csv", mapping, client=client)

    assert results["error_code"].fillna("").tolist() == ["", "row_too_short"]
