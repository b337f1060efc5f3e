"""The training loop: epochs of steps, a validation pass, the best epoch kept. It tells listeners; it writes nothing."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import tensorflow as tf

from catsdogs_exp.data.loaders import Loader
from catsdogs_exp.errors import RunFailed
from catsdogs_exp.training.steps import Steps


@dataclass(frozen=True)
class EpochResult:
    """One epoch, counted from 1.

    Attributes:
        epoch: number.
        train: loss and accuracy over the epoch's training batches.
        val: loss and accuracy of the validation pass; empty without validation images.
        learning_rate: at the epoch's end.
        seconds: of the training steps and the validation pass.
        images_per_second: of the training steps alone.
        waiting: share of their time that steps waited for a batch, 0..1.
        is_best: whether `monitor` was never better.
    """

    epoch: int
    train: dict[str, float]
    val: dict[str, float]
    learning_rate: float
    seconds: float
    images_per_second: float
    waiting: float
    is_best: bool

    def value(self, monitor: str) -> float:
        """The monitored value: `val_accuracy`, `loss`, ..."""
        source = self.val if monitor.startswith("val_") else self.train
        return source[monitor.removeprefix("val_")]


class Listener(Protocol):
    """What wants to know how training goes: the progress bar, the run folder, TensorBoard, ..."""

    def on_step(self, epoch: int, step: int, steps: int, steps_object: Steps) -> None:
        """After each training step; `step` counts from 1."""

    def on_epoch(self, result: EpochResult) -> None:
        """After each epoch's validation pass, with the epoch's weights in place."""


@dataclass
class History:
    """The epochs of a run so far."""

    monitor: str
    epochs: list[EpochResult] = field(default_factory=list)

    @property
    def best(self) -> EpochResult:
        """The best epoch by `monitor`; of equals the first."""
        return next(result for result in reversed(self.epochs) if result.is_best)

    def would_be_best(self, value: float) -> bool:
        """Whether `value` is better than all so far. NaN never is, but for the first epoch."""
        if not any(result.is_best for result in self.epochs):
            return True
        best = self.best.value(self.monitor)
        return value < best if self.monitor.endswith("loss") else value > best


def fit(
    steps: Steps,
    train: Loader,
    validation: Loader,
    epochs: int,
    monitor: str,
    listeners: Sequence[Listener] = (),
) -> History:
    """Trains for `epochs` epochs.

    Raises:
        RunFailed: when the loss is not finite, naming metric and epoch.
    """
    history = History(monitor)
    batches = iter(train.dataset(epochs))
    for epoch in range(1, epochs + 1):
        started = time.perf_counter()
        steps.reset()
        waited = 0.0
        for step in range(1, train.steps + 1):
            asked = time.perf_counter()
            batch = _next(batches)
            waited += time.perf_counter() - asked
            steps.train(*batch)
            for listener in listeners:
                listener.on_step(epoch, step, train.steps, steps)
        averages = steps.averages()
        trained = time.perf_counter() - started
        _refuse_nan(averages, epoch)
        val = evaluate(steps, validation) if len(validation.rows) else {}
        result = EpochResult(
            epoch=epoch,
            train=averages,
            val=val,
            learning_rate=float(steps.optimizer.learning_rate),  # type: ignore[union-attr]
            seconds=time.perf_counter() - started,
            images_per_second=len(train.rows) / trained,
            waiting=waited / trained,
            is_best=False,
        )
        best = history.would_be_best(result.value(monitor))
        result = EpochResult(**{**result.__dict__, "is_best": best})
        history.epochs.append(result)
        for listener in listeners:
            listener.on_epoch(result)
    return history


def evaluate(steps: Steps, loader: Loader) -> dict[str, float]:
    """Loss and accuracy over a loader's images, in inference mode."""
    steps.reset()
    batches = iter(loader.dataset())
    for _ in range(loader.steps):
        steps.evaluate(*_next(batches))
    return steps.averages()


def _next(batches: Any) -> Any:
    """The next batch; an error of ours inside tf.data comes out as itself."""
    try:
        return next(batches)
    except tf.errors.OpError as error:
        message = str(error)
        if RunFailed.__name__ in message:
            line = next(text for text in message.splitlines() if RunFailed.__name__ in text)
            raise RunFailed(line.partition(f"{RunFailed.__name__}: ")[2]) from error
        raise


def _refuse_nan(averages: dict[str, float], epoch: int) -> None:
    for name, value in averages.items():
        if not math.isfinite(value):
            raise RunFailed(f"The training {name} became {value} in epoch {epoch}. Try a lower learning rate (lr).")
