"""A race of learning rates: all train from the same weights on the same batches, and the worse ones drop out.

Source: successive halving (Jamieson and Talwalkar, 2016), over rates in steps of about three.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.errors import RunFailed
from catsdogs_exp.training.range_test import RangeTest

_ROUNDS = ((0.25, 4), (0.5, 2))  # fraction of the length, and how many rates continue after it
_SHORTEST, _LONGEST = 100, 250  # steps of a race
_SHARE = 0.25  # fraction of the run's steps used to race the best rates
_JUDGED = 0.5  # fraction of the steps so far, the last ones, whose mean loss counts
_CLEAR = 2.0  # standard errors: a smaller difference between two rates may be chance
_FARTHEST = 2  # further rates to try if the best one is at the edge
_MOST = 7  # maximum number of rates in a race


class Trials(Protocol):
    """Trains: `RateTrials`."""

    def losses(self, rate: float, count: int) -> NDArray[np.float64]:
        """The losses of the first `count` steps: float64 [count], or fewer if the last one is not finite."""

    def validation_loss(self, rate: float, count: int) -> float | None:
        """The loss of the validation images after the first `count` steps; None if there are no such images."""

    def forget(self, rate: float) -> None:
        """This rate will not continue."""


@dataclass(frozen=True)
class Raced:
    """The result of one learning rate.

    Attributes:
        rate: the learning rate.
        steps: number of training steps.
        loss: mean training loss over the last half of them, in nats per image; infinite if training diverged.
        validation_loss: of the validation images after these steps; None if it was not needed.
    """

    rate: float
    steps: int
    loss: float
    validation_loss: float | None = None


@dataclass(frozen=True)
class RateRace:
    """The result of a race.

    Attributes:
        raced: every rate that took part, in ascending order.
        best: the suggested rate.
        length: steps of the whole race.
    """

    raced: tuple[Raced, ...]
    best: float
    length: int


@dataclass(frozen=True)
class RateSearch:
    """How a learning rate was found.

    Attributes:
        test: the range test, which finds the region.
        race: of the rates that were tried.
        seconds: taken by both.
    """

    test: RangeTest
    race: RateRace
    seconds: float


def race_length(steps: int, accumulate: int = 1) -> int:
    """Steps of a race: a quarter of a run, 100 to 250 of its updates, never more than the run.

    Args:
        steps: of the run, in batches.
        accumulate: batches per update.
    """
    return min(steps, max(_SHORTEST * accumulate, min(round(_SHARE * steps), _LONGEST * accumulate)))


def steps_of_race(rates: int, length: int) -> int:
    """Total steps of a race of so many rates, without rates tried beyond the edges."""
    total, before, left = 0, 0, rates
    for share, next_left in (*_ROUNDS, (1.0, 1)):
        reached = _steps(share, length)
        total, before, left = total + left * (reached - before), reached, min(left, next_left)
    return total


def rates_to_try(usual: float, suggested: float | None) -> tuple[float, ...]:
    """Round rates (1, 3, 10, 30, ...) around the usual one and the one suggested by a range test, in ascending order.

    From a third of the smaller to three times the larger; if these are too many, those closest to either of the two.
    """
    ends = [_rung(usual), _rung(usual if suggested is None else suggested)]
    low, high = min(ends) - 1, max(ends) + 1
    rungs = [rung for rung in range(low, high + 1) if high - low < _MOST or any(abs(rung - end) <= 1 for end in ends)]
    return tuple(_rate(rung) for rung in rungs)


def race(trials: Trials, rates: Sequence[float], usual: float, length: int) -> RateRace:
    """Races learning rates and keeps the one with the lowest loss.

    After a quarter of the length the four with the lowest training loss continue, after half of it the best two. A rate
    farther from the usual one must be better by more than chance: two standard errors of the mean difference between
    their losses of the same batches. If the training losses of the last two do not differ by more than chance, the
    lower validation loss wins. If the best one is the smallest or largest, the next rate beyond it is tried as well; if
    it is clearly worse after a quarter of the length, it drops out.

    Args:
        trials: trains.
        rates: round ones, see `rates_to_try`.
        usual: the usual rate for the optimizer.
        length: steps of the whole race, >= 1.

    Raises:
        RunFailed: if training diverges with every rate.
    """
    racers = _Racers(trials, usual, length)
    standing = sorted(rates)
    for share, left in _ROUNDS:
        for rate in standing:
            racers.run(rate, _steps(share, length))
        order = racers.ranked(standing)
        standing = order[:left]
        for rate in order[left:]:
            trials.forget(rate)
    for rate in standing:
        racers.run(rate, length)
    best = racers.best_of(standing)
    for _ in range(_FARTHEST):
        beyond = _beyond(best, racers.raced)
        if beyond is None or not math.isfinite(racers.raced[best].loss):
            break
        if racers.drops_out_early(beyond, best):
            break
        racers.run(beyond, length)
        best = racers.best_of([best, beyond])
    raced = tuple(racers.raced[rate] for rate in sorted(racers.raced))
    if not math.isfinite(racers.raced[best].loss):
        raise RunFailed(
            f"No learning rate was found: with each of {', '.join(f'{each.rate:g}' for each in raced)} the training "
            "loss became NaN or infinite. Check the data (`show`), or choose lr by hand: lr=0.00001"
        )
    return RateRace(raced, best, length)


class _Racers:
    """The rates of a race, and how they compare.

    Attributes:
        raced: each rate's result so far.
    """

    def __init__(self, trials: Trials, usual: float, length: int) -> None:
        self._trials, self._usual, self._length = trials, usual, length
        self._losses: dict[float, NDArray[np.float64]] = {}  # those that count
        self.raced: dict[float, Raced] = {}

    def run(self, rate: float, steps: int) -> None:
        """Trains with a rate up to a number of steps."""
        losses = self._trials.losses(rate, steps)
        self._losses[rate] = _last(losses)
        self.raced[rate] = Raced(rate, len(losses), _mean(self._losses[rate]))

    def drops_out_early(self, rate: float, best: float) -> bool:
        """Trains with a rate for a quarter of the length; returns whether it is then clearly worse than the best."""
        steps = _steps(_ROUNDS[0][0], self._length)
        self.run(rate, steps)
        worse = _is_clearly_worse(self._losses[rate], _last(self._trials.losses(best, steps)))
        if worse:
            self._trials.forget(rate)
        return worse

    def ranked(self, tried: Sequence[float]) -> list[float]:
        """Best first: always the one closest to the usual rate, of all left that are not clearly worse than another."""
        left, order = list(tried), list[float]()
        while left:
            order.append(min(self._close(left), key=self._distance))  # a tie goes to the lower loss
            left.remove(order[-1])
        return order

    def best_of(self, tried: Sequence[float]) -> float:
        """The best of rates that were tried for the whole length; the others are forgotten."""
        equal = self._close(tried)
        if len(equal) > 1 and math.isfinite(self.raced[equal[0]].loss):
            for rate in equal:
                if self.raced[rate].validation_loss is None:
                    loss = self._trials.validation_loss(rate, self._length)
                    self.raced[rate] = replace(self.raced[rate], validation_loss=loss)
        best = min(equal, key=lambda rate: (_or_infinite(self.raced[rate].validation_loss), self._distance(rate)))
        for rate in tried:
            if rate != best:
                self._trials.forget(rate)
        return best

    def _close(self, tried: Sequence[float]) -> list[float]:
        """Those that are not clearly worse than the one with the lowest training loss, which comes first."""
        order = sorted(tried, key=lambda rate: self.raced[rate].loss)
        return [rate for rate in order if not _is_clearly_worse(self._losses[rate], self._losses[order[0]])]

    def _distance(self, rate: float) -> int:
        return abs(_rung(rate) - _rung(self._usual))


def _steps(share: float, length: int) -> int:
    return max(1, round(share * length))


def _last(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """The losses that count."""
    return losses[len(losses) - max(1, round(_JUDGED * len(losses))) :]


def _mean(losses: NDArray[np.float64]) -> float:
    return float(losses.mean()) if np.isfinite(losses).all() else math.inf


def _is_clearly_worse(losses: NDArray[np.float64], best: NDArray[np.float64]) -> bool:
    """Whether losses are higher than the best ones, of the same batches, by more than chance."""
    if not np.isfinite(losses).all():
        return bool(np.isfinite(best).all())
    more = losses - best
    if len(more) == 1:  # no spread is known
        return False
    return bool(more.mean() > _CLEAR * more.std(ddof=1) / math.sqrt(len(more)))


def _or_infinite(loss: float | None) -> float:
    return loss if loss is not None and math.isfinite(loss) else math.inf


def _beyond(best: float, found: dict[float, Raced]) -> float | None:
    """The round rate beyond the best if that is the smallest or largest tried, or None."""
    rung = _rung(best)
    if best == min(found):
        return _rate(rung - 1)
    return _rate(rung + 1) if best == max(found) else None


def _rung(rate: float) -> int:
    """The index of the nearest round rate: 0 for 1, -1 for 0.3, -2 for 0.1, ..."""
    return round(2 * math.log10(rate))


def _rate(rung: int) -> float:
    """The round rate at an index."""
    tens, half = divmod(rung, 2)
    return float(f"{3 if half else 1}e{tens}")
