"""Every row is checked before anything is sent: valid or not, new or a repeat."""

import numpy as np
import pandas as pd
import pytest

from events_pandas.check import EarlierFrames, StreamCheck, check_rows, chunk_bounds, no_rows
from events_pandas.convert import Converter, problems_frame
from events_pandas.convert.problems import causes
from events_pandas.mapping import Column, Constant, Date, EventMapping, MonetaryAmount, Number, Text, bind

NOW = 1_750_000_000


@pytest.fixture
def check():
    """Return a function that checks a frame whose columns are named like the fields."""

    def check(frame, *, mapping=None, now=NOW, **options):
        fields = {"event_name": Column("name") if "name" in frame else "placed-order", "timezone": "UTC"}
        checked = EventMapping(created_at="time", user_id="who", **{**fields, **(mapping or {})})
        return check_rows(Converter(bind(frame, checked)), len(frame), now=now, **options)

    return check


@pytest.mark.parametrize(
    ("n_rows", "chunksize", "bounds"),
    [(0, 3, []), (1, 3, [(0, 1)]), (3, 3, [(0, 3)]), (7, 3, [(0, 3), (3, 6), (6, 7)])],
)
def test_chunk_bounds_cover_every_row_once(n_rows, chunksize, bounds):
    """Every chunk but the last has the full size."""
    assert list(chunk_bounds(n_rows, chunksize)) == bounds


def test_check_rows_judges_every_row(check):
    """Each row is valid or not, and has the second that is sent if it can be read."""
    checked = check(pd.DataFrame({"time": ["2024-01-31", "soon", "2024-01-31"], "who": ["a", "b", None]}))

    assert checked.valid.tolist() == [True, False, False]
    assert checked.is_sent.tolist() == [True, False, False]
    assert checked.repeats.rows.tolist() == []
    assert len(checked.added) == 0
    np.testing.assert_array_equal(
        checked.created_at, np.array(["2024-01-31", "NaT", "2024-01-31"], dtype="datetime64[s]")
    )
    assert checked.created_at.dtype == "datetime64[s]"


def test_check_rows_finds_repeats(check):
    """Rows with the same contact, normalized name and second are one event."""
    frame = pd.DataFrame(
        {
            "time": [10.0, 10.9, 11.0, 10.0, 10.0],
            "who": ["a", "a", "a", "b", "a"],
            "name": ["Placed.Order", "placed-order", "placed-order", "placed-order", "other"],
        }
    )

    checked = check(frame)

    assert (checked.repeats.rows.tolist(), checked.repeats.firsts.tolist()) == ([1], [0])
    assert checked.is_sent.tolist() == [True, False, True, True, True]


@pytest.mark.parametrize(
    ("policy", "sent", "seconds"),
    [
        ("skip", [True, False, False], [1, 1]),
        ("send", [True, True, False], [1, 1]),
        ("spread", [True, True, False], [1, 2]),
    ],
)
def test_checked_rows_tell_which_are_sent(check, policy, sent, seconds):
    """Valid rows are sent; repeats are sent too unless the mapping skips them."""
    checked = check(pd.DataFrame({"time": [1, 1, None], "who": ["a"] * 3}), mapping={"duplicates": policy})

    assert checked.is_sent.tolist() == sent
    assert checked.seconds(slice(2)).tolist() == seconds
    assert np.isnat(checked.created_at).tolist() == [False, False, True]


def test_check_rows_gives_no_key_to_an_invalid_row(check):
    """An invalid row is not a repeat, and makes no later row a repeat."""
    frame = pd.DataFrame({"time": [1, 1, 1], "who": ["a"] * 3, "total": [0, 5, -1]})
    price = MonetaryAmount("total", currency=Constant("usd"))

    checked = check(frame, mapping={"metadata": {"price": price}})

    assert checked.valid.tolist() == [False, True, False]
    assert checked.repeats.rows.tolist() == []


