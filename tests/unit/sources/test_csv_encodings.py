"""Encodings of CSV files: given, named by a mark, or shown by all bytes; what is not clear is refused."""

import gzip

import pytest

from events_pandas import EventMapping, SourceFormat
from events_pandas.errors import SourceError
from events_pandas.sources import read_chunks, source_files

MAPPING = EventMapping(event_name="a", created_at="day", user_id="who")


def cells_and_notes(path, encoding=None):
    """Return the cells of a file, and the notes on it."""
    chunks = list(read_chunks(*source_files(path, SourceFormat(encoding=encoding)), MAPPING, chunksize=100))
    cells = [row for chunk in chunks for row in chunk.frame[["who", "day"]].to_numpy().tolist()]
    return cells, {finding.code: finding.all_values()[0].as_py() for chunk in chunks for finding in chunk.refused}


def fault(path, encoding=None):
    """Return the error of a file, without its name."""
    with pytest.raises(SourceError) as caught:
        cells_and_notes(path, encoding)
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-32-be", "utf-8-sig"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_csv_is_read_by_the_mark_of_its_encoding(write, read, encoding, name):
    """A byte order mark names the encoding, also if blocks end within characters, and chunks within blocks."""
    rows = [f"{row:05},Zürich ☃ 😀 {row}" for row in range(20_000)]
    mark = "" if encoding in {"utf-16", "utf-32", "utf-8-sig"} else "\ufeff"
    content = (mark + "\r\n".join(["who,day", *rows, ""])).encode(encoding)

    frames = read(write(name, gzip.compress(content) if name.endswith(".gz") else content), chunksize=7_000)

    assert [f"{who},{day}" for frame in frames for who, day in frame[["who", "day"]].itertuples(index=False)] == rows


@pytest.mark.parametrize(
    ("encoding", "name"), [("utf-16", "UTF-16"), ("utf-32", "UTF-32"), ("utf-8", None), ("utf-8-sig", None)]
)
def test_encoding_by_a_mark_is_said_unless_it_is_utf_8(write, encoding, name):
    """A note names the encoding; UTF-8 goes without saying."""
    path = write("a.csv", "who,day\nÆ,1\n".encode(encoding))

    notes = {} if name is None else {"encoding_detected": f"{name} (by its byte order mark)"}
    assert cells_and_notes(path) == ([["Æ", "1"]], notes)


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le", "utf-32-be", "utf-32-le"])
def test_utf_16_without_its_mark_is_read_by_its_nuls(write, encoding):
    """Letters of ASCII show the encoding by the NULs between them, and the note shows the letters."""
    path = write("a.csv", "who,day\nÆ,1\n".encode(encoding))

    assert cells_and_notes(path) == ([["Æ", "1"]], {"encoding_detected": f"{encoding.upper()} ('who,' at its start)"})


@pytest.mark.parametrize(
    "word",
    ["Müller", "Grüße", "déjà", "Núñez", "œuvre", "HAŸ", "don\u2019t", "120 €", "Ænima", "Tromsø", "„Hallo“", "5 m²"],
)
def test_windows_1252_is_read_and_shown_by_a_word(write, word):
    """If every word may be one of a Western language, the file is Windows-1252, and the note shows a word."""
    path = write("a.csv", f"who,day\nx,1\n{word},2\n".encode("cp1252", errors="ignore"))
    word = word.encode("cp1252", errors="ignore").decode("cp1252")

    cells, notes = cells_and_notes(path)

    assert cells == [["x", "1"], [word, "2"]]
    assert notes["encoding_detected"].startswith("Windows-1252 (")
    assert notes["encoding_detected"].endswith(" in line 3)")


def test_windows_1252_note_shows_the_first_word_with_a_sign(write):
    """A word with more than letters shows best whether the encoding is right."""
    path = write("a.csv", "who,day\nMüller,1\nL\u2019Oréal,2\n".encode("cp1252"))

    assert cells_and_notes(path)[1] == {"encoding_detected": "Windows-1252 ('L\u2019Oréal' in line 3)"}


