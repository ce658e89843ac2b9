"""BadFile: a file that cannot be submitted, and why; all of them are reported at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from events_pandas.errors import MappingError, SourceError

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
    """Return one error for all bad files."""
    first, *others = [file.error for file in files]
    if not others:
        return first
    errors = [first, *others]
    lines = [line for error in errors for line in (error.words if isinstance(error, MappingError) else [str(error)])]
    if all(isinstance(error, MappingError) for error in errors):
        return MappingError(lines)
    more = [f"and {len(lines) - _NAMED_FILES:,} more"] if len(lines) > _NAMED_FILES else []
    return SourceError(f"{len(errors):,} files cannot be submitted:", lines=[*lines[:_NAMED_FILES], *more])
