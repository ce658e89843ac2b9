"""Parts of a stage as files: each partition has one, however often its task runs."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from events_pandas.engines.part_files import PartWriter

SCHEMA = pa.schema([("n", pa.int64())])
ROWS = [pa.table({"n": [7, 8]}, SCHEMA), pa.table({"n": [9]}, SCHEMA)]


@pytest.fixture
def writer(tmp_path):
    """Return what writes partitions into the folder of the test."""
    return PartWriter(names=["n"], folder=tmp_path, file_name="part-{}.parquet".format)


def between(step):
    """Yield the rows of a partition, and do something in the middle."""
    yield ROWS[0]
    step()
    yield ROWS[1]


def test_attempts_at_once_write_one_part(writer, tmp_path):
    """Spark may begin a slow task once more beside it: both end, and each row is there once."""
    facts = writer.write_tables(between(lambda: writer.write_tables(ROWS, 3, schema=SCHEMA)), 3, schema=SCHEMA)

    assert facts.rows == 3
    assert [path.name for path in tmp_path.iterdir()] == ["part-3.parquet"]
    assert pq.read_table(tmp_path / "part-3.parquet")["n"].to_pylist() == [7, 8, 9]


def test_attempt_that_is_ended_keeps_the_part_of_the_other(writer, tmp_path):
    """Spark ends the slower task when the other one is done."""

    def lose():
        writer.write_tables(ROWS, 3, schema=SCHEMA)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        writer.write_tables(between(lose), 3, schema=SCHEMA)

    assert [path.name for path in tmp_path.iterdir()] == ["part-3.parquet"]
    assert pq.read_table(tmp_path / "part-3.parquet")["n"].to_pylist() == [7, 8, 9]
