"""Settings of a whole sweep. None of them changes what a job computes."""

from dataclasses import dataclass

from catsdogs_exp.config.schema.limits import setting
from catsdogs_exp.config.schema.optimizers import AUTO

ONLY_OF_SEARCHES = (
    *("trials", "minutes", "sampler", "sampler_options", "pruner", "pruner_warmup", "objectives", "directions"),
    *("constraints", "only", "storage", "study", "lost_after", "max_failure_rate"),
)


@dataclass(frozen=True, kw_only=True)
class SweepSettings:
    """How the jobs of a sweep are selected and run."""

    workers: int | str = setting(
        "processes that train in parallel; auto: as many as cores, memory and GPUs allow",
        at_least=1,
        at_most=256,
        word=AUTO,
    )
    isolate: bool = setting("a fresh process for each job")
    on_error: str = setting("what to do after a job has failed", choices=("continue", "stop"))
    retries: int = setting("number of retries of a failed job", at_least=0, at_most=100)
    skip: str | None = setting("leave out jobs for which this condition holds; null: none")
    skip_invalid: bool = setting("leave out jobs with invalid settings")
    reuse: bool = setting("reuse finished runs with the same config and data in output_dir")
    trials: int | None = setting(
        "total number of jobs of a search; null: until its time limit", at_least=1, at_most=100_000
    )
    minutes: float | None = setting("time limit of a search in minutes; null: none", above=0)
    sampler: str = setting("the search's sampler, one of Optuna's")
    sampler_options: str | tuple[str, ...] | None = setting("arguments of the sampler")
    pruner: str = setting(
        "how unpromising trials of a search are ended", choices=("none", "median", "successive_halving", "hyperband")
    )
    pruner_warmup: int | str = setting(
        "epochs before the median pruner may end a trial; auto: a third of all", at_least=0, word=AUTO
    )
    objectives: str | tuple[str, ...] | None = setting("what a search optimizes; null: the monitored metric")
    directions: str | tuple[str, ...] | None = setting(
        "minimize or maximize, for each objective; null: inferred from its name"
    )
    constraints: str | tuple[str, ...] | None = setting("limits that the best trial must satisfy")
    only: str | tuple[str, ...] | None = setting("conditions under which a key of a search varies")
    storage: str | None = setting("the URL of Optuna's storage; null: a journal file in the sweep's folder")
    study: str | None = setting("the name of the study; null: the name of the sweep's folder")
    lost_after: int = setting(
        "seconds without a heartbeat after which another machine repeats a trial of a shared study", at_least=2
    )
    max_failure_rate: float = setting("fraction of failed trials above which a search ends", at_least=0, at_most=1)
    jobs: str | None = setting("a CSV file with one key per column and one job per row")


def texts(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """Returns one text, several or none as a tuple."""
    return (value,) if isinstance(value, str) else value or ()
