"""Learning rate curves: shape, bounds, ends; each a function of the update number only."""

import math
from itertools import pairwise

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.config.schema import optimizers as settings
from catsdogs_exp.training.optim.schedules import WarmupCosine, make_rate

SHARES = st.floats(0, 1)
LENGTHS = {"updates": st.integers(1, 40), "epochs": st.integers(1, 12), "warmup": st.floats(0, 0.9)}


def curve(schedule: settings.Schedule, updates: float, epochs: int, peak: float = 0.5) -> np.ndarray:
    """The learning rate of each update, in one go."""
    rate = make_rate(schedule, peak, updates, epochs)
    count = max(round(updates * epochs), 1)
    return np.full(count, rate) if isinstance(rate, float) else np.asarray(rate(np.arange(count)))


def of(name: str, warmup: float = 0.0) -> settings.Schedule:
    return {
        "constant": settings.ConstantSchedule("constant", warmup),
        "step": settings.StepSchedule("step", 2.0, (), 0.5, warmup),
        "exponential": settings.ExponentialSchedule("exponential", 0.7, warmup),
        "cosine": settings.CosineSchedule("cosine", warmup, 0.1),
        "one_cycle": settings.OneCycleSchedule("one_cycle", 0.3, 0.04, 0.01),
        "reduce_on_plateau": settings.PlateauSchedule("reduce_on_plateau", 0.5, 1, 0.0, 0.0, warmup),
    }[name]


@pytest.mark.parametrize("name", settings.SCHEDULES)
def test_rates_are_above_zero_and_no_higher_than_the_learning_rate(name: str) -> None:
    for warmup in (0.0, 1.5):
        rates = curve(of(name, warmup), 7, 6)
        assert (rates > 0).all() and rates.max() <= 0.5 * (1 + 1e-6)


@pytest.mark.parametrize("name", [name for name in settings.SCHEDULES if name != "one_cycle"])
def test_the_rise_is_a_straight_line_to_the_learning_rate(name: str) -> None:
    rates = curve(of(name, 1.5), 8, 6)  # twelve updates
    np.testing.assert_allclose(rates[:12], 0.5 * np.arange(1, 13) / 12, rtol=1e-5)
    assert (np.diff(rates[11:]) <= 1e-7).all()  # and never higher afterwards


@given(**LENGTHS, final=SHARES)
def test_cosine(updates: int, epochs: int, warmup: float, final: float) -> None:
    rates = curve(settings.CosineSchedule("cosine", warmup, final), updates, epochs)
    rise = round(warmup * updates)
    falling = rates[max(rise - 1, 0) :]
    assert (np.diff(falling) <= 1e-6).all()
    assert falling[0] == pytest.approx(0.5)
    assert rates.min() >= 0.5 * min(final, 1 / max(rise, 1)) - 1e-6
    after = float(make_rate(settings.CosineSchedule("cosine", warmup, final), 0.5, updates, epochs)(updates * epochs))
    assert after == pytest.approx(0.5 * final, abs=1e-6) or rise == updates * epochs


@given(updates=st.integers(1, 40), epochs=st.integers(1, 10), gamma=st.floats(0.05, 1))
def test_exponential_loses_the_same_share_each_epoch(updates: int, epochs: int, gamma: float) -> None:
    rates = curve(settings.ExponentialSchedule("exponential", gamma, 0.0), updates, epochs)
    np.testing.assert_allclose(rates[::updates], 0.5 * gamma ** np.arange(epochs), rtol=1e-4)
    np.testing.assert_allclose(rates[1:] / rates[:-1], gamma ** (1 / updates), rtol=1e-4)  # no jumps


