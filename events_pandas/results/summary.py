"""Results in a few lines of text: how many rows have each status, and why."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from events_pandas.convert import Cause
from events_pandas.deliver import Status
from events_pandas.deliver.journal import OtherRun, mode_note
from events_pandas.words import counted, escaped, file_words

CAUSES_SHOWN = 10
_ALL_CAUSES = "--results and --rejects have the cause of each row, --json has all causes"

MEANINGS = {
    Status.ACCEPTED: "Intercom has them",
    Status.ALREADY_SUBMITTED: "accepted in another run",
    Status.DUPLICATE: "same contact, event name and second as an earlier event",
    Status.INVALID: "break a rule of Intercom's, and were not sent",
    Status.UNKNOWN_CONTACT: "Intercom does not know the contact",
    Status.REJECTED: "refused by Intercom",
    Status.FAILED: "no final answer, or no record of it",
    Status.NOT_SUBMITTED: "not sent",
}

REPEAT_CODES = ("duplicate", "duplicate_with_other_metadata")
"""Error codes of duplicates of another row of the run."""

ARRIVED = (Status.ACCEPTED, Status.ALREADY_SUBMITTED, Status.DUPLICATE)
"""Statuses of rows that need nothing more: Intercom has them, or would drop them."""


@dataclass(slots=True)
class Summary:
    """Counts of statuses and causes over all results of a run, printed in a few lines.

    Notes with the codes that were `told` before the run are not printed again.
    """

    told: Collection[str] = ()
    _statuses: Counter[str] = field(default_factory=Counter, init=False)
    _causes: Counter[str] = field(default_factory=Counter, init=False)
    _examples: dict[str, str] = field(default_factory=dict, init=False)
    _places: dict[Any, str] = field(default_factory=dict, init=False)  # of the rows that notes are about
    _facts: dict[str, Any] = field(default_factory=dict, init=False)  # of the run

    @property
    def is_complete(self) -> bool:
        """Whether no file was left out, and every row is accepted, was accepted before, or is a duplicate."""
        return not (self._statuses.keys() - set(ARRIVED) or self._facts.get("skipped_files"))

    def count(self, *statuses: Status) -> int:
        """Return the number of rows that have one of these statuses."""
        return sum(self._statuses[status.value] for status in statuses)

    def facts(self) -> dict[str, Any]:
        """Return the counts, the causes and what is known of the run, for a document."""
        causes = [
            {"code": code, "rows": count, "example": self._examples[code]} for code, count in self._causes.most_common()
        ]
        return {
            "rows": self._statuses.total(),
            "statuses": {status.value: self._statuses[status.value] for status in Status},
            "causes": causes,
            "requests": self._facts.get("requests"),
            "retries": self._facts.get("retries"),
            "journal": self._facts.get("journal"),
        }

    def add(self, results: pd.DataFrame) -> None:
        """Count further results, as `iter_submit` yields them."""
        self._statuses.update(results["status"].astype(str).tolist())
        # The messages of duplicates name another row in each line; the status is enough.
        troubled = results[results["error_code"].notna() & ~results["error_code"].isin(REPEAT_CODES)]
        self._causes.update(troubled["error_code"].tolist())
        for cause in troubled.drop_duplicates("error_code").itertuples():
            self._examples.setdefault(str(cause.error_code), f"such as {place_of(cause)}: {cause.error_message}")

        # Each part of a run's results has the notes of all parts so far.
        self._facts = results.attrs.get("run", {})
        noted = results[results["row"].isin([note["first_row"] for note in self._facts.get("notes", [])])]
        self._places.update({result.row: place_of(result) for result in noted.itertuples()})

    def __str__(self) -> str:
        total = counted(self._statuses.total(), "row")
        notes = [Cause(**note) for note in self._facts.get("notes", [])]
        said = [
            note.at(self._places.get(note.first_row, f"row {note.first_row}"))
            for note in notes
            if note.code not in self.told
        ]
        return "\n".join([total, *self._status_lines(), *self._cause_lines(), *said, *self._journal_lines()])

    def _status_lines(self) -> Iterator[str]:
        width = len(f"{self._statuses.total():,}")
        for status in Status:
            if self._statuses[status.value]:
                yield f"  {self._statuses[status.value]:>{width},} {status.value:<18}{MEANINGS[status]}"

    def _cause_lines(self) -> Iterator[str]:
        for code, count in self._causes.most_common(CAUSES_SHOWN):
            yield f"{code}: {counted(count, 'row')}, {self._examples[code]}"
        if further := self._causes.most_common()[CAUSES_SHOWN:]:
            rows = counted(sum(count for _, count in further), "row")
            yield f"and {counted(len(further), 'more cause')} ({rows}): {_ALL_CAUSES}"

    def _journal_lines(self) -> Iterator[str]:
        if self._facts.get("journal"):
            said = mode_note(self._facts["journal_mode"])
            yield f"journal: {escaped(self._facts['journal'])}" + ("" if said is None else f" ({said})")
            yield from (str(OtherRun(**other)) for other in self._facts.get("other_runs", []))


def place_of(result: Any) -> str:
    """Return the row of a result or a finding in words; that of a file is named as an editor shows it."""
    if not hasattr(result, "source_file"):
        return f"row {result.row}"
    # The whole name: files of several folders often have the same last name.
    where, line = escaped(file_words(result.source_file)), getattr(result, "line", None)
    return f"row {result.row} ({where})" if pd.isna(line) else f"row {result.row} ({where} line {line})"
