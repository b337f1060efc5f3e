"""Settings of a sweep as a whole. None of them changes what a job computes."""

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
        "processes that train side by side; auto: as many as cores, memory and GPUs allow",
        at_least=1,
        at_most=256,
        word=AUTO,
    )
    isolate: bool = setting("a fresh process for each job")
    on_error: str = setting("what happens after a job has failed", choices=("continue", "stop"))
    retries: int = setting("further attempts at a job that fails", at_least=0, at_most=100)
    skip: str | None = setting("a condition on the jobs that are left out; null: none")
    skip_invalid: bool = setting("leave out jobs whose settings are not valid")
    reuse: bool = setting("take over finished runs of the same config and data from output_dir")
    trials: int | None = setting(
        "jobs of a search in all; null: until its minutes are over", at_least=1, at_most=100_000
    )
    minutes: float | None = setting("after which a search starts no further trial; null: no limit", above=0)
    sampler: str = setting("the sampler of a search, one of Optuna's")
    sampler_options: str | tuple[str, ...] | None = setting("further arguments of the sampler")
    pruner: str = setting(
        "what ends hopeless trials of a search", choices=("none", "median", "successive_halving", "hyperband")
    )
    pruner_warmup: int | str = setting(
        "epochs before the median pruner judges a trial; auto: a third of them", at_least=0, word=AUTO
    )
    objectives: str | tuple[str, ...] | None = setting("what a search improves; null: the monitored metric")
    directions: str | tuple[str, ...] | None = setting("minimize or maximize for each objective; null: by its name")
    constraints: str | tuple[str, ...] | None = setting("limits that the best trial keeps")
    only: str | tuple[str, ...] | None = setting("conditions under which a key of a search applies")
    storage: str | None = setting("the URL of Optuna's storage; null: a journal file in the sweep's folder")
    study: str | None = setting("the name of the study; null: that of the sweep's folder")
    lost_after: int = setting(
        "seconds without a sign of life after which another machine repeats a trial of a shared study", at_least=2
    )
    max_failure_rate: float = setting("share of failed trials above which a search ends", at_least=0, at_most=1)
    jobs: str | None = setting("a CSV file with a key in each column and a job in each row")


def texts(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """One text, several or none, as several."""
    return (value,) if isinstance(value, str) else value or ()
