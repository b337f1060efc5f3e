"""`python -m catsdogs_exp [key=value ...]`: a training run, or with -m a sweep."""

import shlex

from catsdogs_exp import process
from catsdogs_exp.cli.train_flags import Asked, asked_for, check_single_run
from catsdogs_exp.errors import BadInput
from catsdogs_exp.signals import interruptible


def main(arguments: list[str]) -> int:
    """Runs the command for the arguments; Hydra reads its own flags (`-m`, `--cfg`, `--info`, ...)."""
    if "-h" in arguments or "--help" in arguments:
        from catsdogs_exp.cli.help import page

        print(page())  # noqa: T201
        return 0
    command = shlex.join(["python", "-m", "catsdogs_exp", *arguments])
    asked = asked_for(arguments)
    if "--version" in asked.flags:
        from catsdogs_exp.record.folder.provenance import versions

        found = versions()
        print(f"catsdogs-exp {found.pop('catsdogs-exp')}")  # noqa: T201
        print(", ".join(f"{name} {version}" for name, version in found.items()))  # noqa: T201
        return 0

    process.hydra_raises()
    import hydra

    from catsdogs_exp.cli.screen import TerminalScreen, output
    from catsdogs_exp.config import plugins, search_path
    from catsdogs_exp.config.compose import hydra_messages, read_words, with_correction
    from catsdogs_exp.sweep.jobs import Jobs
    from catsdogs_exp.sweep.search.words import is_auto

    plugins.load(plugins.named(asked.settings))
    multirun = "--multirun" in asked.flags
    if not multirun and not asked.looks and not is_auto(asked.settings):
        check_single_run(asked)
    if "--dry-run" in asked.flags:
        if is_auto(asked.settings):
            raise BadInput(
                "experiment=auto is a search for a recipe, and --dry-run runs one. Received both. Leave one out"
            )
        return _dry_run(asked)
    if is_auto(asked.settings):
        if asked.looks:
            raise BadInput(
                f"experiment=auto chooses its recipe when it has seen the data: {asked.looks[0]} has no config to "
                "show. Leave one out, or name a recipe"
            )
        return _sweep(asked, command)
    if multirun and not asked.looks and not _has_other_sweeper(asked):
        return _sweep(asked, command)
    reading = read_words(asked.settings, asked.config_dir, multirun)
    screen = TerminalScreen()
    for remark in reading.remarks:
        screen.say(remark)
    jobs = Jobs(command, TerminalScreen, verbose="--verbose" in asked.flags, profile="--profile" in asked.flags)
    sweep = jobs.prepare_search(reading.hydra, asked.config_dir) if multirun and not asked.looks else []
    words = [*reading.hydra, *sweep, *asked.for_hydra()]
    search_path.register()
    entry = hydra.main(version_base="1.3", config_path=str(search_path.CONF), config_name="config")(jobs.task)
    with process.handed_to_hydra(words), interruptible(), hydra_messages(reading.hydra):
        entry()
    try:
        lines, code = jobs.finish()
    except BadInput as error:
        raise with_correction(error, reading, asked.config_dir) from error
    for line in lines:
        output().say(line)
    return code


def _has_other_sweeper(asked: Asked) -> bool:
    """Returns whether Hydra must load an external sweeper; `basic` and `optuna` mean ours."""
    from catsdogs_exp.sweep.recipe import chosen

    return chosen("sweeper", asked.settings, asked.config_dir) not in ("basic", "optuna")


def _sweep(asked: Asked, command: str) -> int:
    from catsdogs_exp.cli.screen import TerminalScreen, output
    from catsdogs_exp.record.folder.run_lock import owned
    from catsdogs_exp.sweep.run_sweep import closing_lines, run_sweep
    from catsdogs_exp.sweep.running import RunOptions
    from catsdogs_exp.sweep.search.auto import auto_search
    from catsdogs_exp.sweep.search.begin import begin_search
    from catsdogs_exp.sweep.search.words import is_auto, is_search
    from catsdogs_exp.sweep.start import begin

    settings = asked.settings
    screen = TerminalScreen()
    with interruptible():
        if is_auto(settings):
            settings = auto_search(settings, asked.config_dir, screen.progress, screen.say)
            screen.close()
        sweep = (begin_search if is_search(settings, asked.config_dir) else begin)(
            command, settings, asked.config_dir, screen.say
        )
        run_options = RunOptions(TerminalScreen, "--verbose" in asked.flags, "--profile" in asked.flags)
        with owned(sweep.file.folder):
            code = run_sweep(sweep, run_options)
    for line in closing_lines(sweep):
        output().say(line)
    return code


def _dry_run(asked: Asked) -> int:
    from catsdogs_exp.cli.screen import TerminalScreen
    from catsdogs_exp.config.compose import config_of
    from catsdogs_exp.data.open_data import open_data
    from catsdogs_exp.run.job import describe

    screen = TerminalScreen()
    config = config_of(asked.settings, asked.config_dir, say=screen.say)
    screen.say(f"{describe(config)}: a dry run, nothing is written")
    with interruptible():
        data = open_data(config, screen.progress, screen.say)
        from catsdogs_exp.training.runtime import start

        start(config, "--verbose" in asked.flags)
        from catsdogs_exp.run.dry_run import dry_run

        dry_run(config, data, screen.say)
    return 0
