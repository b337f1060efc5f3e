"""Converts text to and from Hydra's override grammar, so that nothing in it is special to Hydra or OmegaConf."""

import re
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

_PAIRS = {"(": ")", "[": "]", "{": "}"}
_QUOTES = "'\""


def quoted(text: str) -> str:
    """Quotes a text so that Hydra reads it literally and OmegaConf sees no reference.

    `???` is the one text that cannot be written: it is OmegaConf's mark for a missing value.
    """
    return QuotedString(re.sub(r"(\\*)\$\{", r"\1\1\\${", text), Quote.single).with_quotes()


def unquoted(value: str) -> str | None:
    """Returns the text of a value that is entirely enclosed in one pair of quotes; None for any other value.

    Inside, a backslash escapes a quote of the same kind, and a backslash before such a quote.
    """
    if len(value) < 2 or value[0] not in _QUOTES or value[-1] != value[0]:
        return None
    try:
        found = OverridesParser.create().parse_override(f"k={value}").value()
    except HydraException:
        return None
    return found if isinstance(found, str) else None


def unescaped(text: str) -> str:
    """Returns what OmegaConf makes of a text whose references `quoted` has escaped."""
    return re.sub(r"(\\*)\\\$\{", lambda found: found[1][: len(found[1]) // 2] + "${", text)


def split(text: str, separator: str = ",", opening: str = "") -> list[str]:
    """Splits a text at separators outside brackets and quotes.

    A quote opens only at the beginning of a part; in `o'brien`, it is an ordinary character, as is an unmatched
    bracket.

    Args:
        text: the text to split.
        separator: one character.
        opening: characters inside a part after which a quote may open, too.
    """
    parts, start, position = [], 0, 0
    while position < len(text):
        character = text[position]
        if character == separator:
            parts.append(text[start:position])
            start = position + 1
        elif character in _QUOTES and (text[start:position].rstrip() or separator)[-1] in (separator, *opening):
            position = _end_of_quote(text, position, separator)
        elif character in _PAIRS:
            position = _end_of_bracket(text, position)
        position += 1
    return [*parts, text[start:]]


def _end_of_quote(text: str, start: int, separator: str) -> int:
    """Returns where the quote that opens at `start` closes, before a separator or the end; `start` if it does not."""
    for end in range(start + 1, len(text)):
        if text[end] != text[start]:
            continue
        rest = text[end + 1 :].lstrip()
        backslashes = end - len(text[:end].rstrip("\\"))
        if backslashes % 2 == 0 and (not rest or rest[0] == separator or rest[0] in ")]}:"):
            return end
    return start


def _end_of_bracket(text: str, start: int) -> int:
    """Returns where the bracket that opens at `start` closes; `start` if it does not."""
    expected: list[str] = []
    position = start
    while position < len(text):
        character = text[position]
        before = text[start:position].rstrip()
        if character in _QUOTES and before and before[-1] in "([{,:":
            position = _end_of_quote(text, position, ",")
        elif character in _PAIRS:
            expected.append(_PAIRS[character])
        elif expected and character == expected[-1]:
            expected.pop()
            if not expected:
                return position
        position += 1
    return start


def inside(value: str, brackets: str) -> str | None:
    """Returns the content of a pair of brackets, such as `[]`, that encloses the whole value; None for any other
    value.
    """
    text = value.strip()
    if len(text) < 2 or text[0] != brackets[0] or _end_of_bracket(text, 0) != len(text) - 1:
        return None
    return text[1:-1]


def joined(values: Sequence[str]) -> str:
    """Joins values in Hydra's grammar into a list."""
    return f"[{','.join(values)}]"
