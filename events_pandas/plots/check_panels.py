"""The panels of `plot_check`: each draws one part of a report on an Axes."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from events_pandas.convert import CODES, Cause
from events_pandas.plots import style
from events_pandas.plots.figures import MOST_ROWS, Panels, new_figure
from events_pandas.plots.spans import calendar_bins
from events_pandas.results import CheckReport
from events_pandas.words import counted

_SEVERITIES: Final = {"error": ("error: not sent", style.ERROR), "note": ("note", style.NOTE)}
_LINE_INCHES: Final = 0.23
_HEAD_INCHES: Final = 1.5  # title, legend and labels of a panel
_MOST_INCHES: Final = 4.0  # of the days
_LEAST_LINES: Final = 6
_WIDTH_INCHES: Final = 12.0
_LEAST_SHARE: Final = 0.01  # of the longest bar


def _no_events(report: CheckReport) -> str:
    return "no row is valid" if report.rows else "there are no rows"


def _draw_by_day(ax: Axes, report: CheckReport, column: str, *, look: style.Look) -> None:
    noun = {"valid": "valid row", "duplicates": "duplicate"}[column]
    counts = report.days[column].to_numpy()
    if not counts.any():
        title = f"{noun.capitalize()}s by day"
        style.empty(
            ax, title, f"no duplicate among {counted(report.valid, 'valid row')}" if len(counts) else _no_events(report)
        )
        return
    days = report.days["day"].to_numpy("datetime64[s]").astype("datetime64[D]").astype(np.int64)
    # Of all valid rows, so that duplicates stand below the days that they are among.
    bins = calendar_bins(days)
    heights = np.bincount(bins.places(days), weights=counts, minlength=bins.n)
    style.stack(ax, np.arange(bins.n), [(f"{noun}s", heights, look)], width=0.86)
    style.dress(ax, f"{counted(int(counts.sum()), noun)} by {bins.unit}")
    ax.set_xlim(-0.6, max(bins.n, style.FEWEST_BINS) - 0.4)
    style.set_time_axis(ax, bins.tick_sets(), label="created_at, in UTC")


def draw_days(ax: Axes, report: CheckReport, most: int) -> None:
    """Draw the valid rows by day, before anything is sent."""
    del most
    _draw_by_day(ax, report, "valid", look=style.VALID)


def draw_duplicates(ax: Axes, report: CheckReport, most: int) -> None:
    """Draw the valid rows that are duplicates, on the axis of `draw_days`."""
    del most
    _draw_by_day(ax, report, "duplicates", look=style.DUPLICATE)


def draw_metadata(ax: Axes, report: CheckReport, most: int) -> None:
    """Draw for each metadata key how many valid rows have a value, over all event names."""
    title, rows = "Valid rows with a value, by key", report.valid
    keys = list(report.mapping.metadata)
    if not keys or not rows:
        style.empty(ax, title, _no_events(report) if keys else "the mapping has no metadata")
        return
    uses = report.facts.row_counts.keys
    present, ignored = (
        np.array([getattr(uses[key], name).sum() if key in uses else 0 for key in keys]) / rows
        for name in ("present", "ignored")
    )
    chosen = np.sort(np.argsort(present, kind="stable")[:most])
    if len(chosen) < len(keys):
        title = f"{title}: the {len(chosen)} emptiest of {len(keys)}"
    present, ignored = present[chosen], ignored[chosen]
    style.lie(ax, present - ignored, style.VALID, label="sent and kept")
    style.dress(ax, title, counts="x")
    if ignored.any():
        style.lie(ax, ignored, style.IGNORED, label="beyond the keys that Intercom keeps", start=present - ignored)
        style.legend(ax, title)
    style.end_labels(ax, present, [_percent(share) for share in present])
    style.named_rows(ax, [keys[place] for place in chosen])
    ax.set_xlim(0, 1.15)
    ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[2.5, 5, 10]))
    ax.xaxis.set_major_formatter(PercentFormatter(1.0))


def _percent(share: float) -> str:
    """Return a share; one that is not quite 0 or 1 is not rounded to it."""
    return f"{share:.0%}" if share in {0.0, 1.0} else f"{min(max(share, 0.001), 0.999):.1%}"


def draw_problems(ax: Axes, report: CheckReport, most: int) -> None:
    """Draw the rows of each code: errors first, and of these the most frequent."""
    title = "Problems by code"
    if not report.causes:
        style.empty(ax, title, "nothing was found")
        return
    grouped: dict[tuple[str, str], list[Cause]] = {}
    for cause in report.causes:
        grouped.setdefault((cause.severity, cause.code), []).append(cause)
    groups = sorted(grouped.items(), key=lambda group: (group[0][0], -_n_rows(group[1])))
    if len(groups) > most:
        title = f"{title}: {most} of {len(groups)}"
    groups = groups[:most]
    lengths = np.array([_n_rows(causes) for _, causes in groups])
    # A few rows beside a million are seen, too; the labels have the numbers.
    seen = np.where(lengths, np.maximum(lengths, _LEAST_SHARE * lengths.max()), 0)
    for severity, (label, look) in _SEVERITIES.items():
        is_own = np.array([severity == own for (own, _), _ in groups])
        if is_own.any():
            style.lie(ax, np.where(is_own, seen, 0), look, label=label)
    style.dress(ax, title, counts="x")
    style.legend(ax, title)
    style.end_labels(ax, lengths, [_extent(causes) for _, causes in groups])
    style.named_rows(ax, [code for (_, code), _ in groups])
    # The labels at the ends need room.
    ax.set_xlim(0, max(1.3 * lengths.max(), 1))
    ax.set_xlabel("rows")


def _n_rows(causes: Sequence[Cause]) -> int:
    """Return how many rows causes have, of the field with most; a note on a whole column has none."""
    return max(0 if CODES[cause.code].extent else cause.rows for cause in causes)


def _extent(causes: Sequence[Cause]) -> str:
    """Return how many rows the causes of one code concern, in words."""
    if len(causes) == 1:
        return causes[0].extent
    rows = _n_rows(causes)
    return f"{counted(rows, 'row')}, {len(causes)} fields" if rows else f"in {len(causes)} fields"


PANELS: Final[Panels[CheckReport]] = {
    "days": draw_days,
    "duplicates": draw_duplicates,
    "metadata": draw_metadata,
    "problems": draw_problems,
}


def new_axes(report: CheckReport) -> list[Axes]:
    """Make a figure with room for all panels, and return their Axes in the order of `PANELS`."""
    lines = [
        min(max(n, _LEAST_LINES), MOST_ROWS)
        for n in (len(report.mapping.metadata), len({cause.code for cause in report.causes}))
    ]
    inches = [n * _LINE_INCHES + _HEAD_INCHES for n in lines]
    figure = new_figure(_WIDTH_INCHES, sum(inches))
    columns = figure.add_gridspec(1, 2)
    # Many keys make the figure long, and the days need not be as long.
    tall = min(sum(inches) / 2, _MOST_INCHES)
    left = columns[0].subgridspec(3, 1, height_ratios=[tall, tall, max(sum(inches) - 2 * tall, 1e-3)])
    right = columns[1].subgridspec(2, 1, height_ratios=inches)
    return [figure.add_subplot(cell) for cell in (left[0], left[1], right[0], right[1])]
