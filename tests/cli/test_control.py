"""The end of a run, the length of an epoch, small runs for debugging, fine-tuning stages."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf

from catsdogs_exp.__main__ import main
from catsdogs_exp.training.checkpoint.model_file import load_model
from catsdogs_exp.training.progress import History

SMALL = (
    "dataset.images=60",
    "target_size=32",
    "depth=2",
    "batch_size=8",
    "model.dense=16",
    "logging=minimal",
)
Capture = pytest.CaptureFixture[str]


def run(tmp_path: Path, *words: str, code: int = 0) -> tuple[Path, dict]:
    assert main([*SMALL, f"output_dir={tmp_path}", *words]) == code
    (folder,) = (path.parent for path in tmp_path.glob("*/*/result.json"))
    return folder, json.loads((folder / "result.json").read_text())


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


def test_a_run_ends_when_it_is_good_enough(tmp_path: Path, capsys: Capture) -> None:
    folder, result = run(tmp_path, "epochs=4", "training.stop_at.metric=loss", "training.stop_at.value=100")
    assert result["status"] == "ok" and result["epochs"] == len(rows(folder)) == 1
    assert re.fullmatch(r"loss \d\.\d{4} has reached training.stop_at.value=100", result["stopped"])
    assert f"stopped after epoch 1: {result['stopped']}" in capsys.readouterr().err
    assert main(["resume", str(folder)]) == 0
    assert f"the run is finished: {result['stopped']}" in capsys.readouterr().err


def test_steps_count_as_the_course_counts_them(tmp_path: Path) -> None:
    """Three steps an epoch go on through the data: six of them are the first pass and a part of the second."""
    settings = ("epochs=4", "training.steps_per_epoch=3", "training.validation_steps=1", "training.max_steps=10")
    folder, result = run(tmp_path, *settings)
    assert [row["epoch"] for row in rows(folder)] == ["1", "2", "3", "4"]
    assert result["stopped"] == "training.max_steps=10 are done"


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`spoil("before")`: a weight becomes NaN just before, or after, the update of the eighth step."""
    from catsdogs_exp.training.steps import Steps

    build, done = Steps.__init__, iter(range(1, 10**6))

    def spoiling_at(moment: str) -> None:
        def spoiling(self: Steps, *arguments: object, **named: object) -> None:
            build(self, *arguments, **named)
            train = self.train

            def step(images: tf.Tensor, labels: tf.Tensor) -> None:
                is_due = next(done) == 8
                if is_due and moment == "before":
                    self.model.trainable_variables[-1].assign([float("nan")])
                train(images, labels)
                if is_due and moment == "after":
                    self.model.trainable_variables[-1].assign([float("nan")])

            self.train = step

        monkeypatch.setattr(Steps, "__init__", spoiling)

    return spoiling_at


def test_a_loss_that_is_no_number_ends_the_run_naming_the_step_and_keeps_the_last_checkpoint(
    tmp_path: Path, spoil: Callable[[str], None], capsys: Capture
) -> None:
    from catsdogs_exp.training.checkpoint.snapshot_file import newest_snapshot

    spoil("before")
    folder, result = run(tmp_path, "epochs=3", "training.checkpoint.every=1steps", code=1)
    assert result["status"] == "failed"
    assert result["error"].startswith(
        "The training loss became NaN or infinite in epoch 2, step 2. Try a lower learning"
    )
    assert "resume RUN lr=... --allow-changes" in capsys.readouterr().err
    snapshot = newest_snapshot(folder / "checkpoints" / "last", print)
    assert snapshot is not None and snapshot.state["progress"]["steps"] == 7


def test_a_run_whose_update_has_spoilt_the_weights_resumes_with_a_lower_rate(tmp_path: Path, capsys: Capture) -> None:
    """The loss of an epoch of one step is that before the update, which every later one makes NaN."""
    folder, result = run(tmp_path, "epochs=3", "batch_size=64", "optimizer=sgd", "lr=1e20", code=1)
    assert result["error"].startswith("The training loss became NaN or infinite in epoch 2, step 1. ")
    assert not list((folder / "checkpoints" / "last").glob("*"))
    capsys.readouterr()
    assert main(["resume", str(folder), "lr=0.001", "--allow-changes"]) == 0
    assert [row["val_loss"] == "nan" for row in rows(folder)] == [False] * 3


def test_weights_that_became_nan_within_an_epoch_get_into_no_checkpoint(
    tmp_path: Path, spoil: Callable[[str], None]
) -> None:
    from catsdogs_exp.training.checkpoint.snapshot_file import newest_snapshot

    spoil("after")
    folder, result = run(tmp_path, "epochs=3", "training.checkpoint.every=1steps", code=1)
    assert result["error"].startswith("The training loss became NaN or infinite in epoch 2, step 3. ")
    snapshot = newest_snapshot(folder / "checkpoints" / "last", print)
    assert snapshot is not None and snapshot.state["progress"]["steps"] == 7


