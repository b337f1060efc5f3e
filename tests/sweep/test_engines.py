"""Launchers of Hydra's run the jobs: states, summary and resume are those of any sweep."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from omegaconf import DictConfig

from catsdogs_exp.__main__ import main
from catsdogs_exp.config.composer import Composer
from catsdogs_exp.config.search_path import CONF
from catsdogs_exp.errors import Interrupted
from catsdogs_exp.record.folder.result import Result
from catsdogs_exp.record.folder.run_lock import owned
from catsdogs_exp.sweep import engines
from catsdogs_exp.sweep.engines import EngineTask, Launch, launcher_words
from catsdogs_exp.sweep.job import Outcome
from catsdogs_exp.sweep.running import Running

ENGINES = ("joblib", "submitit_local", "ray")
PACKAGES = {"joblib": "hydra_plugins.hydra_joblib_launcher", "ray": "hydra_plugins.hydra_ray_launcher"}
RECIPE = """
# @package _global_
defaults:
  - override /hydra/launcher: joblib
hydra:
  launcher:
    n_jobs: 2
"""
MORE = {"joblib": ["hydra.launcher.n_jobs=2"]}


def states(folder: Path) -> list[dict[str, Any]]:
    (file,) = folder.glob("**/sweep.json")
    jobs = json.loads(file.read_text(encoding="utf-8"))["jobs"]
    assert isinstance(jobs, list)
    return jobs


def swept(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "catsdogs_exp", *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, timeout=300)


def words_for(engine: str) -> list[str]:
    pytest.importorskip(PACKAGES.get(engine, "submitit"))
    return [f"hydra/launcher={engine}", *MORE.get(engine, [])]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_launchers_jobs_have_states_a_summary_and_a_resume(
    engine: str, tmp_path: Path, tiny: tuple[str, ...]
) -> None:
    words = [*tiny, "epochs=1", "logging=minimal", "split.test=0", "split.validation=0.2,0", "output_dir=runs"]
    more = words_for(engine)
    if engine == "joblib":  # a recipe may choose the launcher, too
        (tmp_path / "experiment").mkdir()
        (tmp_path / "experiment" / "mine.yaml").write_text(RECIPE, encoding="utf-8")
        more = ["--config-dir", str(tmp_path), "experiment=mine"]
    ended = swept(tmp_path, "-m", *words, *more)
    jobs = states(tmp_path)
    assert ended.returncode == 1, ended.stderr
    assert [job["status"] for job in jobs] == ["ok", "failed"]
    assert "[2/2] failed: split.validation must be > 0" in ended.stderr
    assert "Traceback" in (Path(jobs[1]["folder"]) / "run.log").read_text(encoding="utf-8")
    assert "val_accuracy" in ended.stdout and "1 of 2 runs in" in ended.stdout
    assert "Traceback" not in ended.stderr
    before = (Path(jobs[0]["folder"]) / "result.json").stat().st_mtime_ns
    (sweep,) = tmp_path.glob("runs/*/*")
    again = swept(tmp_path, "resume", str(sweep), "split.validation=0.3")
    assert again.returncode == 1, again.stderr
    assert [job["status"] for job in states(tmp_path)] == ["ok", "failed", "ok"]
    assert (Path(jobs[0]["folder"]) / "result.json").stat().st_mtime_ns == before


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_killed_worker_costs_its_job_alone(
    engine: str, tmp_path: Path, tiny: tuple[str, ...], crashing_network: Callable[[Path], list[str]]
) -> None:
    small = [word for word in tiny if not word.startswith(("depth=", "model."))]
    words = [
        *small,
        "epochs=1",
        "logging=minimal",
        *crashing_network(tmp_path),
        "model=crashing,cnn",
        "output_dir=runs",
    ]
    ended = swept(tmp_path, "-m", *words, *words_for(engine))
    assert ended.returncode == 1, ended.stderr
    assert [job["status"] for job in states(tmp_path)] == ["failed", "ok"]
    assert "[1/2] its process was killed: it continues from its last checkpoint" in ended.stderr
    assert "[1/2] failed: its process was killed twice" in ended.stderr


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_preempted_job_goes_on_from_its_state(tmp_path: Path, tiny: tuple[str, ...]) -> None:
    """One job gets submitit's signal before the end of its time and is queued again; the other one a plain SIGTERM."""
    words = [*tiny, "epochs=40", "logging=minimal", "seed=0,1", "output_dir=runs", *words_for("submitit_local")]
    command = [sys.executable, "-m", "catsdogs_exp", "-m", *words]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
        try:
            signals = {0: signal.SIGUSR2, 1: signal.SIGTERM}
            while signals:
                number, trainer = trained(tmp_path, signals, process)
                os.kill(trainer, signals.pop(number))
            assert process.wait(300) == 0, (tmp_path / "log").read_text(encoding="utf-8")
        finally:
            process.kill()
    assert [job["status"] for job in states(tmp_path)] == ["ok", "ok"]
    assert [job["attempts"] for job in states(tmp_path)] == [1, 2]  # submitit's own queue; another launch
    for job in states(tmp_path):
        run = Path(job["folder"])
        epochs = [line.split(",")[0] for line in (run / "metrics.csv").read_text(encoding="utf-8").splitlines()[1:]]
        assert epochs == [str(number) for number in range(1, 41)]
        assert "interrupted" in (run / "run.log").read_text(encoding="utf-8")
    said = (tmp_path / "log").read_text(encoding="utf-8")
    assert (
        "[2/2] its process was killed: it continues from its last checkpoint" in said
        and "[1/2] its process" not in said
    )


