"""The manifest of rows in parts: which files of a folder are the results of one run, or a stage, and their order."""

import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from events_pandas.errors import SourceError
from events_pandas.words import escaped

MANIFEST: Final = "_manifest.json"
"""Its name: programs that read all files of a folder leave out names that begin so."""
RUN_FOLDER: Final = "_run-"
"""How the name of a folder begins in which a run collects its parts until it ends; the name of the run follows."""
RESULTS: Final = "results"
STAGE: Final = "a stage"
"""What parts can hold, in words."""
_FORMATS: Final = {"events_pandas results": RESULTS, "events_pandas stage": STAGE}
_VERSION: Final = 1
_RUN: Final = re.compile(rf"{RUN_FOLDER}[0-9a-f]{{8}}")
_PART: Final = re.compile(r"part-\d{5,}-(?P<run>[0-9a-f]{8})\.parquet")


class RowsPart(NamedTuple):
    """A file with some of the rows."""

    name: str
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """The parts of a run's results or of a stage, in the order of their rows."""

    run: str  # a name of its own, of eight hexadecimal digits, which the names of its parts have
    started_at: str  # when its first part was begun, ISO 8601 in UTC
    complete: bool = False  # whether the run has ended, and these are all of its results
    columns: tuple[str, ...] = ()
    parts: tuple[RowsPart, ...] = ()
    holds: str = RESULTS
    made_of: Mapping[str, Any] = field(default_factory=dict)  # what a stage was written from, to compare

    @property
    def rows(self) -> int:
        """The number of rows in all parts."""
        return sum(part.rows for part in self.parts)

    @classmethod
    def read(cls, folder: Path, *, holds: str = RESULTS) -> Self | None:
        """Read the manifest of a folder; None if it has none. Raise `SourceError` if it is one of something else."""
        path = folder / MANIFEST
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
        # Any fault of the content means the same.
        with suppress(ValueError, KeyError, TypeError):
            manifest = cls._of(json.loads(text))
            if manifest.holds == holds:
                return manifest
        raise SourceError(f"{path}: is not a manifest of {holds} of this version: choose another folder")

    @classmethod
    def _of(cls, facts: dict[str, Any]) -> Self:
        holds = _FORMATS[facts.pop("format")]
        if facts.pop("version") != _VERSION:
            raise ValueError(_VERSION)
        facts.pop("rows")
        parts = tuple(RowsPart(name=part["name"], rows=int(part["rows"])) for part in facts.pop("parts"))
        if not all(map(part_run, (part.name for part in parts))):
            # A name with a separator would be elsewhere.
            raise ValueError(parts)
        return cls(**facts | {"parts": parts, "columns": tuple(facts["columns"]), "holds": holds})

    def write(self, folder: Path) -> None:
        """Put the manifest into a folder, in one step."""
        (name,) = (name for name, holds in _FORMATS.items() if holds == self.holds)
        facts = {"format": name, "version": _VERSION, "rows": self.rows, **asdict(self)}
        facts["parts"] = [part._asdict() for part in self.parts]
        del facts["holds"]
        if not self.made_of:
            del facts["made_of"]
        new = folder / f"{MANIFEST}.{secrets.token_hex(4)}.partial"
        new.write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        new.replace(folder / MANIFEST)

    def paths(self, folder: Path) -> Iterator[Path]:
        """Yield the files of the parts: until all are moved to the folder, some are in that of the run."""
        for part in self.parts:
            path = folder / part.name
            yield path if path.exists() else folder / f"{RUN_FOLDER}{self.run}" / part.name


def part_name(number: int, run: str) -> str:
    """Return the name of a part; names sort in the order of their rows.

    >>> part_name(7, "1a2b3c4d")
    'part-00007-1a2b3c4d.parquet'
    """
    return f"part-{number:05d}-{run}.parquet"


def part_run(name: str) -> str | None:
    """Return the run whose part has this name; None for the name of another file."""
    match = _PART.fullmatch(name)
    return None if match is None else match["run"]


def run_folders(folder: Path) -> list[Path]:
    """Return the folders of runs that have not ended in a folder of results."""
    return sorted(place for place in folder.iterdir() if _RUN.fullmatch(place.name))


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Return whether results at a path are parts in a folder: it is one, or its name ends like one."""
    text = os.fspath(path)
    # It is false for a path that no file can have.
    return text.endswith(("/", os.sep)) or os.path.isdir(text)  # noqa: PTH112


def require_local(path: str | os.PathLike[str], *, holds: str) -> None:
    """Raise `SourceError` for an address, or a path that no file can have."""
    text = os.fspath(path)
    fault: object = "it is an address: name a file or a folder of this machine" if "://" in text else None
    try:
        os.lstat(text)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        fault = fault or getattr(error, "strerror", None) or error
    if fault is not None:
        raise SourceError(f"{escaped(text)}: {holds} cannot be written there: {fault}")


def require_folder(path: Path, *, holds: str = RESULTS) -> None:
    """Raise `SourceError` if a folder cannot have such parts: it holds other files, or there can be none."""
    fault = None
    if not path.absolute().parent.exists():
        fault = f"there is no folder '{path.parent}': make it first"
    elif path.exists() and not path.is_dir():
        fault = "it is a file: choose another name" + (", or one that ends in .csv or .parquet" * (holds == RESULTS))
    elif path.exists() and (others := _other_names(path, holds)):
        fault = f"the folder holds other files, such as '{escaped(others[0])}': choose an empty or a new one"
    if fault is not None:
        raise SourceError(f"{path}: {holds} cannot be written there: {fault}")


def _other_names(folder: Path, holds: str) -> list[str]:
    """Return the names in a folder that are neither parts, nor begin in a way that programs leave out."""
    has_parts = Manifest.read(folder, holds=holds) is not None
    names = sorted(file.name for file in folder.iterdir() if not file.name.startswith(("_", ".")))
    return [name for name in names if not (has_parts and part_run(name))]
