"""The fused optimizers update weights exactly like Keras's own, up to rounding."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from catsdogs_exp.training.optim import fused

K = keras.optimizers
PAIRS = {
    "rmsprop": (lambda: fused.FusedRMSprop(0.01), lambda: K.RMSprop(0.01)),
    "rmsprop with momentum": (lambda: fused.FusedRMSprop(0.01, momentum=0.9), lambda: K.RMSprop(0.01, momentum=0.9)),
    "rmsprop centred": (lambda: fused.FusedRMSprop(0.01, centered=True), lambda: K.RMSprop(0.01, centered=True)),
    "adam": (lambda: fused.FusedAdam(0.01, beta_1=0.8), lambda: K.Adam(0.01, beta_1=0.8)),
    "amsgrad": (lambda: fused.FusedAdam(0.01, amsgrad=True), lambda: K.Adam(0.01, amsgrad=True)),
    "adamw": (lambda: fused.FusedAdamW(0.01, weight_decay=0.1), lambda: K.AdamW(0.01, weight_decay=0.1)),
    "sgd": (lambda: fused.FusedSGD(0.1), lambda: K.SGD(0.1)),
    "momentum": (lambda: fused.FusedSGD(0.1, momentum=0.9), lambda: K.SGD(0.1, momentum=0.9)),
    "nesterov": (
        lambda: fused.FusedSGD(0.1, momentum=0.9, nesterov=True),
        lambda: K.SGD(0.1, momentum=0.9, nesterov=True),
    ),
    "clipped": (lambda: fused.FusedAdam(0.01, global_clipnorm=0.1), lambda: K.Adam(0.01, global_clipnorm=0.1)),
    "rmsprop with decay": (
        lambda: fused.FusedRMSprop(0.01, rho=0.8, weight_decay=0.1),
        lambda: K.RMSprop(0.01, rho=0.8, weight_decay=0.1),
    ),
    "sgd with decay": (
        lambda: fused.FusedSGD(0.1, momentum=0.9, weight_decay=0.1),
        lambda: K.SGD(0.1, momentum=0.9, weight_decay=0.1),
    ),
    "lion": (lambda: fused.FusedLion(0.01), lambda: K.Lion(0.01)),
    "lion with decay": (
        lambda: fused.FusedLion(0.01, beta_1=0.8, beta_2=0.95, weight_decay=0.1),
        lambda: K.Lion(0.01, beta_1=0.8, beta_2=0.95, weight_decay=0.1),
    ),
    "held by value": (lambda: fused.FusedSGD(0.1, clipvalue=0.2), lambda: K.SGD(0.1, clipvalue=0.2)),
    "averaged": (lambda: fused.FusedAdam(0.01, use_ema=True), lambda: K.Adam(0.01, use_ema=True)),
}


def trained(optimizer: Any, steps: int = 25) -> tuple[list[np.ndarray], set[str]]:
    """The weights after some steps down a bent bowl, and the operations that moved them."""
    variables = [
        keras.Variable(np.linspace(-1, 2, 12, dtype=np.float32).reshape(3, 4)),
        keras.Variable(np.ones(5, dtype=np.float32)),
    ]
    optimizer.build(variables)

    @tf.function
    def step(number: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            a, b = (variable.value for variable in variables)
            loss = tf.reduce_sum((a - 0.3) ** 4) + tf.reduce_sum(tf.sin(tf.cast(number, a.dtype) + b) * b)
        optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)

    for number in range(steps):
        step(tf.constant(number, tf.float32))
    graph = step.get_concrete_function(tf.TensorSpec((), tf.float32)).graph
    kinds = {op.type for op in graph.get_operations()}
    return [np.asarray(v) for v in variables], kinds


@pytest.mark.parametrize("name", PAIRS)
def test_weights_are_those_of_keras(name: str) -> None:
    ours, theirs = PAIRS[name]
    moved, _ = trained(ours())
    expected, _ = trained(theirs())
    for mine, other in zip(moved, expected, strict=True):
        assert not np.allclose(other, 1)  # they did move
        np.testing.assert_allclose(mine, other, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    ("name", "op"),
    [
        ("rmsprop", "ResourceApplyRMSProp"),
        ("adam", "ResourceApplyAdam"),
        ("adamw", "ResourceApplyAdam"),
        ("sgd", "ResourceApplyGradientDescent"),
        ("nesterov", "ResourceApplyKerasMomentum"),
    ],
)
def test_the_update_is_one_operation(name: str, op: str) -> None:
    assert op in trained(PAIRS[name][0](), 1)[1]


def test_under_a_distribution_strategy_weights_are_the_same() -> None:
    strategy = tf.distribute.MirroredStrategy([tf.config.list_logical_devices("CPU")[0].name])
    with strategy.scope():
        variable = keras.Variable(np.ones(3, dtype=np.float32))
        optimizer = fused.FusedAdam(0.1)
        optimizer.build([variable])

    @tf.function
    def step() -> None:
        strategy.run(lambda: optimizer.apply([tf.constant([1.0, -2.0, 3.0])], [variable]))

    alone = keras.Variable(np.ones(3, dtype=np.float32))
    other = K.Adam(0.1)
    other.build([alone])
    for _ in range(3):
        step()
        other.apply([tf.constant([1.0, -2.0, 3.0])], [alone])
    np.testing.assert_allclose(np.asarray(variable), np.asarray(alone), rtol=2e-5)
