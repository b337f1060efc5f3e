"""Compares runs: ranks them, finds what differs, groups them. Needs no TensorFlow, Hydra or NumPy, so it is fast."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catsdogs_exp.errors import BadInput, did_you_mean
from catsdogs_exp.metrics.names import lower_is_better
from catsdogs_exp.natural_sort import natural_key
from catsdogs_exp.record.folder.run_reader import METRICS, MISSING, Run, find_runs, read_run

# Keys that `conf/` copies from another one: no column of their own while both are equal. A test compares the table with
# `conf/`, which this module does not read, because runs can be compared without it.
WIRED = {
    "optimizer.learning_rate": "lr",
    "loader.batch_size": "batch_size",
    "loader.target_size": "target_size",
    "loader.channels": "dataset.channels",
    "model.depth": "depth",
}


@dataclass(frozen=True)
class Comparison:
    """Runs, best first.

    Attributes:
        root: the common parent folder of all runs.
        by: the metric they are ranked by.
        runs: best first; those without the metric at the end.
        keys: the config keys that differ, in the order of `config.yaml`.
        remarks: what was left out, and why; one line each.
    """

    root: Path
    by: str
    runs: tuple[Run, ...]
    keys: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class RunGroup:
    """Runs that share some settings.

    Attributes:
        values: of the keys grouped by, in their order.
        runs: names of all runs in it.
        n: number of runs that count: they ended well and have the metric.
        mean, low, high: of the metric over those; None if n is 0.
        std: sample standard deviation (divided by n - 1); None if n is less than 2.
    """

    values: tuple[Any, ...]
    runs: tuple[str, ...]
    n: int
    mean: float | None
    std: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Grouping:
    """Groups, best mean first.

    Attributes:
        keys: what the runs were grouped by.
        groups: best first; those without a counting run at the end.
        remarks: as in `Comparison`.
    """

    keys: tuple[str, ...]
    groups: tuple[RunGroup, ...]
    remarks: tuple[str, ...]


def compare(paths: Sequence[str | Path], by: str | None = None) -> Comparison:
    """Reads all runs at or below the paths and ranks them.

    Args:
        paths: run folders, or folders that contain some at any depth. A run found twice counts once.
        by: one of `METRICS`; None: the runs' common objective, or else `val_accuracy`.

    Raises:
        BadInput: for an unknown metric, a path that is not a folder, or if there is no readable run.
    """
    if by is not None and by not in METRICS:
        raise BadInput(f"--by must be one of {', '.join(METRICS)}. Received: --by {by}.{did_you_mean(by, METRICS)}")
    remarks: list[str] = []
    folders = find_runs(paths, remarks)
    if not folders:
        raise BadInput(
            f"No runs below {_joined(paths)}: looked for folders with a result.json. "
            "Train one with python -m catsdogs_exp, or name another folder."
        )
    root = Path(os.path.commonpath([folder.parent for folder in folders]))
    read = [read_run(folder, folder.relative_to(root).as_posix(), remarks) for folder in folders]
    runs = [run for run in read if run is not None]
    if not runs:
        raise BadInput(
            f"No readable runs below {_joined(paths)}: {remarks[0]}"
            + (f" (and {len(remarks) - 1} more like it)." if len(remarks) > 1 else ".")
        )
    by = by or _common_objective(runs, remarks)
    if not any(by in run.metrics for run in runs):
        remarks.append(f"no run has {by}")
    runs.sort(key=lambda run: (_rank(run.metrics.get(by), by), natural_key(run.name)))
    return Comparison(root, by, tuple(runs), _differing(runs), tuple(remarks))


def settled_by_recipe(comparison: Comparison) -> tuple[str, ...]:
    """The keys that differ only between recipes: equal in all runs of an `experiment`, so that its name implies them.

    Empty if the runs come from a single recipe, or from none.
    """
    if "experiment" not in comparison.keys:
        return ()
    recipes = _alike(comparison.runs, ["experiment"])
    return tuple(
        key
        for key in comparison.keys
        if key != "experiment" and all(len({repr(run.setting(key)) for run in runs}) == 1 for runs in recipes)
    )


def group_runs(comparison: Comparison, names: Sequence[str]) -> Grouping:
    """Groups runs with the same settings: mean and spread of the metric they are ranked by.

    Only runs that ended well count; a group without any is kept, with `n` 0.

    Args:
        comparison: the runs and the metric.
        names: config keys (`lr`, `dataset.images`) or groups (`optimizer`, for `optimizer.name`); or keys prefixed with
            `~`, for every differing key except those: `~seed`.

    Raises:
        BadInput: for an unknown key, no key, or a mixture of keys with and without `~`.
    """
    keys = _group_keys(comparison, names)
    remarks = [f"{run.name} is in no group: its settings are unknown" for run in comparison.runs if run.config is None]
    groups = [_group(runs, keys, comparison.by) for runs in _alike(comparison.runs, keys)]
    groups.sort(
        key=lambda group: (_rank(group.mean, comparison.by), [natural_key(str(value)) for value in group.values])
    )
    idle = [run.status for run in comparison.runs if run.status != "ok" and run.config is not None]
    if idle:
        counts = ", ".join(f"{idle.count(status)} {status}" for status in sorted(set(idle)))
        remarks.append(f"runs that did not end well do not count: {counts}")
    return Grouping(keys, tuple(groups), tuple(remarks))


def _common_objective(runs: Sequence[Run], remarks: list[str]) -> str:
    names = sorted({run.objective for run in runs if run.objective})
    if len(names) == 1 and names[0] in METRICS:
        return names[0]
    if len(names) > 1:
        remarks.append(f"objectives differ ({', '.join(names)}): ranked by val_accuracy; choose with --by")
    return "val_accuracy"


def _differing(runs: Sequence[Run]) -> tuple[str, ...]:
    """Keys with more than one value, or missing in some run, except copies of other keys."""
    configs = [run.config for run in runs if run.config is not None]
    keys = list(dict.fromkeys(key for config in configs for key in config))
    return tuple(
        key
        for key in keys
        if len({repr(config.get(key, MISSING)) for config in configs}) > 1 and not _is_copy(key, configs)
    )


def _is_copy(key: str, configs: Sequence[Mapping[str, Any]]) -> bool:
    flat = WIRED.get(key)
    return flat is not None and all(config[key] == config.get(flat, MISSING) for config in configs if key in config)


def _group_keys(comparison: Comparison, names: Sequence[str]) -> tuple[str, ...]:
    known = list(dict.fromkeys(key for run in comparison.runs for key in run.config or ()))
    differing = f"Keys that differ: {', '.join(comparison.keys) or 'none'}."
    if not names or not all(name.lstrip("~") for name in names):
        raise BadInput(f"--group-by must name a setting, or several with commas. Received: nothing. {differing}")
    without = [name.startswith("~") for name in names]
    if any(without) and not all(without):
        raise BadInput(
            "--group-by takes keys to group by, or keys to leave out (~KEY), not both. "
            f"Received: --group-by {','.join(names)}. {differing}"
        )
    keys = []
    for name in names:
        key = name.lstrip("~")
        key = key if key in known or f"{key}.name" not in known else f"{key}.name"
        if key not in known:
            raise BadInput(
                f"--group-by must name settings of the runs. Received: --group-by {name}."
                f"{did_you_mean(key, known)} {differing}"
            )
        keys.append(key)
    if any(without):
        return tuple(key for key in comparison.keys if key not in keys)
    return tuple(dict.fromkeys(keys))


def _alike(runs: Sequence[Run], keys: Sequence[str]) -> list[list[Run]]:
    """Groups runs with the same values of some keys; without runs whose settings are unknown."""
    members: dict[str, list[Run]] = {}
    for run in runs:
        if run.config is not None:
            members.setdefault(repr([run.setting(key) for key in keys]), []).append(run)
    return list(members.values())


def _group(runs: Sequence[Run], keys: Sequence[str], by: str) -> RunGroup:
    numbers = [run.metrics[by] for run in runs if run.status == "ok" and by in run.metrics]
    n = len(numbers)
    mean = math.fsum(numbers) / n if n else None
    std = None
    if mean is not None and n > 1:
        std = math.sqrt(math.fsum((number - mean) ** 2 for number in numbers) / (n - 1))
    return RunGroup(
        values=tuple(runs[0].setting(key) for key in keys),
        runs=tuple(run.name for run in runs),
        n=n,
        mean=mean,
        std=std,
        low=min(numbers, default=None),
        high=max(numbers, default=None),
    )


def _rank(number: float | None, metric: str) -> tuple[bool, float]:
    """Sorts best first, and runs without a value last."""
    if number is None:
        return True, 0.0
    return False, number if lower_is_better(metric) else -number


def _joined(paths: Sequence[str | Path]) -> str:
    return ", ".join(str(path) for path in paths)
