"""A study shared by several machines: heartbeats, and trials of lost machines."""

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from catsdogs_exp.errors import RunFailed, one_line
from catsdogs_exp.sweep.search.study import beats_per_wait, optuna

_AWAY = 600.0  # seconds that a database may be away: to restart, or because the network is down
_PAUSE = 2.0  # seconds between two attempts
_NO_ANSWER = ("OperationalError", "InterfaceError")  # of SQLAlchemy: no connection, a restart, a locked file

Answer = TypeVar("Answer")


class DatabaseAway(RunFailed):
    """The database of a study does not answer."""


def patiently(call: Callable[[], Answer], say: Callable[[str], None]) -> Answer:
    """Returns what a function returns, and calls it again while the database of the study does not answer.

    Args:
        call: may be called again after it failed.
        say: called with a message when the wait begins.

    Raises:
        DatabaseAway: if it does not answer for ten minutes.
    """
    until, waits = time.monotonic() + _AWAY, False
    while True:
        try:
            return call()
        except Exception as error:
            if not is_away(error):
                raise
            if time.monotonic() >= until:
                raise DatabaseAway(
                    f"The database of the study has not answered for {_AWAY / 60:g} minutes: {_reason(error)}"
                ) from error
            if not waits:
                say(f"the database of the study does not answer; waits for it, at most {_AWAY / 60:g} minutes")
            waits = True
            time.sleep(_PAUSE)


def is_away(error: BaseException) -> bool:
    """Returns whether an error, or what it was raised from, says that a database does not answer."""
    return any(type(each).__name__ in _NO_ANSWER for each in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    each: BaseException | None = error
    while each is not None:
        if type(each).__module__.partition(".")[0] == "sqlalchemy":
            yield each
        each = each.__cause__


def _reason(error: BaseException) -> str:
    found = next((each for each in _causes(error)), error)
    return one_line(getattr(found, "orig", None) or found)


class SignsOfLife:
    """Sends heartbeats to the storage every few seconds while this process runs its trials.

    Args:
        storage: Optuna's object for the storage.
        trials: returns the IDs of the running trials.
        seconds: time after which other machines count a silent trial as lost.
    """

    def __init__(self, storage: Any, trials: Callable[[], Sequence[int]], seconds: int) -> None:
        self._storage, self._trials, self._pause = storage, trials, beats_per_wait(seconds)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._tell, name="signs-of-life", daemon=True)

    def __enter__(self) -> "SignsOfLife":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopping.set()
        self._thread.join(timeout=10)

    def _tell(self) -> None:
        while True:  # the first one at once: a resumed search has trials that have been silent for a while
            with suppress(Exception):  # the database may come back, and the next sign of life says the same
                for trial in self._trials():
                    self._storage.record_heartbeat(trial)
            if self._stopping.wait(self._pause):
                return


def repeat_lost(study: Any) -> None:
    """Marks the running trials of lost machines as failed, and requeues each of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this part of Optuna is experimental
        optuna().storages.fail_stale_trials(study)


def wait_for_lost(study: Any, has_more: Callable[[], bool], seconds: int) -> bool:
    """Waits until each trial that runs elsewhere has ended, sent a heartbeat, or counts as lost.

    Args:
        study: Optuna's object.
        has_more: returns whether there is a trial to run.
        seconds: time after which a silent trial counts as lost.

    Returns:
        Whether there is a trial to run after all.
    """
    until = time.monotonic() + seconds + beats_per_wait(seconds)
    running = (optuna().trial.TrialState.RUNNING,)
    while time.monotonic() < until and study.get_trials(deepcopy=False, states=running):
        time.sleep(1)
        repeat_lost(study)
        if has_more():
            return True
    return False
