"""The types of bare columns from run to run: most of the cells decide, and the journal keeps the decision."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pandas as pd
import pytest

from events_pandas import EventMapping, InvalidRowsError, MappingError, Number, iter_submit, submit_events, submit_file


@pytest.fixture
def mapping():
    """A mapping with a bare column, which spreads rows that share a second."""
    return EventMapping(
        event_name="watched",
        created_at="day",
        user_id="who",
        metadata={"minutes": "minutes"},
        timezone="UTC",
        duplicates="spread",
    )


@pytest.fixture
def submit(tmp_path, sandbox, mapping):
    """Return a function that submits a CSV file with a row for each number of minutes."""

    def submit(*minutes, rules=mapping, **options):
        path = tmp_path / "watched.csv"
        path.write_text("who,day,minutes\n" + "".join(f"u{n},2024-01-31,{cell}\n" for n, cell in enumerate(minutes)))
        options = {"journal": tmp_path / "journal.sqlite", "progress": False, **options}
        return submit_file(path, rules, client=sandbox.client(), **options)

    return submit


def _sent(sandbox):
    return [event.metadata.get("minutes") for event in sandbox.events]


def _notes(results):
    return {note["code"]: note["message"] for note in results.attrs["run"]["notes"]}


def test_one_odd_cell_is_the_problem_of_its_row(submit, sandbox):
    """One odd cell makes its own row invalid; the other rows are sent as numbers, and a note explains it."""
    results = submit("1", "N/A", "3")

    assert results["status"].tolist() == ["accepted", "invalid", "accepted"]
    assert results["error_message"][1] == (
        "metadata.minutes: 'N/A' in column 'minutes' is not a plain number: write it as 3.67, without units or "
        "thousands separators"
    )
    assert sorted(_sent(sandbox)) == [1, 3]
    assert _notes(results) == {
        "sent_as_numbers": (
            "metadata.minutes: 'N/A' in column 'minutes' is not a number, but its column, which has no rule in the "
            "mapping, is sent as numbers: fix or empty the cell, or give the column a text rule in the mapping"
        )
    }


@pytest.mark.parametrize(
    "later",
    [
        ("1", "2", "3"),
        ("1", "2.0", "3"),
        ("1", "N/A", "3", "oops"),
        ("1", "oops", "3", "oops", "oops", "oops", "oops"),
    ],
)
def test_accepted_rows_never_go_out_again(submit, sandbox, later):
    """A fixed cell, a new row or another spelling of a number does not send an accepted row again."""
    submit("1", "N/A", "3")

    results = submit(*later)

    assert results["status"].tolist()[0] == results["status"].tolist()[2] == "already_submitted"
    assert sorted(_sent(sandbox)).count(1) == sorted(_sent(sandbox)).count(3) == 1
    assert len(sandbox.events) == 2 + (later[1][0] == "2")


def test_column_keeps_its_type_from_run_to_run(submit, sandbox):
    """A file with many odd cells does not change the type that earlier runs sent."""
    submit("1", "2", "3")

    results = submit("1", "x", "y", "4")

    assert results["status"].tolist() == ["already_submitted", "invalid", "invalid", "accepted"]
    assert sorted(_sent(sandbox)) == [1, 2, 3, 4]
    assert _notes(results)["type_kept"] == (
        "metadata.minutes: text, sent as numbers, in column 'minutes' keeps the type that earlier runs in the journal "
        "sent: give the column a text, number or date rule in the mapping to choose the type"
    )


@pytest.mark.parametrize(
    ("cells", "number"),
    [(("1.234", "0,5", "x", "y"), 1234), (("1.234", "1,234.5", "x", "y"), 1.234)],
    ids=["comma", "point"],
)
def test_column_of_a_kept_type_is_read_with_the_sign_of_its_cells(submit, sandbox, cells, number):
    """If most cells of a column of numbers are not numbers tonight, the others have the sign that they show."""
    submit("7", "8", "9")

    results = submit(*(f'"{cell}"' for cell in cells))

    assert results["status"].tolist() == ["accepted", "accepted", "invalid", "invalid"]
    assert number in _sent(sandbox)


def test_column_of_a_kept_type_is_refused_when_its_cells_have_both_signs(submit, sandbox, tmp_path):
    """Numbers are not sent in one of two readings: the sign of the column must be given."""
    submit("7", "8", "9")

    with pytest.raises(MappingError) as caught:
        submit('"1.234"', '"0,5"', '"0.5"', '"x"', '"y"')

    path = tmp_path / "watched.csv"
    assert str(caught.value) == (
        f"metadata.minutes: column 'minutes' shows both decimal signs ('0,5' in line 3 of {path}, '0.5' in line 4 of "
        f"{path}): set decimal to ',' or '.' in [source] of the mapping or with --decimal, or in a rule of the column"
    )
    assert len(sandbox.events) == 3


def test_rule_of_the_mapping_is_stronger_than_a_kept_type(submit, sandbox, mapping):
    """A rule in the mapping overrides the type that the journal keeps."""
    submit("x", "y", "z")
    numbers = replace(mapping, metadata={"minutes": Number("minutes")})

    results = submit("4", "x", "y", "5", rules=numbers)

    assert results["status"].tolist() == ["accepted", "invalid", "invalid", "accepted"]
    assert "type_kept" not in _notes(results)
    assert sorted(minutes for minutes in _sent(sandbox) if isinstance(minutes, int)) == [4, 5]


@pytest.mark.parametrize(("name", "minutes"), [("watched", "7"), ("Watched", "7"), ("heard", 7)])
def test_type_is_kept_for_the_event_name(submit, sandbox, tmp_path, name, minutes):
    """The journal keeps a type for the event's normalized name and the metadata key."""
    submit("x", "y", "z")
    rules = EventMapping(
        event_name=name, created_at="day", user_id="who", metadata={"minutes": "minutes"}, timezone="UTC"
    )
    frame = pd.DataFrame({"who": ["a"], "day": ["2024-01-31"], "minutes": [7]})

    submit_events(frame, rules, client=sandbox.client(), journal=tmp_path / "journal.sqlite", progress=False)

    assert sandbox.events[-1].metadata == {"minutes": minutes}


