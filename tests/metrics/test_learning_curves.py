"""Learning curves of known functions are found, extrapolated, and checked against themselves."""

import numpy as np
import pytest

from catsdogs_exp.metrics.learning_curves import FEWEST_SIZES, LearningCurve, Noise, fit_learning_curve

SIZES = (100, 200, 400, 800, 1600, 3200)
KNOWN = {
    "power law": lambda n: 2 * n**-0.35,
    "power law with offset": lambda n: 0.05 + 3 * n**-0.5,
    "exponential": lambda n: 0.1 + 0.3 * np.exp(-n / 800),
    "logarithm": lambda n: 0.6 - 0.05 * np.log(n),
}
EXACT = Noise(is_share=True, judged=10**9)


def fitted(error, noise: Noise = EXACT, sizes=SIZES, deviation: float = 0.0, seed: int = 0) -> LearningCurve:
    n = np.asarray(sizes, float)
    drawn = np.random.default_rng(seed).normal(0, deviation, len(n)) if deviation else 0
    return fit_learning_curve(sizes, (1 - error(n) + drawn).tolist(), noise)


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_curve_is_found_and_extrapolated(name: str) -> None:
    error = KNOWN[name]
    found = fitted(error)
    # without noise an offset of nearly 0 makes up for exponents between two that are tried
    assert max(found.weights, key=lambda each: found.weights[each]).startswith(name)
    twice, ten_times = found.forecasts
    assert (twice.images, ten_times.images) == (6400, 32000)
    assert twice.value == pytest.approx(1 - error(6400), abs=0.003)
    assert ten_times.value == pytest.approx(1 - error(32000), abs=0.01)
    assert found.check.images == 3200
    assert found.missed_by < 0.005
    assert found.values == pytest.approx([1 - error(size) for size in SIZES])


@pytest.mark.parametrize("name", KNOWN)
def test_the_interval_covers_the_truth_in_most_cases_and_grows_with_distance(name: str) -> None:
    error, hits, trials = KNOWN[name], 0, 40
    noise = Noise(is_share=True, judged=1000)
    for seed in range(trials):
        found = fitted(error, noise, deviation=0.01, seed=seed)
        twice, ten_times = found.forecasts
        hits += twice.low <= 1 - error(6400) <= twice.high
        assert ten_times.high - ten_times.low > twice.high - twice.low or ten_times.high > 0.999
    assert hits >= 0.85 * trials


def test_shares_stay_shares_and_losses_stay_positive() -> None:
    rising = fitted(lambda n: 0.5 - 0.06 * np.log(n / 100) / np.log(2), Noise(True, 200))
    assert all(0 <= each.low <= each.value <= each.high <= 1 for each in rising.line)
    losses = fit_learning_curve(SIZES, [0.9, 0.7, 0.5, 0.3, 0.1, 0.02], Noise(False, 200))
    assert all(0 <= each.low <= each.value <= each.high for each in losses.line)
    assert losses.forecasts[1].value < 0.1


def test_more_images_never_hurt_in_a_fit() -> None:
    flat = fit_learning_curve(SIZES, [0.8, 0.79, 0.81, 0.8, 0.79, 0.8], Noise(True, 1000))
    assert flat.forecasts[1].value == pytest.approx(0.8, abs=0.02)
    values = [each.value for each in flat.line]
    assert values == sorted(values)


def test_several_seeds_share_a_size() -> None:
    found = fit_learning_curve([100, 100, 200, 400, 800], [0.6, 0.7, 0.7, 0.75, 0.8], Noise(True, 1000))
    assert found.sizes == (100, 200, 400, 800)
    assert found.values[0] == pytest.approx(0.65)


def test_a_break_in_the_curve_is_seen_in_the_check() -> None:
    found = fit_learning_curve(SIZES, [0.6, 0.61, 0.6, 0.61, 0.6, 0.9], Noise(True, 10_000))
    assert found.missed_by > 0.25
    assert not found.check.low <= 0.9 <= found.check.high


def test_too_few_sizes() -> None:
    with pytest.raises(ValueError, match=f"a learning curve needs {FEWEST_SIZES} sizes. Received: 3"):
        fit_learning_curve([1, 2, 2, 3], [0.5, 0.6, 0.6, 0.7], EXACT)


def test_a_loss_that_happens_to_lie_on_a_curve_is_not_known_exactly() -> None:
    found = fit_learning_curve([100, 200, 400, 800], [0.7, 0.6, 0.52, 0.5], Noise(False, 100))
    assert found.check.high - found.check.low > 0.05
    assert found.check.low <= 0.5 <= found.check.high
    assert all(each.high - each.low > 0.05 for each in found.forecasts)
