"""Keys join results to their rows, whatever becomes of the rows: a fake client gives any answer."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas import EventMapping, RetryPolicy, SubmissionError, iter_submit, submit_file

EXAMPLES = settings(max_examples=settings.default.max_examples // 4, deadline=None)
RETRY = RetryPolicy(attempts=1, base_seconds=0.0)
MAPPING = EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")

scripts = st.dictionaries(st.sampled_from(["1", "2"]), st.lists(st.sampled_from([202, 400, 404, 503, 401]), max_size=4))
rows = st.lists(
    st.fixed_dictionaries(
        {
            "who": st.sampled_from(["1", "2", "3", None]),
            "day": st.sampled_from(["2024-01-31", "2024-02-01", "never"]),
            "note": st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), max_size=4),
        }
    ),
    min_size=1,
    max_size=12,
)


def with_keys(found):
    """Give each row a key of its own, which is text with zeros in front."""
    frame = pd.DataFrame(found, columns=["who", "day", "note"], dtype=object)
    return frame.assign(order_id=[f"{number:03d}" for number in range(len(frame))])[::-1].reset_index(drop=True)


def joined(results, frame):
    """Return what a join of results and frame by the key says of each row."""
    both = frame.merge(results[["order_id", "note", "row"]], on="order_id", suffixes=("", "_of_results"))
    return both["row"].tolist(), both["note_of_results"].tolist()


@EXAMPLES
@given(rows, scripts, st.integers(1, 5))
def test_results_of_a_stream_are_joined_by_their_keys(fake_client, found, scripts, size):
    """*Rows in = rows out*: a join by the key gives each row once, with its own cells."""
    frame = with_keys(found)
    frames = [frame[start : start + size] for start in range(0, len(frame), size)]
    parts = []
    try:
        for part in iter_submit(
            frames, MAPPING, client=fake_client(scripts), keys=["order_id", "note"], retry=RETRY, journal=None
        ):
            parts.append(part)  # noqa: PERF402  # An error keeps the earlier ones.
    except SubmissionError as error:
        parts.append(error.results)

    results = pd.concat(parts)

    assert joined(results, frame[: len(results)]) == (list(range(len(results))), frame["note"].tolist()[: len(results)])


@pytest.mark.parametrize("name", ["results.csv", "results.parquet"])
@EXAMPLES
@given(rows, scripts, st.integers(1, 5))
def test_files_of_results_are_joined_by_their_keys(tmp_path_factory, fake_client, name, found, scripts, size):
    """*Rows in = rows out*, also in the file of results of a run that ended early after its first event."""
    folder, frame = tmp_path_factory.mktemp("files"), with_keys(found)
    frame.to_parquet(folder / "rows.parquet")
    client, ended = fake_client(scripts), None
    try:
        ended = submit_file(
            folder / "rows.parquet",
            MAPPING,
            client=client,
            keys=["order_id", "note"],
            results_path=folder / name,
            retry=RETRY,
            journal=None,
            chunksize=size,
        )
    except SubmissionError as error:
        ended = error.results

    if client.events:
        written = (
            pd.read_parquet(folder / name)
            if name.endswith("parquet")
            else pd.read_csv(folder / name, dtype=str, keep_default_na=False).astype({"row": int})
        )
        assert joined(written, frame) == (list(range(len(frame))), frame["note"].tolist())
    assert joined(ended, frame) == (list(range(len(frame))), frame["note"].tolist())