def test_out_of_memory_says_which_batch_size_to_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    from catsdogs_exp.training.steps import Steps

    def full(*_: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(Steps, "averages", full)
    _, result = run(tmp_path, "epochs=1", code=1)
    assert result["error"] == "Out of memory with batch_size=8. Try batch_size=4"
    assert "error: Out of memory with batch_size=8. Try batch_size=4\n" in capsys.readouterr().err


def test_a_full_disk_ends_the_run_and_leaves_it_to_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    from catsdogs_exp.training.checkpoint import writer

    write, count = writer.write_snapshot, iter(range(10))

    def full(*arguments: object) -> Path:
        if next(count) == 2:
            raise OSError(28, "No space left on device")
        return write(*arguments)

    monkeypatch.setattr(writer, "write_snapshot", full)
    folder, result = run(tmp_path, "epochs=4", code=1)
    assert "The checkpoint could not be written to" in result["error"] and "No space left on device" in result["error"]
    assert "The previous one is intact: free some space, then resume the run" in capsys.readouterr().err
    assert main(["resume", str(folder)]) == 0
    assert [row["epoch"] for row in rows(folder)] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(28, "No space left on device"),
            "The disk or its quota is full: No space left on device",
        ),
        (RuntimeError("Can't decrement id ref count"), "The run failed: RuntimeError: Can't decrement id ref count"),
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_a_best_network_that_cannot_be_written_ends_the_run_and_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, error: Exception, said: str, last: bool
) -> None:
    """It is written in the background: the error comes with the next epoch, or at the end."""
    from catsdogs_exp.record.listeners import best_model

    save, count = best_model.save_model, iter(range(10))

    def full(*arguments: object) -> None:
        if next(count) == 1:
            raise error
        save(*arguments)

    monkeypatch.setattr(best_model, "save_model", full)
    monkeypatch.setattr(History, "would_be_best", lambda *_: True)
    folder, result = run(tmp_path, f"epochs={2 if last else 4}", code=1)
    assert said in result["error"] and result["status"] == "failed"
    assert said in capsys.readouterr().err
    # What is left fits together: the first epoch's network, state and checkpoint.
    assert result["objective"]["epoch"] == 1 and load_model(folder / "checkpoints" / "best.keras")
    assert len(list((folder / "checkpoints" / "last").glob("*.npz"))) == 1
    assert main(["resume", str(folder)]) == 0
    assert [row["epoch"] for row in rows(folder)] == ["1", "2", "3", "4"][: 2 if last else 4]


def test_one_batch_is_learned_by_heart(tmp_path: Path, capsys: Capture) -> None:
    _, result = run(tmp_path, "debug=one_batch", "lr=0.003", "augment=course", "model.dropout=0")
    assert result["metrics"]["train"]["accuracy"] == 1.0
    said = capsys.readouterr().err
    assert "training.overfit_batches: 8 training images, not augmented, also used for validation" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("epochs=2", "training.accumulate=13"),
            "training.accumulate must be <= 12, the number of batches in epochs=2, or weights never change. "
            "Received: training.accumulate=13. Lower it, or raise epochs",
        ),
        (
            ("epochs=2", "training.finetune.epochs=1", "training.accumulate=7"),
            "training.accumulate must be <= 6, the number of batches in training.finetune.epochs=1, "
            "or weights never change. "
            "Received: training.accumulate=7. Lower it, or raise training.finetune.epochs",
        ),
        (
            ("training.max_steps=3", "training.accumulate=4"),
            "training.max_steps must be >= training.accumulate, or no weight is ever updated. "
            "Received: training.max_steps=3 training.accumulate=4. Try training.max_steps=4",
        ),
    ],
)
def test_gathering_gradients_without_ever_using_them_is_refused(
    words: tuple[str, ...], message: str, tmp_path: Path, capsys: Capture
) -> None:
    small = [*SMALL, f"output_dir={tmp_path}"]
    assert main([*small, *words]) == 2
    assert capsys.readouterr().err.endswith(f"error: {message}\n")
    assert not list(tmp_path.rglob("metrics.csv"))


def test_a_run_whose_last_batch_makes_its_only_update_moves_the_weights(tmp_path: Path) -> None:
    folder, _ = run(tmp_path, "epochs=2", "training.accumulate=12", "lr=0.01")
    before, after = (row["val_loss"] for row in rows(folder))
    assert before != after


