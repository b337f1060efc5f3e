"""Settings of a sweep as a whole. None of them changes what a job computes."""

from dataclasses import dataclass

from catsdogs_exp.config.schema.limits import setting
from catsdogs_exp.config.schema.optimizers import AUTO


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
    jobs: str | None = setting("a CSV file with a key in each column and a job in each row")
