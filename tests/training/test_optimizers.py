"""Optimisers and schedules by config."""

import math

import pytest

from catsdogs_exp.training.optimizers import WarmupCosine, make_optimizer


@pytest.mark.parametrize("name", ["rmsprop", "adam", "adamw", "sgd"])
def test_every_optimizer_is_built_with_its_settings(config, name: str) -> None:
    settings = config(f"optimizer={name}", "lr=0.02")
    built = make_optimizer(settings.optimizer, settings.schedule, 10, 5)
    assert type(built).__name__.lower() == f"fused{name}"
    assert float(built.learning_rate) == pytest.approx(0.02)


def test_settings_reach_the_optimizer(config) -> None:
    built = make_optimizer(config("optimizer=sgd", "optimizer.momentum=0.5").optimizer, config().schedule, 1, 1)
    assert built.momentum == 0.5
    built = make_optimizer(config("optimizer=adamw", "optimizer.weight_decay=0.1").optimizer, config().schedule, 1, 1)
    assert built.weight_decay == 0.1


def test_the_cosine_rises_and_falls() -> None:
    rate = WarmupCosine(peak=1.0, warmup_steps=10, total_steps=110, final=0.1)
    assert [float(rate(step)) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    assert float(rate(60)) == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * 0.5)))
    assert [float(rate(step)) for step in (110, 500)] == pytest.approx([0.1, 0.1])
    assert float(WarmupCosine(1.0, 0, 10, 0.0)(0)) == pytest.approx(1.0)


def test_a_run_follows_the_schedule(config) -> None:
    settings = config("schedule=cosine", "schedule.warmup_epochs=1", "epochs=3", "lr=0.5")
    built = make_optimizer(settings.optimizer, settings.schedule, 10, 3)
    assert float(built.learning_rate) == pytest.approx(0.05)  # the first of ten steps of the rise
