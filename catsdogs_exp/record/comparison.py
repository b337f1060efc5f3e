"""Runs side by side, read from their folders. Without TensorFlow, Hydra or NumPy: it answers at once."""

import csv
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from catsdogs_exp.errors import BadInput, did_you_mean
from catsdogs_exp.plain import flatten, natural_key

# Where each metric stands in `result.json`; `last` and `last10` come from `metrics.csv`.
_IN_RESULT = {
    "val_accuracy": ("metrics", "val", "accuracy"),
    "val_loss": ("metrics", "val", "loss"),
    "accuracy": ("metrics", "train", "accuracy"),
    "loss": ("metrics", "train", "loss"),
    "test_accuracy": ("metrics", "test", "accuracy"),
    "test_loss": ("metrics", "test", "loss"),
    "seconds": ("seconds",),
    "images_per_second": ("images_per_second",),
}
METRICS = (*list(_IN_RESULT)[:6], "last", "last10", "seconds", "images_per_second")
_LOWER_IS_BETTER = ("val_loss", "loss", "test_loss", "seconds")
# Keys that `conf/` takes from another one: not worth a column of their own while they say the same. A test holds the
# table against `conf/`, which this module does not read: runs are compared where they lie, also without it.
WIRED = {
    "optimizer.learning_rate": "lr",
    "loader.batch_size": "batch_size",
    "loader.target_size": "target_size",
    "loader.channels": "dataset.channels",
    "model.depth": "depth",
}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is ten times as fast


class _Missing:
    """A setting or a number that a run does not have; `None` is a setting's value `null`."""

    def __repr__(self) -> str:
        return "-"


MISSING: Final = _Missing()


@dataclass(frozen=True)
class Run:
    """A run as its folder tells it.

    Attributes:
        name: its folder, relative to the folder that all compared runs share.
        folder: absolute.
        status: running, ok, failed or interrupted.
        error: what ended it early.
        objective: the metric that picked the best epoch; None before the first epoch ends.
        epoch: the best epoch, from 1.
        metrics: a finite number for each of `METRICS` that the run has.
        config: dotted key -> value; None when `config.yaml` cannot be read.
    """

    name: str
    folder: Path
    status: str
    error: str | None
    objective: str | None
    epoch: int | None
    metrics: Mapping[str, float]
    config: Mapping[str, Any] | None

    def setting(self, key: str) -> Any:
        """The value of a dotted config key, or `MISSING`."""
        return MISSING if self.config is None else self.config.get(key, MISSING)


