"""A sweep from its first job to its last: files, output, and continuing after a stop."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.config.composer import Composer
from catsdogs_exp.config.schema import Config
from catsdogs_exp.errors import Interrupted, RunFailed
from catsdogs_exp.record.best_against import BestTest, BestVerdict
from catsdogs_exp.record.folder.result import Result
from catsdogs_exp.record.folder.run_lock import owned
from catsdogs_exp.run.job import Job, Screen
from catsdogs_exp.sweep import job as of_sweeps
from catsdogs_exp.sweep.running import LookAhead
from catsdogs_exp.sweep.side_by_side import _Pool, worker_count
from catsdogs_exp.sweep.sweep_file import JobState

Capture = pytest.CaptureFixture[str]


def states(folder: Path) -> list[dict[str, Any]]:
    """The jobs of the one sweep below a folder."""
    (file,) = folder.glob("**/sweep.json")
    jobs = json.loads(file.read_text(encoding="utf-8"))["jobs"]
    assert isinstance(jobs, list)
    return jobs


def sweep_of(folder: Path) -> Path:
    (file,) = folder.glob("**/sweep.json")
    return file.parent


@pytest.fixture
def trained_words(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """Jobs end at once with a value of their own, in place of training; the list tells which ones ran."""
    ran: list[tuple[int, str]] = []

    def train(job: Job, screen: Screen) -> dict[str, Any]:
        result = Result(job.folder / "result.json", job.found)
        ran.append((int(job.folder.name.split("-")[0]), " ".join(job.overrides)))
        from catsdogs_exp.record.folder.run_folder import write_config, write_yaml

        write_config(job.folder, job.config)
        write_yaml(job.folder / "overrides.yaml", job.overrides)
        if job.config.seed == 7:
            result.update(status="failed", error="seven")
            raise RunFailed("seven is refused by this test")
        if job.config.seed == 8:
            result.update(status="interrupted")
            raise Interrupted(signal.SIGINT)
        value = 1 / (1 + job.config.seed)
        result.update(status="ok", objective={"name": "val_accuracy", "value": value, "epoch": 1})
        return result.content

    monkeypatch.setattr("catsdogs_exp.sweep.job.train", train)
    return ran


def test_a_real_sweep_keeps_the_state_of_its_jobs(tmp_path: Path, tiny: tuple[str, ...], capsys: Capture) -> None:
    words = [*tiny, "epochs=1", "logging=minimal", "split.test=0", "split.validation=0,0.2", "seed=0,1,1"]
    assert main(["-m", *words, f"output_dir={tmp_path}"]) == 1
    jobs, sweep, said = states(tmp_path), sweep_of(tmp_path), capsys.readouterr()
    assert [job["number"] for job in jobs] == [0, 1, 2, 3, 4, 5]
    assert [job["status"] for job in jobs] == ["failed"] * 3 + ["ok"] * 3
    assert [job["same_as"] for job in jobs] == [None, None, 1, None, None, 4]
    assert jobs[5]["folder"] == jobs[4]["folder"] and jobs[5]["objective"] == jobs[4]["objective"]
    for job in (jobs[3], jobs[4]):
        content = json.loads((Path(job["folder"]) / "result.json").read_text(encoding="utf-8"))
        assert content["objective"]["value"] == job["objective"] and content["status"] == "ok"
        assert job["error"] is None and job["seconds"] > 0
    assert "seed=1" in jobs[4]["overrides"] and "split.validation=0.2" in jobs[4]["overrides"]
    assert jobs[0]["error"].startswith("split.validation must be > 0")
    assert "[1/6] failed: split.validation must be > 0" in said.err
    assert f"[1/6] its log: {jobs[0]['folder']}/run.log" in said.err
    assert "Traceback" in (Path(jobs[0]["folder"]) / "run.log").read_text(encoding="utf-8")
    assert "[6/6] the same config as [5/6]: run once" in said.err
    assert "left" in said.err and "runs done" in said.err
    assert " against " in said.out and " images" in said.out  # the best job is tested against the other one
    assert f"2 of 4 runs in {sweep}" in said.out and f"resume {sweep}" in said.out
    # what failed is tried again, what is done stays as it is
    before = (Path(jobs[4]["folder"]) / "result.json").stat().st_mtime_ns
    assert main(["resume", str(sweep)]) == 1
    assert "2 of 4 runs to go, 2 are done" in capsys.readouterr().err
    assert [job["status"] for job in states(tmp_path)] == ["failed"] * 3 + ["ok"] * 3
    assert (Path(jobs[4]["folder"]) / "result.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("auto", "found"),
    [(["epochs=1", "lr=auto"], "lr=auto: lr="), (["epochs=auto", "training.max_minutes=0.01"], "epochs=auto: ")],
)
def test_a_job_continues_with_what_it_has_found(
    auto: list[str],
    found: str,
    tmp_path: Path,
    bare: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    from catsdogs_exp.training import fit as training

    fit, calls = training.fit, []

    def fails_once(*arguments: Any) -> str:
        calls.append(arguments)
        if len(calls) == 1:
            raise RunFailed("out of luck")
        return fit(*arguments)

    monkeypatch.setattr(training, "fit", fails_once)
    words = ["-m", *bare, *auto, "seed=1", "sweep.retries=1", f"output_dir={tmp_path}"]
    assert main(words) == 0, capsys.readouterr().err
    (job,) = states(tmp_path)
    assert (job["status"], job["attempts"], len(calls)) == ("ok", 2, 2)
    assert (Path(job["folder"]) / "run.log").read_text().count(found) == 1  # it is not searched again


def test_the_best_job_comes_first(tmp_path: Path, trained_words: list[Any], capsys: Capture) -> None:
    assert main(["-m", "seed=3,1,2", f"output_dir={tmp_path}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "val_accuracy 0.5000  1-seed=1",
        "val_accuracy 0.3333  2-seed=2",
        "val_accuracy 0.2500  0-seed=3",
    ]


def test_jobs_are_composed_as_they_start(
    tmp_path: Path, trained_words: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Of ten thousand jobs a few are composed before the first one trains."""
    composed: list[object] = []
    before = Composer.__call__
    monkeypatch.setattr(Composer, "__call__", lambda self, words: (composed.append(words), before(self, words))[1])
    words = ["-m", "seed=8,9", "lr=range(1,5001)"]
    assert main([*words, f"output_dir={tmp_path}"]) == 130
    assert len(states(tmp_path)) == 10_000 and len(trained_words) == 1
    assert len(composed) < 60
    assert [job["status"] for job in states(tmp_path)[:2]] == ["interrupted", "pending"]
    assert "the sweep was interrupted with 10000 of 10000 runs to go; to continue: python -m" in capsys.readouterr().err


