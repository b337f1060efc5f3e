"""Searches: what they choose, tell and keep, and how they go on after they stopped."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy.exc import OperationalError

from catsdogs_exp.__main__ import main
from catsdogs_exp.errors import BadInput, Interrupted, Pruned, RunFailed
from catsdogs_exp.record.folder.result import Result
from catsdogs_exp.record.folder.run_folder import write_config
from catsdogs_exp.run.job import Job, Screen
from catsdogs_exp.sweep.search.auto import choose
from catsdogs_exp.sweep.search.begin import begin_search
from catsdogs_exp.sweep.search.measures import Objective, pareto, read_constraints, read_objectives
from catsdogs_exp.sweep.search.search import Study
from catsdogs_exp.sweep.search.shared import SignsOfLife, repeat_lost
from catsdogs_exp.sweep.search.space import Numbers, read_space
from catsdogs_exp.sweep.search.study import open_storage
from catsdogs_exp.sweep.search.trial import TrialPlace, watch_of
from catsdogs_exp.sweep.search.words import is_search, translated

Capture = pytest.CaptureFixture[str]
SEARCH = ("-m", "hydra/sweeper=optuna")


def sweep_of(folder: Path) -> Path:
    (file,) = folder.glob("**/sweep.json")
    return file.parent


def states(folder: Path) -> list[dict[str, Any]]:
    jobs = json.loads((sweep_of(folder) / "sweep.json").read_text(encoding="utf-8"))["jobs"]
    assert isinstance(jobs, list)
    return jobs


def study_of(folder: Path) -> optuna.Study:
    """The study as optuna-dashboard opens it."""
    journal = optuna.storages.journal.JournalFileBackend(str(sweep_of(folder) / "study.journal"))
    return optuna.load_study(study_name=None, storage=optuna.storages.JournalStorage(journal))


def value_of(job: dict[str, Any], key: str) -> float:
    return float(next(word for word in job["overrides"] if word.startswith(f"{key}=")).partition("=")[2])


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Runs end at once: the nearer `lr` is to 0.01, the better. A batch_size of 7 fails, of 8 is interrupted once."""
    numbers: list[int] = []

    def train(job: Job, screen: Screen) -> dict[str, Any]:
        result = Result(job.folder / "result.json", job.found)
        write_config(job.folder, job.config)
        (job.folder / "overrides.yaml").write_text(json.dumps(list(job.overrides)), encoding="utf-8")
        number = int(job.folder.name.split("-")[0])
        numbers.append(number)
        if job.config.batch_size == 7:
            result.update(status="failed", error="seven")
            raise RunFailed("seven is refused by this test")
        if job.config.batch_size == 8 and number not in numbers[:-1]:
            result.update(status="interrupted")
            raise Interrupted(signal.SIGINT)
        value = 1 / (1 + abs(float(job.config.lr) - 0.01))
        for epoch in range(1, 4):
            result.update(
                epochs=epoch,
                objective={"name": "val_accuracy", "value": value * epoch / 3, "epoch": epoch},
                parameters=1000 * job.config.depth,
                metrics={"val": {"accuracy": value, "loss": 1 - value}},
            )
            if job.watch is not None and (reason := job.watch(epoch, value * epoch / 3)):
                result.update(status="pruned", stopped=reason)
                raise Pruned(reason)
        result.update(status="ok", seconds=2.0)
        return result.content

    monkeypatch.setattr("catsdogs_exp.sweep.job.train", train)
    return numbers


def test_trials_are_chosen_told_and_kept(tmp_path: Path, ran: list[int], capsys: Capture) -> None:
    words = ["lr=tag(log,interval(1e-5,1e-1))", "depth=range(1,4)", "seed=3", "sweep.pruner=none"]
    assert main([*SEARCH, *words, "sweep.trials=12", f"output_dir={tmp_path}"]) == 0
    jobs, said = states(tmp_path), capsys.readouterr()
    assert [job["number"] for job in jobs] == list(range(12)) and ran == list(range(12))
    assert {job["status"] for job in jobs} == {"ok"}
    assert all(1e-5 <= value_of(job, "lr") <= 1e-1 and value_of(job, "depth") in (1, 2, 3) for job in jobs)
    assert {value_of(job, "seed") for job in jobs} == {3}
    assert len({value_of(job, "lr") for job in jobs}) == 12
    study = study_of(tmp_path)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 12
    assert [trial.value for trial in study.trials] == [job["objective"] for job in jobs]
    assert [trial.user_attrs["job"] for trial in study.trials] == list(range(12))
    assert study.trials[5].params["lr"] == value_of(jobs[5], "lr")
    best = max(jobs, key=lambda job: job["objective"])
    assert f"best: {best['folder']}\n" in said.out and "12 of 12 runs in" in said.out
    assert said.out.startswith(f"val_accuracy {best['objective']:.4f}  {Path(best['folder']).name}\n")
    assert "[12/12]" not in said.out and "a search of 12 trials over lr, depth" in said.err


def test_n_trials_are_n_in_total(tmp_path: Path, ran: list[int], capsys: Capture) -> None:
    words = ["lr=interval(0.001,0.1)", f"output_dir={tmp_path}"]
    assert main([*SEARCH, *words, "sweep.trials=3"]) == 0
    first = states(tmp_path)
    assert main(["resume", str(sweep_of(tmp_path))]) == 0
    assert "0 of 3 trials to go, 3 done" in capsys.readouterr().err
    assert main(["resume", str(sweep_of(tmp_path)), "sweep.trials=5"]) == 0
    assert states(tmp_path)[:3] == first and len(states(tmp_path)) == 5
    assert len({value_of(job, "lr") for job in states(tmp_path)}) == 5  # other draws than at the beginning
    assert main(["resume", str(sweep_of(tmp_path))]) == 0  # it stays at five
    assert len(states(tmp_path)) == 5 and len(study_of(tmp_path).trials) == 5
    assert main(["resume", str(sweep_of(tmp_path)), "lr=0.5"]) == 2
    assert "A search is resumed with the space it began with. Received: lr=0.5" in capsys.readouterr().err


