"""Learning rate schedules as pure functions of the number of updates.

They count updates, not batches: with `training.accumulate=4`, an epoch of 100 batches is 25 updates, and all curves
keep their shape over the epochs.
"""

import math
from typing import Any

import keras
from keras import ops

from catsdogs_exp.config.schema.optimizers import (
    CosineSchedule,
    ExponentialSchedule,
    OneCycleSchedule,
    PlateauSchedule,
    Schedule,
    StepSchedule,
)

_SHORT = 1e-6  # updates; replaces zero to avoid division by zero


def make_rate(schedule: Schedule, peak: float, updates: float, epochs: int) -> Any:
    """Returns the learning rate of a run: a number if it is constant, otherwise a Keras schedule.

    Args:
        schedule: its settings.
        peak: the learning rate itself, from which curves decay.
        updates: updates per epoch; fractional if batches are accumulated across epochs.
        epochs: of the run, or of this stage of it.
    """
    if isinstance(schedule, OneCycleSchedule):
        return OneCycle(peak, updates * epochs, schedule.rise, schedule.start, schedule.final)
    warmup = round(schedule.warmup_epochs * updates)
    if isinstance(schedule, CosineSchedule):
        return WarmupCosine(peak, warmup, round(epochs * updates), schedule.final)
    if isinstance(schedule, ExponentialSchedule):
        return Exponential(peak, warmup, schedule.gamma ** (1 / updates))
    if isinstance(schedule, StepSchedule):
        falls = schedule.milestones or _multiples(schedule.every, epochs)
        # 3 * 0.1 is a little more than 0.3: without rounding, the third decay would be one update late
        return StepDecay(peak, warmup, tuple(math.ceil(round(epoch * updates, 6)) for epoch in falls), schedule.gamma)
    if isinstance(schedule, PlateauSchedule):
        return Adjustable(peak, warmup)
    return Constant(peak, warmup) if warmup else peak


class _Curve(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """The base class of all curves: a linear warm-up over `warmup_steps` updates to the curve's value at that point."""

    peak: float
    warmup_steps: int

    def __call__(self, step: Any) -> Any:
        """Returns the learning rate of an update, counted from 0: a float32 scalar."""
        step = ops.cast(step, "float32")
        rise = ops.minimum((step + 1) / max(self.warmup_steps, 1), 1.0)
        return self.peak * rise * self.share(step)

    def share(self, step: Any) -> Any:
        """Returns the curve itself, relative to `peak`: constant."""
        return ops.ones_like(step)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments needed to rebuild it."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}


class Constant(_Curve):
    """Stays at `peak` after the warm-up."""

    def __init__(self, peak: float, warmup_steps: int) -> None:
        self.peak, self.warmup_steps = peak, warmup_steps


class WarmupCosine(_Curve):
    """Linear warm-up over `warmup_steps`, then a cosine from `peak` to `final * peak` at `total_steps`.

    Source: Loshchilov and Hutter, SGDR, 2017, without restarts.
    """

    def __init__(self, peak: float, warmup_steps: int, total_steps: int, final: float) -> None:
        self.peak, self.warmup_steps, self.total_steps, self.final = peak, warmup_steps, total_steps, final

    def share(self, step: Any) -> Any:
        """1 at the end of the warm-up, `final` at the end."""
        done = ops.clip((step - self.warmup_steps) / max(self.total_steps - self.warmup_steps, 1), 0.0, 1.0)
        return self.final + (1 - self.final) * 0.5 * (1 + ops.cos(math.pi * done))


class Exponential(_Curve):
    """Decays exponentially by the factor `gamma` per update, from the end of the warm-up."""

    def __init__(self, peak: float, warmup_steps: int, gamma: float) -> None:
        self.peak, self.warmup_steps, self.gamma = peak, warmup_steps, gamma

    def share(self, step: Any) -> Any:
        """`gamma` to the power of the updates since the warm-up."""
        return ops.exp(math.log(self.gamma) * ops.maximum(step - self.warmup_steps, 0.0))


class StepDecay(_Curve):
    """Multiplies by `gamma` at each of `falls`, ascending update numbers counted from the start, not from the end of
    the warm-up.
    """

    def __init__(self, peak: float, warmup_steps: int, falls: tuple[int, ...], gamma: float) -> None:
        self.peak, self.warmup_steps, self.falls, self.gamma = peak, warmup_steps, tuple(falls), gamma

    def share(self, step: Any) -> Any:
        """`gamma` to the power of the number of past falls."""
        over = ops.sum(ops.cast(step[..., None] >= ops.convert_to_tensor(self.falls, "float32"), "float32"), axis=-1)
        return ops.power(ops.convert_to_tensor(self.gamma, "float32"), over)


class OneCycle(_Curve):
    """A half cosine from `start * peak` up to `peak` over the fraction `rise` of all updates, then another one down.

    Update number `rise * total_steps` (counted from 1) is the one at `peak`, as in PyTorch's `OneCycleLR`; a rise
    shorter than one update is skipped.

    Source: Smith, "Super-Convergence", 2018, with the two phases and cosines of fastai and PyTorch.
    """

    def __init__(self, peak: float, total_steps: float, rise: float, start: float, final: float) -> None:
        self.peak, self.total_steps, self.rise, self.start, self.final = peak, total_steps, rise, start, final
        self.warmup_steps = 0

    def share(self, step: Any) -> Any:
        """`start` at the first update, 1 at the top, `final` at the last."""
        top = max(self.rise * self.total_steps - 1, 0.0)
        last = max(self.total_steps - 1, top)
        up = _half_cosine(self.start, 1.0, step / max(top, _SHORT))
        down = _half_cosine(1.0, self.final, (step - top) / max(last - top, _SHORT))
        return ops.where(step < top, up, down)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments needed to rebuild it."""
        return {name: value for name, value in super().get_config().items() if name != "warmup_steps"}


class Adjustable(_Curve):
    """A rate that `Plateau` changes through its variable `rate`."""

    def __init__(self, peak: float, warmup_steps: int) -> None:
        self.peak, self.warmup_steps = peak, warmup_steps
        self._rate = keras.Variable(peak, dtype="float32", trainable=False, name="rate")

    @property
    def rate(self) -> keras.Variable:
        """Float32 scalar: `peak`, until it is lowered."""
        return self._rate

    def __call__(self, step: Any) -> Any:
        """Returns the learning rate of an update, counted from 0: a float32 scalar."""
        step = ops.cast(step, "float32")
        return self._rate * ops.minimum((step + 1) / max(self.warmup_steps, 1), 1.0)


def _half_cosine(start: float, end: float, done: Any) -> Any:
    return end + (start - end) * 0.5 * (1 + ops.cos(math.pi * ops.clip(done, 0.0, 1.0)))


def _multiples(every: float, epochs: int) -> tuple[float, ...]:
    """Returns `every`, twice `every`, ..., up to the end of the run."""
    return tuple(every * n for n in range(1, math.ceil(round(epochs / every, 6))))
