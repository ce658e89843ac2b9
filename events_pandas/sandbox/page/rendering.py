"""Templates: every value becomes text, whatever is in it."""

import re
from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

# Controls, marks that turn the direction of what follows, and halves of surrogate pairs, which no encoding takes.
_INVISIBLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    r"""Return text in which nothing acts on the text around it.

    Parameters
    ----------
    text : str
        Anything.

    Returns
    -------
    str
        The same, but for control characters, marks of direction and halves of surrogate pairs: they are written out.

    Examples
    --------
    >>> visible("a\u202eb")
    'a\\u202eb'
    """
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def render(template: str, **values: object) -> str:
    """Fill in a template.

    Parameters
    ----------
    template : str
        The name of a file in ``templates``.
    **values
        What it speaks of.

    Returns
    -------
    str
        HTML.
    """
    return _environment().get_template(template).render(values)


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
    environment.filters |= {"count": _count, "bytes": _bytes}
    return environment


def _finalized(value: object) -> object:
    # Markup is a class of its own: what templates have rendered already is left as it is.
    return visible(value) if type(value) is str else value


def _count(number: int) -> str:
    return f"{number:,}"


def _bytes(size: int) -> str:
    return f"{size:,} byte{'' if size == 1 else 's'}"
