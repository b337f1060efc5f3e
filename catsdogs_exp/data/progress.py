"""The callback that reports progress."""

from collections.abc import Callable

# Called with the current task, the number done, and the total.
ReportProgress = Callable[[str, int, int], None]
