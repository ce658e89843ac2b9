"""Texts are read by their byte order marks."""

import codecs
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas.byte_order_marks import as_utf8

MARKS = {
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.mark.parametrize("encoding", MARKS)
@settings(deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), size=st.integers(1, 7))
def test_marked_text_is_read_as_utf8(encoding, text, size):
    """The whole text is read, however little is read at a time."""
    stream = as_utf8(io.BytesIO(MARKS[encoding] + text.encode(encoding)))

    assert b"".join(iter(lambda: stream.read(size), b"")) == text.encode()


@settings(deadline=None)
@given(st.binary())
def test_text_without_a_mark_is_read_as_it_is(content):
    """A UTF-8 mark is left to the reader."""
    if not content.startswith(tuple(MARKS.values())):
        assert as_utf8(io.BytesIO(content)).read() == content


@pytest.mark.parametrize("rest", [b"a", b"\x00\xd8a\x00"])
def test_text_that_is_not_what_its_mark_says_is_refused(rest):
    """An odd byte at the end, or half a character, is an error."""
    stream = as_utf8(io.BytesIO(codecs.BOM_UTF16_LE + rest))

    with pytest.raises(UnicodeDecodeError):
        stream.read()
