"""`python -m catsdogs_exp resume RUN [key=value ...]`: continues a run exactly where it stopped."""

import shlex
import time
from collections.abc import Sequence
from contextlib import nullcontext

from catsdogs_exp.cli.arguments import a_path, run_parser
from catsdogs_exp.config.schema import Config
from catsdogs_exp.errors import BadInput
from catsdogs_exp.signals import interruptible
from catsdogs_exp.training.progress import History, Progress
from catsdogs_exp.training.stages import StagePlan, begin_progress, next_stage


def main(arguments: list[str]) -> int:
    """Goes on with a run that was killed, interrupted or failed, or trains a finished one for more epochs."""
    parser = run_parser(
        "resume",
        "Go on exactly where a run stopped, or train a finished one longer: epochs=20.",
        "outputs/drawn/2026-01-31_12-00-00-abcd epochs=20",
        takes_settings=True,
    )
    parser.add_argument("settings", metavar="key=value", nargs="*", help="epochs may be raised; all else is a change")
    parser.add_argument("--allow-changes", action="store_true", help="go on with another config or other data")
    parser.add_argument("--config-dir", type=a_path, metavar="DIR", help="where the run's recipe is, if it was given")
    parser.add_argument("-v", dest="verbose", action="store_true", help="let TensorFlow's own messages through")
    options = parser.read(arguments)
    command = shlex.join(["python", "-m", "catsdogs_exp", "resume", *arguments])

    from catsdogs_exp.cli.screen import TerminalScreen, output
    from catsdogs_exp.config.cluster import cluster_for
    from catsdogs_exp.config.stored import changed_by, stored_overrides
    from catsdogs_exp.data.open_data import check_source
    from catsdogs_exp.record.folder.run_files import find_run, read_result
    from catsdogs_exp.record.folder.run_lock import owned
    from catsdogs_exp.run.job import Job
    from catsdogs_exp.run.plan import plan_stages
    from catsdogs_exp.run.summary import closing_lines
    from catsdogs_exp.run.train import train
    from catsdogs_exp.run.workers import help_chief
    from catsdogs_exp.training.checkpoint.snapshot_file import newest_snapshot

    started = time.perf_counter()
    folder = find_run(options.run).folder
    config, changes = changed_by(folder, options.settings, str(options.config_dir) if options.config_dir else None)
    cluster = cluster_for(config.training)
    chief = cluster is None or cluster.is_chief
    screen = TerminalScreen(silent=not chief)
    with owned(folder) if chief else nullcontext():  # from here on nobody else writes into it
        found = read_result(folder)
        snapshot = newest_snapshot(folder / "checkpoints" / "last", screen.say)
        plans = plan_stages(config)
        progress = begin_progress(plans, config.training, snapshot)
        if found.get("status") == "running":  # nobody holds its lock
            screen.say(f"the run was killed after {len(progress.history.epochs)} epochs: going on")
        _refuse(config, changes, progress.history, options.allow_changes)
        if found.get("status") == "ok" and (finished := _finished(plans, config, progress)):
            screen.say(f"the run is finished: {finished}")
            return 0
        for key, change in changes.items():
            screen.say(f"changed: {key}: {change}")
        check_source(config.dataset)
        overrides = [*stored_overrides(folder), *options.settings]
        job = Job(
            config,
            folder,
            folder.name,
            command,
            overrides,
            options.verbose,
            found=found,
            snapshot=snapshot,
            allow_changes=options.allow_changes,
            cluster=cluster,
        )
        if not chief:
            with interruptible():
                help_chief(job, screen)
            return 0
        with interruptible():
            content = train(job, screen)
    for line in closing_lines(folder, content, time.perf_counter() - started):
        output().say(line)
    return 0


def _finished(plans: Sequence[StagePlan], config: Config, progress: Progress) -> str:
    """Why a run that ended well has nothing left to do, in words; `""` if it has."""
    if progress.stopped:
        return progress.stopped
    if not progress.history.epochs:
        return "no checkpoint was kept to go on from (training.checkpoint.every)"
    if next_stage(plans, progress.history, config.training) is not None:
        return ""
    key = "epochs" if len(plans) == 1 else "training.finetune.epochs"
    return f"all {len(progress.history.epochs)} epochs are done. To train longer: {key}={plans[-1].epochs + 5}"


def _refuse(config: Config, changes: dict[str, str], history: History, allow: bool) -> None:
    """Another config would not give the same numbers; only more epochs are what a run is resumed for."""
    finetune = config.training.finetune.epochs
    key, epochs = ("training.finetune.epochs", finetune) if finetune else ("epochs", config.epochs)
    done = len(history.of_stage(2 if finetune else 1))
    if epochs < done:
        raise BadInput(f"{key} must be >= {done}, the epochs that are done. Received: {key}={epochs}")
    longer = {key, "output_dir"}
    others = {name: change for name, change in changes.items() if name not in longer}
    if others and not allow:
        listed = ", ".join(f"{name} {change}" for name, change in others.items())
        raise BadInput(
            f"A run is resumed with the config it began with; only {key} may be raised. Changed: {listed}. "
            "Start a new run, or continue anyway: --allow-changes"
        )
