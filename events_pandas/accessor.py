"""The accessor `DataFrame.intercom`: check and submit as methods of a frame."""

from typing import Any, Unpack

import pandas as pd

from events_pandas.api import check_contacts, check_events, submit_events, verify
from events_pandas.deliver import IntercomClient
from events_pandas.mapping import EventMapping
from events_pandas.results import CheckReport, Preview, Verification, explain, unknown_contacts
from events_pandas.run.options import SubmitOptions, with_keywords_of, with_options


@pd.api.extensions.register_dataframe_accessor("intercom")
class IntercomAccessor:
    """Check and submit the rows of a frame.

    Parameters
    ----------
    frame : pandas.DataFrame
        The frame; it is not changed.

    Examples
    --------
    >>> import events_pandas as ep
    >>> orders = pd.DataFrame({"day": ["2024-01-31"], "who": ["00042"]})
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> orders.intercom.check(mapping).ok
    True
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def check(self, mapping: EventMapping, *, client: IntercomClient | None = None) -> CheckReport:
        """Check every row without sending anything: `check_events` of this frame.

        Parameters
        ----------
        mapping : EventMapping
            Which column becomes which field.
        client : IntercomClient, optional
            With it the report has the workspace, its region and the duration; no event is sent.

        Returns
        -------
        CheckReport
            Every row judged: as text, in a notebook as tables, and as data.
        """
        return check_events(self._frame, mapping, client=client)

    def preview(self, mapping: EventMapping, n: int = 5) -> Preview:
        """Show the first events as Intercom shows them: `CheckReport.preview` of this frame.

        Every row is checked, since a later row may decide what a column is sent as. Nothing is sent.

        Parameters
        ----------
        mapping : EventMapping
            Which column becomes which field.
        n : int, default 5
            How many at the most, 1 or more.

        Returns
        -------
        Preview
            As text, in a notebook as tables, and as data. If no event would be sent, it says why.

        Raises
        ------
        ValueError
            If `n` is not a number of events.

        Examples
        --------
        >>> import events_pandas as ep
        >>> visits = pd.DataFrame({"at": ["2024-01-31 09:30"], "who": ["00042"], "page": ["https://example.org/a"]})
        >>> mapping = ep.EventMapping(
        ...     event_name="visited", created_at="at", user_id="who", metadata={"page": "page"}, timezone="UTC"
        ... )
        >>> visits.intercom.preview(mapping)
        visited
          contact     user_id 00042
          created_at  2024-01-31 09:30:00 UTC
          page        link  https://example.org/a
        """
        return self.check(mapping).preview(n)

    @with_keywords_of(check_contacts)
    def check_contacts(self, mapping: EventMapping, **options: Any) -> pd.DataFrame:
        """Ask which contacts exist in Intercom: `check_contacts` of this frame.

        Parameters
        ----------
        mapping : EventMapping
            Which column names the contact.
        **options : keyword arguments
            The keywords of `check_contacts`.

        Returns
        -------
        pandas.DataFrame
            One row for each contact, with its status.
        """
        return check_contacts(self._frame, mapping, **options)

    @with_options
    def submit(self, mapping: EventMapping, **options: Unpack[SubmitOptions]) -> pd.DataFrame:
        """Submit the rows as events: `submit_events` of this frame.

        Parameters
        ----------
        mapping : EventMapping
            Which column becomes which field.
        **options : keyword arguments
            The options of the run, as in `SubmitOptions`.

        Returns
        -------
        pandas.DataFrame
            One row for every row of the frame, on its index.
        """
        return submit_events(self._frame, mapping, **options)

    def explain(self, results: pd.DataFrame) -> pd.DataFrame:
        """Group the rows that were not accepted by cause: `explain` with this frame.

        Parameters
        ----------
        results : pandas.DataFrame
            What submitting this frame returned, or some of its rows.

        Returns
        -------
        pandas.DataFrame
            One row for each cause.
        """
        return explain(results, self._frame)

    def unknown_contacts(self, results: pd.DataFrame, mapping: EventMapping) -> pd.DataFrame:
        """Name the contacts that Intercom does not know: `unknown_contacts` of this frame.

        Parameters
        ----------
        results : pandas.DataFrame
            What submitting this frame returned, or some of its rows.
        mapping : EventMapping
            The mapping with which it was submitted.

        Returns
        -------
        pandas.DataFrame
            One row for each contact.
        """
        return unknown_contacts(results, self._frame, mapping)

    @with_keywords_of(verify)
    def verify(self, results: pd.DataFrame, mapping: EventMapping, **options: Any) -> Verification:
        """Read back a sample of the accepted events: `verify` with this frame.

        Parameters
        ----------
        results : pandas.DataFrame
            What submitting this frame returned, or some of its rows.
        mapping : EventMapping
            The mapping with which it was submitted.
        **options : keyword arguments
            The keywords of `verify`.

        Returns
        -------
        Verification
            As text, in a notebook as tables, and as data.

        Examples
        --------
        >>> import events_pandas as ep
        >>> orders = pd.DataFrame({"day": ["2024-01-31", "2024-02-01"], "who": ["00042", "00043"]})
        >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
        >>> with ep.Sandbox() as sandbox:
        ...     results = orders.intercom.submit(mapping, client=sandbox.client())
        ...     orders.intercom.verify(results, mapping, client=sandbox.client()).ok
        True
        """
        return verify(results, self._frame, mapping, **options)
