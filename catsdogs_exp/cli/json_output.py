"""JSON on stdout: names as they are where the output can hold them, otherwise as JSON's own escapes."""

import json
import sys
from typing import Any


def put_json(content: Any, indent: int | None = 1, allow_nan: bool = True) -> None:
    """Prints a value.

    Args:
        content: of dictionaries, lists, texts and numbers.
        indent: of nested values; None: all on one line.
        allow_nan: whether NaN may occur, which is no JSON.
    """
    # An output of ASCII or cp1252 would otherwise replace letters by Python's escapes, such as \xe9.
    plain = not (sys.stdout.encoding or "").lower().startswith("utf")
    print(json.dumps(content, indent=indent, ensure_ascii=plain, allow_nan=allow_nan))  # noqa: T201