def test_kept_type_holds_frames_and_streams_too(submit, sandbox, mapping, tmp_path):
    """A kept type also holds for frames and for the first frame of a stream."""
    submit("x", "y", "z")
    frame = pd.DataFrame({"who": ["a", "b"], "day": ["2024-01-31"] * 2, "minutes": [7, 8]})
    options = {"client": sandbox.client(), "journal": tmp_path / "journal.sqlite", "progress": False}

    whole = submit_events(frame, mapping, **options)
    parts = list(iter_submit([frame.assign(who=["c", "d"]), frame.assign(who=["e", "f"])], mapping, **options))

    assert whole["status"].tolist() == ["accepted"] * 2
    assert pd.concat(parts)["row"].tolist() == [0, 1, 2, 3]
    assert sorted(event.metadata["minutes"] for event in sandbox.events[3:]) == ["7"] * 3 + ["8"] * 3
    assert set(_notes(whole)) == {"type_kept"}


def test_dates_are_kept_as_dates_from_any_format(sandbox, mapping, tmp_path):
    """Epoch seconds and ISO 8601 are the same type to the journal: dates."""
    path, journal = tmp_path / "seen.csv", tmp_path / "journal.sqlite"
    rules = replace(mapping, metadata={"seen_at": "seen"})
    nights = {"a": "1706702400", "b": "2024-01-31T12:00:00Z", "c": "soon", "d": "2024-01-31T12:00:00Z"}

    runs = {}
    for who, seen in nights.items():
        path.write_text(f"who,day,seen\n{who},2024-01-31,{seen}\n")
        runs[who] = submit_file(path, rules, client=sandbox.client(), journal=journal, progress=False)

    assert [event.metadata for event in sandbox.events] == [{"seen_at": 1706702400}] * 3
    assert {who: set(_notes(results)) for who, results in runs.items() if _notes(results)} == {
        "c": {"type_kept", "sent_as_dates"}
    }


def test_kept_type_is_judged_before_the_first_event(submit, sandbox):
    """With on_invalid="raise", nothing is sent if the kept type makes rows invalid."""
    submit("1", "2", "3")

    with pytest.raises(InvalidRowsError, match="2 rows are invalid"):
        submit("x", "4", "y", on_invalid="raise")

    assert len(sandbox.events) == 3


def test_run_that_sends_nothing_keeps_no_type(sandbox, mapping, tmp_path):
    """A run that sends nothing keeps no type for later runs."""
    frame = pd.DataFrame({"who": ["a", "b"], "day": ["never", "never"], "minutes": ["x", "y"]})
    options = {"client": sandbox.client(), "journal": tmp_path / "journal.sqlite", "progress": False}

    submit_events(frame, mapping, **options)
    submit_events(frame.assign(day="2024-01-31", minutes=[7, 8]), mapping, **options)

    assert sorted(_sent(sandbox)) == [7, 8]


def test_journal_of_an_earlier_version_keeps_types_from_now_on(submit, sandbox, tmp_path):
    """A journal of an earlier version has no table for types, and gets one."""
    submit("1")
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as journal:
        journal.execute("DROP TABLE types")

    submit("1", "2")
    results = submit("1", "2", "x", "y", "z")

    assert results["status"].tolist() == ["already_submitted"] * 2 + ["invalid"] * 3
    assert sorted(_sent(sandbox)) == [1, 2]


def test_type_is_kept_without_names(submit, tmp_path):
    """The journal holds digests, and not the names of the event and the key."""
    submit("1", "2", "3")

    files = b"".join(path.read_bytes() for path in tmp_path.glob("journal.sqlite*"))
    assert b"minutes" not in files
    assert b"watched" not in files.replace(str(tmp_path / "watched.csv").encode(), b"")