def test_check_rows_finds_repeats_across_frames(check):
    """In a stream, the first row of an event is counted over all frames."""
    earlier = EarlierFrames()
    frames = [pd.DataFrame({"time": times, "who": ["a"] * len(times)}) for times in ([1, 2], [2, 3, 3])]

    first, second = (check(frame, earlier=earlier) for frame in frames)

    assert first.repeats.rows.tolist() == []
    assert (second.repeats.rows.tolist(), second.repeats.firsts.tolist()) == ([0, 2], [1, 3])
    assert second.is_sent.tolist() == [False, True, False]
    assert second.offset == 2


def test_check_rows_takes_no_rows(check):
    """A frame without rows has no findings."""
    checked = check(pd.DataFrame({"time": [], "who": []}))

    nothing = no_rows()
    for judgement in (checked, nothing):
        assert [len(column) for column in (judgement.valid, judgement.is_sent, judgement.created_at)] == [0, 0, 0]
        assert [len(column) for column in (judgement.repeats.rows, judgement.added, judgement.contacts)] == [0, 0, 0]
        assert (judgement.findings, judgement.row_counts.names, judgement.offset) == ((), {}, 0)


@pytest.fixture
def drifting():
    """Return rows whose faults, notes, types and repeats fall into different chunks for different sizes."""
    times = ["2024-01-31T12:00", None, "1999-01-31", "soon", "2024-01-31T12:00Z", "2024-01-31T12:00", "", "2024-02-30"]
    totals = [1.5, 0.0, np.nan, 19.999, 500.0, 1.0, 2.0, 3.0]
    return pd.DataFrame(
        {
            "time": times * 3,
            "who": [np.nan, 1.0, 2.0, 1.5, 2.0, 2.0, 3.0, 2.0**53] * 3,
            "total": totals * 3,
            "currency": ["jpy", "usd", None, "usd", "jpy", "zzz", "usd", None] * 3,
            "note": pd.Series([None, "a\0", 1, ["x"], "b", True, "\ud800", 2.5] * 3, dtype=object),
            "lead": pd.Series([" ", None, 7, 42, "\t", None, 3, ""] * 3, dtype=object),
        }
    )


@pytest.mark.parametrize("chunksize", [1, 2, 5, 7])
@pytest.mark.parametrize("option", ["error", "omit"])
def test_check_rows_finds_the_same_in_chunks_of_any_size(check, drifting, chunksize, option):
    """The findings do not depend on the size of the chunks."""
    metadata = {
        "price": MonetaryAmount("total", currency="currency"),
        "note": "note",
        "seen_at": Date("time", timezone="Europe/Berlin"),
        "since_at": Date(Constant("1999-01-01")),
        "fee": MonetaryAmount(Constant(1), currency=Constant("jpy")),
    }
    mapping = {"metadata": metadata, "on_invalid_metadata": option, "id": "lead"}
    whole = check(drifting, mapping=mapping)

    cut = check(drifting, mapping=mapping, chunksize=chunksize)

    np.testing.assert_array_equal(cut.valid, whole.valid)
    np.testing.assert_array_equal(cut.is_sent, whole.is_sent)
    np.testing.assert_array_equal(cut.repeats.firsts, whole.repeats.firsts)
    np.testing.assert_array_equal(cut.created_at, whole.created_at)
    pd.testing.assert_frame_equal(
        problems_frame(cut.findings, drifting.index), problems_frame(whole.findings, drifting.index)
    )


