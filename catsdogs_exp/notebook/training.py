"""Trains from Python, with the same settings, folders and results as on the command line."""

import shlex
import sys
from pathlib import Path
from typing import Any

from catsdogs_exp import compat
from catsdogs_exp.cli.screen import TerminalScreen
from catsdogs_exp.config import plugins
from catsdogs_exp.config.cluster import cluster_for
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.data.open_data import check_source
from catsdogs_exp.errors import BadInput
from catsdogs_exp.notebook.opened_run import OpenedRun
from catsdogs_exp.notebook.opened_runs import OpenedRuns, open_runs
from catsdogs_exp.notebook.typed_words import words_of
from catsdogs_exp.record.folder.run_folder import new_run_folder
from catsdogs_exp.record.folder.run_lock import owned
from catsdogs_exp.run.job import Job, run_name
from catsdogs_exp.run.train import train as train_job

_COMMAND = "catsdogs_exp.{}({})"


def train(*words: str, silent: bool = False, **settings: Any) -> OpenedRun:
    """Trains a run.

    Args:
        words: settings as on the command line: `"dataset.path=~/photos"`, `"experiment=transfer_fast"`.
        silent: whether to show nothing; otherwise, messages and progress go to stderr.
        settings: settings as keyword arguments: `lr=0.001`, `target_size=[120, 160]`.

    Returns:
        The finished run.

    Raises:
        BadInput: for an invalid setting, or data that cannot be used.
        RunFailed: if the run fails; the reason is in its folder.
    """
    _end_if_spawned("train")
    typed = words_of(words, settings)
    plugins.load(plugins.named(typed))
    screen = TerminalScreen(silent=silent)
    config = config_of(typed, say=screen.say)
    check_source(config.dataset)
    cluster = cluster_for(config.training)
    if cluster is not None and not cluster.is_chief:
        raise BadInput(
            f"catsdogs_exp.train can only be the chief of several workers. Received: worker {cluster.index}. Start it "
            f"with: python -m catsdogs_exp {shlex.join(typed)}"
        )
    folder = new_run_folder(config.output_dir, run_name(config))
    command = _COMMAND.format("train", ", ".join(map(repr, typed)))
    job = Job(config, folder, folder.name, command, typed, cluster=cluster)
    try:
        with owned(folder):
            train_job(job, screen)
    finally:
        screen.close()
    return OpenedRun(folder)


def train_sweep(*words: str, silent: bool = False, **settings: Any) -> OpenedRuns:
    """Trains one run for each combination of values, like `-m`.

    Args:
        words: settings; commas separate values: `"lr=0.01,0.001"`, `"seed=range(3)"`.
        silent: whether to show nothing. settings: settings as keyword arguments; lists hold the values:
            `lr=[0.01, 0.001]`.

    Returns:
        The runs, best first, including those that failed.

    Raises:
        BadInput: for an invalid setting."""
    from catsdogs_exp.sweep.run_sweep import run_sweep  # noqa: PLC0415  (a single run does not need it)
    from catsdogs_exp.sweep.running import RunOptions  # noqa: PLC0415
    from catsdogs_exp.sweep.search.begin import begin_search  # noqa: PLC0415
    from catsdogs_exp.sweep.search.words import is_search  # noqa: PLC0415
    from catsdogs_exp.sweep.start import begin  # noqa: PLC0415

    _end_if_spawned("sweep")
    typed = words_of(words, settings, several=True)
    plugins.load(plugins.named(typed))
    screen = TerminalScreen(silent=silent)
    command = _COMMAND.format("train_sweep", ", ".join(map(repr, typed)))
    begun = (begin_search if is_search(typed) else begin)(command, typed, None, screen.say)
    with owned(begun.file.folder):
        run_sweep(begun, RunOptions(lambda prefix, quiet: TerminalScreen(prefix, silent or quiet), False, False))
    return open_runs(Path(begun.file.folder))


def _end_if_spawned(what: str) -> None:
    """Ends a spawned process that would run the script again: it would wait for locks that the original holds."""
    if compat.is_being_spawned():
        sys.exit(
            f"The script calls catsdogs_exp.{what} without `if __name__ == '__main__':`, so each process that it "
            "starts would train as well. Put the call below that line. This process ends"
        )
