"""A journal that an earlier version wrote is read and continued: `journals/version-1.sqlite`, kept as it was written.

Three runs wrote it, for the workspace ab12cd34: six purchases, one of which was refused as its contact was unknown;
four visits, three of them in one second and spread; and four visits of another contact, of which two were accepted, one
was under way and one was claimed when the process was killed.
"""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from events_pandas import EventMapping, runs, submit_events

KEPT = Path(__file__).with_name("journals") / "version-1.sqlite"
DAY = "2024-01-31"


@pytest.fixture
def purchases():
    """The purchases that the first run submitted."""
    return pd.DataFrame(
        {"who": [f"{number:05d}" for number in range(6)], "day": DAY, "cds": range(1, 7), "note": "a gift"}
    )


@pytest.fixture
def placed():
    """The mapping of the first run."""
    metadata = {"cds": "cds", "note": "note"}
    return EventMapping(event_name="placed-order", created_at="day", user_id="who", metadata=metadata, timezone="UTC")


@pytest.fixture
def visited():
    """The mapping of the other runs."""
    return EventMapping(
        event_name="visited",
        created_at="day",
        user_id="who",
        metadata={"page": "page"},
        timezone="UTC",
        duplicates="spread",
    )


@pytest.fixture
def submit(client, tmp_path):
    """Submit a frame with a copy of the kept journal; return the results."""
    path = shutil.copy(KEPT, tmp_path / "journal.sqlite")

    def submit(frame, mapping):
        return submit_events(
            frame, mapping, client=client, journal=path, workspace="ab12cd34", preflight=False, progress=False
        )

    return submit


def test_kept_journal_knows_its_accepted_rows(submit, purchases, placed, sandbox):
    """Accepted rows of an earlier version are not sent again; the refused one is."""
    results = submit(purchases, placed)

    assert results["status"].tolist() == ["already_submitted"] * 5 + ["accepted"]
    assert results["submitted_at"].iloc[:5].dt.strftime("%Y-%m-%d").tolist() == ["2026-11-29"] * 5
    assert [event.contact for event in sandbox.events] == ["00005"]


def test_kept_journal_knows_other_metadata(submit, purchases, placed, sandbox):
    """A row that an earlier version sent with other metadata is a duplicate."""
    results = submit(purchases.assign(note="no gift").iloc[:2], placed)

    assert results["error_code"].tolist() == ["accepted_with_other_metadata"] * 2
    assert sandbox.events == []


def test_kept_journal_knows_spread_seconds(submit, visited, sandbox):
    """Spread rows of an earlier version keep their seconds, and a new row of that second gets the next free one."""
    visits = pd.DataFrame({"who": ["00001"] * 4, "day": DAY, "page": ["d", "a", "b", "c"]})

    results = submit(visits, visited)

    assert results["status"].tolist() == ["accepted"] + ["already_submitted"] * 3
    assert results["created_at"].dt.second.tolist() == [3, 2, 0, 1]
    assert [event.created_at % 60 for event in sandbox.events] == [3]


def test_kept_journal_continues_a_killed_run(submit, visited, sandbox):
    """Of a killed run, what was not accepted is sent, in the seconds that it had claimed."""
    visits = pd.DataFrame({"who": ["00007"] * 4, "day": DAY, "page": list("abcd")})

    results = submit(visits, visited)

    assert sorted(results["status"].astype(str)) == ["accepted"] * 2 + ["already_submitted"] * 2
    assert sorted(results["created_at"].dt.second) == [0, 1, 2, 3]
    assert len(sandbox.events) == 2


def test_kept_journal_keeps_types(submit, purchases, placed, sandbox):
    """A bare column keeps the type in which an earlier version sent it."""
    later = purchases.assign(who=[f"{number:05d}" for number in range(20, 26)], note=range(6))

    submit(later, placed)

    assert sorted(event.metadata["note"] for event in sandbox.events) == list("012345")


def test_runs_lists_the_runs_of_a_kept_journal():
    """The history of an earlier version is read, and its file is not changed."""
    before = KEPT.read_bytes()

    found = runs(KEPT)

    told = found[["run", "outcome", "rows", "accepted"]].astype(object).to_numpy().tolist()
    assert [[None if pd.isna(fact) else fact for fact in facts] for facts in told] == [
        [3, "killed", None, None],
        [2, "complete", 4, 4],
        [1, "1 row to fix", 6, 5],
    ]
    assert KEPT.read_bytes() == before
