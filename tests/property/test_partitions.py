"""Partitions: the text in the name of a folder is the text of the cells."""

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from events_pandas.sources.partitions import partitions

TEXTS = st.text(min_size=1).filter(lambda text: text != "__HIVE_DEFAULT_PARTITION__")


@given(st.lists(st.tuples(TEXTS, TEXTS), unique_by=lambda pair: pair[0]))
def test_text_that_is_encoded_in_folders_is_decoded(pairs):
    """Keys and values with any characters come back as they were, in their order."""
    folders = [f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in pairs]

    assert partitions(folders, name="a.csv") == tuple(pairs)
