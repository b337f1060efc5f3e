"""How a field of the schema carries its help text and its limits."""

from dataclasses import MISSING, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Limits:
    """What a value may be: open bounds `above` and `below`, closed ones `at_least` and `at_most`.

    With `around`, one number n stands for the range from `around` - n to `around` + n. `word` may stand instead of a
    number.
    """

    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    choices: tuple[str | int, ...] = ()
    around: float | None = None
    word: str | None = None


def setting(help_text: str, *, default: Any = MISSING, **limits: Any) -> Any:
    """A dataclass field with a help text and the bounds or choices of `Limits`."""
    return field(default=default, metadata={"help": help_text, "limits": Limits(**limits)})
