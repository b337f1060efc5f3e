"""Matches users' regular expressions and globs with a time limit, because some never finish on some names."""

import math
import re
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from catsdogs_exp.errors import BadInput

if TYPE_CHECKING:
    import regex

# Limit for all names together: a base in seconds, plus seconds per name. Normal patterns need about 1e-6 s per name.
SECONDS, SECONDS_PER_NAME = 5.0, 1e-3
# Limit on the product of counts such as {8}: `regex` expands repetitions, 30 MB at this size.
MOST_REPEATS = 100_000
_COUNT = re.compile(r"\{(\d*)(?:,(\d*))?\}")


class Pattern:
    """A regular expression in Python's syntax.

    Args:
        key: the setting it comes from, for messages.
        text: the expression.
        received: what the user wrote, if different.

    Raises:
        re.error: for an invalid regular expression.
    """

    def __init__(self, key: str, text: str, received: str | None = None) -> None:
        import regex  # noqa: PLC0415  (who has no patterns does not pay for it)

        self._key, self._received = key, text if received is None else received
        with warnings.catch_warnings(action="ignore"):  # about syntax whose meaning may change
            # Python's own compiler first: `regex` also supports recursion and fuzzy matching, whose memory use no time
            # limit bounds
            try:
                re.compile(text)
                if _repeats(text) > MOST_REPEATS:
                    raise re.error(f"the product of its counts, as in {{8}}, must be <= {MOST_REPEATS:,}")
                self._compiled = regex.compile(text)
            except (regex.error, OverflowError, RecursionError) as error:
                raise re.error(str(error)) from error
        self._left = SECONDS

    @property
    def groups(self) -> dict[str, int]:
        """Returns the numbers of the named groups."""
        return dict(self._compiled.groupindex)

    def search(self, name: str) -> "regex.Match[str] | None":
        """Returns the first match inside a name.

        Raises:
            BadInput: if the time limit for all names is exceeded, quoting this name.
        """
        return self._limited(self._compiled.search, name)

    def fullmatch(self, name: str) -> "regex.Match[str] | None":
        """Matches a whole name. Raises `BadInput` like `search`."""
        return self._limited(self._compiled.fullmatch, name)

    def _limited(self, match: Callable[..., "regex.Match[str] | None"], name: str) -> "regex.Match[str] | None":
        started = time.perf_counter()
        try:
            found = match(name, timeout=self._left)
        except TimeoutError as error:
            raise BadInput(
                f"{self._key} takes too long: more than {SECONDS:g} s, the last of it on {name[:80]!r}. "
                f"Received: {self._received!r}. Avoid nested repetition, as in '(a+)+', and many '.*' in a row"
            ) from error
        self._left = min(SECONDS, self._left + SECONDS_PER_NAME - (time.perf_counter() - started))
        self._left = max(self._left, SECONDS_PER_NAME)
        return found


def _repeats(text: str) -> int:
    """Returns the product of all counts in a pattern: an upper bound on how often its innermost part is repeated."""
    counts = [max(int(number) for number in found if number) for found in _COUNT.findall(text) if any(found)]
    return math.prod(count for count in counts if count > 1)
