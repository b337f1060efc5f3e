"""`--dry-run`: builds everything and runs one batch; prints shapes, memory and time, and writes nothing."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from catsdogs_exp.config.schema import Config
from catsdogs_exp.config.schema.optimizers import AUTO
from catsdogs_exp.data.open_data import Data
from catsdogs_exp.data.opencv_threads import one_opencv_thread
from catsdogs_exp.data.sources.wording import counted
from catsdogs_exp.models.counting import trained_weights
from catsdogs_exp.platforms import peak_memory
from catsdogs_exp.run.auto_epochs import with_fitting_epochs
from catsdogs_exp.run.auto_rate import usual_rate, with_rate
from catsdogs_exp.run.loaders import open_loaders
from catsdogs_exp.run.network import Setup, build_network
from catsdogs_exp.run.plan import plan_stages
from catsdogs_exp.run.stage import make_steps
from catsdogs_exp.training.epoch_time import EpochTime
from catsdogs_exp.training.feed import steps_per_epoch
from catsdogs_exp.training.precision import gpus

_STEPS = 5  # timed steps, after one that compiles


def dry_run(config: Config, data: Data, say: Callable[[str], None]) -> None:
    """Builds loaders, network and optimizer, trains a few steps on one batch and evaluates it.

    Args:
        config: of the run.
        data: opened.
        say: prints a line.
    """
    fills_time = config.epochs == AUTO
    if fills_time:
        config = replace(config, epochs=1)  # until the time of an epoch is known
    if config.optimizer.learning_rate == AUTO:
        config = with_rate(config, usual_rate(config.optimizer))
        say(f"lr=auto: a dry run searches no learning rate; computed with lr={config.optimizer.learning_rate:g}")
    loaders = open_loaders(config, data, say)
    train, validation = loaders.train, loaders.validation
    network = build_network(config, data, loaders, say)
    model = network.model
    steps = make_steps(Setup(config, data, loaders, network), plan_stages(config)[0], train)
    images, labels = train.batch(0, 0)
    say(f"images {_form(images)}, {images.min()} to {images.max()}; labels {_form(labels)}")
    for layer in model.layers:
        say(f"  {layer.name:<28} {_shape(layer):<24} {layer.count_params():>12,}")
    say(f"{model.count_params():,} parameters, {trained_weights(model):,} of them trained")
    batch = tuple(map(tf.constant, (images, labels)))
    steps.train(*batch)
    trained = _median(lambda: steps.train(*batch), steps.averages)
    values = steps.averages()
    seen = _median(lambda: steps.predict(batch[0]), lambda: None)
    with one_opencv_thread():
        loaded = _median(lambda: train.batch(0, 1 % train.steps), lambda: None) / train.threads
    say(f"one batch: {', '.join(f'{name} {value:.4f}' for name, value in values.items())}")
    say(f"a step: {1e3 * trained:.0f} ms of computation, {1e3 * loaded:.0f} ms of input in parallel")
    count = steps_per_epoch(train, config.training)
    passes = validation.steps if len(validation.rows) else 0
    epoch = count * max(trained, loaded) + passes * max(seen, loaded)
    if fills_time:
        config = with_fitting_epochs(config, EpochTime(epoch, 0.0))
        say(f"epochs=auto: about {config.epochs}, as many as fit into training.max_minutes; a run measures it anew")
    epochs = sum(plan.epochs for plan in plan_stages(config))
    say(
        f"an epoch of {counted(count, 'step')} and {passes} validation batches: about {_time(epoch)}; "
        f"{counted(epochs, 'epoch')}: about {_time(epoch * epochs)}"
    )
    say(_memory())


def _median(work: Callable[[], Any], then: Callable[[], Any]) -> float:
    taken = []
    for _ in range(_STEPS):
        started = time.perf_counter()
        work()
        then()  # waits for the device
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))


def _memory() -> str:
    if gpus():
        peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
        return f"peak memory: {peak / 2**20:,.0f} MiB on the first GPU"
    return f"peak memory: {peak_memory() / 2**20:,.0f} MiB, including TensorFlow"


def _form(array: Any) -> str:
    return f"{array.dtype} {list(array.shape)}"


def _shape(layer: Any) -> str:
    output = getattr(layer, "output", None)
    return "" if output is None or isinstance(output, list) else str(list(output.shape))


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
