"""Sections of a report file: what is told of a check, of results and of a verification, without personal data."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Final, TypeAlias

import pandas as pd

from events_pandas.convert import CODES, Cause
from events_pandas.convert.cures import shared_cure
from events_pandas.deliver import Status
from events_pandas.reports.pictures import MISSING, Picture, can_draw, check_pictures, results_pictures
from events_pandas.results import CheckReport, Summary, Verification
from events_pandas.results.cause_groups import CauseGroup
from events_pandas.results.check_report import content_of
from events_pandas.results.explanation import explained, labels_of
from events_pandas.results.fragment import (
    LEFT,
    LONG,
    RIGHT,
    UNBROKEN,
    badge,
    cell,
    markup_cell,
    paragraph,
    table,
    text_lines,
)
from events_pandas.results.next_steps import last_step
from events_pandas.results.report_html import percent, report_parts
from events_pandas.results.summary import workspace_words
from events_pandas.wording import in_commands
from events_pandas.words import counted, duration_words, escaped, path_text, without_persons

Content: TypeAlias = CheckReport | Verification | pd.DataFrame

CAUSES_SHOWN: Final = 40
WARNINGS_SHOWN: Final = 20
_LONGEST: Final = 400
"""Characters of a cell; a message of Intercom's may be longer."""

_FACTS_OF_NOTES: Final = frozenset(
    [
        "blank_rows",
        "delimiter_detected",
        "event_name_spellings",
        "excel_format",
        "key_absent",
        "leading_zeros",
        "many_event_names",
        "merged_cells",
        "sent_as_text",
        "sheet_chosen",
        "source_unused",
        "type_drift",
        "type_kept",
    ]
)
"""Notes whose messages count or name what a file and its columns are like, and show no cell."""