def trained(folder: Path, numbers: Iterable[int], sweep: "subprocess.Popen[bytes]") -> tuple[int, int]:
    """The first of some jobs that has finished two epochs, and the process that trains it."""
    deadline = time.monotonic() + 200
    while sweep.poll() is None and time.monotonic() < deadline:
        for number in numbers:
            for rows in folder.glob(f"runs/*/*/{number}-*/metrics.csv"):
                owner = rows.parent / ".owner.json"
                if len(rows.read_text(encoding="utf-8").splitlines()) > 2 and owner.exists():
                    return number, int(json.loads(owner.read_text(encoding="utf-8"))["pid"])
        time.sleep(0.02)
    raise AssertionError("the job did not train")


def test_ctrl_c_leaves_no_job_running_with_a_launcher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unless its process goes on, as on a cluster."""

    def launch(running: Running, task: EngineTask, launch: Launch) -> None:
        first, second, _ = task.jobs.values()
        for job in (first, second):
            job.folder.mkdir()
            Result(job.folder / "result.json", status="interrupted" if job is first else "running")
        raise Interrupted(signal.SIGINT)

    monkeypatch.setattr("catsdogs_exp.sweep.engines._launch", launch)
    assert main(["-m", "seed=1,2,3", *words_for("joblib"), f"output_dir={tmp_path}"]) == 130
    assert [job["status"] for job in states(tmp_path)] == ["interrupted", "running", "pending"]
    assert "the sweep was interrupted with 3 of 3 runs to go" in capsys.readouterr().err


def test_a_failure_ends_a_launchers_sweep_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The launcher has been given all jobs; those that it has not started are not trained any more."""

    def launch(running: Running, task: EngineTask, launch: Launch) -> None:
        for name, job in task.jobs.items():
            of_hydra = SimpleNamespace(job=SimpleNamespace(name=name))
            monkeypatch.setattr(engines, "HydraConfig", SimpleNamespace(get=lambda found=of_hydra: found))
            outcome = task(DictConfig({}))
            if job.number == 0:
                assert outcome.status == "failed"
                running.end(job.number, outcome)
            else:
                assert outcome.status == "pending"
                running.unbegin(job.number)

    monkeypatch.setattr("catsdogs_exp.sweep.engines._launch", launch)
    monkeypatch.setattr("catsdogs_exp.sweep.engines.run_job", lambda *_: Outcome("failed", None, "it is bad", 0.0))
    words = ["seed=1,2,3", "sweep.on_error=stop", *words_for("joblib")]
    assert main(["-m", *words, f"output_dir={tmp_path}"]) == 1
    assert [(job["status"], job["attempts"]) for job in states(tmp_path)] == [
        ("failed", 1),
        ("pending", 0),
        ("pending", 0),
    ]
    said = capsys.readouterr().out
    assert "ended after a failure, as sweep.on_error=stop asks for: 2 of 3 have not been run" in said


