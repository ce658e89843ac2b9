"""Files of results, read back as submitting returned them."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pandas as pd
from pandas.api.extensions import ExtensionArray

from events_pandas.errors import SourceError
from events_pandas.manifest import MANIFEST, Manifest, run_folders
from events_pandas.results.frame import STATUS_DTYPE, text_column, utc_times
from events_pandas.results.reading import row_numbers, times_of
from events_pandas.warned import warn_caller
from events_pandas.wording import Phrase
from events_pandas.words import counted, escaped, quoted

NOT_RESULTS: Final = Phrase("give what submit_file wrote to results_path", "give what `submit --results` wrote")
_REQUIRED: Final = ("row", "status")


def read_results(path: str | os.PathLike[str]) -> pd.DataFrame:
    r"""Read results that `submit_file` or the command line has written.

    Parameters
    ----------
    path : str or os.PathLike
        A ``.csv`` or ``.parquet`` file, or a folder of parts.

    Returns
    -------
    pandas.DataFrame
        The results of all rows in their order, with the columns and dtypes that `submit_file` returns, on a
        RangeIndex. Keys have the types that they have in the file: text from CSV. The facts in ``attrs["run"]`` are in
        no file.

    Raises
    ------
    SourceError
        If there are no such results: a file that is missing or not a table, a folder without a manifest, a part that is
        missing, or a folder whose first run has not ended.

    Warns
    -----
    UserWarning
        If the parts are those of a killed run: they are the results that it has written.

    Notes
    -----
    The manifest of a folder says which parts are its results. While another run writes to the folder, they are those
    of the run before it.

    Examples
    --------
    >>> import events_pandas as ep
    >>> from pathlib import Path
    >>> _ = Path("signups.csv").write_text("day,who\n2024-01-31,00042\n")
    >>> mapping = ep.EventMapping(event_name="signed-up", created_at="day", user_id="who", timezone="UTC")
    >>> with ep.Sandbox() as sandbox:
    ...     _ = ep.submit_file(
    ...         "signups.csv", mapping, client=sandbox.client(), keys=["who"], results_path="results/", progress=False
    ...     )
    >>> ep.read_results("results/")[["row", "status", "who"]]
       row    status    who
    0    0  accepted  00042
    """
    if "://" in (text := os.fspath(path)):
        raise SourceError(f"{escaped(text)}: is an address: copy the results to this machine, and read them there")
    place = Path(path)
    # It is false for a path that no file can have.
    results = _read_parts(place) if os.path.isdir(place) else _read_file(place)  # noqa: PTH112
    if lacking := [name for name in _REQUIRED if name not in results]:
        raise without_column(place, lacking[0])
    try:
        return results.assign(**{name: read(results, name) for name, read in _READERS.items() if name in results})
    except ValueError as error:
        raise of_file(place, error) from error


def without_column(path: Path, name: str) -> SourceError:
    """Return the error for a file that lacks a column of results."""
    return SourceError((f"{escaped(path)}: no column {name!r}: ", NOT_RESULTS))


def of_file(path: Path, error: ValueError) -> SourceError:
    """Return an error about results as one about their file."""
    return SourceError(f"{escaped(path)}: {str(error).removeprefix('results: ')}")


def _read_file(path: Path) -> pd.DataFrame:
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=text_column([]).dtype, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not a table"
        raise SourceError(f"{escaped(path)}: the results cannot be read: {reason}") from error


def _read_parts(folder: Path) -> pd.DataFrame:
    while True:
        manifest, parts = found = _found(folder)
        try:
            frames = [
                _read_part(folder, path, rows=part.rows) for path, part in zip(parts, manifest.parts, strict=True)
            ]
            break
        except SourceError:
            # A run may have ended meanwhile, and its parts have taken the place of these.
            if _found(folder) == found:
                raise
    if not manifest.complete:
        so_far = f"these are its results up to then, {counted(manifest.rows, 'row')}"
        warn_caller(f"{escaped(folder)}: the run has not ended, or was cut off: {so_far}")
    return pd.concat(frames, ignore_index=True)


def _found(folder: Path) -> tuple[Manifest, list[Path]]:
    manifest = Manifest.read(folder)
    if manifest is None:
        raise SourceError(_fault(folder))
    return manifest, list(manifest.paths(folder))


def _read_part(folder: Path, part: Path, *, rows: int) -> pd.DataFrame:
    if not part.exists():
        raise SourceError(f"{escaped(folder)}: the part {part.name} is missing: start the run again, which writes all")
    frame = _read_file(part)
    if len(frame) != rows:
        was_changed = f"the part {part.name} has {counted(len(frame), 'row')}, and had {rows:,}"
        raise SourceError(f"{escaped(folder)}: {was_changed}: start the run again, which writes all")
    return frame


def _fault(folder: Path) -> tuple[str | Phrase, ...]:
    """Say why a folder without a manifest has no results."""
    begun = run_folders(folder)
    if not begun:
        return f"{escaped(folder)}: is not a folder of results: it has no {MANIFEST}: ", NOT_RESULTS
    runs = [run for place in begun if (run := Manifest.read(place)) is not None]
    rows = counted(sum(run.rows for run in runs), "row")
    so_far = f"has no complete results: the whole parts of its first run have {rows} so far"
    return (f"{escaped(folder)}: {so_far}: wait for its end; if it was killed, start it again",)


def _texts(results: pd.DataFrame, name: str) -> ExtensionArray:
    cells = results[name]
    if cells.dtype == text_column([]).dtype:
        texts: ExtensionArray = cells.array
        return texts
    return text_column([None if pd.isna(cell) else str(cell) for cell in cells.tolist()])


def _numbers(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return the texts of whole numbers as numbers, at once; other cells as they are."""
    if isinstance(cells.dtype, pd.StringDtype):
        with suppress(ValueError):
            return cells.astype(pd.Int64Dtype())
    return cells


def _counts(kind: pd.Int16Dtype | pd.Int64Dtype) -> Callable[[pd.DataFrame, str], Any]:
    def read(results: pd.DataFrame, name: str) -> Any:
        try:
            return pd.to_numeric(_numbers(results[name])).astype(kind)
        except (ValueError, TypeError) as error:
            raise ValueError(f"the column {name!r} has a cell that is not a whole number") from error

    return read


def _statuses(results: pd.DataFrame, name: str) -> Any:
    codes = STATUS_DTYPE.categories.get_indexer(pd.Index(results[name].astype(object)))
    if (codes < 0).any():
        place = int(codes.argmin())
        said = f"results: row {results['row'].iloc[place]} has the status {quoted(str(results[name].iloc[place]))}"
        raise ValueError(f"{said}, which is not one of {', '.join(STATUS_DTYPE.categories)}")
    return pd.Categorical.from_codes(codes, dtype=STATUS_DTYPE)


_READERS: Final[Mapping[str, Callable[[pd.DataFrame, str], Any]]] = MappingProxyType(
    {
        "row": lambda results, name: row_numbers(_numbers(results[name])),
        "status": _statuses,
        **dict.fromkeys(("http_status", "attempts"), _counts(pd.Int16Dtype())),
        **dict.fromkeys(("error_code", "error_message", "request_id", "identifier", "contact", "source_file"), _texts),
        **dict.fromkeys(("created_at", "submitted_at"), lambda results, name: utc_times(times_of(results, name))),
        "line": _counts(pd.Int64Dtype()),
    }
)
