"""Files of rows, and how a test reads them."""

import pytest

from events_pandas import EventMapping
from events_pandas.sources import read_chunks, source_files


@pytest.fixture
def write(tmp_path):
    """Write a file of text or bytes, and return its path."""

    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def make_mapping():
    """Make a mapping of the columns `who` and `day`, with metadata."""

    def make(**metadata):
        return EventMapping(event_name="a", created_at="day", user_id="who", metadata=metadata)

    return make


@pytest.fixture
def read(make_mapping):
    """Read all chunks of a file as frames."""

    def read(path, *, mapping=None, chunksize=10, **options):
        chunks = read_chunks(*source_files(path), mapping or make_mapping(), chunksize=chunksize, **options)
        return [chunk.frame for chunk in chunks]

    return read