def test_an_interrupted_sweep_goes_on_with_what_is_missing(
    tmp_path: Path, trained_words: list[Any], capsys: Capture
) -> None:
    assert main(["-m", "seed=1,8,2", f"output_dir={tmp_path}"]) == 130
    assert [job["status"] for job in states(tmp_path)] == ["ok", "interrupted", "pending"]
    trained_words.clear()
    assert main(["resume", str(sweep_of(tmp_path))]) == 130
    assert [number for number, _ in trained_words] == [1]  # the same number, the same folder
    assert len(list(sweep_of(tmp_path).glob("*-seed=8"))) == 1


def test_a_moved_sweep_goes_on_where_it_is(tmp_path: Path, trained_words: list[Any]) -> None:
    assert main(["-m", "seed=1,8,2", f"output_dir={tmp_path}"]) == 130
    moved = tmp_path / "elsewhere"
    sweep_of(tmp_path).rename(moved)
    result = next(moved.glob("1-*")) / "result.json"  # it ended before the sweep was killed
    content = json.loads(result.read_text(encoding="utf-8"))
    result.write_text(json.dumps(content | {"status": "ok"}), encoding="utf-8")
    trained_words.clear()
    assert main(["resume", str(moved)]) == 0
    assert [number for number, _ in trained_words] == [2]
    assert [job["folder"] for job in states(tmp_path)] == [
        str(moved / f"{n}-seed={s}") for n, s in enumerate((1, 8, 2))
    ]
    assert sweep_of(tmp_path) == moved  # nothing was written where it was


def test_further_values_get_further_numbers(tmp_path: Path, trained_words: list[Any], capsys: Capture) -> None:
    assert main(["-m", "zip(lr=0.1,0.2,depth=2,3)", "seed=0,1", "epochs=2", f"output_dir={tmp_path}"]) == 0
    sweep = sweep_of(tmp_path)
    first = states(tmp_path)
    trained_words.clear()
    assert main(["resume", str(sweep), "seed=4"]) == 0
    assert states(tmp_path)[:4] == first
    assert [number for number, _ in trained_words] == [4, 5]
    assert [" ".join(job["overrides"]) for job in states(tmp_path)[4:]] == [
        f"lr=0.1 depth=2 seed=4 epochs=2 output_dir={tmp_path}",
        f"lr=0.2 depth=3 seed=4 epochs=2 output_dir={tmp_path}",
    ]
    assert main(["resume", str(sweep), "seed=4,5"]) == 0  # those that are there already are not run twice
    assert [number for number, _ in trained_words] == [4, 5, 6, 7]
    assert main(["resume", str(sweep), "zip(lr=0.3,0.4,depth=4,1)"]) == 0
    assert len(states(tmp_path)) == 16
    for words in (["epochs=3"], ["batch_size=2"]):
        assert main(["resume", str(sweep), *words]) == 2
        assert (
            "takes further values only for the keys that vary between its jobs: depth, lr, seed."
            in capsys.readouterr().err
        )
    assert main(["resume", str(sweep), "seed=-1"]) == 2
    assert "seed must be" in capsys.readouterr().err
    assert len(states(tmp_path)) == 16