def test_bad_trials_are_pruned(tmp_path: Path, ran: list[int], capsys: Capture) -> None:
    words = ["lr=interval(0.001,5)", "sweep.sampler=random", "sweep.trials=20", f"output_dir={tmp_path}"]
    assert main([*SEARCH, *words]) == 0
    jobs, study = states(tmp_path), study_of(tmp_path)
    pruned = [job for job in jobs if job["status"] == "pruned"]
    assert pruned and len(pruned) + sum(job["status"] == "ok" for job in jobs) == 20
    for job in pruned:
        content = json.loads((Path(job["folder"]) / "result.json").read_text(encoding="utf-8"))
        assert content["status"] == "pruned" and content["stopped"] == job["error"]
        assert job["error"].startswith("pruned after epoch ")
        assert study.trials[job["number"]].state == TrialState.PRUNED
        assert study.trials[job["number"]].intermediate_values
    finished = [value_of(job, "lr") for job in jobs if job["status"] == "ok"]
    assert sum(finished) / len(finished) < sum(value_of(job, "lr") for job in pruned) / len(pruned)
    said = capsys.readouterr()
    assert "pruned after epoch" in said.err
    rows = said.out.splitlines()[:20]  # those that ended early come last, whatever they had reached
    assert ["(pruned)" in row for row in rows] == [False] * len(finished) + [True] * len(pruned)


def test_the_median_pruner_waits_for_a_third_of_the_epochs(tmp_path: Path) -> None:
    study = optuna.create_study(
        study_name="s", storage=open_storage(f"sqlite:///{tmp_path / 's.db'}"), direction="maximize"
    )
    for _ in range(5):
        trial = study.ask()
        for epoch in range(1, 10):
            trial.report(0.9, epoch)
        study.tell(trial, 0.9)

    def judged(warmup: int | str, epochs: int) -> int:
        """The first epoch at which a hopeless trial ends."""
        trial = study.ask()
        place = TrialPlace(f"sqlite:///{tmp_path / 's.db'}", "s", trial._trial_id, "median", warmup)
        watch = watch_of(place, epochs)
        return next((epoch for epoch in range(1, epochs + 1) if watch(epoch, 0.1)), 0)

    assert [judged("auto", epochs) for epochs in (2, 3, 9)] == [1, 2, 4]
    assert judged(0, 9) == 1 and judged(6, 9) == 7
    assert judged(0, 1) == 0 and judged(8, 9) == 0  # never after the last epoch, which costs nothing any more


def test_activation_sheets_are_artifacts_of_the_trials(
    tmp_path: Path, ran: list[int], monkeypatch: pytest.MonkeyPatch, photo: Callable[..., Any]
) -> None:
    from catsdogs_exp.sweep import job

    trains = job.train

    def train(job: Job, screen: Screen) -> dict[str, Any]:
        content = trains(job, screen)
        (job.folder / "activations").mkdir()
        for name in ("best-cats-cat.1.jpg.png", "best-dogs-dog.2.jpg.png"):
            photo(seed=len(ran)).save(job.folder / "activations" / name)
        return content

    monkeypatch.setattr("catsdogs_exp.sweep.job.train", train)
    words = ["lr=interval(0.001,0.1)", "sweep.trials=2", f"output_dir={tmp_path}"]
    assert main([*SEARCH, *words]) == 0
    study, folder = study_of(tmp_path), sweep_of(tmp_path)
    store = optuna.artifacts.FileSystemArtifactStore(folder / "artifacts")
    for trial, job_state in zip(study.trials, states(tmp_path), strict=True):
        kept = optuna.artifacts.get_all_artifact_meta(trial, storage=study._storage)
        assert [(each.filename, each.mimetype) for each in kept] == [
            ("best-cats-cat.1.jpg.png", "image/png"),
            ("best-dogs-dog.2.jpg.png", "image/png"),
        ]
        for each in kept:
            with store.open_reader(each.artifact_id) as found:
                original = Path(job_state["folder"]) / "activations" / each.filename
                assert found.read() == original.read_bytes()
    assert len(list((folder / "artifacts").iterdir())) == 4


def test_long_rates_are_short_in_the_folders_names(tmp_path: Path, ran: list[int]) -> None:
    assert main([*SEARCH, "lr=tag(log,interval(1e-5,1e-1))", "sweep.trials=2", f"output_dir={tmp_path}"]) == 0
    for job in states(tmp_path):
        name = Path(job["folder"]).name
        assert re.fullmatch(rf"{job['number']}-lr=[\d.e-]{{4,9}}", name), name
        assert float(name.partition("=")[2]) == pytest.approx(value_of(job, "lr"), rel=1e-3)


def test_an_interrupted_search_goes_on_with_the_same_trial(tmp_path: Path, ran: list[int]) -> None:
    words = ["lr=interval(0.001,0.1)", "batch_size=8", "sweep.trials=3", f"output_dir={tmp_path}"]
    for done in range(3):  # each trial is interrupted once
        assert main([*SEARCH, *words] if not done else ["resume", str(sweep_of(tmp_path))]) == 130
        assert [job["status"] for job in states(tmp_path)] == ["ok"] * done + ["interrupted"]
    lrs = [value_of(job, "lr") for job in states(tmp_path)]
    assert main(["resume", str(sweep_of(tmp_path))]) == 0
    assert [value_of(job, "lr") for job in states(tmp_path)] == lrs
    study = study_of(tmp_path)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 3
    assert [trial.params["lr"] for trial in study.trials] == lrs


def test_a_condition_leaves_out_trials_of_a_resumed_search(tmp_path: Path, ran: list[int]) -> None:
    words = ["lr=interval(0.001,0.1)", "zip(batch_size=4,7,depth=1,2)", "sweep.trials=8", "sweep.pruner=none"]
    assert main([*SEARCH, *words, f"output_dir={tmp_path}"]) == 1
    assert main(["resume", str(sweep_of(tmp_path)), "sweep.skip=batch_size==7", "sweep.trials=10"]) == 0
    jobs = states(tmp_path)
    for job in jobs:
        assert job["status"] == ("skipped" if value_of(job, "batch_size") == 7 else "ok")
    assert len(jobs) == 10 and {job["status"] for job in jobs[8:]} == {"ok"}
    assert TrialState.RUNNING not in [trial.state for trial in study_of(tmp_path).trials]


def test_failing_trials_do_not_end_a_search(tmp_path: Path, ran: list[int], capsys: Capture) -> None:
    words = ["lr=interval(0.001,0.1)", "batch_size=7", "sweep.trials=12", f"output_dir={tmp_path}"]
    assert main([*SEARCH, *words]) == 1
    assert [job["status"] for job in states(tmp_path)] == ["failed"] * 12
    assert [trial.state for trial in study_of(tmp_path).trials] == [TrialState.FAIL] * 12
    assert main(["resume", str(sweep_of(tmp_path))]) == 1  # tried again, under the same numbers
    assert len(states(tmp_path)) == 12
    assert sorted(trial.user_attrs["job"] for trial in study_of(tmp_path).trials) == sorted([*range(12)] * 2)


