"""The summary of results: counts of statuses, and the causes."""

import pandas as pd
import pytest

from events_pandas.results import Summary


@pytest.fixture
def make_results():
    """Make results of (status, error code) pairs."""

    def make(*pairs, start=0):
        statuses, codes = zip(*pairs, strict=True)
        rows = range(start, start + len(pairs))
        messages = [f"message {row}" if code else None for row, code in zip(rows, codes, strict=True)]
        return pd.DataFrame({"row": rows, "status": statuses, "error_code": codes, "error_message": messages})

    return make


def test_summary_shows_statuses_in_order_and_causes_by_frequency(make_results):
    """Each status has a count and a meaning, each cause a count and its first row as an example."""
    summary = Summary()
    summary.add(make_results(("rejected", "b"), ("accepted", None), ("failed", "a")))
    summary.add(make_results(("failed", "a"), start=3))

    assert str(summary) == (
        "4 rows\n"
        "  1 accepted          Intercom has them\n"
        "  1 rejected          refused by Intercom\n"
        "  2 failed            no final answer, or no record of it\n"
        "a: 2 rows, such as row 2: message 2\n"
        "b: 1 row, such as row 0: message 0\n"
        "what to do next:\n"
        "  1 rejected          fix these rows, or the address; ep.explain(results, frame) has what Intercom said\n"
        "  2 failed            nothing to fix; if an event has arrived, Intercom ignores the repeat\n"
        "  then submit all rows again; the journal skips the accepted ones, and without a journal Intercom ignores "
        "repeats"
    )


@pytest.mark.parametrize(
    ("line", "place"),
    [(5, "row 3 (a\\u001b.csv line 5)"), (11_002, "row 3 (a\\u001b.csv line 11002)"), (pd.NA, "row 3 (a\\u001b.csv)")],
)
def test_summary_names_file_and_line_of_an_example(make_results, line, place):
    """A row of a file is named as an editor shows it; some formats have no lines."""
    results = make_results(("failed", "a"), start=3)
    results["source_file"], results["line"] = "a\x1b.csv", pd.array([line], dtype="Int64")

    summary = Summary()
    summary.add(results)

    assert str(summary).splitlines()[2] == f"a: 1 row, such as {place}: message 3"


def test_summary_names_a_file_as_it_was_given(make_results):
    """Files of a pattern may have the same name in several folders."""
    results = make_results(("failed", "a"), ("failed", "b"))
    results["source_file"] = ["2024/a.csv", "/data/year=2024/a.csv"]
    results["line"] = pd.array([2, 2], dtype="Int64")

    summary = Summary()
    summary.add(results)

    assert [line.partition(": message")[0] for line in str(summary).splitlines()[2:4]] == [
        "a: 1 row, such as row 0 (2024/a.csv line 2)",
        "b: 1 row, such as row 1 (/data/year=2024/a.csv line 2)",
    ]


def test_summary_names_file_and_line_of_a_noted_row(make_results):
    """The notes of a run come with any part of its results; the row of a note may come later."""
    note = {
        "code": "naive_time",
        "field": "created_at",
        "severity": "note",
        "rows": 1,
        "first_row": 4,
        "message": "is taken as UTC",
    }
    summary = Summary()
    for start in (3, 4):
        results = make_results(("accepted", None), start=start)
        results["source_file"], results["line"] = "a.csv", pd.array([start + 2], dtype="Int64")
        results.attrs["run"] = {"notes": [note]}
        summary.add(results)

    assert str(summary).splitlines()[-1] == ("note naive_time: 1 row, such as row 4 (a.csv line 6): is taken as UTC")


@pytest.mark.parametrize(
    ("n_rows", "lines"),
    [
        (3, ["note naive_time: all 3 rows, such as row 0: is taken as UTC"]),
        (
            2,
            [
                "notes on all 3 rows of the run, not only on these:",
                "note naive_time: all 3 rows, such as row 0: is taken as UTC",
            ],
        ),
    ],
)
def test_summary_of_some_rows_says_that_notes_are_on_all(make_results, n_rows, lines):
    """The notes of a run come with any part of its results: they may count more rows than the part has."""
    note = {
        "code": "naive_time",
        "field": "created_at",
        "severity": "note",
        "rows": 3,
        "first_row": 0,
        "message": "is taken as UTC",
    }
    results = make_results(*[("accepted", None)] * 3)
    results.attrs["run"] = {"notes": [note], "frame": {"first_row": 0, "rows": 3}}

    summary = Summary()
    summary.add(results.iloc[3 - n_rows :])

    assert str(summary).splitlines()[2:] == lines