def test_a_further_value_equal_to_a_former_one_is_not_trained_again(
    tmp_path: Path, trained_words: list[Any], capsys: Capture
) -> None:
    assert main(["-m", "target_size=32,40", f"output_dir={tmp_path}"]) == 0
    trained_words.clear()
    capsys.readouterr()
    assert main(["resume", str(sweep_of(tmp_path)), "target_size=[32,32],48"]) == 0
    assert [number for number, _ in trained_words] == [3]
    jobs = states(tmp_path)
    assert [job["same_as"] for job in jobs] == [None, None, 0, None]
    assert (jobs[2]["status"], jobs[2]["objective"]) == ("ok", jobs[0]["objective"])
    assert "[3/4] the same config as [1/4]: run once" in capsys.readouterr().err


def test_a_folder_of_recipes_other_than_the_sweeps_own_is_refused(
    tmp_path: Path, trained_words: list[Any], capsys: Capture
) -> None:
    (own := tmp_path / "own").mkdir()
    (other := tmp_path / "other").mkdir()
    assert main(["-m", "lr=0.1,0.2", f"output_dir={tmp_path}", "--config-dir", str(own)]) == 0
    sweep = sweep_of(tmp_path)
    assert main(["resume", str(sweep), "--config-dir", str(own)]) == 0
    capsys.readouterr()
    assert main(["resume", str(sweep), "--config-dir", str(other)]) == 2
    assert capsys.readouterr().err == (
        f"error: --config-dir must be that of the sweep, {own}, or be left out. Received: {other}\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["lr=0.1,0.01", "seed=1,8", "sweep.skip=seed==1 and lr>0.05"],
        ["depth=4,2", "target_size=20,150", "seed=8"],
    ],
)
def test_a_sweep_whose_first_combination_is_left_out_goes_on(
    words: list[str], tmp_path: Path, trained_words: list[Any], capsys: Capture
) -> None:
    assert main(["-m", *words, f"output_dir={tmp_path}"]) == 130
    assert main(["resume", str(sweep_of(tmp_path))]) == 130
    assert "have changed" not in capsys.readouterr().err
    assert len(trained_words) == 2  # the same job again


def test_further_values_that_no_job_can_have_may_be_left_out(
    tmp_path: Path, trained_words: list[Any], capsys: Capture
) -> None:
    words = ["-m", "target_size=20,150", "depth=1,2", f"output_dir={tmp_path}"]
    assert main(words) == 0
    assert main(["resume", str(sweep_of(tmp_path)), "depth=4,9", "sweep.skip_invalid=true"]) == 0
    said = capsys.readouterr().err
    assert "left out: depth must be <= " in said
    assert [job["status"] for job in states(tmp_path)] == ["ok"] * 4 + [
        "skipped",
        "ok",
    ]  # depth=4 fits one of the sizes
    assert said.count("[5/6] left out: depth must be <= 2") == 1


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("sweep.trials=9", "sweep.trials has no effect without hydra/sweeper=optuna"),
        ("sweep.jobs=more.csv", "sweep.jobs is read when a sweep begins. Received: sweep.jobs=more.csv."),
    ],
)
def test_a_resumed_sweep_refuses_what_it_would_ignore(
    word: str, message: str, tmp_path: Path, trained_words: list[Any], capsys: Capture
) -> None:
    assert main(["-m", "seed=0,1", f"output_dir={tmp_path}"]) == 0
    assert main(["resume", str(sweep_of(tmp_path)), word]) == 2
    assert message in capsys.readouterr().err