@pytest.mark.parametrize(
    ("word", "encoding", "read"),
    [
        ("złoty", "cp1250", "'z³oty'"),
        ("Москва", "cp1251", "'Ìîñêâà'"),
        ("Αθήνα", "cp1253", "'ÁèÞíá'"),
        ("Müller", "cp437", "'M\ufffdller'"),
        ("Köln", "cp850", "'K”ln'"),
        ("Café", "mac_roman", "'CafŽ'"),
        ("Müller", "mac_roman", "'MŸller'"),
        ("Jäger", "mac_roman", "'JŠger'"),
        ("Straße", "mac_roman", "'Stra§e'"),
        ("Tromsø", "mac_roman", "'Troms¿'"),
        ("André", "cp437", "'Andr\u201a'"),
        ("表示", "shift_jis", "'Ž¦'"),
        ("張偉", "big5", "'±i°¶'"),
        ("œuvre", "iso8859-15", "'½uvre'"),
        ("ağaç", "cp1254", "'aðaç'"),
        ("5 €", "iso8859-15", "'¤'"),
        ("東京", "shift_jis", "'“Œ\u2039ž'"),
    ],
)
def test_encoding_that_is_not_western_must_be_given(write, word, encoding, read):
    """If a word cannot be one in Windows-1252, the encoding is not guessed; given, it is used without a note."""
    path = write("a.csv", f"who,day\nx,1\n{word},2\n".encode(encoding))

    assert fault(path) == (
        f"is not UTF-8, and its encoding is not clear: as Windows-1252, line 3 has {read}: "
        "set encoding in the mapping's source, such as 'cp1250' or 'mac_roman', or save it as UTF-8"
    )
    assert cells_and_notes(path, encoding) == ([["x", "1"], [word, "2"]], {})


@pytest.mark.parametrize(
    ("word", "encoding", "readings"),
    [
        ("Köln", "mac_roman", "'Kšln' as 'cp1252', 'Köln' as 'mac_roman' and 'KÜln' as 'cp850'"),
        ("Ärzte", "mac_roman", "'€rzte' as 'cp1252', 'Ärzte' as 'mac_roman' and 'Çrzte' as 'cp850'"),
        ("Über", "mac_roman", "'†ber' as 'cp1252', 'Über' as 'mac_roman' and 'åber' as 'cp850'"),
        ("señor", "mac_roman", "'se\u2013or' as 'cp1252', 'señor' as 'mac_roman' and 'seûor' as 'cp850'"),
        ("Zoë", "mac_roman", "'Zo\u2018' as 'cp1252', 'Zoë' as 'mac_roman' and 'Zoæ' as 'cp850'"),
        ("María", "mac_roman", "'Mar\u2019a' as 'cp1252', 'María' as 'mac_roman' and 'MarÆa' as 'cp850'"),
        ("Côte", "mac_roman", "'C™te' as 'cp1252', 'Côte' as 'mac_roman' and 'CÖte' as 'cp850'"),
        ("Malmö", "cp850", "'Malm”' as 'cp1252', 'Malmî' as 'mac_roman' and 'Malmö' as 'cp850'"),
        ("Weiß", "cp850", "'Weiá' as 'cp1252', 'Wei·' as 'mac_roman' and 'Weiß' as 'cp850'"),
        ("Miloš", "cp1252", "'Miloš' as 'cp1252', 'Miloö' as 'mac_roman' and 'MiloÜ' as 'cp850'"),
    ],
)
def test_word_that_other_encodings_have_too_must_be_given_one(write, word, encoding, readings):
    """If all words may be ones of DOS or an old Mac, the error shows a word in each of the encodings."""
    path = write("a.csv", f"who,day\nx,1\n{word},2\n".encode(encoding))

    assert fault(path) == (
        f"is not UTF-8, and its encoding is not clear: line 3 has {readings}: "
        "set encoding in the mapping's source to the right one, or save it as UTF-8"
    )
    assert cells_and_notes(path, encoding) == ([["x", "1"], [word, "2"]], {})


@pytest.mark.parametrize("word", ["Miloš", "Œdipe", "…und", "cost\u2013benefit", "po\u2019", "Marks”"])
def test_word_that_other_encodings_have_too_is_read_beside_one_that_they_lack(write, word):
    """One word such as Müller shows that the file is Windows-1252, and so what its other words are."""
    path = write("a.csv", f"who,day\n{word},1\nMüller,2\n".encode("cp1252"))

    assert cells_and_notes(path)[0] == [[word, "1"], ["Müller", "2"]]


def test_half_characters_in_utf_8_are_not_read_as_windows_1252(write):
    """CESU-8, in which old programs write emoji, has no word of a Western language."""
    path = write("a.csv", b"who,day\nhi \xed\xa0\xbd\xed\xb8\x80,1\n")

    assert fault(path).startswith("is not UTF-8, and its encoding is not clear: as Windows-1252, line 2 has ")


