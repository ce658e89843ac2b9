"""The results frame: its columns, and the ledger that collects the outcome of each row."""

import numpy as np
import pandas as pd
import pytest

from events_pandas.check import CLAIMED, EarlierSubmissions
from events_pandas.deliver import Outcome, Status
from events_pandas.results import STATUS_DTYPE, Ledger, RunStatuses
from events_pandas.results.frame import counts_or_na, text_column, utc_times


def test_status_dtype_has_the_eight_statuses_in_their_documented_order():
    """Results sort and count in the order in which the statuses are documented."""
    assert STATUS_DTYPE.ordered
    assert STATUS_DTYPE.categories.tolist() == [
        "accepted",
        "already_submitted",
        "duplicate",
        "invalid",
        "unknown_contact",
        "rejected",
        "failed",
        "not_submitted",
    ]


@pytest.mark.parametrize("n_rows", [0, 2])
def test_ledger_frame_has_the_documented_dtypes_for_any_rows(make_ledger, n_rows):
    """Columns and dtypes are the same for no rows as for many."""
    frame = make_ledger(n_rows).frame()

    assert {column: str(dtype) for column, dtype in frame.dtypes.items()} == {
        "row": "int64",
        "status": "category",
        "http_status": "Int16",
        "attempts": "Int16",
        "error_code": "string",
        "error_message": "string",
        "request_id": "string",
        "created_at": "datetime64[us, UTC]",
        "submitted_at": "datetime64[us, UTC]",
    }
    assert frame["status"].dtype == STATUS_DTYPE


def test_utc_times_keeps_missing_times():
    """NaT stays NaT, and a second stays the same instant."""
    times = utc_times(np.array(["2024-01-31T10:00:00", "NaT"], dtype="datetime64[s]"))

    assert list(times) == [pd.Timestamp("2024-01-31 10:00", tz="UTC"), pd.NaT]


def test_counts_or_na_has_na_for_negative_numbers():
    """A row without an answer has NA for its status."""
    assert list(counts_or_na(np.array([202, -1], np.int16))) == [202, pd.NA]


def test_text_column_has_na_for_none():
    """A row without an error has NA for its message, not an empty text."""
    assert list(text_column(np.array(["fix it", None], object))) == ["fix it", pd.NA]


@pytest.fixture
def rejected():
    """The outcome of row 1 after a refusal."""
    return Outcome(
        row=1,
        status=Status.REJECTED,
        http_status=422,
        attempts=2,
        error_code="parameter_invalid",
        error_message="fix it",
        request_id="req-1",
        submitted_at=1_706_700_000.25,
    )


def test_ledger_records_every_fact_of_an_outcome(make_ledger, rejected):
    """A row shows its status, answer, attempts, error, request and time."""
    ledger = make_ledger()

    ledger.record(rejected)

    line = ledger.frame().loc[1]
    assert line.to_dict() == {
        "row": 1,
        "status": "rejected",
        "http_status": 422,
        "attempts": 2,
        "error_code": "parameter_invalid",
        "error_message": "fix it",
        "request_id": "req-1",
        "created_at": pd.Timestamp("2024-01-31", tz="UTC"),
        "submitted_at": pd.Timestamp("2024-01-31 11:20:00.25", tz="UTC"),
    }


def test_ledger_counts_rows_over_all_frames(make_ledger, rejected):
    """An outcome's row is a position in the run, and so is the column `row`."""
    ledger = make_ledger(offset=1)

    ledger.record(rejected)

    assert ledger.frame()["row"].tolist() == [1, 2, 3]
    assert ledger.frame()["status"].tolist() == ["rejected", "not_submitted", "not_submitted"]


def test_ledger_overwrites_when_an_outcome_is_recorded_again(make_ledger, rejected):
    """Recording an outcome twice changes nothing."""
    once, twice = make_ledger(), make_ledger()

    once.record(rejected)
    twice.record(rejected)
    twice.record(rejected)

    pd.testing.assert_frame_equal(once.frame(), twice.frame())


def test_ledger_enters_invalid_rows_at_once(make_ledger):
    """An invalid row needs no outcome: its first error gives code and message."""
    frame = make_ledger(invalid=[2]).frame()

    assert frame["status"].tolist() == ["not_submitted", "not_submitted", "invalid"]
    assert frame.loc[2, "error_code"] == "created_at_missing"
    assert frame.loc[2, "error_message"] == "created_at: a value is empty: every event needs its time"


def test_ledger_keeps_any_index_when_it_gives_the_frame(make_checked):
    """The index is the caller's: type, names, order and repetitions."""
    index = pd.MultiIndex.from_tuples([("b", 1), ("a", 2), ("b", 1)], names=["shop", None])

    frame = Ledger(make_checked(3), index).frame()

    pd.testing.assert_index_equal(frame.index, index)


