"""A sweep in progress: jobs start, end and fail, and upcoming jobs are composed in advance."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from catsdogs_exp.config.schema import Config
from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.folder.result import config_hash
from catsdogs_exp.run.job import Screen
from catsdogs_exp.sweep.job import Outcome, SweepJob
from catsdogs_exp.sweep.reuse import FinishedRun, finished_runs, same_run
from catsdogs_exp.sweep.start import Sweep
from catsdogs_exp.sweep.sweep_file import FAILED, INTERRUPTED, OK, PENDING, PRUNED, RUNNING, SKIPPED, JobState

_AHEAD = 32  # maximum number of configs kept for upcoming jobs
_SHARE = 0.2  # fraction of a core for composing in advance while jobs train


@dataclass(frozen=True)
class RunOptions:
    """How the jobs of a sweep are run, beyond `sweep.*`.

    Attributes:
        make_screen: returns a screen for one job, given the prefix of its lines and whether it is silent.
        verbose: show TensorFlow's own messages.
        profile: trace some steps and report the bottleneck.
        allow_changes: whether to continue unfinished jobs even though their settings have changed.
    """

    make_screen: Callable[[str, bool], Screen]
    verbose: bool = False
    profile: bool = False
    allow_changes: bool = False


@dataclass
class Running:
    """A sweep in progress.

    Attributes:
        sweep: its jobs.
        options: how they are run.
        screen: shows messages about the sweep as a whole.
        started: when this process started its part of the sweep.
        done: jobs that ended in this process.
        hashes: config hash -> number of the first job that has it; in a resumed sweep, from the jobs that have ended.
        hash_of: number of a composed job -> config hash.
        more: words added to each job's own, such as its threads.
    """

    sweep: Sweep
    options: RunOptions
    screen: Screen
    started: float = field(default_factory=time.perf_counter)
    done: int = 0
    hashes: dict[str, int] = field(default_factory=dict)
    hash_of: dict[int, str] = field(default_factory=dict)
    more: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for job in self.sweep.file.having(OK, PRUNED):
            if job.same_as is None and job.config_hash is not None:
                self.hashes.setdefault(job.config_hash, job.number)

    def begin(self, job: JobState) -> SweepJob:
        """Marks a composed job as started."""
        folder = self.sweep.folder_of(job)
        self.sweep.file.change(
            job.number,
            status=RUNNING,
            folder=str(folder),
            attempts=job.attempts + 1,
            error=None,
            config_hash=self.hash_of.get(job.number),
        )
        return SweepJob(
            job.number,
            folder,
            (*job.overrides, *self.more),
            self.sweep.file.facts.command,
            self.sweep.file.facts.config_dir,
            self.options.verbose,
            self.options.profile,
            self.options.allow_changes,
            None if self.sweep.search is None else self.sweep.search.trial_of(job),
        )

    def unbegin(self, number: int) -> None:
        """Marks a job that was not started after all."""
        job = self.sweep.file[number]
        folder = job.folder if job.folder is not None and Path(job.folder).is_dir() else None
        self.sweep.file.change(number, status=PENDING, folder=folder, attempts=job.attempts - 1)

    def end(self, number: int, outcome: Outcome) -> bool:
        """Marks a job as ended. Returns whether it gets another attempt."""
        job = self.sweep.file[number]
        again = outcome.status == FAILED and job.attempts <= self.sweep.settings.retries
        self.sweep.file.change(
            number,
            status=PENDING if again else outcome.status,
            objective=outcome.objective,
            error=outcome.error,
            seconds=round(outcome.seconds, 3),
        )
        if outcome.status == PRUNED:
            self.screen.say(f"{self.prefix(number)}{outcome.error}")
        if outcome.status == FAILED:
            self.screen.say(f"{self.prefix(number)}failed: {outcome.error}")
            log = Path(job.folder or "") / "run.log"
            if log.exists():
                self.screen.say(f"{self.prefix(number)}its log: {log}")
            if again:
                self.screen.say(f"{self.prefix(number)}attempt {job.attempts + 1} of {self.sweep.settings.retries + 1}")
        if not again and outcome.status != INTERRUPTED:
            self.done += 1
            self._say_how_far()
        return again

    def next_job(self) -> JobState | None:
        """Returns the next job to start. A search chooses it only now, because it learns from those that have ended."""
        waiting = self.sweep.file.having(PENDING)
        if waiting or self.sweep.search is None:
            return waiting[0] if waiting else None
        return self.sweep.search.next(self.sweep.file)

    def refuse(self, job: JobState, reason: str) -> None:
        """Handles a job with invalid settings: it fails immediately, or is left out."""
        left_out = self.sweep.settings.skip_invalid
        self.sweep.file.change(job.number, status=SKIPPED if left_out else FAILED, error=reason)
        self.screen.say(f"{self.prefix(job.number)}{'left out' if left_out else 'failed'}: {reason}")

    def prefix(self, number: int) -> str:
        """Returns the prefix of a job's lines."""
        search = self.sweep.search
        is_open = search is not None and search.settings.trials is None  # it ends with its minutes
        return f"[{number + 1}] " if is_open else f"[{number + 1}/{self.sweep.total}] "

    @property
    def stopped(self) -> bool:
        """Returns whether a failure ends the sweep."""
        return self.sweep.settings.on_error == "stop" and bool(self.sweep.file.having(FAILED))

    def _say_how_far(self) -> None:
        total = self.sweep.total
        left = total - len(self.sweep.file.jobs) + len(self.sweep.file.having(PENDING, RUNNING))
        if left and self.done:
            seconds = (time.perf_counter() - self.started) / self.done * left
            self.screen.say(f"{total - left} of {total} runs done, about {_duration(seconds)} left")


