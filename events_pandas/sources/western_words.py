"""Words that are read as Windows-1252: whether they may be words of a Western language."""

import re
from enum import Enum
from typing import Final


class WordReading(Enum):
    """What a word that is not ASCII shows about its encoding."""

    IMPOSSIBLE = "it is not a word of a Western language"
    UNSURE = "it may be a word, and the encodings of DOS and of old Macs have other words for the same bytes"
    POSSIBLE = "it may be a word"
    CERTAIN = "it is a word in Windows-1252 only"


_SMALL: Final = "a-zß-öø-ÿœšž"
_CAPITAL: Final = "A-ZÀ-ÖØ-ÞŒŠŽŸ"
_LETTER: Final = f"{_SMALL}{_CAPITAL}ªºƒ"
_BEHIND: Final = f"(?<=[{_LETTER}])"
_BEFORE: Final = f"(?=[{_LETTER}])"
_FIRST: Final = f"(?<![{_LETTER}])"
_LAST: Final = f"(?![{_LETTER}])"

_IMPOSSIBLE: Final = re.compile(
    rf"{_BEHIND}[^{_LETTER}\u2019\u2013\u2014·®™\xb4\xa0\xad]{_BEFORE}"  # a sign between letters, as in z³oty
    rf"|{_FIRST}[\u02c6‰‡\u02dc™¦¨¬¯²³¶\xb8±]{_BEFORE}"  # a sign that does not begin a word
    rf"|{_BEHIND}[\u02c6‰‡\u02dc¦¨¬¯¶\xb8±¡¿¼½¾§\u201a\u201e]{_LAST}"  # a sign that does not end a word
    rf"|{_BEHIND}[¢£¥](?<=[{_SMALL}].){_LAST}"  # these end no word of small letters
    rf"|{_FIRST}[¼½]u"  # in ISO 8859-15 they are Œ and œ
    rf"|(?<=[{_SMALL}])[{_CAPITAL}](?<![A-Z])"  # a capital behind a small letter
    rf"|(?<=[{_CAPITAL}])[{_CAPITAL}](?<![A-Z])(?=[a-z])"  # a second capital before a small letter, as in MÃ¼ller
    "|[À-ÖØ-öø-ÿŒœŠšŽžŸƒ]{3}"  # Cyrillic, Greek and Asian words have none of the letters of ASCII
    "|[ÐðÝýÞþ]"  # Icelandic; or the Turkish or Baltic letters that have the same bytes
    rf"|{_FIRST}Ÿ{_BEFORE}|Ÿ(?=[{_SMALL}])"  # French has it within capitals; it is the ü of Mac Roman
    "|¤"  # in ISO 8859-15 the sign of the euro
    rf"|{_FIRST}Û{_LAST}"  # in Mac Roman the sign of the euro
    "|\N{REPLACEMENT CHARACTER}"
)
# The bytes from 80 to 9F, which are letters in Mac Roman, cp437 and cp850: Köln becomes Kšln.
_UNSURE: Final = re.compile(
    "[ŠšŽžƒ]|[Œœ](?![UuIi])"
    rf"|{_FIRST}[€…†]{_BEFORE}"
    rf"|{_FIRST}[\u201a\u201e\u201d](?=[{_SMALL}])|\u2019(?=[{_SMALL}])"
    rf"|{_BEHIND}[†\u2039•\u2014\u2018\u2019\u201c\u201d]{_LAST}"
    rf"|{_BEHIND}[\u2013\u2014™\xa0](?=[{_SMALL}])"
    "|(?<=a)á|(?<=ei)á"  # Straße and Weiß
    r"|^[^A-Za-z]*[À-ÖØ-öø-ÿ][^A-Za-z]*[À-ÖØ-öø-ÿ][^A-Za-z]*$|^(?!(.)\1+$)[\x80-\U0010ffff]{3,}$"  # no letter of ASCII
)
# The signs at both ends of a word cannot be letters at once.
_QUOTED: Final = re.compile(
    "[\u201e\u201c\u201d](.+)[\u201c\u201d]|\u2018(.+)\u2019|\u201a(.+)\u2018|\u203a(.+)\u2039|\u2039(.+)\u203a|«(.+)»|»(.+)«"
)
# It would be the letter í in Mac Roman, which is not in don't, Lars', l'art, dell'arte and aujourd'hui.
_APOSTROPHE: Final = re.compile(
    rf"\u2019(?=(?:s|t|d|m|re|ve|ll){_LAST})"
    rf"|(?<=[sxz])\u2019{_LAST}"
    rf"|(?:{_FIRST}[cdjlmnst]|qu|ll|d|un|entr)\u2019(?=[aeiouyhàâéèêîôœ][{_LETTER}])",
    re.IGNORECASE,
)
# The small letters of Windows-1252 behind a letter are capitals or signs elsewhere; but á is the ß of DOS.
_CERTAIN: Final = re.compile(
    rf"(?<=[a-z])[ßàâ-öø-ÿ]|(?<=[A-Z])[ßàâ-öø-ÿ](?=[a-z])|{_FIRST}[\u201c\u2018](?=[A-Za-z])|{_FIRST}\u201e(?=[{_CAPITAL}])"
)
_SIGN: Final = re.compile(rf"[^{_LETTER}]")


def reading_of(word: str) -> WordReading:
    """Judge a word that was decoded as Windows-1252."""
    if _IMPOSSIBLE.search(word):
        return WordReading.IMPOSSIBLE
    quoted = _QUOTED.fullmatch(word)
    bare = word if quoted is None else next(filter(None, quoted.groups()))
    if _UNSURE.search(_APOSTROPHE.sub("'", bare)):
        return WordReading.UNSURE
    return WordReading.CERTAIN if _CERTAIN.search(word) else WordReading.POSSIBLE


def has_a_sign(word: str) -> bool:
    """Tell whether a word has more than letters, which is a reason to look at it."""
    return _SIGN.search(word) is not None
