"""`python -m catsdogs_exp find-lr [key=value ...]`: a learning-rate range test."""

from catsdogs_exp.cli.arguments import settings_and_flags
from catsdogs_exp.cli.screen import TerminalScreen, output
from catsdogs_exp.signals import interruptible

_USAGE = """Usage: python -m catsdogs_exp find-lr [key=value ...]

Trains a hundred steps with a learning rate that rises from 1e-6 to 1, draws the loss, and suggests the rate in the
middle of its longest fall. No run is made; `lr=auto` does the same at the start of a run and uses the suggestion.

  python -m catsdogs_exp find-lr depth=4 augment=course
  python -m catsdogs_exp lr=auto"""


def main(arguments: list[str]) -> int:
    """Writes `<output_dir>/find-lr/<time>/learning_rate.png` and `.csv`, and prints the suggestion."""
    overrides, _ = settings_and_flags(arguments, (), _USAGE)

    from catsdogs_exp.config.compose import config_of
    from catsdogs_exp.data.open_data import open_data

    config = config_of(overrides)
    screen = TerminalScreen()
    with interruptible():
        data = open_data(config, screen.progress, screen.say)
        from catsdogs_exp.training.runtime import start

        start(config)
        from catsdogs_exp.record.folder.run_folder import new_run_folder
        from catsdogs_exp.record.pictures.range_plot import draw_range_test, write_range_csv
        from catsdogs_exp.run.auto_rate import find_rate
        from catsdogs_exp.run.loaders import open_loaders
        from catsdogs_exp.run.network import Setup, build_network

        loaders = open_loaders(config, data, screen.say)
        network = build_network(config, data, loaders, screen.say)
        test = find_rate(Setup(config, data, loaders, network), screen)
    folder = new_run_folder(config.output_dir, "find-lr")
    draw_range_test(test, folder / "learning_rate.png")
    write_range_csv(test, folder / "learning_rate.csv")
    console = output()
    console.print(f"suggestion: lr={test.suggestion:g}, {test.why}", markup=False)
    console.print(f"{folder / 'learning_rate.png'}", markup=False)
    return 0
