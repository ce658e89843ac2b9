"""A check of files holds no rows, and still says what a check of all their rows at once says."""

import dataclasses
import json
import re
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas import Column, EventMapping, Number, check_events, check_file, submit_file

EXAMPLES = settings(max_examples=settings.default.max_examples // 2, deadline=None)
DTYPES = {"event": "string", "who": "string", "day": "string", "x": "string", "total": "float"}
PLACE = re.compile(r" \([^() ]*\.parquet\)")
EMPTY = re.compile(r"\nwarning: [^\n]* no rows")
MAPPING = EventMapping(
    event_name=Column("event"),
    created_at="day",
    user_id="who",
    metadata={"x": "x", "total": "total", "twice": Number(lambda frame: frame["total"] * 2)},
    timezone="UTC",
)
MAPPINGS = {policy: dataclasses.replace(MAPPING, duplicates=policy) for policy in ("skip", "send", "spread")}

rows = st.fixed_dictionaries(
    {
        "event": st.sampled_from(["a", "A", "b", None]),
        "who": st.sampled_from(["1", "2", "03", None]),
        "day": st.sampled_from(["2024-01-31", "2024-01-31T00:00:01", "2999-01-01", "never", None]),
        "x": st.sampled_from(["p", "p", "q", None]),
        "total": st.sampled_from([1.0, 2.5, None, float("inf")]),
    }
)
files = st.lists(st.lists(rows, max_size=8), min_size=1, max_size=4)


def written(folder, parts):
    """Write a file for each part of the rows; return the pattern that names them, and all rows as one frame."""
    frames = [pd.DataFrame(part, columns=list(DTYPES)).astype(DTYPES) for part in parts]
    for number, frame in enumerate(frames):
        frame.to_parquet(f"{folder}/{number}.parquet", index=False)
    return f"{folder}/*.parquet", pd.concat(frames, ignore_index=True)


def facts(report):
    """Return all that a report says but where rows are in files."""
    return {
        # Only files have names: a frame without rows has no warning.
        "text": EMPTY.sub("", PLACE.sub("", str(report))),
        "causes": [dataclasses.replace(cause, place="") for cause in report.causes],
        "unlisted": report.unlisted,
        "contacts": report.contacts,
        "span": report.span,
        "days": report.days.to_dict("list"),
        "spread": report.spread,
        "names": report.names.to_dict(),
        "metadata": report.metadata.to_dict("list"),
        "payloads": report.payloads(1_000),
        "problems": report.problems.iloc[:, :6].to_dict("list"),
    }


@EXAMPLES
@given(parts=files, policy=st.sampled_from(["skip", "send"]))
def test_check_of_files_equals_the_check_of_all_their_rows(parts, policy):
    """*The same report as `check_events` on the whole frame*, wherever the rows are cut into files."""
    with TemporaryDirectory() as folder:
        pattern, frame = written(folder, parts)

        report = check_file(pattern, MAPPINGS[policy])

    assert repr(facts(report)) == repr(facts(check_events(frame, MAPPINGS[policy])))


@EXAMPLES
@given(part=st.lists(rows, max_size=12))
def test_check_of_one_chunk_equals_the_check_of_its_rows_where_rows_are_spread(part):
    """Rows of one chunk give way to each other as those of a frame do."""
    with TemporaryDirectory() as folder:
        pattern, frame = written(folder, [part])

        report = check_file(pattern, MAPPINGS["spread"])

    assert repr(facts(report)) == repr(facts(check_events(frame, MAPPINGS["spread"])))


@pytest.mark.filterwarnings("ignore:.* no rows")
@EXAMPLES
@given(parts=files, policy=st.sampled_from(sorted(MAPPINGS)))
def test_check_of_files_shows_what_is_submitted(parts, policy, fake_client):
    """*Check is honest*: its payloads and counts are those of a submission, the seconds of spread rows included."""
    client = fake_client()
    with TemporaryDirectory() as folder:
        pattern, _ = written(folder, parts)

        report = check_file(pattern, MAPPINGS[policy])
        results = submit_file(pattern, MAPPINGS[policy], client=client, journal=None, progress=False)

    assert sorted(map(json.dumps, report.payloads(1_000))) == sorted(map(json.dumps, client.events))
    assert report.requests == len(client.events)
    assert report.invalid == (results["status"] == "invalid").sum()
