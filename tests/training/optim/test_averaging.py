"""Averages over batches: of weights, of gradients; and what a resume needs of them."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from catsdogs_exp.training.optim.fused import FusedAdam, FusedSGD
from catsdogs_exp.training.optim.optimizers import UpdateSettings, make_optimizer
from catsdogs_exp.training.steps import Steps, StepSettings


def network(units: int = 3, norm: bool = False, dropout: float = 0.0) -> keras.Model:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.BatchNormalization()(x) if norm else x
    x = keras.layers.Dropout(dropout)(keras.layers.Flatten()(x)) if dropout else keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(units, activation="softmax")(x))


def batches(count: int, n: int = 6, classes: int = 3) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(3)
    return [
        (rng.integers(0, 256, (n, 4, 4, 3), dtype=np.uint8), rng.integers(0, classes, n).astype(np.int32))
        for _ in range(count)
    ]


@pytest.mark.parametrize("sizes", [(6, 6, 6), (6, 5, 1)])
@pytest.mark.parametrize("optimizer", [lambda: FusedSGD(0.5, momentum=0.9), lambda: FusedAdam(0.01)])
def test_gathered_batches_move_weights_as_one_large_batch_does(
    sizes: tuple[int, ...], optimizer: Callable[[], keras.optimizers.Optimizer]
) -> None:
    weights = np.array([0.5, 1.0, 1.5], np.float32)
    gathered = Steps(network(), optimizer(), weights, settings=StepSettings(accumulate=3))
    whole = Steps(network(), optimizer(), weights)
    for large in batches(3, sum(sizes)):
        before = gathered.model.get_weights()
        start = 0
        for size in sizes:
            for one, same in zip(before, gathered.model.get_weights(), strict=True):
                np.testing.assert_array_equal(one, same)  # nothing moves until the last one
            gathered.train(*(part[start : start + size] for part in large))
            start += size
        whole.train(*large)
        for one, other in zip(gathered.model.get_weights(), whole.model.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)
    assert int(gathered.optimizer.iterations) == int(whole.optimizer.iterations) == 3
    assert gathered.averages()["loss"] == pytest.approx(whole.averages()["loss"], rel=1e-3)


def test_the_average_follows_its_formula_and_leaves_the_weights_alone() -> None:
    steps = Steps(network(norm=True), FusedSGD(0.5), settings=StepSettings(ema=0.3))
    plain = Steps(network(norm=True), FusedSGD(0.5))
    expected: list[np.ndarray] = []
    for number, batch in enumerate(batches(6)):
        steps.train(*batch)
        plain.train(*batch)
        now = steps.model.get_weights()
        decay = min(0.3, (1 + number) / (10 + number))
        expected = [decay * a + (1 - decay) * w for a, w in zip(expected, now, strict=True)] if expected else now
    for one, other in zip(steps.model.get_weights(), plain.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(steps.model.non_trainable_variables) == 2  # moving statistics, averaged as well
    own = steps.model.get_weights()
    with steps.averaged():
        for weight, average in zip(steps.model.get_weights(), expected, strict=True):
            np.testing.assert_allclose(weight, average, rtol=1e-5, atol=1e-6)
        assert not np.allclose(own[0], steps.model.get_weights()[0], rtol=1e-4)
    for one, other in zip(own, steps.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_come_back_when_judging_fails() -> None:
    steps = Steps(network(), FusedSGD(0.5), settings=StepSettings(ema=0.9))
    for batch in batches(3):
        steps.train(*batch)
    own = steps.model.get_weights()
    with pytest.raises(OSError, match="disk"), steps.averaged():
        raise OSError("disk")
    np.testing.assert_array_equal(own[0], steps.model.get_weights()[0])


def test_before_the_first_update_the_weights_are_the_average() -> None:
    steps = Steps(network(), FusedSGD(0.5), settings=StepSettings(ema=0.9, accumulate=4))
    (batch,) = batches(1)
    steps.model.set_weights([weight + 1 for weight in steps.model.get_weights()])  # of a stage before
    own = steps.model.get_weights()
    steps.train(*batch)
    with steps.averaged():
        np.testing.assert_array_equal(own[0], steps.model.get_weights()[0])


def test_frozen_layers_are_not_averaged() -> None:
    model = network(norm=True)
    model.layers[2].trainable = False
    steps = Steps(model, FusedSGD(0.5), settings=StepSettings(ema=0.9))
    assert len([name for name in steps.variables() if name.startswith("average/")]) == 6  # norm and dense
    for batch in batches(2):
        steps.train(*batch)
    with steps.averaged():
        pass


def everything(config, policy: str = "float32", schedule: str = "reduce_on_plateau") -> Steps:
    from catsdogs_exp.training.precision import building_in, scaled

    settings = config("optimizer=adamw", f"schedule={schedule}", "lr=0.01")
    with building_in(policy):
        model = network(7, norm=True, dropout=0.5)
    optimizer = make_optimizer(settings.optimizer, settings.schedule, 4, 5, UpdateSettings(clip_norm=1.0))
    return Steps(model, scaled(optimizer, policy), settings=StepSettings(ema=0.9, accumulate=2))


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("schedule", ["reduce_on_plateau", "constant"])
def test_a_copy_of_all_variables_goes_on_bit_for_bit(config, policy: str, schedule: str) -> None:
    """Three batches, so that gathered gradients and the epoch's averages are under way."""
    seen = batches(6, classes=7)
    one = everything(config, policy, schedule)
    for batch in seen[:3]:
        one.train(*batch)
    saved = {name: np.array(variable) for name, variable in one.variables().items()}
    for batch in seen[3:]:
        one.train(*batch)
    other = everything(config, policy, schedule)
    for name, variable in other.variables().items():
        assert (tuple(variable.shape), np.dtype(variable.dtype)) == (saved[name].shape, saved[name].dtype), name
        variable.assign(saved[name])
    for batch in seen[3:]:
        other.train(*batch)
    assert list(one.variables()) == list(other.variables()) == list(saved)
    moved = 0
    for name, variable in one.variables().items():
        np.testing.assert_array_equal(np.array(variable), np.array(other.variables()[name]), err_msg=name)
        moved += not np.array_equal(np.array(variable), saved[name])
    assert moved > (20 if policy == "float32" else 15)  # float16 first has to find its loss scale
    assert one.averages() == other.averages()
    groups = {name.split("/")[0] for name in saved}
    assert groups == {"model", "state", "optimizer", "average", "gathered", "metric"}
    assert len({id(variable) for variable in one.variables().values()}) == len(saved)
    assert set(one.weights()) == {name for name in saved if name.startswith("model/")}


