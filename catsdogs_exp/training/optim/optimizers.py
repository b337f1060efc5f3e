"""Optimisers from their settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from catsdogs_exp.config.schema.optimizers import (
    AdamOptimizer,
    AdamwOptimizer,
    LionOptimizer,
    MuonOptimizer,
    Optimizer,
    RmspropOptimizer,
    Schedule,
)
from catsdogs_exp.training.optim.fused import FusedAdam, FusedAdamW, FusedLion, FusedRMSprop, FusedSGD
from catsdogs_exp.training.optim.muon import Muon
from catsdogs_exp.training.optim.schedules import make_rate


@dataclass(frozen=True)
class UpdateSettings:
    """What differs between the weights in an update, and how large it may become.

    Attributes:
        rates: `variable.path` to a factor on its learning rate and weight decay; 1 for all others.
        clip_norm: largest norm of all gradients together; above it all are made smaller alike.
        clip_value: largest absolute value of each gradient's element. Not together with `clip_norm`.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    clip_norm: float | None = None
    clip_value: float | None = None


_PLAIN = UpdateSettings()


def make_optimizer(
    optimizer: Optimizer,
    schedule: Schedule,
    updates: float,
    epochs: int,
    settings: UpdateSettings = _PLAIN,
) -> keras.optimizers.Optimizer:
    """The Keras optimiser for a run of `epochs` times `updates` updates of the weights.

    Args:
        optimizer, schedule: their settings.
        updates: in an epoch: batches / `training.accumulate`.
        epochs: of the run, or of this stage of it.
        settings: factors on the rates of single weights, and clipping.
    """
    assert isinstance(optimizer.learning_rate, float), "a range test has found it"
    common: dict[str, Any] = {
        "learning_rate": make_rate(schedule, optimizer.learning_rate, updates, epochs),
        "rates": settings.rates,
        "decay_vectors": False,
        "global_clipnorm": settings.clip_norm,
        "clipvalue": settings.clip_value,
    }
    if isinstance(optimizer, AdamOptimizer):
        return FusedAdam(beta_1=optimizer.beta_1, beta_2=optimizer.beta_2, **common)
    common["weight_decay"] = optimizer.weight_decay
    if isinstance(optimizer, RmspropOptimizer):
        return FusedRMSprop(rho=optimizer.rho, momentum=optimizer.momentum, **common)
    if isinstance(optimizer, AdamwOptimizer):
        return FusedAdamW(beta_1=optimizer.beta_1, beta_2=optimizer.beta_2, **common)
    if isinstance(optimizer, LionOptimizer):
        return FusedLion(beta_1=optimizer.beta_1, beta_2=optimizer.beta_2, **common)
    if isinstance(optimizer, MuonOptimizer):
        return Muon(
            beta_1=optimizer.beta_1,
            beta_2=optimizer.beta_2,
            momentum=optimizer.momentum,
            newton_schulz_steps=optimizer.newton_schulz_steps,
            **common,
        )
    return FusedSGD(momentum=optimizer.momentum, nesterov=optimizer.nesterov, **common)