def test_jobs_that_outlive_their_sweep_are_not_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on a cluster, when the command that started them was killed."""
    launched: list[list[int]] = []
    taken, ends = threading.Event(), threading.Event()

    def train(folder: Path) -> None:
        with owned(folder):
            taken.set()
            ends.wait(60)
            Result(folder / "result.json", status="ok", objective={"name": "val_accuracy", "value": 0.75, "epoch": 1})

    def launch(running: Running, task: EngineTask, launch: Launch) -> None:
        launched.append([job.number for job in task.jobs.values()])
        if len(launched) == 1:
            for job in task.jobs.values():
                job.folder.mkdir()
                Result(job.folder / "result.json", status="running")
            raise Interrupted(signal.SIGHUP)
        for job in task.jobs.values():
            Result(job.folder / "result.json", status="ok")
            running.end(job.number, Outcome("ok", None, None, 0.0))
        ends.set()

    monkeypatch.setattr("catsdogs_exp.sweep.engines._launch", launch)
    assert main(["-m", "seed=1,2", *words_for("joblib"), f"output_dir={tmp_path}"]) == 129
    (sweep,) = tmp_path.glob("*/*")
    process = threading.Thread(target=train, args=(sweep / "0-seed=1",))
    process.start()
    taken.wait(60)
    assert main(["resume", str(sweep)]) == 0
    process.join()
    assert launched == [[0, 1], [1]]
    assert [(job["status"], job["objective"]) for job in states(tmp_path)] == [("ok", 0.75), ("ok", None)]
    said = capsys.readouterr().err
    assert "waits for the jobs of an earlier launch, which are still being trained: [1/2]" in said


def test_each_job_of_a_launcher_is_composed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many launches there are, and as late as possible: submitit's own processes take a few jobs at a time."""
    composed: list[object] = []
    before = Composer.__call__
    monkeypatch.setattr(Composer, "__call__", lambda self, words: (composed.append(words), before(self, words))[1])
    launched: list[int] = []

    def launch(running: Running, task: EngineTask, launch: Launch) -> None:
        launched.append(len(composed))
        for job in task.jobs.values():
            job.folder.mkdir()
            Result(job.folder / "result.json", status="ok")
            running.end(job.number, Outcome("ok", None, None, 0.0))

    monkeypatch.setattr("catsdogs_exp.sweep.engines._launch", launch)
    words = ["seed=range(8)", "sweep.workers=2", *words_for("submitit_local")]
    assert main(["-m", *words, f"output_dir={tmp_path}"]) == 0
    assert [job["status"] for job in states(tmp_path)] == ["ok"] * 8
    assert len(launched) == 4 and launched[-1] - launched[0] == 6


