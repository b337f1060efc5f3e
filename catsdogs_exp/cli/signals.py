"""Ctrl-C and SIGTERM end a run cleanly: as an exception of ours, so that its folder says `interrupted`."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from catsdogs_exp.errors import Interrupted


@contextmanager
def interruptible() -> Iterator[None]:
    """Within it, SIGINT and SIGTERM raise `Interrupted` in the main thread."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise Interrupted(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
