"""Formats names of files, classes and settings for screens, tables and messages: literal, but on one line."""

import unicodedata

# Characters that make a terminal write from right to left, so that one name looks like another.
_BIDIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_ENDS_OF_LINES = frozenset(("Cc", "Cs", "Zl", "Zp"))  # controls, surrogates, line separators


def printable(text: str) -> str:
    """Escapes characters that would end the line or move the cursor, as `\\n` or `\\x1b`.

    Bytes of a file name that are not UTF-8 are shown as `\\udce9`. Everything else is unchanged: letters of any script,
    emoji, brackets, spaces.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if character in _BIDIRECTIONAL or unicodedata.category(character) in _ENDS_OF_LINES:
        return character.encode("unicode_escape", "surrogatepass").decode("ascii")
    return character
