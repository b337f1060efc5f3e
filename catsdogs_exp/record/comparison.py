"""Compares runs: ranks them and finds what differs. Imports neither TensorFlow nor Hydra, so it is fast."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catsdogs_exp.config.relevance import WIRED, changes_numbers, depends, is_copy, matters
from catsdogs_exp.errors import BadInput, did_you_mean
from catsdogs_exp.metrics.names import lower_is_better
from catsdogs_exp.natural_sort import natural_key
from catsdogs_exp.record.folder.run_lock import KILLED
from catsdogs_exp.record.folder.run_reader import (
    FROM_PREDICTIONS,
    METRICS,
    MISSING,
    RANKED_BY,
    Run,
    find_runs,
    read_run,
)
from catsdogs_exp.record.run_filter import where

_MEASURED = ("seconds", "images_per_second")  # metrics that differ when a run is repeated exactly


@dataclass(frozen=True)
class Comparison:
    """Runs, best first.

    Attributes:
        root: the common parent folder of all runs.
        by: the metric they are ranked by.
        runs: best first; those without the metric at the end.
        keys: the config keys that differ between them, in the order of `config.yaml`.
        remarks: what was left out, and why; one line each.
    """

    root: Path
    by: str
    runs: tuple[Run, ...]
    keys: tuple[str, ...]
    remarks: tuple[str, ...]

    def alike(self, keys: Sequence[str]) -> list[list[Run]]:
        """Groups runs with the same values of some keys; leaves out those whose settings are unknown."""
        members: dict[str, list[Run]] = {}
        for run in self.runs:
            if run.config is not None:
                members.setdefault(repr([run.setting(key) for key in keys]), []).append(run)
        return list(members.values())

    def distinct(self, runs: Sequence[Run]) -> list[Run]:
        """Leaves out repeats: of runs with the same settings and results, the first one stays.

        What `repeat` trained says nothing about other seeds or folds.
        """
        found: dict[str, Run] = {}
        for run in runs:
            results = {name: value for name, value in run.metrics.items() if name not in _MEASURED}
            found.setdefault(repr((run.data, [run.setting(key) for key in self.keys], sorted(results.items()))), run)
        return list(found.values())


def compare(paths: Sequence[str | Path], by: str | None = None, conditions: Sequence[str] = ()) -> Comparison:
    """Reads all runs in the paths and ranks them.

    Args:
        paths: run folders, or folders that contain some at any depth. A run found twice counts once.
        by: one of `RANKED_BY`; None: the runs' common objective, or else `val_accuracy`.
        conditions: conditions on the runs to include, such as `lr<0.01`; see `where`.

    Raises:
        BadInput: for an unknown metric, a path that is not a folder, an invalid condition, or if no run can be read or
            satisfies the conditions.
    """
    if by is not None and by not in RANKED_BY:
        names = ", ".join(RANKED_BY)
        raise BadInput(f"--by must be one of {names}. Received: --by {by}.{did_you_mean(by, RANKED_BY)}")
    remarks: list[str] = []
    root, read = _read(paths, remarks)
    runs = list(where(conditions, read))
    if not runs:
        raise BadInput(
            f"None of the {len(read)} runs satisfies --where {' and '.join(conditions)}. Relax the conditions"
        )
    if len(runs) < len(read):
        remarks.append(f"--where selects {len(runs)} of {len(read)} runs")
    remarks += [
        f"{run.name} was killed. To continue it: python -m catsdogs_exp {run.reason}"
        for run in runs
        if run.status == KILLED
    ]
    by = by or _common_objective(runs, remarks)
    if by in FROM_PREDICTIONS:
        from catsdogs_exp.record.macro_f1 import with_macro_f1  # noqa: PLC0415  (imports NumPy, which is slow)

        runs = with_macro_f1(runs, by)
    if not any(by in run.metrics for run in runs):
        remarks.append(f"no run has {by}{': measure it with evaluate RUN --crops' if by == 'crop_sensitivity' else ''}")
    runs.sort(key=lambda run: (*_ranks(run, by), natural_key(run.name)))
    return Comparison(root, by, tuple(runs), _differing(runs), tuple(remarks))


def _read(paths: Sequence[str | Path], remarks: list[str]) -> tuple[Path, list[Run]]:
    """Returns the common parent folder of all runs in the paths, and those that can be read."""
    folders = find_runs(paths, remarks)
    if not folders:
        raise BadInput(
            f"No runs in {_joined(paths)}: looked for folders with a result.json. "
            "Train one with python -m catsdogs_exp, or name another folder."
        )
    root = Path(os.path.commonpath([folder.parent for folder in folders]))
    read = [read_run(folder, folder.relative_to(root).as_posix(), remarks) for folder in folders]
    runs = [run for run in read if run is not None]
    if not runs:
        raise BadInput(
            f"No readable runs in {_joined(paths)}: {remarks[0]}"
            + (f" (and {len(remarks) - 1} more)." if len(remarks) > 1 else ".")
        )
    return root, runs


def told_apart(run: Run, found: Comparison, most: int = 3) -> tuple[str, ...]:
    """Returns up to `most` settings in which a run differs from the others, without those that do not apply to it."""
    values = ((key, run.setting(key)) for key in found.keys)
    return tuple(f"{key}={setting_text(value)}" for key, value in values if value is not MISSING)[:most]


def setting_text(value: Any) -> str:
    """Returns the value of a setting as a user would type it: `null`, `true`, `[64,64]`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(map(setting_text, value))}]"
    return str(value)


