"""Optimizers from the config: settings, per-weight factors, decay, clipping."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from catsdogs_exp.errors import BadInput
from catsdogs_exp.training.optim.optimizers import UpdateSettings, make_optimizer

NAMES = ["rmsprop", "adam", "adamw", "sgd", "lion", "muon"]


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_is_built_with_its_settings(config, name: str) -> None:
    settings = config(f"optimizer={name}", "lr=0.02")
    built = make_optimizer(settings.optimizer, settings.schedule, 10, 5)
    assert type(built).__name__.lower().removeprefix("fused") == name
    assert float(built.learning_rate) == pytest.approx(0.02)


def test_settings_reach_the_optimizer(config) -> None:
    built = make_optimizer(config("optimizer=sgd", "optimizer.momentum=0.5").optimizer, config().schedule, 1, 1)
    assert built.momentum == 0.5
    for name in ("adamw", "sgd", "rmsprop", "lion", "muon"):
        settings = config(f"optimizer={name}", "optimizer.weight_decay=0.1")
        assert make_optimizer(settings.optimizer, settings.schedule, 1, 1).weight_decay == 0.1


def test_a_run_follows_the_schedule(config) -> None:
    settings = config("schedule=cosine", "schedule.warmup_epochs=1", "epochs=3", "lr=0.5")
    built = make_optimizer(settings.optimizer, settings.schedule, 10, 3)
    assert float(built.learning_rate) == pytest.approx(0.05)  # the first of ten steps of the rise


def variables() -> list[keras.Variable]:
    rng = np.random.default_rng(0)
    shapes = {"kernel": (3, 4), "bias": (4,), "other": (2, 2)}
    return [keras.Variable(rng.normal(0, 1, shape).astype(np.float32), name=name) for name, shape in shapes.items()]


def moved(optimizer: keras.optimizers.Optimizer, steps: int = 4) -> list[np.ndarray]:
    made = variables()
    optimizer.build(made)
    rng = np.random.default_rng(1)
    for _ in range(steps):
        optimizer.apply([rng.normal(0, 1, v.shape).astype(np.float32) for v in made], made)
    return [np.asarray(v) for v in made]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_a_factor_is_another_learning_rate_for_one_weight_alone(config, name: str, decay: float) -> None:
    words = [f"optimizer={name}"] + ([] if name == "adam" else [f"optimizer.weight_decay={decay}"])
    full, small = config(*words, "lr=0.1"), config(*words, "lr=0.025")
    quarter = UpdateSettings(rates={"kernel": 0.25, "elsewhere": 9.0})
    rated = moved(make_optimizer(full.optimizer, full.schedule, 1, 1, quarter))
    plain = moved(make_optimizer(full.optimizer, full.schedule, 1, 1))
    slow = moved(make_optimizer(small.optimizer, small.schedule, 1, 1))
    np.testing.assert_allclose(rated[0], slow[0], rtol=1e-5, atol=1e-6)
    assert not np.allclose(plain[0], slow[0], atol=1e-3)
    for place in (1, 2):
        np.testing.assert_array_equal(rated[place], plain[place])


def test_a_factor_of_zero_holds_a_weight_still(config) -> None:
    settings = config("optimizer=adamw", "optimizer.weight_decay=0.5", "lr=0.1")
    after = moved(make_optimizer(settings.optimizer, settings.schedule, 1, 1, UpdateSettings(rates={"kernel": 0.0})))
    np.testing.assert_array_equal(after[0], np.asarray(variables()[0]))


@pytest.mark.parametrize("name", ["adamw", "sgd", "rmsprop", "lion", "muon"])
def test_decay_shrinks_kernels_and_leaves_biases(config, name: str) -> None:
    settings = config(f"optimizer={name}", "optimizer.weight_decay=0.5", "lr=0.1")
    made = variables()
    before = [np.asarray(v).copy() for v in made]
    built = make_optimizer(settings.optimizer, settings.schedule, 1, 1)
    built.build(made)
    built.apply([np.zeros(v.shape, np.float32) for v in made], made)
    np.testing.assert_allclose(np.asarray(made[0]), before[0] * (1 - 0.1 * 0.5), rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(made[1]), before[1])


def gradients_used(**clipping: float) -> list[np.ndarray]:
    """What plain SGD with learning rate 1 takes from its weights."""
    from catsdogs_exp.training.optim.fused import FusedSGD

    names = {"clip_norm": "global_clipnorm", "clip_value": "clipvalue"}
    made = [keras.Variable(np.zeros(2, np.float32)), keras.Variable(np.zeros(1, np.float32))]
    optimizer = FusedSGD(1.0, **{names[key]: value for key, value in clipping.items()})
    optimizer.build(made)
    optimizer.apply([np.array([3.0, 0.0], np.float32), np.array([-4.0], np.float32)], made)
    return [-np.asarray(v) for v in made]


@pytest.mark.parametrize(
    "words",
    [
        ("optimizer=rmsprop", "optimizer.weight_decay=0.1"),
        ("optimizer=rmsprop", "optimizer.momentum=0.9", "training.clip_norm=0.5"),
        ("optimizer=adam", "schedule=cosine"),
        ("optimizer=adamw", "optimizer.weight_decay=0.2", "training.clip_value=0.1"),
        ("optimizer=sgd", "optimizer.momentum=0"),
        ("optimizer=sgd", "optimizer.nesterov=true", "optimizer.weight_decay=0.1"),
        ("optimizer=lion", "optimizer.weight_decay=0.1"),
    ],
    ids=" ".join,
)
def test_fused_or_keras_own_a_training_ends_alike(config, words: tuple[str, ...]) -> None:
    """With all of the settings that a run has: schedule, clipping, and a decay that leaves biases out."""
    ends = []
    for fused in (True, False):
        made = config(*words, "lr=0.01", f"training.fused_optimizer={str(fused).lower()}")
        training = made.training
        update = UpdateSettings({}, training.clip_norm, training.clip_value, training.fused_optimizer)
        optimizer = make_optimizer(made.optimizer, made.schedule, 5, 4, update)
        assert (type(optimizer).__module__ == "catsdogs_exp.training.optim.fused") == fused
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)])
        x = np.random.default_rng(0).normal(size=(32, 6)).astype(np.float32)
        before = [np.array(weight) for weight in model.weights]
        optimizer.build(model.trainable_variables)

        @tf.function
        def step(model=model, x=x, optimizer=optimizer) -> None:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((model(x)[:, 0] - tf.sin(x[:, 0])) ** 2)
            optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

        for _ in range(20):
            step()
        ends.append([np.array(weight) for weight in model.weights])
    for was, one, other in zip(before, *ends, strict=True):
        assert not np.allclose(was, one, atol=1e-4)  # it did move
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_keras_own_decay_leaves_biases(config) -> None:
    made = config("optimizer=adamw", "optimizer.weight_decay=0.5", "training.fused_optimizer=false")
    optimizer = make_optimizer(made.optimizer, made.schedule, 1, 1, UpdateSettings(fused=False))
    kernel, bias = keras.Variable([[1.0]]), keras.Variable([1.0])
    optimizer.build([kernel, bias])
    optimizer.apply([tf.zeros((1, 1)), tf.zeros(1)], [kernel, bias])
    assert float(bias.value[0]) == 1 and float(kernel.value[0, 0]) == pytest.approx(1 - 0.001 * 0.5)


def test_clipping_by_norm_and_by_value(config) -> None:
    settings = config("optimizer=sgd")
    built = make_optimizer(settings.optimizer, settings.schedule, 1, 1, UpdateSettings(clip_norm=1.0))
    assert (built.global_clipnorm, built.clipvalue) == (1.0, None)
    assert make_optimizer(settings.optimizer, settings.schedule, 1, 1, UpdateSettings(clip_value=2.0)).clipvalue == 2.0
    one, other = gradients_used(clip_norm=1.0)
    np.testing.assert_allclose(np.concatenate([one, other]), [0.6, 0, -0.8], rtol=1e-6)
    one, other = gradients_used(clip_value=3.5)
    np.testing.assert_allclose(np.concatenate([one, other]), [3, 0, -3.5])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("training.clip_norm=1", "training.clip_value=0.5"),
            "training.clip_norm and training.clip_value cannot both be set. Received: training.clip_norm=1 "
            "training.clip_value=0.5. Set one of them to null",
        ),
        (
            ("schedule=step", "schedule.milestones=[4,2,4]"),
            "schedule.milestones must be strictly ascending. Received: schedule.milestones=[4,2,4]. "
            "Try schedule.milestones=[2,4]",
        ),
        (
            ("training.fused_optimizer=false", "optimizer=muon"),
            "training.fused_optimizer=false cannot be combined with optimizer=muon: Keras's Muon does not support "
            "convolution kernels. Received both. Try training.fused_optimizer=true",
        ),
        (
            ("training.fused_optimizer=false", "training.layer_decay=0.5"),
            "training.fused_optimizer=false cannot be combined with training.layer_decay=0.5: Keras has one learning ",
        ),
        (
            ("training.fused_optimizer=false", "training.strategy=mirrored"),
            "training.fused_optimizer=false cannot be combined with training.strategy=mirrored: Keras updates on",
        ),
        (("training.ema=1",), "training.ema must be >= 0 and < 1. Received: training.ema=1"),
        (
            ("training.accumulate=0",),
            "training.accumulate must be a whole number >= 1 and <= 65536. Received: training.accumulate=0",
        ),
        (
            ("training.loss=focel",),
            "training.loss must be one of cross_entropy, focal. Received: training.loss=focel. Did you mean focal?",
        ),
        (
            ("schedule=reduce_on_plateau", "schedule.factor=1"),
            "schedule.factor must be > 0 and < 1. Received: schedule.factor=1",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(config, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(BadInput) as refused:
        config(*words)
    assert str(refused.value).startswith(message)
