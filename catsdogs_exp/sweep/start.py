"""Starts a sweep (expands its jobs, validates their values, creates its folder), or continues a stopped one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from catsdogs_exp.config.compose import composed_of, hydra_messages
from catsdogs_exp.config.composer import Composer, key_of, value_of
from catsdogs_exp.config.conditions import Condition
from catsdogs_exp.config.reading import read_object
from catsdogs_exp.config.schema import VARIANTS, Config
from catsdogs_exp.config.schema.sweep import ONLY_OF_SEARCHES, SweepSettings
from catsdogs_exp.config.stored import differences, plain_config
from catsdogs_exp.config.words import for_hydra, parsed
from catsdogs_exp.data.open_data import check_source
from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.folder.run_files import read_result
from catsdogs_exp.record.folder.run_folder import job_name, new_run_folder
from catsdogs_exp.run.job import run_name
from catsdogs_exp.sweep.checks import Checked, check_values
from catsdogs_exp.sweep.grid import Grid, Row, as_typed_row, expand
from catsdogs_exp.sweep.job import objective_of
from catsdogs_exp.sweep.recipe import check_launcher, chosen, recipe_of, refuse_words_of_workers
from catsdogs_exp.sweep.search.search import Search
from catsdogs_exp.sweep.search.words import translated
from catsdogs_exp.sweep.sweep_file import OK, PENDING, PRUNED, SKIPPED, JobState, SweepFacts, SweepFile, read_sweep

_OWN = "sweep."
_LAUNCHER = ("hydra.launcher", "hydra/launcher")


@dataclass(frozen=True)
class Sweep:
    """A sweep that can run.

    Attributes:
        file: its jobs and their states.
        settings: how the sweep is run.
        varying: keys that distinguish its jobs.
        compose: returns the config of a job from its words.
        search: what chooses further jobs; None: there are no further ones.
    """

    file: SweepFile
    settings: SweepSettings
    varying: frozenset[str]
    compose: Composer
    search: Search | None = None

    @property
    def total(self) -> int:
        """Returns the number of jobs; of a search, the number it will have, if known."""
        known = len(self.file.jobs)
        return known if self.search is None else max(known, self.search.settings.trials or 0)

    def folder_of(self, job: JobState) -> Path:
        """Returns the folder of a job's run, named after its number and what distinguishes it from the others."""
        own = [word for word in job.overrides if key_of(word) in self.varying]
        if job.folder is not None and (begun := self.file.folder / Path(job.folder).name).is_dir():
            return begun
        return self.file.folder / job_name(job.number, own or list(job.overrides))


def begin(command: str, settings: Sequence[str], config_dir: str | None, say: Callable[[str], None]) -> Sweep:
    """Expands and validates a sweep and creates its folder.

    Args:
        command: as typed.
        settings: its words, as typed.
        config_dir: as in `--config-dir`.
        say: called with what was added, and what is left out.

    Raises:
        BadInput: before anything is written, for a value that no job can have, or a sweep without jobs.
    """
    settings = translated(settings)
    words = [word for word in settings if not key_of(word).startswith((_OWN, *_LAUNCHER))]
    own = own_settings(settings, config_dir)
    launcher = chosen("launcher", settings, config_dir)
    check_launcher(launcher)
    refuse_words_of_workers(settings, launcher)
    refuse_words_of_searches(settings)
    grid = expand(words, config_dir, own.jobs)
    for remark in grid.remarks:
        say(remark)
    grid = replace(grid, skip=_condition(own.skip, grid))
    compose = Composer(config_dir)
    checked, dimensions = _checked(grid, compose, own.skip_invalid, say)
    jobs = _numbered(Grid(dimensions, grid.skip).jobs(), 0, set())
    if not jobs:
        raise BadInput(f"A sweep needs at least one job, and sweep.skip leaves none. Received: sweep.skip={own.skip}")
    folder = new_run_folder(checked.config.output_dir, run_name(checked.config))
    facts = SweepFacts(
        command=command,
        settings=tuple(settings),
        config_dir=None if config_dir is None else str(Path(config_dir).absolute()),
        dimensions=dimensions,
        config=plain_config(checked.config),
        objective=checked.config.training.monitor,
        words=checked.words,
    )
    file = SweepFile(folder.absolute(), facts, jobs)
    say(f"{len(jobs)} runs -> {folder}")
    return Sweep(file, own, frozenset(grid.varying), compose)