@pytest.mark.parametrize("debug", ["tiny", "profiler"])
def test_small_runs_to_find_mistakes(debug: str, tmp_path: Path, capsys: Capture) -> None:
    folder, result = run(tmp_path, f"debug={debug}", "target_size=32", "logging.tensorboard=true")
    assert result["epochs"] == 2
    assert ("profile: waits" in capsys.readouterr().err) == (debug == "profiler")
    assert bool(list(folder.rglob("*.xplane.pb"))) == (debug == "profiler")


def test_a_dry_run_says_shapes_memory_and_time_and_writes_nothing(tmp_path: Path, capsys: Capture) -> None:
    assert main([*SMALL, f"output_dir={tmp_path / 'none'}", "epochs=7", "--dry-run"]) == 0
    said = capsys.readouterr().err
    assert re.search(r"images uint8 \[8, 32, 32, 3\], \d+ to \d+; labels int32 \[8\]", said)
    assert re.search(r"block2_pool +\[None, 6, 6, 32\]", said)
    assert "one batch: loss " in said and "; 7 epochs: about " in said and "peak memory: " in said
    assert not (tmp_path / "none").exists()
    more = ["training.validation_steps=1000", "training.finetune.epochs=2", "lr=auto", "optimizer=sgd", "epochs=1"]
    assert main([*SMALL, *more, "--dry-run"]) == 0
    said = capsys.readouterr().err
    assert "lr=auto: a dry run searches no learning rate; computed with lr=0.01" in said
    assert re.search(r"an epoch of \d+ steps and [1-9]\d? validation batches: about .* s; 3 epochs: about ", said)
    assert main(["-m", *SMALL, "lr=0.1,0.2", "--dry-run"]) == 2
    assert "--multirun and --dry-run are two commands" in capsys.readouterr().err


def test_a_value_that_only_the_network_rejects_is_not_corrected_by_guessing(tmp_path: Path, capsys: Capture) -> None:
    """`null`, a guess for `no`, would be accepted, too, until there is a network."""
    words = ["training.finetune.epochs=1", "training.finetune.unfreeze=no", "epochs=1", f"output_dir={tmp_path}"]
    assert main([*SMALL, *words]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: training.finetune.unfreeze must be all, a number of layers, or a layer of the ")
    assert error.endswith(
        "Received: training.finetune.unfreeze=no. The topmost are block1_pool, block2_conv, "
        "block2_pool, flatten, dense."
    )


TRANSFER = (
    *(
        "model=transfer",
        "model.backbone=MobileNetV2",
        "model.weights=none",
        "model.dense=[]",
        "model.cut=block_3_expand",
    ),
    *("training.finetune.epochs=2", "training.finetune.lr=0.0001", "training.finetune.unfreeze=block_2_expand"),
)


@pytest.mark.slow
def test_two_phases_the_first_on_features_and_a_resume_between_and_within_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, weights_of
) -> None:
    from catsdogs_exp.training import fit as loop

    small = [word for word in SMALL if not word.startswith("model.dense")]
    settings = [*small, *TRANSFER, "epochs=2", "training.checkpoint.every=3steps"]
    assert main([*settings, f"output_dir={tmp_path / 'whole'}"]) == 0
    said = capsys.readouterr().err
    assert "computed once (cut at block_3_expand" in said
    assert re.search(r"fine-tuning from epoch 3: lr=0.0001, [\d,]+ weights are trained", said)
    (whole,) = (tmp_path / "whole" / "drawn").iterdir()
    train = loop._train_epoch
    for epoch in (3, 4):

        def break_off(whole_loop: object, number: int, left: object, at: int = epoch) -> None:
            if number == at:
                raise MemoryError
            train(whole_loop, number, left)

        monkeypatch.setattr(loop, "_train_epoch", break_off)
        assert main([*settings, f"output_dir={tmp_path / str(epoch)}"]) == 1
        monkeypatch.setattr(loop, "_train_epoch", train)
        (stopped,) = (tmp_path / str(epoch) / "drawn").iterdir()
        assert main(["resume", str(stopped)]) == 0
        assert weights_of(stopped) == weights_of(whole)
        times = ("seconds", "images_per_second")
        mine, theirs = ([{k: v for k, v in row.items() if k not in times} for row in rows(r)] for r in (stopped, whole))
        assert mine == theirs


def test_a_wrong_layer_to_start_fine_tuning_from_is_told_before_the_first_epoch(
    tmp_path: Path, capsys: Capture
) -> None:
    small = [word for word in SMALL if not word.startswith("model.dense")]
    words = [*small, *TRANSFER, "training.finetune.unfreeze=block_2_expnd", f"output_dir={tmp_path}"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "training.finetune.unfreeze must be all, a number of layers, or a layer" in said
    assert "Did you mean block_2_expand" in said and "epoch 1" not in said
