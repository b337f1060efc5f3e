"""Values for JSON, which has neither NaN nor infinity."""

import math
from typing import Any


def finite(value: Any) -> Any:
    """Replaces NaN and infinity, which are not valid JSON, by None."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
