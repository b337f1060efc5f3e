"""The race of learning rates: who takes part, who drops out, and which one is kept."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.errors import RunFailed
from catsdogs_exp.training.rate_race import RateRace, race, race_length, rates_to_try, steps_of_race

GUESS = math.log(2)


class Curves:
    """Losses that are a function of rate and step; counts the steps that were trained."""

    def __init__(
        self, loss: Callable[[float, np.ndarray], np.ndarray], validation: dict[float, float] | None = None
    ) -> None:
        self.loss, self.validation = loss, validation
        self.trained: dict[float, int] = {}
        self.forgotten: list[float] = []

    def losses(self, rate: float, count: int) -> np.ndarray:
        self.trained[rate] = max(count, self.trained.get(rate, 0))
        found = self.loss(rate, np.arange(1, count + 1))
        broken = np.flatnonzero(~np.isfinite(found))
        return found[: broken[0] + 1] if len(broken) else found

    def validation_loss(self, rate: float, count: int) -> float | None:
        assert self.trained[rate] == count and rate not in self.forgotten
        return None if self.validation is None else self.validation[rate]

    def forget(self, rate: float) -> None:
        self.forgotten.append(rate)


def valley(best: float, breaks: float = np.inf) -> Callable[[float, np.ndarray], np.ndarray]:
    """Falls fastest with the rate `best`; from `breaks` on the loss is no number after five steps."""

    def loss(rate: float, steps: np.ndarray) -> np.ndarray:
        speed = 0.03 * math.exp(-2 * math.log10(rate / best) ** 2)
        falling = GUESS * np.exp(-speed * steps)
        return np.where((rate >= breaks) & (steps >= 5), np.nan, falling)

    return loss


def raced(curves: Curves, rates: tuple[float, ...], usual: float = 1e-3, length: int = 100) -> RateRace:
    return race(curves, rates, usual, length)


def test_rates_are_round_and_lie_around_the_usual_and_the_suggested_one() -> None:
    assert rates_to_try(1e-3, None) == rates_to_try(1e-3, 0.0011) == (3e-4, 1e-3, 3e-3)
    assert rates_to_try(1e-3, 0.033) == (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
    assert rates_to_try(1e-2, 2e-4) == (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
    assert rates_to_try(1e-3, 0.5) == (3e-4, 1e-3, 3e-3, 1e-1, 3e-1, 1.0)


@given(st.floats(1e-7, 1), st.floats(1e-7, 1))
def test_a_race_has_three_to_seven_rates_in_rising_order(usual: float, suggested: float) -> None:
    rates = rates_to_try(usual, suggested)
    assert 3 <= len(rates) <= 7 and list(rates) == sorted(set(rates))
    for rate in (usual, suggested):
        near = min(abs(math.log10(each / rate)) for each in rates)
        assert near <= 0.28 and rates[0] < rate < rates[-1]


@pytest.mark.parametrize("best", [3e-4, 1e-3, 3e-3, 1e-2, 3e-2])
def test_the_fastest_rate_wins(best: float) -> None:
    found = raced(Curves(valley(best)), (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1))
    assert found.best == best
    assert [each.rate for each in found.raced] == sorted(each.rate for each in found.raced)


def test_the_worse_drop_out_early_and_their_memory_is_freed() -> None:
    curves = Curves(valley(3e-3))
    found = raced(curves, (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1))
    assert sorted(curves.trained.values()) == [25, 25, 50, 50, 100, 100]
    assert {each.rate: each.steps for each in found.raced} == curves.trained
    assert curves.trained[3e-3] == 100 and curves.trained[1e-1] == 25
    assert set(curves.forgotten) == set(curves.trained) - {3e-3}
    assert steps_of_race(6, 100) == 6 * 25 + 4 * 25 + 2 * 50


def test_a_rate_that_breaks_never_wins_however_fast_it_was() -> None:
    found = raced(Curves(valley(1e-2, breaks=1e-2)), (3e-4, 1e-3, 3e-3, 1e-2, 3e-2))
    assert found.best == 3e-3
    broken = [each for each in found.raced if each.rate >= 1e-2]
    assert [(each.steps, each.loss) for each in broken] == [(5, math.inf)] * 2


def test_a_late_break_counts() -> None:
    def loss(rate: float, steps: np.ndarray) -> np.ndarray:
        return np.where((rate == 1e-2) & (steps >= 90), np.inf, valley(1e-2)(rate, steps))

    assert raced(Curves(loss), (1e-3, 3e-3, 1e-2, 3e-2)).best != 1e-2


@pytest.mark.parametrize(("usual", "rates"), [(1e-3, (3e-4, 1e-3, 3e-3)), (1e-2, (1e-3, 3e-3, 1e-2, 3e-2))])
def test_where_nothing_is_learned_the_usual_rate_is_kept(usual: float, rates: tuple[float, ...]) -> None:
    """A plateau: what differs is noise, which is rarely taken for more."""

    def plateau(seed: int) -> Callable[[float, np.ndarray], np.ndarray]:
        return lambda rate, steps: np.random.default_rng((seed, round(1e6 * rate))).normal(GUESS, 0.01, len(steps))

    assert [raced(Curves(plateau(seed)), rates, usual).best for seed in range(50)].count(usual) >= 45


def batches_that_differ(better_by: float, spread: float) -> Callable[[float, np.ndarray], np.ndarray]:
    """Losses that vary with the batch, the same for all rates; those of 0.003 are lower, by more or less each time."""
    rng = np.random.default_rng(0)
    hard, more = rng.normal(GUESS, 0.1, 1000), rng.normal(better_by, spread, 1000)

    def loss(rate: float, steps: np.ndarray) -> np.ndarray:
        return hard[: len(steps)] + {1e-3: 0, 3e-3: -more[: len(steps)]}.get(rate, 0.2)

    return loss


@pytest.mark.parametrize(("spread", "best"), [(0.01, 3e-3), (0.1, 1e-3)])
def test_a_small_difference_counts_if_it_is_the_same_from_batch_to_batch(spread: float, best: float) -> None:
    """0.01 nats less than with the usual rate: chance only if the difference itself varies much."""
    assert raced(Curves(batches_that_differ(0.01, spread)), (3e-4, 1e-3, 3e-3, 1e-2)).best == best


@pytest.mark.parametrize(
    ("validation", "best"),
    [({1e-3: 0.6, 3e-3: 0.5}, 3e-3), ({1e-3: 0.5, 3e-3: 0.6}, 1e-3), ({1e-3: 0.5, 3e-3: math.nan}, 1e-3), (None, 1e-3)],
)
def test_where_training_losses_differ_by_chance_the_validation_loss_decides(
    validation: dict[float, float] | None, best: float
) -> None:
    """Without validation images, the usual rate is kept."""
    found = raced(Curves(batches_that_differ(0.01, 0.1), validation), (3e-4, 1e-3, 3e-3, 1e-2))
    assert found.best == best
    shown = {each.rate: each.validation_loss for each in found.raced if each.steps == 100}
    assert repr(shown) == repr(validation or {1e-3: None, 3e-3: None})


def test_a_clear_training_loss_is_not_overruled() -> None:
    curves = Curves(batches_that_differ(0.01, 0.01), {1e-3: 0.1, 3e-3: 0.5})
    assert raced(curves, (3e-4, 1e-3, 3e-3, 1e-2)).best == 3e-3


@pytest.mark.parametrize(("best", "tried"), [(3e-2, (1e-2, 3e-2, 1e-1)), (1e-5, (1e-5, 3e-5, 1e-4))])
def test_where_the_best_is_at_the_end_the_next_ones_are_tried(best: float, tried: tuple[float, ...]) -> None:
    found = raced(Curves(valley(best)), (1e-4, 3e-4, 1e-3, 3e-3, 1e-2))
    assert set(tried) - {1e-1} <= {each.rate for each in found.raced}
    assert found.best in (best, 3e-5)  # two further ones at most


def test_what_is_worse_beyond_the_end_is_dropped_after_a_quarter() -> None:
    curves = Curves(valley(1e-2))
    found = raced(curves, (1e-3, 3e-3, 1e-2))
    assert found.best == 1e-2 and curves.trained[3e-2] == 25 and 3e-2 in curves.forgotten


def test_what_breaks_beyond_the_end_does_no_harm() -> None:
    found = raced(Curves(valley(3e-2, breaks=3e-2)), (1e-3, 3e-3, 1e-2))
    assert found.best == 1e-2 and found.raced[-1].rate == 3e-2 and found.raced[-1].loss == math.inf


def test_where_every_rate_breaks_the_user_is_told() -> None:
    with pytest.raises(RunFailed) as failed:
        raced(Curves(valley(1e-3, breaks=0)), (3e-4, 1e-3, 3e-3))
    assert str(failed.value) == (
        "No learning rate was found: with each of 0.0003, 0.001, 0.003 the training loss became NaN or infinite. "
        "Check the data (`show`), or choose lr by hand: lr=0.00001"
    )


def test_a_race_is_a_quarter_of_the_run_within_bounds() -> None:
    assert [race_length(steps) for steps in (1, 40, 120, 600, 5000)] == [1, 40, 100, 150, 250]
    assert race_length(5000, accumulate=4) == 1000 and race_length(300, accumulate=4) == 300


@given(st.integers(1, 7), st.integers(1, 300))
def test_short_races_work_too(rates: int, length: int) -> None:
    tried = tuple(10.0**-place for place in range(rates, 0, -1))
    found = raced(Curves(valley(1e-2)), tried, length=length)
    assert max(each.steps for each in found.raced) == length
    assert found.best in {each.rate for each in found.raced}
    assert steps_of_race(rates, length) <= rates * length
