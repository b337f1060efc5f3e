"""Runs the jobs of a sweep with a Hydra launcher: joblib, submitit (this machine or Slurm), ray.

The launcher knows only the names of jobs. Their settings and outcomes are in the sweep's folder, so that states,
summary and resume are the same for all launchers.
"""

import itertools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.types import RunMode
from omegaconf import DictConfig

from catsdogs_exp import compat, process
from catsdogs_exp.config import plugins
from catsdogs_exp.config.compose import hydra_messages, initialized_hydra
from catsdogs_exp.config.composer import key_of
from catsdogs_exp.config.schema.optimizers import AUTO
from catsdogs_exp.errors import BadInput, Interrupted, RunFailed, one_line
from catsdogs_exp.record.folder.run_files import read_result
from catsdogs_exp.record.folder.run_lock import is_abandoned, is_held
from catsdogs_exp.signals import interruptible
from catsdogs_exp.sweep.job import Outcome, SweepJob, objective_of, run_job
from catsdogs_exp.sweep.recipe import BASIC, chosen, recipe_of
from catsdogs_exp.sweep.running import LookAhead, Running
from catsdogs_exp.sweep.side_by_side import worker_count
from catsdogs_exp.sweep.start import as_found
from catsdogs_exp.sweep.sweep_file import FAILED, INTERRUPTED, OK, PENDING, RUNNING, JobState, read_sweep
from catsdogs_exp.sweep.worker import SilentScreen

_LOOK = 1.0  # seconds between checks of the folders of running jobs
_KILLS = 2  # how often a job's process may be killed before the job counts as failed
_ALL_AT_ONCE = ".LocalLauncher"  # of submitit: starts as many processes as it is given jobs


Launch = Callable[["EngineTask"], Sequence[JobReturn]]


@dataclass(frozen=True)
class EngineTask:
    """The task that the launcher calls in its own process, for one job at a time.

    Attributes:
        jobs: jobs by the names passed to the launcher.
        plugins: modules that the config needs.
        ends_with: the folder of the sweep, if its first failure ends it; or None.
    """

    jobs: dict[str, SweepJob]
    plugins: tuple[str, ...]
    ends_with: Path | None = None

    def __call__(self, config: DictConfig) -> Outcome:
        """Runs the job whose name is in Hydra's config."""
        if self.ends_with is not None and _has_failed_job(self.ends_with):
            return Outcome(PENDING, None, None, 0.0)
        preemption = _preemption_signal()
        with process.command_line(), interruptible([] if preemption is None else [preemption]):
            plugins.load(self.plugins)
            outcome = run_job(self.jobs[HydraConfig.get().job.name], SilentScreen())
        if outcome.status == INTERRUPTED and preemption is not None:
            # submitit would interpret any return value as the end of the job
            if outcome.signal_number == preemption:
                signal.raise_signal(preemption)  # submitit requeues the job, and ends this process
            sys.exit(128 + outcome.signal_number)
        return outcome


def _has_failed_job(sweep: Path) -> bool:
    try:
        return any(job.status == FAILED for job in read_sweep(sweep)[1])
    except BadInput:
        return False


def _preemption_signal() -> int | None:
    """Returns the signal that tells submitit that a job is about to be preempted; None in other processes."""
    if "SUBMITIT_EXECUTOR" not in os.environ:
        return None
    return getattr(signal, f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}", None)


def launcher_words(settings: Sequence[str], config_dir: str | None) -> list[str]:
    """Returns the words, perhaps from a recipe, that select and configure a launcher other than Hydra's own.

    Args:
        settings: as typed.
        config_dir: as in `--config-dir`.
    """
    if chosen("launcher", settings, config_dir) == BASIC:
        return []
    typed = [word for word in settings if key_of(word) == "hydra/launcher" or key_of(word).startswith("hydra.launcher")]
    return [*recipe_of(settings), *typed]


