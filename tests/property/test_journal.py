"""Runs on one journal, one after the other or two at once, with changing frames; Intercom is a dict.

The files of a journal after a kill are a copy of it between the arrival of an event and its record. Events that are
sent later do not arrive.
"""

import contextlib
import dataclasses
import json
import queue
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

# Hypothesis does not shrink an example: each shrink costs several runs, which wait for the disk.
EXAMPLES = settings(
    max_examples=settings.default.max_examples // 6,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
ONCE = RetryPolicy(attempts=1)
ME = {"type": "admin", "app": {"type": "app", "id_code": "ab12cd34", "name": "Acme", "region": "US"}}
NOT_FOUND = b'{"type":"error.list","errors":[{"code":"not_found","message":"User Not Found"}]}'
HEADERS = {intercom.LIMIT_HEADER: "1000000", intercom.REMAINING_HEADER: "999999", intercom.RESET_HEADER: "1700000010"}
SKIP = EventMapping(
    event_name="placed-order",
    created_at="second",
    user_id="who",
    # The tests identify a row by this, with any second that it is sent with.
    metadata={"own": "second", "n": "n"},
    timezone="UTC",
)
MAPPINGS = {policy: dataclasses.replace(SKIP, duplicates=policy) for policy in ("skip", "spread", "send")}
ACCOUNTED = {"skip": {"accepted", "already_submitted", "duplicate"}, "spread": {"accepted", "already_submitted"}}


class Workspace:
    """Intercom's side: the first event of each contact and second, and the events whose answers were lost."""

    def __init__(self):
        self.events = {}
        self.doubtful = set()
        self.arrivals = Counter()
        self.lock = threading.Lock()


class MishapClient:
    """A client that submits to a workspace; chosen events, counted from 1, have a mishap.

    "kill" copies the journal after the event has arrived, and later events do not arrive. A function is called before
    the event arrives.
    """

    def __init__(self, workspace, mishaps, journal):
        self.is_killed = False
        self._workspace = workspace
        self._mishaps = mishaps
        self._journal = journal
        self._count = 0
        self._arrived = set()

    def me(self):
        return Answer(status=200, headers=HEADERS, body=json.dumps(ME).encode())

    def post_event(self, payload):
        event = json.loads(payload)
        with self._workspace.lock:
            self._count += 1
            mishap = self._mishaps.get(self._count)
        if callable(mishap):
            mishap()
        with self._workspace.lock:
            if self.is_killed:
                return Answer(status=401, headers=HEADERS)
            if mishap in {404, 422}:
                return Answer(status=mishap, headers=HEADERS, body=NOT_FOUND if mishap == 404 else b"")
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
        # The log comes last: events that SQLite moves from it meanwhile are then in both files, and not in neither.
        for path in beside(self._journal):
            shutil.copy(path, f"{path}.left")


class OtherRun:
    """A stream in a thread of its own; each `step` submits one frame more."""

    def __init__(self, frames, client, journal, *, chunksize):
        self.results = None
        self._left = len(frames)
        self._steps, self._pauses = queue.Queue(), queue.Queue()
        self._thread = threading.Thread(target=self._submit, args=(frames, client, journal, chunksize))
        self._thread.start()
        self._pauses.get()

    def step(self):
        """Submit the next frame, if one is left; on return it is checked and claimed."""
        if self._left:
            self._left -= 1
            self._steps.put(True)
            self._pauses.get()

    def finish(self):
        """Submit the remaining frames; return the results."""
        while self._left:
            self.step()
        self._thread.join()
        return self.results

    def _submit(self, frames, client, journal, chunksize):
        how = {"client": client, "journal": journal, "retry": ONCE, "progress": False, "chunksize": chunksize}
        try:
            self.results = pd.concat(iter_submit(self._paused(frames), MAPPINGS["spread"], **how))
        finally:
            self._pauses.put(True)

    def _paused(self, frames):
        for frame in frames:
            self._pauses.put(True)
            self._steps.get()
            yield frame


def key_of(event):
    return event["user_id"], event["created_at"]


def beside(journal):
    """Return the journal's files after a kill, without the shared memory, which SQLite makes again."""
    return [path for path in (journal, journal.with_name(f"{journal.name}-wal")) if path.exists()]


def run(frames, policy, client, journal, **options):
    """Submit frames as a stream, or a single one as a frame; return the results, also after an error."""
    how = {"client": client, "journal": journal, "retry": ONCE, "progress": False, "concurrency": 3, **options}
    parts = []
    try:
        if len(frames) == 1:
            return submit_events(frames[0], MAPPINGS[policy], **how)
        for results in iter_submit(iter(frames), MAPPINGS[policy], **how):
            parts.append(results)  # noqa: PERF402  # An error keeps the parts before it.
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
    """Rows with few contacts and seconds, in one frame or several."""
    rows = draw(st.lists(CELLS, min_size=1, max_size=9))
    frame = pd.DataFrame(rows, columns=["who", "second", "n"])
    cuts = sorted(draw(st.sets(st.integers(1, len(rows)), max_size=2)) - {len(rows)})
    return [frame[start:end] for start, end in zip([0, *cuts], [*cuts, len(rows)], strict=True)]


RUNS = st.lists(st.tuples(frames(), MISHAPS, st.sampled_from([1, 2, 100])), max_size=4)


def rows_of(frames, results):
    """Return the rows of frames beside their results."""
    rows = pd.concat(frames, ignore_index=True)
    facts = results[["status", "error_code"]].reset_index(drop=True)
    sent = results["created_at"].dt.as_unit("s").astype("int64").reset_index(drop=True).rename("sent")
    return pd.concat([rows, facts, sent], axis=1)


def contents(frames):
    """Count the contents of rows, with their own seconds."""
    rows = pd.concat(frames)
    return Counter(zip(rows["who"], rows["second"].tolist(), rows["n"].tolist(), strict=True))


def contents_kept(workspace):
    """Count the contents of a workspace's events."""
    return Counter((who, *content) for (who, _), content in workspace.events.items())


@EXAMPLES
@given(earlier=RUNS, last=frames(), policy=st.sampled_from(["skip", "send"]))
def test_rows_that_share_an_event_have_a_true_status(earlier, last, policy):
    """*Content decides*: the status says if the event at a row's contact and second has the row's content."""
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
        # After a mishap the first content of a key may be that of a row without a record.
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
def test_spread_rows_are_one_event_each(earlier, last):
    """*Spread*: each content has as many events as rows, no event is lost, and each has one second."""
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
    # Rows with the same content may have exchanged their seconds, since accepted ones are found first.
    columns = ["who", "second", "n", "sent"]
    assert sorted(rows_of(last, again)[columns].values.tolist()) == sorted(rows[columns].values.tolist())


REFUSALS = st.dictionaries(st.integers(1, 8), st.sampled_from([404, 422]), max_size=2)
POLICIES = st.sampled_from(["skip", "spread", "send"])


@EXAMPLES
@given(earlier=st.lists(st.tuples(frames(), REFUSALS, POLICIES), max_size=4), last=frames())
def test_spread_rows_are_one_event_each_after_runs_of_any_policy(earlier, last):
    """If a mapping begins to spread its rows, it finds the events that were sent before the change."""
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


SLIPS = st.dictionaries(st.integers(1, 8), st.sampled_from(["lost after", "lost before", 404, 422]), max_size=2)


@st.composite
def two_runs(draw):
    """The frames of two runs that share many rows: one contact, and nearly all rows in one second."""
    cells = st.fixed_dictionaries(
        {"who": st.just("a"), "second": st.sampled_from([0, 0, 0, 1]), "n": st.integers(0, 5)}
    )
    rows = pd.DataFrame(draw(st.lists(cells, min_size=5, max_size=10)), columns=["who", "second", "n"])
    places = draw(st.permutations(range(len(rows))))[: draw(st.integers(1, len(rows)))]
    cut, length = draw(st.integers(4, len(rows))), draw(st.integers(1, 3))
    theirs = [rows.iloc[places[start : start + length]] for start in range(0, len(places), length)]
    return [frame for frame in (rows[:cut], rows[cut:]) if len(frame)], theirs


@EXAMPLES
@given(runs=two_runs(), moments=st.sets(st.integers(1, 6)), mishaps=SLIPS, chunksize=st.sampled_from([1, 1, 2, 100]))
def test_spread_rows_of_two_runs_at_once_arrive_once(runs, moments, mishaps, chunksize):
    """*Arrive once*: of two runs in any order, the one with more rows of a content decides its number of events."""
    workspace, (ours, theirs) = Workspace(), runs
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.sqlite"
        other = OtherRun(theirs, MishapClient(workspace, mishaps, journal), journal, chunksize=chunksize)
        client = MishapClient(workspace, mishaps | dict.fromkeys(moments, other.step), journal)

        results = run(ours, "spread", client, journal, chunksize=chunksize, concurrency=1)

        pairs = [(ours, results), (theirs, other.finish())]
        kept = contents_kept(workspace)
        everything = contents(ours) | contents(theirs)
        union = [pd.DataFrame(everything.elements(), columns=["who", "second", "n"])]
        finishing, again = (run(union, "spread", MishapClient(workspace, {}, journal), journal) for _ in range(2))

    assert kept <= everything
    for frames_, results in pairs:
        rows = rows_of(frames_, results)
        assert set(rows["error_code"][rows["status"] == "not_submitted"]) <= {"second_taken"}
        done = rows[rows["status"].isin(ACCOUNTED["spread"])]
        assert not done.duplicated(["who", "sent"]).any()
        for row in done.itertuples():
            assert workspace.events[row.who, row.sent] == (row.second, row.n)
    assert set(finishing["status"]) <= ACCOUNTED["spread"]
    assert set(again["status"]) == {"already_submitted"}
    assert contents_kept(workspace) == everything
