"""Checks combinations of training settings. Does not import TensorFlow, so mistakes fail fast."""

from catsdogs_exp.config.intervals import parse_interval
from catsdogs_exp.config.schema.optimizers import MuonOptimizer, Optimizer, Schedule, StepSchedule
from catsdogs_exp.config.schema.training import StopAt, Training
from catsdogs_exp.errors import BadInput


def check_training(training: Training, schedule: Schedule, optimizer: Optimizer, epochs: int | str) -> None:
    """Rejects contradictory settings.

    Raises:
        BadInput: naming the settings.
    """
    parse_interval(training.checkpoint.every, "training.checkpoint.every")
    if training.clip_norm is not None and training.clip_value is not None:
        raise BadInput(
            "training.clip_norm and training.clip_value cannot both be set. "
            f"Received: training.clip_norm={training.clip_norm:g} training.clip_value={training.clip_value:g}. "
            "Set one of them to null"
        )
    if training.max_steps is not None and training.max_steps < training.accumulate:
        raise BadInput(
            "training.max_steps must be >= training.accumulate, or no weight is ever updated. "
            f"Received: training.max_steps={training.max_steps} training.accumulate={training.accumulate}. "
            f"Try training.max_steps={training.accumulate}"
        )
    _check_strategy(training)
    _check_target(training.stop_at)
    if isinstance(epochs, str):
        _check_auto_epochs(training)
    else:
        _check_warmup(schedule, epochs, training.finetune.epochs)
    if not training.fused_optimizer:
        _check_keras_optimizer(training, optimizer)
    if isinstance(schedule, StepSchedule):
        rising = sorted(set(schedule.milestones))
        if list(schedule.milestones) != rising:
            raise BadInput(
                "schedule.milestones must be strictly ascending. Received: "
                f"schedule.milestones=[{','.join(map(str, schedule.milestones))}]. "
                f"Try schedule.milestones=[{','.join(map(str, rising))}]"
            )


def _check_keras_optimizer(training: Training, optimizer: Optimizer) -> None:
    """Rejects settings that Keras's own optimizers do not support."""
    refused = (
        (isinstance(optimizer, MuonOptimizer), "optimizer=muon", "Keras's Muon does not support convolution kernels"),
        (
            training.layer_decay != 1,
            f"training.layer_decay={training.layer_decay:g}",
            "Keras has one learning rate for all layers",
        ),
        (training.strategy != "none", f"training.strategy={training.strategy}", "Keras updates on one device only"),
    )
    for is_set, setting, why in refused:
        if is_set:
            raise BadInput(
                f"training.fused_optimizer=false cannot be combined with {setting}: {why}. Received both. "
                "Try training.fused_optimizer=true"
            )


def _check_target(stop_at: StopAt) -> None:
    """Rejects an accuracy in percent, which no run would reach."""
    if stop_at.value is None or not stop_at.metric.endswith("accuracy") or 0 <= stop_at.value <= 1:
        return
    hint = f". Try training.stop_at.value={stop_at.value / 100:g}" if 1 < stop_at.value <= 100 else ""
    raise BadInput(
        f"training.stop_at.value must be >= 0 and <= 1 for training.stop_at.metric={stop_at.metric}. "
        f"Received: training.stop_at.value={stop_at.value:g}{hint}"
    )


def _check_auto_epochs(training: Training) -> None:
    """Rejects `epochs=auto` where there is no time to fill, or two stages share it."""
    if training.max_minutes is None:
        raise BadInput(
            "epochs=auto means as many epochs as fit into training.max_minutes, which must be set. "
            "Received: epochs=auto training.max_minutes=null. Try training.max_minutes=10"
        )
    if training.finetune.epochs:
        raise BadInput(
            "epochs=auto cannot be combined with training.finetune.epochs, which would need a share of the time. "
            f"Received: epochs=auto training.finetune.epochs={training.finetune.epochs}. Give epochs a number"
        )


def _check_warmup(schedule: Schedule, epochs: int, finetune: int) -> None:
    """Rejects a warm-up as long as its stage, which would never reach the learning rate."""
    warmup = getattr(schedule, "warmup_epochs", 0.0)
    if warmup >= epochs:
        raise BadInput(
            f"schedule.warmup_epochs must be < epochs. Received: schedule.warmup_epochs={warmup:g} epochs={epochs}"
        )
    if finetune and warmup >= finetune:
        raise BadInput(
            "schedule.warmup_epochs must be < training.finetune.epochs: fine-tuning has its own warm-up. "
            f"Received: schedule.warmup_epochs={warmup:g} training.finetune.epochs={finetune}. "
            f"Try schedule.warmup_epochs={finetune / 2:g}"
        )


def _check_strategy(training: Training) -> None:
    """Rejects settings that training on several devices does not support yet."""
    clocks = training.strategy == "multi_worker" and training.max_minutes is not None  # workers' clocks differ
    float16 = training.precision == "mixed_float16"
    refused = (
        (float16, "training.precision=mixed_float16", "training.precision=mixed_bfloat16"),
        (training.jit == "always", "training.jit=always", "training.jit=never"),
        (clocks, f"training.max_minutes={training.max_minutes}", "training.max_steps"),
    )
    for is_set, setting, instead in refused:
        if training.strategy != "none" and is_set:
            raise BadInput(
                f"training.strategy={training.strategy} cannot be combined with {setting} yet. Received both. "
                f"Try {instead}, or training.strategy=none"
            )
