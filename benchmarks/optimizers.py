"""Time for an optimizer to update the weights of the course's network, fused (`training/optim/fused.py`) and in Keras.

Muon, whose arithmetic depends on the shape, updates one kernel of 256 to 256 channels, in Keras the same kernel as a
matrix.
"""

import os
import time
from collections.abc import Callable
from typing import Any

from benchmarks.options import Options, heading
from benchmarks.table import Row, ratio, render
from benchmarks.timing import Pair, interleaved, say
from catsdogs_exp.training.runtime import import_tensorflow

_WEIGHTS = 9_494_561
_CHANNELS = 256
_STEPS = 20


def run(options: Options) -> str:
    """Measures and returns the table."""
    load = os.getloadavg()[0]
    import_tensorflow()
    weights, channels = (10_000, 16) if options.quick else (_WEIGHTS, _CHANNELS)
    measured = interleaved(_contenders(weights, channels), options.rounds, say)
    details = f"{weights:,} float32 weights (muon: 3 x 3 x {channels} x {channels}) in one variable, {_STEPS} steps"
    return f"{heading('optimizers', options, details, load)}\n{render(rows(measured))}"


def rows(measured: dict[str, list[float]]) -> list[Row]:
    """The table's rows, from seconds per step."""
    names = [name.removeprefix("fused ") for name in measured if name.startswith("fused ")]
    return [
        ratio("-", f"one update, {name}", Pair(measured[f"fused {name}"], measured[name]), _milliseconds)
        for name in names
    ]


def _milliseconds(taken: float) -> str:
    return f"{1e3 * taken:.1f} ms"


def _contenders(weights: int, channels: int) -> dict[str, Callable[[], float]]:
    import keras

    from catsdogs_exp.training.optim import fused
    from catsdogs_exp.training.optim.muon import Muon

    made = {
        "rmsprop": keras.optimizers.RMSprop(),
        "fused rmsprop": fused.FusedRMSprop(),
        "adam": keras.optimizers.Adam(),
        "fused adam": fused.FusedAdam(),
        "adamw": keras.optimizers.AdamW(),
        "fused adamw": fused.FusedAdamW(),
        "sgd with momentum": keras.optimizers.SGD(momentum=0.9),
        "fused sgd with momentum": fused.FusedSGD(momentum=0.9),
    }
    return {name: _moving(optimizer, (weights,)) for name, optimizer in made.items()} | {
        "muon": _moving(keras.optimizers.Muon(), (9 * channels, channels)),
        "fused muon": _moving(Muon(), (3, 3, channels, channels)),
    }


def _moving(optimizer: Any, shape: tuple[int, ...]) -> Callable[[], float]:
    import keras
    import tensorflow as tf

    variable = keras.Variable(tf.random.stateless_normal(shape, (0, 1)))
    gradient = tf.random.stateless_normal(shape, (0, 2))
    optimizer.build([variable])
    step = tf.function(lambda: optimizer.apply([gradient], [variable]), autograph=False)
    step()

    def measure() -> float:
        started = time.perf_counter()
        for _ in range(_STEPS):
            step()
        return (time.perf_counter() - started) / _STEPS

    return measure
