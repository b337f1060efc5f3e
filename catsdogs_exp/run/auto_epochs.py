"""`epochs=auto`: as many epochs as `training.max_minutes` allows; the run's config then contains their number, so that
the schedule of the learning rate ends with the last one, and a resumed or repeated run is the same.
"""

from dataclasses import replace

from catsdogs_exp.config.checks.training_checks import check_training
from catsdogs_exp.config.schema import Config
from catsdogs_exp.config.schema.optimizers import AUTO, ConstantSchedule
from catsdogs_exp.data.sources.wording import counted
from catsdogs_exp.run.auto_rate import usual_rate
from catsdogs_exp.run.begin import BegunRun
from catsdogs_exp.run.job import Screen
from catsdogs_exp.run.network import Setup
from catsdogs_exp.run.quiet_screen import QuietScreen
from catsdogs_exp.run.stage import prepare_stage
from catsdogs_exp.training.epoch_time import EpochTime, epoch_time
from catsdogs_exp.training.stages import StagePlan

_SHARE = 0.95  # of the time that is planned: a schedule should end a little early rather than be cut off


def settle_epochs(setup: Setup, run: BegunRun) -> Config:
    """Returns the config with the number of epochs that fit into its time, and writes it to the run's folder.

    Raises:
        BadInput: if they are too few for the schedule's warm-up.
    """
    found = time_of_epoch(setup, run.screen)
    config = with_fitting_epochs(setup.config, found)
    run.say(
        f"epochs=auto: {counted(int(config.epochs), 'epoch')} of {found.seconds:.2g} s fit into "
        f"training.max_minutes={config.training.max_minutes:g}"
    )
    check_training(config.training, config.schedule, config.optimizer, config.epochs)
    run.settle(config)
    return config


def with_epochs(setup: Setup, screen: Screen) -> Setup:
    """Returns the setup with a number of epochs, which is measured for `epochs=auto`."""
    if setup.config.epochs != AUTO:
        return setup
    return replace(setup, config=with_fitting_epochs(setup.config, time_of_epoch(setup, screen)))


def time_of_epoch(setup: Setup, screen: Screen) -> EpochTime:
    """Measures how long an epoch takes; the network is unchanged afterwards."""
    optimizer = setup.config.optimizer
    rate = usual_rate(optimizer) if optimizer.learning_rate == AUTO else optimizer.learning_rate
    plan = StagePlan(1, 1, replace(optimizer, learning_rate=rate), ConstantSchedule("constant", 0.0))
    return epoch_time(prepare_stage(setup, plan, 0, QuietScreen(screen)), setup.config.training)


def with_fitting_epochs(config: Config, found: EpochTime) -> Config:
    """Returns the config with as many epochs as fit into `training.max_minutes`, at least one, instead of `auto`."""
    minutes = config.training.max_minutes
    assert minutes is not None  # checked with the config
    return replace(config, epochs=max(1, int((_SHARE * 60 * minutes - found.first) / found.seconds)))
