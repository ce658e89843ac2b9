"""`plot_results`: what is drawn of results, with the limit of their run and the gaps in it."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

import events_pandas as ep
from events_pandas.deliver import Status
from events_pandas.results import STATUS_DTYPE

START = pd.Timestamp("2026-11-30T14:15:00Z")


def title(ax):
    return ax.get_title(loc="left")


def names(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def line(ax):
    (line,) = ax.lines
    return line.get_ydata()[0]


@pytest.fixture
def make_results():
    """Return a function that makes results: of a status each, answered some seconds after the start."""

    def make(statuses, seconds, *, created="2024-01-31T10:00", limit=1_666, **run):
        submitted = START + pd.to_timedelta(pd.Series(seconds, dtype="float"), unit="s").astype("timedelta64[us]")
        created = [created] * len(statuses) if isinstance(created, str) else created
        results = pd.DataFrame(
            {
                "row": np.arange(len(statuses)),
                "status": pd.Categorical(statuses, dtype=STATUS_DTYPE),
                "created_at": np.array(created, "datetime64[us]") if len(created) else pd.Series(dtype="M8[us]"),
                "submitted_at": submitted,
            }
        )
        results["created_at"] = results["created_at"].dt.tz_localize("UTC")
        results.attrs["run"] = {"limit": limit, "rate_share": 1.0, **run}
        return results

    return make


def test_plot_results_makes_a_figure_with_both_panels(make_results):
    """Without an Axes there is a new figure, with the run above the days."""
    axes = ep.plot_results(make_results(["accepted"] * 2, [0.0, 1.0]))

    assert [title(ax) for ax in axes] == [
        "2 rows answered, per second",
        "Statuses of 2 rows by day of created_at",
    ]
    assert plt.get_fignums() == [axes[0].figure.number]


def test_plot_results_draws_accepted_and_refused_rows_over_the_run(make_results, ax, bars, patches):
    """Each second has the rows of each status upon each other; rows without an answer in this run have no place."""
    statuses = ["accepted", "rejected", "accepted", "already_submitted", "unknown_contact", "invalid"]

    ep.plot_results(make_results(statuses, [0.0, 0.9, 2.0, -9_999, 2.5, np.nan]), kind="run", ax=ax)

    assert title(ax) == "4 rows answered, per second"
    assert bars(ax) == {"accepted": [(0.5, 1), (2.5, 1)], "unknown_contact": [(2.5, 1)], "rejected": [(0.5, 1)]}
    assert patches(ax)["rejected"].get_path().vertices[0].tolist() == [0, 1]


def test_plot_results_draws_the_limit(make_results, ax):
    """The limit of ten seconds is drawn as its mean where bars are seconds."""
    ep.plot_results(make_results(["accepted"] * 100, [0.0] * 100), kind="run", ax=ax)

    assert line(ax) == pytest.approx(166.6)
    assert ax.get_ylim()[1] == pytest.approx(166.6 * 1.15)
    assert names(ax) == ["accepted", "limit: 1,666 in ten seconds"]


def test_plot_results_compares_windows_with_the_limit(make_results, ax, bars):
    """A run of more than two minutes has a bar for each window of the limit."""
    seconds = np.arange(0, 300, 0.1)

    ep.plot_results(make_results(["accepted"] * len(seconds), seconds, limit=100), kind="run", ax=ax)

    assert title(ax) == "3,000 rows answered, per ten seconds"
    assert {height for _, height in bars(ax)["accepted"]} == {100}
    assert line(ax) == 100


def test_plot_results_draws_the_mean_of_long_bins(make_results, ax, bars):
    """A bar of an hour-long run has the mean of its windows, the last one of those that it took."""
    seconds = np.arange(0, 3_630, 1.0)

    ep.plot_results(make_results(["accepted"] * len(seconds), seconds), kind="run", ax=ax)

    assert title(ax) == "3,630 rows answered, per ten seconds, mean of each minute"
    assert {height for _, height in bars(ax)["accepted"]} == {10}


def test_plot_results_names_a_limit_that_is_far_above(make_results, ax):
    """Three rows stay visible below a limit of 1,666, which is named."""
    ep.plot_results(make_results(["accepted"] * 3, [0.0, 0.1, 0.2]), kind="run", ax=ax)

    assert ax.get_ylim()[1] == pytest.approx(3.45)
    assert names(ax)[-1] == "limit: 1,666 in ten seconds, above the plot"


def test_plot_results_draws_the_share_of_the_limit(make_results, ax):
    """A run that may use a share of the limit is compared with this share."""
    ep.plot_results(make_results(["accepted"] * 100, [0.0] * 100, rate_share=0.5), kind="run", ax=ax)

    assert line(ax) == pytest.approx(83.3)
    assert names(ax)[-1] == "limit: 833 in ten seconds, rate_share 0.5 of 1,666"


def test_plot_results_marks_gaps_between_answers(make_results, ax):
    """Where nothing was answered for more than a window, the run has a mark; the legend has the longest."""
    ep.plot_results(make_results(["accepted"] * 4, [0.0, 5.0, 96.0, 110.0]), kind="run", ax=ax)

    spans = [patch.get_window_extent() for patch in ax.patches if patch.get_alpha() is not None]
    spans = [ax.transData.inverted().transform_bbox(span).intervalx.round(3).tolist() for span in spans]
    assert spans == [[6, 96], [97, 110]]
    assert "no answer, for 0:01:31 at most" in names(ax)


def test_plot_results_marks_no_gap_of_a_steady_run(make_results, ax):
    """Answers every few seconds are no gap."""
    ep.plot_results(make_results(["accepted"] * 4, [0.0, 9.0, 18.0, 28.0]), kind="run", ax=ax)

    assert names(ax) == ["accepted", "limit: 1,666 in ten seconds, above the plot"]


def test_plot_results_draws_statuses_by_day(make_results, ax, bars):
    """Each day has its statuses upon each other, in their order; rows without a time are counted below."""
    created = ["2024-01-31T23:59:59", "2024-01-31", "2024-02-01", "NaT"]

    ep.plot_results(
        make_results(["rejected", "accepted", "duplicate", "invalid"], [np.nan] * 4, created=created),
        kind="days",
        ax=ax,
    )

    assert bars(ax) == {"accepted": [(0, 1)], "duplicate": [(1, 1)], "rejected": [(0, 1)]}
    assert names(ax) == ["accepted", "duplicate", "rejected"]
    assert ax.get_xlabel() == "created_at, in UTC; 1 row without a readable time left out"


def test_plot_results_has_a_look_for_every_status(make_results, ax, patches):
    """All eight statuses differ in colour and hatch."""
    statuses = [status.value for status in Status]

    ep.plot_results(make_results(statuses, [np.nan] * 8), kind="days", ax=ax)

    assert names(ax) == statuses
    looks = [(to_hex(patch.get_facecolor(), keep_alpha=True), patch.get_hatch()) for patch in patches(ax).values()]
    assert len(set(looks)) == len({color for color, _ in looks}) == 8


@pytest.mark.parametrize(
    ("kind", "statuses", "sentence"),
    [
        ("run", [], "there are no rows"),
        ("run", ["already_submitted"], "no row was sent in this run"),
        ("days", [], "there are no rows"),
        ("days", ["invalid"], "no row has a readable created_at"),
    ],
)
def test_plot_results_says_why_there_is_nothing_to_draw(make_results, ax, kind, statuses, sentence):
    """An empty panel is a title and a sentence."""
    ep.plot_results(make_results(statuses, [0.0] * len(statuses), created=["NaT"] * len(statuses)), kind=kind, ax=ax)

    ax.figure.draw_without_rendering()
    assert [text.get_text() for text in ax.texts] == [sentence]


@pytest.mark.parametrize(
    ("suffix", "read"),
    [
        ("csv", pd.read_csv),
        ("parquet", pd.read_parquet),
        ("parquet", partial(pd.read_parquet, dtype_backend="pyarrow")),
    ],
)
def test_plot_results_draws_results_of_a_file(make_orders, mapping, fake_client, tmp_path, bars, suffix, read):
    """Results that were read from a file are drawn alike, without the limit that they do not know."""
    orders = make_orders(day=["2024-01-31", "2250-12-30", "never"])
    orders.to_csv(tmp_path / "orders.csv", index=False)
    path = tmp_path / f"results.{suffix}"
    client = fake_client({"00001": [400]})
    ep.submit_file(tmp_path / "orders.csv", mapping, client=client, journal=None, results_path=path, progress=False)

    run, days = ep.plot_results(read(path))

    assert sum(height for bar in bars(run).values() for _, height in bar) == 2
    assert bars(days) == {"accepted": [(0, 1)], "rejected": [(23, 1)]}
    assert len(run.lines) == 0


def test_plot_results_draws_any_dates_of_a_file(make_results, tmp_path, ax, bars):
    """Times that a CSV file has as text may be of any year."""
    results = make_results(["accepted"] * 3, [0.0] * 3, created=["0001-01-02", "9999-12-31", "NaT"])
    results.to_csv(tmp_path / "results.csv")

    ep.plot_results(pd.read_csv(tmp_path / "results.csv"), kind="days", ax=ax)

    assert bars(ax) == {"accepted": [(0, 1), (99, 1)]}


def test_plot_results_of_a_file_of_texts(make_results, tmp_path, ax, bars):
    """A file that was read as text has an empty text where a time is absent."""
    make_results(["accepted", "invalid"], [0.0, np.nan]).to_csv(tmp_path / "results.csv")

    ep.plot_results(pd.read_csv(tmp_path / "results.csv", dtype=str, keep_default_na=False), kind="run", ax=ax)

    assert bars(ax) == {"accepted": [(0.5, 1)]}


def test_plot_results_of_a_file_without_times(make_results, tmp_path, ax):
    """A CSV file in which no row has a time has an empty column."""
    make_results(["invalid"], [np.nan], created=["NaT"]).to_csv(tmp_path / "results.csv")

    ep.plot_results(pd.read_csv(tmp_path / "results.csv"), kind="run", ax=ax)

    assert [text.get_text() for text in ax.texts] == ["no row was sent in this run"]


def test_plot_results_draws_some_rows(make_results, ax, bars):
    """A selection of results is drawn like results, also without any row of a status."""
    results = make_results(["accepted", "rejected", "accepted"], [0.0, 0.0, 1.0])

    ep.plot_results(results[results["status"] == "rejected"], kind="run", ax=ax)

    assert bars(ax) == {"rejected": [(0.5, 1)]}


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_plot_results_takes_text_and_background_from_the_style(make_results, patches, style):
    """The limit and hollow bars have the colour of text, which is never that of the background."""
    with plt.style.context(style):
        run, days = ep.plot_results(make_results(["not_submitted", "accepted"], [np.nan, 0.0]))
        text = to_hex(plt.rcParams["text.color"])

    assert to_hex(run.lines[0].get_color()) == text
    assert to_hex(patches(days)["not_submitted"].get_edgecolor()) == text


@pytest.mark.parametrize(
    ("results", "error", "message"),
    [
        ([1], TypeError, "results: expected a DataFrame, got a list: give what submitting returned"),
        (
            pd.DataFrame({"status": [], "created_at": []}),
            ValueError,
            "results: no column 'submitted_at': give what submitting returned",
        ),
        (
            pd.DataFrame({"status": "accepted", "created_at": ["", "soon"], "submitted_at": ""}),
            ValueError,
            "results: row 1 has the created_at 'soon', which is not a time: write it as 2024-01-31T12:00:00Z",
        ),
    ],
)
def test_plot_results_refuses_what_are_not_results(results, error, message):
    """What is given in the place of results is named."""
    with pytest.raises(error) as caught:
        ep.plot_results(results)

    assert str(caught.value) == message
