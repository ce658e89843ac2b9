"""Rows of a partition that come a table at a time: a fault of their source is no fault of the folder."""

import pyarrow as pa
import pytest

from events_pandas import SourceError
from events_pandas.engines.part_files import PartWriter

SCHEMA = pa.schema([("n", pa.int64())])


@pytest.mark.parametrize(
    ("fault", "words"), [(ConnectionResetError(104, "Connection reset"), "Connection reset"), (OSError("gone"), "gone")]
)
def test_source_that_fails_is_named_and_not_the_folder(tmp_path, fault, words):
    """The folder can be written to: its user would look there in vain. Nothing is left in it."""

    def rows():
        yield pa.table({"n": [7]}, SCHEMA)
        raise fault

    writer = PartWriter(names=["n"], folder=tmp_path, file_name="part-{}.parquet".format)

    with pytest.raises(SourceError) as caught:
        writer.write_tables(rows(), 3, schema=SCHEMA)

    assert str(caught.value) == (
        f"partition 3: its rows cannot be read ({words}): start again when their source can be read"
    )
    assert list(tmp_path.iterdir()) == []
