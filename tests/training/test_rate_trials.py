"""Trials of learning rates: each from the same start on the same batches, and no trace is left."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from catsdogs_exp.training.optim.fused import FusedAdam, FusedRMSprop
from catsdogs_exp.training.rate_trials import RateTrials, fits_in_memory
from catsdogs_exp.training.steps import Steps, StepSettings
from catsdogs_exp.training.variable_values import value_of


@dataclass(frozen=True)
class Noise:
    """Batches of noise, the same one for the same number."""

    steps: int = 5
    threads: int = 2

    def batch(self, epoch: int, step: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        rng = np.random.default_rng((epoch, step))
        return rng.integers(0, 256, (6, 4, 4, 3), dtype=np.uint8), rng.integers(0, 3, 6).astype(np.int32)


def made(optimizer: type[keras.optimizers.Optimizer] = FusedAdam, accumulate: int = 2) -> Steps:
    """Steps with all kinds of state: dropout, normalisation, slots, an average, gathered gradients."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Dropout(0.3)(keras.layers.Flatten()(keras.layers.BatchNormalization()(x)))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
    return Steps(model, optimizer(1.0), settings=StepSettings(ema=0.5, accumulate=accumulate))


def state(steps: Steps) -> dict[str, bytes]:
    return {name: value_of(variable).tobytes() for name, variable in steps.variables().items()}


def alone(rate: float, count: int, *kind: Any) -> list[float]:
    with RateTrials(made(*kind), Noise()) as trials:
        return trials.losses(rate, count).tolist()


@pytest.mark.parametrize("keep", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_taking_turns_gives_each_rate_the_losses_that_it_has_alone(keep: bool) -> None:
    steps = made()
    before = state(steps)
    told = []
    with RateTrials(steps, Noise(), keep, lambda: told.append(None)) as trials:
        for count in (3, 7, 13):
            for rate in (0.01, 0.1):
                trials.losses(rate, count)
        found = {rate: trials.losses(rate, 13).tolist() for rate in (0.01, 0.1)}
        assert state(steps) != before
    assert found == {rate: alone(rate, 13) for rate in (0.01, 0.1)}
    assert found[0.01] != found[0.1]
    assert len(told) == (26 if keep else 2 * (3 + 7 + 13 + 13))
    assert state(steps) == before


def test_a_rate_that_is_asked_for_less_is_not_trained_again() -> None:
    with RateTrials(made(), Noise()) as trials:
        whole = trials.losses(0.01, 6).tolist()
        assert trials.losses(0.01, 4).tolist() == whole[:4]
        trials.forget(0.01)
        assert trials.losses(0.01, 6).tolist() == whole


@pytest.mark.parametrize("kind", [(FusedAdam, 2), (FusedAdam, 1), (FusedRMSprop, 1)])
def test_what_breaks_ends_there_and_the_next_rate_starts_afresh(kind: tuple[Any, ...]) -> None:
    steps = made(*kind)
    before = state(steps)
    with RateTrials(steps, Noise()) as trials:
        broken = trials.losses(1e30, 20)
        assert len(broken) < 20 and not np.isfinite(broken[-1]) and np.isfinite(broken[:-1]).all()
        assert trials.losses(1e30, 20).tolist()[:-1] == broken.tolist()[:-1]
        assert trials.losses(0.01, 5).tolist() == alone(0.01, 5, *kind)
    assert state(steps) == before


def test_an_error_leaves_no_trace_either() -> None:
    steps = made()
    before = state(steps)
    with pytest.raises(KeyboardInterrupt), RateTrials(steps, Noise()) as trials:
        trials.losses(0.1, 5)
        raise KeyboardInterrupt
    assert state(steps) == before


def test_what_a_few_small_networks_learn_fits_in_memory_and_not_that_of_any_number() -> None:
    assert fits_in_memory(made(), 6)
    assert not fits_in_memory(made(), 10**12)


@pytest.mark.parametrize("keep", [True, False])
def test_the_validation_loss_is_that_of_the_weights_reached_with_the_rate(keep: bool) -> None:
    steps = made()
    before, seen = state(steps), []

    def validate() -> float:
        seen.append(state(steps))
        return 0.5

    with RateTrials(steps, Noise(), keep, validate=validate) as trials:
        for rate in (0.01, 0.1):
            trials.losses(rate, 4)
        assert [trials.validation_loss(rate, 4) for rate in (0.01, 0.1)] == [0.5, 0.5]
    assert state(steps) == before
    for rate, found in zip((0.01, 0.1), seen, strict=True):
        with RateTrials(steps, Noise()) as trials:
            trials.losses(rate, 4)
            assert state(steps) == found
    with RateTrials(steps, Noise()) as trials:
        assert trials.validation_loss(0.01, 4) is None
