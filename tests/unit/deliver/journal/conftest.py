"""Fixtures for the journal: keys of events, their fingerprints, and a journal in a folder of its own."""

import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import numpy as np
import pytest

from events_pandas.deliver.journal import Fingerprint, Journal, RunFacts

WORKSPACE = "ab12cd34"


@pytest.fixture(scope="session")
def make_words():
    """Return a function that makes the keys of events; equal numbers make equal keys."""

    def make(*numbers):
        return np.array([numbers, numbers], np.uint64) + np.array([[0], [1 << 40]], np.uint64)

    return make


@pytest.fixture
def path(tmp_path):
    """The path of the journal, which may not exist yet."""
    return tmp_path / "journal.sqlite"


@pytest.fixture
def open_journal(path):
    """Return a function that opens a journal; the end of the test closes it."""
    journals = []

    def opened(where=path, *, workspace=WORKSPACE, busy_seconds=5.0):
        journals.append(Journal(where, workspace=workspace, busy_seconds=busy_seconds))
        return journals[-1]

    yield opened
    for journal in journals:
        journal.close()


@pytest.fixture
def journal(open_journal):
    """A journal without events."""
    return open_journal()


@pytest.fixture
def locked(path):
    """Return a context in which another program keeps the journal locked."""

    @contextmanager
    def lock(statement="BEGIN IMMEDIATE"):
        with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
            other.execute(statement)
            yield

    return lock


@pytest.fixture
def make_fingerprint(make_words):
    """Return a function that makes an event's fingerprint; `sent_as` moves the event to another second."""

    def make(journal, number, *, payload=7, second=1_700_000_000, sent_as=None):
        key, sent_key = journal.digests(make_words(number, number if sent_as is None else sent_as))
        return Fingerprint(key, None if sent_as is None else sent_key, payload, second)

    return make


@pytest.fixture
def record():
    """Return a function that records fingerprints as accepted, and returns the answer to each."""

    def written(journal, *fingerprints, accepted_at=1_760_000_000.9, request_id="req-1"):
        answers = []
        writer = journal.writer()
        for fingerprint in fingerprints:
            writer.record(fingerprint, accepted_at=accepted_at, request_id=request_id, then=answers.append)
        writer.close(30.0)
        return answers

    return written


@pytest.fixture(scope="session")
def make_facts():
    """Return a function that makes the facts of a run."""

    def make(*, source="orders.csv", minute=0, **facts):
        started_at = datetime(2026, 1, 31, 10, minute, tzinfo=UTC)
        return RunFacts(started_at=started_at, source=source, mapping="0f3c", **facts)

    return make
