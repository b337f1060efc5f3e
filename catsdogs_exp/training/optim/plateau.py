"""Reduces the learning rate on a plateau. Decisions are made between epochs, outside the graph."""

import math
from typing import Any

import keras

from catsdogs_exp.compat import rate_of
from catsdogs_exp.config.schema.optimizers import PlateauSchedule
from catsdogs_exp.metrics.names import lower_is_better
from catsdogs_exp.training.optim.schedules import Adjustable
from catsdogs_exp.training.variable_values import value_of


class Plateau:
    """Multiplies the learning rate by `factor` if the monitored value has not improved for `patience` epochs.

    Args:
        schedule: its settings.
        rate: the variable to lower.
        monitor: the name of the value, which determines whether lower is better.
    """

    def __init__(self, schedule: PlateauSchedule, rate: keras.Variable, monitor: str) -> None:
        self._schedule, self._rate = schedule, rate
        self._sign = -1.0 if lower_is_better(monitor) else 1.0
        self._best: float | None = None  # the value times the sign: higher is better
        self._since = self._epochs = 0

    def after_epoch(self, value: float) -> None:
        """Adds an epoch's value. Warm-up epochs do not count; NaN is never an improvement."""
        self._epochs += 1
        signed = self._sign * value
        if not math.isnan(signed) and (self._best is None or signed > self._best + self._schedule.min_delta):
            self._best, self._since = signed, 0
            return
        if self._epochs <= self._schedule.warmup_epochs:
            return
        self._since += 1
        if self._since < self._schedule.patience:
            return
        self._since = 0
        now = float(value_of(self._rate))
        self._rate.assign(min(now, max(now * self._schedule.factor, self._schedule.min_lr)))

    def state(self) -> dict[str, Any]:
        """Returns plain values; the rate itself is a variable of the run (`Steps.variables`)."""
        return {"best": self._best, "since": self._since, "epochs": self._epochs}

    def restore(self, state: dict[str, Any]) -> None:
        """Restores the result of `state`.

        Raises:
            KeyError, TypeError, ValueError: if it is anything else.
        """
        best = state["best"]
        self._best = None if best is None else float(best)
        self._since, self._epochs = int(state["since"]), int(state["epochs"])


def make_plateau(schedule: object, optimizer: keras.optimizers.Optimizer, monitor: str) -> Plateau | None:
    """Returns the plateau for an optimizer created with this schedule, or None for other schedules."""
    if not isinstance(schedule, PlateauSchedule):
        return None
    rate = rate_of(optimizer)
    assert isinstance(rate, Adjustable)
    return Plateau(schedule, rate.rate, monitor)
