"""JSON on stdout: names as they are where the output can hold them, otherwise as JSON's own escapes."""

import json
import sys
from typing import Any

from catsdogs_exp.record.folder.json_values import finite


def put_json(content: Any, indent: int | None = 1) -> None:
    """Prints a value. NaN and infinity, which JSON does not have, become null.

    Args:
        content: of dictionaries, lists, texts and numbers.
        indent: of nested values; None: all on one line.
    """
    # An output of ASCII or cp1252 would otherwise replace letters by Python's escapes, such as \xe9.
    plain = not (sys.stdout.encoding or "").lower().startswith("utf")
    text = json.dumps(finite(content), indent=indent, ensure_ascii=plain, allow_nan=False)
    print(text.encode("utf-8", "backslashreplace").decode("utf-8"))  # noqa: T201  (names may hold bytes that are no text)
