"""`key=value` as people type it, before Hydra sees it: a text setting takes what was typed, to the letter.

What may stand for something else in a text setting, and nothing but this:

- `null`, where the setting may be off;
- one pair of quotes around the whole value: they are taken away, as Hydra would;
- `[a,b]`, where the setting takes several texts, and `{a: b}`, where it takes names;
- with `-m`, commas outside of brackets and quotes: one run for each part.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from catsdogs_exp.config.kinds import Form, Kind, is_name, kinds_of
from catsdogs_exp.config.quoting import inside, joined, quoted, split, unescaped, unquoted

_SWEEPS = ("choice", "shuffle", "sort")  # Hydra's functions whose arguments are values
_NUMBERS = ("range", "interval", "glob", "tag")  # and the others


@dataclass(frozen=True)
class Word:
    """A word of the command line, `key=value`.

    Attributes:
        key: of the setting or group.
        value: everything after the first `=`; None where there is none.
        prefix: Hydra's `+` or `~`, which add a name to a setting that holds names, or take one away. Elsewhere a `+`
            changes nothing, and is left out.
    """

    key: str
    value: str | None
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.prefix}{self.key}" if self.value is None else f"{self.prefix}{self.key}={self.value}"


def parsed(word: str) -> Word:
    """A word in its parts."""
    key, sign, value = word.partition("=")
    plain = key.lstrip("+~")
    return Word(plain, value if sign else None, key[: len(key) - len(plain)] if is_name(plain) else "")


def for_hydra(word: Word, names: Mapping[str, str] | None = None, sweep: bool = False) -> str:
    """A word in Hydra's grammar, where text settings keep what was typed.

    Args:
        word: as typed, or in Hydra's grammar: then it stays the same.
        names: of the chosen ones of groups, such as `{"dataset": "folder"}`.
        sweep: whether commas separate the values of several runs.
    """
    kinds = kinds_of(word.key, names)
    kind = _kind_for(word.value or "", kinds)
    if word.value is None:
        return str(word)
    if kind is None:  # a text is no number either, but the answer to it names what is allowed
        return str(word) if _is_readable(str(word)) else str(replace(word, value=quoted(word.value)))
    choices = any(each.choices for each in kinds)
    parts = split(word.value)
    if not sweep and len(parts) > 1 and (choices or all(unquoted(part.strip()) is not None for part in parts)):
        return str(word)  # several values: Hydra asks for -m
    if not sweep:
        return str(replace(word, value=_one(word.value, kind)))
    return str(replace(word, value=",".join(value for part in parts for value in _swept(part.strip(), kind))))


def as_typed(word: str, names: Mapping[str, str] | None = None) -> str:
    """What one would type for a word in Hydra's grammar that has one value: without its quotes, where it can be."""
    try:
        value = OverridesParser.create().parse_override(word).value()
    except HydraException:
        return word
    text = _written(value)
    shown = replace(parsed(word), value=text)
    return str(shown) if text is not None and for_hydra(shown, names) == word else word


def texts_of(value: str) -> list[str]:
    """The text, or the several of a list, that a value of a setting of paths stands for."""
    items = None if is_there(value) else inside(value, "[]")
    return [_text(value)] if items is None else [_text(item.strip()) for item in split(items) if item.strip()]


def names_of(value: str) -> list[tuple[str, str]] | None:
    """`{a: b, c: d}` as pairs, `[a,b]` as pairs of the same; None for anything else."""
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


def _kind_for(value: str, kinds: set[Kind]) -> Kind | None:
    """How a value is to be read, where the choices of a group may differ; None: in Hydra's way."""
    forms = {kind.form for kind in kinds}
    optional = any(kind.optional for kind in kinds)
    if len(forms) > 1 and Form.OTHER in forms:  # a number for one choice, names for another
        forms = forms - {Form.OTHER} if value.strip()[:1] in tuple("[{") else {Form.OTHER}
    if not forms or Form.OTHER in forms:
        return None
    return Kind(forms.pop() if len(forms) == 1 else Form.TEXTS, optional)


def _one(value: str, kind: Kind) -> str:
    """One value of a text setting, in Hydra's grammar."""
    if value == "null" and kind.optional:
        return value
    if kind.form in (Form.TEXT, Form.NAMES):  # names as one text: the keys of Hydra's dictionaries take no quotes
        return quoted(_text(value))
    if inside(value, "[]") is not None and not (kind.form is Form.TEXTS and is_there(value)):
        items = split(inside(value, "[]") or "")
        return joined([quoted(_text(item.strip())) for item in items if item.strip()])
    return value if kind.form is Form.LIST else quoted(_text(value))


def _swept(value: str, kind: Kind) -> list[str]:
    """A part of a sweep: one value, or those of a function of Hydra's, which would lose their quotes there."""
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
    if re.search(r"=\s*glob\(", word):  # Hydra looks for what it stands for, where configs are
        return True
    try:
        OverridesParser.create().parse_override(word)
    except HydraException:
        return False
    return True


def _text(value: str) -> str:
    """What a value stands for as text: itself, or what its quotes hold."""
    text = unquoted(value)
    return value if text is None else unescaped(text)


def is_there(path: str) -> bool:
    """Whether a file or folder has this very name: then `[set1]` is no list."""
    try:
        return path != "" and Path(path).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return False


def _written(value: Any) -> str | None:
    """A text or a list of texts as typed; None for anything else."""
    if isinstance(value, str):
        return unescaped(value)
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        return None
    return joined([_item(unescaped(item)) for item in value])


def _item(text: str) -> str:
    """A text as an item of a list, in quotes where it would be read otherwise."""
    plain = text == text.strip() and text and not set(text) & set("'\"()[]{},:\\")
    return text if plain else quoted(text)
