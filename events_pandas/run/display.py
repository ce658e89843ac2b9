"""What a run shows while it is under way: by its progress bar, in its log, and to other runs in its journal."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from events_pandas.deliver import Engine, Outcome, ProgressBar, ProgressChoice, stop_for_error
from events_pandas.run.desk import Desk
from events_pandas.run.history import HistoryWriter
from events_pandas.run.log import RunLog
from events_pandas.run.questions import UnansweredError


@dataclass(kw_only=True, slots=True)
class RunDisplay:
    """Shows how far a run is. An error in showing it ends the run, so that the results are not lost.

    Parameters
    ----------
    opened : ExitStack
        Holds the bars; the run closes it in any case.
    """

    desk: Desk
    progress: ProgressChoice
    log: RunLog
    history: HistoryWriter
    opened: ExitStack
    _engine: Engine = field(init=False)
    _bar: ProgressBar = field(init=False)

    def begin(self, engine: Engine, *, total: int | None) -> None:
        """Begin the log, and show the progress of so many rows."""
        self._engine = engine
        self.log.begin(engine, mapping=self.history.facts.mapping, total=total)
        bar = self.desk.progress_bar(self.progress, total=total, description="submitting")
        self._bar = self.opened.enter_context(bar)
        self._bar.watch(engine.current_state)

    def begin_step(self, description: str, *, total: int | None) -> Callable[[int], None]:
        """Show the progress of a step after the submission. Return the function that counts its rows."""
        # A user's function is called for the submission only.
        progress = False if callable(self.progress) else self.progress
        bar = self.opened.enter_context(
            self.desk.progress_bar(progress, total=total, description=description, delay_seconds=2.0)
        )
        return lambda rows: self._show(bar.advance, rows)

    def count(self, outcome: Outcome) -> None:
        """Count an event by its outcome."""
        self.log.count(outcome)
        self._show(self._bar.update, outcome)

    def advance(self, rows: int) -> None:
        """Count rows that need no request."""
        self.log.advance(rows)
        self._show(self._bar.advance, rows)

    def tick(self) -> None:
        """Show what has come with time."""
        self.say_under_way()
        self._show(self._bar.tick)

    def say_under_way(self) -> None:
        """Write into the log and the journal that the run goes on."""
        self.log.tick()
        self.history.say_under_way()

    def say(self, text: str) -> None:
        """Show a line of text."""
        self._show(self._bar.say, text)

    def show_other_runs(self) -> None:
        """Show other runs that are under way in the journal, each once."""
        for other in self.history.new_others():
            self.say(str(other))

    def finish(self) -> None:
        """Let the caller see all that was shown, and take all results that are complete."""
        self._show(self.desk.finish)

    def close(self) -> None:
        """Close the bar, which shows the end."""
        self._show(self.opened.close)

    def _show(self, step: Callable[..., object], *facts: object) -> None:
        try:
            step(*facts)
        except UnansweredError:
            # The interrupt stops the run.
            pass
        except Exception as error:  # noqa: BLE001  # A user's function may raise anything.
            self._engine.stop_by(stop_for_error(error))
