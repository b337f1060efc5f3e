"""Starts a sweep: expands its jobs, validates their values, creates its folder. Or continues a stopped one."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from catsdogs_exp.config.build import to_plain
from catsdogs_exp.config.compose import composed_of, hydra_messages
from catsdogs_exp.config.composer import Composer, key_of, value_of
from catsdogs_exp.config.conditions import Condition
from catsdogs_exp.config.reading import read_object
from catsdogs_exp.config.schema import VARIANTS, Config
from catsdogs_exp.config.schema.sweep import SweepSettings
from catsdogs_exp.config.words import as_typed, for_hydra, parsed
from catsdogs_exp.data.open_data import check_source
from catsdogs_exp.errors import BadInput
from catsdogs_exp.natural_sort import flatten
from catsdogs_exp.record.folder.run_files import read_result
from catsdogs_exp.record.folder.run_folder import job_name, new_run_folder
from catsdogs_exp.run.job import run_name
from catsdogs_exp.sweep.checks import check_values
from catsdogs_exp.sweep.grid import Grid, Row, expand
from catsdogs_exp.sweep.job import objective_of
from catsdogs_exp.sweep.sweep_file import OK, PENDING, PRUNED, SKIPPED, JobState, SweepFacts, SweepFile, read_sweep

_OWN = "sweep."
_LAUNCHER = ("hydra.launcher", "hydra/launcher")


@dataclass(frozen=True)
class Sweep:
    """A sweep that can run.

    Attributes:
        file: its jobs and their states.
        settings: how it is run.
        varying: keys that distinguish its jobs.
        compose: returns the config of a job from its words.
    """

    file: SweepFile
    settings: SweepSettings
    varying: frozenset[str]
    compose: Composer

    def folder_of(self, job: JobState) -> Path:
        """The folder of a job's run: its number and what distinguishes it from the others."""
        own = [word for word in job.overrides if key_of(word) in self.varying]
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
    words = [word for word in settings if not key_of(word).startswith((_OWN, *_LAUNCHER))]
    own = _own_settings(settings, config_dir)
    grid = expand(words, config_dir, own.jobs)
    for remark in grid.remarks:
        say(remark)
    grid = replace(grid, skip=_condition(own.skip, grid))
    compose = Composer(config_dir)
    checked = check_values(grid, lambda row: _checked(compose(row)))
    if checked.invalid and not own.skip_invalid:
        raise BadInput(next(iter(checked.invalid.values())))
    for reason in checked.invalid.values():
        say(f"left out: {reason}")
    dimensions = tuple(
        tuple(row for row in rows if (number, row) not in checked.invalid)
        for number, rows in enumerate(grid.dimensions)
    )
    jobs = _numbered(Grid(dimensions, grid.skip).jobs(), 0, set())
    if not jobs:
        raise BadInput(f"A sweep needs at least one job, and sweep.skip leaves none. Received: sweep.skip={own.skip}")
    folder = new_run_folder(checked.config.output_dir, run_name(checked.config))
    facts = SweepFacts(
        command=command,
        settings=tuple(settings),
        config_dir=None if config_dir is None else str(Path(config_dir).absolute()),
        dimensions=dimensions,
        config=_plain(checked.config),
        objective=checked.config.training.monitor,
    )
    file = SweepFile(folder.absolute(), facts, jobs)
    say(f"{len(jobs)} runs -> {folder}")
    return Sweep(file, own, frozenset(grid.varying), compose)


def take_up(folder: Path, settings: Sequence[str], allow_changes: bool, say: Callable[[str], None]) -> Sweep:
    """A stopped sweep, whose lock is held: its remaining jobs, and jobs for further values.

    Args:
        folder: of the sweep.
        settings: further values, such as `lr=0.1`, for keys that vary; and settings of the sweep itself.
        allow_changes: continue although the config has changed.
        say: called with what is left to do.

    Raises:
        BadInput: if its config has changed since it began, or for a key that does not vary.
    """
    facts, jobs = read_sweep(folder)
    own = _own_settings([*facts.settings, *settings], facts.config_dir)
    compose = Composer(facts.config_dir)
    grid = Grid(facts.dimensions)
    grid = replace(grid, skip=_condition(own.skip, grid))
    _check_unchanged(facts, _checked(compose(next(iter(Grid(facts.dimensions).jobs())))), allow_changes)
    jobs = [_found(job) for job in jobs]
    file = SweepFile(folder.absolute(), facts, jobs)
    more = [word for word in settings if not key_of(word).startswith(_OWN)]
    if more:
        dimensions = _with_more(grid, more, facts.config_dir)
        known = {job.overrides for job in jobs}
        new = _numbered(Grid(dimensions, grid.skip).jobs(), max(job.number for job in jobs) + 1, known)
        for job in new:
            _checked(compose(job.overrides))
        file.add(new, replace(facts, dimensions=dimensions))
        grid = Grid(dimensions, grid.skip)
    left, done = len(file.having(PENDING)), len(file.having(OK))
    say(f"{left} of {len(file.jobs)} runs to go, {done} are done -> {folder}")
    return Sweep(file, own, frozenset(grid.varying), compose)