_COUNTS_OF_A_RUN: Final = {
    "requests": "requests",
    "retries": "retries",
    "contact_requests": "searches for contacts",
}
_STEPS: Final = {
    Status.INVALID.value: "fix these rows, as the causes below say",
    Status.UNKNOWN_CONTACT.value: "create these contacts in Intercom, or fix the identifiers",
    Status.REJECTED.value: "fix these rows, or the address: the causes below have what Intercom said",
    "file": "left out",
    "files": "left out",
}
"""Steps for readers who have neither Python nor the command line."""
_COUNTED: Final = (f"{RIGHT}; {UNBROKEN}", LEFT, LONG)
_CAUSE_HEAD: Final = {
    "cause": f"{LONG}; min-width: 12em",
    "status": LEFT,
    "rows": f"{RIGHT}; {UNBROKEN}",
    "share": RIGHT,
    "first row": f"{LONG}; min-width: 5em",
    "what to do": f"{LONG}; min-width: 11em",
    "request ids": f"{LONG}; min-width: 7em",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportSection:
    """A part of a report file, with its plots."""

    heading: str
    parts: Sequence[str]
    pictures: Sequence[Picture] = ()


def section_of(content: Content, *, include_examples: bool) -> ReportSection:
    """Return the section that tells of a check, of results or of a verification."""
    section = _section(content, include_examples=include_examples)
    return section if include_examples else _anonymous(section)


def _anonymous(section: ReportSection) -> ReportSection:
    """Return a section without addresses, which a message of Intercom's, an event name or a file's name may hold."""
    pictures = [
        replace(picture, title=without_persons(picture.title), svg=without_persons(picture.svg))
        for picture in section.pictures
    ]
    return replace(section, parts=[*map(without_persons, section.parts)], pictures=pictures)


def _section(content: Content, *, include_examples: bool) -> ReportSection:
    match content:
        case CheckReport():
            return _check_section(content, include_examples=include_examples)
        case Verification():
            return ReportSection(heading="Verification", parts=[content._repr_html_()])
        case _:
            return _results_section(content, include_examples=include_examples)


def _drawn(heading: str, parts: Sequence[str], draw: Callable[[], Sequence[Picture]]) -> ReportSection:
    """Return a section with its plots, or with a sentence on how to get them."""
    if not can_draw():
        return ReportSection(heading=heading, parts=[*parts, paragraph(MISSING)])
    return ReportSection(heading=heading, parts=parts, pictures=draw())


def _check_section(report: CheckReport, *, include_examples: bool) -> ReportSection:
    content = content_of(report)
    groups = content.causes if include_examples else [_without_cells(group) for group in content.causes]
    further = [f"and {len(content.warnings) - WARNINGS_SHOWN:,} more"][: len(content.warnings) > WARNINGS_SHOWN]
    warnings = content.warnings if include_examples else [_without_quotes(warning) for warning in content.warnings]
    shown = replace(
        content,
        causes=groups[:CAUSES_SHOWN],
        warnings=[cut(text) for text in [*warnings[:WARNINGS_SHOWN], *further]],
    )
    parts = [paragraph(strong=content.heading), *report_parts(shown, report.metadata, is_open=True)]
    if len(groups) > CAUSES_SHOWN:
        parts.append(paragraph(f"{counted(len(groups) - CAUSES_SHOWN, 'more problem')} left out"))
    return _drawn("Check", parts, lambda: check_pictures(report))


def _without_quotes(warning: str) -> str:
    """Return a warning; the reason why a file was left out ends before it quotes the file."""
    start, about, reason = warning.partition(": was left out: ")
    head, quote, _ = reason.partition("'")
    return f"{start}{about}{head}{'...' if quote else ''}"


def _without_cells(group: CauseGroup) -> CauseGroup:
    """Return a group whose example shows neither a cell nor the label of a row."""
    causes = [replace(cause, message=_message(cause)) for cause in group.causes]
    return replace(group, causes=causes, first_row="")


def _message(cause: Cause) -> str:
    """Return the message of a cause without the cell."""
    if cause.code in _FACTS_OF_NOTES:
        return cause.message
    code = CODES[cause.code]
    is_omission = cause.severity != code.severity
    return f"{escaped(cause.field)}: {code.subject} {code.cause}: " + (
        "the event is sent without it" if is_omission else shared_cure(cause.code, [cause.message], shows_cells=False)
    )


def _results_section(results: pd.DataFrame, *, include_examples: bool) -> ReportSection:
    summary = Summary()
    summary.add(results)
    parts = list(_results_parts(results, summary, include_examples=include_examples))
    return _drawn("Results", parts, lambda: results_pictures(results))


def _results_parts(results: pd.DataFrame, summary: Summary, *, include_examples: bool) -> Iterator[str]:
    yield paragraph(strong=summary.heading)
    statuses = [(f"{rows:,}", status, meaning) for rows, status, meaning in summary.status_lines()]
    yield from _plain_table(_COUNTED, statuses, caption="statuses")
    if summary.steps:
        steps = [(f"{rows:,}", what, _STEPS.get(what) or in_commands(step)) for rows, what, step in summary.steps]
        yield from _plain_table(_COUNTED, steps, caption="what to do next")
        yield paragraph(f"then {last_step(summary.run)}")
    yield from _causes(results, include_examples=include_examples)
    yield from _notes(summary, include_examples=include_examples)
    yield from _plain_table((LEFT, LONG), list(_run_facts(summary.run)), caption="facts of the run")


def _causes(results: pd.DataFrame, *, include_examples: bool) -> Iterator[str]:
    labels = labels_of(results) if include_examples else None
    causes = explained(results, labels=labels, shows_cells=include_examples)
    if not len(causes):
        return
    shown = causes.head(CAUSES_SHOWN).copy()
    is_unknown = shown["status"].eq(Status.UNKNOWN_CONTACT.value)
    shown.loc[is_unknown, "what_to_do"] = _STEPS[Status.UNKNOWN_CONTACT.value]
    columns = ["cause", "status", "rows", "share", "example", "what_to_do", "request_ids"]
    texts = shown.assign(rows=shown["rows"].map("{:,}".format), share=shown["share"].map(percent))[columns]
    lines = [[cut(escaped(text)) for text in line] for line in texts.astype(object).fillna("").to_numpy().tolist()]
    # Rows that were not sent have no request.
    head = [*_CAUSE_HEAD][: None if any(line[-1] for line in lines) else -1]
    cells = [line[: len(head)] for line in lines]
    yield from _plain_table([_CAUSE_HEAD[name] for name in head], cells, caption="causes", head=head)
    if further := len(causes) - len(shown):
        rows = counted(int(causes["rows"].iloc[CAUSES_SHOWN:].sum()), "row")
        yield paragraph(f"{counted(further, 'more cause')} ({rows}) left out")


def _notes(summary: Summary, *, include_examples: bool) -> Iterator[str]:
    groups = summary.note_groups()
    if heading := summary.notes_heading:
        yield paragraph(heading)
    for group in groups[:CAUSES_SHOWN]:
        shown = group if include_examples else _without_cells(group)
        # A note on a file as a whole names no row.
        text = str(shown).removeprefix("note")
        yield f"<p>{badge('note')}{text_lines([cut(text)])}</p>"
    if (further := len(groups) - CAUSES_SHOWN) > 0:
        yield paragraph(f"{counted(further, 'more note')} left out")


def _run_facts(run: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is known of a run."""
    if workspace := run.get("workspace"):
        yield "workspace", workspace_words(**workspace, region=run.get("region"))
    yield from _run_times(run)
    for name, words in _COUNTS_OF_A_RUN.items():
        if run.get(name):
            yield words, f"{run[name]:,}"
    if run.get("limit"):
        share = run.get("rate_share", 1)
        yield "limit", f"{run['limit']:,} in ten seconds" + ("" if share == 1 else f", of which at most {share:.0%}")
    if run.get("journal"):
        # Folders may have the name of a person.
        yield "journal", escaped(path_text(PurePath(run["journal"]).name))
    if run.get("skipped_files"):
        yield "files left out", f"{len(run['skipped_files']):,}"


def _run_times(run: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    started, ended = (pd.Timestamp(run[name]) if run.get(name) else None for name in ("started_at", "ended_at"))
    if started is not None:
        yield "started", f"{started:%Y-%m-%d %H:%M:%S} UTC"
        if ended is not None:
            yield "took", duration_words((ended - started).total_seconds())


def _plain_table(
    styles: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str, head: Sequence[str] = ()
) -> Iterator[str]:
    if not rows:
        return
    heads = "".join(markup_cell("th", name, style, scope="col") for name, style in zip(head, styles, strict=False))
    lines = ("".join(cell("td", *shown) for shown in zip(row, styles, strict=True)) for row in rows)
    yield from table(lines, head=[f"<thead><tr>{heads}</tr></thead>"] if head else [], caption=caption)


def cut(text: str) -> str:
    """Cut a long text."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
