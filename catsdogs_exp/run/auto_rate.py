"""`lr=auto`: a range test finds the learning rate, and the run's config holds the number from then on."""

from dataclasses import replace

from catsdogs_exp.config.schema import Config
from catsdogs_exp.config.schema.optimizers import AUTO, ConstantSchedule
from catsdogs_exp.record.folder.result import config_hash
from catsdogs_exp.record.folder.run_folder import write_config
from catsdogs_exp.record.pictures.range_plot import draw_range_test, write_range_csv
from catsdogs_exp.run.begin import BegunRun
from catsdogs_exp.run.job import Screen
from catsdogs_exp.run.network import Setup
from catsdogs_exp.run.stage import make_steps
from catsdogs_exp.training.range_test import RangeTest, range_test
from catsdogs_exp.training.stages import StagePlan


def settle_rate(setup: Setup, run: BegunRun) -> Config:
    """The config with the learning rate that a range test suggests; plot, table and config go to the run's folder.

    Raises:
        RunFailed: when no rate makes the loss fall.
    """
    folder = run.job.folder
    test = find_rate(setup, run.screen)
    draw_range_test(test, folder / "learning_rate.png")
    write_range_csv(test, folder / "learning_rate.csv")
    run.say(f"lr=auto: the range test suggests lr={test.suggestion:g}, {test.why}; see learning_rate.png")
    config = with_rate(setup.config, test.suggestion)
    write_config(folder, config)
    run.result.update(config_hash=config_hash(config))
    return config


def find_rate(setup: Setup, screen: Screen) -> RangeTest:
    """A learning-rate range test of the first stage. The network is as before when it returns.

    Raises:
        RunFailed: when no rate makes the loss fall.
    """
    config, train = setup.config, setup.loaders.train
    optimizer = replace(config.optimizer, learning_rate=1.0)
    plan = StagePlan(1, config.epochs, optimizer, ConstantSchedule("constant", 0.0))
    return range_test(make_steps(setup, plan, train), train, progress=screen.progress)


def with_rate(config: Config, rate: float) -> Config:
    """The config with this learning rate where it said `auto`."""
    optimizer = replace(config.optimizer, learning_rate=rate)
    return replace(config, lr=rate if config.lr == AUTO else config.lr, optimizer=optimizer)
