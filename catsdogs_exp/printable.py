"""Names of files, classes and settings on a screen, in a table or in a message: as they are, but on one line."""

import unicodedata

# Marks that make a terminal write from right to left, so that a name looks like another one.
_BIDIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_ENDS_OF_LINES = frozenset(("Cc", "Cs", "Zl", "Zp"))  # controls, halves of characters, separators of lines


def printable(text: str) -> str:
    """A text with escapes, such as `\\n` or `\\x1b`, for what would end the line or move the cursor.

    Bytes of a file name that are not UTF-8 are shown likewise (`\\udce9`). All else stays: letters of any script,
    emoji, brackets, spaces.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if character in _BIDIRECTIONAL or unicodedata.category(character) in _ENDS_OF_LINES:
        return character.encode("unicode_escape", "surrogatepass").decode("ascii")
    return character
