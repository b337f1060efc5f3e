"""Logs a run to MLflow: parameters, metrics, pictures and the best network.

A separate thread makes all calls, in order. A server that does not respond delays no training step. The first failure
is reported, and nothing more is sent: the run folder has everything.
"""

import logging
import queue
import re
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catsdogs_exp import process
from catsdogs_exp.errors import BadInput, one_line

if TYPE_CHECKING:  # they come with TensorFlow
    from catsdogs_exp.training.progress import EpochResult
    from catsdogs_exp.training.steps import Steps

_PATIENCE = 60.0  # maximum number of seconds that the end of a run waits for MLflow
_LONGEST = 6000  # maximum number of characters that MLflow accepts for a parameter's value
_STATUS = {"ok": "FINISHED", "interrupted": "KILLED"}
_FILES = ("config.yaml", "manifest.csv", "metrics.csv", "predictions.csv", "staircase.png")
_log = logging.getLogger("catsdogs_exp")


@dataclass(frozen=True)
class TrackedRun:
    """The information that MLflow is given when a run begins.

    Attributes:
        folder: of the run.
        experiment: that it belongs to.
        name: of the run.
        parameters: flat settings.
    """

    folder: Path
    experiment: str
    name: str
    parameters: Mapping[str, Any]


class MlflowTracker:
    """A listener that logs to an MLflow tracking server or store.

    Args:
        uri: tracking URI, such as `sqlite:///mlflow.db` or `http://localhost:5000`.
        run: the run.
        say: called with a message about why logging has stopped.

    Raises:
        BadInput: if MLflow is not installed.
    """

    def __init__(self, uri: str, run: TrackedRun, say: Callable[[str], None]) -> None:
        self._uri, self._run, self._say = uri, run, say
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._has_failed = False
        self._client: Any = None
        self._id = ""
        self._environment = ExitStack()
        self._environment.enter_context(process.mlflow_environment())
        try:
            from mlflow.tracking import MlflowClient  # noqa: PLC0415  (an extra)
        except ImportError as error:
            self._environment.close()
            raise BadInput(
                "logging.mlflow=true needs the package mlflow-skinny or mlflow, which is not installed. "
                "Install it: pip install 'catsdogs-exp[mlflow]'"
            ) from error
        self._make: Callable[..., Any] = MlflowClient
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        self._calls.put(self._begin)

    def on_step(self, epoch: int, step: int, steps: int, steps_object: "Steps") -> None:
        """Does nothing: values are logged once per epoch."""

    def on_epoch(self, result: "EpochResult") -> None:
        """Queues the epoch's metrics."""
        values = {
            **result.train,
            **{f"val_{name}": value for name, value in result.val.items()},
            "learning_rate": result.learning_rate,
            "images_per_second": result.images_per_second,
        }
        self._calls.put(lambda: self._metrics(values, result.epoch))

    def close(self, status: str, best: Mapping[str, float]) -> None:
        """Queues the files and the status of the run, and waits at most a minute until everything is written.

        Args:
            status: `ok`, `failed` or `interrupted`.
            best: metrics of the best epoch.
        """
        if best:
            self._calls.put(lambda: self._metrics({f"best_{name}": value for name, value in best.items()}, 0))
        self._calls.put(self._artifacts)
        self._calls.put(lambda: self._client.set_terminated(self._id, _STATUS.get(status, "FAILED")))
        self._calls.put(None)
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            self._has_failed = True  # the thread stops after the current call
            self._say(f"MLflow does not respond; its record of the run is incomplete: {without_password(self._uri)}")
        self._environment.close()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            if self._has_failed:
                continue
            try:
                call()
            except Exception as error:  # network, server or store errors
                if not self._has_failed:
                    self._has_failed = True
                    _log.error("MLflow failed\n%s", without_password(traceback.format_exc()))
                    why = without_password(one_line(error))
                    self._say(f"MLflow failed: {why}. The run continues without it; the run folder has everything")

    def _begin(self) -> None:
        client = self._make(tracking_uri=self._uri)
        found = client.get_experiment_by_name(self._run.experiment)
        experiment = found.experiment_id if found else client.create_experiment(self._run.experiment, **self._place())
        self._id = client.create_run(experiment, run_name=self._run.name).info.run_id
        self._client = client
        for key, value in self._run.parameters.items():
            client.log_param(self._id, re.sub(r"[^\w./ -]", "_", key), str(value)[:_LONGEST])

    def _place(self) -> dict[str, str]:
        """Returns the artifact location: next to the database, while MLflow's default is the current folder."""
        database = re.fullmatch(r"sqlite:///(.+)", self._uri)
        return {"artifact_location": (Path(database[1]).absolute().parent / "mlruns").as_uri()} if database else {}

    def _metrics(self, values: Mapping[str, float], epoch: int) -> None:
        for name, value in values.items():
            self._client.log_metric(self._id, name, value, step=epoch)

    def _artifacts(self) -> None:
        folder = self._run.folder
        for path in (folder / name for name in _FILES):
            if path.is_file():
                self._client.log_artifact(self._id, str(path))
        for path in _pictures(folder / "activations"):
            self._client.log_artifact(self._id, str(path), "activations")
        best = folder / "checkpoints" / "best.keras"
        if best.is_file():
            self._client.log_artifact(self._id, str(best), "model")


def without_password(text: str) -> str:
    """Returns a text with users and passwords removed from its URIs."""
    return re.sub(r"(://)[^/@\s]+@", r"\1...@", text)


def _pictures(folder: Path) -> Sequence[Path]:
    return sorted(folder.glob("*.png"))
