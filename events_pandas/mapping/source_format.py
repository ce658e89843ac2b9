"""SourceFormat: how the files of a mapping are written, where that is not to be detected."""

from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal, TypeAlias, get_args

from events_pandas.mapping.known_options import names_options

DecimalSign: TypeAlias = Literal[".", ","]
DECIMAL_SIGNS: Final[tuple[DecimalSign, ...]] = get_args(DecimalSign)


@names_options
@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFormat:
    """How the files of rows are written.

    Parameters
    ----------
    delimiter : str, optional
        The character between the cells of a CSV file, such as ``";"``. By default its first lines show it.
    encoding : str, optional
        The encoding of a CSV or JSON Lines file, such as ``"cp1252"``. By default the bytes of a CSV file show it, and
        JSON Lines are UTF-8. A file whose bytes contradict it is refused, but a byte order mark of UTF-8 comes first.
    decimal : {".", ","}, optional
        The decimal sign of numbers that are written as text, in files and frames. The other sign, an apostrophe or a
        space may stand between thousands. By default the cells of CSV files show it, and elsewhere it is a point.
        A text such as ``"1.234"`` or ``"1,234"``, which can be read in two ways, is never sent without a known sign.
    sheet : str, optional
        The sheet of an Excel file. By default it is the first visible one with rows.

    Examples
    --------
    >>> import events_pandas as ep
    >>> ep.SourceFormat(delimiter=";", decimal=",")
    SourceFormat(delimiter=';', encoding=None, decimal=',', sheet=None)
    """

    delimiter: str | None = None
    encoding: str | None = None
    decimal: DecimalSign | None = None
    sheet: str | None = None


AS_DETECTED: Final = SourceFormat()

SOURCE_PARTS: Final = tuple(part.name for part in fields(SourceFormat))


def set_parts(source: SourceFormat) -> dict[str, object]:
    """Return the parts of a format that are not left open, by name."""
    return {name: value for name in SOURCE_PARTS if (value := getattr(source, name)) is not None}


def with_parts(source: SourceFormat, given: SourceFormat) -> SourceFormat:
    """Return a format with the parts of another one that are not left open."""
    parts: dict[str, Any] = set_parts(given)
    return replace(source, **parts)
