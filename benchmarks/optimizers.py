"""How long an optimiser takes to move the weights of the course's network, fused (`training/fused.py`) and in Keras."""

import os
import time
from collections.abc import Callable
from typing import Any

from benchmarks.options import Options, heading
from benchmarks.table import Row, ratio, render
from benchmarks.timing import Pair, interleaved, say
from catsdogs_exp.training.runtime import import_tensorflow

_WEIGHTS = 9_494_561
_STEPS = 20


def run(options: Options) -> str:
    """Measures and returns the table."""
    load = os.getloadavg()[0]
    import_tensorflow()
    weights = 10_000 if options.quick else _WEIGHTS
    measured = interleaved(_contenders(weights), options.rounds, say)
    details = f"{weights:,} float32 weights in one variable, {_STEPS} steps a round"
    return f"{heading('optimizers', options, details, load)}\n{render(rows(measured))}"


def rows(measured: dict[str, list[float]]) -> list[Row]:
    """The table's rows from seconds a step."""
    names = [name.removeprefix("fused ") for name in measured if name.startswith("fused ")]
    return [
        ratio("-", f"one update, {name}", Pair(measured[f"fused {name}"], measured[name]), _milliseconds)
        for name in names
    ]


def _milliseconds(taken: float) -> str:
    return f"{1e3 * taken:.1f} ms"


def _contenders(weights: int) -> dict[str, Callable[[], float]]:
    import keras

    from catsdogs_exp.training import fused

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
    return {name: _moving(optimizer, weights) for name, optimizer in made.items()}


def _moving(optimizer: Any, weights: int) -> Callable[[], float]:
    import keras
    import tensorflow as tf

    variable = keras.Variable(tf.random.stateless_normal((weights,), (0, 1)))
    gradient = tf.random.stateless_normal((weights,), (0, 2))
    optimizer.build([variable])
    step = tf.function(lambda: optimizer.apply([gradient], [variable]), autograph=False)
    step()

    def measure() -> float:
        started = time.perf_counter()
        for _ in range(_STEPS):
            step()
        return (time.perf_counter() - started) / _STEPS

    return measure