def take_up(folder: Path, settings: Sequence[str], allow_changes: bool, say: Callable[[str], None]) -> Sweep:
    """Takes up a stopped sweep, whose lock is held: its remaining jobs, and jobs for further values.

    Args:
        folder: of the sweep.
        settings: further values, such as `lr=0.1`, for keys that vary; settings of the sweep itself; another launcher.
        allow_changes: continue although the config has changed.
        say: called with what is left to do.

    Raises:
        BadInput: if its config has changed since it began, or for a key that does not vary.
    """
    facts, jobs = read_sweep(folder)
    _refuse_words_of_begin(settings)
    facts = _with_launcher(facts, [word for word in settings if key_of(word).startswith(_LAUNCHER)])
    settings = [word for word in settings if not key_of(word).startswith(_LAUNCHER)]
    own = own_settings([*facts.settings, *settings], facts.config_dir)
    launcher = chosen("launcher", facts.settings, facts.config_dir)
    check_launcher(launcher)
    refuse_words_of_workers(settings, launcher)
    compose = Composer(facts.config_dir)
    grid = Grid(facts.dimensions)
    grid = replace(grid, skip=_condition(own.skip, grid))
    unchanged_config(facts, compose, allow_changes)
    jobs = [as_found(job, folder.absolute()) for job in jobs]
    if grid.skip is not None and is_set("sweep.skip", settings):
        jobs = left_out(jobs, grid.skip.holds, f"sweep.skip={own.skip}")
    file = SweepFile(folder.absolute(), facts, jobs)
    more = [word for word in settings if not key_of(word).startswith(_OWN)]
    if more:
        grid = replace(grid, dimensions=_with_more(grid, more, facts.config_dir))
        _, dimensions = _checked(grid, compose, own.skip_invalid, say)
        known = {job.overrides for job in jobs}
        new = _numbered(Grid(dimensions, grid.skip).jobs(), max(job.number for job in jobs) + 1, known)
        file.add(new, replace(facts, dimensions=dimensions))
        grid = Grid(dimensions, grid.skip)
    runs = [job for job in file.jobs if job.same_as is None]
    left, done = (sum(job.status == status for job in runs) for status in (PENDING, OK))
    say(f"{left} of {len(runs)} runs to go, {done} are done -> {folder}")
    return Sweep(file, own, frozenset(grid.varying), compose)


def _with_launcher(facts: SweepFacts, words: Sequence[str]) -> SweepFacts:
    """Returns the facts of a sweep with what is typed for its launcher; another launcher begins with its defaults."""
    if not words:
        return facts
    replaced = _LAUNCHER if is_set("hydra/launcher", words) else tuple(map(key_of, words))
    kept = [word for word in facts.settings if not key_of(word).startswith(replaced)]
    return replace(facts, settings=(*kept, *words))


def own_settings(settings: Sequence[str], config_dir: str | None) -> SweepSettings:
    """Returns the settings of the sweep itself, from its recipe and its words; rejects an unknown launcher."""
    own = [word for word in settings if key_of(word).startswith((_OWN, *_LAUNCHER))]
    words = [for_hydra(parsed(word)) for word in [*recipe_of(settings), *own]]
    with hydra_messages(words):
        plain = composed_of(words, config_dir).sweep
    found = read_object(SweepSettings, OmegaConf.to_container(plain, resolve=True), "sweep", VARIANTS)
    assert isinstance(found, SweepSettings)
    return found


def refuse_words_of_searches(settings: Sequence[str]) -> None:
    """Rejects settings that only a search takes.

    Raises:
        BadInput: naming the setting.
    """
    for word in settings:
        if key_of(word).removeprefix(_OWN) in ONLY_OF_SEARCHES and key_of(word).startswith(_OWN):
            raise BadInput(
                f"{key_of(word)} has no effect without hydra/sweeper=optuna, which searches. Received: {word}. "
                "Add it, or leave this out"
            )


def _condition(text: str | None, grid: Grid) -> Condition | None:
    if text is None:
        return None
    condition = Condition(text, "sweep.skip")
    condition.check_keys(dict.fromkeys(key_of(word) for rows in grid.dimensions for row in rows for word in row))
    return condition


def checked_config(config: Config) -> Config:
    """Returns the config, if a sweep can run it.

    Raises:
        BadInput: if its data does not exist, or it needs several processes.
    """
    check_source(config.dataset)
    if config.training.strategy == "multi_worker":
        raise BadInput(
            "training.strategy=multi_worker trains one run at a time. Received: -m. Start each run by itself, "
            "on all workers"
        )
    return config


def _numbered(rows: Any, first: int, known: set[tuple[str, ...]]) -> list[JobState]:
    """Creates a job for each new row; identical rows get one job each, and run once."""
    typed = (as_typed_row(row) for row in rows)
    return [JobState(number, words) for number, words in enumerate((w for w in typed if w not in known), first)]


