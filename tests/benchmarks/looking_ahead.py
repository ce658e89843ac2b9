"""The pace of a stream whose frames take time: the used part of each full window of the rate limit.

The source waits before each frame, as one that asks a database does, for a part of the time that sending the frame
takes. In one cell the source is quick, and the reader of the results waits as long. The sandbox has a process of its
own. The argument is a number of full windows: `python looking_ahead.py 6`.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final

import pandas as pd
from pace import ACCESS_TOKEN, FIRST_SECOND, LATENCY_MS, LIMIT, MAPPING, Cell, Counting, full_windows, sandbox

import events_pandas as ep
from events_pandas.intercom import WINDOW_SECONDS

WINDOWS: Final = 3
LEAST: Final = 0.99


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """A line of the table: how many rows a frame has, and who waits for which part of its sending time."""

    rows: int
    source: float = 0.0
    reader: float = 0.0
    least: float = LEAST

    @property
    def seconds(self) -> float:
        """Return the sending time of a frame."""
        return self.rows / LIMIT * WINDOW_SECONDS

    def frames(self, until: float) -> Iterator[pd.DataFrame]:
        """Yield frames until some time has come."""
        for start in count(step=self.rows):
            time.sleep(self.source * self.seconds)
            if time.monotonic() > until:
                return
            customers = [str(row) for row in range(start, start + self.rows)]
            yield pd.DataFrame({"customer": customers, "ordered_at": pd.Timestamp(FIRST_SECOND, unit="s")})


STREAMS: Final = (
    Stream(rows=LIMIT // 5),
    Stream(rows=LIMIT // 5, source=0.5),
    Stream(rows=LIMIT // 5, source=0.8),
    Stream(rows=LIMIT, source=0.8),
    Stream(rows=LIMIT // 5, reader=0.8),
    # Both wait in the caller's thread, one after the other.
    Stream(rows=LIMIT // 5, source=0.4, reader=0.4),
)


def used_parts(stream: Stream, windows: int) -> list[float]:
    """Submit a stream for some full windows, and return the used part of each."""
    cell = Cell(limit=LIMIT, latency_ms=LATENCY_MS, jitter=0.0, windows=windows, least=LEAST, most_refused=0.0)
    with sandbox(cell) as url, ep.IntercomClient(ACCESS_TOKEN, base_url=url) as real:
        client = Counting(real)
        until = time.monotonic() + (windows + 1) * WINDOW_SECONDS
        options = {"client": client, "progress": False, "journal": None}
        for part in ep.iter_submit(stream.frames(until), MAPPING, **options):
            if not part["status"].eq("accepted").all():
                sys.exit(f"not all rows were accepted:\n{part['status'].value_counts()}")
            time.sleep(stream.reader * stream.seconds)
    return [accepted / LIMIT for accepted in full_windows(client.tally)]


def main() -> None:
    """Print a line for each stream."""
    windows = int(sys.argv[1]) if len(sys.argv) > 1 else WINDOWS
    print(f"Looking ahead: the part used of {windows} full windows, limit {LIMIT:,}, latency {LATENCY_MS} ms")
    print("frame rows  its seconds  source waits  reader waits  windows   least    mean   goal")
    for stream in STREAMS:
        used = used_parts(stream, windows)
        place = f"{stream.rows:>10,} {stream.seconds:>12.1f} {stream.source:>13.0%} {stream.reader:>13.0%}"
        verdict = "met" if min(used) >= stream.least else "MISSED"
        shares = f"{len(used):>8} {min(used):>7.1%} {sum(used) / len(used):>7.1%}"
        print(f"{place} {shares}   at least {stream.least:.0%} of each window: {verdict}", flush=True)


if __name__ == "__main__":
    main()
