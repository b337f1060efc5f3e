"""Turns Ctrl-C, SIGTERM and a closed terminal into an exception that ends a run cleanly, with status `interrupted`."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from catsdogs_exp.errors import Interrupted

_received: list[int] = []
_held: list[bool] = []  # one for each open `held` block
_HANG_UP = getattr(signal, "SIGHUP", None)  # not on Windows


@contextmanager
def interruptible(also: Sequence[int] = ()) -> Iterator[None]:
    """A context manager in which SIGINT, SIGTERM and SIGHUP raise `Interrupted` in the main thread.

    An ignored SIGHUP, as with `nohup`, stays ignored.

    Args:
        also: further signals with the same effect, such as the warning before a cluster job's time limit.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        if number == _HANG_UP and _received:  # a shell and its terminal each send one when they close
            return
        _received.append(number)
        if not _held:
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


@contextmanager
def held() -> Iterator[None]:
    """A context manager in which further signals are ignored: a run records how it ended, whoever is impatient."""
    _held.append(True)
    try:
        yield
    finally:
        _held.pop()


def end_if_interrupted() -> None:
    """Raises `Interrupted` again after a signal, because Python drops exceptions in destructors and callbacks."""
    if _received:
        raise Interrupted(_received[0])


@contextmanager
def interruption_wins() -> Iterator[None]:
    """A context manager that converts any error raised after a signal into `Interrupted`.

    Libraries interrupted midway, for example while writing an HDF5 file, raise their own errors.
    """
    _received.clear()  # from an earlier run in this process
    try:
        yield
    except Exception as error:
        if _received:
            raise Interrupted(_received[0]) from error
        raise