def _checked(
    grid: Grid, compose: Composer, skip_invalid: bool, say: Callable[[str], None]
) -> tuple[Checked, tuple[tuple[Row, ...], ...]]:
    """Checks the values of a sweep, and returns its dimensions without those that no job can have.

    Raises:
        BadInput: for such a value, unless `skip_invalid`.
    """
    checked = check_values(grid, lambda row: checked_config(compose(row)))
    if checked.invalid and not skip_invalid:
        raise BadInput(next(iter(checked.invalid.values())))
    for reason in checked.invalid.values():
        say(f"left out: {reason}")
    return checked, tuple(
        tuple(row for row in rows if (number, row) not in checked.invalid)
        for number, rows in enumerate(grid.dimensions)
    )


def _refuse_words_of_begin(settings: Sequence[str]) -> None:
    """Rejects settings that a resumed sweep would ignore.

    Raises:
        BadInput: naming the setting.
    """
    refuse_words_of_searches(settings)
    if jobs := next((word for word in settings if key_of(word) == "sweep.jobs"), None):
        raise BadInput(
            f"sweep.jobs is read when a sweep begins. Received: {jobs}. Give further values for keys that vary, "
            "such as lr=0.1, or start a new sweep"
        )


def unchanged_config(facts: SweepFacts, compose: Composer, allow: bool) -> Config:
    """Composes the config that a sweep began with, and compares it with the original.

    Raises:
        BadInput: if they differ, unless that is allowed.
    """
    config = checked_config(compose(facts.words or next(Grid(facts.dimensions).jobs())))
    changed = ", ".join(f"{key} {change}" for key, change in differences(facts.config, plain_config(config)).items())
    if changed and not allow:
        raise BadInput(
            "A sweep can only be resumed with its original config, and the recipe or the files in conf/ have changed: "
            f"{changed}. Restore them, start a new sweep, or continue anyway: --allow-changes"
        )
    return config


def as_found(job: JobState, sweep: Path) -> JobState:
    """A job according to its folder: the sweep may have been killed before it recorded how the job ended.

    Jobs that have not ended well are run again.

    Args:
        job: as recorded.
        sweep: the folder of the sweep, which may have been moved; absolute.
    """
    if job.folder is not None and (sweep / Path(job.folder).name).is_dir():
        job = replace(job, folder=str(sweep / Path(job.folder).name))
    if job.same_as is not None:  # it ends as the job that it stands for
        return replace(job, status=OK)
    if job.status in (OK, PRUNED, SKIPPED):
        return job
    again = replace(job, status=PENDING, attempts=0, error=None)
    if job.folder is None or not (Path(job.folder) / "result.json").exists():
        return again
    try:
        found = read_result(Path(job.folder))
    except BadInput:  # the job itself will report it, and the others are run
        return again
    if found.get("status") not in (OK, PRUNED):
        return again
    return replace(again, status=found["status"], error=found.get("stopped"), objective=objective_of(Path(job.folder)))


def is_set(key: str, settings: Sequence[str]) -> bool:
    """Returns whether a key is among some settings."""
    return key in map(key_of, settings)


def left_out(jobs: Sequence[JobState], skips: Callable[[dict[str, Any]], bool], reason: str) -> list[JobState]:
    """Returns the jobs; those that have not ended well, and for which a condition holds, are left out.

    Args:
        jobs: as found.
        skips: given the values of a job by key, returns whether to leave it out.
        reason: the condition, as typed.
    """
    return [
        replace(job, status=SKIPPED, error=f"left out: {reason}")
        if job.status == PENDING and skips(_values(job.overrides))
        else job
        for job in jobs
    ]


def _values(words: Sequence[str]) -> dict[str, Any]:
    names = {key_of(word): str(parsed(word).value) for word in words if key_of(word) in VARIANTS}
    return {key_of(word): value_of(for_hydra(parsed(word), names)) for word in words}


def _with_more(grid: Grid, settings: Sequence[str], config_dir: str | None) -> tuple[tuple[Row, ...], ...]:
    """Returns the dimensions with further rows."""
    dimensions = list(grid.dimensions)
    for rows in expand(settings, config_dir).dimensions:
        keys = [key_of(word) for word in rows[0]]
        place = next((n for n, old in enumerate(dimensions) if [key_of(word) for word in old[0]] == keys), None)
        if place is not None and set(rows) <= set(dimensions[place]):
            continue  # as all jobs have it: `dataset=folder`, which comes with a path
        if place is None or len(dimensions[place]) < 2:
            varied = ", ".join(sorted(grid.varying)) or "none"
            raise BadInput(
                "A resumed sweep takes further values only for the keys that vary between its jobs: "
                f"{varied}. Received: {' '.join(settings)}. For other settings start a new sweep"
            )
        dimensions[place] = tuple(dict.fromkeys([*dimensions[place], *rows]))
    return tuple(dimensions)
