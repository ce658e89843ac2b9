"""The journal as its user sees it: the rows' content decides if they are sent again."""

import dataclasses
import os
import stat
import subprocess
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

from events_pandas import CredentialsError, EventMapping, RetryPolicy, iter_submit, submit_events, submit_file
from events_pandas.cli import app

TOML = """
event_name = "placed-order"
created_at = "day"
user_id = "who"
timezone = "UTC"

[metadata]
cds = "cds"
note = "note"
"""
OTHER_METADATA = "accepted_with_other_metadata"


@pytest.fixture
def mapping():
    """A mapping of days, contacts and purchases."""
    return EventMapping(
        event_name="placed-order",
        created_at="day",
        user_id="who",
        metadata={"cds": "cds", "note": "note"},
        timezone="UTC",
    )


@pytest.fixture
def purchases():
    """Six purchases of six contacts."""
    return pd.DataFrame(
        {"who": [f"{number:05d}" for number in range(6)], "day": "2024-01-31", "cds": range(1, 7), "note": "a gift"}
    )


@pytest.fixture
def submit(client, mapping, tmp_path):
    """Submit a frame with the test's journal; return the results."""

    def submit(frame, rules=mapping, **options):
        return submit_events(frame, rules, **{"client": client, "journal": tmp_path / "journal.sqlite", **options})

    return submit


def statuses(results):
    """Return the status of each row."""
    return results["status"].tolist()


def test_rows_of_an_earlier_run_are_already_submitted(submit, purchases, sandbox):
    """Rows of an earlier run are not sent, and have the second and the acceptance time of their events."""
    first = submit(purchases)

    again = submit(purchases)

    assert statuses(first) == ["accepted"] * 6
    assert statuses(again) == ["already_submitted"] * 6
    assert sandbox.requests == 6
    assert again["created_at"].tolist() == [pd.Timestamp("2024-01-31", tz="UTC")] * 6
    assert again["submitted_at"].tolist() == first["submitted_at"].dt.floor("s").tolist()
    assert again[["http_status", "error_code", "request_id"]].isna().all(axis=None)
    assert again["attempts"].tolist() == [0] * 6


def test_edited_sorted_filtered_and_added_rows_are_found_in_the_journal(submit, purchases, sandbox, held):
    """Only the missing events are sent, in any order of rows; a row with changed metadata is reported."""
    submit(purchases[:4])
    edited = purchases.assign(cds=[1, 20, 3, 4, 5, 6]).drop(index=0).sort_values("who", ascending=False)

    results = submit(edited)

    assert results["status"].to_dict() == {
        5: "accepted",
        4: "accepted",
        3: "already_submitted",
        2: "already_submitted",
        1: "duplicate",
    }
    assert results["error_code"].dropna().to_dict() == {1: OTHER_METADATA}
    today = results["submitted_at"].max().strftime("%Y-%m-%d")
    assert results["error_message"][1] == (
        f"same contact, event name and second as an event that was accepted on {today} (UTC), with other metadata: "
        "Intercom would ignore it without an error, and keep the first metadata"
    )
    assert held(sandbox) == purchases["who"].tolist()
    assert sandbox.requests == 6


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda frame, rules: (frame.set_index("who", drop=False), rules), id="index"),
        pytest.param(
            lambda frame, rules: (frame.rename(columns={"cds": "count"}), changed(rules, cds="count")),
            id="column renamed",
        ),
        pytest.param(lambda frame, rules: (frame[["note", "cds", "day", "who"]], rules), id="columns in another order"),
        pytest.param(lambda frame, rules: (frame.astype({"cds": float}), rules), id="float for int"),
        pytest.param(
            lambda frame, rules: (frame.astype({"who": "category", "note": "category"}), rules), id="category"
        ),
        pytest.param(lambda frame, rules: (frame.assign(day=pd.to_datetime(frame["day"])), rules), id="datetime"),
        pytest.param(
            lambda frame, rules: (frame, dataclasses.replace(rules, metadata=dict(reversed(rules.metadata.items())))),
            id="metadata keys in another order",
        ),
        pytest.param(
            lambda frame, rules: (frame, dataclasses.replace(rules, event_name="Placed.Order")),
            id="event name in another spelling",
        ),
    ],
)
def test_rows_with_the_same_content_in_another_form_are_already_submitted(submit, mapping, purchases, sandbox, change):
    """The order of rows and columns, labels, dtypes and the names of columns are not content."""
    submit(purchases)

    results = submit(*change(purchases, mapping))

    assert statuses(results) == ["already_submitted"] * 6
    assert sandbox.requests == 6


