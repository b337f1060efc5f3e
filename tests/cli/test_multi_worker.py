"""Two processes on this machine train one network together; only the chief writes; a killed one can be resumed."""

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml

import catsdogs_exp
from catsdogs_exp.__main__ import main
from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.folder.predictions import predictions_of
from catsdogs_exp.training.checkpoint.snapshot_file import newest_snapshot
from catsdogs_exp.training.distribution.distribution import GONE_SECONDS

COMMON = (
    *("dataset.images=60", "target_size=32", "batch_size=7", "logging.activations.every=-1"),
    "training.deterministic=true",
)
SETTINGS = (*COMMON, "depth=2", "model.dense=16")
# a frozen backbone: its features are computed once, by each worker
FROZEN = (
    *COMMON,
    *("model=transfer", "model.backbone=MobileNetV2", "model.weights=none", "model.cut=block_3_expand_relu"),
    "model.dropout=0",
)
# everything that has a state
STATEFUL = (
    *("model.dropout=0.3", "model.batch_norm=true", "augment=course", "augment.mixup=0.3", "optimizer=adamw"),
    *("schedule=cosine", "training.ema=0.9", "training.accumulate=2", "training.clip_norm=1"),
    *("training.checkpoint.every=2steps", "epochs=12"),
)
_TIMES = ("seconds", "images_per_second")


def ports(count: int) -> list[int]:
    """Free ones, held until all are found."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Workers:
    """Processes that each run the same command as a worker of one cluster."""

    def __init__(self, arguments: Sequence[str], scratch: Path, count: int = 2) -> None:
        scratch.mkdir()
        self.addresses = [f"127.0.0.1:{port}" for port in ports(count)]
        self.processes = []
        for index in range(count):
            task = {"cluster": {"worker": self.addresses}, "task": {"type": "worker", "index": index}}
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "catsdogs_exp", *arguments],
                    env=os.environ | {"TF_CONFIG": json.dumps(task), "TMPDIR": str(scratch)},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )

    def finish(self) -> list[tuple[int, str, str]]:
        """Exit code, stdout and stderr of each."""
        try:
            said = [process.communicate(timeout=300) for process in self.processes]
        finally:
            for process in self.processes:
                process.kill()
        return [(process.returncode, *each) for process, each in zip(self.processes, said, strict=True)]


def only_run(output: Path) -> Path:
    (folder,) = (output / "drawn").iterdir()
    return folder


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as handle:
        return [{k: v for k, v in row.items() if k not in _TIMES} for row in csv.DictReader(handle)]


def last_state(run: Path) -> dict[str, np.ndarray]:
    snapshot = newest_snapshot(run / "checkpoints" / "last", print)
    assert snapshot is not None
    with np.load(snapshot.path, allow_pickle=False) as arrays:
        return {name: arrays[f"{place:05d}"] for place, name in enumerate(snapshot.names)}


def wait_for_rows(output: Path, count: int, workers: Workers) -> Path:
    """The run's folder, once so many epochs are done."""
    until = time.monotonic() + 200
    while time.monotonic() < until:
        for table in output.glob("drawn/*/metrics.csv"):
            if len(table.read_text().splitlines()) > count:
                return table.parent
        assert all(process.poll() is None for process in workers.processes), workers.finish()
        time.sleep(0.02)
    raise AssertionError("too slow")