WESTERN = (
    "Größe,Ärzte,Öl,MÜLLER,„Weiß“,„hallo“,l\u2019été,l\u2019art,œuvre,cœur,HAŸ,Ÿ,€ 5,5€,x \u2013 y,"
    "Mon\u2013Fri,don\u2019t,James\u2019,aujourd\u2019hui,dell\u2019arte,O\u2019Neil,“hello”,Brand™,und…,"
    "20 °C,5 µm,m²,½kg,Gino\u00b4s,N° 1,1ª,Señor,niño,ÇA,ça,école,état,à,À,É,È,São,coração,Tromsø,på,Åse,"
    "æble,Håkan,¿Qué,¡Hola,«oui»,§5,STRAßE,MüLLER,naïve,París,Perú,Damián,Ñandú"
)


@pytest.mark.parametrize("word", WESTERN.split(","))
def test_word_of_a_western_language_is_read_though_it_is_the_only_one(write, word):
    """Ordinary words in German, French, English and their neighbours decide the encoding of a file alone."""
    path = write("a.csv", f"who;day\n{word};1\n".encode("cp1252"))

    assert cells_and_notes(path)[0] == [[word, "1"]]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("given", ["cp1252", "latin-1", "mac_roman", "gbk"])
def test_given_encoding_is_refused_if_the_file_is_utf_8(write, given, name):
    """Somebody saved the file again: if all of its text is UTF-8, another encoding is not what it has."""
    content = "who,day\nx,1\nMüller,2\nGrüner Tee,3\n".encode()
    path = write(name, gzip.compress(content) if name.endswith(".gz") else content)

    assert fault(path, given) == (
        f"is UTF-8, such as line 3 ('Müller', which would be read as {'Müller'.encode().decode(given)!r}), "
        f"and the encoding that is given is {given!r}: "
        f"set encoding in the mapping's source to 'utf-8', or save the file as {given!r}"
    )


def test_encoding_that_is_refused_names_the_option_that_gives_another(write, make_mapping):
    """The mapping of the command line may be of another file: the option comes before it."""
    path = write("a.csv", "who,day\nMüller,2\n".encode())

    with pytest.raises(SourceError) as caught:
        list(read_chunks(*source_files(path, SourceFormat(encoding="cp1252")), make_mapping(), chunksize=9))

    assert caught.value.in_commands().endswith("'cp1252': give --encoding utf-8, or save the file as 'cp1252'")


def test_given_encoding_is_refused_if_the_header_is_utf_8(write, make_mapping):
    """The fault is the encoding, and not that the column is missing."""
    path = write("a.csv", "who,day,Währung\n1,2,EUR\n".encode())

    with pytest.raises(SourceError, match=r"line 1 .'Währung', which would be read as 'WÃ¤hrung'"):
        list(read_chunks(*source_files(path, SourceFormat(encoding="cp1252")), make_mapping(x="Währung"), chunksize=9))


def test_given_encoding_is_taken_if_one_word_is_not_utf_8(write):
    """A sign behind a letter may have the bytes of UTF-8 by chance, but not all words of a file."""
    path = write("a.csv", "who,day\nCAFÉ®,1\nMüller,2\n".encode("cp1252"))

    assert cells_and_notes(path, "cp1252") == ([["CAFÉ®", "1"], ["Müller", "2"]], {})


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@pytest.mark.parametrize("order", ["le", "be"])
def test_given_utf_16_needs_no_mark_if_its_first_characters_show_the_order_of_bytes(write, encoding, order):
    """The encoding is given, and so there is no note."""
    path = write("a.csv", "who,day\nÆ,1\n".encode(f"{encoding}-{order}"))

    assert cells_and_notes(path, encoding) == ([["Æ", "1"]], {})


def test_given_utf_16_without_a_mark_is_refused_if_its_order_of_bytes_is_not_clear(write):
    """The error names the encodings that say the order."""
    path = write("a.csv", "имя,who,day\n0,Æ,1\n".encode("utf-16-le"))

    assert fault(path, "utf-16") == (
        "has no byte order mark, and the encoding that is given is 'utf-16': give 'utf-16-le' or 'utf-16-be'"
    )
    assert cells_and_notes(path, "utf-16-le") == ([["Æ", "1"]], {})


@pytest.mark.parametrize(
    ("encoding", "given", "found", "cure"),
    [
        ("utf-8", "utf-16", "has none of the NULs of UTF-16", "leave the encoding out"),
        ("utf-8", "utf-32-le", "has none of the NULs of UTF-32", "leave the encoding out"),
        ("utf-16-be", "utf-16-le", "its first characters are UTF-16-BE ('who,')", "set to 'utf-16-be'"),
        ("utf-16-le", "cp1252", "its first characters are UTF-16-LE ('who,')", "set to 'utf-16-le'"),
        ("utf-16-le", "utf-8", "its first characters are UTF-16-LE ('who,')", "set to 'utf-16-le'"),
    ],
)
def test_encoding_that_the_first_characters_contradict_is_refused(write, encoding, given, found, cure):
    """NULs show UTF-16 and UTF-32, which have one beside each character of ASCII."""
    path = write("a.csv", "who,day\n1,2\n".encode(encoding))
    cure = cure.replace("set to", "set encoding in the mapping's source to")

    assert fault(path, given) == (
        f"{found}, and the encoding that is given is {given!r}: {cure}, or save the file as {given!r}"
    )


