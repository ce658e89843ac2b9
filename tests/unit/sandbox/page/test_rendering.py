"""Templates: every value becomes text."""

import pytest

from events_pandas.sandbox.page.rendering import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ä שלום 👩‍👧\n\tend", "plain ä שלום 👩‍👧\n\tend"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("a\0b\x07\x7f\x9b", "a\\u0000b\\u0007\\u007f\\u009b"),
        ("a\r\nb", "a\\u000d\nb"),
        ("\ud800", "\\ud800"),
        ("\u2028\u061c\u200f", "\\u2028\\u061c\\u200f"),
    ],
)
def test_visible_writes_out_what_acts_on_other_text(text, shown) -> None:
    """Controls and marks of direction are seen and have no effect; letters of any script are left as they are."""
    assert visible(text) == shown