def test_a_foreign_run_in_the_folder_does_not_matter(
    tmp_path: Path, trained_words: list[Any], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a copy of one of the runs."""
    verdict = BestVerdict("0-seed=1", "validation", (_test_against("a copy"), _test_against("1-seed=2")), {})
    monkeypatch.setattr("catsdogs_exp.sweep.run_sweep.best_against_others", lambda found: verdict)
    assert main(["-m", "seed=1,2", f"output_dir={tmp_path}"]) == 0
    assert "1-seed=2  0.500 against 0.333: not distinguishable" in capsys.readouterr().out


def _test_against(name: str) -> BestTest:
    return BestTest("0-seed=1", name, (0.5, 0.333), "McNemar's exact test", 9, 0.5, 0.5, 99)


def test_a_changed_recipe_is_refused(tmp_path: Path, trained_words: list[Any], capsys: Capture) -> None:
    (tmp_path / "experiment").mkdir()
    recipe = tmp_path / "experiment" / "mine.yaml"
    recipe.write_text("# @package _global_\nepochs: 3\n", encoding="utf-8")
    words = ["experiment=mine", "seed=1,7", f"output_dir={tmp_path}"]
    assert main(["-m", *words, "--config-dir", str(tmp_path)]) == 1
    recipe.write_text("# @package _global_\nepochs: 4\n", encoding="utf-8")
    assert main(["resume", str(sweep_of(tmp_path))]) == 2
    assert "have changed: epochs 3 -> 4. Restore them" in capsys.readouterr().err


def test_a_failure_may_stop_a_sweep(tmp_path: Path, trained_words: list[Any], capsys: Capture) -> None:
    assert main(["-m", "seed=1,7,2", "sweep.on_error=stop", f"output_dir={tmp_path}"]) == 1
    assert [job["status"] for job in states(tmp_path)] == ["ok", "failed", "pending"]
    said = capsys.readouterr().out
    assert "ended after a failure, as sweep.on_error=stop asks for: 1 of 3 have not been run" in said


def test_copies_do_not_count_as_jobs_that_have_not_been_run(
    tmp_path: Path, trained_words: list[Any], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(ahead: LookAhead) -> None:
        ahead._look()  # all jobs are looked at before the first one trains

    monkeypatch.setattr(LookAhead, "start", begin)
    monkeypatch.setattr(LookAhead, "stop", lambda ahead: None)
    assert main(["-m", "seed=7,1,1,1", "sweep.on_error=stop", f"output_dir={tmp_path}"]) == 1
    assert [job["same_as"] for job in states(tmp_path)] == [None, None, 1, 1]
    assert "1 of 2 have not been run" in capsys.readouterr().out


def test_a_second_ctrl_c_leaves_no_job_running(
    tmp_path: Path, trained_words: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_job(*_: object) -> None:
        raise Interrupted(signal.SIGINT)  # while the first one is handled

    monkeypatch.setattr("catsdogs_exp.sweep.run_sweep.run_job", run_job)
    assert main(["-m", "seed=1,2", f"output_dir={tmp_path}"]) == 130
    assert [job["status"] for job in states(tmp_path)] == ["interrupted", "pending"]


def test_a_job_that_was_just_settled_is_not_settled_again(
    tmp_path: Path, trained_words: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The look-ahead may do so between the choice of the next job and its start."""
    take = LookAhead.take

    def late(ahead: LookAhead, job: JobState) -> Config | None:
        ahead._thread.join()
        return take(ahead, job)

    monkeypatch.setattr(LookAhead, "take", late)
    assert main(["-m", "depth=4,2", "target_size=20,150", f"output_dir={tmp_path}"]) == 1
    assert capsys.readouterr().err.count("[1/4] failed: depth must be <= 2") == 1


def test_a_job_that_fails_is_tried_again(tmp_path: Path, trained_words: list[Any], capsys: Capture) -> None:
    assert main(["-m", "seed=7,1", "sweep.retries=2", f"output_dir={tmp_path}"]) == 1
    assert [number for number, _ in trained_words] == [0, 0, 0, 1]
    assert [(job["status"], job["attempts"]) for job in states(tmp_path)] == [("failed", 3), ("ok", 1)]
    said = capsys.readouterr().err
    assert said.count("[1/2] failed: seven is refused by this test") == 3 and "[1/2] attempt 2 of 3" in said


def test_invalid_combinations_fail_ahead_of_their_turn(
    tmp_path: Path, trained_words: list[Any], capsys: Capture
) -> None:
    words = ["-m", "target_size=20,150", "depth=2,4", f"output_dir={tmp_path}"]
    assert main(words) == 1
    jobs = states(tmp_path)
    assert [job["status"] for job in jobs] == ["ok", "failed", "ok", "ok"]
    assert jobs[1]["error"].startswith("depth must be <= 2 for target_size=[20,20]") and jobs[1]["folder"] is None
    assert "[2/4] failed: depth must be <= 2" in capsys.readouterr().err
    assert main(["compare", str(tmp_path)]) == 0
    name = f"job 1 (target_size=20 depth=4) of {sweep_of(tmp_path).name}"
    assert f"{name} failed before its run began: depth must be <= 2" in capsys.readouterr().err


def test_invalid_jobs_may_be_left_out(tmp_path: Path, trained_words: list[Any], capsys: Capture) -> None:
    words = ["-m", "target_size=20,150", "depth=2,4,9", "sweep.skip_invalid=true", f"output_dir={tmp_path}"]
    assert main(words) == 0
    assert [job["status"] for job in states(tmp_path)] == ["ok", "skipped", "ok", "ok"]  # depth=9 makes no job at all
    said = capsys.readouterr().err
    assert "left out: depth must be <= " in said and "[2/4] left out: depth must be <= 2" in said


def test_a_condition_leaves_jobs_out(tmp_path: Path, trained_words: list[Any], capsys: Capture) -> None:
    assert main(["-m", "lr=0.1,0.01", "seed=1,2", "sweep.skip=seed==2 and lr>0.05", f"output_dir={tmp_path}"]) == 0
    assert [job["overrides"][:2] for job in states(tmp_path)] == [
        ["lr=0.1", "seed=1"],
        ["lr=0.01", "seed=1"],
        ["lr=0.01", "seed=2"],
    ]
    assert main(["-m", "lr=0.1,0.01", "sweep.skip=lr>0", f"output_dir={tmp_path / 'none'}"]) == 2
    assert "sweep.skip leaves none" in capsys.readouterr().err
    assert main(["-m", "lr=0.1,0.01", "sweep.skip=lrr>0", f"output_dir={tmp_path / 'none'}"]) == 2
    assert "does not exist or does not vary: lrr. Did you mean lr?" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_a_condition_leaves_out_jobs_of_a_resumed_sweep(
    tmp_path: Path, trained_words: list[Any], capsys: Capture
) -> None:
    """Such as those that failed; those that have ended well stay."""
    words = ["model=cnn", f"dataset.path={_a_folder(tmp_path / 'a b')}", "seed=1,7,2", "sweep.on_error=stop"]
    assert main(["-m", *words, f"output_dir={tmp_path / 'runs'}"]) == 1
    assert main(["resume", str(sweep_of(tmp_path)), "sweep.skip=seed in [1,7] and model==cnn"]) == 0
    said = capsys.readouterr()
    assert [job["status"] for job in states(tmp_path)] == ["ok", "skipped", "ok"]
    assert "1 of 3 runs to go, 1 are done" in said.err
    assert "skipped: 1-seed=7: left out: sweep.skip=seed in [1,7] and model==cnn" in said.out
    assert main(["resume", str(sweep_of(tmp_path))]) == 0  # it stays out
    assert [number for number, _ in trained_words] == [0, 1, 2]


def _a_folder(folder: Path) -> str:
    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True)
        (folder / name / "1.jpg").touch()
    return str(folder)


