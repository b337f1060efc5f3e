"""The callback that reports progress."""

from collections.abc import Callable

# Called with what is done, how many are done, and how many there are.
ReportProgress = Callable[[str, int, int], None]
