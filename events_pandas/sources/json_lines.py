"""The lines of a JSON Lines file: each is an object with the cells of a row, or odd for a stated reason."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, BinaryIO, Final, Self

from events_pandas.convert.codes import LONGEST_LINE_MEGABYTES
from events_pandas.words import quoted

_BLOCK_BYTES: Final = 1 << 20
_LONGEST_LINE_BYTES: Final = LONGEST_LINE_MEGABYTES * 10**6
_BLANKS: Final = b" \t\r"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True, slots=True)
class JsonLine:
    """A line that is not blank: what it holds, or the code of what is wrong with it."""

    number: int  # counted from 1
    cells: dict[str, Any]  # empty if the line is odd
    size: int  # bytes
    code: str = ""  # "": the line is a row
    detail: str = ""  # such as "at character 12"

    @property
    def subject(self) -> str:
        """The words for the line in a message."""
        return f"line {self.number}" + (f" ({self.detail})" if self.detail else "")


def read_json_lines(stream: BinaryIO) -> Iterator[JsonLine]:
    """Read the lines that are not blank, in their order, from a stream of UTF-8."""
    for number, line in enumerate(_lines(stream), start=1):
        if line is None:
            yield JsonLine(number=number, cells={}, size=0, code="line_too_long")
            continue
        text = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
        if text := text.strip(_BLANKS):
            yield _parsed(number, text)


def _lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """Yield lines without their ends; None is a line that is too long, of which only one block is held at a time."""
    rest, is_cut = b"", False
    while block := stream.read(_BLOCK_BYTES):
        first, *others = block.split(b"\n")
        if others:
            yield None if is_cut else rest + first
            yield from others[:-1]
            rest, is_cut = others[-1], False
        elif not is_cut:
            rest += first
        if len(rest) > _LONGEST_LINE_BYTES:
            rest, is_cut = b"", True
    if rest or is_cut:
        yield None if is_cut else rest


def _parsed(number: int, line: bytes) -> JsonLine:
    code, detail = "", ""
    try:
        text = line.decode()
        value, end = _DECODER.raw_decode(text)
        if end == len(text) and type(value) is dict:
            return JsonLine(number=number, cells=value, size=len(line))
        code, detail = ("line_not_object", "") if end == len(text) else ("line_not_json", f"at character {end + 1}")
    except UnicodeDecodeError:
        code = "line_not_utf8"
    except json.JSONDecodeError as error:
        code, detail = "line_not_json", f"at character {error.pos + 1}"
    except _OddValueError as error:
        code, detail = error.code, error.detail
    except RecursionError:
        code, detail = "line_not_json", "nested too deeply"
    except (ValueError, InvalidOperation):
        # Python does not read a whole number of more than 4,300 digits, nor an exponent beyond 18 digits.
        code, detail = "line_not_json", "a number with too many digits"
    return JsonLine(number=number, cells={}, size=len(line), code=code, detail=detail)


class _OddValueError(Exception):
    """A value or key that JSON does not allow, and Python's reader does."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


class _WithExponent(Decimal):
    """A number that is written with an exponent: as text it stays as it is written, since digits may be lost."""

    text: str

    @classmethod
    def read(cls, text: str) -> Self:
        """Read the text of a number."""
        number = cls(text)
        number.text = text
        return number

    def __format__(self, specifier: str, context: object = None, /) -> str:
        return self.text

    def __str__(self) -> str:
        return self.text


def _number(text: str) -> Decimal:
    return _WithExponent.read(text) if "e" in text or "E" in text else Decimal(text)


def _constant(text: str) -> object:
    raise _OddValueError("number_not_json", text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    cells = dict(pairs)
    if len(cells) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _OddValueError("key_twice", quoted(next(key for key in keys if keys.count(key) > 1)))
    return cells


# Never a float: 905.00 keeps its zeros, and 2^53 + 1 its last digit.
_DECODER: Final = json.JSONDecoder(parse_float=_number, parse_constant=_constant, object_pairs_hook=_object)
