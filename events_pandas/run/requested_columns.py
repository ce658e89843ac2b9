"""Columns that results have on request: the keys of the rows, and their contacts. Both may be personal data."""

from collections.abc import Collection, Hashable, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
from pandas.api.extensions import ExtensionArray

from events_pandas.convert import Converter
from events_pandas.convert.column_cells import legible
from events_pandas.results.frame import OWN_COLUMNS, text_column
from events_pandas.results.rejects import text_frame
from events_pandas.run.options import RunOptions
from events_pandas.sources import SourceFile, source_schema


def add_requested(results: pd.DataFrame, options: RunOptions, *, converter: Converter, rows: slice) -> None:
    """Add the columns that the options ask for to the results of some rows of a frame."""
    for label, values in converter.bound.keys.items():
        results[label] = legible(values.iloc[rows]).array
    if options.include_identifier:
        names, contacts = converter.contacts(rows.start, rows.stop).named()
        results["identifier"], results["contact"] = text_column(names), text_column(contacts)


def add_empty(results: pd.DataFrame, options: RunOptions) -> None:
    """Add the columns that the options ask for to results without rows, of which no frame tells the dtypes."""
    for label in options.keys:
        results[label] = pd.Series([], dtype=object)
    if options.include_identifier:
        results["identifier"], results["contact"] = text_column([]), text_column([])


def joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join results; those without rows only tell the columns. The cells of a key stay what they are."""
    # Joining even one frame would turn an index of objects into one of strings.
    filled = [part for part in parts if len(part)] or list(parts[-1:])
    if len(filled) == 1:
        return filled[0]
    for key in [name for name in filled[0].columns if name not in OWN_COLUMNS]:
        kind = _common_kind([part[key] for part in filled])
        if kind is not None:
            filled = [_retyped(part, key, kind) for part in filled]
    return pd.concat(filled)


def _common_kind(columns: Sequence["pd.Series[Any]"]) -> Any:
    """Return the dtype that columns of different dtypes need before they are joined; None if any will do."""
    if len({column.dtype for column in columns}) == 1 or all(map(pd.api.types.is_string_dtype, columns)):
        return None
    held = {column.dtype for column in columns if column.notna().any()}
    # pandas would make floats of whole numbers where others are floats, and refuse those beyond 2^53.
    return held.pop() if len(held) == 1 and all(isinstance(kind, pd.ArrowDtype) for kind in held) else object


def _retyped(part: pd.DataFrame, key: Hashable, kind: Any) -> pd.DataFrame:
    """Return results with a key of another dtype; without cells it can be any."""
    column, part = part[key], part.copy(deep=False)
    is_kept = kind is object or column.dtype == kind
    part[key] = column.astype(kind) if is_kept else pd.Series([None] * len(part), index=part.index, dtype=kind)
    return part


def keys_without_type(files: Sequence[SourceFile], keys: Collection[Hashable]) -> list[Hashable]:
    """Return the keys that are not of one plain type, such as whole numbers, in all files; they are written as text."""
    if not keys:
        return []
    schemas = [source_schema(file) for file in files]
    return [key for key in keys if not _is_typed({schema.field(key).type for schema in schemas})]


def _is_typed(kinds: Collection[pa.DataType]) -> bool:
    return len(kinds) == 1 and all(map(pa.types.is_primitive, kinds))


def with_texts(results: pd.DataFrame, keys: Sequence[Hashable]) -> pd.DataFrame:
    """Return results with some of their keys as text."""
    return results.assign(**{str(key): _texts(results[[key]]) for key in keys}) if keys else results


def _texts(column: pd.DataFrame) -> ExtensionArray:
    cells = column.iloc[:, 0]
    if pd.api.types.is_extension_array_dtype(cells.dtype) and pd.api.types.is_string_dtype(cells.dtype):
        # An empty text stays one.
        return text_column(cells.astype(object).where(cells.notna(), None).tolist())
    return text_column(text_frame(column).iloc[:, 0].to_numpy(object))
