"""`python -m catsdogs_exp find-lr [key=value ...]`: tries learning rates and reports the best one."""

import math
from typing import TYPE_CHECKING

from catsdogs_exp.cli.arguments import settings_and_flags
from catsdogs_exp.cli.screen import PlainTable, TerminalScreen, output, table
from catsdogs_exp.signals import interruptible

if TYPE_CHECKING:  # they come with TensorFlow
    from catsdogs_exp.training.range_test import RangeTest
    from catsdogs_exp.training.rate_race import Raced, RateRace

_USAGE = """Usage: python -m catsdogs_exp find-lr [key=value ...]

Trains a hundred steps with a learning rate that rises from 1e-6 to 1, then races round rates around its suggestion and
around the optimizer's usual rate: each trains from the same weights on the same batches, and the worse ones drop out.
Prints all rates tried. No run is created; `lr=auto` does the same at the start of a run and uses the best rate.

  python -m catsdogs_exp find-lr depth=4 augment=course
  python -m catsdogs_exp lr=auto"""


def main(arguments: list[str]) -> int:
    """Writes a plot and tables to `<output_dir>/find-lr/<time>/`, and prints the rates tried and the best one."""
    overrides, _ = settings_and_flags(arguments, (), _USAGE)

    from catsdogs_exp.config.compose import config_of
    from catsdogs_exp.data.open_data import open_data

    screen = TerminalScreen()
    config = config_of(overrides, say=screen.say)
    with interruptible():
        data = open_data(config, screen.progress, screen.say)
        from catsdogs_exp.training.runtime import start

        start(config)
        from catsdogs_exp.record.folder.run_folder import new_run_folder
        from catsdogs_exp.record.pictures.rate_plot import PICTURE, write_search
        from catsdogs_exp.run.auto_epochs import with_epochs
        from catsdogs_exp.run.auto_rate import find_rate
        from catsdogs_exp.run.loaders import open_loaders
        from catsdogs_exp.run.network import Setup, build_network

        loaders = open_loaders(config, data, screen.say)
        network = build_network(config, data, loaders, screen.say)
        found = find_rate(with_epochs(Setup(config, data, loaders, network), screen), screen)
    folder = new_run_folder(config.output_dir, "find-lr")
    write_search(found, folder)
    console = output()
    console.print(_table(found.race))
    console.say(f"range test: {_words(found.test)}")
    console.say(f"suggestion: lr={found.race.best:g}, the best of those tried")
    console.say(f"{folder / PICTURE}")
    return 0


def _table(race: "RateRace") -> PlainTable:
    validated = any(raced.validation_loss is not None for raced in race.raced)  # only where it decided
    listed = table("lr", "steps", "loss", *(["validation loss"] if validated else []), "", pad_edge=True)
    for raced in race.raced:
        also = [_loss(raced.validation_loss)] if validated else []
        listed.add_row(f"{raced.rate:g}", str(raced.steps), _loss(raced.loss), *also, _verdict(raced, race))
    return listed


def _loss(loss: float | None) -> str:
    return "" if loss is None else f"{loss:.4f}" if math.isfinite(loss) else "-"


def _verdict(raced: "Raced", race: "RateRace") -> str:
    if raced.rate == race.best:
        return "best"
    if not math.isfinite(raced.loss):
        return "the loss became NaN or infinite"
    return "" if raced.steps >= race.length else "dropped out"


def _words(test: "RangeTest") -> str:
    return test.why if test.suggestion is None else f"lr={test.suggestion:g}, {test.why}"
