"""How far a run has come: the value that every display of progress shows, and that a callable is given."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from events_pandas.deliver.pace.state import Pause, Window


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a run has come.

    Parameters
    ----------
    rows : int
        Rows of which nothing more is to be done, those included that are not sent; without those that are
        ``not_submitted``, since the run ended before their turn.
    total : int or None
        Rows of the whole run; None if that is not known, as in a stream.
    counts : mapping of str to int
        Events by status, such as ``{"accepted": 990, "rejected": 10}``; rows that are not sent are not counted,
        nor are those that are ``not_submitted``: how many they are, the results tell.
    at : datetime.datetime
        When this was so, in UTC.
    elapsed_seconds : float
        Since the run began.
    events_per_second : float or None
        The rate of the last ten seconds; None in the first two of a run, and while it is paused.
    window : Window or None
        The current window of the rate limit: ``limit``, ``left``, ``ends_in_seconds`` and ``seconds``. None where the
        limit is not known, or is not what decides the pace.
    window_number : int or None
        The number of the current window in this run, from 1; None without a window.
    windows : int or None
        How many windows the run takes in all; None without a window or a total.
    done_at : datetime.datetime or None
        When the last request leaves, in UTC: computed from the limit and its reset where the limit decides the pace,
        otherwise from the rate. None if that is not known, and while the run is paused.
    pause : Pause or None
        Why nothing is sent: ``reason`` (``"preflight"``, ``"outage"``, ``"rate_limit"`` or ``"stopping"``),
        ``since_seconds``, ``next_in_seconds`` and ``gives_up_in_seconds``.
    in_flight : int
        Requests that are under way.
    ended_early : bool
        Whether the run has ended before all of its rows were done.
    is_final : bool
        Whether this is the last that is told of the run, however it ended.

    Examples
    --------
    >>> import pandas as pd
    >>> import events_pandas as ep
    >>> def show(progress):
    ...     if progress.is_final:
    ...         print(progress.rows, dict(progress.counts))
    >>> orders = pd.DataFrame({"day": ["2024-01-31", "2024-02-01"], "who": ["00042", "00043"]})
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> with ep.Sandbox() as sandbox:
    ...     results = ep.submit_events(orders, mapping, client=sandbox.client(), progress=show)
    2 {'accepted': 2}
    """

    rows: int
    total: int | None
    counts: Mapping[str, int] = field(default_factory=dict)
    at: dt.datetime
    elapsed_seconds: float
    events_per_second: float | None = None
    window: Window | None = None
    window_number: int | None = None
    windows: int | None = None
    done_at: dt.datetime | None = None
    pause: Pause | None = None
    in_flight: int = 0
    ended_early: bool = False
    is_final: bool = False
