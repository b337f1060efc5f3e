"""Intervals as users write them: `1epochs`, `20steps`, `60s`, `never`."""

import re
from dataclasses import dataclass

from catsdogs_exp.errors import BadInput

_UNITS = {"epoch": "epochs", "epochs": "epochs", "step": "steps", "steps": "steps", "s": "s"}


@dataclass(frozen=True)
class Interval:
    """How often something happens.

    Attributes:
        count: number of units, >= 0; 0 for never.
        unit: `epochs`, `steps` or `s` (seconds).
    """

    count: int
    unit: str


def parse_interval(text: str, name: str) -> Interval:
    """Parses an interval.

    Args:
        text: `2epochs`, `20steps`, `60s` or `never`.
        name: the setting, for the message.

    Raises:
        BadInput: for anything else.
    """
    if text == "never":
        return Interval(0, "epochs")
    found = re.fullmatch(r"(\d{1,9}) ?([a-z]+)", text)
    if not found or found[2] not in _UNITS or int(found[1]) < 1:
        raise BadInput(
            f"{name} must be a number >= 1 with epochs, steps or s, such as 1epochs, 20steps or 60s, or never. "
            f"Received: {name}={text}"
        )
    return Interval(int(found[1]), _UNITS[found[2]])
