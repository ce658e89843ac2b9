"""The documented functions, which load matplotlib when they are called."""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Literal, TypeAlias, overload

import numpy as np
import numpy.typing as npt
import pandas as pd

from events_pandas.errors import MissingExtraError
from events_pandas.results import CheckReport
from events_pandas.words import kind_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CheckKind: TypeAlias = Literal["days", "duplicates", "metadata", "problems"]
ResultsKind: TypeAlias = Literal["run", "days"]
AllAxes: TypeAlias = npt.NDArray[np.object_]


def _loaded(name: str) -> ModuleType:
    try:
        import matplotlib as mpl  # noqa: F401, PLC0415  # Imported so that a missing extra is named.
    except ImportError as error:
        raise MissingExtraError('plots need an extra: pip install "events-pandas[plot]"') from error
    return import_module(f"events_pandas.plots.{name}")


@overload
def plot_check(report: CheckReport, *, kind: CheckKind, ax: "Axes | None" = None) -> "Axes": ...
@overload
def plot_check(report: CheckReport, *, kind: None = None, ax: None = None) -> AllAxes: ...
def plot_check(report: CheckReport, *, kind: CheckKind | None = None, ax: "Axes | None" = None) -> "Axes | AllAxes":
    """Draw what a check found, before anything is sent.

    Needs matplotlib: ``pip install "events-pandas[plot]"``.

    Parameters
    ----------
    report : CheckReport
        What `check_events` or `check_file` returned.
    kind : {"days", "duplicates", "metadata", "problems"}, optional
        The panel to draw; by default all, in this order. ``"days"`` has the valid rows by the day of their `created_at`
        in UTC, or by month, year or more if the span is long. ``"duplicates"`` has the duplicates among them.
        ``"metadata"`` has the share of valid rows in which each key has a value; an Axes with too little room for all
        keys has the emptiest. ``"problems"`` has the rows of each code, errors first.
    ax : matplotlib.axes.Axes, optional
        Where one panel is drawn. It is not cleared. By default a new figure is made.

    Returns
    -------
    matplotlib.axes.Axes or numpy.ndarray, shape (4,), dtype object
        The Axes of the panel, or those of all panels.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If `report` is not a report, or `ax` not an Axes.
    ValueError
        If there is no such panel, or `ax` is given without `kind`: it has room for one panel.

    See Also
    --------
    CheckReport.days, CheckReport.metadata, CheckReport.causes : The numbers.
    plot_results : Draw what became of the rows.

    Notes
    -----
    Text and background are those of the style in use, such as ``plt.style.use("dark_background")``. Bars differ in
    colour and hatch, so that they can be told apart in grey and with any colour vision.

    Examples
    --------
    >>> import events_pandas as ep
    >>> orders = pd.DataFrame({"day": ["2024-01-31", "2024-01-31", "2024-02-02"], "who": ["00042", "00042", "00043"]})
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> report = ep.check_events(orders, mapping)
    >>> days, duplicates, metadata, problems = ep.plot_check(report)
    >>> days.get_title(loc="left")
    '3 valid rows by day'

    One panel goes into a figure of your own:

    >>> import matplotlib.pyplot as plt
    >>> figure, ax = plt.subplots(layout="constrained")
    >>> ep.plot_check(report, kind="duplicates", ax=ax).get_title(loc="left")
    '1 duplicate by day'
    >>> plt.close("all")
    """
    if not isinstance(report, CheckReport):
        raise TypeError(f"report: expected a CheckReport, got {kind_of(report)}: give what check_events returned")
    panels = _loaded("check_panels")
    drawn: Axes | AllAxes = _loaded("figures").draw(panels.PANELS, report, panels.new_axes, kind=kind, ax=ax)
    return drawn


@overload
def plot_results(results: pd.DataFrame, *, kind: ResultsKind, ax: "Axes | None" = None) -> "Axes": ...
@overload
def plot_results(results: pd.DataFrame, *, kind: None = None, ax: None = None) -> AllAxes: ...
def plot_results(
    results: pd.DataFrame, *, kind: ResultsKind | None = None, ax: "Axes | None" = None
) -> "Axes | AllAxes":
    """Draw what became of the rows.

    Needs matplotlib: ``pip install "events-pandas[plot]"``.

    Parameters
    ----------
    results : pandas.DataFrame
        What submitting returned, or some of its rows, also if they were read from a file of results.
    kind : {"run", "days"}, optional
        The panel to draw; by default both, in this order. ``"run"`` has the rows of each status by the time of their
        last answer, in UTC, with the limit of the run, and the gaps in which nothing was answered. ``"days"`` has the
        statuses by the day of `created_at` in UTC, or by month, year or more if the span is long.
    ax : matplotlib.axes.Axes, optional
        Where one panel is drawn. It is not cleared. By default a new figure is made.

    Returns
    -------
    matplotlib.axes.Axes or numpy.ndarray, shape (2,), dtype object
        The Axes of the panel, or those of both.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If `results` is not a DataFrame, or `ax` not an Axes.
    ValueError
        If the results lack a column, a row has no status, there is no such panel, or `ax` is given without `kind`.

    See Also
    --------
    plot_check : Draw what a check found.

    Notes
    -----
    A row is drawn once, at its last answer: retries are not drawn, and neither are rows without a request. The limit
    is known as long as the results have their `attrs`: results from a CSV file are drawn without it. A run of up to two
    minutes is drawn second by second, where a bar may rise above the limit: Intercom counts in windows of ten seconds.
    A gap is marked if it is longer than such a window and a hundredth of the run; the results do not say its reason.

    Examples
    --------
    >>> import events_pandas as ep
    >>> orders = pd.DataFrame({"day": ["2024-01-31", "2024-01-31", "2024-02-02"], "who": ["00042", "00042", "00043"]})
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> with ep.Sandbox() as sandbox:
    ...     results = ep.submit_events(orders, mapping, client=sandbox.client())
    >>> run, days = ep.plot_results(results)
    >>> run.get_title(loc="left")
    '2 rows answered, per second'
    >>> days.get_title(loc="left")
    'Statuses of 3 rows by day of created_at'
    >>> import matplotlib.pyplot as plt
    >>> plt.close("all")
    """
    panels = _loaded("results_panels")
    drawn: Axes | AllAxes = _loaded("figures").draw(
        panels.PANELS, panels.drawn_results(results), panels.new_axes, kind=kind, ax=ax
    )
    return drawn