def test_further_folders_are_taken(tmp_path: Path, trained_words: list[Any], capsys: Capture) -> None:
    for name in ("one", "two", "three"):
        for path in ("cats/1.jpg", "dogs/1.jpg"):
            (tmp_path / name / path).parent.mkdir(parents=True)
            (tmp_path / name / path).touch()
    paths = [str(tmp_path / name) for name in ("one", "two", "three")]
    assert main(["-m", f"dataset.path={paths[0]},{paths[1]}", f"output_dir={tmp_path / 'runs'}"]) == 0
    assert main(["resume", str(sweep_of(tmp_path / "runs")), f"dataset.path={paths[2]}"]) == 0
    assert [job["status"] for job in states(tmp_path / "runs")] == ["ok"] * 3
    assert main(["resume", str(sweep_of(tmp_path / "runs")), "epochs=3"]) == 2
    assert "only for the keys that vary between its jobs: dataset.path" in capsys.readouterr().err


def test_a_condition_may_leave_jobs_in_the_middle(tmp_path: Path, trained_words: list[Any]) -> None:
    words = ["-m", "epochs=1,2,3", "seed=1,2,3", "sweep.skip=seed!=2 or epochs!=2", f"output_dir={tmp_path}"]
    assert main(words) == 0
    assert [job["overrides"][:2] for job in states(tmp_path)] == [["epochs=2", "seed=2"]]


def test_a_sweep_without_words_has_one_job(
    tmp_path: Path, trained_words: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["-m"]) == 0
    assert [job["status"] for job in states(tmp_path)] == ["ok"]


