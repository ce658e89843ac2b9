"""A Spark DataFrame as its caller gives it: which columns of it are read, their types, and where its files are."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pandas as pd
import pyarrow as pa

from events_pandas.engines.faults import rows_error
from events_pandas.engines.part_files import require_in_parquet
from events_pandas.engines.spark_errors import spark_errors
from events_pandas.engines.stage import path_of, require_path
from events_pandas.errors import MissingExtraError, SourceError
from events_pandas.words import escaped

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def frame_columns(frame: Any) -> list[str]:
    """Return the names of the columns. Raise an error for what is not a frame with an end."""
    try:
        from pyspark.sql import DataFrame  # noqa: PLC0415  # It is needed for a frame only.
    except ImportError as error:
        if isinstance(frame, pd.DataFrame):
            raise rows_error(frame, engine="Spark") from None
        cure = "use the PySpark of the cluster, or pip install pyspark"
        raise MissingExtraError(f"Spark needs PySpark 4.0 or later: {cure}") from error
    if not isinstance(frame, DataFrame):
        raise rows_error(frame, engine="Spark")
    with spark_errors():
        is_endless, columns = frame.isStreaming, list(frame.columns)
    if is_endless:
        cure = "read the table with spark.read, or call this function of each batch in writeStream.foreachBatch"
        raise SourceError(f"the frame is a stream, which has no end: {cure}")
    return columns


def read_columns(frame: "DataFrame", names: Sequence[str], *, verb: str) -> "tuple[DataFrame, pa.Schema]":
    """Return some columns of a frame, under numbers as names, and their names and types in Arrow.

    Raise `SourceError` if Arrow or Parquet lacks the type of a column.
    """
    with spark_errors():
        places = {name: str(place) for place, name in enumerate(frame.columns)}
        # Names may differ in case only, and PySpark's `mapInArrow` fails for backticks.
        read = frame.toDF(*map(str, range(len(frame.columns)))).select([places[name] for name in names])
    return read, pa.schema(list(zip(names, _types(read, names, verb=verb), strict=True)))


def _types(frame: "DataFrame", names: Sequence[str], *, verb: str) -> list[pa.DataType]:
    columns = list(zip(frame.columns, names, strict=True))
    try:
        with spark_errors():
            kinds = [_nullable(kind) for kind in frame.limit(0).toArrow().schema.types]
    except SourceError as error:
        # PySpark has a `TypeError` for a type that Arrow lacks, and does not say whose it is.
        if not isinstance(error.__cause__, TypeError):
            raise
        if len(columns) == 1:
            raise _type_fault(frame, *columns[0], lacking="Arrow", verb=verb) from error
        return [kind for column, name in columns for kind in _types(frame.select(column), [name], verb=verb)]
    for (column, name), kind in zip(columns, kinds, strict=True):
        try:
            require_in_parquet(kind)
        except NotImplementedError as error:
            raise _type_fault(frame, column, name, lacking="Parquet", verb=verb) from error
    return kinds


def _type_fault(frame: "DataFrame", column: str, name: str, *, lacking: str, verb: str) -> SourceError:
    cure = f"cast it, such as with frame.withColumn({name!r}, frame[{name!r}].cast('string'))"
    kind = frame.schema[column].dataType.simpleString()
    return SourceError(f"column {name!r}: cannot be {verb}: {lacking} has no {kind}: {cure}")


def _nullable(kind: pa.DataType) -> pa.DataType:
    """Return a type whose cells may be absent: a struct that is absent has no fields, whatever Spark says of them."""
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _nullable(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(_nullable(kind.key_type), _nullable(kind.item_type))
    if pa.types.is_list(kind):
        return pa.list_(pa.field(kind.value_field.name, _nullable(kind.value_type)))
    return kind


def require_places(frame: "DataFrame", **places: str | os.PathLike[str]) -> None:
    """Raise `SourceError` for an address, or a place in a folder whose files a frame reads."""
    for name, place in places.items():
        require_path(place, name=name)
    folders = set(_folders(frame))
    # A path with a NUL is an error of its own.
    for place in (place for place in places.values() if "\0" not in os.fspath(place)):
        above = next((folder for folder in folders if Path(place).resolve().is_relative_to(folder)), None)
        if above is not None:
            fault = f"the next run may read it, since the frame reads the files in '{escaped(above)}'"
            raise SourceError(f"{escaped(os.fspath(place))}: {fault}: choose another folder")


def _folders(frame: "DataFrame") -> Iterator[Path]:
    """Yield the folders on this machine whose files a frame reads. Some sources do not know their files."""
    files: set[Path] = set()
    with suppress(Exception):
        # Spark encodes blanks and the like.
        files.update(
            Path(path).resolve() for name in frame.inputFiles() if (path := path_of(unquote(name))) is not None
        )
    for folder in {file.parent for file in files}:
        with suppress(OSError):
            # With another file beside them, they were named one by one, or by a pattern.
            if all(_is_read(entry, files) for entry in folder.iterdir()):
                yield _table(folder)


def _is_read(entry: Path, files: set[Path]) -> bool:
    return entry in files or entry.is_dir() or entry.name.startswith((".", "_"))


def _table(folder: Path) -> Path:
    """Return the folder of a table whose partitions are in folders such as ``day=2024-01-31``."""
    return _table(folder.parent) if "=" in folder.name else folder
