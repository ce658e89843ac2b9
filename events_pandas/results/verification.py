"""Verification: whether accepted events have arrived, as text, as HTML, as numbers and as a frame."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from events_pandas.deliver import WorkspaceIdentity
from events_pandas.results.arrival import CONFIDENCE, POSSIBLY_MISSING, ArrivalStatus, largest_share, most_marked
from events_pandas.results.fragment import LEFT, LONG, RIGHT, cell, fragment, markup_cell, paragraph, table
from events_pandas.results.report import workspace_fact
from events_pandas.wording import Phrase, Words, in_commands, in_python
from events_pandas.words import counted, quoted

EXAMPLES_SHOWN: Final = 5
_MEANINGS: Final[Mapping[ArrivalStatus, str]] = MappingProxyType(
    {
        ArrivalStatus.MATCHING: "Intercom has as many, with the same first and last time",
        ArrivalStatus.DIFFERING: "Intercom lacks some of them",
        ArrivalStatus.MORE: "Intercom has, or may have, other events too: a loss could hide behind them",
        ArrivalStatus.NOT_YET_VISIBLE: "Intercom lacks some that were submitted a moment ago: verify again later",
        ArrivalStatus.GONE: "the contact was deleted or merged, or others share its address",
        ArrivalStatus.UNANSWERED: "Intercom did not say how many it has",
    }
)
_NEXT_STEP: Final = (
    "to send them again, submit ",
    Phrase("frame.iloc[verification.differing_rows] with resubmit=True", "the rows with --resubmit"),
    ": Intercom ignores events that it has",
)
_TOGETHER: Final = (
    "if the other events are of earlier runs, submit the rows of all runs again in one ",
    Phrase("frame", "command"),
    " with their journal, which sends no event twice, and verify its results",
)
_AT_ONCE: Final = (
    ": say ",
    Phrase("settle_seconds=0", "--settle-seconds 0"),
    " where events are visible at once, as in a sandbox",
)
_TIMES: Final = ("first_accepted", "last_accepted", "first_found", "last_found")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False, slots=True)
class Verification:
    """What Intercom's counts prove about accepted events.

    Printed it is text, in a notebook it is shown with tables. Both name rows by number, or by file and line, and show
    neither contacts nor labels, which may name contacts.

    Parameters
    ----------
    groups : pandas.DataFrame
        A row for each contact of the events drawn and each of its event names: ``row``
        (int64), the first row; ``event_name`` (string), normalized; ``accepted`` (int64) and ``found`` (Int64), how
        many events were accepted, and how many Intercom counts; ``missing`` (Int64), how many it lacks at least;
        ``first_accepted``, ``last_accepted``, ``first_found`` and ``last_found`` (datetime64, UTC); ``drawn`` (int64),
        how many of the events were drawn; and ``status`` (ordered categorical). From files also ``source_file`` and
        ``line``. With ``include_identifier`` it is on the labels of the results, and has ``identifier`` and ``contact``
        (strings).
    differing_rows : numpy.ndarray of int64
        The positions in the frame of all accepted events of the groups that differ, in ascending order; of files, the
        rows counted over all of them. ``frame.iloc[verification.differing_rows]`` has these rows.
    places : sequence of str
        Where the first row of each group is, in words.
    accepted : int
        The number of accepted events.
    contacts : int
        The number of contacts that the drawn events have.
    unanswered : int, default 0
        The number of contacts that have no answer, since the questions ended early. Only the events that were drawn
        before the first of them count as drawn: they are a random sample, too.
    workspace : WorkspaceIdentity, optional
        The workspace that was asked.

    Examples
    --------
    >>> import events_pandas as ep
    >>> orders = pd.DataFrame({"day": ["2024-01-31", "2024-02-01"], "who": ["00042", "00043"]})
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> with ep.Sandbox() as sandbox:
    ...     results = ep.submit_events(orders, mapping, client=sandbox.client())
    ...     verification = ep.verify(results, orders, mapping, client=sandbox.client())
    >>> verification.ok, verification.counts["matching"], verification.bound
    (True, 2, 0.0)
    """

    groups: pd.DataFrame
    differing_rows: npt.NDArray[np.int64]
    places: Sequence[str]
    accepted: int
    contacts: int
    unanswered: int = 0
    workspace: WorkspaceIdentity | None = None

    @property
    def drawn(self) -> int:
        """The number of events that were drawn at random from those accepted."""
        return int(self.groups["drawn"].sum())

    @property
    def counts(self) -> dict[str, int]:
        """The number of drawn events with each status, zeros included."""
        sums = self.groups.groupby("status", observed=False)["drawn"].sum()
        return {str(status): int(count) for status, count in sums.items()}

    @property
    def compared(self) -> int:
        """The number of drawn events that match or may be missing: the others prove nothing."""
        return self.counts[ArrivalStatus.MATCHING.value] + self.may_be_missing

    @property
    def may_be_missing(self) -> int:
        """The number of drawn events that may be missing: they differ, or are not visible yet."""
        counts = self.counts
        return sum(counts[status.value] for status in POSSIBLY_MISSING)

    @property
    def comparable(self) -> int | None:
        """The number of accepted events of which the bound speaks.

        None if some drawn events prove nothing, and not all events were drawn: nobody knows how many are like them.
        """
        if self.drawn == self.accepted:
            return self.compared
        return self.accepted if self.compared == self.drawn else None

    @property
    def missing(self) -> int:
        """The number of accepted events that Intercom lacks at least, among all events of the contacts drawn."""
        return int(self._differing["missing"].sum())

    @property
    def most_missing(self) -> int | None:
        """How many of the comparable events may be missing at 95 % confidence.

        An event may be missing if the events of its contact and name differ, or are not all visible yet. None if
        nothing was compared, or if it is not known how many events are comparable.
        """
        compared, comparable = self.compared, self.comparable
        if not compared or comparable is None:
            return None
        return most_marked(population=comparable, drawn=compared, marked=self.may_be_missing)

    @property
    def bound(self) -> float | None:
        """The share of events like those compared that may be missing at 95 % confidence; None if none was compared.

        It is rounded up to tenths of a percent if it is not known how many events are comparable.
        """
        if not self.compared:
            return None
        if (most := self.most_missing) is None:
            return largest_share(drawn=self.compared, marked=self.may_be_missing)
        return most / (self.comparable or 1)

    @property
    def ok(self) -> bool:
        """Whether events were drawn, all of them match, and all questions were answered."""
        return 0 < self.drawn == self.counts[ArrivalStatus.MATCHING.value] and not self.unanswered

    def facts(self) -> dict[str, Any]:
        """Return the numbers, and the groups that differ, as data for JSON.

        Returns
        -------
        dict
            Without contacts.
        """
        most, names = self.most_missing, ["row", "event_name", "accepted", "found", "missing"]
        groups = self._differing[names].astype(object).to_dict("records")
        of_bound = {
            "confidence": CONFIDENCE,
            "events": most,
            "of": None if most is None else self.comparable,
            "share": self.bound,
        }
        return {
            "workspace": None if self.workspace is None else asdict(self.workspace),
            "accepted": self.accepted,
            "drawn": self.drawn,
            "contacts": self.contacts,
            "statuses": self.counts,
            "compared": self.compared,
            "missing": self.missing,
            "bound": of_bound if self.compared else None,
            "differing": [{**group, "place": place} for group, place in zip(groups, self._where(), strict=True)],
        }

    def __str__(self) -> str:
        return "\n".join(map(in_python, self._lines()))

    __repr__ = __str__

    def in_commands(self) -> str:
        """Return the text in the words of the command line.

        Returns
        -------
        str
            Lines that name options instead of keywords and attributes.
        """
        return "\n".join(map(in_commands, self._lines()))

    def _repr_html_(self) -> str:
        lines = (
            cell("td", f"{count:,}", RIGHT) + markup_cell("th", status, LEFT, scope="row") + cell("td", meaning, LONG)
            for count, status, meaning in self._statuses()
        )
        texts = map(in_python, self._texts())
        return fragment([paragraph(strong=self._heading()), *table(lines, caption="statuses"), *map(paragraph, texts)])

    def _lines(self) -> Iterator[Words]:
        yield self._heading()
        width = len(f"{self.drawn:,}")
        yield from (f"  {count:>{width},} {status:<17}{meaning}" for count, status, meaning in self._statuses())
        yield from self._texts()

    def _texts(self) -> Iterator[Words]:
        return chain(self._conclusions(), self._examples(), self._facts())

    @property
    def _differing(self) -> pd.DataFrame:
        return self.groups[self._differs()]

    def _differs(self) -> npt.NDArray[np.bool_]:
        return self.groups["status"].eq(ArrivalStatus.DIFFERING.value).to_numpy(bool)

    def _where(self) -> list[str]:
        """Return the places of the groups that differ."""
        return [place for place, differs in zip(self.places, self._differs(), strict=True) if differs]

    def _heading(self) -> str:
        events = counted(self.accepted, "accepted event")
        if not self.accepted:
            return f"{events}: nothing is proven"
        return f"{self.drawn:,} of {events} drawn at random, of {counted(self.contacts, 'contact')}"

    def _statuses(self) -> Iterator[tuple[int, str, str]]:
        counts = self.counts
        for status, meaning in _MEANINGS.items():
            if count := counts[status.value]:
                yield count, status.value, meaning

    def _facts(self) -> Iterator[str]:
        if self.workspace is not None:
            yield ": ".join(workspace_fact(self.workspace))

    def _conclusions(self) -> Iterator[Words]:
        """Yield what is proven, and about which events that speaks."""
        compared = self.compared
        if self.unanswered:
            have = counted(self.unanswered, "further contact has", "further contacts have")
            yield f"{have} no answer: the sample ends before the first of them"
        if not self.drawn:
            return
        if self.counts[ArrivalStatus.MORE.value]:
            yield _TOGETHER
        if not compared:
            yield "nothing is proven: no event that was drawn could be compared"
            return
        if unproven := self.drawn - compared:
            proofs = counted(unproven, "event proves", "events prove")
            yield f"{proofs} nothing: the following is about events like the other {compared:,}"
        yield from self._losses()
        if waiting := self.counts[ArrivalStatus.NOT_YET_VISIBLE.value]:
            yield f"{counted(waiting, 'event counts', 'events count')} as possibly missing until visible", *_AT_ONCE
        if self.may_be_missing == 0:
            yield f"none of the {counted(compared, 'event')} compared is missing, as far as counts show"
        yield from self._bounds("such events" if unproven else "the accepted events")

    def _losses(self) -> Iterator[Words]:
        if not (missing := self.missing):
            return
        yield f"at least {counted(missing, 'event is', 'events are')} missing, of the contacts that were drawn"
        if self.groups["found"].eq(0).all():
            yield "Intercom has none of them: first make sure that the mapping, with its event name, is the run's"
        yield _NEXT_STEP

    def _bounds(self, events: str) -> Iterator[str]:
        most, comparable = self.most_missing, self.comparable
        numbers = "" if most is None else f" ({most:,} of {comparable:,})"
        share = f"{_percent(self.bound or 0)} of {events} may be missing{numbers}"
        if self.compared != comparable:
            yield f"at {CONFIDENCE:.0%} confidence, at most {share}"
        elif most:
            yield f"all of them were compared: at most {share}"

    def _examples(self) -> Iterator[Words]:
        differing = self._differing
        shown = differing.head(EXAMPLES_SHOWN)
        for place, difference in zip(self._where(), _differences(shown), strict=False):
            yield f"differing: {place}, {difference}"
        if (further := len(differing) - EXAMPLES_SHOWN) > 0:
            yield f"and {further:,} more: ", Phrase("see .groups", "add --json")


def _percent(share: float) -> str:
    """Return a share, rounded up to tenths of a percent: it is a bound."""
    return f"{math.ceil(round(1_000 * share, 9)) / 10:g}%"


def _differences(groups: pd.DataFrame) -> Iterator[str]:
    """Yield in words what Intercom lacks of each group."""
    # Not as Timestamps, which end with the year 9999.
    texts = {
        name: [text.replace("T", " ") for text in np.datetime_as_string(_seconds(groups[name]))] for name in _TIMES
    }
    times = zip(*texts.values(), strict=True)
    counts = groups[["event_name", "accepted", "found"]].itertuples(index=False, name=None)
    for (name, accepted, found), (*own, first, last) in zip(counts, times, strict=True):
        said = f"{quoted(name)}: {accepted:,} accepted, {found:,} found"
        ends = zip(("first", "last"), (first, last), own, strict=True)
        others = (
            f", the {end} at {theirs} instead of {ours} UTC" for end, theirs, ours in ends if found and theirs != ours
        )
        yield said + "".join(others)


def _seconds(times: "pd.Series[pd.Timestamp]") -> npt.NDArray[np.datetime64]:
    seconds: npt.NDArray[np.datetime64] = times.dt.tz_localize(None).to_numpy("datetime64[s]")
    return seconds
