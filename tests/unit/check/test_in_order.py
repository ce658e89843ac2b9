"""Work in several threads, with results in the order of the items."""

import threading
from concurrent.futures import Future

import pyarrow as pa
import pytest

from events_pandas.check.in_order import MOST_THREADS, in_order

CHUNKS = range(1, 13)
RESULTS = [-chunk for chunk in CHUNKS]


@pytest.fixture(autouse=True)
def _leaves_no_thread():
    """Compare the threads before and after each test."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def threads():
    """Return the number of threads that work at the same time."""
    return min(pa.cpu_count(), MOST_THREADS)


class Work:
    """Records which chunks were begun, and by which threads."""

    def __init__(self, failing=()):
        self.begun = []
        self.threads = set()
        self._failing = failing

    def __call__(self, chunk):
        self.begun.append(chunk)
        self.threads.add(threading.current_thread())
        if chunk in self._failing:
            raise ValueError(f"chunk {chunk}")
        return -chunk


@pytest.mark.parametrize("n_chunks", [0, 1, 2, 3, 12])
def test_in_order_gives_results_in_the_order_of_chunks(n_chunks):
    """Each chunk is done once, and results come in order, for any number of chunks."""
    work = Work()

    results = list(in_order(work, iter(CHUNKS[:n_chunks])))

    assert results == RESULTS[:n_chunks]
    assert sorted(work.begun) == list(CHUNKS[:n_chunks])


def test_in_order_gives_results_in_order_when_a_later_chunk_is_done_first(threads):
    """A chunk that is done early waits for its turn."""
    second_is_done = threading.Event()

    def work(chunk):
        if chunk == 1 and threads > 1:
            assert second_is_done.wait(timeout=10)
        if chunk == 2:
            second_is_done.set()
        return -chunk

    assert list(in_order(work, CHUNKS)) == RESULTS


def test_in_order_needs_no_thread_for_one_chunk():
    """A single chunk is done in the caller's thread."""
    work = Work()

    list(in_order(work, CHUNKS[:1]))

    assert work.threads == {threading.current_thread()}


@pytest.mark.parametrize("n_chunks", [1, 12])
def test_in_order_raises_what_a_chunk_raises(n_chunks):
    """The caller gets the earlier results, then the exception, and no thread stays."""
    work = Work(failing={1, 5} if n_chunks == 1 else {5})
    results = []

    with pytest.raises(ValueError, match=r"^chunk (1|5)$"):
        results.extend(in_order(work, CHUNKS[:n_chunks]))

    assert results == ([] if n_chunks == 1 else RESULTS[:4])


def test_in_order_raises_what_the_chunks_raise():
    """An error from the iterator of chunks is raised too."""

    def chunks():
        yield from CHUNKS[:3]
        raise ValueError("no more")

    with pytest.raises(ValueError, match=r"^no more$"):
        list(in_order(Work(), chunks()))


def test_in_order_leaves_chunks_undone_when_it_is_closed(threads):
    """When the caller closes it, chunks in progress are finished and no others are begun."""
    work = Work()
    results = in_order(work, CHUNKS)
    first = next(results)

    results.close()

    assert first == RESULTS[0]
    assert len(work.begun) <= threads + 1


def test_in_order_looks_no_further_ahead_than_its_threads(threads):
    """At most threads + 1 chunks are in memory beyond those taken."""
    reported = []

    def chunks():
        for chunk in CHUNKS:
            reported.append(chunk)
            yield chunk

    for done, _ in enumerate(in_order(Work(), chunks()), start=1):
        assert len(reported) - done <= threads + 1


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit()])
def test_in_order_raises_an_error_when_a_thread_is_ended(error):
    """If a thread ends without a result, the caller gets an error instead of waiting without end."""

    def work(_):
        raise error

    with pytest.raises(RuntimeError, match=r"^a thread ended before it had read its rows$"):
        list(in_order(work, CHUNKS))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_in_order_raises_an_error_when_a_thread_has_died(monkeypatch):
    """A thread that cannot even say what has ended it is noticed."""

    def die(*_):
        raise SystemExit

    monkeypatch.setattr(Future, "set_result", die)
    monkeypatch.setattr(Future, "set_exception", die)

    with pytest.raises(RuntimeError, match=r"^a thread ended before it had read its rows$"):
        list(in_order(Work(), CHUNKS))


def test_in_order_works_in_the_callers_thread_when_the_system_has_no_other(monkeypatch):
    """If no thread can be started, the caller's thread does the work."""

    def start(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    work = Work()

    assert list(in_order(work, CHUNKS)) == RESULTS
    assert work.threads == {threading.current_thread()}
