"""How a field of the schema carries its help text and its limits."""

from dataclasses import MISSING, dataclass, field
from typing import Any

# What a field of several values means, where its type alone would mean just so many of them.
SIZE = "size"  # tuple[int, int]: height and width in pixels; one number for both
RANGE = "range"  # tuple[float, float]: the lowest and the highest
NAMES = "names"  # dict[str, str]: old names and new ones; a list keeps each as it is


@dataclass(frozen=True)
class Limits:
    """What a value may be: open bounds `above` and `below`, closed ones `at_least` and `at_most`.

    `kind` is SIZE, RANGE or NAMES. With `around`, one number n stands for the range from `around` - n to `around` + n.
    `word` may stand instead of a number.
    """

    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    choices: tuple[str | int, ...] = ()
    around: float | None = None
    word: str | None = None
    kind: str | None = None

    @property
    def bounds(self) -> tuple[float | None, ...]:
        """Those of numbers."""
        return self.above, self.at_least, self.below, self.at_most


def setting(help_text: str, *, default: Any = MISSING, **limits: Any) -> Any:
    """A dataclass field with a help text and the bounds, choices or kind of `Limits`."""
    return field(default=default, metadata={"help": help_text, "limits": Limits(**limits)})
