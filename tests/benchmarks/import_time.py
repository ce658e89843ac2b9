"""The times of `import events_pandas` and of `events-pandas --help`, beside `import pandas, pyarrow`."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

REPEATS = 15
MOST_TIMES = 0.5
"""How much of the time of the two libraries `--help` and `--version` may take."""

# Measured inside, since the start of the interpreter would make the ratio look better.
PROGRAM = """
import time
start = time.perf_counter()
import {modules}
print(time.perf_counter() - start)
"""


# An installed package has bytecode, so the first round writes it, with any environment.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def import_seconds(modules: str) -> float:
    """Return the time of an import in a fresh process."""
    program = PROGRAM.format(modules=modules)
    process = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=ENVIRONMENT
    )
    return float(process.stdout)


# A user waits for the start of the interpreter too, so whole processes are compared.
COMMANDS = {
    "python -c 'import pandas, pyarrow'": ["-c", "import pandas, pyarrow"],
    "events-pandas --help": ["-m", "events_pandas", "--help"],
    "events-pandas --version": ["-m", "events_pandas", "--version"],
    "events-pandas submit --help": ["-m", "events_pandas", "submit", "--help"],
}


def process_seconds(arguments: list[str]) -> float:
    """Return the time of a process from its start to its end."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=ENVIRONMENT)
    return time.perf_counter() - start


def main() -> None:
    """Print a line for each import, and one for each command."""
    names = ("pandas, pyarrow", "events_pandas")
    tell("Import", names, import_seconds, label="import {}")
    tell("Command", tuple(COMMANDS), lambda name: process_seconds(COMMANDS[name]), label="{}")
    print(f"goal of --help and --version: at most {MOST_TIMES} x")


def tell(what: str, names: tuple[str, ...], measure: Callable[[str], float], *, label: str) -> None:
    """Measure what has these names, and print the median of each and its ratio to the first."""
    # They alternate, so that a busy moment of the machine hits all; the first round warms caches.
    rounds = [[measure(name) for name in names] for _ in range(REPEATS + 1)][1:]
    medians = [statistics.median(seconds) for seconds in zip(*rounds, strict=True)]
    print(f"{what}: the median of {REPEATS} fresh processes each")
    for name, median in zip(names, medians, strict=True):
        print(f"{label.format(name):36} {median * 1000:>12,.0f} ms {median / medians[0]:>6.2f} x")


if __name__ == "__main__":
    main()
