"""A sweep under way: a job's turn comes, it ends, it fails; and the jobs to come are looked at ahead of their turn."""

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
from catsdogs_exp.sweep.start import Sweep
from catsdogs_exp.sweep.sweep_file import FAILED, INTERRUPTED, OK, PENDING, RUNNING, SKIPPED, JobState

_AHEAD = 32  # configs that are kept for jobs whose turn comes soon
_SHARE = 0.2  # of a core, for looking ahead while jobs train


@dataclass(frozen=True)
class Manner:
    """How the jobs of a sweep are run, beyond `sweep.*`.

    Attributes:
        make_screen: a screen for one job, given what stands before each of its lines and whether it is silent.
        verbose: let TensorFlow's own messages through.
        profile: trace some steps and say what training waits for.
        allow_changes: go on with half-done jobs whose settings have changed.
    """

    make_screen: Callable[[str, bool], Screen]
    verbose: bool = False
    profile: bool = False
    allow_changes: bool = False


@dataclass
class Running:
    """A sweep under way.

    Attributes:
        sweep: its jobs.
        manner: how they are run.
        screen: for the lines of the sweep as a whole.
        started: of this process's part of the sweep.
        done: jobs that have ended in this process.
        hashes: config hash -> number of the first job that has it.
        more: words that each job is given beyond its own, such as its threads.
    """

    sweep: Sweep
    manner: Manner
    screen: Screen
    started: float = field(default_factory=time.perf_counter)
    done: int = 0
    hashes: dict[str, int] = field(default_factory=dict)
    more: tuple[str, ...] = ()

    def begin(self, job: JobState) -> SweepJob:
        """A job's turn has come."""
        folder = self.sweep.folder_of(job)
        self.sweep.file.change(job.number, status=RUNNING, folder=str(folder), attempts=job.attempts + 1, error=None)
        return SweepJob(
            job.number,
            folder,
            (*job.overrides, *self.more),
            self.sweep.file.facts.command,
            self.sweep.file.facts.config_dir,
            self.manner.verbose,
            self.manner.profile,
            self.manner.allow_changes,
        )

    def end(self, number: int, outcome: Outcome) -> bool:
        """A job has ended. Returns whether it gets another attempt."""
        job = self.sweep.file[number]
        again = outcome.status == FAILED and job.attempts <= self.sweep.settings.retries
        self.sweep.file.change(
            number,
            status=PENDING if again else outcome.status,
            objective=outcome.objective,
            error=outcome.error,
            seconds=round(outcome.seconds, 3),
        )
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

    def refuse(self, job: JobState, reason: str) -> None:
        """A job whose settings are not valid: it fails at once, or is left out."""
        left_out = self.sweep.settings.skip_invalid
        self.sweep.file.change(job.number, status=SKIPPED if left_out else FAILED, error=reason)
        self.screen.say(f"{self.prefix(job.number)}{'left out' if left_out else 'failed'}: {reason}")

    def prefix(self, number: int) -> str:
        """What stands before the lines of a job."""
        return f"[{number + 1}/{len(self.sweep.file.jobs)}] "

    @property
    def stopped(self) -> bool:
        """Whether a failure ends the sweep."""
        return self.sweep.settings.on_error == "stop" and bool(self.sweep.file.having(FAILED))

    def _say_how_far(self) -> None:
        left = len(self.sweep.file.having(PENDING, RUNNING))
        if left and self.done:
            seconds = (time.perf_counter() - self.started) / self.done * left
            total = len(self.sweep.file.jobs)
            self.screen.say(f"{total - left} of {total} runs done, about {_duration(seconds)} left")


class LookAhead:
    """Composes the jobs ahead of their turn, in a thread: those that are not valid fail while others train.

    Jobs whose config equals that of an earlier one take its result over and are not run.
    """

    def __init__(self, running: Running) -> None:
        self._running = running
        self._configs: dict[int, Config] = {}
        self._seen: set[int] = set()
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look, name="look-ahead", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it."""
        self._stopping.set()
        self._thread.join(timeout=10)

    def take(self, job: JobState) -> Config | None:
        """The config of a job; None where it is not valid or need not run, which is written down."""
        with self._lock:
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
                config = self._compose(job)
                if config is not None and len(self._configs) < _AHEAD:
                    self._configs[job.number] = config
            self._stopping.wait((time.perf_counter() - began) * (1 / _SHARE - 1))

    def _compose(self, job: JobState) -> Config | None:
        try:
            config = self._running.sweep.compose(job.overrides)
        except BadInput as error:
            self._running.refuse(job, str(error))
            return None
        return config if self._is_first(job, config) else None

    def _is_first(self, job: JobState, config: Config) -> bool:
        """Whether no earlier job has the same config. One that has is what this job stands for."""
        file = self._running.sweep.file
        first = self._running.hashes.setdefault(config_hash(config), job.number)
        if first == job.number or file[first].status not in (PENDING, RUNNING, OK):
            return True
        if file[job.number].same_as is None:
            file.change(job.number, status=OK, same_as=first)
            self._running.screen.say(
                f"{self._running.prefix(job.number)}the same config as {self._running.prefix(first).strip()}: run once"
            )
        return False


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
