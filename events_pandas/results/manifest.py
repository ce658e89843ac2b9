"""The manifest of results in parts: which files of a folder are the results of one run, and in which order."""

import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from events_pandas.errors import SourceError
from events_pandas.words import escaped

MANIFEST: Final = "_manifest.json"
"""Its name: programs that read all files of a folder leave out names that begin so."""
RUN_FOLDER: Final = "_run-"
"""How the name of a folder begins in which a run collects its parts until it ends; the name of the run follows."""
_FORMAT: Final = "events_pandas results"
_VERSION: Final = 1
_RUN: Final = re.compile(rf"{RUN_FOLDER}[0-9a-f]{{8}}")
_PART: Final = re.compile(r"part-\d{5,}-(?P<run>[0-9a-f]{8})\.parquet")


class ResultsPart(NamedTuple):
    """A file with some rows of results."""

    name: str
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """The parts of a run's results, in the order of their rows."""

    run: str  # a name of its own, of eight hexadecimal digits, which the names of its parts have
    started_at: str  # when its first part was begun, ISO 8601 in UTC
    complete: bool = False  # whether the run has ended, and these are all of its results
    columns: tuple[str, ...] = ()
    parts: tuple[ResultsPart, ...] = ()

    @property
    def rows(self) -> int:
        """The number of rows in all parts."""
        return sum(part.rows for part in self.parts)

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Read the manifest of a folder; None if it has none. Raise `SourceError` for the file of another program."""
        path = folder / MANIFEST
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
        # Any fault of the content means the same.
        with suppress(ValueError, KeyError, TypeError):
            return cls._of(json.loads(text))
        raise SourceError(f"{path}: is not a manifest of results of this version: choose another folder")

    @classmethod
    def _of(cls, facts: dict[str, Any]) -> Self:
        if (facts.pop("format"), facts.pop("version")) != (_FORMAT, _VERSION):
            raise ValueError(_FORMAT)
        facts.pop("rows")
        parts = tuple(ResultsPart(name=part["name"], rows=int(part["rows"])) for part in facts.pop("parts"))
        if not all(map(part_run, (part.name for part in parts))):
            # A name with a separator would be elsewhere.
            raise ValueError(_FORMAT)
        return cls(**facts | {"parts": parts, "columns": tuple(facts["columns"])})

    def write(self, folder: Path) -> None:
        """Put the manifest into a folder, in one step."""
        facts = {"format": _FORMAT, "version": _VERSION, "rows": self.rows, **asdict(self)}
        facts["parts"] = [part._asdict() for part in self.parts]
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
    return text.endswith(("/", os.sep)) or (bool(text) and "\0" not in text and Path(text).is_dir())


def require_folder(path: Path) -> None:
    """Raise `SourceError` if a folder cannot have results in parts: it holds other files, or there can be none."""
    fault = None
    if not path.absolute().parent.exists():
        fault = f"there is no folder '{path.parent}': make it first"
    elif path.exists() and not path.is_dir():
        fault = "it is a file: choose another name, or one that ends in .csv or .parquet"
    elif path.exists() and (others := _other_names(path)):
        fault = f"the folder holds other files, such as '{escaped(others[0])}': choose an empty or a new one"
    if fault is not None:
        raise SourceError(f"{path}: results cannot be written there: {fault}")


def _other_names(folder: Path) -> list[str]:
    """Return the names in a folder that are neither parts, nor begin in a way that programs leave out."""
    has_parts = Manifest.read(folder) is not None
    names = sorted(file.name for file in folder.iterdir() if not file.name.startswith(("_", ".")))
    return [name for name in names if not (has_parts and part_run(name))]
