"""A stopped run, whatever stopped it, ends bit for bit like one that was never stopped."""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from catsdogs_exp.__main__ import main
from catsdogs_exp.training.checkpoint.snapshot_file import newest_snapshot

# everything that has a state: dropout, mixing, moving averages, a schedule, plateau counters by val_loss; but nothing
# that is made at the end, from the best network alone
SETTINGS = (
    *("dataset.images=60", "target_size=32", "depth=2", "batch_size=8", "model.dense=16", "model.dropout=0.3"),
    *("model.batch_norm=true", "augment=course", "augment.mixup=0.3", "optimizer=adamw", "schedule=cosine"),
    *("training.ema=0.9", "training.clip_norm=1", "split.test=0.2", "epochs=4", "training.checkpoint.every=2steps"),
    *("logging.activations.every=2", "logging.report=false", "logging.familiarity=0", "logging.probes.every=-1"),
)
KILLS = int(os.environ.get("CATSDOGS_KILLS", "50"))  # CI takes fewer: each one starts a process and trains
_TIMES = ("seconds", "images_per_second")


def values(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as handle:
        return [{k: v for k, v in row.items() if k not in _TIMES} for row in csv.DictReader(handle)]


def weights(run: Path) -> list[bytes]:
    from catsdogs_exp.training.checkpoint.model_file import load_model

    model, _ = load_model(run / "checkpoints" / "best.keras")
    return [np.asarray(weight).tobytes() for weight in model.get_weights()]


def last_state(run: Path) -> dict[str, bytes]:
    """All that training depends on, at the end: weights, slots, averages, random states."""
    snapshot = newest_snapshot(run / "checkpoints" / "last", print)
    assert snapshot is not None
    with np.load(snapshot.path, allow_pickle=False) as arrays:
        return {name: arrays[f"{place:05d}"].tobytes() for place, name in enumerate(snapshot.names)}


def points(run: Path) -> dict[str, list[tuple[int, str]]]:
    """Every point and picture of the event files: step and value."""
    found = {}
    for part in ("train", "validation"):
        events = EventAccumulator(str(run / "tensorboard" / part), size_guidance={"tensors": 0})
        events.Reload()
        for tag in events.Tags()["tensors"]:
            if tag not in (*_TIMES, "config"):  # they are another time, and it names another folder
                found[f"{part}/{tag}"] = [
                    (e.step, str(e.tensor_proto.string_val or e.tensor_proto)) for e in events.Tensors(tag)
                ]
    return found


def the_run(outputs: Path) -> Path:
    (run,) = (path for path in outputs.glob("*/*") if (path / "result.json").exists())
    return run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never stopped."""
    outputs = tmp_path_factory.mktemp("whole")
    assert main([*SETTINGS, f"output_dir={outputs}"]) == 0
    return the_run(outputs)


def same(run: Path, whole: Path) -> None:
    assert values(run) == values(whole)
    assert weights(run) == weights(whole)
    assert (run / "predictions.csv").read_bytes() == (whole / "predictions.csv").read_bytes()
    assert last_state(run) == last_state(whole)
    assert points(run) == points(whole)
    mine, theirs = (json.loads((each / "result.json").read_text()) for each in (run, whole))
    for key in ("status", "objective", "metrics", "epochs", "config_hash", "data_hash", "parameters"):
        assert mine[key] == theirs[key], key


class Stop(Exception):
    """Something that nobody foresaw."""


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """`stop_at(n)`: the n-th training step of the process fails."""
    from catsdogs_exp.training.steps import Steps

    build = Steps.__init__

    def at(number: int) -> None:
        done = iter(range(1, 10**6))

        def breaking(self: Steps, *arguments: object, **named: object) -> None:
            build(self, *arguments, **named)
            train = self.train

            def step(*batch: object) -> None:
                if next(done) == number:
                    raise Stop("out of the blue")
                train(*batch)

            self.train = step

        monkeypatch.setattr(Steps, "__init__", breaking)

    yield at


@pytest.mark.parametrize("step", [1, 4, pytest.param(9, marks=pytest.mark.slow)])
def test_a_run_that_failed_goes_on_and_ends_the_same(
    step: int,
    whole: Path,
    tmp_path: Path,
    stop_at: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Stopped in the first step, before and after snapshots, within epochs and at their first step."""
    stop_at(step)
    assert main([*SETTINGS, f"output_dir={tmp_path}"]) == 1
    run = the_run(tmp_path)
    assert json.loads((run / "result.json").read_text())["status"] == "failed"
    monkeypatch.undo()
    monkeypatch.setenv("CATSDOGS_CACHE", os.environ["CATSDOGS_CACHE"])
    capsys.readouterr()
    assert main(["resume", str(run)]) == 0
    said = capsys.readouterr()
    if step > 2:
        assert "resuming after epoch" in said.err
    assert f"run folder: {run}" in said.out
    same(run, whole)
    result = json.loads((run / "result.json").read_text())
    assert result["error"] is None and result["resumed"] == [f"python -m catsdogs_exp resume {run}"]


# The first stage ends early, after its second epoch of four; the second one after its second of three.
TWO_STAGES = (
    *(word for word in SETTINGS if not word.startswith(("schedule", "epochs"))),
    *("epochs=4", "training.finetune.epochs=3", "training.finetune.lr=0.0005", "training.finetune.unfreeze=all"),
    *("training.early_stopping.patience=1", "training.early_stopping.min_delta=10"),
    *("schedule=step", "schedule.milestones=[1,3]", "schedule.gamma=0.5"),
)


@pytest.fixture(scope="module")
def two_stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in two stages that was never stopped."""
    outputs = tmp_path_factory.mktemp("two")
    assert main([*TWO_STAGES, f"output_dir={outputs}"]) == 0
    return the_run(outputs)


def test_a_second_stage_follows_one_that_ended_early(two_stages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rates = [float(row["learning_rate"]) for row in values(two_stages)]
    assert rates == pytest.approx([0.0005, 0.0005, 0.00025, 0.00025])  # at the ends of epochs: each milestone once
    assert [row["stage"] for row in values(two_stages)] == ["1", "1", "2", "2"]
    result = json.loads((two_stages / "result.json").read_text())
    reason = "val_accuracy has not improved for 1 epoch (training.early_stopping.patience)"
    assert (result["status"], result["epochs"], result["stopped"]) == ("ok", 4, reason)
    log = (two_stages / "run.log").read_text()
    assert f"stage 1 of 2 ends after epoch 2: {reason}" in log and f"stopped after epoch 4: {reason}" in log
    capsys.readouterr()
    assert main(["resume", str(two_stages)]) == 0
    assert f"the run is finished: {reason}" in capsys.readouterr().err


@pytest.mark.parametrize("step", [12, pytest.param(15, marks=pytest.mark.slow)])
def test_a_run_that_failed_around_the_border_of_two_stages_ends_the_same(
    step: int, two_stages: Path, tmp_path: Path, stop_at: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the first step of the second stage, and within it after a snapshot."""
    stop_at(step)
    assert main([*TWO_STAGES, f"output_dir={tmp_path}"]) == 1
    run = the_run(tmp_path)
    assert len(values(run)) == 2
    monkeypatch.undo()
    monkeypatch.setenv("CATSDOGS_CACHE", os.environ["CATSDOGS_CACHE"])
    assert main(["resume", str(run)]) == 0
    same(run, two_stages)


def test_a_run_that_was_killed_after_its_last_snapshot_trains_no_further(
    two_stages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(two_stages, tmp_path / "run")
    content = json.loads((run / "result.json").read_text())
    (run / "result.json").write_text(json.dumps(content | {"status": "running", "stopped": None}))
    assert main(["resume", str(run)]) == 0
    assert "stopped after epoch 4: val_accuracy has not improved" in capsys.readouterr().err
    same(run, two_stages)


@pytest.mark.slow
def test_more_patience_takes_a_stopped_run_further(
    two_stages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(two_stages, tmp_path / "run")
    assert main(["resume", str(run), "training.early_stopping.patience=2", "--allow-changes"]) == 0
    assert "epoch 5/5" in capsys.readouterr().err and len(values(run)) == 5


def started(outputs: Path, *settings: str) -> subprocess.Popen[bytes]:
    """A process that has begun to train."""
    words = [sys.executable, "-m", "catsdogs_exp", *settings, f"output_dir={outputs}"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
    deadline = time.monotonic() + 200
    while not list(outputs.glob("*/*/checkpoints")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    return process


@pytest.mark.slow
def test_kill_9_soon_after_training_began(whole: Path, tmp_path: Path) -> None:
    process = started(tmp_path, *SETTINGS)
    time.sleep(1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = the_run(tmp_path)
    assert main(["resume", str(run)]) == 0
    same(run, whole)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kill_9_at_many_random_moments(tmp_path: Path) -> None:
    """Distribution over the whole of a run. Printed as a table with `pytest -s -m slow -k many`."""
    settings = [*(word for word in SETTINGS if not word.startswith("epochs")), "epochs=20"]
    process = started(tmp_path / "whole", *settings)
    assert process.wait(300) == 0
    whole = the_run(tmp_path / "whole")
    print("\n| kill | epochs to wait for | epochs then | status then | same in the end |\n|---|---|---|---|---|")  # noqa: T201
    before_the_end = 0
    for number in range(KILLS):
        outputs = tmp_path / str(number)
        run, epochs = kill_after_some_epochs(outputs, 100 + number, *settings)
        then = json.loads((run / "result.json").read_text())
        before_the_end += then["status"] == "running"
        assert main(["resume", str(run)]) == 0
        same(run, whole)
        print(f"| {number + 1} | {epochs} | {then['epochs']} | {then['status']} | yes |")  # noqa: T201
        shutil.rmtree(outputs)
    assert before_the_end > KILLS // 2


def kill_after_some_epochs(outputs: Path, seed: int, *settings: str) -> tuple[Path, int]:
    """SIGKILL within an epoch of a random one of twenty: by what is written, since the clock is the machine's."""
    process, draw = started(outputs, *settings), random.Random(seed)
    epochs, began = draw.randrange(20), time.monotonic()
    while process.poll() is None and len(values_so_far(outputs)) < epochs:
        time.sleep(0.01)
    time.sleep(draw.random() * (time.monotonic() - began) / max(epochs, 1))
    process.send_signal(signal.SIGKILL)
    process.wait()
    return the_run(outputs), epochs


def values_so_far(outputs: Path) -> list[str]:
    """The complete rows of metrics.csv; none before the file is there."""
    return [
        row
        for file in outputs.glob("*/*/metrics.csv")
        for row in file.read_text().splitlines(True)[1:]
        if row[-1] == "\n"
    ]


@pytest.mark.slow
def test_a_finished_run_is_trained_longer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a schedule that does not depend on the number of epochs it is the longer run, bit for bit."""
    settings = [word for word in SETTINGS if not word.startswith(("schedule", "epochs"))]
    assert main([*settings, "epochs=4", f"output_dir={tmp_path / 'long'}"]) == 0
    assert main([*settings, "epochs=2", f"output_dir={tmp_path / 'short'}"]) == 0
    long, short = the_run(tmp_path / "long"), the_run(tmp_path / "short")
    capsys.readouterr()
    assert main(["resume", str(short)]) == 0
    assert "the run is finished: all 2 epochs are done. To train longer: epochs=7" in capsys.readouterr().err
    assert main(["resume", str(short), "epochs=4"]) == 0
    same(short, long)
    assert main(["resume", str(short), "epochs=3"]) == 2
    assert "epochs must be >= 4, the number of finished epochs. Received: epochs=3" in capsys.readouterr().err
    tuning = ["training.finetune.epochs=2", "training.finetune.lr=0.0001", "training.finetune.unfreeze=all"]
    for words in (tuning, [*tuning, "--allow-changes"]):
        assert main(["resume", str(short), *words]) == 2
        said = capsys.readouterr().err
        assert "error: Fine-tuning cannot be added to a run that has finished its epochs: " in said
        assert f"model=transfer model.backbone=own model.weights={short}" in said
    assert main(["resume", str(short)]) == 0
    assert "the run is finished" in capsys.readouterr().err


def test_another_config_is_refused_listing_what_is_different(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(whole, tmp_path / "run")
    assert main(["resume", str(run), "lr=0.01", "epochs=5"]) == 2
    assert capsys.readouterr().err == (
        "error: A run can only be resumed with its original config; only epochs may be raised. Changed: lr 0.001 -> "
        "0.01, "
        "optimizer.learning_rate 0.001 -> 0.01. Start a new run, or continue anyway: --allow-changes\n"
    )
    assert main(["resume", str(run), "lr=0.01", "epochs=5", "--allow-changes"]) == 0
    said = capsys.readouterr().err
    assert "changed: optimizer.learning_rate: 0.001 -> 0.01" in said and "epoch 5/5" in said and "epoch 4/5" not in said


def test_the_best_epoch_may_have_judged_a_file_that_is_gone(
    photo_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = photo_folder({"cats": 20, "dogs": 20})
    settings = ["dataset=folder", f"dataset.path={photos}", "target_size=16", "depth=1", "model.dense=4", "epochs=1"]
    settings += ["lr=1e-12", "logging.board.embedding=8", f"output_dir={tmp_path / 'out'}"]
    assert main(settings) == 0
    run = the_run(tmp_path / "out")
    with (run / "predictions.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    # Without its most certain right answer the network, which learns nothing, looks worse: the first epoch stays best.
    sure = max(rows, key=lambda row: (row["split"] == "validation", float(row[f"p_{row['label']}"])))
    (photos / sure["path"]).unlink()
    capsys.readouterr()
    assert main(["resume", str(run), "epochs=2", "--allow-changes"]) == 0
    said = capsys.readouterr().err
    assert "the data has changed since the run began" in said and "could not be written" not in said
    assert json.loads((run / "result.json").read_text())["objective"]["epoch"] == 1
    assert (
        sure["path"] in (run / "predictions.csv").read_text() and "Worst mistakes" in (run / "report.html").read_text()
    )


def test_other_data_is_refused_naming_the_files(
    photo_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = photo_folder({"cats": 12, "dogs": 12})
    settings = ["dataset=folder", f"dataset.path={photos}", "target_size=16", "depth=1", "model.dense=4", "epochs=1"]
    settings += ["logging=minimal"]
    assert main([*settings, f"output_dir={tmp_path / 'out'}"]) == 0
    run = the_run(tmp_path / "out")
    (photos / "cats" / "cat.3.jpg").unlink()
    shutil.copy(photos / "dogs" / "dog.1.jpg", photos / "dogs" / "dog.2.jpg")
    capsys.readouterr()
    assert main(["resume", str(run), "epochs=2"]) == 2
    said = capsys.readouterr().err
    assert (
        "The data has changed since the run began: 1 image missing (cats/cat.3.jpg), 1 image changed (dogs/dog.2.jpg)"
        in said
    )
    assert "continue anyway: --allow-changes" in said
    assert main(["resume", str(run), "epochs=2", "--allow-changes"]) == 0
    assert (run / "manifest-before-1.csv").exists() and len(values(run)) == 2


def contents(run: Path) -> dict[str, bytes]:
    """Every file of a run but its log."""
    files = (path for path in run.rglob("*") if path.is_file() and path.name not in ("run.log", ".lock"))
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in files}


def test_a_finished_run_that_cannot_be_resumed_stays_as_it_was(
    photo_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = photo_folder({"cats": 12, "dogs": 12})
    settings = ["dataset=folder", f"dataset.path={photos}", "target_size=16", "depth=1", "model.dense=4", "epochs=1"]
    settings += ["logging=minimal", "logging.tensorboard=true"]
    assert main([*settings, f"output_dir={tmp_path / 'out'}"]) == 0
    run = the_run(tmp_path / "out")
    before = contents(run)
    photo = photos / "cats" / "cat.3.jpg"
    data = photo.read_bytes()
    photo.unlink()
    for words, reason in (
        (["epochs=2"], "The data has changed since the run began: 1 image missing (cats/cat.3.jpg)"),
        (["epochs=2", "depth=2", "--allow-changes"], "The checkpoint does not fit the network and optimizer"),
        (
            ["epochs=2", "logging.activations.every=0", "logging.activations.layers=[conv9]", "--allow-changes"],
            "patterns of layers. Received: conv9",
        ),
    ):
        capsys.readouterr()
        assert main(["resume", str(run), *words]) == 2
        assert reason in capsys.readouterr().err
        assert contents(run) == before
    photo.write_bytes(data)
    capsys.readouterr()
    assert main(["resume", str(run), "epochs=2", "training.monitor=val_loss", "--allow-changes"]) == 2
    assert "training.monitor must stay val_accuracy, by which the run has kept its best" in capsys.readouterr().err
    assert contents(run) == before
    assert main(["resume", str(run), "epochs=2"]) == 0
    assert len(values(run)) == 2 and not list(run.glob("manifest-before-*"))


def test_a_resumed_run_forgets_the_epochs_after_its_last_snapshot(
    tmp_path: Path, bare: tuple[str, ...], stop_at: Callable[[int], None]
) -> None:
    """They are trained again; until then, its state is that of the snapshot, as its files are."""
    stop_at(14)
    words = [*bare, "epochs=4", "training.checkpoint.every=2epochs", f"output_dir={tmp_path}"]
    assert main([*words, "training.monitor=loss"]) == 1
    run = the_run(tmp_path)
    assert json.loads((run / "result.json").read_text())["epochs"] == len(values(run)) == 3
    stop_at(1)
    assert main(["resume", str(run)]) == 1
    result = json.loads((run / "result.json").read_text())
    assert (result["status"], result["epochs"], len(values(run))) == ("failed", 2, 2)
    assert result["objective"]["value"] == min(float(row["loss"]) for row in values(run))


@pytest.mark.parametrize("schedule", ["constant", "reduce_on_plateau"])
def test_a_lower_rate_takes_effect(schedule: str, tmp_path: Path, bare: tuple[str, ...]) -> None:
    """As the message about a loss that is not finite advises."""
    assert main([*bare, "epochs=1", f"schedule={schedule}", f"output_dir={tmp_path}"]) == 0
    run = the_run(tmp_path)
    assert main(["resume", str(run), "lr=0.0001", "epochs=2", "--allow-changes"]) == 0
    assert [float(row["learning_rate"]) for row in values(run)] == pytest.approx([0.001, 0.0001])
    assert main(["resume", str(run), "epochs=3"]) == 0
    assert [float(row["learning_rate"]) for row in values(run)] == pytest.approx([0.001, 0.0001, 0.0001])


def test_other_versions_are_named(tmp_path: Path, bare: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*bare, "epochs=1", f"output_dir={tmp_path}"]) == 0
    run = the_run(tmp_path)
    result = json.loads((run / "result.json").read_text())
    result["versions"]["tensorflow"] = "1.15"
    (run / "result.json").write_text(json.dumps(result))
    assert main(["resume", str(run), "epochs=2"]) == 0
    said = capsys.readouterr().err
    assert "tensorflow was 1.15, is 2." in said and "results may differ from those of an uninterrupted run" in said


@pytest.mark.slow
def test_a_damaged_snapshot_is_skipped_and_the_one_before_is_used(
    whole: Path, tmp_path: Path, stop_at: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    stop_at(9)
    assert main([*SETTINGS, f"output_dir={tmp_path}"]) == 1
    run = the_run(tmp_path)
    newest = max((run / "checkpoints" / "last").glob("*.npz"))
    newest.write_bytes(newest.read_bytes()[:-100])
    monkeypatch.undo()
    assert main(["resume", str(run)]) == 0
    assert f"checkpoint {newest.name} is damaged" in capsys.readouterr().err
    same(run, whole)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("progress", "('progress' is missing)"),
        pytest.param("record", "(record must not be 'odd')", marks=pytest.mark.slow),
    ],
)
def test_a_snapshot_that_is_whole_but_none_of_ours_is_refused(
    whole: Path, tmp_path: Path, place: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(whole, tmp_path / "run")
    newest = max((run / "checkpoints" / "last").glob("*.npz"))
    with zipfile.ZipFile(newest) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    content = json.loads(entries["state.json"])
    content["state"].pop(place)
    content["state"] |= {"record": "odd"} if place == "record" else {}
    entries["state.json"] = json.dumps(content).encode()
    with zipfile.ZipFile(newest, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    assert main(["resume", str(run), "epochs=5"]) == 2
    said = capsys.readouterr().err
    assert (
        f"error: Not a checkpoint of catsdogs_exp: {newest} {reason}. Remove it to continue from the previous one"
        in said
    )
    newest.unlink()
    assert main(["resume", str(run), "epochs=4"]) == 0  # from the one before
    same(run, whole)


def test_what_cannot_be_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", str(tmp_path / "none")]) == 2
    assert "RUN must be a run folder. There is none at" in capsys.readouterr().err
    (tmp_path / "result.json").write_text('{"status": "running"}')
    assert main(["resume", str(tmp_path)]) == 2
    assert "The run has no config.yaml" in capsys.readouterr().err
    (tmp_path / "config.yaml").write_text("!!python/object/apply:os.system ['true']")
    assert main(["resume", str(tmp_path)]) == 2
    assert "The file cannot be read" in capsys.readouterr().err


def test_a_run_is_repeated_and_compared(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = shutil.copytree(whole, tmp_path / "run")
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["output_dir"], config["logging"]["tensorboard"] = str(tmp_path / "out"), False
    config["logging"]["activations"]["every"] = -1
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    assert main(["repeat", str(run)]) == 0
    assert "identical: every value of every epoch, and every weight of the best network" in capsys.readouterr().out
    rows = (run / "metrics.csv").read_text().splitlines()
    cells = rows[2].split(",")
    cells[1] = str(float(cells[1]) + 0.25)
    (run / "metrics.csv").write_text("\n".join([*rows[:2], ",".join(cells), *rows[3:]]) + "\n")
    assert main(["repeat", str(run)]) == 1
    assert "different: values differ by up to 0.25, first in epoch 2; weights by up to 0" in capsys.readouterr().out