def test_a_share_of_failures_ends_a_search(tmp_path: Path, ran: list[int], capsys: Capture) -> None:
    words = ["lr=interval(0.001,0.1)", "batch_size=7", "sweep.trials=20", "sweep.max_failure_rate=0.2"]
    assert main([*SEARCH, *words, f"output_dir={tmp_path}"]) == 1
    assert len(states(tmp_path)) == 5
    said = capsys.readouterr().out
    assert "the search ended: 5 of 20 trials failed, more than sweep.max_failure_rate=0.2 allows" in said


def test_the_first_failure_of_a_search_by_minutes_is_no_share(
    tmp_path: Path, ran: list[int], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows how many trials there will be, and one of one is all of them."""
    words = ["lr=interval(0.001,0.1)", "batch_size=7", "sweep.trials=null", "sweep.minutes=3"]
    assert main([*SEARCH, *words, "sweep.max_failure_rate=0.2", f"output_dir={tmp_path}"]) == 1
    assert len(states(tmp_path)) == 3
    assert (
        "the search ended: 3 of 3 trials failed, more than sweep.max_failure_rate=0.2 allows" in capsys.readouterr().out
    )


def test_a_dimension_may_depend_on_another(tmp_path: Path, ran: list[int], capsys: Capture) -> None:
    words = ["model=cnn,resnet", "model.dropout=0.1,0.5", "optimizer=sgd,adam", "optimizer.momentum=interval(0,0.9)"]
    only = "sweep.only=[model.dropout if model==cnn,optimizer.momentum if optimizer==sgd and model==cnn]"
    assert main([*SEARCH, *words, only, "sweep.trials=20", f"output_dir={tmp_path}"]) == 0
    kinds = set()
    for job in states(tmp_path):
        keys = {word.partition("=")[0] for word in job["overrides"]}
        chosen = dict(word.split("=", 1) for word in job["overrides"])
        assert ("model.dropout" in keys) == (chosen["model"] == "cnn")
        assert ("optimizer.momentum" in keys) == (chosen["model"] == "cnn" and chosen["optimizer"] == "sgd")
        kinds.add((chosen["model"], chosen["optimizer"]))
    assert len(kinds) == 4


def test_several_objectives_have_a_front(tmp_path: Path, ran: list[int], capsys: Capture) -> None:
    words = ["lr=interval(0.001,0.5)", "depth=1,2,3", "sweep.objectives=[val_accuracy,parameters]", "sweep.trials=12"]
    assert main([*SEARCH, *words, f"output_dir={tmp_path}"]) == 0
    said = capsys.readouterr().out
    study = study_of(tmp_path)
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    front = {trial.user_attrs["job"] for trial in study.best_trials}
    listed = said.partition("Pareto front of val_accuracy, parameters: ")[2].partition("pareto.png")[0]
    assert f"{len(front)} of 12 finished trials" in listed
    for job in states(tmp_path):
        assert (Path(job["folder"]).name in listed) == (job["number"] in front)
    assert (sweep_of(tmp_path) / "pareto.png").read_bytes().startswith(b"\x89PNG")


def test_the_best_trial_keeps_the_limits(tmp_path: Path, ran: list[int], capsys: Capture) -> None:
    words = ["lr=interval(0.001,0.5)", "depth=1,2,3", "sweep.constraints=parameters<=1500", "sweep.trials=12"]
    assert main([*SEARCH, *words, "sweep.pruner=none", f"output_dir={tmp_path}"]) == 0
    said = capsys.readouterr().out
    fit = [job for job in states(tmp_path) if value_of(job, "depth") == 1]
    best = max(fit, key=lambda job: job["objective"])
    assert f"best: {best['folder']}\n" in said and "(not parameters<=1500)" in said
    study = study_of(tmp_path)
    trials = study.trials
    assert study.best_trial.user_attrs["job"] in {job["number"] for job in fit}  # Optuna's own, as its dashboard shows
    kept = [trial.user_attrs.get("constraints") or trial.constraints for trial in trials]  # Optuna 4, Optuna 5
    assert [each["parameters<=1500"] for each in kept] == [
        1000 * value_of(job, "depth") - 1500 for job in states(tmp_path)
    ]


def test_identical_trials_run_once(tmp_path: Path, ran: list[int]) -> None:
    assert main([*SEARCH, "depth=1,2", "sweep.trials=6", f"output_dir={tmp_path}"]) == 0
    assert len(ran) == 2 and len(states(tmp_path)) == 6
    assert [trial.state for trial in study_of(tmp_path).trials] == [TrialState.COMPLETE] * 6


@pytest.mark.parametrize("sampler", ["grid", "bruteforce"])
@pytest.mark.parametrize("pruner", ["none", "hyperband"])
def test_a_sampler_that_tries_everything_ends_the_search(
    sampler: str, pruner: str, tmp_path: Path, ran: list[int], capsys: Capture
) -> None:
    words = [f"sweep.sampler={sampler}", f"sweep.pruner={pruner}", "depth=1,2", "lr=0.1,0.01,0.001"]
    assert main([*SEARCH, *words, "sweep.skip=depth==2 and lr==0.1", f"output_dir={tmp_path}"]) == 0
    tried = {(value_of(job, "depth"), value_of(job, "lr")) for job in states(tmp_path)}
    assert len(states(tmp_path)) == len(tried) == 5
    assert "the search ended: all combinations have been tried" in capsys.readouterr().out


@pytest.mark.parametrize("more", [["sweep.trials=null", "sweep.minutes=60"], ["sweep.trials=50", "sweep.minutes=60"]])
def test_a_search_by_minutes_ends_when_all_combinations_have_been_tried(
    more: list[str], tmp_path: Path, ran: list[int], capsys: Capture
) -> None:
    """Training them again and again until the minutes have passed would give the same results."""
    words = ["depth=1,2", "model=cnn,resnet", "model.dropout=0.1,0.2", "sweep.only=model.dropout if model==cnn"]
    assert main([*SEARCH, *words, *more, "sweep.skip=depth==2 and model==resnet", f"output_dir={tmp_path}"]) == 0
    jobs = states(tmp_path)
    assert len(ran) == len(jobs) == len({tuple(job["overrides"][:4]) for job in jobs}) == 5
    assert "the search ended: all combinations have been tried" in capsys.readouterr().out


@pytest.mark.parametrize("values", ["2,3", "range(2,4)", "int(interval(2,3))"])
def test_combinations_that_run_side_by_side_are_not_chosen_again(values: str, tmp_path: Path) -> None:
    words = ["hydra/sweeper=optuna", "sweep.sampler=grid", f"depth={values}", "model.dropout=range(0.1,0.35,0.1)"]
    sweep = begin_search("", [*words, f"output_dir={tmp_path}"], None, lambda text: None)
    search = sweep.search
    assert search is not None
    jobs = [search.next(sweep.file) for _ in range(7)]  # none of them ends
    assert jobs[6] is None and len({job.overrides for job in jobs[:6] if job is not None}) == 6
    assert search.ended == "all combinations have been tried"


def test_a_search_by_minutes_does_not_fail_until_they_have_passed(
    tmp_path: Path, ran: list[int], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catsdogs_exp.sweep.search.search._FAILURES", 4)
    words = ["lr=interval(0.001,0.1)", "batch_size=7", "sweep.trials=null", "sweep.minutes=60"]
    assert main([*SEARCH, *words, f"output_dir={tmp_path}"]) == 1
    assert len(states(tmp_path)) == 4 and "the search ended: the last 4 trials failed" in capsys.readouterr().out


def test_a_grid_with_a_failure_goes_on(tmp_path: Path, ran: list[int], capsys: Capture) -> None:
    """The sampler looks up which combination the repeated trial had, to find that one is left."""
    words = ["lr=0.1,0.2", "batch_size=7", "sweep.sampler=grid", "sweep.on_error=stop", f"output_dir={tmp_path}"]
    assert main([*SEARCH, *words]) == 1
    assert main(["resume", str(sweep_of(tmp_path))]) == 1
    assert [(job["status"], job["attempts"]) for job in states(tmp_path)] == [("failed", 1)]
    assert main(["resume", str(sweep_of(tmp_path)), "sweep.on_error=continue"]) == 1
    assert len({value_of(job, "lr") for job in states(tmp_path)}) == len(states(tmp_path)) == 2
    assert "the search ended: all combinations have been tried" in capsys.readouterr().out


def test_two_machines_share_a_grid(tmp_path: Path, ran: list[int]) -> None:
    """And a resumed search goes on with it: the combinations have the same numbers everywhere."""
    words = ["lr=0.1,0.2,0.3,0.4", "sweep.sampler=grid", "sweep.pruner=none", "sweep.study=ours"]
    words.append(f"sweep.storage=sqlite:///{tmp_path / 's.db'}")
    assert main([*SEARCH, *words, "sweep.trials=1", f"output_dir={tmp_path / 'one'}"]) == 0
    assert main([*SEARCH, *words, "sweep.trials=3", f"output_dir={tmp_path / 'two'}"]) == 0
    assert main(["resume", str(sweep_of(tmp_path / "one")), "sweep.trials=20"]) == 0
    jobs = [*states(tmp_path / "one"), *states(tmp_path / "two")]
    assert sorted(value_of(job, "lr") for job in jobs) == [0.1, 0.2, 0.3, 0.4]


@pytest.mark.parametrize("cut", [1, 20])
def test_a_journal_that_was_cut_short_goes_on(cut: int, tmp_path: Path, ran: list[int]) -> None:
    """By a full disk or a power failure, in the middle of a line."""
    assert main([*SEARCH, "lr=interval(0.001,0.1)", "sweep.trials=3", f"output_dir={tmp_path}"]) == 0
    journal = sweep_of(tmp_path) / "study.journal"
    journal.write_bytes(journal.read_bytes()[:-cut])
    assert main(["resume", str(sweep_of(tmp_path)), "sweep.trials=6"]) == 0
    assert [trial.state for trial in study_of(tmp_path).trials] == [TrialState.COMPLETE] * 6
    for line in journal.read_text(encoding="utf-8").splitlines():
        json.loads(line)


def test_a_search_whose_first_combination_is_invalid_goes_on(tmp_path: Path, ran: list[int], capsys: Capture) -> None:
    words = ["depth=4,2", "target_size=20,150", "batch_size=8", "sweep.trials=4", "sweep.pruner=none"]
    assert main([*SEARCH, *words, f"output_dir={tmp_path}"]) == 130
    assert main(["resume", str(sweep_of(tmp_path))]) != 2, capsys.readouterr().err


def test_a_study_with_other_values_is_refused(tmp_path: Path, ran: list[int], capsys: Capture) -> None:
    words = [f"sweep.storage=sqlite:///{tmp_path / 'studies.db'}", "sweep.study=ours", f"output_dir={tmp_path}"]
    assert main([*SEARCH, *words, "depth=1,2", "sweep.trials=1"]) == 0
    assert main([*SEARCH, *words, "depth=1,2,3", "sweep.trials=2"]) == 2
    said = capsys.readouterr().err
    assert "The study ours has trials with other values of a key that varies" in said and "sweep.study=NAME" in said


def test_sqlite_and_a_study_shared_by_two_searches(tmp_path: Path, ran: list[int]) -> None:
    place = f"sqlite:///{tmp_path / 'studies.db'}"
    words = ["lr=interval(0.001,0.1)", f"sweep.storage={place}", "sweep.study=ours"]
    assert main([*SEARCH, *words, "sweep.trials=3", f"output_dir={tmp_path / 'one'}"]) == 0
    assert main([*SEARCH, *words, "sweep.trials=5", f"output_dir={tmp_path / 'two'}"]) == 0
    assert len(states(tmp_path / "one")) == 3 and len(states(tmp_path / "two")) == 2  # five in all
    study = optuna.load_study(study_name="ours", storage=place)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 5
    assert len({trial.params["lr"] for trial in study.trials}) == 5


@pytest.mark.parametrize("job", ["runs", "is about to start"])
def test_two_machines_that_ask_for_the_last_trial_run_it_once(
    job: str, tmp_path: Path, ran: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"sqlite:///{tmp_path / 'studies.db'}"
    ask = optuna.Study.ask

    def after_another(study: optuna.Study, *given: Any) -> optuna.Trial:
        if len(study.trials) == 2:
            other = ask(study)
            if job == "runs":
                other.set_user_attr("sweep", "elsewhere")
                other.set_user_attr("job", 0)
        return ask(study, *given)

    monkeypatch.setattr(optuna.Study, "ask", after_another)
    words = ["lr=interval(0.001,0.1)", f"sweep.storage={place}", "sweep.study=ours", "sweep.lost_after=2"]
    assert main([*SEARCH, *words, "sweep.trials=3", f"output_dir={tmp_path}"]) == 0
    found = [trial.state for trial in optuna.load_study(study_name="ours", storage=place).trials]
    here, elsewhere, released = TrialState.COMPLETE, TrialState.RUNNING, TrialState.FAIL
    if job == "runs":
        assert len(states(tmp_path)) == 2 and found == [here, here, elsewhere, released]
    else:  # it never does: after lost_after, the trial is run here
        assert len(states(tmp_path)) == 3 and found == [here, here, elsewhere, released, here]


@pytest.mark.parametrize("message", ["table studies already exists", "table alembic_version already exists"])
def test_two_searches_may_create_a_database_at_once(
    message: str, tmp_path: Path, ran: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    creates, created = RDBStorage.__init__, []

    def create(storage: RDBStorage, *given: Any, **named: Any) -> None:
        created.append(storage)
        if len(created) == 1:
            raise OperationalError("CREATE TABLE", {}, OSError(message))
        creates(storage, *given, **named)

    monkeypatch.setattr(RDBStorage, "__init__", create)
    monkeypatch.setattr("catsdogs_exp.sweep.search.study.time", SimpleNamespace(sleep=lambda seconds: None))
    words = ["lr=interval(0.001,0.1)", f"sweep.storage=sqlite:///{tmp_path / 's.db'}", "sweep.trials=1"]
    assert main([*SEARCH, *words, f"output_dir={tmp_path}"]) == 0


def test_failures_on_all_machines_count(tmp_path: Path, ran: list[int], capsys: Capture) -> None:
    place = f"sqlite:///{tmp_path / 'studies.db'}"
    words = ["lr=interval(0.001,0.1)", f"sweep.storage={place}", "sweep.study=ours", "sweep.trials=10"]
    words += ["batch_size=7", "sweep.max_failure_rate=0.1"]
    assert main([*SEARCH, *words, "sweep.retries=1", f"output_dir={tmp_path / 'one'}"]) == 1
    assert len(states(tmp_path / "one")) == 2
    assert main([*SEARCH, *words, f"output_dir={tmp_path / 'two'}"]) == 0
    assert "the search ended: 2 of 10 trials failed" in capsys.readouterr().out
    assert states(tmp_path / "two") == []
    assert main(["resume", str(sweep_of(tmp_path / "one"))]) == 1  # they are tried again, and counted once
    assert "the search ended: 2 of 10 trials failed" in capsys.readouterr().out


def away(times: int, call: Callable[..., Any]) -> Callable[..., Any]:
    """A function of a storage whose database does not answer at first."""
    calls: list[object] = []

    def answer(*given: Any, **named: Any) -> Any:
        calls.append(given)
        if 2 < len(calls) <= 2 + times:
            raise StorageInternalError("in the commit") from OperationalError("select", {}, OSError("no connection"))
        return call(*given, **named)

    return answer


def test_a_search_waits_for_a_database_that_is_away(
    tmp_path: Path, ran: list[int], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Study, "ask", away(3, Study.ask))
    for name in ("set_trial_user_attr", "set_trial_intermediate_value", "set_trial_state_values"):
        monkeypatch.setattr(RDBStorage, name, away(3, getattr(RDBStorage, name)))
    monkeypatch.setattr("catsdogs_exp.sweep.search.shared._PAUSE", 0.01)
    words = ["lr=interval(0.001,0.1)", f"sweep.storage=sqlite:///{tmp_path / 's.db'}", "sweep.trials=4"]
    assert main([*SEARCH, *words, f"output_dir={tmp_path}"]) == 0
    assert [job["status"] for job in states(tmp_path)] == ["ok"] * 4
    said = capsys.readouterr().err
    assert "the database of the study does not answer; waits for it, at most 10 minutes" in said
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{tmp_path / 's.db'}")
    assert sum(trial.state == TrialState.COMPLETE for trial in study.trials) == 4


def test_a_search_whose_database_stays_away_says_how_to_go_on(
    tmp_path: Path, ran: list[int], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = Study.ask
    monkeypatch.setattr(Study, "ask", away(1000, asks))
    monkeypatch.setattr("catsdogs_exp.sweep.search.shared._AWAY", 0.0)
    words = ["lr=interval(0.001,0.1)", f"sweep.storage=sqlite:///{tmp_path / 's.db'}", "sweep.trials=4"]
    assert main([*SEARCH, *words, f"output_dir={tmp_path}"]) == 1
    sweep = sweep_of(tmp_path)
    said = capsys.readouterr().err
    assert "The database of the study has not answered for" in said and "no connection" in said
    assert f"to continue: python -m catsdogs_exp resume {sweep}" in said and "Traceback" not in said
    monkeypatch.setattr(Study, "ask", asks)
    assert main(["resume", str(sweep)]) == 0
    assert [job["status"] for job in states(tmp_path)] == ["ok"] * 4


def test_signs_of_life_outlive_a_database_that_is_away() -> None:
    told = []

    class Storage:
        def record_heartbeat(self, trial: int) -> None:
            told.append(trial)
            if len(told) == 1:
                raise OSError("away")

    with SignsOfLife(Storage(), lambda: [4, 5], 2):
        deadline = time.monotonic() + 20
        while len(told) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
    assert told[:3] == [4, 4, 5]


@pytest.mark.parametrize("repeated", [True, False])
@pytest.mark.slow
def test_a_lost_trial_is_run_once(repeated: bool, tmp_path: Path, ran: list[int], capsys: Capture) -> None:
    """By another machine, or by the one that had it, if that comes back before another one begins."""
    place = f"sqlite:///{tmp_path / 'studies.db'}"
    words = ["lr=interval(0.001,0.1)", f"sweep.storage={place}", "sweep.study=ours", "sweep.lost_after=2"]
    words += ["sweep.trials=2", "sweep.pruner=none"]
    assert main([*SEARCH, *words, "batch_size=8", f"output_dir={tmp_path / 'one'}"]) == 130
    time.sleep(4)  # the database counts whole seconds
    if repeated:
        assert main([*SEARCH, *words, f"output_dir={tmp_path / 'two'}"]) == 0
    else:
        repeat_lost(optuna.load_study(study_name="ours", storage=open_storage(place, 2)))
    assert main(["resume", str(sweep_of(tmp_path / "one"))]) == (0 if repeated else 130)  # its second trial
    (first, *_) = states(tmp_path / "one")
    assert first["status"] == ("skipped" if repeated else "ok")
    if repeated:
        assert first["error"] == "another machine repeated this trial"
    else:
        assert main(["resume", str(sweep_of(tmp_path / "one"))]) == 0
    trials = optuna.load_study(study_name="ours", storage=place).trials
    assert [trial.state for trial in trials] == [TrialState.FAIL, TrialState.COMPLETE, TrialState.COMPLETE]
    assert trials[1].params == trials[0].params and trials[1].system_attrs["failed_trial"] == 0
    assert trials[2].params != trials[0].params


def test_minutes_end_a_search(tmp_path: Path, ran: list[int], capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 1_000_000, 30))
    monkeypatch.setattr("catsdogs_exp.sweep.search.search.monotonic", lambda: float(next(now)))
    words = ["lr=interval(0.001,0.1)", "sweep.trials=null", "sweep.minutes=3", f"output_dir={tmp_path}"]
    assert main([*SEARCH, *words]) == 0
    assert [value_of(job, "training.max_minutes") for job in states(tmp_path)] == [2.5, 2.0, 1.5, 1.0, 0.5]
    assert "the search ended: sweep.minutes=3 have passed" in capsys.readouterr().out


def test_words_of_hydra_optuna_sweeper_are_understood(tmp_path: Path, ran: list[int]) -> None:
    words = ["hydra.sweeper.n_trials=4", "hydra.sweeper.direction=minimize", "hydra/sweeper/sampler=random"]
    words += ["hydra.sweeper.sampler.seed=5", "hydra.sweeper.study_name=theirs", "hydra.sweeper.n_jobs=1"]
    words += ["hydra.sweeper.params={lr: 'interval(0.001,0.1)'}", "hydra.sweeper.max_failure_rate=0.5"]
    assert main([*SEARCH, *words, f"output_dir={tmp_path}"]) == 0
    study = study_of(tmp_path)
    assert study.study_name == "theirs" and len(study.trials) == 4
    assert study.direction.name == "MINIMIZE"


RECIPE = """
# @package _global_
defaults:
  - override /hydra/sweeper: optuna
  - override /hydra/sweeper/sampler: random

depth: 2
sweep:
  trials: 3
  pruner: none
hydra:
  sweeper:
    sampler:
      seed: 5
    study_name: mine
    direction: minimize
    params:
      lr: tag(log, interval(1e-4, 1e-2))
      model: [cnn, resnet]
    search_space:
      seed: {type: int, low: 1, high: 9, step: 4}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A folder of configs with the recipe `mine`, a search."""
    file = tmp_path / "configs" / "experiment" / "mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(RECIPE, encoding="utf-8")
    return file


def test_a_recipe_may_be_a_search(tmp_path: Path, recipe: Path, ran: list[int], capsys: Capture) -> None:
    words = ["--config-dir", str(tmp_path / "configs"), "-m", "experiment=mine", f"output_dir={tmp_path / 'runs'}"]
    assert main(words) == 0
    jobs, study = states(tmp_path), study_of(tmp_path)
    assert [job["status"] for job in jobs] == ["ok"] * 3
    assert study.study_name == "mine" and study.direction.name == "MINIMIZE"
    assert all(1e-4 <= value_of(job, "lr") <= 1e-2 and value_of(job, "seed") in (1, 5, 9) for job in jobs)
    assert {"model=cnn", "model=resnet"} >= {word for job in jobs for word in job["overrides"] if "model=" in word}
    assert "a search of 3 trials over lr, seed, model" in capsys.readouterr().err
    config = json.loads((sweep_of(tmp_path) / "sweep.json").read_text(encoding="utf-8"))["config"]
    assert config["depth"] == 2
    assert main(["resume", str(sweep_of(tmp_path)), "sweep.trials=4"]) == 0
    assert len(states(tmp_path)) == 4
    recipe.write_text(RECIPE.replace("1e-2", "1e-3"), encoding="utf-8")
    assert main(["resume", str(sweep_of(tmp_path)), "sweep.trials=5"]) == 2
    said = capsys.readouterr().err
    assert "the recipe has changed: lr=0.0001 .. lr=0.01 -> lr=0.0001 .. lr=0.001. Restore it" in said
    assert main(["resume", str(sweep_of(tmp_path)), "sweep.trials=5", "--allow-changes"]) == 0
    assert value_of(states(tmp_path)[-1], "lr") <= 1e-3


def test_typed_words_win_over_a_recipes_search(tmp_path: Path, recipe: Path, ran: list[int], capsys: Capture) -> None:
    words = ["--config-dir", str(tmp_path / "configs"), "-m", "experiment=mine", f"output_dir={tmp_path / 'runs'}"]
    more = ["hydra.sweeper.n_trials=2", "lr=0.5,0.25", "seed=7", "sweep.study=other", "hydra/sweeper/sampler=tpe"]
    assert main([*words, *more]) == 0
    assert study_of(tmp_path).study_name == "other" and len(states(tmp_path)) == 2
    assert all(value_of(job, "lr") in (0.5, 0.25) and value_of(job, "seed") == 7 for job in states(tmp_path))
    assert main([*words, "hydra/sweeper=basic"]) == 2
    assert "An interval has infinitely many values: only a search can use it" in capsys.readouterr().err


def test_a_typed_zip_wins_over_a_recipes_interval(tmp_path: Path, recipe: Path, ran: list[int]) -> None:
    words = ["experiment=mine", "--config-dir", str(recipe.parent.parent), "zip(lr=0.01,0.001,seed=1,2)"]
    assert main(["-m", *words, "sweep.trials=3", f"output_dir={tmp_path / 'runs'}"]) == 0
    for job in states(tmp_path / "runs"):
        assert [word for word in job["overrides"] if word.startswith("lr=")] in (["lr=0.01"], ["lr=0.001"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("study_name", "studyname", "Unknown setting of a search: hydra.sweeper.studyname. Did you mean study_name?"),
        ("type: int, ", "", "hydra.sweeper.search_space needs type float or int with low and high"),
        ("[cnn, resnet]", "{choices: [cnn]}", "Put type, low and high into hydra.sweeper.search_space"),
        ("override /hydra/sweeper: optuna", "override /hydra/sweeper: nosuch", "hydra/sweeper must be one of"),
    ],
)
def test_mistakes_in_a_recipes_search(
    old: str, new: str, message: str, tmp_path: Path, recipe: Path, capsys: Capture
) -> None:
    recipe.write_text(RECIPE.replace(old, new), encoding="utf-8")
    words = ["--config-dir", str(tmp_path / "configs"), "-m", "experiment=mine", f"output_dir={tmp_path / 'runs'}"]
    assert main(words) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("**/sweep.json"))


def test_their_search_spaces_are_translated() -> None:
    words = [
        "hydra.sweeper.search_space={lr: {type: float, low: 0.001, high: 0.1, log: true}}",
        "hydra.sweeper.search_space.depth={type: int, low: 1, high: 3}",
        "hydra.sweeper.search_space.seed={type: int, low: 0, high: 10, step: 5}",
        "hydra.sweeper.search_space.model={type: categorical, choices: [cnn, resnet]}",
        "hydra.sweeper.sampler._target_=optuna.samplers.CmaEsSampler",
    ]
    assert translated(words) == [
        "lr=tag(log,interval(0.001,0.1))",
        "depth=int(interval(1,3))",
        "seed=range(0,11,5)",
        "model=cnn,resnet",
        "sweep.sampler=CmaEsSampler",
    ]
    with pytest.raises(BadInput, match=r"Unknown setting of a search: hydra\.sweeper\.n_trial\. Did you mean n_trials"):
        translated(["hydra.sweeper.n_trial=3"])
    with pytest.raises(BadInput, match="high is missing"):
        translated(["hydra.sweeper.search_space.lr={type: float, low: 1}"])
    assert is_search(["hydra/sweeper=optuna"]) and not is_search(["hydra/sweeper=optuna", "hydra/sweeper=basic"])


def test_spaces() -> None:
    words = ["lr=tag(log,interval(1e-5,1e-1))", "depth=int(interval(1,5))", "seed=range(0,10,5)", "batch_size=2,4"]
    space = read_space([*words, "zip(epochs=1,2,target_size=20,30)", "model.dropout=0.2"], None, None, ())
    found = {each.name: each.values for each in space.dimensions}
    assert found["lr"] == Numbers(1e-5, 0.1, whole=False, log=True)
    assert found["depth"] == Numbers(1, 5, whole=True, log=False)
    assert found["seed"] == Numbers(0, 5, whole=True, log=False, step=5)
    assert found["batch_size"] == (("batch_size=2",), ("batch_size=4",))
    assert found["epochs+target_size"] == (("epochs=1", "target_size=20"), ("epochs=2", "target_size=30"))
    assert space.fixed == ("model.dropout=0.2",)
    trial = optuna.create_study().ask()
    assert sorted(word.partition("=")[0] for word in space.choose(trial)) == sorted(
        ["model.dropout", "lr", "depth", "seed", "batch_size", "epochs", "target_size"]
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lr=0.1"], "A search needs a key with several values"),
        (["lr=interval(1,0.1)"], "An interval must start below its end. Received: lr=interval(1,0.1)"),
        (["lr=tag(log,interval(0,1))"], "and above 0 on a log scale"),
        (["lr=interval(-1,0.1)"], "lr must be > 0"),
        (["depth=range(3,3)"], "A range needs at least one value"),
        (["batch_size=tag(log,range(8,65,8))"], "takes whole numbers above 0 in steps of 1"),
        (
            ["depth=tag(log,range(0,5))"],
            "For other numbers: tag(log,interval(...)). Received: depth=tag(log,range(0,5))",
        ),
        (["depth=tag(fast,range(1,5))"], "A range takes the tag log. Received: fast in depth=tag(fast,range(1,5))"),
        (["lr=interval(0.1,1)", "sweep.sampler=tpee"], "sweep.sampler must be one of"),
        (["lr=interval(0.1,1)", "sweep.sampler=grid"], "sweep.sampler=grid needs values, and lr is an interval"),
        (["lr=interval(0.1,1)", "sweep.sampler_options=[odd=1]"], "does not take these options"),
        (["lr=interval(0.1,1)", "sweep.only=depth if lr>1"], "names a key that the search does not vary: depth"),
        (["lr=interval(0.1,1)", "zip(lr=0.1,1,seed=1,2)"], "can be varied in one place only. Received twice: lr"),
        (["lr=interval(0.1,1)", "sweep.only=lr"], "sweep.only takes a key and a condition"),
        (["lr=0.1,1", "seed=1,2", "sweep.only=[lr if seed==1,seed if lr==1]"], "are circular: lr, seed"),
        (["lr=0.1,1", "sweep.objectives=[val_accuracy,parameter]"], "Received: parameter. Did you mean parameters?"),
        (["lr=0.1,1", "sweep.objectives=val_acuracy"], "Received: val_acuracy. Did you mean val_accuracy?"),
        (
            ["lr=0.1,1", "sweep.constraints=parameters"],
            "sweep.constraints takes limits with <= or >=, such as parameters",
        ),
        (
            ["lr=0.1,1", "sweep.constraints=parameters<9"],
            "Received: parameters<9. Type: sweep.constraints='parameters<=9'",
        ),
        (["lr=0.1,1", "sweep.constraints=[seconds=>9]"], "Received: seconds=>9. Type: sweep.constraints='seconds>=9'"),
        (["lr=0.1,1", "sweep.directions=[up]"], "sweep.directions must be minimize or maximize. Received: up"),
        (["lr=0.1,1", "sweep.trials=null"], "A search needs an end"),
        (["lr=0.1,1", "sweep.storage=nosuch://x"], "sweep.storage must be"),
        (["lr=0.1,1", "sweep.storage=postgresql://me:secret@db/x"], "sweep.storage must not contain a password"),
        (["lr=0.1,1", "hydra/launcher=joblib"], "A search runs its trials itself"),
        (["model=cnn,resnet", "model.dropuot=0,1", "sweep.only=model.dropuot if model==cnn"], "model.dropuot"),
        (
            ["model=resnet,cnn", "model.dropout=interval(0,2)", "sweep.only=model.dropout if model==cnn"],
            "model.dropout must be",
        ),
        (
            ["depth=range(2,6)", "lr=interval(0.1,1)", "seed=-1,1", "sweep.only=seed if depth==3 and lr>0.5"],
            "seed must be",
        ),
    ],
)
def test_what_no_search_can_do(words: list[str], message: str, tmp_path: Path, capsys: Capture) -> None:
    assert main([*SEARCH, *words, f"output_dir={tmp_path / 'runs'}"]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("**/sweep.json"))


@pytest.mark.parametrize(("sampler", "package"), [("gp", "torch"), ("cmaes", "cmaes")])
def test_a_sampler_whose_package_is_missing_is_refused_at_once(
    sampler: str, package: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Optuna imports it only when the sampler has seen enough trials, in the middle of the night."""
    monkeypatch.setitem(sys.modules, package, None)
    words = ["lr=interval(0.1,1)", f"sweep.sampler={sampler}", f"output_dir={tmp_path}"]
    assert main([*SEARCH, *words]) == 2
    said = capsys.readouterr().err
    assert f"sweep.sampler={sampler} needs a package that is not installed: " in said and package in said
    assert not any(tmp_path.iterdir())


def test_a_sampler_that_does_not_take_several_objectives_is_refused_at_once(tmp_path: Path, capsys: Capture) -> None:
    pytest.importorskip("cmaes")
    words = ["lr=interval(0.1,1)", "sweep.sampler=cmaes", "sweep.objectives=[val_accuracy,parameters]"]
    assert main([*SEARCH, *words, f"output_dir={tmp_path}"]) == 2
    assert "sweep.sampler=cmaes cannot be used with this space and these objectives" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_a_key_that_never_varies_is_told(tmp_path: Path, ran: list[int], capsys: Capture) -> None:
    words = ["model=cnn,resnet", "model.dropout=0.1,0.2", "sweep.only=model.dropout if model==ccn", "sweep.trials=1"]
    assert main([*SEARCH, *words, f"output_dir={tmp_path}"]) == 0
    said = capsys.readouterr().err
    assert "sweep.only: model.dropout may never vary: model==ccn holds for no job tried" in said


def test_a_value_that_some_jobs_can_have_is_not_refused_by_its_condition(tmp_path: Path, ran: list[int]) -> None:
    words = ["model=cnn,resnet", "target_size=20,150", "depth=2,4", "sweep.only=depth if model!=resnet"]
    assert main([*SEARCH, *words, "sweep.trials=1", f"output_dir={tmp_path}"]) == 0


def test_without_optuna_the_message_says_what_to_install(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main([*SEARCH, "lr=0.1,0.2", f"output_dir={tmp_path}"]) == 2
    assert "needs Optuna, which is not installed: pip install 'catsdogs-exp[search]'" in capsys.readouterr().err


def test_settings_of_a_search_belong_to_a_search(tmp_path: Path, ran: list[int], capsys: Capture) -> None:
    assert main(["-m", "seed=1,2", "sweep.trials=3", f"output_dir={tmp_path}"]) == 2
    assert "sweep.trials has no effect without hydra/sweeper=optuna" in capsys.readouterr().err


def test_the_front() -> None:
    objectives = read_objectives(["val_accuracy", "parameters"], "val_accuracy", [])
    assert objectives == (Objective("val_accuracy", lower=False), Objective("parameters", lower=True))
    values = {0: [0.9, 10.0], 1: [0.8, 5.0], 2: [0.8, 6.0], 3: [0.95, 20.0], 4: [0.9, 10.0]}
    assert pareto(values, objectives) == [3, 0, 4, 1]
    (limit,) = read_constraints(["val_accuracy >= 0.5"], "val_accuracy")
    assert limit.excess(0.4) == pytest.approx(0.1) and limit.excess(0.6) < 0 and limit.excess(None) > 0


@pytest.mark.slow
def test_auto_says_what_it_chose_and_ends_with_the_best_run(
    tmp_path: Path, ran: list[int], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(0, 1_000_000, 60))
    monkeypatch.setattr("catsdogs_exp.sweep.search.search.monotonic", lambda: float(next(now)))
    assert main(["experiment=auto", "sweep.minutes=6", "seed=3", "epochs=2", f"output_dir={tmp_path}"]) == 0
    said, jobs = capsys.readouterr(), states(tmp_path)
    assert "training images, 2 classes, 6 minutes: transfer from EfficientNet-Lite0 at 224 pixels, because" in said.err
    assert [value_of(job, "training.max_minutes") for job in jobs] == [1.5, 1.5, 1.5, 1.5, 1.0]
    assert all({"model=efficientnet_lite0", "seed=3", "epochs=2"} <= set(job["overrides"]) for job in jobs)
    best = max((job for job in jobs if job["status"] == "ok"), key=lambda job: job["objective"])
    assert f"best: {best['folder']}\n" in said.out
    assert main(["resume", str(sweep_of(tmp_path)), "sweep.minutes=2"]) == 0  # more minutes for the same search
    assert len(states(tmp_path)) > len(jobs)


def test_auto_takes_what_is_typed_for_a_key_that_varies(
    tmp_path: Path, ran: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(0, 1_000_000, 60))
    monkeypatch.setattr("catsdogs_exp.sweep.search.search.monotonic", lambda: float(next(now)))
    words = ["seed=3,4", "zip(model.dropout=0.1,0.2,batch_size=2,4)", "lr=interval(0.5,0.6)", "sweep.minutes=6"]
    assert main(["experiment=auto", *words, f"output_dir={tmp_path}"]) == 0
    for job in states(tmp_path):
        assert 0.5 <= value_of(job, "lr") <= 0.6 and value_of(job, "seed") in (3, 4)
        assert value_of(job, "model.dropout") == value_of(job, "batch_size") / 20
        assert len({word.partition("=")[0] for word in job["overrides"]}) == len(job["overrides"])


def test_auto_fits_the_recipe_to_data_and_time() -> None:
    assert "model=efficientnet_lite0" in choose(2000, 2, 10, weights=True).words
    assert "target_size=128" in choose(20_000, 2, 10, weights=True).words
    without = choose(2000, 2, 10, weights=False)
    assert "model=resnet" in without.words and "no ImageNet weights are installed" in without.why
    many = choose(1_000_000, 10, 10, weights=True)
    assert {"model=resnet", "target_size=64"} <= set(many.words) and "too many" in many.why
    assert "model.filters=16" in choose(200, 2, 10, weights=False).words


# Real processes


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[bytes]", seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline, "it did not come to it"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("workers", [1, 2])
def test_kill_9_of_a_search_and_resume(workers: int, tmp_path: Path, tiny: tuple[str, ...], capsys: Capture) -> None:
    words = [*tiny, "epochs=8", "logging=minimal", "lr=tag(log,interval(1e-4,1e-2))", f"sweep.workers={workers}"]
    command = [*SEARCH, *words, "sweep.trials=4", f"output_dir={tmp_path}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "catsdogs_exp", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(lambda: len(list(tmp_path.glob("*/*/*/checkpoints/last/*.npz"))) > workers, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = states(tmp_path)
    assert "running" in [job["status"] for job in before]
    time.sleep(1)
    assert main(["resume", str(sweep_of(tmp_path))]) == 0
    jobs, study = states(tmp_path), study_of(tmp_path)
    assert len(jobs) == 4 and {job["status"] for job in jobs} <= {"ok", "pruned"}
    assert [job["overrides"] for job in jobs][: len(before)] == [job["overrides"] for job in before]
    told = [trial for trial in study.trials if "job" in trial.user_attrs]
    assert sorted(trial.user_attrs["job"] for trial in told) == [0, 1, 2, 3]
    for trial in told:
        job = jobs[trial.user_attrs["job"]]
        assert trial.state == (TrialState.PRUNED if job["status"] == "pruned" else TrialState.COMPLETE)
        assert trial.params["lr"] == value_of(job, "lr") and len(trial.intermediate_values) >= 1
        if job["status"] == "ok":
            assert trial.value == job["objective"] and len(trial.intermediate_values) == 8


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("weights", [True, False])
def test_auto_for_real(weights: bool, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    if not weights:
        monkeypatch.setattr("catsdogs_exp.sweep.search.auto._WEIGHTS", "no_such_package")
    words = ["experiment=auto", "sweep.minutes=0.4", "dataset.images=48", "target_size=48"]
    assert main([*words, f"output_dir={tmp_path}"]) == 0
    best = capsys.readouterr().out.partition("best: ")[2].splitlines()[0]
    content = json.loads((Path(best) / "result.json").read_text(encoding="utf-8"))
    assert content["status"] == "ok" and content["objective"]["value"] > 0
