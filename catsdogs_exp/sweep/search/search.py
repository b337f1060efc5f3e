"""A search: asks Optuna for one job at a time, and reports each result."""

import functools
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

from catsdogs_exp.config.composer import key_of, value_of
from catsdogs_exp.config.schema.sweep import SweepSettings
from catsdogs_exp.errors import BadInput, one_line
from catsdogs_exp.sweep.grid import Row, as_typed_row
from catsdogs_exp.sweep.search.artifacts import keep_sheets
from catsdogs_exp.sweep.search.combinations import Combinations, is_exhaustive
from catsdogs_exp.sweep.search.constraints import keep_excesses
from catsdogs_exp.sweep.search.marks import JOB, STATUS, SWEEP, WORDS, again, failures_of, is_lost, statuses_of
from catsdogs_exp.sweep.search.measures import Constraint, Objective, measured
from catsdogs_exp.sweep.search.shared import Answer, SignsOfLife, patiently, repeat_lost, wait_for_lost
from catsdogs_exp.sweep.search.space import Space
from catsdogs_exp.sweep.search.study import optuna
from catsdogs_exp.sweep.search.trial import TrialPlace
from catsdogs_exp.sweep.sweep_file import FAILED, OK, PRUNED, SKIPPED, JobState, SweepFile

_SKIPS = 1000  # combinations in a row that sweep.skip may leave out
_FEW = 10  # trials, of which one that failed is too large a share to end a search without a number of trials
_FAILURES = 100  # in a row: without a number of trials, a search would go on failing until its minutes have passed
_ALL_TRIED = "all combinations have been tried"


@dataclass(frozen=True)
class Aims:
    """What a search optimizes, and within which limits.

    Attributes:
        monitor: the monitored metric.
        objectives: at least one.
        constraints: limits.
    """

    monitor: str
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]

    def values(self, job: JobState) -> list[float] | None:
        """Returns the objectives of an ended job; None if one is missing."""
        value = measured(Path(job.folder) if job.folder else None, self.monitor)
        found = [value(each.name) for each in self.objectives]
        known = [each for each in found if each is not None]
        return known if len(known) == len(found) else None

    def excesses(self, job: JobState) -> dict[str, float]:
        """Returns how far a job is beyond each limit, <= 0 if it satisfies it."""
        value = measured(Path(job.folder) if job.folder else None, self.monitor)
        return {each.text: each.excess(value(each.name)) for each in self.constraints}


