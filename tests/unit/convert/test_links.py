"""Messages that say how to fix addresses with forbidden characters."""

import pandas as pd
import pyarrow as pa
import pytest

import events_pandas as ep
from events_pandas.check import check_rows
from events_pandas.convert import Converter
from events_pandas.convert.odd_texts import link_cures
from events_pandas.mapping import bind

UNFIT = "write it as https://example.org/page, without spaces"


@pytest.fixture
def pages():
    """Return a function that checks addresses as links, in chunks of some rows."""

    def pages(links, chunksize=10):
        frame = pd.DataFrame({"day": "2024-01-31", "who": [str(row) for row in range(len(links))], "page": links})
        mapping = ep.EventMapping(
            event_name="viewed-page",
            created_at="day",
            user_id="who",
            metadata={"page": ep.Link("page")},
            timezone="UTC",
        )
        checked = check_rows(Converter(bind(frame, mapping)), len(frame), now=2e9, chunksize=chunksize)
        return [message for finding in checked.findings for message in finding.messages().to_pylist()]

    return pages


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("https://example.org/?kw=TC|5314|b", "write '|' as %7C"),
        ("https://example.org/?f={id}", "write '{' as %7B, '}' as %7D"),
        ("https://example.org/?q=a^b", "write '^' as %5E"),
        ("https://example.org/?q=a`b", "write '`' as %60"),
        ('https://example.org/?q="a\\b"', "write '\"' as %22, '\\\\' as %5C"),
        ("https://example.org/<x>", "write '<' as %3C, '>' as %3E"),
        ("https://example.org#a b", "write ' ' as %20"),
        ("HTTP://example.org/a|b", "write '|' as %7C"),
        ("https://example.org/ä|ö", "write '|' as %7C"),
        ("https://example.org/a\u200bb", "remove U+200B"),
        ("https://ex\u200bample.org/", "remove U+200B"),
        ("https://example.org/a|b\0c", "write '|' as %7C and remove U+0000"),
        (" https://example.org/a|b\n", "write '|' as %7C and remove the white space around it"),
        ("\u00a0https://example.org/", "remove the white space around it"),
    ],
)
def test_link_cures_names_each_character_and_how_it_is_written(text, cure):
    """The cure names each forbidden character with its percent-encoding."""
    assert link_cures(pa.array([text], pa.large_string())).to_pylist() == [cure]


@pytest.mark.parametrize(
    "text",
    [
        "www.example.org",
        "ftp://example.org/a|b",
        "https://",
        "https:// example.org/",
        "https://a|b.org/",
        "https://user@example.org/",
        "https://user@example.org/|",
        "a|b",
        "",
    ],
)
def test_link_cures_says_nothing_where_something_else_is_wrong(text):
    """Another scheme or a bad host has no cure, since an encoding does not fix it."""
    assert link_cures(pa.array([text], pa.large_string())).to_pylist() == [None]


@pytest.mark.parametrize("chunksize", [1, 2, 10])
def test_link_message_names_the_character_at_fault(pages, chunksize):
    """Each row's message names the characters of its own cell, even beyond the part shown, for any chunks."""
    long = f"https://example.org/{'a' * 80}|"

    messages = pages([long, "https://example.org/a b", "ftp://x", None], chunksize)

    assert messages == [
        f"metadata.page: '{long[:80]}' in column 'page' is not an http or https address: write '|' as %7C",
        "metadata.page: 'https://example.org/a b' in column 'page' is not an http or https address: write ' ' as %20",
        f"metadata.page: 'ftp://x' in column 'page' is not an http or https address: {UNFIT}",
    ]


def test_link_message_is_that_of_the_cell_in_a_column_of_mixed_objects(pages):
    """In a column of mixed objects, only text cells get such a cure."""
    messages = pages(pd.Series([3434, "https://example.org/a|b"], dtype=object))

    assert sorted(messages) == [
        "metadata.page: 'https://example.org/a|b' in column 'page' is not an http or https address: write '|' as %7C",
        f"metadata.page: 3434 in column 'page' is not an http or https address: {UNFIT}",
    ]


def test_report_names_the_character_at_fault():
    """The report and the problems of a rich link name the characters too."""
    frame = pd.DataFrame({"day": ["2024-01-31"], "who": ["a"], "no": ["A1"], "url": ["https://example.org/?a={b"]})
    mapping = ep.EventMapping(
        event_name="viewed-page",
        created_at="day",
        user_id="who",
        metadata={"page": ep.RichLink(value="no", url="url")},
        timezone="UTC",
    )
    report = ep.check_events(frame, mapping)

    message = (
        "metadata.page.url: 'https://example.org/?a={b' in column 'url' is not an http or https address: "
        "write '{' as %7B"
    )
    assert report.problems["message"].tolist() == [message]
    assert str(report).endswith(f"error link_malformed: 1 row, such as row 0: {message}")


def test_link_message_says_that_a_value_is_left_out():
    """A value that is left out of the event gets no cure."""
    frame = pd.DataFrame({"day": ["2024-01-31"], "who": ["a"], "page": ["https://example.org/a|b"]})
    mapping = ep.EventMapping(
        event_name="viewed-page",
        created_at="day",
        user_id="who",
        metadata={"page": ep.Link("page")},
        timezone="UTC",
        on_invalid_metadata="omit",
    )

    (message,) = ep.check_events(frame, mapping).problems["message"]

    assert message == (
        "metadata.page: 'https://example.org/a|b' in column 'page' is not an http or https address: "
        "the event is sent without it"
    )
