"""The results frame: its columns, and the object that collects the outcome of each row."""

import numpy as np
import pandas as pd
import pytest

from events_pandas.check import CLAIMED, EarlierSubmissions
from events_pandas.deliver import Outcome, Status
from events_pandas.results import STATUS_DTYPE, RowOutcomes, RunStatuses
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
def test_results_frame_has_the_documented_dtypes_whatever_the_rows(make_row_outcomes, n_rows):
    """Columns and dtypes are the same for no rows as for many."""
    frame = make_row_outcomes(n_rows).frame()

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


def test_row_outcomes_record_every_fact_of_an_outcome(make_row_outcomes, rejected):
    """A row shows its status, answer, attempts, error, request and time."""
    row_outcomes = make_row_outcomes()

    row_outcomes.record(rejected)

    line = row_outcomes.frame().loc[1]
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


def test_row_outcomes_count_rows_over_all_frames(make_row_outcomes, rejected):
    """An outcome's row is a position in the run, and so is the column `row`."""
    row_outcomes = make_row_outcomes(offset=1)

    row_outcomes.record(rejected)

    assert row_outcomes.frame()["row"].tolist() == [1, 2, 3]
    assert row_outcomes.frame()["status"].tolist() == ["rejected", "not_submitted", "not_submitted"]


def test_row_outcomes_overwrite_when_an_outcome_is_recorded_again(make_row_outcomes, rejected):
    """Recording an outcome twice changes nothing."""
    once, twice = make_row_outcomes(), make_row_outcomes()

    once.record(rejected)
    twice.record(rejected)
    twice.record(rejected)

    pd.testing.assert_frame_equal(once.frame(), twice.frame())


def test_row_outcomes_enter_invalid_rows_at_once(make_row_outcomes):
    """An invalid row needs no outcome: its first error gives code and message."""
    frame = make_row_outcomes(invalid=[2]).frame()

    assert frame["status"].tolist() == ["not_submitted", "not_submitted", "invalid"]
    assert frame.loc[2, "error_code"] == "created_at_missing"
    assert (
        frame.loc[2, "error_message"]
        == "created_at: a value is empty: fill in the time, which every event needs, or drop the row"
    )


def test_row_outcomes_keep_any_index_when_it_gives_the_frame(make_checked):
    """The index is the caller's: type, names, order and repetitions."""
    index = pd.MultiIndex.from_tuples([("b", 1), ("a", 2), ("b", 1)], names=["shop", None])

    frame = RowOutcomes(make_checked(3), index).frame()

    pd.testing.assert_index_equal(frame.index, index)


def test_row_outcomes_mark_a_repeat_as_duplicate_when_its_first_row_arrived(make_row_outcomes):
    """Intercom would drop the repeat of an event that it has."""
    row_outcomes = make_row_outcomes(repeats={2: 0})
    row_outcomes.record(Outcome(row=0, status=Status.ACCEPTED))

    row_outcomes.close(RunStatuses(), reason=None)

    line = row_outcomes.frame().loc[2]
    assert (line["status"], line["error_code"]) == ("duplicate", "duplicate")
    assert line["error_message"] == (
        "identical to row 0 in contact, event name, second and metadata: Intercom would drop it without an error"
    )


def test_row_outcomes_distinguish_duplicates_with_other_metadata_from_identical_ones(make_row_outcomes):
    """Other metadata would be lost with the repeat."""
    row_outcomes = make_row_outcomes(repeats={2: 0}, are_identical=False)
    row_outcomes.record(Outcome(row=0, status=Status.ACCEPTED))

    row_outcomes.close(RunStatuses(), reason=None)

    line = row_outcomes.frame().loc[2]
    assert (line["status"], line["error_code"]) == ("duplicate", "duplicate_with_other_metadata")
    assert line["error_message"] == (
        "same contact, event name and second as row 0, with other metadata: Intercom would drop it without an error"
    )


@pytest.mark.parametrize("are_identical", [True, False])
def test_row_outcomes_leave_a_repeat_not_submitted_when_its_first_row_did_not_arrive(make_row_outcomes, are_identical):
    """After the first row is fixed, its repeat must be submitted too."""
    row_outcomes = make_row_outcomes(repeats={2: 0}, are_identical=are_identical)
    row_outcomes.record(Outcome(row=0, status=Status.REJECTED))

    row_outcomes.close(RunStatuses(), reason=None)

    line = row_outcomes.frame().loc[2]
    assert (line["status"], line["error_code"]) == ("not_submitted", "duplicate_of_unsent")
    assert line["error_message"] == (
        "same contact, event name and second as row 0, which was not accepted: see there, then submit both again"
    )


