"""Contradictory training settings."""

from collections.abc import Callable

import pytest

from catsdogs_exp.config.schema import Config
from catsdogs_exp.errors import BadInput

SCHEDULES = ("constant", "step", "exponential", "cosine", "reduce_on_plateau")


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_rise_that_takes_all_of_fine_tuning_is_refused(config: Callable[..., Config], schedule: str) -> None:
    words = (f"schedule={schedule}", "schedule.warmup_epochs=2", "epochs=3")
    with pytest.raises(BadInput) as refused:
        config(*words, "training.finetune.epochs=2")
    assert str(refused.value) == (
        "schedule.warmup_epochs must be < training.finetune.epochs: fine-tuning has its own warm-up. "
        "Received: schedule.warmup_epochs=2 training.finetune.epochs=2. Try schedule.warmup_epochs=1"
    )
    assert config(*words, "training.finetune.epochs=3").training.finetune.epochs == 3
    assert config(*words).training.finetune.epochs == 0  # there is no second stage to rise in


def test_one_cycle_has_no_such_rise(config: Callable[..., Config]) -> None:
    assert config("schedule=one_cycle", "epochs=1", "training.finetune.epochs=1").training.finetune.epochs == 1
