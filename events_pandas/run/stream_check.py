"""A stream of frames checked without holding its rows, as `iter_submit` would judge them."""

import time
from collections.abc import Iterable, Iterator

import pandas as pd

from events_pandas.check import EarlierFrames, FrameCheck, StreamCheck, check_in_turn
from events_pandas.deliver import IntercomClient, progress_bar
from events_pandas.mapping import EventMapping, require_mapping
from events_pandas.results import CheckReport
from events_pandas.run.file_check import kept_payloads, known_destination


def check_stream(
    frames: Iterable[pd.DataFrame], mapping: EventMapping, *, client: IntercomClient | None = None
) -> CheckReport:
    """Check the rows of frames, each of which is read once, as `check_events` documents."""
    require_mapping(mapping)
    # Asked first: a token that is refused is known before the rows are read.
    destination = known_destination(client, progress="auto")
    stream = StreamCheck(mapping=mapping, earlier=EarlierFrames())
    with progress_bar("auto", total=None, description="checking", delay_seconds=2.0) as bar:
        passed = check_in_turn(_bound(stream, frames), now=time.time(), advance=bar.advance)
    return CheckReport(
        mapping=mapping,
        facts=passed.facts,
        index=pd.RangeIndex(passed.facts.rows),
        first_payloads=kept_payloads(passed, "a stream"),
        text_keys=passed.text_keys,
        resolved=stream.types,
        destination=destination,
    )


def _bound(stream: StreamCheck, frames: Iterable[pd.DataFrame]) -> Iterator[tuple[int, FrameCheck]]:
    start = 0
    for frame in frames:
        yield start, stream.bound(frame)
        start += len(frame)
