"""Creates optimizers from their settings."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import keras

from catsdogs_exp.config.schema.optimizers import Optimizer, Schedule
from catsdogs_exp.training.optim.fused import FusedAdam, FusedAdamW, FusedLion, FusedRMSprop, FusedSGD
from catsdogs_exp.training.optim.muon import Muon
from catsdogs_exp.training.optim.schedules import make_rate


class _DecayOfKernels:
    """A mixin for Keras's optimizers without weight decay for vectors, as in the fused ones."""

    def build(self: Any, variables: Any) -> None:
        """Creates the slots."""
        self.exclude_from_weight_decay(var_list=[each for each in variables if len(each.shape) <= 1])
        super().build(variables)  # type: ignore[misc]


class PlainRMSprop(_DecayOfKernels, keras.optimizers.RMSprop):  # type: ignore[misc]
    """Keras's own optimizer, with weight decay only for kernels."""


class PlainAdamW(_DecayOfKernels, keras.optimizers.AdamW):  # type: ignore[misc]
    """Keras's own optimizer, with weight decay only for kernels."""


class PlainSGD(_DecayOfKernels, keras.optimizers.SGD):  # type: ignore[misc]
    """Keras's own optimizer, with weight decay only for kernels."""


class PlainLion(_DecayOfKernels, keras.optimizers.Lion):  # type: ignore[misc]
    """Keras's own optimizer, with weight decay only for kernels."""


# `optimizer.name` -> class; its settings are the class's arguments
_FUSED: dict[str, type] = {
    "rmsprop": FusedRMSprop,
    "adam": FusedAdam,
    "adamw": FusedAdamW,
    "sgd": FusedSGD,
    "lion": FusedLion,
    "muon": Muon,
}
_KERAS: dict[str, type] = {
    "rmsprop": PlainRMSprop,
    "adam": keras.optimizers.Adam,
    "adamw": PlainAdamW,
    "sgd": PlainSGD,
    "lion": PlainLion,
}


@dataclass(frozen=True)
class UpdateSettings:
    """Per-weight differences in an update, and its limits.

    Attributes:
        rates: `variable.path` -> factor of its learning rate and weight decay; 1 for all others.
        clip_norm: maximum global norm of the gradients; above it, all gradients are scaled down equally.
        clip_value: maximum absolute value of each gradient's elements. Not together with `clip_norm`.
        fused: whether to use TensorFlow's fused updates; Keras's own do not support `rates`.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    clip_norm: float | None = None
    clip_value: float | None = None
    fused: bool = True


_PLAIN = UpdateSettings()


def make_optimizer(
    optimizer: Optimizer,
    schedule: Schedule,
    updates: float,
    epochs: int,
    settings: UpdateSettings = _PLAIN,
) -> keras.optimizers.Optimizer:
    """Creates the Keras optimizer for a run of `epochs` times `updates` weight updates.

    Args:
        optimizer, schedule: their settings.
        updates: updates per epoch: batches / `training.accumulate`.
        epochs: epochs of the run, or of this stage of it. settings: learning rate factors of individual weights, and
            clipping.
    """
    assert isinstance(optimizer.learning_rate, float), "a range test has found it"
    own = {key: value for key, value in asdict(optimizer).items() if key not in ("name", "learning_rate")}
    common: dict[str, Any] = {
        "learning_rate": make_rate(schedule, optimizer.learning_rate, updates, epochs),
        "global_clipnorm": settings.clip_norm,
        "clipvalue": settings.clip_value,
    }
    if settings.fused:
        return _FUSED[optimizer.name](rates=settings.rates, decay_vectors=False, **common, **own)
    assert not settings.rates, "refused with the config"
    return _KERAS[optimizer.name](**common, **own)