def changed(mapping, **metadata):
    """Return a mapping that reads metadata from other columns."""
    return dataclasses.replace(mapping, metadata=mapping.metadata | metadata)


@pytest.mark.parametrize("first", ["frame", "csv", "parquet", "stream"])
@pytest.mark.parametrize("second", ["frame", "csv", "parquet", "stream"])
def test_rows_from_another_source_are_already_submitted(client, mapping, purchases, sandbox, tmp_path, first, second):
    """A frame, a CSV file, a Parquet file and a stream of small frames hold the same events."""
    options = {"client": client, "journal": tmp_path / "journal.sqlite", "chunksize": 4}
    purchases.to_csv(tmp_path / "purchases.csv", index=False)
    purchases.to_parquet(tmp_path / "purchases.parquet")
    ways = {
        "frame": lambda: submit_events(purchases, mapping, **options),
        "csv": lambda: submit_file(tmp_path / "purchases.csv", mapping, **options),
        "parquet": lambda: submit_file(tmp_path / "purchases.parquet", mapping, **options),
        "stream": lambda: pd.concat(iter_submit((purchases[at : at + 2] for at in (0, 2, 4)), mapping, **options)),
    }

    results, again = ways[first](), ways[second]()

    assert statuses(results) == ["accepted"] * 6
    assert statuses(again) == ["already_submitted"] * 6
    assert sandbox.requests == 6


def test_file_that_is_renamed_and_extended_sends_only_its_new_rows(client, mapping, purchases, sandbox, tmp_path):
    """The content of rows decides, and not the name of the file or the number of the row."""
    options = {"client": client, "journal": tmp_path / "journal.sqlite"}
    purchases[:4].to_csv(tmp_path / "monday.csv", index=False)
    submit_file(tmp_path / "monday.csv", mapping, **options)
    purchases[::-1].to_csv(tmp_path / "tuesday.csv", index=False)

    results = submit_file(tmp_path / "tuesday.csv", mapping, **options)

    assert statuses(results) == ["accepted"] * 2 + ["already_submitted"] * 4
    assert sandbox.requests == 6


def test_spread_rows_keep_the_second_that_they_were_sent_with(submit, mapping, sandbox):
    """A moved event keeps its second; a new row gets the next second that is free in the journal and the frame."""
    rules = dataclasses.replace(mapping, duplicates="spread")
    day = pd.Timestamp("2024-01-31", tz="UTC")
    rows = pd.DataFrame({"who": "ada", "day": "2024-01-31", "cds": [1, 1, 2], "note": "a gift"})
    first = submit(rows, rules)

    again = submit(pd.concat([rows.assign(cds=[7, 2, 1]), rows[:1]]), rules)

    seconds = (first["created_at"] - day).dt.total_seconds()
    assert sorted(seconds) == [0, 1, 2]
    assert statuses(again) == ["accepted"] + ["already_submitted"] * 3
    assert (again["created_at"] - day).dt.total_seconds().tolist()[0] == 3
    assert (again["created_at"] - day).dt.total_seconds().tolist()[1] == seconds[2]
    assert len({event.created_at for event in sandbox.events}) == 4
    assert sorted(event.metadata["cds"] for event in sandbox.events) == [1, 1, 2, 7]


def test_rows_that_were_not_accepted_are_tried_again(start, mapping, purchases, tmp_path):
    """Rows with an unknown contact, a refused event or a failed event are sent again."""
    sandbox = start(unknown_contacts=["00005"])
    options = {"journal": tmp_path / "journal.sqlite", "concurrency": 1, "retry": RetryPolicy(attempts=1)}
    with sandbox.client() as client:
        sandbox.fail_next(400)
        sandbox.fail_next("drop_after")
        first = submit_events(purchases, mapping, client=client, **options)
        sent = sandbox.requests

        again = submit_events(purchases, mapping, client=client, **options)

    assert statuses(first) == ["rejected", "failed", *["accepted"] * 3, "unknown_contact"]
    assert statuses(again) == ["accepted"] * 2 + ["already_submitted"] * 3 + ["unknown_contact"]
    assert sandbox.requests - sent == 3
    assert (len(sandbox.events), sandbox.duplicates) == (5, 1)


