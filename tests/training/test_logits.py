"""Logits behind probabilities: found for every usual network ending, or recovered."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, log_expit, log_softmax, softmax

from catsdogs_exp.training.logits import class_probabilities, log_probabilities, logits_of

L = keras.layers


def dense(**settings) -> L.Dense:
    return L.Dense(3, **settings)


def usual(x: Any) -> dict[str, Callable[[], Any]]:
    """A network's end on `x`, by name."""
    return {
        "dense": lambda: dense(activation="softmax")(x),
        "one unit": lambda: L.Dense(1, activation="sigmoid")(x),
        "activation": lambda: L.Activation("softmax")(dense()(x)),
        "layer": lambda: L.Softmax()(dense()(x)),
        "operation": lambda: keras.ops.softmax(dense()(x)),
        "half precision": lambda: dense(activation="softmax", dtype="mixed_bfloat16")(x),
        "cast": lambda: L.Activation("linear", dtype="float32")(dense(activation="softmax", dtype="mixed_float16")(x)),
        "network in a network": lambda: keras.Sequential([keras.Input((4,)), dense(activation="softmax")])(x),
        "pixels": lambda: L.Flatten()(L.Conv2D(3, 1, activation="softmax")(L.Reshape((1, 1, 4))(x))),
        "dropout": lambda: L.Dropout(0.5)(dense(activation="softmax")(x)),
    }


def logits_in_graph(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    return tf.function(lambda x: logits_of(model(x, training=False)))(inputs).numpy()


@pytest.mark.parametrize("ending", usual(None))
def test_logits_are_what_went_into_the_last_activation(ending: str) -> None:
    """Large ones too, whose probabilities are 0 and 1."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, usual(inputs)[ending]())
    (kernel,) = (weight for weight in model.weights if "kernel" in weight.path)
    given = np.random.default_rng(0).normal(0, 200, (5, 4)).astype(np.float32)
    expected = given @ np.asarray(kernel).reshape(4, -1)
    assert np.ptp(expected, axis=0).min() > 150
    found = logits_in_graph(model, given)
    assert found.dtype == np.float32 and found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=2e-2 if ending in ("half precision", "cast") else 1e-4, atol=2e-2)


def other(x: Any) -> dict[str, Callable[[], Any]]:
    return {
        "mean of two": lambda: L.Average()([dense(activation="softmax")(x), dense(activation="softmax")(x)]),
        "sigmoid for each class": lambda: dense(activation="sigmoid")(x),
        "softmax over another axis": lambda: L.Flatten()(L.Softmax(axis=1)(L.Reshape((3, 1))(dense()(x)))),
        "mean of two units": lambda: L.Average()([L.Dense(1, activation="sigmoid")(x) for _ in range(2)]),
    }


@pytest.mark.parametrize("ending", other(None))
def test_of_other_endings_they_are_computed_back(ending: str) -> None:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, other(inputs)[ending]())
    given = np.random.default_rng(0).normal(0, 1, (5, 4)).astype(np.float32)
    said = np.asarray(model(given)).astype(np.float64)
    found = logits_in_graph(model, given).astype(np.float64)
    expected = expit(found) if found.shape[1] == 1 else softmax(found, axis=1)
    np.testing.assert_allclose(expected, said / (said.sum(axis=1, keepdims=True) if found.shape[1] > 1 else 1), 1e-5)


@pytest.mark.parametrize(("outputs", "logs"), [([[1.0], [0.0]], [0.0, -16.6]), ([[1.0, 0.0, 0.0]], [0.0, -87.3])])
def test_certain_outputs_give_finite_numbers_where_logits_are_unknown(outputs, logs: list[float]) -> None:
    found = log_probabilities(logits_of(tf.constant(outputs))).numpy()
    assert np.isfinite(found).all()
    assert sorted({round(float(value), 1) + 0.0 for value in found[0]}, reverse=True) == logs


@given(st.lists(st.floats(-150, 150, width=32), min_size=1, max_size=6))
def test_probabilities_and_their_logarithms_are_those_of_scipy(values: list[float]) -> None:
    logits = np.array([values], np.float32)
    wide = logits.astype(np.float64)
    if len(values) == 1:
        expected, logs = (np.concatenate([f(-wide), f(wide)], axis=1) for f in (expit, log_expit))
    else:
        expected, logs = softmax(wide, axis=1), log_softmax(wide, axis=1)
    np.testing.assert_allclose(class_probabilities(tf.constant(logits)), expected, rtol=1e-5, atol=1e-37)
    np.testing.assert_allclose(log_probabilities(tf.constant(logits)), logs, rtol=1e-5, atol=3e-7)
