"""The time of `import events_pandas`, beside `import pandas, pyarrow`, which it needs."""

import os
import statistics
import subprocess
import sys

REPEATS = 15

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


def main() -> None:
    """Print a line for each import."""
    names = ("pandas, pyarrow", "events_pandas")
    # The imports alternate, so that a busy moment of the machine hits both; the first round warms caches.
    rounds = [[import_seconds(name) for name in names] for _ in range(REPEATS + 1)][1:]
    medians = [statistics.median(seconds) for seconds in zip(*rounds, strict=True)]
    print(f"Import: the median of {REPEATS} fresh processes each")
    for name, median in zip(names, medians, strict=True):
        print(f"{'import ' + name:36} {median * 1000:>12,.0f} ms {median / medians[0]:>6.2f} x")


if __name__ == "__main__":
    main()