def test_resubmit_sends_accepted_rows_again(submit, purchases, sandbox):
    """With `resubmit`, accepted rows are sent again, and the journal keeps the first acceptance."""
    first = submit(purchases)

    results = submit(purchases, resubmit=True)

    assert statuses(results) == ["accepted"] * 6
    assert (sandbox.requests, sandbox.duplicates) == (12, 6)
    assert submit(purchases)["submitted_at"].tolist() == first["submitted_at"].dt.floor("s").tolist()


def test_workspaces_may_share_a_file(start, mapping, purchases, tmp_path):
    """An event of one workspace does not count for another workspace in the same journal."""
    sandboxes = [start(), start()]
    options = {"journal": tmp_path / "journal.sqlite"}

    results = []
    for sandbox in [*sandboxes, *sandboxes]:
        with sandbox.client() as client:
            results.append(submit_events(purchases, mapping, client=client, **options))

    assert [set(each["status"]) for each in results] == [{"accepted"}] * 2 + [{"already_submitted"}] * 2
    assert [sandbox.requests for sandbox in sandboxes] == [6, 6]


def test_workspace_may_be_named_in_place_of_the_preflight(submit, purchases, sandbox):
    """Without a preflight, the journal is that of the named workspace."""
    workspace = submit(purchases[:2]).attrs["run"]["workspace"]["id_code"]

    results = submit(purchases, preflight=False, workspace=workspace)

    assert statuses(results) == ["already_submitted"] * 2 + ["accepted"] * 4
    assert statuses(submit(purchases)) == ["already_submitted"] * 6
    assert sandbox.requests == 6


def test_token_of_another_workspace_ends_the_run_before_its_first_event(submit, purchases, sandbox, tmp_path):
    """A token of another workspace than the named one ends the run."""
    with pytest.raises(CredentialsError, match="not to 'zz99zz99', and no event was sent: use the token"):
        submit(purchases, workspace="zz99zz99")

    assert sandbox.requests == 0
    assert list(tmp_path.iterdir()) == []


def test_journal_in_a_directory_is_named_after_the_workspace(submit, purchases, tmp_path):
    """A journal in a directory is named after the workspace, and the run's facts have its path and mode."""
    results = submit(purchases, journal=tmp_path)

    facts = results.attrs["run"]
    path = tmp_path / f"{facts['workspace']['id_code']}.sqlite"
    assert facts["journal"] == str(path)
    assert facts["journal_mode"] == "wal"
    assert path.exists()


