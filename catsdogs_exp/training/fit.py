"""The training loop: epochs of steps, a validation pass, the best epoch kept. It tells listeners; it writes nothing."""

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.config.schema.training import Training
from catsdogs_exp.data.images.pixels import Fetch
from catsdogs_exp.data.prefetch import Batched, batches
from catsdogs_exp.errors import RunFailed
from catsdogs_exp.training.optim.plateau import Plateau
from catsdogs_exp.training.progress import EpochResult, Progress
from catsdogs_exp.training.steps import Steps
from catsdogs_exp.training.stopping import over_budget, reason_to_stop
from catsdogs_exp.training.variable_values import value_of

_LOWER = (
    "Try a lower learning rate (lr) or training.clip_norm=1; `resume RUN lr=... --allow-changes` goes on from the last "
    "good checkpoint"
)
_LOOK = 50  # steps between looks at whether the loss is still a number: each one waits for the device


Batches = Generator[tuple[NDArray[Any], NDArray[Any]], None, None]  # images and labels


class Feed(Batched[tuple[NDArray[Any], NDArray[Any]]], Protocol):
    """Where batches come from: a `Loader`, or what else gives the same batch for the same number every time."""

    @property
    def rows(self) -> NDArray[np.intp]:
        """The manifest rows of its images, [n]."""

    @property
    def batch_size(self) -> int:
        """Images a batch."""

    @property
    def mixed(self) -> bool:
        """Whether labels are shares of classes, because pictures are mixed in pairs."""

    @property
    def fetch(self) -> Fetch:
        """Gives the images themselves."""

    def order(self, epoch: int) -> NDArray[np.int64]:
        """In which order the images come in an epoch: int64 [n], indices into `rows`."""


class Listener(Protocol):
    """What wants to know how training goes: the progress bar, the run folder, TensorBoard, ..."""

    def on_step(self, epoch: int, step: int, steps: int, steps_object: Steps) -> None:
        """After each training step; `step` counts from 1."""

    def on_epoch(self, result: EpochResult) -> None:
        """After each epoch's validation pass, with the epoch's weights in place."""


class Saver(Protocol):
    """What saves where a run stands, so that it can go on from there."""

    def after_step(self, stage: "Stage", progress: Progress) -> None:
        """Between two steps of an epoch."""

    def after_epoch(self, stage: "Stage", progress: Progress) -> None:
        """Between two epochs, when all listeners are done."""


@dataclass(frozen=True)
class Stage:
    """Some epochs of a run: what moves which weights, and what it is fed.

    Attributes:
        epochs: how many.
        first: the number of its first epoch, from 1.
        steps: the arithmetic.
        train, validation: batches.
        plateau: lowers the learning rate when nothing gets better, or None.
        network: the whole network, where another stage follows that trains more of it; else None.
    """

    epochs: int
    first: int
    steps: Steps
    train: Feed
    validation: Feed
    plateau: Plateau | None = None
    network: keras.Model | None = None

    @property
    def last(self) -> int:
        """The number of its last epoch."""
        return self.first + self.epochs - 1


@dataclass(frozen=True)
class Plan:
    """A stage to come.

    Attributes:
        epochs: how many.
        make: makes it ready, given the number of its first epoch. Nothing that stages before it did is needed but
            the weights they left.
    """

    epochs: int
    make: Callable[[int], Stage]


def fit(
    plans: Sequence[Plan],
    training: Training,
    progress: Progress,
    listeners: Sequence[Listener] = (),
    saver: Saver | None = None,
    restore: Callable[[Stage], None] | None = None,
) -> Stage | None:
    """Trains stage after stage, from where `progress` stands.

    Args:
        plans: the stages, each made ready when its turn has come; those that are over when a run goes on never are.
        training: the settings; its `monitor` must be that of the history.
        progress: a new one, or that of a run which goes on; changed as training goes on.
        listeners: told after each step and epoch.
        saver: saves where the run stands.
        restore: puts saved weights and all other state into the stage with which a run goes on.

    Returns:
        The last stage that was trained; None when nothing was left to do.

    Raises:
        RunFailed: when the loss is not finite, naming metric, epoch and step.
    """
    history, stage = progress.history, None
    first = 1
    for plan in plans:
        first, start = first + plan.epochs, first
        if progress.stopped or len(history.epochs) >= first - 1:
            continue
        stage = plan.make(start)
        if restore is not None:
            restore(stage)
            restore = None
        with closing(_batches(stage, training, progress)) as left:
            for epoch in range(len(history.epochs) + 1, stage.last + 1):
                with _out_of_memory(stage.train.batch_size):
                    _train_epoch(stage, training, progress, epoch, left, listeners, saver)
                    _end_epoch(stage, training, progress, epoch, listeners)
                if saver is not None:
                    saver.after_epoch(stage, progress)
                if progress.stopped:
                    break
    return stage


