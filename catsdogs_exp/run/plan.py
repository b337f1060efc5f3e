"""From settings to what is trained: the network, its optimiser, and the stages of a run."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.config.schema import Config
from catsdogs_exp.config.schema.optimizers import AUTO, ConstantSchedule, Optimizer, Schedule
from catsdogs_exp.data.images.resizing import evaluation_size
from catsdogs_exp.data.loaders import Loader
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.models import build_model
from catsdogs_exp.models.counting import trained_weights
from catsdogs_exp.models.freezing import check_start, unfreeze
from catsdogs_exp.models.layer_rates import layer_rates
from catsdogs_exp.run.job import Screen
from catsdogs_exp.training.distribution.distributed_steps import SpreadSteps
from catsdogs_exp.training.distribution.distribution import ONE_DEVICE, Spread
from catsdogs_exp.training.features import prepare_features
from catsdogs_exp.training.fit import Feed, Plan, Stage, steps_per_epoch
from catsdogs_exp.training.losses import Objective
from catsdogs_exp.training.optim.optimizers import make_optimizer
from catsdogs_exp.training.optim.plateau import make_plateau
from catsdogs_exp.training.precision import building_in, choose_precision, scaled, use_jit
from catsdogs_exp.training.range_test import RangeTest, range_test
from catsdogs_exp.training.steps import Steps, balanced_weights

Say = Callable[[str], None]


@dataclass(frozen=True)
class Network:
    """A network, ready to be trained.

    Attributes:
        model: pixels to probabilities, frozen as the settings say.
        policy: the precision it was built in.
        class_weights: float32 [classes], or None for all the same.
        spread: over what its training is spread.
    """

    model: keras.Model
    policy: str
    class_weights: NDArray[np.float32] | None
    spread: Spread = ONE_DEVICE


def make_network(config: Config, manifest: Manifest, train: Loader, say: Say, spread: Spread = ONE_DEVICE) -> Network:
    """Builds the network in the precision asked for."""
    policy, why = choose_precision(config.training.precision)
    if why:
        say(why)
    with building_in(policy), spread.scope():
        model = build_model(config.model, _input_size(config), len(manifest.classes), config.loader.channels)
    return Network(model, policy, _class_weights(config, train, manifest, say), spread)


def _input_size(config: Config) -> tuple[int | None, int | None]:
    """Height and width of what the network takes; None: any, where it is judged at another size than it learns at."""
    same = evaluation_size(config.loader) == config.loader.target_size
    return config.loader.target_size if same else (None, None)


def plan_stages(
    config: Config, network: Network, train: Loader, validation: Loader, manifest: Manifest, screen: Screen, say: Say
) -> list[Plan]:
    """The stages of a run: its epochs, and those of fine-tuning if any are asked for."""
    finetune = config.training.finetune
    if finetune.epochs:
        check_start(network.model, finetune.unfreeze)

    def first(start: int) -> Stage:
        whole = (network.model, train, validation)
        model, *feeds = _features(config, network, train, validation, manifest, screen, say) or whole
        stage = _stage(config, network, model, config.optimizer, config.epochs, start, *feeds)
        return replace(stage, network=network.model) if finetune.epochs else stage

    def second(start: int) -> Stage:
        unfreeze(network.model, finetune.unfreeze, getattr(config.model, "freeze_batch_norm", False))
        optimizer = replace(config.optimizer, learning_rate=finetune.lr)
        say(f"fine-tuning from epoch {start}: lr={finetune.lr:g}, {trained_weights(network.model):,} weights learn")
        return _stage(config, network, network.model, optimizer, finetune.epochs, start, train, validation)

    plans = [Plan(config.epochs, first)]
    return [*plans, Plan(finetune.epochs, second)] if finetune.epochs else plans


def make_steps(
    config: Config,
    network: Network,
    model: keras.Model,
    optimizer: Optimizer,
    schedule: Schedule,
    epochs: int,
    feed: Feed,
) -> Steps:
    """The arithmetic of training `model`, which is the whole network or its head."""
    training = config.training
    with network.spread.scope():
        made = make_optimizer(
            optimizer,
            schedule,
            steps_per_epoch(feed, training) / training.accumulate,
            epochs,
            rates=layer_rates(network.model, training.layer_decay) if training.layer_decay != 1 else None,
            clip_norm=training.clip_norm,
            clip_value=training.clip_value,
        )
    whole = model is network.model
    spread = network.spread
    make = partial(Steps, jit=use_jit(training)) if spread.strategy is None else partial(SpreadSteps, spread)
    return make(
        model,
        scaled(made, network.policy),
        class_weights=network.class_weights,
        mixed=feed.mixed,
        inputs=tf.uint8 if whole else tf.float32,
        objective=Objective.of(training),
        accumulate=training.accumulate,
        ema=training.ema,
    )


def find_rate(config: Config, network: Network, train: Loader, screen: Screen) -> RangeTest:
    """A learning-rate range test of the first stage. The network is as before when it returns.

    Raises:
        RunFailed: when no rate makes the loss fall.
    """
    optimizer = replace(config.optimizer, learning_rate=1.0)
    schedule = ConstantSchedule("constant", 0.0)
    steps = make_steps(config, network, network.model, optimizer, schedule, config.epochs, train)
    return range_test(steps, train, progress=screen.progress)


def with_rate(config: Config, rate: float) -> Config:
    """The config with this learning rate where it said `auto`."""
    optimizer = replace(config.optimizer, learning_rate=rate)
    return replace(config, lr=rate if config.lr == AUTO else config.lr, optimizer=optimizer)


def _stage(
    config: Config,
    network: Network,
    model: keras.Model,
    optimizer: Optimizer,
    epochs: int,
    first: int,
    train: Feed,
    validation: Feed,
) -> Stage:
    steps = make_steps(config, network, model, optimizer, config.schedule, epochs, train)
    plateau = make_plateau(config.schedule, steps.optimizer, config.training.monitor)
    return Stage(epochs, first, steps, train, validation, plateau)


def _features(
    config: Config, network: Network, train: Loader, validation: Loader, manifest: Manifest, screen: Screen, say: Say
) -> tuple[keras.Model, Feed, Feed] | None:
    """The head and what to feed it, where the backbone below gives the same for an image every time."""
    if all(layer.trainable for layer in network.model.layers if layer.weights):
        return None
    features, why = prepare_features(
        network.model, train, validation, manifest, config.loader, screen.progress, network.spread
    )
    say(why)
    return None if features is None else (features.head, features.train, features.validation)


def _class_weights(config: Config, train: Loader, manifest: Manifest, say: Say) -> NDArray[np.float32] | None:
    if config.training.class_weights == "none":
        return None
    weights = balanced_weights(train.labels, len(manifest.classes))
    shown = ", ".join(f"{weight:.4g} {name}" for name, weight in zip(manifest.classes, weights.tolist(), strict=True))
    say(f"class weights in the training loss: {shown}; the loss shown is without them")
    return None if (weights == 1).all() else weights  # classes of one size: the very same run as without
