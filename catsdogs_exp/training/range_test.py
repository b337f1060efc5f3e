"""The learning-rate range test: the rate rises from step to step, and the loss tells which ones are of use.

Source: Smith, Cyclical Learning Rates for Training Neural Networks, 2017; the smoothing and the stop are fastai's.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.errors import RunFailed
from catsdogs_exp.training.fit import Feed
from catsdogs_exp.training.steps import Steps

LOW, HIGH, COUNT = 1e-7, 1.0, 100
_SMOOTHING = 0.9  # of the moving average over steps
_DIVERGED = 4.0  # times the lowest smoothed loss: no point in going on
_MARGIN = 3  # steps at both ends that are never suggested: the average is not settled there


@dataclass(frozen=True)
class RangeTest:
    """What the test gave.

    Attributes:
        rates: float64 [n], rising by the same factor from step to step.
        losses: float64 [n], of the batch of each step.
        smoothed: float64 [n], their moving average, corrected for its beginning.
        suggestion: the rate at which the smoothed loss falls fastest.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    suggestion: float


def range_test(
    steps: Steps,
    train: Feed,
    low: float = LOW,
    high: float = HIGH,
    count: int = COUNT,
    progress: Callable[[str, int, int], None] | None = None,
) -> RangeTest:
    """Trains `count` steps with rising learning rates. Everything that it changed in `steps` is put back.

    Args:
        steps: with an optimiser whose learning rate is constant.
        train: batches; passes over them as often as it takes.
        low, high: the first and the last rate, 0 < low < high.
        count: steps.
        progress: called with what is done, how many are, of how many.

    Raises:
        RunFailed: when no rate makes the loss fall.
    """
    before = {name: np.array(variable) for name, variable in steps.variables().items()}
    rates = np.geomspace(low, high, count)
    batches = iter(train.dataset(-(-count // train.steps)))
    losses: list[float] = []
    try:
        for done, rate in enumerate(rates.tolist(), 1):
            losses.append(_loss(steps, next(batches), rate))
            if progress is not None:
                progress("learning rates", done, count)
            if _over(losses):
                break
    finally:
        for name, variable in steps.variables().items():
            variable.assign(before[name])
    return judge(rates[: len(losses)], np.array(losses))


def judge(rates: NDArray[np.float64], losses: NDArray[np.float64]) -> RangeTest:
    """Smooths the losses and finds where they fall fastest.

    Raises:
        RunFailed: when they never fall.
    """
    finite = np.isfinite(losses)
    rates, losses = rates[finite], losses[finite]
    smoothed = smooth(losses)
    lowest = int(smoothed.argmin()) if len(smoothed) else 0
    if lowest < 2 * _MARGIN:
        raise RunFailed(
            "The range test found no learning rate with which the loss falls. Look at the data (`show`), or choose "
            "lr by hand: lr=0.001"
        )
    slopes = np.gradient(smoothed, np.log(rates))
    steepest = int(slopes[_MARGIN : lowest + 1].argmin()) + _MARGIN
    return RangeTest(rates, losses, smoothed, _rounded(float(rates[steepest])))


def smooth(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """The exponential moving average of losses, corrected for its beginning: float64 [n]."""
    average, found = 0.0, []
    for step, loss in enumerate(losses.tolist(), 1):
        average = _SMOOTHING * average + (1 - _SMOOTHING) * loss
        found.append(average / (1 - _SMOOTHING**step))
    return np.array(found)


def _loss(steps: Steps, batch: Any, rate: float) -> float:
    assert steps.optimizer is not None
    steps.optimizer.learning_rate = rate
    steps.reset()
    steps.train(*batch)
    return steps.averages()["loss"]


def _over(losses: list[float]) -> bool:
    if not math.isfinite(losses[-1]):
        return True
    smoothed = smooth(np.array(losses))
    return len(losses) > 2 * _MARGIN and bool(smoothed[-1] > _DIVERGED * smoothed.min())


def _rounded(rate: float) -> float:
    """Two digits: the test knows no better, and people copy it."""
    return float(f"{rate:.1e}")
