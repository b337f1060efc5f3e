"""Natural sorting, and flattening of nested settings. Imports nothing."""

import re
from typing import Any


def natural_key(text: str) -> tuple[list[tuple[int, int, str]], str]:
    """A sort key that puts `cat.2.jpg` before `cat.10.jpg`; ties such as `cat.02.jpg` are broken by the text."""
    parts = re.split(r"([0-9]+)", text)
    return [(0, int(p), "") if p.isascii() and p.isdigit() else (1, 0, p) for p in parts], text


def flatten(nested: dict[Any, Any], prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` -> `{"a.b": 1}`."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