def run_with_launcher(running: Running, words: Sequence[str]) -> None:
    """Runs the jobs of a sweep with a launcher.

    A job whose process is killed continues from its checkpoint once; after that it has failed.

    Args:
        running: the sweep.
        words: words that select and configure the launcher.

    Raises:
        BadInput: if the launcher is not installed or unknown. RunFailed: if it cannot run any job.
    """
    file = running.sweep.file
    lost: dict[int, int] = {}
    valid = _Valid(running)
    elsewhere = _trained_elsewhere(running)
    while not running.stopped and (valid.jobs(1, without=elsewhere) or elsewhere):
        _settle_ended(running, elsewhere)
        if not valid.jobs(1, without=elsewhere):
            time.sleep(_LOOK)
            continue
        with _launcher(running, words) as (launch, at_once):
            # lost jobs are retried alone, because a killed process may take down those next to it
            batch = valid.jobs(at_once, without={*lost, *elsewhere}) or valid.jobs(1, without=elsewhere)
            before = {job.number: _moment(running.sweep.folder_of(job)) for job in batch}
            jobs = {f"{job.number}-{running.sweep.folder_of(job).name}": running.begin(job) for job in batch}
            try:
                ends_with = file.folder if running.sweep.settings.on_error == "stop" else None
                task = EngineTask(jobs, tuple(plugins.named(file.facts.settings)), ends_with)
                failure = _launch(running, task, launch)
            except Interrupted:
                _leave(running, before)
                raise
        if failure is not None and all(
            file[number].status == RUNNING and _moment(running.sweep.folder_of(file[number])) == moment
            for number, moment in before.items()
        ):
            for number in before:
                file.change(number, status=PENDING)
            raise RunFailed(f"{' '.join(words)} started no job: {one_line(failure)}") from failure
        _settle(running, list(before), lost)


def _trained_elsewhere(running: Running) -> set[int]:
    """Returns the numbers of pending jobs that an earlier launch still trains: its processes outlive the sweep's own,
    on a cluster above all.
    """
    pending = running.sweep.file.having(PENDING)
    found = {job.number for job in pending if job.folder is not None and is_held(running.sweep.folder_of(job))}
    if found:
        jobs = ", ".join(running.prefix(number).strip() for number in sorted(found))
        running.screen.say(f"waits for the jobs of an earlier launch, which are still being trained: {jobs}")
    return found


def _settle_ended(running: Running, elsewhere: set[int]) -> None:
    """Records how jobs of an earlier launch have ended; those that have not ended well are started again."""
    for number in sorted(elsewhere):
        job = running.sweep.file[number]
        folder = running.sweep.folder_of(job)
        if is_held(folder):
            continue
        elsewhere.discard(number)
        found = as_found(job, folder.parent)
        if found.status != PENDING:
            running.sweep.file.change(number, status=found.status, objective=found.objective, error=found.error)


class _Valid:
    """The pending jobs that are valid, each composed once, when it may be its turn; the others are settled."""

    def __init__(self, running: Running) -> None:
        self._running, self._ahead = running, LookAhead(running)
        self._known: set[int] = set()

    def jobs(self, count: int, without: Collection[int] = ()) -> list[JobState]:
        """Returns the first ones, at most `count`, without some numbers."""
        pending = (job for job in self._running.sweep.file.having(PENDING) if job.number not in without)
        return list(itertools.islice(filter(self._is_valid, pending), count))

    def _is_valid(self, job: JobState) -> bool:
        if job.number not in self._known and self._ahead.take(job) is not None:
            self._known.add(job.number)
        return job.number in self._known


@contextmanager
def _launcher(running: Running, words: Sequence[str]) -> Iterator[tuple[Launch, int]]:
    """Yields a function that launches the jobs of a task, and how many it may be given at once."""
    facts, folder = running.sweep.file.facts, str(running.sweep.file.folder).replace("'", "\\'")
    own = [*words, f"hydra.sweep.dir='{folder}'"]
    with hydra_messages(own), initialized_hydra(facts.config_dir) as loader:
        config = loader.load_configuration("config", overrides=own, run_mode=RunMode.MULTIRUN)
        context = compat.hydra_context(loader, config)

        def launch(task: EngineTask) -> Sequence[JobReturn]:
            launcher: Launcher = Plugins.instance().instantiate_launcher(
                hydra_context=context, task_function=task, config=config
            )
            return launcher.launch([[f"hydra.job.name='{name}'"] for name in task.jobs], initial_job_idx=0)

        waiting = len(running.sweep.file.having(PENDING))
        workers = running.sweep.settings.workers
        local = str(config.hydra.launcher.get("_target_")).endswith(_ALL_AT_ONCE)
        yield launch, worker_count(AUTO if workers == 1 else workers, waiting, 1) if local else waiting


