"""Converts settings to command-line words."""

from collections.abc import Mapping, Sequence
from typing import Any

from catsdogs_exp.config.quoting import quoted
from catsdogs_exp.errors import BadInput


def words_of(words: Sequence[str], settings: Mapping[str, Any], several: bool = False) -> list[str]:
    """Returns the words, followed by one for each keyword.

    Args:
        words: as on the command line: `"dataset.path=~/photos"`.
        settings: as keywords: `lr=0.001`, `target_size=[120, 160]`; keys with dots as `**{"model.dropout": 0.3}`.
        several: whether a list or tuple holds values to sweep over, rather than one value.

    Raises:
        BadInput: for a word without `=`.
    """
    for word in words:
        if not isinstance(word, str) or "=" not in word:
            raise BadInput(f"A setting must be a text such as 'lr=0.001', or a keyword: lr=0.001. Received: {word!r}")
    return [*words, *(f"{key}={_typed(value, several)}" for key, value in settings.items())]


def _typed(value: Any, several: bool = False) -> str:
    if several and isinstance(value, list | tuple | range):
        return ",".join(map(_typed, value))
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple | range):
        return f"[{','.join(map(_typed, value))}]"
    if isinstance(value, int | float):
        return repr(value)
    return quoted(str(value))
