"""Prepares a planned stage: which layers train, the optimizer, and the batches."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import keras
import tensorflow as tf

from catsdogs_exp.compat import rate_of
from catsdogs_exp.errors import BadInput
from catsdogs_exp.models.counting import trained_weights
from catsdogs_exp.models.freezing import check_start, unfreeze
from catsdogs_exp.models.layer_rates import layer_rates
from catsdogs_exp.run.job import Screen
from catsdogs_exp.run.network import Setup
from catsdogs_exp.training.checkpoint.snapshot_file import Snapshot
from catsdogs_exp.training.distribution.distributed_steps import DistributedSteps
from catsdogs_exp.training.features import NO_ROOM, Features, FeatureSource, prepare_features
from catsdogs_exp.training.feed import Feed, steps_per_epoch
from catsdogs_exp.training.fit import Stage
from catsdogs_exp.training.losses import Objective
from catsdogs_exp.training.optim.optimizers import UpdateSettings, make_optimizer
from catsdogs_exp.training.optim.plateau import make_plateau
from catsdogs_exp.training.precision import scaled, use_jit
from catsdogs_exp.training.stages import StagePlan
from catsdogs_exp.training.steps import WEIGHTS, Steps, StepSettings


def check_plans(plans: Sequence[StagePlan], model: keras.Model) -> None:
    """Checks before the first stage that the network has the layers that later stages unfreeze.

    Raises:
        BadInput: naming the layer or number that it does not have.
    """
    for plan in plans:
        if plan.unfreeze is not None:
            check_start(model, plan.unfreeze)


def prepare_stage(setup: Setup, plan: StagePlan, done: int, screen: Screen, snapshot: Snapshot | None = None) -> Stage:
    """Prepares a stage, with the network's current weights.

    Args:
        setup: of the run.
        plan: the stage.
        done: epochs of the run before this stage.
        screen: for its messages.
        snapshot: what the stage will continue from, if anything.

    Raises:
        BadInput: if the snapshot's stage trained on cached features, which are not available.
    """
    plan = replace(plan, schedule=plan.schedule_after(done))
    config, whole, loaders = setup.config, setup.network.model, setup.loaders
    model: keras.Model = whole
    train: Feed = loaders.train
    validation: Feed = loaders.validation
    if plan.unfreeze is not None:
        unfreeze(whole, plan.unfreeze, getattr(config.model, "freeze_batch_norm", False))
        rate, learning = plan.optimizer.learning_rate, trained_weights(whole)
        screen.say(f"fine-tuning from epoch {done + 1}: lr={rate:g}, {learning:,} weights are trained")
    elif not all(layer.trainable for layer in whole.layers if layer.weights):
        # A frozen backbone always computes the same features for an image, so only the head is trained, on cached
        # features.
        features = _features(setup, plan, screen, snapshot)
        if features is not None:
            model, train, validation = features.head, features.train, features.validation
    steps = make_steps(setup, plan, train, model)
    plateau = make_plateau(plan.schedule, steps.optimizer, config.training.monitor)
    return Stage(plan, done + 1, steps, train, validation, whole, plateau)


def _features(setup: Setup, plan: StagePlan, screen: Screen, snapshot: Snapshot | None) -> Features | None:
    """Returns the features to train the head on, or None to train the whole network. A resumed stage continues with
    what it began with, because its checkpoint has the variables of that network.
    """
    whole, loaders, loader = setup.network.model, setup.loaders, setup.config.loader
    goes_on = snapshot is not None and snapshot.state.get("stage") == plan.number
    weights = sum(name.startswith(f"{WEIGHTS}/") for name in snapshot.names) if snapshot is not None else 0
    if goes_on and weights == len(whole.weights):
        screen.say("features are not cached: the run began without them, so each step runs the whole network")
        return None
    source = FeatureSource(loaders.train, loaders.validation, setup.data.manifest, loader)
    features, why = prepare_features(whole, source, screen.progress, setup.network.distribution)
    if features is None and goes_on and snapshot is not None and weights < len(whole.weights):
        more = "Undo the change that prevents it"
        if NO_ROOM in why:
            more = (
                f"Received: loader.cache_limit={loader.cache_limit:g} (GiB). Free disk space or memory, or raise the "
                "limit: resume RUN loader.cache_limit=... --allow-changes"
            )
        raise BadInput(
            f"The checkpoint must be continued on cached features, on which the run trained the head alone: "
            f"{snapshot.path}. But {why}. {more}"
        )
    screen.say(why)
    return features


def make_steps(setup: Setup, plan: StagePlan, feed: Feed, model: keras.Model | None = None) -> Steps:
    """Returns the training and evaluation steps.

    Args:
        setup: of the run.
        plan: of the stage: its optimizer, learning rate and epochs.
        feed: the training batches.
        model: the model to train: the network's head, whose inputs are features; None: the whole network.
    """
    training, network = setup.config.training, setup.network
    updates = steps_per_epoch(feed, training) / training.accumulate
    with network.distribution.scope():
        made = make_optimizer(
            plan.optimizer,
            plan.schedule,
            updates,
            plan.epochs,
            UpdateSettings(
                layer_rates(network.model, training.layer_decay) if training.layer_decay != 1 else {},
                training.clip_norm,
                training.clip_value,
                training.fused_optimizer,
            ),
        )
    model = network.model if model is None else model
    alone = network.distribution.strategy is None
    settings = StepSettings(
        inputs=tf.uint8 if model is network.model else tf.float32,
        mixed=feed.mixed,
        accumulate=training.accumulate,
        ema=training.ema,
        jit=alone and use_jit(training),
        norms=setup.config.logging.tensorboard and setup.config.logging.board.norms,
    )
    objective = Objective.of(training)
    make = Steps if alone else partial(DistributedSteps, network.distribution)
    steps = make(
        model,
        scaled(made, network.policy),
        class_weights=network.class_weights,
        objective=objective,
        settings=settings,
    )
    if not alone or model is not network.model:
        return steps
    # A constant learning rate is a variable; a schedule is compiled, with all its numbers.
    curve = isinstance(rate_of(made), keras.optimizers.schedules.LearningRateSchedule)
    rate = (plan.optimizer, updates, plan.epochs) if curve else (replace(plan.optimizer, learning_rate=0.0),)
    limits = (training.layer_decay, training.clip_norm, training.clip_value, training.fused_optimizer)
    # What is unfrozen is compiled as well: a frozen layer has no gradient, and normalises as in inference.
    return network.compiled((*rate, plan.schedule, plan.unfreeze, limits, objective, settings), steps)
