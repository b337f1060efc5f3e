"""The epochs: which one is the best, and what listeners hear."""

import math

import pytest

from catsdogs_exp.errors import RunFailed
from catsdogs_exp.training.fit import EpochResult, History, _refuse_nan


def epoch(number: int, history: History, **values: float) -> None:
    train = {key: value for key, value in values.items() if not key.startswith("val_")}
    val = {key[4:]: value for key, value in values.items() if key.startswith("val_")}
    best = history.would_be_best(values[history.monitor])
    history.epochs.append(EpochResult(number, train, val, 0.001, 1.0, 100.0, 0.0, best))


@pytest.mark.parametrize(
    ("monitor", "values", "best"),
    [
        ("val_accuracy", [0.5, 0.7, 0.7, 0.6], 2),
        ("val_loss", [0.9, 0.4, 0.5, 0.4], 2),
        ("accuracy", [0.9, 0.8], 1),
        ("loss", [math.nan, 0.8], 1),
        ("val_loss", [0.3, math.nan, 0.2], 3),
    ],
)
def test_the_first_of_the_best_epochs_is_the_best(monitor: str, values: list[float], best: int) -> None:
    history = History(monitor)
    for number, value in enumerate(values, 1):
        epoch(number, history, **{monitor: value})
    assert history.best.epoch == best


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_ends_the_run(value: float) -> None:
    with pytest.raises(RunFailed, match=f"The training loss became {value} in epoch 7. Try a lower learning rate"):
        _refuse_nan({"loss": value, "accuracy": 0.5}, 7)
    _refuse_nan({"loss": 1e30}, 7)