@given(updates=st.integers(1, 30), epochs=st.integers(1, 12), every=st.integers(1, 6), gamma=st.floats(0.05, 0.95))
def test_steps_fall_between_two_epochs(updates: int, epochs: int, every: int, gamma: float) -> None:
    rates = curve(settings.StepSchedule("step", float(every), (), gamma, 0.0), updates, epochs)
    expected = [0.5 * gamma ** (epoch // every) for epoch in range(epochs) for _ in range(updates)]
    np.testing.assert_allclose(rates, expected, rtol=1e-4)


@pytest.mark.parametrize(("every", "updates", "epochs"), [(0.1, 10, 2), (0.7, 10, 3), (0.3, 10, 2), (0.01, 100, 1)])
def test_fractions_of_an_epoch_fall_on_their_own_update(every: float, updates: int, epochs: int) -> None:
    rates = curve(settings.StepSchedule("step", every, (), 0.5, 0.0), updates, epochs)
    apart = round(every * updates)
    falls = [step for step in range(1, updates * epochs) if rates[step] < rates[step - 1] or not rates[step - 1]]
    assert falls == list(range(apart, updates * epochs, apart))


def test_milestones_take_the_place_of_every() -> None:
    rates = curve(settings.StepSchedule("step", 1.0, (2, 5), 0.1, 0.0), 3, 7)
    np.testing.assert_allclose(rates[::3], [0.5, 0.5, 0.05, 0.05, 0.05, 0.005, 0.005], rtol=1e-5)


@given(
    updates=st.integers(1, 40),
    epochs=st.integers(1, 10),
    rise=st.floats(0.01, 0.99),
    start=st.floats(0.001, 1),
    final=SHARES,
)
def test_one_cycle_goes_up_and_down_without_jumps(
    updates: int, epochs: int, rise: float, start: float, final: float
) -> None:
    rates = curve(settings.OneCycleSchedule("one_cycle", rise, start, final), updates, epochs) / 0.5
    count = len(rates)
    top = int(rates.argmax())
    assert (np.diff(rates[: top + 1]) >= -1e-6).all() and (np.diff(rates[top:]) <= 1e-6).all()
    if rise * count > 1.001:
        assert rates[0] == pytest.approx(start, rel=1e-3)
    if count > 1 and rise * count < count - 0.001:
        assert rates[-1] == pytest.approx(final, abs=1e-5)
    shortest = max(min(rise * count - 1, (1 - rise) * count), 1)
    assert max((abs(b - a) for a, b in pairwise(rates)), default=0) <= min(1, math.pi / 2 / shortest) + 1e-5


def pytorchs_one_cycle(total: int, rise: float, start: float, final: float) -> list[float]:
    """`torch.optim.lr_scheduler.OneCycleLR` with two phases and cosines, as fractions of `max_lr`, reimplemented."""
    phases = [(rise * total - 1, start, 1.0), (total - 1, 1.0, final)]
    found = []
    for step in range(total):
        begin = 0.0
        for number, (end, low, high) in enumerate(phases):
            if step <= end or number == len(phases) - 1:
                done = (step - begin) / (end - begin)
                found.append(high + (low - high) / 2 * (1 + math.cos(math.pi * done)))
                break
            begin = end
    return found


@given(updates=st.integers(1, 40), epochs=st.integers(1, 10), rise=st.floats(0.01, 0.99), start=st.floats(0.001, 1))
def test_one_cycle_is_that_of_pytorch(updates: int, epochs: int, rise: float, start: float) -> None:
    if rise * updates * epochs < 1.01:
        return  # PyTorch's rise has a negative length then, ours none
    rates = curve(settings.OneCycleSchedule("one_cycle", rise, start, 0.01), updates, epochs, peak=1.0)
    np.testing.assert_allclose(rates, pytorchs_one_cycle(updates * epochs, rise, start, 0.01), atol=2e-5)


def test_one_cycle_of_ten_updates_is_at_its_top_in_the_third() -> None:
    rates = curve(settings.OneCycleSchedule("one_cycle", 0.3, 0.04, 0.01), 10, 1, peak=1.0)
    assert rates[:3] == pytest.approx([0.04, 0.52, 1.0])
    assert rates[-1] == pytest.approx(0.01)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_one_cycle_without_time_to_rise_starts_at_the_top(count: int) -> None:
    rates = curve(settings.OneCycleSchedule("one_cycle", 0.3, 0.04, 0.01), count, 1, peak=1.0)
    assert rates[0] == pytest.approx(1.0)
    assert count == 1 or rates[-1] == pytest.approx(0.01)


# Keras's own, where it has the same: it counts from the end of the rise, and has none itself.
KERAS = {
    "cosine": (
        settings.CosineSchedule("cosine", 0.0, 0.1),
        lambda: keras.optimizers.schedules.CosineDecay(0.5, 7 * 6, alpha=0.1),
    ),
    "cosine after a rise": (
        settings.CosineSchedule("cosine", 1.0, 0.0),
        lambda: keras.optimizers.schedules.CosineDecay(0.0, 5 * 7, warmup_target=0.5, warmup_steps=7),
    ),
    "exponential": (
        settings.ExponentialSchedule("exponential", 0.7, 0.0),
        lambda: keras.optimizers.schedules.ExponentialDecay(0.5, 7, 0.7),
    ),
    "step": (
        settings.StepSchedule("step", 2.0, (), 0.5, 0.0),
        # Keras lets the boundary itself keep the old rate
        lambda: keras.optimizers.schedules.PiecewiseConstantDecay([13, 27], [0.5, 0.25, 0.125]),
    ),
}


@pytest.mark.parametrize("name", KERAS)
def test_rates_are_those_of_keras(name: str) -> None:
    schedule, theirs = KERAS[name]
    rates, expected = curve(schedule, 7, 6), np.array([float(theirs()(step)) for step in range(42)])
    if name == "cosine after a rise":  # ours is one update ahead in the rise: the first one is above 0
        np.testing.assert_allclose(rates[:6], expected[1:7], rtol=1e-5)
        rates, expected = rates[7:], expected[7:]
    np.testing.assert_allclose(rates, expected, rtol=1e-5, atol=1e-8)


def test_the_cosine_rises_and_falls() -> None:
    rate = WarmupCosine(peak=1.0, warmup_steps=10, total_steps=110, final=0.1)
    assert [float(rate(step)) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    assert float(rate(60)) == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * 0.5)))
    assert [float(rate(step)) for step in (110, 500)] == pytest.approx([0.1, 0.1])
    assert float(WarmupCosine(1.0, 0, 10, 0.0)(0)) == pytest.approx(1.0)


@pytest.mark.parametrize("name", settings.SCHEDULES)
def test_fewer_updates_an_epoch_give_the_same_curve_over_the_epochs(name: str) -> None:
    """As with training.accumulate."""
    many, few = curve(of(name), 12, 10), curve(of(name), 3, 10)
    np.testing.assert_allclose(many.reshape(-1, 4).mean(axis=1), few, atol=0.05 * 0.5)


@pytest.mark.parametrize("name", [name for name in settings.SCHEDULES if name != "constant"])
def test_graphs_give_the_same_and_settings_make_the_same_again(name: str) -> None:
    rate = make_rate(of(name, 1.0), 0.5, 5, 6)
    again = type(rate).from_config(rate.get_config())
    inside = tf.function(lambda step: tf.convert_to_tensor(rate(step)))
    for step in (0, 3, 5, 17, 29):
        assert float(inside(tf.constant(step))) == pytest.approx(float(rate(step)), rel=1e-6)
        assert float(again(step)) == float(rate(step))