@dataclass(frozen=True)
class Comparison:
    """Runs, best first.

    Attributes:
        root: the folder that all runs share.
        by: the metric they are ranked by.
        runs: best first; those without the metric at the end.
        keys: the config keys that differ between them, in the order of `config.yaml`.
        remarks: what was left out, and why; a line each.
    """

    root: Path
    by: str
    runs: tuple[Run, ...]
    keys: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Runs that share some settings.

    Attributes:
        values: of the keys grouped by, in their order.
        runs: names of all runs in it.
        n: how many of them count: they ended well and have the metric.
        mean, low, high: of the metric over those; None where n is 0.
        std: sample standard deviation (divided by n - 1); None where n is less than 2.
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
        groups: best first; those without a run that counts at the end.
        remarks: as in `Comparison`.
    """

    keys: tuple[str, ...]
    groups: tuple[Group, ...]
    remarks: tuple[str, ...]


def lower_is_better(metric: str) -> bool:
    """Whether the smaller number of two is the better one."""
    return metric in _LOWER_IS_BETTER


def compare(paths: Sequence[str | Path], by: str | None = None) -> Comparison:
    """Reads all runs at or below the paths and ranks them.

    Args:
        paths: run folders, or folders that contain some at any depth. A run found twice counts once.
        by: one of `METRICS`; None: the objective that the runs have in common, or else `val_accuracy`.

    Raises:
        BadInput: for an unknown metric, a path that is no folder, or where there is no run to read.
    """
    if by is not None and by not in METRICS:
        raise BadInput(f"--by must be one of {', '.join(METRICS)}. Received: --by {by}.{did_you_mean(by, METRICS)}")
    remarks: list[str] = []
    folders = _find(paths, remarks)
    if not folders:
        raise BadInput(
            f"No runs below {_joined(paths)}: looked for folders with a result.json. "
            "Train one with python -m catsdogs_exp, or name another folder."
        )
    root = Path(os.path.commonpath([folder.parent for folder in folders]))
    read = [_read_run(folder, folder.relative_to(root).as_posix(), remarks) for folder in folders]
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
    """The keys that differ between recipes only: alike in all runs of an `experiment`, so that its name says them.

    Empty where the runs come from one recipe, or from none.
    """
    if "experiment" not in comparison.keys:
        return ()
    recipes: dict[Any, list[Run]] = {}
    for run in comparison.runs:
        if run.config is not None:
            recipes.setdefault(run.setting("experiment"), []).append(run)
    return tuple(
        key
        for key in comparison.keys
        if key != "experiment" and all(len({repr(run.setting(key)) for run in runs}) == 1 for runs in recipes.values())
    )


def group_runs(comparison: Comparison, names: Sequence[str]) -> Grouping:
    """Brings runs with the same settings together: mean and spread of the metric they are ranked by.

    Only runs that ended well count; a group without one of those is kept, with `n` 0.

    Args:
        comparison: the runs and the metric.
        names: config keys (`lr`, `dataset.images`) or groups (`optimizer`, for `optimizer.name`);
            or keys with `~` in front, for every key that differs but those: `~seed`.

    Raises:
        BadInput: for an unknown key, no key, or a mixture of keys with and without `~`.
    """
    keys = _group_keys(comparison, names)
    members: dict[str, list[Run]] = {}
    remarks = []
    for run in comparison.runs:
        if run.config is None:
            remarks.append(f"{run.name} is in no group: its settings are unknown")
        else:
            members.setdefault(repr([run.setting(key) for key in keys]), []).append(run)
    groups = [_group(runs, keys, comparison.by) for runs in members.values()]
    groups.sort(
        key=lambda group: (_rank(group.mean, comparison.by), [natural_key(str(value)) for value in group.values])
    )
    idle = [run.status for run in comparison.runs if run.status != "ok" and run.config is not None]
    if idle:
        counts = ", ".join(f"{idle.count(status)} {status}" for status in sorted(set(idle)))
        remarks.append(f"runs that did not end well do not count: {counts}")
    return Grouping(keys, tuple(groups), tuple(remarks))


def _find(paths: Sequence[str | Path], remarks: list[str]) -> list[Path]:
    """Run folders, absolute, each once; nothing inside a run folder or a hidden one is looked at."""
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    for path in paths:
        start = Path(path).expanduser()
        if not start.is_dir():
            received = "a file" if start.exists() else "nothing is there"
            raise BadInput(
                f"PATH must be a run folder or a folder with runs below it. Received: {path} ({received}). "
                "Train a run with python -m catsdogs_exp, or name another folder."
            )
        for folder, inner, files in os.walk(
            start.absolute(),
            followlinks=True,
            onerror=lambda e: remarks.append(f"cannot look into {e.filename}"),
        ):
            status = Path(folder).stat()
            if (status.st_dev, status.st_ino) in seen:  # named twice, or a link in a circle
                inner.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
            if "result.json" in files:
                found.append(Path(os.path.normpath(folder)))
                inner.clear()
            # Links last, so that a run goes by its own name and not by that of a link to it.
            inner[:] = sorted(
                (name for name in inner if name[0] != "."),
                key=lambda name: (Path(folder, name).is_symlink(), name),
            )
    return found


def _read_run(folder: Path, name: str, remarks: list[str]) -> Run | None:
    """The run, or None and a remark when its `result.json` makes no sense."""
    try:
        content = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        remarks.append(f"skipped {name}: result.json cannot be read ({_reason(problem)})")
        return None
    if not isinstance(content, dict) or not isinstance(content.get("status"), str):
        remarks.append(f"skipped {name}: result.json is not that of a run (it names no status)")
        return None
    found = {metric: _number(_at(content, place)) for metric, place in _IN_RESULT.items()}
    found["last"], found["last10"] = _last_epochs(folder / "metrics.csv", name, remarks)
    if not found["seconds"]:  # before the first epoch ends
        found["seconds"] = None
    error, objective, epoch = (_at(content, p) for p in (("error",), ("objective", "name"), ("objective", "epoch")))
    return Run(
        name=name,
        folder=folder,
        status=content["status"],
        error=error if isinstance(error, str) else None,
        objective=objective if isinstance(objective, str) else None,
        epoch=epoch if isinstance(epoch, int) else None,
        metrics={metric: number for metric, number in found.items() if number is not None},
        config=_read_config(folder / "config.yaml", name, remarks),
    )


def _read_config(path: Path, name: str, remarks: list[str]) -> dict[str, Any] | None:
    try:
        plain = yaml.load(path.read_text(encoding="utf-8"), _LOADER)  # noqa: S506  (both loaders are safe ones)
    except (OSError, ValueError, yaml.YAMLError) as error:
        remarks.append(f"settings of {name} are unknown: config.yaml cannot be read ({_reason(error)})")
        return None
    if not isinstance(plain, dict):
        remarks.append(f"settings of {name} are unknown: config.yaml holds no settings")
        return None
    return flatten(plain)


def _last_epochs(path: Path, name: str, remarks: list[str]) -> tuple[float | None, float | None]:
    """Validation accuracy of the last epoch, and its mean over the last ten (or all, when fewer)."""
    try:
        text = path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]  # a run may be writing the line after
        # By epoch: one that was trained again after a resume counts once.
        rows = {row.get("epoch"): row.get("val_accuracy") for row in csv.DictReader(whole.splitlines())}
    except FileNotFoundError:
        return None, None
    except (OSError, ValueError, csv.Error) as error:
        remarks.append(f"last epochs of {name} are unknown: metrics.csv cannot be read ({_reason(error)})")
        return None, None
    values = [_parsed(value) for value in rows.values()][-10:]
    numbers = [value for value in values if value is not None]
    if not values:
        return None, None
    return values[-1], math.fsum(numbers) / len(numbers) if len(numbers) == len(values) else None


def _common_objective(runs: Sequence[Run], remarks: list[str]) -> str:
    names = sorted({run.objective for run in runs if run.objective})
    if len(names) == 1 and names[0] in METRICS:
        return names[0]
    if len(names) > 1:
        remarks.append(f"objectives differ ({', '.join(names)}): ranked by val_accuracy; choose with --by")
    return "val_accuracy"


def _differing(runs: Sequence[Run]) -> tuple[str, ...]:
    """Keys with more than one value, or missing in some run, but for copies of other keys."""
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


def _group(runs: Sequence[Run], keys: Sequence[str], by: str) -> Group:
    numbers = [run.metrics[by] for run in runs if run.status == "ok" and by in run.metrics]
    n = len(numbers)
    mean = math.fsum(numbers) / n if n else None
    std = None
    if mean is not None and n > 1:
        std = math.sqrt(math.fsum((number - mean) ** 2 for number in numbers) / (n - 1))
    return Group(
        values=tuple(runs[0].setting(key) for key in keys),
        runs=tuple(run.name for run in runs),
        n=n,
        mean=mean,
        std=std,
        low=min(numbers, default=None),
        high=max(numbers, default=None),
    )


def _rank(number: float | None, metric: str) -> tuple[bool, float]:
    """Sorts the best first, and what has no number last."""
    if number is None:
        return True, 0.0
    return False, number if lower_is_better(metric) else -number


def _at(content: Any, place: Sequence[str]) -> Any:
    """What stands at a place of nested dictionaries, None where there is no such place."""
    for key in place:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def _number(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) else None


def _parsed(text: str | None) -> float | None:
    try:
        return _number(float(text or ""))
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    """An error in a few words: of YAML's several lines the one that says what is wrong."""
    text = getattr(error, "strerror", None) or getattr(error, "problem", None) or str(error)
    return " ".join(text.split())


def _joined(paths: Sequence[str | Path]) -> str:
    return ", ".join(str(path) for path in paths)
