"""Classes whose constructor names the option that is meant, where it gets one that it does not know."""

from dataclasses import fields
from functools import wraps
from typing import Any, TypeVar

from events_pandas.words import did_you_mean

Kind = TypeVar("Kind", bound=type)


def names_options(kind: Kind) -> Kind:
    """Make the constructor of a dataclass name the option that is most like an unknown one."""
    make = kind.__init__  # type: ignore[misc]
    known = [field.name for field in fields(kind)]

    @wraps(make)
    def construct(self: object, *arguments: Any, **options: Any) -> None:
        for name in options:
            if name not in known:
                raise TypeError(f"{kind.__name__}: no option {name!r}: {did_you_mean(name, known)}")
        make(self, *arguments, **options)

    kind.__init__ = construct  # type: ignore[misc]
    return kind
