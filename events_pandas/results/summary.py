"""Results in a few lines of text: how many rows have each status, and why."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pandas as pd

from events_pandas.convert import Cause
from events_pandas.deliver import Status
from events_pandas.deliver.journal import OtherRun, mode_note
from events_pandas.results.cause_groups import CauseGroup, grouped
from events_pandas.results.next_steps import REPEATS_UNSENT, Step, last_step, steps
from events_pandas.wording import Phrase, Words, in_commands, in_python, parts_of
from events_pandas.words import counted, escaped, file_words, has_address, listed, quoted

CAUSES_SHOWN = 10
_ALL_CAUSES: Final = Phrase(
    "ep.explain(results) has all causes", "--results and --rejects have the cause of each row, --json has all causes"
)

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

    @property
    def heading(self) -> str:
        """How many rows there are, in words."""
        return counted(self._statuses.total(), "row")

    @property
    def run(self) -> Mapping[str, Any]:
        """What is known of the run."""
        return self._facts

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
            "contact_requests": self._facts.get("contact_requests"),
            "journal": self._facts.get("journal"),
        }

    def add(self, results: pd.DataFrame) -> None:
        """Count further results, as `iter_submit` yields them."""
        self._statuses.update(_counts(results["status"].astype(str)))
        codes = present_texts(results["error_code"])
        # The messages of duplicates name another row in each line; the status is enough.
        causes = {code: count for code, count in _counts(codes).items() if code not in REPEAT_CODES}
        self._causes.update(causes)
        # Looked for at once: results may have thousands of causes.
        firsts: Any = results[(codes.notna() & ~codes.duplicated()).to_numpy(bool)].itertuples()
        for cause in firsts:
            if (code := str(cause.error_code)) in causes and code not in self._examples:
                self._examples[code] = f"such as {place_of(cause)}: {cause.error_message}"

        # Each part of a run's results has the notes of all parts so far.
        self._facts = results.attrs.get("run", {})
        noted = results[results["row"].isin([note["first_row"] for note in self._facts.get("notes", [])])]
        self._places.update({result.row: place_of(result) for result in noted.itertuples()})

    def __str__(self) -> str:
        return "\n".join(map(in_python, self._lines()))

    def in_commands(self) -> str:
        """Return the summary in the words of the command line."""
        return "\n".join(map(in_commands, self._lines()))

    def _lines(self) -> Iterator[Words]:
        yield self.heading
        width = len(f"{self._statuses.total():,}")
        yield from (f"  {rows:>{width},} {status:<18}{meaning}" for rows, status, meaning in self.status_lines())
        yield from (_line(code, text) for code, text in self.cause_lines())
        yield from self.note_lines()
        if self.steps:
            yield "what to do next:"
            yield from (parts_of(f"  {rows:>{width},} {what:<18}", step) for rows, what, step in self.steps)
            yield f"  then {last_step(self._facts)}"
        yield from (_line(about, text) for about, text in self.run_lines())

    def status_lines(self) -> Iterator[tuple[int, str, str]]:
        """Yield the rows, the name and the meaning of each status that there is."""
        for status in Status:
            if self._statuses[status.value]:
                yield self._statuses[status.value], status.value, MEANINGS[status]

    def cause_lines(self) -> Iterator[tuple[str, Words]]:
        """Yield the code of each cause, its rows and an example; a last line without a code counts the other causes."""
        for code, count in self._causes.most_common(CAUSES_SHOWN):
            yield code, f"{counted(count, 'row')}, {self._examples[code]}"
        if further := self._causes.most_common()[CAUSES_SHOWN:]:
            rows = counted(sum(count for _, count in further), "row")
            yield "", (f"and {counted(len(further), 'more cause')} ({rows}): ", _ALL_CAUSES)

    def note_groups(self) -> list[CauseGroup]:
        """Return the notes of the run that were not told before, with the places of their first rows."""
        notes = [Cause(**note) for note in self._facts.get("notes", [])]
        placed = [
            replace(note, place=self._places.get(note.first_row, f"row {note.first_row}"))
            for note in notes
            if note.code not in self.told
        ]
        return grouped(placed, n_rows=self._noted_rows)

    def note_lines(self) -> Iterator[str]:
        """Yield the notes of the run that were not told before, and before them their rows if these are more."""
        if heading := self.notes_heading:
            yield heading
        yield from map(str, self.note_groups())

    @property
    def notes_heading(self) -> str:
        """Which rows the notes are about, if these are more than the results have; otherwise empty."""
        rows = self._noted_rows
        is_more = rows is not None and rows > self._statuses.total() and self.note_groups()
        return f"notes on all {rows:,} rows of the run, not only on these:" if is_more else ""

    @property
    def _noted_rows(self) -> int | None:
        """The rows that notes are about: all up to the end of the frame that the last results are of."""
        frame = self._facts.get("frame")
        return None if frame is None else frame["first_row"] + frame["rows"]

    @property
    def steps(self) -> list[Step]:
        """What to do next with the rows that need work."""
        repeats = self._causes[REPEATS_UNSENT]
        return list(steps(self._statuses, repeats=repeats, skipped_files=len(self._facts.get("skipped_files", ()))))

    def run_lines(self) -> Iterator[tuple[str, str]]:
        """Yield the workspace, the requests for contacts, the journal and the runs beside it, if they are known."""
        if workspace := self._facts.get("workspace"):
            yield "workspace", workspace_words(**workspace, region=self._facts.get("region"))
        if asked := self._facts.get("contact_requests"):
            yield "contacts", f"{counted(asked, 'request')} asked which of them exist"
        if self._facts.get("journal"):
            said = mode_note(self._facts["journal_mode"])
            yield "journal", escaped(self._facts["journal"]) + ("" if said is None else f" ({said})")
            yield from (("", str(OtherRun(**other))) for other in self._facts.get("other_runs", []))


def _counts(texts: "pd.Series[Any]") -> dict[str, int]:
    """Count texts, in the order in which they come first."""
    return {str(text): int(count) for text, count in texts.value_counts(sort=False).items()}


def _line(about: str, text: Words) -> Words:
    return parts_of(f"{about}: ", text) if about else text


def workspace_words(*, id_code: str | None, name: str | None, region: str | None) -> str:
    """Return name, id and region of a workspace in words, as far as Intercom names them."""
    known = {"": name and quoted(name), "id ": id_code, "region ": region}
    return listed([f"{word}{fact}" for word, fact in known.items() if fact]) or "Intercom does not name it"


def place_of(result: Any) -> str:
    """Return the row of a result or a finding in words; that of a file is named as an editor shows it."""
    if not hasattr(result, "source_file"):
        return f"row {result.row}"
    # The whole name: files of several folders often have the same last name.
    where, line = escaped(file_words(result.source_file)), getattr(result, "line", None)
    return f"row {result.row} ({where})" if pd.isna(line) else f"row {result.row} ({where} line {line})"


def labelled(place: str, label: Hashable, *, row: object) -> str:
    """Return a row in words, with its label in the caller's index if that is neither its number nor names a person."""
    # As texts: a label may be NA, which is neither equal nor unequal to anything.
    if str(label) == str(row) or has_address(str(label)):
        return place
    return f"{place} ({quoted(label) if isinstance(label, str) else escaped(label)})"


def present_texts(texts: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return texts without the empty ones: a file of results may be read so that absent texts are empty."""
    return texts.mask(texts.astype(object) == "")