def test_journal_is_for_its_owner_alone(submit, purchases, tmp_path):
    """The files have the mode 0600 and new directories 0700, with any umask, during a run and after it."""
    modes = {}

    def look(_):
        modes.update({path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a").rglob("*")})

    before = os.umask(0)
    try:
        submit(purchases, journal=tmp_path / "a" / "b" / "journal.sqlite", progress=look)
    finally:
        os.umask(before)
    look(None)

    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert modes.pop("b") == 0o700
    assert {"journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"} == modes.keys()
    assert set(modes.values()) == {0o600}


PEOPLE = {
    "who": ["ada-lovelace-4711", "grace-hopper-4712"],
    "mail": ["ada@analytical.example", "grace@navy.example"],
    "day": "2024-01-31",
    "cds": "Zaubertrank-77",
    "note": ["https://shop.example/order/88", "Käse-99"],
}


def test_journal_holds_nothing_of_a_person(client, tmp_path):
    """*No personal data*: the journal holds no identifier, name or metadata, during a run and after it."""
    rules = EventMapping(
        event_name="ordered-the-secret-thing",
        created_at="day",
        user_id="who",
        email="mail",
        metadata={"secret_key_of_metadata": "cds", "note": "note"},
        timezone="UTC",
        duplicates="spread",
    )
    rows = pd.concat([pd.DataFrame(PEOPLE)] * 3)
    left = []

    def look(_):
        left.extend(path.read_bytes() for path in tmp_path.glob("journal*"))

    submit_events(rows, rules, client=client, journal=tmp_path / "journal.sqlite", progress=look)
    look(None)

    words = {"ada-lovelace-4711", "grace-hopper-4712", "ada@analytical.example", "grace@navy.example", "analytical"}
    words |= {"Zaubertrank-77", "https://shop.example/order/88", "Käse-99", "ordered-the-secret-thing", "sandbox-token"}
    words |= {"secret_key_of_metadata"}
    assert len(left) >= 3
    found = [word for word in words for spelling in spellings(word) for piece in left if spelling in piece]
    assert found == []


def spellings(word):
    """Return the bytes of a word in every spelling."""
    texts = {word, word.lower(), word.upper(), word[::-1]}
    plain = {text.encode(code) for text in texts for code in ("utf-8", "utf-16-le", "utf-16-be", "latin-1")}
    return plain | {bits.hex().encode() for bits in plain} | {bits.hex().upper().encode() for bits in plain}


HOMELESS = """
import pandas as pd
import events_pandas as ep

orders = pd.DataFrame({"who": ["1"], "day": "2024-01-31"})
mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
with ep.Sandbox() as sandbox, sandbox.client() as client:
    ep.submit_events(orders, mapping, client=client, journal=None, progress=False)
"""


@pytest.mark.slow
def test_run_without_a_journal_leaves_nothing_in_the_users_folders(folder, home):
    """A run without a journal writes nothing in the user's folders, and its sandbox writes nothing either."""
    subprocess.run([sys.executable, "-c", HOMELESS], cwd=folder, check=True, timeout=60)

    assert list(home.rglob("*")) == []


def test_auto_journal_is_in_the_users_state_directory(client, mapping, purchases, tmp_path, monkeypatch):
    """With "auto", each workspace has a journal in the user's private state directory."""
    monkeypatch.delenv("EVENTS_PANDAS_JOURNALS")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    results = submit_events(purchases, mapping, client=client)

    path = tmp_path / "state" / "events_pandas" / "journals" / f"{results.attrs['run']['workspace']['id_code']}.sqlite"
    assert results.attrs["run"]["journal"] == str(path)
    assert path.exists()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.fixture
def command(folder, sandbox, purchases):
    """Submit the purchases by the command line."""
    purchases.to_csv(folder / "purchases.csv", index=False)
    (folder / "mapping.toml").write_text(TOML)

    def command(*options):
        arguments = ["submit", "purchases.csv", "-m", "mapping.toml", "--base-url", sandbox.url, *options]
        return CliRunner().invoke(app, arguments, env={"INTERCOM_ACCESS_TOKEN": sandbox.access_token})

    return command


def test_command_keeps_a_journal_and_lists_its_runs(command, folder, sandbox):
    """A second run sends nothing and succeeds, and `runs` lists both runs, the newest first."""
    first = command("--journal", "mine.sqlite")
    second = command("--journal", "mine.sqlite")
    listed = CliRunner().invoke(app, ["runs", "--journal", "mine.sqlite"])

    assert (first.exit_code, second.exit_code, listed.stderr) == (0, 0, "")
    assert "already_submitted" in second.stdout
    assert sandbox.requests == 6
    heading, newest, oldest = listed.stdout.splitlines()
    assert heading.split()[:3] == ["run", "started", "(UTC)"]
    assert "complete" in newest.split()
    assert "complete" in oldest.split()
    assert "purchases.csv" in newest
    assert (folder / "mine.sqlite").exists()


def test_command_resubmits_goes_without_a_journal_and_names_the_workspace(command, folder, sandbox):
    """`--resubmit` and `--journal none` send everything; `--workspace` sends nothing to another workspace."""
    command("--journal", "mine.sqlite")

    resubmitted = command("--journal", "mine.sqlite", "--resubmit")
    without = command("--journal", "none")
    elsewhere = command("--journal", "mine.sqlite", "--workspace", "zz99zz99")

    assert (resubmitted.exit_code, without.exit_code, elsewhere.exit_code) == (0, 0, 2)
    assert sandbox.requests == 18
    assert "and no event was sent: use the token of that workspace, or correct --workspace\n" in elsewhere.stderr
    assert elsewhere.stderr.count("\n") == 1
    assert sorted(path.name for path in folder.iterdir()) == ["mapping.toml", "mine.sqlite", "purchases.csv"]


@pytest.mark.slow
def test_thousands_of_spread_rows_of_one_contact_and_second_are_found(mapping, tmp_path, fake_client):
    """Thousands of rows of one contact in one second are found again."""
    rows = pd.DataFrame({"who": "service", "day": "2024-01-31", "cds": range(6_000), "note": "a gift"})
    rules = dataclasses.replace(mapping, duplicates="spread")
    options = {"client": fake_client(), "journal": tmp_path / "journal.sqlite"}
    first = submit_events(rows, rules, **options)

    again = submit_events(rows.sample(frac=1, random_state=1), rules, **options)

    assert set(first["status"]) == {"accepted"}
    assert set(again["status"]) == {"already_submitted"}
    assert again["created_at"].sort_index().tolist() == first["created_at"].tolist()
