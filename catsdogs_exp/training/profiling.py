"""`--profile`: traces some steps for TensorBoard, and reports the bottleneck of training."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from catsdogs_exp.data.opencv_threads import one_opencv_thread
from catsdogs_exp.training.feed import Feed
from catsdogs_exp.training.fit import Stage
from catsdogs_exp.training.progress import EpochResult, History
from catsdogs_exp.training.steps import Steps

_FIRST, _COUNT = 5, 10  # steps: after compilation and the initial filling of queues
_ROUNDS = 5
_NOTHING_TO_GAIN = 1.05  # speed-up factor: anything less is noise


class Trace:
    """A listener that traces up to ten steps of the first epoch for TensorBoard's profiler."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last = 0  # the step that ends the trace; 0: no trace in progress

    def on_step(self, epoch: int, step: int, steps: int, steps_object: Steps) -> None:
        """Starts the trace after a few steps, and stops it some steps later."""
        if epoch == 1 and step == min(_FIRST, max(steps - _COUNT, 1)):
            tf.profiler.experimental.start(str(self._folder))
            self._last = step + _COUNT
        elif step == self._last:
            self._stop()

    def on_epoch(self, result: EpochResult) -> None:
        """Stops the trace at the end of the epoch at the latest."""
        if self._last:
            self._stop()

    def _stop(self) -> None:
        tf.profiler.experimental.stop()
        self._last = 0


@dataclass(frozen=True)
class Costs:
    """Seconds per batch.

    Attributes:
        step: computation alone, on a batch that is ready.
        fetch: reading the images, decoded or from the cache, in one thread.
        change: everything else done to a batch: augmentation, mixing.
        cached: reading them from a cache in memory or on disk.
        workers: threads that prepare batches.
        in_run: total time of a step in the run.
        waiting: fraction of the run's training time spent waiting for batches, 0..1.
    """

    step: float
    fetch: float
    change: float
    cached: float
    workers: int
    in_run: float
    waiting: float


def profile(stage: Stage, history: History) -> str:
    """Measures what a finished stage waited for, and describes it in one line. Trains the network for a few more
    steps.
    """
    last, train = history.epochs[-1], stage.train  # the first epoch includes compilation
    in_run = len(train.rows) / last.images_per_second / train.steps
    return advice(measure(stage.steps, train, in_run, last.waiting), train.fetch.cache)


def measure(steps: Steps, loader: Feed, in_run: float, waiting: float) -> Costs:
    """Measures the parts of a step separately. Trains the network for a few more steps, which makes its weights
    useless.

    Args:
        steps: the run's steps.
        loader: the training images.
        in_run: seconds per step in the run.
        waiting: fraction of the time that steps waited, 0..1.
    """
    batch = loader.batch(0, 0)
    tensors = tuple(map(tf.constant, batch))
    rows = loader.rows[loader.order(0)[: loader.batch_size]]
    fetched = np.ascontiguousarray(loader.fetch(rows))

    def step() -> None:
        steps.train(*tensors)
        steps.averages()  # waits for the device

    step()
    with one_opencv_thread():  # as in a run
        whole = _seconds(lambda: loader.batch(0, 0))
    fetch = _seconds(lambda: loader.fetch(rows))
    return Costs(
        step=_seconds(step),
        fetch=fetch,
        change=max(whole - fetch, 0.0),
        cached=_seconds(fetched.copy),
        workers=loader.threads,
        in_run=in_run,
        waiting=waiting,
    )


def advice(costs: Costs, cache: str) -> str:
    """Describes the bottleneck of training in one line, and what would remove it, with the expected speed-up.

    Args:
        costs: the measured costs.
        cache: where decoded images are cached: `none`, `memory` or `disk`.
    """
    prepared = (costs.fetch + costs.change) / costs.workers
    shares = f"waits {100 * costs.waiting:.0f} % of the time for its input; a step takes {1e3 * costs.in_run:.1f} ms"
    alone = f"{1e3 * costs.step:.1f} ms of arithmetic"
    parts = f"{1e3 * costs.fetch / costs.workers:.1f} ms reading, {1e3 * costs.change / costs.workers:.1f} ms changing"
    text = f"profile: {shares} ({alone}; input, by {costs.workers} threads: {parts})"
    reading = costs.fetch > costs.change
    if cache == "none" and costs.fetch > costs.cached:
        gain = _gain(costs, (costs.cached + costs.change) / costs.workers)
        if gain >= _NOTHING_TO_GAIN:
            return f"{text}: {'mostly on decoding' if reading else 'also on decoding'}; " + (
                f"loader.cache=disk would give about {gain:.1f}x"
            )
    gain = _gain(costs, 0.0)
    if gain < _NOTHING_TO_GAIN:
        return f"{text}: the input costs next to nothing; a smaller network, image size or precision would be faster"
    if prepared < costs.step:
        return f"{text}: the input shares the processor with the arithmetic; without it about {gain:.1f}x"
    what = "reading" if reading else "augmentation"
    return f"{text}: mostly on {what}; more threads, or less of it, would give up to {gain:.1f}x"


def _gain(costs: Costs, prepared: float) -> float:
    """Returns the speed-up if preparing a batch took this many seconds, one at a time."""
    return costs.in_run / max(costs.step, prepared)


def _seconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))
