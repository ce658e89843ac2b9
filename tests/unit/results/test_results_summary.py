"""The summary of results for Python: counts, what to do next, text and HTML."""

import html

import pandas as pd
import pytest

from events_pandas.results import RowOutcomes, RunStatuses, Summary, explain, summarize
from events_pandas.results.results_summary import one_line


@pytest.fixture
def results(make_checked):
    """Results of three rows: one is invalid, and the others were not submitted."""
    outcomes = RowOutcomes(make_checked(3, invalid=[1]), pd.Index(["a", "b", "c"]))
    outcomes.close(RunStatuses(), reason=("interrupted", "the run was interrupted before this row: go on"))
    results = outcomes.frame()
    results.attrs["run"] = {
        "workspace": {"id_code": "ab12", "name": "<Acme>"},
        "region": "EU",
        "keeps_journal": True,
        "journal": "orders.sqlite",
        "journal_mode": "wal",
    }
    return results


def test_summary_has_a_count_for_each_status(results):
    """All eight statuses are there, in their order, and add up to the rows."""
    summary = summarize(results)

    assert summary.statuses.to_dict() == {
        "accepted": 0,
        "already_submitted": 0,
        "duplicate": 0,
        "invalid": 1,
        "unknown_contact": 0,
        "rejected": 0,
        "failed": 0,
        "not_submitted": 2,
    }
    assert (summary.rows, summary.statuses.sum(), str(summary.statuses.dtype)) == (3, 3, "int64")
    assert not summary.is_complete


def test_summary_has_what_to_do_next_as_sentences(results):
    """Each sentence names the rows that it is about; the last one is about all."""
    assert summarize(results).next_steps == (
        "1 invalid: fix these rows; ep.explain(results, frame) has an example of each cause",
        "2 not_submitted: nothing to fix; the run ended before their turn",
        "submit all rows again: the journal skips the accepted ones",
    )


def test_summary_prints_what_the_command_counts(results):
    """The text is that of the summary of the command line, in Python's words."""
    counts = Summary()
    counts.add(results)

    assert str(summarize(results)) == repr(summarize(results)) == str(counts)


def test_summary_shows_the_same_in_html(results):
    """Each fact of the text is in the tables of a notebook, escaped."""
    shown = summarize(results)._repr_html_()

    for line in str(summarize(results)).splitlines():
        # A line of a table stands in several cells.
        for part in line.removesuffix(":").replace(": ", "  ").split("  "):
            assert html.escape(part.strip().partition(" ")[2] or part.strip()) in shown
    assert "&#x27;&lt;Acme&gt;&#x27;, id ab12, region EU" in shown
    assert shown.startswith("<div ")


def test_summary_of_no_rows_is_complete(results):
    """There is nothing to do, and nothing to show but the facts of the run."""
    summary = summarize(results.iloc[:0])

    assert str(summary) == "0 rows\nworkspace: '<Acme>', id ab12, region EU\njournal: orders.sqlite"
    assert (summary.is_complete, summary.next_steps, summary.rows) == (True, (), 0)


@pytest.mark.parametrize("name", ["results.csv", "results.parquet"])
def test_summary_of_a_file_that_was_read_back_has_the_same_counts(results, tmp_path, name):
    """A file may have lost the dtypes and the facts of the run: then the summary says less."""
    path = tmp_path / name
    if path.suffix == ".csv":
        results.to_csv(path, index=False)
        back = pd.read_csv(path)
    else:
        results.to_parquet(path)
        back = pd.read_parquet(path)

    assert summarize(back).statuses.equals(summarize(results).statuses)
    assert str(summarize(back)).splitlines()[:7] == str(summarize(results)).splitlines()[:7]


def test_summary_of_parts_that_were_put_together_counts_all(results):
    """`pd.concat` drops the facts of runs that differ."""
    other = results.assign(row=results["row"] + 3)
    other.attrs["run"] = {"journal": "other.sqlite", "journal_mode": "wal"}

    summary = summarize(pd.concat([results, other]))

    assert (summary.rows, summary.run) == (6, {})
    assert summary.next_steps[-1] == (
        "submit all rows again; the journal skips the accepted ones, and without a journal Intercom ignores repeats"
    )


def test_summary_of_texts_has_no_cause_for_a_row_without_a_code(results, tmp_path):
    """A file that is read as text has empty texts where a row has no code."""
    results.to_csv(tmp_path / "results.csv", index=False)
    back = pd.read_csv(tmp_path / "results.csv", dtype=str, keep_default_na=False)
    back.loc[0, ["status", "error_code", "error_message"]] = ["accepted", "", ""]

    assert [code for code, _ in summarize(back).counts.cause_lines()] == ["created_at_missing", "interrupted"]


@pytest.mark.parametrize(
    ("status", "has"),
    [
        (None, "no status"),
        (float("nan"), "no status"),
        ("", "no status"),
        ("Accepted", "the unknown status 'Accepted'"),
    ],
)
@pytest.mark.parametrize("use", [summarize, explain])
def test_results_with_a_row_without_a_status_are_refused(results, status, has, use):
    """Counts that do not add up to the rows would hide a row."""
    results["status"] = results["status"].astype(object)
    results.iloc[1, results.columns.get_loc("status")] = status

    with pytest.raises(ValueError, match="status") as caught:
        use(results)

    assert str(caught.value) == f"results: row 1 has {has}: give what submitting returned"


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("results.csv", TypeError, "results: expected a DataFrame, got a str: give what submitting returned"),
        (
            pd.DataFrame({"status": ["known"]}),
            ValueError,
            "results: no column 'row': give what submitting returned",
        ),
    ],
)
def test_summarize_refuses_what_is_not_results(given, error, message):
    """The error says what was given, and what is to be given."""
    with pytest.raises(error) as caught:
        summarize(given)

    assert str(caught.value) == message


def test_one_line_counts_statuses(results):
    """It names the function only if there is something to do."""
    assert one_line(results) == "3 rows: 1 invalid, 2 not_submitted; ep.summarize(results) says what to do next"
    assert one_line(results.assign(status="accepted", error_code=None)) == "3 rows: 3 accepted"
    assert one_line(results.iloc[:0]) == "0 rows"
