"""How Excel shows whole numbers that are codes: 42 in the format 00000 is 00042."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_(?P<gap>.)|\*(?P<fill>.)|\[(?P<bracket>[^\]]*)\]|(?P<plain>.)', re.DOTALL
)
_PLACES: Final = "0#?"
_SHOWN_UNQUOTED: Final = frozenset("-+()!^&'~{}<>=: ")
_CONDITION: Final = re.compile(r"(<=|>=|<>|<|>|=)(-?[0-9]+(?:\.[0-9]+)?)")
_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_FEWEST_ZEROS: Final = 2
"""A format with fewer zeros shows no zero before another digit."""
_ZERO_SECTION: Final = 2
"""The third section of a format is for zero, after those for numbers above and below it."""


class _Piece(NamedTuple):
    text: str
    is_place: bool = False  # of a digit


@dataclass(frozen=True, kw_only=True, slots=True)
class _Section:
    """The part of a number format for some numbers."""

    condition: tuple[str, float] | None
    pieces: Sequence[_Piece]  # before the first part of another kind, such as a decimal point
    is_whole: bool  # there is no part of another kind

    @property
    def places(self) -> str:
        return "".join(piece.text for piece in self.pieces if piece.is_place)

    def literals(self) -> tuple[str, str]:
        """Return the texts before the first digit, and between digits."""
        marked = "".join("\0" if piece.is_place else piece.text for piece in self.pieces)
        before, _, rest = marked.partition("\0")
        return before.strip(), rest.rpartition("\0")[0].replace("\0", "").strip()

    def holds_for(self, number: int) -> bool:
        return self.condition is None or _COMPARE[self.condition[0]](number, self.condition[1])

    def is_code(self, number: int) -> bool:
        """Tell whether the section may show a code: leading zeros, or a text before or between the digits."""
        zeros = self.places.count("0")
        if not self.is_whole:
            return _FEWEST_ZEROS <= zeros > len(str(number))
        before, between = self.literals()
        return zeros >= _FEWEST_ZEROS or between != "" or (self.places != "" and before[-1:].isalnum())

    @property
    def is_certain(self) -> bool:
        """Whether a number in this section is a code, whose text is known."""
        is_known = self.is_whole and re.fullmatch("#*0*", self.places) is not None
        return is_known and (self.places.count("0") >= _FEWEST_ZEROS or self.literals()[1] != "")

    def shown(self, number: int) -> str:
        digits = (str(number) if number else "").zfill(self.places.count("0")).rjust(len(self.places))
        # The first place has all digits for which there are no places.
        first = len(digits) - len(self.places) + 1
        cells = iter([digits[:first], *digits[first:]])
        return "".join(next(cells).strip() if piece.is_place else piece.text for piece in self.pieces).strip()


def shown_code(number: int, number_format: str) -> str | int | None:
    """Return the text that Excel shows for a whole number that is not negative, if its format is that of a code.

    A number with another format is returned as it is; None says that the format may be that of a code.
    """
    sections = _sections(number_format)
    section = _chosen(number, sections)
    if section is None:
        return None if any(section.is_code(number) for section in sections) else number
    if not section.is_code(number):
        return number
    return section.shown(number) if section.is_certain else None


def _chosen(number: int, sections: Sequence[_Section]) -> _Section | None:
    """Return the section for a number; None if nobody can be sure which one it is."""
    first, *others = sections
    if first.condition is not None:
        is_known = len(others) == 1 or all(section.condition is not None for section in others[:1])
        return next((section for section in sections if section.holds_for(number)), None) if is_known else None
    if any(section.condition is not None for section in others):
        return None
    return next(islice(sections, _ZERO_SECTION, None), first) if number == 0 else first


@cache
def _sections(number_format: str) -> tuple[_Section, ...]:
    sections: list[list[re.Match[str]]] = [[]]
    for token in _TOKEN.finditer(number_format):
        if token["plain"] == ";":
            sections.append([])
        else:
            sections[-1].append(token)
    return tuple(map(_section, sections))


def _section(tokens: Sequence[re.Match[str]]) -> _Section:
    condition: tuple[str, float] | None = None
    pieces: list[_Piece] = []
    is_whole = True
    for token in tokens:
        compared = _CONDITION.fullmatch(token["bracket"] or "")
        if compared is not None:
            condition = compared[1], float(compared[2])
        elif (piece := _piece(token)) is not None:
            if is_whole:
                pieces.append(piece)
        else:
            is_whole = False
    return _Section(condition=condition, pieces=tuple(pieces), is_whole=is_whole)


def _piece(token: re.Match[str]) -> _Piece | None:
    """Return what a part of a format shows of a whole number; None for a part of another kind, such as a currency."""
    match token.lastgroup:
        case "quoted" | "escaped":
            return _Piece(token[token.lastgroup])
        case "gap":
            return _Piece(" ")
        case "fill":
            return _Piece("")
        case "bracket":
            # A colour such as [Red], or a language such as [$-407]; [$€-407] has a currency.
            is_currency = token["bracket"].startswith("$") and not token["bracket"].startswith("$-")
            return None if is_currency else _Piece("")
        case _:
            text = token["plain"]
            is_place = text in _PLACES
            return _Piece(text, is_place) if is_place or text in _SHOWN_UNQUOTED else None
