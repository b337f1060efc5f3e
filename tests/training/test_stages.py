"""Which stage is under way, when one is over, and what its learning rate does."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.schema import Config
from catsdogs_exp.errors import BadInput
from catsdogs_exp.run.plan import plan_stages
from catsdogs_exp.training.checkpoint.snapshot_file import Snapshot
from catsdogs_exp.training.progress import EpochResult, History, Progress
from catsdogs_exp.training.stages import begin_progress, next_stage, planned_epochs
from catsdogs_exp.training.stopping import reason_to_stop

Values = Sequence[float]


def trained(config: Config, values: Values, history: History | None = None) -> History:
    """The epochs of a run whose validation losses are these, as far as it goes."""
    plans, history = plan_stages(config), history or History("val_loss")
    progress = Progress(history)
    while not progress.stopped and (plan := next_stage(plans, history, config.training)):
        number = len(history.epochs)
        result = EpochResult(number + 1, plan.number, {}, {"loss": values[number]}, 0.001, 1.0, 100.0, 0.0, False)
        history.epochs.append(replace(result, is_best=history.would_be_best(result)))
        progress.stopped = reason_to_stop(config.training, progress, plan.is_last)
    return history


def stages(history: History) -> list[int]:
    return [result.stage for result in history.epochs]


TWO = ("epochs=4", "training.finetune.epochs=3", "training.monitor=val_loss")
PATIENT = "training.early_stopping.patience=2"


@pytest.mark.parametrize(
    ("words", "values", "expected"),
    [
        ((), [9, 8, 7, 6, 5, 4, 3], [1, 1, 1, 1, 2, 2, 2]),
        ((PATIENT,), [9, 8, 7, 6, 5, 4, 3], [1, 1, 1, 1, 2, 2, 2]),
        ((PATIENT,), [5, 6, 7, 4, 3, 2], [1, 1, 1, 2, 2, 2]),  # the first stage ends early, and the second one follows
        ((PATIENT,), [5, 4, 6, 7, 9, 8, 7], [1, 1, 1, 1, 2, 2, 2]),  # worse than the first, but getting better
        ((PATIENT,), [4, 3, 2, 5, 6, 5, 4], [1, 1, 1, 1, 2, 2, 2]),  # patience does not count across the border
        ((PATIENT,), [5, 6, 7, 4, 5, 6], [1, 1, 1, 2, 2, 2]),
        ((PATIENT,), [9, 8, 7, 6, 1, 2, 3], [1, 1, 1, 1, 2, 2, 2]),
        ((PATIENT, "training.finetune.epochs=5"), [9, 8, 7, 6, 1, 2, 3], [1, 1, 1, 1, 2, 2, 2]),
        (("training.stop_at.metric=val_loss", "training.stop_at.value=7"), [9, 8, 7], [1, 1, 1]),  # ends the run
    ],
)
def test_patience_ends_a_stage_and_only_in_the_last_one_the_run(
    config: Callable[..., Config], words: tuple[str, ...], values: Values, expected: list[int]
) -> None:
    assert stages(trained(config(*TWO, *words), values)) == expected


@cache
def _patient() -> Config:
    return config_of(["epochs=5", "training.finetune.epochs=4", "training.monitor=val_loss", PATIENT])


@given(st.lists(st.sampled_from([1.0, 2.0, 3.0, float("nan")]), min_size=9, max_size=9), st.integers(0, 9))
def test_a_run_that_goes_on_is_in_the_stage_where_it_would_have_been(values: list[float], cut: int) -> None:
    config = _patient()
    whole = trained(config, values)
    progress = Progress(History("val_loss", whole.epochs[:cut]))
    again = Progress.from_json(json.loads(json.dumps(progress.to_json()))).history
    if cut < len(whole.epochs):
        again = trained(config, values, again)
    assert stages(again) == stages(whole)[: len(again.epochs)]
    assert len(again.epochs) == len(whole.epochs)


def test_the_number_of_epochs_to_come_shrinks_when_a_stage_ends_early(config: Callable[..., Config]) -> None:
    made = config(*TWO, PATIENT)
    plans, history = plan_stages(made), History("val_loss")
    assert planned_epochs(plans, history) == 7
    assert planned_epochs(plans, trained(made, [5, 6, 7, 4, 3, 2])) == 6
    assert planned_epochs(plans, trained(made, [9, 8, 7, 6, 5, 4, 3])) == 7


def falls(config: Config, stage: int, done: int, updates: int = 10) -> list[int]:
    """After which epochs of the run the rate of a stage falls."""
    from catsdogs_exp.training.optim.schedules import make_rate

    plan = plan_stages(config)[stage - 1]
    schedule = plan.schedule_after(done)
    rate = make_rate(schedule, 1.0, updates, plan.epochs)
    shown = [float(rate(update)) if callable(rate) else rate for update in range(plan.epochs * updates)]
    return [done + (at + 1) // updates for at in np.flatnonzero(np.diff(shown) < 0).tolist()]


@pytest.mark.parametrize(
    ("milestones", "done", "first", "second"),
    [
        ("[1,2]", 4, [1, 2], []),  # they were over before the second stage, and are not again
        ("[2,5]", 4, [2], [5]),
        ("[4,5,6]", 4, [], [5, 6]),
        ("[2,5]", 3, [2], [5]),  # epochs of the run, also where the first stage ended early
        ("[6]", 4, [], [6]),
    ],
)
def test_milestones_are_epochs_of_the_run_and_pass_once(
    config: Callable[..., Config], milestones: str, done: int, first: list[int], second: list[int]
) -> None:
    made = config(*TWO, "schedule=step", f"schedule.milestones={milestones}")
    assert falls(made, 1, 0) == first
    assert falls(made, 2, done) == second


def test_a_stage_without_milestones_ahead_still_has_its_rise(config: Callable[..., Config]) -> None:
    made = config(*TWO, "schedule=step", "schedule.milestones=[1]", "schedule.warmup_epochs=0.5")
    assert plan_stages(made)[1].schedule_after(4).warmup_epochs == 0.5


@pytest.mark.parametrize("schedule", ["constant", "step", "exponential", "cosine", "one_cycle", "reduce_on_plateau"])
def test_other_schedules_run_over_the_epochs_of_their_stage(config: Callable[..., Config], schedule: str) -> None:
    made = config(*TWO, f"schedule={schedule}")
    first, second = plan_stages(made)
    assert first.schedule_after(0) == second.schedule_after(4) == made.schedule
    assert (first.epochs, second.epochs, first.is_last, second.is_last) == (4, 3, False, True)
    assert second.optimizer == replace(made.optimizer, learning_rate=made.training.finetune.lr)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("epochs=4", "training.monitor=val_loss"),
            "training.finetune.epochs must be >= 2, the number of finished epochs. "
            "Received: training.finetune.epochs=0",
        ),
        (
            (*TWO, "training.monitor=loss"),
            "training.monitor must stay val_loss, by which the run has kept its best network. "
            "Received: training.monitor=loss. Start a new run with it",
        ),
    ],
)
def test_a_run_does_not_go_on_with_other_stages_or_another_monitor(
    config: Callable[..., Config], words: tuple[str, ...], message: str
) -> None:
    history = trained(config(*TWO), [9, 8, 7, 6, 5, 4, 3])
    del history.epochs[-1]
    snapshot = Snapshot(Path("6.npz"), {"progress": Progress(history).to_json()}, ())
    assert begin_progress(plan_stages(config(*TWO)), config(*TWO).training, snapshot).history == history
    with pytest.raises(BadInput) as error:
        begin_progress(plan_stages(config(*words)), config(*words).training, snapshot)
    assert str(error.value) == message
