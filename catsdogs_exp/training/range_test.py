"""The learning rate range test: the rate increases with each step, and the loss shows which rates are worth trying.

Source: Smith, Cyclical Learning Rates for Training Neural Networks, 2017; smoothing, stopping and the choice by the
longest valley follow fastai.
"""

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.prefetch import batches
from catsdogs_exp.training.feed import Feed
from catsdogs_exp.training.rate_trials import loss_at
from catsdogs_exp.training.steps import Steps
from catsdogs_exp.training.variable_values import value_of

LOW, HIGH, COUNT = 1e-6, 1.0, 100
_SMOOTHING = 0.9  # decay of the moving average over steps
_BROKEN = 2.0  # times the median loss so far: diverged
_LEAST = 10  # minimum number of steps with falling loss; fewer may be chance
_CLEAR = 0.1  # minimum relative decrease of the loss; less is noise
_SETTLED = 6  # steps after which the average is reliable


@dataclass(frozen=True)
class RangeTest:
    """The result of the test.

    Attributes:
        rates: float64 [n], increasing by the same factor with each step.
        losses: float64 [n], loss of each step's batch.
        smoothed: float64 [n], their moving average, bias-corrected.
        suggestion: the rate in the middle of the longest descent of the smoothed loss, or, if it does not fall in so
            few steps, a tenth of the rate at which it diverges; None if it does neither.
        why: which of these it is, in words.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    suggestion: float | None
    why: str


def range_test(
    steps: Steps, train: Feed, count: int = COUNT, progress: Callable[[str, int, int], None] | None = None
) -> RangeTest:
    """Trains `count` steps with learning rates increasing from `LOW` to `HIGH`. Everything changed in `steps` is
    restored.

    Args:
        steps: steps with an optimizer whose learning rate is constant.
        train: batches; repeated as often as necessary.
        count: number of steps.
        progress: called with the current task, the number done, and the total.
    """
    before = {name: value_of(variable) for name, variable in steps.variables().items()}
    rates = np.geomspace(LOW, HIGH, count)
    losses: list[float] = []
    broke = False
    try:
        with closing(batches(train, range(count))) as taken:
            for done, (rate, batch) in enumerate(zip(rates.tolist(), taken, strict=True), 1):
                losses.append(loss_at(steps, batch, rate))
                if progress is not None:
                    progress("range test", done, count)
                if broke := _broken(losses):
                    break
    finally:
        steps.assign(before)
    return suggest(rates[: len(losses)], np.array(losses), broke)


def suggest(rates: NDArray[np.float64], losses: NDArray[np.float64], broke: bool) -> RangeTest:
    """Smooths the losses and finds where they fall.

    Args:
        rates, losses: of each step.
        broke: whether the last loss is the one at which it diverged.
    """
    finite = np.isfinite(losses)
    rates, losses = rates[finite], losses[finite]
    smoothed = smooth(losses)
    start, end = _valley(smoothed)
    long = end - start >= _LEAST
    rate: float | None = float(rates[start + (end - start) // 2]) if long else None
    if long and smoothed[end] <= (1 - _CLEAR) * smoothed[start]:
        why = "the middle of the longest descent of the loss"
    elif broke and len(rates):
        rate, why = float(rates[-1]) / 10, f"a tenth of {rates[-1]:.2g}, where the loss diverges without having fallen"
    elif broke:
        why = "the loss is NaN or infinite from the first step on"
    elif long:
        why = "the middle of the longest descent of the loss, which is slight"
    else:
        why = "no rate makes the loss fall or diverge in so few steps"
    return RangeTest(rates, losses, smoothed, None if rate is None else _rounded(rate), why)


def _valley(smoothed: NDArray[np.float64]) -> tuple[int, int]:
    """Returns the start and end of the longest descent: the longest sequence of steps with falling losses, not
    necessarily adjacent.
    """
    count = len(smoothed)
    falling = np.ones(count, dtype=int)
    for step in range(1, count):
        higher = smoothed[:step] > smoothed[step]
        if higher.any():
            falling[step] += int(falling[:step][higher].max())
    end = int(falling.argmax()) if count else 0
    return max(end - int(falling[end]) + 1, 0) if count else 0, end


def smooth(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the exponential moving average of losses, bias-corrected: float64 [n]."""
    average, found = 0.0, []
    for step, loss in enumerate(losses.tolist(), 1):
        average = _SMOOTHING * average + (1 - _SMOOTHING) * loss
        found.append(average / (1 - _SMOOTHING**step))
    return np.array(found)


def _broken(losses: list[float]) -> bool:
    if not math.isfinite(losses[-1]):
        return True
    return len(losses) > _SETTLED and losses[-1] > _BROKEN * float(np.median(losses))


def _rounded(rate: float) -> float:
    """Rounds to two digits: the test is no more precise, and users copy the number."""
    return float(f"{rate:.1e}")