def test_check_rows_notes_what_concerns_a_column_once(check):
    """A naive time, a float identifier and a currency without cents are noted once for each field, not each chunk."""
    frame = pd.DataFrame({"time": pd.to_datetime(["2024-01-31"] * 6), "who": [1.0, 2.0, 3.0, 4.0, 5.0, np.nan]})
    metadata = {"seen_at": Date("time"), "fee": MonetaryAmount(Constant(1), currency=Constant("jpy"))}

    checked = check(frame, mapping={"metadata": metadata, "timezone": None}, chunksize=2)

    assert [(finding.field, finding.code, finding.rows.tolist()) for finding in checked.findings] == [
        ("created_at", "naive_time", [0]),
        ("user_id", "identifier_missing", [5]),
        ("user_id", "float_identifier", [0]),
        ("metadata.seen_at", "naive_time", [0]),
        ("metadata.fee.currency", "currency_minor_unit", [0]),
    ]


@pytest.mark.parametrize("chunksize", [1, 2, 7])
def test_check_rows_notes_what_would_be_a_duplicate(check, chunksize):
    """An invalid row that would be a duplicate gets a note, and takes no key itself."""
    frame = pd.DataFrame(
        {
            "time": pd.Series([10, 10, 10, 11, 11, 10, None]) + 1_700_000_000,
            "who": ["a", "a", "b", "c", "c", None, "a"],
            "note": ["", "x" * 256, "x" * 256, "x" * 256, "", "", "x" * 256],
        }
    )
    earlier = EarlierFrames(n_rows=100)

    checked = check(frame, mapping={"metadata": {"note": "note"}}, earlier=earlier, chunksize=chunksize)

    notes = [finding for finding in checked.findings if finding.severity == "note"]
    assert [(finding.code, finding.rows.tolist()) for finding in notes] == [("would_be_duplicate", [1, 3])]
    assert notes[0].messages().to_pylist() == [
        f"event: row {row} is the same event to Intercom: "
        "drop this row, because it would be a duplicate once it is fixed"
        for row in (100, 104)
    ]
    assert checked.valid.tolist() == [True, False, False, False, True, False, False]


def test_check_rows_notes_what_lies_in_the_future(check):
    """Each row later than now gets a note with its time."""
    frame = pd.DataFrame({"time": [NOW, NOW + 1, NOW - 1, NOW + 86_400], "who": list("abcd")})

    (finding,) = check(frame, now=NOW + 0.9).findings

    assert (finding.code, finding.severity, finding.rows.tolist()) == ("in_the_future", "note", [1, 3])
    assert finding.messages().to_pylist() == [
        f"created_at: {time} in column 'time' is in the future: "
        "if that is wrong, check the column's unit, format and time zone"
        for time in ("2025-06-15T15:06:41Z", "2025-06-16T15:06:40Z")
    ]


def test_check_rows_tells_one_contact_from_another(check):
    """A contact's digest does not depend on the event's name, or a name's digest on the contact."""
    frame = pd.DataFrame({"time": range(4), "who": list("aaba"), "name": ["x", "y", "x", "x"]})

    several, one = check(frame), check(frame.drop(columns="name"))

    for contacts in (several.contacts, one.contacts):
        assert [contacts[0] == contact for contact in contacts] == [True, True, False, True]


def test_check_rows_keeps_the_first_of_many_values(check):
    """A wholly bad frame keeps the values of its first rows, for any chunks; later messages go without."""
    frame = pd.DataFrame({"time": [f"soon {row}" for row in range(2_500)], "who": ["a"] * 2_500})

    for chunksize in (10_000, 300, 999):
        (finding,) = check(frame, chunksize=chunksize).findings

        assert len(finding.values) == 1_000
        assert finding.rows.tolist() == list(range(2_500))
        assert finding.values[999].as_py() == "'soon 999'"
        assert finding.messages()[2_499].as_py() == (
            "created_at: column 'time' cannot be read as a time: "
            "write it as 2024-01-31T12:00:00, or give its format (of epoch numbers the unit) in a date rule"
        )