@dataclass(frozen=True)
class Study:
    """A study of Optuna, which processes on several machines may share.

    Attributes:
        study: Optuna's object.
        storage: Optuna's object for its storage.
        place: location of the storage, as in `open_storage`.
    """

    study: Any
    storage: Any
    place: str

    @property
    def trials(self) -> list[Any]:
        """Returns all trials, by number; do not modify them."""
        found: list[Any] = self.study.get_trials(deepcopy=False)
        return found

    @property
    def is_shared(self) -> bool:
        """Returns whether other machines may use it."""
        return "://" in self.place

    def ask(self) -> Any:
        """Returns a new trial, or one that was lost with another machine; in a shared study, with its first
        heartbeat.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about heartbeats outside Optuna's own loop
            trial = self.study.ask()
        if self.is_shared:
            self.storage.record_heartbeat(self.id_of(trial))
        return trial

    def id_of(self, trial: Any) -> int:
        """The ID of a trial in the storage."""
        study = self.storage.get_study_id_from_name(self.study.study_name)
        found: int = self.storage.get_trial_id_from_study_id_trial_number(study, trial.number)
        return found


@dataclass
class Search:
    """A search in progress.

    Attributes:
        study: its trials.
        space: what it chooses from.
        aims: what it optimizes.
        settings: settings of the sweep.
        skips: returns whether to leave out a job; None: none.
        ended: why it ended before its last trial, or "".
        say: called with messages to the user.
    """

    study: Study
    space: Space
    aims: Aims
    settings: SweepSettings
    skips: Callable[[Row], bool] | None = None
    ended: str = ""
    say: Callable[[str], None] = lambda text: None
    _started: float = field(default_factory=lambda: monotonic())  # noqa: PLW0108  (tests set the clock)
    _open: dict[int, Any] = field(default_factory=dict)  # number of a job -> its unreported trial

    def next(self, file: SweepFile) -> JobState | None:
        """Chooses the next job and adds it to the file; None if there is no further one.

        Raises:
            DatabaseAway: if the database of the study does not answer for minutes.
        """
        self._patiently(lambda: self.settle(file))
        for _ in range(_SKIPS):
            if self.ended or not self._patiently(self._has_more_or_waits):
                self.ended = self.ended or (_ALL_TRIED if self._patiently(self._all_are_tried) else "")
                return None
            left = self._minutes_left()
            if left is not None and left <= 0:
                self.ended = f"sweep.minutes={self.settings.minutes:g} have passed"
                return None
            trial = self._patiently(self.study.ask)
            if self._patiently(functools.partial(self._is_within_total, trial)):
                words = self._chosen(trial)
                if not (self.skips is not None and self.skips(words)) and not self._is_repetition(trial, words):
                    words = words if left is None else _within(words, left)
                    return self._add(file, trial, as_typed_row(words))
            self._release(trial)
        why = "were left out by sweep.skip or tried before" if self._tries_once else "were left out by sweep.skip"
        self.ended = f"{_SKIPS} combinations in a row {why}"
        return None

    def _patiently(self, call: Callable[[], Answer]) -> Answer:
        return patiently(call, self.say) if self.study.is_shared else call()

    def settle(self, file: SweepFile) -> None:
        """Tells Optuna about the jobs that have ended."""
        for number in list(self._open):
            job = file[number]
            first = job if job.same_as is None else file[job.same_as]
            if first.status in (OK, PRUNED, FAILED, SKIPPED):
                with suppress(optuna().exceptions.UpdateFinishedTrialError):  # as in `_end`
                    self._tell(self._open[number], first, file.folder)
                del self._open[number]
        failed, total = len(file.having(FAILED)), len(file.jobs)
        if self.study.is_shared:
            failed, total = failures_of(self.study.trials)
        if failed > self.settings.max_failure_rate * (self.settings.trials or max(total, _FEW)):
            share = f"sweep.max_failure_rate={self.settings.max_failure_rate:g}"
            self.ended = f"{failed} of {self.settings.trials or total} trials failed, more than {share} allows"
        many = self.settings.trials is None and failed >= _FAILURES
        if many and all(job.status == FAILED for job in file.jobs[-_FAILURES:]):
            self.ended = f"the last {_FAILURES} trials failed"

    def trial_of(self, job: JobState) -> TrialPlace | None:
        """Returns where a job reports its epochs; None if nothing may prune it."""
        names = [each.name for each in self.aims.objectives]
        if names != [self.aims.monitor] or self.settings.pruner == "none" or job.number not in self._open:
            return None
        trial = self._patiently(lambda: self.study.id_of(self._open[job.number]))
        place, name = self.study.place, self.study.study.study_name
        return TrialPlace(place, name, trial, self.settings.pruner, self.settings.pruner_warmup)

    def signs_of_life(self) -> AbstractContextManager[object]:
        """A context manager that sends heartbeats for the trials of this process to other machines."""
        if not self.study.is_shared:
            return nullcontext()
        return SignsOfLife(
            self.study.storage,
            lambda: [self.study.id_of(each) for each in list(self._open.values())],
            self.settings.lost_after,
        )

    def take_up(self, file: SweepFile) -> None:
        """Finds the trials of a stopped sweep's jobs, and adds jobs that its process had no time to record.

        Trials that have been told stay as they are: a job that failed and runs again gets another one.
        """
        states = optuna().trial.TrialState
        known = {job.number for job in file.jobs}
        told = {}
        for trial in self.study.trials:
            if trial.user_attrs.get(SWEEP) == file.folder.name and JOB in trial.user_attrs:
                number = int(trial.user_attrs[JOB])
                waits = (
                    trial.state == states.WAITING
                )  # lost, and queued for any machine, but this one has its checkpoint
                if waits and not self.study.storage.set_trial_state_values(self.study.id_of(trial), states.RUNNING):
                    continue
                if waits or trial.state == states.RUNNING:
                    self._open[number] = trial
                else:
                    told[number] = trial
                if number not in known:
                    file.add([JobState(number, tuple(trial.user_attrs[WORDS]))])
            elif trial.state == states.RUNNING and not self.study.is_shared:  # killed before it became a job
                self._end(trial, state=states.FAIL)
        for job in file.jobs:
            if job.status in (OK, PRUNED, SKIPPED) or job.number not in told or job.number in self._open:
                continue
            if is_lost(told[job.number]) and not self._has_more():
                file.change(job.number, status=SKIPPED, error="another machine repeated this trial")
            else:
                self._repeat(told[job.number])

    def _repeat(self, told: Any) -> None:
        trial = again(told)
        self.study.study.add_trial(trial)
        for each in self.study.trials:
            if each.user_attrs == trial.user_attrs and each.state == trial.state:
                self._open[int(each.user_attrs[JOB])] = each

    def _tell(self, trial: Any, job: JobState, folder: Path) -> None:
        library = optuna()
        states = library.trial.TrialState
        values = self.aims.values(job)
        own = self.study.id_of(trial)
        if self.study.storage.get_trial(own).state.is_finished():  # other machines assumed this one was lost
            return
        self.study.storage.set_trial_user_attr(own, STATUS, job.status)
        if job.folder is not None:
            try:
                keep_sheets(self.study.storage, own, Path(job.folder), folder)
            except OSError as error:  # the search matters more than its pictures
                self.say(f"the activation sheets could not be added to the study: {error}")
        if job.status not in (OK, PRUNED) or values is None:
            self._end(trial, state=states.FAIL)
            return
        if self.aims.constraints:
            keep_excesses(self.study.study, own, self.aims.excesses(job))
        if job.status == PRUNED:
            self._end(trial, state=states.PRUNED)
        else:
            self._end(trial, values=values)

    def _chosen(self, trial: Any) -> Row:
        try:
            return self._patiently(lambda: self.space.choose(trial))
        except ValueError as error:
            self._release(trial)
            raise BadInput(
                f"The study {self.study.study.study_name} has trials with other values of a key that varies: "
                f"{one_line(error)}. Choose another name: sweep.study=NAME"
            ) from error

    def _release(self, trial: Any) -> None:
        """Ends a trial that does not become a job."""
        self._patiently(lambda: self._end(trial, state=optuna().trial.TrialState.FAIL))

    def _end(self, trial: Any, **outcome: Any) -> None:
        """Tells Optuna how a trial ended. Samplers that try each combination once end the study after the last."""
        own = self.study.id_of(trial)
        if self.study.storage.get_trial(own).state.is_finished():  # told before the database was away
            return
        try:
            self.study.study.tell(trial.number, **outcome)
        except optuna().exceptions.UpdateFinishedTrialError:  # just now, by another machine that believed it lost
            return
        except RuntimeError:  # they can only do so within Optuna's own loop; the trial itself has been told
            if not self.study.storage.get_trial(own).state.is_finished():
                raise
            self.ended = _ALL_TRIED

    def _has_more_or_waits(self) -> bool:
        """Returns whether there is a further job. At the end, waits for those of machines that may be lost."""
        if not self.study.is_shared:
            return self._has_more()
        repeat_lost(self.study.study)
        if self._has_more():
            return True
        own = {trial.number for trial in self._open.values()}
        running = optuna().trial.TrialState.RUNNING
        if own or not any(trial.state == running for trial in self.study.trials):
            return False
        seconds = self.settings.lost_after
        self.say(f"waits for the last trials of other machines, at most {seconds} s: lost ones are repeated here")
        return wait_for_lost(self.study.study, self._has_more, seconds)

    def _has_more(self) -> bool:
        """Counts the jobs of all machines; a retried job counts once, a lost one does not count."""
        waiting = optuna().trial.TrialState.WAITING
        has_room = self._has_room([trial for trial in self.study.trials if trial.state != waiting])
        return has_room and not self._all_are_tried()

    @property
    def _tries_once(self) -> bool:
        """Returns whether a combination gets one job at most: a search by minutes would repeat a few until they end."""
        return is_exhaustive(self.settings.sampler) or self.settings.minutes is not None

    @functools.cached_property
    def _combinations(self) -> Combinations:
        return Combinations(self.space, self.skips)

    def _all_are_tried(self) -> bool:
        return self._tries_once and self._combinations.are_tried(self.study.trials)

    def _is_repetition(self, asked: Any, words: Row) -> bool:
        """Returns whether an earlier trial has the same values, or another machine is about to try them."""
        if not self._tries_once:
            return False
        earlier = [trial for trial in self._patiently(lambda: self.study.trials) if trial.number < asked.number]
        begun = [trial for trial in earlier if self._becomes_job(trial)]
        return any(trial.params == asked.params for trial in begun) or self._combinations.is_repeated(words, earlier)

    def _is_within_total(self, asked: Any) -> bool:
        """Returns whether earlier trials leave room for one just asked for: between `_has_more` and `ask`, another
        machine may have asked for the last one. Their numbers tell which of the two keeps it.
        """
        if not self.study.is_shared:
            return True
        return self._has_room([trial for trial in self.study.trials if trial.number < asked.number])

    def _has_room(self, trials: Sequence[Any]) -> bool:
        if self.settings.trials is None:
            return True
        return len(statuses_of(trials)) + sum(self._becomes_job(trial) for trial in trials) < self.settings.trials

    def _becomes_job(self, trial: Any) -> bool:
        """Returns whether another machine is about to start a trial, and has not died meanwhile."""
        states = optuna().trial.TrialState
        if not self.study.is_shared or JOB in trial.user_attrs or trial.state not in (states.RUNNING, states.WAITING):
            return False
        begun = trial.datetime_start  # None: it waits for a machine
        return begun is None or (datetime.now() - begun).total_seconds() < self.settings.lost_after

    def _minutes_left(self) -> float | None:
        if self.settings.minutes is None:
            return None
        return self.settings.minutes - (monotonic() - self._started) / 60

    def _add(self, file: SweepFile, trial: Any, words: tuple[str, ...]) -> JobState:
        number = max((job.number for job in file.jobs), default=-1) + 1
        # its number last: from here on, a killed search finds the job again
        for key, value in ((WORDS, list(words)), (SWEEP, file.folder.name), (JOB, number)):
            self._patiently(functools.partial(trial.set_user_attr, key, value))
        self._open[number] = trial
        job = JobState(number, words)
        file.add([job])
        return job


def _within(words: Row, minutes: float) -> Row:
    """Returns the words with a time limit, or with a tighter one than they have."""
    key = "training.max_minutes"
    limits = [float(value_of(word)) for word in words if key_of(word) == key and value_of(word) is not None]
    return (*(word for word in words if key_of(word) != key), f"{key}={max(min([minutes, *limits]), 0.01):.2f}")
