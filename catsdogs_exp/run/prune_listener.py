"""Reports each epoch to a search, and ends the run if the search prunes it."""

from collections.abc import Callable

from catsdogs_exp.errors import Pruned
from catsdogs_exp.training.progress import EpochResult
from catsdogs_exp.training.steps import Steps


class PruneListener:
    """Ends a run by `Pruned` after an epoch in which `watch` returns a reason.

    Args:
        watch: called with the epoch's number and its monitored value; returns why to prune the run, or "".
        monitor: the name of the monitored metric.
    """

    def __init__(self, watch: Callable[[int, float], str], monitor: str) -> None:
        self._watch, self._monitor = watch, monitor

    def on_step(self, epoch: int, step: int, steps: int, steps_object: Steps) -> None:
        """Does nothing: runs are compared after whole epochs."""

    def on_epoch(self, result: EpochResult) -> None:
        """Reports the epoch.

        Raises:
            Pruned: if other runs do better.
        """
        if reason := self._watch(result.epoch, result.value(self._monitor)):
            raise Pruned(reason)
