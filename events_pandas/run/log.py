"""The log of a run, on request: a file to which lines of JSON are appended, without personal data."""

import datetime as dt
import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Self

from events_pandas.deliver import Engine, Outcome, Progress, ProgressBar
from events_pandas.errors import SourceError
from events_pandas.warned import warn_caller
from events_pandas.words import escaped

LOG_SECONDS: Final = 10.0
"""The time between two lines of progress, which is a window of Intercom's rate limit."""

# A pipe that nobody reads would block for ever.
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NONBLOCK", 0)
_OWNER_ONLY: Final = 0o600
_A_LINE: Final = re.compile(rb'\{"time": "[^"]+Z", "kind": "')
_A_LINE_BEGUN: Final = b'{"time": "'
_LOOKED_AT: Final = 100


class RunLog:
    """Appends lines about a run to a file, which is opened for each line; without a path it writes nothing.

    Raise `SourceError` at once if the file cannot be opened, or holds something else. If a line cannot be written
    later, `warn` is called with a sentence, and the log ends: the run goes on.
    """

    def __init__(self, path: "str | os.PathLike[str] | None", *, warn: Callable[[str], object] = warn_caller) -> None:
        # Opened for each line, a file may be moved away at any time, and a fork has no copy of it.
        # Absolute: the program may change its working directory during a run.
        self._path = None if path is None else Path(path).expanduser().absolute()
        self._given = path or ""
        # Of all lines: a command opens the log before its run, and writes its exit code after it.
        self.id = secrets.token_hex(4)
        # The number of the run in its journal, from 1.
        self.run: int | None = None
        self._workspace: str | None = None
        self._engine: Engine | None = None
        self._bar: ProgressBar | None = None
        self._has_stopped = False
        self.warn = warn
        # Ends a line that a full disk or a kill has torn.
        self._before = b""
        self._append(b"", self._cannot_open)
        if self._path is not None and self._path.is_file():
            self._look_into(self._path)

    @classmethod
    def of_run(cls, given: "str | os.PathLike[str] | None", *, warn: Callable[[str], object]) -> Self:
        """Return the log of a run: the one that its command has opened, or a new one of a path."""
        if isinstance(given, cls):
            given.warn = warn
            return given
        return cls(given, warn=warn)

    def __fspath__(self) -> str:
        """Return the path: a log takes its place among the options."""
        return os.fspath(self._given)

    def begin(self, engine: Engine, *, mapping: str, total: int | None) -> None:
        """Write that a run begins, and watch its engine. `mapping` is a digest; `total` is the number of its rows."""
        self._write("start", version=version("events-pandas"), mapping=mapping, rows=total)
        self._engine = engine
        self._bar = ProgressBar(
            self.show, total=total, interval_seconds=LOG_SECONDS, delay_seconds=LOG_SECONDS, clock=engine.clock
        )
        self._bar.watch(engine.current_state)

    def count(self, outcome: Outcome) -> None:
        """Count one event by its outcome."""
        if self._bar is not None:
            self._bar.update(outcome)

    def advance(self, rows: int) -> None:
        """Count rows that are not sent."""
        if self._bar is not None:
            self._bar.advance(rows)

    def tick(self) -> None:
        """Write what has come with time."""
        self.notice_stop()
        if self._bar is not None:
            self._bar.tick()

    def show(self, progress: Progress) -> None:
        """Write how far the run is."""
        window = None if self._engine is None else self._engine.current_state().window
        self._write(
            "progress",
            rows=progress.rows,
            total=progress.total,
            counts=dict(progress.counts),
            elapsed_seconds=round(progress.elapsed_seconds, 3),
            events_per_second=None if progress.events_per_second is None else round(progress.events_per_second, 1),
            limit=None if window is None else window.limit,
            remaining=None if window is None else max(window.left, 0),
            done_at=None if progress.done_at is None else _iso(progress.done_at),
            pause=None if progress.pause is None else progress.pause.reason,
            in_flight=progress.in_flight,
            **self._requests(),
        )

    def notice_stop(self) -> None:
        """Write why the run ends early, once, if it does."""
        stop = None if self._engine is None else self._engine.stop
        if stop is not None and not self._has_stopped:
            self._has_stopped = True
            self._write("stop", reason=str(stop.reason))

    def end(self, outcome: str, counts: Mapping[str, int], *, seconds: float) -> None:
        """Write how the run ended, with the rows of each status."""
        self._write(
            "end",
            outcome=outcome,
            rows=sum(counts.values()),
            counts={str(status): int(count) for status, count in counts.items()},
            elapsed_seconds=round(seconds, 3),
            **self._requests(),
        )
        self._workspace = self._known_workspace()
        # They know each other: in a cycle they would wait for the collector of garbage.
        self._bar = self._engine = None

    def exit(self, code: int, error: BaseException | None) -> None:
        """Write the exit code of a command, and the class of the error that ended it."""
        self._write("exit", exit_code=code, error=None if error is None else type(error).__name__)

    def _requests(self) -> dict[str, int]:
        engine = self._engine
        return {
            "requests": 0 if engine is None else engine.requests,
            "retries": 0 if engine is None else engine.retries,
        }

    def _known_workspace(self) -> str | None:
        workspace = None if self._engine is None else self._engine.workspace
        return self._workspace if workspace is None else workspace.id_code

    def _write(self, kind: str, **facts: Any) -> None:
        line = {
            "time": _iso(dt.datetime.now(dt.UTC)),
            "kind": kind,
            "id": self.id,
            "process": os.getpid(),
            "run": self.run,
            "workspace": self._known_workspace(),
            **facts,
        }
        before, self._before = self._before, b""
        self._append(before + f"{json.dumps(line)}\n".encode(), self._give_up)

    def _look_into(self, path: Path) -> None:
        """Raise `SourceError` if a file is no log, such as the rows: a wrong path must not change it."""
        with suppress(OSError):
            content = _first_bytes(path)
            if not (_A_LINE.match(content) or _A_LINE_BEGUN.startswith(content[: len(_A_LINE_BEGUN)])):
                raise SourceError(f"{path}: is not the log of a run, and is not changed: choose another path")
            with path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                self._before = b"" if file.read() == b"\n" else b"\n"

    def _append(self, line: bytes, fail: Callable[[OSError], None]) -> None:
        if self._path is None:
            return
        try:
            descriptor = os.open(self._path, _FLAGS, _OWNER_ONLY)
            try:
                # In one step, so that lines of two processes do not mix.
                if line and os.write(descriptor, line) < len(line):
                    raise OSError(0, "the last line is not whole")
            finally:
                os.close(descriptor)
        except OSError as error:
            fail(error)

    def _cannot_open(self, error: OSError) -> None:
        cure = "choose a file that can be written, in a folder that is there"
        raise SourceError(f"{self._path}: the log cannot be written: {error.strerror or error}: {cure}") from error

    def _give_up(self, error: OSError) -> None:
        path, self._path = self._path, None
        # Where warnings are errors, the log still ends no run.
        with suppress(UserWarning):
            self.warn(f"{escaped(path)}: the log ends here, since it cannot be written: {error.strerror or error}")


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LOOKED_AT)


def _iso(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
