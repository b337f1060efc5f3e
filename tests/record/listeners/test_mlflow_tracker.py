"""MLflow, on local stores; a tracker that fails does not end a run."""

import csv
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.config.schema import Config
from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.listeners import mlflow_tracker
from catsdogs_exp.record.listeners.mlflow_tracker import MlflowTracker, TrackedRun, without_password

TRACKED = ("epochs=2", "logging.mlflow=true")
QUICK = ("logging.activations.every=0", "logging.tensorboard=false", *TRACKED)


# What MLflow and SQLAlchemy warn of among themselves.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """MLflow with telemetry off, for reading back; skips where it is not installed, but never in CI."""
    if not os.environ.get("CI"):
        pytest.importorskip("mlflow")
    for name in ("MLFLOW_DISABLE_TELEMETRY", "MLFLOW_ALLOW_FILE_STORE"):
        monkeypatch.setenv(name, "true")
    import mlflow.tracking

    yield mlflow


def the_run(folder: Path) -> Path:
    (found,) = (folder / "drawn").iterdir()
    return found


@pytest.mark.parametrize("store", ["file", pytest.param("sqlite", marks=pytest.mark.slow)])
def test_a_run_is_written_to_a_local_store(
    store: str, mlflow: Any, tmp_path: Path, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/store/mlflow.db" if store == "sqlite" else (tmp_path / "store" / "mlruns").as_uri()
    (tmp_path / "store").mkdir()
    assert main([*tiny, *QUICK, f"logging.mlflow_uri={uri}", "output_dir=out"]) == 0
    run = the_run(tmp_path / "out")
    client = mlflow.tracking.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("drawn")
    (found,) = client.search_runs([experiment.experiment_id])
    assert (found.info.run_name, found.info.status) == (run.name, "FINISHED")
    assert found.data.params["lr"] == "0.001" and found.data.params["model.dense"] == "16"
    result = json.loads((run / "result.json").read_text())
    assert found.data.metrics["best_val_accuracy"] == result["metrics"]["val"]["accuracy"]
    assert found.data.metrics["best_test_loss"] == result["metrics"]["test"]["loss"]
    with (run / "metrics.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    for name in ("loss", "val_accuracy"):
        history = client.get_metric_history(found.info.run_id, name)
        assert {point.step: point.value for point in history} == {int(row["epoch"]): float(row[name]) for row in rows}
    there = {
        each.path
        for folder in ("", "activations", "model")
        for each in client.list_artifacts(found.info.run_id, folder)
    }
    assert {"config.yaml", "predictions.csv", "staircase.png", "photo_map.jpg", "model/best.keras"} <= there
    assert len([path for path in there if path.startswith("activations/best-")]) == 2
    copy = client.download_artifacts(found.info.run_id, "model/best.keras", str(tmp_path))
    assert Path(copy).read_bytes() == (run / "checkpoints" / "best.keras").read_bytes()
    here = sorted(path.name for path in tmp_path.iterdir())
    assert here == ["best.keras", "out", "store"]  # nothing else in the current folder


@pytest.mark.parametrize("store", ["file", pytest.param("sqlite", marks=pytest.mark.slow)])
def test_a_resumed_run_continues_its_record(store: str, mlflow: Any, tmp_path: Path, bare: tuple[str, ...]) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db" if store == "sqlite" else (tmp_path / "mlruns").as_uri()
    words = [*bare, "epochs=1", "logging.mlflow=true", f"logging.mlflow_uri={uri}", f"output_dir={tmp_path / 'out'}"]
    assert main(words) == 0
    run = the_run(tmp_path / "out")
    assert main(["resume", str(run), "epochs=2"]) == 0
    client = mlflow.tracking.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("drawn").experiment_id
    (found,) = client.search_runs([experiment])
    assert found.info.status == "FINISHED" and json.loads((run / "mlflow.json").read_text()) == {
        "run_id": found.info.run_id
    }
    assert (found.data.params["epochs"], found.data.tags["resumed with epochs"]) == ("1", "2")
    assert [point.step for point in client.get_metric_history(found.info.run_id, "loss")] == [1, 2]
    # An epoch that is trained once more, because the run was killed before its checkpoint, is not logged again.
    for path in sorted((run / "checkpoints" / "last").glob("*.npz"))[1:]:
        path.unlink()
    assert main(["resume", str(run), "epochs=3"]) == 0
    (found,) = client.search_runs([experiment])
    assert [point.step for point in client.get_metric_history(found.info.run_id, "loss")] == [1, 2, 3]


@pytest.mark.slow
def test_two_runs_may_create_the_store_at_once(mlflow: Any, tmp_path: Path) -> None:
    """Jobs of a sweep, in two processes."""
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from catsdogs_exp.record.listeners.mlflow_tracker import MlflowTracker, TrackedRun\n"
        "folder = Path(sys.argv[2])\nfolder.mkdir()\n"
        "run = TrackedRun(folder, 'photos', folder.name, {'lr': 0.1})\n"
        "MlflowTracker(sys.argv[1], run, print).close('ok', {})\n"
    )
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    commands = [[sys.executable, "-c", script, uri, str(tmp_path / name)] for name in ("a", "b", "c")]
    started = [subprocess.Popen(each, stdout=subprocess.PIPE, text=True, env=environment) for each in commands]
    assert [process.communicate(timeout=120)[0] for process in started] == ["", "", ""]
    client = mlflow.tracking.MlflowClient(tracking_uri=uri)
    (experiment,) = [each for each in client.search_experiments() if each.name == "photos"]
    assert sorted(run.info.run_name for run in client.search_runs([experiment.experiment_id])) == ["a", "b", "c"]


@pytest.mark.slow
def test_the_process_is_left_as_it_was(mlflow: Any, tmp_path: Path, tiny: tuple[str, ...]) -> None:
    before, threads = dict(os.environ), threading.active_count()
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert main([*tiny, *QUICK, f"logging.mlflow_uri={uri}", f"output_dir={tmp_path}"]) == 0
    assert {name: value for name, value in os.environ.items() if "MLFLOW" in name} == {
        name: value for name, value in before.items() if "MLFLOW" in name
    }
    assert mlflow.get_tracking_uri() != uri  # the tracker has a client of its own
    assert threading.active_count() <= threads + 1  # no worker of ours is left


def test_telemetry_is_off_where_the_tracker_imports_mlflow(mlflow: Any, tmp_path: Path) -> None:
    script = (
        "import os\n"
        "from catsdogs_exp import process\n"
        "with process.mlflow_environment():\n"
        "    import mlflow\n"
        "    from mlflow.telemetry.utils import is_telemetry_disabled\n"
        "    assert is_telemetry_disabled()\n"
        "from mlflow.telemetry import get_telemetry_client\n"
        "assert get_telemetry_client() is None\n"
        "assert 'MLFLOW_DISABLE_TELEMETRY' not in os.environ\n"
    )
    environment = {name: value for name, value in os.environ.items() if "MLFLOW" not in name and name != "CI"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr


def test_mlflow_does_not_report_the_tables_it_creates(mlflow: Any, tmp_path: Path) -> None:
    """Not even where the tracker is the first to import it."""
    script = (
        "import logging\n"
        "from catsdogs_exp import process\n"
        "with process.mlflow_environment():\n"
        "    import mlflow\n"
        "    logging.getLogger('mlflow.store.db.utils').info('Creating initial MLflow database tables...')\n"
    )
    environment = {name: value for name, value in os.environ.items() if "MLFLOW" not in name}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert "Creating" not in ran.stderr + ran.stdout


def test_an_unreachable_server_does_not_end_the_run(
    mlflow: Any,
    tmp_path: Path,
    bare: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://somebody:secret@127.0.0.1:9")
    assert main([*bare, *TRACKED, f"output_dir={tmp_path}"]) == 0
    said = capsys.readouterr().err
    assert said.count("MLflow failed: ") == 1 and "The run continues without it; the run folder has everything" in said
    run = the_run(tmp_path)
    assert json.loads((run / "result.json").read_text())["status"] == "ok"
    for name in ("config.yaml", "run.log", "result.json"):
        assert "secret" not in (run / name).read_text()
    assert "secret" not in said


def test_a_server_that_never_answers_is_given_up(
    mlflow: Any,
    tmp_path: Path,
    bare: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = threading.Event()
    monkeypatch.setattr(mlflow_tracker, "_PATIENCE", 0.2)
    monkeypatch.setattr(mlflow.tracking.MlflowClient, "get_experiment_by_name", lambda *_: answer.wait())
    assert main([*bare, *TRACKED, f"logging.mlflow_uri=sqlite:///{tmp_path}/m.db", f"output_dir={tmp_path}/out"]) == 0
    answer.set()
    assert (
        f"MLflow does not respond; its record of the run is incomplete: sqlite:///{tmp_path}/m.db"
        in capsys.readouterr().err
    )


@pytest.mark.slow
def test_a_store_that_fails_halfway_does_not_end_the_run(
    mlflow: Any,
    tmp_path: Path,
    bare: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, calls = mlflow.tracking.MlflowClient, []
    write = client.log_metric

    def fails(self: Any, run: str, name: str, value: float, **more: Any) -> None:
        calls.append(name)
        if more["step"] == 2:
            raise OSError("the disk is gone")
        write(self, run, name, value, **more)

    monkeypatch.setattr(client, "log_metric", fails)
    uri = f"sqlite:///{tmp_path}/m.db"
    assert main([*bare, *TRACKED, f"logging.mlflow_uri={uri}", f"output_dir={tmp_path}/out"]) == 0
    assert "MLflow failed: OSError: the disk is gone. The run continues without it" in capsys.readouterr().err
    reader = client(tracking_uri=uri)
    (found,) = reader.search_runs([reader.get_experiment_by_name("drawn").experiment_id])
    assert [point.step for point in reader.get_metric_history(found.info.run_id, "loss")] == [1]
    assert "Traceback" in (the_run(tmp_path / "out") / "run.log").read_text()


def test_without_the_package_the_extra_is_named(
    tmp_path: Path, bare: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    assert main([*bare, *TRACKED, "logging.mlflow_uri=sqlite:///m.db", f"output_dir={tmp_path}"]) == 2
    assert "Install it: pip install 'catsdogs-exp[mlflow]'" in capsys.readouterr().err


def test_tracking_needs_a_place_and_no_password(config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(BadInput, match=r"Type: logging\.mlflow_uri=sqlite:///mlflow\.db, or set"):
        config("logging.mlflow=true")
    with pytest.raises(BadInput, match=r"must not contain a user name or password") as refused:
        config("logging.mlflow=true", "logging.mlflow_uri=https://me:secret@host")
    assert "secret" not in str(refused.value)
    assert without_password("at https://me:secret@host/x, y") == "at https://...@host/x, y"


@pytest.mark.parametrize("status", ["ok", "failed", "interrupted", "pruned"])
def test_the_tag_status_tells_how_the_run_ended(status: str, mlflow: Any, tmp_path: Path) -> None:
    uri = (tmp_path / "mlruns").as_uri()
    run = TrackedRun(tmp_path, "photos", "run", {"lr": 0.1})
    tracker, said = MlflowTracker(uri, run, (messages := []).append), messages
    tracker._calls.put(lambda: messages.append(tracker._client.get_run(tracker._id).data.tags["status"]))
    tracker.close(status, {})
    client = mlflow.tracking.MlflowClient(tracking_uri=uri)
    (found,) = client.search_runs([client.get_experiment_by_name("photos").experiment_id])
    assert (said, found.data.tags["status"]) == (["running"], status)
