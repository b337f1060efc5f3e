"""Ctrl-C and SIGTERM end a run cleanly: as an exception of ours, so that its folder says `interrupted`."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from catsdogs_exp.errors import Interrupted

_received: list[int] = []


@contextmanager
def interruptible() -> Iterator[None]:
    """Within it, SIGINT and SIGTERM raise `Interrupted` in the main thread."""

    def stop(number: int, _frame: FrameType | None) -> None:
        _received.append(number)
        raise Interrupted(number)

    _received.clear()
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interruption_wins() -> Iterator[None]:
    """After a signal, whatever comes out of the block is `Interrupted`.

    Libraries in the middle of something, such as writing an HDF5 file, turn it into an error of their own.
    """
    try:
        yield
    except Exception as error:
        if _received:
            raise Interrupted(_received[0]) from error
        raise
