"""One batch: the loss that is minimised, the averages that are shown."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from catsdogs_exp.training.distribution.distributed_steps import DistributedSteps
from catsdogs_exp.training.distribution.distribution import Distribution
from catsdogs_exp.training.logits import class_probabilities, logits_of
from catsdogs_exp.training.steps import Steps, StepSettings


def network(units: int) -> keras.Model:
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Dense(units, activation="sigmoid" if units == 1 else "softmax")(x))


def batch(n: int, classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n)
    return rng.integers(0, 256, (n, 4, 4, 3), dtype=np.uint8), rng.integers(0, classes, n).astype(np.int32)


@pytest.mark.parametrize("units", [1, 2, 5])
def test_averages_weigh_every_image_the_same(units: int) -> None:
    keras.utils.set_random_seed(1)
    model = network(units)
    steps = Steps(model)
    classes = max(units, 2)
    parts = [batch(7, classes), batch(2, classes)]
    for images, labels in parts:
        steps.evaluate(images, labels)
    images, labels = (np.concatenate(both) for both in zip(*parts, strict=True))
    probabilities = class_probabilities(logits_of(model(images))).numpy()
    right = probabilities[np.arange(9), labels]
    assert steps.averages()["loss"] == pytest.approx(-np.log(right).mean(), rel=1e-5)
    assert steps.averages()["accuracy"] == pytest.approx((probabilities.argmax(1) == labels).mean())
    steps.reset()
    assert steps.averages() == {"loss": 0.0, "accuracy": 0.0}


def test_a_training_step_is_that_of_keras() -> None:
    keras.utils.set_random_seed(2)
    ours, theirs = network(1), network(1)
    theirs.set_weights(ours.get_weights())
    steps = Steps(ours, keras.optimizers.RMSprop(0.01))
    theirs.compile(keras.optimizers.RMSprop(0.01), "binary_crossentropy", jit_compile=False)
    for seed in (5, 6, 7):
        images, labels = batch(seed)
        steps.train(images, labels)
        theirs.train_on_batch(images, labels[:, None].astype(np.float32))
    for weight, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-5, atol=1e-6)


def test_one_sigmoid_gives_the_probabilities_of_both_classes() -> None:
    both = class_probabilities(logits_of(keras.ops.convert_to_tensor([[0.25], [1.0]]))).numpy()
    np.testing.assert_allclose(both, [[0.75, 0.25], [0.0, 1.0]], atol=1e-7)


@pytest.mark.parametrize("units", [1, 3])
def test_mixed_labels_go_through_the_loss_and_count_for_the_larger_share(units: int) -> None:
    keras.utils.set_random_seed(3)
    classes = max(units, 2)
    model = network(units)
    images, _ = batch(8, classes)
    shares = np.random.default_rng(1).dirichlet(np.ones(classes), 8).astype(np.float32)
    probabilities = class_probabilities(logits_of(model(images))).numpy()
    steps = Steps(model, keras.optimizers.SGD(0.0), settings=StepSettings(mixed=True))
    steps.train(images, shares)
    assert steps.averages()["loss"] == pytest.approx(-(shares * np.log(probabilities)).sum(1).mean(), rel=1e-4)
    assert steps.averages()["accuracy"] == pytest.approx((probabilities.argmax(1) == shares.argmax(1)).mean())


@pytest.mark.parametrize("units", [1, 3])
def test_shares_of_one_class_train_as_that_label_does(units: int) -> None:
    classes = max(units, 2)
    keras.utils.set_random_seed(4)
    one, other = network(units), network(units)
    other.set_weights(one.get_weights())
    images, labels = batch(6, classes)
    weights = np.linspace(0.5, 1.5, classes).astype(np.float32)
    Steps(one, keras.optimizers.SGD(0.5), weights).train(images, labels)
    shares = np.eye(classes, dtype=np.float32)[labels]
    Steps(other, keras.optimizers.SGD(0.5), weights, settings=StepSettings(mixed=True)).train(images, shares)
    for weight, same in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(weight, same, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("device", ["plain", "spread"])
def test_a_network_that_always_says_one_class_has_no_five_best(device: str) -> None:
    """The probabilities of all other classes are 0: none of them is among the best five."""
    classes = 12
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    sure = keras.layers.Dense(classes, activation="softmax", kernel_initializer="zeros")
    model = keras.Model(inputs, sure(x))
    sure.bias.assign([500.0] + [0.0] * (classes - 1))
    images, labels = batch(60, classes)
    spread = Distribution(tf.distribute.OneDeviceStrategy("CPU:0"))
    steps = Steps(model) if device == "plain" else DistributedSteps(spread, model)
    steps.evaluate(images, labels)
    share = float((labels == 0).mean())
    assert 0 < share < 1
    assert steps.averages()["top_5_accuracy"] == pytest.approx(share)
    assert steps.averages()["accuracy"] == pytest.approx(share)


@pytest.mark.parametrize("others", [4, 5])
def test_ties_count_against_the_five_best(others: int) -> None:
    """Fewer than five others may be at least as probable."""
    model = network(8)
    model.layers[-1].set_weights([np.zeros((48, 8)), np.array([1.0] * others + [1.0] + [0.0] * (7 - others))])
    steps = Steps(model)
    steps.evaluate(batch(1)[0], np.array([0], np.int32))
    assert steps.averages()["top_5_accuracy"] == (1.0 if others == 4 else 0.0)


def test_no_numbers_are_no_hits() -> None:
    model = network(8)
    model.layers[-1].set_weights([np.zeros((48, 8)), np.full(8, np.nan)])
    steps = Steps(model)
    steps.evaluate(batch(3)[0], np.array([1, 2, 3], np.int32))
    assert (steps.averages()["top_5_accuracy"], steps.averages()["accuracy"]) == (0.0, 0.0)


def test_five_best_without_ties_are_those_of_keras() -> None:
    keras.utils.set_random_seed(5)
    model = network(9)
    images, labels = batch(50, 9)
    steps, theirs = Steps(model), keras.metrics.SparseTopKCategoricalAccuracy(5)
    steps.evaluate(images, labels)
    theirs.update_state(labels, model(images))
    assert steps.averages()["top_5_accuracy"] == pytest.approx(float(theirs.result()))


@pytest.mark.parametrize("units", [1, 2, 6])
def test_tensorflow_finds_nothing_to_complain_about(units: int, capfd: pytest.CaptureFixture[str]) -> None:
    """Its graph optimizer says so where it fails, and then runs the graph as it is."""
    steps = Steps(network(units), keras.optimizers.SGD(0.1))
    images, labels = batch(4, max(units, 2))
    steps.train(images, labels)
    steps.evaluate(images, labels)
    steps.predict(images)
    assert "optimiz" not in capfd.readouterr().err
