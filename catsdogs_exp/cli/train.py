"""`python -m catsdogs_exp [key=value ...]`: a training run, or with -m a sweep."""

import shlex
from typing import Any, NoReturn

from catsdogs_exp import process
from catsdogs_exp.errors import BadInput
from catsdogs_exp.signals import interruptible

_OWN_FLAGS = frozenset({"-v", "--profile", "--dry-run"})  # all others are Hydra's


def main(arguments: list[str]) -> int:
    """Runs what the arguments ask for; Hydra reads its own flags (`-m`, `--cfg`, `--info`, ...)."""
    if "-h" in arguments or "--help" in arguments:
        from catsdogs_exp.cli.help import page

        print(page())  # noqa: T201
        return 0
    flags = _OWN_FLAGS.intersection(arguments)
    command = shlex.join(["python", "-m", "catsdogs_exp", *arguments])
    arguments = [word for word in arguments if word not in _OWN_FLAGS]

    process.hydra_raises()
    import hydra

    from catsdogs_exp.cli.screen import TerminalScreen, output
    from catsdogs_exp.compat import hydra_arguments
    from catsdogs_exp.config import plugins, search_path
    from catsdogs_exp.config.compose import hydra_messages
    from catsdogs_exp.sweep.jobs import Jobs

    parser = hydra_arguments()
    parser.error = _refuse  # type: ignore[method-assign]
    parsed, unknown = parser.parse_known_intermixed_args(arguments)
    if unknown:
        word = unknown[0].lstrip("-").partition("=")
        hint = f" Settings have no dashes: {word[0]}={word[2] or 'VALUE'}" if unknown[0].startswith("--") else ""
        raise BadInput(f"Unknown option: {unknown[0]}.{hint} `--help` lists what there is.")
    plugins.load(plugins.named(parsed.overrides))
    jobs = Jobs(command, TerminalScreen, verbose="-v" in flags, profile="--profile" in flags)
    if "--dry-run" in flags:
        return _dry_run(parsed, verbose="-v" in flags)
    sweep = jobs.prepare_sweep(parsed.overrides, parsed.config_dir) if parsed.multirun else []
    words = [*parsed.overrides, *sweep, *_without(parsed.overrides, arguments)]  # Hydra takes settings in one piece
    search_path.register()
    entry = hydra.main(version_base="1.3", config_path=str(search_path.CONF), config_name="config")(jobs.task)
    with process.handed_to_hydra(words), interruptible(), hydra_messages(parsed.overrides):
        entry()
    lines, code = jobs.finish()
    for line in lines:
        output().print(line, markup=False)
    return code


def _refuse(message: str) -> NoReturn:
    """What argparse would print with Hydra's own usage, which is not ours."""
    raise BadInput(f"{message}. The word after such a flag is its value; settings come before. `--help` lists them")


def _without(settings: list[str], words: list[str]) -> list[str]:
    """The other words: flags and their values."""
    left = list(words)
    for setting in settings:
        left.remove(setting)
    return left


def _dry_run(parsed: Any, verbose: bool) -> int:
    from catsdogs_exp.cli.screen import TerminalScreen
    from catsdogs_exp.config.compose import config_of
    from catsdogs_exp.data.open_data import open_data
    from catsdogs_exp.run.job import describe

    if parsed.multirun:
        raise BadInput("--dry-run looks at one run. Received: -m. Leave one of the two out")
    config = config_of(parsed.overrides, parsed.config_dir)
    screen = TerminalScreen()
    screen.say(f"{describe(config)}: a dry run, nothing is written")
    with interruptible():
        data = open_data(config, screen.progress, screen.say)
        from catsdogs_exp.training.runtime import start

        start(config, verbose)
        from catsdogs_exp.run.dry_run import dry_run

        dry_run(config, data, screen.say)
    return 0