def test_hydras_own_word_for_the_keys_of_a_sweep(tmp_path: Path, trained_words: list[Any], capsys: Capture) -> None:
    assert main(["-m", "hydra.sweeper.params.seed=1,2", f"output_dir={tmp_path}"]) == 0
    assert [job["overrides"][0] for job in states(tmp_path)] == ["seed=1", "seed=2"]
    assert main(["-m", "seed=1,2", "hydra.sweeper.max_batch_size=1", f"output_dir={tmp_path / 'none'}"]) == 2
    assert "hydra.sweeper.max_batch_size" in capsys.readouterr().err


@pytest.mark.parametrize(
    "word",
    ["sweep.trials=3", "sweep.workers=2", "hydra/sweeper=optuna", "hydra/launcher=joblib", "hydra.sweeper.n_trials=3"],
)
@pytest.mark.parametrize("flags", [[], ["--dry-run"]])
def test_words_of_sweeps_are_refused_in_a_single_run(word: str, flags: list[str], capsys: Capture) -> None:
    assert main([*flags, word]) == 2
    said = capsys.readouterr().err
    assert f"has no effect in a single run: it is a setting of sweeps. Received: {word}. Add -m" in said


def test_a_search_for_a_recipe_has_no_dry_run(capsys: Capture) -> None:
    assert main(["experiment=auto", "--dry-run"]) == 2
    assert "experiment=auto is a search for a recipe, and --dry-run runs one" in capsys.readouterr().err


@pytest.mark.slow
def test_finished_runs_are_taken_over(tmp_path: Path, tiny: tuple[str, ...], capsys: Capture) -> None:
    words = [*tiny, "epochs=1", "logging=minimal", f"output_dir={tmp_path}"]
    assert main([*words, "seed=1"]) == 0
    (run,) = (path.parent for path in tmp_path.glob("**/result.json"))
    before = (run / "result.json").stat().st_mtime_ns
    assert main(["-m", *words, "seed=0,1", "sweep.reuse=true"]) == 0
    jobs = states(tmp_path)
    assert [job["status"] for job in jobs] == ["ok", "ok"] and jobs[1]["folder"] == str(run)
    assert jobs[1]["objective"] == json.loads((run / "result.json").read_text(encoding="utf-8"))["objective"]["value"]
    assert f"[2/2] taken from {run}" in capsys.readouterr().err
    assert (run / "result.json").stat().st_mtime_ns == before
    assert main(["compare", str(sweep_of(tmp_path)), "--json"]) == 0  # with the run that was taken over
    found = json.loads(capsys.readouterr().out)
    assert sorted(Path(each["run"]).name for each in found["runs"]) == sorted(["0-seed=0", run.name])
    other = [word.replace("dataset.images=48", "dataset.images=60") for word in words]
    assert main(["-m", *other[:-1], f"output_dir={tmp_path}", "seed=1", "sweep.reuse=true"]) == 0  # other images
    assert "taken from" not in capsys.readouterr().err


def test_a_copy_of_a_job_that_was_interrupted_ends_as_that_job_does(
    tmp_path: Path, trained_words: list[Any], capsys: Capture
) -> None:
    assert main(["-m", "seed=8,8,1", f"output_dir={tmp_path}"]) == 130
    assert main(["resume", str(sweep_of(tmp_path))]) == 130
    first, copy, last = states(tmp_path)
    assert (first["status"], last["status"]) == ("interrupted", "pending")
    assert copy["status"] == ("interrupted" if copy["same_as"] == 0 else "pending")  # it may not have been looked at
    assert {number for number, _ in trained_words} == {0}


def test_a_damaged_run_is_the_failure_of_its_job_alone(
    tmp_path: Path, trained_words: list[Any], capsys: Capture
) -> None:
    assert main(["-m", "seed=1,8,2", f"output_dir={tmp_path}"]) == 130
    (Path(states(tmp_path)[1]["folder"]) / "result.json").write_text("", encoding="utf-8")
    assert main(["resume", str(sweep_of(tmp_path))]) == 1
    assert [job["status"] for job in states(tmp_path)] == ["ok", "failed", "ok"]
    assert "result.json" in states(tmp_path)[1]["error"]


