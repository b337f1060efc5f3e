"""Optimisers and learning-rate schedules from their settings."""

import math
from typing import Any

import keras
from keras import ops

from catsdogs_exp.config.optimizers import (
    AdamOptimizer,
    AdamwOptimizer,
    CosineSchedule,
    Optimizer,
    RmspropOptimizer,
    Schedule,
)
from catsdogs_exp.training.fused import FusedAdam, FusedAdamW, FusedRMSprop, FusedSGD


def make_optimizer(
    optimizer: Optimizer, schedule: Schedule, steps_per_epoch: int, epochs: int
) -> keras.optimizers.Optimizer:
    """The Keras optimiser for a run of `epochs` times `steps_per_epoch` steps."""
    rate: Any = optimizer.learning_rate
    if isinstance(schedule, CosineSchedule):
        rate = WarmupCosine(
            peak=optimizer.learning_rate,
            warmup_steps=round(schedule.warmup_epochs * steps_per_epoch),
            total_steps=epochs * steps_per_epoch,
            final=schedule.final,
        )
    if isinstance(optimizer, RmspropOptimizer):
        return FusedRMSprop(rate, rho=optimizer.rho, momentum=optimizer.momentum)
    if isinstance(optimizer, AdamOptimizer):
        return FusedAdam(rate, beta_1=optimizer.beta_1, beta_2=optimizer.beta_2)
    if isinstance(optimizer, AdamwOptimizer):
        return FusedAdamW(rate, weight_decay=optimizer.weight_decay, beta_1=optimizer.beta_1, beta_2=optimizer.beta_2)
    return FusedSGD(rate, momentum=optimizer.momentum, nesterov=optimizer.nesterov)


class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Linear rise over `warmup_steps`, then a cosine from `peak` to `final * peak` at `total_steps`.

    Source: Loshchilov and Hutter, SGDR, 2017, without restarts.
    """

    def __init__(self, peak: float, warmup_steps: int, total_steps: int, final: float) -> None:
        self.peak, self.warmup_steps, self.total_steps, self.final = peak, warmup_steps, total_steps, final

    def __call__(self, step: Any) -> Any:
        """The learning rate of a step, counted from 0: a float32 scalar."""
        step = ops.cast(step, "float32")
        rise = (step + 1) / max(self.warmup_steps, 1)
        share = ops.clip((step - self.warmup_steps) / max(self.total_steps - self.warmup_steps, 1), 0.0, 1.0)
        fall = self.final + (1 - self.final) * 0.5 * (1 + ops.cos(math.pi * share))
        return self.peak * ops.where(step < self.warmup_steps, ops.minimum(rise, 1.0), fall)

    def get_config(self) -> dict[str, Any]:
        """What is needed to build it again."""
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
            "final": self.final,
        }