@pytest.mark.parametrize("chunksize", [1, 3, 100])
def test_check_rows_notes_each_currency_without_cents_once(check, chunksize):
    """Each currency without cents is noted once, in any spelling, in any row, for any chunks."""
    currencies = ["JPY", "jpy", "usd", "Jpy"] * 3 + ["bhd"]
    frame = pd.DataFrame({"time": range(13), "who": ["a"] * 13, "total": [5] * 13, "currency": currencies})

    checked = check(
        frame, mapping={"metadata": {"price": MonetaryAmount("total", currency="currency")}}, chunksize=chunksize
    )

    (finding,) = [finding for finding in checked.findings if finding.code == "currency_minor_unit"]
    assert (finding.rows.tolist(), finding.values.to_pylist()) == ([0, 12], ["'jpy'", "'bhd'"])


@pytest.mark.parametrize("chunksize", [1, 3, 100])
@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        (MonetaryAmount("total", currency="currency"), 10),
        (MonetaryAmount(Constant(5), currency="currency"), 10),
        (MonetaryAmount("total", currency=Constant("jpy")), 13),
        (MonetaryAmount(Constant(5), currency=Constant("jpy")), 13),
    ],
)
def test_check_rows_counts_all_rows_without_cents(check, chunksize, rule, rows):
    """The note counts all rows with the currency."""
    frame = pd.DataFrame(
        {
            "time": range(13),
            "who": ["a"] * 13,
            "total": [5] * 13,
            "currency": ["JPY", "jpy", "usd", "Jpy"] * 3 + ["bhd"],
        }
    )

    checked = check(frame, mapping={"metadata": {"price": rule}}, chunksize=chunksize)

    (cause,) = [cause for cause in causes(checked.findings) if cause.code == "currency_minor_unit"]
    assert (cause.rows, cause.extent, cause.first_row) == (rows, f"{rows} rows", 0)


def _frame(**columns):
    n_rows = len(next(iter(columns.values())))
    return pd.DataFrame({"time": range(n_rows), "who": ["a"] * n_rows, **columns})


@pytest.fixture
def make_stream():
    """Make a check of several frames; columns without a rule are metadata."""

    def make_stream(**metadata):
        mapping = EventMapping(event_name="e", created_at="time", user_id="who", metadata=metadata, timezone="UTC")
        return StreamCheck(mapping=mapping, earlier=EarlierFrames())

    return make_stream


def _read(frame_check):
    frame_check.read()
    return frame_check


def test_frames_of_a_stream_share_the_types_of_bare_columns(make_stream):
    """The first frame with values decides; later cells of another type are errors of their rows."""
    stream = make_stream(n="n")

    first, second = (_read(stream.bound(_frame(n=cells))) for cells in ([1, 2], ["3", "x"]))

    assert (first.invalid, second.invalid) == (0, 1)
    assert stream.types == {"metadata.n": Number("n")}


def test_first_frame_is_read_again_if_earlier_runs_sent_another_type(make_stream):
    """The rows are counted once; the same type leaves the frame as it is."""
    stream = make_stream(n="n")
    first = _read(stream.bound(_frame(n=[1, 2])))

    same = stream.retyped(first, {"metadata.n": Number("n")})
    again = _read(stream.retyped(first, {"metadata.n": Text("n")}))
    checked = again.checked(now=NOW)

    assert same is first
    assert stream.types == {"metadata.n": Text("n")}
    assert (again.invalid, len(checked.repeats.rows), checked.row_counts.rows[0]) == (0, 0, 2)


def test_stream_has_all_types_when_every_bare_column_has_had_a_value(make_stream):
    """As long as one of them is empty, the next frames still decide."""
    stream = make_stream(n="n", m="m")
    known = [stream.has_all_types]

    for cells in ([None], [None, "x"]):
        stream.bound(_frame(n=[1] * len(cells), m=cells))
        known.append(stream.has_all_types)

    assert known == [False, False, True]


def test_frame_that_is_read_tells_how_far_it_is(make_stream):
    """Progress is reported chunk by chunk, and adds up to all rows."""
    reported = []

    make_stream().bound(_frame(n=range(7))).read(advance=reported.append, chunksize=3)

    assert reported == [3, 3, 1]