def test_an_error_around_a_run_is_the_failure_of_its_job_alone(
    tmp_path: Path, trained_words: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    trains = of_sweeps.train

    def train(of: Job, screen: Screen) -> dict[str, Any]:
        if of.config.seed == 2:
            raise KeyError("a study that somebody deleted")
        return trains(of, screen)

    monkeypatch.setattr("catsdogs_exp.sweep.job.train", train)
    assert main(["-m", "seed=1,2,3", f"output_dir={tmp_path}"]) == 1
    failed = states(tmp_path)[1]
    assert [job["status"] for job in states(tmp_path)] == ["ok", "failed", "ok"]
    assert failed["error"] == "KeyError: 'a study that somebody deleted'"
    assert "Traceback" in (Path(failed["folder"]) / "run.log").read_text(encoding="utf-8")


def test_a_job_waits_for_the_worker_of_a_killed_sweep_to_save_its_state(
    tmp_path: Path, trained_words: list[Any], capsys: Capture
) -> None:
    assert main(["-m", "seed=8,1", f"output_dir={tmp_path}"]) == 130
    run = Path(states(tmp_path)[0]["folder"])
    taken, ends = threading.Event(), threading.Event()

    def worker() -> None:
        with owned(run):
            taken.set()
            ends.wait(30)

    threads = [threading.Thread(target=worker), threading.Timer(1, ends.set)]
    for each in threads:
        each.start()
    taken.wait(30)
    assert main(["resume", str(sweep_of(tmp_path))]) == 130  # as before: it was not refused
    for each in threads:
        each.join()
    said = capsys.readouterr().err
    assert f"[1/2] waits until process {os.getpid()} on " in said and "being trained" not in said


def test_a_damaged_file_is_refused(tmp_path: Path, trained_words: list[Any], capsys: Capture) -> None:
    assert main(["-m", "seed=1,2", f"output_dir={tmp_path}"]) == 0
    file = sweep_of(tmp_path) / "sweep.json"
    for text in ("", "{}", "[]", '{"jobs": [1]}', file.read_text(encoding="utf-8").replace('"ok"', '"odd"')):
        file.write_text(text, encoding="utf-8")
        assert main(["resume", str(file.parent)]) == 2
        assert "sweep.json of the sweep is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "jobs", "threads", "count"), [(3, 8, 1, 3), (3, 2, 1, 2), (1, 5, 1, 1), ("auto", 1, 1, 1)]
)
def test_workers_are_counted(setting: int | str, jobs: int, threads: int, count: int) -> None:
    assert worker_count(setting, jobs, threads) == count


def test_a_gpu_makes_a_worker_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,3")
    assert worker_count("auto", 8, 1) == 3
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert worker_count("auto", 100, 4) == 2


# Real processes


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[bytes]", seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline, "it did not come to it"
        time.sleep(0.05)


