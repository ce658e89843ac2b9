"""The cost of an engine's rows: a check through it, a stage that is submitted again, and the memory of its sender.

- A check through an engine, beside `check_events` of the same rows in one process. Counted is the processor time of our
  part: what we do with each partition where it was computed, which is to bring its columns into a temporary file, and
  the check of these here. So that all of it is in one process, the engine runs in this thread. The time in which it
  computes the partitions themselves, and drops them, is measured apart and left out. Nothing moves between machines.
- A stage whose rows are all in the journal is submitted again, with results in parts. The client refuses events. The
  goal is for a journal of these rows. One that has four times as many, which are more than the memory that SQLite keeps
  for its pages, is measured without a goal.
- The most memory of a process that does so as an engine's `submit_events` does, which keeps no results but their files:
  with two numbers of rows, the median of several processes for each: the peaks of two processes with the same rows are
  more than ten megabytes apart. Partitions have the same size in both, since a larger one takes more memory to read.
  Ten million events would take hours to send: the line for them is what these two say, not a measurement. A stage of
  ten million rows that were in the journal, in partitions of a million, took 664 MB, or 35 bytes a row. Rows that are
  in the journal are read, checked, looked up and written as others are; what is missing is the work of sending, whose
  memory `memory.py` shows to be flat.
"""

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

    import events_pandas as ep

PARTITION_ROWS = 100_000
ROUNDS = 7
MOST_TIMES = 1.3
RESUMED = 500_000
RESUMES = 3
MOST_SECONDS = 5
SIZES = (RESUMED, 4 * RESUMED)
PROCESSES = 3
MOST_ROW_BYTES = 40
STAGED = 10_000_000
MOST_BYTES = 1_000_000_000
MEGABYTE = 1_000_000
MISSED = 3
"""How the process ends that has missed a goal."""


class Engine(NamedTuple):
    """How an engine takes rows, computes its partitions, checks them, and stages them."""

    frame: Callable[["pd.DataFrame"], Any]
    compute: Callable[[Any], object]
    check: Callable[[Any, "ep.EventMapping"], "ep.CheckReport"]
    stage: Callable[[Any, "ep.EventMapping", Path], Path]


def dask_engine() -> Engine:
    """Return Dask, all of whose work is in this thread."""
    import dask  # noqa: PLC0415  # Not where memory is measured.
    import dask.dataframe as dd  # noqa: PLC0415

    from events_pandas.engines.dask import check_events, stage_events  # noqa: PLC0415

    dask.config.set(scheduler="sync")
    return Engine(
        frame=lambda frame: dd.from_pandas(frame, chunksize=PARTITION_ROWS, sort=False),
        compute=lambda frame: dask.compute(*[dask.delayed(len)(part) for part in frame.to_delayed()]),
        check=check_events,
        stage=stage_events,
    )


ENGINES = {"Dask": dask_engine}


def processor_seconds(work: Callable[[], object]) -> float:
    """Return the time that work takes on all cores."""
    start = time.process_time()
    work()
    return time.process_time() - start


def print_check(name: str, engine: Engine) -> list[str]:
    """Print the cost of a check; return what costs too much."""
    from conversion import MAPPING, ROWS, orders  # noqa: PLC0415

    import events_pandas as ep  # noqa: PLC0415

    frame = orders(ROWS)
    given = engine.frame(frame)

    def here() -> None:
        assert str(ep.check_events(frame, MAPPING)).startswith(f"{ROWS:,} rows: {ROWS:,} valid")

    def through() -> None:
        assert str(engine.check(given, MAPPING)).startswith(f"{ROWS:,} rows: {ROWS:,} valid")

    works = (here, through, lambda: engine.compute(given))
    rounds = [[processor_seconds(work) for work in works] for _ in range(ROUNDS)]
    heading = f"{name}: a check of {ROWS:,} rows in partitions of {PARTITION_ROWS:,}"
    print(f"{heading}, processor time, the median of {ROUNDS} runs")
    print(f"{'in one process':36} {statistics.median(one for one, _, _ in rounds):>12.2f} s")
    ours = statistics.median(both - own for _, both, own in rounds)
    # Compared run by run: the speed of a machine changes within minutes.
    times = statistics.median((both - own) / one for one, both, own in rounds)
    print(f"{'our part of it through the engine':36} {ours:>12.2f} s {times:>6.2f} x   goal: at most {MOST_TIMES}")
    return [f"the check through {name}"] if times > MOST_TIMES else []


def submit(stage: Path, journal: Path, results: str) -> None:
    """Submit a stage whose rows are all in the journal, as the `submit_events` of an engine does."""
    from journal import NobodyClient  # noqa: PLC0415
    from submission import MAPPING  # noqa: PLC0415

    from events_pandas.run.files import submit_files  # noqa: PLC0415
    from events_pandas.run.options import run_options  # noqa: PLC0415

    def look(part: "pd.DataFrame") -> None:
        assert (part["status"] == "already_submitted").all()

    options = run_options({"client": NobodyClient(), "journal": journal, "progress": False})
    submit_files(stage, MAPPING, options=options, results_path=results, take=look)


