"""Outputs: the files that a run writes, whose places are judged before its rows are read."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final, TypeAlias

from events_pandas.deliver.journal import AUTO
from events_pandas.errors import SourceError
from events_pandas.manifest import is_folder, part_name, require_folder, require_local
from events_pandas.results.rejects import REJECTS
from events_pandas.results.table_file import RESULTS, require_place
from events_pandas.run.options import RunOptions
from events_pandas.sources import Places, name_of
from events_pandas.words import full_kind_of

AnyPath: TypeAlias = str | os.PathLike[str]

_GO: Final = {"results": "results go", "rejects": "rejects go", "log": "log goes", "journal": "journal is"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Outputs:
    """The files that a run writes; None for each that it does not write."""

    results: AnyPath | None = None
    rejects: AnyPath | None = None
    log: AnyPath | None = None
    journal: AnyPath | None = None

    @classmethod
    def of_run(cls, options: RunOptions, *, results: AnyPath | None, rejects: AnyPath | None) -> "Outputs":
        """Return the outputs of a run with these options."""
        for name, path in {"results_path": results, "rejects_path": rejects}.items():
            if not isinstance(path, str | os.PathLike | None):
                raise TypeError(f"{name}: expected a path as text, or a Path, got {full_kind_of(path)}")
        journal = None if options.journal == AUTO else options.journal
        return cls(results=results, rejects=rejects, log=options.log_path, journal=journal)

    def require_apart(self, sources: Places) -> None:
        """Raise `SourceError` if two outputs are one file, or if the next run would read one among its sources."""
        for output, kind in ((self.results, RESULTS), (self.rejects, REJECTS)):
            if output is not None:
                require_local(output, holds=kind.holds)
        for (first, one), (second, other) in combinations(self._named(), 2):
            if _is_same(one, other):
                raise SourceError(f"{other}: is where the {_GO[first]}: choose another name for the {second}")
            if first == "results" and is_folder(self.results or "") and other.resolve().is_relative_to(one.resolve()):
                raise SourceError(f"{other}: is in the folder of the results: choose another folder for the {second}")
        for name, path in self._named():
            # The files of a folder of results are in it.
            file = path / part_name(0, "0" * 8) if name == "results" and is_folder(self.results or "") else path
            if (source := name_of(file, sources)) is not None:
                fault = f"the next run would read it, since {source!r} stands for it, too"
                raise SourceError(f"{path}: {fault}: choose another folder")

    def require_places(self, read: Sequence[Path]) -> None:
        """Raise `SourceError` if a table cannot be written at its place, or would replace a file that is read.

        Other files are no log and no journal, which say so themselves.
        """
        for path, kind in ((self.results, RESULTS), (self.rejects, REJECTS)):
            if path is not None and kind is RESULTS and is_folder(path):
                require_folder(Path(path))
            elif path is not None:
                require_place(Path(path), kind, read)

    def _named(self) -> Iterator[tuple[str, Path]]:
        for name in _GO:
            path = getattr(self, name)
            # A path with a NUL is an error of its own, too.
            if path is not None and "\0" not in os.fspath(path):
                yield name, _at_home(Path(path)) if name in {"log", "journal"} else Path(path)


def _at_home(path: Path) -> Path:
    # Where an unknown user has no home, opening the file is an error of its own.
    with suppress(RuntimeError):
        return path.expanduser()
    return path


def _is_same(one: Path, other: Path) -> bool:
    # Names may differ in case only, and a link is replaced itself.
    return one.resolve() == other.resolve() or (one.exists() and other.exists() and one.samefile(other))
