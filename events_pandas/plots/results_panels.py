"""The panels of `plot_results`: each draws one part of results on an Axes."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from events_pandas.convert.keys import DAY_SECONDS, NO_TIME
from events_pandas.deliver import Status
from events_pandas.plots import style
from events_pandas.plots.figures import Panels, new_figure
from events_pandas.plots.spans import WINDOW_SECONDS, Numbers, RunBins, calendar_bins, run_bins
from events_pandas.results.reading import times_of
from events_pandas.results.results_summary import require_columns
from events_pandas.words import counted

_COLUMNS: Final = ("status", "created_at", "submitted_at")
_FIGURE_INCHES: Final = (10.0, 7.5)
_MOST_TIMES_ABOVE: Final = 3
"""A limit that is so many times as high as the highest bar is named, and not shown."""
_GAPS_OF_A_RUN: Final = 100
"""A gap is marked if it takes at least this part of the run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnResults:
    """What is drawn of results; times are Unix seconds, and `NO_TIME` if absent."""

    statuses: npt.NDArray[np.object_]
    created_at: Numbers
    submitted_at: Numbers
    limit: float | None  # requests that the workspace allows in ten seconds
    share: float  # of the limit, that the run was allowed


def drawn_results(results: pd.DataFrame) -> DrawnResults:
    """Return what is drawn of results, also of those that were read from a file."""
    require_columns(results, _COLUMNS)
    facts = results.attrs.get("run", {})
    return DrawnResults(
        statuses=results["status"].astype(object).to_numpy(),
        created_at=_seconds(results, "created_at"),
        submitted_at=_seconds(results, "submitted_at"),
        limit=facts.get("limit"),
        share=facts.get("rate_share", 1.0),
    )


def _seconds(results: pd.DataFrame, column: str) -> Numbers:
    """Return times as Unix seconds."""
    return times_of(results, column).astype("datetime64[s]").astype(np.int64)


def draw_run(ax: Axes, results: DrawnResults, most: int) -> None:
    """Draw the rows that Intercom answered over the run, with its limit and the gaps between answers."""
    del most
    # Rows of other runs have the times of those.
    is_drawn = (results.submitted_at != NO_TIME) & (results.statuses != Status.ALREADY_SUBMITTED.value)
    seconds = results.submitted_at[is_drawn]
    if not len(seconds):
        sentence = "no row was sent in this run" if len(results.statuses) else "there are no rows"
        style.empty(ax, "Answers over the run", sentence)
        return
    bins = run_bins(seconds)
    parts = _parts(results.statuses[is_drawn], bins.places(seconds), bins.n)
    heights = [(label, counts / bins.units(), look) for label, counts, look in parts]
    style.stack(ax, bins.width * (np.arange(bins.n) + 0.5), heights, width=bins.width)
    unit = "second" if bins.unit_seconds == 1 else "ten seconds"
    mean = f", mean of each {bins.words}" if bins.width > WINDOW_SECONDS else ""
    title = f"{counted(len(seconds), 'row')} answered, per {unit}{mean}"
    style.dress(ax, title)
    _mark_gaps(ax, seconds, bins)
    _mark_limit(ax, results, bins, highest=float(np.sum([part[1] for part in heights], axis=0).max()))
    style.legend(ax, title)
    ax.set_xlim(0, bins.width * max(bins.n, style.FEWEST_BINS))
    style.set_time_axis(ax, bins.tick_sets(), label="time of the last answer, in UTC")


def _mark_limit(ax: Axes, results: DrawnResults, bins: RunBins, *, highest: float) -> None:
    if results.limit is None:
        return
    allowed = results.limit * results.share
    height = allowed * bins.unit_seconds / WINDOW_SECONDS
    is_far = height > _MOST_TIMES_ABOVE * highest
    of_limit = "" if results.share == 1 else f", rate_share {results.share:g} of {results.limit:,.0f}"
    label = f"limit: {allowed:,.0f} in ten seconds{of_limit}{', above the plot' if is_far else ''}"
    style.mark_height(ax, height, label=label)
    ax.set_ylim(0, 1.15 * (highest if is_far else max(height, highest)))


def _mark_gaps(ax: Axes, seconds: Numbers, bins: RunBins) -> None:
    """Mark where nothing was answered for a window of the limit; the run does not say why."""
    times = np.unique(seconds)
    lengths = np.diff(times)
    gaps = np.flatnonzero(lengths > max(WINDOW_SECONDS, (times[-1] - times[0]) // _GAPS_OF_A_RUN))
    if not len(gaps):
        return
    longest = dt.timedelta(seconds=int(lengths.max()))
    for number, gap in enumerate(gaps):
        ax.axvspan(
            times[gap] + 1 - bins.start,
            times[gap + 1] - bins.start,
            color=style.text_color(),
            alpha=0.18,
            linewidth=0,
            zorder=0.4,  # behind the grid
            label=f"no answer, for {longest} at most" if number == 0 else "_",
        )


def draw_days(ax: Axes, results: DrawnResults, most: int) -> None:
    """Draw the statuses of the rows by the day of `created_at`."""
    del most
    is_drawn = results.created_at != NO_TIME
    n_absent = int(np.count_nonzero(~is_drawn))
    if not is_drawn.any():
        sentence = "no row has a readable created_at" if n_absent else "there are no rows"
        style.empty(ax, "Statuses by day of created_at", sentence)
        return
    days = results.created_at[is_drawn] // DAY_SECONDS
    bins = calendar_bins(days)
    parts = _parts(results.statuses[is_drawn], bins.places(days), bins.n)
    style.stack(ax, np.arange(bins.n), parts, width=0.86)
    title = f"Statuses of {counted(len(days), 'row')} by {bins.unit} of created_at"
    style.dress(ax, title)
    style.legend(ax, title)
    left_out = f"; {counted(n_absent, 'row')} without a readable time left out" if n_absent else ""
    ax.set_xlim(-0.6, max(bins.n, style.FEWEST_BINS) - 0.4)
    style.set_time_axis(ax, bins.tick_sets(), label=f"created_at, in UTC{left_out}")


def _parts(
    statuses: npt.NDArray[np.object_], places: Numbers, n_bins: int
) -> list[tuple[str, npt.NDArray[Any], style.Look]]:
    """Count the rows of each status by bin, in the order of the statuses."""
    return [
        (status.value, np.bincount(places[is_own], minlength=n_bins), look)
        for status, look in style.STATUSES.items()
        if (is_own := statuses == status.value).any()
    ]


PANELS: Final[Panels[DrawnResults]] = {"run": draw_run, "days": draw_days}


def new_axes(results: DrawnResults) -> list[Axes]:
    """Make a figure with room for all panels, and return their Axes in the order of `PANELS`."""
    del results
    return list(new_figure(*_FIGURE_INCHES).subplots(2, 1))
