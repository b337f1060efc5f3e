"""The training loop: epochs of steps, each with a validation pass. It notifies listeners and writes nothing itself."""

import math
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import keras
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.config.schema.training import Training
from catsdogs_exp.data.prefetch import batches
from catsdogs_exp.errors import RunFailed, is_full
from catsdogs_exp.signals import end_if_interrupted
from catsdogs_exp.training.batch_statistics import renew
from catsdogs_exp.training.feed import Feed, images_in, steps_per_epoch
from catsdogs_exp.training.optim.plateau import Plateau
from catsdogs_exp.training.outputs import Outputs, gathered
from catsdogs_exp.training.progress import EpochResult, Progress
from catsdogs_exp.training.stages import StagePlan, is_over
from catsdogs_exp.training.steps import Steps
from catsdogs_exp.training.stopping import out_of_patience, over_budget, reason_to_stop
from catsdogs_exp.training.variable_values import value_of

_LOWER = (
    "Try a lower learning rate (lr) or training.clip_norm=1; `resume RUN lr=... --allow-changes` continues from the "
    "last good checkpoint"
)
_LOOK = 50  # steps between checks that the loss is still finite: each check waits for the device

Batches = Generator[tuple[NDArray[Any], NDArray[Any]], None, None]  # images and labels


class Listener(Protocol):
    """Is notified during training: the progress bar, the run folder, TensorBoard, ..."""

    def on_step(self, epoch: int, step: int, steps: int, steps_object: Steps) -> None:
        """Called after each training step; `step` counts from 1."""

    def on_epoch(self, result: EpochResult) -> None:
        """After each epoch's validation pass, with the epoch's weights in place.

        `result.outputs` holds the network's outputs for the validation images.
        """


class Saver(Protocol):
    """Saves the state of a run, so that it can be resumed."""

    def after_step(self, stage: "Stage", progress: Progress) -> None:
        """Called between two steps of an epoch."""

    def after_epoch(self, stage: "Stage", progress: Progress, is_over: bool) -> None:
        """Called between two epochs, after all listeners; `is_over`: the stage has no epoch left."""


@dataclass(frozen=True)
class Stage:
    """A planned stage, ready to be trained.

    Attributes:
        plan: its epochs and settings.
        first: the number of its first epoch in the run, from 1.
        steps: the training and evaluation steps.
        train, validation: feeds of batches.
        network: the whole network, of which `steps` may train only the head.
        plateau: lowers the learning rate on plateaus, or None.
    """

    plan: StagePlan
    first: int
    steps: Steps
    train: Feed
    validation: Feed
    network: keras.Model
    plateau: Plateau | None = None

    @property
    def last(self) -> int:
        """The number of its last epoch in the run, unless it ends early."""
        return self.first + self.plan.epochs - 1


@dataclass(frozen=True)
class _Loop:
    """State shared by all parts of the loop."""

    stage: Stage
    training: Training
    progress: Progress
    listeners: Sequence[Listener]
    saver: Saver | None

    @property
    def count(self) -> int:
        """Training steps in an epoch."""
        return steps_per_epoch(self.stage.train, self.training)

    def number(self, epoch: int, step: int) -> int:
        """Returns the number of a step's batch in the run, from 0, counting passes over all images, whatever an epoch
        is.

        Numbers continue across stages, so that no stage repeats the order and augmentation of another one.
        """
        return (epoch - 1) * self.count + step - 1


def fit(
    stage: Stage,
    training: Training,
    progress: Progress,
    listeners: Sequence[Listener] = (),
    saver: Saver | None = None,
) -> str:
    """Trains a stage from `progress` to its last epoch, or until it or the run ends early.

    Args:
        stage: the stage, with its initial weights and all other state.
        training: the settings; `monitor` must be the same as in the history.
        progress: position of the run; updated during training.
        listeners: notified after each step and epoch.
        saver: saves the state of the run.

    Returns:
        Why the stage, but not the run, ended early; otherwise `""`.

    Raises:
        RunFailed: if the loss is not finite; names metric, epoch and step.
    """
    loop = _Loop(stage, training, progress, listeners, saver)
    done = len(progress.history.epochs)
    start, end = loop.number(done + 1, progress.step + 1), loop.number(stage.last + 1, 1)
    with closing(batches(stage.train, range(start, end))) as left:
        for epoch in range(done + 1, stage.last + 1):
            with _out_of_memory(stage.train.batch_size):
                _train_epoch(loop, epoch, left)
                _end_epoch(loop, epoch)
            over = is_over(stage.plan, progress.history, training)
            if saver is not None:
                saver.after_epoch(stage, progress, over)
            if progress.stopped:
                return ""
            if over:
                break
    return out_of_patience(training, progress.history, stage.plan.number)


