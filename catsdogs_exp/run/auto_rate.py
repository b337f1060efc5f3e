"""`lr=auto`: a range test finds the region, a race finds the learning rate; the run's config then contains it."""

import itertools
import math
import time
from dataclasses import replace

from catsdogs_exp.config.schema import Config
from catsdogs_exp.config.schema.optimizers import AUTO, USUAL_RATE, USUAL_RATES, ConstantSchedule, Optimizer
from catsdogs_exp.data.overfitting import some_batches
from catsdogs_exp.record.pictures.rate_plot import write_search
from catsdogs_exp.run.begin import BegunRun
from catsdogs_exp.run.job import Screen
from catsdogs_exp.run.network import Setup
from catsdogs_exp.run.quiet_screen import QuietScreen
from catsdogs_exp.run.stage import prepare_stage
from catsdogs_exp.training.feed import steps_per_epoch
from catsdogs_exp.training.fit import evaluate, renew_statistics
from catsdogs_exp.training.range_test import COUNT, range_test
from catsdogs_exp.training.rate_race import RateSearch, race, race_length, rates_to_try, steps_of_race
from catsdogs_exp.training.rate_trials import RateTrials, fits_in_memory
from catsdogs_exp.training.stages import StagePlan

_FEWEST = 100  # validation images whose loss is more than chance


def settle_rate(setup: Setup, run: BegunRun) -> Config:
    """Returns the config with the learning rate that won the race; writes the plot, tables and config to the run's
    folder.

    Raises:
        RunFailed: if training diverges with every rate.
    """
    found = find_rate(setup, run.screen)
    write_search(found, run.job.folder)
    best, tried = found.race.best, found.race.raced
    run.say(
        f"lr=auto: lr={best:g} is the best of {len(tried)} rates from {tried[0].rate:g} to {tried[-1].rate:g} after "
        f"{found.race.length} steps; the search took {found.seconds:.0f} s; see learning_rate.png"
    )
    config = with_rate(setup.config, best)
    run.settle(config)
    run.result.update(lr_search_seconds=found.seconds)
    return config


def find_rate(setup: Setup, screen: Screen) -> RateSearch:
    """A range test of the first stage, then a race of rates around its suggestion and the optimizer's usual one.

    All trials use constant rates and the run's own batches; `epochs=auto` must be settled. The network is unchanged
    afterwards.

    Raises:
        RunFailed: if training diverges with every rate.
    """
    started = time.perf_counter()
    config, distribution = setup.config, setup.network.distribution
    usual = usual_rate(config.optimizer)
    assert isinstance(config.epochs, int)
    plan = StagePlan(
        1, config.epochs, replace(config.optimizer, learning_rate=usual), ConstantSchedule("constant", 0.0)
    )
    stage = prepare_stage(setup, plan, 0, QuietScreen(screen))  # with a frozen backbone only the head, as in the run
    sample = some_batches(stage.train, COUNT, config.seed)  # of many images, a subset with all classes
    test = range_test(stage.steps, sample, progress=screen.progress)
    rates = rates_to_try(usual, test.suggestion)
    training = config.training
    run_steps = min(config.epochs * steps_per_epoch(stage.train, training), training.max_steps or math.inf)
    length = race_length(int(run_steps), training.accumulate)
    keep = distribution.all_workers(fits_in_memory(stage.steps, len(rates)))
    what, total, done = "race of learning rates", steps_of_race(len(rates), length), itertools.count(1)

    def validate() -> float:
        """As after an epoch, on no more batches than the race has steps."""
        with stage.steps.averaged():
            renew_statistics(stage, range(min(training.precise_batch_norm, stage.train.steps)))
            limit = min(length, training.validation_steps or length)
            return evaluate(stage.steps, stage.validation, limit)[0]["loss"]

    with RateTrials(
        stage.steps,
        stage.train,
        keep,
        lambda: screen.progress(what, min(next(done), total - 1), total),
        validate if len(stage.validation.rows) >= _FEWEST else None,
    ) as trials:
        found = race(trials, rates, usual, length)
    screen.progress(what, total, total)
    return RateSearch(test, found, time.perf_counter() - started)


def usual_rate(optimizer: Optimizer) -> float:
    """The learning rate at which a search starts."""
    return USUAL_RATES.get(optimizer.name, USUAL_RATE)


def with_rate(config: Config, rate: float) -> Config:
    """The config with this learning rate instead of `auto`."""
    optimizer = replace(config.optimizer, learning_rate=rate)
    return replace(config, lr=rate if config.lr == AUTO else config.lr, optimizer=optimizer)
