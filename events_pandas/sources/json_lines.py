"""The lines of a JSON Lines file: each is an object with the cells of a row, or odd for a stated reason."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, BinaryIO, Final

from events_pandas.byte_order_marks import without_marks
from events_pandas.convert.error_codes import LONGEST_LINE_MEGABYTES
from events_pandas.sources.value_columns import WrittenDecimal
from events_pandas.words import quoted

_BLOCK_BYTES: Final = 1 << 20
_LONGEST_LINE_BYTES: Final = LONGEST_LINE_MEGABYTES * 10**6
_BATCH_BYTES: Final = 1 << 25
"""A batch has fewer rows than asked for if their lines have more bytes."""
_BLANKS: Final = b" \t\r"
_BEHIND_VALUES: Final[Mapping[str, str]] = {
    ",": "a comma after the object",
    "{": "another object",
    "\r": "a carriage return instead of a line feed",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class OddLine:
    """What is wrong with a line."""

    number: int  # counted from 1
    code: str
    detail: str = ""  # such as "at character 12"

    @property
    def subject(self) -> str:
        """The words for the line in a message."""
        return f"line {self.number}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class JsonBatch:
    """Some lines that are not blank, each of which is a row."""

    numbers: list[int] = field(default_factory=list)  # of the lines, counted from 1
    rows: list[dict[str, Any]] = field(default_factory=list)  # empty where the line is odd
    odd: dict[int, OddLine] = field(default_factory=dict)  # by the place of the row in the batch


def read_json_lines(stream: BinaryIO, most: int) -> Iterator[JsonBatch]:
    """Read the lines of a stream of UTF-8, at most so many at a time; a batch of long lines has fewer."""
    batch, size = JsonBatch(), 0
    for number, line in enumerate(_lines(stream), start=1):
        # Where files were joined, a line begins with the byte order mark of its file.
        text = None if line is None else without_marks(line.strip(_BLANKS)).strip(_BLANKS)
        if text == b"":
            continue
        parsed = OddLine(number=number, code="line_too_long") if text is None else _parsed(number, text)
        if isinstance(parsed, OddLine):
            batch.odd[len(batch.rows)] = parsed
            parsed = {}
        batch.numbers.append(number)
        batch.rows.append(parsed)
        size += 0 if text is None else len(text)
        if len(batch.rows) == most or size >= _BATCH_BYTES:
            yield batch
            batch, size = JsonBatch(), 0
    if batch.rows:
        yield batch


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


def _parsed(number: int, line: bytes) -> dict[str, Any] | OddLine:
    detail = ""
    try:
        text = line.decode()
        value, end = _DECODER.raw_decode(text)
        if end == len(text) and type(value) is dict:
            return value
        code, detail = ("line_not_object", "") if end == len(text) else ("line_not_json", _behind_value(text, end))
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
    return OddLine(number=number, code=code, detail=detail)


def _behind_value(text: str, end: int) -> str:
    """Name what stands behind a value in its line."""
    rest = text[end:].lstrip(" \t")
    found = _BEHIND_VALUES.get(rest[:1])
    return f"at character {end + 1}" if found is None else f"{found} at character {len(text) - len(rest) + 1}"


class _OddValueError(Exception):
    """A value or key that JSON does not allow, and Python's reader does."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


def _number(text: str) -> Decimal:
    return WrittenDecimal.read(text) if "e" in text or "E" in text else Decimal(text)


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
