"""Opens third-party listeners of a run: those of plugins, and MLflow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catsdogs_exp.config.build import to_plain
from catsdogs_exp.config.checks.tracking_check import tracking_uri
from catsdogs_exp.natural_sort import flatten
from catsdogs_exp.record.listeners.custom import GuardedListener, ListenedRun, make_listeners
from catsdogs_exp.record.listeners.mlflow_tracker import MlflowTracker, TrackedRun
from catsdogs_exp.run.job import Job, run_name
from catsdogs_exp.run.network import Setup
from catsdogs_exp.training.fit import Listener
from catsdogs_exp.training.progress import EpochResult


@dataclass(frozen=True)
class Guests:
    """Listeners whose errors do not end the run.

    Attributes:
        custom: of plugins.
        tracker: of MLflow, or None.
    """

    custom: Sequence[GuardedListener]
    tracker: MlflowTracker | None

    @property
    def listeners(self) -> Sequence[Listener]:
        """Returns the listeners, which are notified after each step and epoch."""
        return [*self.custom, *([self.tracker] if self.tracker else [])]

    def close(self, status: str, result: Mapping[str, Any]) -> None:
        """Tells them how the run ended, `ok`, `failed`, `interrupted` or `pruned`, and what `result.json` contains."""
        for listener in self.custom:
            listener.on_end(status)
        if self.tracker is not None:
            found = result.get("metrics") or {}
            best = {f"{split}_{name}": value for split, values in found.items() for name, value in values.items()}
            self.tracker.close(status, {name: value for name, value in best.items() if isinstance(value, float)})


def open_guests(job: Job, setup: Setup, epochs: Sequence[EpochResult], say: Callable[[str], None]) -> Guests:
    """Creates the listeners named by `logging.listeners`, and MLflow's.

    Args:
        job: the run.
        setup: what it trains.
        epochs: those done so far, of a resumed run.
        say: called with messages for the user.

    Raises:
        BadInput: if a listener cannot be created, or MLflow is not installed.
    """
    config = setup.config
    about = ListenedRun(job.folder, config, setup.data.manifest.classes, setup.network.model, say, tuple(epochs))
    custom = make_listeners(config.logging.listeners, about)
    tracker = None
    if config.logging.mlflow:
        settings = flatten(to_plain(config))
        run = TrackedRun(job.folder, run_name(config), job.name, settings, resumed=job.found is not None)
        tracker = MlflowTracker(tracking_uri(config.logging), run, say)
    return Guests(custom, tracker)
