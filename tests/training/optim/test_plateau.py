"""Lowering the learning rate on a plateau."""

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.errors import BadInput
from catsdogs_exp.training.checkpoint.snapshot_file import newest_snapshot, write_snapshot
from catsdogs_exp.training.checkpoint.writer import restore
from catsdogs_exp.training.optim.optimizers import make_optimizer
from catsdogs_exp.training.optim.plateau import Plateau, make_plateau
from catsdogs_exp.training.precision import scaled


def made(config, *words: str, monitor: str = "val_loss", policy: str = "float32"):
    settings = config("schedule=reduce_on_plateau", "lr=1", *words)
    optimizer = scaled(make_optimizer(settings.optimizer, settings.schedule, 10, 5), policy)
    plateau = make_plateau(settings.schedule, optimizer, monitor)
    assert plateau is not None
    return optimizer, plateau


def rates(optimizer, plateau: Plateau, values: list[float]) -> list[float]:
    found = []
    for value in values:
        plateau.after_epoch(value)
        found.append(
            round(
                float(
                    optimizer.inner_optimizer.learning_rate
                    if hasattr(optimizer, "inner_optimizer")
                    else optimizer.learning_rate
                ),
                6,
            )
        )
    return found


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_it_falls_after_its_patience_and_then_waits_again(config, policy: str) -> None:
    optimizer, plateau = made(config, "schedule.patience=2", "schedule.factor=0.5", policy=policy)
    values = [0.9, 0.8, 0.8, 0.85, 0.8, 0.9, 0.7, 0.7]
    assert rates(optimizer, plateau, values) == [1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25]


def test_more_is_better_for_accuracy_and_nan_never_is(config) -> None:
    optimizer, plateau = made(config, "schedule.patience=1", "schedule.factor=0.5", monitor="val_accuracy")
    assert rates(optimizer, plateau, [math.nan, 0.5, 0.6, math.nan, 0.7]) == [0.5, 0.5, 0.5, 0.25, 0.25]


def test_small_gains_do_not_count_and_it_falls_no_lower_than_min_lr(config) -> None:
    words = ("schedule.patience=1", "schedule.factor=0.1", "schedule.min_delta=0.1", "schedule.min_lr=0.05")
    optimizer, plateau = made(config, *words)
    assert rates(optimizer, plateau, [1.0, 0.95, 0.85, 0.8, 0.8]) == [1, 0.1, 0.1, 0.05, 0.05]


@given(
    values=st.lists(st.sampled_from([0.5, 0.6, 0.62, 0.7, 0.9]), min_size=1, max_size=15),
    patience=st.integers(1, 4),
    delta=st.sampled_from([0.0, 0.05]),
    monitor=st.sampled_from(["val_loss", "val_accuracy"]),
)
def test_it_falls_when_keras_would(config, values: list[float], patience: int, delta: float, monitor: str) -> None:
    words = (f"schedule.patience={patience}", "schedule.factor=0.5", f"schedule.min_delta={delta}")
    theirs = keras.callbacks.ReduceLROnPlateau(
        monitor, factor=0.5, patience=patience, min_delta=delta, mode="min" if monitor == "val_loss" else "max"
    )
    theirs.set_model(SimpleNamespace(optimizer=keras.optimizers.SGD(1.0)))
    theirs.on_train_begin()
    expected = []
    for epoch, value in enumerate(values):
        theirs.on_epoch_end(epoch, {monitor: value})
        expected.append(round(float(theirs.model.optimizer.learning_rate), 6))
    assert rates(*made(config, *words, monitor=monitor), values) == expected


def test_min_lr_above_the_rate_does_not_raise_it(config) -> None:
    optimizer, plateau = made(config, "schedule.patience=1", "schedule.min_lr=3")
    assert rates(optimizer, plateau, [1.0, 1.0, 1.0]) == [1, 1, 1]


def test_it_waits_for_the_end_of_the_rise(config) -> None:
    optimizer, plateau = made(config, "schedule.patience=1", "schedule.factor=0.5", "schedule.warmup_epochs=2")
    assert float(optimizer.learning_rate) == pytest.approx(1 / 20)
    plateau.after_epoch(0.5)
    plateau.after_epoch(0.6)
    optimizer.iterations.assign(30)
    assert float(optimizer.learning_rate) == 1
    plateau.after_epoch(0.6)
    assert float(optimizer.learning_rate) == 0.5


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.integers(0, 12))
def test_it_goes_on_exactly_from_what_was_saved(config, values: list[float], cut: int) -> None:
    whole = rates(*made(config, "schedule.patience=2"), values)
    optimizer, plateau = made(config, "schedule.patience=2")
    first = rates(optimizer, plateau, values[:cut])
    later, again = made(config, "schedule.patience=2")
    later._learning_rate.rate.assign(optimizer._learning_rate.rate)
    again.restore(json.loads(json.dumps(plateau.state())))
    assert first + rates(later, again, values[cut:]) == whole


@pytest.mark.parametrize("state", [{}, {"plateau": None}, {"plateau": {"best": "low", "since": 0, "epochs": 0}}])
def test_a_snapshot_without_its_state_is_refused(config, tmp_path: Path, state: dict[str, Any]) -> None:
    _, plateau = made(config)
    path = write_snapshot(tmp_path, 1, {}, {"stage": 1, **state})
    stage = SimpleNamespace(plan=SimpleNamespace(number=1), steps=SimpleNamespace(variables=dict), plateau=plateau)
    with pytest.raises(BadInput, match=f"^Not a checkpoint of catsdogs_exp: {path} "):
        restore(newest_snapshot(tmp_path, print), stage)


def test_other_schedules_have_none(config) -> None:
    settings = config("schedule=cosine")
    assert make_plateau(settings.schedule, make_optimizer(settings.optimizer, settings.schedule, 1, 5), "loss") is None