def test_summary_counts_duplicates_without_a_cause(make_results):
    """The status of a duplicate is enough."""
    summary = Summary()
    summary.add(make_results(("duplicate", "duplicate")))

    assert str(summary) == "1 row\n  1 duplicate         same contact, event name and second as an earlier event"


def test_summary_reports_rows_whose_event_was_accepted_with_other_metadata(make_results):
    """Rows that were edited since do not arrive, and nothing else reports it."""
    summary = Summary()
    summary.add(make_results(("duplicate", "accepted_with_other_metadata")))

    assert str(summary).splitlines()[-1] == "accepted_with_other_metadata: 1 row, such as row 0: message 0"


@pytest.mark.parametrize(
    ("mode", "line"),
    [
        ("wal", "journal: orders.sqlite"),
        (
            "delete",
            (
                "journal: orders.sqlite (it is written with a rollback journal, since a write-ahead log cannot be "
                "used there: that is as safe but slower, and two runs wait for each other)"
            ),
        ),
        (
            "delete, no locks",
            (
                "journal: orders.sqlite (its file system cannot lock files, so it is written with a rollback "
                "journal, and a lock file keeps other runs away: that is slower, and only one run at a time can use "
                "it; a journal on a local disk has no such limits)"
            ),
        ),
    ],
)
def test_summary_names_the_journal(make_results, mode, line):
    """A second run with another journal would send everything again."""
    results = make_results(("accepted", None))
    results.attrs["run"] = {"journal": "orders.sqlite", "journal_mode": mode}
    summary = Summary()

    summary.add(results)

    assert str(summary).splitlines()[-1] == line


def test_summary_aligns_thousands(make_results):
    """Counts are aligned, with thousands separators."""
    summary = Summary()
    summary.add(make_results(*[("accepted", None)] * 1200, ("failed", "a")))

    assert str(summary).splitlines()[:2] == ["1,201 rows", "  1,200 accepted          Intercom has them"]


def test_summary_shows_ten_causes_and_counts_the_others(make_results):
    """All rows with a cause are counted, also those whose cause has no line, and a line says where to see them."""
    summary = Summary()
    summary.add(make_results(*[("rejected", f"code_{number:02d}") for number in range(12)], ("invalid", "code_11")))

    lines = summary.in_commands().splitlines()

    assert lines[3:5] == ["code_11: 2 rows, such as row 11: message 11", "code_00: 1 row, such as row 0: message 0"]
    assert lines[12:14] == [
        "code_08: 1 row, such as row 8: message 8",
        "and 2 more causes (2 rows): --results and --rejects have the cause of each row, --json has all causes",
    ]
    assert str(summary).splitlines()[13] == "and 2 more causes (2 rows): ep.explain(results) has all causes"


def test_summary_counts_one_cause_without_a_line(make_results):
    """One cause is not called several."""
    summary = Summary()
    summary.add(make_results(*[("rejected", f"code_{number:02d}") for number in range(11)]))

    assert str(summary).splitlines()[12] == "and 1 more cause (1 row): ep.explain(results) has all causes"


def test_summary_is_empty_without_rows():
    """Without rows there are no lines of statuses or causes."""
    assert str(Summary()) == "0 rows"
    assert Summary().is_complete


@pytest.mark.parametrize(
    ("status", "is_complete"),
    [
        ("accepted", True),
        ("already_submitted", True),
        ("duplicate", True),
        ("invalid", False),
        ("unknown_contact", False),
        ("rejected", False),
        ("failed", False),
        ("not_submitted", False),
    ],
)
def test_summary_is_complete_when_every_row_needs_nothing_more(make_results, status, is_complete):
    """Rows that are accepted, already submitted or duplicates are complete."""
    summary = Summary()
    summary.add(make_results((status, None)))

    assert summary.is_complete is is_complete