class LookAhead:
    """Composes upcoming jobs in a thread: invalid ones fail while others train.

    Jobs with the same config as an earlier one are not run and share its result.
    """

    def __init__(self, running: Running) -> None:
        self._running = running
        self._configs: dict[int, Config] = {}
        self._seen: set[int] = set()
        self._finished: dict[str, list[FinishedRun]] | None = None
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look, name="look-ahead", daemon=True)

    def start(self) -> None:
        """Starts composing."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it."""
        self._stopping.set()
        self._thread.join(timeout=10)

    def take(self, job: JobState) -> Config | None:
        """Returns the config of a job; None if it is invalid or need not run, which is recorded."""
        with self._lock:
            if self._running.sweep.file[job.number].status != PENDING:  # the thread has just settled it
                return None
            config = self._configs.pop(job.number, None)
            if config is None:
                self._seen.add(job.number)
                config = self._compose(job)
        return config

    def _look(self) -> None:
        for job in self._running.sweep.file.having(PENDING):
            if self._stopping.is_set():
                return
            began = time.perf_counter()
            with self._lock:
                if job.number in self._seen:
                    continue
                self._seen.add(job.number)
                try:
                    config = self._compose(job)
                except OSError:  # a full disk, at which the sweep's own thread arrives as well
                    return
                if config is not None and len(self._configs) < _AHEAD:
                    self._configs[job.number] = config
            self._stopping.wait((time.perf_counter() - began) * (1 / _SHARE - 1))

    def _compose(self, job: JobState) -> Config | None:
        try:
            config = self._running.sweep.compose(job.overrides)
        except BadInput as error:
            self._running.refuse(job, str(error))
            return None
        return config if self._is_first(job, config) and not self._is_done_elsewhere(job, config) else None

    def _is_first(self, job: JobState, config: Config) -> bool:
        """Returns whether no earlier job has the same config; otherwise, marks the job as a copy of that one."""
        file = self._running.sweep.file
        digest = self._running.hash_of[job.number] = config_hash(config)
        first = self._running.hashes.setdefault(digest, job.number)
        if first == job.number:
            return True
        if file[job.number].same_as is None:
            file.change(job.number, status=OK, same_as=first)
            self._running.screen.say(
                f"{self._running.prefix(job.number)}the same config as {self._running.prefix(first).strip()}: run once"
            )
        return False

    def _is_done_elsewhere(self, job: JobState, config: Config) -> bool:
        """Returns whether a finished run of the same config and data is reused."""
        if not self._running.sweep.settings.reuse or job.attempts:
            return False
        if self._finished is None:
            self._finished = finished_runs(config.output_dir, self._running.sweep.file.folder)
        try:
            found = same_run(config, self._finished)
        except BadInput:  # the job itself will report it
            return False
        if found is None:
            return False
        self._running.sweep.file.change(job.number, status=OK, folder=str(found.folder), objective=found.objective)
        self._running.screen.say(f"{self._running.prefix(job.number)}taken from {found.folder}")
        return True


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