def resume_times(stage: Path, journal: Path, results: Path) -> tuple[float, float]:
    """Submit a stage that is in the journal; return the seconds by the clock and those of the processor."""
    start, processor_start = time.perf_counter(), time.process_time()
    submit(stage, journal, f"{results}/")
    return time.perf_counter() - start, time.process_time() - processor_start


def print_resume(stage: Path, journals: dict[int, Path], folder: Path) -> list[str]:
    """Print how long a stage takes whose rows are all in a journal; return what takes too long."""
    what = f"A stage of {RESUMED:,} rows that are in the journal, submitted again"
    print(f"{what}; no event is sent; the median of {RESUMES} runs")
    missed = []
    for rows, journal in journals.items():
        times = [resume_times(stage, journal, folder / f"resumed-{rows}-{turn}") for turn in range(RESUMES)]
        seconds, processor = (statistics.median(each) for each in zip(*times, strict=True))
        goal = f"   goal: at most {MOST_SECONDS}" if rows == RESUMED else ""
        print(f"{f'seconds, {rows:,} events in the journal':40} {seconds:>8.1f} s{goal}")
        print(f"{'processor time of it':40} {processor:>8.1f} s", flush=True)
        missed += ["the stage that is submitted again"] if goal and seconds > MOST_SECONDS else []
    return missed


def peak_of(stage: Path, journal: Path, results: Path) -> int:
    """Return the most memory of a process that submits a stage."""
    command = [sys.executable, __file__, "submit", str(stage), str(journal), f"{results}/"]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def print_memory(stages: list[Path], journal: Path, folder: Path) -> list[str]:
    """Print the memory of the sender; return what is too much."""
    # In turns, so that what else runs on the machine disturbs both.
    turns = [
        [peak_of(stage, journal, folder / f"results-{stage.name}-{turn}") for stage in stages]
        for turn in range(PROCESSES)
    ]
    peaks = [statistics.median(each) for each in zip(*turns, strict=True)]
    growth = (peaks[1] - peaks[0]) / (SIZES[1] - SIZES[0])
    expected = peaks[1] + growth * (STAGED - SIZES[1])
    heading = "Memory: the most that the sender takes, with its results in parts and all rows in the journal"
    print(f"{heading}, median of {PROCESSES}")
    for rows, peak in zip(SIZES, peaks, strict=True):
        print(f"{f'{rows:,} rows':36} {peak / MEGABYTE:>12.1f} MB")
    print(f"{'growth':36} {growth:>12.1f} bytes a row   goal: at most {MOST_ROW_BYTES}")
    line = f"{STAGED:,} rows, if it goes on so"
    print(f"{line:36} {expected / MEGABYTE:>12.1f} MB   goal: under {MOST_BYTES / MEGABYTE:,.0f}", flush=True)
    return ["the memory of the sender"] if growth > MOST_ROW_BYTES or expected >= MOST_BYTES else []


def places(folder: Path) -> tuple[list[Path], dict[int, Path]]:
    """Return the stages of both sizes, and a journal with the rows of each."""
    return [folder / f"{rows}" for rows in SIZES], {rows: folder / f"{rows}.sqlite" for rows in SIZES}


def prepare(folder: Path) -> list[str]:
    """Print the cost of each engine's check, and of a stage that is submitted again; leave what memory needs."""
    from journal import fill  # noqa: PLC0415
    from submission import MAPPING, orders  # noqa: PLC0415

    missed: list[str] = []
    engines = {name: make() for name, make in ENGINES.items()}
    for name, engine in engines.items():
        missed += print_check(name, engine)
    (stages, journals), frame, engine = places(folder), orders(SIZES[-1]), engines["Dask"]
    for stage, (rows, journal) in zip(stages, journals.items(), strict=True):
        fill(journal, frame.head(rows), MAPPING)
        engine.stage(engine.frame(frame.head(rows)), MAPPING, stage)
    return missed + print_resume(stages[0], journals, folder)


def main() -> None:
    """Print all costs, and fail if one is above its goal."""
    with TemporaryDirectory() as name:
        # The memory of this process would count for its children.
        prepared = subprocess.run([sys.executable, __file__, "prepare", name], check=False)
        stages, journals = places(Path(name))
        is_prepared = prepared.returncode in {0, MISSED}
        missed = print_memory(stages, journals[SIZES[-1]], Path(name)) if is_prepared else []
    if prepared.returncode or missed:
        sys.exit(f"too much: {', '.join(missed)}" if missed else prepared.returncode)


if __name__ == "__main__":
    if sys.argv[1:2] == ["submit"]:
        submit(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
    elif sys.argv[1:2] == ["prepare"]:
        if too_much := prepare(Path(sys.argv[2])):
            print(f"too much: {', '.join(too_much)}", file=sys.stderr)
            sys.exit(MISSED)
    else:
        main()