def test_summary_reports_other_runs(make_results):
    """Another run explains why rows were submitted already."""
    other = {"run": 3, "started_at": "2026-01-31 10:24:05 UTC", "process": 4711, "host": "anna-pc"}
    results = make_results(("accepted", None))
    results.attrs["run"] = {"journal": "orders.sqlite", "journal_mode": "wal", "other_runs": [other]}
    summary = Summary()

    summary.add(results)
    summary.add(results)

    assert str(summary).splitlines()[2:] == [
        "journal: orders.sqlite",
        (
            "another run uses this journal at the same time: process 4711 on anna-pc, since 2026-01-31 10:24:05 UTC; "
            "an event that both send is accepted in one of them, and already_submitted in the other"
        ),
    ]


@pytest.mark.parametrize(
    ("status", "code", "python", "commands"),
    [
        (
            "invalid",
            "created_at_missing",
            "fix these rows; ep.explain(results, frame) has an example of each cause",
            "fix these rows; --rejects writes them to a file",
        ),
        (
            "unknown_contact",
            "not_found",
            ("ep.create_contacts(ep.unknown_contacts(results, frame, mapping), client=client), or fix the identifiers"),
            "create these contacts in Intercom, or fix the identifiers",
        ),
        (
            "rejected",
            "http_400",
            "fix these rows, or the address; ep.explain(results, frame) has what Intercom said",
            "fix these rows, or the address; --rejects writes what Intercom said",
        ),
        (
            "failed",
            "server_error",
            "nothing to fix; if an event has arrived, Intercom ignores the repeat",
            "nothing to fix; if an event has arrived, Intercom ignores the repeat",
        ),
        (
            "not_submitted",
            "interrupted",
            "nothing to fix; the run ended before their turn",
            "nothing to fix; the run ended before their turn",
        ),
        (
            "not_submitted",
            "duplicate_of_unsent",
            "nothing to fix; they repeat rows that were not accepted",
            "nothing to fix; they repeat rows that were not accepted",
        ),
    ],
)
def test_summary_says_what_to_do_next(make_results, status, code, python, commands):
    """Each status that needs work has a step, in the words of Python and of the command line."""
    summary = Summary()
    summary.add(make_results(("accepted", None), (status, code)))

    last = (
        "  then submit all rows again; the journal skips the accepted ones, and without a journal Intercom ignores "
        "repeats"
    )
    for text, step in ((str(summary), python), (summary.in_commands(), commands)):
        assert text.splitlines()[-3:] == [
            "what to do next:",
            f"  1 {status:<18}{step}",
            last,
        ]


@pytest.mark.parametrize(
    ("keeps_journal", "line"),
    [
        (True, "  then submit all rows again: the journal skips the accepted ones"),
        (False, "  then submit all rows again: Intercom ignores the repeats of accepted ones"),
    ],
)
def test_summary_says_why_all_rows_may_be_submitted_again(make_results, keeps_journal, line):
    """With a journal it is the journal that skips accepted rows, and without one Intercom ignores the repeats."""
    results = make_results(("accepted", None), ("failed", "server_error"))
    results.attrs["run"] = {"keeps_journal": keeps_journal}
    summary = Summary()

    summary.add(results)

    assert str(summary).splitlines()[-1] == line


def test_summary_counts_files_that_were_left_out(make_results):
    """A file that could not be read needs work, though all rows of the other files have arrived."""
    results = make_results(("accepted", None))
    results.attrs["run"] = {"skipped_files": [{"file": "a.csv", "reason": "is empty"}], "keeps_journal": True}
    summary = Summary()

    summary.add(results)

    assert str(summary).splitlines()[2:] == [
        "what to do next:",
        "  1 file              left out; results.attrs['run']['skipped_files'] has the reasons",
        "  then submit all rows again: the journal skips the accepted ones",
    ]
    assert summary.in_commands().splitlines()[3] == "  1 file              left out; the notes have the reasons"


@pytest.mark.parametrize(
    ("workspace", "region", "line"),
    [
        ({"id_code": "ab12", "name": "Acme"}, "EU", "workspace: 'Acme', id ab12, region EU"),
        ({"id_code": "ab12", "name": None}, None, "workspace: id ab12"),
        ({"id_code": None, "name": None}, None, "workspace: Intercom does not name it"),
    ],
)
def test_summary_names_the_workspace(make_results, workspace, region, line):
    """The end of a run says where its events went, as far as Intercom names it."""
    results = make_results(("accepted", None))
    results.attrs["run"] = {"workspace": workspace, "region": region}
    summary = Summary()

    summary.add(results)

    assert str(summary).splitlines()[-1] == line
