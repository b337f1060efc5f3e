"""Tables: pandas if it is installed, otherwise a list of rows."""

from collections.abc import Sequence
from typing import Any


def table(rows: Sequence[dict[str, Any]]) -> Any:
    """Returns the rows as a `pandas.DataFrame`, or, without pandas, unchanged as a list of dictionaries."""
    try:
        import pandas as pd  # noqa: PLC0415  (optional, and slow to import)
    except ImportError:
        return list(rows)
    return pd.DataFrame(list(rows))
