"""Templates: every value becomes text that people can read."""

import re
from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from events_pandas import intercom
from events_pandas.sandbox.page.shown import read_metadata, read_moment, show_body, show_kept, show_reason
from events_pandas.sandbox.rules.events import read_sent
from events_pandas.words import counted

# Controls, marks that change the direction of text, and halves of surrogate pairs, which no encoding takes.
_INVISIBLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def render(template: str, **values: object) -> Markup:
    """Fill in a template of the folder ``templates``, and return HTML."""
    return Markup(_environment().get_template(template).render(values))  # noqa: S704  # Our own templates escape.


def visible(text: str) -> str:
    """Write out control characters, marks of direction and halves of surrogate pairs: they act on other text."""
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        finalize=_finalized,
        loader=PackageLoader("events_pandas.sandbox.page"),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals["tracked_keys"] = intercom.METADATA_LIMIT
    environment.filters |= {
        "bytes": lambda size: counted(size, "byte"),
        "count": "{:,}".format,
        "moment": read_moment,
        "sent": read_sent,
        "shown_body": show_body,
        "shown_kept": show_kept,
        "shown_metadata": read_metadata,
        "shown_reason": show_reason,
    }
    return environment


def _finalized(value: object) -> object:
    # HTML that a template has rendered already is Markup, a subclass of str: it stays as it is.
    return visible(value) if type(value) is str else value
