"""Regular expressions and globs that users write: matched with a time limit, as some never end on some names."""

import math
import re
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from catsdogs_exp.errors import BadInput

if TYPE_CHECKING:
    import regex

# For all names together: so many seconds, and so many more per name. Patterns that end need about 1e-6 per name.
SECONDS, SECONDS_PER_NAME = 5.0, 1e-3
# Counts as in {8} multiplied together: `regex` writes out what they repeat, 30 MB for so many.
MOST_REPEATS = 100_000
_COUNT = re.compile(r"\{(\d*)(?:,(\d*))?\}")


class Pattern:
    """A regular expression in Python's syntax.

    Args:
        key: the setting that it comes from, for messages.
        text: the expression.
        received: what the user wrote, where that is another text.

    Raises:
        re.error: for what is no regular expression.
    """

    def __init__(self, key: str, text: str, received: str | None = None) -> None:
        import regex  # noqa: PLC0415  (who has no patterns does not pay for it)

        self._key, self._received = key, text if received is None else received
        with warnings.catch_warnings(action="ignore"):  # of what a later Python may read otherwise
            # Python's own first: `regex` also knows recursion and fuzzy matching, whose memory no limit of time bounds
            try:
                re.compile(text)
                if _repeats(text) > MOST_REPEATS:
                    raise re.error(f"its counts, as in {{8}}, must multiply to at most {MOST_REPEATS:,}")
                self._compiled = regex.compile(text)
            except (regex.error, OverflowError, RecursionError) as error:
                raise re.error(str(error)) from error
        self._left = SECONDS

    @property
    def groups(self) -> dict[str, int]:
        """The numbers of its named groups."""
        return dict(self._compiled.groupindex)

    def search(self, name: str) -> "regex.Match[str] | None":
        """The first match inside a name.

        Raises:
            BadInput: when all names together have taken too long, naming this one.
        """
        return self._limited(self._compiled.search, name)

    def fullmatch(self, name: str) -> "regex.Match[str] | None":
        """The match of a whole name. Raises as `search` does."""
        return self._limited(self._compiled.fullmatch, name)

    def _limited(self, match: Callable[..., "regex.Match[str] | None"], name: str) -> "regex.Match[str] | None":
        started = time.perf_counter()
        try:
            found = match(name, timeout=self._left)
        except TimeoutError as error:
            raise BadInput(
                f"{self._key} takes too long: more than {SECONDS:g} s, the last of it on {name[:80]!r}. "
                f"Received: {self._received!r}. Do not repeat what repeats, as in '(a+)+', nor many '.*' in a row"
            ) from error
        self._left = min(SECONDS, self._left + SECONDS_PER_NAME - (time.perf_counter() - started))
        self._left = max(self._left, SECONDS_PER_NAME)
        return found


def _repeats(text: str) -> int:
    """All counts in a pattern multiplied: at least as often as its innermost part is repeated."""
    counts = [max(int(number) for number in found if number) for found in _COUNT.findall(text) if any(found)]
    return math.prod(count for count in counts if count > 1)
