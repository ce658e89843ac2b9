"""The options of a run: checked where they are given, each with one default."""

import re
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from events_pandas import CredentialsError, IntercomClient, JournalError, RetryPolicy, Sandbox
from events_pandas.deliver import WorkspaceIdentity
from events_pandas.run.options import RunOptions, run_options


def test_options_have_these_defaults():
    """RunOptions is the one place of the defaults."""
    assert run_options({}) == RunOptions(
        client=None,
        journal="auto",
        workspace=None,
        preflight=True,
        resubmit=False,
        rate_share=1.0,
        concurrency=None,
        retry=RetryPolicy(),
        on_invalid="report",
        canary=0,
        max_failure_rate=None,
        patience_seconds=600.0,
        chunksize=10_000,
        progress="auto",
    )


def test_options_suggest_the_nearest_when_there_is_none_of_that_name():
    """A misspelled option is reported before anything is sent."""
    with pytest.raises(TypeError) as caught:
        run_options({"chunk_size": 5})

    assert str(caught.value) == "no option 'chunk_size': did you mean 'chunksize'?"


@pytest.mark.parametrize("name", ["results_path", "rejects_path"])
def test_options_of_files_are_said_to_be_those_of_submit_file(name):
    """A similar name, such as log_path, would be another thing."""
    with pytest.raises(TypeError) as caught:
        run_options({name: "results/"})

    assert str(caught.value) == f"no option {name!r}: only submit_file writes results or rejects to a file or a folder"


def test_options_list_what_there_is_when_nothing_is_near():
    """Without a similar name the message lists all options."""
    with pytest.raises(TypeError) as caught:
        run_options({"xyz": 5})

    assert str(caught.value) == (
        "no option 'xyz': there are client, journal, workspace, preflight, resubmit, rate_share, concurrency, retry, "
        "on_invalid, contacts, canary, max_failure_rate, patience_seconds, chunksize, keys, include_identifier, "
        "progress, log_path"
    )


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"journal": ""}, "journal: expected a path, got '': use 'auto', a path, or None for no journal"),
        ({"journal": "none"}, "journal: expected a path, got 'none': use 'auto', a path, or None for no journal"),
        ({"workspace": ""}, "workspace: is empty: use the workspace's id_code, such as 'ab12cd34'"),
        (
            {"preflight": False},
            (
                "preflight=False: only GET /me names the workspace for the journal: "
                "pass workspace='...' (its id_code), or pass journal=None"
            ),
        ),
        ({"on_invalid": "skip"}, "on_invalid: expected 'report' or 'raise', got 'skip'"),
        ({"on_invalid": pd.NA}, "on_invalid: expected 'report' or 'raise', got <NA>"),
        ({"contacts": pd.DataFrame({"who": ["00042"]})}, "contacts: expected 'check' or None, got a DataFrame"),
        ({"progress": np.zeros(2)}, "progress: expected 'auto', True, False or a function, got an ndarray"),
        ({"chunksize": 0}, "chunksize: expected a number of rows, got 0: use 10_000 or the like"),
        ({"chunksize": 1e4}, "chunksize: expected a number of rows, got 10000.0: use 10_000 or the like"),
        ({"chunksize": "10"}, "chunksize: expected a number of rows, got '10': use 10_000 or the like"),
        (
            {"concurrency": True},
            "concurrency: expected a number from 1 to 128, got True: leave it out to let the run find it",
        ),
        (
            {"concurrency": 8.0},
            "concurrency: expected a number from 1 to 128, got 8.0: leave it out to let the run find it",
        ),
        (
            {"concurrency": 0},
            "concurrency: expected a number from 1 to 128, got 0: leave it out to let the run find it",
        ),
        (
            {"concurrency": 129},
            "concurrency: expected a number from 1 to 128, got 129: leave it out to let the run find it",
        ),
        ({"rate_share": 0}, "rate_share: expected a share above 0 and up to 1, got 0: use 0.5 or the like"),
        ({"rate_share": 1.01}, "rate_share: expected a share above 0 and up to 1, got 1.01: use 0.5 or the like"),
        (
            {"rate_share": float("nan")},
            "rate_share: expected a share above 0 and up to 1, got nan: use 0.5 or the like",
        ),
        ({"rate_share": True}, "rate_share: expected a share above 0 and up to 1, got True: use 0.5 or the like"),
        ({"rate_share": "60%"}, "rate_share: expected a share above 0 and up to 1, got '60%': use 0.5 or the like"),
        ({"canary": -1}, "canary: expected a number of rows, got -1: use 20 or the like, or 0 for none"),
        ({"canary": True}, "canary: expected a number of rows, got True: use 20 or the like, or 0 for none"),
        ({"canary": 0.1}, "canary: expected a number of rows, got 0.1: use 20 or the like, or 0 for none"),
        ({"max_failure_rate": 5}, "max_failure_rate: expected a share from 0 to 1, got 5: use 0.1 or the like"),
        ({"max_failure_rate": -0.1}, "max_failure_rate: expected a share from 0 to 1, got -0.1: use 0.1 or the like"),
        ({"max_failure_rate": False}, "max_failure_rate: expected a share from 0 to 1, got False: use 0.1 or the like"),
        ({"patience_seconds": -1}, "patience_seconds: expected a number of seconds, got -1: use 600 or the like"),
        ({"patience_seconds": None}, "patience_seconds: expected a number of seconds, got None: use 600 or the like"),
        (
            {"patience_seconds": float("nan")},
            "patience_seconds: expected a number of seconds, got nan: use 600 or the like",
        ),
        (
            {"patience_seconds": pd.Timedelta("10min")},
            "patience_seconds: expected a number of seconds, got Timedelta('0 days 00:10:00'): use 600 or the like",
        ),
        ({"progress": "bar"}, "progress: expected 'auto', True, False or a function, got 'bar'"),
    ],
)
def test_options_refuse_values_that_they_cannot_have(option, message):
    """The message names the option, the value and what is expected."""
    with pytest.raises(ValueError, match=r".") as caught:
        run_options(option)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    "option",
    [
        {"rate_share": 0.001},
        {"rate_share": np.float64(1)},
        {"canary": np.int64(20)},
        {"max_failure_rate": 0},
        {"max_failure_rate": 1},
        {"patience_seconds": 0},
        {"patience_seconds": float("inf")},
        {"progress": print},
    ],
)
def test_options_take_values_at_the_edge(option):
    """The ends of a range belong to it, NumPy numbers are numbers, and patience may be infinite."""
    options = run_options(option)

    assert {name: getattr(options, name) for name in option} == option


