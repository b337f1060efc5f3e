"""What is minimised: against the formulas, in every form of label."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.training.losses import Objective, class_probabilities, cross_entropy, focal, minimised
from catsdogs_exp.training.steps import Steps


def outputs_and_labels(units: int, seed: int = 0) -> tuple[tf.Tensor, np.ndarray]:
    rng = np.random.default_rng(seed)
    classes = max(units, 2)
    probabilities = rng.dirichlet(np.ones(classes), 9).astype(np.float32)
    return tf.constant(probabilities[:, 1:] if units == 1 else probabilities), rng.integers(0, classes, 9).astype("i4")


def by_hand(objective: Objective, probabilities: np.ndarray, shares: np.ndarray) -> np.ndarray:
    classes = shares.shape[1]
    shares = shares * (1 - objective.label_smoothing) + objective.label_smoothing / classes
    gamma = objective.focal_gamma if objective.loss == "focal" else 0.0
    return -(shares * (1 - probabilities) ** gamma * np.log(probabilities)).sum(1)


@pytest.mark.parametrize("units", [1, 2, 5])
@given(
    loss=st.sampled_from(["cross_entropy", "focal"]),
    gamma=st.floats(0, 5),
    smoothing=st.floats(0, 0.9),
    seed=st.integers(0, 99),
    mixed=st.booleans(),
)
def test_the_loss_is_that_of_the_formula(
    units: int, loss: str, gamma: float, smoothing: float, seed: int, mixed: bool
) -> None:
    objective = Objective(loss, gamma, smoothing)
    outputs, labels = outputs_and_labels(units, seed)
    probabilities = class_probabilities(outputs).numpy().astype(np.float64)
    classes = probabilities.shape[1]
    shares = np.random.default_rng(seed + 1).dirichlet(np.ones(classes), 9) if mixed else np.eye(classes)[labels]
    given_as = tf.constant(shares, tf.float32) if mixed else tf.constant(labels)
    got = minimised(objective, units)(given_as, outputs).numpy()
    np.testing.assert_allclose(got, by_hand(objective, probabilities, shares), rtol=2e-3, atol=2e-4)
    shown = cross_entropy(units)(given_as, outputs).numpy()
    np.testing.assert_allclose(shown, by_hand(Objective(), probabilities, shares), rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_focal_loss_of_a_sure_network_has_finite_slopes(gamma: float) -> None:
    outputs = tf.Variable([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    with tf.GradientTape() as tape:
        losses = focal(tf.constant([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]), outputs, gamma)
    assert np.isfinite(losses).all() and np.isfinite(tape.gradient(losses, outputs)).all()
    assert losses[0] < 1e-5 < 10 < losses[1]


def network(units: int) -> keras.Model:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    activation = "sigmoid" if units == 1 else "softmax"
    return keras.Model(inputs, keras.layers.Dense(units, activation=activation, kernel_regularizer="l2")(x))


@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize("mixed", [False, True])
def test_a_step_goes_down_what_is_minimised_and_shows_plain_cross_entropy(units: int, mixed: bool) -> None:
    classes = max(units, 2)
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (9, 4, 4, 3), dtype=np.uint8), rng.integers(0, classes, 9).astype(np.int32)
    given_as = rng.dirichlet(np.ones(classes), 9).astype(np.float32) if mixed else labels
    objective, weights = Objective("focal", 1.5, 0.1), np.linspace(0.5, 1.5, classes).astype(np.float32)
    model = network(units)
    start = model.get_weights()
    steps = Steps(model, keras.optimizers.SGD(0.1), weights, mixed=mixed, objective=objective)
    steps.train(images, given_as)

    other = network(units)
    shares = given_as if mixed else np.eye(classes, dtype=np.float32)[labels]
    with tf.GradientTape() as tape:
        losses = focal(shares * 0.9 + 0.1 / classes, other(images), 1.5) * (shares @ weights)
        loss = tf.reduce_mean(losses) + tf.add_n(other.losses)
    gradients = tape.gradient(loss, other.trainable_variables)
    for before, after, gradient in zip(start, model.get_weights(), gradients, strict=True):
        np.testing.assert_allclose(after, before - 0.1 * gradient, rtol=1e-4, atol=1e-6)
    plain = by_hand(Objective(), class_probabilities(other(images)).numpy(), shares).mean()
    assert steps.averages()["loss"] == pytest.approx(plain, rel=1e-4)
