"""Rows to payload bytes with all checks, beside the work of a simple script.

A million rows shaped like the example of Intercom's documentation: two dates, text, a number, a rich link and money.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

import events_pandas as ep
from events_pandas.check import chunk_bounds
from events_pandas.check.collisions import collisions
from events_pandas.check.in_order import in_order
from events_pandas.convert import Converter
from events_pandas.convert.keys import FIRST_WORD, EventKeys
from events_pandas.mapping import bind

ROWS = 1_000_000
# Ten times slower than the others: its rate does not depend on the number of rows, and a run would take long.
LOOP_ROWS = 100_000
# The chunk of check_events. Submissions convert smaller ones, and would gain nothing from more speed.
CHUNKSIZE = 2**16
REPEATS = 3

MAPPING = ep.EventMapping(
    event_name="placed-order",
    created_at="placed_at",
    user_id="customer_id",
    metadata={
        "order_date": ep.Date("ordered_at"),
        "stripe_invoice": ep.Text("invoice"),
        "items": ep.Number("items"),
        "order_number": ep.RichLink(value="order_no", url="order_url"),
        "price": ep.MonetaryAmount("total", currency=ep.Constant("usd")),
    },
    timezone="UTC",
)


def orders(rows: int, *, start: int = 0) -> pd.DataFrame:
    """Return orders one second apart, so that no event is a duplicate; `start` is the number of the first."""
    numbers = pd.Series(np.arange(start, start + rows))
    order_numbers = "3434-" + numbers.astype(str)
    random = np.random.default_rng(seed=1 + start)
    placed_at = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(numbers, unit="s")
    return pd.DataFrame(
        {
            "placed_at": placed_at,
            "ordered_at": placed_at - pd.Timedelta(hours=1),
            "customer_id": (314_159 + numbers % 50_000).astype(str),
            "invoice": "inv_" + (3_434_343_434 + numbers).astype(str),
            "items": random.integers(1, 10, size=rows),
            "order_no": order_numbers,
            "order_url": "https://example.org/orders/" + order_numbers,
            "total": random.integers(100, 100_000, size=rows) / 100,
        }
    )


def convert(frame: pd.DataFrame) -> None:
    """Make payloads with all checks and the search for duplicates, on all cores."""
    converter = Converter(bind(frame, MAPPING))

    def payloads(bounds: tuple[int, int]) -> EventKeys:
        batch = converter.convert(*bounds)
        batch.payloads(batch.valid)
        return batch.keys()

    chunks = list(in_order(payloads, chunk_bounds(len(frame), CHUNKSIZE)))
    keys = EventKeys(
        streams=np.concatenate([chunk.streams for chunk in chunks], axis=1),
        seconds=np.concatenate([chunk.seconds for chunk in chunks]),
    )
    collisions(keys, keys.words(slice(None), FIRST_WORD)[0], np.ones(len(frame), dtype=bool))


def check(frame: pd.DataFrame) -> None:
    """Do the work of a submission before its first request."""
    ep.check_events(frame, MAPPING)


def loop(frame: pd.DataFrame) -> None:
    """Make payloads without checks, with a dict for each row."""
    for row in frame.to_dict("records"):
        json.dumps(payload(row)).encode()


def payload(row: dict[str, Any]) -> dict[str, Any]:
    """Return the event of one row."""
    return {
        "event_name": "placed-order",
        "created_at": int(row["placed_at"].timestamp()),
        "user_id": row["customer_id"],
        "metadata": {
            "order_date": int(row["ordered_at"].timestamp()),
            "stripe_invoice": row["invoice"],
            "items": row["items"],
            "order_number": {"url": row["order_url"], "value": row["order_no"]},
            "price": {"amount": round(row["total"] * 100), "currency": "usd"},
        },
    }


def encode(frame: pl.DataFrame) -> None:
    """Make payloads without checks, on all cores."""
    metadata = pl.struct(
        pl.col("ordered_at").dt.epoch("s").alias("order_date"),
        pl.col("invoice").alias("stripe_invoice"),
        "items",
        pl.struct(pl.col("order_url").alias("url"), pl.col("order_no").alias("value")).alias("order_number"),
        pl.struct(
            (pl.col("total") * 100).round().cast(pl.Int64).alias("amount"), pl.lit("usd").alias("currency")
        ).alias("price"),
    )
    event = pl.struct(
        pl.lit("placed-order").alias("event_name"),
        pl.col("placed_at").dt.epoch("s").alias("created_at"),
        pl.col("customer_id").alias("user_id"),
        metadata.alias("metadata"),
    )
    frame.select(event.struct.json_encode())


def rows_per_second(work: Callable[[Any], None], frame: pd.DataFrame | pl.DataFrame) -> float:
    """Return the best of several runs: other work of the machine only makes a run slower."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work(frame)
        seconds.append(time.perf_counter() - start)
    return len(frame) / min(seconds)


def main() -> None:
    """Print a line for each way."""
    frame = orders(ROWS)
    rates = {
        'to_dict("records") + json.dumps': rows_per_second(loop, frame.head(LOOP_ROWS)),
        "Polars struct.json_encode": rows_per_second(encode, pl.from_pandas(frame)),
        "events_pandas, payloads and checks": rows_per_second(convert, frame),
        "events_pandas.check_events": rows_per_second(check, frame),
    }
    baseline, *_ = rates.values()
    print(f"Rows to payloads: {ROWS:,} rows ({LOOP_ROWS:,} for the first line), the best of {REPEATS} runs")
    for name, rate in rates.items():
        print(f"{name:36} {rate:>12,.0f} rows/s {rate / baseline:>6.1f} x")


if __name__ == "__main__":
    main()