@pytest.mark.parametrize(
    ("client", "given"),
    [
        (7, "an int"),
        (object(), "an object"),
        (Sandbox(), "a Sandbox: pass client=sandbox.client()"),
        (IntercomClient, "the class: call it, as in client=ep.IntercomClient()"),
    ],
)
def test_options_refuse_what_is_not_a_client(client, given):
    """A sandbox and the class of clients have hints of their own."""
    with pytest.raises(TypeError) as caught:
        run_options({"client": client})

    assert str(caught.value) == f"client: expected an IntercomClient, got {given}"


def test_options_refuse_a_number_of_retries():
    """A number is not a RetryPolicy, which has several numbers."""
    with pytest.raises(TypeError) as caught:
        run_options({"retry": 3})

    assert str(caught.value) == "retry: expected a RetryPolicy, got 3: use RetryPolicy(attempts=3) or the like"


@pytest.mark.parametrize("preflight", ["no", 0, None])
def test_options_refuse_a_preflight_that_is_not_a_bool(preflight):
    """The text "no" would count as true."""
    with pytest.raises(TypeError) as caught:
        run_options({"preflight": preflight})

    assert str(caught.value) == f"preflight: expected True or False, got {preflight!r}"


def test_opened_client_is_the_callers_and_stays_open(fake_client):
    """The caller closes his own client."""
    client = fake_client()

    with RunOptions(client=client).opened_client() as opened:
        assert opened is client


def test_opened_client_comes_from_the_environment_without_one(monkeypatch):
    """A token in INTERCOM_ACCESS_TOKEN is all that a script needs."""
    monkeypatch.setenv("INTERCOM_ACCESS_TOKEN", "made-up")
    monkeypatch.setenv("INTERCOM_REGION", "eu")

    with RunOptions().opened_client() as client:
        assert client.base_url == "https://api.eu.intercom.io"


