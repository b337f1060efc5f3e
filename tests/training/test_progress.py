"""The epochs of a run: which one is the best, what JSON keeps, when a run ends."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.config.schema import Config
from catsdogs_exp.errors import BadInput
from catsdogs_exp.training.checkpoint.snapshot_file import Snapshot
from catsdogs_exp.training.progress import EpochResult, History, Progress, progress_of
from catsdogs_exp.training.stopping import over_budget, reason_to_stop


def history(monitor: str, values: list[float], losses: Sequence[float] = (), stages: Sequence[int] = ()) -> History:
    """The history of epochs with these monitored values; `losses` beside them, where the value is an accuracy."""
    found = History(monitor)
    for place, value in enumerate(values):
        name = monitor.removeprefix("val_")
        shown = {name: value} | ({"loss": losses[place]} if losses else {})
        train, val = ({}, shown) if monitor.startswith("val_") else (shown, {})
        result = EpochResult(place + 1, stages[place] if stages else 1, train, val, 0.001, 1.0, 100.0, 0.0, False)
        found.epochs.append(replace(result, is_best=found.would_be_best(result)))
    return found


NAN, INFINITE = math.nan, math.inf


@pytest.mark.parametrize(
    ("monitor", "values", "best"),
    [
        ("val_accuracy", [0.5, 0.7, 0.7, 0.6], 2),
        ("val_loss", [0.9, 0.4, 0.5, 0.4], 2),
        ("accuracy", [0.9, 0.8], 1),
        ("loss", [NAN, 0.8], 2),
        ("val_loss", [0.3, NAN, 0.2], 3),
        ("val_loss", [NAN, 1.0, 0.5, 0.4], 4),
        ("val_loss", [NAN, NAN, 7.0, NAN], 3),
        ("val_loss", [NAN, NAN], 1),
        ("val_loss", [INFINITE, NAN, 9.0], 3),
        ("val_loss", [NAN, INFINITE], 1),
        ("val_accuracy", [NAN, 0.1], 2),
    ],
)
def test_the_first_of_the_best_epochs_is_the_best(monitor: str, values: list[float], best: int) -> None:
    assert history(monitor, values).best.epoch == best


@pytest.mark.parametrize(
    ("monitor", "values", "losses", "best"),
    [
        ("val_accuracy", [1.0, 1.0, 1.0], [0.3, 0.1, 0.2], 2),  # a transfer run that has all right from the beginning
        ("val_accuracy", [0.9, 1.0, 1.0], [0.1, 0.3, 0.3], 2),
        ("val_accuracy", [1.0, 0.9, 1.0], [0.3, 0.1, 0.3], 1),
        ("val_accuracy", [1.0, 1.0, 1.0], [NAN, 0.3, 0.4], 2),
        ("val_accuracy", [1.0, 1.0], [0.3, NAN], 1),
        ("accuracy", [1.0, 1.0], [0.3, 0.2], 2),  # without validation images: the loss of training
    ],
)
def test_a_tie_goes_to_the_lower_loss_and_then_to_the_earlier_epoch(
    monitor: str, values: list[float], losses: list[float], best: int
) -> None:
    assert history(monitor, values, losses).best.epoch == best


@given(
    st.sampled_from(["val_accuracy", "val_loss", "loss"]),
    st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, NAN, INFINITE]), st.sampled_from([0.1, 0.2, NAN])), min_size=1),
)
def test_the_best_epoch_is_the_best_of_a_sort(monitor: str, pairs: list[tuple[float, float]]) -> None:
    values, losses = [value for value, _ in pairs], [] if monitor.endswith("loss") else [loss for _, loss in pairs]
    found = history(monitor, values, losses)

    def badness(result: EpochResult) -> tuple[float, ...]:
        shown = result.train | result.val
        value = result.value(monitor) if monitor.endswith("loss") else -result.value(monitor)
        return tuple(INFINITE if math.isnan(each) else each for each in (value, shown["loss"]))

    assert found.best == min(found.epochs, key=badness)  # the first of equals


@given(st.lists(st.floats(), max_size=5), st.integers(0, 10**6), st.floats(0, 1e6))
def test_json_keeps_every_bit(values: list[float], steps: int, trained: float) -> None:
    progress = Progress(history("val_loss", values), steps=steps, step=3, images=9, trained=trained, waited=0.1)
    again = Progress.from_json(json.loads(json.dumps(progress.to_json())))
    assert json.dumps(again.to_json()) == json.dumps(progress.to_json())
    assert replace(again, history=progress.history) == progress


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, min_size=1, max_size=2),
)
PLACES = (
    *((), ("history",), ("steps",), ("step",), ("trained",), ("stopped",), ("history", "monitor")),
    *(("history", "epochs"), ("history", "epochs", 0)),
    *(("history", "epochs", 0, name) for name in ("epoch", "val", "learning_rate", "seconds", "is_best")),
)


@given(st.sampled_from(PLACES), st.data())
def test_something_else_in_its_place_is_refused(place: tuple[str | int, ...], data: st.DataObject) -> None:
    whole: Any = {"progress": Progress(history("val_loss", [0.5])).to_json()}
    *above, last = ("progress", *place)
    inner = whole
    for name in above:
        inner = inner[name]
    right = type(inner[last])
    inner[last] = data.draw(JSON.filter(lambda value: type(value) is not right or (right is dict and value)))
    with pytest.raises(BadInput, match=r"^Not a checkpoint of catsdogs_exp: 7\.npz \(.+\)\. Remove it to continue"):
        progress_of(Snapshot(Path("7.npz"), whole, ()))


def test_what_is_missing_or_unknown_in_a_snapshot_is_named() -> None:
    def refusal(state: dict[str, Any]) -> str:
        with pytest.raises(BadInput) as caught:
            progress_of(Snapshot(Path("7.npz"), state, ()))
        return str(caught.value)

    assert "('progress' is missing)" in refusal({})
    assert "('history' is missing)" in refusal({"progress": {}})
    assert "('monitor' is missing)" in refusal({"progress": {"history": {}}})
    whole = Progress(history("val_loss", [0.5])).to_json()
    assert "unexpected keyword argument 'more'" in refusal({"progress": whole | {"more": 1}})
    assert "(steps must not be '3')" in refusal({"progress": whole | {"steps": "3"}})


@pytest.mark.parametrize(
    ("words", "monitor", "values", "reason"),
    [
        ([], "val_accuracy", [0.5] * 50, ""),
        (["training.early_stopping.patience=2"], "val_accuracy", [0.5, 0.6, 0.6], ""),
        (
            ["training.early_stopping.patience=2"],
            "val_accuracy",
            [0.5, 0.6, 0.6, 0.6],
            "val_accuracy has not improved for 2 epochs (training.early_stopping.patience)",
        ),
        (
            ["training.early_stopping.patience=1"],
            "val_accuracy",
            [0.6, 0.6],
            "val_accuracy has not improved for 1 epoch (training.early_stopping.patience)",
        ),
        (
            ["training.early_stopping.patience=2", "training.early_stopping.min_delta=0.1"],
            "val_loss",
            [0.5, 0.45, 0.41],
            "val_loss has not improved for 2 epochs (training.early_stopping.patience)",
        ),
        (["training.early_stopping.patience=2"], "val_loss", [math.nan, 0.5, 0.6], ""),
        (["training.stop_at.value=0.999"], "accuracy", [0.9, 0.9989], ""),
        (
            ["training.stop_at.value=0.999"],
            "accuracy",
            [0.9, 0.9991],
            "accuracy 0.9991 has reached training.stop_at.value=0.999",
        ),
        (
            ["training.stop_at.metric=val_loss", "training.stop_at.value=0.2"],
            "val_loss",
            [0.9, 0.19],
            "val_loss 0.1900 has reached training.stop_at.value=0.2",
        ),
        (["training.max_minutes=0.05"], "val_loss", [1, 1, 1], "training.max_minutes=0.05 have passed"),
        (["training.max_steps=100"], "val_loss", [1], "training.max_steps=100 are done"),
        (["training.max_steps=101"], "val_loss", [1], ""),
    ],
)
def test_when_a_run_ends(
    config: Callable[..., Config], words: list[str], monitor: str, values: list[float], reason: str
) -> None:
    training = config(*words).training
    assert reason_to_stop(training, Progress(history(monitor, values), steps=100)) == reason


def test_budgets_count_within_an_epoch(config: Callable[..., Config]) -> None:
    training = config("training.max_minutes=1").training
    progress = Progress(history("val_loss", [1.0] * 50), trained=9.0)
    assert over_budget(training, progress) == ""
    progress.trained = 10.0
    assert over_budget(training, progress) == "training.max_minutes=1 have passed"
