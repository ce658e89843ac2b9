"""The pace against a rate limit: the used part of each full window, and the part of the answers that is 429.

For every limit, latency and jitter a lone client submits for some full windows; then two runs share a limit, one run
keeps to a share of it, and the official Python client does the same in a loop, and in threads with retries. Every
sandbox and every client is a process of its own. Windows are the server's: each answer names its window.
"""

import argparse
import contextlib
import math
import multiprocessing
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import httpx
import pandas as pd
from intercom import CreateDataEventRequestWithUserId, Intercom
from intercom.core.api_error import ApiError

import events_pandas as ep
from events_pandas.intercom import RESET_HEADER, WINDOW_SECONDS

LIMITS: Final = (83, 166, 500, 1_666)
LATENCIES_MS: Final = (5, 20, 80, 300, 800)
JITTERS: Final = (0.0, 0.5)
WINDOWS: Final = 3
# The cells beside the lone runs: the default limit of an app, and a latency across an ocean.
LIMIT: Final = 1_666
LATENCY_MS: Final = 80
SHARE: Final = 0.6
MOST_THREADS: Final = 128
OFFICIAL_THREADS: Final = 32
# The official client counts its retries from two, so eight mean seven requests for an event.
OFFICIAL_RETRIES: Final = 8
# Requests a window at the same time, in cells that do not disturb each other on two cores.
MOST_AT_ONCE: Final = 3_400
SANDBOX: Final = (sys.executable, "-m", "events_pandas", "sandbox")
ONE_RUN: Final = "one run"
ACCESS_TOKEN: Final = "sandbox-token"
MAPPING: Final = ep.EventMapping(event_name="placed-order", created_at="ordered_at", user_id="customer", timezone="UTC")
FIRST_SECOND: Final = 1_700_000_000

