"""One job of a sweep: composes its config and trains it in its folder, from its last checkpoint if there is one."""

import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.schema import Config
from catsdogs_exp.config.schema.optimizers import AUTO
from catsdogs_exp.config.stored import changes_between, stored_config
from catsdogs_exp.data.open_data import check_source
from catsdogs_exp.errors import BadInput, Interrupted, Pruned, RunFailed, of_the_disk, one_line
from catsdogs_exp.record.folder.run_files import read_result
from catsdogs_exp.record.folder.run_folder import job_row_name
from catsdogs_exp.record.folder.run_lock import owned
from catsdogs_exp.run.job import Job, Screen
from catsdogs_exp.run.kept_network import KeptNetwork
from catsdogs_exp.run.plan import plan_stages
from catsdogs_exp.run.resuming import continued
from catsdogs_exp.run.train import train
from catsdogs_exp.sweep.search.trial import TrialPlace, check_epochs, watch_of
from catsdogs_exp.sweep.sweep_file import FAILED, INTERRUPTED, OK, PRUNED

_PATIENCE = 60.0  # seconds for a worker of a killed sweep to save its state, before a resumed one takes up its job
_KEPT = KeptNetwork()  # this process trains one job after another


@dataclass(frozen=True)
class SweepJob:
    """A job to be run.

    Attributes:
        number: its number in the sweep.
        folder: its run folder, inside the sweep's folder.
        overrides: its settings, as a user would type them.
        command: command of the sweep, for the record.
        config_dir: as in `--config-dir`, or None.
        verbose: whether to show TensorFlow's own messages.
        profile: whether to trace some steps and report the bottleneck.
        allow_changes: whether to continue an unfinished job even though its settings have changed.
        trial: where to report its epochs, if a search may prune it; or None.
    """

    number: int
    folder: Path
    overrides: tuple[str, ...]
    command: str
    config_dir: str | None = None
    verbose: bool = False
    profile: bool = False
    allow_changes: bool = False
    trial: TrialPlace | None = None


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        status: ok, failed, interrupted or pruned.
        objective: the monitored metric of its best epoch, or None.
        error: why it failed or was pruned, or None.
        seconds: its duration.
        signal_number: the signal that interrupted it, or 0.
    """

    status: str
    objective: float | None
    error: str | None
    seconds: float
    signal_number: int = 0


def run_job(job: SweepJob, screen: Screen, config: Config | None = None) -> Outcome:
    """Runs a job; any failure is returned as the outcome, not raised.

    Args:
        job: the job to run.
        screen: for its messages.
        config: config of the job, if already composed.
    """
    started = time.perf_counter()
    status, error, signal_number = OK, None, 0
    try:
        _train(job, config or config_of(job.overrides, job.config_dir), screen)
    except (BadInput, RunFailed) as failure:
        status, error = FAILED, str(failure)
        _KEPT.forget()  # it may have failed for lack of memory
    except OSError as failure:  # the first files of the run could not be written
        reworded = of_the_disk(failure)
        if reworded is None:
            raise
        status, error = FAILED, str(reworded)
    except Pruned as reason:
        status, error = PRUNED, str(reason)
    except Exception as failure:  # around the run: in the files of its folder, or in the study
        status, error = FAILED, one_line(failure)
        with suppress(OSError), (job.folder / "run.log").open("a", encoding="utf-8") as log:
            log.write(traceback.format_exc())
    except Interrupted as interruption:
        status, error, signal_number = INTERRUPTED, "interrupted", interruption.exit_code - 128
    finally:
        screen.close()
    return Outcome(status, objective_of(job.folder), error, time.perf_counter() - started, signal_number)


def free_network() -> None:
    """Frees the network of the last job: call it when no other one follows in this process."""
    _KEPT.forget()


def objective_of(folder: Path) -> float | None:
    """Returns the monitored metric of the best epoch of a run, or None if there is none yet."""
    try:
        value = (read_result(folder).get("objective") or {}).get("value")
    except BadInput:
        return None
    return value if isinstance(value, float | int) else None


def _train(job: SweepJob, config: Config, screen: Screen) -> None:
    check_source(config.dataset)
    if job.trial is not None:
        check_epochs(config, job.trial.pruner)
    run = Job(
        config,
        job.folder,
        job_row_name(job.folder),
        job.command,
        list(job.overrides),
        job.verbose,
        job.profile,
        allow_changes=job.allow_changes,
        watch=None
        if job.trial is None
        else watch_of(job.trial, sum(plan.epochs for plan in plan_stages(config)), screen.say),
        kept=_KEPT,
    )
    begun = (job.folder / "result.json").exists()
    job.folder.mkdir(parents=True, exist_ok=True)
    with owned(job.folder, _PATIENCE, screen.say):
        if begun:
            stored = stored_config(job.folder)
            run = replace(run, config=_as_begun(stored, config))
            found = continued(run, changes_between(stored, run.config), screen.say)
            if isinstance(found, str):  # it had ended before this was recorded
                return
            run = found
        train(run, screen)


def _as_begun(stored: Config, config: Config) -> Config:
    """Returns the config with what the job has settled: the rate that `lr=auto` has found, the epochs of `epochs=auto`,
    and its threads, which depend on the sweep's workers, for bit-identical results.
    """
    before, optimizer = stored.training, config.optimizer
    threads = replace(
        config.training, intra_op_threads=before.intra_op_threads, inter_op_threads=before.inter_op_threads
    )
    if optimizer.learning_rate == AUTO:
        optimizer = replace(optimizer, learning_rate=stored.optimizer.learning_rate)
    return replace(
        config,
        training=threads,
        loader=replace(config.loader, workers=stored.loader.workers),
        optimizer=optimizer,
        lr=stored.lr if config.lr == AUTO else config.lr,
        epochs=stored.epochs if config.epochs == AUTO else config.epochs,
    )