@pytest.mark.slow
@pytest.mark.parametrize("network", [SETTINGS, FROZEN], ids=["whole", "features"])
def test_two_workers_train_as_one_device_does_and_the_chief_alone_writes(
    network: tuple[str, ...], tmp_path: Path
) -> None:
    settings = [*network, "epochs=2", "split.test=0.2", "training.monitor=val_loss"]
    spread, one = tmp_path / "spread", tmp_path / "one"
    workers = Workers([*settings, "training.strategy=multi_worker", f"output_dir={spread}"], tmp_path / "scratch")
    chief, other = workers.finish()
    assert (chief[0], other[0]) == (0, 0), (chief, other)
    assert other[1:] == ("", "")  # it says nothing
    assert "spread over 2 workers, 2 devices" in chief[2]
    assert ("training the head alone" in chief[2]) == (network is FROZEN)
    assert not list((tmp_path / "scratch").glob("catsdogs-worker*"))  # and leaves nothing
    run = only_run(spread)
    # one writer: a file for each of the two curves, and one for the HParams row
    files = [file.name.endswith(".hparams") for file in run.glob("tensorboard/**/events*")]
    assert sorted(files) == [False, False, True]

    assert main([*settings, f"output_dir={one}"]) == 0
    alone = only_run(one)
    ours, theirs = (json.loads((each / "result.json").read_text())["metrics"] for each in (run, alone))
    for split in ("train", "val", "test"):
        assert ours[split] == pytest.approx(theirs[split], abs=1e-5)
    said, expected_said = predictions_of(run), predictions_of(alone)
    assert (said.paths, said.splits) == (expected_said.paths, expected_said.splits)
    np.testing.assert_allclose(said.probabilities, expected_said.probabilities, atol=1e-4)
    state, expected = last_state(run), last_state(alone)
    assert state.keys() == expected.keys()
    for name, value in expected.items():
        if name.startswith("model/"):
            np.testing.assert_allclose(state[name], value, atol=1e-5, err_msg=name)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_worker_ends_the_others_and_the_resumed_run_ends_as_undisturbed(tmp_path: Path, killed: int) -> None:
    settings = [*SETTINGS, *STATEFUL, "training.strategy=multi_worker"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    ended = Workers([*settings, f"output_dir={whole}"], tmp_path / "scratch0").finish()
    assert [each[0] for each in ended] == [0, 0], ended

    workers = Workers([*settings, f"output_dir={broken}"], tmp_path / "scratch1")
    run = wait_for_rows(broken, 3, workers)
    victim, survivor = workers.processes[killed], workers.processes[1 - killed]
    victim.send_signal(signal.SIGKILL)
    survivor.wait(timeout=GONE_SECONDS + 120)  # it also records what it has done, on a machine that may be slow
    ended = workers.finish()
    code, _, said = ended[1 - killed]
    assert code == 1
    assert f"error: Worker {killed} at {workers.addresses[killed]} is gone. Start all workers again" in said
    assert "Traceback" not in said
    if killed == 1:
        assert json.loads((run / "result.json").read_text())["status"] == "failed"

    ended = Workers(["resume", str(run)], tmp_path / "scratch2").finish()
    assert [each[0] for each in ended] == [0, 0], ended
    assert json.loads((run / "result.json").read_text())["status"] == "ok"
    assert rows(run) == rows(only_run(whole))
    state, expected = last_state(run), last_state(only_run(whole))
    assert state.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(state[name], value, err_msg=name)


@pytest.mark.slow
def test_workers_with_different_settings_or_data_are_refused_by_all(tmp_path: Path) -> None:
    common = [*SETTINGS, "training.strategy=multi_worker", f"output_dir={tmp_path / 'runs'}"]
    workers = Workers([*common, "epochs=2"], tmp_path / "scratch", count=2)
    # the second is started again, with the same address and another learning rate
    workers.processes[1].kill()
    workers.processes[1].communicate()
    task = {"cluster": {"worker": workers.addresses}, "task": {"type": "worker", "index": 1}}
    workers.processes[1] = subprocess.Popen(
        [sys.executable, "-m", "catsdogs_exp", *common, "epochs=2", "lr=0.5"],
        env=os.environ | {"TF_CONFIG": json.dumps(task), "TMPDIR": str(tmp_path / "scratch")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for code, _, said in workers.finish():
        assert code == 2, said
        assert "error: All workers must have the same config. That of worker 1 at" in said


def test_a_sweep_of_several_workers_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["-m", "lr=0.1,0.2", "training.strategy=multi_worker", f"output_dir={tmp_path / 'runs'}"]
    assert main(words) == 2
    assert "training.strategy=multi_worker trains one run at a time. Received: -m." in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_without_a_cluster_it_ends_at_once_with_an_example(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert main(["training.strategy=multi_worker", f"output_dir={tmp_path / 'runs'}"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: training.strategy=multi_worker needs TF_CONFIG, or a Slurm step (srun)")
    assert '"task": {"type": "worker", "index": 0}' in said
    assert not (tmp_path / "runs").exists()


def test_it_is_repeated_and_trained_from_python_with_a_cluster_only(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["training"]["strategy"], config["output_dir"] = "multi_worker", str(tmp_path / "runs")
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    assert main(["repeat", str(run)]) == 2
    assert "error: training.strategy=multi_worker needs TF_CONFIG" in capsys.readouterr().err
    settings = ("training.strategy=multi_worker", f"output_dir={tmp_path / 'runs'}")
    with pytest.raises(BadInput, match="needs TF_CONFIG"):
        catsdogs_exp.train(*settings)
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    with pytest.raises(BadInput, match=r"Received: worker 1\. Start it with: python -m catsdogs_exp training"):
        catsdogs_exp.train(*settings)
    assert not (tmp_path / "runs").exists()
