"""The tables that a run over files writes: its results as they come, and its rejects at the end."""

from collections.abc import Callable, Hashable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import pandas as pd

from events_pandas.errors import SourceError
from events_pandas.results.parts import ResultsParts, results_file
from events_pandas.results.table_file import TableFile
from events_pandas.run.desk import Desk
from events_pandas.run.file_frames import FileFrames
from events_pandas.run.options import RunOptions
from events_pandas.run.outputs import Outputs
from events_pandas.run.questions import UnansweredError
from events_pandas.run.rejects import FileRejects
from events_pandas.run.requested_columns import keys_without_type, with_texts
from events_pandas.sources import kept_types, with_types
from events_pandas.words import escaped


@dataclass(kw_only=True, slots=True, repr=False)
class FileTables:
    """Writes the results and the rejects of a run over files, where it is to write them."""

    outputs: Outputs
    desk: Desk
    _results: TableFile | ResultsParts | None = field(default=None, init=False)
    # The keys that the file of results has as text.
    _text_keys: Sequence[Hashable] = field(default=(), init=False)
    _rejects: FileRejects | None = field(default=None, init=False)
    # What is to be said of the rejects.
    said: list[str] = field(default_factory=list, init=False)

    @property
    def written(self) -> Outputs:
        """The tables that are in their places now; not those that could not be written, or that had no results."""
        results = self._results is not None and self._results.is_in_place
        rejects = self._rejects is not None and self._rejects.writer.is_in_place
        return Outputs(
            results=self.outputs.results if results else None, rejects=self.outputs.rejects if rejects else None
        )

    def open(
        self, frames: FileFrames, options: RunOptions, *, opened: ExitStack, warn: Callable[[str], object]
    ) -> None:
        """Open the tables beside their places; `opened` closes them."""
        if self.outputs.results is not None:
            sources = [file.path for file in frames.files]
            self._results = results_file(self.outputs.results, sources=sources, warn=warn)
            opened.push(self._results)
            keys = options.keys
            self._text_keys = keys if self._results.is_csv else keys_without_type(frames.files, keys)
        if self.outputs.rejects is not None:
            mapping, types = frames.mapping, frames.types.rules
            self._rejects = FileRejects(
                self.outputs.rejects,
                files=frames.files,
                # A journal keeps the types for the run that submits the rejects.
                mapping=mapping if options.journal is None else with_types(mapping, kept_types(mapping, types)),
                typed=with_types(mapping, types),
                warn=self.said.append,
            )
            opened.enter_context(self._rejects.writer)

    def leave(self) -> list[str]:
        """Leave the tables of an earlier run in their places, and return their names."""
        files: list[TableFile | ResultsParts] = [] if self._results is None else [self._results]
        files += [] if self._rejects is None else [self._rejects.writer]
        self._results = self._rejects = None
        for file in files:
            file.discard()
        return [escaped(file.path) for file in files]

    def write(self, results: pd.DataFrame) -> SourceError | None:
        """Write results. Return why they cannot be written, or None."""
        return None if self._results is None else _fault_of(self._results.write, with_texts(results, self._text_keys))

    def keep(self, results: pd.DataFrame) -> None:
        """Keep the reasons of rejects among results."""
        if self._rejects is not None:
            self._rejects.keep(results)

    def finish_results(self) -> SourceError | None:
        """Move the results to their place. Return why they are missing, or None."""
        return None if self._results is None else _fault_of(self._results.finish)

    def write_rejects(self) -> SourceError | None:
        """Write the rejects, which reads their rows again. Return why they are missing, or None."""
        if self._rejects is None:
            return None
        try:
            return _fault_of(self._rejects.write, self.desk.interruption())
        except UnansweredError:
            path = escaped(self._rejects.writer.path)
            return SourceError(f"{path}: the rejects are missing, since writing them was interrupted")


def _fault_of(step: Callable[..., object], *arguments: object) -> SourceError | None:
    """Call a function that reads or writes files. Return its fault, or None."""
    try:
        step(*arguments)
    except SourceError as fault:
        return fault
    return None