def test_ledger_marks_a_repeat_as_duplicate_when_its_first_row_arrived(make_ledger):
    """Intercom would drop the repeat of an event that it has."""
    ledger = make_ledger(repeats={2: 0})
    ledger.record(Outcome(row=0, status=Status.ACCEPTED))

    ledger.close(RunStatuses(), reason=None)

    line = ledger.frame().loc[2]
    assert (line["status"], line["error_code"]) == ("duplicate", "duplicate")
    assert line["error_message"] == (
        "identical to row 0 in contact, event name, second and metadata: Intercom would drop it without an error"
    )


def test_ledger_distinguishes_duplicates_with_other_metadata_from_identical_ones(make_ledger):
    """Other metadata would be lost with the repeat."""
    ledger = make_ledger(repeats={2: 0}, are_identical=False)
    ledger.record(Outcome(row=0, status=Status.ACCEPTED))

    ledger.close(RunStatuses(), reason=None)

    line = ledger.frame().loc[2]
    assert (line["status"], line["error_code"]) == ("duplicate", "duplicate_with_other_metadata")
    assert line["error_message"] == (
        "same contact, event name and second as row 0, with other metadata: Intercom would drop it without an error"
    )


@pytest.mark.parametrize("are_identical", [True, False])
def test_ledger_leaves_a_repeat_not_submitted_when_its_first_row_did_not_arrive(make_ledger, are_identical):
    """After the first row is fixed, its repeat must be submitted too."""
    ledger = make_ledger(repeats={2: 0}, are_identical=are_identical)
    ledger.record(Outcome(row=0, status=Status.REJECTED))

    ledger.close(RunStatuses(), reason=None)

    line = ledger.frame().loc[2]
    assert (line["status"], line["error_code"]) == ("not_submitted", "duplicate_of_unsent")
    assert line["error_message"] == (
        "same contact, event name and second as row 0, which was not accepted: see there, then submit both again"
    )


def test_ledger_looks_up_first_rows_in_earlier_frames(make_ledger):
    """The first row of a repeat may be in an earlier frame."""
    statuses = RunStatuses()
    earlier = make_ledger(2)
    earlier.record(Outcome(row=1, status=Status.ACCEPTED))
    earlier.close(statuses, reason=None)
    later = make_ledger(2, offset=2, repeats={0: 1, 1: 0})

    later.close(statuses, reason=None)

    assert later.frame()["status"].tolist() == ["duplicate", "not_submitted"]


def test_ledger_keeps_the_outcomes_of_repeats_when_they_are_sent(make_ledger):
    """With duplicates="send" a repeat has an outcome of its own."""
    ledger = make_ledger(2, repeats={1: 0}, are_sent=True)
    ledger.record(Outcome(row=1, status=Status.ACCEPTED))

    ledger.close(RunStatuses(), reason=None)

    assert ledger.frame()["status"].tolist() == ["not_submitted", "accepted"]


def test_ledger_gives_the_reason_to_rows_that_wait_when_a_run_ends_early(make_ledger, rejected):
    """Rows that were judged or answered keep their own status."""
    ledger = make_ledger(3, invalid=[0])
    ledger.record(rejected)

    ledger.close(RunStatuses(), reason=("outage", "try again later"))

    frame = ledger.frame()
    assert frame["error_code"].tolist() == ["created_at_missing", "parameter_invalid", "outage"]
    assert frame.loc[2, "error_message"] == "try again later"


def test_ledger_closes_again_when_an_interrupt_came_between(make_ledger):
    """Closing twice changes nothing: an interrupted close is repeated."""
    statuses = RunStatuses()
    ledger = make_ledger(3, repeats={2: 0})
    ledger.record(Outcome(row=0, status=Status.ACCEPTED))

    ledger.close(statuses, reason=None)
    ledger.close(statuses, reason=("interrupted", "again"))

    assert ledger.frame()["error_code"].fillna("").tolist() == ["", "interrupted", "duplicate"]
    assert statuses.arrived(np.arange(2)).tolist() == [True, False]


def test_ledger_knows_what_earlier_runs_have_made_of_rows(make_ledger):
    """An accepted event has its time; an event that Intercom would ignore is a duplicate, with the reason."""
    submitted = EarlierSubmissions(
        rows=np.array([0, 1]),
        seconds=np.zeros(2, np.int64),
        accepted_at=np.array([1_706_700_000, CLAIMED]),
        blocked=np.array([2]),
        blocked_since=np.array([1_706_700_001]),
    )

    frame = make_ledger(submitted=submitted).frame()

    assert frame["status"].tolist() == ["already_submitted", "not_submitted", "duplicate"]
    assert frame["submitted_at"].tolist()[0] == pd.Timestamp("2024-01-31T11:20:00Z")
    assert frame["attempts"].tolist() == [0, 0, 0]
    assert frame["error_code"].isna().tolist() == [True, True, False]
    assert frame.loc[2, ["error_code", "error_message"]].tolist() == [
        "accepted_with_other_metadata",
        (
            "same contact, event name and second as an event that was accepted on 2024-01-31 (UTC), with other "
            "metadata: Intercom would ignore it without an error, and keep the first metadata"
        ),
    ]