def test_no_variable_of_a_training_step_is_forgotten(config) -> None:
    """What the compiled step reads and writes, against the list; fused RMSprop's scratch has no state."""
    steps = everything(config)
    graph = steps.train.get_concrete_function()
    listed = {id(v if isinstance(v, tf.Variable) else v.value) for v in steps.variables().values()}
    forgotten = [v.name for v in graph.variables if id(v) not in listed]
    assert not forgotten


def test_inputs_may_be_features() -> None:
    inputs = keras.Input((8,))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(inputs))
    steps = Steps(model, FusedSGD(0.5), settings=StepSettings(inputs=tf.float32))
    features, labels = (
        np.random.default_rng(0).normal(0, 1, (5, 8)).astype(np.float32),
        np.arange(5, dtype=np.int32) % 3,
    )
    for _ in range(60):
        steps.train(features, labels)
    steps.reset()
    steps.evaluate(features, labels)
    assert steps.averages()["accuracy"] == 1


def test_more_than_five_classes_have_a_top_five() -> None:
    steps = Steps(network(7))
    assert set(Steps(network(5)).averages()) == {"loss", "accuracy"}
    found, shown = 0, 0
    for images, labels in batches(4, 8, 7):
        steps.evaluate(images, labels)
        probabilities = steps.predict(images).numpy()
        found += sum((row >= row[label]).sum() <= 5 for label, row in zip(labels, probabilities, strict=True))
        shown += len(labels)
    assert steps.averages()["top_5_accuracy"] == pytest.approx(found / shown)
    assert 0 < found < shown


def test_weights_that_a_network_holds_itself_are_averaged_too() -> None:
    class Scaled(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(3)
            self.factor = self.add_weight(shape=(), initializer="ones", name="factor")

        def call(self, x: tf.Tensor) -> tf.Tensor:
            return self.dense(x) * self.factor

    inputs = keras.Input((4, 4, 3))
    scaled = Scaled()
    x = scaled(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs)))
    steps = Steps(keras.Model(inputs, keras.layers.Softmax()(x)), FusedSGD(0.5), settings=StepSettings(ema=0.9))
    steps.begin_average()
    seen = []
    for batch in batches(2):
        steps.train(*batch)
        seen.append(float(scaled.factor.numpy()))
    with steps.averaged():  # d = min(0.9, 2 / 11) at the second update
        assert float(scaled.factor.numpy()) == pytest.approx(seen[0] * 2 / 11 + seen[1] * 9 / 11, rel=1e-5)
