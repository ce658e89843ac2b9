"""Run after run on one journal, over frames that change between them, against an Intercom that is a dict.

A kill is modelled by what it leaves: the journal's files as they are at an instant, between the arrival of an event and
its record. What is sent after that instant does not arrive.
"""

import contextlib
import dataclasses
import json
import shutil
import tempfile
import threading
from collections import Counter
from pathlib import Path

import pandas as pd
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from events_pandas import EventMapping, RetryPolicy, SubmissionError, intercom, iter_submit, submit_events
from events_pandas.deliver import Answer, TransportError

# A smaller example is not looked for: each costs several runs, and each run waits for the disk.
EXAMPLES = settings(
    max_examples=25, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow]
)
ONCE = RetryPolicy(attempts=1)
ME = {"type": "admin", "app": {"type": "app", "id_code": "ab12cd34", "name": "Acme", "region": "US"}}
HEADERS = {intercom.LIMIT_HEADER: "1000000", intercom.REMAINING_HEADER: "999999", intercom.RESET_HEADER: "1700000010"}
SKIP = EventMapping(
    event_name="placed-order",
    created_at="second",
    user_id="who",
    # What identifies a row to the tests, whichever second it is sent with.
    metadata={"own": "second", "n": "n"},
    timezone="UTC",
)
MAPPINGS = {policy: dataclasses.replace(SKIP, duplicates=policy) for policy in ("skip", "spread", "send")}
ACCOUNTED = {"skip": {"accepted", "already_submitted", "duplicate"}, "spread": {"accepted", "already_submitted"}}


class Workspace:
    """What Intercom keeps: the first of the events that share contact and second; and what nobody was told of."""

    def __init__(self):
        self.events = {}
        self.doubtful = set()
        self.arrivals = Counter()


class MishapClient:
    """Submits to a workspace; chosen events, counted from 1, meet with a mishap.

    "kill" leaves the journal as it is then: the event has arrived, and nothing that comes later does.
    """

    def __init__(self, workspace, mishaps, journal):
        self.is_killed = False
        self._workspace = workspace
        self._mishaps = mishaps
        self._journal = journal
        self._lock = threading.Lock()
        self._count = 0
        self._arrived = set()

    def me(self):
        return Answer(status=200, headers=HEADERS, body=json.dumps(ME).encode())

    def post_event(self, payload):
        event = json.loads(payload)
        with self._lock:
            self._count += 1
            mishap = self._mishaps.get(self._count)
            if self.is_killed:
                return Answer(status=401, headers=HEADERS)
            if mishap in {404, 422}:
                return Answer(status=mishap, headers=HEADERS)
            if mishap == "lost before":
                raise TransportError("the connection broke", may_have_arrived=True)
            self._arrive(event)
            if mishap == "lost after":
                self._workspace.doubtful.add(key_of(event))
                raise TransportError("the connection broke", may_have_arrived=True)
            if mishap == "kill":
                self._kill()
        return Answer(status=202, headers=HEADERS)

    def _arrive(self, event):
        self._arrived.add(key_of(event))
        self._workspace.arrivals[key_of(event)] += 1
        self._workspace.events.setdefault(key_of(event), tuple(event["metadata"].values()))

    def _kill(self):
        self.is_killed = True
        self._workspace.doubtful |= self._arrived
        # The log last: what is moved from it to the file meanwhile is there twice, and not missing.
        for path in beside(self._journal):
            shutil.copy(path, f"{path}.left")


def key_of(event):
    return event["user_id"], event["created_at"]


def beside(journal):
    """Return the files of a journal that a kill leaves: without the shared memory, which is made from the others."""
    return [path for path in (journal, journal.with_name(f"{journal.name}-wal")) if path.exists()]


def run(frames, policy, client, journal, **options):
    """Submit frames as a stream, or one as a frame; return the results, whatever ended the run."""
    how = {"client": client, "journal": journal, "retry": ONCE, "progress": False, "concurrency": 3, **options}
    parts = []
    try:
        if len(frames) == 1:
            return submit_events(frames[0], MAPPINGS[policy], **how)
        for results in iter_submit(iter(frames), MAPPINGS[policy], **how):
            parts.append(results)  # noqa: PERF402  # The parts before an error count too.
    except SubmissionError as error:
        parts.append(error.results)
    finally:
        if client.is_killed:
            for path in beside(journal):
                path.unlink()
            with contextlib.suppress(FileNotFoundError):
                journal.with_name(f"{journal.name}-shm").unlink()
            for path in journal.parent.glob("*.left"):
                path.rename(path.with_suffix(""))
    return pd.concat(parts)


CELLS = st.fixed_dictionaries({"who": st.sampled_from("ab"), "second": st.integers(0, 2), "n": st.integers(0, 2)})
MISHAPS = st.dictionaries(
    st.integers(1, 8), st.sampled_from(["kill", "kill", "lost after", "lost before", 404, 422]), max_size=2
)


