"""Natural sorting, and flattening of nested settings. Imports nothing."""

import re
from typing import Any

_NUMBER = re.compile("([0-9]+)")


def natural_key(text: str) -> tuple[list[Any], str]:
    """A sort key that puts `cat.2.jpg` before `cat.10.jpg`; ties such as `cat.02.jpg` are broken by the text."""
    parts: list[Any] = _NUMBER.split(text)  # every other part is a number, so like is compared with like
    parts[1::2] = map(int, parts[1::2])
    return parts, text


def flatten(nested: dict[Any, Any], prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` -> `{"a.b": 1}`."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