Tally = Counter[tuple[int, int]]
"""The number of answers of each status in each window, by the Unix second of its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A line of the table: clients that share one limit, at one latency."""

    limit: int
    latency_ms: float
    jitter: float
    windows: int
    least: float
    most_refused: float
    label: str = ONE_RUN
    clients: Sequence[Callable[..., Tally]] = field(default_factory=lambda: (run_of_ours,))
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Return the part of the limit that the clients may use."""
        return self.options.get("rate_share", 1.0)

    @property
    def ceiling(self) -> float:
        """Return the part of the limit that the threads can use."""
        return min(1.0, MOST_THREADS / (self.latency_ms / 1000) * WINDOW_SECONDS / self.limit)

    @property
    def rows(self) -> int:
        """Return the rows of all clients: one window more than the full ones, for both ends."""
        return math.ceil(self.limit * self.share * self.ceiling * (self.windows + 1)) + 1


class Counting:
    """A client of ours that counts answers by status and window."""

    def __init__(self, client: ep.IntercomClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self.tally: Tally = Counter()

    def me(self) -> Any:
        """Ask for the workspace of the token."""
        return self._counted(self._client.me())

    def post_event(self, payload: bytes) -> Any:
        """Submit one event."""
        return self._counted(self._client.post_event(payload))

    def _counted(self, answer: Any) -> Any:
        with self._lock:
            self.tally[int(answer.headers[RESET_HEADER]), answer.status] += 1
        return answer


def run_of_ours(url: str, rows: range, **options: Any) -> Tally:
    """Submit rows in a run."""
    frame = pd.DataFrame({"customer": [str(row) for row in rows], "ordered_at": pd.Timestamp(FIRST_SECOND, unit="s")})
    with ep.IntercomClient(ACCESS_TOKEN, base_url=url) as real:
        client = Counting(real)
        results = ep.submit_events(frame, MAPPING, client=client, progress=False, journal=None, **options)
    if not results["status"].eq("accepted").all():
        sys.exit(f"not all rows were accepted:\n{results['status'].value_counts()}")
    return client.tally


def official_in_a_loop(url: str, rows: range, *, seconds: float) -> Tally:
    """Submit rows one after another with the official client, for some time."""
    return _official(url, rows, threads=1, until=time.monotonic() + seconds)


def official_in_threads(url: str, rows: range) -> Tally:
    """Submit rows with the official client in threads, with retries."""
    return _official(url, rows, threads=OFFICIAL_THREADS, until=math.inf)


def _official(url: str, rows: range, *, threads: int, until: float) -> Tally:
    tally: Tally = Counter()
    lock = threading.Lock()

    def count(response: httpx.Response) -> None:
        with lock:
            tally[int(response.headers[RESET_HEADER]), response.status_code] += 1

    def create(row: int) -> None:
        if time.monotonic() > until:
            return
        event = CreateDataEventRequestWithUserId(user_id=str(row), event_name="placed-order", created_at=FIRST_SECOND)
        # The server counts the events that the client gives up.
        with contextlib.suppress(ApiError):
            client.events.create(request=event, request_options={"max_retries": OFFICIAL_RETRIES})

    pool = httpx.Client(timeout=60, event_hooks={"response": [count]})
    with pool, ThreadPoolExecutor(threads) as executor:
        client = Intercom(base_url=url, token=ACCESS_TOKEN, httpx_client=pool)
        list(executor.map(create, rows))
    return tally


@contextlib.contextmanager
def sandbox(cell: Cell) -> Iterator[str]:
    """Start a sandbox in a process of its own, and stop it at the end."""
    latency = ("--latency-seconds", f"{cell.latency_ms / 1000}", "--jitter", f"{cell.jitter}")
    command = (*SANDBOX, "--port", "0", "--limit", f"{cell.limit}", *latency)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield re.search(r"http://[\w.]+:\d+", process.stdout.readline())[0]
        finally:
            process.terminate()


def measure(cells: Sequence[Cell], pool: ProcessPoolExecutor) -> list[Tally]:
    """Measure cells at the same time, and print a line for each."""
    tallies = []
    with contextlib.ExitStack() as stack:
        # All of them first, since a start takes a processor for a second.
        addresses = [stack.enter_context(sandbox(cell)) for cell in cells]
        begun = [_begin(cell, url, pool) for cell, url in zip(cells, addresses, strict=True)]
        for cell, futures in zip(cells, begun, strict=True):
            tallies.append(sum((future.result() for future in futures), Counter()))
            print_line(cell, tallies[-1])
    return tallies


def _begin(cell: Cell, url: str, pool: ProcessPoolExecutor) -> list[Future[Tally]]:
    parts = len(cell.clients)
    bounds = [cell.rows * part // parts for part in range(parts + 1)]
    return [
        pool.submit(client, url, range(*bounds[part : part + 2]), **cell.options)
        for part, client in enumerate(cell.clients)
    ]


def full_windows(tally: Tally) -> list[int]:
    """Return the accepted requests of each window but the first and the last."""
    resets = [reset for reset, _ in tally]
    ends = range(min(resets) + round(WINDOW_SECONDS), max(resets), round(WINDOW_SECONDS))
    return [tally[end, HTTPStatus.ACCEPTED] for end in ends]


def count_refused(tally: Tally) -> int:
    """Return the number of answers with 429."""
    return sum(n for (_, status), n in tally.items() if status == HTTPStatus.TOO_MANY_REQUESTS)


def print_totals(cells: Sequence[Cell], tallies: Sequence[Tally]) -> None:
    """Print the 429s of all lone runs, since in a run with a small limit one is more than a thousandth."""
    for jitter in sorted({cell.jitter for cell in cells if cell.label == ONE_RUN}):
        lone = [
            tally for cell, tally in zip(cells, tallies, strict=True) if (cell.label, cell.jitter) == (ONE_RUN, jitter)
        ]
        refused, answers = sum(map(count_refused, lone)), sum(tally.total() for tally in lone)
        print(f"all lone runs with a jitter of {jitter:.0%}: {refused:,} of {answers:,} answers are 429")


def print_line(cell: Cell, tally: Tally) -> None:
    """Print the figures of a cell, beside its goal."""
    used = [accepted / cell.limit for accepted in full_windows(tally)] or [math.nan]
    refused = count_refused(tally) / tally.total()
    place = f"{cell.label:28} {cell.limit:>5,} {cell.latency_ms:>7,.0f} {cell.jitter:>6.0%}"
    shares = f"{len(used):>7} {min(used):>7.1%} {sum(used) / len(used):>7.1%} {refused:>7.2%}"
    print(f"{place} {shares}   {_goal(cell, used, refused)}", flush=True)


def _goal(cell: Cell, used: Sequence[float], refused: float) -> str:
    if not cell.least:
        return "for comparison"
    if cell.ceiling < 1:
        return f"{MOST_THREADS} threads can make {cell.ceiling:.1%}"
    if cell.share < 1:
        bound, is_met = f"at most {cell.share:.0%} of any window (here {max(used):.1%})", max(used) <= cell.share
    else:
        bound, is_met = f"at least {cell.least:.1%} of each window", min(used) >= cell.least
    verdict = "met" if is_met and refused <= cell.most_refused else "MISSED"
    return f"{bound}, 429 at most {cell.most_refused:.1%}: {verdict}"


def lone_cells(
    limits: Iterable[int], latencies_ms: Iterable[float], jitters: Iterable[float], *, windows: int
) -> list[Cell]:
    """Return a cell for each limit, latency and jitter."""
    return [
        Cell(
            limit=limit,
            latency_ms=latency_ms,
            jitter=jitter,
            windows=windows,
            # In a small window: all requests but one.
            least=min(0.98 if jitter else 0.99, (limit - 1) / limit),
            most_refused=0.001 if jitter else 0.0,
        )
        for limit in limits
        for latency_ms in latencies_ms
        for jitter in jitters
    ]


def company_cells(windows: int) -> list[Cell]:
    """Return the cells of runs that share a limit, and of the official client."""
    common = {"limit": LIMIT, "latency_ms": LATENCY_MS, "jitter": 0.0, "windows": windows, "most_refused": 0.01}
    loop = {"clients": (official_in_a_loop,), "options": {"seconds": (windows + 2) * WINDOW_SECONDS}}
    share = {"options": {"rate_share": SHARE}}
    return [
        Cell(**common | {"label": "two runs on one limit", "least": 0.97, "clients": (run_of_ours, run_of_ours)}),
        Cell(**common | {"label": f"one run, rate_share={SHARE}", "least": SHARE, "most_refused": 0.0} | share),
        Cell(**common | {"label": "official client in a loop", "least": 0.0} | loop),
        Cell(
            **common
            | {"label": f"official client, {OFFICIAL_THREADS} threads", "least": 0.0, "clients": (official_in_threads,)}
        ),
    ]


def batches(cells: Iterable[Cell]) -> Iterator[list[Cell]]:
    """Yield cells to measure at the same time."""
    batch: list[Cell] = []
    for cell in cells:
        if batch and sum(other.limit for other in [*batch, cell]) > MOST_AT_ONCE:
            yield batch
            batch = []
        batch.append(cell)
    yield batch


def arguments() -> argparse.Namespace:
    """Read the chosen cells."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limits", type=int, nargs="*", default=LIMITS, help="requests that a window allows")
    parser.add_argument("--latencies", type=float, nargs="*", default=LATENCIES_MS, help="milliseconds")
    parser.add_argument("--jitter", type=float, nargs="*", default=JITTERS, help="how far latencies stray, as a share")
    parser.add_argument("--windows", type=int, default=WINDOWS, help="full windows of each cell")
    parser.add_argument("--lone", action="store_true", help="leave out company and the official client")
    parser.add_argument("--company", action="store_true", help="leave out the lone runs")
    return parser.parse_args()


def main() -> None:
    """Print a line for each cell."""
    chosen = arguments()
    cells = [] if chosen.company else lone_cells(chosen.limits, chosen.latencies, chosen.jitter, windows=chosen.windows)
    cells += [] if chosen.lone else company_cells(chosen.windows)
    print(f"Pace: the part used of at least {chosen.windows} full windows, and the part of the answers that is 429")
    print(f"{'':28} limit latency jitter windows   least    mean     429   goal")
    context = multiprocessing.get_context("spawn")
    planned = list(batches(cells))
    size = max(sum(len(cell.clients) for cell in batch) for batch in planned)
    with ProcessPoolExecutor(size, mp_context=context) as pool:
        # A process is started for a task without a free process, and that takes time: do it before the clock runs.
        list(pool.map(time.sleep, [1.0] * size))
        tallies = [tally for batch in planned for tally in measure(batch, pool)]
    print_totals(cells, tallies)


if __name__ == "__main__":
    main()
