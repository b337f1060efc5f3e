"""What a search notes at the trials of its study. Other machines, and a resumed search, read it there."""

from collections.abc import Sequence
from typing import Any

from catsdogs_exp.sweep.search.study import optuna
from catsdogs_exp.sweep.sweep_file import FAILED

# Attributes of a trial. One without a job does not count; one that failed without a status was lost with its machine.
JOB, SWEEP, WORDS, STATUS = "job", "sweep", "settings", "status"
_ARTIFACTS = "artifacts:"  # what Optuna calls those of a trial


def is_lost(trial: Any) -> bool:
    """Returns whether a trial was lost with its machine, without a reported result."""
    return trial.state == optuna().trial.TrialState.FAIL and STATUS not in trial.user_attrs


def statuses_of(trials: Sequence[Any]) -> dict[tuple[str | None, int], str | None]:
    """Returns how the jobs of all machines ended, by sweep and number; None: not yet. Lost ones are left out.

    Args:
        trials: by number: of a job that was tried again, the last one counts.
    """
    return {
        (trial.user_attrs.get(SWEEP), trial.user_attrs[JOB]): trial.user_attrs.get(STATUS)
        for trial in trials
        if JOB in trial.user_attrs and not is_lost(trial)
    }


def failures_of(trials: Sequence[Any]) -> tuple[int, int]:
    """Returns the number of jobs that failed, and of all jobs, on all machines."""
    statuses = statuses_of(trials).values()
    return sum(status == FAILED for status in statuses), len(statuses)


def again(told: Any) -> Any:
    """Returns a new trial that runs with the values of one that was told."""
    library = optuna()
    return library.trial.create_trial(
        state=library.trial.TrialState.RUNNING,
        params=told.params,
        distributions=told.distributions,
        user_attrs={key: value for key, value in told.user_attrs.items() if key != STATUS},
        # a sampler finds its own notes there, such as the combination of a grid
        system_attrs={key: value for key, value in told.system_attrs.items() if not key.startswith(_ARTIFACTS)},
    )