def weights_of(folder: str) -> list[Any]:
    import keras

    return [np.asarray(weight) for weight in keras.models.load_model(f"{folder}/checkpoints/best.keras").weights]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_workers_give_what_a_job_alone_gives_with_as_many_threads(tmp_path: Path, tiny: tuple[str, ...]) -> None:
    words = [*tiny, "epochs=2", "logging=minimal", f"output_dir={tmp_path / 'side'}"]
    assert main(["-m", *words, "seed=0,1,2", "sweep.workers=2"]) == 0
    jobs = states(tmp_path / "side")
    assert [job["status"] for job in jobs] == ["ok"] * 3
    one = [f"training.{pool}_op_threads=1" for pool in ("intra", "inter")]
    alone = [sys.executable, "-m", "catsdogs_exp", *words[:-1], *one, "seed=2", f"output_dir={tmp_path / 'alone'}"]
    assert subprocess.run(alone, check=False, capture_output=True).returncode == 0
    (run,) = (tmp_path / "alone" / "drawn").iterdir()
    for found, wanted in zip(weights_of(jobs[2]["folder"]), weights_of(str(run)), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("isolate", ["true", "false"])
def test_a_killed_worker_costs_its_job_alone(
    isolate: str, tmp_path: Path, tiny: tuple[str, ...], crashing_network: Callable[[Path], list[str]]
) -> None:
    words = [*tiny, "epochs=1", "logging=minimal", *crashing_network(tmp_path), "model=cnn,crashing", "seed=0,1"]
    words = ["-m", *words, "sweep.workers=2", f"sweep.isolate={isolate}", f"output_dir={tmp_path / 'runs'}"]
    words = [sys.executable, "-m", "catsdogs_exp", *[w for w in words if not w.startswith(("depth=", "model."))]]
    ended = subprocess.run(words, check=False, capture_output=True, text=True, cwd=tmp_path)
    jobs = states(tmp_path / "runs")
    assert ended.returncode == 1, ended.stderr
    assert [job["status"] for job in jobs] == ["ok", "ok", "failed", "failed"]
    assert jobs[2]["error"] == "its process was killed by SIGKILL, perhaps because memory ran out"
    assert "[3/4] failed: its process was killed by SIGKILL" in ended.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_isolated_workers_end_quietly(tmp_path: Path, tiny: tuple[str, ...]) -> None:
    words = [*tiny, "epochs=1", "logging=minimal", "seed=0,1,2", "sweep.workers=2", "sweep.isolate=true"]
    words = [sys.executable, "-m", "catsdogs_exp", "-m", *words, f"output_dir={tmp_path}"]
    ended = subprocess.run(words, check=False, capture_output=True, text=True)
    assert ended.returncode == 0 and "Traceback" not in ended.stderr, ended.stderr
    assert [job["status"] for job in states(tmp_path)] == ["ok"] * 3


_WORKER = """
from multiprocessing import Pipe
from pathlib import Path
from catsdogs_exp.sweep.job import SweepJob
from catsdogs_exp.sweep.worker import serve
jobs, of_sweep = Pipe()
lifeline, held = Pipe()
"""
_KILLED_BETWEEN_JOBS = "held.close()"
_KILLED_DURING_A_JOB = "of_sweep.send(SweepJob(0, Path('0'), ('lr=-1',), '')); of_sweep.close()"


@pytest.mark.parametrize("killed", [_KILLED_BETWEEN_JOBS, _KILLED_DURING_A_JOB])
def test_a_worker_whose_sweep_was_killed_ends_quietly(killed: str) -> None:
    words = [sys.executable, "-c", f"{_WORKER}{killed}\nserve(jobs, lifeline, {{}}, ())"]
    ended = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_ctrl_c_while_a_worker_starts_leaves_no_traceback(capfd: Capture) -> None:
    """It reaches the whole process group, and the sweep's own process decides what ends."""
    running: Any = SimpleNamespace(sweep=SimpleNamespace(file=SimpleNamespace(facts=SimpleNamespace(settings=()))))
    worker = _Pool(running, 1)._start()
    time.sleep(0.1)
    os.kill(worker.process.pid or 0, signal.SIGINT)
    worker.jobs.send(None)  # no more jobs
    worker.process.join(60)
    assert (worker.process.exitcode, capfd.readouterr().err) == (0, "")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("workers", [1, 2])
def test_kill_9_of_everything_and_resume(workers: int, tmp_path: Path, tiny: tuple[str, ...]) -> None:
    """The numbers and folders stay, half-done jobs go on exactly, and what is done is not touched."""
    words = [*tiny, "epochs=12", "logging=minimal", "seed=0,1,2", f"sweep.workers={workers}"]
    assert main(["-m", *words, f"output_dir={tmp_path / 'whole'}"]) == 0
    command = [sys.executable, "-m", "catsdogs_exp", "-m", *words, f"output_dir={tmp_path / 'killed'}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_for(lambda: len(list((tmp_path / "killed").glob("*/*/*/checkpoints/last/*.npz"))) >= workers, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    jobs = states(tmp_path / "killed")
    assert "running" in [job["status"] for job in jobs]
    time.sleep(1)
    assert main(["resume", str(sweep_of(tmp_path / "killed"))]) == 0
    found, wanted = states(tmp_path / "killed"), states(tmp_path / "whole")
    assert [job["status"] for job in found] == ["ok"] * 3
    assert [Path(job["folder"]).name for job in found] == [Path(job["folder"]).name for job in wanted]
    assert [job["objective"] for job in found] == [job["objective"] for job in wanted]
    for job, other in zip(found, wanted, strict=True):
        for mine, theirs in zip(weights_of(job["folder"]), weights_of(other["folder"]), strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_the_jobs_that_run_and_says_how_to_go_on(
    workers: int, tmp_path: Path, tiny: tuple[str, ...]
) -> None:
    words = [*tiny, "epochs=100000", "logging=minimal", "seed=0,1,2", f"sweep.workers={workers}"]
    command = [sys.executable, "-m", "catsdogs_exp", "-m", *words, f"output_dir={tmp_path}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    wait_for(lambda: len(list(tmp_path.glob("*/*/*/checkpoints/last/*.npz"))) >= workers, process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert [job["status"] for job in states(tmp_path)].count("interrupted") == workers
    assert f"to continue: python -m catsdogs_exp resume {sweep_of(tmp_path)}" in said.decode()
    assert "Traceback" not in said.decode()
    for job in states(tmp_path)[:workers]:
        content = json.loads((Path(job["folder"]) / "result.json").read_text(encoding="utf-8"))
        assert content["status"] == "interrupted"
