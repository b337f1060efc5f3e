"""`python -m catsdogs_exp resume RUN|SWEEP [key=value ...]`: continues a run or a sweep exactly where it stopped."""

import shlex
import time
from argparse import Namespace
from contextlib import nullcontext

from catsdogs_exp.cli.arguments import Parser, a_path, run_parser
from catsdogs_exp.errors import BadInput
from catsdogs_exp.platforms import expanded
from catsdogs_exp.signals import interruptible


def main(arguments: list[str]) -> int:
    """Continues a run or a sweep that was killed, interrupted or failed, or trains a finished run for more epochs."""
    options = _parser().read(arguments)
    from catsdogs_exp.sweep.sweep_file import is_sweep

    if is_sweep(options.run):
        return _resume_sweep(options)
    return _resume_run(options, shlex.join(["python", "-m", "catsdogs_exp", "resume", *arguments]))


def _parser() -> Parser:
    parser = run_parser(
        "resume",
        "Continue a run or a sweep exactly where it stopped. Train a finished run longer: epochs=20. RUN may be the "
        "folder of a sweep: then a key that varies may get more values, and a search more trials.",
        "outputs/drawn/2026-01-31_12-00-00-abcd epochs=20",
        takes_settings=True,
    )
    parser.add_argument(
        "settings", metavar="key=value", nargs="*", help="of a run, epochs may be raised; anything else is a change"
    )
    parser.add_argument("--allow-changes", action="store_true", help="continue with another config or other data")
    parser.add_argument(
        "--config-dir", type=a_path, metavar="DIR", help="the folder of the run's recipe, if one was given at the start"
    )
    parser.add_argument("-v", dest="verbose", action="store_true", help="show TensorFlow's own messages")
    return parser


def _resume_run(options: Namespace, command: str) -> int:
    from catsdogs_exp.cli.screen import TerminalScreen, output
    from catsdogs_exp.config.cluster import cluster_for
    from catsdogs_exp.config.stored import changed_by, stored_overrides
    from catsdogs_exp.data.open_data import check_source
    from catsdogs_exp.record.folder.run_files import find_run
    from catsdogs_exp.record.folder.run_folder import row_name
    from catsdogs_exp.record.folder.run_lock import owned
    from catsdogs_exp.run.job import Job
    from catsdogs_exp.run.resuming import continued
    from catsdogs_exp.run.summary import closing_lines
    from catsdogs_exp.run.train import train
    from catsdogs_exp.run.workers import help_chief

    started = time.perf_counter()
    folder = find_run(options.run).folder
    config, changes = changed_by(folder, options.settings, str(options.config_dir) if options.config_dir else None)
    cluster = cluster_for(config.training)
    chief = cluster is None or cluster.is_chief
    screen = TerminalScreen(silent=not chief)
    with owned(folder) if chief else nullcontext():  # from here on, no other process writes to it
        overrides = [*stored_overrides(folder), *options.settings]
        job = Job(
            config,
            folder,
            row_name(folder),
            command,
            overrides,
            options.verbose,
            allow_changes=options.allow_changes,
            cluster=cluster,
        )
        found = continued(job, changes, screen.say)
        if isinstance(found, str):
            screen.say(f"the run is finished: {found}")
            return 0
        check_source(config.dataset)
        with interruptible():
            content = train(found, screen) if chief else help_chief(found, screen)
    if not chief:
        return 0
    for line in closing_lines(folder, content, time.perf_counter() - started):
        output().say(line)
    return 0


def _resume_sweep(options: Namespace) -> int:
    from catsdogs_exp.cli.screen import TerminalScreen, output
    from catsdogs_exp.record.folder.run_lock import owned
    from catsdogs_exp.sweep.run_sweep import closing_lines, run_sweep
    from catsdogs_exp.sweep.running import RunOptions
    from catsdogs_exp.sweep.search.begin import take_up_search
    from catsdogs_exp.sweep.search.words import is_search
    from catsdogs_exp.sweep.start import take_up
    from catsdogs_exp.sweep.sweep_file import read_sweep

    folder = expanded(options.run).absolute()
    with interruptible(), owned(folder):
        facts, _ = read_sweep(folder)
        if options.config_dir is not None and str(options.config_dir.absolute()) != facts.config_dir:
            own = "which has none" if facts.config_dir is None else facts.config_dir
            raise BadInput(
                f"--config-dir must be that of the sweep, {own}, or be left out. Received: {options.config_dir}"
            )
        sweepers = [word for word in facts.settings if word.startswith("hydra/sweeper=")]
        again = take_up_search if is_search(sweepers) else take_up
        sweep = again(folder, options.settings, options.allow_changes, TerminalScreen().say)
        code = run_sweep(sweep, RunOptions(TerminalScreen, options.verbose, allow_changes=options.allow_changes))
    for line in closing_lines(sweep):
        output().say(line)
    return code
