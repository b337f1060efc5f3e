"""Measures how long an epoch will take, before training begins."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from catsdogs_exp.config.schema.training import Training
from catsdogs_exp.data.prefetch import batches
from catsdogs_exp.training.feed import steps_per_epoch
from catsdogs_exp.training.fit import Stage, evaluate, renew_statistics
from catsdogs_exp.training.rate_trials import state_of

_STEPS = 30  # timed at most
_LONG = 2.0  # seconds, after which fewer are enough
_FEWEST = 3


@dataclass(frozen=True)
class EpochTime:
    """Seconds of an epoch, with its validation pass.

    Attributes:
        seconds: of an epoch.
        first: how much longer the first one takes: images are decoded, and kept for later epochs.
    """

    seconds: float
    first: float


def epoch_time(stage: Stage, training: Training) -> EpochTime:
    """Times some training steps and validation batches of a stage, and leaves its state as it was."""
    start = state_of(stage.steps)
    try:
        count = steps_per_epoch(stage.train, training)
        steps = stage.validation.steps if len(stage.validation.rows) else 0
        passed = min(training.validation_steps or steps, steps)
        renewed = min(training.precise_batch_norm, count) if stage.steps.normalisations else 0
        seconds = first = 0.0
        for batches_in_all, work in (
            (count, lambda most: _train(stage, most)),
            (passed, _timed(lambda most: evaluate(stage.steps, stage.validation, most))),
            (renewed, _timed(lambda most: renew_statistics(stage, range(most)))),
        ):
            once, more = _twice(work, batches_in_all)
            seconds += batches_in_all * once
            first += batches_in_all * more
    finally:
        stage.steps.assign(start)
    return EpochTime(seconds, first)


def _twice(work: Callable[[int], tuple[int, float]], count: int) -> tuple[float, float]:
    """Returns the seconds of a batch, and how many more it takes at first.

    Args:
        work: processes at most so many batches; returns how many it was, and the seconds.
        count: of batches in an epoch.
    """
    if not count:
        return 0.0, 0.0
    work(1)  # compiles
    done, decoding = work(min(count, _STEPS))
    done, seconds = work(done)
    return seconds / done, max(0.0, decoding - seconds) / done


def _train(stage: Stage, most: int) -> tuple[int, float]:
    started, done = time.perf_counter(), 0
    stage.steps.reset()
    with closing(batches(stage.train, range(most))) as taken:
        for batch in taken:
            stage.steps.train(*batch)
            done += 1
            if done >= _FEWEST and time.perf_counter() - started > _LONG:
                break
        stage.steps.averages()  # waits for the device
    return done, time.perf_counter() - started


def _timed(work: Callable[[int], object]) -> Callable[[int], tuple[int, float]]:
    """Returns work on so many batches that also returns their number, and the seconds."""

    def timed(most: int) -> tuple[int, float]:
        started = time.perf_counter()
        work(most)
        return most, time.perf_counter() - started

    return timed
