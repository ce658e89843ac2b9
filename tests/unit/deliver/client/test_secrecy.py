"""The token does not show in texts, frames and answers."""

import traceback

import pytest

from events_pandas.deliver.client.secrecy import Hidden, HiddenText, forget_locals, redactor

TOKEN = "dG9rOjEyMzQ1Njc4"


def test_hidden_shows_no_value():
    """A hidden value does not show when it is printed, alone or in a container."""
    assert f"{Hidden(TOKEN)} {Hidden(TOKEN)!r} {[Hidden(TOKEN)]}" == "Hidden() Hidden() [Hidden()]"
    assert Hidden(TOKEN).value == TOKEN


def test_hidden_text_is_a_text_that_shows_in_no_container():
    """A hidden text is sent as it is, but the repr of its container does not show it."""
    assert repr({"Authorization": HiddenText(TOKEN)}) == "{'Authorization': '[hidden]'}"
    assert HiddenText(TOKEN).encode() == TOKEN.encode()


def _fail_below(secret):  # noqa: ARG001  # the variable is the point
    raise KeyError("below")


def _fail_above(secret):
    try:
        _fail_below(secret)
    except KeyError as error:
        raise ValueError("above") from error


def test_forget_locals_empties_the_frames_of_an_error_and_its_causes():
    """The lines of a traceback stay, its variables go."""
    with pytest.raises(ValueError, match="above") as caught:
        _fail_above(TOKEN)

    forget_locals(caught.value)

    printed = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "in _fail_below" in printed
    assert TOKEN not in printed


def test_forget_locals_ends_when_errors_lead_to_each_other():
    """Two errors may be each other's context."""
    first, second = ValueError("first"), ValueError("second")
    first.__context__, second.__context__ = second, first

    forget_locals(first)

    assert first.__context__ is second


@pytest.mark.parametrize(
    ("token", "body", "redacted"),
    [
        (
            TOKEN,
            b"got Bearer dG9rOjEyMzQ1Njc4 twice: dG9rOjEyMzQ1Njc4",
            b"got Bearer [access token] twice: [access token]",
        ),
        ("SECRET/TOKEN=", rb"got SECRET\/TOKEN= and SECRET/TOKEN=", b"got [access token] and [access token]"),
        (TOKEN, b"", b""),
        ("t", b"text", b"text"),
    ],
)
def test_redactor_takes_the_token_out(token, body, redacted):
    """Every spelling is replaced; a very short token is made up, and may be part of any word."""
    assert redactor(token)(body) == redacted
