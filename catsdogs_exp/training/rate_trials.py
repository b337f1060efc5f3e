"""Trains for a while with one learning rate after another, each from the same weights on the same batches."""

from collections.abc import Callable
from contextlib import closing
from types import TracebackType
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from catsdogs_exp.data.prefetch import batches
from catsdogs_exp.training.feed import Feed
from catsdogs_exp.training.steps import Steps
from catsdogs_exp.training.variable_values import value_of

_SHARE_OF_MEMORY = 0.25  # fraction of memory that may hold what rates have learned so far

State = dict[str, NDArray[Any]]


class RateTrials:
    """The losses of learning rates. A rate that is requested again continues where it stopped.

    On leaving the context, everything changed in `steps` is restored.

    Args:
        steps: with an optimizer whose learning rate is constant.
        train: batches; repeated as often as necessary.
        keep: whether to keep each rate's state in memory; otherwise a rate that continues starts over, which gives the
            same result but takes longer. All processes that train together must do the same.
        tell: called after each step.
        validate: returns the validation loss of the current weights; None if there are no validation images.
    """

    def __init__(
        self,
        steps: Steps,
        train: Feed,
        keep: bool = True,
        tell: Callable[[], None] | None = None,
        validate: Callable[[], float] | None = None,
    ) -> None:
        self._steps, self._train, self._keep, self._tell, self._validate = steps, train, keep, tell, validate
        self._start = state_of(steps)
        self._reached: dict[float, tuple[State, NDArray[np.float64]]] = {}

    def __enter__(self) -> "RateTrials":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._steps.assign(self._start)

    def losses(self, rate: float, count: int) -> NDArray[np.float64]:
        """The loss of each of the first `count` batches while training with this rate: float64 [count].

        Shorter, with a non-finite last value, if training diverges.
        """
        state, found = self._reached.pop(rate, (self._start, np.empty(0)))
        if len(found) >= count or (len(found) and not np.isfinite(found[-1])):
            self._reached[rate] = (state, found)
            return found[:count]
        self._steps.assign(state)
        losses = found.tolist()
        with closing(batches(self._train, range(len(losses), count))) as taken:
            for batch in taken:
                losses.append(loss_at(self._steps, batch, rate))
                if self._tell is not None:
                    self._tell()
                if not np.isfinite(losses[-1]):
                    break
        found = np.array(losses)
        if self._keep:
            self._reached[rate] = (state_of(self._steps), found)
        return found

    def validation_loss(self, rate: float, count: int) -> float | None:
        """The loss of the validation images after the first `count` batches with this rate; None without such images.

        The rate cannot continue from there.
        """
        if self._validate is None:
            return None
        self.losses(rate, count)
        if rate in self._reached:
            self._steps.assign(self._reached[rate][0])
        return self._validate()

    def forget(self, rate: float) -> None:
        """Frees the memory of a rate that will not continue."""
        self._reached.pop(rate, None)


def loss_at(steps: Steps, batch: Any, rate: float) -> float:
    """Trains one step with this rate and returns the loss of its batch."""
    assert steps.optimizer is not None
    steps.optimizer.learning_rate = rate
    steps.reset()
    steps.train(*batch)
    return steps.averages()["loss"]


def fits_in_memory(steps: Steps, rates: int) -> bool:
    """Whether there is memory for the states of so many learning rates."""
    size = sum(value.nbytes for value in state_of(steps).values())
    return bool(size * rates <= _SHARE_OF_MEMORY * psutil.virtual_memory().available)


def state_of(steps: Steps) -> State:
    """Returns copies of all variables that training changes, by name."""
    return {name: np.array(value_of(variable)) for name, variable in steps.variables().items()}
