"""Plan: what a run is about to do, for people and for programs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from events_pandas.cli.checking import report_facts
from events_pandas.convert import Cause
from events_pandas.results import CheckReport
from events_pandas.results.check_report import left_out
from events_pandas.results.destination import Destination
from events_pandas.results.report import Fact, request_fact, workspace_fact
from events_pandas.words import counted, escaped, file_words, listed, path_text

_DETECTED: Final = frozenset(
    {"delimiter_detected", "encoding_detected", "sheet_chosen", "decimal_comma", "decimal_point"}
)
"""The codes of the notes on how files are written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a run is about to do."""

    files: Sequence[str]
    skipped: Mapping[str, str] = field(default_factory=dict)
    limit: int | None = None
    report: CheckReport | None = None
    destination: Destination | None = None
    rate_share: float = 1.0
    journal: Path | None = None
    resubmits: bool = False
    checks_contacts: bool = False

    @property
    def begins_journal(self) -> bool:
        """Whether the journal is made new."""
        return self.journal is not None and not self.journal.exists()

    @property
    def detected(self) -> dict[str, list[Cause]]:
        """What was found out about how the files are written, by the code of the notes."""
        notes = () if self.report is None else [cause for cause in self.report.causes if cause.code in _DETECTED]
        return {code: [cause for cause in notes if cause.code == code] for code in dict.fromkeys(c.code for c in notes)}

    @property
    def _pace(self) -> Destination | None:
        """The limit that the run uses of the workspace's."""
        return None if self.destination is None else self.destination.shared(self.rate_share)

    @property
    def warnings(self) -> list[str]:
        """What should be looked at before anything is sent."""
        if self.report is not None:
            return self.report.warnings
        return [f"{escaped(name)}: was left out: {reason}" for name, reason in self.skipped.items()]

    def facts(self) -> dict[str, Any]:
        """Return the plan for a document."""
        pace, checked = self._pace, None
        if self.report is not None:
            checked = report_facts(self.report)
            if pace is not None:
                checked["duration_seconds"] = pace.duration_seconds(self.report.requests)
        journal = None if self.journal is None else path_text(self.journal)
        files = [path_text(file) for file in self.files]
        facts = {"files": files, "skipped_files": dict(self.skipped), "limit": self.limit}
        facts["checks_contacts"] = self.checks_contacts
        return {**facts, "journal": journal, "journal_is_new": self.begins_journal, "check": checked}

    def lines(self) -> Iterator[str]:
        """Yield the plan for people."""
        rows = self.limit if self.report is None else self.report.rows
        what = "the rows" if rows is None else counted(rows, "row")
        first = "" if self.limit is None else "the first "
        yield f"about to submit {first}{what} of {listed([escaped(file_words(file)) for file in self.files])}"
        facts = list(self._facts())
        width = max((len(label) for label, _ in facts), default=0)
        yield from (f"  {label:<{width}}  {text}" for label, text in facts)
        yield from (f"warning: {warning}" for warning in self.warnings)

    def _facts(self) -> Iterator[Fact]:
        if self.destination is not None:
            yield workspace_fact(self.destination.workspace)
        if self.report is not None:
            requests, pace = self.report.requests, self._pace
            limit, seconds = (None, None) if pace is None else (pace.limit, pace.duration_seconds(requests))
            label, text = request_fact(requests, limit=limit, seconds=seconds)
            # The check does not ask the journal, and not which contacts exist.
            is_known = self.journal is not None and not (self.begins_journal or self.resubmits)
            fewer = f"at most {text}{'; fewer if the journal has rows' if is_known else ''}"
            yield label, fewer if is_known or self.checks_contacts else text
            yield "left out", left_out(self.report) or "nothing"
        if self.checks_contacts:
            yield "contacts", "are checked first, 50 in a search: events of those that Intercom lacks are not sent"
        for first, *others in self.detected.values():
            alike = f" ({counted(len(others), 'more note')} of this kind)" if others else ""
            yield "detected", f"{first.message}{alike}"
        if self.journal is not None:
            yield "journal", f"{escaped(self.journal)} ({self._journal_state()})"

    def _journal_state(self) -> str:
        if self.begins_journal:
            return "new: no earlier run is known"
        return "rows that it has are sent again, too" if self.resubmits else "rows that it has are not sent again"