def settled_by_recipe(comparison: Comparison) -> tuple[str, ...]:
    """Returns the keys that differ only between recipes: the name of the `experiment` implies their values.

    Empty if the runs come from one recipe, or from none.
    """
    if "experiment" not in comparison.keys:
        return ()
    recipes = comparison.alike(["experiment"])
    return tuple(
        key
        for key in comparison.keys
        if key != "experiment" and all(len({repr(run.setting(key)) for run in runs}) == 1 for runs in recipes)
    )


def _common_objective(runs: Sequence[Run], remarks: list[str]) -> str:
    names = sorted({run.objective for run in runs if run.objective})
    if len(names) == 1 and names[0] in METRICS:
        return names[0]
    if len(names) > 1:
        remarks.append(f"objectives differ ({', '.join(names)}): ranked by val_accuracy; choose with --by")
    return "val_accuracy"


def _differing(runs: Sequence[Run]) -> tuple[str, ...]:
    """Returns keys that have several values among the runs where they matter, or are missing in some run; no copies.

    With more than two runs, keys that only repeat the choice of their group are left out: only runs with
    `optimizer=sgd` have a momentum, and all of them have the same.
    """
    configs = [run.config for run in runs if run.config is not None]
    keys = [key for key in dict.fromkeys(key for config in configs for key in config) if changes_numbers(key)]
    found = []
    for key in keys:
        first = configs[0].get(key, MISSING)
        # parts of configs are parsed once, so one check is enough for most keys
        if not depends(key) and all(config.get(key, MISSING) is first for config in configs):
            continue
        values = {repr(config[key]) if key in config and matters(key, config) else None for config in configs}
        if len(values) > 1 and not is_copy(key, configs):
            found.append((key, values))
    names = {key for key, _ in found}
    return tuple(
        key for key, values in found if not (len(runs) > 2 and _follows(key, names) and len(values - {None}) == 1)
    )


def _follows(key: str, differing: Collection[str]) -> bool:
    """Returns whether a key belongs to a group, such as the network, with different choices."""
    groups = {copy.partition(".")[0] for copy, flat in WIRED.items() if flat == key} or {key.partition(".")[0]}
    return not key.endswith(".name") and any(f"{group}.name" in differing for group in groups)


def _ranks(run: Run, by: str) -> tuple[tuple[bool, float], ...]:
    """Returns the sort key of a run. Ties are broken by the loss on the same images, as between epochs."""
    loss = f"{by.partition('_')[0]}_loss" if by.startswith(("val_", "test_")) else "loss"
    return rank(run.metrics.get(by), by), rank(run.metrics.get(loss), loss)


def rank(number: float | None, metric: str) -> tuple[bool, float]:
    """Returns a sort key that puts the best first, and missing values last."""
    if number is None:
        return True, 0.0
    return False, number if lower_is_better(metric) else -number


def _joined(paths: Sequence[str | Path]) -> str:
    return ", ".join(str(path) for path in paths)