def test_row_outcomes_look_up_first_rows_in_earlier_frames(make_row_outcomes):
    """The first row of a repeat may be in an earlier frame."""
    statuses = RunStatuses()
    earlier = make_row_outcomes(2)
    earlier.record(Outcome(row=1, status=Status.ACCEPTED))
    earlier.close(statuses, reason=None)
    later = make_row_outcomes(2, offset=2, repeats={0: 1, 1: 0})

    later.close(statuses, reason=None)

    assert later.frame()["status"].tolist() == ["duplicate", "not_submitted"]


def test_row_outcomes_keep_the_outcomes_of_repeats_when_they_are_sent(make_row_outcomes):
    """With duplicates="send" a repeat has an outcome of its own."""
    row_outcomes = make_row_outcomes(2, repeats={1: 0}, are_sent=True)
    row_outcomes.record(Outcome(row=1, status=Status.ACCEPTED))

    row_outcomes.close(RunStatuses(), reason=None)

    assert row_outcomes.frame()["status"].tolist() == ["not_submitted", "accepted"]


def test_row_outcomes_give_the_reason_to_rows_that_wait_when_a_run_ends_early(make_row_outcomes, rejected):
    """Rows that were judged or answered keep their own status."""
    row_outcomes = make_row_outcomes(3, invalid=[0])
    row_outcomes.record(rejected)

    row_outcomes.close(RunStatuses(), reason=("outage", "try again later"))

    frame = row_outcomes.frame()
    assert frame["error_code"].tolist() == ["created_at_missing", "parameter_invalid", "outage"]
    assert frame.loc[2, "error_message"] == "try again later"


def test_row_outcomes_give_the_reason_to_a_repeat_when_its_first_row_waits_too(make_row_outcomes, rejected):
    """The next run sends the first row, and judges the other; a repeat of a row that was refused needs a look."""
    row_outcomes = make_row_outcomes(4, repeats={2: 0, 3: 1})
    row_outcomes.record(rejected)

    row_outcomes.close(RunStatuses(), reason=("outage", "try again {later}"))

    frame = row_outcomes.frame()
    assert frame["status"].tolist() == ["not_submitted", "rejected", "not_submitted", "not_submitted"]
    assert frame["error_code"].tolist()[2:] == ["outage", "duplicate_of_unsent"]
    assert frame["error_message"].tolist()[2] == "try again {later}"


def test_row_outcomes_close_some_rows_and_then_the_rest(make_row_outcomes):
    """Rows of a frame that are done have the same results before the others are."""
    row_outcomes, statuses = make_row_outcomes(4, repeats={1: 0, 3: 0}, invalid=[2], offset=10), RunStatuses()
    statuses.enter(np.zeros(10, np.int8), offset=0)
    row_outcomes.record(Outcome(row=10, status=Status.ACCEPTED))

    row_outcomes.close(statuses, reason=None, rows=slice(0, 2))
    first = row_outcomes.frame(slice(0, 2))
    row_outcomes.close(statuses, reason=None, rows=slice(2, 4))
    rest = row_outcomes.frame(slice(2, 4))

    whole = row_outcomes.frame()
    pd.testing.assert_frame_equal(pd.concat([first, rest]), whole)
    assert whole["row"].tolist() == [10, 11, 12, 13]


def test_row_outcomes_close_again_when_an_interrupt_came_between(make_row_outcomes):
    """Closing twice changes nothing: an interrupted close is repeated."""
    statuses = RunStatuses()
    row_outcomes = make_row_outcomes(3, repeats={2: 0})
    row_outcomes.record(Outcome(row=0, status=Status.ACCEPTED))

    row_outcomes.close(statuses, reason=None)
    row_outcomes.close(statuses, reason=("interrupted", "again"))

    assert row_outcomes.frame()["error_code"].fillna("").tolist() == ["", "interrupted", "duplicate"]
    assert statuses.arrived(np.arange(2)).tolist() == [True, False]


def test_row_outcomes_know_what_earlier_runs_have_made_of_rows(make_row_outcomes):
    """An accepted event has its time; an event that Intercom would ignore is a duplicate, with the reason."""
    submitted = EarlierSubmissions(
        rows=np.array([0, 1]),
        seconds=np.zeros(2, np.int64),
        accepted_at=np.array([1_706_700_000, CLAIMED]),
        blocked=np.array([2]),
        blocked_since=np.array([1_706_700_001]),
    )

    frame = make_row_outcomes(submitted=submitted).frame()

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
