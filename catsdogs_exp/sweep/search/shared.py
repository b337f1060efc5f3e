"""A study shared by several machines: heartbeats, and trials of lost machines."""

import threading
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from catsdogs_exp.sweep.search.study import beats_per_wait, optuna


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
        while not self._stopping.wait(self._pause):
            try:
                for trial in self._trials():
                    self._storage.record_heartbeat(trial)
            except Exception:  # noqa: S112  (the database may come back, and the next sign of life says the same)
                continue


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
