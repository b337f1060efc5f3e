"""JSON on stdout: names as they are where the output can hold them, otherwise as JSON's own escapes."""

import json
import sys
from typing import Any


def put_json(content: Any, indent: int | None = 1) -> None:
    """Prints a value. NaN and infinity, which JSON does not have, become null.

    Args:
        content: of dictionaries, lists, texts and numbers.
        indent: of nested values; None: all on one line.
    """
    from catsdogs_exp.record.folder.result import finite

    # An output of ASCII or cp1252 would otherwise replace letters by Python's escapes, such as \xe9.
    plain = not (sys.stdout.encoding or "").lower().startswith("utf")
    print(json.dumps(finite(content), indent=indent, ensure_ascii=plain, allow_nan=False))  # noqa: T201
