"""Parses `key=value` as users type it, before Hydra does: a text setting takes the typed text literally.

The only exceptions in a text setting:

- `null`, if the setting can be turned off;
- one pair of quotes around the whole value, which is removed, as Hydra would;
- `[a,b]`, if the setting takes several texts, and `{a: b}`, if it takes names, perhaps with numbers;
- with `-m`, commas outside brackets and quotes, which separate runs.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from catsdogs_exp.config.kinds import Form, Kind, is_name, kinds_of
from catsdogs_exp.config.quoting import inside, joined, quoted, split, unescaped, unquoted
from catsdogs_exp.platforms import expanded

_SWEEPS = ("choice", "shuffle", "sort")  # Hydra's functions whose arguments are values
_NUMBERS = ("range", "interval", "glob", "tag")  # and the other functions


@dataclass(frozen=True)
class Word:
    """An override from the command line, `key=value`.

    Attributes:
        key: the setting or group.
        value: everything after the first `=`; None if there is none.
        prefix: Hydra's `+` or `~`, which add or remove an entry of a mapping of names. Elsewhere a `+` has no effect
            and is dropped.
    """

    key: str
    value: str | None
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.prefix}{self.key}" if self.value is None else f"{self.prefix}{self.key}={self.value}"


def parsed(word: str) -> Word:
    """Splits a word into its parts."""
    key, sign, value = word.partition("=")
    plain = key.lstrip("+~")
    return Word(plain, value if sign else None, key[: len(key) - len(plain)] if is_name(plain) else "")


def for_hydra(word: Word, names: Mapping[str, str] | None = None, sweep: bool = False) -> str:
    """Translates a word into Hydra's grammar; text settings keep what was typed.

    Args:
        word: as typed, or in Hydra's grammar, which is returned unchanged.
        names: group -> its choice, such as `{"dataset": "folder"}`.
        sweep: whether commas separate the values of several runs.
    """
    kinds = kinds_of(word.key, names)
    kind = _kind_for(word.value or "", kinds)
    if word.value is None:
        return str(word)
    if kind is None:  # text is not a number, but the error message then states what is allowed
        return str(word) if _is_readable(str(word)) else str(replace(word, value=quoted(word.value)))
    choices = any(each.choices for each in kinds)
    parts = split(word.value)
    if not sweep and len(parts) > 1 and (choices or all(unquoted(part.strip()) is not None for part in parts)):
        return str(word)  # several values: Hydra asks for -m
    if not sweep:
        return str(replace(word, value=_one(word.value, kind)))
    return str(replace(word, value=",".join(value for part in parts for value in _swept(part.strip(), kind))))


def as_typed(word: str, names: Mapping[str, str] | None = None) -> str:
    """Returns what a user would type for a word with a single value in Hydra's grammar: without quotes if possible."""
    if "'" not in word and '"' not in word:
        return word
    try:
        value = OverridesParser.create().parse_override(word).value()
    except HydraException:
        return word
    text = _written(value)
    shown = replace(parsed(word), value=text)
    return str(shown) if text is not None and for_hydra(shown, names) == word else word


def texts_of(value: str) -> list[str]:
    """Returns the text, or the texts of a list, in a value of a path setting."""
    items = None if is_there(value) else inside(value, "[]")
    return [_text(value)] if items is None else [_text(item.strip()) for item in split(items) if item.strip()]


def names_of(value: str) -> list[tuple[str, str]] | None:
    """Returns `{a: b, c: d}` as pairs, `[a,b]` as pairs of equal names; None for anything else."""
    names = inside(value, "[]")
    if names is not None:
        return [(text, text) for text in (_text(name.strip()) for name in split(names) if name.strip())]
    items = inside(value, "{}")
    if items is None:
        return None
    pairs = [split(item, ":") for item in split(items, opening=":") if item.strip()]
    if any(len(pair) < 2 for pair in pairs):
        return None
    return [(_text(pair[0].strip()), _text(":".join(pair[1:]).strip())) for pair in pairs]


def numbers_of(value: str) -> dict[str, Any] | None:
    """Returns `{a: 1, b: true}` as a mapping; None for anything else."""
    try:
        found = OverridesParser.create().parse_override(f"k={value}").value()
    except HydraException:
        return None
    return {str(key): item for key, item in found.items()} if isinstance(found, dict) else None


def _kind_for(value: str, kinds: set[Kind]) -> Kind | None:
    """Returns how to read a value if the choices of a group differ; None: as Hydra does."""
    forms = {kind.form for kind in kinds}
    optional = any(kind.optional for kind in kinds)
    if len(forms) > 1 and Form.OTHER in forms:  # a number for one choice, names for another
        forms = forms - {Form.OTHER} if value.strip()[:1] in tuple("[{") else {Form.OTHER}
    if not forms or Form.OTHER in forms:
        return None
    return Kind(forms.pop() if len(forms) == 1 else Form.TEXTS, optional)


def _one(value: str, kind: Kind) -> str:
    """Returns one value of a text setting in Hydra's grammar."""
    if value == "null" and kind.optional:
        return value
    # Mappings as one text: keys of Hydra's dictionaries cannot be quoted, and Hydra would merge them with the defaults.
    if kind.form in (Form.TEXT, Form.NAMES, Form.NUMBERS):
        return quoted(_text(value))
    if inside(value, "[]") is not None and not (kind.form is Form.TEXTS and is_there(value)):
        items = split(inside(value, "[]") or "")
        return joined([quoted(_text(item.strip())) for item in items if item.strip()])
    return value if kind.form is Form.LIST else quoted(_text(value))


def _swept(value: str, kind: Kind) -> list[str]:
    """Returns a part of a sweep: one value, or the values of a Hydra function, which would otherwise lose their
    quotes.
    """
    found = re.fullmatch(r"(\w+)\s*(\(.*\))", value, re.DOTALL)
    arguments = inside(found[2], "()") if found else None
    if found and arguments is not None:
        if found[1] in _NUMBERS:
            return [value]
        values = [part.strip() for part in split(arguments)]
        if found[1] == "sort":
            values.sort()
        if found[1] == "shuffle":
            random.shuffle(values)
        if found[1] in _SWEEPS:
            return [_one(each, kind) for each in values]
    return [_one(value, kind)]


def _is_readable(word: str) -> bool:
    if re.search(r"=\s*glob\(", word):  # Hydra expands it among the configs
        return True
    try:
        OverridesParser.create().parse_override(word)
    except HydraException:
        return False
    return True


def _text(value: str) -> str:
    """Returns the text of a value: the value itself, or the content of its quotes."""
    text = unquoted(value)
    return value if text is None else unescaped(text)


def is_there(path: str) -> bool:
    """Returns whether a file or folder has exactly this name; if so, `[set1]` is not a list."""
    try:
        return path != "" and expanded(path).exists()
    except (OSError, ValueError):
        return False


def _written(value: Any) -> str | None:
    """Formats a text or a list of texts as typed; returns None for anything else."""
    if isinstance(value, str):
        return unescaped(value)
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        return None
    return joined([_item(unescaped(item)) for item in value])


def _item(text: str) -> str:
    """Formats a text as a list item, quoted if it would otherwise be read differently."""
    plain = text == text.strip() and text and not set(text) & set("'\"()[]{},:\\")
    return text if plain else quoted(text)