def test_a_recipe_may_choose_the_launcher(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(RECIPE, encoding="utf-8")
    words = ["experiment=mine", "seed=1,2"]
    assert launcher_words(words, str(tmp_path)) == ["experiment=mine"]
    typed = ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"]
    assert launcher_words([*words, *typed], str(tmp_path)) == ["experiment=mine", *typed]
    assert launcher_words([*words, "hydra/launcher=basic"], str(tmp_path)) == []
    assert launcher_words(["seed=1,2"], None) == launcher_words(["experiment=course_week1,crop_study"], None) == []


def test_a_launcher_that_is_not_installed_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-m", "lr=0.1,0.2", "hydra/launcher=nowhere", f"output_dir={tmp_path}"]) == 2
    said = capsys.readouterr().err
    assert "hydra/launcher must be one of" in said and "Received: hydra/launcher=nowhere" in said
    assert not any(tmp_path.iterdir())


def test_settings_of_our_own_workers_are_refused_with_a_launcher(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The launcher would start as many processes as there are cores, whatever was asked for."""
    words = ["-m", "seed=1,2", *words_for("joblib"), f"output_dir={tmp_path}"]
    assert main([*words, "sweep.workers=2"]) == 2
    said = capsys.readouterr().err
    assert "sweep.workers has no effect with hydra/launcher=joblib" in said
    assert "Received: sweep.workers=2. Leave it out, or set hydra.launcher.n_jobs=2" in said
    assert main([*words, "sweep.isolate=true"]) == 2
    assert "sweep.isolate has no effect with hydra/launcher=joblib" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("engine", "extra"), [("joblib", "joblib"), ("submitit_slurm", "slurm"), ("ray", "ray")])
def test_the_message_says_what_to_install(
    engine: str, extra: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, f"hydra_plugins.hydra_{engine.partition('_')[0]}_launcher", None)
    assert main(["-m", "lr=0.1,0.2", f"hydra/launcher={engine}", f"output_dir={tmp_path}"]) == 2
    said = capsys.readouterr().err
    assert f"hydra/launcher={engine} needs a package that is not installed: pip install 'catsdogs-exp[{extra}]'" in said
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("engine", ["joblib", "submitit_local", "submitit_slurm"])
def test_our_settings_are_those_of_the_launcher(engine: str) -> None:
    """Our file replaces the package's own: each of its keys must be there."""
    package = "submitit" if "submitit" in engine else engine
    theirs = pytest.importorskip(f"hydra_plugins.hydra_{package}_launcher.config")
    name = {"joblib": "JobLibLauncherConf", "submitit_local": "LocalQueueConf", "submitit_slurm": "SlurmQueueConf"}
    settings = {field.name: field.default for field in fields(getattr(theirs, name[engine]))}
    ours = yaml.safe_load((CONF / "hydra" / "launcher" / f"{engine}.yaml").read_text(encoding="utf-8"))
    assert set(ours) == set(settings)
    assert ours["_target_"] == settings["_target_"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_slurm_is_given_a_script_with_the_settings(
    tmp_path: Path, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for `sbatch` keeps the script; no cluster takes part."""
    pytest.importorskip("submitit")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in {
        "sbatch": f'cp "$1" {tmp_path}/script.sh; echo "Submitted batch job 7"',
        "srun": "exit 0",
        "scontrol": "exit 0",
        "scancel": "exit 0",
        "sacct": r"printf 'JobID|State|NodeList\n7_0|FAILED|node\n7_1|FAILED|node\n'",
    }.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    words = [*tiny, "epochs=1", "seed=0,1", "output_dir=runs", "hydra/launcher=submitit_slurm"]
    more = ["hydra.launcher.partition=gpu", "hydra.launcher.cpus_per_task=4", "hydra.launcher.timeout_min=90"]
    ended = swept(tmp_path, "-m", *words, *more, "hydra.launcher.gres=gpu:1")
    assert ended.returncode == 1
    script = (tmp_path / "script.sh").read_text(encoding="utf-8")
    for line in ("--partition=gpu", "--cpus-per-task=4", "--time=90", "--gres=gpu:1", "--array=0-1"):
        assert f"#SBATCH {line}" in script, script
    assert "submitit.core._submit" in script and "signal" in script  # a preempted job is told before


def test_a_sweep_goes_on_with_another_launcher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bare: tuple[str, ...]
) -> None:
    """Begun on a laptop, continued on a cluster, and back."""
    chosen: list[list[str]] = []

    def interrupted(running: Running, words: list[str]) -> None:
        chosen.append(list(words))
        raise Interrupted(signal.SIGINT)

    monkeypatch.setattr("catsdogs_exp.sweep.run_sweep.run_with_launcher", interrupted)
    assert main(["-m", *bare, "epochs=1", "seed=1,2", *words_for("joblib"), f"output_dir={tmp_path}"]) == 130
    (sweep,) = tmp_path.glob("*/*")
    words_for("submitit_local")
    for more, expected in (
        ([], words_for("joblib")),
        (["hydra.launcher.n_jobs=3"], ["hydra/launcher=joblib", "hydra.launcher.n_jobs=3"]),
        (["hydra/launcher=submitit_local"], ["hydra/launcher=submitit_local"]),
        (
            ["hydra.launcher.timeout_min=5", "seed=3"],
            ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"],
        ),
        ([], ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"]),
    ):
        assert main(["resume", str(sweep), *more]) == 130
        assert chosen[-1] == expected
    assert len(states(tmp_path)) == 3
    capsys.readouterr()
    for wrong, message in (
        ("hydra/launcher=joblab", "joblab"),
        ("hydra/launcher=joblib", "sweep.workers has no effect with hydra/launcher=joblib"),
    ):
        assert main(["resume", str(sweep), wrong, "sweep.workers=2"]) == 2
        assert message in capsys.readouterr().err
        assert "joblab" not in (sweep / "sweep.json").read_text(encoding="utf-8")
    assert main(["resume", str(sweep), "hydra/launcher=basic"]) == 0
    assert [job["status"] for job in states(tmp_path)] == ["ok"] * 3