@st.composite
def frames(draw):
    """Rows of few contacts and seconds, cut into the frames of a stream, or not."""
    rows = draw(st.lists(CELLS, min_size=1, max_size=9))
    frame = pd.DataFrame(rows, columns=["who", "second", "n"])
    cuts = sorted(draw(st.sets(st.integers(1, len(rows)), max_size=2)) - {len(rows)})
    return [frame[start:end] for start, end in zip([0, *cuts], [*cuts, len(rows)], strict=True)]


RUNS = st.lists(st.tuples(frames(), MISHAPS, st.sampled_from([1, 2, 100])), max_size=4)


def rows_of(frames, results):
    """Return the rows of frames beside what became of them."""
    rows = pd.concat(frames, ignore_index=True)
    facts = results[["status", "error_code"]].reset_index(drop=True)
    sent = results["created_at"].dt.as_unit("s").astype("int64").reset_index(drop=True).rename("sent")
    return pd.concat([rows, facts, sent], axis=1)


def contents(frames):
    """Count what rows say, their own second included."""
    rows = pd.concat(frames)
    return Counter(zip(rows["who"], rows["second"].tolist(), rows["n"].tolist(), strict=True))


def contents_kept(workspace):
    """Count what the events of a workspace say."""
    return Counter((who, *said) for (who, _), said in workspace.events.items())


@EXAMPLES
@given(earlier=RUNS, last=frames(), policy=st.sampled_from(["skip", "send"]))
def test_rows_that_share_an_event_are_accounted_for_truthfully(earlier, last, policy):
    """*Content decides*: the first event of a contact and second is there, and a row tells whether it is its own."""
    workspace = Workspace()
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.sqlite"
        for frames_, mishaps, chunksize in earlier:
            run(frames_, policy, MishapClient(workspace, mishaps, journal), journal, chunksize=chunksize)
        before = workspace.arrivals.copy()

        results = run(last, policy, MishapClient(workspace, {}, journal), journal)

        again = run(last, policy, MishapClient(workspace, {}, journal), journal)

    rows = rows_of(last, results)
    assert set(rows["status"]) <= ACCOUNTED["skip"]
    for row in rows.itertuples():
        own = row.who, row.second
        assert own in workspace.events
        assert row.sent == row.second
        # Under a key that a mishap has touched, the first content may be that of a row that nobody knows of.
        if own not in workspace.doubtful:
            is_own = workspace.events[own] == (row.second, row.n)
            assert is_own or policy == "send" or row.status == "duplicate"
            assert not is_own or row.status != "duplicate" or row.error_code == "duplicate"
    clean = workspace.arrivals.keys() - workspace.doubtful
    assert policy == "send" or all(workspace.arrivals[key] == 1 for key in clean)
    assert not (again["status"] == "accepted").any()
    assert policy == "send" or (workspace.arrivals - before).total() == (results["status"] == "accepted").sum()


@EXAMPLES
@given(earlier=RUNS, last=frames())
def test_spread_rows_are_each_an_event_and_none_is_two(earlier, last):
    """*Spread*: as many events as there are rows of the same content, none lost and none under two seconds."""
    workspace, undisturbed, ever = Workspace(), contents(last), contents(last)
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.sqlite"
        for frames_, mishaps, chunksize in earlier:
            run(frames_, "spread", MishapClient(workspace, mishaps, journal), journal, chunksize=chunksize)
            undisturbed |= Counter() if mishaps else contents(frames_)
            ever |= contents(frames_)

        results = run(last, "spread", MishapClient(workspace, {}, journal), journal)

        again = run(last, "spread", MishapClient(workspace, {}, journal), journal)

    rows = rows_of(last, results)
    assert set(rows["status"]) <= ACCOUNTED["spread"]
    assert not rows.duplicated(["who", "sent"]).any()
    for row in rows.itertuples():
        assert workspace.events[row.who, row.sent] == (row.second, row.n)
    assert undisturbed <= contents_kept(workspace) <= ever
    assert set(again["status"]) == {"already_submitted"}
    # Rows that say the same may have exchanged their seconds: what was found to be accepted comes first.
    told = ["who", "second", "n", "sent"]
    assert sorted(rows_of(last, again)[told].values.tolist()) == sorted(rows[told].values.tolist())


REFUSALS = st.dictionaries(st.integers(1, 8), st.sampled_from([404, 422]), max_size=2)
POLICIES = st.sampled_from(["skip", "spread", "send"])


@EXAMPLES
@given(earlier=st.lists(st.tuples(frames(), REFUSALS, POLICIES), max_size=4), last=frames())
def test_spread_rows_are_each_an_event_whatever_earlier_runs_did_with_duplicates(earlier, last):
    """A mapping that is changed to spread its rows finds what was sent before the change."""
    workspace = Workspace()
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.sqlite"
        for frames_, refusals, policy in earlier:
            run(frames_, policy, MishapClient(workspace, refusals, journal), journal)

        results = run(last, "spread", MishapClient(workspace, {}, journal), journal)

    rows = rows_of(last, results)
    assert set(rows["status"]) <= ACCOUNTED["spread"]
    assert not rows.duplicated(["who", "sent"]).any()
    for row in rows.itertuples():
        assert workspace.events[row.who, row.sent] == (row.second, row.n)