def test_bad_byte_in_a_utf_8_file_is_named_by_its_line(write):
    """One bad line does not turn a file with UTF-8 in other lines into Windows-1252."""
    lines = [b"who,day", "Zürich,1".encode(), *[b"x,1"] * 10_999, b"M\xfcller,2", b"y,3"]
    path = write("a.csv", b"\n".join(lines))

    assert fault(path) == (
        "line 11,002 is not UTF-8, and others are, such as line 2 ('Zürich'): "
        "correct line 11,002, or set encoding in the mapping's source"
    )


def test_encoding_is_decided_for_a_header_too(write, make_mapping):
    """A header that is not UTF-8 decides the encoding like a row."""
    path = write("a.csv", "who,day,größe\n1,2,3\n".encode("latin-1"))

    (chunk,) = read_chunks(*source_files(path), make_mapping(size="größe"), chunksize=10)

    assert chunk.frame["größe"].tolist() == ["3"]


@pytest.mark.parametrize(
    ("content", "encoding", "text"),
    [
        (b"who,day\n1,2\n\xe9,3\n", "utf-8", "line 3 has bytes that are not UTF-8: "),
        (b"who,day\r\n1,2\r\n\x81,3\r\n", "cp1252", "line 3 has bytes that are not CP1252: "),
        (b"who,day\n1,2\n\x80,3\n", "latin-1", "line 3 has bytes that are not LATIN-1: "),
        (b"who,day\n1,2\n\xe9 \x92,3\n", "iso8859-15", "line 3 has bytes that are not ISO8859-15: "),
        (b"who,day\n1,2\n\xe9,3\n", "ascii", "line 3 has bytes that are not ASCII: "),
        ("who,day\n1,2\n".encode("utf-16")[:-1], None, "line 2 has bytes that are not UTF-16-LE: "),
    ],
)
def test_bytes_outside_a_stated_encoding_are_named_by_their_line(write, content, encoding, text):
    """A given encoding, and one that a mark names, is not replaced by another; control characters are not text."""
    cure = "correct the line, or set encoding in the mapping's source to the file's encoding"

    assert fault(write("a.csv", content), encoding) == text + cure


@pytest.mark.parametrize(
    ("encoding", "given", "text"),
    [
        ("utf-16", "cp1252", "its byte order mark says UTF-16, and the encoding that is given is 'cp1252': "),
        ("utf-16", "utf-8", "its byte order mark says UTF-16, and the encoding that is given is 'utf-8': "),
    ],
)
def test_encoding_that_a_mark_contradicts_is_refused(write, encoding, given, text):
    """A mark and a given encoding must agree."""
    path = write("a.csv", "who,day\n1,2\n".encode(encoding))

    assert fault(path, given) == text + "set encoding in the mapping's source to 'utf-16'"


@pytest.mark.parametrize("given", ["cp1252", "utf-16"])
def test_mark_of_utf_8_comes_before_a_given_encoding(write, given):
    """A program that saved the file again wrote the mark, as for a file of rejects: nothing is to be said."""
    path = write("a.csv", "who,day\nÆ,2\n".encode("utf-8-sig"))

    assert cells_and_notes(path, given) == ([["Æ", "2"]], {})


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf_8_sig", "cp65001", "utf-16", "utf_16_le", "UTF-32"])
def test_encoding_that_a_mark_confirms_is_taken(write, encoding):
    """The encoding may be given beside its mark, in each of its spellings."""
    mark = "\ufeff" if encoding in {"utf-8", "UTF8", "cp65001", "utf_16_le"} else ""
    path = write("a.csv", f"{mark}who,day\nÆ,2\n".encode(encoding))

    assert cells_and_notes(path, encoding) == ([["Æ", "2"]], {})


@pytest.mark.parametrize("encoding", ["klingon", "rot13"])
def test_encoding_that_does_not_exist_is_refused(write, encoding):
    """The error names an encoding that exists."""
    assert fault(write("a.csv", "who,day\n"), encoding) == (
        f"Python has no encoding {encoding!r}: give one such as 'cp1252'"
    )