def evaluate(steps: Steps, loader: Feed, limit: int | None = None) -> tuple[dict[str, float], Outputs]:
    """Computes loss and accuracy over a loader's images in inference mode, and the network's output for each image.

    Args:
        steps: steps of the network, with the weights to evaluate in place.
        loader: images without randomness.
        limit: maximum number of batches; None: all.
    """
    steps.reset()
    numbers = range(loader.steps)[:limit]
    kept = [steps.evaluate(*batch) for batch in batches(loader, numbers)]
    seen = loader.order(0)[: len(numbers) * loader.batch_size]
    outputs = gathered(loader.rows[seen], loader.labels[seen], kept, max(2, steps.model.output_shape[-1]))
    return steps.averages(), outputs


def _train_epoch(loop: _Loop, epoch: int, left: Batches) -> None:
    """Trains the remaining steps of the epoch."""
    stage, progress, steps = loop.stage, loop.progress, loop.stage.steps
    if not progress.step:
        progress.begin_epoch()
        steps.reset()
    for step in range(progress.step + 1, loop.count + 1):
        asked = time.perf_counter()
        # Named as a step; otherwise, TensorBoard's profiler shows no times.
        with tf.profiler.experimental.Trace("train", step_num=progress.steps, _r=1):
            batch = next(left)
            got = time.perf_counter()
            steps.train(*batch)
        progress.steps += 1
        progress.step = step
        progress.images += images_in(stage.train, loop.number(epoch, step))
        for listener in loop.listeners:
            listener.on_step(epoch, step, loop.count, steps)
        progress.waited += got - asked
        progress.trained += time.perf_counter() - asked
        end_if_interrupted()
        if step % _LOOK == 0:
            _refuse_bad(steps, epoch)
        if step < loop.count and over_budget(loop.training, progress):
            break
        if step < loop.count and loop.saver is not None:
            loop.saver.after_step(stage, progress)


def _end_epoch(loop: _Loop, epoch: int) -> None:
    """Computes the epoch's values, runs its validation pass, and decides whether it is the last one."""
    stage, training, progress = loop.stage, loop.training, loop.progress
    steps, history = stage.steps, progress.history
    started = time.perf_counter()
    _refuse_bad(steps, epoch)
    averages = steps.averages()
    for name, value in averages.items():  # a sum of finite losses may be infinite
        if not math.isfinite(value):
            raise RunFailed(f"The training {name} became {value} in epoch {epoch}. {_LOWER}")
    trained = progress.trained + time.perf_counter() - started
    with steps.averaged():
        first = loop.number(epoch, 1)
        renew_statistics(stage, range(first, first + min(training.precise_batch_norm, loop.count)))
        val: dict[str, float] = {}
        outputs = None
        if len(stage.validation.rows):
            val, outputs = evaluate(steps, stage.validation, training.validation_steps)
        result = EpochResult(
            epoch=epoch,
            stage=stage.plan.number,
            train=averages,
            val=val,
            learning_rate=float(value_of(steps.optimizer.learning_rate)),  # type: ignore[union-attr]
            seconds=progress.trained + time.perf_counter() - started,
            images_per_second=progress.images / trained,
            waiting=progress.waited / trained,
            is_best=False,
        )
        result = replace(result, is_best=history.would_be_best(result))
        history.epochs.append(result)
        progress.begin_epoch()
        for listener in loop.listeners:
            # The outputs go to listeners only: the history must not keep those of every epoch.
            listener.on_epoch(replace(result, outputs=outputs))
    if stage.plateau is not None:
        stage.plateau.after_epoch(result.value(history.monitor))
    progress.stopped = reason_to_stop(training, progress, stage.plan.is_last)


def renew_statistics(stage: Stage, numbers: range) -> None:
    """Computes the statistics of batch normalisation, if there is any, from these batches with the current weights."""
    if numbers and stage.steps.normalisations:
        with closing(batches(stage.train, numbers)) as taken:
            renew(stage.steps, taken, [images_in(stage.train, number) for number in numbers])


@contextmanager
def _out_of_memory(batch_size: int) -> Iterator[None]:
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        if is_full(error):  # TensorFlow calls a full disk the same
            raise
        less = f"Try batch_size={batch_size // 2}" if batch_size > 1 else "Try a smaller target_size or network"
        raise RunFailed(f"Out of memory with batch_size={batch_size}. {less}") from error


def _refuse_bad(steps: Steps, epoch: int) -> None:
    """Ends a run whose loss is NaN or infinite: its weights are useless and must not get into a checkpoint."""
    if step := steps.first_bad():
        raise RunFailed(f"The training loss became NaN or infinite in epoch {epoch}, step {step}. {_LOWER}")
