"""What `preview` does: events as Intercom shows them."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from events_pandas.cli.checking import mapping_for
from events_pandas.cli.endings import ExitCode
from events_pandas.cli.printout import Printout
from events_pandas.currencies import DECIMALS, HUNDREDTHS
from events_pandas.mapping import SourceFormat
from events_pandas.results import CheckReport
from events_pandas.run.file_check import check_files
from events_pandas.words import counted, escaped

PREVIEWED_FROM: Final = 10_000
"""The events are sought in this many rows."""

_IDENTIFIERS: Final = ("user_id", "id", "email")
_DATE_ENDINGS: Final = ("_date", "_at")
_LINKS: Final = ("http://", "https://")


def show_events(
    printout: Printout,
    paths: Sequence[str],
    mapping_path: Path,
    *,
    written: SourceFormat,
    skips_bad: bool,
    number: int,
) -> ExitCode:
    """Print the first events that would be sent. Exit code 1 says that there is none, or that files were left out."""
    mapping = mapping_for(mapping_path, written)
    report = check_files(paths, mapping, limit=PREVIEWED_FROM, skips_bad=skips_bad)
    for name, reason in report.skipped_files.items():
        printout.say(f"warning: {escaped(name)}: was left out: {reason}")
    payloads = report.payloads(number)
    printout.add(events=[shown_event(payload) for payload in payloads])
    for place, payload in enumerate(payloads):
        printout.say("\n".join([*([""] if place else []), *_block(payload)]))
    if not payloads:
        printout.say(_why_none(report))
    return ExitCode.DONE if payloads and not report.skipped_files else ExitCode.ROWS_LEFT


def shown_event(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event with the kind of each value of its metadata, and the text that stands for it."""
    metadata = payload.get("metadata", {})
    return {
        "event_name": payload["event_name"],
        "contact": {name: payload[name] for name in _IDENTIFIERS if name in payload},
        "created_at": _time(payload["created_at"]),
        "metadata": [
            {"key": key, "kind": kind, "shown": text} for key in metadata for kind, text in [_shown(key, metadata[key])]
        ],
    }


def _block(payload: Mapping[str, Any]) -> Iterator[str]:
    event = shown_event(payload)
    contact = ", ".join(f"{name} {value}" for name, value in event["contact"].items())
    facts = [("contact", "", contact), ("created_at", "", event["created_at"])]
    facts += [(value["key"], value["kind"], value["shown"]) for value in event["metadata"]]
    texts = [[escaped(text) for text in fact] for fact in facts]
    labels, kinds = max(len(label) for label, _, _ in texts), max(len(kind) for _, kind, _ in texts)
    yield escaped(event["event_name"])
    for label, kind, text in texts:
        yield f"  {label:<{labels}}  {f'{kind:<{kinds}}  ' if kind else ''}{text}"


def _shown(key: str, value: Any) -> tuple[str, str]:
    """Return what Intercom takes a value for, and the value as text."""
    match value:
        case {"amount": amount, "currency": currency}:
            decimals = DECIMALS.get(currency, HUNDREDTHS)
            return "monetary amount", f"{currency.upper()} {Decimal(amount).scaleb(-decimals):,.{decimals}f}"
        case {"url": url, "value": text}:
            return "rich link", f"{text} <{url}>"
        case bool():
            return "text", str(value).lower()
        case int() if key.lower().endswith(_DATE_ENDINGS):
            return "date", _time(value)
        case int() | float():
            return "number", f"{value}"
        case _:
            return "link" if str(value).lower().startswith(_LINKS) else "text", str(value)


def _time(seconds: int) -> str:
    # `datetime` ends with the year 9999, as Intercom's dates do.
    time = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _why_none(report: CheckReport) -> str:
    if not report.rows:
        return "no events: the files have no rows"
    looked = "the first " if report.rows == PREVIEWED_FROM else ""
    rows = counted(report.rows, "row is", "rows are")
    return "\n".join([f"no events: {looked}{rows} invalid", *map(str, report.causes)])