def test_opened_client_needs_a_token():
    """Without a token the run does not start, and the message says where to put the token."""
    with (
        pytest.raises(CredentialsError, match=r"no access token: set INTERCOM_ACCESS_TOKEN"),
        RunOptions().opened_client(),
    ):
        pass


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"resubmit": 1}, "resubmit: expected True or False, got 1"),
        ({"journal": 7}, "journal: expected a path, got 7: use 'auto', a path, or None for no journal"),
        ({"workspace": 7}, "workspace: expected text, got 7: use the workspace's id_code, such as 'ab12cd34'"),
    ],
)
def test_options_refuse_a_journal_that_is_none(option, message):
    """A value that is not a path is reported before a file is opened."""
    with pytest.raises(TypeError) as caught:
        run_options(option)

    assert str(caught.value) == message


def test_opened_journal_is_that_of_the_workspace_found(tmp_path):
    """A directory has a file for each workspace."""
    with closing(RunOptions(journal=tmp_path).opened_journal(WorkspaceIdentity(id_code="ab12cd34"))) as journal:
        assert (journal.path, journal.workspace) == (tmp_path / "ab12cd34.sqlite", "ab12cd34")


def test_opened_journal_is_that_of_the_workspace_named(tmp_path):
    """Without a preflight the option names the workspace."""
    options = RunOptions(journal=tmp_path / "journal.sqlite", preflight=False, workspace="ab12cd34")

    with closing(options.opened_journal(None)) as journal:
        assert (journal.path, journal.workspace) == (tmp_path / "journal.sqlite", "ab12cd34")


def test_opened_journal_is_none_without_one():
    """Without a journal no workspace is needed."""
    assert RunOptions(journal=None).opened_journal(WorkspaceIdentity()) is None


@pytest.mark.parametrize("journal", ["auto", None])
def test_opened_journal_refuses_another_workspace_than_the_one_that_is_meant(journal):
    """A token of production instead of the test workspace is reported before the first event."""
    options = RunOptions(journal=journal, workspace="ab12cd34")

    with pytest.raises(CredentialsError) as caught:
        options.opened_journal(WorkspaceIdentity(id_code="ef56ab78"))

    assert str(caught.value) == (
        "workspace: the access token belongs to 'ef56ab78', not to 'ab12cd34', and no event was sent: "
        "use the token of that workspace, or correct workspace"
    )


def test_opened_journal_escapes_the_name_of_a_workspace_once():
    """The preflight has escaped the name that the server gave."""
    with pytest.raises(CredentialsError) as caught:
        RunOptions(workspace="w\x1b").opened_journal(WorkspaceIdentity(id_code=r"w\u001b[2J"))

    assert str(caught.value) == (
        r"workspace: the access token belongs to 'w\u001b[2J', not to 'w\x1b', and no event was sent: "
        "use the token of that workspace, or correct workspace"
    )


def test_opened_journal_needs_the_name_of_a_workspace():
    """Events of unknown workspaces would be mixed up."""
    with pytest.raises(JournalError) as caught:
        RunOptions().opened_journal(WorkspaceIdentity(name="Acme"))

    assert str(caught.value) == (
        "auto: the answer to GET /me does not name the workspace, which the journal needs: "
        "pass workspace='...' (its id_code), or pass journal=None"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="Linux lists network disks in /proc")
def test_opened_journal_warns_when_it_has_no_write_ahead_log(tmp_path, monkeypatch):
    """A warning says that the file system cannot do it."""
    # On a network disk a journal has none.
    read_text, mounts = Path.read_text, f"server:/home {tmp_path} nfs4 rw 0 0\n"
    monkeypatch.setattr(
        Path, "read_text", lambda path, **options: mounts if path.name == "mounts" else read_text(path, **options)
    )
    options = RunOptions(journal=tmp_path / "journal.sqlite")

    with pytest.warns(UserWarning, match=re.escape(str(options.journal))) as caught:
        options.opened_journal(WorkspaceIdentity(id_code="ab12cd34")).close()

    (warning,) = caught
    assert str(warning.message) == (
        f"journal {tmp_path / 'journal.sqlite'}: it is written with a rollback journal, since a "
        "write-ahead log cannot be used there: that is as safe but slower, and two runs wait for each other"
    )
