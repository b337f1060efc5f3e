"""Resumes a run: where it stopped, which settings may change, and whether anything is left to do."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from catsdogs_exp.config.schema import Config
from catsdogs_exp.config.schema.optimizers import AUTO
from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.folder.provenance import changed_versions
from catsdogs_exp.record.folder.run_files import read_result
from catsdogs_exp.run.job import Job
from catsdogs_exp.run.plan import plan_stages
from catsdogs_exp.training.checkpoint.snapshot_file import Snapshot, newest_snapshot
from catsdogs_exp.training.progress import History, Progress
from catsdogs_exp.training.stages import StagePlan, begin_progress, next_stage


def continued(job: Job, changes: Mapping[str, str], say: Callable[[str], None]) -> Job | str:
    """A job that continues in a run's folder, whose lock is held.

    Args:
        job: the run's folder, and the config to continue with.
        changes: settings that differ from the original ones, as `5 -> 20`.
        say: called with how far the run had come.

    Returns:
        The job with its saved state; or why there is nothing left to do.

    Raises:
        BadInput: if settings other than the epochs have changed, unless `job.allow_changes`; or if fine-tuning is added
            after the last epoch.
    """
    found = read_result(job.folder)
    snapshot = newest_snapshot(job.folder / "checkpoints" / "last", say)
    if job.config.epochs == AUTO:
        return _begin_again(job, found, snapshot, changes)
    plans = plan_stages(job.config)
    progress = begin_progress(plans, job.config.training, snapshot)
    if found.get("status") == "running":  # no process holds its lock
        say(f"the run was killed after {len(progress.history.epochs)} epochs: resuming")
    _check_next_stage(next_stage(plans, progress.history, job.config.training), snapshot, job.folder)
    _refuse_fewer(job.config, progress.history)
    _refuse_changes(job.config, changes, job.allow_changes)
    if found.get("status") == "ok" and (finished := _finished(plans, job.config, progress)):
        return finished
    for key, change in changes.items():
        say(f"changed: {key}: {change}")
    for line in changed_versions(found) if snapshot is not None else ():
        say(f"{line}: results may differ from those of an uninterrupted run")
    return replace(job, found=found, snapshot=snapshot)


def _begin_again(job: Job, found: dict[str, Any], snapshot: Snapshot | None, changes: Mapping[str, str]) -> Job:
    """Returns the job of a run that ended before `epochs=auto` became a number.

    Raises:
        BadInput: if it has begun to train since: its epochs are planned.
    """
    if snapshot is not None:
        raise BadInput(
            "epochs must be a number for a run that has begun: the learning rate follows the planned epochs. Received: "
            "epochs=auto. Leave it out to continue as planned"
        )
    _refuse_changes(job.config, changes, job.allow_changes)
    return replace(job, found=found)


def _check_next_stage(plan: StagePlan | None, snapshot: Snapshot | None, folder: Path) -> None:
    """Checks that fine-tuning was planned from the start: otherwise the checkpoint contains only the weights that were
    trained, not the whole network.
    """
    if plan is None or snapshot is None or plan.number == snapshot.state.get("stage") or snapshot.holds_network:
        return
    raise BadInput(
        "Fine-tuning cannot be added to a run that has finished its epochs: its checkpoint lacks the whole network. "
        f"Received: training.finetune.epochs={plan.epochs}. Start a new run with it, or one from this run's network: "
        f"model=transfer model.backbone=own model.weights={shlex.quote(str(folder))}"
    )


def _finished(plans: Sequence[StagePlan], config: Config, progress: Progress) -> str:
    """Returns why a completed run has nothing left to do; `""` if it has."""
    if progress.stopped:
        return progress.stopped
    if not progress.history.epochs:
        return "no checkpoint was saved to continue from (training.checkpoint.every)"
    if next_stage(plans, progress.history, config.training) is not None:
        return ""
    return (
        f"all {len(progress.history.epochs)} epochs are done. "
        f"To train longer: {_key_of_epochs(config)}={plans[-1].epochs + 5}"
    )


def _refuse_fewer(config: Config, history: History) -> None:
    """Rejects fewer epochs than are done."""
    last = plan_stages(config)[-1]
    done = len(history.of_stage(last.number))
    if last.epochs < done:
        key = _key_of_epochs(config)
        raise BadInput(f"{key} must be >= {done}, the number of finished epochs. Received: {key}={last.epochs}")


def _key_of_epochs(config: Config) -> str:
    return "training.finetune.epochs" if config.training.finetune.epochs else "epochs"


def _refuse_changes(config: Config, changes: Mapping[str, str], allow: bool) -> None:
    """Rejects changes: another config would not give the same numbers; resuming is only meant for more epochs."""
    key = _key_of_epochs(config)
    longer = {key, "output_dir"}
    others = {name: change for name, change in changes.items() if name not in longer}
    if others and not allow:
        listed = ", ".join(f"{name} {change}" for name, change in others.items())
        raise BadInput(
            f"A run can only be resumed with its original config; only {key} may be raised. Changed: {listed}. "
            "Start a new run, or continue anyway: --allow-changes"
        )
