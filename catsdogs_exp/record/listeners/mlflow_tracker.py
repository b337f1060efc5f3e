"""Logs a run to MLflow: parameters, metrics, pictures and the best network.

A separate thread makes all calls, in order. A server that does not respond delays no training step. The first failure
is reported, and nothing more is sent: the run folder has everything.
"""

import hashlib
import json
import logging
import queue
import re
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
from filelock import FileLock

from catsdogs_exp import process
from catsdogs_exp.errors import BadInput, one_line
from catsdogs_exp.record.photo_map import PICTURE

if TYPE_CHECKING:  # they come with TensorFlow
    from catsdogs_exp.training.progress import EpochResult
    from catsdogs_exp.training.steps import Steps

_PATIENCE = 60.0  # maximum number of seconds that the end of a run waits for MLflow
_LONGEST = 6000  # maximum number of characters that MLflow accepts for a parameter's value
_STATUS = {"ok": "FINISHED", "interrupted": "KILLED", "pruned": "KILLED"}
_STATUS_TAG = (
    "status"  # the tag with the status as in result.json: MLflow's own has one word for interrupted and pruned
)
_ID = "mlflow.json"  # in the run folder: the run's identity in MLflow
_LAST = "images_per_second"  # the last metric of an epoch to be logged
_FILES = ("config.yaml", "manifest.csv", "metrics.csv", "predictions.csv", "staircase.png", PICTURE)
_log = logging.getLogger("catsdogs_exp")


@dataclass(frozen=True)
class TrackedRun:
    """The information that MLflow is given when a run begins.

    Attributes:
        folder: of the run.
        experiment: that it belongs to.
        name: of the run.
        parameters: flat settings.
        resumed: whether the run continues an earlier one: its record in MLflow is continued, too.
    """

    folder: Path
    experiment: str
    name: str
    parameters: Mapping[str, Any]
    resumed: bool = False


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
        self._logged: dict[int, float] = {}  # loss of the epochs that a resumed run's record has already
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
            _LAST: result.images_per_second,
        }
        self._calls.put(lambda: self._metrics(values, result.epoch))

    def close(self, status: str, best: Mapping[str, float]) -> None:
        """Queues the files and the status of the run, and waits at most a minute until everything is written.

        Args:
            status: `ok`, `failed`, `interrupted` or `pruned`.
            best: metrics of the best epoch.
        """
        if best:
            self._calls.put(lambda: self._metrics({f"best_{name}": value for name, value in best.items()}, 0))
        self._calls.put(self._artifacts)
        self._calls.put(lambda: self._client.set_tag(self._id, _STATUS_TAG, status))
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
        with _alone(self._uri):
            client = self._make(tracking_uri=self._uri)
            experiment = self._experiment(client)
        earlier = self._earlier(client)
        if earlier is None:
            self._id = client.create_run(experiment, run_name=self._run.name).info.run_id
            (self._run.folder / _ID).write_text(json.dumps({"run_id": self._id}), encoding="utf-8")
        else:
            self._id = earlier.info.run_id
            client.update_run(self._id, status="RUNNING")
            complete = {point.step for point in client.get_metric_history(self._id, _LAST)}
            losses = {point.step: point.value for point in client.get_metric_history(self._id, "loss")}
            self._logged = {step: loss for step, loss in losses.items() if step in complete}
        self._client = client
        client.set_tag(self._id, _STATUS_TAG, "running")
        known = {} if earlier is None else earlier.data.params
        for key, value in self._run.parameters.items():
            name, text = re.sub(r"[^\w./ -]", "_", key), str(value)[:_LONGEST]
            if name not in known:
                client.log_param(self._id, name, text)
            elif known[name] != text:  # MLflow never changes a parameter
                client.set_tag(self._id, f"resumed with {name}", text)

    def _experiment(self, client: Any) -> str:
        name = self._run.experiment
        found = client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(client.create_experiment(name, **self._place()))
            except Exception:  # another run has just created it
                found = client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _earlier(self, client: Any) -> Any:
        """Returns MLflow's record of the run that is resumed, or None if this store has none."""
        try:
            identity = json.loads((self._run.folder / _ID).read_text(encoding="utf-8"))["run_id"]
            found = client.get_run(identity) if self._run.resumed else None
        except Exception:  # no file, or one of another store
            return None
        return found if found is not None and found.info.run_name == self._run.name else None

    def _place(self) -> dict[str, str]:
        """Returns the artifact location: next to the database, while MLflow's default is the current folder."""
        database = re.fullmatch(r"sqlite:///(.+)", self._uri)
        return {"artifact_location": (Path(database[1]).absolute().parent / "mlruns").as_uri()} if database else {}

    def _metrics(self, values: Mapping[str, float], epoch: int) -> None:
        if epoch in self._logged and self._logged[epoch] == values.get("loss"):
            return
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


@contextmanager
def _alone(uri: str) -> Iterator[None]:
    """A context manager in which no other run on this machine opens the same store: MLflow creates tables and
    experiments without a lock.
    """
    of_user = f"{platformdirs.user_cache_dir()} {uri}".encode("utf-8", "backslashreplace")
    name = f"catsdogs-mlflow-{hashlib.sha256(of_user).hexdigest()[:16]}.lock"
    with FileLock(Path(tempfile.gettempdir()) / name, timeout=_PATIENCE):
        yield


def _pictures(folder: Path) -> Sequence[Path]:
    return sorted(folder.glob("*.png"))