def _launch(running: Running, task: EngineTask, launch: Launch) -> Exception | None:
    """Launches jobs, and reports those that end in the meantime. Returns what the launcher raised, or None."""
    watch = _Watch(running, task)
    watch.start()
    try:
        for job, returned in zip(task.jobs.values(), launch(task), strict=True):
            outcome = returned.return_value
            if outcome.status == PENDING:  # it was not started, because the sweep has ended
                running.unbegin(job.number)
            elif outcome.status != INTERRUPTED:  # otherwise, its process was stopped but not this one, so it continues
                watch.end(job.number, outcome)
    except (ImportError, HydraException) as error:
        raise BadInput(f"The launcher cannot be used: {one_line(error)}") from error
    except Exception as error:
        watch.wait_for_others()
        return error
    finally:
        watch.stop()
    return None


class _Watch:
    """Records how jobs end as soon as their folders show it; launchers report only when all have ended."""

    def __init__(self, running: Running, task: EngineTask) -> None:
        self._running = running
        self._open = {job.number: job for job in task.jobs.values()}
        self._before = {job.number: _moment(job.folder) for job in task.jobs.values()}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch-jobs", daemon=True)

    def start(self) -> None:
        """Starts watching."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it."""
        self._stopping.set()
        self._thread.join()
        self._look_once()

    def end(self, number: int, outcome: Outcome) -> None:
        """Records that a job has ended, unless this was recorded before."""
        with self._lock:
            if self._open.pop(number, None) is not None:
                self._running.end(number, outcome)

    def wait_for_others(self) -> None:
        """Waits until no process trains any of the jobs: losing one does not end the others."""
        while any(self._is_alive(job) for job in list(self._open.values())):
            time.sleep(_LOOK)

    def _look(self) -> None:
        while not self._stopping.wait(_LOOK):
            self._look_once()

    def _look_once(self) -> None:
        for number, job in list(self._open.items()):
            outcome = self._outcome(job)
            if outcome is not None and outcome.status != INTERRUPTED:
                self.end(number, outcome)

    def _outcome(self, job: SweepJob) -> Outcome | None:
        """Returns how this attempt at a job ended; None if it has not ended, or not begun."""
        return None if _moment(job.folder) == self._before[job.number] else _outcome(job.folder)

    def _is_alive(self, job: SweepJob) -> bool:
        begun = _moment(job.folder) != self._before[job.number]
        return begun and self._outcome(job) is None and not is_abandoned(job.folder)


def _moment(folder: Path) -> int:
    """Returns when `result.json` was last written; 0 if it does not exist."""
    try:
        return (folder / "result.json").stat().st_mtime_ns
    except OSError:
        return 0


def _settle(running: Running, numbers: Sequence[int], lost: dict[int, int]) -> None:
    """Settles the jobs of a launch that ended without reporting an outcome."""
    for number in numbers:
        job = running.sweep.file[number]
        if job.status != RUNNING or job.folder is None:
            continue
        lost[number] = lost.get(number, 0) + 1
        if lost[number] < _KILLS:
            running.sweep.file.change(number, status=PENDING)
            running.screen.say(f"{running.prefix(number)}its process was killed: it continues from its last checkpoint")
        else:
            running.end(number, Outcome(FAILED, objective_of(Path(job.folder)), "its process was killed twice", 0.0))


def _leave(running: Running, before: Mapping[int, int]) -> None:
    """Records how Ctrl-C leaves the jobs of a launch; those on a cluster may go on.

    Args:
        running: the sweep.
        before: number of a job -> `_moment` of its folder before the launch.
    """
    for number, moment in before.items():
        job = running.sweep.file[number]
        folder = running.sweep.folder_of(job)
        if job.status != RUNNING:
            continue
        if _moment(folder) == moment:
            running.sweep.file.change(number, status=PENDING)
        elif _outcome(folder) is not None or is_abandoned(folder):
            running.sweep.file.change(number, status=INTERRUPTED, objective=objective_of(folder), error="interrupted")


def _outcome(folder: Path) -> Outcome | None:
    """Returns how a job ended, according to its folder; None if it has not ended."""
    try:
        content = read_result(folder)
    except BadInput:
        return None
    status = content.get("status")
    if status not in (OK, FAILED, INTERRUPTED):
        return None
    return Outcome(status, objective_of(folder), content.get("error"), float(content.get("seconds") or 0.0))