def evaluate(steps: Steps, loader: Feed, limit: int | None = None) -> dict[str, float]:
    """Loss and accuracy over a loader's images, in inference mode; with `limit` over so many batches."""
    steps.reset()
    for batch in batches(loader, range(loader.steps)[:limit]):
        steps.evaluate(*batch)
    return steps.averages()


def steps_per_epoch(train: Feed, training: Training) -> int:
    """Training steps that count as an epoch."""
    return training.steps_per_epoch or train.steps


def _batches(stage: Stage, training: Training, progress: Progress) -> Batches:
    """The batches of a stage from where it stands: passes over all images, whatever counts as an epoch."""
    per_epoch = steps_per_epoch(stage.train, training)
    start = (len(progress.history.epochs) + 1 - stage.first) * per_epoch + progress.step
    return batches(stage.train, range(start, stage.epochs * per_epoch))


def _train_epoch(
    stage: Stage,
    training: Training,
    progress: Progress,
    epoch: int,
    left: Batches,
    listeners: Sequence[Listener],
    saver: Saver | None,
) -> None:
    steps, count = stage.steps, steps_per_epoch(stage.train, training)
    if not progress.step:
        progress.begin_epoch()
        steps.reset()
    for step in range(progress.step + 1, count + 1):
        asked = time.perf_counter()
        # Named as a step for TensorBoard's profiler, which shows no times otherwise.
        with tf.profiler.experimental.Trace("train", step_num=progress.steps, _r=1):
            batch = next(left)
            got = time.perf_counter()
            steps.train(*batch)
        progress.steps += 1
        progress.step = step
        progress.images += _images(stage.train, (epoch - stage.first) * count + step - 1)
        for listener in listeners:
            listener.on_step(epoch, step, count, steps)
        progress.waited += got - asked
        progress.trained += time.perf_counter() - asked
        if step % _LOOK == 0:
            _refuse_bad(steps, epoch)
        if step < count and over_budget(training, progress):
            break
        if step < count and saver is not None:
            saver.after_step(stage, progress)


def _end_epoch(stage: Stage, training: Training, progress: Progress, epoch: int, listeners: Sequence[Listener]) -> None:
    """The epoch's values, its validation pass, and whether it is the last one."""
    steps, history = stage.steps, progress.history
    started = time.perf_counter()
    _refuse_bad(steps, epoch)
    averages = steps.averages()
    for name, value in averages.items():  # finite losses may have an infinite sum
        if not math.isfinite(value):
            raise RunFailed(f"The training {name} became {value} in epoch {epoch}. {_LOWER}")
    trained = progress.trained + time.perf_counter() - started
    with steps.averaged():
        val = evaluate(steps, stage.validation, training.validation_steps) if len(stage.validation.rows) else {}
        result = EpochResult(
            epoch=epoch,
            train=averages,
            val=val,
            learning_rate=float(value_of(steps.optimizer.learning_rate)),  # type: ignore[union-attr]
            seconds=progress.trained + time.perf_counter() - started,
            images_per_second=progress.images / trained,
            waiting=progress.waited / trained,
            is_best=False,
        )
        result = replace(result, is_best=history.would_be_best(result.value(history.monitor)))
        history.epochs.append(result)
        progress.begin_epoch()
        for listener in listeners:
            listener.on_epoch(result)
    if stage.plateau is not None:
        stage.plateau.after_epoch(result.value(history.monitor))
    progress.stopped = reason_to_stop(training, progress)


def _images(feed: Feed, number: int) -> int:
    """Images of a whole batch, of which this process may have prepared a part; `number` counts from 0."""
    return min(feed.batch_size, len(feed.rows) - number % feed.steps * feed.batch_size)


@contextmanager
def _out_of_memory(batch_size: int) -> Iterator[None]:
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        less = f"Try batch_size={batch_size // 2}" if batch_size > 1 else "Try a smaller target_size or network"
        raise RunFailed(f"Out of memory with batch_size={batch_size}. {less}") from error


def _refuse_bad(steps: Steps, epoch: int) -> None:
    """Ends a run whose loss is no number any more: its weights are of no use, and no checkpoint may hold them."""
    if step := steps.first_bad():
        raise RunFailed(f"The training loss became NaN or infinite in epoch {epoch}, step {step}. {_LOWER}")
