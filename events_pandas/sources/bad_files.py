"""BadFile: a file that cannot be submitted, and why; all of them are reported at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from events_pandas.errors import MappingError, SourceError
from events_pandas.wording import Words, parts_of, without_start
from events_pandas.words import listed

_NAMED_FILES: Final = 100
"""The most bad files that an error names: a directory that was named by mistake may have many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BadFile:
    """A file that cannot be submitted: what messages call it, and its fault, which begins with this name."""

    name: str
    error: MappingError | SourceError

    @property
    def reason(self) -> str:
        """The fault on one line, without the name of the file."""
        faults = self.error.faults if isinstance(self.error, MappingError) else (str(self.error),)
        return "; ".join(fault.removeprefix(f"{self.name}: ") for fault in faults)


def bad(name: str, why: str) -> BadFile:
    """Return a bad file, and what is wrong with it."""
    return BadFile(name=name, error=SourceError(f"{name}: {why}"))


def together(files: Sequence[BadFile]) -> MappingError | SourceError:
    """Return one error for all bad files, with one line for the files that lack the same columns of a mapping."""
    first, *others = [file.error for file in files]
    if not others:
        return first
    lines = _lines(files)
    if all(isinstance(file.error, MappingError) for file in files):
        return MappingError(lines)
    more = [f"and {len(lines) - _NAMED_FILES:,} more"] if len(lines) > _NAMED_FILES else []
    return SourceError(f"{len(files):,} files cannot be submitted:", lines=[*lines[:_NAMED_FILES], *more])


def _lines(files: Sequence[BadFile]) -> list[Words]:
    """Return the faults of files. Those of a mapping, which thousands of files may share, stand behind their names."""
    names: dict[Words, list[str]] = {}
    for file in files:
        if isinstance(file.error, MappingError):
            for fault in file.error.words:
                names.setdefault(without_start(fault, f"{file.name}: "), []).append(file.name)
        else:
            names[str(file.error)] = []
    return [parts_of(f"{listed(named)}: ", fault) if named else fault for fault, named in names.items()]
