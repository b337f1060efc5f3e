"""What is minimised: against the formulas in float64 and against Keras, in every form of label."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_expit, log_softmax

from catsdogs_exp.training.logits import class_probabilities
from catsdogs_exp.training.losses import Objective, cross_entropy, focal, minimised
from catsdogs_exp.training.optim.fused import FusedSGD
from catsdogs_exp.training.steps import Steps, StepSettings


def logits_and_labels(units: int, seed: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, scale, (9, units)).astype(np.float32), rng.integers(0, max(units, 2), 9).astype(np.int32)


def logs_of(logits: np.ndarray) -> np.ndarray:
    wide = logits.astype(np.float64)
    if logits.shape[1] == 1:
        return np.concatenate([log_expit(-wide), log_expit(wide)], axis=1)
    return log_softmax(wide, axis=1)


def by_hand(objective: Objective, logits: np.ndarray, shares: np.ndarray) -> np.ndarray:
    logs, classes = logs_of(logits), shares.shape[1]
    shares = shares * (1 - objective.label_smoothing) + objective.label_smoothing / classes
    gamma = objective.focal_gamma if objective.loss == "focal" else 0.0
    return -(shares * (-np.expm1(logs)) ** gamma * logs).sum(1)


@pytest.mark.parametrize("units", [1, 2, 5])
@given(
    loss=st.sampled_from(["cross_entropy", "focal"]),
    gamma=st.floats(0, 5),
    smoothing=st.floats(0, 0.9),
    seed=st.integers(0, 99),
    scale=st.sampled_from([0.1, 1.0, 10.0, 100.0]),
    mixed=st.booleans(),
)
def test_the_loss_is_that_of_the_formula(
    units: int, loss: str, gamma: float, smoothing: float, seed: int, scale: float, mixed: bool
) -> None:
    objective = Objective(loss, gamma, smoothing)
    logits, labels = logits_and_labels(units, seed, scale)
    classes = max(units, 2)
    shares = np.random.default_rng(seed + 1).dirichlet(np.ones(classes), 9) if mixed else np.eye(classes)[labels]
    given_as = tf.constant(shares, tf.float32) if mixed else tf.constant(labels)
    got = minimised(objective, units)(given_as, tf.constant(logits)).numpy()
    np.testing.assert_allclose(got, by_hand(objective, logits, shares), rtol=2e-5, atol=2e-6)
    shown = cross_entropy(given_as, tf.constant(logits)).numpy()
    np.testing.assert_allclose(shown, by_hand(Objective(), logits, shares), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("units", [1, 2, 5])
@given(gamma=st.floats(0.01, 5), seed=st.integers(0, 99), scale=st.sampled_from([0.1, 1.0, 10.0, 100.0, 1000.0]))
def test_the_slopes_of_the_focal_loss_are_those_of_the_formula(
    units: int, gamma: float, seed: int, scale: float
) -> None:
    """However sure and wrong the network is, and never infinite where it is sure and right."""
    logits, labels = logits_and_labels(units, seed, scale)
    classes = max(units, 2)
    shares = np.eye(classes)[labels] * 0.9 + 0.1 / classes
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(focal(tf.constant(shares, tf.float32), variable, gamma))
    logs = logs_of(logits)
    p, rest = np.exp(logs), -np.expm1(logs)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_log = -shares * np.where(rest > 0, rest**gamma - gamma * p * rest ** (gamma - 1) * logs, 0.0)
    expected = of_log - of_log.sum(axis=1, keepdims=True) * p
    if units == 1:
        expected = expected[:, 1:]
    # The slope of log(1 - p), gamma times the logits, multiplies a probability that float32 knows to 1e-7.
    rounding = 2e-5 * max(1, scale * max(1, gamma) / 50)
    np.testing.assert_allclose(tape.gradient(loss, variable), expected, rtol=1e-4, atol=rounding)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
@pytest.mark.parametrize("units", [1, 3])
def test_a_network_that_is_sure_and_wrong_has_the_full_slope(gamma: float, units: int) -> None:
    """1e-7 is where Keras clips probabilities; a logit of 60 is far below."""
    logits = tf.Variable([[-60.0]] if units == 1 else [[-60.0, 0.0, -5.0]])
    right = tf.constant([[0.0, 1.0]] if units == 1 else [[1.0, 0.0, 0.0]])
    with tf.GradientTape() as tape:
        loss = focal(right, logits, gamma)
    assert float(loss[0]) == pytest.approx(60, rel=1e-3)
    assert float(tape.gradient(loss, logits)[0, 0]) == pytest.approx(-1, rel=1e-3)


def network(units: int, regularizer: str | None = "l2") -> keras.Model:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    activation = "sigmoid" if units == 1 else "softmax"
    return keras.Model(inputs, keras.layers.Dense(units, activation=activation, kernel_regularizer=regularizer)(x))


def two_kinds(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of noise, those of the second class brighter."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, count).astype(np.int32)
    images = rng.integers(0, 160, (count, 4, 4, 3)) + 60 * labels[:, None, None, None]
    return images.astype(np.uint8), labels


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_a_sigmoid_that_begins_sure_and_wrong_learns_as_with_keras_from_logits(gamma: float) -> None:
    images, labels = two_kinds(64)
    ours = network(1, None)
    weights = [ours.get_weights()[0], np.array([18.0], np.float32)]
    ours.set_weights(weights)
    steps = Steps(ours, keras.optimizers.Adam(0.3), objective=Objective("focal", gamma))
    steps.evaluate(images, labels)
    assert steps.averages()["accuracy"] < 0.6
    for _ in range(300):
        steps.train(images, labels)

    theirs = network(1, None)
    theirs.layers[-1].activation = keras.activations.linear
    theirs.set_weights(weights)
    optimizer = keras.optimizers.Adam(0.3)
    optimizer.build(theirs.trainable_variables)
    truth = tf.cast(labels[:, None], tf.float32)

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            logits = theirs(images, training=True)
            plain = keras.losses.binary_crossentropy(truth, logits, from_logits=True)
            wrong = tf.sigmoid(logits[:, 0] * (1 - 2 * truth[:, 0]))
            loss = tf.reduce_mean(wrong**gamma * plain)
        optimizer.apply(tape.gradient(loss, theirs.trainable_variables), theirs.trainable_variables)

    for _ in range(300):
        step()
    steps.reset()
    steps.evaluate(images, labels)
    reached = float(np.mean((np.asarray(theirs(images))[:, 0] > 0) == labels))
    assert steps.averages()["accuracy"] >= reached - 0.02 and reached > 0.9


@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_a_focal_loss_with_gamma_zero_is_cross_entropy_bit_for_bit(units: int, mixed: bool, smoothing: float) -> None:
    rng = np.random.default_rng(0)
    classes = max(units, 2)
    images, labels = rng.integers(0, 256, (9, 4, 4, 3), dtype=np.uint8), rng.integers(0, classes, 9).astype(np.int32)
    given_as = rng.dirichlet(np.ones(classes), 9).astype(np.float32) if mixed else labels
    ends = []
    for objective in (Objective("focal", 0.0, smoothing), Objective("cross_entropy", 2.0, smoothing)):
        model = network(units)
        steps = Steps(model, FusedSGD(5.0), objective=objective, settings=StepSettings(mixed=mixed))
        for _ in range(4):
            steps.train(images, given_as)
        ends.append(([weight.tobytes() for weight in model.get_weights()], steps.averages()))
    assert ends[0] == ends[1]


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
    steps = Steps(model, keras.optimizers.SGD(0.1), weights, objective=objective, settings=StepSettings(mixed=mixed))
    steps.train(images, given_as)

    other = network(units)
    shares = given_as if mixed else np.eye(classes, dtype=np.float32)[labels]
    with tf.GradientTape() as tape:
        outputs = other(images)
        probabilities = tf.concat([1 - outputs, outputs], axis=1) if units == 1 else outputs
        smoothed = shares * 0.9 + 0.1 / classes
        losses = -tf.reduce_sum(smoothed * (1 - probabilities) ** 1.5 * tf.math.log(probabilities), axis=1)
        loss = tf.reduce_mean(losses * (shares @ weights)) + tf.add_n(other.losses)
    gradients = tape.gradient(loss, other.trainable_variables)
    for before, after, gradient in zip(start, model.get_weights(), gradients, strict=True):
        np.testing.assert_allclose(after, before - 0.1 * gradient, rtol=1e-4, atol=1e-6)
    plain = -(shares * np.log(probabilities)).sum(axis=1).mean()
    assert steps.averages()["loss"] == pytest.approx(plain, rel=1e-4)


@pytest.mark.parametrize("units", [1, 2, 5])
@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize("mixed", [False, True])
def test_cross_entropy_is_that_of_keras_from_logits(units: int, scale: float, mixed: bool) -> None:
    logits, labels = logits_and_labels(units, 3, scale)
    classes = max(units, 2)
    shares = np.random.default_rng(4).dirichlet(np.ones(classes), 9).astype(np.float32)
    if units == 1:
        truth = shares[:, 1:] if mixed else labels[:, None]
        expected = keras.losses.BinaryCrossentropy(from_logits=True, reduction=None)(truth, logits)
    elif mixed:
        expected = keras.losses.CategoricalCrossentropy(from_logits=True, reduction=None)(shares, logits)
    else:
        expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)(labels, logits)
    given_as = tf.constant(shares) if mixed else tf.constant(labels)
    np.testing.assert_allclose(cross_entropy(given_as, tf.constant(logits)), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
def test_the_focal_loss_is_that_of_keras_where_keras_does_not_clip(gamma: float) -> None:
    logits, labels = logits_and_labels(5, 5, 2.0)
    shares = np.eye(5, dtype=np.float32)[labels]
    keras_focal = keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=gamma, from_logits=True, reduction=None)
    np.testing.assert_allclose(focal(shares, tf.constant(logits), gamma), keras_focal(shares, logits), rtol=1e-4)
    one, second = logits[:, :1], shares[:, :2] / shares[:, :2].sum(axis=1, keepdims=True).clip(1)
    second = np.stack([1 - second[:, 1], second[:, 1]], axis=1)
    binary = keras.losses.BinaryFocalCrossentropy(gamma=gamma, from_logits=True, reduction=None)
    np.testing.assert_allclose(focal(second, tf.constant(one), gamma), binary(second[:, 1:], one), rtol=1e-4)


@given(seed=st.integers(0, 99), gamma=st.floats(0.1, 5), scale=st.sampled_from([1.0, 20.0]))
def test_a_sigmoid_loses_what_a_softmax_over_two_does(seed: int, gamma: float, scale: float) -> None:
    logits, labels = logits_and_labels(1, seed, scale)
    both = tf.constant(np.concatenate([np.zeros_like(logits), logits], axis=1))
    np.testing.assert_allclose(class_probabilities(tf.constant(logits)), class_probabilities(both), rtol=1e-5)
    for objective in (Objective(), Objective("focal", gamma, 0.1)):
        one = minimised(objective, 1)(tf.constant(labels), tf.constant(logits))
        two = minimised(objective, 2)(tf.constant(labels), both)
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_the_penalty_of_a_layers_output_counts_in_mixed_precision(policy: str) -> None:
    """Its dtype is that of the output."""
    inputs = keras.Input((2, 2, 3))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Dense(4, activity_regularizer=keras.regularizers.L2(100.0), dtype=policy)(x)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid", dtype="float32")(x))
    images, labels = np.full((4, 2, 2, 3), 200, np.uint8), np.array([0, 1, 0, 1], np.int32)

    def size() -> float:
        return float(tf.reduce_sum(tf.abs(model.layers[3](tf.fill((1, 12), 0.8)))))

    before, steps = size(), Steps(model, keras.optimizers.SGD(0.0001))
    for _ in range(5):
        steps.train(images, labels)
    assert size() < 0.9 * before