def _own_settings(settings: Sequence[str], config_dir: str | None) -> SweepSettings:
    """The settings of the sweep itself, from its recipe and its words; an unknown launcher is refused here."""
    own = [word for word in settings if key_of(word).startswith((_OWN, *_LAUNCHER))]
    recipe = [w for w in settings if key_of(w) == "experiment" and set(parsed(w).value or "").isdisjoint(",(")]
    words = [for_hydra(parsed(word)) for word in [*recipe, *own]]
    with hydra_messages(words):
        plain = composed_of(words, config_dir).sweep
    found = read_object(SweepSettings, dict(plain), "sweep", VARIANTS)
    assert isinstance(found, SweepSettings)
    return found


def _condition(text: str | None, grid: Grid) -> Condition | None:
    if text is None:
        return None
    condition = Condition(text, "sweep.skip")
    condition.check_keys(dict.fromkeys(key_of(word) for rows in grid.dimensions for row in rows for word in row))
    return condition


def _checked(config: Config) -> Config:
    check_source(config.dataset)
    if config.training.strategy == "multi_worker":
        raise BadInput(
            "training.strategy=multi_worker trains one run at a time. Received: -m. Start each run by itself, "
            "on all workers"
        )
    return config


def _numbered(rows: Any, first: int, known: set[tuple[str, ...]]) -> list[JobState]:
    """A job for each row that is not known yet; identical rows get one job each, and run once."""
    typed = (tuple(_as_typed(row)) for row in rows)
    return [JobState(number, words) for number, words in enumerate((w for w in typed if w not in known), first)]


def _as_typed(row: Row) -> list[str]:
    names = tuple((key_of(word), str(value_of(word))) for word in row if key_of(word) in VARIANTS)
    return [_one_as_typed(word, names) for word in row]


@functools.lru_cache(maxsize=100_000)  # thousands of jobs share a few strings
def _one_as_typed(word: str, names: tuple[tuple[str, str], ...]) -> str:
    return as_typed(word, dict(names))


def _plain(config: Config) -> dict[str, Any]:
    return {key: value for key, value in flatten(to_plain(config)).items() if not key.startswith(_OWN)}


def _check_unchanged(facts: SweepFacts, config: Config, allow: bool) -> None:
    now = _plain(config)
    changed = [
        f"{key} {facts.config.get(key, 'not there')} -> {now.get(key, 'not there')}"
        for key in sorted(facts.config.keys() | now.keys())
        if facts.config.get(key) != now.get(key)
    ]
    if changed and not allow:
        raise BadInput(
            "A sweep can only be resumed with its original config, and the recipe or the files in conf/ have changed: "
            f"{', '.join(changed)}. Restore them, start a new sweep, or continue anyway: --allow-changes"
        )


def _found(job: JobState) -> JobState:
    """A job according to its folder: the sweep may have been killed before it recorded how the job ended.

    Jobs that have not ended well are run again.
    """
    if job.same_as is not None:  # it ends as the job that it stands for
        return replace(job, status=OK)
    if job.status in (OK, PRUNED, SKIPPED):
        return job
    again = replace(job, status=PENDING, attempts=0, error=None)
    if job.folder is None or not (Path(job.folder) / "result.json").exists():
        return again
    found = read_result(Path(job.folder))
    if found.get("status") != OK:
        return again
    return replace(again, status=OK, objective=objective_of(Path(job.folder)))


def _with_more(grid: Grid, settings: Sequence[str], config_dir: str | None) -> tuple[tuple[Row, ...], ...]:
    """The dimensions with further rows."""
    dimensions = list(grid.dimensions)
    for rows in expand(settings, config_dir).dimensions:
        keys = [key_of(word) for word in rows[0]]
        place = next((n for n, old in enumerate(dimensions) if [key_of(word) for word in old[0]] == keys), None)
        if place is None or len(dimensions[place]) < 2:
            varied = ", ".join(sorted(grid.varying)) or "none"
            raise BadInput(
                "A resumed sweep takes further values only for the keys that vary between its jobs: "
                f"{varied}. Received: {' '.join(settings)}. For other settings start a new sweep"
            )
        dimensions[place] = tuple(dict.fromkeys([*dimensions[place], *rows]))
    return tuple(dimensions)
