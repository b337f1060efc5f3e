"""Starts a search (reads its space, validates the ends of its dimensions, opens its study), or continues one."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from catsdogs_exp.config.composer import Composer, key_of, value_of
from catsdogs_exp.config.conditions import Condition
from catsdogs_exp.config.schema import Config
from catsdogs_exp.config.schema.sweep import SweepSettings, texts
from catsdogs_exp.config.stored import plain_config
from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.folder.run_folder import new_run_folder
from catsdogs_exp.run.job import run_name
from catsdogs_exp.sweep.checks import check_last, check_values
from catsdogs_exp.sweep.engines import launcher_words
from catsdogs_exp.sweep.grid import Row
from catsdogs_exp.sweep.search.constraints import constraints_argument
from catsdogs_exp.sweep.search.measures import read_constraints, read_objectives
from catsdogs_exp.sweep.search.rehearsal import rehearse
from catsdogs_exp.sweep.search.search import Aims, Search, Study
from catsdogs_exp.sweep.search.space import Space, read_space
from catsdogs_exp.sweep.search.study import JOURNAL, make_pruner, make_sampler, open_storage, optuna, sampler_class
from catsdogs_exp.sweep.search.trial import check_epochs
from catsdogs_exp.sweep.search.words import CHOSEN, from_recipe, sampler_options, translated
from catsdogs_exp.sweep.start import (
    Sweep,
    as_found,
    checked_config,
    is_set,
    left_out,
    own_settings,
    unchanged_config,
)
from catsdogs_exp.sweep.sweep_file import OK, PENDING, PRUNED, SweepFacts, SweepFile, read_sweep

_OWN = "sweep."
_OF_SAMPLER = {"sweep.sampler", "sweep.sampler_options", "sweep.objectives", "sweep.directions", "sweep.constraints"}


def begin_search(command: str, settings: Sequence[str], config_dir: str | None, say: Callable[[str], None]) -> Sweep:
    """Reads and validates a search, and creates its folder and its study.

    Args:
        command: as typed.
        settings: its words, as typed.
        config_dir: as in `--config-dir`.
        say: called with what was added.

    Raises:
        BadInput: before anything is written, for an unreadable space, a value out of range, or without Optuna.
    """
    optuna()
    words = [*from_recipe(settings, config_dir), *translated(settings)]
    if launcher_words(words, config_dir):
        raise BadInput(
            "A search runs its trials itself, on this machine. For several at a time: sweep.workers=auto; for several "
            "machines start one search on each, with the same sweep.storage and sweep.study. Received: hydra/launcher"
        )
    own = own_settings(words, config_dir)
    if own.trials is None and own.minutes is None:
        raise BadInput("A search needs an end. Received: sweep.trials=null. Set sweep.trials=30 or sweep.minutes=10")
    space = _space(words, config_dir, own)
    for remark in space.remarks:
        say(remark)
    compose = Composer(config_dir)
    checked = check_values(space.ends(), lambda row: checked_config(compose(row)))
    if checked.invalid:
        raise BadInput(next(iter(checked.invalid.values())))
    for dimension, grids in space.conditional():
        check_last(grids, lambda row: checked_config(compose(row)))
        if not grids and dimension.only is not None:
            say(f"sweep.only: {dimension.name} may never vary: {dimension.only.text.strip()} holds for no job tried")
    monitor = checked.config.training.monitor
    aims = _aims(own, monitor)
    _check_epochs(checked.config, own, aims)
    _rehearse(own, space, aims)  # and its storage is opened, before anything is written
    if own.storage is not None:
        if "://" in own.storage and urlsplit(own.storage).password is not None:
            raise BadInput(
                "sweep.storage must not contain a password, because sweep.json would show it. Leave it out of the URL "
                "and set "
                "what the database's client reads, such as PGPASSWORD or ~/.pgpass"
            )
        open_storage(own.storage, own.lost_after)
    folder = new_run_folder(checked.config.output_dir, run_name(checked.config)).absolute()
    study = _open(own, aims, folder, _sampler(own, space, _seed(own, checked.config.seed, folder, 0)))
    facts = SweepFacts(
        command=command,
        settings=(*(word for word in settings if word != CHOSEN), CHOSEN),  # also if only the recipe says so
        config_dir=None if config_dir is None else str(Path(config_dir).absolute()),
        dimensions=space.ends().dimensions,
        config=plain_config(checked.config),
        objective=monitor,
        words=checked.words,
    )
    file = SweepFile(folder, facts, [])
    end = " and ".join(
        [
            *([f"{own.trials} trials"] if own.trials is not None else []),
            *([f"{own.minutes:g} minutes"] if own.minutes is not None else []),
        ]
    )
    say(f"a search of {end} over {', '.join(each.name for each in space.dimensions)} -> {folder}")
    return Sweep(file, own, space.varying, compose, Search(study, space, aims, own, _skips(own, space), say=say))


def take_up_search(folder: Path, settings: Sequence[str], allow_changes: bool, say: Callable[[str], None]) -> Sweep:
    """Takes up a stopped search, whose lock is held: its jobs that have not completed, and further trials.

    Args:
        folder: of the sweep.
        settings: settings of the search itself: `sweep.trials=50`.
        allow_changes: whether to continue even though the config has changed.
        say: called with what is left to do.

    Raises:
        BadInput: for other settings, or if the config has changed since the search began.
    """
    facts, jobs = read_sweep(folder)
    folder = folder.absolute()
    more = translated(settings)
    if others := [word for word in more if not key_of(word).startswith(_OWN)]:
        raise BadInput(
            f"A search is resumed with the space it began with. Received: {' '.join(others)}. Set the number of its "
            "trials in all, sweep.trials=50, or start a new search"
        )
    changed = {key_of(word) for word in more}
    typed = [word for word in translated(facts.settings) if key_of(word) not in changed]
    recipe = [word for word in from_recipe(facts.settings, facts.config_dir) if key_of(word) not in changed]
    words = [*recipe, *typed]
    own = own_settings([*words, *more], facts.config_dir)
    compose = Composer(facts.config_dir)
    config = unchanged_config(facts, compose, allow_changes)
    space = _space(words, facts.config_dir, own)
    if space.ends().dimensions != facts.dimensions and not allow_changes:
        raise BadInput(
            "A search can only be resumed with its original space, and the recipe has changed: "
            f"{_difference(facts.dimensions, space.ends().dimensions)}. Restore it, start a new search, or continue "
            "anyway: --allow-changes"
        )
    aims = _aims(own, facts.objective)
    _check_epochs(config, own, aims)
    if changed & _OF_SAMPLER:
        _rehearse(own, space, aims)
    done = sum(job.status in (OK, PRUNED) for job in jobs)
    study = _open(own, aims, folder, _sampler(own, space, _seed(own, config.seed, folder, len(jobs))))
    if more:
        facts = replace(facts, settings=(CHOSEN, *typed, *more))
    jobs = [as_found(job, folder.absolute()) for job in jobs]
    condition = _condition(own, space)
    if condition is not None and is_set("sweep.skip", more):
        jobs = left_out(jobs, condition.holds, f"sweep.skip={own.skip}")
    file = SweepFile(folder, facts, jobs)
    search = Search(study, space, aims, own, _skips(own, space), say=say)
    search.take_up(file)
    sweep = Sweep(file, own, space.varying, compose, search)
    left = sweep.total - len(file.jobs) + len(file.having(PENDING))
    say(f"{left} of {sweep.total} trials to go, {done} done -> {folder}")
    return sweep


def _difference(before: Sequence[Sequence[Row]], after: Sequence[Sequence[Row]]) -> str:
    """Formats the dimensions that only one of two spaces has, by the ends of each."""
    old, new = ([" .. ".join(" ".join(row) for row in rows) for rows in space] for space in (before, after))
    gone, come = ([each for each in one if each not in other] for one, other in ((old, new), (new, old)))
    return f"{', '.join(gone) or 'nothing'} -> {', '.join(come) or 'nothing'}"


def _space(words: Sequence[str], config_dir: str | None, own: SweepSettings) -> Space:
    return read_space(
        [word for word in words if not key_of(word).startswith(_OWN)], config_dir, own.jobs, texts(own.only)
    )


def _aims(own: SweepSettings, monitor: str) -> Aims:
    objectives = read_objectives(texts(own.objectives), monitor, texts(own.directions))
    return Aims(monitor, objectives, read_constraints(texts(own.constraints), monitor))


def _check_epochs(config: Config, own: SweepSettings, aims: Aims) -> None:
    """As `check_epochs`, if epochs can end a trial early: only their own value can be compared."""
    if [each.name for each in aims.objectives] == [aims.monitor]:
        check_epochs(config, own.pruner)


def _sampler(own: SweepSettings, space: Space, seed: int) -> object:
    choices = space.choices() if "grid" in own.sampler.lower() else {}
    options = sampler_options(texts(own.sampler_options))
    if own.constraints is not None:
        options = constraints_argument(sampler_class(own.sampler)) | options
    return make_sampler(own.sampler, seed, options, choices)


def _rehearse(own: SweepSettings, space: Space, aims: Aims) -> None:
    options = sampler_options(texts(own.sampler_options))
    rehearse(own.sampler, _sampler(own, space, 0), options, space, [each.direction for each in aims.objectives])


def _seed(own: SweepSettings, seed: int, folder: Path, done: int) -> int:
    """Returns the sampler's seed: a resumed search must not repeat its first draws, nor machines each other's.

    It shuffles the combinations of a grid, which all processes must count in the same order.
    """
    if "grid" in own.sampler.lower():
        return 0
    machine = zlib.crc32(folder.name.encode()) if own.storage is not None else 0
    return (seed + done + machine) % 2**31


def _open(own: SweepSettings, aims: Aims, folder: Path, sampler: object) -> Study:
    place = own.storage or str(folder / JOURNAL)
    storage = open_storage(place, own.lost_after)
    try:
        study = optuna().create_study(
            study_name=own.study or folder.name,
            storage=storage,
            sampler=sampler,
            pruner=make_pruner(own.pruner if len(aims.objectives) == 1 else "none"),
            directions=[each.direction for each in aims.objectives],
            load_if_exists=True,
        )
    except ValueError as error:
        raise BadInput(f"The study cannot be used: {error}. Choose another name: sweep.study=NAME") from error
    known = [direction.name.lower() for direction in study.directions]
    if known != [each.direction for each in aims.objectives]:
        raise BadInput(
            f"The study {study.study_name} already exists with other directions: {', '.join(known)}. "
            "Choose another name: sweep.study=NAME"
        )
    return Study(study, storage, place)


def _condition(own: SweepSettings, space: Space) -> Condition | None:
    if own.skip is None:
        return None
    condition = Condition(own.skip, "sweep.skip")
    condition.check_keys(dict.fromkeys([*space.varying, *map(key_of, space.fixed)]))
    return condition


def _skips(own: SweepSettings, space: Space) -> Callable[[Row], bool] | None:
    condition = _condition(own, space)
    if condition is None:
        return None
    return lambda words: condition.holds({key_of(word): value_of(word) for word in words})
