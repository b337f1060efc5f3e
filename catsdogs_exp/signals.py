"""Ctrl-C, SIGTERM and a closed terminal end a run cleanly, with an exception, so that its folder says `interrupted`."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from catsdogs_exp.errors import Interrupted

_received: list[int] = []
_HANG_UP = getattr(signal, "SIGHUP", None)  # Windows has none


@contextmanager
def interruptible(also: Sequence[int] = ()) -> Iterator[None]:
    """A context in which SIGINT, SIGTERM and SIGHUP raise `Interrupted` in the main thread.

    An ignored SIGHUP, as with `nohup`, stays ignored.

    Args:
        also: further signals with the same effect, such as the one that announces the end of a cluster job's time.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        if number == _HANG_UP and _received:  # a shell and its terminal each send one when they close
            return
        _received.append(number)
        raise Interrupted(number)

    _received.clear()
    numbers: list[int] = [signal.SIGINT, signal.SIGTERM, *also]
    if _HANG_UP is not None and signal.getsignal(_HANG_UP) is not signal.SIG_IGN:
        numbers.append(_HANG_UP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _received.clear()


def end_if_interrupted() -> None:
    """Raises `Interrupted` once more after a signal: Python drops exceptions in destructors and callbacks."""
    if _received:
        raise Interrupted(_received[0])


@contextmanager
def interruption_wins() -> Iterator[None]:
    """After a signal, any error raised in the block becomes `Interrupted`.

    Libraries interrupted in the middle of something, such as writing an HDF5 file, raise their own errors.
    """
    _received.clear()  # of an earlier run of this process
    try:
        yield
    except Exception as error:
        if _received:
            raise Interrupted(_received[0]) from error
        raise
