"""What to do next: a step for each status that needs work, in the words of Python and of the command line."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from events_pandas.deliver import Status
from events_pandas.deliver.stops import NEXT_STEP
from events_pandas.wording import Phrase, Words

Step: TypeAlias = tuple[int, str, Words]
"""How many, of what, and what to do with them."""

STEPS: Final[Mapping[Status, Words]] = MappingProxyType(
    {
        Status.INVALID: (
            "fix these rows; ",
            Phrase("ep.explain(results, frame) has an example of each cause", "--rejects writes them to a file"),
        ),
        Status.UNKNOWN_CONTACT: (
            Phrase(
                "ep.create_contacts(ep.unknown_contacts(results, frame, mapping), client=client)",
                "create these contacts in Intercom",
            ),
            ", or fix the identifiers",
        ),
        Status.REJECTED: (
            "fix these rows, or the address; ",
            Phrase("ep.explain(results, frame) has what Intercom said", "--rejects writes what Intercom said"),
        ),
        Status.FAILED: "nothing to fix; if an event has arrived, Intercom ignores the repeat",
        Status.NOT_SUBMITTED: "nothing to fix; the run ended before their turn",
    }
)
REPEATS_UNSENT: Final = "duplicate_of_unsent"
"""The error code of a row that is not submitted, since it repeats a row that was not accepted."""
_REPEATS: Final = "nothing to fix; they repeat rows that were not accepted"
_LEFT_OUT: Final = (
    "left out; ",
    Phrase("results.attrs['run']['skipped_files'] has the reasons", "the notes have the reasons"),
)
_AGAIN: Final[Mapping[bool | None, str]] = MappingProxyType(
    {
        True: "submit all rows again: the journal skips the accepted ones",
        False: "submit all rows again: Intercom ignores the repeats of accepted ones",
        None: NEXT_STEP,
    }
)


def steps(statuses: Mapping[str, int], *, repeats: int, skipped_files: int) -> Iterator[Step]:
    """Yield a step for each status that needs work; `repeats` counts the rows with the code `REPEATS_UNSENT`."""
    for status, step in STEPS.items():
        rows = statuses.get(status.value, 0) - (repeats if status is Status.NOT_SUBMITTED else 0)
        if rows:
            yield rows, status.value, step
    if repeats:
        yield repeats, Status.NOT_SUBMITTED.value, _REPEATS
    if skipped_files:
        yield skipped_files, "file" if skipped_files == 1 else "files", _LEFT_OUT


def last_step(facts: Mapping[str, Any]) -> str:
    """Return the step after all others; `facts` are those of the run, as far as they are known."""
    return _AGAIN[facts.get("keeps_journal")]
