"""The delimiter of a CSV file: given, named by its first line, or shown by its first lines."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from events_pandas.errors import SourceError
from events_pandas.sources.csv_grammar import BLANKS, CsvGrammar
from events_pandas.sources.source_file import FileRemark, SourceFile

COMMA: Final = b","
TAB: Final = b"\t"
_CANDIDATES: Final = (COMMA, b";", TAB, b"|")
_RARE_CANDIDATES: Final = (b"\x01", b"\x1f", b"^", b"~")
"""Delimiters, of which the first is Hive's own, that count only if they separate the names or the rows alike."""

_LOOKED_AT_ROWS: Final = 100
_ENOUGH: Final = 0.5
"""The least share of the first rows that have as many cells as the header, or as most rows."""

_SEPARATOR_LINE: Final = re.compile(rb'(?:[ \t]*(?:\r\n?|\n))*"?sep=([^\r\n])"?(?:[\r\n]|\Z)', re.IGNORECASE)
_TAB_SUFFIXES: Final = frozenset({"tsv", "tab"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Delimiter:
    """The byte between the cells of a file, and what must be said about it."""

    byte: bytes
    remark: FileRemark | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fit:
    """How a delimiter fits the first lines of a file."""

    byte: bytes
    header: int  # the number of cells of the first line
    usual: int  # the number of cells that most rows have
    like_header: float  # the share of rows that have a cell for each of the header's
    like_usual: float  # the share of rows with the usual number of cells
    is_clean: bool  # quotes stand round cells only

    @property
    def fits_header(self) -> bool:
        return self.header > 1 and self.like_header >= _ENOUGH

    @property
    def fits_rows(self) -> bool:
        return self.usual > 1 and self.like_usual >= _ENOUGH


def decide_delimiter(file: SourceFile, text: bytes, *, is_last: bool) -> Delimiter:
    """Decide the delimiter by the start of a file, whose end may be missing unless it `is_last`.

    A `SourceError` is raised if two delimiters fit, if the given one does not fit and another does, and if the given
    one is not one character of ASCII.
    """
    usual = TAB if _TAB_SUFFIXES.intersection(file.name.lower().split(".")[1:]) else COMMA
    given = None if file.written.delimiter is None else _byte(file, file.written.delimiter)
    separator = _SEPARATOR_LINE.match(text)
    if separator is not None:
        if given is not None and given != separator[1]:
            raise SourceError(f"{file}: {_contradiction(given, 'its first line says ' + delimiter_word(separator[1]))}")
        _require_ascii(file, separator[1])
        return _detected(separator[1], usual)
    tried = dict.fromkeys((*_CANDIDATES, *_RARE_CANDIDATES, *([given] if given else [])))
    fits = [_fit(byte, text, is_last=is_last) for byte in tried]
    if given is not None:
        _require_fit(file, given, fits)
        return Delimiter(byte=given)
    return _detected(_best(file, fits) or usual, usual)


def is_separator_line(line: bytes) -> bool:
    """Tell whether a line, which is the first, names the delimiter as Excel does: ``sep=;``."""
    return _SEPARATOR_LINE.fullmatch(line) is not None


def delimiter_word(byte: bytes) -> str:
    """Return what a message calls a delimiter."""
    return "a tab" if byte == TAB else repr(byte.decode(errors="replace"))


def _detected(byte: bytes, usual: bytes) -> Delimiter:
    remark = None if byte == usual else FileRemark(code="delimiter_detected", subject=delimiter_word(byte))
    return Delimiter(byte=byte, remark=remark)


def _best(file: SourceFile, fits: list[_Fit]) -> bytes | None:
    """Return the delimiter that fits; None for a file of one column."""
    clean = [fit for fit in fits if fit.is_clean] or fits
    chosen = [fit for fit in clean if fit.fits_header]
    if len(chosen) > 1:
        words = [f"{delimiter_word(fit.byte)} ({fit.header} columns)" for fit in chosen]
        example = chosen[0].byte.decode()
        raise SourceError(
            f"{file}: its cells may be separated by {' or '.join(words)}: "
            f"set delimiter in the mapping's source, such as {example!r}"
        )
    if not chosen:
        # The first line is a title, or many rows are odd: an error will say so.
        chosen = [fit for fit in clean if fit.fits_rows]
        chosen = chosen or [fit for fit in clean if fit.header > 1 and fit.byte in _CANDIDATES]
    return max(chosen, key=lambda fit: (fit.like_usual, fit.header)).byte if chosen else None


def _require_fit(file: SourceFile, given: bytes, fits: list[_Fit]) -> None:
    """Raise a `SourceError` if a given delimiter is not in the header, and another one fits."""
    header = next(fit.header for fit in fits if fit.byte == given)
    others = [fit for fit in fits if fit.fits_header and fit.is_clean]
    if header == 1 and others:
        raise SourceError(f"{file}: {_contradiction(given, f'its cells are separated by {_words(others)}')}")


def _words(fits: list[_Fit]) -> str:
    return " or ".join(delimiter_word(fit.byte) for fit in fits)


def _contradiction(given: bytes, found: str) -> str:
    where = "in the mapping's source or with --delimiter"
    return f"{found}, and the delimiter that is given is {delimiter_word(given)}: correct it {where}, or leave it out"


def _byte(file: SourceFile, given: str) -> bytes:
    byte = given.encode(errors="replace")
    _require_ascii(file, byte)
    return byte


def _require_ascii(file: SourceFile, byte: bytes) -> None:
    if len(byte) != 1 or not byte.isascii() or byte in b'"\r\n\0':
        shown = repr(byte.decode(errors="replace"))
        raise SourceError(f"{file}: cells cannot be separated by {shown}: a delimiter is one character, such as ';'")


def _fit(byte: bytes, text: bytes, *, is_last: bool) -> _Fit:
    grammar = CsvGrammar.of(byte)
    rows: list[list[bytes]] = []
    is_clean = True
    for cells in grammar.records(text, is_last=is_last):
        raw = [cell[0][: cell.start("end") - cell.start()] for cell in cells]
        if len(raw) > 1 or raw[0].strip(BLANKS):
            rows.append(raw)
            is_clean = is_clean and all(
                not cell["stray"] and (cell["quoted"] is not None or b'"' not in cell[0]) for cell in cells
            )
        if len(rows) > _LOOKED_AT_ROWS:
            break
    header, below = (rows[0], rows[1:]) if rows else ([], [])
    usual, n_usual = Counter(map(len, below)).most_common(1)[0] if below else (0, 0)
    alike = sum(_is_like(row, header) for row in below)
    return _Fit(
        byte=byte,
        header=len(header),
        usual=usual,
        like_header=alike / len(below) if below else 1.0,
        like_usual=n_usual / len(below) if below else 0.0,
        is_clean=is_clean,
    )


def _is_like(row: list[bytes], header: list[bytes]) -> bool:
    """Tell whether a row has a cell for each column that has a name, and nothing beyond the last column."""
    least = max((place for place, name in enumerate(header, start=1) if name.strip(BLANKS)), default=1)
    return len(row) >= least and not any(cell.strip(b' \t"') for cell in row[len(header) :])
