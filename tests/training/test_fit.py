"""The loop: which batches a stage sees, and what it passes on."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from catsdogs_exp.config.schema import Config
from catsdogs_exp.errors import Interrupted
from catsdogs_exp.run.plan import plan_stages
from catsdogs_exp.signals import interruptible
from catsdogs_exp.training import fit as loop
from catsdogs_exp.training.fit import Stage, fit
from catsdogs_exp.training.progress import History, Progress
from catsdogs_exp.training.stages import next_stage
from catsdogs_exp.training.steps import Steps


class Feed:
    """Ten images in batches of four, which notes what it is asked for."""

    rows = np.arange(10)
    batch_size, steps, threads, mixed = 4, 3, 1, False

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def batch(self, epoch: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        self.asked.append((epoch, step))
        count = len(self.rows[step * 4 : step * 4 + 4])
        return np.full((count, 2, 2, 1), 9, np.uint8), np.arange(count, dtype=np.int32) % 2

    def order(self, epoch: int) -> np.ndarray:
        return self.rows


@pytest.fixture
def run(config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., SimpleNamespace]]:
    """`run(*words, losses=[...])`: all stages, with these validation losses."""

    def all_stages(*words: str, losses: list[float], listeners: Sequence[object] = ()) -> SimpleNamespace:
        made = config("training.monitor=val_loss", *words)
        values = iter(losses)
        monkeypatch.setattr(loop, "evaluate", lambda *_: ({"loss": next(values), "accuracy": 0.5}, None))
        feed, progress = Feed(), Progress(History("val_loss"))
        inputs = keras.Input((2, 2, 1), dtype="uint8")
        outputs = keras.layers.Dense(1, activation="sigmoid")(keras.layers.Flatten()(inputs))
        model, saved, why = keras.Model(inputs, outputs), [], []
        saver = SimpleNamespace(
            after_step=lambda *_: None,
            after_epoch=lambda stage, progress, is_over: saved.append((len(progress.history.epochs), is_over)),
        )
        plans = plan_stages(made)
        while not progress.stopped and (plan := next_stage(plans, progress.history, made.training)):
            first = len(progress.history.epochs) + 1
            steps = Steps(model, keras.optimizers.SGD(0.01))
            why.append(fit(Stage(plan, first, steps, feed, feed, model), made.training, progress, listeners, saver))
        return SimpleNamespace(feed=feed, progress=progress, saved=saved, why=why)

    yield all_stages


def test_no_stage_sees_the_batches_of_another_one_again(run: Callable[..., SimpleNamespace]) -> None:
    found = run("epochs=2", "training.finetune.epochs=3", losses=[5, 4, 3, 2, 1])
    assert found.feed.asked == [(epoch, step) for epoch in range(5) for step in range(3)]
    assert [each.epoch for each in found.progress.history.epochs] == [1, 2, 3, 4, 5]


def test_passes_go_on_through_stages_whatever_counts_as_an_epoch(run: Callable[..., SimpleNamespace]) -> None:
    found = run("epochs=2", "training.finetune.epochs=2", "training.steps_per_epoch=2", losses=[5, 4, 3, 2])
    assert found.feed.asked == [divmod(number, 3) for number in range(8)]


def test_a_stage_that_ends_early_hands_on_to_the_next_with_fresh_batches(run: Callable[..., SimpleNamespace]) -> None:
    words = ("epochs=9", "training.finetune.epochs=2", "training.early_stopping.patience=1")
    found = run(*words, losses=[5, 6, 4, 3])
    assert found.why == ["val_loss has not improved for 1 epoch (training.early_stopping.patience)", ""]
    assert [(each.epoch, each.stage) for each in found.progress.history.epochs] == [(1, 1), (2, 1), (3, 2), (4, 2)]
    begun = [each for each in found.feed.asked if each[0] < 4]
    assert list(dict.fromkeys(begun)) == [(epoch, step) for epoch in range(4) for step in range(3)]
    assert found.progress.stopped == ""


def test_a_stage_is_saved_whole_when_it_is_over(run: Callable[..., SimpleNamespace]) -> None:
    words = ("epochs=3", "training.finetune.epochs=2", "training.early_stopping.patience=1")
    assert run(*words, losses=[5, 6, 4, 3]).saved == [(1, False), (2, True), (3, False), (4, True)]
    assert run(*words, losses=[5, 4, 3, 2, 1]).saved == [(1, False), (2, False), (3, True), (4, False), (5, True)]


def test_lost_patience_in_the_last_stage_ends_the_run(run: Callable[..., SimpleNamespace]) -> None:
    found = run("epochs=1", "training.finetune.epochs=5", "training.early_stopping.patience=2", losses=[1, 2, 3, 4])
    assert found.progress.stopped == "val_loss has not improved for 2 epochs (training.early_stopping.patience)"
    assert len(found.progress.history.epochs) == 4


def test_a_budget_ends_the_run_in_any_stage(run: Callable[..., SimpleNamespace]) -> None:
    found = run("epochs=5", "training.finetune.epochs=5", "training.max_steps=4", losses=[5, 4])
    assert found.progress.stopped == "training.max_steps=4 are done"
    assert [each.stage for each in found.progress.history.epochs] == [1, 1]


class Dropped:
    """Receives a signal where Python drops every exception."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
def test_a_signal_ends_training_also_where_its_exception_is_dropped(run: Callable[..., SimpleNamespace]) -> None:
    seen: list[tuple[int, int]] = []

    def on_step(epoch: int, step: int, *_: object) -> None:
        seen.append((epoch, step))
        if (epoch, step) == (2, 1):
            Dropped()

    listener = SimpleNamespace(on_step=on_step, on_epoch=lambda *_: None)
    with pytest.raises(Interrupted), interruptible():
        run("epochs=3", losses=[0.6, 0.5, 0.4], listeners=[listener])
    assert seen[-1] == (2, 1)
