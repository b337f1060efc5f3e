"""Fields of the schema, with their help text and limits."""

from dataclasses import MISSING, dataclass, field
from typing import Any

# What a field with several values means, if its type does not tell.
SIZE = "size"  # tuple[int, int]: height and width in pixels; one number sets both
RANGE = "range"  # tuple[float, float]: lowest and highest
NAMES = "names"  # dict[str, str]: old and new names; a list keeps each name


@dataclass(frozen=True)
class Limits:
    """Allowed values: open bounds `above` and `below`, closed bounds `at_least` and `at_most`.

    `kind` is SIZE, RANGE or NAMES. With `around`, a single number n means the range from `around` - n to `around` + n.
    `word` is allowed instead of a number.
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
        """Returns the numeric bounds."""
        return self.above, self.at_least, self.below, self.at_most


def setting(help_text: str, *, default: Any = MISSING, **limits: Any) -> Any:
    """A dataclass field with a help text and the bounds, choices or kind of `Limits`."""
    return field(default=default, metadata={"help": help_text, "limits": Limits(**limits)})
